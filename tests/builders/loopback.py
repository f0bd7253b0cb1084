"""A web server on 127.0.0.1 that behaves as badly as a test asks for."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What the server says to one path.

    `torn_after` closes the connection after so many bytes, although Content-Length promises all;
    `tells_length` False leaves Content-Length out; `stall_s` waits before the second half of the
    body.
    """

    body: bytes = b""
    status: int = 200
    torn_after: int | None = None
    tells_length: bool = True
    stall_s: float = 0.0


@dataclass
class Loopback:
    """The running server: set `answers` by path, read how often each path was asked for."""

    root: str
    answers: dict[str, Answer]
    num_requests: Counter[str] = field(default_factory=Counter)
    closing: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str) -> str:
        return f"{self.root}/{path}"


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # closing the server waits for its threads
    loopback: Loopback

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent: a client that goes away is part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 10  # seconds for a client that takes nothing

    def do_GET(self) -> None:
        loopback = self.server.loopback
        path = self.path.lstrip("/")
        loopback.num_requests[path] += 1
        answer = loopback.answers.get(path, Answer(status=404))
        self.send_response(answer.status)
        if answer.tells_length:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        body = answer.body[: answer.torn_after]
        half = len(body) // 2
        self.wfile.write(body[:half])
        self.wfile.flush()
        loopback.closing.wait(answer.stall_s)
        self.wfile.write(body[half:])

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing."""


@contextmanager
def serving(answers: dict[str, Answer]) -> Iterator[Loopback]:
    """Serve `answers` (path without the first slash → answer) until the block ends."""
    server = _Server(("127.0.0.1", 0), _Handler)
    loopback = Loopback(f"http://127.0.0.1:{server.server_address[1]}", answers)
    server.loopback = loopback
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield loopback
    finally:
        loopback.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
