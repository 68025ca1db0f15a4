"""Losses in bits, nats and as perplexities: the figures of each, and the tables that tell them."""

from __future__ import annotations

import io
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from charrnn.config import ReadConfig
from charrnn.evaluation.bootstrap import Difference
from charrnn.evaluation.measurement import Measurement, ModelMeasurement
from charrnn.evaluation.scoring import Score
from charrnn.formatting import BYTE, CHARACTER, Unit, Units, bits, in_all_units, nats, told_in
from charrnn.runs.listing import CheckpointRow
from charrnn.terminal.comparison import show_measurement, show_rows
from charrnn.terminal.ranking import RankedModel, RankedPart, show_ranking
from charrnn.terminal.scores import ModelScore, by_units, cells, columns, remarks


def row(name: str, train: float | None, held_out: float | None, unit: Unit = CHARACTER) -> CheckpointRow:
    """A row with losses in bits."""
    return CheckpointRow(
        name="iteration-000100",
        run=name,
        path=Path(name),
        iteration=100,
        beginning="",
        characters=51_200,
        train_loss=nats(train),
        held_out_loss=nats(held_out),
        best=name == "good",
        known_words=0.5,
        size=1000,
        unit=unit,
    )


def printed(width: int = 200) -> tuple[Console, io.StringIO]:
    file = io.StringIO()
    return Console(file=file, width=width, color_system=None, force_terminal=width < 200), file


def words(file: io.StringIO) -> str:
    return " ".join(file.getvalue().split())


def test_a_loss_of_three_bits_is_among_eight() -> None:
    loss = math.log(8)
    assert told_in("bits", loss) == pytest.approx(3)
    assert told_in("nats", loss) == loss
    assert told_in("perplexity", loss) == pytest.approx(8)
    assert nats(3.0) == pytest.approx(loss)
    assert bits(nats(1.7)) == pytest.approx(1.7)
    for units in ("bits", "nats", "perplexity"):
        assert told_in(units, None) is None
    assert nats(None) is None


def test_the_difference_of_two_losses_is_the_ratio_of_their_perplexities() -> None:
    worse, better = math.log(12), math.log(8)
    assert told_in("perplexity", worse - better) == pytest.approx(12 / 8)


def test_a_perplexity_without_bound_is_none_in_json() -> None:
    assert told_in("perplexity", 1e4) == math.inf
    assert in_all_units(1e4) == {"bits": pytest.approx(1e4 / math.log(2)), "nats": 1e4, "perplexity": None}
    assert in_all_units(None) == {"bits": None, "nats": None, "perplexity": None}
    json.dumps(in_all_units(709.5), allow_nan=False)


@pytest.mark.parametrize(("unit", "key"), [(CHARACTER, "bpc"), (BYTE, "bpb")])
def test_rows_have_all_units_in_json(unit: Unit, key: str) -> None:
    values = row("good", None, 3.0, unit).to_dict()
    assert values[f"held_out_{key}"] == pytest.approx(3)
    assert values["held_out_nats"] == nats(3.0)
    assert values["held_out_perplexity"] == pytest.approx(8)
    assert [values[f"train_{name}"] for name in (key, "nats", "perplexity")] == [None] * 3
    assert not {"train_loss", "held_out_loss"} & values.keys()


@pytest.mark.parametrize(
    ("units", "heads", "figures"),
    [
        ("bits", "bpc bpc", "2.000 3.000"),
        ("nats", "nats/char nats/char", "1.386 2.079"),
        ("perplexity", "ppl/char ppl/char", "4.000 8.000"),
    ],
)
def test_a_table_of_snapshots_names_its_units(units: Units, heads: str, figures: str) -> None:
    out, file = printed()
    show_rows(out, [row("good", 2.0, 3.0)], units)
    assert f"Characters {heads} words" in words(file)
    assert f"51,200 {figures} 50%" in words(file)


def test_losses_with_counts_have_a_column_where_there_are_any() -> None:
    rows = [replace(row("good", 2.0, 3.0), mixed_loss=nats(2.5)), row("a long name of a run", 2.0, 3.25)]
    out, file = printed()
    show_rows(out, rows)
    assert "Run Iteration Characters bpc bpc bpc words" in words(file)
    assert "good 100 51,200 2.000 3.000 2.500 50%" in words(file)
    assert "a long name of a run 100 51,200 2.000 3.250 - 50%" in words(file)
    assert "+ counts" in file.getvalue()
    narrow, shorter = printed(80)
    show_rows(narrow, rows)
    assert "Run Iteration bpc bpc bpc words" in words(shorter), "what was seen is left out where there is no room"
    assert "good 100 2.000 3.000 2.500 50% * best" in words(shorter)
    out, file = printed()
    show_rows(out, rows[1:])
    assert "counts" not in file.getvalue()


def test_models_of_characters_and_bytes_have_their_units_in_a_column() -> None:
    out, file = printed()
    show_rows(out, [row("good", 2.0, 3.0), row("bytes", 1.0, 2.0, BYTE)], "nats")
    assert "Iteration Seen nats nats per words" in words(file)
    assert "51,200 0.693 1.386 byte" in words(file)


def measurement(difference: Difference) -> Measurement:
    """A good model at three bits, and a poor one that is behind it."""
    models = [
        ModelMeasurement(path=Path(name), carried=3.0 + behind, cold=4.0, unseen=0, form=None, difference=against)
        for name, behind, against in (("good", 0.0, None), ("poor", difference.mean, difference))
    ]
    return Measurement(
        text="letter.txt",
        held_out=True,
        characters=1000,
        bytes=1000,
        unit=CHARACTER,
        models=tuple(models),
        best=Path("good"),
        order=4,
        ngrams=5.0,
    )


@pytest.mark.parametrize(
    ("units", "told"),
    [
        (
            "bits",
            ["bpc bpc Unseen", "4.000 4.000 0 +1.000 ± 0.585", "n-grams of order 4 5.000", "by 1.000 ± 0.585 bits per"],
        ),
        (
            "nats",
            ["nats/char nats/char", "2.773 2.773 0 +0.693 ± 0.405", "4 3.466", "by 0.693 ± 0.405 nats per character."],
        ),
        (
            "perplexity",
            [
                "ppl/char ppl/char",
                "16.000 16.000 0 ×2.000 (1.333 to 3.000)",
                "n-grams of order 4 32.000",
                "poor, iteration 100, whose perplexity is 2.000 (1.333 to 3.000) times as high.",
            ],
        ),
    ],
)
def test_how_far_one_is_behind_is_told_in_the_units(units: Units, told: list[str]) -> None:
    out, file = printed()
    difference = Difference(1.0, math.log2(4 / 3), math.log2(3))
    show_measurement(out, measurement(difference), [row("good", 2.0, 3.0), row("poor", 2.0, 4.0)], units)
    for part in told:
        assert part in words(file)


def test_a_measurement_has_all_units_in_json() -> None:
    values = measurement(Difference(1.0, 0.0, 2.0)).to_dict()
    best, behind = values["models"]
    assert best["behind"] is best["behind_nats"] is best["behind_perplexity"] is None
    assert behind["behind"] == {"mean": 1.0, "low": 0.0, "high": 2.0}
    assert behind["behind_nats"] == {"mean": nats(1.0), "low": 0.0, "high": nats(2.0)}
    assert behind["behind_perplexity"] == pytest.approx({"mean": 2.0, "low": 1.0, "high": 4.0})
    assert (behind["carried"], behind["carried_nats"], behind["cold_nats"]) == (4.0, nats(4.0), nats(4.0))
    assert [behind["carried_perplexity"], values["ngrams_perplexity"]] == pytest.approx([16.0, 32.0])
    json.dumps(values, allow_nan=False, default=str)


def scored(name: str, *each: float, reading: ReadConfig | None = None) -> ModelScore:
    """A score with so many bits of each character."""
    score = Score("é" * len(each), np.array(each), np.zeros(len(each), dtype=np.bool_))
    reading = reading or ReadConfig()
    return ModelScore(name=name, path=Path(name), digest="d", iteration=1, reading=reading, score=score)


@pytest.mark.parametrize(
    ("units", "heads", "figures", "said"),
    [
        ("bits", ["Bits per\ncharacter", "Never\nseen", "Above\nthe best"], ["3.000", "0", "1.000"], "1.000 bits per"),
        ("nats", ["Nats per\ncharacter", "Never\nseen", "Above\nthe best"], ["2.079", "0", "0.693"], "0.693 nats per"),
        (
            "perplexity",
            ["Perplexity per\ncharacter", "Never\nseen", "Times\nthe best"],
            ["8.000", "0", "2.000"],
            "good explains the text best: the perplexity of poor is 2.000 times as high.",
        ),
    ],
)
def test_scores_are_told_in_the_units(units: Units, heads: list[str], figures: list[str], said: str) -> None:
    models = [scored("good", 1.0, 3.0), scored("poor", 2.0, 4.0)]
    assert columns(models, units)[3:] == heads
    assert list(cells(models, units))[1][3:] == figures
    assert said in remarks(models, None, units)[-1]
    assert "equally well" in remarks([models[0], scored("same", 2.0, 2.0)], None, units)[-1]


def test_a_model_of_bytes_has_its_perplexity_per_byte() -> None:
    models = [scored("bytes", 1.0, 5.0, reading=ReadConfig(bytes=True))]  # é is two of them
    assert columns(models, "perplexity")[3:5] == ["Perplexity per\ncharacter", "Perplexity per\nbyte"]
    assert next(cells(models, "perplexity"))[3:5] == ["8.000", "2.828"]
    assert by_units(1.5, "byte") == pytest.approx(
        {"bits_per_byte": 1.5, "nats_per_byte": nats(1.5), "perplexity_per_byte": 2**1.5}
    )


def test_a_ranking_is_told_in_the_units() -> None:
    part = RankedPart("1", scored("good", 1.0, 3.0).score)
    model = RankedModel(
        name="good", path=Path("good"), digest="d", iteration=1, reading=ReadConfig(), kind="line", parts=(part,)
    )
    out, file = printed()
    show_ranking(out, "letter.txt", [model], "perplexity")
    assert "1 2 4.000 éé" in words(file)
    assert "Line Characters character Text" in words(file)
    assert "Perplexity per" in words(file)
    assert model.to_dict()["ranked"][0]["perplexity_per_character"] == pytest.approx(4)


@pytest.mark.parametrize("units", ["bits", "nats", "perplexity"])
@pytest.mark.parametrize("width", [30, 45, 80])
def test_narrow_terminals_have_every_figure_whole(units: Units, width: int) -> None:
    rows, wide = [row("good", 2.0, 3.0), row("poor", 2.0, 4.0)], printed()
    narrow = printed(width)
    for out, _ in (wide, narrow):
        show_rows(out, rows, units)
        show_measurement(out, measurement(Difference(1.0, 0.5, 1.5)), rows, units)
    figures = {word for word in wide[1].getvalue().split() if any(map(str.isdecimal, word))}
    assert len(figures) > 10
    assert figures <= set(narrow[1].getvalue().split())
    assert max(map(len, narrow[1].getvalue().splitlines())) <= width


def test_an_enormous_perplexity_fits_into_its_column() -> None:
    out, file = printed()
    show_rows(out, [row("good", 100.0, 2000.0)], "perplexity")
    assert "51,200 1.27e+30 inf 50%" in words(file)
