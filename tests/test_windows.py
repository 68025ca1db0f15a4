from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from charrnn.errors import CorpusError
from charrnn.windows import Streams, windows


def test_windows_of_the_lecture_overlapping() -> None:
    inputs, targets = windows(np.arange(1, 15), seq_length=7, shift=2, target_shift=1)
    assert inputs.tolist() == [list(range(k, k + 7)) for k in (1, 3, 5, 7)]
    assert targets.tolist() == [list(range(k, k + 7)) for k in (2, 4, 6, 8)]


def test_windows_of_the_lecture_reshaped() -> None:
    inputs, targets = windows(np.arange(1, 15), seq_length=7, shift=7)
    assert inputs.tolist() == [[1, 2, 3, 4, 5, 6, 7]]  # 8-14 has no target
    assert targets.tolist() == [[2, 3, 4, 5, 6, 7, 8]]
    inputs, targets = windows(np.arange(1, 16), seq_length=7, shift=7)
    assert inputs.tolist() == [[1, 2, 3, 4, 5, 6, 7], [8, 9, 10, 11, 12, 13, 14]]
    assert targets.tolist() == [[2, 3, 4, 5, 6, 7, 8], [9, 10, 11, 12, 13, 14, 15]]


def test_a_farther_target() -> None:
    inputs, targets = windows(np.arange(1, 15), seq_length=7, shift=2, target_shift=3)
    assert inputs[:, 0].tolist() == [1, 3, 5]
    assert targets[:, -1].tolist() == [10, 12, 14]


@settings(deadline=None)
@given(st.integers(0, 60), st.integers(1, 12), st.integers(1, 12), st.integers(1, 5))
def test_windows_are_those_whose_targets_exist(n: int, seq_length: int, shift: int, ahead: int) -> None:
    ids = np.arange(n, dtype=np.uint8)
    inputs, targets = windows(ids, seq_length, shift, ahead)
    starts = [k for k in range(0, n, shift) if k + seq_length + ahead <= n]
    assert inputs.shape == targets.shape == (len(starts), seq_length)
    assert inputs.tolist() == [list(range(k, k + seq_length)) for k in starts]
    assert targets.tolist() == [list(range(k + ahead, k + ahead + seq_length)) for k in starts]


def test_streams_by_hand() -> None:
    streams = Streams(np.arange(14), batch_size=2, seq_length=3, shift=2)  # 13 targets: 6 inputs a stream
    assert streams.per_epoch == 2
    first, second, third = streams[0], streams[1], streams[2]
    assert first.inputs.tolist() == [[0, 1, 2], [6, 7, 8]]
    assert first.targets.tolist() == [[1, 2, 3], [7, 8, 9]]
    assert second.inputs.tolist() == [[2, 3, 4], [8, 9, 10]]
    assert [first.continues, second.continues, third.continues] == [False, True, False]
    assert third.inputs.tolist() == first.inputs.tolist()
    assert first.inputs.dtype == first.targets.dtype == np.int64


sizes = st.tuples(st.integers(2, 300), st.integers(1, 9), st.integers(1, 20), st.integers(1, 20))


@settings(deadline=None)
@given(sizes, st.booleans())
def test_every_target_is_its_inputs_successor(size: tuple[int, int, int, int], stateless: bool) -> None:
    n, batch, seq, shift = size
    assume(n - 1 >= batch * seq and shift <= seq)
    text = np.random.default_rng(n).permutation(n)  # every id once, so that its place in the text is known
    place = np.argsort(text)
    streams = Streams(text, batch, seq, shift, stateless=stateless)
    for k in range(streams.per_epoch + 1):
        window = streams[k]
        assert window.inputs.shape == window.targets.shape == (batch, seq)
        at = place[window.inputs]
        assert np.array_equal(place[window.targets], at + 1)
        assert np.array_equal(at, at[:, :1] + np.arange(seq))


@settings(deadline=None)
@given(sizes)
def test_rows_continue_from_window_to_window_and_epochs_wrap(size: tuple[int, int, int, int]) -> None:
    n, batch, seq, shift = size
    assume(n - 1 >= batch * seq and shift <= seq)
    streams = Streams(np.arange(n), batch, seq, shift)
    for k in range(1, 2 * streams.per_epoch + 1):
        before, now = streams[k - 1].inputs, streams[k].inputs
        if k % streams.per_epoch:
            assert streams[k].continues
            assert np.array_equal(now[:, 0], before[:, 0] + shift)
        else:
            assert not streams[k].continues
            assert np.array_equal(now, streams[0].inputs)
    last, stream = streams[streams.per_epoch - 1], (n - 1) // batch
    assert last.inputs[0, -1] < stream  # within its stream ...
    assert last.inputs[0, -1] + shift >= stream  # ... in which no whole window is left


@settings(deadline=None)
@given(sizes)
def test_streams_share_no_input_and_leave_out_less_than_a_window_each(size: tuple[int, int, int, int]) -> None:
    n, batch, seq, _ = size
    assume(n - 1 >= batch * seq)
    streams = Streams(np.arange(n), batch, seq, seq)
    seen = np.concatenate([streams[k].inputs.ravel() for k in range(streams.per_epoch)])
    assert len(np.unique(seen)) == len(seen)
    assert n - 1 - len(seen) < batch * seq


@settings(deadline=None)
@given(sizes, st.integers(0, 3))
def test_stateless_windows_are_covered_at_most_once_an_epoch(size: tuple[int, int, int, int], seed: int) -> None:
    n, batch, seq, shift = size
    assume(n - 1 >= batch * seq and shift <= seq)
    streams = Streams(np.arange(n), batch, seq, shift, stateless=True, seed=seed)
    available = windows(np.arange(n), seq, shift)[0][:, 0].tolist()
    for epoch in range(2):
        chosen = [streams[epoch * streams.per_epoch + k] for k in range(streams.per_epoch)]
        starts = [int(start) for window in chosen for start in window.inputs[:, 0]]
        assert len(set(starts)) == len(starts)
        assert set(starts) <= set(available)
        assert len(available) - len(starts) < batch
        assert not any(window.continues for window in chosen)


def test_stateless_order_is_the_seeds_and_new_each_epoch() -> None:
    def order(streams: Streams, epoch: int) -> list[int]:
        at = epoch * streams.per_epoch
        return [int(start) for k in range(streams.per_epoch) for start in streams[at + k].inputs[:, 0]]

    one, same, other = (Streams(np.arange(500), 4, 5, 5, stateless=True, seed=seed) for seed in (1, 1, 2))
    assert order(one, 0) == order(same, 0) != order(other, 0)
    assert order(one, 0) != order(one, 1)
    assert order(one, 0) != sorted(order(one, 0))
    assert order(one, 0) == order(same, 0)  # a window is a function of its index, not of what was read before


def test_windows_do_not_change_the_text_they_come_from() -> None:
    text = np.arange(20, dtype=np.uint8)
    streams = Streams(text, 2, 3, 3)
    streams[0].inputs[:] = 99
    assert streams[0].inputs.tolist() == [[0, 1, 2], [9, 10, 11]]


@settings(deadline=None)
@given(st.integers(0, 100), st.integers(1, 40), st.integers(1, 40), st.booleans())
def test_advice_for_short_texts_fits_and_is_the_most_that_does(n: int, batch: int, seq: int, stateless: bool) -> None:
    def fits(batch: int, seq: int) -> bool:
        try:
            return Streams(np.arange(n), batch, seq, seq, stateless=stateless).per_epoch >= 1
        except CorpusError:
            return False

    if n > batch * seq:
        assert fits(batch, seq)
        return
    with pytest.raises(CorpusError, match=f"{batch * seq + 1:,} needed") as caught:
        Streams(np.arange(n), batch, seq, seq, stateless=stateless)
    advice = {name: int(value) for name, value in re.findall(r"--(batch-size|seq-length) (\d+)", str(caught.value))}
    if "batch-size" in advice:
        assert fits(advice["batch-size"], seq)
        assert not fits(advice["batch-size"] + 1, seq)
    if "seq-length" in advice:
        assert fits(batch, advice["seq-length"])
        assert not fits(batch, advice["seq-length"] + 1)
    if not advice:
        assert "longer text" in str(caught.value)
        assert not fits(1, seq)
        assert not fits(batch, 1)


def test_shortest_text_that_fits() -> None:
    assert Streams(np.arange(13), 3, 4, 4).per_epoch == 1
    with pytest.raises(CorpusError, match="12 characters, too few for 3 streams of 4"):
        Streams(np.arange(12), 3, 4, 4)
