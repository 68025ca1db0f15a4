"""Where trainings agree and where they differ: the text they held out, and their settings."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from charrnn.config import ModelConfig, ReadConfig, TrainConfig
from charrnn.config.option import settings_of
from charrnn.errors import UsageError
from charrnn.formatting import one_line
from charrnn.runs.header import Header


def text_key(header: Header) -> tuple[Any, ...]:
    """What the text of a training is known by, and what of it is held out.

    Args:
        header: Of one of its checkpoints.

    Returns:
        A key, equal where they are.
    """
    return header.corpus.get("digest"), *held_out_key(header)


def held_out_key(header: Header) -> tuple[Any, ...]:
    """What the held-out text of a training is known by.

    Args:
        header: Of one of its checkpoints.

    Returns:
        A key. Losses may be compared where it is equal: the same held-out text in the same characters.
    """
    reading, training, own = header.reading, header.training, header.corpus.get("validation")
    characters = (reading.min_count, reading.bytes)
    documents = (reading.documents, reading.document_separator, reading.boundary)
    if isinstance(own, Mapping):
        return own.get("digest"), training.val_max, *documents, *characters
    place = (training.val_frac, training.val_max, training.val_at, reading.shuffle, reading.split_seed)
    return header.corpus.get("digest"), *place, *documents, *characters


def require_one_quantity(headers: Mapping[str, Header]) -> None:
    """Make sure that the losses of several runs measure the same.

    Args:
        headers: One of each run, by what it is called.

    Raises:
        UsageError: Some are bidirectional, and some are not.
    """
    masked = [name for name, header in headers.items() if header.model.bidirectional]
    others = [name for name in headers if name not in masked]
    if masked and others:
        raise UsageError(
            f"{masked[0]} is bidirectional, and {others[0]} is not: the masked loss of the one, of hidden characters, "
            "is another quantity than the other's, of next characters.",
            "Compare each with its like.",
        )


def unlike_first(settings: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Each training's settings, as far as they are not those of the first; of the first all that others change.

    Args:
        settings: What `differing_settings` found.

    Returns:
        Name -> value for each training, in order.

    >>> unlike_first({"rnn_size": [64, 64, 128], "seed": [1, 2, 1]})
    [{'rnn_size': 64, 'seed': 1}, {'seed': 2}, {'rnn_size': 128}]
    """
    count = max(map(len, settings.values()), default=0)
    return [
        {name: values[at] for name, values in settings.items() if not at or values[at] != values[0]}
        for at in range(count)
    ]


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
    names = [name for name in (every[0] if every else ()) if name != "encoding"]  # the text is what was read in it
    columns = {name: [settings[name] for settings in every] for name in names}
    return {name: values for name, values in columns.items() if any(value != values[0] for value in values)}


def shown(name: str, value: Any) -> str:
    """The value of a setting, or of another fact, for people.

    Args:
        name: What the setting is called; it tells what no value and an empty list mean.
        value: Its value.

    Returns:
        `yes`, `no`, lists with commas, and where there is nothing what help says of that.

    >>> shown("keep", ()), shown("freeze", ["head"]), shown("freeze", ()), shown("shift", None), shown("tied", True)
    ('all', 'head', 'none', 'seq-length', 'yes')
    """
    if value is None or value in ((), []):
        settings = [setting for config in (ModelConfig, TrainConfig, ReadConfig) for setting in settings_of(config)]
        told = {setting.name: setting.option.default for setting in settings if setting.default in (None, ())}
        return told.get(name) or ("default" if value is None else "none")
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return one_line(str(value))
