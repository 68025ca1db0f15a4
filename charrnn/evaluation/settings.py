"""Where trainings agree and where they differ: the text they held out, and their settings."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from charrnn.runs.header import Header


def text_key(header: Header) -> tuple[Any, ...]:
    """What the held-out text of a training is known by.

    Args:
        header: Of one of its checkpoints.

    Returns:
        A key. Losses may be compared where it is equal: the same held-out text in the same characters.
    """
    reading, training = header.reading, header.training
    digest = header.corpus.get("digest")
    return digest, training.val_frac, training.val_max, reading.min_count, reading.bytes, reading.documents


def differing_settings(headers: Sequence[Header]) -> dict[str, list[Any]]:
    """The settings in which trainings differ.

    Args:
        headers: One of each training.

    Returns:
        Name -> one value for each header, in order.
    """
    every = [
        dataclasses.asdict(header.model)
        | dataclasses.asdict(header.training)
        | dataclasses.asdict(header.reading)
        | {"corpus": header.corpus.get("name")}
        for header in headers
    ]
    columns = {name: [settings[name] for settings in every] for name in (every[0] if every else ())}
    return {name: values for name, values in columns.items() if any(value != values[0] for value in values)}
