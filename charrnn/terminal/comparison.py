"""A comparison, as people look at it: tables of measurements and settings, verdicts, samples side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from charrnn.evaluation.comparison import ComparedSample, Comparison, TrainingCost
from charrnn.evaluation.head_to_head import Measurement
from charrnn.evaluation.sample_statistics import SampleStatistics, reading_of
from charrnn.formatting import duration, size
from charrnn.runs.listing import Row
from charrnn.terminal.console import body, bpc, open_table, plain, setting, share, show_text

_NARROWEST = 36  # characters of a column of samples; below it they are shown one under another
_MOST_COLUMNS = 3


_FIGURES = ("Iteration", "Characters", "Train\nbpc", "Held-out\nbpc", "Known\nwords")


def show_rows(out: Console, rows: Sequence[Row]) -> None:
    """The measurements, one checkpoint a line; the run in a column of its own if there are several."""
    several = len({row.run for row in rows}) > 1 or not rows[0].run
    table = open_table(*(("Run",) if several else ()), *_FIGURES, "", right=_FIGURES)
    above = None
    for row in rows:
        cells = [f"{row.iteration:,}", f"{row.characters:,}", bpc(row.train_bpc), bpc(row.held_out_bpc)]
        cells += [share(row.known_words), "* best" if row.best else ""]
        name = [plain("" if row.run and row.run == above else row.run or row.name)] if several else []
        table.add_row(*name, *map(plain, cells), style="bold green" if row.best else "")
        above = row.run
    if not several:
        out.print(plain(rows[0].run, "bold"))
        out.print()
    out.print(table)


def show_settings(out: Console, groups: Sequence[str], settings: Mapping[str, Sequence[Any]]) -> None:
    """Only what differs: settings down, runs across; more than three runs one after the other."""
    out.print(plain("Settings that differ", "bold"))
    out.print()
    if len(groups) <= _MOST_COLUMNS:
        table = open_table("", *groups)
        for name, values in settings.items():
            table.add_row(plain(name.replace("_", "-")), *(plain(setting(value)) for value in values))
        out.print(table)
        return
    for number, group in enumerate(groups):
        out.print(plain(group))
        for name, values in settings.items():
            out.print(plain(f"  {name.replace('_', '-')}: {setting(values[number])}"), soft_wrap=True)


def show_took(out: Console, groups: Sequence[str], took: Sequence[TrainingCost]) -> None:
    """How large the networks are and how long they were trained."""
    figures = ("Parameters", "Characters", "Time", "Size")
    table = open_table("", *figures, right=figures)
    for group, one in zip(groups, took, strict=True):
        seconds = "-" if one.seconds is None else duration(one.seconds)
        table.add_row(*map(plain, [group, f"{one.parameters:,}", f"{one.characters:,}", seconds, size(one.size)]))
    out.print(table)


def show_measurement(out: Console, found: Measurement, rows: Sequence[Row]) -> None:
    """Models on one text, and in words by how much one is better than another."""
    known = {row.path: row for row in rows}
    what = "held-out characters" if found.held_out else "characters"
    out.print(plain(f"Measured on {found.characters:,} {what} of {found.text}", "bold"))
    out.print()
    figures = ("Iteration", "Carried\nbpc", "Cold\nbpc", "Unseen", "Behind the best")
    table = open_table("", *figures, right=figures)
    for one in found.models:
        row = known[one.path]
        behind = f"{one.behind.mean:+.3f} ± {one.behind.half:.3f}" if one.behind else "* best"
        cells = [row.run or row.name, f"{row.iteration:,}", bpc(one.carried), bpc(one.cold), f"{one.unseen:,}", behind]
        table.add_row(*map(plain, cells), style="" if one.behind else "bold green")
    if found.ngrams is not None:
        table.add_row(plain(f"n-grams of order {found.order}"), "", plain(bpc(found.ngrams)))
    out.print(table)
    for one in found.models:
        if one.behind:
            out.print()
            sure = "" if one.behind.clear else ", which may be chance"
            by = f"by {one.behind.mean:.3f} ± {one.behind.half:.3f} bits per character{sure}."
            out.print(plain(f"{known[found.best].label} is better than {known[one.path].label} {by}"))


def show_verdicts(out: Console, verdicts: Mapping[str, Sequence[str]]) -> None:
    """What is to be said of each run; of several only the first sentence."""
    for run, sentences in verdicts.items():
        several = len(verdicts) > 1
        out.print(plain(f"{run}: {sentences[0]}" if several else " ".join(sentences)))


def show_textures(out: Console, samples: Sequence[ComparedSample], real: SampleStatistics) -> None:
    """What the samples are made of, beside real text, and what to make of that."""
    several = len({one.temperature for one in samples}) > 1
    figures = ("Iteration", *(("Temperature",) if several else ()), "Known\nwords", "Word for\nword", "Repeated")
    table = open_table("", *figures, "", right=figures)
    for one in samples:
        row, made = one.row, one.texture
        cells = [row.run or row.name, f"{row.iteration:,}", *([f"{one.temperature:g}"] if several else [])]
        cells += map(share, (made.known_words, made.found, made.repetition))
        table.add_row(*map(plain, [*cells, reading_of(made, real) or ""]))
    shares = (real.known_words, real.found, real.repetition)
    if any(one is not None for one in shares):
        table.add_row(*map(plain, ["held-out text", *[""] * (1 + several), *map(share, shares), ""]))
    out.print(table)
    out.print()


def show_samples(out: Console, samples: Sequence[ComparedSample]) -> None:
    """The samples in columns if there are few enough and the terminal is wide enough, else one under another."""
    one_run = len({one.row.run for one in samples}) == 1 and samples[0].row.run
    labels = [f"Iteration {one.row.iteration:,}" if one_run else one.row.label for one in samples]
    if len({one.temperature for one in samples}) > 1:
        labels = [f"{label}, temperature {one.temperature:g}" for label, one in zip(labels, samples, strict=True)]
    titles = [label + (" (best)" if one.row.best else "") for label, one in zip(labels, samples, strict=True)]
    bodies = [body(one.prime, one.text) for one in samples]
    columns = len(samples)
    if out.is_terminal and 2 <= columns <= _MOST_COLUMNS and out.width // columns >= _NARROWEST:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, expand=True)
        for title in titles:
            table.add_column(plain(title, "bold"), ratio=1, overflow="fold")
        table.add_row(*bodies)
        out.print(table)
        return
    for title, text in zip(titles, bodies, strict=True):
        show_text(out, title, text)
        out.print()


def show_comparison(out: Console, comparison: Comparison) -> None:
    """Everything but the problems."""
    show_rows(out, comparison.rows)
    for note in comparison.notes:
        out.print()
        out.print(plain(note))
    if len(comparison.groups) > 1 and comparison.settings:
        out.print()
        show_settings(out, comparison.groups, comparison.settings)
    if len(comparison.groups) > 1:
        out.print()
        show_took(out, comparison.groups, comparison.took)
    if comparison.verdicts:
        out.print()
        show_verdicts(out, comparison.verdicts)
    if comparison.measurement:
        out.print()
        show_measurement(out, comparison.measurement, comparison.rows)
    if comparison.samples:
        out.print()
        temperatures = ", ".join(f"{one:g}" for one in comparison.temperatures)
        out.print(plain(f"Samples: prime {comparison.prime!r}, seed {comparison.seed}, temperature {temperatures}"))
        out.print()
        show_textures(out, comparison.samples, comparison.real)
        show_samples(out, comparison.samples)
