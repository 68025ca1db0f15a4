"""A web server of one's own, for what a download meets: slow, broken, changed, endless or lying answers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Answers a path as `Server.answers` says, and remembers what it was asked."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self.close_connection = True
        self.server.asked.append((self.path, dict(self.headers)))
        with suppress(BrokenPipeError, ConnectionResetError):  # the client had enough
            self.server.answers[self.path](self)

    def head(self, status: int, **headers: object) -> None:
        """The status line and headers; underscores become dashes."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.send_header("Connection", "close")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002, the base class' name
        pass


class Server(ThreadingHTTPServer):
    """On a free port of this machine."""

    daemon_threads = True

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = dict(answers)
        self.asked: list[tuple[str, dict[str, str]]] = []

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"


@contextmanager
def serving(answers: Mapping[str, Answer] | None = None) -> Iterator[Server]:
    """A server at work, until it is left."""
    with Server(answers or {}) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def whole(data: bytes, broken_after: int | None = None, **headers: object) -> Answer:
    """All of it; or the connection breaks after `broken_after` bytes."""

    def answer(handler: Handler) -> None:
        handler.head(200, Content_Length=len(data), **headers)
        handler.wfile.write(data[:broken_after])

    return answer


def in_turn(*answers: Answer) -> Answer:
    """One answer after another; the last one for good."""
    waiting = list(answers)

    def answer(handler: Handler) -> None:
        (waiting.pop(0) if len(waiting) > 1 else waiting[0])(handler)

    return answer


def status(code: int, **headers: object) -> Answer:
    """An answer without a body."""
    return lambda handler: handler.head(code, Content_Length=0, **headers)
