"""OCSF Detection Findings, one a line, for whoever collects those."""

import json
from collections.abc import Iterator

from bindwatch import __version__
from bindwatch.cli.formats import Results
from bindwatch.pipeline.ocsf import detection_finding


def write(results: Results) -> Iterator[str]:
    """One Detection Finding a line; muted ones say so as suppressed."""
    for record in results.findings:
        event = detection_finding(record, at=results.at, version=__version__)
        yield json.dumps(event, ensure_ascii=True) + "\n"
    for record in results.muted:
        event = detection_finding(record, at=results.at, version=__version__)
        event |= {"status_id": 3, "status": "Suppressed", "status_detail": str(record["mute"]["reason"])}
        yield json.dumps(event, ensure_ascii=True) + "\n"
