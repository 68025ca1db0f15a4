"""What a bidirectional network shows at a snapshot in place of a sample: a passage that is damaged, and restored."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from charrnn.sampling.restoring import MARK
from charrnn.text.corpus import Corpus
from charrnn.text.split import Split
from charrnn.training.masking import hidden_places

_HIDDEN = 0.15  # of the passage
_OTHER_MARKS = "_*~@^|=+<>"  # where the passage has a #


class DamagedPassage(NamedTuple):
    """A passage some of whose characters are marked."""

    text: str
    mark: str


def damaged_passage(corpus: Corpus, split: Split, length: int) -> DamagedPassage:
    """The beginning of held-out text, or of the training text where nothing is held out, always damaged alike.

    Args:
        corpus: The text.
        split: What of it is held out.
        length: How many characters, at most; of documents kept apart the passage ends with the first.

    Returns:
        The passage. Of a text of bytes only those are hidden that are characters by themselves.
    """
    measured, vocabulary = corpus.measured, corpus.vocabulary
    if split.held_out_size:
        ids, start, stop = measured.ids, *max(split.held_out, key=lambda span: span.stop - span.start)[1:]
    else:
        ids, (start, stop) = corpus.ids, split.training[0]
    passage = np.asarray(ids[start : min(stop, start + length)], dtype=np.int64)
    if vocabulary.boundary_id is not None:
        ends = np.flatnonzero(passage[1:] == vocabulary.boundary_id)
        passage = passage[: 1 + ends[0]] if len(ends) else passage
    text = vocabulary.decode(passage)
    mark = next((one for one in MARK + _OTHER_MARKS if one not in text), MARK)
    hidden = hidden_places(0, len(text), _HIDDEN) if text else np.zeros(0, dtype=np.bool_)
    damaged = (
        mark if gone and (character.isascii() or not vocabulary.of_bytes) else character
        for character, gone in zip(text, hidden.tolist(), strict=True)
    )
    return DamagedPassage("".join(damaged), mark)
