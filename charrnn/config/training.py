"""How the network is trained. All counts are iterations (optimizer updates)."""

from dataclasses import dataclass
from typing import Annotated, Literal

from charrnn.config import parsing
from charrnn.config.data import DataConfig
from charrnn.config.network import PARTS
from charrnn.config.option import AUTO, LAST_SEED, Config, Option, require, shown
from charrnn.config.snapshots import SnapshotConfig

ClipMode = Literal["norm", "value"]
Decay = Literal["cosine", "linear", "constant", "step", "plateau"]
OptimizerName = Literal["muon", "adamw", "rmsprop", "sgd"]
DeviceName = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["auto", "float32", "bfloat16", "float16"]
OnDivergence = Literal["stop", "rollback"]

_MOST_RATE = 1e38  # about what a float32 holds
_MOST_PENALTY = 10**6

LEARNING = "Learning"
RUN = "The run"
PLACE = "Place and machine"


# Parts of TrainConfig, which alone is made: what else a dataclass has would only cost time at every start.
@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class OptimizerConfig(Config):
    """From gradients to updates."""

    optimizer: Annotated[
        OptimizerName,
        Option(
            "Optimizer; muon is for the recurrent layers' matrices, with adamw for all else.",
            panel=LEARNING,
            usual="muon",
            default="muon; adamw above 256 units",
        ),
    ] = AUTO
    learning_rate: Annotated[
        float,
        Option("Peak learning rate.", panel=LEARNING, above=0, high=_MOST_RATE, usual=0.014, default="by width"),
    ] = AUTO
    beta1: Annotated[float, Option("Adam's decay of the mean gradient.", panel=LEARNING, low=0, below=1)] = 0.8
    beta2: Annotated[
        float, Option("Adam's and RMSprop's decay of the mean squared gradient.", panel=LEARNING, low=0, below=1)
    ] = 0.99
    momentum: Annotated[float, Option("Momentum of Muon, SGD and RMSprop.", panel=LEARNING, low=0, below=1)] = 0.9
    weight_decay: Annotated[
        float,
        Option(
            "Decoupled weight decay of the matrices.",
            panel=LEARNING,
            low=0,
            high=_MOST_PENALTY,
            usual=0.1,
            default="by epochs",
        ),
    ] = AUTO
    l1: Annotated[float, Option("L1 penalty on the matrices.", panel=LEARNING, low=0, high=_MOST_PENALTY)] = 0.0
    l2: Annotated[
        float, Option("L2 penalty: on half the sum of their squares.", panel=LEARNING, low=0, high=_MOST_PENALTY)
    ] = 0.0
    grad_clip: Annotated[float, Option("Gradient clipping threshold; 0 turns it off.", panel=LEARNING, low=0)] = 5.0
    grad_clip_mode: Annotated[
        ClipMode,
        Option(
            "Gradient clipping by norm scales the whole gradient down to the threshold; by value limits each element.",
            panel=LEARNING,
        ),
    ] = "norm"
    average: Annotated[
        float,
        Option(
            "EMA: evaluate and keep an exponential moving average of the weights with this decay; 0 turns it off.",
            panel=LEARNING,
            low=0,
            below=1,
        ),
    ] = 0.0
    freeze: Annotated[
        tuple[str, ...],
        Option(
            f"Parts that are not trained: of {', '.join(PARTS)}.",
            panel=LEARNING,
            metavar="PARTS",
            parse=parsing.names,
            default="none",
        ),
    ] = ()
    seed: Annotated[
        int,
        Option(
            "Random seed of weights, order of the text, dropout and samples; exact with the same --threads on the same "
            "kind of processor.",
            panel=LEARNING,
            low=0,
            high=LAST_SEED,
        ),
    ] = 1
    precision: Annotated[
        Precision,
        Option("Precision of matrix products: auto is the one that the machine is fastest at.", panel=PLACE),
    ] = "auto"

    def __post_init__(self) -> None:
        super().__post_init__()
        unknown = sorted(set(self.freeze) - set(PARTS))
        require(not unknown, f"--freeze {shown(','.join(unknown))}: choose of {', '.join(PARTS)}.")
        require(set(self.freeze) < set(PARTS), "--freeze: nothing is left to train. Leave a part out.")


@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class ScheduleConfig(Config):
    """How long, and with which learning rate at each iteration."""

    iterations: Annotated[int, Option("Iterations: optimizer updates to make.", panel=RUN, low=1)] = 6000
    time: Annotated[
        float | None,
        Option(
            "Time budget instead of --iterations: 90s, 5m or 1h30m, measuring included.",
            panel=RUN,
            above=0,
            high=10**8,
            metavar="TIME",
            parse=parsing.seconds,
        ),
    ] = None
    warmup: Annotated[
        int, Option("Learning-rate warmup in iterations, at most a tenth of the run.", panel=LEARNING, low=0)
    ] = 100
    decay: Annotated[
        Decay,
        Option(
            "Learning-rate schedule after the warmup; step goes by epochs, plateau by the held-out loss.",
            panel=LEARNING,
        ),
    ] = "cosine"
    final_rate: Annotated[
        float, Option("Final learning rate, as a share of the peak.", panel=LEARNING, low=0, high=1)
    ] = 0.02
    decay_every: Annotated[
        float,
        Option("Step decay: epochs from one reduction of the learning rate to the next.", panel=LEARNING, above=0),
    ] = 5.0
    decay_factor: Annotated[
        float,
        Option("Step decay: what the learning rate is multiplied by each time.", panel=LEARNING, low=0, below=1),
    ] = 0.5
    decay_after: Annotated[
        float | None,
        Option("Step decay: epochs before the first reduction.", panel=LEARNING, low=0, default="decay-every"),
    ] = None
    plateau_patience: Annotated[
        int, Option("Evaluations without improvement that make a plateau.", panel=LEARNING, low=1)
    ] = 1
    plateau_factor: Annotated[
        float, Option("What the learning rate is multiplied by on a plateau.", panel=LEARNING, low=0, below=1)
    ] = 0.5


@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class StoppingConfig(Config):
    """When training ends before its last iteration, and whether it does where it diverges."""

    patience: Annotated[
        int,
        Option(
            "Early stopping after so many evaluations without improvement, the best kept; 0 turns it off.",
            panel=LEARNING,
            low=0,
        ),
    ] = 0
    on_divergence: Annotated[
        OnDivergence,
        Option(
            "Where a loss, a gradient or weights are no longer finite: stop; or roll back to the last good state, and "
            "go on at half the learning rate.",
            panel=LEARNING,
        ),
    ] = "stop"


# Dataclasses order fields from the last base to the first.
@dataclass(frozen=True, kw_only=True)
class TrainConfig(SnapshotConfig, StoppingConfig, OptimizerConfig, ScheduleConfig, DataConfig):
    """All of it: what a checkpoint keeps as the settings of its training."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            not self.follows_held_out_loss
            or (self.eval_every != 0 and (self.val_frac > 0 or self.val_text is not None)),
            "--patience and --decay plateau go by the held-out text: they need --eval-every and --val-frac above 0.",
        )

    @property
    def follows_held_out_loss(self) -> bool:
        """Whether held-out losses decide how the training goes on."""
        return self.patience > 0 or self.decay == "plateau"

    def snapshot_due(self, iteration: int) -> bool:
        """Whether a snapshot is kept at this iteration: by the list, as a multiple, or as the run's last."""
        multiple = self.snapshot_every > 0 and iteration > 0 and iteration % self.snapshot_every == 0
        return multiple or iteration == self.iterations or self.is_milestone(iteration)

    def snapshot_iterations(self) -> tuple[int, ...]:
        """When snapshots are kept, ascending: the list and the multiples, clipped to the run, and its end."""
        every = range(self.snapshot_every, self.iterations + 1, self.snapshot_every) if self.snapshot_every else ()
        return tuple(sorted({*every, *self.milestones(self.iterations), self.iterations}))
