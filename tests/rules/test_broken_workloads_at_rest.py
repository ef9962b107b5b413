"""Workloads that cannot reach Google Cloud, and their healthy twins, as a scan of files sees them.

Each story changes one fact of a healthy project. It is told twice: as an asset export, and as the lists that gcloud
prints, each beside the objects of the cluster as `kubectl get -o json` prints them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bindwatch.adapters.inputs import InputReader
from bindwatch.engine import Engine
from bindwatch.model.finding import Finding, Severity
from bindwatch.rule import Context
from bindwatch.rules import INVENTORY_RULES

PROJECT, NUMBER = "shop-prod", "100200300400"
POOL = f"{PROJECT}.svc.id.goog"
ACCOUNT, UNIQUE_ID = f"cart@{PROJECT}.iam.gserviceaccount.com", "111111111111111111111"
NODES = f"nodes@{PROJECT}.iam.gserviceaccount.com"
ANNOTATION = "iam.gke.io/gcp-service-account"
CRM = "//cloudresourcemanager.googleapis.com"
POOL_NAME = f"//iam.googleapis.com/projects/{NUMBER}/locations/global/workloadIdentityPools/{POOL}"
DIRECT = f"principal:{POOL_NAME}/subject/ns/shop/sa/cart"
CLUSTER = f"//container.googleapis.com/projects/{PROJECT}/locations/europe-west4/clusters/main"
AS_OF = datetime(2026, 11, 2, 12, tzinfo=UTC)


def asset(name: str, kind: str, data: Any = None, bindings: Any = None, *above: str) -> dict[str, Any]:
    found: dict[str, Any] = {"name": name, "assetType": kind, "ancestors": [*above, "organizations/1"]}
    if data is not None:
        found["resource"] = {"version": "v1", "data": data}
    if bindings is not None:
        found["iamPolicy"] = {"bindings": bindings}
    return found


def account(email: str, unique_id: str, *bindings: dict[str, Any]) -> dict[str, Any]:
    name = f"projects/{PROJECT}/serviceAccounts/"
    data = {"name": name + email, "email": email, "uniqueId": unique_id, "projectId": PROJECT}
    kind = "iam.googleapis.com/ServiceAccount"
    return asset(f"//iam.googleapis.com/{name}{unique_id}", kind, data, [*bindings], f"projects/{NUMBER}")


def binding(role: str, *members: str, **more: Any) -> dict[str, Any]:
    return {"role": role, "members": [*members], **more}


def ksa(name: str, namespace: str = "shop", account: str = "") -> dict[str, Any]:
    named = {ANNOTATION: account} if account else {}
    metadata = {"namespace": namespace, "name": name, "uid": f"uid-{name}", "annotations": named}
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}


def pod(name: str, node: str, account_name: str = "cart") -> dict[str, Any]:
    spec = {"serviceAccountName": account_name, "nodeName": node, "containers": [{"name": "c", "image": "x"}]}
    metadata = {"namespace": "shop", "name": name, "labels": {"app": "cart"}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": {"phase": "Running"}}


def node(name: str, pool: str) -> dict[str, Any]:
    labels = {"cloud.google.com/gke-nodepool": pool}
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}}


def node_pool(name: str, mode: str) -> dict[str, Any]:
    return {"name": name, "config": {"workloadMetadataConfig": {"mode": mode}, "serviceAccount": NODES}}


def network_policy(*egress: dict[str, Any]) -> dict[str, Any]:
    spec = {"podSelector": {}, "policyTypes": ["Egress"], "egress": [*egress]}
    metadata = {"namespace": "shop", "name": "egress"}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}


class Shop:
    """A healthy project with one cluster, in which one workload impersonates one account; stories change it."""

    def __init__(self) -> None:
        here = f"projects/{NUMBER}"
        agent = f"serviceAccount:service-{NUMBER}@container-engine-robot.iam.gserviceaccount.com"
        self.roles = [
            binding("roles/monitoring.viewer", f"serviceAccount:{ACCOUNT}"),
            binding("roles/container.defaultNodeServiceAccount", f"serviceAccount:{NODES}"),
            binding("roles/container.serviceAgent", agent),
        ]
        parent = {"type": "organization", "id": "1"}
        data = {"projectId": PROJECT, "projectNumber": NUMBER, "lifecycleState": "ACTIVE", "parent": parent}
        self.project = asset(
            f"{CRM}/projects/{PROJECT}", "cloudresourcemanager.googleapis.com/Project", data, self.roles, here
        )
        logs = {"service": "allServices", "auditLogConfigs": [{"logType": "ADMIN_READ"}]}
        self.project["iamPolicy"]["auditConfigs"] = [logs]
        trust = binding("roles/iam.workloadIdentityUser", f"serviceAccount:{POOL}[shop/cart]")
        self.account: dict[str, Any] | None = account(ACCOUNT, UNIQUE_ID, trust)
        self.cluster = {
            "name": "main",
            "location": "europe-west4",
            "selfLink": CLUSTER.replace("//container.googleapis.com", "https://container.googleapis.com/v1"),
            "workloadIdentityConfig": {"workloadPool": POOL},
            "networkConfig": {"datapathProvider": "ADVANCED_DATAPATH"},
            "nodePools": [node_pool("a", "GKE_METADATA")],
        }
        self.services = dict.fromkeys(("iam", "iamcredentials", "container", "sts", "cloudasset"), "ENABLED")
        self.more: list[dict[str, Any]] = []
        self.pods = [pod("cart-1", "n1")]
        self.objects = [
            ksa("cart", account=ACCOUNT), ksa("default"), ksa("default", "kube-system"), node("n1", "a")
        ]  # fmt: skip

    @property
    def trust(self) -> list[dict[str, Any]]:
        assert self.account is not None
        bindings: list[dict[str, Any]] = self.account["iamPolicy"]["bindings"]
        return bindings

    def direct(self, role: str, member: str = DIRECT) -> None:
        """The workload acts as itself, with one role on the project."""
        self.objects[0]["metadata"]["annotations"] = {}
        self.trust.clear()
        self.roles.append(binding(role, member))

    def accounts(self) -> list[dict[str, Any]]:
        return [account(NODES, "222222222222222222222"), *([self.account] if self.account else [])]

    def written(self, folder: Path, layout: str) -> Path:
        """The files of one layout."""
        accounts = [(item["resource"]["data"], item["iamPolicy"]) for item in self.accounts()]
        project = self.project["resource"]["data"]
        documents: dict[str, Any] = {}
        if layout == "assets":
            kind, here = "serviceusage.googleapis.com/Service", f"projects/{NUMBER}"
            services = [
                asset(f"//serviceusage.googleapis.com/{here}/services/{name}.googleapis.com", kind,
                      {"name": f"{here}/services/{name}.googleapis.com", "state": state}, None, here)
                for name, state in self.services.items()
            ]  # fmt: skip
            cluster = asset(CLUSTER, "container.googleapis.com/Cluster", self.cluster, None, here)
            items = [self.project, cluster, *self.accounts(), *services, *self.more]
            (folder / "assets.ndjson").write_text("".join(json.dumps(item) + "\n" for item in items))
        else:
            documents = {
                "projects": [project],
                "service-accounts": [data for data, _ in accounts],
                "clusters": [self.cluster],
                "services": [
                    {"name": f"projects/{NUMBER}/services/{name}.googleapis.com", "state": state}
                    for name, state in self.services.items() if state == "ENABLED"
                ],
                f"{PROJECT}.iam-policy": self.project["iamPolicy"] | {"etag": "BwA=", "version": 1},
            } | {f"{data['email']}.iam-policy": policy | {"etag": "BwA="} for data, policy in accounts}  # fmt: skip
            (folder / "more.ndjson").write_text("".join(json.dumps(item) + "\n" for item in self.more))
        objects = {"apiVersion": "v1", "kind": "List", "items": [*self.objects, *self.pods]}
        documents[f"gke_{PROJECT}_europe-west4_main"] = objects
        for name, document in documents.items():
            (folder / f"{name}.json").write_text(json.dumps(document))
        return folder


Story = Callable[[Shop], None]


def found(folder: Path, story: Story | None, layout: str) -> list[Finding]:
    shop = Shop()
    if story is not None:
        story(shop)
    reader = InputReader((str(shop.written(folder, layout)),))
    inventory = reader.inventory()
    assert inventory is not None
    assert reader.reading.problems == []
    verdict = Engine(Context(as_of=AS_OF, inventory=inventory), (), INVENTORY_RULES).judge_inventory(inventory)
    assert verdict.failures == ()
    return [finding for finding in verdict.findings if finding.severity >= Severity.MEDIUM]


def pods_on_a_node_pool_without_it(shop: Shop) -> None:
    shop.cluster["nodePools"].append(node_pool("b", "GCE_METADATA"))  # type: ignore[attr-defined]
    shop.objects.append(node("n2", "b"))
    shop.pods.append(pod("cart-2", "n2"))


def on_the_network_of_the_node(shop: Shop) -> None:
    shop.pods[0]["spec"]["hostNetwork"] = True


def account_missing(shop: Shop) -> None:
    shop.account = None


def account_disabled(shop: Shop) -> None:
    assert shop.account is not None
    shop.account["resource"]["data"]["disabled"] = True


def account_made_anew(shop: Shop) -> None:
    shop.roles[0]["members"] = [f"deleted:serviceAccount:{ACCOUNT}?uid=999999999999999999999"]


def account_deleted(shop: Shop) -> None:
    shop.roles[0]["members"] = [f"deleted:serviceAccount:{ACCOUNT}?uid={UNIQUE_ID}"]
    shop.account = None


def calls_cloud_run_as_itself(shop: Shop) -> None:
    shop.direct("roles/run.invoker")


def clones_repositories_as_itself(shop: Shop) -> None:
    shop.direct("roles/source.reader")


def credentials_api_off(shop: Shop) -> None:
    shop.services["iamcredentials"] = "DISABLED"


def deny_policy(shop: Shop, *excepted: str) -> None:
    name = f"policies/cloudresourcemanager.googleapis.com%2Fprojects%2F{NUMBER}/denypolicies/no-mint"
    rule = {
        "deniedPrincipals": ["principalSet://goog/public:all"],
        "exceptionPrincipals": [*excepted],
        "deniedPermissions": ["iam.googleapis.com/serviceAccounts.getAccessToken"],
    }
    data = {"name": name, "kind": "DenyPolicy", "rules": [{"denyRule": rule}]}
    shop.more.append(
        asset(f"//iam.googleapis.com/{name}", "iam.googleapis.com/DenyPolicy", data, None, f"projects/{NUMBER}")
    )


def access_boundary(shop: Shop, within: str = "other-prod") -> None:
    policy = "organizations/1/locations/global/principalAccessBoundaryPolicies/within"
    rule = {"effect": "ALLOW", "resources": [f"{CRM}/projects/{within}"]}
    details = {"rules": [rule], "enforcementVersion": "4"}
    name = f"projects/{NUMBER}/locations/global/policyBindings/b"
    bound = {"name": name, "policy": policy, "policyKind": "PRINCIPAL_ACCESS_BOUNDARY",
             "target": {"principalSet": f"{CRM}/projects/{PROJECT}"}}  # fmt: skip
    kind = "iam.googleapis.com/PrincipalAccessBoundaryPolicy"
    shop.more += [
        asset(f"//iam.googleapis.com/{policy}", kind, {"name": policy, "details": details}),
        asset(f"//iam.googleapis.com/{name}", "iam.googleapis.com/PolicyBinding", bound, None, f"projects/{NUMBER}"),
    ]


def no_way_to_the_metadata_server(shop: Shop) -> None:
    shop.objects.append(network_policy({"to": [{"podSelector": {}}]}))


def all_but_link_local_addresses(shop: Shop) -> None:
    shop.objects.append(network_policy({"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]}}]}))


def a_way_to_the_metadata_server(shop: Shop) -> None:
    shop.objects.append(
        network_policy(
            {"to": [{"ipBlock": {"cidr": "169.254.169.254/32"}}], "ports": [{"protocol": "TCP", "port": 80}]},
            {"ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]},
            {"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}], "ports": [{"protocol": "TCP", "port": 443}]},
        )
    )


def in_a_fleet(shop: Shop, pool: str = "fleet-host.svc.id.goog", *, trusted: str = POOL) -> None:
    """The cluster is a member of a fleet, whose token the pod mounts; the account trusts the workload of a pool."""
    name = "projects/fleet-host/locations/global/memberships/main"
    authority = {
        "workloadIdentityPool": pool,
        "identityProvider": f"https://gkehub.googleapis.com/{name}",
        "issuer": CLUSTER.replace("//container.googleapis.com", "https://container.googleapis.com/v1"),
    }
    data = {"name": name, "endpoint": {"gkeCluster": {"resourceLink": CLUSTER}}, "authority": authority}
    shop.more.append(
        asset(f"//gkehub.googleapis.com/{name}", "gkehub.googleapis.com/Membership", data, None, "projects/500")
    )
    token = {"serviceAccountToken": {"audience": pool, "expirationSeconds": 172800, "path": "token"}}
    items = [{"key": "config", "path": "google-application-credentials.json"}]
    spec = shop.pods[0]["spec"]
    spec["volumes"] = [{"name": "t", "projected": {"sources": [token, {"configMap": {"name": "adc", "items": items}}]}}]
    path = "/var/run/secrets/tokens/gcp-ksa"
    spec["containers"][0] |= {
        "env": [{"name": "GOOGLE_APPLICATION_CREDENTIALS", "value": f"{path}/google-application-credentials.json"}],
        "volumeMounts": [{"name": "t", "mountPath": path}],
    }
    shop.trust[0]["members"] = [f"serviceAccount:{trusted}[shop/cart]"]


def pool_of_the_fleet(shop: Shop) -> None:
    shop.cluster["workloadIdentityConfig"] = {"workloadPool": "fleet-host.svc.id.goog"}


@pytest.mark.parametrize("layout", ["assets", "gcloud"])
@pytest.mark.parametrize(
    ("story", "cause"),
    [
        (pods_on_a_node_pool_without_it, "mixed-node-pools"),
        (on_the_network_of_the_node, "host-network"),
        (account_missing, "gsa-not-found"),
        (account_disabled, "gsa-disabled"),
        (account_made_anew, "gsa-recreated"),
        (account_deleted, "gsa-deleted"),
        (calls_cloud_run_as_itself, "service-rejects-federated-token"),
        (clones_repositories_as_itself, "service-rejects-federated-token"),
        (credentials_api_off, "iamcredentials-api-disabled"),
        (deny_policy, "deny-policy"),
        (access_boundary, "principal-access-boundary"),
        (no_way_to_the_metadata_server, "network-policy-blocks-metadata"),
        (all_but_link_local_addresses, "network-policy-blocks-metadata"),
        (in_a_fleet, "fleet-pool-mismatch"),
        (pool_of_the_fleet, "pool-of-another-project"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_broken_workload_is_found_with_its_cause(tmp_path: Path, layout: str, story: Story, cause: str) -> None:
    causes = [
        finding.cause for finding in found(tmp_path, story, layout) if finding.rule_id == "workload-identity-broken"
    ]
    assert causes == [cause]


def excepted_from_the_deny_policy(shop: Shop) -> None:
    deny_policy(shop, DIRECT)


def within_its_boundary(shop: Shop) -> None:
    access_boundary(shop, PROJECT)


def trusted_in_the_fleet(shop: Shop) -> None:
    in_a_fleet(shop, trusted="fleet-host.svc.id.goog")


def reads_a_bucket_as_itself(shop: Shop) -> None:
    shop.direct("roles/storage.objectViewer")


def disabled_and_used_by_nobody(shop: Shop) -> None:
    other = account(f"old@{PROJECT}.iam.gserviceaccount.com", "333333333333333333333")
    other["resource"]["data"]["disabled"] = True
    shop.more.append(other)


@pytest.mark.parametrize("layout", ["assets", "gcloud"])
@pytest.mark.parametrize(
    "story",
    [
        None, excepted_from_the_deny_policy, within_its_boundary, a_way_to_the_metadata_server, trusted_in_the_fleet,
        reads_a_bucket_as_itself, disabled_and_used_by_nobody,
    ],
    ids=lambda value: getattr(value, "__name__", "nothing_changed"),
)  # fmt: skip
def test_its_healthy_twin_is_left_alone(tmp_path: Path, layout: str, story: Story | None) -> None:
    assert [(finding.rule_id, finding.title) for finding in found(tmp_path, story, layout)] == []


def test_a_story_changes_only_its_own_world() -> None:
    first = Shop()
    before = deepcopy(first.project)
    account_made_anew(Shop())
    assert first.project == before


def test_the_account_that_a_fix_creates_is_free_and_one_that_can_be(tmp_path: Path) -> None:
    def taken(shop: Shop) -> None:
        calls_cloud_run_as_itself(shop)
        shop.more.append(account(f"cart-workload@{PROJECT}.iam.gserviceaccount.com", "444444444444444444444"))

    for folder, story, name in (
        ("free", calls_cloud_run_as_itself, "cart-workload"),
        ("taken", taken, "shop-cart-workload"),
    ):
        (tmp_path / folder).mkdir()
        (finding,) = found(tmp_path / folder, story, "assets")
        assert finding.remediation is not None
        assert finding.remediation.commands[0] == f"gcloud iam service-accounts create {name} --project={PROJECT}"
