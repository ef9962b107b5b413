"""The role catalogue of a machine: kept, dated, used by the commands, and never silently replaced."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROLES = [
    {"name": "roles/example.minter", "includedPermissions": ["iam.serviceAccounts.getAccessToken"]},
    {"name": "roles/example.reader", "includedPermissions": ["example.things.get", "example.things.list"]},
]


@pytest.fixture
def home(tmp_path):
    return tmp_path / "data"


def bindwatch(home: Path, *args: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bindwatch", *map(str, args)]
    environ = os.environ | {"XDG_DATA_HOME": str(home)}
    return subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT / "functions", check=False, timeout=60, env=environ
    )


def roles_file(folder: Path, packed: bool = False) -> Path:
    path = folder / "roles.json"
    data = json.dumps(ROLES).encode()
    path.write_bytes(gzip.compress(data) if packed else data)
    return path


@pytest.mark.parametrize("packed", [False, True])
def test_an_imported_catalogue_is_kept_dated_and_used(tmp_path, home, packed):
    done = bindwatch(home, "roles", "import", roles_file(tmp_path, packed), "--as-of", "2020-02-03")
    assert done.returncode == 0, done.stderr
    kept = bindwatch(home, "roles").stdout
    assert "roles: 2 of 2020-02-03" in kept
    assert "days old: bindwatch roles sync" in kept
    shown = bindwatch(home, "roles", "show", "roles/example.minter", "--format", "json")
    assert json.loads(shown.stdout) == {
        "role": "roles/example.minter",
        "complete": True,
        "dangerous": ["iam.serviceAccounts.getAccessToken"],
        "permissions": ["iam.serviceAccounts.getAccessToken"],
    }


def test_a_fresh_catalogue_is_not_called_old(tmp_path, home):
    bindwatch(home, "roles", "import", roles_file(tmp_path))
    assert "old" not in bindwatch(home, "roles").stdout


def test_without_a_catalogue_the_built_in_table_serves_and_says_so(home):
    done = bindwatch(home, "roles")
    assert done.returncode == 0
    assert "built-in table" in done.stdout
    shown = bindwatch(home, "roles", "show", "roles/owner").stdout
    assert "only dangerous ones are listed" in shown


def test_a_role_nobody_knows_is_not_harmless(home):
    done = bindwatch(home, "roles", "show", "roles/example.unheard")
    assert done.returncode == 2
    assert done.stdout == ""


def test_a_damaged_catalogue_stops_the_work(tmp_path, home):
    (home / "bindwatch").mkdir(parents=True)
    (home / "bindwatch" / "roles.bin").write_bytes(b"\x1f\x8bdamaged")
    log = tmp_path / "log.json"
    log.write_text("{}")
    done = bindwatch(home, "scan", log)
    assert done.returncode == 2
    assert "bindwatch roles sync" in done.stderr
    assert "Traceback" not in done.stderr


def test_scan_judges_with_the_catalogue_it_is_given(tmp_path, home):
    policy = {
        "name": "//cloudresourcemanager.googleapis.com/projects/demo",
        "assetType": "cloudresourcemanager.googleapis.com/Project",
        "iamPolicy": {"bindings": [{"role": "roles/example.minter", "members": ["user:ada@example.com"]}]},
        "ancestors": ["projects/111111111111"],
    }
    assets = tmp_path / "assets.ndjson"
    assets.write_text(json.dumps(policy) + "\n")

    def rules(*args: str | Path) -> set[str]:
        done = bindwatch(home, "scan", "--format", "json", assets, *args)
        return {finding["rule_id"] for finding in json.loads(done.stdout)["findings"]}

    assert "role-not-judged" in rules()
    told = rules("--roles", roles_file(tmp_path))
    assert "role-not-judged" not in told
    assert "impersonation-role-on-project" in told


def test_the_catalogue_is_read_from_the_api(tmp_path):
    from bindwatch.adapters import role_files

    path = tmp_path / "deep" / "roles.bin"
    role_files.save(role_files.from_api(ROLES, "2026-10-01"), path)
    loaded = role_files.load(str(path), {})
    assert loaded.catalogue.as_of == "2026-10-01"
    assert loaded.catalogue.complete
    assert loaded.catalogue.permissions("roles/example.reader") == {"example.things.get", "example.things.list"}
