"""Jira: one issue per finding, found again by its label; what happens later is a comment, what ends it a transition.

The cloud (version 3 of the API) takes documents (ADF), a server of your own (version 2) wiki markup. Limits: 255
characters of a summary and of a label, 32,767 of a description. Source: developer.atlassian.com, REST API (read 2026).
"""

import base64
from collections.abc import Mapping
from typing import Any, Final

from bindwatch.adapters.bridges.http import Receiver
from bindwatch.adapters.bridges.wording import (
    Labels,
    commands_within,
    console_link,
    explanation,
    facts,
    fitted,
    fix,
    headline,
    line,
)
from bindwatch.customization.destinations import Destination
from bindwatch.errors import InputError
from bindwatch.pipeline.announced import Announced

_SUMMARY: Final = 255
_TEXT: Final = 4000


class Jira:
    """The issues of one project. Each call looks first what is there, so a repetition makes and says nothing twice."""

    def __init__(self, destination: Destination, secret: str, receiver: Receiver) -> None:
        self._destination = destination
        self._receiver = receiver
        self._root = f"{destination.url}/rest/api/{destination.api}"
        bearer = f"Bearer {secret}"
        basic = "Basic " + base64.b64encode(f"{destination.user}:{secret}".encode()).decode("ascii")
        self._headers = {"Authorization": basic if destination.user else bearer, "Accept": "application/json"}

    def tell(self, alert: Announced, labels: Labels, known_key: str = "") -> str:
        """Make, comment, end or take up again the issue of a finding, and give its key; `known_key` where it is known.

        The end of what no issue tells of makes none.
        """
        key, is_done = self._found(alert, known_key)
        if not key:
            return "" if alert.is_over else self._create(alert, labels)
        if not self._was_told(key, alert):
            self._send("POST", f"issue/{key}/comment", {"body": self._text(self._comment(alert, labels))})
        if alert.is_over != is_done:
            self._move(key, to_done=alert.is_over)
        return key

    def _found(self, alert: Announced, known_key: str) -> tuple[str, bool]:
        """The issue of the finding, the eldest where somebody copied it, and whether it is done."""
        if known_key:
            try:
                issue = self._send("GET", f"issue/{known_key}", params={"fields": "status"})
            except InputError:  # deleted or moved: the label tells
                return self._found(alert, "")
            return known_key, _is_done(_status(issue))
        project = self._destination.project.replace("\\", "").replace('"', "")
        jql = f'project = "{project}" AND labels = "{label_of(alert)}" ORDER BY created ASC'
        path = "search/jql" if self._destination.api == 3 else "search"
        answer = self._send("POST", path, {"jql": jql, "maxResults": 1, "fields": ["status"]})
        issues = answer.get("issues") if isinstance(answer, dict) else None
        if not issues:
            return "", False
        return str(issues[0]["key"]), _is_done(_status(issues[0]))

    def _create(self, alert: Announced, labels: Labels) -> str:
        fields = {
            "project": {"key": self._destination.project},
            "issuetype": {"name": self._destination.issue_type},
            "summary": fitted(headline(alert), _SUMMARY),
            "description": self._text(self._description(alert, labels)),
            "labels": ["bindwatch", label_of(alert), *self._destination.labels],
        }
        answer = self._send("POST", "issue", {"fields": fields})
        return str(answer.get("key", "")) if isinstance(answer, dict) else ""

    def _was_told(self, key: str, alert: Announced) -> bool:
        """Whether the issue itself, or one of its latest comments, tells of this alert."""
        answer = self._send("GET", f"issue/{key}", params={"fields": "description,comment"})
        fields = answer.get("fields", {}) if isinstance(answer, dict) else {}
        return alert.alert_id in repr((fields.get("description"), fields.get("comment")))

    def _move(self, key: str, *, to_done: bool) -> None:
        answer = self._send("GET", f"issue/{key}/transitions")
        offered = answer.get("transitions", []) if isinstance(answer, dict) else []
        fit = [item for item in offered if _is_done(item.get("to") or {}) == to_done]
        if to_done and self._destination.done:
            fit = [item for item in offered if str(item.get("name", "")).lower() == self._destination.done.lower()]
        # A workflow may offer none to this user; the comment says what happened all the same.
        if fit:
            self._send("POST", f"issue/{key}/transitions", {"transition": {"id": str(fit[0]["id"])}})

    def _send(self, method: str, path: str, body: Any = None, params: Mapping[str, str] | None = None) -> Any:
        return self._receiver.send(method, f"{self._root}/{path}", body, headers=self._headers, params=params)

    # Words

    def _description(self, alert: Announced, labels: Labels) -> list[tuple[str, str]]:
        summary, commands = fix(alert)
        told = "\n".join(f"{name}: {value}" for name, value in facts(alert, labels))
        marks = f"Rule: {line(alert.rule_id) or 'first audit'}\nFinding: {alert.finding_id}\nAlert: {alert.alert_id}"
        parts = [
            ("text", fitted(line(alert.title), 1000)),
            ("text", fitted(explanation(alert), _TEXT)),
            ("text", fitted(f"{told}\n{marks}", _TEXT)),
            ("text", fitted(f"Fix: {summary}", _TEXT) if summary else ""),
            ("code", commands_within(commands, _TEXT)),
            ("link", console_link(alert)),
        ]
        return [(kind, text) for kind, text in parts if text.strip()]

    def _comment(self, alert: Announced, labels: Labels) -> list[tuple[str, str]]:
        told = "\n".join(f"{name}: {value}" for name, value in facts(alert, labels))
        return [("text", fitted(headline(alert), 1000)), ("text", fitted(f"{told}\nAlert: {alert.alert_id}", _TEXT))]

    def _text(self, parts: list[tuple[str, str]]) -> Any:
        return _document(parts) if self._destination.api == 3 else _wiki(parts)


def label_of(alert: Announced) -> str:
    """The label by which the issue of a finding is found: one word, whatever the id holds."""
    word = "".join(char if char.isascii() and (char.isalnum() or char in "-_.") else "-" for char in alert.finding_id)
    return f"bindwatch-{word}"[:255]


def _status(issue: Any) -> Mapping[str, Any]:
    fields = issue.get("fields") if isinstance(issue, dict) else None
    status = fields.get("status") if isinstance(fields, dict) else None
    return status if isinstance(status, dict) else {}


def _is_done(status: Mapping[str, Any]) -> bool:
    category = status.get("statusCategory")
    return isinstance(category, dict) and category.get("key") == "done"


def _document(parts: list[tuple[str, str]]) -> dict[str, Any]:
    """An ADF document: text in it is text, whatever it looks like."""
    content: list[dict[str, Any]] = []
    for kind, text in parts:
        if kind == "code":
            content.append({"type": "codeBlock", "attrs": {"language": "shell"}, "content": [_node(text)]})
        elif kind == "link":
            link = {**_node("Logs Explorer"), "marks": [{"type": "link", "attrs": {"href": text}}]}
            content.append({"type": "paragraph", "content": [link]})
        else:
            nodes: list[dict[str, Any]] = []
            for row in text.split("\n"):
                nodes += [{"type": "hardBreak"}] if nodes else []
                nodes += [_node(row)] if row else []
            content.append({"type": "paragraph", "content": nodes})
    return {"version": 1, "type": "doc", "content": content}


def _node(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _wiki(parts: list[tuple[str, str]]) -> str:
    """Wiki markup in which all that is not ours stands where no markup is read."""
    blocks = []
    for kind, text in parts:
        if kind == "link":
            blocks.append(f"[Logs Explorer|{text.replace('|', '%7C').replace(']', '%5D')}]")
        else:
            # The one word that would end the block.
            inert = text.replace("{noformat", "{ noformat").replace("{code", "{ code")
            blocks.append(f"{{noformat}}\n{inert}\n{{noformat}}")
    return "\n".join(blocks)
