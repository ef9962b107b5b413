"""Finding where in the input a finding shows, without what reading would have had to remember."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from bindwatch.adapters.inputs import InputReader
from bindwatch.adapters.places import Place, find_places
from bindwatch.model.finding import AssetRef, Category, Finding, LogRef, Severity

PROJECT = "//cloudresourcemanager.googleapis.com/projects"
CLUSTER = "//container.googleapis.com/projects/shop/locations/europe-west1/clusters"


def found(source: AssetRef | LogRef, category: Category = Category.HYGIENE, resource: str = "") -> Finding:
    return Finding(
        rule_id="x",
        severity=Severity.LOW,
        category=category,
        title="x",
        subject="x",
        resource_name=resource,
        source=source,
        observed_at="2026-03-02T11:00:00Z",
    )


def place(folder: Path, finding: Finding, **more: Any) -> tuple[str, int] | None:
    where: Place | None = find_places([str(folder)], [finding], **more).get(finding.finding_id)
    return (Path(where.file).name, where.line) if where else None


def lines(path: Path, *values: object) -> None:
    path.write_bytes(b"".join(json.dumps(value).encode() + b"\n" for value in values))


def test_an_asset_is_at_its_line_and_a_policy_at_that_of_the_policy(tmp_path: Path) -> None:
    lines(tmp_path / "a.ndjson", {"name": f"{PROJECT}/other"}, {"name": f"{PROJECT}/shop", "resource": {}})
    lines(tmp_path / "b.ndjson", {"name": f"{PROJECT}/shop", "iamPolicy": {}})
    shop = AssetRef(f"{PROJECT}/shop")
    assert place(tmp_path, found(shop)) == ("a.ndjson", 2)
    assert place(tmp_path, found(shop, Category.OVER_PRIVILEGE)) == ("b.ndjson", 1)
    assert place(tmp_path, found(AssetRef(f"{PROJECT}/nowhere"))) is None


def test_names_by_number_are_known_by_the_inventory(tmp_path: Path) -> None:
    project = {"projectId": "shop", "projectNumber": "123", "name": "shop", "lifecycleState": "ACTIVE"}
    kind = "cloudresourcemanager.googleapis.com/Project"
    lines(tmp_path / "a.ndjson", {"name": f"{PROJECT}/123", "assetType": kind, "resource": {"data": project}})
    inventory = InputReader((str(tmp_path),)).inventory()
    assert inventory is not None
    assert place(tmp_path, found(AssetRef(f"{PROJECT}/shop")), named=inventory.canonical) == ("a.ndjson", 1)


def test_an_entry_is_at_its_line_whatever_other_entry_has_its_id(tmp_path: Path) -> None:
    entries = [
        {"insertId": "a", "timestamp": f"2026-03-02T11:0{minute}:00Z", "protoPayload": {}} for minute in range(3)
    ]
    (tmp_path / "logs.ndjson.gz").write_bytes(gzip.compress(b"\n".join(json.dumps(each).encode() for each in entries)))
    assert place(tmp_path, found(LogRef("projects/shop/logs/x", "a", "2026-03-02T11:01:00Z"))) == ("logs.ndjson.gz", 2)


def test_an_entry_that_names_a_resource_is_not_the_place_of_the_resource(tmp_path: Path) -> None:
    lines(tmp_path / "logs.ndjson", {"protoPayload": {"request": {"name": "projects/shop"}}})
    assert place(tmp_path, found(AssetRef(f"{PROJECT}/shop"))) is None


def test_an_object_of_a_cluster_is_at_its_name(tmp_path: Path) -> None:
    def listed(namespace: str) -> str:
        meta = {"labels": {"app": "x"}, "name": "worker", "namespace": namespace}
        items = [{"kind": kind, "metadata": meta} for kind in ("Pod", "ServiceAccount")]
        return json.dumps({"kind": "List", "items": items}, indent=1)

    for cluster in ("stage", "prod"):
        (tmp_path / cluster).mkdir()
        (tmp_path / cluster / f"{cluster}.json").write_text(listed("jobs"), encoding="utf-8")
    (tmp_path / "prod" / "other.json").write_text(listed("web"), encoding="utf-8")
    account = AssetRef(f"{CLUSTER}/prod/k8s/namespaces/jobs/serviceaccounts/worker")
    text = listed("jobs").splitlines()
    line = max(number for number, words in enumerate(text, 1) if '"worker"' in words)
    assert place(tmp_path, found(account)) == ("prod.json", line)


def test_a_part_that_stands_nowhere_is_at_what_holds_it(tmp_path: Path) -> None:
    lines(tmp_path / "a.ndjson", {"name": f"{CLUSTER}/prod"})
    assert place(tmp_path, found(AssetRef(f"{CLUSTER}/prod/nodePools/small"))) == ("a.ndjson", 1)
