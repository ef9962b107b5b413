"""A live project, folder or organization as what a command reads: its inventory, and its audit logs of the last days.

Reads what an audit reads, at the pace Google's quotas allow. What it may not read is a problem with its reason, and the
rest is judged.
"""

import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, Any, Final

from bindwatch.adapters import iam_api, resource_manager
from bindwatch.adapters.asset_inventory import AssetReader
from bindwatch.adapters.cloud_logging import Post, entries_filter, read_entries
from bindwatch.adapters.files import Item, Lines, Problem, Skipped
from bindwatch.adapters.google_apis import GoogleApis, NotReadError
from bindwatch.adapters.inputs import InputReader, Told
from bindwatch.inventory import Inventory, Part
from bindwatch.model.resource import canonical

_LOGS: Final = "Cloud Logging"
_INVENTORY: Final = "Google Cloud"
_MOST_DENY: Final = 5
_MINUTE: Final = "the IAM API allows five reads a minute; a deployed audit reads them in turn"


@dataclass(frozen=True, slots=True)
class Live:
    """What is to be read: a scope (`organizations/1`, `folders/2`, `projects/p`), and its entries of a span, if any."""

    scope: str
    apis: GoogleApis
    post: Post
    since: datetime | None = None
    until: datetime | None = None


class LiveReader(InputReader):
    """Reads files, and a live scope as if it were more of them."""

    def __init__(self, paths: tuple[str, ...], live: Live, told: Told) -> None:
        super().__init__(paths, told)
        self._live = live
        self._pages: IO[bytes] | None = None
        self._read_scope(live.apis, live.scope)
        unread = self._builder.build().failures()
        self.reading.problems += [Problem(_INVENTORY, 0, "", str(coverage)) for coverage in unread]
        if live.since is None:
            self.reading.skipped.append(Skipped(f"the audit logs of {live.scope}", "--since 7d reads them"))

    def inventory(self) -> Inventory | None:
        """What was read of the scope, and of the files; an empty one too, which says what could not be seen."""
        return self._builder.build()

    def log_lines(self) -> Iterator[Item | Lines]:
        """The log entries of the files, then those of the scope, oldest first."""
        yield from super().log_lines()
        if self._live.since is None:
            return
        self._pages = tempfile.TemporaryFile()  # noqa: SIM115 - read again where a window asks; gone with the process
        try:
            for page in self._entries(self._live.since):
                text = b"".join(json.dumps(entry).encode() + b"\n" for entry in page)
                self._pages.write(text)
                yield Lines.of(_LOGS, self.reading.entries + 1, text)
                self._told(_LOGS, self.reading.entries)
        except NotReadError as refused:
            self.reading.problems.append(Problem(_LOGS, 0, "", refused.reason))

    def _entries(self, since: datetime) -> Iterator[list[dict[str, Any]]]:
        until = self._live.until or datetime.now(UTC)
        wanted = entries_filter(*(moment.astimezone(UTC).isoformat() for moment in (since, until)))
        return read_entries(self._live.post, [self._live.scope], wanted)

    def log_lines_again(self) -> Iterator[Item | Lines]:
        """The log entries once more; nothing is asked of Google again."""
        yield from super().log_lines_again()
        if self._pages is not None:
            self._pages.seek(0)
            for number, line in enumerate(self._pages, 1):
                yield Lines.of(_LOGS, number, line)

    def _read_scope(self, apis: GoogleApis, scope: str) -> None:
        """Read the inventory; where the scope may not be listed whole, project by project."""
        refused_types: dict[str, str] = {}
        reader = AssetReader(apis, scope, self._builder, refused_types, self._took)
        reader.read()
        above = self._read_above(apis, scope)
        containers = list(reader.containers)
        if reader.was_denied and not scope.startswith("projects/"):
            for project in self._projects(apis, scope):
                name = f"projects/{project}"
                AssetReader(apis, name, self._builder, refused_types, self._took).read()
                containers.append(name)
        wanted = [*above, *sorted(containers, key=lambda name: name.startswith("projects/"))]
        self._read_deny_policies(apis, list(dict.fromkeys(wanted)))

    def _took(self, assets: int) -> None:
        self.reading.inventory_items += assets
        self._told(self._live.scope, self.reading.inventory_items)

    def _read_above(self, apis: GoogleApis, scope: str) -> tuple[str, ...]:
        above: tuple[str, ...] = (scope,)
        if not scope.startswith("organizations/"):
            above = resource_manager.read_above(apis, self._builder, scope)
        if above and above[-1].startswith("organizations/"):
            iam_api.read_boundaries(apis, self._builder, above[-1])
        return above

    def _projects(self, apis: GoogleApis, scope: str) -> list[str]:
        try:
            return resource_manager.find_projects(apis, "" if scope.startswith("organizations/") else scope)
        except NotReadError as refused:
            self._builder.could_not_read(Part.PROJECTS, canonical(scope), refused.reason)
            return []

    def _read_deny_policies(self, apis: GoogleApis, containers: Sequence[str]) -> None:
        """Those of the first few, which guard all that is below them; the quota allows no more while somebody waits."""
        for container in containers[:_MOST_DENY]:
            iam_api.read_deny_policies(apis, self._builder, container)
        if rest := containers[_MOST_DENY:]:
            self.reading.skipped.append(Skipped(f"deny policies of {len(rest)} projects and folders", _MINUTE))
