"""A training as a file, and back: exactly as if it had never stopped."""

from __future__ import annotations

from dataclasses import replace

import torch

from charrnn.errors import CheckpointError, CorpusError
from charrnn.formatting import few
from charrnn.runs.checkpoint import Checkpoint, Header, Tensors
from charrnn.text.corpus import Corpus
from charrnn.training.trainer import Trainer

_DOCUMENTS_TOLD = 1000  # that a resume file lists, to say what differs


def resume_point(training: Trainer) -> tuple[Header, Tensors]:
    """All that `resumed` needs to go on as if nothing had happened. Call it after a Progress."""
    tensors: Tensors = dict(training.model.weights())
    tensors |= training.optimisation.tensors()
    if training.average:
        tensors |= {f"average/{name}": value for name, value in training.average.model.weights().items()}
    for layer, parts in enumerate(training.state):
        for part, value in enumerate(parts):
            tensors[f"state/{layer}/{part}"] = value.float().cpu().numpy().copy()
    for number, generator in enumerate(training.shards.generators):
        tensors[f"generator/{number}"] = generator.get_state().cpu().numpy().copy()
    header = training.header(
        "resume",
        held_out_loss=training.latest_held_out_loss,
        progress=training.budget.progress()
        | training.steering.progress()
        | {
            "smoothed_loss": training.smoothed_loss,
            "clipped": training.optimisation.clipped,
            "origin": dict(training.corpus.origin),
            "documents": [
                [one.name, one.characters, one.digest] for one in training.corpus.documents[:_DOCUMENTS_TOLD]
            ],
        },
    )
    return header, tensors


def resumed(checkpoint: Checkpoint, corpus: Corpus, *, device: str = "auto", iterations: int | None = None) -> Trainer:
    """A training as it was when `checkpoint`, a resume file, was written.

    `iterations` lengthens (or shortens) the run deliberately; its schedule is then that of the new length. Raises
    CorpusError if `corpus` is another text than the one the training read, CheckpointError for a checkpoint that
    is no resume file.
    """
    header, tensors = checkpoint.header, checkpoint.tensors
    if header.kind != "resume":
        raise CheckpointError(f"{checkpoint.path}: is a snapshot, which cannot be resumed. Name the run.")
    if (corpus.digest, corpus.config, corpus.vocabulary) != (
        header.corpus["digest"],
        header.reading,
        header.vocabulary,
    ):
        raise CorpusError(_differs(checkpoint, corpus))
    config = header.training if iterations is None else replace(header.training, iterations=iterations)
    training = Trainer(corpus, header.model, config, device=device)
    training.began_from = header.began_from
    training.model.load_weights(checkpoint.weights)
    try:
        training.optimisation.load(tensors)
        if training.average:
            training.average.model.load_weights(
                {name: tensors[f"average/{name}"] for name in training.model.state_dict()}
            )
        training.state = tuple(
            tuple(
                torch.from_numpy(tensors[f"state/{layer}/{part}"].copy()).to(training.device)
                for part in range(len(parts))
            )
            for layer, parts in enumerate(training.state)
        )
        training.iteration, training.characters = header.iteration, header.characters
        training.smoothed_loss = float(header.progress["smoothed_loss"])
        progress = header.progress
        training.budget.load(progress, training.iteration, settled=iterations is not None)
        training.steering.load(progress, go_on=iterations is not None)
        training.config = replace(training.config, iterations=config.iterations)
        training.optimisation.clipped = int(progress.get("clipped", 0))
        for number, generator in enumerate(training.shards.generators):
            if number == 0 or f"generator/{number}" in tensors:  # more threads than before begin with their own
                generator.set_state(torch.from_numpy(tensors[f"generator/{number}"].copy()))
    except (KeyError, ValueError, TypeError, RuntimeError) as error:
        raise CheckpointError(f"{checkpoint.path}: cannot be resumed ({error}).") from None
    return training


def _differs(checkpoint: Checkpoint, corpus: Corpus) -> str:
    """What is not as it was when the run began, and how to go on all the same."""
    header = checkpoint.header
    before = {name: digest for name, _, digest in header.progress.get("documents", ())}
    now = {one.name: one.digest for one in corpus.documents[:_DOCUMENTS_TOLD]}
    changes = [
        f"{word} {few([repr(name) for name in names])}"
        for word, names in (
            ("changed:", [name for name in before if name in now and now[name] != before[name]]),
            ("missing:", [name for name in before if name not in now]),
            ("new:", [name for name in now if name not in before]),
        )
        if names
    ]
    what = "; ".join(changes) or "its documents are read or joined in another way"
    return (
        f"{corpus.name}: is not the text this run was trained on ({header.corpus['name']}, "
        f"{header.corpus['characters']:,} characters; now {len(corpus):,}): {what}. Restore it to resume; or train on "
        f"with this one in a new run: charrnn train TEXT --init-from RUN"
    )
