"""What callers of the service get: pictures, jobs, and a reason where there is neither."""

import contextlib
import io
import json
import sqlite3
import struct
import threading
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from nasjax.apply.reading import read_picture
from nasjax.cli import main
from nasjax.service.models import SHIPPED, load_models
from nasjax.service.store import Store
from tests.commands.cases import FINE_RGB, SCENE, png
from tests.commands.members import COMMANDS
from tests.service.process import write_tiny
from tests.service.running import MODELS, decoded, encoded, running


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _bomb(side: int) -> bytes:
    """A PNG of some bytes that says it has side x side pixels."""
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + _chunk(b"IDAT", zlib.compress(bytes(9000))) + _chunk(b"IEND", b"")


def _bomb_of_tiles(side: int) -> bytes:
    """A TIFF of 16x16 pixels in one tile of side x side, of which nearly nothing is left by compression."""
    data = zlib.compress(bytes(side * side))
    tags = ((256, 16), (257, 16), (258, 8), (259, 8), (262, 1), (277, 1), (322, side), (323, side), (324, 8))
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in (*tags, (325, len(data))))
    start = struct.pack("<4sI", b"II*\0", 8 + len(data))
    return start + data + struct.pack("<H", len(tags) + 1) + entries + bytes(4)


def _bomb_of_an_icon(side: int) -> bytes:
    """An icon of 16x16 pixels, of which the PNG in it says that it has side x side."""
    content = _bomb(side)
    return struct.pack("<HHHBBBBHHII", 0, 1, 1, 16, 16, 0, 0, 1, 32, len(content), 22) + content


def _bomb_of_icons(side: int) -> bytes:
    """Apple's icons: one that is called 128x128, of which the PNG says that it has side x side."""
    content = _bomb(side)
    return struct.pack(">4sI4sI", b"icns", 16 + len(content), b"ic07", 8 + len(content)) + content


# Name, content, further fields -> status, words of the reason. The service has limits of 200 kB and 0.1 megapixels.
HOSTILE = {
    "a text": (("a.png", b"not a picture", {}), 415, "a.png: not a picture of a format that is read"),
    "nothing": (("a.png", b"", {}), 415, "the file is empty"),
    "a page": (("a.svg", b"<svg onload='alert(1)'/>", {}), 415, "not a picture"),
    "PostScript": (("a.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", {}), 415, "not a picture"),
    "a bomb": (("a.png", _bomb(60_000), {}), 413, "60000x60000 is 3.6e+03 megapixels, more than the 0.1 allowed"),
    "a bomb of tiles": (("a.tif", _bomb_of_tiles(3000), {}), 413, "a tile of 3000x3000 is 9 megapixels, more than"),
    "a bomb of an icon": (("a.png", _bomb_of_an_icon(3000), {}), 415, "icons, textures and envelopes"),
    "a bomb of icons": (("a.png", _bomb_of_icons(3000), {}), 415, "icons, textures and envelopes"),
    "a result too large": (("a.png", encoded(np.zeros((200, 200, 3), np.uint8)), {"model": "twice"}), 413, "400x400"),
    "cut short": (("a.png", encoded()[:-80], {}), 422, ""),
    "more bytes": (("a.png", bytes(300_000), {}), 413, "a.png: more than the 0.19"),
    "no model": (("a.png", encoded(), {"model": "nothing"}), 422, "twice, average, got 'nothing'"),
    "strength": (("a.png", encoded(), {"strength": "2"}), 422, "strength must be 0 to 1, got 2"),
    "words": (("a.png", encoded(), {"strength": "abc"}), 422, "'strength' must be a number of 0 to 1, got 'abc'"),
    "no number": (("a.png", encoded(), {"strength": "nan"}), 422, "strength must be 0 to 1, got nan"),
    "strength of none": (("a.png", encoded(), {"model": "twice", "strength": ".5"}), 422, "has no strength"),
    "no style": (("a.png", encoded(), {"model": "average"}), 422, "needs a second picture, 'style'"),
    "format": (("a.png", encoded(), {"format": "../x"}), 422, "format must be one of png, jpg, jpeg, webp"),
    "neither": (("a.png", encoded(), {"wrap": "perhaps"}), 422, "'wrap' must be true or false, got 'perhaps'"),
    "field": (("a.png", encoded(), {"url": "http://localhost/x.png"}), 422, "unknown field 'url'"),
}


def test_a_picture_is_edited_as_far_as_is_asked(service):
    """The result of the model under the picture's name, in the picture's own format or the one that is asked for."""
    answer = service.edit(encoded(), name="holiday.png")
    assert answer.status_code == 200 and answer.headers["content-type"] == "image/png"
    assert answer.headers["content-disposition"].endswith("''holiday.png")
    np.testing.assert_array_equal(decoded(answer.content), 255 - SCENE)
    half = service.edit(encoded(), strength="0.25", format="webp", name="../../etc/x.y.png")
    assert half.headers["content-type"] == "image/webp" and half.headers["content-disposition"].endswith("''x.y.webp")
    assert np.abs(decoded(half.content) - (63.75 + SCENE / 2)).mean() < 4
    styled = service.edit(encoded(), "average", style=encoded(255 - SCENE))
    assert np.ptp(decoded(styled.content)) <= 1


def test_depth_and_notes_come_along(service):
    """16 bits stay 16 bits, and what a format has no room for is said in a header."""
    deep = service.edit(png(FINE_RGB))
    assert deep.status_code == 200 and deep.content[24] == 16
    assert "8 bits a channel" in json.loads(service.edit(png(FINE_RGB), format="jpg").headers["nasjax-notes"])[0]


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_pictures_get_a_clean_status(service, case):
    """Each is refused with what is wrong, without a path of the service, and the next picture is edited as ever."""
    (name, content, fields), status, words = HOSTILE[case]
    answer = service.edit(content, name=name, **{"model": "negative", **fields})
    assert answer.status_code == status, answer.text
    assert words in answer.json()["detail"] and "/data/" not in answer.text
    np.testing.assert_array_equal(decoded(service.edit(encoded()).content), 255 - SCENE)


def test_a_bomb_of_tiles_is_nothing_to_read(tmp_path):
    """Whoever reads a file with a limit is told before anything is decoded, be the header looked at first or not."""
    (tmp_path / "a.tif").write_bytes(_bomb_of_tiles(3000))
    with pytest.raises(ValueError, match="a.tif: a tile of 3000x3000 is 9 megapixels, more than the 1 allowed"):
        read_picture(tmp_path / "a.tif", max_pixels=1_000_000)
    assert read_picture(tmp_path / "a.tif", max_pixels=9_000_000).size == (16, 16)


def test_a_bomb_of_text_costs_the_text(service):
    """A caption of 100 kB that would unpack to 100 MB is left out, and the picture is edited."""
    answer = service.edit(png(SCENE, _chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(100 << 20)))))
    assert answer.status_code == 200, answer.text
    np.testing.assert_array_equal(decoded(answer.content), 255 - SCENE)


def test_broken_forms_get_a_clean_status(service):
    """Another type of body, a form that ends in the middle, and one of many fields."""
    post = service.client.post
    assert post("/v1/edit", content=encoded(), headers={"content-type": "image/png"}).status_code == 415
    form = {"content-type": "multipart/form-data; boundary=x"}
    half = b'--x\r\nContent-Disposition: form-data; name="picture"; filename="a.png"\r\n\r\nabc'
    answer = post("/v1/edit", content=half, headers=form)
    assert answer.status_code == 422 and "ends in the middle" in answer.json()["detail"]
    assert post("/v1/edit", content=b"nothing like a form", headers=form).status_code == 422
    long = post("/v1/edit", content=b"--x\r\nX-A: " + b"a" * 100_000, headers=form)
    assert long.status_code == 422 and "header size" in long.json()["detail"]
    assert post("/v1/edit", files={"picture": encoded()}, data={str(i): "" for i in range(99)}).status_code == 413
    assert not [*service.client.app.state.service.settings.data.glob("incoming/*")]


def test_a_picture_without_a_file_name_is_told_of(service):
    """A part of the form that should be a file and has no file name is called by its field, whatever its length."""
    for text in ("x", "x" * 5000):
        answer = service.client.post("/v1/edit", data={"model": "negative", "picture": text}, files={"q": b""})
        assert answer.status_code == 422
        assert answer.json()["detail"] == "'picture' must be a file; its part of the form has no file name"
    # What a page sends where nobody chose a style.
    form = {"content-type": "multipart/form-data; boundary=x"}
    parts = [
        b'name="model"\r\n\r\nnegative',
        b'name="style"; filename=""\r\n\r\n',
        b'name="picture"; filename="a.png"\r\n\r\n' + encoded(),
    ]
    body = b"".join(b"--x\r\nContent-Disposition: form-data; " + part + b"\r\n" for part in parts) + b"--x--\r\n"
    assert service.client.post("/v1/edit", content=body, headers=form).status_code == 200


def test_long_fields_are_told_of_in_bytes(service):
    """The limit is of a size that can be read."""
    answer = service.edit(encoded(), strength="1" * 5000)
    assert answer.status_code == 413 and answer.json()["detail"] == "field 'strength': more than the 4096 bytes allowed"


def test_a_job_does_all_of_its_pictures(service):
    """Each picture has its state and its result; a broken one stops no other and is named in the archive."""
    scenes = [np.roll(SCENE, 3 * i, 0) for i in range(4)]
    names = ("a.png", "A.png", "../../up\\a.png", "d.png")
    pictures = [(name, encoded(scene)) for name, scene in zip(names, scenes, strict=True)]
    added = service.add(*pictures[:2], ("bad.png", b"bad"), *pictures[2:], ("cut.png", encoded()[:-80]))
    assert added.status_code == 202
    job = service.ended(added.json()["id"])
    assert added.headers["location"] == f"/v1/jobs/{job['id']}" and job["expires"] > job["created"]
    assert [p["state"] for p in job["pictures"]] == ["done", "done", "failed", "done", "done", "failed"]
    assert "not a picture" in job["pictures"][2]["error"] and "truncated" in job["pictures"][5]["error"]
    content = service.client.get(f"/v1/jobs/{job['id']}/result").content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["a.png", "A (2).png", "a (3).png", "d.png", "failed.txt"]
        for name, scene in zip(archive.namelist(), scenes, strict=False):
            np.testing.assert_array_equal(decoded(archive.read(name)), 255 - scene)
        assert archive.read("failed.txt").decode().startswith("bad.png: ")
    one = service.client.get(f"/v1/jobs/{job['id']}/pictures/3")
    np.testing.assert_array_equal(decoded(one.content), 255 - scenes[2])
    answers = [service.client.get(f"/v1/jobs/{job['id']}/pictures/{i}").status_code for i in (2, 6)]
    assert answers == [422, 404]


def test_a_deleted_job_is_gone(service):
    """So are its files; a second time there is nothing to delete."""
    job = service.ended(service.add(("a.png", encoded())).json()["id"])["id"]
    folder = service.client.app.state.service.store.folder / job
    assert folder.is_dir()
    assert service.client.delete(f"/v1/jobs/{job}").status_code == 204 and not folder.exists()
    assert service.client.delete(f"/v1/jobs/{job}").status_code == 404
    assert [service.client.get(f"/v1/jobs/{job}{end}").status_code for end in ("", "/result", "/pictures/0")] == [
        404
    ] * 3


def _turned_on(picture, options):
    return picture._replace(pixels=np.full_like(picture.pixels, 255 if options.wrap else 0))


def test_a_job_wraps_where_it_is_asked_to(tmp_path):
    """All pictures of it, and no picture of another job; the job says so."""
    models = {"around": MODELS["negative"]._replace(name="around", change=_turned_on)}
    with running(tmp_path / "data", models) as service:
        jobs = [service.add(("a.png", encoded()), model="around", **asked) for asked in ({"wrap": "true"}, {})]
        ended = [service.ended(job.json()["id"]) for job in jobs]
        pictures = [service.client.get(f"/v1/jobs/{job['id']}/pictures/0").content for job in ended]
    assert [job["wrap"] for job in ended] == [True, False]
    assert [decoded(content).mean() for content in pictures] == [255, 0]


def test_jobs_of_an_earlier_version_are_gone_on_with(tmp_path):
    """A table without a column that came later gets it, and what waited in it is done as it was asked for."""
    Store(tmp_path).close()
    with contextlib.closing(sqlite3.connect(tmp_path / "jobs.sqlite")) as table, table:
        table.execute("ALTER TABLE jobs DROP COLUMN wrap")
        table.execute("INSERT INTO jobs VALUES ('job', 'negative', 0.5, '', 1.0, NULL, 1, 9)")
        table.execute("INSERT INTO pictures (job, number, name, source, output) VALUES ('job', 0, 'a', 'in', 'out')")
    (tmp_path / "jobs" / "job").mkdir()
    with contextlib.closing(Store(tmp_path)) as store:
        claimed = store.claim()
    assert claimed is not None and (claimed.work.model, claimed.work.strength) == ("negative", 0.5)
    assert claimed.work.wrap is False


def test_a_model_that_fails_is_nobodys_end(tmp_path):
    """An error inside of a model is a 500 that does not say what was inside; the next picture is edited."""

    def fail(picture, options):
        raise RuntimeError("a secret")

    models = {**MODELS, "broken": MODELS["negative"]._replace(name="broken", change=fail)}
    with running(tmp_path / "data", models) as service:
        answer = service.edit(encoded(), "broken")
        assert answer.status_code == 500 and "secret" not in answer.text
        job = service.ended(service.add(("a.png", encoded()), model="broken").json()["id"])
        assert job["pictures"][0]["state"] == "failed"
        assert service.edit(encoded()).status_code == 200


def test_the_service_gives_what_the_commands_give(tmp_path):
    """Bundles and stylising networks of a user's own, of all three kinds: byte for byte what the commands write.

    So it is of pictures whose borders belong together.
    """
    apply, style = (COMMANDS[name](tmp_path / name) for name in ("apply", "stylize"))
    folders = {"large": Path(apply.before[0]), "own": Path(style.options[1]), "tiny": write_tiny(tmp_path / "tiny")}
    (tmp_path / "in.png").write_bytes(encoded())
    apply(tmp_path / "in.png", tmp_path / "large.png")
    style(tmp_path / "in.png", tmp_path / "own.png", "--alpha", "0.5", "--match")
    filtered = ["filter", "--model", str(folders["tiny"]), str(tmp_path / "in.png")]
    assert main([*filtered, str(tmp_path / "tiny.png")]) == 0
    assert main([*filtered, str(tmp_path / "tiny around.png"), "--wrap"]) == 0
    apply(tmp_path / "in.png", tmp_path / "large around.png", "--wrap")
    style(tmp_path / "in.png", tmp_path / "own around.png", "--alpha", "0.5", "--match", "--wrap")
    models = load_models([*folders.items()])
    assert {name: models[name].kind for name in folders} == {"large": "enlarge", "own": "style", "tiny": "filter"}
    with running(tmp_path / "data", models) as service:
        answers = {
            "large": service.edit(encoded(), "large"),
            "own": service.edit(encoded(), "own", style=encoded(SCENE[::-1, ::-1].copy()), strength="0.5"),
            "tiny": service.edit(encoded(), "tiny"),
            "large around": service.edit(encoded(), "large", wrap="true"),
            "own around": service.edit(
                encoded(), "own", style=encoded(SCENE[::-1, ::-1].copy()), strength="0.5", wrap="1"
            ),
            "tiny around": service.edit(encoded(), "tiny", wrap="true"),
        }
        half, none = (service.edit(encoded(), "tiny", strength=text) for text in ("0.5", "0"))
    for name, answer in answers.items():
        assert answer.status_code == 200, answer.text
        np.testing.assert_array_equal(decoded(answer.content), decoded((tmp_path / f"{name}.png").read_bytes()))
    for name in folders:
        assert answers[f"{name} around"].content != answers[name].content
    full = decoded(answers["tiny"].content)
    np.testing.assert_array_equal(decoded(none.content), SCENE)
    assert np.abs(full.astype(int) - SCENE).max() > 8
    np.testing.assert_allclose(decoded(half.content), (full.astype(float) + SCENE) / 2, atol=1)


def test_models_are_checked_at_the_start(tmp_path, capsys):
    """A folder that is none, a name twice, and a name that is no name are told of by the command, in a line each."""
    assert [*load_models([])] == [*SHIPPED]
    (tmp_path / "empty").mkdir()
    data = ("--data", str(tmp_path / "data"))
    for given, words in (
        (f"mine={tmp_path / 'empty'}", "has no card.json"),
        (f"stylize={SHIPPED['stylize']}", "two models 'stylize'"),
        (f"a/b={SHIPPED['stylize']}", "letters, digits"),
    ):
        assert main(["serve", *data, "--model", given]) == 2
        assert words in capsys.readouterr().err


def test_many_callers_get_their_own_pictures(service):
    """Sixteen at a time, each with another picture: none is swapped."""
    scenes, found = [np.roll(SCENE, i, 1) for i in range(16)], {}

    def call(i: int) -> None:
        found[i] = decoded(service.edit(encoded(scenes[i])).content)

    threads = [threading.Thread(target=call, args=(i,)) for i in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, scene in enumerate(scenes):
        np.testing.assert_array_equal(found[i], 255 - scene)
