"""What one HTML page tells of runs: collected from their files as plain data. `charrnn.report.page` writes it down.

A run may still be being written, or have no snapshot yet; what is damaged is left out and named.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from charrnn._version import __version__
from charrnn.config import CHECKPOINT_DIR, COMPARED_LENGTH
from charrnn.errors import CharrnnError, DivergedError, RunError
from charrnn.evaluation import head_to_head, verdict
from charrnn.evaluation.held_out_passage import HeldOutPassage, held_out_passage, own_text
from charrnn.evaluation.measurement import Measurement
from charrnn.evaluation.scoring import ShareCallback
from charrnn.evaluation.settings import differing_settings, held_out_key, require_one_quantity
from charrnn.evaluation.verdict import Verdict
from charrnn.formatting import CHARACTER, Unit, common_unit
from charrnn.network.engine import Engine
from charrnn.report.inside import Inside, Reach
from charrnn.report.inside import inside as look_inside
from charrnn.runs import history
from charrnn.runs.checkpoint import Checkpoint
from charrnn.runs.checkpoint_file import best_of, best_or_last
from charrnn.runs.find import find_run, newest_run
from charrnn.runs.header import Header, Sample
from charrnn.runs.history import Curves
from charrnn.runs.listing import CheckpointRow
from charrnn.runs.loaded import CheckpointLoader, names_of
from charrnn.runs.run import Run
from charrnn.runs.training_text import TrainingText
from charrnn.sampling import chain
from charrnn.sampling.generate import text_of
from charrnn.sampling.request import Request
from charrnn.training import presets

Look = Callable[[Checkpoint, Engine, TrainingText | str], Inside | str]

MADE_BY = f"charrnn report {__version__}"  # stands near the beginning of every file that is made


@dataclass(frozen=True, kw_only=True, slots=True)
class TimelineEntry:
    """A stop of the timeline."""

    row: CheckpointRow
    sample: Sample | None
    digest: str  # sha-256 of its header and tensors, verified
    created: str  # ISO 8601


@dataclass(frozen=True, slots=True)
class TemperatureSample:
    """What a checkpoint writes at one temperature."""

    temperature: float
    text: str  # what follows the prime, or leads up to it


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportedCheckpoint:
    """The checkpoint that writes and reads for its run: the best, or the latest where nothing was held out."""

    row: CheckpointRow
    header: Header
    digest: str
    parameters: int
    options: str  # of `charrnn train`
    prime: str  # as its vocabulary could take it
    samples: tuple[TemperatureSample, ...]
    passage: HeldOutPassage | str  # or why there is none
    inside: Inside | str | None  # of its network; or why there is nothing to see; None where it was not asked for


@dataclass(frozen=True, kw_only=True, slots=True)
class RunReport:
    """One run."""

    letter: str  # that its curves carry; "" if it is the only one
    curves: Curves
    snapshots: tuple[TimelineEntry, ...]
    verdict: Verdict | None
    checkpoint: ReportedCheckpoint | None  # that writes and reads for it; None if there are only its metrics

    @property
    def name(self) -> str:
        """What it is called on the page."""
        return self.curves.name

    @property
    def unit(self) -> Unit:
        """What its losses are per."""
        return self.checkpoint.header.vocabulary.unit if self.checkpoint else CHARACTER

    @property
    def iterations(self) -> int:
        """The furthest it has come."""
        return max(self.curves.iterations, self.checkpoint.row.iteration if self.checkpoint else 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """Everything the page tells."""

    runs: tuple[RunReport, ...]
    groups: tuple[str, ...]  # the runs of `settings`, in order
    settings: Mapping[str, Sequence[Any]]  # those that differ: one value for each group
    same_text: bool  # whether the held-out losses of the runs may be compared
    measurement: Measurement | str | None  # of the reported checkpoints on one text, or why not; None for one run
    request: Request
    text_length: int
    inside: int  # characters that were read to look inside the networks, at most; 0: that was not done
    prime: str | None  # as it was asked for
    problems: tuple[str, ...]  # what was left out, and why

    @property
    def unit(self) -> Unit | None:
        """What the losses of all runs are per; None where they differ."""
        return common_unit(run.unit for run in self.runs)

    @property
    def has_counts(self) -> bool:
        """Whether any of the runs was measured with counts beside its network."""
        return any(run.curves.mixed for run in self.runs)

    @property
    def title(self) -> str:
        """What stands above it."""
        learner = self.runs[0].name if len(self.runs) == 1 else f"{len(self.runs)} runs"
        return f"What {learner} learned"


def collect(
    paths: Sequence[Path],
    request: Request,
    *,
    root: Path = CHECKPOINT_DIR,
    prime: str | None = None,
    text_length: int = COMPARED_LENGTH,
    inside: int = 0,
    reach: Reach | None = None,
    progress: ShareCallback = lambda share: None,
) -> Report:
    """Read runs; the best snapshot of each writes what is requested, and several are measured on one text.

    Args:
        paths: Runs, by path or by name below `root`; none: the newest.
        request: What the best snapshots write.
        root: The directory of runs.
        prime: What they go on from; None: each vocabulary's default.
        text_length: Characters of the text that all held out, if it is the same, to measure several on, at most; 0:
            they are not measured.
        inside: Characters of held-out text to look inside the networks on, at most; 0: not at all.
        reach: What tells how far gradients reach; None: that is left out.
        progress: Is told what share of the measuring has been done since it was last told.

    Returns:
        The report. What cannot be read is left out and named in its `problems`.

    Raises:
        UsageError: What cannot be requested.
        RunError: The first problem, if there is nothing to tell of any run.
    """
    for temperature in request.temperatures:
        chain.make_chain(temperature)  # raises before anything is read
    loader, look = CheckpointLoader(), partial(_look_inside, most=inside, reach=reach) if inside else None
    runs = _named_or_newest(paths, root, loader.problems)
    reports: list[RunReport] = []
    for run, name in zip(runs, names_of(runs), strict=True):
        letter = _letter(len(reports)) if len(runs) > 1 else ""
        try:
            reports.append(_run_report(run, name, letter, request, prime, loader, look))
        except RunError as error:
            loader.problems.append(str(error))
    if not reports:
        raise RunError(loader.problems[0])
    reported = {report.name: report.checkpoint for report in reports if report.checkpoint}
    headers = [checkpoint.header for checkpoint in reported.values()]
    require_one_quantity({name: checkpoint.header for name, checkpoint in reported.items()})
    same_text = len(set(map(held_out_key, headers))) <= 1
    measurement: Measurement | str | None = None
    if same_text and text_length and len(reported) > 1 and not headers[0].model.bidirectional:
        files = [checkpoint.row.path for checkpoint in reported.values()]
        measurement = _measurement(files, text_length, loader, progress)
    return Report(
        runs=tuple(reports),
        groups=tuple(reported),
        settings=differing_settings(headers),
        same_text=same_text,
        measurement=measurement,
        request=request,
        text_length=text_length,
        inside=inside,
        prime=prime,
        problems=tuple(dict.fromkeys(loader.problems)),
    )


def _named_or_newest(paths: Sequence[Path], root: Path, problems: list[str]) -> list[Run]:
    """The runs that were named, each once, or the newest."""
    runs: dict[Path, Run] = {}
    for path in paths or [newest_run(root).path]:
        try:
            run = find_run(path, root)
            runs.setdefault(run.path.resolve(), run)
        except RunError as error:
            problems.append(str(error))
    return list(runs.values())


def _measurement(
    files: Sequence[Path], length: int, loader: CheckpointLoader, progress: ShareCallback
) -> Measurement | str:
    """All on one text, or why not."""
    try:
        return head_to_head.measure(files, length=length, load=loader.load, progress=progress)
    except CharrnnError as error:
        return error.what
    except (TypeError, ValueError) as error:  # a resume file may say anything of its text
        return str(error)


def _letter(number: int) -> str:
    """A, B, ... Z, then figures."""
    return chr(ord("A") + number) if number < 26 else str(number + 1)


def _run_report(
    run: Run,
    name: str,
    letter: str,
    request: Request,
    prime: str | None,
    loader: CheckpointLoader,
    look: Look | None,
) -> RunReport:
    """One run. Raises RunError if nothing was measured or kept yet."""
    loader.problems += run.problems
    curves = history.read(run, name)
    snapshots = loader.verified(run.snapshots)
    if not snapshots and not curves.iterations:
        raise RunError(run.problems[0] if run.problems else f"{run.path}: nothing to report; nothing was measured yet.")
    best = best_of(snapshots)
    timeline = tuple(
        TimelineEntry(
            row=CheckpointRow.of(snapshot, name, snapshot is best),
            sample=snapshot.header.sample,
            digest=snapshot.digest,
            created=snapshot.header.created,
        )
        for snapshot in snapshots
    )
    candidates = snapshots or loader.verified([run.resumable] if run.resumable else [])
    reported = None
    if candidates:
        file = best_or_last(candidates)
        row = CheckpointRow.of(file, name, file is best)
        reported = _reported(loader.load(file.path), row, request, prime, loader.problems, look)
    return RunReport(letter=letter, curves=curves, snapshots=timeline, verdict=verdict.of_run(run), checkpoint=reported)


def _reported(
    loaded: Checkpoint,
    row: CheckpointRow,
    request: Request,
    prime: str | None,
    problems: list[str],
    look: Look | None,
) -> ReportedCheckpoint:
    """What a checkpoint is, writes and reads."""
    header = loaded.header
    vocabulary = header.vocabulary
    fitted = vocabulary.form_of(prime or "", "replace").text or vocabulary.default_prime
    samples: tuple[TemperatureSample, ...] = ()
    passage: HeldOutPassage | str = "its outputs are not numbers."
    seen: Inside | str | None = None
    if header.model.bidirectional:
        passage = "it restores hidden characters, and predicts no next ones; its losses are masked losses."
        if header.sample:
            fitted, samples = header.sample.prime, (TemperatureSample(0.0, header.sample.text),)
    else:
        engine = Engine(header.model, loaded.weights)
        try:
            written = request.generate(engine, vocabulary, fitted) if request.length != 0 else []
            samples = tuple(TemperatureSample(one.temperature, text_of(one.characters, vocabulary)) for one in written)
            source = own_text(loaded)
            passage = source if isinstance(source, str) else held_out_passage(loaded, engine, source)
            seen = look(loaded, engine, source) if look else None
        except DivergedError as error:
            problems.append(f"{loaded.path}: {error}")
    return ReportedCheckpoint(
        row=row,
        header=header,
        digest=loaded.digest,
        parameters=header.model.parameters(len(vocabulary)),
        options=presets.options(header.model, header.training),
        prime=fitted,
        samples=samples,
        passage=passage,
        inside=seen,
    )


def _look_inside(
    loaded: Checkpoint, engine: Engine, source: TrainingText | str, most: int, reach: Reach | None
) -> Inside | str:
    """What there is to see inside, or why there is nothing. Raises DivergedError."""
    if isinstance(source, str):
        return source
    try:
        return look_inside(loaded, engine, source, most, reach)
    except DivergedError:
        raise
    except CharrnnError as error:
        return error.what
