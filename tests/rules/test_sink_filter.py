"""The sink filter passes what the rules can use, as an evaluator of its language says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bindwatch.engine import Engine
from bindwatch.errors import ConfigError, InputError
from bindwatch.model.log_entry import LogEntry, from_dict
from bindwatch.rule import ANY_METHOD, Context, Method, Rule
from bindwatch.rules import LOG_RULES, WINDOW_RULES
from bindwatch.rules.sink_filter import (
    LONGEST_FILTER,
    audit_config,
    audit_config_commands,
    audit_config_document,
    audit_config_terraform,
    audit_config_yaml,
    sink_filter,
)
from generate import BUSY, generate_entries
from rules.case import CASES, all_cases
from rules.lql import compile_filter

SINK_RULES = tuple(rule for rule in LOG_RULES if any(method.service and method.name for method in rule.methods))
"""Those that read what Cloud Logging writes, which names the API, and the method of what was done: others may not."""
NAMED = tuple(rule for rule in SINK_RULES if not rule.reads_any_method)


def is_of_a_sink(entry: dict[str, Any]) -> bool:
    payload = entry["protoPayload"]
    return bool(entry.get("logName") and payload.get("serviceName")) and bool(
        payload.get("methodName") or (payload.get("status") or {}).get("code")
    )


def case_entries() -> Iterator[dict[str, Any]]:
    for case in all_cases():
        document = json.loads(case.path.read_text())
        entries = document if isinstance(document, list) else document.get("entries", [document])
        yield from (entry for entry in entries if "protoPayload" in entry and is_of_a_sink(entry))


ANYWHERE = {rule.id for rule in LOG_RULES if rule.reads_any_method}
MINTS = ("iamcredentials.googleapis.com", "sts.googleapis.com")


def in_reach(rule_id: str, entry: dict[str, Any]) -> bool:
    """Whether a rule is promised the entry: rules that read any method are not promised every read of every service."""
    payload = entry["protoPayload"]
    is_read = "data_access" in entry.get("logName", "") and payload["serviceName"] not in MINTS
    refused = (payload.get("status") or {}).get("code") in (7, 9)
    return rule_id not in ANYWHERE or refused or not is_read


def lost(entries: Iterator[Any], rules: tuple[Rule[LogEntry], ...]) -> list[str]:
    """The entries that make a rule speak and do not pass the filter of these rules."""
    engine, passes = Engine(Context(), rules), compile_filter(sink_filter(rules))
    found = []
    for entry in entries:
        try:
            verdict = engine.judge_entry(from_dict(entry))
        except InputError:
            continue
        assert not verdict.failures
        if passes(entry):
            continue
        spoke = [finding.rule_id for finding in verdict.findings if in_reach(finding.rule_id, entry)]
        found += [f"{rule_id}: {entry.get('logName')} {entry['protoPayload'].get('methodName')}" for rule_id in spoke]
    return found


@pytest.mark.parametrize("rules", [LOG_RULES, NAMED], ids=["every-rule", "rules-with-methods"])
def test_no_entry_of_a_case_is_lost(rules: tuple[Rule[LogEntry], ...]) -> None:
    assert lost(case_entries(), rules) == []


@pytest.mark.parametrize("rules", [LOG_RULES, NAMED], ids=["every-rule", "rules-with-methods"])
def test_no_entry_of_the_fictional_company_is_lost(rules: tuple[Rule[LogEntry], ...]) -> None:
    assert lost((json.loads(line) for line in generate_entries(4000, seed=11, mix=BUSY)), rules) == []


@pytest.mark.parametrize("rule", NAMED, ids=lambda rule: rule.id)
def test_a_rule_alone_gets_what_it_reads(rule: Rule[LogEntry]) -> None:
    mine = (json.loads(case.path.read_text()) for case in all_cases() if case.rule_id == rule.id and case.fires)
    entries = (entry for entry in mine if isinstance(entry, dict) and "protoPayload" in entry)
    assert lost(filter(is_of_a_sink, entries), (rule,)) == []


def test_no_entry_of_the_corpus_is_lost(corpus: Path) -> None:
    entries = []
    for path in sorted((corpus / "logs").glob("*.ndjson")):
        for line in path.read_text().splitlines():
            entry = json.loads(line)["log"]
            payload = entry.get("protoPayload") if isinstance(entry, dict) else None
            # Trimmed samples without a log or a service say nothing about what a sink would do.
            if isinstance(payload, dict) and payload.get("serviceName") and entry.get("logName"):
                entries.append(entry)
    assert len(entries) > 50
    assert lost(iter(entries), LOG_RULES) == []


def test_what_no_rule_reads_stays_out() -> None:
    passes = compile_filter(sink_filter([*LOG_RULES, *WINDOW_RULES]))
    lines = [json.loads(line) for line in generate_entries(4000, seed=7)]
    reads = [entry for entry in lines if entry["logName"].endswith("data_access")]
    busy = {"storage.googleapis.com", "bigquery.googleapis.com"}
    assert not any(passes(entry) for entry in reads if entry["protoPayload"]["serviceName"] in busy)
    assert all(
        passes(entry) for entry in reads if entry["protoPayload"]["serviceName"] == "iamcredentials.googleapis.com"
    )


def test_it_fits_into_a_sink() -> None:
    assert len(sink_filter([*LOG_RULES, *WINDOW_RULES])) <= LONGEST_FILTER
    assert len(sink_filter(NAMED)) <= LONGEST_FILTER


def entry_of(service: str, method: str, **more: Any) -> dict[str, Any]:
    log = more.pop("log", "activity")
    return {
        "logName": f"projects/p/logs/cloudaudit.googleapis.com%2F{log}",
        "protoPayload": {"serviceName": service, "methodName": method, **more},
    }


def rule_of(*methods: Method) -> Rule[LogEntry]:
    first = LOG_RULES[0]
    return Rule(
        id="x-y",
        severity=first.severity,
        category=first.category,
        subject=first.subject,
        check=first.check,
        methods=methods,
    )


@pytest.mark.parametrize(
    ("method", "service", "name", "passes"),
    [
        (Method("*", "*SetIamPolicy"), "run.googleapis.com", "google.cloud.run.v2.Services.SETIAMPOLICY", True),
        (Method("*", "*SetIamPolicy"), "run.googleapis.com", "SetIamPolicyLater", False),
        (Method("A.googleapis.com", "x.y.Do"), "a.googleapis.com", "X.Y.do", True),
        (Method("a.googleapis.com", "x.y.Do"), "b.googleapis.com", "x.y.Do", False),
        (Method("a.googleapis.com", "x.y.Do"), "a.googleapis.com", "x.yzDo", False),
        (Method("a.googleapis.com", "x*z"), "a.googleapis.com", "x.y.z", True),
        (Method("a.googleapis.com", "x*z"), "a.googleapis.com", "w.x.y.z", False),
        (Method("a.googleapis.com", "*"), "a.googleapis.com", "anything", True),
    ],
)
def test_a_method_passes_as_the_engine_matches_it(method: Method, service: str, name: str, passes: bool) -> None:
    assert compile_filter(sink_filter([rule_of(method)]))(entry_of(service, name)) is passes
    assert method.matches(service, name) is passes


def test_many_methods_of_one_interface_become_one_expression() -> None:
    rule = rule_of(*(Method("a.googleapis.com", f"x.y.{verb}") for verb in ("One", "Two", "Three")))
    text = sink_filter([rule])
    assert text.count("methodName") == 1
    passes = compile_filter(text)
    assert passes(entry_of("a.googleapis.com", "x.y.TWO"))
    assert not passes(entry_of("a.googleapis.com", "x.y.Four"))
    assert not passes(entry_of("a.googleapis.com", "x-y-One"))


def test_a_rule_that_reads_anything_reads_activity_mints_and_refusals() -> None:
    passes = compile_filter(sink_filter([rule_of(ANY_METHOD)]))
    assert passes(entry_of("compute.googleapis.com", "v1.compute.instances.insert"))
    assert passes(entry_of("iamcredentials.googleapis.com", "SignBlob", log="data_access"))
    assert not passes(entry_of("storage.googleapis.com", "storage.objects.get", log="data_access"))
    refusals = compile_filter(sink_filter([rule for rule in LOG_RULES if rule.reads_any_method]))
    assert refusals(entry_of("storage.googleapis.com", "storage.objects.get", log="policy", status={"code": 7}))
    assert not refusals(
        entry_of("storage.googleapis.com", "storage.objects.get", log="data_access", status={"code": 5})
    )


def test_a_rule_that_looks_at_one_caller_gets_that_caller_alone() -> None:
    method = Method("k8s.io", "*", "data_access", "DATA_READ", "container.googleapis.com", "system:anonymous")
    passes = compile_filter(sink_filter([rule_of(method)]))
    anonymous = {"authenticationInfo": {"principalEmail": "system:anonymous"}}
    assert passes(entry_of("k8s.io", "io.k8s.core.v1.pods.list", log="data_access", **anonymous))
    assert not passes(entry_of("k8s.io", "io.k8s.core.v1.pods.list", log="data_access"))


def test_own_accounts_are_left_out_whatever_they_do() -> None:
    own = "bindwatch@prod-sec.iam.gserviceaccount.com"
    passes = compile_filter(sink_filter(LOG_RULES, own_accounts=[own]))
    entry = entry_of("iam.googleapis.com", "google.iam.admin.v1.CreateServiceAccountKey")
    assert passes(entry)
    assert not passes(
        {**entry, "protoPayload": {**entry["protoPayload"], "authenticationInfo": {"principalEmail": own}}}
    )


def test_a_quote_in_an_account_stays_inside_its_string() -> None:
    text = sink_filter([rule_of(Method("a", "b"))], own_accounts=['x" OR "y'])
    assert compile_filter(text)(entry_of("a", "b"))


def test_no_rules_no_filter() -> None:
    assert sink_filter([]) == ""


def test_a_filter_too_long_for_a_sink_is_refused() -> None:
    rule = rule_of(*(Method(f"service-{number}.googleapis.com", "some.long.method.Name") for number in range(400)))
    with pytest.raises(ConfigError, match="characters"):
        sink_filter([rule])


def test_the_audit_config_names_the_services_that_hold_the_logs() -> None:
    configs = {config.service: [item.log_type for item in config.log_configs] for config in audit_config(LOG_RULES)}
    assert configs["iam.googleapis.com"] == ["ADMIN_READ"]
    assert configs["sts.googleapis.com"] == ["ADMIN_READ"]
    assert "iamcredentials.googleapis.com" not in configs, "it has no setting of its own"
    assert "k8s.io" not in configs, "GKE's logs are switched on under container.googleapis.com"
    assert configs["container.googleapis.com"] == ["ADMIN_READ", "DATA_READ"]


def test_the_audit_config_in_its_forms() -> None:
    configs = audit_config([rule_of(Method("a.googleapis.com", "Get", "data_access", "DATA_READ"))])
    document = {"auditConfigs": [{"service": "a.googleapis.com", "auditLogConfigs": [{"logType": "DATA_READ"}]}]}
    assert audit_config_document(configs) == document
    yaml = pytest.importorskip("yaml")
    assert yaml.safe_load(audit_config_yaml(configs)) == document
    terraform = audit_config_terraform(configs, "organizations/123456789012")
    assert 'resource "google_organization_iam_audit_config" "a"' in terraform
    assert 'org_id = "123456789012"' in terraform
    assert audit_config_commands(configs, "folders/42")[0].startswith(
        "gcloud resource-manager folders get-iam-policy 42"
    )
    with pytest.raises(ConfigError):
        audit_config_terraform(configs, "billingAccounts/1")
    with pytest.raises(ConfigError):
        audit_config_commands(configs, "prod")


@pytest.mark.parametrize("text", ['a="b" AND c="d" OR e="f"', 'a="b" )', 'a>"b"', "a="])
def test_the_evaluator_does_not_guess(text: str) -> None:
    with pytest.raises(ValueError):
        compile_filter(text)({"a": "b"})


@pytest.mark.parametrize("rule", SINK_RULES, ids=lambda rule: rule.id)
def test_the_filter_of_one_rule_alone_passes_what_makes_it_fire(rule: Rule[LogEntry]) -> None:
    """So that whatever is disabled, and whatever rules of one's own are left, nothing that fires is filtered out."""
    passes = compile_filter(sink_filter([rule]))
    for path in (CASES / rule.id).glob("fires-*.json"):
        document = json.loads(path.read_text("utf-8"))
        entries = document if isinstance(document, list) else document.get("entries", [document])
        if isinstance(document, dict) and "inventory" in document and "entries" not in document:
            continue
        if rule.reads_any_method and rule.id != "workload-identity-broken":
            # such rules read Admin Activity, refusals and mints, and no other Data Access entries
            entries = [entry for entry in entries if "activity" in entry["logName"]]
        entries = [entry for entry in entries if is_of_a_sink(entry)]
        assert not entries or any(passes(entry) for entry in entries), path.name
