"""scripts/verify against a cloud that is a server on this machine, with the real pipeline behind its topic."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from bindwatch.adapters.duckdb import DuckDBStore
from bindwatch.adapters.push import read_messages
from bindwatch.engine import Engine
from bindwatch.pipeline import AlertMessage, Published
from bindwatch.rule import Context
from bindwatch.rules import LOG_RULES
from bindwatch.serving.ingest import Ingest
from bindwatch.serving.log_lines import Log
from infra.root import ROOT

PLACE = "projects/example-security/locations/europe-west1"
TOPIC = "projects/example-security/topics/bindwatch-entries"
CANARIES = "projects/example-security/subscriptions/bindwatch-alerts-canary"
SINK = "organizations/123456789012/sinks/bindwatch"
ROLE = "projects/example-security/roles/bindwatch_store"
WRITER = "serviceAccount:service-org-123456789012@gcp-sa-logging.iam.gserviceaccount.com"
ACCOUNT = "bindwatch-on-log-entry@example-security.iam.gserviceaccount.com"
OUTPUTS = {
    "name": "bindwatch",
    "project_id": "example-security",
    "region": "europe-west1",
    "canary_project": "bindwatch-canary",
    "canary_subscription": CANARIES,
    "custom_roles": {ROLE: ["bigquery.tables.getData", "bigquery.tables.updateData"]},
    "dataset": "example-security.bindwatch",
    "entries_topic": TOPIC,
    "functions": {
        "on_log_entry": {"name": "bindwatch-on-log-entry", "uri": "https://x.example.com", "account": ACCOUNT}
    },
    "sink": {"name": SINK, "writer": WRITER},
    "sink_filter": 'log_id("cloudaudit.googleapis.com/activity")\nAND x',
}


class Topic:
    """Keeps alerts, and gives each to who pulls once."""

    def __init__(self) -> None:
        self.waiting: list[AlertMessage] = []

    def publish(self, messages: Sequence[AlertMessage]) -> Sequence[Published]:
        self.waiting += messages
        return [Published(message_id=str(number)) for number, _ in enumerate(messages)]


class Buried(list[bytes]):
    """Dead letters."""

    def publish(self, body: bytes, *, reason: str, field: str, attributes: Mapping[str, str]) -> None:
        self.append(body)


@dataclass
class FakeCloud:
    """What Google's APIs would answer, by method and path; and the pipeline behind the topic of entries."""

    answers: dict[str, Any]
    drops_entries: bool = False
    asked: list[str] = field(default_factory=list)
    alerts: Topic = field(default_factory=Topic)
    dead_letters: Buried = field(default_factory=Buried)

    def __post_init__(self) -> None:
        self.store = DuckDBStore()
        engine = Engine(Context(as_of=datetime.now(UTC)), LOG_RULES, ())
        self.ingest = Ingest(engine, self.store, self.alerts, self.dead_letters)

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        self.asked.append(f"{method} {path}")
        if path == f"/pubsub/v1/{TOPIC}:publish":
            for message in body["messages"]:
                if not self.drops_entries:
                    self.ingest.take(read_messages(json.dumps({"message": message}).encode()), Log(least="CRITICAL"))
            return 200, {"messageIds": ["1"]}
        if path == f"/pubsub/v1/{CANARIES}:pull":
            taken, self.alerts.waiting = self.alerts.waiting, []
            return 200, {
                "receivedMessages": [
                    {"ackId": str(n), "message": {"data": base64.b64encode(item.data).decode()}}
                    for n, item in enumerate(taken)
                ]
            }
        if path == f"/pubsub/v1/{CANARIES}:acknowledge":
            return 200, {}
        if path.endswith("/queries"):
            return 200, {"rows": [{"f": [{"v": state}]} for state in self.states(body)]}
        found = self.answers.get(path, (404, {"error": {"message": f"{path} was not found"}}))
        return found if isinstance(found, tuple) else (200, found)

    def states(self, body: Any) -> list[str]:
        """What the query would find, asked of the store's own view of findings."""
        given = {item["name"]: item["parameterValue"]["value"] for item in body["queryParameters"]}
        query = body["query"].replace("`example-security.bindwatch.findings`", "findings")
        query = query.replace("contains_substr", "contains").replace("@", "$")
        return [str(row[0]) for row in self.store._connection.execute(query, given).fetchall()]


@contextmanager
def served(cloud: FakeCloud) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = json.loads(self.rfile.read(length)) if length else None
            status, value = cloud.answer(self.command, self.path, body)
            data = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def cloud() -> FakeCloud:
    """A deployment in which all is well."""
    now = datetime.now(UTC).isoformat()
    job = {"state": "ENABLED", "lastAttemptTime": now, "status": {}}
    return FakeCloud(
        {
            f"/cloudfunctions/v2/{PLACE}/functions/bindwatch-on-log-entry": {
                "state": "ACTIVE",
                "serviceConfig": {"serviceAccountEmail": ACCOUNT, "ingressSettings": "ALLOW_INTERNAL_ONLY"},
            },
            f"/logging/v2/{SINK}": {
                "filter": OUTPUTS["sink_filter"],
                "destination": f"pubsub.googleapis.com/{TOPIC}",
                "writerIdentity": WRITER,
            },
            f"/pubsub/v1/{TOPIC}:getIamPolicy": {"bindings": [{"role": "roles/pubsub.publisher", "members": [WRITER]}]},
            f"/cloudscheduler/v1/{PLACE}/jobs/bindwatch-sweep": job,
            f"/cloudscheduler/v1/{PLACE}/jobs/bindwatch-audit": job,
            f"/iam/v1/{ROLE}": {"includedPermissions": ["bigquery.tables.getData", "bigquery.tables.updateData"]},
        }
    )


def verify(cloud: FakeCloud, tmp_path: Path, *options: str) -> tuple[int, str]:
    outputs = tmp_path / "outputs.json"
    outputs.write_text(json.dumps({name: {"value": value} for name, value in OUTPUTS.items()}), encoding="utf-8")
    with served(cloud) as endpoint:
        command = [sys.executable, ROOT / "scripts/verification.py", "--outputs", outputs, "--pause", "0.05", *options]
        environment = {**os.environ, "BINDWATCH_VERIFY_ENDPOINT": endpoint}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=60)
    return done.returncode, done.stdout + done.stderr


def test_a_canary_passes_through_all_of_it_and_again(cloud: FakeCloud, tmp_path: Path) -> None:
    for _ in range(2):
        code, text = verify(cloud, tmp_path)
        assert code == 0, text
        assert text.count("the canary is OPEN in") == 1
        assert text.count("an alert says that the canary is RESOLVED") == 1
    assert cloud.dead_letters == []
    assert cloud.store._connection.execute("select count(*) from findings where state = 'OPEN'").fetchall() == [(0,)]


def test_a_dry_run_asks_nothing(cloud: FakeCloud, tmp_path: Path) -> None:
    code, text = verify(cloud, tmp_path, "--dry-run")
    assert code == 0
    assert f"would publish 2 log entries of project bindwatch-canary to {TOPIC}" in text
    assert cloud.asked == []


def test_an_entry_that_nobody_judges_is_missed(cloud: FakeCloud, tmp_path: Path) -> None:
    cloud.drops_entries = True
    code, text = verify(cloud, tmp_path, "--patience", "0.2")
    assert code == 1
    assert "WRONG    the canary is not OPEN" in text


DEFECTS: dict[str, tuple[str, dict[str, Any], str]] = {
    "filter changed by hand": (f"/logging/v2/{SINK}", {"filter": "severity>=ERROR"}, "has another filter"),
    "sink disabled": (f"/logging/v2/{SINK}", {"disabled": True}, "is disabled"),
    "sink sends elsewhere": (f"/logging/v2/{SINK}", {"destination": "storage.googleapis.com/x"}, "sends to storage"),
    "writer may not publish": (f"/pubsub/v1/{TOPIC}:getIamPolicy", {"bindings": []}, "Entries are dropped"),
    "function failed": (
        f"/cloudfunctions/v2/{PLACE}/functions/bindwatch-on-log-entry",
        {"state": "FAILED", "stateMessages": [{"message": "Build failed"}]},
        "is FAILED: Build failed",
    ),
    "another identity": (
        f"/cloudfunctions/v2/{PLACE}/functions/bindwatch-on-log-entry",
        {"serviceConfig": {"serviceAccountEmail": "1-compute@developer.gserviceaccount.com"}},
        "runs as 1-compute",
    ),
    "ingress shuts the scheduler out": (
        f"/cloudscheduler/v1/{PLACE}/jobs/bindwatch-sweep",
        {"status": {"code": 7}},
        'sweep = { ingress = "ALLOW_ALL" }',
    ),
    "sweep stopped": (
        f"/cloudscheduler/v1/{PLACE}/jobs/bindwatch-sweep",
        {"lastAttemptTime": "2020-01-01T00:00:00Z"},
        "last started at 2020",
    ),
    "schedule paused": (f"/cloudscheduler/v1/{PLACE}/jobs/bindwatch-audit", {"state": "PAUSED"}, "is PAUSED"),
    "role lost a permission": (
        f"/iam/v1/{ROLE}",
        {"includedPermissions": ["bigquery.tables.getData"]},
        "lacks bigquery.tables.updateData",
    ),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_what_is_wrong_is_said_with_what_to_do(defect: str, cloud: FakeCloud, tmp_path: Path) -> None:
    path, change, said = DEFECTS[defect]
    cloud.answers[path] = {**cloud.answers[path], **change}
    code, text = verify(cloud, tmp_path, "--no-canary")
    assert (code, text.count("WRONG")) == (1, 1), text
    assert said in text


def test_what_nobody_could_see_is_not_called_well(cloud: FakeCloud, tmp_path: Path) -> None:
    cloud.answers[f"/logging/v2/{SINK}"] = (403, {"error": {"message": "Permission denied on logging.sinks.get"}})
    code, text = verify(cloud, tmp_path, "--no-canary")
    assert code == 2
    assert "UNKNOWN" in text
    assert "Permission denied on logging.sinks.get" in text


def test_a_schedule_that_never_started_is_not_called_well(cloud: FakeCloud, tmp_path: Path) -> None:
    cloud.answers[f"/cloudscheduler/v1/{PLACE}/jobs/bindwatch-audit"] = {"state": "ENABLED"}
    code, text = verify(cloud, tmp_path, "--no-canary")
    assert code == 2
    assert "it has not started yet" in text
