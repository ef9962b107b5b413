"""The GitHub Action and the pre-commit hooks: valid, and their commands run here as they would there."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from infra.root import ROOT

ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
HOOKS = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
STEPS = ACTION["runs"]["steps"]

POLICY = {"bindings": [{"role": "roles/owner", "members": ["allUsers"]}], "etag": "BwX="}
ASSET = {
    "name": "//cloudresourcemanager.googleapis.com/projects/demo",
    "assetType": "cloudresourcemanager.googleapis.com/Project",
    "iamPolicy": POLICY,
}


def run_step(
    step: dict[str, Any], folder: Path, **inputs: str
) -> tuple[subprocess.CompletedProcess[str], dict[str, str]]:
    """Run a step as the runner does: inputs in the environment, outputs in a file."""
    given = {name: str(value.get("default", "")) for name, value in ACTION["inputs"].items()} | inputs
    environ = {
        name: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda found: given[found[1]], value)
        for name, value in step["env"].items()
    }
    output, summary = folder / "github-output", folder / "github-summary"
    output.touch()
    places = {"GITHUB_ACTION_PATH": str(ROOT), "GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(summary)}
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, **places, "RUNNER_TEMP": str(folder), "PYTHON": sys.executable, **environ},
        check=False,
    )
    return done, dict(line.split("=", 1) for line in output.read_text().splitlines())


@pytest.fixture
def export(tmp_path: Path) -> Path:
    (tmp_path / "my export").mkdir()
    (tmp_path / "my export" / "assets.ndjson").write_text(json.dumps(ASSET) + "\n", encoding="utf-8")
    return tmp_path


def test_the_action_is_valid() -> None:
    schema = files("check_jsonschema.builtin_schemas.vendor").joinpath("github-actions.json").read_text()
    jsonschema.Draft7Validator(json.loads(schema)).validate(ACTION)


def test_no_input_becomes_part_of_a_script() -> None:
    for step in STEPS:
        assert "${{" not in step.get("run", "")


def test_the_action_scans_and_hands_on_what_it_found(export: Path) -> None:
    done, outputs = run_step(STEPS[0], export, paths="my export\n")
    assert done.returncode == 0, done.stderr
    assert outputs["exit-code"] == "1"
    (run,) = json.loads(Path(outputs["sarif"]).read_text())["runs"]
    place = run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
    assert place == {"uri": "my%20export/assets.ndjson", "uriBaseId": "%SRCROOT%"}
    assert "bindwatch scan:" in (export / "github-summary").read_text()
    begin, *_, end = [line for line in done.stdout.splitlines() if line.startswith("::")]
    assert begin == f"::stop-commands::{end.strip(':')}", "what is printed may hold what the runner takes for a command"
    verdict = subprocess.run(["bash", "-c", STEPS[-1]["run"]], env={"STATUS": outputs["exit-code"]}, check=False)
    assert verdict.returncode == 1


def test_the_action_passes_below_fail_on_and_says_what_it_could_not_do(export: Path) -> None:
    (export / "few.json").write_text(json.dumps({**ASSET, "iamPolicy": {"bindings": []}}), encoding="utf-8")
    done, outputs = run_step(STEPS[0], export, paths="few.json")
    assert outputs["exit-code"] == "0", done.stderr
    _, outputs = run_step(STEPS[0], export, paths="nowhere")
    assert outputs["exit-code"] == "2"
    done, _ = run_step(STEPS[0], export, paths="few.json", command="show")
    assert done.returncode == 2


def test_the_action_asks_what_a_policy_would_change(export: Path) -> None:
    (export / "policy.json").write_text(json.dumps(POLICY), encoding="utf-8")
    more = "--resource\nprojects/demo"
    _, outputs = run_step(
        STEPS[0], export, command="what-if", paths="policy.json", inventory="my export\n\n", arguments=more
    )
    assert outputs["exit-code"] == "0", "the same policy changes nothing"


def test_what_is_in_inputs_is_not_run(export: Path) -> None:
    evil = '$(touch pwned) `touch pwned`; touch pwned\n" ; touch pwned ; "\n--output=sarif=pwned'
    done, outputs = run_step(STEPS[0], export, paths=evil, inventory="", settings="", arguments="")
    assert outputs["exit-code"] == "2", done.stderr
    assert not (export / "pwned").exists()


def test_uploading_is_asked_of_the_results_of_the_judging_step() -> None:
    upload = STEPS[1]
    assert upload["uses"].startswith("github/codeql-action/upload-sarif@")
    assert upload["with"]["sarif_file"] == "${{ steps.judge.outputs.sarif }}"
    assert STEPS[0]["id"] == "judge"
    written = set(re.findall(r'echo "([\w-]+)=', STEPS[0]["run"]))
    assert {re.findall(r"outputs\.([\w-]+)", output["value"])[0] for output in ACTION["outputs"].values()} == written


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook["id"])
def test_a_hook_is_whole(hook: dict[str, Any]) -> None:
    assert {"id", "name", "description", "entry", "language", "files"} <= hook.keys()
    assert hook["language"] == "python"
    assert hook["additional_dependencies"] == [".[cli]"], "the command needs its extra"
    re.compile(hook["files"])


def test_hooks_take_the_files_that_are_meant() -> None:
    taken = {hook["id"]: re.compile(hook["files"]) for hook in HOOKS}
    for name in ("iam/policy.json", "policies.yaml", "org-policy-bindings.json", "export/assets.ndjson", "iam.yml"):
        assert taken["bindwatch-scan"].search(name), name
    for name in ("package.json", "src/settings.yaml", "plan.json"):
        assert not taken["bindwatch-scan"].search(name), name
    assert taken["bindwatch-what-if"].search("infra/tfplan.json")
    assert not taken["bindwatch-what-if"].search("infra/plan.out")


def test_a_hook_fails_on_a_grant_to_everybody(export: Path) -> None:
    hook = next(hook for hook in HOOKS if hook["id"] == "bindwatch-scan")
    program, *command = [*shlex.split(hook["entry"]), *hook["args"], "my export/assets.ndjson"]
    assert program == "bindwatch"
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "functions")}
    done = subprocess.run(
        [sys.executable, "-m", "bindwatch", *command],
        cwd=export,
        capture_output=True,
        text=True,
        env=environ,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "allUsers" in done.stdout
