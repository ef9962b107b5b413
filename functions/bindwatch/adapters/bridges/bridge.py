"""The way to each kind of destination, as `notify` takes it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import assert_never

from bindwatch.adapters.bridges import google_chat, pagerduty, slack, webhook
from bindwatch.adapters.bridges.http import Patience, Receiver
from bindwatch.adapters.bridges.jira import Jira
from bindwatch.adapters.bridges.wording import Labels
from bindwatch.customization.destinations import Destination, Kind, problem_of_url
from bindwatch.errors import ConfigError
from bindwatch.pipeline.announced import Announced


class WebhookBridge:
    """Slack, Google Chat and webhooks of your own: one post holds any number of alerts."""

    def __init__(self, destination: Destination, secret: str, receiver: Receiver) -> None:
        self._kind = destination.kind
        self._receiver = receiver
        if destination.kind is Kind.WEBHOOK:
            self._address = destination.url
            self._key = webhook.signing_key(secret, destination.name)
        else:
            # The value is not repeated: it is an address that opens the channel.
            if problem_of_url(secret):
                raise ConfigError([f"destination {destination.name}: its secret is not an address with https://"])
            self._address = secret

    def tell(self, alerts: Sequence[Announced], labels: Labels, known: str) -> str:
        """Post these in one message."""
        match self._kind:
            case Kind.SLACK:
                self._receiver.send("POST", self._address, slack.message(alerts, labels))
            case Kind.GOOGLE_CHAT:
                parameters = google_chat.parameters(alerts)
                self._receiver.send("POST", self._address, google_chat.message(alerts, labels), params=parameters)
            case _:
                now = datetime.now(UTC)
                content = webhook.body(alerts, now)
                headers = webhook.headers(alerts, content, self._key, now)
                self._receiver.send("POST", self._address, content, headers=headers)
        return ""


class PagerDutyBridge:
    """One event for each alert."""

    def __init__(self, destination: Destination, secret: str, receiver: Receiver) -> None:
        self._address = destination.url or pagerduty.ADDRESS
        self._secret = secret
        self._receiver = receiver

    def tell(self, alerts: Sequence[Announced], labels: Labels, known: str) -> str:
        """Trigger or resolve."""
        for alert in alerts:
            self._receiver.send("POST", self._address, pagerduty.event(alert, labels, self._secret))
        return ""


class JiraBridge:
    """One issue for each finding; its key is remembered."""

    def __init__(self, destination: Destination, secret: str, receiver: Receiver) -> None:
        self._jira = Jira(destination, secret, receiver)

    def tell(self, alerts: Sequence[Announced], labels: Labels, known: str) -> str:
        """Make, comment or end the issue."""
        for alert in alerts:
            known = self._jira.tell(alert, labels, known)
        return known


def open_bridge(
    destination: Destination,
    secret: str,
    patience: Patience = Patience(),  # noqa: B008  frozen
) -> WebhookBridge | PagerDutyBridge | JiraBridge:
    """The way to a destination. Raises ConfigError where the secret cannot be one."""
    receiver = Receiver(destination.name, secret, patience)
    match destination.kind:
        case Kind.SLACK | Kind.GOOGLE_CHAT | Kind.WEBHOOK:
            return WebhookBridge(destination, secret, receiver)
        case Kind.PAGERDUTY:
            return PagerDutyBridge(destination, secret, receiver)
        case Kind.JIRA:
            return JiraBridge(destination, secret, receiver)
        case other:
            assert_never(other)
