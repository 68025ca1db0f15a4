"""Compressed files, decompressed as they are read: gzip, bzip2 and xz, with every damage noticed."""

from __future__ import annotations

import bz2
import lzma
import re
import zlib
from collections.abc import Callable, Generator
from dataclasses import dataclass, field


class _GzipDecompressor:
    """zlib's decompressor for gzip, with the face of bz2's and lzma's."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(wbits=31)  # 31: gzip's header, and its checksum and length compared
        self.eof, self.needs_input, self.unused_data = False, True, b""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """At most `max_length` bytes of the text."""
        piece = self._inflate.decompress(self._inflate.unconsumed_tail + data, max_length)
        self.eof, self.unused_data = self._inflate.eof, self._inflate.unused_data
        self.needs_input = len(piece) < max_length
        return piece


_Decompressor = _GzipDecompressor | bz2.BZ2Decompressor | lzma.LZMADecompressor

DAMAGE_ERRORS = (OSError, zlib.error, lzma.LZMAError)  # what the decompressors raise
MAGIC_SIZE = 10  # bytes, the longest magic


@dataclass(frozen=True, slots=True)
class Compression:
    """A format of compressed files."""

    name: str
    magic: re.Pattern[bytes]  # how its files begin
    _new_decompressor: Callable[[], _Decompressor] = field(repr=False)

    def decompress(self, stored: Generator[bytes, None, None], size: int) -> Generator[bytes, None, None]:
        """Decompress members that lie one after another.

        The standard library's readers would take a damaged second member of a .bz2 or .xz for rubbish behind the first
        and drop it without a word; here only zeros may follow.

        Args:
            stored: The compressed bytes, in pieces of any size.
            size: Bytes, the most that one piece of the result may have.

        Yields:
            The decompressed bytes in pieces, none of them empty.

        Raises:
            EOFError: The data is cut short.
            DAMAGE_ERRORS: It is damaged; one of these.
        """
        data = next(stored, b"")
        while data:
            decompressor = self._new_decompressor()
            while not decompressor.eof:
                if decompressor.needs_input and not data and not (data := next(stored, b"")):
                    raise EOFError
                piece = decompressor.decompress(data, size)
                data = b""
                if piece:
                    yield piece
            data = decompressor.unused_data.lstrip(b"\0")
            while not data and (chunk := next(stored, b"")):
                data = chunk.lstrip(b"\0")


BY_SUFFIX = {
    ".gz": Compression("gzip", re.compile(rb"\x1f\x8b\x08"), _GzipDecompressor),
    # The block's mark is looked for too: "BZh" alone could begin a text that comes through a pipe.
    ".bz2": Compression("bzip2", re.compile(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)"), bz2.BZ2Decompressor),
    ".xz": Compression("xz", re.compile(rb"\xfd7zXZ\x00"), lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ)),
}


def of_head(head: bytes) -> Compression | None:
    """The compression of data that begins with `head`, (up to MAGIC_SIZE,) bytes; None if it is not compressed."""
    return next((compression for compression in BY_SUFFIX.values() if compression.magic.match(head)), None)
