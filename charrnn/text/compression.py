"""Packed files, unpacked as they are read: gzip, bzip2 and xz, with every damage noticed."""

from __future__ import annotations

import bz2
import lzma
import re
import zlib
from collections.abc import Callable, Generator
from typing import NamedTuple


class _Gunzip:
    """zlib's decompressor for gzip, with the face of bz2's and lzma's."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(wbits=31)  # 31: gzip's header, and its checksum and length compared
        self.eof, self.needs_input, self.unused_data = False, True, b""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        piece = self._inflate.decompress(self._inflate.unconsumed_tail + data, max_length)
        self.eof, self.unused_data = self._inflate.eof, self._inflate.unused_data
        self.needs_input = len(piece) < max_length
        return piece


_Decoder = _Gunzip | bz2.BZ2Decompressor | lzma.LZMADecompressor


class Compression(NamedTuple):
    """A format of packed files."""

    name: str
    magic: re.Pattern[bytes]  # how its files begin
    decoder: Callable[[], _Decoder]


COMPRESSIONS = {
    ".gz": Compression("gzip", re.compile(rb"\x1f\x8b\x08"), _Gunzip),
    # The block's mark is looked for too: "BZh" alone could begin a text that comes through a pipe.
    ".bz2": Compression("bzip2", re.compile(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)"), bz2.BZ2Decompressor),
    ".xz": Compression("xz", re.compile(rb"\xfd7zXZ\x00"), lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ)),
}
MAGIC_SIZE = 10  # bytes, the longest magic
DAMAGE = (OSError, zlib.error, lzma.LZMAError)  # what the decoders raise


def unpack(
    stored: Generator[bytes, None, None], new_decoder: Callable[[], _Decoder], size: int
) -> Generator[bytes, None, None]:
    """Packed members, one after another, in pieces of at most `size`.

    The standard library's readers would take a damaged second member of a .bz2 or .xz for rubbish behind the first and
    drop it without a word; here only zeros may follow. Raises EOFError for data cut short, else one of DAMAGE."""
    data = next(stored, b"")
    while data:
        decoder = new_decoder()
        while not decoder.eof:
            if decoder.needs_input and not data and not (data := next(stored, b"")):
                raise EOFError
            piece = decoder.decompress(data, size)
            data = b""
            if piece:
                yield piece
        data = decoder.unused_data.lstrip(b"\0")
        while not data and (more := next(stored, b"")):
            data = more.lstrip(b"\0")
