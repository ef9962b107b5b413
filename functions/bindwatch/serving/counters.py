"""What passed through this instance, for log-based metrics: one line now and then, not one per entry."""

import threading
import time
from typing import Final

from bindwatch.serving.log_lines import Log

_SECONDS: Final = 30.0


class Counters:
    """Counts from any number of threads; `report` writes what came since the last line, at most every 30 seconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, int] = {}
        self._total: dict[str, int] = {}
        self._lag = 0.0
        self._reported = time.monotonic()

    def count(self, **numbers: int) -> None:
        """Add to the counts."""
        counts, total = self._counts, self._total
        with self._lock:
            for name, number in numbers.items():
                if number:
                    counts[name] = counts.get(name, 0) + number
                    total[name] = total.get(name, 0) + number

    def lag(self, seconds: float) -> None:
        """Note how old an entry was when it came; the oldest since the last line is reported."""
        if seconds > self._lag:
            with self._lock:
                self._lag = max(self._lag, seconds)

    @property
    def totals(self) -> dict[str, int]:
        """All that was counted since the instance started."""
        with self._lock:
            return dict(self._total)

    def report(self, log: Log, *, now: bool = False) -> None:
        """Write what was counted since the last line, unless that was a moment ago."""
        with self._lock:
            since = time.monotonic() - self._reported
            if not self._counts or not (now or since >= _SECONDS):
                return
            counts, lag = dict(self._counts), self._lag
            self._counts.clear()
            self._lag = 0.0
            self._reported = time.monotonic()
        log.info("judged", counts=counts, oldest_entry_seconds=round(lag, 3), over_seconds=round(since, 1))
