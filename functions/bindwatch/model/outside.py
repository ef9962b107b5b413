"""What no log says: which addresses are known to be bad, which keys have leaked, where an address is."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_MOST_REMEMBERED: Final = 65_536


class AddressList:
    """A list of networks, each with a word on why it is listed. Asking costs a look-up per distinct prefix length."""

    def __init__(self, networks: Iterable[tuple[Network, str]]) -> None:
        self._by_length: dict[tuple[int, int], dict[int, str]] = {}
        self._answers: dict[str, str] = {}
        for network, why in networks:
            host_bits = network.max_prefixlen - network.prefixlen
            of_length = self._by_length.setdefault((network.version, host_bits), {})
            of_length.setdefault(int(network.network_address) >> host_bits, why)

    @classmethod
    def of_all(cls, lists: Iterable["AddressList"]) -> "AddressList":
        """One list of several; what the first says of a network holds."""
        union = cls(())
        for each in lists:
            for length, listed in each._by_length.items():
                union._by_length[length] = {**listed, **union._by_length.get(length, {})}
        return union

    def __len__(self) -> int:
        return sum(map(len, self._by_length.values()))

    def why(self, address: str) -> str:
        """Why the address is listed; '' where it is not, or is none."""
        known = self._answers.get(address)
        if known is None:
            if len(self._answers) >= _MOST_REMEMBERED:
                self._answers.clear()
            known = self._answers[address] = self._find(address)
        return known

    def _find(self, text: str) -> str:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return ""
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        bits = int(address)
        for (version, host_bits), listed in self._by_length.items():
            if version == address.version and (why := listed.get(bits >> host_bits)):
                return why
        return ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an address is, as far as a database says."""

    country: str = ""
    """ISO code, upper case."""
    network: str = ""
    """Whose network it is: the number of the autonomous system and its owner (`AS64500 Example Net`)."""
    anonymous: str = ""
    """What hides its user, in words (`a Tor exit node`); '' for nothing known."""


NOWHERE: Final = Place()


class Places(Protocol):
    """A database of where addresses are."""

    def place(self, address: str) -> Place:
        """Where an address is; an empty Place for one that is not known or is none."""


@dataclass(frozen=True, kw_only=True)
class Outside:
    """What the user's files say. A part that is None was not given: rules that need it are off, and say so."""

    addresses: AddressList | None = None
    leaked_keys: frozenset[str] | None = None
    places: Places | None = None
    countries: frozenset[str] = field(default_factory=frozenset)
    """The countries that calls may come from; empty where nobody said."""

    def place(self, address: str) -> Place:
        """Where an address is; an empty Place without a database."""
        return self.places.place(address) if self.places is not None and address else NOWHERE

    def has(self, name: str) -> bool:
        """Whether the part that a field of `[outside]` names was given."""
        given = {
            "address_list": self.addresses is not None,
            "leaked_keys": self.leaked_keys is not None,
            "geoip": self.places is not None,
            "countries": bool(self.countries),
        }
        return given[name]
