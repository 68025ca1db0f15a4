"""Text of bytes that come one after another: from the beginning of a text, or from its end."""

from __future__ import annotations

import codecs
from collections.abc import Callable

from charrnn.text.code_points import text_of_bytes

Decoder = Callable[[bytes, bool], str]  # some bytes, and whether they are the last that come

_MOST_FOLLOWING = 3  # bytes of a character after its first, in UTF-8


def byte_decoder(*, backward: bool) -> Decoder:
    """What makes text of bytes, "" until a character is whole; in all what `text_of_bytes` gives of the whole."""
    if backward:
        return decoder_from_the_end()
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    return decoder.decode


def decoder_from_the_end() -> Decoder:
    """The same for bytes of which each stands before those that came: a character is whole with its first byte.

    >>> decode = decoder_from_the_end()
    >>> [decode(bytes([byte]), False) for byte in reversed("né".encode())]
    ['', 'é', 'n']
    """
    held = b""  # each follows in a character whose first byte is still to come, if it does

    def decode(data: bytes, last: bool) -> str:
        nonlocal held
        waiting = data + held
        begins = last or not 0x80 <= waiting[0] < 0xC0
        kept = 0 if begins else _MOST_FOLLOWING  # of more, the last are of no character
        held = waiting[:kept]
        return text_of_bytes(waiting[kept:])

    return decode
