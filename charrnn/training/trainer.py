"""The training loop: truncated backpropagation through time over parallel streams. It yields events, prints nothing."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.config import ModelConfig, TrainConfig
from charrnn.errors import DivergedError, UsageError
from charrnn.network.torch_model import CharModel, LayerStates
from charrnn.text.corpus import Corpus
from charrnn.text.direction import as_read
from charrnn.training import distributed, divergence, step_block
from charrnn.training.devices import choose_device
from charrnn.training.evaluator import Evaluator
from charrnn.training.events import Event, Progress, log_interval
from charrnn.training.memory_needed import require_memory
from charrnn.training.optimizer import Average, Optimizer, UnloggedGradients
from charrnn.training.precision import choose_precision
from charrnn.training.ranks import ALONE, Ranks
from charrnn.training.schedule import EarlyStopping, Horizon, LearningRateSchedule
from charrnn.training.snapshots import SampleWriter, require_room
from charrnn.training.state import Stateful, to_arrays, to_layer_states
from charrnn.training.streams import streams_of
from charrnn.training.time_budget import Clock, TimeBudget


class Trainer:
    """A training at some iteration: everything that changes from one to the next is here and nowhere else."""

    def __init__(
        self,
        corpus: Corpus,
        model_config: ModelConfig,
        config: TrainConfig,
        *,
        device: str = "auto",
        spent: float = 0.0,
        clock: Clock | None = None,
        read_every: int | None = None,
        ranks: Ranks = ALONE,
    ) -> None:
        """Prepare a training, before its first iteration.

        Args:
            corpus: The text, of which `config` says what is held out.
            model_config: What the network is.
            config: How it is trained.
            device: One of auto, cpu, cuda and mps.
            spent: Seconds of a time budget that are gone already.
            clock: Tells the time, in seconds; None: that at work.
            read_every: Iterations, at most, whose losses are read from the device together; None: by the device.
            ranks: The processes that the streams are divided among.

        Raises:
            CorpusError: The text is too short, or has more characters than a checkpoint keeps.
            UsageError: There is no such device, what is to be frozen cannot be, or a bidirectional network is to read
                backward.
            VocabularyError: The samples' prime has a character that is not in the text.
        """
        require_room(corpus.vocabulary)
        model_config, config = model_config.completed(), config.completed()
        if model_config.bidirectional and config.backward:
            raise UsageError(
                "--bidirectional and --backward contradict each other.",
                "Give one of them; --init-from has the network of its checkpoint.",
            )
        self.ranks, self.device = ranks, ranks.device(choose_device(device))
        # Resuming must compute as before, so what was chosen for this machine becomes the setting.
        precision = ranks.from_first(lambda: choose_precision(model_config, config, self.device))
        config = replace(config, precision=precision)
        self._config, self.horizon = config, Horizon.of(config)
        self.budget = TimeBudget(config, self.horizon, spent=spent, clock=clock)
        self.corpus, self.vocabulary = corpus, corpus.vocabulary.in_direction(backward=config.backward)
        self.split = corpus.split(config.val_frac, config.val_max, config.val_at)
        self.read = as_read(corpus, self.split, backward=config.backward)  # what the network sees of both
        self.ids = self.read.corpus.ids
        self.rows = ranks.rows(config.batch_size)  # of the streams, those that this process computes
        self.streams = streams_of(*self.read, config, self.rows, masked=model_config.bidirectional)
        sample_writer = SampleWriter(corpus, self.split, model_config, config)
        own = replace(config, batch_size=self.rows.stop - self.rows.start)
        require_memory(model_config, own, len(self.vocabulary), self.device)
        self.model = _model(model_config, config, len(self.vocabulary)).to(self.device)
        self.optimizer = Optimizer(self.model, config, self.device, ranks)
        self.average = Average(self.model, config.average, self.device) if config.average else None
        self.data_parallel = distributed.data_parallel(self)
        self.schedule = LearningRateSchedule(config, self.horizon, self.streams.per_epoch)
        self.early_stopping = EarlyStopping(config.patience)
        self.state: LayerStates = self.model.zero_state(own.batch_size)
        self.iteration = 0
        self.characters = 0  # trained on so far, overlaps counted again
        self.train_loss = 0.0
        self.unlogged = UnloggedGradients()
        self.began_from: Mapping[str, Any] = {}  # the checkpoint that weights were taken from
        self.evaluator = Evaluator(self, sample_writer)
        self.rollback = divergence.Rollback(self) if config.on_divergence == "rollback" else None
        self.read_every = read_every or step_block.read_every(self)

    @property
    def config(self) -> TrainConfig:
        """How the network is trained; its number of iterations is that of the horizon."""
        self._config = self.horizon.applied(self._config)
        return self._config

    @property
    def held_out(self) -> int:
        """Characters held out."""
        return self.split.held_out_size

    @property
    def has_counts(self) -> bool:
        """Whether n-grams of next characters are counted beside the network: shares are chosen on held-out text."""
        return self._config.ngrams and self.held_out > 0 and not self.model.config.bidirectional

    @property
    def parameters(self) -> int:
        """Numbers in the network, the frozen ones too."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    @property
    def evaluated_model(self) -> CharModel:
        """The model that is evaluated and kept: that of the averaged weights if there is an average."""
        return self.average.model if self.average else self.model

    @property
    def complete(self) -> bool:
        """Whether there is nothing left to do."""
        return self.early_stopping.stopped or self.horizon.reached(self.iteration)

    def begin_with(self, weights: Mapping[str, Any], began_from: Mapping[str, Any]) -> None:
        """Start from other weights than random ones, before the first iteration.

        Args:
            weights: Of the whole model, under the names of `ModelConfig.shapes`.
            began_from: What checkpoints will say of where they are from.
        """
        self.model.load_weights(weights)
        if self.average:
            self.average.model.load_weights(weights)
        self.began_from = began_from

    def train_for(self, epochs: float) -> None:
        """Let the training end after so many readings of its text, instead of a number of iterations."""
        self.horizon.iterations = self.iterations_of(epochs)

    def iterations_of(self, epochs: float) -> int:
        """How many iterations read the text so often."""
        return max(1, round(epochs * self.streams.per_epoch))

    def step(self) -> Progress:
        """One iteration: one window, one update.

        Raises:
            DivergedError: The loss or the gradient is not finite; nothing was updated.
        """
        return next(self.steps(1))

    def steps(self, count: int) -> Iterator[Progress]:
        """Some iterations, read from the device together: all are made when the first is told of.

        Raises:
            DivergedError: After the last that is told of the loss or the gradient is not finite; nothing was updated.
        """
        made, error = step_block.make(self, count)
        yield from made
        if error is not None:
            raise error

    def reset(self, iteration: int) -> NDArray[np.bool_]:
        """The rows, (B,), whose state begins anew at this iteration. Its number decides, so that resuming is exact."""
        config = self._config
        if not config.state_reset:
            return np.zeros(config.batch_size, dtype=np.bool_)
        return np.random.default_rng((config.seed, iteration)).random(config.batch_size) < config.state_reset

    def events(self, *, beginning: bool = True) -> Generator[Event, None, None]:
        """Train to the end. At each iteration: Evaluated and Snapshot if they are due, then Progress, which closes it.

        Where several iterations are read from the device together, their events come once the last of them is made.

        One that diverges ends with a RolledBack instead, or with the error where the training is to stop.
        Before the first iteration there are Evaluated and Snapshot, too, of iteration 0, if that is to be kept.

        Between two events the training may be saved with `resume.resume_point` after a Progress of the iteration that
        it is at, or simply dropped.

        Args:
            beginning: Whether what is due at iteration 0 is among them; not where it is kept already.
        """
        if not self.complete:
            self.evaluator.prepare()  # which is no part of what an evaluation or a snapshot takes
            if self.rollback:
                self.rollback.observe()
        if beginning and self.iteration == 0 and self.config.snapshot_due(0):
            watching_since = self.budget.clock()
            yield from self.evaluator.events()
            self._watched(watching_since)
        while not self.complete:
            try:
                yield from self._block()
            except DivergedError as error:
                yield divergence.roll_back(self, error)

    def _block(self) -> Generator[Event, None, None]:
        """The events of some iterations, of which only the last has any but Progress."""
        for progress in self.steps(step_block.length(self)):
            if progress.iteration == self.iteration:
                yield from self._end_of_block(progress)
            else:
                yield progress

    def _end_of_block(self, progress: Progress) -> Generator[Event, None, None]:
        """The events of the training's latest iteration."""
        if self.budget.to_be_planned and self.ranks.from_first(self.budget.plan_is_due):
            self._plan()
        watching_since, snapshot_due = self.budget.clock(), self.config.snapshot_due(self.iteration)
        yield from self.evaluator.events()
        if self.iteration % log_interval(self.iteration) == 0 or self.complete:
            progress = replace(progress, logged=True)
            self.unlogged = UnloggedGradients()
        if self.rollback:
            self.rollback.observe()
        yield progress
        if snapshot_due:
            self._watched(watching_since)

    def _plan(self) -> None:
        """Make the time budget a number of iterations. The first rank's clock tells how many."""
        self.budget.plan(self.evaluator.evaluate, self.evaluator.snapshot)
        self.horizon.load_state_dict(self.ranks.from_first(self.horizon.state_dict))
        self.budget.plans = self.ranks.from_first(lambda: self.budget.plans)

    def _watched(self, since: float) -> None:
        """Tell the budget what a snapshot took, and what was done about it by whoever follows the events."""
        evaluation = self.evaluator.evaluation_seconds
        self.budget.watched(evaluation, max(0.0, self.budget.clock() - since - evaluation))

    @property
    def _learning(self) -> dict[str, Stateful]:
        """The parts that go back when the training does."""
        parts: dict[str, Stateful] = {
            "optimizer": self.optimizer,
            "schedule": self.schedule,
            "early_stopping": self.early_stopping,
            "unlogged": self.unlogged,
        }
        optional = {"average": self.average, "loss_scale": self.optimizer.loss_scale}
        return parts | {name: part for name, part in optional.items() if part}

    @property
    def _lasting(self) -> dict[str, Stateful]:
        """The others."""
        parts: dict[str, Stateful] = {"horizon": self.horizon, "time_budget": self.budget}
        return parts | ({"rollback": self.rollback} if self.rollback else {})

    def learning_state(self) -> dict[str, Any]:
        """A copy of what the training has come to: all that it goes back to when it is rolled back.

        It has the model's weights, the recurrent state of all streams, counts, and under its name what each part of the
        training keeps. All ranks copy it together.
        """
        return {
            "model": self.model.weights(),
            "state": {name: self.ranks.joined(rows) for name, rows in to_arrays(self.state).items()},
            "iteration": self.iteration,
            "characters": self.characters,
            "train_loss": self.train_loss,
            **{name: part.state_dict() for name, part in self._learning.items()},
        }

    def go_back(self, state: Mapping[str, Any]) -> None:
        """Be again as `learning_state` once was. The time since then is gone nevertheless."""
        self._load_learning(state)
        self.budget.go_back(self.iteration)
        self.evaluator.forget()

    def _load_learning(self, state: Mapping[str, Any]) -> None:
        self.model.load_weights(state["model"])
        self.state = to_layer_states(
            {name: all_rows[self.rows] for name, all_rows in state["state"].items()}, self.state
        )
        self.iteration, self.characters = int(state["iteration"]), int(state["characters"])
        self.train_loss = float(state["train_loss"])
        for name, part in self._learning.items():
            part.load_state_dict(state[name])

    def state_dict(self) -> dict[str, Any]:
        """A copy of all that changes from iteration to iteration, fit to be kept.

        Raises:
            DivergedError: A number in it is not finite.
        """
        lasting = {name: part.state_dict() for name, part in self._lasting.items()}
        return divergence.finite_state(self) | {"began_from": dict(self.began_from)} | lasting

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` returned, of a training with the same text and settings.

        Raises:
            KeyError, ValueError, TypeError, RuntimeError: Something is missing or does not fit.
        """
        self._load_learning(state)
        self.began_from = state["began_from"]
        for name, part in self._lasting.items():
            part.load_state_dict(state[name])


def _model(model_config: ModelConfig, config: TrainConfig, vocabulary_size: int) -> CharModel:
    """A new network, with its frozen parts. Raises UsageError where they cannot be frozen."""
    model = CharModel(model_config, vocabulary_size, seed=config.seed)
    for part in config.freeze:
        model.freeze(part)
    if model_config.tied and len({"embedding", "head"} & set(config.freeze)) == 1:
        raise UsageError("--freeze: with --tied the embedding is the head's.", "Freeze both or neither.")
    return model
