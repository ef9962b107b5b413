"""`bindwatch rules`: every rule, or the page of one."""

import json
import sys
from typing import Any

import click

from bindwatch.rule import Rule
from bindwatch.rules import INVENTORY_RULES, LOG_RULES, WINDOW_RULES


def rule_record(rule: Rule[Any]) -> dict[str, Any]:
    """The metadata of a rule as plain fields."""
    return {
        "id": rule.id,
        "title": rule.title,
        "severity": rule.severity.name,
        "category": rule.category.value,
        "subject": rule.subject.value,
        "methods": [str(method) for method in rule.methods],
        "needs": [part.value for part in rule.needs],
        "techniques": list(rule.techniques),
        "equivalents": list(rule.equivalents),
    }


@click.command("rules", epilog="Example:  bindwatch rules public-member")
@click.argument("rule_id", required=False, metavar="[RULE]")
@click.option("--format", "form", type=click.Choice(["text", "json", "ndjson"]), default="text", show_default=True)
def command(rule_id: str | None, form: str) -> int:
    """The rules, or the page of one: what it means, what to do, when it is wrong."""
    every: list[Rule[Any]] = [*LOG_RULES, *INVENTORY_RULES, *WINDOW_RULES]
    rules = sorted(
        (rule for rule in every if rule_id in (None, rule.id)), key=lambda rule: (rule.id, rule.subject.value)
    )
    if not rules:
        from difflib import get_close_matches

        near = get_close_matches(rule_id or "", [rule.id for rule in every], n=3)
        raise click.UsageError(f"no rule {rule_id!r}." + (f" Did you mean {', '.join(near)}?" if near else ""))
    match form:
        case "json":
            json.dump([rule_record(rule) for rule in rules], sys.stdout, indent=2)
            sys.stdout.write("\n")
        case "ndjson":
            sys.stdout.writelines(json.dumps(rule_record(rule)) + "\n" for rule in rules)
        case _ if rule_id:
            _write_page(rules)
        case _:
            longest = max(len(rule.id) for rule in rules)
            for rule in rules:
                click.echo(f"{rule.severity.name:<8} {rule.subject.value:<9} {rule.id:<{longest}}  {rule.title}")
    return 0


def _write_page(rules: list[Rule[Any]]) -> None:
    rule = rules[0]
    click.echo(
        f"{rule.id}  {rule.severity.name}  {rule.category.value}  ({', '.join(r.subject.value for r in rules)})\n"
    )
    click.echo(rule.doc)
    for name, values in (
        ("Methods", [str(method) for each in rules for method in each.methods]),
        ("Techniques", rule.techniques),
        ("Equivalents", [name for each in rules for name in each.equivalents]),
    ):
        if values:
            click.echo(f"\n{name}: {', '.join(dict.fromkeys(values))}")
