"""How what a model writes is shown: headings, shades of surprise, lines of JSON, and what of it is not new."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING

from charrnn.commands.notes import tell
from charrnn.commands.stdout import Output, shade, tell_shades
from charrnn.errors import DivergedError
from charrnn.formatting import plural
from charrnn.terminal.output import BOLD, UNDERLINED, Styled
from charrnn.text.graphemes import clustered

if TYPE_CHECKING:
    from charrnn.config import Color
    from charrnn.evaluation.novelty import Overlap
    from charrnn.runs.checkpoint import Checkpoint
    from charrnn.runs.training_text import TrainingText
    from charrnn.sampling.generate import Character
    from charrnn.sampling.request import GeneratedText, Request
    from charrnn.text.vocabulary import Vocabulary

Piece = tuple[str, float]  # of a text, with its bits


class TextPrinter:
    """Puts texts on standard output, one after the other."""

    def __init__(self, as_json: bool, color: Color, echo: bool, *, several: bool, headings: bool | None) -> None:
        """`echo` shows the prime, too; `headings` a line that says what a text is; None: of several, on a terminal.

        Each of `several` texts ends with a line.
        """
        self.as_json, self.color, self.echo = as_json, color, echo
        self.several, self.headings = several, headings
        self._first = True

    def print(
        self,
        output: Output,
        checkpoint: Checkpoint,
        request: Request,
        prime: str,
        text: GeneratedText,
        search: NoveltySearch | None,
    ) -> None:
        """Print a text: as it is written, unless all of it has to be known first, or it is written from its end."""
        vocabulary = checkpoint.header.vocabulary
        characters: Iterable[Character] = _naming(checkpoint, text.characters)
        overlap, interrupt = None, None
        if vocabulary.backward and not self.as_json:
            characters, interrupt = _until_interrupted(characters)
        if self.as_json or search:
            characters = list(characters)
            overlap = search.overlap(characters, vocabulary) if search else None
        if self.as_json:
            output.write([(_json_line(checkpoint, request, prime, text, list(characters), overlap), "")])
            return
        if self._first and self.color == "bits" and output.styled:
            tell_shades()
        if self.headings or (self.headings is None and self.several and output.terminal):
            facts = f"iteration {checkpoint.header.iteration:,}, temperature {text.temperature:g}, seed {text.seed}"
            output.write([("" if self._first else "\n", ""), (f"--- {facts} ---", BOLD), ("\n", "")])
        self._first = False
        before, after = ("", prime) if vocabulary.backward else (prime, "")
        output.write([(before if self.echo else "", BOLD)])
        pieces = _in_reading_order(characters, vocabulary)
        new = _styled(pieces, self.color, overlap) if output.styled else _unstyled(pieces)
        output.stream(chain(new, [(after if self.echo else "", BOLD)]))
        if interrupt:
            raise interrupt
        if self.several or self.headings:
            output.end_line()
        if search and overlap:
            search.report(overlap)


def _naming(checkpoint: Checkpoint, characters: Iterable[Character]) -> Iterator[Character]:
    """The same characters; an error that ends them names the checkpoint."""
    try:
        yield from characters
    except DivergedError as error:
        raise DivergedError(f"{checkpoint.path}: {error.what}", error.advice) from None


def _until_interrupted(characters: Iterable[Character]) -> tuple[list[Character], BaseException | None]:
    """What is written of a text before anything of it can be shown; and the signal that cut it short, if one did."""
    written: list[Character] = []
    try:
        written.extend(characters)
    except (KeyboardInterrupt, SystemExit) as interrupt:
        return written, interrupt
    return written, None


def _in_reading_order(characters: Iterable[Character], vocabulary: Vocabulary) -> Iterable[Piece]:
    """The pieces of a text with their bits: as they are written; from its beginning where they come from its end."""
    pieces = ((character.text, character.bits) for character in characters)
    return list(_whole(pieces))[::-1] if vocabulary.backward else pieces


def _whole(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """The same, but that the bytes of a character have joined the one that makes it whole."""
    waiting = 0.0
    for text, bits in pieces:
        waiting += bits
        if text:
            yield text, waiting
            waiting = 0.0


def _unstyled(pieces: Iterable[Piece]) -> Iterator[Styled]:
    """Each piece as it comes."""
    return ((text, "") for text, _ in pieces)


def _styled(pieces: Iterable[Piece], color: Color, overlap: Overlap | None) -> Iterator[Styled]:
    """What a reader takes for characters, with what the bits and the novelty of each make of it."""
    if color != "bits" and not overlap:
        yield from _unstyled(pieces)
        return
    overlapping = {place for start, stop in (overlap.stretches if overlap else ()) for place in range(start, stop)}
    place = 0
    for cluster, bits in clustered(pieces):
        style = shade(bits) if color == "bits" else ""
        if not overlapping.isdisjoint(range(place, place + len(cluster))):
            style = f"{style};{UNDERLINED}" if style else UNDERLINED
        yield cluster, style
        place += len(cluster)


def _json_line(
    checkpoint: Checkpoint,
    request: Request,
    prime: str,
    generated: GeneratedText,
    characters: list[Character],
    overlap: Overlap | None,
) -> str:
    """All there is to know of a text, as a line of JSON."""
    from charrnn.sampling.generate import text_of
    from charrnn.text.code_points import utf8_size

    vocabulary = checkpoint.header.vocabulary
    text, end = text_of(characters, vocabulary), vocabulary.boundary_id
    bits = sum(character.bits for character in characters if character.text or character.id != end)
    facts = {
        "text": text,
        "prime": prime,
        "backward": vocabulary.backward,
        "bits_per_character": bits / len(text) if text else None,
        "bits_per_byte": bits / utf8_size(text) if text else None,
        "ended_by": generated.ended_by,
        "seed": generated.seed,
        "temperature": generated.temperature,
        **{name: getattr(request, name) for name in ("top_k", "top_p", "min_p", "length", "until", "finish", "count")},
        "checkpoint": str(checkpoint.path),
        "sha256": checkpoint.digest,
        "iteration": checkpoint.header.iteration,
        "ngrams": generated.ngrams,
        "set_units": {str(held.unit): held.value for held in request.set_units},
        "no_copy": request.no_copy.longest if request.no_copy else None,
    }
    if request.no_copy:
        cost = generated.ruled_out
        per_character = cost.bits / len(text) if text else None
        facts["ruled_out"] = {"characters": cost.characters, "bits_per_character": per_character}
    if overlap:
        facts["novelty"] = {"found": overlap.share, "stretches": overlap.stretches}
    return json.dumps(facts, allow_nan=False) + "\n"


class NoveltySearch:
    """Looks for stretches of what a model writes in the text that it was trained on."""

    def __init__(self, source: TrainingText, min_length: int) -> None:
        """`source` is where to look; stretches have at least `min_length` characters."""
        self.source, self.min_length, self._form = source, min_length, ""

    def overlap(self, characters: Iterable[Character], vocabulary: Vocabulary) -> Overlap:
        """What the training text has of what was written."""
        from charrnn.evaluation import novelty
        from charrnn.sampling.generate import text_of

        text = text_of(characters, vocabulary)
        note = self.source.corpus.vocabulary.form_of(text).note("it") or ""
        self._form = f", where {note.removesuffix('.')}" if note else ""
        return novelty.find([text], self.source.corpus, self.source.training, self.min_length)[0]

    def report(self, overlap: Overlap) -> None:
        """Say on standard error how much that is; of a text too short for a stretch, that nothing can be found."""
        if 0 < overlap.characters < self.min_length:
            shorter = (
                f"it has {plural(overlap.characters, 'character')}, and stretches of {self.min_length} are looked for"
            )
            tell(f"{shorter}: --novelty-length {overlap.characters} looks for all of it")
            return
        stretches = f"stretches of {self.min_length} or more characters"
        has = f"{self.source.corpus.name} has word for word{self._form}"
        tell(f"{overlap.share:.1%} of it is in {stretches} that {has}")
