"""A text from its end: the same characters trained on and held out, and nothing else turned round."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.trainings import folder
from hypothesis import given
from hypothesis import strategies as st

from charrnn.config import ReadConfig, ValAt
from charrnn.text import corpus, id_cache
from charrnn.text.corpus import Corpus
from charrnn.text.decoding import decoder_from_the_end
from charrnn.text.direction import ReversedIds, as_read
from charrnn.text.spliced import Spliced
from charrnn.text.split import Span
from charrnn.text.vocabulary import Vocabulary, to_code_points

TEXT = "".join(f"{number}: a line of this list\n" for number in range(400))


def check_same_characters(source: Corpus, val_frac: float, val_max: int = 0, val_at: ValAt | None = None) -> None:
    split = source.split(val_frac, val_max, val_at)
    read = as_read(source, split, backward=True)
    for forward, backward, spans, mirrored in (
        (source, read.corpus, split.training, read.split.training),
        (source.measured, read.corpus.measured, split.held_out, read.split.held_out),
    ):
        # The boundary that leads to a document is not counted, and the one at its other end is: the two change places.
        boundary = source.vocabulary.boundary_id
        ours, theirs = (
            ids[ids != boundary]  # type: ignore[operator]
            for ids in (forward.joined(spans), backward.joined(mirrored)[::-1])
        )
        assert np.array_equal(ours, theirs)
    assert as_read(source, split, backward=False) == (source, split)


@pytest.mark.parametrize(("val_frac", "val_at"), [(0.0, None), (0.1, None), (0.1, "spread")])
def test_the_held_out_characters_are_those_of_a_forward_training(val_frac: float, val_at: ValAt | None) -> None:
    check_same_characters(corpus.from_text(TEXT), val_frac, val_at=val_at)


def test_the_end_of_the_text_is_the_beginning_of_what_is_read() -> None:
    source = corpus.from_text("ab" * 500)
    split = as_read(source, source.split(0.1), backward=True).split
    assert split.training == (Span(100, 1000),)
    assert split.held_out == ((0, 0, 100),)


@pytest.mark.parametrize("val_max", [0, 100, 10])
def test_so_they_are_of_documents(tmp_path: Path, val_max: int) -> None:
    texts = [TEXT[at : at + 20 + at // 40] for at in range(0, 2000, 100)]
    source = corpus.read(folder(tmp_path / "documents", texts), ReadConfig(documents=True))
    for val_at in (None, "end"):
        check_same_characters(source, 0.2, val_max, val_at)  # type: ignore[arg-type]
    split = source.split(0.2, val_max)
    read = as_read(source, split, backward=True)
    boundary = source.vocabulary.boundary_id
    assert read.corpus.boundaries is not None
    assert all(read.corpus.ids[at : at + 1] == boundary for at in read.corpus.boundaries.tolist())
    for context, start, stop in read.split.held_out:  # from a boundary on, with the one that ends the document
        assert read.corpus.ids[context : context + 1] == boundary
        assert context < start < stop
        assert read.corpus.ids[stop - 1 : stop] == boundary
    assert read.split.documents is not None
    for start, stop in read.split.documents.tolist():
        assert read.corpus.ids[start : start + 1] == read.corpus.ids[stop - 1 : stop] == boundary


def test_so_they_are_of_a_validation_text(tmp_path: Path) -> None:
    path = tmp_path / "held-out.txt"
    path.write_text(TEXT[500:900], "utf-8")
    source = corpus.with_validation(corpus.from_text(TEXT), path)
    check_same_characters(source, 0.1)
    check_same_characters(source, 0.1, 50)


def test_reversed_ids_are_read_in_slices_that_torch_takes() -> None:
    ids = ReversedIds(np.arange(10, dtype=np.uint8))
    assert ids[2:5].tolist() == [7, 6, 5]
    assert ids[8:20].tolist() == [1, 0]
    assert ids[5:2].tolist() == ids[0:0].tolist() == []
    assert ids[1:4].strides == (1,)
    with pytest.raises(ValueError, match="contiguous"):
        ids[::2]


def test_of_a_text_in_a_file_slices_are_read_where_they_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARRNN_CACHE_DIR", str(tmp_path))
    source = np.arange(100, dtype=np.uint16)
    file = id_cache.store_for_now(lambda: iter([source[:60], source[60:]]), source.dtype)
    ids = ReversedIds(file)
    assert (len(ids), ids.dtype) == (100, np.uint16)
    spliced = Spliced(ids, [(0, 3), (50, 52)])  # type: ignore[arg-type]
    assert spliced[1:5].tolist() == [98, 97, 49, 48]


def test_text_is_turned_round_where_it_becomes_ids() -> None:
    forward = Vocabulary.of(to_code_points("banana split"))
    backward = forward.in_direction(backward=True)
    assert backward == forward
    assert backward.encode("split").tolist() == forward.encode("split").tolist()[::-1]
    assert backward.decode(backward.encode("split")) == "split"
    assert backward.joined(map(backward.decoder(), backward.encode("split").tolist(), [False] * 5)) == "split"


def test_documents_stay_where_people_read_them() -> None:
    vocabulary = corpus.from_text("ab\ncd", config=ReadConfig(document_separator="\n")).vocabulary
    backward = vocabulary.in_direction(backward=True)
    assert backward.decode(backward.encode("ab\ncd")) == "ab\ncd"
    assert backward.encode_beginning("cd") == [backward.boundary_id, *vocabulary.encode("dc").tolist()]


@given(st.binary(max_size=12) | st.text(max_size=6).map(str.encode))
def test_bytes_from_the_end_are_the_text_that_they_are_from_the_beginning(data: bytes) -> None:
    decode = decoder_from_the_end()
    texts = [decode(data[at : at + 1], at == 0) for at in reversed(range(len(data)))]
    assert "".join(reversed(texts)) == data.decode("utf-8", "surrogateescape")
