"""The page in a real browser: it draws, loads nothing, complains about nothing, and fits a phone."""

import io
import time

import pytest
from PIL import Image

from nasjax.report import write_report
from tests.report.browser import browser, find_chromium
from tests.report.make_run import ARCH, make_live_run, make_run

pytestmark = pytest.mark.skipif(find_chromium() is None, reason="needs Chromium")


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """A finished and a running report."""
    folder = tmp_path_factory.mktemp("reports")
    done, live = make_run(folder / "done"), make_live_run(folder / "live", now=time.time())
    return {"done": write_report(done), "live": write_report(live)}


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """One browser for all tests of this file."""
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.mark.parametrize("which", ["done", "live"])
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (360, True)])
def test_page_draws_without_errors_or_requests(page, reports, which, width, dark):
    """Every width and colour scheme shows a page that is not blank, not wider than the window, and asks for nothing."""
    page.open(reports[which], width=width, dark=dark)
    seen = Image.open(io.BytesIO(page.screenshot())).convert("L")
    assert page.errors == []
    assert [url for url in page.requests if not url.startswith("data:")] == [reports[which].as_uri()]
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert seen.width == width and len(set(seen.tobytes())) > 20
    assert (seen.getpixel((2, 2)) < 60) is dark


def test_policy_of_the_page_stops_foreign_loads(page, reports):
    """What the data of a run could smuggle in would neither load nor run: the browser refuses it."""
    page.open(reports["done"], width=800)
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=file:///x.png onerror=window.hit=1>')")
    page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.hit=2'}))"
    )
    assert page.evaluate("window.hit === undefined")
    assert any("Content Security Policy" in error for error in page.errors)


def test_tooltip_names_the_candidate_under_the_pointer(page, reports):
    """Pointing at the ring of the found network shows its arch; clicking copies it."""
    page.open(reports["done"], width=1280)
    ring = "document.querySelector('svg.wide.params .mark.found')"
    page.evaluate(f"{ring}.scrollIntoView({{block: 'center', behavior: 'instant'}})")
    x, y = page.evaluate(f"(r => [r.x + r.width / 2, r.y + r.height / 2])({ring}.getBoundingClientRect())")
    page.mouse("mouseMoved", x, y)
    assert page.evaluate("document.querySelector('.tip code').textContent") == ARCH
    assert "28.66" in page.evaluate("document.querySelector('.tip').textContent")
    page.evaluate("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
    page.mouse("mousePressed", x, y)
    page.mouse("mouseReleased", x, y)
    assert page.evaluate("window.copied") == ARCH


def test_axis_switch_shows_one_plot_at_a_time(page, reports):
    """The buttons change the horizontal axis from parameters to MACs."""
    page.open(reports["done"], width=1280)
    visible = "[...document.querySelectorAll('svg.plot')].filter(svg => svg.getBoundingClientRect().width)"
    shown = f"{visible}.map(svg => svg.dataset.cost)"
    assert page.evaluate(shown) == ["params"]
    page.evaluate("document.querySelector('[data-show=macs]').click()")
    assert page.evaluate(shown) == ["macs"]


def test_slider_moves_the_line_and_changes_sides(page, reports):
    """The range moves the border between two versions; the lists choose which two."""
    page.open(reports["done"], width=1280)
    state = "[...document.querySelectorAll('.compare')[0].querySelectorAll('img')].map(i => i.dataset.role || '')"
    assert page.evaluate(state) == ["", "left", "", "right", ""]
    page.evaluate(
        "(r => { r.value = 80; r.dispatchEvent(new Event('input')); })(document.querySelector('.compare input'))"
    )
    assert page.evaluate("document.querySelector('.compare').style.getPropertyValue('--at')") == "80%"
    page.evaluate(
        "(s => { s.value = 2; s.dispatchEvent(new Event('change')); })(document.querySelector('[data-side=left]'))"
    )
    assert page.evaluate(state) == ["", "", "left", "right", ""]


@pytest.mark.parametrize("width", [900, 1000, 1111, 1112, 1600])
def test_crops_of_a_row_stand_side_by_side(page, reports, width):
    """From 900 px on the five versions of a detail fit in one row, each pixel enlarged by a whole factor."""
    page.open(reports["done"], width=width)
    script = """[...document.querySelectorAll('.crops')].map(row => [...row.querySelectorAll('img')].map(img =>
        [img.getBoundingClientRect().top, img.getBoundingClientRect().width / img.naturalWidth]))"""
    rows = page.evaluate(script)
    assert [len(row) for row in rows] == [5] * 4
    for row in rows:
        assert len({top for top, _ in row}) == 1
        assert {scale for _, scale in row} == {2 if width < 1112 else 3}


@pytest.mark.parametrize("width", [360, 1280])
def test_no_text_leaves_the_page(page, reports, width):
    """Credits with long addresses break, and every label of the visible plot lies inside of it."""
    page.open(reports["done"], width=width)
    assert page.evaluate(f"[...document.querySelectorAll('figcaption')].every(f => f.scrollWidth <= {width})")
    script = """[...document.querySelectorAll('svg.plot')].filter(svg => svg.getBoundingClientRect().width).map(svg =>
        [...svg.querySelectorAll('text')].filter(t => t.getBoundingClientRect().right >
            svg.getBoundingClientRect().right + 1).map(t => t.textContent))"""
    assert page.evaluate(script) == [[]]


def test_texts_of_the_diagram_stay_in_their_boxes(page, reports):
    """No label of a block is wider than the block, and no two blocks overlap."""
    page.open(reports["done"], width=360)
    script = """[...document.querySelectorAll('.diagram .node')].map(node => {
        const box = node.querySelector('rect').getBoundingClientRect();
        const texts = [...node.querySelectorAll('text')].map(t => t.getBoundingClientRect());
        const inside = t => t.left >= box.left && t.right <= box.right && t.bottom <= box.bottom;
        return [box.top, box.bottom, texts.every(inside)];
    })"""
    boxes = page.evaluate(script)
    assert len(boxes) == 15 and all(inside for _, _, inside in boxes)
    assert all(above[1] < below[0] for above, below in zip(boxes, boxes[1:], strict=False))
