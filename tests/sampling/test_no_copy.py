"""Texts that do not copy: what is ruled out is exactly what would copy, by looking up every run as a string."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from helpers import tiny
from hypothesis import given, settings
from hypothesis import strategies as st

from charrnn import memory
from charrnn.config import ModelConfig, ReadConfig
from charrnn.errors import UsageError
from charrnn.evaluation import novelty
from charrnn.network.engine import Engine
from charrnn.sampling import no_copy
from charrnn.sampling.chain import log_softmax
from charrnn.sampling.generate import text_of
from charrnn.sampling.no_copy import Context, CopyIndex
from charrnn.sampling.request import GeneratedText, Request
from charrnn.text import corpus
from charrnn.text.corpus import Corpus
from charrnn.text.vocabulary import Vocabulary, to_code_points


def engine_of(vocabulary: Vocabulary, seed: int = 0, **logits: float) -> Engine:
    """Random weights; or those of a model to which characters are always as likely as the logits say, the others 0."""
    model = ModelConfig(rnn_size=8, num_layers=1, embedding_size=0).completed()
    rng = np.random.default_rng(seed)
    shapes = model.shapes(len(vocabulary))
    weights = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    if logits:
        weights = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
        for character, value in logits.items():
            weights["head.bias"][vocabulary.characters.index(character)] = value
    return Engine(model, weights)


def follow(text: str, source: str, longest: int) -> set[str]:
    """By hand: what follows the last characters of a text, wherever they stand in another."""
    last = text[-longest:]
    starts = range(len(source) - longest)
    return {source[at + longest] for at in starts if len(last) == longest and source[at : at + longest] == last}


def write(text: Corpus, longest: int, prime: str = "", parts: Any = None, **request: Any) -> list[GeneratedText]:
    """What random weights write that must not copy a text."""
    asked = Request(no_copy=CopyIndex(text, longest, parts), **{"temperatures": (1.0,), "length": 60} | request)
    return asked.generate(engine_of(text.vocabulary), text.vocabulary, prime)


def copied(text: str, source: str, longest: int, after: int = 0) -> list[str]:
    """The runs of a text that are too long and end after so many characters, found as strings."""
    runs = [text[at : at + longest + 1] for at in range(len(text) - longest) if at + longest >= after]
    return [run for run in runs if run in source]


REPEATED = st.text("ab", min_size=1, max_size=3).map(lambda words: words * 20)
TEXTS = st.text("ab", max_size=80) | st.text("abc", max_size=80) | REPEATED
REQUESTS = ({}, {"count": 3}, {"temperatures": (0.0, 0.5, 2.0)}, {"top_k": 1}, {"top_p": 0.5}, {"min_p": 0.9})


# -- which characters they are ---------------------------------------------------------------------------------------


def check_following(source: str, text: str, longest: int, cut: int) -> None:
    whole = corpus.from_text(f"ab{source}")
    cut = min(cut, len(whole))
    index = CopyIndex(whole, longest, [(0, cut), (cut, len(whole))])
    context = Context()
    for at, character in enumerate(text, 1):
        context = index.after(context, ord(character))
        expected = {one for part in (whole.text[:cut], whole.text[cut:]) for one in follow(text[:at], part, longest)}
        assert set(map(chr, index.following(context))) == expected


@settings(max_examples=300)
@given(TEXTS, st.text("abcé", max_size=40), st.integers(1, 12), st.integers(0, 90))
def test_what_follows_is_what_a_search_by_hand_finds(source: str, text: str, longest: int, cut: int) -> None:
    check_following(source, text, longest, cut)


@settings(max_examples=100)
@given(TEXTS, st.text("ab", max_size=40), st.integers(1, 12), st.integers(0, 90))
def test_fingerprints_that_are_all_the_same_change_nothing(source: str, text: str, longest: int, cut: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(no_copy, "_BASE", 1)
        patch.setattr(no_copy, "_PIECE", 7)
        patch.setattr(no_copy, "_FREQUENT", 1)
        check_following(source, text, longest, cut)


@settings(max_examples=200)
@given(TEXTS, st.text("ab", max_size=40), st.integers(1, 12), st.integers(0, 90))
def test_places_that_are_left_out_are_found_by_others(source: str, text: str, longest: int, cut: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(no_copy, "_FREQUENT", 1)
        check_following(source, text, longest, cut)


@pytest.mark.parametrize("line", ["a", "a table of nothing but this line\n"])
def test_what_stands_everywhere_is_indexed_a_few_times(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of a line's beginnings once, and what is at both ends of the text."""
    monkeypatch.setattr(no_copy, "_FREQUENT", 8)
    index = CopyIndex(corpus.from_text(line * 9_999 + "b"), 20)
    assert len(index._keys) <= len(line) + 2 * no_copy._FREQUENT
    context = Context()
    for character in (line * 20)[:100]:
        context = index.after(context, ord(character))
    assert set(map(chr, index.following(context))) == ({"a", "b"} if len(line) == 1 else {(line * 20)[100]})


@pytest.mark.parametrize("longest", [1, 2, 3, 5, 8, 20, 50])
def test_a_passage_of_the_text_is_known_wherever_it_stands(longest: int) -> None:
    rng = np.random.default_rng(longest)
    text = "".join(map(chr, rng.integers(97, 123, 2000).tolist()))
    index = CopyIndex(corpus.from_text(text), longest)
    for start in range(0, 1900, 17):
        context = Context()
        for character in text[start : start + longest]:
            context = index.after(context, ord(character))
        found = set(map(chr, index.following(context)))
        assert text[start + longest] in found
        assert found == follow(text[: start + longest], text, longest)


def test_less_than_a_character_is_refused() -> None:
    with pytest.raises(UsageError, match="--no-copy 0: it must be at least 1"):
        CopyIndex(corpus.from_text("abc"), 0)


def test_a_text_that_cannot_be_indexed_is_refused_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    text = corpus.from_text("abc")
    with pytest.raises(UsageError, match="--no-copy 20 of 1,000,000,000,000 characters: up to 30,064,771,065 can"):
        CopyIndex(text, 20, [(0, 10**12)])
    monkeypatch.setattr(memory, "available", lambda: 10**9)
    with pytest.raises(UsageError, match=r"characters: takes 2\.1 GB of memory or more, and 1\.0 GB are free"):
        CopyIndex(text, 20, [(0, 10**9)])


def test_a_text_shorter_than_a_run_is_never_copied() -> None:
    text = corpus.from_text("abc")
    [written] = write(text, 5)
    assert text_of(written.characters) == text_of(Request(length=60, temperatures=(1.0,)).generate(
        engine_of(text.vocabulary), text.vocabulary, "")[0].characters)  # fmt: skip
    assert written.ruled_out == (0, 0.0)


# -- what is written -------------------------------------------------------------------------------------------------


@settings(max_examples=150)
@given(
    TEXTS,
    st.text("ab", max_size=20),
    st.integers(1, 9),
    st.integers(0, 5),
    st.sampled_from(REQUESTS),
)
def test_no_run_is_too_long_whatever_is_asked(
    source: str, prime: str, longest: int, seed: int, request: dict[str, Any]
) -> None:
    text = corpus.from_text(f"abc{source}")
    for written in write(text, longest, prime, seed=seed, **request):
        new = text_of(written.characters)
        assert copied(prime + new, text.text, longest, after=len(prime)) == []
        assert novelty.find([new], text, least=longest + 1)[0].share == 0
        # It ends early only where every character would copy.
        every = follow(prime + new, text.text, longest) == {*text.vocabulary.characters}
        assert (written.ended_by, len(new) == 60) == (("no-copy", False) if every else ("length", True))


@settings(max_examples=40)
@given(TEXTS, st.text("ab", max_size=20), st.integers(1, 9))
def test_nothing_else_is_ruled_out_and_the_cost_is_what_the_model_gave_to_it(
    source: str, prime: str, longest: int
) -> None:
    text = corpus.from_text(f"abc{source}")
    engine, vocabulary = engine_of(text.vocabulary), text.vocabulary
    [written] = write(text, longest, prime, seed=1)
    new, places, total = text_of(written.characters), 0, 0.0
    state = engine.read(vocabulary.encode_beginning(prime))
    for at, character in enumerate(new):
        out = follow(prime + new[:at], text.text, longest)
        assert character not in out
        if out:
            places += 1
            shares = np.exp(log_softmax(state.logits))
            total -= math.log2(1 - sum(shares[vocabulary.characters.index(one)] for one in out))
        state = engine.read(vocabulary.encode(character).tolist(), state)
    assert written.ruled_out.characters == places
    assert written.ruled_out.bits == pytest.approx(total, abs=1e-6)


def test_the_likeliest_of_the_others_is_taken_where_the_likeliest_would_copy() -> None:
    """By hand: always a, then b, then c. The text has aa and ab after two a: no third character may be a or b."""
    text = corpus.from_text("aaab")
    vocabulary = Vocabulary.of(to_code_points("abc"))
    engine = engine_of(vocabulary, a=3.0, b=2.0, c=1.0)
    for options in ({"temperatures": (0.0,)}, {"top_k": 1}, {"top_p": 0.1}, {"min_p": 1.0}, {"count": 1, "top_k": 1}):
        [written] = Request(length=9, no_copy=CopyIndex(text, 2), **options).generate(engine, vocabulary, "")
        assert text_of(written.characters) == "aacaacaac"
        assert written.ruled_out.characters == 3
        weights = np.exp([3.0, 2.0, 1.0])
        assert written.ruled_out.bits == pytest.approx(-3 * math.log2(weights[2] / weights.sum()), rel=1e-6)


def test_the_others_keep_their_proportions() -> None:
    """b is ruled out after a; what follows is a or c as the model has them, 3 to 1."""
    text, vocabulary = corpus.from_text("ab"), Vocabulary.of(to_code_points("abc"))
    engine = engine_of(vocabulary, a=math.log(3), b=math.log(4), c=0.0)
    [written] = Request(length=20_000, temperatures=(1.0,), no_copy=CopyIndex(text, 1)).generate(engine, vocabulary, "")
    new = text_of(written.characters)
    after_a = [new[at + 1] for at in range(len(new) - 1) if new[at] == "a"]
    assert "b" not in after_a
    assert after_a.count("a") / len(after_a) == pytest.approx(0.75, abs=4 * math.sqrt(0.75 * 0.25 / len(after_a)))
    assert written.ruled_out.bits / written.ruled_out.characters == pytest.approx(1.0, rel=1e-6)


@pytest.mark.parametrize("options", [{"count": 6}, {"temperatures": (0.5, 1.0, 2.0)}])
def test_texts_of_a_batch_are_those_written_alone(options: dict[str, Any]) -> None:
    text = corpus.from_text(tiny.TEXT * 3)
    for written in write(text, 2, "Well", length=200, **options):
        asked = {"length": 200, "seed": written.seed, "temperatures": (written.temperature,)}
        [alone] = write(text, 2, "Well", **asked)
        assert text_of(written.characters) == text_of(alone.characters)
        assert written.ruled_out.characters == alone.ruled_out.characters > 0
        assert written.ruled_out.bits == pytest.approx(alone.ruled_out.bits, rel=1e-4)


def test_one_text_that_ends_leaves_the_others_of_its_batch_alone() -> None:
    """Of aabb b a is no run: a text goes on after b, and ends after a, where both would copy."""
    text = corpus.from_text("aabb")
    together = [
        (text_of(one.characters), one.ended_by) for one in write(text, 1, count=40, length=3, temperatures=(4.0,))
    ]
    assert {ended_by for _, ended_by in together} == {"no-copy"}
    assert {new for new, _ in together} == {"a", "ba"}
    for seed, found in enumerate(together):
        [alone] = write(text, 1, seed=seed, length=3, temperatures=(4.0,))
        assert (text_of(alone.characters), alone.ended_by) == found


def test_only_what_is_read_of_the_cost_counts() -> None:
    text = corpus.from_text(tiny.TEXT * 3)
    whole, ended = (write(text, 2, length=300, **more)[0] for more in ({"seed": 3}, {"until": ("a",), "seed": 3}))
    new = text_of(ended.characters)
    assert 2 <= len(new) < 300
    first = [next(whole.characters) for _ in range(len(new))]
    assert text_of(first) == new
    assert ended.ruled_out == whole.ruled_out
    [finished] = write(text, 2, length=20, finish="line")
    count = len(text_of(finished.characters))
    [same] = write(text, 2, length=count)
    text_of(same.characters)
    assert finished.ruled_out == same.ruled_out


# -- where a run begins ----------------------------------------------------------------------------------------------


def test_a_run_that_begins_in_the_prompt_counts() -> None:
    text = corpus.from_text("abcabd")
    engine = engine_of(text.vocabulary, c=9.0)
    index = CopyIndex(text, 2)

    def first(prime: Any) -> str:
        [written] = Request(length=1, temperatures=(0.0,), no_copy=index).generate(engine, text.vocabulary, prime)
        return text_of(written.characters)

    assert first("ab") == "a"
    assert first("ccab") == "a"
    assert first("b") == "c"
    assert first(engine.read(text.vocabulary.encode("ab").tolist())) == "c"  # of a state nobody knows what it read


def test_the_newline_that_nobody_typed_begins_no_run() -> None:
    text = corpus.from_text("\na\nb")
    engine = engine_of(text.vocabulary, a=9.0)
    for prime, expected in (("", "a"), ("\n", "\n")):
        request = Request(length=1, temperatures=(0.0,), no_copy=CopyIndex(text, 1))
        assert text_of(request.generate(engine, text.vocabulary, prime)[0].characters) == expected


def test_held_out_text_may_be_written_as_it_stands() -> None:
    text = corpus.from_text("abcabcabc" + "dddddddddd")
    engine = engine_of(text.vocabulary, d=9.0)
    for parts, expected in (([(0, 9)], "dddd"), (None, "ddad")):
        request = Request(length=4, temperatures=(0.0,), no_copy=CopyIndex(text, 2, parts))
        assert text_of(request.generate(engine, text.vocabulary, "")[0].characters) == expected


# -- documents, bytes, other texts -----------------------------------------------------------------------------------


@pytest.mark.parametrize("separator", ["\n", "\n\n", "---\n"])
@pytest.mark.parametrize("of_bytes", [False, True])
@pytest.mark.parametrize("longest", [1, 2, 3, 5])
def test_between_documents_stands_what_is_shown(tmp_path: Any, separator: str, of_bytes: bool, longest: int) -> None:
    path = tmp_path / "documents.txt"
    path.write_text(separator.join(["ab", "ba", "é", "aab", "bé", "abba"]), "utf-8")
    text = corpus.read(path, ReadConfig(documents=True, document_separator=separator, bytes=of_bytes))
    shown = text.vocabulary.decode(np.asarray(text.ids))
    source = text.vocabulary.readable(shown)
    for count in (None, 4):
        for written in write(text, longest, "ab", length=200, count=count):
            new = "ab" + text_of(written.characters)
            if of_bytes:
                source_bytes, data = source.encode(), new.encode("utf-8", "surrogateescape")
                runs = [data[at : at + longest + 1] for at in range(len(data) - longest) if at + longest >= 2]
                assert not [run for run in runs if run in source_bytes]
            else:
                assert copied(new, source, longest, after=2) == []
            assert novelty.find([new[2:]], text, least=longest + 1)[0].share == 0
            assert longest == 1 or len(new) > 3


def test_a_document_may_always_end() -> None:
    """By hand: after every b an end; b and an end is in the text, and yet no text goes on after b."""
    vocabulary = Vocabulary(to_code_points("ab"), boundary="\n")
    text = corpus.from_text("ab\nab\nbb", config=ReadConfig(documents=True))
    engine = engine_of(vocabulary, b=3.0, **{"": 5.0})
    for count in (None, 2):
        asked = Request(count=count, temperatures=(1.0,), no_copy=CopyIndex(text, 1))
        for written in asked.generate(engine, vocabulary, ""):
            text_of(written.characters)
            assert written.ended_by == "document"


def test_rare_characters_are_those_of_the_text_and_never_written() -> None:
    rare = corpus.from_text("aaaabbbbxaab", config=ReadConfig(min_count=2))
    assert rare.vocabulary.unknown
    full = corpus.from_text("aaaabbbbxaab")
    for longest in (1, 2, 3):
        asked = Request(length=100, temperatures=(1.0,), no_copy=CopyIndex(full, longest))
        for prime in ("", "ab\N{REPLACEMENT CHARACTER}a"):
            [written] = asked.generate(engine_of(rare.vocabulary), rare.vocabulary, prime)
            new = text_of(written.characters)
            assert copied(prime + new, full.text, longest, after=len(prime)) == []
            if written.ended_by == "no-copy":  # both characters would have copied; the unknown symbol is none
                assert follow(prime + new, full.text, longest) >= {"a", "b"}
            else:
                assert len(new) == 100


def test_another_text_has_other_characters() -> None:
    """What it has in another form is taken as that, what it has not at all copies nothing."""
    vocabulary = Vocabulary.of(to_code_points("a’zβ"))
    text = corpus.from_text("a'a'a'b")
    engine = engine_of(vocabulary, **{"’": 9.0, "β": 5.0})
    [written] = Request(length=2, temperatures=(0.0,), no_copy=CopyIndex(text, 1)).generate(engine, vocabulary, "a")
    assert text_of(written.characters) == "β’"
    assert novelty.find(["a’"], text, least=2)[0].share == 1
