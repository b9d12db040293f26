"""The page as text: complete, self-contained, escaped, and robust against unfinished or damaged run folders."""

import base64
import hashlib
import io
import json
import random
import re
import time
from pathlib import Path

import pytest
from PIL import Image

from nasjax.report import render, write_report
from nasjax.report.encode import encode_all
from nasjax.report.page import SECTIONS
from tests.report.make_run import documents, make_live_run, make_run
from tests.report.outline import Outline, charts, unpacked

HOSTILE = (
    "</script></style><img src=x onerror=alert(1)><script>alert(2)</script>\"'><b onmouseover=alert(3)>&lt;{{ 7*7 }}"
)
JUNK = (None, True, -1, 0, 1e308, -1e308, 5e-324, 10**400, "x", "", "\ud800", [], {}, [None], {"a": 1}, [1, 2, 3, 4])


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A finished run, with photographs where there are some."""
    photos = Path(__file__).parents[3] / "shared" / "data" / "photos" / "free"
    return make_run(tmp_path_factory.mktemp("runs") / "finished", photos=photos if photos.is_dir() else None)


def _small_run(folder: Path) -> Path:
    """A finished run with few candidates and readings and one small picture, which is quick to draw."""
    run = make_run(folder, num_pictures=1, side=64)
    for name, every in (("archive.csv", 15), ("metrics.jsonl", 6)):
        head, *rows = (run / name).read_text().splitlines(keepends=True)
        (run / name).write_text(head + "".join(rows[::every]))
    return run


@pytest.fixture(scope="module")
def page(finished) -> str:
    """Its page."""
    return render(finished)


def test_every_section_is_there_in_order(page):
    """A finished run has all sections, and the links at the top lead to them."""
    read = Outline(page)
    wanted = [section.id for section in SECTIONS]
    assert [id_ for id_ in read.ids() if id_ in wanted] == wanted
    assert [a["href"] for a in read.named("a")] == [f"#{id_}" for id_ in wanted]
    assert len(read.ids()) == len(set(read.ids())) and "could be read" not in read.text


def test_headline_says_what_was_found(page):
    """The head states quality, both gains, size and time; 28.87 - 27.53 = 1.34 and 28.87 - 28.52 = 0.35."""
    head = Outline(page[: page.index("</header>")] + "</header></main></body></html>").text
    for words in ("28.87 dB", "+1.34 dB", "+0.35 dB", "25.9 K", "4 min 43 s", "1.34 dB better than bicubic"):
        assert words in head


def test_result_table_has_its_protocol(page):
    """Each row of the table is there, with its protocol, budget and a note."""
    text = Outline(page).text
    for words in ("found, from scratch", "hand-made", "0.8213", "61.2", "12 held-out photographs", "params<=30K"):
        assert words in text
    assert "MACs (G) ↓ at 1280x720" in text and "MACs at 1280x720" in text  # of the table and of the diagram


def test_nothing_is_loaded_from_outside(page):
    """Sources are data URIs, links lead inside the page, styles load nothing; an address is text only."""
    read = Outline(page)
    assert all((img["src"] or "").startswith("data:image/webp;base64,") for img in read.named("img"))
    loading = {"srcset", "data", "action", "poster"}
    assert {name for _, attributes in read.tags for name in attributes} & loading == set()
    assert read.named("link") == read.named("iframe") == read.named("object") == []
    assert "url(" not in page and "@import" not in page
    bare = page.replace("https://example.org/photo", "")
    assert "http://" not in bare and "https://" not in bare


def test_pictures_and_charts_say_what_they_show(page):
    """Every picture, chart and drawing has words, and every chart of the page has its specification and the reverse."""
    read = Outline(page)
    assert all(img["alt"] for img in read.named("img"))
    drawn = [svg for svg in read.named("svg") if svg.get("aria-hidden") != "true"]
    assert len(drawn) == 1 and drawn[0]["role"] == "img" and drawn[0]["aria-label"]
    places = [div for div in read.named("div") if "data-chart" in div]
    assert all(div["role"] == "img" and div["aria-label"] for div in places)
    assert {div["data-chart"] for div in places} == set(charts(page)) >= {"front-0", "curve-0", "fairness-0", "ledger"}


def test_every_chart_has_its_table(page):
    """What the charts show can be read without them: the front, the ends of curves, the counts, and the times."""
    text = Outline(page).text
    assert "The front as a table" in text and "The curves as a table" in text and "res 600, sep3 600" in text
    assert {"table of archs", "table of curves", "table of counts", "table of ledger"} <= {
        (div.get("aria-label") or "").partition(",")[0] for div in Outline(page).named("div")
    }


def test_policy_allows_exactly_the_scripts_of_the_page(page):
    """The hashes in the content security policy are those of the page's script and of the one that draws."""
    script = page[page.rindex("<script>") + len("<script>") : page.rindex("</script>")]
    digests = [hashlib.sha256(source.encode()).digest() for source in (script, unpacked(page, "vega"))]
    policy = next(m["content"] for m in Outline(page).named("meta") if m.get("http-equiv") == "Content-Security-Policy")
    wanted = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    assert policy is not None and policy.endswith(f"script-src {wanted}") and "default-src 'none'" in policy


def test_pictures_are_made_smaller_until_they_fit():
    """Noise, which compresses worst, is encoded at lower quality and then smaller, down to the budget."""
    noise = [Image.effect_noise((400, 300), 120).convert("RGB") for _ in range(2)]
    sizes = [sum(map(len, encode_all(noise, budget))) for budget in (10**9, 150_000, 70_000)]
    assert sizes[0] > sizes[1] > sizes[2] and sizes[1] <= 200_100 and sizes[2] <= 93_500
    assert _decoded(encode_all(noise, 10**9)[0]).size == (400, 300)


def test_page_with_many_crops_stays_below_six_megabytes(tmp_path):
    """12 pictures of noise with 2 large crops of 5 panels, 4 MB without a limit: the first crops are kept."""
    run = _small_run(tmp_path)
    Image.effect_noise((200, 200), 120).convert("RGB").save(run / "images" / "noise.png")
    panels = [{"label": label, "file": "images/noise.png"} for label in ("input", "bicubic", "found", "truth", "more")]
    pictures = [{"name": str(i), "panels": panels, "crops": [[0, 0, 100, 100]] * 2} for i in range(12)]
    (run / "images.json").write_text(json.dumps(pictures))
    page = render(run)
    assert 1_000_000 < len(page.encode()) < 6_000_000
    crops = [img["alt"] or "" for img in Outline(page).named("img") if "crop" in (img["alt"] or "")]
    assert 0 < len(crops) < 120 and crops[0].startswith("crop 1 of 0")


def test_a_page_without_pictures_is_below_half_a_megabyte(tmp_path):
    """The scripts that draw are 372 KB as they are packed, and everything else of a usual run is small beside them."""
    assert len(render(make_run(tmp_path, num_pictures=0)).encode()) < 500_000


def test_crops_are_exact(finished, page):
    """The crop of the ground truth has the very pixels of the picture, and the input's are repeated, not smoothed."""
    listing = json.loads((finished / "images.json").read_text())[0]
    crops = [img for img in Outline(page).named("img") if (img["alt"] or "").startswith(f"crop 1 of {listing['name']}")]
    x, y, width, height = listing["crops"][0]
    shown = {(img["alt"] or "").split(", ")[1]: _decoded(img["src"] or "") for img in crops}
    truth = Image.open(finished / listing["panels"][4]["file"]).crop((x, y, x + width, y + height))
    assert shown["ground truth"].tobytes() == truth.tobytes()
    assert len(shown["input"].getcolors(10_000)) <= (width // 4 + 1) * (height // 4 + 1)


def _decoded(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert("RGB")


def test_report_is_written_at_once(tmp_path, monkeypatch):
    """A failing write leaves the old page and no other file; a good one replaces it."""
    run = _small_run(tmp_path)
    (run / "report.html").write_text("old")
    with monkeypatch.context() as patch:
        patch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(OSError, match="No space"):
            write_report(run)
    assert (run / "report.html").read_text() == "old" and not list(run.glob(".report*"))
    assert write_report(run) == run / "report.html"
    assert "sr_cell_x4:trunk=24" in (run / "report.html").read_text()


def test_live_run_shows_progress_and_refreshes(tmp_path):
    """A running search shows its phase and all of it, drops the half-written lines, and reloads itself."""
    read = Outline(page := render(make_live_run(tmp_path, now=time.time())))
    for words in ("Running: Search, operator", "step 412 of", "36.3 s left", "40 % · 25 min left", "60 candidates"):
        assert words in read.text
    assert "Still to come: results, pictures, the network, use it." in read.text
    assert {"pareto", "stages", "curves", "fairness", "ledger"} <= set(read.ids())
    assert (
        '<noscript><meta http-equiv="refresh"' in page and "data-refresh" in page and len(read.named("progress")) == 2
    )


@pytest.mark.parametrize("state", ["done", "failed", "stopped"])
def test_a_run_that_ended_does_not_refresh(tmp_path, state):
    """Whether it is done, failed or was stopped: its page stays as it is, and the last two say so."""
    (tmp_path / "status.json").write_text(json.dumps({"state": state, "message": "loss is NaN"}))
    page = render(tmp_path)
    assert 'http-equiv="refresh"' not in page and "data-refresh=" not in page
    assert ("loss is NaN" in page) is (state != "done")


@pytest.mark.parametrize("name", ["config.json", "status.json", "metrics.jsonl", "archive.csv", "results.json"])
def test_one_file_is_enough(finished, tmp_path, name):
    """A run folder with a single file has a page, whichever file it is."""
    (tmp_path / name).write_bytes((finished / name).read_bytes())
    Outline(render(tmp_path))


def test_broken_files_are_named_and_stop_nothing(tmp_path):
    """Each file cut at several places, the pictures too, still gives a whole page that names what it could not read."""
    _small_run(tmp_path)
    names = [*documents(), "metrics.jsonl", "archive.csv", "images.json", "export/manifest.json"]
    whole = {name: (tmp_path / name).read_bytes() for name in names}
    whole |= {f"images/{path.name}": path.read_bytes() for path in (tmp_path / "images").glob("*.png")}
    for share in (0.0, 0.31, 0.97):
        for name, content in whole.items():
            (tmp_path / name).write_bytes(content[: int(share * len(content))])
        page = render(tmp_path)
        said = Outline(page).text
        cut = [name for name in names if name.endswith("json")] + (["archive.csv"] if share else [])
        assert all(name in said for name in cut) and "Not all of this run could be read." in said
        for name, content in whole.items():
            (tmp_path / name).write_bytes(content)
    (tmp_path / "results.json").write_text("{")
    (tmp_path / "images.json").write_text(json.dumps([{"name": "x", "panels": [{"file": "images/gone.png"}]}]))
    read = Outline(render(tmp_path))
    assert "results.json is no JSON" in read.text and "images/gone.png is missing" in read.text
    assert "stages" in read.ids() and "results" not in read.ids()


def test_folder_without_a_run_is_refused(tmp_path):
    """The error names the folder and what a run folder holds; a missing folder and a file get one as well."""
    with pytest.raises(ValueError, match=f"{re.escape(str(tmp_path))} is not a run folder.*status.json"):
        write_report(tmp_path)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="is not a folder"):
        render(tmp_path / "missing")


def test_hostile_texts_stay_texts(tmp_path):
    """Texts of the run that look like markup or templates change neither tags nor attributes, wherever they stand."""
    run = _small_run(tmp_path)
    harmless = Outline(render(run))
    for name in [*documents(), "images.json"]:
        (run / name).write_text(json.dumps(_poisoned(json.loads((run / name).read_text()))))
    for name in ("archive.csv", "metrics.jsonl"):
        tainted = HOSTILE.replace('"', '""' if name == "archive.csv" else '\\"')
        (run / name).write_text((run / name).read_text().replace("operator", tainted))
    read = Outline(page := render(run))
    assert [t for t in read.tags if t[0] == "script"] == [t for t in harmless.tags if t[0] == "script"]
    assert not [key for _, attributes in read.tags for key in attributes if key.startswith("on")]
    assert {t for t, _ in read.tags} <= {t for t, _ in harmless.tags}
    assert "alert(1)" in read.text and "{{ 7*7 }}" in read.text
    assert page.count("</script>") == 3 and page.count("</style>") == 1


def _poisoned(value: object, key: str = "") -> object:
    """Add hostile text to every string and key that is not the name of a file or a row."""
    if isinstance(value, dict):
        more = {HOSTILE: HOSTILE} if key in {"free", "config"} else {}
        return {k: _poisoned(v, k) for k, v in value.items()} | more
    if isinstance(value, list):
        return [_poisoned(entry, key) for entry in value]
    kept = key in {
        "file",
        "kind",
        "id",
        "edges",
        "name",
        "stage",
        "size_before",
        "size_after",
        "decides",
        "role",
        "use",
    }
    return value + HOSTILE if isinstance(value, str) and not kept else value


def test_picture_outside_of_the_run_is_not_shown(tmp_path):
    """A path that leads out of the run folder is treated as missing."""
    run = _small_run(tmp_path / "run")
    Image.new("RGB", (8, 8), "red").save(tmp_path / "secret.png")
    files = ("../secret.png", str(tmp_path / "secret.png"), "images", "")
    panels = [{"label": "found", "file": file} for file in files]
    (run / "images.json").write_text(json.dumps([{"name": "x", "panels": panels, "crops": []}]))
    assert Outline(render(run)).named("img") == []


def test_any_junk_in_a_file_leaves_a_whole_page(tmp_path):
    """12 runs with random values replaced by junk of every type: the page is drawn, balanced, and writable."""
    run = make_run(tmp_path, num_pictures=1, side=16)
    for name, every in (("archive.csv", 40), ("metrics.jsonl", 20)):
        head, *rows = (run / name).read_text().splitlines(keepends=True)
        (run / name).write_text(head + "".join(rows[::every]))
    contents = {name: json.loads((run / name).read_text()) for name in [*documents(), "images.json"]}
    for seed in range(12):
        chance = random.Random(seed)
        for name in chance.sample(list(contents), 4):
            (run / name).write_text(json.dumps(_with_junk(contents[name], chance)))
        Outline(render(run)).text.encode("utf-8")


def _with_junk(value: object, chance: random.Random) -> object:
    """Replace one random place of a JSON value, more likely a deep one."""
    if isinstance(value, dict) and value and chance.random() < 0.9:
        key = chance.choice(list(value))
        return {**value, key: _with_junk(value[key], chance)}
    if isinstance(value, list) and value and chance.random() < 0.9:
        place = chance.randrange(len(value))
        return [_with_junk(entry, chance) if i == place else entry for i, entry in enumerate(value)]
    return chance.choice(JUNK)


def test_no_system_is_known_by_name(tmp_path):
    """A system that nobody has heard of has the same page, in its own words; nothing of another one appears."""
    run = _small_run(tmp_path)
    names = {"psnr_y": "ciede", "ssim_y": "chroma", "Y-PSNR": "Colour error", "Y-SSIM": "Chroma", "dB": "dE"}
    names |= {"super-resolution": "colouring", "bicubic": "grey"}
    for path in [*run.glob("*.json"), run / "archive.csv", run / "metrics.jsonl"]:
        text = (
            path.read_text() if path.suffix != ".json" else json.dumps(json.loads(path.read_text()), ensure_ascii=False)
        )
        for old, new in names.items():
            text = text.replace(old, new)
        path.write_text(text)
    for path in (run / "images").iterdir():
        path.rename(path.with_name(path.name.replace("bicubic", "grey")))
    read = Outline(page := render(run))
    assert "28.87 dE" in read.text and "Colour error" in read.text and "1.34 dE better than grey" in read.text
    shown = read.text + json.dumps(charts(page), ensure_ascii=False)
    assert not [word for word in ("PSNR", "SSIM", "bicubic", "super-resolution", "dB") if word in shown]
