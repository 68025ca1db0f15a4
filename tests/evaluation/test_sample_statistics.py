"""What texts are made of: by hand, and real prose beside texts that are too cold, too warm or learnt by heart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charrnn.evaluation import novelty
from charrnn.evaluation.sample_statistics import LEAST, SampleStatistics, interpretation, repetition
from charrnn.text import corpus, known_texts
from charrnn.text.lexicon import Lexicon
from charrnn.text.words import words_of

REAL = SampleStatistics(known_words=0.95, verbatim=0.02, repetition=0.01)


def numbered(count: int) -> list[str]:
    """So many different words."""
    return ["".join(chr(97 + digit) for digit in divmod(number, 26)) for number in range(count)]


def test_repetition_counts_the_trigrams_used_before() -> None:
    words = numbered(22)  # 20 trigrams, all different
    assert repetition(" ".join(words)) == 0
    assert repetition(" ".join([*words, *words[:3]])) == pytest.approx(1 / 23)  # two across the seam are new
    assert repetition(" ".join([*words, *words])) == pytest.approx(20 / 42)
    assert repetition("no " * 22) == pytest.approx(19 / 20)


def test_of_too_few_words_nothing_is_told() -> None:
    words = numbered(LEAST + 2)
    assert repetition(" ".join(words)) is not None
    assert repetition(" ".join(words[:-1])) is None
    assert repetition("") is None


def test_case_and_punctuation_do_not_hide_a_repetition() -> None:
    line = " ".join(numbered(22))
    assert repetition(f"{line}. {line.upper()}!") == repetition(f"{line} {line}")


@given(st.lists(st.sampled_from(["the", "sea", "was", "calm"]), min_size=LEAST + 2, max_size=80))
def test_repetition_is_a_share_and_agrees_with_a_search(words: list[str]) -> None:
    before: list[tuple[str, ...]] = []
    again = 0
    for place in range(len(words) - 2):
        trigram = tuple(words[place : place + 3])
        again += trigram in before
        before.append(trigram)
    assert repetition(" ".join(words)) == pytest.approx(again / len(before))


def test_statistics_go_as_far_as_there_is_something_to_look_up() -> None:
    text = "The sea was calm. "
    assert SampleStatistics.of(text, Lexicon(frozenset({"the", "sea", "was"})), 0.25) == SampleStatistics(
        known_words=0.75, verbatim=0.25, repetition=None
    )
    assert SampleStatistics.of(text, None, None) == SampleStatistics(known_words=None, verbatim=None, repetition=None)
    assert SampleStatistics.of("123", Lexicon(frozenset({"the"})), 0.0) == SampleStatistics(
        known_words=None, verbatim=0.0, repetition=None
    )


@pytest.mark.parametrize(
    ("sample", "told"),
    [
        (SampleStatistics(known_words=0.95, verbatim=0.02, repetition=0.112), "repeats itself: colder than the text"),
        (SampleStatistics(known_words=0.95, verbatim=0.02, repetition=0.10), None),
        (SampleStatistics(known_words=0.95, verbatim=0.222, repetition=0.01), "much is word for word: memorised"),
        (SampleStatistics(known_words=0.95, verbatim=0.21, repetition=0.01), None),
        (
            SampleStatistics(known_words=0.848, verbatim=0.02, repetition=0.01),
            "fewer real words: too warm or still learning",
        ),
        (SampleStatistics(known_words=0.86, verbatim=0.02, repetition=0.01), None),
        (REAL, None),
        (SampleStatistics(known_words=1.0, verbatim=0.0, repetition=0.0), None),
        (SampleStatistics(known_words=None, verbatim=None, repetition=None), None),
        (
            SampleStatistics(known_words=0.5, verbatim=None, repetition=0.5),
            "repeats itself: colder than the text; fewer real words: too warm or still learning",
        ),
    ],
)
def test_readings_at_their_thresholds(sample: SampleStatistics, told: str | None) -> None:
    assert interpretation(sample, REAL) == told


def test_what_is_not_known_of_the_real_text_is_not_judged() -> None:
    unknown = SampleStatistics(known_words=None, verbatim=None, repetition=None)
    assert interpretation(SampleStatistics(known_words=0.0, verbatim=1.0, repetition=1.0), unknown) is None


def test_prose_and_what_is_not_like_it() -> None:
    """Passages of the bundled novel's held-out part, against one of its training part and against spoilt ones."""
    source = corpus.read(known_texts.bundled())
    whole, [(first, end)] = source.text, source.split(0.1).training
    parts = [(first, end)]
    known = Lexicon(frozenset(words_of(whole[:end])))
    passages = [whole[at : at + 400] for at in range(end, len(whole) - 400, 400)]
    real, *others = passages
    spoilt = {
        "repeats itself": real[:100] * 4,
        "much is word for word": whole[1000:1400],
        "fewer real words": real.translate(str.maketrans("aeiou", "eioua")),
    }
    shares = [overlap.share for overlap in novelty.find([real, *others, *spoilt.values()], source, parts)]
    statistics = [
        SampleStatistics.of(text, known, share)
        for text, share in zip([real, *others, *spoilt.values()], shares, strict=True)
    ]
    unlike = [one for one in statistics[1 : len(passages)] if interpretation(one, statistics[0])]
    assert len(unlike) < len(others) / 20  # real text is like real text
    for told, made in zip(spoilt, statistics[len(passages) :], strict=True):
        assert told in (interpretation(made, statistics[0]) or "")
