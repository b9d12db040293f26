"""The service as a process: killed and started again, slow and hostile connections, and the page in a browser."""

import io
import json
import re
import signal
import socket
import time
import urllib.parse
import urllib.request
import zipfile

import numpy as np
import pytest
from PIL import Image

from nasjax.service.models import SHIPPED
from tests.commands.cases import SCENE
from tests.report.browser import browser, find_chromium
from tests.service.process import serving, write_tiny
from tests.service.running import decoded, encoded

KEY = "a key of some length"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A bundle of a tiny network."""
    return write_tiny(tmp_path_factory.mktemp("tiny") / "tiny")


@pytest.fixture(scope="module")
def address(tiny, tmp_path_factory):
    """The address of a service with the tiny network, and a short patience."""
    data = str(tmp_path_factory.mktemp("served"))
    with serving("--data", data, "--model", f"tiny={tiny}", "--idle-timeout", "1", "--key", KEY) as (_, found):
        yield found


def _post(url: str, pictures: list[bytes], model: str = "tiny") -> bytes:
    parts = [f'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\n{model}\r\n'.encode()]
    for i, content in enumerate(pictures):
        head = f'--x\r\nContent-Disposition: form-data; name="picture"; filename="{i}.png"\r\n\r\n'
        parts += [head.encode(), content, b"\r\n"]
    body = b"".join(parts) + b"--x--\r\n"
    return _get(url, body)


def _get(url: str, body: bytes | None = None) -> bytes:
    headers = {"Content-Type": "multipart/form-data; boundary=x", "Authorization": f"Bearer {KEY}"}
    request = urllib.request.Request(url, body, headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read()


def _job(address: str, job: str) -> dict:
    return json.loads(_get(f"{address}/v1/jobs/{job}"))


def _until(is_so, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_killed_in_the_middle_every_accepted_job_ends(tiny, tmp_path):
    """SIGKILL while it works on the first of two jobs; started again, it ends both, each picture its own."""
    scenes = [np.roll(SCENE, i, 0) for i in range(24)]
    options = ("--data", str(tmp_path / "data"), "--model", f"tiny={tiny}")
    with serving(*options) as (process, address):
        jobs = [json.loads(_post(f"{address}/v1/jobs", [encoded(s) for s in part]))["id"] for part in (scenes, scenes)]
        _until(lambda: _job(address, jobs[0])["counts"]["done"] >= 2)
        process.kill()
        process.wait()
    with serving(*options) as (process, address):
        begun = _job(address, jobs[1])["counts"]
        _until(lambda: all(_job(address, job)["state"] == "ended" for job in jobs))
        whole = [decoded(_post(f"{address}/v1/edit", [encoded(scenes[i])])) for i in (0, 23)]
        contents = [_get(f"{address}/v1/jobs/{job}/result") for job in jobs]
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) in (0, 143, -signal.SIGTERM)
    assert begun["done"] < 24, "it was killed too late to tell"
    for content in contents:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            found = [decoded(archive.read(f"{i}.png")) for i in range(24)]
        np.testing.assert_array_equal(found[0], whole[0])
        np.testing.assert_array_equal(found[23], whole[1])
        assert len({each.tobytes() for each in found}) == 24


def _answer_to(address: str, *pieces: bytes, pause: float = 0.0) -> bytes:
    """What is answered to bytes that are sent piece by piece, until the connection is closed."""
    url = urllib.parse.urlsplit(address)
    with socket.create_connection((url.hostname, url.port), timeout=15) as connection:
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(pause)
        found = b""
        while piece := connection.recv(65536):
            found += piece
    return found


def test_slow_and_broken_connections_are_closed(address):
    """An upload that stops, one that is too long, a header that stops, no header, no HTTP, a caller who leaves: each
    has its end, and then a picture is edited as ever."""
    head = b"POST /v1/edit HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    head += f"Authorization: Bearer {KEY}\r\n".encode()
    slow = _answer_to(address, head + b"Content-Length: 5000\r\nConnection: close\r\n\r\n--x\r\n")
    assert slow.startswith(b"HTTP/1.1 408") and b"arrives too slowly" in slow
    large = _answer_to(address, head + b"Content-Length: 99999999999\r\nConnection: close\r\n\r\n" + bytes(100_000))
    assert large.startswith(b"HTTP/1.1 413")
    assert _answer_to(address, b"GET / HTTP/1.1\r\nHost: local") == b""
    assert _answer_to(address) == b""
    assert _answer_to(address, b"\x16\x03\x01 no HTTP\r\n\r\n").startswith(b"HTTP/1.1 400")
    url = urllib.parse.urlsplit(address)
    with socket.create_connection((url.hostname, url.port)) as connection:
        connection.sendall(head + b"Content-Length: 5000\r\n\r\n--x\r\n")
    _until(lambda: b'{outcome="499",route="POST /v1/edit"} 1' in _get(f"{address}/metrics"))
    assert decoded(_post(f"{address}/v1/edit", [encoded()])).shape == SCENE.shape


def test_an_answer_that_nobody_takes_is_given_up(address):
    """A caller who reads nothing of a large result, which fills what the systems hold for it, is let go."""
    noise = encoded(np.random.default_rng(0).integers(0, 256, (1500, 1500, 3), np.uint8))
    form = b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\ntiny\r\n'
    form += b'--x\r\nContent-Disposition: form-data; name="strength"\r\n\r\n0\r\n'
    form += (
        b'--x\r\nContent-Disposition: form-data; name="picture"; filename="a.png"\r\n\r\n' + noise + b"\r\n--x--\r\n"
    )
    head = "POST /v1/edit HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    head += f"Authorization: Bearer {KEY}\r\nContent-Length: {len(form)}\r\n\r\n"
    before, url = _edited(address), urllib.parse.urlsplit(address)
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect((url.hostname, url.port))
        connection.sendall(head.encode() + form)
        _until(lambda: _edited(address) > before)  # counted when the request has ended


def _edited(address: str) -> int:
    found = re.search(rb'{outcome="200",route="POST /v1/edit"} (\d+)', _get(f"{address}/metrics"))
    return int(found[1]) if found else 0


@pytest.mark.skipif(find_chromium() is None, reason="needs Chromium")
def test_the_page(address, tmp_path):
    """On a desktop and on a phone: pictures in, a preview before and after, progress, retry, one or all out."""
    photos = [tmp_path / f"photo {i}.png" for i in range(3)]
    for i, path in enumerate(photos):
        Image.fromarray(np.roll(SCENE, 9 * i, 1).repeat(6, 0).repeat(6, 1)).save(path)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    (tmp_path / "out").mkdir()
    rows = "[...document.querySelectorAll('.picture')]"
    with browser(tmp_path / "profile") as page:
        page.download_to(tmp_path / "out")
        page.visit(address, width=1280)
        page.until("document.querySelector('#status').textContent.includes('asks for its key')")
        page.evaluate(f"document.querySelector('#key').value = {KEY!r}")
        page.evaluate("document.querySelector('#unlock button').click()")
        page.until(f"document.querySelector('#model').options.length === {len(SHIPPED) + 1}")
        _set(page, "#model", "tiny")
        page.choose("#files", *photos, tmp_path / "broken.png")
        page.until("document.querySelector('#caption').textContent.includes('preview on a small copy')")
        _move_the_slider(page)
        before = page.evaluate("document.querySelector('#after').src")
        _set(page, "#strength", "40", "input")
        page.until(f"![{before!r}, ''].includes(document.querySelector('#after').src)")
        less = page.evaluate("document.querySelector('#after').src")
        page.evaluate("document.querySelector('#wrap').click()")
        page.until(f"![{less!r}, ''].includes(document.querySelector('#after').src)")
        assert page.evaluate("document.querySelector('#edit').textContent") == "Edit 4 pictures"
        page.evaluate("document.querySelector('#edit').focus()")
        page.evaluate("document.activeElement.click()")
        page.until(f"{rows}.map(r => r.dataset.state).join() === 'done,done,done,failed'")
        assert "not a picture" in page.evaluate(f"{rows}[3].querySelector('.state').textContent")
        page.evaluate(f"{rows}[3].querySelector('.retry').click()")
        page.until(
            f"{rows}[3].dataset.state === 'failed' && performance.getEntriesByName('{address}/v1/jobs').length > 1"
        )
        page.until("document.querySelector('#caption').textContent.endsWith('edited')")
        page.evaluate(f"{rows}[1].querySelector('.get').click()")
        page.evaluate("document.querySelector('#download').click()")
        _until(lambda: {p.name for p in (tmp_path / "out").iterdir()} == {"photo 1.png", "pictures.zip"})
        page.resize(390)
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        page.resize(1280)
        assert page.evaluate("document.documentElement.scrollWidth") == 1280
        assert page.evaluate("document.querySelector('#controls, .controls').scrollWidth") <= 360
        page.evaluate(f"{rows}[0].querySelector('.remove').click()")
        assert page.evaluate(f"{rows}.length") == 3
        foreign = [url for url in page.requests if not url.startswith((address, f"blob:{address}", "data:"))]
        # What is refused, without the key and of the broken picture, is all that the browser complains of.
        assert foreign == [] and all(re.search(r"status of 4(01|15)", error) for error in page.errors)
    with zipfile.ZipFile(tmp_path / "out" / "pictures.zip") as archive:
        assert archive.namelist() == [*(path.name for path in photos), "failed.txt"]
        one = (tmp_path / "out" / "photo 1.png").read_bytes()
        assert archive.read("photo 1.png") == one and decoded(one).shape == (192, 192, 3)


@pytest.mark.skipif(find_chromium() is None, reason="needs Chromium")
def test_the_page_knows_by_which_choice_a_picture_was_made(address, tmp_path):
    """A choice that changes while pictures are edited is not theirs: they say so and can be edited anew; the choice
    they were made by makes them right again. One job that is gone keeps nobody from downloading another."""
    photos = [tmp_path / f"photo {i}.png" for i in range(2)]
    for path in photos:
        Image.fromarray(SCENE).save(path)
    (tmp_path / "out").mkdir()
    rows = "[...document.querySelectorAll('.picture')]"
    done = f"{rows}.map(r => r.dataset.state).join() === 'done,done'"
    texts = f"{rows}.map(r => r.querySelector('.state').textContent).join()"
    edit = "document.querySelector('#edit').click();"
    strength = "(s => {{ s.value = '{}'; s.dispatchEvent(new Event('input')); }})(document.querySelector('#strength'))"
    with browser(tmp_path / "profile") as page:
        page.download_to(tmp_path / "out")
        page.visit(address, width=1280)
        page.until("!document.querySelector('#unlock').hidden")
        page.evaluate(f"document.querySelector('#key').value = {KEY!r}")
        page.evaluate("document.querySelector('#unlock button').click()")
        page.until(f"document.querySelector('#model').options.length === {len(SHIPPED) + 1}")
        _set(page, "#model", "tiny")
        page.choose("#files", *photos)
        page.until(f"{rows}.length === 2")
        page.evaluate(edit + strength.format(10))
        page.until(done)
        assert page.evaluate(texts) == ",".join(["done, by the choices before"] * 2)
        assert page.evaluate("document.querySelector('#edit').textContent") == "Edit 2 pictures"
        page.until("document.querySelector('#caption').textContent.includes('preview on a small copy')")
        page.evaluate(strength.format(100))
        assert page.evaluate(texts) == "done,done"
        assert page.evaluate("document.querySelector('#edit').disabled")
        page.evaluate("pictures[0].job = 'gone'")
        page.evaluate("document.querySelector('#download').click()")
        _until(lambda: [p.name for p in (tmp_path / "out").iterdir()] == ["pictures-2.zip"])
        page.until("document.querySelector('#status').textContent.includes('pictures-1.zip: there is no such job')")


@pytest.mark.skipif(find_chromium() is None, reason="needs Chromium")
def test_the_page_by_drop_and_by_keyboard(address, tmp_path):
    """Files that are dropped are taken, and from the key of the service on everything is reached by Tab and Enter."""
    photo = tmp_path / "photo.png"
    Image.fromarray(SCENE).save(photo)
    (tmp_path / "out").mkdir()
    with browser(tmp_path / "profile") as page:
        page.download_to(tmp_path / "out")
        page.visit(address, width=1280)
        page.until("!document.querySelector('#unlock').hidden")
        _tab_to(page, "#key")
        for letter in KEY:
            page.press(letter)
        page.press("Enter", code=13)
        page.until(f"document.querySelector('#model').options.length === {len(SHIPPED) + 1}")
        page.drop("#drop", photo)
        page.until("document.querySelectorAll('.picture').length === 1")
        assert not page.evaluate("document.querySelector('#drop').classList.contains('over')")
        _tab_to(page, "#files")
        _tab_to(page, "#model")
        page.press("t")  # the letter chooses "tiny", as in every list
        page.until("document.querySelector('#model').value === 'tiny'")
        _tab_to(page, "#strength")
        page.press("ArrowLeft", code=37)
        assert page.evaluate("document.querySelector('#strength').value") == "95"
        _tab_to(page, "#wrap")
        page.press(" ", code=32)
        assert page.evaluate("document.querySelector('#wrap').checked")
        _tab_to(page, "#edit")
        page.press("Enter", code=13)
        page.until("document.querySelector('.picture').dataset.state === 'done'")
        _tab_to(page, "#slider")
        _tab_to(page, ".thumb")
        _tab_to(page, ".get")
        page.press("Enter", code=13)
        _until(lambda: [p.name for p in (tmp_path / "out").iterdir()] == ["photo.png"])
        _tab_to(page, ".remove")
        page.press(" ", code=32)
        page.until("document.querySelectorAll('.picture').length === 0")


def _tab_to(page, selector: str) -> None:
    """Press Tab until an element has the focus, and see that it shows."""
    for _ in range(30):
        if page.evaluate(f"document.activeElement.matches('{selector}')"):
            break
        page.press("Tab", code=9)
    shown = "(e => getComputedStyle(e.closest('.drop') || e).outlineStyle)(document.activeElement)"
    assert page.evaluate(f"document.activeElement.matches('{selector}')"), selector
    assert page.evaluate(shown) != "none", f"{selector}: where the focus is does not show"


def _set(page, selector: str, value: str, event: str = "change") -> None:
    script = f"(s => {{ s.value = '{value}'; s.dispatchEvent(new Event('{event}')); }})"
    page.evaluate(f"{script}(document.querySelector('{selector}'))")


def _move_the_slider(page) -> None:
    """By the keyboard, a step; by the pointer, to where it is pressed."""
    at = "document.querySelector('#compare').style.getPropertyValue('--at')"
    page.evaluate("document.querySelector('#slider').focus()")
    page.press("ArrowRight", code=39)
    assert page.evaluate(at) == "51%"
    x, y, width = page.evaluate(
        "(r => [r.x, r.y + r.height / 2, r.width])(document.querySelector('#compare').getBoundingClientRect())"
    )
    page.mouse("mousePressed", x + 0.8 * width, y)
    page.mouse("mouseReleased", x + 0.8 * width, y)
    assert 70 <= float(page.evaluate(at).removesuffix("%")) <= 90
