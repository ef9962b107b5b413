"""What infra/ takes from the code is current, and the alert fits the schema of its topic."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

from infra.root import ROOT

SCRIPT = ROOT / "scripts/terraform_inputs"
KINDS = {
    "string": descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
    "int64": descriptor_pb2.FieldDescriptorProto.TYPE_INT64,
    "double": descriptor_pb2.FieldDescriptorProto.TYPE_DOUBLE,
    "bool": descriptor_pb2.FieldDescriptorProto.TYPE_BOOL,
}


def test_what_is_there_is_current() -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "functions")}
    command = [sys.executable, SCRIPT, "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def read_proto(text: str) -> Any:
    """The class of the one message of a .proto file as Pub/Sub reads it: this is no compiler, only what we write."""
    file = descriptor_pb2.FileDescriptorProto(name="alert.proto", syntax="proto3")
    around: list[Any] = []
    for line in text.splitlines():
        if opened := re.fullmatch(r"\s*message (\w+) \{", line):
            message = around[-1].nested_type.add() if around else file.message_type.add()
            message.name = opened[1]
            around.append(message)
        elif line.strip() == "}":
            around.pop()
        elif found := re.fullmatch(r"\s*(repeated )?(\w+) (\w+) = (\d+);", line):
            field = around[-1].field.add(name=found[3], number=int(found[4]), json_name=found[3])
            field.label = field.LABEL_REPEATED if found[1] else field.LABEL_OPTIONAL
            if found[2] in KINDS:
                field.type = KINDS[found[2]]
            else:
                field.type = field.TYPE_MESSAGE
                field.type_name = ".".join(["", *(message.name for message in around), found[2]])
        else:
            assert not line.strip() or line.startswith(("//", 'syntax = "proto3";')), line
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("Alert"))


@pytest.fixture(scope="module")
def alert_class() -> Any:
    return read_proto((ROOT / "infra/alert.proto").read_text(encoding="utf-8"))


def published() -> list[bytes]:
    """Alerts as they are published: opened with everything a finding can hold, with nulls, and of a first audit."""
    from datetime import UTC, datetime

    from bindwatch.pipeline.alert import alert_message
    from bindwatch.pipeline.ports import DueAlert

    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    schema = json.loads((ROOT / "functions/bindwatch/data/alert.schema.json").read_text(encoding="utf-8"))
    whole = _example(schema["$defs"]["finding"])
    sparse = {**whole, "remediation": None, "score": None, "evidence": [], "title": "\u202e\x1b[31m \ud83d\ude00"}
    due = [
        DueAlert(
            alert_id=f"a-{index}",
            kind=kind,
            finding=finding,
            state="OPEN",
            due_at=now,
            severity_level=4,
            reason="opened",
            scope="organizations/1",
            counts={"CRITICAL": 1, "HIGH": 2, "MEDIUM": 0, "LOW": 0, "INFO": 9},
        )
        for index, (kind, finding) in enumerate([("finding", whole), ("finding", sparse), ("baseline", {})])
    ]
    return [alert_message(alert, announced_at=now).data for alert in due]


def _example(schema: dict[str, Any]) -> Any:
    if "oneOf" in schema:
        return _example(schema["oneOf"][-1])
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema["type"][0] if isinstance(schema["type"], list) else schema["type"]
    if kind == "object":
        return {name: _example(item) for name, item in schema["properties"].items()}
    if kind == "array":
        return [_example(schema["items"])] * 2
    return {"string": "text", "integer": 7}[kind]


@pytest.mark.parametrize("data", published(), ids=["whole", "sparse", "baseline"])
def test_an_alert_fits_the_schema_of_its_topic(data: bytes, alert_class: Any) -> None:
    read = json_format.Parse(data, alert_class())  # refuses a field that the schema lacks
    assert read.alert_id == json.loads(data)["alert_id"]


def test_a_field_that_the_schema_lacks_would_be_refused(alert_class: Any) -> None:
    with pytest.raises(json_format.ParseError):
        json_format.Parse(b'{"alert_id": "a", "new_field": 1}', alert_class())


def test_log_lines_that_metrics_count_are_written() -> None:
    text = (ROOT / "infra/monitoring.tf").read_text(encoding="utf-8")
    exact = re.findall(r'jsonPayload\.message=\\"([^\\"]+)\\"', text)
    patterns = re.findall(r'jsonPayload\.message=~\\"([^"]+?)\\"', text)
    assert exact
    assert patterns
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "functions/bindwatch").rglob("*.py")]
    lines = {found for source in sources for found in re.findall(r'log\.\w+\(\s*"([^"]+)"', source)}
    assert set(exact) <= lines
    for pattern in patterns:
        assert [line for line in lines if re.search(pattern, line)], pattern
