"""`charrnn train --resume` and `--auto-resume`: which text they read, what may be set anew, and how long they go on."""

from __future__ import annotations

import dataclasses
import io
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.command_line import SHORT, CommandLine, latest_snapshot

from charrnn.runs import checkpoint
from charrnn.runs.run import Run

TEXT = "".join(f"{n} ships came in, and {n * n} went out again.\n" for n in range(70))
OPTIONS = (*SHORT, "--iterations", "20", "--snapshot-at", "10", "--eval-every", "0")


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> CommandLine:
    monkeypatch.chdir(tmp_path)
    return CommandLine(monkeypatch, capfdbinary)


@pytest.fixture
def run(command: CommandLine) -> Path:
    """A finished run of a file."""
    Path("ships.txt").write_text(TEXT, "utf-8")
    command.train("ships.txt", "--name", "ships", *OPTIONS)
    return Path("checkpoints", "ships")


def refused(command: CommandLine, *arguments: str | Path, code: int) -> str:
    """What is said by a command that changes no run."""
    before = {path: path.read_bytes() for path in Path("checkpoints").rglob("*") if path.is_file()}
    done = command("train", *arguments)
    assert (done.returncode, done.stdout) == (code, b"")
    assert {path: path.read_bytes() for path in Path("checkpoints").rglob("*") if path.is_file()} == before
    return done.stderr.decode()


def advised(said: str) -> list[list[str]]:
    """The commands in a message, as words."""
    return [shlex.split(found.rstrip("."))[1:] for found in re.findall(r"charrnn train [^;\n]*", said)]


# -- the text --------------------------------------------------------------------------------------------------------


def piped_in(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """`text` is standard input."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


def test_a_text_that_was_piped_in_is_not_read_unasked(command: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("ships.txt").write_text(TEXT, "utf-8")
    piped_in(monkeypatch, TEXT)
    command.train("-", "--name", "piped", *OPTIONS)
    # A loop of the shell, whose lines are its own; the other end of the pipe stays open, so that to read is to wait.
    script = 'while read line; do echo "got $line"; "$1" -m charrnn train --resume piped --iterations 25; done'
    reading, writing = os.pipe()
    os.write(writing, b"one\ntwo\n")
    with subprocess.Popen(
        ["sh", "-c", f"{script} || true", "sh", sys.executable], stdin=reading, stdout=-1, stderr=-1
    ) as shell:
        os.close(reading)
        assert shell.stdout is not None
        assert [shell.stdout.readline(), shell.stdout.readline()] == [b"got one\n", b"got two\n"]
        os.close(writing)
        said = shell.communicate(timeout=60)[1].decode()
    assert said.count("standard input, which is not read again") == 2
    named, piped, *_ = advised(said)
    assert named == ["train", "TEXT", "--resume", "checkpoints/piped", "--iterations", "25"]
    assert piped == ["train", "-", "--resume", "checkpoints/piped", "--iterations", "25"]
    piped_in(monkeypatch, TEXT.replace("1", "2"))
    assert command(*piped).returncode == 1
    piped_in(monkeypatch, TEXT)
    assert command(*piped).returncode == 0
    assert latest_snapshot(Path("checkpoints/piped")).header.iteration == 25
    named[1], named[-1] = "ships.txt", "30"
    assert command(*named).returncode == 0
    assert command("train", "--resume", "piped", "--iterations", "35").returncode == 0, "now it lies in a file"


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
def test_a_piped_training_that_is_stopped_says_that_its_text_is_to_be_given(command: CommandLine) -> None:
    words = [sys.executable, "-m", "charrnn", "train", "-", "--name", "piped", *SHORT, "--iterations", "1000000"]
    with subprocess.Popen(words, stdin=-1, stdout=-1, stderr=-1) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(TEXT.encode())
        process.stdin.close()
        process.stdout.readline()  # of the first snapshot
        process.send_signal(signal.SIGTERM)
        said = process.stderr.read().decode() if process.stderr else ""
    assert process.returncode == 143, said
    assert "go on with: charrnn train TEXT --resume checkpoints/piped\n" in said


def test_a_text_that_was_moved_is_found_where_one_says(command: CommandLine, run: Path) -> None:
    Path("ships.txt").rename("elsewhere.txt")
    said = refused(command, "--resume", run, "--iterations", "25", code=1)
    assert "ships.txt" in said
    [words] = advised(said)
    assert words[:2] == ["train", "TEXT"]
    words[1] = "elsewhere.txt"
    assert command(*words).returncode == 0
    assert command("train", "--resume", run, "--iterations", "30").returncode == 0


def test_another_text_is_refused_with_the_command_that_takes_it(command: CommandLine, run: Path) -> None:
    Path("my other.txt").write_text(TEXT.replace("ships", "boats"), "utf-8")
    said = refused(command, "my other.txt", "--resume", run, "--iterations", "25", code=1)
    assert "is not the text this run was trained on" in said
    [words] = advised(said)
    done = command(*words, "--iterations", "5", "--name", "new", "--threads", "1")
    assert done.returncode == 0, done.stderr


def test_a_folder_that_was_moved_is_read_with_its_pattern(command: CommandLine) -> None:
    Path("books").mkdir()
    Path("books", "a.md").write_text(TEXT, "utf-8")
    Path("books", "b.txt").write_text("not this one", "utf-8")
    command.train("books", "--glob", "*.md", "--name", "books", *OPTIONS)
    Path("books").rename("shelf")
    assert command("train", "shelf", "--resume", "books", "--iterations", "25").returncode == 0


# -- settings --------------------------------------------------------------------------------------------------------


def test_what_changes_no_weight_may_be_set_anew(command: CommandLine, run: Path) -> None:
    command.train("ships.txt", "--name", "same", *OPTIONS)
    command.train("--resume", "same", "--iterations", "40")
    watching = (
        "--snapshot-every",
        "7",
        "--eval-every",
        "5",
        "--sample-length",
        "3",
        "--temperature",
        "0",
        "--prime",
        "a",
    )
    command.train("--resume", run, "--iterations", "40", *watching)
    kept = Run(run).snapshots
    assert [file.header.iteration for file in kept] == [10, 20, 21, 28, 35, 40]
    sample = kept[-1].header.sample
    assert sample is not None
    assert (sample.prime, len(sample.text), sample.temperature) == ("a", 3, 0.0)
    ours, theirs = (checkpoint.load(Path("checkpoints", name, "resume.safetensors")) for name in ("ships", "same"))
    assert {name: array.tobytes() for name, array in ours.tensors.items()} == {
        name: array.tobytes() for name, array in theirs.tensors.items()
    }


def test_what_is_as_it_was_may_be_said(command: CommandLine, run: Path) -> None:
    same = ("--seed", "1", "--preset", "auto", "--precision", "auto", "--learning-rate", "0.0049", "--shift", "16")
    header = latest_snapshot(run).header
    assert header.training.learning_rate == 0.0049
    command.train("ships.txt", "--resume", run, *SHORT, *same, "--name", "ships", "--iterations", "25")


@pytest.mark.parametrize(
    ("options", "named", "kept"),
    [
        (("--rnn-size", "16", "--seed", "2"), r"--rnn-size, --seed: .*\(--rnn-size 8 --seed 1\)", ["--seed", "2"]),
        (("--preset", "large"), "--preset: ", []),
        (("--lowercase",), "--lowercase: ", ["--lowercase"]),
        (("--init-from", "ships"), "--init-from: ", []),
        (("--val-frac", "0.2", "--sample-length", "7"), "--val-frac: ", ["--val-frac", "0.2"]),
    ],
)
def test_other_settings_are_refused_with_what_to_do(
    command: CommandLine, run: Path, options: tuple[str, ...], named: str, kept: list[str]
) -> None:
    said = refused(command, "--resume", run, "--iterations", "30", *options, code=2)
    assert re.match(f"charrnn: {named}", said)
    [again] = advised(said)
    assert again == ["train", "ships.txt", *kept, "--init-from", "checkpoints/ships"]


def test_a_rate_that_goes_by_evaluations_keeps_their_rhythm(command: CommandLine) -> None:
    Path("ships.txt").write_text(TEXT, "utf-8")
    command.train("ships.txt", "--name", "p", *OPTIONS[:-1], "5", "--decay", "plateau")
    said = refused(command, "--resume", "p", "--iterations", "30", "--eval-every", "6", code=2)
    assert "--eval-every: the learning rate of checkpoints/p goes by its evaluations" in said
    command.train("--resume", "p", "--iterations", "30", "--eval-every", "5", "--snapshot-every", "3")


# -- lengths ---------------------------------------------------------------------------------------------------------


def test_a_finished_run_is_lengthened_and_says_what_its_rate_does(command: CommandLine, run: Path) -> None:
    said = refused(command, "--resume", run, code=2)
    [words] = advised(said)
    assert words == ["train", "--resume", "checkpoints/ships", "--iterations", "40"]
    done = command(*words)
    assert done.returncode == 0
    assert b"the learning rate goes back to 0.0049 and falls once more, until iteration 40" in done.stderr
    assert latest_snapshot(run).header.iteration == 40
    for option, value in (("--iterations", "39"), ("--time", "0.001"), ("--max-epochs", "0.01")):
        refused(command, "--resume", run, option, value, code=2)
    said = command.train("--resume", run, "--max-epochs", "2")
    header = latest_snapshot(run).header
    per_epoch = checkpoint.read_header(run / "resume.safetensors").progress["per_epoch"]
    assert header.iteration == 2 * per_epoch
    assert "for 2.0 epochs" in said or "(2.0 epochs)" in said


def test_a_finished_run_goes_on_for_a_time(command: CommandLine, run: Path) -> None:
    elapsed = checkpoint.read_header(run / "resume.safetensors").progress["elapsed"]
    said = command.train("--resume", run, "--time", f"{elapsed + 0.5:.2f}s")
    assert "the learning rate goes back to 0.0049 and falls once more, over the time that is left" in said
    header = checkpoint.read_header(run / "resume.safetensors")
    assert header.iteration > 40
    assert header.training.time == pytest.approx(elapsed + 0.5, abs=0.01)
    assert "is complete at iteration" in refused(command, "--resume", run, code=2)


def test_less_time_than_is_gone_is_said_to_be(command: CommandLine, run: Path) -> None:
    said = refused(command, "--resume", run, "--time", "0.001s", code=2)
    assert re.search(
        r"ships: has trained for \d+ s already\. --time is that of all sessions together, give more: ", said
    )
    [again] = advised(said)
    command.train(*again[1:])


def test_a_run_that_ended_early_says_so(command: CommandLine) -> None:
    Path("ships.txt").write_text(TEXT, "utf-8")
    # So low a rate changes no weight, and no evaluation is better than the first.
    frozen = ("--learning-rate", "1e-30", "--patience", "1", "--eval-every", "2")
    command.train("ships.txt", "--name", "early", *OPTIONS[:-2], *frozen, "--dropout", "0")
    header = checkpoint.read_header(Path("checkpoints/early/resume.safetensors"))
    assert header.progress["stopped"]
    said = refused(command, "--resume", "early", code=2)
    assert f"is complete at iteration {header.iteration}, ended early" in said
    command.train("--resume", "early", "--patience", "0")
    assert latest_snapshot(Path("checkpoints/early")).header.iteration == 20


def test_a_length_behind_an_unfinished_run_is_no_completion(command: CommandLine, run: Path) -> None:
    saved = checkpoint.load(run / "resume.safetensors")
    header = dataclasses.replace(saved.header, training=dataclasses.replace(saved.header.training, iterations=50))
    checkpoint.save(run / "resume.safetensors", header, saved.tensors)
    said = refused(command, "--resume", run, "--iterations", "15", code=2)
    assert "has trained 20 iterations already" in said
    command.train("--resume", run, "--iterations", "21")


def test_a_resume_file_that_says_nothing_is_refused(command: CommandLine, run: Path) -> None:
    saved = checkpoint.load(run / "resume.safetensors")
    checkpoint.save(run / "resume.safetensors", dataclasses.replace(saved.header, progress={}), saved.tensors)
    assert "is complete at iteration 20" in refused(command, "--resume", run, code=2)
    assert "cannot be resumed" in refused(command, "ships.txt", "--resume", run, "--iterations", "30", code=1)
    assert "TEXT" in refused(command, "--resume", run, "--iterations", "30", code=2)


def test_a_resume_file_that_says_nonsense_is_refused_with_what_is_left(command: CommandLine, run: Path) -> None:
    saved = checkpoint.load(run / "resume.safetensors")
    progress = {"stopped": "no", "elapsed": None, "origin": 3}
    checkpoint.save(run / "resume.safetensors", dataclasses.replace(saved.header, progress=progress), saved.tensors)
    for arguments in ((), ("--iterations", "30")):
        said = refused(command, "ships.txt", "--resume", run, *arguments, code=1)
        assert "is a damaged charrnn checkpoint" in said
        assert "Its newest whole snapshot is of iteration 20." in said
        assert advised(said)[-1][-2:] == ["--init-from", f"{run}/iteration-000020.safetensors"]


# -- the same command again ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["ships.txt", "no-such.txt"])
def test_the_same_command_again_says_what_resumes_before_it_reads(command: CommandLine, run: Path, text: str) -> None:
    said = refused(command, text, "--name", "ships", *OPTIONS, code=1)
    assert "checkpoints/ships: this run exists" in said
    assert advised(said) == [["train", "--resume", "checkpoints/ships"]]


def test_auto_resume_begins_goes_on_and_is_done(command: CommandLine) -> None:
    Path("ships.txt").write_text(TEXT, "utf-8")
    Path("checkpoints", "job").mkdir(parents=True)  # killed before it kept anything
    Path("checkpoints", "job", "metrics.jsonl").touch()
    again = ("ships.txt", "--name", "job", "--auto-resume", *OPTIONS)
    command.train(*again)
    assert latest_snapshot(Path("checkpoints/job")).header.iteration == 20
    Path("ships.txt").rename("gone.txt")
    said = refused(command, *again, code=0)
    assert said == "charrnn: checkpoints/job: is complete at iteration 20.\n"
    Path("gone.txt").rename("ships.txt")
    assert "--seed: a resumed run keeps" in refused(command, *again, "--seed", "3", code=2)
    assert "--stateless: a resumed run keeps its settings. " in refused(command, *again, "--stateless", code=2)
    command.train(*again, "--iterations", "30")
    assert latest_snapshot(Path("checkpoints/job")).header.iteration == 30
    began = ("ships.txt", "--name", "fine", "--auto-resume", "--init-from", "job", "--max-epochs", "0.5")
    command.train(*began, *SHORT[4:])
    assert "is complete" in refused(command, *began, *SHORT[4:], code=0)


def test_a_complete_run_of_another_text_is_not_taken_for_the_one_meant(command: CommandLine, run: Path) -> None:
    again = ("--name", "ships", "--auto-resume", *OPTIONS)
    Path("other.txt").write_text(TEXT + "The end.\n", "utf-8")
    Path("same.txt").write_text(TEXT, "utf-8")
    assert "is not the text this run was trained on (ships.txt" in refused(command, "other.txt", *again, code=1)
    assert "is complete at iteration 20" in refused(command, "same.txt", *again, code=0)
    said = refused(command, "ships.txt", *again, "--val-text", "other.txt", code=1)
    assert "--val-text other.txt: this run holds out a part of its own text. Leave it out" in said
