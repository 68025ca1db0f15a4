"""Bytes to characters: what is decided must not depend on where a piece happens to end."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from charrnn.config import ReadConfig
from charrnn.errors import CorpusError, UsageError
from charrnn.text import charsets, sources
from charrnn.text.charsets import DecodingStatistics, Piece

SIGMA = "ΟΔΥΣΣΕΥΣ ΟΔΥΣΣΕΥΣ’ ΑΣ.Β ΑΣ Σ"
FRENCH = (
    "Longtemps, je me suis couché de bonne heure. Parfois, à peine ma bougie éteinte, mes yeux se fermaient si vite "
    "que je n'avais pas le temps de me dire: Je m'endors. Et, une demi-heure après, la pensée m'éveillait.\n"
)
RUSSIAN = "Пьер приехал в Москву и остановился у графа. Вечером он долго ходил по комнате и думал о том, что было.\n"


@dataclass(frozen=True)
class Cut:
    """A real source whose pieces end where the test says."""

    source: sources.Source
    size: int

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def display_name(self) -> str:
        return self.source.display_name

    def chunks(self) -> Iterator[bytes]:
        yield from self.source.chunks(self.size)

    def read_range(self, start: int, size: int) -> bytes:
        return self.source.read_range(start, size)


def source(data: bytes, size: int = 1 << 22) -> sources.Source:
    made = sources.gather(["-"], stdin=io.BytesIO(data))[0]
    return Cut(made, size)  # type: ignore[return-value]


def text_of(pieces: Iterator[Piece] | object) -> str:
    return "".join(piece.decode("ascii") if isinstance(piece, bytes) else piece for piece in pieces)  # type: ignore[attr-defined]


def read(data: bytes, size: int = 1 << 22, seen: DecodingStatistics | None = None, **config: object) -> str:
    return text_of(charsets.decode(source(data, size), ReadConfig(**config), seen or DecodingStatistics()))  # type: ignore[arg-type]


@given(st.text(), st.integers(1, 7))
@example("a\r\nb\rc\n\r", 1)
@example("né 🐍\r\n", 2)
def test_pieces_of_utf8_end_anywhere(text: str, size: int) -> None:
    seen = DecodingStatistics()
    wanted = text.removeprefix("\ufeff")
    assert read(text.encode(), size, seen, encoding="utf-8") == wanted.replace("\r\n", "\n").replace("\r", "\n")
    assert (seen.crlf, seen.cr) == (wanted.count("\r\n"), wanted.count("\r") - wanted.count("\r\n"))
    assert read(text.encode(), size, encoding="utf-8", keep_newlines=True) == wanted


@given(st.text(st.characters(categories=["L", "M", "N", "P", "Z", "Cc"])), st.integers(1, 5))
@example("e\u0301 q\u0323\u0307 q\u0307\u0323", 1)
@example("\u1100\u1161\u11a8 \uac00\u11a8 \u09c7\u09be", 3)
@example("ﬁ ｶﾞ ① \u1e9b\u0323", 2)
@example(SIGMA, 3)
@example("aΣ" + "\u0301" * 40 + "b", 2)
def test_pieces_are_mapped_as_the_whole_text_is(text: str, size: int) -> None:
    data = text.replace("\r", "").encode()
    plain = data.decode().removeprefix("\ufeff")
    utf8 = partial(read, data, size, encoding="utf-8")
    assert utf8(lowercase=True) == plain.lower()
    assert utf8(normalize="nfc") == unicodedata.normalize("NFC", plain)
    assert utf8(normalize="nfkc", lowercase=True) == unicodedata.normalize("NFKC", plain.lower())


def test_every_break_is_one() -> None:
    """Wherever a text may be cut, whatever stands on either side, the halves are mapped as the whole."""
    befores = ["e", "\u0301", "Σ", "AΣ", "\u1100", "\uac00", "か", "か\u3099", "'", "１", "\u0323"]
    breaks = [chr(point) for point in range(0x11000) if charsets._BREAK.search(chr(point))]
    assert len(breaks) > 30_000
    for mapping in (
        lambda text: text.lower(),
        lambda text: unicodedata.normalize("NFC", text),
        lambda text: unicodedata.normalize("NFKC", text),
    ):
        for before in befores:
            left = mapping(before)
            assert [c for c in breaks if mapping(before + c) != left + mapping(c)] == []


def test_text_without_any_break_is_whole() -> None:
    marks = "\u0301\u0323" * 5000
    assert read(("e" + marks).encode(), 64, normalize="nfc") == unicodedata.normalize("NFC", "e" + marks)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("size", [1, 3, 1 << 20])
@pytest.mark.parametrize("asked", ["utf-8", "auto"])
def test_byte_order_marks_are_honoured(encoding: str, size: int, asked: str) -> None:
    assert read("né 🐍\r\n".encode(encoding), size, encoding=asked) == "né 🐍\n"


@pytest.mark.parametrize(("encoding", "mark"), [("utf-16-be", b"\xfe\xff"), ("utf-32-be", b"\0\0\xfe\xff")])
def test_big_endian_marks(encoding: str, mark: bytes) -> None:
    assert read(mark + "né".encode(encoding)) == "né"
    assert read(mark + "né".encode(encoding), encoding=encoding) == "né"
    assert read("né".encode(encoding), encoding=encoding) == "né"


@pytest.mark.parametrize("asked", ["cp1252", "latin-1", "shift-jis", "utf-16-be"])
def test_a_mark_wins_over_a_named_encoding_and_is_told(asked: str) -> None:
    seen = DecodingStatistics()
    assert read("\ufeffété".encode(), 2, seen, encoding=asked) == "été"
    assert seen.remark == f"read as utf-8, as the byte order mark says, and not as {asked}"


def test_inner_marks_stay() -> None:
    assert read("a\ufeffb".encode()) == "a\ufeffb"


@pytest.mark.parametrize(("text", "encoding"), [(FRENCH, "cp1252"), (RUSSIAN, "koi8-r"), (RUSSIAN, "cp1251")])
def test_auto_guesses(text: str, encoding: str) -> None:
    seen = DecodingStatistics()
    assert read(text.encode(encoding) * 3, 100, seen, encoding="auto") == text * 3
    assert seen.encoding == encoding


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_auto_knows_utf16_without_its_mark(encoding: str) -> None:
    assert read(FRENCH.encode(encoding), encoding="auto") == FRENCH


def test_auto_takes_valid_utf8_for_what_it_is() -> None:
    seen = DecodingStatistics()
    assert read(FRENCH.encode(), 10, seen, encoding="auto") == FRENCH
    assert seen.encoding == "utf-8"


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_undecodable_bytes_are_named(tmp_path: Path, size: int) -> None:
    data = b"plain text, \r\n" * 40 + FRENCH.encode("cp1252")
    offset = data.index(b"\xe9")
    with pytest.raises(CorpusError) as caught:
        read(data, size, encoding="utf-8")
    message = str(caught.value)
    assert f"byte {offset} (e9 " in message
    assert f"line {data[:offset].count(10) + 1}" in message
    assert "--encoding cp1252" in message
    assert "standard input: is not UTF-8" in message
    assert "\n" not in message


def test_offsets_count_the_mark_and_characters_cut_in_two() -> None:
    for data, offset in ((b"\xef\xbb\xbfa\xff", 4), (b"a\xe2\x82", 1), (b"ab\xe2\x82c", 2)):
        for size in (1, 2, 100):
            with pytest.raises(CorpusError, match=rf"byte {offset} \("):
                read(data, size)


def test_errors_are_replaced_only_when_asked() -> None:
    data = b"caf\xe9 au lait \xff\xfe"
    for size in (1, 4, 100):
        assert read(data, size, errors="replace") == data.decode("utf-8", "replace")


def test_what_fits_nothing_says_so() -> None:
    data = bytes(range(256)) * 8
    with pytest.raises(CorpusError, match="--bytes"):
        read(data)
    with pytest.raises(CorpusError, match="--bytes"):
        read(data, encoding="auto")


def test_a_named_encoding_is_named_in_its_error() -> None:
    with pytest.raises(CorpusError, match=r"is not ascii: byte 3 \(c3 a9"):
        read("caf\u00e9".encode(), encoding="ascii")


@pytest.mark.parametrize("encoding", ["rot13", "hex", "no-such", "zlib", "undefined", ""])
def test_what_is_no_text_encoding_is_refused(encoding: str) -> None:
    with pytest.raises(UsageError, match="--encoding"):
        ReadConfig(encoding=encoding)


@pytest.mark.parametrize("encoding", ["shift-jis", "gb18030", "big5", "euc-kr", "iso-2022-jp", "utf-7", "cp037"])
def test_encodings_of_many_bytes_end_anywhere(encoding: str) -> None:
    text = {"euc-kr": "가나다 abc\n", "utf-7": "né + – a\n", "cp037": "plain, text\n"}.get(encoding, "中文字 abc\n") * 5
    for size in (1, 2, 3, 1000):
        assert read(text.encode(encoding), size, encoding=encoding) == text


def test_gutenberg_licence_is_left_out_across_pieces() -> None:
    marks = [f"*** {mark} OF THE PROJECT GUTENBERG EBOOK X ***" for mark in ("START", "END")]
    text = f"Licence\n{marks[0]}\n\nThe book.\n{marks[1]}\nMore"
    for size in (1, 10, 1000):
        assert read(text.encode(), size, strip_gutenberg=True).strip() == "The book."
        assert read(text.encode(), size) == text
