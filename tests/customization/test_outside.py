"""What the user's files say of addresses and keys: as publishers write them, with what is wrong told by line."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from bindwatch.adapters.customization_files import load_customization
from bindwatch.cli.outcome import STORE
from bindwatch.cli.progress import Progress
from bindwatch.cli.scan import scan
from bindwatch.customization.outside_lists import read_addresses, read_keys
from bindwatch.errors import ConfigError
from bindwatch.model.outside import Outside, Place
from bindwatch.rule import Context
from rules.case import CASES

KEY = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("text", "address", "listed"),
    [
        ("192.0.2.7", "192.0.2.7", "192.0.2.7/32 in bad.txt"),
        ("192.0.2.7", "192.0.2.8", ""),
        ("192.0.2.0/24\n198.51.100.0/25", "198.51.100.127", "198.51.100.0/25 in bad.txt"),
        ("192.0.2.0/24", "192.0.3.0", ""),
        ("2001:db8::/32", "2001:db8:ffff::1", "2001:db8::/32 in bad.txt"),
        ("192.0.2.0/24", "::ffff:192.0.2.1", "192.0.2.0/24 in bad.txt"),
        ("ip,category,seen\n192.0.2.7,tor,2026-11-01", "192.0.2.7", "192.0.2.7/32 in bad.txt"),
        ("# comment\n\n192.0.2.7 ; exit node\n", "192.0.2.7", "192.0.2.7/32 in bad.txt"),
        ('"1","192.0.2.7","US"', "192.0.2.7", "192.0.2.7/32 in bad.txt"),
        ("\ufeff192.0.2.7\r\n", "192.0.2.7", "192.0.2.7/32 in bad.txt"),
        ("192.0.2.0/24", "gce-internal-ip", ""),
        ("0.0.0.0/0", "private", ""),
    ],
)
def test_addresses_in_the_forms_of_publishers(text: str, address: str, listed: str) -> None:
    addresses, problems = read_addresses(text, "lists/bad.txt")
    assert problems == []
    assert addresses.why(address) == listed
    assert addresses.why(address) == listed, "asked again"


def test_a_line_without_an_address_is_told_and_the_others_hold() -> None:
    addresses, problems = read_addresses("192.0.2.7\n192.0.2.300\n198.51.100.0/24", "bad.txt")
    assert problems == ["bad.txt:2: expected an address or a network, found '192.0.2.300'"]
    assert len(addresses) == 2


@pytest.mark.parametrize(
    "line",
    [
        KEY,
        KEY.upper(),
        f"//iam.googleapis.com/projects/p/serviceAccounts/a@p.iam.gserviceaccount.com/keys/{KEY}",
        f"projects/p/serviceAccounts/a@p.iam.gserviceaccount.com/keys/{KEY}",
        f"{KEY},github,2026-10-01",
        f"a@p.iam.gserviceaccount.com,{KEY} # found in a gist",
    ],
)
def test_keys_in_the_forms_of_publishers(line: str) -> None:
    assert read_keys(f"key,where\n{line}\n", "keys.csv") == (frozenset({KEY}), [])


def database(path: Path, kind: str, records: dict[str, dict[str, Any]]) -> Path:
    writer = MMDBWriter(ip_version=6, ipv4_compatible=True, database_type=kind)
    for network, record in records.items():
        writer.insert_network(IPSet([network]), record)
    writer.to_db_file(str(path))
    return path


@pytest.fixture
def databases(tmp_path: Path) -> Path:
    database(
        tmp_path / "country.mmdb",
        "GeoLite2-Country",
        {"192.0.2.0/24": {"country": {"iso_code": "DE"}}, "2001:db8::/32": {"country": {"iso_code": "NO"}}},
    )
    asn = {"autonomous_system_number": 64496, "autonomous_system_organization": "Example Net"}
    database(tmp_path / "asn.mmdb", "GeoLite2-ASN", {"192.0.2.0/25": asn})
    database(
        tmp_path / "anonymous.mmdb",
        "GeoIP2-Anonymous-IP",
        {"192.0.2.9/32": {"is_anonymous": True, "is_tor_exit_node": True}},
    )
    return tmp_path


def outside_of(folder: Path, text: str) -> Outside:
    (folder / "bindwatch.toml").write_text(f"[outside]\n{text}\n")
    return load_customization(str(folder / "bindwatch.toml")).context(Context()).outside


def test_databases_add_up(databases: Path) -> None:
    outside = outside_of(databases, 'geoip = ["country.mmdb", "asn.mmdb", "anonymous.mmdb"]')
    assert outside.place("192.0.2.9") == Place("DE", "AS64496 Example Net", "a Tor exit node")
    assert outside.place("192.0.2.200") == Place("DE")
    assert outside.place("2001:db8::1") == Place("NO")
    for nowhere in ("198.51.100.1", "gce-internal-ip", "private", ""):
        assert outside.place(nowhere) == Place()


def test_one_file_may_stand_alone(databases: Path) -> None:
    assert outside_of(databases, 'geoip = "country.mmdb"').place("192.0.2.9").country == "DE"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('address_list = "gone.txt"', "gone.txt: cannot be read: No such file or directory"),
        ('geoip = "gone.mmdb"', "gone.mmdb: cannot be read as a GeoIP database (MMDB):"),
        ('geoip = "words.txt"', "words.txt: cannot be read as a GeoIP database (MMDB):"),
        ('address_list = "words.txt"', "words.txt:2: expected an address or a network, found 'ipsum1'; nothing"),
        ('leaked_keys = "words.txt"', "words.txt:2: expected the id or the name of a key, found 'ipsum1'; nothing"),
        ('countries = ["DE"]', "bindwatch.toml:2: outside.countries: needs geoip"),
        ('countries = ["Germany"]\ngeoip = "x"', "bindwatch.toml:2: outside.countries: expected ISO codes"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_reason(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "words.txt").write_text("lorem\nipsum1\n")
    with pytest.raises(ConfigError) as caught:
        outside_of(tmp_path, text)
    assert any(item.removeprefix(f"{tmp_path}/").startswith(problem) for item in caught.value.problems)


def scanned(folder: Path, text: str, entries: list[Any]) -> tuple[set[str], set[str], tuple[str, ...]]:
    """What a scan with these settings finds, which rules are off for want of a list, and what was not used."""
    (folder / "bindwatch.toml").write_text(f"[outside]\n{text}\n")
    (folder / "log.ndjson").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    customization = load_customization(str(folder / "bindwatch.toml"))
    outcome = scan(
        (str(folder / "log.ndjson"),), Context(), Progress(io.StringIO(), quiet=True), customization=customization
    )
    found = {row.finding.rule_id for row in outcome.tally.standing()}
    return found, {item.rule_id for item in outcome.off if STORE not in item.lacks}, outcome.notes


def test_a_scan_uses_the_files_and_says_what_is_off(databases: Path) -> None:
    case = json.loads((CASES / "leaked-key-used" / "fires-used-from-anywhere.json").read_text())["entries"][0]
    case["protoPayload"]["requestMetadata"]["callerIp"] = "192.0.2.9"
    every = {
        "call-from-listed-address",
        "call-through-anonymiser",
        "call-from-unexpected-country",
        "leaked-key-used",
        "new-place",
    }
    found, off, _ = scanned(databases, "", [case])
    assert not found & every
    assert off == every
    (databases / "bad.txt").write_text("192.0.2.0/28\nnonsense\n")
    (databases / "keys.txt").write_text(KEY)
    text = 'address_list = "bad.txt"\nleaked_keys = "keys.txt"\ngeoip = ["country.mmdb", "anonymous.mmdb"]\n'
    found, off, notes = scanned(databases, text + 'countries = ["NO"]', [case])
    assert found & every == every - {"new-place"}
    assert off == set()
    assert len(notes) == 1
    assert notes[0].endswith("bad.txt:2: expected an address or a network, found 'nonsense'")
