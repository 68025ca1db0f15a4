"""`charrnn sample --ngrams`: who writes, what says so, and what happens where there are no counts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import tiny

from charrnn.config import TrainConfig
from charrnn.network.engine import Engine
from charrnn.runs import checkpoint
from charrnn.sampling.generate import text_of
from charrnn.sampling.request import Request


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A network that holds out 3 bits, and 2.5 with its counts."""
    return tiny.add_counts(tiny.save(tmp_path / "model.safetensors"), tiny.TEXT * 4)


def run(*arguments: str | Path, error: bool = False) -> tuple[str, str]:
    """The command in a process of its own: standard output and standard error."""
    command = [sys.executable, "-m", "charrnn", "sample", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False, env=os.environ)
    assert (done.returncode != 0) == error, done.stderr
    return done.stdout.decode(), done.stderr.decode()


def expected(path: Path, *, counts: bool, length: int = 200, seed: int = 7) -> str:
    """What the library writes."""
    kept = checkpoint.load(path)
    request = Request(length=length, seed=seed)
    engine, mixture = Engine(kept.header.model, kept.weights), kept.mixture if counts else None
    [text] = request.generate(engine, kept.header.vocabulary, "", mixture)
    return text_of(text.characters)


@pytest.mark.parametrize(("options", "counts"), [([], True), (["--ngrams"], True), (["--no-ngrams"], False)])
def test_counts_have_a_say_unless_it_is_said_otherwise(model: Path, options: list[str], counts: bool) -> None:
    out, err = run(model, "-n", "200", "--seed", "7", *options)
    assert out.removesuffix("\n") == expected(model, counts=counts).removesuffix("\n")
    told = "network + counts, held out 2.500 bits" if counts else "network, held out 3.000 bits"
    assert f"iteration 100, {told} per character, sha256" in err
    line = json.loads(run(model, "-n", "200", "--seed", "7", "--json", *options)[0])
    assert line["ngrams"] is counts
    assert line["text"] == expected(model, counts=counts)
    assert expected(model, counts=True) != expected(model, counts=False)


def test_where_they_do_not_help_they_have_none_unless_asked_for(tmp_path: Path) -> None:
    model = tiny.add_counts(tiny.save(tmp_path / "model.safetensors"), tiny.TEXT, held_out=3.1, improves=False)
    assert "network, held out 3.000" in run(model, "-n", "5")[1]
    assert "network + counts, held out 3.100" in run(model, "-n", "5", "--ngrams")[1]


def test_an_untrained_network_writes_noise_unless_counts_are_asked_for(tmp_path: Path) -> None:
    model = tiny.add_counts(tiny.save(tmp_path / "model.safetensors", iteration=0), tiny.TEXT)
    assert "iteration 0, network, untrained: what it writes is noise, sha256" in run(model, "-n", "5")[1]
    asked = run(model, "-n", "5", "--ngrams")[1]
    assert "iteration 0, network + counts, untrained, held out 2.500 bits per character, sha256" in asked


def test_a_checkpoint_without_counts(tmp_path: Path) -> None:
    model = tiny.save(tmp_path / "model.safetensors")
    assert "iteration 100, network, held out 3.000" in run(model, "-n", "5")[1]
    out, err = run(model, "--ngrams", error=True)
    assert out == ""
    assert "model.safetensors: has no counts beside its network. Leave --ngrams out" in err
    assert err.count("\n") == 1


def test_counts_whose_arrays_are_damaged_are_refused(model: Path) -> None:
    kept = checkpoint.load(model)
    sizes = kept.tensors["ngrams/sizes"].copy()
    sizes[0] += 1
    checkpoint.save(model, kept.header, kept.tensors | {"ngrams/sizes": sizes})
    assert "its n-grams are damaged" in run(model, error=True)[1]
    assert "network, held out" in run(model, "-n", "5", "--no-ngrams")[1]


def test_every_snapshot_is_the_network_alone_unless_counts_are_asked_for(tmp_path: Path) -> None:
    root = tiny.run(tmp_path, "tale-1", {100: 3.0, 200: 2.8}, training=TrainConfig(iterations=200))
    for path in root.glob("iteration*"):
        tiny.add_counts(path, tiny.TEXT)
    common = (root, "--every-snapshot", "-n", "50", "--seed", "7", "--json")
    for option, counts in (([], False), (["--no-ngrams"], False), (["--ngrams"], True)):
        lines = [json.loads(line) for line in run(*common, *option)[0].splitlines()]
        assert [line["ngrams"] for line in lines] == [counts, counts]
        for line in lines:
            assert line["text"] == expected(Path(line["checkpoint"]), counts=counts, length=50)


@pytest.mark.parametrize("options", [["--count", "3"], ["--temperatures", "0.5,1"], ["--no-copy", "4"]])
def test_other_options_go_with_it(tmp_path: Path, options: list[str]) -> None:
    (tmp_path / "novel.txt").write_text(tiny.TEXT * 4, "utf-8")
    root = tiny.run_on(tmp_path, "novel-1", tmp_path / "novel.txt")
    [path] = root.glob("iteration*")
    tiny.add_counts(path, tiny.TEXT * 4)
    written = [json.loads(line) for line in run(path, "-n", "40", "--seed", "1", "--json", *options)[0].splitlines()]
    alone = run(path, "-n", "40", "--seed", "1", "--json", "--no-ngrams", *options)[0].splitlines()
    assert all(line["ngrams"] and line["bits_per_character"] > 0 for line in written)
    assert [line["text"] for line in written] != [json.loads(line)["text"] for line in alone]
