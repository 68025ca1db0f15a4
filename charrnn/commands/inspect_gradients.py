"""`charrnn inspect gradients`: how far the loss of one or several networks reaches back."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from charrnn.commands import later_states
from charrnn.commands.completion import models
from charrnn.commands.inspect_output import Outputs
from charrnn.commands.inspected_text import inspected_text
from charrnn.commands.notes import Notes, tell_skipped
from charrnn.commands.options import CheckpointDir, TextEncoding, with_options
from charrnn.commands.score_paths import is_model
from charrnn.commands.scored_text import ScoredText
from charrnn.config import CHECKPOINT_DIR, InspectConfig, Option, OutputConfig
from charrnn.errors import CheckpointError, DivergedError, RunError, UsageError

if TYPE_CHECKING:
    from charrnn.inspection.gradients_view import NetworkGradients
    from charrnn.inspection.training_log import TrainingGradients
    from charrnn.inspection.view import View
    from charrnn.runs.checkpoint import Checkpoint
    from charrnn.runs.run import Run

_MOST = 12  # checkpoints in one picture

Reach = Annotated[int, Option("Look so many characters back.", low=1, high=10_000)]
Places = Annotated[int, Option("At so many places of the text, spread evenly.", low=1, high=10_000)]
First = Annotated[bool, Option("Of each run its first snapshot, too: usually iteration 0.", switch=True)]
LogOnly = Annotated[bool, Option("Show the gradients of the runs' trainings alone, from their logs.", switch=True)]
Threads = Annotated[int, Option("CPU threads. More are faster for wide models on an idle machine.", low=1, high=1024)]


@with_options
def gradients(
    *,
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN|CHECKPOINT... [TEXT]",
            help="Runs, which stand for their best snapshots, and checkpoints, all in one picture; and last a text, "
            "else what was held out of their own.",
            autocompletion=models,
        ),
    ],
    reach: Reach = 256,
    places: Places = 64,
    first: First = False,
    log_only: LogOnly = False,
    inspection: InspectConfig,
    output: OutputConfig,
    encoding: TextEncoding = "auto",
    checkpoint_dir: CheckpointDir = CHECKPOINT_DIR,
    threads: Threads = 1,
) -> None:
    """Show how far the loss reaches back: its gradient with respect to the states up to 256 characters earlier.

    Beside it stands the largest singular value of a step's Jacobian: above 1 explodes, below 1 vanishes. Of a run the
    gradients of its training are shown, too: their norms, and what clipping did.
    """
    from charrnn.inspection import training_log
    from charrnn.training.torch_import import import_torch

    named, text = _told_apart(paths, checkpoint_dir)
    outputs = Outputs.of(output, text, models=named, root=checkpoint_dir)
    if log_only:
        logs = _logs(named, checkpoint_dir)
        if not logs:
            raise RunError(f"{named[0]}: no log that has gradients.", "Name a run.")
        outputs.show(training_log.view(logs), lambda: {"trainings": [log.to_dict() for log in logs]})
        return
    import_torch("inspecting gradients")
    checkpoints = _checkpoints(named, checkpoint_dir, first=first)
    scored = None if text is None else ScoredText([text], encoding, checkpoint_dir)
    _refuse_mixed(checkpoints)
    notes = Notes() if len(checkpoints) > 1 else None
    with torch_threads(threads):
        networks = [
            _measured(name, loaded, scored, inspection, encoding, checkpoint_dir, reach, places, notes)
            for name, loaded in checkpoints
        ]
    logs = _logs(named, checkpoint_dir)
    outputs.show(_view(networks, checkpoints, logs), lambda: _json(networks, logs))


@contextlib.contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Let torch compute in so many threads. On a busy machine its two are far slower than one."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _told_apart(paths: Sequence[str], root: Path) -> tuple[list[str], str | None]:
    """The models, and the text, which comes last. Raises UsageError."""
    *before, last = paths
    for path in before:
        if not is_model(path, root) and Path(path).is_file() and Path(path).suffix != ".safetensors":
            raise UsageError(f"{path}: is no run or checkpoint; one text is named, and last.")
    if not before or is_model(last, root):
        return list(paths), None
    return before, last


def _checkpoints(named: Sequence[str], root: Path, *, first: bool) -> list[tuple[str, Checkpoint]]:
    """What was named, loaded, each with what it is called. Raises RunError, CheckpointError, UsageError."""
    from charrnn.network.engine import causal_refusal
    from charrnn.runs import checkpoint
    from charrnn.runs.find import load_found

    found: list[tuple[str, Checkpoint]] = []
    for name in dict.fromkeys(named):
        run = _run(name, root)
        loaded = load_found(Path(name), root, tell_skipped)
        if loaded.path is not None:
            later_states.tell_of_found(Path(name), loaded.path, root)
        label = name if run is None else f"{name} (iteration {loaded.header.iteration:,})"
        if first and run is not None and run.snapshots and run.snapshots[0].path != loaded.path:
            begun = checkpoint.load(run.snapshots[0].path)
            found.append((f"{name} (iteration {begun.header.iteration:,})", begun))
        found.append((label, loaded))
    if len(found) > _MOST:
        raise UsageError(f"{len(found)} checkpoints: {_MOST} are in one picture at most.")
    for name, loaded in found:
        if loaded.header.model.bidirectional:
            refusal = causal_refusal()
            raise CheckpointError(f"{name}: {refusal.what}", refusal.advice)
    return found


def _run(name: str, root: Path) -> Run | None:
    """The run that was named; None for a file."""
    from charrnn.runs.find import find_file, find_run

    return find_run(Path(name), root) if find_file(Path(name), root) is None else None


def _refuse_mixed(checkpoints: Sequence[tuple[str, Checkpoint]]) -> None:
    """Raises UsageError for models of bytes beside models of characters."""
    by_unit = {loaded.header.vocabulary.of_bytes: name for name, loaded in checkpoints}
    if len(by_unit) > 1:
        raise UsageError(
            f"{by_unit[True]} reads bytes and {by_unit[False]} characters: so many back is not the same for both.",
            "Inspect them one by one.",
        )


def _measured(
    name: str,
    loaded: Checkpoint,
    text: ScoredText | None,
    inspection: InspectConfig,
    encoding: str,
    root: Path,
    reach: int,
    places: int,
    notes: Notes | None,
) -> NetworkGradients:
    """What is measured of a checkpoint. Raises CorpusError, UsageError, DivergedError."""
    from charrnn.inspection.gradients import gradients
    from charrnn.inspection.gradients_view import NetworkGradients
    from charrnn.network.torch_model import CharModel

    header = loaded.header
    inspected = inspected_text(loaded, text, inspection, encoding, root, notes)
    model = CharModel(header.model, len(header.vocabulary))
    model.load_weights(loaded.weights)
    try:
        found = gradients(model, inspected.ids, reach, places, inspected.name)
    except DivergedError as error:
        raise DivergedError(f"{name}: {error.what}", error.advice) from None
    unit = header.vocabulary.unit
    return NetworkGradients(
        name=name, title=header.model.title, iteration=header.iteration, text=inspected.name, unit=unit, gradients=found
    )


def _logs(named: Sequence[str], root: Path) -> tuple[TrainingGradients, ...]:
    """The gradients of the trainings of those that are runs, and have a log."""
    from charrnn.inspection.training_log import training_gradients
    from charrnn.runs import history

    logs = []
    for name in dict.fromkeys(named):
        if (run := _run(name, root)) is None:
            continue
        training = run.best.header.training
        log = training_gradients(history.read(run, name), training.grad_clip, training.grad_clip_mode)
        if log is not None:
            logs.append(log)
    return tuple(logs)


def _view(
    networks: Sequence[NetworkGradients],
    checkpoints: Sequence[tuple[str, Checkpoint]],
    logs: Sequence[TrainingGradients],
) -> View:
    """The picture, with what is to be known of different checkpoints in it, and the logs below."""
    from charrnn.inspection import gradients_view, training_log

    vocabularies = {loaded.header.vocabulary.code_points.tobytes() for _, loaded in checkpoints}
    remarks = ["Their vocabularies differ: each reads the text as it knows it."] if len(vocabularies) > 1 else []
    remarks += [
        f"{name} reads from the end: its characters back are those that come after in the text."
        for name, loaded in checkpoints
        if loaded.header.backward
    ]
    view = gradients_view.view(networks, [*remarks, *map(training_log.remark, logs)])
    return dataclasses.replace(view, plots=(*view.plots, *training_log.plots(logs)))


def _json(networks: Sequence[NetworkGradients], logs: Sequence[TrainingGradients]) -> Mapping[str, Any]:
    return {
        "checkpoints": [network.to_dict() for network in networks],
        "trainings": [log.to_dict() for log in logs],
    }
