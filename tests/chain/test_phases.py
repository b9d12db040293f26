"""What a phase depends on: settings, pictures, the code of a system of one's own, and what a command gave it."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from nasjax.chain.configs import load_config
from nasjax.chain.folder import RunFolder
from nasjax.chain.phases import Known, claim, code_of, depends, held, pictures_of
from nasjax.chain.problem import known_of
from nasjax.systems import StyleTransfer
from nasjax.systems.translation.settings import Tutor
from nasjax.tasks.translation import Teaching, Translation
from tests.chain.members import own_file, pictures

KNOWN = Known({"train": "3 pictures", "val": "1 picture", "test": "1 picture"}, "b1=res")


@pytest.fixture(scope="module")
def tiny():
    return load_config("quickstart").tiny()


def test_what_was_given_decides_whether_weights_are_read_back(tmp_path, tiny):
    """A phase without weights may be begun otherwise; a finished one may not, and says what differs."""
    run = RunFolder(tmp_path)
    for decided in ("b1=res", "b1=rep"):
        claim(run, tiny, "supernet/operator", known=KNOWN, given={"decided": decided})
    run.save_params("supernet/operator", {"w": np.zeros(1, np.float32)})
    claim(run, tiny, "supernet/operator", known=KNOWN, given={"decided": "b1=rep"})
    with pytest.raises(
        ValueError, match=r"holds supernet/operator of another kind: decided was 'b1=rep', now 'b1=res'"
    ):
        claim(run, tiny, "supernet/operator", known=KNOWN, given={"decided": "b1=res"})


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
    claim(run, load_config(file), "supernet/path", known=KNOWN)
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


def test_what_stands_for_later_stages_counts(tmp_path):
    """A budget that has narrower widths stand for those of the channel stage has trained another supernet."""
    base, run = load_config("quickstart").tiny(), RunFolder(tmp_path)
    system = replace(base.system, trunk=(8, 32), inner=(8, 32), nominal=None)
    wide, narrow, same = (replace(base, system=system, budget=(f"params<={n}",)) for n in ("90K", "9K", "8K"))
    known = [known_of(each) for each in (wide, narrow, same)]
    assert known[0].stand_ins != known[1].stand_ins == known[2].stand_ins
    claim(run, narrow, "supernet/path", known=known[1])
    assert held(run, same, known[2]) == {"supernet/path": {}}
    assert [*held(run, wide, known[0])["supernet/path"]] == ["stand-ins for later stages"]
    assert held(run, wide) == {"supernet/path": {}}  # where nobody has worked them out


def test_other_pictures_of_the_same_names_are_others(tmp_path):
    """Those of the package are known by their version."""
    experiment = load_config("quickstart")
    experiment = replace(experiment, data=replace(experiment.data, source=f"folder:{tmp_path}"))
    pictures(tmp_path)
    before = pictures_of(experiment)
    assert pictures_of(experiment) == before
    for path in tmp_path.glob("*.png"):
        Image.open(path).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(path)
    after = pictures_of(experiment)
    assert all(before[split] != after[split] and before[split][:11] == after[split][:11] for split in before)


def test_a_setting_that_there_was_not_was_its_default(tmp_path):
    """A run of an earlier version goes on, unless what is new is set to something else."""
    experiment, run = load_config("translation").tiny(), RunFolder(tmp_path)
    system, known = experiment.system, KNOWN
    claim(run, experiment, "supernet/path", known=known)
    rows = run.read("phases.json")
    for name in ("system.tutor", "system.recipe.tau", "system.recipe.moves"):
        del rows[0]["depends"][name]
    run.write("phases.json", rows)
    assert held(run, experiment, known) == {"supernet/path": {}}
    for changed in (
        replace(system, recipe=replace(system.recipe, tau=0.2)),
        replace(system, recipe=Translation(teaching=Teaching(output=1.0)), tutor=Tutor(Translation(contrast=1.0))),
    ):
        assert held(run, replace(experiment, system=changed), known)["supernet/path"]


def test_files_beside_the_user_are_known_by_what_is_in_them(tmp_path, monkeypatch):
    """A teacher that is named without a folder, too."""
    monkeypatch.chdir(tmp_path)
    experiment = load_config("translation").tiny()
    experiment = replace(experiment, system=replace(experiment.system, teacher="teacher.pth"))
    found = []
    for content in (b"one", b"two"):
        (tmp_path / "teacher.pth").write_bytes(content)
        found.append(depends(experiment, "supernet/path", KNOWN)["system.teacher"])
    assert found[0] != found[1]


def test_weights_that_were_cut_off_are_named(tmp_path):
    """In one line, by the file."""
    run = RunFolder(tmp_path)
    run.save_params("supernet/path", {"w": np.zeros(100, np.float32)})
    file = run.weights("supernet/path")
    file.write_bytes(file.read_bytes()[:-50])
    with pytest.raises(ValueError, match=r"supernet-path.safetensors is broken, as a copy that was cut off is"):
        run.load_params("supernet/path")
