"""`bindwatch sink-filter`: what the log sink must pass, and what must be logged at all, for the rules to see."""

import json
from typing import Any

import click

from bindwatch.adapters.customization_files import load_customization
from bindwatch.rule import Rule
from bindwatch.rules import LOG_RULES, WINDOW_RULES
from bindwatch.rules.sink_filter import (
    audit_config,
    audit_config_commands,
    audit_config_document,
    audit_config_terraform,
    audit_config_yaml,
    sink_filter,
)


@click.command(
    "sink-filter", epilog="Example:  bindwatch sink-filter --audit-config --format gcloud --scope organizations/1"
)
@click.option("--audit-config", "audits", is_flag=True, help="The data-access settings that the rules need, instead.")
@click.option(
    "--exclude-account", "own", multiple=True, metavar="EMAIL", help="Leave out what this account does; repeat it."
)
@click.option("--scope", default="organizations/ORGANIZATION_ID", show_default=True, help="Where the settings go.")
@click.option("--settings", "settings_file", metavar="FILE", default="", help="Default: ./bindwatch.toml, if there.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "gcloud", "terraform"]),
    default="text",
    show_default=True,
    help="How the data-access settings are written.",
)
def command(audits: bool, own: tuple[str, ...], scope: str, settings_file: str, form: str) -> int:
    """The smallest log sink filter that passes every entry some rule can use."""
    customization = load_customization(settings_file)
    rules: tuple[Rule[Any], ...] = (*customization.log_rules(LOG_RULES), *customization.window_rules(WINDOW_RULES))
    if not audits:
        text = sink_filter(rules, own_accounts=own)
        click.echo(json.dumps({"filter": text}) if form == "json" else text)
        return 0
    configs = audit_config(rules)
    match form:
        case "json":
            click.echo(json.dumps(audit_config_document(configs), indent=2))
        case "gcloud":
            click.echo("\n".join(audit_config_commands(configs, scope)))
        case "terraform":
            click.echo(audit_config_terraform(configs, scope), nl=False)
        case _:
            click.echo(audit_config_yaml(configs), nl=False)
    return 0
