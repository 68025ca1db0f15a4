"""Texts by name: the novel that comes with charrnn, those that were fetched, and fetching more."""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import json
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from glob import glob
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from charrnn import files
from charrnn.errors import CorpusError, FetchError, UsageError
from charrnn.formatting import plural
from charrnn.names import is_portable, portable_name
from charrnn.text import formats, gutenberg
from charrnn.text.catalogue import ENTRIES, KnownText
from charrnn.text.normal_form import normal_form

if TYPE_CHECKING:
    from charrnn.text.download import DownloadCallback

BUNDLED = "the-tidewater-bank.txt"
_BUNDLED_NAME = BUNDLED.removesuffix(".txt")
_FEW_WORDS = 100  # of what is hardly a text to learn
MAX_SIZE = 200_000_000  # bytes of a download, unless more is allowed
_NAME = re.compile(r"\w[\w.-]{0,99}")
_QUOTES = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"'})
_INSTEAD = "Download the right one by other means, and name the file: charrnn train FILE"


@dataclass(frozen=True, slots=True)
class StoredText:
    """A text on this machine."""

    name: str
    path: Path
    size: int  # bytes
    characters: int | None  # what is None was never noted
    fetched: str | None = None  # when, ISO 8601
    url: str | None = None


def bundled() -> Path:
    """The novel that comes with charrnn, in an installed wheel or a checkout.

    Returns:
        The path of its file.

    Raises:
        CorpusError: It is missing.
    """
    package = Path(str(resources.files("charrnn")))
    for folder in (package / "_corpora", package.parent / "corpora"):
        if (folder / BUNDLED).is_file():
            return folder / BUNDLED
    raise CorpusError(f"the bundled text {BUNDLED} is missing.", "Install charrnn anew, or name a text of your own.")


def fetched_path(name: str) -> Path:
    """Where a fetched text lies, or will lie, with notes on it beside it in NAME.json."""
    return _folder() / f"{name}.txt"


def _folder() -> Path:
    """Where fetched texts lie; it need not exist."""
    return files.data_dir() / "corpora"


def _fetched() -> list[Path]:
    """The files of fetched texts by name; none where their folder may not be looked into."""
    paths = (_folder() / name for name in glob("*.txt", root_dir=_folder()))
    return sorted(path for path in paths if os.path.isfile(path))


def stored() -> list[StoredText]:
    """The texts on this machine: the bundled one, if it is not missing, then the fetched ones by name."""
    texts = [_stored_text(path) for path in _fetched()]
    with contextlib.suppress(CorpusError):
        path = bundled()
        text = path.read_text(encoding="utf-8")
        texts.insert(0, StoredText(_BUNDLED_NAME, path, path.stat().st_size, len(text)))
    return texts


def _stored_text(path: Path) -> StoredText:
    """A fetched text with what its notes say, if they can be read."""
    size = path.stat().st_size
    try:
        notes = json.loads(path.with_suffix(".json").read_bytes())
        return StoredText(path.stem, path, size, int(notes["characters"]), str(notes["fetched"]), str(notes["url"]))
    except (OSError, ValueError, KeyError, TypeError):
        return StoredText(path.stem, path, size, None)


def find(text: str | Path) -> Path:
    """What a person means by TEXT: an existing path, else the name of a stored text, else a path all the same.

    Args:
        text: A path or a name, as typed.

    Returns:
        The path of a file or folder, which need not exist.

    Raises:
        CorpusError: It is a name that can be fetched, or nearly one, or a web address. Says what to do.
        UsageError: It is empty.
    """
    typed = str(text)
    if not typed:
        raise UsageError("a text has an empty name.", "Name a file, a folder, or a text of: charrnn corpora")
    if os.path.exists(typed):
        return Path(text)
    if re.match("https?:/", typed):
        raise CorpusError(
            f"{typed}: is a web address.", "Fetch it first, then give its name: charrnn corpora fetch URL"
        )
    if typed == _BUNDLED_NAME:
        return bundled()
    if _NAME.fullmatch(typed) and os.path.isfile(fetched_path(typed)):
        return fetched_path(typed)
    if typed in ENTRIES:
        raise CorpusError(f"{typed}: is not here yet.", f"Fetch it: charrnn corpora fetch {typed}")
    names = {_BUNDLED_NAME, *ENTRIES, *(path.stem for path in _fetched())}
    nearest = difflib.get_close_matches(typed.removesuffix(".txt"), names, n=1, cutoff=0.8)
    if nearest and Path(typed).name == typed:
        raise CorpusError(
            f"{typed}: no such file.", f"Did you mean the text {nearest[0]}? All of them: charrnn corpora"
        )
    return Path(text)


def entry_named(name: str) -> KnownText:
    """What can be fetched by a name.

    Raises:
        CorpusError: Nothing can, by this one. Says what may be meant.
    """
    if name in ENTRIES:
        return ENTRIES[name]
    if name == _BUNDLED_NAME:
        raise CorpusError(f"{name}: comes with charrnn, and need not be fetched.", f"Learn it: charrnn train {name}")
    nearest = difflib.get_close_matches(name, ENTRIES, n=1)
    hint = f"Did you mean {nearest[0]}?" if nearest else "Give its web address, or a name of: charrnn corpora"
    raise CorpusError(f"{name}: no text is known by that name.", hint)


def entry_of_url(url: str, name: str | None = None) -> KnownText:
    """An entry for any text on the web, of which nothing is known.

    Args:
        url: Its web address.
        name: What to call it; None to call it after the last part of its address.

    Returns:
        The entry, with an address and a name.

    Raises:
        UsageError: The name cannot be one, or is another text's.
    """
    if name is None:
        file_name = unquote(re.sub(r"[?#].*", "", url)).rstrip("/").rpartition("/")[2]
        stem = re.sub(r"\.(txt|text|utf-?8)(?=\.|$)", "", file_name.lower())
        name = portable_name(re.sub(r"[^\w.]+", "-", stem), "text") if re.search(r"\w", stem) else ""
    if not _NAME.fullmatch(name) or not is_portable(name):
        allowed = "up to 100 letters, digits, '-', '_' and '.', the first a letter or digit"
        raise UsageError(f"{name or url}: cannot be a text's name.", f"Choose one with --name: {allowed}.")
    if name in ENTRIES or name == _BUNDLED_NAME:
        raise UsageError(f"{name}: is the name of another text.", "Choose one: --name NAME")
    return KnownText(name, title="", author="", language="", url=url, licence="")


def fetch(entry: KnownText, *, max_size: int = MAX_SIZE, progress: DownloadCallback | None = None) -> StoredText:
    """Fetch a text and keep it, in UTF-8 with LF and without Project Gutenberg's boilerplate.

    A text of that name that is here already is replaced, once the new one has arrived whole and was checked.

    Args:
        entry: Which text.
        max_size: Bytes of the download, at most.
        progress: Called with the bytes that have arrived, and with how many there are in all or None.

    Returns:
        The text as it lies on this machine now.

    Raises:
        FetchError: It cannot be had or kept, or is not the text expected.
    """
    from charrnn.text import download  # httpx takes a tenth of a second to import

    downloaded = download.fetch(entry.url, max_size=max_size, sha256=entry.sha256, progress=progress)
    text = _checked_text(downloaded, entry)
    data = text.encode()
    files.remove_temporary(_folder())  # of what was killed
    path, fetched_at = fetched_path(entry.name), datetime.now(UTC).isoformat(timespec="seconds")
    notes = {
        "url": entry.url,
        "fetched": fetched_at,
        "downloaded_sha256": hashlib.sha256(downloaded).hexdigest(),
        "stored_sha256": hashlib.sha256(data).hexdigest(),
        "characters": len(text),
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.remove_temporary(path.parent)
        path.with_suffix(".json").unlink(missing_ok=True)  # which never speaks of another text
        files.replace_file(path, data)
        files.replace_file(path.with_suffix(".json"), json.dumps(notes, indent=2).encode())
    except OSError as error:
        raise FetchError(f"{path}: cannot be written ({error.strerror}).", "Check the folder, or free space.") from None
    return StoredText(entry.name, path, len(data), len(text), fetched_at, entry.url)


def doubt(stored: StoredText) -> str | None:
    """Why a fetched text may be something else, such as what a server says in its place; None if nothing speaks for it.

    Raises:
        OSError: It cannot be read.
    """
    text = stored.path.read_text("utf-8")
    if len(text.split()) < _FEW_WORDS:
        return f"it is short: {plural(len(text.split()), 'word')}"
    if "\n" not in text.strip("\n"):
        return "it is a single line"
    return None


def _checked_text(downloaded: bytes, entry: KnownText) -> str:
    """What is to be learnt of a download. Raises FetchError if it is not the text expected."""
    kind = formats.recognise(downloaded[: formats.HEAD], downloaded[-formats.TAIL :])
    if kind and kind.name == "HTML":
        raise FetchError(f"{entry.url}: is a web page.", "Fetch the address of the plain text that it may lead to.")
    if kind:
        raise FetchError(f"{entry.url}: is {kind.name}, no plain text.", "Fetch the address of the plain text.")
    try:
        text = downloaded.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise FetchError(
            f"{entry.url}: is not UTF-8: byte {error.start}.",
            "Download it by other means, and name the file and its encoding: charrnn train FILE --encoding NAME",
        ) from None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text:
        raise FetchError(f"{entry.url}: has characters U+0000, and is no plain text.", _INSTEAD)
    if gutenberg.has_boilerplate(text):
        text = "".join(gutenberg.strip([text])).strip("\n") + "\n"
    size, (least, most) = len(text.encode()), entry.size
    if not least <= size <= most:
        what = f"{size:,} bytes of text are not between {least:,} and {most:,}"
        raise FetchError(f"{entry.url}: is not {entry.name}: {what}.", _INSTEAD)
    comparable = _comparable(text)
    if missing := [phrase for phrase in entry.phrases if _comparable(phrase) not in comparable]:
        raise FetchError(f"{entry.url}: is not {entry.name}: {missing[0]!r} does not occur in it.", _INSTEAD)
    return text


def _comparable(text: str) -> str:
    """A text without what reissues change: normal form, shape of quotes, case, white space."""
    return " ".join(normal_form("NFC", text).translate(_QUOTES).casefold().split())


def remove(name: str) -> Path:
    """Remove a fetched text.

    Returns:
        Where it was.

    Raises:
        CorpusError: There is none of that name, or it cannot be removed.
    """
    path = fetched_path(name)
    if name == _BUNDLED_NAME:
        raise CorpusError(f"{name}: comes with charrnn, and stays.")
    if not _NAME.fullmatch(name) or not os.path.isfile(path):
        raise CorpusError(f"{name}: has not been fetched.", "charrnn corpora lists what has been.")
    try:
        path.with_suffix(".json").unlink(missing_ok=True)
        path.unlink()
    except OSError as error:
        raise CorpusError(f"{path}: cannot be removed ({error.strerror}).") from None
    return path
