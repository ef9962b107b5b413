"""A fictional company on Google Cloud: its projects, clusters, workloads, people and pipelines."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache

ORGANIZATION = "112233445566"
DOMAIN = "example.com"

TEAMS = ("checkout", "catalog", "payments", "search", "shipping", "ledger", "media", "support")
COMPONENTS = ("api", "worker", "indexer", "mailer", "importer", "gateway", "reports", "cache")
REGIONS = ("europe-west1", "europe-west4", "us-central1")
FIRST_NAMES = ("ada", "grace", "edsger", "barbara", "donald", "frances", "alan", "radia", "ken", "sophie")


@dataclass(frozen=True, slots=True)
class Project:
    """A project by both of its names."""

    id: str
    number: str


@dataclass(frozen=True, slots=True)
class Account:
    """A service account; `unique_id` is what the API calls it by."""

    id: str
    project: Project
    unique_id: str

    @property
    def email(self) -> str:
        """The address policies and logs name it by."""
        return f"{self.id}@{self.project.id}.iam.gserviceaccount.com"


@cache
def _nodes(cluster: str) -> tuple[str, ...]:
    rng = random.Random(cluster)

    def token(length: int) -> str:
        return "".join(rng.choices("bcdfghjklmnpqrstvwxz2456789", k=length))

    pool = f"gke-{cluster}-default-pool-{token(8)}"
    return tuple(f"{pool}-{token(4)}" for _ in range(12))


@dataclass(frozen=True, slots=True)
class Cluster:
    """A GKE cluster."""

    name: str
    project: Project
    location: str

    @property
    def nodes(self) -> tuple[str, ...]:
        """The machines of its node pool. A node serves many pods for days, so its name comes again and again."""
        return _nodes(self.name)

    @property
    def group(self) -> str:
        """The instance group of the node pool."""
        return f"{self.nodes[0].rpartition('-')[0]}-grp"


@dataclass(frozen=True, slots=True)
class Workload:
    """A Kubernetes service account that becomes a Google service account."""

    cluster: Cluster
    namespace: str
    name: str
    account: Account

    @property
    def pool(self) -> str:
        """The identity pool of the cluster's project."""
        return f"{self.cluster.project.id}.svc.id.goog"

    @property
    def legacy_member(self) -> str:
        """The older of the two spellings."""
        return f"serviceAccount:{self.pool}[{self.namespace}/{self.name}]"

    @property
    def principal(self) -> str:
        """The newer of the two spellings."""
        number = self.cluster.project.number
        pool = f"//iam.googleapis.com/projects/{number}/locations/global/workloadIdentityPools/{self.pool}"
        return f"principal:{pool}/subject/ns/{self.namespace}/sa/{self.name}"


@dataclass(frozen=True, slots=True)
class Fleet:
    """Everything the generated entries speak of."""

    projects: tuple[Project, ...]
    clusters: tuple[Cluster, ...]
    workloads: tuple[Workload, ...]
    people: tuple[str, ...]
    deployer: Account
    """What Terraform runs as."""
    repository: str
    """The subject of the pipeline that becomes the deployer."""
    pipeline_pool: str

    @classmethod
    def build(cls, seed: int, projects: int = 24) -> Fleet:
        """The same company for the same seed."""
        rng = random.Random(seed)
        numbers = rng.sample(range(100_000_000_000, 999_999_999_999), projects + 1)

        def account(name: str, project: Project) -> Account:
            return Account(name, project, f"1{rng.randrange(10**19, 10**20)}")

        automation = Project("example-automation", str(numbers[0]))
        members = tuple(
            Project(f"example-{TEAMS[i % len(TEAMS)]}-{('prod', 'stage', 'dev')[i // len(TEAMS) % 3]}", str(number))
            for i, number in enumerate(numbers[1:])
        )
        clusters = tuple(
            Cluster(f"{project.id.removeprefix('example-')}-{k}", project, REGIONS[i % len(REGIONS)])
            for i, project in enumerate(members)
            for k in range(1 + i % 2)
        )
        workloads = tuple(
            Workload(cluster, f"{team}-{k}", component, account(f"{team}-{component}", cluster.project))
            for cluster in clusters
            for k, team in enumerate(rng.sample(TEAMS, 3))
            for component in rng.sample(COMPONENTS, 3)
        )
        pool = f"projects/{automation.number}/locations/global/workloadIdentityPools/pipelines"
        return cls(
            projects=(automation, *members),
            clusters=clusters,
            workloads=workloads,
            people=tuple(f"{name}@{DOMAIN}" for name in FIRST_NAMES),
            deployer=account("terraform", automation),
            repository="repo:example/infrastructure:ref:refs/heads/main",
            pipeline_pool=pool,
        )
