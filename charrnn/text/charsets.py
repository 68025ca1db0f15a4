"""From a document's bytes to its characters, piece by piece, so that a text of any size passes through.

A piece is `bytes` where it is pure ASCII, whose bytes are its code points, and `str` elsewhere. Pieces end anywhere:
no step may depend on where.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from charrnn.config import ReadConfig
from charrnn.errors import CorpusError
from charrnn.shell import typed_path
from charrnn.text import detection, formats, gutenberg
from charrnn.text.normal_form import normal_form
from charrnn.text.sources import Source
from charrnn.text.vocabulary import to_code_points

Piece = str | bytes
Points = NDArray[np.uint8] | NDArray[np.uint32]

# Where a text may be cut without changing what normalising or lower-casing makes of either side, for a text read
# backwards: before a starter that composes with nothing before it, and that stops the search of the final sigma's rule
# for a cased neighbour (white space, digits, CJK punctuation, kana, ideographs, Hangul syllables; two plain letters).
_BREAK = re.compile(
    "[\t\n 0-9\u3001\u3002\u3041-\u3096\u30a1-\u30fa\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3]|[A-Za-z](?=[A-Za-z])"
)


@dataclass(slots=True)
class DecodingStatistics:
    """What decoding noticed of a document."""

    encoding: str = "utf-8"
    crlf: int = 0
    cr: int = 0  # alone
    remark: str = ""  # what a person should know of it

    def add_remark(self, remark: str) -> None:
        """Remark on the document, beside what was."""
        self.remark = f"{self.remark}; {remark}" if self.remark else remark


def decode(source: Source, config: ReadConfig, statistics: DecodingStatistics) -> Iterable[Piece]:
    """The characters of a document as `config` wants them.

    Args:
        source: The document.
        config: Its encoding, and how its characters are normalized.
        statistics: What is noticed on the way goes in here.

    Returns:
        Its pieces, one after another: str, or ASCII as it lies in the file.

    Raises:
        CorpusError: The encoding does not have these bytes. Names their offset and an encoding that would fit.
    """
    return normalize(_decode_bytes(source, config, statistics), config, statistics)


def normalize(pieces: Iterable[Piece], config: ReadConfig, statistics: DecodingStatistics) -> Iterable[Piece]:
    """What happens to characters once they are decoded, in this order: newlines, licence, case, normal form."""
    if not config.keep_newlines:
        pieces = normalize_newlines(pieces, statistics)
    if config.strip_gutenberg:
        pieces = gutenberg.strip(_as_text(pieces))
    if config.lowercase or config.normalize != "none":
        pieces = normalize_characters(_as_text(pieces), config)
    return pieces


def code_points_of(piece: Piece) -> Points:
    """A piece's code points: (n,) uint8 or uint32."""
    return np.frombuffer(piece, dtype=np.uint8) if isinstance(piece, bytes) else to_code_points(piece)


def to_utf8(piece: Piece) -> bytes:
    """A piece as UTF-8."""
    return piece if isinstance(piece, bytes) else piece.encode("utf-8", "surrogatepass")


def _as_text(pieces: Iterable[Piece]) -> Iterator[str]:
    """Pieces that are all strings."""
    return (piece.decode("ascii") if isinstance(piece, bytes) else piece for piece in pieces)


def _decode_bytes(source: Source, config: ReadConfig, statistics: DecodingStatistics) -> Iterator[Piece]:
    """A document's characters, without its byte order mark. Raises CorpusError."""
    _look_at_format(source, statistics)
    mark, marked = detection.byte_order_mark(source.read_range(0, 4))
    named = codecs.lookup(config.encoding).name if config.encoding != "auto" else ""
    if mark:  # it wins: no other encoding has text that begins with it
        statistics.encoding = marked
        if named not in ("", "utf-8", marked) and not named.startswith(marked[:6]):
            statistics.add_remark(f"read as {marked}, as the byte order mark says, and not as {config.encoding}")
    else:
        if named and not named.startswith("utf"):
            _remark_on_utf8(source, config, statistics)
        statistics.encoding = named or detection.detect(source, config.errors)
        if not named and not statistics.encoding.startswith("utf"):
            statistics.add_remark(f"read as {statistics.encoding}, not being UTF-8 (--encoding names another)")
    skip = len(mark)
    ascii_is_ascii = statistics.encoding == "utf-8"
    decoder = codecs.getincrementaldecoder(statistics.encoding)(config.errors)
    offset = 0  # of the next chunk
    for stored in source.chunks():
        skipped = min(skip, len(stored))
        chunk = stored[skipped:]
        skip, offset = skip - skipped, offset + skipped
        if ascii_is_ascii and chunk.isascii() and not decoder.getstate()[0]:
            yield chunk
        else:
            yield _decode_chunk(decoder, chunk, False, source, offset, statistics.encoding)
        offset += len(chunk)
    if rest := _decode_chunk(decoder, b"", True, source, offset, statistics.encoding):
        yield rest


def _remark_on_utf8(source: Source, config: ReadConfig, statistics: DecodingStatistics) -> None:
    """Remark on a document that is UTF-8 and is read in another encoding. Raises CorpusError."""
    survey = detection.survey_utf8(source)
    if survey.valid and not survey.bad:
        statistics.add_remark(f"UTF-8 by its bytes, but read as {config.encoding} (--encoding auto finds out)")


def _look_at_format(source: Source, statistics: DecodingStatistics) -> None:
    """Remark on markup. Raises CorpusError for a file that is no text."""
    head = source.read_range(0, formats.HEAD)
    tail = source.read_range(max(0, source.size - formats.TAIL), formats.TAIL) if head.startswith(b"PK") else b""
    kind = formats.recognise(head, tail)
    if kind is None:
        return
    if not kind.is_markup:
        advice = kind.advice.replace("{}", typed_path(Path(source.path or source.name)))
        raise CorpusError(f"{source.display_name}: is {kind.name}, no plain text.", advice)
    statistics.add_remark(f"{kind.name}: {kind.advice.replace('{}', 'FILE')}")


def _decode_chunk(
    decoder: codecs.IncrementalDecoder, chunk: bytes, final: bool, source: Source, offset: int, encoding: str
) -> str:
    """The characters of the chunk at `offset` that are complete. Raises CorpusError."""
    waiting = decoder.getstate()[0]  # bytes of a character that began in the chunk before
    try:
        return decoder.decode(chunk, final)
    except UnicodeError as error:
        at, reason = offset - len(waiting), str(error)
        if isinstance(error, UnicodeDecodeError):
            at, reason = at + error.start, error.reason
        raise detection.undecodable(source, encoding, at, reason) from None


def _with_lf(piece: Piece, statistics: DecodingStatistics) -> Piece:
    """A piece with LF in the place of CRLF and CR, which are counted."""
    if isinstance(piece, bytes):
        if b"\r" not in piece:
            return piece
        lines = piece.replace(b"\r\n", b"\n")
        statistics.crlf += len(piece) - len(lines)
        statistics.cr += lines.count(b"\r")
        return lines.replace(b"\r", b"\n")
    if "\r" not in piece:
        return piece
    text = piece.replace("\r\n", "\n")
    statistics.crlf += len(piece) - len(text)
    statistics.cr += text.count("\r")
    return text.replace("\r", "\n")


def normalize_newlines(pieces: Iterable[Piece], statistics: DecodingStatistics) -> Iterator[Piece]:
    """Newline normalization: CRLF and CR become LF, and are counted."""
    ends_in_cr = False
    for original in pieces:
        if not original:
            continue
        piece = original
        if ends_in_cr:
            piece = b"\r" + original if isinstance(original, bytes) else "\r" + original
        ends_in_cr = piece[-1] in (13, "\r")  # the next piece may begin with its LF
        yield _with_lf(piece[:-1] if ends_in_cr else piece, statistics)
    if ends_in_cr:
        statistics.cr += 1
        yield b"\n"


def normalize_characters(pieces: Iterable[str], config: ReadConfig) -> Iterator[str]:
    """Lower-casing and Unicode normalization, as of the whole text at once."""
    waiting = ""
    for piece in pieces:
        waiting += piece
        last_break = _BREAK.search(waiting[:-1000:-1]) or _BREAK.search(waiting[::-1])
        if last_break:
            cut = len(waiting) - last_break.start() - 1
            yield _normalize_whole(waiting[:cut], config)
            waiting = waiting[cut:]
    yield _normalize_whole(waiting, config)


def normalize_separator(separator: str, config: ReadConfig) -> str:
    """What separates documents, as it is in a text that was normalized."""
    return _normalize_whole(separator, config)


def _normalize_whole(text: str, config: ReadConfig) -> str:
    """Lower case and normal form of a text that no neighbour changes."""
    if config.lowercase:
        text = text.lower()
    match config.normalize:
        case "nfc":
            return normal_form("NFC", text)
        case "nfkc":
            return normal_form("NFKC", text)
        case _:
            return text
