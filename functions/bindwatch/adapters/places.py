"""Where in the input a finding shows: the file and line of the entry or the asset that is its evidence.

Reading keeps no places, so that it costs nothing where nobody asks. This looks for the few names that are wanted, in a
pass of its own over the text.
"""

import os
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bindwatch.adapters.files import Input, find_inputs, opened
from bindwatch.model.finding import AssetRef, Category, Finding, LogRef
from bindwatch.model.resource import canonical

_NAMED: Final = re.compile(rb'"(name|insertId|insert_id|selfLink|self_link|namespace|kind)"\s*:\s*"([^"\\]{1,1024})"')
_KUBERNETES: Final = re.compile(
    r"(?P<cluster>.*)/k8s/(?:namespaces/(?P<namespace>[^/]+)/)?(?P<kind>[^/]+)/(?P<name>[^/]+)"
)
_ADDRESS: Final = re.compile(
    r"(?P<module>(?:module\.[\w-]+(?:\[[^\]]*\])?\.)*)(?:data\.)?(?P<type>\w+)\.(?P<name>[\w-]+)(?:\[.*\])?"
)
_BLOCK: Final = re.compile(rb'\s*resource\s+"([\w-]+)"\s+"([\w-]+)"')
_POLICY: Final = (b'"iamPolicy"', b'"iam_policy"')
_UP: Final = 2
_MOST: Final = 20


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file; line 0 where the file alone is known."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class _Sighting:
    place: Place
    shows_policy: bool = False
    line_holds: bytes = b""


@dataclass(slots=True)
class _Wanted:
    """What is looked for, and where it was seen."""

    assets: dict[str, list[_Sighting]] = field(default_factory=dict)
    entries: dict[str, list[_Sighting]] = field(default_factory=dict)
    objects: dict[tuple[str, str, str], list[_Sighting]] = field(default_factory=dict)


def find_places(
    paths: Sequence[str], findings: Iterable[Finding], named: Callable[[str], str] = canonical
) -> dict[str, Place]:
    """The place of each finding that could be found, by its id. What came from stdin has none.

    `named` spells names of the input canonically; an inventory's own knows the numbers of projects.
    """
    findings = tuple(findings)
    wanted = _Wanted()
    for finding in findings:
        for source in _sources(finding):
            if isinstance(source, LogRef):
                wanted.entries.setdefault(source.insert_id, [])
            elif found := _KUBERNETES.fullmatch(source.asset):
                wanted.objects.setdefault((found["kind"], found["namespace"] or "", found["name"]), [])
            else:
                for name in _upwards(source.asset):
                    wanted.assets.setdefault(name, [])
    if findings:
        for given in find_inputs(paths):
            if isinstance(given, Input) and given.path != "-":
                _look_through(given.path, wanted, named)
    places = ((finding.finding_id, _place(finding, wanted)) for finding in findings)
    return {finding_id: place for finding_id, place in places if place}


def find_in_terraform(folder: str, addresses: Iterable[str]) -> dict[str, Place]:
    """The line of the configuration below a folder that declares each address of a plan, where one could be found.

    A plan names no files. Of two resources with one type and name, in two modules, the one counts whose path holds the
    name of the module.
    """
    declared: dict[tuple[str, str], list[Place]] = {}
    wanted = {address: found for address in addresses if (found := _ADDRESS.fullmatch(address))}
    for found in wanted.values():
        declared[found["type"], found["name"]] = []
    for file in _configuration(folder) if wanted else ():
        try:
            lines = file.read_bytes().splitlines()
        except OSError:
            continue
        for number, line in enumerate(lines, 1):
            if (block := _BLOCK.match(line)) and (
                seen := declared.get((block[1].decode(), block[2].decode()))
            ) is not None:
                seen.append(Place(str(file), number))
    places = {}
    for address, found in wanted.items():
        module = re.sub(r"\[.*?\]", "", found["module"] or "").rstrip(".").rpartition(".")[2]
        seen = sorted(declared[found["type"], found["name"]], key=lambda place: module not in place.file)
        if seen:
            places[address] = seen[0]
    return places


def _configuration(folder: str) -> Iterator[Path]:
    for where, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "node_modules")
        yield from (Path(where, name) for name in sorted(names) if name.endswith(".tf"))


def _sources(finding: Finding) -> Iterator[LogRef | AssetRef]:
    yield finding.source
    yield from finding.evidence
    if finding.resource_name:
        yield AssetRef(finding.resource_name)


def _upwards(asset: str) -> Iterator[str]:
    """An asset, then what holds it: a key is seen at its account, a node pool at its cluster."""
    for _ in range(_UP + 1):
        yield asset
        head, _, _ = asset.rpartition("/")
        asset, _, _ = head.rpartition("/")
        if asset.count("/") < 4:
            return


def _place(finding: Finding, wanted: _Wanted) -> Place | None:
    is_about_policy = finding.category is Category.OVER_PRIVILEGE
    for source in _sources(finding):
        if isinstance(source, LogRef):
            time = source.timestamp.encode()
            seen = sorted(wanted.entries[source.insert_id], key=lambda sighting: time not in sighting.line_holds)
        elif found := _KUBERNETES.fullmatch(source.asset):
            cluster = found["cluster"].rpartition("/")[2]
            seen = sorted(
                wanted.objects[found["kind"], found["namespace"] or "", found["name"]],
                key=lambda sighting: cluster not in sighting.place.file,
            )
        else:
            seen = next((wanted.assets[name] for name in _upwards(source.asset) if wanted.assets[name]), [])
            seen = sorted(seen, key=lambda sighting: sighting.shows_policy is not is_about_policy)
        if seen:
            return seen[0].place
    return None


def _look_through(path: str, wanted: _Wanted, named: Callable[[str], str]) -> None:
    try:
        with opened(path) as stream:
            kind = name = ""
            where = 0
            for number, line in enumerate(stream, 1):
                is_entry = b'"protoPayload"' in line
                for found in _NAMED.finditer(line):
                    what, value = found[1], found[2].decode("utf-8", "replace")
                    if what == b"kind":
                        kind, name = value, ""
                    elif what == b"namespace":
                        if name:
                            _saw_object(wanted, (kind, value, name), Place(path, where))
                    elif what in (b"insertId", b"insert_id"):
                        if (entries := wanted.entries.get(value)) is not None and len(entries) < _MOST:
                            entries.append(_Sighting(Place(path, number), line_holds=line))
                    elif not is_entry:
                        if what == b"name" and kind:
                            name, where = value, number
                            _saw_object(wanted, (kind, "", name), Place(path, where))
                        if "/" in value:
                            _saw_asset(wanted, named(value), Place(path, number), line)
    except (OSError, EOFError, zlib.error):
        return  # reading has said so already


def _saw_asset(wanted: _Wanted, value: str, place: Place, line: bytes) -> None:
    seen = wanted.assets.get(value)
    if seen is not None and len(seen) < _MOST and (not seen or seen[-1].place != place):
        seen.append(_Sighting(place, shows_policy=any(mark in line for mark in _POLICY)))


def _saw_object(wanted: _Wanted, key: tuple[str, str, str], place: Place) -> None:
    kind, namespace, name = key
    plural = kind.lower()
    plural = f"{plural[:-1]}ies" if plural.endswith("y") else f"{plural}s"
    seen = wanted.objects.get((plural, namespace, name))
    if seen is not None and len(seen) < _MOST:
        seen.append(_Sighting(place))
