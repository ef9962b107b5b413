"""What runs as which service account: machines, serverless runtimes and node pools, standing."""

from collections.abc import Iterator
from typing import Final

from bindwatch.inventory import Inventory, Part
from bindwatch.inventory.clusters import NodePool
from bindwatch.inventory.resources import Instance, Runtime
from bindwatch.model.change import Run, SetServiceAccountEnabled, remedy
from bindwatch.model.finding import AssetRef, Category, Severity
from bindwatch.model.principal import parse_email
from bindwatch.model.resource import display, project_name
from bindwatch.rule import Context, Match, inventory_rule

_EVERYTHING: Final = "https://www.googleapis.com/auth/cloud-platform"
_BASIC: Final = ("roles/owner", "roles/editor", "roles/admin", "roles/writer")


def is_default_account(email: str) -> bool:
    """Whether a service account is one that Google makes in each project, which all that name no other share."""
    principal = parse_email(email)
    return principal is not None and principal.is_default_service_account


def _attached(inventory: Inventory) -> Iterator[tuple[str, str, str]]:
    """(resource, project, service account) of everything that runs as one."""
    for instance in inventory.all(Instance):
        for account in instance.service_accounts:
            yield instance.name, instance.project, account.email
    for runtime in inventory.all(Runtime):
        yield runtime.name, runtime.project, runtime.service_account
    for pool in inventory.all(NodePool):
        yield pool.name, pool.project, pool.service_account


@inventory_rule(
    "attached-account-gone",
    Severity.HIGH,
    Category.BROKEN_BINDING,
    needs=[Part.SERVICE_ACCOUNTS],
    techniques=["T1531"],
    equivalents=["gcpdiag:gke/ERR/2021_012", "gcpdiag:gce/WARN/2022_011", "gcpdiag:gae/ERR/2025_001"],
)
def attached_account_gone(inventory: Inventory, context: Context) -> Iterator[Match]:
    """A machine, a service or a node pool ran as a service account that is disabled or does not exist.

    ## Why it matters
    Its next call to Google Cloud fails, or its next start: tokens that were fetched before hide it for an hour.

    ## What to do
    Enable the account, or undelete it within 30 days; a new one of the same name has none of the old one's roles.

    ## Known false positives
    Machines that are stopped, and were left as they are.

    ## Blind spots
    Accounts of projects whose accounts were not read.
    """
    for resource, project, email in _attached(inventory):
        if "@" not in email:
            continue
        account = inventory.service_account(email)
        principal = parse_email(email)
        home = project_name(principal.project if principal and principal.project else project)
        if account is None and (is_default_account(email) or not inventory.has(Part.SERVICE_ACCOUNTS, home)):
            continue
        if account is not None and not account.disabled:
            continue
        state = "is disabled" if account else "does not exist"
        yield Match(
            subject=email,
            title=f"{display(resource)} runs as {email}, which {state}",
            resource_name=resource,
            principal=f"serviceAccount:{email}",
            evidence=(AssetRef(resource), *((AssetRef(account.name),) if account else ())),
            remediation=remedy(f"Enable {email}", SetServiceAccountEnabled(account.email, enabled=True))
            if account
            else None,
        )


@inventory_rule(
    "instance-default-service-account",
    Severity.MEDIUM,
    Category.OVER_PRIVILEGE,
    needs=[Part.INSTANCES],
    techniques=["T1552.005"],
    equivalents=[
        "prowler:compute_instance_default_service_account_in_use",
        "prowler:compute_instance_default_service_account_in_use_with_full_api_access",
        "scoutsuite:computeengine-instance-default-service-account",
        "scoutsuite:computeengine-instance-full-api-access",
        "scc:DEFAULT_SERVICE_ACCOUNT_USED",
        "scc:FULL_API_ACCESS",
        "gcpdiag:gce/BP_EXT/2023_001",
    ],
)
def instance_default_service_account(inventory: Inventory, context: Context) -> Iterator[Match]:
    """A machine ran as the Compute Engine default service account.

    ## Why it matters
    That account is Editor of the project unless somebody took it away. With the scope `cloud-platform`, whoever runs a
    command on the machine has all of that; with the narrow default scopes, part of it.

    ## What to do
    Stop the machine, give it an account of its own with the roles it needs, start it.

    ## Known false positives
    Projects where the default account holds nothing. Nodes of GKE are left out: node pools have a rule of their own.

    ## Blind spots
    Scopes limit tokens of the metadata server only.
    """
    for instance in inventory.all(Instance):
        if instance.is_gke_node:
            continue
        for account in instance.service_accounts:
            if not is_default_account(account.email):
                continue
            whole = _EVERYTHING in account.scopes
            strong = _holds_basic_role(inventory, account.email, instance.project)
            severity = Severity.HIGH if whole and strong else Severity.MEDIUM if whole or strong else Severity.LOW
            name = instance.name.rpartition("/")[2]
            zone = instance.name.rpartition("/zones/")[2].partition("/")[0]
            argv = (
                "gcloud", "compute", "instances", "set-service-account", name, f"--zone={zone}",
                f"--project={instance.project}", f"--service-account={name}@{instance.project}.iam.gserviceaccount.com",
                "--scopes=cloud-platform",
            )  # fmt: skip
            yield Match(
                subject=account.email,
                title=f"{display(instance.name)} runs as the default service account"
                + (" with access to every API" if whole else ""),
                resource_name=instance.name,
                principal=f"serviceAccount:{account.email}",
                severity=severity,
                notes=(f"{account.email} holds a basic role on the project.",) if strong else (),
                evidence=(AssetRef(instance.name),),
                remediation=remedy(
                    "Give the machine an account of its own, with the roles it uses",
                    Run(argv),
                    risk="The machine must be stopped; what it can reach afterwards is what the new account can.",
                ),
            )


@inventory_rule(
    "instance-with-basic-role",
    Severity.MEDIUM,
    Category.OVER_PRIVILEGE,
    needs=[Part.INSTANCES, Part.POLICIES],
    techniques=["T1552.005"],
    equivalents=["gcpdiag:gce/BP_EXT/2023_001"],
)
def instance_with_basic_role(inventory: Inventory, context: Context) -> Iterator[Match]:
    """A machine ran, with access to every API, as an account of its own that is Owner or Editor of the project.

    ## Why it matters
    Whoever runs a command on the machine is Owner or Editor: an account of its own keeps nothing apart then.

    ## What to do
    Grant the account the narrow roles the machine uses, then take the basic role away.

    ## Known false positives
    None known: narrow scopes limit the machine, and such machines are not reported.

    ## Blind spots
    Default service accounts have a rule of their own, and so have nodes of GKE.
    """
    for instance in inventory.all(Instance):
        for account in instance.service_accounts:
            if instance.is_gke_node or is_default_account(account.email) or _EVERYTHING not in account.scopes:
                continue
            if _holds_basic_role(inventory, account.email, instance.project):
                yield Match(
                    subject=account.email,
                    title=f"{display(instance.name)} runs as {account.email}, which holds a basic role on its project",
                    resource_name=instance.name,
                    principal=f"serviceAccount:{account.email}",
                    evidence=(AssetRef(instance.name), AssetRef(project_name(instance.project))),
                )


def _holds_basic_role(inventory: Inventory, email: str, project: str) -> bool:
    held = inventory.grants_of(f"serviceAccount:{email}")
    return any(binding.role in _BASIC and inventory.project_of(name) == project for name, binding in held)


@inventory_rule(
    "runtime-default-service-account",
    Severity.LOW,
    Category.OVER_PRIVILEGE,
    needs=[Part.RUNTIMES],
    techniques=["T1552.005"],
    equivalents=[
        "copl:cloudrunDisableDefaultServiceAccount",
        "copl:cloudrunJobDisableDefaultServiceAccount",
        "copl:dataprocDisableDefaultServiceAccount",
    ],
)
def runtime_default_service_account(inventory: Inventory, context: Context) -> Iterator[Match]:
    """A service, job, function, build, notebook or cluster of Dataproc ran as a default service account.

    ## Why it matters
    Every workload of the project that names no account shares it: what is granted for one is granted to all.

    ## What to do
    Deploy with an account of its own (`--service-account`), with the roles it uses.

    ## Known false positives
    Projects where the default account holds nothing. Where it holds a basic role it is MEDIUM.

    ## Blind spots
    An export that leaves the account out reads as the default, which is what the service then uses.
    """
    for runtime in inventory.all(Runtime):
        email = runtime.service_account
        if email and not is_default_account(email):
            continue
        strong = bool(email) and _holds_basic_role(inventory, email, runtime.project)
        yield Match(
            subject=email or "default",
            title=f"{display(runtime.name)} runs as {email or 'the default service account of its service'}",
            resource_name=runtime.name,
            principal=f"serviceAccount:{email}" if email else "",
            severity=Severity.MEDIUM if strong else None,
            evidence=(AssetRef(runtime.name),),
        )


RULES: Final = (
    attached_account_gone,
    instance_default_service_account,
    instance_with_basic_role,
    runtime_default_service_account,
)
