"""Reading what people have on disk: audit logs and inventories, any mix, told apart by their content.

JSON arrays, NDJSON (with blank and comment lines), single and concatenated documents, gzip, UTF-16 (which PowerShell
writes for `>`), whole directories, stdin.
A part that cannot be read becomes a Problem with its file and line; nothing else is lost because of it.
"""

import codecs
import gzip
import io
import json
import sys
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Self, cast

import msgspec

from bindwatch.model.log_block import LogBlock, line_breaks, line_ends

_GZIP: Final = b"\x1f\x8b"
_UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_BOM: Final = b"\xef\xbb\xbf"
_BATCH: Final = 1 << 17  # what the caches of a processor hold beside the facts of its entries
_BATCH_OF_INVENTORY: Final = 1 << 20
_SKIPPED_DIRECTORIES: Final = frozenset({".git", "__pycache__", "node_modules", ".terraform"})


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in the input that could not be read: where, and what is wrong with it."""

    file: str
    line: int
    field: str
    problem: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.field}: {self.problem}" if self.field else f"{place}: {self.problem}"


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that is not for us, and why. Not damage: the work is complete without it."""

    file: str
    reason: str


@dataclass(frozen=True, slots=True)
class Item:
    """One JSON value of a file, still as text, and the line it starts on."""

    file: str
    line: int
    text: bytes

    @property
    def size(self) -> int:
        """How many bytes the text is."""
        return len(self.text)

    def block(self) -> LogBlock:
        """The value as a log entry, which it may not be."""
        return LogBlock.of_one(self.text, self.file, self.line)


@dataclass(frozen=True, slots=True)
class Lines:
    """Some whole lines of NDJSON, as they stand in the file, and the number of the first.

    Blank lines and comments are among them. `ends` are the offsets at which the lines end; what stands in `read` after
    the last of them belongs to the next lines.
    """

    file: str
    line: int
    read: bytes
    ends: list[int]

    @property
    def text(self) -> bytes:
        """The lines, with their line breaks."""
        return self.read[: self.ends[-1] + 1]

    @property
    def size(self) -> int:
        """How many bytes the lines are."""
        return min(self.ends[-1] + 1, len(self.read))

    @classmethod
    def of(cls, file: str, line: int, text: bytes) -> Self:
        """The lines of a text."""
        return cls(file, line, text, line_ends(text))

    def block(self) -> LogBlock:
        """The lines as log entries, which they may not be."""
        return LogBlock(self.read, self.ends, self.file, self.line)


@dataclass(frozen=True, slots=True)
class Input:
    """One file to read (or stdin, as `-`), and the path below which the user named it."""

    path: str
    root: str

    @property
    def relative(self) -> str:
        """Where the file lies below what the user named; tells a collector's cluster directories apart."""
        try:
            return Path(self.path).relative_to(self.root).as_posix()
        except ValueError:
            return self.path


def find_inputs(paths: Sequence[str]) -> Iterator[Input | Problem]:
    """The files that the given paths mean, directories in sorted order; a path that is not there is a Problem."""
    for text in paths:
        path = Path(text)
        if text == "-":
            yield Input("-", "-")
        elif path.is_dir():
            for below in sorted(path.rglob("*")):
                hidden = any(part in _SKIPPED_DIRECTORIES for part in below.relative_to(path).parts)
                if below.is_file() and not hidden:
                    yield Input(str(below), text)
        elif path.exists():
            yield Input(text, str(path.parent))
        else:
            yield Problem(text, 0, "", "no such file or directory")


def read_parts(source: Input, *, whole: bool = False) -> Iterator[Lines | Item | Problem | Skipped]:
    """The JSON values of one file, in their order; NDJSON in batches of lines and bounded memory.

    An array is given element by element, or as one value where `whole` is asked for.
    """
    try:
        with opened(source.path) as stream:
            yield from _parts(stream, source.path, whole=whole)
    except (OSError, EOFError, zlib.error) as error:
        yield Problem(source.path, 0, "", f"cannot be read: {error}")


def is_blank(line: bytes) -> bool:
    """Whether a line of NDJSON holds nothing to read: blank, or a comment."""
    text = line.strip()
    return not text or text.startswith((b"#", b"//"))


def peek(source: Input) -> bytes:
    """The start of a file, unpacked, for a guess at what it holds. Empty for stdin, which cannot be read twice."""
    if source.path == "-":
        return b""
    try:
        with opened(source.path) as stream:
            return stream.read(4096)
    except (OSError, EOFError, zlib.error):
        return b""


def opened(path: str) -> IO[bytes]:
    """A file (or stdin, as `-`) as UTF-8, unpacked. What is UTF-16 is read whole, and is only known by its mark."""
    stream = cast("io.BufferedReader", sys.stdin.buffer) if path == "-" else Path(path).open("rb")  # noqa: SIM115
    start = stream.peek(2)[:2]
    if start == _GZIP:
        return cast("IO[bytes]", gzip.GzipFile(fileobj=stream))
    if start in _UTF_16:
        with stream:
            return io.BytesIO(stream.read().decode("utf-16", "replace").encode("utf-8", "replace"))
    return stream


def _parts(stream: IO[bytes], name: str, *, whole: bool) -> Iterator[Lines | Item | Problem | Skipped]:
    """NDJSON where the first line is a whole value; else the file is one document, an array, or several in a row."""
    head: list[bytes] = []
    for line in stream:
        text = line.removeprefix(_BOM).strip() if not head else line.strip()
        if not is_blank(text):
            if text.startswith(b"{") and _is_whole(text):
                yield Lines.of(name, len(head) + 1, text)
                yield from _lines(stream, name, len(head) + 2, _BATCH_OF_INVENTORY if whole else _BATCH)
            else:
                yield from _document(b"".join([*head, line]) + stream.read(), name, whole=whole)
            return
        head.append(line)
    yield Skipped(name, "empty")


def _lines(stream: IO[bytes], name: str, first: int, batch: int) -> Iterator[Lines]:
    # To step back to where a line begins is cheaper than to copy what was read together with the rest of the line.
    steps_back = stream.seekable() and not isinstance(stream, gzip.GzipFile)
    while text := stream.read(batch):
        ends = line_breaks(text) if steps_back else []
        if ends:
            stream.seek(ends[-1] + 1 - len(text), io.SEEK_CUR)
            lines = Lines(name, first, text, ends)
        else:
            lines = Lines.of(name, first, text + stream.readline())
        yield lines
        first += len(lines.ends)


def _is_whole(text: bytes) -> bool:
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def _document(data: bytes, name: str, *, whole: bool) -> Iterator[Item | Problem | Skipped]:
    data = data.removeprefix(_BOM)
    start = data.lstrip()[:1]
    if start not in (b"[", b"{"):
        yield from _other(data, name)
        return
    try:
        if start == b"{" or whole:
            msgspec.json.decode(data, type=msgspec.Raw)
            yield Item(name, 1, data)
            return
        line, at = 1, 0
        for raw in msgspec.json.decode(data, type=list[msgspec.Raw]):
            text = bytes(raw)
            found = data.find(text, at)
            line += data.count(b"\n", at, found)
            at = found
            yield Item(name, line, text)
    except (msgspec.DecodeError, RecursionError):
        yield from _concatenated(data, name)


def _concatenated(data: bytes, name: str) -> Iterator[Item | Problem | Skipped]:
    """Values that follow one another with or without line breaks; after a damaged one, go on at the next line."""
    text = data.decode("utf-8", "replace")
    decoder = json.JSONDecoder()
    at, line = 0, 1
    is_array = text.lstrip().startswith("[")
    if is_array:
        at = text.index("[") + 1
    while True:
        begin = at
        while at < len(text) and text[at] in " \t\r\n,":
            at += 1
        line += text.count("\n", begin, at)
        if at >= len(text) or (is_array and text[at] == "]"):
            return
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            yield Problem(name, line, "", f"not JSON: {getattr(error, 'msg', error)}")
            at, line = _resume(text, at, line)
            continue
        if isinstance(value, dict | list):
            yield Item(name, line, text[at:end].encode("utf-8", "replace"))
        else:
            yield Problem(name, line, "", f"expected a JSON object, found {type(value).__name__}")
        line += text.count("\n", at, end)
        at = end


def _resume(text: str, at: int, line: int) -> tuple[int, int]:
    """The next line that starts an object at the left margin of its neighbours, after a damaged one."""
    while True:
        end = text.find("\n", at)
        if end < 0:
            return len(text), line
        at, line = end + 1, line + 1
        if text[at : at + 1] == "{" or text[at : at + 3] in ("  {", "\t{"):
            return at, line


def _other(data: bytes, name: str) -> Iterator[Item | Problem | Skipped]:
    if name.endswith((".yaml", ".yml")):
        yield from _yaml(data, name)
    elif name.endswith((".json", ".ndjson", ".jsonl", ".log")):
        # NDJSON whose first line is damaged: what follows may be fine.
        yield from _concatenated(data, name)
    else:
        yield Skipped(name, "neither JSON nor NDJSON")


def _yaml(data: bytes, name: str) -> Iterator[Item | Problem | Skipped]:
    try:
        import yaml
    except ImportError:
        yield Problem(name, 0, "", "YAML needs the package pyyaml: pip install 'bindwatch[cli]'")
        return
    try:
        for value in yaml.load_all(data, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            if isinstance(value, dict | list):
                yield Item(name, 1, json.dumps(value, default=str).encode())
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        yield Problem(name, 0, "", f"not YAML: {str(error).splitlines()[0]}")


def decode_item(item: Item) -> Any:
    """The value of an item. Raises ValueError where the text is no JSON."""
    try:
        return msgspec.json.decode(item.text)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ValueError(f"not JSON: {error}") from error
