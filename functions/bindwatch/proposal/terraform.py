"""Reading a Terraform plan (`terraform show -json`) into the steps of a proposal.

Source of the format: https://developer.hashicorp.com/terraform/internals/json-format
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from bindwatch.errors import InputError
from bindwatch.proposal import entities, policies
from bindwatch.proposal.attributes import Attributes, Instance
from bindwatch.proposal.edits import Step, Unknown

_ABOUT_ACCESS: Final = re.compile(r"iam|acl|access_control|deny_policy|service_account|org(?:anization)?_policy")


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps of a plan, and how many resources of which types say nothing that is read here."""

    steps: tuple[Step, ...]
    not_read: Mapping[str, int]
    not_understood: tuple[str, ...]
    """Addresses of resources that are about access and that nothing here reads: the answer may lack what they do."""


def read_plan(value: object, *, file: str = "") -> Plan:
    """The steps of a plan. Raises InputError where it is a state, or a plan that failed, or none at all."""
    if not isinstance(value, dict):
        raise InputError("", "expected what terraform show -json prints")
    changes = value.get("resource_changes")
    if not isinstance(changes, list):
        if "planned_values" in value and "configuration" in value:
            changes = []
        else:
            raise InputError("resource_changes", "expected a plan; a state has no changes in it")
    if value.get("errored") is True:
        raise InputError("errored", "terraform could not finish this plan, so it does not say all that would happen")
    attributes = Attributes(value)
    pairs = [(item, _side(item, "before"), _side(item, "after")) for item in changes if isinstance(item, dict)]
    for _, before, after in pairs:
        known = after or before
        if known is not None:
            attributes.learn(known)
    for instance in _data(value):
        attributes.learn(instance)
    steps: list[Step] = []
    not_read: Counter[str] = Counter()
    not_understood: list[str] = []
    for item, before, after in pairs:
        known = after or before
        if known is None or item.get("mode") == "data":
            continue
        step = _step(item, before, after, attributes, file)
        if step is not None:
            steps.append(step)
        elif _action(item) != "no-op":
            not_read[known.type] += 1
            if known.type.startswith("google_") and _ABOUT_ACCESS.search(known.type):
                not_understood.append(known.address)
    return Plan(tuple(steps), dict(not_read), tuple(not_understood))


def _step(
    item: dict[str, Any], before: Instance | None, after: Instance | None, attributes: Attributes, file: str
) -> Step | None:
    reader = policies.reader_of((after or before).type) or entities.reader_of((after or before).type)  # type: ignore[union-attr]
    if reader is None:
        return None
    stood = reader.read(before, attributes) if before is not None else None
    comes = reader.read(after, attributes) if after is not None else None
    action = _action(item)
    step = Step(
        address=str(item.get("address", "")),
        action=action,
        file=file,
        standing=stood.doing if stood is not None else (),
        rank=reader.rank,
    )
    if action == "no-op":
        return replace(step, unknown=())
    return replace(
        step,
        undoing=stood.undoing if stood is not None else (),
        doing=comes.doing if comes is not None else (),
        unknown=tuple(Unknown(step.address, what) for what in (comes.unknown if comes is not None else ())),
        assumed=comes.assumed if comes is not None else (),
    )


def _action(item: dict[str, Any]) -> str:
    actions = _change(item).get("actions")
    words = [word for word in actions if isinstance(word, str)] if isinstance(actions, list) else []
    if "create" in words and "delete" in words:
        return "replace"
    if words in (["no-op"], ["read"], []):
        return "no-op"
    return {"forget": "no-op"}.get(words[0], words[0])


def _change(item: dict[str, Any]) -> dict[str, Any]:
    change = item.get("change")
    return change if isinstance(change, dict) else {}


def _side(item: dict[str, Any], side: str) -> Instance | None:
    change = _change(item)
    values = change.get(side)
    if not isinstance(values, dict) or not isinstance(item.get("type"), str):
        return None
    if side == "after" and change.get("actions") == ["delete"]:
        return None
    unknown = change.get("after_unknown") if side == "after" else {}
    module = item.get("module_address")
    return Instance(
        address=str(item.get("address", "")),
        type=item["type"],
        values=values,
        unknown=unknown if isinstance(unknown, dict | bool) else {},
        module=module if isinstance(module, str) else "",
        name=str(item.get("name", "")),
        index=item.get("index"),
        provider=str(item.get("provider_name", "")).rpartition("/")[2],
    )


def _data(plan: Mapping[str, Any]) -> Iterator[Instance]:
    """What data sources read before the plan was made."""
    state = plan.get("prior_state")
    values = state.get("values") if isinstance(state, dict) else None
    todo = [values.get("root_module")] if isinstance(values, dict) else []
    while todo:
        module = todo.pop()
        if not isinstance(module, dict):
            continue
        todo += module.get("child_modules") or []
        for item in module.get("resources") or []:
            if isinstance(item, dict) and item.get("mode") == "data" and isinstance(item.get("values"), dict):
                yield Instance(
                    address=str(item.get("address", "")),
                    type=str(item.get("type", "")),
                    values=item["values"],
                    module=str(module.get("address", "")),
                    name=str(item.get("name", "")),
                    index=item.get("index"),
                )
