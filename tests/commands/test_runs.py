"""Deleting runs; and what holds for every verb: standard output that cannot be written is one line."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import tiny
from helpers.command_line import CommandLine
from helpers.terminals import on_terminal

from charrnn.text.vocabulary import Vocabulary


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("arguments", ["runs", "runs --json", "runs show novel-1", "compare novel-1", "corpora", "-h"])
def test_a_full_disk_behind_standard_output_is_one_line(tmp_path: Path, arguments: str) -> None:
    tiny.run(tmp_path / "checkpoints", "novel-1", {10: 3.0})
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "charrnn", *arguments.split()],
            stdout=full, stderr=subprocess.PIPE, text=True, cwd=tmp_path, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == "charrnn: standard output: cannot be written (No space left on device). Free space?\n"


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> CommandLine:
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two"):
        tiny.run(Path("checkpoints"), name, {10: 3.0})
    return CommandLine(monkeypatch, capfdbinary)


@pytest.mark.usefixtures("line")
@pytest.mark.parametrize(("typed", "code", "left"), [(b"y\n", 0, []), (b"\n", 1, ["one"]), (b"no\n", 1, ["one"])])
def test_a_run_is_deleted_after_asking(typed: bytes, code: int, left: list[str]) -> None:
    shown, left_with = on_terminal("runs", "delete", "one", environment=os.environ, with_stderr=True, typed=typed)
    assert b"1 snapshots" not in shown
    assert b"checkpoints/one: 1 snapshot, " in shown
    assert b"Delete this run? [y/N]" in shown
    assert left_with == code
    assert sorted(os.listdir("checkpoints")) == sorted([*left, "two"])


def told(*arguments: str | Path) -> str:
    command = [sys.executable, "-m", "charrnn", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_figures_with_counts_stand_beside_the_networks(tmp_path: Path) -> None:
    run = tiny.run(tmp_path, "novel", {100: 3.2, 300: 2.1})
    for iteration, both in ((100, 3.0), (300, 2.05)):
        tiny.add_counts(run / f"iteration-{iteration:06d}.safetensors", tiny.TEXT, held_out=both)
    shown = told("runs", "--checkpoint-dir", tmp_path)
    assert "best 2.100 bpc held out, + counts 2.050" in shown
    assert re.search(r"300 +2\.100 +2\.050 ", shown)
    [listed] = json.loads(told("runs", "--json", "--checkpoint-dir", tmp_path))["runs"]
    assert listed["best_mixed_bpc"] == pytest.approx(2.05)
    assert [row["mixed_bpc"] for row in listed["checkpoints"]] == pytest.approx([3.0, 2.05])
    facts = json.loads(told("runs", "show", run, "--json"))
    assert (facts["held_out_bpc"], facts["mixed_bpc"]) == pytest.approx((2.1, 2.05))
    assert facts["counts"].keys() == {"entries", "order", "size", "shares", "improves"}
    assert facts["counts"]["shares"] == pytest.approx([0.4, 0.41, 0.42, 0.43, 0.44])
    words = " ".join(told("runs", "show", run).split())
    assert "held out 2.100 bits per character, the network" in words
    assert f"+ counts 2.050 bits per character, network and counts together; {facts['counts']['entries']:,} " in words


def test_what_a_checkpoint_says_at_length_is_shown_in_part(tmp_path: Path) -> None:
    """To measure what a million ideographs take of a line is minutes' work for a table."""
    letters = [*range(0x3400, 0x4DC0), *range(0x20000, 0x20000 + 30_000)]
    vocabulary = Vocabulary.of(np.array(letters, dtype=np.uint32))
    corpus = {"name": "\u6f22" * 1_000_000, "digest": "d1", "characters": 9}
    path = tiny.save(tmp_path / "wide.safetensors", vocabulary=vocabulary, corpus=corpus)
    command = [sys.executable, "-m", "charrnn", "runs", "show", str(path)]
    shown = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout.decode()
    assert 9_900 < shown.count("\u6f22") < 10_000
    assert "".join(shown.split()).count("charactersmore,allwith--json") == 2
    facts = json.loads(subprocess.run([*command, "--json"], capture_output=True, check=True, timeout=60).stdout)
    assert facts["vocabulary"]["characters"] == "".join(map(chr, letters))
    assert facts["corpus"] == corpus


def test_without_a_terminal_deleting_needs_a_word(line: CommandLine) -> None:
    done = line("runs", "delete", "one", stdin=b"y\n")
    assert (done.returncode, b"add --yes" in done.stderr) == (2, True)
    assert sorted(os.listdir("checkpoints")) == ["one", "two"]
    Path("checkpoints/two/notes.txt").write_text("mine")
    done = line("runs", "delete", "--yes", "one", "checkpoints/two", "two")
    assert done.returncode == 0
    assert b"deleted checkpoints/two, but for what is not charrnn's: notes.txt" in done.stderr
    assert os.listdir("checkpoints") == ["two"]
    assert os.listdir("checkpoints/two") == ["notes.txt"]


def test_nothing_is_deleted_unless_all_are_runs(line: CommandLine) -> None:
    Path("texts").mkdir()
    for wrong in ("nowhere", "texts", "checkpoints", ".", "one:10"):
        assert line("runs", "delete", "--yes", "one", wrong).returncode == 1
    assert sorted(os.listdir("checkpoints")) == ["one", "two"]


@pytest.mark.parametrize("name", ["-x", "--name", "a\nb", "tab\t", " a", "a ", "a/b", "..", "\x1b[31m", ""])
def test_a_name_that_would_be_hard_to_type_is_refused(line: CommandLine, name: str) -> None:
    Path("novel.txt").write_text(tiny.TEXT * 40)
    done = line("train", "novel.txt", f"--name={name}", "--iterations", "1")
    assert done.returncode in (1, 2)
    assert done.stderr.startswith(b"charrnn: --name ")
    assert done.stderr.count(b"\n") == 1
    assert sorted(os.listdir("checkpoints")) == ["one", "two"]
