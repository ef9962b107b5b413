import json
from typing import Any

import pytest

from bindwatch.inventory import (
    UNKNOWN_CLUSTER,
    Hint,
    Inventory,
    InventoryBuilder,
    Origin,
    Part,
    hint_from_path,
    read_inventory_document,
)
from bindwatch.inventory.workloads import (
    CredentialConfiguration,
    EnvVar,
    KubernetesEvent,
    KubernetesServiceAccount,
    Namespace,
    NetworkPolicy,
    Node,
    Pod,
    PortRange,
    Requirement,
    Selector,
    TokenProjection,
    Workload,
)
from inventory.documents import CI, CLUSTER, GKE, KSA, asset, pod

HERE = Hint(project="shop-prod", cluster=CLUSTER)


def read(*documents: object, hint: Hint | None = HERE) -> Inventory:
    builder = InventoryBuilder()
    for line, document in enumerate(documents, 1):
        assert read_inventory_document(document, builder, origin=Origin("objects.json", line), hint=hint)
    assert builder.problems == []
    return builder.build()


def as_list(*items: dict[str, Any], kind: str = "List") -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "items": list(items)}


def without_kind(item: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in item.items() if key not in ("kind", "apiVersion")}


@pytest.mark.parametrize("shape", [KSA, as_list(KSA), as_list(without_kind(KSA), kind="ServiceAccountList")])
def test_a_service_account_with_its_annotations(shape: dict[str, Any]) -> None:
    ksa = read(shape).ksa(CLUSTER, "shop", "cart")
    assert ksa is not None
    assert ksa.google_service_account == CI
    assert ksa.annotations == (("iam.gke.io/gcp-service-account", CI),)
    assert ksa.resource == f"{CLUSTER}/k8s/namespaces/shop/serviceaccounts/cart"
    assert ksa.annotation("iam.gke.io/return-principal-id-as-email") == ""


def test_the_same_objects_in_an_export() -> None:
    inventory = read(
        asset(f"{CLUSTER}/k8s/namespaces/shop/serviceaccounts/cart", "k8s.io/ServiceAccount", without_kind(KSA)),
        asset(f"{CLUSTER}/k8s/namespaces/shop/pods/cart-5d9", "k8s.io/Pod", without_kind(pod())),
        asset(f"{CLUSTER}/k8s/namespaces/shop/services/x", "k8s.io/Service", {"metadata": {"name": "x"}}),
        hint=None,
    )
    assert inventory.ksa(CLUSTER, "shop", "cart") is not None
    assert [item.name for item in inventory.pods_of(CLUSTER, "shop", "cart")] == ["cart-5d9"]
    assert inventory.has(Part.PODS, f"{CLUSTER}/k8s/namespaces/shop")
    assert inventory.skipped == {("Kubernetes Service", "says nothing of identity"): 1}


def test_a_pod_as_it_runs() -> None:
    (found,) = read(pod(nodeName="gke-main-web-1", hostNetwork=True, dnsPolicy="ClusterFirst")).all(Pod)
    assert (found.namespace, found.ksa, found.phase, found.owner) == ("shop", "cart", "Running", "ReplicaSet/cart-5d")
    assert found.spec.host_network
    assert found.reasons == ("CrashLoopBackOff",)
    assert found.restarts == 3
    assert found.labels == (("app", "cart"),)
    assert "secret: yes" not in repr(found)


def test_a_pod_without_an_account_runs_as_default() -> None:
    (found,) = read(pod(serviceAccountName="")).all(Pod)
    assert found.ksa == "default"
    assert not found.spec.names_service_account


def test_of_the_environment_only_what_steers_credentials_keeps_its_value() -> None:
    env = [
        {"name": "GOOGLE_APPLICATION_CREDENTIALS", "value": "/var/keys/key.json"},
        {"name": "CLOUDSDK_CORE_PROJECT", "value": "shop-prod"},
        {"name": "CLOUDSDK_AUTH_ACCESS_TOKEN", "value": "ya29.not-kept"},
        {"name": "DATABASE_PASSWORD", "value": "hunter2"},
        {"name": "FROM_SECRET", "valueFrom": {"secretKeyRef": {"name": "db", "key": "p"}}},
    ]
    (found,) = read(pod(containers=[{"name": "main", "env": env}])).all(Pod)
    assert found.spec.containers[0].env == (
        EnvVar("GOOGLE_APPLICATION_CREDENTIALS", "/var/keys/key.json", "value"),
        EnvVar("CLOUDSDK_CORE_PROJECT", "shop-prod", "value"),
        EnvVar("CLOUDSDK_AUTH_ACCESS_TOKEN", "", "value"),
        EnvVar("DATABASE_PASSWORD", "", "value"),
        EnvVar("FROM_SECRET", "", "secretKey"),
    )
    ((container, variable),) = found.spec.variables("GOOGLE_APPLICATION_CREDENTIALS")
    assert (container.name, variable.value) == ("main", "/var/keys/key.json")


def test_a_credential_pasted_into_a_variable_is_not_kept() -> None:
    env = [{"name": "GOOGLE_APPLICATION_CREDENTIALS", "value": '{"private_key": "-----BEGIN"}'}]
    assert "BEGIN" not in repr(read(pod(containers=[{"name": "main", "env": env}])).all(Pod))


def test_volumes_and_projected_tokens() -> None:
    volumes = [
        {"name": "key", "secret": {"secretName": "gsa-key"}},
        {
            "name": "token",
            "projected": {
                "sources": [
                    {
                        "serviceAccountToken": {
                            "audience": "fleet.svc.id.goog",
                            "path": "token",
                            "expirationSeconds": 172800,
                        }
                    },
                    {"configMap": {"name": "adc", "items": [{"key": "config", "path": "adc.json"}]}},
                ]
            },
        },
    ]
    mounts = [{"name": "token", "mountPath": "/var/run/secrets/tokens/gcp-ksa"}]
    (found,) = read(pod(volumes=volumes, containers=[{"name": "main", "volumeMounts": mounts}])).all(Pod)
    key, token = found.spec.volumes
    assert (key.kind, key.sources) == ("secret", (("secret", "gsa-key"),))
    assert token.sources == (("configMap", "adc"),)
    assert found.spec.tokens == (TokenProjection("fleet.svc.id.goog", "token", 172800),)
    assert found.spec.containers[0].mounts == (("token", "/var/run/secrets/tokens/gcp-ksa"),)


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob"])
def test_what_makes_pods_has_the_same_spec(kind: str) -> None:
    template = {"metadata": {"labels": {"app": "cart"}}, "spec": pod()["spec"]}
    spec: dict[str, Any] = {"replicas": 2, "template": template}
    if kind == "CronJob":
        spec = {"jobTemplate": {"spec": {"template": template}}}
    document = {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": "cart", "namespace": "shop"},
        "spec": spec,
        "status": {
            "conditions": [{"type": "ReplicaFailure", "status": "True", "message": 'serviceaccount "cart" not found'}]
        },
    }
    inventory = read(as_list(document))
    (found,) = inventory.workloads_of(CLUSTER, "shop", "cart")
    assert (found.kind, found.labels, found.ksa) == (kind, (("app", "cart"),), "cart")
    assert found.failure == 'serviceaccount "cart" not found'
    assert inventory.all(Workload) == (found,)
    assert f"/{kind.lower()}s/cart" in found.resource


def test_nodes_and_namespaces() -> None:
    labels = {"cloud.google.com/gke-nodepool": "web", "iam.gke.io/gke-metadata-server-enabled": "true"}
    inventory = read(
        as_list(
            {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1", "labels": labels}},
            {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n2"}},
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}, "status": {"phase": "Active"}},
        )
    )
    first, second = inventory.all(Node)
    assert (first.node_pool, first.has_metadata_server) == ("web", True)
    assert second.has_metadata_server is None
    assert [item.phase for item in inventory.all(Namespace)] == ["Active"]
    assert inventory.nodes_of(CLUSTER) == (first, second)
    assert inventory.has(Part.NODES, CLUSTER)


def test_a_network_policy_that_lets_only_dns_out_blocks_the_metadata_server() -> None:
    document = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "egress", "namespace": "shop"},
        "spec": {
            "podSelector": {
                "matchLabels": {"app": "cart"},
                "matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}],
            },
            "egress": [
                {"to": [{"namespaceSelector": {}}], "ports": [{"protocol": "UDP", "port": 53}]},
                {
                    "to": [{"ipBlock": {"cidr": "192.0.2.0/24", "except": ["192.0.2.128/25"]}}],
                    "ports": [{"port": 443, "endPort": 444}],
                },
            ],
        },
    }
    inventory = read(as_list(document, pod()))
    (policy,) = inventory.network_policies_for(inventory.all(Pod)[0])
    assert policy.limits_egress
    assert policy.policy_types == ("Ingress", "Egress")
    assert policy.pods == Selector((("app", "cart"),), (Requirement("tier", "DoesNotExist"),))
    dns, https = policy.egress
    assert not any(rule.allows("169.254.169.252", "TCP", 988) for rule in policy.egress)
    assert dns.ports == (PortRange("UDP", 53),)
    assert not dns.allows("192.0.2.1", "UDP", 53)
    assert https.allows("192.0.2.1", "TCP", 444)
    assert not https.allows("192.0.2.1", "TCP", 445)
    assert not https.allows("192.0.2.200", "TCP", 443)
    assert not https.allows("not an address", "TCP", 443)


@pytest.mark.parametrize(
    ("audience", "pool"),
    [
        (
            "identitynamespace:fleet-host.svc.id.goog:https://gkehub.googleapis.com/x/memberships/m",
            "fleet-host.svc.id.goog",
        ),
        ("identitynamespace:example.com:host.svc.id.goog:https://x.example.com", "example.com:host.svc.id.goog"),
        ("//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/on-prem/providers/p", "on-prem"),
        ("https://example.com", ""),
    ],
)
def test_of_config_maps_only_a_credential_configuration_is_read(audience: str, pool: str) -> None:
    url = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/Cart@p.iam.gserviceaccount.com:generateAccessToken"
    config = {"type": "external_account", "audience": audience, "service_account_impersonation_url": url}
    data = {"note": "password: hunter2", "any.json": json.dumps(config), "broken": '"external_account"'}
    documents = (
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "shop"}, "data": data},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "d", "namespace": "shop"}, "data": {"a": "b"}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "e", "namespace": "shop"}},
    )
    inventory = read(as_list(*documents))
    (found,) = inventory.all(CredentialConfiguration)
    assert (found.pool, found.google_service_account) == (pool, "cart@p.iam.gserviceaccount.com")
    assert "hunter2" not in repr(found)
    assert inventory.problems == ()


def test_in_a_bundle_the_name_of_a_list_tells_the_kind_of_its_objects_and_whose_a_policy_is() -> None:
    account = "cart@shop-prod.iam.gserviceaccount.com"
    bundle = {
        "kubectl": {
            "pods": [{"metadata": {"name": "cart-1", "namespace": "shop"}, "spec": {"serviceAccountName": "cart"}}],
            "ksas": [{"metadata": {"name": "cart", "namespace": "shop"}}],
            "network_policies": [{"metadata": {"name": "none", "namespace": "shop"}, "spec": {"podSelector": {}}}],
        },
        f"iam service-accounts get-iam-policy {account}": {"bindings": [{"role": "roles/viewer", "members": []}]},
    }
    builder = InventoryBuilder()
    assert read_inventory_document(bundle, builder, origin=Origin("b.json"))
    inventory = builder.build()
    assert [pod.ksa for pod in inventory.all(Pod)] == ["cart"]
    assert [item.name for item in inventory.all(KubernetesServiceAccount)] == ["cart"]
    assert [item.name for item in inventory.all(NetworkPolicy)] == ["none"]
    ((owner, _),) = inventory.policies
    assert owner == f"//iam.googleapis.com/projects/shop-prod/serviceAccounts/{account}"


def test_rules_without_peers_or_ports_let_everything_out() -> None:
    document = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "all", "namespace": "shop"},
        "spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{}]},
    }
    (policy,) = read(document).all(NetworkPolicy)
    assert policy.egress[0].allows("169.254.169.254", "TCP", 80)
    assert policy.pods.selects(())
    named = PortRange("TCP", "http")
    assert not named.covers("TCP", 80)


@pytest.mark.parametrize(
    ("operator", "value", "accepted"),
    [
        ("In", "a", True),
        ("In", None, False),
        ("NotIn", "b", True),
        ("NotIn", "a", False),
        ("NotIn", None, True),
        ("Exists", "x", True),
        ("Exists", None, False),
        ("DoesNotExist", None, True),
        ("Gt", "1", False),
    ],
)
def test_requirements_of_a_selector(operator: str, value: str | None, accepted: bool) -> None:
    assert Requirement("k", operator, ("a",)).accepts(value) is accepted


def test_events() -> None:
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "e", "namespace": "shop"},
        "involvedObject": {"kind": "ReplicaSet", "name": "cart-5d"},
        "reason": "FailedCreate",
        "message": 'error looking up service account shop/cart: serviceaccount "cart" not found',
        "count": 4,
    }
    inventory = read(as_list(event))
    (found,) = inventory.kubernetes_events_of(CLUSTER, "shop")
    assert (found.involved, found.reason, found.count) == ("ReplicaSet/cart-5d", "FailedCreate", 4)
    assert inventory.all(KubernetesEvent) == (found,)


def test_a_list_covers_what_it_shows_and_a_collectors_list_all_of_its_kind() -> None:
    part = Part.KUBERNETES_SERVICE_ACCOUNTS
    one_namespace = read(as_list(KSA))
    assert one_namespace.has(part, f"{CLUSTER}/k8s/namespaces/shop")
    assert not one_namespace.has(part, CLUSTER)
    assert not read(KSA).has(part, f"{CLUSTER}/k8s/namespaces/shop")
    system = {**KSA, "metadata": {"name": "default", "namespace": "kube-system"}}
    assert read(as_list(KSA, system)).has(part, CLUSTER)
    hint = hint_from_path("out/clusters/shop-prod_europe-west4_main/serviceaccounts.json")
    assert read(as_list(KSA), hint=hint).has(part, CLUSTER)
    assert read(as_list(kind="PodList")).has(Part.PODS, CLUSTER)
    assert not read(as_list()).has(Part.PODS, CLUSTER)


def test_objects_without_a_word_on_their_cluster_go_to_the_one_that_was_described() -> None:
    inventory = read(as_list(KSA), GKE, hint=None)
    assert inventory.ksa(CLUSTER, "shop", "cart") is not None
    assert inventory.ksas_of_pool("shop-prod.svc.id.goog", "shop", "cart")
    alone = read(as_list(KSA), hint=None)
    assert alone.ksa(UNKNOWN_CLUSTER, "shop", "cart") is not None
    assert any("which cluster" in note for note in alone.notes)


def test_an_object_without_a_name_is_a_problem_and_the_rest_is_read() -> None:
    builder = InventoryBuilder()
    broken = {"apiVersion": "v1", "kind": "Pod", "metadata": {}}
    read_inventory_document(as_list(broken, 7, KSA), builder, origin=Origin("f", 1), hint=HERE)  # type: ignore[arg-type]
    assert [problem.field for problem in builder.problems] == ["Pod.metadata.name", "items"]
    assert builder.build().ksa(CLUSTER, "shop", "cart") is not None
