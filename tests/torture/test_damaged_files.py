"""Damaged checkpoints: cut anywhere, one bit of them turned, wherever it is: refused, file and cause named."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers import crafting, tiny, trainings
from helpers.command_line import CommandLine

import charrnn
from charrnn.runs import checkpoint
from charrnn.text import corpus
from charrnn.training.resume import resume_point

SEED = 20261129
EVERYTHING = 10**9


def make(kind: str, path: Path) -> Path:
    """A snapshot with counts, or a resume file."""
    if kind == "snapshot":
        return tiny.add_counts(tiny.save(path), tiny.TEXT)
    training = trainings.make(average=0.9)
    training.step()
    trainings.stored(path, resume_point(training))
    return path


def refused(path: Path, data: bytes | bytearray) -> tuple[str, float]:
    """The line with which what is at `path` is refused, and how many seconds that took."""
    path.write_bytes(data)
    began = time.perf_counter()
    said = crafting.outcome(lambda: checkpoint.load(path))
    return said, time.perf_counter() - began


@pytest.mark.parametrize("kind", ["snapshot", "resume"])
def test_cut_anywhere(
    kind: str, tmp_path: Path, rounds: Callable[[int, int], int], tell_figure: Callable[[str], None]
) -> None:
    data, path = make(kind, tmp_path / "whole.safetensors").read_bytes(), tmp_path / "cut.safetensors"
    begin = 8 + int.from_bytes(data[:8], "little")
    choose, longest = random.Random(SEED), 0.0
    in_header = choose.sample(range(begin), min(begin, rounds(150, EVERYTHING)))
    in_body = choose.sample(range(begin, len(data)), min(len(data) - begin, rounds(100, 1000)))
    for size in [*range(20), *in_header, *in_body, len(data) - 1]:
        said, seconds = refused(path, data[:size])
        assert said.startswith(f"{path}: "), f"cut at {size} (seed {SEED}): {said}"
        assert "cut short" in said or size < 64, f"cut at {size}: {said}"
        longest = max(longest, seconds)
    count = 21 + len(in_header) + len(in_body)
    tell_figure(
        f"{kind} cut short at {count} places, of which {len(in_body)} in its tensors: all refused, {longest:.2f} s"
    )


@pytest.mark.parametrize("kind", ["snapshot", "resume"])
def test_any_bit_that_is_turned(
    kind: str, tmp_path: Path, rounds: Callable[[int, int], int], tell_figure: Callable[[str], None]
) -> None:
    """Half of them in the header, where a bit may become another name or number."""
    data, path = make(kind, tmp_path / "whole.safetensors").read_bytes(), tmp_path / "turned.safetensors"
    begin = 8 + int.from_bytes(data[:8], "little")
    choose, longest = random.Random(SEED), 0.0
    count = rounds(300, 5000)
    for number in range(count):
        bit = choose.randrange(8 * (begin if number % 2 else len(data)))
        turned = bytearray(data)
        turned[bit // 8] ^= 1 << bit % 8
        said, seconds = refused(path, turned)
        assert said.startswith(f"{path}: "), f"bit {bit} (seed {SEED}): {said}"
        longest = max(longest, seconds)
    tell_figure(f"{kind} with one bit turned: {count} of {count} refused, {longest:.2f} s at most")


@pytest.mark.parametrize("damage", ["cut", "turned", "emptied"])
def test_a_run_whose_resume_file_is_damaged_goes_on_from_a_snapshot(
    damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """From the newest one that is whole: one after that is damaged too."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "book.txt").write_text(trainings.TEXT, "utf-8")
    settings: dict[str, Any] = {
        "rnn_size": 6,
        "embedding_size": 4,
        "batch_size": 2,
        "seq_length": 8,
        "sample_length": 0,
    }
    for _ in charrnn.train(
        corpus.read(tmp_path / "book.txt"),
        checkpoint_dir=tmp_path / "checkpoints",
        name="run",
        iterations=6,
        snapshot_at=(2, 4),
        device="cpu",
        **settings,
    ):
        pass
    run = Path("checkpoints/run")
    for name in ("resume", "iteration-000006"):
        path = run / f"{name}.safetensors"
        data = bytearray(path.read_bytes())
        data[-9] ^= 4
        path.write_bytes({"cut": data[: len(data) // 2], "turned": data, "emptied": b""}[damage])
    command = CommandLine(monkeypatch, capfdbinary)
    damaged = (run / "resume.safetensors").read_bytes()
    longer = ("--resume", run, "--iterations", "9", "--device", "cpu", "--threads", "1")
    if damage != "turned":  # which leaves the name of the text
        done = command("train", *longer)
        assert done.returncode == 2
        assert "TEXT --resume checkpoints/run --iterations 9; or begin a new run: " in done.stderr.decode()
    done = command("train", "book.txt", *longer)
    said = done.stderr.decode()
    assert done.returncode == 0, said
    assert "Traceback" not in said
    first, second = said.splitlines()[:2]
    assert first.startswith("charrnn: checkpoints/run/resume.safetensors: ")
    assert "goes on from the weights of the newest whole snapshot, of iteration 4. " in first
    assert second.startswith("charrnn: The file is kept as resume.safetensors.replaced. ")
    assert second.endswith("--init-from checkpoints/run/iteration-000004.safetensors")
    assert (run / "resume.safetensors.replaced").read_bytes() == damaged
    assert checkpoint.load(run / "resume.safetensors").header.iteration == 9
