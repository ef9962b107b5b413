"""When changes are expected: a weekly time of day, or one stretch of time."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from typing import Final

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeWindow:
    """A time in which changes are expected, in some projects or (none named) in all.

    Weekly: on `days`, from `begins` until `ends` in `zone`; an end at or before the beginning is on the next day.
    Once: from `since` until `until`.
    """

    name: str = ""
    projects: frozenset[str] = frozenset()
    days: frozenset[str] = frozenset()
    begins: time = time(0)
    ends: time = time(0)
    zone: tzinfo | None = None
    since: datetime | None = None
    until: datetime | None = None

    def covers(self, moment: datetime, project: str) -> bool:
        """Whether a change at this moment in this project is expected."""
        if self.projects and project not in self.projects:
            return False
        if self.since is not None and self.until is not None:
            return self.since <= moment < self.until
        local = moment.astimezone(self.zone)
        clock = local.time()
        if self.begins < self.ends:
            return self._on(local) and self.begins <= clock < self.ends
        return (self._on(local) and clock >= self.begins) or (self._on(local - timedelta(days=1)) and clock < self.ends)

    def _on(self, moment: datetime) -> bool:
        return not self.days or DAYS[moment.weekday()] in self.days
