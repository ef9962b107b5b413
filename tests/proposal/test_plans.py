"""What a Terraform plan would make of an inventory."""

import json

import pytest
from tests.proposal.plans import change, config, plan

from bindwatch.errors import InputError
from bindwatch.inventory import Inventory, InventoryBuilder, Origin, Part, read_inventory_document
from bindwatch.inventory.clusters import Cluster, NodePool
from bindwatch.inventory.hierarchy import DenyPolicy, EnabledService, Folder, Group, OrgPolicy, Project
from bindwatch.inventory.identities import IdentityPool, IdentityPoolProvider, Role, ServiceAccount, ServiceAccountKey
from bindwatch.inventory.resources import Bucket, Instance, Runtime
from bindwatch.model.policy import AuditConfig, AuditLogConfig, Binding, Condition
from bindwatch.proposal import read_plan, take_effect

PROJECT = "//cloudresourcemanager.googleapis.com/projects/demo"
APP = "//iam.googleapis.com/projects/demo/serviceAccounts/app@demo.iam.gserviceaccount.com"
ADA, BOB, EVE = "user:ada@example.com", "user:bob@example.com", "user:eve@example.com"


def inventory_of(*documents):
    builder = InventoryBuilder()
    for document in documents:
        assert read_inventory_document(document, builder, origin=Origin("test"))
    return builder.build()


def project_policy(*bindings, audits=()):
    return {
        "name": PROJECT,
        "assetType": "cloudresourcemanager.googleapis.com/Project",
        "iamPolicy": {
            "bindings": [{"role": role, "members": list(members)} for role, *members in bindings],
            "auditConfigs": list(audits),
        },
    }


def effect(document, inventory=None):
    return take_effect(inventory or Inventory(), read_plan(document).steps)


def holders(inventory, role, resource=PROJECT):
    policy = inventory.policy(resource)
    return {
        member for binding in (policy.bindings if policy else ()) if binding.role == role for member in binding.members
    }


# Members, bindings, policies


def test_a_member_comes_beside_the_others():
    after = effect(
        plan(
            change("google_project_iam_member", "x", None, {"project": "demo", "role": "roles/viewer", "member": EVE})
        ),
        inventory_of(project_policy(("roles/viewer", ADA))),
    ).after
    assert holders(after, "roles/viewer") == {ADA, EVE}


def test_a_binding_takes_the_role_from_everybody_else():
    after = effect(
        plan(
            change(
                "google_project_iam_binding", "x", None, {"project": "demo", "role": "roles/editor", "members": [EVE]}
            )
        ),
        inventory_of(project_policy(("roles/editor", ADA, BOB), ("roles/viewer", BOB))),
    ).after
    assert holders(after, "roles/editor") == {EVE}
    assert holders(after, "roles/viewer") == {BOB}


def test_a_binding_leaves_the_same_role_under_another_condition():
    standing = project_policy(("roles/editor", ADA))
    standing["iamPolicy"]["bindings"].append(
        {"role": "roles/editor", "members": [BOB], "condition": {"expression": "request.time.getHours() < 9"}}
    )
    after = effect(
        plan(
            change(
                "google_project_iam_binding", "x", None, {"project": "demo", "role": "roles/editor", "members": [EVE]}
            )
        ),
        inventory_of(standing),
    ).after
    assert holders(after, "roles/editor") == {EVE, BOB}


def test_a_policy_takes_away_all_that_is_not_in_it():
    data = json.dumps({"bindings": [{"role": "roles/viewer", "members": [BOB]}]})
    after = effect(
        plan(change("google_project_iam_policy", "x", None, {"project": "demo", "policy_data": data})),
        inventory_of(
            project_policy(
                ("roles/owner", ADA),
                audits=[{"service": "allServices", "auditLogConfigs": [{"logType": "DATA_READ"}]}],
            )
        ),
    ).after
    assert after.policy(PROJECT).bindings == (Binding("roles/viewer", (BOB,)),)
    assert after.policy(PROJECT).audit_configs == ()


def test_a_policy_and_a_member_of_one_plan_both_count():
    data = json.dumps({"bindings": []})
    after = effect(
        plan(
            change("google_project_iam_member", "x", None, {"project": "demo", "role": "roles/viewer", "member": EVE}),
            change("google_project_iam_policy", "x", None, {"project": "demo", "policy_data": data}),
        )
    ).after
    assert holders(after, "roles/viewer") == {EVE}


@pytest.mark.parametrize(
    ("kind", "members"),
    [("google_project_iam_member", {"member": ADA}), ("google_project_iam_binding", {"members": [ADA]})],
)
def test_what_is_destroyed_is_taken_away(kind, members):
    values = {"project": "demo", "role": "roles/editor", **members}
    after = effect(plan(change(kind, "x", values, None)), inventory_of(project_policy(("roles/editor", ADA)))).after
    assert holders(after, "roles/editor") == set()


def test_a_change_of_member_takes_the_old_one_away():
    old = {"project": "demo", "role": "roles/editor", "member": ADA}
    after = effect(
        plan(change("google_project_iam_member", "x", old, {**old, "member": EVE}, actions=["delete", "create"])),
        inventory_of(project_policy(("roles/editor", ADA, BOB))),
    ).after
    assert holders(after, "roles/editor") == {EVE, BOB}


def test_conditions_are_kept():
    values = {
        "project": "demo",
        "role": "roles/editor",
        "member": ADA,
        "condition": [{"title": "t", "expression": "false", "description": ""}],
    }
    after = effect(plan(change("google_project_iam_member", "x", None, values))).after
    assert after.policy(PROJECT).bindings == (Binding("roles/editor", (ADA,), Condition("false", "t", "")),)


def test_an_audit_config_replaces_that_of_its_service():
    values = {
        "project": "demo",
        "service": "iam.googleapis.com",
        "audit_log_config": [{"log_type": "DATA_READ", "exempted_members": [ADA]}],
    }
    other = {"service": "allServices", "auditLogConfigs": [{"logType": "ADMIN_READ"}]}
    mine = {"service": "iam.googleapis.com", "auditLogConfigs": [{"logType": "DATA_WRITE"}]}
    after = effect(
        plan(change("google_project_iam_audit_config", "x", None, values)),
        inventory_of(project_policy(audits=[other, mine])),
    ).after
    assert after.policy(PROJECT).audit_configs == (
        AuditConfig("allServices", (AuditLogConfig("ADMIN_READ"),)),
        AuditConfig("iam.googleapis.com", (AuditLogConfig("DATA_READ", (ADA,)),)),
    )


@pytest.mark.parametrize(
    ("kind", "where", "name"),
    [
        ("google_folder", {"folder": "folders/42"}, "//cloudresourcemanager.googleapis.com/folders/42"),
        ("google_organization", {"org_id": "7"}, "//cloudresourcemanager.googleapis.com/organizations/7"),
        (
            "google_service_account",
            {"service_account_id": "projects/demo/serviceAccounts/app@demo.iam.gserviceaccount.com"},
            APP,
        ),
        ("google_storage_bucket", {"bucket": "b/reports"}, "//storage.googleapis.com/reports"),
        (
            "google_secret_manager_secret",
            {"project": "demo", "secret_id": "db"},
            "//secretmanager.googleapis.com/projects/demo/secrets/db",
        ),
        (
            "google_secret_manager_secret",
            {"secret_id": "projects/demo/secrets/db"},
            "//secretmanager.googleapis.com/projects/demo/secrets/db",
        ),
        (
            "google_kms_crypto_key",
            {"crypto_key_id": "demo/global/ring/key"},
            "//cloudkms.googleapis.com/projects/demo/locations/global/keyRings/ring/cryptoKeys/key",
        ),
        (
            "google_bigquery_dataset",
            {"project": "demo", "dataset_id": "sales"},
            "//bigquery.googleapis.com/projects/demo/datasets/sales",
        ),
        (
            "google_pubsub_topic",
            {"project": "demo", "topic": "projects/demo/topics/t"},
            "//pubsub.googleapis.com/projects/demo/topics/t",
        ),
        (
            "google_cloud_run_v2_service",
            {"project": "demo", "location": "europe-west1", "name": "web"},
            "//run.googleapis.com/projects/demo/locations/europe-west1/services/web",
        ),
        (
            "google_compute_instance",
            {"project": "demo", "zone": "europe-west1-b", "instance_name": "vm"},
            "//compute.googleapis.com/projects/demo/zones/europe-west1-b/instances/vm",
        ),
    ],
)
def test_the_resource_is_named_as_the_inventory_names_it(kind, where, name):
    after = effect(plan(change(f"{kind}_iam_member", "x", None, {**where, "role": "roles/x", "member": ADA}))).after
    assert holders(after, "roles/x", name) == {ADA}


def test_a_resource_of_a_family_nobody_knows_is_still_one_resource():
    values = {"project": "demo", "location": "eu", "gadget_id": "g", "role": "roles/owner", "member": ADA}
    after = effect(plan(change("google_novelty_gadget_iam_member", "x", None, values))).after
    assert [name for name, _ in after.policies if "/g" in name]


# What is known only after apply


def test_a_new_account_is_known_by_what_refers_to_it():
    document = plan(
        change("google_service_account", "app", None, {"account_id": "app", "project": "demo"}, {"email": True}),
        change("google_project_iam_member", "x", None, {"project": "demo", "role": "roles/editor"}, {"member": True}),
        resources=[
            config("google_service_account", "app"),
            config(
                "google_project_iam_member",
                "x",
                member=["google_service_account.app.email", "google_service_account.app"],
            ),
        ],
    )
    read = read_plan(document)
    after = take_effect(Inventory(), read.steps).after
    assert holders(after, "roles/editor") == {"serviceAccount:app@demo.iam.gserviceaccount.com"}
    assert not [unknown for step in read.steps for unknown in step.unknown]
    assert any("taken to be" in text for step in read.steps for text in step.assumed)


def test_a_value_through_a_module_is_found():
    document = plan(
        change(
            "google_service_account",
            "this",
            None,
            {"account_id": "app", "project": "demo"},
            {"email": True},
            module="module.account",
        ),
        change(
            "google_project_iam_member",
            "x",
            None,
            {"project": "demo", "role": "roles/editor"},
            {"member": True},
            module="module.grant",
        ),
        calls={
            "account": {
                "module": {
                    "resources": [config("google_service_account", "this")],
                    "outputs": {
                        "email": {
                            "expression": {
                                "references": ["google_service_account.this.email", "google_service_account.this"]
                            }
                        }
                    },
                }
            },
            "grant": {
                "expressions": {"who": {"references": ["module.account.email", "module.account"]}},
                "module": {"resources": [config("google_project_iam_member", "x", member=["var.who"])]},
            },
        },
    )
    assert holders(effect(document).after, "roles/editor") == {"serviceAccount:app@demo.iam.gserviceaccount.com"}


def test_each_instance_refers_to_its_own():
    accounts = [
        change(
            "google_service_account",
            "app",
            None,
            {"account_id": f"app-{key}", "project": "demo"},
            {"email": True},
            index=key,
        )
        for key in ("a", "b")
    ]
    document = plan(
        *accounts,
        change(
            "google_project_iam_member",
            "x",
            None,
            {"project": "demo", "role": "roles/editor"},
            {"member": True},
            index="b",
        ),
        resources=[
            config("google_service_account", "app"),
            config("google_project_iam_member", "x", member=["google_service_account.app", "each.key"]),
            config(
                "google_project_iam_member",
                "x",
                member=["google_service_account.app.email", "google_service_account.app"],
            ),
        ],
    )
    assert holders(effect(document).after, "roles/editor") == {"serviceAccount:app-b@demo.iam.gserviceaccount.com"}


def test_a_member_of_a_new_pool_is_taken_for_the_whole_pool():
    document = plan(
        change(
            "google_iam_workload_identity_pool",
            "p",
            None,
            {"project": "demo", "workload_identity_pool_id": "ci"},
            {"name": True},
        ),
        change(
            "google_service_account_iam_member",
            "x",
            None,
            {
                "service_account_id": "projects/demo/serviceAccounts/app@demo.iam.gserviceaccount.com",
                "role": "roles/iam.workloadIdentityUser",
            },
            {"member": True},
        ),
        resources=[
            config("google_iam_workload_identity_pool", "p"),
            config(
                "google_service_account_iam_member",
                "x",
                member=["google_iam_workload_identity_pool.p.name", "google_iam_workload_identity_pool.p"],
            ),
        ],
    )
    (member,) = holders(effect(document).after, "roles/iam.workloadIdentityUser", APP)
    assert member == "principalSet://iam.googleapis.com/projects/demo/locations/global/workloadIdentityPools/ci/*"


@pytest.mark.parametrize(
    ("kind", "after", "unknown", "words"),
    [
        ("google_project_iam_member", {"project": "demo", "role": "roles/owner"}, {"member": True}, "roles/owner"),
        ("google_project_iam_member", {"project": "demo", "member": ADA}, {"role": True}, "which role"),
        (
            "google_service_account_iam_member",
            {"role": "roles/x", "member": ADA},
            {"service_account_id": True},
            "after apply",
        ),
        (
            "google_project_iam_binding",
            {"project": "demo", "role": "roles/x", "members": [ADA]},
            {"members": [False, True]},
            "roles/x",
        ),
        ("google_project_iam_policy", {"project": "demo"}, {"policy_data": True}, "whole policy"),
        ("google_project_iam_custom_role", {"project": "demo", "role_id": "r"}, {"permissions": True}, "permissions"),
        ("google_iam_deny_policy", {"name": "d"}, {"parent": True}, "too little"),
    ],
)
def test_what_nobody_can_tell_is_said(kind, after, unknown, words):
    read = read_plan(plan(change(kind, "x", None, after, unknown)))
    assert [str(item) for step in read.steps for item in step.unknown if words in str(item)]


def test_an_unknown_condition_lowers_nothing():
    values = {"project": "demo", "role": "roles/owner", "member": ADA, "condition": [{"title": "t"}]}
    read = read_plan(
        plan(change("google_project_iam_member", "x", None, values, {"condition": [{"expression": True}]}))
    )
    after = take_effect(Inventory(), read.steps).after
    assert after.policy(PROJECT).bindings[0].condition is None
    assert "condition" in str(read.steps[0].unknown[0])


def test_the_project_of_the_provider_serves_where_the_resource_has_none():
    document = plan(
        change("google_project_iam_member", "x", None, {"role": "roles/viewer", "member": ADA}, {"project": True}),
        provider={"project": {"references": ["var.home"]}},
        variables={"home": "demo"},
    )
    assert holders(effect(document).after, "roles/viewer") == {ADA}


# Things


def test_things_come_as_the_inventory_would_read_them():
    after = effect(
        plan(
            change(
                "google_project", "p", None, {"project_id": "demo", "name": "Demo", "folder_id": "42"}, {"number": True}
            ),
            change("google_folder", "f", None, {"display_name": "F", "parent": "organizations/7"}, {"name": True}),
            change("google_service_account", "a", None, {"account_id": "app", "project": "demo", "disabled": True}),
            change(
                "google_service_account_key",
                "k",
                None,
                {"service_account_id": "app@demo.iam.gserviceaccount.com"},
                {"name": True},
            ),
            change(
                "google_project_iam_custom_role",
                "r",
                None,
                {"project": "demo", "role_id": "ops", "permissions": ["iam.serviceAccounts.actAs"], "stage": "GA"},
            ),
            change(
                "google_iam_workload_identity_pool", "w", None, {"project": "demo", "workload_identity_pool_id": "ci"}
            ),
            change(
                "google_iam_workload_identity_pool_provider",
                "w",
                None,
                {
                    "project": "demo",
                    "workload_identity_pool_id": "ci",
                    "workload_identity_pool_provider_id": "github",
                    "attribute_mapping": {"google.subject": "assertion.sub"},
                    "attribute_condition": None,
                    "oidc": [{"issuer_uri": "https://token.actions.githubusercontent.com", "allowed_audiences": []}],
                    "aws": [],
                    "saml": [],
                },
            ),
            change(
                "google_container_cluster",
                "c",
                None,
                {
                    "project": "demo",
                    "location": "europe-west1",
                    "name": "one",
                    "enable_legacy_abac": True,
                    "workload_identity_config": [{"workload_pool": "demo.svc.id.goog"}],
                    "node_pool": [],
                    "remove_default_node_pool": True,
                    "node_config": [],
                },
            ),
            change(
                "google_container_node_pool",
                "n",
                None,
                {
                    "project": "demo",
                    "location": "europe-west1",
                    "cluster": "one",
                    "name": "extra",
                    "node_config": [
                        {
                            "service_account": "n@demo.iam.gserviceaccount.com",
                            "workload_metadata_config": [{"mode": "GCE_METADATA"}],
                        }
                    ],
                },
            ),
            change(
                "google_iam_deny_policy",
                "d",
                None,
                {
                    "parent": "cloudresourcemanager.googleapis.com%2Fprojects%2Fdemo",
                    "name": "no-keys",
                    "rules": [
                        {
                            "description": "",
                            "deny_rule": [
                                {
                                    "denied_principals": ["principalSet://goog/public:all"],
                                    "denied_permissions": ["iam.googleapis.com/serviceAccountKeys.create"],
                                    "exception_principals": [],
                                    "denial_condition": [],
                                }
                            ],
                        }
                    ],
                },
            ),
            change("google_project_service", "s", None, {"project": "demo", "service": "run.googleapis.com"}),
            change(
                "google_org_policy_policy",
                "o",
                None,
                {
                    "parent": "projects/demo",
                    "name": "projects/demo/policies/iam.disableServiceAccountKeyCreation",
                    "spec": [{"rules": [{"enforce": "TRUE"}]}],
                },
            ),
            change(
                "google_storage_bucket",
                "b",
                None,
                {"project": "demo", "name": "reports", "public_access_prevention": "enforced"},
            ),
            change(
                "google_compute_instance",
                "i",
                None,
                {
                    "project": "demo",
                    "zone": "europe-west1-b",
                    "name": "vm",
                    "service_account": [{"email": "app@demo.iam.gserviceaccount.com", "scopes": ["cloud-platform"]}],
                },
            ),
            change(
                "google_cloud_run_v2_service",
                "v",
                None,
                {
                    "project": "demo",
                    "location": "europe-west1",
                    "name": "web",
                    "template": [{"service_account": "app@demo.iam.gserviceaccount.com"}],
                },
            ),
            change(
                "google_cloud_run_service",
                "v1",
                None,
                {
                    "project": "demo",
                    "location": "europe-west1",
                    "name": "old",
                    "template": [{"spec": [{"service_account_name": "app@demo.iam.gserviceaccount.com"}]}],
                },
            ),
        )
    ).after
    assert after.all(Project)[0].parent.endswith("folders/42")
    assert after.all(Folder)[0].parent.endswith("organizations/7")
    (account,) = after.all(ServiceAccount)
    assert (account.name, account.disabled) == (APP, True)
    assert after.all(ServiceAccountKey)[0].user_managed
    assert after.all(Role)[0].permissions == ("iam.serviceAccounts.actAs",)
    assert after.all(IdentityPool)[0].id == "ci"
    (provider,) = after.all(IdentityPoolProvider)
    assert (provider.kind, provider.attribute_condition) == ("oidc", "")
    (cluster,) = after.all(Cluster)
    assert (cluster.workload_pool, cluster.legacy_abac) == ("demo.svc.id.goog", True)
    (pool,) = after.all(NodePool)
    assert (pool.cluster, pool.metadata_mode) == (cluster.name, "GCE_METADATA")
    (deny,) = after.all(DenyPolicy)
    assert (deny.attachment_point, len(deny.rules)) == (PROJECT, 1)
    assert after.all(EnabledService)[0].state == "ENABLED"
    (rule,) = after.all(OrgPolicy)
    assert (rule.resource, rule.enforced) == (PROJECT, True)
    assert after.project_of(after.all(Bucket)[0].name) == "demo"
    assert after.all(Instance)[0].service_accounts[0].scopes == ("cloud-platform",)
    assert {item.service_account for item in after.all(Runtime)} == {"app@demo.iam.gserviceaccount.com"}
    assert after.has(Part.CLUSTERS)


def test_a_destroyed_account_leaves_its_grants_to_nobody():
    inventory = inventory_of(
        {
            "name": APP,
            "assetType": "iam.googleapis.com/ServiceAccount",
            "resource": {"data": {"email": "app@demo.iam.gserviceaccount.com", "uniqueId": "99", "projectId": "demo"}},
        },
        project_policy(("roles/editor", "serviceAccount:app@demo.iam.gserviceaccount.com")),
    )
    document = plan(
        change("google_service_account", "a", {"account_id": "app", "project": "demo", "unique_id": "99"}, None)
    )
    after = effect(document, inventory).after
    assert not after.all(ServiceAccount)
    assert holders(after, "roles/editor") == {"deleted:serviceAccount:app@demo.iam.gserviceaccount.com?uid=99"}


def test_a_member_joins_the_group_the_plan_names():
    document = plan(
        change(
            "google_cloud_identity_group_membership",
            "m",
            None,
            {"group": "admins@example.com", "preferred_member_key": [{"id": "eve@example.com"}]},
        )
    )
    assert effect(document).after.all(Group) == (Group(email="admins@example.com", members=(EVE,)),)


def test_what_stands_and_the_inventory_lacks_is_taken_from_the_plan():
    values = {"project": "demo", "role": "roles/editor", "member": ADA}
    document = plan(change("google_project_iam_member", "x", values, values, actions=["no-op"]))
    alone = effect(document)
    assert holders(alone.before, "roles/editor") == holders(alone.after, "roles/editor") == {ADA}
    known = effect(document, inventory_of(project_policy(("roles/viewer", BOB))))
    assert holders(known.after, "roles/editor") == set(), "the inventory knows better what stands"


def test_a_policy_the_inventory_lacks_is_named():
    values = {"project": "demo", "role": "roles/editor", "member": ADA}
    assert effect(plan(change("google_project_iam_member", "x", None, values))).lacking == (PROJECT,)


def test_resources_about_access_that_nothing_reads_are_named():
    read = read_plan(
        plan(
            change("google_storage_bucket_acl", "x", None, {"bucket": "b"}),
            change("google_dns_record_set", "y", None, {"name": "n"}),
        )
    )
    assert read.not_understood == ("google_storage_bucket_acl.x",)
    assert read.not_read == {"google_storage_bucket_acl": 1, "google_dns_record_set": 1}


@pytest.mark.parametrize(
    "document",
    [
        {"format_version": "1.0", "terraform_version": "1.9.5", "values": {"root_module": {}}},
        plan(errored=True),
        [],
    ],
)
def test_what_is_no_whole_plan_is_refused(document):
    with pytest.raises(InputError):
        read_plan(document)


@pytest.mark.parametrize("damage", [None, 1, "x", [], {"after": 3}, {"actions": "create", "after": {"project": 1}}])
def test_damaged_changes_raise_nothing(damage):
    item = change("google_project_iam_member", "x", None, {"project": "demo", "role": "roles/x", "member": ADA})
    item["change"] = damage
    neighbour = change("google_project_iam_member", "y", None, {"project": "demo", "role": "roles/x", "member": BOB})
    assert holders(effect(plan(item, neighbour)).after, "roles/x") == {BOB}
