from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from charrnn.config import Cell, ModelConfig
from charrnn.model import CharModel, State, detached
from charrnn.windows import IGNORED, DocumentStreams

V = 11
CELLS = get_args(Cell)
ORACLES: dict[str, Any] = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Tiny matrices gain nothing from threads, and threads that spin beside other programs cost minutes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def make(cell: Cell = "lstm", **settings: Any) -> CharModel:
    values = {"num_layers": 3, "rnn_size": 6, "embedding_size": 4} | settings
    return CharModel(ModelConfig(model=cell, **values), V, seed=3)


def text(batch: int, length: int, seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).integers(0, V, (batch, length)))


def some_state(model: CharModel, batch: int) -> State:
    generator = torch.Generator().manual_seed(9)
    return tuple(
        tuple(torch.rand(part.shape, generator=generator) - 0.5 for part in layer) for layer in model.zero_state(batch)
    )


def assert_same_state(one: State, other: State) -> None:
    torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("embedding", [4, 0], ids=["embedding", "one-hot"])
@pytest.mark.parametrize("cell", CELLS)
def test_forward_agrees_with_torchs_own_stack(cell: Cell, embedding: int) -> None:
    model = make(cell, residual=False, embedding_size=embedding)
    weights = {name: torch.from_numpy(value) for name, value in model.weights().items()}
    oracle = ORACLES[cell](embedding or V, 6, num_layers=3, batch_first=True)
    for layer in range(3):
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            getattr(oracle, f"{name}_l{layer}").data = weights[f"layers.{layer}.{name}_l0"]
    inputs, state = text(5, 9), some_state(model, 5)
    stacked = [torch.stack(parts) for parts in zip(*state, strict=True)]
    x = weights["embedding.weight"][inputs] if embedding else torch.eye(V)[inputs]
    y, end = oracle(x, tuple(stacked) if cell == "lstm" else stacked[0])
    expected = y @ weights["head.weight"].T + weights["head.bias"]

    logits, after = model(inputs, state)
    assert logits.shape == (5, 9, V)
    torch.testing.assert_close(logits, expected, rtol=1e-5, atol=1e-6)
    for index, parts in enumerate(zip(*after, strict=True)):
        torch.testing.assert_close(torch.stack(parts), end[index] if cell == "lstm" else end, rtol=1e-5, atol=1e-6)


def test_one_lstm_step_by_hand() -> None:
    model = CharModel(ModelConfig(num_layers=1, rnn_size=1, embedding_size=1), 2)
    model.load_weights(
        {
            "embedding.weight": np.array([[0.5], [-1.0]], np.float32),
            "layers.0.weight_ih_l0": np.array([[1.0], [2.0], [-1.0], [0.5]], np.float32),
            "layers.0.weight_hh_l0": np.array([[0.3], [-0.2], [0.7], [0.1]], np.float32),
            "layers.0.bias_ih_l0": np.array([0.1, 1.0, 0.0, -0.1], np.float32),
            "layers.0.bias_hh_l0": np.array([0.0, 0.2, 0.0, 0.0], np.float32),
            "head.weight": np.array([[2.0], [-3.0]], np.float32),
            "head.bias": np.array([0.25, 0.0], np.float32),
        }
    )

    def sigmoid(value: float) -> float:
        return float(1 / (1 + np.exp(-value)))

    x, h, c = -1.0, 0.4, -0.6  # id 1
    i, f = sigmoid(x + 0.3 * h + 0.1), sigmoid(2 * x - 0.2 * h + 1.2)
    g, o = np.tanh(-x + 0.7 * h), sigmoid(0.5 * x + 0.1 * h - 0.1)
    c = f * c + i * g
    h = o * np.tanh(c)
    logits, ((h_after, c_after),) = model(torch.tensor([[1]]), ((torch.tensor([[0.4]]), torch.tensor([[-0.6]])),))
    assert logits.flatten().tolist() == pytest.approx([2 * h + 0.25, -3 * h], rel=1e-6)
    assert (h_after.item(), c_after.item()) == pytest.approx((h, c), rel=1e-6)


def test_residual_adds_a_layers_input_to_its_output_but_for_the_first() -> None:
    model = make("rnn", num_layers=3, residual=True)
    weights = {name: torch.from_numpy(value) for name, value in model.weights().items()}
    inputs = text(1, 4)
    h = [torch.zeros(6) for _ in range(3)]
    for at in range(4):
        x = weights["embedding.weight"][inputs[0, at]]
        for k in range(3):
            w = {name: weights[f"layers.{k}.{name}_l0"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
            h[k] = torch.tanh(w["weight_ih"] @ x + w["bias_ih"] + w["weight_hh"] @ h[k] + w["bias_hh"])
            x = h[k] if k == 0 else h[k] + x
        expected = weights["head.weight"] @ x + weights["head.bias"]
        logits, _ = model(inputs[:, : at + 1], model.zero_state(1))
        torch.testing.assert_close(logits[0, -1], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("cell", CELLS)
def test_single_steps_equal_one_pass(cell: Cell, residual: bool) -> None:
    model = make(cell, residual=residual)
    inputs, start = text(4, 7), some_state(model, 4)
    whole, end = model(inputs, start)
    state, steps = start, []
    for at in range(7):
        logits, state = model(inputs[:, at : at + 1], state)
        steps.append(logits)
    torch.testing.assert_close(torch.cat(steps, 1), whole, rtol=1e-5, atol=1e-6)
    assert_same_state(state, end)


@pytest.mark.parametrize("cut", [1, 3, 7, 8])
@pytest.mark.parametrize("cell", CELLS)
def test_carried_state_is_that_after_exactly_the_shift(cell: Cell, cut: int) -> None:
    model = make(cell)
    inputs, start = text(4, 8), some_state(model, 4)
    whole, _ = model(inputs, start)
    logits, carried = model(inputs, start, carry_at=cut)
    _, separate = model(inputs[:, :cut], start)
    torch.testing.assert_close(logits, whole, rtol=1e-5, atol=1e-6)
    assert_same_state(carried, separate)


def test_gradient_reaches_back_through_the_cut() -> None:
    gradients = []
    for cut in (None, 3):
        model = make()
        model.loss(text(4, 8), text(4, 8, 1), model.zero_state(4), carry_at=cut)[0].backward()
        gradients.append([parameter.grad for parameter in model.parameters()])
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-4, atol=1e-7)


def test_rows_do_not_mix() -> None:
    model = make()
    inputs, state = text(3, 5), some_state(model, 3)
    logits, after = model(inputs, state)
    row = tuple(tuple(part[1:2] for part in layer) for layer in state)
    alone, after_alone = model(inputs[1:2], row)
    torch.testing.assert_close(logits[1:2], alone, rtol=1e-5, atol=1e-6)
    assert_same_state(tuple(tuple(part[1:2] for part in layer) for layer in after), after_alone)


def test_state_given_is_left_alone_and_detached_is_cut() -> None:
    model = make()
    state = some_state(model, 2)
    kept = [part.clone() for layer in state for part in layer]
    _, after = model(text(2, 4), state)
    assert all(torch.equal(a, b) for a, b in zip(kept, (part for layer in state for part in layer), strict=True))
    assert all(part.requires_grad for layer in after for part in layer)
    cut = detached(after)
    assert not any(part.requires_grad for layer in cut for part in layer)
    assert_same_state(cut, after)


@pytest.mark.parametrize("cell", CELLS)
def test_loss_and_its_gradient_against_differences_in_float64(cell: Cell) -> None:
    model = CharModel(ModelConfig(model=cell, num_layers=2, rnn_size=3, embedding_size=2), 5, seed=1).double()
    ids = torch.from_numpy(np.random.default_rng(2).integers(0, 5, (2, 7)))
    inputs, targets = ids[:, :-1], ids[:, 1:]
    state = tuple(tuple(part.double() + 0.1 for part in layer) for layer in model.zero_state(2))

    def by_hand() -> float:
        with torch.no_grad():
            logits, _ = model(inputs, state)
        assert logits.dtype == torch.float64
        probabilities = torch.softmax(logits, -1)
        return -float(sum(probabilities[b, t, targets[b, t]].log() for b in range(2) for t in range(6))) / 12

    loss, _ = model.loss(inputs, targets, state, carry_at=4)
    assert loss.item() == pytest.approx(by_hand(), rel=1e-6)
    loss.backward()
    for name, parameter in model.named_parameters():
        flat = parameter.data.view(-1)
        assert parameter.grad is not None
        for index in range(len(flat)):
            kept, step = flat[index].item(), 1e-5
            flat[index] = kept + step
            above = by_hand()
            flat[index] = kept - step
            slope = (above - by_hand()) / (2 * step)
            flat[index] = kept
            assert parameter.grad.view(-1)[index].item() == pytest.approx(slope, rel=1e-4, abs=1e-6), (name, index)


def test_loss_agrees_with_cross_entropy_of_the_logits() -> None:
    model = make()
    inputs, targets = text(4, 6), text(4, 6, 1)
    logits, end = model(inputs, model.zero_state(4))
    loss, carried = model.loss(inputs, targets, model.zero_state(4))
    torch.testing.assert_close(loss, F.cross_entropy(logits.flatten(0, 1), targets.flatten()))
    assert_same_state(carried, end)


def test_ignored_targets_are_no_part_of_the_loss_or_its_gradient() -> None:
    def gradients(model: CharModel, loss: Tensor) -> list[Tensor]:
        return list(torch.autograd.grad(loss, list(model.parameters())))

    model = make()
    inputs, targets = text(3, 6), text(3, 6, 1)
    lengths = [6, 2, 0]
    for row, length in enumerate(lengths):
        inputs[row, length:], targets[row, length:] = 0, IGNORED
    loss, _ = model.loss(inputs, targets, model.zero_state(3))
    # The same rows one by one, without their padding; a mean over characters, not over rows.
    alone = torch.stack(
        [
            length * model.loss(inputs[[row], :length], targets[[row], :length], model.zero_state(1))[0] / 8
            for row, length in enumerate(lengths)
            if length
        ]
    ).sum()
    torch.testing.assert_close(loss, alone)
    torch.testing.assert_close(gradients(model, loss), gradients(model, alone))
    inputs[1, 2:] = inputs[2] = 0
    inputs[1, 2:], inputs[2] = 5, 7
    again, _ = model.loss(inputs, targets, model.zero_state(3))
    assert torch.equal(again, loss)


def test_dropout_draws_from_the_generator_passed_and_no_other() -> None:
    model = make(dropout=0.5)
    model.train()
    inputs, state = text(4, 6), model.zero_state(4)
    before = torch.get_rng_state()

    def run(seed: int) -> Tensor:
        logits, _ = model(inputs, state, generator=torch.Generator().manual_seed(seed))
        return logits

    assert torch.equal(run(1), run(1))
    assert not torch.equal(run(1), run(2))
    assert torch.equal(torch.get_rng_state(), before)
    model.eval()
    assert torch.equal(run(1), run(2))  # and none is dropped outside of training


def test_dropout_keeps_the_expectation_and_the_share() -> None:
    model = make(dropout=0.3)
    y = torch.full((400, 500), 2.0)
    dropped = model._drop(y, torch.Generator().manual_seed(0))
    assert dropped.unique().tolist() == pytest.approx([0.0, 2 / 0.7])
    # 200,000 draws: a standard deviation of the share is 0.001
    assert (dropped == 0).float().mean().item() == pytest.approx(0.3, abs=0.006)
    assert dropped.mean().item() == pytest.approx(2.0, abs=0.02)


def test_dropout_falls_on_outputs_not_on_the_residual_path_or_the_carried_state() -> None:
    plain, dropping = make("gru", num_layers=1), make("gru", num_layers=1, dropout=0.5)
    inputs = text(3, 5)
    _, state = plain(inputs, plain.zero_state(3))
    _, same = dropping.train()(inputs, dropping.zero_state(3), generator=torch.Generator().manual_seed(4))
    assert_same_state(same, state)
    # Every mask all but zero: the layers above the first then add nothing, and only the head's bias is left.
    nearly = make("gru", num_layers=3, dropout=0.999999).train()
    logits, _ = nearly(inputs, nearly.zero_state(3), generator=torch.Generator().manual_seed(4))
    torch.testing.assert_close(logits, nearly.head.bias.expand_as(logits))


def test_construction_leaves_the_global_generator_untouched() -> None:
    before = torch.get_rng_state()
    models = [CharModel(ModelConfig(rnn_size=4), V, seed=seed).weights() for seed in (1, 1, 2)]
    assert torch.equal(torch.get_rng_state(), before)
    assert all(np.array_equal(models[0][name], models[1][name]) for name in models[0])
    assert not np.array_equal(models[0]["head.weight"], models[2]["head.weight"])


@pytest.mark.parametrize("embedding", [4, 0])
@pytest.mark.parametrize("cell", CELLS)
def test_weights_are_those_the_config_promises(cell: Cell, embedding: int) -> None:
    model = make(cell, embedding_size=embedding)
    weights = model.weights()
    assert [(name, value.shape) for name, value in weights.items()] == list(model.config.shapes(V).items())
    assert {value.dtype for value in weights.values()} == {np.dtype(np.float32)}


def test_forget_gates_are_open_at_first() -> None:
    weights = make("lstm").weights()
    for layer in range(3):
        bias = weights[f"layers.{layer}.bias_ih_l0"]
        assert (bias[6:12] == 1).all()
        assert (np.abs(np.delete(bias, np.s_[6:12])) < 0.5).all()


def test_weights_are_a_copy_and_load_back() -> None:
    model = make()
    weights, other = model.weights(), CharModel(model.config, V, seed=8)
    kept = {name: value.copy() for name, value in weights.items()}
    for value in weights.values():
        value += 1
    assert all(np.array_equal(value, kept[name]) for name, value in model.weights().items())
    other.load_weights(kept)
    for value in kept.values():
        value += 1  # loading has copied, too
    assert all(np.array_equal(value, model.weights()[name]) for name, value in other.weights().items())


@pytest.mark.parametrize("cell", CELLS)
def test_zero_state(cell: Cell) -> None:
    state = make(cell).zero_state(5)
    assert [[tuple(part.shape) for part in layer] for layer in state] == [[(5, 6)] * (2 if cell == "lstm" else 1)] * 3
    assert not any(part.any() for layer in state for part in layer)


@pytest.mark.parametrize("shift", [8, 3], ids=["tiled", "overlapping"])
@pytest.mark.parametrize("cell", CELLS)
def test_documents_read_in_windows_with_carried_state_are_read_as_single_passes(cell: Cell, shift: int) -> None:
    model, ids = make(cell), text(1, 200, 4)[0].numpy()
    documents = [(0, 50), (50, 52), (60, 61), (61, 110), (120, 129), (130, 200)]
    streams = DocumentStreams(ids, documents, 3, 8, shift, seed=2)
    marked = DocumentStreams(np.arange(200), documents, 3, 8, shift, seed=2)  # the same windows, as places
    state, origin, carried_on = model.zero_state(3), [-1] * 3, 0
    for k in range(2 * streams.per_epoch):
        window, places = streams[k], marked[k].inputs
        keep = torch.from_numpy(window.continues)[:, None]
        state = tuple(tuple(torch.where(keep, part, 0.0) for part in layer) for layer in state)
        logits, state = model(torch.from_numpy(window.inputs), state, carry_at=shift)
        for row in range(3):
            length = int(np.count_nonzero(window.targets[row] != IGNORED))
            if not length:
                continue
            if not window.continues[row]:
                origin[row] = int(places[row, 0])
            carried_on += places[row, 0] > origin[row]
            passed = torch.from_numpy(ids[origin[row] : places[row, length - 1] + 1])[None]
            alone, _ = model(passed, model.zero_state(1))
            torch.testing.assert_close(logits[row, :length], alone[0, -length:], rtol=1e-5, atol=1e-6)
            inside = [start for start, stop in documents if start <= origin[row] and places[row, length - 1] < stop - 1]
            assert inside  # what was read from the zero state on is of one document
    assert carried_on > 20
