"""Names that people, texts and addresses bring: nothing lies outside its place, and what is printed can be typed."""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import telling
from helpers.command_line import SHORT, CommandLine

from charrnn.errors import RunError, UsageError
from charrnn.names import is_portable, portable_name
from charrnn.runs.creation import create_run
from charrnn.runs.resume_command import resume_command
from charrnn.text import known_texts

NAMES = [
    *(r"../x", "..", ".", "/tmp/x", "a/b", r"a\b", r"..\x", r"C:\x", "C:x", "CON", "con", "Nul", "nul.txt", "COM1"),
    *("com1.a.b", "LPT9", "aux.", "conin$", "COM¹", "x.", "x ", "x..", " x", "a:b", "a:7", "%", "%s", "%PATH%", "~"),
    *("~root", "$(touch x)", "`touch x`", "it's", 'a"b', "a;b", "a&b", "a b", "*", "?", "[a]", "<a>", "a>b", "-x"),
    *("--name", "|", "-", "#", "!x", "{a,b}", "名前", "é", "🏴", "con.v2", "NUL.tar.gz", ".hidden", "...", "", " "),
    *("a\nb", "a\tb", "\x1b[31m", "\x07", "\u202ex", "a\u200bb", "\udc9b", "x" * 300, "é" * 150, "x" * 5000),
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_run_lies_in_its_place_or_nowhere(tmp_path: Path, name: str) -> None:
    root = tmp_path / "here" / "checkpoints"
    made = None
    with contextlib.suppress(RunError):
        made = create_run(root, name, "x")
    assert (list(root.iterdir()) if root.exists() else []) == ([root / name] if made else [])
    assert made is None or is_portable(name)
    called = create_run(root, None, name)  # after a text
    assert called.path.parent == root
    assert is_portable(called.name)
    assert [path.name for path in tmp_path.iterdir()] == ["here"]
    assert [path.name for path in (tmp_path / "here").iterdir()] == ["checkpoints"]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_fetched_text_lies_in_its_place_or_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("CHARRNN_DATA_DIR", str(tmp_path))
    entries = []
    for typed in ({"url": f"https://example.org/{name}"}, {"url": "https://example.org/a", "name": name}):
        try:
            entries.append(known_texts.entry_of_url(**typed))
        except UsageError:
            continue
    for entry in entries:
        path = known_texts.fetched_path(entry.name)
        assert path.parent == tmp_path / "corpora"
        assert is_portable(path.name)
        assert is_portable(path.with_suffix(".json").name)


def test_names_after_a_text_are_readable() -> None:
    told = {
        "War & Peace": "war-peace",
        "con": "run-con",
        "nul.x": "run-nul.x",
        "../x": "x",
        "...": "run",
        "a_b.c": "a_b.c",
    }
    assert {text: portable_name(text, "run") for text in told} == told
    assert portable_name("é" * 99, "run") == "é" * 50


@pytest.mark.skipif(os.name != "posix", reason="a POSIX shell, and names that Windows has not")
@pytest.mark.parametrize("root", ["my runs", "it's $(touch obeyed) %s"])
def test_what_is_printed_can_be_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes], root: str
) -> None:
    """The commands that a training ends with, in a real shell."""
    monkeypatch.chdir(tmp_path)
    text = Path('-Ann\'s `book`; "1".txt')
    text.write_text(telling.TEXT, "utf-8")
    line = CommandLine(monkeypatch, capfdbinary)
    said = line.train(
        f"./{text}", *SHORT, "--iterations", "4", "--checkpoint-dir", root, "--name", "a'b $(touch obeyed)"
    )
    [run] = Path(root).iterdir()
    printed = {label: rest for label, _, rest in (each.partition("    ") for each in said.splitlines())}
    shell = f'charrnn() {{ {shlex.quote(sys.executable)} -m charrnn "$@"; }}; '
    sampled = subprocess.run(["sh", "-c", shell + printed["next"] + " -n 9"], capture_output=True, check=False)
    assert (sampled.returncode, sampled.stderr.count(run.name.encode())) == (0, 1), sampled.stderr
    assert printed["kept"].startswith(f"{shlex.quote(str(run))} (")
    listing = shell.replace("-m charrnn", """-c 'import sys; print("\\0".join(sys.argv[1:]), end="")'""")
    from charrnn.runs.run import Run

    resumed = subprocess.run(["sh", "-c", listing + resume_command(Run(run), iterations=9)], stdout=-1, check=True)
    assert resumed.stdout.decode().split("\0") == ["train", "--resume", str(run), "--iterations", "9"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([str(text), root])
