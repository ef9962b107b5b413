"""Rules on borrowed identities: a service account attached to something that runs its holder's code."""

from collections.abc import Iterator
from typing import Final

from bindwatch.model.finding import Category, Severity
from bindwatch.model.log_entry import LogEntry
from bindwatch.model.principal import Principal, parse_email
from bindwatch.model.resource import service_account_name
from bindwatch.rule import Context, Match, log_rule
from bindwatch.rules.callers import is_outsider, is_person, project_of_caller, same_project, weight_of_caller
from bindwatch.rules.methods import DEPLOYMENTS, IAM, activity
from bindwatch.rules.responses import credential_misused, right_taken
from bindwatch.rules.standing import reach_of_account
from bindwatch.rules.weight import is_routine

ACT_AS: Final = "iam.serviceAccounts.actAs"
RUNS_CODE: Final = frozenset(
    {
        ACT_AS,
        "compute.instances.create",
        "compute.instances.setServiceAccount",
        "compute.instanceTemplates.create",
        "cloudfunctions.functions.create",
        "cloudfunctions.functions.update",
        "run.services.create",
        "run.services.update",
        "run.jobs.create",
        "run.jobs.update",
        "run.workerpools.create",
        "run.workerpools.update",
        "cloudbuild.builds.create",
        "cloudbuild.builds.update",
        "deploymentmanager.deployments.create",
        "datafusion.instances.create",
    }
)
_SETS_ACCOUNT: Final = "compute.instances.setServiceAccount"
# Where each API puts the account in its request.
_ACCOUNT_AT: Final = (
    "serviceAccountEmail",
    "email",
    "function.serviceAccountEmail",
    "function.serviceConfig.serviceAccountEmail",
    "service.spec.template.spec.serviceAccountName",
    "service.template.serviceAccount",
    "job.template.template.serviceAccount",
    "job.spec.template.spec.template.spec.serviceAccountName",
    "workerPool.template.serviceAccount",
    "workerPool.spec.template.spec.serviceAccountName",
    "build.serviceAccount",
    "trigger.serviceAccount",
    "instance.dataprocServiceAccount",
)


def attached_account(entry: LogEntry) -> str:
    """The e-mail of the service account that will run the code; '' where the default one will, or nothing tells."""
    request = entry.request
    if entry.service == IAM:
        return (request.text("name").rpartition("/")[2] or entry.target).lower()
    for item in (
        *request.documents("serviceAccounts"),
        *request.documents("properties.serviceAccounts"),
        *request.documents("instanceProperties.serviceAccounts"),
    ):
        if email := item.text("email"):
            return email.lower()
    found = (request.text(path).rpartition("/")[2] for path in _ACCOUNT_AT)
    return next((email.lower() for email in found if "@" in email), "")


@log_rule(
    "service-account-attached",
    Severity.LOW,
    Category.THREAT,
    methods=(
        *activity(IAM, ACT_AS),
        *activity(
            "compute.googleapis.com",
            "*.compute.instances.insert",
            "*.compute.instances.bulkInsert",
            "*.compute.regionInstances.bulkInsert",
            "*.compute.instances.setServiceAccount",
            "*.compute.instanceTemplates.insert",
            "*.compute.regionInstanceTemplates.insert",
        ),
        *activity(
            "cloudfunctions.googleapis.com",
            "google.cloud.functions.v*.CreateFunction",
            "google.cloud.functions.v*.UpdateFunction",
        ),
        *activity(
            "run.googleapis.com",
            "google.cloud.run.v*.Services.CreateService",
            "google.cloud.run.v*.Services.ReplaceService",
            "google.cloud.run.v*.Services.UpdateService",
            "google.cloud.run.v*.Jobs.CreateJob",
            "google.cloud.run.v*.Jobs.ReplaceJob",
            "google.cloud.run.v*.Jobs.UpdateJob",
            "google.cloud.run.v*.WorkerPools.CreateWorkerPool",
            "google.cloud.run.v*.WorkerPools.ReplaceWorkerPool",
            "google.cloud.run.v*.WorkerPools.UpdateWorkerPool",
        ),
        *activity(
            "cloudbuild.googleapis.com",
            "google.devtools.cloudbuild.v*.CloudBuild.CreateBuild*",
            "google.devtools.cloudbuild.v*.CloudBuild.UpdateBuildTrigger",
        ),
        *DEPLOYMENTS,
        *activity("datafusion.googleapis.com", "google.cloud.datafusion.v*.DataFusion.CreateInstance"),
    ),
    techniques=["T1548.005", "T1578.002"],
    equivalents=[
        "panther:GCP.compute.instances.create.Privilege.Escalation",
        "panther:GCP.Cloudfunctions.Functions.Create",
        "panther:GCP.Cloudfunctions.Functions.Update",
        "panther:GCP.Cloud.Run.Service.Created",
        "panther:GCP.CloudBuild.Potential.Privilege.Escalation",
        "panther:GCP.Privilege.Escalation.By.Deployments.Create",
        "scc:SUSPICIOUS_CROSS_PROJECT_PERMISSION_DATAFUSION",
        "falco:GCP VM modified",
        "splunk:gcp_detect_gcploit_framework",
        "splunk:gcp_detect_high_risk_permissions",
    ],
)
def service_account_attached(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A service account was attached to something that runs code for whoever attached it.

    ## Why it matters
    Whoever may attach an account and choose the code that runs with it has the account, without ever minting a token.
    One record of IAM (`actAs`) shows it for every service; where a service does not write it, its own entry does.

    ## What to do
    See whether the caller is entitled to be that account. If not: delete the resource, remove
    `iam.serviceAccounts.actAs` from the caller, and read what the account did since.

    ## Known false positives
    Every deployment. Service accounts that deploy are reported only where they attach one that can take over more, in
    another project; people are LOW.

    ## Blind spots
    Where the default account is used the entry may not name it. Not every service writes the actAs record; it has no
    caller address. An entry of another service that lists no permission is the end of a long call, or was cut short: it
    is not judged.
    """
    checked = [check for check in entry.permissions if check.permission in RUNS_CODE]
    if not checked and (entry.permissions or entry.service != IAM):
        return
    if not all(check.granted for check in checked):
        return
    if not _attaches(entry):
        return
    caller = entry.caller
    severity, why = weight_of_caller(entry, context)
    if is_routine(entry, context) or (severity is Severity.INFO and context.inventory is None):
        return  # most deployments: nothing that the request says could make them more
    if entry.answered_with_error:
        return
    email = attached_account(entry)
    reach = reach_of_account(email, context)
    account = parse_email(email)
    if caller is not None and caller.email == email:
        return
    if severity is Severity.INFO and not (reach and same_project(*_homes(caller, account, context), context) is False):
        return
    if reach and (is_person(caller) or caller is None or caller.is_default_service_account):
        severity = max(severity, Severity.MEDIUM)
    if caller is not None and is_outsider(caller, context):
        severity = Severity.HIGH
    notes = [f"{why[0].upper()}{why[1:]}."]
    if reach:
        notes.append(f"{email} holds {', '.join(reach)}.")
    if account is not None and account.is_default_service_account:
        notes.append("It is a default service account, which every workload of its project shares.")
    yield Match(
        subject=f"{entry.caller_key} runs code as {email or 'an account the entry does not name'}",
        title=f"{entry.caller_name} runs code as {email or 'a service account that the entry does not name'}",
        resource_name=service_account_name(email, entry.project) if email else "",
        severity=severity,
        notes=tuple(notes),
        remediation=credential_misused(email, ACT_AS, entry, context)
        if email
        else right_taken(ACT_AS, "", entry, context, "If nobody answers for the call"),
    )


def _attaches(entry: LogEntry) -> bool:
    """Whether a machine was made with an account: Compute Engine asks for that by a permission of its own.

    It refuses the whole call where it refuses one of its checks.
    """
    if not entry.method.endswith((".instances.insert", "nstances.bulkInsert")) or not entry.permissions:
        return True
    return _SETS_ACCOUNT in entry.granted_permissions and all(check.granted for check in entry.permissions)


def _homes(caller: Principal | None, account: Principal | None, context: Context) -> tuple[str, str]:
    left, right = (project_of_caller(one, context) if one is not None else "" for one in (caller, account))
    return left, right


RULES = (service_account_attached,)
