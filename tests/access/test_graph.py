from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bindwatch.access.graph import AccessGraph
from bindwatch.access.graph import graph_of as graph_of_inventory
from bindwatch.inventory import InventoryBuilder, Origin
from bindwatch.inventory.clusters import Cluster, NodePool
from bindwatch.inventory.hierarchy import (
    BoundaryRule,
    DenyPolicy,
    DenyRule,
    Folder,
    Group,
    Organization,
    PolicyBinding,
    PrincipalAccessBoundaryPolicy,
    Project,
)
from bindwatch.inventory.identities import IdentityPoolProvider, Role, ServiceAccount, ServiceAccountKey
from bindwatch.inventory.resources import AttachedServiceAccount, Instance
from bindwatch.knowledge.escalation import ACT_AS, Level, dangerous_permissions, escalation_paths
from bindwatch.knowledge.roles import RoleCatalogue
from bindwatch.model.policy import Binding, Condition, Policy
from bindwatch.model.resource import folder_name, organization_name, project_name, service_account_name

NOW = datetime(2026, 1, 14, 14, 30, tzinfo=UTC)
ORG, FOLDER, DEMO, OTHER = organization_name("1"), folder_name("2"), project_name("demo"), project_name("other")
MINT, OWNER = "roles/iam.serviceAccountTokenCreator", "roles/owner"
ADA, EVE = "user:ada@example.com", "user:eve@example.com"


def account(name, project="demo"):
    return f"{name}@{project}.iam.gserviceaccount.com"


def sa(name, project="demo"):
    return f"serviceAccount:{account(name, project)}"


def on(name, project="demo"):
    return service_account_name(account(name, project))


class Scene:
    """A small organization: two projects in a folder, accounts as asked for, and the bindings of a test."""

    def __init__(self):
        self.builder = InventoryBuilder()
        self.add(Organization(name=ORG, display_name="example.com"))
        self.add(Folder(name=FOLDER, parent=ORG))
        self.add(Project(name=DEMO, id="demo", number="111111111111", parent=FOLDER))
        self.add(Project(name=OTHER, id="other", number="222222222222", parent=ORG))
        self.bindings = {}

    def add(self, entity):
        self.builder.add(entity, Origin("assets.ndjson", 1))
        return self

    def account(self, name, project="demo"):
        return self.add(ServiceAccount(name=on(name, project), email=account(name, project), project=project))

    def role(self, name, *permissions):
        role = f"projects/demo/roles/{name}"
        return self.add(Role(name=f"//iam.googleapis.com/{role}", role=role, permissions=permissions))

    def bind(self, resource, role, *members, condition=None):
        expression = Condition(condition) if condition else None
        self.bindings.setdefault(resource, []).append(Binding(role, members, expression))
        return self

    def graph(self, catalogue=None):
        for resource, bindings in self.bindings.items():
            self.builder.add_policy(resource, Policy(bindings=tuple(bindings)))
        return AccessGraph(self.builder.build(), catalogue or RoleCatalogue.built_in(), NOW)


def path_ids(graph, member):
    found = graph.look_up(member)
    return {path.id for path in found.paths} if found is not None else set()


PLACE = {Level.ORGANIZATION: ORG, Level.FOLDER: FOLDER, Level.PROJECT: DEMO}


@pytest.mark.parametrize("path", escalation_paths(), ids=lambda path: path.id)
def test_a_path_is_found_with_all_its_permissions_and_without_any_of_them_is_not(path):
    place = PLACE[path.level]
    assert path.id in path_ids(
        Scene().role("r", *path.permissions).bind(place, "projects/demo/roles/r", ADA).graph(), ADA
    )
    for missing in path.permissions:
        rest = tuple(permission for permission in path.permissions if permission != missing)
        graph = Scene().role("r", *rest).bind(place, "projects/demo/roles/r", ADA).graph()
        assert path.id not in path_ids(graph, ADA)


@pytest.mark.parametrize("path", [p for p in escalation_paths() if len(p.permissions) > 1], ids=lambda path: path.id)
def test_permissions_split_over_bindings_and_levels_are_put_together(path):
    first, *rest = path.permissions
    scene = Scene().role("a", first).role("b", *rest)
    scene.bind(PLACE[path.level], "projects/demo/roles/b", ADA).bind(ORG, "projects/demo/roles/a", ADA)
    assert path.id in path_ids(scene.graph(), ADA)


@pytest.mark.parametrize("path", [p for p in escalation_paths() if p.needs_act_as], ids=lambda path: path.id)
def test_acting_as_one_account_and_deploying_in_its_project(path):
    rest = [permission for permission in path.permissions if permission != ACT_AS]
    scene = Scene().account("runner").role("deploy", *rest)
    scene.bind(DEMO, "projects/demo/roles/deploy", ADA).bind(on("runner"), "roles/iam.serviceAccountUser", ADA)
    scene.bind(DEMO, OWNER, sa("runner"))
    graph = scene.graph()
    assert path.id in path_ids(graph, ADA)
    assert sa("runner") in graph.reachable(ADA)
    elsewhere = Scene().account("runner", "other").role("deploy", *rest)
    elsewhere.bind(DEMO, "projects/demo/roles/deploy", ADA)
    elsewhere.bind(on("runner", "other"), "roles/iam.serviceAccountUser", ADA)
    assert path.id not in path_ids(elsewhere.graph(), ADA)


def test_minting_a_token_of_an_owner_is_nearly_being_owner():
    graph = Scene().account("ci").bind(on("ci"), MINT, ADA).bind(DEMO, OWNER, sa("ci")).graph()
    found = graph.look_up(ADA)
    assert found.own_score < 70
    assert found.score >= 0.9 * graph.score(sa("ci")) - 1
    assert [hop.target for hop in found.chain] == [sa("ci")]
    assert found.end == sa("ci")
    assert "token" in str(found.chain[0])
    assert "service account ci@demo" in str(found.chain[0])


def test_a_chain_of_accounts_loses_a_tenth_at_each_hop():
    scene = Scene()
    for name in "abc":
        scene.account(name)
    scene.bind(on("a"), MINT, ADA).bind(on("b"), MINT, sa("a")).bind(on("c"), MINT, sa("b"))
    scene.bind(ORG, "roles/resourcemanager.organizationAdmin", sa("c"))
    graph = scene.graph()
    top = graph.score(sa("c"))
    assert graph.score(ADA) == pytest.approx(top * 0.9**3)
    assert [hop.target for hop in graph.look_up(ADA).chain] == [sa("a"), sa("b"), sa("c")]
    assert graph.reachable(ADA) == (sa("a"), sa("b"), sa("c"))


def test_accounts_that_can_mint_each_other_end():
    scene = Scene().account("a").account("b").bind(on("a"), MINT, sa("b")).bind(on("b"), MINT, sa("a"))
    assert len(scene.graph().risky()) == 2


def test_minting_in_a_folder_reaches_the_accounts_of_its_projects_only():
    scene = Scene().account("in").account("out", "other").bind(FOLDER, MINT, ADA)
    reached = scene.graph().reachable(ADA)
    assert sa("in") in reached
    assert sa("out", "other") not in reached


WORKLOAD = "serviceAccount:demo.svc.id.goog[shop/web]"
DIRECT = (
    "principal://iam.googleapis.com/projects/111111111111/locations/global/workloadIdentityPools/demo.svc.id.goog"
    "/subject/ns/shop/sa/web"
)


@pytest.mark.parametrize("member", [WORKLOAD, DIRECT])
def test_a_workload_identity_binding_is_priced_by_the_account_it_opens(member):
    scene = (
        Scene().account("web").bind(on("web"), "roles/iam.workloadIdentityUser", member).bind(DEMO, OWNER, sa("web"))
    )
    graph = scene.graph()
    assert graph.score(WORKLOAD) == graph.score(DIRECT) == pytest.approx(0.9 * graph.score(sa("web")))


def test_who_runs_pods_becomes_every_identity_of_the_pool():
    scene = (
        Scene().account("web").bind(on("web"), "roles/iam.workloadIdentityUser", WORKLOAD).bind(DEMO, OWNER, sa("web"))
    )
    scene.bind(DEMO, "roles/container.developer", ADA)
    graph = scene.graph()
    assert sa("web") in graph.reachable(ADA)
    assert graph.score(ADA) >= 0.8 * graph.score(sa("web"))


def test_identity_sameness_reaches_across_the_clusters_of_a_fleet_pool():
    scene = Scene().account("web").bind(on("web"), "roles/iam.workloadIdentityUser", WORKLOAD)
    name = "//container.googleapis.com/projects/other/locations/europe-west1/clusters/c"
    scene.add(Cluster(name=name, id="c", project="other", location="europe-west1", workload_pool="demo.svc.id.goog"))
    scene.bind(OTHER, "roles/container.developer", ADA)
    assert WORKLOAD in scene.graph().reachable(ADA)


def test_who_runs_pods_gets_the_account_of_the_nodes():
    name = "//container.googleapis.com/projects/demo/locations/europe-west1/clusters/c"
    scene = Scene().account("nodes").bind(DEMO, "roles/container.developer", ADA)
    scene.add(Cluster(name=name, id="c", project="demo", location="europe-west1"))
    scene.add(
        NodePool(name=f"{name}/nodePools/p", id="p", cluster=name, project="demo", service_account=account("nodes"))
    )
    assert sa("nodes") in scene.graph().reachable(ADA)


def test_who_changes_metadata_gets_the_accounts_of_the_machines():
    scene = Scene().account("vm").role("meta", "compute.instances.setMetadata")
    name = "//compute.googleapis.com/projects/demo/zones/europe-west1-b/instances/vm"
    scene.add(Instance(name=name, project="demo", service_accounts=(AttachedServiceAccount(account("vm")),)))
    assert sa("vm") in scene.bind(DEMO, "projects/demo/roles/meta", ADA).graph().reachable(ADA)
    assert sa("vm") in scene.bind(name, "projects/demo/roles/meta", EVE).graph().reachable(EVE)


POOL = "//iam.googleapis.com/projects/111111111111/locations/global/workloadIdentityPools/ci"
FEDERATED = f"principalSet:{POOL}/attribute.repository/example/shop"


def test_who_adds_a_provider_becomes_every_identity_of_the_pool():
    scene = Scene().account("deploy").bind(on("deploy"), "roles/iam.workloadIdentityUser", FEDERATED)
    scene.bind(DEMO, "roles/iam.workloadIdentityPoolAdmin", ADA)
    assert sa("deploy") in scene.graph().reachable(ADA)


def test_a_pool_anybody_can_enter_is_more_exposed():
    def score(condition):
        provider = IdentityPoolProvider(
            name=f"{POOL}/providers/gh", id="gh", pool=POOL, issuer="https://token.actions.githubusercontent.com",
            attribute_condition=condition,
        )  # fmt: skip
        scene = Scene().account("deploy").add(provider).bind(on("deploy"), "roles/iam.workloadIdentityUser", FEDERATED)
        return scene.graph().score(FEDERATED)

    assert score("") > score("assertion.repository_owner_id == '1'")


def test_members_of_a_group_that_was_read_have_what_the_group_has():
    scene = Scene().add(Group(email="ops@example.com", members=(ADA, "group:leads@example.com")))
    scene.add(Group(email="leads@example.com", members=(EVE,)))
    scene.role("deploy", "run.services.create").bind(DEMO, "projects/demo/roles/deploy", "group:ops@example.com")
    scene.bind(DEMO, "roles/iam.serviceAccountUser", EVE)
    graph = scene.graph()
    assert "run-create" in path_ids(graph, EVE)
    assert "run-create" not in path_ids(graph, ADA)


def test_a_role_nobody_knows_is_reported_and_not_harmless():
    graph = Scene().bind(DEMO, "projects/demo/roles/secret", ADA).bind(DEMO, "roles/browser", EVE).graph()
    assert dict(graph.unknown_roles) == {"projects/demo/roles/secret": 1}
    assert graph.risky() == ()


def test_deleted_members_and_disabled_roles_have_no_effect():
    scene = Scene().bind(DEMO, OWNER, "deleted:user:gone@example.com?uid=123456789012345678901", "user:")
    role = "projects/demo/roles/off"
    scene.add(Role(name=f"//iam.googleapis.com/{role}", role=role, permissions=("iam.roles.update",), stage="DISABLED"))
    assert scene.bind(DEMO, role, ADA).graph().risky() == ()


def test_conditions():
    def score(condition):
        return Scene().account("a").bind(DEMO, MINT, ADA, condition=condition).graph().score(ADA)

    free = score(None)
    assert score("request.time < timestamp('2020-01-01T00:00:00Z')") == 0
    assert score("request.time < timestamp('2026-01-15T00:00:00Z')") < free
    assert score("request.time < timestamp('2027-01-15T00:00:00Z')") == free
    assert score("this is (no condition") == free
    assert score("resource.matchTag('1/env', 'prod')") == free
    assert score("resource.name.endsWith('/serviceAccounts/a@demo.iam.gserviceaccount.com')") < free


def test_a_condition_that_names_an_account_leads_to_that_account():
    scene = Scene().account("a").account("b")
    scene.bind(DEMO, MINT, ADA, condition=f"resource.name.endsWith('/serviceAccounts/{account('a')}')")
    reached = scene.graph().reachable(ADA)
    assert sa("a") in reached
    assert sa("b") not in reached


def deny(*permissions, who=("principalSet://goog/public:all",), excepted=(), at=ORG, condition=None):
    rule = DenyRule(
        denied_principals=tuple(who), exception_principals=tuple(excepted), denied_permissions=permissions,
        condition=Condition(condition) if condition else None,
    )  # fmt: skip
    return DenyPolicy(name=f"policies/{len(permissions)}", attachment_point=at, rules=(rule,))


MINTING = tuple(f"iam.googleapis.com/serviceAccounts.{verb}" for verb in
                ("getAccessToken", "getOpenIdToken", "signBlob", "signJwt", "implicitDelegation"))  # fmt: skip


def test_deny_policies_take_permissions_away_where_they_surely_apply():
    def score(*policies):
        scene = Scene().account("a").bind(DEMO, MINT, ADA)
        for policy in policies:
            scene.add(policy)
        return scene.graph().score(ADA)

    free = score()
    assert score(deny(*MINTING)) < 15
    assert score(deny("iam.googleapis.com/serviceAccounts.*")) < 15
    assert score(deny(*MINTING, who=["principal://goog/subject/ada@example.com"])) < 15
    assert score(deny(*MINTING, who=["principal://goog/subject/eve@example.com"])) == free
    assert score(deny(*MINTING, excepted=["principal://goog/subject/ada@example.com"])) == free
    assert score(deny(*MINTING, excepted=["principal://goog/subject/eve@example.com"])) < 15
    assert score(deny(*MINTING, excepted=["principalSet://goog/group/admins@example.com"])) == free
    assert score(deny(*MINTING, at=OTHER)) == free
    assert score(deny(*MINTING, condition="resource.matchTag('1/env', 'prod')")) == free


def test_a_group_that_was_read_decides_who_is_exempt():
    scene = Scene().account("a").bind(DEMO, MINT, ADA, EVE).add(Group(email="admins@example.com", members=(EVE,)))
    scene.add(deny(*MINTING, excepted=["principalSet://goog/group/admins@example.com"]))
    graph = scene.graph()
    assert graph.score(ADA) < 15 < graph.score(EVE)


def test_a_principal_access_boundary_keeps_an_account_out():
    def score(resources, **changes):
        scene = Scene().account("a").bind(OTHER, OWNER, sa("a"))
        name = "organizations/1/locations/global/principalAccessBoundaryPolicies/b"
        scene.add(PrincipalAccessBoundaryPolicy(name=name, rules=(BoundaryRule(resources=resources),)))
        scene.add(PolicyBinding(name="x", policy=name, target=DEMO, **changes))
        return scene.graph().score(sa("a"))

    assert score((DEMO,)) == 0
    assert score((OTHER,)) > 80
    assert score((ORG,)) > 80
    assert score((DEMO,), condition=Condition("principal.type == 'x'")) > 80


def test_a_key_makes_an_account_more_exposed():
    scene = Scene().account("a").bind(DEMO, "roles/editor", sa("a"))
    before = scene.graph().score(sa("a"))
    key = ServiceAccountKey(name=f"{on('a')}/keys/1", service_account=account("a"), key_type="USER_MANAGED")
    assert scene.add(key).graph().score(sa("a")) > before


def test_the_removal_that_lowers_most_is_found_among_its_own_grants():
    graph = Scene().bind(DEMO, OWNER, ADA).bind(DEMO, "roles/secretmanager.secretAccessor", ADA).graph()
    found = graph.removal(ADA)
    assert found.grant.role == OWNER
    assert found.member == ADA
    assert found.score_after < 70


def test_the_removal_may_be_at_the_end_of_the_chain():
    scene = Scene()
    scene.account("ci").bind(on("ci"), MINT, ADA).bind(on("ci"), "roles/iam.serviceAccountKeyAdmin", ADA)
    scene.bind(ORG, "roles/resourcemanager.organizationAdmin", sa("ci"))
    found = scene.graph().removal(ADA)
    assert found.grant.role == "roles/resourcemanager.organizationAdmin"
    assert found.member == sa("ci")
    assert found.score_after < 70


def test_one_grant_of_two_equal_ones_does_not_help():
    scene = Scene().bind(DEMO, OWNER, ADA).bind(DEMO, OWNER, ADA, condition="resource.matchTag('1/a', 'b')")
    assert scene.graph().removal(ADA) is None
    assert scene.graph().removal("user:nobody@example.com") is None


def test_a_removal_through_a_group_names_the_group():
    scene = Scene().add(Group(email="ops@example.com", members=(ADA,))).bind(DEMO, OWNER, "group:ops@example.com")
    assert scene.graph().removal(ADA).member == "group:ops@example.com"


PERMISSIONS = st.sampled_from(dangerous_permissions())
PLACES = st.sampled_from([ORG, FOLDER, DEMO, OTHER, on("a"), on("b")])
MEMBERS = st.sampled_from([ADA, EVE, sa("a"), sa("b"), WORKLOAD, "allUsers"])
BOUND = st.lists(st.tuples(PLACES, MEMBERS, st.sets(PERMISSIONS, min_size=1, max_size=4)), max_size=6)


def graph_of(bound, *extra):
    scene = Scene().account("a").account("b")
    for index, (place, member, permissions) in enumerate(bound):
        scene.role(f"r{index}", *sorted(permissions)).bind(place, f"projects/demo/roles/r{index}", member)
    for entity in extra:
        scene.add(entity)
    return scene.graph()


@settings(max_examples=60, deadline=None)
@given(BOUND, st.tuples(PLACES, MEMBERS, st.sets(PERMISSIONS, min_size=1, max_size=4)))
def test_one_more_binding_never_lowers_a_score(bound, more):
    before, after = graph_of(bound), graph_of([*bound, more])
    for member in (ADA, EVE, sa("a"), sa("b"), WORKLOAD):
        assert after.score(member) >= before.score(member) - 1e-9


@settings(max_examples=60, deadline=None)
@given(
    BOUND,
    st.sampled_from(
        sorted({f"{p.rpartition('.')[0].partition('.')[0]}.googleapis.com/*" for p in dangerous_permissions()})
    ),
)
def test_a_deny_rule_never_raises_a_score(bound, denied):
    before, after = graph_of(bound), graph_of(bound, deny(denied))
    for member in (ADA, EVE, sa("a"), sa("b"), WORKLOAD):
        assert after.score(member) <= before.score(member) + 1e-9


@settings(max_examples=60, deadline=None)
@given(BOUND)
def test_whoever_has_an_edge_to_another_has_nine_tenths_of_its_score(bound):
    graph = graph_of(bound)
    for member in (ADA, EVE, sa("a"), sa("b"), WORKLOAD):
        for target in (edge.target for edge in graph.standing(member).edges):
            if isinstance(target, str):
                assert graph.score(member) >= 0.9 * graph.score(target) - 1e-9


@settings(max_examples=60, deadline=None)
@given(BOUND)
def test_what_is_shown_is_what_was_scored(bound):
    graph = graph_of(bound)
    for one in graph.risky():
        member = one.principal.member
        standing = graph.standing(member)
        assert one.own_score == round(standing.score)
        assert one.score == round(max([standing.score, *(0.9 * graph.score(hop.target) for hop in one.chain[:1])]))
        reachable = {edge.target for edge in standing.edges if isinstance(edge.target, str)}
        assert reachable <= {member, *graph.reachable(member)}
        assert not one.chain or one.chain[-1].target == one.end
    assembled = {one.principal.identity for one in graph.assembling()}
    climbing = {one.principal.identity for one in graph.climbing()}
    for one in graph.risky():
        spots = graph.standing(one.principal.member).spots
        assert (one.principal.identity in assembled) == any(spot.assembled for spot in spots)
        assert (one.principal.identity in climbing) == bool(one.chain)


def test_the_graph_of_an_inventory_is_made_once():
    inventory, catalogue = InventoryBuilder().build(), RoleCatalogue.built_in()
    assert graph_of_inventory(inventory, catalogue, NOW) is graph_of_inventory(inventory, catalogue, NOW)


@settings(max_examples=40, deadline=None)
@given(BOUND)
def test_no_other_removal_lowers_a_score_further(bound):
    graph = graph_of(bound)
    for member in (ADA, sa("a")):
        before = round(graph.score(member))
        left = []
        for gone in range(len(bound)):
            kept = [(p, m if i != gone else "user:nobody@example.org", r) for i, (p, m, r) in enumerate(bound)]
            left.append(round(graph_of(kept).score(member)))
        found = graph.removal(member)
        assert (found.score_after if found is not None else before) == min(left, default=before)
