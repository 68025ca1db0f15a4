"""What is counted as known: words where they tell something, else trigrams of characters, else nothing."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from charrnn.text import corpus
from charrnn.text.lexicon import Lexicon
from charrnn.text.split import HeldOutSpan, Span

RNG = random.Random(5)
CHINESE = (
    "春眠不觉晓处闻啼鸟夜来风雨声花落知多少床前明月光疑是地上霜举头望低思故乡白日依山尽黄河入海流欲穷千里目更一层楼"
)
CHINESE_WORDS = ["".join(RNG.choices(CHINESE, k=RNG.choice([1, 2, 2, 2, 3]))) for _ in range(40)]
THAI_WORDS = ["ภาษา", "ไทย", "ไม่", "เว้น", "วรรค", "ระหว่าง", "คำ", "น้ำ", "ที่", "เป็น", "การ", "และ", "ของ", "ให้", "ได้"]
HINDI_WORDS = ["नदी", "के", "किनारे", "एक", "पुरानी", "नाव", "खड़ी", "है", "और", "हिन्दी", "में", "लिखना", "बच्चे", "हूँ"]


def prose(words: list[str], space: str, end: str, count: int = 1500) -> str:
    rng = random.Random(7)
    return "".join(space.join(rng.choices(words, k=rng.randint(4, 9))) + end for _ in range(count))


def lexicon_of(text: str) -> Lexicon:
    source = corpus.from_text(text)
    split = source.split(0.1)
    return Lexicon.of(source, split.training, split.held_out)


def noise(text: str, size: int = 2000) -> str:
    return "".join(random.Random(3).choices(sorted(set(text)), k=size))


def test_words_where_spaces_are_set() -> None:
    text = prose(HINDI_WORDS, " ", "।\n")
    lexicon = lexicon_of(text)
    assert lexicon.shares(text[-500:-1]) == (1.0, None)
    words, trigrams = lexicon.shares(noise(text))
    assert words is not None
    assert words < 0.1, "words do not break at vowel signs"
    assert trigrams is None


@pytest.mark.parametrize(("words", "end"), [(CHINESE_WORDS, "。\n"), (THAI_WORDS, " ")])
def test_trigrams_where_they_are_not(words: list[str], end: str) -> None:
    text = prose(words, "", end)
    lexicon = lexicon_of(text)
    known, trigrams = lexicon.shares(text[-500:])
    assert known is None
    assert trigrams is not None
    assert trigrams > 0.9
    nonsense = lexicon.shares(noise(text)).trigrams
    assert nonsense is not None
    assert nonsense < 0.1
    assert lexicon.shares("123, 456") == (None, None)


def test_trigrams_by_hand() -> None:
    source = corpus.from_text("春眠不觉晓" * 30)
    lexicon = Lexicon.of(source, [Span(0, 140)], [HeldOutSpan(140, 140, 150)])
    assert lexicon.shares("春眠不觉晓。") == (None, 1.0)
    assert lexicon.shares("春眠不晓觉") == (None, 1 / 3)
    assert lexicon.shares("春眠。不觉。晓") == (None, None)


def test_words_are_given_up_where_real_text_has_few_that_are_known() -> None:
    """A list of names in order: those held out begin with other letters."""
    rng = random.Random(1)
    syllables = ["ka", "ri", "mo", "ten", "lu", "sha", "vo", "ner", "bi", "dal"]
    names = sorted({"".join(rng.choices(syllables, k=rng.randint(3, 5))) for _ in range(1500)})
    lexicon = lexicon_of("\n".join(names) + "\n")
    words, trigrams = lexicon.shares("kamoten\nshavori\n")
    assert words is None
    assert trigrams is not None
    assert trigrams > 0.9


@pytest.mark.parametrize(
    "text", ["".join(random.Random(2).choices("ACGT", k=4000)), "0101 1100 " * 300, "a b c d e f " * 99]
)
def test_nothing_where_neither_tells_anything(text: str) -> None:
    assert lexicon_of(text).shares(text[:300]) == (None, None)


def test_a_validation_text_of_its_own_decides(tmp_path: Path) -> None:
    (tmp_path / "novel.txt").write_text("Anna came and Boris went while Clara stayed. " * 60, "utf-8")
    (tmp_path / "other.txt").write_text("nahc remasch dew trib ollar yatsed claw hen na " * 60, "utf-8")
    source = corpus.read(tmp_path / "novel.txt", val_text=tmp_path / "other.txt")
    split = source.split(0.1)
    assert Lexicon.of(source, split.training, split.held_out).words is None
    same = corpus.read(tmp_path / "novel.txt", val_text=tmp_path / "novel.txt")
    assert Lexicon.of(same, split.training, split.held_out).shares("Anna went and ") == (1.0, None)


def test_without_held_out_text_the_end_of_the_training_text_decides() -> None:
    text = prose(CHINESE_WORDS, "", "。\n")
    source = corpus.from_text(text)
    whole = Lexicon.of(source, [Span(0, len(source))])
    assert whole.shares(text[-200:]) == (None, 1.0), "the end is known, too"
    text = "Anna came. Boris went; Clara stayed " * 60
    source = corpus.from_text(text)
    assert Lexicon.of(source, [Span(0, len(source))]).words == {"anna", "came", "boris", "went", "clara", "stayed"}


def test_the_words_are_those_of_the_spans() -> None:
    source = corpus.from_text("Anna came. Boris went; Clara stayed")
    spans = [Span(0, 10), Span(23, 35)]
    assert Lexicon.of(source, spans).words == {"anna", "came", "clara", "stayed"}
    assert Lexicon.of(source, [*spans, Span(5, 5)], limit=None, piece=None).words == {"anna", "came", "clara", "stayed"}
    assert Lexicon.of(source, []).words == frozenset()


def test_a_long_text_is_read_in_pieces_up_to_a_limit() -> None:
    source = corpus.from_text("aa bb cc dd ee ff gg")
    held = [HeldOutSpan(0, 0, 0)]

    def words(spans: list[Span], **reading: int) -> set[str]:
        return set(Lexicon.of(source, spans, held, **reading).words or ())

    whole = [Span(0, 20)]
    assert words(whole, piece=6) >= {"aa", "bb", "cc", "dd", "ee", "ff"}
    assert {"b", "f"} < words(whole, piece=4), "cut at the borders"
    assert words(whole, limit=7, piece=6) == {"aa", "bb", "cc", "dd"}, "to the end of a piece"
    assert words([Span(0, 6), Span(6, 12), Span(12, 20)], limit=9, piece=6) == {"aa", "bb", "cc", "dd"}
    assert words([Span(0, 6), Span(6, 12)], limit=6, piece=6) == {"aa", "bb"}
