"""The collector against programs that answer as gcloud and kubectl do: what it keeps, leaves out and says."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

import gcloud
from bindwatch.adapters.diagnosis_inputs import read_inputs
from bindwatch.diagnosis.case import Inputs
from bindwatch.diagnosis.chain import diagnose
from bindwatch.diagnosis.select import cases
from bindwatch.inventory import Part
from bindwatch.inventory.workloads import OtherNetworkPolicy
from diagnosis.twins import asks
from diagnosis.world import BUCKET, CATALOGUE, GSA, KSA, NS, POLICY_PATHS, PROJECT, World, container_log, healthy

SCRIPT = Path(__file__).parent.parent.parent / "scripts" / "collect"
TOKEN = "ya29.synthetic-token-of-nobody"
VALUE = "synthetic-value-of-nobody"
CLUSTER = f"//container.googleapis.com/projects/{PROJECT}/locations/europe-west1/clusters/main"

FAKE = """#!{python}
import json, os, sys
from pathlib import Path
world, words = Path(os.environ["FAKE_WORLD"]), [word for word in sys.argv[1:] if not word.startswith("--")]
with open(os.environ["FAKE_LOG"], "a") as log: log.write(json.dumps([Path(sys.argv[0]).name, *sys.argv[1:]]) + "\\n")
def flag(name):
    return next((word.partition("=")[2] for word in sys.argv if word.startswith(f"--{{name}}=")), "")
def show(path, empty="[]"):
    file = world / path
    print(file.read_text() if file.exists() else empty)
if Path(sys.argv[0]).name == "kubectl":
    if words[0] == "api-resources":
        print(os.environ.get("FAKE_KINDS", "pods\\nnetworkpolicies.networking.k8s.io"))
        sys.exit()
    if os.environ.get("FAKE_REFUSES") == words[1]:
        print("Error from server (Forbidden): cannot list", words[1], file=sys.stderr)
        sys.exit(1)
    empty = '{{"kind": "List", "apiVersion": "v1", "items": []}}'
    path = f"clusters/{{os.environ['FAKE_CLUSTER']}}/{{words[1]}}.json"
    if only := flag("namespace"):
        whole = json.loads((world / path).read_text()) if (world / path).exists() else json.loads(empty)
        whole["items"] = [item for item in whole["items"] if item["metadata"].get("namespace") == only]
        print(json.dumps(whole))
    else:
        show(path, empty)
    sys.exit()
project = flag("project") or (words[2] if len(words) > 2 else "")
if os.environ.get("FAKE_REFUSES", "nothing at all") in " ".join(words):
    print("ERROR: (gcloud) PERMISSION_DENIED: no permission for this", file=sys.stderr)
    sys.exit(1)
match words:
    case ["projects", "describe", _]: show(f"projects/{{project}}/project.json")
    case ["projects", "get-iam-policy", _]: show(f"projects/{{project}}/iam-policy.json")
    case ["projects", "get-ancestors", _]: print(f"project,{{project}}\\norganization,900000000000")
    case ["organizations", "get-iam-policy", _]: show("organizations/900000000000/iam-policy.json", "{{}}")
    case ["services", "list"]: show(f"projects/{{project}}/services.json")
    case ["iam", "service-accounts", "list"]: show(f"projects/{{project}}/service-accounts.json")
    case ["iam", "service-accounts", "get-iam-policy", email]:
        show(f"projects/{{project}}/service-accounts/{{email}}/iam-policy.json", '{{"etag": "ACAB"}}')
    case ["container", "clusters", "list"]: show(f"projects/{{project}}/clusters.json")
    case ["storage", "buckets", "list"]: show(f"projects/{{project}}/buckets.json")
    case ["storage", "buckets", "get-iam-policy", bucket]:
        show(f"resources/%2F%2Fstorage.googleapis.com%2F{{bucket.removeprefix('gs://')}}/iam-policy.json", "{{}}")
    case ["asset", "list"]: show("assets.json")
    case ["compute", "networks", "subnets", "list"]: show(f"projects/{{project}}/subnetworks.json")
    case ["compute", "routes", "list"]: show(f"projects/{{project}}/routes.json")
    case ["logging", "read", query]: show("logs.json" if "k8s_container" in query else "none")
    case ["iam", "policies", "list"]: pass
    case _: print("[]")
"""


@pytest.fixture
def world() -> World:
    world = healthy()
    world.grant["members"] = [f"serviceAccount:{PROJECT}.svc.id.goog[{NS}:cart]"]
    for spec in world.specs:
        spec["containers"][0]["env"] = [{"name": "SHOP_PASSWORD", "value": VALUE}]
        spec["containers"][0]["command"] = ["run", VALUE]
    note = {"kubectl.kubernetes.io/last-applied-configuration": VALUE}
    world.deployment["metadata"]["annotations"] = note
    return world


def collect(tmp_path: Path, world: World, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    if not all(shutil.which(tool) for tool in ("bash", "jq")):
        pytest.skip("bash and jq are needed")
    programs, source = tmp_path / "bin", tmp_path / "world"
    for path, value in {**world.files, "logs.json": [container_log(f"Bearer {TOKEN} getAccessToken denied")]}.items():
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        (source / path).write_text(json.dumps(value))
    programs.mkdir(exist_ok=True)
    for name in ("gcloud", "kubectl"):
        (programs / name).write_text(FAKE.format(python=sys.executable))
        (programs / name).chmod(0o755)
    environment |= {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "FAKE_WORLD": str(source),
        "FAKE_LOG": str(tmp_path / "calls"),
        "FAKE_CLUSTER": f"{PROJECT}_europe-west1_main",
        "HOME": str(tmp_path),
    }
    command = ["bash", str(SCRIPT), "--project", PROJECT, "--out", str(tmp_path / "out"), *options]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=300)


def inputs_of(tmp_path: Path) -> Inputs:
    paths = (str(tmp_path / "out"),)
    inputs, reading = read_inputs(paths, datetime(2026, 11, 20, 12, tzinfo=UTC), CATALOGUE, lambda *heard: None)
    assert reading.problems == []
    return inputs


def calls(tmp_path: Path) -> list[list[str]]:
    return [json.loads(line) for line in (tmp_path / "calls").read_text().splitlines()]


def test_what_it_collects_is_enough_to_diagnose(tmp_path: Path, world: World) -> None:
    run = collect(tmp_path, world)
    assert run.returncode == 0, run.stderr
    inputs = inputs_of(tmp_path)
    (case,) = cases(inputs, world.question)
    root = diagnose(case).root
    assert root is not None
    assert root.cause.id == "member-malformed"


def test_it_only_reads(tmp_path: Path, world: World) -> None:
    collect(tmp_path, world)
    reading = {"describe", "list", "get", "get-iam-policy", "get-ancestors", "read", "get-credentials", "api-resources"}
    for call in calls(tmp_path):
        assert reading & set(call), call
        assert not {"create", "delete", "update", "apply", "patch", "exec", "logs", "print-access-token"} & set(call)
        assert "secrets" not in call
        assert "configmaps" not in call


def test_its_commands_are_ones_gcloud_and_kubectl_have(tmp_path: Path, world: World) -> None:
    collect(tmp_path, world, "--namespace", NS, "--bucket", BUCKET)
    for program, *words in calls(tmp_path):
        while words[0].startswith("--"):
            words.append(words.pop(0))
        assert gcloud.refused(shlex.join([program, *words])) == ""


def test_it_keeps_no_values_and_no_tokens(tmp_path: Path, world: World) -> None:
    collect(tmp_path, world)
    text = "".join(path.read_text() for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert "SHOP_PASSWORD" in text
    assert VALUE not in text
    assert TOKEN not in text
    assert "getAccessToken" in text


def test_it_goes_on_where_it_stopped(tmp_path: Path, world: World) -> None:
    collect(tmp_path, world)
    first = len(calls(tmp_path))
    (tmp_path / "out" / "projects" / PROJECT / "services.json").unlink()
    run = collect(tmp_path, world)
    assert run.returncode == 0
    asked = {"get-credentials", "get-ancestors", "api-resources"}
    again = [call for call in calls(tmp_path)[first:] if not asked & set(call)]
    assert [call[1:3] for call in again] == [["services", "list"]]


def test_what_it_may_not_read_is_said_and_kept(tmp_path: Path, world: World) -> None:
    run = collect(tmp_path, world, FAKE_REFUSES="service-accounts get-iam-policy")
    assert run.returncode == 1
    assert "PERMISSION_DENIED" in run.stderr
    inputs = inputs_of(tmp_path)
    name = inputs.inventory.service_account_name(GSA)
    coverage = inputs.inventory.coverage(Part.POLICIES, name)
    assert not coverage
    assert "PERMISSION_DENIED" in coverage.reason
    (case,) = cases(inputs, world.question)
    diagnosis = diagnose(case)
    assert diagnosis.root is None
    assert "binding-missing" in [item.cause.id for item in diagnosis.not_checked]


def test_one_namespace_is_not_taken_for_the_whole_cluster(tmp_path: Path, world: World) -> None:
    run = collect(tmp_path, world, "--namespace", NS)
    assert run.returncode == 0, run.stderr
    inputs = inputs_of(tmp_path)
    (case,) = cases(inputs, world.question)
    assert inputs.inventory.has(Part.PODS, case.scope)
    assert not inputs.inventory.has(Part.PODS, case.cluster_name)
    root = diagnose(case).root
    assert root is not None
    assert root.cause.id == "member-malformed"


@pytest.mark.parametrize("by", ["asset inventory", "bucket"])
def test_grants_on_single_resources_are_collected(tmp_path: Path, by: str) -> None:
    world = healthy("direct").twin(asks())
    policy = world.files[POLICY_PATHS["bucket"]]
    world.grant["members"] = [world.grant["members"][0].replace(f"sa/{KSA}", "sa/another")]
    name = f"//storage.googleapis.com/{BUCKET}"
    asset = {"name": name, "assetType": "storage.googleapis.com/Bucket", "iamPolicy": policy}
    world.files["assets.json"] = [asset] if by == "asset inventory" else []
    options = ("--bucket", f"gs://{BUCKET}") if by == "bucket" else ()
    run = collect(tmp_path, world, *options)
    assert run.returncode == 0, run.stderr
    (case,) = cases(inputs_of(tmp_path), world.question)
    root = diagnose(case).root
    assert root is not None
    assert root.cause.id == "direct-grant-missing"


def test_without_asset_inventory_single_grants_stay_open(tmp_path: Path) -> None:
    world = healthy("direct").twin(asks())
    run = collect(tmp_path, world, FAKE_REFUSES="asset list")
    assert run.returncode == 1
    assert "not read: grants" in run.stderr
    (case,) = cases(inputs_of(tmp_path), world.question)
    diagnosis = diagnose(case)
    assert diagnosis.root is None
    assert "direct-grant-missing" in {item.cause.id for item in diagnosis.not_checked}


def test_policies_of_other_kinds_are_collected_where_the_cluster_has_them(tmp_path: Path, world: World) -> None:
    policy = {
        "kind": "CiliumNetworkPolicy",
        "apiVersion": "cilium.io/v2",
        "metadata": {"name": "deny", "namespace": NS},
    }
    listed = {"kind": "List", "apiVersion": "v1", "items": [policy]}
    world.files[f"clusters/{PROJECT}_europe-west1_main/ciliumnetworkpolicies.cilium.io.json"] = listed
    kinds = "pods\nnetworkpolicies.networking.k8s.io\nciliumnetworkpolicies.cilium.io\nciliumnodes.cilium.io"
    collect(tmp_path, world, FAKE_KINDS=kinds)
    (found,) = inputs_of(tmp_path).inventory.all(OtherNetworkPolicy)
    assert (found.kind, found.namespace, found.name) == ("CiliumNetworkPolicy", NS, "deny")
    assert not any("ciliumnodes.cilium.io" in call for call in calls(tmp_path))


def test_what_was_refused_of_one_kind_is_not_forgotten_for_the_next(tmp_path: Path, world: World) -> None:
    """Deployments are refused, other workloads are not: not all were seen, until a later run sees them."""
    collect(tmp_path, world, FAKE_REFUSES="deployments")
    coverage = inputs_of(tmp_path).inventory.coverage(Part.WORKLOADS, CLUSTER)
    assert not coverage
    assert "Forbidden" in coverage.reason
    assert collect(tmp_path, world).returncode == 0
    assert "Forbidden" not in (tmp_path / "out" / "could-not-read.ndjson").read_text()
