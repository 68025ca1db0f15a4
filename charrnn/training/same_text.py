"""Whether a text is the very one that a run was trained on, and how to go on where it is not. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from charrnn.config import ReadConfig, settings_of
from charrnn.errors import CorpusError
from charrnn.formatting import few
from charrnn.runs.checkpoint import Checkpoint
from charrnn.runs.resume_command import new_run_command
from charrnn.text.corpus import Corpus

DOCUMENTS_LISTED = 1000  # in a resume file, to say what differs


def require_same_text(checkpoint: Checkpoint, corpus: Corpus) -> None:
    """Make sure that a training can go on.

    Args:
        checkpoint: Its resume file.
        corpus: The text, read as the run read it.

    Raises:
        CorpusError: It is another text, or another is held out.
    """
    header = checkpoint.header
    before = (header.corpus["digest"], header.reading, header.vocabulary)
    if (corpus.digest, corpus.config, corpus.vocabulary) != before:
        raise _another_text(checkpoint, corpus)
    _require_same_validation(checkpoint, corpus)


def _require_same_validation(checkpoint: Checkpoint, corpus: Corpus) -> None:
    """Raises CorpusError where what is held out is not the text that it was."""
    before, present = checkpoint.header.corpus.get("validation", {}), corpus.validation
    if before.get("digest") != (present.digest if present else None):
        name = present.name if present else "none"
        if not before:
            command = f"{_new_run(checkpoint, corpus)} --val-text FILE"
            raise CorpusError(
                f"--val-text {name}: this run holds out a part of its own text.",
                f"Leave it out; or train on with it in a new run: {command}",
            )
        raise CorpusError(
            f"--val-text {name}: is not the validation text of this run ({before.get('name', 'none')}).",
            "Restore it, or say where it is: --val-text FILE",
        )


def _another_text(checkpoint: Checkpoint, corpus: Corpus) -> CorpusError:
    """What is not as it was when the run began, and how to go on all the same."""
    header = checkpoint.header
    before = {name: digest for name, _, digest in header.progress.get("documents", ())}
    present = {document.name: document.digest for document in corpus.documents[:DOCUMENTS_LISTED]}
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
    if not before:  # a snapshot does not list them
        what = "another digest"
    return CorpusError(
        f"{corpus.name}: is not the text this run was trained on ({header.corpus['name']}, "
        f"{header.corpus['characters']:,} characters; now {corpus.characters:,}): {what}.",
        f"Restore it to resume; or train on with this one in a new run: {_new_run(checkpoint, corpus)}",
    )


def typed_reading(reading: ReadConfig, origin: Mapping[str, Any]) -> dict[str, Any]:
    """How a text was read, as it is typed: what is not as usual.

    Args:
        reading: How.
        origin: The arguments of `corpus.read` that find its files.
    """
    settings = {
        setting.name: setting.typed(getattr(reading, setting.name))
        for setting in settings_of(ReadConfig)
        if not setting.option.hidden and getattr(reading, setting.name) != setting.default
    }
    return settings if origin.get("glob") is None else settings | {"glob": origin["glob"]}


def _new_run(checkpoint: Checkpoint, corpus: Corpus) -> str:
    """What to type to train on with another text, read in the same way, from a run's weights."""
    run = checkpoint.path.parent if checkpoint.path else None
    read_as = typed_reading(checkpoint.header.reading, corpus.origin)
    return new_run_command(run, corpus.origin.get("texts", ()), **read_as)
