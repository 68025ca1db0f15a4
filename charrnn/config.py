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
from typing import Any, Literal, Self, TypeVar, get_args

from charrnn.errors import CheckpointError, UsageError

Cell = Literal["lstm", "gru", "rnn"]
ClipMode = Literal["norm", "value"]
Decay = Literal["cosine", "linear", "constant", "plateau"]
OptimizerName = Literal["adamw", "rmsprop", "sgd"]
Precision = Literal["auto", "float32", "bfloat16"]
DecodingErrors = Literal["strict", "replace"]
Nonlinearity = Literal["tanh", "relu"]
Normalize = Literal["none", "nfc", "nfkc"]

GATES: dict[Cell, int] = {"lstm": 4, "gru": 3, "rnn": 1}  # rows of a weight matrix are GATES x rnn_size
PARTS = ("embedding", "layers", "head")  # of the network; norms are the layers', a projection is the head's
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


Config = TypeVar("Config", bound=_FromMapping)


def pick(config: type[Config], settings: Mapping[str, Any]) -> Config:
    """The config of those settings that are among its fields. Raises UsageError."""
    names = (field.name for field in dataclasses.fields(config))  # type: ignore[arg-type]
    return config(**{name: settings[name] for name in names if name in settings})


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
    rnn_size: int = 256
    embedding_size: int = 64  # 0: one-hot
    nonlinearity: Nonlinearity = "tanh"  # of an rnn's cell
    residual: bool = True  # layer i > 0 adds its input to its output
    layer_norm: bool = True  # what enters every layer but the first, and the head; what residual adds stays as it is
    tied: bool = False  # the head's matrix is the embedding's, behind a projection if that is not rnn_size wide
    dropout: float = 0.0  # on every layer's output while training: between layers and before the head
    input_dropout: float = 0.0  # on what enters the first layer while training
    recurrent_dropout: float = 0.0  # on the hidden-to-hidden matrices while training, one mask a window (weight-drop)

    def __post_init__(self) -> None:
        _require(self.model in get_args(Cell), f"--model {self.model}: choose one of {', '.join(get_args(Cell))}.")
        _require(self.num_layers >= 1, f"--num-layers {self.num_layers}: at least 1.")
        _require(self.rnn_size >= 1, f"--rnn-size {self.rnn_size}: at least 1.")
        _require(self.embedding_size >= 0, f"--embedding-size {self.embedding_size}: 0 (one-hot) or more.")
        _require(
            self.nonlinearity in get_args(Nonlinearity),
            f"--nonlinearity {self.nonlinearity}: choose one of {', '.join(get_args(Nonlinearity))}.",
        )
        _require(
            self.model == "rnn" or self.nonlinearity == "tanh",
            f"--nonlinearity {self.nonlinearity}: those of lstm and gru are fixed. Add --model rnn, or leave it out.",
        )
        _require(
            not self.tied or self.embedding_size > 0,
            "--tied: there is no embedding to share (--embedding-size 0). Give it a width, or leave --tied out.",
        )
        for name, share in (
            ("dropout", self.dropout),
            ("input-dropout", self.input_dropout),
            ("recurrent-dropout", self.recurrent_dropout),
        ):
            _require(0 <= share < 1, f"--{name} {share}: from 0 up to, not including, 1.")

    @property
    def projected(self) -> bool:
        """Whether the last layer's output is projected to the embedding's width: tied, and of another width."""
        return self.tied and self.embedding_size != self.rnn_size

    @property
    def gates(self) -> int:
        """Gate blocks in a weight matrix: LSTM 4 (i, f, g, o), GRU 3 (r, z, n), RNN 1."""
        return GATES[self.model]

    def shapes(self, vocabulary_size: int) -> dict[str, tuple[int, ...]]:
        """Every weight's name and shape, in the order of the file. Names are those of torch's one-layer modules.

        A tied matrix is there once, as the embedding's."""
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
        if self.layer_norm:
            for layer in range(self.num_layers):
                shapes[f"norms.{layer}.weight"] = shapes[f"norms.{layer}.bias"] = (hidden,)
        if self.projected:
            shapes["projection.weight"] = (self.embedding_size, hidden)
        if not self.tied:
            shapes["head.weight"] = (vocabulary_size, hidden)
        shapes["head.bias"] = (vocabulary_size,)
        return shapes

    def parameters(self, vocabulary_size: int) -> int:
        """Numbers in all weights."""
        return sum(math.prod(shape) for shape in self.shapes(vocabulary_size).values())


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainConfig(_FromMapping):
    """How the network is trained. All counts are iterations (optimiser updates)."""

    iterations: int = 6000
    time: float | None = None  # seconds; the number of iterations is then fixed after the first ones were measured
    batch_size: int = 32  # parallel streams of text
    seq_length: int = 64  # characters a gradient reaches back
    shift: int | None = None  # None: seq_length, so that windows tile the text
    stateless: bool = False
    state_reset: float = 0.02  # share of the streams whose state begins anew at a window: every sample begins so
    rotate: bool = False  # each epoch after the first begins elsewhere in the text
    freeze: tuple[str, ...] = ()  # parts of the network that are not trained: embedding, layers, head
    optimizer: OptimizerName = "adamw"
    learning_rate: float = 0.014
    warmup: int = 100
    decay: Decay = "cosine"
    final_rate: float = 0.02  # of learning_rate, at the last iteration
    plateau_patience: int = 1  # evaluations without improvement after which decay "plateau" lowers the rate
    plateau_factor: float = 0.5  # by which it does
    beta1: float = 0.8
    beta2: float = 0.99  # of AdamW; what RMSprop calls alpha
    momentum: float = 0.9  # of SGD and RMSprop
    weight_decay: float = 0.1  # decoupled; on matrices, not on biases
    l1: float = 0.0  # penalties on matrices
    l2: float = 0.0
    grad_clip: float = 5.0  # 0: never
    grad_clip_mode: ClipMode = "norm"
    average: float = 0.0  # how much an iteration leaves of the mean weights that are measured and kept; 0: no mean
    precision: Precision = "auto"  # of the products in training: bfloat16 where the machine multiplies it faster
    patience: int = 0  # evaluations without improvement after which training ends, the best kept; 0: never
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
            ("patience", self.patience, 0),
            ("plateau-patience", self.plateau_patience, 1),
        ):
            _require(value >= least, f"--{name} {value}: at least {least}.")
        _require(
            self.time is None or (math.isfinite(self.time) and self.time > 0), f"--time {self.time}: above 0 seconds."
        )
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
        for name, share in (
            ("beta1", self.beta1),
            ("beta2", self.beta2),
            ("momentum", self.momentum),
            ("state-reset", self.state_reset),
            ("average", self.average),
            ("plateau-factor", self.plateau_factor),
        ):
            _require(0 <= share < 1, f"--{name} {share}: from 0 up to, not including, 1.")
        for name, strength in (("weight-decay", self.weight_decay), ("l1", self.l1), ("l2", self.l2)):
            _require(math.isfinite(strength) and strength >= 0, f"--{name} {strength}: 0 or more.")
        for name, chosen, kind in (
            ("optimizer", self.optimizer, OptimizerName),
            ("precision", self.precision, Precision),
        ):
            _require(chosen in get_args(kind), f"--{name} {chosen}: choose one of {', '.join(get_args(kind))}.")
        _require(
            not self.steered or bool(self.eval_every and self.val_frac),
            "--patience and --decay plateau go by the held-out text: they need --eval-every and --val-frac above 0.",
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
    def steered(self) -> bool:
        """Whether held-out losses decide how the training goes on."""
        return self.patience > 0 or self.decay == "plateau"

    @property
    def effective_shift(self) -> int:
        """How far the next window starts after this one."""
        return self.seq_length if self.shift is None else self.shift

    def snapshot_due(self, iteration: int) -> bool:
        """Whether a snapshot is kept at this iteration: by the list, as a multiple, or as the run's last."""
        multiple = self.snapshot_every > 0 and iteration % self.snapshot_every == 0
        return iteration in self.snapshot_at or multiple or iteration == self.iterations

    def snapshot_iterations(self) -> tuple[int, ...]:
        """When snapshots are kept, ascending: the list and the multiples, clipped to the run, and its end."""
        every = range(self.snapshot_every, self.iterations + 1, self.snapshot_every) if self.snapshot_every else ()
        kept = {at for at in (*self.snapshot_at, *every) if at <= self.iterations}
        return tuple(sorted(kept | {self.iterations}))
