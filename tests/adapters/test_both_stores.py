"""The same events in both stores give the same rows in every view, window and question."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bindwatch.adapters.bigquery import BigQueryStore
from bindwatch.adapters.bigquery_schema import apply_schema
from bindwatch.adapters.duckdb import DuckDBStore
from bindwatch.adapters.questions import Value, questions, views_in_order
from bindwatch.adapters.sql_store import SqlStore, plain
from bindwatch.engine import RuleFailure, Verdict
from bindwatch.model.finding import AssetRef, Category, Finding, LogRef, Remediation, Severity, State, Written
from bindwatch.model.log_entry import LogEntry, from_dict
from bindwatch.pipeline import Delivery, Row, Rows, StandingFinding, Table, announce_due, deliver
from bindwatch.pipeline.rows import Recording, RunRow, ending_event, finding_event, timestamp
from bindwatch.rules import WINDOW_RULES
from infra import dashboard
from local_bigquery import PROJECT, running
from sample_entries import stories, within_the_hour
from sample_findings import NOON, Subscribers, at, written

DATASET = f"{PROJECT}.bindwatch"
ACCOUNTS = [f"sa-{number}@shop.iam.gserviceaccount.com" for number in range(12)]
PEOPLE = ["ada@example.com", "eve@example.com", "", *ACCOUNTS[:4]]


def a_mute(number: int) -> Row:
    """One of eight mutes; the last two take the first two back."""
    return {
        "mute_id": f"m{number % 6}",
        "action": "UNMUTED" if number >= 6 else "MUTED",
        "recorded_at": timestamp(at(-3000 + number)),
        "expires_at": timestamp(at(1000 * (number - 3))),
        "owner": "ada@example.com",
        "reason": "known",
        "origin": "person",
        "finding_id": "",
        "rule_id": ("rule-1", "rule-1*", "")[number % 3],
        "category": "threat" if number % 2 else "",
        "project": "shop" if number % 3 == 2 else "",
        "resource_name": "//iam.googleapis.com/projects/shop/*" if number % 4 == 0 else "",
        "principal": "",
        "subject": "",
    }


def a_delivery(number: int) -> Row:
    """What one of three places was told, or refused, of one of seven findings."""
    return {
        "alert_id": f"a{number % 11}",
        "destination": ("chat", "pager", "tickets")[number % 3],
        "outcome": "REFUSED" if number % 5 == 0 else "TOLD",
        "recorded_at": timestamp(at(-number)),
        "finding_id": f"f{number % 7}",
        "state": "OPEN",
        "severity_level": number % 5,
        "reference": f"SEC-{number}" if number % 3 == 2 else "",
        "reason": "answered 404" if number % 5 == 0 else "",
    }


def a_label(number: int) -> Row:
    """Whose one of seven projects was; now and then nobody's, and twice at the same time."""
    team = ("shop", "data", "")[number % 3]
    return {"project": f"project-{number % 7}", "team": team, "seen_at": timestamp(at(-60 * (number // 9)))}


def a_snapshot(number: int, version: int) -> Row:
    """The policy of an account, or of something else; the second version has one grant more."""
    email = ACCOUNTS[number]
    members = [f"serviceAccount:{email}", "user:ada@example.com", "user:nobody@example.com", "group:all@example.com"]
    grants = [{"role": "roles/owner", "member": member, "principal": member, "condition": ""} for member in members]
    account = f"//iam.googleapis.com/projects/shop/serviceAccounts/{email}"
    return {
        "snapshot_key": f"s{number}{version}",
        "resource": account if number % 2 else f"//x/projects/shop/{number}",
        "kind": "policy",
        "seen_at": timestamp(at(-100 + version)),
        "etag": str(version),
        "content": '{"bindings": []}',
        "project": "shop",
        "grants": grants[: 3 + version],
    }


def a_sink(snapshot: Row) -> Row:
    """The state of a sink, where the policy of something was."""
    return snapshot | {"snapshot_key": f"sink {snapshot['snapshot_key']}", "kind": "sink", "grants": []}


class Company:
    """Makes entries, findings and everything else at random, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def moment(self) -> datetime:
        """Some time within forty days before noon, now and then at the very same time as another."""
        minutes = self.random.choice((self.random.uniform(-40 * 1440, 0), float(-self.random.randrange(0, 600))))
        return at(minutes).replace(microsecond=self.random.choice((0, 500_000, self.random.randrange(1_000_000))))

    def entry(self, number: int) -> LogEntry:
        denied = self.random.random() < 0.3
        caller = self.random.choice(PEOPLE)
        mint = self.random.random() < 0.7
        return from_dict(
            {
                "logName": "projects/shop/logs/cloudaudit.googleapis.com%2Fdata_access",
                "insertId": f"e{number}",
                "timestamp": written(self.moment()),
                "severity": "ERROR" if denied else "INFO",
                "resource": {
                    "type": "service_account",
                    "labels": {
                        "project_id": self.random.choice(("shop", "data")),
                        "email_id": self.random.choice(ACCOUNTS),
                    },
                },
                "protoPayload": {
                    "serviceName": "iamcredentials.googleapis.com" if mint else "iam.googleapis.com",
                    "methodName": "GenerateAccessToken" if mint else "google.iam.admin.v1.SetIAMPolicy",
                    "status": {"code": 7} if denied else {},
                    "authenticationInfo": {"principalEmail": caller}
                    | (
                        {"serviceAccountKeyName": f"//iam.googleapis.com/projects/p/serviceAccounts/{caller}/keys/k1"}
                        if self.random.random() < 0.1
                        else {}
                    ),
                    "authorizationInfo": [
                        {"permission": f"iam.serviceAccounts.verb{self.random.randrange(9)}"}
                        | ({} if denied else {"granted": True})
                    ],
                    "requestMetadata": {
                        "callerIp": f"192.0.2.{self.random.randrange(3)}",
                        "callerSuppliedUserAgent": self.random.choice(("curl/8 'ü\u202e\"", "gke-metadata-server", "")),
                    },
                },
            }
        )

    def finding(self, source: LogRef | AssetRef, moment: datetime) -> Finding:
        number = self.random.randrange(60)
        category = list(Category)[number % len(Category)]
        return Finding(
            rule_id=f"rule-{number % 7}",
            severity=Severity(self.random.randrange(5)),
            category=category,
            state=self.random.choice((State.OPEN, State.OPEN, State.OPEN, State.RESOLVED)),
            title=f"Something about {number}",
            subject=f"subject {number}",
            resource_name=f"//iam.googleapis.com/projects/shop/serviceAccounts/{ACCOUNTS[number % 12]}",
            project=("shop", "data", "")[number % 3],
            principal=PEOPLE[number % len(PEOPLE)],
            source=source,
            evidence=(source,),
            observed_at=written(moment),
            notes=("a note",) * (number % 3),
            remediation=Remediation(summary="Do.", steps=(Written("a"), Written("b", "c"))) if number % 2 else None,
            score=number if number % 4 else None,
        )

    def delivery(self, number: int) -> Delivery:
        entry = self.entry(number)
        moment = entry.time or NOON
        findings = tuple(self.finding(entry.ref, moment) for _ in range(self.random.choice((0, 0, 1, 2))))
        failures = (RuleFailure("rule-1", f"s{number}", "KeyError: 'x'"),) if self.random.random() < 0.01 else ()
        return Delivery(entry, Verdict(findings, failures), moment + timedelta(seconds=self.random.randrange(900)))

    def rest(self) -> Rows:
        """Audits, endings, mutes and snapshots."""
        runs: list[Row] = []
        events: list[Row] = []
        for number in range(6):
            moment = at(-1440.0 * (6 - number))
            scope = f"//cloudresourcemanager.googleapis.com/organizations/{number % 2}"
            run = RunRow(run_id=f"run-{number}", kind="audit", scope=scope, as_of=moment, baseline=number < 2)
            runs.append(run.row("started", recorded_at=moment))
            if number != 4:
                runs.append(run.row("finished", recorded_at=moment + timedelta(minutes=5), subjects=9))
            if number % 3 == 0:
                columns = {"part": "policies", "place": "//x", "sight": "could-not-read", "reason": "no permission"}
                runs.append(run.row("coverage", recorded_at=moment, **columns))
            for asset in range(25):
                found = self.finding(AssetRef(f"//asset/{asset}", "e1"), moment)
                recording = Recording(recorded_at=moment, run_id=run.run_id, baseline=run.baseline)
                events.append(finding_event(found, recording))
            for _ in range(10):
                ended = self.finding(AssetRef("//asset/1"), moment)
                events.append(self.ending(ended, moment, run.run_id))
        mutes = [a_mute(number) for number in range(8)]
        snapshots = [a_snapshot(number, version) for number in range(12) for version in range(2)]
        return {
            Table.RUNS: runs,
            Table.FINDING_EVENTS: events,
            Table.MUTES: mutes,
            Table.SNAPSHOTS: [*snapshots, *(a_sink(item) for item in snapshots[:8])],
            Table.DELIVERIES: [a_delivery(number) for number in range(40)],
            Table.PROJECT_TEAMS: [a_label(number) for number in range(30)],
        }

    def ending(self, finding: Finding, moment: datetime, run_id: str) -> Row:
        standing = StandingFinding(
            finding_id=finding.finding_id,
            rule_id=finding.rule_id,
            category=finding.category.value,
            state="OPEN",
            project=finding.project,
            resource_name=finding.resource_name,
            severity_level=0,
            reopened=0,
            seen_by_audit=True,
            state_event_key=f"{moment}",
            last_seen=moment,
            state_since=moment,
        )
        person = self.random.random() < 0.3
        return ending_event(
            standing,
            State.CLOSED if person else State.RESOLVED,
            observed_at=moment,
            recorded_at=moment,
            reason="gone",
            run_id=run_id,
            actor="ada@example.com" if person else "",
        )


def a_refusal(number: int) -> Delivery:
    """One of many within half an hour, for one of nine permissions."""
    entry = from_dict(
        {
            "logName": "projects/shop/logs/cloudaudit.googleapis.com%2Factivity",
            "insertId": f"refusal-{number}",
            "timestamp": written(at(-90 + number)),
            "resource": {"labels": {"project_id": "shop", "email_id": ACCOUNTS[number % 12]}},
            "protoPayload": {
                "serviceName": "iamcredentials.googleapis.com",
                "methodName": "GenerateIdToken",
                "status": {"code": 7},
                "authenticationInfo": {"principalEmail": "eve@example.com"},
                "authorizationInfo": [{"permission": f"iam.serviceAccounts.verb{number % 9}"}],
            },
        }
    )
    return Delivery(entry, Verdict(), at(-90 + number))


def fill(store: SqlStore, entries: int) -> None:
    """The same company in any store, some of it delivered twice."""
    company = Company(7)
    deliveries = [*(company.delivery(number) for number in range(entries)), *stories()]
    deliveries += [*within_the_hour(), *(a_refusal(number) for number in range(30))]
    for start in range(0, len(deliveries), 5000):
        deliver(deliveries[start : start + 5000], store)
    deliver(deliveries[: entries // 10], store)
    rest = company.rest()
    store.append(rest)
    store.append(rest)
    store.roll_up_habits(at(-41 * 1440).replace(hour=0), NOON.replace(hour=0) + timedelta(days=1), now=at(1))
    for minutes in (-2000, 2):
        announce_due(store, Subscribers(), at(minutes), at_most=10)


def rows(store: SqlStore, name: str, values: Mapping[str, Value]) -> list[str]:
    return [json.dumps(plain(row), sort_keys=True) for row in store.ask(name, values)]


def windows(store: SqlStore, since: datetime, until: datetime) -> dict[str, list[str]]:
    """The rows of each window rule, all asked as one question."""
    found: dict[str, list[str]] = {}
    for row in store.ask_windows([rule.id for rule in WINDOW_RULES], since=since, until=until):
        found.setdefault(row["rule_id"], []).append(json.dumps(plain(row), sort_keys=True))
    return found


@pytest.fixture(scope="module")
def bigquery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BigQueryStore]:
    with running(tmp_path_factory.mktemp("bigquery")) as client:
        apply_schema(client, DATASET)
        yield BigQueryStore(DATASET, client=client, retries=False)


def told(store: SqlStore, finding_id: str) -> int:
    """Whether subscribers were told of this finding, and a mute covers it: 2 for both."""
    values: dict[str, Value] = {"finding_id": finding_id}
    return bool(store.ask("store/told", values)) + bool(store.ask("store/muted_by", values | {"now": at(-3000)}))


def compare(one: SqlStore, other: SqlStore) -> dict[str, int]:
    """How many rows each question has, the same in both stores."""
    counts = {}
    now = at(10)
    for name in views_in_order():
        shown = sorted(rows(one, f"views/{name}", {}))
        assert shown == sorted(rows(other, f"views/{name}", {})), name
        counts[name] = len(shown)
    given = {"service_account": ACCOUNTS[0], "principal": PEOPLE[0], "key": "k1", "mute_id": "m"}
    given |= {"scope": "//cloudresourcemanager.googleapis.com/organizations/0", "since": written(at(-41 * 1440))}
    given |= {"resource": f"//iam.googleapis.com/projects/shop/serviceAccounts/{ACCOUNTS[1]}", "kind": "policy"}
    everything: dict[str, Value] = {"project": "", "category": "", "least_level": 0}
    open_now = [row["finding_id"] for row in one.ask("queries/open_findings", everything)]
    given |= {"finding_id": max(open_now, key=lambda finding_id: told(one, finding_id))}
    for folder in ("queries", "store"):
        for name, question in questions(folder).items():
            if name in ("standing", "known_policies", "known_states", "deliveries"):
                continue
            known = {
                item.name: given[item.name]
                for item in question.parameters
                if item.default is None and item.name in given
            }
            if name == "announce":
                known["now"] = written(now)
            if name == "policy_before":
                known["before"] = written(at(100))
            if name == "muted_by":
                known["now"] = written(at(-3000))
            if name in ("who_became", "volume", "did_what"):
                known["since"] = written(at(-40 * 1440))
            values = question.values(known, now)
            answer = rows(one, f"{folder}/{name}", values)
            if name == "policy_before":  # in no order
                assert sorted(answer) == sorted(rows(other, f"{folder}/{name}", values))
                continue
            assert answer == rows(other, f"{folder}/{name}", values), name
            counts[f"{folder}/{name}"] = len(answer)
    for since in (at(-30 * 1440), at(-120)):  # the second as each sweep looks, with habits before it
        found = [windows(store, since, now) for store in (one, other)]
        for name in found[0].keys() | found[1].keys():
            assert found[0].get(name) == found[1].get(name), name
            counts[f"windows/{name}"] = counts.get(f"windows/{name}", 0) + len(found[0][name])
    ids = [row["finding_id"] for row in one.ask("views/findings", {})][:9]
    for projects in (None, ["shop", ""]):
        asked = {"rule_ids": ["rule-1", "rule-2"], "projects": projects, "finding_ids": ids}
        of_some: dict[str, Value] = {"finding_ids": tuple(f"f{number}" for number in range(5))}
        assert rows(one, "store/deliveries", of_some) == rows(other, "store/deliveries", of_some)
        counts["store/deliveries"] = len(rows(one, "store/deliveries", of_some))
        assert one.known_policies(projects) == other.known_policies(projects)
        assert one.known_states(projects) == other.known_states(projects) != {}
        assert sorted(map(str, one.standing(**asked))) == sorted(map(str, other.standing(**asked)))  # type: ignore[arg-type]
    return counts


@pytest.fixture(scope="module")
def companies(bigquery: BigQueryStore) -> Iterator[tuple[DuckDBStore, BigQueryStore]]:
    """Both stores, with the same company in them."""
    with DuckDBStore() as duckdb:
        for store in (duckdb, bigquery):
            fill(store, 800)
        yield duckdb, bigquery


def test_both_stores_show_the_same(companies: tuple[DuckDBStore, BigQueryStore]) -> None:
    counts = compare(*companies)
    silent = {name for name, count in counts.items() if not count and not name.startswith("windows/")}
    assert not silent, f"nothing is compared by {silent}"
    for rule_id in (
        "service-account-fan-out",
        "denial-burst",
        "new-impersonator",
        "new-place",
        "new-user-agent",
        "unusual-volume",
        "new-account-empowered",
        "delegation-without-mint",
        "mint-without-use",
        "new-federated-subject",
        "workload-identity-broken",
        *(name.replace("_", "-") for name in questions("windows/hourly")),
    ):
        assert counts[f"windows/{rule_id}"], rule_id


def test_every_query_of_the_dashboard_shows_the_same(companies: tuple[DuckDBStore, BigQueryStore]) -> None:
    duckdb, bigquery = companies
    shown = {}
    for name, query in dashboard.queries().items():
        text = dashboard.asked(query, dataset=DATASET, since=at(-41 * 1440), until=at(10))
        found = [dict(row.items()) for row in bigquery.client.query_and_wait(text)]
        twin = duckdb._connection.execute(dashboard.twin(text, DATASET))
        columns = [column[0] for column in twin.description]
        rows = [dict(zip(columns, row, strict=True)) for row in twin.fetchall()]
        assert as_text(found) == as_text(rows), name
        shown[name] = len(found)
    assert not [name for name, count in shown.items() if not count], shown


def as_text(rows: Iterable[Mapping[str, object]]) -> list[str]:
    """Rows in an order of their own; DuckDB's times have no zone and mean UTC."""

    def zoned(value: object) -> object:
        return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value

    return sorted(
        json.dumps(plain({name: zoned(value) for name, value in row.items()}), sort_keys=True) for row in rows
    )


def test_the_tables_are_made_as_their_files_say(bigquery: BigQueryStore) -> None:
    apply_schema(bigquery.client, DATASET)
    table = bigquery.client.get_table(f"{DATASET}.activity")
    assert table.time_partitioning.field == "occurred_at"
    assert table.time_partitioning.type_ == "HOUR"
    assert table.time_partitioning.expiration_ms == 90 * 24 * 3600 * 1000
    assert table.clustering_fields == ["caller", "method", "project"]


@pytest.mark.slow
def test_fifty_thousand_entries_show_the_same(tmp_path: Path) -> None:
    with running(tmp_path) as client, DuckDBStore() as duckdb:
        apply_schema(client, DATASET)
        bigquery = BigQueryStore(DATASET, client=client, retries=False)
        for store in (duckdb, bigquery):
            fill(store, 50_000)
        assert compare(duckdb, bigquery)["habits_by_day"] > 10_000
