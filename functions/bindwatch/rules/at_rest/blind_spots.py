"""What the logs do not show because nobody switched it on, and who is exempt from it."""

from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from bindwatch.access.places import level_of
from bindwatch.inventory import Inventory, Part
from bindwatch.knowledge.escalation import Level
from bindwatch.model.change import remedy
from bindwatch.model.cloud_change import EndLogExemption, LogDataAccess
from bindwatch.model.finding import AssetRef, Category, Confidence, Severity
from bindwatch.model.policy import AuditConfig
from bindwatch.model.resource import display, project_name
from bindwatch.rule import Context, Match, at_rest_of, inventory_rule
from bindwatch.rules import audit_settings

# Minting is logged as ADMIN_READ of iam.googleapis.com, for which iamcredentials has no setting of its own; the
# exchange of federated tokens as ADMIN_READ of sts.googleapis.com. (IAM audit logging, observed permissionType.)
WATCHED: Final = {"iam.googleapis.com": "the minting of tokens", "sts.googleapis.com": "the exchange of tokens"}


def effective_log_types(inventory: Inventory, project: str, service: str) -> tuple[frozenset[str], bool]:
    """The data-access log types a service writes in a project: the union over it and its ancestors.

    And whether every policy on the way was seen: if not, more may be on.
    """
    types: set[str] = set()
    complete = True
    for name in inventory.ancestors(project_name(project)):
        policy = inventory.policy(name)
        if policy is None or inventory.is_partial(name):  # a search result leaves these settings out
            complete = complete and bool(inventory.coverage(Part.POLICIES, name))
            continue
        for config in policy.audit_configs:
            if config.service in ("allServices", service):
                types.update(each.log_type for each in config.log_configs)
    return frozenset(types), complete


@inventory_rule(
    "data-access-logs-off",
    Severity.MEDIUM,
    Category.BLIND_SPOT,
    needs=[Part.POLICIES],
    techniques=["T1562.008"],
    equivalents=[
        "prowler:iam_audit_logs_enabled",
        "scc:AUDIT_LOGGING_DISABLED",
        "forseti:audit_logging_rules",
        "policy-library:iam_audit_log",
    ],
)
def data_access_logs_off(inventory: Inventory, context: Context) -> Iterator[Match]:
    """The logs of token minting or token exchange were off in a project.

    ## Why it matters
    These logs are off by default. Without them, who becomes whom leaves no trace: neither an attack nor a broken
    Workload Identity binding can be seen, by anybody.

    ## What to do
    Switch ADMIN_READ on for `iam.googleapis.com` (it covers iamcredentials, which has no setting of its own) and for
    `sts.googleapis.com`, at the organization. `bindwatch sink-filter --audit-config` prints the settings.

    ## Known false positives
    Projects without service accounts. Where the policies above a project were not read the finding says so, with less
    confidence: the logs may be on there.

    ## Blind spots
    None known.
    """
    for name, identity in _projects_with_policies(inventory):
        for service, what in WATCHED.items():
            title = f"In project {identity} {what} leaves no log: ADMIN_READ of {service} is off"
            match = _off(inventory, name, title, service, ("ADMIN_READ",))
            if match is not None:
                yield match


@inventory_rule(
    "data-use-not-logged",
    Severity.INFO,
    Category.BLIND_SPOT,
    needs=[Part.POLICIES],
    techniques=["T1562.008"],
    equivalents=[
        "prowler:cloudstorage_audit_logs_enabled",
        "scc:AUDIT_LOGGING_DISABLED",
        "forseti:audit_logging_rules",
        "policy-library:iam_audit_log",
    ],
)
def data_use_not_logged(inventory: Inventory, context: Context) -> Iterator[Match]:
    """Reading or writing data was not logged in all services of a project.

    ## Why it matters
    Who became whom is half the story: what they read and changed then is told by these logs alone.

    ## What to do
    Switch DATA_READ and DATA_WRITE on for all services, or for those that hold what matters, and mute the rest.

    ## Known false positives
    These logs cost what they store. Services that have a setting of their own are named in the finding.

    ## Blind spots
    BigQuery logs its data access whatever the settings say.
    """
    for name, identity in _projects_with_policies(inventory):
        title = f"Not every service of project {identity} logs who reads and writes its data"
        match = _off(inventory, name, title, "allServices", ("DATA_READ", "DATA_WRITE"))
        if match is not None:
            some = sorted(
                config.service
                for above in inventory.ancestors(name)
                if (policy := inventory.policy(above))
                for config in policy.audit_configs
                if config.service != "allServices" and any(log.log_type != "ADMIN_READ" for log in config.log_configs)
            )
            notes = (f"Logged by settings of their own: {', '.join(dict.fromkeys(some))}.",) if some else ()
            yield replace(match, notes=(*match.notes, *notes))


def _off(inventory: Inventory, name: str, title: str, service: str, wanted: tuple[str, ...]) -> Match | None:
    """What to say of log types that are off for a service in a project; None where all are on."""
    project = name.rpartition("/")[2]
    types, complete = effective_log_types(inventory, project, service)
    off = tuple(kind for kind in wanted if kind not in types)
    if not off:
        return None
    policy = inventory.policy(name)
    sure = complete and len(inventory.ancestors(name)) > 1
    kinds = " and ".join(off)
    return Match(
        subject=service,
        title=title,
        resource_name=name,
        confidence=Confidence.HIGH if sure else Confidence.MEDIUM,
        notes=() if sure else ("Not all policies above the project are in the input: it may be on there.",),
        evidence=(AssetRef(name, policy.etag if policy else ""),),
        remediation=remedy(
            f"Switch {kinds} on for {service} in the project, better at the organization",
            LogDataAccess(name, service, off),
            terraform=_terraform(project, service, off),
            risk="Data-access logs cost what they store: exclude from the bucket what a sink takes.",
        ),
    )


def _projects_with_policies(inventory: Inventory) -> Iterator[tuple[str, str]]:
    """Projects in use whose policy was read, whether or not they were described themselves: their names and ids."""
    for name, _ in inventory.policies:
        if level_of(name) is not Level.PROJECT or inventory.is_partial(name):
            continue
        known, project = inventory.resource(name), inventory.project(identity := name.rpartition("/")[2])
        if known is not None and known.asset_type not in ("", "cloudresourcemanager.googleapis.com/Project"):
            continue
        if project is None or project.state in ("", "ACTIVE"):
            yield name, identity


def _terraform(project: str, service: str, types: tuple[str, ...]) -> str:
    return (
        f'resource "google_project_iam_audit_config" "{service.partition(".")[0]}" {{\n'
        f'  project = "{project}"\n'
        f'  service = "{service}"\n'
        + "".join(f'  audit_log_config {{\n    log_type = "{kind}"\n  }}\n' for kind in types)
        + "}\n"
    )


@at_rest_of(
    audit_settings.audit_log_exemption,
    needs=[Part.POLICIES],
    equivalents=["policy-library:iam_audit_log"],
)
def audit_log_exemption(inventory: Inventory, context: Context) -> Iterator[Match]:
    """A principal was exempt from data-access logging."""
    for resource, policy in inventory.policies:
        for config in policy.audit_configs:
            for member, types in _exempted(config):
                minting = config.service in ("allServices", *WATCHED) and "ADMIN_READ" in types
                yield Match(
                    subject=f"{config.service} {member}",
                    title=f"{member} leaves no {', '.join(types)} logs of {config.service} on {display(resource)}",
                    resource_name=resource,
                    principal=member,
                    severity=Severity.HIGH if minting else None,
                    evidence=(AssetRef(resource, policy.etag),),
                    remediation=remedy(
                        f"Log what {member} does, too", EndLogExemption(resource, config.service, member)
                    ),
                )


def _exempted(config: AuditConfig) -> Iterator[tuple[str, list[str]]]:
    members: dict[str, list[str]] = {}
    for each in config.log_configs:
        for member in each.exempted_members:
            members.setdefault(member, []).append(each.log_type)
    yield from members.items()


RULES = (data_access_logs_off, data_use_not_logged, audit_log_exemption)
