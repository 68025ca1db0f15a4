"""The verdict on made curves: each rule and its threshold, noise that must not matter; and docs/verdict.md."""

from __future__ import annotations

import dataclasses
import json
import math
import re
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import tiny
from hypothesis import given
from hypothesis import strategies as st

from charrnn.config import TrainConfig
from charrnn.evaluation import advice, course, sample_statistics, verdict
from charrnn.evaluation.course import Course, Outcome, Point
from charrnn.evaluation.verdict import Verdict
from charrnn.runs import history
from charrnn.runs.run import Run
from charrnn.text.finding import Finding

DOCS = Path(__file__).resolve().parents[2] / "docs" / "verdict.md"
Curve = Callable[[float], tuple[float, float]]  # the share of the training that is done -> train, held out


def judge(measured: Sequence[Point], baseline: float | None = None, **of: Any) -> Verdict:
    """The verdict on measurements, in any order; a loss may be no number."""
    broken = min((point.iteration for point in measured if not math.isfinite(point.held_out)), default=None)
    finite = sorted((point for point in measured if math.isfinite(point.held_out)), key=lambda point: point.iteration)
    figures = Course(points=tuple(finite), broken=broken, **{**of, "findings": tuple(of.get("findings", ()))})
    return verdict.judge(figures, lambda: baseline)


USUAL: dict[str, Any] = {"epochs": 5.0, "dropout": 0.1, "parameters": 500_000, "characters": 1_000_000}


def points(curve: Curve, count: int = 20, iterations: int = 10_000) -> list[Point]:
    """So many measurements, equally far apart."""
    return [
        Point(iteration=round(share * iterations), train=curve(share)[0], held_out=curve(share)[1])
        for share in np.linspace(1 / count, 1, count).tolist()
    ]


def learning(done: float) -> tuple[float, float]:
    """0.15 bits with every doubling."""
    loss = 2 - 0.15 * math.log2(done)
    return loss - 0.03, loss


def memorising(done: float) -> tuple[float, float]:
    """Best after 40 %, from there on up by 0.3; the training text goes on becoming easier."""
    return 2 - 0.6 * done, 2 + 0.83 * (done - 0.4) ** 2


def settled(done: float) -> tuple[float, float]:
    """There within a fifth."""
    loss = 2 + 0.8 * math.exp(-20 * done)
    return loss - 0.05, loss


def unstable(done: float) -> tuple[float, float]:
    """Goes off after 70 %, and stays there."""
    loss = 2 - 0.15 * math.log2(done) + (0.8 if done > 0.72 else 0.0)
    return loss - 0.03, loss


CURVES: dict[Outcome, Curve] = {
    "learning": learning,
    "memorising": memorising,
    "settled": settled,
    "unstable": unstable,
}


def advised(found: Verdict) -> str:
    return found.sentences[-1]


# -- how it went -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("outcome", "curve"), CURVES.items(), ids=CURVES.keys())
@pytest.mark.parametrize("count", [5, 20, 100])
def test_each_kind_of_training_is_known_by_its_curve(outcome: Outcome, curve: Curve, count: int) -> None:
    assert judge(points(curve, count), **USUAL).outcome == outcome


@pytest.mark.parametrize(("outcome", "curve"), CURVES.items(), ids=CURVES.keys())
@pytest.mark.parametrize("count", [6, 20, 60])
def test_noise_does_not_matter(outcome: Outcome, curve: Curve, count: int) -> None:
    rng = np.random.default_rng(1)
    clean = points(curve, count)
    for _ in range(200):
        noise = rng.uniform(-0.01, 0.01, size=(count, 2)).tolist()
        noisy = [
            Point(iteration=one.iteration, train=(one.train or 0.0) + train, held_out=one.held_out + held_out)
            for one, (train, held_out) in zip(clean, noise, strict=True)
        ]
        assert judge(noisy, **USUAL).outcome == outcome


@pytest.mark.parametrize(
    ("outcome", "losses"),
    [
        # iteration, training loss, held-out loss
        ("learning", [(500, 2.0, 2.0), (1000, 1.9, 1.94)]),
        ("too short to say", [(500, 2.0, 2.0), (1000, 1.9, 1.96)]),
        ("settled", [(250, 2.1, 2.03), (500, 2.0, 2.0), (1000, 1.9, 1.96)]),
        ("too short to say", [(1000, 2.0, 2.0)]),
        ("memorising", [(500, 2.0, 2.0), (1000, 1.9, 2.06)]),
        ("settled", [(250, 2.1, 2.03), (500, 2.0, 2.0), (1000, 1.9, 2.04)]),
        ("unstable", [(500, 2.0, 2.0), (1000, 2.0, 2.11)]),
        ("settled", [(250, 2.1, 2.03), (500, 2.0, 2.0), (1000, 2.0, 2.09)]),
        ("unstable", [(500, 2.0, 2.0), (1000, 1.995, 2.11)]),
        ("memorising", [(500, 2.0, 2.0), (1000, 1.98, 2.11)]),
        ("diverged", [(500, 2.0, 2.0), (1000, 1.9, math.nan)]),
        ("diverged", [(500, 2.0, math.inf), (600, 1.9, 2.0), (1000, 1.8, 1.9)]),
        ("diverged", [(500, 2.0, math.nan)]),
        ("unstable", [(500, None, 2.0), (1000, None, 2.11)]),
        ("settled", [(250, None, 2.0), (500, None, 2.0), (1000, None, 2.06)]),
        # A jump that was made good.
        ("learning", [(250, 2.2, 2.2), (500, 2.1, 2.1), (600, 3.0, 3.0), (1000, 1.9, 1.9)]),
        # What fell before half of the iterations does not count.
        ("settled", [(260, 3.0, 3.0), (500, 2.0, 2.0), (700, 1.99, 1.99), (1000, 1.98, 1.98)]),
        # The same fall, but the best was before the last quarter.
        ("settled", [(500, 2.2, 2.2), (700, 2.0, 2.0), (1000, 2.01, 2.04)]),
        ("learning", [(500, 2.2, 2.2), (760, 2.0, 2.0), (1000, 2.01, 2.04)]),
    ],
)
def test_at_the_thresholds(outcome: Outcome, losses: Sequence[tuple[int, float | None, float]]) -> None:
    measured = [Point(iteration=at, train=train, held_out=held_out) for at, train, held_out in losses]
    assert judge(measured, **USUAL).outcome == outcome
    assert judge(measured[::-1], **USUAL) == judge(measured, **USUAL)


def test_without_a_measurement_nothing_is_said() -> None:
    found = judge([], **USUAL)
    assert (found.use, found.outcome) == (None, "too short to say")
    assert "no snapshot" in found.sentences[0]
    assert "0 times" in advised(found)


# -- what to use -----------------------------------------------------------------------------------------------------


@given(
    st.lists(
        st.builds(
            Point,
            iteration=st.integers(1, 10**6),
            train=st.none() | st.floats(0, 20),
            held_out=st.floats(0, 20) | st.sampled_from([math.inf, math.nan]),
            has_snapshot=st.booleans(),
        ),
        unique_by=lambda point: point.iteration,
        max_size=12,
    ),
    st.booleans(),
)
def test_it_is_the_best_that_was_kept_whatever_was_measured(measured: list[Point], finished: bool) -> None:
    found = judge(measured, finished=finished, baseline=2.0, **USUAL)
    kept = sorted((one.held_out, one.iteration) for one in measured if one.has_snapshot and math.isfinite(one.held_out))
    assert found.use == (kept[0][1] if kept else None)
    if found.use is not None:
        assert f"use iteration {found.use:,}" in found.sentences[0]
    assert advised(found).split()[0] in ("Try", "Nothing")
    assert all(re.fullmatch(r"[ -~]+\.", sentence) for sentence in found.sentences)


def test_the_headline_says_which_and_why() -> None:
    assert judge(points(learning), **USUAL).sentences[0] == (
        "Still learning: use iteration 10,000, the last (2.000 bits held out)."
    )
    assert judge(points(memorising), **USUAL).sentences[0] == (
        "Memorising: use iteration 4,000 (2.000 bits held out, the last 2.299)."
    )
    broken = [*points(learning), Point(iteration=20_000, train=1.0, held_out=math.inf)]
    assert judge(broken, **USUAL).sentences[0] == (
        "Diverged at iteration 20,000: use iteration 10,000 (2.000 bits held out, a loss was no number)."
    )


def test_the_best_is_the_networks_and_the_loss_with_counts_is_told() -> None:
    measured = [
        Point(iteration=100, train=2.5, held_out=2.5, mixed=1.5),
        Point(iteration=200, train=2.0, held_out=2.0, mixed=1.75),
    ]
    assert judge(measured, **USUAL).sentences[0] == (
        "Still learning: use iteration 200, the last (2.000 bits held out by the network; + counts 1.750)."
    )


def test_a_better_one_that_was_not_kept_is_named() -> None:
    measured = [
        Point(iteration=100, train=2.5, held_out=2.5),
        Point(iteration=200, train=2.0, held_out=2.0, has_snapshot=False),
        Point(iteration=300, train=1.5, held_out=2.02),
    ]
    found = judge(measured, **USUAL)
    assert found.use == 300
    assert found.sentences[1] == "Iteration 200 had 2.000, but no snapshot of it was kept."
    tie = [*measured[:2], Point(iteration=300, train=1.5, held_out=2.005)]
    assert not any("kept" in sentence for sentence in judge(tie, **USUAL).sentences)


def test_weights_to_begin_with_that_were_better_are_what_to_use() -> None:
    """Fine-tuning that made them worse."""
    before = Point(iteration=0, train=None, held_out=1.9)
    found = judge(points(settled), before=before, **USUAL)
    assert (found.use, found.outcome) == (0, "settled")
    assert found.sentences[:2] == (
        "Settled: use iteration 0 (1.900 bits held out, the last 2.000).",
        "Those are the weights it began with; after that the lowest was 2.000.",
    )
    worse = dataclasses.replace(before, held_out=2.1)
    assert judge(points(settled), before=worse, **USUAL) == judge(points(settled), **USUAL)
    kept_nowhere = dataclasses.replace(before, has_snapshot=False)
    assert judge(points(settled), before=kept_nowhere, **USUAL) == judge(points(settled), **USUAL)
    broken = judge([Point(iteration=3, train=None, held_out=math.nan)], before=before, **USUAL)
    assert broken.sentences[0] == (
        "Diverged at iteration 3: use iteration 0 (1.900 bits held out, a loss was no number)."
    )


@pytest.mark.parametrize("what", ["", "embedding", "network"])
def test_an_untrained_network_is_no_part_of_the_course(tmp_path: Path, what: str) -> None:
    began_from = {"what": what, "path": "x"} if what else {}
    run = Run(tiny.run(tmp_path, "one", {0: 5.0, 100: 6.0, 200: 5.5}, began_from=began_from))
    judged = verdict.of_run(run)
    assert judged is not None
    assert judged.use == run.best.header.iteration == (0 if what == "network" else 200)
    assert f"use iteration {judged.use}" in judged.sentences[0]


def test_of_an_untrained_network_alone_there_is_no_verdict(tmp_path: Path) -> None:
    assert verdict.of_run(Run(tiny.run(tmp_path, "one", {0: 5.0}))) is None


# -- the gap, the baseline -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gap", "size"), [(0.01, "small"), (0.09, "small"), (0.11, "moderate"), (0.29, "moderate"), (0.31, "large")]
)
def test_the_gap_is_told_in_words(gap: float, size: str) -> None:
    found = judge([Point(iteration=at, train=2 - gap, held_out=2.0) for at in (1, 2, 3)], **USUAL)
    assert f"The gap from training to held-out text is {size}: {gap:.2f} bits." in found.sentences


def test_where_held_out_text_is_no_harder_there_is_no_gap() -> None:
    found = judge([Point(iteration=at, train=2.05, held_out=2.0) for at in (1, 2, 3)], **USUAL)
    assert "There is no gap from training to held-out text: -0.05 bits." in found.sentences


def test_without_a_training_loss_there_is_no_gap() -> None:
    found = judge([Point(iteration=at, train=None, held_out=2.0) for at in (1, 2, 3)], **USUAL)
    assert found.outcome == "settled"
    assert not any("gap" in sentence for sentence in found.sentences)


def test_the_network_is_told_from_counting() -> None:
    measured = points(settled)
    assert "Counting n-grams takes 2.250 bits: the network is 0.250 bits better." in (
        judge(measured, baseline=2.25, **USUAL).sentences
    )
    assert "Counting n-grams takes 1.900 bits: the network is 0.100 bits worse." in (
        judge(measured, baseline=1.9, **USUAL).sentences
    )


# -- what to try next ------------------------------------------------------------------------------------------------


def shifted(curve: Curve, gap: float) -> Curve:
    """The same held-out losses, with another gap."""
    return lambda done: (curve(done)[1] - gap, curve(done)[1])


@pytest.mark.parametrize(
    ("curve", "settings", "told"),
    [
        (unstable, {}, "half the learning rate: the loss ended 0.72 bits up."),
        (
            unstable,
            {"clipped_share": 0.51},
            "half the learning rate: the loss ended 0.72 bits up, and 51% of the gradients were clipped.",
        ),
        (unstable, {"clipped_share": 0.5}, "half the learning rate: the loss ended 0.72 bits up."),
        (memorising, {}, "more dropout (now 0.1) or more text: it was read 5.0 times."),
        (memorising, {"dropout": 0.5}, "more text: it was read 5.0 times."),
        (memorising, {"parameters": 2_100_000}, "a smaller network or more text: 2.1 parameters a character."),
        (memorising, {"parameters": 1_900_000}, "more dropout (now 0.1) or more text: it was read 5.0 times."),
        (memorising, {"finished": False}, "more dropout (now 0.1) or more text: it was read 5.0 times."),
        (learning, {}, "training twice as long: it fell by 0.15 bits in the last doubling."),
        (learning, {"finished": False}, "going on with --resume: it has not been trained to its end."),
        (shifted(learning, 0.31), {"epochs": 8.1}, "more dropout (now 0.1) or more text: it was read 8.1 times."),
        (
            shifted(learning, 0.29),
            {"epochs": 8.1},
            "training twice as long: it fell by 0.15 bits in the last doubling.",
        ),
        (
            shifted(learning, 0.31),
            {"epochs": 7.9},
            "training twice as long: it fell by 0.15 bits in the last doubling.",
        ),
        (settled, {}, "a larger network (--rnn-size): 0.5 parameters a character."),
        (settled, {"parameters": 2_100_000}, "more text: there are 2.1 parameters for each character."),
        (settled, {"clipped_share": 0.6}, "a lower --learning-rate: 60% of the gradients were clipped."),
        (settled, {"finished": False}, "going on with --resume: it has not been trained to its end."),
        (shifted(settled, 0.11), {}, "more dropout (now 0.1) or more text: it was read 5.0 times."),
    ],
)
def test_what_to_try_next_and_why(curve: Curve, settings: dict[str, Any], told: str) -> None:
    assert advised(judge(points(curve), **USUAL | settings)) == f"Try {told}"


def test_one_measurement_asks_for_more() -> None:
    found = judge([Point(iteration=100, train=2.0, held_out=2.0)], **USUAL)
    assert advised(found) == "Try more --iterations or a smaller --eval-every: measured only 1 time."


@pytest.mark.parametrize("curve", CURVES.values(), ids=CURVES.keys())
def test_it_is_three_lines_at_80_columns(curve: Curve) -> None:
    for iterations in (2_000, 90_000):
        found = judge(points(curve, iterations=iterations), **USUAL | {"epochs": 1234.5, "dropout": 0.25})
        lines = [line for sentence in found.sentences for line in textwrap.wrap(sentence, 72)]
        assert len(lines) == len(found.sentences) == 3


# -- of a run --------------------------------------------------------------------------------------------------------


def write_metrics(path: Path, rows: Sequence[tuple[int, float, float]], clipped: int = 0) -> None:
    lines = [
        {"event": "evaluated", "iteration": at, "held_out_loss": held_out * tiny.NATS_PER_BIT}
        | {"train_loss": train * tiny.NATS_PER_BIT}
        for at, train, held_out in rows
    ]
    lines.append({"event": "progress", "iteration": rows[-1][0], "clipped": clipped})
    (path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"event": "eval', "utf-8")


def test_of_a_run(tmp_path: Path) -> None:
    """Measured at 50, 100, 200 and 400, kept at 100 and 400; the last line of its metrics is half written."""
    training = TrainConfig(iterations=400, batch_size=2, seq_length=5, val_frac=0.1)
    corpus = {"name": "novel.txt", "digest": "d1", "characters": 1000}
    path = tiny.run(tmp_path, "one", {100: 2.2, 400: 2.3}, training=training, corpus=corpus)
    write_metrics(path, [(50, 2.5, 2.5), (100, 2.2, 2.2), (200, 1.8, 2.0), (400, 1.4, 2.3)], clipped=100)
    found = verdict.of_run(Run(path))
    measured = [
        Point(iteration=50, train=2.5, held_out=2.5, has_snapshot=False),
        Point(iteration=100, train=2.2, held_out=2.2),
        Point(iteration=200, train=1.8, held_out=2.0, has_snapshot=False),
        Point(iteration=400, train=1.4, held_out=2.3),
    ]
    parameters = sum(weight.size for weight in tiny.weights(tiny.header()).values())
    expected = judge(
        measured, epochs=400 * 2 * 5 / 900, dropout=0.0, parameters=parameters, characters=900, clipped_share=0.25
    )
    assert found is not None
    assert found.sentences == expected.sentences
    assert (found.use, found.outcome) == (100, "memorising")
    assert found.use == Run(path).best.header.iteration


@pytest.mark.parametrize("dropped", ["dropout", "input_dropout", "recurrent_dropout"])
def test_the_largest_dropout_of_a_run_is_named(tmp_path: Path, dropped: str) -> None:
    shares = {"dropout": 0.05, "input_dropout": 0.05, "recurrent_dropout": 0.05} | {dropped: 0.25}
    model, corpus = dataclasses.replace(tiny.MODEL, **shares), {"name": "a", "digest": "d", "characters": 1000}
    path = tiny.run(tmp_path, "one", {100: 2.0, 200: 2.5}, model=model, corpus=corpus)
    write_metrics(path, [(100, 2.0, 2.0), (200, 1.5, 2.5)])
    found = verdict.of_run(Run(path))
    assert found is not None
    assert "more dropout (now 0.25)" in advised(found)


def test_the_clipped_gradients_of_a_run_count(tmp_path: Path) -> None:
    path = tiny.run(tmp_path, "one", {50: 2.0, 75: 2.0, 100: 2.0})
    write_metrics(path, [(50, 2.0, 2.0), (75, 2.0, 2.0), (100, 2.0, 2.0)], clipped=60)
    found = verdict.of_run(Run(path))
    assert found is not None
    assert advised(found) == "Try a lower --learning-rate: 60% of the gradients were clipped."


def test_of_a_run_at_work_and_of_one_that_ended_early(tmp_path: Path) -> None:
    at_work = tiny.run(tmp_path, "work", {100: 2.4, 200: 2.2}, training=TrainConfig(iterations=1000))
    found = verdict.of_run(Run(at_work))
    assert found is not None
    assert "--resume" in advised(found)
    resume = at_work / "resume.safetensors"
    tiny.save(resume, kind="resume", iteration=200, training=TrainConfig(iterations=1000), progress={"stopped": True})
    found = verdict.of_run(Run(at_work))
    assert found is not None
    assert "--resume" not in advised(found)


def test_a_run_is_judged_by_its_snapshots_where_its_metrics_are_lost(tmp_path: Path) -> None:
    path = tiny.run(tmp_path, "one", {100: 2.4, 200: 2.2, 400: 2.0}, training=TrainConfig(iterations=400))
    (path / "metrics.jsonl").write_bytes(b'\xff{"iteration": 100}\n[1]\n{"iteration": "x", "held_out_loss": "y"}\n')
    found = verdict.of_run(Run(path))
    assert found is not None
    assert (found.use, found.outcome) == (400, "learning")


def test_there_is_no_verdict_where_nothing_was_held_out_or_kept(tmp_path: Path) -> None:
    assert verdict.of_run(Run(tiny.run(tmp_path, "none held out", {100: None, 200: None}))) is None
    empty = tiny.run(tmp_path, "empty", {})
    assert verdict.of_run(Run(empty)) is None
    write_metrics(empty, [(100, 2.0, 2.0)])
    assert verdict.of_run(Run(empty)) is None


# -- what the documentation says -------------------------------------------------------------------------------------


def test_the_documentation_has_every_threshold_as_it_is() -> None:
    told = {name: float(value) for name, value in re.findall(r"^\| `(\w+)` \| ([\d.]+) \|", DOCS.read_text(), re.M)}
    modules = (course, advice, sample_statistics)
    constants = {
        name: float(value)
        for module in modules
        for name, value in vars(module).items()
        if re.fullmatch("[A-Z][A-Z_]+", name)
    }
    assert told == constants | {"EXPLOSION": history.EXPLOSION}


def test_the_documentation_has_every_rule_and_every_option_it_advises() -> None:
    text = DOCS.read_text("utf-8")
    for said in verdict._TITLES.values():
        assert f"**{said}**" in text
    source = Path(advice.__file__).read_text("utf-8")
    options = set(re.findall(r"--[a-z-]+[a-z]", source))
    assert options
    assert {option for option in options if f"`{option}`" not in text} == set()


SORTED = Finding(kind="sorted-lines", message="the lines are in order", advice="Try --shuffle lines.", count=9)


@pytest.mark.parametrize("curve", [learning, memorising, settled])
def test_what_is_wrong_with_the_text_is_said_before_the_network(curve: Curve) -> None:
    found = judge(points(curve), findings=[SORTED], **USUAL)
    assert advised(found) == "Look at the text first: the lines are in order. Try --shuffle lines."
    assert found.outcome == judge(points(curve), **USUAL).outcome


def test_no_text_is_to_blame_for_a_loss_that_exploded() -> None:
    assert judge(points(unstable), findings=[SORTED], **USUAL) == judge(points(unstable), **USUAL)
