"""The forms in which role definitions are kept, read into one."""

import gzip
import lzma
import zlib
from dataclasses import dataclass
from typing import Any

import msgspec

from bindwatch.errors import InputError


@dataclass(frozen=True, slots=True)
class RoleDocument:
    """One role as its source describes it. `inactive`: deleted or disabled, so its bindings grant nothing."""

    name: str
    permissions: tuple[str, ...]
    title: str = ""
    stage: str = ""
    inactive: bool = False


def role_key(role: str) -> str:
    """The name a binding uses for a role: `roles/x`, `projects/p/roles/x`, `organizations/1/roles/x`."""
    return role.removeprefix("//iam.googleapis.com/") if role.startswith("//") else role


def read_roles(data: bytes) -> tuple[RoleDocument, ...]:
    """The roles of a document in any form `RoleCatalogue.parse` names; raises `InputError` where there is none."""
    found: list[RoleDocument] = []
    basic = 0
    for item in _items(_inflated(data)):
        if _is_table(item):
            found.extend(RoleDocument(role_key(name), _strings(held)) for name, held in item.items())
            continue
        asset = item.get("resource")
        body = asset.get("data") if isinstance(asset, dict) else item
        if not isinstance(body, dict):
            continue
        name = body.get("name")
        if not isinstance(name, str) or "roles/" not in name:
            continue
        held = body.get("includedPermissions", body.get("included_permissions"))
        basic += held is None and asset is None
        stage = body.get("stage")
        found.append(
            RoleDocument(
                name=role_key(name),
                permissions=_strings(held),
                title=str(body.get("title") or ""),
                stage=stage if isinstance(stage, str) else "",
                inactive=body.get("deleted") is True or stage == "DISABLED",
            )
        )
    if not found:
        raise InputError("roles", "no role definition in this document")
    if basic == len(found) > 1:
        raise InputError("roles.includedPermissions", "missing everywhere: list the roles with view FULL")
    return tuple(found)


def _inflated(data: bytes) -> bytes:
    try:
        if data.startswith(b"\x1f\x8b"):
            return gzip.decompress(data)
        if data.startswith(b"\xfd7zXZ\x00"):
            return lzma.decompress(data)
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as problem:
        raise InputError("roles", f"cannot be decompressed: {problem}") from problem
    return data


def _items(data: bytes) -> list[dict[str, Any]]:
    text = data.removeprefix(b"\xef\xbb\xbf").strip()
    try:
        documents = [msgspec.json.decode(text)]
    except (msgspec.DecodeError, RecursionError) as whole:
        try:
            documents = msgspec.json.Decoder().decode_lines(text)
        except (msgspec.DecodeError, RecursionError):
            raise InputError("roles", f"not JSON: {whole}") from whole
    found: list[dict[str, Any]] = []
    todo = documents[::-1]
    while todo:
        one = todo.pop()
        if isinstance(one, list):
            todo.extend(reversed(one))
        elif isinstance(one, dict):
            inner = one.get("roles", one.get("assets"))
            if isinstance(inner, list):
                todo.extend(reversed(inner))
            else:
                found.append(one)
    return found


def _is_table(item: dict[str, Any]) -> bool:
    """Whether it is a plain `{role: [permission, …]}`."""
    return bool(item) and all("roles/" in name and isinstance(held, list) for name, held in item.items())


def _strings(values: object) -> tuple[str, ...]:
    return tuple(value for value in values if isinstance(value, str)) if isinstance(values, list) else ()
