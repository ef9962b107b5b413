"""Policies of an organization that does not exist, as an asset export writes them; one seed, one sequence of bytes."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

ORGANIZATION = "organizations/100000000001"
POLICIES_PER_MEMBER = 0.089
_ON_PROJECT, _ON_RESOURCE = 45, 2
"""How many members the policy of a project has for each that one of a bucket or a service account has."""
_RESOURCE_MANAGER = "//cloudresourcemanager.googleapis.com/"

# What people grant most is harmless; a small part is not.
_COMMON = (
    "roles/viewer", "roles/logging.viewer", "roles/logging.logWriter", "roles/monitoring.viewer", "roles/browser",
    "roles/monitoring.metricWriter", "roles/storage.objectViewer", "roles/bigquery.dataViewer",
    "roles/bigquery.jobUser",
    "roles/cloudtrace.agent", "roles/artifactregistry.reader", "roles/compute.viewer", "roles/pubsub.publisher",
    "roles/pubsub.subscriber", "roles/container.viewer", "roles/run.invoker", "roles/cloudsql.client",
)  # fmt: skip
_STRONG = (
    "roles/owner", "roles/editor", "roles/container.developer", "roles/container.admin", "roles/run.admin",
    "roles/iam.serviceAccountUser", "roles/cloudbuild.builds.editor", "roles/compute.instanceAdmin.v1",
    "roles/secretmanager.secretAccessor", "roles/storage.admin", "roles/resourcemanager.projectIamAdmin",
    "roles/logging.configWriter", "roles/cloudfunctions.developer", "roles/dataflow.developer",
)  # fmt: skip
_ON_ACCOUNT = ("roles/iam.workloadIdentityUser", "roles/iam.serviceAccountTokenCreator", "roles/iam.serviceAccountUser")
_ON_BUCKET = ("roles/storage.objectViewer", "roles/storage.objectAdmin", "roles/storage.legacyBucketReader")


def generate_policies(member_bindings: int, seed: int = 1) -> Iterator[bytes]:
    """Lines of an `iam-policy` export with that many member-bindings, in 89 policies for each thousand of them."""
    chance = random.Random(seed)
    policies = max(10, round(member_bindings * POLICIES_PER_MEMBER))
    projects = max(1, policies * 20 // 89)
    folders = max(1, projects // 40)
    people = max(20, member_bindings // 15)
    left, weight_left = member_bindings, projects * _ON_PROJECT + (policies - projects) * _ON_RESOURCE
    for number in range(policies):
        lines = policies - number
        weight = _ON_PROJECT if number < projects else _ON_RESOURCE
        share = left * weight / weight_left * chance.uniform(0.4, 1.6)
        count = left if lines == 1 else max(1, min(left - (lines - 1), round(share)))
        left, weight_left = left - count, weight_left - weight
        project = chance.randrange(projects) if number > projects else number
        yield _line(chance, number, project, projects, folders, people, count)


def _line(
    chance: random.Random, number: int, project: int, projects: int, folders: int, people: int, count: int
) -> bytes:
    name_of = f"company-project-{project:05d}"
    ancestors = [f"projects/{500000000000 + project}", f"folders/{700000000000 + project % folders}", ORGANIZATION]
    if number == 0:
        name, kind, ancestors, roles = _RESOURCE_MANAGER + ORGANIZATION, "Organization", [ORGANIZATION], _COMMON
    elif number < projects:
        name, kind, roles = f"{_RESOURCE_MANAGER}projects/{name_of}", "Project", _COMMON
    elif chance.random() < 0.6:
        account = f"job-{number:06d}@{name_of}.iam.gserviceaccount.com"
        name = f"//iam.googleapis.com/projects/{name_of}/serviceAccounts/{account}"
        kind, roles = "ServiceAccount", _ON_ACCOUNT
    else:
        name, kind, roles = f"//storage.googleapis.com/company-data-{number:06d}", "Bucket", _ON_BUCKET
    bindings: list[dict[str, object]] = []
    while count > 0:
        size = min(count, chance.choice((1, 1, 2, 3, 5, 8, 20)))
        count -= size
        strong = roles is _COMMON and chance.random() < 0.12
        binding: dict[str, object] = {
            "role": chance.choice(_STRONG if strong else roles),
            "members": [_member(chance, name_of, people, projects) for _ in range(size)],
        }
        if chance.random() < 0.03:
            limit = f"request.time < timestamp('20{chance.randrange(24, 40)}-01-01T00:00:00Z')"
            binding["condition"] = {"title": "until", "expression": limit}
        bindings.append(binding)
    service = {"ServiceAccount": "iam", "Bucket": "storage"}.get(kind, "cloudresourcemanager")
    asset = {
        "name": name,
        "assetType": f"{service}.googleapis.com/{kind}",
        "iamPolicy": {"version": 3, "bindings": bindings, "etag": f"BwY{number:09d}="},
        "ancestors": ancestors,
        "updateTime": "2026-01-10T08:00:00.000000Z",
    }
    return json.dumps(asset, separators=(",", ":")).encode() + b"\n"


def _member(chance: random.Random, project: str, people: int, projects: int) -> str:
    which = chance.random()
    if which < 0.35:
        return f"user:person-{chance.randrange(people):06d}@example.com"
    if which < 0.55:
        return f"group:team-{chance.randrange(max(1, people // 10)):05d}@example.com"
    if which < 0.9:
        home = project if chance.random() < 0.8 else f"company-project-{chance.randrange(projects):05d}"
        return f"serviceAccount:app-{chance.randrange(4)}@{home}.iam.gserviceaccount.com"
    return f"serviceAccount:{project}.svc.id.goog[team-{chance.randrange(5)}/app-{chance.randrange(6)}]"
