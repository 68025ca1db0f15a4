"""A plan, as people look at it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from rich.console import Console
from rich.table import Table

from charrnn.formatting import duration, few, plural, size, visible_line
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
    for title, lines in (("What breaks first", [limit.what for limit in plan.limits]), ("Assumed", plan.assumptions)):
        if lines:
            _show_pairs(out, ((title * (index == 0), line) for index, line in enumerate(lines)))
            out.print()
    alike = groupby(plan.reasons, key=lambda reason: reason.why)
    _show_pairs(out, (("\n".join(map(_setting, chosen)), why) for why, chosen in alike))
    out.print()
    out.print(plain("The same, with every setting named:"))
    command = folded_command(plan.command, out.width) if out.is_terminal else plan.command
    out.print(plain(command), soft_wrap=True)


def _facts(plan: Plan, corpus: Corpus) -> dict[str, str]:
    """What there is to know, by name."""
    training, unit = plan.training, corpus.vocabulary.unit
    epochs = f"{plan.epochs:,.1f} epochs" if plan.epochs < 100 else f"{plan.epochs:,.0f} epochs"
    snapshots = few([f"{at:,}" for at in plan.snapshots], _LISTED)
    evaluations = (
        f"every {training.eval_every:,} iterations and " if 0 < training.eval_every <= training.iterations else ""
    )
    watching = f"{plan.watching_seconds:.1f} s" if plan.watching_seconds < 10 else duration(plan.watching_seconds)
    counted = training.ngrams and plan.text.held_out and not plan.model.bidirectional
    beside = ", its counts with it" if counted else ""
    return {
        "text": _text(plan, corpus),
        **_machine(plan),
        "preset": plan.preset,
        "network": f"{network_line(plan.model)}: {plan.parameters:,} parameters",
        **_speed(plan, unit.many),
        "length": f"{training.iterations:,} iterations ({epochs}) of {window_line(training, unit)}",
        "time": f"about {duration(plan.seconds)}, of which measuring and snapshots take {watching}; and "
        f"{duration(plan.start_seconds)} before, to start and to read the text",
        "measured": f"the held-out text {evaluations}at snapshots" if plan.text.held_out else "nothing is held out",
        "snapshots": f"{len(plan.snapshots):,} of {size(plan.snapshot_size)} each{beside}, at {snapshots}",
        "memory": _memory(plan),
        "disk": _disk(plan),
    }


def _text(plan: Plan, corpus: Corpus) -> str:
    """The text that was read, or the one like it, longer or shorter, that is planned for."""
    training, text = plan.training, plan.text
    if text.length == corpus.characters:
        return text_line(corpus, corpus.split(training.val_frac, training.val_max, training.val_at))
    like = f"like the {corpus.characters:,} of {visible_line(corpus.name)}, {text.distinct:,} distinct"
    return f"{text.length:,} {corpus.vocabulary.unit.many} {like}; {text.held_out:,} held out"


def _machine(plan: Plan) -> dict[str, str]:
    """What computes: this machine, or the devices that there are to be."""
    machine, devices = plan.machine, plan.devices
    here = machine.device if machine.threads is None else plural(machine.threads, "CPU thread")
    hardware = "bfloat16 in hardware" if machine.bfloat16 else "no bfloat16 in hardware"
    usual = "bfloat16" if machine.bfloat16 else "float32"
    products = f" ({machine.precision})" if plan.measured and machine.precision != usual else ""
    facts = {"machine": f"{here}, {hardware}{products}"}
    if devices.count > 1 or not plan.measured:
        what = plural(devices.count, "GPU") if devices.card else f"{devices.count:,} processes"
        if devices.card and not plan.measured:
            what += f", {devices.card.name}, of which none is here"
        nodes = f", {devices.per_node:,} on each of {devices.nodes:,} nodes" if devices.nodes > 1 else ""
        facts["devices"] = f"{what}{nodes}: {plural(plan.rows, 'stream')} each"
    return facts


def _speed(plan: Plan, units: str) -> dict[str, str]:
    """How fast they train, and what an iteration is made of."""
    training, machine, iteration = plan.training, plan.machine, plan.iteration
    speed = training.batch_size * training.effective_shift / iteration.seconds
    parts = {
        "forwards and backwards": iteration.backward,
        "the update": iteration.update,
        "adding up gradients": iteration.all_reduce,
    }
    made_of = ", ".join(f"{1000 * seconds:,.2g} {name}" for name, seconds in parts.items() if seconds)
    precision = "float16 or bfloat16" if training.precision == "auto" else training.precision
    share = f", {machine.share_of_peak:.0%} of what large products attain" if plan.measured else " by formulas"
    return {
        "speed": f"{speed:,.0f} {units} a second with this network, in {precision}{share}",
        "iteration": f"{1000 * iteration.seconds:,.3g} ms: {made_of}",
    }


def _memory(plan: Plan) -> str:
    """Of each device."""
    if plan.memory is None:
        return "cannot be told here"
    about = f"about {size(plan.memory)}"
    if plan.devices.card is not None:
        about += " of the GPU's"
    return about if plan.devices.count == 1 else f"{about} for each process"


def _disk(plan: Plan) -> str:
    """What is written."""
    disk = plan.disk
    cache = f"; the encoded text is {size(disk.cache)} in the cache" if disk.cache else ""
    parts = f"snapshots {size(disk.snapshots)}, resume file {size(disk.resume)}"
    return f"about {size(disk.total - disk.cache)}: {parts}{cache}"


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
