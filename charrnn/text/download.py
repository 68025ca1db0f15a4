"""One file of the web, downloaded whole or not at all. Importing this module imports httpx, which takes a while."""

from __future__ import annotations

import hashlib
import itertools
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import closing
from urllib.parse import urlsplit

import httpx

from charrnn._version import __version__
from charrnn.errors import FetchError
from charrnn.text.deadline import Deadline

DownloadCallback = Callable[[int, int | None], None]  # bytes that have arrived, and bytes in all if the server says

_SCHEMES = ("http", "https")
_TRANSIENT = (408, 429, 500, 502, 503, 504)  # answers that may be better in a moment
_HEADERS = {"User-Agent": f"charrnn/{__version__}", "Accept-Encoding": "identity"}
_PAGES = ("text/html", "application/xhtml+xml")
_LEAST_RATE = 1000  # bytes a second
_MOST_REDIRECTS = 20
_INSTEAD = "You can download it by any other means and name the file: charrnn train FILE"


class _Failure(Exception):
    """Why one try failed, and whether another may succeed."""

    def __init__(self, reason: str, *, transient: bool) -> None:
        super().__init__(reason)
        self.transient = transient


def fetch(
    url: str,
    *,
    max_size: int,
    sha256: str | None = None,
    progress: DownloadCallback | None = None,
    timeout: float = 30.0,
    patience: float = 60.0,
    tries: int = 4,
    pause: float = 1.0,
) -> bytes:
    """Download a file into memory.

    Redirects are followed to http and https, never from https to http. Proxies and certificates are the system's
    (HTTPS_PROXY, NO_PROXY, SSL_CERT_FILE and their like are heeded).

    Args:
        url: An address of http or https that names no user.
        max_size: Bytes; of a longer file no more than that is read.
        sha256: What the file's SHA-256 must be, hexadecimal; None if any will do.
        progress: Called at the start of every try and after every piece, if given.
        timeout: Seconds without a sign from the server until the try is given up.
        patience: Seconds after which a try is given up if its answer has not begun, redirects included, or if fewer
            than 1,000 bytes a second have come of the file.
        tries: How often to ask, if what fails may succeed in a moment.
        pause: Seconds before the second try, doubled before each further one.

    Returns:
        The file's bytes, all of them.

    Raises:
        FetchError: It cannot be had, is too large, comes compressed, or has another checksum.
    """
    if not _is_web_address(url):
        raise FetchError(
            f"{url}: is no web address.", "Give one that begins with https:// or http://, and names no user."
        )
    with _client(url, timeout) as client:
        for number in itertools.count(1):
            try:
                data = _download(client, url, max_size, progress or (lambda arrived, total: None), patience)
                break
            except (_Failure, httpx.HTTPError, httpx.InvalidURL) as error:
                failure = error if isinstance(error, _Failure) else _failure(error, timeout)
                if not failure.transient or number == tries:
                    raise FetchError(f"{url}: {failure}.", _INSTEAD) from None
            time.sleep(pause * 2 ** (number - 1))
    digest = hashlib.sha256(data).hexdigest()
    if sha256 not in (None, digest):
        what = f"{url}: is not the file expected: its SHA-256 is {digest}, not {sha256}."
        raise FetchError(f"{what} It was damaged on the way, or replaced; nothing was kept.", _INSTEAD)
    return data


def _is_web_address(url: str) -> bool:
    """Whether a string is an address of http or https with a host and without a user."""
    try:
        parts = urlsplit(url)
        return parts.scheme in _SCHEMES and bool(parts.hostname) and parts.username is None and parts.port != 0
    except ValueError:  # also for a port that is no number, or too large
        return False


def _client(url: str, timeout: float) -> httpx.Client:
    """What asks servers for files. Raises FetchError if the proxy that the environment names cannot be used."""
    try:
        return httpx.Client(
            headers=_HEADERS,
            timeout=timeout,
            verify=ssl.create_default_context(),  # trusts what the system trusts; httpx's own list may be older
            event_hooks={"response": [_refuse_unsafe_redirect]},
        )
    except (ImportError, ValueError, httpx.InvalidURL) as error:  # ImportError: SOCKS needs another package
        what = f"{url}: cannot be asked for: the proxy set in the environment cannot be used ({error})."
        raise FetchError(
            what, "Set HTTP_PROXY, HTTPS_PROXY and ALL_PROXY to http:// addresses, or unset them."
        ) from None


def _download(client: httpx.Client, url: str, max_size: int, progress: DownloadCallback, patience: float) -> bytes:
    """One try. Raises _Failure, FetchError, and httpx's errors."""
    with Deadline(patience) as deadline:
        try:
            with closing(_answer(client, url, deadline)) as response:
                deadline.put_off()
                total = _announced_size(response, url, max_size)
                data = _body(response, url, total, max_size, progress, deadline)
        except httpx.HTTPError:
            if not deadline.passed:
                raise
        if deadline.passed:  # without an error where the end of the connection is that of the body
            what = f"the server does not begin its answer, or sends fewer than {_LEAST_RATE:,} bytes a second of it"
            raise _Failure(f"{what}, for {patience:g} seconds", transient=False)
    return data


def _answer(client: httpx.Client, url: str, deadline: Deadline) -> httpx.Response:
    """What is answered where redirects lead. Raises as _download does."""
    request = client.build_request("GET", url, extensions={"trace": deadline.trace})
    for _ in range(_MOST_REDIRECTS + 1):
        response = client.send(request, stream=True)
        if response.next_request is None:
            return response
        response.close()  # without its body, which may have no end
        request = response.next_request
    raise _Failure("it redirects in a circle", transient=False)


def _announced_size(response: httpx.Response, url: str, max_size: int) -> int | None:
    """The bytes that a file has, if the server says. Raises as _download does for what is not the file asked for."""
    if response.status_code != httpx.codes.OK:
        reason = f"the server answers {response.status_code} {response.reason_phrase}".rstrip()
        raise _Failure(reason, transient=response.status_code in _TRANSIENT)
    encoding = response.headers.get("Content-Encoding", "identity")
    if encoding != "identity":
        raise _Failure(f"the server sends it compressed ({encoding}), which was not asked for", transient=False)
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind in _PAGES and not urlsplit(url).path.lower().endswith((".html", ".htm", ".xhtml")):
        raise _Failure(f"the server sends a web page ({kind})", transient=False)
    length = response.headers.get("Content-Length")
    total = None if length is None else int(length)
    if total is not None and total > max_size:
        raise _too_large(url, f"has {total:,} bytes, more than", max_size)
    return total


def _body(
    response: httpx.Response, url: str, total: int | None, max_size: int, progress: DownloadCallback, deadline: Deadline
) -> bytes:
    """The file. Raises as _download does."""
    progress(0, total)
    pieces, arrived, began = [], 0, time.monotonic()
    for piece in response.iter_raw():
        deadline.put_off()
        arrived += len(piece)
        if arrived > max_size:
            raise _too_large(url, "has more than", max_size)
        pieces.append(piece)
        progress(arrived, total)
        if (seconds := time.monotonic() - began) > deadline.seconds and arrived < seconds * _LEAST_RATE:
            reason = f"the server sends fewer than {_LEAST_RATE:,} bytes a second: {arrived:,} in {seconds:.0f} seconds"
            raise _Failure(reason, transient=False)
    return b"".join(pieces)


def _refuse_unsafe_redirect(response: httpx.Response) -> None:
    """Raises _Failure for a redirect from https to http, or to anything else."""
    if not response.has_redirect_location:
        return
    target = response.url.join(response.headers["Location"])
    schemes = response.url.scheme, target.scheme
    if target.scheme not in _SCHEMES or schemes == ("https", "http"):
        raise _Failure(f"it redirects from {schemes[0]} to {schemes[1]}, which is not safe", transient=False)
    if not _is_web_address(str(target)):
        raise _Failure("it redirects to an address that cannot be asked", transient=False)


def _failure(error: Exception, timeout: float) -> _Failure:
    """What a person should know of an error of the network."""
    match _system_error(error) or error:
        case httpx.RemoteProtocolError() if "Content-Length" in str(error):
            return _Failure("the server says a length that is none", transient=False)
        case httpx.InvalidURL():
            return _Failure("it redirects to an address that cannot be asked", transient=False)
        case httpx.ProxyError():
            return _Failure(f"the proxy does not let it through ({error})", transient=False)
        case socket.gaierror():
            return _Failure("the host is not found: no network, or a wrong address", transient=False)
        case ConnectionRefusedError():
            return _Failure("nobody answers there (connection refused)", transient=False)
        case TimeoutError():
            return _Failure(f"the server was silent for {timeout:g} seconds", transient=True)
        case ssl.SSLCertVerificationError(verify_message=reason):
            return _Failure(f"the server's certificate cannot be trusted ({reason})", transient=False)
        case ssl.SSLError() as cause if not isinstance(cause, ssl.SSLEOFError):
            return _Failure(f"no secure connection ({cause.reason or cause})", transient=False)
        case OSError(strerror=str(reason)):
            return _Failure(f"the connection broke off ({reason})", transient=True)
        case _:
            return _Failure("the connection broke off", transient=True)


def _system_error(error: BaseException | None) -> OSError | None:
    """The error of the operating system that one of httpx was made of, if it was."""
    while error is not None and not isinstance(error, OSError):
        error = error.__cause__ or error.__context__
    return error


def _too_large(url: str, how: str, max_size: int) -> FetchError:
    """The error to raise for a file of more bytes than allowed."""
    return FetchError(f"{url}: {how} the {max_size:,} bytes that are fetched at most.", "Allow more: --max-size MB")
