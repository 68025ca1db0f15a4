"""Runs and checkpoints side by side, as plain data: measurements, differing settings, samples. Prints nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from charrnn.config import CHECKPOINT_DIR, COMPARED_LENGTH
from charrnn.errors import CorpusError, DivergedError, RunError, UsageError
from charrnn.evaluation import verdict
from charrnn.evaluation.compared_samples import ComparedSample, compared_samples
from charrnn.evaluation.head_to_head import measure
from charrnn.evaluation.measurement import Measurement
from charrnn.evaluation.sample_statistics import SampleStatistics
from charrnn.evaluation.scoring import ShareCallback
from charrnn.evaluation.settings import differing_settings, held_out_key, require_one_quantity
from charrnn.evaluation.verdict import Verdict
from charrnn.formatting import few
from charrnn.runs.checkpoint_file import CheckpointFile, best_of, best_or_last
from charrnn.runs.find import newest_run
from charrnn.runs.listing import CheckpointRow
from charrnn.runs.loaded import CheckpointLoader, LoadedRun, find_runs, names_of
from charrnn.runs.training_text import Read, reading_once
from charrnn.sampling import chain
from charrnn.sampling.request import Request
from charrnn.shell import typed_path
from charrnn.text import corpus
from charrnn.text.sources import STDIN


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

    rows: tuple[CheckpointRow, ...]
    groups: tuple[str, ...]  # the runs (or lone files) of `settings`, in order
    settings: Mapping[str, Sequence[Any]]  # those that differ: one value for each group
    costs: tuple[TrainingCost, ...]  # of each of `groups`, in order
    verdicts: Mapping[str, Verdict]  # on each run
    measurement: Measurement | None  # of the checkpoints that wrote, on one text
    samples: tuple[ComparedSample, ...]
    real: SampleStatistics  # of held-out text, beside that of the samples
    prime: str
    request: Request  # what the samples are
    notes: tuple[str, ...]  # what a reader must know to read it rightly
    problems: tuple[str, ...]  # files that were skipped, and why

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON; no NaN."""
        return {
            "rows": [row.to_dict() for row in self.rows],
            "settings": {
                "runs": list(self.groups),
                "differing": {name: list(values) for name, values in self.settings.items()},
            },
            "took": [dataclasses.asdict(cost) for cost in self.costs],
            "verdicts": {run: list(verdict.sentences) for run, verdict in self.verdicts.items()},
            "next": {run: verdict.command for run, verdict in self.verdicts.items()},
            "measurement": self.measurement.to_dict() if self.measurement else None,
            "samples": [sample.to_dict() for sample in self.samples],
            "real": self.real.to_dict(),
            "prime": self.prime,
            "seed": self.request.seed,
            "temperatures": list(self.request.temperatures),
            "length": self.request.length,
            "notes": list(self.notes),
            "problems": list(self.problems),
        }


def compare(
    paths: Sequence[Path],
    *,
    root: Path = CHECKPOINT_DIR,
    prime: str | None = None,
    seed: int = 1,
    temperatures: tuple[float, ...] = (0.8,),
    length: int = 300,
    text: str | None = None,
    text_length: int = COMPARED_LENGTH,
    ngrams: bool | None = None,
    read: Read = corpus.read,
    progress: ShareCallback = lambda share: None,
) -> Comparison:
    """Compare runs, all their snapshots, and checkpoints. All of one run write samples, the best of each of several.

    Args:
        paths: Runs and files, by path or by name below `root`; none: the newest run.
        root: The directory of runs.
        prime: What every sample begins with; None: each vocabulary's default.
        seed: Of the samples.
        temperatures: One sample of each checkpoint at each of these.
        length: Characters of a sample; 0: none.
        text: What to measure on, a path or known name; None: what all held out of the one they were trained on.
        text_length: Characters of it, at most; 0: nothing is measured.
        ngrams: Whether the counts beside networks have a say: None in losses, which are told without them, too; True in
            samples as well; False in neither.
        read: What reads texts, as `corpus.read` does.
        progress: Is told what share of the measuring has been done since it was last told.

    Returns:
        The comparison. What cannot be read is among its problems.

    Raises:
        UsageError, CorpusError, RunError: An impossible value, a `text` that cannot be read, nothing left to show.
    """
    request = Request(length=length, temperatures=temperatures, seed=seed)
    for temperature in temperatures:
        chain.make_chain(temperature)  # raises before anything is read
    read, loader, notes = reading_once(read), CheckpointLoader(), list[str]()
    runs = _loaded(paths, root, loader)
    same_text = _hold_same_text(runs, text, notes)
    _tell_directions(runs, notes)
    told = ngrams is not False
    rows, chosen = _rows(runs, same_text, mixed=told), _chosen(runs)
    samples, real = compared_samples(chosen, rows, prime or "", request, loader, read, notes, ngrams=bool(ngrams))
    measured = partial(measure, length=text_length, ngrams=told, read=read, load=loader.load, progress=progress)
    wanted = text_length and (text or (len(runs) > 1 and _one_text(runs)))
    wanted = wanted and not _tell_masked(runs, text, notes)
    measurement = _measurement(measured, chosen, text, notes) if wanted else None
    models = measurement.models if measurement else ()
    notes += [f"{rows[model.path].label}: {model.form}" for model in models if model.form]
    return Comparison(
        rows=tuple(rows.values()),
        groups=tuple(run.name or run.files[0].path.stem for run in runs),
        settings=differing_settings([run.files[-1].header for run in runs]),
        costs=tuple(map(_cost, runs)),
        verdicts=_verdicts(runs, mixed=told),
        measurement=measurement,
        samples=samples,
        real=real,
        prime=prime or runs[0].files[0].header.vocabulary.default_prime,
        request=request,
        notes=tuple(notes),
        problems=tuple(dict.fromkeys(loader.problems)),
    )


def _loaded(paths: Sequence[Path], root: Path, loader: CheckpointLoader) -> list[LoadedRun]:
    """What was named, or the newest run, with the checkpoints that are whole. Raises RunError if there is none."""
    runs = find_runs(paths or [newest_run(root).path], root, loader.problems)
    for run in runs:
        run.files = loader.verified(run.files)
    runs = [run for run in runs if run.files]
    if not runs:
        raise RunError(loader.problems[0])
    for run, name in zip(runs, names_of([run.run for run in runs]), strict=True):
        run.name = name
    require_one_quantity({run.name or str(run.files[-1].path): run.files[-1].header for run in runs})
    return runs


def _hold_same_text(runs: Sequence[LoadedRun], text: str | None, notes: list[str]) -> bool:
    """Whether all held out the same text; if they did not, a reader is told so."""
    if len({held_out_key(file.header) for run in runs for file in run.files}) == 1:
        return True
    differ = "The held-out texts differ, so losses tell nothing across runs; best is within a run."
    helpless = text or _one_text(runs) or _masked(runs)
    advice = "" if helpless else f" Name one text to measure all on: --text {_longest_text(runs)}"
    notes.append(differ + advice)
    return False


def _masked(runs: Sequence[LoadedRun]) -> bool:
    """Whether losses are of hidden characters: of all runs, or of none."""
    return runs[0].files[-1].header.model.bidirectional


def _tell_masked(runs: Sequence[LoadedRun], text: str | None, notes: list[str]) -> bool:
    """Whether losses are of hidden characters; a reader is told so, and that no other text is measured by them."""
    if not _masked(runs):
        return False
    notes.append("Losses are masked losses: bits of each hidden character, given all around it that is not hidden.")
    if text:
        notes.append(f"--text {text}: not read; what networks restore is measured on what was held out of their own.")
    return True


def _tell_directions(runs: Sequence[LoadedRun], notes: list[str]) -> None:
    """Say what losses of both directions are worth beside each other, where there are both."""
    backward = [run.name or run.files[0].path.stem for run in runs if run.files[-1].header.backward]
    if not 0 < len(backward) < len(runs):
        return
    notes.append(
        f"Read from the end: {few(backward)}. The held-out characters are the same, so losses may be compared; samples "
        "lead up to the prime."
    )


def _one_text(runs: Sequence[LoadedRun]) -> bool:
    """Whether all were trained on one text, whatever each held out of it."""
    return len({file.header.corpus.get("digest") for run in runs for file in run.files}) == 1


def _longest_text(runs: Sequence[LoadedRun]) -> str:
    """Where the longest text is that a run was trained on, as it is typed; FILE if nothing tells."""
    sizes = {}
    for run in runs:
        resume = run.run.resumable if run.run else None
        texts = list(resume.header.origin.get("texts") or ()) if resume else []
        size = run.files[-1].header.corpus.get("characters")
        if len(texts) == 1 and texts[0] != STDIN and isinstance(size, int):
            sizes[str(texts[0])] = size
    return typed_path(Path(max(sizes, key=lambda place: sizes[place]))) if sizes else "FILE"


def _measurement(
    measured: Callable[..., Measurement], files: Sequence[CheckpointFile], text: str | None, notes: list[str]
) -> Measurement | None:
    """All on one text; None, and a note why, if that cannot be, unless the text was named and cannot be read."""
    try:
        return measured([file.path for file in files], text)
    except (UsageError, CorpusError, DivergedError) as error:
        if text and not isinstance(error, DivergedError):
            raise
        notes.append(f"Not measured on one text: {error}")
        return None


def _rows(runs: Sequence[LoadedRun], same_text: bool, *, mixed: bool) -> dict[Path, CheckpointRow]:
    """The row of each checkpoint. The best is one of all if they held out the same text, else one of each run.

    `mixed` says whether losses with counts are told.
    """
    comparable = [[file for run in runs for file in run.files]] if same_text else [run.files for run in runs]
    best = {file.path for files in comparable if (file := best_of(files))}
    rows = {file.path: CheckpointRow.of(file, run.name, file.path in best) for run in runs for file in run.files}
    return rows if mixed else {path: dataclasses.replace(row, mixed_loss=None) for path, row in rows.items()}


def _chosen(runs: Sequence[LoadedRun]) -> list[CheckpointFile]:
    """Those that write and are measured: all of one run; of several, the best of each and the files named."""
    if len(runs) == 1:
        return runs[0].files
    return [file for run in runs for file in run.files if file.path in run.named or file is best_or_last(run.files)]


def _cost(run: LoadedRun) -> TrainingCost:
    """What a training took up to its last checkpoint."""
    last = run.files[-1]
    return TrainingCost(
        parameters=last.header.model.parameters(len(last.header.vocabulary)),
        characters=last.header.characters,
        seconds=run.run.elapsed if run.run else None,
        size=last.size,
    )


def _verdicts(runs: Sequence[LoadedRun], *, mixed: bool) -> dict[str, Verdict]:
    """The verdict on each run, with losses with counts or without; of a file that lies in none nothing is to say."""
    verdicts = {run.name: verdict.of_run(run.run, mixed=mixed) for run in runs if run.run}
    return {name: judged for name, judged in verdicts.items() if judged}
