"""JUnit XML, for the test reports of CI systems.

Each finding is a test that failed, each rule that looked and found nothing one that passed.
"""

from collections.abc import Iterator
from typing import Final
from xml.etree import ElementTree as Tree

from bindwatch.cli.formats import Record, Results
from bindwatch.cli.terminal import printable
from bindwatch.model import resource
from bindwatch.model.finding import Severity

_SUITE: Final = "bindwatch"


def write(results: Results) -> Iterator[str]:
    """One suite. Findings below --fail-on pass, with what was found as their output; what was not done is an error."""
    cases = [_case(record, results) for record in results.findings]
    cases += [_muted(record) for record in results.muted]
    cases += list(_rules(results))
    cases += list(_errors(results))
    found = {name: sum(case.find(name) is not None for case in cases) for name in ("failure", "error", "skipped")}
    totals = {"tests": len(cases), "failures": found["failure"], "errors": found["error"]}
    numbers = {name: str(count) for name, count in totals.items()}
    root = Tree.Element("testsuites", {"name": _SUITE, **numbers})
    at = results.at.strftime("%Y-%m-%dT%H:%M:%S")
    suite = Tree.SubElement(
        root, "testsuite", {"name": _SUITE, **numbers, "skipped": str(found["skipped"]), "timestamp": at}
    )
    suite.extend(cases)
    if results.notes:
        Tree.SubElement(suite, "system-out").text = "\n".join(map(printable, results.notes))
    Tree.indent(root)
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield Tree.tostring(root, encoding="unicode") + "\n"


def _case(record: Record, results: Results) -> Tree.Element:
    case = _test(str(record["category"]), f"{record['rule_id']}: {record['title']}")
    text = "\n".join(_lines(record, results))
    if Severity[str(record["severity"])] >= results.fail_on:
        failure = Tree.SubElement(
            case, "failure", {"message": printable(str(record["title"])), "type": str(record["severity"])}
        )
        failure.text = text
    else:
        Tree.SubElement(case, "system-out").text = text
    return case


def _muted(record: Record) -> Tree.Element:
    case = _test(str(record["category"]), f"{record['rule_id']}: {record['title']}")
    mute = record["mute"]
    words = f"muted by {mute['owner']} until {mute['expires'][:10]}: {mute['reason']}"
    Tree.SubElement(case, "skipped", {"message": printable(words)})
    return case


def _rules(results: Results) -> Iterator[Tree.Element]:
    """The rules that looked and found nothing, and those that could not look."""
    blind = {item["rule_id"]: "; ".join(item["missing"]) for item in results.summary.get("not_checked", ())}
    blind |= {item["rule_id"]: f"needs {', '.join(item['lacks'])}" for item in results.summary.get("off", ())}
    loud = {str(record["rule_id"]) for record in (*results.findings, *results.muted)}
    failed = {str(item["rule_id"]) for item in results.summary.get("rule_failures", ())}
    for rule_id, rule in results.rules.items():
        if rule_id in loud or rule_id in failed:
            continue
        case = _test(rule.category.value, rule_id)
        if rule_id in blind:
            Tree.SubElement(case, "skipped", {"message": printable(f"could not look: {blind[rule_id]}")})
        yield case


def _errors(results: Results) -> Iterator[Tree.Element]:
    for item in results.summary.get("problems", ()):
        case = _test("input", f"{item['file']}:{item['line']}")
        words = printable(f"{item['field']}: {item['problem']}".removeprefix(": "))
        Tree.SubElement(case, "error", {"message": words, "type": "InputError"})
        yield case
    for item in results.summary.get("rule_failures", ()):
        case = _test("rules", str(item["rule_id"]))
        Tree.SubElement(case, "error", {"message": printable(str(item["error"])), "type": "RuleFailure"})
        yield case


def _test(group: str, name: str) -> Tree.Element:
    return Tree.Element("testcase", {"classname": f"{_SUITE}.{group}", "name": printable(name), "time": "0"})


def _lines(record: Record, results: Results) -> Iterator[str]:
    facts = {
        "severity": record["severity"],
        "on": resource.display(str(record["resource_name"])) if record.get("resource_name") else record.get("project"),
        "who": record.get("principal"),
        "where": results.places.get(str(record["finding_id"])),
        "cause": record.get("cause"),
        "why": record.get("explanation"),
    }
    yield from (printable(f"{name}: {value}") for name, value in facts.items() if value)
    yield from (printable(f"note: {note}") for note in record.get("notes") or ())
    if fix := record.get("remediation"):
        yield printable(f"fix: {fix['summary']}")
        yield from (printable(f"  {command}") for command in fix["commands"])
        yield from (printable(f"undo: {command}") for command in fix["undo"])
    yield from (
        printable(f"see: {source.get('url') or source.get('asset')}") for source in record.get("evidence") or ()
    )
    yield f"finding: {record['finding_id']}"
