"""What is asked of a model, without a command line around it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from helpers import tiny

from charrnn.errors import UsageError
from charrnn.network.engine import Engine
from charrnn.sampling.chain import make_chain
from charrnn.sampling.generate import generate
from charrnn.sampling.request import Request, random_seed

VOCABULARY = tiny.header().vocabulary


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(tiny.MODEL, tiny.weights(tiny.header()))


def texts(engine: Engine, prime: str = "Well", **settings: Any) -> list[str]:
    written = Request(**settings).generate(engine, VOCABULARY, prime)
    return ["".join(character.text for character in one.characters) for one in written]


def alone(engine: Engine, seed: int, temperature: float = 0.8, length: int = 50) -> str:
    rng = np.random.default_rng(seed)
    return "".join(c.text for c in generate(engine, VOCABULARY, "Well", length, make_chain(temperature), rng))


def test_every_text_has_the_seed_after_the_one_before(engine: Engine) -> None:
    expected = [alone(engine, seed) for seed in (5, 6, 7)]
    assert texts(engine, seed=5, count=3, length=50) == expected
    assert texts(engine, seed=5, count=2, length=50) == expected[:2]
    assert texts(engine, seed=6, length=50) == [expected[1]]
    assert [one.seed for one in Request(seed=5, count=3).generate(engine, VOCABULARY, "")] == [5, 6, 7]


def test_every_temperature_has_the_same_seeds(engine: Engine) -> None:
    found = texts(engine, seed=5, temperatures=(0.0, 0.5, 2.0), length=50)
    assert found == [alone(engine, 5, temperature) for temperature in (0.0, 0.5, 2.0)]
    both = Request(seed=5, temperatures=(0.5, 1.0), count=2).generate(engine, VOCABULARY, "")
    assert [(one.temperature, one.seed) for one in both] == [(0.5, 5), (0.5, 6), (1.0, 5), (1.0, 6)]


def test_each_ends_for_itself(engine: Engine) -> None:
    whole = texts(engine, seed=5, count=4, length=300)
    for ended, text in zip(texts(engine, seed=5, count=4, length=300, until=("a", "\n")), whole, strict=True):
        assert text.startswith(ended)
        assert len(ended) == min(place for mark in ("a", "\n", text[-1:]) if (place := text.find(mark) + 1))
    for ended in texts(engine, seed=5, count=4, length=10, finish="line"):
        assert len(ended) >= 10
        assert ended[10:].count("\n") <= 1


def test_several_is_more_than_one() -> None:
    assert not Request().several
    assert not Request(count=1).several
    assert Request(count=2).several
    assert Request(temperatures=(0.1, 0.2)).several


@pytest.mark.parametrize("settings", [{"seed": -1}, {"count": 0}])
def test_impossible_requests(settings: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"--{next(iter(settings))} "):
        Request(**settings)


def test_a_random_seed_can_be_typed() -> None:
    assert len({random_seed() for _ in range(20)}) > 1
    assert all(0 <= random_seed() < 2**32 for _ in range(20))
