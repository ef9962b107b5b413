"""Publishing to Pub/Sub: alerts in the order of their findings, and what no retry can help to the dead letters.

The plain client is used, not the batching one: a request-billed instance has no CPU for a background thread once it has
answered, so every publish is waited for anyway, and an ordering key that failed needs no resuming.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from bindwatch.adapters.google_apis import LOG_IN
from bindwatch.errors import BackendError
from bindwatch.pipeline import AlertMessage, Published

if TYPE_CHECKING:
    from google.pubsub_v1 import PublisherClient

# Limits of a publish request and of a message (Pub/Sub quotas); the room left is for names and attributes.
_MOST_MESSAGES: Final = 1000
_MOST_BYTES: Final = 9_000_000
_MOST_ATTRIBUTES: Final = 100
_LONGEST_KEY: Final = 256
_LONGEST_VALUE: Final = 1024
_SECONDS: Final = 20.0


class PubSubAlerts:
    """Announces alerts on a topic; those of one finding arrive in their order where the subscription asks for it."""

    def __init__(self, topic: str, client: "PublisherClient | None" = None) -> None:
        self._topic = topic
        self._client = client

    def publish(self, messages: Sequence[AlertMessage]) -> Sequence[Published]:
        """Publish these in their order. After a failure the later ones of the same finding are held back with it."""
        client = self._client = self._client or _new_client()
        results: list[Published] = []
        failed: dict[str, str] = {}
        for chunk in _chunks(messages):
            held = {message.ordering_key for message in chunk} & failed.keys()
            go = [message for message in chunk if message.ordering_key not in held]
            outcome = iter(self._publish_together(client, go))
            for message in chunk:
                if message.ordering_key in failed:
                    error = f"an earlier alert of this finding was not taken: {failed[message.ordering_key]}"
                    if message.ordering_key not in held:
                        next(outcome)
                    results.append(Published(error=error))
                    continue
                published = next(outcome)
                if published.error and message.ordering_key:
                    failed[message.ordering_key] = published.error
                results.append(published)
        return results

    def _publish_together(self, client: "PublisherClient", messages: Sequence[AlertMessage]) -> Iterator[Published]:
        """One request; where the service refuses its content, one for each, so that only the guilty one fails."""
        if not messages:
            return
        try:
            ids = _publish(client, self._topic, [_wire(message) for message in messages])
        except BackendError as error:
            if len(messages) == 1 or not isinstance(error, _RefusedError):
                yield from (Published(error=str(error)) for _ in messages)
                return
        else:
            yield from (Published(message_id) for message_id in ids)
            return
        failed: dict[str, str] = {}
        for message in messages:
            if message.ordering_key in failed:
                yield Published(error=failed[message.ordering_key])
                continue
            try:
                (message_id,) = _publish(client, self._topic, [_wire(message)])
            except BackendError as error:
                if message.ordering_key:
                    failed[message.ordering_key] = str(error)
                yield Published(error=str(error))
            else:
                yield Published(message_id)


class PubSubDeadLetters:
    """Publishes what no retry can help, unchanged, with its reason in the attributes."""

    def __init__(self, topic: str, client: "PublisherClient | None" = None) -> None:
        self._topic = topic
        self._client = client

    def publish(self, body: bytes, *, reason: str, field: str, attributes: Mapping[str, str]) -> None:
        """Publish one message and wait until it is taken. Raises BackendError where it was not."""
        client = self._client = self._client or _new_client()
        # Ours first: attributes beyond the limit are dropped from the end.
        marked = {"reason": reason, "field": field, **attributes} | {"reason": reason, "field": field}
        message = {"data": body[:_MOST_BYTES], "attributes": dict(_within_limits(marked))}
        _publish(client, self._topic, [message])


class PubSubEntries:
    """Publishes to the topic of the sink what the sink did not send: the canary."""

    def __init__(self, topic: str, client: "PublisherClient | None" = None) -> None:
        self.name: Final = topic
        self.project: Final = topic.split("/")[1]
        self._client = client

    def publish(self, entry: bytes) -> None:
        """Publish one entry and wait until it is taken. Raises BackendError where it was not."""
        client = self._client = self._client or _new_client()
        _publish(client, self.name, [{"data": entry}])


class _RefusedError(BackendError):
    """The service read the request and will not have it: the same again would fail again."""


def _new_client() -> "PublisherClient":
    from google.auth.exceptions import GoogleAuthError
    from google.pubsub_v1 import PublisherClient

    try:
        return PublisherClient()
    except GoogleAuthError as error:
        raise BackendError(f"no credentials for Pub/Sub: {error} {LOG_IN}") from error


def _publish(client: "PublisherClient", topic: str, messages: Sequence[Mapping[str, Any]]) -> Sequence[str]:
    from google.api_core import exceptions
    from google.api_core.retry import Retry, if_exception_type

    again = Retry(
        predicate=if_exception_type(
            exceptions.Aborted, exceptions.ServiceUnavailable, exceptions.InternalServerError, exceptions.Unknown
        ),
        initial=0.1,
        maximum=2.0,
        timeout=_SECONDS,
    )
    try:
        answer = client.publish(request={"topic": topic, "messages": list(messages)}, retry=again, timeout=_SECONDS)
    except exceptions.InvalidArgument as error:
        raise _RefusedError(f"{topic} refused the message: {error.message}") from error
    except exceptions.PermissionDenied as error:
        raise BackendError(f"may not publish to {topic}: grant roles/pubsub.publisher on the topic") from error
    except exceptions.NotFound as error:
        raise BackendError(f"{topic} does not exist") from error
    except exceptions.GoogleAPICallError as error:
        raise BackendError(f"{topic} did not take a message: {error.message}") from error
    except exceptions.RetryError as error:
        raise BackendError(f"{topic} took no message for {_SECONDS:.0f} seconds: {error.cause}") from error
    return list(answer.message_ids)


def _wire(message: AlertMessage) -> dict[str, Any]:
    return {
        "data": message.data,
        "attributes": dict(_within_limits(message.attributes)),
        "ordering_key": message.ordering_key,
    }


def _within_limits(attributes: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Attributes as Pub/Sub takes them; one that it would refuse must not keep the message from its topic."""
    for key, value in list(attributes.items())[:_MOST_ATTRIBUTES]:
        if key and not key.startswith("goog") and len(key.encode("utf-8", "replace")) <= _LONGEST_KEY:
            text = value.encode("utf-8", "replace")[:_LONGEST_VALUE]
            yield key, text.decode("utf-8", "ignore")


def _chunks(messages: Sequence[AlertMessage]) -> Iterator[list[AlertMessage]]:
    chunk: list[AlertMessage] = []
    size = 0
    for message in messages:
        weight = len(message.data) + 1024
        if chunk and (len(chunk) >= _MOST_MESSAGES or size + weight > _MOST_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(message)
        size += weight
    if chunk:
        yield chunk
