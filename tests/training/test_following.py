"""Trainings from Python: what ends them saves, and they go on as if nothing had happened."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import charrnn
from charrnn.errors import CorpusError, RunError, UsageError
from charrnn.runs import checkpoint
from charrnn.runs.run import Run
from charrnn.text import corpus
from charrnn.training.events import Evaluated, Event, Progress, Snapshot

TEXT = "".join(f"{n} ships came in; « {n * n} » went out again.\n" for n in range(80))
TINY: dict[str, Any] = {"rnn_size": 16, "embedding_size": 8, "batch_size": 3, "seq_length": 8, "device": "cpu"}
TINY |= {"iterations": 20, "snapshot_at": (6,), "eval_every": 4, "sample_length": 20, "dropout": 0.2}
posix = pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    Path("ships.txt").write_text(TEXT, "utf-8")
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was never stopped."""
    root = tmp_path_factory.mktemp("whole")
    (root / "ships.txt").write_text(TEXT, "utf-8")
    for _ in charrnn.train(root / "ships.txt", checkpoint_dir=root, name="ships", **TINY):
        pass
    return root / "ships"


def tensors_of(path: Path) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in checkpoint.load(path).tensors.items()}


def check_resumes_exactly(run: Path, whole: Path) -> None:
    """That of a stopped run the rest is what it would have been."""
    for _ in charrnn.train(resume=run):
        pass
    assert tensors_of(run / "resume.safetensors") == tensors_of(whole / "resume.safetensors")
    for snapshot in Run(whole).snapshots:
        assert tensors_of(run / snapshot.path.name) == tensors_of(snapshot.path)
    rows = [[row | {"seconds": 0} for row in Run(path).metrics()] for path in (run, whole)]
    assert rows[0] == rows[1]


def iteration_of(run: Path) -> int:
    return checkpoint.read_header(run / "resume.safetensors").iteration


def started(kind: type, iteration: int) -> Iterator[Event]:
    """A training that has just yielded such an event."""
    events = charrnn.train("ships.txt", checkpoint_dir="runs", name="ships", **TINY)
    for event in events:
        at = event.header.iteration if isinstance(event, Snapshot) else event.iteration
        if isinstance(event, kind) and at == iteration:
            return events
    raise AssertionError("it ended")


@pytest.mark.parametrize(
    ("kind", "iteration"),
    [(Progress, 1), (Progress, 13), (Evaluated, 8), (Evaluated, 6), (Snapshot, 6), (Progress, 20)],
)
def test_closing_saves_at_any_event(whole: Path, kind: type, iteration: int) -> None:
    events = started(kind, iteration)
    events.close()  # type: ignore[attr-defined]
    run = Path("runs", "ships")
    assert iteration_of(run) == iteration
    if iteration < 20:
        check_resumes_exactly(run, whole)


def fail_at_evaluation(iteration: int) -> None:
    for event in charrnn.train(resume="ships", checkpoint_dir="runs"):
        if isinstance(event, Evaluated) and event.iteration == iteration:
            raise ZeroDivisionError


def test_leaving_the_loop_saves(whole: Path) -> None:
    for event in charrnn.train("ships.txt", checkpoint_dir="runs", name="ships", **TINY):
        if isinstance(event, Progress) and event.iteration == 9:
            break
    gc.collect()
    assert iteration_of(Path("runs/ships")) == 9
    with pytest.raises(ZeroDivisionError):
        fail_at_evaluation(12)
    gc.collect()
    assert iteration_of(Path("runs/ships")) == 12
    check_resumes_exactly(Path("runs/ships"), whole)


SCRIPT = """
import sys, charrnn
settings = {settings}
events = charrnn.train("ships.txt", checkpoint_dir="runs", name="ships", **settings)
for event in events:
    if type(event).__name__ == "Progress":
        print(event.iteration, flush=True)
        if event.iteration == {last}:
            {then}
"""


def script(last: int, then: str, **changes: Any) -> list[str]:
    return [sys.executable, "-c", SCRIPT.format(settings=TINY | changes, last=last, then=then)]


def test_a_script_that_ends_while_it_trains_saves(whole: Path) -> None:
    done = subprocess.run(script(11, "raise SystemExit(3)"), capture_output=True, timeout=120, check=False)
    assert done.returncode == 3, done.stderr
    assert done.stderr == b""
    assert iteration_of(Path("runs/ships")) == 11
    check_resumes_exactly(Path("runs/ships"), whole)


@posix
def test_ctrl_c_ends_an_iteration_and_saves(whole: Path) -> None:
    long = {"iterations": 10**6, "eval_every": 0, "snapshot_at": ()}
    with subprocess.Popen(script(0, "pass", **long), stdout=-1, stderr=-1) as process:
        assert process.stdout is not None
        while int(process.stdout.readline()) < 30:
            pass
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT, err
    assert err.rstrip().endswith(b"KeyboardInterrupt")
    last = int(out.split()[-1]) if out.split() else 30
    assert iteration_of(Path("runs/ships")) in (last, last + 1)
    assert Run(Path("runs/ships")).metrics()[-1]["iteration"] <= last + 1


def test_ctrl_c_in_this_process_is_one(whole: Path) -> None:
    def events_with_signal() -> None:
        for event in charrnn.train("ships.txt", checkpoint_dir="runs", name="ships", **TINY):
            if isinstance(event, Progress) and event.iteration == 7:
                signal.raise_signal(signal.SIGINT)  # in the loop's body

    with pytest.raises(KeyboardInterrupt):
        events_with_signal()
    gc.collect()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert iteration_of(Path("runs/ships")) == 7
    check_resumes_exactly(Path("runs/ships"), whole)


def test_a_run_goes_on_for_longer_with_other_snapshots(whole: Path) -> None:
    for _ in charrnn.train("ships.txt", checkpoint_dir="runs", name="ships", **TINY):
        pass
    with pytest.raises(UsageError, match=r"is complete at iteration 20.*--iterations 40"):
        charrnn.train(resume="runs/ships")
    with pytest.raises(UsageError, match=r"--rnn-size: a resumed run keeps.*--init-from"):
        charrnn.train(resume="runs/ships", iterations=30, rnn_size=8)
    events = list(charrnn.train(resume="runs/ships", iterations=30, snapshot_every=5, seed=1, rnn_size=16))
    assert [event.header.iteration for event in events if isinstance(event, Snapshot)] == [25, 30]
    Path("ships.txt").rename("moved.txt")
    with pytest.raises(CorpusError, match="not where it was"):
        charrnn.train(resume="runs/ships", iterations=35)
    with pytest.raises(CorpusError, match="not the text"):
        charrnn.train(corpus.from_text(TEXT[1:]), resume="runs/ships", iterations=35)
    for text in ("moved.txt", corpus.from_text(TEXT)):
        at = iteration_of(Path("runs/ships"))
        assert (
            len([e for e in charrnn.train(text, resume="runs/ships", iterations=at + 2) if isinstance(e, Progress)])
            == 2
        )


def test_a_run_is_trained_once_at_a_time(whole: Path) -> None:
    events = started(Progress, 3)
    with pytest.raises(RunError, match="is being trained"):
        charrnn.train(resume="runs/ships")
    events.close()  # type: ignore[attr-defined]
    unused = charrnn.train(resume="runs/ships")
    with pytest.raises(RunError, match="is being trained"):
        charrnn.train(resume="runs/ships")
    del unused
    gc.collect()
    check_resumes_exactly(Path("runs/ships"), whole)


def test_a_name_that_is_taken_is_told_before_a_text_is_read(whole: Path) -> None:
    with pytest.raises(RunError, match=r"this run exists. Go on with it: charrnn train --resume .*ships"):
        charrnn.train("no-such.txt", checkpoint_dir=whole.parent, name="ships")


def test_training_begins_with_other_weights(whole: Path) -> None:
    other = corpus.from_text(TEXT.replace("ships", "goats"))
    settings = TINY | {"iterations": 1, "learning_rate": 1e-9, "dropout": 0.0}
    [snapshot] = [
        event
        for event in charrnn.train(other, init_from=whole, **{**settings, "rnn_size": 16, "snapshot_at": ()})
        if isinstance(event, Snapshot)
    ]
    theirs = charrnn.load(whole)
    assert snapshot.header.began_from["what"] == "network"
    assert snapshot.header.began_from["sha256"] == theirs.digest
    quick = {name: value for name, value in settings.items() if name not in ("rnn_size", "embedding_size", "dropout")}
    [snapshot] = [e for e in charrnn.train(other, init_from=whole, **quick) if isinstance(e, Snapshot)]
    assert (snapshot.header.model.rnn_size, snapshot.header.model.embedding_size) == (16, 8)
    events = charrnn.train(other, embedding_from=whole, rnn_size=4, **quick)
    [snapshot] = [e for e in events if isinstance(e, Snapshot)]
    assert snapshot.header.began_from["what"] == "embedding"
    assert (snapshot.header.model.rnn_size, snapshot.header.model.embedding_size) == (4, 8)
    with pytest.raises(UsageError, match="contradict"):
        charrnn.train(other, init_from=whole, embedding_from=whole)


def test_epochs_and_threads() -> None:
    with pytest.raises(UsageError, match="iterations and max_epochs contradict"):
        charrnn.train("ships.txt", max_epochs=1, **TINY)
    settings = {name: value for name, value in TINY.items() if name != "iterations"}
    [header] = [
        event.header
        for event in charrnn.train("ships.txt", max_epochs=0.1, threads=2, **settings)
        if isinstance(event, Snapshot) and event.header.iteration != 6
    ]
    assert header.made_with["threads"] == 2
    assert torch.get_num_threads() == 2
    assert header.iteration == round(0.1 * ((int(len(TEXT) * 0.9) - 1) // 3 // 8))
