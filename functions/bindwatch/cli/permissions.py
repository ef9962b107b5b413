"""`bindwatch permissions`: what each function needs on Google Cloud, and what of it the caller holds."""

import json

import click

from bindwatch.adapters.google_apis import GoogleApis
from bindwatch.adapters.needs import NEEDS, missing_on, roles_for
from bindwatch.cli.terminal import printable


@click.command("permissions", epilog="Example:  bindwatch permissions audit --check organizations/123456789012")
@click.argument("function", type=click.Choice([*NEEDS]), required=False)
@click.option("--check", "scope", default="", metavar="SCOPE", help="Ask Google Cloud what of it you hold.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(function: str | None, scope: str, form: str) -> int:
    """The exact permissions of each function, with the narrowest role that holds them and where to grant it.

    With --check, exit code 1 where something is missing.
    """
    names = [function] if function else list(NEEDS)
    if scope and not scope.startswith(("organizations/", "folders/", "projects/")):
        raise click.BadParameter("expected organizations/NUMBER, folders/NUMBER or projects/ID", param_hint="--check")
    missing = {name: missing_on(GoogleApis(), scope, name) for name in names} if scope else {}
    if form == "json":
        document = {
            name: {
                "roles": [
                    {"role": role, "on": level, "permissions": permissions}
                    for (role, level), permissions in roles_for(name).items()
                ],
                **({"missing": list(missing[name])} if scope else {}),
            }
            for name in names
        }
        click.echo(json.dumps(document, indent=2))
    else:
        for name in names:
            click.echo(name)
            for (role, level), permissions in roles_for(name).items():
                click.echo(f"  {role} on the {level}")
                click.echo(f"    {', '.join(permissions)}")
            if not NEEDS[name]:
                click.echo("  nothing")
            for permission in missing.get(name, ()):
                click.echo(printable(f"  missing on {scope}: {permission}"))
    return int(any(missing.values()))
