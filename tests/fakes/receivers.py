"""What alerts are bridged to, as servers on this machine: each refuses what its original's documentation refuses."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Call:
    """One request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Reply:
    """What is answered."""

    status: int = 200
    value: Any = "ok"
    headers: dict[str, str] = field(default_factory=dict)


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


class Receiver:
    """Keeps what it took. `refusing` are replies given before anything is looked at, first to last."""

    def __init__(self) -> None:
        self.taken: list[Any] = []
        self.calls: list[Call] = []
        self.refusing: list[Reply] = []

    def answer(self, call: Call) -> Reply:
        self.calls.append(call)
        if self.refusing:
            return self.refusing.pop(0)
        try:
            return self.take(call)
        except AssertionError as error:
            return Reply(400, f"invalid: {error}")

    def take(self, call: Call) -> Reply:
        self.taken.append(call.json())
        return Reply()


class Slack(Receiver):
    """An incoming webhook. Source of the limits: docs.slack.dev, Block Kit reference."""

    def take(self, call: Call) -> Reply:
        assert call.method == "POST"
        assert call.headers["content-type"] == "application/json"
        body = call.json()
        assert set(body) <= {"text", "blocks", "unfurl_links", "unfurl_media"}, "unknown field"
        assert body["text"], "no_text"
        assert 1 <= len(body["blocks"]) <= 50, "too many blocks"
        assert units(json.dumps(body["blocks"], ensure_ascii=False)) <= 13_000, "msg_blocks_too_long"
        for block in body["blocks"]:
            match block["type"]:
                case "header":
                    self._text(block["text"], 150, ("plain_text",))
                case "section":
                    assert "text" in block or "fields" in block
                    if "text" in block:
                        self._text(block["text"], 3000)
                    assert len(block.get("fields", [])) <= 10
                    for item in block.get("fields", []):
                        self._text(item, 2000)
                case "context":
                    assert 1 <= len(block["elements"]) <= 10
                    for item in block["elements"]:
                        self._text(item, 3000)
                case other:
                    raise AssertionError(f"invalid_blocks: {other}")
        return super().take(call)

    def _text(self, item: Mapping[str, Any], most: int, kinds: tuple[str, ...] = ("plain_text", "mrkdwn")) -> None:
        assert item["type"] in kinds
        allowed = {"type", "text", "emoji"} if item["type"] == "plain_text" else {"type", "text", "verbatim"}
        assert set(item) <= allowed
        assert 1 <= units(item["text"]) <= most, f"{units(item['text'])} units, at most {most}"


class GoogleChat(Receiver):
    """An incoming webhook of a space. Source: developers.google.com/workspace/chat, Message, Card."""

    def __init__(self) -> None:
        super().__init__()
        self.by_request: dict[str, Any] = {}

    def take(self, call: Call) -> Reply:
        assert {"key", "token"} <= set(call.query), "not authenticated"
        assert len(call.body) <= 32_000, "too large"
        body = call.json()
        assert set(body) <= {"text", "cardsV2", "thread", "fallbackText"}, "unknown field"
        widgets = 0
        for card in body["cardsV2"]:
            assert set(card) == {"cardId", "card"}
            assert card["card"]["header"]["title"]
            for section in card["card"]["sections"]:
                for widget in section["widgets"]:
                    widgets += 1
                    (kind,) = widget
                    assert kind in ("textParagraph", "decoratedText", "buttonList"), kind
                    if kind == "decoratedText":
                        assert widget[kind]["text"]
        assert 1 <= widgets <= 100, "too many widgets"
        if call.query.get("requestId") in self.by_request:
            return Reply(200, self.by_request[call.query["requestId"]])
        self.by_request[call.query["requestId"]] = {"name": f"spaces/x/messages/{len(self.taken)}"}
        super().take(call)
        return Reply(200, self.by_request[call.query["requestId"]])


class PagerDuty(Receiver):
    """The Events API v2. `incidents` are those that stand open, by dedup key."""

    def __init__(self, routing_key: str) -> None:
        super().__init__()
        self.routing_key = routing_key
        self.incidents: dict[str, Any] = {}

    def take(self, call: Call) -> Reply:
        body = call.json()
        assert body["routing_key"] == self.routing_key, "invalid routing key"
        assert body["event_action"] in ("trigger", "acknowledge", "resolve")
        assert len(call.body) <= 512 * 1024
        key = body["dedup_key"]
        assert 1 <= len(key) <= 255
        if body["event_action"] == "trigger":
            payload = body["payload"]
            assert 1 <= len(payload["summary"]) <= 1024, "summary"
            assert payload["source"]
            assert payload["severity"] in ("critical", "error", "warning", "info")
            assert set(payload) <= {
                "summary", "source", "severity", "timestamp", "component", "group", "class", "custom_details"
            }  # fmt: skip
            assert all(link["href"].startswith("https://") for link in body.get("links", []))
            self.incidents[key] = payload
        else:
            self.incidents.pop(key, None)
        super().take(call)
        return Reply(202, {"status": "success", "message": "Event processed", "dedup_key": key})


class Webhook(Receiver):
    """A receiver that checks signatures as standardwebhooks.com tells receivers to."""

    def __init__(self, secret: str) -> None:
        super().__init__()
        self.key = base64.b64decode(secret.removeprefix("whsec_"))

    def take(self, call: Call) -> Reply:
        signed = f"{call.headers['webhook-id']}.{call.headers['webhook-timestamp']}.".encode() + call.body
        expected = base64.b64encode(hmac.new(self.key, signed, hashlib.sha256).digest()).decode()
        given = [part.partition(",")[2] for part in call.headers["webhook-signature"].split(" ")]
        assert expected in given, "signature"
        return super().take(call)


class Jira(Receiver):
    """The issues of a project; version 3 takes documents, version 2 text."""

    def __init__(self, authorization: str, api: int = 3) -> None:
        super().__init__()
        self.authorization = authorization
        self.api = api
        self.issues: dict[str, dict[str, Any]] = {}
        self.index_is_late = False

    def take(self, call: Call) -> Reply:
        if call.headers.get("authorization") != self.authorization:
            return Reply(401, {"errorMessages": ["unauthorized"]})
        match call.method, call.path.removeprefix(f"/rest/api/{self.api}/").split("/"):
            case "POST", ["search", "jql"] if self.api == 3:
                return Reply(200, {"issues": self._found(call.json()["jql"]), "isLast": True})
            case "POST", ["search"] if self.api == 2:
                return Reply(200, {"issues": self._found(call.json()["jql"]), "total": 1})
            case "POST", ["issue"]:
                return self._create(call.json()["fields"])
            case "GET", ["issue", key] if key in self.issues:
                return Reply(200, {"key": key, "fields": self.issues[key]})
            case "POST", ["issue", key, "comment"] if key in self.issues:
                self._check_text(call.json()["body"])
                self.issues[key]["comment"]["comments"].append(call.json())
                return Reply(201, {"id": "1"})
            case "GET", ["issue", key, "transitions"] if key in self.issues:
                offered = [("11", "Reopen", "new"), ("21", "Won't do", "done"), ("31", "Fixed", "done")]
                value = [{"id": i, "name": name, "to": _status(category)} for i, name, category in offered]
                return Reply(200, {"transitions": value})
            case "POST", ["issue", key, "transitions"] if key in self.issues:
                chosen = call.json()["transition"]["id"]
                self.issues[key]["status"] = _status({"11": "new", "21": "done", "31": "done"}[chosen])
                self.issues[key]["by"] = chosen
                return Reply(204, None)
        return Reply(404, {"errorMessages": [f"no {call.method} {call.path}"]})

    def _found(self, jql: str) -> list[dict[str, Any]]:
        found = re.fullmatch(r'project = "(\w+)" AND labels = "([\w.-]+)" ORDER BY created ASC', jql)
        assert found, f"jql: {jql}"
        if self.index_is_late:
            return []
        return [
            {"key": key, "fields": {"status": issue["status"]}}
            for key, issue in self.issues.items()
            if found[2] in issue["labels"] and issue["project"]["key"] == found[1]
        ]

    def _create(self, fields: dict[str, Any]) -> Reply:
        assert 1 <= units(fields["summary"]) <= 255, "summary"
        assert "\n" not in fields["summary"]
        assert all(re.fullmatch(r"\S{1,255}", label) for label in fields["labels"]), "labels"
        self._check_text(fields["description"])
        key = f"SEC-{len(self.issues) + 1}"
        self.issues[key] = {**fields, "status": _status("new"), "comment": {"comments": []}, "by": ""}
        return Reply(201, {"id": "1", "key": key})

    def _check_text(self, text: Any) -> None:
        if self.api == 2:
            assert isinstance(text, str)
            assert 1 <= units(text) <= 32_767
            return
        assert text["type"] == "doc"
        assert text["version"] == 1
        assert units(json.dumps(text, ensure_ascii=False)) <= 32_767, "description"
        for block in text["content"]:
            assert block["type"] in ("paragraph", "codeBlock")
            for node in block["content"]:
                assert node["type"] in ("text", "hardBreak")
                if node["type"] == "text":
                    assert node["text"], "empty text"


def _status(category: str) -> dict[str, Any]:
    return {"name": category, "statusCategory": {"key": category}}


@contextmanager
def listening(receiver: Receiver) -> Iterator[str]:
    """Serve a receiver for as long as the block lasts; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = receiver.answer(Call(self.command, parts.path, query, headers, self.rfile.read(length)))
            text = reply.value if isinstance(reply.value, str) else json.dumps(reply.value)
            data = b"" if reply.status == 204 else text.encode()
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = _serve  # noqa: N815 - the names http.server calls

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
