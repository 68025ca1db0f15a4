"""A batch divided among threads: the same gradient, the same state, whatever the rows hold; and real trainings so."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.trainings import CELLS, TEXT, assert_same, finish, make

from charrnn.config import ModelConfig, ReadConfig, TrainConfig
from charrnn.network.torch_model import CharModel
from charrnn.text import corpus
from charrnn.training.data_parallel import DataParallel, pool
from charrnn.training.trainer import Trainer
from charrnn.training.windows import IGNORED, Window


def divided(model: CharModel, rows: int, threads: int, carry_at: int | None = None) -> DataParallel:
    return DataParallel(model, list(model.parameters()), batch_size=rows, threads=threads, seed=1, carry_at=carry_at)


def problem(cell: Any, rows: int = 5) -> tuple[CharModel, Window, Any]:
    rng = np.random.default_rng(0)
    model = CharModel(ModelConfig(model=cell, rnn_size=6, embedding_size=4, residual=True), 9, seed=1)
    inputs, targets = rng.integers(0, 9, (rows, 7)), rng.integers(0, 9, (rows, 7))
    state = tuple(
        tuple(torch.from_numpy(rng.normal(size=(rows, 6)).astype(np.float32)) for _ in layer)
        for layer in model.zero_state(rows)
    )
    return model, Window(inputs, targets, np.ones(rows, dtype=np.bool_), inputs.size), state


def test_rows_are_divided_evenly() -> None:
    model, *_ = problem("rnn")
    for rows in range(1, 12):
        for count in range(1, 14):
            lengths = [part.stop - part.start for part in divided(model, rows, count).rows]
            assert (len(lengths), sum(lengths)) == (min(rows, count), rows)
            assert max(lengths) - min(lengths) <= 1


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("carry_at", [None, 3])
def test_gradient_and_state_are_those_of_the_whole_batch(cell: str, carry_at: int | None) -> None:
    model, window, state = problem(cell)
    window.targets[0, 2:] = IGNORED  # parts of unequal weight
    whole, parts = (divided(model, 5, threads, carry_at).backward(window, state, 1) for threads in (1, 3))
    assert parts.loss.item() == pytest.approx(whole.loss.item(), rel=1e-5)
    for gradient, expected in zip(whole.gradients, parts.gradients, strict=True):
        torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-6)
    for layer, other_layer in zip(whole.state, parts.state, strict=True):
        for part, other_part in zip(layer, other_layer, strict=True):
            torch.testing.assert_close(part, other_part, rtol=1e-5, atol=1e-6)


def test_a_part_without_targets_counts_for_nothing() -> None:
    model, window, state = problem("lstm", rows=4)
    window.targets[2:] = IGNORED
    halves = divided(model, 4, 2).backward(window, state, 1)
    first = divided(model, 2, 1).backward(
        Window(window.inputs[:2], window.targets[:2], window.continues[:2], 14),
        tuple(tuple(part[:2] for part in layer) for layer in state),
        1,
    )
    assert halves.loss.item() == pytest.approx(first.loss.item())
    for gradient, expected in zip(halves.gradients, first.gradients, strict=True):
        torch.testing.assert_close(gradient, expected)


@pytest.mark.parametrize("dropped", [{}, {"dropout": 0.4, "input_dropout": 0.3, "recurrent_dropout": 0.2}])
def test_threads_learn_what_one_does(dropped: dict[str, float]) -> None:
    """With dropout too: its masks are those of the streams, and not of the threads."""
    torch.set_num_threads(3)
    several = make(batch_size=5, iterations=20, **dropped)
    finish(several)
    torch.set_num_threads(1)
    alone = make(batch_size=5, iterations=20, **dropped)
    finish(alone)
    assert several.train_loss == pytest.approx(alone.train_loss, rel=1e-5)
    assert several.evaluator.evaluate() == pytest.approx(alone.evaluator.evaluate(), rel=1e-5)


def test_documents_that_end_are_no_trouble(tmp_path: Path) -> None:
    torch.set_num_threads(3)
    for number, length in enumerate((300, 40, 9, 70, 21)):
        (tmp_path / f"{number}.txt").write_text(TEXT[100 * number : 100 * number + length], "utf-8")
    source = corpus.read(tmp_path, ReadConfig(documents=True))
    config = TrainConfig(batch_size=3, seq_length=8, iterations=60, sample_length=0, snapshot_at=(), eval_every=0)
    training = Trainer(source, ModelConfig(rnn_size=8, embedding_size=4), config, device="cpu")
    finish(training)
    assert training.iteration == 60
    assert np.isfinite(training.train_loss)


def test_threads_elsewhere_stay_as_they_were() -> None:
    torch.set_num_threads(3)
    finish(make(batch_size=5, iterations=2))
    assert torch.get_num_threads() == 3


@pytest.mark.parametrize("cell", CELLS)
def test_in_bfloat16_a_training_on_threads_is_the_same_each_time(cell: str) -> None:
    """Whichever thread is done first: the copies of the weights in bfloat16, which they share, stay for the others."""
    torch.set_num_threads(2)
    settings: dict[str, Any] = {"precision": "bfloat16", "batch_size": 4, "seq_length": 32, "iterations": 40}
    first, *others = [finish(make(TEXT[:900], model=cell, num_layers=1, **settings)) for _ in range(3)]
    for again in others:
        assert_same(again, first)


def test_rows_and_evaluations_share_their_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that what a thread keeps of memory is there once."""
    torch.set_num_threads(3)
    training, used = make(batch_size=3), set[int]()
    forward = training.model.forward

    def watched(*arguments: Any, **more: Any) -> Any:
        used.add(threading.get_ident())
        return forward(*arguments, **more)

    monkeypatch.setattr(training.model, "forward", watched)
    for _ in range(5):
        training.step()
        training.evaluator.forget()
        training.evaluator.evaluate()
    assert 1 <= len(used) <= 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks")
def test_a_forked_process_has_threads_of_its_own() -> None:
    assert list(pool(2).map(abs, [-1, -2])) == [1, 2]
    child = os.fork()
    if not child:
        signal.alarm(60)
        os._exit(list(pool(2).map(abs, [-3, -4])) != [3, 4])
    assert os.waitpid(child, 0)[1] == 0
