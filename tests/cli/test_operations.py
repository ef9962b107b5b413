"""The commands for running it: what it needs, what it could not read, what it announced."""

from __future__ import annotations

import json
import lzma
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bindwatch.adapters.duckdb import DuckDBStore
from bindwatch.adapters.google_apis import GoogleApis
from bindwatch.adapters.needs import NEEDS, missing_on, roles_for
from bindwatch.adapters.outlets import FileDeadLetters
from bindwatch.cli import alerts, deadletters, permissions
from bindwatch.knowledge.roles import RoleCatalogue
from fakes.google_apis import served as served_grpc
from served import push, served
from test_main import lines, owner_granted


def run(command: Any, *arguments: str) -> Result:
    return CliRunner().invoke(command, list(arguments), standalone_mode=False, catch_exceptions=False)


# permissions


def test_what_each_function_needs() -> None:
    text = run(permissions.command).output
    assert "roles/cloudasset.viewer on the organization, folder or project" in text
    document = json.loads(run(permissions.command, "on_log_entry", "--format", "json").output)
    roles = {item["role"] for item in document["on_log_entry"]["roles"]}
    assert roles == {
        "roles/bigquery.dataEditor",
        "roles/bigquery.dataViewer",
        "roles/bigquery.jobUser",
        "roles/pubsub.publisher",
    }


def test_every_role_holds_the_permissions_it_is_named_for(data_dir: Path) -> None:
    data = lzma.decompress((data_dir / "predefined_roles.json.xz").read_bytes())
    catalogue = RoleCatalogue.parse(data, source="test", as_of="2026-08-22")
    wrong = [
        (role, permission)
        for name in NEEDS
        for (role, _), needed in roles_for(name).items()
        for permission in needed
        if role in catalogue and not catalogue.holds(role, permission)
    ]
    assert wrong == []
    unknown = {role for name in NEEDS for role, _ in roles_for(name) if role not in catalogue}
    assert unknown == set()


def test_what_the_caller_lacks_is_named() -> None:
    client = "google.cloud.resourcemanager_v3:OrganizationsClient"

    def test_iam_permissions(request: Any) -> dict[str, Any]:
        return {"permissions": [name for name in request.permissions if name.startswith("cloudasset.")]}

    with served_grpc([client], {"test_iam_permissions": test_iam_permissions}) as target:
        apis = GoogleApis(target=target, share=None)
        missing = missing_on(apis, "organizations/1", "audit")
    assert "iam.denypolicies.list" in missing
    assert not [name for name in missing if name.startswith("cloudasset.")]


# dead letters


def test_dead_letters_are_shown_and_posted_again(tmp_path: Path) -> None:
    path = tmp_path / "letters.ndjson"
    letters = FileDeadLetters(str(path))
    letters.publish(json.dumps(owner_granted()).encode(), reason="a bug of ours", field="", attributes={"a": "b"})
    letters.publish(b"\x1b[31mpoison", reason="not JSON", field="", attributes={"source_message_id": "7"})
    shown = run(deadletters.command, "list", str(path))
    assert shown.return_value == 1
    assert "7  not JSON" in shown.output
    assert "\x1b" not in shown.output
    with served("on_log_entry", tmp_path) as function:
        again = run(deadletters.command, "replay", f"file:{path}", "--to", function.url)
    assert again.return_value == 1
    totals = json.loads(again.stdout)
    assert "1 are still no entries" in again.stderr
    assert (totals["entries"], totals["dead_letters"]) == (1, 1)
    (letter,) = lines(tmp_path / "dead-letters.ndjson")
    assert letter["message"]["attributes"]["reason"] != "not JSON" or letter["message"]["attributes"].get("a") is None


def test_no_dead_letters(tmp_path: Path) -> None:
    (tmp_path / "none.ndjson").write_text("")
    assert run(deadletters.command, "list", str(tmp_path / "none.ndjson")).return_value == 0


# alerts


@pytest.fixture
def told(tmp_path: Path) -> Path:
    """A folder with a store and the alerts it announced."""
    with served("on_log_entry", tmp_path, BINDWATCH_TRUSTED_DOMAINS="example.com") as function:
        assert function.post(push(owner_granted())).status == 204
    return tmp_path


def test_alerts_are_followed(told: Path) -> None:
    shown = run(alerts.command, "tail", str(told / "alerts.ndjson"), "--no-follow")
    announced = lines(told / "alerts.ndjson")
    assert len(shown.output.splitlines()) == len(announced)
    assert announced[0]["data"]["finding"]["title"] in shown.output
    raw = run(alerts.command, "tail", str(told / "alerts.ndjson"), "--no-follow", "--format", "ndjson")
    assert [json.loads(line) for line in raw.output.splitlines()] == [alert["data"] for alert in announced]


def test_an_alert_sent_again_is_known_as_the_same(told: Path) -> None:
    first = lines(told / "alerts.ndjson")[0]["data"]
    finding_id = first["finding"]["finding_id"]
    place = str(told / "bindwatch.duckdb")
    run(alerts.command, "resend", finding_id[:12], "--to", f"file:{told / 'again.ndjson'}", "--store", place)
    (again,) = lines(told / "again.ndjson")
    assert again["data"]["alert_id"] == first["alert_id"]
    assert again["data"]["reason"] == "resent"
    assert again["attributes"]["finding_id"] == finding_id
    with DuckDBStore(place) as store:
        assert store._connection.execute("select count(*) from alerts_due").fetchone() == (0,)
