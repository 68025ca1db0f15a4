"""From a document's bytes to its characters, piece by piece, so that a text of any size passes through.

A piece is `bytes` where it is pure ASCII, whose bytes are its code points, and `str` elsewhere. Pieces end anywhere:
no step may depend on where.
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
    head = source.read_range(0, 4)
    mark, encoding = next((bom for bom in _BOMS if head.startswith(bom[0])), (b"", ""))
    wanted = config.encoding if config.encoding == "auto" else codecs.lookup(config.encoding).name
    if mark and wanted in ("auto", "utf-8", encoding):
        skip, statistics.encoding = len(mark), encoding
    else:
        skip, statistics.encoding = 0, _detect_encoding(source) if wanted == "auto" else wanted
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
            yield _decode_chunk(decoder, chunk, False, source, offset, config)
        offset += len(chunk)
    if rest := _decode_chunk(decoder, b"", True, source, offset, config):
        yield rest


def _decode_chunk(
    decoder: codecs.IncrementalDecoder, chunk: bytes, final: bool, source: Source, offset: int, config: ReadConfig
) -> str:
    """The characters of the chunk at `offset` that are complete. Raises CorpusError."""
    waiting = decoder.getstate()[0]  # bytes of a character that began in the chunk before
    try:
        return decoder.decode(chunk, final)
    except UnicodeError as error:
        at, reason = offset - len(waiting), str(error)
        if isinstance(error, UnicodeDecodeError):
            at, reason = at + error.start, error.reason
        raise _undecodable(source, at, config, reason) from None


def _undecodable(source: Source, offset: int, config: ReadConfig, reason: str) -> CorpusError:
    """The error to raise for bytes that the encoding does not have, with an encoding that would fit."""
    encoding = "UTF-8" if config.encoding in ("utf-8", "auto") else config.encoding
    shown = source.read_range(offset, 4).hex(" ")
    what = f"{source.display_name}: is not {encoding}: byte {offset} ({shown}), {reason}."
    guess = guess_encoding(source, offset)
    if guess is None or guess == codecs.lookup(encoding).name:
        advice = "It may be no text; --errors replace reads it all the same, --bytes models its bytes."
    else:
        advice = f"It looks like {guess}: use --encoding {guess} (or --errors replace, if it is only damaged)."
    return CorpusError(what, advice)


def _detect_encoding(source: Source) -> str:
    """UTF-8 if all of it is; else what fits best. Raises CorpusError if nothing does."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    offset = 0
    try:
        for chunk in source.chunks():
            waiting = len(decoder.getstate()[0])
            if offset == 0 and (wide := _guess_utf16(chunk[:4096])):
                return wide
            decoder.decode(chunk)
            offset += len(chunk)
        waiting = len(decoder.getstate()[0])
        decoder.decode(b"", True)
        return "utf-8"
    except UnicodeDecodeError as error:
        at = offset - waiting + error.start
    guess = guess_encoding(source, at)
    if guess is None:
        shown = source.read_range(at, 4).hex(" ")
        what = f"{source.display_name}: is in no encoding known: byte {at} ({shown}) is not UTF-8."
        raise CorpusError(what, "Name it with --encoding, or model its --bytes.")
    return guess


def _guess_utf16(head: bytes) -> str | None:
    """UTF-16 without its mark: every other byte of what people write is often zero."""
    even, odd = head[::2].count(0), head[1::2].count(0)
    if max(even, odd) * 5 < len(head) or min(even, odd) * 10 > max(even, odd):
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def guess_encoding(source: Source, offset: int) -> str | None:
    """The likeliest encoding of bytes that are not UTF-8 at `offset`, or None for something that is not text."""
    from charset_normalizer import from_bytes

    data = source.read_range(max(0, offset - 256) & ~3, 65536)  # ASCII before it tells little; in step with UTF-32
    if wide := _guess_utf16(data[:4096]):
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


def _normalize_whole(text: str, config: ReadConfig) -> str:
    """Lower case and normal form of a text that no neighbour changes."""
    if config.lowercase:
        text = text.lower()
    match config.normalize:
        case "nfc":
            return unicodedata.normalize("NFC", text)
        case "nfkc":
            return unicodedata.normalize("NFKC", text)
        case _:
            return text
