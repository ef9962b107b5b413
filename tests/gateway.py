"""What stands between a function and the local BigQuery: it gives tokens, counts rows, and refuses when told to."""

from __future__ import annotations

import gzip
import http.client
import json
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from local_bigquery import PROJECT

_TOKEN: Final = {
    "access_token": "fake",
    "expires_in": 3600,
    "token_type": "Bearer",
    "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
}
_HOP: Final = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "host"})


class Gateway:
    """Passes requests of the official client on. While `refuses`, BigQuery answers nothing but 503."""

    def __init__(self, behind: str) -> None:
        self.refuses = False
        self.refused = 0
        self.url = ""
        self._behind = behind.removeprefix("http://").rstrip("/")
        self._lock = threading.Lock()
        self._kept: defaultdict[str, set[str]] = defaultdict(set)

    def kept(self, table: str) -> int:
        """How many different rows of a table were taken, by their insertId."""
        with self._lock:
            return len(self._kept[table])

    def environ(self, folder: Path) -> dict[str, str]:
        """The variables with which Google's own clients find it and log in to it: a workload's, without a key."""
        (folder / "subject-token").write_text("fake")
        configuration = {
            "type": "external_account",
            "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/tests/providers/tests",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": f"{self.url}/token",
            "credential_source": {"file": str(folder / "subject-token")},
        }
        (folder / "credentials.json").write_text(json.dumps(configuration))
        return {
            "BIGQUERY_EMULATOR_HOST": self.url,
            "GOOGLE_APPLICATION_CREDENTIALS": str(folder / "credentials.json"),
            "GOOGLE_CLOUD_PROJECT": PROJECT,
        }

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the answer to one request."""
        if path == "/token":
            return 200, {"Content-Type": "application/json"}, json.dumps(_TOKEN).encode()
        if self.refuses:
            with self._lock:
                self.refused += 1
            error = {"code": 503, "message": "not now", "errors": [{"reason": "backendError"}]}
            return 503, {"Content-Type": "application/json"}, json.dumps({"error": error}).encode()
        connection = http.client.HTTPConnection(self._behind, timeout=120)
        try:
            connection.request(method, path, body, {k: v for k, v in headers.items() if k.lower() not in _HOP})
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        if response.status == 200 and path.partition("?")[0].endswith("/insertAll"):
            self._count(path, headers, body)
        kept = {name: value for name, value in response.getheaders() if name.lower() not in _HOP}
        return response.status, kept, content

    def _count(self, path: str, headers: dict[str, str], body: bytes) -> None:
        zipped = {name.lower(): value for name, value in headers.items()}.get("content-encoding") == "gzip"
        rows = json.loads(gzip.decompress(body) if zipped else body)["rows"]
        with self._lock:
            self._kept[path.split("/")[-2]].update(row["insertId"] for row in rows)


@contextmanager
def gateway(behind: str) -> Iterator[Gateway]:
    """A gateway to the server at `behind` for as long as the block lasts."""
    gate = Gateway(behind)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                status, headers, content = gate.answer(self.command, self.path, dict(self.headers), body)
            except (OSError, http.client.HTTPException):
                status, headers, content = 502, {}, b""
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 - the names http.server calls

        def handle(self) -> None:
            """A client that was killed is no error of ours."""
            try:
                super().handle()
            except ConnectionError:
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    gate.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield gate
    finally:
        server.shutdown()
        server.server_close()
