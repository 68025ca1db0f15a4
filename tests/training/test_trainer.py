"""The loop and the step: against a plain torch loop, exact in its state, undisturbed, resumable and careful."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers.trainings import (
    CELLS,
    MODEL_CONFIG,
    TEXT,
    TRAIN_CONFIG,
    assert_same,
    documents,
    finish,
    folder,
    give_gradient,
    make,
)
from numpy.typing import NDArray
from torch import Tensor, nn

from charrnn.config import DEMO_ITERATIONS, ReadConfig, TrainConfig
from charrnn.errors import CharrnnError, CorpusError, DivergedError, UsageError, VocabularyError
from charrnn.network.torch_model import entering
from charrnn.runs.checkpoint import Tensors
from charrnn.text import corpus, id_cache
from charrnn.training import streams, validation
from charrnn.training.events import Evaluated, Progress, Snapshot
from charrnn.training.resume import resume_point
from charrnn.training.trainer import Trainer
from charrnn.training.windows import IGNORED


def slices(training: Trainer) -> list[NDArray[Any]]:
    """The streams, cut by hand: (B,) of n ids, each followed by the first of the next."""
    config = training.config
    ids = training.vocabulary.encode(TEXT)[: int(len(TEXT) * 0.9)].astype(np.int64)
    n = (len(ids) - 1) // config.batch_size
    return [ids[row * n : row * n + n + 1] for row in range(config.batch_size)]


# -- the step ---------------------------------------------------------------------------------------------------------


class Plain:
    """The same network and AdamW written once more, from the papers' formulas: no charrnn in here."""

    def __init__(self, kind: str, weights: Tensors) -> None:
        self.kind = kind
        self.weights = {name: torch.tensor(value, requires_grad=True) for name, value in weights.items()}
        self.mean = {name: torch.zeros(value.shape) for name, value in weights.items()}
        self.square = {name: torch.zeros(value.shape) for name, value in weights.items()}
        self.layers = sum(name.endswith("weight_hh_l0") for name in weights)
        self.hidden = weights["head.weight"].shape[1]

    def zeros(self, rows: int) -> list[list[Tensor]]:
        return [[torch.zeros(rows, self.hidden) for _ in "hc"] for _ in range(self.layers)]

    def cell(self, layer: int, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        w_ih, w_hh, b_ih, b_hh = (
            self.weights[f"layers.{layer}.{name}_l0"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        a, b = x @ w_ih.T + b_ih, h @ w_hh.T + b_hh
        if self.kind == "rnn":
            return torch.tanh(a + b), c
        if self.kind == "lstm":
            i, f, g, o = (a + b).chunk(4, dim=1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            return torch.sigmoid(o) * torch.tanh(c), c
        (ar, az, an), (br, bz, bn) = a.chunk(3, dim=1), b.chunk(3, dim=1)
        z = torch.sigmoid(az + bz)
        return (1 - z) * torch.tanh(an + torch.sigmoid(ar + br) * bn) + z * h, c

    def loss(self, inputs: Tensor, targets: Tensor, state: list[list[Tensor]]) -> tuple[Tensor, list[list[Tensor]]]:
        total = torch.zeros(())
        for t in range(inputs.shape[1]):
            x = self.weights["embedding.weight"][inputs[:, t]]
            after = []
            for layer in range(self.layers):
                h, c = self.cell(layer, x, *state[layer])
                after.append([h, c])
                x = x + h if layer else h
            state = after
            logits = x @ self.weights["head.weight"].T + self.weights["head.bias"]
            total = total - F.log_softmax(logits, dim=1)[torch.arange(len(x)), targets[:, t]].mean()
        return total / inputs.shape[1], [[part.detach() for part in layer] for layer in state]

    def update(self, step: int, rate: float, clip: Callable[[dict[str, Tensor]], dict[str, Tensor]]) -> None:
        gradients = clip({name: w.grad.clone() for name, w in self.weights.items() if w.grad is not None})
        assert gradients.keys() == self.weights.keys()
        with torch.no_grad():
            for name, w in self.weights.items():
                g = gradients[name]
                self.mean[name] = 0.9 * self.mean[name] + 0.1 * g
                self.square[name] = 0.99 * self.square[name] + 0.01 * g * g
                if "bias" not in name:
                    w -= rate * 0.1 * w
                m, s = self.mean[name] / (1 - 0.9**step), self.square[name] / (1 - 0.99**step)
                w -= rate * m / (s.sqrt() + 1e-8)
                w.grad = None


def total_norm(gradients: dict[str, Tensor]) -> float:
    return float(np.sqrt(sum(float((g.double() ** 2).sum()) for g in gradients.values())))


def by_norm(gradients: dict[str, Tensor]) -> dict[str, Tensor]:
    norm = total_norm(gradients)
    return {name: g * min(1.0, 0.3 / norm) for name, g in gradients.items()}


def by_value(gradients: dict[str, Tensor]) -> dict[str, Tensor]:
    assert max(float(g.abs().max()) for g in gradients.values()) > 0.01, "nothing would be clipped"
    return {name: torch.where(g > 0.01, 0.01, torch.where(g < -0.01, -0.01, g)) for name, g in gradients.items()}


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(
    ("clipping", "clip"),
    [
        ({"grad_clip": 0.3}, by_norm),
        ({"grad_clip": 0.01, "grad_clip_mode": "value"}, by_value),
        ({"grad_clip": 0.0}, dict),
    ],
    ids=["norm", "value", "never"],
)
def test_steps_equal_a_plain_loop(cell: str, clipping: dict[str, Any], clip: Callable[[Any], Any]) -> None:
    schedule = {"iterations": 40, "warmup": 3, "learning_rate": 0.01, "decay": "linear", "final_rate": 0.1}
    training = make(model=cell, optimizer="adamw", **schedule, **clipping)
    plain = Plain(cell, training.model.weights())
    streams = slices(training)
    state = plain.zeros(3)
    # up in thirds to the peak, then down in a straight line to a tenth of it at iteration 40
    rates = [0.01 / 3, 0.02 / 3, 0.01, 0.01 * (0.1 + 0.9 * 36 / 37), 0.01 * (0.1 + 0.9 * 35 / 37)]
    for step, rate in enumerate(rates, 1):
        at = slice(8 * (step - 1), 8 * step)
        inputs = torch.tensor(np.stack([row[:-1][at] for row in streams]))
        targets = torch.tensor(np.stack([row[1:][at] for row in streams]))
        loss, state = plain.loss(inputs, targets, state)
        loss.backward()
        norm = total_norm({name: w.grad for name, w in plain.weights.items() if w.grad is not None})
        plain.update(step, rate, clip)

        progress = training.step()
        assert progress.iteration == step
        assert progress.loss == pytest.approx(float(loss.detach()), rel=1e-5)
        assert progress.grad_norm == pytest.approx(norm, rel=1e-4)
        assert progress.learning_rate == pytest.approx(rate, rel=1e-9)
        assert progress.characters == step * 3 * 8
        for name, value in training.model.weights().items():
            np.testing.assert_allclose(value, plain.weights[name].detach().numpy(), atol=2e-5, err_msg=name)
        for ours, theirs in zip(training.state, state, strict=True):
            for a, b in zip(ours, theirs, strict=False):  # a GRU has no c
                np.testing.assert_allclose(a.numpy(), b.numpy(), atol=2e-5)


def test_the_train_loss_begins_as_a_plain_mean() -> None:
    training = make()
    losses = [training.step().loss for _ in range(7)]
    assert training.train_loss == pytest.approx(np.mean(losses))


# -- the state --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("shift", [8, 3, 1])
def test_state_is_that_after_precisely_the_characters_before_the_window(cell: str, shift: int) -> None:
    # With a rate too small to move any weight, the whole past is one pass of torch's own two-layer module.
    training = make(model=cell, shift=shift, learning_rate=1e-30, residual=False, warmup=0)
    weights = training.model.weights()
    oracle = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}[cell](8, 16, num_layers=2, batch_first=True)
    named = {
        name: torch.tensor(weights[f"layers.{layer}.{name[:-1]}0"])
        for name, _ in oracle.named_parameters()
        for layer in (int(name[-1]),)
    }
    oracle.load_state_dict(named)
    embedding = torch.tensor(weights["embedding.weight"])
    for window in range(1, 6):
        training.step()
        past = torch.tensor(np.stack([row[: window * shift] for row in slices(training)]))
        with torch.no_grad():
            _, after = oracle(embedding[past])
        parts = after if cell == "lstm" else (after,)
        for layer in range(2):
            assert len(training.state[layer]) == len(parts)
            for ours, theirs in zip(training.state[layer], parts, strict=True):
                np.testing.assert_allclose(ours.numpy(), theirs[layer].numpy(), atol=1e-5)
                assert not ours.requires_grad
    for name, value in training.model.weights().items():
        assert np.array_equal(value, weights[name]), "the oracle supposed that nothing was learned"


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("shift", [8, 3])
def test_state_is_made_with_the_weights_of_its_window(cell: str, shift: int) -> None:
    training = make(model=cell, shift=shift, learning_rate=0.05, warmup=0)
    streams = slices(training)
    state = Plain(cell, training.model.weights()).zeros(3)
    for window in range(5):
        plain = Plain(cell, training.model.weights())  # as they are while this window is read
        read = torch.tensor(np.stack([row[window * shift : (window + 1) * shift] for row in streams]))
        _, state = plain.loss(read, read, state)
        training.step()
        for ours, theirs in zip(training.state, state, strict=True):
            for a, b in zip(ours, theirs, strict=False):
                np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-5)


def test_some_streams_forget_their_state() -> None:
    training = make(state_reset=0.25, batch_size=8, seq_length=4, learning_rate=1e-30, iterations=60)
    plain = Plain("lstm", training.model.weights())
    forgotten = []
    for index in range(40):
        before, window = training.state, training.streams[index]
        inputs = torch.tensor(window.inputs)
        training.step()
        carried = [[part.clone() * torch.tensor(window.continues)[:, None] for part in layer] for layer in before]
        ends = [plain.loss(inputs, inputs, state)[1] for state in (carried, plain.zeros(8))]
        for row in range(8):
            went_on, began = (torch.allclose(training.state[1][0][row], end[1][0][row], atol=1e-6) for end in ends)
            assert went_on or began
            if window.continues[row] and not (went_on and began):
                forgotten.append(began)
    assert len(forgotten) > 200
    assert 0.15 < np.mean(forgotten) < 0.35


def test_state_begins_anew_with_each_epoch() -> None:
    training = make(learning_rate=1e-30, iterations=1000)
    fresh = None
    for _ in range(training.streams.per_epoch + 1):
        training.step()
        fresh = fresh or training.state
    assert fresh is not None
    for ours, first in zip(training.state, fresh, strict=True):
        for a, b in zip(ours, first, strict=True):
            assert torch.equal(a, b)


def test_stateless_windows_begin_at_zero() -> None:
    def after(steps: int) -> tuple[list[float], Trainer]:
        training = make(stateless=True, learning_rate=1e-30)
        losses = [training.step().loss for _ in range(steps)]
        return losses, training

    losses, training = after(4)
    plain = Plain("lstm", training.model.weights())
    for index, loss in enumerate(losses):
        window = training.streams[index]
        expected, _ = plain.loss(torch.tensor(window.inputs), torch.tensor(window.targets), plain.zeros(3))
        assert loss == pytest.approx(float(expected.detach()), rel=1e-5)


def test_overlapping_windows_are_trained_on_whole() -> None:
    # shift decides where the next window begins, not how much of this one is learned from
    whole, overlapping = make(shift=8).step(), make(shift=3).step()
    assert overlapping.loss == pytest.approx(whole.loss, rel=1e-6)
    assert overlapping.grad_norm == pytest.approx(whole.grad_norm, rel=1e-4)


# -- watching ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("watching", [{}, {"shift": 3}, {"stateless": True}], ids=["tiled", "overlapping", "stateless"])
def test_watching_changes_nothing(watching: dict[str, Any]) -> None:
    reference = finish(make(dropout=0.3, sample_length=0, **watching))
    schedules: list[dict[str, Any]] = [
        {"snapshot_every": 1, "eval_every": 1},
        {"snapshot_at": (0,), "eval_every": 0},
        {"snapshot_at": (0, 1, 3), "snapshot_every": 2, "eval_every": 1},
        {"snapshot_at": (2, 3, 7), "eval_every": 0, "sample_length": 40},
        {"snapshot_every": 5, "eval_every": 2, "sample_temperature": 0.0, "sample_prime": "Ann"},
    ]
    for schedule in schedules:
        before = torch.get_rng_state()
        assert_same(finish(make(dropout=0.3, **watching, **schedule)), reference)
        assert torch.equal(torch.get_rng_state(), before), "the global generator was used"


def test_dropout_and_seed_matter() -> None:
    reference = finish(make(dropout=0.3))["head.weight"]
    assert not np.array_equal(reference, finish(make(dropout=0.0))["head.weight"])
    assert not np.array_equal(reference, finish(make(dropout=0.3, seed=6))["head.weight"])
    assert np.array_equal(reference, finish(make(dropout=0.3))["head.weight"])


def test_events_come_in_order_and_progress_closes_an_iteration() -> None:
    training = make(iterations=6, eval_every=2, snapshot_at=(3,))
    order = []
    for event in training.events():
        match event:
            case Progress():
                assert event.iteration == training.iteration
                order.append(("progress", event.iteration))
            case Evaluated():
                order.append(("evaluated", event.iteration))
            case Snapshot():
                order.append(("snapshot", event.header.iteration))
    assert order == [
        *[("progress", 1), ("evaluated", 2), ("progress", 2), ("evaluated", 3), ("snapshot", 3), ("progress", 3)],
        *[("evaluated", 4), ("progress", 4), ("progress", 5), ("evaluated", 6), ("snapshot", 6), ("progress", 6)],
    ]


def test_before_the_first_iteration_the_untrained_network_is_kept() -> None:
    """Its weights, held-out loss and sample; nothing decides by it, and with a list without 0 there is none."""
    training = make(iterations=4, snapshot_at=(0,), eval_every=2, dropout=0.3, patience=5)
    initial = make(dropout=0.3).model.weights()
    uniform = math.log(len(training.vocabulary))
    events = training.events()
    evaluated, snapshot, progress = (next(events) for _ in range(3))
    assert isinstance(evaluated, Evaluated)
    assert (evaluated.iteration, evaluated.train_loss) == (0, None)
    assert evaluated.held_out_loss == pytest.approx(uniform, rel=0.1)
    assert isinstance(snapshot, Snapshot)
    header = snapshot.header
    assert (header.iteration, header.characters, header.train_loss) == (0, 0, None)
    assert header.held_out_loss == evaluated.held_out_loss
    assert header.sample is not None
    assert len(header.sample.text) == 12
    assert_same(snapshot.weights, initial)
    assert isinstance(progress, Progress)
    assert progress.iteration == 1
    assert training.early_stopping.state_dict()["best_loss"] is None  # though 0 is a multiple of 2
    assert training.schedule.state_dict()["best_loss"] is None
    assert [event.iteration for event in make(iterations=1, eval_every=1, snapshot_every=1).events()] == [1, 1, 1]


def test_weights_to_begin_with_that_compute_no_numbers_are_refused_at_their_snapshot() -> None:
    training = make(snapshot_at=(0,))
    weights = training.model.weights()
    weights["head.weight"][0, 0] = math.nan
    training.begin_with(weights, {"what": "network"})
    with pytest.raises(DivergedError, match="the weights to begin with compute no numbers") as error:
        finish(training)
    assert error.value.iteration == 0


def test_snapshots_hold_what_the_training_was_at_their_iteration() -> None:
    training = make(iterations=5, snapshot_every=1, dropout=0.2)
    for event in training.events():
        if isinstance(event, Snapshot):
            assert_same(event.weights, training.model.weights())
            assert event.header.characters == event.header.iteration * 24
            assert event.header.train_loss == training.train_loss
            loss = validation.held_out_loss(training.model, training.ids, training.split.held_out)
            assert event.header.held_out_loss == loss
            assert event.header.sample is not None
            assert len(event.header.sample.text) == 12
            assert training.model.training


def test_the_last_iteration_is_always_a_snapshot_and_the_demo_list_is_clipped() -> None:
    assert TrainConfig().completed().snapshot_at == DEMO_ITERATIONS
    assert TrainConfig(iterations=650).completed().snapshot_iterations() == (0, 3, 10, 30, 100, 300, 500, 650)
    assert TrainConfig(iterations=500).completed().snapshot_iterations() == (0, 3, 10, 30, 100, 300, 500)
    assert TrainConfig(iterations=7).completed().snapshot_iterations() == (0, 3, 7)
    assert TrainConfig(iterations=7, snapshot_at=(9, 2), snapshot_every=3).snapshot_iterations() == (2, 3, 6, 7)
    iterations = [
        event.header.iteration for event in make(snapshot_at=DEMO_ITERATIONS).events() if isinstance(event, Snapshot)
    ]
    assert iterations == [0, 3, 10, 12]


def test_without_held_out_text_nothing_is_evaluated() -> None:
    events = list(make(val_frac=0.0, eval_every=1, iterations=3).events())
    assert not any(isinstance(event, Evaluated) for event in events)
    snapshots = [event for event in events if isinstance(event, Snapshot)]
    assert [snapshot.header.held_out_loss for snapshot in snapshots] == [None]


def test_without_a_sample_a_snapshot_has_none() -> None:
    assert [e.header.sample for e in make(sample_length=0).events() if isinstance(e, Snapshot)] == [None]


def test_training_learns() -> None:
    training = make(TEXT, iterations=300, rnn_size=32, batch_size=8, seq_length=16)
    uniform = np.log(len(training.vocabulary))
    finish(training)
    assert training.evaluator.held_out_loss is not None
    assert training.evaluator.held_out_loss < 0.5 * uniform


# -- documents --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS)
def test_every_document_is_read_from_zero_and_alone(tmp_path: Path, cell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every loss is that of its document read by itself, from a zero state, one character at a time."""
    monkeypatch.setattr(streams, "PACK", 0)
    source = documents(tmp_path)
    network = dataclasses.replace(MODEL_CONFIG, model=cell)
    # One stream: of several, some begin in the middle of a document.
    training = Trainer(source, network, dataclasses.replace(TRAIN_CONFIG, batch_size=1), device="cpu")
    model = training.model
    expected: dict[tuple[int, ...], float] = {}  # what was read of a document so far -> loss of the character after it
    spans = source.split(0.1, 1_000_000).documents
    assert spans is not None
    for first, stop in spans.tolist():
        ids = source.ids[first:stop].tolist()
        state = model.zero_state(1)
        for at in range(len(ids) - 1):
            with torch.no_grad():
                loss, state = model.loss(torch.tensor([[ids[at]]]), torch.tensor([[ids[at + 1]]]), state)
            expected[tuple(ids[: at + 2])] = loss.item()
    seen: set[tuple[int, ...]] = set()
    state, sofar = model.zero_state(1), tuple[int, ...]()
    for index in range(training.streams.per_epoch):
        window = training.streams[index]
        state = entering(state, window.continues)
        with torch.no_grad():
            logits, state = model(torch.from_numpy(window.inputs), state)
            losses = torch.nn.functional.cross_entropy(
                logits.transpose(1, 2), torch.from_numpy(window.targets), reduction="none", ignore_index=IGNORED
            )
        sofar = sofar if window.continues[0] else (int(window.inputs[0, 0]),)
        for column, target in enumerate(window.targets[0].tolist()):
            if target != IGNORED:
                sofar = (*sofar, target)
                assert losses[0, column].item() == pytest.approx(expected[sofar], abs=1e-5)
                seen.add(sofar)
    assert seen == set(expected)  # every character of every document but its first, once an epoch


def test_characters_are_counted_without_padding(tmp_path: Path) -> None:
    training = Trainer(documents(tmp_path), MODEL_CONFIG, TRAIN_CONFIG, device="cpu")
    for _ in range(training.streams.per_epoch):
        training.step()
    assert training.characters == sum(max(0, span.size - 1) for span in training.split.training)


def test_held_out_loss_of_documents_is_measured_in_each(tmp_path: Path) -> None:
    source = documents(tmp_path)
    training = Trainer(source, MODEL_CONFIG, TRAIN_CONFIG, device="cpu")
    finish(training)
    total = count = 0.0
    for first, start, stop in source.split(0.1).held_out:
        if stop - max(start, first + 1) > 0:
            tail = [(0, max(start, first + 1) - first, stop - first)]
            ids = source.ids[first:stop]
            total += validation.held_out_loss(training.model, ids, tail, streams=1) * (stop - max(start, first + 1))
            count += stop - max(start, first + 1)
    assert training.evaluator.evaluate() == pytest.approx(total / count, rel=1e-6)


# -- a text too large for memory --------------------------------------------------------------------------------------


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARRNN_CACHE_DIR", str(tmp_path / "cache"))


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("settings", [{}, {"stateless": True}, {"shift": 3}], ids=["tiled", "stateless", "overlapping"])
@pytest.mark.parametrize("reading", [{}, {"documents": True}, {"min_count": 9}], ids=["joined", "apart", "rare"])
def test_from_disk_as_from_memory(tmp_path: Path, settings: dict[str, Any], reading: dict[str, Any]) -> None:
    path = folder(tmp_path / "d", [TEXT[:900], TEXT[900:1500]])
    memory = corpus.read(path, ReadConfig(**reading))
    pieces = np.array_split(memory.ids[0 : len(memory)], 5)
    entry, _ = id_cache.store("k", lambda: pieces, memory.ids.dtype, {"name": "", "characters": 0})
    disk = dataclasses.replace(memory, ids=entry.ids)
    config = dataclasses.replace(TRAIN_CONFIG, **settings)
    trained = [Trainer(source, MODEL_CONFIG, config, device="cpu") for source in (memory, disk)]
    snapshots = [[event for event in training.events() if isinstance(event, Snapshot)] for training in trained]
    for from_memory, from_disk in zip(*snapshots, strict=True):
        assert_same(from_memory.tensors, from_disk.tensors)
        assert from_memory.header.held_out_loss == from_disk.header.held_out_loss
        assert from_memory.header.sample == from_disk.header.sample


# -- frozen parts -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frozen", "tied"),
    [
        (("embedding",), False),
        (("layers",), False),
        (("head",), False),
        (("embedding", "layers"), False),
        (("layers",), True),
        (("embedding", "head"), True),
    ],
)
def test_frozen_parts_stay_as_they_were(frozen: tuple[str, ...], tied: bool) -> None:
    training = make(freeze=frozen, weight_decay=0.5, layer_norm=True, tied=tied)
    before = training.model.weights()
    after = finish(training)
    held = {
        word
        for part in frozen
        for word in {"layers": ("layers", "norms"), "head": ("head", "projection")}.get(part, (part,))
    }
    for name in before:
        assert np.array_equal(before[name], after[name]) == (name.split(".")[0] in held), name
    assert tied == ("projection.weight" in before)


def test_what_cannot_be_frozen() -> None:
    for freeze, said in ((("heart",), "heart"), (("embedding", "layers", "head"), "nothing is left")):
        with pytest.raises(UsageError, match=said):
            TrainConfig(freeze=freeze)
    with pytest.raises(UsageError, match="--embedding-size 0"):
        make(freeze=("embedding",), embedding_size=0)
    with pytest.raises(UsageError, match="Freeze both or neither"):
        make(freeze=("head",), tied=True)


# -- what goes wrong --------------------------------------------------------------------------------------------------


def test_a_loss_that_is_not_finite_updates_nothing() -> None:
    training = make()
    for _ in range(3):
        training.step()
    training.model.head.register_forward_hook(lambda _, __, logits: logits * math.inf)
    header, before = resume_point(training)
    with pytest.raises(DivergedError, match=r"iteration 4\b.*--learning-rate"):
        training.step()
    after_header, after = resume_point(training)
    assert_same(after, before)
    assert training.iteration == 3
    timeless = [dict(point.progress) | {"elapsed": 0} for point in (header, after_header)]
    assert timeless[0] == timeless[1]
    assert dataclasses.replace(after_header, created="", progress={}) == dataclasses.replace(
        header, created="", progress={}
    )


@pytest.mark.parametrize("grad_clip", [5.0, 0.0])
def test_a_gradient_that_is_not_finite_updates_nothing(grad_clip: float) -> None:
    training = make(grad_clip=grad_clip)
    training.step()
    give_gradient(training.model.head.bias, [float("nan")])
    _, before = resume_point(training)
    with pytest.raises(DivergedError, match=r"iteration 2\b.*gradient"):
        training.step()
    assert_same(resume_point(training)[1], before)


@pytest.mark.parametrize("rate", [1e30, 1e38])
@pytest.mark.parametrize("cell", CELLS)
def test_an_absurd_learning_rate_is_named_with_its_iteration(cell: str, rate: float) -> None:
    training = make(model=cell, learning_rate=rate, warmup=0, iterations=100, decay="constant", snapshot_every=1)
    completed = 0

    def follow() -> None:
        nonlocal completed
        for event in training.events():
            if isinstance(event, Progress):
                completed = event.iteration

    with pytest.raises(DivergedError) as caught:
        follow()
    assert str(caught.value).startswith(f"iteration {completed + 1}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"text": "abc"}, CorpusError, "too few"),
        ({"text": "a" * 500}, CorpusError, "nothing to learn"),
        ({"val_frac": 0.99, "batch_size": 8}, CorpusError, "too few"),
        ({"sample_prime": "Zürich"}, VocabularyError, "ü"),
        ({"shift": 9}, UsageError, "--shift"),
        ({"learning_rate": float("nan")}, UsageError, "--learning-rate"),
        ({"weight_decay": float("inf")}, UsageError, "--weight-decay"),
    ],
    ids=["short", "plain", "split", "prime", "shift", "nan", "decay"],
)
def test_what_cannot_be_trained_is_refused_at_once(
    settings: dict[str, Any], error: type[CharrnnError], message: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        make(**settings)
    assert "\n" not in str(caught.value)


def test_a_text_of_more_characters_than_a_checkpoint_keeps_is_refused_before_it_is_trained_on() -> None:
    with pytest.raises(CorpusError, match=r"has 300,001 different characters; .* \(--min-count"):
        make("".join(map(chr, range(0x10000, 0x10000 + 300_001))))
