"""A headless Chromium driven over a pipe, with the standard library alone: enough to open a page and look at it."""

import base64
import contextlib
import itertools
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --hide-scrollbars --remote-debugging-pipe"
)
_PATIENCE_S = 20.0


def find_chromium() -> str | None:
    """Return the path of a Chromium or Chrome, or None."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((path for name in names if (path := shutil.which(name))), None)


@contextlib.contextmanager
def browser(profile: Path) -> Iterator["Page"]:
    """Start Chromium with an empty profile folder and yield its page; the process is gone afterwards."""
    program = find_chromium()
    assert program is not None
    (read_there, write_here), (read_here, write_there) = os.pipe(), os.pipe()
    # Chromium expects its commands on descriptor 3 and answers on 4; a shell puts them there without a fork hook.
    shell = ["bash", "-c", f'exec "$@" 3<&{read_there} 4>&{write_there}', "bash"]
    command = [*shell, program, *FLAGS.split(), f"--user-data-dir={profile}", "about:blank"]
    process = subprocess.Popen(command, pass_fds=(read_there, write_there), stderr=subprocess.DEVNULL)
    os.close(read_there)
    os.close(write_there)
    try:
        yield Page(read_here, write_here)
    finally:
        process.terminate()
        process.wait(_PATIENCE_S)
        os.close(read_here)
        os.close(write_here)


class Page:
    """One tab: `requests` and `errors` collect what it loaded and what went wrong in it."""

    def __init__(self, reader: int, writer: int):
        self._reader, self._writer = reader, writer
        self._rest, self._session, self._numbers = b"", None, itertools.count(1)
        self.requests: list[str] = []
        self.errors: list[str] = []
        target = next(t for t in self._call("Target.getTargets")["targetInfos"] if t["type"] == "page")
        attached = self._call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable")

    def open(self, path: Path, *, width: int, dark: bool = False) -> None:
        """Load a file in a window of that many CSS pixels and wait until it and its charts are drawn."""
        self.visit(path.as_uri(), width=width, dark=dark)
        self.until("!document.querySelector('[data-chart]') || document.documentElement.dataset.drawn === 'yes'")

    def visit(self, url: str, *, width: int, dark: bool = False) -> None:
        """Load an address in a window of that many CSS pixels."""
        self.requests.clear()
        self.errors.clear()
        self.resize(width)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[scheme])
        self._call("Page.navigate", url=url)
        self._wait("Page.loadEventFired")

    def choose(self, selector: str, *files: Path) -> None:
        """Give files to a file input, as its dialogue does."""
        root = self._call("DOM.getDocument")["root"]["nodeId"]
        node = self._call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self._call("DOM.setFileInputFiles", nodeId=node, files=[str(file) for file in files])

    def drop(self, selector: str, *files: Path) -> None:
        """Drag files over the middle of an element and let go of them there."""
        middle = "(r => [r.x + r.width / 2, r.y + r.height / 2])"
        x, y = self.evaluate(f"{middle}(document.querySelector('{selector}').getBoundingClientRect())")
        data = {"items": [], "files": [str(file) for file in files], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self._call("Input.dispatchDragEvent", type=kind, x=x, y=y, data=data)

    def download_to(self, folder: Path) -> None:
        """Put what is downloaded from now on into a folder."""
        self._call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))

    def resize(self, width: int) -> None:
        """Make the window that many CSS pixels wide."""
        self._call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)

    def until(self, condition: str) -> None:
        """Wait until an expression in the page is true; a page that is left meanwhile is waited for, too."""
        deadline = time.monotonic() + _PATIENCE_S
        while not self._holds(condition):
            assert time.monotonic() < deadline, condition
            time.sleep(0.05)

    def _holds(self, condition: str) -> bool:
        try:
            return bool(self.evaluate(condition))
        except AssertionError as error:
            if "navigated" not in str(error):
                raise
            return False

    def prepare(self, script: str) -> None:
        """Run a script before those of every page that is opened from now on."""
        self._call("Page.addScriptToEvaluateOnNewDocument", source=script)

    def evaluate(self, script: str) -> Any:
        """Return the value of an expression in the page."""
        answer = self._call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def mouse(self, kind: str, x: float, y: float) -> None:
        """Send a mouse event (mouseMoved, mousePressed, mouseReleased) at a place in the window."""
        pressed = {"button": "left", "clickCount": 1} if kind != "mouseMoved" else {}
        self._call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **pressed)

    def press(self, key: str, code: int = 0) -> None:
        """Press and release a key, "ArrowRight", in what has the focus; inputs listen to its virtual code alone."""
        text = {"Enter": "\r", " ": " "}.get(key, key if len(key) == 1 else "")
        for kind in ("keyDown", "keyUp"):
            typed = {"text": text} if text and kind == "keyDown" else {}
            self._call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **typed)

    def screenshot(self) -> bytes:
        """Return the window as PNG."""
        return base64.b64decode(self._call("Page.captureScreenshot", format="png")["data"])

    def _call(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        message |= {"sessionId": self._session} if self._session else {}
        os.write(self._writer, json.dumps(message).encode() + b"\0")
        answer = self._until(lambda found: found.get("id") == number)
        assert "error" not in answer, answer
        return answer["result"]

    def _wait(self, event: str) -> None:
        self._until(lambda found: found.get("method") == event)

    def _until(self, is_it) -> dict[str, Any]:
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            found = self._next(deadline)
            self._note(found)
            if is_it(found):
                return found
        raise TimeoutError("Chromium did not answer")

    def _next(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._reader], [], [], max(0.0, deadline - time.monotonic()))
            chunk = os.read(self._reader, 1 << 20) if ready else b""
            if not chunk:
                raise TimeoutError("Chromium did not answer")
            self._rest += chunk
        first, _, self._rest = self._rest.partition(b"\0")
        return json.loads(first)

    def _note(self, found: dict[str, Any]) -> None:
        method, params = found.get("method"), found.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.errors.append(str(params["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and params["type"] in {"error", "warning", "assert"}:
            self.errors.append(str(params["args"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in {"error", "warning"}:
            self.errors.append(params["entry"]["text"])
