"""A webhook of your own: the alerts as they were published, signed as Standard Webhooks says.

Source: standardwebhooks.com, version 1: `webhook-id`, `webhook-timestamp` and `webhook-signature`, the last
`v1,` and the base64 HMAC-SHA256 of id, timestamp and body joined by dots.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from bindwatch.adapters.bridges.wording import encoded
from bindwatch.errors import ConfigError
from bindwatch.pipeline.announced import Announced
from bindwatch.pipeline.rows import digest

TYPE: Final = "bindwatch.alerts"
_PREFIX: Final = "whsec_"
_LEAST_BYTES: Final = 24


def body(alerts: Sequence[Announced], now: datetime) -> bytes:
    """The alerts, each by the schema of the topic."""
    data: list[Any] = [json.loads(alert.data) for alert in alerts]
    return encoded({"type": TYPE, "timestamp": now.isoformat().replace("+00:00", "Z"), "data": {"alerts": data}})


def headers(alerts: Sequence[Announced], content: bytes, key: bytes, now: datetime) -> dict[str, str]:
    """What lets the receiver tell that this came from here, when, and whether it came before."""
    message_id = f"msg_{digest(*sorted(alert.alert_id for alert in alerts))}"
    seconds = str(int(now.timestamp()))
    signed = b".".join([message_id.encode(), seconds.encode(), content])
    signature = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode("ascii")
    return {"webhook-id": message_id, "webhook-timestamp": seconds, "webhook-signature": f"v1,{signature}"}


def signing_key(secret: str, name: str) -> bytes:
    """The bytes of a signing secret: `whsec_` and base64, as Standard Webhooks has it, or any long text.

    Raises ConfigError, without the secret, where it is too short to keep anybody out.
    """
    key = secret.encode()
    if secret.startswith(_PREFIX):
        try:
            key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        except (binascii.Error, ValueError):
            raise ConfigError([f"destination {name}: its secret begins with whsec_ and is not base64"]) from None
    if len(key) < _LEAST_BYTES:
        raise ConfigError([f"destination {name}: its secret has less than {_LEAST_BYTES} bytes"])
    return key
