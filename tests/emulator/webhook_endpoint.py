"""An endpoint for webhooks in a thread: it keeps what came and answers as it is told."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from emulator.webhooks.events import signature_of

VERIFIER = "a verifier"


class Endpoint:
    """What an application would run to be told of changes."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.signatures: list[str] = []
        #: The statuses of the next answers; 200 once they are used up.
        self.statuses: list[int] = []
        self.pause = 0.0
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                endpoint.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
                endpoint.signatures.append(self.headers["intuit-signature"])
                time.sleep(endpoint.pause)
                status = endpoint.statuses.pop(0) if endpoint.statuses else 200
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self.url = f"http://127.0.0.1:{self._server.server_port}/hooks?a=b"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(timeout=5)
        self._server.server_close()

    def wait(self, count: int) -> list[Any]:
        """Return what came, once it is so many bodies."""
        deadline = time.monotonic() + 5
        while len(self.bodies) < count:
            assert time.monotonic() < deadline, f"{len(self.bodies)} of {count} bodies came"
            time.sleep(0.005)
        return [json.loads(body) for body in self.bodies]

    def never(self, count: int, seconds: float = 0.15) -> None:
        """Assert that no more than so many bodies come."""
        time.sleep(seconds)
        assert len(self.bodies) == count

    def all_signed(self) -> bool:
        """Say whether every body was signed with the verifier."""
        expected = [signature_of(body, VERIFIER) for body in self.bodies]
        return expected == self.signatures
