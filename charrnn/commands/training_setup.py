"""A training as the options of `charrnn train` describe it: new, on from another's weights, or resumed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charrnn.commands import text_options
from charrnn.commands.notes import tell
from charrnn.commands.options import Typed
from charrnn.config import LENGTHS, ModelConfig, ReadConfig, RunConfig, SourceConfig, StartConfig, TrainConfig
from charrnn.config.option import flag
from charrnn.errors import UsageError
from charrnn.text.sources import STDIN
from charrnn.training.ranks import Ranks

if TYPE_CHECKING:
    from charrnn.runs.lock import RunLock
    from charrnn.runs.run import Run
    from charrnn.text.corpus import Corpus
    from charrnn.training.resumption import Resumption
    from charrnn.training.trainer import Trainer


@dataclass(frozen=True, slots=True)
class Where:
    """The place of the runs, and what of the machine is used."""

    checkpoint_dir: Path
    device: str
    threads: int | None


@dataclass(frozen=True, slots=True)
class Begun:
    """A training that is ready for its next iteration."""

    trainer: Trainer
    run: Run
    preset: str | None = None  # by which a new training's settings were chosen
    lock: RunLock | None = None  # of a run that goes on


def require_one_length(typed: Typed) -> None:
    """Raises UsageError where the length of a training is given in more than one way."""
    lengths = [flag(name) for name in LENGTHS if name in typed]
    if len(lengths) > 1:
        raise UsageError(f"{' and '.join(lengths)} contradict each other; give one of them.")


def prepare(threads: int | None) -> None:
    """Everything that must happen before torch is imported, then its import. Raises CharrnnError if it is missing."""
    from charrnn.training import threads as openmp
    from charrnn.training import torch_import

    for remark in openmp.remarks(threads):
        tell(remark)
    count = openmp.prepare(threads)
    torch_import.import_torch()
    import torch

    torch.set_num_threads(count)
    torch.set_flush_denormal(True)  # oneDNN's LSTM slows some twenty times on denormals


def restartable(run: RunConfig, ranks: Ranks) -> RunConfig:
    """The settings of a run whose ranks torchrun may start again (--max-restarts): it then goes on by its name.

    Raises:
        UsageError: There is no name to find it by.
    """
    if not ranks.place.restarted or run.resume is not None:
        return run
    if run.name is None:
        raise UsageError(
            "--max-restarts: what torchrun starts again goes on with the run of a name.", "Name it: --name NAME"
        )
    return replace(run, auto_resume=True)


def resumption(run: RunConfig, where: Where, typed: Typed, ranks: Ranks) -> Resumption | None:
    """The run that is to go on, if one is. Of several ranks the first opens it, and tells the others what it has.

    Returns:
        The run that `--resume` names; with `--auto-resume` that of the name, or None where it is still to begin.

    Raises:
        UsageError: There is no name to find it by, or a setting that would change it was given.
        RunError, CheckpointError: There is no such run, or nothing in it to go on from.
    """
    return ranks.from_first(lambda: _resumption(run, where, typed))


def _resumption(run: RunConfig, where: Where, typed: Typed) -> Resumption | None:
    """The same in the rank that opens it."""
    from charrnn.runs.creation import require_plain_name
    from charrnn.runs.find import find_run
    from charrnn.runs.run import Run
    from charrnn.training.resumption import Resumption

    if run.name is not None:
        require_plain_name(run.name)
    if run.resume is not None:
        if run.auto_resume:
            raise UsageError("--auto-resume and --resume contradict each other; give one of them.")
        return Resumption.of(find_run(run.resume, where.checkpoint_dir), typed, tell)
    if not run.auto_resume:
        return None
    if run.name is None:
        raise UsageError("--auto-resume: goes on with the run of the given name.", "Name it: --name NAME")
    named = Run(where.checkpoint_dir / run.name)
    return Resumption.of(named, typed, tell) if named.begun else None


def new(
    texts: Sequence[str] | None,
    source: SourceConfig,
    reading: ReadConfig,
    start: StartConfig,
    model: ModelConfig,
    training: TrainConfig,
    run: RunConfig,
    where: Where,
    typed: Typed,
    ranks: Ranks,
) -> Begun:
    """A new training, on from a checkpoint's weights if they are asked for."""
    from charrnn.runs.creation import create_run, require_new, require_writable
    from charrnn.runs.run import Run
    from charrnn.text import known_texts
    from charrnn.training.beginning import Beginning

    def begin() -> Beginning:
        if run.name is not None and not run.auto_resume:
            require_new(Run(where.checkpoint_dir / run.name))  # before a text is read
        require_writable(where.checkpoint_dir)
        return Beginning.of(start, model, training, reading, typed, where.checkpoint_dir)

    beginning = ranks.from_first(begin)
    named = texts or [str(known_texts.bundled())]
    files = asdict(source) | {"val_text": training.val_text}
    corpus = _read(named, beginning.reading, ranks, training=beginning.training, **files)
    prepare(where.threads)
    _require_alike(corpus, beginning.training, where, ranks)
    trainer, choice, note = beginning.begin(corpus, where.device, ranks=ranks)
    for line in (note, corpus.vocabulary.form_of(trainer.config.sample_prime or "").note("--sample-prime")):
        if line is not None:
            tell(line)
    stem = Path(corpus.name).stem
    kept = ranks.from_first(lambda: create_run(where.checkpoint_dir, run.name, stem, unfinished=run.auto_resume))
    return Begun(trainer, kept, choice.preset)


def resumed(going_on: Resumption, texts: Sequence[str] | None, where: Where, ranks: Ranks) -> Begun:
    """A run's training as it was when its resume file was written, rewound to that iteration."""
    from charrnn.runs.run import Run

    corpus = going_on.read_text(texts, partial(_read, ranks=ranks))
    header, run = going_on.checkpoint.header, going_on.run
    as_before = header.made_with.get("ranks", 1) == ranks.size
    prepare(where.threads or (header.made_with.get("threads") if as_before else None))  # part of being exact
    _require_alike(corpus, header.training, where, ranks)
    from charrnn.training import resume as resuming

    trainer = resuming.resumed(
        going_on.checkpoint, corpus, device=where.device, watching=going_on.watching, ranks=ranks, **going_on.length
    )
    notes = (resuming.change_of_machine(trainer, header), resuming.change_of_rate(trainer, header))
    fell_back = going_on.fallback.notes if going_on.fallback else ()
    for note in (*fell_back, *notes):
        if note is not None:
            tell(note)
    if (note := resuming.rewound(going_on, trainer)) is not None:
        tell(note)
    return Begun(trainer, Run(run.path), lock=going_on.lock)


def _read(texts: Sequence[Any], reading: ReadConfig, ranks: Ranks, **files: Any) -> Corpus:
    """Read a text in every rank, one of each host first, which leaves a long one in the cache for the others.

    Raises:
        UsageError: It is on standard input, which only one rank has.
        CorpusError: It cannot be read.
    """
    if not ranks.alone and STDIN in (*texts, files.get("val_text")):
        raise UsageError(f"-: standard input is read once, and there are {ranks.size} ranks.", "Give it as a file.")
    return ranks.by_hosts(lambda: text_options.read(texts, reading, **files))


def _require_alike(corpus: Corpus, training: TrainConfig, where: Where, ranks: Ranks) -> None:
    """Make sure that all ranks train on one text and compute alike. Raises RankError, which names one that does not."""
    if ranks.alone:
        return
    from charrnn.training.devices import choose_device, has_bfloat16

    device = choose_device(where.device)
    products = " with bfloat16" if training.precision == "auto" and has_bfloat16(device) else ""
    ranks.require_same(
        {
            "a text whose digest is": corpus.digest,
            "a text whose vocabulary is": repr(corpus.vocabulary.code_points.tolist()),
            "a validation text whose digest is": corpus.validation.digest if corpus.validation else "none",
            "the device": device.type + products,
        }
    )
