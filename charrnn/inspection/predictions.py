"""What a model thought would come: the likeliest next characters at every place of a text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.inspection.activations import Progress, read
from charrnn.inspection.activations import likeliest as likeliest_of
from charrnn.inspection.view import PLACES, ColouredText, Colouring, View
from charrnn.network.engine import Engine
from charrnn.network.numpy_cells import Array
from charrnn.text.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """The likeliest ids after each of T ids that were read.

    Attributes:
        characters: What each of the vocabulary's ids stands for.
        ids: (T,), what was read.
        likeliest: (T, k), the ids that were likeliest to come next, the likeliest first.
        probabilities: (T, k), theirs.
        following: (T - 1,), the probability that the id had which did come next.
        backward: Whether the text was read from its end: what is next stands before, then, and ids are in that order.
    """

    characters: tuple[str, ...]
    ids: NDArray[np.intp]
    likeliest: NDArray[np.intp]
    probabilities: Array
    following: Array
    backward: bool = False

    def to_dict(self) -> dict[str, Any]:
        """All of it, ready for JSON: the places in the order of reading."""
        return {
            "backward": self.backward,
            "places": [
                {
                    "character": self.characters[index],
                    "probability": None if place == 0 else float(self.following[place - 1]),
                    "next": [
                        {"character": self.characters[likely], "probability": float(probability)}
                        for likely, probability in zip(likeliest, probabilities, strict=True)
                    ],
                }
                for place, (index, likeliest, probabilities) in enumerate(
                    zip(self.ids.tolist(), self.likeliest.tolist(), self.probabilities.tolist(), strict=True)
                )
            ],
        }


def predictions(
    engine: Engine, vocabulary: Vocabulary, ids: NDArray[np.intp], count: int = 5, progress: Progress | None = None
) -> Predictions:
    """Predict every next character of a text.

    Args:
        engine: The network.
        vocabulary: Its characters.
        ids: The text, (T,).
        count: How many of the likeliest to keep at each place.
        progress: Of the reading.

    Returns:
        The predictions.

    Raises:
        DivergedError: The outputs of the model are not numbers.
    """
    likeliest, probabilities, following, before = [], [], [], np.zeros((0, len(vocabulary)), dtype=np.float32)
    for part in read(engine, ids, progress=progress):
        order, of_these = likeliest_of(part.log_probs, count)
        likeliest.append(order)
        probabilities.append(of_these)
        rows = np.concatenate([before, part.log_probs[:-1]])
        following.append(np.exp(rows[np.arange(len(rows)), part.ids[-len(rows) :] if len(rows) else part.ids[:0]]))
        before = part.log_probs[-1:]
    return Predictions(
        tuple(vocabulary.characters),
        ids,
        np.concatenate(likeliest),
        np.concatenate(probabilities),
        np.concatenate(following),
        vocabulary.backward,
    )


def view(predicted: Predictions, title: str) -> View:
    """The text, coloured by how likely each character was, and under each the likeliest next ones.

    Args:
        predicted: The predictions.
        title: What stands above them.

    Returns:
        What is shown, in the order of the text, be it read from its end.
    """
    shown = min(PLACES, len(predicted.ids))
    order = slice(shown)
    if predicted.backward:  # the first of the text are the last that were read
        order = slice(-1, -shown - 1, -1)
    characters = predicted.characters
    likeliest, probabilities = predicted.likeliest[order], predicted.probabilities[order]
    text = ColouredText(
        characters=tuple(characters[index] for index in predicted.ids[order].tolist()),
        colourings=(
            Colouring(
                name="probability",
                values=np.concatenate([np.full(1, np.nan), predicted.following])[order],
                low=0.0,
                words="that a character had",
            ),
        ),
        heads=("Before it" if predicted.backward else "Next", "Probability"),
        chosen=tuple(
            tuple((characters[index], f"{probability:.0%}") for index, probability in zip(*place, strict=True))
            for place in zip(likeliest.tolist(), probabilities.tolist(), strict=True)
        ),
        shares=probabilities,
        below=True,
        total=len(predicted.ids),
    )
    mean = float(predicted.following.mean()) if len(predicted.following) else 0.0
    remark = f"What came had a probability of {mean:.1%} on average."
    if predicted.backward:
        remark += " It was read from its end: what is expected is what stands before a character."
    return View(title=title, remarks=(remark,), texts=(text,))
