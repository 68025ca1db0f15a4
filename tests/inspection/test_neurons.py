"""A unit that tracks something is found, as the first, on the half that chose it and the other; and noise is not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from helpers import engines, tiny
from helpers.planted import PLANTED, WIDTH, planted, quoting

from charrnn.config import Cell
from charrnn.errors import CorpusError, UsageError
from charrnn.inspection import neurons as module
from charrnn.inspection import unit_values
from charrnn.inspection.activations import join, read
from charrnn.inspection.features import FEATURES, Feature, capital_to_come, inside_quotes
from charrnn.inspection.neurons import Neurons, find_tracking, neurons
from charrnn.inspection.ranks import auc, effect
from charrnn.inspection.unit_values import HeldUnits, units_of, values_of
from charrnn.model import Model
from charrnn.network.engine import Engine
from charrnn.network.hidden_unit import HiddenUnit
from charrnn.runs.checkpoint import Checkpoint
from charrnn.text.vocabulary import Vocabulary


def synthetic(states: np.ndarray) -> HeldUnits:
    """Units of one layer whose values (U, T) are given."""
    return HeldUnits([HiddenUnit(1, number + 1) for number in range(len(states))], states.astype(np.float32))


def slow(rng: np.random.Generator, count: int, size: int, memory: int) -> np.ndarray:
    """Series (count, size) of unit variance in which those are alike that lie less than `memory` apart."""
    sums = np.cumsum(rng.normal(size=(count, size + memory)), axis=1)
    return (sums[:, memory:] - sums[:, :-memory]) / np.sqrt(memory)


def series(values: np.ndarray, name: str = "made") -> Feature:
    """A feature that any text has."""
    return Feature(name, "", lambda text: values, counted=values.dtype != np.bool_)


def found(result: Neurons) -> list[str]:
    return [tracked.feature.name for tracked in result.found]


def test_a_planted_cell_is_found_first() -> None:
    text = quoting(8_000)
    engine, vocabulary = planted(text)
    ids = vocabulary.encode(text).astype(np.intp)
    result = neurons(engine, text, ids, np.arange(len(ids)))
    best = result.found[0]
    assert best.feature.name == "inside quotes"
    assert best.unit == HiddenUnit(1, PLANTED)
    assert best.high
    assert best.figures == (1.0, 1.0)
    assert best.p == pytest.approx(len(result.tracked) / result.moves)  # no move does as well
    assert np.array_equal(best.values > 0, inside_quotes(text))
    assert result.units == 2 * WIDTH
    assert {feature.name for feature, *_ in result.absent} >= {"digit", "bracket depth", "indentation"}
    cell = values_of(engine, ids, np.arange(len(ids)), [HiddenUnit(1, PLANTED, cell=True)])[0]
    assert auc(cell, inside_quotes(text)) == 1.0
    shown = result.to_dict()["features"][0]
    assert (shown["unit"], shown["measured_half"], shown["tracks_by_being"]) == ("1.3", 1.0, "high")


def test_a_network_that_reads_from_the_end_is_held_against_the_text_in_its_order() -> None:
    text = quoting(8_300, seed=1)
    text = text[: text.rindex('" ') + 1]  # it ends with a closing quote
    assert text.count('"') % 2 == 0
    engine, vocabulary = planted(text)
    ids = vocabulary.in_direction(backward=True).encode(text).astype(np.intp)
    ends = np.arange(len(ids))[::-1]
    result = neurons(engine, text, ids, ends, features=[FEATURES[0]])
    assert result.tracked[0].unit.number == PLANTED
    assert result.tracked[0].figures == (1.0, 1.0)
    forward = values_of(engine, ids, np.arange(len(ids)), [HiddenUnit(1, PLANTED)])
    assert np.array_equal(values_of(engine, ids, ends, [HiddenUnit(1, PLANTED)]), forward[:, ::-1])


def test_what_the_character_alone_tells_is_learnt_on_one_half_and_measured_on_the_other() -> None:
    text = "ab ?" * 1_000 + "ab !" * 1_000
    states = np.random.default_rng(0).normal(size=(1, 8_000))

    def told(feature: np.ndarray) -> float:
        return find_tracking(synthetic(states), text, features=[series(feature)]).tracked[0].by_character

    letters = np.array(list(text))
    assert told((letters == "a") | (letters == " ")) == pytest.approx(1)  # AUC 1
    first = np.arange(8_000) < 4_000
    # It is the a's that have it first and the b's that have it then, whose letter says 0. Of the others a says 1, the
    # space 0, and !, which was never read, 1 / 4, as the mean of all: one tie in three, AUC 1 / 6.
    assert told(np.where(first, letters == "a", letters == "b")) == pytest.approx(-2 / 3)
    assert told(np.tile([0, 1, 0, 1, 1, 0, 1, 0], 1_000).astype(np.bool_)) == pytest.approx(0)


def test_a_unit_may_track_by_being_low() -> None:
    rng = np.random.default_rng(0)
    states = slow(rng, 4, 8_000, 9)
    flags = slow(rng, 1, 8_000, 9)[0] > 1
    states[2] -= 4 * flags
    [tracked] = find_tracking(synthetic(states), "a" * 8_000, features=[series(flags)]).tracked
    assert (tracked.unit, tracked.high, tracked.found) == (HiddenUnit(1, 3), False, True)
    assert tracked.figures[0] == pytest.approx(1 - auc(states[2, :4_000].astype(np.float32), flags[:4_000]))
    assert tracked.figures[1] == pytest.approx(1 - auc(states[2, 4_000:].astype(np.float32), flags[4_000:]))


def test_the_half_that_measures_has_no_say_in_the_choice() -> None:
    """One unit is the feature on the first half and noise on the other, and one is much like it on both."""
    rng = np.random.default_rng(0)
    states = slow(rng, 3, 8_000, 3)
    counts = np.abs(slow(rng, 1, 8_000, 3)[0] * 3).astype(np.int32)
    states[0, :4_000] = counts[:4_000]
    states[1] += counts
    [tracked] = find_tracking(synthetic(states), "a" * 8_000, features=[series(counts)]).tracked
    assert tracked.unit == HiddenUnit(1, 1)
    assert tracked.chosen == pytest.approx(1)
    assert abs(tracked.measured) < 0.1
    assert not tracked.found  # though it was the best by far where it was chosen
    assert effect(states[1, 4_000:], counts[4_000:]) > 0.5


def test_noise_is_found_no_oftener_than_alpha_says() -> None:
    """Slow states and slow features: without regard to that nearly all would be significant."""
    alarms, naive, times = 0, 0, 40
    of_choice = []
    for seed in range(times):
        rng = np.random.default_rng(seed)
        states = slow(rng, 20, 8_000, 60)
        flags = slow(rng, 3, 8_000, 60) > 1
        result = find_tracking(
            synthetic(states), "a" * 8_000, features=[series(flags[row], f"{row}") for row in range(len(flags))]
        )
        alarms += bool(result.found)
        best = module._search(synthetic(states), 4_000, [flags[0, :4_000]], 500)
        of_choice.append(module._share_as_great(best[0].null))
        shuffled = [auc(states[0], rng.permutation(flags[0])) for _ in range(19)]
        naive += abs(auc(states[0], flags[0]) - 0.5) > max(abs(np.array(shuffled) - 0.5))
    assert alarms <= 3  # of 40: at 0.05 more have a chance of 14 %, and as both halves must agree it is far less
    assert 0.3 < np.mean(of_choice) < 0.7  # the p-values of the greatest of 20 units are spread evenly
    assert np.mean(np.array(of_choice) <= 0.2) < 0.4
    assert naive > times / 2  # as to shuffle the characters would have it


def test_a_random_network_foresees_nothing_in_random_text() -> None:
    features = [Feature("capital to come", "", capital_to_come)]
    alarms = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        text = "".join(rng.choice(list('abAB "'), 8_000))
        engine, vocabulary = planted(text)
        ids = vocabulary.encode(text).astype(np.intp)
        alarms += bool(neurons(engine, text, ids, np.arange(len(ids)), features=features).found)
    assert alarms <= 1


def test_units_by_the_group_are_as_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    text = quoting(8_000)
    engine, vocabulary = planted(text)
    ids = vocabulary.encode(text).astype(np.intp)
    ends = np.arange(len(ids))
    whole = [neurons(engine, text, ids, order) for order in (ends, ends[::-1])]
    monkeypatch.setattr(module, "_AT_ONCE", 3)
    monkeypatch.setattr(unit_values, "_HELD", 4 * 4_000 * 4)
    parts = [neurons(engine, text, ids, order) for order in (ends, ends[::-1])]
    source, told = unit_values.all_units(engine, ids, ends), list[float]()
    assert isinstance(source, unit_values.RereadUnits)
    assert find_tracking(source, text, progress=told.append).units == source.count
    assert sum(told) == pytest.approx(1)
    for one, other in zip(parts, whole, strict=True):
        assert one.to_dict() == other.to_dict()
        for tracked, expected in zip(one.tracked, other.tracked, strict=True):
            assert np.array_equal(tracked.values, expected.values)


def test_a_state_is_taken_where_a_character_ends() -> None:
    text = quoting(60)
    engine, vocabulary = planted(text)
    ids = vocabulary.encode(text).astype(np.intp)
    units: Sequence[HiddenUnit] = units_of(engine)
    every = values_of(engine, ids, np.arange(len(ids)), units)
    ends = np.array([0, 2, 2, 5, 59])  # one of three ids, one of none
    assert np.array_equal(values_of(engine, ids, ends, units), every[:, ends])
    assert [str(unit) for unit in units[WIDTH - 1 : WIDTH + 1]] == ["1.5", "1.1.c"]


def test_what_cannot_be_is_said() -> None:
    text = quoting(3_000)[:2_999]
    engine, vocabulary = planted(text)
    ids = vocabulary.encode(text).astype(np.intp)
    with pytest.raises(CorpusError, match="2,999 characters: too few to choose") as caught:
        neurons(engine, text, ids, np.arange(len(ids)))
    assert "at least 3,000" in caught.value.advice
    with pytest.raises(UsageError, match="units 1 to 5"):
        values_of(engine, ids, np.arange(len(ids)), [HiddenUnit(1, 6)])
    with pytest.raises(UsageError, match=r"takes 4\d\d GB of memory"):
        values_of(engine, ids, np.broadcast_to(np.intp(0), 10**11), [HiddenUnit(1, 1)])
    nothing = find_tracking(synthetic(np.zeros((2, 8_000))), "a" * 8_000)
    assert nothing.tracked == ()
    assert len(nothing.absent) == len(FEATURES)
    assert nothing.units == 2


def test_from_python_of_bytes_too() -> None:
    """A character of several bytes has the value of its last."""
    text = quoting(3_000).replace("a", "é")
    vocabulary = Vocabulary.every_byte()
    header = tiny.header(vocabulary=vocabulary)
    model = Model(Checkpoint(header, tiny.weights(header)))
    result = model.neurons(text)
    assert result.text == text
    [tracked] = [tracked for tracked in result.tracked if tracked.feature.name == "word ended"]
    assert tracked.values.shape == (len(text),)
    engine = Engine(header.model, tiny.weights(header))
    last = np.cumsum([len(character.encode()) for character in text]) - 1
    ids = np.frombuffer(text.encode(), dtype=np.uint8).astype(np.intp)
    np.testing.assert_allclose(tracked.values, values_of(engine, ids, last, [tracked.unit])[0], atol=1e-6)


@pytest.mark.parametrize("kind", ["lstm", "gru", "rnn"])
def test_every_kind_of_cell_has_its_units(kind: Cell) -> None:
    engine, ids = engines.make(kind), np.array(engines.ids(3_000))
    text = engines.VOCABULARY.decode(ids)
    seen, units = join(read(engine, ids)), units_of(engine)
    assert len(units) == len(set(units)) == 2 * 12 * (2 if kind == "lstm" else 1)
    values = values_of(engine, ids, np.arange(len(ids)), units)
    assert all(np.array_equal(row, seen.of(unit)) for row, unit in zip(values, units, strict=True))
    assert neurons(engine, text, ids, np.arange(len(ids))).units == len(units)
