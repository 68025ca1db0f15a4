"""Damaged checkpoints: cut anywhere, one bit of them turned, wherever it is: refused, file and cause named."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import crafting, tiny, trainings

from charrnn.runs import checkpoint
from charrnn.training.resume import resume_point

SEED = 20261129
EVERYTHING = 10**9


def make(kind: str, path: Path) -> Path:
    """A snapshot with counts, or a resume file."""
    if kind == "snapshot":
        return tiny.add_counts(tiny.save(path), tiny.TEXT)
    training = trainings.make(average=0.9)
    training.step()
    trainings.stored(path, resume_point(training))
    return path


def refused(path: Path, data: bytes | bytearray) -> tuple[str, float]:
    """The line with which what is at `path` is refused, and how many seconds that took."""
    path.write_bytes(data)
    began = time.perf_counter()
    said = crafting.outcome(lambda: checkpoint.load(path))
    return said, time.perf_counter() - began


@pytest.mark.parametrize("kind", ["snapshot", "resume"])
def test_cut_anywhere(
    kind: str, tmp_path: Path, rounds: Callable[[int, int], int], tell_figure: Callable[[str], None]
) -> None:
    data, path = make(kind, tmp_path / "whole.safetensors").read_bytes(), tmp_path / "cut.safetensors"
    begin = 8 + int.from_bytes(data[:8], "little")
    choose, longest = random.Random(SEED), 0.0
    in_header = choose.sample(range(begin), min(begin, rounds(150, EVERYTHING)))
    in_body = choose.sample(range(begin, len(data)), min(len(data) - begin, rounds(100, 1000)))
    for size in [*range(20), *in_header, *in_body, len(data) - 1]:
        said, seconds = refused(path, data[:size])
        assert said.startswith(f"{path}: "), f"cut at {size} (seed {SEED}): {said}"
        assert "cut short" in said or size < 64, f"cut at {size}: {said}"
        longest = max(longest, seconds)
    count = 21 + len(in_header) + len(in_body)
    tell_figure(
        f"{kind} cut short at {count} places, of which {len(in_body)} in its tensors: all refused, {longest:.2f} s"
    )


@pytest.mark.parametrize("kind", ["snapshot", "resume"])
def test_any_bit_that_is_turned(
    kind: str, tmp_path: Path, rounds: Callable[[int, int], int], tell_figure: Callable[[str], None]
) -> None:
    """Half of them in the header, where a bit may become another name or number."""
    data, path = make(kind, tmp_path / "whole.safetensors").read_bytes(), tmp_path / "turned.safetensors"
    begin = 8 + int.from_bytes(data[:8], "little")
    choose, longest = random.Random(SEED), 0.0
    count = rounds(300, 5000)
    for number in range(count):
        bit = choose.randrange(8 * (begin if number % 2 else len(data)))
        turned = bytearray(data)
        turned[bit // 8] ^= 1 << bit % 8
        said, seconds = refused(path, turned)
        assert said.startswith(f"{path}: "), f"bit {bit} (seed {SEED}): {said}"
        longest = max(longest, seconds)
    tell_figure(f"{kind} with one bit turned: {count} of {count} refused, {longest:.2f} s at most")
