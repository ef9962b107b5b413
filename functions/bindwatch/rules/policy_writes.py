"""Rules on policies that were written at all: where, and by whom. What was granted is judged in `grants.py`."""

import re
from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from bindwatch.model.change import RemoveBinding, Run, remedy
from bindwatch.model.finding import Category, Confidence, Remediation, Severity
from bindwatch.model.log_entry import LogEntry
from bindwatch.model.policy import Grant
from bindwatch.model.principal import Principal, PrincipalKind
from bindwatch.model.resource import display
from bindwatch.rule import Context, Match, Method, log_rule
from bindwatch.rules.callers import is_expected, is_outsider, is_person
from bindwatch.rules.methods import CRM, activity, converted
from bindwatch.rules.responses import policy_put_back, right_taken
from bindwatch.rules.standing import removal
from bindwatch.rules.weight import is_second_half

_RUN: Final = "run.googleapis.com"


def _change(entry: LogEntry, what: str, severity: Severity) -> Match:
    granted = [f"Granted {grant.role} to {grant.member}" for grant in entry.grants[:5]]
    removed = [f"Removed {grant.role} from {grant.member}" for grant in entry.removed_grants[:5]]
    return Match(
        subject=entry.caller_key,
        title=f"{entry.caller_name} changed the policy of {what}",
        severity=severity,
        notes=(*granted, *removed),
        remediation=policy_put_back(entry),
    )


def _by_whom(entry: LogEntry, context: Context, person: Severity) -> Severity | None:
    """How much a change of a policy weighs, from its author; None where Google itself made it."""
    caller = entry.caller
    if caller is not None and caller.is_service_agent:
        return None
    if is_outsider(caller, context):
        return Severity.HIGH
    return person if caller is None or (is_person(caller) and not is_expected(caller, context)) else Severity.INFO


@log_rule(
    "hierarchy-policy-changed",
    Severity.MEDIUM,
    Category.THREAT,
    methods=(Method("*", "*SetIamPolicy"),),
    techniques=["T1098.003", "T1556.009"],
    equivalents=["panther:GCP.IAM.OrgFolderIAMChanges"],
)
def hierarchy_policy_changed(entry: LogEntry, context: Context) -> Iterator[Match]:
    """The policy of the organization or of a folder was changed.

    ## Why it matters
    What is granted there holds for every project below, those made next year included. Such changes are few, and belong
    into code that somebody reviews.

    ## What to do
    Compare with the source. Undo what is not there, and ask why it was done by hand.

    ## Known false positives
    Emergencies. INFO for service accounts and named automation.

    ## Blind spots
    Folder and organization logs must be collected: project sinks do not see these entries.
    """
    if not entry.scope.startswith(("organizations/", "folders/")):
        return
    name = entry.raw_resource_name
    if name and not name.startswith(("organizations/", "folders/")):
        return
    severity = _by_whom(entry, context, Severity.MEDIUM)
    if severity is not None:
        yield _change(entry, display(entry.resource), severity)


@log_rule(
    "project-policy-changed",
    Severity.INFO,
    Category.THREAT,
    methods=(Method(CRM, "*SetIamPolicy"),),
    techniques=["T1098"],
    equivalents=["panther:GCP.Privileged.Operation", "falco:GCP IAM policy modified"],
)
def project_policy_changed(entry: LogEntry, context: Context) -> Iterator[Match]:
    """The policy of a project was changed by hand.

    ## Why it matters
    A line for the timeline; what was granted is judged by other rules.

    ## What to do
    Nothing, if it was planned.

    ## Known false positives
    All of them. It is INFO, and only for people.

    ## Blind spots
    None known.
    """
    if is_person(entry.caller) and not is_expected(entry.caller, context) and entry.resource_type == "project":
        yield _change(entry, display(entry.resource), Severity.INFO)


# What rules of their own tell of: containers, applications behind a proxy, services, pools, what can be copied whole.
_TOLD_ELSEWHERE: Final = re.compile(
    r"(?i)^(?:cloudresourcemanager|iap|run)\.|\.(?:disks|images|snapshots|machineImages|WorkloadIdentityPools)\."
)


@log_rule(
    "resource-policy-changed",
    Severity.INFO,
    Category.THREAT,
    methods=(Method("*", "*SetIamPolicy"),),
    techniques=["T1098"],
    equivalents=["panther:GCP.Privileged.Operation", "csa:2.20"],
)
def resource_policy_changed(entry: LogEntry, context: Context) -> Iterator[Match]:
    """The policy of a single resource (a secret, a key, a topic, an account) was changed by hand.

    ## Why it matters
    A line for the timeline; what was granted is judged by other rules. Who reviews projects does not see it.

    ## What to do
    Nothing, if it was planned.

    ## Known false positives
    All of them. It is INFO, and only for people.

    ## Blind spots
    Services that log no delta show the new policy, not what changed in it.
    """
    if not is_person(entry.caller) or is_expected(entry.caller, context):
        return
    if entry.scope.startswith(("organizations/", "folders/")) or _TOLD_ELSEWHERE.search(
        f"{entry.service}.{entry.method}"
    ):
        return
    yield _change(entry, display(entry.resource), Severity.INFO)


@log_rule(
    "bucket-policy-changed",
    Severity.LOW,
    Category.THREAT,
    methods=activity("storage.googleapis.com", "storage.setIamPermissions"),
    techniques=["T1222", "T1530"],
    equivalents=[
        "panther:GCP.GCS.IAMChanges",
        "panther:GCP.Privileged.Operation",
        "elastic:defense_evasion_gcp_storage_bucket_permissions_modified",
        "falco:GCP Bucket permissions modified",
        "cis:2.10",
    ],
)
def bucket_policy_changed(entry: LogEntry, context: Context) -> Iterator[Match]:
    """The policy of a bucket was changed.

    ## Why it matters
    Buckets hold what leaks. A change by hand often opens more than was meant.

    ## What to do
    Look at who can read it now. Public and outside members are reported by rules of their own.

    ## Known false positives
    Every planned change: INFO for service accounts and named automation.

    ## Blind spots
    Object ACLs, where uniform access is off.
    """
    severity = _by_whom(entry, context, Severity.LOW)
    if severity is not None:
        yield _change(entry, display(entry.resource), severity)


@log_rule(
    "run-policy-changed",
    Severity.LOW,
    Category.THREAT,
    methods=activity(_RUN, "google.cloud.run.v*.SetIamPolicy"),
    techniques=["T1098.003"],
    equivalents=[
        "panther:GCP.Cloud.Run.Set.IAM.Policy",
        "panther:GCP.Cloud.Run.Service.Created.WITH.Set.IAM.Policy",
        "scc:CLOUD_RUN_SERVICES_SET_IAM_POLICY",
    ],
)
def run_policy_changed(entry: LogEntry, context: Context) -> Iterator[Match]:
    """The policy of a Cloud Run service or job was changed.

    ## Why it matters
    Whoever may invoke it has it act as its service account; whoever may change it runs code as that account.

    ## What to do
    Look at who can invoke it now. The public is reported by `public-member`.

    ## Known false positives
    Deployments that set the invoker: INFO for service accounts and named automation.

    ## Blind spots
    The entry shows the new policy, not what changed in it.
    """
    if entry.permissions and not any(name.endswith(".setIamPolicy") for name in entry.granted_permissions):
        return
    severity = _by_whom(entry, context, Severity.LOW)
    if severity is not None:
        yield _change(entry, display(entry.resource), severity)


@log_rule(
    "image-shared",
    Severity.LOW,
    Category.THREAT,
    methods=activity(
        "compute.googleapis.com",
        *("*.compute.disks.setIamPolicy", "*.compute.regionDisks.setIamPolicy"),
        "*.compute.images.setIamPolicy",
        *("*.compute.snapshots.setIamPolicy", "*.compute.regionSnapshots.setIamPolicy"),
        *("*.compute.instantSnapshots.setIamPolicy", "*.compute.regionInstantSnapshots.setIamPolicy"),
        "*.compute.machineImages.setIamPolicy",
    ),
    techniques=["T1537"],
    equivalents=[
        "panther:GCP.Compute.IAM.Policy.Update",
        "panther:GCP.Privileged.Operation",
        "stratus:gcp.exfiltration.share-compute-disk",
        "stratus:gcp.exfiltration.share-compute-image",
        "stratus:gcp.exfiltration.share-compute-snapshot",
    ],
)
def image_shared(entry: LogEntry, context: Context) -> Iterator[Match]:
    """The policy of a disk, an image or a snapshot was changed.

    ## Why it matters
    Whoever may use a snapshot copies the whole disk into a project of their own, with every key and file on it. No data
    access is logged.

    ## What to do
    Look at the members. Remove those outside, and treat what was on the disk as known to them.

    ## Known false positives
    Golden images shared with the projects of the organization: INFO for named automation, LOW by hand.

    ## Blind spots
    The entry shows the new policy, not what changed in it.
    """
    outside = [grant for grant in entry.grants if is_outsider(grant.principal, context)]
    if outside:
        severity: Severity | None = Severity.HIGH
    else:
        severity = _by_whom(entry, context, Severity.LOW)
    if severity is not None:
        match = _change(entry, display(entry.resource), severity)
        yield replace(match, remediation=_unshared(outside, entry)) if outside else match


def _unshared(outside: list[Grant], entry: LogEntry) -> Remediation:
    steps = [RemoveBinding(entry.resource, grant.role, grant.member, grant.condition) for grant in outside]
    return remedy(
        f"Take {display(entry.resource)} away from those outside",
        *steps,
        risk="What they copied already stays with them.",
    )


@log_rule(
    "snapshot-by-outsider",
    Severity.HIGH,
    Category.THREAT,
    methods=activity(
        "compute.googleapis.com",
        *("*.compute.snapshots.insert", "*.compute.regionSnapshots.insert"),
        *("*.compute.disks.createSnapshot", "*.compute.regionDisks.createSnapshot"),
    ),
    techniques=["T1578.001", "T1537"],
    equivalents=["panther:GCP.Compute.Snapshot.UnexpectedDomain"],
)
def snapshot_by_outsider(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A snapshot of a disk was made by an account outside the organization.

    ## Why it matters
    It is how a disk is carried off: the copy is made in a project of theirs from a disk they were given the use of.

    ## What to do
    Remove their role on the disk, and treat what was on it as known to them.

    ## Known false positives
    Backup vendors: name their project in the settings (`trusted_projects`).

    ## Blind spots
    Without configured domains or an inventory of the organization only private accounts are known to be outside. Of any
    other person nobody can tell: their snapshots are INFO, and say so. Name your domains (`trusted_domains`).
    """
    outsider = is_outsider(entry.caller, context)
    if outsider is None and _is_account_of_a_person(entry.caller) and not is_expected(entry.caller, context):
        yield Match(
            subject=f"{entry.caller_key} {entry.raw_resource_name}",
            title=f"{entry.caller_name}, of whom nothing tells whether they are of this organization, made a snapshot",
            severity=Severity.INFO,
            confidence=Confidence.LOW,
            notes=("No trusted domain is configured.",),
        )
    elif outsider:
        yield Match(
            subject=f"{entry.caller_key} {entry.raw_resource_name}",
            title=f"{entry.caller_name}, who is not of this organization, made a snapshot of a disk",
            remediation=right_taken(_COPIES, _disk(entry), entry, context, "Unless they are meant to"),
        )


def _is_account_of_a_person(caller: Principal | None) -> bool:
    return caller is not None and caller.kind is PrincipalKind.USER


_COPIES: Final = "compute.disks.createSnapshot"


def _disk(entry: LogEntry) -> str:
    """The disk that was copied; '' where the entry names the snapshot alone."""
    names = (entry.resource, entry.request.text("sourceDisk"))
    return next((entry.named(name) for name in names if "/disks/" in name), "")


@log_rule(
    "key-granted-to-storage",
    Severity.LOW,
    Category.THREAT,
    methods=activity("cloudkms.googleapis.com", "*SetIamPolicy"),
    techniques=["T1486"],
    equivalents=["panther:GCP.KMS.EnableKey"],
)
def key_granted_to_storage(entry: LogEntry, context: Context) -> Iterator[Match]:
    """The storage agent of a project was given the use of an encryption key.

    ## Why it matters
    It is the first step of holding a bucket to ransom: objects are rewritten under a key of somebody else's, who then
    takes the key away. It is also how encryption with one's own keys is set up.

    ## What to do
    See that the key is yours and stays yours.

    ## Known false positives
    The set-up of customer-managed encryption: INFO for service accounts and named automation.

    ## Blind spots
    The rewriting itself is in the Data Access log of Cloud Storage.
    """
    for grant in entry.grants:
        if grant.principal.domain == "gs-project-accounts.iam.gserviceaccount.com" and not _only_looks(grant.role):
            expected = is_expected(entry.caller, context) or not (is_person(entry.caller) or entry.caller is None)
            yield Match(
                subject=f"{grant.role} {grant.principal.identity}",
                title=f"{grant.member} was given {grant.role} on {display(entry.resource)}",
                severity=Severity.INFO if expected else Severity.LOW,
                remediation=removal(grant, entry.resource),
            )


def _only_looks(role: str) -> bool:
    return role.lower().endswith("viewer")


@log_rule(
    "iap-access-granted",
    Severity.INFO,
    Category.THREAT,
    methods=activity("iap.googleapis.com", "google.cloud.iap.v*.IdentityAwareProxyAdminService.SetIamPolicy"),
    techniques=["T1484.002"],
    equivalents=["panther:GCP.User.Added.to.IAP.Protected.Service", "csa:2.40"],
)
def iap_access_granted(entry: LogEntry, context: Context) -> Iterator[Match]:
    """Somebody was let through Identity-Aware Proxy.

    ## Why it matters
    The proxy is all that stands before an inner application or a machine's SSH port.

    ## What to do
    Nothing, if it was planned. Outside members are reported by `external-member`.

    ## Known false positives
    Every new colleague. It is INFO.

    ## Blind spots
    The entry shows the new policy, not what changed in it.
    """
    severity = _by_whom(entry, context, Severity.INFO)
    if entry.grants and severity is not None:
        yield _change(entry, display(entry.resource), severity)


@log_rule(
    "tag-bound",
    Severity.INFO,
    Category.THREAT,
    methods=(*activity(CRM, "*TagBindings.CreateTagBinding"), *converted("*TagBindings.CreateTagBinding")),
    techniques=["T1548"],
    equivalents=["panther:GCP.Tag.Binding.Creation", "panther:GCP.Privilege.Escalation.Via.TagBinding.Group"],
)
def tag_bound(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A tag was bound to a resource.

    ## Why it matters
    Conditions of grants and deny policies ask for tags. Whoever may bind one can switch such a grant on, or step out of
    a deny policy, without touching a policy.

    ## What to do
    See whether conditions of the organization ask for the tag.

    ## Known false positives
    Tags for billing and firewalls. INFO; not reported for named automation.

    ## Blind spots
    Which conditions ask for the tag is not in the entry.
    """
    if is_second_half(entry):
        return
    if is_expected(entry.caller, context):
        return
    parent = entry.request.text("tagBinding.parent") or entry.raw_resource_name
    value = entry.request.text("tagBinding.tagValue") or entry.request.text("tagBinding.tagValueNamespacedName")
    yield Match(
        subject=f"{value} {parent}".strip(),
        title=f"{entry.caller_name} bound tag {value or 'value'} to {display(parent)}",
        remediation=_unbound(value, parent),
    )


def _unbound(value: str, parent: str) -> Remediation | None:
    if not value or not parent.startswith("//"):
        return None
    names = (f"--tag-value={value}", f"--parent={parent}")
    tags = ("gcloud", "resource-manager", "tags", "bindings")
    return remedy("Unless it was planned: take the tag off", Run((*tags, "delete", *names), (*tags, "create", *names)))


RULES = (
    hierarchy_policy_changed,
    project_policy_changed,
    resource_policy_changed,
    bucket_policy_changed,
    run_policy_changed,
    image_shared,
    snapshot_by_outsider,
    key_granted_to_storage,
    iap_access_granted,
    tag_bound,
)
