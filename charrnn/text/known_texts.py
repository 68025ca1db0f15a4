"""The texts that are known by name: the novel that comes with charrnn, those that were fetched, those that can be."""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import json
import os
import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from urllib.parse import unquote

from charrnn import files
from charrnn.errors import CorpusError, FetchError, UsageError
from charrnn.files import replace_file
from charrnn.text import gutenberg
from charrnn.text.download import DownloadCallback, fetch

BUNDLED = "the-tidewater-bank.txt"
_NOVEL = BUNDLED.removesuffix(".txt")
MAX_SIZE = 200_000_000  # bytes of a download, unless more is allowed
_NAME = re.compile(r"\w[\w.-]{0,99}")
_QUOTES = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"'})
_INSTEAD = "Download the right one by other means, and name the file: charrnn train FILE"


@dataclass(frozen=True, slots=True)
class KnownText:
    """A text that can be fetched, and how to tell that it is the one."""

    name: str
    title: str
    author: str
    language: str
    url: str
    licence: str  # or why it needs none
    sha256: str | None = None  # of the file as downloaded; None where reissues change it
    size: tuple[int, int] = (1, 1 << 62)  # bytes of the text as stored, at least and at most
    phrases: tuple[str, ...] = ()  # that occur in it, whatever their case, quotes and line ends


@dataclass(frozen=True, slots=True)
class StoredText:
    """A text on this machine."""

    name: str
    path: Path
    size: int  # bytes
    characters: int | None  # what is None was never noted
    fetched: str | None = None  # when, ISO 8601
    url: str | None = None


def _book(
    number: int, name: str, title: str, author: str, died: str, language: str, size: int, *phrases: str
) -> KnownText:
    """A book of Project Gutenberg of about `size` bytes; its reissues differ a little."""
    url = f"https://www.gutenberg.org/cache/epub/{number}/pg{number}.txt"
    licence = f"public domain: the author died in {died}"
    return KnownText(name, title, author, language, url, licence, None, (size * 7 // 10, size * 13 // 10), phrases)


# fmt: off
_ENTRIES = (
    KnownText(
        "tinyshakespeare", "40,000 lines of plays", "William Shakespeare", "English",
        "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
        "public domain: the author died in 1616",
        "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed", (1_115_394, 1_115_394),
    ),
    _book(2600, "war-and-peace", "War and Peace", "Leo Tolstoy", "1910, his translators in 1938 and 1939", "English",
          3_290_000, "Anna Pavlovna", "Natasha"),
    _book(11, "alice-in-wonderland", "Alice in Wonderland", "Lewis Carroll", "1898", "English",
          150_000, "White Rabbit", "Mock Turtle"),
    _book(1342, "pride-and-prejudice", "Pride and Prejudice", "Jane Austen", "1817", "English",
          710_000, "universally acknowledged", "Pemberley"),
    _book(2701, "moby-dick", "Moby-Dick", "Herman Melville", "1891", "English",
          1_240_000, "Call me Ishmael", "Queequeg"),
    _book(17489, "les-miserables", "Les Misérables, tome I", "Victor Hugo", "1885", "French",
          680_000, "Jean Valjean", "Fantine"),
    _book(2229, "faust", "Faust, erster Teil", "J. W. von Goethe", "1832", "German",
          200_000, "Habe nun, ach! Philosophie", "Mephistopheles"),
    _book(1000, "divina-commedia", "La Divina Commedia", "Dante Alighieri", "1321", "Italian",
          570_000, "Nel mezzo del cammin di nostra vita", "Virgilio"),
    _book(2000, "don-quijote", "Don Quijote", "Miguel de Cervantes", "1616", "Spanish",
          2_180_000, "En un lugar de la Mancha", "Sancho Panza"),
    _book(3333, "os-lusiadas", "Os Lusíadas", "Luís de Camões", "1580", "Portuguese",
          350_000, "Taprobana", "praia Lusitana"),
    _book(11940, "seitseman-veljesta", "Seitsemän veljestä", "Aleksis Kivi", "1872", "Finnish",
          670_000, "Jukola", "Juhani"),
    _book(23962, "journey-to-the-west", "西遊記", "Wu Cheng'en", "1582", "Chinese",
          2_200_000, "花果山", "孫悟空"),
)
# fmt: on
ENTRIES = {entry.name: entry for entry in _ENTRIES}


def bundled() -> Path:
    """The novel that comes with charrnn, in an installed wheel or a checkout. Raises CorpusError if it is missing."""
    package = Path(str(resources.files("charrnn")))
    for folder in (package / "_corpora", package.parent / "corpora"):
        if (folder / BUNDLED).is_file():
            return folder / BUNDLED
    raise CorpusError(f"the bundled text {BUNDLED} is missing; install charrnn anew, or name a text of your own.")


def fetched_path(name: str) -> Path:
    """Where a fetched text lies, or will lie, with notes on it beside it in NAME.json."""
    return _folder() / f"{name}.txt"


def _folder() -> Path:
    return files.data_dir() / "corpora"


def stored() -> list[StoredText]:
    """The texts on this machine: the bundled one, then the fetched ones by name."""
    texts = [_look(path) for path in sorted(_folder().glob("*.txt"))]
    with contextlib.suppress(CorpusError):
        path = bundled()
        text = path.read_text(encoding="utf-8")
        texts.insert(0, StoredText(_NOVEL, path, path.stat().st_size, len(text)))
    return texts


def _look(path: Path) -> StoredText:
    size = path.stat().st_size
    try:
        notes = json.loads(path.with_suffix(".json").read_bytes())
        return StoredText(path.stem, path, size, int(notes["characters"]), str(notes["fetched"]), str(notes["url"]))
    except (OSError, ValueError, KeyError, TypeError):
        return StoredText(path.stem, path, size, None)


def resolve(text: str | Path) -> Path:
    """What a person means by TEXT: an existing path, else the name of a stored text, else a path all the same.

    Raises CorpusError, saying what to do, for a name that can be fetched or is nearly one, and for a web address;
    UsageError for an empty name."""
    typed = str(text)
    if not typed:
        raise UsageError("a text has an empty name. Name a file, a folder, or a text of: charrnn corpora")
    if os.path.exists(typed):
        return Path(text)
    if re.match("https?:/", typed):
        raise CorpusError(f"{typed}: fetch it first, then train on it by its name: charrnn corpora fetch URL")
    if typed == _NOVEL:
        return bundled()
    if _NAME.fullmatch(typed) and fetched_path(typed).is_file():
        return fetched_path(typed)
    if typed in ENTRIES:
        raise CorpusError(f"{typed} is not here yet: charrnn corpora fetch {typed}")
    names = {_NOVEL, *ENTRIES, *(path.stem for path in _folder().glob("*.txt"))}
    nearest = difflib.get_close_matches(typed.removesuffix(".txt"), names, n=1, cutoff=0.8)
    if nearest and Path(typed).name == typed:
        raise CorpusError(f"{typed}: no such file. Did you mean the text {nearest[0]}? All of them: charrnn corpora")
    return Path(text)


def known(name: str) -> KnownText:
    """What can be fetched by this name. Raises CorpusError if there is nothing."""
    if name in ENTRIES:
        return ENTRIES[name]
    if name == _NOVEL:
        raise CorpusError(f"{name}: comes with charrnn, and need not be fetched: charrnn train {name}")
    nearest = difflib.get_close_matches(name, ENTRIES, n=1)
    hint = f"Did you mean {nearest[0]}?" if nearest else "Give its web address, or a name of: charrnn corpora"
    raise CorpusError(f"{name}: no text is known by that name. {hint}")


def from_url(url: str, name: str | None = None) -> KnownText:
    """An entry for any text on the web, of which nothing is known. Raises UsageError for a name that cannot be."""
    if name is None:
        last = unquote(re.sub(r"[?#].*", "", url)).rstrip("/").rpartition("/")[2]
        stem = re.sub(r"\.(txt|text|utf-?8)(?=\.|$)", "", last.lower())
        name = re.sub(r"[^\w.]+", "-", stem).strip("-.")[:100]
    if not _NAME.fullmatch(name):
        allowed = "up to 100 letters, digits, '-', '_' and '.', the first a letter or digit"
        raise UsageError(f"{name or url}: cannot be a text's name. Choose one with --name: {allowed}.")
    if name in ENTRIES or name == _NOVEL:
        raise UsageError(f"{name}: is the name of another text. Choose one: --name NAME")
    return KnownText(name, title="", author="", language="", url=url, licence="")


def install(entry: KnownText, *, max_size: int = MAX_SIZE, progress: DownloadCallback | None = None) -> StoredText:
    """Fetch a text and keep it, in UTF-8 with LF and without Project Gutenberg's boilerplate; one of that name is
    replaced. Raises FetchError if it cannot be had, kept, or is not the text expected."""
    path = fetched_path(entry.name)
    download = files.cache_dir() / "downloads" / entry.name
    digest = fetch(entry.url, download, max_size=max_size, sha256=entry.sha256, progress=progress)
    try:
        data = download.read_bytes()
        download.unlink()
        text = _text_of(data, entry)
        data = text.encode()
        now = datetime.now(UTC).isoformat(timespec="seconds")
        notes = {
            "url": entry.url,
            "fetched": now,
            "downloaded_sha256": digest,
            "stored_sha256": hashlib.sha256(data).hexdigest(),
            "characters": len(text),
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".json").unlink(missing_ok=True)  # which never speaks of another text
        replace_file(path, data)
        replace_file(path.with_suffix(".json"), json.dumps(notes, indent=2).encode())
    except OSError as error:
        raise FetchError(f"{path}: cannot be written ({error.strerror}). Check the folder, or free space.") from None
    return StoredText(entry.name, path, len(data), len(text), now, entry.url)


def _text_of(data: bytes, entry: KnownText) -> str:
    """What is to be learnt of a download. Raises FetchError if it is not the text expected."""
    try:
        text = data.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise FetchError(
            f"{entry.url}: is not UTF-8: byte {error.start}. Download it by other means, and name the file and its "
            "encoding: charrnn train FILE --encoding NAME"
        ) from None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if re.match(r"\s*<(!doctype html|html)\b", text, re.IGNORECASE):
        raise FetchError(f"{entry.url}: is a web page. Fetch the address of the plain text that it may lead to.")
    if gutenberg.has_boilerplate(text):
        text = "".join(gutenberg.strip([text])).strip("\n") + "\n"
    size, (least, most) = len(text.encode()), entry.size
    if not least <= size <= most:
        what = f"{size:,} bytes of text are not between {least:,} and {most:,}"
        raise FetchError(f"{entry.url}: is not {entry.name}: {what}. {_INSTEAD}")
    folded = _folded(text)
    if missing := [phrase for phrase in entry.phrases if _folded(phrase) not in folded]:
        raise FetchError(f"{entry.url}: is not {entry.name}: {missing[0]!r} does not occur in it. {_INSTEAD}")
    return text


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).translate(_QUOTES).casefold().split())


def remove(name: str) -> Path:
    """Remove a fetched text and return where it was. Raises CorpusError if there is none of that name."""
    path = fetched_path(name)
    if name == _NOVEL:
        raise CorpusError(f"{name}: comes with charrnn, and stays.")
    if not _NAME.fullmatch(name) or not path.is_file():
        raise CorpusError(f"{name}: has not been fetched. What has been, shows: charrnn corpora")
    try:
        path.with_suffix(".json").unlink(missing_ok=True)
        path.unlink()
    except OSError as error:
        raise CorpusError(f"{path}: cannot be removed ({error.strerror}).") from None
    return path
