"""The functions as the platform runs them: functions-framework in a process of its own, with the source it is given."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).parents[1] / "functions"


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(slots=True)
class Function:
    """A served function; its files are in `folder`."""

    url: str
    folder: Path
    process: subprocess.Popen[bytes]

    def post(self, body: object, headers: Mapping[str, str] | None = None, timeout: float = 60) -> Answer:
        """Post bytes as they are, anything else as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.url, data, {"Content-Type": "application/json", **(headers or {})})
        try:
            with urllib.request.urlopen(request, timeout=timeout) as response:
                return Answer(response.status, response.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.read())

    def get(self, timeout: float = 60) -> Answer:
        """What it answers to a GET."""
        with urllib.request.urlopen(self.url, timeout=timeout) as response:
            return Answer(response.status, response.read())

    def kill(self) -> None:
        """End it as the platform does when it has had enough: at once, with everything it had in hand."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """End it in the orderly way."""
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.kill()

    @property
    def log_lines(self) -> list[dict[str, Any]]:
        """The structured lines it wrote so far."""
        text = (self.folder / "stdout.log").read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def start(target: str, folder: Path, *, source: Path = SOURCE, port: int = 0, **environ: str) -> Function:
    """Serve one entry point from `folder`, and return once its port is open."""
    port = port or free_port()
    command = [sys.executable, "-m", "functions_framework", "--target", target, "--source", str(source / "main.py")]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    ours = ("BINDWATCH_", "PYTHONPATH", "K_")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    with (folder / "stdout.log").open("ab") as out, (folder / "stderr.log").open("ab") as err:
        process = subprocess.Popen(
            command, cwd=folder, env=clean | environ, stdout=out, stderr=err, start_new_session=True
        )
    function = Function(f"http://127.0.0.1:{port}/", folder, process)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError((folder / "stderr.log").read_text(encoding="utf-8"))
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return function
        time.sleep(0.02)
    function.kill()
    raise RuntimeError("did not open its port")


@contextmanager
def served(target: str, folder: Path, **options: Any) -> Iterator[Function]:
    """Serve one entry point for as long as the block lasts."""
    function = start(target, folder, **options)
    try:
        yield function
    finally:
        if function.process.poll() is None:
            function.stop()


def push(entry: bytes | Mapping[str, Any], message_id: str = "1", **more: Any) -> dict[str, Any]:
    """The body that a push subscription of ours posts for one entry of the sink."""
    data = entry if isinstance(entry, bytes) else json.dumps(entry).encode()
    message = {
        "data": b64encode(data).decode(),
        "attributes": {"logging.googleapis.com/timestamp": "2026-11-01T10:00:00Z"},
        "messageId": message_id,
        "message_id": message_id,
        "publishTime": "2026-11-01T10:00:01.5Z",
        "publish_time": "2026-11-01T10:00:01.5Z",
    }
    return {"message": message, "subscription": "projects/example-security/subscriptions/bindwatch-entries", **more}
