"""Log lines as Cloud Logging reads them."""

import io
import json
from typing import Any

from bindwatch.serving.log_lines import Log


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_carries_severity_and_the_trace_of_its_request() -> None:
    stream = io.StringIO()
    trace = "0123456789abcdef0123456789abcdef"
    log = Log("p", stream=stream)
    log.of_request({"X-Cloud-Trace-Context": f"{trace}/255;o=1"}).warning("look", count=2)
    log.of_request({"traceparent": f"00-{trace}-00000000000000ff-00"}).info("went well")
    log.of_request({"X-Cloud-Trace-Context": "<script>", "traceparent": "x"}).info("no trace")
    first, second, third = lines(stream)
    assert first == {
        "severity": "WARNING",
        "message": "look",
        "logging.googleapis.com/trace": f"projects/p/traces/{trace}",
        "logging.googleapis.com/spanId": "00000000000000ff",
        "logging.googleapis.com/trace_sampled": True,
        "count": 2,
    }
    assert second["logging.googleapis.com/spanId"] == "00000000000000ff"
    assert second["logging.googleapis.com/trace_sampled"] is False
    assert third == {"severity": "INFO", "message": "no trace"}


def test_an_error_says_where_it_came_from() -> None:
    stream = io.StringIO()
    try:
        raise ZeroDivisionError("why")
    except ZeroDivisionError as error:
        Log(stream=stream).error("broken", error)
    (line,) = lines(stream)
    assert line["severity"] == "ERROR"
    assert "ZeroDivisionError: why" in line["stack_trace"]


def test_what_is_less_severe_than_asked_for_is_not_written() -> None:
    stream = io.StringIO()
    log = Log(least="WARNING", stream=stream)
    log.debug("a")
    log.info("b")
    log.warning("c\nd")
    assert [line["message"] for line in lines(stream)] == ["c\nd"]
