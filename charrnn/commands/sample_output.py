"""How what a model writes is shown: headings, shades of surprise, lines of JSON, and what of it is not new."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from charrnn.commands.stdout import Output, Styled, shade, tell_shades

if TYPE_CHECKING:
    from charrnn.evaluation.novelty import Overlap
    from charrnn.runs.checkpoint import Checkpoint
    from charrnn.sampling.generate import Character
    from charrnn.sampling.request import GeneratedText, Request

BOLD, UNDERLINED = "1", "4"  # SGR


class Color(StrEnum):
    """What the characters are coloured by."""

    NONE = "none"
    BITS = "bits"


class Show:
    """How texts are put on standard output."""

    def __init__(self, as_json: bool, color: Color, echo: bool, *, heading: bool) -> None:
        self.as_json, self.color, self.echo, self.heading = as_json, color, echo, heading
        self.first = True

    def text(
        self, output: Output, kept: Checkpoint, request: Request, prime: str, one: GeneratedText, look: Novelty | None
    ) -> None:
        """Put one text there, as it is written unless all of it has to be known first."""
        characters: Iterable[Character] = one.characters
        found = None
        if self.as_json or look:
            characters = list(characters)
            found = look.found("".join(character.text for character in characters)) if look else None
        if self.as_json:
            output.write([(_line(kept, request, prime, one, list(characters), found), "")])
            return
        if self.first and self.color is Color.BITS and output.styled:
            tell_shades()
        if self.heading:
            title = [f"iteration {kept.header.iteration:,}", f"temperature {one.temperature:g}", f"seed {one.seed}"]
            output.write([("" if self.first else "\n", ""), (f"--- {', '.join(title)} ---", BOLD), ("\n", "")])
        self.first = False
        output.write([(prime if self.echo else "", BOLD)])
        output.stream(_styled(characters, self.color, found))
        if self.heading:
            output.end_line()
        if look and found:
            look.tell(found)


def _styled(characters: Iterable[Character], color: Color, found: Overlap | None) -> Iterator[Styled]:
    """Each character with what its bits and its novelty make of it."""
    places = {place for start, stop in (found.stretches if found else ()) for place in range(start, stop)}
    place = 0
    for character in characters:
        style = shade(character.bits) if color is Color.BITS else ""
        if place in places:
            style = f"{style};{UNDERLINED}" if style else UNDERLINED
        yield character.text, style
        place += len(character.text)


def _line(
    kept: Checkpoint,
    request: Request,
    prime: str,
    one: GeneratedText,
    characters: list[Character],
    found: Overlap | None,
) -> str:
    """All there is to know of a text, as a line of JSON."""
    text = "".join(character.text for character in characters)
    bits = sum(character.bits for character in characters)
    facts = {
        "text": text,
        "prime": prime,
        "bits_per_character": bits / len(text) if text else None,
        "seed": one.seed,
        "temperature": one.temperature,
        **{name: getattr(request, name) for name in ("top_k", "top_p", "min_p", "length", "until", "finish", "count")},
        "checkpoint": str(kept.path),
        "sha256": kept.digest,
        "iteration": kept.header.iteration,
    }
    if found:
        facts["novelty"] = {"found": found.share, "stretches": found.stretches}
    return json.dumps(facts, allow_nan=False) + "\n"


class Novelty:
    """The text that a checkpoint was trained on, to look for stretches of others in it."""

    def __init__(self, kept: Checkpoint, text: Path | None, least: int) -> None:
        """Raises UsageError if it is not known where the text is, CorpusError if it cannot be read."""
        from charrnn.commands import text_options
        from charrnn.runs.training_text import find_training_text

        self.least = least
        self.text = find_training_text(kept.path, kept.header, None if text is None else str(text), text_options.read)
        if text is None and not self.text.same:
            print("charrnn: the text has changed since; what follows is of how it is now", file=sys.stderr)

    def found(self, text: str) -> Overlap:
        """What it has of `text`."""
        from charrnn.evaluation import novelty

        return novelty.find([text], self.text.corpus, self.text.training, self.least)[0]

    def tell(self, found: Overlap) -> None:
        """Say so."""
        from charrnn.formatting import visible

        where = (
            f"in stretches of {self.least} or more characters that {visible(self.text.corpus.name)} has word for word"
        )
        print(f"charrnn: {found.share:.1%} of it is {where}", file=sys.stderr)
