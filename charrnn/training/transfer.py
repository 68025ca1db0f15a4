"""Transfer to another text: what of a checkpoint's weights a new model can begin with.

The new text brings its own vocabulary, so ids mean nothing between the two: weights that belong to a character are
matched by the character, all others are taken over whole. A character that the checkpoint had not begins as in any new
model: its weights and bias in the head are small, so that its logit starts near 0 whatever was read, and the first
iterations settle how common it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.config import ModelConfig
from charrnn.config.network import DIRECTIONS
from charrnn.errors import UsageError
from charrnn.runs.checkpoint import Checkpoint, Tensors
from charrnn.shell import as_typed
from charrnn.text.vocabulary import Vocabulary, to_text

_ROW_PER_ID = ("embedding.weight", "head.weight", "head.bias")  # a tied head's matrix is the embedding's
_COLUMN_PER_ID = {f"layers.0.weight_ih_l0{direction}" for direction in DIRECTIONS}  # with one-hot input
_WEIGHTLESS = {"dropout", "input_dropout", "recurrent_dropout"}  # settings that no weight depends on
_OF_EMBEDDING = {"embedding_size", "tied"}  # settings that the embedding depends on: tied, it is also a head
_NAMED = 8  # characters shown one by one; the others are counted


@dataclass(frozen=True, slots=True)
class VocabularyMatch:
    """How the characters of a new vocabulary match a checkpoint's. The unknown symbol counts nowhere."""

    shared: int  # characters; bytes if both models are of bytes
    added: str  # characters new to the model, ascending
    dropped: str  # characters that only the checkpoint had, ascending
    of_bytes: bool = False

    def describe(self) -> str:
        """One line for a person: `72 characters carried over; new: 'é' 'ß'; dropped: '#' '%'`."""
        noun = "byte" if self.of_bytes else "character"
        carried = f"{self.shared:,} {noun}{'s' if self.shared != 1 else ''} carried over"
        lists = (("new", self.added), ("dropped", self.dropped))
        return "; ".join((carried, *(f"{word}: {_listed(characters)}" for word, characters in lists if characters)))


def _listed(characters: str) -> str:
    named = " ".join(map(repr, characters[:_NAMED]))  # repr escapes all that is not printable
    return named + (f" and {len(characters) - _NAMED:,} more" if len(characters) > _NAMED else "")


def match(old: Vocabulary, new: Vocabulary) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The ids of what two vocabularies share: characters, and last the unknown symbol and the boundary if both have it.

    Args:
        old: Of characters or of bytes.
        new: Of the same.

    Returns:
        Their ids in the old, (n,), and in the new, (n,), in the same order.
    """
    _, old_ids, new_ids = np.intersect1d(old.code_points, new.code_points, assume_unique=True, return_indices=True)
    for old_id, new_id in ((old.unknown_id, new.unknown_id), (old.boundary_id, new.boundary_id)):
        if old_id is not None and new_id is not None:
            old_ids, new_ids = np.append(old_ids, old_id), np.append(new_ids, new_id)
    return old_ids, new_ids


def transferred_weights(
    checkpoint: Checkpoint,
    vocabulary: Vocabulary,
    initial: Mapping[str, NDArray[Any]],
    *,
    model: ModelConfig,
    embedding_only: bool = False,
) -> tuple[Tensors, VocabularyMatch]:
    """What a new model begins with, where it takes weights over from a checkpoint.

    Args:
        checkpoint: Whose weights are taken over.
        vocabulary: The new model's.
        initial: The new model's own first weights, which remain where nothing is taken over.
        model: What the new network is.
        embedding_only: Take only the embedding over (`--embedding-from`), else everything but what belongs to
            characters that the checkpoint had not (`--init-from`).

    Returns:
        Float32 weights, named and shaped as `model.shapes` has it, all of them copies; and how the characters match.

    Raises:
        UsageError: The two do not fit: bytes and characters, another model (only dropouts may differ; with
            `embedding_only` all but the embedding's width and whether it is tied), or no character in common.
    """
    old = checkpoint.header.vocabulary
    vocabulary_match = _vocabulary_match(old, vocabulary)
    _check_fit(checkpoint, vocabulary_match, model, embedding_only)
    old_ids, new_ids = match(old, vocabulary)
    hides = model.bidirectional and checkpoint.header.model.bidirectional  # what stands for the hidden is the last
    weights: Tensors = {}
    for name, shape in model.shapes(len(vocabulary)).items():
        weight = np.array(initial[name], dtype=np.float32)
        assert weight.shape == shape, f"initial {name} is {weight.shape}, not {shape}"
        if name == "embedding.weight" or not embedding_only:
            source = checkpoint.tensors[name]
            if name in _ROW_PER_ID:
                weight[new_ids] = source[old_ids]
                if name == "embedding.weight" and hides:
                    weight[-1] = source[-1]
            elif name in _COLUMN_PER_ID and not model.embedding_size:
                weight[:, new_ids] = source[:, old_ids]
                if hides:
                    weight[:, -1] = source[:, -1]
            else:
                weight[...] = source
        weights[name] = weight
    return weights, vocabulary_match


def _vocabulary_match(old: Vocabulary, new: Vocabulary) -> VocabularyMatch:
    added = np.setdiff1d(new.code_points, old.code_points, assume_unique=True)
    dropped = np.setdiff1d(old.code_points, new.code_points, assume_unique=True)
    return VocabularyMatch(len(new.code_points) - len(added), to_text(added), to_text(dropped), of_bytes=new.of_bytes)


def _check_fit(
    checkpoint: Checkpoint, vocabulary_match: VocabularyMatch, model: ModelConfig, embedding_only: bool
) -> None:
    """Raises UsageError, which names the checkpoint, if the two models do not fit."""
    option = "--embedding-from" if embedding_only else "--init-from"
    where = checkpoint.path or "the checkpoint"
    theirs, their_bytes = checkpoint.header.model, checkpoint.header.vocabulary.of_bytes
    if their_bytes and not vocabulary_match.of_bytes:
        raise UsageError(
            f"{where}: models bytes, and this text is read as characters.", f"Add --bytes or drop {option}."
        )
    if vocabulary_match.of_bytes and not their_bytes:
        raise UsageError(f"{where}: models characters, and --bytes models bytes.", f"Drop --bytes or {option}.")
    if embedding_only and not theirs.embedding_size:
        raise UsageError(f"{where}: has no embedding (--embedding-size 0).", f"Give {option} another checkpoint.")
    if not vocabulary_match.shared:
        raise UsageError(f"{where}: has no character of this text.", f"Give {option} another checkpoint, or drop it.")
    compared = [field.name for field in fields(model) if field.name in _OF_EMBEDDING or not embedding_only]
    differing = [name for name in compared if name not in _WEIGHTLESS and getattr(theirs, name) != getattr(model, name)]
    if differing:
        their_settings, own_settings = (
            as_typed({name: getattr(config, name) for name in differing}) for config in (theirs, model)
        )
        raise UsageError(
            f"{where}: its model has {their_settings}, and here it is {own_settings}.",
            f"{option} needs them equal: give {their_settings}, or drop {option}.",
        )
