"""`bindwatch deadletters`: look at the messages that were no audit log entries, and post them again."""

import base64
import json
import re
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import click

from bindwatch.cli.outlets import Subscription, lines_of
from bindwatch.cli.terminal import printable
from bindwatch.errors import BackendError

_OURS: Final = ("reason", "field", "source_message_id", "source_subscription", "source_publish_time")
_SHOWN: Final = 160
_BATCH: Final = 100
_TOPIC: Final = re.compile(r"projects/[^/]+/topics/[^/]+")


@click.group("deadletters", epilog="Example:  bindwatch deadletters list file:dead-letters.ndjson")
def command() -> None:
    """Messages that no retry could help: `file:PATH`, or projects/PROJECT/subscriptions/SUBSCRIPTION of their topic."""


@command.command("list", epilog="Example:  bindwatch deadletters list file:dead-letters.ndjson")
@click.argument("place")
@click.option("--seconds", default=5.0, show_default=True, help="How long to wait for more of a subscription.")
@click.option("--format", "form", type=click.Choice(["text", "ndjson"]), default="text", show_default=True)
def list_letters(place: str, seconds: float, form: str) -> int:
    """What they are and why they are here; none is taken away. Exit code 1 where there are any."""
    source = _subscription(place)
    count = 0
    held = []
    for ack_id, message in _letters(place, source, seconds):
        count += 1
        held.append(ack_id)
        attributes = message.get("attributes") or {}
        if form == "ndjson":
            click.echo(json.dumps(message))
            continue
        reason = f"{attributes.get('field', '')}: {attributes.get('reason', '')}".removeprefix(": ")
        body = base64.b64decode(message.get("data") or "")[:_SHOWN].decode("utf-8", "replace")
        click.echo(printable(f"{attributes.get('source_message_id', '-')}  {reason}"))
        click.echo(printable(f"    {body}"))
    if source is not None:
        source.release(held)
    if not count:
        click.echo("no dead letters", err=True)
    return int(count > 0)


@command.command(
    "replay",
    epilog="Example:  bindwatch deadletters replay projects/p/subscriptions/bindwatch-dead-letters "
    "--to projects/p/topics/bindwatch-entries",
)
@click.argument("place")
@click.option(
    "--to",
    "target",
    required=True,
    metavar="TOPIC|URL",
    help="The topic of entries, or the address of on_log_entry; behind IAM, add --token.",
)
@click.option("--token", default="", help="For an address, an identity token: gcloud auth print-identity-token.")
@click.option("--seconds", default=5.0, show_default=True, help="How long to wait for more of a subscription.")
def replay(place: str, target: str, token: str, seconds: float) -> int:
    """Send them again: to the topic that entries come from, or in batches to on_log_entry.

    What is taken is acknowledged. What is still no entry comes back as a dead letter, with its reason; exit code 1
    where an address said so at once.
    """
    send = _sender(target, token)
    source = _subscription(place)
    totals: Counter[str] = Counter()
    batch: list[tuple[str, dict[str, Any]]] = []

    def flush() -> None:
        totals.update(send([message | {"attributes": _theirs(message)} for _, message in batch]))
        if source is not None:
            source.acknowledge([ack_id for ack_id, _ in batch])
        batch.clear()

    for item in _letters(place, source, seconds):
        batch.append(item)
        if len(batch) == _BATCH:
            flush()
    if batch:
        flush()
    click.echo(json.dumps(dict(totals) or {"sent": 0}))
    if back := totals["dead_letters"]:
        click.echo(f"{back} are still no entries: they are with the dead letters again", err=True)
    return int(back > 0)


def _subscription(place: str) -> Subscription | None:
    return Subscription(place) if place.startswith("projects/") else None


_Messages = list[dict[str, Any]]


def _sender(target: str, token: str) -> Callable[[_Messages], Mapping[str, int]]:
    if target.startswith(("http://", "https://")):
        return lambda messages: _post(messages, target, token)
    if not _TOPIC.fullmatch(target):
        raise click.BadParameter("expected projects/PROJECT/topics/TOPIC, or http(s)://…", param_hint="--to")
    from bindwatch.adapters.pubsub import PubSubEntries

    topic = PubSubEntries(target)

    def publish(messages: _Messages) -> Mapping[str, int]:
        for message in messages:
            topic.publish(base64.b64decode(message.get("data") or ""))
        return {"sent": len(messages)}

    return publish


def _letters(place: str, source: Subscription | None, seconds: float) -> Iterator[tuple[str, dict[str, Any]]]:
    if source is not None:
        yield from source.messages(seconds=seconds)
        return
    for value in lines_of(place.removeprefix("file:")):
        message = value.get("message", value)
        if isinstance(message, dict):
            yield "", message


def _post(messages: _Messages, url: str, token: str) -> Mapping[str, int]:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    body = json.dumps({"messages": [{"message": message} for message in messages]}).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=120) as response:  # noqa: S310
            answer = response.read()
    except (urllib.error.URLError, OSError) as error:
        raise BackendError(f"{url} did not take the messages: {error}") from error
    told = json.loads(answer) if answer else {"entries": len(messages)}
    return {name: int(told.get(name, 0)) for name in ("entries", "findings", "dead_letters")}


def _theirs(message: dict[str, Any]) -> dict[str, str]:
    return {key: value for key, value in (message.get("attributes") or {}).items() if key not in _OURS}
