"""Every option and argument of every verb with values that nobody means: an answer, or one line; never more memory
than a little, never a hang, never a traceback."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import typer
from helpers import tiny
from helpers.forking import Process, Server

from charrnn.commands.app import app

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="forks, /dev/full, ulimit")

SEED = 15
MEMORY = 700_000_000  # bytes that a command may take beside Python and torch
BUSY, LONG_ENOUGH = 10.0, 2.0  # seconds after which a command is asked to stop; one that may last is, after fewer
NUMBERS = (
    *("0", "-1", "-0.0", "1000000", "1e12", str(10**18), str(10**23), str(2**63), str(2**64), "1e308", "1e-308"),
    *("nan", "inf", "-inf", "1e400", "9" * 5000, "0x10", "1_0", "١٢", "½", "1,5", "1e", "0.30000000000000004"),
)
TEXTS = (
    *("", " ", "x" * 100_000, "a\nb", "\x1b[31mred", "\udcff\udc80", "é" * 300, "-", "--", "%s{0}$(x)`y`"),
    *("../../etc/passwd", "/" + "d/" * 2500, "n" * 5000, ".", "/", "fifo", "loop", "secret", "hole"),
    *("/dev/zero", "/dev/full", "/dev/null", "/dev/stdin", "/proc/self/mem", "text.txt/below", "empty.safetensors"),
)
BASES: dict[str, tuple[str, ...]] = {  # arguments with which each verb soon ends
    "train": ("text.txt", "--rnn-size=4", "--embedding-size=3", "--num-layers=1", "--iterations=2", "--threads=1"),
    "plan": ("text.txt", "--rnn-size=4", "--embedding-size=3", "--num-layers=1", "--iterations=2", "--threads=1"),
    "sample": ("one", "--length=5"),
    "compare": ("one", "--length=5", "--text-length=0"),
    "report": ("one", "--length=5", "--text-length=0", "--output=page.html"),
    "score": ("one", "text.txt"),
    "runs": (),
    "runs show": ("one",),
    "runs delete": ("one",),
    "corpora": (),
    "corpora fetch": ("http://127.0.0.1:9/a.txt",),
    "corpora check": ("text.txt", "--no-trials"),
}
LARGE = {"/", "hole"}  # to read as a text
# What may well be asked to work for longer than anyone waits, and stops when it is told to.
LASTING = {"length", "iterations", "max_epochs", "time", "sample_length", "count", "text_length", "num_layers"}


def verbs(command: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every verb with its path."""
    for name, below in getattr(command, "commands", {}).items():
        yield f"{path} {name}".strip(), below
        yield from verbs(below, f"{path} {name}".strip())


def cases() -> Iterator[tuple[str, str, list[str]]]:
    """Verb, parameter, and what is typed."""
    for verb, command in verbs(typer.main.get_command(app)):
        for parameter in command.params:
            if getattr(parameter, "is_flag", False) or parameter.name in ("help", "show_completion"):
                continue
            setting = getattr(command.callback, "settings", {}).get(parameter.name)
            numeric = setting is not None and bool({int, float} & set(setting.accepted))
            for value in (*NUMBERS, *TEXTS[:6]) if numeric else (*TEXTS, *NUMBERS[:3]):
                if parameter.param_type_name == "option":
                    option = max(parameter.opts, key=len)
                    typed = [*verb.split(), *BASES.get(verb, ()), f"{option}={value}"]
                else:
                    options = [word for word in BASES.get(verb, ()) if word.startswith("--")]
                    typed = [*verb.split(), *options, *(["one"] if verb == "score" else []), "--", value]
                yield verb, parameter.name, typed


@pytest.fixture(scope="module")
def server(forks: Server, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """Processes in a directory with a text, a run, and things that are no files."""
    where = tmp_path_factory.mktemp("absurd")
    text = "".join(f"{n} ships came in, and {n * n} went out again.\n" for n in range(40))
    (where / "text.txt").write_text(text, "utf-8")
    tiny.run(where / "checkpoints", "one", {100: 3, 300: 2})
    os.mkfifo(where / "fifo")
    (where / "loop").symlink_to("loop")
    (where / "secret").mkdir(mode=0o000)
    (where / "empty.safetensors").touch()
    with open(where / "hole", "wb") as hole:
        hole.truncate(8 << 30)
    return forks.within(where, CHARRNN_DATA_DIR=str(where / "data"), CHARRNN_CACHE_DIR=str(where / "cache"))


def outcome(process: Process, seconds: float) -> tuple[int, bool]:
    """The exit code of a command, and whether it had to be asked to stop, after so many seconds."""
    deadline = time.monotonic() + seconds
    while (status := process.poll()) is None and time.monotonic() < deadline:
        time.sleep(0.002)
    if status is not None:
        return status, False
    process.send_signal(signal.SIGTERM)
    return process.wait(20), True


def fault(server: Server, parameter: str, typed: list[str]) -> str:
    """What is wrong with how a command ended; "" if nothing is."""
    process = server.start(*typed, memory=MEMORY)
    value = typed[-1].rpartition("=")[2]
    pipe = value == "fifo" and parameter in ("prompt_file", "ending_file", "text_file")  # waited for, as by `cat`
    lasting = pipe or parameter in LASTING or value in LARGE
    try:
        status, stopped = outcome(process, LONG_ENOUGH if lasting else BUSY)
    except AssertionError:
        process.send_signal(signal.SIGKILL)
        return "hangs, and does not stop when it is told to"
    told = process.err_path.read_bytes().decode("utf-8", "replace")
    last = told.rstrip("\n").rpartition("\n")[2]
    if "Traceback" in told or "Exception" in told:
        return f"a traceback: {told[-1500:]}"
    if stopped and not lasting:
        return f"still at work after {BUSY:g} s"
    if status not in ((0, 128 + signal.SIGTERM) if stopped else (0, 1, 2)):
        return f"exit code {status}: {last[-300:]}"
    if status in (1, 2) and not (last and len(last) < 6000):
        return f"exit code {status}, and {len(last):,} characters say why"
    if "Cannot allocate memory" in told or "MemoryError" in told or "not enough memory" in told:
        return f"takes more memory than it asked for: {last[-300:]}"
    return ""


def test_absurd_values_are_answered_in_a_line(
    server: Server, rounds: Callable[[int, int], int], tell_figure: Callable[[str], None]
) -> None:
    every, chance = list(cases()), random.Random(SEED)
    assert {verb for verb, _, _ in every} >= BASES.keys() - {"corpora"}
    plans = [case for case in every if case[0] == "plan"]  # its settings are train's, and it measures for seconds
    others = [case for case in every if case[0] != "plan"]
    chosen = chance.sample(others, rounds(12, 2000)) + chance.sample(plans, rounds(0, 50))
    faults = []
    for _, parameter, typed in chosen:
        if wrong := fault(server, parameter, typed):
            shown = " ".join(word if len(word) < 80 else f"{word[:60]}...({len(word)})" for word in typed)
            faults.append(f"{shown!r}: {wrong}")
    tell_figure(f"absurd values: {len(chosen) - len(faults)} of {len(chosen)} answered or refused in a line")
    assert not faults, f"seed {SEED}: {len(faults)} of {len(chosen)}\n" + "\n".join(faults)


def test_runs_are_listed_soon_beside_very_many_files(server: Server, rounds: Callable[[int, int], int]) -> None:
    count, crowd = rounds(10_000, 1_000_000), server.where / "crowd"
    tiny.run(crowd, "one", {100: 3})
    for number in range(count):
        os.close(os.open(crowd / f"{number}.txt", os.O_CREAT | os.O_WRONLY))
    for typed in (("runs", "--json"), ("sample", "one", "--length=3"), ("compare", "one", "--length=0")):
        process = server.start(*typed, f"--checkpoint-dir={crowd}", memory=MEMORY)
        assert process.wait(60) == 0, process.err
    for options in (["--count=1000000", "--length=1000000"], ["--length=100000", "--temperatures=1" + ",1" * 20_000]):
        process = server.start("sample", "one", *options, memory=MEMORY)
        assert process.wait(60) == 2, process.err[-300:]
        assert "of memory or more, and" in process.err
