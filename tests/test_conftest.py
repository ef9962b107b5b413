"""The switch that lets no test skip itself."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SUITE = """
import pytest

def test_passes(): pass

def test_skips(): pytest.skip("not today")

@pytest.mark.skip(reason="never")
def test_marked(): pass

@pytest.mark.xfail(strict=True)
def test_known_to_fail(): assert False

def test_reads_the_corpus(corpus): pass
"""


def closing_line(folder: Path, **variables: str) -> tuple[int, str]:
    """The exit status and the last line of pytest over SUITE."""
    shutil.copy(Path(__file__).with_name("conftest.py"), folder / "conftest.py")
    (folder / "test_suite.py").write_text(SUITE)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("BINDWATCH_", "PYTEST_"))}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull]
    command += [f"--rootdir={folder}", f"--confcutdir={folder}"]
    run = subprocess.run(
        [*command, folder], cwd=folder, env={**kept, **variables}, capture_output=True, text=True, check=False
    )
    return run.returncode, run.stdout.strip().splitlines()[-1]


@pytest.mark.parametrize("switch", ["", "0"])
def test_a_skip_is_allowed_by_default(tmp_path: Path, switch: str) -> None:
    status, line = closing_line(tmp_path, BINDWATCH_NO_SKIP=switch)
    assert status == 0
    assert line.startswith("1 passed, 3 skipped, 1 xfailed")


def test_with_the_switch_every_skip_fails(tmp_path: Path) -> None:
    status, line = closing_line(tmp_path, BINDWATCH_NO_SKIP="1", BINDWATCH_CORPUS=str(tmp_path))
    assert status == 1
    assert line.startswith("1 failed, 2 passed, 1 xfailed, 1 error")


def test_a_corpus_that_is_named_but_missing_fails_too(tmp_path: Path) -> None:
    status, line = closing_line(tmp_path, BINDWATCH_NO_SKIP="1", BINDWATCH_CORPUS=str(tmp_path / "gone"))
    assert status == 1
    assert line.startswith("1 failed, 1 passed, 1 xfailed, 2 errors")


def test_tests_of_a_corpus_nobody_named_are_left_out(tmp_path: Path) -> None:
    _, line = closing_line(tmp_path, BINDWATCH_NO_SKIP="1")
    assert line.startswith("1 failed, 1 passed, 1 deselected, 1 xfailed, 1 error")
