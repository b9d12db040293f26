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


def _front(page):
    """The first chart in view, and where its ring of the found network is."""
    chart = "document.querySelector('[data-chart=front-0]')"
    page.evaluate(f"{chart}.scrollIntoView({{block: 'center', behavior: 'instant'}})")
    ring = f"[...{chart}.querySelectorAll('.mark-symbol path')].find(p => p.ariaLabel?.includes('as searched'))"
    return page.evaluate(f"(r => [r.x + r.width / 2, r.y + r.height / 2])({ring}.getBoundingClientRect())")


def test_pointing_names_a_candidate_and_clicking_keeps_it(page, reports):
    """The candidate nearest to the pointer shows its figures; a click keeps them on the page, with a button to copy."""
    page.open(reports["done"], width=1280)
    x, y = _front(page)
    page.mouse("mouseMoved", x + 5, y + 4)  # not quite on it
    page.until("document.querySelector('#vg-tooltip-element.visible') !== null")
    tip = page.evaluate("document.querySelector('#vg-tooltip-element').textContent")
    assert ARCH in tip and "28.66" in tip and "channel" in tip
    page.mouse("mousePressed", x + 5, y + 4)
    page.mouse("mouseReleased", x + 5, y + 4)
    assert ARCH in page.evaluate("document.querySelector('.picked').textContent")
    page.evaluate("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
    page.evaluate("document.querySelector('.picked button').click()")
    assert page.evaluate("window.copied") == ARCH and page.errors == []


def test_arrow_keys_walk_along_the_front(page, reports):
    """From the cheapest network of the front to the dearest, each named; Escape leaves it."""
    page.open(reports["done"], width=1280)
    page.evaluate("document.querySelector('.view').focus()")
    seen = []
    for _ in range(4):
        page.press("ArrowRight")
        seen.append(page.evaluate("document.querySelector('.picked pre').textContent"))
    page.press("ArrowLeft")
    assert len(set(seen)) == 4 and page.evaluate("document.querySelector('.picked pre').textContent") == seen[2]
    for _ in range(30):
        page.press("ArrowRight")
    assert page.evaluate("document.querySelector('.picked pre').textContent") == ARCH
    page.press("Escape")
    assert page.evaluate("document.querySelector('.picked').hidden") and page.errors == []


def test_one_view_of_the_candidates_is_drawn_at_a_time(page, reports):
    """The list changes the axes; a chart is drawn when it is first shown."""
    page.open(reports["done"], width=1280)
    drawn = "[...document.querySelectorAll('.view')].filter(v => v.querySelector('svg')?.getBoundingClientRect().width)"
    shown = f"{drawn}.map(v => v.ariaLabel.split(':')[0])"
    assert page.evaluate(shown) == ["Y-PSNR against Parameters"]
    page.evaluate(
        "(s => { s.selectedIndex = 1; s.dispatchEvent(new Event('change')); })(document.querySelector('#view'))"
    )
    page.until(f"{drawn}.length === 1 && {shown}[0].endsWith('MACs')")
    assert page.errors == []


def test_counts_are_drawn_when_they_are_opened(page, reports):
    """Opening a closed part shows its chart, as wide as the page has room."""
    page.open(reports["done"], width=360)
    chart = "document.querySelector('[data-chart=fairness-1]')"
    page.evaluate(f"{chart}.closest('details').open = true")
    page.until(f"{chart}.querySelector('svg')?.getBoundingClientRect().width > 300")
    assert page.errors == []


def test_what_cannot_be_drawn_is_said_and_stops_nothing(page, tmp_path):
    """Figures that break a chart leave a word in its place; the others are drawn."""
    report = write_report(make_run(tmp_path, num_pictures=0))
    page.open(report, width=800)
    page.evaluate(
        "vegaEmbed = (old => (box, spec, ...rest) => spec.mark?.type === 'bar' ? Promise.reject('no') : "
        "old(box, spec, ...rest))(vegaEmbed)"
    )
    page.evaluate("document.querySelector('[data-chart=ledger]').removeAttribute('data-drawn')")
    page.evaluate("document.querySelector('#fairness details').open = true")
    page.until("document.querySelector('[data-chart=ledger]').textContent.includes('see the tables')")
    page.until("document.querySelector('[data-chart=fairness-0] svg') !== null")


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


def test_crops_of_a_row_stand_side_by_side(page, reports):
    """From 900 px on the five versions of a detail fit in one row, each pixel enlarged by a whole factor."""
    page.open(reports["done"], width=900)
    script = """[...document.querySelectorAll('.crops')].map(row => [...row.querySelectorAll('img')].map(img =>
        [img.getBoundingClientRect().top, img.getBoundingClientRect().width / img.naturalWidth]))"""
    for width in (900, 1000, 1111, 1112, 1600):
        page.resize(width)
        rows = page.evaluate(script)
        assert [len(row) for row in rows] == [5] * 4
        for row in rows:
            assert len({top for top, _ in row}) == 1
            assert {scale for _, scale in row} == {2 if width < 1112 else 3}


def test_everything_fits_at_any_width(page, reports):
    """Credits with long addresses break; labels and legends of charts and diagram stay inside of them; the charts
    follow the window when it is made narrow."""
    page.open(reports["done"], width=1280)
    for width in (1280, 360):
        page.resize(width)
        page.until(f"document.documentElement.scrollWidth === {width}")
        assert page.evaluate(f"[...document.querySelectorAll('figcaption')].every(f => f.scrollWidth <= {width})")
        page.until(f"[...document.querySelectorAll('.chart svg')].flatMap({_OUTSIDE}).length === 0")
    boxes = page.evaluate(_BOXES)
    assert len(boxes) == 15 and all(inside for _, _, inside in boxes)
    assert all(above[1] < below[0] for above, below in zip(boxes, boxes[1:], strict=False))


def test_a_live_page_opens_where_it_was(page, reports):
    """When it renews itself it keeps its place: what was scrolled to, opened and chosen."""
    page.prepare("window.timers = []; window.setInterval = (fn) => window.timers.push(fn);")
    page.open(reports["live"], width=1280)
    page.evaluate("document.querySelector('#curves details').open = true")
    page.evaluate(
        "(s => { s.selectedIndex = 1; s.dispatchEvent(new Event('change')); })(document.querySelector('#view'))"
    )
    page.until("document.querySelector('[data-chart=front-1] svg') !== null")
    page.evaluate("scrollTo({top: 700, behavior: 'instant'})")
    # What the page does every 15 seconds, long after it was touched.
    page.evaluate("window.before = 1; Date.now = () => 1e15; timers.at(-1)(); undefined")
    page.until("window.before === undefined && document.documentElement?.dataset.drawn === 'yes'")
    state = "[document.querySelector('#curves details').open, document.querySelector('#view').selectedIndex, scrollY]"
    assert page.evaluate(state) == [True, 1, 700]
    assert page.evaluate("document.querySelector('[data-chart=front-1] svg') !== null") and page.errors == []


# The texts of a chart that leave it at either side, or are cut off above.
_OUTSIDE = """svg => { const box = svg.getBoundingClientRect();
    return [...svg.querySelectorAll('text')].filter(t => t.textContent && t.getBoundingClientRect().width).filter(t => {
        const r = t.getBoundingClientRect();
        return r.right > box.right + 1 || r.left < box.left - 1 || r.top < box.top - 1;
    }).map(t => t.textContent); }"""
# Of each block of the diagram: top, bottom, and whether its texts are inside of it.
_BOXES = """[...document.querySelectorAll('.diagram .node')].map(node => {
    const box = node.querySelector('rect').getBoundingClientRect();
    const texts = [...node.querySelectorAll('text')].map(t => t.getBoundingClientRect());
    const inside = t => t.left >= box.left && t.right <= box.right && t.bottom <= box.bottom;
    return [box.top, box.bottom, texts.every(inside)];
})"""
