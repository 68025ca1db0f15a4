"""Downloads from a web server of one's own, which does all that servers and connections do."""

from __future__ import annotations

import hashlib
import itertools
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from helpers.serving import Answer, Handler, Server, in_turn, serving, status, whole

from charrnn import __version__
from charrnn.errors import FetchError
from charrnn.text.download import fetch

DATA = b"".join(b"%d green bottles\r\n" % number for number in range(20_000))  # more than one read of a socket
OTHER = DATA[::-1]


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


def get(server: Server, answer: Answer, **settings: Any) -> bytes:
    server.answers["/book.txt"] = answer
    return fetch(server.url("/book.txt"), **{"max_size": 10**7, "pause": 0.001, **settings})


def refused(server: Server, answer: Answer, **settings: Any) -> str:
    with pytest.raises(FetchError) as caught:
        get(server, answer, **settings)
    message = str(caught.value)
    assert "\n" not in message
    assert server.url("/book.txt") in caught.value.what
    assert caught.value.what.endswith(".")
    assert caught.value.advice
    return message


def test_a_file_arrives_whole(server: Server) -> None:
    shown: list[tuple[int, int | None]] = []
    assert get(server, whole(DATA), progress=lambda arrived, total: shown.append((arrived, total))) == DATA
    assert shown[0] == (0, len(DATA))
    assert shown[-1] == (len(DATA), len(DATA))
    assert [arrived for arrived, _ in shown] == sorted(arrived for arrived, _ in shown)
    (_, headers), *more = server.asked
    assert more == []
    assert headers["User-Agent"] == f"charrnn/{__version__}"
    assert headers["Accept-Encoding"] == "identity"


def test_an_empty_file(server: Server) -> None:
    assert get(server, whole(b"")) == b""


def test_a_drip_is_shown_as_it_comes(server: Server) -> None:
    shown: list[int] = []
    news = threading.Condition()

    def drip(handler: Handler) -> None:
        handler.head(200, Content_Length=30)
        for count in range(1, 31):
            handler.wfile.write(b".")
            with news:
                assert news.wait_for(lambda count=count: count in shown, timeout=10)

    def show(there: int, total: int | None) -> None:
        with news:
            shown.append(there)
            news.notify()

    get(server, drip, progress=show)
    assert shown == list(range(31))


def test_without_a_length_the_end_is_the_end(server: Server) -> None:
    def chunked(handler: Handler) -> None:
        handler.head(200, Transfer_Encoding="chunked")
        for start in range(0, len(DATA), 10_000):
            piece = DATA[start : start + 10_000]
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        handler.wfile.write(b"0\r\n\r\n")

    def until_closed(handler: Handler) -> None:
        handler.head(200)
        handler.wfile.write(DATA)

    for answer in (chunked, until_closed):
        shown: list[int | None] = []
        assert get(server, answer, progress=lambda arrived, total, shown=shown: shown.append(total)) == DATA
        assert set(shown) == {None}


@pytest.mark.parametrize("broken_after", [0, 1, 100_000, len(DATA) - 1])
def test_a_broken_connection_is_tried_again(server: Server, broken_after: int) -> None:
    shown: list[int] = []
    broken = whole(DATA, broken_after=broken_after)
    assert get(server, in_turn(broken, whole(DATA)), progress=lambda arrived, total: shown.append(arrived)) == DATA
    assert len(server.asked) == 2
    assert shown.count(0) == 2  # the second try begins anew
    assert shown[-1] == len(DATA)


def test_tries_end(server: Server) -> None:
    message = refused(server, whole(DATA, broken_after=50_000), tries=3)
    assert "broke off" in message
    assert "charrnn train FILE" in message
    assert len(server.asked) == 3


def test_pauses_double(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    refused(server, status(503), tries=4, pause=0.5)
    assert pauses == [0.5, 1, 2]


def test_an_interrupt_ends_it(server: Server) -> None:
    def interrupt(arrived: int, total: int | None) -> None:
        if arrived > 100_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        get(server, whole(DATA), progress=interrupt)
    assert len(server.asked) == 1


def test_a_part_of_the_file_is_not_the_file(server: Server) -> None:
    def part(handler: Handler) -> None:
        handler.head(206, Content_Range=f"bytes 0-9/{len(DATA)}", Content_Length=10)
        handler.wfile.write(DATA[:10])

    assert "answers 206" in refused(server, part)


def test_checksum(server: Server) -> None:
    right, wrong = hashlib.sha256(DATA).hexdigest(), hashlib.sha256(OTHER).hexdigest()
    message = refused(server, whole(DATA), sha256=wrong)
    assert right in message
    assert wrong in message
    assert get(server, whole(DATA), sha256=right) == DATA


def test_too_large_is_known_beforehand(server: Server) -> None:
    assert f"{len(DATA):,} bytes" in refused(server, whole(DATA), max_size=len(DATA) - 1)
    get(server, whole(DATA), max_size=len(DATA))


@pytest.mark.parametrize("chunked", [True, False])
def test_an_endless_body_ends_at_the_limit(server: Server, chunked: bool) -> None:
    def endless(handler: Handler) -> None:
        handler.head(200, **({"Transfer_Encoding": "chunked"} if chunked else {}))
        while True:
            handler.wfile.write(b"1000\r\n" + b"x" * 4096 + b"\r\n" if chunked else b"x" * 4096)

    message = refused(server, endless, max_size=100_000)
    assert "100,000 bytes" in message
    assert "--max-size" in message
    assert len(server.asked) == 1


def test_a_truncated_body_is_never_taken_for_whole(server: Server) -> None:
    def cut(handler: Handler) -> None:
        handler.head(200, Content_Length=len(DATA))
        handler.wfile.write(DATA[:-1])

    def cut_chunk(handler: Handler) -> None:
        handler.head(200, Transfer_Encoding="chunked")
        handler.wfile.write(b"10\r\n0123456789abcdef\r\n10\r\n0123")

    def cut_between_chunks(handler: Handler) -> None:
        handler.head(200, Transfer_Encoding="chunked")
        handler.wfile.write(b"10\r\n0123456789abcdef\r\n")

    for answer in (cut, cut_chunk, cut_between_chunks):
        assert "broke off" in refused(server, answer, tries=2)


def test_compression_is_refused(server: Server) -> None:
    assert "gzip" in refused(server, whole(DATA, Content_Encoding="gzip"))


def test_redirects_are_followed(server: Server) -> None:
    server.answers["/moved"] = whole(DATA)
    assert get(server, status(301, Location="/moved")) == DATA
    get(server, status(308, Location=server.url("/moved")))
    assert server.asked[-1][1]["User-Agent"].startswith("charrnn")


def test_a_redirect_in_a_circle(server: Server) -> None:
    assert "circle" in refused(server, status(302, Location="/book.txt"))


@pytest.mark.parametrize(
    "target",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/book.txt",
        "data:text/plain,x",
        "gopher:x",
        "//me@127.0.0.1/x",
        "//127.0.0.1:99999/x",
    ],
)
def test_redirects_lead_nowhere_but_to_the_web(server: Server, target: str) -> None:
    assert "redirects" in refused(server, status(302, Location=target))
    assert len(server.asked) == 1


@pytest.mark.parametrize("code", [400, 403, 404, 410])
def test_a_refusal_is_final(server: Server, code: int) -> None:
    assert f"answers {code} " in refused(server, status(code))
    assert len(server.asked) == 1


@pytest.mark.parametrize("code", [408, 429, 500, 502, 503, 504])
def test_a_passing_failure_is_waited_for(server: Server, code: int) -> None:
    assert get(server, in_turn(status(code), status(code), whole(DATA))) == DATA
    assert f"answers {code} " in refused(server, status(code), tries=2)
    assert len(server.asked) == 5


def test_a_server_that_hangs_up_or_speaks_something_else(server: Server) -> None:
    def hang_up(handler: Handler) -> None:
        pass

    def babble(handler: Handler) -> None:
        handler.wfile.write(b"220 mail.example ESMTP\r\n")

    for answer in (hang_up, babble):
        assert "broke off" in refused(server, answer, tries=2)
        get(server, in_turn(answer, whole(DATA)))


@pytest.mark.parametrize("kind", ["text/html", "TEXT/HTML; charset=utf-8", "application/xhtml+xml"])
def test_a_web_page_is_not_what_was_asked_for(server: Server, kind: str) -> None:
    assert "the server sends a web page (" in refused(server, whole(DATA, Content_Type=kind))
    assert len(server.asked) == 1
    assert get(server, whole(DATA, Content_Type="text/plain; charset=text/html")) == DATA


def test_a_web_page_that_was_asked_for_comes(server: Server) -> None:
    server.answers["/page.HTML"] = whole(DATA, Content_Type="text/html")
    assert fetch(server.url("/page.HTML"), max_size=10**7) == DATA


@pytest.mark.parametrize("length", ["-5", "abc", "1e3", "5, 6", "+18", "0x12", "9" * 30, "1_8", ""])
def test_a_senseless_length(server: Server, length: str) -> None:
    def answer(handler: Handler) -> None:
        handler.head(200, Content_Length=length)
        handler.wfile.write(DATA)

    assert "says a length that is none" in refused(server, answer)
    assert len(server.asked) == 1


def test_a_body_that_drips_ends(server: Server) -> None:
    def drip(handler: Handler) -> None:
        handler.head(200)
        while True:
            handler.wfile.write(b"x")
            time.sleep(0.005)

    assert "fewer than 1,000 bytes a second" in refused(server, drip, patience=0.1)
    assert len(server.asked) == 1


def drip(handler: Handler, data: bytes) -> None:
    """A byte at a time, without an end if the client has the patience."""
    for byte in itertools.chain(data, itertools.repeat(ord("x"))):
        handler.wfile.write(bytes([byte]))
        time.sleep(0.005)


@contextmanager
def dripping(beginning: bytes) -> Iterator[int]:
    """The port of a server that answers the first bytes of its one client so, and then a byte at a time."""

    def answer() -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):  # the client had enough
            connection.recv(10_000)
            connection.sendall(beginning)
            while True:
                connection.sendall(b"x")
                time.sleep(0.005)

    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor() as pool:
        answering = pool.submit(answer)
        yield listener.getsockname()[1]
        answering.result(timeout=10)


BEGINNINGS = {
    "status line": b"HTTP/1.1 200 ",
    "header": b"HTTP/1.1 200 OK\r\nX-Padding: ",
    "answers that only say that one comes": b"HTTP/1.1 103 Early Hints\r\n\r\n" * 10_000,
}


@pytest.mark.parametrize("beginning", BEGINNINGS.values(), ids=BEGINNINGS)
def test_a_beginning_that_drips_ends(server: Server, beginning: bytes) -> None:
    assert "does not begin its answer" in refused(server, lambda handler: drip(handler, beginning), patience=0.2)
    assert len(server.asked) == 1


def test_redirects_that_take_their_time_end(server: Server) -> None:
    def slowly(handler: Handler) -> None:
        time.sleep(0.05)
        status(302, Location="/book.txt")(handler)

    assert "does not begin its answer" in refused(server, slowly, patience=0.2)


@pytest.mark.parametrize("beginning", [b"1000;name=", b"1\r\nx\r\n0\r\nX-Padding: "], ids=["chunk", "trailer"])
def test_what_drips_beside_a_body_ends(server: Server, beginning: bytes) -> None:
    def answer(handler: Handler) -> None:
        handler.head(200, Transfer_Encoding="chunked")
        drip(handler, beginning)

    assert "fewer than 1,000 bytes a second" in refused(server, answer, patience=0.3)


def test_the_end_of_patience_is_not_that_of_a_body(server: Server) -> None:
    def falls_silent(handler: Handler) -> None:
        handler.head(200)
        handler.wfile.write(DATA)
        handler.connection.recv(1)  # until the client goes

    assert "fewer than 1,000 bytes a second" in refused(server, falls_silent, patience=0.2)


def test_the_endless_body_of_a_redirect_is_not_read(server: Server) -> None:
    def endless(handler: Handler) -> None:
        handler.head(302, Location="/there.txt")
        while True:
            handler.wfile.write(b"x" * 4096)

    server.answers["/there.txt"] = whole(DATA)
    assert get(server, endless) == DATA


def test_silence(server: Server) -> None:
    def silent(handler: Handler) -> None:
        handler.connection.recv(1)  # until the client goes

    def falls_silent(handler: Handler) -> None:
        handler.head(200, Content_Length=10)
        handler.wfile.write(b"x")
        handler.wfile.flush()
        handler.connection.recv(1)

    for answer in (silent, falls_silent):
        assert "silent for 0.1 seconds" in refused(server, answer, timeout=0.1, tries=1)


def test_nobody_there() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    with pytest.raises(FetchError, match=rf"http://127.0.0.1:{port}/x: nobody answers"):
        fetch(f"http://127.0.0.1:{port}/x", max_size=1)
    with pytest.raises(FetchError, match=r"no-such-host.invalid/x: the host is not found"):
        fetch("http://no-such-host.invalid/x", max_size=1)


@pytest.mark.parametrize(
    "url",
    [
        "book.txt",
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "http://",
        "http:/x",
        "https://me:pass@host/x",
        "http://[/",
    ],
)
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(FetchError, match="no web address"):
        fetch(url, max_size=1)


@pytest.mark.parametrize("url", ["http://127.0.0.1:port/x", "http://127.0.0.1:99999/x", "http://a\x00b/x"])
def test_addresses_that_cannot_be_asked(url: str) -> None:
    with pytest.raises(FetchError):
        fetch(url, max_size=1, tries=1)


def test_any_character_may_be_in_an_address(server: Server) -> None:
    server.answers["/a%20book/%E7%B4%85.txt?x=1&y=%20"] = whole(DATA)
    assert fetch(server.url("/a book/紅.txt?x=1&y=%20#part"), max_size=10**7) == DATA


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "gopher://127.0.0.1:1", "http://127.0.0.1:port"])
def test_a_proxy_that_cannot_be_used(server: Server, monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.delenv("no_proxy")
    monkeypatch.setenv("ALL_PROXY", proxy)
    assert "proxy" in refused(server, whole(DATA))
    assert server.asked == []


def test_proxies_are_asked(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("no_proxy")
    monkeypatch.setenv("http_proxy", server.url(""))
    server.answers["http://far.invalid/book.txt"] = whole(DATA)
    assert fetch("http://far.invalid/book.txt", max_size=10**7) == DATA


def test_a_proxy_that_refuses(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("no_proxy")
    monkeypatch.setenv("https_proxy", server.url(""))  # which knows no CONNECT
    with pytest.raises(FetchError, match="the proxy does not let it through"):
        fetch("https://far.invalid/book.txt", max_size=10**7)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_drips_ends(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    monkeypatch.delenv("no_proxy")
    with dripping(b"HTTP/1.1 200 ") as port:
        monkeypatch.setenv(f"{scheme}_proxy", f"http://127.0.0.1:{port}")
        with pytest.raises(FetchError, match="does not begin its answer"):
            fetch(f"{scheme}://far.invalid/book.txt", max_size=10**7, patience=0.2)


# -- TLS ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1, signed by nobody else, and its key."""
    if not shutil.which("openssl"):
        pytest.skip("makes its certificate with openssl")
    folder = tmp_path_factory.mktemp("tls")
    files = folder / "certificate.pem", folder / "key.pem"
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names]
    subprocess.run([*command, "-out", files[0], "-keyout", files[1]], check=True, capture_output=True)
    return files


@pytest.fixture
def secure(server: Server, certificate: tuple[Path, Path]) -> Server:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    return server


def test_https(secure: Server, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    url = secure.url("/book.txt").replace("http:", "https:")
    secure.answers["/book.txt"] = whole(DATA)
    with pytest.raises(FetchError, match="certificate cannot be trusted"):
        fetch(url, max_size=10**7)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    assert fetch(url, max_size=10**7) == DATA


def test_a_handshake_that_never_ends() -> None:
    with (
        dripping(b"\x16\x03\x03\x40\x00") as port,  # the head of a record of 16 kB
        pytest.raises(FetchError, match="does not begin its answer"),
    ):
        fetch(f"https://127.0.0.1:{port}/book.txt", max_size=10**7, patience=0.2)


def test_https_is_never_left(secure: Server, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    secure.answers["/book.txt"] = status(302, Location="http://127.0.0.1/book.txt")
    with pytest.raises(FetchError, match="redirects from https to http, which is not safe"):
        fetch(secure.url("/book.txt").replace("http:", "https:"), max_size=10**7)


def test_a_server_without_tls(server: Server) -> None:
    with pytest.raises(FetchError, match="no secure connection"):
        fetch(server.url("/book.txt").replace("http:", "https:"), max_size=10**7, tries=1)
