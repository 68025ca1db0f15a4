"""What was typed becomes bytes: order, packings, and everything a file system can put in the way."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import os
import re
import shlex
import socket
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charrnn.errors import CorpusError, UsageError
from charrnn.text import sources
from charrnn.text.sources import Source, gather

PACK: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}
OPEN: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
packings = pytest.mark.parametrize("suffix", PACK)
needs_fifos = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs on this system")
needs_links = pytest.mark.skipif(sys.platform == "win32", reason="links need privileges there")
not_root = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")


def write(path: Path, data: bytes = b"text\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def tree(folder: Path, *names: str) -> Path:
    for name in names:
        write(folder / name, name.encode())
    return folder


def names(found: list[Source]) -> list[str]:
    return [source.name for source in found]


def content(source: Source) -> bytes:
    return b"".join(source.chunks())


def line(error: pytest.ExceptionInfo[BaseException]) -> str:
    message = str(error.value)
    assert message.isprintable() or "\xa0" in message
    message.encode("utf-8")
    return message


def refused(*texts: str | Path, glob: str | None = None) -> str:
    with pytest.raises(CorpusError) as caught:
        gather(texts, glob=glob)
    return line(caught)


def unreadable(source: Source) -> str:
    with pytest.raises(CorpusError) as caught:
        content(source)
    message = line(caught)
    assert str(source.path or source.name) in message
    return message


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


def test_a_folder_is_sorted_by_the_parts_of_its_paths(tmp_path: Path) -> None:
    tree(tmp_path, "a.txt", "a-b/y.txt", "a/z.txt", "a/B.txt", "a/é.txt", "Z.txt", "10.txt", "9.txt", "note.md")
    found = gather([tmp_path])
    assert names(found) == ["10.txt", "9.txt", "Z.txt", "a/B.txt", "a/z.txt", "a/é.txt", "a-b/y.txt", "a.txt"]
    assert [content(source).decode() for source in found] == names(found)


parts_of_a_path = st.lists(st.text("aB-1é ", min_size=1, max_size=2), min_size=1, max_size=3)


@settings(deadline=None, max_examples=30)
@given(st.lists(parts_of_a_path.map(lambda parts: "/".join(parts) + ".txt"), min_size=1, max_size=12, unique=True))
def test_the_order_is_the_names_alone(made: list[str]) -> None:
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        tree(Path(one), *made)
        tree(Path(other), *reversed(made))  # some file systems list names as they were made
        expected = sorted(made, key=lambda name: name.split("/"))
        assert names(gather([one])) == names(gather([other])) == expected


def test_windows_spelling_of_the_suffix_counts_where_no_pattern_is_given(tmp_path: Path) -> None:
    for name in ("A.TXT", "b.Txt", "c.txt.GZ", "d.md"):
        (tmp_path / name).write_bytes(gzip.compress(b"text"))
    assert names(gather([tmp_path])) == ["A.TXT", "b.Txt", "c.txt.GZ"]
    assert names(gather([tmp_path], glob="*.TXT")) == ["A.TXT"]


def test_hidden_files_only_for_a_pattern_with_a_dot(tmp_path: Path) -> None:
    tree(tmp_path, "a.txt", ".b.txt", ".git/c.txt", "sub/.d.txt")
    assert names(gather([tmp_path])) == ["a.txt"]
    assert names(gather([tmp_path], glob="*")) == ["a.txt"]
    assert names(gather([tmp_path], glob="./*.txt")) == ["a.txt"]
    assert names(gather([tmp_path], glob=".*.txt")) == [".b.txt", "sub/.d.txt"]
    assert names(gather([tmp_path], glob=".git/*")) == [".git/c.txt"]
    assert names(gather([tmp_path / ".git"])) == ["c.txt"]  # named by hand, it is wanted


def test_packed_files_match_without_their_suffix_too(tmp_path: Path) -> None:
    for name, suffix in (("a.txt.gz", ".gz"), ("b.txt.BZ2", ".bz2"), ("c.txt.xz", ".xz"), ("d.md.xz", ".xz")):
        write(tmp_path / name, PACK[suffix](name.encode()))
    found = gather([tmp_path])
    assert names(found) == ["a.txt.gz", "b.txt.BZ2", "c.txt.xz"]
    assert [content(source).decode() for source in found] == names(found)
    assert names(gather([tmp_path], glob="*.xz")) == ["c.txt.xz", "d.md.xz"]


@pytest.mark.parametrize(
    "pattern",
    ["sub/*.txt", "*/*.txt", "**/*.txt", "**/sub/*", "sub/**/*.txt", "**/**/b*", "*/[ab].*", "./*.txt", "*/*/*", "/x"],
)
def test_a_pattern_with_folders_means_what_it_means_to_pathlib(tmp_path: Path, pattern: str) -> None:
    tree(tmp_path, "a.txt", "sub/a.txt", "sub/b.md", "sub/sub/b.txt", "other/a.txt", "other/sub/deep/b.txt", "SUB2/B")
    if pattern.startswith("/"):
        assert "no file in it matches" in refused(tmp_path, glob=pattern)
        return
    expected = sorted(path.relative_to(tmp_path).parts for path in set(tmp_path.glob(pattern)) if path.is_file())
    assert [tuple(name.split("/")) for name in names(gather([tmp_path], glob=pattern))] == expected


@pytest.mark.parametrize(
    ("files", "holds"),
    [
        (["a.md", "b.md", "c.rst", ".hidden.py"], "2 .md files"),
        (["a.md.gz"], "1 .md file"),
        (["a", "b"], "files without a suffix"),
        (["sub/it's.[x]"], "1 .[x] file"),
    ],
)
def test_where_nothing_matches_a_pattern_that_would_is_named(tmp_path: Path, files: list[str], holds: str) -> None:
    for file in files:
        write(tmp_path / file, gzip.compress(b"") if file.endswith(".gz") else b"")
    message = refused(tmp_path)
    assert message.startswith(f"{tmp_path}: no file in it matches '*.txt' (it holds {holds}: --glob ")
    found = re.search(r"--glob (.*)\)\.", message)
    assert found
    (pattern,) = shlex.split(found[1])
    assert gather([tmp_path], glob=pattern)


def test_empty_folder(tmp_path: Path) -> None:
    assert "holds no files" in refused(tmp_path)


def test_a_pattern_needs_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--glob '\*\.md' chooses files of a folder"):
        gather([write(tmp_path / "a.md")], glob="*.md")
    assert "No such file" in refused(tmp_path / "mistyped", glob="*.md")  # the likelier reason comes first


def test_same_names_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    tree(tmp_path, "en/book.txt", "fr/book.txt", "fr/own.txt", "x/en/deep/a.txt", "y/en/deep/a.txt")
    assert names(gather([tmp_path / "en", tmp_path / "fr"])) == ["en/book.txt", "fr/book.txt", "own.txt"]
    assert names(gather([tmp_path / "en/book.txt", tmp_path / "fr"])) == ["en/book.txt", "fr/book.txt", "own.txt"]
    assert names(gather([tmp_path / "x/en", tmp_path / "y/en"])) == ["x/en/deep/a.txt", "y/en/deep/a.txt"]
    assert names(gather([tmp_path / "en/book.txt"] * 2)) == ["book.txt"] * 2  # one file; nothing to tell apart


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
def test_linked_folders_are_entered_and_loops_end(tmp_path: Path) -> None:
    tree(tmp_path, "books/a.txt", "elsewhere/b.txt", "books/sub/c.txt")
    (tmp_path / "books/linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "books/sub/up").symlink_to(tmp_path / "books")
    (tmp_path / "elsewhere/self").symlink_to(".")
    (tmp_path / "elsewhere/sub").symlink_to(tmp_path / "books/sub")  # its loop leads through books again
    found = gather([tmp_path / "books"])
    assert names(found) == ["a.txt", "linked/b.txt", "linked/sub/c.txt", "sub/c.txt"]
    assert found[1].path == (tmp_path / "elsewhere/b.txt").resolve()


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
        "none: cannot be read (No such file or directory);",
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
    assert (f"; and {more}." in message) if more else ("more" not in message)


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


def test_odd_names_stay_on_one_line(tmp_path: Path) -> None:
    assert "no\ufffdne\ufffd[31m.txt" in refused(tmp_path / "no\nne\x1b[31m.txt")
    try:
        (tmp_path / os.fsdecode(b"caf\xe9\n.txt")).write_bytes(b"kept")
    except OSError:
        pytest.skip("this file system has no such names")
    (source,) = gather([tmp_path])
    assert source.name == "caf\ufffd\ufffd.txt"
    assert content(source) == b"kept"
    assert source.path
    source.path.write_bytes(b"changed")
    with pytest.raises(CorpusError, match="changed while") as caught:
        content(source)
    line(caught)
    source.path.rename(tmp_path / os.fsdecode(b"a.t\xff"))
    assert "(it holds 1 .t\ufffd file: --glob '*.t?')" in refused(tmp_path)
    assert gather([tmp_path], glob="*.t?")


@needs_fifos
@pytest.mark.parametrize("change", ["grown", "cut", "rewritten"])
@pytest.mark.parametrize("suffix", ["", *PACK])
def test_a_file_that_changes_while_it_is_read(tmp_path: Path, change: str, suffix: str) -> None:
    data = os.urandom(300_000)
    stored = PACK[suffix](data) if suffix else data
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


@packings
@settings(deadline=None, max_examples=40)
@given(st.lists(st.binary(max_size=300), min_size=1, max_size=4), st.integers(1, 400), st.integers(0, 500))
def test_packed_files_of_many_members(suffix: str, members: list[bytes], size: int, start: int) -> None:
    data = b"".join(members)
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder, f"a{suffix}"), b"".join(map(PACK[suffix], members)))
        (source,) = gather([path])
        pieces = list(source.chunks(size))
        assert b"".join(pieces) == data
        assert all(0 < len(piece) <= size for piece in pieces)
        assert source.read_range(start, size) == data[start : start + size]
        assert source.size == path.stat().st_size
        assert source.sha256() == hashlib.sha256(path.read_bytes()).hexdigest()


@packings
def test_packed_files_larger_than_a_piece(tmp_path: Path, suffix: str) -> None:
    data = os.urandom(200_000) + b"\n" * 300_000 + os.urandom(100_000)
    write(tmp_path / f"a{suffix}", PACK[suffix](data) + PACK[suffix](data[::-1]) + b"\0" * 100_000)  # padded
    (source,) = gather([tmp_path / f"a{suffix}"])
    assert content(source) == data + data[::-1]
    assert source.read_range(599_990, 20) == data[-10:] + data[:-11:-1]
    first = PACK[suffix](b"first, ")  # padded so that zeros alone, then the second member, come with a later read
    write(tmp_path / f"b{suffix}", first.ljust((1 << 17) + 5, b"\0") + PACK[suffix](b"second"))
    assert content(gather([tmp_path / f"b{suffix}"])[0]) == b"first, second"


@packings
@pytest.mark.parametrize("plain", [b"", b"\x1f", b"just text, never packed\n", b"BZh is how it begins"])
def test_a_suffix_that_lies(tmp_path: Path, suffix: str, plain: bytes) -> None:
    path = write(tmp_path / f"book.txt{suffix}", plain)
    assert refused(path).startswith(f"{path}: is named {suffix} but does not hold ")


@packings
def test_every_truncation_is_seen(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    stored = PACK[suffix](b"It was the best of times")
    for length in range(10, len(stored)):
        (source,) = gather([write(path, stored[:length])])
        assert "is cut short" in unreadable(source)


@packings
def test_no_damage_gives_another_text(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    first, second = PACK[suffix](b"It was the best of times, "), PACK[suffix](b"it was the worst of times")
    (whole,) = gather([write(path, first + second)])
    text, noticed = content(whole), 0
    for at in range(10, len(first + second)):
        damaged = bytearray(first + second)
        damaged[at] ^= 0x55
        (source,) = gather([write(path, bytes(damaged))])
        try:
            assert content(source) == text  # gzip's header has a date
        except CorpusError as error:
            noticed += "is damaged" in str(error) or "is cut short" in str(error)
    assert noticed > 0.8 * len(damaged)
    (source,) = gather([write(path, first + b"rubbish, not padding")])
    assert "data is damaged after 26 bytes" in unreadable(source)


def write_zeros(path: Path, megabytes: int) -> None:
    with OPEN[path.suffix](path, "wb") as file:
        for _ in range(megabytes):
            file.write(bytes(1 << 20))


@packings
def test_bombs_are_stopped_and_memory_stays_flat(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"zeros{suffix}"
    write_zeros(path, 80)
    (source,) = gather([path])
    (allowed,) = gather([path], max_expansion=1 << 30)  # bzip2 needs 80 bytes for 80 MiB
    tracemalloc.start()
    try:
        with pytest.raises(CorpusError) as caught:
            sum(map(len, source.chunks()))
        assert sum(map(len, allowed.chunks())) == 80 << 20
        assert allowed.read_range(70 << 20, 2) == b"\0\0"
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 48 << 20  # pieces of 4 MiB, and of xz two dictionaries of 8
    packed, unpacked, ratio = re.findall(r"\b\d[\d,]*\b", line(caught).removeprefix(str(path)))
    assert packed == f"{path.stat().st_size:,}"
    assert 64 << 20 < int(unpacked.replace(",", "")) <= 68 << 20
    assert ratio == "200"
    assert "--max-expansion N" in line(caught)


def test_a_small_file_may_expand_as_it_likes(tmp_path: Path) -> None:
    write_zeros(tmp_path / "a.gz", 64)
    (source,) = gather([tmp_path / "a.gz"], max_expansion=1)
    assert sum(map(len, source.chunks())) == 64 << 20


def run(script: str, **stdin: object) -> subprocess.CompletedProcess[bytes]:
    script = f"import sys\nfrom charrnn.text.sources import CorpusError, gather\n{script}"
    return subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60, check=False, **stdin)  # type: ignore[call-overload]


@pytest.mark.parametrize("suffix", ["", *PACK])
def test_standard_input_through_a_pipe(suffix: str) -> None:
    data = os.urandom(1 << 20) * 3
    stored = PACK[suffix](data) if suffix else data
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


@pytest.mark.parametrize("suffix", ["", *PACK])
def test_files_are_closed_at_once(tmp_path: Path, suffix: str, open_files: Callable[[], int]) -> None:
    data = os.urandom(200_000)
    path = write(tmp_path / f"a{suffix}", PACK[suffix](data) if suffix else data)
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
