"""Files that are no text, made by the programs that make them, are named; and no text is taken for one."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import sqlite3
import struct
import sys
import tarfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from helpers.texts import write
from hypothesis import given
from hypothesis import strategies as st

from charrnn.config import ReadConfig
from charrnn.errors import CorpusError
from charrnn.text import corpus
from charrnn.text.formats import HEAD, recognise

TEXT = "Once upon a time there was a plain text. " * 60_000  # 2.4 MB


def zipped(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, "application/epub+zip" if name == "mimetype" else TEXT[:1000] * 20)
    return file.getvalue()


def tarred() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        member = tarfile.TarInfo("a.txt")
        member.size = 1000
        archive.addfile(member, io.BytesIO(TEXT[:1000].encode()))
    return file.getvalue()


def database() -> bytes:
    with sqlite3.connect(":memory:") as connection:
        connection.execute("create table notes (text)")
        return connection.serialize()


def array() -> bytes:
    file = io.BytesIO()
    np.save(file, np.arange(10))
    return file.getvalue()


def compound(stream: str) -> bytes:
    return bytes.fromhex("d0cf11e0a1b11ae1") + bytes(1016) + stream.encode("utf-16-le") + bytes(500)


WEIGHTS = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
FILES = {
    "zip file": zipped("a.txt", "b.txt"),
    "Word document": zipped("[Content_Types].xml", "_rels/.rels", "word/document.xml"),
    "Excel workbook": zipped("[Content_Types].xml", "xl/workbook.xml"),
    "EPUB": zipped("mimetype", "META-INF/container.xml"),
    "PyTorch": zipped("archive/data.pkl"),
    "tar file": tarred(),
    "gzip": gzip.compress(b"abc"),
    "bzip2": bz2.compress(b"abc"),
    "xz": lzma.compress(b"abc"),
    "PDF": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n" + zlib.compress(TEXT[:500].encode()),
    "PNG": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(50),
    "JPEG": b"\xff\xd8\xff\xe0\0\x10JFIF\0" + bytes(50),
    "SQLite": database(),
    "pickle": pickle.dumps({"weights": [1.0]}),
    "NumPy": array(),
    "safetensors": struct.pack("<Q", len(WEIGHTS)) + WEIGHTS + bytes(4),
    "Thumbs.db": compound("Catalog"),
    "old Word document": compound("WordDocument"),
    "program": Path(sys.executable).resolve().read_bytes()[:100_000],
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_named_beside_any_amount_of_text(tmp_path: Path, name: str) -> None:
    good = write(tmp_path / "good.txt", TEXT.encode())
    bad = write(tmp_path / "it's bad", FILES[name])
    for texts in ([bad], [good, bad], [bad, good]):
        with pytest.raises(CorpusError) as caught:
            corpus.read(texts)
        assert name in caught.value.what
        assert str(bad) in caught.value.what
        assert "good.txt" not in str(caught.value)
        assert caught.value.advice
        assert "utf-16" not in str(caught.value)
        assert "--errors" not in str(caught.value)
        assert "\n" not in str(caught.value)
    assert len(corpus.read(bad, ReadConfig(bytes=True))) == len(FILES[name])


def test_nuls_are_judged_by_document(tmp_path: Path) -> None:
    good = write(tmp_path / "good.txt", TEXT.encode())
    bad = write(tmp_path / "unknown.bin", b"abc\0\0def" * 100)
    with pytest.raises(CorpusError) as caught:
        corpus.read([good, bad])
    assert f"{bad}: is no text: 200 of its 800 characters are NUL." in str(caught.value)
    assert "good.txt" not in str(caught.value)


def test_a_tar_in_a_gzip_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tar.gz", gzip.compress(tarred()))
    with pytest.raises(CorpusError, match="is a tar file"):
        corpus.read(path)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("HTML", "<!DOCTYPE html>\n<html><body>Hello</body></html>"),
        ("HTML", '\ufeff<?xml version="1.0"?>\n<!-- x -->\n<html xmlns="x">\n'),
        ("RTF", r"{\rtf1\ansi Hello\par}"),
        ("XML", '<?xml version="1.0" encoding="utf-8"?>\n<FictionBook>\n'),
        ("a notebook (JSON)", '{\n "cells": [\n  {"cell_type": "code"}]}'),
    ],
)
def test_markup_is_read_and_told(tmp_path: Path, name: str, text: str) -> None:
    read = corpus.read(write(tmp_path / "a.txt", text.encode()))
    assert read.text == text.removeprefix("\ufeff")
    (note,) = read.notes
    assert note.startswith(f"{name}: ")
    assert note.endswith(": a.txt")


def test_texts_are_texts() -> None:
    root = Path(__file__).parents[2]
    paths = [*root.rglob("*.py"), *root.rglob("*.md"), *root.glob("corpora/*"), *root.parent.glob("shared/c*/*.txt")]
    assert len(paths) > 200
    for path in paths:
        if path.is_file():
            assert recognise(path.read_bytes()[:HEAD]) is None, path


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=300))
def test_no_text_without_controls_is_refused(text: str) -> None:
    for encoding in ("utf-8", "utf-16-le"):
        kind = recognise(text.encode(encoding)[:HEAD])
        assert kind is None or kind.is_markup or "\0" in text
