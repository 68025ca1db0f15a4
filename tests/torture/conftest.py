"""A process that forks commands in which calls of the system may fail, and a training to which nothing happened."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers.forking import SHIPS, Server
from helpers.kept import Reference
from helpers.system_calls import Commands, commands, train_command

from charrnn.runs.run import Run

DAMAGED = ("resume.safetensors", "iteration-000012.safetensors")


@pytest.fixture(scope="session")
def command(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    with commands(tmp_path_factory.mktemp("library")) as started:
        yield started


@pytest.fixture(scope="session")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text(SHIPS, "utf-8")
    return path


@pytest.fixture(scope="session")
def reference(command: Commands, text: Path, tmp_path_factory: pytest.TempPathFactory) -> Reference:
    root = tmp_path_factory.mktemp("reference") / "runs"
    ended = command(*train_command(text, root, "one"), watched=root.parent)
    assert ended.code == 0, ended.err
    return Reference(Run(root / "one"), ended.counts)


@pytest.fixture(scope="session")
def damaged(reference: Reference, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run in a directory, where its resume file and its last snapshot are damaged."""
    root = tmp_path_factory.mktemp("damaged") / "runs"
    shutil.copytree(reference.run.path.parent, root)
    for name in DAMAGED:
        path = root / "one" / name
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    return root


@pytest.fixture(scope="session")
def fallen_back(command: Commands, damaged: Path, tmp_path_factory: pytest.TempPathFactory) -> Reference:
    """What comes of it where nothing happens: it goes on from the snapshot of 8."""
    root = tmp_path_factory.mktemp("fallen-back") / "runs"
    shutil.copytree(damaged, root)
    ended = command("train", "--resume", root / "one", watched=root.parent)
    assert ended.code == 0, ended.err
    assert "the newest whole snapshot, of iteration 8. " in ended.err
    before = frozenset((damaged / "one" / name).read_bytes() for name in DAMAGED)
    return Reference(Run(root / "one"), ended.counts, before)


@pytest.fixture(scope="module")
def server(forks: Server, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A server of processes in a directory of the module's own, with a text in it."""
    where: Path = tmp_path_factory.mktemp("processes")
    (where / "ships.txt").write_text(SHIPS, "utf-8")
    return forks.within(where)


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a disk in memory with the options given, or mounts it anew; skips the test where that is not allowed."""
    disk = tmp_path / "disk"
    disk.mkdir()

    def mount(options: str) -> Path:
        if shutil.which("mount") is None or getattr(os, "geteuid", lambda: 1)() != 0:
            pytest.skip("only root mounts disks")
        again = "remount," if os.path.ismount(disk) else ""
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", again + options, "tmpfs", disk], capture_output=True)
        if done.returncode and not again:
            pytest.skip(f"a disk cannot be mounted: {done.stderr.decode().strip()}")
        assert done.returncode == 0, done.stderr
        return disk

    yield mount
    if os.path.ismount(disk):
        subprocess.run(["umount", "--lazy", disk], check=True)
