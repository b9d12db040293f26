"""What a phase depends on: settings, pictures, the code of a system of one's own, and what a command gave it."""

from dataclasses import replace

import numpy as np
import pytest

from nasjax.chain.configs import load_config
from nasjax.chain.folder import RunFolder
from nasjax.chain.phases import claim, code_of, depends, held
from nasjax.systems import StyleTransfer
from tests.chain.members import own_file, pictures

KNOWN = {"train": "3 pictures", "val": "1 picture", "test": "1 picture"}


@pytest.fixture(scope="module")
def tiny():
    return load_config("quickstart").tiny()


def test_what_was_given_decides_whether_weights_are_read_back(tmp_path, tiny):
    """A phase without weights may be begun otherwise; a finished one may not, and says what differs."""
    run = RunFolder(tmp_path)
    for decided in ("b1=res", "b1=rep"):
        claim(run, tiny, "supernet/operator", pictures=KNOWN, given={"decided": decided})
    run.save_params("supernet/operator", {"w": np.zeros(1, np.float32)})
    claim(run, tiny, "supernet/operator", pictures=KNOWN, given={"decided": "b1=rep"})
    with pytest.raises(
        ValueError, match=r"holds supernet/operator of another kind: decided was 'b1=rep', now 'b1=res'"
    ):
        claim(run, tiny, "supernet/operator", pictures=KNOWN, given={"decided": "b1=res"})


def test_code_counts_and_settings_do_not(tmp_path):
    """Of a user's own file: another loss is another run, another `config()` or comment is compared by its fields."""
    file = own_file(tmp_path)
    text = file.read_text(encoding="utf-8")
    first = code_of(load_config(file))
    head, config = text.split("def config()")
    file.write_text(f"# a comment\n{head}def config(){config.replace('population=16', 'population=8')}")
    assert first is not None and code_of(load_config(file)) == first
    before = depends(load_config(file).tiny(), "supernet/path", KNOWN)
    file.write_text(text + "\nLATER = 1\n")
    after = depends(load_config(file).tiny(), "supernet/path", KNOWN)
    assert {name for name in after if after[name] != before.get(name)} == {"code"}
    assert code_of(load_config("quickstart")) is None


def test_an_edited_system_is_refused(tmp_path):
    """Its finished phases are not read back for other code; that it is the code is said."""
    file, run = own_file(tmp_path), RunFolder(tmp_path / "run")
    claim(run, load_config(file), "supernet/path", pictures=KNOWN)
    file.write_text(file.read_text(encoding="utf-8") + "\nEDITED = True\n")
    (said,) = held(run, load_config(file)).values()
    assert said["code"].startswith("was '#")


def test_pictures_of_a_system_may_move(tmp_path):
    """A path in the settings stands for what is there: moved it is the same, with other pictures it is not."""
    base = load_config("photonet").tiny()
    assert isinstance(base.system, StyleTransfer)

    def found(folder):
        pairs = replace(base.system.pairs, search=str(folder))
        return depends(replace(base, system=replace(base.system, pairs=pairs)), "supernet/path", KNOWN)

    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        pictures(tmp_path / name)
    assert found(tmp_path / "one") == found(tmp_path / "two")
    (tmp_path / "two" / "0_content.png").unlink()
    assert found(tmp_path / "one") != found(tmp_path / "two")
