"""Scanning as a user does: a process, files on disk, what it prints and how it exits."""

import base64
import codecs
import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def bindwatch(*args: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "bindwatch", *map(str, args)]
    return subprocess.run(command, input=stdin, capture_output=True, cwd=ROOT / "functions", check=False, timeout=60)


def scan(*args: str | Path, stdin: bytes = b"") -> dict[str, Any]:
    done = bindwatch("scan", "--format", "json", *args, stdin=stdin)
    assert done.returncode in (0, 1, 2), done.stderr.decode()
    result: dict[str, Any] = json.loads(done.stdout)
    return result


CLUSTER = {
    "name": "//container.googleapis.com/projects/acme-prod/locations/europe-west1/clusters/shop",
    "assetType": "container.googleapis.com/Cluster",
    "resource": {
        "data": {
            "name": "shop",
            "location": "europe-west1",
            "nodePools": [],
            "authenticatorGroupsConfig": {"enabled": True, "securityGroup": "gke-security-groups@example.com"},
        }
    },
    "ancestors": ["projects/123"],
}
KEY = {
    "name": "projects/acme-prod/serviceAccounts/ci@acme-prod.iam.gserviceaccount.com/keys/abc123",
    "keyType": "USER_MANAGED",
    "keyOrigin": "GOOGLE_PROVIDED",
    "keyAlgorithm": "KEY_ALG_RSA_2048",
    "validAfterTime": "2020-01-01T00:00:00Z",
    "validBeforeTime": "9999-12-31T23:59:59Z",
}
ENTRY = {
    "logName": "projects/acme-prod/logs/cloudaudit.googleapis.com%2Fdata_access",
    "insertId": "a",
    "timestamp": "2026-11-01T10:00:00Z",
    "protoPayload": {"serviceName": "x.googleapis.com", "methodName": "Do"},
}


def write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def line(value: object) -> bytes:
    return json.dumps(value).encode() + b"\n"


@pytest.mark.parametrize(
    "data",
    [
        line(CLUSTER),
        b"// exported\n\n" + line(CLUSTER),
        b"\xef\xbb\xbf" + line(CLUSTER),
        json.dumps([CLUSTER], indent=2).encode(),
        json.dumps(CLUSTER, indent=2).encode(),
        json.dumps(CLUSTER, indent=2).encode() * 2,
        gzip.compress(line(CLUSTER), mtime=0),
        line(CLUSTER).decode().replace("\n", "\r\n").encode("utf-16"),
        codecs.BOM_UTF16_BE + json.dumps([CLUSTER], indent=2).encode("utf-16-be"),
    ],
    ids=["ndjson", "comments", "bom", "array", "document", "documents", "gzip", "powershell", "big-endian"],
)
def test_an_inventory_is_read_in_every_packing(tmp_path: Path, data: bytes) -> None:
    result = scan(write(tmp_path / "x.json", data))
    assert [finding["rule_id"] for finding in result["findings"]] == ["cluster-without-workload-identity"]
    assert result["summary"]["complete"]


def test_stdin_and_directories_and_any_mix(tmp_path: Path) -> None:
    write(tmp_path / "a" / "assets.ndjson", line(CLUSTER) + line(ENTRY))
    write(tmp_path / "b" / "entries.json", json.dumps([ENTRY, ENTRY]).encode())
    write(tmp_path / "b" / "notes.txt", b"hello")
    result = scan(tmp_path, "-", stdin=line(ENTRY))
    assert result["summary"]["entries"] == 4
    assert result["summary"]["inventory_items"] == 1
    assert [item["reason"] for item in result["summary"]["skipped"]] == ["neither JSON nor NDJSON"]


def test_entries_are_found_inside_what_others_store_them_in(tmp_path: Path) -> None:
    message = {"message": {"data": base64.b64encode(json.dumps(ENTRY).encode()).decode()}, "subscription": "s"}
    data = line({"entries": [ENTRY, ENTRY]}) + line({"_source": ENTRY}) + line(message)
    assert scan(write(tmp_path / "x.json", data))["summary"]["entries"] == 4


def test_damage_is_named_with_its_line_and_costs_no_neighbour(tmp_path: Path) -> None:
    file = write(tmp_path / "x.ndjson", line(ENTRY) + b'{"protoPayload": {"methodName"\n' + b"\n" + line(ENTRY))
    result = scan(file)
    assert result["summary"]["entries"] == 2
    assert [(problem["file"], problem["line"]) for problem in result["summary"]["problems"]] == [(str(file), 2)]
    assert bindwatch("scan", file).returncode == 2


def test_the_exit_code_says_found_or_not_or_not_done(tmp_path: Path) -> None:
    found, quiet = write(tmp_path / "a.json", line(CLUSTER)), write(tmp_path / "b.json", line(ENTRY))
    assert bindwatch("scan", found).returncode == 1
    assert bindwatch("scan", found, "--fail-on", "critical").returncode == 0
    assert bindwatch("scan", quiet).returncode == 0
    assert bindwatch("scan", tmp_path / "nothing").returncode == 2
    assert bindwatch("scan").returncode == 2


def test_scanning_twice_prints_the_same(tmp_path: Path) -> None:
    file = write(tmp_path / "x.json", line(CLUSTER) + line(KEY) + line(ENTRY))
    runs = [bindwatch("scan", file, "--format", "json", "--as-of", "2026-11-01T00:00:00Z").stdout for _ in range(2)]
    assert runs[0] == runs[1]


def test_text_puts_the_worst_first_with_the_fix_under_each(tmp_path: Path) -> None:
    file = write(tmp_path / "x.json", line(CLUSTER) + line(KEY))
    text = bindwatch("scan", file, "--as-of", "2026-11-01").stdout.decode()
    assert text.index("HIGH") < text.index("MEDIUM")
    assert "gcloud container clusters update shop --location=europe-west1 --project=acme-prod" in text
    assert "--workload-pool=acme-prod.svc.id.goog" in text


def test_what_one_fix_settles_is_told_once_with_the_others_under_it(tmp_path: Path) -> None:
    outsider = {
        "name": "//cloudresourcemanager.googleapis.com/projects/acme-prod",
        "assetType": "cloudresourcemanager.googleapis.com/Project",
        "iamPolicy": {"bindings": [{"role": "roles/owner", "members": ["user:eve@gmail.com", "user:bo@gmail.com"]}]},
    }
    file = write(tmp_path / "x.json", line(outsider))
    text = bindwatch("scan", file).stdout.decode()
    first, second = (text.count(f"projects remove-iam-policy-binding acme-prod --role=roles/owner --member=user:{name}")
                     for name in ("eve", "bo"))  # fmt: skip
    assert (first, second) == (1, 1)
    eve = next(block for block in text.split("●") if "holds roles/owner" in block and "eve" in block)
    assert "rule    external-member" in eve
    assert "also    CRITICAL privileged-role (" in eve
    assert "          MEDIUM basic-role (" in eve
    assert "CRITICAL  4, 2 shown under others with the same fix" in text
    found = json.loads(bindwatch("scan", file, "--format", "json").stdout)["findings"]
    assert sum(finding["rule_id"] == "basic-role" for finding in found) == 2, "other forms have each by itself"


def test_ndjson_is_one_finding_a_line(tmp_path: Path) -> None:
    file = write(tmp_path / "x.json", line(CLUSTER) + line(KEY))
    lines = bindwatch("scan", file, "--format", "ndjson").stdout.splitlines()
    assert {json.loads(text)["rule_id"] for text in lines} >= {"cluster-without-workload-identity", "user-managed-key"}


def test_hostile_names_reach_no_terminal_alive(tmp_path: Path) -> None:
    hostile = json.loads(json.dumps(CLUSTER).replace("shop", "sh\\u001b[2Jop\\u202e"))
    done = bindwatch("scan", write(tmp_path / "x.json", line(hostile)))
    assert b"\x1b" not in done.stdout + done.stderr
    assert "\u202e" not in done.stdout.decode()


def test_a_typo_gets_a_suggestion() -> None:
    assert b"scan" in bindwatch("scam").stderr
    assert b"user-managed-key" in bindwatch("rules", "user-manged-key").stderr


def test_what_a_window_rule_asks_is_printed() -> None:
    asked = bindwatch("rules", "apis-disabled-in-bulk", "--sql").stdout.decode()
    assert "and ends_with(method, '.DisableService')" in asked
    assert "from hourly" in asked
    assert "@since" in asked
    assert b"no window rule" in bindwatch("rules", "public-member", "--sql").stderr


def test_a_file_is_judged_without_the_libraries_it_does_not_need(tmp_path: Path) -> None:
    file = write(tmp_path / "x.json", line(ENTRY))
    code = (
        "import sys\nsys.argv=['bindwatch','scan','-q',sys.argv[1]]\nfrom bindwatch.cli import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "names = ('google.cloud.', 'google.api_core', 'google.auth', 'google.protobuf', 'duckdb', 'kubernetes', 'grpc',"
        " 'rich', 'yaml')\n"
        "print([m for m in sys.modules if m.startswith(names)])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(file)], capture_output=True, cwd=ROOT / "functions", check=True, timeout=60
    )
    assert done.stdout.split(b"\n")[-2] == b"[]"


def refused_mints(count: int) -> bytes:
    def entry(number: int) -> dict[str, Any]:
        email = f"sa-{number}@acme-prod.iam.gserviceaccount.com"
        return {
            "logName": "projects/acme-prod/logs/cloudaudit.googleapis.com%2Fdata_access",
            "insertId": f"m{number}",
            "timestamp": f"2026-11-01T10:0{number}:00Z",
            "severity": "ERROR",
            "resource": {"type": "service_account", "labels": {"email_id": email, "project_id": "acme-prod"}},
            "protoPayload": {
                "serviceName": "iamcredentials.googleapis.com",
                "methodName": "GenerateAccessToken",
                "status": {"code": 7, "message": "PERMISSION_DENIED"},
                "authenticationInfo": {"principalEmail": "eve@example.com"},
                "authorizationInfo": [{"permission": "iam.serviceAccounts.getAccessToken"}],
                "requestMetadata": {"callerIp": "203.0.113.9", "callerSuppliedUserAgent": "curl/8"},
            },
        }

    return b"".join(line(entry(number)) for number in range(count))


def test_what_shows_only_over_time_is_found_in_files_and_in_a_store(tmp_path: Path) -> None:
    many = write(tmp_path / "many.ndjson", refused_mints(6) + line(ENTRY))
    few = write(tmp_path / "few.ndjson", refused_mints(4))
    in_files = {finding["rule_id"]: finding for finding in scan(many)["findings"]}
    assert "service-account-fan-out" in in_files
    assert "service-account-fan-out" not in {finding["rule_id"] for finding in scan(few)["findings"]}
    in_store = {finding["rule_id"]: finding for finding in scan(many, "--store", tmp_path / "s.duckdb")["findings"]}
    assert in_store.keys() == in_files.keys()
    fan_out = "service-account-fan-out"
    assert in_store[fan_out]["finding_id"] == in_files[fan_out]["finding_id"]


def test_rules_that_only_a_store_can_answer_are_named_once_where_there_is_none(tmp_path: Path) -> None:
    log, keys = write(tmp_path / "log.ndjson", refused_mints(2)), write(tmp_path / "keys.json", line(KEY))
    needing = {"mint-without-use", "new-federated-subject", "new-impersonator"}

    def off(*args: str | Path) -> set[str]:
        return {item["rule_id"] for item in scan(*args)["summary"]["off"] if "--store" in item["lacks"]}

    assert needing <= off(log)
    assert "service-account-fan-out" not in off(log)  # files show what happens within an hour
    assert off(log, "--store", tmp_path / "s.duckdb") == set()
    assert off(keys) == set()  # no entries, nothing missed

    told = [text for text in bindwatch("scan", log).stderr.decode().splitlines() if "--store" in text]
    assert len(told) == 1
    assert told[0].startswith("off: ")
    report = bindwatch("scan", log, "--format", "junit").stdout.decode()
    _, found, case = report.partition('name="mint-without-use"')
    assert found
    assert "--store" in case.partition("</testcase>")[0]


def test_scanning_the_same_into_a_store_twice_changes_nothing(tmp_path: Path) -> None:
    import duckdb

    store = tmp_path / "s.duckdb"
    file = write(tmp_path / "x.json", line(CLUSTER) + line(KEY) + line(ENTRY) + refused_mints(6))
    counts = []
    for _ in range(2):
        assert bindwatch("scan", file, "--store", store, "--as-of", "2026-11-02").returncode == 1
        with duckdb.connect(str(store), read_only=True) as connection:
            counts.append(
                [
                    connection.execute(f"select count(*) from {table}").fetchall()
                    for table in ("activity", "finding_events", "runs")
                ]
            )
    assert counts[0] == counts[1]
    assert counts[0][0] == [(7,)]


def test_a_scan_writes_several_forms_at_once_with_the_places_of_what_it_found(tmp_path: Path) -> None:
    file = write(tmp_path / "x.json", line(ENTRY) + line(CLUSTER))
    sarif, page = tmp_path / "out.sarif", tmp_path / "out.md"
    done = bindwatch("scan", file, "--output", f"sarif={sarif}", "--output", f"markdown={page}", "--format", "csv")
    assert done.returncode == 1
    (result,) = json.loads(sarif.read_bytes())["runs"][0]["results"]
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"].endswith("/x.json")
    assert place["region"] == {"startLine": 2}
    assert "bindwatch scan: 1 finding" in page.read_text(encoding="utf-8")
    assert len(done.stdout.splitlines()) > 1
    refused = bindwatch("scan", file, "--output", "nonsense")
    assert refused.returncode == 2
    assert b"FORMAT=FILE" in refused.stderr


def test_many_people_who_fail_to_sign_in_from_one_address_are_seen_in_files(tmp_path: Path) -> None:
    def failure(number: int) -> dict[str, Any]:
        return {
            "logName": "organizations/1/logs/cloudaudit.googleapis.com%2Fdata_access",
            "insertId": f"f{number}",
            "timestamp": f"2026-11-02T10:0{number}:00Z",
            "resource": {"type": "audited_resource", "labels": {"service": "login.googleapis.com"}},
            "protoPayload": {
                "serviceName": "login.googleapis.com",
                "methodName": "google.login.LoginService.loginFailure",
                "authenticationInfo": {"principalEmail": f"person-{number}@example.com"},
                "requestMetadata": {"callerIp": "203.0.113.9"},
            },
        }

    file = write(tmp_path / "x.ndjson", b"".join(line(failure(number)) for number in range(6)))
    assert "sign-in-failures-from-one-address" in {finding["rule_id"] for finding in scan(file)["findings"]}


def test_a_small_file_of_logs_is_judged_without_what_it_does_not_need(tmp_path: Path) -> None:
    file = write(tmp_path / "x.ndjson", refused_mints(4) + line(ENTRY))
    command = [sys.executable, "-X", "importtime", "-m", "bindwatch", "scan", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT / "functions", check=False)
    for name in ("duckdb", "google", "yaml", "bindwatch.rules.at_rest", "bindwatch.diagnosis.chain", "xml"):
        assert f"| {name}\n" not in done.stderr.replace(" ", "").replace("|", "| "), name
