"""The verdict on real small trainings that fail, or come to an end, each in its own way."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.command_line import CommandLine

import charrnn
from charrnn.errors import DivergedError
from charrnn.evaluation import verdict
from charrnn.evaluation.verdict import Verdict
from charrnn.runs.listing import listing
from charrnn.runs.run import Run
from charrnn.text import corpus
from charrnn.training.events import Progress

PROSE = "".join(
    f"On day {day} of the {word} week Ann saw {day * day % 97} ships, {day % 7} {word}, and went home by {day % 12}.\n"
    for day, word in enumerate(("long", "short", "windy", "quiet", "third", "last") * 100)
)
TINY: dict[str, Any] = {"rnn_size": 16, "num_layers": 1, "embedding_size": 8, "batch_size": 8, "seq_length": 16}
TINY |= {"device": "cpu", "sample_length": 0, "warmup": 1, "precision": "float32", "snapshot_at": ()}


def judged(root: Path, text: str, **settings: Any) -> Verdict:
    """The verdict on a training, which may diverge."""
    path = root / "my text.txt"
    path.write_text(text, "utf-8")
    try:
        for _ in charrnn.train(path, checkpoint_dir=root / "runs", name="one", **TINY | settings):
            pass
    except DivergedError:
        pass
    found = verdict.of_run(Run(root / "runs" / "one"))
    assert found is not None
    return found


def test_dead_units_know_letter_frequencies_at_most(tmp_path: Path) -> None:
    """The rate is far too high for units without a bound: the gradient explodes once, and they are dead."""
    dead = {"model": "rnn", "nonlinearity": "relu", "layer_norm": False, "optimizer": "adamw"}
    dead |= {"learning_rate": 2.0, "grad_clip": 0.0}
    found = judged(tmp_path, PROSE, iterations=80, eval_every=10, **dead)
    assert found.outcome == "not learning"
    assert any(" is no better than letter frequencies: " in sentence for sentence in found.sentences)
    assert found.sentences[-1].startswith("Try a tenth of the learning rate and gradient clipping: ")
    assert found.command
    typed = shlex.split(found.command)
    assert typed[:3] == ["charrnn", "train", str(tmp_path / "my text.txt")]
    assert typed[typed.index("--learning-rate") + 1] == "0.2"
    assert typed[typed.index("--grad-clip") + 1] == "5"


def test_a_loss_that_is_no_number_is_said_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    blown = {"optimizer": "sgd", "learning_rate": 1e6, "grad_clip": 0.0, "model": "rnn", "nonlinearity": "relu"}
    found = judged(tmp_path, PROSE, iterations=40, eval_every=10, layer_norm=False, **blown)
    assert found.outcome == "diverged"
    assert found.sentences[0].startswith("Diverged at iteration ")
    assert found.sentences[-1].startswith(
        "Try a tenth of the learning rate and gradient clipping: the loss was no number"
    )
    [summary] = listing(tmp_path / "runs")
    assert summary.diverged is not None
    assert summary.to_dict()["diverged"] == summary.diverged
    root = tmp_path / "runs"
    command = CommandLine(monkeypatch, capfdbinary)
    for verb in (["runs"], ["compare", "one", "-n", "0"]):
        shown = command(*verb, "--checkpoint-dir", root).stdout.decode()
        assert f"iverged at iteration {summary.diverged}" in shown
    assert b"untrained" in command("sample", "one", "-n", "5", "--checkpoint-dir", root).stderr


def test_an_explosion_that_came_back_is_no_learning(tmp_path: Path) -> None:
    exploding = {"optimizer": "adamw", "learning_rate": 1.0, "grad_clip": 0.0, "warmup": 20}
    found = judged(tmp_path, PROSE, iterations=200, eval_every=10, **exploding)
    assert found.outcome == "unstable"
    assert re.fullmatch(
        r"The loss rose from 3\.\d+ to 1\d\.\d+ bits by iteration [34]0, and came back\.", found.sentences[1]
    )
    assert found.sentences[-1].startswith(
        "Try half the learning rate and gradient clipping: the loss exploded on the way"
    )


def test_a_text_that_is_learnt_whole_is_solved(tmp_path: Path) -> None:
    found = judged(tmp_path, "abcdefgh" * 800, iterations=150, eval_every=50, learning_rate=0.02)
    assert found.outcome == "solved"
    assert found.sentences[-1].startswith(("Nothing is left to learn", "Look at the text first"))
    assert not any("-0.00" in sentence or "larger network (" in sentence for sentence in found.sentences)
    assert found.command == f"charrnn corpora check {shlex.quote(str(tmp_path / 'my text.txt'))}"


def test_characters_in_no_order_are_nothing_to_learn(tmp_path: Path) -> None:
    noise = "".join(np.random.default_rng(1).choice(list("abcdefgh"), size=12_000))
    found = judged(tmp_path, noise, iterations=200, eval_every=50)
    assert found.outcome == "not learning"
    assert found.sentences[-1].startswith("Nothing else can be had from this text by counting either")
    assert found.command is None


def test_a_chain_of_letters_is_learnt_as_well_as_by_counting(tmp_path: Path) -> None:
    """Each letter depends on the one before it and on chance: a bigram model is the best there can be."""
    rng, letters = np.random.default_rng(1), "abcd"
    text = "a"
    for number in rng.random(16_000).tolist():
        text += letters[(letters.index(text[-1]) + 1) % 4] if number < 0.8 else letters[int(number * 1e6) % 4]
    found = judged(tmp_path, text, iterations=400, eval_every=50, learning_rate=0.02)
    assert found.outcome == "settled"
    assert found.sentences[-1] == (
        "Little more is to be had from this text: the network predicts it as well as counting."
    )


def test_a_small_network_after_little_reading_is_advised_no_dropout(tmp_path: Path) -> None:
    iterations = round(1.5 * 0.9 * len(PROSE) / (8 * 16))
    found = judged(tmp_path, PROSE, iterations=iterations, eval_every=iterations // 10, rnn_size=8)
    assert found.outcome in ("learning", "settled", "too short to say")
    assert "dropout" not in found.sentences[-1]


def test_a_large_network_on_a_short_text_learns_it_by_heart(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    words = ["".join(rng.choice(list("abcdefghij"), size=rng.integers(2, 7))) for _ in range(200)]
    text = " ".join(rng.choice(words, size=400))
    undropped = {"dropout": 0.0, "input_dropout": 0.0, "recurrent_dropout": 0.0, "weight_decay": 0.0}
    found = judged(tmp_path, text, iterations=300, eval_every=20, rnn_size=64, learning_rate=0.02, **undropped)
    assert found.outcome == "memorising"
    assert found.sentences[-1].startswith(("Try a smaller network or more text: ", "Look at the text first"))


def test_a_training_that_stopped_early_is_gone_on_with(tmp_path: Path) -> None:
    settings = TINY | {"iterations": 60, "eval_every": 10, "snapshot_at": (20,)}
    for event in charrnn.train(corpus.from_text(PROSE), checkpoint_dir=tmp_path, name="one", **settings):
        if isinstance(event, Progress) and event.iteration == 30:
            break
    found = verdict.of_run(Run(tmp_path / "one"))
    assert found is not None
    assert found.sentences[-1].startswith("Try going on with --resume")
    assert found.command == f"charrnn train TEXT --resume {shlex.quote(str(tmp_path / 'one'))}"


def test_a_training_that_diverges_ends_with_what_to_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "it's.txt").write_text(PROSE, "utf-8")
    typed = [
        "--model",
        "rnn",
        "--nonlinearity",
        "relu",
        "--no-layer-norm",
        "--optimizer",
        "sgd",
        "--learning-rate",
        "1e8",
        "--grad-clip",
        "0",
    ]
    small = ["--rnn-size", "8", "--iterations", "30", "--eval-every", "10", "--threads", "1", "--device", "cpu"]
    done = CommandLine(monkeypatch, capfdbinary)("train", "it's.txt", *typed, *small)
    assert done.returncode == 1
    said = done.stderr.decode()
    assert "verdict Diverged at iteration" in said
    command = said[said.index("charrnn train ") : said.rindex("charrnn: iteration")].replace("\\\n", " ")
    words = shlex.split(command)
    assert words[2] == "it's.txt"
    assert words[words.index("--learning-rate") + 1] == "1e+07"
    assert said.rstrip().splitlines()[-1].startswith("charrnn: iteration ")
