"""Whether a text is one that the model has learnt from, as far as digests say."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import tiny

from charrnn.config import ReadConfig
from charrnn.evaluation.own_text import in_parts, own_text
from charrnn.text import corpus


@pytest.fixture
def texts(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "texts"
    folder.mkdir()
    paths = [folder / f"{name}.txt" for name in ("one", "two", "three")]
    for path in paths:
        path.write_text(f"This is text {path.stem}.\n" * 20, "utf-8")
    return paths


def said(source: Path | list[Path], trained: corpus.Corpus) -> str | None:
    header = tiny.header(**tiny.facts_of(trained))
    return own_text(corpus.read(source, ReadConfig()), header, "novel-1")


def test_the_very_text_is_told_with_what_was_held_out(texts: list[Path]) -> None:
    remark = said(texts[0], corpus.read(texts[0]))
    assert remark is not None
    assert "novel-1 was trained on this text" in remark
    assert "cost 3.000 bits per character" in remark
    assert said(texts[1], corpus.read(texts[0])) is None


def test_however_documents_were_joined(texts: list[Path]) -> None:
    for reading in (ReadConfig(), ReadConfig(documents=True), ReadConfig(separator="\n---\n")):
        remark = said([texts[0].parent], corpus.read(texts[0].parent, reading))
        assert remark is not None
        assert "was trained on this text" in remark


def test_one_of_the_documents_is_told(texts: list[Path], tmp_path: Path) -> None:
    trained = corpus.read(texts)
    remark = said(texts[1], trained)
    assert remark is not None
    assert remark.startswith("This text is one of the documents that novel-1 was trained on")
    other = tmp_path / "other.txt"
    other.write_text("Quite another thing.", "utf-8")
    remark = said([other, texts[2], texts[0]], trained)
    assert remark is not None
    assert remark.startswith("2 of these 3 documents are among")
    assert said(other, trained) is None


def test_what_was_held_out_as_a_text_of_its_own(texts: list[Path]) -> None:
    remark = said(texts[1], corpus.read(texts[0], val_text=texts[1]))
    assert remark is not None
    assert remark.startswith("This text was held out from novel-1 (--val-text)")


def test_a_checkpoint_that_knows_no_documents_says_nothing(texts: list[Path]) -> None:
    header = tiny.header(corpus={"name": "novel.txt", "digest": "d1", "characters": 10, "documents": 3})
    assert own_text(corpus.read(texts[0]), header, "novel-1") is None


@pytest.mark.parametrize(("separator", "told"), [("\n\n", True), ("<|end|>", True), ("\n", False)])
def test_several_documents_are_told_where_they_are_scored_as_one(tmp_path: Path, separator: str, told: bool) -> None:
    (tmp_path / "a.txt").write_text(separator.join(["one text", "another text"] * 20), "utf-8")
    (tmp_path / "b.txt").write_text("one text", "utf-8")
    reading = ReadConfig(documents=True, document_separator=separator)
    trained = corpus.read(tmp_path / "a.txt", reading)
    header = tiny.header(**tiny.facts_of(trained))
    remark = in_parts(trained, header, "novel-1")
    assert ("this text has 40: " in (remark or "")) is told
    assert in_parts(corpus.read(tmp_path / "b.txt", reading), header, "novel-1") is None
    assert (in_parts(corpus.read([tmp_path / "b.txt"] * 2), header, "novel-1") is not None) is told
