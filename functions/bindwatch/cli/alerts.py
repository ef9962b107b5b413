"""`bindwatch alerts`: follow what is announced, and announce again what subscribers have missed."""

import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import click

from bindwatch.adapters.sql_store import plain
from bindwatch.cli import stored
from bindwatch.cli.outlets import Subscription, lines_of, outlet
from bindwatch.cli.terminal import printable
from bindwatch.errors import BackendError
from bindwatch.model.finding import Severity
from bindwatch.pipeline import AlertPublisher, DueAlert
from bindwatch.pipeline.alert import alert_message
from bindwatch.settings import File


@click.group("alerts", epilog="Example:  bindwatch alerts tail file:alerts.ndjson")
def command() -> None:
    """What was announced, and announcing it again."""


@command.command("tail", epilog="Example:  bindwatch alerts tail projects/p/subscriptions/my-alerts")
@click.argument("place")
@click.option("--follow/--no-follow", default=True, show_default=True, help="Wait for more, until interrupted.")
@click.option("--format", "form", type=click.Choice(["text", "ndjson"]), default="text", show_default=True)
def tail(place: str, follow: bool, form: str) -> int:
    """Show alerts as they come: of a file, or of a subscription of your own, which takes them."""
    try:
        for alert in _alerts(place, follow=follow):
            if form == "ndjson":
                click.echo(json.dumps(alert))
                continue
            finding = alert.get("finding") or {}
            title = finding.get("title") or f"baseline of {(alert.get('baseline') or {}).get('scope', '')}"
            about = f"{alert.get('severity', ''):<8}  {alert.get('state', ''):<8}"
            click.echo(printable(f"{alert.get('announced_at', '')}  {about}  {title}"))
    except KeyboardInterrupt:
        return 0
    return 0


@command.command("resend", epilog="Example:  bindwatch alerts resend 3f2a --to projects/p/topics/bindwatch-alerts")
@click.argument("finding_id")
@click.option("--to", "target", required=True, metavar="TOPIC|file:PATH", help="Where to.")
@stored.store_option
def resend(finding_id: str, target: str, place: str) -> int:
    """Announce a finding again, as it stands now, with the id of its last alert: a repetition to subscribers."""
    to = outlet(target)
    with stored.opened(place) as store:
        finding = stored.the_finding(store, finding_id)
        told = store.told(str(finding["finding_id"]))
        last = max(told, key=lambda row: row["recorded_at"], default=None)
        alert = DueAlert(
            alert_id=str(last["alert_id"]) if last else f"{finding['finding_id']}-{str(finding['state']).lower()}-1",
            kind="finding",
            reason="resent",
            state=str(finding["state"]),
            due_at=stored.now(),
            severity_level=int(Severity[str(finding["severity"])]),
            finding=plain(finding),
        )
        message = alert_message(alert, announced_at=stored.now())
    publisher: AlertPublisher
    if isinstance(to, File):
        from bindwatch.adapters.outlets import FileAlerts

        publisher = FileAlerts(to.path)
    else:
        from bindwatch.adapters.pubsub import PubSubAlerts

        publisher = PubSubAlerts(to.name)
    (outcome,) = publisher.publish([message])
    if outcome.error:
        raise BackendError(outcome.error)
    click.echo(f"sent {message.alert_id} as message {outcome.message_id}", err=True)
    return 0


def _alerts(place: str, *, follow: bool) -> Iterator[dict[str, Any]]:
    if place.startswith("projects/"):
        source = Subscription(place)
        while True:
            for ack_id, message in source.messages(seconds=5):
                yield json.loads(base64.b64decode(message["data"]))
                source.acknowledge([ack_id])
            if not follow:
                return
    seen = 0
    while True:
        lines = lines_of(place.removeprefix("file:"))
        for line in lines[seen:]:
            yield line["data"]
        seen = len(lines)
        if not follow:
            return
        time.sleep(1)
