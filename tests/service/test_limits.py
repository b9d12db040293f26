"""What the service does when there is too much, too late, or from the wrong side."""

import asyncio
import struct
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL.TiffImagePlugin import TiffImageFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from nasjax.service import Settings
from nasjax.service.app import ROUTES
from nasjax.service.uploads import UploadLimits, receive
from nasjax.service.work import Work
from tests.commands.cases import SCENE
from tests.service.running import MODELS, decoded, encoded, running

KEY = "a key of some length"


class Gate:
    """A model that begins, and goes on when it is let."""

    def __init__(self):
        self.begun, self.open = threading.Event(), threading.Event()

    def __call__(self, picture, options):
        self.begun.set()
        assert self.open.wait(20)
        return picture

    @property
    def models(self):
        """The models, with this one."""
        return {**MODELS, "gate": MODELS["twice"]._replace(name="gate", scale=1, change=self)}


@pytest.fixture
def gate():
    """A model that waits; in the end it does not."""
    found = Gate()
    yield found
    found.open.set()


def test_a_full_queue_says_when_to_come_again(tmp_path, gate):
    """429 with Retry-After for one more and for many more; what was accepted is done, and then there is room."""
    with running(tmp_path / "data", gate.models, queue=3) as service:
        first = service.add(("a.png", encoded()), model="gate").json()["id"]
        assert gate.begun.wait(10)
        second = service.add(*[("a.png", encoded())] * 3, model="gate").json()["id"]
        for answer in (service.edit(encoded()), service.add(("a.png", encoded()))):
            assert answer.status_code == 429 and int(answer.headers["retry-after"]) >= 1
            assert "3 pictures wait" in answer.json()["detail"]
        assert service.client.get(f"/v1/jobs/{second}/result").status_code == 409
        assert service.client.get(f"/v1/jobs/{second}/pictures/0").status_code == 409
        gate.open.set()
        assert service.ended(second)["counts"]["done"] == 3 and service.ended(first)["counts"]["done"] == 1
        assert service.edit(encoded()).status_code == 200


@pytest.mark.parametrize("number, said", [(2000, "more than 21 files"), (100_000, "more than the 5.00543 MiB allowed")])
def test_more_pictures_than_ever_fit(service, number, said):
    """A job of more files than the queue has places, or of so many that their names are too much, is refused while it
    arrives; the next picture is edited as ever."""
    answer = service.add(*[(f"{i}.png", b"x") for i in range(number)])
    assert answer.status_code == 413 and said in answer.json()["detail"]
    assert service.edit(encoded()).status_code == 200
    assert not [*service.client.app.state.service.settings.data.glob("incoming/*")]


def test_a_caller_waits_no_longer_than_it_may(tmp_path, gate):
    """504 when time is up, for the one in work and for one whose turn did not come; later ones are served."""
    with running(tmp_path / "data", gate.models, timeout=0.3) as service:
        assert service.edit(encoded(), "gate").status_code == 504
        assert service.edit(encoded()).status_code == 504
        gate.open.set()
        np.testing.assert_array_equal(decoded(service.edit(encoded()).content), 255 - SCENE)
        assert service.client.app.state.service.worker.waiting == 0


def test_callers_who_left_make_room(tmp_path, gate):
    """Whoever gives up while it waits is counted no longer: the next caller is let in before it sends its picture."""
    with running(tmp_path / "data", gate.models, queue=2) as service:
        service.add(("a.png", encoded()), model="gate")
        assert gate.begun.wait(10)
        worker = service.client.app.state.service.worker
        futures = [worker.submit(Work("negative", Path("a"), Path("b"), 1.0, None)) for _ in range(2)]
        with pytest.raises(HTTPException, match="2 pictures wait"):
            worker.check_room()
        for future in futures:
            future.cancel()
        worker.check_room(2)
        assert worker.waiting == 0


_HEAD = b'--x\r\nContent-Disposition: form-data; name="picture"; filename="a.png"\r\n\r\n'


def _received(folder: Path, piece: bytes, number: int, *, pause: float) -> float:
    """Receive a form that arrives in pieces with pauses; the seconds that it took. Nothing may arrive for 0.25 s."""
    pieces = iter([_HEAD, *[piece] * number, b"\r\n--x--\r\n"])

    async def get():
        await asyncio.sleep(pause)
        content = next(pieces)
        return {"type": "http.request", "body": content, "more_body": not content.endswith(b"--x--\r\n")}

    headers = [(b"content-type", b"multipart/form-data; boundary=x")]
    request = Request({"type": "http", "method": "POST", "headers": headers}, get)
    folder.mkdir()
    begun = time.monotonic()
    asyncio.run(receive(request, folder, UploadLimits(10**7, 10**7, 2, 60.0, 0.25)))
    return time.monotonic() - begun


def test_uploads_that_trickle_are_given_up(tmp_path):
    """One that always sends something, and next to nothing, keeps its place for no more than the time without a byte;
    one that sends as much as any line can may take its time."""
    begun = time.monotonic()
    with pytest.raises(HTTPException, match="too slowly.*4096 bytes a second") as found:
        _received(tmp_path / "slow", b"x", 1000, pause=0.02)
    assert found.value.status_code == 408 and time.monotonic() - begun < 5
    assert _received(tmp_path / "fast", bytes(10_000), 20, pause=0.02) > 0.4


def _many_directories(number: int) -> bytes:
    """A TIFF of one grey pixel, whose directories lead from one to the next."""
    tags = ((256, 1), (257, 1), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (278, 1), (279, 1))
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    size, start = 2 + len(entries) + 4, 24
    following = [start + size * (i + 1) for i in range(number - 1)] + [0]
    directories = [struct.pack("<H", len(tags)) + entries + struct.pack("<I", next_) for next_ in following]
    return struct.pack("<4sI", b"II*\0", start) + bytes(16) + b"".join(directories)


def test_frames_are_not_counted(service, monkeypatch):
    """A file whose directories go on and on is edited by its first one; the others are not looked at."""
    seen = []
    seek = TiffImageFile._seek
    monkeypatch.setattr(TiffImageFile, "_seek", lambda self, frame: (seen.append(frame), seek(self, frame)))
    answer = service.edit(_many_directories(1000), name="a.tif")
    assert answer.status_code == 200 and decoded(answer.content).shape == (1, 1, 3)
    assert set(seen) <= {0}


def test_a_small_job_does_not_wait_for_a_large_one(tmp_path, gate):
    """Jobs take turns, picture by picture."""
    with running(tmp_path / "data", gate.models) as service:
        first = service.add(*[("a.png", encoded())] * 40, model="gate").json()["id"]
        assert gate.begun.wait(10)
        second = service.add(("b.png", encoded())).json()["id"]
        gate.open.set()
        service.ended(second)
        assert service.client.get(f"/v1/jobs/{first}").json()["counts"]["done"] < 20


def test_a_deleted_job_is_not_gone_on_with(tmp_path, gate):
    """Its pictures leave the queue; the one in work ends without a trace."""
    with running(tmp_path / "data", gate.models) as service:
        job = service.add(*[("a.png", encoded())] * 5, model="gate").json()["id"]
        assert gate.begun.wait(10)
        assert service.client.delete(f"/v1/jobs/{job}").status_code == 204
        gate.open.set()
        assert service.edit(encoded()).status_code == 200
        assert service.client.app.state.service.worker.waiting == 0
        assert not [*service.client.app.state.service.store.folder.iterdir()]


def test_what_was_accepted_is_done_by_the_next_service(tmp_path, gate):
    """A service that stops leaves its jobs; the next one of the folder ends them, and another cannot have it too."""
    with running(tmp_path / "data", gate.models) as service:
        job = service.add(*[("a.png", encoded())] * 5, model="gate").json()["id"]
        assert gate.begun.wait(10)
        with pytest.raises(ValueError, match="another service has it"), running(tmp_path / "data"):
            pass
        threading.Timer(0.2, gate.open.set).start()
    with running(tmp_path / "data", gate.models) as service:
        assert service.ended(job)["counts"]["done"] == 5
    with running(tmp_path / "data") as service:
        assert service.client.get(f"/v1/jobs/{job}/pictures/4").status_code == 200
        gone = service.ended(_without_a_model(service))
        assert "no model 'gate' any more" in gone["pictures"][0]["error"]


def _without_a_model(service) -> str:
    """A job of a model that the service was started without."""
    state = service.client.app.state.service
    job = service.add(("a.png", encoded())).json()["id"]
    service.ended(job)
    with state.store._lock:
        state.store._db.execute("UPDATE jobs SET model = 'gate', ended = NULL WHERE id = ?", (job,))
        state.store._db.execute("UPDATE pictures SET state = 'waiting' WHERE job = ?", (job,))
    state.worker.delete("none")  # counts again
    with state.worker._changed:
        state.worker._changed.notify_all()
    return job


def test_a_picture_that_kills_is_not_tried_for_ever(tmp_path):
    """Found at work at three starts, it has failed; its job ends."""
    with running(tmp_path / "data") as service:
        job = service.ended(service.add(("a.png", encoded())).json()["id"])["id"]
        store = service.client.app.state.service.store
        store._db.execute("UPDATE pictures SET state = 'running', attempts = 3")
        store._db.execute("UPDATE jobs SET ended = NULL")
    with running(tmp_path / "data") as service:
        found = service.ended(job)
    assert found["counts"]["failed"] == 1 and "3 times" in found["pictures"][0]["error"]


def test_results_expire(tmp_path, monkeypatch):
    """A while after its end a job is gone, files too; uploads that nobody accepted go at the start."""
    monkeypatch.setattr("nasjax.service.worker._TIDY", 0.05)
    left = tmp_path / "data" / "incoming" / "x"
    left.mkdir(parents=True)
    with running(tmp_path / "data", expire=0.2) as service:
        assert not left.exists()
        job = service.ended(service.add(("a.png", encoded())).json()["id"])["id"]
        end = time.monotonic() + 10
        while service.client.get(f"/v1/jobs/{job}").status_code != 404 or (tmp_path / "data" / "jobs" / job).exists():
            assert time.monotonic() < end
            time.sleep(0.02)


def test_no_room_for_more_jobs(tmp_path):
    """507 once jobs have the bytes that they may; a deleted one makes room."""
    with running(tmp_path / "data", max_stored=1000) as service:
        jobs = []
        while (answer := service.add(("a.png", encoded()))).status_code == 202:
            jobs.append(answer.json()["id"])
        assert answer.status_code == 507 and len(jobs) >= 2
        for job in jobs:
            service.client.delete(f"/v1/jobs/{job}")
        assert service.add(("a.png", encoded())).status_code == 202


def test_a_key_is_asked_for(tmp_path):
    """All but the page, the document and the state need it; upload and download as well."""
    with running(tmp_path / "data", key=KEY, host="0.0.0.0") as service:
        for path, status in (
            ("/", 200),
            ("/livez", 200),
            ("/openapi.json", 200),
            ("/metrics", 401),
            ("/v1/models", 401),
        ):
            assert service.client.get(path).status_code == status
        assert service.edit(encoded()).status_code == 401
        for given in (f"Bearer {KEY}x", f"Basic {KEY}", "Bearer", KEY):
            assert service.client.get("/v1/models", headers={"Authorization": given}).status_code == 401
        service.client.headers["Authorization"] = f"Bearer {KEY}"
        assert service.edit(encoded()).status_code == 200


def test_pages_of_others_may_not_call(service):
    """A name that was made to point here, and a page of another site, are turned away."""
    get = service.client.get
    assert get("/v1/models", headers={"host": "evil.example:8000"}).status_code == 421
    assert get("/v1/models", headers={"origin": "http://evil.example"}).status_code == 403
    assert get("/v1/models", headers={"host": "[x"}).status_code == 421
    assert get("/v1/models", headers={"host": "127.0.0.1:8000", "origin": "http://127.0.0.1:8000"}).status_code == 200


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"host": "0.0.0.0"}, "give a key"),
        ({"host": "example.org"}, "give a key"),
        ({"key": "short"}, "16 or more"),
        ({"queue": 0}, "queue must be 1 or more, got 0"),
        ({"timeout": float("nan")}, "timeout must be a number of seconds above 0"),
        ({"port": 70000}, "port must be 0 to 65535, got 70000"),
    ],
)
def test_settings_are_checked(tmp_path, options, words):
    """What is out of range is named; beyond this machine a key is a must."""
    with pytest.raises(ValueError, match=words):
        Settings(tmp_path, **options)


def test_the_document_describes_every_route(service):
    """Paths and methods of the OpenAPI document are those of the application; references lead somewhere."""
    document = service.client.get("/openapi.json").json()
    found = {(path, method) for path, methods in document["paths"].items() for method in methods}
    routes = {
        (route.path.replace(":int", ""), method.lower()) for route in ROUTES for method in route.methods - {"HEAD"}
    }
    assert found == routes
    assert set(_references(document)) == {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}


def _references(part):
    if isinstance(part, dict):
        yield from ([part["$ref"]] if "$ref" in part else [])
        part = part.values()
    if not isinstance(part, str):
        for each in part if hasattr(part, "__iter__") else ():
            yield from _references(each)


def test_metrics_count_what_happened(service):
    """Prometheus's own reader finds pictures by outcome, times that add up, and no counter twice."""
    parser = pytest.importorskip("prometheus_client.parser")
    service.edit(encoded()), service.edit(encoded()[:-80]), service.edit(b"x")
    families = {f.name: f for f in parser.text_string_to_metric_families(service.client.get("/metrics").text)}
    pictures = {s.labels["outcome"]: s.value for s in families["nasjax_pictures"].samples}
    assert pictures == {"done": 1, "refused": 1}
    requests = {(s.labels["route"], s.labels["outcome"]): s.value for s in families["nasjax_requests"].samples}
    assert requests == {("POST /v1/edit", status): 1 for status in ("200", "422", "415")}
    times = {s.name: s.value for s in families["nasjax_edit_seconds"].samples if not s.labels}
    assert times["nasjax_edit_seconds_count"] == 1 and times["nasjax_edit_seconds_sum"] > 0
    assert families["nasjax_waiting"].samples[0].value == 0
    assert families["nasjax_resident_bytes"].samples[0].value > 1e7
