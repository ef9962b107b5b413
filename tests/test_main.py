"""The entry points, served as the platform serves them: a push in, rows and alerts out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from bindwatch.adapters.duckdb import DuckDBStore
from fakes.receivers import Reply, Slack, listening
from generate import generate_entries
from served import SOURCE, Function, push, served, start


def owner_granted(member: str = "user:visitor@gmail.com", insert_id: str = "i1") -> dict[str, Any]:
    """An entry that some rule must find something in."""
    delta = {"action": "ADD", "role": "roles/owner", "member": member}
    return {
        "logName": "projects/example-shop-prod/logs/cloudaudit.googleapis.com%2Factivity",
        "insertId": insert_id,
        "timestamp": "2026-11-01T10:00:00Z",
        "severity": "NOTICE",
        "resource": {"type": "project", "labels": {"project_id": "example-shop-prod"}},
        "protoPayload": {
            "serviceName": "cloudresourcemanager.googleapis.com",
            "methodName": "SetIamPolicy",
            "resourceName": "projects/example-shop-prod",
            "authenticationInfo": {"principalEmail": "ada@example.com"},
            "serviceData": {"policyDelta": {"bindingDeltas": [delta]}},
        },
    }


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def rows(function: Function, sql: str) -> list[tuple[Any, ...]]:
    """What the store holds; the function must have let go of it."""
    with DuckDBStore(str(function.folder / "bindwatch.duckdb")) as store:
        return list(store._connection.execute(sql).fetchall())


def test_a_push_becomes_rows_and_an_alert(tmp_path: Path) -> None:
    trace = "0123456789abcdef0123456789abcdef"
    with served("on_log_entry", tmp_path, BINDWATCH_TRUSTED_DOMAINS="example.com") as function:
        assert function.post(push(owner_granted()), {"X-Cloud-Trace-Context": f"{trace}/1;o=1"}).status == 204
        assert function.post(push(owner_granted(), "2")).status == 204
    assert rows(function, "select caller_name, method from activity") == [("ada@example.com", "SetIamPolicy")]
    findings = rows(function, "select finding_id, state from findings")
    assert findings
    alerts = lines(tmp_path / "alerts.ndjson")
    assert {alert["attributes"]["finding_id"] for alert in alerts} == {finding_id for finding_id, _ in findings}
    assert len({alert["data"]["alert_id"] for alert in alerts}) == len(alerts) == len(findings)
    assert not (tmp_path / "dead-letters.ndjson").exists()
    (counted,) = [line for line in function.log_lines if line["message"] == "judged"]
    assert counted["counts"]["entries"] == 2


def test_poison_is_kept_with_its_reason_and_acknowledged(tmp_path: Path) -> None:
    no_data: dict[str, Any] = {"message": {"attributes": {"a": "b"}, "messageId": "9"}, "subscription": "s"}
    with served("on_log_entry", tmp_path) as function:
        assert function.post(no_data).status == 204
        assert function.post(push(b'{"logName": "x"}'), {}).status == 204
        assert function.post(b"\x00 not json").status == 204
    found = [letter["message"]["attributes"] for letter in lines(tmp_path / "dead-letters.ndjson")]
    assert [(item["field"], bool(item["reason"])) for item in found] == [
        ("message.data", True),
        ("protoPayload", True),
        ("", True),
    ]
    assert found[0]["source_message_id"] == "9"
    assert [line["severity"] for line in function.log_lines if "dead letters" in line["message"]] == ["WARNING"] * 3


def test_a_batch_says_what_became_of_it(tmp_path: Path) -> None:
    body = [push(line, str(number)) for number, line in enumerate(generate_entries(50, seed=5))]
    body.insert(7, push(b"poison", "x"))
    with served("on_log_entry", tmp_path) as function:
        answer = function.post({"receivedMessages": body})
        assert answer.status == 200
        assert (answer.json()["entries"], answer.json()["dead_letters"]) == (50, 1)
        letters = b"".join(json.dumps(letter).encode() + b"\n" for letter in lines(tmp_path / "dead-letters.ndjson"))
        assert function.post(letters).status == 204  # a dead letter can be posted again as it is
    assert rows(function, "select count(distinct event_key) from activity") == [(50,)]


def test_a_store_that_refuses_makes_the_platform_try_again(tmp_path: Path) -> None:
    with DuckDBStore(str(tmp_path / "bindwatch.duckdb")), served("on_log_entry", tmp_path) as function:
        assert function.post(push(owner_granted())).status == 503
    assert not (tmp_path / "alerts.ndjson").exists()
    with served("on_log_entry", tmp_path) as function:
        assert function.post(push(owner_granted())).status == 204
    assert lines(tmp_path / "alerts.ndjson")


def test_people_are_told_of_what_was_found(tmp_path: Path) -> None:
    with served("on_log_entry", tmp_path) as function:
        function.post(push(owner_granted()))
    alerts = [json.dumps(letter["data"]).encode() for letter in lines(tmp_path / "alerts.ndjson")]
    assert alerts
    (tmp_path / "bindwatch.toml").write_text(
        '[[destination]]\nname = "chat"\nkind = "slack"\nsecret = "CHAT"\n\n[[route]]\nto = ["chat"]\n', "utf-8"
    )
    receiver = Slack()
    with listening(receiver) as url:
        environ = {
            "BINDWATCH_SETTINGS_FILE": "bindwatch.toml",
            "BINDWATCH_SECRET_CHAT": f"{url}/services/hidden-part",
            "BINDWATCH_GROUP_SECONDS": "0",
        }
        for _ in range(2):  # a second instance, and everything delivered again
            with served("notify", tmp_path, **environ) as function:
                assert [function.post(push(alert)).status for alert in alerts] == [204] * len(alerts)
                assert function.post(push(b"no alert")).status == 204
        assert len(receiver.taken) == len(alerts)
        receiver.refusing = [Reply(503)] * 9
        refused = alerts[0].replace(b'"alert_id": "', b'"alert_id": "x')
        with served("notify", tmp_path, **environ) as function:
            assert function.post(push(refused)).status == 503
    for name in ("stdout.log", "stderr.log"):
        assert "hidden-part" not in (tmp_path / name).read_text(encoding="utf-8")


def test_history_is_hunted(tmp_path: Path) -> None:
    with served("hunt", tmp_path) as function:
        answer = function.post({"requestId": "r", "calls": [[json.dumps(owner_granted())], ["{}"]]})
        assert answer.status == 200
        first, second = (json.loads(reply) for reply in answer.json()["replies"])
        assert first["findings"]
        assert second["problem"]
        refused = function.post({"no": "calls"})
        assert (refused.status, list(refused.json())) == (400, ["errorMessage"])


def test_a_wrong_deployment_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="BINDWATCH_STORE: required on Cloud Run"):
        start("on_log_entry", tmp_path, K_SERVICE="on-log-entry")


def test_the_folder_copied_alone_starts(tmp_path: Path) -> None:
    source = tmp_path / "elsewhere"
    shutil.copytree(SOURCE, source, ignore=shutil.ignore_patterns("__pycache__"))
    with served("on_log_entry", tmp_path, source=source) as function:
        assert function.post(push(owner_granted())).status == 204
    assert lines(tmp_path / "alerts.ndjson")


def test_nothing_of_an_entry_is_logged(tmp_path: Path) -> None:
    secret = "user:very-unusual-name@gmail.com"
    with served("on_log_entry", tmp_path) as function:
        function.post(push(owner_granted(secret)))
        function.post(push(json.dumps({"protoPayload": {"request": {"token": secret}}}).encode()))
    for name in ("stdout.log", "stderr.log"):
        assert "very-unusual-name" not in (tmp_path / name).read_text(encoding="utf-8")


def test_the_sweep_announces_what_waited(tmp_path: Path) -> None:
    with served("on_log_entry", tmp_path, BINDWATCH_ALERTS="file:no-such-folder/alerts.ndjson") as function:
        assert function.post(push(owner_granted())).status == 204
    assert [line for line in function.log_lines if "stays due" in line["message"]]
    with served("sweep", tmp_path) as function:
        summary = function.post({}).json()
        assert summary["announced"] > 0
        assert function.post({}).json()["announced"] == 0
    assert len(lines(tmp_path / "alerts.ndjson")) == summary["announced"]


def test_an_audit_without_a_scope_says_what_is_missing(tmp_path: Path) -> None:
    with served("audit", tmp_path) as function:
        answer = function.post({})
        assert answer.status == 500
        assert "BINDWATCH_SCOPE" in answer.json()["error"]
