"""A validation text of one's own, in the characters of the training text."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from charrnn.config import ReadConfig
from charrnn.errors import CorpusError
from charrnn.text import corpus


def read(tmp_path: Path, training: str, validation: str, **config: object) -> corpus.Corpus:
    (tmp_path / "t.txt").write_text(training, "utf-8")
    (tmp_path / "v.txt").write_text(validation, "utf-8")
    return corpus.read(tmp_path / "t.txt", ReadConfig(**config), val_text=tmp_path / "v.txt")  # type: ignore[arg-type]


def test_all_of_the_text_is_trained_on_and_the_other_held_out(tmp_path: Path) -> None:
    source = read(tmp_path, "a cat, a mat\n", "a mat\n")
    split = source.split(0.1)
    assert split.training == ((0, len(source)),)
    assert split.held_out == ((0, 0, 6),)
    assert source.measured.vocabulary == source.vocabulary
    assert source.measured.text == "a mat\n"
    assert source.split(0.1, 4).held_out == ((0, 0, 4),)
    assert source.describe()["validation"]["digest"] == corpus.read(tmp_path / "v.txt").digest
    assert corpus.read(**source.origin).measured.text == "a mat\n"


def test_unseen_characters_are_read_as_their_nearest_or_left_out_and_named(tmp_path: Path) -> None:
    source = read(tmp_path, "it's a cafe\n", "it’s a\tcafé 日\n")
    assert source.measured.text == "it's a cafe \n"
    [note] = source.notes
    assert 'read as "\'"' in note
    assert "left out: '日'" in note
    assert "4 times" in note


def test_with_an_unknown_symbol_they_are_it(tmp_path: Path) -> None:
    source = read(tmp_path, "aaabbb\n\nq", "ab日q", min_count=2)
    assert source.measured.text == "ab\ufffd\ufffd"


def test_bytes_are_all_known(tmp_path: Path) -> None:
    source = read(tmp_path, "aaabbb", "ab日", bytes=True)
    assert source.notes == ()
    assert source.measured.text == "ab日"


def test_a_text_in_another_script_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"v\.txt: none of its characters"):
        read(tmp_path, "aaabbb", "日本")


def test_one_character_measures_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("some text\n" * 20)
    (tmp_path / "b.txt").write_text("s")
    with pytest.raises(CorpusError, match=r"--val-text b\.txt: one of its characters is in the training text"):
        corpus.read(tmp_path / "a.txt", val_text=tmp_path / "b.txt")
    (tmp_path / "b.txt").write_text("sss")
    assert len(corpus.read(tmp_path / "a.txt", val_text=tmp_path / "b.txt").measured) == 3


def test_of_documents_the_boundaries_are_not_counted(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("ab\nabc\nb\n" * 20)
    (tmp_path / "b.txt").write_text("ab\nba\n\nabc\n")
    config = ReadConfig(documents=True, document_separator="\n")
    read = corpus.read(tmp_path / "a.txt", config, val_text=tmp_path / "b.txt")
    assert read.held_out_in_words(read.split(0.1)) == "7 of b.txt"


def test_decomposed_characters_are_composed_where_the_training_text_has_them_so(tmp_path: Path) -> None:
    for text in ("tôi đi học ở trường và ăn cơm\n", "나는 학교에 갔다\n"):
        (tmp_path / "a.txt").write_text(text * 20, "utf-8")
        (tmp_path / "b.txt").write_text(unicodedata.normalize("NFD", text) * 3, "utf-8")
        for config in (ReadConfig(), ReadConfig(documents=True, document_separator="\n")):
            read = corpus.read(tmp_path / "a.txt", config, val_text=tmp_path / "b.txt")
            assert read.measured.text == (text * 3).rstrip("\n" if config.documents else "")
            assert read.notes == (
                "--val-text b.txt: is read with composed characters (NFC), as the training text has them",
            )
        assert corpus.read(tmp_path / "a.txt", val_text=tmp_path / "a.txt").notes == ()
