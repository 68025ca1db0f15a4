from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from charrnn import files
from charrnn.runs.appending import append_lines


def test_places_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CHARRNN_CACHE_DIR", str(tmp_path / "a"))
    monkeypatch.setenv("CHARRNN_DATA_DIR", str(tmp_path / "b"))
    assert (files.cache_dir(), files.data_dir()) == (tmp_path / "a", tmp_path / "b")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="names the places of Linux")
def test_else_they_are_the_users(tmp_path: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "XDG_CACHE_HOME": str(tmp_path / "c"),
        "CHARRNN_DATA_DIR": "",  # as good as not set
    }
    script = "from charrnn import files; print(files.cache_dir(), files.data_dir())"
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(tmp_path / "c" / "charrnn"), str(tmp_path / ".local" / "share" / "charrnn")]
    assert list(tmp_path.iterdir()) == []


def fail(monkeypatch: pytest.MonkeyPatch, times: int, code: int = errno.EACCES) -> list[str]:
    """Let os.replace fail so often, as it does while a virus scanner has the file."""
    replace, failed = os.replace, list[str]()

    def failing(source: str, target: Path) -> None:
        if len(failed) < times:
            failed.append(source)
            raise OSError(code, os.strerror(code), source)
        replace(source, target)

    monkeypatch.setattr(os, "replace", failing)
    return failed


def test_a_file_that_another_program_holds_is_replaced_a_little_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_bytes(b"before")
    failed = fail(monkeypatch, 5)
    files.replace_file(tmp_path / "a", b"after")
    assert len(failed) == 5
    assert (tmp_path / "a").read_bytes() == b"after"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize(("code", "again"), [(errno.EACCES, True), (errno.EBUSY, True), (errno.ENOSPC, False)])
def test_what_cannot_be_replaced_is_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, again: bool
) -> None:
    monkeypatch.setattr(files, "_PATIENCE", 0.1)
    (tmp_path / "a").write_bytes(b"before")
    failed = fail(monkeypatch, 10**6, code)
    with pytest.raises(OSError, match=re.escape(os.strerror(code))):
        files.replace_file(tmp_path / "a", b"after")
    assert (len(failed) > 1) == again
    assert (tmp_path / "a").read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("write", [files.replace_file, append_lines])
def test_what_closing_tells_was_not_written_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path, bytes], None]
) -> None:
    """As remote disks and those with quotas do. The file is closed all the same."""

    class Full(io.FileIO):
        def close(self) -> None:
            if not self.closed:
                super().close()
                raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    (tmp_path / "a").write_bytes(b"before\n")
    with monkeypatch.context() as patched:
        patched.setattr(os, "fdopen", lambda descriptor, mode, **_: Full(descriptor, mode))
        with pytest.raises(OSError, match=re.escape(os.strerror(errno.EDQUOT))):
            write(tmp_path / "a", b"after\n")
    assert (tmp_path / "a").read_bytes() == b"before\n"
    assert os.listdir(tmp_path) == ["a"]
    write(tmp_path / "a", b"after\n")
    assert (tmp_path / "a").read_bytes() in (b"after\n", b"before\nafter\n")


posix = pytest.mark.skipif(os.name != "posix", reason="permissions and links of POSIX")


@posix
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_files_have_the_permissions_that_the_umask_leaves(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        files.replace_file(tmp_path / "replaced", b"")
        append_lines(tmp_path / "appended", b"")
        os.close(files.open_own(tmp_path / "opened"))
        files.make_directory(tmp_path / "a" / "b")
    finally:
        os.umask(before)
    for name in ("replaced", "appended", "opened"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == mode, name
    for directory in (tmp_path / "a", tmp_path / "a" / "b"):
        assert stat.S_IMODE(directory.stat().st_mode) & 0o777 & umask == 0


@posix
def test_a_file_that_is_replaced_keeps_its_permissions(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"before")
    (tmp_path / "a").chmod(0o640)
    files.replace_file(tmp_path / "a", b"after")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640
    assert (tmp_path / "a").read_bytes() == b"after"


@posix
@pytest.mark.skipif(getattr(os, "geteuid", lambda: 1)() != 0, reason="only root gives files away")
def test_what_root_replaces_stays_its_owners(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"before")
    os.chown(tmp_path / "a", 65534, 65534)
    files.replace_file(tmp_path / "a", b"after")
    assert ((tmp_path / "a").stat().st_uid, (tmp_path / "a").stat().st_gid) == (65534, 65534)


@posix
def test_what_a_link_leads_to_is_never_written(tmp_path: Path) -> None:
    (tmp_path / "letter").write_bytes(b"dear\n")
    for name in ("replaced", "appended", "dangling"):
        (tmp_path / name).symlink_to("nowhere" if name == "dangling" else "letter")
    files.replace_file(tmp_path / "replaced", b"new")
    for name in ("appended", "dangling"):
        with pytest.raises(OSError, match="Is a link"):
            append_lines(tmp_path / name, b"new\n")
    assert (tmp_path / "letter").read_bytes() == b"dear\n"
    assert not (tmp_path / "replaced").is_symlink()
    assert not (tmp_path / "nowhere").exists()


@posix
def test_a_pipe_is_not_written_to(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="Not a regular file"):
        append_lines(tmp_path / "pipe", b"new\n")


@pytest.mark.parametrize("name", ["a" * 250, "é" * 120, "." * 3])
def test_a_name_may_be_as_long_as_names_may_be(tmp_path: Path, name: str) -> None:
    files.replace_file(tmp_path / name, b"data")
    assert os.listdir(tmp_path) == [name]


@posix
@pytest.mark.parametrize(("code", "fails"), [(errno.EINVAL, False), (errno.EIO, True), (errno.ENOSPC, True)])
def test_only_where_directories_cannot_be_synchronised_is_that_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, fails: bool
) -> None:
    fsync = os.fsync

    def failing(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(code, os.strerror(code))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(OSError, match=re.escape(os.strerror(code))) if fails else contextlib.nullcontext():
        files.replace_file(tmp_path / "a", b"after")
    assert (tmp_path / "a").read_bytes() == b"after"


@pytest.mark.parametrize(
    ("before", "after"),
    [(b"", b"new\n"), (b"a\n", b"a\nnew\n"), (b"a\nhalf", b"a\nhalf\nnew\n"), (b"\0", b"\0\nnew\n")],
)
def test_a_line_that_was_left_by_half_does_not_spoil_the_next(tmp_path: Path, before: bytes, after: bytes) -> None:
    (tmp_path / "a").write_bytes(before)
    append_lines(tmp_path / "a", b"new\n")
    assert (tmp_path / "a").read_bytes() == after


@pytest.mark.skipif(os.name != "posix", reason="limits the size of files as POSIX does")
def test_what_cannot_be_appended_is_not_there_by_half(tmp_path: Path) -> None:
    """A limit on the size of a file stands for a full disk: what fits is written before it fails."""
    script = """if True:
        import pathlib, resource, signal
        from charrnn.runs.appending import append_lines
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        path = pathlib.Path("a")
        append_lines(path, bytes(59) + b'\\n')
        try:
            append_lines(path, bytes(60))
        except OSError as error:
            print(error.errno, path.stat().st_size)
        append_lines(path, bytes(40))
        print(path.stat().st_size)
    """
    environment = os.environ | {"PYTHONPATH": str(Path(files.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [str(errno.EFBIG), "60", "100"]


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    ours = [".metrics.jsonl.a1b2.tmp", ".iteration-000100.safetensors.x_y.tmp"]
    others = [".notes.txt.a1b2.tmp", "metrics.jsonl", "iteration-000100.safetensors.tmp", ".hidden"]
    for name in ours + others:
        (tmp_path / name).touch()
    files.remove_temporary(tmp_path, ("metrics.jsonl", "iteration-*.safetensors"))
    assert sorted(os.listdir(tmp_path)) == sorted(others)


@pytest.mark.skipif(os.name != "posix", reason="makes pipes as POSIX does")
def test_only_regular_files_are_opened_and_nothing_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"here")
    (tmp_path / "link").symlink_to("file")
    for name in ("file", "link"):
        with files.open_regular(tmp_path / name) as file:
            assert file.read() == b"here"
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zeros").symlink_to("/dev/zero")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "directory").mkdir()
    before = set(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else set()
    whys = {
        "pipe": "Not a regular file",
        "zeros": "Not a regular file",
        "loop": os.strerror(errno.ELOOP),
        "directory": os.strerror(errno.EISDIR),
        "missing": os.strerror(errno.ENOENT),
    }
    for name, why in whys.items():
        with pytest.raises(OSError, match=re.escape(why)):
            files.open_regular(tmp_path / name)
    if before:
        assert len(os.listdir("/proc/self/fd")) == len(before)


def test_what_killed_processes_left_is_removed_and_what_is_being_written_is_not(tmp_path: Path) -> None:
    (tmp_path / ".a.txt.0123abcd.tmp").write_bytes(b"half")
    (tmp_path / ".b.txt.0123abcd.tmp").write_bytes(b"half")
    (tmp_path / ".hidden").write_bytes(b"of somebody else")
    with files.replacing(tmp_path / "a.txt") as file:
        file.write(b"whole")
        files.remove_temporary(tmp_path)
        assert len(list(tmp_path.iterdir())) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == [".hidden", "a.txt"]
    assert (tmp_path / "a.txt").read_bytes() == b"whole"
