"""A comparison, as people look at it: tables of measurements and settings, verdicts, samples side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from charrnn.evaluation.bootstrap import Difference
from charrnn.evaluation.compared_samples import ComparedSample
from charrnn.evaluation.comparison import Comparison, TrainingCost
from charrnn.evaluation.measurement import Measurement
from charrnn.evaluation.sample_statistics import SampleStatistics, interpretation
from charrnn.evaluation.settings import shown, unlike_first
from charrnn.evaluation.verdict import Verdict
from charrnn.formatting import Units, common_unit, duration, nats, size, told_in
from charrnn.runs.listing import CheckpointRow
from charrnn.shell import folded_command
from charrnn.terminal.console import body, fits, loss, open_table, plain, share, show_table, show_text

_KNOWN_WORDS, _KNOWN_TRIGRAMS = "Known\nwords", "Known\ntrigrams"
_LOSSES = {"train_loss": "Train", "held_out_loss": "Held-out", "mixed_loss": "+ counts"}
_NARROWEST = 36  # characters of a column of samples; below it they are shown one under another
_MOST_COLUMNS = 3
_SIGN: Mapping[Units, str] = {"bits": "+", "nats": "+", "perplexity": "×"}  # before how far one is from the best


def show_rows(out: Console, rows: Sequence[CheckpointRow], units: Units = "bits") -> None:
    """The measurements, one checkpoint a line; the run in a column of its own if there are several.

    Where there is no room for the losses with counts beside all else, what was seen in training is left out.
    """
    several = len({row.run for row in rows}) > 1 or not rows[0].run
    if not several:
        out.print(plain(rows[0].run, "bold"))
        out.print()
    whole, shorter = (_rows_table(rows, units, several=several, with_seen=with_seen) for with_seen in (True, False))
    mixed = any(row.mixed_loss is not None for row in rows)
    show_table(out, shorter if mixed and fits(out, shorter) and not fits(out, whole) else whole)


def _rows_table(rows: Sequence[CheckpointRow], units: Units, *, several: bool, with_seen: bool) -> Table:
    """The table of the measurements."""
    unit = common_unit(row.unit for row in rows)
    told, seen = (unit.short_of(units), unit.many.capitalize()) if unit else (units, "Seen")
    mixed = any(row.mixed_loss is not None for row in rows)
    losses = ("train_loss", "held_out_loss", *(("mixed_loss",) if mixed else ()))
    figures = ["Iteration", *([seen] if with_seen else []), *(f"{_LOSSES[name]}\n{told}" for name in losses)]
    figures += [*([] if unit else ["per"]), *_known_heads(rows)]
    table = open_table(*(("Run",) if several else ()), *figures, "", right=figures)
    above = None
    for row in rows:
        cells = [f"{row.iteration:,}", *([f"{row.characters:,}"] if with_seen else [])]
        cells += [loss(told_in(units, getattr(row, name))) for name in losses]
        cells += [] if unit else [row.unit.one]
        cells += [*_known_cells(row, figures), "* best" if row.best else row.beginning]
        name = [plain("" if row.run and row.run == above else row.run or row.name)] if several else []
        table.add_row(*name, *map(plain, cells), style="bold green" if row.best else "")
        above = row.run
    return table


def _known_heads(samples: Sequence[CheckpointRow | SampleStatistics]) -> list[str]:
    """A column for known words, or for the trigrams that were looked up in their place, or for both."""
    trigrams = any(measured.known_trigrams is not None for measured in samples)
    words = not trigrams or any(measured.known_words is not None for measured in samples)
    return [*([_KNOWN_WORDS] if words else []), *([_KNOWN_TRIGRAMS] if trigrams else [])]


def _known_cells(sample: CheckpointRow | SampleStatistics, heads: Sequence[str]) -> list[str]:
    """The cells below those heads."""
    shares = {_KNOWN_WORDS: sample.known_words, _KNOWN_TRIGRAMS: sample.known_trigrams}
    return [share(value) for head, value in shares.items() if head in heads]


def show_settings(out: Console, groups: Sequence[str], settings: Mapping[str, Sequence[Any]]) -> None:
    """Only what differs: settings down, runs across; more than three runs down, each with what the first has not."""
    out.print(plain("Settings that differ", "bold"))
    out.print()
    if len(groups) <= _MOST_COLUMNS:
        table = open_table("", *groups)
        for name, values in settings.items():
            table.add_row(plain(name.replace("_", "-")), *(plain(shown(name, value)) for value in values))
    else:
        table = open_table("", "What differs from the first")
        for group, others in zip(groups, unlike_first(settings), strict=True):
            listed = ", ".join(f"{name.replace('_', '-')} {shown(name, value)}" for name, value in others.items())
            table.add_row(*map(plain, [group, listed or "nothing"]))
    show_table(out, table)


def show_costs(out: Console, groups: Sequence[str], costs: Sequence[TrainingCost]) -> None:
    """How large the networks are and how long they were trained."""
    figures = ("Parameters", "Seen", "Time", "Size")
    table = open_table("", *figures, right=figures)
    for group, cost in zip(groups, costs, strict=True):
        seconds = "-" if cost.seconds is None else duration(cost.seconds)
        table.add_row(*map(plain, [group, f"{cost.parameters:,}", f"{cost.characters:,}", seconds, size(cost.size)]))
    show_table(out, table)


def show_measurement(
    out: Console, measurement: Measurement, rows: Sequence[CheckpointRow], units: Units = "bits"
) -> None:
    """Models on one text, and in words by how much one is better than another; of many only than the next best."""
    rows_by_path = {row.path: row for row in rows}
    unit, held_out = measurement.unit, "held-out " if measurement.held_out else ""
    out.print(plain(f"Measured on {measurement.count:,} {held_out}{unit.many} of {measurement.text}", "bold"))
    out.print()
    short = unit.short_of(units)
    figures = ("Iteration", f"Carried\n{short}", f"Cold\n{short}", "Unseen", "Behind the best")
    many = len(measurement.models) > _MOST_COLUMNS
    table = open_table("", *figures, *([""] if many else []), right=figures)

    def add(facts: Sequence[str], losses: Sequence[float | None], behind: Difference | None, *, best: bool) -> None:
        *names, unseen = facts
        cells = [*names, *(loss(told_in(units, nats(bits))) for bits in losses), unseen]
        cells.append(f"{_SIGN[units]}{_interval(behind, units)}" if behind else "* best" if best else "")
        cells += ["may be chance" if behind and not behind.clear else ""] if many else []
        table.add_row(*map(plain, cells), style="bold green" if best else "")

    for model in measurement.models:
        row = rows_by_path[model.path]
        facts = (row.run or row.name, f"{row.iteration:,}", f"{model.unseen:,}")
        add(facts, (model.carried, model.cold), model.difference, best=model.path == measurement.best)
        if model.mixed_carried is not None:
            best = measurement.several_mixed and model.path == measurement.mixed_best
            add(("  + counts", "", ""), (model.mixed_carried, model.mixed_cold), model.mixed_difference, best=best)
    if measurement.ngrams is not None:
        counted = loss(told_in(units, nats(measurement.ngrams)))
        table.add_row(plain(f"n-grams of order {measurement.order}"), "", plain(counted))
    show_table(out, table)
    labels = {path: row.label for path, row in rows_by_path.items()}
    for line in _differences(measurement, labels, units):
        out.print()
        out.print(plain(line))


def _differences(measurement: Measurement, labels: Mapping[Path, str], units: Units) -> Iterator[str]:
    """By how much the best is better than the others, in words, and with counts likewise; of many, than the next."""
    unit, having = measurement.unit, [model for model in measurement.models if model.mixed_carried is not None]
    networks = [(model.carried, model.path, model.difference) for model in measurement.models]
    mixed = [(model.mixed_carried or 0.0, model.path, model.mixed_difference) for model in having]
    for best, models, kind in (
        (measurement.best, networks, " (network)" if having else ""),
        (measurement.mixed_best, mixed, " (network + counts)"),
    ):
        told = sorted(models, key=lambda model: model[0])[:2] if len(measurement.models) > _MOST_COLUMNS else models
        for _, path, difference in told:
            if best is None or difference is None:
                continue
            sure = "" if difference.clear else ", which may be chance"
            by, of_perplexity = _interval(difference, units), units == "perplexity"
            how = f", whose perplexity is {by} times as high" if of_perplexity else f" by {by} {units} per {unit.one}"
            yield f"{labels[best]}{kind} is better than {labels[path]}{kind}{how}{sure}."


def _interval(difference: Difference, units: Units) -> str:
    """A difference and its interval: `0.069 ± 0.006`; of perplexities their ratio: `1.049 (1.045 to 1.053)`."""
    mean, low, high = (told_in(units, nats(bits)) for bits in (difference.mean, difference.low, difference.high))
    if units == "perplexity":
        return f"{mean:.3f} ({low:.3f} to {high:.3f})"
    return f"{mean:.3f} ± {(high - low) / 2:.3f}"


def show_verdicts(out: Console, verdicts: Mapping[str, Verdict]) -> None:
    """What is to be said of each run, and the command that follows; of several only the first sentence."""
    several = len(verdicts) > 1
    if len(verdicts) > _MOST_COLUMNS:
        table = open_table("", "Verdict")
        for run, verdict in verdicts.items():
            table.add_row(plain(run), plain(verdict.sentences[0]))
        show_table(out, table)
        return
    for run, verdict in verdicts.items():
        out.print(plain(f"{run}: {verdict.sentences[0]}" if several else " ".join(verdict.sentences)))
        if verdict.command and not several:
            out.print(plain(folded_command(verdict.command, out.width)), soft_wrap=True)


def show_statistics(out: Console, samples: Sequence[ComparedSample], real: SampleStatistics) -> None:
    """What the samples are made of, beside real text, and what to make of that."""
    several = len({sample.temperature for sample in samples}) > 1
    heads = _known_heads([real, *(sample.statistics for sample in samples)])
    figures = ("Iteration", *(("Temperature",) if several else ()), *heads, "Word for\nword", "Repeated")
    table = open_table("", *figures, "", right=figures)
    for sample in samples:
        row, its = sample.row, sample.statistics
        cells = [row.run or row.name, f"{row.iteration:,}", *([f"{sample.temperature:g}"] if several else [])]
        cells += [*_known_cells(its, heads), share(its.verbatim), share(its.repetition)]
        table.add_row(*map(plain, [*cells, interpretation(its, real) or ""]))
    if any(value is not None for value in real.to_dict().values()):
        shares = [*_known_cells(real, heads), share(real.verbatim), share(real.repetition)]
        table.add_row(*map(plain, ["held-out text", *[""] * (1 + several), *shares, ""]))
    show_table(out, table)
    out.print()


def show_samples(out: Console, samples: Sequence[ComparedSample]) -> None:
    """The samples in columns if there are few enough and the terminal is wide enough, else one under another."""
    rows = [sample.row for sample in samples]
    single_run = len({row.run for row in rows}) == 1 and rows[0].run
    titles = [f"Iteration {row.iteration:,}" if single_run else row.label for row in rows]
    if len({sample.temperature for sample in samples}) > 1:
        titles = [f"{title}, temperature {sample.temperature:g}" for title, sample in zip(titles, samples, strict=True)]
    titles = [title + (" (best)" if row.best else "") for title, row in zip(titles, rows, strict=True)]
    bodies = [body(sample.prime, sample.text, backward=sample.backward) for sample in samples]
    columns = len(samples)
    fits = out.is_terminal and 2 <= columns <= _MOST_COLUMNS and out.width // columns >= _NARROWEST
    if fits and not any("\t" in text.plain for text in bodies):  # tab stops are those of a whole line
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, expand=True)
        for title in titles:
            table.add_column(plain(title, "bold"), ratio=1, overflow="fold")
        table.add_row(*bodies)
        out.print(table)
        return
    for title, text in zip(titles, bodies, strict=True):
        show_text(out, title, text)
        out.print()


def show_comparison(out: Console, comparison: Comparison, units: Units = "bits") -> None:
    """Everything but the problems."""
    show_rows(out, comparison.rows, units)
    for note in comparison.notes:
        out.print()
        out.print(plain(note))
    if len(comparison.groups) > 1 and comparison.settings:
        out.print()
        show_settings(out, comparison.groups, comparison.settings)
    if len(comparison.groups) > 1:
        out.print()
        show_costs(out, comparison.groups, comparison.costs)
    if comparison.verdicts:
        out.print()
        show_verdicts(out, comparison.verdicts)
    if comparison.measurement:
        out.print()
        show_measurement(out, comparison.measurement, comparison.rows, units)
    if comparison.samples:
        out.print()
        request = comparison.request
        temperatures = ", ".join(f"{temperature:g}" for temperature in request.temperatures)
        having = any(sample.row.mixed_loss is not None for sample in comparison.samples)
        mixed = any(sample.ngrams for sample in comparison.samples)
        by = ", by network + counts" if mixed else ", by the network alone" if having else ""
        how = f"prime {comparison.prime!r}, seed {request.seed}, temperature {temperatures}{by}"
        if all(sample.restored for sample in comparison.samples):
            how = "passages with hidden characters, and as they are restored"
        out.print(plain(f"Samples: {how}"))
        out.print()
        show_statistics(out, comparison.samples, comparison.real)
        show_samples(out, comparison.samples)
