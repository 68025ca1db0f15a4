"""Reading a text: its characters, its digest, and what is wrong with it."""

from __future__ import annotations

import hashlib
import shlex
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import CorpusError
from charrnn.vocabulary import Vocabulary, to_code_points, to_text

BUNDLED = "the-tidewater-bank.txt"
# What iconv calls the encodings that Python names otherwise.
_ICONV = {
    "latin_1": "iso-8859-1",
    "mac_roman": "macintosh",
    "mac_iceland": "macintosh",
    "euc_jis_2004": "euc-jp",
    "shift_jis_2004": "cp932",
}


@dataclass(frozen=True, eq=False, slots=True)
class Corpus:
    """A text as read: byte order mark dropped, CRLF and CR folded to LF."""

    name: str
    path: Path | None
    code_points: NDArray[np.uint32]  # (n,)
    digest: str  # SHA-256 of the characters as UTF-8, hexadecimal

    def __len__(self) -> int:
        return len(self.code_points)

    @property
    def text(self) -> str:
        return to_text(self.code_points)

    def describe(self) -> dict[str, Any]:
        """What a checkpoint remembers of it."""
        return {"name": self.name, "digest": self.digest, "characters": len(self)}

    def held_out_from(self, val_frac: float) -> int:
        """Where the held-out tail begins: the first floor((1 - val_frac) n) characters are for training."""
        return int(len(self) * (1 - val_frac))


def bundled() -> Path:
    """The novel that comes with charrnn, in an installed wheel or a checkout. Raises CorpusError if it is missing."""
    package = Path(str(resources.files("charrnn")))
    for folder in (package / "_corpora", package.parent / "corpora"):
        if (folder / BUNDLED).is_file():
            return folder / BUNDLED
    raise CorpusError(f"the bundled text {BUNDLED} is missing; install charrnn anew, or name a text of your own.")


def from_text(text: str, name: str = "text") -> Corpus:
    """A corpus from characters already in memory. Raises CorpusError if there are none."""
    data = text.encode("utf-8", "surrogatepass")
    return _corpus(data, name, None)


def read(path: Path) -> Corpus:
    """Read a UTF-8 file.

    Raises CorpusError for a file that is missing, unreadable, no regular file, empty, binary, or not UTF-8 (with the
    byte offset and the encoding that would fit)."""
    try:
        if path.is_dir():
            raise CorpusError(f"{path}: is a directory. Name a text file.")
        if path.exists() and not path.is_file():
            raise CorpusError(f"{path}: is not a regular file. Name a text file.")
        data = path.read_bytes()
    except OSError as error:
        raise CorpusError(f"{path}: cannot be read ({error.strerror}). Check the path and its permissions.") from None
    return _corpus(data, path.name, path.resolve())


def _corpus(data: bytes, name: str, path: Path | None) -> Corpus:
    where = path or name
    if not data:
        raise CorpusError(f"{where}: is empty. Name a text to learn from.")
    data = data.removeprefix(b"\xef\xbb\xbf")
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    try:
        text = data.decode("utf-8", "surrogatepass" if path is None else "strict")
    except UnicodeDecodeError:
        raise CorpusError(_not_utf8(path or Path(name))) from None
    if "\0" in text:
        data = path.read_bytes() if path else data  # offsets are of the file as it lies on disk
        raise CorpusError(f"{where}: has a NUL byte at offset {data.find(0)}; it looks binary. Name a text file.")
    if not text:
        raise CorpusError(f"{where}: holds only a byte order mark. Name a text to learn from.")
    return Corpus(name, path, to_code_points(text), hashlib.sha256(data).hexdigest())


def _not_utf8(path: Path) -> str:
    """What to say of a file that is not UTF-8; offsets are of the file as it lies on disk."""
    data = path.read_bytes()
    try:
        data.decode("utf-8")
        return f"{path}: changed while it was read. Try again."
    except UnicodeDecodeError as error:
        offset = error.start
    encoding = _guess_encoding(data, offset)
    shown = data[offset : offset + 4].hex(" ")
    if encoding is None:
        return f"{path}: is not text: byte {offset} ({shown}) is not UTF-8, nor any encoding known. Name a text file."
    return (
        f"{path}: is not UTF-8: byte {offset} ({shown}). It looks like {encoding}; convert it: "
        f"iconv -f {encoding} -t utf-8 {shlex.quote(path.name)} > {shlex.quote('utf8-' + path.name)}"
    )


def _guess_encoding(data: bytes, offset: int) -> str | None:
    """The likeliest encoding of bytes that are not UTF-8 at `offset`, or None for something that is not text."""
    from charset_normalizer import from_bytes

    start = max(0, offset - 256) & ~3  # ASCII before it tells little; even, so that UTF-16 stays in step
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    matches = from_bytes(data[start : start + 65536])
    best = matches.best()
    if best is None or best.encoding == "ascii":
        return None
    western = next((match for match in matches if "cp1252" in match.could_be_from_charset), None)
    if western and western.coherence >= best.coherence and western.chaos <= best.chaos + 0.05:
        return "cp1252"  # by far the commonest; a tie would go to the first of the alphabet
    text = str(best)
    controls = sum(ord(c) < 32 and c not in "\t\n\r\f\v" for c in text)
    return None if controls > len(text) // 100 else _ICONV.get(best.encoding, best.encoding.replace("_", "-"))


def vocabulary_of(corpus: Corpus) -> Vocabulary:
    """The vocabulary of the whole text, its held-out tail too. Raises CorpusError for fewer than two characters."""
    return Vocabulary.of(corpus.code_points)
