"""What is said of a text's characters."""

from __future__ import annotations

import re
import unicodedata
from functools import partial
from pathlib import Path

import pytest
from helpers.checks import BOOK, findings, write

from charrnn.config import ReadConfig
from charrnn.text import corpus
from charrnn.text_check import documents


@pytest.mark.parametrize(
    ("inserted", "kind", "count", "message"),
    [
        (" cafÃ© Ã  la carte, â€œdÃ©jÃ  vuâ€\x9d", "mojibake", 3, "garbled words: 'cafÃ©' for 'café'"),
        ("the caf\ufffd was", "replacement", 1, "1 lost character: '\ufffd' (U+FFFD) (first: "),
        ("it\x92s \x93so\x94", "c1-controls", 3, "3 control characters: control (U+0092) 1, control (U+0093) 1"),
        ("\x1b[31mred\x1b[0m", "escapes", 2, r"2 escape characters: control (U+001B) (first: "),
        ("a\0b\x7fc\0\x08d\x1a", "controls", 5, "5 control characters: control (U+0000) 2,"),
        ("one\ufefftwo", "byte-order-marks", 1, r"1 byte order mark: ZERO WIDTH NO-BREAK SPACE (U+FEFF) (first: "),
        ("\ud83d!", "surrogates", 1, "1 lone surrogate: U+D83D"),
        ("\ue000\U00100000\ue000", "private-use", 3, "U+E000 2, U+100000 1"),
        ("\ufdd0 \u0378", "unassigned", 2, "unknown code points: U+0378 1, U+FDD0 1"),
        ("hid\u200bden co\u00adop \u2060", "invisible", 3, "SOFT HYPHEN (U+00AD) 1, ZERO WIDTH SPACE (U+200B) 1"),
        ("\u202eevil\u202c\u200f", "invisible", 3, "RIGHT-TO-LEFT OVERRIDE (U+202E) 1"),
        ("e\u0301a\u0300 é", "not-nfc", 2, "2 accents apart from their letters (first 'é' (U+00E9) as U+0065 U+0301)"),
        ("Å \u212b \u212b", "twins", 2, "2 redundant characters: '\u212b' (U+212B) (first: "),
        ("the Mоscow road", "lookalikes", 1, "'Mоscow' has CYRILLIC SMALL LETTER O"),
        ("“no” " * 20, "quotation-marks", 40, "curly, “ ” 40"),
        ("it’s " * 30, "apostrophes", 30, "curly, ’ 30"),
        ("a‐b " * 10, "dashes", 2, "2 kinds of dash: '-' (U+002D)"),
        ("1\u00a0000\u2009m", "spaces", 2, "NO-BREAK SPACE (U+00A0) 1, THIN SPACE (U+2009) 1"),
        ("ＡＢＣ！", "fullwidth", 3, "3 full-width characters: 'Ａ' (U+FF21) 1"),
        ("ﬁnd the ﬂy", "ligatures", 2, "2 ligatures: 'ﬁ' (U+FB01) 1, 'ﬂ' (U+FB02) 1"),
        ("\f", "form-feeds", 1, "1 form feed: control (U+000C)"),
    ],
)
def test_what_is_wrong_is_counted_and_shown(inserted: str, kind: str, count: int, message: str) -> None:
    found = findings(f"{BOOK}{inserted}\n{BOOK}")
    assert list(found) == [kind]
    assert found[kind].count == count
    assert message in found[kind].message
    assert found[kind].advice


@pytest.mark.parametrize(
    "text",
    [
        "می\u200cخواهم ",  # Persian's joiner
        "\u200fשלום, \u200eעולם ",
        "สวัส\u200bดี ",
        "क\u094d\u200dष \u0958लम ",  # a letter that NFC takes apart, written one way throughout
        "👩\u200d👩\u200d👧 🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f ❤️ ",
        "天地玄黃\u3000宇宙洪荒。！？",
        "ɛ̃ ʔa͡ɪ̯ ɑ̃ː ",  # accents that no letter has built in
        "ἄνδρα μοι ἔννεπε, Μοῦσα ",
        "« Où est l’été ? » – « L’œuvre… » — mi-été, “À” ",
        "Москва\nkvass\n",
    ],
)
def test_what_a_script_or_good_typography_needs_is_let_be(text: str) -> None:
    assert findings(text * (documents.SHORT // len(text) + 1)) == {}


@pytest.mark.parametrize(
    ("inserted", "kind", "normalize"),
    [
        ("e\u0301 é", "not-nfc", "nfc"),
        ("Å \u212b", "twins", "nfc"),
        ("1\u00a0000", "spaces", "nfkc"),
        ("Ｘ", "fullwidth", "nfkc"),
        ("ﬁ", "ligatures", "nfkc"),
    ],
)
def test_normalizing_as_advised_helps(inserted: str, kind: str, normalize: str) -> None:
    advice = findings(BOOK + inserted)[kind].advice
    assert f"--normalize {normalize}" in advice
    assert kind not in findings(BOOK + inserted, normalize=normalize)


def test_where_a_letter_is_written_in_two_ways_by_hand() -> None:
    text = BOOK + "ở" + "o\u031b\u0309" + "o\u031b" + "각" + "\u1100\u1161\u11a8" + "x\u0301"
    assert findings(text)["not-nfc"].count == 2 + 1 + 2  # the marks that a normalised text would not have
    assert "beside 2 letters written whole" in findings(text)["not-nfc"].message
    assert "twins" not in findings(BOOK + "\u212b")  # a sign that has no other form here
    mixed = findings(BOOK + "\u0958\n" + "e\u0301")  # NFC makes two characters of the first
    assert mixed["not-nfc"].count == 1


def test_a_wrong_encoding_of_the_reader_is_told_from_damage_of_the_file(tmp_path: Path) -> None:
    text = BOOK + "“Déjà vu”, à la carte\n"
    folder = write(tmp_path, unicode=text, windows=text.encode("cp1252"), twice=text.encode().decode("latin-1"))
    misread = findings(corpus.read(folder / "unicode.txt", ReadConfig(encoding="cp1252", errors="replace")))
    assert "was read as cp1252: try --encoding utf-8" in misread["mojibake"].advice
    assert "ftfy" in findings(corpus.read(folder / "twice.txt"))["mojibake"].advice

    latin = findings(corpus.read(folder / "windows.txt", ReadConfig(encoding="latin-1")))
    assert list(latin) == ["c1-controls"]
    assert latin["c1-controls"].count == 2
    assert "--encoding cp1252" in latin["c1-controls"].advice
    assert findings(corpus.read(folder / "windows.txt", ReadConfig(encoding="cp1252"))) == {}

    replaced = findings(corpus.read(folder / "windows.txt", ReadConfig(encoding="utf-8", errors="replace")))
    assert replaced["replacement"].count == 5
    assert "--encoding" in replaced["replacement"].advice
    assert "--encoding" not in findings(BOOK + "\ufffd")["replacement"].advice


@pytest.mark.parametrize(("many", "limit", "share"), [(240, 10, "0.6"), (420, 5, "1.1")])
def test_a_long_tail_is_told_with_what_min_count_would_leave(many: int, limit: int, share: str) -> None:
    text = BOOK + "".join(chr(0x4E00 + i) * (1 + i % 12) for i in range(many))
    found = findings(text)["rare"]
    counts = [text.count(character) for character in set(text)]
    seldom = sum(n < 10 for n in counts)
    assert found.count == seldom
    assert f"of {len(counts)} different characters {seldom} fewer than 10 times ({share} %) and" in found.message
    told = re.search(r"--min-count (\d+) .* leaves (\d+)", found.advice)
    assert told
    assert int(told[1]) == limit  # 10, unless that takes more than a hundredth of the text
    reread = corpus.from_text(text, config=ReadConfig(min_count=limit))
    assert len(reread.vocabulary) - 1 == int(told[2])  # all but the unknown symbol
    assert "rare" not in findings(reread)


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        ("it\x80\x99s a\x80\x94or b\x80\xa6 ", "what is left of UTF-8"),
        ("ita\x80\x99s \x80\x9cno\x80\x9d ", "what is left of UTF-8"),
        ("it\x92s \x93no\x94 a\x97b ", "Windows' punctuation was read as Latin-1"),
        ("one\x88two\x98 ", "Delete them"),
    ],
)
def test_controls_are_told_apart_by_what_stands_beside_them(lost: str, said: str) -> None:
    assert said in findings(BOOK + lost * 5)["c1-controls"].advice


def test_nfkc_is_advised_where_it_does_what_is_meant() -> None:
    spaces = "a\u2009b " * 52
    assert findings(BOOK + spaces)["spaces"].advice == "--normalize nfkc makes them plain."
    few = findings(BOOK + spaces + "½ " * 7 + "x² " * 3)["spaces"].advice
    assert few == (
        "--normalize nfkc makes them plain, and changes 10 characters more ('½' (U+00BD) 7, '²' (U+00B2) 3)."
    )
    many = findings(BOOK + spaces + "No… " * 2047)["spaces"].advice
    assert many == (
        "Replace them by plain ones if you can: --normalize nfkc would, but it changes 2,047 characters more "
        "('…' (U+2026) 2,047)."
    )
    text = BOOK + spaces + "½ " * 7 + "x² " * 3
    assert sum(a != b for a, b in zip(text, map(partial(unicodedata.normalize, "NFKC"), text), strict=True)) == 62


def test_only_what_occurs_is_named() -> None:
    """No message or advice shows a character beyond ASCII that the text does not have."""
    inserted = "“no” it’s a\u2009b a‐b ﬁ " * 30
    for finding in findings(BOOK + inserted).values():
        named = {character for character in finding.message + finding.advice if not character.isascii()}
        assert named <= set(inserted), finding


def test_no_long_tail_is_told_where_it_is_no_trouble() -> None:
    seldom = "".join(map(chr, range(0x4E00, 0x4E00 + 60)))
    often = "".join(map(chr, range(0x5000, 0x5000 + 300))) * 10
    assert findings(BOOK + seldom) == {}  # of about 140 characters
    assert findings(BOOK + seldom + often) == {}  # a few among many


def test_a_few_of_another_kind_of_quotes_are_let_be() -> None:
    assert findings(BOOK * 2 + "“no” " * 10) == {}  # less than a hundredth of them


def test_rare_characters_that_were_merged_are_still_told_of() -> None:
    found = findings(f"{BOOK}\x07 caf\ufffd é\u200b", min_count=5)
    assert found["controls"].message == "1 control character: control (U+0007)"
    assert found["replacement"].count == 1
    assert list(found) == ["replacement", "controls", "invisible"]
