"""`bindwatch diagnose` on files: what it prints, in which form, with which exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner

from bindwatch.cli import cli
from bindwatch.diagnosis.causes import CAUSES
from bindwatch.diagnosis.chain import StepStatus, diagnose
from bindwatch.diagnosis.record import diagnosis_record
from diagnosis.twins import TWINS
from diagnosis.world import BUCKET, GSA, KSA, NS, POLICY_PATHS, World, healthy

SCHEMA = json.loads(files("bindwatch").joinpath("data/diagnosis.schema.json").read_bytes())
ROOT = Path(__file__).parent.parent.parent
BROKEN = next(twin for twin in TWINS if twin.id == "member-malformed-number")


def write(world: World, folder: Path) -> Path:
    for path, value in world.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(json.dumps(value))
    if world.logs:
        lines = (json.dumps({"insertId": f"e{number}", **entry}) for number, entry in enumerate(world.logs))
        (folder / "logs.ndjson").write_text("\n".join(lines))
    return folder


def run(*arguments: object) -> tuple[int, str]:
    words = ["diagnose", *map(str, arguments), "--as-of", "2026-11-20T12:00:00"]
    result = CliRunner().invoke(cli, words, standalone_mode=False, catch_exceptions=False)
    code = result.return_value
    assert isinstance(code, int)
    return code, result.stdout


def test_json_names_the_cause(tmp_path: Path) -> None:
    folder = write(healthy().twin(BROKEN.break_it), tmp_path)
    code, output = run(folder, KSA, "-n", NS, "--format", "json")
    document = json.loads(output)
    assert code == 1
    assert document["root_cause"]["id"] == "member-malformed"
    jsonschema.validate(document, SCHEMA)


@pytest.mark.parametrize("subject", ["deploy/cart", "pod/cart-5d9-aa", "sa/cart"])
def test_the_workload_may_be_named_by_what_runs_it(tmp_path: Path, subject: str) -> None:
    folder = write(healthy().twin(BROKEN.break_it), tmp_path)
    code, output = run(folder, subject, "--format", "json")
    assert code == 1
    assert json.loads(output)["workload"]["service_account"] == KSA


def test_nothing_found_exits_with_0(tmp_path: Path) -> None:
    code, output = run(write(healthy(), tmp_path), "--all")
    assert code == 0
    assert "nothing found" in output


def test_a_damaged_file_exits_with_2(tmp_path: Path) -> None:
    folder = write(healthy(), tmp_path)
    (folder / "projects" / "damaged.json").write_text("{")
    assert run(folder, "--all")[0] == 2


def test_what_of_the_input_was_guessed_or_not_used_is_said(tmp_path: Path) -> None:
    folder = write(healthy(), tmp_path)
    (folder / "dump.json").write_text(json.dumps({"bindings": [{"role": "roles/viewer", "members": []}]}))
    (folder / "notes.json").write_text(json.dumps({"remember": "the milk"}))
    words = ["diagnose", str(folder), "--all", "--as-of", "2026-11-20T12:00:00"]
    said = CliRunner().invoke(cli, words, standalone_mode=False).stderr
    assert "two different policies in the input" in said
    assert "not used: 1 JSON values of no kind we know" in said


@pytest.mark.parametrize("resource", [f"gs://{BUCKET}", f"//storage.googleapis.com/{BUCKET}/objects/2026/x"])
def test_a_policy_whose_file_names_the_resource_that_is_asked_for_is_its_policy(tmp_path: Path, resource: str) -> None:
    world = healthy("direct")
    policy = world.files.pop(POLICY_PATHS["bucket"])
    world.files = {path: value for path, value in world.files.items() if "buckets.json" not in path}
    folder = write(world, tmp_path)
    wanted = (folder, KSA, "-n", NS, "--resource", resource, "--permission", "storage.objects.get", "--format", "json")
    (folder / f"gs-{BUCKET}-policy.json").write_text(json.dumps(policy))
    assert json.loads(run(*wanted)[1])["root_cause"] is None
    (folder / f"gs-{BUCKET}-policy.json").write_text(json.dumps({"bindings": [], "etag": "AA=="}))
    assert json.loads(run(*wanted)[1])["root_cause"]["id"] == "direct-grant-missing"


def test_text_has_chain_cause_and_fix(tmp_path: Path) -> None:
    folder = write(healthy().twin(BROKEN.break_it), tmp_path)
    _, output = run(folder, KSA, "-n", NS)
    assert "Root cause: member-malformed" in output
    assert f"gcloud iam service-accounts add-iam-policy-binding {GSA}" in output
    assert "Ruled out:" in output


def test_an_error_text_is_ranked_by_the_checks(tmp_path: Path) -> None:
    folder = write(healthy().twin(BROKEN.break_it), tmp_path)
    text = "Permission 'iam.serviceAccounts.getAccessToken' denied on resource"
    _, output = run(folder, KSA, "-n", NS, "--error", text, "--format", "json")
    document = json.loads(output)
    assert document["error"]["causes"][0] == "member-malformed"
    assert document["error"]["permission"] == "iam.serviceAccounts.getAccessToken"
    jsonschema.validate(document, SCHEMA)


@pytest.mark.parametrize(
    ("twin", "style"), [pytest.param(twin, style, id=f"{twin.id}-{style}") for twin in TWINS for style in twin.styles]
)
def test_every_diagnosis_is_of_the_schema(twin: Any, style: str) -> None:
    world = healthy(style).twin(twin.prepare, twin.break_it)
    jsonschema.validate(diagnosis_record(diagnose(world.case())), SCHEMA)


@pytest.mark.parametrize("path", sorted(healthy().files))
def test_a_missing_input_is_never_passed_for_fine(path: str) -> None:
    """Without one of its files no cause shows that is not there, and no more than before is called fine."""
    world = healthy()
    before = diagnose(world.case())
    del world[path]
    case = world.case()
    after = diagnose(case)
    assert after.root is None
    passed = {step.step for step in before.steps if step.status is StepStatus.PASSED}
    assert {step.step for step in after.steps if step.status is StepStatus.PASSED} <= passed
    assert {cause.id for cause, _ in after.ruled_out} <= {cause.id for cause, _ in before.ruled_out}


def test_without_any_input_nothing_is_called_fine() -> None:
    world = healthy()
    world.files = {path: value for path, value in world.files.items() if "clusters.json" in path and "shop" in path}
    diagnosis = diagnose(world.case())
    assert diagnosis.root is None
    assert len(diagnosis.not_checked) > len(diagnosis.ruled_out)


def test_the_page_names_every_cause() -> None:
    page = (ROOT / "docs" / "diagnosis.md").read_text()
    assert [cause.id for cause in CAUSES if f"`{cause.id}`" not in page] == []
    check = subprocess.run([sys.executable, str(ROOT / "scripts" / "cause_docs"), "--check"], check=False)
    assert check.returncode == 0
