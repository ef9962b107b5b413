"""All window rules are asked as one question, and one that cannot be answered costs no other its answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from google.api_core.exceptions import GoogleAPICallError, InternalServerError, ServiceUnavailable, from_http_status

from bindwatch.adapters.bigquery import BigQueryStore
from bindwatch.adapters.duckdb import DuckDBStore
from bindwatch.adapters.questions import WINDOW_COLUMNS, window_file
from bindwatch.errors import BackendError, InputError
from bindwatch.pipeline import deliver, sweep_windows
from bindwatch.rule import Context
from bindwatch.rules import WINDOW_RULES
from sample_entries import within_the_hour
from sample_findings import NOON, at

IDS = [rule.id for rule in WINDOW_RULES]
SINCE, UNTIL = at(-180), at(0)


@pytest.fixture
def store() -> Iterator[DuckDBStore]:
    with DuckDBStore() as opened:
        deliver(list(within_the_hour()), opened)
        yield opened


@pytest.mark.parametrize("rule_id", IDS)
def test_a_rule_asked_by_itself_finds_what_it_finds_among_all(store: DuckDBStore, rule_id: str) -> None:
    among_all = [row for row in store.ask_windows(IDS, since=SINCE, until=UNTIL) if row["rule_id"] == rule_id]
    alone = store.ask_windows([rule_id], since=SINCE, until=UNTIL)
    assert alone == among_all
    for row in alone:
        assert tuple(row) == ("rule_id", *WINDOW_COLUMNS)


def test_a_rule_without_a_question_is_named() -> None:
    with pytest.raises(InputError, match="made-up"):
        window_file("made-up")


def test_no_rule_is_no_question(store: DuckDBStore) -> None:
    assert sweep_windows(store, (), Context(), NOON).findings == ()


def test_what_cannot_be_asked_is_named_and_the_others_answer(store: DuckDBStore) -> None:
    whole = sweep_windows(store, WINDOW_RULES, Context(), NOON)
    store._connection.execute("alter table habits rename column caller to who")
    verdict = sweep_windows(store, WINDOW_RULES, Context(), NOON)
    assert {finding.event_key for finding in verdict.findings} == {finding.event_key for finding in whole.findings}
    assert len({finding.rule_id for finding in verdict.findings}) >= 9
    failed = {failure.rule_id for failure in verdict.failures}
    assert failed >= {"new-impersonator", "dormant-identity-active", "unusual-volume"}
    assert not failed & {finding.rule_id for finding in verdict.findings}
    assert all("could not ask windows/" in failure.error for failure in verdict.failures)
    assert "habits" in verdict.apart or "caller" in verdict.apart
    kept = store._connection.execute("select rule_id from runs where entry = 'rule-failure'").fetchall()
    assert {rule_id for (rule_id,) in kept} == failed


def refusal(reason: str, message: str, code: int = 500) -> GoogleAPICallError:
    """An error as the client makes it of what BigQuery says of a job."""
    found: GoogleAPICallError = from_http_status(code, message, errors=[{"reason": reason, "message": message}])
    return found


class Client:
    """BigQuery for a store that is empty: refuses what it is told to, and remembers what it was asked."""

    def __init__(self, refuses: Any = lambda _: None) -> None:
        self.refuses = refuses
        self.asked: list[str] = []
        self.limits: set[int] = set()

    def query_and_wait(self, statement: str, *, job_config: Any, **_: Any) -> list[Any]:
        """No rows, or the refusal."""
        self.asked.append(statement)
        self.limits.add(job_config.maximum_bytes_billed)
        if error := self.refuses(statement):
            raise error
        return []

    def insert_rows_json(self, *_: Any, **__: Any) -> list[Any]:
        """Takes everything."""
        return []


def sweep(client: Client, **options: Any) -> Any:
    store = BigQueryStore("p.bindwatch", client=client, **options)  # type: ignore[arg-type]
    return sweep_windows(store, WINDOW_RULES, Context(), NOON)


def test_a_sweep_is_one_query_within_its_limit() -> None:
    client = Client()
    verdict = sweep(client, query_gib=3)
    assert (verdict.failures, verdict.apart, client.limits) == ((), "", {3 << 30})
    (statement,) = client.asked
    assert all(f"'{rule_id}' as rule_id" in statement for rule_id in IDS if rule_id not in without_their_input())


def without_their_input() -> set[str]:
    return {rule.id for rule in WINDOW_RULES if rule.lacks(Context())}


def test_what_reads_too_much_is_a_failure_that_names_the_setting() -> None:
    said = "Query exceeded limit for bytes billed: 1073741824. 2147483648 or higher required."

    def refuses(statement: str) -> Exception | None:
        return refusal("bytesBilledLimitExceeded", said) if ".habits`" in statement else None

    client = Client(refuses)
    verdict = sweep(client, query_gib=1)
    failed = {failure.rule_id: failure.error for failure in verdict.failures}
    assert "unusual-volume" in failed
    assert "denial-burst" not in failed
    assert all("BINDWATCH_QUERY_GIB" in error and "2147483648 or higher" in error for error in failed.values())
    assert "BINDWATCH_QUERY_GIB" in verdict.apart


def test_too_complex_together_is_asked_in_parts_and_said() -> None:
    def refuses(statement: str) -> Exception | None:
        complex_ = statement.count("as rule_id") > (len(IDS) + 1) // 2
        return refusal("resourcesExceeded", "Not enough resources for query planning", 400) if complex_ else None

    client = Client(refuses)
    verdict = sweep(client)
    assert verdict.failures == ()
    assert "Not enough resources" in verdict.apart
    assert len(client.asked) == 3


@pytest.mark.parametrize(
    "error",
    [
        ServiceUnavailable("try later"),  # type: ignore[no-untyped-call]
        InternalServerError("something broke"),  # type: ignore[no-untyped-call]
        refusal("quotaExceeded", "Custom quota exceeded", 403),
        refusal("accessDenied", "Access Denied", 403),
        refusal("notFound", "Not found: Dataset", 404),
    ],
)
def test_a_store_that_does_not_answer_at_all_is_asked_once(error: Exception) -> None:
    client = Client(lambda _: error)
    with pytest.raises(BackendError):
        sweep(client)
    assert len(client.asked) == 1
