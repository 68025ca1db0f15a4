"""UTF-8 by its form, damaged, cut short or mixed; other encodings by a guess, wherever a probe of them is cut."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.texts import write

from charrnn.config import ReadConfig
from charrnn.errors import CorpusError
from charrnn.text import corpus, detection, sources

PROSE = "The café’s naïve “mill” loses to the façade, señor.\n"
FRENCH = "Longtemps, je me suis couché de bonne heure, à l’été où ça va.\n"


def refused(path: Path | list[Path], **config: str) -> str:
    with pytest.raises(CorpusError) as caught:
        corpus.read(path, ReadConfig(**config))  # type: ignore[arg-type]
    return str(caught.value)


@pytest.mark.parametrize("bad", [b"\x9d", b"\xe9", b"\xff\xfe", b"\xc3", b"\xe2\x80"])
@pytest.mark.parametrize("encoding", ["auto", "utf-8"])
def test_damage_is_told_from_another_encoding(tmp_path: Path, bad: bytes, encoding: str) -> None:
    before = PROSE * 30 + "a "
    path = write(tmp_path / "a.txt", before.encode() + bad + (" b\n" + PROSE * 30).encode())
    message = refused(path, encoding=encoding)
    assert "is UTF-8, but damaged" in message
    assert f"byte {len(before.encode())} ({bad.hex(' ')}" in message
    assert "line 31" in message
    assert "--errors replace" in message
    assert "--encoding" not in message
    read = corpus.read(path, ReadConfig(encoding=encoding, errors="replace"))
    assert read.text.startswith(before + "\ufffd")
    assert read.text.endswith(" b\n" + PROSE * 30)


def test_the_case_that_was_garbled() -> None:
    path = Path(__file__).parents[3] / "shared" / "cases" / "one-bad-byte.txt"
    if not path.exists():
        pytest.skip(f"no {path}")
    assert "damaged: byte 14903 (9d 20 62 79), line 135" in refused(path)


@pytest.mark.parametrize("cut", [1, 2])
@pytest.mark.parametrize("encoding", ["auto", "utf-8"])
def test_a_text_that_ends_within_a_character(tmp_path: Path, cut: int, encoding: str) -> None:
    path = write(tmp_path / "a.txt", (PROSE * 3 + "…").encode()[:-cut])
    message = refused(path, encoding=encoding)
    assert f"ends in the middle of a character of UTF-8: byte {len((PROSE * 3).encode())}" in message
    assert "cut short" in message
    assert corpus.read(path, ReadConfig(errors="replace")).text == PROSE * 3 + "\ufffd"


def test_a_text_that_ends_within_a_character_of_another_encoding(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "春眠不觉晓".encode("gb18030")[:-1])
    assert "ends in the middle of a character of gb18030: byte 8" in refused(path, encoding="gb18030")


def test_a_file_joined_of_two_encodings_is_not_garbled(tmp_path: Path) -> None:
    for first, second in (("cp1252", "utf-8"), ("utf-8", "cp1252")):
        path = write(tmp_path / "a.txt", (FRENCH * 50).encode(first) + (FRENCH * 50).encode(second))
        assert "UTF-8 in parts" in refused(path)


@pytest.mark.parametrize("times", [1, 300, 4000])
@pytest.mark.parametrize("text", ["春眠不觉晓，处处闻啼鸟。\n", "春眠不觉晓处处闻啼鸟"])
@pytest.mark.parametrize("before", ["", "a", "Nothing but ASCII.\n" * 5000])
def test_a_probe_ends_with_a_character(tmp_path: Path, text: str, times: int, before: str) -> None:
    whole = before + text * times
    read = corpus.read(write(tmp_path / "a.txt", whole.encode("gb18030")))
    assert read.text == whole
    assert read.notes == ("read as gb18030, not being UTF-8 (--encoding names another): a.txt",)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "iso2022_jp"])
def test_other_forms_are_known(tmp_path: Path, encoding: str) -> None:
    text = "すべての人間は、abc\n" * 40 if encoding == "iso2022_jp" else PROSE * 40
    assert corpus.read(write(tmp_path / "a.txt", text.encode(encoding))).text == text


@pytest.mark.parametrize("encoding", ["shift-jis", "euc-jp"])
def test_bytes_of_other_encodings_that_happen_to_be_utf8(tmp_path: Path, encoding: str) -> None:
    text = "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。\n" * 300
    path = write(tmp_path / "a.txt", text.encode(encoding))
    assert corpus.read(path).text == text
    assert detection.survey_utf8(sources.gather([path])[0]).valid > 100


def test_all_that_cannot_be_decoded_are_named_at_once(tmp_path: Path) -> None:
    utf8, windows = write(tmp_path / "u.txt", FRENCH.encode()), write(tmp_path / "w.txt", FRENCH.encode("cp1252"))
    chinese = write(tmp_path / "z.txt", "春眠不觉晓，处处闻啼鸟。\n".encode("gb18030"))
    message = refused([utf8, windows, chinese], encoding="utf-8")
    assert "2 texts cannot be used" in message
    assert "w.txt" in message
    assert "z.txt" in message
    assert message.endswith("--encoding auto finds out for each.")
    assert (
        corpus.read([utf8, windows, chinese], ReadConfig(separator="")).text
        == FRENCH * 2 + "春眠不觉晓，处处闻啼鸟。\n"
    )


def test_utf8_that_is_read_in_a_named_encoding_is_told(tmp_path: Path) -> None:
    read = corpus.read(write(tmp_path / "a.txt", "été\n".encode() * 40), ReadConfig(encoding="cp1252"))
    assert read.notes == ("UTF-8 by its bytes, but read as cp1252 (--encoding auto finds out): a.txt",)
    assert "It is UTF-8: leave --encoding out." in refused(write(tmp_path / "b.txt", PROSE.encode()), encoding="cp1252")


def test_a_guess_that_is_not_safe_is_refused_with_what_it_may_be(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", b"T\xc5\xdfk\xba\xbee \xb3apa \xf1\xfe \xe5\xd0u\n" * 20)
    message = refused(path)
    assert "is not UTF-8: byte 1 (c5 df 6b ba), line 1" in message
    assert "name it with --encoding" in message


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_a_survey_does_not_depend_on_pieces(size: int) -> None:
    data = (PROSE * 3).encode() + b"\xe9 \x80\x80 " + (PROSE * 2).encode()

    class Pieces:
        def chunks(self) -> list[bytes]:
            return [data[at : at + size] for at in range(0, len(data), size)]

    continuing = sum(byte & 0xC0 == 0x80 for byte in (PROSE * 5).encode())
    found = detection.survey_utf8(Pieces())  # type: ignore[arg-type]
    assert (found.bad, found.first_bad, found.unfinished) == (3, len((PROSE * 3).encode()), False)
    assert found.valid == continuing


def test_standard_input_is_detected_too() -> None:
    import io

    (source,) = sources.gather(["-"], stdin=io.BytesIO(FRENCH.encode("cp1252")))
    assert detection.detect(source) == "cp1252"


BEYOND_LATIN = {
    "russian": "Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива по-своему.\n",
    "hindi": "राम ने कहा कि वह कल घर जाएगा।\n",
    "persian": "می‌خواهم به خانه بروم و کتاب‌ها را بخوانم\n",
    "thai": "ฉันรักแมวมากที่สุดในโลก\n",
    "chinese": "春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。一二三\n",
    "japanese": "吾輩は猫である。名前はまだ無い。\n",
    "korean": "나는 학교에 갔다. 그는 밥을 먹었다.\n",
}


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("language", BEYOND_LATIN)
def test_utf16_without_a_mark_in_every_script(tmp_path: Path, language: str, encoding: str) -> None:
    text = BEYOND_LATIN[language] * 90
    read = corpus.read(write(tmp_path / "a.txt", text.encode(encoding)))
    assert (read.documents[0].encoding, read.text) == (encoding, text)


@pytest.mark.parametrize("slip", ["\0", " \0 ", "\n\0\n"])
def test_text_with_a_nul_in_it_is_no_utf16(slip: str) -> None:
    for text in ("It was a dark and stormy night; " * 20, "10 203 3030\n0000 " * 30, *BEYOND_LATIN.values()):
        data = f"{text}{slip}{text}".encode()
        assert detection.guess_wide(data) is None
        assert detection.guess_wide(b"x" + data) is None


@pytest.mark.parametrize("data", [b"\0\1\2\3" * 20, bytes(range(256)) * 4, b"\0\0\1\0" * 100, b"\0\x80" * 200])
def test_numbers_are_no_utf16(tmp_path: Path, data: bytes) -> None:
    assert detection.guess_wide(data) is None
    (tmp_path / "b.txt").write_text("some text\n" * 200)
    write(tmp_path / "a.txt", data)
    with pytest.raises(CorpusError, match=r"a\.txt: is ") as raised:
        corpus.read(tmp_path)
    if "NUL" in raised.value.what:
        assert "iconv" not in sources.without_reading_options(raised.value).advice


def test_parts_of_a_file_are_not_converted_as_a_whole(tmp_path: Path) -> None:
    data = ("forêt été " * 300).encode() + ("forêt été " * 300).encode("cp1252")
    with pytest.raises(CorpusError, match="UTF-8 in parts") as raised:
        corpus.read(write(tmp_path / "a.txt", data))
    assert "iconv" not in sources.without_reading_options(raised.value).advice
