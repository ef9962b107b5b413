"""The command line: the same engine and words as the functions, on files or on a live project.

Findings go to stdout, all else to stderr. Exit code 0: nothing found (or below --fail-on); 1: findings; 2: not all of
the work could be done. Commands are imported when they are called: a scan of a small file must not wait for the rest.
"""

import sys
from importlib import import_module
from typing import Any, Final

import click

from bindwatch import __version__
from bindwatch.errors import BindwatchError

# name of the command → the module that holds it as `command`, and its line in the overview
_COMMANDS: Final = {
    "scan": ("scan", "Findings of logs and inventories, any mix."),
    "diagnose": ("diagnose", "Why a workload cannot reach Google Cloud, and the fix."),
    "token": ("token", "What a JWT says, and whether a workload can use it."),
    "rotate": ("rotate", "The safe way from one service account to its successor."),
    "explain": ("explain", "What a principal can become, and through what; who can reach a resource."),
    "what-if": ("what_if", "The findings and ways up that a plan or policy would bring, and end."),
    "least-privilege": ("least_privilege", "What principals used of what they were given, and what would do."),
    "sink-filter": ("sink_filter", "The log sink filter that the rules need."),
    "rules": ("rules", "The rules, or the page of one."),
    "roles": ("roles", "What each role allows: read it from the IAM API or a file, and keep it."),
    "findings": ("findings", "The findings of a store."),
    "show": ("show", "One finding with its story: the fix, history, alerts."),
    "mute": ("mute", "Send no alerts about some findings, for a time."),
    "unmute": ("unmute", "Take a mute back."),
    "close": ("close", "Close a finding by hand."),
    "diff": ("diff", "What opened, came back or ended since then."),
    "report": ("report", "One page of HTML: what changed, blind spots, findings, fixes."),
    "query": ("query", "Ask a store one of its questions."),
    "replay": ("replay", "Judge the entries of the past into a store."),
    "deadletters": ("deadletters", "Messages that were no entries: look, and post again."),
    "alerts": ("alerts", "Follow alerts, or send one again."),
    "prepare": ("prepare", "Make or bring up to date the tables of a store; show teams their own findings."),
    "permissions": ("permissions", "What each function needs on Google Cloud."),
    "completion": ("completion", "Make your shell complete commands, rules and findings."),
}


class _Lazy(click.Group):
    """Imports a command's module only when the command is used; knows near misses of their names."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands, in the order a newcomer meets them."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        if cmd_name not in _COMMANDS:
            return None
        module, _ = _COMMANDS[cmd_name]
        command = import_module(f"bindwatch.cli.{module}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The overview, without importing what it lists."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in _COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """The commands that begin so, without importing them; else options, as click does."""
        if incomplete.startswith("-"):
            return click.Command.shell_complete(self, ctx, incomplete)
        from click.shell_completion import CompletionItem

        return [CompletionItem(name, help=line) for name, (_, line) in _COMMANDS.items() if name.startswith(incomplete)]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with a suggestion for a typo."""
        if args and args[0] not in _COMMANDS:
            from difflib import get_close_matches

            near = get_close_matches(args[0], _COMMANDS, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else f" See '{ctx.command_path} --help'."
            ctx.fail(f"No such command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="bindwatch")
def cli() -> None:
    """Continuous watch over who can become whom on Google Cloud.

    \b
    Try:  bindwatch scan audit-logs.json inventory/
    """


def main() -> None:
    """Run the command line; errors of ours become one line on stderr and exit code 2."""
    try:
        code = cli.main(prog_name="bindwatch", complete_var="_BINDWATCH_COMPLETE", standalone_mode=False)
    except click.exceptions.Exit as stop:
        code = stop.exit_code
    except click.Abort:
        click.echo("Interrupted.", err=True)
        code = 2
    except click.ClickException as error:
        error.show()
        code = 2
    except BindwatchError as error:
        click.echo(f"bindwatch: {error}", err=True)
        code = 2
    except BrokenPipeError:
        # What reads us (head, less) has seen enough; leave without a traceback at interpreter exit.
        sys.stderr.close()
        code = 0
    sys.exit(code if isinstance(code, int) else 0)
