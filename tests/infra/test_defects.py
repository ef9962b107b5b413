"""A mistake in Terraform is found before anything is deployed."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from infra.root import ROOT, copied

DEFECTS = {
    "misspelt argument": ("sinks.tf", "ack_deadline_seconds  ", "ack_deadlne_seconds  ", "Unsupported argument"),
    "misspelt resource": ("alerts.tf", '"google_pubsub_schema" "alert"', '"google_pubsub_shema" "alert"', "shema"),
    "missing argument": ("findings.tf", "  dataset_id                 = each.value\n", "", "Missing required argument"),
    "missing block": ("monitoring.tf", "  conditions {", "  documentation {", "blocks are required"),
    "bad reference": ("sinks.tf", "google_service_account.push.email", "google_service_account.pusher.email", "pusher"),
    "no such input": ("functions.tf", "var.runtime", "var.run_time", "undeclared input variable"),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_validate_finds(defect: str, tmp_path: Path, terraform_tools: Path) -> None:
    file, right, wrong, said = DEFECTS[defect]
    root = copied(tmp_path, terraform_tools)
    root.replace(file, right, wrong)
    root.run("init", "-backend=false")
    done = root.run("validate")
    assert done.returncode != 0
    assert said in done.stdout + done.stderr


UNSAFE = {
    "bucket open to everyone": ("functions.tf", '  public_access_prevention    = "enforced"\n', "", "CKV_GCP_114"),
    "basic role": ("identities.tf", '"roles/logging.logWriter"', '"roles/editor"', "CKV_GCP_49"),
}


@pytest.mark.slow
@pytest.mark.parametrize("defect", UNSAFE)
def test_checkov_finds(defect: str, tmp_path: Path) -> None:
    file, right, wrong, said = UNSAFE[defect]
    root = copied(tmp_path, tmp_path)
    root.replace(file, right, wrong)
    done = subprocess.run(
        [ROOT / "scripts/checkov", "--directory", root.folder, "--framework", "terraform", "--quiet", "--compact",
         "--skip-download"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert said in done.stdout


def test_what_checkov_advises_is_turned_down_with_a_reason() -> None:
    for path in (ROOT / "infra").glob("*.tf"):
        for line in path.read_text(encoding="utf-8").splitlines():
            if "checkov:skip" in line:
                assert re.fullmatch(r"\s*#checkov:skip=CKV2?_GCP_\d+:[A-Z].{15,}\.", line), f"{path.name}: {line}"


def test_the_tests_of_modes_find_a_sink_that_sees_too_little(tmp_path: Path, terraform_tools: Path) -> None:
    root = copied(tmp_path, terraform_tools)
    root.replace("sinks.tf", "include_children = true", "include_children = false")
    root.run("init", "-backend=false")
    done = root.run("test", "-filter=tests/modes.tftest.hcl")
    assert done.returncode != 0
    assert 'run "organization"... fail' in done.stdout


def test_nothing_is_granted_in_an_authoritative_way() -> None:
    for path in (ROOT / "infra").glob("*.tf"):
        text = path.read_text(encoding="utf-8")
        assert "_iam_binding" not in text, path
        assert "_iam_policy" not in text, path
        # It writes the whole list of a dataset's access without the views that others authorized.
        assert "google_bigquery_dataset_iam" not in re.sub(r"#.*", "", text), path
        assert "google_service_account_key" not in text, path
        assert '"roles/owner"' not in text, path
        assert '"roles/editor"' not in text, path


def test_no_file_names_somebody_real() -> None:
    for path in (ROOT / "infra/examples").glob("*.tfvars"):
        text = path.read_text(encoding="utf-8")
        assert "example" in text, path
