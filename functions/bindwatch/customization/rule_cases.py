"""Judging the cases of custom rules, with the engine that judges everything else."""

from collections.abc import Iterator
from dataclasses import dataclass

from bindwatch.customization.custom_rules import CaseText, CustomRule
from bindwatch.engine import Engine
from bindwatch.errors import InputError
from bindwatch.model.log_entry import LogEntry
from bindwatch.rule import Context


@dataclass(frozen=True, slots=True)
class CaseResult:
    """How a case went: `problem` is '' where it went as its file says."""

    rule_id: str
    name: str
    place: str
    problem: str = ""


def judge_case(custom: CustomRule, case: CaseText, entry: LogEntry, context: Context) -> CaseResult:
    """Judge one case."""
    service, method = entry.service, entry.method
    verdict = Engine(context, [custom.rule]).judge_entry(entry)
    problem = ""
    if verdict.failures:
        problem = f"the rule failed: {verdict.failures[0].error}"
    elif not case.fires and verdict.findings:
        problem = f"expected nothing, found {verdict.findings[0].title!r}"
    elif case.fires and not verdict.findings:
        is_read = any(known.matches(service, method) for known in custom.rule.methods)
        problem = "expected a finding, found none"
        if not is_read:
            problem += f": methods does not name {service}/{method}"
        elif entry.failed != (custom.rule.outcome.value == "failed") and custom.rule.outcome.value != "any":
            problem += f": the call {'failed' if entry.failed else 'succeeded'}, outcome is {custom.rule.outcome.value}"
    elif case.fires:
        titles = [finding.title for finding in verdict.findings]
        weights = [finding.severity for finding in verdict.findings]
        logs = {known.log for known in custom.rule.methods if known.matches(service, method)}
        if entry.log and not logs & {entry.log, "*"}:
            problem = f"the entry is in the log {entry.log}, the rule reads {' and '.join(sorted(logs))}: set log"
        elif case.text and case.text not in titles:
            problem = f"expected {case.text!r}, found {titles[0]!r}"
        elif case.severity is not None and case.severity not in weights:
            problem = f"expected {case.severity.name}, found {weights[0].name}"
    return CaseResult(custom.rule.id, case.name, case.place, problem)


def lacking(custom: CustomRule) -> Iterator[CaseResult]:
    """What a rule lacks to be believed: a case that fires, and one that stays quiet."""
    for fires, words in ((True, "no case that fires"), (False, "no case that stays quiet")):
        if not any(case.fires is fires for case in custom.cases):
            yield CaseResult(custom.rule.id, "cases", f"{custom.file}:1", f"has {words}")


def unreadable(custom: CustomRule, case: CaseText, error: InputError | OSError) -> CaseResult:
    """A case whose entry cannot be read."""
    reason = f"{case.file}: {error.strerror}" if isinstance(error, OSError) else str(error)
    return CaseResult(custom.rule.id, case.name, case.place, f"its entry cannot be read: {reason}")
