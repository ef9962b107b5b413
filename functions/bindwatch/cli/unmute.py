"""`bindwatch unmute`: take a mute back."""

import click

from bindwatch.cli import complete, stored
from bindwatch.errors import InputError
from bindwatch.pipeline.triage import unmute


@click.command("unmute", epilog="Example:  bindwatch query mutes; bindwatch unmute 3f0c9a")
@click.argument("mute", metavar="MUTE", shell_complete=complete.mutes)
@stored.store_option
def command(mute: str, place: str) -> int:
    """Take a mute back (the beginning of its id will do). What it kept quiet and still stands is announced."""
    with stored.opened(place) as store:
        found = store.active_mutes(mute)
        if len(found) != 1:
            raise InputError(
                mute, f"{len(found) or 'no'} mutes have an id that begins so; `bindwatch query mutes` lists them"
            )
        unmute(store, found[0], now=stored.now())
    click.echo(f"mute {found[0]['mute_id']} of {found[0]['owner']} is taken back")
    return 0
