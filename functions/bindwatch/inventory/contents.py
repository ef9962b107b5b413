"""What a builder hands to the inventory it makes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from bindwatch.inventory.coverage import Origin, Part
from bindwatch.inventory.names import Names
from bindwatch.model.policy import Policy


class PolicyRecord(msgspec.Struct, frozen=True, gc=False):
    """A policy as it was read; a partial one is a search result, which holds only some of the bindings."""

    policy: Policy
    asset_type: str = ""
    update_time: str = ""
    partial: bool = False


class PolicyAsset(msgspec.Struct, rename="camel", gc=False, forbid_unknown_fields=True):
    """An asset of an export that holds its allow policy and nothing else; a line of one decodes straight into it."""

    name: str
    asset_type: str
    policy: Policy = msgspec.field(name="iamPolicy")
    ancestors: tuple[str, ...] = ()
    update_time: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a builder hands over, every name in it canonical."""

    entities: Mapping[type, tuple[Any, ...]] = field(default_factory=dict)
    origins: Mapping[int, Origin] = field(default_factory=dict)
    policies: Mapping[str, PolicyRecord] = field(default_factory=dict)
    chains: tuple[tuple[str, ...], ...] = ()
    homes: Mapping[str, str] = field(default_factory=dict)
    names: Names = field(default_factory=Names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What a builder saw and could not read, by part and scope; exports by content type.

    What was seen in `seen_below` was seen of everything below the scope too, which for most parts goes without saying.
    `present` are the parts of which there is anything at all, be it one described alone that says nothing of the rest.
    """

    seen: frozenset[tuple[Part, str]] = frozenset()
    seen_below: frozenset[tuple[Part, str]] = frozenset()
    failed: Mapping[tuple[Part, str], str] = field(default_factory=dict)
    exported: Mapping[str, frozenset[str]] = field(default_factory=dict)
    exported_parts: Mapping[str, frozenset[Part]] = field(default_factory=dict)
    present: frozenset[Part] = frozenset()
