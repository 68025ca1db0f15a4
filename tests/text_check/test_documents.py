"""What is said of a text as a whole, its documents and its lines."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.checks import BOOK, LICENCE, findings, write

import charrnn.text_check.characters
import charrnn.text_check.findings
from charrnn.config import ReadConfig
from charrnn.text import corpus
from charrnn.text_check import documents


def test_copies_licences_and_tiny_documents(tmp_path: Path) -> None:
    book = LICENCE + BOOK
    write(tmp_path, a=book, b=BOOK, c=book, d=BOOK[9:], e=book.replace("\n", "\r\n"), f="Hm.\n")
    found = findings(corpus.read(tmp_path))
    assert list(found) == ["gutenberg", "copies", "tiny-documents", "newlines"]
    assert found["gutenberg"].message == "Project Gutenberg's licence in 3 documents: a.txt, c.txt, e.txt"
    assert "--strip-gutenberg" in found["gutenberg"].advice
    assert (
        found["copies"].message == "copies among the documents, 2, 40.0 % of the text: c.txt of a.txt, e.txt of a.txt"
    )
    assert found["tiny-documents"].message == "1 document of fewer than 20 characters: f.txt"
    stripped = findings(corpus.read(tmp_path, ReadConfig(strip_gutenberg=True)))
    assert "gutenberg" not in stripped
    assert stripped["copies"].count == 3  # without it, b is a copy too


def test_documents_that_are_all_tiny_are_meant_to_be(tmp_path: Path) -> None:
    write(tmp_path, **{f"name{i}": f"Anna {i}\n" for i in range(10)})
    assert list(findings(corpus.read(tmp_path))) == ["short"]


def test_only_so_many_heads_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "_HEADS", 2)
    write(tmp_path, a=BOOK, b=LICENCE + BOOK, c=LICENCE + BOOK[1:])
    message = findings(corpus.read(tmp_path))["gutenberg"].message
    assert message == "Project Gutenberg's licence in 1 document of the first 2: b.txt"


def test_line_ends_of_several_kinds(tmp_path: Path) -> None:
    lines = BOOK.splitlines()
    half = len(lines) // 2
    mixed = "\r\n".join(lines[:half]) + "\r\n" + "\n".join(lines[half:]) + "\rthe\rend\n"
    write(tmp_path, mixed=mixed, crlf=BOOK.replace("\n", "\r\n"), lf=BOOK[1:])
    crlf, cr, lf = half, 2, len(lines) - half
    for config in (ReadConfig(), ReadConfig(keep_newlines=True), ReadConfig(bytes=True)):
        found = findings(corpus.read(tmp_path / "mixed.txt", config))["newlines"]
        assert found.message == f"lines end in different ways: CRLF {crlf:,}, LF {lf:,}, CR {cr}"
        assert found.count == cr + min(crlf, lf)
        for one in ("crlf.txt", "lf.txt"):
            assert findings(corpus.read(tmp_path / one, config)) == {}
    both = corpus.read([tmp_path / "crlf.txt", tmp_path / "lf.txt"])  # two more LF join them
    assert f"CRLF {BOOK.count(chr(10)):,}, LF {BOOK.count(chr(10)):,}" in findings(both)["newlines"].message


def test_lines_over_and_over(monkeypatch: pytest.MonkeyPatch) -> None:
    header = "THE TIDEWATER BANK (uncorrected proof)"
    lines = BOOK.splitlines(keepends=True)
    often = "".join(line + f"  {header}\n" * (i % 20 == 0) for i, line in enumerate(lines))
    times = len(range(0, len(lines), 20))
    share = 100 * times * len(header) / len(often)
    found = findings(often)["repeated-lines"]
    assert found.message == f"lines over and over, {share:.1f} % of the text: {times} times {header!r}"
    assert findings(often, bytes=True)["repeated-lines"].message == found.message
    monkeypatch.setattr(documents, "_LINES", 100)
    monkeypatch.setattr(charrnn.text_check.findings, "_SLICE", 5000)
    assert findings(often)["repeated-lines"] == found  # though most other lines are forgotten on the way

    seldom = "".join(line + f"{header}\n" * (i < 50) for i, line in enumerate(lines))
    assert findings(seldom) == {}
    assert findings(BOOK * 2 + "It is no great share\n" * 60) == {}
    short = "".join(line + "* * * * *\n" * (i % 20 == 0) for i, line in enumerate(lines))
    assert findings(short) == {}


def test_a_text_may_be_too_short() -> None:
    assert "64 characters to learn from, 65 needed" in findings(BOOK[:72])["short"].message  # 9 tenths
    assert "more by heart than by rule" in findings(BOOK[:73])["short"].message
    assert "short" in findings(BOOK[:99_999])
    assert findings(BOOK[:100_000]) == {}
    assert "of 5,000 bytes" in findings(BOOK[:5000], bytes=True)["short"].message


def test_lines_of_bytes_over_and_over_are_shown_in_hexadecimal() -> None:
    text = (b"caf\xc3\xa9 au lait \x9b, as it is\n" * 400).decode("utf-8", "surrogateescape")
    assert "400 times 'café au lait \\x9b, as it is'" in findings(text, bytes=True)["repeated-lines"].message
