"""`charrnn score`: how surprising a text is to a model, and which of several explains it best."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from charrnn.commands import text_options
from charrnn.commands.completion import models_and_texts
from charrnn.commands.options import CheckpointDir, Json, SamplingThreads, print_json, report, use_threads, with_options
from charrnn.commands.stdout import Output, shade, tell_shades, to_the_end
from charrnn.config import CHECKPOINT_DIR, COLD_WINDOW, ColorConfig, Option, ReadConfig
from charrnn.errors import CharrnnError, CorpusError, DivergedError, UsageError, VocabularyError

if TYPE_CHECKING:
    from charrnn.evaluation.scoring import Score
    from charrnn.runs.checkpoint import Checkpoint
    from charrnn.terminal.scores import ModelScore
    from charrnn.text.sources import Source


@with_options
def score(
    *,
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="[CHECKPOINT]... TEXT",
            show_default=False,
            autocompletion=models_and_texts,
            help="Checkpoints, or runs, whose best snapshots are taken (none: the newest run's); and last the text: a "
            "file, a folder, - for standard input, or a name that `charrnn corpora` lists.",
        ),
    ],
    cold: Annotated[
        bool, typer.Option("--cold", help=f"Forget everything every {COLD_WINDOW} characters, as a short context does.")
    ] = False,
    count: Annotated[int, Option("Show so many of the most surprising places.", low=0)] = 5,
    color: ColorConfig,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a page with all this and the text shaded, to look at.")
    ] = None,
    as_json: Json = False,
    encoding: Annotated[
        str, typer.Option(help="Of the text: any that Python knows; auto is UTF-8, or a guess where it is not.")
    ] = "auto",
    checkpoint_dir: CheckpointDir = CHECKPOINT_DIR,
    threads: SamplingThreads = 1,
) -> None:
    """Measure how surprising a text is to a model, in bits per character; of several models, which explains it best.

    The text is read as each model's own was, and a character that it has never seen is charged 20.1 bits.
    """
    use_threads(threads)
    from charrnn.evaluation.scoring import most_surprising
    from charrnn.report.score_page import page
    from charrnn.terminal.console import console
    from charrnn.terminal.scores import remarks, show_scores

    *models, typed = paths
    window = COLD_WINDOW if cold else None
    problems: list[str] = []
    text = _ReadableText(typed, encoding, checkpoint_dir)
    scored = _scored(models, text, window, checkpoint_dir, problems)
    places = most_surprising(scored[0].score, count)
    if html:
        _write(html, page(text.name, scored, places, window))
    with to_the_end():
        if as_json:
            scores = [_facts(model, scored[0].score, count) for model in scored]
            values = {"text": text.name, "window": window, "scores": scores, "notes": remarks(scored, window)}
            print_json(values | {"problems": problems})
        else:
            if color.color == "bits":
                _shade(scored[0].score)
            show_scores(console(), text.name, scored, places, window)
        sys.stdout.flush()
    report(problems)


class _ReadableText:
    """The text that was named, as different models have it read; standard input too, which comes only once."""

    def __init__(self, typed: str, encoding: str, root: Path) -> None:
        """`root` is where runs are. Raises CorpusError, UsageError."""
        from charrnn.text import sources

        self.name, self.typed, self.encoding, self.root = "", typed, encoding, root
        self.sources: list[str | Source] = [typed]
        self.read = dict[ReadConfig, str]()
        if typed == sources.STDIN:
            self.sources = [*sources.gather([typed])]

    def reading(self, own: ReadConfig) -> ReadConfig:
        """How it is read for a model whose own text was read in this way.

        In the same way, except that no character is too rare to be told, that documents are joined, and that its
        encoding is its own.
        """
        whole = dataclasses.replace(own, min_count=1, documents=False)
        return whole if whole.bytes else dataclasses.replace(whole, encoding=self.encoding)

    def as_read(self, config: ReadConfig) -> str:
        """Its characters. Raises CorpusError, UsageError."""
        from charrnn.text.sources import without_reading_options

        if config not in self.read:
            try:
                source = text_options.read(self.sources, config)
            except CorpusError as error:
                if _is_model(self.typed, self.root):
                    wanted = f"charrnn score {self.typed} TEXT"
                    raise UsageError(f"{self.typed}: is a run or a checkpoint; the text comes last: {wanted}") from None
                raise (error if "--encoding" in error.advice else without_reading_options(error)) from None
            self.name, self.read[config] = source.name, source.text
        return self.read[config]


def _is_model(typed: str, root: Path) -> bool:
    """Whether what was typed names a run or a checkpoint."""
    from charrnn.runs import checkpoint
    from charrnn.runs.find import find_checkpoint

    try:
        return bool(checkpoint.read_header(find_checkpoint(Path(typed), root)))
    except CharrnnError:
        return False


def _scored(
    models: Sequence[str | None], text: _ReadableText, window: int | None, root: Path, problems: list[str]
) -> list[ModelScore]:
    """What each checkpoint makes of the text, the best first. What cannot be used is skipped and told in `problems`.

    Raises the first such error if nothing is left; CorpusError and UsageError for the text.
    """
    from charrnn.runs.checkpoint import load
    from charrnn.runs.find import find_checkpoint
    from charrnn.terminal.scores import ModelScore

    scored: list[ModelScore] = []
    failure: CharrnnError | None = None
    for model in models or [None]:
        try:
            loaded = load(path := find_checkpoint(Path(model) if model else None, root))
            own = text.reading(loaded.header.reading)
            model_score = ModelScore(
                name=model or path.parent.name,
                path=path,
                digest=loaded.digest,
                iteration=loaded.header.iteration,
                reading=own,
                score=_score(loaded, text.as_read(own), window),
            )
        except (CorpusError, UsageError):  # of the text
            raise
        except CharrnnError as error:
            failure = failure or error
            problems.append(str(error))
            continue
        scored.append(model_score)
    if failure and not scored:
        raise failure
    return sorted(scored, key=lambda model: model.score.bits_per_character)


def _score(loaded: Checkpoint, text: str, window: int | None) -> Score:
    """What a checkpoint makes of a text; with a bar on a terminal, if it takes long."""
    from charrnn.evaluation import scoring
    from charrnn.network.engine import Engine
    from charrnn.terminal.progress_bar import share_bar

    engine, vocabulary = Engine(loaded.header.model, loaded.weights), loaded.header.vocabulary
    with share_bar("scoring", shape="{l_bar}{bar}| {elapsed}<{remaining}") as progress:
        try:
            return scoring.score(engine, vocabulary, text, window=window, progress=progress)
        except (DivergedError, VocabularyError) as error:
            raise type(error)(f"{loaded.path}: {error.what}", error.advice) from None


def _shade(score: Score) -> None:
    """The text in shades of surprise, if standard output is a terminal that has any."""
    output = Output()
    if not output.styled:
        print("charrnn: --color bits: only a terminal has colours; for a page of them: --html FILE", file=sys.stderr)
        return
    tell_shades()
    output.stream([(score.before, ""), *((cluster, shade(bits)) for cluster, bits in score.by_cluster())])
    output.write([("\n", "")])


def _write(path: Path, page: str) -> None:
    """The page, whole or not at all. Raises CharrnnError."""
    from charrnn.files import replace_file

    try:
        replace_file(path, page.encode())
    except OSError as error:
        raise CharrnnError(f"--html {path}: cannot be written ({error.strerror}).", "Choose another place.") from None


def _facts(model: ModelScore, best: Score, count: int) -> dict[str, Any]:
    """What there is to know of a model's score but the bits of each character."""
    from charrnn.evaluation.scoring import most_surprising

    mean = model.score.bits_per_character
    return {
        "model": model.name,
        "checkpoint": str(model.path),
        "sha256": model.digest,
        "iteration": model.iteration,
        "characters": len(model.score.text),
        "unseen": int(model.score.unseen.sum()),
        "bits_per_character": mean,
        "bits_per_byte": model.score.bits_per_byte,
        "above_best": mean - best.bits_per_character,
        "surprising": [dataclasses.asdict(place) for place in most_surprising(model.score, count)],
    }
