"""Who and what the sample company consists of."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from generate.fleet import ORGANIZATION, Account, Cluster, Project, Workload

SEEN_AT = "2026-11-02T12:00:00Z"
"""When the inventory was taken: after the break-in."""


def project(name: str, k: int) -> Project:
    """A project with a number that is easy to recognise."""
    return Project(name, f"4100000000{k:02d}")


SHOP = project("example-shop-prod", 1)
STAGE = project("example-shop-stage", 2)
DATA = project("example-data-prod", 3)
AUTOMATION = project("example-automation", 4)
SECURITY = project("example-security", 5)
SANDBOX = project("example-sandbox", 6)

FOLDERS = {"production": "201000000001", "staging": "201000000002", "platform": "201000000003"}
FOLDER_OF = {
    SHOP: "production",
    DATA: "production",
    STAGE: "staging",
    SANDBOX: "staging",
    AUTOMATION: "platform",
    SECURITY: "platform",
}
PROJECTS = tuple(FOLDER_OF)

PIPELINES = f"projects/{AUTOMATION.number}/locations/global/workloadIdentityPools/pipelines"
MAIN_BRANCH = "repo:example/shop:ref:refs/heads/main"
ANY_PIPELINE = f"principalSet://iam.googleapis.com/{PIPELINES}/*"
INTRUDER = "203.0.113.66"


def unique_id(name: str) -> str:
    """Digits that stay the same for the same name."""
    return f"1{int(hashlib.sha256(name.encode()).hexdigest(), 16) % 10**20:020d}"


def account(name: str, home: Project, generation: str = "") -> Account:
    """A service account; another generation is the same address after it was deleted and made again."""
    return Account(name, home, unique_id(f"{name}@{home.id}{generation}"))


API = account("checkout-api", SHOP)
MAILER = account("checkout-mailer", SHOP)
INDEXER = account("catalog-indexer", SHOP)
IMPORTER = account("catalog-importer", SHOP)
FIRST_GATEWAY = account("payments-gateway", SHOP)
GATEWAY = account("payments-gateway", SHOP, "again")
SHIPPING = account("shipping-worker", SHOP)
REPORTS = account("reports-nightly", SHOP)
STAGE_API = account("checkout-api", STAGE)
LOADER = account("etl-loader", DATA)
BILLING = account("billing-export", DATA)
TERRAFORM = account("terraform", AUTOMATION)
DEPLOYER = account("ci-deployer", AUTOMATION)
NOTEBOOKS = account("notebooks", SANDBOX)
NODES = {home: account("gke-nodes", home) for home in (SHOP, STAGE, DATA)}

ACCOUNTS = (
    API,
    MAILER,
    INDEXER,
    IMPORTER,
    GATEWAY,
    SHIPPING,
    REPORTS,
    STAGE_API,
    LOADER,
    BILLING,
    TERRAFORM,
    DEPLOYER,
    NOTEBOOKS,
    *NODES.values(),
)
DISABLED = (SHIPPING,)

OLD_KEY = hashlib.sha256(b"the key that leaked").hexdigest()[:40]
NEW_KEY = hashlib.sha256(b"the key that was made").hexdigest()[:40]
KEYS = {
    DEPLOYER: ((OLD_KEY, "2024-03-11T08:21:40Z"),),
    API: ((NEW_KEY, "2026-11-02T09:38:12Z"),),
}

SHOP_CLUSTER = Cluster("shop-prod", SHOP, "europe-west1")
STAGE_CLUSTER = Cluster("shop-stage", STAGE, "europe-west1")
DATA_CLUSTER = Cluster("data-prod", DATA, "europe-west4")


@dataclass(frozen=True, slots=True)
class Deployed:
    """A workload as it runs: its identity, its node pool, and what its account's policy says about it."""

    workload: Workload
    members: tuple[str, ...]
    annotated: bool = True
    node_pool: str = "default-pool"
    condition: dict[str, str] | None = None


def deployed(cluster: Cluster, namespace: str, name: str, became: Account, **rest: object) -> Deployed:
    """A workload; unless told otherwise its account trusts exactly it."""
    workload = Workload(cluster, namespace, name, became)
    return Deployed(workload, **{"members": (workload.legacy_member,), **rest})  # type: ignore[arg-type]


WORKLOADS = (
    deployed(SHOP_CLUSTER, "checkout", "api", API),
    # The namespace was renamed and the binding was not.
    deployed(
        SHOP_CLUSTER, "checkout", "mailer", MAILER, members=(f"serviceAccount:{SHOP.id}.svc.id.goog[check-out/mailer]",)
    ),
    # Copied from staging, with staging's pool.
    deployed(
        SHOP_CLUSTER,
        "catalog",
        "indexer",
        INDEXER,
        members=(f"serviceAccount:{STAGE.id}.svc.id.goog[catalog/indexer]",),
    ),
    # Meant for a migration that took longer.
    deployed(
        SHOP_CLUSTER,
        "catalog",
        "importer",
        IMPORTER,
        condition={"title": "until the migration", "expression": 'request.time < timestamp("2026-06-30T00:00:00Z")'},
    ),
    # Deleted and made again: what was granted to the old one stayed with the old one.
    deployed(SHOP_CLUSTER, "payments", "gateway", GATEWAY),
    # Disabled by somebody who thought nobody used it.
    deployed(SHOP_CLUSTER, "shipping", "worker", SHIPPING),
    # The account trusts the workload, but the workload does not know.
    deployed(SHOP_CLUSTER, "reports", "nightly", REPORTS, annotated=False),
    deployed(STAGE_CLUSTER, "checkout", "api", STAGE_API),
    # Runs on nodes that were there before Workload Identity was switched on.
    deployed(DATA_CLUSTER, "etl", "loader", LOADER, node_pool="large-memory"),
)

NODE_POOLS = {
    SHOP_CLUSTER: {"default-pool": "GKE_METADATA"},
    STAGE_CLUSTER: {"default-pool": "GKE_METADATA"},
    DATA_CLUSTER: {"default-pool": "GKE_METADATA", "large-memory": "GCE_METADATA"},
}

SERVICES = (
    "cloudasset.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "container.googleapis.com",
    "iam.googleapis.com",
    "iamcredentials.googleapis.com",
    "logging.googleapis.com",
    "secretmanager.googleapis.com",
    "storage.googleapis.com",
    "sts.googleapis.com",
)


def ancestors(home: Project) -> list[str]:
    """Where a project lies, closest first."""
    return [f"projects/{home.number}", f"folders/{FOLDERS[FOLDER_OF[home]]}", f"organizations/{ORGANIZATION}"]


def as_member(who: Account) -> str:
    """How a policy names a service account."""
    return f"serviceAccount:{who.email}"


def as_deleted_member(who: Account) -> str:
    """How a policy names a service account that is gone."""
    return f"deleted:serviceAccount:{who.email}?uid={who.unique_id}"
