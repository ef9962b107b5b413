"""What an entry costs the processor when 80 requests wait for a store that takes 30 ms, beside only acknowledging."""

from __future__ import annotations

import http.client
import json
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Figure
from generate import generate_entries
from served import SOURCE, Function, push, start

REQUESTS = 4000
CONCURRENCY = 80
ROUNDS = 5

PROGRAM = """
import sys, time
sys.path.insert(0, {source!r})
from bindwatch.adapters.group_commit import GroupCommit
from bindwatch.adapters.push import read_messages
from bindwatch.pipeline import Published
from bindwatch.serving.ingest import Ingest
from bindwatch.serving.log_lines import Log
from bindwatch.serving.wiring import make_engine
from bindwatch.settings import Settings


class Store:
    def __init__(self):
        self._commits = GroupCommit(self._write)

    def _write(self, batches):
        time.sleep(0.03)

    def append(self, rows):
        self._commits.submit(rows)

    def alerts_due(self, now, *, at_most, reminders=None):
        return []


INGEST = None
LOCK = __import__("threading").Lock()


def acknowledge(request):
    request.get_data()
    return "", 204


def judge(request):
    global INGEST
    with LOCK:
        if INGEST is None:
            INGEST = Ingest(make_engine(Settings()), Store(), None, None)
    INGEST.take(read_messages(request.get_data()), Log(least="ERROR"))
    return "", 204
"""


def figures() -> Iterator[Figure]:
    """Processor time of the serving process per message."""
    bodies = [json.dumps(push(line, str(n))).encode() for n, line in enumerate(generate_entries(REQUESTS))]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "main.py").write_text(PROGRAM.format(source=str(SOURCE)))
        spent: dict[str, list[float]] = {"acknowledge": [], "judge": []}
        functions = {name: start(name, place, source=place, THREADS=str(CONCURRENCY)) for name in spent}
        for round_number in range(ROUNDS + 1):
            for name, function in functions.items():
                before = _processor_seconds(function)
                _post_all(function, bodies)
                if round_number:
                    spent[name].append((_processor_seconds(function) - before) / len(bodies))
        for function in functions.values():
            function.stop()
    only, ours = (sorted(spent[name])[ROUNDS // 2] for name in ("acknowledge", "judge"))
    yield Figure("only acknowledging takes per message", 1e6 * only, "µs")
    yield Figure("judging and a shared write take per message", 1e6 * ours, "µs")
    yield Figure("judging / acknowledging", ours / only, "x", at_most=1.6)


def _post_all(function: Function, bodies: list[bytes]) -> None:
    port = int(function.url.rstrip("/").rpartition(":")[2])
    waiting = iter(bodies)
    lock = threading.Lock()
    failed: list[int] = []

    def post() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while True:
            with lock:
                body = next(waiting, None)
            if body is None:
                connection.close()
                return
            connection.request("POST", "/", body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            response.read()
            if response.status != 204:
                failed.append(response.status)

    threads = [threading.Thread(target=post) for _ in range(CONCURRENCY)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise RuntimeError(f"{len(failed)} requests failed: {failed[:3]}")


def _processor_seconds(function: Function) -> float:
    """User and system time of all processes of the group."""
    ticks = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[2]) == function.process.pid:
                ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")
