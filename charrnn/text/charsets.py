"""From a document's bytes to its characters, piece by piece, so that a text of any size passes through.

A piece is `bytes` where it is pure ASCII, whose bytes are its code points, and `str` elsewhere. Pieces end anywhere:
no step may depend on where, and tests/test_decoding.py holds every one of them to that.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from charrnn.config import ReadConfig
from charrnn.errors import CorpusError
from charrnn.text import gutenberg
from charrnn.text.sources import Source
from charrnn.text.vocabulary import to_code_points

Piece = str | bytes
Points = NDArray[np.uint8] | NDArray[np.uint32]

_BOMS = (  # UTF-32 before UTF-16, whose mark is how its own begins
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\0\0", "utf-32-le"),
    (b"\0\0\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
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


def decode(source: Source, config: ReadConfig, seen: DecodingStatistics) -> Iterable[Piece]:
    """The characters of a document as `config` wants them; what is noticed on the way goes into `seen`.

    Raises CorpusError for bytes that the encoding does not have, naming their offset and an encoding that would fit.
    """
    return prepare(_decoded(source, config, seen), config, seen)


def prepare(pieces: Iterable[Piece], config: ReadConfig, seen: DecodingStatistics) -> Iterable[Piece]:
    """What happens to characters once they are decoded, in this order: newlines, licence, case, normal form."""
    if not config.keep_newlines:
        pieces = folded(pieces, seen)
    if config.strip_gutenberg:
        pieces = gutenberg.strip(_as_text(pieces))
    if config.lowercase or config.normalize != "none":
        pieces = mapped(_as_text(pieces), config)
    return pieces


def to_points(piece: Piece) -> Points:
    """A piece's code points, (n,)."""
    return np.frombuffer(piece, dtype=np.uint8) if isinstance(piece, bytes) else to_code_points(piece)


def to_utf8(piece: Piece) -> bytes:
    """A piece as UTF-8."""
    return piece if isinstance(piece, bytes) else piece.encode("utf-8", "surrogatepass")


def _as_text(pieces: Iterable[Piece]) -> Iterator[str]:
    return (piece.decode("ascii") if isinstance(piece, bytes) else piece for piece in pieces)


def _decoded(source: Source, config: ReadConfig, seen: DecodingStatistics) -> Iterator[Piece]:
    head = source.read_range(0, 4)
    mark, encoding = next((bom for bom in _BOMS if head.startswith(bom[0])), (b"", ""))
    wanted = config.encoding if config.encoding == "auto" else codecs.lookup(config.encoding).name
    if mark and wanted in ("auto", "utf-8", encoding):
        skip, seen.encoding = len(mark), encoding
    else:
        skip, seen.encoding = 0, _detect(source) if wanted == "auto" else wanted
    ascii_is_ascii = seen.encoding == "utf-8"
    decoder = codecs.getincrementaldecoder(seen.encoding)(config.errors)
    offset = 0  # of the next chunk
    for chunk in source.chunks():
        if skip:
            chunk, skipped = chunk[skip:], min(skip, len(chunk))
            skip, offset = skip - skipped, offset + skipped
        if ascii_is_ascii and chunk.isascii() and not decoder.getstate()[0]:
            yield chunk
        else:
            yield _decode_chunk(decoder, chunk, False, source, offset, config)
        offset += len(chunk)
    if rest := _decode_chunk(decoder, b"", True, source, offset, config):
        yield rest


def _decode_chunk(
    decoder: codecs.IncrementalDecoder, chunk: bytes, final: bool, source: Source, offset: int, config: ReadConfig
) -> str:
    waiting = decoder.getstate()[0]  # bytes of a character that began in the chunk before
    try:
        return decoder.decode(chunk, final)
    except UnicodeError as error:
        at, reason = offset - len(waiting), str(error)
        if isinstance(error, UnicodeDecodeError):
            at, reason = at + error.start, error.reason
        raise CorpusError(_undecodable(source, at, config, reason)) from None


def _undecodable(source: Source, offset: int, config: ReadConfig, reason: str) -> str:
    where, shown = source.path or source.name, source.read_range(offset, 4).hex(" ")
    encoding = "UTF-8" if config.encoding in ("utf-8", "auto") else config.encoding
    said = f"{where}: is not {encoding}: byte {offset} ({shown}), {reason}."
    fits = guess(source, offset)
    if fits is None or fits == codecs.lookup(encoding).name:
        return f"{said} It may be no text; --errors replace reads it all the same, --bytes models its bytes."
    return f"{said} It looks like {fits}: use --encoding {fits} (or --errors replace, if it is only damaged)."


def _detect(source: Source) -> str:
    """UTF-8 if all of it is; else what fits best. Raises CorpusError if nothing does."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    offset = 0
    try:
        for chunk in source.chunks():
            waiting = len(decoder.getstate()[0])
            if offset == 0 and (wide := _wide(chunk[:4096])):
                return wide
            decoder.decode(chunk)
            offset += len(chunk)
        waiting = len(decoder.getstate()[0])
        decoder.decode(b"", True)
        return "utf-8"
    except UnicodeDecodeError as error:
        at = offset - waiting + error.start
    fits = guess(source, at)
    if fits is None:
        raise CorpusError(
            f"{source.path or source.name}: is in no encoding known: byte {at} "
            f"({source.read_range(at, 4).hex(' ')}) is not UTF-8. Name it with --encoding, or model its --bytes."
        )
    return fits


def _wide(head: bytes) -> str | None:
    """UTF-16 without its mark: every other byte of what people write is often zero."""
    even, odd = head[::2].count(0), head[1::2].count(0)
    if max(even, odd) * 5 < len(head) or min(even, odd) * 10 > max(even, odd):
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def guess(source: Source, offset: int) -> str | None:
    """The likeliest encoding of bytes that are not UTF-8 at `offset`, or None for something that is not text."""
    from charset_normalizer import from_bytes

    data = source.read_range(max(0, offset - 256) & ~3, 65536)  # ASCII before it tells little; in step with UTF-32
    if wide := _wide(data[:4096]):
        return wide
    matches = from_bytes(data)
    best = matches.best()
    if best is None or best.encoding in ("ascii", "utf_8"):
        return None
    western = next((match for match in matches if "cp1252" in match.could_be_from_charset), None)
    if western and western.coherence >= best.coherence and western.chaos <= best.chaos + 0.05:
        return "cp1252"  # by far the commonest; a tie would go to the first of the alphabet
    text = str(best)
    controls = sum(ord(c) < 32 and c not in "\t\n\r\f\v" for c in text)
    return None if controls > len(text) // 100 else codecs.lookup(best.encoding).name


def folded(pieces: Iterable[Piece], seen: DecodingStatistics) -> Iterator[Piece]:
    """CRLF and CR as LF, counted."""
    ends_in_cr = False
    for piece in pieces:
        if not piece:
            continue
        if ends_in_cr:
            piece = b"\r" + piece if isinstance(piece, bytes) else "\r" + piece
        ends_in_cr = piece[-1] in (13, "\r")
        if ends_in_cr:  # the next piece may begin with its LF
            piece = piece[:-1]
        if isinstance(piece, bytes):
            if b"\r" in piece:
                unix = piece.replace(b"\r\n", b"\n")
                seen.crlf, seen.cr = seen.crlf + len(piece) - len(unix), seen.cr + unix.count(b"\r")
                piece = unix.replace(b"\r", b"\n")
        elif "\r" in piece:
            lines = piece.replace("\r\n", "\n")
            seen.crlf, seen.cr = seen.crlf + len(piece) - len(lines), seen.cr + lines.count("\r")
            piece = lines.replace("\r", "\n")
        yield piece
    if ends_in_cr:
        seen.cr += 1
        yield b"\n"


def mapped(pieces: Iterable[str], config: ReadConfig) -> Iterator[str]:
    """Lower case and Unicode normal form, as of the whole text at once."""
    waiting = ""
    for piece in pieces:
        waiting += piece
        near = _BREAK.search(waiting[:-1000:-1]) or _BREAK.search(waiting[::-1])
        if near:
            cut = len(waiting) - near.start() - 1
            yield _map(waiting[:cut], config)
            waiting = waiting[cut:]
    yield _map(waiting, config)


def _map(text: str, config: ReadConfig) -> str:
    if config.lowercase:
        text = text.lower()
    match config.normalize:
        case "nfc":
            return unicodedata.normalize("NFC", text)
        case "nfkc":
            return unicodedata.normalize("NFKC", text)
        case _:
            return text
