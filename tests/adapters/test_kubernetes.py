"""A live cluster: what its API lists, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from bindwatch.adapters.kubernetes import LISTS, KubernetesApi
from bindwatch.errors import ConfigError
from bindwatch.inventory import InventoryBuilder, Origin, Part, Sight
from bindwatch.inventory.clusters import Cluster
from bindwatch.inventory.workloads import KubernetesServiceAccount, OtherNetworkPolicy, Pod
from fakes.http_server import served

CLUSTER = "//container.googleapis.com/projects/example-shop/locations/europe-west1/clusters/main"


def answer(method: str, path: str, body: Any) -> tuple[int, Any]:
    place = urlsplit(path)
    query = parse_qs(place.query)
    if place.path == "/apis/apps/v1/deployments":
        return 403, {"kind": "Status", "reason": "Forbidden"}
    if place.path == "/api/v1/serviceaccounts":
        number = int(query.get("continue", ["0"])[0])
        item = {"metadata": {"name": f"app-{number}", "namespace": "shop"}}
        more = {"continue": str(number + 1)} if number < 2 else {}
        return 200, {"apiVersion": "v1", "kind": "ServiceAccountList", "metadata": more, "items": [item]}
    if place.path == "/api/v1/pods":
        pod = {
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"serviceAccountName": "app-0", "containers": []},
        }
        return 200, {"apiVersion": "v1", "kind": "PodList", "metadata": {}, "items": [pod]}
    kind = {"nodes": "Node", "namespaces": "Namespace", "networkpolicies": "NetworkPolicy"}.get(
        place.path.rpartition("/")[2], "Job"
    )
    return 200, {"apiVersion": "v1", "kind": f"{kind}List", "metadata": {}, "items": []}


def kubeconfig(server: str, folder: Path) -> str:
    path = folder / "kubeconfig"
    value = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "clusters": [{"name": "main", "cluster": {"server": server}}],
        "users": [{"name": "me", "user": {"token": "not-a-token"}}],
        "contexts": [{"name": "here", "context": {"cluster": "main", "user": "me"}}],
    }
    path.write_text(json.dumps(value), encoding="utf-8")
    return str(path)


def test_a_cluster_is_read_and_what_it_refuses_is_named(tmp_path: Path) -> None:
    builder = InventoryBuilder()
    cluster = Cluster(name=CLUSTER, id="main", project="example-shop", location="europe-west1")
    builder.add(cluster, Origin("here"))
    with served(answer) as server:
        assert not KubernetesApi(kubeconfig=kubeconfig(server, tmp_path)).read(builder, CLUSTER)
    inventory = builder.build()
    assert [item.name for item in inventory.all(KubernetesServiceAccount)] == ["app-0", "app-1", "app-2"]
    assert [pod.cluster for pod in inventory.all(Pod)] == [CLUSTER]
    assert inventory.has(Part.PODS, CLUSTER)
    assert inventory.has(Part.NETWORK_POLICIES, CLUSTER)
    workloads = inventory.coverage(Part.WORKLOADS, CLUSTER)
    assert workloads.sight is Sight.COULD_NOT_READ
    assert "list on deployments of apps" in workloads.reason


def with_cilium(refuses: str) -> Callable[[str, str, Any], tuple[int, Any]]:
    """A cluster that serves policies of Cilium, and refuses the lists whose path ends so."""
    version = {"groupVersion": "cilium.io/v2", "version": "v2"}

    def answers(method: str, path: str, body: Any) -> tuple[int, Any]:
        place = urlsplit(path).path
        if refuses and place.endswith(refuses):
            return 403, {"kind": "Status", "reason": "Forbidden"}
        if place == "/apis":
            groups = [{"name": "apps"}, {"name": "cilium.io", "versions": [version], "preferredVersion": version}]
            return 200, {"kind": "APIGroupList", "groups": groups}
        if place == "/apis/cilium.io/v2":
            kinds = {"ciliumnodes": "CiliumNode", "ciliumnetworkpolicies": "CiliumNetworkPolicy"}
            kinds["ciliumnetworkpolicies/status"] = "CiliumNetworkPolicy"
            return 200, {"kind": "APIResourceList", "resources": [{"name": n, "kind": k} for n, k in kinds.items()]}
        if place == "/apis/cilium.io/v2/ciliumnetworkpolicies":
            policy = {"kind": "CiliumNetworkPolicy", "metadata": {"name": "deny", "namespace": "shop"}}
            return 200, {"apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicyList", "items": [policy]}
        return answer(method, path, body)

    return answers


@pytest.mark.parametrize("refuses", ["", "/ciliumnetworkpolicies", "/apis"])
def test_policies_of_other_kinds_are_read_or_nobody_says_that_all_were_seen(tmp_path: Path, refuses: str) -> None:
    builder = InventoryBuilder()
    builder.add(Cluster(name=CLUSTER, id="main", project="example-shop", location="europe-west1"), Origin("here"))
    with served(with_cilium(refuses)) as server:
        KubernetesApi(kubeconfig=kubeconfig(server, tmp_path)).read(builder, CLUSTER)
    inventory = builder.build()
    assert [item.kind for item in inventory.all(OtherNetworkPolicy)] == ([] if refuses else ["CiliumNetworkPolicy"])
    assert bool(inventory.coverage(Part.NETWORK_POLICIES, CLUSTER)) is not bool(refuses)


def test_a_cluster_that_does_not_answer_was_not_seen(tmp_path: Path) -> None:
    builder = InventoryBuilder()
    api = KubernetesApi(kubeconfig=kubeconfig("http://127.0.0.1:1", tmp_path))
    api._http.connection_pool_kw["retries"] = False
    assert not api.read(builder, CLUSTER)
    assert len(builder.build().failures()) == len({part for _, part, _, _ in LISTS})


def test_a_wrong_kubeconfig_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        KubernetesApi(kubeconfig=str(tmp_path / "none"))
