"""What the JSON of a checkpoint's header must be before anything in it is used, whoever wrote it (docs/format.md).

The settings (`model`, `training`, `reading`) are checked where a config is made of them.
"""

from __future__ import annotations

from typing import Any

from charrnn.config.option import LAST_SEED
from charrnn.runs.schema import flag, items, number, one_of, optional, plain, record, row, text, whole

LARGEST_LOSS = 1e9  # nats per character that a header may name; what is more is written as null
MOST_CHARACTERS = 300_000  # of a vocabulary: Unicode has assigned half as many, private ones included
MOST_ROLLBACKS = 1000
IDENTITY = ("name", "digest", "characters")  # of a text, by which it is known again
_MOST_SHARES = 1000
_MOST_FINDINGS = 1000
_MOST_NAMES = 100_000  # of files

_loss = number(high=LARGEST_LOSS)
_anything = record(others=lambda value, where: None)

_text_facts = {
    "name": text,
    "digest": text,
    "characters": whole(),
    "documents": whole(),
    "document_digests": items(text, most=1000),
    "entropy": number(high=64),
    "trained_on": whole(),
}
_identity = {name: _text_facts[name] for name in IDENTITY}
_corpus = record(possible=_text_facts | {"validation": record(possible=_text_facts, others=plain)}, others=plain)
_corpus_to_resume = record(
    _identity, _text_facts | {"validation": record(_identity, _text_facts, others=plain)}, others=plain
)

_sample = record(
    {
        "prime": text,
        "text": text,
        "seed": whole(high=LAST_SEED),
        "temperature": number(),
        "known_words": optional(number(high=1)),
    },
    {"known_trigrams": optional(number(high=1)), "backward": flag},
)

_mixing = record(
    {"shares": items(number(high=1), most=_MOST_SHARES, least=1), "held_out_loss": _loss, "improves": flag},
)

_finding = record(
    {"kind": text, "message": text, "advice": text, "count": whole()},
    {"examples": items(text, most=1000)},
)

_numbers = {  # of a state of a training
    "best_loss": optional(number()),
    "stale": whole(),
    "stopped": flag,
    "lowered": whole(),
    "rollbacks": whole(high=MOST_ROLLBACKS),
    "train_loss": number(),
    "clipped": whole(),
    "unlogged": record({"largest": number(), "clipped": whole()}),
}

_scaling = {"loss_scale": record({"scale": number(), "good": whole()})}
_progress = record(
    possible={
        **_numbers,
        **_scaling,
        "rollback": optional(record(_numbers | {"iteration": whole(), "characters": whole()}, _scaling)),
        "seconds": number(),
        "elapsed": number(),
        "plans": whole(),
        "budget_began": number(),
        "turn": optional(row(whole(), number(high=1))),
        "smoothed_loss": number(),  # what older files call the training loss
        "origin": optional(
            record(
                possible={
                    "texts": optional(items(text, most=_MOST_NAMES)),
                    "glob": optional(text),
                    "max_expansion": whole(1),
                    "val_text": optional(text),
                }
            )
        ),
        "per_epoch": whole(1),
        "documents": items(row(text, whole(), text), most=1000),
    },
    others=plain,
)

_vocabulary = record(
    {
        "code_points": items(whole(high=0x10FFFF), most=MOST_CHARACTERS, least=1),
        "most_frequent": whole(high=MOST_CHARACTERS),
        "unknown": flag,
        "of_bytes": flag,
    },
    {"boundary": optional(text)},
)

_fields = {
    "format": whole(),
    "kind": one_of("snapshot", "resume"),
    "model": _anything,
    "training": _anything,
    "reading": _anything,
    "vocabulary": _vocabulary,
    "iteration": whole(),
    "characters": whole(),
    "train_loss": optional(_loss),
    "held_out_loss": optional(_loss),
    "corpus": _corpus,
    "sample": optional(_sample),
}
_later_fields = {
    "began_from": record(
        possible={
            "what": one_of("network", "embedding"),
            "path": text,
            "sha256": text,
            "iteration": whole(),
            "fell_back_to": whole(),
        },
        others=plain,
    ),
    "findings": items(_finding, most=_MOST_FINDINGS),
    "mixing": optional(_mixing),
    "created": text,
    "made_with": record(
        possible={"charrnn": text, "torch": text, "device": text, "threads": whole(1, 1 << 16)}, others=plain
    ),
    "progress": _progress,
}

_snapshot = record(_fields, _later_fields)
_resume_file = record(_fields | {"corpus": _corpus_to_resume}, _later_fields)


def check_header(values: Any) -> None:
    """Raises ValueError for JSON that is no checkpoint's header."""
    _snapshot(values, "")
    if values["kind"] == "resume":
        _resume_file(values, "")
