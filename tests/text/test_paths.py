"""Paths get names that tell them apart and can be shown."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from helpers.texts import content, line, names, refused, tree

from charrnn.errors import CorpusError
from charrnn.text.sources import gather

needs_links = pytest.mark.skipif(sys.platform == "win32", reason="links need privileges there")


def test_same_names_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    tree(tmp_path, "en/book.txt", "fr/book.txt", "fr/own.txt", "x/en/deep/a.txt", "y/en/deep/a.txt")
    assert names(gather([tmp_path / "en", tmp_path / "fr"])) == ["en/book.txt", "fr/book.txt", "own.txt"]
    assert names(gather([tmp_path / "en/book.txt", tmp_path / "fr"])) == ["en/book.txt", "fr/book.txt", "own.txt"]
    assert names(gather([tmp_path / "x/en", tmp_path / "y/en"])) == ["x/en/deep/a.txt", "y/en/deep/a.txt"]
    assert names(gather([tmp_path / "en/book.txt"] * 2)) == ["book.txt"] * 2  # one file; nothing to tell apart


def test_odd_names_stay_on_one_line(tmp_path: Path) -> None:
    assert "no\ufffdne\ufffd[31m.txt" in refused(tmp_path / "no\nne\x1b[31m.txt")
    try:
        (tmp_path / os.fsdecode(b"caf\xe9\n.txt")).write_bytes(b"kept")
    except OSError:
        pytest.skip("this file system has no such names")
    (source,) = gather([tmp_path])
    assert source.name == "caf\ufffd\ufffd.txt"
    assert content(source) == b"kept"
    assert source.path
    source.path.write_bytes(b"changed")
    with pytest.raises(CorpusError, match="changed while") as caught:
        content(source)
    line(caught)
    source.path.rename(tmp_path / os.fsdecode(b"a.t\xff"))
    assert "(it holds 1 .t\ufffd file: --glob '*.t?')" in refused(tmp_path)
    assert gather([tmp_path], glob="*.t?")
