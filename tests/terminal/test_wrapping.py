"""Lines broken between words, however the text comes in; and real terminals of several widths."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import tiny
from helpers.terminals import on_terminal, text_on_terminal

import charrnn
from charrnn.terminal.wrapping import Wrapper, wrapped
from charrnn.text.graphemes import clusters, columns
from charrnn.text.vocabulary import Vocabulary, to_code_points


def lines(text: str, width: int, indent: int = 0) -> list[str]:
    return "".join(piece for piece, _ in wrapped([(text, "")], width, indent)).split("\n")


def columns_of(line: str) -> int:
    column = 0
    for cluster in clusters(line):
        column = (column // 8 + 1) * 8 if cluster == "\t" else column + columns(cluster)
    return column


def test_by_hand() -> None:
    assert lines("The quick brown fox jumps.", 10) == ["The quick", "brown fox", "jumps."]
    assert lines("The quick  brown\n\n  fox", 9) == ["The quick", "brown", "", "  fox"]
    assert lines("abcdefghijkl mno", 5) == ["abcde", "fghij", "kl", "mno"]
    assert lines("ab abcdefgh", 5) == ["ab", "abcde", "fgh"]
    assert lines("他说：「走吧。」她走了。", 12) == ["他说：「走", "吧。」她走", "了。"]
    assert lines("a\tb\tc", 16) == ["a\tb", "c"]
    assert lines("\tx\n", 80) == ["\tx", ""]
    assert lines("e\u0301" * 7, 5) == ["e\u0301" * 5, "e\u0301" * 2]
    assert lines("漢字漢字", 5) == ["漢字", "漢字"]
    assert lines("text    a file of many words", 16, 8) == ["text    a file", "        of many", "        words"]
    assert lines("10\u00a0000 ships", 8) == ["10\u00a0000", "ships"]


def test_no_line_begins_with_what_closes_one_in_chinese() -> None:
    for width in range(8, 24, 2):
        for line in lines("他说：「春眠不觉晓，处处闻啼鸟。」夜来风雨声，花落知多少。", width):
            assert line[0] not in "，。」："
            assert line[-1] != "「"


def test_whatever_comes_in_whatever_pieces() -> None:
    draw = random.Random(5)
    alphabet = "ab c\u0301 漢字。「x\t-  한é\n!हि👨\u200d"
    for _ in range(400):
        text = "".join(draw.choice(alphabet) for _ in range(draw.randint(0, 90)))
        width = draw.choice([2, 5, 8, 40])
        wrapper, written, at = Wrapper(width), "", 0
        while at < len(text):
            size = draw.randint(1, 6)
            written += "".join(piece for piece, _ in wrapper.feed([(text[at : at + size], "")]))
            at += size
        written += "".join(piece for piece, _ in wrapper.finish())
        assert re.sub(r"\s", "", written) == re.sub(r"\s", "", text)
        for line in written.split("\n"):
            assert columns_of(line) <= max(width, 6)  # the widest cluster
        for word in re.findall("[a-z!-]+", text):
            if f" {word} " in f" {text} ".replace("\n", " ") and len(word) <= width:
                assert word in written


def test_no_text_takes_hours() -> None:
    """Words that take no columns, and white space without end, took time that grew with the square of their length."""
    code = """
from charrnn.terminal.wrapping import wrapped
for text in ("a " + "\\u200b" * 100_000, "a" + " " * 100_000 + "word " * 100, ("a" + " " * 10_000) * 20):
    wrapped([(text, "")], 80)
wrapped([("a " + "b" * 100_000, "")], 10**20)
"""
    subprocess.run([sys.executable, "-c", code], timeout=60, check=True)


def test_a_word_that_begins_a_line_is_written_as_it_comes() -> None:
    wrapper = Wrapper(10)
    assert wrapper.feed([("un", "")]) == [("u", ""), ("n", "")]
    assert wrapper.feed([("x y", "1")]) == [("x", "1")]  # y may yet grow too long for the line
    assert wrapper.finish() == [(" ", "1"), ("y", "1")]


# -- real terminals ---------------------------------------------------------------------------------------------------

ENVIRONMENT = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "NO_COLOR")} | {"PYTHONUTF8": "1"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of random weights that writes words, marks and ideographs."""
    vocabulary = Vocabulary.of(to_code_points("aeiourstlnm  \u0301漢字,\n"))
    return tiny.run(tmp_path_factory.mktemp("runs"), "tale", {10: 4.0}, vocabulary=vocabulary)


@pytest.mark.parametrize("width", [80, 60, 40])
def test_samples_wrap_at_words(run: Path, width: int) -> None:
    text = charrnn.load(run).generate(length=900, seed=3)
    environment = ENVIRONMENT | {"NO_COLOR": "1"}
    shown = text_on_terminal("sample", run, "--seed", "3", "-n", "900", environment=environment, columns=width)
    assert shown == "\n".join(lines(text, width)).rstrip("\n") + "\n"
    assert max(map(columns_of, shown.splitlines())) <= width
    headed = text_on_terminal(
        "sample", run, "--seed", "3", "--count", "2", "-n", "90", environment=environment, columns=width
    )
    assert max(map(columns_of, headed.splitlines())) <= width
    assert " ".join(headed.split()).count("--- iteration 10, temperature 0.8, seed ") == 2


def test_training_wraps_at_words_and_a_dumb_terminal_gets_only_text(tmp_path: Path) -> None:
    text = "".join(f"ship {n} came in with {n * n} crates\n" * 3 for n in range(40)).replace("\n", " ")
    (tmp_path / "ships.txt").write_text(text, "utf-8")
    options = ("--rnn-size", "8", "--iterations", "20", "--snapshot-at", "10", "--threads", "1", "--seq-length", "16")
    for width, term in ((40, "dumb"), (60, "xterm")):
        received, code = on_terminal(
            "train", tmp_path / "ships.txt", *options, "--batch-size", "4", "--checkpoint-dir", tmp_path / str(width),
            environment=ENVIRONMENT | {"TERM": term}, columns=width, with_stderr=True,
        )  # fmt: skip
        assert code == 0
        shown = received.decode().replace("\r\n", "\n")
        assert ("\x1b" in shown) == ("\r" in shown) == (term != "dumb")
        shown = re.sub(r"\x1b\[[\d;]*m", "", shown)
        # What is to be copied, paths and commands, stays in one piece.
        told = [line for line in re.split(r"[\r\n]", shown) if str(tmp_path) not in line]
        assert max(map(columns_of, told)) <= width
        if term != "dumb":  # the figures of the bar are whole
            assert re.search(r" \d+/20, train \d\.\d{3} bpc, \d\d:\d\d *\r", shown)
        [snapshot] = (tmp_path / str(width)).rglob("iteration-000010.safetensors")
        sample = charrnn.load(snapshot).header.sample
        assert sample is not None
        assert "\n".join(lines(sample.text.strip("\n"), width)) in shown
        assert "--- iteration 10, train " in shown


@pytest.mark.parametrize("plain", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=["NO_COLOR", "dumb"])
@pytest.mark.parametrize(
    "arguments", [("--help",), ("sample", "--help"), ("sample", "--bogus"), ("runs",), ("compare", "tale", "-n", "9")]
)
def test_no_verb_sends_escapes_where_none_are_wanted(run: Path, plain: dict[str, str], arguments: tuple[str]) -> None:
    more = ("--checkpoint-dir", run.parent) if arguments[0] in ("runs", "compare") else ()
    received, _ = on_terminal(
        *arguments, *more, environment=ENVIRONMENT | {"TERM": "xterm"} | plain, with_stderr=True, columns=80
    )
    assert b"\x1b" not in received
