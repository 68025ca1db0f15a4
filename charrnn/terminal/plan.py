"""A plan, as people look at it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from rich.console import Console
from rich.table import Table

from charrnn.formatting import duration, few, plural, size
from charrnn.shell import as_typed, folded_command
from charrnn.terminal.console import open_table, plain, show_table
from charrnn.terminal.training_lines import network_line, text_line, window_line
from charrnn.text.corpus import Corpus
from charrnn.training.plan import Plan
from charrnn.training.presets import Candidate
from charrnn.training.reasons import Reason

_LISTED = 12  # iterations of snapshots that are told one by one
_FIGURES = ("Units", "Parameters", "Read per\nparameter", "Per character\nof text")


def show_plan(out: Console, plan: Plan, corpus: Corpus) -> None:
    """Print a plan.

    Args:
        out: Where to.
        plan: It.
        corpus: Its text.
    """
    _show_pairs(out, _facts(plan, corpus).items())
    out.print()
    if len({candidate.parameters for candidate in plan.candidates}) > 1:
        _show_candidates(out, plan)
        out.print()
    alike = groupby(plan.reasons, key=lambda reason: reason.why)
    _show_pairs(out, (("\n".join(map(_setting, chosen)), why) for why, chosen in alike))
    out.print()
    out.print(plain("The same, with every setting named:"))
    command = folded_command(plan.command, out.width) if out.is_terminal else plan.command
    out.print(plain(command), soft_wrap=True)


def _facts(plan: Plan, corpus: Corpus) -> dict[str, str]:
    """What there is to know, by name."""
    training, machine, unit = plan.training, plan.machine, corpus.vocabulary.unit
    device = machine.device if machine.threads is None else plural(machine.threads, "CPU thread")
    hardware = "bfloat16 in hardware" if machine.bfloat16 else "no bfloat16 in hardware"
    products = "" if machine.precision == ("bfloat16" if machine.bfloat16 else "float32") else f" ({machine.precision})"
    epochs = f"{plan.epochs:,.1f} epochs" if plan.epochs < 100 else f"{plan.epochs:,.0f} epochs"
    snapshots = few([f"{at:,}" for at in plan.snapshots], _LISTED)
    evaluations = (
        f"every {training.eval_every:,} iterations and " if 0 < training.eval_every <= training.iterations else ""
    )
    memory = "cannot be told here" if machine.memory is None else f"about {size(machine.memory)}"
    if machine.device_memory is not None:
        memory += f", and {size(machine.device_memory)} of the GPU's"
    watching = f"{plan.watching_seconds:.1f} s" if plan.watching_seconds < 10 else duration(plan.watching_seconds)
    beside = ", its counts with it" if training.ngrams and plan.text.held_out else ""
    return {
        "text": text_line(corpus, corpus.split(training.val_frac, training.val_max, training.val_at)),
        "machine": f"{device}, {hardware}{products}",
        "preset": plan.preset,
        "network": f"{network_line(plan.model)}: {plan.parameters:,} parameters",
        "speed": f"{machine.characters_per_second:,.0f} {unit.many} a second with this network, in {machine.precision}",
        "length": f"{training.iterations:,} iterations ({epochs}) of {window_line(training, unit)}",
        "time": f"about {duration(plan.seconds)}, of which measuring and snapshots take {watching}",
        "measured": f"the held-out text {evaluations}at snapshots" if plan.text.held_out else "nothing is held out",
        "snapshots": f"{len(plan.snapshots):,} of {size(plan.snapshot_size)} each{beside}, at {snapshots}",
        "memory": memory,
    }


def _show_candidates(out: Console, plan: Plan) -> None:
    """How each preset stands to the rules."""
    table = open_table("Preset", *_FIGURES, "", right=_FIGURES)
    for candidate in plan.candidates:
        read, share = candidate.characters_read / candidate.parameters, candidate.parameters / plan.text.trained_on
        figures = (candidate.width, candidate.parameters, _figure(read), _figure(share))
        cells = (candidate.preset, *(f"{figure:,}" if isinstance(figure, int) else figure for figure in figures))
        table.add_row(*map(plain, (*cells, _verdict(candidate, plan.preset))))
    show_table(out, table)


def _figure(value: float) -> str:
    """A ratio."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}" if value < 1 else f"{value:.1f}"


def _verdict(candidate: Candidate, chosen: str) -> str:
    """What speaks for a preset, or against it."""
    bounds = [bound for bound in candidate.too_large_for if bound != "usual"]
    against = f"too large: {', '.join(bounds)}" if bounds else "larger than usual" * bool(candidate.too_large_for)
    if candidate.preset == chosen:
        return f"chosen ({against})" if against else "chosen"
    return against


def _setting(reason: Reason) -> str:
    """A setting, as it is typed."""
    return as_typed({reason.setting: reason.value})


def _show_pairs(out: Console, pairs: Iterable[tuple[str, str]]) -> None:
    """Names, and what there is to say of each beside it."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, said in pairs:
        table.add_row(plain(name, "bold"), plain(said))
    show_table(out, table)
