"""Iterations whose losses and norms are read from the device together: within a block nothing waits for the device.

What is not finite is never stepped on all the same (`gate`): from that iteration of a block on nothing changes any
more, so that when the block is read the training is what it was before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from charrnn.errors import DivergedError
from charrnn.network.torch_model import entering
from charrnn.training import divergence
from charrnn.training.events import Progress, log_interval
from charrnn.training.gate import Gate

if TYPE_CHECKING:
    from charrnn.training.trainer import Trainer

_READ_EVERY = 10  # iterations on a GPU, as often as the log has a line at first
_SMOOTHING = 0.02  # weight of the newest loss in the smoothed one: about the last 50 iterations


@dataclass(frozen=True, eq=False, slots=True)
class _Made:
    """An iteration that the device has been told of."""

    iteration: int
    rate: float
    characters: int
    measured: tuple[Tensor, Tensor, Tensor]  # its loss, the gradient's norm, 1 where that was clipped


def read_every(trainer: Trainer) -> int:
    """The iterations of a block, at most, on the device where a training is."""
    return _READ_EVERY if trainer.device.type == "cuda" and trainer.optimizer.decides_on_device else 1


def length(trainer: Trainer) -> int:
    """The iterations until somebody looks at the training, or at its log; `trainer.read_every` at most."""
    config, horizon = trainer.config, trainer.horizon
    for count in range(1, trainer.read_every):
        at = trainer.iteration + count
        evaluated = config.eval_every and at % config.eval_every == 0
        if evaluated or config.snapshot_due(at) or horizon.reached(at) or divergence.observed(at):
            return count
        if at % log_interval(at) == 0:
            return count
    return trainer.read_every


def make(trainer: Trainer, count: int) -> tuple[list[Progress], DivergedError | None]:
    """Make some iterations, and read then what they came to.

    Args:
        trainer: Has made, after this, those that are returned.
        count: How many; a single one asks the device at once.

    Returns:
        What became of each, up to the first whose loss or gradient is not finite; and the error of that, if there is
        one.
    """
    clock = trainer.budget.clock
    started, first = clock(), trainer.iteration + 1
    gate = Gate(None if count == 1 else trainer.device)
    made = [_make(trainer, iteration, gate) for iteration in range(first, first + count)]
    rows = torch.stack([torch.stack(each.measured) for each in made]).tolist()
    seconds = (clock() - started) / count
    progress = list[Progress]()
    for each, (loss, norm, clipped) in zip(made, rows, strict=True):
        try:
            divergence.require_finite(trainer, "loss", loss)
            divergence.require_finite(trainer, "gradient's norm", norm)
        except DivergedError as error:
            return progress, error
        progress.append(_counted(trainer, each, loss, norm, clipped=bool(clipped), seconds=seconds))
    return progress, None


def _make(trainer: Trainer, iteration: int, gate: Gate) -> _Made:
    """One window, one update, if the gate is open."""
    window = trainer.streams[iteration - 1]
    state = entering(trainer.state, window.continues & ~trainer.reset(iteration)[trainer.rows])
    rate = trainer.schedule.rate(iteration)
    backward = trainer.data_parallel.backward(window, state, iteration)
    gate.observe(backward.loss)
    update = trainer.optimizer.step(backward.gradients, rate, gate)
    if trainer.average:
        trainer.average.update(trainer.model, iteration, gate)
    trainer.state = gate.state(backward.state, trainer.state)
    return _Made(iteration, rate, window.count, (backward.loss, update.norm, update.clipped.to(update.norm.dtype)))


def _counted(trainer: Trainer, made: _Made, loss: float, norm: float, *, clipped: bool, seconds: float) -> Progress:
    """What the host counts of an iteration, once it is known to be one."""
    iteration = made.iteration
    trainer.iteration = iteration
    trainer.characters += made.characters
    trainer.optimizer.clipped += clipped
    trainer.unlogged.observe(norm, clipped)
    weight = max(_SMOOTHING, 1 / iteration)  # a plain mean at first
    trainer.train_loss += weight * (loss - trainer.train_loss)
    trainer.budget.record(iteration, seconds)
    return Progress(
        iteration=iteration,
        loss=loss,
        train_loss=trainer.train_loss,
        grad_norm=norm,
        learning_rate=made.rate,
        characters=trainer.characters,
        seconds=trainer.budget.seconds,
        clipped=trainer.optimizer.clipped,
        max_gradient_norm=trainer.unlogged.largest,
        newly_clipped=trainer.unlogged.clipped,
        iterations=trainer.horizon.iterations,
    )
