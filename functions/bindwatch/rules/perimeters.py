"""Rules for VPC Service Controls, for services that keep watch, and for calls that ran into a perimeter."""

from collections.abc import Iterator
from typing import Final

from bindwatch.model.change import EnableService, remedy
from bindwatch.model.finding import Category, Severity
from bindwatch.model.log_entry import LogEntry
from bindwatch.model.update_mask import mask_of
from bindwatch.rule import ANY_METHOD, Context, Match, Outcome, log_rule
from bindwatch.rules.methods import activity
from bindwatch.rules.weight import is_second_half, weighed

_ACCESS: Final = "accesscontextmanager.googleapis.com"
_MANAGER: Final = "google.identity.accesscontextmanager.v1*.AccessContextManager."


@log_rule(
    "access-perimeter-weakened",
    Severity.MEDIUM,
    Category.THREAT,
    methods=activity(
        _ACCESS,
        *(
            _MANAGER + verb
            for verb in (
                "DeleteAccessPolicy",
                "DeleteServicePerimeter",
                "DeleteAccessLevel",
                "DeleteGcpUserAccessBinding",
                "DeleteAuthorizedOrgsDesc",
                "UpdateServicePerimeter",
                "UpdateAccessLevel",
                "ReplaceServicePerimeters",
                "ReplaceAccessLevels",
                "UpdateAccessPolicy",
            )
        ),
    ),
    techniques=["T1098", "T1562"],
    equivalents=["sigma:gcp_access_policy_deleted", "scc:DEFENSE_EVASION_MODIFY_VPC_SERVICE_CONTROL"],
)
def access_perimeter_weakened(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A service perimeter, access level or access policy was deleted or changed.

    ## Why it matters
    A perimeter stops data from leaving with a stolen token. What is taken out of it, or may come in through a wider
    level, is guarded by IAM alone from then on.

    ## What to do
    Compare the perimeter with the one in code: projects that left, services no longer restricted, ingress rules that
    take any identity.

    ## Known false positives
    Perimeters grow with every new project. Name the automation in the settings; a change that only adds weighs less.

    ## Blind spots
    The entry shows the perimeter after the change; what was removed is told by comparing it with the one before.
    """
    if is_second_half(entry):
        return
    verb = entry.method.rpartition(".")[2]
    name = entry.request.text("servicePerimeter.name") or entry.request.text("name") or entry.raw_resource_name
    if verb.startswith("Delete"):
        severity = Severity.HIGH if verb in ("DeleteAccessPolicy", "DeleteServicePerimeter") else Severity.MEDIUM
        what = "was deleted"
    else:
        severity, what = _update(entry)
    yield Match(
        subject=f"{name.rpartition('/')[2] or verb}: {what}",
        title=f"{name or verb} {what} by {entry.caller_name}",
        severity=weighed(severity, entry, context),
    )


def _update(entry: LogEntry) -> tuple[Severity, str]:
    perimeter = entry.request.document("servicePerimeter")
    for part in ("status", "spec"):
        for policy in perimeter.documents(f"{part}.ingressPolicies"):
            identity = policy.text("ingressFrom.identityType")
            anywhere = any(item.text("accessLevel") == "*" for item in policy.documents("ingressFrom.sources"))
            if identity in ("ANY_IDENTITY", "ANY_USER_ACCOUNT", "ANY_SERVICE_ACCOUNT") and anywhere:
                return Severity.HIGH, "now lets any identity in from anywhere"
    restricted = "status.restrictedServices"
    is_bridge = perimeter.text("perimeterType") == "PERIMETER_TYPE_BRIDGE"  # restricts none by itself
    if perimeter and mask_of(entry.request).names(restricted) and not perimeter.texts(restricted) and not is_bridge:
        return Severity.HIGH, "no longer restricts any service"
    return Severity.LOW, "was changed"


@log_rule(
    "perimeter-violation",
    Severity.LOW,
    Category.THREAT,
    methods=(ANY_METHOD,),
    outcome=Outcome.FAILED,
    techniques=["T1078.004", "T1537"],
    equivalents=["panther:GCP.Access.Attempts.Violating.VPC.Service.Controls", "csa:1.10"],
)
def perimeter_violation(entry: LogEntry, _context: Context) -> Iterator[Match]:
    """A service perimeter refused a call.

    ## Why it matters
    The caller had the permission and came from where it may not: a token that was taken along, or a workload that
    nobody told the perimeter about.

    ## What to do
    Give the identifier of the violation to the troubleshooter of VPC Service Controls. Where the caller is known, add
    an ingress rule for that identity and that service; where not, revoke what it holds.

    ## Known false positives
    New pipelines and people working from home. Dry-run violations are left out.

    ## Blind spots
    The caller is often redacted. Policy Denied entries can be excluded from the logs.
    """
    if not any(item.text("type") == "VPC_SERVICE_CONTROLS" for item in entry.violations):
        return
    if entry.metadata.flag("dryRun"):
        return
    perimeter = entry.metadata.text("securityPolicyInfo.servicePerimeterName").rpartition("/")[2]
    reason = entry.metadata.text("violationReason")
    yield Match(
        subject=f"{entry.caller_key} at {perimeter or 'a perimeter'}: {entry.service}",
        title=f"The perimeter {perimeter or 'of the project'} refused {entry.method} to {entry.caller_name}",
        notes=(f"Reason: {reason}",) if reason else (),
    )


def _is_of_access_levels(entry: LogEntry, _context: Context) -> bool:
    return entry.service == "contextawareaccess.googleapis.com"


@log_rule(
    "access-level-not-met",
    Severity.LOW,
    Category.THREAT,
    methods=(ANY_METHOD,),
    outcome=Outcome.FAILED,
    guard=_is_of_access_levels,
    techniques=["T1078.004"],
)
def access_level_not_met(entry: LogEntry, context: Context) -> Iterator[Match]:
    """Somebody signed in from where, or with what, context-aware access lets nobody into Google Cloud.

    ## Why it matters
    The password and the second factor were right: only the access level stood in the way. It is what a stolen session
    looks like from another device, and how a colleague with a new laptop is locked out.

    ## What to do
    Ask the person. If it was not them, sign the account out everywhere and change its password. If it was, the entry
    names the levels that were not met.

    ## Known false positives
    New and unmanaged devices, travel: hence LOW.

    ## Blind spots
    Written to the Policy Denied log of the organization, for consoles and APIs that an access level is bound to.
    """
    unmet = entry.metadata.texts("unsatisfiedAccessLevels")
    barred = [item.text("name") for item in entry.metadata.documents("deniedApplications")]
    state = entry.metadata.text("deviceState")
    yield Match(
        subject=f"{entry.caller_key} from {entry.caller_ip or 'an unknown address'}",
        title=f"{entry.caller_name} was kept out of {', '.join(barred) or 'Google Cloud'} by an access level",
        severity=weighed(Severity.LOW, entry, context),
        notes=(
            *((f"Not met: {', '.join(unmet)}.",) if unmet else ()),
            *((f"The state of the device: {state}.",) if state else ()),
        ),
    )


_WATCHING_SERVICES: Final = frozenset(
    {
        "cloudasset.googleapis.com",
        "cloudaudit.googleapis.com",
        "container.googleapis.com",
        "containersecurity.googleapis.com",
        "iam.googleapis.com",
        "iamcredentials.googleapis.com",
        "logging.googleapis.com",
        "monitoring.googleapis.com",
        "orgpolicy.googleapis.com",
        "policyanalyzer.googleapis.com",
        "pubsub.googleapis.com",
        "securitycenter.googleapis.com",
        "sts.googleapis.com",
        "websecurityscanner.googleapis.com",
    }
)


@log_rule(
    "api-disabled",
    Severity.INFO,
    Category.THREAT,
    methods=activity("serviceusage.googleapis.com", "google.api.serviceusage.v1*.ServiceUsage.DisableService"),
    techniques=["T1562.001"],
    equivalents=["scc:SERVICE_API_DISABLED"],
)
def api_disabled(entry: LogEntry, context: Context) -> Iterator[Match]:
    """An API was disabled in a project.

    ## Why it matters
    Without the IAM Credentials or STS API no workload gets its identity; without logging, Pub/Sub or Asset Inventory
    nobody watches the project.

    ## What to do
    Enable it again. Resources of the API are there still, unless its dependents were disabled with it.

    ## Known false positives
    Tidying APIs that nobody uses: only those that carry identities or keep watch weigh more than INFO.

    ## Blind spots
    An API that is off by an organization policy shows elsewhere.
    """
    if is_second_half(entry):
        return
    service = (entry.request.text("name") or entry.raw_resource_name).rpartition("/")[2]
    severity = Severity.MEDIUM if service in _WATCHING_SERVICES else Severity.INFO
    yield Match(
        subject=f"{service} in {entry.project}",
        title=f"{service} was disabled in {entry.project} by {entry.caller_name}",
        severity=weighed(severity, entry, context),
        remediation=remedy("Enable it again", EnableService(entry.project, service)) if entry.project else None,
    )


@log_rule(
    "security-service-disabled",
    Severity.HIGH,
    Category.THREAT,
    methods=(
        *activity(
            "securitycenter.googleapis.com",
            "google.cloud.securitycenter.settings.*Update*",
            "google.cloud.securitycenter.*.Update*Service*",
            "google.cloud.securitycenter.*.Update*Settings*",
            "google.cloud.securitycenter.*.UpdateSecurityCenterService",
        ),
        *activity("securitycentermanagement.googleapis.com", "*.SecurityCenterManagement.UpdateSecurityCenterService"),
    ),
    techniques=["T1562.001"],
    equivalents=["secops:gcp_security_command_center_service_disabled"],
)
def security_service_disabled(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A service of Security Command Center was disabled.

    ## Why it matters
    What it found, nobody finds any more.

    ## What to do
    Enable the service again at the organization, so that a project cannot switch it off.

    ## Known false positives
    A change of tier or of the licence.

    ## Blind spots
    Findings can also be muted, which is another method.
    """
    disabled = [text for text in entry.request.walk_texts() if text in ("DISABLED", "DISABLE")]
    if not disabled:
        return
    name = entry.request.text("securityCenterService.name") or entry.raw_resource_name
    yield Match(
        subject=f"{name.rpartition('/')[2] or 'Security Command Center'}",
        title=f"{name or 'A service of Security Command Center'} was disabled by {entry.caller_name}",
        severity=weighed(Severity.HIGH, entry, context),
    )


RULES: Final = (
    access_perimeter_weakened,
    perimeter_violation,
    access_level_not_met,
    api_disabled,
    security_service_disabled,
)
