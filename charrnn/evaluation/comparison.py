"""Runs and checkpoints side by side, as plain data: measurements, differing settings, samples. Prints nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from charrnn.config import CHECKPOINT_DIR, ReadConfig
from charrnn.errors import CheckpointError, CorpusError, DivergedError, RunError, UsageError
from charrnn.evaluation import verdict
from charrnn.evaluation.head_to_head import LENGTH, Measurement, measure, textures
from charrnn.evaluation.sample_statistics import SampleStatistics, texture
from charrnn.evaluation.scoring import ShareCallback
from charrnn.network.engine import Engine
from charrnn.runs import checkpoint
from charrnn.runs.checkpoint import Header
from charrnn.runs.listing import Row, best_of, row_of
from charrnn.runs.run import CheckpointFile, Run, find_checkpoint, find_run
from charrnn.runs.training_text import Read, find_training_text
from charrnn.sampling import chain
from charrnn.sampling.request import GeneratedText, Request
from charrnn.text import corpus
from charrnn.text.corpus import Corpus


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparedSample:
    """What one checkpoint wrote for the comparison."""

    row: Row
    temperature: float
    prime: str  # as its vocabulary could take it
    text: str  # what follows the prime
    texture: SampleStatistics


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingCost:
    """What a training took, up to its latest checkpoint."""

    parameters: int
    characters: int  # seen in training
    seconds: float | None  # of training; None where the run's resume file is gone
    size: int  # bytes of a checkpoint


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """Everything `charrnn compare` shows."""

    rows: tuple[Row, ...]
    groups: tuple[str, ...]  # the runs (or lone files) of `settings`, in order
    settings: Mapping[str, Sequence[Any]]  # those that differ: one value for each group
    took: tuple[TrainingCost, ...]  # what each of `groups` took, in order
    verdicts: Mapping[str, Sequence[str]]  # sentences on each run (charrnn.evaluation.verdict)
    measurement: Measurement | None  # of the checkpoints that wrote, on one text
    samples: tuple[ComparedSample, ...]
    real: SampleStatistics  # of held-out text, beside that of the samples
    prime: str
    seed: int
    temperatures: tuple[float, ...]
    length: int
    notes: tuple[str, ...]  # what a reader must know to read it rightly
    problems: tuple[str, ...]  # files that were skipped, and why

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON; no NaN."""
        samples = [
            {"run": one.row.run, "iteration": one.row.iteration, "path": str(one.row.path)}
            | {"temperature": one.temperature, "prime": one.prime, "text": one.text}
            | {"texture": dataclasses.asdict(one.texture)}
            for one in self.samples
        ]
        return {
            "rows": [row.to_dict() for row in self.rows],
            "settings": {"runs": list(self.groups), "differing": {k: list(v) for k, v in self.settings.items()}},
            "took": [dataclasses.asdict(one) for one in self.took],
            "verdicts": {run: list(sentences) for run, sentences in self.verdicts.items()},
            "measurement": self.measurement.to_dict() if self.measurement else None,
            "samples": samples,
            "real": dataclasses.asdict(self.real),
            "prime": self.prime,
            "seed": self.seed,
            "temperatures": list(self.temperatures),
            "length": self.length,
            "notes": list(self.notes),
            "problems": list(self.problems),
        }


def text_key(header: Header) -> tuple[Any, ...]:
    """Losses may be compared where this is equal: the same held-out text in the same characters."""
    reading, training = header.reading, header.training
    digest = header.corpus.get("digest")
    return digest, training.val_frac, training.val_max, reading.min_count, reading.bytes, reading.documents


def differing_settings(headers: Sequence[Header]) -> dict[str, list[Any]]:
    """The settings in which trainings differ: name -> one value for each header, in order."""
    every = [
        dataclasses.asdict(header.model)
        | dataclasses.asdict(header.training)
        | dataclasses.asdict(header.reading)
        | {"corpus": header.corpus.get("name")}
        for header in headers
    ]
    columns = {name: [settings[name] for settings in every] for name in (every[0] if every else ())}
    return {name: values for name, values in columns.items() if any(value != values[0] for value in values)}


def compare(
    paths: Sequence[Path],
    *,
    root: Path = CHECKPOINT_DIR,
    prime: str | None = None,
    seed: int = 1,
    temperatures: tuple[float, ...] = (0.8,),
    length: int = 300,
    text: str | None = None,
    text_length: int = LENGTH,
    read: Read = corpus.read,
    progress: ShareCallback = lambda share: None,
) -> Comparison:
    """Compare runs (all their snapshots) and single checkpoints; none: the newest run below `root`.

    Of one run every snapshot writes a sample of `length` characters at each temperature; of several, the best of each
    and every file named. Several are measured, too, on up to `text_length` characters (0: not at all) of `text`, a path
    or known name; without one, of what they held out, if that is the same (`head_to_head`). `prime` None: the first
    vocabulary's default. What cannot be read is skipped and named in `problems`. Raises UsageError for impossible
    values, CorpusError for a `text` that cannot be read, and RunError with the first problem if nothing is left to
    show.
    """
    request = Request(length=length, temperatures=temperatures, seed=seed)
    for temperature in temperatures:
        chain.make_chain(temperature)  # raises before anything is read
    read = _remembering(read)
    problems: list[str] = []
    groups = _gather(paths or [find_checkpoint(None, root).parent], root, problems)
    for group in groups:
        group.kept = [one for one in group.kept if _is_sound(one, problems)]
    groups = [group for group in groups if group.kept]
    if not groups:
        raise RunError(problems[0])
    everything = [one for group in groups for one in group.kept]
    notes = []
    best_of_each = {best_of(group.kept) for group in groups}
    same_text = len({text_key(one.header) for one in everything}) == 1
    if same_text:
        best = {best_of(everything)}
    else:
        best = best_of_each
        differ = "The held-out texts differ, so losses tell nothing across runs; best is within a run."
        notes.append(differ if text else f"{differ} Name one text to measure all on: --text FILE")
    names = _names(groups)
    rows = {
        one.path: row_of(one, name, one.path in best)
        for name, group in zip(names, groups, strict=True)
        for one in group.kept
    }
    chosen = [
        one
        for group in groups
        for one in group.kept
        if len(groups) == 1 or one.path in group.files or one.path == (best_of(group.kept) or group.kept[-1].path)
    ]
    prime = prime or everything[0].header.vocabulary.default_prime
    samples: list[tuple[CheckpointFile, str, GeneratedText, str]] = []
    for one in chosen if length else ():
        row, vocabulary = rows[one.path], one.header.vocabulary
        fitted = vocabulary.replace_unseen(prime) or vocabulary.default_prime
        if fitted != prime:
            notes.append(f"{row.label} has never seen some characters of {prime!r}; it began with {fitted!r}.")
        try:
            loaded = checkpoint.load(one.path)
            written = request.generate(Engine(loaded.header.model, loaded.weights), vocabulary, fitted)
            samples += [(one, fitted, each, "".join(c.text for c in each.characters)) for each in written]
        except (CheckpointError, DivergedError) as error:
            problems.append(f"{row.label}: no sample; {error}")
    measurement = None
    if text_length and (text or (same_text and len(groups) > 1)):
        try:
            measurement = measure([one.path for one in chosen], text, length=text_length, read=read, progress=progress)
        except DivergedError as error:
            notes.append(f"Not measured on one text: {error}")
        except (UsageError, CorpusError) as error:
            if text:
                raise
            notes.append(f"Not measured on one text: {error}")
    made, real = _textures([(one, wrote) for one, _, _, wrote in samples], read)
    return Comparison(
        rows=tuple(rows.values()),
        groups=tuple(name or group.kept[0].path.stem for name, group in zip(names, groups, strict=True)),
        settings=differing_settings([group.kept[-1].header for group in groups]),
        took=tuple(map(_took, groups)),
        verdicts=_verdicts(groups, names),
        measurement=measurement,
        samples=tuple(
            ComparedSample(row=rows[one.path], temperature=each.temperature, prime=fitted, text=wrote, texture=texture)
            for (one, fitted, each, wrote), texture in zip(samples, made, strict=True)
        ),
        real=real,
        prime=prime,
        seed=seed,
        temperatures=temperatures,
        length=length,
        notes=tuple(notes),
        problems=tuple(dict.fromkeys(problems)),
    )


def _took(group: _Group) -> TrainingCost:
    last, resumable = group.kept[-1], group.run.resumable if group.run else None
    elapsed = resumable.header.progress.get("elapsed") if resumable else None
    return TrainingCost(
        parameters=last.header.model.parameters(len(last.header.vocabulary)),
        characters=last.header.characters,
        seconds=elapsed if isinstance(elapsed, float | int) else None,
        size=last.size,
    )


def _verdicts(groups: Sequence[_Group], names: Sequence[str]) -> dict[str, Sequence[str]]:
    """Of the runs that were named whole."""
    found = {name: verdict.of_run(group.run) for name, group in zip(names, groups, strict=True) if group.run}
    return {name: one.sentences for name, one in found.items() if one}


def _remembering(read: Read) -> Read:
    """`read`, which reads nothing twice."""
    known: dict[Any, Corpus] = {}

    def again(texts: Sequence[str], reading: ReadConfig, **files: Any) -> Corpus:
        key = (tuple(texts), reading, tuple(files.items()))
        if key not in known:
            known[key] = read(texts, reading, **files)
        return known[key]

    return again


def _textures(
    samples: Sequence[tuple[CheckpointFile, str]], read: Read
) -> tuple[list[SampleStatistics], SampleStatistics]:
    """What the samples are made of, each looked up in the text that its own model was trained on, if that is still
    there; and the same of real text, where all had the same."""
    nothing = texture("", None, None)
    made, reals = [nothing] * len(samples), []
    of_text: dict[tuple[Any, ...], list[int]] = {}
    for place, (one, _) in enumerate(samples):
        of_text.setdefault(text_key(one.header), []).append(place)
    for places in of_text.values():
        one, texts = samples[places[0]][0], [samples[place][1] for place in places]
        try:
            found, real = textures(texts, find_training_text(one.path, one.header, read=read))
        except (UsageError, CorpusError):
            found, real = [texture(text, None, None) for text in texts], nothing
        reals.append(real)
        for place, its in zip(places, found, strict=True):
            made[place] = its
    return made, reals[0] if len(reals) == 1 else nothing


@dataclass(slots=True)
class _Group:
    """What is compared of one run; or a file that lies in none."""

    run: Run | None
    kept: list[CheckpointFile]
    files: set[Path] = field(default_factory=set)  # those that were named one by one


def _gather(paths: Iterable[Path], root: Path, problems: list[str]) -> list[_Group]:
    """The groups in the order named, each checkpoint once, by ascending iteration within a run."""
    groups: dict[Path, _Group] = {}
    for where in paths:
        file = next((path for path in (where, root / where) if path.is_file()), None)
        try:
            if file is None:
                run: Run | None = (found := find_run(where, root))
                kept = found.snapshots or [found.best]
                problems += (problem for problem in found.problems if problem not in problems)
            else:
                kept = [CheckpointFile(file, checkpoint.read_header(file), file.stat().st_size)]
                beside = Run(file.parent)
                run = beside if beside.metrics_path.exists() else None
        except (CheckpointError, RunError, OSError) as error:
            problems.append(str(error))
            continue
        group = groups.setdefault((run.path if run else kept[0].path).resolve(), _Group(run, []))
        known = {one.path.resolve(): one.path for one in group.kept}
        group.kept += (one for one in kept if one.path.resolve() not in known)
        group.kept.sort(key=lambda one: one.header.iteration)
        if file is not None:
            group.files.add(known.get(file.resolve(), file))
    return list(groups.values())


def _is_sound(one: CheckpointFile, problems: list[str]) -> bool:
    """Whether the whole file can be read and its checksum holds."""
    try:
        checkpoint.load(one.path)
    except CheckpointError as error:
        problems.append(str(error))
        return False
    return True


def _names(groups: Sequence[_Group]) -> list[str]:
    """A name for each group's run, told apart by its path where two are called the same; "" for none."""
    names = [group.run.path.resolve().name if group.run else "" for group in groups]
    return [
        str(group.run.path) if group.run and names.count(name) > 1 else name
        for name, group in zip(names, groups, strict=True)
    ]
