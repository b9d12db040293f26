"""The check of a data set: what it finds, by planting one fault of each kind."""

import json

import numpy as np
from PIL import Image

from nasjax.cli import main
from nasjax.data import check_data, furniture
from tests.data.pictures import write_folder, write_picture


def faulty(root):
    """Folders of pairs with files of all modes, an unreadable one, and a lonely one."""
    for split, count in (("train", 4), ("val", 1), ("test", 1)):
        for side in ("input", "target"):
            write_folder(root / split / side, count)
    pixels = write_picture(root / "train" / "target" / "00.png", 20, 24, seed=50)
    modes = {"RGBA": pixels, "L": pixels[..., 0], "I;16": pixels[..., 0].astype(np.uint16) * 257}
    for i, (mode, levels) in enumerate(modes.items()):
        picture = Image.fromarray(levels) if mode != "RGBA" else Image.fromarray(levels).convert("RGBA")
        picture.save(root / "train" / "target" / f"0{i}.png")
    (root / "train" / "target" / "03.png").unlink()
    Image.fromarray(pixels).convert("CMYK").save(root / "train" / "target" / "03.tiff")
    write_picture(root / "train" / "input" / "04.png", 20, 24)
    (root / "val" / "target" / "00.png").write_bytes(b"no picture")
    return root


def test_faults_of_pairs(tmp_path):
    """Modes are counted, the unreadable file and the unmatched name are problems, and the good split is described."""
    report = check_data(f"pairs:{faulty(tmp_path)}")
    assert {"PNG RGBA": 1, "PNG L": 1, "PNG I;16": 1, "TIFF CMYK": 1}.items() <= report.modes.items()
    text = "\n".join(report.problems)
    assert "val/target/00.png" in text and "1 pictures have no partner: 04" in text
    assert [(c.split, len(c.names), c.sizes[0]) for c in report.contents] == [("test", 1, (20, 24))]
    assert "test: 1 pictures, 20x24" in report.text() and "problem: train: " in report.text()


def test_pictures_of_any_mode_are_pairs(tmp_path):
    """With the lonely picture gone, grey, 16-bit, transparent and CMYK pictures train as RGB."""
    faulty(tmp_path)
    (tmp_path / "train" / "input" / "04.png").unlink()
    (tmp_path / "val" / "target" / "00.png").unlink()
    write_picture(tmp_path / "val" / "target" / "00.png", 20, 24, seed=7)
    report = check_data(f"pairs:{tmp_path}")
    assert report.problems == () and [len(c.names) for c in report.contents] == [4, 1, 1]


def test_near_duplicates_between_splits(tmp_path):
    """A picture saved again as a small JPEG is found; a mirrored or a recoloured one, and one in its split, are not."""
    source = furniture("val")
    for i in range(6):
        path = tmp_path / ("train" if i < 4 else "val") / f"{i}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(source[i]["target"]).save(path)
    (tmp_path / "test").mkdir()
    first = Image.fromarray(source[0]["target"])
    first.resize((96, 96)).save(tmp_path / "test" / "again.jpg", quality=60)
    first.save(tmp_path / "train" / "copy.png")
    Image.fromarray(source[1]["target"][:, ::-1]).save(tmp_path / "test" / "mirrored.png")
    Image.fromarray(np.roll(source[2]["target"], 1, -1)).save(tmp_path / "test" / "recoloured.png")
    report = check_data(str(tmp_path))
    assert {(t.one, t.other) for t in report.twins} == {
        ("train/0.png", "test/again.jpg"),
        ("train/copy.png", "test/again.jpg"),
    }
    assert any("2 near-duplicates lie in two splits" in r for r in report.remarks) and report.problems == ()


def test_the_embedded_pairs_are_in_order():
    """No near-duplicates between their splits, and nothing to remark."""
    report = check_data("furniture")
    assert (report.problems, report.remarks, report.twins) == ((), (), ())
    assert [len(c.names) for c in report.contents] == [620, 100, 100]


def test_small_and_lonely_domains(tmp_path):
    """Patches that do not fit and a domain of one picture are remarked, each with its split or domain."""
    for side, count in (("input", 3), ("target", 1)):
        for split in ("train", "val", "test"):
            write_folder(tmp_path / side / split, count)
    report = check_data(f"unpaired:{tmp_path}", patch=22)
    assert report.problems == ("train: domain target has 1 pictures to compare as a set, which takes 3",)
    assert [(c.split, c.domain, len(c.names)) for c in report.contents][:2] == [
        ("train", "input", 3),
        ("train", "target", 1),
    ]
    text = "\n".join(report.remarks)
    assert "domain target has one picture" in text and "train: 3 of 3 pictures are smaller than 22: 00.png" in text


def test_domains_that_a_search_could_not_compare(tmp_path):
    """One picture of a domain held out, or none to hold out: the domain, its number and its folder are named."""
    write_folder(tmp_path / "a" / "input", 6), write_folder(tmp_path / "a" / "target", 6)
    report = check_data(f"unpaired:{tmp_path / 'a'}")
    wanted = [f"{split}: domain input has 1 pictures to compare as a set, which takes 2" for split in ("val", "test")]
    assert list(report.problems) == wanted
    write_folder(tmp_path / "b" / "input", 6), write_folder(tmp_path / "b" / "target", 2)
    (problem,) = check_data(f"unpaired:{tmp_path / 'b'}").problems
    assert problem.startswith(f"train, val, test: {tmp_path / 'b' / 'target'}: 2 pictures do not split")


def test_a_broken_file_does_not_hide_the_rest(tmp_path):
    """It is a problem; sizes and splits are of all others."""
    write_folder(tmp_path, 16)
    (tmp_path / "03.png").write_bytes(b"no picture")
    report = check_data(str(tmp_path))
    (problem,) = report.problems
    assert problem.startswith("unreadable: ") and "03.png" in problem
    assert sum(len(c.names) for c in report.contents) == 15 and len(report.contents) == 3


def test_the_command(tmp_path, capsys):
    """It prints the report and says by its exit code whether training would stop."""
    assert main(["data", "check", "embedded"]) == 0
    assert "train: 59 pictures" in capsys.readouterr().out
    write_folder(tmp_path, 2)
    assert main(["data", "check", str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert f"problem: train, val, test: {tmp_path}: 2 pictures do not split" in said and said.count("do not split") == 1
    assert main(["data", "check", str(tmp_path / "nowhere")]) == 1
    assert "neither an existing folder nor a known form" in capsys.readouterr().out


def test_it_is_printed_as_json(capsys):
    """All that the text says, as values."""
    assert main(["data", "check", "embedded", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["problems"] == [] and len(found["contents"]) == 3
    assert all(len(each["names"]) == len(each["sizes"]) for each in found["contents"])
