"""A provider that lets others in than before: compared with an audit, with an entry before, in files and in a store."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bindwatch.adapters.duckdb import DuckDBStore
from bindwatch.cli.progress import Progress
from bindwatch.cli.scan import scan
from bindwatch.engine import Engine, Verdict
from bindwatch.inventory import Inventory, InventoryBuilder, Origin
from bindwatch.inventory.reading import read_inventory_document
from bindwatch.model.finding import Finding, Severity
from bindwatch.model.log_entry import from_dict
from bindwatch.pipeline import Delivery, begin_audit, deliver, reconcile, with_previous
from bindwatch.rule import Context
from bindwatch.rules import LOG_RULES
from rules.provider_entries import CONDITION, GITHUB, POOL, created, updated
from sample_findings import at

RULE = "provider-trust-widened"


@pytest.fixture
def store() -> Iterator[DuckDBStore]:
    with DuckDBStore() as opened:
        yield opened


def scanned(entries: list[Any], tmp_path: Path, store: DuckDBStore | None = None) -> list[Finding]:
    file = tmp_path / "log.ndjson"
    file.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    outcome = scan((str(file),), Context(as_of=at(600)), Progress(io.StringIO(), quiet=True), store)
    assert outcome.is_complete
    return [row.finding for row in outcome.tally.standing() if row.finding.rule_id == RULE]


NEW = {"attributeCondition": "assertion.repository_owner in ['example', 'stranger']"}
WIDENED: dict[str, tuple[Any, Severity]] = {
    "removed": (updated(9, {"attributeCondition": ""}, "attributeCondition"), Severity.HIGH),
    "asks-less": (
        updated(9, {"attributeCondition": "assertion.repository_owner == 'example'"}, "attribute_condition"),
        Severity.HIGH,
    ),
    "another": (updated(9, NEW, "attributeCondition"), Severity.MEDIUM),
    "issuer": (updated(9, {"oidc": {"issuerUri": "https://evil.example.net"}}, "oidc.issuerUri"), Severity.HIGH),
    "mapping": (updated(9, {"attributeMapping": {"google.subject": "'admin'"}}, "attributeMapping"), Severity.HIGH),
    "keys": (updated(9, {"oidc": {"jwksJson": "{}"}}, "oidc.jwksJson"), Severity.HIGH),
    "audiences": (updated(9, {"oidc": {"allowedAudiences": ["any"]}}, "oidc.allowedAudiences"), Severity.MEDIUM),
}
KEPT: dict[str, Any] = {
    "asks-more": updated(9, {"attributeCondition": f"{CONDITION} && assertion.actor == 'ci'"}, "attributeCondition"),
    "same-with-spaces": updated(9, {"attributeCondition": CONDITION.replace(" ", "  ")}, "attributeCondition"),
    "name": updated(9, {"displayName": "GitHub"}, "displayName"),
    "not-in-the-mask": updated(9, {"attributeCondition": "", "displayName": "x"}, "displayName"),
    "refused": updated(9, {"attributeCondition": ""}, "attributeCondition", code=7),
}


@pytest.mark.parametrize("backwards", [False, True], ids=["in-order", "newest-first"])
@pytest.mark.parametrize("story", WIDENED)
def test_a_scan_compares_with_the_entry_before(story: str, backwards: bool, tmp_path: Path, store: DuckDBStore) -> None:
    entry, severity = WIDENED[story]
    entries = [created(1), entry][:: -1 if backwards else 1]
    for found in (scanned(entries, tmp_path), scanned(entries, tmp_path, store)):
        assert [finding.severity for finding in found] == [severity]
        assert found[0].resource_name == f"//iam.googleapis.com/{POOL}/providers/github"


@pytest.mark.parametrize("story", KEPT)
def test_what_lets_nobody_else_in_is_quiet(story: str, tmp_path: Path) -> None:
    assert scanned([created(1), KEPT[story]], tmp_path) == []


def test_without_anything_before_nothing_is_said(tmp_path: Path) -> None:
    assert scanned([WIDENED["removed"][0]], tmp_path) == []


def test_a_change_of_another_field_in_between_does_not_hide_the_condition(tmp_path: Path) -> None:
    between = updated(5, {"displayName": "GitHub"}, "displayName")
    (finding,) = scanned([created(1), between, WIDENED["removed"][0]], tmp_path)
    assert finding.notes == (f"The condition was removed. It was: {CONDITION}",)
    assert finding.remediation is not None
    assert f"--attribute-condition={CONDITION}" in finding.remediation.commands[0].replace("'\"'\"'", "'")


def inventory() -> Inventory:
    builder = InventoryBuilder()
    document = {
        "name": f"//iam.googleapis.com/{POOL}/providers/github",
        "assetType": "iam.googleapis.com/WorkloadIdentityPoolProvider",
        "resource": {"data": {"name": f"{POOL}/providers/github", "state": "ACTIVE", **GITHUB}},
        "ancestors": ["projects/123456789012"],
    }
    assert read_inventory_document(document, builder, origin=Origin("export.json", 1))
    return builder.build()


def test_a_store_compares_with_the_audit_and_with_what_came_since(store: DuckDBStore) -> None:
    engine = Engine(Context(), LOG_RULES)
    for minutes in (0, 3):
        run = begin_audit(store, scope="", as_of=at(minutes), now=at(minutes))
        reconcile(run, inventory(), Verdict(), (), store, now=at(minutes))
    assert len(store.known_states(None)) == 1
    found = []
    for value in (updated(5, NEW, "attributeCondition"), updated(9, {"attributeCondition": ""}, "attributeCondition")):
        entry = with_previous(from_dict(value), store)
        verdict = engine.judge_entry(entry)
        deliver([Delivery(entry, verdict, at(10))], store)
        found += [finding.notes[0] for finding in verdict.findings if finding.rule_id == RULE]
    assert found == [
        f"The condition is another. It was: {CONDITION}. It is: {NEW['attributeCondition']}",
        f"The condition was removed. It was: {NEW['attributeCondition']}",
    ]
