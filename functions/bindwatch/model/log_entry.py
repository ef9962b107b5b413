"""One Cloud Audit Log entry, parsed once from what Cloud Logging emits.

Decoding is in two steps, for speed: `decode` reads the envelope and the fields that decide which rules can fire into
typed structs, leaving request, response, metadata and serviceData as raw bytes; the properties of `LogEntry` read the
rest when a rule asks. Field facts are from observed entries; where documents and entries differ, the entry wins.
"""

import ipaddress
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec

from bindwatch.errors import InputError
from bindwatch.model import resource as names
from bindwatch.model.document import EMPTY, Document
from bindwatch.model.finding import LogRef
from bindwatch.model.lazily import lazily
from bindwatch.model.policy import (
    AuditConfigDelta,
    Condition,
    DeltaAction,
    Grant,
    PermissionDelta,
)
from bindwatch.model.principal import Principal, parse_email, parse_member, parse_subject

T = TypeVar("T")

PERMISSION_DENIED: Final = 7
_RAW_NULL: Final = msgspec.Raw(b"null")
_FAILURE_SEVERITIES: Final = frozenset({"ERROR", "CRITICAL", "ALERT", "EMERGENCY"})


class _FirstParty(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    principal_email: str = ""


class Delegation(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """One element of serviceAccountDelegationInfo; `{}` is what federated callers leave."""

    principal_subject: str = ""
    first_party_principal: _FirstParty = _FirstParty()

    @property
    def principal(self) -> Principal | None:
        """The identity of this hop, None where the entry does not name it."""
        if self.first_party_principal.principal_email:
            return parse_email(self.first_party_principal.principal_email)
        return parse_subject(self.principal_subject)


class Authentication(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """authenticationInfo: any of its fields may be missing, all of them where Google redacts a caller."""

    principal_email: str = ""
    principal_subject: str = ""
    authority_selector: str = ""
    service_account_key_name: str = ""
    service_account_delegation_info: tuple[Delegation, ...] = ()


class PermissionCheck(msgspec.Struct, frozen=True, gc=False):
    """One element of authorizationInfo. iam and iamcredentials omit `granted` where it is false."""

    permission: str = ""
    granted: bool = False


class Operation(msgspec.Struct, frozen=True, gc=False):
    """The long-running operation of an entry; its two entries share `id`, the second has no request."""

    id: str = ""
    producer: str = ""
    first: bool = False
    last: bool = False


class _RequestMetadata(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    caller_ip: str = ""
    caller_supplied_user_agent: str = ""


class _Code(msgspec.Struct, frozen=True, gc=False):
    code: int = 0
    message: str = ""


class _Chain(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    identity_delegation_chain: tuple[str, ...] = ()


class _MintRequest(msgspec.Struct, frozen=True, gc=False):
    delegates: tuple[str, ...] = ()


class _BindingDelta(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    action: str = ""
    role: str = ""
    member: str = ""
    condition: Condition | None = None


class _AuditConfigDelta(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, rename="camel"):
    action: str = ""
    service: str = ""
    log_type: str = ""
    exempted_member: str = ""


class _PolicyDelta(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, rename="camel"):
    binding_deltas: tuple[_BindingDelta, ...] = ()
    audit_config_deltas: tuple[_AuditConfigDelta, ...] = ()


class _ServiceData(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    policy_delta: _PolicyDelta | None = None


class _Target(msgspec.Struct, frozen=True, gc=False):
    email_id: str = ""
    project_id: str = ""


class _TargetResource(msgspec.Struct, frozen=True, gc=False):
    labels: _Target = _Target()


class _Deed(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    service_name: str = ""
    method_name: str = ""
    status: _Code = _Code()
    request_metadata: _RequestMetadata = _RequestMetadata()
    authentication_info: Authentication = Authentication()
    authorization_info: tuple[PermissionCheck, ...] = ()
    request: _MintRequest = _MintRequest()
    metadata: _Chain = _Chain()


class Facts(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """Who did what as whom, from where, with which outcome, in which project; without when, and to which object.

    Two entries with equal facts are the same deed again: the hourly mint of a workload, the thousandth read of a
    bucket. Hashable, so that what is known to be quiet is known by one look-up.
    """

    log_name: str = ""
    severity: str = ""
    resource: _TargetResource = _TargetResource()
    proto_payload: _Deed = _Deed()


class _Status(msgspec.Struct, frozen=True, gc=False):
    code: int = 0
    message: str = ""
    details: msgspec.Raw = _RAW_NULL


class Payload(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """The AuditLog message: what decides dispatch is typed, the rest stays raw until a rule asks."""

    service_name: str = ""
    method_name: str = ""
    resource_name: str = ""
    status: _Status = _Status()
    request_metadata: _RequestMetadata = _RequestMetadata()
    authentication_info: msgspec.Raw = _RAW_NULL
    authorization_info: msgspec.Raw = _RAW_NULL
    request: msgspec.Raw = _RAW_NULL
    response: msgspec.Raw = _RAW_NULL
    metadata: msgspec.Raw = _RAW_NULL
    service_data: msgspec.Raw = _RAW_NULL
    policy_violation_info: msgspec.Raw = _RAW_NULL


class _Resource(msgspec.Struct, frozen=True, gc=False):
    type: str = ""
    labels: msgspec.Raw = _RAW_NULL


class Wire(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """The partial decode of one entry: enough to choose its rules, and to know it when it repeats."""

    log_name: str = ""
    insert_id: str = ""
    timestamp: str = ""
    receive_timestamp: str = ""
    severity: str = ""
    resource: _Resource = _Resource()
    proto_payload: Payload | None = None
    operation: msgspec.Raw = _RAW_NULL
    labels: msgspec.Raw = _RAW_NULL


_decode_wire = msgspec.json.Decoder(Wire).decode
_decode_facts = msgspec.json.Decoder(Facts).decode
_decode_any = msgspec.json.Decoder().decode
_decode_authentication = msgspec.json.Decoder(Authentication).decode
_decode_checks = msgspec.json.Decoder(tuple[PermissionCheck, ...]).decode
_decode_operation = msgspec.json.Decoder(Operation).decode
_decode_mint_request = msgspec.json.Decoder(_MintRequest).decode
_decode_chain = msgspec.json.Decoder(_Chain).decode
_decode_target = msgspec.json.Decoder(_Target).decode
_decode_service_data = msgspec.json.Decoder(_ServiceData).decode
_decode_labels = msgspec.json.Decoder(dict[str, str]).decode


class deeply(lazily[T]):  # noqa: N801 - a decorator, spelled like the one it stands for
    """A lazy property of a LogEntry that reads more of it than its Facts hold."""

    def _compute_for(self, instance: Any) -> T:
        instance.was_read_deeply = True
        return super()._compute_for(instance)


class LogEntry:
    """Who did what to what as whom, with which outcome; and what it changed.

    Read-only. Equal input gives equal answers. Properties never raise: a field of the wrong type reads as absent.
    `was_read_deeply` tells whether anything was asked that the Facts of the entry do not hold: what was decided
    without that holds for every entry with the same Facts.
    """

    def __init__(self, wire: Wire, payload: Payload) -> None:
        self._know(wire, payload)
        self.wire = wire
        self.payload = payload

    @classmethod
    def known_by(cls, facts: Facts, line: bytes | str) -> "LogEntry":
        """The entry with these facts and this text, of which the rest is read when it is asked for."""
        entry = cls.__new__(cls)
        deed = facts.proto_payload
        entry._know(facts, deed)
        entry._line = line
        known = entry.__dict__
        known["authentication"] = deed.authentication_info
        known["permissions"] = deed.authorization_info
        known["delegates"] = deed.request.delegates
        known["_target_labels"] = facts.resource.labels
        known["_chain"] = deed.metadata.identity_delegation_chain
        return entry

    def _know(self, wire: Wire | Facts, payload: "Payload | _Deed") -> None:
        """Keep what nearly every rule asks as plain attributes."""
        self.was_read_deeply = False
        self._line: bytes | str = b""
        self.log_name = wire.log_name
        """The log, with the project, folder or organization it belongs to."""
        self.log_severity = wire.severity
        """The entry's own severity, not ours."""
        self.service = payload.service_name
        """The API that was called (`iam.googleapis.com`)."""
        self.method = payload.method_name
        """The methodName as the service writes it."""
        self.caller_ip = payload.request_metadata.caller_ip
        """The address as logged; not always an IP (`gce-internal-ip`, `private`)."""
        self.user_agent = payload.request_metadata.caller_supplied_user_agent
        """What the caller says it is; the caller controls it."""
        self.status_code = payload.status.code
        """The google.rpc code, 0 where there is none."""
        self.status_message = payload.status.message
        """The text of the failure, as logged."""
        self.failed = bool(self.status_code) or (
            self.log_severity in _FAILURE_SEVERITIES and self.status_message != "OK"
        )
        """Whether the call failed. Success has five encodings; failure is a code, or ERROR without one."""

    @lazily
    def wire(self) -> Wire:
        """The partial decode of the whole entry. Raises InputError where a text in it is no text."""
        return decode_wire(self._line)[0]

    @lazily
    def payload(self) -> Payload:
        """The AuditLog message of `wire`."""
        return _checked(self.wire)[1]

    def __repr__(self) -> str:
        return f"LogEntry({self.method!r}, {self.wire.timestamp!r}, {self.wire.insert_id!r})"

    # ---- where and when -------------------------------------------------------------------------------------

    @property
    def ref(self) -> LogRef:
        """What identifies this entry as evidence."""
        return LogRef(self.log_name, self.wire.insert_id, self.wire.timestamp)

    @property
    def timestamp(self) -> str:
        """When it happened, as the entry writes it (RFC 3339, up to nanoseconds)."""
        self.was_read_deeply = True
        return self.wire.timestamp

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
        return "/".join(head[:2]) if len(head) > 1 else ""

    @lazily
    def project(self) -> str:
        """The project id the entry belongs to; '' for folders and organizations."""
        if project := self._target_labels.project_id:
            return project
        kind, _, name = self.scope.partition("/")
        return name if kind == "projects" else ""

    @deeply
    def operation(self) -> Operation:
        """The long-running operation this entry belongs to; empty for a plain call."""
        try:
            return _decode_operation(self.wire.operation)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return _lenient_operation(_map(_loads(self.wire.operation)))

    # ---- who --------------------------------------------------------------------------------------------------

    @lazily
    def authentication(self) -> Authentication:
        """authenticationInfo as logged."""
        try:
            return _decode_authentication(self.payload.authentication_info)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return _lenient_authentication(_map(_loads(self.payload.authentication_info)))

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
        hops = (hop.principal for hop in self.authentication.service_account_delegation_info)
        return tuple(hop for hop in hops if hop is not None)

    @lazily
    def impersonators(self) -> tuple[Principal, ...]:
        """The delegation without Google's own service agents, which act for a service and impersonate nobody."""
        return tuple(hop for hop in self.delegation if not hop.is_service_agent)

    @lazily
    def caller_address(self) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
        """The address where it is an IP."""
        try:
            return ipaddress.ip_address(self.caller_ip)
        except ValueError:
            return None

    @property
    def from_gke_metadata_server(self) -> bool:
        """Whether the GKE metadata server minted for a workload, by its user agent."""
        return "gke-metadata-server" in self.user_agent

    # ---- outcome ----------------------------------------------------------------------------------------------

    @property
    def denied(self) -> bool:
        """Whether the call was refused for want of a permission (or by a perimeter or a deny policy)."""
        return self.status_code == PERMISSION_DENIED

    @deeply
    def status_details(self) -> tuple[Document, ...]:
        """The google.rpc details of a failure."""
        value = _loads(self.payload.status.details)
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

    @lazily
    def permissions(self) -> tuple[PermissionCheck, ...]:
        """The permission checks; the same one can stand twice, and early failures have none."""
        try:
            return _decode_checks(self.payload.authorization_info)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return _lenient_checks(_loads(self.payload.authorization_info))

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
        self.was_read_deeply = True
        return self.wire.resource.type

    @deeply
    def resource_labels(self) -> Mapping[str, str]:
        """The labels of the monitored resource."""
        try:
            return _decode_labels(self.wire.resource.labels)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return {str(key): _text(item) for key, item in _map(_loads(self.wire.resource.labels)).items()}

    @lazily
    def _target_labels(self) -> _Target:
        try:
            return _decode_target(self.wire.resource.labels)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return _Target(self.resource_labels.get("email_id", ""), self.resource_labels.get("project_id", ""))

    @property
    def raw_resource_name(self) -> str:
        """`protoPayload.resourceName` as written: relative, with ids, numbers or unique ids."""
        self.was_read_deeply = True
        return self.payload.resource_name

    @lazily
    def target(self) -> str:
        """The service account that is minted for, signed as, changed or granted on; its e-mail, or ''.

        resourceName holds the unique id only; the e-mail is in the labels, else in the request or the response.
        """
        if email := self._target_labels.email_id:
            return email.lower()
        if self.service not in ("iam.googleapis.com", "iamcredentials.googleapis.com"):
            return ""
        for text in (self.request.text("name"), self.request.text("resource"), self.raw_resource_name):
            if found := _EMAIL_IN_NAME.search(text):
                return found[1].lower()
        return self.response.text("email").lower()

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

    @lazily
    def delegates(self) -> tuple[str, ...]:
        """The service accounts a mint asks to go through, as it names them."""
        try:
            return _decode_mint_request(self.payload.request).delegates
        except (msgspec.DecodeError, UnicodeDecodeError):
            return self.request.texts("delegates")

    @lazily
    def delegation_chain(self) -> tuple[str, ...]:
        """The e-mails of metadata.identityDelegationChain; one element is just the target, not a delegation."""
        return tuple(name.rpartition("/")[2].lower() for name in self._chain)

    @lazily
    def _chain(self) -> tuple[str, ...]:
        try:
            return _decode_chain(self.payload.metadata).identity_delegation_chain
        except (msgspec.DecodeError, UnicodeDecodeError):
            return self.metadata.texts("identityDelegationChain")

    # ---- what it asked, answered and changed ------------------------------------------------------------------

    @deeply
    def request(self) -> Document:
        """The request as logged; iam writes it in snake_case with enum numbers, most others in camelCase."""
        return _document(self.payload.request)

    @deeply
    def response(self) -> Document:
        """The response as logged."""
        return _document(self.payload.response)

    @deeply
    def metadata(self) -> Document:
        """The service's own metadata."""
        return _document(self.payload.metadata)

    @deeply
    def service_data(self) -> Document:
        """The carrier of policy and permission deltas."""
        return _document(self.payload.service_data)

    @deeply
    def policy_violation_info(self) -> Document:
        """What an organization policy refused."""
        return _document(self.payload.policy_violation_info)

    @deeply
    def labels(self) -> Document:
        """The labels of the entry itself (Kubernetes: decision and reason)."""
        return _document(self.wire.labels)

    @lazily
    def has_policy_delta(self) -> bool:
        """Whether the entry says what changed. An empty delta is a write that changed nothing."""
        return self._policy_delta is not None or any(self.metadata.has(path) for path in _METADATA_DELTAS)

    @deeply
    def _policy_delta(self) -> _PolicyDelta | None:
        try:
            delta = _decode_service_data(self.payload.service_data).policy_delta
        except (msgspec.DecodeError, UnicodeDecodeError):
            delta = None
        return _lenient_policy_delta(self.service_data) if delta is None else delta

    @lazily
    def _policy_changes(self) -> tuple[tuple[DeltaAction, Grant], ...]:
        changes = [] if self._policy_delta is None else _changes(self._policy_delta.binding_deltas)
        if self.metadata:
            for path in _METADATA_DELTAS:
                changes += _changes(_lenient_binding_deltas(self.metadata, f"{path}.bindingDeltas"))
            changes += _dataset_access_changes(self.metadata)
        if changes or self.has_policy_delta or not _SETS_POLICY.search(self.method):
            return tuple(changes)
        return tuple((DeltaAction.ADD, grant) for grant in _grants_of_policy(self.requested_policy))

    @lazily
    def requested_policy(self) -> Document:
        """The whole policy a SetIamPolicy call wrote; empty where the entry does not show it."""
        for policy in (
            self.request.document("policy"),
            self.request.document("iamRequest.policy"),
            self.request.document("resource.policy"),
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
        return () if self.failed else self.attempted_grants

    @lazily
    def attempted_grants(self) -> tuple[Grant, ...]:
        """The roles the call tried to give, whether or not it succeeded."""
        return tuple(grant for action, grant in self._policy_changes if action is DeltaAction.ADD)

    @lazily
    def removed_grants(self) -> tuple[Grant, ...]:
        """The roles that were taken away."""
        if self.failed:
            return ()
        return tuple(grant for action, grant in self._policy_changes if action is DeltaAction.REMOVE)

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


def decode(line: bytes | str, facts: Facts | None = None) -> LogEntry:
    """Parse one entry from its JSON text; `facts`, where they were decoded from the same text, save work.

    Raises InputError where the text is no audit log entry; a field of an unexpected type is dropped, not fatal.
    """
    wire, payload = decode_wire(line)
    if facts is None:
        return LogEntry(wire, payload)
    entry = LogEntry.known_by(facts, line)
    entry.wire, entry.payload = wire, payload
    return entry


def decode_facts(line: bytes | str) -> Facts | None:
    """The facts of an entry, for telling a repetition; None where some field is not of the usual type."""
    try:
        return _decode_facts(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def decode_wire(line: bytes | str) -> tuple[Wire, Payload]:
    """The partial decode alone: what `decode` does before a rule asks. Raises InputError likewise."""
    try:
        wire = _decode_wire(line)
    except msgspec.ValidationError:
        return _checked(_lenient(_map(_loads_line(line))))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError("", f"not JSON: {error}") from error
    payload = wire.proto_payload
    if payload is None or not payload.method_name:
        return _checked(wire)
    return wire, payload


def from_dict(value: object) -> LogEntry:
    """Parse one entry from decoded JSON, keeping whatever can be kept.

    Raises InputError where it is no audit log entry at all.
    """
    if not isinstance(value, dict):
        raise InputError("", f"expected a JSON object, found {type(value).__name__}")
    return LogEntry(*_checked(_lenient(value)))


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


_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))?\s?(Z|z|UTC|[+-]\d\d:\d\d)?", re.ASCII)
_EMAIL_IN_NAME: Final = re.compile(r"(?:^|/)([^/@\s]+@[^/@\s]+)$")
_METADATA_DELTAS: Final = ("datasetChange", "tableChange", "connectionChange", "routineChange")
_ACTIONS: Final[Mapping[str, DeltaAction]] = {action.value: action for action in DeltaAction}
_SETS_POLICY: Final = re.compile(r"(?i)(setiampolicy|setiampermissions)$")


def _log_of(log_name: str) -> str:
    _, found, tail = log_name.rpartition("cloudaudit.googleapis.com%2F")
    if not found:
        _, found, tail = log_name.rpartition("cloudaudit.googleapis.com/")
    return tail if found else ""


def _loads(raw: msgspec.Raw) -> Any:
    try:
        return _decode_any(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _loads_line(line: bytes | str) -> object:
    try:
        return _decode_any(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError("", f"not JSON: {error}") from error


def _document(raw: msgspec.Raw) -> Document:
    value = _loads(raw)
    if isinstance(value, str) and value.startswith("{"):  # sink tables hold bodies as JSON strings
        value = _loads(msgspec.Raw(value.encode()))
    return Document(value) if isinstance(value, dict) else EMPTY


def _checked(wire: Wire) -> tuple[Wire, Payload]:
    payload = wire.proto_payload
    if payload is None:
        raise InputError("protoPayload", "missing: this is not an audit log entry")
    if not payload.method_name:
        raise InputError("protoPayload.methodName", "expected a non-empty string")
    return wire, payload


def _condition(condition: Document) -> Condition | None:
    if not condition:
        return None
    return Condition(condition.text("expression"), condition.text("title"), condition.text("description"))


def _grant(role: str, member: str, condition: Condition | None) -> Grant:
    if condition is not None and not (condition.expression or condition.title):
        condition = None
    return Grant(role, member, parse_member(member), condition)


def _changes(deltas: tuple[_BindingDelta, ...]) -> list[tuple[DeltaAction, Grant]]:
    return [
        (action, _grant(delta.role, delta.member, delta.condition))
        for delta in deltas
        if (action := _ACTIONS.get(delta.action.upper())) is not None
    ]


def _grants_of_policy(policy: Document) -> list[Grant]:
    return [
        _grant(binding.text("role"), member, _condition(binding.document("condition")))
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
            grant = _grant(access.text("role"), member, _condition(access.document("condition")))
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
    labels, kind = entry.resource_labels, entry.resource_type
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
        return names.project_name(entry.project) if entry.project else f"//{entry.service}/{entry.scope}"
    return entry.named(f"//{entry.service}/{entry.raw_resource_name.lstrip('/')}")


# ---- the tolerant decode: slower, for the few entries whose types are not what the API documents -----------------


def _lenient(value: dict[str, Any]) -> Wire:
    payload = value.get("protoPayload")
    resource = _map(value.get("resource"))
    return Wire(
        log_name=_text(value.get("logName")),
        insert_id=_text(value.get("insertId")),
        timestamp=_text(value.get("timestamp")),
        receive_timestamp=_text(value.get("receiveTimestamp")),
        severity=_text(value.get("severity")),
        resource=_Resource(_text(resource.get("type")), _raw(resource.get("labels"))),
        proto_payload=_lenient_payload(payload) if isinstance(payload, dict) else None,
        operation=_raw(value.get("operation")),
        labels=_raw(value.get("labels")),
    )


def _lenient_payload(payload: dict[str, Any]) -> Payload:
    status = _map(payload.get("status"))
    origin = _map(payload.get("requestMetadata"))
    return Payload(
        service_name=_text(payload.get("serviceName")),
        method_name=_text(payload.get("methodName")),
        resource_name=_text(payload.get("resourceName")),
        status=_Status(_code(status.get("code")), _text(status.get("message")), _raw(status.get("details"))),
        request_metadata=_RequestMetadata(_text(origin.get("callerIp")), _text(origin.get("callerSuppliedUserAgent"))),
        authentication_info=_raw(payload.get("authenticationInfo")),
        authorization_info=_raw(payload.get("authorizationInfo")),
        request=_raw(payload.get("request")),
        response=_raw(payload.get("response")),
        metadata=_raw(payload.get("metadata")),
        service_data=_raw(payload.get("serviceData")),
        policy_violation_info=_raw(payload.get("policyViolationInfo")),
    )


def _lenient_authentication(info: dict[str, Any]) -> Authentication:
    return Authentication(
        principal_email=_text(info.get("principalEmail")),
        principal_subject=_text(info.get("principalSubject")),
        authority_selector=_text(info.get("authoritySelector")),
        service_account_key_name=_text(info.get("serviceAccountKeyName")),
        service_account_delegation_info=tuple(
            Delegation(
                principal_subject=_text(hop.get("principalSubject")),
                first_party_principal=_FirstParty(_text(_map(hop.get("firstPartyPrincipal")).get("principalEmail"))),
            )
            for hop in _maps(info.get("serviceAccountDelegationInfo"))
        ),
    )


def _lenient_checks(value: object) -> tuple[PermissionCheck, ...]:
    return tuple(PermissionCheck(_text(check.get("permission")), _flag(check.get("granted"))) for check in _maps(value))


def _lenient_policy_delta(service_data: Document) -> _PolicyDelta | None:
    if not service_data.has("policyDelta"):
        return None
    return _PolicyDelta(
        _lenient_binding_deltas(service_data, "policyDelta.bindingDeltas"),
        tuple(
            _AuditConfigDelta(
                delta.text("action"), delta.text("service"), delta.text("logType"), delta.text("exemptedMember")
            )
            for delta in service_data.documents("policyDelta.auditConfigDeltas")
        ),
    )


def _lenient_binding_deltas(document: Document, path: str) -> tuple[_BindingDelta, ...]:
    return tuple(
        _BindingDelta(
            delta.text("action"), delta.text("role"), delta.text("member"), _condition(delta.document("condition"))
        )
        for delta in document.documents(path)
    )


def _lenient_operation(value: dict[str, Any]) -> Operation:
    return Operation(
        _text(value.get("id")), _text(value.get("producer")), _flag(value.get("first")), _flag(value.get("last"))
    )


def _map(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _maps(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def _flag(value: object) -> bool:
    return value is True or (isinstance(value, str) and value.lower() == "true")


def _code(value: object) -> int:
    text = _text(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0


def _raw(value: object) -> msgspec.Raw:
    if value is None:
        return _RAW_NULL
    try:
        return msgspec.Raw(msgspec.json.encode(value))
    except (UnicodeEncodeError, OverflowError, RecursionError, TypeError):
        pass
    try:  # half a surrogate pair, or a number beyond 64 bits: the rest is worth keeping
        return msgspec.Raw(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    except (TypeError, ValueError, RecursionError):
        return _RAW_NULL
