"""The command, called as from a terminal."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from charrnn.commands.main import main
from charrnn.runs import checkpoint

SHORT = ("--rnn-size", "8", "--embedding-size", "4", "--batch-size", "4", "--seq-length", "16", "--sample-length", "40")


@dataclasses.dataclass(frozen=True)
class Completed:
    returncode: int
    stdout: bytes
    stderr: bytes


class CommandLine:
    """The command, in an empty directory: in this process, or in one of its own where it is given standard input."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, captured: pytest.CaptureFixture[bytes]) -> None:
        self.monkeypatch, self.captured = monkeypatch, captured

    def __call__(self, *arguments: str | Path, stdin: bytes | None = None) -> Completed:
        typed = list(map(str, arguments))
        if stdin is not None:
            done = subprocess.run(
                [sys.executable, "-m", "charrnn", *typed], input=stdin, capture_output=True, timeout=120, check=False
            )
            return Completed(done.returncode, done.stdout, done.stderr)
        self.monkeypatch.setattr(sys, "argv", ["charrnn", *typed])
        with pytest.raises(SystemExit) as left:
            main()
        assert isinstance(left.value.code, int)
        return Completed(left.value.code, *self.captured.readouterr())

    def train(self, *arguments: str | Path, stdin: bytes | None = None) -> str:
        """Train, and return what was said."""
        done = self("train", *arguments, "--device", "cpu", "--threads", "1", stdin=stdin)
        assert done.returncode == 0, done.stderr.decode()
        return done.stderr.decode()


def latest_snapshot(path: Path) -> checkpoint.Checkpoint:
    return checkpoint.load(sorted(path.glob("iteration-*.safetensors"))[-1])
