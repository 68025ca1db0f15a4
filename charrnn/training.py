"""The training loop: truncated backpropagation through time over parallel streams. It yields events, prints nothing."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import numpy as np
import torch

from charrnn import __version__, generation, schedule, words
from charrnn.checkpoint import Checkpoint, Header, Sample, Tensors
from charrnn.config import ModelConfig, TrainConfig
from charrnn.corpus import Corpus
from charrnn.errors import CheckpointError, CorpusError, DivergedError, UsageError
from charrnn.evaluation import held_out_loss
from charrnn.model import CharModel, State, detached
from charrnn.vocabulary import Vocabulary
from charrnn.windows import Streams

_SMOOTHING = 0.02  # weight of the newest loss in the smoothed one: about the last 50 iterations


@dataclass(frozen=True, slots=True)
class Progress:
    """One iteration is complete, with everything that was due at it. Losses are nats per character."""

    iteration: int
    loss: float  # of this iteration's window
    smoothed_loss: float
    grad_norm: float  # before clipping
    learning_rate: float
    characters: int  # seen so far, overlaps counted again
    seconds: float  # of training so far, over all its sessions


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The held-out text was measured after this iteration."""

    iteration: int
    held_out_loss: float
    smoothed_loss: float


@dataclass(frozen=True, eq=False, slots=True)
class Snapshot:
    """A checkpoint to keep: what the model knows after this iteration, and what it writes."""

    header: Header
    tensors: Tensors


Event = Progress | Evaluated | Snapshot


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


class Training:
    """A training at some iteration: everything that changes from one to the next is here and nowhere else."""

    def __init__(
        self,
        corpus: Corpus,
        model_config: ModelConfig,
        config: TrainConfig,
        *,
        device: str = "auto",
        vocabulary: Vocabulary | None = None,
    ) -> None:
        """Raises CorpusError for a text too short or too plain, UsageError for a device that is not there."""
        self.corpus, self.config = corpus, config
        self.vocabulary = vocabulary or Vocabulary.of(corpus.code_points)
        self.device = choose_device(device)
        self.ids = self.vocabulary.encode_points(corpus.code_points)
        self.split = corpus.held_out_from(config.val_frac)
        self.streams = Streams(
            self.ids[: self.split],
            config.batch_size,
            config.seq_length,
            config.effective_shift,
            stateless=config.stateless,
            seed=config.seed,
        )
        prime = config.sample_prime
        self.prime_ids = self.vocabulary.encode(prime) if prime else None  # names unseen characters before we begin
        self.model = CharModel(model_config, len(self.vocabulary), seed=config.seed).to(self.device)
        self.optimizer = _optimizer(self.model, config, self.device)
        self.generator = torch.Generator(self.device).manual_seed(config.seed)  # dropout's own
        self.state: State = self.model.zero_state(config.batch_size)
        self.iteration = 0
        self.smoothed_loss = 0.0
        self.held_out_loss: float | None = None
        self._held_out_at = -1
        self.seconds = 0.0
        self._autocast = self.device.type == "cuda" and torch.cuda.is_bf16_supported()

    @property
    def characters(self) -> int:
        """Characters trained on so far, overlaps counted again."""
        return self.iteration * self.config.batch_size * self.config.seq_length

    @property
    def parameters(self) -> int:
        """Numbers that are learned."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    def step(self) -> Progress:
        """One iteration: one window, one update. Raises DivergedError, having updated nothing."""
        started = time.perf_counter()
        config, iteration = self.config, self.iteration + 1
        window = self.streams[self.iteration]
        state = self.state if window.continues else self.model.zero_state(config.batch_size)
        inputs, targets = torch.from_numpy(window.inputs), torch.from_numpy(window.targets)
        if self.device.type != "cpu":
            inputs, targets = inputs.to(self.device), targets.to(self.device)
        carry_at = None if config.effective_shift == config.seq_length else config.effective_shift
        rate = schedule.learning_rate(config, iteration)
        for group in self.optimizer.param_groups:
            group["lr"] = rate

        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self._autocast):
            loss, carried = self.model.loss(inputs, targets, state, carry_at=carry_at, generator=self.generator)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        parameters = list(self.model.parameters())
        norm = torch.nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
        loss_value, norm_value = loss.item(), norm.item()
        if not (math.isfinite(loss_value) and math.isfinite(norm_value)):
            cause = f"loss is {loss_value}" if not math.isfinite(loss_value) else f"gradient's norm is {norm_value}"
            raise self._diverged(iteration, f"the {cause}; stopped before it could spoil the weights", rate)
        if config.grad_clip_mode == "value" and config.grad_clip:
            torch.nn.utils.clip_grad_value_(parameters, config.grad_clip)
        elif config.grad_clip and norm_value > config.grad_clip:
            torch.nn.utils.clip_grads_with_norm_(parameters, config.grad_clip, norm)
        self.optimizer.step()

        self.state = detached(carried)
        self.iteration = iteration
        weight = max(_SMOOTHING, 1 / iteration)  # a plain mean at first
        self.smoothed_loss += weight * (loss_value - self.smoothed_loss)
        self.seconds += time.perf_counter() - started
        return Progress(iteration, loss_value, self.smoothed_loss, norm_value, rate, self.characters, self.seconds)

    def _diverged(self, iteration: int, what: str, rate: float) -> DivergedError:
        advice = f"a lower --learning-rate (now {rate:g} at this iteration)"
        if not self.config.grad_clip:
            advice += " or clipping (--grad-clip 5)"
        return DivergedError(f"iteration {iteration}: {what}. Try {advice}.")

    def evaluate(self) -> float | None:
        """Held-out loss now, nats per character; None without held-out text. Changes nothing in the training."""
        if self._held_out_at != self.iteration:
            none = self.split >= len(self.ids)
            self.held_out_loss = None if none else held_out_loss(self.model, self.ids, self.split)
            self._held_out_at = self.iteration
        return self.held_out_loss

    def events(self) -> Iterator[Event]:
        """Train to the end. At each iteration: Evaluated and Snapshot if they are due, then Progress, which closes it.

        Between two events the training may be saved with `resume_point` after a Progress, or simply dropped.
        """
        snapshots = set(self.config.snapshot_iterations())
        every = self.config.eval_every
        while self.iteration < self.config.iterations:
            progress = self.step()
            at = self.iteration
            if (every and at % every == 0) or at in snapshots:
                held_out = self.evaluate()
                if held_out is not None:
                    yield Evaluated(at, held_out, self.smoothed_loss)
            if at in snapshots:
                yield self.snapshot()
            yield progress

    def snapshot(self) -> Snapshot:
        """Weights, held-out loss and a sample as they are now. Changes nothing in the training.

        Raises DivergedError, so that nothing is kept, if the latest update left a model that computes no numbers."""
        weights = self.model.weights()
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
        return frozenset(words.words_of(self.vocabulary.decode(self.ids[: self.split])))

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
        for index, slots in self.optimizer.state_dict()["state"].items():
            for name, value in slots.items():
                tensors[f"optimizer/{index}/{name}"] = value.detach().cpu().numpy().copy()
        for layer, parts in enumerate(self.state):
            for part, value in enumerate(parts):
                tensors[f"state/{layer}/{part}"] = value.float().cpu().numpy().copy()
        tensors["generator/dropout"] = self.generator.get_state().cpu().numpy().copy()
        header = self._header(
            "resume",
            held_out_loss=self.held_out_loss if self._held_out_at == self.iteration else None,
            progress={
                "smoothed_loss": self.smoothed_loss,
                "seconds": self.seconds,
                "path": str(self.corpus.path) if self.corpus.path else None,
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
        if corpus.digest != header.corpus["digest"]:
            raise CorpusError(
                f"{corpus.path or corpus.name}: is not the text this run was trained on ({header.corpus['name']}, "
                f"{header.corpus['characters']:,} characters; this one has {len(corpus):,}). Restore that text, "
                "or train a new run on this one."
            )
        config = header.training if iterations is None else replace(header.training, iterations=iterations)
        training = cls(corpus, header.model, config, device=device, vocabulary=header.vocabulary)
        training.model.load_weights(checkpoint.weights)
        try:
            optimizer = training.optimizer.state_dict()
            for name, value in tensors.items():
                if name.startswith("optimizer/"):
                    _, index, slot = name.split("/")
                    optimizer["state"].setdefault(int(index), {})[slot] = torch.from_numpy(value.copy())
            training.optimizer.load_state_dict(optimizer)
            training.state = tuple(
                tuple(
                    torch.from_numpy(tensors[f"state/{layer}/{part}"].copy()).to(training.device)
                    for part in range(len(parts))
                )
                for layer, parts in enumerate(training.state)
            )
            training.iteration = header.iteration
            training.smoothed_loss = float(header.progress["smoothed_loss"])
            training.seconds = float(header.progress["seconds"])
            training.generator.set_state(torch.from_numpy(tensors["generator/dropout"].copy()))
        except (KeyError, ValueError, TypeError, RuntimeError) as error:
            raise CheckpointError(f"{checkpoint.path}: cannot be resumed ({error}).") from None
        return training


def _optimizer(model: CharModel, config: TrainConfig, device: torch.device) -> torch.optim.AdamW:
    """AdamW (Loshchilov and Hutter, 2019): decoupled decay, on matrices only."""
    parameters = list(model.parameters())
    groups = [
        {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        groups, lr=config.learning_rate, betas=(config.beta1, config.beta2), fused=device.type in ("cpu", "cuda")
    )
