"""What a training starts from, and where it is kept."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from charrnn.config import parsing
from charrnn.config.option import Config, Option, require
from charrnn.config.snapshots import WATCHING
from charrnn.config.training import PLACE, RUN

PresetName = Literal["auto", "quick", "small", "medium", "large", "xlarge", "xxlarge", "char-rnn", "torch-rnn"]

CHECKPOINT_DIR = Path("checkpoints")
LENGTHS = ("iterations", "max_epochs", "time")  # settings of which one is given


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class StartConfig(Config):
    """What a training starts from."""

    preset: Annotated[
        PresetName,
        Option(
            "Size of the network, where auto goes by text, budget and machine; or the recipe of char-rnn or torch-rnn. "
            "Options override what a preset chooses.",
            panel=RUN,
        ),
    ] = "auto"
    max_epochs: Annotated[
        float | None, Option("Epochs instead of --iterations: times to read the text.", panel=RUN, above=0)
    ] = None
    init_from: Annotated[
        Path | None,
        Option(
            "Fine-tune from these weights, matched by character; the network is the checkpoint's.",
            panel=RUN,
            metavar="CHECKPOINT|RUN",
        ),
    ] = None
    embedding_from: Annotated[
        Path | None, Option("Take only the embedding of a checkpoint.", panel=RUN, metavar="CHECKPOINT|RUN")
    ] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            self.init_from is None or self.embedding_from is None,
            "--init-from and --embedding-from contradict each other; give one of them.",
        )


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class RunConfig(Config):
    """Where a training is kept, and whether it goes on with an earlier one."""

    name: Annotated[str | None, Option("Name of the run.", panel=RUN, default="after the text, numbered")] = None
    resume: Annotated[
        Path | None,
        Option(
            "Go on with this run, exactly as if it had never stopped; to a new --iterations, --max-epochs or --time in "
            "all, if one is given.",
            panel=RUN,
            metavar="RUN",
        ),
    ] = None
    auto_resume: Annotated[
        bool,
        Option(
            "Go on with the run of this --name if there is one, else begin it: for schedulers, which send the same "
            "command again.",
            panel=RUN,
            switch=True,
        ),
    ] = False
    tensorboard: Annotated[
        bool,
        Option("Write TensorBoard event files into the run; with --resume, too.", panel=WATCHING, switch=True),
    ] = False
    rank_timeout: Annotated[
        float,
        Option(
            "Under torchrun: how long ranks wait for one that does not arrive, or has stopped, before all end.",
            panel=PLACE,
            low=2,
            high=10**6,
            metavar="TIME",
            parse=parsing.seconds,
        ),
    ] = 300.0
