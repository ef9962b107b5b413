"""`bindwatch rules`: every rule, the page of one, and the cases of the user's own."""

import json
import sys
from typing import Any

import click
from click.shell_completion import CompletionItem

from bindwatch.adapters.customization_files import judge_cases, load_customization, load_rules
from bindwatch.adapters.questions import window_text
from bindwatch.cli import complete
from bindwatch.cli.terminal import printable
from bindwatch.rule import Context, Rule, SubjectKind
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
        "outside": list(rule.outside),
        "techniques": list(rule.techniques),
        "equivalents": list(rule.equivalents),
    }


class _Rules(click.Group):
    """A group whose first command may be left out: `rules RULE` is `rules show RULE`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does, after putting the command in its place."""
        if not args or args[0] not in (*self.commands, *ctx.help_option_names):
            args = ["show", *args]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The rules beside the commands."""
        known = complete.rules(ctx, click.Argument(["rule_id"]), incomplete) if incomplete[:1] != "-" else []
        return [*super().shell_complete(ctx, incomplete), *known]


@click.group("rules", cls=_Rules, epilog="Example:  bindwatch rules public-member")
def command() -> None:
    """The rules, or the page of one: what it means, what to do, when it is wrong."""


_SETTINGS = click.option("--settings", "settings_file", metavar="FILE", default="", help="Default: ./bindwatch.toml.")


@command.command("test", epilog="Example:  bindwatch rules test our-rules/")
@click.argument("directory", required=False, metavar="[DIR]")
@_SETTINGS
def _test(directory: str | None, settings_file: str) -> int:
    """Judge the cases of your own rules. Exit 1 where one does not go as its file says, 2 where a file is refused.

    DIR is a folder of rules, or one file; without it, what the settings name as custom_rules.
    """
    customization = load_customization(settings_file)
    rules = load_rules(directory) if directory else customization.custom
    if not rules and (directory or customization.settings.custom_rules):
        raise click.UsageError(f"no rules: {directory or customization.settings.custom_rules} holds no .toml file")
    if not rules:
        raise click.UsageError("no rules: name a folder, or set custom_rules in the settings")
    # A day no case depends on: a rule knows no clock, only the time of its entry.
    context = customization.context(Context())
    results = [result for custom in rules for result in judge_cases(custom, context)]
    wrong = [result for result in results if result.problem]
    for result in results:
        word = "FAILED" if result.problem else "ok"
        click.echo(f"{word:<6} {result.rule_id}  {printable(result.name)}")
    for result in wrong:
        click.echo(f"{result.place}: {result.rule_id}: {printable(result.name)}: {printable(result.problem)}", err=True)
    click.echo(f"{len(rules)} rules, {len(results)} cases, {len(wrong)} failed", err=True)
    return int(bool(wrong))


@command.command("show")
@click.argument("rule_id", required=False, metavar="[RULE]", shell_complete=complete.rules)
@click.option("--format", "form", type=click.Choice(["text", "json", "ndjson"]), default="text", show_default=True)
@click.option("--sql", is_flag=True, help="Print what a window rule asks (BigQuery's dialect) instead of its page.")
@_SETTINGS
def _show(rule_id: str | None, form: str, sql: bool, settings_file: str) -> int:
    """The rules that run, or the page of one."""
    customization = load_customization(settings_file)
    every: list[Rule[Any]] = [
        *customization.log_rules(LOG_RULES),
        *customization.inventory_rules(INVENTORY_RULES),
        *customization.window_rules(WINDOW_RULES),
    ]
    context = customization.context(Context())
    rules = sorted(
        (rule for rule in every if rule_id in (None, rule.id)), key=lambda rule: (rule.id, rule.subject.value)
    )
    if not rules:
        from difflib import get_close_matches

        near = get_close_matches(rule_id or "", [rule.id for rule in every], n=3)
        raise click.UsageError(f"no rule {rule_id!r}." + (f" Did you mean {', '.join(near)}?" if near else ""))
    if sql:
        _write_sql(rules)
        return 0
    match form:
        case "json":
            json.dump([_record(rule, context) for rule in rules], sys.stdout, indent=2)
            sys.stdout.write("\n")
        case "ndjson":
            sys.stdout.writelines(json.dumps(_record(rule, context)) + "\n" for rule in rules)
        case _ if rule_id:
            _write_page(rules, context)
        case _:
            longest = max(len(rule.id) for rule in rules)
            for rule in rules:
                off = "  (off)" if rule.lacks(context) else ""
                click.echo(f"{rule.severity.name:<8} {rule.subject.value:<9} {rule.id:<{longest}}  {rule.title}{off}")
    return 0


def _record(rule: Rule[Any], context: Context) -> dict[str, Any]:
    return rule_record(rule) | {"off": bool(rule.lacks(context))}


def _write_sql(rules: list[Rule[Any]]) -> None:
    asked = tuple(rule.id for rule in rules if rule.subject is SubjectKind.WINDOW)
    if not asked:
        raise click.UsageError(
            f"{rules[0].id} is no window rule: it looks at one {rules[0].subject.value} and asks nothing"
        )
    click.echo(window_text(asked), nl=False)


def _write_page(rules: list[Rule[Any]], context: Context) -> None:
    rule = rules[0]
    click.echo(
        f"{rule.id}  {rule.severity.name}  {rule.category.value}  ({', '.join(r.subject.value for r in rules)})\n"
    )
    if lacks := rule.lacks(context):
        click.echo(f"Off: the settings lack {', '.join(f'[outside].{name}' for name in lacks)}.\n")
    click.echo(rule.doc)
    for name, values in (
        ("Methods", [str(method) for each in rules for method in each.methods]),
        ("Techniques", rule.techniques),
        ("Equivalents", [name for each in rules for name in each.equivalents]),
    ):
        if values:
            click.echo(f"\n{name}: {', '.join(dict.fromkeys(values))}")
