"""Log lines as Cloud Logging reads them from stdout: one JSON object each, with severity and trace.

No line holds any part of an audit log entry beyond its insertId: the sink that feeds us may feed us our own lines.
"""

import json
import re
import sys
import threading
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO, Final

_SEVERITIES: Final = {"DEBUG": 0, "INFO": 1, "NOTICE": 2, "WARNING": 3, "ERROR": 4, "CRITICAL": 5}
_LONGEST: Final = 2000
_CLOUD_TRACE: Final = re.compile(r"([0-9a-f]{32})(?:/(\d{1,20}))?(?:;o=([01]))?")
_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_ONE_WRITER: Final = threading.Lock()


@dataclass(frozen=True, slots=True)
class Log:
    """Writes log lines. `of_request` gives one whose lines carry the trace of a request."""

    project: str = ""
    least: str = "INFO"
    stream: IO[str] | None = None
    trace: Mapping[str, str | bool] = field(default_factory=dict)

    def of_request(self, headers: Mapping[str, str]) -> "Log":
        """A log whose lines belong to the trace that these headers name, if any."""
        return Log(self.project, self.least, self.stream, _trace(headers, self.project))

    def debug(self, message: str, **fields: object) -> None:
        """Write what only a developer needs."""
        self._write("DEBUG", message, fields)

    def info(self, message: str, **fields: object) -> None:
        """Write what went as it should."""
        self._write("INFO", message, fields)

    def warning(self, message: str, **fields: object) -> None:
        """Write what somebody should look at in time."""
        self._write("WARNING", message, fields)

    def error(self, message: str, error: BaseException | None = None, **fields: object) -> None:
        """Write what is broken; with an exception also where it came from, for Error Reporting to group by."""
        if error is not None:
            fields["stack_trace"] = "".join(traceback.format_exception(error))[-8000:]
        self._write("ERROR", message, fields)

    def _write(self, severity: str, message: str, fields: Mapping[str, object]) -> None:
        if _SEVERITIES[severity] < _SEVERITIES[self.least]:
            return
        line = {"severity": severity, "message": message[:_LONGEST], **self.trace, **fields}
        text = json.dumps(line, ensure_ascii=True, default=str)
        with _ONE_WRITER:  # lines of several threads must not run into each other
            print(text, file=self.stream or sys.stdout, flush=True)


def _trace(headers: Mapping[str, str], project: str) -> dict[str, str | bool]:
    if match := _CLOUD_TRACE.fullmatch(headers.get("X-Cloud-Trace-Context", "")):
        trace, span, sampled = match[1], format(int(match[2] or 0), "016x"), match[3] == "1"
    elif match := _TRACEPARENT.fullmatch(headers.get("traceparent", "")):
        trace, span, sampled = match[1], match[2], bool(int(match[3], 16) & 1)
    else:
        return {}
    name = f"projects/{project}/traces/{trace}" if project else trace
    return {
        "logging.googleapis.com/trace": name,
        "logging.googleapis.com/spanId": span,
        "logging.googleapis.com/trace_sampled": sampled,
    }
