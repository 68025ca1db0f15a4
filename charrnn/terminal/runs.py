"""Runs and checkpoints, as people look at them: the listing, and where a checkpoint comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from charrnn.evaluation.settings import shown
from charrnn.formatting import BYTE, CHARACTER, Unit, known_share, one_line, plural, size
from charrnn.runs.listing import RunSummary
from charrnn.terminal.console import body, loss, moment, open_table, plain, show_table, show_text

_LONGEST_VALUE = 10_000  # characters that are shown of one; every alphabet has fewer, and most sets of ideographs


def show_listing(out: Console, listed: Sequence[RunSummary]) -> None:
    """Each run in a line or two, its checkpoints below."""
    for number, summary in enumerate(listed):
        if number:
            out.print()
        out.print(plain(summary.run.name, "bold"), plain(moment(summary.run.created)), soft_wrap=True)
        count = len(summary.rows)
        facts = [plural(count, "snapshot"), plural(summary.iterations, "iteration")]
        facts.append(size(summary.size))
        if summary.backward:
            facts.append("backward")
        if summary.best:
            beside = "" if summary.best.mixed_loss is None else f", + counts {loss(summary.best.mixed_bits)}"
            masked = " (masked loss)" * summary.masked
            facts.append(f"best {loss(summary.best.held_out_bits)} {summary.unit.short} held out{beside}{masked}")
        if summary.diverged is not None:
            facts.append(f"diverged at iteration {summary.diverged:,}")
        out.print(plain("  " + ", ".join(facts)))
        if not summary.rows:
            continue
        counts = any(row.mixed_loss is not None for row in summary.rows)
        heads = ("Iteration", f"Held-out {summary.unit.short}", *(["+ counts"] if counts else []), "Size")
        table = open_table("", *heads, "File", "", right=heads)
        for row in summary.rows:
            losses = [loss(row.held_out_bits), *([loss(row.mixed_bits)] if counts else [])]
            cells = [f"{row.iteration:,}", *losses, size(row.size), row.path.name, "* best" if row.best else ""]
            table.add_row(" ", *map(plain, cells), style="bold green" if row.best else "")
        show_table(out, table)


def show_provenance(out: Console, facts: Mapping[str, Any]) -> None:
    """Everything that `listing.provenance` tells, the sample last."""
    vocabulary, sample = facts["vocabulary"], facts["sample"]
    unit = BYTE if vocabulary["of_bytes"] else CHARACTER
    out.print(plain(facts["path"], "bold"), soft_wrap=True)  # a path can be copied only in one piece
    losses = f"{unit.bits_per}{', masked loss' if facts['model']['bidirectional'] else ''}"
    lines: dict[str, Any] = {
        "kind": facts["kind"],
        "size": size(facts["size"]),
        "sha-256": facts["sha256"],
        "checked": "the checksum holds",
        "created": moment(facts["created"]),
        "made with": _pairs(facts["made_with"]),
        "iteration": f"{facts['iteration']:,}",
        "seen": f"{facts['characters']:,} {unit.many}",
        "train": f"{loss(facts[unit.key('train')])} {losses}",
        "held out": f"{loss(facts[unit.key('held_out')])} {losses}{', the network' if facts['counts'] else ''}",
        **({"+ counts": _counts(facts, unit)} if facts["counts"] else {}),
        "corpus": _pairs({unit.many if name == "characters" else name: fact for name, fact in facts["corpus"].items()}),
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
        table.add_row(plain(name, "bold"), plain(_beginning(value)))
    show_table(out, table)
    if sample is None:
        return
    known = known_share(sample["known_words"], sample["known_trigrams"])
    how = ", ".join([f"seed {sample['seed']}", f"temperature {sample['temperature']:g}", *([known] if known else [])])
    out.print()
    show_text(out, f"sample: {how}", body(sample["prime"], sample["text"], backward=sample["backward"]))


def _counts(facts: Mapping[str, Any], unit: Unit) -> str:
    """What network and counts achieve, and what the counts are."""
    counts = facts["counts"]
    shares = ", ".join(f"{share:.2f}" for share in counts["shares"])
    return (
        f"{loss(facts[unit.key('mixed')])} {unit.bits_per}, network and counts together; {counts['entries']:,} n-grams "
        f"up to order {counts['order']}, {size(counts['size'])}; their shares by length of context: {shares}"
    )


def _beginning(value: str) -> str:
    """A value that no table takes minutes for."""
    left = len(value) - _LONGEST_VALUE
    return value if left <= 0 else f"{value[:_LONGEST_VALUE]} ... and {left:,} characters more, all with --json"


def _pairs(values: Mapping[str, Any]) -> str:
    """Names and values in a line."""
    return ", ".join(f"{str(name).replace('_', '-')} {shown(name, value)}" for name, value in values.items())
