"""Lines that are read together are the lines one reads alone, wherever a batch ends."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bindwatch.adapters import files
from bindwatch.adapters.files import Input, Lines, read_parts
from bindwatch.engine import Engine
from bindwatch.errors import InputError
from bindwatch.model.log_block import LogBlock
from bindwatch.model.log_entry import decode
from bindwatch.rule import Context
from bindwatch.rules import LOG_RULES


def invited(owner: str, **more: Any) -> bytes:
    """An entry that is found, and names the owner it is about."""
    return json.dumps(
        {
            "logName": "projects/shop/logs/cloudaudit.googleapis.com%2Factivity",
            "insertId": owner,
            "protoPayload": {
                "serviceName": "cloudresourcemanager.googleapis.com",
                "methodName": "InsertProjectOwnershipInvite",
                "authenticationInfo": {"principalEmail": "ada@example.com"},
                "resourceName": "projects/shop",
                "request": {"member": f"user:{owner}@example.org", "projectId": "shop"},
                **more,
            },
        }
    ).encode()


QUIET = b'{"protoPayload":{"serviceName":"storage.googleapis.com","methodName":"storage.objects.get"}}'
LINES = [
    invited("eve"),
    invited("mallory"),
    invited("eve") + b" ",
    invited("eve", status="odd"),
    QUIET,
    QUIET + QUIET,
    QUIET[:40],
    b"",
    b"  ",
    b"# a comment",
    b"{}",
    b"}{",
    b'{"protoPayload":{"status":{"code":7},"authenticationInfo":{"principalEmail":"ada@example.com"}}}',
]


def one_by_one(text: bytes) -> dict[int, list[str]]:
    """What is said of each line by whoever reads it alone."""
    engine, said = Engine(Context(), LOG_RULES), {}
    for number, line in enumerate(text.split(b"\n"), 1):
        if line.strip() and (heard := _said(lambda line=line: engine.judge_entry(decode(line)))):  # type: ignore[misc]
            said[number] = heard
    return said


def _said(judge: Any) -> list[str]:
    try:
        return [finding.finding_id for finding in judge().findings]
    except InputError as error:
        return [str(error)]


def together(path: Path) -> dict[int, list[str]]:
    """The same, as a scan reads and judges it."""
    parts = [part for part in read_parts(Input(str(path), "")) if isinstance(part, Lines)]
    said = {}
    for told in Engine(Context(), LOG_RULES).judge_blocks(part.block() for part in parts):
        if told.text.strip():
            problem = isinstance(told.said, InputError)
            said[told.line] = [str(told.said)] if problem else [item.finding_id for item in told.said.findings]  # type: ignore[union-attr]
    return said


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lines=st.lists(st.sampled_from(LINES), max_size=9),
    ending=st.sampled_from([b"\n", b"\r\n"]),
    is_ended=st.booleans(),
    is_packed=st.booleans(),
    batch=st.sampled_from([1, 7, 64, 300, 700, 1 << 17]),
)
def test_a_line_is_read_alike_wherever_a_batch_ends(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    lines: list[bytes],
    ending: bytes,
    is_ended: bool,
    is_packed: bool,
    batch: int,
) -> None:
    monkeypatch.setattr(files, "_BATCH", batch)
    text = ending.join([invited("first"), *lines]) + (ending if is_ended else b"")
    path = tmp_path / "log.ndjson"
    path.write_bytes(gzip.compress(text, 1) if is_packed else text)
    assert together(path) == one_by_one(text)


def test_a_blank_line_before_one_with_two_entries_is_no_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two entries on a line are damage, even where as many entries as lines were read."""
    text = b"\n".join([QUIET, b"", QUIET + QUIET, invited("eve"), invited("mallory")])
    path = tmp_path / "log.ndjson"
    path.write_bytes(text)
    # A batch that ends where an entry does, short of its line break.
    monkeypatch.setattr(files, "_BATCH", 1 + 2 * len(QUIET) + 1 + len(invited("eve")))
    assert together(path) == one_by_one(text)
    assert 3 in one_by_one(text)


@pytest.mark.parametrize("end", [b"", b"\n", b"\n\n", b"\n \n"])
@pytest.mark.parametrize("head", [b"", b"\xef\xbb\xbf", b"\n", b"# a comment\n"])
@pytest.mark.parametrize("is_packed", [False, True])
def test_the_same_is_found_with_the_line_ends_of_windows(
    tmp_path: Path, head: bytes, end: bytes, is_packed: bool
) -> None:
    """With a byte order mark, blank lines before and after, in one block or several."""
    lines = [QUIET if number % 3 else invited(f"p{number}") for number in range(1_200)]
    text = head + b"\n".join(lines) + end
    path = tmp_path / "log.ndjson"
    found = []
    for spelled in (text, text.replace(b"\n", b"\r\n")):
        assert len(spelled) > files._BATCH
        path.write_bytes(gzip.compress(spelled, 1) if is_packed else spelled)
        found.append(together(path))
    assert found[0] == found[1]
    assert len(found[0]) == 400


@pytest.mark.parametrize("how", ["a file", "a pipe"])
def test_stdin_is_read_alike_from_a_file_and_from_a_pipe(tmp_path: Path, how: str) -> None:
    text = b"\n".join(invited(f"p{number}", request={"member": f"user:p{number}@example.org"}) for number in range(900))
    assert len(text) > 2 * files._BATCH
    path = tmp_path / "log.ndjson"
    path.write_bytes(text)
    command = [sys.executable, "-m", "bindwatch", "scan", "-", "--format", "json"]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with path.open("rb") as stream:
        source: dict[str, Any] = {"stdin": stream} if how == "a file" else {"input": text}
        done = subprocess.run(command, capture_output=True, env=env, check=False, **source)
    assert done.returncode == 1, done.stderr
    assert all(f"p{number}@example.org" in done.stdout.decode() for number in range(900))


def test_what_is_known_of_a_line_does_not_depend_on_its_neighbours() -> None:
    """Also of one without a method, whose type of request tells it."""
    resource = {"labels": {"method": "compute.images.get"}}
    bare = json.dumps({"resource": resource, "protoPayload": {"status": {"code": 7}}}).encode()
    for neighbour in (QUIET, QUIET[:40], b""):
        alone, beside = LogBlock.of_lines(bare), LogBlock.of_lines(b"\n".join((bare, neighbour)))
        assert alone.known[0] == beside.known[0]
        assert alone.entry(0).method == beside.entry(0).method == "compute.images.get"


def test_a_log_that_powershell_wrote_is_read_with_its_lines(tmp_path: Path) -> None:
    """UTF-16, whatever else some count as the end of a line."""
    text = b"\r\n".join([invited("eve"), invited("a\u2028b"), QUIET, b"{", invited("mallory\u00e9")]) + b"\r\n"
    text = text.replace(b"\\u2028", "\u2028".encode()).replace(b"\\u00e9", "\u00e9".encode())
    path = tmp_path / "log.ndjson"
    path.write_bytes(text.decode().encode("utf-16"))
    said = together(path)
    assert said == one_by_one(text)
    assert set(said) == {1, 2, 4, 5}
