"""`bindwatch token`: what a JSON web token says, claim by claim, and whether a workload can use it."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from bindwatch.cli.moment import MOMENT, or_now
from bindwatch.cli.terminal import Paint, printable, wrapped
from bindwatch.diagnosis.token import Claim, Expected, TokenReport, Verdict, bare, read_token
from bindwatch.errors import InputError
from bindwatch.model.finding import Severity

_MARKS = {Verdict.GOOD: "✓", Verdict.BAD: "✗", Verdict.WARNING: "!", Verdict.PLAIN: " "}


@click.command("token", epilog="Example:  bindwatch token /var/run/secrets/tokens/gcp-ksa/token --pool p.svc.id.goog")
@click.argument("file", metavar="FILE|-")
@click.option("--pool", default="", metavar="POOL", help="The pool (or provider) it should be for.")
@click.option("-n", "--namespace", default="", metavar="NS", help="The namespace it should be of.")
@click.option("--ksa", default="", metavar="KSA", help="The Kubernetes service account it should stand for.")
@click.option("--cluster", default="", metavar="NAME", help="The cluster that should have made it.")
@click.option("--jwks", type=click.Path(exists=True, dir_okay=False), help="Public keys to check the signature with.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--as-of", type=MOMENT, metavar="DATE", help="Judge times as of then (UTC); default: now.")
@click.option("--no-color", is_flag=True, help="No colors; NO_COLOR does the same.")
def command(
    file: str,
    pool: str,
    namespace: str,
    ksa: str,
    cluster: str,
    jwks: str | None,
    form: str,
    as_of: datetime | None,
    no_color: bool,
) -> int:
    """Explain and judge a token, read from a file or stdin. It is printed, stored and sent nowhere."""
    now = or_now(as_of)
    text, written = _read(file)
    expected = Expected(pool=pool, namespace=namespace, service_account=ksa, cluster=cluster, file_time=written)
    text = bare(text)
    report = read_token(text, expected, now)
    if jwks:
        report = _with_signature(report, text, jwks)
    if form == "json":
        json.dump(_record(report), sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        _write(report, Paint(color=not no_color))
    return int(not report.is_good)


def _read(file: str) -> tuple[str, datetime | None]:
    if file == "-":
        return sys.stdin.read(), None
    path = Path(file)
    try:
        return path.read_text(encoding="utf-8"), datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("file", f"cannot be read: {type(error).__name__}") from None


def _with_signature(report: TokenReport, text: str, jwks: str) -> TokenReport:
    from bindwatch.adapters.jwks import signature_problem

    problem = signature_problem(text, jwks)
    claim = (
        Claim("signature", "bad", Verdict.BAD, f"It does not hold: {problem}.")
        if problem
        else Claim("signature", "good", Verdict.GOOD, "One of the given keys made it.")
    )
    return TokenReport(report.kind, (*report.claims, claim), report.causes)


def _record(report: TokenReport) -> dict[str, object]:
    return {
        "kind": report.kind,
        "good": report.is_good,
        "claims": [
            {"name": item.name, "value": item.value, "verdict": item.verdict.value, "explanation": item.explanation}
            for item in report.claims
        ],
        "causes": list(report.causes),
    }


def _write(report: TokenReport, paint: Paint) -> None:
    lines = [paint.strong(f"This is {report.kind}."), ""]
    for claim in report.claims:
        line = f"  {_MARKS[claim.verdict]} {claim.name:<10} {printable(claim.value)}"
        lines.append(paint.severity(Severity.HIGH, line) if claim.verdict is Verdict.BAD else line)
        lines.append(wrapped(claim.explanation, " " * 15))
    if report.causes:
        lines += ["", f"It points to: {', '.join(report.causes)}"]
    sys.stdout.write("\n".join(lines) + "\n")
