"""What was last known of policies and of other objects: kept by audits and by entries, and what an entry changed of it.

Cloud Run, IAP, KMS and Compute Engine log the policy that was written but not what changed. Compared with the one
before, such an entry says it, so that what stood before is not reported as given now, and what is gone is resolved.
Of providers, custom roles, deny policies, boundaries, sinks and the like (`bindwatch.rules.object_state`) the entry is
given the state before, and the rules compare.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, Protocol

import msgspec

from bindwatch.inventory import Inventory, Part
from bindwatch.model.document import Document
from bindwatch.model.lazily import lazily
from bindwatch.model.log_block import LogBlock
from bindwatch.model.log_entry import LogEntry, service_of
from bindwatch.model.policy import Policy
from bindwatch.model.principal import parse_member
from bindwatch.model.resource import project_of
from bindwatch.pipeline.ports import Row
from bindwatch.pipeline.rows import digest, timestamp
from bindwatch.rules.object_state import KINDS, Kind, State, kind_of

POLICY: Final = "policy"
_NEVER: Final = datetime.max.replace(tzinfo=UTC)
_SETS_POLICY: Final = ("setiampolicy", "setiampermissions")
_Grants = list[tuple[str, str, str]]  # role, member, expression of the condition


class Known(Protocol):
    """Who knows how things stood: a store, or the entries that came before."""

    def policy_before(self, resource: str, before: datetime) -> Sequence[tuple[str, str, str]] | None:
        """The grants (role, member, condition) of a policy as last known before then; None where none was known."""

    def state_before(self, resource: str, kind: str, before: datetime) -> Mapping[str, str] | None:
        """The fields of an object as last known before then; None where none were known."""


class Past:
    """What the entries of some files told so far, and what a store knows besides: entries are to come in time order.

    Last comes what an inventory shows, if it was taken before the entries: where an entry leaves an object as the
    inventory shows it, it was taken after that entry (see `later`).
    """

    def __init__(self, store: Known | None = None, inventory: Inventory | None = None) -> None:
        self._store = store
        self._policies: dict[str, Sequence[tuple[str, str, str]]] = {}
        self._states: dict[tuple[str, str], State] = {}
        self._inventory = inventory

    def policy_before(self, resource: str, before: datetime) -> Sequence[tuple[str, str, str]] | None:
        """See `Known.policy_before`."""
        if resource in self._policies or self._store is None:
            return self._policies.get(resource)
        return self._store.policy_before(resource, before)

    def state_before(self, resource: str, kind: str, before: datetime) -> Mapping[str, str] | None:
        """See `Known.state_before`."""
        known = self._states.get((resource, kind))
        if known is None and self._store is not None:
            known = self._store.state_before(resource, kind, before)
        return self._shown.get((resource, kind)) if known is None else known

    @lazily
    def _shown(self) -> dict[tuple[str, str], State]:
        return dict(_states_of(self._inventory)) if self._inventory is not None else {}

    def later(self, entry: LogEntry) -> None:
        """Hear of an entry that is to come. What an inventory shows of its object may be what it leaves behind."""
        kind = kind_of(entry.service, entry.method)
        written = None if kind is None or entry.failed else kind.written(entry)
        if kind is None or written is None:
            return
        shown = self._shown.get((written.name, kind.name))
        if shown is not None and written.state(shown) == shown:
            del self._shown[written.name, kind.name]

    def learn(self, entry: LogEntry) -> None:
        """Remember what an entry wrote."""
        row = snapshot_of_entry(entry)
        if row is None:
            return
        resource, kind, content = str(row["resource"]), str(row["kind"]), msgspec.json.decode(str(row["content"]))
        if kind == POLICY:
            self._policies[resource] = [(item["role"], item["member"], item["condition"]) for item in content]
        else:
            self._states[resource, kind] = content


def telling_no_change(block: LogBlock) -> list[int]:
    """The places of entries that look as if they changed something without saying how it was: cheap, may be wrong."""
    return [
        place
        for place, facts in enumerate(block.facts)
        if _is_compared(facts.proto_payload.service_name, facts.proto_payload.method_name)
        and b"policyDelta" not in block.line(place)
    ]


@lru_cache(maxsize=4096)
def _is_compared(service: str, method: str) -> bool:
    return kind_of(service or service_of(method), method) is not None or method.lower().endswith(_SETS_POLICY)


def in_order(entries: Sequence[LogEntry], past: Past) -> Iterator[LogEntry]:
    """These entries in the order of their time, each with what those before it tell of what it changed."""
    for entry in entries:
        past.later(entry)
    for entry in sorted(entries, key=lambda each: each.time or _NEVER):
        compared = with_previous(entry, past)
        past.learn(compared)
        yield compared


def with_previous(entry: LogEntry, known: Known) -> LogEntry:
    """The entry with what it changed, where it does not say so itself and what was before is known.

    Otherwise the same entry. Asks for such entries only.
    """
    if entry.failed or not _is_compared(entry.service, entry.method):  # first: it is asked of every entry
        return entry
    if (kind := kind_of(entry.service, entry.method)) is not None:
        written = kind.written(entry)
        if written is None or written.created or entry.time is None:
            return entry
        fields = known.state_before(written.name, kind.name, entry.time)
        return entry if fields is None else entry.known_before(fields)
    if not entry.shows_whole_policy or entry.time is None:
        return entry
    before = known.policy_before(entry.resource, entry.time)
    if before is None:
        return entry
    old, new = Counter(before), Counter(_grants_of(entry.requested_policy))
    deltas = [_delta("ADD", grant) for grant in (new - old).elements()]
    deltas += [_delta("REMOVE", grant) for grant in (old - new).elements()]
    service_data = msgspec.Raw(msgspec.json.encode({"policyDelta": {"bindingDeltas": deltas}}))
    return entry.with_service_data(service_data)


def snapshot_of_entry(entry: LogEntry) -> Row | None:
    """The policy or the object that an entry wrote, as a row; None where it wrote or shows none."""
    if not _is_compared(entry.service, entry.method):  # first: it is asked of every entry
        return None
    if (kind := kind_of(entry.service, entry.method)) is not None:
        return _snapshot_of_object(entry, kind)
    if entry.failed or entry.time is None:
        return None
    policy = entry.requested_policy
    if not policy.has("bindings"):
        return None
    grants = _grants_of(policy)
    etag = entry.response.text("etag") or policy.text("etag")
    return _row(entry.resource, entry.project, grants, etag, entry.time)


def _snapshot_of_object(entry: LogEntry, kind: Kind) -> Row | None:
    written = kind.written(entry)
    if written is None or entry.failed or entry.time is None:
        return None
    state = written.state(entry.before or {})
    return _state_row(written.name, entry.project, kind.name, state, entry.time) if state else None


def _state_row(resource: str, project: str, kind: str, fields: Mapping[str, str], seen_at: datetime) -> Row:
    content = msgspec.json.encode(dict(sorted(fields.items()))).decode()
    return {
        "snapshot_key": digest(resource, kind, content),
        "resource": resource,
        "kind": kind,
        "seen_at": timestamp(seen_at),
        "etag": "",
        "content": content,
        "project": project or project_of(resource),
        "grants": [],
    }


def states_of_inventory(
    inventory: Inventory, known: Callable[[], Mapping[tuple[str, str], str]], seen_at: datetime
) -> Iterator[Row]:
    """The objects of an inventory of which the state is kept and not as last `known` (key by resource and kind).

    What is known is asked for where there is such an object.
    """
    before: Mapping[tuple[str, str], str] | None = None
    for (resource, kind), state in _states_of(inventory):
        row = _state_row(resource, inventory.project_of(resource), kind, state, seen_at)
        before = known() if before is None else before
        if before.get((resource, kind)) != row["snapshot_key"]:
            yield row


def _states_of(inventory: Inventory) -> Iterator[tuple[tuple[str, str], State]]:
    for kind in KINDS:
        for name, state in kind.standing(inventory):
            yield (name, kind.name), state


def snapshots_of_inventory(
    inventory: Inventory,
    known: Mapping[str, tuple[str, str]],
    seen_at: datetime,
    *,
    projects: Sequence[str] | None = None,
) -> Iterator[Row]:
    """The policies of an inventory that are not the ones last `known` (key and project by resource).

    A policy that was known and is not there any more, though policies were listed there, is kept as empty.
    """
    seen = set()
    for resource, policy in inventory.policies:
        seen.add(resource)
        if inventory.is_partial(resource):
            continue
        row = _row(resource, inventory.project_of(resource), _grants_of_policy(policy), policy.etag, seen_at)
        if known.get(resource, ("", ""))[0] != row["snapshot_key"]:
            yield row
    for resource, (key, project) in known.items():
        in_question = resource not in seen and (projects is None or project in projects)
        if in_question and inventory.coverage(Part.POLICIES, resource):
            gone = _row(resource, project, [], "", seen_at)
            if gone["snapshot_key"] != key:
                yield gone


def _row(resource: str, project: str, grants: _Grants, etag: str, seen_at: datetime) -> Row:
    grants = sorted(grants)
    bindings = [{"role": role, "member": member, "condition": condition} for role, member, condition in grants]
    return {
        # The etag is not in the key: an edit of something else is no new policy.
        "snapshot_key": digest(resource, POLICY, *("\x1e".join(grant) for grant in grants)),
        "resource": resource,
        "kind": POLICY,
        "seen_at": timestamp(seen_at),
        "etag": etag,
        "content": msgspec.json.encode(bindings).decode(),
        "project": project or project_of(resource),
        "grants": [item | {"principal": parse_member(item["member"]).identity} for item in bindings],
    }


def _grants_of(policy: Document) -> _Grants:
    return [
        (binding.text("role"), member, binding.document("condition").text("expression"))
        for binding in policy.documents("bindings")
        for member in binding.texts("members")
    ]


def _grants_of_policy(policy: Policy) -> _Grants:
    return [
        (binding.role, member, binding.condition.expression if binding.condition else "")
        for binding in policy.bindings
        for member in binding.members
    ]


def _delta(action: str, grant: tuple[str, str, str]) -> dict[str, Any]:
    role, member, condition = grant
    delta: dict[str, Any] = {"action": action, "role": role, "member": member}
    return delta | ({"condition": {"expression": condition}} if condition else {})
