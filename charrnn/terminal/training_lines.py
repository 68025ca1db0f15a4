"""What a training is, in lines: its text, its network, what an iteration reads."""

from __future__ import annotations

from charrnn.config import ModelConfig, TrainConfig
from charrnn.formatting import Unit, visible_line
from charrnn.text.corpus import Corpus
from charrnn.text.split import Split


def text_line(corpus: Corpus, split: Split) -> str:
    """What was read and how it is divided, in one line."""
    vocabulary = corpus.vocabulary
    count, unit, shuffle = corpus.document_count, vocabulary.unit.many, corpus.config.shuffle
    joined = "" if shuffle == "none" else f"{shuffle} shuffled, "
    if corpus.apart and count > 1:
        joined = f"{count:,} documents apart, {joined}"
    elif count > 1:
        joined = f"{count:,} documents joined by {corpus.config.separator!r}, {joined}"
    distinct = f"{len(corpus.alphabet):,} distinct" if not vocabulary.of_bytes else "256 of them known"
    if vocabulary.unknown:
        distinct += (
            f", {len(corpus.alphabet) - len(vocabulary.code_points):,} of them rare enough to be one unknown symbol"
        )
    held_out = visible_line(corpus.held_out_in_words(split))
    return f"{visible_line(corpus.name)}: {joined}{corpus.characters:,} {unit}, {distinct}; {held_out} held out"


def network_line(model: ModelConfig) -> str:
    """Cell, layers, width, and what is between them."""
    line = model.title
    if model.residual and model.num_layers > 1:
        line += ", residual"
    line += f", embedding {model.embedding_size}" if model.embedding_size else ", one-hot"
    line += ", layer norm" * model.layer_norm + ", tied" * model.tied
    for name in ("dropout", "input_dropout", "recurrent_dropout"):
        if share := getattr(model, name):
            line += f", {name.replace('_', ' ')} {share:g}"
    return line


def window_line(training: TrainConfig, unit: Unit) -> str:
    """What an iteration reads."""
    streams = f"{training.batch_size} shuffled windows" if training.stateless else f"{training.batch_size} streams"
    shift = "" if training.effective_shift == training.seq_length else f", shift {training.effective_shift}"
    direction = ", backward, from the end of the text" if training.backward else ""
    return f"{streams} x {training.seq_length} {unit.many}{shift}{direction}"
