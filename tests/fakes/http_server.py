"""A small HTTP server for APIs that speak JSON."""

from __future__ import annotations

import json
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha1
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[str, str, Any], tuple[int, Any]]
"""Takes method, path with query, and the JSON body; gives status and what to answer as JSON.

A command to be run in a pod has the method EXEC; its answer is 101 and what the command prints."""


@contextmanager
def served(answer: Answer) -> Iterator[str]:
    """Serve answers for as long as the block lasts; gives the address."""

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            if self.headers.get("Upgrade", "").lower() == "websocket":
                self._exec()
                return
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            status, value = answer(self.command, self.path, body)
            data = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def _exec(self) -> None:
            """A command in a pod, as Kubernetes runs it: answers with what it prints, on the channel of stdout."""
            status, value = answer("EXEC", self.path, None)
            if status != 101:
                self.send_error(status)
                return
            key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
            self.send_response(101)
            self.send_header("Upgrade", "websocket")
            self.send_header("Connection", "Upgrade")
            self.send_header(
                "Sec-WebSocket-Accept", b64encode(sha1(key.encode(), usedforsecurity=False).digest()).decode()
            )
            self.send_header("Sec-WebSocket-Protocol", "v4.channel.k8s.io")
            self.end_headers()
            for channel, text in ((1, value), (3, '{"status":"Success"}')):
                data = bytes([channel]) + text.encode()
                size = bytes([len(data)]) if len(data) < 126 else bytes([126]) + len(data).to_bytes(2, "big")
                self.wfile.write(b"\x82" + size + data)
            self.wfile.write(b"\x88\x02\x03\xe8")
            self.close_connection = True

        do_GET = do_POST = _serve  # noqa: N815 - the names http.server calls

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
