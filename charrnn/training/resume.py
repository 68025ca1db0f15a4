"""A training as a file, and back: exactly as if it had never stopped.

What its tensors are called is in `resume_tensors`; numbers are in the header or its `progress`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from charrnn.config import TrainConfig
from charrnn.errors import CheckpointError, RunError, UsageError
from charrnn.formatting import duration
from charrnn.runs.checkpoint import Checkpoint, Tensors
from charrnn.runs.header import Header
from charrnn.runs.resume_command import resume_command
from charrnn.runs.rewinding import rewind
from charrnn.text.corpus import Corpus
from charrnn.training.devices import choose_device
from charrnn.training.precision import multiplies
from charrnn.training.ranks import ALONE, Ranks
from charrnn.training.resume_tensors import fitting_tensors, named_after, tensors_of
from charrnn.training.resumption import Resumption
from charrnn.training.same_text import DOCUMENTS_LISTED, require_same_text
from charrnn.training.snapshots import create_header, machine_of
from charrnn.training.trainer import Trainer

_COUNTS = ("iteration", "characters")  # of a state, which its header has


def resume_point(trainer: Trainer) -> tuple[Header, Tensors]:
    """All that `resumed` needs to go on as if nothing had happened. Call it after a Progress.

    Args:
        trainer: Stays as it is, and shares nothing with what is returned.

    Returns:
        A checkpoint's header and its tensors.

    Raises:
        DivergedError: A number among them is not finite.
    """
    state = trainer.state_dict()
    budget, before = state["time_budget"], state.get("rollback")  # the state that would be gone back to
    documents = trainer.corpus.documents[:DOCUMENTS_LISTED]
    progress = _numbers(state) | {
        "seconds": budget["seconds"],
        "elapsed": budget["elapsed"],
        "plans": budget["plans"],
        "budget_began": budget["began"],
        "turn": state["horizon"]["turn"],
        "rollback": _numbers(before) | {name: before[name] for name in _COUNTS} if before else None,
        "origin": dict(trainer.corpus.origin),
        "per_epoch": trainer.streams.per_epoch,
        "documents": [[document.name, document.characters, document.digest] for document in documents],
    }
    held_out_loss = trainer.evaluator.latest_held_out_loss
    return create_header(trainer, "resume", held_out_loss=held_out_loss, progress=progress), tensors_of(state)


def _numbers(state: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers of what `Trainer.learning_state` returned, but for those that a header has."""
    return {
        **{name: state["early_stopping"][name] for name in ("best_loss", "stale", "stopped")},
        **{name: state["schedule"][name] for name in ("lowered", "rollbacks")},
        **{name: state[name] for name in ("train_loss", "unlogged")},
        "clipped": state["optimizer"]["clipped"],
        **{name: state[name] for name in ("loss_scale",) if name in state},
    }


def _learning_state(header: Header, tensors: Tensors, numbers: Mapping[str, Any], patience: int) -> dict[str, Any]:
    """What `Trainer.learning_state` returned: the inverse of `tensors_of` and `_numbers`.

    Args:
        header: Of the file.
        tensors: Of this state.
        numbers: Likewise, with those that a header has.
        patience: That from here on.

    Raises:
        KeyError: Something is missing.
    """
    best = {name: numbers[name] for name in ("best_loss", "stale")}  # of the schedule's plateaus and early stopping
    stopped = numbers["stopped"]
    if patience != header.training.patience:
        stopped = 0 < patience <= numbers["stale"]
    return {
        "model": {name: tensors[name] for name in header.model.shapes(len(header.vocabulary))},
        "optimizer": {"moments": named_after("optimizer", tensors), "clipped": numbers["clipped"]},
        "average": named_after("average", tensors),
        "state": named_after("state", tensors),
        # Older files do not have what may be missing.
        "schedule": best | {"lowered": numbers["lowered"], "rollbacks": numbers.get("rollbacks", 0)},
        "early_stopping": best | {"stopped": stopped},
        **{name: numbers[name] for name in _COUNTS},
        "train_loss": numbers["train_loss" if "train_loss" in numbers else "smoothed_loss"],
        "unlogged": numbers.get("unlogged", {"largest": 0.0, "clipped": 0}),
        **({"loss_scale": numbers.get("loss_scale", {})} if header.training.precision == "float16" else {}),
    }


def _state(header: Header, tensors: Tensors, training: TrainConfig) -> dict[str, Any]:
    """The `state_dict` of a trainer with these settings, of what `resume_point` wrote.

    Raises:
        KeyError: Something is missing.
    """
    progress, before = header.progress, header.progress.get("rollback")
    unplanned = header.training.time is not None and progress["plans"] == 0
    numbers = {**progress, **{name: getattr(header, name) for name in _COUNTS}}
    earlier = named_after("rollback", tensors)
    return {
        **_learning_state(header, tensors, numbers, training.patience),
        "rollback": _learning_state(header, earlier, before, training.patience) if before else {},
        "horizon": {
            "iterations": None if unplanned else header.training.iterations,
            "turn": progress.get("turn"),
        },
        "time_budget": {name: progress[name] for name in ("seconds", "elapsed", "plans")}
        | {"iteration": header.iteration, "began": progress.get("budget_began", 0.0)},
        "began_from": header.began_from,
    }


def resumed(
    checkpoint: Checkpoint,
    corpus: Corpus,
    *,
    device: str = "auto",
    iterations: int | None = None,
    max_epochs: float | None = None,
    time: float | None = None,
    watching: Mapping[str, Any] | None = None,
    ranks: Ranks = ALONE,
) -> Trainer:
    """A training as it was when a resume file was written.

    Given another length than it had, a training that is lengthened starts its decay again from the peak learning rate
    (a warm restart: bench/lengthening.md), whether it had come to its end, had stopped early or had not; one that is
    shortened, or that gets a budget of time instead of a number of iterations, spreads the rest of its decay over what
    is left.

    Args:
        checkpoint: The resume file, or that of a `Fallback`.
        corpus: The text that the training read.
        device: One of auto, cpu, cuda and mps.
        iterations: The number of all iterations, those made before included.
        max_epochs: The same as times to read the text.
        time: The seconds of all its sessions together.
        watching: Settings that change no weight, in place of those it had: those of `SnapshotConfig`, `patience`.
        ranks: The processes that go on with it together, however many it had.

    Returns:
        A trainer whose next iteration is the one that would have come.

    Raises:
        CheckpointError: `checkpoint` is no resume file, or not a whole one.
        CorpusError: `corpus` is another text.
        UsageError: The length is not beyond what has been trained.
    """
    header = checkpoint.header
    fallen_back = header.kind == "snapshot" and bool(header.progress)
    if header.kind != "resume" and not fallen_back:
        raise CheckpointError(f"{checkpoint.path}: is a snapshot, which cannot be resumed.", "Name the run.")
    require_same_text(checkpoint, corpus)
    corpus = replace(corpus, findings=header.findings)
    counted = iterations is not None or max_epochs is not None
    training = replace(header.training, time=None if counted else time or header.training.time, **watching or {})
    if not multiplies(training.precision, ranks.device(choose_device(device)), header.model.model):
        training = replace(training, precision="auto")
    trainer = Trainer(corpus, header.model, training, device=device, ranks=ranks)
    if fallen_back:
        trainer.begin_with(checkpoint.weights, header.began_from)
        tensors = tensors_of(trainer.learning_state())
    else:
        tensors = fitting_tensors(checkpoint, trainer)
    try:
        trainer.load_state_dict(_state(header, tensors, training))
    except (KeyError, ValueError, TypeError, RuntimeError) as error:
        raise CheckpointError(f"{checkpoint.path}: cannot be resumed ({error}).") from None
    if max_epochs is not None:
        iterations = trainer.iterations_of(max_epochs)
    if iterations is not None:
        _train_until(trainer, iterations)
    elif time is not None and time != header.training.time:
        _train_for(trainer, time, header.training.time)
    return trainer


def _train_until(trainer: Trainer, iterations: int) -> None:
    """Let a training that goes on end at an iteration. Raises UsageError for one that lies behind it."""
    at, horizon = trainer.iteration, trainer.horizon
    if iterations == horizon.iterations:
        return
    if iterations <= at:
        raise UsageError(
            f"--iterations {iterations:,}: {at:,} are made already.", "It counts all iterations: give more."
        )
    if horizon.iterations is None or iterations < horizon.iterations:
        horizon.move(iterations, at)
    else:
        horizon.restart(iterations, at)
    _start_patience_anew(trainer)


def _train_for(trainer: Trainer, time: float, before: float | None) -> None:
    """Let a training that goes on have so many seconds in all. Raises UsageError for no more than are gone."""
    elapsed = trainer.budget.elapsed
    if time <= elapsed:
        raise UsageError(
            f"--time {duration(time)}: it has trained for {duration(elapsed)} already.",
            "It is the time of all sessions together: give more.",
        )
    if trainer.complete or (before is not None and time > before):
        trainer.horizon.restart(None, trainer.iteration)
    else:
        trainer.horizon.move(None, trainer.iteration)
    trainer.budget.renew()
    _start_patience_anew(trainer)


def change_of_rate(trainer: Trainer, header: Header) -> str | None:
    """What the learning rate does from here on, in a line; None where it goes on as it was to.

    Args:
        trainer: A training that was resumed.
        header: The resume file's.
    """
    config, turn = trainer.config, trainer.horizon.turn
    if config.decay not in ("cosine", "linear") or turn is None or turn[0] != trainer.iteration:
        return None
    if header.progress.get("turn") == list(turn):
        return None
    end = trainer.horizon.iterations
    until = "over the time that is left" if end is None else f"until iteration {end:,}"
    if turn[1] == 0:
        return f"the learning rate goes back to {trainer.schedule.peak:g} and falls once more, {until}"
    return f"the learning rate goes on from {trainer.schedule.rate(trainer.iteration):.3g} and falls {until}"


def change_of_machine(trainer: Trainer, header: Header) -> str | None:
    """What is not as it was and decides how sums are rounded, in a line; None where going on is exact.

    Args:
        trainer: A training that was resumed.
        header: The resume file's.
    """
    had = {"ranks": 1, **header.made_with}  # there were no more, where it does not say
    differing = [
        f"{name} {now} instead of {had[name]}"
        for name, now in machine_of(trainer).items()
        if name in had and had[name] != now
    ]
    if (now := trainer.config.precision) != header.training.precision:
        differing.append(f"precision {now} instead of {header.training.precision}")
    if not differing:
        return None
    divided = had["ranks"] != trainer.ranks.size
    anew = "each stream goes on from its place, and they are divided anew; " if divided else ""
    return f"{anew}with {', '.join(differing)} the weights will not be the same to the last bit"


def rewound(going_on: Resumption, trainer: Trainer) -> str | None:
    """Let a run be as it was at the iteration that its training goes on from.

    Args:
        going_on: The run.
        trainer: Its training, which was resumed.

    Returns:
        What is to be said of the snapshots that are set aside; None where there are none.

    Raises:
        RunError, CheckpointError: Something cannot be written, or set aside; what to type to try again is named.
    """
    fallback, point = going_on.fallback, resume_point(trainer) if going_on.fallback else None
    try:
        return trainer.ranks.from_first(
            lambda: fallback.settle(*point) if fallback and point else rewind(going_on.run, trainer.iteration)
        )
    except (RunError, CheckpointError) as error:
        again = resume_command(going_on.run, **going_on.length)
        raise type(error)(error.what, f"Make room or put its permissions right, then go on: {again}") from None


def _start_patience_anew(trainer: Trainer) -> None:
    """Count evaluations without improvement from here on. The best loss stays what it is."""
    for part in (trainer.schedule, trainer.early_stopping):
        part.load_state_dict(part.state_dict() | {"stale": 0, "stopped": False})
