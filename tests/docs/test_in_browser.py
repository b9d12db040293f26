"""The page that runs exported networks in the browser: the same pixels as the bundle gives."""

import functools
import http.server
import io
import shutil
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nasjax.export.bundle import write_bundle
from nasjax.export.card import Card
from nasjax.export.onnx.model import load_onnx
from tests.commands.cases import SCENE
from tests.docs.blocks import ROOT
from tests.export.networks import toy
from tests.report.browser import browser, find_chromium

_FILES = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
_DIST = ROOT / "node_modules" / "onnxruntime-web" / "dist"


class _Handler(http.server.SimpleHTTPRequestHandler):
    extensions_map = {**http.server.SimpleHTTPRequestHandler.extensions_map, ".mjs": "text/javascript"}

    def log_message(self, *args):
        """Say nothing."""


@pytest.fixture
def address(tmp_path):
    """Where the page is served, with onnxruntime-web beside it."""
    if find_chromium() is None or not (_DIST / _FILES[0]).is_file():
        pytest.skip("needs Chromium, and npm install --no-save onnxruntime-web")
    shutil.copytree(ROOT / "docs" / "in_browser", tmp_path / "site")
    (tmp_path / "site" / "ort").mkdir()
    for name in _FILES:
        (tmp_path / "site" / "ort" / name).symlink_to(_DIST / name)
    handler = functools.partial(_Handler, directory=str(tmp_path / "site"))
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


def test_the_page_gives_what_the_bundle_gives(address, tmp_path):
    """To a level of 255, at an odd size, whole and at half strength; the slider moves, nothing comes from elsewhere."""
    write_bundle(tmp_path / "bundle", toy({}), card=Card("tiny"), formats=("onnx",))
    pixels = np.ascontiguousarray(SCENE[:29, :23])
    Image.fromarray(pixels).save(tmp_path / "scene.png")
    (tmp_path / "out").mkdir()
    with browser(tmp_path / "profile") as page:
        page.download_to(tmp_path / "out")
        page.visit(address, width=390)
        page.choose("#model", tmp_path / "bundle" / "model.onnx", tmp_path / "bundle" / "card.json")
        page.until("document.querySelector('#status').textContent === 'tiny is loaded'")
        page.choose("#picture", tmp_path / "scene.png")
        page.until("document.querySelector('#status').textContent.startsWith('23 x 29 in')")
        whole = _downloaded(page, tmp_path / "out")
        page.evaluate(
            "(s => { s.value = 50; s.dispatchEvent(new Event('input')); })(document.querySelector('#strength'))"
        )
        half = _downloaded(page, tmp_path / "out")
        page.evaluate("document.querySelector('#slider').focus()")
        page.press("ArrowLeft", code=37)
        assert page.evaluate("document.querySelector('#compare').style.getPropertyValue('--at')") == "49%"
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        origin = address.rpartition("/")[0]
        assert [u for u in page.requests if not u.startswith((origin, f"blob:{origin}", "data:"))] == page.errors == []
    (y,) = load_onnx(tmp_path / "bundle" / "model.onnx")(np.float32(pixels)[None] / 127.5 - 1)
    right = np.round((np.clip(y, -1, 1) + 1) * 127.5)
    assert np.abs(right - pixels).max() > 8
    np.testing.assert_allclose(whole, right, atol=1)
    np.testing.assert_allclose(half, (right + pixels) / 2, atol=1)
