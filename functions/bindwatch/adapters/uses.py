"""Who used which permission on what: out of audit log entries in files, or out of a store that kept their essence."""

from datetime import datetime, timedelta
from typing import Final

import msgspec

from bindwatch.access.rightsizing import Use
from bindwatch.adapters.inputs import InputReader
from bindwatch.errors import InputError
from bindwatch.model.log_entry import LogEntry
from bindwatch.model.resource import canonical

_LONGEST: Final = timedelta(days=800)


class _Check(msgspec.Struct, gc=False):
    permission: str = ""
    granted: bool = False
    resource: str = ""


_CHECKS: Final = msgspec.json.Decoder(list[_Check])


def read_uses(reader: InputReader, use: Use) -> None:
    """Read every entry of the input; what is no entry goes back to the reader, which may take it as inventory."""
    for part in reader.log_lines():
        block = part.block()
        refused = 0
        for place in range(len(block)):
            try:
                entry = block.entry(place)
            except InputError as error:
                refused += 1
                reader.refuse(part.file, part.line + place, block.line(place), error)
                continue
            take_entry(entry, use)
        reader.reading.entries += len(block) - refused


def take_entry(entry: LogEntry, use: Use) -> None:
    """Note the permissions an entry shows in use, each on the resource it was checked on."""
    use.saw(entry.timestamp, entry.project, entry.log)
    caller = entry.caller
    if caller is None:
        return
    try:
        checks = _CHECKS.decode(entry.payload.authorization_info)
    except (msgspec.DecodeError, UnicodeDecodeError):
        checks = [_Check(check.permission, check.granted) for check in entry.permissions]
    for check in checks:
        if check.granted and check.permission:
            where = entry.named(canonical(check.resource, service=entry.service)) if check.resource else ""
            use.add(caller.identity, check.permission, where if "//" in where else entry.resource, entry.timestamp)


def stored_uses(path: str, use: Use, now: datetime) -> None:
    """Read the uses that a store (a DuckDB file) kept. It knows the resource of the entry, not of each check."""
    from bindwatch.adapters.duckdb import DuckDBStore  # a quarter of a second, only where a store is asked for

    with DuckDBStore(path) as store:
        for row in store.ask("queries/used_permissions", {"since": now - _LONGEST, "until": now}):
            moment = row["last_at"].isoformat().replace("+00:00", "Z")
            use.saw(moment, row["project"] or "", row["log"] or "")
            use.add(row["caller"], row["permission"], row["resource"] or "", moment)
