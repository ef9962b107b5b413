"""Least privilege as a user asks for it: policies and logs on disk, or logs in a store."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = "//cloudresourcemanager.googleapis.com/projects/demo"
START, STOP = "compute.instances.start", "compute.instances.stop"
ROLES = [
    {"name": "roles/example.operator", "includedPermissions": [START, STOP]},
    {"name": "roles/example.starter", "includedPermissions": [START]},
]


def bindwatch(folder, *args):
    command = [sys.executable, "-m", "bindwatch", *map(str, args)]
    environ = os.environ | {"XDG_DATA_HOME": str(folder / "data")}
    return subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT / "functions", check=False, timeout=120, env=environ
    )


@pytest.fixture
def material(tmp_path):
    asset = {
        "name": PROJECT,
        "assetType": "cloudresourcemanager.googleapis.com/Project",
        "iamPolicy": {
            "bindings": [
                {"role": "roles/example.operator", "members": ["user:ada@example.com", "user:bo@example.com"]}
            ],
        },
        "ancestors": ["projects/111111111111"],
    }
    (tmp_path / "assets.ndjson").write_text(json.dumps(asset) + "\n")
    (tmp_path / "roles.json").write_text(json.dumps(ROLES))
    entries = [
        {
            "logName": "projects/demo/logs/cloudaudit.googleapis.com%2Factivity",
            "insertId": f"i{day}",
            "timestamp": f"2026-09-{day:02}T10:00:00Z",
            "resource": {"type": "gce_instance", "labels": {"project_id": "demo"}},
            "protoPayload": {
                "serviceName": "compute.googleapis.com",
                "methodName": "v1.compute.instances.start",
                "resourceName": "projects/demo/zones/europe-west1-b/instances/i",
                "authenticationInfo": {"principalEmail": "ada@example.com"},
                "authorizationInfo": [
                    {"permission": START, "granted": True, "resource": "projects/demo/zones/europe-west1-b/instances/i"}
                ],
            },
        }
        for day in range(1, 29)
    ]
    (tmp_path / "logs.ndjson").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    return tmp_path


def members(done):
    return {one["member"]: one for one in json.loads(done.stdout)["members"]}


def test_files_give_what_was_used_and_what_would_do(material):
    done = bindwatch(
        material, "least-privilege", material / "logs.ndjson", material / "assets.ndjson",
        "--roles", material / "roles.json", "--format", "json",
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    found = members(done)
    ada, bo = found["user:ada@example.com"], found["user:bo@example.com"]
    assert ada["verdict"] == "narrower roles suffice"
    assert ada["used"] == [START]
    assert ada["instead"][0]["roles"] == ["roles/example.starter"]
    assert ada["remediation"]["undo"]
    assert bo["verdict"] == "unused"
    window = json.loads(done.stdout)["window"]
    assert window["since"].startswith("2026-09-01")
    assert window["shows_yearly_jobs"] is False


def test_one_principal_in_text(material):
    done = bindwatch(
        material, "least-privilege", material, "--roles", material / "roles.json", "--principal", "bo@example.com"
    )
    assert "user:bo@example.com: roles/example.operator on project demo" in done.stdout
    assert "ada" not in done.stdout
    assert "Shorter than a year" in done.stdout


def test_a_store_tells_the_same(material):
    store = material / "kept.duckdb"
    bindwatch(material, "scan", material / "logs.ndjson", "--store", store)
    done = bindwatch(
        material, "least-privilege", material / "assets.ndjson", "--store", store,
        "--roles", material / "roles.json", "--format", "json", "--as-of", "2026-11-01",
    )  # fmt: skip
    found = members(done)
    assert found["user:ada@example.com"]["instead"][0]["roles"] == ["roles/example.starter"]
    assert found["user:bo@example.com"]["verdict"] == "unused"


def test_without_a_full_catalogue_it_says_what_it_needs(material):
    done = bindwatch(material, "least-privilege", material)
    assert done.returncode == 2
    assert "bindwatch roles sync" in done.stderr


def test_without_logs_it_could_not_do_its_work(material):
    done = bindwatch(
        material, "least-privilege", material / "assets.ndjson", "--roles", material / "roles.json", "--format", "json"
    )
    assert done.returncode == 2
    assert {one["verdict"] for one in members(done).values()} == {"cannot tell"}
