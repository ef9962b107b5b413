"""Deploying and leaving, with a terraform that only writes down what it was asked."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.root import ROOT

TERRAFORM = """#!/bin/sh
shift  # -chdir
echo "$*" >>"$ASKED"
case $1 in
    state) printf '%s' "$STATE" ;;
    output) echo "1. Check that it works" ;;
    plan) echo "Plan: 3 to add" ;;
esac
exit 0
"""
SETUP = f"#!/bin/sh\necho {sys.executable}\n"
INPUTS = 'project_id = "example-security"\n'


@dataclass
class Repository:
    """What the scripts need of the repository, in a folder of its own."""

    folder: Path
    state: str = ""

    @property
    def asked(self) -> list[str]:
        """What terraform was asked, in order, since the last look."""
        path = self.folder / "asked"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return lines

    def run(self, script: str, *arguments: str, answer: str = "") -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "ASKED": str(self.folder / "asked"),
            "STATE": self.state,
        }
        environment.pop("BINDWATCH_TERRAFORM_TOOLS", None)
        command = [self.folder / "scripts" / script, *arguments]
        return subprocess.run(
            command, input=answer, capture_output=True, text=True, check=False, env=environment, timeout=120
        )


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    (tmp_path / "bin").mkdir()
    (tmp_path / "scripts").mkdir()
    for name in ("deploy", "destroy", "on_infra", "package", "requirements"):
        shutil.copy(ROOT / "scripts" / name, tmp_path / "scripts" / name)
    for path, text in ((tmp_path / "bin/terraform", TERRAFORM), (tmp_path / "scripts/setup", SETUP)):
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
    shutil.copytree(ROOT / "functions", tmp_path / "functions", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    shutil.copytree(ROOT / "infra/examples", tmp_path / "infra/examples")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return Repository(tmp_path)


def with_inputs(repository: Repository) -> Repository:
    (repository.folder / "infra/terraform.tfvars").write_text(INPUTS, encoding="utf-8")
    return repository


def test_who_gave_no_inputs_is_shown_examples(repository: Repository) -> None:
    done = repository.run("deploy")
    assert done.returncode == 2
    assert "infra/examples/organization.tfvars" in done.stderr
    assert repository.asked == []


def test_a_dry_run_prints_the_plan_and_applies_nothing(repository: Repository) -> None:
    done = with_inputs(repository).run("deploy", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "Plan: 3 to add" in done.stdout
    assert [line.split()[0] for line in repository.asked] == ["init", "plan"]


def test_a_deployment_asks_first(repository: Repository) -> None:
    refused = with_inputs(repository).run("deploy", answer="y\n")
    assert refused.returncode == 1
    assert "nothing was changed" in refused.stdout
    assert "apply" not in [line.split()[0] for line in repository.asked]


@pytest.mark.parametrize("time", ["first", "second"])
def test_a_deployment_applies_the_plan_that_was_shown(time: str, repository: Repository) -> None:
    for _ in range(1 if time == "first" else 2):
        repository.asked  # noqa: B018  forget the first
        done = with_inputs(repository).run("deploy", answer="yes\n")
    plan = repository.folder / "infra/build/plan"
    asked = repository.asked
    assert done.returncode == 0, done.stderr
    assert asked[1].startswith("plan ")
    assert asked[1].endswith(f"-out={plan}")
    assert asked[2] == f"apply -input=false {plan}"
    assert "Check that it works" in done.stdout


def test_a_stored_plan_is_applied_and_nothing_else(repository: Repository) -> None:
    stored = repository.folder / "stored"
    stored.write_bytes(b"plan")
    done = repository.run("deploy", "--apply-plan", str(stored))
    assert done.returncode == 0, done.stderr
    assert repository.asked == ["init -input=false", f"apply -input=false {stored}", "output -raw next_steps"]
    assert repository.run("deploy", "--apply-plan", "nowhere").returncode == 2


def test_a_state_bucket_is_where_the_state_is_kept(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BINDWATCH_STATE_BUCKET", "example-terraform-state")
    with_inputs(repository).run("deploy", "--dry-run")
    text = (repository.folder / "infra/backend_override.tf").read_text(encoding="utf-8")
    assert 'bucket = "example-terraform-state"' in text


def test_findings_are_not_deleted_unasked(repository: Repository) -> None:
    repository.state = 'google_bigquery_table.table["activity"]\ngoogle_pubsub_topic.entries["bindwatch-entries"]\n'
    done = with_inputs(repository).run("destroy", "--yes")
    assert done.returncode == 1
    assert "--with-findings" in done.stderr
    assert [line.split()[0] for line in repository.asked] == ["init", "state"]


def test_leaving_lifts_the_protection_of_what_is_there_and_then_destroys(repository: Repository) -> None:
    repository.state = 'google_bigquery_table.table["activity"]\ngoogle_pubsub_topic.entries["bindwatch-entries"]\n'
    done = with_inputs(repository).run("destroy", "--with-findings", answer="yes\n")
    assert done.returncode == 0, done.stderr
    _, _, lift, destroy = repository.asked
    assert lift.startswith("apply ")
    assert lift.endswith('-var deletion_protection=false -target=google_bigquery_table.table["activity"]')
    assert destroy.startswith("destroy ")
    assert destroy.endswith("-var deletion_protection=false")


def test_leaving_again_does_nothing(repository: Repository) -> None:
    done = with_inputs(repository).run("destroy", "--with-findings", "--yes")
    assert done.returncode == 0
    assert "nothing is deployed" in done.stdout
    assert [line.split()[0] for line in repository.asked] == ["init", "state"]


def test_a_dry_run_of_leaving_only_plans(repository: Repository) -> None:
    repository.state = 'google_bigquery_table.table["activity"]\n'
    done = with_inputs(repository).run("destroy", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert [line.split()[:2] for line in repository.asked][-1] == ["plan", "-destroy"]


def archive_sum(repository: Repository) -> str:
    done = repository.run("package")
    assert done.returncode == 0, done.stderr
    return hashlib.sha256((repository.folder / "infra/build/functions.zip").read_bytes()).hexdigest()


def test_the_same_files_give_the_same_archive(repository: Repository) -> None:
    first = archive_sum(repository)
    (repository.folder / "functions/bindwatch/__pycache__").mkdir()
    (repository.folder / "functions/bindwatch/__pycache__/x.pyc").write_bytes(b"x")
    os.utime(repository.folder / "functions/main.py", (1, 1))
    assert archive_sum(repository) == first
    (repository.folder / "functions/main.py").write_text("changed = 1\n", encoding="utf-8")
    assert archive_sum(repository) != first


def test_the_archive_holds_what_is_uploaded_and_no_more(repository: Repository) -> None:
    archive_sum(repository)
    with zipfile.ZipFile(repository.folder / "infra/build/functions.zip") as archive:
        names = set(archive.namelist())
    assert {"main.py", "requirements.txt", "bindwatch/settings.py", "bindwatch/sql/schema/activity.json"} <= names
    assert not [name for name in names if "__pycache__" in name or name.startswith(("tests", "infra"))]


@pytest.mark.parametrize("defect", ["drift", "no hash"])
def test_requirements_that_are_not_locked_are_not_deployed(defect: str, repository: Repository) -> None:
    path = repository.folder / "functions/requirements.txt"
    text = path.read_text(encoding="utf-8")
    path.write_text(text + ("left-pad==1.0\n" if defect == "no hash" else "# changed\n"), encoding="utf-8")
    done = repository.run("package")
    assert done.returncode == 1
    assert "functions/requirements.txt" in done.stderr
    assert not (repository.folder / "infra/build/functions.zip").exists()
