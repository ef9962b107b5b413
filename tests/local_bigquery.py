"""A BigQuery on this machine, in a process and an environment of its own (`scripts/local-bigquery`)."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from conftest import NO_SKIP

if TYPE_CHECKING:
    from google.cloud.bigquery import Client

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv" / "local-bigquery"
PROJECT = "example-security"


def _program() -> Path:
    program = ENVIRONMENT / "bin" / "local-bigquery"
    if not program.exists():
        if not NO_SKIP:
            pytest.skip("no local BigQuery: run scripts/local-bigquery once (Python >= 3.13) to have it")
        subprocess.run([ROOT / "scripts" / "local-bigquery"], check=True)
    return program


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def serving(directory: Path) -> Iterator[str]:
    """A fresh server that keeps its data below the directory: its address."""
    program, port = _program(), _free_port()
    command = [program, "--host", "127.0.0.1", "--port", str(port), "--grpc-port", str(_free_port())]
    command += ["--project", PROJECT, "--data-dir", str(directory / "data")]
    log = directory / "server.log"
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}  # it is named as we are
    with log.open("wb") as output:
        server = subprocess.Popen(
            command, stdout=output, stderr=output, env={**environ, "HOME": str(ENVIRONMENT / "home")}
        )
        try:
            _wait_for(port, server, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(20)


def client_of(address: str) -> Client:
    """The official client of a server."""
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import bigquery

    return bigquery.Client(
        project=PROJECT,
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        client_options={"api_endpoint": address},
    )


@contextmanager
def running(directory: Path) -> Iterator[Client]:
    """The official client against a fresh server."""
    with serving(directory) as address:
        yield client_of(address)


def _wait_for(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and server.poll() is None:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    raise RuntimeError(f"the local BigQuery did not start: {log.read_text(errors='replace')[-2000:]}")
