"""`charrnn sample`: write with a trained model, or with several, once or often."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from charrnn.commands import later_states
from charrnn.commands.completion import models
from charrnn.commands.notes import Notes, tell, tell_skipped
from charrnn.commands.options import (
    CheckpointDir,
    Device,
    JsonLines,
    SamplingThreads,
    SetUnits,
    Typed,
    use_threads,
    with_options,
)
from charrnn.commands.prompt import PromptOrEnding
from charrnn.commands.sample_copying import CopyReport, training_text
from charrnn.commands.sample_output import NoveltySearch, TextPrinter
from charrnn.commands.stdout import Output, to_the_end
from charrnn.config import (
    CHECKPOINT_DIR,
    BoundsConfig,
    CandidatesConfig,
    ColorConfig,
    NgramsConfig,
    NoveltyConfig,
    SamplingConfig,
    SeveralConfig,
    Unseen,
)
from charrnn.errors import UsageError, VocabularyError

if TYPE_CHECKING:
    from charrnn.network.engine import Engine
    from charrnn.network.held_units import HeldUnit
    from charrnn.runs.checkpoint import Checkpoint
    from charrnn.runs.training_text import TrainingText
    from charrnn.sampling.request import GeneratedText, Request
    from charrnn.text.known_forms import KnownForm
    from charrnn.text.vocabulary import Vocabulary


SampledCheckpoint = Annotated[
    Path | None,
    typer.Argument(
        metavar="CHECKPOINT|RUN",
        show_default="the newest run's best snapshot",
        help="A checkpoint, or a run, whose best snapshot is taken.",
        autocompletion=models,
    ),
]


@with_options
def sample(
    *,
    checkpoint: SampledCheckpoint = None,
    sampling: SamplingConfig,
    candidates: CandidatesConfig,
    bounds: BoundsConfig,
    several: SeveralConfig,
    ngrams: NgramsConfig,
    set_units: SetUnits = None,
    color: ColorConfig,
    novelty: NoveltyConfig,
    as_json: JsonLines = False,
    checkpoint_dir: CheckpointDir = CHECKPOINT_DIR,
    device: Device = "cpu",
    threads: SamplingThreads = 1,
    typed: Typed,
) -> None:
    """Write new text with a trained model.

    Standard output gets the prompt, if you gave one, and the new text as it is
    written; of several texts, each ends with a line, and on a terminal has a
    heading. A model trained --backward writes what leads up to an --ending; it
    is shown when it is complete.
    """
    use_threads(threads)
    from charrnn.sampling.request import Request, random_seed

    request = Request(
        length=sampling.length,
        temperatures=_temperatures(sampling, candidates),
        top_k=candidates.top_k,
        top_p=candidates.top_p,
        min_p=candidates.min_p,
        until=tuple(bounds.until or ()),
        finish=bounds.finish,
        seed=random_seed() if sampling.seed is None else sampling.seed,
        count=several.count,
        set_units=tuple(cast("list[HeldUnit]", set_units or [])),
    )
    prompt = PromptOrEnding(sampling, bounds)
    skipped: list[str] = []

    def skip(problem: str) -> None:
        tell_skipped(problem)
        skipped.append(problem)

    checkpoints = _checkpoints(checkpoint, checkpoint_dir, skip, every_snapshot=several.every_snapshot)
    printer = TextPrinter(
        as_json,
        color.color,
        bounds.echo,
        several=several.every_snapshot or request.several,
        headings=several.headings,
    )
    implied = {"novelty_length"} if candidates.no_copy else {"novelty_length", "text"}
    searched = novelty.novelty or not typed.keys().isdisjoint(implied)
    # A training is seen by what the network alone writes, and so is what a unit does.
    mixed = False if (several.every_snapshot or set_units) and ngrams.ngrams is None else ngrams.ngrams
    source: TrainingText | None = None
    search: NoveltySearch | None = None
    notes, copying = Notes(), CopyReport(candidates.no_copy)
    with to_the_end():
        for model in checkpoints:
            vocabulary = model.header.vocabulary
            prime = _known_form(prompt.text(model), vocabulary, bounds.unseen, prompt.option)
            if source is None and (searched or candidates.no_copy):  # the snapshots of a run have one text
                source = training_text(model, novelty.text)
                search = NoveltySearch(source, novelty.novelty_length) if searched else None
                index = copying.index(source, backward=vocabulary.backward)
                request = dataclasses.replace(request, no_copy=index)
            texts = request.generate(
                _engine(model, request, device), vocabulary, prime.text, model.chosen_mixture(mixed)
            )
            tell(f"{_origin(model, texts[0])}; {_seeds(texts)}{_held(request)}")
            notes.tell(prime.note(prompt.name))
            _tell_stops(request.until, vocabulary, notes)
            for text in texts:
                printer.print(Output(vocabulary.of_bytes), model, request, prime.shown, text, search)
                copying.add(text, vocabulary.unit)
        copying.tell()
    if skipped and several.every_snapshot:
        raise typer.Exit(1)


def _temperatures(sampling: SamplingConfig, candidates: CandidatesConfig) -> tuple[float, ...]:
    """The temperatures that were asked for. Raises UsageError if they contradict --greedy."""
    if not candidates.greedy:
        return sampling.chosen_temperatures()
    if sampling.temperature is not None or sampling.temperatures is not None:
        raise UsageError("--greedy and a temperature contradict each other.", "Give one of them.")
    return (0.0,)


def _checkpoints(
    named: Path | None, checkpoint_dir: Path, skip: Callable[[str], None], *, every_snapshot: bool
) -> Iterator[Checkpoint]:
    """The checkpoints to sample, each loaded when it is its turn. What is damaged is skipped.

    Raises RunError, CheckpointError.
    """
    from charrnn.runs.causal import require_causal
    from charrnn.runs.find import find_run, load_each, load_found, newest_run

    if every_snapshot:
        run = find_run(named, checkpoint_dir) if named else newest_run(checkpoint_dir)
        later_states.tell([run])
        return map(require_causal, load_each(run, skip))
    loaded = require_causal(load_found(named, checkpoint_dir, skip))
    if loaded.path is not None:
        later_states.tell_of_found(named, loaded.path, checkpoint_dir)
    return iter([loaded])


def _engine(checkpoint: Checkpoint, request: Request, device: str) -> Engine:
    """The engine that writes on a device; auto is one that holds units. Raises UsageError for one that is not there."""
    from charrnn.network.engine import Engine
    from charrnn.training import torch_import

    if device not in ("cpu", "auto") or (device == "auto" and not request.set_units and torch_import.installed()):
        torch_import.import_torch(f"--device {device}")  # which takes longer than a page to write
        from charrnn.network.device_engine import DeviceEngine
        from charrnn.training.devices import choose_device

        chosen = choose_device(device)
        if chosen.type != "cpu":
            return DeviceEngine(checkpoint.header.model, checkpoint.weights, chosen)
    return Engine(checkpoint.header.model, checkpoint.weights)


def _known_form(prime: str, vocabulary: Vocabulary, unseen: Unseen, option: str) -> KnownForm:
    """What an option gave in characters that the model knows. Raises VocabularyError for one that it has in no form."""
    form = vocabulary.form_of(prime, unseen)
    try:  # a message names what has an equivalent, too
        vocabulary.encode(form.text if all(character in vocabulary for character in form.text) else form.normalized())
    except VocabularyError as error:
        raise VocabularyError(
            f"{option.removesuffix('-file')}: {error.what}", "Change it, or use --unknown replace or --unknown drop."
        ) from None
    return form


def _tell_stops(strings: tuple[str, ...], vocabulary: Vocabulary, notes: Notes) -> None:
    """Say which stop strings are looked for in another form, and which cannot come, as the model lacks a character."""
    from charrnn.formatting import one_line
    from charrnn.sampling.stopping import stop_form

    for string in strings:
        form = stop_form(string, vocabulary)
        notes.tell(form.note(f"--until {one_line(string)}"))
        try:
            vocabulary.encode(form.text)
        except VocabularyError as error:
            notes.tell(f"--until {one_line(string)}: cannot come: {error.what}")


def _origin(checkpoint: Checkpoint, text: GeneratedText) -> str:
    """What writes a text, in one line, enough to find it again."""
    from charrnn.formatting import bits

    header = checkpoint.header
    loss = header.mixed_loss if text.ngrams else header.held_out_loss
    writer = "network + counts" if text.ngrams else "network"
    measured = "" if loss is None else f", held out {bits(loss):.3f} {header.vocabulary.unit.bits_per}"
    if header.untrained:
        unkept = " (no snapshot was kept yet)" if header.kind == "resume" else ""
        measured = f", untrained{unkept}" + (measured if text.ngrams else ": what it writes is noise")
    elif header.iteration == 0:
        measured += f", the weights of {header.began_from.get('path')}, not trained on this text yet"
    return f"{checkpoint.path}, iteration {header.iteration:,}, {writer}{measured}, sha256 {checkpoint.digest[:12]}"


def _seeds(texts: list[GeneratedText]) -> str:
    """With what seeds texts are written, those of one temperature following each other."""
    first, last = texts[0].seed, texts[-1].seed
    return f"seed {first}" if first == last else f"seeds {first} to {last}"


def _held(request: Request) -> str:
    """Which units are held, after a semicolon; "" if none is."""
    return f"; held: {', '.join(map(str, request.set_units))}" if request.set_units else ""
