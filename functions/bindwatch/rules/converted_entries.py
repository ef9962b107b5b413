"""A rule for entries that were converted or cut short: without API or method, or with a permission for a method."""

from collections.abc import Iterator
from typing import Final

from bindwatch.knowledge.escalation import dangerous_permissions
from bindwatch.model.finding import Category, Confidence, Severity
from bindwatch.model.log_entry import LogEntry
from bindwatch.rule import Context, Match, log_rule
from bindwatch.rules.attachments import RUNS_CODE
from bindwatch.rules.callers import is_expected, is_outsider, is_person
from bindwatch.rules.methods import METHODLESS, converted

_LEADS_UP: Final = {permission.lower(): permission for permission in dangerous_permissions()}
# Of organization policies and API keys other tools name permissions that lead to no identity.
_ALSO: Final = ("orgpolicy.policy.set", "serviceusage.apikeys.create", "serviceusage.apikeys.list")
_DEPLOYS: Final = frozenset(permission.lower() for permission in RUNS_CODE)


@log_rule(
    "privileged-call-converted",
    Severity.LOW,
    Category.THREAT,
    methods=(*converted("*"), *METHODLESS),
    techniques=["T1548"],
    equivalents=[  # those of theirs that ask for a permission, whatever the method
        "panther:GCP.Privileged.Operation",
        "panther:GCP.iam.roles.update.Privilege.Escalation",
        "panther:GCP.iam.serviceAccountKeys.create",
        "panther:GCP.IAM.serviceAccounts.getAccessToken.Privilege.Escalation",
        "panther:GCP.IAM.serviceAccounts.signBlob",
        "panther:GCP.IAM.serviceAccounts.signJwt.Privilege.Escalation",
        "panther:GCP.Storage.Hmac.Keys.Create",
        "panther:GCP.serviceusage.apiKeys.create.Privilege.Escalation",
        "panther:GCP.CloudBuild.Potential.Privilege.Escalation",
        "panther:GCP.Cloudfunctions.Functions.Create",
        "panther:GCP.Cloudfunctions.Functions.Update",
        "panther:GCP.Privilege.Escalation.By.Deployments.Create",
    ],
)
def privileged_call_converted(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A call with which one identity becomes another stands in a log that lost the name of its API or method.

    ## Why it matters
    Other rules know calls by API and method. Tools that bring logs into a form of their own drop the one, and write the
    permission where the other belongs; what leads to more must not pass for that.

    ## What to do
    Read the entry where it came from, and give bindwatch the entries as Cloud Logging wrote them.

    ## Known false positives
    What the rules for the call itself would leave out: hence LOW, and INFO for named automation. Service accounts that
    deploy are not reported.

    ## Blind spots
    Of such an entry neither the resource nor what was changed can be relied on.
    """
    method = entry.method.lower()
    held = {text.lower() for text in entry.granted_permissions}
    if entry.permissions and not held:
        return  # it says that nothing was granted
    used = sorted({method, *held} & {*_LEADS_UP, *_ALSO})
    if not used and not method.endswith(("setiampolicy", "setiampermissions")):
        return
    caller = entry.caller
    deploys = bool(used) and _DEPLOYS.issuperset(used)
    if deploys and caller is not None and not is_person(caller) and not is_outsider(caller, context):
        return  # a pipeline does its work
    what = _LEADS_UP.get(used[0], used[0]) if used else entry.method
    yield Match(
        subject=f"{entry.caller_key} {what}",
        title=f"{entry.caller_name} used {what}, in an entry without its {'API' if method else 'method'}",
        severity=Severity.INFO if is_expected(caller, context) else Severity.LOW,
        confidence=Confidence.LOW,
    )


RULES: Final = (privileged_call_converted,)
