"""Rules on long-lived credentials: keys of service accounts and HMAC keys."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bindwatch.model.change import DeleteServiceAccountKey, Run, SetServiceAccountKeyEnabled, remedy
from bindwatch.model.finding import Category, Remediation, Severity, State
from bindwatch.model.log_entry import LogEntry
from bindwatch.model.resource import service_account_name
from bindwatch.rule import Context, Match, log_rule
from bindwatch.rules.callers import is_expected, is_outsider, is_person
from bindwatch.rules.methods import DEPLOYMENTS, IAM, activity
from bindwatch.rules.standing import reach_of_account

_KEY_METHODS: Final = activity(
    IAM,
    "google.iam.admin.v1.CreateServiceAccountKey",
    "google.iam.admin.v1.UploadServiceAccountKey",
    "google.iam.admin.v1.DeleteServiceAccountKey",
)
_NEVER: Final = 253_402_300_799
_LONG: Final = 400 * 24 * 3600


@dataclass(frozen=True, slots=True)
class _Key:
    email: str
    key_id: str
    project: str
    resource: str


def _key_of(entry: LogEntry) -> _Key:
    name = entry.response.text("name") or entry.request.text("name") or entry.raw_resource_name
    head, found, key_id = name.partition("/keys/")
    email = entry.target or (head if found else name).rpartition("/")[2]
    account = service_account_name(email, entry.project) if "@" in email else entry.resource
    return _Key(email, key_id, entry.project, account)


@log_rule(
    "user-managed-key",
    Severity.MEDIUM,
    Category.HYGIENE,
    methods=(*_KEY_METHODS, *DEPLOYMENTS),
    techniques=["T1098.001", "T1552.001"],
    equivalents=[
        "panther:GCP.iam.serviceAccountKeys.create",
        "panther:GCP.Service.Account.or.Keys.Created",
        "elastic:persistence_gcp_key_created_for_service_account",
        "stratus:gcp.persistence.create-service-account-key",
        "csa:2.30",
        "scc:SERVICE_ACCOUNT_KEY_CREATION",
        "secops:google_cloud_service_account_key_created_or_uploaded",
        "falco:GCP IAM service account key created",
        "sentinel:GCPIAMNewServiceAccountKey",
    ],
)
def user_managed_key(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A key of a service account was created or uploaded, and somebody holds the private half.

    ## Why it matters
    A key is a password that never expires, works from anywhere and asks for no second factor. Leaked keys are the most
    common way into Google Cloud. An uploaded one was never in Google's hands: its private half was made elsewhere.

    ## What to do
    Use Workload Identity instead and delete the key. Where it must stay, give it an expiry
    (`constraints/iam.serviceAccountKeyExpiryHours`) and rotate it. Deleting it resolves this finding.

    ## Known false positives
    Products outside Google Cloud that accept nothing else. Named automation is LOW.

    ## Blind spots
    Keys that Google manages leave no entry and are not meant here. Keys made before logging began show in an inventory.
    """
    if entry.service != IAM and "iam.serviceAccountKeys.create" not in entry.granted_permissions:
        return
    key = _key_of(entry)
    verb = entry.method.rpartition(".")[2]
    subject = key.key_id or f"a key of {key.email}"
    if verb.startswith("Delete"):
        yield Match(
            subject=subject,
            title=f"Key {key.key_id} of {key.email} was deleted",
            resource_name=key.resource,
            state=State.RESOLVED,
        )
        return
    if entry.permissions and not entry.granted_permissions:
        return
    uploaded = verb.startswith("Upload") or entry.response.text("key_origin") in ("1", "USER_PROVIDED")
    severity = Severity.LOW if is_expected(entry.caller, context) else Severity.MEDIUM
    done = "uploaded" if uploaded else "created"
    notes = []
    expires = entry.response.number("valid_before_time.seconds")
    if expires is not None and expires >= _NEVER:
        notes.append("It never expires.")
    elif expires is not None and (since := entry.response.number("valid_after_time.seconds")) is not None:
        days = (expires - since) // 86_400
        notes.append(f"It is valid for {days} days{', far too long' if expires - since > _LONG else ''}.")
    if uploaded:
        notes.append("Its private half was made outside Google Cloud.")
        severity = max(severity, Severity.MEDIUM)
    if reach := reach_of_account(key.email, context):
        notes.append(f"{key.email} holds {', '.join(reach)}.")
        severity = max(severity, Severity.HIGH if is_person(entry.caller) else Severity.MEDIUM)
    if is_outsider(entry.caller, context):
        notes.append("Who made it is not of this organization.")
        severity = Severity.HIGH
    yield Match(
        subject=subject,
        title=f"A key of service account {key.email} was {done} by {entry.caller_name}",
        resource_name=key.resource,
        severity=severity,
        notes=tuple(notes),
        remediation=remedy(
            "Disable the key, and delete it when nothing fails",
            SetServiceAccountKeyEnabled(key.email, key.key_id, False, key.project),
            DeleteServiceAccountKey(key.email, key.key_id, key.project),
            risk="Whatever signs in with this key stops working.",
        )
        if key.key_id
        else None,
    )


@log_rule(
    "service-account-key-deleted",
    Severity.INFO,
    Category.THREAT,
    methods=activity(
        IAM, "google.iam.admin.v1.DeleteServiceAccountKey", "google.iam.admin.v1.DisableServiceAccountKey"
    ),
    techniques=["T1098", "T1531"],
    equivalents=[
        "elastic:persistence_gcp_iam_service_account_key_deletion",
        "falco:GCP IAM service account key deleted",
    ],
)
def service_account_key_deleted(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A key of a service account was deleted or disabled.

    ## Why it matters
    Mostly good news: a rotation, or the answer to a leak. Rarely somebody locks the owner out, or removes the key they
    came in with.

    ## What to do
    Nothing, if it was planned. If something fails since: a disabled key can be enabled again, a deleted one cannot.

    ## Known false positives
    Every rotation. It is INFO, a line for the timeline.

    ## Blind spots
    None known.
    """
    key = _key_of(entry)
    if is_expected(entry.caller, context):
        return
    verb = "disabled" if entry.method.rpartition(".")[2].startswith("Disable") else "deleted"
    yield Match(
        subject=f"{verb} {key.key_id or key.email}",
        title=f"{entry.caller_name} {verb} key {key.key_id} of service account {key.email}",
    )


@log_rule(
    "service-account-key-enabled",
    Severity.MEDIUM,
    Category.THREAT,
    methods=activity(IAM, "google.iam.admin.v1.EnableServiceAccountKey"),
    techniques=["T1098.001"],
)
def service_account_key_enabled(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A disabled key of a service account was enabled again.

    ## Why it matters
    Keys are disabled because they are old or leaked. Enabling one brings a credential back without making a new one, so
    nothing that watches key creation sees it.

    ## What to do
    Find out why it was disabled. If it leaked, delete it now.

    ## Known false positives
    A rotation that was rolled back because something still used the old key.

    ## Blind spots
    Why the key was disabled is not logged.
    """
    key = _key_of(entry)
    yield Match(
        subject=f"{entry.caller_key} {key.key_id or key.email}",
        title=f"{entry.caller_name} enabled key {key.key_id} of service account {key.email} again",
        severity=Severity.LOW if is_expected(entry.caller, context) else Severity.MEDIUM,
        remediation=remedy(
            "Disable the key again", SetServiceAccountKeyEnabled(key.email, key.key_id, False, key.project)
        )
        if key.key_id
        else None,
    )


@log_rule(
    "hmac-key-created",
    Severity.MEDIUM,
    Category.THREAT,
    methods=(*activity("storage.googleapis.com", "storage.hmacKeys.create"), *DEPLOYMENTS),
    techniques=["T1098.001", "T1548"],
    equivalents=["panther:GCP.Storage.Hmac.Keys.Create"],
)
def hmac_key_created(entry: LogEntry, context: Context) -> Iterator[Match]:
    """An HMAC key was created for Cloud Storage.

    ## Why it matters
    It reads and writes objects as its service account through the S3-compatible API, never expires, and is subject to
    no organization policy on service-account keys.

    ## What to do
    Ask what needs it. Deactivate and delete it: `gcloud storage hmac update ACCESS_ID --deactivate`.

    ## Known false positives
    Tools that only speak S3. Named automation is LOW.

    ## Blind spots
    The entry names the account, not what the key is used for.
    """
    if entry.permissions and "storage.hmacKeys.create" not in entry.granted_permissions:
        return
    if not entry.permissions and entry.service != "storage.googleapis.com":
        return
    account = entry.response.text("metadata.serviceAccountEmail") or entry.target
    yield Match(
        subject=f"{entry.caller_key} {account}".strip(),
        title=f"An HMAC key{f' of {account}' if account else ''} was created by {entry.caller_name}",
        severity=Severity.LOW if is_expected(entry.caller, context) else Severity.MEDIUM,
        remediation=_deactivated(entry.response.text("metadata.accessId"), entry.project),
    )


def _deactivated(access_id: str, project: str) -> Remediation | None:
    if not access_id or not project:
        return None
    update = ("gcloud", "storage", "hmac", "update", access_id, f"--project={project}")
    return remedy(
        "Unless something needs it: deactivate the key, then delete it",
        Run((*update, "--deactivate"), (*update, "--activate")),
        risk="Whatever signs with it is refused at once.",
    )


RULES = (
    user_managed_key,
    service_account_key_deleted,
    service_account_key_enabled,
    hmac_key_created,
)
