"""Files and folders of texts, gathered; and what is said of those that cannot be."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest

from charrnn.errors import CorpusError
from charrnn.text.sources import Source, gather

COMPRESS: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}


def write(path: Path, data: bytes = b"text\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def tree(folder: Path, *names: str) -> Path:
    for name in names:
        write(folder / name, name.encode())
    return folder


def names(found: list[Source]) -> list[str]:
    return [source.name for source in found]


def content(source: Source) -> bytes:
    return b"".join(source.chunks())


def line(error: pytest.ExceptionInfo[BaseException]) -> str:
    message = str(error.value)
    assert message.isprintable() or "\xa0" in message
    message.encode("utf-8")
    return message


def refused(*texts: str | Path, glob: str | None = None) -> str:
    with pytest.raises(CorpusError) as caught:
        gather(texts, glob=glob)
    return line(caught)


def unreadable(source: Source) -> str:
    with pytest.raises(CorpusError) as caught:
        content(source)
    message = line(caught)
    assert str(source.path or source.name) in message
    return message
