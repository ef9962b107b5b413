"""What a command was given to read: inventories first, since judging entries leans on them, then the log entries."""

import base64
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import msgspec

from bindwatch.adapters.files import (
    Input,
    Item,
    Lines,
    Problem,
    Skipped,
    decode_item,
    find_inputs,
    is_blank,
    peek,
    read_parts,
)
from bindwatch.errors import InputError
from bindwatch.inventory import (
    DocumentKind,
    Hint,
    Inventory,
    InventoryBuilder,
    Origin,
    classify,
    hint_from_name,
    hint_from_path,
    read_inventory_document,
    take_policy_lines,
    unbundle,
)
from bindwatch.model.resource import bucket_name, canonical, project_name, service_account_name

_WRAPPERS: Final = ("log", "logEntry", "log_entry", "entry", "event", "_source", "jsonPayload")


class Told(Protocol):
    """Hears of progress: what is being read, how much was read of what counts, and how many bytes of files."""

    def __call__(self, what: str, count: int, done: int = 0, /) -> None:
        """Hear of it."""


def _silent(what: str, count: int, done: int = 0, /) -> None:
    """Progress that nobody wants to see."""


@dataclass
class Reading:
    """What was read and what could not be: the summary, said as loudly as the findings."""

    files: int = 0
    entries: int = 0
    inventory_items: int = 0
    not_judged: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class PlanFile:
    """A Terraform plan as it was read, and where."""

    file: str
    line: int
    value: Any


class InputReader:
    """Reads files, directories and stdin, any mix, told apart by content.

    `inventory()` reads everything that is not plainly a log; `log_lines()` then gives the text of the log entries,
    each to be judged or handed back with `refuse`. What turns out to be an inventory item on the way is taken in.
    Policies that do not say whose they are, in the order of the files, are those of `resources`. Terraform plans are
    skipped, or kept in `plans` where they are asked for.
    """

    def __init__(
        self, paths: tuple[str, ...], told: Told = _silent, *, resources: tuple[str, ...] = (), plans: bool = False
    ) -> None:
        self.reading = Reading()
        self.plans: list[PlanFile] = []
        self.resources_used = 0
        self._resources = resources
        self._wants_plans = plans
        self.other_entries: list[dict[str, Any]] = []
        self._builder = InventoryBuilder()
        self._told = told
        self._bytes = 0
        self._logs: list[Input] = []
        self._late: list[Item] = []
        for source in find_inputs(paths):
            if isinstance(source, Problem):
                self.reading.problems.append(source)
            elif source.path == "-" or _is_log(peek(source)):
                self._logs.append(source)
            else:
                self._read_inventory(source)

    def inventory(self) -> Inventory | None:
        """What the inventory files (and inventory items met in logs so far) amount to; None where there are none."""
        return self._builder.build() if self.reading.inventory_items else None

    def log_lines(self) -> Iterator[Item | Lines]:
        """The log entries as text, file by file; count them in `reading.entries`."""
        for source in self._logs:
            self.reading.files += 1
            for part in read_parts(source):
                if isinstance(part, Problem | Skipped):
                    self._note(part)
                else:
                    yield part
                    self._bytes += part.size
                    self._told(source.path, self.reading.entries, self._bytes)
        yield from self.late_lines()

    def late_lines(self) -> Iterator[Item]:
        """The log entries found inside of others that were refused; `log_lines` ends with those it knows of by then."""
        while self._late:
            yield self._late.pop(0)

    def log_lines_again(self) -> Iterator[Item | Lines]:
        """The log entries of files once more; stdin is gone, and what others had stored them in is left out."""
        for source in self._logs:
            if source.path != "-":
                yield from (part for part in read_parts(source) if isinstance(part, Item | Lines))

    def refuse(self, file: str, line: int, text: bytes, error: InputError) -> None:
        """Take back what is no audit log entry: a blank line, an inventory item, another entry, or damage."""
        if is_blank(text):
            return
        item = Item(file, line, text)
        try:
            value: Any = decode_item(item)
        except ValueError as damage:
            self.reading.problems.append(Problem(file, line, "", str(damage)))
            return
        if classify(value) is DocumentKind.BUNDLE:
            self._read_bundle(value, item)
        elif isinstance(value, dict) and isinstance(value.get("entries"), list):  # what entries.list answers
            self._late += _items_of(value["entries"], item)
        elif isinstance(value, list):
            for inner in value:
                self._take(inner, item, error)
        elif (inner := _unwrapped(value)) is not None:
            self._late += _items_of([inner], item)
        else:
            self._take(value, item, error)

    def _take(self, value: Any, item: Item, error: InputError) -> None:
        if isinstance(value, dict) and ("jsonPayload" in value or "textPayload" in value):
            self.other_entries.append(value)
            self.reading.not_judged["log entries that are not audit logs"] += 1
        elif not self._take_inventory(value, item.file, item.line):
            if classify(value) is DocumentKind.LOG_ENTRY:
                self.reading.problems.append(Problem(item.file, item.line, error.field, error.problem))
            else:
                self.reading.not_judged["JSON values of no kind we know"] += 1

    def _note(self, part: Problem | Skipped) -> None:
        if isinstance(part, Problem):
            self.reading.problems.append(part)
        else:
            self.reading.skipped.append(part)

    def _read_inventory(self, source: Input) -> None:
        self.reading.files += 1
        for part in read_parts(source, whole=True):
            match part:
                case Lines():
                    chunk = part.text
                    self._bytes += part.size
                    if not chunk.endswith(b"\n"):
                        chunk += b"\n"
                    rest = take_policy_lines(chunk, self._builder, first_line=part.line)
                    self.reading.inventory_items += len(part.ends) - len(rest)
                    for number, line in rest:
                        if not is_blank(line):
                            self._read_item(Item(part.file, number, line), source)
                case Item():
                    self._bytes += part.size
                    self._read_item(part, source)
                case _:
                    self._note(part)
            self._told(source.path, self.reading.inventory_items, self._bytes)

    def _read_item(self, item: Item, source: Input) -> None:
        try:
            value: Any = decode_item(item)
        except ValueError as damage:
            self.reading.problems.append(Problem(item.file, item.line, "", str(damage)))
            return
        if classify(value) is DocumentKind.BUNDLE:
            self._read_bundle(value, item, source)
            return
        if self._take_inventory(value, item.file, item.line, source):
            return
        if (inner := _unwrapped(value)) is not None:
            self._late += _items_of([inner], item)
            return
        kind = classify(value)
        if kind is DocumentKind.LOG_ENTRY:
            entries = value.get("entries") if isinstance(value, dict) else value
            self._late += _items_of(entries, item) if isinstance(entries, list) else [item]
        elif kind is DocumentKind.TERRAFORM_PLAN and self._wants_plans:
            self.plans.append(PlanFile(item.file, item.line, value))
        elif kind is DocumentKind.TERRAFORM_PLAN:
            self.reading.skipped.append(Skipped(item.file, "of Terraform: bindwatch what-if reads plans"))
        else:
            self.reading.not_judged["JSON values of no kind we know"] += 1

    def _read_bundle(self, value: object, item: Item, source: Input | None = None) -> None:
        """Documents somebody put together in one: entries are kept for later, the rest is taken in."""
        for name, inner in unbundle(value):
            if classify(inner) is DocumentKind.LOG_ENTRY:
                self._late += _items_of(inner if isinstance(inner, list) else [inner], item)
            elif isinstance(inner, list | dict):
                hint = hint_from_name(name) or (hint_from_path(source.relative) if source else None)
                origin = Origin(f"{item.file}/{name}", item.line)
                if read_inventory_document(inner, self._builder, origin=origin, hint=hint):
                    self.reading.inventory_items += len(inner) if isinstance(inner, list) else 1
                elif inner:
                    self.reading.not_judged["JSON values of no kind we know"] += 1

    def expect(self, resource: str) -> None:
        """Note a resource that is looked into (a full name): a bare policy whose file names it is its policy."""
        self._builder.expect(resource)

    def _take_inventory(self, value: Any, file: str, line: int, source: Input | None = None) -> bool:
        hint = hint_from_path(source.relative) if source else None
        if hint is None and self.resources_used < len(self._resources) and classify(value) is DocumentKind.POLICY:
            hint = Hint(resource=named_by_hand(self._resources[self.resources_used]))
            self.resources_used += 1
        taken = read_inventory_document(value, self._builder, origin=Origin(file, line), hint=hint)
        if taken:
            self.reading.inventory_items += len(value) if isinstance(value, list) else 1
        return taken


def named_by_hand(text: str) -> str:
    """The full name of a resource as a person gives it: any name, `gs://B`, an e-mail, a project id."""
    text = text.strip()
    if text.startswith("gs://"):
        return bucket_name(text[5:].rstrip("/"))
    if "@" in text and "/" not in text:
        return service_account_name(text)
    return canonical(text) if "/" in text else project_name(text)


def _is_log(head: bytes) -> bool:
    return b'"protoPayload"' in head or b'"logName"' in head or b'"insertId"' in head


def _items_of(values: list[Any], item: Item) -> list[Item]:
    return [Item(item.file, item.line, msgspec.json.encode(value)) for value in values]


def _unwrapped(value: Any) -> dict[str, Any] | None:
    """The audit log entry inside what other systems store it in: a Pub/Sub message, a search hit, an event."""
    if not isinstance(value, dict) or "protoPayload" in value:
        return None
    message = value.get("message")
    if isinstance(message, dict) and isinstance(data := message.get("data"), str):
        try:
            inner = msgspec.json.decode(base64.b64decode(data))
        except (ValueError, msgspec.DecodeError, RecursionError):
            return None
        return inner if isinstance(inner, dict) and "protoPayload" in inner else None
    for name in _WRAPPERS:
        inner = value.get(name)
        if isinstance(inner, dict) and "protoPayload" in inner:
            return inner
    return None
