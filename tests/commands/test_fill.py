"""`charrnn fill` as a person meets it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import bigrams, tiny
from typer.testing import CliRunner

from charrnn.commands.app import app
from charrnn.config import ReadConfig, TrainConfig
from charrnn.errors import CharrnnError, CheckpointError, DivergedError, RunError, UsageError, VocabularyError
from charrnn.network.engine import Engine
from charrnn.runs import checkpoint
from charrnn.sampling.chain import make_chain
from charrnn.sampling.fill import FillRequest, Gap, fill
from charrnn.sampling.side import Side
from charrnn.text.vocabulary import Vocabulary, to_code_points

BACKWARD = TrainConfig(iterations=100, backward=True)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("checkpoints")
    tiny.run(root, "ahead", {100: 2.5}, created="2026-01-01T00:00:00+00:00")
    tiny.run(root, "behind", {300: 2.1}, created="2026-01-02T00:00:00+00:00", training=BACKWARD)
    other = Vocabulary.of(to_code_points("abcdefgh .\n"))
    tiny.run(root, "another", {300: 2.1}, created="2026-01-03T00:00:00+00:00", vocabulary=other)
    for name, training in (("bytes", TrainConfig()), ("bytes-behind", BACKWARD)):
        facts: dict[str, Any] = {"vocabulary": Vocabulary.every_byte(), "reading": ReadConfig(bytes=True)}
        tiny.run(root, name, {100: 2.5}, created="2025-01-01T00:00:00+00:00", training=training, **facts)
    return root


def invoke(root: Path, *arguments: str | Path, given: str | None = None) -> tuple[str, str]:
    """Standard output and standard error. Raises what it raises."""
    result = CliRunner().invoke(
        app,
        ["fill", *map(str, arguments), "--checkpoint-dir", str(root)],
        input=given,
        env={"COLUMNS": "80"},
        catch_exceptions=False,
    )
    assert result.exit_code == 0, result.output
    return result.stdout, result.stderr


def found(root: Path, *arguments: str | Path, given: str | None = None) -> Any:
    """What --json says."""
    return json.loads(invoke(root, *arguments, "--json", given=given)[0])


def refused(root: Path, kind: type[CharrnnError], *arguments: str | Path) -> str:
    """The one line it ends with."""
    with pytest.raises(kind) as caught:
        invoke(root, *arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_json_has_what_the_library_finds_in_any_order_of_the_models(root: Path) -> None:
    typed = ("Prince [...] Lucca", "--seed", "3", "--draws", "30", "--max-length", "4", "--count", "3", "-t", "1")
    facts = found(root, "ahead", "behind", *typed)
    assert facts == found(root, "behind", "ahead", *typed)
    sides, vocabulary = [], tiny.header().vocabulary
    for file in ("ahead/iteration-000100.safetensors", "behind/iteration-000300.safetensors"):
        kept = checkpoint.load(root / file)
        sides.append(Side(Engine(kept.header.model, kept.weights)))
    request = FillRequest(lengths=range(1, 5), process=make_chain(), draws=30, judged=32, seed=3)
    expected = fill(*sides, vocabulary, Gap("Prince ", " Lucca"), request)
    assert facts["fillings"] == expected.to_dict(3)["fillings"]
    assert (facts["draws"], facts["different"], facts["seed"]) == (30, len(expected.fillings), 3)
    assert facts["effective_sample_size"] == pytest.approx(expected.effective_sample_size)
    assert (facts["before"], facts["after"], facts["lengths"]) == ("Prince ", " Lucca", [1, 4])
    assert facts["forward"]["sha256"] == checkpoint.load(root / "ahead/iteration-000100.safetensors").digest
    assert (facts["backward"]["iteration"], facts["temperature"], facts["top_k"]) == (300, 1, None)


def test_none_named_are_the_newest_of_one_vocabulary_and_that_is_said(root: Path) -> None:
    """The newest forward run of all has no backward one beside it."""
    out, err = invoke(root, "Prince[...]Lucca", "--length", "2", "--draws", "20", "--seed", "1")
    assert "ahead/iteration-000100.safetensors, backward" in err
    assert "behind/iteration-000300.safetensors: the newest of one vocabulary" in err
    assert err.endswith("seed 1\n")
    rows = out.splitlines()
    assert rows[0].split() == ["Probability", "Weight", "Drawn", "Text"]
    assert "Prince[" in rows[2]
    assert "]Lucca" in rows[2]
    assert "20 fillings of 2 characters drawn by the forward model" in out
    assert "Effective sample size: " in out


def test_the_text_comes_from_a_file_or_a_pipe(root: Path, tmp_path: Path) -> None:
    file = tmp_path / "letter.txt"
    file.write_text("so ___ Genoa", "utf-8")
    typed = ("ahead", "behind", "--mark", "___", "--seed", "1", "--draws", "5", "--length", "3")
    wanted = found(root, *typed[:2], "so ___ Genoa", *typed[2:])
    assert wanted == found(root, *typed, "--text-file", file)
    assert wanted == found(root, *typed[:2], "-", *typed[2:], given="so ___ Genoa")


def test_a_text_is_read_in_the_form_that_the_models_know(root: Path) -> None:
    out, err = invoke(root, "ahead", "behind", "ne\u0301 [...]", "--draws", "5", "--seed", "1", "--length", "1")
    assert "the text is read with composed characters" in err
    assert "né [" in out
    assert "Ж" in refused(root, VocabularyError, "ahead", "behind", "Ж [...]")


def test_bytes_are_bytes(root: Path) -> None:
    facts = found(root, "bytes", "bytes-behind", "né [...] \u00e9", "--draws", "9", "--length", "2", "--seed", "1")
    assert facts["before"] == "né "
    assert all(len(filling["text"].encode("utf-8", "surrogateescape")) == 2 for filling in facts["fillings"])
    out, _ = invoke(root, "bytes", "bytes-behind", "né [...] é", "--draws", "9", "--length", "2", "--seed", "1")
    assert "\\x" in out
    assert "of 2 bytes drawn" in out


def test_nothing_that_a_model_writes_is_obeyed_by_a_terminal(tmp_path: Path) -> None:
    vocabulary = Vocabulary.of(to_code_points("\x1b[\n"))
    even = [[1 / 3] * 3] * 3
    for name, training in (("f", TrainConfig()), ("b", BACKWARD)):
        made = tiny.header(model=bigrams.config(3), vocabulary=vocabulary, training=training)
        checkpoint.save(tmp_path / f"{name}.safetensors", made, bigrams.weights(even))
    out, _ = invoke(tmp_path, "f", "b", "[_\n", "--mark", "_", "--draws", "40", "-n", "2", "--seed", "1")
    assert "\x1b" not in out
    assert "␛" in out


def test_what_cannot_be_is_refused(root: Path, tmp_path: Path) -> None:
    assert "no text" in refused(root, UsageError)
    assert "has no [...]" in refused(root, UsageError, "ahead", "behind", "The door")
    assert "2 times" in refused(root, UsageError, "[...] and [...]")
    assert "in quotes" in refused(root, UsageError, "ahead", "The [...]")
    assert "in quotes" in refused(root, UsageError, "The", "door", "[...]", "and")
    assert "both read from the beginning" in refused(root, CheckpointError, "ahead", "ahead", "The [...]")
    assert "both read from the end" in refused(root, CheckpointError, "behind", "behind", "The [...]")
    assert "different vocabularies" in refused(root, CheckpointError, "another", "behind", "a [...]")
    assert "no such run" in refused(root, RunError, "nowhere", "behind", "a [...]")
    assert "contradict" in refused(root, UsageError, "a [...]", "--length", "3", "--max-length", "5")
    assert "1 word beside --text-file" in refused(root, UsageError, "a [...]", "--text-file", "x")
    assert "cannot be read" in refused(root, CharrnnError, "ahead", "behind", "--text-file", tmp_path / "none")
    assert "--length 0" in refused(root, UsageError, "a [...]", "--length", "0")


def test_without_a_model_of_either_direction_it_says_how_to_have_one(tmp_path: Path) -> None:
    assert "no runs here" in refused(tmp_path / "none", RunError, "a [...]")
    tiny.run(tmp_path, "ahead", {100: 2.5})
    said = refused(tmp_path, RunError, "a [...]")
    assert "no run of a backward model" in said
    assert "charrnn train TEXT --backward" in said
    other = Vocabulary.of(to_code_points("abc"))
    tiny.run(tmp_path, "behind", {100: 2.5}, vocabulary=other, training=BACKWARD)
    assert "no two runs of one vocabulary" in refused(tmp_path, RunError, "a [...]")


def test_a_network_without_numbers_is_named(root: Path, tmp_path: Path) -> None:
    header = tiny.header(training=BACKWARD)
    weights = tiny.weights(header) | {"head.bias": np.full(len(header.vocabulary), np.nan, dtype=np.float32)}
    checkpoint.save(broken := tmp_path / "broken.safetensors", header, weights)
    said = refused(root, DivergedError, "ahead", broken, "a [...]", "--no-ngrams")
    assert f"iteration-000100.safetensors or {broken}: The model's outputs are not numbers" in said
    result = CliRunner().invoke(app, ["sample", str(broken), "--ending", "a"])
    assert str(result.exception).startswith(f"{broken}: The model's outputs are not numbers")
