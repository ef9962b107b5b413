"""The same world as other people would have written it down: exports, single objects, bundles, half of it.

Each layout turns a world into files: name and content. Nothing of our own collector's paths is left in them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import yaml

from bindwatch.adapters.diagnosis_inputs import read_inputs
from bindwatch.diagnosis.case import Inputs
from diagnosis.world import BUCKET, CATALOGUE, FLEET, GSA, NUMBER, PROJECT, World

Files = dict[str, str]
Layout = Callable[[World], Files]
NUMBERS = {PROJECT: NUMBER, "lab-prod": "222222222222", FLEET: "333333333333"}
ORGANIZATION = "organizations/900000000000"
COMPUTE = {
    "subnetworks": "Subnetwork",
    "routes": "Route",
    "firewalls": "Firewall",
    "routers": "Router",
}
GROUPS = {"Deployment": "apps.k8s.io", "NetworkPolicy": "networking.k8s.io"}


def read(world: World, layout: Layout, where: Path) -> Inputs:
    """What a diagnosis gets of the files of a layout, read as the command reads them."""
    for name, text in layout(world).items():
        path = where / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    inputs, reading = read_inputs((str(where),), world.now, CATALOGUE, lambda *heard: None)
    assert not reading.problems, reading.problems
    return inputs


# ---- an export of Cloud Asset Inventory ----------------------------------------------------------


def _asset(name: str, kind: str, project: str, **content: Any) -> dict[str, Any]:
    ancestors = [f"projects/{NUMBERS.get(project, project)}", ORGANIZATION] if project else [ORGANIZATION]
    return {"name": name, "assetType": kind, "ancestors": ancestors, "updateTime": "2026-11-19T00:00:00Z", **content}


def _resource(name: str, kind: str, project: str, data: Any) -> dict[str, Any]:
    return _asset(name, kind, project, resource={"version": "v1", "data": data})


def _account_name(project: str, email: str, uid: str) -> str:
    return f"//iam.googleapis.com/projects/{project}/serviceAccounts/{uid or email}"


def assets(world: World) -> Iterator[dict[str, Any]]:
    """Every asset of the world that an export would hold."""
    uids = {
        item["email"]: item["uniqueId"]
        for path, value in world.files.items()
        if path.endswith("/service-accounts.json")
        for item in value
    }
    for path, value in world.files.items():
        words = path.split("/")
        what = words[-1].removesuffix(".json")
        if words[0] == "clusters":
            project, location, name = words[1].split("_")
            yield from _kubernetes(f"projects/{project}/locations/{location}/clusters/{name}", project, value)
        elif words[0] == "resources":
            yield _asset(unquote(words[1]), "storage.googleapis.com/Bucket", PROJECT, iamPolicy=value)
        elif words[0] == "organizations" and what == "iam-policy":
            name = f"//cloudresourcemanager.googleapis.com/{ORGANIZATION}"
            yield _asset(name, "cloudresourcemanager.googleapis.com/Organization", "", iamPolicy=value)
        elif words[0] == "projects":
            yield from _of_project(words[1], words[2:], what, value, uids)


def _of_project(
    project: str, words: list[str], what: str, value: Any, uids: dict[str, str]
) -> Iterator[dict[str, Any]]:
    name = f"//cloudresourcemanager.googleapis.com/projects/{project}"
    kind = "cloudresourcemanager.googleapis.com/Project"
    if what == "project":
        yield _resource(name, kind, project, value)
    elif len(words) == 3:
        email = words[1]
        yield _asset(
            _account_name(project, email, uids.get(email, "")), "iam.googleapis.com/ServiceAccount", project,
            iamPolicy=value,
        )  # fmt: skip
    elif what == "iam-policy":
        yield _asset(name, kind, project, iamPolicy=value)
    elif what == "service-accounts":
        for item in value:
            account = _account_name(project, item["email"], item["uniqueId"])
            yield _resource(account, "iam.googleapis.com/ServiceAccount", project, item)
    elif what == "services":
        for item in value:
            data = {"name": item["name"].rpartition("/")[2], "state": item["state"], "parent": f"projects/{project}"}
            full = f"//serviceusage.googleapis.com/{item['name']}"
            yield _resource(full, "serviceusage.googleapis.com/Service", project, data)
    elif what == "clusters":
        for item in value:
            full = "//container.googleapis.com/" + item["selfLink"].partition("/v1/")[2]
            yield _resource(full, "container.googleapis.com/Cluster", project, item)
            for pool in item["nodePools"]:
                yield _resource(f"{full}/nodePools/{pool['name']}", "container.googleapis.com/NodePool", project, pool)
    elif what in COMPUTE:
        for item in value:
            full = "//compute.googleapis.com/" + item["selfLink"].partition("/v1/")[2]
            yield _resource(full, f"compute.googleapis.com/{COMPUTE[what]}", project, item)
    elif what == "memberships":
        for item in value:
            full = f"//gkehub.googleapis.com/{item['name']}"
            yield _resource(full, "gkehub.googleapis.com/Membership", project, item)
    elif what == "buckets":
        for item in value:
            full = f"//storage.googleapis.com/{item['name']}"
            yield _resource(full, "storage.googleapis.com/Bucket", project, item)


def _kubernetes(cluster: str, project: str, listing: Any) -> Iterator[dict[str, Any]]:
    for item in listing["items"]:
        kind, meta = item["kind"], item["metadata"]
        group = GROUPS.get(kind, "k8s.io")
        inside = f"namespaces/{meta['namespace']}/" if meta.get("namespace") else ""
        plural = f"{kind.lower()}s" if kind != "NetworkPolicy" else "networkpolicies"
        prefix = f"{group.removesuffix('.k8s.io')}/" if group == "apps.k8s.io" else ""
        full = f"//container.googleapis.com/{cluster}/k8s/{inside}{prefix}{plural}/{meta['name']}"
        data = {key: part for key, part in item.items() if key not in ("kind", "apiVersion")}
        yield _resource(full, f"{group}/{kind}", project, data)


def _beside(world: World) -> Files:
    """What no export holds: deny policies and boundaries, as lists of their own; and the log."""
    files = {}
    for path, value in world.files.items():
        what = path.rpartition("/")[2]
        if what in ("deny-policies.json", "boundaries.json", "boundary-bindings.json") and value:
            files[what] = json.dumps(value)
    return files | _log(world, lines=True)


def _log(world: World, *, lines: bool) -> Files:
    entries = [{"insertId": f"e{number}", **entry} for number, entry in enumerate(world.logs)]
    if not entries:
        return {}
    if lines:
        return {"entries.ndjson": "".join(json.dumps(entry) + "\n" for entry in entries)}
    return {"entries.json": json.dumps(entries, indent=1)}


def export(world: World) -> Files:
    """`gcloud asset export`: lines of assets, resources and policies in one file."""
    return {"export.json": "".join(json.dumps(item) + "\n" for item in assets(world))} | _beside(world)


def snake_export(world: World) -> Files:
    """The same with the names of the protocol buffers, as the client libraries write it; an array."""
    names = {"assetType": "asset_type", "updateTime": "update_time", "iamPolicy": "iam_policy"}
    items = [{names.get(key, key): value for key, value in item.items()} for item in assets(world)]
    return {"assets.json": json.dumps(items, indent=1)} | _beside(world)


# ---- what a person types -------------------------------------------------------------------------


def _by_hand(
    world: World, *, policies: Callable[[str], str], wide: bool, place: str = "{name}-{kind}"
) -> Iterator[tuple[str, Any]]:
    """Documents as `describe`, `list` and `kubectl get` print them, each with a name a person would give it."""
    for path, value in world.files.items():
        words = path.split("/")
        what = words[-1].removesuffix(".json")
        project = words[1] if words[0] == "projects" else ""
        if words[0] == "clusters":
            name = words[1].rpartition("_")[2]
            for kind, item in _kubectl(what, value, wide=wide):
                yield place.format(name=name, context=f"gke_{words[1]}", kind=kind), item
        elif words[0] == "resources" or what == "iam-policy":
            subject = unquote(words[1]).rpartition("/")[2] if len(words) < 4 else words[3]
            yield policies(subject), value if value["bindings"] else {"etag": value["etag"]}
        elif what == "project":
            yield f"project-{project}", value
        elif what == "clusters":
            for item in value:
                yield f"cluster-{item['name']}", {**item, "currentMasterVersion": "1.33.1-gke.100"}
        elif value:
            yield f"{project}-{what}", value


def _kubectl(what: str, listing: Any, *, wide: bool) -> Iterator[tuple[str, Any]]:
    items = [item for item in listing["items"] if wide or item["metadata"].get("namespace") != "kube-system"]
    if what in ("nodes", "namespaces") or wide:
        yield what, {"apiVersion": "v1", "kind": "List", "items": items, "metadata": {"resourceVersion": ""}}
    elif len(items) == 1:
        yield what, items[0]
    else:
        yield what, {"apiVersion": "v1", "kind": "List", "items": items}


def by_hand(world: World) -> Files:
    """One file for each command, all in one directory; the files of policies are named for their subject."""
    documents = _by_hand(world, policies=lambda subject: f"iam-policy-{subject}", wide=True)
    return {f"{name}.json": json.dumps(value, indent=1) for name, value in documents} | _log(world, lines=False)


def of_namespace(world: World) -> Files:
    """As by hand, and kubectl was asked for one namespace only, in YAML, into a folder for each context.

    The project has two more clusters of which nothing else is known, one of the same name in another place.
    """
    documents = dict(
        _by_hand(world, policies=lambda subject: f"{subject}.policy", wide=False, place="{context}/{kind}")
    )
    for name, location in (("idle", world.location), ("main", "us-east1")):
        link = f"https://container.googleapis.com/v1/projects/{PROJECT}/locations/{location}/clusters/{name}"
        documents[f"cluster-{name}-{location}"] = {"name": name, "location": location, "selfLink": link}
    return {f"{name}.yaml": yaml.safe_dump(value) for name, value in documents.items()} | _log(world, lines=False)


def bundle(world: World) -> Files:
    """One document that holds all the others under names of its own."""
    kubernetes = [
        item
        for path, value in world.files.items()
        if path.startswith("clusters/")
        for item in value["items"]
    ]  # fmt: skip
    policies = {}
    inventory: dict[str, Any] = {"kubernetes": kubernetes, "iam_policies": policies}
    for path, value in world.files.items():
        words = path.split("/")
        what = words[-1].removesuffix(".json")
        if what == "iam-policy":
            if words[0] == "resources":
                policies[unquote(words[1])] = value
            elif len(words) > 3:
                policies[f"//iam.googleapis.com/projects/{words[1]}/serviceAccounts/{words[3]}"] = value
            else:
                policies[f"//cloudresourcemanager.googleapis.com/{words[0]}/{words[1]}"] = value
        elif words[0] == "projects" and value:
            key = what.replace("-", "_")
            items = value if isinstance(value, list) else [value]
            if key == "services":
                items = [{**item, "config": {"name": item["name"].rpartition("/")[2]}} for item in items]
            inventory.setdefault(key if key != "project" else "projects", []).extend(items)
        elif words[0] == "organizations" and value:
            inventory.setdefault(what.replace("-", "_"), []).extend(value)
    entries = [{"insertId": f"e{number}", **entry} for number, entry in enumerate(world.logs)]
    twin = {"name": "twin", "as_of": world.now.isoformat(), "inventory": inventory, "entries": entries}
    return {"twin.json": json.dumps(twin, indent=1)}


LAYOUTS: dict[str, Layout] = {
    "export": export,
    "snake-export": snake_export,
    "by-hand": by_hand,
    "of-namespace": of_namespace,
    "bundle": bundle,
}

__all__ = ["BUCKET", "GSA", "LAYOUTS", "read"]
