"""The Python API of a forward and a backward model: gaps that are filled, errors that are found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import bigrams, tiny

import charrnn
from charrnn.config import TrainConfig
from charrnn.errors import CheckpointError, UsageError, VocabularyError
from charrnn.runs import checkpoint
from charrnn.text.vocabulary import Vocabulary, to_code_points

TABLE = np.full((9, 9), 0.01) + 0.91 * np.roll(np.eye(9), 1, axis=1)  # of "\nabcdefgh" each is followed by the next


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[charrnn.Model]:
    """The forward one, and the backward one."""
    folder = tmp_path_factory.mktemp("models")
    vocabulary = Vocabulary.of(to_code_points("\nabcdefgh"))
    for backward, table in ((False, TABLE), (True, TABLE.T)):
        training = TrainConfig(iterations=100, backward=backward)
        made = tiny.header(model=bigrams.config(9), vocabulary=vocabulary, training=training)
        checkpoint.save(folder / f"{backward}.safetensors", made, bigrams.weights(table.tolist()))
    return [charrnn.load(folder / f"{backward}.safetensors") for backward in (False, True)]


def test_a_gap_is_filled(models: list[charrnn.Model]) -> None:
    found = charrnn.fill(*models, "abc[...]gh", draws=50, temperature=1.0, seed=1)
    assert isinstance(found, charrnn.Fillings)
    assert found.fillings[0].text == "def"
    assert found.fillings[0].probability > 0.1
    assert 1 <= found.effective_sample_size <= found.draws == 50
    assert found.fillings == charrnn.fill(*models[::-1], "abc[...]gh", draws=50, temperature=1.0, seed=1).fillings
    exact = charrnn.fill(*models, "abc_gh", mark="_", length=3, draws=9, top_k=1, seed=1)
    assert [filling.text for filling in exact.fillings] == ["def"]


def test_errors_are_found(models: list[charrnn.Model]) -> None:
    text = "abcdefgh\n" * 3 + "abcdhfgh\n" + "abcdefgh\n" * 2
    [found] = charrnn.suspects(*models, text)
    assert (found.line, found.column, found.written, found.correction) == (4, 5, "h", "e")
    assert isinstance(found, charrnn.Suspect)
    assert charrnn.suspects(*models, text, 0) == []
    with pytest.raises(UsageError, match="-1 suspects"):
        charrnn.suspects(*models, text, -1)


def test_what_cannot_be_is_refused(models: list[charrnn.Model], tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="both read from the beginning"):
        charrnn.fill(models[0], models[0], "a[...]")
    with pytest.raises(CheckpointError, match="both read from the end"):
        charrnn.suspects(models[1], models[1], "ab")
    other = charrnn.load(tiny.save(tmp_path / "other.safetensors"))
    with pytest.raises(CheckpointError, match="different vocabularies"):
        charrnn.fill(other, models[1], "a[...]")
    with pytest.raises(UsageError, match=r"has no \[\.\.\.\]"):
        charrnn.fill(*models, "a")
    with pytest.raises(UsageError, match="--length 0"):
        charrnn.fill(*models, "a[...]", length=0)
    with pytest.raises(UsageError, match="contradict"):
        charrnn.fill(*models, "a[...]", length=2, max_length=3)
    with pytest.raises(VocabularyError, match="'z'"):
        charrnn.fill(*models, "z[...]")
    with pytest.warns(UserWarning, match="is read with"):
        charrnn.fill(*models, "\uff41[...]", draws=2)
