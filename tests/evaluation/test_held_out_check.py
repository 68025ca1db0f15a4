"""What makes a held-out text a bad measure is found, and a text that is fine is left in peace."""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path

import pytest
from helpers import checks

from charrnn.config import ReadConfig
from charrnn.evaluation import held_out_check
from charrnn.text import corpus
from charrnn.text.corpus import Corpus
from charrnn.text.finding import Finding

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared"
BOOK = checks.BOOK
CODE = "".join((ROOT / "charrnn" / name).read_text("utf-8") for name in ("api.py", "errors.py", "formatting.py"))
GERMAN = "Wer reitet so spät durch Nacht und Wind? Es ist der Vater mit seinem Kind; er hat den Knaben wohl im Arm. "


def found(text: Corpus | str, **split: object) -> dict[str, Finding]:
    if isinstance(text, str):
        text = corpus.from_text(text)
    listed = held_out_check.examine(text, text.split(0.1, **split))  # type: ignore[arg-type]
    return {finding.kind: finding for finding in listed}


def words(count: int, seed: int = 0) -> list[str]:
    """Invented words, all different, in order."""
    rng, made = random.Random(seed), set[str]()
    while len(made) < count:
        made.add("".join(rng.choice("bdfgklmnprstvz") + rng.choice("aeiou") for _ in range(rng.randint(2, 5))))
    return sorted(made)


def shuffled(items: list[str]) -> list[str]:
    return random.Random(1).sample(items, len(items))


# -- order -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", [str, str.title, lambda word: f"{word}\t{len(word)}", lambda word: f"* {word}!"])
@pytest.mark.parametrize("descending", [False, True])
def test_a_list_in_alphabetical_order_is_named_with_its_cure(change: type[str], descending: bool) -> None:
    listed = [change(word) for word in sorted(words(4000), reverse=descending)]
    findings = found("\n".join(listed))
    assert list(findings) == ["sorted-lines"]
    assert "--shuffle lines" in findings["sorted-lines"].advice
    assert findings["sorted-lines"].examples[0] in listed[-450:]
    assert found("\n".join(shuffled(listed))) == {}
    assert found("\n".join(listed), val_at="spread") == {}


def test_capitals_first_is_an_order_too() -> None:
    listed = words(3000)
    assert "sorted-lines" in found("\n".join(sorted([*map(str.title, listed[:1500]), *listed[1500:]])))


def test_the_list_that_was_misjudged() -> None:
    path = SHARED / "cases" / "words-sorted.txt"
    if not path.exists():
        pytest.skip(f"no {path}")
    assert list(found(corpus.read(path))) == ["sorted-lines"]
    assert found(corpus.read(path, ReadConfig(shuffle="lines"))) == {}


def test_the_entries_of_a_dictionary_may_be_in_order() -> None:
    definitions = [" ".join(BOOK[at : at + 160].split()) for at in range(0, 900 * 160, 160)]
    entries = [f"{word}, n. {text}" for word, text in zip(words(900), definitions, strict=True)]
    assert "sorted-lines" not in found("\n".join(entries))
    assert "sorted-lines" not in found("\n\n".join(f"{entry[:60]}\n    {entry[60:]}" for entry in entries))


def test_numbers_are_no_alphabet() -> None:
    assert "sorted-lines" not in found("\n".join(f'{{"text": "hello {n}"}}' for n in range(3000)))
    rng = random.Random(0)
    log = [
        f"2026-01-{n // 100:02d} {n % 24:02d}:00 {rng.choice(['info', 'warn', 'error'])} x" for n in range(100, 3000)
    ]
    assert "sorted-lines" not in found("\n".join(log))


# -- repeats ---------------------------------------------------------------------------------------------------------


def test_the_items_of_a_list_that_stand_twice_are_counted() -> None:
    names = words(3000)
    repeated = shuffled(names + names[:400])
    findings = found("\n".join(repeated))
    assert list(findings) == ["repeated-items"]
    assert findings["repeated-items"].count == 400
    assert "400 of 3,400 lines repeat an earlier one, 11.8 %" in findings["repeated-items"].message
    assert "awk" in findings["repeated-items"].advice
    assert found("\n".join(shuffled(names))) == {}


@pytest.mark.parametrize("sentence", ["The quick brown fox jumps over the lazy dog.\n", "ab", "one two three, "])
def test_one_sentence_over_and_over_measures_nothing(sentence: str) -> None:
    findings = found(sentence * 3000)
    assert list(findings) == ["held-out-copied"]
    assert "100% of what is held out stands word for word" in findings["held-out-copied"].message
    assert "--val-text" in findings["held-out-copied"].advice


@pytest.mark.parametrize("at", [0, 50_000, 100_000])
def test_a_copy_of_another_part_is_found_wherever_it_is(at: int) -> None:
    text = BOOK[:130_000]
    assert "held-out-copied" in found(text + text[at : at + 14_000])
    half = text + text[at : at + 3_000] + BOOK[130_000:141_000]
    assert found(half) == {}


def test_a_validation_text_may_be_a_copy() -> None:
    text, own = corpus.from_text(BOOK[:100_000]), BOOK[20_000:30_000]
    for held_out, kinds in ((own, ["held-out-copied"]), (BOOK[110_000:120_000], [])):
        encoded = dataclasses.replace(
            corpus.from_text(held_out), ids=text.vocabulary.encode(held_out), vocabulary=text.vocabulary
        )
        assert list(found(dataclasses.replace(text, validation=encoded))) == kinds


@pytest.mark.parametrize("settings", [{}, {"document_separator": "\n"}])
def test_a_validation_text_may_have_the_items_of_the_list_in_another_order(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    names = shuffled(words(4000))
    config = ReadConfig(documents=bool(settings), **settings)  # type: ignore[arg-type]
    checks.write(tmp_path, a="\n".join(shuffled(names[:3000])), b="\n".join(shuffled(names[2000:2600])))
    checks.write(tmp_path, c="\n".join(shuffled(names[3000:])))
    read = corpus.read(tmp_path / "a.txt", config, val_text=tmp_path / "b.txt")
    assert list(found(read)) == ["held-out-copied"]
    assert found(corpus.read(tmp_path / "a.txt", config, val_text=tmp_path / "c.txt")) == {}


@pytest.mark.parametrize("separator", ["\n", "\n\n", "<|endoftext|>"])
def test_documents_of_a_file_that_stand_twice_are_counted(tmp_path: Path, separator: str) -> None:
    names = words(2000)
    checks.write(tmp_path, a=separator.join(shuffled(names + names[:300])))
    findings = found(corpus.read(tmp_path, ReadConfig(documents=True, document_separator=separator)))
    noun = "lines" if separator == "\n" else "documents"
    assert list(findings) == ["repeated-items"]
    assert f"300 of 2,300 {noun} repeat an earlier one, 13.0 %" in findings["repeated-items"].message


def test_one_document_that_is_nearly_all_leaves_little_to_hold_out(tmp_path: Path) -> None:
    checks.write(tmp_path, a=BOOK[:100_000], b="Ten chars.")
    finding = found(corpus.read(tmp_path, ReadConfig(documents=True)))["held-out-small"]
    assert "only 10 of 100,010 characters are held out" in finding.message
    assert "--val-text" in finding.advice
    assert found(corpus.read(tmp_path)) == {}


def test_a_large_list_of_short_documents_is_sampled_across_them() -> None:
    spans = [(start, start + 7) for start in range(0, 700_000, 10)]
    sampled = held_out_check._sampled(spans, 40_000, 4_000)
    assert sum(stop - start for start, stop in sampled) == 40_000
    assert {(start // 10, stop // 10) for start, stop in sampled} <= {(at, at) for at in range(70_000)}
    assert sampled[0][0] == 0
    assert sampled[-1][1] == 699_997


def test_hashes_are_those_of_windows() -> None:
    ids = corpus.from_text(BOOK[:3000]).ids[0:3000]
    hashes = held_out_check._hashes(ids)
    windows = [tuple(ids[at : at + held_out_check._WINDOW].tolist()) for at in range(len(hashes))]
    assert len(windows[-1]) == held_out_check._WINDOW
    assert len(set(hashes.tolist())) == len(set(windows))
    assert held_out_check._hashes(ids[700 : 700 + held_out_check._WINDOW]).tolist() == [hashes[700]]


# -- kinds -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tail", [CODE, GERMAN * 300, "0 1 1 2 3 5 8 13 21 34 55 89 144\n" * 3 + "7 4 9\n" * 4000])
def test_a_tail_of_another_kind_is_named_with_its_cure(tail: str) -> None:
    text = BOOK[:130_000] + tail[:14_000]
    findings = found(text)
    assert list(findings) == ["held-out-of-another-kind"]
    assert "--val-at spread" in findings["held-out-of-another-kind"].advice
    assert "--val-text" in findings["held-out-of-another-kind"].advice
    assert found(text, val_at="spread") == {}


def test_the_file_of_another_kind_is_named(tmp_path: Path) -> None:
    checks.write(tmp_path, a=BOOK[:60_000], b=BOOK[60_000:120_000], c=BOOK[120_000:126_000], z=CODE[:12_000])
    finding = found(corpus.read(tmp_path))["held-out-of-another-kind"]
    assert finding.message.endswith("most of all in z.txt")
    assert "--shuffle documents" in finding.advice


def sound_texts() -> list[tuple[str, str]]:
    texts = [("novel", (ROOT / "corpora" / "the-tidewater-bank.txt").read_text("utf-8")), ("short", BOOK[:6_000])]
    for name in ("charrnn", "tests", "docs"):
        paths = sorted((ROOT / name).rglob("*.md" if name == "docs" else "*.py"))
        texts.append((name, "\n\n".join(path.read_text("utf-8") for path in paths)))
    for path in (*SHARED.glob("corpora/*.txt"), *SHARED.glob("cases/[hr]*.txt")):
        texts.append((path.stem, path.read_text("utf-8")))
        if path.stem == "tinyshakespeare":
            lines = texts[-1][1].split("\n")
            texts.append(("verse", "\n".join(line for line in lines if line and not line.endswith(":"))))
            texts.append(("play without blank lines", "\n".join(line for line in lines if line)))
    return texts


@pytest.mark.parametrize(("name", "text"), [pytest.param(*each, id=each[0]) for each in sound_texts()])
def test_of_a_text_that_is_fine_nothing_is_said(name: str, text: str) -> None:
    assert found(text) == {}
    assert found(text, val_at="spread") == {}


@pytest.mark.parametrize("text", ["ab", "abc\n" * 5, BOOK[:200], BOOK[:2_000]])
@pytest.mark.parametrize("val_frac", [0.0, 0.1, 0.9])
def test_too_little_is_nothing_to_judge(text: str, val_frac: float) -> None:
    read = corpus.from_text(text)
    assert held_out_check.examine(read, read.split(val_frac)) == []


def test_documents_apart_and_bytes(tmp_path: Path) -> None:
    checks.write(tmp_path, a=BOOK[:60_000], b=BOOK[60_000:120_000], c=BOOK[120_000:126_000])
    assert found(corpus.read(tmp_path, ReadConfig(documents=True))) == {}
    assert found(corpus.read(tmp_path, ReadConfig(bytes=True))) == {}


@pytest.mark.parametrize("size", [1_000, 99_999])
def test_samples_are_spread_over_spans(size: int) -> None:
    spans = [(0, 10_000), (20_000, 20_010), (30_000, 130_000)]
    sampled = held_out_check._sampled(spans, size, 500)
    assert sum(stop - start for start, stop in sampled) <= size
    assert sum(stop - start for start, stop in sampled) > 0.8 * size
    assert all(any(begin <= start < stop <= end for begin, end in spans) for start, stop in sampled)
    assert sampled[0][0] == 0
    assert sampled[-1][1] > 129_000
