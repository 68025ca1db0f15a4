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

from charrnn import __version__, generation, schedule, words
from charrnn.checkpoint import Checkpoint, Header, Sample, Tensors
from charrnn.config import ModelConfig, Precision, TrainConfig
from charrnn.corpus import Corpus
from charrnn.errors import CheckpointError, CorpusError, DivergedError, UsageError
from charrnn.evaluation import held_out_loss
from charrnn.events import Evaluated, Event, Progress, Snapshot
from charrnn.model import CharModel, State, entering
from charrnn.optimisation import Average, Optimisation
from charrnn.shards import Shards
from charrnn.units import few
from charrnn.windows import IGNORED, DocumentStreams, Streams

_ENDLESS = 10**9  # iterations, until a time budget has been made a number of them
_SETTLED = 20  # iterations that a pace is measured over, at least
# When a time budget is made a number of iterations, and when that is corrected: share of it, and at most seconds.
_PLANS = ((0.1, 10.0), (0.4, math.inf), (0.8, math.inf))
_DOCUMENTS_TOLD = 1000  # that a resume file lists, to say what differs
_WORDS_FROM = 10_000_000  # characters of training text whose words are known: three seconds' reading, and most words
_WORDS_AT_ONCE = 1_000_000  # a word at such a border is cut in two, which moves no figure
_SMOOTHING = 0.02  # weight of the newest loss in the smoothed one: about the last 50 iterations


def choose_device(name: str) -> torch.device:
    """`auto` is CUDA where there is one, else the CPU; MPS must be asked for. Raises UsageError."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name not in available:
        raise UsageError(f"--device {name}: choose auto, cpu, cuda or mps.")
    if not available[name]:
        raise UsageError(f"--device {name}: there is none on this machine. Use --device auto.")
    return torch.device(name)


def choose_precision(name: Precision, device: torch.device) -> Precision:
    """`auto` is bfloat16 on CUDA where it has it, float32 elsewhere: on CPUs what it gains is not settled."""
    if name != "auto":
        return name
    return "bfloat16" if device.type == "cuda" and torch.cuda.is_bf16_supported() else "float32"


class Training:
    """A training at some iteration: everything that changes from one to the next is here and nowhere else."""

    def __init__(
        self,
        corpus: Corpus,
        model_config: ModelConfig,
        config: TrainConfig,
        *,
        device: str = "auto",
    ) -> None:
        """Raises CorpusError for a text too short, UsageError for a device that is not there or nothing to train."""
        self.device = choose_device(device)
        self.plans = 0  # times that a time budget was made a number of iterations
        # Resuming must compute as before, so what was chosen for this machine becomes the setting.
        config = replace(config, precision=choose_precision(config.precision, self.device))
        self.config = config if config.time is None else replace(config, iterations=_ENDLESS)
        self.corpus, self.vocabulary, self.ids = corpus, corpus.vocabulary, corpus.ids
        self.tails = corpus.tails(config.val_frac, config.val_max)
        self.streams = _streams(corpus, config)
        prime = config.sample_prime
        self.prime_ids = self.vocabulary.encode(prime) if prime else None  # names unseen characters before we begin
        self.model = CharModel(model_config, len(self.vocabulary), seed=config.seed).to(self.device)
        for part in config.freeze:
            if part == "embedding" and not model_config.embedding_size:
                raise UsageError("--freeze embedding: --embedding-size 0 has none. Leave it out.")
            self.model.get_submodule(part).requires_grad_(False)
        if model_config.tied and len({"embedding", "head"} & set(config.freeze)) == 1:
            raise UsageError("--freeze: with --tied the embedding is the head's; freeze both or neither.")
        self.began_from: Mapping[str, Any] = {}
        self.optimisation = Optimisation(self.model, config, self.device)
        self.average = Average(self.model, config.average, self.device) if config.average else None
        threads = torch.get_num_threads() if self.device.type == "cpu" else 1
        self.shards = Shards(config.batch_size, threads, config.seed, self.device)
        self.state: State = self.model.zero_state(config.batch_size)
        self.iteration = 0
        self.characters = 0  # trained on so far, overlaps counted again
        self.smoothed_loss = 0.0
        self.held_out_loss: float | None = None
        self._held_out_at = -1
        # By the held-out losses at every eval_every-th iteration, which `patience` and decay "plateau" go by:
        self.best_loss = math.inf
        self.stale = 0  # of them since the best
        self.lowered = 0  # times that the rate was
        self.stopped = False  # for want of improvement
        self.seconds = 0.0  # in iterations
        self._elapsed, self._resumed_at = 0.0, time.perf_counter()  # in all, before a moment
        self._measured_at = (0, 0.0)  # iteration and seconds from which the pace is measured

    @property
    def held_out(self) -> int:
        """Characters held out."""
        return sum(stop - start for _, start, stop in self.tails)

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
    def elapsed(self) -> float:
        """Seconds that training has taken so far over all its sessions, everything in between included."""
        return self._elapsed + time.perf_counter() - self._resumed_at

    @property
    def planned(self) -> bool:
        """Whether the number of iterations is known."""
        return self.config.time is None or self.plans > 0

    @property
    def complete(self) -> bool:
        """Whether there is nothing left to do."""
        return self.stopped or self.iteration >= self.config.iterations

    def step(self) -> Progress:
        """One iteration: one window, one update. Raises DivergedError, having updated nothing."""
        started = time.perf_counter()
        config, iteration = self.config, self.iteration + 1
        window = self.streams[self.iteration]
        state = entering(self.state, window.continues)
        rate = schedule.learning_rate(config, iteration, self.lowered)
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
        self.seconds += time.perf_counter() - started
        return Progress(
            iteration=iteration,
            loss=loss_value,
            smoothed_loss=self.smoothed_loss,
            grad_norm=norm_value,
            learning_rate=rate,
            characters=self.characters,
            seconds=self.seconds,
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
            self.held_out_loss = held_out_loss(self.kept_model, self.ids, self.tails) if self.held_out else None
            self._held_out_at = self.iteration
        return self.held_out_loss

    def events(self) -> Iterator[Event]:
        """Train to the end. At each iteration: Evaluated and Snapshot if they are due, then Progress, which closes it.

        Between two events the training may be saved with `resume_point` after a Progress, or simply dropped.
        """
        while not self.complete:
            progress = self.step()
            if self._plan_is_due():
                self._plan()
            at, config = self.iteration, self.config
            steering = config.eval_every > 0 and at % config.eval_every == 0
            due, best = config.snapshot_due(at), False
            if steering or due:
                held_out = self.evaluate()
                if held_out is not None:
                    yield Evaluated(at, held_out, self.smoothed_loss)
                    best = steering and self._steer(held_out)
            if due or (config.patience and best) or self.stopped:
                yield self.snapshot()
            yield progress

    def _steer(self, held_out: float) -> bool:
        """Take a held-out loss into account; whether it is the best so far."""
        if held_out < self.best_loss:
            self.best_loss, self.stale = held_out, 0
            return True
        self.stale += 1
        self.lowered += self.stale % self.config.plateau_patience == 0
        self.stopped = 0 < self.config.patience <= self.stale
        return False

    def _plan_is_due(self) -> bool:
        """Whether enough of a time budget has been measured to fix the number of iterations, or to correct it."""
        if self.config.time is None or self.iteration - self._measured_at[0] < _SETTLED or self.plans == len(_PLANS):
            return False
        share, most = _PLANS[self.plans]
        return self.elapsed >= min(share * self.config.time, most)

    def _plan(self) -> None:
        """Fix the number of iterations, and with it the schedule, so that all will take `config.time` seconds.

        The pace is that since the plan before, for machines change theirs. Every plan is part of the resume point."""
        assert self.config.time is not None
        at, (began, seconds) = self.iteration, self._measured_at
        pace = (self.seconds - seconds) / (at - began)
        evaluation, sample = self._watching
        left, total = self.config.time - self.elapsed, at + 1
        for _ in range(8):  # more iterations mean more evaluations: settles quickly
            planned = replace(self.config, iterations=total)
            snapshots = sum(at < each <= total for each in planned.snapshot_iterations())
            evaluations = total // planned.eval_every - at // planned.eval_every if planned.eval_every else 0
            watching = (evaluations + snapshots) * evaluation + snapshots * sample
            total = max(at + 1, at + round((left - watching) / pace))
        self.config, self.plans = replace(self.config, iterations=total), self.plans + 1
        self._measured_at = (at, self.seconds)

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
                raise DivergedError
            with np.errstate(over="ignore", invalid="ignore"):  # what overflows ends as a DivergedError
                sample = self._sample(weights)
        except DivergedError:
            rate = schedule.learning_rate(self.config, max(1, self.iteration))
            what = "its update left weights that compute no numbers; no snapshot was kept"
            raise self._diverged(self.iteration, what, rate) from None
        return Snapshot(self._header("snapshot", held_out_loss=held_out, sample=sample), dict(weights))

    def _sample(self, weights: Mapping[str, Any]) -> Sample | None:
        config = self.config
        if not config.sample_length:
            return None
        prime = config.sample_prime or self.vocabulary.default_prime
        engine = generation.Engine(self.model.config, weights)
        characters = generation.generate(
            engine,
            self.vocabulary,
            prime,
            config.sample_length,
            config.sample_temperature,
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
        for first, start, _ in self.tails:
            for at in range(first, min(start, first + left), _WORDS_AT_ONCE):
                found.update(words.words_of(self.vocabulary.decode(self.ids[at : min(start, at + _WORDS_AT_ONCE)])))
            left -= start - first
            if left <= 0:
                break
        return frozenset(found)

    def _header(self, kind: str, **more: Any) -> Header:
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

    # -- resuming ------------------------------------------------------------------------------------------------

    def resume_point(self) -> tuple[Header, Tensors]:
        """All that `resumed` needs to go on as if nothing had happened. Call it after a Progress."""
        tensors: Tensors = dict(self.model.weights())
        tensors |= self.optimisation.tensors()
        if self.average:
            tensors |= {f"average/{name}": value for name, value in self.average.model.weights().items()}
        for layer, parts in enumerate(self.state):
            for part, value in enumerate(parts):
                tensors[f"state/{layer}/{part}"] = value.float().cpu().numpy().copy()
        for number, generator in enumerate(self.shards.generators):
            tensors[f"generator/{number}"] = generator.get_state().cpu().numpy().copy()
        header = self._header(
            "resume",
            held_out_loss=self.held_out_loss if self._held_out_at == self.iteration else None,
            progress={
                "smoothed_loss": self.smoothed_loss,
                "seconds": self.seconds,
                "elapsed": self.elapsed,
                "plans": self.plans,
                "clipped": self.optimisation.clipped,
                "best_loss": self.best_loss if math.isfinite(self.best_loss) else None,
                "stale": self.stale,
                "lowered": self.lowered,
                "stopped": self.stopped,
                "origin": dict(self.corpus.origin),
                "documents": [
                    [one.name, one.characters, one.digest] for one in self.corpus.documents[:_DOCUMENTS_TOLD]
                ],
            },
        )
        return header, tensors

    @classmethod
    def resumed(
        cls, checkpoint: Checkpoint, corpus: Corpus, *, device: str = "auto", iterations: int | None = None
    ) -> Training:
        """A training as it was when `checkpoint`, a resume file, was written.

        `iterations` lengthens (or shortens) the run deliberately; its schedule is then that of the new length. Raises
        CorpusError if `corpus` is another text than the one the training read, CheckpointError for a checkpoint that
        is no resume file.
        """
        header, tensors = checkpoint.header, checkpoint.tensors
        if header.kind != "resume":
            raise CheckpointError(f"{checkpoint.path}: is a snapshot, which cannot be resumed. Name the run.")
        if (corpus.digest, corpus.config, corpus.vocabulary) != (
            header.corpus["digest"],
            header.reading,
            header.vocabulary,
        ):
            raise CorpusError(_differs(checkpoint, corpus))
        config = header.training if iterations is None else replace(header.training, iterations=iterations)
        training = cls(corpus, header.model, config, device=device)
        training.began_from = header.began_from
        training.model.load_weights(checkpoint.weights)
        try:
            training.optimisation.load(tensors)
            if training.average:
                training.average.model.load_weights(
                    {name: tensors[f"average/{name}"] for name in training.model.state_dict()}
                )
            training.state = tuple(
                tuple(
                    torch.from_numpy(tensors[f"state/{layer}/{part}"].copy()).to(training.device)
                    for part in range(len(parts))
                )
                for layer, parts in enumerate(training.state)
            )
            training.iteration, training.characters = header.iteration, header.characters
            training.smoothed_loss = float(header.progress["smoothed_loss"])
            progress = header.progress
            training.seconds = float(progress["seconds"])
            training.plans = len(_PLANS) if iterations is not None else int(progress.get("plans", 0))
            training.config = replace(training.config, iterations=config.iterations)
            training._measured_at = (training.iteration, training.seconds)
            training._elapsed = float(progress.get("elapsed", progress["seconds"]))
            training.optimisation.clipped = int(progress.get("clipped", 0))
            best = progress.get("best_loss")
            training.best_loss = math.inf if best is None else float(best)
            training.stale, training.lowered = int(progress.get("stale", 0)), int(progress.get("lowered", 0))
            training.stopped = bool(progress.get("stopped", False)) and iterations is None
            for number, generator in enumerate(training.shards.generators):
                if number == 0 or f"generator/{number}" in tensors:  # more threads than before begin with their own
                    generator.set_state(torch.from_numpy(tensors[f"generator/{number}"].copy()))
        except (KeyError, ValueError, TypeError, RuntimeError) as error:
            raise CheckpointError(f"{checkpoint.path}: cannot be resumed ({error}).") from None
        return training


def _streams(corpus: Corpus, config: TrainConfig) -> Streams | DocumentStreams:
    """The training text as windows. Raises CorpusError if it does not fill one of every stream."""
    shape = (config.batch_size, config.seq_length, config.effective_shift)
    tails = corpus.tails(config.val_frac, config.val_max)
    if corpus.config.documents:
        segments = [(first, start) for first, start, _ in tails]
        return DocumentStreams(corpus.ids, segments, *shape, stateless=config.stateless, seed=config.seed)
    return Streams(
        corpus.ids, *shape, stop=tails[0][1], stateless=config.stateless, rotate=config.rotate, seed=config.seed
    )


def _differs(checkpoint: Checkpoint, corpus: Corpus) -> str:
    """What is not as it was when the run began, and how to go on all the same."""
    header = checkpoint.header
    before = {name: digest for name, _, digest in header.progress.get("documents", ())}
    now = {one.name: one.digest for one in corpus.documents[:_DOCUMENTS_TOLD]}
    changes = [
        f"{word} {few([repr(name) for name in names])}"
        for word, names in (
            ("changed:", [name for name in before if name in now and now[name] != before[name]]),
            ("missing:", [name for name in before if name not in now]),
            ("new:", [name for name in now if name not in before]),
        )
        if names
    ]
    what = "; ".join(changes) or "its documents are read or joined in another way"
    return (
        f"{corpus.name}: is not the text this run was trained on ({header.corpus['name']}, "
        f"{header.corpus['characters']:,} characters; now {len(corpus):,}): {what}. Restore it to resume; or train on "
        f"with this one in a new run: charrnn train TEXT --init-from RUN"
    )
