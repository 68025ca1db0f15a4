from __future__ import annotations

import itertools
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from charrnn.errors import CorpusError
from charrnn.training.document_windows import DocumentStreams
from charrnn.training.windows import IGNORED, Streams, gather, shuffled


class Counting:
    """The text 0 1 2 ... of any length, that gives what a file of ids gives and refuses everything else."""

    def __init__(self, length: int, at_once: int = 1000) -> None:
        self.length, self.at_once = length, at_once

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, span: slice) -> NDArray[np.int64]:
        assert type(span) is slice
        assert span.step is None
        assert type(span.start) is type(span.stop) is int
        assert 0 <= span.start <= span.stop <= self.length
        assert span.stop - span.start <= self.at_once
        return np.arange(span.start, span.stop)


def all_windows(streams: Streams | DocumentStreams) -> tuple[list[list[int]], list[list[int]]]:
    """The inputs and targets of a single row's epoch."""
    epoch = [streams[k] for k in range(streams.per_epoch)]
    return [window.inputs[0].tolist() for window in epoch], [window.targets[0].tolist() for window in epoch]


def test_windows_of_the_lecture_overlapping() -> None:
    for streams in (
        Streams(np.arange(1, 15), batch_size=1, seq_length=7, shift=2),
        DocumentStreams(np.arange(1, 15), [(0, 14)], batch_size=1, seq_length=7, shift=2),
    ):
        inputs, targets = all_windows(streams)
        assert inputs == [list(range(k, k + 7)) for k in (1, 3, 5, 7)]
        assert targets == [list(range(k, k + 7)) for k in (2, 4, 6, 8)]


def test_windows_of_the_lecture_reshaped() -> None:
    inputs, targets = all_windows(Streams(np.arange(1, 15), batch_size=1, seq_length=7, shift=7))
    assert inputs == [[1, 2, 3, 4, 5, 6, 7]]  # 8-14 has no target
    assert targets == [[2, 3, 4, 5, 6, 7, 8]]
    inputs, targets = all_windows(Streams(np.arange(1, 16), batch_size=1, seq_length=7, shift=7))
    assert inputs == [[1, 2, 3, 4, 5, 6, 7], [8, 9, 10, 11, 12, 13, 14]]
    assert targets == [[2, 3, 4, 5, 6, 7, 8], [9, 10, 11, 12, 13, 14, 15]]


def test_windows_of_the_lecture_reshaped_of_a_document_end_with_a_short_one() -> None:
    document = DocumentStreams(np.arange(1, 15), [(0, 14)], batch_size=1, seq_length=7, shift=7)
    assert all_windows(document)[1] == [[2, 3, 4, 5, 6, 7, 8], [9, 10, 11, 12, 13, 14, IGNORED]]


@given(st.integers(2, 60), st.integers(1, 12), st.integers(1, 12))
def test_windows_are_those_whose_targets_exist(n: int, seq_length: int, shift: int) -> None:
    assume(n > seq_length)
    inputs, targets = all_windows(Streams(np.arange(n, dtype=np.uint8), 1, seq_length, shift))
    starts = [k for k in range(0, n, shift) if k + seq_length + 1 <= n]
    assert inputs == [list(range(k, k + seq_length)) for k in starts]
    assert targets == [list(range(k + 1, k + 1 + seq_length)) for k in starts]


def test_streams_by_hand() -> None:
    streams = Streams(np.arange(14), batch_size=2, seq_length=3, shift=2)  # 13 targets: 6 inputs a stream
    assert streams.per_epoch == 2
    first, second, third = streams[0], streams[1], streams[2]
    assert first.inputs.tolist() == [[0, 1, 2], [6, 7, 8]]
    assert first.targets.tolist() == [[1, 2, 3], [7, 8, 9]]
    assert second.inputs.tolist() == [[2, 3, 4], [8, 9, 10]]
    assert [window.continues.tolist() for window in (first, second, third)] == [[False] * 2, [True] * 2, [False] * 2]
    assert third.inputs.tolist() == first.inputs.tolist()
    assert first.inputs.dtype == first.targets.dtype == np.int64


sizes = st.tuples(st.integers(2, 300), st.integers(1, 9), st.integers(1, 20), st.integers(1, 20))


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


@given(sizes)
def test_rows_continue_from_window_to_window_and_epochs_wrap(size: tuple[int, int, int, int]) -> None:
    n, batch, seq, shift = size
    assume(n - 1 >= batch * seq and shift <= seq)
    streams = Streams(np.arange(n), batch, seq, shift)
    for k in range(1, 2 * streams.per_epoch + 1):
        before, now = streams[k - 1].inputs, streams[k].inputs
        if k % streams.per_epoch:
            assert streams[k].continues.all()
            assert np.array_equal(now[:, 0], before[:, 0] + shift)
        else:
            assert not streams[k].continues.any()
            assert np.array_equal(now, streams[0].inputs)
    last, stream = streams[streams.per_epoch - 1], (n - 1) // batch
    assert last.inputs[0, -1] < stream  # within its stream ...
    assert last.inputs[0, -1] + shift >= stream  # ... in which no whole window is left


@given(sizes)
def test_streams_share_no_input_and_leave_out_less_than_a_window_each(size: tuple[int, int, int, int]) -> None:
    n, batch, seq, _ = size
    assume(n - 1 >= batch * seq)
    streams = Streams(np.arange(n), batch, seq, seq)
    seen = np.concatenate([streams[k].inputs.ravel() for k in range(streams.per_epoch)])
    assert len(np.unique(seen)) == len(seen)
    assert n - 1 - len(seen) < batch * seq


@given(sizes, st.integers(0, 3))
def test_stateless_windows_are_covered_at_most_once_an_epoch(size: tuple[int, int, int, int], seed: int) -> None:
    n, batch, seq, shift = size
    assume(n - 1 >= batch * seq and shift <= seq)
    streams = Streams(np.arange(n), batch, seq, shift, stateless=True, seed=seed)
    available = range(0, n - seq, shift)
    for epoch in range(2):
        chosen = [streams[epoch * streams.per_epoch + k] for k in range(streams.per_epoch)]
        starts = [int(start) for window in chosen for start in window.inputs[:, 0]]
        assert len(set(starts)) == len(starts)
        assert set(starts) <= set(available)
        assert len(available) - len(starts) < batch
        assert not any(window.continues.any() for window in chosen)


def test_stateless_order_is_the_seeds_and_new_each_epoch() -> None:
    def order(streams: Streams, epoch: int) -> list[int]:
        at = epoch * streams.per_epoch
        return [int(start) for k in range(streams.per_epoch) for start in streams[at + k].inputs[:, 0]]

    first, same, other = (Streams(np.arange(500), 4, 5, 5, stateless=True, seed=seed) for seed in (1, 1, 2))
    assert order(first, 0) == order(same, 0) != order(other, 0)
    assert order(first, 0) != order(first, 1)
    assert order(first, 0) != sorted(order(first, 0))
    assert order(first, 0) == order(same, 0)  # a window is a function of its index, not of what was read before


def test_windows_do_not_change_the_text_they_come_from() -> None:
    text = np.arange(20, dtype=np.uint8)
    streams = Streams(text, 2, 3, 3)
    streams[0].inputs[:] = 99
    assert streams[0].inputs.tolist() == [[0, 1, 2], [9, 10, 11]]


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


@given(sizes, st.booleans(), st.integers(0, 50))
def test_a_file_is_read_as_an_array_is_and_only_up_to_stop(
    size: tuple[int, int, int, int], stateless: bool, more: int
) -> None:
    n, batch, seq, shift = size
    assume(n - 1 >= batch * seq and shift <= seq)
    array = Streams(np.arange(n), batch, seq, shift, stateless=stateless)
    file = Streams(Counting(n + more, at_once=seq + 1), batch, seq, shift, stop=n, stateless=stateless)
    assert file.per_epoch == array.per_epoch
    for k in range(array.per_epoch + 1):
        assert np.array_equal(file[k].inputs, array[k].inputs)
        assert np.array_equal(file[k].targets, array[k].targets)
        assert np.array_equal(file[k].continues, array[k].continues)


def test_stop_is_the_length_that_errors_speak_of() -> None:
    with pytest.raises(CorpusError, match="12 characters, too few for 3 streams of 4"):
        Streams(np.arange(100), 3, 4, 4, stop=12)


@pytest.mark.parametrize("rotate", [True, False])
@pytest.mark.parametrize("stateless", [True, False])
@pytest.mark.parametrize("n", [10**10, 10**12])
def test_a_text_far_larger_than_memory(n: int, stateless: bool, rotate: bool) -> None:
    streams = Streams(Counting(n), 3, 10, 5, stateless=stateless, rotate=rotate)
    for k in (0, 1, streams.per_epoch - 1, 3 * streams.per_epoch + 7):
        window = streams[k]
        assert np.array_equal(window.inputs, window.inputs[:, :1] + np.arange(10))
        assert np.array_equal(window.targets, window.inputs + 1)
    assert stateless or streams[streams.per_epoch - 1].inputs[2, -1] > n - 20


# -- another beginning each epoch ------------------------------------------------------------------------------------


def test_rotated_streams_by_hand() -> None:
    streams = Streams(np.arange(14), batch_size=2, seq_length=3, shift=2, rotate=True)  # 13 targets: 6 inputs a stream
    assert streams.per_epoch == 2
    assert streams[0].inputs.tolist() == [[0, 1, 2], [6, 7, 8]]
    assert streams[1].inputs.tolist() == [[2, 3, 4], [8, 9, 10]]
    at = next(at for at in range(2, 1000, 2) if streams[at].inputs[0, 0] == 5)  # an epoch that begins at 5
    first, second = streams[at], streams[at + 1]
    assert first.inputs.tolist() == [[5, 6, 7], [11, 12, 0]]
    assert first.targets.tolist() == [[6, 7, 8], [12, 13, IGNORED]]
    assert first.continues.tolist() == [False, False]
    assert second.inputs.tolist() == [[7, 8, 9], [0, 1, 2]]
    assert second.targets.tolist() == [[8, 9, 10], [1, 2, 3]]
    assert second.continues.tolist() == [True, False]
    at = next(at for at in range(2, 1000, 2) if streams[at].inputs[0, 0] == 4)
    assert streams[at + 1].inputs.tolist() == [[6, 7, 8], [12, 0, 0]]
    assert streams[at + 1].targets.tolist() == [[7, 8, 9], [13, IGNORED, IGNORED]]
    assert streams[at + 1].continues.tolist() == [True, True]


@given(sizes, st.integers(0, 3), st.integers(0, 9))
def test_rotated_streams_are_those_of_plain_loops(size: tuple[int, int, int, int], seed: int, more: int) -> None:
    n, batch, seq, shift = size
    assume(n - 1 >= batch * seq and shift <= seq)
    text = Counting(n + more, at_once=seq + 1)
    streams = Streams(text, batch, seq, shift, stop=n, rotate=True, seed=seed)
    assert streams.per_epoch == Streams(text, batch, seq, shift, stop=n).per_epoch
    for epoch in range(4):
        window = [streams[epoch * streams.per_epoch + k] for k in range(streams.per_epoch)]
        begin = int(window[0].inputs[0, 0])
        for row in range(batch):
            place, cold = (begin + row * ((n - 1) // batch)) % (n - 1), True
            for k in range(streams.per_epoch):
                real = list(range(place, min(place + seq, n - 1)))
                rest = seq - len(real)
                assert window[k].inputs[row].tolist() == real + [0] * rest
                assert window[k].targets[row].tolist() == [at + 1 for at in real] + [IGNORED] * rest
                assert window[k].continues[row] == (not cold)
                place, cold = place + shift, False
                if place >= n - 1:
                    place, cold = place - (n - 1), True


@given(sizes, st.booleans(), st.integers(0, 3), st.integers(1, 5))
def test_no_character_is_read_twice_in_a_rotated_epoch(
    size: tuple[int, int, int, int], stateless: bool, seed: int, epoch: int
) -> None:
    n, batch, seq, _ = size
    assume(n - 1 >= batch * seq)
    streams = Streams(np.arange(n), batch, seq, seq, stateless=stateless, rotate=True, seed=seed)
    windows = [streams[epoch * streams.per_epoch + k] for k in range(streams.per_epoch)]
    targets = np.concatenate([window.targets[window.targets != IGNORED] for window in windows])
    assert len(np.unique(targets)) == len(targets)
    # Cut: a window at the end of the text, and what it would have held at the beginning. Left out: as without rotation.
    assert len(targets) > streams.per_epoch * batch * seq - seq
    assert all((window.targets[:, 0] != IGNORED).all() for window in windows)  # a row is never empty


@given(sizes, st.integers(0, 3))
def test_a_rotated_row_continues_with_the_state_of_what_came_before_it(
    size: tuple[int, int, int, int], seed: int
) -> None:
    n, batch, seq, shift = size
    assume(n - 1 >= batch * seq and shift <= seq)
    streams = Streams(np.arange(n), batch, seq, shift, rotate=True, seed=seed)
    window = streams[0]
    for k in range(1, 4 * streams.per_epoch):
        before, window = window, streams[k]
        row = window.continues
        assert np.array_equal(window.inputs[row, 0], before.inputs[row, 0] + shift)
        assert (before.targets[row, :shift] != IGNORED).all()  # the state to carry is not that of padding
        assert k % streams.per_epoch == 0 or np.count_nonzero(~row) <= 1  # that comes around
        assert k % streams.per_epoch or not row.any()


@given(sizes, st.booleans(), st.integers(0, 3))
def test_every_target_is_seen_in_a_few_rotated_epochs(
    size: tuple[int, int, int, int], stateless: bool, seed: int
) -> None:
    n, batch, seq, shift = size
    assume(n - 1 >= batch * seq and shift <= seq)
    streams = Streams(np.arange(n), batch, seq, shift, stateless=stateless, rotate=True, seed=seed)
    unseen = np.ones(n, dtype=bool)
    unseen[0] = False  # nothing predicts it
    for k in range(100 * streams.per_epoch):
        targets = streams[k].targets
        unseen[targets[targets != IGNORED]] = False
        if not unseen.any():
            return
    raise AssertionError(f"never seen: {np.flatnonzero(unseen)}")


@given(sizes, st.integers(0, 3))
def test_rotated_stateless_windows_are_a_rings_and_each_comes_once_an_epoch_at_most(
    size: tuple[int, int, int, int], seed: int
) -> None:
    n, batch, seq, shift = size
    assume(n - 1 >= batch * seq and shift <= seq)
    streams = Streams(np.arange(n), batch, seq, shift, stateless=True, rotate=True, seed=seed)
    count = len(range(0, n - seq, shift))
    for epoch in range(3):
        chosen = [streams[epoch * streams.per_epoch + k] for k in range(streams.per_epoch)]
        starts = {int(start) for window in chosen for start in window.inputs[:, 0]}
        assert len(starts) == streams.per_epoch * batch
        rings = [{(begin + k * shift) % (n - 1) for k in range(count)} for begin in range(n - 1 if epoch else 1)]
        assert any(starts <= ring for ring in rings)
        assert not any(window.continues.any() for window in chosen)


@given(sizes, st.booleans(), st.integers(0, 10**6))
def test_a_rotated_window_is_a_function_of_its_index(
    size: tuple[int, int, int, int], stateless: bool, index: int
) -> None:
    n, batch, seq, shift = size
    assume(n - 1 >= batch * seq and shift <= seq)
    used, fresh = (Streams(np.arange(n), batch, seq, shift, stateless=stateless, rotate=True) for _ in range(2))
    for k in (0, index + 1, index // 2):
        used[k].inputs[:] = 7
    for name in ("inputs", "targets", "continues"):
        assert np.array_equal(getattr(used[index], name), getattr(fresh[index], name))


def test_rotation_is_the_seeds_and_moves_every_border_each_epoch() -> None:
    def borders(seed: int, epoch: int) -> list[int]:
        streams = Streams(Counting(10**6, at_once=10_001), 4, 10_000, 10_000, rotate=True, seed=seed)
        at = epoch * streams.per_epoch
        return [int(start) for k in range(streams.per_epoch) for start in streams[at + k].inputs[:, 0]]

    assert borders(1, 0) == borders(2, 0)
    assert borders(1, 2) == borders(1, 2)
    some = [borders(1, 0), borders(1, 1), borders(1, 2), borders(2, 1), borders(2, 2)]
    for starts, other in itertools.combinations(some, 2):
        assert not set(starts) & set(other)
        assert not {start % 10_000 for start in starts} & {start % 10_000 for start in other}


@given(sizes, st.integers(0, 3), st.integers(0, 10**6))
def test_unrotated_every_epoch_is_the_first(size: tuple[int, int, int, int], seed: int, index: int) -> None:
    n, batch, seq, shift = size
    assume(n - 1 >= batch * seq and shift <= seq)
    streams = Streams(np.arange(n), batch, seq, shift, seed=seed)
    k = index % streams.per_epoch
    starts = [row * ((n - 1) // batch) + k * shift for row in range(batch)]
    window = streams[index]
    assert window.inputs.tolist() == [list(range(start, start + seq)) for start in starts]
    assert window.targets.tolist() == [list(range(start + 1, start + seq + 1)) for start in starts]
    assert window.continues.tolist() == [k > 0] * batch
    if not index // streams.per_epoch:
        rotated = Streams(np.arange(n), batch, seq, shift, seed=seed, rotate=True)[index]
        for name in ("inputs", "targets", "continues"):
            assert np.array_equal(getattr(window, name), getattr(rotated, name))


# -- the order of what is shuffled ---------------------------------------------------------------------------------


@given(st.integers(1, 400), st.integers(0, 5), st.integers(0, 5))
def test_a_shuffle_has_everyone_once_and_any_place_can_be_asked_for(count: int, seed: int, epoch: int) -> None:
    order = shuffled(np.arange(count), count, seed, epoch)
    assert sorted(order.tolist()) == list(range(count))
    backwards = [int(shuffled(np.array([place]), count, seed, epoch)[0]) for place in reversed(range(count))]
    assert backwards[::-1] == order.tolist()


def test_every_order_of_four_comes_up_about_equally_often() -> None:
    orders = [tuple(shuffled(np.arange(4), 4, 1, epoch).tolist()) for epoch in range(2400)]
    counts = [orders.count(order) for order in itertools.permutations(range(4))]
    assert 60 < min(counts) <= max(counts) < 140  # 100 each; a standard deviation is 10


def test_a_shuffle_has_no_pattern() -> None:
    count = 101 * 101  # a full square: places 101 apart share a half of the network's input
    order = shuffled(np.arange(count), count, 3, 0)
    for lag in (1, 2, 101, 102):
        steps = (order[lag:] - order[:-lag]) % count
        assert np.unique(steps, return_counts=True)[1].max() < 12  # some step occurs 7 times in a true shuffle, too
        assert abs(np.corrcoef(order[lag:], order[:-lag])[0, 1]) < 0.04  # four standard deviations
    assert abs(np.corrcoef(order, np.arange(count))[0, 1]) < 0.04


# -- documents -----------------------------------------------------------------------------------------------------


def test_documents_by_hand() -> None:
    # 0-5 has five targets, 6 none, 8-12 four; 7 and 13 ... belong to nobody.
    streams = DocumentStreams(Counting(20), [(0, 6), (6, 7), (8, 13)], 2, seq_length=3, shift=3, shuffle=False)
    assert streams.per_epoch == 2
    first, second, third = streams[0], streams[1], streams[2]
    assert first.inputs.tolist() == [[0, 1, 2], [8, 9, 10]]
    assert first.targets.tolist() == [[1, 2, 3], [9, 10, 11]]
    assert first.continues.tolist() == [False, False]
    assert second.inputs.tolist() == [[3, 4, 0], [11, 0, 0]]
    assert second.targets.tolist() == [[4, 5, IGNORED], [12, IGNORED, IGNORED]]
    assert second.continues.tolist() == [True, True]
    assert third.inputs.tolist() == first.inputs.tolist()
    assert third.continues.tolist() == [False, False]
    assert first.inputs.dtype == first.targets.dtype == np.int64
    assert first.continues.dtype == np.bool_


def test_overlapping_windows_of_documents_end_with_the_first_that_reaches_the_end() -> None:
    # Targets: 5, 4 and 2. Windows at 0 and 2; at 0 and 2, of which the second is short; at 0, short.
    streams = DocumentStreams(Counting(20), [(0, 6), (6, 11), (11, 14)], 2, seq_length=3, shift=2, shuffle=False)
    assert streams.per_epoch == 3
    assert [streams[k].inputs[0].tolist() for k in range(3)] == [[0, 1, 2], [2, 3, 4], [6, 7, 8]]
    assert [streams[k].targets[1].tolist() for k in range(3)] == [[9, 10, -100], [12, 13, -100], [-100] * 3]
    assert [streams[k].continues.tolist() for k in range(3)] == [[False, False], [True, False], [False, False]]


def test_stretches_of_a_text_as_padded_rows() -> None:
    inputs, targets = gather(np.arange(9, dtype=np.uint8), np.array([3, 0, 8]), np.array([2, 4, 0]), 4)
    assert inputs.tolist() == [[3, 4, 0, 0], [0, 1, 2, 3], [0, 0, 0, 0]]
    assert targets.tolist() == [[4, 5, -100, -100], [1, 2, 3, 4], [-100] * 4]


@st.composite
def settings_of_documents(draw: st.DrawFn) -> dict[str, Any]:
    """Documents and the characters between them (which are held out), and a shape that they fill."""
    lengths = draw(st.lists(st.integers(0, 40), min_size=1, max_size=12))
    gaps = draw(st.lists(st.integers(0, 5), min_size=len(lengths), max_size=len(lengths)))
    starts = np.cumsum([0, *lengths[:-1]]) + np.cumsum(gaps)
    spans = [(int(start), int(start) + length) for start, length in zip(starts, lengths, strict=True)]
    seq_length = draw(st.integers(1, 15))
    shift = draw(st.integers(1, seq_length))
    count = len(windows_of_documents(spans, seq_length, shift))
    assume(count > 0)
    batch_size = draw(st.integers(1, min(count, 9)))
    return {"spans": spans, "batch_size": batch_size, "seq_length": seq_length, "shift": shift}


def windows_of_documents(spans: list[tuple[int, int]], seq_length: int, shift: int) -> list[tuple[int, ...]]:
    """The places of the inputs of every window, the first of a document after a -1: the oracle, in plain loops."""
    windows = []
    for start, stop in spans:
        inputs = list(range(start, stop - 1))
        at = 0
        while at < len(inputs):
            windows.append((*([-1] if at == 0 else []), *inputs[at : at + seq_length]))
            if at + seq_length >= len(inputs):
                break
            at += shift
    return windows


def read(streams: DocumentStreams, epoch: int) -> list[list[tuple[int, ...]]]:
    """Each row's windows in an epoch, without the padding, having checked that padding is all that is left out."""
    rows: list[list[tuple[int, ...]]] = [[] for _ in range(streams.batch_size)]
    for k in range(epoch * streams.per_epoch, (epoch + 1) * streams.per_epoch):
        window = streams[k]
        assert window.inputs.shape == window.targets.shape == (streams.batch_size, streams.seq_length)
        assert window.continues.shape == (streams.batch_size,)
        assert (window.targets != IGNORED).any()
        for row, (inputs, targets) in enumerate(zip(window.inputs, window.targets, strict=True)):
            real = targets != IGNORED
            length = np.count_nonzero(real)
            assert real[:length].all()
            assert np.array_equal(targets[:length], inputs[:length] + 1)
            assert not inputs[length:].any()
            assert length or not window.continues[row]
            if length:
                rows[row].append(tuple(inputs[:length].tolist()))
    return rows


@given(settings_of_documents())
def test_documents_in_order_are_those_of_plain_loops(shape: dict[str, Any]) -> None:
    windows = windows_of_documents(shape["spans"], shape["seq_length"], shape["shift"])
    every, more = divmod(len(windows), shape["batch_size"])
    rest = iter(windows)
    runs = [list(itertools.islice(rest, every + (row < more))) for row in range(shape["batch_size"])]
    expected = [[tuple(place for place in places if place >= 0) for places in run] for run in runs]
    streams = DocumentStreams(Counting(1000), **shape, shuffle=False)
    assert streams.per_epoch == len(runs[0])
    assert read(streams, 0) == read(streams, 2) == expected
    continues = np.array([streams[k].continues for k in range(streams.per_epoch)]).T
    for run, flags in zip(runs, continues, strict=True):
        wanted = [k > 0 and places[0] >= 0 for k, places in enumerate(run)]
        assert flags.tolist() == wanted + [False] * (streams.per_epoch - len(run))


@given(settings_of_documents(), st.integers(0, 3))
def test_shuffled_documents_are_whole_and_each_is_read_once_an_epoch(shape: dict[str, Any], seed: int) -> None:
    windows = windows_of_documents(shape["spans"], shape["seq_length"], shape["shift"])
    documents: list[list[tuple[int, ...]]] = []
    for places in windows:
        if places[0] < 0:
            documents.append([])
        documents[-1].append(tuple(place for place in places if place >= 0))
    streams = DocumentStreams(Counting(1000), **shape, seed=seed)
    for epoch in range(3):
        order = [places for row in read(streams, epoch) for places in row]  # the runs in a row are the epoch's order
        whole: list[list[tuple[int, ...]]] = []
        while order:
            document = next(places for places in documents if places[0] == order[0])
            assert order[: len(document)] == document
            order = order[len(document) :]
            whole.append(document)
        assert sorted(whole) == sorted(documents)


@given(settings_of_documents(), st.booleans(), st.booleans(), st.integers(0, 3))
def test_every_target_of_every_document_is_seen_once_an_epoch(
    shape: dict[str, Any], shuffle: bool, stateless: bool, seed: int
) -> None:
    shape |= {"shift": shape["seq_length"]}
    assume(len(windows_of_documents(shape["spans"], shape["seq_length"], shape["shift"])) >= shape["batch_size"])
    streams = DocumentStreams(Counting(1000), **shape, shuffle=shuffle, stateless=stateless, seed=seed)
    for epoch in range(2):
        windows = [streams[epoch * streams.per_epoch + k] for k in range(streams.per_epoch)]
        targets = np.concatenate([window.targets.ravel() for window in windows])
        expected = [place for start, stop in shape["spans"] for place in range(start + 1, stop)]
        assert sorted(targets[targets != IGNORED].tolist()) == expected


@given(settings_of_documents(), st.booleans(), st.integers(0, 3))
def test_a_row_continues_where_it_was(shape: dict[str, Any], shuffle: bool, seed: int) -> None:
    streams = DocumentStreams(Counting(1000), **shape, shuffle=shuffle, seed=seed)
    begins = [start for start, _ in shape["spans"]]
    window = streams[0]
    for k in range(1, 2 * streams.per_epoch):
        before, window = window, streams[k]
        if k % streams.per_epoch == 0:
            assert not window.continues.any()
            continue
        moved = window.inputs[:, 0] == before.inputs[:, 0] + shape["shift"]
        assert moved[window.continues].all()
        assert (before.targets[window.continues] != IGNORED).all()  # the state to carry is not that of padding
        real = window.targets[:, 0] != IGNORED
        assert np.isin(window.inputs[real & ~window.continues, 0], begins).all()


@given(settings_of_documents(), st.integers(0, 3))
def test_stateless_windows_of_documents(shape: dict[str, Any], seed: int) -> None:
    windows = windows_of_documents(shape["spans"], shape["seq_length"], shape["shift"])
    streams = DocumentStreams(Counting(1000), **shape, stateless=True, seed=seed)
    for epoch in range(2):
        seen = [places for row in read(streams, epoch) for places in row]
        assert sorted(seen) == sorted(tuple(place for place in places if place >= 0) for places in windows)
    assert not any(streams[k].continues.any() for k in range(2 * streams.per_epoch))


@given(settings_of_documents(), st.booleans(), st.integers(0, 10**6))
def test_a_window_of_documents_is_a_function_of_its_index(shape: dict[str, Any], stateless: bool, index: int) -> None:
    used, fresh = (DocumentStreams(Counting(1000), **shape, stateless=stateless, seed=4) for _ in range(2))
    for k in (0, index + 1, index // 2):
        used[k].inputs[:] = 7
    for name in ("inputs", "targets", "continues"):
        assert np.array_equal(getattr(used[index], name), getattr(fresh[index], name))


@pytest.mark.parametrize("stateless", [True, False])
def test_documents_come_in_an_order_of_the_seeds_and_another_each_epoch(stateless: bool) -> None:
    def order(seed: int, epoch: int) -> list[int]:
        spans = np.arange(0, 500, 5)[:, None] + np.array([0, 5])  # an array of spans will do
        streams = DocumentStreams(Counting(500), spans, 4, 8, 8, stateless=stateless, seed=seed)
        return [places[0] for row in read(streams, epoch) for places in row]

    assert order(1, 0) == order(1, 0)
    assert len({tuple(order(seed, epoch)) for seed in (1, 2) for epoch in (0, 1)} | {tuple(range(0, 500, 5))}) == 5


def test_rows_of_documents_differ_by_a_window_at_most() -> None:
    streams = DocumentStreams(Counting(100), [(0, 100)], 8, 5, 5)  # 99 targets, 20 windows
    assert [len(row) for row in read(streams, 0)] == [3, 3, 3, 3, 2, 2, 2, 2]


def test_documents_of_a_terabyte() -> None:
    spans = [(10**12 * k, 10**12 * (k + 1)) for k in range(3)]
    streams = DocumentStreams(Counting(3 * 10**12), spans, 4, 100, 100, shuffle=False)
    last = streams[streams.per_epoch - 1]
    assert last.targets[3, 98] == 3 * 10**12 - 1
    assert last.targets[3, 99] == IGNORED
    assert streams[1].continues.all()


def test_documents_too_few_and_too_short() -> None:
    spans = [(0, 6), (6, 7), (8, 13)]  # four windows of 3
    with pytest.raises(CorpusError, match=r"4 windows of 3, too few for 5 rows. At most --batch-size 4 would fit\.$"):
        DocumentStreams(Counting(20), spans, 5, 3, 3)
    assert DocumentStreams(Counting(20), spans, 4, 3, 3).per_epoch == 1
    for none in ([(3, 4), (5, 5)], []):
        with pytest.raises(CorpusError, match="no document has two characters"):
            DocumentStreams(Counting(20), none, 1, 3, 3)
