"""The page: one file of HTML that fetches nothing, in which nothing runs but its own script."""

import base64
import gzip
import hashlib
import json
from functools import cache
from importlib.resources import files
from typing import Any, Final

from bindwatch import __version__
from bindwatch.cli.page import charts
from bindwatch.cli.page.contents import CATEGORIES, SEVERITIES, Card, Report
from bindwatch.errors import ConfigError

_HERE: Final = files("bindwatch.cli.page")
PAGE: Final = 100
"""How many findings are written out; the script adds the others as they are asked for."""
_SHOWN_OF_A_CHANGE: Final = 8


def render(report: Report) -> str:
    """The report as a page. The same report gives the same bytes."""
    environment = _environment()
    script, style = _text("page.js"), _text("page.css")
    template = environment.get_template("page.html.jinja")
    over_time = charts.standing_over_time(report.history, report.as_of)
    categories = charts.by_category_and_age if over_time else charts.by_category_and_severity
    drawings = (over_time, categories(report.cards), charts.minting(report.minters))
    page: str = template.render(
        report=report,
        version=__version__,
        script=script,
        style=style,
        policy=_policy(script, style),
        cards=report.cards[:PAGE],
        leading=[card for card in report.cards if card["group"] in ("", card["id"])],
        blank=_blank(),
        island=_island(report.cards),
        page=PAGE,
        severities=[(name, count) for name, count in _severities(report).items()],
        kinds={name: CATEGORIES.get(name, name) for name in report.counts("category")},
        charts=[chart for chart in drawings if chart is not None],
        rows=charts.rows,
        news={word: [c for c in report.cards if c["change"] == word] for word in ("new", "back", "worse")},
        most=_SHOWN_OF_A_CHANGE,
        blind_spots=sum(card["category"] == "blind-spot" for card in report.cards),
    )
    return page


def _severities(report: Report) -> dict[str, int]:
    counts = report.counts("severity")
    return {name: counts.get(name, 0) for name in SEVERITIES}


def _blank() -> Card:
    """A finding with one empty item of everything, from which the script makes the cards it adds."""
    card: dict[str, Any] = dict.fromkeys(_FIELDS, " ")
    return card | {
        "severity": "INFO",
        "chain": [" "],
        "notes": [" "],
        "ruled_out": [" "],
        "also": [" "],
        "group": "",
        "commands": [" "],
        "undo": [" "],
        "evidence": [{"words": " ", "url": ""}],
    }


_FIELDS: Final = (
    "id", "rule", "category", "kind", "title", "explanation", "resource", "full_name", "project", "team", "principal",
    "cause", "score", "confidence", "fix", "terraform", "risk", "techniques", "seen", "age", "change",
    "more",
)  # fmt: skip


def _island(cards: tuple[Card, ...]) -> str:
    """All findings for the script: JSON, packed, since what a rule says is the same in thousands of findings."""
    packed = gzip.compress(json.dumps(cards, ensure_ascii=True, separators=(",", ":")).encode(), 9, mtime=0)
    return base64.b64encode(packed).decode()


def _policy(script: str, style: str) -> str:
    """A content security policy under which only this script and this style count, and nothing is fetched."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {_hash(script)}",
            f"style-src {_hash(style)}",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def _text(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _environment() -> Any:
    try:
        from jinja2 import Environment, FunctionLoader, StrictUndefined
    except ImportError as error:
        raise ConfigError(["a report needs the package jinja2: pip install 'bindwatch[cli]'"]) from error
    return Environment(
        loader=FunctionLoader(_text),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
