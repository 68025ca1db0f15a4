"""`charrnn sample --no-copy`: a model that was trained until it copies, and the text that it must not copy."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from helpers import tiny
from typer.testing import CliRunner

import charrnn
from charrnn.commands.app import app
from charrnn.errors import CharrnnError, CorpusError, UsageError

SHIPS = "".join(f"{n} ships came in; « {n * n} » went out again.\n" for n in range(80))
TRAINED_ON = SHIPS[: int(len(SHIPS) * 0.9)]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on a file, which lies beside it, of two snapshots."""
    root = tmp_path_factory.mktemp("trained")
    (root / "ships.txt").write_text(SHIPS, "utf-8")
    small: dict[str, Any] = {"rnn_size": 32, "embedding_size": 8, "batch_size": 8, "seq_length": 16}
    shown = {"eval_every": 0, "snapshot_at": (50,), "sample_length": 20, "iterations": 150, "learning_rate": 0.02}
    for _ in charrnn.train(root / "ships.txt", checkpoint_dir=root, name="ships", device="cpu", **small | shown):
        pass
    return root / "ships"


def process(*arguments: str | Path) -> tuple[str, list[str]]:
    """The command in a process of its own: standard output, and the lines on standard error."""
    command = [sys.executable, "-m", "charrnn", "sample", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False, env=os.environ | {"PYTHONUTF8": "1"})
    assert done.returncode == 0, done.stderr
    return done.stdout.decode(), done.stderr.decode().splitlines()


def invoke(*arguments: str | Path) -> tuple[str, str]:
    """The command in this process. Raises what it raises."""
    result = CliRunner().invoke(app, ["sample", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout, result.stderr


def copied(text: str, longest: int, after: int = 0) -> list[str]:
    """The runs that are too long and end after so many characters, found as strings."""
    runs = [text[at : at + longest + 1] for at in range(len(text) - longest) if at + longest >= after]
    return [run for run in runs if run in TRAINED_ON]


SAID = (
    r"charrnn: --no-copy (\d+): something was ruled out at (\S+) of (\S+) characters, "
    r"which cost (\S+) bits per character"
)


@pytest.mark.parametrize(
    "options", [(), ("--greedy",), ("--count", "5"), ("--temperatures", "0,0.5,1"), ("--top-k=2",)]
)
@pytest.mark.parametrize("longest", [3, 8, 15])
def test_what_is_written_copies_no_more(run: Path, longest: int, options: tuple[str, ...]) -> None:
    common = (run, "--seed", "7", "-n", "300", "-p", "7 ships came", "--json", *options)
    free = [json.loads(line) for line in invoke(*common)[0].splitlines()]
    assert all(copied(facts["text"], longest) for facts in free), "this test's model is to copy"
    assert {facts["no_copy"] for facts in free} == {None}
    out, err = process(*common, "--no-copy", str(longest), "--novelty", "--novelty-length", str(longest + 1))
    lines = [json.loads(line) for line in out.splitlines()]
    for facts in lines:
        assert len(facts["text"]) == 300
        assert copied(facts["prime"] + facts["text"], longest, after=len(facts["prime"])) == []
        assert facts["novelty"] == {"found": 0, "stretches": []}
        assert facts["no_copy"] == longest
        assert facts["ruled_out"]["characters"] > 0
        assert 0 < facts["ruled_out"]["bits_per_character"] < facts["bits_per_character"]
    said = re.fullmatch(SAID, err[-1])
    assert said
    total = sum(facts["ruled_out"]["characters"] for facts in lines)
    cost = sum(facts["ruled_out"]["bits_per_character"] for facts in lines) / len(lines)
    assert said.groups() == (str(longest), f"{total:,}", f"{300 * len(lines):,}", f"{cost:.3f}")


def test_the_text_comes_as_it_is_written_and_is_that_of_its_seed(run: Path) -> None:
    common = (run, "--seed", "7", "-n", "200", "--no-copy", "10")
    out, err = process(*common)
    assert out == process(*common)[0] == invoke(*common)[0]
    assert out == json.loads(invoke(*common, "--json")[0])["text"]
    assert len(err) == 2
    model = charrnn.load(run)
    assert out == model.generate(length=200, seed=7, no_copy=10)
    assert out == "".join(character.text for character in model.stream(length=200, seed=7, no_copy=10))
    assert model.generate_many(2, length=200, seed=7, no_copy=10)[0] == out
    assert model.generate(length=200, seed=7) == invoke(*common[:-2])[0] != out
    assert invoke(*common[:-1], "300")[0] == invoke(*common[:-2])[0]  # no run is so long


def test_where_a_text_ends_counts(run: Path) -> None:
    for ending in (("--until", "again."), ("--finish", "line"), ("--length", "0")):
        out, err = invoke(run, "--seed", "7", "-n", "60", "--no-copy", "10", *ending)
        said = re.search(SAID, err)
        assert said
        assert said[3] == f"{len(out):,}"
        assert copied(out, 10) == []


def test_every_snapshot_is_kept_from_the_same_text(run: Path) -> None:
    out, err = invoke(run, "--every-snapshot", "--seed", "7", "-n", "100", "--no-copy", "4", "--json")
    texts = [json.loads(line)["text"] for line in out.splitlines()]
    assert len(texts) == 2
    assert [copied(text, 4) for text in texts] == [[], []]
    assert err.count("something was ruled out") == 1


def test_the_text_may_be_elsewhere_and_is_not_searched_for_what_is_found(run: Path, tmp_path: Path) -> None:
    usual, _ = invoke(run, "--seed", "7", "-n", "100", "--no-copy", "10")
    (tmp_path / "moved.txt").write_text(SHIPS, "utf-8")
    snapshot = tmp_path / "alone.safetensors"
    snapshot.write_bytes((run / "iteration-000150.safetensors").read_bytes())
    arguments = (snapshot, "--seed", "7", "-n", "100", "--no-copy", "10", "--text", tmp_path / "moved.txt")
    out, err = invoke(*arguments)
    assert out == usual
    assert "word for word" not in err
    assert "word for word" in invoke(*arguments, "--novelty")[1]
    assert charrnn.load(snapshot).generate(length=100, seed=7, no_copy=10, text=tmp_path / "moved.txt") == usual
    (tmp_path / "other.txt").write_text("Call me Ishmael. Some years ago", "utf-8")
    out, _ = invoke(run, "--seed", "7", "-n", "100", "--no-copy", "10", "--text", tmp_path / "other.txt")
    assert out == invoke(run, "--seed", "7", "-n", "100")[0]


def test_every_character_may_be_ruled_out(tmp_path: Path) -> None:
    (tmp_path / "ab.txt").write_text("aabba" * 60, "utf-8")
    directory = tiny.run_on(tmp_path, "ab", tmp_path / "ab.txt")
    out, err = invoke(directory, "--no-copy", "1", "--count", "3", "--seed", "1", "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert [(len(facts["text"]), facts["ended_by"]) for facts in lines] == [(1, "no-copy")] * 3
    assert err.splitlines()[-1] == (
        "charrnn: --no-copy 1: 3 texts ended early, where each character would have copied: "
        "a larger number leaves more to choose from"
    )


def test_a_model_of_bytes_counts_bytes(tmp_path: Path) -> None:
    (tmp_path / "bytes.txt").write_text("é è ê à â " * 40, "utf-8")
    directory = tiny.run_on(tmp_path, "bytes", tmp_path / "bytes.txt", read=charrnn.config.ReadConfig(bytes=True))
    out, err = invoke(directory, "--no-copy", "3", "-n", "200", "--seed", "1", "-p", "é è", "--json")
    data = json.loads(out)["text"].encode("utf-8", "surrogateescape")
    assert not [at for at in range(len(data) - 3) if data[at : at + 4] in "é è ê à â ".encode() * 36]
    assert re.search(r"ruled out at \d+ of 200 bytes, which cost \S+ bits per byte$", err.splitlines()[-1])


@pytest.mark.parametrize("options", [(), ("--count", "3"), ("--greedy",)])
def test_counts_beside_the_network_copy_no_more_either(tmp_path: Path, options: tuple[str, ...]) -> None:
    text = tmp_path / "tale.txt"
    text.write_text(tiny.TEXT * 8, "utf-8")
    directory = tiny.run_on(tmp_path, "tale", text)
    tiny.add_counts(directory / "iteration-000010.safetensors", tiny.TEXT * 6, share=0.9)
    common = (directory, "--ngrams", "-n", "200", "--seed", "1", "--json", *options)
    for line in invoke(*common)[0].splitlines():
        assert any(run in tiny.TEXT for run in runs_of(json.loads(line)["text"], 5)), "this test's counts copy"
    for line in invoke(*common, "--no-copy", "4")[0].splitlines():
        facts = json.loads(line)
        assert len(facts["text"]) == 200
        assert not [run for run in runs_of(facts["text"], 5) if run in tiny.TEXT * 6]
        assert facts["ruled_out"]["characters"] > 0


def runs_of(text: str, length: int) -> list[str]:
    """Every stretch of so many characters."""
    return [text[at : at + length] for at in range(len(text) - length + 1)]


@pytest.mark.parametrize(
    ("arguments", "kind", "what"),
    [
        (["--no-copy", "0"], UsageError, "--no-copy 0: at least 1"),
        (["--no-copy", "many"], UsageError, "--no-copy many"),
        (["--no-copy", "20"], UsageError, "--text FILE"),
        (["--no-copy", "20", "--text", "nowhere.txt"], CorpusError, "nowhere.txt"),
    ],
)
def test_what_cannot_be(tmp_path: Path, arguments: list[str], kind: type[CharrnnError], what: str) -> None:
    path = tiny.save(tmp_path / "alone.safetensors")
    with pytest.raises(kind, match=re.escape(what)):
        invoke(path, *arguments)
