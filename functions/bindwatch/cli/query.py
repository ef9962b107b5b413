"""`bindwatch query`: the questions a store can answer, and the answers."""

import click

from bindwatch.adapters.questions import questions, sql_text
from bindwatch.cli import complete, stored
from bindwatch.errors import InputError


@click.command("query", epilog="Example:  bindwatch query did_what -p principal=ada@example.com")
@click.argument("name", required=False, metavar="[QUESTION]", shell_complete=complete.questions)
@click.option("-p", "--parameter", "given", multiple=True, metavar="NAME=VALUE", help="A parameter; repeat it.")
@click.option("--sql", is_flag=True, help="Print the SQL (BigQuery's dialect) instead of asking it.")
@stored.store_option
@stored.format_option
def command(name: str | None, given: tuple[str, ...], sql: bool, place: str, form: str) -> int:
    """Ask the store a question; without a name, list the questions and what they take."""
    known = questions()
    if name is None:
        _list(form)
        return 0
    name = name.replace("-", "_")
    if name not in known:
        from difflib import get_close_matches

        near = get_close_matches(name, known, n=3)
        raise click.UsageError(f"no question {name!r}." + (f" Did you mean {', '.join(near)}?" if near else ""))
    if sql:
        click.echo(sql_text(f"queries/{name}"), nl=False)
        return 0
    values = {}
    for item in given:
        key, equals, value = item.partition("=")
        if not equals:
            raise InputError(item, "expected NAME=VALUE")
        values[key] = value
    with stored.opened(place) as store:
        answer = store.query(name, values, now=stored.now())
    stored.write_rows(answer, form, empty="no rows")
    return 0


def _list(form: str) -> None:
    found = questions().values()
    if form != "text":
        rows = [
            {
                "name": question.name,
                "question": question.question,
                "parameters": [
                    {"name": item.name, "type": item.type, "default": item.default, "description": item.description}
                    for item in question.parameters
                ],
            }
            for question in found
        ]
        stored.write_rows(rows, form)
        return
    for question in found:
        click.echo(f"{question.name}\n    {question.question}")
        for item in question.parameters:
            default = "must be given" if item.default is None else f"default {item.default or 'empty'}"
            click.echo(f"      -p {item.name}=…  {item.description.rstrip('.')} ({item.type}, {default})")
