"""Lists of live APIs into an inventory: read whole, or noted as not read, with the reason."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bindwatch.adapters.google_apis import Call, GoogleApis, NotReadError
from bindwatch.inventory import Hint, InventoryBuilder, Origin, Part, read_inventory_document


def read_list(
    apis: GoogleApis, call: Call, request: Mapping[str, Any], builder: InventoryBuilder, part: Part, hint: Hint
) -> bool:
    """Read a list of several pages. What could not be read to its end is noted as not read; true if it was."""
    try:
        items = list(apis.items(call, request))
    except NotReadError as refused:
        builder.could_not_read(part, hint.scope, refused.reason)
        return False
    return _take(items, builder, call, part, hint)


def read_one(
    apis: GoogleApis, call: Call, request: Mapping[str, Any], builder: InventoryBuilder, part: Part, hint: Hint
) -> bool:
    """Read what one answer holds, which may be a list without pages; true if it was given."""
    try:
        answer = apis.get(call, request)
    except NotReadError as refused:
        builder.could_not_read(part, hint.scope, refused.reason)
        return False
    return _take(answer, builder, call, part, hint)


def _take(value: object, builder: InventoryBuilder, call: Call, part: Part, hint: Hint) -> bool:
    read_inventory_document(value, builder, origin=Origin(str(call)), hint=replace(hint, part=part))
    return True
