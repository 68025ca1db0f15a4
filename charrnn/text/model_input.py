"""What a model reads for a text that may be anyone's, in any characters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from charrnn.text.vocabulary import Vocabulary, to_code_points


@dataclass(frozen=True, slots=True, eq=False)
class ModelInput:
    """The ids that are read for a text, and what each stands for, in the order in which the model reads.

    `Vocabulary.order` turns what is said of the characters, from the end of a text for some models, into that of the
    text.
    """

    ids: NDArray[np.intp]  # (n,)
    sizes: NDArray[np.intp]  # (len(text),) how many ids are read for each character: of bytes several; it may be none
    unseen: NDArray[np.bool_]  # (n,) which ids are read for characters that the model has never seen
    lead: int = 0  # how many of the ids are read before the text

    @property
    def ends(self) -> NDArray[np.intp]:
        """(len(text),) where among the ids each character is read; of several ids where the last is."""
        return np.maximum(self.lead + np.cumsum(self.sizes) - 1, 0)


def input_from_beginning(vocabulary: Vocabulary, text: str) -> ModelInput:
    """What is read for a text as that of a document, after the boundary if the model has learnt one (`model_input`)."""
    lead, read = np.array(vocabulary.lead, dtype=np.intp), model_input(vocabulary, text)
    return ModelInput(
        np.concatenate([lead, read.ids]),
        read.sizes,
        np.concatenate([np.zeros(len(lead), dtype=np.bool_), read.unseen]),
        len(lead),
    )


def model_input(vocabulary: Vocabulary, text: str) -> ModelInput:
    """What is read for a text, without a boundary of documents.

    What the model has in another form only is read as that (`Vocabulary.form_of`), and what it has never seen as its
    unknown symbol, or else the nearest character, or else the most frequent one.

    Args:
        vocabulary: The model's.
        text: Anyone's text.

    Returns:
        The ids.

    Raises:
        VocabularyError: A surrogate that no byte stands for, if the model is one of bytes.
    """
    if vocabulary.of_bytes:
        ids = vocabulary.encode(text).astype(np.intp)
        sizes = np.array([len(character.encode("utf-8", "surrogateescape")) for character in text], dtype=np.intp)
        return ModelInput(ids, sizes[vocabulary.order], np.zeros(len(ids), dtype=np.bool_))
    form = vocabulary.form_of(text)
    distinct, where = np.unique(to_code_points(form.text), return_inverse=True)
    input_ids = np.array([_read_as(vocabulary, chr(point)) for point in distinct.tolist()], dtype=np.intp)
    unseen = ~np.isin(distinct, vocabulary.code_points) & (input_ids != vocabulary.boundary_id)
    where = where[vocabulary.order]
    return ModelInput(input_ids[where], form.sizes()[vocabulary.order], unseen[where])


def _read_as(vocabulary: Vocabulary, character: str) -> int:
    """The id of what is read for a character."""
    if character not in vocabulary:
        if vocabulary.unknown_id is not None:
            return vocabulary.unknown_id
        nearest = vocabulary.nearest(character)
        if nearest is None:
            return vocabulary.most_frequent
        character = nearest[0]
    return int(vocabulary.encode(character)[0])
