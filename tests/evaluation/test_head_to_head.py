"""Models measured on one text: against scores and n-grams taken one by one."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import tiny
from rich.console import Console

from charrnn.config import ReadConfig, TrainConfig
from charrnn.errors import CorpusError, UsageError
from charrnn.evaluation.bootstrap import paired_difference
from charrnn.evaluation.comparison import compare
from charrnn.evaluation.head_to_head import measure
from charrnn.evaluation.ngrams import kneser_ney
from charrnn.evaluation.scoring import UNSEEN_BITS, score
from charrnn.network.engine import Engine
from charrnn.runs import checkpoint
from charrnn.terminal.comparison import show_comparison
from charrnn.text import corpus
from charrnn.text.vocabulary import Vocabulary, to_code_points

SENTENCES = [f"Ship {n} came in at {n % 7} with {n * n} crates; the rest went out again.\n" for n in range(60)]
TEXT = "".join(SENTENCES)
START = int(len(TEXT) * 0.75)


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "ships.txt"
    path.write_text(TEXT, "utf-8")
    return path


def bits(path: Path, of: str, lead: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    kept = checkpoint.load(path)
    return score(Engine(kept.header.model, kept.weights), kept.header.vocabulary, of, lead=lead).bits


def test_on_what_they_held_out(tmp_path: Path, text: Path) -> None:
    paths = [
        tiny.run_on(tmp_path, name, text, seed) / "iteration-000010.safetensors" for seed, name in enumerate("abc")
    ]
    found = measure(paths)
    assert (found.text, found.held_out, found.characters) == ("ships.txt", True, len(TEXT) - START)
    by_hand = [bits(path, TEXT[START - 512 :], 512) for path in paths]
    assert [one.carried for one in found.models] == [pytest.approx(one.mean()) for one in by_hand]
    best = int(np.argmin([one.mean() for one in by_hand]))
    assert found.best == paths[best]
    for number, one in enumerate(found.models):
        expected = None if number == best else paired_difference(by_hand[best], by_hand[number])
        assert one.difference == expected
        assert one.unseen == 0
    cold = [bits(paths[0], TEXT[at - 1 : at + 256], 1) for at in range(START, len(TEXT), 256)]
    assert found.models[0].cold == pytest.approx(np.concatenate(cold).mean(), rel=1e-6)
    read = corpus.read(text)
    ids = np.asarray(read.ids)
    baseline = kneser_ney(ids[:START], ids[START:], len(read.vocabulary))
    assert (found.order, found.ngrams) == (baseline.order, baseline.bits)


def test_on_so_many_characters(tmp_path: Path, text: Path) -> None:
    [path] = [tiny.run_on(tmp_path, "a", text) / "iteration-000010.safetensors"]
    found = measure([path], length=100)
    assert found.characters == 100
    assert found.models[0].carried == pytest.approx(bits(path, TEXT[START - 512 : START + 100], 512).mean())
    with pytest.raises(UsageError, match="--text-length 1"):
        measure([path], length=1)


def test_on_another_text_whatever_their_vocabularies(tmp_path: Path, text: Path) -> None:
    (tmp_path / "other.txt").write_text("So it goes on: ships…", "utf-8")
    fewer = Vocabulary.of(to_code_points("Sitgoe hp."))
    paths = [
        tiny.run_on(tmp_path, "a", text) / "iteration-000010.safetensors",
        tiny.run_on(tmp_path, "b", text, vocabulary=fewer) / "iteration-000010.safetensors",
    ]
    found = measure(paths, str(tmp_path / "other.txt"))
    assert (found.held_out, found.characters, found.ngrams) == (False, 20, None)
    assert [model.unseen for model in found.models] == [1, 5]  # : and s n : s s; … is read as dots
    assert found.models[1].carried > 5 * UNSEEN_BITS / 20


def test_on_the_text_of_one_of_them(tmp_path: Path, text: Path) -> None:
    """In whatever order they are named, all are measured on what that one held out."""
    (tmp_path / "other.txt").write_text(TEXT[::-1], "utf-8")
    own, other = (
        tiny.run_on(tmp_path, name, path, seed) / "iteration-000010.safetensors"
        for seed, (name, path) in enumerate((("own", text), ("foreign", tmp_path / "other.txt")))
    )
    for paths in ([own, other], [other, own]):
        found = measure(paths, str(text))
        assert (found.text, found.held_out, found.characters) == ("ships.txt", True, len(TEXT) - START)
        expected = [bits(path, TEXT[START - 512 :], 512).mean() for path in paths]
        assert [model.carried for model in found.models] == [pytest.approx(mean) for mean in expected]


def test_what_differs_is_not_measured_as_one(tmp_path: Path, text: Path) -> None:
    lower = tiny.run_on(tmp_path, "lower", text, read=ReadConfig(lowercase=True)) / "iteration-000010.safetensors"
    plain = tiny.run_on(tmp_path, "plain", text) / "iteration-000010.safetensors"
    for named in (None, str(text)):  # the advice is not to name a text, which one may have done
        with pytest.raises(
            UsageError, match=r"read different characters in ships\.txt \(--lowercase\)\. Compare models"
        ):
            measure([plain, lower], named)
    lone = tiny.save(tmp_path / "lone.safetensors")
    with pytest.raises(UsageError, match="--text FILE"):
        measure([lone])
    text.write_text(TEXT + "More.", "utf-8")
    with pytest.raises(UsageError, match=r"is not what .* was trained on"):
        measure([plain])
    assert measure([plain], str(text)).characters == len(TEXT) - START + len("More.")
    with pytest.raises(CorpusError, match="nowhere"):
        measure([plain], str(tmp_path / "nowhere.txt"))


def test_each_document_has_its_tail(tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.txt").write_text("".join(SENTENCES[number * 20 : number * 20 + 20]), "utf-8")
    run = tiny.run_on(tmp_path, "a", folder, read=ReadConfig(documents=True, boundary=False))
    path = run / "iteration-000010.safetensors"
    found = measure([path])
    tails = [text[int(len(text) * 0.75) :] for text in ("".join(SENTENCES[n : n + 20]) for n in (0, 20, 40))]
    assert found.characters == sum(map(len, tails))
    assert found.ngrams is not None
    assert measure([path], length=len(tails[0]) + 5).characters == len(tails[0]) + 5


def test_whole_documents_are_measured_from_their_first_character_on(tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    for number in range(8):
        (folder / f"{number}.txt").write_text("".join(SENTENCES[number * 7 : number * 7 + 7]), "utf-8")
    runs = [
        tiny.run_on(tmp_path, name, folder, seed, read=ReadConfig(documents=True)) for seed, name in enumerate("ab")
    ]
    source = corpus.read(folder, ReadConfig(documents=True))
    held_out = source.split(0.25, TrainConfig().val_max).held_out
    documents = [source.vocabulary.decode(source.ids[start : stop - 1]) for _, start, stop in held_out]
    found = measure([run / "iteration-000010.safetensors" for run in runs])
    assert 1 <= len(documents) < 8
    assert found.characters == sum(map(len, documents))
    assert found.ngrams is not None
    # A text of one document, for a model of documents and for one without: the same characters of both.
    plain = tiny.run_on(tmp_path, "c", folder / "0.txt")
    paths = [run / "iteration-000010.safetensors" for run in (runs[0], plain)]
    other = tmp_path / "other.txt"
    other.write_text("A text that none has seen.", "utf-8")
    assert measure(paths, str(other)).characters == 25
    assert measure(paths[:1], str(other)).characters == 26


def test_compare_measures_several_runs_and_says_which_is_better(tmp_path: Path, text: Path) -> None:
    runs = [tiny.run_on(tmp_path, name, text, seed) for seed, name in enumerate("ab")]
    result = compare(runs, length=40, temperatures=(0.5, 1.0))
    assert result.measurement
    out = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None, markup=False)
    show_comparison(out, result)
    assert isinstance(out.file, io.StringIO)
    shown = out.file.getvalue()
    assert max(map(len, shown.splitlines())) <= 80
    assert f"Measured on {len(TEXT) - START:,} held-out characters of ships.txt" in shown
    worse = next(one for one in result.measurement.models if one.difference)
    assert worse.difference
    said = re.sub(r"\s+", " ", shown)
    assert f"by {worse.difference.mean:.3f} ± {worse.difference.half:.3f} bits per character" in said
    assert "n-grams of order" in shown
    kept = checkpoint.read_header(runs[0] / "iteration-000010.safetensors")
    parameters = kept.model.parameters(len(kept.vocabulary))
    assert [one.parameters for one in result.costs] == [parameters] * 2
    assert re.search(rf"a +{parameters:,} +102,400 +- ", shown)
    assert [one.temperature for one in result.samples] == [0.5, 1.0] * 2
    assert "temperature 0.5, 1" in shown
    told = json.loads(json.dumps(result.to_dict(), allow_nan=False))["measurement"]
    assert [one["path"] for one in told["models"]] == [str(one.path) for one in result.measurement.models]
    assert [one["behind"] is None for one in told["models"]].count(True) == 1
    assert compare(runs, length=0, text_length=0).measurement is None
    assert compare(runs[:1], length=0).measurement is None
    alone = compare(runs[:1], length=0, text=str(text)).measurement
    assert alone
    assert alone.held_out


def test_compare_says_why_it_measured_nothing(tmp_path: Path, text: Path) -> None:
    runs = [tiny.run_on(tmp_path, name, text, seed) for seed, name in enumerate("ab")]
    text.unlink()
    result = compare(runs, length=0)
    assert result.measurement is None
    assert "ships.txt" in result.notes[-1]
    with pytest.raises(CorpusError, match=r"ships\.txt"):
        compare(runs, length=0, text=str(text))


# -- models that held out different parts of a text, or of what it was ------------------------------------------------


def test_what_all_held_out_of_one_text_is_measured(tmp_path: Path, text: Path) -> None:
    shares = {"a": 0.25, "b": 0.1, "c": 0.4}
    paths = [
        tiny.run_on(tmp_path, name, text, seed, training=TrainConfig(val_frac=share)) / "iteration-000010.safetensors"
        for seed, (name, share) in enumerate(shares.items())
    ]
    start = int(len(TEXT) * 0.9)
    for named in (None, str(text)):
        for order in (paths, paths[::-1]):
            found = measure(order, named)
            assert (found.held_out, found.characters) == (True, len(TEXT) - start)
            expected = [bits(path, TEXT[start - 512 :], 512).mean() for path in order]
            assert [model.carried for model in found.models] == [pytest.approx(mean) for mean in expected]
    result = compare([path.parent for path in paths], length=0)
    assert result.measurement
    assert "--text" not in result.notes[0]
    spread = TrainConfig(val_frac=0.3, val_at="spread")
    other = tiny.run_on(tmp_path, "d", text, 4, training=spread) / "iteration-000010.safetensors"
    split = corpus.read(text).split(0.3, spread.val_max, "spread")
    both = sum(max(0, stop - max(begin, START)) for _, begin, stop in split.held_out)
    assert both > 0
    assert measure([paths[0], other], str(text)).characters == both


@pytest.mark.parametrize("where", ["end", "beginning"])
def test_a_text_that_has_grown(tmp_path: Path, where: str) -> None:
    """The old model has read nothing of what is new, whether its own text is still there or was written over."""
    more = "".join(f"Later, boat {n * 7} left with {n} chests, and nobody saw it.\n" for n in range(40))
    old, new = tmp_path / "old.txt", tmp_path / "ships.txt"
    grown = TEXT + more if where == "end" else more + TEXT
    for written_over in (False, True):
        root = tmp_path / str(written_over)
        first = new if written_over else old
        first.write_text(TEXT, "utf-8")
        before = tiny.run_on(root, "before", first) / "iteration-000010.safetensors"
        new.write_text(grown, "utf-8")
        after = tiny.run_on(root, "after", new, 1) / "iteration-000010.safetensors"
        for paths in ([before, after], [after, before]):
            found = measure(paths, str(new))
            start = int(len(grown) * 0.75)
            held_out = len(grown) - start if where == "end" else min(len(grown) - start, len(TEXT) - START)
            assert (found.held_out, found.characters) == (True, held_out)
        if where == "end":
            result = compare([before.parent, after.parent], length=0)
            assert result.notes[0].endswith(f"--text {new}")


def test_a_text_that_was_changed_inside(tmp_path: Path, text: Path) -> None:
    """Nothing tells what of it the model has read, unless what it was is still to be had."""
    path = tiny.run_on(tmp_path, "a", text) / "iteration-000010.safetensors"
    (tmp_path / "copy.txt").write_text(TEXT, "utf-8")
    kept = tiny.run_on(tmp_path, "b", tmp_path / "copy.txt") / "iteration-000010.safetensors"
    middle = "".join(f"A storm of {n} days came from the {n % 5}th side, with {n * 3} waves.\n" for n in range(20))
    text.write_text(TEXT[:1000] + middle + TEXT[1000:], "utf-8")
    with pytest.raises(UsageError, match=r"has changed since .* Name a text that none of the models was trained on"):
        measure([path], str(text))
    found = measure([kept], str(text))
    assert found.held_out
    assert found.characters == pytest.approx(len(middle) + len(TEXT) - START, abs=200)


def test_folders_that_have_some_files_in_common(tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    parts = ["".join(SENTENCES[n : n + 20]) for n in (0, 20, 40)]
    for number, part in enumerate(parts[:2]):
        (folder / f"{number}.txt").write_text(part, "utf-8")
    before = tiny.run_on(tmp_path, "before", folder) / "iteration-000010.safetensors"
    (folder / "2.txt").write_text(parts[2], "utf-8")
    after = tiny.run_on(tmp_path, "after", folder, 1) / "iteration-000010.safetensors"
    size = len("\n\n".join(parts))
    found = measure([before, after], str(folder))
    assert (found.held_out, found.characters) == (True, size - int(size * 0.75))
    joined = len("\n\n".join(parts[:2]))
    assert measure([before], str(folder)).characters == size - int(joined * 0.75)


def test_bytes_and_characters_hold_out_the_same_of_a_text_in_any_script(tmp_path: Path) -> None:
    path = tmp_path / "prose.txt"
    written = "".join(f"Près de « {n} », il y a {n * n} étés déjà : {n % 9} œufs.\n" for n in range(120))
    path.write_text(written, "utf-8")
    paths = [
        tiny.run_on(tmp_path, name, path, read=reading) / "iteration-000010.safetensors"
        for name, reading in (("characters", ReadConfig()), ("bytes", ReadConfig(bytes=True)))
    ]
    found = measure(paths, str(path))
    held_out = len(written) - int(len(written) * 0.75)
    assert found.held_out
    assert held_out - 200 <= found.characters <= held_out


def test_nothing_is_left_to_be_measured(tmp_path: Path, text: Path) -> None:
    none, some = (
        tiny.run_on(tmp_path, f"{share}", text, training=TrainConfig(val_frac=share)) / "iteration-000010.safetensors"
        for share in (0.0, 0.5)
    )
    with pytest.raises(CorpusError, match=r"nothing of it is left .* Name a text that none of them was trained on"):
        measure([none, some], str(text))


@pytest.mark.parametrize(
    "reading",
    [
        ReadConfig(shuffle="lines"),
        ReadConfig(shuffle="lines", bytes=True),
        ReadConfig(documents=True, document_separator="\n"),
        ReadConfig(documents=True, document_separator="\n", bytes=True),
    ],
)
def test_lines_in_another_order_are_known_by_their_words(tmp_path: Path, text: Path, reading: ReadConfig) -> None:
    """Lines shorter than what tells where no position does: a model of shuffled lines was trained on most of them."""
    short = "".join(f"Ship {n} took {n % 7}.\n" for n in range(400))
    text.write_text(short, "utf-8")
    plain = tiny.run_on(tmp_path, "plain", text) / "iteration-000010.safetensors"
    other = tiny.run_on(tmp_path, "other", text, read=reading) / "iteration-000010.safetensors"
    source = corpus.read(text, reading)
    trained = "".join(
        source.vocabulary.decode(source.ids[start:stop]) + "\n" for start, stop in source.split(0.25, 0).training
    )
    lines = set(trained.split("\n"))
    unseen = [line for line in short[int(len(short) * 0.75) :].split("\n")[1:] if line and line not in lines]
    found = measure([plain, other], str(text))
    size = sum(len(line) + 1 for line in unseen)
    assert found.held_out
    # Less what is word for word the beginning of another line, and more of a line that is held out in part.
    assert 0.9 * size <= found.characters <= size + 45
    assert found.characters < 0.15 * len(short)
    if not reading.bytes and reading.shuffle == "lines":
        assert measure([other, plain], str(text)).characters == pytest.approx(found.characters, abs=45)
