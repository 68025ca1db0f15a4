"""What a training costs, by formulas: seconds, bytes of memory, bytes on disk. Numbers in, numbers out.

A figure that was measured takes the place of a formula wherever there is one: how fast this machine computes, what an
evaluation takes. What cannot be measured here is a formula of figures that are assumed, which every plan states.

In the formulas N are the devices, one process each; B the streams, B / N of them each device's rows; T the characters
of a window; L layers of H units with G gates; V characters of the vocabulary; P parameters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from charrnn.config import ModelConfig, TrainConfig
from charrnn.training.cards import ATTAINED, STEP, Card

_FLOAT = 4  # bytes
EVALUATED = 32  # streams that held-out text is read in (`validation.held_out_loss`)
# Between processes of one machine over gloo: `torch.distributed.all_reduce` of two, on two cores (bench/plan_check.py).
PROCESS_BANDWIDTH, PROCESS_LATENCY = 0.7e9, 150e-6  # bytes a second, seconds
CARD_LATENCY, NODE_LATENCY = 10e-6, 20e-6  # seconds of a message within a node, and between nodes; assumed
READING = 30e6  # characters a second that are read and encoded (bench/growth.py)
_ENOUGH_READ = 1_000_000  # characters whose reading tells how fast others are
_HEADER, _CHARACTER = 5000, 8  # bytes of a checkpoint's settings, and for each character of the vocabulary
_METRICS, _SAMPLE = 260, 250  # bytes of a line of metrics.jsonl, and of samples.md for each sample beside its text


@dataclass(frozen=True, kw_only=True, slots=True)
class Devices:
    """What computes: processes on nodes, each with its rows of the batch."""

    nodes: int
    per_node: int
    card: Card | None = None  # None: each node is as the machine here

    @property
    def count(self) -> int:
        """N."""
        return self.nodes * self.per_node

    def rows(self, streams: int) -> int:
        """Streams of each."""
        return max(1, streams // self.count)

    def bandwidth(self, network: float) -> float:
        """Bytes a second that a device sends while all do: of its slowest link.

        Args:
            network: What a node sends to the others.
        """
        within = self.card.link if self.card else PROCESS_BANDWIDTH
        return within if self.nodes == 1 else min(within, network)

    @property
    def latency(self) -> float:
        """Seconds of a message: of the slowest link."""
        within = CARD_LATENCY if self.card else PROCESS_LATENCY
        return within if self.nodes == 1 else max(within, NODE_LATENCY)


@dataclass(frozen=True, kw_only=True, slots=True)
class IterationCost:
    """Seconds of an iteration, by what they go into."""

    backward: float  # through a device's rows, forwards and backwards
    update: float  # of the optimizer
    all_reduce: float  # of gradients, and of what else is exchanged

    @property
    def seconds(self) -> float:
        """In all."""
        return self.backward + self.update + self.all_reduce


def multiplied_weights(model: ModelConfig, vocabulary_size: int) -> int:
    """Weights in matrices that each character is multiplied with: all but an embedding that is only looked up."""
    shapes = model.shapes(vocabulary_size).items()
    return sum(
        math.prod(shape)
        for name, shape in shapes
        if len(shape) > 1 and (model.tied or not name.startswith("embedding"))
    )


def operations(model: ModelConfig, vocabulary_size: int) -> int:
    """Operations that a character takes in training: six for each weight of `multiplied_weights`.

    A multiplication and an addition, three times: forwards, for the gradient of what was multiplied, for that of the
    weight.
    """
    return 6 * multiplied_weights(model, vocabulary_size)


def backward_seconds(
    model: ModelConfig, training: TrainConfig, vocabulary_size: int, rows: int, card: Card, flops: float
) -> float:
    """Seconds of a window forwards and backwards on a GPU, by its data sheet.

    Whatever can be multiplied for all characters of a window at once is: input matrices and head (six operations a
    weight), and the gradient of the recurrent matrices (two). The recurrent products (four) are 2 T L steps one after
    another, `step_seconds` each. The activations (`window_bytes`) pass through the GPU's memory three times: written,
    read again, and their gradients.

    Args:
        model: The network.
        training: Its windows and its precision.
        vocabulary_size: V.
        rows: Of the batch, on this device.
        card: The GPU.
        flops: Operations a second that a large product attains.
    """
    recurrent = model.directions * model.num_layers * model.gates * model.rnn_size**2
    at_once = operations(model, vocabulary_size) - 4 * recurrent
    steps = 2 * training.seq_length * model.directions * model.num_layers
    products = at_once * rows * training.seq_length / flops + steps * step_seconds(model, rows, card, flops)
    return products + 3 * window_bytes(model, training, vocabulary_size, rows) / card.bandwidth


def step_seconds(model: ModelConfig, rows: int, card: Card, flops: float) -> float:
    """Seconds of a step of one recurrent layer on a GPU: the most of three.

    Its operations, 2 G H^2 for each row; reading its matrix, of two bytes a weight, from the GPU's memory; and what a
    step takes at least (`cards.STEP`). With few rows a device so waits for its weights, or for its own kernels.
    """
    matrix = model.gates * model.rnn_size**2
    return max(2 * matrix * rows / flops, 2 * matrix / card.bandwidth, STEP)


def waiting_share(
    model: ModelConfig, training: TrainConfig, vocabulary_size: int, rows: int, card: Card, flops: float
) -> float:
    """The share of `backward_seconds` in which a step waits for its weights or its kernels: what more rows fill."""
    multiplying = 2 * model.gates * model.rnn_size**2 * rows / flops
    steps = 2 * training.seq_length * model.directions * model.num_layers
    waited = steps * (step_seconds(model, rows, card, flops) - multiplying)
    return waited / backward_seconds(model, training, vocabulary_size, rows, card, flops)


def evaluation_seconds(
    model: ModelConfig, vocabulary_size: int, characters: int, devices: int, card: Card, flops: float
) -> float:
    """Seconds of reading the held-out text on GPUs: its streams are divided over the devices, its length is not."""
    rows = math.ceil(EVALUATED / devices)
    steps = characters / EVALUATED
    recurrent = model.directions * model.num_layers * model.gates * model.rnn_size**2
    at_once = 2 * (multiplied_weights(model, vocabulary_size) - recurrent)
    return steps * (
        at_once * rows / flops + model.directions * model.num_layers * step_seconds(model, rows, card, flops)
    )


def update_seconds(parameters: int, card: Card) -> float:
    """Seconds of an update on a GPU: weight, gradient and two moments are read, weight and moments written."""
    return 7 * _FLOAT * parameters / card.bandwidth


def all_reduce_seconds(size: int, devices: Devices, network: float) -> float:
    """Seconds in which N devices add up so many bytes of gradients, each getting the sum: a ring.

    2 (N - 1) / N * size / bandwidth + 2 latency log2 N (Patarasuk and Yuan, 2009, for the first part). What of it
    runs beside the backward pass is not subtracted.
    """
    count = devices.count
    if count == 1:
        return 0.0
    return 2 * (count - 1) / count * size / devices.bandwidth(network) + 2 * devices.latency * math.log2(count)


def exchange_seconds(
    model: ModelConfig, training: TrainConfig, vocabulary_size: int, devices: Devices, network: float
) -> float:
    """Seconds in which N devices tell each other what an iteration needs.

    All gradients are added up. Muon's matrices, which each device orthogonalises a share of, are then gathered in the
    precision of products: (N - 1) / N * size / bandwidth + latency log2 N.
    """
    count, parameters = devices.count, model.parameters(vocabulary_size)
    seconds = all_reduce_seconds(_FLOAT * parameters, devices, network)
    if count > 1 and training.optimizer == "muon":
        size = (2 * parameters - moments(model, training, vocabulary_size)) * (
            4 if training.precision == "float32" else 2
        )
        seconds += (count - 1) / count * size / devices.bandwidth(network) + devices.latency * math.log2(count)
    return seconds


def attained_flops(card: Card, *, half: bool, flops: float | None = None) -> float:
    """Operations a second that a large product is taken to attain: measured ones, or a share of the data sheet's."""
    return flops or ATTAINED * (card.half if half else card.single)


def reading_seconds(measured: float, here: int, characters: int) -> float:
    """Seconds of reading and encoding a text for the first time; where it was read before, it lies in the cache.

    Args:
        measured: What the text that is here took.
        here: Its characters. A short one says nothing of a long one: `READING` is taken then.
        characters: Those of the text that is planned for.
    """
    rate = max(here, 1) / measured if here >= _ENOUGH_READ and measured else READING
    return measured + max(0, characters - here) / rate


def weight_bytes(model: ModelConfig, training: TrainConfig, vocabulary_size: int) -> int:
    """Bytes of memory for each device's weights and what there is one of for each.

    The gradient, which lies where it is added up over devices; the optimizer's moments; the average if there is one.
    """
    kept = 2 + (training.average > 0)
    return _FLOAT * (kept * model.parameters(vocabulary_size) + moments(model, training, vocabulary_size))


def moments(model: ModelConfig, training: TrainConfig, vocabulary_size: int) -> int:
    """Numbers that the optimizer keeps: two for each parameter; of Muon's matrices, and RMSprop's parameters, one."""
    parameters = model.parameters(vocabulary_size)
    match training.optimizer:
        case "sgd":
            return parameters * (training.momentum > 0)
        case "rmsprop":
            return parameters * (1 + (training.momentum > 0))
        case "muon":
            shapes = model.shapes(vocabulary_size)
            one_hot = "" if model.embedding_size else "layers.0.weight_ih_l0"
            layers = [name for name in shapes if name.startswith("layers.") and "weight" in name and name != one_hot]
            return 2 * parameters - sum(math.prod(shapes[name]) for name in layers)
        case _:
            return 2 * parameters


def window_bytes(model: ModelConfig, training: TrainConfig, vocabulary_size: int, rows: int) -> int:
    """Bytes of a window's activations, from which gradients are computed, on a GPU.

    For each row and character, in each layer: gates, output, cell (of an LSTM), sum and norm, masks of dropout if
    there is any; once the gradient of one layer's gates; and logits in the precision of products and in float32, their
    logarithms and their gradient.
    """
    number = _FLOAT if training.precision == "float32" else 2
    parts = model.gates + 1 + (model.model == "lstm") + 2 * model.layer_norm + (model.dropout > 0)
    layers = number * model.width * (parts * model.num_layers + model.gates)
    head = (number + 3 * _FLOAT) * vocabulary_size
    return rows * training.seq_length * (layers + head)


@dataclass(frozen=True, kw_only=True, slots=True)
class DiskUse:
    """Bytes on disk that a training leaves, by what they are."""

    snapshots: int  # those that --keep leaves
    resume: int  # twice while it is replaced
    log: int  # metrics.jsonl and samples.md
    cache: int  # the encoded text, outside the run

    @property
    def total(self) -> int:
        """At most, while the resume file is replaced."""
        return self.snapshots + 2 * self.resume + self.log + self.cache


def snapshot_bytes(model: ModelConfig, vocabulary_size: int, counts: int) -> int:
    """Bytes of a snapshot: weights, counts beside them, settings, vocabulary and sample."""
    return _FLOAT * model.parameters(vocabulary_size) + counts + _HEADER + _CHARACTER * vocabulary_size


def resume_bytes(model: ModelConfig, training: TrainConfig, vocabulary_size: int) -> int:
    """Bytes of the resume file: weights, moments, average, state of B streams; twice where it can be rolled back."""
    carried = 0 if model.bidirectional else 1 + (model.model == "lstm")
    state = training.batch_size * model.num_layers * model.rnn_size * carried
    numbers = (1 + (training.average > 0)) * model.parameters(vocabulary_size) + state
    numbers += moments(model, training, vocabulary_size)
    times = 2 if training.on_divergence == "rollback" else 1
    return _FLOAT * times * numbers + _HEADER + _CHARACTER * vocabulary_size


def kept_snapshots(training: TrainConfig) -> int:
    """How many snapshots there are in the end: those that --keep names, or all."""
    taken = training.snapshot_iterations()
    if not training.keep:
        return len(taken)
    kept = set[int]()
    for rule in training.keep:
        if rule == "milestones":
            kept |= training.milestones(training.iterations) | {training.iterations}
        elif rule != "best":
            kept |= set(taken[-int(rule.removeprefix("last:")) :])
    return min(len(taken), len(kept) + ("best" in training.keep))


def log_bytes(training: TrainConfig, evaluations: int, lines: int) -> int:
    """Bytes of metrics.jsonl and samples.md."""
    samples = len(training.snapshot_iterations())
    return _METRICS * (lines + evaluations) + (_SAMPLE + training.sample_length) * samples


def logged_lines(iterations: int) -> int:
    """Lines that the log has of so many iterations: every tenth, every hundredth from 100,000 on, and so on.

    >>> logged_lines(600), logged_lines(200_000), logged_lines(1_200_000)
    (60, 11000, 19200)
    """
    lines, done, bound, every = 0, 0, 100_000, 10
    while done < iterations:
        until = min(iterations, bound)
        lines += (until - done) // every
        done, bound, every = until, bound * 10, every * 10
    return lines
