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
from charrnn.model import CharModel, State, detached, entering
from charrnn.windows import IGNORED, DocumentStreams, Streams

_DOCUMENTS_TOLD = 1000  # that a resume file lists, to say what differs
_WORDS_FROM = 10_000_000  # characters of training text whose words are known: three seconds' reading, and most words
_WORDS_AT_ONCE = 1_000_000  # a word at such a border is cut in two, which moves no figure
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
    ) -> None:
        """Raises CorpusError for a text too short, UsageError for a device that is not there or nothing to train."""
        self.corpus, self.config = corpus, config
        self.vocabulary, self.ids = corpus.vocabulary, corpus.ids
        self.device = choose_device(device)
        self.tails = corpus.tails(config.val_frac, config.val_max)
        self.streams = _streams(corpus, config)
        prime = config.sample_prime
        self.prime_ids = self.vocabulary.encode(prime) if prime else None  # names unseen characters before we begin
        self.model = CharModel(model_config, len(self.vocabulary), seed=config.seed).to(self.device)
        for part in config.freeze:
            if part == "embedding" and not model_config.embedding_size:
                raise UsageError("--freeze embedding: --embedding-size 0 has none. Leave it out.")
            self.model.get_submodule(part).requires_grad_(False)
        self.began_from: Mapping[str, Any] = {}
        self.optimizer = _optimizer(self.model, config, self.device)
        self.generator = torch.Generator(self.device).manual_seed(config.seed)  # dropout's own
        self.state: State = self.model.zero_state(config.batch_size)
        self.iteration = 0
        self.characters = 0  # trained on so far, overlaps counted again
        self.smoothed_loss = 0.0
        self.held_out_loss: float | None = None
        self._held_out_at = -1
        self.seconds = 0.0
        self._autocast = self.device.type == "cuda" and torch.cuda.is_bf16_supported()

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
        self.began_from = began_from

    def step(self) -> Progress:
        """One iteration: one window, one update. Raises DivergedError, having updated nothing."""
        started = time.perf_counter()
        config, iteration = self.config, self.iteration + 1
        window = self.streams[self.iteration]
        state = entering(self.state, window.continues)
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
        self.characters += int(np.count_nonzero(window.targets != IGNORED))
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
            self.held_out_loss = held_out_loss(self.model, self.ids, self.tails) if self.held_out else None
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
            training.iteration, training.characters = header.iteration, header.characters
            training.smoothed_loss = float(header.progress["smoothed_loss"])
            training.seconds = float(header.progress["seconds"])
            training.generator.set_state(torch.from_numpy(tensors["generator/dropout"].copy()))
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
    return Streams(corpus.ids, *shape, stop=tails[0][1], stateless=config.stateless, seed=config.seed)


def _differs(checkpoint: Checkpoint, corpus: Corpus) -> str:
    """What is not as it was when the run began, and how to go on all the same."""
    header = checkpoint.header
    before = {name: digest for name, _, digest in header.progress.get("documents", ())}
    now = {one.name: one.digest for one in corpus.documents[:_DOCUMENTS_TOLD]}
    changes = [
        f"{word} {', '.join(map(repr, names[:5]))}{f' and {len(names) - 5} more' if len(names) > 5 else ''}"
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


def _optimizer(model: CharModel, config: TrainConfig, device: torch.device) -> torch.optim.AdamW:
    """AdamW (Loshchilov and Hutter, 2019): decoupled decay, on matrices only."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        groups, lr=config.learning_rate, betas=(config.beta1, config.beta2), fused=device.type in ("cpu", "cuda")
    )
