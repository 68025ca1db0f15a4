"""Downloads from a web server of one's own, which does all that servers and connections do."""

from __future__ import annotations

import hashlib
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.serving import Answer, Handler, Server, in_turn, resumable, serving, status, whole

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


@pytest.fixture
def to(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "book.txt"


def get(server: Server, answer: Answer, to: Path, **settings: Any) -> str:
    server.answers["/book.txt"] = answer
    return fetch(server.url("/book.txt"), to, **{"max_size": 10**7, "pause": 0.001, **settings})


def refused(server: Server, answer: Answer, to: Path, **settings: Any) -> str:
    with pytest.raises(FetchError) as caught:
        get(server, answer, to, **settings)
    message = str(caught.value)
    assert "\n" not in message
    assert server.url("/book.txt") in message
    return message


def ranges(server: Server) -> list[str | None]:
    return [headers.get("Range") for _, headers in server.asked]


def left(to: Path) -> list[str]:
    return sorted(path.name for path in to.parent.iterdir())


def test_a_file_arrives_whole(server: Server, to: Path) -> None:
    shown: list[tuple[int, int | None]] = []
    digest = get(server, whole(DATA), to, progress=lambda there, total: shown.append((there, total)))
    assert to.read_bytes() == DATA
    assert digest == hashlib.sha256(DATA).hexdigest()
    assert left(to) == ["book.txt"]
    assert shown[0] == (0, len(DATA))
    assert shown[-1] == (len(DATA), len(DATA))
    assert [there for there, _ in shown] == sorted(there for there, _ in shown)
    (_, headers), *more = server.asked
    assert more == []
    assert headers["User-Agent"] == f"charrnn/{__version__}"
    assert headers["Accept-Encoding"] == "identity"


def test_an_empty_file(server: Server, to: Path) -> None:
    get(server, whole(b""), to)
    assert to.read_bytes() == b""


def test_a_drip_is_shown_as_it_comes(server: Server, to: Path) -> None:
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

    get(server, drip, to, progress=show)
    assert shown == list(range(31))


def test_without_a_length_the_end_is_the_end(server: Server, to: Path) -> None:
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
        get(server, answer, to, progress=lambda there, total, shown=shown: shown.append(total))
        assert to.read_bytes() == DATA
        assert set(shown) == {None}


@pytest.mark.parametrize("broken_after", [1, 100_000, len(DATA) - 1])
def test_broken_downloads_go_on_where_they_stopped(server: Server, to: Path, broken_after: int) -> None:
    get(server, in_turn(resumable(DATA, broken_after=broken_after), resumable(DATA)), to)
    assert to.read_bytes() == DATA
    assert ranges(server) == [None, f"bytes={broken_after}-"]
    assert server.asked[1][1]["If-Range"] == '"v1"'
    assert left(to) == ["book.txt"]


def test_a_later_call_goes_on_too(server: Server, to: Path) -> None:
    message = refused(server, resumable(DATA, broken_after=50_000), to, tries=3)
    assert f"150,000 of {len(DATA):,} bytes are here; fetch again" in message
    assert "charrnn train FILE" in message
    assert not to.exists()
    server.asked.clear()
    digest = get(server, resumable(DATA), to)
    assert ranges(server) == ["bytes=150000-"]
    assert to.read_bytes() == DATA
    assert digest == hashlib.sha256(DATA).hexdigest()


def test_an_interrupt_loses_nothing(server: Server, to: Path) -> None:
    def interrupt(there: int, total: int | None) -> None:
        if there > 100_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        get(server, resumable(DATA), to, progress=interrupt)
    server.asked.clear()
    get(server, resumable(DATA), to)
    assert int(str(ranges(server)[0]).removeprefix("bytes=").removesuffix("-")) > 100_000
    assert to.read_bytes() == DATA


def test_ranges_may_be_ignored(server: Server, to: Path) -> None:
    get(server, in_turn(resumable(DATA, broken_after=999), whole(DATA)), to)
    assert to.read_bytes() == DATA
    assert ranges(server) == [None, "bytes=999-"]


def test_another_version_is_fetched_from_its_beginning(server: Server, to: Path) -> None:
    get(server, in_turn(resumable(DATA, broken_after=999), resumable(OTHER, version='"v2"')), to)
    assert to.read_bytes() == OTHER
    assert ranges(server) == [None, "bytes=999-"]


def test_another_address_is_another_file(server: Server, to: Path) -> None:
    server.answers["/other.txt"] = resumable(OTHER)
    refused(server, resumable(DATA, broken_after=999), to, tries=1)
    fetch(server.url("/other.txt"), to, max_size=10**7)
    assert to.read_bytes() == OTHER
    assert ranges(server) == [None, None]


@pytest.mark.parametrize(
    ("headers", "version"),
    [
        ({}, None),
        ({"ETag": 'W/"weak"'}, None),
        ({"ETag": 'W/"weak"', "Last_Modified": "Sat, 21 Nov 2026 14:20:00 GMT"}, "Sat, 21 Nov 2026 14:20:00 GMT"),
    ],
)
def test_only_what_is_sure_to_be_the_same_is_gone_on_from(
    server: Server, to: Path, headers: dict[str, str], version: str | None
) -> None:
    def broken(handler: Handler) -> None:
        handler.head(200, Content_Length=len(DATA), **headers)
        handler.wfile.write(DATA[:999])

    message = refused(server, broken, to, tries=1)
    assert ("bytes are here" in message) == (version is not None)
    get(server, whole(OTHER), to)
    assert to.read_bytes() == OTHER
    assert server.asked[1][1].get("If-Range") == version
    assert ranges(server)[1] == ("bytes=999-" if version else None)


def partial(span: str | None, body: bytes, **headers: object) -> Answer:
    def answer(handler: Handler) -> None:
        handler.head(206, **({"Content_Range": span} if span else {}), **headers)
        handler.wfile.write(body)

    return answer


@pytest.mark.parametrize(
    "lie",
    [
        partial(f"bytes 0-{len(DATA) - 1}/{len(DATA)}", DATA),
        partial(f"bytes 1000-{len(DATA) - 1}/{len(DATA)}", DATA[1000:]),
        partial(f"bytes 999-{len(DATA) - 1}/*", DATA[999:]),
        partial(f"chars 999-{len(DATA) - 1}/{len(DATA)}", DATA[999:]),
        partial(None, DATA[999:]),
        partial(f"bytes 999-{len(DATA) - 1}/{len(DATA)}", OTHER[999:], ETag='"v2"'),
        partial(f"bytes 999-{len(DATA) - 1}/{len(DATA)}", DATA[999:] + b"and more"),
        partial("bytes 999-1000/500", DATA[999:]),
        status(416),
    ],
)
def test_wrong_ranges_are_not_trusted(server: Server, to: Path, lie: Answer) -> None:
    get(server, in_turn(resumable(DATA, broken_after=999), lie, resumable(DATA)), to)
    assert to.read_bytes() == DATA
    assert ranges(server) == [None, "bytes=999-", None]


def test_a_range_that_was_not_asked_for(server: Server, to: Path) -> None:
    span = f"bytes 0-{len(DATA) - 1}/{len(DATA)}"
    assert "answers 206" in refused(server, partial(span, DATA), to)
    assert left(to) == []


@pytest.mark.parametrize("size", [-1, 1], ids=["shorter", "longer"])
def test_a_part_as_long_as_the_file_or_longer(server: Server, to: Path, size: int) -> None:
    refused(server, resumable(DATA, broken_after=999), to, tries=1)
    get(server, resumable(DATA[: 999 + size]), to)
    assert to.read_bytes() == DATA[: 999 + size]


def test_checksum(server: Server, to: Path) -> None:
    right, wrong = hashlib.sha256(DATA).hexdigest(), hashlib.sha256(OTHER).hexdigest()
    message = refused(server, resumable(DATA), to, sha256=wrong)
    assert right in message
    assert wrong in message
    assert left(to) == []
    assert get(server, resumable(DATA), to, sha256=right) == right


def test_a_failure_leaves_the_file_that_was_there(server: Server, to: Path) -> None:
    to.parent.mkdir()
    to.write_bytes(b"old")
    refused(server, resumable(DATA, broken_after=999), to)
    refused(server, whole(DATA), to, sha256="0" * 64)
    assert to.read_bytes() == b"old"


def test_too_large_is_known_beforehand(server: Server, to: Path) -> None:
    assert f"{len(DATA):,} bytes" in refused(server, whole(DATA), to, max_size=len(DATA) - 1)
    assert left(to) == []
    get(server, whole(DATA), to, max_size=len(DATA))


@pytest.mark.parametrize("chunked", [True, False])
def test_an_endless_body_ends_at_the_limit(server: Server, to: Path, chunked: bool) -> None:
    def endless(handler: Handler) -> None:
        handler.head(200, **({"Transfer_Encoding": "chunked"} if chunked else {}))
        while True:
            handler.wfile.write(b"1000\r\n" + b"x" * 4096 + b"\r\n" if chunked else b"x" * 4096)

    message = refused(server, endless, to, max_size=100_000)
    assert "100,000 bytes" in message
    assert "--max-size" in message
    assert left(to) == []
    assert len(server.asked) == 1


def test_a_truncated_body_is_never_taken_for_whole(server: Server, to: Path) -> None:
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
        assert "broke off" in refused(server, answer, to, tries=2)
        assert not to.exists()


def test_compression_is_refused(server: Server, to: Path) -> None:
    assert "gzip" in refused(server, whole(DATA, Content_Encoding="gzip"), to)


def test_redirects_are_followed(server: Server, to: Path) -> None:
    server.answers["/moved"] = whole(DATA)
    get(server, status(301, Location="/moved"), to)
    assert to.read_bytes() == DATA
    get(server, status(308, Location=server.url("/moved")), to)
    assert server.asked[-1][1]["User-Agent"].startswith("charrnn")


def test_ranges_follow_redirects(server: Server, to: Path) -> None:
    server.answers["/moved"] = in_turn(resumable(DATA, broken_after=999), resumable(DATA))
    get(server, status(302, Location="/moved"), to)
    assert to.read_bytes() == DATA
    assert ranges(server) == [None, None, "bytes=999-", "bytes=999-"]


def test_a_redirect_in_a_circle(server: Server, to: Path) -> None:
    assert "circle" in refused(server, status(302, Location="/book.txt"), to)


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/book.txt", "data:text/plain,x", "gopher:x"])
def test_redirects_lead_nowhere_but_to_the_web(server: Server, to: Path, target: str) -> None:
    assert "redirects" in refused(server, status(302, Location=target), to)
    assert left(to) == []
    assert len(server.asked) == 1


@pytest.mark.parametrize("code", [400, 403, 404, 410])
def test_a_refusal_is_final(server: Server, to: Path, code: int) -> None:
    assert f"answers {code} " in refused(server, status(code), to)
    assert len(server.asked) == 1


def test_a_passing_failure_is_waited_for(server: Server, to: Path) -> None:
    get(server, in_turn(status(500), status(503), whole(DATA)), to)
    assert to.read_bytes() == DATA
    assert "answers 503" in refused(server, status(503), to, tries=2)
    assert len(server.asked) == 5


def test_a_server_that_hangs_up_or_speaks_something_else(server: Server, to: Path) -> None:
    def hang_up(handler: Handler) -> None:
        pass

    def babble(handler: Handler) -> None:
        handler.wfile.write(b"220 mail.example ESMTP\r\n")

    for answer in (hang_up, babble):
        assert "broke off" in refused(server, answer, to, tries=2)
        get(server, in_turn(answer, whole(DATA)), to)


def test_silence(server: Server, to: Path) -> None:
    def silent(handler: Handler) -> None:
        handler.connection.recv(1)  # until the client goes

    def falls_silent(handler: Handler) -> None:
        handler.head(200, Content_Length=10)
        handler.wfile.write(b"x")
        handler.wfile.flush()
        handler.connection.recv(1)

    for answer in (silent, falls_silent):
        assert "silent for 0.1 seconds" in refused(server, answer, to, timeout=0.1, tries=1)


def test_nobody_there(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    with pytest.raises(FetchError, match=rf"http://127.0.0.1:{port}/x: nobody answers"):
        fetch(f"http://127.0.0.1:{port}/x", tmp_path / "x", max_size=1)
    with pytest.raises(FetchError, match=r"no-such-host.invalid/x: the host is not found"):
        fetch("http://no-such-host.invalid/x", tmp_path / "x", max_size=1)


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
def test_addresses_that_are_none(url: str, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="no web address"):
        fetch(url, tmp_path / "x", max_size=1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:port/x", "http://127.0.0.1:99999/x", "http://a\x00b/x"])
def test_addresses_that_cannot_be_asked(url: str, tmp_path: Path) -> None:
    with pytest.raises(FetchError):
        fetch(url, tmp_path / "x", max_size=1, tries=1)


def test_any_character_may_be_in_an_address(server: Server, to: Path) -> None:
    server.answers["/a%20book/%E7%B4%85.txt?x=1&y=%20"] = whole(DATA)
    fetch(server.url("/a book/紅.txt?x=1&y=%20#part"), to, max_size=10**7)
    assert to.read_bytes() == DATA


def test_a_place_that_cannot_be_written(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    server.answers["/book.txt"] = whole(DATA)
    with pytest.raises(FetchError, match="file: cannot be written"):
        fetch(server.url("/book.txt"), tmp_path / "file" / "book.txt", max_size=10**7)


def test_two_at_the_same_file_are_noticed(server: Server, to: Path) -> None:
    def meddle(there: int, total: int | None) -> None:
        if there:
            with open(to.with_name("book.txt.part"), "ab") as file:
                file.write(b"x")

    assert "another process" in refused(server, whole(DATA), to, progress=meddle)
    assert left(to) == []


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


def test_https(secure: Server, certificate: tuple[Path, Path], to: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = secure.url("/book.txt").replace("http:", "https:")
    secure.answers["/book.txt"] = whole(DATA)
    with pytest.raises(FetchError, match="certificate cannot be trusted"):
        fetch(url, to, max_size=10**7)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    fetch(url, to, max_size=10**7)
    assert to.read_bytes() == DATA


def test_https_is_never_left(
    secure: Server, certificate: tuple[Path, Path], to: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    secure.answers["/book.txt"] = status(302, Location="http://127.0.0.1/book.txt")
    with pytest.raises(FetchError, match="redirects from https to http, which is not safe"):
        fetch(secure.url("/book.txt").replace("http:", "https:"), to, max_size=10**7)


def test_a_server_without_tls(server: Server, to: Path) -> None:
    with pytest.raises(FetchError, match="no secure connection"):
        fetch(server.url("/book.txt").replace("http:", "https:"), to, max_size=10**7, tries=1)
