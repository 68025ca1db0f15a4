"""Training on with another text: what of a checkpoint's weights a new model can begin with.

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
from charrnn.errors import UsageError
from charrnn.formatting import as_typed
from charrnn.runs.checkpoint import Checkpoint, Tensors
from charrnn.text.vocabulary import Vocabulary, to_text

_ROW_PER_ID = ("embedding.weight", "head.weight", "head.bias")  # a tied head's matrix is the embedding's
_COLUMN_PER_ID = "layers.0.weight_ih_l0"  # with one-hot input
_MASKS = {"dropout", "input_dropout", "recurrent_dropout"}  # settings that no weight depends on
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
    """The ids of what two vocabularies share, (n,) in the old and (n,) in the new: the same characters in the same
    order, and last the unknown symbol if both have it. Both are of characters, or both of bytes."""
    _, old_ids, new_ids = np.intersect1d(old.code_points, new.code_points, assume_unique=True, return_indices=True)
    if old.unknown_id is not None and new.unknown_id is not None:
        return np.append(old_ids, old.unknown_id), np.append(new_ids, new.unknown_id)
    return old_ids, new_ids


def carried_over(
    kept: Checkpoint,
    vocabulary: Vocabulary,
    fresh: Mapping[str, NDArray[Any]],
    *,
    model: ModelConfig,
    embedding_only: bool = False,
) -> tuple[Tensors, VocabularyMatch]:
    """What a new model of `vocabulary` begins with: float32 weights, named and shaped as `model.shapes` has it.

    `fresh` are the new model's own first weights; they remain where nothing is taken over. With `embedding_only` that
    is everywhere but in the embedding (`--embedding-from`), else only at characters that `kept` had not
    (`--init-from`). What is returned is a copy, and what was given stays as it is.

    Raises UsageError where the two do not fit: bytes and characters, another model (only dropouts may differ; with
    `embedding_only` all but the embedding's width and whether it is tied), or no character in common.
    """
    old = kept.header.vocabulary
    matched = _matched(old, vocabulary)
    _check_fit(kept, matched, model, embedding_only)
    old_ids, new_ids = match(old, vocabulary)
    weights: Tensors = {}
    for name, shape in model.shapes(len(vocabulary)).items():
        weight = np.array(fresh[name], dtype=np.float32)
        assert weight.shape == shape, f"fresh {name} is {weight.shape}, not {shape}"
        if name == "embedding.weight" or not embedding_only:
            source = kept.tensors[name]
            if name in _ROW_PER_ID:
                weight[new_ids] = source[old_ids]
            elif name == _COLUMN_PER_ID and not model.embedding_size:
                weight[:, new_ids] = source[:, old_ids]
            else:
                weight[...] = source
        weights[name] = weight
    return weights, matched


def _matched(old: Vocabulary, new: Vocabulary) -> VocabularyMatch:
    added = np.setdiff1d(new.code_points, old.code_points, assume_unique=True)
    dropped = np.setdiff1d(old.code_points, new.code_points, assume_unique=True)
    return VocabularyMatch(len(new.code_points) - len(added), to_text(added), to_text(dropped), of_bytes=new.of_bytes)


def _check_fit(kept: Checkpoint, matched: VocabularyMatch, model: ModelConfig, embedding_only: bool) -> None:
    """Raises UsageError, which names the checkpoint, if the two models do not fit."""
    option = "--embedding-from" if embedding_only else "--init-from"
    where = kept.path or "the checkpoint"
    theirs, their_bytes = kept.header.model, kept.header.vocabulary.of_bytes
    if their_bytes and not matched.of_bytes:
        raise UsageError(f"{where}: models bytes, and this text is read as characters. Add --bytes or drop {option}.")
    if matched.of_bytes and not their_bytes:
        raise UsageError(f"{where}: models characters, and --bytes models bytes. Drop --bytes or {option}.")
    if embedding_only and not theirs.embedding_size:
        raise UsageError(f"{where}: has no embedding (--embedding-size 0). Give {option} another checkpoint.")
    if not matched.shared:
        raise UsageError(f"{where}: has no character of this text. Give {option} another checkpoint, or drop it.")
    compared = [field.name for field in fields(model) if field.name in _OF_EMBEDDING or not embedding_only]
    differing = [name for name in compared if name not in _MASKS and getattr(theirs, name) != getattr(model, name)]
    if differing:
        wanted, here = (as_typed({name: getattr(one, name) for name in differing}) for one in (theirs, model))
        raise UsageError(
            f"{where}: its model has {wanted}, and here it is {here}. "
            f"{option} needs them equal: give {wanted}, or drop {option}."
        )
