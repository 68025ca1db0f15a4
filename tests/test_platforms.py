"""Systems that this is not run on: what Windows and macOS lack is not used, and what Windows refuses is coped with."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import tiny, windows
from helpers.command_line import SHORT
from helpers.terminals import session_on_terminal
from helpers.windows import Step

from charrnn.runs import checkpoint

ROOT = Path(__file__).resolve().parent.parent
TEXT = "".join(f"{n} sheep went over the stile, said Ann; {n * n} came back.\r\n" for n in range(60))


@pytest.mark.parametrize(
    ("system", "lacks"), [("win32", ["fork", "flock", "SIGHUP"]), ("darwin", ["sched_getaffinity"])]
)
def test_no_name_is_used_that_a_system_lacks(
    system: str, lacks: list[str], tmp_path: Path, rounds: Callable[[int, int], int]
) -> None:
    if system == "darwin" and not rounds(0, 1):
        pytest.skip("takes as long as the other: with --thorough")
    (tmp_path / "unguarded.py").write_text(
        "import fcntl, os, signal, sys\n"
        "os.fork(), fcntl.flock(0, 0), signal.SIGHUP, os.sched_getaffinity(0)\n"
        "if sys.platform != 'win32' and sys.platform != 'darwin':\n    os.sched_getaffinity(0)\n",
        "utf-8",
    )
    # Types of other libraries are as good as unknown: all of them would take a minute.
    options = ["--config-file=", "--no-incremental", "--follow-imports=skip", "--ignore-missing-imports"]
    command = [sys.executable, "-m", "mypy", *options, "--platform", system, "--python-version", "3.11"]
    places = [ROOT / "charrnn", ROOT / "cli.py", tmp_path / "unguarded.py"]
    done = subprocess.run([*command, *places], cwd=ROOT, capture_output=True, text=True, timeout=300)
    lacking = re.findall(r"^(.*)\.py:\d+: error: Module has no attribute \"(\w+)\"", done.stdout, re.MULTILINE)
    assert [name for place, name in lacking if not place.endswith("unguarded")] == []
    assert set(lacks) <= {name for _, name in lacking}, done.stdout[-2000:]
    assert len(lacking) == len({name for _, name in lacking})  # none within the guard


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux plays Windows")
def test_every_verb_works_as_windows_has_it(tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_bytes(TEXT.encode())
    resume = "checkpoints/one/resume.safetensors"
    first = ["train", "book.txt", "--name", "one", "--iterations", "4", "--snapshot-at", "2,4", "--eval-every", "2"]
    on = ["train", "--resume", "one", "--iterations"]
    steps = [
        Step([*first, *SHORT, "--device", "cpu", "--threads", "1"]),
        Step([*on, "8"], held=[resume], seconds=0.8),
        Step([*on, "12"], held=[resume]),
        *(Step([*verb.split()]) for verb in ("sample one -n 9 --seed 1", "runs", "compare one", "score one book.txt")),
        *(Step([*verb.split()]) for verb in ("report one", "corpora", "runs delete one --yes")),
    ]
    _, later, held, *readers = done = windows.run(tmp_path, steps[:-1])
    assert [each.code for each in done] == [0, 0, 1, *[0] * len(readers)], done
    assert later.err.count("cannot be written") == 0  # a virus scanner, say: it was tried again until that let go
    assert f"{resume}: cannot be written (The process cannot access the file)" in held.err
    assert "charrnn train --resume checkpoints/one" in held.err.splitlines()[-1]
    assert "Traceback" not in "".join(each.err for each in done)
    assert checkpoint.load(tmp_path / resume).header.iteration == 8  # whole, as it was
    assert not list(tmp_path.rglob("*.tmp"))
    [deleted] = windows.run(tmp_path, steps[-1:])
    assert (deleted.code, list((tmp_path / "checkpoints").iterdir())) == (0, []), deleted


@pytest.mark.parametrize("code_page", ["cp1252", "cp437"])
def test_a_terminal_of_an_old_code_page_shows_what_it_can_and_nothing_fails(code_page: str, tmp_path: Path) -> None:
    text = 'Ёжик в тумане — "Je ne sais quoi", 西遊記, said the hedgehog…\n' * 9
    (tmp_path / "book.txt").write_text(text, "utf-8")
    (tmp_path / "runs").mkdir()
    run = tiny.run_on(tmp_path / "runs", "ёжик 1", tmp_path / "book.txt")
    environment = os.environ | {"PYTHONIOENCODING": code_page, "PYTHONWARNINGS": "error", "COLUMNS": "80"}
    page = tmp_path / "page.html"
    told = {
        ("corpora",): "journey-to-the-west",
        ("runs", "--checkpoint-dir", tmp_path / "runs"): "iteration-000010",
        ("sample", run, "-n", "40", "--seed", "1"): "",
        ("compare", run): "Iteration 10",
        ("score", run, tmp_path / "book.txt"): "surprised",
        ("report", run, "-o", page): "page.html",
    }
    sessions = session_on_terminal([list(map(str, command)) for command in told], tmp_path, environment)
    for (received, code), in_it in zip(sessions, told.values(), strict=True):
        shown = received.decode(code_page)
        assert code == 0, shown
        assert in_it in shown
        assert "Traceback" not in shown
        assert "西" not in shown
    assert "西遊記" in page.read_text("utf-8")  # a file has everything
