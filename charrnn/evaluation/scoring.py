"""How surprising a text is to a model: the bits of every one of its characters.

The text may be anyone's, in any characters, and models of different vocabularies can be compared by it: all are charged
for the same characters, those they have never seen included, by one rule.

A character costs the bits that the model gave it, minus the binary logarithm of its probability; of a model of bytes,
those of all its bytes. What the model has in another form only, composed or as the other kind of quote, dash or space
(`Vocabulary.form_of`), is read as that and costs the bits of all that is read for it. One that the model has never seen
costs UNSEEN_BITS. If the vocabulary has an unknown symbol, which stood for such characters in training, it costs the
symbol's bits as well: the symbol does not say which character it is. What the model reads in the place of an unseen
character, to go on from, is the unknown symbol; without one the nearest character (`Vocabulary.nearest`), and where
there is none the most frequent.

A model that reads from the end of a text predicts each character from those after it: nothing predicts the last, and a
lead is what stands at the end. Within `score` and `score_each` all is in the order in which the model reads; what they
return is in that of the text.

Counts beside the network see what it sees: the same ids, and of those before each as many as it has read since its
state began. What both together take is charged by the same rules, and stands beside what the network takes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import CorpusError
from charrnn.formatting import BYTE, Unit, bits, plural
from charrnn.network.engine import Engine, RecurrentStack
from charrnn.ngrams.mixing import Mixture
from charrnn.sampling.chain import log_softmax
from charrnn.text.code_points import utf8_size
from charrnn.text.graphemes import clustered
from charrnn.text.model_input import model_input
from charrnn.text.vocabulary import Vocabulary

UNSEEN_BITS = math.log2(0x110000)  # some 20.09, as if any of Unicode's code points could have come
# A long text is read in rows side by side, in a third of the time. Each begins with a zero state and a warm-up, as in
# `training.validation`: what a state has kept of anything before that is not to be seen in the figures.
_ROWS, _LEAST, _WARMUP = 64, 4096, 512  # rows at most; characters of a row at least, and those it reads before them

ShareCallback = Callable[[float], None]  # what share of the work has been done since it was last told
_Rows = tuple[NDArray[np.intp], int]  # where each row's inputs begin, (R,), and how many inputs each has


@dataclass(frozen=True, slots=True, eq=False)
class Score:
    """What a model makes of a text; a network alone, if it has counts beside it."""

    text: str  # the characters that were scored
    bits: NDArray[np.float64]  # (len(text),) of each
    unseen: NDArray[np.bool_]  # (len(text),) which the model has never seen
    before: str = ""  # the characters at the beginning that were only read; of a model that reads from the end none
    after: str = ""  # those at the end, which it only read
    rare_symbol: bool = False  # whether an unseen character costs the bits of the unknown symbol as well
    mixed: Score | None = None  # what network and counts together make of it; None without counts

    @property
    def bits_per_character(self) -> float:
        """The mean over the characters scored."""
        return float(self.bits.mean())

    def mean_without(self, left_out: NDArray[np.bool_]) -> float | None:
        """Bits per character of those that are not left out, (len(text),); None if all are."""
        return None if left_out.all() else float(self.bits[~left_out].mean())

    @property
    def bits_per_byte(self) -> float:
        """The same over the bytes that the characters are in UTF-8: what the losses of a model of bytes are."""
        return float(self.bits.sum()) / utf8_size(self.text)

    def by_cluster(self) -> Iterator[tuple[str, float]]:
        """What a reader takes for characters, each with the bits of all it is made of: how a text is shaded."""
        return clustered(zip(self.text, self.bits.tolist(), strict=True))

    def bits_per(self, unit: Unit) -> float:
        """The mean over characters or bytes."""
        return self.bits_per_byte if unit == BYTE else self.bits_per_character


def score(
    engine: Engine,
    vocabulary: Vocabulary,
    text: str,
    *,
    lead: int | None = None,
    window: int | None = None,
    mixture: Mixture | None = None,
    progress: ShareCallback = lambda share: None,
) -> Score:
    """The bits of every character of a text. Memory is that of the text and its bits, whatever the vocabulary.

    Args:
        engine: The network.
        vocabulary: Its characters.
        text: Anyone's text, in any characters.
        lead: How many characters are read first, and not scored: those at the beginning, or at the end. At least 1,
            which nothing predicts, but where documents have a boundary, which is read before the text: there 0. None:
            as few as can be.
        window: None carries the state over the whole text, as `training.validation` does. Else the state begins at
            zero with the last character of the lead, and then every so many characters (bytes, of a model of bytes).
        mixture: Counts beside the network; None: it has none.
        progress: Is told what share of the work has been done since it was last told.

    Returns:
        The bits of each character but the lead.

    Raises:
        CorpusError: The text has nothing to score.
        DivergedError: The outputs of the model are not numbers.
        VocabularyError: A surrogate that no byte stands for, if the model is one of bytes.
    """
    least = 0 if vocabulary.lead else 1
    lead = least if lead is None else lead
    assert lead >= least
    assert window is None or window >= 1
    if len(text) <= lead:
        raise CorpusError(
            f"a text of {plural(len(text), 'character')} has nothing to score: the "
            f"{'last' if vocabulary.backward else 'first'} {'is' if lead == 1 else f'{lead:,} are'} only read.",
            "Give a longer text.",
        )
    read = model_input(vocabulary, text)
    ids, sizes, unseen = read.ids, read.sizes, read.unseen
    first_id = int(sizes[:lead].sum())
    if vocabulary.boundary_id is not None:
        ids, unseen, first_id = np.insert(ids, 0, vocabulary.boundary_id), np.insert(unseen, 0, False), first_id + 1
    inputs = len(ids) - 1
    if inputs < max(1, first_id):
        raise CorpusError("nothing of the text is left to score in the characters of the model.", "Give a longer text.")
    plan = list(carried_rows(inputs) if window is None else _cold(inputs, max(1, first_id), window))
    surprise = _bits(engine, mixture, ids, plan, progress)
    return _charged(vocabulary, text, lead, surprise[:, first_id:], unseen[first_id:], sizes[lead:])


def score_each(
    engine: Engine,
    vocabulary: Vocabulary,
    texts: Sequence[str],
    *,
    mixture: Mixture | None = None,
    progress: ShareCallback = lambda share: None,
) -> list[Score]:
    """The bits of every character of several texts, each read on its own and so whatever stands before it.

    Each begins with a zero state and what the model begins texts with: the boundary of documents, if it has learnt one,
    else the end of a line. A model that reads from the end has that after each text.

    Args:
        engine: The network.
        vocabulary: Its characters.
        texts: Texts of at least one character each.
        mixture: Counts beside the network; None: it has none.
        progress: Is told what share of the work has been done since it was last told.

    Returns:
        What the model makes of each, of all its characters.

    Raises:
        DivergedError, VocabularyError: As `score` does.
    """
    begin = vocabulary.boundary_id
    begin_ids = vocabulary.encode(vocabulary.default_prime)[-1:].astype(np.intp) if begin is None else np.array([begin])
    encoded = [model_input(vocabulary, text) for text in texts]
    starts = np.cumsum([0, *(1 + len(read.ids) for read in encoded)])
    sizes = np.diff(starts) - 1
    plan: list[_Rows] = []
    for size in np.unique(sizes[sizes > 0]).tolist():  # texts of one length are read side by side
        rows = starts[:-1][sizes == size]
        plan += [(rows[at : at + _ROWS], size) for at in range(0, len(rows), _ROWS)]
    joined = np.concatenate([part for read in encoded for part in (begin_ids, read.ids)]) if texts else begin_ids
    surprise = _bits(engine, mixture, joined, plan, progress)
    return [
        _charged(vocabulary, text, 0, surprise[:, start + 1 : stop], read.unseen, read.sizes)
        for text, start, stop, read in zip(texts, starts, starts[1:], encoded, strict=False)
    ]


def _charged(
    vocabulary: Vocabulary,
    text: str,
    lead: int,
    surprise: NDArray[np.float64],
    unseen: NDArray[np.bool_],
    sizes: NDArray[np.intp],
) -> Score:
    """The score of a text but its lead, from the bits of all that was read for it and what was unseen, (n,).

    These come as the model reads, and the sizes, (len(text) - lead,), too. The bits are (1, n), those of the network,
    or with counts (2, n): those of both below them.
    """
    charged = np.where(unseen, UNSEEN_BITS + (surprise if vocabulary.unknown else 0.0), surprise)
    unseen_of_each = by_character(unseen, sizes) > 0
    begin, end = (0, len(text) - lead) if vocabulary.backward else (lead, len(text))
    network, *mixed = (
        Score(
            text[begin:end],
            by_character(row, sizes)[vocabulary.order],
            unseen_of_each[vocabulary.order],
            before=text[:begin],
            after=text[end:],
            rare_symbol=vocabulary.unknown,
        )
        for row in charged
    )
    return replace(network, mixed=mixed[0]) if mixed else network


def by_character(values: NDArray[Any], sizes: NDArray[np.intp]) -> NDArray[np.float64]:
    """The sums of the values (n,) of what is read for each character, (len(sizes),); zero where that is nothing."""
    begins = np.cumsum(sizes) - sizes
    sums = np.zeros(len(sizes))
    if len(values):
        sums[sizes > 0] = np.add.reduceat(values.astype(np.float64), begins[sizes > 0])
    return sums


def carried_rows(inputs: int) -> Iterator[_Rows]:
    """A long text's rows, side by side and all of one length; a short text is one row.

    Each row but the first begins with its warm-up, or more of the one before.
    """
    count = max(1, min(_ROWS, (inputs - _WARMUP) // _LEAST))
    size = _WARMUP - (_WARMUP - inputs) // count  # rounded up
    yield np.arange(count, dtype=np.intp) * (inputs - size) // max(1, count - 1), size


def _cold(inputs: int, first_id: int, window: int) -> Iterator[_Rows]:
    """Windows, as many as can be side by side; the last is what is left over."""
    begins = np.arange(first_id - 1, inputs, window, dtype=np.intp)
    whole = begins[begins + window <= inputs]
    for at in range(0, len(whole), _ROWS):
        yield whole[at : at + _ROWS], window
    if len(whole) < len(begins):
        yield begins[-1:], inputs - int(begins[-1])


def _bits(
    engine: Engine, mixture: Mixture | None, ids: NDArray[np.intp], plan: list[_Rows], progress: ShareCallback
) -> NDArray[np.float64]:
    """The bits of each id (n,), as far as rows predict them; of the others, anything.

    They are (1, n), those of the network, or with counts (2, n): those of both below them.
    """
    nats, read = np.zeros(len(ids)), np.zeros(len(ids), dtype=np.intp)  # read: how many before it, in its row
    total = sum(len(begins) * size for begins, size in plan)
    for begins, size in plan:
        stack, rows = RecurrentStack(engine, begins.shape), np.arange(len(begins))
        # Of a character that two rows predict, the row that has read more before it has its say later, and the last.
        for at in range(size):
            stack.step(engine.input_columns(ids[begins + at]))
            log_probs = log_softmax(stack.logits().T)
            following = begins + at + 1
            nats[following], read[following] = -log_probs[rows, ids[following]], at + 1
            progress(len(rows) / total)
    kinds = [nats] if mixture is None else [nats, mixture.nats(nats, *mixture.model.predict(ids, read))]
    return bits(np.stack(kinds))
