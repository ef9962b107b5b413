"""The role catalogue: which permissions a role carries, kept as one integer per role.

An unknown role answers `None`, which means "cannot evaluate" and never "harmless".
"""

import gzip
from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Self

import msgspec

from bindwatch.errors import InputError
from bindwatch.knowledge.escalation import dangerous_bits, dangerous_mask, dangerous_permissions, trait_bits
from bindwatch.knowledge.permissions import Trait, canonical, trait
from bindwatch.knowledge.role_documents import RoleDocument, read_roles, role_key

_FORMAT = "bindwatch-roles/1"

BASIC_ROLES = frozenset(f"roles/{name}" for name in ("owner", "editor", "viewer", "admin", "writer", "reader"))
"""The roles that span every service: the legacy three and the three that replace them."""

# roles/admin, writer and reader are described as the successors of the legacy three; a catalogue that does not list
# them answers with those (https://cloud.google.com/iam/docs/roles-overview#basic).
_SUCCESSOR_OF = {"roles/admin": "roles/owner", "roles/writer": "roles/editor", "roles/reader": "roles/viewer"}


def is_service_agent_role(role: str) -> bool:
    """Whether the role is made for Google's own service agents, and so belongs to nobody else.

    Holds for all 266 of them: the id ends in `serviceAgent` or `ServiceAgent`, or carries it before a suffix.
    """
    return role.startswith("roles/") and "serviceagent" in role.lower()


def is_custom_role(role: str) -> bool:
    """Whether the role was made by a customer, in a project or an organization."""
    return role.startswith(("projects/", "organizations/"))


class RoleCatalogue:
    """Role → permissions, as integers over one table of permissions. Immutable; questions about a role are `O(1)`.

    The first bits of every mask are the dangerous permissions, in the order of `dangerous_permissions()`. Where
    `complete` is false (the built-in table) only those are known of predefined roles.
    """

    __slots__ = ("_bits", "_masks", "_names", "_partial", "_risks", "_trait_masks", "as_of", "source")

    def __init__(
        self,
        names: tuple[str, ...],
        bits: dict[str, int],
        masks: dict[str, int],
        risks: dict[str, int],
        partial: frozenset[str],
        source: str,
        as_of: str,
    ) -> None:
        self._names = names
        self._bits = bits
        self._masks = masks
        self._risks = risks
        self._partial = partial
        self._trait_masks: tuple[tuple[Trait, int], ...] = ()
        self.source = source
        self.as_of = as_of

    # -- making one ---------------------------------------------------------------------------------------------

    @classmethod
    def of(cls, roles: Mapping[str, Iterable[str]], *, source: str, as_of: str) -> Self:
        """A catalogue of exactly these roles, all of them completely known. `as_of` is a date, `2026-08-22`."""
        return cls._extended((), {}, {}, {}, frozenset(), roles, source, as_of)

    @classmethod
    def parse(cls, data: bytes, *, source: str, as_of: str) -> Self:
        """A catalogue from what `roles.list` (view FULL) answered, in any form it is commonly kept.

        JSON object, list or lines; `gcloud iam roles list|describe --format=json`; Cloud Asset Inventory roles; a plain
        `{role: [permission]}`; each also compressed with gzip or xz. Raises `InputError` for anything else, and for
        the BASIC view, which leaves the permissions out.
        """
        return cls.of(permissions_by_role(read_roles(data)), source=source, as_of=as_of)

    @classmethod
    def built_in(cls) -> "RoleCatalogue":
        """The table that comes with bindwatch: of every predefined role, its dangerous permissions and its traits."""
        return _built_in()

    @classmethod
    def _extended(
        cls, names: tuple[str, ...], bits: dict[str, int], masks: dict[str, int], risks: dict[str, int],
        partial: frozenset[str], roles: Mapping[str, Iterable[str]], source: str, as_of: str,
    ) -> Self:  # fmt: skip
        table = list(names or dangerous_permissions())
        index = dict(bits) or {permission: 1 << i for i, permission in enumerate(table)}
        position = {key: i for i, key in enumerate(index)}
        known, gone = dict(masks), dict(risks)
        for role, permissions in roles.items():
            held = []
            for permission in permissions:
                key = canonical(permission)
                at = position.get(key)
                if at is None:
                    at = position[key] = len(table)
                    index[key] = 1 << at
                    table.append(permission)
                elif table[at] != permission and at < len(dangerous_permissions()):
                    table[at] = permission
                held.append(at)
            key = role_key(role)
            known[key] = _mask(held)
            gone.pop(key, None)
        return cls(tuple(table), index, known, gone, partial - {role_key(role) for role in roles}, source, as_of)

    def with_custom_roles(self, roles: Mapping[str, Iterable[str]]) -> "RoleCatalogue":
        """This catalogue and these roles, which take the place of roles of the same name. They are known completely."""
        return self._extended(
            self._names, self._bits, self._masks, self._risks, self._partial, roles, self.source, self.as_of
        )

    # -- asking -------------------------------------------------------------------------------------------------

    def mask(self, role: str) -> int | None:
        """The permissions of the role as an integer over this catalogue's table; `None` when the role is unknown."""
        key = role_key(role)
        mask = self._masks.get(key)
        if mask is None and key in _SUCCESSOR_OF:
            mask = self._masks.get(_SUCCESSOR_OF[key])
        return mask

    def risk(self, role: str) -> int | None:
        """The role's dangerous permissions and traits, the same bits in every catalogue; `None` when it is unknown."""
        key = role_key(role)
        known = self._risks.get(key)
        if known is None:
            mask = self.mask(key)
            if mask is None:
                return None
            if key not in self._masks:
                return self.risk(_SUCCESSOR_OF[key])
            known = self._risks[key] = (mask & dangerous_mask()) | trait_bits(self._traits(mask))
        return known

    def permissions(self, role: str) -> frozenset[str] | None:
        """The permissions of the role, spelled as the catalogue's source spells them; `None` when it is unknown.

        Of a role that is not `complete_for`, only the dangerous ones.
        """
        mask = self.mask(role)
        return None if mask is None else frozenset(self.names(mask))

    def names(self, mask: int) -> tuple[str, ...]:
        """The permissions in a mask of this catalogue, in the order of its table."""
        return tuple(self._names[i] for i in positions(mask))

    def bit(self, permission: str) -> int:
        """The bit of a permission, in any spelling; 0 when no role of the catalogue carries it."""
        return self._bits.get(canonical(permission), 0)

    def mask_of(self, permissions: Iterable[str]) -> tuple[int, tuple[str, ...]]:
        """Some permissions as a mask, and those among them that are not in the table."""
        mask, missing = 0, []
        for permission in permissions:
            bit = self.bit(permission)
            mask |= bit
            if not bit:
                missing.append(permission)
        return mask, tuple(missing)

    def holds(self, role: str, permission: str) -> bool | None:
        """Whether the role carries the permission; `None` when that is not known."""
        mask = self.mask(role)
        if mask is None:
            return None
        if mask & self.bit(permission):
            return True
        return False if self.complete_for(role) or canonical(permission) in dangerous_bits() else None

    def roles_with(self, permission: str) -> tuple[str, ...]:
        """The roles known to carry the permission, sorted."""
        bit = self.bit(permission)
        return tuple(sorted(role for role, mask in self._masks.items() if mask & bit)) if bit else ()

    def masks(self) -> Iterable[tuple[str, int]]:
        """Every role with its mask, in no particular order."""
        return self._masks.items()

    def roles(self) -> tuple[str, ...]:
        """Every role the catalogue knows, sorted."""
        return tuple(sorted(self._masks))

    def __contains__(self, role: str) -> bool:
        return self.mask(role) is not None

    def __len__(self) -> int:
        return len(self._masks)

    @property
    def complete(self) -> bool:
        """Whether all permissions of all its roles are known, not only the dangerous ones."""
        return not self._partial

    def complete_for(self, role: str) -> bool:
        """Whether all permissions of this role are known."""
        key = role_key(role)
        if key not in self._masks:
            key = _SUCCESSOR_OF.get(key, key)
        return key in self._masks and key not in self._partial

    def age_days(self, today: str) -> int | None:
        """How old the catalogue is on a day (`2026-10-01`, or a timestamp); `None` when its date is not readable."""
        try:
            return (date.fromisoformat(today[:10]) - date.fromisoformat(self.as_of[:10])).days
        except ValueError:
            return None

    def _traits(self, mask: int) -> int:
        if not self._trait_masks:
            found: dict[Trait, list[int]] = {}
            for i, permission in enumerate(self._names):
                found.setdefault(trait(permission), []).append(i)
            self._trait_masks = tuple((one, _mask(positions)) for one, positions in found.items())
        traits = 0
        for one, members in self._trait_masks:
            if mask & members:
                traits |= one
        return traits

    # -- keeping it ---------------------------------------------------------------------------------------------

    def to_bytes(self) -> bytes:
        """The catalogue as a compact file, which `from_bytes` reads back. The same catalogue gives the same bytes."""
        if self._partial:
            raise InputError("roles", "the built-in table is not a catalogue to keep")
        width = (len(self._names) + 7) // 8
        document = _File(
            format=_FORMAT,
            source=self.source,
            as_of=self.as_of,
            permissions=self._names,
            roles={role: self._masks[role].to_bytes(width, "little") for role in sorted(self._masks)},
        )
        return gzip.compress(msgspec.msgpack.encode(document), mtime=0)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The catalogue `to_bytes` kept. Raises `InputError` when the file is not one, or of a later format."""
        try:
            document = msgspec.msgpack.decode(gzip.decompress(data), type=_File)
        except (OSError, EOFError, ValueError, msgspec.DecodeError) as problem:
            raise InputError("roles", f"not a role catalogue: {problem}") from problem
        if document.format != _FORMAT:
            raise InputError("format", f"expected {_FORMAT}, found {document.format[:40]!r}")
        masks = {role: int.from_bytes(held, "little") for role, held in document.roles.items()}
        dangerous = dangerous_permissions()
        if tuple(canonical(name) for name in document.permissions[: len(dangerous)]) != dangerous:
            names = document.permissions
            roles = {role: [names[i] for i in positions(mask)] for role, mask in masks.items()}
            return cls.of(roles, source=document.source, as_of=document.as_of)
        bits = {canonical(name): 1 << i for i, name in enumerate(document.permissions)}
        return cls(document.permissions, bits, masks, {}, frozenset(), document.source, document.as_of)


def permissions_by_role(documents: Iterable[RoleDocument]) -> dict[str, tuple[str, ...]]:
    """What each role grants now. A deleted or disabled role grants nothing until somebody restores it."""
    return {document.name: () if document.inactive else document.permissions for document in documents}


class _File(msgspec.Struct):
    format: str
    source: str
    as_of: str
    permissions: tuple[str, ...]
    roles: dict[str, bytes]


class _BuiltIn(msgspec.Struct):
    source: str
    as_of: str
    permissions: tuple[str, ...]
    dangerous: dict[str, tuple[int, ...]]
    harmless: dict[str, dict[str, str]]


@cache
def _built_in() -> RoleCatalogue:
    data = (Path(__file__).parent.parent / "data" / "dangerous_roles.json").read_bytes()
    table = msgspec.json.decode(data, type=_BuiltIn)
    bits = dangerous_bits()
    own = [bits[permission] for permission in table.permissions]
    masks, risks = {}, {}
    for role, (traits, *held) in table.dangerous.items():
        mask = 0
        for i in held:
            mask |= own[i]
        masks[role] = mask
        risks[role] = mask | trait_bits(traits)
    for traits_text, services in table.harmless.items():
        risk = trait_bits(int(traits_text))
        for service, names in services.items():
            for name in names.split():
                role = f"roles/{service}.{name}" if service else f"roles/{name}"
                masks[role] = 0
                risks[role] = risk
    return RoleCatalogue(dangerous_permissions(), dict(bits), masks, risks, frozenset(masks), table.source, table.as_of)


def _mask(positions: Iterable[int]) -> int:
    positions = list(positions)
    if not positions:
        return 0
    held = bytearray(max(positions) // 8 + 1)
    for i in positions:
        held[i >> 3] |= 1 << (i & 7)
    return int.from_bytes(held, "little")


def positions(mask: int) -> list[int]:
    """The places of the bits that are set, lowest first."""
    found = []
    for at, byte in enumerate(mask.to_bytes((mask.bit_length() + 7) // 8, "little")):
        while byte:
            low = byte & -byte
            found.append(at * 8 + low.bit_length() - 1)
            byte ^= low
    return found
