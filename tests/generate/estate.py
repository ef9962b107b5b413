"""The policies of a large organization, as Cloud Asset Inventory exports them: as many bindings as asked for."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

from generate.fleet import DOMAIN, ORGANIZATION
from generate.scribe import Json

HARMLESS = (
    "roles/viewer",
    "roles/browser",
    "roles/logging.viewer",
    "roles/logging.logWriter",
    "roles/monitoring.viewer",
    "roles/monitoring.metricWriter",
    "roles/cloudtrace.agent",
    "roles/storage.objectViewer",
    "roles/bigquery.jobUser",
    "roles/bigquery.dataViewer",
    "roles/pubsub.publisher",
    "roles/pubsub.subscriber",
    "roles/artifactregistry.reader",
    "roles/errorreporting.viewer",
    "roles/container.clusterViewer",
    "roles/cloudsql.client",
    "roles/compute.networkViewer",
    "roles/dns.reader",
)
DANGEROUS = (
    "roles/owner",
    "roles/editor",
    "roles/iam.serviceAccountTokenCreator",
    "roles/iam.serviceAccountUser",
    "roles/iam.serviceAccountKeyAdmin",
    "roles/resourcemanager.projectIamAdmin",
    "roles/cloudfunctions.admin",
    "roles/compute.admin",
    "roles/container.admin",
    "roles/secretmanager.admin",
    "roles/storage.admin",
)
IMPERSONATION = (
    "roles/iam.workloadIdentityUser",
    "roles/iam.serviceAccountUser",
    "roles/iam.serviceAccountTokenCreator",
)
OFFICE_HOURS = {"title": "office hours", "expression": 'request.time.getHours("Europe/Berlin") < 18'}
ENDED = {"title": "until June", "expression": 'request.time < timestamp("2026-06-30T00:00:00Z")'}

SIZES = {
    "cloudresourcemanager.googleapis.com/Project": 50,
    "iam.googleapis.com/ServiceAccount": 2,
    "storage.googleapis.com/Bucket": 6,
}
"""How many member-bindings a policy of each kind has, on average."""
PROJECT, ACCOUNT, BUCKET = SIZES


def member(rng: random.Random, project: str, number: str, people: int) -> str:
    """One member, of the kinds and in about the shares that organizations have."""
    kind = rng.random()
    if kind < 0.30:
        return f"user:person-{rng.randrange(people)}@{DOMAIN}"
    if kind < 0.50:
        return f"group:team-{rng.randrange(people // 8 + 1)}@{DOMAIN}"
    if kind < 0.85:
        name = rng.choice(("api", "worker", "deploy", "etl"))
        return f"serviceAccount:{name}-{rng.randrange(20)}@{project}.iam.gserviceaccount.com"
    if kind < 0.92:
        return f"serviceAccount:service-{number}@container-engine-robot.iam.gserviceaccount.com"
    if kind < 0.96:
        return f"serviceAccount:{project}.svc.id.goog[team-{rng.randrange(9)}/app-{rng.randrange(30)}]"
    if kind < 0.985:
        pool = f"projects/{number}/locations/global/workloadIdentityPools/{project}.svc.id.goog"
        return f"principal://iam.googleapis.com/{pool}/subject/ns/team-{rng.randrange(9)}/sa/app-{rng.randrange(30)}"
    if kind < 0.995:
        uid = rng.randrange(10**20, 10**21)
        return f"deleted:serviceAccount:old-{rng.randrange(9)}@{project}.iam.gserviceaccount.com?uid={uid}"
    return rng.choice(("allUsers", "allAuthenticatedUsers", "user:somebody@gmail.com"))


def bindings_of(rng: random.Random, kind: str, project: str, number: str, size: int, people: int) -> list[Json]:
    """The bindings of one policy that has `size` member-bindings in all."""
    result: list[Json] = []
    left = size
    while left > 0:
        count = min(left, 1 + int(rng.expovariate(1 / 4)))
        left -= count
        role = rng.choice(DANGEROUS) if rng.random() < 0.08 else rng.choice(HARMLESS)
        if kind == ACCOUNT:
            role = rng.choice(IMPERSONATION)
        elif rng.random() < 0.05:
            role = f"projects/{project}/roles/custom{rng.randrange(6)}"
        binding: Json = {"role": role, "members": [member(rng, project, number, people) for _ in range(count)]}
        if rng.random() < 0.02:
            binding["condition"] = rng.choice((OFFICE_HOURS, ENDED))
        result.append(binding)
    return result


def generate_policies(bindings: int, seed: int = 1) -> Iterator[bytes]:
    """Lines of an IAM_POLICY export that hold exactly this many member-bindings; the same for the same arguments."""
    rng = random.Random(seed)
    people = max(20, bindings // 50)
    left = bindings
    k = 0
    while left > 0:
        project, number = f"example-{k:06d}", f"{500_000_000_000 + k}"
        chain = [f"projects/{number}", f"folders/{700_000_000_000 + k % 400}", f"organizations/{ORGANIZATION}"]
        for kind in (PROJECT, *rng.choices((ACCOUNT, BUCKET), (4, 3), k=7)):
            size = min(left, 1 + int(rng.expovariate(1 / SIZES[kind])))
            if not size:
                return
            left -= size
            name = {
                PROJECT: f"//cloudresourcemanager.googleapis.com/projects/{number}",
                ACCOUNT: f"//iam.googleapis.com/projects/{project}/serviceAccounts/{rng.randrange(10**20, 10**21)}",
                BUCKET: f"//storage.googleapis.com/{project}-{rng.randrange(10**6)}",
            }[kind]
            bindings_here = bindings_of(rng, kind, project, number, size, people)
            policy = {"bindings": bindings_here, "etag": f"Bw{rng.randrange(16**9):09x}="}
            asset = {
                "name": name,
                "assetType": kind,
                "iamPolicy": policy,
                "ancestors": chain,
                "updateTime": "2026-11-02T12:00:00Z",
            }
            yield json.dumps(asset, separators=(",", ":")).encode() + b"\n"
        k += 1
