"""`bench/learning.py --against REV`: whose code runs, and what is told of two sides."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import scripts
from helpers.command_line import SHORT

from charrnn.runs import checkpoint

learning = scripts.load("bench/learning.py")
revision = sys.modules["revision"]
Training = learning.Training

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A package called charrnn, of which the commit says `old` and the working tree `new`."""
    folder = tmp_path / "repository"
    package = folder / "charrnn"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("says = 'old'\n")
    identity = ["-c", "user.name=Someone", "-c", "user.email=someone@example.org", "-c", "commit.gpgsign=false"]
    for command in (["init", "--quiet"], ["add", "."], [*identity, "commit", "--quiet", "-m", "old"]):
        revision.git(*command, folder=folder)
    (package / "__init__.py").write_text("says = 'new'\n")
    return folder


def worktrees(repository: Path) -> int:
    return len(revision.git("worktree", "list", folder=repository).splitlines())


@needs_git
def test_the_code_of_the_revision_runs_wherever_one_stands(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository)
    with revision.checked_out("HEAD", repository) as old:
        new = revision.Code(repository)
        for code, says in ((old, "old"), (new, "new")):
            code.verify()
            assert code.run("-c", "import charrnn; print(charrnn.says)") == f"{says}\n"
        assert new.revision == f"{old.revision}-dirty"
    assert not old.folder.exists()
    assert worktrees(repository) == 1


@needs_git
def test_a_folder_without_the_package_is_told(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "charrnn").mkdir()  # nothing in it: what is installed would run
    with pytest.raises(SystemExit, match="not what lies in"):
        revision.Code(tmp_path).verify()
    with pytest.raises(SystemExit, match="fatal"), revision.checked_out("no-such-revision", repository):
        raise AssertionError
    assert worktrees(repository) == 1


PROGRAM = """
import pathlib, sys, time
from revision import checked_out
with checked_out("HEAD", pathlib.Path(sys.argv[1])) as code:
    print(code.folder, flush=True)
    time.sleep(60)
"""


@needs_git
@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_checkout_is_removed_after_a_signal(repository: Path, number: signal.Signals) -> None:
    environment = os.environ | {"PYTHONPATH": str(scripts.ROOT / "bench")}
    command = [sys.executable, "-c", PROGRAM, str(repository)]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().strip())
        assert (folder / "charrnn").is_dir()
        process.send_signal(number)
        assert process.wait(30) != 0
    assert not folder.exists()
    assert worktrees(repository) == 1


def test_each_seed_is_compared_with_itself_and_counts_with_what_there_was() -> None:
    done = [
        Training("before", "60s", 1, {"carried": 1.5, "cold 256": 1.6}),
        Training("after", "60s", 1, {"carried": 1.25, "cold 256": 1.5, "carried, with counts": 1.0}),
        Training("before", "60s", 2, {"carried": 1.75, "cold 256": 1.5}),
        Training("after", "60s", 2, {"carried": 2.0, "cold 256": 1.5, "carried, with counts": 1.25}),
        Training("before", "60s", 3, {"carried": 9.0, "cold 256": 9.0}),  # interrupted before the other
    ]
    assert learning.gains(done)[1:] == [
        "| 60s | carried | +0.2500, -0.2500 | +0.0000 | -0.2500 | +0.2500 |",
        "| 60s | cold 256 | +0.1000, +0.0000 | +0.0500 | +0.0000 | +0.1000 |",
        "| 60s | carried, with counts | +0.5000, +0.5000 | +0.5000 | +0.5000 | +0.5000 |",
    ]
    assert learning.means(done[:4])[1:] == [
        "| 60s | before | carried | 2 | 1.6250 | 1.5000 | 1.7500 |",
        "| 60s | before | cold 256 | 2 | 1.5500 | 1.5000 | 1.6000 |",
        "| 60s | after | carried | 2 | 1.6250 | 1.2500 | 2.0000 |",
        "| 60s | after | cold 256 | 2 | 1.5000 | 1.5000 | 1.5000 |",
        "| 60s | after | carried, with counts | 2 | 1.1250 | 1.0000 | 1.2500 |",
    ]


def test_counts_on_both_sides_are_compared_with_each_other() -> None:
    before, after = {"carried": 1.5, "carried, with counts": 1.25}, {"carried": 1.5, "carried, with counts": 1.125}
    assert learning.gained(before, after) == {"carried": 0.0, "carried, with counts": 0.125}


def test_what_a_run_reached_is_measured_as_the_training_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(scripts.ROOT / "bench")  # for what it imports only then, since that imports torch
    text = tmp_path / "text.txt"
    text.write_text("She sells sea shells by the sea shore; the shells she sells are sea shells.\n" * 60, "utf-8")
    command = ["-m", "charrnn", "train", str(text), *SHORT, "--iterations", "6", "--name", "shells", "--threads", "1"]
    revision.Code(scripts.ROOT).run(*command, "--checkpoint-dir", str(tmp_path))
    how, losses = learning.measured(tmp_path / "shells", text, dynamic=0.1)
    header = checkpoint.read_header(max((tmp_path / "shells").glob("iteration-*.safetensors")))
    assert how[:2] == ["LSTM 2 x 8, dropout 0", "6"]
    assert losses["carried"] == pytest.approx(header.held_out_loss, rel=1e-3)
    assert header.mixing is not None
    assert losses["carried, with counts"] == pytest.approx(header.mixing.held_out_loss, rel=1e-3)
    assert losses["cold 256, with counts"] < losses["cold 256"]
    assert "dynamic" in losses
