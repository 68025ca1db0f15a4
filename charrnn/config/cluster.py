"""What a training is planned for, where that is more than the machine it is planned on."""

from dataclasses import dataclass
from typing import Annotated, Literal

from charrnn.config import parsing
from charrnn.config.option import Config, Option, require

CardName = Literal["l4", "a100", "h100", "h200"]
CLUSTER = "Beyond this machine"

_MOST_DEVICES = 100_000


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class ClusterConfig(Config):
    """How many devices a training is planned for, of which kind, and with how much text."""

    nodes: Annotated[
        int, Option("Nodes: machines, as torchrun's --nnodes.", panel=CLUSTER, low=1, high=_MOST_DEVICES)
    ] = 1
    gpus: Annotated[
        int,
        Option(
            "GPUs of each node, with a process each; 0: nodes compute as this machine does.",
            panel=CLUSTER,
            low=0,
            high=_MOST_DEVICES,
        ),
    ] = 0
    nproc_per_node: Annotated[
        int,
        Option(
            "Processes of each node that share its CPU, as torchrun's option of this name.",
            panel=CLUSTER,
            low=1,
            high=_MOST_DEVICES,
        ),
    ] = 1
    gpu: Annotated[
        CardName,
        Option("Kind of GPU, by its data sheet; one that is here is measured instead.", panel=CLUSTER),
    ] = "h100"
    device_flops: Annotated[
        float | None,
        Option(
            "Operations a second of a large matrix product on such a GPU, as `make gpu` measures them.",
            panel=CLUSTER,
            above=0,
            high=1e18,
            default="half of its data sheet's",
        ),
    ] = None
    network: Annotated[
        float,
        Option(
            "What a node sends to the others: 25GB/s, 200Gbit/s.",
            panel=CLUSTER,
            above=0,
            high=1e15,
            metavar="RATE",
            parse=parsing.rate,
            default="25GB/s",
        ),
    ] = 25e9
    characters: Annotated[
        int | None,
        Option(
            "Plan for a text of so many characters that is like this one.",
            panel=CLUSTER,
            low=1,
            high=10**15,
            default="those it has",
        ),
    ] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            self.gpus == 0 or self.nproc_per_node == 1,
            "--gpus and --nproc-per-node contradict each other: with GPUs there is a process for each.",
        )
        count = self.nodes * self.per_node
        require(
            count <= _MOST_DEVICES,
            f"--nodes {self.nodes}: {count:,} processes, where {_MOST_DEVICES:,} can be planned.",
        )

    @property
    def per_node(self) -> int:
        """Processes of each node."""
        return self.gpus or self.nproc_per_node
