"""Reading files for a diagnosis: the inventory, and the facts of every log entry, audit or not."""

from collections.abc import Callable
from datetime import datetime

from bindwatch.adapters.files import Problem
from bindwatch.adapters.inputs import InputReader, Reading, Told
from bindwatch.diagnosis.case import Inputs, grantable
from bindwatch.diagnosis.traces import TraceBuilder
from bindwatch.errors import InputError
from bindwatch.inventory import Inventory
from bindwatch.knowledge.roles import RoleCatalogue
from bindwatch.model.log_entry import LogEntry


def read_inputs(
    paths: tuple[str, ...],
    as_of: datetime,
    catalogue: RoleCatalogue,
    told: Told,
    also: Callable[[LogEntry], None] | None = None,
    *,
    resource: str = "",
) -> tuple[Inputs, Reading]:
    """Everything below the paths that a diagnosis can use, and what of it could not be read.

    `also` is shown every audit log entry on the way. A policy that does not say whose it is, in a file that names
    `resource`, is that resource's.
    """
    reader = InputReader(paths, told)
    if resource:
        reader.expect(grantable(Inventory(), resource))
    traces = TraceBuilder()
    for part in reader.log_lines():
        block = part.block()
        for place in range(len(block)):
            try:
                entry = block.entry(place)
            except InputError as error:
                reader.refuse(part.file, part.line + place, block.line(place), error)
            else:
                reader.reading.entries += 1
                traces.add(entry)
                if also is not None:
                    also(entry)
        # Entries that are no audit logs are folded at once, so that a large log costs no memory.
        while reader.other_entries:
            traces.add_other(reader.other_entries.pop())
    inventory = reader.inventory() or Inventory()
    reader.reading.problems += [
        Problem(problem.file, problem.line, problem.field, problem.problem) for problem in inventory.problems
    ]
    while reader.other_entries:
        traces.add_other(reader.other_entries.pop())
    inputs = Inputs(inventory=inventory, traces=traces.build(), catalogue=catalogue, as_of=as_of)
    return inputs, reader.reading
