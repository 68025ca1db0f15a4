from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from charrnn import files


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


@pytest.mark.skipif(os.name != "posix", reason="limits the size of files as POSIX does")
def test_what_cannot_be_appended_is_not_there_by_half(tmp_path: Path) -> None:
    """A limit on the size of a file stands for a full disk: what fits is written before it fails."""
    script = """if True:
        import pathlib, resource, signal
        from charrnn import files
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        path = pathlib.Path("a")
        files.append_to_file(path, bytes(60))
        try:
            files.append_to_file(path, bytes(60))
        except OSError as error:
            print(error.errno, path.stat().st_size)
        files.append_to_file(path, bytes(40))
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
