"""A run whose resume file is missing or damaged: what is left of it is named, with a command that can be pasted."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest
from helpers import telling
from helpers.command_line import SHORT, CommandLine

from charrnn.errors import CharrnnError
from charrnn.runs import checkpoint
from charrnn.runs.run import Run
from charrnn.training.resumption import Resumption


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    return Run(telling.run(Path("checkpoints"), "odd"))


def refused(run: Run) -> str:
    with pytest.raises(CharrnnError) as caught:
        Resumption.of(Run(run.path), {}, pytest.fail)
    assert "\n" not in str(caught.value)
    assert not (run.path / ".lock").exists()
    return str(caught.value)


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def test_a_missing_resume_file_names_the_newest_whole_snapshot(run: Run) -> None:
    run.resume_path.unlink()
    damage(run.snapshot_path(500))
    said = refused(run)
    assert said.startswith(f"{run.resume_path}: is missing; this run cannot be resumed.")
    assert "newest whole snapshot is of iteration 300." in said
    assert said.endswith("charrnn train TEXT --iterations 200 --init-from checkpoints/odd/iteration-000300.safetensors")


def test_a_damaged_one_may_tell_where_the_text_is(run: Run) -> None:
    damage(run.resume_path)
    said = refused(run)
    assert f"{run.resume_path}: its checksum does not match" in said
    assert "charrnn train checkpoints/odd.txt --init-from " in said
    assert "--init-from checkpoints/odd/iteration-000500.safetensors" in said
    run.resume_path.write_bytes(run.resume_path.read_bytes()[:100])
    assert "charrnn train TEXT " in refused(run)


def test_what_others_put_in_its_place_is_no_resume_file(run: Run) -> None:
    run.resume_path.unlink()
    run.resume_path.symlink_to("resume.safetensors")
    assert "--init-from" in refused(run)
    run.resume_path.unlink()
    run.resume_path.mkdir()
    assert "--init-from" in refused(run)


def test_without_weights_nothing_is_begun_from_them(run: Run) -> None:
    run.resume_path.unlink()
    for snapshot in run.snapshots:
        damage(snapshot.path)
    said = refused(run)
    assert "--init-from" not in said
    assert said.endswith("charrnn train TEXT --name odd")
    for snapshot in run.snapshots:
        snapshot.path.unlink()
    assert "--init-from" not in refused(run)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become somebody else")
def test_a_file_that_may_be_whole_is_not_given_up(run: Run, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    run.resume_path.chmod(0)
    reader, writer = os.pipe()
    if (pid := os.fork()) == 0:
        try:
            os.setuid(65534)
            with pytest.raises(CharrnnError) as caught:
                Resumption.of(Run(run.path), {}, lambda _: None)
            os.write(writer, str(caught.value).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        said = answer.read()
    os.waitpid(pid, 0)
    assert "init-from" not in said
    assert "Permission denied" in said or "cannot be" in said


def test_the_command_can_be_pasted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.chdir(tmp_path)
    line = CommandLine(monkeypatch, capfdbinary)
    Path("our ships.txt").write_text("".join(f"{n} ships came in, and {n * n} went out again.\n" for n in range(60)))
    line.train("our ships.txt", "--name", "it's", *SHORT, "--iterations", "6", "--snapshot-at", "3", "--lowercase")
    run = Run(Path("checkpoints/it's"))
    damage(run.resume_path)
    for goes_on in (("--resume", "it's"), ("our ships.txt", "--name", "it's", "--auto-resume")):
        done = line("train", *goes_on)
        assert done.returncode == 1
    command = done.stderr.decode().strip().rpartition("new run: ")[2]
    assert "--lowercase" in command
    said = line.train(*shlex.split(command)[2:], "--batch-size", "4", "--iterations", "2", "--sample-length", "5")
    assert "network from checkpoints/it's/iteration-000006.safetensors" in said
    assert checkpoint.load(Path("checkpoints/our-ships-1/resume.safetensors")).header.began_from["iteration"] == 6
