"""What was typed becomes bytes: order, compressions, and everything a file system can put in the way."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers.texts import COMPRESS, content, line, names, refused, tree, unreadable, write

from charrnn.errors import CorpusError, UsageError
from charrnn.text import sources
from charrnn.text.sources import gather

every_suffix = pytest.mark.parametrize("suffix", COMPRESS)
needs_fifos = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs on this system")
needs_links = pytest.mark.skipif(sys.platform == "win32", reason="links need privileges there")
not_root = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")


def test_a_file_by_hand(tmp_path: Path) -> None:
    path = write(tmp_path / "one.txt", b"abcdefghij")
    (source,) = gather([path])
    assert (source.name, source.path, source.size) == ("one.txt", path.resolve(), 10)
    assert list(source.chunks(4)) == [b"abcd", b"efgh", b"ij"]
    assert content(source) == content(source) == b"abcdefghij"
    assert source.sha256() == hashlib.sha256(b"abcdefghij").hexdigest()
    assert source.read_range(3, 4) == b"defg"
    assert source.read_range(8, 100) == b"ij"
    assert source.read_range(99, 1) == source.read_range(3, 0) == b""


def test_any_bytes_any_suffix_and_none_at_all(tmp_path: Path) -> None:
    path = write(tmp_path / "README", bytes(range(256)))
    empty = write(tmp_path / "empty.md", b"")
    first, second = gather([path, str(empty)])
    assert content(first) == bytes(range(256))
    assert list(second.chunks()) == []
    assert second.size == 0


def test_nothing_typed_is_nothing_found() -> None:
    assert gather([]) == []


def test_arguments_keep_their_order_and_may_come_twice(tmp_path: Path) -> None:
    tree(tmp_path, "b.txt", "a.txt", "folder/z.txt", "folder/c.txt")
    found = gather([tmp_path / "b.txt", tmp_path / "folder", tmp_path / "a.txt", tmp_path / "b.txt"])
    assert names(found) == ["b.txt", "c.txt", "z.txt", "a.txt", "b.txt"]


def test_a_pattern_needs_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--glob '\*\.md' chooses files of a folder"):
        gather([write(tmp_path / "a.md")], glob="*.md")
    assert "No such file" in refused(tmp_path / "mistyped", glob="*.md")  # the likelier reason comes first


def test_relative_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree(tmp_path, "a.txt", "sub/b.txt", "sub/a.txt", "-")
    monkeypatch.chdir(tmp_path / "sub")
    assert names(gather(["."])) == ["a.txt", "b.txt"]
    (source,) = gather(["../a.txt"])
    assert (source.name, source.path) == ("a.txt", (tmp_path / "a.txt").resolve())
    assert names(gather(["a.txt", "../a.txt"])) == ["sub/a.txt", f"{tmp_path.name}/a.txt"]
    monkeypatch.chdir(tmp_path)
    assert content(gather(["./-"])[0]) == b"-"
    (source,) = gather(["a.txt"])
    monkeypatch.chdir(tmp_path / "sub")
    assert content(source) == b"a.txt"  # the path was resolved where it was typed
    assert refused("missing.txt").startswith("missing.txt: cannot be read (")  # and is shown as typed


@needs_links
def test_links_to_files(tmp_path: Path) -> None:
    write(tmp_path / "store/0001", b"kept")
    (tmp_path / "a.txt").symlink_to("store/0001")
    assert content(gather([tmp_path])[0]) == b"kept"
    (tmp_path / "b.txt").symlink_to("nowhere")
    (tmp_path / "c.txt").symlink_to("c.txt")
    message = refused(tmp_path)
    assert "2 texts cannot be used" in message
    assert f"{tmp_path / 'b.txt'}: cannot be read (No such file or directory)" in message
    assert f"{tmp_path / 'c.txt'}: cannot be read (" in message


def test_missing(tmp_path: Path) -> None:
    path = tmp_path / "none.txt"
    expected = f"{path}: cannot be read (No such file or directory). Check the path and its permissions."
    assert refused(path) == expected
    write(tmp_path / "text.txt")
    assert "text.txt/below: cannot be read" in refused(tmp_path / "text.txt" / "below")
    assert refused("nul\0.txt").startswith("nul\ufffd.txt: cannot be read (")
    with pytest.raises(UsageError, match="empty name"):
        gather([""])  # "$BOOK" of a variable that is not set; never the current folder


@needs_fifos
def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path) -> None:
    fifo = tmp_path / "pipe.txt"
    os.mkfifo(fifo)
    script = (
        "import sys\nfrom charrnn import errors\nfrom charrnn.text import sources\n"
        "try: sources.gather(sys.argv[1:])\nexcept errors.CorpusError as error: print(error)"
    )

    def said(text: Path) -> str:  # in a process of its own: a test that hangs would hang them all
        command = [sys.executable, "-c", script, str(text)]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout

    assert said(fifo) == f"{fifo}: is not a regular file. Name a text file.\n"
    assert said(tmp_path) == f"{fifo}: is not a regular file. Name a text file.\n"
    assert said(Path("/dev/zero")) == "/dev/zero: is not a regular file. Name a text file.\n"


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no sockets among the files of this system")
def test_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("s.txt")
        assert "s.txt: is not a regular file" in refused(".")


@needs_fifos
def test_a_file_that_became_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    (source,) = gather([write(tmp_path / "a.txt")])
    (tmp_path / "a.txt").unlink()
    os.mkfifo(tmp_path / "a.txt")
    writer = os.open(tmp_path / "a.txt", os.O_RDWR)  # so that this test fails, not hangs, where it is opened
    try:
        assert "is not a regular file" in unreadable(source)
    finally:
        os.close(writer)


@needs_fifos
def test_everything_wrong_is_named_at_once(tmp_path: Path) -> None:
    good, packed = write(tmp_path / "good.txt"), write(tmp_path / "plain.gz")
    os.mkfifo(tmp_path / "pipe")
    tree(tmp_path, "folder/a.md")
    message = refused(tmp_path / "none", good, tmp_path / "pipe", packed, tmp_path / "folder")
    assert message.startswith("4 texts cannot be used: ")
    for part in (
        "none: cannot be read (No such file or directory).",
        "pipe: is not a regular file",
        "plain.gz: is named .gz but does not hold gzip data",
        "folder: no file in it matches '*.txt' (it holds 1 .md file: --glob '*.md')",
    ):
        assert part in message
    assert str(good) not in message


@pytest.mark.parametrize(("count", "more"), [(10, None), (11, "1 more"), (25, "15 more")])
def test_many_wrong_ones_are_counted(tmp_path: Path, count: int, more: str | None) -> None:
    message = refused(*(tmp_path / f"{k}.txt" for k in range(count)))
    assert message.startswith(f"{count} texts cannot be used: ")
    assert message.count("No such file") == 10
    assert "9.txt" in message
    assert "10.txt" not in message
    assert (f" And {more}. " in message) if more else ("more" not in message)


@not_root
def test_permissions(tmp_path: Path) -> None:
    tree(tmp_path, "a.txt", "closed/b.txt", "locked/c.txt", "open/d.txt")
    (tmp_path / "a.txt").chmod(0)
    (tmp_path / "closed").chmod(0)
    (tmp_path / "locked").chmod(0o400)  # may be listed, not entered
    try:
        message = refused(tmp_path)
        for name in ("a.txt", "closed", "locked/c.txt"):
            assert f"{tmp_path / name}: cannot be read (Permission denied)" in message
        assert refused(tmp_path / "closed").startswith(f"{tmp_path / 'closed'}: cannot be read (Permission denied). ")
        assert "Permission denied" in refused(tmp_path / "closed" / "b.txt")
    finally:
        for name in ("a.txt", "closed", "locked"):
            (tmp_path / name).chmod(0o700)


def test_a_file_that_vanished(tmp_path: Path) -> None:
    (source,) = gather([write(tmp_path / "a.txt")])
    (tmp_path / "a.txt").unlink()
    assert "No such file" in unreadable(source)


@needs_fifos
@pytest.mark.parametrize("change", ["grown", "cut", "rewritten"])
@pytest.mark.parametrize("suffix", ["", *COMPRESS])
def test_a_file_that_changes_while_it_is_read(tmp_path: Path, change: str, suffix: str) -> None:
    data = os.urandom(300_000)
    stored = COMPRESS[suffix](data) if suffix else data
    path = write(tmp_path / f"a.txt{suffix}", stored)

    def alter() -> None:
        if change == "grown":
            with path.open("ab") as file:
                file.write(stored)
        elif change == "cut":
            os.truncate(path, len(stored) // 2)
        else:
            path.write_bytes(stored[::-1])
            os.utime(path, ns=(0, 1))  # however coarse the clock

    (source,) = gather([path])
    pieces = source.chunks(1000)
    assert next(pieces) == data[:1000]
    alter()
    with pytest.raises(CorpusError) as caught:
        list(pieces)
    assert line(caught) == f"{source.path}: changed while it was read. Try again when nothing writes to it."
    for read in (lambda: content(source), source.sha256, lambda: source.read_range(0, 1)):  # since it was gathered
        with pytest.raises(CorpusError, match="changed while"):
            read()


def run(script: str, **stdin: object) -> subprocess.CompletedProcess[bytes]:
    script = f"import sys\nfrom charrnn.text.sources import CorpusError, gather\n{script}"
    return subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60, check=False, **stdin)  # type: ignore[call-overload]


@pytest.mark.parametrize("suffix", ["", *COMPRESS])
def test_standard_input_through_a_pipe(suffix: str) -> None:
    data = os.urandom(1 << 20) * 3
    stored = COMPRESS[suffix](data) if suffix else data
    script = (
        "(source,) = gather(['-'])\n"
        "assert (source.name, source.path) == ('standard input', None)\n"
        "print(source.size, source.sha256())\n"
        "assert b''.join(source.chunks()) == b''.join(source.chunks(999))\n"
        "sys.stdout.flush(), sys.stdout.buffer.write(b''.join(source.chunks()))"
    )
    done = run(script, input=stored)
    assert done.stderr == b""
    figures, _, read = done.stdout.partition(b"\n")
    assert figures.decode() == f"{len(stored)} {hashlib.sha256(stored).hexdigest()}"
    assert read == data


def test_standard_input_that_is_none() -> None:
    assert b"UsageError: nothing is piped into standard input (-)" in run("sys.stdin = None\ngather(['-'])").stderr


def test_standard_input_that_cannot_be_read(tmp_path: Path) -> None:
    with open(tmp_path / "only-written", "wb") as file:
        done = run("try: gather('-')\nexcept CorpusError as error: print(error)", stdin=file)
    assert re.fullmatch(rb"standard input: cannot be read \(.+\)\. Save it to a file first\.\s+", done.stdout)


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="no pseudo-terminals on this system")
def test_a_terminal_is_not_waited_for() -> None:
    ends = os.openpty()
    os.write(ends[0], b"typed\n\x04")  # what would be read, were it read
    try:
        with open(ends[1], "rb", closefd=False) as terminal, pytest.raises(UsageError, match="Pipe a text in"):
            gather(["-"], stdin=terminal)
    finally:
        for end in ends:
            os.close(end)


@pytest.mark.parametrize("in_memory", [1 << 20, 1000], ids=["memory", "temporary file"])
def test_standard_input_is_kept_and_read_by_many(monkeypatch: pytest.MonkeyPatch, in_memory: int) -> None:
    monkeypatch.setattr(sources, "_SPOOL_IN_MEMORY", in_memory)
    data = os.urandom(5000)
    (source,) = gather(["-"], stdin=io.BytesIO(data))
    one, other = source.chunks(7), source.chunks(11)  # side by side, each at its own place
    pairs = list(zip(one, other, strict=False))
    assert b"".join(first for first, _ in pairs) == data[: 7 * len(pairs)]
    assert b"".join(second for _, second in pairs) == data[: 11 * len(pairs)]
    assert source.read_range(4990, 100) == data[4990:]
    del source, one, other  # a temporary file left open would be a warning, and so an error


def test_standard_input_has_its_place_and_comes_once(tmp_path: Path) -> None:
    tree(tmp_path, "a.txt", "b.txt")
    found = gather([tmp_path / "b.txt", "-", tmp_path / "a.txt"], stdin=io.BytesIO(b"piped"))
    assert [content(source) for source in found] == [b"b.txt", b"piped", b"a.txt"]
    assert names(found) == ["b.txt", "standard input", "a.txt"]
    (empty,) = gather([Path("-")], stdin=io.BytesIO())
    assert (empty.size, list(empty.chunks())) == (0, [])
    with pytest.raises(UsageError, match="only once"):
        gather(["-", "-"], stdin=io.BytesIO())


def test_a_pipe_is_not_read_when_another_text_is_missing(tmp_path: Path) -> None:
    pipe = io.BytesIO(b"piped")
    with pytest.raises(CorpusError):
        gather(["-", tmp_path / "none"], stdin=pipe)
    assert pipe.tell() == 0


def test_a_text_through_a_pipe_that_begins_like_an_archive() -> None:
    for text in (b"BZhou wrote this", b"BZh9", b"\x1f\x8b"):
        assert content(gather(["-"], stdin=io.BytesIO(text))[0]) == text
    (source,) = gather(["-"], stdin=io.BytesIO(gzip.compress(b"packed")[:-1]))
    assert unreadable(source).startswith("standard input: is cut short")


@pytest.fixture
def open_files() -> Iterator[Callable[[], int]]:
    if not Path("/proc/self/fd").exists():
        pytest.skip("no /proc on this system")
    return lambda: len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("suffix", ["", *COMPRESS])
def test_files_are_closed_at_once(tmp_path: Path, suffix: str, open_files: Callable[[], int]) -> None:
    data = os.urandom(200_000)
    path = write(tmp_path / f"a{suffix}", COMPRESS[suffix](data) if suffix else data)
    before = open_files()
    (source,) = gather([path])
    assert open_files() == before
    pieces = source.chunks(10)
    next(pieces)
    assert open_files() == before + 1
    pieces.close()  # abandoned
    assert open_files() == before
    source.read_range(5, 5)
    source.sha256()
    assert open_files() == before
    path.write_bytes(b"changed")
    with pytest.raises(CorpusError):
        content(source)
    assert open_files() == before


def test_same_documents_are_equal(tmp_path: Path) -> None:
    tree(tmp_path, "a.txt", "b.txt")
    assert gather([tmp_path]) == gather([tmp_path])
    assert len(set(gather([tmp_path, tmp_path]))) == 2


def test_a_source_stands_for_itself(tmp_path: Path) -> None:
    tree(tmp_path, "a.txt", "b.txt")
    (piped,) = gather(["-"], stdin=io.BytesIO(b"piped"))
    gathered = gather([piped, tmp_path / "a.txt", piped])
    assert [content(source) for source in gathered] == [b"piped", b"a.txt", b"piped"]
    assert [source.display_name for source in gathered] == [
        "standard input",
        str((tmp_path / "a.txt").resolve()),
        "standard input",
    ]
