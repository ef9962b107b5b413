"""Where a call comes from: the internet, or a network of somebody's own."""

import ipaddress
from functools import lru_cache
from typing import Final

from bindwatch.model.log_entry import LogEntry

# Not `is_global` of the standard library: that calls the ranges set aside for documentation private, and every
# address that is not known to be somebody's own must count as public.
_OWN: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "0.0.0.0/8",
        "::1/128",
        "::/128",
        "fc00::/7",
        "fe80::/10",
    )
)


def comes_from_internet(entry: LogEntry) -> bool:
    """Whether the caller's address is a public one; not for `gce-internal-ip`, `private` or none at all."""
    address = entry.caller_address
    return address is not None and _is_public(address)


@lru_cache(maxsize=8192)
def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return not any(address.version == network.version and address in network for network in _OWN)
