"""Judging: which rules look, what a failing rule costs, and that memory changes no verdict."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from bindwatch.engine import Engine
from bindwatch.errors import InputError
from bindwatch.inventory import Inventory, InventoryBuilder, Part
from bindwatch.model.finding import AssetRef, Category, LogRef, Severity, State
from bindwatch.model.log_block import LogBlock
from bindwatch.model.log_entry import LogEntry, decode
from bindwatch.model.policy import Binding, Policy
from bindwatch.rule import ANY_METHOD, Context, Match, Method, Outcome, at_rest_of, inventory_rule, log_rule
from generate import generate_entries

CONTEXT = Context(as_of=datetime(2026, 11, 1, tzinfo=UTC))
MINT = Method("iamcredentials.googleapis.com", "GenerateAccessToken", "data_access", "ADMIN_READ", "iam.googleapis.com")


@log_rule("minted", Severity.LOW, Category.THREAT, methods=[MINT])
def minted(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A token was minted.

    ## Why it matters
    It opens doors.
    """
    if entry.user_agent == "curl":
        yield Match(subject=f"{entry.caller_key} {entry.target}", title="minted with curl")


@log_rule("refused", Severity.MEDIUM, Category.THREAT, methods=[MINT], outcome=Outcome.FAILED)
def refused(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A token was refused."""
    yield Match(subject=entry.target, title="refused")


@log_rule("tool", Severity.HIGH, Category.THREAT, methods=[ANY_METHOD])
def tool(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A tool called."""
    if entry.user_agent == "evil":
        yield Match(subject=entry.caller_key, title="evil", severity=Severity.CRITICAL)


@log_rule("broken", Severity.LOW, Category.HYGIENE, methods=[Method("*", "*SetIamPolicy")])
def broken(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A rule of ours raised."""
    raise ZeroDivisionError
    yield


@log_rule("owner", Severity.HIGH, Category.OVER_PRIVILEGE, methods=[Method("*", "*SetIamPolicy")])
def owner(entry: LogEntry, context: Context) -> Iterator[Match]:
    """Owner was granted."""
    for grant in entry.grants:
        yield Match(subject=f"{grant.role} {grant.member}", title="owner")
    for grant in entry.removed_grants:
        yield Match(subject=f"{grant.role} {grant.member}", title="owner", state=State.RESOLVED)


@at_rest_of(owner, needs=[Part.POLICIES])
def owner_at_rest(inventory: Inventory, context: Context) -> Iterator[Match]:
    """Owner stands."""
    for resource, policy in inventory.policies:
        for binding in policy.bindings:
            for member in binding.members:
                evidence = (AssetRef(resource, policy.etag),)
                yield Match(
                    subject=f"{binding.role} {member}", title="owner", resource_name=resource, evidence=evidence
                )


@inventory_rule("needs-clusters", Severity.LOW, Category.HYGIENE, needs=[Part.CLUSTERS])
def needs_clusters(inventory: Inventory, context: Context) -> Iterator[Match]:
    """Needs clusters."""
    yield Match(subject="x", title="x", resource_name="//x")


LOG_RULES = (minted, refused, tool, broken, owner)


def mint(agent: str = "gke-metadata-server", code: int = 0, **more: Any) -> bytes:
    value: dict[str, Any] = {
        "logName": "projects/p/logs/cloudaudit.googleapis.com%2Fdata_access",
        "insertId": "1",
        "timestamp": "2026-11-01T10:00:00Z",
        "severity": "ERROR" if code else "INFO",
        "resource": {"labels": {"email_id": "ci@p.iam.gserviceaccount.com", "project_id": "p"}},
        "protoPayload": {
            "serviceName": "iamcredentials.googleapis.com",
            "methodName": "GenerateAccessToken",
            "authenticationInfo": {"principalEmail": "ada@example.com"},
            "requestMetadata": {"callerSuppliedUserAgent": agent},
            "status": {"code": code} if code else {},
        },
    }
    return json.dumps(value | more).encode()


def grant(action: str = "ADD", insert_id: str = "2") -> bytes:
    delta = {"action": action, "role": "roles/owner", "member": "user:eve@example.com"}
    value = {
        "logName": "projects/p/logs/cloudaudit.googleapis.com%2Factivity",
        "insertId": insert_id,
        "timestamp": "2026-11-01T10:00:00Z",
        "resource": {"type": "project", "labels": {"project_id": "p"}},
        "protoPayload": {
            "serviceName": "cloudresourcemanager.googleapis.com",
            "methodName": "SetIamPolicy",
            "authenticationInfo": {"principalEmail": "ada@example.com"},
            "serviceData": {"policyDelta": {"bindingDeltas": [delta]}},
        },
    }
    return json.dumps(value).encode()


def test_a_rule_sees_the_outcome_it_asks_for() -> None:
    engine = Engine(CONTEXT, LOG_RULES)
    assert [finding.rule_id for finding in engine.judge_line(mint("curl")).findings] == ["minted"]
    assert [finding.rule_id for finding in engine.judge_line(mint("curl", code=7)).findings] == ["refused"]


def test_a_match_may_weigh_more_than_its_rule() -> None:
    (finding,) = Engine(CONTEXT, LOG_RULES).judge_line(mint("evil")).findings
    assert finding.severity is Severity.CRITICAL
    assert isinstance(finding.source, LogRef)
    assert finding.principal == "ada@example.com"


def test_a_rule_that_raises_is_a_failure_and_costs_no_neighbour() -> None:
    verdict = Engine(CONTEXT, LOG_RULES).judge_line(grant())
    assert [failure.rule_id for failure in verdict.failures] == ["broken"]
    assert [finding.rule_id for finding in verdict.findings] == ["owner"]


def test_what_was_quiet_is_still_found_when_it_changes() -> None:
    engine = Engine(CONTEXT, LOG_RULES)
    assert not engine.judge_line(mint())
    assert not engine.judge_line(mint())
    assert engine.judge_line(mint("curl"))
    assert engine.judge_line(mint(code=7))


def test_judging_with_memory_and_without_finds_the_same() -> None:
    lines = list(generate_entries(3000, seed=7))
    engine = Engine(CONTEXT, LOG_RULES)
    with_memory = [verdict for line in (*lines, *lines) if (verdict := engine.judge_line(line))]
    fresh = [verdict for line in (*lines, *lines) if (verdict := Engine(CONTEXT, LOG_RULES).judge_entry(decode(line)))]
    assert with_memory == fresh
    assert with_memory


def test_an_entry_and_an_inventory_that_show_the_same_problem_give_one_finding() -> None:
    builder = InventoryBuilder()
    policy = Policy((Binding("roles/owner", ("user:eve@example.com",)),), etag="e1")
    builder.add_policy("//cloudresourcemanager.googleapis.com/projects/p", policy)
    builder.saw(Part.POLICIES, "//cloudresourcemanager.googleapis.com/projects/p")
    engine = Engine(CONTEXT, [owner], [owner_at_rest, needs_clusters])
    (logged,) = engine.judge_line(grant()).findings
    verdict = engine.judge_inventory(builder.build())
    assert [finding.finding_id for finding in verdict.findings] == [logged.finding_id]
    assert [item.rule_id for item in verdict.not_checked] == ["needs-clusters"]


def test_the_event_of_a_finding_depends_on_the_source_and_the_finding_does_not() -> None:
    engine = Engine(CONTEXT, [owner])
    (one,) = engine.judge_line(grant()).findings
    (again,) = engine.judge_line(grant()).findings
    (other,) = engine.judge_line(grant(insert_id="3")).findings
    (undone,) = engine.judge_line(grant("REMOVE")).findings
    assert one == again
    assert one.finding_id == other.finding_id == undone.finding_id
    assert len({one.event_key, other.event_key, undone.event_key}) == 3


def test_methods_match_whatever_their_case() -> None:
    engine = Engine(CONTEXT, [owner])
    for method in ("SetIamPolicy", "google.iam.admin.v1.SetIAMPolicy", "v1.compute.disks.setIamPolicy"):
        assert engine.rules_for("any.googleapis.com", method, has_failed=False) == ((None, (owner,)),)
    assert engine.rules_for("any.googleapis.com", "GetIamPolicy", has_failed=False) == ()


def test_what_is_no_entry_is_refused() -> None:
    with pytest.raises(InputError):
        Engine(CONTEXT, LOG_RULES).judge_line(b"{}")


def test_entries_without_a_method_are_not_taken_for_one_another() -> None:
    """Their facts are the same: what tells them apart stands in the request."""

    @log_rule("shared", Severity.LOW, Category.THREAT, methods=[Method("compute.googleapis.com", "*setIamPolicy")])
    def shared(entry: LogEntry, context: Context) -> Iterator[Match]:
        """An image was shared."""
        yield Match(subject=entry.method, title="shared")

    def line(verb: str) -> str:
        request = {"@type": f"type.googleapis.com/compute.images.{verb}"}
        return json.dumps({"protoPayload": {"serviceName": "compute.googleapis.com", "request": request}})

    verbs = ["get", "get", "get", "setIamPolicy", "get", "setIamPolicy"]
    block = LogBlock.of_lines("\n".join(map(line, verbs)).encode())
    told = list(Engine(CONTEXT, [shared]).judge_blocks([block]))
    assert [each.line for each in told] == [4, 6]
