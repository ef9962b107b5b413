"""What scripts write is what is there, and they notice when it is not."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements/dev.txt", "requirements/cli.txt", "functions/requirements.txt", "requirements/checkov.txt")


def run(script: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, script, *arguments], capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The files that scripts/requirements reads and writes, to be changed at will."""
    for name in ("pyproject.toml", "scripts/requirements", *LOCKS):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


@pytest.mark.parametrize("script", ["requirements", "demo_data"])
def test_what_is_there_is_current(script: str) -> None:
    check = run(ROOT / "scripts" / script, "--check")
    assert (check.returncode, check.stdout, check.stderr) == (0, "", "")


def test_a_new_requirement_makes_every_lock_stale_that_holds_it(copy: Path) -> None:
    pyproject = copy / "pyproject.toml"
    pyproject.write_text(pyproject.read_text().replace("\ncli = [", '\ncli = ["left-pad",'))
    check = run(copy / "scripts/requirements", "--check")
    assert check.returncode == 1
    assert [line.split()[0] for line in check.stdout.splitlines()] == ["requirements/dev.txt", "requirements/cli.txt"]


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_edited_by_hand_is_noticed(copy: Path, lock: str) -> None:
    path = copy / lock
    path.write_text(path.read_text().replace("==", ">=", 1))
    check = run(copy / "scripts/requirements", "--check")
    assert check.returncode == 1
    assert check.stdout.startswith(lock)


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_pins_and_hashes_everything_and_names_no_place_to_fetch_from(lock: str) -> None:
    text = (ROOT / lock).read_text()
    requirements = [part for part in text.split("\n") if part and not part.startswith(("#", " "))]
    assert requirements
    assert all("==" in line and line.endswith("\\") for line in requirements)
    assert "://" not in text
    assert "@ " not in text


def test_the_functions_carry_nothing_of_the_command_line() -> None:
    locked = {line.split("==")[0] for line in (ROOT / LOCKS[2]).read_text().splitlines() if "==" in line}
    assert {"functions-framework", "google-cloud-bigquery", "msgspec"} <= locked
    assert not {"duckdb", "kubernetes", "pytest", "pyarrow", "pyyaml"} & locked


def test_the_locks_agree() -> None:
    def pins(lock: str) -> set[str]:
        return {line.split(" ")[0] for line in (ROOT / lock).read_text().splitlines() if "==" in line}

    assert pins(LOCKS[2]) <= pins(LOCKS[1]) <= pins(LOCKS[0])


def test_the_sample_company_is_a_company_that_does_not_exist() -> None:
    demo = ROOT / "docs" / "demo"
    for path in demo.rglob("*.ndjson"):
        assert all(json.loads(line) for line in path.read_text().splitlines())
    text = "".join(path.read_text() for path in demo.rglob("*json"))
    assert text.count("gmail.com") == text.count("visitor@gmail.com")
