#!/usr/bin/env python3
"""Load test of `nasjax serve`: many clients, pictures of mixed sizes, and with --kill a SIGKILL in the middle.

    scripts/load_serve.py                                  64 clients for 5 minutes
    scripts/load_serve.py --kill --seconds 120             killed half-way and started again on the same folder
    scripts/load_serve.py --model mine=runs/mine           another network than a small one with random weights

Starts the service itself, on this machine, in a temporary folder. Each client sends single pictures (POST /v1/edit) and
jobs of several in turn, comes again when told to (429), and compares every result, to the byte, with what the service
made of that picture while it was alone: a picture that is lost or swapped is seen. In the end every accepted job must
have ended. Prints a table of latencies and the memory of the service over time; exit code 1 where a check fails.
"""

import argparse
import collections
import contextlib
import http.client
import io
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil
from PIL import Image

SIZES = ((96, 64), (320, 240), (640, 480), (1024, 768), (1600, 1200))  # width, height
WEIGHTS = (4, 4, 3, 2, 1)
VARIANTS = 6  # different pictures of each size
JOB = (2, 6)  # pictures of a job, at least and at most
GROWTH, SLACK_MIB = 1.10, 32  # memory of the last fifth against that of the second one


class Picture(NamedTuple):
    """A picture as it is sent."""

    name: str
    size: tuple[int, int]
    content: bytes


class Server:
    """The service as a process, which may be killed and started again on the same folder and port."""

    def __init__(self, folder: Path, model: str, queue: int):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        limits = ("--queue", str(queue), "--timeout", "300")
        where = ("--data", str(folder / "data"), "--port", str(self.port))
        self._command = [sys.executable, "-m", "nasjax.cli", "serve", *where, *limits, "--model", model]
        self.rss: list[tuple[float, float]] = []
        self.process = self._start()

    def _start(self) -> subprocess.Popen:
        process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        end = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < end:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if call(self.port, "GET", "/readyz")[0] == 200:
                    return process
            time.sleep(0.2)
        raise RuntimeError(f"the service did not start: exit code {process.poll()}")

    def kill_and_restart(self) -> float:
        """SIGKILL, then the same again; seconds until it takes requests."""
        begun = time.monotonic()
        self.process.kill()
        self.process.wait()
        self.process = self._start()
        return time.monotonic() - begun

    def measure(self, begun: float) -> None:
        """Note how much memory it has now."""
        with contextlib.suppress(psutil.Error):
            memory = psutil.Process(self.process.pid).memory_info().rss
            self.rss.append((time.monotonic() - begun, memory / 2**20))


class Record:
    """What happened, from all threads."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.seconds: dict[str, list[float]] = collections.defaultdict(list)
        self.counts: collections.Counter[str] = collections.Counter()
        self.jobs: dict[str, list[Picture]] = {}
        self.wrong: list[str] = []

    def count(self, what: str) -> None:
        with self.lock:
            self.counts[what] += 1

    def took(self, what: str, seconds: float) -> None:
        with self.lock:
            self.seconds[what].append(seconds)

    def fail(self, what: str) -> None:
        with self.lock:
            self.wrong.append(what)


def call(port: int, method: str, path: str, body: bytes = b"") -> tuple[int, dict[str, str], bytes]:
    """One request on a connection of its own: status, headers, content."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=320)
    try:
        headers = {"Content-Type": "multipart/form-data; boundary=load"} if body else {}
        connection.request(method, path, body or None, headers)
        answer = connection.getresponse()
        return answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def form(model: str, pictures: list[Picture]) -> bytes:
    """The form that a browser would send."""
    parts = [b'--load\r\nContent-Disposition: form-data; name="model"\r\n\r\n' + model.encode() + b"\r\n"]
    for picture in pictures:
        head = f'--load\r\nContent-Disposition: form-data; name="picture"; filename="{picture.name}"\r\n\r\n'
        parts += [head.encode(), picture.content, b"\r\n"]
    return b"".join(parts) + b"--load--\r\n"


def make_pictures() -> list[Picture]:
    """Pictures of every size, each with its own smooth colours and noise."""
    found = []
    for width, height in SIZES:
        for variant in range(VARIANTS):
            rng = np.random.default_rng([width, variant])
            coarse = Image.fromarray(rng.integers(0, 256, (5, 7, 3), np.uint8)).resize((width, height), 3)
            pixels = np.asarray(coarse).astype(np.int16) + rng.integers(-6, 7, (height, width, 3), np.int16)
            file = io.BytesIO()
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=90)
            found.append(Picture(f"{width}x{height}-{variant}.jpg", (width, height), file.getvalue()))
    return found


class Client(threading.Thread):
    """One client: a single picture or a job, again and again until the time is over."""

    def __init__(self, number: int, port: int, model: str, world: tuple[list[Picture], dict[str, bytes]], end: float):
        super().__init__(name=f"client {number}", daemon=True)
        self.port, self.model, (self.pictures, self.right), self.end = port, model, world, end
        self.random, self.record = random.Random(number), Record()

    def run(self) -> None:
        while time.monotonic() < self.end:
            try:
                self.job() if self.random.random() < 0.25 else self.single()
            except (OSError, http.client.HTTPException) as error:
                # The service is being killed; what it had not accepted is sent again by whoever wants it.
                self.record.count(f"connection lost ({type(error).__name__})")
                time.sleep(0.5)
            except Exception as error:  # what the test itself cannot make sense of is a failure, never silence
                self.record.fail(f"{self.name}: {type(error).__name__}: {error}")

    def pick(self) -> Picture:
        (size,) = self.random.choices(SIZES, WEIGHTS)
        return self.random.choice([picture for picture in self.pictures if picture.size == size])

    def single(self) -> None:
        picture, begun = self.pick(), time.monotonic()
        status, headers, content = call(self.port, "POST", "/v1/edit", form(self.model, [picture]))
        self.record.count(f"edit {status}")
        if status == 200:
            self.record.took("{}x{}".format(*picture.size), time.monotonic() - begun)
            if content != self.right[picture.name]:
                self.record.fail(f"{picture.name}: another picture, or another result, came back")
        else:
            self.wait(status, headers, content)

    def job(self) -> None:
        pictures, begun = [self.pick() for _ in range(self.random.randint(*JOB))], time.monotonic()
        status, headers, content = call(self.port, "POST", "/v1/jobs", form(self.model, pictures))
        self.record.count(f"job {status}")
        if status != 202:
            return self.wait(status, headers, content)
        name = json.loads(content)["id"]
        self.record.jobs[name] = pictures
        while time.monotonic() < self.end:
            status, _, content = call(self.port, "GET", f"/v1/jobs/{name}")
            if status != 200:
                return self.record.fail(f"job {name}: {status} after it was accepted")
            if json.loads(content)["state"] == "ended":
                return self.record.took("job", time.monotonic() - begun)
            time.sleep(0.3)

    def wait(self, status: int, headers: dict[str, str], content: bytes) -> None:
        if status not in (429, 503):
            self.record.fail(f"status {status}: {content[:200]!r}")
        time.sleep(min(float(headers.get("retry-after", 1)), 5) * self.random.uniform(0.5, 1.5))


def check_job(port: int, name: str, pictures: list[Picture], right: dict[str, bytes], seconds: float) -> str:
    """What is wrong with a job that was accepted; nothing where every picture is there and its own."""
    end = time.monotonic() + seconds
    while True:
        status, _, content = call(port, "GET", f"/v1/jobs/{name}")
        if status != 200:
            return f"job {name}: lost ({status})"
        job = json.loads(content)
        if job["state"] == "ended":
            break
        if time.monotonic() > end:
            return f"job {name}: has not ended: {job['counts']}"
        time.sleep(0.5)
    if job["counts"]["done"] != len(pictures):
        return f"job {name}: {job['counts']}, {[p['error'] for p in job['pictures'] if p['error']][:2]}"
    _, _, content = call(port, "GET", f"/v1/jobs/{name}/result")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        found = [archive.read(entry) for entry in archive.namelist()]
    swapped = [p.name for p, each in zip(pictures, found, strict=True) if each != right[p.name]]
    return f"job {name}: swapped or changed: {swapped}" if swapped else ""


def drive(server: Server, args: argparse.Namespace, model: str) -> dict[str, Any]:
    """Everything from the first picture to the last job; what was found, as plain data."""
    pictures = make_pictures()
    right = {}
    for picture in pictures:  # alone: this is what must come back later, and what compiles
        status, _, right[picture.name] = call(server.port, "POST", "/v1/edit", form(model, [picture]))
        if status != 200:
            raise RuntimeError(f"{picture.name}: {status} {right[picture.name][:200]!r}")
    begun = time.monotonic()
    clients = [Client(i, server.port, model, (pictures, right), begun + args.seconds) for i in range(args.clients)]
    for client in clients:
        client.start()
    restart, limit = None, begun + args.seconds + 330
    while any(client.is_alive() for client in clients) and time.monotonic() < limit:
        server.measure(begun)
        if args.kill and restart is None and time.monotonic() - begun > args.seconds / 2:
            restart = server.kill_and_restart()
        time.sleep(min(1.0, args.seconds / 50))
    stuck = [f"{client.name} hangs" for client in clients if client.is_alive()]
    jobs = {name: given for client in clients for name, given in client.record.jobs.items()}
    wrong = [*stuck, *(text for client in clients for text in client.record.wrong)]
    wrong += [text for name, given in jobs.items() if (text := check_job(server.port, name, given, right, 300))]
    return {
        "clients": args.clients,
        "seconds": args.seconds,
        "restart_seconds": restart,
        "jobs_accepted": len(jobs),
        "pictures_of_jobs": sum(map(len, jobs.values())),
        "answers": sum((client.record.counts for client in clients), collections.Counter()),
        "latency": _latencies([client.record for client in clients]),
        "rss_mib": server.rss,
        "wrong": wrong + _growth(server.rss, killed=restart is not None),
    }


def _latencies(records: list[Record]) -> dict[str, dict[str, float]]:
    found = {}
    for name in (*("{}x{}".format(*size) for size in SIZES), "job"):
        times = [each for record in records for each in record.seconds[name]]
        if times:
            p50, p95, p99 = (float(np.percentile(times, q)) for q in (50, 95, 99))
            found[name] = {"n": len(times), "p50": p50, "p95": p95, "p99": p99, "max": max(times)}
    return found


def _fifths(rss: list[tuple[float, float]]) -> list[float]:
    """Median memory in each fifth of the time."""
    return [float(np.median([mib for _, mib in part])) for part in np.array_split(np.array(rss), 5) if len(part)]


def _growth(rss: list[tuple[float, float]], *, killed: bool) -> list[str]:
    """Whether memory grew, where one process was there from the beginning to the end."""
    if killed or len(rss) < 10:
        return []
    _, second, *_, last = _fifths(rss)
    grew = last > second * GROWTH and last > second + SLACK_MIB
    return [f"memory grew from {second:.0f} MiB (second fifth) to {last:.0f} MiB (last)"] if grew else []


def shown(found: dict[str, Any]) -> str:
    """The findings in Markdown."""
    lines = ["| request | n | p50 s | p95 s | p99 s | max s |", "|---|---|---|---|---|---|"]
    for name, row in found["latency"].items():
        figures = " | ".join(f"{row[key]:.2f}" for key in ("p50", "p95", "p99", "max"))
        lines.append(f"| {name} | {row['n']} | {figures} |")
    answers = ", ".join(f"{name}: {n}" for name, n in sorted(found["answers"].items()))
    killed = (
        "" if found["restart_seconds"] is None else f" Killed half-way, back after {found['restart_seconds']:.1f} s."
    )
    memory = ", ".join(f"{mib:.0f}" for mib in _fifths(found["rss_mib"]))
    lines += [
        "",
        f"{found['clients']} clients, {found['seconds']:g} s.{killed} Answers: {answers}.",
        f"{found['jobs_accepted']} jobs with {found['pictures_of_jobs']} pictures were accepted; "
        f"memory in fifths of the time: {memory} MiB.",
        "Nothing is wrong." if not found["wrong"] else "WRONG: " + "; ".join(found["wrong"][:10]),
    ]
    return "\n".join(lines)


def write_random(folder: Path) -> None:
    """A bundle of a small network with random weights, twice as large."""
    import jax

    from nasjax import Card, deployed, sr_cell, write_bundle

    arguments = {"scale": 2, "blocks": 1, "trunk": [8], "inner": [8], "ops": ["res"]}
    net = sr_cell(**arguments)
    arch = net.space.encode({"b1": "res"})
    params = net.extract_params(net.init(jax.random.key(0)), arch)
    network = deployed(net, params, arch, builder=("sr_cell", arguments))
    card = Card("random", training_data=({"name": "none", "licence": "none", "credits": "none"},))
    write_bundle(folder, network, card=card, formats=())


def main() -> int:
    """Run the test and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--queue", type=int, default=128)
    parser.add_argument("--model", metavar="NAME=FOLDER", help="default: a small network with random weights")
    parser.add_argument("--kill", action="store_true", help="SIGKILL half-way, then start again")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was measured")
    args = parser.parse_args()
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    with tempfile.TemporaryDirectory() as place:
        if args.model is None:
            write_random(Path(place) / "random")
        model = args.model or f"random={Path(place) / 'random'}"
        server = Server(Path(place), model, args.queue)
        try:
            found = drive(server, args, model.partition("=")[0])
        finally:
            server.process.kill()
            server.process.wait()
    if args.json:
        args.json.write_text(json.dumps(found, indent=1))
    print(shown(found))
    return 1 if found["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
