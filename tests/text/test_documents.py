"""Many documents in one file, found by what separates them, however the file comes in pieces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charrnn.config import ReadConfig
from charrnn.errors import UsageError
from charrnn.text import corpus, encoder
from charrnn.text.documents import BOUNDARY, split_documents
from charrnn.text.id_file import IdFile


def documents_of(pieces: list[str | bytes], config: ReadConfig) -> list[str]:
    points = np.concatenate([np.zeros(0, dtype=np.uint32), *split_documents(pieces, config)]).tolist()
    return "".join("\x00" if point == BOUNDARY else chr(point) for point in points).split("\x00")


def apart(text: str, separator: str) -> list[str]:
    """The documents by a plain rule: split, strip line ends, leave out what is empty."""
    documents = [document.strip("\n") for document in text.split(separator)]
    return [document for document in documents if document] or [""]


@given(st.lists(st.text("ab\n|<", max_size=12), max_size=8), st.sampled_from(["\n", "\n\n", "|", "<|", "a\nb", "|\n|"]))
def test_pieces_make_no_difference(pieces: list[str], separator: str) -> None:
    config = ReadConfig(document_separator=separator)
    expected = apart("".join(pieces), separator)
    assert documents_of(list(pieces), config) == expected
    assert documents_of([piece.encode() for piece in pieces], config) == expected
    as_bytes = ReadConfig(document_separator=separator, bytes=True)
    assert documents_of([piece.encode() for piece in pieces], as_bytes) == expected


def test_the_separator_is_looked_for_in_the_text_as_it_is_read() -> None:
    assert (
        corpus.from_text("A<|END|>B", config=ReadConfig(document_separator="<|END|>", lowercase=True)).text == "a\n\nb"
    )
    text = corpus.from_text("one\r\n\r\ntwo\r\n", config=ReadConfig(document_separator="\n\n"))
    assert text.text == "one\n\ntwo"
    kept = ReadConfig(document_separator="\n", keep_newlines=True)
    assert corpus.from_text("one\r\ntwo\r\n", config=kept).text == "one\ntwo"


def test_a_separator_implies_documents() -> None:
    assert ReadConfig(document_separator="|").documents
    with pytest.raises(UsageError, match="--document-separator"):
        ReadConfig(document_separator="")
    with pytest.raises(UsageError, match="--shuffle documents"):
        ReadConfig(document_separator="|", shuffle="lines")


def test_one_document_is_as_a_text_and_said_to_be(tmp_path: Path) -> None:
    plain = corpus.from_text("abab\nabab")
    for config, said in (
        (ReadConfig(documents=True), "--documents: text is one document"),
        (ReadConfig(document_separator="|"), "does not come in text"),
    ):
        one = corpus.from_text("abab\nabab", config=config)
        assert one.ids.tolist() == plain.ids.tolist()
        assert one.vocabulary == plain.vocabulary
        assert one.split(0.25) == plain.split(0.25)
        [note] = one.notes
        assert said in note


def test_a_file_too_large_for_memory_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "names.txt"
    path.write_text("".join(f"name{number}\n" for number in range(500)), "utf-8")
    configs = [
        ReadConfig(document_separator="\n", shuffle=shuffle, min_count=least, bytes=as_bytes)
        for shuffle in ("none", "documents", "lines")
        for least, as_bytes in ((1, False), (200, False), (1, True))
    ]
    in_memory = [corpus.read(path, config) for config in configs]
    monkeypatch.setattr(encoder.encode, "__defaults__", (*encoder.encode.__defaults__[:-1], 100))  # type: ignore[index]
    monkeypatch.setattr(corpus, "_CACHED_FROM", 100)
    for expected, config in zip(in_memory, configs, strict=True):
        for _ in range(2):  # encoded, and from the cache
            read = corpus.read(path, config)
            assert isinstance(read.ids, IdFile)
            assert read.ids[0 : len(read)].tolist() == expected.ids.tolist()
            assert read.vocabulary == expected.vocabulary
            assert read.split(0.1) == expected.split(0.1)
            assert read.document_count == 500
    assert corpus.read(path).text == path.read_text("utf-8")  # another entry
