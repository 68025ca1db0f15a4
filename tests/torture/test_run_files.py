"""A run's other files, as whatever can be in their place: named, skipped, the rest shown, and nothing is waited for."""

from __future__ import annotations

import itertools
import json
import os
import random
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType

import pytest
from helpers import telling
from helpers.command_line import CommandLine

import charrnn

pytestmark = pytest.mark.skipif(os.name != "posix", reason="makes pipes, links and sockets as POSIX does")

_AT_MOST = 30  # seconds; each takes a fraction of one


@contextmanager
def nothing_hangs() -> Iterator[None]:
    """What is waited for longer than anything takes fails."""

    def late(number: int, frame: FrameType | None) -> None:
        raise AssertionError(f"took longer than {_AT_MOST} seconds")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(_AT_MOST)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def pipe(path: Path) -> None:
    os.mkfifo(path)


def directory(path: Path) -> None:
    path.mkdir()


def link_loop(path: Path) -> None:
    path.symlink_to(path.name)


def zeros(path: Path) -> None:
    path.symlink_to("/dev/zero")


def nowhere(path: Path) -> None:
    path.symlink_to("nowhere")


def listening(path: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # the name of a socket may be no longer than 100 bytes
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path.name)
    os.chdir(here)


def hole(path: Path) -> None:
    path.touch()
    os.truncate(path, 8 << 30)


def binary(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 400)


PLACES = [pipe, directory, link_loop, zeros, nowhere, listening, hole, binary]
UNREADABLE = {pipe, directory, link_loop, zeros, listening, hole}

ROWS = {
    "nested": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "nested lists": b'{"iteration": 5, "loss": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    "null": b'{"iteration": null, "event": "diverged", "loss": null}',
    "huge": b'{"iteration": 1' + b"0" * 400 + b', "loss": 1' + b"0" * 400 + b"}",
    "too many digits": b'{"iteration": ' + b"9" * 5000 + b"}",
    "nan": b'{"iteration": NaN, "loss": Infinity, "held_out_loss": -Infinity}',
    "negative": b'{"iteration": -5, "loss": -1e400, "grad_norm": -7}',
    "text": b'{"iteration": "7", "loss": [], "held_out_loss": {}, "event": {}, "seconds": "x", "clipped": true}',
    "twice": b'{"iteration": 100, "loss": 1, "loss": "2", "iteration": 100.5}',
    "no object": b'[1, 2, 3]\n"text"\n7\nnull\ntrue',
    "surrogates": rb'{"iteration": 10, "loss": "\ud800", "\udfff": 1}',
    "long": b'{"iteration": 10, "x": "' + b"x" * (100 << 20) + b'"}',
    "no end": b"x" * (1 << 20),
    "no text": b"\xff\xfe\x00\x00" * 100,
    "carriage returns": b'{"iteration": 10}\r{"iteration": 20}\r\n',
    "empty": b"\n\n \n",
}


@dataclass(frozen=True)
class Case:
    """Something in a run."""

    change: Callable[[Path], None]
    named: str | None = None  # what is said of it; None: it is in nobody's way
    verbs: frozenset[str] | None = None  # that say it; None: all


def put(place: Callable[[Path], None], path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    place(path)


def rows_around(row: bytes, run: Path) -> None:
    path = run / "metrics.jsonl"
    path.write_bytes(row + b"\n" + path.read_bytes() + row)


def flip_best(run: Path) -> None:
    """Damage that the best snapshot's header does not show."""
    path = run / "iteration-000300.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def cases() -> dict[str, Case]:
    found = {f"row {name}": Case(partial(rows_around, row)) for name, row in ROWS.items()}
    for place in PLACES:
        for name in ("samples.md", ".lock", "notes.txt", "tensorboard"):
            found[f"{name} {place.__name__}"] = Case(lambda run, place=place, name=name: put(place, run / name))
        for name in ("iteration-000400.safetensors", "my.safetensors", "resume.safetensors"):
            found[f"{name} {place.__name__}"] = Case(lambda run, place=place, name=name: put(place, run / name), name)
        found[f"metrics.jsonl {place.__name__}"] = Case(
            lambda run, place=place: put(place, run / "metrics.jsonl"),
            "metrics.jsonl: cannot be read" if place in UNREADABLE else None,
        )
    reading = frozenset(readers()) - {"runs", "runs --json"}
    return found | {"damaged best": Case(flip_best, "iteration-000300.safetensors: its checksum", reading)}


def readers() -> dict[str, tuple[str, ...]]:
    """Each verb that reads a run."""
    measured = ("--length", "5", "--text-length", "100")
    return {
        "runs": ("runs",),
        "runs --json": ("runs", "--json"),
        "compare": ("compare", "odd", *measured),
        "compare --json": ("compare", "odd", "good", "--json", *measured),
        "report": ("report", "odd", "good", "-o", "page.html", "--force", *measured),
        "sample": ("sample", "odd", "--length", "5", "--seed", "1"),
        "sample each": ("sample", "odd", "--every-snapshot", "--length", "5", "--seed", "1"),
        "score": ("score", "odd", "text.txt", "--count", "0"),
    }


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of three snapshots, one that is as it should be beside it, and a text."""
    root = tmp_path_factory.mktemp("template")
    for name in ("odd", "good"):
        telling.run(root / "checkpoints", name)
    (root / "text.txt").write_text(telling.TEXT, "utf-8")
    return root


@pytest.fixture
def line(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> CommandLine:
    shutil.copytree(template, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return CommandLine(monkeypatch, capfdbinary)


def test_whatever_is_in_a_run_is_named_or_in_nobodys_way(
    line: CommandLine, template: Path, rounds: Callable[[int, int], int], tell_figure: Callable[[str], None]
) -> None:
    """What can be read is shown all the same; the exit code is 0 of `sample RUN`, which needs none of the rest."""
    tried = list(itertools.product(cases().items(), readers().items()))
    random.Random(15).shuffle(tried)
    for (name, case), (verb, arguments) in tried[: (count := rounds(24, len(tried)))]:
        shutil.rmtree("checkpoints")
        shutil.copytree(template / "checkpoints", "checkpoints")
        case.change(Path("checkpoints/odd"))
        with nothing_hangs():
            done = line(*arguments)
        said = f"{name}; {verb}: {done.stderr.decode()}"
        assert "Traceback" not in said
        assert "Error" not in said
        named = case.named if case.verbs is None or verb in case.verbs else None
        assert named in said if named else "skipped" not in said, said
        assert done.returncode == (1 if named and verb != "sample" else 0), said
        assert b"odd" in (Path("page.html").read_bytes() if verb == "report" else done.stdout + done.stderr), said
        if verb == "runs --json":
            listed = {run["name"]: len(run["checkpoints"]) for run in json.loads(done.stdout)["runs"]}
            assert listed == {"odd": 3, "good": 3}, said
        else:
            assert verb == "report" or done.stdout, said
    tell_figure(f"a run's other files: {count} of {len(tried)} pairs of what is there and what reads it, as documented")


def test_the_best_that_is_whole_is_taken(line: CommandLine) -> None:
    flip_best(Path("checkpoints/odd"))
    assert b"iteration 500" in line("sample", "odd", "--length", "5").stderr
    with pytest.warns(RuntimeWarning, match="checksum"):
        assert charrnn.load("checkpoints/odd").header.iteration == 500


@pytest.mark.parametrize("place", [link_loop, nowhere, pipe, binary, zeros], ids=lambda place: place.__name__)
def test_a_run_may_be_anything(line: CommandLine, place: Callable[[Path], None]) -> None:
    put(place, Path("checkpoints/odd"))
    for verb, arguments in readers().items():
        with nothing_hangs():
            done = line(*arguments)
        said = f"{verb}: {done.stderr.decode()}"
        assert "Traceback" not in said
        assert "Error" not in said
        if verb in ("runs", "runs --json"):
            assert done.returncode == (1 if place is link_loop else 0), said
            assert b"good" in done.stdout
            assert ("checkpoints/odd: cannot be read" in said) == (place is link_loop)
        else:
            assert done.returncode in (1, 2), said
            assert "odd" in said


@pytest.fixture
def open_to_all(template: Path, line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> Iterator[CommandLine]:
    """The same where every user may look; what pytest makes only its own user may."""
    with tempfile.TemporaryDirectory() as place:
        shutil.copytree(template, place, dirs_exist_ok=True)
        os.chmod(place, 0o755)
        with monkeypatch.context() as within:
            within.chdir(place)
            yield line


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become somebody else")
def test_a_run_without_permission_is_named(
    open_to_all: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As another user, in a process of its own: root may read everything. The user's own folders are closed, too."""
    monkeypatch.setenv("CHARRNN_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("CHARRNN_CACHE_DIR", str(tmp_path / "cache"))
    verbs = {verb: arguments for verb, arguments in readers().items() if verb != "report"}
    for arguments in verbs.values():
        assert open_to_all(*arguments).returncode == 0  # so all is imported, which another user might not be able to
    for mode, (verb, arguments) in itertools.product([0o000, 0o444, 0o111], verbs.items()):
        os.chmod("checkpoints/odd", mode)
        reader, writer = os.pipe()
        if (pid := os.fork()) == 0:
            code = 99
            try:
                os.setuid(65534)
                done = open_to_all(*arguments)
                os.write(writer, done.stderr[:60_000])
                code = done.returncode
            finally:
                os._exit(code)
        os.close(writer)
        with os.fdopen(reader, "rb") as answers:
            said = answers.read().decode()
        _, status = os.waitpid(pid, 0)
        told = f"{mode:o}, {verb}: {said}"
        assert "Traceback" not in said, told
        assert "odd" in said, told
        assert "Permission denied" in said, told
        assert os.waitstatus_to_exitcode(status) in (0, 1), told  # what can be opened all the same is sampled


def test_all_at_once(line: CommandLine) -> None:
    """Everything that can be in a directory of runs, beside one that is as it should be."""
    root = Path("checkpoints")
    for place in PLACES:
        place(root / place.__name__)
        telling.run(root, f"run-{place.__name__}")
        put(place, root / f"run-{place.__name__}" / "metrics.jsonl")
        put(place, root / f"run-{place.__name__}" / "iteration-000300.safetensors")
    done = line("runs", "--json")
    listed = {run["name"]: run for run in json.loads(done.stdout)["runs"]}
    assert len(listed["good"]["checkpoints"]) == 3
    assert all(len(listed[f"run-{place.__name__}"]["checkpoints"]) == 2 for place in PLACES)
    assert done.returncode == 1
    assert line("sample", "--length", "5").returncode == 0


def test_a_resumed_training_waits_for_no_pipe(line: CommandLine, rounds: Callable[[int, int], int]) -> None:
    """What it writes, too, is only ever a regular file."""
    places = PLACES[: rounds(1, len(PLACES))]
    Path("ships.txt").write_text("".join(f"{n} ships came in, and {n * n} went out.\n" for n in range(40)))
    options = ("--name", "ships", "--rnn-size", "8", "--embedding-size", "4", "--batch-size", "4", "--seq-length", "8")
    watching = ("--sample-length", "5", "--snapshot-at", "2,4", "--eval-every", "0")
    line.train("ships.txt", *options, *watching, "--iterations", "4")
    run, further = Path("checkpoints/ships"), 4
    for place in places:
        further += 2
        put(place, run / "samples.md")
        put(place, run / ".lock")
        if place not in (pipe, zeros, listening):  # a lock is taken of what can be opened
            put(lambda path: None, run / ".lock")
        with nothing_hangs():
            line.train("--resume", "ships", "--iterations", str(further), "--snapshot-at", str(further))
    for place in places:
        put(place, run / "metrics.jsonl")
        longer = ("--iterations", str(further + 1), "--device", "cpu", "--threads", "1")
        with nothing_hangs():
            done = line("train", "--resume", "ships", *longer)
        said = done.stderr.decode()
        assert "Traceback" not in said, said
        if place in UNREADABLE:
            assert done.returncode == 1, said
            assert "metrics.jsonl: cannot be" in said
        else:
            assert done.returncode == 0, said
            further += 1
