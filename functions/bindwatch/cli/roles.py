"""`bindwatch roles`: the catalogue of what each role allows, which `scan`, `explain` and the others lean on."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from bindwatch.adapters import role_files
from bindwatch.knowledge.escalation import named
from bindwatch.knowledge.roles import RoleCatalogue

_OUTPUT = click.option(
    "--output", "output", metavar="FILE", help="Where to keep it; default: the user's data directory."
)


def roles_option(command: Any) -> Any:
    """The option by which a command is told of another catalogue than the one that is kept."""
    return click.option(
        "--roles",
        "roles",
        metavar="FILE",
        help="A role catalogue, or what gcloud iam roles list answered; default: what bindwatch roles keeps.",
    )(command)


def load(roles: str | None) -> role_files.Loaded:
    """The catalogue a command was told of, else the one that is kept, else the built-in table."""
    return role_files.load(roles, os.environ)


@click.group("roles", invoke_without_command=True, epilog="Example:  bindwatch roles sync")
@click.pass_context
def command(context: click.Context) -> int:
    """What each role allows: the catalogue that the other commands lean on. Alone: which one, and how old."""
    if context.invoked_subcommand is None:
        click.echo(load(None).words(datetime.now(UTC)))
    return 0


@command.command("import", epilog="Example:  bindwatch roles import roles.json --as-of 2026-10-01")
@click.argument("file", metavar="FILE")
@click.option(
    "--as-of",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DATE",
    help="When the API answered; default: that of the file.",
)
@_OUTPUT
def import_file(file: str, as_of: datetime | None, output: str | None) -> int:
    """Keep the catalogue of a file: what roles.list (view FULL) answered, as JSON or lines, plain, gzip or xz."""
    path = Path(file)
    if not path.is_file():
        raise click.UsageError(f"no file {file}")
    return _keep(role_files.read(path, as_of.date().isoformat() if as_of else ""), output)


@command.command("sync", epilog="Example:  bindwatch roles sync")
@_OUTPUT
def sync(output: str | None) -> int:
    """Read all predefined roles from the IAM API and keep them. Needs credentials, and no permission."""
    from bindwatch.adapters.google_apis import GoogleApis
    from bindwatch.adapters.iam_api import predefined_roles

    today = datetime.now(UTC).date().isoformat()
    return _keep(role_files.from_api(list(predefined_roles(GoogleApis())), today), output)


@command.command("show", epilog="Example:  bindwatch roles show roles/run.admin")
@click.argument("role", metavar="ROLE")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@roles_option
def show(role: str, form: str, roles: str | None) -> int:
    """What one role allows, the dangerous permissions first. Exit 2 where nobody knows."""
    known = load(roles).catalogue
    risk = known.risk(role)
    if risk is None:
        click.echo(f"{role}: not in the catalogue, so nobody can say what it allows", err=True)
        return 2
    dangerous = named(risk)
    every = sorted(known.permissions(role) or ())
    complete = known.complete_for(role)
    if form == "json":
        record = {"role": role, "complete": complete, "dangerous": list(dangerous), "permissions": every}
        click.echo(json.dumps(record, indent=2))
        return 0
    click.echo(f"{role}: {len(every):,} permissions known" + ("" if complete else ", only dangerous ones are listed"))
    for permission in dangerous:
        click.echo(f"  ! {permission}")
    for permission in every:
        if permission not in dangerous:
            click.echo(f"    {permission}")
    return 0


def _keep(found: RoleCatalogue, output: str | None) -> int:
    path = Path(output) if output else role_files.default_path(os.environ)
    role_files.save(found, path)
    click.echo(role_files.Loaded(found, path).words(datetime.now(UTC)))
    return 0
