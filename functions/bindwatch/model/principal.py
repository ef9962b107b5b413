"""Principals: one parsed value for every way IAM, deny policies, logs and Kubernetes write an identity."""

import re
from functools import lru_cache

from msgspec.structs import replace

from bindwatch.model.account_email import is_account_domain
from bindwatch.model.identity import Principal, PrincipalKind
from bindwatch.model.member_grammar import read_member
from bindwatch.model.misspelt_member import repair

__all__ = ["Principal", "PrincipalKind", "parse_email", "parse_member", "parse_subject", "workload_identity_member"]

_FREEFORM_SUBJECT = re.compile(r"serviceAccount:([^\[\]@]+)\[(.+)\]", re.DOTALL)
_LONGEST_PROBLEM = 400
_CALLERS = frozenset(
    {
        PrincipalKind.USER,
        PrincipalKind.SERVICE_ACCOUNT,
        PrincipalKind.WORKLOAD,
        PrincipalKind.FEDERATED,
        PrincipalKind.WORKFORCE,
        PrincipalKind.RESOURCE,
        PrincipalKind.AGENT,
    }
)
_KNOWN_PREFIXES = ("user:", "serviceAccount:", "principal:")


def workload_identity_member(pool_project: str, namespace: str, ksa: str) -> str:
    """The legacy member of a Kubernetes service account in the pool of the project with this id."""
    return f"serviceAccount:{pool_project}.svc.id.goog[{namespace}/{ksa}]"


@lru_cache(maxsize=65536)
def parse_member(member: str) -> Principal:
    """Read a member of a policy. Never raises: what is no member becomes a MALFORMED principal that says why."""
    principal = read_member(member)
    if principal.kind is not PrincipalKind.MALFORMED:
        return principal
    principal = _with_likely(principal)
    if len(principal.problem) > _LONGEST_PROBLEM:
        return replace(principal, problem=f"{principal.problem[: _LONGEST_PROBLEM - 1]}…")
    return principal


@lru_cache(maxsize=8192)
def parse_subject(subject: str) -> Principal | None:
    """Read `authenticationInfo.principalSubject`; None for "".

    Security Token Service logs the bare subject of the external token (a GUID, an ARN, an e-mail): that is FEDERATED
    with nothing but its `subject`. There the external provider chooses the text, so for entries of
    `sts.googleapis.com` trust the mapped principal of the metadata instead, whatever this returns.
    """
    if not subject:
        return None
    principal = parse_member(subject)
    if _can_call(principal):
        return principal
    if (freeform := _FREEFORM_SUBJECT.fullmatch(subject)) and not freeform[1].endswith(".id.goog"):
        return Principal(PrincipalKind.FEDERATED, subject, pool=freeform[1], subject=freeform[2])
    if principal.is_malformed and subject.startswith(_KNOWN_PREFIXES):
        return principal
    return Principal(PrincipalKind.FEDERATED, subject, subject=subject)


@lru_cache(maxsize=8192)
def parse_email(email: str) -> Principal | None:
    """Read `authenticationInfo.principalEmail`; None for "".

    A user or service account has the `member` that policies use for it. GKE fills the field with user names of
    Kubernetes, which can be any text: `system:serviceaccount:NS:NAME` shows its parts, the others are the `subject`.
    """
    if not email:
        return None
    if email.startswith("system:"):  # no member starts so: what it may have been meant to be need not be searched for
        return _kubernetes_user(email)
    local, _, domain = email.partition("@")
    if local and domain and ":" not in local:
        return parse_member(f"{'serviceAccount' if is_account_domain(domain.lower()) else 'user'}:{email}")
    bare_workload = email.endswith("]") and not email.startswith(_KNOWN_PREFIXES)
    principal = parse_member(f"serviceAccount:{email}" if bare_workload else email)
    return principal if _can_call(principal) else _kubernetes_user(email)


def _can_call(principal: Principal) -> bool:
    return principal.kind in _CALLERS and not principal.deleted


def _with_likely(principal: Principal) -> Principal:
    """Add what was probably meant, and what can be read from that."""
    meant = repair(principal.member)
    if meant is None:
        return principal
    likely = read_member(meant.member)
    if likely.kind is PrincipalKind.MALFORMED:
        # Half repaired: still worth having the names it shows.
        return replace(likely, member=principal.member, problem="; ".join({meant.problem: 0, likely.problem: 0}))
    return replace(
        likely,
        kind=PrincipalKind.MALFORMED,
        origin=None,
        member=principal.member,
        problem=meant.problem or principal.problem,
        likely=meant.member,
    )


def _kubernetes_user(name: str) -> Principal:
    match name.split(":"):
        case ["system", "serviceaccount", namespace, account] if namespace and account:
            return Principal(PrincipalKind.KUBERNETES, name, namespace=namespace, service_account=account)
        case _:
            return Principal(PrincipalKind.KUBERNETES, name, subject=name)
