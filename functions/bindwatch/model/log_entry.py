"""One Cloud Audit Log entry: who did what to what as whom, whatever shape Cloud Logging gave it."""

import ipaddress
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache, wraps
from typing import Final, TypeVar

import msgspec
from msgspec.structs import replace

from bindwatch.model import resource as names
from bindwatch.model.document import EMPTY, Document
from bindwatch.model.finding import LogRef
from bindwatch.model.lazily import lazily
from bindwatch.model.log_wire import (
    NULL,
    Authentication,
    BindingDelta,
    Facts,
    Operation,
    PermissionCheck,
    PolicyDelta,
    Rest,
    RestOfPayload,
    binding_deltas_of,
    condition_of,
    policy_delta_of,
    read_any,
    read_decoded,
    read_document,
    read_facts,
    read_operation,
    read_policy_delta,
    read_rest,
    read_value,
)
from bindwatch.model.policy import (
    DATASET_ROLES,
    AuditConfigDelta,
    Condition,
    DeltaAction,
    Grant,
    PermissionDelta,
)
from bindwatch.model.principal import Principal, parse_email, parse_member, parse_subject

T = TypeVar("T")
PERMISSION_DENIED: Final = 7
_FAILURE_SEVERITIES: Final = frozenset({"ERROR", "CRITICAL", "ALERT", "EMERGENCY"})


class NotInFactsError(BaseException):
    """Something was asked that the facts of an entry do not tell. For the engine: no rule has a reason to catch it."""


class LogEntry:
    """Who did what to what as whom, with which outcome; and what it changed.

    Read-only. Equal input gives equal answers. Properties never raise: a field of the wrong type reads as absent.
    `facts` is what nearly every rule asks; all else comes out of `rest`, which is read when it is first asked for.
    """

    before: Mapping[str, str] | None = None
    """What was known, before this entry, of the object that it changes; None where nothing was. No log says it: the
    pipeline attaches it (see `known_before`)."""

    is_sealed = False
    """While it is set, asking for more than the facts raises NotInFactsError: what is decided then holds for every
    entry with the same facts."""

    def __init__(self, facts: Facts, line: bytes | str = b"", rest: Rest | None = None) -> None:
        """An entry of these facts, and of the rest as it was read already or stands in the text of the entry."""
        deed = facts.proto_payload
        status = deed.status
        origin = deed.request_metadata
        self._line = line
        self.facts = facts
        self.service = deed.service_name or service_of(deed.method_name)
        """The API that was called (`iam.googleapis.com`); '' where neither the entry nor its method says."""
        self.method = deed.method_name
        """The methodName as the service writes it."""
        self.authentication: Authentication = deed.authentication_info
        """authenticationInfo as logged."""
        self.caller_ip = origin.caller_ip
        """The address as logged; not always an IP (`gce-internal-ip`, `private`)."""
        self.user_agent = origin.caller_supplied_user_agent
        """What the caller says it is; the caller controls it."""
        self.failed = status.code != 0 or (facts.severity in _FAILURE_SEVERITIES and status.message != "OK")
        """Whether the call failed. Success has five encodings; failure is a code, or ERROR without one."""
        if rest is not None:
            self.__dict__["rest"] = rest

    @lazily
    def rest(self) -> Rest:
        """What the entry says beyond its facts. Raises InputError where a text in it is no text."""
        if self.is_sealed:
            raise NotInFactsError
        return read_rest(self._line)

    @property
    def text(self) -> bytes:
        """The entry as it stands in the log; empty where somebody else decoded it."""
        return self._line if isinstance(self._line, bytes) else self._line.encode()

    @property
    def was_read_deeply(self) -> bool:
        """Whether anything was asked of it that its facts do not hold."""
        return "rest" in self.__dict__

    @lazily
    def payload(self) -> RestOfPayload:
        """What the AuditLog message says beyond the facts."""
        return self.rest.proto_payload

    def known_before(self, before: Mapping[str, str]) -> "LogEntry":
        """The same entry with what was known of the object that it changes."""
        entry = LogEntry(self.facts, rest=self.rest)
        entry.before = before
        return entry

    def with_insert_id(self, insert_id: str) -> "LogEntry":
        """The same entry under another insertId."""
        return LogEntry(self.facts, rest=replace(self.rest, insert_id=insert_id))

    def with_service_data(self, service_data: msgspec.Raw) -> "LogEntry":
        """The same entry with another serviceData, which says what changed where the entry itself did not."""
        payload = replace(self.payload, service_data=service_data)
        return LogEntry(self.facts, rest=replace(self.rest, proto_payload=payload))

    def __repr__(self) -> str:
        return f"LogEntry({self.method!r}, {self.timestamp!r}, {self.insert_id!r})"

    @property
    def log_name(self) -> str:
        """The log, with the project, folder or organization it belongs to."""
        return self.facts.log_name

    @property
    def log_severity(self) -> str:
        """The entry's own severity, not ours."""
        return self.facts.severity

    # ---- where and when -------------------------------------------------------------------------------------

    @property
    def ref(self) -> LogRef:
        """What identifies this entry as evidence."""
        return LogRef(self.log_name, self.rest.insert_id, self.rest.timestamp)

    @property
    def insert_id(self) -> str:
        """What Cloud Logging tells entries of one log and moment apart by."""
        return self.rest.insert_id

    @property
    def timestamp(self) -> str:
        """When it happened, as the entry writes it (RFC 3339, up to nanoseconds)."""
        return self.rest.timestamp

    @lazily
    def time(self) -> datetime | None:
        """When it happened, to the microsecond; None where the timestamp cannot be read."""
        return parse_time(self.timestamp)

    @property
    def log(self) -> str:
        """Which audit log: `activity`, `data_access`, `system_event` or `policy`; '' for anything else."""
        return _log_of(self.log_name)

    @lazily
    def scope(self) -> str:
        """What the entry was logged in: `projects/p`, `folders/1`, `organizations/2`."""
        head = self.log_name.split("/", 2)
        if len(head) > 1:
            return "/".join(head[:2])
        project = self.facts.resource.labels.project_id
        return f"projects/{project}" if project else ""

    @lazily
    def project(self) -> str:
        """The project id the entry belongs to; '' for folders and organizations."""
        if project := self.facts.resource.labels.project_id:
            return project
        kind, _, name = self.scope.partition("/")
        return name if kind == "projects" else ""

    @lazily
    def operation(self) -> Operation:
        """The long-running operation this entry belongs to; empty for a plain call."""
        return read_operation(self.rest.operation)

    # ---- who --------------------------------------------------------------------------------------------------

    @lazily
    def caller(self) -> Principal | None:
        """Who called; None where Google redacted it (denied reads by users) or did not log it."""
        info = self.authentication
        if info.principal_email:
            return parse_email(info.principal_email)
        if info.principal_subject:
            return parse_subject(info.principal_subject)
        if info.authority_selector:
            return parse_email(info.authority_selector)
        return None

    @lazily
    def caller_name(self) -> str:
        """The caller for people: e-mail, subject, or the address and agent of a redacted one."""
        info = self.authentication
        return (
            info.principal_email
            or info.principal_subject
            or info.authority_selector
            or f"a caller the log does not name (from {self.caller_ip or 'an unknown address'})"
        )

    @lazily
    def caller_key(self) -> str:
        """What tells this caller from others, also when redacted: identity, else address and user agent."""
        caller = self.caller
        if caller is not None:
            return caller.identity
        return f"redacted:{self.caller_ip}|{self.user_agent}"

    @property
    def key_name(self) -> str:
        """The service-account key the caller authenticated with, as a full resource name; '' for none or unknown."""
        return self.authentication.service_account_key_name

    @lazily
    def delegation(self) -> tuple[Principal, ...]:
        """Who acted through the caller, first authority first; hops that the entry leaves empty are not in it."""
        info = self.authentication.service_account_delegation_info
        return tuple([named for hop in info if (named := hop.principal) is not None]) if info else ()

    @lazily
    def impersonators(self) -> tuple[Principal, ...]:
        """The delegation without Google's own service agents, which act for a service and impersonate nobody."""
        return tuple([hop for hop in self.delegation if not hop.is_service_agent])

    @property
    def caller_address(self) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
        """The address where it is an IP."""
        return _address(self.caller_ip)

    @property
    def from_gke_metadata_server(self) -> bool:
        """Whether the GKE metadata server minted for a workload, by its user agent."""
        return "gke-metadata-server" in self.user_agent

    # ---- outcome ----------------------------------------------------------------------------------------------

    @property
    def status_code(self) -> int:
        """The google.rpc code, 0 where there is none."""
        return self.facts.proto_payload.status.code

    @property
    def status_message(self) -> str:
        """The text of the failure, as logged."""
        return self.facts.proto_payload.status.message

    @property
    def denied(self) -> bool:
        """Whether the call was refused for want of a permission (or by a perimeter or a deny policy)."""
        return self.status_code == PERMISSION_DENIED

    @lazily
    def status_details(self) -> tuple[Document, ...]:
        """The google.rpc details of a failure."""
        value = read_value(self.payload.status.details)
        return tuple(Document(item) for item in value) if isinstance(value, list) else ()

    @lazily
    def error_reasons(self) -> frozenset[str]:
        """The machine-readable reasons of a failure (`IAM_PERMISSION_DENIED`, `SERVICE_DISABLED`)."""
        return frozenset(reason for detail in self.status_details if (reason := detail.text("reason")))

    @lazily
    def violations(self) -> tuple[Document, ...]:
        """The precondition violations of a failure: org-policy constraints, VPC Service Controls."""
        found = [item for detail in self.status_details for item in detail.documents("violations")]
        return tuple(found)

    @property
    def permissions(self) -> tuple[PermissionCheck, ...]:
        """The permission checks; the same one can stand twice, and early failures have none."""
        return self.facts.proto_payload.authorization_info

    @lazily
    def granted_permissions(self) -> frozenset[str]:
        """The permissions that were checked and held."""
        return frozenset(check.permission for check in self.permissions if check.granted and check.permission)

    @lazily
    def missing_permissions(self) -> tuple[str, ...]:
        """The permissions that were checked and not held, in their order, each once."""
        from_checks = [check.permission for check in self.permissions if not check.granted and check.permission]
        from_details = [detail.text("metadata.permission") for detail in self.status_details]
        return tuple(dict.fromkeys(name for name in (*from_checks, *from_details) if name))

    # ---- on what ----------------------------------------------------------------------------------------------

    @property
    def resource_type(self) -> str:
        """The monitored-resource type (`service_account`, `project`, `k8s_cluster`)."""
        return self.rest.resource.type

    @property
    def resource_labels(self) -> Mapping[str, str]:
        """The labels of the monitored resource."""
        return self.rest.resource.labels

    @property
    def raw_resource_name(self) -> str:
        """`protoPayload.resourceName` as written: relative, with ids, numbers or unique ids."""
        return self.payload.resource_name

    @lazily
    def target(self) -> str:
        """The service account that is minted for, signed as, changed or granted on; its e-mail, or ''.

        resourceName holds the unique id only; the e-mail is in the labels, else in the request or the response.
        """
        if email := self.facts.resource.labels.email_id:
            return email.lower()
        if self.service not in ("iam.googleapis.com", "iamcredentials.googleapis.com"):
            return ""
        for text in (self.request.text("name"), self.request.text("resource"), self.raw_resource_name):
            if found := _EMAIL_IN_NAME.search(text):
                return found[1].lower()
        return (self.response.text("email") or self.response.text("restoredAccount.email")).lower()

    @lazily
    def resource(self) -> str:
        """The canonical full name of what was acted on: the same an inventory gives the same thing."""
        return _full_resource_name(self)

    def named(self, name: str) -> str:
        """The canonical form of a full resource name that this entry speaks of.

        Some services write the project number where others write its id; an entry is logged in the project that owns
        its resource, so it says which id the number is.
        """
        return names.canonical(name, project_ids=self._project_ids)

    @lazily
    def _project_ids(self) -> Mapping[str, str]:
        number = names.project_of(self.raw_resource_name)
        project = self.project
        return {number: project} if number.isdigit() and project and not project.isdigit() else {}

    @property
    def delegates(self) -> tuple[str, ...]:
        """The service accounts a mint asks to go through, as it names them."""
        return self.facts.proto_payload.request.delegates

    @lazily
    def delegation_chain(self) -> tuple[str, ...]:
        """The e-mails of metadata.identityDelegationChain; one element is just the target, not a delegation."""
        chain = self.facts.proto_payload.metadata.identity_delegation_chain
        return tuple(name.rpartition("/")[2].lower() for name in chain)

    # ---- what it asked, answered and changed ------------------------------------------------------------------

    @lazily
    def request(self) -> Document:
        """The request as logged; iam writes it in snake_case with enum numbers, most others in camelCase."""
        return read_document(self.payload.request)

    @lazily
    def response(self) -> Document:
        """The response as logged."""
        return read_document(self.payload.response)

    @property
    def answered_with_error(self) -> bool:
        """Whether the response is an error: Compute Engine and older APIs write one there, with a status or without."""
        return self.response.has("error")

    @lazily
    def metadata(self) -> Document:
        """The service's own metadata."""
        return read_document(self.payload.metadata)

    @lazily
    def service_data(self) -> Document:
        """The carrier of policy and permission deltas."""
        return read_document(self.payload.service_data)

    @lazily
    def policy_violation_info(self) -> Document:
        """What an organization policy refused."""
        return read_document(self.payload.policy_violation_info)

    @lazily
    def labels(self) -> Document:
        """The labels of the entry itself (Kubernetes: decision and reason)."""
        return read_document(self.rest.labels)

    @lazily
    def has_policy_delta(self) -> bool:
        """Whether the entry says what changed. An empty delta is a write that changed nothing."""
        return self._policy_delta is not None or any(self.metadata.has(path) for path in _METADATA_DELTAS)

    @lazily
    def _policy_delta(self) -> PolicyDelta | None:
        delta = read_policy_delta(self.rest.proto_payload.service_data)
        return policy_delta_of(self.service_data) if delta is None else delta

    @lazily
    def binding_deltas(self) -> tuple[BindingDelta, ...] | None:
        """The changes of bindings as written, where they are in one place; None where `grants` looks further."""
        delta = self._policy_delta
        return None if delta is None or self.rest.proto_payload.metadata is not NULL else delta.binding_deltas

    @lazily
    def _policy_changes(self) -> tuple[tuple[Grant, ...], tuple[Grant, ...]]:
        """What was to be given, and what was to be taken away."""
        delta = self._policy_delta
        changes = [] if delta is None else _changes(delta.binding_deltas)
        if self.rest.proto_payload.metadata is not NULL:
            metadata = self.metadata
            for path in _METADATA_DELTAS:
                changes += _changes(binding_deltas_of(metadata, f"{path}.bindingDeltas"))
            changes += _dataset_access_changes(metadata)
        if changes:
            added = tuple([grant for action, grant in changes if action is _ADD])
            if len(added) == len(changes):
                return added, ()
            return added, tuple([grant for action, grant in changes if action is not _ADD])
        if self.has_policy_delta or not _SETS_POLICY.search(self.method):
            return (), ()
        return tuple(_grants_of_policy(self.requested_policy)), ()

    @lazily
    def requested_policy(self) -> Document:
        """The whole policy a SetIamPolicy call wrote; empty where the entry does not show it."""
        for policy in (
            self.request.document("policy"),
            self.request.document("iamRequest.policy"),
            self.request.document("resource.policy"),
            self.request,  # Compute Engine takes the parts of a policy without one around them
            self.response,
        ):
            if policy.has("bindings"):
                return policy
        return EMPTY

    @lazily
    def shows_whole_policy(self) -> bool:
        """Whether `grants` is the whole policy written, some of which may have stood before: there was no delta."""
        return bool(self.grants) and not self.has_policy_delta

    @lazily
    def grants(self) -> tuple[Grant, ...]:
        """The roles that were given. Empty when the call failed: see `attempted_grants`."""
        return () if self.failed else self._policy_changes[0]

    @property
    def attempted_grants(self) -> tuple[Grant, ...]:
        """The roles the call tried to give, whether or not it succeeded."""
        return self._policy_changes[0]

    @lazily
    def removed_grants(self) -> tuple[Grant, ...]:
        """The roles that were taken away."""
        return () if self.failed else self._policy_changes[1]

    @lazily
    def audit_config_deltas(self) -> tuple[AuditConfigDelta, ...]:
        """The changes of the data-access log settings. Empty when the call failed."""
        if self.failed or self._policy_delta is None:
            return ()
        return tuple(
            AuditConfigDelta(action, delta.service, delta.log_type, delta.exempted_member)
            for delta in self._policy_delta.audit_config_deltas
            if (action := _ACTIONS.get(delta.action.upper())) is not None
        )

    @lazily
    def permission_delta(self) -> PermissionDelta:
        """The permissions a custom role gained or lost; on creation without a delta, those of the request."""
        delta = self.service_data.document("permissionDelta")
        added, removed = delta.texts("addedPermissions"), delta.texts("removedPermissions")
        if not added and not removed and self.method.endswith("CreateRole"):
            added = self.request.texts("role.includedPermissions")
        return PermissionDelta(added, removed)


def once(read: Callable[[LogEntry], T]) -> Callable[[LogEntry], T]:
    """A reading of an entry that is made once: the entry keeps it for whoever asks again."""
    name = f"{read.__module__}.{read.__qualname__}"

    @wraps(read)
    def reading(entry: LogEntry) -> T:
        kept = entry.__dict__
        if name not in kept:
            kept[name] = read(entry)
        value: T = kept[name]
        return value

    return reading


def decode(line: bytes | str) -> LogEntry:
    """Parse one entry from its JSON text.

    Raises InputError where the text is no audit log entry; a field of an unexpected type is dropped, not fatal.
    """
    facts = read_facts(line)
    if facts is not None:
        return LogEntry(facts, line)
    known, rest = read_any(line)
    return LogEntry(known, line, rest)


def from_dict(value: object) -> LogEntry:
    """Parse one entry from decoded JSON, keeping whatever can be kept.

    Raises InputError where it is no audit log entry at all.
    """
    facts, rest = read_decoded(value)
    return LogEntry(facts, rest=rest)


def parse_time(text: str) -> datetime | None:
    """A timestamp of an entry: RFC 3339 with up to nanoseconds, or the spaced form of table exports (UTC)."""
    found = _TIME.fullmatch(text.strip())
    if not found:
        return None
    fraction = (found[3] or "")[:6].ljust(6, "0")
    zone = {"": "+00:00", "Z": "+00:00", "z": "+00:00", "UTC": "+00:00"}.get(found[4] or "", found[4])
    try:
        return datetime.fromisoformat(f"{found[1]}T{found[2]}.{fraction}{zone}")
    except ValueError:
        return None


@lru_cache(maxsize=8192)
def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))?\s?(Z|z|UTC|[+-]\d\d:\d\d)?", re.ASCII)
_EMAIL_IN_NAME: Final = re.compile(r"(?:^|/)([^/@\s]+@[^/@\s]+)$")
_METADATA_DELTAS: Final = ("datasetChange", "tableChange", "connectionChange", "routineChange")
_ADD: Final = DeltaAction.ADD
_ACTIONS: Final[Mapping[str, DeltaAction]] = {action.value: action for action in DeltaAction}
_SETS_POLICY: Final = re.compile(r"(?i)(setiampolicy|setiampermissions)$")


# The APIs that full names of methods belong to: Google's documentation shows entries without serviceName.
_SERVICES: Final = (
    ("io.k8s.", "k8s.io"),
    ("v1.compute.", "compute.googleapis.com"),
    ("beta.compute.", "compute.googleapis.com"),
    ("google.admin.", "admin.googleapis.com"),
    ("google.api.apikeys.", "apikeys.googleapis.com"),
    ("google.api.serviceusage.", "serviceusage.googleapis.com"),
    ("google.cloud.functions.", "cloudfunctions.googleapis.com"),
    ("google.cloud.iap.", "iap.googleapis.com"),
    ("google.cloud.orgpolicy.", "orgpolicy.googleapis.com"),
    ("google.cloud.resourcemanager.", "cloudresourcemanager.googleapis.com"),
    ("google.cloud.run.", "run.googleapis.com"),
    ("google.devtools.cloudbuild.", "cloudbuild.googleapis.com"),
    ("google.iam.admin.", "iam.googleapis.com"),
    ("google.iam.credentials.", "iamcredentials.googleapis.com"),
    ("google.iam.v1.WorkloadIdentityPools.", "iam.googleapis.com"),
    ("google.iam.v2", "iam.googleapis.com"),
    ("google.iam.v3", "iam.googleapis.com"),
    ("google.identity.accesscontextmanager.", "accesscontextmanager.googleapis.com"),
    ("google.identity.sts.", "sts.googleapis.com"),
    ("google.logging.", "logging.googleapis.com"),
    ("google.login.", "login.googleapis.com"),
)


def service_of(method: str) -> str:
    """The API that a full name of a method belongs to; '' where it is known of none."""
    return next((service for prefix, service in _SERVICES if method.startswith(prefix)), "")


def _log_of(log_name: str) -> str:
    _, found, tail = log_name.rpartition("cloudaudit.googleapis.com%2F")
    if not found:
        _, found, tail = log_name.rpartition("cloudaudit.googleapis.com/")
    return tail if found else ""


def _grant(role: str, member: str, condition: Condition | None) -> Grant:
    if ":" not in member and "@" in member:
        # IAM takes no member without its kind: one that it took lost it where the log was converted.
        member = f"{'serviceAccount' if member.endswith('.gserviceaccount.com') else 'user'}:{member}"
    if condition is not None and not (condition.expression or condition.title):
        condition = None
    return Grant(role, member, parse_member(member), condition)


def _changes(deltas: tuple[BindingDelta, ...]) -> list[tuple[DeltaAction, Grant]]:
    return [
        (action, _grant(delta.role, delta.member, delta.condition))
        for delta in deltas
        if (action := _ACTIONS.get(delta.action.upper())) is not None
    ]


def _grants_of_policy(policy: Document) -> list[Grant]:
    return [
        _grant(binding.text("role"), member, condition_of(binding.document("condition")))
        for binding in policy.documents("bindings")
        for member in binding.texts("members")
    ]


def _dataset_access_changes(metadata: Document) -> list[tuple[DeltaAction, Grant]]:
    """The grants of BigQuery's own access lists, as members."""
    changes = []
    for change in metadata.documents("datasetChange.accessChanges"):
        action = change.text("action").upper()
        access = change.document("access")
        member = access.text("iamMember") or _access_member(access)
        if member and action in ("ADD", "REMOVE"):
            role = access.text("role")
            grant = _grant(DATASET_ROLES.get(role, role), member, condition_of(access.document("condition")))
            changes.append((DeltaAction(action), grant))
    return changes


def _access_member(access: Document) -> str:
    if email := access.text("userByEmail"):
        kind = "serviceAccount" if email.endswith(".gserviceaccount.com") else "user"
        return f"{kind}:{email}"
    if email := access.text("groupByEmail"):
        return f"group:{email}"
    if domain := access.text("domain"):
        return f"domain:{domain}"
    group = access.text("specialGroup")
    return group if group in ("allUsers", "allAuthenticatedUsers") else ""


def _full_resource_name(entry: LogEntry) -> str:
    kind, labels = entry.rest.resource.type, entry.rest.resource.labels
    if kind == "project" and entry.project:
        return names.project_name(entry.project)
    if kind == "folder" and (folder := labels.get("folder_id")):
        return f"//cloudresourcemanager.googleapis.com/folders/{folder}"
    if kind == "organization" and (organization := labels.get("organization_id")):
        return f"//cloudresourcemanager.googleapis.com/organizations/{organization}"
    if kind == "service_account" and entry.target:
        return names.service_account_name(entry.target, entry.project)
    if kind == "gcs_bucket" and (bucket := labels.get("bucket_name")):
        return f"//storage.googleapis.com/{bucket}"
    if kind == "k8s_cluster" and (cluster := labels.get("cluster_name")):
        location = labels.get("location", "")
        base = f"//container.googleapis.com/projects/{entry.project}/locations/{location}/clusters/{cluster}"
        return f"{base}/k8s/{entry.raw_resource_name}" if entry.service == "k8s.io" else base
    if not entry.raw_resource_name:
        return names.project_name(entry.project) if entry.project else f"//{entry.service or 'unknown'}/{entry.scope}"
    if not entry.service:  # converted by another tool, which dropped it
        name = entry.named(entry.raw_resource_name)
        return name if name.startswith("//") else f"//unknown/{name.lstrip('/')}"
    return entry.named(f"//{entry.service}/{entry.raw_resource_name.lstrip('/')}")
