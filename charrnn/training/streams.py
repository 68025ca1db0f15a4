"""Which windows a text is trained in."""

from __future__ import annotations

from typing import Any

from charrnn.config import TrainConfig
from charrnn.text.corpus import Corpus
from charrnn.text.spliced import Spliced
from charrnn.text.split import Split
from charrnn.training.document_windows import DocumentStreams
from charrnn.training.masking import MaskedStreams, Masking
from charrnn.training.windows import ALL, Streams

PACK = 8  # windows that short documents share; with one, documents of more than half a window would waste the rest


def streams_of(
    corpus: Corpus, split: Split, config: TrainConfig, rows: slice = ALL, *, masked: bool = False
) -> Streams | DocumentStreams | MaskedStreams:
    """The training text as windows.

    Args:
        corpus: The text, joined or of many documents.
        split: Which spans of it are trained on.
        config: The windows' size and order.
        rows: Those of the streams that windows have.
        masked: Whether characters are hidden in them, to be given back; else the next ones are to be predicted.

    Returns:
        Windows by index: of one text's streams, or of documents kept apart.

    Raises:
        CorpusError: The text does not fill one window of every stream.
    """
    if masked:
        vocabulary = corpus.vocabulary
        masking = Masking(
            share=config.mask_share,
            seed=config.seed,
            vocabulary_size=len(vocabulary),
            boundary=vocabulary.boundary_id,
        )
        return MaskedStreams(_streams_of(corpus, split, config, ALL), masking, rows)
    return _streams_of(corpus, split, config, rows)


def _streams_of(corpus: Corpus, split: Split, config: TrainConfig, rows: slice) -> Streams | DocumentStreams:
    shape = (config.batch_size, config.seq_length, config.effective_shift)
    if corpus.apart:
        spans, pack = (split.training, 0) if split.documents is None else (split.documents, PACK * config.seq_length)
        order: dict[str, Any] = {"stateless": config.stateless, "seed": config.seed}
        return DocumentStreams(corpus.ids, spans, *shape, **order, pack=pack, rows=rows)
    from_the_beginning = len(split.training) == 1 and split.training[0].start == 0
    return Streams(
        corpus.ids if from_the_beginning else Spliced(corpus.ids, split.training),
        *shape,
        stop=split.training_size,
        stateless=config.stateless,
        rotate=config.rotate,
        seed=config.seed,
        rows=rows,
    )
