"""Markdown for a pull request comment or a ticket: the worst first, as much as a comment can hold.

Text from findings is escaped for CommonMark, and for what GitHub and GitLab make of plain text: links, mentions,
mathematics.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from bindwatch.cli.formats import Record, Results, is_complete
from bindwatch.cli.terminal import printable
from bindwatch.model import resource
from bindwatch.model.finding import Severity

MOST: Final = 60_000
"""A comment on GitHub holds 65,536 characters."""
_MOST_PROBLEMS: Final = 20

_SPECIAL: Final = re.compile(r"([\\`*_\[\]|~$!{}()^])")
_AT_LINE_START: Final = re.compile(r"^(\s*)([#+=-]|\d+[.)])")
# What GitHub and GitLab turn into links or notify people about, though it is no Markdown.
_LINKED: Final = re.compile(r"(?i)\b(https?|ftp|mailto|xmpp)(?=:)|\b(www)(?=\.)")
_NAMED: Final = re.compile(r"(?<![\w.+-])[@#][\w-]+|\b\w+[@#]\d+\b|\bGH-\d+\b")


def write(results: Results) -> Iterator[str]:
    """A page: what was found, by severity; each finding with its fix; what could not be looked at."""
    counts = Counter(str(record["severity"]) for record in results.findings)
    told = ", ".join(
        f"{counts[level.name]} {level.name}" for level in sorted(Severity, reverse=True) if counts[level.name]
    )
    head = f"## bindwatch {results.command}: {_many(len(results.findings), 'finding')}" + (f" ({told})" if told else "")
    tail = "".join(_rest(results))
    left = MOST - len(head) - len(tail) - 200
    yield f"{head}\n\n"
    if not results.findings:
        yield "Nothing found in what could be looked at.\n\n" if is_complete(results) else ""
    for number, record in enumerate(results.findings):
        text = _finding(record, results)
        left -= len(text)
        if left < 0:
            more = len(results.findings) - number
            yield f"**And {_many(more, 'more finding')}**, which a comment cannot hold: see the whole output.\n\n"
            break
        yield text
    yield tail


def escaped(text: str) -> str:
    """Text that Markdown shows as it is: no markup, no HTML, no link, no mention."""
    parts = []
    at = 0
    line = printable(text)
    for named in _NAMED.finditer(line):
        parts += [_plain(line[at : named.start()]), code(named[0])]
        at = named.end()
    parts.append(_plain(line[at:]))
    return _AT_LINE_START.sub(lambda found: f"{found[1]}\\{found[2]}", "".join(parts))


def _plain(text: str) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = _SPECIAL.sub(r"\\\1", text)
    return _LINKED.sub(lambda found: f"{found[0]}\\", text)


def code(text: str) -> str:
    """Text as a code span, whatever backticks it holds. A `|` would end a cell of a table: do not use it there."""
    text = printable(text)
    fence = "`" * (1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
    space = " " if text.startswith("`") or text.endswith("`") or not text.strip() else ""
    return f"{fence}{space}{text}{space}{fence}"


def code_block(lines: Iterable[str], language: str = "sh") -> str:
    """Lines as a block of code, whatever backticks they hold."""
    text = "\n".join(printable(line) for line in lines)
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
    return f"{fence}{language}\n{text}\n{fence}"


def _finding(record: Record, results: Results) -> str:
    lines = [f"### {record['severity']}: {escaped(str(record['title']))}", ""]
    facts = {
        "on": code(_resource(record)),
        "who": code(str(record["principal"])) if record.get("principal") else "",
        "when": _when(record),
        "where": code(str(place)) if (place := results.places.get(str(record["finding_id"]))) else "",
        "cause": code(str(record["cause"])) if record.get("cause") else "",
    }
    lines += [f"- {name}: {value}" for name, value in facts.items() if value]
    lines.append("")
    if record.get("explanation"):
        lines += [escaped(str(record["explanation"])), ""]
    lines += [f"- {escaped(str(note))}" for note in record.get("notes") or ()]
    if record.get("notes"):
        lines.append("")
    lines += _fix(record.get("remediation"))
    lines += [f"Rule {code(str(record['rule_id']))}, finding {code(str(record['finding_id']))}", "", ""]
    return "\n".join(lines)


def _fix(remediation: Mapping[str, Any] | None) -> list[str]:
    if not remediation:
        return []
    lines = [f"**Fix:** {escaped(str(remediation['summary']))}", ""]
    if remediation.get("commands"):
        lines += [code_block(map(str, remediation["commands"])), ""]
    if remediation.get("risk_of_fix"):
        lines += [f"Risk: {escaped(str(remediation['risk_of_fix']))}", ""]
    if remediation.get("undo"):
        lines += ["To undo it:", "", code_block(map(str, remediation["undo"])), ""]
    return lines


def _resource(record: Record) -> str:
    return resource.display(str(record["resource_name"])) if record.get("resource_name") else str(record["project"])


def _when(record: Record) -> str:
    first, last, count = record.get("first_seen"), record.get("last_seen"), record.get("count") or 1
    if not last:
        return ""
    if count > 1 and first and first != last:
        return escaped(f"{first} to {last}, {count} times")
    return escaped(str(last))


def _rest(results: Results) -> Iterator[str]:
    summary = results.summary
    problems = [
        *(f"{item['file']}:{item['line']}: {item['field']}: {item['problem']}" for item in summary.get("problems", ())),
        *(f"rule {item['rule_id']} failed: {item['error']}" for item in summary.get("rule_failures", ())),
    ]
    if problems:
        yield f"### Not all of the work could be done: {_many(len(problems), 'problem')}\n\n"
        yield "".join(f"- {escaped(problem)}\n" for problem in problems[:_MOST_PROBLEMS]) + "\n"
    if results.notes:
        yield "### Keep in mind\n\n" + "".join(f"- {escaped(note)}\n" for note in results.notes[:_MOST_PROBLEMS]) + "\n"
    if missing := summary.get("not_checked", ()):
        yield f"### Could not look: {_many(len(missing), 'rule lacks', 'rules lack')} an input\n\n"
        shown = [f"- {code(item['rule_id'])}: {escaped('; '.join(item['missing']))}\n" for item in missing]
        yield "".join(shown[:_MOST_PROBLEMS])
        yield f"- and {len(shown) - _MOST_PROBLEMS} more\n\n" if len(shown) > _MOST_PROBLEMS else "\n"
    if results.muted:
        yield f"Muted by exceptions: {_many(len(results.muted), 'finding')}.\n\n"
    if "files" in summary:
        yield (
            f"Read {_many(summary['files'], 'file')}: {summary['entries']:,} audit log entries, "
            f"{summary['inventory_items']:,} inventory items.\n"
        )


def _many(count: int, one: str, more: str = "") -> str:
    return f"{count:,} {one if count == 1 else more or one + 's'}"
