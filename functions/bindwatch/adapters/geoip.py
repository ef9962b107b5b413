"""Where addresses are, from databases in MaxMind's format (MMDB): country, network, anonymity, any mix of them."""

from collections.abc import Sequence
from typing import Any, Final

from bindwatch.errors import ConfigError
from bindwatch.model.outside import NOWHERE, Place

_MOST_REMEMBERED: Final = 65_536
# The fields of GeoIP2 Anonymous IP, and of the traits that other databases copy from it.
_HIDES: Final = {
    "is_tor_exit_node": "a Tor exit node",
    "is_public_proxy": "a public proxy",
    "is_anonymous_vpn": "an anonymous VPN",
    "is_residential_proxy": "a residential proxy",
    "is_anonymous": "an anonymiser",
}


class GeoDatabases:
    """One or more databases, asked as one: what the first knows of an address, the next may add to.

    Raises ConfigError where one cannot be opened. Each is read where it lies; nothing is sent anywhere.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        import maxminddb  # only where a database is named

        self._readers: list[Any] = []
        self._answers: dict[str, Place] = {}
        problems = []
        for path in paths:
            try:
                self._readers.append(maxminddb.open_database(path))
            except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
                problems.append(f"{path}: cannot be read as a GeoIP database (MMDB): {error}")
        if problems:
            raise ConfigError(problems)

    def place(self, address: str) -> Place:
        """See `Places.place`."""
        known = self._answers.get(address)
        if known is None:
            if len(self._answers) >= _MOST_REMEMBERED:
                self._answers.clear()
            known = self._answers[address] = self._find(address)
        return known

    def _find(self, address: str) -> Place:
        place = NOWHERE
        for reader in self._readers:
            try:
                record = reader.get(address)
            except ValueError:  # no address, or one of IPv6 in a database of IPv4
                continue
            if isinstance(record, dict):
                found = _place(record)
                place = Place(
                    place.country or found.country,
                    place.network or found.network,
                    place.anonymous or found.anonymous,
                )
        return place


def _place(record: dict[str, Any]) -> Place:
    traits = _table(record, "traits")
    country = _table(record, "country").get("iso_code") or record.get("country_code") or record.get("country")
    number = record.get("autonomous_system_number") or traits.get("autonomous_system_number")
    owner = record.get("autonomous_system_organization") or traits.get("autonomous_system_organization")
    hides = (words for name, words in _HIDES.items() if record.get(name) is True or traits.get(name) is True)
    return Place(
        country.upper() if isinstance(country, str) else "",
        " ".join(text for text in (f"AS{number}" if number else "", str(owner or "")) if text),
        next(hides, ""),
    )


def _table(record: dict[str, Any], name: str) -> dict[str, Any]:
    value = record.get(name)
    return value if isinstance(value, dict) else {}
