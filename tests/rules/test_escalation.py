"""What no single grant shows."""

from datetime import UTC, datetime

from bindwatch.engine import Engine
from bindwatch.inventory import InventoryBuilder, Origin
from bindwatch.inventory.hierarchy import Organization, Project
from bindwatch.inventory.identities import ServiceAccount
from bindwatch.model.finding import Severity
from bindwatch.model.policy import Binding, Policy
from bindwatch.model.resource import organization_name, project_name, service_account_name
from bindwatch.rule import Context
from bindwatch.rules.at_rest.escalation import RULES

NOW = datetime(2026, 1, 14, 14, 30, tzinfo=UTC)
DEMO, ORG = project_name("demo"), organization_name("1")
CI = "ci@demo.iam.gserviceaccount.com"
ON_CI = service_account_name(CI)
ADA = "user:ada@example.com"


def findings(policies, rule_id):
    builder = InventoryBuilder()
    builder.add(Organization(name=ORG, display_name="example.com"), Origin("a.ndjson", 1))
    builder.add(Project(name=DEMO, id="demo", number="111111111111", parent=ORG), Origin("a.ndjson", 2))
    builder.add(ServiceAccount(name=ON_CI, email=CI, project="demo"), Origin("a.ndjson", 3))
    for resource, bindings in policies.items():
        builder.add_policy(resource, Policy(bindings=tuple(Binding(*binding) for binding in bindings), etag="e1"))
    verdict = Engine(Context(as_of=NOW), (), RULES).judge_inventory(builder.build())
    assert verdict.failures == ()
    return [finding for finding in verdict.findings if finding.rule_id == rule_id]


def test_a_chain_is_told_in_words_with_the_grant_to_remove():
    owner = {DEMO: [("roles/owner", (f"serviceAccount:{CI}",))]}
    minted = {**owner, ON_CI: [("roles/iam.serviceAccountTokenCreator", (ADA,))]}
    (finding,) = findings(minted, "escalation-chain")
    assert finding.title == f"{ADA} can become serviceAccount:{CI} in 1 step"
    assert finding.severity is Severity.HIGH
    assert finding.score >= 70
    assert finding.notes[0].startswith(f"{ADA} → serviceAccount:{CI}: roles/iam.serviceAccountTokenCreator on")
    assert finding.remediation.commands
    assert [source.key for source in finding.evidence] == [ON_CI]
    assert findings(owner, "escalation-chain") == []


def test_two_harmless_grants_make_one_way_up():
    apart = {DEMO: [("projects/demo/roles/x", (ADA,))], ON_CI: [("roles/iam.serviceAccountUser", (ADA,))]}
    assert findings(apart, "escalation-assembled") == []
    builds = {DEMO: [("roles/batch.jobsEditor", (ADA,))], ON_CI: [("roles/iam.serviceAccountUser", (ADA,))]}
    (finding,) = findings(builds, "escalation-assembled")
    assert finding.resource_name == DEMO
    assert "iam.serviceAccounts.actAs and batch.jobs.create" in finding.notes[1]
    assert "roles/iam.serviceAccountUser on service account ci@demo" in finding.notes[0]
    assert len(finding.evidence) == 2


def test_one_grant_that_shows_it_is_another_rules_matter():
    assert findings({DEMO: [("roles/editor", (ADA,))]}, "escalation-assembled") == []
