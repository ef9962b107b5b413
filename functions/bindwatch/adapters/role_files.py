"""The role catalogue of this machine: where it is kept, and how it gets there."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from bindwatch.errors import ConfigError, InputError
from bindwatch.knowledge.roles import RoleCatalogue

STALE_AFTER_DAYS: Final = 30
"""Google adds permissions to predefined roles every week; after a month a catalogue misses some hundred."""

_SOURCE: Final = "iam.googleapis.com roles.list"


def default_path(environ: Mapping[str, str]) -> Path:
    """Where the catalogue is kept unless another file is named: below the user's data directory (XDG)."""
    base = environ.get("XDG_DATA_HOME", "")
    home = Path(base) if base.startswith("/") else Path(environ.get("HOME") or "~").expanduser() / ".local" / "share"
    return home / "bindwatch" / "roles.bin"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A catalogue and the file it came from; no file where it is the built-in table."""

    catalogue: RoleCatalogue
    path: Path | None

    def words(self, today: datetime) -> str:
        """What a reader should know of the catalogue before believing an answer that leans on it."""
        catalogue = self.catalogue
        if self.path is None:
            return (
                f"roles: the built-in table of {catalogue.as_of}, which knows the dangerous permissions only; "
                "bindwatch roles sync fetches all"
            )
        age = catalogue.age_days(today.date().isoformat())
        said = f"roles: {len(catalogue):,} of {catalogue.as_of} ({catalogue.source}), {self.path}"
        if age is None:
            return f"{said}; nobody knows how old"
        stale = f"; {age} days old: bindwatch roles sync renews it" if age > STALE_AFTER_DAYS else ""
        return said + stale


def load(named: str | None, environ: Mapping[str, str]) -> Loaded:
    """The catalogue of the named file, else the one kept on this machine, else the built-in table.

    The file may be one `save` wrote or any form `RoleCatalogue.parse` takes. Raises ConfigError where it is neither: a
    catalogue that was asked for and is not used would look like one that was.
    """
    path = Path(named) if named else default_path(environ)
    if not named and not path.is_file():
        return Loaded(RoleCatalogue.built_in(), None)
    try:
        return Loaded(read(path), path)
    except OSError as error:
        raise ConfigError([f"role catalogue {path}: {error.strerror or error}"]) from error
    except InputError as error:
        raise ConfigError([f"role catalogue {path}: {error}. Renew it with: bindwatch roles sync"]) from error


def read(path: Path, as_of: str = "") -> RoleCatalogue:
    """The catalogue in a file; `as_of` dates one that does not say its own date, else the file's date does."""
    data = path.read_bytes()
    try:
        return RoleCatalogue.from_bytes(data)
    except InputError:
        day = as_of or datetime.fromtimestamp(path.stat().st_mtime, UTC).date().isoformat()
        return RoleCatalogue.parse(data, source=path.name, as_of=day)


def from_api(roles: list[dict[str, Any]], as_of: str) -> RoleCatalogue:
    """The catalogue of what `roles.list` (view FULL) answered."""
    return RoleCatalogue.parse(json.dumps(roles).encode(), source=_SOURCE, as_of=as_of)


def save(catalogue: RoleCatalogue, path: Path) -> None:
    """Keep a catalogue, whole or not at all: whoever reads the file meanwhile has the old one."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f"{path.name}.new")
        fresh.write_bytes(catalogue.to_bytes())
        fresh.replace(path)
    except OSError as error:
        raise ConfigError([f"role catalogue {path}: {error.strerror or error}"]) from error
