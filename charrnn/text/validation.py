"""A validation text in the characters of another: what is held out must be read as the model reads."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from charrnn.formatting import few, plural
from charrnn.text import id_cache
from charrnn.text.id_file import IdFile
from charrnn.text.vocabulary import Ids, Vocabulary, describe

if TYPE_CHECKING:
    from charrnn.text.encoded_corpus import Corpus

_PIECE = 1 << 20


@dataclass(frozen=True, slots=True, eq=False)
class Translation:
    """A text in another vocabulary."""

    ids: Ids | IdFile
    note: str | None  # what to tell of characters that the other does not have


def composed(own: Corpus, vocabulary: Vocabulary, read_composed: Callable[[], Corpus]) -> Corpus:
    """A validation text as the training text has it: with composed characters, where more of it is known then.

    Args:
        own: The text as it is.
        vocabulary: The other's.
        read_composed: Reads it in Unicode's composed normal form; called where it has anything to compose.

    Returns:
        The text in one of the two forms; a note says so where it is the composed one.
    """
    lost, marks = _lost(own, vocabulary)
    if not marks or _lost(form := read_composed(), vocabulary)[0] >= lost:
        return own
    note = f"--val-text {own.name}: is read with composed characters (NFC), as the training text has them"
    return replace(form, notes=(*form.notes, note))


def _lost(own: Corpus, vocabulary: Vocabulary) -> tuple[int, bool]:
    """How many characters of a text are not in a vocabulary, and whether marks or jamo are among them."""
    unseen = ~np.isin(own.alphabet.code_points, vocabulary.code_points) & (own.counts > 0)
    characters = map(chr, own.alphabet.code_points[unseen].tolist())
    return int(own.counts[unseen].sum()), any(
        unicodedata.category(character)[0] == "M" or "\u1100" <= character <= "\u11ff" for character in characters
    )


def translate(
    ids: Ids | IdFile, alphabet: Vocabulary, counts: NDArray[np.int64], vocabulary: Vocabulary
) -> Translation:
    """Encode a text in the vocabulary of another.

    A character that the other does not have becomes its unknown symbol; without one, the nearest that it has
    (`Vocabulary.nearest`), and where there is none it is left out.

    Args:
        ids: (n,), of `alphabet`.
        alphabet: Its own characters; the id after theirs is a boundary.
        counts: How often each of them occurs.
        vocabulary: The other's.

    Returns:
        The ids in the other vocabulary, and a note for people.
    """
    table = np.full(len(alphabet) + 1, -1, dtype=np.int64)
    known = np.isin(alphabet.code_points, vocabulary.code_points)
    places = np.flatnonzero(known)
    table[places] = np.searchsorted(vocabulary.code_points, alphabet.code_points[places])
    if vocabulary.boundary_id is not None:
        table[-1] = vocabulary.boundary_id
    replaced, left_out, characters = list[str](), list[str](), 0
    for index in np.flatnonzero(~known & (counts[: len(known)] > 0)).tolist():
        character = alphabet.characters[index]
        nearest = (vocabulary.nearest(character) or "")[:1] or None  # of several the first
        characters += int(counts[index])
        if vocabulary.unknown_id is not None:
            table[index] = vocabulary.unknown_id
            replaced.append(describe(character))
        elif nearest is not None:
            table[index] = vocabulary.encode(nearest)[0]
            replaced.append(f"{describe(character)} read as {nearest!r}")
        else:
            left_out.append(describe(character))
    note = None
    if characters:
        parts = [f"read as the unknown symbol: {few(replaced)}"] if vocabulary.unknown and replaced else []
        parts += [few(replaced)] if replaced and not vocabulary.unknown else []
        parts += [f"left out: {few(left_out)}"] if left_out else []
        note = f"has characters that the training text has not, {plural(characters, 'time')}; {'; '.join(parts)}"
    if not left_out:
        lookup = cast("Ids", table.clip(0).astype(vocabulary.dtype))
        return Translation(ids.translated(lookup) if isinstance(ids, IdFile) else lookup[ids], note)

    def kept() -> Iterator[Ids]:
        for start in range(0, len(ids), _PIECE):
            piece = table[ids[start : start + _PIECE]]
            yield cast("Ids", piece[piece >= 0].astype(vocabulary.dtype))

    if isinstance(ids, IdFile):
        return Translation(id_cache.store_for_now(kept, np.dtype(vocabulary.dtype)), note)
    return Translation(cast("Ids", np.concatenate(list(kept()))), note)
