"""`bindwatch completion`: what a shell must be told once to complete commands, options, rules and findings."""

import click

_SHELLS = ("bash", "zsh", "fish")


@click.command("completion", epilog="Example:  bindwatch completion fish > ~/.config/fish/completions/bindwatch.fish")
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def command(context: click.Context, shell: str) -> int:
    """The script that makes a shell complete commands, options, ids of rules and ids of findings.

    Keep it where the shell looks for such scripts, or read it anew each time: eval "$(bindwatch completion zsh)".
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    root = context.find_root()
    click.echo(kind(root.command, {}, "bindwatch", "_BINDWATCH_COMPLETE").source())
    return 0
