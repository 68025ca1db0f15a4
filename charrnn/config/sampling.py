"""What is written with a trained model."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from charrnn.config import parsing
from charrnn.config.option import LAST_SEED, Config, Option, require

Color = Literal["none", "bits"]
Unit = Literal["line", "sentence", "paragraph"]
Unseen = Literal["error", "replace", "drop"]

SAMPLING = "Sampling"
BOUNDS = "Where it begins and ends"
SEVERAL = "Several texts"
SHOWN = "What is shown"
TEMPERATURE = 0.8  # where none is said

Temperature = Annotated[
    float | None,
    Option(
        "Sampling temperature: higher is wilder, lower safer and more repetitive; 0 is greedy.",
        panel=SAMPLING,
        low=0,
        names=("--temperature", "-t"),
        default=f"{TEMPERATURE:g}",
        parse=parsing.temperature,
    ),
]
Seed = Annotated[
    int | None,
    Option(
        "Random seed: the same seed writes the same text.",
        panel=SAMPLING,
        low=0,
        high=LAST_SEED,
        default="a random one",
    ),
]
TopK = Annotated[int | None, Option("Top-k: draw among so many of the likeliest.", panel=SAMPLING, low=1)]
TopP = Annotated[
    float | None,
    Option("Top-p: draw among the likeliest that have this share of the probability.", panel=SAMPLING, above=0, high=1),
]
MinP = Annotated[
    float | None,
    Option("Min-p: draw among those at least this share as likely as the likeliest.", panel=SAMPLING, low=0, high=1),
]


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class SamplingConfig(Config):
    """What every verb that writes can be told."""

    prime: Annotated[
        str | None,
        Option(
            "Prompt: the text that every sample goes on from.",
            panel=SAMPLING,
            names=("--prompt", "--prime", "-p", "--primetext", "--start-text", "--start"),
            escapes=False,
            default="a newline",
        ),
    ] = None
    length: Annotated[
        int | None,
        Option(
            "New characters to write; where a document ends before, another begins.",
            panel=SAMPLING,
            low=0,
            names=("--length", "-n"),
            default="1000; of documents kept apart, one",
        ),
    ] = None
    temperature: Temperature = None
    temperatures: Annotated[
        tuple[float, ...] | None,
        Option(
            "Write a text at each of these sampling temperatures: 0.2,0.5,0.8,1.0.",
            panel=SAMPLING,
            metavar="T,T,...",
            parse=parsing.temperatures,
        ),
    ] = None
    seed: Seed = None

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            self.temperature is None or self.temperatures is None,
            "--temperature and --temperatures contradict each other; give one of them.",
        )

    def chosen_temperatures(self, *usual: float) -> tuple[float, ...]:
        """The temperatures that were asked for, one way or the other, else the usual ones."""
        if self.temperatures is not None:
            return self.temperatures
        return usual or (TEMPERATURE,) if self.temperature is None else (self.temperature,)


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class LikeliestConfig(Config):
    """Which of the likeliest characters are drawn from: top-k, top-p and min-p, in this order."""

    top_k: TopK = None
    top_p: TopP = None
    min_p: MinP = None


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class CandidatesConfig(Config):
    """Which characters are drawn from: those that copy are ruled out, then top-k, top-p and min-p, in this order."""

    greedy: Annotated[bool, Option("Greedy decoding: the same as temperature 0.", panel=SAMPLING, switch=True)] = False
    top_k: TopK = None
    top_p: TopP = None
    min_p: MinP = None
    no_copy: Annotated[
        int | None,
        Option(
            "Never copy more than N characters in a row from the training text; those of the prompt count.",
            panel=SAMPLING,
            low=1,
            metavar="N",
        ),
    ] = None


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class NgramsConfig(Config):
    """Whether the counts beside a network have a say."""

    ngrams: Annotated[
        bool | None,
        Option(
            "Counts beside the network: mix them in, or leave them out.", default="where they lower the held-out loss"
        ),
    ] = None


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class BoundsConfig(Config):
    """Where a text begins and ends."""

    until: Annotated[
        list[str] | None,
        Option(
            r"Stop string: end after this, or begin with it before an ending; may be given several times. \n is a "
            r"newline, \\ a backslash.",
            panel=BOUNDS,
            escapes=True,
            names=("--until", "--stop"),
            metavar="STRING",
        ),
    ] = None
    finish: Annotated[
        Unit | None,
        Option(
            "Go on beyond the length to the end of a line, sentence or paragraph; before an ending to its beginning.",
            panel=BOUNDS,
        ),
    ] = None
    prime_file: Annotated[
        Path | None,
        Option(
            "Read the prompt from a file, or from - for standard input; of a model of bytes, any file.",
            panel=BOUNDS,
            names=("--prompt-file", "--prime-file"),
            metavar="FILE",
        ),
    ] = None
    ending: Annotated[
        str | None,
        Option(
            r"Ending: the text that every sample leads up to, of a model that was trained --backward. \n is a newline, "
            r"\\ a backslash.",
            panel=SAMPLING,
            metavar="STRING",
            escapes=True,
            default="a newline",
        ),
    ] = None
    ending_file: Annotated[
        Path | None,
        Option("Read the ending from a file, or from - for standard input.", panel=BOUNDS, metavar="FILE"),
    ] = None
    echo: Annotated[bool, Option("Write the prompt before the new text, or the ending after it.", panel=BOUNDS)] = True
    unseen: Annotated[
        Unseen,
        Option(
            "Characters of the prompt or ending that the model has never seen: error refuses them, replace takes the "
            "nearest it knows, drop leaves them out.",
            panel=BOUNDS,
            names=("--unknown", "--unseen"),
        ),
    ] = "error"


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class SeveralConfig(Config):
    """How many texts are written."""

    count: Annotated[
        int | None,
        Option(
            "Write so many texts in one pass, with the seeds that follow the first.",
            panel=SEVERAL,
            low=1,
            high=10**6,
            default="1",
        ),
    ] = None
    every_snapshot: Annotated[
        bool, Option("Write with every snapshot of a run, in their order.", panel=SEVERAL, switch=True)
    ] = False
    headings: Annotated[
        bool | None,
        Option(
            "Put a line above each text that says what it is, and a blank one before it.",
            panel=SEVERAL,
            default="of several texts, on a terminal",
        ),
    ] = None


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class ColorConfig(Config):
    """How characters are coloured."""

    color: Annotated[
        Color,
        Option(
            "On a terminal, shade each character by its surprise in bits.", panel=SHOWN, names=("--color", "--colour")
        ),
    ] = "none"


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class NoveltyConfig(Config):
    """What is said of a text's novelty."""

    novelty: Annotated[
        bool,
        Option(
            "Say how much is found word for word in the training text, and underline it on a terminal.",
            panel=SHOWN,
            switch=True,
        ),
    ] = False
    novelty_length: Annotated[
        int, Option("Look for stretches of at least so many characters.", panel=SHOWN, low=1, metavar="N")
    ] = 30
    text: Annotated[
        Path | None,
        Option(
            "Where the training text is, for --novelty and --no-copy; without --no-copy it implies --novelty, as "
            "--novelty-length does.",
            panel=SHOWN,
            metavar="FILE",
            default="what the run was trained on",
        ),
    ] = None
