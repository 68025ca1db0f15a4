"""`charrnn restore`: give back the characters of a text that are damaged or missing."""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from charrnn.commands import later_states
from charrnn.commands.completion import models_and_texts
from charrnn.commands.notes import tell, tell_skipped
from charrnn.commands.options import (
    CheckpointDir,
    Json,
    SamplingThreads,
    TextEncoding,
    print_json,
    use_threads,
    with_options,
)
from charrnn.commands.score_paths import is_model
from charrnn.commands.stdout import Output, shade, tell_shades, to_the_end
from charrnn.config import CHECKPOINT_DIR, Option, ReadConfig
from charrnn.errors import CheckpointError, CorpusError, DivergedError, UsageError, VocabularyError
from charrnn.formatting import plural, shown_character
from charrnn.shell import quoted

if TYPE_CHECKING:
    from charrnn.runs.checkpoint import Checkpoint
    from charrnn.sampling.restoring import RestoredPart, RestoredPlace
    from charrnn.terminal.output import Styled
    from charrnn.text.sources import Source
    from charrnn.text.vocabulary import Vocabulary

_SURE = 0.9  # a probability from which a character is as good as certain
_MOST_TOLD = 100  # places whose alternatives are told

ModelAndText = Annotated[
    list[str],
    typer.Argument(
        metavar="[CHECKPOINT|RUN] TEXT",
        show_default=False,
        autocompletion=models_and_texts,
        help="A checkpoint, or a run, whose best snapshot is taken (none: the newest run's); and last the text: a "
        "file, - for standard input, or the very text, in quotes.",
    ),
]


@with_options
def restore(
    *,
    paths: ModelAndText,
    mark: Annotated[str, Option("The character that stands for each that is to be given back.", escapes=False)] = "#",
    alternatives: Annotated[
        int, Option("Tell so many of the likeliest characters of each place, and their probabilities.", low=0)
    ] = 0,
    as_json: Json = False,
    encoding: TextEncoding = "auto",
    checkpoint_dir: CheckpointDir = CHECKPOINT_DIR,
    threads: SamplingThreads = 1,
) -> None:
    """Give back the damaged or missing characters of a text, each marked with a #.

    It takes a network that reads in both directions: charrnn train --bidirectional.
    """
    use_threads(threads)
    from charrnn.network.bidirectional import BidirectionalEngine
    from charrnn.sampling.restoring import require_mark, restore
    from charrnn.terminal.progress_bar import share_bar

    if len(paths) > 2:
        raise UsageError("restore: takes one run and one text.", "Put the text in quotes.")
    if len(paths) == 1 and is_model(paths[0], checkpoint_dir):
        wanted = f'charrnn restore {quoted(paths[0])} "He w#nt ##me."'
        raise UsageError(f"{paths[0]}: is a run or a checkpoint; the text comes last, as in: {wanted}")
    loaded = _checkpoint(Path(paths[0]) if len(paths) == 2 else None, checkpoint_dir)
    vocabulary = loaded.header.vocabulary
    require_mark(mark, vocabulary)
    text = _Text(paths[-1], mark, encoding, vocabulary)
    try:
        engine = BidirectionalEngine(loaded.header.model, loaded.weights)
    except CheckpointError as error:
        raise CheckpointError(f"{loaded.path}: {error.what}", error.advice) from None
    tell(_origin(loaded))
    if mark in vocabulary:
        tell(
            f"{shown_character(mark)} is a character of the model's text: every one is taken for a mark "
            "(--mark names another)"
        )
    told = _Told(alternatives, keep=as_json)
    with to_the_end():
        with share_bar("restoring") as progress:
            parts = restore(
                engine,
                vocabulary,
                text.pieces(),
                mark=mark,
                alternatives=max(1, alternatives, 5 * as_json),
                progress=lambda count: progress(count / max(1, text.size)),
            )
            seen = told.watching(_naming(loaded, parts))
            if as_json:
                whole = vocabulary.readable("".join(part.text for part in seen))
            else:
                _write(seen, vocabulary, text.end)
        if as_json:
            print_json(_json(loaded, mark, whole, told.kept))
    told.tell(mark)
    text.tell()


def _checkpoint(named: Path | None, root: Path) -> Checkpoint:
    """The one that is asked for. Raises RunError, CheckpointError."""
    from charrnn.runs.find import load_found

    loaded = load_found(named, root, tell_skipped)
    if loaded.path is not None:
        later_states.tell_of_found(named, loaded.path, root)
    return loaded


class _Text:
    """What is to be restored: a file's characters, read as they are asked for, or what was typed."""

    def __init__(self, typed: str, mark: str, encoding: str, vocabulary: Vocabulary) -> None:
        """Raises CorpusError, UsageError."""
        from charrnn.text import charsets, sources

        self._typed, self._vocabulary = typed, vocabulary
        self._reading = ReadConfig(encoding=encoding, keep_newlines=True)
        self._statistics = charsets.DecodingStatistics()
        self._source: Source | None = None
        if typed == sources.STDIN or (os.path.exists(typed) and not os.path.isdir(typed)):
            [self._source] = sources.gather([typed])
        elif os.path.isdir(typed):
            raise UsageError(f"{typed}: is a folder.", "Name one of its files.")
        elif mark not in typed and (not typed or len(typed.split()) == 1):
            raise UsageError(
                f"{quoted(typed)}: is no file, and as a text it has no {shown_character(mark)} to restore.",
                "Name a file, or - for standard input, or give a text in quotes.",
            )
        self.size = self._source.size if self._source else len(typed)
        self.end = "" if self._source or typed.endswith("\n") else "\n"

    def pieces(self) -> Iterator[str]:
        """The text; of a model of bytes the very bytes. Raises CorpusError."""
        from charrnn.text import charsets

        if self._source is None:
            yield self._typed
        elif self._vocabulary.of_bytes:
            decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
            for chunk in self._source.chunks():
                yield decoder.decode(chunk)
            yield decoder.decode(b"", final=True)
        else:
            for piece in charsets.decode(self._source, self._reading, self._statistics):
                yield piece.decode("ascii") if isinstance(piece, bytes) else piece

    def tell(self) -> None:
        """Say what should be known of the file."""
        if self._source and self._statistics.remark:
            tell(f"{self._source.display_name}: {self._statistics.remark}")


class _Told:
    """What is told of a text when it is done."""

    def __init__(self, alternatives: int, *, keep: bool) -> None:
        self.alternatives, self.keep = alternatives, keep
        self.kept: list[RestoredPlace] = []
        self.count = self.sure = self.unseen = 0

    def watching(self, parts: Iterator[RestoredPart]) -> Iterator[RestoredPart]:
        """The same parts."""
        for part in parts:
            self.count += len(part.places)
            self.sure += sum(place.probability >= _SURE for place in part.places)
            self.unseen += part.unseen
            if self.keep:
                self.kept += part.places
            elif self.alternatives:
                self.kept += part.places[: _MOST_TOLD - len(self.kept)]
            yield part

    def tell(self, mark: str) -> None:
        """Say on standard error what was restored, and what else could stand there."""
        if not self.count:
            tell(f"the text has no {shown_character(mark)}: nothing was restored (--mark names another mark)")
        else:
            tell(f"{plural(self.count, 'character')} restored, {self.sure:,} with a probability of {_SURE:.0%} or more")
        if self.unseen:
            tell(f"{plural(self.unseen, 'character')} around them that the model has never seen: left as they are")
        if self.alternatives and not self.keep:
            for place in self.kept:
                named = ", ".join(f"{shown_character(text)} {likely:.1%}" for text, likely in place.alternatives)
                tell(f"{place.at + 1:>8,}  {named}", prefix="")
            if self.count > len(self.kept):
                tell(f"and {self.count - len(self.kept):,} more: --json has all")


def _write(parts: Iterator[RestoredPart], vocabulary: Vocabulary, end: str) -> None:
    """The text; on a terminal what was given back is shaded by its surprise, where that is much."""
    from charrnn.terminal.output import BOLD

    output = Output(vocabulary.of_bytes)
    if output.styled:
        tell_shades()

    def styled() -> Iterator[Styled]:
        for part in parts:
            if not output.styled or vocabulary.of_bytes:
                yield vocabulary.readable(part.text), ""
                continue
            at = 0
            for place, where in zip(part.places, part.offsets, strict=True):
                yield part.text[at:where], ""
                yield place.character, shade(place.bits) or BOLD
                at = where + 1
            yield part.text[at:], ""
        yield end, ""

    output.stream(styled())


def _naming(loaded: Checkpoint, parts: Iterator[RestoredPart]) -> Iterator[RestoredPart]:
    """The same parts; errors name the checkpoint, and of the text those advices that there are options for."""
    from charrnn.text.sources import without_reading_options

    try:
        yield from parts
    except (DivergedError, VocabularyError) as error:
        raise type(error)(f"{loaded.path}: {error.what}", error.advice) from None
    except CorpusError as error:
        raise (error if "--encoding" in error.advice else without_reading_options(error)) from None


def _origin(loaded: Checkpoint) -> str:
    """What restores, in one line."""
    header = loaded.header
    measured = "" if header.held_out_loss is None else f", {header.held_out_words}"
    if header.untrained:
        measured = ", untrained: what it gives back is noise"
    return f"{loaded.path}, iteration {header.iteration:,}{measured}, sha256 {loaded.digest[:12]}"


def _json(loaded: Checkpoint, mark: str, text: str, places: list[RestoredPlace]) -> dict[str, Any]:
    """All there is to know of a restored text."""
    return {
        "text": text,
        "mark": mark,
        "places": [place.to_dict() for place in places],
        "checkpoint": str(loaded.path),
        "sha256": loaded.digest,
        "iteration": loaded.header.iteration,
    }
