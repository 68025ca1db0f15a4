"""The training loop: truncated backpropagation through time over parallel streams. It yields events, prints nothing."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from charrnn._version import __version__
from charrnn.config import ModelConfig, TrainConfig
from charrnn.errors import DivergedError, UsageError
from charrnn.network.engine import Engine
from charrnn.network.torch_model import CharModel, LayerStates, entering
from charrnn.runs.checkpoint import Header, Sample
from charrnn.sampling import chain
from charrnn.sampling.generate import generate
from charrnn.text import words
from charrnn.text.corpus import Corpus, Split
from charrnn.training import schedule
from charrnn.training.data_parallel import DataParallel
from charrnn.training.devices import choose_device, choose_precision
from charrnn.training.events import Evaluated, Event, Progress, Snapshot
from charrnn.training.optimizer import Average, Optimizer
from charrnn.training.schedule import EarlyStopping
from charrnn.training.time_budget import ENDLESS, TimeBudget
from charrnn.training.validation import held_out_loss
from charrnn.training.windows import IGNORED, DocumentStreams, Streams

_WORDS_FROM = 10_000_000  # characters of training text whose words are known: three seconds' reading, and most words
_WORDS_AT_ONCE = 1_000_000  # a word at such a border is cut in two, which moves no figure
_SMOOTHING = 0.02  # weight of the newest loss in the smoothed one: about the last 50 iterations


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
    ) -> None:
        """`spent` seconds of a time budget are gone already.

        Raises CorpusError for a text too short, UsageError for a device that is not there or nothing to train."""
        model_config, config = model_config.completed(), config.completed()
        self.device = choose_device(device)
        self.budget = TimeBudget(spent)
        # Resuming must compute as before, so what was chosen for this machine becomes the setting.
        config = replace(config, precision=choose_precision(config.precision, self.device))
        self.config = config if config.time is None else replace(config, iterations=ENDLESS)
        self.corpus, self.vocabulary, self.ids = corpus, corpus.vocabulary, corpus.ids
        self.split = corpus.split(config.val_frac, config.val_max)
        self.streams = _streams(corpus, self.split, config)
        prime = config.sample_prime
        self.prime_ids = self.vocabulary.encode(prime) if prime else None  # names unseen characters before we begin
        self.model = CharModel(model_config, len(self.vocabulary), seed=config.seed).to(self.device)
        for part in config.freeze:
            self.model.freeze(part)
        if model_config.tied and len({"embedding", "head"} & set(config.freeze)) == 1:
            raise UsageError("--freeze: with --tied the embedding is the head's; freeze both or neither.")
        self.began_from: Mapping[str, Any] = {}
        self.optimisation = Optimizer(self.model, config, self.device)
        self.average = Average(self.model, config.average, self.device) if config.average else None
        threads = torch.get_num_threads() if self.device.type == "cpu" else 1
        self.shards = DataParallel(config.batch_size, threads, config.seed, self.device)
        self.state: LayerStates = self.model.zero_state(config.batch_size)
        self.iteration = 0
        self.characters = 0  # trained on so far, overlaps counted again
        self.smoothed_loss = 0.0
        self.held_out_loss: float | None = None
        self._held_out_at = -1
        self.steering = EarlyStopping()

    @property
    def held_out(self) -> int:
        """Characters held out."""
        return self.split.held_out_size

    @property
    def parameters(self) -> int:
        """Numbers in the network, the frozen ones too."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    def begin_with(self, weights: Mapping[str, Any], began_from: Mapping[str, Any]) -> None:
        """Start from these weights, before the first iteration. Checkpoints will say that they are `began_from`."""
        self.model.load_weights(weights)
        if self.average:
            self.average.model.load_weights(weights)
        self.began_from = began_from

    @property
    def kept_model(self) -> CharModel:
        """What is evaluated and kept: the average of the weights if there is one, else the latest."""
        return self.average.model if self.average else self.model

    @property
    def planned(self) -> bool:
        """Whether the number of iterations is known."""
        return self.config.time is None or self.budget.plans > 0

    @property
    def complete(self) -> bool:
        """Whether there is nothing left to do."""
        return self.steering.stopped or self.iteration >= self.config.iterations

    def step(self) -> Progress:
        """One iteration: one window, one update. Raises DivergedError, having updated nothing."""
        started = time.perf_counter()
        config, iteration = self.config, self.iteration + 1
        window = self.streams[self.iteration]
        state = entering(self.state, window.continues & ~_reset(config, iteration))
        rate = schedule.learning_rate(config, iteration, self.steering.lowered)
        found = self.shards.gradient(
            self.model,
            self.optimisation.trained,
            window.inputs,
            window.targets,
            state,
            carry_at=None if config.effective_shift == config.seq_length else config.effective_shift,
            bfloat16=config.precision == "bfloat16",
        )
        for parameter, gradient in zip(self.optimisation.trained, found.gradients, strict=True):
            parameter.grad = gradient
        norm = self.optimisation.gradient_norm()
        loss_value, norm_value = found.loss, norm.item()
        if not (math.isfinite(loss_value) and math.isfinite(norm_value)):
            cause = f"loss is {loss_value}" if not math.isfinite(loss_value) else f"gradient's norm is {norm_value}"
            raise self._diverged(iteration, f"the {cause}; stopped before it could spoil the weights", rate)
        self.optimisation.update(rate, norm, norm_value)
        if self.average:
            self.average.update(self.model, iteration)

        self.state = found.state
        self.iteration = iteration
        self.characters += int(np.count_nonzero(window.targets != IGNORED))
        weight = max(_SMOOTHING, 1 / iteration)  # a plain mean at first
        self.smoothed_loss += weight * (loss_value - self.smoothed_loss)
        self.budget.seconds += time.perf_counter() - started
        return Progress(
            iteration=iteration,
            loss=loss_value,
            smoothed_loss=self.smoothed_loss,
            grad_norm=norm_value,
            learning_rate=rate,
            characters=self.characters,
            seconds=self.budget.seconds,
            clipped=self.optimisation.clipped,
        )

    def _diverged(self, iteration: int, what: str, rate: float) -> DivergedError:
        advice = f"a lower --learning-rate (now {rate:g} at this iteration)"
        if not self.config.grad_clip:
            advice += " or clipping (--grad-clip 5)"
        return DivergedError(f"iteration {iteration}: {what}. Try {advice}.")

    def evaluate(self) -> float | None:
        """Held-out loss now, nats per character; None without held-out text. Changes nothing in the training."""
        if self._held_out_at != self.iteration:
            self.held_out_loss = (
                held_out_loss(self.kept_model, self.ids, self.split.held_out) if self.held_out else None
            )
            self._held_out_at = self.iteration
        return self.held_out_loss

    @property
    def latest_held_out_loss(self) -> float | None:
        """The held-out loss of the present weights, if it has been measured."""
        return self.held_out_loss if self._held_out_at == self.iteration else None

    def events(self) -> Iterator[Event]:
        """Train to the end. At each iteration: Evaluated and Snapshot if they are due, then Progress, which closes it.

        Between two events the training may be saved with `resuming.resume_point` after a Progress, or simply dropped.
        """
        while not self.complete:
            progress = self.step()
            if self.budget.plan_is_due(self.config, self.iteration):
                self.config = self.budget.plan(self.config, self.iteration, *self._watching)
            at, config = self.iteration, self.config
            steering = config.eval_every > 0 and at % config.eval_every == 0
            due, best = config.snapshot_due(at), False
            if steering or due:
                held_out = self.evaluate()
                if held_out is not None:
                    yield Evaluated(at, held_out, self.smoothed_loss)
                    best = steering and self.steering.take(held_out, config)
            if due or (config.patience and best) or self.steering.stopped:
                yield self.snapshot()
            yield progress

    @cached_property
    def _watching(self) -> tuple[float, float]:
        """Seconds that an evaluation takes, and a snapshot beside it."""
        started = time.perf_counter()
        self.evaluate()
        evaluated = time.perf_counter()
        self.snapshot()  # once, because the first one reads the text's words
        written = time.perf_counter()
        self.snapshot()
        return evaluated - started, time.perf_counter() - written

    def snapshot(self) -> Snapshot:
        """Weights, held-out loss and a sample as they are now. Changes nothing in the training.

        Raises DivergedError, so that nothing is kept, if the latest update left a model that computes no numbers."""
        weights = self.kept_model.weights()
        held_out = self.evaluate()
        try:
            if not all(
                math.isfinite(x) for x in (held_out or 0.0, *(float(np.abs(w).max()) for w in weights.values()))
            ):
                raise DivergedError("the weights are not finite.")
            with np.errstate(over="ignore", invalid="ignore"):  # what overflows ends as a DivergedError
                sample = self._sample(weights)
        except DivergedError:
            rate = schedule.learning_rate(self.config, max(1, self.iteration))
            what = "its update left weights that compute no numbers; no snapshot was kept"
            raise self._diverged(self.iteration, what, rate) from None
        return Snapshot(self.header("snapshot", held_out_loss=held_out, sample=sample), dict(weights))

    def _sample(self, weights: Mapping[str, Any]) -> Sample | None:
        config = self.config
        if not config.sample_length:
            return None
        prime = config.sample_prime or self.vocabulary.default_prime
        engine = Engine(self.model.config, weights)
        characters = generate(
            engine,
            self.vocabulary,
            prime,
            config.sample_length,
            chain.make_chain(config.sample_temperature),
            np.random.default_rng(config.seed),
        )
        text = "".join(character.text for character in characters)
        known = words.known_words(prime + text, self._words)
        return Sample(
            prime=prime, text=text, seed=config.seed, temperature=config.sample_temperature, known_words=known
        )

    @cached_property
    def _words(self) -> frozenset[str]:
        found: set[str] = set()
        left = _WORDS_FROM
        for first, start in self.split.training:
            for at in range(first, min(start, first + left), _WORDS_AT_ONCE):
                found.update(words.words_of(self.vocabulary.decode(self.ids[at : min(start, at + _WORDS_AT_ONCE)])))
            left -= start - first
            if left <= 0:
                break
        return frozenset(found)

    def header(self, kind: str, **more: Any) -> Header:
        return Header(
            kind=kind,
            model=self.model.config,
            training=self.config,
            vocabulary=self.vocabulary,
            iteration=self.iteration,
            characters=self.characters,
            train_loss=self.smoothed_loss if self.iteration else None,
            corpus=self.corpus.describe(),
            reading=self.corpus.config,
            began_from=self.began_from,
            created=datetime.now(UTC).isoformat(timespec="microseconds"),
            made_with={
                "charrnn": __version__,
                "torch": torch.__version__,
                "device": self.device.type,
                "threads": torch.get_num_threads(),
            },
            **more,
        )


def _reset(config: TrainConfig, iteration: int) -> NDArray[np.bool_]:
    """The rows, (B,), whose state begins anew at this iteration. Its number decides, so that resuming is exact."""
    if not config.state_reset:
        return np.zeros(config.batch_size, dtype=np.bool_)
    return np.random.default_rng((config.seed, iteration)).random(config.batch_size) < config.state_reset


def _streams(corpus: Corpus, split: Split, config: TrainConfig) -> Streams | DocumentStreams:
    """The training text as windows. Raises CorpusError if it does not fill one of every stream."""
    shape = (config.batch_size, config.seq_length, config.effective_shift)
    if corpus.config.documents:
        return DocumentStreams(corpus.ids, split.training, *shape, stateless=config.stateless, seed=config.seed)
    return Streams(
        corpus.ids,
        *shape,
        stop=split.training[0].stop,
        stateless=config.stateless,
        rotate=config.rotate,
        seed=config.seed,
    )
