"""Many entries at once: whole lines of a log, read as far as their facts go.

Reading lines together costs a tenth less than one by one, and most lines are never looked at again: what rules say of
them is known by the hash of their facts.
"""

from collections.abc import Container, Sequence
from typing import Final, Self

from bindwatch.errors import InputError
from bindwatch.model.lazily import lazily
from bindwatch.model.log_entry import LogEntry, decode
from bindwatch.model.log_wire import NO_FACTS, UNREADABLE, Facts, decode_facts, decode_facts_of_lines, read_any

_OPENING: Final = ord("{")
_CLOSING: Final = ord("}")
_RETURN: Final = ord("\r")
_NOWHERE: Final[frozenset[int]] = frozenset()


class LogBlock:
    """Entries that stand together, each in its place, from 0.

    A line that is no entry has its place too: it has no facts, and `entry` says what is wrong with it.
    """

    left_out: Container[int] = _NOWHERE
    """The places that are not to be judged with the others; for who reads the block to say."""

    def __init__(self, text: bytes, ends: Sequence[int], file: str = "", line: int = 1) -> None:
        """A text whose lines end at these offsets; what stands after the last is not of the block.

        The first is this line of this file.
        """
        self._text = text
        self._ends = ends
        self._odd = _NOWHERE
        self.file = file
        self.first_line = line

    @classmethod
    def of_lines(cls, text: bytes) -> Self:
        """The entries of NDJSON: each line is one, or damage."""
        return cls(text, line_ends(text))

    @classmethod
    def of_one(cls, text: bytes, file: str = "", line: int = 1) -> Self:
        """One entry, written in as many lines as it likes, from this one of a file on."""
        return cls(text, (len(text),), file, line)

    @lazily
    def facts(self) -> list[Facts]:
        """What each says of who did what as whom; NO_FACTS where nothing could be read."""
        facts = _facts_of_lines(self._text, self._ends)
        return self._facts_one_by_one() if facts is None else facts

    @lazily
    def known(self) -> list[int]:
        """The hashes of the facts."""
        return list(map(hash, self.facts))

    def __len__(self) -> int:
        return len(self._ends)

    def line(self, place: int) -> bytes:
        """The text in one place, without its line break."""
        return self._text[self._ends[place - 1] + 1 if place else 0 : self._ends[place]]

    def entry(self, place: int) -> LogEntry:
        """The entry in one place. Raises InputError where it is none."""
        return self.entry_and_hash(place)[0]

    def entry_and_hash(self, place: int) -> tuple[LogEntry, int | None]:
        """The entry in one place, and the hash that stands for its facts; None where they are more than was `known`.

        Raises InputError where it is none.
        """
        facts, line = self.facts[place], self.line(place)
        if place in self._odd or not facts.proto_payload.method_name:
            return decode(line), None
        return LogEntry(facts, line), self.known[place]

    def _facts_one_by_one(self) -> list[Facts]:
        found, odd = [], set()
        for place in range(len(self)):
            line = self.line(place)
            try:
                facts = decode_facts(line)
            except UNREADABLE:
                odd.add(place)
                facts = _tolerantly(line)
            found.append(facts)
        self._odd = frozenset(odd)
        return found


def line_ends(text: bytes) -> list[int]:
    """Where each line of a text ends; the last one may do without a line break."""
    ends = line_breaks(text)
    if not text.endswith(b"\n"):
        ends.append(len(text))
    return ends


def line_breaks(text: bytes) -> list[int]:
    """Where the line breaks of a text are."""
    breaks: list[int] = []
    find, add, at = text.find, breaks.append, -1
    while (at := find(b"\n", at + 1)) >= 0:
        add(at)
    return breaks


def _facts_of_lines(text: bytes, ends: Sequence[int]) -> list[Facts] | None:
    """The facts of all lines; None where it is not certain that each line holds one entry of the usual types."""
    try:
        found = decode_facts_of_lines(memoryview(text)[: ends[-1]])
    except UNREADABLE:
        return None
    if len(found) != len(ends):
        return None
    # JSON may span lines, and a line may hold two objects. But where an object closes, a line ends and another object
    # opens, no object goes on: so many lines with so many objects between such breaks are one object each.
    inner = ends[:-1]
    if inner and not inner[0]:  # the first line is blank: no object closes at its end
        return None
    if inner and text[inner[0] - 1] == _RETURN:
        return found if all(text[end - 2 : end + 2] == b"}\r\n{" for end in inner) else None
    for end in inner:
        if text[end - 1] != _CLOSING or text[end + 1] != _OPENING:
            return None
    return found


def _tolerantly(line: bytes) -> Facts:
    try:
        return read_any(line)[0]
    except InputError:
        return NO_FACTS
