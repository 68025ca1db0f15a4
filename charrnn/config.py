"""The settings of a model and of a training, checked where they are made.

The defaults of the command line come from here, and nowhere else.
"""

from __future__ import annotations

import codecs
import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, get_args

from charrnn.errors import CheckpointError, UsageError

Cell = Literal["lstm", "gru", "rnn"]
ClipMode = Literal["norm", "value"]
Decay = Literal["cosine", "linear", "constant"]
DecodingErrors = Literal["strict", "replace"]
Normalize = Literal["none", "nfc", "nfkc"]

GATES: dict[Cell, int] = {"lstm": 4, "gru": 3, "rnn": 1}  # rows of a weight matrix are GATES x rnn_size
PARTS = ("embedding", "layers", "head")  # of the network: the first words of its weights' names
MAX_EXPANSION = 200  # times its size that a packed file may unpack to: text rarely reaches 20, bombs pass 1000
CHECKPOINT_DIR = Path("checkpoints")
DEMO_ITERATIONS = (100, 300, 500, 700, 1200, 2000)  # Karpathy's War and Peace demonstration, 2015


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise UsageError(message)


class _FromMapping:
    """Reads a config back from a checkpoint's JSON."""

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build from a JSON object. Raises CheckpointError for settings this version does not know."""
        fields = {field.name for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
        unknown = sorted(set(values) - fields)
        if unknown:
            raise CheckpointError(f"unknown settings {', '.join(unknown)}: written by a newer charrnn? Upgrade it.")
        return cls(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()})


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadConfig(_FromMapping):
    """How files become one text, and the text characters. Kept in every checkpoint: resuming reads the same way."""

    documents: bool = False  # the state resets at each; False: they are joined by the separator
    separator: str = "\n\n"
    encoding: str = "utf-8"  # a byte order mark wins over utf-8; auto: guess what is not UTF-8
    errors: DecodingErrors = "strict"  # replace: U+FFFD for what cannot be decoded
    keep_newlines: bool = False  # False: CRLF and CR become LF
    normalize: Normalize = "none"
    lowercase: bool = False
    strip_gutenberg: bool = False  # leave Project Gutenberg's licence out
    min_count: int = 1  # rarer characters share one unknown symbol
    bytes: bool = False  # model the files' bytes, whatever they are

    def __post_init__(self) -> None:
        _require(self.normalize in get_args(Normalize), f"--normalize {self.normalize}: choose none, nfc or nfkc.")
        _require(self.errors in get_args(DecodingErrors), f"--errors {self.errors}: choose strict or replace.")
        _require(self.min_count >= 1, f"--min-count {self.min_count}: at least 1.")
        if self.encoding != "auto":
            try:
                codecs.getincrementaldecoder(self.encoding)
                b" ".decode(self.encoding, "replace")  # an empty one would be let through unlooked
            except (LookupError, TypeError, ValueError):  # not known; no decoder; an encoding of bytes as bytes
                raise UsageError(
                    f"--encoding {self.encoding}: not a text encoding. Examples: utf-8, cp1252, shift-jis, auto."
                ) from None
        if self.bytes:
            usual = ReadConfig()
            names = ("encoding", "errors", "normalize", "lowercase", "strip_gutenberg", "keep_newlines", "min_count")
            contrary = ["--" + name.replace("_", "-") for name in names if getattr(self, name) != getattr(usual, name)]
            _require(not contrary, f"{', '.join(contrary)}: about characters; --bytes reads none. Leave one out.")


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelConfig(_FromMapping):
    """What the network is; with a vocabulary's size it fixes every tensor's shape."""

    model: Cell = "lstm"
    num_layers: int = 2
    rnn_size: int = 192
    embedding_size: int = 64  # 0: one-hot
    residual: bool = True  # layer i > 0 adds its input to its output
    dropout: float = 0.0  # on every layer's output while training: between layers and before the head

    def __post_init__(self) -> None:
        _require(self.model in get_args(Cell), f"--model {self.model}: choose one of {', '.join(get_args(Cell))}.")
        _require(self.num_layers >= 1, f"--num-layers {self.num_layers}: at least 1.")
        _require(self.rnn_size >= 1, f"--rnn-size {self.rnn_size}: at least 1.")
        _require(self.embedding_size >= 0, f"--embedding-size {self.embedding_size}: 0 (one-hot) or more.")
        _require(0 <= self.dropout < 1, f"--dropout {self.dropout}: from 0 up to, not including, 1.")

    @property
    def gates(self) -> int:
        """Gate blocks in a weight matrix: LSTM 4 (i, f, g, o), GRU 3 (r, z, n), RNN 1."""
        return GATES[self.model]

    def shapes(self, vocabulary_size: int) -> dict[str, tuple[int, ...]]:
        """Every weight's name and shape, in the order of the file. Names are those of torch's one-layer modules."""
        hidden, rows = self.rnn_size, self.gates * self.rnn_size
        shapes: dict[str, tuple[int, ...]] = {}
        if self.embedding_size:
            shapes["embedding.weight"] = (vocabulary_size, self.embedding_size)
        width = self.embedding_size or vocabulary_size
        for layer in range(self.num_layers):
            shapes[f"layers.{layer}.weight_ih_l0"] = (rows, width)
            shapes[f"layers.{layer}.weight_hh_l0"] = (rows, hidden)
            shapes[f"layers.{layer}.bias_ih_l0"] = (rows,)
            shapes[f"layers.{layer}.bias_hh_l0"] = (rows,)
            width = hidden
        shapes["head.weight"] = (vocabulary_size, hidden)
        shapes["head.bias"] = (vocabulary_size,)
        return shapes


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainConfig(_FromMapping):
    """How the network is trained. All counts are iterations (optimiser updates)."""

    iterations: int = 6000
    batch_size: int = 16  # parallel streams of text
    seq_length: int = 64  # characters a gradient reaches back
    shift: int | None = None  # None: seq_length, so that windows tile the text
    stateless: bool = False
    freeze: tuple[str, ...] = ()  # parts of the network that are not trained: embedding, layers, head
    learning_rate: float = 8e-3
    warmup: int = 100
    decay: Decay = "cosine"
    final_rate: float = 0.02  # of learning_rate, at the last iteration
    beta1: float = 0.9
    beta2: float = 0.99
    weight_decay: float = 0.1  # decoupled; on matrices, not on biases
    grad_clip: float = 5.0  # 0: never
    grad_clip_mode: ClipMode = "norm"
    val_frac: float = 0.1
    val_max: int = 1_000_000  # and at most so many characters; 0: no bound
    eval_every: int = 1000  # 0: only at snapshots
    snapshot_at: tuple[int, ...] = DEMO_ITERATIONS
    snapshot_every: int = 0  # 0: only at snapshot_at; the last iteration is always kept
    seed: int = 1
    sample_length: int = 400
    sample_temperature: float = 0.8
    sample_prime: str | None = None  # None: the vocabulary's default prime

    def __post_init__(self) -> None:
        for name, value, least in (
            ("iterations", self.iterations, 1),
            ("batch-size", self.batch_size, 1),
            ("seq-length", self.seq_length, 1),
            ("warmup", self.warmup, 0),
            ("eval-every", self.eval_every, 0),
            ("snapshot-every", self.snapshot_every, 0),
            ("sample-length", self.sample_length, 0),
            ("seed", self.seed, 0),
            ("val-max", self.val_max, 0),
        ):
            _require(value >= least, f"--{name} {value}: at least {least}.")
        if self.shift is not None:
            _require(
                1 <= self.shift <= self.seq_length,
                f"--shift {self.shift}: from 1 to --seq-length ({self.seq_length}); a larger one would skip text.",
            )
        _require(
            math.isfinite(self.learning_rate) and self.learning_rate > 0,
            f"--learning-rate {self.learning_rate}: above 0.",
        )
        _require(self.decay in get_args(Decay), f"--decay {self.decay}: choose one of {', '.join(get_args(Decay))}.")
        _require(0 <= self.final_rate <= 1, f"--final-rate {self.final_rate}: a share of the rate, from 0 to 1.")
        for name, beta in (("beta1", self.beta1), ("beta2", self.beta2)):
            _require(0 <= beta < 1, f"--{name} {beta}: from 0 up to, not including, 1.")
        _require(
            math.isfinite(self.weight_decay) and self.weight_decay >= 0,
            f"--weight-decay {self.weight_decay}: 0 or more.",
        )
        _require(
            math.isfinite(self.grad_clip) and self.grad_clip >= 0, f"--grad-clip {self.grad_clip}: 0 (never) or more."
        )
        _require(
            self.grad_clip_mode in get_args(ClipMode),
            f"--grad-clip-mode {self.grad_clip_mode}: choose norm or value.",
        )
        _require(0 <= self.val_frac < 1, f"--val-frac {self.val_frac}: from 0 up to, not including, 1.")
        _require(
            math.isfinite(self.sample_temperature) and self.sample_temperature >= 0,
            f"--temperature {self.sample_temperature}: 0 (greedy) or more.",
        )
        unknown = sorted(set(self.freeze) - set(PARTS))
        _require(not unknown, f"--freeze {','.join(unknown)}: choose of {', '.join(PARTS)}.")
        _require(set(self.freeze) < set(PARTS), "--freeze: nothing is left to train. Leave a part out.")
        _require(all(at >= 1 for at in self.snapshot_at), "--snapshot-at: iterations are counted from 1.")

    @property
    def effective_shift(self) -> int:
        """How far the next window starts after this one."""
        return self.seq_length if self.shift is None else self.shift

    def snapshot_iterations(self) -> tuple[int, ...]:
        """When snapshots are kept, ascending: the list and the multiples, clipped to the run, and its end."""
        every = range(self.snapshot_every, self.iterations + 1, self.snapshot_every) if self.snapshot_every else ()
        kept = {at for at in (*self.snapshot_at, *every) if at <= self.iterations}
        return tuple(sorted(kept | {self.iterations}))
