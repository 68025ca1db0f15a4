"""Checkpoints as someone would make them by hand: any header and tensors, under a true checksum."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from safetensors.numpy import save as serialize

from charrnn.errors import CharrnnError
from charrnn.runs import checkpoint
from charrnn.runs.checkpoint import Tensors


def header_of(path: Path) -> Any:
    """The JSON of a checkpoint's header."""
    data = path.read_bytes()
    index = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return json.loads(index["__metadata__"]["charrnn"])


def write(path: Path, header: Any, tensors: Tensors) -> Path:
    """A file with a true checksum, whatever is in it."""
    text = header if isinstance(header, str) else json.dumps(header)
    metadata = {"charrnn": text, "sha256": checkpoint.digest_of(text, tensors)}
    path.write_bytes(serialize(tensors, metadata))
    return path


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where the values of a JSON object are, all in all; of a list the first and the last."""
    names: list[Any] = []
    if isinstance(value, dict):
        names = list(value)
    elif isinstance(value, list):
        names = sorted({0, len(value) - 1}) if value else []
    for name in names:
        yield (*at, name)
        yield from places(value[name], (*at, name))


def replaced(value: Any, at: tuple[Any, ...], by: Any) -> Any:
    """A copy with another value in one place."""
    copy = json.loads(json.dumps(value))
    inner = copy
    for name in at[:-1]:
        inner = inner[name]
    inner[at[-1]] = by
    return copy


def removed(value: Any, at: tuple[Any, ...]) -> Any:
    """A copy without one place."""
    copy = json.loads(json.dumps(value))
    inner = copy
    for name in at[:-1]:
        inner = inner[name]
    del inner[at[-1]]
    return copy


def outcome(do: Callable[[], object]) -> str:
    """The error's line, "" for none; a warning, or an error that is none of charrnn's, is a fault."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            do()
        except CharrnnError as error:
            said = str(error)
            assert "\n" not in said
            assert len(said) < 1000
            return said
    return ""
