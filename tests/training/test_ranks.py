"""What ranks do by themselves; together, as processes: tests/torture/test_ranks.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from helpers.trainings import TEXT, make
from numpy.typing import NDArray

from charrnn.errors import CorpusError
from charrnn.network.dropout_masks import DropoutMasks
from charrnn.text.split import HeldOutSpan
from charrnn.training.document_windows import DocumentStreams
from charrnn.training.rank_place import Place
from charrnn.training.ranks import ALONE, Ranks
from charrnn.training.validation import held_out_nats
from charrnn.training.windows import IGNORED, Streams


class Deaf(Ranks):
    """One rank of several that hears nothing of the others: what it computes for itself."""

    def sum(self, values: NDArray[Any]) -> NDArray[Any]:
        return values


def test_one_rank_agrees_with_itself() -> None:
    values = np.arange(3.0)
    assert ALONE.sum(values) is values
    assert ALONE.joined(values) is values
    assert ALONE.largest(7) == 7
    assert ALONE.each("a") == ["a"]
    assert ALONE.from_first(lambda: "b") == "b"
    assert ALONE.by_hosts(lambda: "c") == "c"
    ALONE.require_same({"a": 1})
    with pytest.raises(CorpusError):
        ALONE.from_first(lambda: raised(CorpusError("no")))


def raised(error: Exception) -> None:
    raise error


@pytest.mark.parametrize("size", [2, 3, 7])
@pytest.mark.parametrize("apart", [False, True])
def test_every_character_is_measured_by_one_rank(size: int, apart: bool) -> None:
    """Each writes those of its rows, and zeros: so their sum is exact, whatever the order."""
    trainer = make()
    spans = [HeldOutSpan(0, 5, 700), HeldOutSpan(0, 800, 830), HeldOutSpan(830, 900, 1500)][: 3 if apart else 1]
    parts = [
        held_out_nats(trainer.model, trainer.ids, spans, streams=4, warmup=20, ranks=Deaf(Place(rank, size)))
        for rank in range(size)
    ]
    assert ((np.array(parts) > 0).sum(axis=0) == 1).all()
    whole = held_out_nats(trainer.model, trainer.ids, spans, streams=4, warmup=20)
    np.testing.assert_allclose(np.sum(parts, axis=0), whole, rtol=1e-5)


def test_a_share_has_the_masks_of_its_streams() -> None:
    like = torch.empty(5, 6, 8)
    whole = DropoutMasks(seed=3, iteration=9).of_streams(2, like, 0.7)
    for rank in range(3):
        rows = Place(rank, 3).rows(6)
        torch.testing.assert_close(
            DropoutMasks(3, 9, rows.start).of_streams(2, like[:, rows], 0.7), whole[:, rows], rtol=0, atol=0
        )


def test_counts_of_targets_are_of_all_rows_whichever_are_asked_for() -> None:

    text = np.arange(1, 200) % 7
    for rotate in (False, True):
        settings: dict[str, Any] = {"batch_size": 4, "seq_length": 9, "shift": 5, "rotate": rotate}
        whole, part = Streams(text, **settings), Streams(text, **settings, rows=slice(1, 3))
        for index in range(3 * whole.per_epoch):
            window, own = whole[index], part[index]
            assert own.count == window.count == np.count_nonzero(window.targets != IGNORED)
            for name in ("inputs", "targets", "continues"):
                assert (getattr(own, name) == getattr(window, name)[1:3]).all()


def test_rows_of_documents_are_those_of_all() -> None:

    text, spans = np.arange(len(TEXT)) % 11, [(0, 30), (30, 31), (31, 90), (90, 95), (95, 240)]
    for pack in (0, 64):
        settings: dict[str, Any] = {"batch_size": 3, "seq_length": 8, "shift": 8, "pack": pack}
        whole, part = (
            DocumentStreams(text, spans, **settings),
            DocumentStreams(text, spans, **settings, rows=slice(2, 3)),
        )
        for index in range(3 * whole.per_epoch):
            window, own = whole[index], part[index]
            assert own.count == window.count == np.count_nonzero(window.targets != IGNORED)
            for name in ("inputs", "targets", "continues"):
                assert (getattr(own, name) == getattr(window, name)[2:3]).all()
