"""A diagnosis of a live cluster: its own API and Google's, served by servers that speak their protocols."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import grpc
import pytest
from click.testing import CliRunner
from google.cloud import container_v1

from bindwatch.adapters.google_apis import GoogleApis
from bindwatch.adapters.kubernetes import KubernetesApi, context_for
from bindwatch.adapters.live_access import membership_of
from bindwatch.adapters.live_inputs import LiveReading, Place, read_live
from bindwatch.cli import cli
from bindwatch.diagnosis.chain import Diagnosis, diagnose
from bindwatch.diagnosis.probe import Answer, judge_probe, plan_of, symptoms_of
from bindwatch.diagnosis.select import cases
from bindwatch.errors import BackendError, ConfigError, InputError
from bindwatch.inventory import Inventory
from bindwatch.inventory.clusters import Cluster
from diagnosis.layouts import assets
from diagnosis.twins import TWINS, Twin
from diagnosis.world import CATALOGUE, GSA, KSA, LOCATION, NS, POOL, PROJECT, World, healthy
from fakes import http_server
from fakes.google_apis import Refusal
from fakes.google_apis import served as apis_served
from fakes.organization import SOURCES

# Twins whose fact no live source shows, or only after hours: the deny policies and boundaries of the world have no
# etag to be served with, and a fleet's host is another project.
LIVE = (
    "host-network",
    "network-policy-blocks-metadata",
    "node-pool-not-gke-metadata",
    "node-cannot-reach-token-service-private-google-access",
    "workload-identity-disabled",
    "annotation-missing",
    "gsa-disabled",
    "gsa-not-found-typo",
    "member-malformed-namespace",
    "role-cannot-mint",
    "binding-missing",
    "binding-removed",
    "iamcredentials-api-disabled",
    "metadata-startup-race",
    "target-role-missing-refused",
)
BY_ID = {twin.id: twin for twin in TWINS}


class Cloud:
    """A world behind the APIs that a live diagnosis asks. `denied` are the gRPC methods that are refused."""

    def __init__(self, world: World, denied: frozenset[str] = frozenset()) -> None:
        self.world = world
        self.denied = denied
        self.printed = ""
        self.asked: list[str] = []

    @contextmanager
    def served(self) -> Iterator[tuple[GoogleApis, str]]:
        answers = {name: self._guarded(name, answer) for name, answer in self._answers().items()}
        clients = sorted({call.client for source in SOURCES for call in source.CALLS})
        with apis_served(clients, answers) as target, http_server.served(self.kubernetes) as server:
            yield GoogleApis(target=target, share=None, first_pause=0.001, patience=1), server

    def _guarded(self, name: str, answer: Any) -> Any:
        def respond(request: Any) -> Any:
            self.asked.append(name)
            if name in self.denied:
                raise Refusal(grpc.StatusCode.PERMISSION_DENIED, "Permission denied")
            return answer(request)

        return respond

    def _answers(self) -> dict[str, Any]:
        cluster = container_v1.Cluster.from_json(json.dumps(self.world.cluster), ignore_unknown_fields=True)
        return {
            "list_clusters": lambda request: {"clusters": [cluster] if PROJECT in request.parent else []},
            "list_assets": self.list_assets,
            "search_all_iam_policies": lambda request: {"results": []},
            "get_project": lambda request: {"name": request.name, "project_id": PROJECT, "parent": "organizations/9"},
            "get_iam_policy": lambda request: {"bindings": [], "etag": b"1"},
            "list_policies": lambda request: {"policies": []},
            "list_principal_access_boundary_policies": lambda request: {"principal_access_boundary_policies": []},
            "list_service_accounts": lambda request: {"accounts": [{"name": f"{request.name}/serviceAccounts/{GSA}",
                                                                    "email": GSA, "unique_id": "1"}]},
            "list_service_account_keys": lambda request: {"keys": []},
            "list_services": lambda request: {"services": []},
        }  # fmt: skip

    def list_assets(self, request: Any) -> dict[str, Any]:
        policies = request.content_type.name == "IAM_POLICY"
        if request.content_type.name == "ORG_POLICY":
            return {"assets": []}
        found = []
        for asset in assets(self.world):
            if ("iamPolicy" in asset) is not policies or "/k8s/" in asset["name"]:
                continue
            if request.parent.removeprefix("projects/") not in (PROJECT,):
                continue
            if request.asset_types and asset["assetType"] not in request.asset_types:
                continue
            one = {"name": asset["name"], "asset_type": asset["assetType"], "ancestors": asset["ancestors"]}
            if policies:
                one["iam_policy"] = {"bindings": asset["iamPolicy"]["bindings"], "etag": b"1"}
            else:
                one["resource"] = {"data": asset["resource"]["data"]}
            found.append(one)
        return {"assets": found}

    def kubernetes(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        if method == "EXEC":
            self.asked.append(" ".join(parse_qs(urlsplit(path).query)["command"]))
            return (101, self.printed) if self.printed else (403, "")
        kind = urlsplit(path).path.rpartition("/")[2]
        listing = self.world.files.get(f"clusters/{PROJECT}_{self.world.location}_main/{kind}.json", {"items": []})
        return 200, {"apiVersion": "v1", "kind": "List", "metadata": {}, "items": listing["items"]}

    def post(self, path: str, body: Any) -> tuple[int, bytes]:
        entries = [{"insertId": f"e{number}", **entry} for number, entry in enumerate(self.world.logs)]
        return 200, json.dumps({"entries": entries}).encode()


def kubeconfig(server: str, folder: Path, context: str = "here") -> str:
    path = folder / "kubeconfig"
    value = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": context,
        "clusters": [{"name": "main", "cluster": {"server": server}}],
        "users": [{"name": "me", "user": {"token": "not-a-token"}}],
        "contexts": [{"name": context, "context": {"cluster": "main", "user": "me"}}],
    }
    path.write_text(json.dumps(value), encoding="utf-8")
    return str(path)


@contextmanager
def reading(cloud: Cloud, folder: Path, **place: str) -> Iterator[LiveReading]:
    with cloud.served() as (apis, server):
        api = KubernetesApi(kubeconfig=kubeconfig(server, folder))
        yield read_live(
            apis,
            Place(project=PROJECT, **place),
            lambda cluster, inventory: api,
            now=cloud.world.now,
            catalogue=CATALOGUE,
            post=cloud.post,
            since=timedelta(hours=2),
        )


def diagnosed(live: LiveReading, world: World) -> Diagnosis:
    (case,) = cases(live.inputs, world.question)
    return diagnose(case)


@pytest.mark.parametrize("twin", [BY_ID[name] for name in LIVE], ids=LIVE)
def test_a_live_twin_is_decided(twin: Twin, tmp_path: Path) -> None:
    world = healthy().twin(twin.prepare, twin.break_it)
    with reading(Cloud(world), tmp_path) as live:
        diagnosis = diagnosed(live, world)
    assert diagnosis.root is not None
    assert diagnosis.root.cause.id == twin.cause


def test_a_healthy_live_workload_has_no_finding(tmp_path: Path) -> None:
    world = healthy()
    with reading(Cloud(world), tmp_path) as live:
        diagnosis = diagnosed(live, world)
    assert diagnosis.root is None
    assert live.not_read == []
    assert live.cluster.id == "main"


def test_what_may_not_be_read_is_named_and_not_checked(tmp_path: Path) -> None:
    world = healthy().twin(BY_ID["binding-missing"].break_it)
    denied = frozenset({"list_assets", "get_iam_policy", "list_services"})
    with reading(Cloud(world, denied), tmp_path) as live:
        diagnosis = diagnosed(live, world)
    assert diagnosis.root is None
    assert "binding-missing" in [item.cause.id for item in diagnosis.not_checked]
    assert any("permission denied" in reason for reason in live.not_read)


def test_a_cluster_the_project_does_not_have_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="main"), reading(Cloud(healthy()), tmp_path, cluster="other"):
        pass


def test_without_a_way_to_the_cluster_its_objects_were_not_seen(tmp_path: Path) -> None:
    cloud = Cloud(healthy())
    with cloud.served() as (apis, _):
        live = read_live(
            apis, Place(project=PROJECT), lambda cluster, inventory: None, now=cloud.world.now, catalogue=CATALOGUE
        )
    assert any("get-credentials" in reason for reason in live.not_read)


def test_the_context_that_gcloud_makes_is_found(tmp_path: Path) -> None:
    name = f"//container.googleapis.com/projects/{PROJECT}/locations/{LOCATION}/clusters/main"
    path = kubeconfig("http://127.0.0.1:1", tmp_path, f"gke_{PROJECT}_{LOCATION}_main")
    assert context_for(name, path) == f"gke_{PROJECT}_{LOCATION}_main"
    assert context_for(name.replace("main", "other"), path) == ""


def test_the_connect_gateway_is_asked_for_the_membership(tmp_path: Path) -> None:
    seen: list[str] = []

    def answer(method: str, path: str, body: Any) -> tuple[int, Any]:
        seen.append(path)
        return 200, {"apiVersion": "v1", "kind": "List", "metadata": {}, "items": []}

    from bindwatch.inventory import InventoryBuilder

    member = "//gkehub.googleapis.com/projects/fleet-host/locations/global/memberships/main"
    with http_server.served(answer) as server:
        api = KubernetesApi.through_gateway(member, "not-a-token", server)
        assert api.read(InventoryBuilder(), "//container.googleapis.com/projects/p/locations/l/clusters/c")
    assert seen[0].startswith("/v1/projects/fleet-host/locations/global/gkeMemberships/main/api/v1/serviceaccounts")


def test_a_cluster_outside_a_fleet_has_no_gateway() -> None:
    cluster = Cluster(name="//container.googleapis.com/projects/p/locations/l/clusters/c", id="c", project="p",
                      location="l")  # fmt: skip
    with pytest.raises(ConfigError, match="no fleet"):
        membership_of(cluster, Inventory())


# ---- the probe -----------------------------------------------------------------------------------


def test_the_probe_runs_in_the_pod_and_prints_no_token(tmp_path: Path) -> None:
    cloud = Cloud(healthy())
    cloud.printed = f"metadata=200\nemail={GSA}\ntoken=200\ndns=yes\nnow=1795176000\n"
    with reading(cloud, tmp_path) as live:
        (case,) = cases(live.inputs, cloud.world.question)
        plan = plan_of(case)
        assert plan is not None
        assert live.kubernetes is not None
        output = live.kubernetes.run_in(plan.namespace, plan.pod, plan.container, plan.command)
    assert output == cloud.printed
    results = judge_probe(case, plan, output)
    assert {item.answer for item in results} == {Answer.GOOD}
    assert "computeMetadata" in cloud.asked[-1]


def test_a_refused_probe_is_said(tmp_path: Path) -> None:
    cloud = Cloud(healthy())
    with cloud.served() as (_, server):
        api = KubernetesApi(kubeconfig=kubeconfig(server, tmp_path))
        with pytest.raises(BackendError):
            api.run_in(NS, "cart-5d9-aa", "app", ("true",))


@pytest.mark.parametrize(
    ("output", "symptoms"),
    [
        ("metadata=000\ntoken=000\ndns=no\n", ("metadata-unreachable", "name-resolution")),
        ("metadata=200\nemail=111111111111-compute@developer.gserviceaccount.com\ntoken=200\ndns=yes\n",
         ("node-identity-denied",)),
        (f"metadata=200\nemail={POOL}\ntoken=200\ndns=yes\n", ("federated-denied",)),
        (
            f"metadata=200\nemail={GSA}\ntoken=403\ntoken-words=Unable to generate access token\ndns=yes\n",
            ("mint-denied",),
        ),
        ("metadata=404\ntoken=404\ndns=yes\n", ("token-not-defined",)),
        ("sh: not found\n", ()),
    ],
)  # fmt: skip
def test_what_the_pod_sees_is_an_error_that_is_known(output: str, symptoms: tuple[str, ...]) -> None:
    case = healthy().case()
    plan = plan_of(case)
    assert plan is not None
    assert symptoms_of(judge_probe(case, plan, output)) == symptoms


def test_an_old_projected_token_is_seen() -> None:
    case = healthy("fleet").case()
    plan = plan_of(case)
    assert plan is not None
    assert plan.tokens == ("/var/run/secrets/tokens/gcp-ksa/token",)
    fresh = judge_probe(case, plan, "metadata=200\ndns=yes\nnow=1795176000\nage=0 1795170000\n")
    assert [item.answer for item in fresh] == [Answer.GOOD, Answer.GOOD, Answer.GOOD]
    old = judge_probe(case, plan, "metadata=200\ndns=yes\nnow=1795176000\nage=0 1794000000\n")
    assert symptoms_of(old) == ("token-expired",)


def test_live_and_files_exclude_each_other(tmp_path: Path) -> None:
    words = ["diagnose", str(tmp_path), "--project", "p", "--ksa", KSA]
    result = CliRunner().invoke(cli, words, standalone_mode=False)
    assert isinstance(result.exception, InputError)
    result = CliRunner().invoke(cli, ["diagnose", str(tmp_path), "--probe"], standalone_mode=False)
    assert isinstance(result.exception, InputError)
