"""The last known policies: kept by audits and by entries that show a whole policy, and what an entry changed of them.

Cloud Run, IAP, KMS and Compute Engine log the policy that was written but not what changed. Compared with the one
before, such an entry says it, so that what stood before is not reported as given now, and what is gone is resolved.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from bindwatch.inventory import Inventory, Part
from bindwatch.model.document import Document
from bindwatch.model.log_entry import LogEntry
from bindwatch.model.policy import Policy
from bindwatch.model.principal import parse_member
from bindwatch.model.resource import project_of
from bindwatch.pipeline.ports import FindingStore, Row
from bindwatch.pipeline.rows import digest, timestamp

POLICY: Final = "policy"
_SETS_POLICY: Final = ("setiampolicy", "setiampermissions")
_Grants = list[tuple[str, str, str]]  # role, member, expression of the condition


def with_previous_policy(entry: LogEntry, store: FindingStore) -> LogEntry:
    """The entry with what it changed, where it shows a whole policy without saying so and the one before is known.

    Otherwise the same entry. Asks the store for such entries only.
    """
    if entry.failed or not entry.shows_whole_policy or entry.time is None:
        return entry
    before = store.policy_before(entry.resource, entry.time)
    if before is None:
        return entry
    old, new = Counter(before), Counter(_grants_of(entry.requested_policy))
    deltas = [_delta("ADD", grant) for grant in (new - old).elements()]
    deltas += [_delta("REMOVE", grant) for grant in (old - new).elements()]
    service_data = msgspec.Raw(msgspec.json.encode({"policyDelta": {"bindingDeltas": deltas}}))
    return entry.with_service_data(service_data)


def snapshot_of_entry(entry: LogEntry) -> Row | None:
    """The policy an entry wrote, as a row; None where it wrote or shows none."""
    if not entry.method.lower().endswith(_SETS_POLICY):  # first: it is asked of every entry
        return None
    if entry.failed or entry.time is None:
        return None
    policy = entry.requested_policy
    if not policy.has("bindings"):
        return None
    grants = _grants_of(policy)
    etag = entry.response.text("etag") or policy.text("etag")
    return _row(entry.resource, entry.project, grants, etag, entry.time)


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
