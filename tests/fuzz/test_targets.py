"""The targets of `make fuzz` in every run of the tests: mutated seeds, the same ones each time."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from targets import TARGETS, Target

EDIT = st.tuples(st.integers(0, 1 << 16), st.integers(0, 8), st.binary(max_size=8), st.booleans())


def edited(seed: bytes, edits: list[tuple[int, int, bytes, bool]]) -> bytes:
    """A seed in which some stretches are replaced, or doubled."""
    for place, length, by, doubled in edits:
        start = place % (len(seed) + 1)
        stretch = seed[start : start + length]
        seed = seed[:start] + (stretch * 2 if doubled else by) + seed[start + length :]
    return seed


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_a_reader_reads_or_refuses_in_a_line(target: Target, rounds: Callable[[int, int], int]) -> None:
    seeds = target.seeds()
    for seed in seeds:
        target.run(seed)

    @settings(
        max_examples=rounds(60, 5000), derandomize=True, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(st.sampled_from(seeds), st.lists(EDIT, max_size=6))
    def mutated(seed: bytes, edits: list[tuple[int, int, bytes, bool]]) -> None:
        target.run(edited(seed, edits))

    mutated()
