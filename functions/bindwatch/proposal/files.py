"""A proposal given as policies, or as any other document an inventory reads: each takes the place of what stands."""

from collections.abc import Iterator

from bindwatch.inventory import Inventory
from bindwatch.inventory.builder import PART_OF, Entity
from bindwatch.proposal.edits import PutEntity, SetPolicy, Step


def steps_of_documents(proposed: Inventory) -> Iterator[Step]:
    """The steps of what was read as a proposal: whole policies, and things as they shall be."""
    for resource, policy in proposed.policies:
        yield Step(address=resource, doing=(SetPolicy(resource, policy),))
    for kind in PART_OF:
        entities: tuple[Entity, ...] = proposed.all(kind)
        for entity in entities:
            name = str(getattr(entity, "name", "") or getattr(entity, "email", ""))
            yield Step(address=name, file=str(proposed.origin(entity)), doing=(PutEntity(entity),))
