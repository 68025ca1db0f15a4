"""Which text is trained on, in which windows, and what of it is held out."""

from dataclasses import dataclass
from typing import Annotated, Literal

from charrnn.config.option import AUTO, Config, Option, require

ValAt = Literal["end", "spread"]

_MOST_AT_ONCE = 10**6  # streams, and characters of a window

WINDOWS = "Training windows"


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class HeldOutConfig(Config):
    """What is held out, and measured on."""

    val_frac: Annotated[
        float,
        Option("Validation share: how much of the text is held out.", panel=WINDOWS, low=0, below=1),
    ] = 0.1
    val_at: Annotated[
        ValAt | None,
        Option(
            "Where that is held out: at the end, or in passages spread over the text.",
            panel=WINDOWS,
            default="end; spread, of documents kept apart",
        ),
    ] = None
    val_text: Annotated[
        str | None,
        Option(
            "Validation text of its own, held out instead: all of the other text is then trained on.",
            panel=WINDOWS,
            metavar="FILE",
            default="none",
        ),
    ] = None
    val_max: Annotated[int, Option("At most so many characters held out; 0: no bound.", panel=WINDOWS, low=0)] = (
        1_000_000
    )


# A part of TrainConfig, which alone is made: what else a dataclass has would only cost time at every start.
@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class DataConfig(HeldOutConfig):
    """Which text is trained on, and in which windows."""

    batch_size: Annotated[
        int,
        Option(
            "Streams of text read in parallel.",
            panel=WINDOWS,
            low=1,
            high=_MOST_AT_ONCE,
            usual=32,
            default="32; 64 with --time",
        ),
    ] = AUTO
    seq_length: Annotated[
        int,
        Option(
            "Characters in a window: how far back gradients reach (truncated BPTT).",
            panel=WINDOWS,
            low=1,
            high=_MOST_AT_ONCE,
        ),
    ] = 64
    shift: Annotated[
        int | None,
        Option("How far the next window starts after this one.", panel=WINDOWS, low=1, default="seq-length"),
    ] = None
    backward: Annotated[
        bool,
        Option(
            "Read the text from its end: the model then writes what leads up to an ending (sample --ending).",
            panel=WINDOWS,
            default="no; of --init-from, as that was read",
        ),
    ] = False
    stateless: Annotated[
        bool, Option("Start every window from a zero state, in shuffled order.", panel=WINDOWS, switch=True)
    ] = False
    state_reset: Annotated[
        float,
        Option(
            "Share of streams whose state is reset at a window, to learn cold starts.", panel=WINDOWS, low=0, below=1
        ),
    ] = 0.02
    mask_share: Annotated[
        float,
        Option(
            "Masked language modelling: share of a window's characters that a --bidirectional network has to restore.",
            panel=WINDOWS,
            low=0.01,
            below=1,
        ),
    ] = 0.3
    rotate: Annotated[
        bool,
        Option(
            "Begin each epoch after the first elsewhere in the text, so that window borders move.",
            panel=WINDOWS,
            usual=False,
            default="by epochs",
        ),
    ] = AUTO

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            self.shift is None or self.shift <= self.seq_length,
            f"--shift {self.shift}: from 1 to --seq-length ({self.seq_length}); a larger one would skip text.",
        )

    @property
    def effective_shift(self) -> int:
        """`shift`, or the whole window where none is given."""
        return self.seq_length if self.shift is None else self.shift
