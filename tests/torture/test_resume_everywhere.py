"""Resumed at every one of fifty iterations, a training goes on as if it had never stopped, whatever its settings are.

Each training is saved after every iteration, written and read. In every run of the tests a resumed one makes the next
iteration: where all that changes is then the same, so is all that follows. With --thorough it goes on to the end.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from helpers.trainings import TEXT, assert_same, documents, stored

from charrnn.config import ModelConfig, TrainConfig
from charrnn.runs.checkpoint import Tensors
from charrnn.runs.header import Header
from charrnn.text import corpus
from charrnn.training.events import Evaluated, Event, Progress, Snapshot
from charrnn.training.resume import resume_point, resumed
from charrnn.training.trainer import Trainer

ITERATIONS = 50
SHORT = corpus.from_text(TEXT[:420])  # some sixteen windows of 3 x 8 an epoch
_TIMES = ("seconds", "elapsed")

# Of each setting every value; one that is a mapping stands for several settings.
CHOICES: dict[str, list[Any]] = {
    "cell": [{"model": "lstm"}, {"model": "gru"}, {"model": "rnn"}, {"model": "rnn", "nonlinearity": "relu"}],
    "optimizer": [
        {"optimizer": "muon"},
        {"optimizer": "adamw"},
        {"optimizer": "rmsprop", "learning_rate": 1e-3},
        {"optimizer": "rmsprop", "momentum": 0.0, "learning_rate": 1e-3},
        {"optimizer": "sgd", "learning_rate": 0.1},
        {"optimizer": "sgd", "momentum": 0.0, "learning_rate": 0.1},
    ],
    "schedule": [
        {"decay": "cosine"},
        {"decay": "linear", "warmup": 5},
        {"decay": "constant"},
        {"decay": "step", "decay_every": 1},
        {"decay": "plateau"},
    ],
    "dropout": [
        {"dropout": 0.3},
        {"input_dropout": 0.2},
        {"recurrent_dropout": 0.3},
        {"dropout": 0.1, "input_dropout": 0.1, "recurrent_dropout": 0.1},
        {"dropout": 0.0},
    ],
    "average": [{"average": 0.9}, {"average": 0.0}],
    "reading": [
        {},
        {"shift": 3},
        {"stateless": True},
        {"stateless": True, "shift": 5},
        {"rotate": True},
        {"documents": True},
    ],
    "state_reset": [{"state_reset": 0.0}, {"state_reset": 0.3}],
    "network": [
        {"layer_norm": True, "residual": True},
        {"layer_norm": False, "residual": False},
        {"tied": True},
        {"embedding_size": 0},
        {"num_layers": 1},
    ],
    "precision": [{"precision": "float32"}, {"precision": "bfloat16"}],
    "penalties": [{}, {"l1": 0.001}, {"l2": 0.01}, {"weight_decay": 0.2}],
    "clipping": [{"grad_clip": 0.5}, {"grad_clip_mode": "value", "grad_clip": 0.02}, {"grad_clip": 0.0}],
    "frozen": [{}, {"freeze": ("head",)}],
    "stopping": [{}, {"patience": 3}],
    "counts": [{"ngrams": False}, {"ngrams": False}, {"ngrams": False}, {"ngrams": True}],
    "divergence": [{"on_divergence": "stop"}, {"on_divergence": "rollback"}],
    "threads": [{"threads": 1}, {"threads": 1}, {"threads": 2}],
}  # fmt: skip


def covering(count: int, seed: int) -> list[dict[str, Any]]:
    """So many trainings, drawn such that each value of each setting has its share of them."""
    rng, trainings = random.Random(seed), [dict[str, Any]() for _ in range(count)]
    for choices in CHOICES.values():
        values = [choices[number % len(choices)] for number in range(count)]
        rng.shuffle(values)
        for training, value in zip(trainings, values, strict=True):
            training |= value
    for training in trainings:
        if training.get("tied") and "head" in training.get("freeze", ()):
            training["freeze"] = ("embedding", "head")
    return trainings


def begin(settings: dict[str, Any], path: Path) -> Trainer:
    network: dict[str, Any] = {"rnn_size": 8, "embedding_size": 8}
    learning: dict[str, Any] = {"batch_size": 3, "seq_length": 8, "iterations": ITERATIONS, "warmup": 2, "seed": 5}
    learning |= {"eval_every": 7, "snapshot_at": (0, 20), "snapshot_every": 14, "sample_length": 8, "val_frac": 0.1}
    settings = settings.copy()
    torch.set_num_threads(settings.pop("threads"))
    source = documents(path) if settings.pop("documents", False) else SHORT
    models = {field.name for field in dataclasses.fields(ModelConfig)}
    for key, value in settings.items():
        (network if key in models else learning)[key] = value
    return Trainer(source, ModelConfig(**network), TrainConfig(**learning), device="cpu")


def compared(event: Event) -> Any:
    """What must be the same of an event; losses to the last bit."""
    match event:
        case Progress():
            numbers = (event.loss, event.train_loss, event.grad_norm, event.learning_rate, event.max_gradient_norm)
            return dataclasses.replace(event, seconds=0.0), [number.hex() for number in numbers]
        case Snapshot(header=header):
            tensors = {name: tensor.tobytes() for name, tensor in event.tensors.items()}
            return header.iteration, header.sample, header.held_out_loss, header.mixing, tensors
        case Evaluated():
            return event, event.held_out_loss.hex()
    raise AssertionError(event)


def by_iteration(events: Iterator[Event]) -> Iterator[list[Any]]:
    """The events of each iteration, until after its Progress."""
    made = list[Any]()
    for event in events:
        made.append(compared(event))
        if isinstance(event, Progress):
            yield made
            made = []


def check_same(point: tuple[Header, Tensors], expected: tuple[Header, Tensors]) -> None:
    """All that changes from iteration to iteration."""
    assert_same(point[1], expected[1])
    headers = []
    for header, _ in (point, expected):
        progress = {name: value for name, value in header.progress.items() if name not in _TIMES}
        headers.append(dataclasses.replace(header, created="", progress=progress))
    assert headers[0] == headers[1]


def check_resumed_everywhere(settings: dict[str, Any], path: Path, *, to_the_end: bool) -> int:
    """How many iterations it was resumed at."""
    training = begin(settings, path)
    events, points = list[list[Any]](), [resume_point(training)]
    for made in by_iteration(training.events()):
        events.append(made)
        points.append(resume_point(training))
    assert training.complete
    assert len(points) > 20
    for iteration, point in enumerate(points[:-1]):
        again = resumed(stored(path / "resume.safetensors", point), training.corpus, device="cpu")
        assert again.iteration == iteration
        on = by_iteration(again.events())
        for number, made in enumerate(on, iteration):
            assert made == events[number], f"iteration {number + 1}, resumed after {iteration}"
            if not to_the_end:
                check_same(resume_point(again), points[number + 1])
                break
        if to_the_end:
            check_same(resume_point(again), points[-1])
    assert resumed(stored(path / "resume.safetensors", points[-1]), training.corpus, device="cpu").complete
    return len(points) - 1


def test_each_value_of_each_setting_is_tried(rounds: Callable[[int, int], int]) -> None:
    trainings = covering(rounds(6, 60), seed=1)
    for choices in CHOICES.values():
        for value in choices:
            assert any(value.items() <= training.items() for training in trainings)


def test_resumed_at_every_iteration_it_is_the_same(
    tmp_path: Path, rounds: Callable[[int, int], int], tell_figure: Callable[[str], None]
) -> None:
    count, resumptions = rounds(6, 60), 0
    for number, settings in enumerate(covering(count, seed=1)):
        path = tmp_path / str(number)
        path.mkdir()
        try:
            resumptions += check_resumed_everywhere(settings, path, to_the_end=count > 6)
        except Exception as error:
            error.add_note(f"of training {number}: {settings}")
            raise
    tell_figure(f"resumed at every iteration of {count} trainings, {resumptions} times: the same bit for bit")
