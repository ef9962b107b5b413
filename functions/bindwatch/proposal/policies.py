"""The IAM resources of the google provider: members, bindings, policies and audit configs of anything that has them."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bindwatch.inventory import parse_policy
from bindwatch.model.policy import AuditConfig, AuditLogConfig, Condition, Policy
from bindwatch.proposal.attributes import Attributes, Instance, member_of
from bindwatch.proposal.edits import Edit, GrantRole, RevokeRole, SetAuditConfig, SetHolders, SetPolicy
from bindwatch.proposal.places import named

_TYPE: Final = re.compile(r"google_(\w+?)_iam_(member_remove|member|binding|policy|audit_config)")
_RANKS: Final = {"policy": 0, "binding": 1, "audit_config": 1, "member": 2, "member_remove": 3}
# Their `_iam_policy` replaces the audit configs too; those of other resources have none.
_WITH_AUDIT: Final = frozenset({"project", "folder", "organization"})


@dataclass(slots=True)
class Reading:
    """What one side of a resource amounts to: edits that bring it about, edits that undo it, what is unknown."""

    doing: tuple[Edit, ...] = ()
    undoing: tuple[Edit, ...] = ()
    unknown: list[str] = field(default_factory=list)
    assumed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PolicyReader:
    """Reads the instances of one IAM resource type."""

    family: str
    form: str

    @property
    def rank(self) -> int:
        """When its edits are made: whole policies first, single members last."""
        return _RANKS[self.form]

    def read(self, instance: Instance, attributes: Attributes) -> Reading:
        """One side of an instance as edits."""
        return _Reader(self, instance, attributes).read()


def reader_of(kind: str) -> PolicyReader | None:
    """The reader of a resource type; None where it is no IAM resource."""
    found = _TYPE.fullmatch(kind)
    return PolicyReader(found[1], found[2]) if found else None


class _Reader:
    def __init__(self, kind: PolicyReader, instance: Instance, attributes: Attributes) -> None:
        self.kind = kind
        self.instance = instance
        self.attributes = attributes
        self.reading = Reading()
        self._assumed: dict[str, None] = {}

    def read(self) -> Reading:
        place = self._place()
        form = self.kind.form
        if form == "policy":
            self._policy(place)
        elif form == "audit_config":
            self._audit(place)
        else:
            self._roles(place, form)
        self.reading.assumed = tuple(self._assumed)
        return self.reading

    def _text(self, name: str) -> str:
        if name == "project":
            return self.attributes.project(self.instance)
        guess = self.attributes.guess(self.instance, name)
        if guess is None:
            return ""
        if guess.reference:
            self._assumed[f"{name} is taken to be {guess.value}, by {guess.reference}"] = None
        return guess.value

    def _place(self) -> str:
        arguments = tuple(sorted({*self.instance.values, *_keys(self.instance.unknown)}))
        return named(self.kind.family, self._text, arguments)

    def _where(self, place: str) -> str:
        """Words for the place where the plan does not tell it."""
        return place or f"some {self.kind.family.replace('_', ' ')}, known after apply"

    # Roles

    def _roles(self, place: str, form: str) -> None:
        role = self._text("role")
        members = list(self._members("members" if form == "binding" else "member"))
        condition, is_known = self._condition()
        if not place:
            self.reading.unknown.append(
                f"{role or 'a role'} for {', '.join(members) or 'somebody'} on {self._where(place)}: not judged"
            )
            return
        if not role:
            self.reading.unknown.append(f"which role {', '.join(members) or 'somebody'} gets on {place}: not judged")
            return
        if not is_known:
            # An unknown condition lowers nothing.
            self.reading.unknown.append(f"the condition of {role} on {place}: judged as if there were none")
        match form:
            case "member":
                self.reading.doing = tuple(GrantRole(place, role, member, condition) for member in members)
                self.reading.undoing = tuple(RevokeRole(place, role, member, condition) for member in members)
            case "member_remove":
                self.reading.doing = tuple(RevokeRole(place, role, member, condition) for member in members)
            case _:
                self.reading.doing = (SetHolders(place, role, tuple(members), condition),)
                self.reading.undoing = (SetHolders(place, role, (), condition),)

    def _members(self, name: str) -> Iterator[str]:
        """The members that are known or can be told. Of the others it is said that there are some."""
        value = self.instance.values.get(name)
        known = [value] if isinstance(value, str) else [item for item in value or () if isinstance(item, str)]
        yield from known
        if not self.instance.is_unknown(name):
            return
        told = 0
        for guess in map(member_of, self.attributes.guesses(self.instance, name)):
            if not guess.value or guess.value in known:
                continue
            told += 1
            worst = ", which is the worst it can be" if guess.is_worst else ""
            self._assumed[f"a member is taken to be {guess.value}, by {guess.reference}{worst}"] = None
            yield guess.value
        if not told or not self.attributes.is_all_told(self.instance, name):
            role = self._text("role") or "a role"
            self.reading.unknown.append(f"who gets {role}: a member is known only after apply, and is not judged")

    def _condition(self) -> tuple[Condition | None, bool]:
        blocks = self.instance.values.get("condition")
        block = blocks[0] if isinstance(blocks, list) and blocks and isinstance(blocks[0], dict) else None
        is_known = not self.instance.is_unknown("condition")
        if block is None:
            return None, is_known
        expression = block.get("expression")
        if not isinstance(expression, str):
            return None, False
        words = (block.get(name) for name in ("title", "description"))
        return Condition(expression, *(word if isinstance(word, str) else "" for word in words)), is_known

    # Whole policies

    def _policy(self, place: str) -> None:
        data = self.instance.values.get("policy_data")
        if not place or not isinstance(data, str):
            self.reading.unknown.append(f"the whole policy of {self._where(place)}: not judged")
            return
        try:
            policy = parse_policy(json.loads(data))
        except (ValueError, RecursionError):
            self.reading.unknown.append(f"the policy of {place} is no JSON: not judged")
            return
        sets_audit = self.kind.family in _WITH_AUDIT
        self.reading.doing = (SetPolicy(place, policy, sets_audit),)
        self.reading.undoing = (SetPolicy(place, Policy(), sets_audit),)

    def _audit(self, place: str) -> None:
        service = self._text("service")
        if not place or not service:
            self.reading.unknown.append(
                f"the audit config of {service or 'a service'} on {self._where(place)}: not judged"
            )
            return
        logs = tuple(
            AuditLogConfig(
                item["log_type"], tuple(who for who in item.get("exempted_members") or () if isinstance(who, str))
            )
            for item in self.instance.values.get("audit_log_config") or ()
            if isinstance(item, dict) and isinstance(item.get("log_type"), str)
        )
        self.reading.doing = (SetAuditConfig(place, AuditConfig(service, logs)),)
        self.reading.undoing = (SetAuditConfig(place, AuditConfig(service)),)


def _keys(unknown: Any) -> tuple[str, ...]:
    return tuple(unknown) if isinstance(unknown, Mapping) else ()
