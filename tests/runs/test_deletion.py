"""What is deleted of a run, and what is not."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import tiny
from safetensors.numpy import save_file

from charrnn.errors import RunError
from charrnn.runs import deletion
from charrnn.runs.lock import RunLock
from charrnn.runs.run import Run


def test_all_that_a_training_writes_is_deleted(tmp_path: Path) -> None:
    path = tiny.run(tmp_path, "novel", {10: 3.0, 1_000_000: 2.0})
    (path / "tensorboard").mkdir()
    for name in ("resume.safetensors", "samples.md", ".resume.safetensors.x1.tmp", "tensorboard/events.out.tfevents.1"):
        (path / name).touch()
    deletion.check(Run(path))
    assert deletion.delete(Run(path)) == []
    assert not path.exists()


def test_what_others_put_there_is_kept(tmp_path: Path) -> None:
    path = tiny.run(tmp_path, "novel", {10: 3.0})
    for name in ("notes.txt", "best.safetensors", "iteration-000010.safetensors.bak", ".notes.txt.tmp"):
        (path / name).write_text("mine")
    (path / "samples.md").mkdir()
    kept = [".notes.txt.tmp", "best.safetensors", "iteration-000010.safetensors.bak", "notes.txt", "samples.md"]
    assert deletion.delete(Run(path)) == kept
    assert sorted(os.listdir(path)) == kept


def test_a_damaged_run_can_be_deleted(tmp_path: Path) -> None:
    path = tiny.run(tmp_path, "novel", {10: 3.0})
    (path / "iteration-000010.safetensors").write_bytes(b"half")
    deletion.check(Run(path))
    (path / "metrics.jsonl").unlink()
    with pytest.raises(RunError, match="is no run of charrnn's"):
        deletion.check(Run(path))


def test_another_programs_directory_is_no_run(tmp_path: Path) -> None:
    save_file({"weight": np.zeros(3, dtype=np.float32)}, tmp_path / "iteration-1.safetensors")
    with pytest.raises(RunError, match="is no run of charrnn's"):
        deletion.check(Run(tmp_path))


def test_a_run_that_is_being_trained_is_kept(tmp_path: Path) -> None:
    path = tiny.run(tmp_path, "novel", {10: 3.0})
    with RunLock(Run(path), warn=pytest.fail):
        for delete in (deletion.check, deletion.delete):
            with pytest.raises(RunError, match=f"is being trained by process {os.getpid()} on "):
                delete(Run(path))
    assert (path / "iteration-000010.safetensors").exists()
    (path / ".lock").write_text("of a killed process")
    deletion.check(Run(path))
    assert deletion.delete(Run(path)) == []
    assert not path.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="links need privileges there")
def test_what_a_link_in_a_run_leads_to_is_anothers(tmp_path: Path) -> None:
    path = tiny.run(tmp_path, "novel", {10: 3.0})
    (tmp_path / "elsewhere").mkdir()
    others = [tmp_path / "elsewhere" / name for name in ("events.out.tfevents.1", "iteration-000010.safetensors")]
    for other in others:
        other.write_text("mine")
    (path / "tensorboard").symlink_to(tmp_path / "elsewhere")
    (path / "iteration-000020.safetensors").symlink_to(others[1])
    assert deletion.delete(Run(path)) == ["tensorboard"]
    assert [other.read_text() for other in others] == ["mine", "mine"]


def test_the_working_directory_can_be_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tiny.run(tmp_path, "novel", {10: 3.0})
    monkeypatch.chdir(path)
    if sys.platform == "win32":
        with pytest.raises(RunError, match="cannot be deleted"):
            deletion.delete(Run(Path()))
    else:
        assert deletion.delete(Run(Path())) == []
        assert not path.exists()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    path = tiny.run(tmp_path, "novel", {10: 3.0})
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(RunError, match="is a link to"):
        deletion.check(Run(tmp_path / "link"))
    assert (path / "iteration-000010.safetensors").exists()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may delete anything")
def test_what_cannot_be_deleted_is_named(tmp_path: Path) -> None:
    path = tiny.run(tmp_path, "novel", {10: 3.0})
    path.chmod(0o500)
    try:
        with pytest.raises(RunError, match="cannot be deleted"):
            deletion.delete(Run(path))
    finally:
        path.chmod(0o700)
