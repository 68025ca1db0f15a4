"""GRU and plain RNN on a CPU against torch's own modules, and their gradients against differences."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import gradcheck

from charrnn.network import recurrent_kernels
from charrnn.network.recurrent_kernels import gru, rnn_relu, rnn_tanh

Kernel = Callable[..., tuple[Tensor, Tensor]]
KERNELS: dict[str, tuple[Kernel, type[nn.RNNBase], dict[str, Any]]] = {
    "gru": (gru, nn.GRU, {}),
    "tanh": (rnn_tanh, nn.RNN, {}),
    "relu": (rnn_relu, nn.RNN, {"nonlinearity": "relu"}),
}
each_kernel = pytest.mark.parametrize("name", KERNELS)
X, H, B = 5, 7, 3


def problem(name: str, length: int, dtype: torch.dtype = torch.float64) -> tuple[Kernel, nn.RNNBase, Tensor, Tensor]:
    kernel, module, settings = KERNELS[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(length)
        x, state = torch.randn(length, B, X, dtype=dtype), torch.randn(1, B, H, dtype=dtype)
        return kernel, module(X, H, **settings).to(dtype), x.requires_grad_(), state.requires_grad_()


def gradients(outputs: tuple[Tensor, Tensor], inputs: list[Tensor]) -> list[Tensor]:
    """Of something that reaches outputs and last state by different ways."""
    y, end = outputs
    return list(torch.autograd.grad((y.float() * y.detach().cos()).sum() + end.float().sin().sum(), inputs))


@each_kernel
@pytest.mark.parametrize("length", [1, 2, 8, 19])  # a step; within, just and beyond what a GRU computes at once
def test_outputs_and_gradients_are_those_of_torchs_module(name: str, length: int) -> None:
    kernel, module, x, state = problem(name, length)
    weights = list(module.parameters())
    expected, found = module(x, state), kernel(x, state, weights)
    torch.testing.assert_close(found, expected)
    inputs = [x, state, *weights]
    torch.testing.assert_close(gradients(found, inputs), gradients(expected, inputs))


@each_kernel
def test_gradients_against_differences(name: str) -> None:
    kernel, module, x, state = problem(name, 9)
    assert gradcheck(lambda x, state, *weights: kernel(x, state, weights), (x, state, *module.parameters()))


@each_kernel
@pytest.mark.parametrize("least", [0, 1 << 62], ids=["steps too", "windows only"])
def test_within_autocast_products_are_rounded_and_nothing_else(
    name: str, least: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recurrent_kernels, "LEAST", least)
    kernel, module, x, state = problem(name, 19, torch.float32)
    weights = list(module.parameters())
    inputs = [x, state, *weights]
    expected = module(x, state)
    for precise in (x, x.detach().bfloat16().requires_grad_()):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = kernel(precise, state, weights)
        assert {part.dtype for part in found} == {torch.float32}
        torch.testing.assert_close(found, expected, rtol=0, atol=0.05)
        ours = gradients(found, [precise, *inputs[1:]])
        assert [a.dtype for a in ours] == [precise.dtype, *(a.dtype for a in inputs[1:])]
        for a, b in zip(ours, gradients(module(x, state), inputs), strict=True):
            assert (a - b).norm() < 0.03 * b.norm()
    assert not torch.equal(found[0], expected[0])


@each_kernel
def test_torchscript_and_python_compute_the_same_bits(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel, module, x, state = problem(name, 19, torch.float32)
    inputs = [x, state, *module.parameters()]

    def results() -> list[Tensor]:
        outputs = kernel(x, state, inputs[2:])
        return [*outputs, *gradients(outputs, inputs)]

    scripted = [results() for _ in range(4)]  # TorchScript rewrites a loop after it has run it once or twice
    monkeypatch.setattr(recurrent_kernels, "_compiled", lambda loop: loop)
    plain = results()
    assert all(torch.equal(a, b) for one in scripted for a, b in zip(one, plain, strict=True))


@pytest.mark.parametrize("error", [RuntimeError("gone"), OSError("no source")], ids=str)
def test_without_torchscript_python_runs_the_loop(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def refuse(_: object) -> None:
        raise error

    monkeypatch.setattr(torch.jit, "script", refuse)
    recurrent_kernels._script.cache_clear()
    try:
        kernel, module, x, state = problem("gru", 9)
        torch.testing.assert_close(kernel(x, state, list(module.parameters())), module(x, state))
        assert recurrent_kernels._compiled(recurrent_kernels._gru_steps) is recurrent_kernels._gru_steps
    finally:
        recurrent_kernels._script.cache_clear()


@each_kernel
def test_threads_at_once_compute_what_each_does_alone(name: str) -> None:
    problems = [problem(name, length, torch.float32) for length in (40, 41)]

    def results(number: int) -> list[Tensor]:
        kernel, module, x, state = problems[number]
        outputs = kernel(x, state, list(module.parameters()))
        return [*outputs, *gradients(outputs, [x, state, *module.parameters()])]

    alone = [results(0), results(1)]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(results, [0, 1] * 10))
    for number, found in enumerate(together):
        assert all(torch.equal(a, b) for a, b in zip(found, alone[number % 2], strict=True))


@each_kernel
def test_a_graph_that_is_kept_can_be_used_again(name: str) -> None:
    """And one that is not gives the same, though its numbers are overwritten."""
    kernel, module, x, state = problem(name, 19, torch.float32)
    inputs = [x, state, *module.parameters()]
    y, _ = kernel(x, state, inputs[2:])
    kept = [torch.autograd.grad(y.sum(), inputs, retain_graph=True) for _ in range(2)]
    last = torch.autograd.grad(y.sum(), inputs)
    for found in kept:
        assert all(torch.equal(a, b) for a, b in zip(found, last, strict=True))
    with pytest.raises(RuntimeError):
        torch.autograd.grad(y.sum(), inputs)


@each_kernel
def test_without_gradients_the_outputs_are_the_same(name: str) -> None:
    kernel, module, x, state = problem(name, 19)
    weights = list(module.parameters())
    with torch.no_grad():
        found = kernel(x, state, weights)
    assert not found[0].requires_grad
    assert all(torch.equal(a, b) for a, b in zip(found, kernel(x, state, weights), strict=True))


@each_kernel
def test_a_loss_may_leave_inputs_or_outputs_out(name: str) -> None:
    kernel, module, x, state = problem(name, 10)
    weights = list(module.parameters())
    start = state.detach()

    def some(y: Tensor, end: Tensor, last: bool) -> tuple[Tensor, ...]:
        return torch.autograd.grad((end if last else y[3]).sum(), weights)

    for inputs in (x.detach(), x):
        for last in (False, True):
            expected = some(*module(inputs, start), last)
            torch.testing.assert_close(some(*kernel(inputs, start, weights), last), expected)


@each_kernel
def test_no_more_is_kept_for_the_backward_pass_than_by_torchs_module(name: str) -> None:
    kernel, module, x, state = problem(name, 64, torch.float32)
    weights = list(module.parameters())

    def kept(compute: Callable[[], Any]) -> int:
        storages: dict[int, int] = {}

        def pack(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            outputs = compute()  # alive, so that no address is used twice
        assert outputs
        return sum(storages.values())

    assert kept(lambda: kernel(x, state, weights)) <= kept(lambda: module(x, state))
