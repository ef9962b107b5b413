"""Which findings one fix settles: several rules look at one grant, and a person runs its command once."""

from collections.abc import Hashable, Iterable, Sequence
from typing import TypeVar

T = TypeVar("T")


def fix_of(resource: str, commands: Sequence[str]) -> Hashable | None:
    """What is the same for findings that the very same commands settle; None where there is no command.

    Commands of gcloud and bq name what they change in full. Others may mean the cluster at hand, so that the same
    words on another resource are another fix.
    """
    if not commands:
        return None
    in_full = all(command.startswith(("gcloud ", "bq ")) for command in commands)
    # The hash alone: of a hundred thousand findings the words of the commands weigh more than all that was judged.
    return hash((tuple(commands), "" if in_full else resource))


def together(items: Iterable[tuple[T, Hashable | None]]) -> list[list[T]]:
    """Items with their fixes as groups, each where its first item stood; what has no fix stands alone."""
    groups: list[list[T]] = []
    by_fix: dict[Hashable, list[T]] = {}
    for item, fix in items:
        group = by_fix.get(fix) if fix is not None else None
        if group is None:
            groups.append(group := [])
            if fix is not None:
                by_fix[fix] = group
        group.append(item)
    return groups
