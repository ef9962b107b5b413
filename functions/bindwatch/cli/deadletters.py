"""`bindwatch deadletters`: look at the messages that were no audit log entries, and post them again."""

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any, Final

import click

from bindwatch.cli.outlets import Subscription, lines_of
from bindwatch.cli.terminal import printable
from bindwatch.errors import BackendError

_OURS: Final = ("reason", "field", "source_message_id", "source_subscription", "source_publish_time")
_SHOWN: Final = 160


@click.group("deadletters", epilog="Example:  bindwatch deadletters list file:dead-letters.ndjson")
def command() -> None:
    """Messages that no retry could help: `file:PATH`, or projects/PROJECT/subscriptions/SUBSCRIPTION of their topic."""


@command.command("list", epilog="Example:  bindwatch deadletters list file:dead-letters.ndjson")
@click.argument("place")
@click.option("--seconds", default=5.0, show_default=True, help="How long to wait for more of a subscription.")
@click.option("--format", "form", type=click.Choice(["text", "ndjson"]), default="text", show_default=True)
def list_letters(place: str, seconds: float, form: str) -> int:
    """What they are and why they are here; none is taken away. Exit code 1 where there are any."""
    count = 0
    for _, message in _letters(place, seconds):
        count += 1
        attributes = message.get("attributes") or {}
        if form == "ndjson":
            click.echo(json.dumps(message))
            continue
        reason = f"{attributes.get('field', '')}: {attributes.get('reason', '')}".removeprefix(": ")
        body = base64.b64decode(message.get("data") or "")[:_SHOWN].decode("utf-8", "replace")
        click.echo(printable(f"{attributes.get('source_message_id', '-')}  {reason}"))
        click.echo(printable(f"    {body}"))
    return int(count > 0)


@command.command(
    "replay", epilog="Example:  bindwatch deadletters replay file:dead-letters.ndjson --to http://localhost:8080"
)
@click.argument("place")
@click.option("--to", "url", required=True, metavar="URL", help="on_log_entry; behind IAM, add --token.")
@click.option("--token", default="", help="An identity token: gcloud auth print-identity-token.")
@click.option("--seconds", default=5.0, show_default=True, help="How long to wait for more of a subscription.")
def replay(place: str, url: str, token: str, seconds: float) -> int:
    """Post them again, in batches, to on_log_entry. What is still no entry comes back with its reason."""
    if not url.startswith(("http://", "https://")):
        raise click.BadParameter("expected http:// or https://", param_hint="--to")
    totals = {"entries": 0, "findings": 0, "dead_letters": 0}
    source = Subscription(place) if place.startswith("projects/") else None
    batch: list[tuple[str, dict[str, Any]]] = []
    for item in _letters(place, seconds):
        batch.append(item)
        if len(batch) == 100:
            _post(batch, url, token, totals, source)
            batch = []
    if batch:
        _post(batch, url, token, totals, source)
    click.echo(json.dumps(totals))
    return 0


def _letters(place: str, seconds: float) -> Iterator[tuple[str, dict[str, Any]]]:
    if place.startswith("projects/"):
        yield from Subscription(place).messages(seconds=seconds)
        return
    for value in lines_of(place.removeprefix("file:")):
        message = value.get("message", value)
        if isinstance(message, dict):
            yield "", message


def _post(
    batch: list[tuple[str, dict[str, Any]]], url: str, token: str, totals: dict[str, int], source: Subscription | None
) -> None:
    messages = [{"message": message | {"attributes": _theirs(message)}} for _, message in batch]
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    body = json.dumps({"messages": messages}).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=120) as response:  # noqa: S310
            answer = response.read()
    except (urllib.error.URLError, OSError) as error:
        raise BackendError(f"{url} did not take the messages: {error}") from error
    told = json.loads(answer) if answer else {"entries": len(batch)}
    for name in totals:
        totals[name] += int(told.get(name, 0))
    if source is not None:
        source.acknowledge([ack_id for ack_id, _ in batch])


def _theirs(message: dict[str, Any]) -> dict[str, str]:
    return {key: value for key, value in (message.get("attributes") or {}).items() if key not in _OURS}
