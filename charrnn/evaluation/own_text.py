"""Whether a text that is scored is the one that a model has learnt from: its figure then says something else."""

from __future__ import annotations

from charrnn.formatting import bits
from charrnn.runs.header import Header
from charrnn.text import reading
from charrnn.text.encoded_corpus import DIGEST_LENGTH, Corpus


def in_parts(source: Corpus, header: Header, name: str) -> str | None:
    """What to say of a text that has several of the documents that a model was trained to read one by one.

    Args:
        source: The text, read as the model's own was.
        header: The model's.
        name: What the model is called.

    Returns:
        A remark; None where the text is one document, or newlines are read as what separates them.
    """
    if source.document_count < 2 or header.vocabulary.boundary in (None, "\n"):
        return None
    return (
        f"{name} reads documents one by one, and this text has {source.document_count:,}: what "
        "separates them counts as text here. charrnn score --lines scores each by itself."
    )


def own_text(source: Corpus, header: Header, name: str) -> str | None:
    """What to say of a text that a model was trained on, whole or in part.

    Args:
        source: The text, read as the model's own was.
        header: The model's.
        name: What the model is called.

    Returns:
        A remark; None if nothing says that the model knows the text.
    """
    trained = header.corpus
    learnt = "the figure tells how well it was learnt, not how well what is new is predicted."
    if reading.digest_of(source.documents, header.reading) == trained.get("digest"):
        loss, unit = header.held_out_loss, header.vocabulary.unit
        mixed = f", + counts {bits(header.mixed_loss):.3f}" if header.mixing else ""
        new = "" if loss is None else f" What was held out cost {bits(loss):.3f} {unit.bits_per}{mixed} in training."
        return f"{name} was trained on this text: {learnt}{new}"
    if source.digest == trained.get("validation", {}).get("digest"):
        return (
            f"This text was held out from {name} (--val-text): it was not learnt, but early stopping may have seen it."
        )
    known = set(trained.get("document_digests", ()))
    found = sum(document.digest[:DIGEST_LENGTH] in known for document in source.documents)
    if not found:
        return None
    whole = (
        f"{found:,} of these {len(source.documents):,} documents are" if len(source.documents) > 1 else "This text is"
    )
    among = "among" if len(source.documents) > 1 else "one of"
    return f"{whole} {among} the documents that {name} was trained on, unless it was held out: {learnt}"
