"""The windows of a training, as they are shown: those of the contract."""

from __future__ import annotations

import numpy as np
import pytest

from charrnn.errors import UsageError
from charrnn.inspection.windows import Windows, numbers, shown, view
from charrnn.training.windows import Streams


def _windows(shift: int, *, batch_size: int = 1, stateless: bool = False, last: int = 14) -> Windows:
    ids = np.arange(1, last + 1)
    streams = Streams(ids, batch_size, 7, shift, stateless=stateless)
    return Windows(
        name="numbers", size=last, seq_length=7, shift=shift, batch_size=batch_size, stateless=stateless,
        per_epoch=streams.per_epoch, numbered=True,
        windows=shown([streams[index] for index in range(streams.per_epoch)], None),
    )  # fmt: skip


def test_a_shift_of_two() -> None:
    found = _windows(2)
    spans = [[*window.inputs[::6], *window.targets[::6], window.state] for window in found.windows]
    assert spans == [
        ["1", "7", "2", "8", "zeros"],
        ["3", "9", "4", "10", "carried"],
        ["5", "11", "6", "12", "carried"],
        ["7", "13", "8", "14", "carried"],
    ]
    [table] = view(found).tables
    assert table.rows[1] == ("2", "3 4 5 6 7 8 9", "4 5 6 7 8 9 10", "carried")


def test_windows_that_tile() -> None:
    assert [window.inputs[0] for window in _windows(7).windows] == ["1"]
    assert [window.inputs[0] for window in _windows(7, last=15).windows] == ["1", "8"]


def test_streams_and_states() -> None:
    found = _windows(7, batch_size=2, last=29)
    assert [(window.iteration, window.stream, window.inputs[0]) for window in found.windows] == [
        (1, 1, "1"),
        (1, 2, "15"),
        (2, 1, "8"),
        (2, 2, "22"),
    ]
    stateless = _windows(2, stateless=True)
    assert {window.state for window in stateless.windows} == {"zeros"}
    assert sorted(int(window.inputs[0]) for window in stateless.windows) == [1, 3, 5, 7]
    assert stateless.to_dict()["windows"][0]["state"] == "zeros"


def test_characters_that_are_not_seen() -> None:
    streams = Streams(np.array([0, 1, 2, 0]), 1, 3, 3)

    def row(*characters: str) -> tuple[str, ...]:
        found = Windows(
            name="text", size=4, seq_length=3, shift=3, batch_size=1, stateless=False, per_epoch=1, numbered=False,
            windows=shown([streams[0]], characters),
        )  # fmt: skip
        return view(found).tables[0].rows[0]

    assert row("a", " ", "\n") == ("1", "a␣⏎", "␣⏎a", "zeros")
    assert row("1", "8", "2") == ("1", "182", "821", "zeros")  # digits of a text are characters, too


def test_ranges() -> None:
    assert (counted := numbers("1..4")) is not None
    assert counted.tolist() == [1, 2, 3, 4]
    assert numbers("novel.txt") is None
    with pytest.raises(UsageError, match=r"Write 1\.\.4"):
        numbers("4..1")
    with pytest.raises(UsageError, match="at most"):
        numbers("1..99999")
    with pytest.raises(UsageError, match="has 1,000,000,000,000 numbers"):
        numbers("1..1000000000000")
