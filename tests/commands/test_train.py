"""`charrnn train` as people meet it: real processes, real signals, a real terminal, and what goes wrong."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.forking import ENVIRONMENT, Process, Server
from helpers.trainings import CAPABILITIES, pretend_capabilities
from typer.testing import CliRunner

from charrnn.commands import training_run
from charrnn.commands.app import app
from charrnn.commands.main import main
from charrnn.commands.train import train
from charrnn.config import ModelConfig, TrainConfig
from charrnn.runs import checkpoint, samples
from charrnn.runs.run import Run
from charrnn.training.trainer import Trainer

TEXT = "".join(f"{n} ships came in, and {n * n} went out again.\n" for n in range(70))
LONG = 60.0  # seconds after which waiting has failed

# Underscores and dashes, as people of both habits type them.
OPTIONS = [
    *("--rnn_size", "16", "--num-layers", "2", "--embedding_size=8", "--batch-size", "4", "--seq_length", "16"),
    *("--dropout", "0.2", "--iterations", "600", "--snapshot_every", "100", "--snapshot-at", "7,5000"),
    *("--eval-every", "75", "--sample_length", "30", "--checkpoint_dir", "my runs"),
]
KEPT = [7, 100, 200, 300, 400, 500, 600]
posix = pytest.mark.skipif(os.name != "posix", reason="signals and terminals as POSIX has them")


class Training(Process):
    """One in a process of its own."""

    @property
    def run(self) -> Run:
        return Run(self.server.where / "my runs" / "ships")

    def until_rows(self, count: int) -> None:
        path = self.run.metrics_path
        self.until(lambda: path.exists() and path.read_bytes().count(b"\n") >= count)


Start = Callable[..., Training]


def starter(server: Server) -> Start:
    """Starts `charrnn train …` where the server is."""
    (server.where / "ships.txt").write_text(TEXT, "utf-8")
    return lambda *arguments: Training(**vars(server.start("train", *arguments)))


@pytest.fixture
def start(forks: Server, tmp_path: Path) -> Start:
    return starter(forks.within(tmp_path))


@pytest.fixture(scope="session")
def whole(forks: Server, tmp_path_factory: pytest.TempPathFactory) -> Training:
    """The training that was never stopped."""
    training = starter(forks.within(tmp_path_factory.mktemp("whole")))("ships.txt", *OPTIONS, "--name", "ships")
    assert training.wait() == 0, training.err
    return training


def rows_of(run: Run) -> list[dict[str, Any]]:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return [json.loads(line, parse_constant=refuse) for line in run.metrics_path.read_text("utf-8").splitlines()]


def check_same(run: Run, whole: Run, stopped_at: int = 0) -> None:
    """Bit for bit the run that was never stopped, apart from times, and from the snapshot that a stop keeps."""
    names = {path.name for path in whole.path.iterdir()} | (
        {run.snapshot_path(stopped_at).name} if stopped_at else set()
    )
    assert {path.name for path in run.path.iterdir()} == names
    for path in whole.path.glob("*.safetensors"):
        ours, theirs = checkpoint.load(run.path / path.name), checkpoint.load(path)
        assert ours.tensors.keys() == theirs.tensors.keys()
        for name, tensor in theirs.tensors.items():
            assert ours.tensors[name].tobytes() == tensor.tobytes(), f"{path.name}: {name}"
        assert ours.header.sample == theirs.header.sample
        assert ours.header.held_out_loss == theirs.header.held_out_loss
        assert ours.header.train_loss == theirs.header.train_loss
    ours, theirs = [[{k: v for k, v in row.items() if k != "seconds"} for row in rows_of(r)] for r in (run, whole)]
    assert [row for row in ours if row in theirs or row["iteration"] != stopped_at] == theirs
    ours, theirs = [samples.sections_of(r.samples_path.read_text("utf-8")) for r in (run, whole)]
    assert ours == theirs | ({stopped_at: ours[stopped_at]} if stopped_at else {})


def check_whole_files(run: Run) -> None:
    """Every file is complete, and none is left over from writing another."""
    for path in run.path.iterdir():
        assert not path.name.endswith(".tmp")
        if path.suffix == ".safetensors":
            checkpoint.load(path)
    rows_of(run)


# -- a training to its end -------------------------------------------------------------------------------------------


def test_the_run_holds_what_was_asked_for(whole: Training) -> None:
    assert [kept.header.iteration for kept in whole.run.snapshots] == KEPT
    header = whole.run.snapshots[-1].header
    assert (header.model.rnn_size, header.model.embedding_size, header.model.dropout) == (16, 8, 0.2)
    assert (header.training.batch_size, header.training.seq_length, header.training.iterations) == (4, 16, 600)
    assert header.corpus["name"] == "ships.txt"
    assert {row["iteration"] for row in rows_of(whole.run) if row["event"] == "evaluated"} == {
        *KEPT,
        *range(75, 601, 75),
    }
    check_whole_files(whole.run)


def test_stdout_holds_the_snapshots_and_nothing_else(whole: Training) -> None:
    expected = ""
    for kept in whole.run.snapshots:
        header, sample = kept.header, kept.header.sample
        assert sample is not None
        assert header.held_out_loss is not None
        title = re.escape(f"--- iteration {header.iteration}, train ") + r"\d+\.\d{3}"
        assert header.mixed_loss is not None
        losses = (header.held_out_loss / 0.6931471805599453, header.mixed_loss / 0.6931471805599453)
        title += re.escape(", held out {:.3f}, + counts {:.3f} bpc".format(*losses))
        words = "" if sample.known_words is None else f", {sample.known_words:.0%} known words"
        body = re.escape((sample.prime + sample.text).strip("\n"))
        expected += rf"\n{title}{re.escape(words)} ---\n{body}\n\n"
    assert re.fullmatch(expected, whole.out), whole.out


def test_stderr_holds_everything_else_in_plain_lines(whole: Training) -> None:
    assert "\x1b" not in whole.err
    assert "\r" not in whole.err
    assert "---" not in whole.err
    assert [line.split()[0] for line in whole.err.splitlines()[:5]] == ["text", "model", "train", "run", "preset"]
    assert f"{len(TEXT):,} characters" in whole.err
    assert "600 iterations" in whole.err
    assert "iteration 75: " in whole.err
    assert "trained 600 iterations" in whole.err


def test_the_advice_at_the_end_can_be_pasted(whole: Training) -> None:
    lines = re.sub(r"\\\n *", "", whole.err).splitlines()  # a long one goes on in the next line, as shells have it
    commands = [shlex.split(line[line.index("charrnn") :]) for line in lines if "charrnn " in line][-2:]
    assert [command[:2] for command in commands] == [["charrnn", "sample"], ["charrnn", "compare"]]
    for command in commands:
        assert (whole.run.path.parent.parent / command[2]).resolve() == whole.run.path.resolve()


# -- stopped and resumed ---------------------------------------------------------------------------------------------


@posix
def test_killed_and_resumed_equals_never_stopped(whole: Training, start: Start) -> None:
    killed = start("ships.txt", *OPTIONS, "--name", "ships")
    killed.until_rows(18)  # somewhere after iteration 100
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL, "it had ended already"
    assert Run(killed.run.path).snapshots[-1].header.iteration < 600
    resumed = start("--resume", "ships", "--checkpoint-dir", "my runs")
    assert resumed.wait() == 0, resumed.err
    check_same(resumed.run, Run(whole.run.path))


@posix
def test_killed_and_sent_again_with_auto_resume_equals_never_stopped(whole: Training, start: Start) -> None:
    command = ("ships.txt", *OPTIONS, "--name", "ships", "--auto-resume")
    for rows in (3, 18):
        killed = start(*command)
        killed.until_rows(rows)
        killed.send_signal(signal.SIGKILL)
        assert killed.wait() == -signal.SIGKILL, "it had ended already"
    last = start(*command)
    assert last.wait() == 0, last.err
    check_same(last.run, Run(whole.run.path))
    done = start(*command)
    assert done.wait() == 0
    assert done.err == "charrnn: my runs/ships: is complete at iteration 600.\n"


@posix
def test_interrupted_it_says_how_to_go_on_and_that_works(whole: Training, start: Start) -> None:
    process = start("ships.txt", *OPTIONS, "--name", "ships")
    process.until_rows(3)
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130, process.err
    assert "Traceback" not in process.err
    stopped = re.search(r"stopped after iteration (\d+) of 600", process.err)
    assert stopped is not None
    assert checkpoint.load(process.run.resume_path).header.iteration == int(stopped[1])
    assert 0 < int(stopped[1]) < 600
    check_whole_files(process.run)
    kept = Run(process.run.path).snapshots[-1].header
    assert kept.iteration == int(stopped[1])
    assert kept.held_out_loss is not None
    assert kept.sample is not None
    assert kept.sample.text in process.out

    advice = re.search(r"charrnn (train --resume .*)$", process.err, re.MULTILINE)
    assert advice is not None
    arguments = shlex.split(advice[1])
    resumed = start(*arguments[1:])
    assert resumed.wait() == 0, resumed.err
    assert f"going on after iteration {stopped[1]}\n" in resumed.err
    check_same(resumed.run, Run(whole.run.path), int(stopped[1]))


@posix
def test_a_signal_saves_and_training_goes_on(whole: Training, start: Start) -> None:
    process = start("ships.txt", *OPTIONS, "--name", "ships")
    process.until_rows(3)
    process.send_signal(signal.SIGUSR1)
    process.until(lambda: "saving at iteration" in process.err)
    said = re.search(r"charrnn: saving at iteration (\d+), as a signal asked; training goes on\.\n", process.err)
    assert said is not None
    process.until(lambda: checkpoint.read_header(process.run.resume_path).iteration >= int(said[1]))
    assert process.wait() == 0, process.err
    check_same(process.run, Run(whole.run.path))


@posix
def test_terminated_it_keeps_everything_too(start: Start) -> None:
    process = start("ships.txt", *OPTIONS, "--name", "ships")
    process.until_rows(3)
    process.send_signal(signal.SIGTERM)
    assert process.wait() == 143, process.err
    stopped = re.search(r"stopped after iteration (\d+) of 600", process.err)
    assert stopped is not None
    assert checkpoint.load(process.run.resume_path).header.iteration == int(stopped[1])
    assert "--resume" in process.err
    assert "Traceback" not in process.err
    check_whole_files(process.run)


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_within_a_long_sample_it_keeps_what_is_written(start: Start, number: signal.Signals) -> None:
    process = start("ships.txt", *OPTIONS, "--snapshot-at", "1", "--sample-length", "200000", "--name", "ships")
    process.until_rows(1)  # the evaluation before that sample, which takes long
    process.send_signal(number)
    assert process.wait() == 128 + number, process.err
    assert "stopped after iteration 1 of 600; everything is kept.\n" in process.err
    check_whole_files(process.run)
    assert checkpoint.load(process.run.resume_path).header.iteration == 1
    sample = process.run.snapshots[0].header.sample
    assert sample is not None
    assert 1_000 <= len(sample.text) < 200_000


@posix
def test_a_reader_that_leaves_does_not_end_the_training(whole: Training, start: Start, tmp_path: Path) -> None:
    command = shlex.join([sys.executable, "-m", "charrnn", "train", "ships.txt", *OPTIONS, "--name", "ships"])
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"{command} | head -1"],
        cwd=tmp_path, env=ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LONG,
    )  # fmt: skip
    assert (done.returncode, done.stdout.count("\n")) == (0, 1), done.stderr
    assert "standard output was closed" in done.stderr
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr
    check_same(Run(tmp_path / "my runs" / "ships"), whole.run)


# -- in a terminal ---------------------------------------------------------------------------------------------------


@posix
def test_in_a_terminal_there_is_a_moving_bar_and_no_control_character_of_the_text(tmp_path: Path) -> None:
    import fcntl
    import pty
    import struct
    import termios

    (tmp_path / "ships.txt").write_text("\x1b[31m" + TEXT, "utf-8")
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    popen = subprocess.Popen(
        [sys.executable, "-m", "charrnn", "train", "ships.txt", *OPTIONS, "--name", "ships", "--prime", "\x1b[31m"],
        cwd=tmp_path,
        env={key: value for key, value in ENVIRONMENT.items() if key != "NO_COLOR"} | {"TERM": "xterm"},
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    screen = b""
    try:
        with contextlib.suppress(OSError):  # EIO: the other end is closed
            while part := os.read(master, 65536):
                screen += part
        assert popen.wait(timeout=LONG) == 0, screen
    finally:
        popen.kill()
        popen.wait()
        os.close(master)
    counts = [int(count) for count in re.findall(rb"\r[^\r\n]*?(\d+)/600\b", screen)]
    assert len(set(counts)) >= 2
    assert counts == sorted(counts)
    assert b"bpc" in screen
    assert b"\x1b[31m" not in screen
    assert b"[31m" in screen  # the prime is shown, without its power
    assert set(re.findall(rb"\x1b(?:\[[0-9;]*.|.)", screen)) <= {b"\x1b[1m", b"\x1b[0m", b"\x1b[A"}
    sample = Run(tmp_path / "my runs" / "ships").snapshots[-1].header.sample
    assert sample is not None
    assert sample.prime == "\x1b[31m"


# -- what goes wrong -------------------------------------------------------------------------------------------------

Call = Callable[[Sequence[str]], tuple[int, str, str]]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Call]:
    """The command in this process, in an empty directory with a good text: exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    Path("ships.txt").write_text(TEXT, "utf-8")
    before = torch.get_num_threads()

    def call(arguments: Sequence[str]) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["charrnn", *arguments])
        with pytest.raises(SystemExit) as left:
            main()
        assert isinstance(left.value.code, int)
        return left.value.code, *capfd.readouterr()

    yield call
    torch.set_num_threads(before)
    torch.set_flush_denormal(False)


def files_below(path: Path) -> dict[str, bytes]:
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def write_texts() -> None:
    for name, data in {
        "empty.txt": b"",
        "bom.txt": b"\xef\xbb\xbf",
        "binary.txt": b"GIF89a\0\x01\0" * 300,
        "damaged.txt": b"Ein sch\xffner Tag" + b", ein gruner Wald.\n" * 100,
        "short.txt": b"abc\n",
        "one.txt": b"a" * 5000,
        "[bold]\x1b[31m\n\r.txt": b"",
    }.items():
        Path(name).write_bytes(data)
    Path("folder").mkdir()


BAD = {
    "missing": (["no-such.txt"], 1, "no-such.txt"),
    "empty": (["empty.txt"], 1, "empty.txt"),
    "a name with control characters": (["[bold]\x1b[31m\n\r.txt"], 1, "[bold]"),
    "only a mark": (["bom.txt"], 1, "bom.txt"),
    "binary": (["binary.txt"], 1, "binary.txt"),
    "not UTF-8": (["damaged.txt", "--encoding", "utf-8"], 1, "byte 7 "),
    "too short": (["short.txt"], 1, "too few"),
    "one character": (["one.txt"], 1, "'a'"),
    "a folder": (["folder"], 1, "folder"),
    "a file in its place": (["ships.txt", "--checkpoint-dir", "short.txt"], 1, "short.txt"),
    "below a file": (["ships.txt", "--checkpoint-dir", "short.txt/runs"], 1, "short.txt"),
    "a name that is a path": (["ships.txt", "--name", "../up"], 1, "--name"),
    "an unseen prime": (["ships.txt", "--prime", "Ω"], 1, "Ω"),
    "two lengths": (["ships.txt", "--iterations", "5", "--max-epochs", "2"], 2, "--max-epochs"),
    "no epochs": (["ships.txt", "--max_epochs", "0"], 2, "--max-epochs"),
    "endless epochs": (["ships.txt", "--max-epochs", "nan"], 2, "--max-epochs"),
    "auto-resume of no name": (["ships.txt", "--auto-resume"], 2, "--name"),
    "two ways to go on": (["ships.txt", "--auto-resume", "--resume", "x"], 2, "--resume"),
    "resume of nothing": (["--resume", "no-such-run"], 1, "no-such-run"),
    "no iterations": (["ships.txt", "--iterations", "0"], 2, "--iterations"),
    "no size": (["ships.txt", "--rnn-size", "-1"], 2, "--rnn-size"),
    "all dropped": (["ships.txt", "--dropout", "1"], 2, "--dropout"),
    "not a number": (["ships.txt", "--learning-rate", "nan"], 2, "--learning-rate"),
    "an unknown cell": (["ships.txt", "--model", "transformer"], 2, "transformer"),
    "an unknown clipping": (["ships.txt", "--grad-clip-mode", "scale"], 2, "--grad-clip-mode"),
    "an unknown preset": (["ships.txt", "--preset", "huge"], 2, "quick, small"),
    "a shift that skips": (["ships.txt", "--shift", "999"], 2, "--shift"),
    "a list that is none": (["ships.txt", "--snapshot-at", "100,then"], 2, "100,then"),
    "an unknown device": (["ships.txt", "--device", "toaster"], 2, "toaster"),
}


@pytest.mark.parametrize(("arguments", "code", "named"), BAD.values(), ids=BAD.keys())
def test_bad_input_is_one_line_and_leaves_nothing(
    tmp_path: Path, call: Call, arguments: list[str], code: int, named: str
) -> None:
    write_texts()
    before = files_below(tmp_path), sorted(tmp_path.rglob("*"))
    got, out, err = call(["train", *arguments])
    assert got == code, err
    assert out == ""
    assert err.startswith("charrnn: ")
    assert err.endswith("\n")
    assert err.count("\n") == 1, err
    assert named in err
    assert "\x1b" not in err
    assert "\r" not in err
    assert "Traceback" not in err
    assert (files_below(tmp_path), sorted(tmp_path.rglob("*"))) == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["--no-such-option"],
        ["--rnn-size", "many"],
        ["--threads", "0"],
        ["--name"],
    ],
)
def test_what_the_parser_refuses_is_a_usage_error(tmp_path: Path, call: Call, arguments: list[str]) -> None:
    before = files_below(tmp_path)
    code, out, err = call(["train", *arguments])
    assert (code, out) == (2, "")
    assert "Traceback" not in err
    assert files_below(tmp_path) == before


def test_an_error_in_a_real_process_ends_in_one_line(tmp_path: Path, start: Start) -> None:
    process = start("ships.txt", *OPTIONS, "--learning-rate", "1e38", "--warmup", "0", "--name", "ships")
    assert process.wait() == 1
    lines = [line for line in process.err.splitlines() if line.startswith("charrnn: ")]
    assert len(lines) == 1, process.err
    assert process.err.endswith(f"{lines[0]}\n")
    assert "Traceback" not in process.err
    assert re.match(r"charrnn: iteration \d+: .*--learning-rate", lines[0])
    check_whole_files(process.run)
    assert checkpoint.load(process.run.resume_path).header.iteration == 0


def test_a_taken_name_is_left_alone(whole: Training, call: Call) -> None:
    before = files_below(whole.run.path)
    root = str(whole.run.path.parent)
    code, out, err = call(["train", "ships.txt", "--name", "ships", "--checkpoint-dir", root])
    assert (code, out) == (1, "")
    assert re.fullmatch(r"charrnn: .*--name.*\n", err)
    assert files_below(whole.run.path) == before


def test_a_complete_run_is_not_resumed_but_can_be_lengthened(whole: Training, call: Call) -> None:
    before = files_below(whole.run.path)
    code, out, err = call(["train", "--resume", str(whole.run.path)])
    assert (code, out) == (2, "")
    assert re.fullmatch(r"charrnn: .*600.*--iterations.*\n", err)
    assert files_below(whole.run.path) == before


def test_resuming_with_another_text_changes_nothing(tmp_path: Path, whole: Training, call: Call) -> None:
    before = files_below(whole.run.path)
    Path("other.txt").write_text(TEXT.replace("ships", "boats"), "utf-8")
    code, out, err = call(["train", "other.txt", "--resume", str(whole.run.path), "--iterations", "700"])
    assert (code, out) == (1, "")
    assert re.fullmatch(r"charrnn: .*other\.txt.*not the text.*\n", err)
    assert files_below(whole.run.path) == before


def test_resuming_without_a_resume_file_says_so(tmp_path: Path, whole: Training, call: Call) -> None:
    (tmp_path / "run").mkdir()
    snapshot = next(iter(whole.run.path.glob("iteration-*")))
    (tmp_path / "run" / snapshot.name).write_bytes(snapshot.read_bytes())
    before = files_below(tmp_path)
    code, out, err = call(["train", "--resume", "run"])
    assert (code, out) == (2, "")  # it would go on from the snapshot, which does not say where the text is
    assert re.fullmatch(r"charrnn: .*resume\.safetensors: is missing.*charrnn train TEXT --resume run.*\n", err), err
    assert files_below(tmp_path) == before


def test_a_run_is_named_after_its_text_and_epochs_are_counted(tmp_path: Path, call: Call) -> None:
    small = ["--rnn-size", "8", "--batch-size", "4", "--seq-length", "16", "--sample-length", "0", "--val-frac", "0"]
    arguments = ["train", "ships.txt", *small, "--max-epochs", "0.5", "--threads", "1", "--learning_rate=0.01"]
    code, _, err = call(arguments)
    assert code == 0, err
    run = Run(tmp_path / "checkpoints" / "ships-1")
    header = run.snapshots[-1].header
    per_epoch = ((len(TEXT) - 1) // 4 - 16) // 16 + 1
    assert header.training.iterations == header.iteration == round(per_epoch / 2)
    assert header.training.learning_rate == 0.01
    assert header.held_out_loss is None


@pytest.mark.parametrize(("val_max", "dropout"), [("0", 0.0), ("10", 0.05)])
def test_epochs_are_those_of_what_is_trained_on(tmp_path: Path, call: Call, val_max: str, dropout: float) -> None:
    """Half is held out, or ten characters: the preset must know which, to tell two epochs from four."""
    small = ["--rnn-size", "4", "--batch-size", "4", "--seq-length", "16", "--sample-length", "0", "--eval-every", "0"]
    epochs = "2" if val_max == "0" else "4"
    lengths = ["--val-frac", "0.5", "--val-max", val_max, "--max-epochs", epochs]
    code, _, err = call(["train", "ships.txt", *small, *lengths])
    assert code == 0, err
    [snapshot] = Run(tmp_path / "checkpoints" / "ships-1").snapshots[-1:]
    assert snapshot.header.model.input_dropout == dropout
    trained_on = len(TEXT) // 2 if val_max == "0" else len(TEXT) - 10
    assert snapshot.header.iteration == pytest.approx(int(epochs) * trained_on / 64, rel=0.05)


def test_config_fields_have_an_option() -> None:
    options = set(inspect.signature(train).parameters)
    assert {field.name for field in dataclasses.fields(TrainConfig)} <= options
    assert {field.name for field in dataclasses.fields(ModelConfig)} <= options


@CAPABILITIES
def test_epochs_leave_the_chosen_precision_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool] | None, chosen: str
) -> None:
    (tmp_path / "sheep.txt").write_text(TEXT, "utf-8")
    monkeypatch.chdir(tmp_path)
    followed: list[Trainer] = []
    monkeypatch.setattr(training_run, "follow", lambda begun, save, **more: followed.append(begun.trainer))
    pretend_capabilities(monkeypatch, capabilities)
    options = ["--max-epochs", "0.5", "--rnn-size", "8", "--device", "cpu", "--batch-size", "4", "--seq-length", "16"]
    done = CliRunner().invoke(app, ["train", "sheep.txt", *options, "--threads", "1"])
    assert done.exit_code == 0, done.output
    assert followed[0].config.precision == chosen
    assert followed[0].config.iterations == round(followed[0].streams.per_epoch * 0.5)
