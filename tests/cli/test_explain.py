"""Explaining as a user asks: who becomes whom, through what, and what nobody could see."""

import json
import os
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = "//cloudresourcemanager.googleapis.com/projects/demo"
ORGANIZATION = "//cloudresourcemanager.googleapis.com/organizations/1"
DEPLOYER = "deployer@demo.iam.gserviceaccount.com"
ACCOUNT = f"//iam.googleapis.com/projects/demo/serviceAccounts/{DEPLOYER}"
ABOVE = ["projects/111111111111", "organizations/1"]


def policy(name, kind, ancestors, *bindings):
    rows = [{"role": role, "members": list(members)} for role, *members in bindings]
    return {"name": name, "assetType": kind, "iamPolicy": {"bindings": rows, "etag": "e"}, "ancestors": ancestors}


PROJECT_KIND, ACCOUNT_KIND = "cloudresourcemanager.googleapis.com/Project", "iam.googleapis.com/ServiceAccount"


def estate(folder, *more):
    assets = [
        {
            "name": PROJECT,
            "assetType": PROJECT_KIND,
            "resource": {"data": {"projectId": "demo", "projectNumber": "111111111111"}},
            "ancestors": ABOVE,
        },
        {
            "name": ACCOUNT,
            "assetType": ACCOUNT_KIND,
            "resource": {"data": {"email": DEPLOYER, "projectId": "demo", "uniqueId": "1000"}},
            "ancestors": ABOVE,
        },
        policy(
            ACCOUNT, ACCOUNT_KIND, ABOVE, ("roles/iam.serviceAccountTokenCreator", "user:ada@example.com"),
        ),
        policy(PROJECT, PROJECT_KIND, ABOVE, ("roles/viewer", "user:bob@example.com")),
        policy(
            ORGANIZATION,
            "cloudresourcemanager.googleapis.com/Organization",
            ["organizations/1"],
            ("roles/resourcemanager.organizationAdmin", f"serviceAccount:{DEPLOYER}"),
        ),
        *more,
    ]  # fmt: skip
    path = folder / "assets.ndjson"
    path.write_text("".join(json.dumps(asset) + "\n" for asset in assets))
    return path


def explain(*args, home):
    command = [sys.executable, "-m", "bindwatch", "explain", *map(str, args)]
    environ = os.environ | {"XDG_DATA_HOME": str(home)}
    return subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT / "functions", check=False, timeout=60, env=environ
    )


def answer(*args, home, code=0):
    done = explain(*args, "--format", "json", home=home)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("spelling", ["user:ada@example.com", "ada@example.com", "user:Ada@Example.com"])
def test_the_chain_the_score_and_the_one_removal(tmp_path, spelling):
    found = answer(spelling, estate(tmp_path), home=tmp_path)
    assert found["principal"] == "user:ada@example.com"
    assert [hop["to"] for hop in found["chain"]] == [f"serviceAccount:{DEPLOYER}"]
    assert found["score"] > found["own_score"]
    assert found["severity"] == "HIGH"
    assert [(one["identity"], one["steps"]) for one in found["becomes"]] == [(f"serviceAccount:{DEPLOYER}", 1)]
    words = found["chain"][0]["words"]
    assert "roles/iam.serviceAccountTokenCreator" in words
    assert DEPLOYER in words
    removal = found["removal"]
    assert removal["role"] in ("roles/iam.serviceAccountTokenCreator", "roles/resourcemanager.organizationAdmin")
    assert removal["score_after"] < found["score"]
    for text in (*removal["commands"], *removal["undo"]):
        words = shlex.split(text)
        assert words[0] == "gcloud"
        assert f"--role={removal['role']}" in words


def test_who_can_reach_a_service_account(tmp_path):
    found = answer(DEPLOYER, estate(tmp_path), home=tmp_path)
    assert [one["identity"] for one in found["reached_by"]] == ["user:ada@example.com"]
    assert found["reached_by"][0]["hops"][0]["path"].startswith("sa-")
    assert found["held"][0]["resource"] == ORGANIZATION


@pytest.mark.parametrize("spelling", ["demo", "projects/demo", PROJECT, "projects/111111111111"])
def test_who_can_reach_a_resource_from_there_and_from_above(tmp_path, spelling):
    found = answer(spelling, estate(tmp_path), home=tmp_path)
    assert found["resource"] == PROJECT
    assert {(one["member"], one["resource"]) for one in found["held"]} == {
        ("user:bob@example.com", PROJECT),
        (f"serviceAccount:{DEPLOYER}", ORGANIZATION),
    }
    assert [one["identity"] for one in found["reached_by"]] == ["user:ada@example.com"]


def test_a_role_nobody_knows_and_parts_not_read_are_said_loudly(tmp_path):
    more = policy(
        f"{ORGANIZATION}0", "cloudresourcemanager.googleapis.com/Organization", ["organizations/10"],
        ("roles/example.unheard", "user:ada@example.com"), ("roles/viewer", "group:ops@example.com"),
    )  # fmt: skip
    path = estate(tmp_path, more)
    found = answer("ada@example.com", path, home=tmp_path)
    assert any("roles/example.unheard" in text for text in found["unknown"])
    assert any(text.startswith("groups: not in the input") for text in found["unknown"])
    assert any(text.startswith("deny policies: not in the input") for text in found["unknown"])
    assert [one["known"] for one in found["held"] if one["role"] == "roles/example.unheard"] == [False]
    text = " ".join(explain("ada@example.com", path, home=tmp_path).stdout.split())
    assert "UNKNOWN: nobody knows what it allows" in text
    assert any("members" in line for line in answer("ops@example.com", path, home=tmp_path)["unknown"])


def test_a_name_nothing_names_is_not_called_harmless(tmp_path):
    done = explain("nobody@example.com", estate(tmp_path), home=tmp_path)
    assert done.returncode == 2
    assert "nothing in the input names it" in done.stderr


def test_an_input_that_cannot_be_read_is_not_an_answer(tmp_path):
    path = estate(tmp_path)
    broken = tmp_path / "broken.json"
    broken.write_text('{"name": ')
    assert explain("ada@example.com", path, broken, home=tmp_path).returncode == 2


def test_the_drawings_hold_the_chain_and_no_live_text(tmp_path):
    hostile = 'user:x"><script>alert(1)</script>@example.com'
    more = policy(
        f"{ACCOUNT}x", ACCOUNT_KIND, ABOVE, ("roles/iam.serviceAccountTokenCreator", hostile),
    )  # fmt: skip
    path = estate(tmp_path, more)
    dot = explain("ada@example.com", path, "--format", "dot", home=tmp_path)
    assert f'"user:ada@example.com" -> "serviceAccount:{DEPLOYER}"' in dot.stdout
    assert "unknown: groups" in dot.stderr
    svg = explain("demo", path, "--format", "svg", home=tmp_path).stdout
    tree = ElementTree.fromstring(svg)
    titles = [element.text for element in tree.iter("{http://www.w3.org/2000/svg}title")]
    assert "user:ada@example.com" in titles
    assert not list(tree.iter("{http://www.w3.org/2000/svg}script"))
    drawn = explain(hostile, path, "--format", "dot", home=tmp_path).stdout
    assert '\\"><script>' in drawn or "<script>" not in drawn
    assert "<script" not in explain(hostile, path, "--format", "svg", home=tmp_path).stdout


def test_text_names_what_to_remove_and_how_to_undo_it(tmp_path):
    done = explain("ada@example.com", estate(tmp_path), home=tmp_path)
    assert done.returncode == 0
    assert "What to remove" in done.stdout
    assert "gcloud" in done.stdout
    assert "undo: gcloud" in done.stdout
    assert "built-in table" in done.stderr


def test_a_grant_that_has_run_out_and_a_denied_way_are_told_apart(tmp_path):
    keys, editor = "roles/iam.serviceAccountKeyAdmin", "roles/editor"
    over = policy(PROJECT, PROJECT_KIND, ABOVE, (keys, "user:eve@example.com"), (editor, "user:eve@example.com"))
    over["iamPolicy"]["bindings"][1]["condition"] = {"expression": 'request.time < timestamp("2020-01-01T00:00:00Z")'}
    deny = {
        "name": "policies/cloudresourcemanager.googleapis.com%2Fprojects%2Fdemo/denypolicies/no-keys",
        "rules": [
            {
                "denyRule": {
                    "deniedPrincipals": ["principalSet://goog/public:all"],
                    "deniedPermissions": ["iam.googleapis.com/serviceAccountKeys.create"],
                }
            }
        ],
    }
    path = tmp_path / "assets.json"
    path.write_text(json.dumps(over) + "\n" + json.dumps(deny) + "\n")
    held = {row["role"]: row for row in answer("eve@example.com", path, home=tmp_path)["held"]}
    assert (held[keys]["paths"], held[keys]["denied"]) == (["sa-key-enable"], ["sa-key"])
    assert (held[editor]["over"], held[editor]["paths"]) == (True, [])
    text = " ".join(explain("eve@example.com", path, home=tmp_path).stdout.split())
    assert "a deny policy takes sa-key" in text
    assert "does not hold now" in text


def test_a_grant_beyond_the_boundary_of_its_holder_grants_nothing(tmp_path):
    boundary = {
        "name": "organizations/1/locations/global/principalAccessBoundaryPolicies/elsewhere",
        "details": {"rules": [{"effect": "ALLOW", "resources": [f"{PROJECT}-other"]}], "enforcementVersion": "4"},
    }
    binding = {
        "name": "projects/demo/locations/global/policyBindings/b",
        "target": {"principalSet": PROJECT},
        "policyKind": "PRINCIPAL_ACCESS_BOUNDARY",
        "policy": boundary["name"],
    }
    found = answer(DEPLOYER, estate(tmp_path, boundary, binding), home=tmp_path)
    (held,) = found["held"]
    assert (held["out_of_bounds"], held["paths"], found["score"]) == (True, [], 0)
