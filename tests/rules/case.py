"""Cases of rules: real shapes with synthetic content, one file and one story each.

`cases/RULE-ID/fires-STORY.json` makes the rule speak, `quiet-STORY.json` is a near miss. A file holds one log entry, a
list of them, or `{"context": {…}, "entries": […], "inventory": […], "expect": {…}}`, all of it optional:
`context` may set trusted_domains, trusted_projects, automation, break_glass, own_sink, own_sink_filter, roles (custom
roles with their permissions), and outside (addresses, leaked_keys, countries, and places by address); `inventory` holds
documents as `bindwatch scan` reads them (with entries: what the rules know besides; without: what is judged); `before`
what was known of the object that the entries change; `expect` what every finding of the rule must have (severity,
state, subject, cause, …).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bindwatch.customization.outside_lists import read_addresses
from bindwatch.engine import Engine, Verdict
from bindwatch.inventory import Inventory, InventoryBuilder, Origin
from bindwatch.inventory.reading import read_inventory_document
from bindwatch.knowledge.roles import RoleCatalogue
from bindwatch.model.finding import Finding
from bindwatch.model.log_entry import from_dict
from bindwatch.model.outside import Outside, Place
from bindwatch.rule import Context
from bindwatch.rules import INVENTORY_RULES, LOG_RULES

CASES = Path(__file__).parent / "cases"
AS_OF = datetime(2026, 11, 2, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Case:
    """One story about one rule."""

    rule_id: str
    path: Path

    @property
    def fires(self) -> bool:
        return self.path.name.startswith("fires-")

    def __str__(self) -> str:
        return f"{self.rule_id}/{self.path.stem}"


def all_cases() -> list[Case]:
    """Every case file, in the order of its name."""
    return [Case(path.parent.name, path) for path in sorted(CASES.glob("*/*.json"))]


def inventory_of(documents: Sequence[Any]) -> Inventory:
    """The inventory that the documents of a case make; a document nobody reads is a mistake of the case."""
    builder = InventoryBuilder()
    for number, document in enumerate(documents, 1):
        read = read_inventory_document(document, builder, origin=Origin("case", number))
        assert read, f"nobody reads document {number}"
    assert builder.problems == []
    return builder.build()


class FixedPlaces:
    """A database of places that a case writes down."""

    def __init__(self, places: Mapping[str, Mapping[str, str]]) -> None:
        self._places = places

    def place(self, address: str) -> Place:
        """Where the case says the address is."""
        return Place(**self._places.get(address, {}))


def outside_of(said: Mapping[str, Any]) -> Outside:
    """What a case says the user's files hold."""
    return Outside(
        addresses=read_addresses(said["addresses"], "bad.txt")[0] if "addresses" in said else None,
        leaked_keys=frozenset(said["leaked_keys"]) if "leaked_keys" in said else None,
        places=FixedPlaces(said["places"]) if "places" in said else None,
        countries=frozenset(said.get("countries", ())),
    )


def context_of(settings: Mapping[str, Any], inventory: Inventory | None = None) -> Context:
    """The context a case asks for."""
    catalogue = RoleCatalogue.built_in()
    if roles := settings.get("roles"):
        catalogue = catalogue.with_custom_roles(roles)
    return Context(
        as_of=AS_OF,
        trusted_domains=frozenset(settings.get("trusted_domains", ())),
        trusted_projects=frozenset(settings.get("trusted_projects", ())),
        automation=tuple(settings.get("automation", ())),
        break_glass=tuple(settings.get("break_glass", ())),
        catalogue=catalogue,
        inventory=inventory,
        outside=outside_of(settings.get("outside", {})),
        own_sink=settings.get("own_sink", ""),
        own_sink_filter=settings.get("own_sink_filter", ""),
    )


def judge(case: Case) -> tuple[list[Finding], list[Verdict], Mapping[str, Any]]:
    """The findings of the case's rule, the whole verdicts, and what the case expects of the findings."""
    document = json.loads(case.path.read_text())
    if isinstance(document, list):
        document = {"entries": document}
    elif "protoPayload" in document:
        document = {"entries": [document]}
    unknown = set(document) - {"context", "entries", "before", "inventory", "expect"}
    assert not unknown, f"{case} has fields nobody reads: {unknown}"
    inventory = inventory_of(document["inventory"]) if "inventory" in document else None
    engine = Engine(context_of(document.get("context", {}), inventory), LOG_RULES, INVENTORY_RULES)
    entries = [from_dict(entry) for entry in document.get("entries", ())]
    if before := document.get("before"):
        entries = [entry.known_before(before) for entry in entries]
    verdicts = [engine.judge_entry(entry) for entry in entries]
    if inventory is not None and "entries" not in document:
        verdicts.append(engine.judge_inventory(inventory))
    findings = [finding for verdict in verdicts for finding in verdict.findings if finding.rule_id == case.rule_id]
    return findings, verdicts, document.get("expect", {})
