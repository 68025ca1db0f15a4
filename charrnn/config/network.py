"""What the network is."""

import math
from dataclasses import dataclass
from typing import Annotated, Literal

from charrnn.config.option import AUTO, Config, Option, require

Cell = Literal["lstm", "gru", "rnn"]
Nonlinearity = Literal["tanh", "relu"]

MOST_LAYERS, MOST_UNITS = 256, 2**16  # far more than any network has that learns; memory ends before

GATES: dict[Cell, int] = {"lstm": 4, "gru": 3, "rnn": 1}  # rows of a weight matrix are GATES x rnn_size
DIRECTIONS = ("", "_reverse")  # what the names of a layer's weights end with, of the direction that it reads in
PARTS = ("embedding", "layers", "head")  # of the network; norms are the layers', a projection is the head's
NETWORK = "Network"


@dataclass(frozen=True, kw_only=True)
class ModelConfig(Config):
    """What the network is; with a vocabulary's size it fixes every tensor's shape."""

    model: Annotated[Cell, Option("Kind of recurrent cell.", panel=NETWORK)] = "lstm"
    num_layers: Annotated[int, Option("Recurrent layers, stacked.", panel=NETWORK, low=1, high=MOST_LAYERS)] = 2
    rnn_size: Annotated[
        int, Option("Units in each layer.", panel=NETWORK, low=1, high=MOST_UNITS, usual=256, default="by preset")
    ] = AUTO
    embedding_size: Annotated[
        int, Option("Width of the character embedding; 0: one-hot input.", panel=NETWORK, low=0, high=MOST_UNITS)
    ] = 64
    residual: Annotated[
        bool, Option("Residual connections: add a layer's input to its output, above the first.", panel=NETWORK)
    ] = True
    dropout: Annotated[
        float,
        Option(
            "Dropout of each layer's outputs: between layers and before the head.",
            panel=NETWORK,
            low=0,
            below=1,
            usual=0.0,
            default="by epochs",
        ),
    ] = AUTO
    input_dropout: Annotated[
        float,
        Option("Dropout of the embedded input.", panel=NETWORK, low=0, below=1, usual=0.0, default="by epochs"),
    ] = AUTO
    recurrent_dropout: Annotated[
        float,
        Option(
            "Weight-drop: dropout of the hidden-to-hidden weights, one mask a window.",
            panel=NETWORK,
            low=0,
            below=1,
            usual=0.0,
            default="by epochs",
        ),
    ] = AUTO
    layer_norm: Annotated[
        bool, Option("Layer normalization of what enters every layer but the first, and the head.", panel=NETWORK)
    ] = True
    tied: Annotated[
        bool,
        Option(
            "Tied embeddings: the head's matrix is the embedding's, behind a projection if widths differ.",
            panel=NETWORK,
        ),
    ] = False
    nonlinearity: Annotated[Nonlinearity, Option("Nonlinearity of a plain rnn cell.", panel=NETWORK)] = "tanh"
    bidirectional: Annotated[
        bool,
        Option(
            "Bidirectional: layers read in both directions, and learn to give hidden characters back; such a network "
            "is for `charrnn restore` and writes nothing.",
            panel=NETWORK,
        ),
    ] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            self.model == "rnn" or self.nonlinearity == "tanh",
            f"--nonlinearity {self.nonlinearity}: those of lstm and gru are fixed. Add --model rnn, or leave it out.",
        )
        require(
            not self.tied or self.embedding_size > 0,
            "--tied: there is no embedding to share (--embedding-size 0). Give it a width, or leave --tied out.",
        )

    @property
    def projected(self) -> bool:
        """Whether the last layer's output is projected to the embedding's width: tied, and of another width."""
        return self.tied and self.embedding_size != self.width

    @property
    def directions(self) -> int:
        """In which each layer reads."""
        return 1 + self.bidirectional

    @property
    def width(self) -> int:
        """Of a layer's output: its states of every direction, one after another."""
        return self.directions * self.rnn_size

    def symbols(self, vocabulary_size: int) -> int:
        """How many ids there are to read: those of the vocabulary and, bidirectional, one for what is hidden."""
        return vocabulary_size + self.bidirectional

    @property
    def title(self) -> str:
        """Cell, layers and width in words: `LSTM 2 x 256`, `bidirectional LSTM 2 x 256`."""
        cell = self.model.upper() + (" (relu)" if self.nonlinearity == "relu" else "")
        return f"{'bidirectional ' * self.bidirectional}{cell} {self.num_layers} x {self.rnn_size}"

    @property
    def gates(self) -> int:
        """Gate blocks in a weight matrix: LSTM 4 (i, f, g, o), GRU 3 (r, z, n), RNN 1."""
        return GATES[self.model]

    def shapes(self, vocabulary_size: int) -> dict[str, tuple[int, ...]]:
        """Every weight's name and shape, in the order of the file. Names are those of torch's one-layer modules.

        A tied matrix is there once, as the embedding's. Those of the direction that reads from the end follow the
        others of their layer.
        """
        rows, symbols = self.gates * self.rnn_size, self.symbols(vocabulary_size)
        shapes: dict[str, tuple[int, ...]] = {}
        if self.embedding_size:
            shapes["embedding.weight"] = (symbols, self.embedding_size)
        below = self.embedding_size or symbols
        for layer in range(self.num_layers):
            for direction in DIRECTIONS[: self.directions]:
                shapes[f"layers.{layer}.weight_ih_l0{direction}"] = (rows, below)
                shapes[f"layers.{layer}.weight_hh_l0{direction}"] = (rows, self.rnn_size)
                shapes[f"layers.{layer}.bias_ih_l0{direction}"] = (rows,)
                shapes[f"layers.{layer}.bias_hh_l0{direction}"] = (rows,)
            below = self.width
        if self.layer_norm:
            for layer in range(self.num_layers):
                shapes[f"norms.{layer}.weight"] = shapes[f"norms.{layer}.bias"] = (self.width,)
        if self.projected:
            shapes["projection.weight"] = (self.embedding_size, self.width)
        if not self.tied:
            shapes["head.weight"] = (vocabulary_size, self.width)
        shapes["head.bias"] = (vocabulary_size,)
        return shapes

    def parameters(self, vocabulary_size: int) -> int:
        """Numbers in all weights."""
        return sum(math.prod(shape) for shape in self.shapes(vocabulary_size).values())
