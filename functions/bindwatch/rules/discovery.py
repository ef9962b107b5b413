"""Rules for reconnaissance: who looks around with the tools and questions of an intruder."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from bindwatch.model.finding import Category, Confidence, Severity
from bindwatch.model.log_entry import LogEntry
from bindwatch.model.principal import PrincipalKind
from bindwatch.rule import ANY_METHOD, Context, Match, Outcome, log_rule
from bindwatch.rules.callers import is_person
from bindwatch.rules.methods import CRM, IAM, LOGGING, activity, converted, data_access
from bindwatch.rules.responses import caller_stopped
from bindwatch.rules.weight import is_routine, weighed

# What these say of themselves in the user agent. They can be told not to: a hit is certain, silence says nothing.
# In lower case, and plain words: looking for each costs a tenth of one pattern of them all, on each new user agent.
_TOOLS: Final = (
    "scoutsuite",
    "scout suite",
    "gcpscanner",
    "gcp-scanner",
    "gcp_scanner",
    "gcp scanner",
    "gcploit",
    "purplepanda",
    "stratus-red-team",
    "cloudfox",
    "gato-x",
    "pacu/",
    "peirates",
    "gcpbucketbrute",
    "hayat",
    "trufflehog",
    "nuclei",
    "sqlmap",
    "nikto",
    "masscan",
    "zgrab",
    "prowler/",
    "cartography/",
    "kubehound",
    "kdigger",
)
_DISTRIBUTIONS: Final = ("kali", "parrot", "pentoo", "blackarch", "backbox")
_DISTRIBUTION: Final = re.compile(rf"(?<![a-z])(?:{'|'.join(_DISTRIBUTIONS)})(?![a-z])")


def _names_tool(entry: LogEntry, _context: Context) -> bool:
    return _tool(entry.user_agent) != ""


@log_rule(
    "offensive-tool-used",
    Severity.MEDIUM,
    Category.THREAT,
    methods=(ANY_METHOD,),
    outcome=Outcome.ANY,
    guard=_names_tool,
    techniques=["T1580", "T1087.004"],
    equivalents=["scc:INFORMATION_GATHERING_TOOL_USED", "scc:OFFENSIVE_SECURITY_DISTRO_ACTIVITY"],
)
def offensive_tool_used(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A call was made with a known attack or reconnaissance tool, or from a distribution made for it.

    ## Why it matters
    Such tools list everything a credential reaches before it is used.

    ## What to do
    Ask the caller. Where nobody ran it, disable the account or key the finding names.

    ## Known false positives
    Your own security team: name its accounts as automation in the settings.

    ## Blind spots
    A user agent is what the caller says it is.
    """
    if tool := _tool(entry.user_agent):
        yield _tool_match(entry, context, tool)


def _tool(agent: str) -> str:
    if " invocation-id/" in agent:
        head, _, tail = agent.partition(" invocation-id/")
        call, _, rest = tail.partition(" ")
        if len(call) == 32 and call.isalnum():  # gcloud makes one up for each call: without it, its agents repeat
            agent = f"{head} {rest}"
    return _tool_of(agent)


@lru_cache(maxsize=8192)
def _tool_of(agent: str) -> str:
    said = agent.lower()
    named = [(said.index(tool), tool) for tool in _TOOLS if tool in said]
    if named:
        return min(named)[1].strip("/ ")
    if not any(name in said for name in _DISTRIBUTIONS):
        return ""
    found = _DISTRIBUTION.search(said)
    return found[0] if found else ""


def _tool_match(entry: LogEntry, context: Context, tool: str) -> Match:
    return Match(
        subject=f"{entry.caller_key} with {tool}",
        title=f"{entry.caller_name} called with {tool} from {entry.caller_ip or 'an unknown address'}",
        resource_name=f"//cloudresourcemanager.googleapis.com/{entry.scope}",
        severity=weighed(Severity.MEDIUM, entry, context),
    )


@log_rule(
    "attack-function-deployed",
    Severity.HIGH,
    Category.THREAT,
    methods=activity("cloudfunctions.googleapis.com", "*CreateFunction"),
    techniques=["T1548", "T1578.002"],
    equivalents=["splunk:gcp_detect_gcploit_framework"],
)
def attack_function_deployed(entry: LogEntry, _context: Context) -> Iterator[Match]:
    """A function was deployed the way a known attack framework deploys it.

    ## Why it matters
    The framework starts a function as each service account it may act as, and lets it print its token.

    ## What to do
    Delete the function, and look at what its service account did since.

    ## Known false positives
    A function that happens to have the same odd timeout of 539 seconds.

    ## Blind spots
    The framework can be changed in one line.
    """
    function = entry.request.document("function")
    timeout = (function.text("timeout") or function.text("serviceConfig.timeoutSeconds")).removesuffix("s")
    if timeout != "539":
        return
    name = (function.text("name") or entry.raw_resource_name).rpartition("/")[2]
    account = function.text("serviceAccountEmail") or function.text("serviceConfig.serviceAccountEmail")
    yield Match(
        subject=f"function {name}",
        title=f"The function {name} was deployed the way gcploit does" + (f", as {account}" if account else ""),
        confidence=Confidence.MEDIUM,
    )


@log_rule(
    "service-account-asked-about-itself",
    Severity.MEDIUM,
    Category.THREAT,
    methods=(
        *data_access(
            IAM, "google.iam.admin.v1.GetIAMPolicy", "google.iam.admin.v1.GetIamPolicy", log_type="ADMIN_READ"
        ),
        *data_access(IAM, "google.iam.admin.v1.ListServiceAccountKeys", log_type="ADMIN_READ"),
        *data_access(IAM, "google.iam.admin.v1.GetServiceAccount", log_type="ADMIN_READ"),
    ),
    outcome=Outcome.ANY,
    techniques=["T1087.004", "T1069.003"],
    equivalents=[
        "scc:SERVICE_ACCOUNT_SELF_INVESTIGATION",
        "scc:AGENT_ENGINE_IAM_ANOMALOUS_BEHAVIOR_SERVICE_ACCOUNT_GETS_OWN_IAM_POLICY",
    ],
)
def service_account_asked_about_itself(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A service account read its own policy or keys.

    ## Why it matters
    A program knows what it is for. Whoever has just come into its token does not, and asks.

    ## What to do
    Look at where the calls come from, and whether the address and user agent are those of the workload.

    ## Known false positives
    Terraform reads what it manages, itself included: name it in the settings.

    ## Blind spots
    Data Access logs (ADMIN_READ) of iam.googleapis.com must be on.
    """
    caller = entry.caller
    if caller is None or caller.kind is not PrincipalKind.SERVICE_ACCOUNT or caller.email.lower() != entry.target:
        return
    if is_routine(entry, context) or "terraform" in entry.user_agent.lower():
        return
    looks = entry.method.endswith("GetServiceAccount")
    yield Match(
        subject=f"{caller.email}",
        title=f"{caller.email} asked about itself: {entry.method.rpartition('.')[2]}",
        severity=Severity.INFO if looks else Severity.MEDIUM,
        remediation=caller_stopped(entry, "If nobody answers for the call"),
    )


_TAG_READS: Final = ("*ListTagKeys", "*ListTagValues", "*ListTagBindings", "*ListEffectiveTags")


@log_rule(
    "tags-listed",
    Severity.INFO,
    Category.THREAT,
    methods=(
        *data_access(CRM, *_TAG_READS, "*GetIamPolicy", log_type="ADMIN_READ"),
        *converted(*_TAG_READS, "*GetIamPolicy"),
    ),
    techniques=["T1069.003", "T1580"],
    equivalents=["panther:GCP.IAM.Tag.Enumeration"],
)
def tags_listed(entry: LogEntry, context: Context) -> Iterator[Match]:
    """Somebody listed the tags of resources, or read the policy whose conditions ask for them.

    ## Why it matters
    Conditions of grants and deny policies ask for tags. Who looks for one to bind asks first which there are; the
    binding, and what follows, are told by `tag-bound` and `tag-bound-then-used`.

    ## What to do
    Nothing by itself: a line for the timeline.

    ## Known false positives
    The console lists tags and reads policies on many pages. It is INFO; automation and service agents are left out, and
    of who reads a policy all but people.

    ## Blind spots
    Data Access logs (ADMIN_READ) of Resource Manager must be on.
    """
    reads_policy = entry.method.endswith("GetIamPolicy")
    if is_routine(entry, context) or (reads_policy and not is_person(entry.caller)):
        return
    what = "read a policy" if reads_policy else "listed tags"
    yield Match(
        subject=entry.caller_key,
        title=f"{entry.caller_name} {what} ({entry.method.rpartition('.')[2]})",
        confidence=Confidence.LOW,
    )


@log_rule(
    "service-account-refused-elsewhere",
    Severity.LOW,
    Category.THREAT,
    methods=(ANY_METHOD,),
    outcome=Outcome.FAILED,
    techniques=["T1580"],
    equivalents=[
        "scc:UNAUTHORIZED_SERVICE_ACCOUNT_API_CALL",
        "scc:AGENT_ENGINE_UNAUTHORIZED_SERVICE_ACCOUNT_API_CALL",
        "panther:GCP.Service.Account.Access.Denied",
    ],
)
def service_account_refused_elsewhere(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A service account was refused in a project it does not belong to.

    ## Why it matters
    Trying a stolen token on one project after the other is how an intruder finds out what it opens.

    ## What to do
    Look at the other calls of the account; many projects in a short time are an intruder.

    ## Known false positives
    A missing grant after a deployment: hence LOW.

    ## Blind spots
    Default service accounts carry a project number, which the entry does not tie to a project.
    """
    caller = entry.caller
    if not entry.denied or caller is None or not caller.is_user_managed_service_account:
        return
    home, here = caller.project, entry.resource_labels.get("project_id", "")
    if not home or not here or here == home or here.isdigit() or is_routine(entry, context):
        return
    yield Match(
        subject=f"{caller.email} in {here}",
        title=f"{caller.email} was refused {entry.method.rpartition('.')[2]} in {here}",
        remediation=caller_stopped(entry, "If nobody answers for the call"),
        resource_name=f"//cloudresourcemanager.googleapis.com/projects/{here}",
    )


@log_rule(
    "identity-change-refused",
    Severity.LOW,
    Category.THREAT,
    methods=(
        *activity(IAM, "google.iam.*"),
        *activity(CRM, "*SetIamPolicy", "InsertProjectOwnershipInvite", "*MoveProject", "*DeleteProject"),
        *activity("orgpolicy.googleapis.com", "google.cloud.orgpolicy.v2.OrgPolicy.*"),
        *activity(LOGGING, "google.logging.v2.ConfigServiceV2.*"),
    ),
    outcome=Outcome.FAILED,
    techniques=["T1098", "T1580"],
    equivalents=["panther:GCP.Service.Account.Access.Denied"],
)
def identity_change_refused(entry: LogEntry, context: Context) -> Iterator[Match]:
    """Somebody was refused a change of identities, policies or logs.

    ## Why it matters
    Who tries to create keys, grant roles or delete sinks without the right to is finding out what they can do.

    ## What to do
    Ask the caller. Many refusals in a short time are weighed by the window rules.

    ## Known false positives
    A pipeline that lacks a permission: hence LOW.

    ## Blind spots
    Refused reads of users do not name the caller.
    """
    if not entry.denied or is_routine(entry, context) or entry.log == "data_access":
        return
    missing = ", ".join(entry.missing_permissions) or entry.method.rpartition(".")[2]
    yield Match(
        subject=f"{entry.caller_key}: {missing}",
        title=f"{entry.caller_name} was refused {missing}",
    )


RULES: Final = (
    offensive_tool_used,
    attack_function_deployed,
    service_account_asked_about_itself,
    tags_listed,
    service_account_refused_elsewhere,
    identity_change_refused,
)
