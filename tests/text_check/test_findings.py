from __future__ import annotations

import dataclasses
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

import charrnn.text_check.findings
from charrnn.config import ReadConfig
from charrnn.errors import CorpusError
from charrnn.text import corpus, encoder
from charrnn.text.corpus import Corpus
from charrnn.text.id_cache import IdFile
from charrnn.text_check import documents
from charrnn.text_check.check import diagnose, rare_characters
from charrnn.text_check.findings import CheckedText, Finding

BOOK = (Path(__file__).parents[2] / "corpora" / "the-tidewater-bank.txt").read_text(encoding="utf-8")[:150_000].rsplit(
    "\n", 1
)[0] + "\n"
LICENCE = "*** START OF THE PROJECT GUTENBERG EBOOK THE TIDEWATER BANK ***\n\n"


def findings(made: Corpus | str, **config: Any) -> dict[str, Finding]:
    """What is said of a corpus, or of a text read this way, each kind once."""
    if isinstance(made, str):
        made = corpus.from_text(made, config=ReadConfig(**config))
    found = diagnose(made)
    assert len({one.kind for one in found}) == len(found)
    return {one.kind: one for one in found}


def write(folder: Path, **files: str | bytes) -> Path:
    for name, content in files.items():
        (folder / f"{name}.txt").write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def test_of_a_sound_text_nothing_is_said() -> None:
    assert diagnose(corpus.read("the-tidewater-bank")) == []


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
        ("“no” " * 20, "quotation-marks", 40, "curly, “ ” „ 40"),
        ("it’s " * 30, "apostrophes", 30, "curly, ‘ ’ 30"),
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

    replaced = findings(corpus.read(folder / "windows.txt", ReadConfig(errors="replace")))
    assert replaced["replacement"].count == 5
    assert "--encoding" in replaced["replacement"].advice
    assert "--encoding" not in findings(BOOK + "\ufffd")["replacement"].advice


def test_findings_name_the_document(tmp_path: Path) -> None:
    garbled = {"b": "cafÃ© with\x07 and\u200b.\n" + BOOK[1:], "c": "Ã©tÃ© \x07\u200b\n" + BOOK[2:]}
    write(tmp_path, a=BOOK, **garbled)
    for config in (ReadConfig(), ReadConfig(documents=True)):
        found = findings(corpus.read(tmp_path, config))
        assert found["mojibake"].message == "2 garbled words, first in b.txt: 'cafÃ©' for 'café', 'Ã©tÃ©' for 'été'"
        assert found["mojibake"].examples == ("'cafÃ©' for 'café'", "'Ã©tÃ©' for 'été'")
        assert found["controls"].message.startswith("2 control characters: control (U+0007) (first in b.txt: ")
        assert r"cafÃ© with\x07 and" in found["controls"].message
        assert "first in b.txt" in found["invisible"].message


def test_copies_licences_and_tiny_documents(tmp_path: Path) -> None:
    book = LICENCE + BOOK
    write(tmp_path, a=book, b=BOOK, c=book, d=BOOK[9:], e=book.replace("\n", "\r\n"), f="Hm.\n")
    found = findings(corpus.read(tmp_path))
    assert list(found) == ["gutenberg", "copies", "tiny-documents", "newlines"]
    assert found["gutenberg"].message == "Project Gutenberg's licence in 3 documents: a.txt, c.txt, e.txt"
    assert "--strip-gutenberg" in found["gutenberg"].advice
    assert (
        found["copies"].message == "copies among the documents, 2, 40.0 % of the text: c.txt of a.txt, e.txt of a.txt"
    )
    assert found["tiny-documents"].message == "1 document of fewer than 20 characters: f.txt"
    stripped = findings(corpus.read(tmp_path, ReadConfig(strip_gutenberg=True)))
    assert "gutenberg" not in stripped
    assert stripped["copies"].count == 3  # without it, b is a copy too


def test_documents_that_are_all_tiny_are_meant_to_be(tmp_path: Path) -> None:
    write(tmp_path, **{f"name{i}": f"Anna {i}\n" for i in range(10)})
    assert list(findings(corpus.read(tmp_path))) == ["short"]


def test_only_so_many_heads_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "_HEADS", 2)
    write(tmp_path, a=BOOK, b=LICENCE + BOOK, c=LICENCE + BOOK[1:])
    message = findings(corpus.read(tmp_path))["gutenberg"].message
    assert message == "Project Gutenberg's licence in 1 document of the first 2: b.txt"


def test_line_ends_of_several_kinds(tmp_path: Path) -> None:
    lines = BOOK.splitlines()
    half = len(lines) // 2
    mixed = "\r\n".join(lines[:half]) + "\r\n" + "\n".join(lines[half:]) + "\rthe\rend\n"
    write(tmp_path, mixed=mixed, crlf=BOOK.replace("\n", "\r\n"), lf=BOOK[1:])
    crlf, cr, lf = half, 2, len(lines) - half
    for config in (ReadConfig(), ReadConfig(keep_newlines=True), ReadConfig(bytes=True)):
        found = findings(corpus.read(tmp_path / "mixed.txt", config))["newlines"]
        assert found.message == f"lines end in different ways: CRLF {crlf:,}, LF {lf:,}, CR {cr}"
        assert found.count == cr + min(crlf, lf)
        for one in ("crlf.txt", "lf.txt"):
            assert findings(corpus.read(tmp_path / one, config)) == {}
    both = corpus.read([tmp_path / "crlf.txt", tmp_path / "lf.txt"])  # two more LF join them
    assert f"CRLF {BOOK.count(chr(10)):,}, LF {BOOK.count(chr(10)):,}" in findings(both)["newlines"].message


def test_lines_over_and_over(monkeypatch: pytest.MonkeyPatch) -> None:
    header = "THE TIDEWATER BANK (uncorrected proof)"
    lines = BOOK.splitlines(keepends=True)
    often = "".join(line + f"  {header}\n" * (i % 20 == 0) for i, line in enumerate(lines))
    times = len(range(0, len(lines), 20))
    share = 100 * times * len(header) / len(often)
    found = findings(often)["repeated-lines"]
    assert found.message == f"lines over and over, {share:.1f} % of the text: {times} times {header!r}"
    assert findings(often, bytes=True)["repeated-lines"].message == found.message
    monkeypatch.setattr(documents, "_LINES", 100)
    monkeypatch.setattr(charrnn.text_check.findings, "_SLICE", 5000)
    assert findings(often)["repeated-lines"] == found  # though most other lines are forgotten on the way

    seldom = "".join(line + f"{header}\n" * (i < 50) for i, line in enumerate(lines))
    assert findings(seldom) == {}
    assert findings(BOOK * 2 + "It is no great share\n" * 60) == {}
    short = "".join(line + "* * * * *\n" * (i % 20 == 0) for i, line in enumerate(lines))
    assert findings(short) == {}


def test_a_text_may_be_too_short() -> None:
    assert "64 characters to learn from, 65 needed" in findings(BOOK[:72])["short"].message  # 9 tenths
    assert "more by heart than by rule" in findings(BOOK[:73])["short"].message
    assert "short" in findings(BOOK[:99_999])
    assert findings(BOOK[:100_000]) == {}
    assert "of 5,000 bytes" in findings(BOOK[:5000], bytes=True)["short"].message


def test_rare_characters_are_listed_rarest_first() -> None:
    text = "a" * 100 + "b" * 9 + "c" * 10 + "z" + "y" * 3 + "é" * 3
    assert rare_characters(corpus.from_text(text)) == [("z", 1), ("y", 3), ("é", 3), ("b", 9)]
    merged = corpus.from_text(text, config=ReadConfig(min_count=5))
    assert rare_characters(merged, fewer_than=4) == [("z", 1), ("y", 3), ("é", 3)]
    assert rare_characters(corpus.from_text(text, config=ReadConfig(bytes=True))) == []


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


def test_no_long_tail_is_told_where_it_is_no_trouble() -> None:
    seldom = "".join(map(chr, range(0x4E00, 0x4E00 + 60)))
    often = "".join(map(chr, range(0x5000, 0x5000 + 300))) * 10
    assert findings(BOOK + seldom) == {}  # of about 140 characters
    assert findings(BOOK + seldom + often) == {}  # a few among many


def test_a_few_of_another_kind_of_quotes_are_let_be() -> None:
    assert findings(BOOK * 2 + "“no” " * 10) == {}  # less than a hundredth of them


def test_looking_ends_when_enough_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(charrnn.text_check.characters, "_ENOUGH", 10)
    monkeypatch.setattr(charrnn.text_check.findings, "_SLICE", 1000)
    text = "".join(f"cafÃ©{i} Mоscow{chr(97 + i)}\n" for i in range(26)) + BOOK
    looked_at = text[:1000].rfind("\n") + 1
    found = findings(text)
    for kind in ("mojibake", "lookalikes"):
        assert found[kind].count == 26
        assert f" in the first {looked_at} characters" in found[kind].message


def test_of_bytes_only_what_bytes_have_is_said() -> None:
    assert findings(f"{BOOK}cafÃ© \x1b \ufeff \u200b e\u0301 é ﬁ\ufffd{BOOK}", bytes=True) == {}


def test_the_most_important_comes_first() -> None:
    kinds = list(findings(BOOK[:50_000] + "\f\u00a0 Mоscow\u200be\u0301\0\ufffd cafÃ© "))
    told = ["short", "mojibake", "replacement", "controls", "not-nfc", "invisible", "lookalikes", "spaces"]
    assert kinds == [*told, "form-feeds"]


DAMAGED = "".join(
    line + {0: "a cafÃ© ", 7: "Mоscow, ", 11: "e\u0301\u200b", 13: "\x07"}.get(i % 29, "") + "\n"
    for i, line in enumerate(BOOK.splitlines())
)


@pytest.mark.parametrize("size", [60, 400, 5000])
def test_how_the_text_is_cut_for_looking_makes_no_difference(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = findings(DAMAGED)
    assert {"mojibake", "lookalikes", "not-nfc", "invisible", "controls"} <= whole.keys()
    monkeypatch.setattr(charrnn.text_check.findings, "_SLICE", size)
    for text in (DAMAGED, DAMAGED.replace("\n", " ")):
        cut = findings(text)
        assert {kind: one.count for kind, one in cut.items()} == {kind: one.count for kind, one in whole.items()}
        assert cut["mojibake"].examples == whole["mojibake"].examples


@settings(deadline=None)
@given(st.text(st.sampled_from("ab \nÃ©é\u0301"), min_size=1), st.integers(1, 9))
def test_slices_make_up_the_text_and_end_between_words(text: str, size: int) -> None:
    made = corpus.from_text(text + "ab")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(charrnn.text_check.findings, "_SLICE", size)
        slices = list(CheckedText(made).slices())
    assert "".join(piece for _, piece in slices) == made.text
    for (start, piece), (after, _) in pairwise(slices):
        assert after == start + len(piece)
        assert piece[-1] in "\n " or len(piece) == size


def test_a_long_text_is_looked_at_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(charrnn.text_check.findings, "SCANNED", 150_000)
    found = findings("cafÃ© Mоscow e\u0301\n" + BOOK + "cafÃ© Mоscow e\u0301 \x07")
    for kind in ("mojibake", "lookalikes", "not-nfc"):
        assert found[kind].count == 1
        assert " in the first 150,000 characters" in found[kind].message
    assert found["controls"].message == "1 control character: control (U+0007)"  # counted, but not seen


def test_a_text_on_disk_is_judged_as_one_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARRNN_CACHE_DIR", str(tmp_path / "cache"))
    path = write(tmp_path, damaged=DAMAGED) / "damaged.txt"
    in_memory = diagnose(corpus.read(path))
    monkeypatch.setattr(encoder.encode, "__defaults__", (encoder.encode.__defaults__[0], 0))  # type: ignore[index]
    on_disk = corpus.read(path)
    assert isinstance(on_disk.ids, IdFile)
    monkeypatch.setattr(charrnn.text_check.findings, "_SLICE", 5000)
    assert diagnose(on_disk) == in_memory


def test_rare_characters_that_were_merged_are_still_told_of() -> None:
    found = findings(f"{BOOK}\x07 caf\ufffd é\u200b", min_count=5)
    assert found["controls"].message == "1 control character: control (U+0007)"
    assert found["replacement"].count == 1
    assert list(found) == ["replacement", "controls", "invisible"]


@settings(deadline=None)
@given(st.text(st.characters(), min_size=2), st.booleans())
@example("क़\ne\u0301", False)
@example("ab\r\n\u2028\x85\x1b]0;\x07", False)
def test_whatever_the_text_messages_are_one_line_that_can_be_shown(text: str, of_bytes: bool) -> None:
    try:
        made = corpus.from_text(text, config=ReadConfig(bytes=of_bytes))
    except (CorpusError, UnicodeEncodeError):
        assume(False)
    for one in diagnose(made):
        for line in (one.message, one.advice, *one.examples):
            assert line.isprintable()
        assert one.count > 0
        assert dataclasses.replace(one) == one
