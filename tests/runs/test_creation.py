"""New runs: names that are free, taken, or none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from helpers import tiny

from charrnn.errors import RunError
from charrnn.runs.creation import create_run, discard, require_new, require_writable
from charrnn.runs.lock import LOCK
from charrnn.runs.run import Run


def test_new_runs_get_the_first_free_number_and_a_readable_name(tmp_path: Path) -> None:
    root = tmp_path / "deep" / "checkpoints"
    assert create_run(root, None, "War & Peace").name == "war-peace-1"
    assert create_run(root, None, "War & Peace").name == "war-peace-2"
    assert create_run(root, None, "///").name == "run-1"
    assert create_run(root, "mine", "x").metrics_path.exists()


def test_what_a_training_left_that_ended_before_its_first_save_is_no_run(tmp_path: Path) -> None:
    run = create_run(tmp_path, "mine", "x")
    (run.path / LOCK).write_text("{}", "utf-8")  # killed
    (run.path / ".resume.safetensors.0a1b2c3d.tmp").write_bytes(b"by half")  # while it saved
    assert create_run(tmp_path, "mine", "x") == run
    assert not list(run.path.glob(".*.tmp"))
    (run.path / "notes.txt").touch()  # a directory of someone else's
    with pytest.raises(RunError, match="exists"):
        create_run(tmp_path, "mine", "x")
    (run.path / "notes.txt").unlink()
    run.append_metrics({"iteration": 10})
    with pytest.raises(RunError, match=r"exists, and has nothing that a training could go on from\. Choose another"):
        create_run(tmp_path, "mine", "x")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/a"])
def test_names_that_are_no_directory_names(tmp_path: Path, name: str) -> None:
    with pytest.raises(RunError, match="plain directory name"):
        create_run(tmp_path, name, "x")


def test_a_root_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="cannot be written"):
        create_run(tmp_path / "file" / "checkpoints", None, "x")


def test_a_name_that_is_taken_is_told_with_the_command_that_goes_on(tmp_path: Path) -> None:
    run = Run(tiny.run(tmp_path, "mine", {100: 3}))
    wanted = r"mine: this run exists\. Go on with it: charrnn train --resume \S*mine; or choose another --name\."
    for refused in (lambda: require_new(run), lambda: create_run(tmp_path, "mine", "x")):
        with pytest.raises(RunError, match=wanted):
            refused()
    require_new(Run(tmp_path / "free"))


def test_a_place_that_cannot_be_written_is_found_out_and_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for root in (tmp_path / "file", tmp_path / "file" / "deep" / "checkpoints"):
        with pytest.raises(RunError, match=r"cannot be written .* Choose another --checkpoint-dir\."):
            require_writable(root)
    require_writable(tmp_path)
    require_writable(tmp_path / "deep" / "checkpoints")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_what_is_discarded_leaves_its_name_free_and_others_files_alone(tmp_path: Path) -> None:
    run = create_run(tmp_path, "mine", "x")
    discard(run)
    assert not run.path.exists()
    run.path.mkdir()
    (run.path / "notes.txt").touch()
    create_run(tmp_path, "mine", "x", unfinished=True)
    (run.path / ".resume.safetensors.0a1b2c3d.tmp").touch()
    discard(run)
    assert [path.name for path in run.path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("target", ["empty.txt", "missing.txt"])
def test_metrics_are_not_begun_through_a_link(tmp_path: Path, target: str) -> None:
    (tmp_path / "empty.txt").touch()
    link = tmp_path / "mine" / "metrics.jsonl"
    link.parent.mkdir()
    link.symlink_to(tmp_path / target)
    with pytest.raises(RunError, match=r"metrics\.jsonl: cannot be written \(Is a link\)"):
        create_run(tmp_path, "mine", "x", unfinished=True)
    assert link.readlink() == tmp_path / target  # another's, which stays
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty.txt", "mine"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="makes pipes as POSIX does")
def test_a_pipe_is_no_empty_file_of_a_training(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    os.mkfifo(tmp_path / "mine" / "metrics.jsonl")
    with pytest.raises(RunError, match="exists"):
        create_run(tmp_path, "mine", "x")
