"""What Cloud Logging writes on the wire, decoded in two steps, so that an entry costs no more than what is asked of it.

1. `read_facts` takes from the text what nearly every rule asks: who did what as whom, from where, with which outcome.
   All else is skipped over, which costs a third of building it. Facts are hashable: traffic repeats, and what was once
   quiet for reasons that its facts tell is known by one look-up when it comes again.
2. `read_wire` takes the rest, when a rule asks for any of it. Request, response and the other large parts stay raw
   bytes in it until somebody wants exactly that part.

Both are strict and exact: no text is searched for, so neither the order of keys nor what an attacker wrote into a field
can mislead them, and of a key that stands twice both take the last, as any reader of JSON does. (Fields are declared in
the order in which Cloud Logging writes them: then each key is found at the first comparison.) What is not of the type
that the API documents goes the slow way, through the tolerant decode at the end, and is never remembered. So does an
entry without a method, which context-aware access writes and what others cut short: it is taken by what else it says.
Field facts are from observed entries; where documents and entries differ, the entry wins.
"""

import json
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from bindwatch.errors import InputError
from bindwatch.model.document import EMPTY, Document
from bindwatch.model.policy import Condition
from bindwatch.model.principal import Principal, parse_email, parse_subject

NULL: Final = msgspec.Raw(b"null")


# ---- the facts ----------------------------------------------------------------------------------------------------


class _FirstParty(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    principal_email: str = ""


class Delegation(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """One element of serviceAccountDelegationInfo; `{}` is what federated callers leave."""

    principal_subject: str = ""
    first_party_principal: _FirstParty = _FirstParty()

    @property
    def principal(self) -> Principal | None:
        """The identity of this hop, None where the entry does not name it."""
        if email := self.first_party_principal.principal_email:
            return parse_email(email)
        return parse_subject(self.principal_subject) if self.principal_subject else None


class Authentication(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """authenticationInfo: any of its fields may be missing, all of them where Google redacts a caller."""

    principal_email: str = ""
    service_account_delegation_info: tuple[Delegation, ...] = ()
    principal_subject: str = ""
    authority_selector: str = ""
    service_account_key_name: str = ""


class PermissionCheck(msgspec.Struct, frozen=True, gc=False):
    """One element of authorizationInfo. iam and iamcredentials omit `granted` where it is false."""

    permission: str = ""
    granted: bool = False


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


class _Target(msgspec.Struct, frozen=True, gc=False):
    email_id: str = ""
    project_id: str = ""


class _TargetResource(msgspec.Struct, frozen=True, gc=False):
    labels: _Target = _Target()


class Deed(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """The facts of the AuditLog message."""

    status: _Code = _Code()
    authentication_info: Authentication = Authentication()
    request_metadata: _RequestMetadata = _RequestMetadata()
    service_name: str = ""
    method_name: str = ""
    authorization_info: tuple[PermissionCheck, ...] = ()
    request: _MintRequest = _MintRequest()
    metadata: _Chain = _Chain()


class Facts(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """Who did what as whom, from where, with which outcome, in which project; without when, and to which object.

    Two entries with equal facts are the same deed again: the hourly mint of a workload, the thousandth read of a
    bucket. Hashable, so that what is known to be quiet is known by one look-up.
    """

    proto_payload: Deed = Deed()
    resource: _TargetResource = _TargetResource()
    severity: str = ""
    log_name: str = ""


NO_FACTS: Final = Facts()
"""What a text without a readable fact amounts to. No entry has these: one without a method has something else."""


# ---- the rest -----------------------------------------------------------------------------------------------------


class _Status(msgspec.Struct, frozen=True, gc=False):
    details: msgspec.Raw = NULL


class RestOfPayload(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """The parts of the AuditLog message that are large or seldom asked for, each as raw bytes."""

    status: _Status = _Status()
    authorization_info: msgspec.Raw = NULL
    resource_name: str = ""
    service_data: msgspec.Raw = NULL
    request: msgspec.Raw = NULL
    response: msgspec.Raw = NULL
    metadata: msgspec.Raw = NULL
    policy_violation_info: msgspec.Raw = NULL


class _Resource(msgspec.Struct, frozen=True, gc=False):
    type: str = ""
    labels: dict[str, str] = {}


class Rest(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """What an entry says beyond its facts: when, on what, and what was asked, answered and changed."""

    proto_payload: RestOfPayload = RestOfPayload()
    insert_id: str = ""
    resource: _Resource = _Resource()
    timestamp: str = ""
    operation: msgspec.Raw = NULL
    labels: msgspec.Raw = NULL


class Operation(msgspec.Struct, frozen=True, gc=False):
    """The long-running operation of an entry; its two entries share `id`, the second has no request."""

    id: str = ""
    producer: str = ""
    first: bool = False
    last: bool = False


_NO_OPERATION: Final = Operation()


class BindingDelta(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """One change of a binding, as written; `action` is not yet known to be one."""

    action: str = ""
    role: str = ""
    member: str = ""
    condition: Condition | None = None


class AuditDelta(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, rename="camel"):
    """One change of an audit config, as written."""

    action: str = ""
    service: str = ""
    log_type: str = ""
    exempted_member: str = ""


class PolicyDelta(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, rename="camel"):
    """What a policy gained and lost. A field that is not known here is refused: a tolerant reader takes over then."""

    binding_deltas: tuple[BindingDelta, ...] = ()
    audit_config_deltas: tuple[AuditDelta, ...] = ()


class _ServiceData(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    policy_delta: PolicyDelta | None = None


# ---- the strict decode --------------------------------------------------------------------------------------------

_decode_rest = msgspec.json.Decoder(Rest).decode
_decode_any = msgspec.json.Decoder().decode
_decode_parts = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_operation = msgspec.json.Decoder(Operation).decode
_decode_service_data = msgspec.json.Decoder(_ServiceData).decode

UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding raises for a text that is not as expected."""

decode_facts: Final = msgspec.json.Decoder(Facts).decode
"""The facts of one object: raises UNREADABLE, and takes what has no method."""

decode_facts_of_lines: Final = msgspec.json.Decoder(Facts).decode_lines
"""The same of all objects in a text, whichever white space is between them."""


def read_facts(line: bytes | str) -> Facts | None:
    """The facts of an entry; None where it is no entry, or some fact is not of the usual type: see `read_any`."""
    try:
        facts = decode_facts(line)
    except UNREADABLE:
        return None
    return facts if facts.proto_payload.method_name else None


def read_rest(line: bytes | str) -> Rest:
    """What an entry says beyond its facts. Raises InputError where a text in it is no text."""
    try:
        return _decode_rest(line)
    except UNREADABLE:
        return read_any(line)[1]


def read_policy_delta(service_data: msgspec.Raw) -> PolicyDelta | None:
    """What changed in a policy, where serviceData says it and says it as documented."""
    if service_data is NULL:
        return None
    try:
        return _decode_service_data(service_data).policy_delta
    except UNREADABLE:
        return None


def read_operation(raw: msgspec.Raw) -> Operation:
    """The operation of an entry; a field of another type reads as absent."""
    if raw is NULL:
        return _NO_OPERATION
    try:
        return _decode_operation(raw)
    except UNREADABLE:
        value = _map(read_value(raw))
        return Operation(
            _text(value.get("id")), _text(value.get("producer")), _flag(value.get("first")), _flag(value.get("last"))
        )


def _labels(raw: msgspec.Raw) -> dict[str, str]:
    """Labels; what is no text in them reads as absent."""
    return {str(key): _text(item) for key, item in _map(read_value(raw)).items()}


def read_value(raw: msgspec.Raw) -> Any:
    """Any part of an entry as Python has it; None where it cannot be read."""
    if raw is NULL:
        return None
    try:
        return _decode_any(raw)
    except UNREADABLE:
        return None


def read_document(raw: msgspec.Raw) -> Document:
    """A part of an entry to ask by path; sink tables hold such parts as texts of JSON."""
    if raw is NULL:
        return EMPTY
    value = read_value(raw)
    if isinstance(value, str) and value.startswith("{"):
        value = read_value(msgspec.Raw(value.encode()))
    return Document(value) if isinstance(value, dict) else EMPTY


# ---- the tolerant decode: slower, for the few entries whose types are not what the API documents ------------------


def read_any(line: bytes | str) -> tuple[Facts, Rest]:
    """Whatever of an entry can be read, each part by itself: a field of an unexpected type is dropped, not fatal.

    Raises InputError where the text is no audit log entry.
    """
    try:
        parts = _decode_parts(line)
    except msgspec.ValidationError:
        raise InputError("", "expected a JSON object") from None
    except UNREADABLE as error:
        raise InputError("", f"not JSON: {error}") from error
    return _of_parts(parts)


def read_decoded(value: object) -> tuple[Facts, Rest]:
    """As `read_any`, of an entry that somebody decoded already."""
    if not isinstance(value, dict):
        raise InputError("", f"expected a JSON object, found {type(value).__name__}")
    return _of_parts({str(key): _raw(item) for key, item in value.items()})


def _of_parts(parts: dict[str, msgspec.Raw]) -> tuple[Facts, Rest]:
    payload = _parts_of(parts.get("protoPayload", NULL))
    if payload is None:
        raise InputError("protoPayload", "missing: this is not an audit log entry")
    resource = _parts_of(parts.get("resource", NULL)) or {}
    labels = _labels(resource.get("labels", NULL))
    deed = _deed(payload)
    if not deed.method_name:
        deed = replace(deed, method_name=labels.get("method", "") or _method_of_request(payload))
        if not (deed.method_name or deed.status.code or deed.authorization_info):
            raise InputError("protoPayload.methodName", "expected a non-empty string: nothing else says what was done")
    facts = Facts(
        log_name=_text_of(parts, "logName"),
        severity=_text_of(parts, "severity"),
        resource=_TargetResource(_Target(labels.get("email_id", ""), labels.get("project_id", ""))),
        proto_payload=deed,
    )
    rest = Rest(
        insert_id=_text_of(parts, "insertId"),
        timestamp=_text_of(parts, "timestamp"),
        resource=_Resource(_text_of(resource, "type"), labels),
        proto_payload=_rest_of_payload(payload),
        operation=parts.get("operation", NULL),
        labels=parts.get("labels", NULL),
    )
    return facts, rest


def _deed(payload: dict[str, msgspec.Raw]) -> Deed:
    status = _map(read_value(payload.get("status", NULL)))
    origin = _map(read_value(payload.get("requestMetadata", NULL)))
    return Deed(
        service_name=_text_of(payload, "serviceName"),
        method_name=_text_of(payload, "methodName"),
        status=_Code(_code(status.get("code")), _text(status.get("message"))),
        request_metadata=_RequestMetadata(_text(origin.get("callerIp")), _text(origin.get("callerSuppliedUserAgent"))),
        authentication_info=_authentication(_map(read_value(payload.get("authenticationInfo", NULL)))),
        authorization_info=tuple(
            PermissionCheck(_text(check.get("permission")), _flag(check.get("granted")))
            for check in _maps(read_value(payload.get("authorizationInfo", NULL)))
        ),
        request=_MintRequest(read_document(payload.get("request", NULL)).texts("delegates")),
        metadata=_Chain(read_document(payload.get("metadata", NULL)).texts("identityDelegationChain")),
    )


def _method_of_request(payload: dict[str, msgspec.Raw]) -> str:
    """The method that the type of the request is called after (`compute.images.setIamPolicy`); '' where it has none."""
    kind = read_document(payload.get("request", NULL)).text("@type").rpartition("/")[2]
    name = kind.removesuffix("Request")
    return f"v1.{name}" if name.startswith("compute.") else name


def _authentication(info: dict[str, Any]) -> Authentication:
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


def _rest_of_payload(payload: dict[str, msgspec.Raw]) -> RestOfPayload:
    status = _parts_of(payload.get("status", NULL)) or {}
    return RestOfPayload(
        resource_name=_text_of(payload, "resourceName"),
        status=_Status(status.get("details", NULL)),
        authorization_info=payload.get("authorizationInfo", NULL),
        request=payload.get("request", NULL),
        response=payload.get("response", NULL),
        metadata=payload.get("metadata", NULL),
        service_data=payload.get("serviceData", NULL),
        policy_violation_info=payload.get("policyViolationInfo", NULL),
    )


def policy_delta_of(service_data: Document) -> PolicyDelta | None:
    """The policy delta in a serviceData of unusual types; None where it has none."""
    if not service_data.has("policyDelta"):
        return None
    return PolicyDelta(
        binding_deltas_of(service_data, "policyDelta.bindingDeltas"),
        tuple(
            AuditDelta(delta.text("action"), delta.text("service"), delta.text("logType"), delta.text("exemptedMember"))
            for delta in service_data.documents("policyDelta.auditConfigDeltas")
        ),
    )


def binding_deltas_of(document: Document, path: str) -> tuple[BindingDelta, ...]:
    """The binding deltas in the list at `path`."""
    return tuple(
        BindingDelta(
            delta.text("action"), delta.text("role"), delta.text("member"), condition_of(delta.document("condition"))
        )
        for delta in document.documents(path)
    )


def condition_of(condition: Document) -> Condition | None:
    """The condition of a binding; None where there is none."""
    if not condition:
        return None
    return Condition(condition.text("expression"), condition.text("title"), condition.text("description"))


def _parts_of(raw: msgspec.Raw) -> dict[str, msgspec.Raw] | None:
    try:
        return _decode_parts(raw)
    except UNREADABLE:
        return None


def _text_of(parts: dict[str, msgspec.Raw], name: str) -> str:
    return _text(read_value(parts[name])) if name in parts else ""


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
        return NULL
    try:
        return msgspec.Raw(msgspec.json.encode(value))
    except (UnicodeEncodeError, OverflowError, RecursionError, TypeError):
        pass
    try:  # half a surrogate pair, or a number beyond 64 bits: the rest is worth keeping
        return msgspec.Raw(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    except (TypeError, ValueError, RecursionError):
        return NULL
