"""A run whose resume file cannot be used, nor a snapshot in its place: what is left of it is named."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from helpers import telling

from charrnn.errors import CharrnnError
from charrnn.runs import checkpoint
from charrnn.runs.run import Run
from charrnn.training.resumption import Resumption


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    return Run(telling.run(Path("checkpoints"), "odd"))


def files_of(run: Run) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in run.path.iterdir() if path.is_file()}


def refused(run: Run) -> str:
    before = files_of(run)
    with pytest.raises(CharrnnError) as caught:
        Resumption.of(Run(run.path), {}, pytest.fail)
    assert "\n" not in str(caught.value)
    assert files_of(run) == before
    return str(caught.value)


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def test_what_others_put_in_its_place_is_no_resume_file(run: Run) -> None:
    damage(run.snapshot_path(500))
    run.resume_path.unlink()
    run.resume_path.symlink_to("resume.safetensors")
    assert "--init-from" in refused(run)
    run.resume_path.unlink()
    run.resume_path.mkdir()
    said = refused(run)
    assert "newest whole snapshot is of iteration 300." in said
    assert said.endswith("charrnn train TEXT --iterations 200 --init-from checkpoints/odd/iteration-000300.safetensors")


def test_without_weights_nothing_is_begun_from_them(run: Run) -> None:
    run.resume_path.unlink()
    for snapshot in run.snapshots:
        damage(snapshot.path)
    said = refused(run)
    assert said.startswith(f"{run.resume_path}: is missing, and no trained snapshot of the run is whole.")
    assert "--init-from" not in said
    assert said.endswith("charrnn train TEXT --name odd")
    for snapshot in run.snapshots:
        snapshot.path.unlink()
    assert "--init-from" not in refused(run)


def test_a_copy_under_another_name_is_named_only(run: Run) -> None:
    """Whose it is nobody knows."""
    run.resume_path.unlink()
    run.snapshot_path(500).rename(run.path / "mine.safetensors")
    for iteration in (100, 300):
        run.snapshot_path(iteration).unlink()
    assert refused(run).endswith("--init-from checkpoints/odd/mine.safetensors")


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"format": 2}, "has format 2; this charrnn reads format 1; this run cannot be resumed."),
        ({"later": "x"}, "has 'later': written by a newer charrnn?"),
        ({"iteration": -3}, "iteration"),
    ],
)
def test_a_file_that_is_as_it_was_written_is_not_given_up(run: Run, changes: dict[str, object], cause: str) -> None:
    """Another charrnn may understand it; the same words in a file whose checksum is another are damage."""
    whole = checkpoint.load(run.resume_path)

    class Written:
        def to_json(self) -> str:
            return json.dumps(json.loads(whole.header.to_json()) | changes, sort_keys=True, separators=(",", ":"))

    checkpoint.save(run.resume_path, Written(), whole.tensors)  # type: ignore[arg-type]
    said = refused(run)
    assert cause in said
    assert said.endswith("--init-from checkpoints/odd/iteration-000500.safetensors")
    damage(run.resume_path)
    with Resumption.of(Run(run.path), {}, pytest.fail) as going_on:
        assert going_on.fallback is not None
        assert going_on.checkpoint.header.iteration == 500


def test_a_snapshot_in_its_place_is_not_resumed(run: Run) -> None:
    run.resume_path.write_bytes(run.snapshot_path(300).read_bytes())
    assert f"{run.resume_path}: is a snapshot, which cannot be resumed" in refused(run)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become somebody else")
def test_a_file_that_may_be_whole_is_not_given_up(run: Run, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    run.path.chmod(0o777)
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
    assert said.startswith(f"{run.resume_path}: cannot be read (Permission denied).")


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="a file that cannot be read, as Linux has it")
def test_a_disk_that_does_not_answer_is_no_damage(run: Run) -> None:
    run.resume_path.unlink()
    run.resume_path.symlink_to("/proc/self/mem")  # a regular file whose first byte is an I/O error
    with pytest.raises(CharrnnError) as caught:
        Resumption.of(Run(run.path), {}, pytest.fail)
    assert str(caught.value).startswith(f"{run.resume_path}: cannot be read (Input/output error).")
    assert "init-from" not in str(caught.value)
