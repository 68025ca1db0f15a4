"""What people look at: tables, samples side by side, where a checkpoint comes from.

Generated text and whatever files say goes through `plain`: never markup, never raw control characters. Without a
terminal, or with NO_COLOR, there are no escape sequences and samples keep their lines.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NoReturn

from rich import box
from rich.console import Console
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from charrnn.catalog import Listed, Row
from charrnn.comparison import Comparison, Took, Written
from charrnn.measuring import Measurement
from charrnn.terminal_text import visible
from charrnn.texture import Texture, reading_of
from charrnn.units import duration, size

_NARROWEST = 36  # characters of a column of samples; below it they are shown one under another
_MOST_COLUMNS = 3


class _Console(Console):
    def on_broken_pipe(self) -> NoReturn:
        # The reader (`| head`) has all it wanted. Python would complain again while flushing at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def console() -> Console:
    """Standard output: in colour only on a terminal without NO_COLOR."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # an old code page lacks what a text has
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    color_system: Literal["auto"] | None = "auto" if colour else None
    return _Console(file=sys.stdout, color_system=color_system, markup=False, emoji=False, highlight=False)


def plain(text: object, style: str = "") -> Text:
    """Anything as rich text that does nothing but show itself."""
    return Text(visible(str(text)), style=style)


def one_line(text: str) -> str:
    """`text` as it would be typed in Python: newlines and controls as escapes."""
    return visible(text.translate({ord("\\"): "\\\\", ord("\n"): "\\n", ord("\t"): "\\t", ord("\r"): "\\r"}))


def bpc(value: float | None) -> str:
    """Bits per character for people."""
    return "-" if value is None else f"{value:.3f}"


def share(value: float | None) -> str:
    """0.25 as `25%`."""
    return "-" if value is None else f"{value:.0%}"


def moment(created: str) -> str:
    """`2026-11-21 14:20 UTC` from ISO 8601; anything else as it is."""
    try:
        when = datetime.fromisoformat(created)
    except ValueError:
        return created
    return f"{when:%Y-%m-%d %H:%M}" + (f" {when.tzname()}" if when.tzinfo else "")


def open_table(*columns: str, right: Iterable[str] = ()) -> Table:
    """A table without frames; `right` are the columns of figures."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:  # names and values break anywhere rather than be cut short; figures never break
        title, figure = plain(column, "bold"), column in right
        table.add_column(
            title, justify="right" if figure else "left", overflow="fold", no_wrap=figure, vertical="bottom"
        )
    return table


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
            table.add_row(plain(name.replace("_", "-")), *(plain(_value(value)) for value in values))
        out.print(table)
        return
    for number, group in enumerate(groups):
        out.print(plain(group))
        for name, values in settings.items():
            out.print(plain(f"  {name.replace('_', '-')}: {_value(values[number])}"), soft_wrap=True)


def show_took(out: Console, groups: Sequence[str], took: Sequence[Took]) -> None:
    """How large the networks are and how long they were trained."""
    figures = ("Parameters", "Characters", "Time", "Size")
    table = open_table("", *figures, right=figures)
    for group, one in zip(groups, took, strict=True):
        seconds = "-" if one.seconds is None else duration(one.seconds)
        table.add_row(*map(plain, [group, f"{one.parameters:,}", f"{one.characters:,}", seconds, size(one.size)]))
    out.print(table)


def _value(value: Any) -> str:
    if value is None:
        return "default"
    if isinstance(value, list | tuple):
        return ",".join(map(str, value)) or "none"
    if isinstance(value, str):
        return one_line(value)
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


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


def show_textures(out: Console, samples: Sequence[Written], real: Texture) -> None:
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


def show_samples(out: Console, samples: Sequence[Written]) -> None:
    """The samples in columns if there are few enough and the terminal is wide enough, else one under another."""
    one_run = len({one.row.run for one in samples}) == 1 and samples[0].row.run
    labels = [f"Iteration {one.row.iteration:,}" if one_run else one.row.label for one in samples]
    if len({one.temperature for one in samples}) > 1:
        labels = [f"{label}, temperature {one.temperature:g}" for label, one in zip(labels, samples, strict=True)]
    titles = [label + (" (best)" if one.row.best else "") for label, one in zip(labels, samples, strict=True)]
    bodies = [_body(one.prime, one.text) for one in samples]
    columns = len(samples)
    if out.is_terminal and 2 <= columns <= _MOST_COLUMNS and out.width // columns >= _NARROWEST:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, expand=True)
        for title in titles:
            table.add_column(plain(title, "bold"), ratio=1, overflow="fold")
        table.add_row(*bodies)
        out.print(table)
        return
    for title, body in zip(titles, bodies, strict=True):
        _show_text(out, title, body)
        out.print()


def _show_text(out: Console, title: str, body: Text) -> None:
    """A text under its title and a rule."""
    out.print(plain(title, "bold"))
    out.print(Rule(characters="-", style=""))
    if out.is_terminal:
        out.print(body)
    else:  # a file or pipe gets the lines as they were written, with their tabs
        out.out(body.plain, highlight=False)


def _body(prime: str, text: str) -> Text:
    """The prime, set apart where there is colour, and what follows it; without blank lines around."""
    body = Text().append_text(plain(prime, "bold")).append_text(plain(text))
    shown = body.plain
    return body[len(shown) - len(shown.lstrip("\n")) : len(shown.rstrip("\n"))] if shown.strip("\n") else Text()


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


def show_listing(out: Console, listed: Sequence[Listed]) -> None:
    """Each run in a line or two, its checkpoints below."""
    for number, one in enumerate(listed):
        if number:
            out.print()
        out.print(plain(one.run.name, "bold"), plain(moment(one.run.created)), soft_wrap=True)
        count = len(one.rows)
        facts = [f"{count} snapshot{'' if count == 1 else 's'}", f"{one.iterations:,} iterations", size(one.size)]
        if one.best:
            facts.append(f"best {bpc(one.best.held_out_bpc)} bpc held out")
        out.print(plain("  " + ", ".join(facts)))
        if not one.rows:
            continue
        table = open_table(
            "", "Iteration", "Held-out bpc", "Size", "File", "", right=("Iteration", "Held-out bpc", "Size")
        )
        for row in one.rows:
            cells = [f"{row.iteration:,}", bpc(row.held_out_bpc), size(row.size), row.path.name]
            cells.append("* best" if row.best else "")
            table.add_row(" ", *map(plain, cells), style="bold green" if row.best else "")
        out.print(table)


def show_provenance(out: Console, facts: Mapping[str, Any]) -> None:
    """Everything that `catalog.provenance` tells, the sample last."""
    vocabulary, sample = facts["vocabulary"], facts["sample"]
    out.print(plain(facts["path"], "bold"), soft_wrap=True)  # a path can be copied only in one piece
    lines: dict[str, Any] = {
        "kind": facts["kind"],
        "size": size(facts["size"]),
        "sha-256": facts["sha256"],
        "checked": "the checksum holds",
        "created": moment(facts["created"]),
        "made with": _pairs(facts["made_with"]),
        "iteration": f"{facts['iteration']:,}",
        "seen": f"{facts['characters']:,} characters",
        "train": f"{bpc(facts['train_bpc'])} bits per character",
        "held out": f"{bpc(facts['held_out_bpc'])} bits per character",
        "corpus": _pairs(facts["corpus"]),
        "reading": _pairs(facts["reading"]),
        **({"began from": _pairs(facts["began_from"])} if facts["began_from"] else {}),
        "vocabulary": "all 256 bytes"
        if vocabulary["of_bytes"]
        else f"{vocabulary['size']:,} characters: {one_line(vocabulary['characters'])}",
        "parameters": f"{facts['parameters']:,}",
        "model": _pairs(facts["model"]),
        "training": _pairs(facts["training"]),
    }
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in lines.items():
        table.add_row(plain(name, "bold"), plain(value))
    out.print(table)
    if sample is None:
        return
    how = f"seed {sample['seed']}, temperature {sample['temperature']:g}, known words {share(sample['known_words'])}"
    out.print()
    _show_text(out, f"sample: {how}", _body(sample["prime"], sample["text"]))


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{str(name).replace('_', '-')} {_value(value)}" for name, value in values.items())
