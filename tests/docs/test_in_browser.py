"""The page that runs exported networks in the browser: the same pixels as the bundle gives."""

import contextlib
import functools
import http.server
import importlib.util
import io
import threading
import time
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

from nasjax.export.bundle import write_bundle
from nasjax.export.card import Card
from nasjax.export.onnx.model import load_onnx
from tests.commands.cases import SCENE
from tests.docs.blocks import ROOT
from tests.export.networks import photo_filter, toy
from tests.report.browser import browser, find_chromium


class _Handler(http.server.SimpleHTTPRequestHandler):
    extensions_map = {**http.server.SimpleHTTPRequestHandler.extensions_map, ".mjs": "text/javascript"}

    def log_message(self, *args):
        """Say nothing."""


@pytest.fixture(scope="module")
def build():
    """The script that puts the page together."""
    spec = importlib.util.spec_from_file_location("build_browser_page", ROOT / "scripts" / "build_browser_page.py")
    assert spec is not None and spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    if find_chromium() is None or not (script.ORT / script.RUNTIME[0]).is_file():
        pytest.skip("needs Chromium, and npm install --no-save onnxruntime-web")
    return script.build


@contextlib.contextmanager
def _served(folder: Path):
    """Where a folder is served."""
    handler = functools.partial(_Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/index.html"
        server.shutdown()


def _downloaded(page, folder: Path) -> np.ndarray:
    page.evaluate("document.querySelector('#download').click()")
    end = time.monotonic() + 20
    while not (files := [path for path in folder.iterdir() if path.suffix == ".png"]):
        assert time.monotonic() < end
        time.sleep(0.02)
    found = np.asarray(Image.open(io.BytesIO(files[0].read_bytes())).convert("RGB"))
    files[0].unlink()
    return found


def _set(page, selector: str, event: str, value: str) -> None:
    change = f"e.value = {value}; e.dispatchEvent(new Event('{event}'));"
    page.evaluate(f"(e => {{ {change} }})(document.querySelector('{selector}'))")


def _right(graph: Path, pixels: np.ndarray) -> np.ndarray:
    (y,) = load_onnx(graph)(np.float32(pixels)[None] / 127.5 - 1)
    return np.round((np.clip(y, -1, 1) + 1) * 127.5)


def test_the_page_gives_what_bundles_give(build, tmp_path):
    """To a level of 255, at an odd size: a filter beside the page, whole and at half strength, and a file.

    The slider moves, nothing comes from elsewhere, and the page is no wider than a phone.
    """
    filter_ = photo_filter({"colour": "mix3x2", "grid": "a8x2", "bands": "2", "restore": "half1conv"})
    filter_ = filter_._replace(params=jax.tree.map(lambda p: 0.3 * p, filter_.params))
    write_bundle(tmp_path / "lift", filter_, card=Card("lift"), formats=())
    write_bundle(tmp_path / "bundle", toy({}), card=Card("tiny"), formats=("onnx",))
    build(tmp_path / "site", [str(tmp_path / "lift")])
    pixels = np.ascontiguousarray(SCENE[:29, :23])
    Image.fromarray(pixels).save(tmp_path / "scene.png")
    (tmp_path / "out").mkdir()
    with _served(tmp_path / "site") as address, browser(tmp_path / "profile") as page:
        page.download_to(tmp_path / "out")
        page.visit(address, width=390)
        page.until("document.querySelector('#status').textContent === 'lift is loaded'")
        page.choose("#picture", tmp_path / "scene.png")
        page.until("document.querySelector('#status').textContent.startsWith('23 x 29 in')")
        lifted = _downloaded(page, tmp_path / "out")
        _set(page, "#strength", "input", "50")
        half = _downloaded(page, tmp_path / "out")
        _set(page, "#shipped", "change", "''")
        _set(page, "#strength", "input", "100")
        page.evaluate("document.querySelector('#status').textContent = ''")
        page.choose("#model", tmp_path / "bundle" / "model.onnx", tmp_path / "bundle" / "card.json")
        page.until("document.querySelector('#status').textContent.startsWith('23 x 29 in')")
        tiny = _downloaded(page, tmp_path / "out")
        page.evaluate("document.querySelector('#slider').focus()")
        page.press("ArrowLeft", code=37)
        assert page.evaluate("document.querySelector('#compare').style.getPropertyValue('--at')") == "49%"
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        origin = address.rpartition("/")[0]
        assert [u for u in page.requests if not u.startswith((origin, f"blob:{origin}", "data:"))] == page.errors == []
    lift = tmp_path / "site" / "models" / "lift.onnx"
    for found, graph in (
        (lifted, lift),
        (tiny, tmp_path / "bundle" / "model.onnx"),
    ):
        assert np.abs(_right(graph, pixels) - pixels).max() > 8
        np.testing.assert_allclose(found, _right(graph, pixels), atol=1)
    np.testing.assert_allclose(half, (_right(lift, pixels) + pixels) / 2, atol=1)
