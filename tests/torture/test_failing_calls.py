"""Every call of the system that a training makes fails: it goes on, or ends with a line that says how to go on.

Real processes of the real command, in which the n-th open, write, fsync, rename, … of a file fails.
"""

from __future__ import annotations

import contextlib
import errno
import os
import random
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers.kept import Reference, recover, require_complete, require_whole
from helpers.system_calls import KINDS, Commands, Ended, Failure, train_command

from charrnn.runs.run import Run

SEED = 15
# What each kind of call fails with on full, broken, read-only and remote disks.
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EIO)
PLACE = (errno.EACCES, errno.EROFS, errno.ESTALE)
ERRORS = {
    "open": (*DISK, *PLACE, errno.EMFILE, errno.EINTR),
    "write": (*DISK, errno.ESTALE, errno.EINTR),
    "fsync": (*DISK, errno.ESTALE, errno.EINTR, errno.EINVAL),
    "close": (*DISK, errno.ESTALE),
    "rename": (*DISK, *PLACE, errno.EBUSY, errno.EINTR),
    "unlink": (errno.EIO, *PLACE, errno.EBUSY, errno.EINTR),
    "mkdir": (*DISK, *PLACE, errno.EINTR),
    "rmdir": (errno.EIO, errno.EACCES, errno.EBUSY),
    "truncate": (errno.EIO, errno.EACCES, errno.EINTR),
    "lock": (errno.ENOLCK, errno.EOPNOTSUPP, errno.EIO, errno.EINTR),
}
GO_ON = r"train --resume|give the same command again|Choose another --checkpoint-dir|is kept, in resume\.safetensors"


def failures(counts: dict[str, int]) -> list[Failure]:
    """All there may be: each call alone and with all that follow."""
    return [
        Failure(kind=kind, at=at, error=error, always=always)
        for kind in KINDS
        for at in range(1, counts[kind] + 1)
        for error in ERRORS[kind]
        for always in ((False,) if error == errno.EINTR else (False, True))
    ]


def said(ended: Ended, failure: Failure) -> str:
    """The last line of a command that failed: it names the file and the cause, and how to go on."""
    line = ended.err.rstrip("\n").split("\n")[-1]
    assert line.startswith("charrnn: "), ended.err
    assert os.strerror(failure.error) in line
    failed = Path(ended.failed)
    assert any(str(place) in ended.err for place in (failed.name, *failed.parents[:2]))
    assert re.search(GO_ON, line), line
    return line


def chosen_of(possible: list[Failure], count: int) -> list[Failure]:
    """So many at random, of each kind the same number as far as there are so many."""
    kinds: Counter[str] = Counter()
    ranked = []
    for index, failure in enumerate(random.Random(SEED).sample(possible, len(possible))):
        ranked.append((kinds[failure.kind], index, failure))
        kinds[failure.kind] += 1
    return [failure for *_, failure in sorted(ranked, key=lambda each: each[:2])[:count]]


def attempt(
    command: Commands, typed: tuple[str | Path, ...], root: Path, failure: Failure, reference: Reference
) -> str:
    """Train where a call fails. What came of it: it went on, could be resumed, or left nothing."""
    ended, run = command(*typed, watched=root.parent, failure=failure), Run(root / "one")
    assert "Traceback" not in ended.err, ended.err
    require_whole(run, reference)
    if ended.code == 0:
        require_complete(run, reference)
        return "went on"
    assert ended.code == 1, ended
    line = said(ended, failure)
    return recover(command, typed, run, line, reference, watched=root.parent)


@contextlib.contextmanager
def naming(what: object) -> Iterator[None]:
    """Say what was tried, where it fails."""
    try:
        yield
    except AssertionError as error:
        raise AssertionError(f"seed {SEED}, {what}: {error}") from error


@pytest.mark.parametrize("start", ["new", "fallen back"])
def test_any_call_of_a_training_may_fail(
    start: str,
    command: Commands,
    text: Path,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    rounds: Callable[[int, int], int],
    tell_figure: Callable[[str], None],
) -> None:
    """One that begins, and one that goes on from a snapshot because its resume file is damaged."""
    new = start == "new"
    reference: Reference = request.getfixturevalue("reference" if new else "fallen_back")
    possible = failures(reference.counts)
    came = []
    for index, failure in enumerate(chosen := chosen_of(possible, rounds(8, len(possible)))):
        root = tmp_path / f"{index}" / "runs"
        root.parent.mkdir()
        if not new:
            shutil.copytree(request.getfixturevalue("damaged"), root)
        typed = train_command(text, root, "one") if new else ("train", "--resume", root / "one")
        with naming(failure):
            came.append(attempt(command, typed, root, failure, reference))
        shutil.rmtree(root.parent)
    told = ", ".join(f"{came.count(what)} {what}" for what in sorted(set(came)))
    tell_figure(f"failing calls, {start}: {len(chosen)} of {len(possible)} tried: {told}; none lost")


# What writes a file that is kept, but is no training: as it is typed, and the file.
OTHERS = {
    "sample": (("sample", "RUN", "--length", "50", "--seed", "1"), "out.txt"),
    "report": (("report", "RUN", "-o", "page.html", "--length", "20", "--text-length", "0"), "page.html"),
    "score": (("score", "RUN", "TEXT", "--html", "page.html"), "page.html"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_any_call_of_what_writes_a_file_may_fail(
    name: str,
    command: Commands,
    text: Path,
    reference: Reference,
    tmp_path: Path,
    rounds: Callable[[int, int], int],
    tell_figure: Callable[[str], None],
) -> None:
    typed, written = OTHERS[name]
    arguments = [{"RUN": str(reference.run.path), "TEXT": str(text)}.get(word, word) for word in typed]
    to = {"out": tmp_path / written} if written == "out.txt" else {"cwd": tmp_path}
    arguments = [str(tmp_path / word) if word == written else word for word in arguments]
    ended = command(*arguments, watched=tmp_path, **to)
    assert ended.code == 0, ended.err
    before = (tmp_path / written).read_bytes()
    possible = [failure for failure in failures(ended.counts) if "cache" not in str(failure)]
    chosen = random.Random(SEED).sample(possible, min(len(possible), rounds(2, len(possible))))
    failed = 0
    for failure in chosen:
        with naming(failure):
            ended = command(*arguments, watched=tmp_path, failure=failure, **to)
            assert "Traceback" not in ended.err, ended.err
            if ended.code:
                failed += 1
                assert ended.code == 1
                line = ended.err.rstrip("\n").split("\n")[-1]
                assert line.startswith("charrnn: ")
                assert os.strerror(failure.error) in line
                assert Path(ended.failed).name in line or "standard output" in line or written in line
            if written != "out.txt" and ended.failed != str(tmp_path):
                after = (tmp_path / written).read_bytes()
                assert ended.code == 0 or after == before
                before = after
            elif ended.code == 0:
                assert (tmp_path / written).read_bytes() == before
    tell_figure(f"failing calls of {name}: {len(chosen)} of {len(possible)}: {failed} named, none silent or by half")
