"""What the pages on deploying say can be done: commands are known, SQL is BigQuery's, links lead somewhere."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import sqlglot
import yaml

import gcloud
from infra.root import ROOT

NAMES = ("quick-start", "permissions", "cost", "security", "operations", "alert-subscribers", "queries", "faq")
PAGES = [*(ROOT / f"docs/{name}.md" for name in NAMES), ROOT / "infra/README.md"]
GROUPS = {"alerts", "deadletters", "roles"}
OTHERS = {"gcloud", "bq", "git", "cp", "terraform"}


def commands() -> list[tuple[str, str]]:
    """Every command line of the pages: indented by four, and not inside a fence."""
    found: list[tuple[str, str]] = []
    for page in PAGES:
        text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        lines = re.findall(r"^    (?! )(\S.*)$", text, re.MULTILINE)
        found += [(page.name, line) for line in lines if not line.startswith(("terraform {", "}"))]
    return found


def fenced(language: str) -> list[tuple[str, str]]:
    """Every fenced piece in one language."""
    return [
        (page.name, piece)
        for page in PAGES
        for piece in re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    ]


def words(line: str) -> list[str]:
    return shlex.split(line.partition("  #")[0])


def help_of(*command: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "functions"), "COLUMNS": "200"}
    program = [sys.executable, "-m", "bindwatch", *command, "--help"]
    done = subprocess.run(program, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_pages_hold_commands() -> None:
    assert len(commands()) > 20
    assert len(fenced("sql")) > 5


@pytest.mark.parametrize(("page", "line"), commands())
def test_a_command_is_known(page: str, line: str) -> None:
    program, *arguments = words(line)
    if program.startswith("scripts/"):
        script = ROOT / program
        assert os.access(script, os.X_OK), line
        text = script.read_text(encoding="utf-8")
        if program == "scripts/verify":
            text += (ROOT / "scripts/verification.py").read_text(encoding="utf-8")
        for option in (word for word in arguments if word.startswith("--")):
            assert option in text, f"{page}: {program} knows no {option}"
    elif program == "bindwatch":
        told = help_of(*arguments[: 2 if arguments[0] in GROUPS else 1])
        for option in (word for word in arguments if word.startswith("--")):
            assert option in told, f"{page}: bindwatch {arguments[0]} knows no {option}"
    else:
        assert program in OTHERS, f"{page}: {line}"
        for part in gcloud.simple_commands(line):
            if part[0] == "gcloud":
                assert gcloud.refused_by_gcloud(part[1:]) == ""


@pytest.mark.parametrize(("page", "query"), fenced("sql"))
def test_a_query_is_of_bigquery_and_of_our_views(page: str, query: str) -> None:
    (tree,) = sqlglot.parse(query, read="bigquery")
    known = {path.stem for path in (ROOT / "functions/bindwatch/sql/views").glob("*.sql")}
    known |= {path.stem for path in (ROOT / "functions/bindwatch/sql/schema").glob("*.json")}
    assert tree is not None
    for table in tree.find_all(sqlglot.exp.Table):
        if table.db == "bindwatch":
            assert table.name in known, f"{page}: no view {table.name}"


@pytest.mark.parametrize(("page", "piece"), fenced("hcl"))
def test_terraform_in_a_page_is_formatted(page: str, piece: str, terraform_tools: Path) -> None:
    done = subprocess.run(["terraform", "fmt", "-check", "-"], input=piece, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{page}: {done.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target, _, anchor in re.findall(r"\]\(([^)#]*?)(#([^)]*))?\)", page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        path = page.parent / target if target else page
        assert path.exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}, anchor


def test_every_role_that_is_granted_is_explained() -> None:
    page = (ROOT / "docs/permissions.md").read_text(encoding="utf-8")
    for path in (ROOT / "infra").glob("*.tf"):
        for role in re.findall(r'"(roles/[\w.]+)"', path.read_text(encoding="utf-8")):
            assert f"`{role}`" in page, role


def test_sections_that_alert_policies_name_exist() -> None:
    operations = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    named = re.findall(r"docs/operations\.md, ([^.\"]+)\.", (ROOT / "infra/monitoring.tf").read_text(encoding="utf-8"))
    assert named
    for title in named:
        assert f"\n## {title}\n" in operations, title


@pytest.mark.parametrize("name", ["cloudbuild.yaml", "cloudbuild.apply.yaml"])
def test_steps_of_the_build_call_scripts_and_hold_no_logic(name: str) -> None:
    build = yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
    ids = [step["id"] for step in build["steps"]]
    for step in build["steps"]:
        assert "script" not in step
        entrypoint = step["entrypoint"]
        assert entrypoint in ("cp", "mkdir", "gcloud") or os.access(ROOT / entrypoint, os.X_OK), step["id"]
        assert set(step["waitFor"]) <= {*ids, "-"}, step["id"]
        assert not any(word in str(step.get("args", "")) for word in ("&&", ";", "|", "-c")), step["id"]
        if entrypoint.startswith("scripts/"):
            text = (ROOT / entrypoint).read_text(encoding="utf-8")
            assert all(option in text for option in step.get("args", ()) if option.startswith("--")), step["id"]
    used = set(re.findall(r"\$(_[A-Z_]+)", (ROOT / name).read_text(encoding="utf-8")))
    assert used == set(build["substitutions"])


def test_no_step_starts_before_what_it_needs() -> None:
    steps = yaml.safe_load((ROOT / "cloudbuild.yaml").read_text(encoding="utf-8"))["steps"]
    before: dict[str, set[str]] = {}

    def needed(name: str) -> set[str]:
        step = next(step for step in steps if step["id"] == name)
        return before.setdefault(name, set().union(*({one} | needed(one) for one in step["waitFor"] if one != "-")))

    assert needed("plan") == {"tools", "terraform", "check", "test", "package"}


def test_what_needs_no_cloud_runs_here(tmp_path: Path) -> None:
    for name in ("cloudbuild.yaml", "scripts", "functions", "requirements", "pyproject.toml"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tmp_path / name)
    command = [sys.executable, tmp_path / "scripts/build_locally", "tools", "package", "plan"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "tools: not here" in done.stdout
    assert "plan: not here: it needs a deployment ($_INPUTS, $_STATE_BUCKET)" in done.stdout
    assert (tmp_path / "infra/build/functions.zip").exists()


def test_the_cost_of_a_size_grows_with_it() -> None:
    def cost(rate: str) -> float:
        done = subprocess.run(
            [sys.executable, ROOT / "scripts/cost", "--entries-per-second", rate],
            capture_output=True,
            text=True,
            check=True,
        )
        return float(re.findall(r"\*\*([\d,.]+)\*\* \|$", done.stdout, re.MULTILINE)[-1].replace(",", ""))

    assert 0 < cost("0.01") <= cost("1") < cost("100") < cost("1000")


def test_outputs_of_a_plan_are_what_verify_reads() -> None:
    outputs = set(re.findall(r'^output "(\w+)"', (ROOT / "infra/outputs.tf").read_text(encoding="utf-8"), re.MULTILINE))
    read = set(re.findall(r'deployment\["(\w+)"\]', (ROOT / "scripts/verification.py").read_text(encoding="utf-8")))
    read |= set(re.findall(r"self\[\"(\w+)\"\]", (ROOT / "scripts/verification.py").read_text(encoding="utf-8")))
    read |= set(re.findall(r"deployment\['(\w+)'\]", (ROOT / "scripts/verification.py").read_text(encoding="utf-8")))
    assert read
    assert read <= outputs


def test_who_deploys_may_make_everything_there_is() -> None:
    build = (ROOT / "infra/build.tf").read_text(encoding="utf-8")
    (roles,) = re.findall(r"_deployer_roles = \{\n(.*?)\n  \}", build, re.DOTALL)
    (elsewhere,) = re.findall(r"_granted_elsewhere = (\[.*?\])", build)
    prefixes = tuple(re.findall(r'"(google_\w+)"', roles + elsewhere))
    kinds = {
        kind
        for path in (ROOT / "infra").glob("*.tf")
        for kind in re.findall(r'^resource "(\w+)"', path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert kinds
    for kind in kinds:
        assert kind.startswith(prefixes), f"{kind}: no role of the deployer makes it"
    for prefix in prefixes:
        assert any(kind.startswith(prefix) for kind in kinds), f"{prefix}: nothing of that kind is made"


def test_accounts_of_the_build_are_those_that_terraform_makes() -> None:
    for name, account in (("cloudbuild.yaml", "planner"), ("cloudbuild.apply.yaml", "deployer")):
        given = yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))["serviceAccount"]
        assert f"/bindwatch-{account}@" in given
        assert f'account_id   = "${{var.name}}-{account}"' in (ROOT / "infra/build.tf").read_text(encoding="utf-8")
