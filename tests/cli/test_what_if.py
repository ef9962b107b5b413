"""Asking what a change would do, as a pull-request check asks."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.proposal.plans import change, config, plan

ROOT = Path(__file__).parents[2]
PROJECT = "//cloudresourcemanager.googleapis.com/projects/demo"
DEPLOYER = "deployer@demo.iam.gserviceaccount.com"
ACCOUNT = f"//iam.googleapis.com/projects/demo/serviceAccounts/{DEPLOYER}"
ADA, BOB = "user:ada@example.com", "user:bob@example.com"


def what_if(*args, home):
    command = [sys.executable, "-m", "bindwatch", "what-if", *map(str, args)]
    environ = os.environ | {"XDG_DATA_HOME": str(home)}
    return subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT / "functions", check=False, timeout=60, env=environ
    )


def answer(*args, home, code):
    done = what_if(*args, "--format", "json", home=home)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def estate(tmp_path):
    """Bob may mint tokens of the deployer, which may view; Ada owns the project."""
    assets = [
        {
            "name": PROJECT,
            "assetType": "cloudresourcemanager.googleapis.com/Project",
            "resource": {"data": {"projectId": "demo", "projectNumber": "111"}},
        },
        {
            "name": ACCOUNT,
            "assetType": "iam.googleapis.com/ServiceAccount",
            "resource": {"data": {"email": DEPLOYER, "projectId": "demo", "uniqueId": "1000"}},
        },
        {
            "name": ACCOUNT,
            "assetType": "iam.googleapis.com/ServiceAccount",
            "iamPolicy": {"bindings": [{"role": "roles/iam.serviceAccountTokenCreator", "members": [BOB]}]},
        },
        {
            "name": PROJECT,
            "assetType": "cloudresourcemanager.googleapis.com/Project",
            "iamPolicy": {
                "bindings": [
                    {"role": "roles/viewer", "members": [f"serviceAccount:{DEPLOYER}"]},
                    {"role": "roles/owner", "members": [ADA]},
                ]
            },
        },
    ]
    path = tmp_path / "export" / "assets.ndjson"
    path.parent.mkdir()
    path.write_text("".join(json.dumps(asset) + "\n" for asset in assets))
    return path.parent


def written(tmp_path, document, name="plan.json"):
    path = tmp_path / name
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def grant(role, member=f"serviceAccount:{DEPLOYER}", **more):
    return change("google_project_iam_member", "x", None, {"project": "demo", "role": role, "member": member}, **more)


def test_a_grant_shows_the_finding_and_the_way_that_leads_to_it(tmp_path, estate):
    found = answer(written(tmp_path, plan(grant("roles/owner"))), "--inventory", estate, home=tmp_path, code=1)
    rules = {row["rule_id"] for row in found["findings"]["appear"]}
    assert {"privileged-role", "escalation-chain"} <= rules
    privileged = next(row for row in found["findings"]["appear"] if row["rule_id"] == "privileged-role")
    assert privileged["changes"] == ["google_project_iam_member.x"]
    bob = next(row for row in found["principals"] if row["member"] == BOB)
    assert bob["score_after"] > bob["score_before"]
    assert not found["notes"]
    assert not found["unknown"]


def test_what_is_taken_away_ends_findings_and_ways(tmp_path, estate):
    document = plan(
        change(
            "google_service_account_iam_binding", "x", None,
            {"service_account_id": f"projects/demo/serviceAccounts/{DEPLOYER}", "members": [],
             "role": "roles/iam.serviceAccountTokenCreator"},
        )
    )  # fmt: skip
    found = answer(written(tmp_path, document), "--inventory", estate, home=tmp_path, code=0)
    assert [row["rule_id"] for row in found["findings"]["vanish"]] == ["impersonation-role-on-service-account"]
    (bob,) = found["principals"]
    assert bob["member"] == BOB
    assert [chain["to"] for chain in bob["paths_vanish"]] == [f"serviceAccount:{DEPLOYER}"]
    assert not found["findings"]["appear"]


def test_a_harmless_change_passes(tmp_path, estate):
    document = plan(
        change("google_service_account", "new", None, {"account_id": "fresh", "project": "demo"}),
        grant("roles/logging.logWriter"),
    )
    found = answer(written(tmp_path, document), "--inventory", estate, home=tmp_path, code=0)
    assert found["findings"]["appear"] == []
    assert found["principals"] == []


def test_fail_on_decides_by_what_appears(tmp_path, estate):
    path = written(tmp_path, plan(grant("roles/viewer", "user:eve@example.com")))
    assert what_if(path, "--inventory", estate, "--fail-on", "critical", home=tmp_path).returncode == 0
    path = written(tmp_path, plan(grant("roles/owner")))
    assert what_if(path, "--inventory", estate, "--fail-on", "critical", home=tmp_path).returncode == 1


def test_without_an_inventory_it_says_so_loudly(tmp_path):
    path = written(tmp_path, plan(grant("roles/owner")))
    done = what_if(path, home=tmp_path)
    assert done.returncode == 1
    assert done.stdout.startswith("! NO INVENTORY WAS GIVEN")
    found = answer(path, home=tmp_path, code=1)
    assert "NO INVENTORY" in found["notes"][0]


def test_what_is_known_only_after_apply_is_never_fine(tmp_path, estate):
    document = plan(
        change("google_project_iam_member", "x", None, {"project": "demo", "role": "roles/owner"}, {"member": True}),
        resources=[config("google_project_iam_member", "x", member=["local.who"])],
    )
    path = written(tmp_path, document)
    done = what_if(path, "--inventory", estate, home=tmp_path)
    assert done.returncode == 2
    assert "known only after apply" in " ".join(done.stdout.split())
    assert what_if(path, "--inventory", estate, "--allow-unknown", home=tmp_path).returncode == 0


@pytest.mark.parametrize("name", ["policy.json", "policy.yaml"])
@pytest.mark.parametrize("resource", ["demo", "projects/demo", PROJECT])
def test_a_policy_as_gcloud_prints_it(tmp_path, estate, name, resource):
    policy = {"bindings": [{"role": "roles/owner", "members": [ADA, BOB]}], "etag": "BwXo", "version": 1}
    text = json.dumps(policy)
    if name.endswith("yaml"):
        text = f"bindings:\n- members:\n  - {ADA}\n  - {BOB}\n  role: roles/owner\netag: BwXo\nversion: 1\n"
    path = written(tmp_path, text, name)
    found = answer(path, "--resource", resource, "--inventory", estate, home=tmp_path, code=1)
    assert f"roles/owner {BOB}" in {row["subject"] for row in found["findings"]["appear"]}
    assert not [row for row in found["findings"]["appear"] if ADA in row["subject"]], "Ada owned it before"


def test_a_policy_of_nobody_is_refused(tmp_path, estate):
    path = written(tmp_path, {"bindings": [{"role": "roles/owner", "members": [BOB]}], "etag": "x"}, "policy.json")
    done = what_if(path, home=tmp_path)
    assert done.returncode == 2
    assert "--resource" in done.stderr


@pytest.mark.parametrize("document", ["no plan", {"format_version": "1.0", "terraform_version": "1", "values": {}}])
def test_what_is_no_proposal_is_refused(tmp_path, document):
    done = what_if(written(tmp_path, document), home=tmp_path)
    assert done.returncode == 2
    assert "plan" in done.stderr
    assert "Traceback" not in done.stderr


def test_code_scanning_is_told_the_line_of_the_configuration(tmp_path, estate):
    file = written(tmp_path, plan(grant("roles/owner")))
    modules = tmp_path / "infra" / "modules" / "iam"
    modules.mkdir(parents=True)
    (modules / "main.tf").write_text('resource "google_project_iam_member" "other" {}\n', encoding="utf-8")
    text = '# who may what\n\nresource "google_project_iam_member" "x" {\n}\n'
    (tmp_path / "infra" / "iam.tf").write_text(text, encoding="utf-8")
    sarif, page = tmp_path / "out.sarif", tmp_path / "out.md"
    outputs = ("--output", f"sarif={sarif}", "--output", f"markdown={page}")
    done = what_if(file, "--inventory", estate, "--terraform", tmp_path / "infra", *outputs, home=tmp_path)
    assert done.returncode == 1, done.stderr
    (run,) = json.loads(sarif.read_text())["runs"]
    place = run["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"].endswith("/infra/iam.tf")
    assert place["region"] == {"startLine": 3}
    assert "google_project_iam_member.x" in done.stdout
    assert "bindwatch what-if:" in page.read_text()
    nowhere = what_if(file, "--inventory", estate, "--terraform", modules, "--format", "sarif", home=tmp_path)
    (run,) = json.loads(nowhere.stdout)["runs"]
    place = run["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"].endswith("/plan.json")


def test_who_is_an_outsider_is_told_from_the_inventory_as_a_scan_does(tmp_path, estate):
    organization = {
        "name": "//cloudresourcemanager.googleapis.com/organizations/1",
        "assetType": "cloudresourcemanager.googleapis.com/Organization",
        "resource": {"data": {"name": "organizations/1", "displayName": "example.com"}},
    }
    (estate / "organization.ndjson").write_text(json.dumps(organization) + "\n")
    plan_file = written(tmp_path, plan(grant("roles/viewer", "user:eve@other.example")))
    found = answer(plan_file, "--inventory", estate, home=tmp_path, code=1)
    assert "external-member" in {finding["rule_id"] for finding in found["findings"]["appear"]}


def test_of_thousands_that_stay_the_few_that_change_are_told(tmp_path, estate):
    many = [f"user:person-{number}@example.com" for number in range(2100)]
    asset = {
        "name": PROJECT.replace("demo", "large"),
        "assetType": "cloudresourcemanager.googleapis.com/Project",
        "iamPolicy": {"bindings": [{"role": "roles/editor", "members": many}]},
    }
    (estate / "large.ndjson").write_text(json.dumps(asset) + "\n")
    kept = {"bindings": [{"role": "roles/editor", "members": many[1:]}, {"role": "roles/owner", "members": many[-1:]}]}
    policy = written(tmp_path, kept, "policy.json")
    found = answer(policy, "--resource", PROJECT.replace("demo", "large"), "--inventory", estate, home=tmp_path, code=1)
    gone = {(finding["rule_id"], finding["principal"]) for finding in found["findings"]["vanish"]}
    assert ("privileged-role", many[0]) in gone
    assert {principal for _, principal in gone} == {many[0]}
    assert {finding["principal"] for finding in found["findings"]["appear"]} == {many[-1]}
    assert found["findings"]["stay"] > 2 * 2098
