"""Standard streams that are full, closed or have lost their reader, in every verb: one line, and never a traceback."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable

import pytest
from helpers import tiny
from helpers.forking import GONE, Process, Server

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="forks, /dev/full")

SEED = 15
TRAINED = ("--rnn-size=4", "--embedding-size=3", "--num-layers=1", "--iterations=2", "--threads=1", "--device=cpu")
LINES = (
    *("", "--help", "--version", "smaple", "--show-completion bash", "train --help", "sample --help", "runs --help"),
    *("sample one -n 20 --seed 1", "sample one -n 9000 --seed 1", "sample one -n 20 --seed 1 --json", "sample nowhere"),
    *("sample one -n 20 --seed 1 --count 2", "sample one -n 9 --every-snapshot --seed 1", "sample --no-such-option"),
    *("sample one -n 5 --seed 1 --prompt-file -", "sample one -n 40 --seed 1 --novelty --text text.txt"),
    *(
        "compare one --length 9 --text-length 0",
        "compare one two --text-length 9",
        "compare one --json --text-length 0",
    ),
    *("report one -o page.html --length 9 --text-length 0 --force", "report one -o /dev/full --text-length 0 --force"),
    *("score one text.txt", "score one text.txt --json --count 500", "score one text.txt --lines", "score one -"),
    *("score one text.txt --html scored.html --force", "runs", "runs --json", "runs show one", "runs show one --json"),
    *("runs delete one", "runs delete doomed --yes", "corpora", "corpora --json", "corpora fetch nowhere"),
    *("corpora check text.txt --no-trials", "corpora check text.txt --json --no-trials", "corpora remove nowhere"),
    *("corpora fetch http://127.0.0.1:9/a.txt", "corpora clear", f"train text.txt {' '.join(TRAINED)}"),
    *("corpora check -", f"plan text.txt {' '.join(TRAINED)}", f"train - {' '.join(TRAINED)}"),
)
FULL, CLOSED = "/dev/full", None
STREAMS: tuple[dict[int, str | None], ...] = (
    *({1: FULL}, {2: FULL}, {1: FULL, 2: FULL}, {1: CLOSED}, {2: CLOSED}, {1: CLOSED, 2: CLOSED}, {0: CLOSED}),
    *({0: CLOSED, 1: CLOSED, 2: CLOSED}, {1: GONE}, {2: GONE}, {1: GONE, 2: GONE}, {1: FULL, 2: GONE}),
)


@pytest.fixture(scope="module")
def server(forks: Server, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """Processes in a directory with a text and two runs."""
    where = tmp_path_factory.mktemp("streams")
    text = "".join(f"{n} ships came in, and {n * n} went out again.\n" for n in range(40))
    (where / "text.txt").write_text(text, "utf-8")
    for name in ("one", "two"):
        tiny.run(where / "checkpoints", name, {100: 3, 300: 2})
    return forks.within(where, CHARRNN_DATA_DIR=str(where / "data"), CHARRNN_CACHE_DIR=str(where / "cache"))


def ended(server: Server, line: str, streams: dict[int, str | None]) -> tuple[Process, int]:
    """What is typed, to its end."""
    if "doomed" in line and not (server.where / "checkpoints" / "doomed").exists():
        tiny.run(server.where / "checkpoints", "doomed", {100: 3})
    process = server.start(*line.split(), streams=streams)
    return process, process.wait()


def expected(line: str, usual: tuple[Process, int], streams: dict[int, str | None]) -> tuple[int, ...]:
    """The exit codes that are right: what cannot be written is an error, but of a training; a reader that left is none.

    A line that is short may be written before its reader has left.
    """
    process, code = usual
    if not process.out or line.startswith("train text") or 1 not in streams:
        return (code,)
    return (code, 0) if streams[1] == GONE else (code or 1, 1)


def fault(server: Server, line: str, usual: tuple[Process, int], streams: dict[int, str | None]) -> str:
    """What is wrong with how a command ended; "" if nothing is."""
    process, code = ended(server, line, streams)
    said = process.err + process.out
    if "Traceback" in said or "Exception" in said:
        return f"a traceback: {said[-1500:]}"
    if code not in (right := expected(line, usual, streams)):
        return f"exit code {code} instead of {right}: {process.err[-300:]}"
    lost = 1 in streams and streams[1] != GONE and usual[0].out and usual[1] == 0 and not line.startswith("train")
    if lost and 2 not in streams and "charrnn: standard output: " not in process.err:
        return f"does not say that standard output cannot be written: {process.err[-300:]}"
    if 1 not in streams and "--seed" in line and process.out != usual[0].out:
        return "standard output is not as it was"
    return ""


def test_streams_that_fail_are_a_line_in_every_verb(
    server: Server, rounds: Callable[[int, int], int], tell_figure: Callable[[str], None]
) -> None:
    every = [(line, streams) for line in LINES for streams in STREAMS]
    chosen = random.Random(SEED).sample(every, rounds(15, len(every)))
    usual = {line: ended(server, line, {}) for line in dict.fromkeys(line for line, _ in chosen)}
    faults = [
        f"charrnn {line} with {streams}: {wrong}"
        for line, streams in chosen
        if (wrong := fault(server, line, usual[line], streams))
    ]
    tell_figure(f"streams that fail: {len(chosen) - len(faults)} of {len(chosen)} told in a line")
    assert not faults, f"seed {SEED}: {len(faults)} of {len(chosen)}\n" + "\n".join(faults)
