"""What is said of a text, and how its running text is scanned."""

from __future__ import annotations

import dataclasses
from itertools import pairwise
from pathlib import Path

import pytest
from helpers.checks import BOOK, findings, write
from hypothesis import assume, example, given
from hypothesis import strategies as st

import charrnn.text_check.characters
import charrnn.text_check.findings
from charrnn.config import ReadConfig
from charrnn.errors import CorpusError
from charrnn.text import corpus, encoder
from charrnn.text.id_file import IdFile
from charrnn.text_check.check import diagnose
from charrnn.text_check.findings import CheckedText


def test_of_a_sound_text_nothing_is_said() -> None:
    assert diagnose(corpus.read("the-tidewater-bank")) == []


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
