"""What one HTML page tells of runs: collected from their files as plain data. `charrnn.report.page` writes it down.

A run may still be being written, or have no snapshot yet; what is damaged is left out and named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from charrnn._version import __version__
from charrnn.config import CHECKPOINT_DIR
from charrnn.errors import CharrnnError, CheckpointError, DivergedError, RunError
from charrnn.evaluation import comparison, head_to_head, held_out_passage, verdict
from charrnn.evaluation.head_to_head import Measurement
from charrnn.evaluation.held_out_passage import Passage
from charrnn.evaluation.scoring import ShareCallback
from charrnn.evaluation.verdict import Verdict
from charrnn.network.engine import Engine
from charrnn.runs import checkpoint, history
from charrnn.runs.checkpoint import Checkpoint, Header, Sample
from charrnn.runs.history import Curves
from charrnn.runs.listing import Row, best_of, row_of
from charrnn.runs.run import CheckpointFile, Run, find_run, newest_run
from charrnn.sampling import chain
from charrnn.sampling.request import Request
from charrnn.training import presets

MADE_BY = f"charrnn report {__version__}"  # stands near the beginning of every file that is made


@dataclass(frozen=True, kw_only=True, slots=True)
class TimelineEntry:
    """A stop of the timeline."""

    row: Row
    sample: Sample | None
    digest: str  # sha-256 of its header and tensors, verified
    created: str  # ISO 8601


@dataclass(frozen=True, slots=True)
class TemperatureSample:
    """What a checkpoint writes at one temperature."""

    temperature: float
    text: str  # what follows the prime


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportedCheckpoint:
    """The checkpoint that writes and reads for its run: the best, or the latest where nothing was held out."""

    row: Row
    header: Header
    digest: str
    parameters: int
    options: str  # of `charrnn train`
    prime: str  # as its vocabulary could take it
    strips: tuple[TemperatureSample, ...]
    passage: Passage | str  # or why there is none


@dataclass(frozen=True, kw_only=True, slots=True)
class RunReport:
    """One run."""

    letter: str  # that its curves carry; "" if it is the only one
    curves: Curves
    snapshots: tuple[TimelineEntry, ...]
    verdict: Verdict | None
    used: ReportedCheckpoint | None  # None if there is no checkpoint but its metrics

    @property
    def name(self) -> str:
        """What it is called on the page."""
        return self.curves.name

    @property
    def iterations(self) -> int:
        """The furthest it has come."""
        return max(self.curves.iterations, self.used.row.iteration if self.used else 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """Everything the page tells."""

    runs: tuple[RunReport, ...]
    groups: tuple[str, ...]  # the runs of `settings`, in order
    settings: Mapping[str, Sequence[Any]]  # those that differ: one value for each group
    same_text: bool  # whether the held-out losses of the runs may be compared
    measurement: Measurement | str | None  # of the used checkpoints on one text, or why not; None for one run
    request: Request
    text_length: int
    prime: str | None  # as it was asked for
    problems: tuple[str, ...]  # what was left out, and why


def collect(
    paths: Sequence[Path],
    request: Request,
    *,
    root: Path = CHECKPOINT_DIR,
    prime: str | None = None,
    text_length: int = head_to_head.LENGTH,
    progress: ShareCallback = lambda share: None,
) -> Report:
    """Read runs, by path or by name below `root`; none: the newest. The best snapshot of each writes what is requested.

    Several that held out the same text are measured on up to `text_length` characters of it (0: not at all); `progress`
    is told what share of that has been done since it was last told. `prime` None: each vocabulary's default. Raises
    UsageError for what cannot be requested, and RunError with the first problem if there is nothing to tell of any.
    """
    for temperature in request.temperatures:
        chain.make_chain(temperature)  # raises before anything is read
    problems: list[str] = []
    found: dict[Path, Run] = {}
    for path in paths or [newest_run(root).path]:
        try:
            run = find_run(path, root)
            found.setdefault(run.path.resolve(), run)
        except RunError as error:
            problems.append(str(error))
    names = [run.name for run in found.values()]
    told: list[RunReport] = []
    for run in found.values():
        name = run.name if names.count(run.name) == 1 else str(run.path)
        letter = _letter(len(told)) if len(found) > 1 else ""
        try:
            told.append(_told(run, name, letter, request, prime, problems))
        except RunError as error:
            problems.append(str(error))
    if not told:
        raise RunError(problems[0])
    used = [one.used for one in told if one.used]
    same_text = len({comparison.text_key(one.header) for one in used}) <= 1
    return Report(
        runs=tuple(told),
        groups=tuple(one.name for one in told if one.used),
        settings=comparison.differing_settings([one.header for one in used]),
        same_text=same_text,
        measurement=_measured(used, text_length, progress) if same_text and text_length and len(used) > 1 else None,
        request=request,
        text_length=text_length,
        prime=prime,
        problems=tuple(dict.fromkeys(problems)),
    )


def _measured(used: Sequence[ReportedCheckpoint], length: int, progress: ShareCallback) -> Measurement | str:
    """All on one text, or why not."""
    try:
        return head_to_head.measure([one.row.path for one in used], length=length, progress=progress)
    except (CharrnnError, TypeError, ValueError) as error:  # a resume file may say anything of its text
        return str(error).removesuffix(" Name it: --text FILE")


def _letter(number: int) -> str:
    """A, B, ... Z, then figures."""
    return chr(ord("A") + number) if number < 26 else str(number + 1)


def _told(run: Run, name: str, letter: str, request: Request, prime: str | None, problems: list[str]) -> RunReport:
    """One run. Raises RunError if nothing was measured or kept yet."""
    problems += run.problems
    measured = history.read(run, name)
    digests: dict[Path, str] = {}
    for kept in run.snapshots:
        if loaded := _loaded(kept, problems):
            digests[kept.path] = loaded.digest
    sound = [kept for kept in run.snapshots if kept.path in digests]
    if not sound and not measured.iterations:
        raise RunError(run.problems[0] if run.problems else f"{run.path}: nothing to report; nothing was measured yet.")
    lowest = best_of(sound)
    snapshots = tuple(
        TimelineEntry(
            row=row_of(kept, name, kept.path == lowest),
            sample=kept.header.sample,
            digest=digests[kept.path],
            created=kept.header.created,
        )
        for kept in sound
    )
    use = next((kept for kept in sound if kept.path == lowest), sound[-1] if sound else run.resumable)
    loaded = _loaded(use, problems) if use else None
    return RunReport(
        letter=letter,
        curves=measured,
        snapshots=snapshots,
        verdict=verdict.of_run(run),
        used=_used(loaded, row_of(use, name, use.path == lowest), request, prime, problems) if use and loaded else None,
    )


def _loaded(kept: CheckpointFile, problems: list[str]) -> Checkpoint | None:
    """The whole checkpoint, verified; None, and a problem more, if it is damaged."""
    try:
        return checkpoint.load(kept.path)
    except CheckpointError as error:
        problems.append(str(error))
        return None


def _used(loaded: Checkpoint, row: Row, request: Request, prime: str | None, problems: list[str]) -> ReportedCheckpoint:
    """What a checkpoint is, writes and reads."""
    header = loaded.header
    vocabulary, engine = header.vocabulary, Engine(header.model, loaded.weights)
    fitted = vocabulary.replace_unseen(prime or "") or vocabulary.default_prime
    strips: tuple[TemperatureSample, ...] = ()
    read: Passage | str = "its outputs are not numbers."
    try:
        written = request.generate(engine, vocabulary, fitted) if request.length else []
        strips = tuple(
            TemperatureSample(one.temperature, "".join(piece.text for piece in one.characters)) for one in written
        )
        read = held_out_passage.held_out(loaded, engine)
    except DivergedError as error:
        problems.append(f"{loaded.path}: {error}")
    return ReportedCheckpoint(
        row=row,
        header=header,
        digest=loaded.digest,
        parameters=header.model.parameters(len(vocabulary)),
        options=presets.options(header.model, header.training),
        prime=fitted,
        strips=strips,
        passage=read,
    )
