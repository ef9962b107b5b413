"""Guards that nobody put up: organization policies, sinks and inventories that are missing."""

from collections.abc import Iterator
from typing import Final

from bindwatch.access.places import level_of
from bindwatch.inventory import Inventory, Part
from bindwatch.inventory.hierarchy import LogSink, Organization, OrgPolicy, Project
from bindwatch.knowledge.escalation import Level
from bindwatch.model.change import EnableService, Run, remedy
from bindwatch.model.finding import AssetRef, Category, Severity
from bindwatch.model.resource import display, project_name
from bindwatch.rule import Context, Match, inventory_rule

_NO_EDITOR: Final = "iam.automaticIamGrantsForDefaultServiceAccounts"
_ASSETS: Final = "cloudasset.googleapis.com"


def _roots(inventory: Inventory) -> Iterator[str]:
    """The top of each tree that was read: organizations, and projects above which nothing is known."""
    named = (item.name for item in inventory.all(Organization))
    with_policies = (name for name, _ in inventory.policies)
    with_sinks = (sink.parent for sink in inventory.all(LogSink))
    organizations = dict.fromkeys(
        name for name in (*named, *with_policies, *with_sinks) if level_of(name) is Level.ORGANIZATION
    )
    yield from organizations
    for project in inventory.all(Project):
        name = project_name(project.id)
        if not any(above in organizations for above in inventory.ancestors(name)):
            yield name


@inventory_rule(
    "default-accounts-become-editor",
    Severity.MEDIUM,
    Category.HYGIENE,
    needs=[Part.ORG_POLICIES],
    techniques=["T1098.003"],
    equivalents=["gcpdiag:iam/BP/2023_001", "c7n:org-policy", "ps:boolean-org-policy-enforcer"],
)
def default_accounts_become_editor(inventory: Inventory, context: Context) -> Iterator[Match]:
    """No organization policy kept default service accounts from becoming Editor.

    ## Why it matters
    Whoever switches Compute Engine on in a project makes an account that is Editor of it, and that every machine which
    names no other runs as.

    ## What to do
    Enforce `iam.automaticIamGrantsForDefaultServiceAccounts` at the organization; take Editor away from the accounts
    that have it already.

    ## Known false positives
    Organizations made since May 2024 have it enforced.

    ## Blind spots
    Said once for the top of each tree that was read, and for whatever below it switches the constraint off. Policies
    with conditions on tags count as not enforced.
    """
    switched_off = (item.resource for item in inventory.all(OrgPolicy) if item.constraint == _NO_EDITOR and _off(item))
    for name in dict.fromkeys((*_roots(inventory), *switched_off)):
        found = next((item for item in inventory.org_policies_over(name, _NO_EDITOR) if not item.dry_run), None)
        if found.enforced if found else not inventory.has(Part.ORG_POLICIES, name):
            continue
        where = name.partition(".com/")[2]
        container, _, identity = where.partition("/")
        flag = f"--{container.removesuffix('s')}={identity}"
        argv = ("gcloud", "resource-manager", "org-policies", "enable-enforce", f"constraints/{_NO_EDITOR}", flag)
        yield Match(
            subject=_NO_EDITOR,
            title=f"Default service accounts become Editor in {display(name)}: nothing forbids it",
            resource_name=name,
            evidence=(AssetRef(name),),
            remediation=remedy("Forbid it for what is made from now on", Run(argv)),
        )


def _off(policy: OrgPolicy) -> bool:
    return bool(policy.resource) and not policy.enforced and not policy.dry_run


# What guards identities where it is enforced, and where it allows only some values.
_ENFORCED: Final = {
    "iam.disableServiceAccountKeyCreation": "keys of service accounts may be made",
    "iam.managed.disableServiceAccountKeyCreation": "keys of service accounts may be made",
    "iam.disableServiceAccountKeyUpload": "keys of one's own may be put on service accounts",
    "iam.managed.disableServiceAccountKeyUpload": "keys of one's own may be put on service accounts",
    "iam.disableCrossProjectServiceAccountUsage": "service accounts may be attached in other projects",
    "storage.publicAccessPrevention": "buckets may be made public",
}
_RESTRICTED: Final = {
    "iam.allowedPolicyMemberDomains": "roles may be granted to anybody",
    "iam.managed.allowedPolicyMembers": "roles may be granted to anybody",
    "iam.workloadIdentityPoolProviders": "any identity provider may be trusted",
    "iam.workloadIdentityPoolAwsAccounts": "any AWS account may be trusted",
}


@inventory_rule(
    "identity-constraint-off",
    Severity.LOW,
    Category.HYGIENE,
    needs=[Part.ORG_POLICIES],
    techniques=["T1562"],
    equivalents=["c7n:org-policy", "ps:boolean-org-policy-enforcer"],
)
def identity_constraint_off(inventory: Inventory, context: Context) -> Iterator[Match]:
    """An organization policy switched off, for a place and what is below it, a constraint that guards identities.

    ## Why it matters
    Where such a policy stands, what the organization forbids is allowed again. An exception made for one afternoon
    holds until somebody looks.

    ## What to do
    Delete the policy of the place, so that it inherits, or enforce the constraint there.

    ## Known false positives
    Exceptions that are meant. Mute with an owner and an expiry.

    ## Blind spots
    Constraints that nobody ever set: nothing stands anywhere then. Rules with conditions on tags.
    """
    for item in inventory.all(OrgPolicy):
        if item.constraint in _ENFORCED and item.enforced is False and _off(item):
            what = _ENFORCED[item.constraint]
        elif item.constraint in _RESTRICTED and item.allow_all and item.resource and not item.dry_run:
            what = _RESTRICTED[item.constraint]
        else:
            continue
        where = item.resource.partition(".com/")[2]
        container, _, identity = where.partition("/")
        flag = f"--{container.removesuffix('s')}={identity}"
        argv = ("gcloud", "resource-manager", "org-policies", "delete", f"constraints/{item.constraint}", flag)
        yield Match(
            subject=item.constraint,
            title=f"{item.constraint} is off in {display(item.resource)}: {what}",
            resource_name=item.resource,
            evidence=(AssetRef(item.resource),),
            remediation=remedy(
                "Delete the policy, so that what stands above counts again",
                Run(argv),
                risk="What was made under the exception stays; what is made from then on is refused.",
            ),
        )


@inventory_rule(
    "log-export-missing",
    Severity.LOW,
    Category.BLIND_SPOT,
    needs=[Part.LOG_SINKS],
    techniques=["T1562.008"],
    equivalents=[
        "prowler:logging_sink_created",
        "scoutsuite:stackdriverlogging-no-export-sinks",
        "forseti:log_sink",
        "scc:EXPORT_SINK_NOT_CONFIGURED",
    ],
)
def log_export_missing(inventory: Inventory, context: Context) -> Iterator[Match]:
    """Logs were kept nowhere but where they were written.

    ## Why it matters
    Whoever owns a project can delete its logs. A copy elsewhere is what an investigation has left.

    ## What to do
    Make a sink at the organization, with its children, into a bucket or dataset of a project that few can reach.

    ## Known false positives
    Organizations that export by folder: then each folder's sinks were not among those read.

    ## Blind spots
    What a sink's filter leaves out is judged when it is changed, not here.
    """
    sinks = inventory.all(LogSink)
    for name in _roots(inventory):
        own = [sink for sink in sinks if sink.parent in inventory.ancestors(name)]
        if not own and not inventory.has(Part.LOG_SINKS, name):
            continue
        built_in = ("_Default", "_Required")
        if not any(not sink.disabled and sink.name.rpartition("/")[2] not in built_in for sink in own):
            yield Match(
                subject="export",
                title=f"The logs of {display(name)} are exported nowhere",
                resource_name=name,
                evidence=(AssetRef(name),),
            )


@inventory_rule(
    "asset-inventory-off",
    Severity.INFO,
    Category.BLIND_SPOT,
    needs=[Part.ENABLED_SERVICES, Part.PROJECTS],
    techniques=["T1562.008"],
    equivalents=["prowler:iam_cloud_asset_inventory_enabled", "scc:CLOUD_ASSET_API_DISABLED"],
)
def asset_inventory_off(inventory: Inventory, context: Context) -> Iterator[Match]:
    """Cloud Asset Inventory was off in every project that was read.

    ## Why it matters
    It keeps who had which role five weeks back, which is what an investigation asks first, and it is what audits read.

    ## What to do
    Switch the API on in the project from which audits run.

    ## Known false positives
    Audits that run from a project which was not read.

    ## Blind spots
    None known.
    """
    projects = [item for item in inventory.all(Project) if item.state in ("", "ACTIVE")]
    answers = {project.id: inventory.enabled(project.id, _ASSETS) for project in projects}
    if not answers or any(answer is not False for answer in answers.values()):
        return
    first = min(answers)
    name = project_name(first)
    yield Match(
        subject=_ASSETS,
        title=f"Cloud Asset Inventory is off in {'project ' + first if len(answers) == 1 else 'all projects'}",
        resource_name=name,
        evidence=(AssetRef(name),),
        remediation=remedy("Switch it on", EnableService(first, _ASSETS)),
    )


RULES: Final = (default_accounts_become_editor, identity_constraint_off, log_export_missing, asset_inventory_off)
