"""A function as it is served: until its port answers, beside a function that does nothing, and its first entry."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import ROOT, Figure, environment
from generate import BUSY, generate_entries

ROUNDS = 9
NOTHING = "def nothing(request):\n    return ''\n"


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ask(port: int, method: str, path: str, body: bytes | None = None) -> int:
    """The status of one request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    with contextlib.closing(connection):
        connection.request(method, path, body, {"content-type": "application/json"} if body else {})
        response = connection.getresponse()
        response.read()
        return response.status


@contextlib.contextmanager
def served(source: Path, target: str, folder: Path) -> Iterator[tuple[int, float]]:
    """A function behind the framework: its port, and the seconds until it answered."""
    port = free_port()
    files = {"STORE": "duckdb:bench.duckdb", "ALERTS": "file:alerts.ndjson", "DEAD_LETTERS": "file:dead-letters.ndjson"}
    variables = {f"BINDWATCH_{name}": value for name, value in files.items()}
    options = ("--source", str(source), "--target", target, "--port", str(port), "--host", "127.0.0.1")
    program = "import sys; from functions_framework._cli import _cli; sys.argv[0] = 'functions-framework'; _cli()"
    before = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", program, *options],
        cwd=folder,
        env=environment(**variables),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        while True:
            # The framework answers this path itself, so the function is loaded but not called.
            with contextlib.suppress(OSError):
                ask(port, "GET", "/robots.txt")
                break
            if process.poll() is not None:
                raise RuntimeError((process.stderr.read() if process.stderr else b"").decode())
            time.sleep(0.002)
        yield port, time.perf_counter() - before
    finally:
        process.terminate()
        process.communicate()


def push(entry: bytes) -> bytes:
    """An entry as a Pub/Sub subscription pushes it."""
    message = {
        "data": base64.b64encode(entry.strip()).decode(),
        "attributes": {"logging.googleapis.com/timestamp": json.loads(entry)["timestamp"]},
        "messageId": "1",
        "message_id": "1",
        "publishTime": "2026-11-02T12:00:00Z",
        "publish_time": "2026-11-02T12:00:00Z",
    }
    return json.dumps({"message": message, "subscription": "projects/example/subscriptions/entries"}).encode()


def figures() -> Iterator[Figure]:
    """Medians of starts in turn."""
    body = push(next(generate_entries(1, mix=BUSY)))
    idle: list[float] = []
    ours: list[float] = []
    first: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "main.py").write_text(NOTHING)
        for round_number in range(ROUNDS + 1):
            with served(folder / "main.py", "nothing", folder) as (_, seconds):
                idle.append(seconds)
            (folder / "bench.duckdb").unlink(missing_ok=True)
            with served(ROOT / "functions" / "main.py", "on_log_entry", folder) as (port, seconds):
                ours.append(seconds)
                before = time.perf_counter()
                status = ask(port, "POST", "/", body)
                if status not in (200, 204):
                    raise RuntimeError(f"the first entry was answered with {status}")
                first.append(time.perf_counter() - before)
            if round_number == 0:  # warms the file cache and the compiled modules
                for times in (idle, ours, first):
                    times.clear()
    yield Figure("a function that does nothing, port answers", 1000 * statistics.median(idle), "ms")
    yield Figure("on_log_entry, port answers", 1000 * statistics.median(ours), "ms")
    ratio = statistics.median(ours) / statistics.median(idle)
    yield Figure("on_log_entry / a function that does nothing", ratio, "x", at_most=1.2)
    yield Figure("its first entry acknowledged, embedded store", 1000 * statistics.median(first), "ms")
