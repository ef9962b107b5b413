"""The services that take no tokens of federated identities, so that a workload must impersonate an account for them."""

from functools import lru_cache
from importlib.resources import files

import msgspec


class _Services(msgspec.Struct):
    source: str
    as_of: str
    services: dict[str, str]


@lru_cache(maxsize=1)
def _table() -> dict[str, str]:
    data = files("bindwatch").joinpath("data/federated_services.json").read_bytes()
    return msgspec.json.decode(data, type=_Services).services


def rejects_federated_tokens(service: str) -> bool:
    """Whether an API takes no tokens of federated identities, as far as is documented."""
    return service in _table()


def limitation(service: str) -> str:
    """What the limitation is; '' for an API without one that is known."""
    return _table().get(service, "")
