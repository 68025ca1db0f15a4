"""A training as a file, and back: exactly as if it had never stopped.

The file's names are given here and nowhere else: a tensor of a part of the training is named after it, as in
`optimizer/0/exp_avg`, `average/head.bias`, `state/1/0`, `generator/0`; numbers are in the header or its `progress`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from charrnn.errors import CheckpointError, CorpusError
from charrnn.formatting import few
from charrnn.runs.checkpoint import Checkpoint, Tensors
from charrnn.runs.header import Header
from charrnn.text.corpus import Corpus
from charrnn.training.snapshots import create_header
from charrnn.training.time_budget import TimeBudget
from charrnn.training.trainer import Trainer

_DOCUMENTS_LISTED = 1000  # in a resume file, to say what differs


def resume_point(trainer: Trainer) -> tuple[Header, Tensors]:
    """All that `resumed` needs to go on as if nothing had happened. Call it after a Progress.

    Args:
        trainer: Stays as it is, and shares nothing with what is returned.

    Returns:
        A checkpoint's header and its tensors.
    """
    state = trainer.state_dict()
    tensors: Tensors = {
        **state["model"],
        **_named("optimizer", state["optimizer"]["moments"]),
        **_named("average", state.get("average", {})),
        **_named("state", state["state"]),
        **_named("generator", state["data_parallel"]),
    }
    budget, stopping = state["time_budget"], state["early_stopping"]
    documents = trainer.corpus.documents[:_DOCUMENTS_LISTED]
    progress = {
        "seconds": budget["seconds"],
        "elapsed": budget["elapsed"],
        "plans": budget["plans"],
        "best_loss": stopping["best_loss"],
        "stale": stopping["stale"],
        "stopped": stopping["stopped"],
        "lowered": state["schedule"]["lowered"],
        "smoothed_loss": state["smoothed_loss"],
        "clipped": state["optimizer"]["clipped"],
        "origin": dict(trainer.corpus.origin),
        "documents": [[document.name, document.characters, document.digest] for document in documents],
    }
    held_out_loss = trainer.evaluator.latest_held_out_loss
    return create_header(trainer, "resume", held_out_loss=held_out_loss, progress=progress), tensors


def _state(checkpoint: Checkpoint) -> dict[str, Any]:
    """A trainer's `state_dict`, of what `resume_point` wrote. Raises KeyError for what is missing."""
    header, tensors, progress = checkpoint.header, checkpoint.tensors, checkpoint.header.progress
    best = {name: progress[name] for name in ("best_loss", "stale")}  # of the schedule's plateaus and early stopping
    unplanned = header.training.time is not None and progress["plans"] == 0
    return {
        "model": checkpoint.weights,
        "optimizer": {"moments": _named_after("optimizer", tensors), "clipped": progress["clipped"]},
        "average": _named_after("average", tensors),
        "state": _named_after("state", tensors),
        "data_parallel": _named_after("generator", tensors),
        "schedule": best | {"lowered": progress["lowered"]},
        "early_stopping": best | {"stopped": progress["stopped"]},
        "horizon": {"iterations": None if unplanned else header.training.iterations},
        "time_budget": {name: progress[name] for name in ("seconds", "elapsed", "plans")}
        | {"iteration": header.iteration},
        "iteration": header.iteration,
        "characters": header.characters,
        "smoothed_loss": progress["smoothed_loss"],
        "began_from": header.began_from,
    }


def _named(part: str, tensors: Mapping[str, Any]) -> Tensors:
    return {f"{part}/{name}": tensor for name, tensor in tensors.items()}


def _named_after(part: str, tensors: Tensors) -> Tensors:
    """The inverse of `_named`."""
    return {name.removeprefix(f"{part}/"): tensors[name] for name in tensors if name.startswith(f"{part}/")}


def resumed(checkpoint: Checkpoint, corpus: Corpus, *, device: str = "auto", iterations: int | None = None) -> Trainer:
    """A training as it was when a resume file was written.

    Args:
        checkpoint: The resume file.
        corpus: The text that the training read.
        device: One of auto, cpu, cuda and mps.
        iterations: Lengthens (or shortens) the run deliberately; its schedule is then that of the new length, even
            where a time budget would have planned another or it had stopped early.

    Returns:
        A trainer whose next iteration is the one that would have come.

    Raises:
        CheckpointError: `checkpoint` is no resume file, or not a whole one.
        CorpusError: `corpus` is another text.
    """
    header = checkpoint.header
    if header.kind != "resume":
        raise CheckpointError(f"{checkpoint.path}: is a snapshot, which cannot be resumed.", "Name the run.")
    before = (header.corpus["digest"], header.reading, header.vocabulary)
    if (corpus.digest, corpus.config, corpus.vocabulary) != before:
        raise _another_text(checkpoint, corpus)
    corpus = replace(corpus, findings=header.findings)
    trainer = Trainer(corpus, header.model, header.training, device=device)
    try:
        state = _state(checkpoint)
        if iterations is not None:
            state["horizon"]["iterations"] = iterations
            state["time_budget"]["plans"] = TimeBudget.FINAL_PLAN
            state["early_stopping"]["stopped"] = False
        trainer.load_state_dict(state)
    except (KeyError, ValueError, TypeError, RuntimeError) as error:
        raise CheckpointError(f"{checkpoint.path}: cannot be resumed ({error}).") from None
    return trainer


def _another_text(checkpoint: Checkpoint, corpus: Corpus) -> CorpusError:
    """What is not as it was when the run began, and how to go on all the same."""
    header = checkpoint.header
    before = {name: digest for name, _, digest in header.progress.get("documents", ())}
    present = {document.name: document.digest for document in corpus.documents[:_DOCUMENTS_LISTED]}
    changes = [
        f"{word} {few([repr(name) for name in names])}"
        for word, names in (
            ("changed:", [name for name in before if name in present and present[name] != before[name]]),
            ("missing:", [name for name in before if name not in present]),
            ("new:", [name for name in present if name not in before]),
        )
        if names
    ]
    what = "; ".join(changes) or "its documents are read or joined in another way"
    return CorpusError(
        f"{corpus.name}: is not the text this run was trained on ({header.corpus['name']}, "
        f"{header.corpus['characters']:,} characters; now {len(corpus):,}): {what}.",
        "Restore it to resume; or train on with this one in a new run: charrnn train TEXT --init-from RUN",
    )
