"""The recurrent layers that a CPU has no fused kernel for, GRU and plain RNN, each with a backward pass of its own.

The mathematics and the weights are those of `torch.nn.GRU` and `torch.nn.RNN` (Cho et al., 2014, with the reset gate
applied after the product, as in cuDNN; Elman, 1990). What differs is the order of the work. torch runs some ten small
operations a step and lets autograd run twice as many backwards, of which one adds to the whole gradient of the
recurrent matrix at every step. Here (Appleyard et al., 2016, "Optimizing Performance of Recurrent Neural Networks on
GPUs", on what need not wait for the step before):

- the products with a window's inputs are one, before the loop;
- a step is one product, added to these, and a few elementwise operations, in memory that is there already;
- the loss reaches the gates of a step through the gradient of the step's output alone, and linearly: each gate's
  gradient is that gradient times a coefficient, and coefficients are computed for several steps at once. A step
  backwards is then two multiplications and one product;
- the gradients of the matrices are one product each, after the loop.

Within `torch.autocast` the products are computed in its data type; states, gates and their gradients remain float32.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

# From this many multiplications a product of one step is faster in bfloat16, on a CPU that has it: below, the call
# takes longer than they do.
LEAST = 1 << 22


def _add_product(base: Tensor, rows: Tensor, matrix: Tensor, out: Tensor) -> Tensor:
    """Write base + rows @ matrix, (M, K) and (K, N), to out and return it; the matrix has the product's data type."""
    if matrix.dtype == out.dtype:
        return torch.addmm(base, rows, matrix, out=out)
    return torch.add(base, torch.mm(rows.to(matrix.dtype), matrix), out=out)


def _multiply(a: Tensor, b: Tensor, out: Tensor) -> None:
    """Write a * b to out, whose data type may be another."""
    if a.dtype == out.dtype:
        torch.mul(a, b, out=out)
    else:
        out.copy_(a * b)


def _gru_steps(gates: Tensor, states: Tensor, u: Tensor) -> None:
    """The loop of `_GRU`.

    Args:
        gates: (T, B, 4 H), in the order n, r, z, m: what the inputs and biases add to each; becomes the gates.
        states: (T + 1, B, H), of which the first is the state that enters; becomes all.
        u: (H, 3 H), the recurrent matrices of r, z and m.
    """
    width = u.size(0)
    recurrent, r_and_z = gates[:, :, width:].unbind(), gates[:, :, width : 3 * width].unbind()
    n, r, z, m = [gate.unbind() for gate in gates.chunk(4, 2)]
    out = states.unbind()
    for t in range(len(n)):
        _add_product(recurrent[t], out[t], u, recurrent[t])
        r_and_z[t].sigmoid_()
        n[t].addcmul_(r[t], m[t]).tanh_()
        torch.lerp(n[t], out[t], z[t], out=out[t + 1])


def _gru_steps_back(gates: Tensor, states: Tensor, u: Tensor, of_outputs: Tensor, g: Tensor, deltas: Tensor) -> None:
    """The loop of `_GRU` backwards.

    Args:
        gates: As `_gru_steps` left them.
        states: Likewise.
        u: (3 H, H), the recurrent matrices of r, z and m.
        of_outputs: (T, B, H), what reaches each output from above.
        g: (B, H), what reaches the last state; becomes the gradient of the first.
        deltas: (T, B, 4, H), becomes the gradients of the four gates before their activations; may be the gates.
    """
    at_once = 8  # steps: at 16 rows of 256 units their coefficients are half a megabyte, and remain in a core's cache
    length, width = gates.size(0), u.size(1)
    recurrent, delta, above = deltas.flatten(2)[:, :, width:].unbind(), deltas.unbind(), of_outputs.unbind()
    zero = torch.zeros_like(g)
    kept = gates.new_empty((min(at_once, length), g.size(0), 5, width))  # the coefficients, and z: deltas may be gates
    coefficient, carried = kept[:, :, :4].unbind(), kept[:, :, 4].unbind()
    scratches, one = torch.empty_like(kept[:, :, 0]), torch.ones_like(g[0, 0])
    for stop in range(length, 0, -at_once):
        start = max(0, stop - at_once)
        n, r, z, m = gates[start:stop].chunk(4, 2)
        of_n, of_r, of_z, of_m, z_too = kept[: stop - start].unbind(2)
        scratch = scratches[: stop - start]
        z_too.copy_(z)
        torch.ops.aten.tanh_backward(torch.sub(one, z, out=scratch), n, grad_input=of_n)
        torch.mul(of_n, r, out=of_m)
        torch.ops.aten.sigmoid_backward(torch.mul(of_n, m, out=scratch), r, grad_input=of_r)
        torch.ops.aten.sigmoid_backward(torch.sub(states[start:stop], n, out=scratch), z, grad_input=of_z)
        for t in range(stop - 1, start - 1, -1):
            _multiply(coefficient[t - start], g.unsqueeze(1), delta[t])
            torch.addcmul(above[t - 1] if t else zero, g, carried[t - start], out=g)
            _add_product(g, recurrent[t], u, g)


def _rnn_steps(states: Tensor, u: Tensor, tanh: bool) -> None:
    """The loop of `_RNN`.

    Args:
        states: (T + 1, B, H), the state that enters, and what the inputs and biases add to each; becomes the states.
        u: (H, H), the recurrent matrix.
        tanh: Instead of relu.
    """
    out = states.unbind()
    for t in range(1, len(out)):
        _add_product(out[t], out[t - 1], u, out[t])
        if tanh:
            out[t].tanh_()
        else:
            out[t].relu_()


def _rnn_steps_back(coefficients: Tensor, u: Tensor, of_outputs: Tensor, g: Tensor, deltas: Tensor) -> None:
    """The loop of `_RNN` backwards: `coefficients` and `deltas` (T, B, H), for one gate, the rest as for a GRU."""
    coefficient, delta, above = coefficients.unbind(), deltas.unbind(), of_outputs.unbind()
    zero = torch.zeros_like(g)
    for t in range(len(delta) - 1, -1, -1):
        _multiply(coefficient[t], g, delta[t])
        _add_product(above[t - 1] if t else zero, delta[t], u, g)


class _GRU(torch.autograd.Function):
    """One layer over a window: see `gru`.

    With the gates r, z and n, of which the loop computes

        r, z = sigmoid(x W_r + h U_r + b_r), sigmoid(x W_z + h U_z + b_z);  m = h U_n + c_n
        n = tanh(x W_n + b_n + r * m);  h' = n + z * (h - n)

    the gradient g of h' has, with respect to what the activations are applied to and to m, the coefficients

        n: (1 - z) (1 - n^2);  r: that times m r (1 - r);  z: (h - n) z (1 - z);  m: n's times r

    and h that of g * z and of the recurrent product. Gates lie in the order n, r, z, m: the products with the inputs
    make the first three, those with the state the last three.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, start: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor, b_hh: Tensor, dtype: torch.dtype
    ) -> tuple[Tensor, Tensor]:
        width = start.shape[-1]
        inputs = x.to(dtype).flatten(0, 1)
        states = w_hh.new_empty(len(x) + 1, *start.shape)
        states[0] = start
        gates = w_hh.new_empty(*x.shape[:2], 4 * width)
        flat = gates.flatten(0, 1)
        bias = b_ih.roll(width)
        bias[width:] += b_hh[: 2 * width]
        _of_the_inputs(bias, inputs, w_ih.roll(width, 0), flat[:, : 3 * width])
        flat[:, 3 * width :] = b_hh[2 * width :]
        _compiled(_gru_steps)(gates, states, _of_a_step(w_hh.t(), dtype, start))
        ctx.save_for_backward(inputs, states, gates, w_ih, w_hh)
        ctx.dtype, ctx.shape = x.dtype, x.shape
        return states[1:], states[-1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_outputs: Tensor, of_end: Tensor) -> tuple[Tensor | None, ...]:
        inputs, states, gates, w_ih, w_hh = ctx.saved_tensors
        width = states.shape[-1]
        g = of_outputs[-1] + of_end[0]
        u = _of_a_step(w_hh, inputs.dtype, g)
        # What is computed from the gates takes their place, unless the graph is kept for another time.
        kept = getattr(torch._C._autograd, "_get_current_graph_task_keep_graph", lambda: True)  # private
        again = kept() or u.dtype != gates.dtype
        deltas = (u.new_empty(gates.shape) if again else gates.detach()).unflatten(2, (4, width))
        _compiled(_gru_steps_back)(gates, states, u, of_outputs, g, deltas)
        flat = deltas.view(-1, 4 * width).to(inputs.dtype)
        biases = _sums(flat, w_hh)
        of_x, of_w_ih = _of_inputs(ctx, flat[:, : 3 * width], inputs, w_ih.roll(width, 0))
        of_w_hh = _of_matrix(flat[:, width:], states[:-1].flatten(0, 1), w_hh)
        return of_x, g, of_w_ih.roll(-width, 0), of_w_hh, biases[: 3 * width].roll(-width), biases[width:], None


class _RNN(torch.autograd.Function):
    """One layer over a window, h' = f(x W + b + h U + c), f being tanh or relu: see `rnn_tanh`.

    The gradient of what f is applied to is that of h' times 1 - h'^2 for tanh; where h' > 0 for relu.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        start: Tensor,
        w_ih: Tensor,
        w_hh: Tensor,
        b_ih: Tensor,
        b_hh: Tensor,
        dtype: torch.dtype,
        tanh: bool,
    ) -> tuple[Tensor, Tensor]:
        inputs = x.to(dtype).flatten(0, 1)
        states = w_hh.new_empty(len(x) + 1, *start.shape)
        states[0] = start
        _of_the_inputs(b_ih + b_hh, inputs, w_ih, states[1:].flatten(0, 1))
        _compiled(_rnn_steps)(states, _of_a_step(w_hh.t(), dtype, start), tanh)
        ctx.save_for_backward(inputs, states, w_ih, w_hh)
        ctx.dtype, ctx.shape, ctx.tanh = x.dtype, x.shape, tanh
        return states[1:], states[-1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_outputs: Tensor, of_end: Tensor) -> tuple[Tensor | None, ...]:
        inputs, states, w_ih, w_hh = ctx.saved_tensors
        outputs = states[1:]
        one = outputs.new_ones(())
        coefficients = torch.addcmul(one, outputs, outputs, value=-1) if ctx.tanh else (outputs > 0).to(outputs.dtype)
        g = of_outputs[-1] + of_end[0]
        u = _of_a_step(w_hh, inputs.dtype, g)
        deltas = coefficients if u.dtype == coefficients.dtype else u.new_empty(outputs.shape)
        _compiled(_rnn_steps_back)(coefficients, u, of_outputs, g, deltas)
        flat = deltas.flatten(0, 1).to(inputs.dtype)
        of_bias = _sums(flat, w_hh)
        of_x, of_w_ih = _of_inputs(ctx, flat, inputs, w_ih)
        of_w_hh = _of_matrix(flat, states[:-1].flatten(0, 1), w_hh)
        return (
            of_x,
            g,
            of_w_ih,
            of_w_hh,
            of_bias,
            of_bias.clone(),
            None,
            None,
        )  # a copy: gradients are added to in place


_COMPILING = threading.Lock()


def _compiled(loop: Callable[..., None]) -> Callable[..., None]:
    """The loop as TorchScript, which runs it without Python's lock.

    Threads that each train rows of their own would otherwise wait for each other at every operation. What is computed
    is the same, bit for bit. TorchScript is deprecated: where it is no longer, Python runs the loop.
    """
    with _COMPILING:
        return _script(loop)


@cache
def _script(loop: Callable[..., None]) -> Callable[..., None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            return torch.jit.script(loop)  # type: ignore[no-any-return]
        except (AttributeError, RuntimeError, OSError):  # OSError: where there is no source to read
            return loop


def _of_the_inputs(bias: Tensor, inputs: Tensor, w_ih: Tensor, out: Tensor) -> None:
    """Write to out (T * B, G) what the inputs (T * B, X) and biases of all steps add, in the inputs' data type."""
    if inputs.dtype == out.dtype:
        torch.addmm(bias, inputs, w_ih.t(), out=out)
    else:
        out.copy_(torch.addmm(bias.to(inputs.dtype), inputs, w_ih.to(inputs.dtype).t()))


def _of_a_step(matrix: Tensor, dtype: torch.dtype, state: Tensor) -> Tensor:
    """The matrix (K, N) as it multiplies the rows of one step, where those of a window are multiplied in `dtype`."""
    if len(state) * matrix.numel() < LEAST:
        dtype = matrix.dtype
    return matrix.to(dtype).contiguous()  # transposed, a product of few rows would take half as long again


def _of_inputs(ctx: Any, deltas: Tensor, inputs: Tensor, w_ih: Tensor) -> tuple[Tensor | None, Tensor]:
    """The gradients of a layer's inputs (T, B, X), if wanted, and of the matrix (G, X) they went through."""
    of_x = None
    if ctx.needs_input_grad[0]:
        of_x = (deltas @ w_ih.to(deltas.dtype)).view(ctx.shape).to(ctx.dtype)
    return of_x, _of_matrix(deltas, inputs, w_ih)


def _of_matrix(deltas: Tensor, rows: Tensor, matrix: Tensor) -> Tensor:
    """The gradient of a matrix (G, K) from those, (T * B, G), of what it made of the rows (T * B, K)."""
    return (deltas.t() @ rows.to(deltas.dtype)).to(matrix.dtype)


def _sums(deltas: Tensor, like: Tensor) -> Tensor:
    """The sum of rows, as a product: in bfloat16 that rounds once."""
    return (deltas.new_ones(1, len(deltas)) @ deltas)[0].to(like.dtype)


def gru(x: Tensor, state: Tensor, weights: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """A GRU over a window.

    Args:
        x: (T, B, X).
        state: (1, B, H).
        weights: Those of a `torch.nn.GRU` of one layer, in its order.

    Returns:
        The outputs (T, B, H) and the last of them (1, B, H).
    """
    return _GRU.apply(x, state[0], *weights, _dtype(weights))  # type: ignore[no-untyped-call, no-any-return]


def rnn_tanh(x: Tensor, state: Tensor, weights: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """A plain RNN over a window: as `gru`, with the weights of a `torch.nn.RNN`."""
    return _RNN.apply(x, state[0], *weights, _dtype(weights), True)  # type: ignore[no-untyped-call, no-any-return]


def rnn_relu(x: Tensor, state: Tensor, weights: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """As `rnn_tanh`, with relu."""
    return _RNN.apply(x, state[0], *weights, _dtype(weights), False)  # type: ignore[no-untyped-call, no-any-return]


def _dtype(weights: Sequence[Tensor]) -> torch.dtype:
    """What products are computed in: autocast's data type within it."""
    return torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else weights[0].dtype
