"""The network against torch's own modules, and against its equations written out, with every switch."""

from __future__ import annotations

import copy
import math
from typing import Any, get_args

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd import gradcheck
from torch.func import functional_call

from charrnn.config import Cell, ModelConfig
from charrnn.network.dropout_masks import DropoutMasks
from charrnn.network.torch_model import CharModel, LayerStates, detached
from charrnn.training.document_windows import DocumentStreams
from charrnn.training.windows import IGNORED

V = 11
CELLS = get_args(Cell)
ORACLES: dict[str, Any] = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}
KINDS: list[dict[str, Any]] = [*({"cell": cell} for cell in CELLS), {"cell": "rnn", "nonlinearity": "relu"}]
PLAIN: dict[str, Any] = {"layer_norm": False}  # the network as it first was, and what plain equations describe
SWITCHES: dict[str, dict[str, Any]] = {
    "plain": PLAIN,
    "layer norm": {"layer_norm": True},
    "layer norm, no residual": {"layer_norm": True, "residual": False},
    "tied": PLAIN | {"tied": True, "embedding_size": 6},
    "tied, projected": PLAIN | {"tied": True},
    "dropout": PLAIN | {"dropout": 0.4},
    "input dropout": PLAIN | {"input_dropout": 0.4},
    "recurrent dropout": PLAIN | {"recurrent_dropout": 0.4},
    "all": {"layer_norm": True, "tied": True, "dropout": 0.2, "input_dropout": 0.3, "recurrent_dropout": 0.5},
}
MASKS = DropoutMasks(seed=6, iteration=4, first=2)
DROPOUTS = ("dropout", "input_dropout", "recurrent_dropout")
each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.get("nonlinearity", kind["cell"]))
each_switch = pytest.mark.parametrize("switch", SWITCHES)


def make(cell: Cell = "lstm", **settings: Any) -> CharModel:
    values = {"num_layers": 3, "rnn_size": 6, "embedding_size": 4} | settings
    return CharModel(ModelConfig(model=cell, **values), V, seed=3)


def text(batch: int, length: int, seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).integers(0, V, (batch, length)))


def some_state(model: CharModel, batch: int) -> LayerStates:
    generator = seeded(9)
    return tuple(
        tuple(torch.rand(part.shape, generator=generator) - 0.5 for part in layer) for layer in model.zero_state(batch)
    )


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def drawn_masks(
    config: ModelConfig, batch: int, length: int, dtype: torch.dtype, masks: DropoutMasks
) -> dict[str, Tensor]:
    """Masks, scaled, of the places that `forward` promises."""
    rows, width = config.gates * config.rnn_size, config.embedding_size or V
    inputs, outputs = (torch.ones(length, batch, size, dtype=dtype) for size in (width, config.rnn_size))
    matrix = torch.ones(rows, config.rnn_size, dtype=dtype)
    drawn = {"input": masks.of_streams(0, inputs, 1 - config.input_dropout) if config.input_dropout else inputs}
    for k in range(config.num_layers):
        recurrent, output = config.recurrent_dropout, config.dropout
        drawn[f"recurrent {k}"] = masks.of_all(2 * k + 1, matrix, 1 - recurrent) if recurrent else matrix
        drawn[f"output {k}"] = masks.of_streams(2 * k + 2, outputs, 1 - output) if output else outputs
    return drawn


def written_out(
    config: ModelConfig, weights: dict[str, Tensor], inputs: Tensor, state: LayerStates, masks: dict[str, Tensor]
) -> tuple[Tensor, list[LayerStates]]:
    """Every equation, one character at a time: logits (B, T, V), and the state after each character."""
    logits, states = [], []
    for t in range(inputs.shape[1]):
        x = weights["embedding.weight"][inputs[:, t]] if config.embedding_size else torch.eye(V)[inputs[:, t]]
        x = path = x * (config.embedding_size**0.5 if config.tied else 1) * masks["input"][t]
        after = []
        for k in range(config.num_layers):
            w_ih, w_hh, b_ih, b_hh = (
                weights[f"layers.{k}.{name}_l0"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            )
            h, *rest = state[k]
            from_x, from_h = x @ w_ih.T + b_ih, h @ (masks[f"recurrent {k}"] * w_hh).T + b_hh
            if config.model == "lstm":
                i, f, g, o = (from_x + from_h).chunk(4, dim=1)
                rest = [f.sigmoid() * rest[0] + i.sigmoid() * g.tanh()]
                h = o.sigmoid() * rest[0].tanh()
            elif config.model == "gru":
                (r, z, n), (r_h, z_h, n_h) = from_x.chunk(3, dim=1), from_h.chunk(3, dim=1)
                z = (z + z_h).sigmoid()
                h = (1 - z) * (n + (r + r_h).sigmoid() * n_h).tanh() + z * h
            else:
                both = from_x + from_h
                h = both.clamp(min=0) if config.nonlinearity == "relu" else both.tanh()
            after.append((h, *rest))
            y = h * masks[f"output {k}"][t]
            x = path = path + y if config.residual and k else y
            if config.layer_norm:
                centred = path - path.sum(1, keepdim=True) / config.rnn_size
                deviation = ((centred**2).sum(1, keepdim=True) / config.rnn_size + 1e-5).sqrt()
                x = centred / deviation * weights[f"norms.{k}.weight"] + weights[f"norms.{k}.bias"]
        if "projection.weight" in weights:
            x = x @ weights["projection.weight"].T
        matrix = weights["embedding.weight" if config.tied else "head.weight"]
        logits.append(x @ matrix.T + weights["head.bias"])
        state = tuple(after)
        states.append(state)
    return torch.stack(logits, 1), states


def assert_same_state(one: LayerStates, other: LayerStates) -> None:
    torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("embedding", [4, 0], ids=["embedding", "one-hot"])
@pytest.mark.parametrize("cell", CELLS)
def test_forward_agrees_with_torchs_own_stack(cell: Cell, embedding: int) -> None:
    model = make(cell, residual=False, embedding_size=embedding, **PLAIN)
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


@each_kind
def test_a_layer_multiplied_in_a_data_type_is_that_of_its_own_within_rounding(kind: dict[str, Any]) -> None:
    """What a GPU does instead of autocast: outputs, state and gradients; in float32 it changes nothing."""
    model = make(**kind)
    weights = list(model.layers[1].parameters())
    x, state = torch.randn(7, 5, 6, generator=seeded(1)), tuple(part.unsqueeze(0) for part in some_state(model, 5)[1])

    def run(dtype: torch.dtype | None) -> list[Tensor]:
        y, end = model._run_in(dtype, x, state, weights) if dtype else model._run_torchs(x, state, weights)
        assert {part.dtype for part in (y, *end)} == {dtype or torch.float32}
        return [y, *end, *torch.autograd.grad(y.float().square().sum(), weights)]

    plain, half = run(None), run(torch.bfloat16)
    for got, expected in zip(run(torch.float32), plain, strict=True):
        assert torch.equal(got, expected)
    for got, expected in zip(half, plain, strict=True):
        assert 1e-4 < (got - expected).norm() / expected.norm() < 0.02


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@each_switch
@each_kind
def test_every_switch_agrees_with_its_equations(kind: dict[str, Any], switch: str, dtype: torch.dtype) -> None:
    """Numbers, gradients and the carried state, in training, with and without a cut in the window."""
    model = make(**kind, **SWITCHES[switch]).to(dtype)
    generator = seeded(5)
    with torch.no_grad():
        for parameter in model.parameters():  # so that no gain is 1 and no bias 0
            parameter += torch.rand(parameter.shape, generator=generator) - 0.5
    weights = {name: value.detach().clone().requires_grad_() for name, value in model.state_dict().items()}
    inputs, state = text(4, 7), some_state(model.to(dtype), 4)
    state = tuple(tuple(part.to(dtype) for part in layer) for layer in state)
    logits, states = written_out(model.config, weights, inputs, state, drawn_masks(model.config, 4, 7, dtype, MASKS))
    wanted = torch.rand(logits.shape, generator=generator).to(dtype)
    slopes = dict(zip(weights, torch.autograd.grad((logits * wanted).sum(), list(weights.values())), strict=True))
    tolerance = {"rtol": 1e-4, "atol": 1e-4} if dtype == torch.float32 else {"rtol": 1e-9, "atol": 1e-9}
    for cut in (7, 3):
        ours, carried = model(inputs, state, carry_at=cut, masks=MASKS)
        torch.testing.assert_close(ours, logits, **tolerance)
        torch.testing.assert_close(carried, states[cut - 1], **tolerance)
        model.zero_grad()
        (ours * wanted).sum().backward()
        for name, parameter in model.named_parameters():
            torch.testing.assert_close(parameter.grad, slopes[name], **tolerance)


@each_kind
def test_gradients_against_differences_with_fixed_masks(kind: dict[str, Any]) -> None:
    model = make(**kind, **SWITCHES["all"] | {"num_layers": 2, "rnn_size": 3, "embedding_size": 2}).double()
    inputs = text(2, 4)
    state = tuple(tuple(part.double() + 0.1 for part in layer) for layer in model.zero_state(2))
    names, values = zip(*model.named_parameters(), strict=True)

    def logits(*values: Tensor) -> Tensor:
        options = {"carry_at": 2, "masks": MASKS}
        found: Tensor = functional_call(model, dict(zip(names, values, strict=True)), (inputs, state), options)[0]
        return found

    assert gradcheck(logits, values)


def test_one_lstm_step_by_hand() -> None:
    model = CharModel(ModelConfig(num_layers=1, rnn_size=1, embedding_size=1, **PLAIN), 2)
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
    model = make("rnn", num_layers=3, residual=True, **PLAIN)
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


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("embedding", [4, 0])
@pytest.mark.parametrize("cell", CELLS)
def test_without_switches_every_bit_is_as_before_there_were_any(cell: Cell, embedding: int, dropout: float) -> None:
    """The network as it first was: the same draws in the same order, and the modules' own forward, which but for an
    LSTM's is not ours on a CPU."""
    model = make(cell, embedding_size=embedding, dropout=dropout, **PLAIN)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(3)
        read: Any = nn.Embedding(V, embedding) if embedding else lambda x: F.one_hot(x, V).float()
        layers = [ORACLES[cell](width, 6) for width in (embedding or V, 6, 6)]
        head = nn.Linear(6, V)
    if cell == "lstm":
        for layer in layers:
            layer.bias_ih_l0.data[6:12] = 1
    inputs, state = text(5, 9), some_state(model, 5)
    x = read(inputs.t())
    for index, layer in enumerate(layers):
        start = tuple(part[None] for part in state[index])
        y, _ = layer(x, start if cell == "lstm" else start[0])
        if dropout:
            y = y * MASKS.of_streams(2 * index + 2, y, 1 - dropout)
        x = x + y if index else y
    logits, _ = model(inputs, state, masks=MASKS)
    exact: dict[str, Any] = {"rtol": 0, "atol": 0} if cell == "lstm" else {}
    torch.testing.assert_close(logits, head(x).transpose(0, 1), **exact)
    ours = [value for name, value in model.state_dict().items() if name.startswith(("layers", "head"))]
    theirs = [parameter for module in (*layers, head) for parameter in module.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize(
    ("settings", "last_logits", "last_cell"),
    [
        # As a loop in NumPy, in double precision, has them.
        ({}, [-0.3109615752, 0.7656212571, -0.3152170485], [-0.4199932740, -0.7240012597, -1.2044802448]),
        # As computed by the version before there were switches.
        (PLAIN, [-0.0113036633, 0.1283947229, -0.0675153956], [-0.0785763485, 0.0219979481, -0.1783231348]),
    ],
    ids=["default", "plain"],
)
def test_a_networks_first_numbers(settings: dict[str, Any], last_logits: list[float], last_cell: list[float]) -> None:
    """Layer normalisation draws nothing: the weights are those of the plain network."""
    model = CharModel(ModelConfig(rnn_size=192, **settings), 87, seed=1).eval()
    weights = model.weights()
    assert weights["embedding.weight"][3, :3].tolist() == pytest.approx([-0.5685159564, 0.837596178, 1.7836606503])
    assert weights["layers.1.weight_hh_l0"][5, :2].tolist() == pytest.approx([-0.0162528101, -0.0480485782])
    assert weights["head.bias"][:3].tolist() == pytest.approx([0.0660705417, 0.0198578387, -0.0643508732])
    with torch.no_grad():
        logits, state = model(torch.arange(87).expand(2, 87), model.zero_state(2))
    assert logits[1, -1, :3].tolist() == pytest.approx(last_logits, abs=1e-5)
    assert state[1][1][0, :3].tolist() == pytest.approx(last_cell, abs=1e-5)


def test_layer_norm_is_torchs_and_leaves_the_residual_path_alone() -> None:
    model = make("gru", num_layers=2, layer_norm=True)
    norms = [nn.LayerNorm(6), nn.LayerNorm(6)]
    for ours, theirs in zip(model.norms, norms, strict=True):
        for name, parameter in ours.named_parameters():
            parameter.data.uniform_(-2, 2, generator=seeded(3))
            theirs.get_parameter(name).data.copy_(parameter)
    inputs, zeros = text(3, 5), torch.zeros(1, 3, 6)
    first, _ = model.layers[0](model.embedding(inputs.t()), zeros)
    second, _ = model.layers[1](norms[0](first), zeros)
    expected = model.head(norms[1](first + second)).transpose(0, 1)
    logits, _ = model(inputs, model.zero_state(3))
    torch.testing.assert_close(logits, expected)


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


@pytest.mark.parametrize("embedding", [4, 0])
@pytest.mark.parametrize("name", DROPOUTS)
def test_dropout_goes_by_the_masks_passed_and_no_generator(name: str, embedding: int) -> None:
    model = make(embedding_size=embedding, **{name: 0.5})
    model.train()
    inputs, state = text(4, 6), some_state(model, 4)
    before = torch.get_rng_state()

    def run(masks: DropoutMasks) -> Tensor:
        logits, _ = model(inputs, state, masks=masks)
        return logits

    assert torch.equal(run(DropoutMasks(1)), run(DropoutMasks(1)))
    assert not torch.equal(run(DropoutMasks(1)), run(DropoutMasks(2)))
    assert not torch.equal(run(DropoutMasks(1)), run(DropoutMasks(1, iteration=1)))
    assert torch.equal(torch.get_rng_state(), before)
    model.eval()
    plain, _ = make(embedding_size=embedding)(inputs, state)
    assert torch.equal(model(inputs, state, masks=DropoutMasks(1))[0], plain)  # none is dropped outside of training


@pytest.mark.parametrize("name", DROPOUTS)
def test_a_stream_has_the_same_masks_beside_whichever_others(name: str) -> None:
    model = make(**{name: 0.5}).train()
    inputs, state = text(4, 6), some_state(model, 4)
    whole, _ = model(inputs, state, masks=DropoutMasks(3, 5))
    for rows in (slice(0, 1), slice(1, 4)):
        part, _ = model(
            inputs[rows],
            tuple(tuple(each[rows] for each in layer) for layer in state),
            masks=DropoutMasks(3, 5, first=rows.start),
        )
        torch.testing.assert_close(part, whole[rows])


def test_recurrent_dropout_keeps_the_expectation() -> None:
    """Where all is positive a relu cell is linear, so that the mean over masks is what no mask gives."""
    model = make("rnn", nonlinearity="relu", num_layers=1, recurrent_dropout=0.4, **PLAIN)
    for parameter in model.parameters():
        parameter.data.abs_()
    inputs = text(2, 1)
    state = ((torch.full((2, 6), 2.0),),)
    with torch.no_grad():
        drawn = torch.stack([model(inputs, state, masks=DropoutMasks(1, number))[0] for number in range(4000)])
        expected, _ = model.eval()(inputs, state)
    deviation = drawn.std(0) / 4000**0.5
    assert deviation.max() > 0
    assert ((drawn.mean(0) - expected).abs() < 5 * deviation).all()


def test_a_recurrent_mask_lasts_a_window_and_hides_its_weights_from_the_gradient() -> None:
    """A window of the same character: without a mask drawn anew in it, the cell comes to rest."""
    model = make("rnn", num_layers=1, recurrent_dropout=0.5)
    inputs = torch.zeros(1, 200, dtype=torch.long)
    first, _ = model(inputs, model.zero_state(1), masks=MASKS)
    torch.testing.assert_close(first[0, 150:], first[0, -1:].expand(50, V), rtol=0, atol=1e-6)
    second, _ = model(inputs, model.zero_state(1), masks=DropoutMasks(MASKS.seed, MASKS.iteration + 1))
    assert not torch.allclose(second[0, -1], first[0, -1], atol=1e-3)  # and the next window has another
    first.sum().backward()
    mask = MASKS.of_all(1, torch.empty(6, 6), 0.5)
    slopes = model.get_parameter("layers.0.weight_hh_l0").grad
    assert slopes is not None
    assert torch.equal(slopes != 0, mask > 0)


def test_input_dropout_of_one_hot_leaves_characters_unread() -> None:
    model = make("rnn", num_layers=1, embedding_size=0, input_dropout=0.999999, **PLAIN)
    logits, _ = model(text(2, 5), model.zero_state(2), masks=DropoutMasks(1))
    weights = model.state_dict()
    h = torch.zeros(6)
    for at in range(5):
        h = torch.tanh(
            weights["layers.0.bias_ih_l0"] + weights["layers.0.weight_hh_l0"] @ h + weights["layers.0.bias_hh_l0"]
        )
        expected = weights["head.weight"] @ h + weights["head.bias"]
        torch.testing.assert_close(logits[:, at], expected.expand(2, V), rtol=1e-5, atol=1e-6)


def test_a_tied_matrix_has_the_gradients_of_both_its_uses() -> None:
    tied, apart = make(tied=True, embedding_size=4, rnn_size=4), make(embedding_size=4, rnn_size=4)
    weights = tied.weights()
    read = weights["embedding.weight"] * 2  # times sqrt(4) where it is an embedding
    apart.load_weights(weights | {"embedding.weight": read, "head.weight": weights["embedding.weight"]})
    for model in (tied, apart):
        model.loss(text(4, 8), text(4, 8, 1), model.zero_state(4))[0].backward()
    slopes = {name: parameter.grad for name, parameter in apart.named_parameters()}
    both = 2 * slopes["embedding.weight"] + slopes.pop("head.weight")
    assert slopes["embedding.weight"].any()
    torch.testing.assert_close({n: p.grad for n, p in tied.named_parameters()}, slopes | {"embedding.weight": both})


@pytest.mark.parametrize("embedding", [4, 6], ids=["projected", "as wide"])
def test_a_tied_matrix_is_one_wherever_the_model_goes(embedding: int) -> None:
    model = make(tied=True, embedding_size=embedding)
    assert list(model.state_dict()) == list(model.config.shapes(V))
    assert sum(p.numel() for p in model.parameters()) == sum(math.prod(s) for s in model.config.shapes(V).values())
    for moved in (copy.deepcopy(model), make(tied=True, embedding_size=embedding).double()):
        assert moved.head.weight is moved.embedding.weight
        assert moved.head.weight is not model.embedding.weight
    other = CharModel(model.config, V, seed=8)
    other.load_weights(model.weights())
    assert torch.equal(other.head.weight, model.head.weight)


@pytest.mark.parametrize("settings", [{}, {"tied": True}, PLAIN, PLAIN | {"tied": True}], ids=str)
def test_at_first_a_model_knows_nothing(settings: dict[str, Any]) -> None:
    """Nor does it pretend to: an embedding as large as usual would, at the other end, make logits too sure."""
    model = CharModel(ModelConfig(**settings).completed(), 87, seed=1)
    ids = torch.arange(870).reshape(10, 87) % 87
    loss, _ = model.loss(ids, ids.flip(1), model.zero_state(10))
    assert loss.item() == pytest.approx(math.log(87), abs=0.4)


@pytest.mark.parametrize("norm", [{}, PLAIN], ids=["default", "plain"])
def test_dropout_falls_on_outputs_not_on_the_residual_path_or_the_carried_state(norm: dict[str, Any]) -> None:
    without, dropping = make("gru", num_layers=1, **norm), make("gru", num_layers=1, dropout=0.5, **norm)
    inputs = text(3, 5)
    _, state = without(inputs, without.zero_state(3))
    _, same = dropping.train()(inputs, dropping.zero_state(3), masks=MASKS)
    assert_same_state(same, state)
    # Every mask all but zero: the layers above the first then add nothing, and only the head's bias is left.
    nearly = make("gru", num_layers=3, dropout=0.999999, **norm).train()
    logits, _ = nearly(inputs, nearly.zero_state(3), masks=MASKS)
    torch.testing.assert_close(logits, nearly.head.bias.expand_as(logits))


def test_construction_leaves_the_global_generator_untouched() -> None:
    before = torch.get_rng_state()
    models = [CharModel(ModelConfig(rnn_size=4), V, seed=seed).weights() for seed in (1, 1, 2)]
    assert torch.equal(torch.get_rng_state(), before)
    assert all(np.array_equal(models[0][name], models[1][name]) for name in models[0])
    assert not np.array_equal(models[0]["head.weight"], models[2]["head.weight"])


@pytest.mark.parametrize("settings", [*SWITCHES.values(), {"embedding_size": 0}], ids=str)
@each_kind
def test_weights_are_those_the_config_promises(kind: dict[str, Any], settings: dict[str, Any]) -> None:
    model = make(**kind, **settings)
    weights = model.weights()
    assert [(name, value.shape) for name, value in weights.items()] == list(model.config.shapes(V).items())
    assert {value.dtype for value in weights.values()} == {np.dtype(np.float32)}


def test_forget_gates_are_open_at_first() -> None:
    weights = make("lstm").weights()
    for layer in range(3):
        bias = weights[f"layers.{layer}.bias_ih_l0"]
        assert (bias[6:12] == 1).all()
        assert (np.abs(np.delete(bias, np.s_[6:12])) < 0.5).all()


@each_switch
def test_weights_are_a_copy_and_load_back(switch: str) -> None:
    model = make(**SWITCHES[switch])
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
