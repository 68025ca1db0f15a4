"""An end to connections on which nothing comes of an answer, however many bytes are sent."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Self


class Deadline:
    """Ends the connections of requests at a moment that may be put off, while it is entered.

    What reads from one then finds it closed. A time limit for each read does not do that: it begins anew at every byte.
    """

    def __init__(self, seconds: float) -> None:
        """Begins with so many seconds."""
        self.seconds = seconds
        self.passed = False
        self._at = time.monotonic() + seconds
        self._left = threading.Event()
        self._lock = threading.Lock()
        self._connections: list[socket.socket] = []
        self._watching = threading.Thread(target=self._watch, name="deadline", daemon=True)

    def __enter__(self) -> Self:
        self._watching.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._left.set()
        self._watching.join()
        for connection in self._connections:
            connection.close()

    def put_off(self) -> None:
        """All the seconds, from now on."""
        self._at = time.monotonic() + self.seconds

    def trace(self, event: str, facts: Mapping[str, Any]) -> None:
        """Take note of a connection: the `trace` extension of a request of httpx.

        Args:
            event: What has happened, such as "connection.connect_tcp.complete".
            facts: What there is to know of it.
        """
        if event.endswith("connect_tcp.complete"):
            # A duplicate, as TLS makes another object of this one: what it does is done to the connection.
            connection = facts["return_value"].get_extra_info("socket").dup()
            with self._lock:
                self._connections.append(connection)
                if self.passed:
                    _end(connection)

    def _watch(self) -> None:
        """Wait for the moment, or until it is left."""
        while (seconds := self._at - time.monotonic()) > 0:
            if self._left.wait(seconds):
                return
        with self._lock:
            self.passed = True
            for connection in self._connections:
                _end(connection)


def _end(connection: socket.socket) -> None:
    """Let nothing more come or go, whoever waits for it."""
    with suppress(OSError):  # the other end did
        connection.shutdown(socket.SHUT_RDWR)
