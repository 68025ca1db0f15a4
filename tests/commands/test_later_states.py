"""Where a run has trained on since its newest snapshot, every verb that reads it says so in a line."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import tiny
from helpers.command_line import CommandLine

from charrnn.runs.later_state import later_state
from charrnn.runs.run import Run

LINE = (
    "charrnn: checkpoints/killed: its newest snapshot is of iteration 2,000, its training is at 3,385. "
    "To use that: charrnn sample checkpoints/killed/resume.safetensors"
)


@pytest.fixture
def charrnn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]) -> CommandLine:
    monkeypatch.chdir(tmp_path)
    path = tiny.run(tmp_path / "checkpoints", "killed", {1200: 3, 2000: 2})
    tiny.save(path / "resume.safetensors", kind="resume", iteration=3385)
    path = tiny.run(tmp_path / "checkpoints", "whole", {100: 3, 300: 2})
    tiny.save(path / "resume.safetensors", kind="resume", iteration=300)
    Path("text.txt").write_text("Well, Prince, so Genoa and Lucca are now family estates.", "utf-8")
    return CommandLine(monkeypatch, capsysbinary)


@pytest.mark.parametrize(
    "arguments",
    [
        ("sample", "killed", "--length", "5"),
        ("sample", "killed", "--every-snapshot", "--length", "5"),
        ("compare", "killed", "whole", "--length", "5"),
        ("report", "killed", "--length", "5"),
        ("runs", "--json"),
        ("runs", "show", "checkpoints/killed"),
        ("score", "killed", "text.txt"),
    ],
)
def test_it_is_said_once(charrnn: CommandLine, arguments: tuple[str, ...]) -> None:
    done = charrnn(*arguments)
    assert done.stderr.decode().splitlines().count(LINE) == 1
    assert b"its training is at" not in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("sample", "whole", "--length", "5"),
        ("sample", "checkpoints/killed/resume.safetensors", "--length", "5"),
        ("sample", "killed/2000", "--length", "5"),
        ("compare", "whole", "--length", "5"),
    ],
)
def test_of_what_is_the_newest_or_was_named_nothing_is_said(charrnn: CommandLine, arguments: tuple[str, ...]) -> None:
    done = charrnn(*arguments)
    assert done.returncode == 0, done.stderr
    assert b"its training is at" not in done.stderr


def test_a_run_without_snapshots_is_used_as_it_is(tmp_path: Path) -> None:
    run = Run(tiny.run(tmp_path, "one", {}))
    assert later_state(run) is None
    tiny.save(run.resume_path, kind="resume", iteration=42)
    assert later_state(Run(run.path)) is None
