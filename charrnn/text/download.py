"""One file downloaded over HTTP or HTTPS, however often the connection breaks.

What has arrived lies beside the file it will be: NAME.part, with NAME.part.json saying of which version (the server's
ETag or Last-Modified) of which URL. A later call goes on from there if the server still has that version.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
import socket
import ssl
import string
import time
from collections.abc import Callable
from email.message import Message
from http.client import HTTPException, HTTPResponse, InvalidURL
from pathlib import Path
from typing import IO, Any
from urllib import request
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit

from charrnn._version import __version__
from charrnn.errors import FetchError

DownloadCallback = Callable[[int, int | None], None]  # bytes that are there, and bytes in all if the server says

_PIECE = 1 << 16  # bytes
_PASSING = (408, 429, 500, 502, 503, 504)  # answers that may be better in a moment
_INSTEAD = "You can download it by any other means and name the file: charrnn train FILE"


class _Trouble(Exception):
    """What hinders a download; `passing` if trying again may help."""

    def __init__(self, what: str, passing: bool) -> None:
        super().__init__(what)
        self.passing = passing


def fetch(
    url: str,
    to: Path,
    *,
    max_size: int,
    sha256: str | None = None,
    progress: DownloadCallback | None = None,
    timeout: float = 30.0,
    tries: int = 4,
    pause: float = 1.0,
) -> str:
    """Download `url` to the file `to`, which appears whole or not at all. Returns its SHA-256, hexadecimal.

    `max_size` is in bytes; `timeout` in seconds without a sign from the server; `pause` in seconds before the second
    try, doubled before each further one. Raises FetchError.
    """
    if not _is_web_address(url):
        raise FetchError(f"{url}: is no web address. Give one that begins with https:// or http://, and names no user.")
    part = _Part(to, url)
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        for number in itertools.count(1):
            try:
                _download(part, max_size, progress or (lambda there, total: None), timeout)
                break
            except _Trouble as trouble:
                if not trouble.passing or number == tries:
                    raise FetchError(f"{url}: {trouble}. {part.resumption()}{_INSTEAD}") from None
            time.sleep(pause * 2 ** (number - 1))
        return part.finish(to, sha256)
    except OSError as error:  # those of the network have become _Trouble
        where = error.filename or part.path
        raise FetchError(f"{where}: cannot be written ({error.strerror}). Check the folder, or free space.") from None


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None
    except ValueError:
        return False


class _Part:
    """What has arrived of a file so far."""

    def __init__(self, to: Path, url: str) -> None:
        self.url = url
        self.path = to.with_name(f"{to.name}.part")
        self._notes = to.with_name(f"{to.name}.part.json")
        self.total: int | None = None  # bytes of the whole file, if the server said

    def begun(self) -> tuple[int, str]:
        """How many bytes are there to go on from, and of which version; (0, "") if there are none."""
        try:
            notes = json.loads(self._notes.read_bytes())
            return (self.path.stat().st_size, str(notes["version"])) if notes["url"] == self.url else (0, "")
        except (OSError, ValueError, KeyError, TypeError):
            return 0, ""

    def begin(self, version: str) -> None:
        """Start anew, with a version that can be gone on from unless it is empty."""
        self.discard()
        if version:
            self._notes.write_text(json.dumps({"url": self.url, "version": version}), encoding="utf-8")

    def discard(self) -> None:
        self._notes.unlink(missing_ok=True)  # first: notes must never speak of another part than theirs
        self.path.unlink(missing_ok=True)

    def resumption(self) -> str:
        """What a later call can go on from, as a sentence."""
        there = self.begun()[0]
        of = f" of {self.total:,}" if self.total else ""
        return f"{there:,}{of} bytes are here; fetch again to go on from there. " if there else ""

    def finish(self, to: Path, sha256: str | None) -> str:
        """Make it the file. Returns its SHA-256; raises FetchError if that is not `sha256`."""
        with open(self.path, "r+b") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
        if sha256 not in (None, digest):
            self.discard()
            raise FetchError(
                f"{self.url}: is not the file expected: its SHA-256 is {digest}, not {sha256}. It was damaged on the "
                f"way, or replaced; nothing was kept. {_INSTEAD}"
            )
        os.replace(self.path, to)
        self._notes.unlink(missing_ok=True)
        return digest


def _download(part: _Part, max_size: int, progress: DownloadCallback, timeout: float) -> None:
    """Bring `part` to its full length. Raises _Trouble, FetchError, and OSError for its files."""
    there, version = part.begun()
    with _ask(part, there, version, timeout) as response:
        there, part.total = _begin(part, response, there, version)
        limit = max_size if part.total is None else part.total
        if limit > max_size:
            part.discard()
            raise _too_large(part.url, f"has {limit:,} bytes, more than", max_size)
        with open(part.path, "ab") as file:
            progress(there, part.total)
            while there <= limit and (piece := _read(response, timeout)):
                there += len(piece)
                file.write(piece)
                progress(there, part.total)
    if there > limit:
        part.discard()
        if part.total is None:
            raise _too_large(part.url, "has more than", max_size)
        raise _Trouble("the server sends more than it said", passing=True)
    if part.total is not None and there < part.total:
        raise _Trouble("the connection broke off", passing=True)
    if there != part.path.stat().st_size:
        part.discard()
        raise FetchError(f"{part.url}: is being fetched by another process too. Wait for that one, or fetch again.")


def _begin(part: _Part, response: HTTPResponse, there: int, version: str) -> tuple[int, int | None]:
    """From which byte the answer goes on, and how many there are in all if it says. Raises _Trouble."""
    compressed = response.headers.get("Content-Encoding", "identity")
    if compressed != "identity":
        raise _Trouble(f"the server sends it packed ({compressed}), which was not asked for", passing=False)
    current = _version(response.headers)
    if response.status == 200:
        part.begin(current)
        return 0, response.length
    span = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", response.headers.get("Content-Range", ""))
    if there and response.status == 206 and span and int(span[1]) == there and current in ("", version):
        return there, int(span[3])
    part.discard()
    raise _Trouble(f"the server answers {response.status} with something else than was asked for", passing=True)


def _version(headers: Message) -> str:
    """What the server calls this version of the file; "" if it has no name that is sure to change with the file."""
    etag = headers.get("ETag", "")
    return etag if etag.startswith('"') else headers.get("Last-Modified", "")  # W/"…" is not sure to


def _ask(part: _Part, there: int, version: str, timeout: float) -> HTTPResponse:
    """The answer to a request for what is not `there` yet of this version, else for all. Raises _Trouble."""
    headers = {"User-Agent": f"charrnn/{__version__}"}  # http.client adds that nothing should be compressed
    if there:
        headers |= {"Range": f"bytes={there}-", "If-Range": version}
    address = quote(part.url, safe=string.punctuation)  # what is not ASCII, and blanks
    opener = request.OpenerDirector()
    for handler in (  # and none for file: or ftp:
        request.ProxyHandler(),
        request.HTTPHandler(),
        request.HTTPSHandler(),
        request.HTTPDefaultErrorHandler(),
        request.HTTPErrorProcessor(),
        request.UnknownHandler(),
        _Redirects(),
    ):
        opener.add_handler(handler)
    try:
        response: HTTPResponse = opener.open(request.Request(address, headers=headers), timeout=timeout)
        return response
    except HTTPError as error:
        error.close()
        if error.code == 416:  # what is there is longer than the file
            part.discard()
            raise _Trouble("the server has less of it than is here", passing=True) from None
        if error.code // 100 == 3:
            what = "it redirects in a circle, or to what is neither http nor https"
            raise _Trouble(what, passing=False) from None
        what = f"the server answers {error.code} {error.reason}".rstrip()
        raise _Trouble(what, passing=error.code in _PASSING) from None
    except (OSError, HTTPException, ValueError) as error:
        raise _trouble(error, timeout) from None


class _Redirects(request.HTTPRedirectHandler):
    """Follows redirects to http and https alone, and never from https to http."""

    def redirect_request(
        self, req: request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> request.Request | None:
        schemes = req.type, urlsplit(newurl).scheme.lower()
        if schemes[1] not in ("http", "https") or schemes == ("https", "http"):
            fp.close()
            raise _Trouble(f"it redirects from {schemes[0]} to {schemes[1]}, which is not safe", passing=False)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _read(response: HTTPResponse, timeout: float) -> bytes:
    """The next bytes, as they arrive; none at the end. Raises _Trouble."""
    try:
        return response.read1(_PIECE)
    except (OSError, HTTPException) as error:
        raise _trouble(error, timeout) from None


def _trouble(error: Exception, timeout: float) -> _Trouble:
    """What a person should know of an error of the network."""
    cause = error.reason if isinstance(error, URLError) and isinstance(error.reason, Exception) else error
    match cause:
        case socket.gaierror():
            return _Trouble("the host is not found: no network, or a wrong address", passing=False)
        case ConnectionRefusedError():
            return _Trouble("nobody answers there (connection refused)", passing=False)
        case TimeoutError():
            return _Trouble(f"the server was silent for {timeout:g} seconds", passing=True)
        case ssl.SSLCertVerificationError():
            what = f"the server's certificate cannot be trusted ({cause.verify_message})"
            return _Trouble(what, passing=False)
        case ssl.SSLError() if not isinstance(cause, ssl.SSLEOFError):
            return _Trouble(f"no secure connection ({cause.reason or cause})", passing=False)
        case InvalidURL() | ValueError():
            return _Trouble("this is not an address that can be asked", passing=False)
        case _:
            why = f" ({cause.strerror})" if isinstance(cause, OSError) and cause.strerror else ""
            return _Trouble(f"the connection broke off{why}", passing=True)


def _too_large(url: str, how: str, max_size: int) -> FetchError:
    return FetchError(f"{url}: {how} the {max_size:,} bytes that are fetched at most. Allow more: --max-size MB")
