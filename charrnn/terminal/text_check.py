"""What `charrnn corpora check` found, as people look at it."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter

from rich.console import Console
from rich.table import Table

from charrnn.formatting import duration, plural
from charrnn.terminal.console import open_table, plain, show_table
from charrnn.text_check.check import TextSummary
from charrnn.training.presets import Choice
from charrnn.training.trials import Trial

_FIGURES = ("Parameters", "Characters/s", "Time")
_MOST = 24  # rare characters listed one by one


def show_summary(out: Console, summary: TextSummary) -> None:
    """Print everything but how long networks would take."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    unit = "bytes" if summary.encodings == ("bytes",) else "characters"
    facts = {"text": summary.name, unit: f"{summary.characters:,}; {summary.held_out_where} held out"}
    if summary.documents > 1:
        facts["documents"] = f"{summary.documents:,} of {summary.shortest:,} to {summary.longest:,} {unit}"
    if unit == "characters":
        facts["encoding"] = ", ".join(summary.encodings)
    facts["distinct"] = (
        f"{summary.distinct:,}, most often {' '.join(symbol_of(character) for character, _ in summary.common)}"
    )
    if summary.rare:
        by_count = groupby(summary.rare[:_MOST], key=itemgetter(1))
        listed = [f"{' '.join(symbol_of(rare) for rare, _ in group)} ({count} x)" for count, group in by_count]
        others = f", and {len(summary.rare) - _MOST:,} more" if len(summary.rare) > _MOST else ""
        facts["rare"] = f"{', '.join(listed)}{others}"
    if summary.unknown:
        facts["unknown"] = f"{summary.unknown:,} characters share the unknown symbol"
    if summary.baseline:
        base = summary.baseline
        single = unit.removesuffix("s")
        facts["counting"] = (
            f"{base.bits:.3f} bits per {single} held out, by {base.order}-grams (modified Kneser-Ney; counted in "
            f"{base.trained_on:,}, measured on {plural(base.measured_on, single)}). A network should get below."
        )
    for name, fact in facts.items():
        table.add_row(plain(name, "bold"), plain(fact))
    show_table(out, table)
    out.print()
    if not summary.findings:
        out.print(plain("Nothing odd was found."))
    findings = Table.grid(padding=(0, 1))
    findings.add_column()
    findings.add_column(overflow="fold")
    for finding in summary.findings:
        findings.add_row(plain("-"), plain(finding.message))
        if finding.advice:
            findings.add_row(plain(""), plain(finding.advice))
    show_table(out, findings)


def symbol_of(character: str) -> str:
    """A character among others: itself if it can be seen, else its number."""
    if len(character) > 1:  # a byte's name
        return character
    if character.isprintable() and not character.isspace() and not unicodedata.combining(character):
        return character
    return {" ": "space", "\n": "newline", "\t": "tab"}.get(character, f"U+{ord(character):04X}")


def show_trials(out: Console, trials: Sequence[Trial], suggestions: Sequence[Choice]) -> None:
    """Print how long networks would take, and which to begin with."""
    if not trials:
        return
    out.print()
    out.print(
        plain(f"On this machine, {trials[0].iterations:,} iterations ({trials[0].epochs:.1f} epochs) would take:")
    )
    out.print()
    table = open_table("Network", *_FIGURES, right=_FIGURES)
    for trial in trials:
        size = f"LSTM {trial.layers} x {trial.width}"
        table.add_row(*map(plain, (size, f"{trial.parameters:,}", f"{trial.speed:,.0f}", duration(trial.seconds))))
    show_table(out, table)
    out.print()
    for suggestion in suggestions:
        minutes = (suggestion.training.time or 0) / 60
        width, dropout = suggestion.model.rnn_size, suggestion.model.dropout
        network = f"2 x {width}, dropout {dropout:g}" if dropout else f"2 x {width}"
        line = f"{suggestion.preset}: {network}; {suggestion.epochs:,.{1 if suggestion.epochs < 10 else 0}f} epochs"
        out.print(plain(f"--time {minutes:g}m".ljust(12) + line))
