"""When a training is evaluated, and which snapshots of it are kept."""

import math
import re
from dataclasses import dataclass
from typing import Annotated

from charrnn.config import parsing
from charrnn.config.option import AUTO, Config, Option, require, shown

ON = "..."  # at the end of a list of iterations: on from there, at growing gaps

# From the untrained network to Karpathy's War and Peace demonstration, 2015, and on from there.
DEMO_ITERATIONS: tuple[int | str, ...] = (0, 3, 10, 30, 100, 300, 500, 700, 1200, 2000, ON)
_GROWING = (1, 15, 2, 3, 5, 7)  # the first digits of the iterations of growing gaps: 3000, 5000, 7000, 10000, 15000

WATCHING = "Watching it learn"


def growing_iteration(iterations: float) -> int:
    """The nearest iteration of growing gaps, by the ratio; at least 1.

    >>> [growing_iteration(at) for at in (0.2, 6.6, 75, 420, 2600)]
    [1, 7, 70, 500, 3000]
    """
    power = math.floor(math.log10(max(1.0, iterations)))
    near = (round(10.0**at * digits) for at in (power - 1, power, power + 1) for digits in _GROWING)
    return min((at for at in near if at >= 1), key=lambda at: abs(math.log(at / max(1.0, iterations))))


@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class SnapshotConfig(Config):
    """When the held-out text is evaluated and snapshots are kept, and what their samples are like."""

    eval_every: Annotated[
        int,
        Option(
            "Iterations between evaluations of the held-out text; 0: only at snapshots.",
            panel=WATCHING,
            low=0,
            usual=1000,
            default="1000; by time with --time",
        ),
    ] = AUTO
    snapshot_at: Annotated[
        tuple[int | str, ...],
        Option(
            "Iterations at which a snapshot is kept, 0 being the untrained network; the last always is. A ... at the "
            "end: on at growing gaps, as in 3000, 5000, 7000, 10000, 15000, 20000.",
            panel=WATCHING,
            usual=DEMO_ITERATIONS,
            default=f"{', '.join(map(str, DEMO_ITERATIONS))}; by time with --time",
            metavar="N,N,...",
            parse=parsing.iterations,
        ),
    ] = AUTO
    snapshot_every: Annotated[
        int, Option("Keep a snapshot every so many iterations, too; 0: no.", panel=WATCHING, low=0)
    ] = 0
    keep: Annotated[
        tuple[str, ...],
        Option(
            "Retention: which snapshots stay once later ones are there; some of last:N, best (by held-out loss) and "
            "milestones (those of --snapshot-at), or all.",
            panel=WATCHING,
            metavar="RULE,...",
            parse=parsing.retention,
            default="all",
        ),
    ] = ()
    ngrams: Annotated[
        bool,
        Option(
            "Counts beside the network: keep an n-gram model of the training text with each snapshot, to be mixed in "
            "with shares that are chosen on the held-out text.",
            panel=WATCHING,
        ),
    ] = True
    sample_length: Annotated[
        int, Option("Characters of a snapshot's sample; 0: no sample.", panel=WATCHING, low=0, high=200_000)
    ] = 400
    sample_temperature: Annotated[
        float,
        Option(
            "Sampling temperature of the samples.",
            panel=WATCHING,
            low=0,
            names=("--sample-temperature", "--temperature", "-t"),
        ),
    ] = 0.8
    sample_prime: Annotated[
        str | None,
        Option(
            "Prompt of the samples.",
            panel=WATCHING,
            names=("--sample-prime", "--prime", "--prompt", "-p"),
            escapes=False,
            default="a newline",
        ),
    ] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            self.snapshot_at is AUTO or all(at >= 0 for at in self.listed_iterations),
            "--snapshot-at: iterations are counted from 0, where nothing is trained yet.",
        )
        require(
            self.snapshot_at is AUTO or set(self.snapshot_at) - set(self.listed_iterations) <= {ON},
            "--snapshot-at: a list of iterations, such as 100,300,500; only ... may follow.",
        )
        require(
            all(re.fullmatch("last:[1-9][0-9]{0,11}|best|milestones", str(part)) for part in self.keep),
            f"--keep {shown(','.join(map(str, self.keep)))}: all, or some of last:N, best and milestones, as in "
            "last:5,best.",
        )

    @property
    def listed_iterations(self) -> tuple[int, ...]:
        """The numbers of `snapshot_at`."""
        return tuple(at for at in self.snapshot_at if isinstance(at, int))

    def is_milestone(self, iteration: int) -> bool:
        """Whether `snapshot_at` has an iteration, in its list or on from there."""
        if iteration in self.snapshot_at:
            return True
        if not self.snapshot_at or self.snapshot_at[-1] != ON or iteration <= max(self.listed_iterations, default=0):
            return False
        while iteration % 10 == 0:
            iteration //= 10
        return iteration in _GROWING

    def milestones(self, last: int) -> set[int]:
        """The iterations that `snapshot_at` has, up to a last one."""
        powers = (10**power for power in range(len(str(last))))
        growing = (power * digits for power in powers for digits in _GROWING)
        return {at for at in (*self.listed_iterations, *growing) if at <= last and self.is_milestone(at)}
