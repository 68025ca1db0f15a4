"""What holds for every verb, shown with `runs`: standard output that cannot be written is one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from helpers import tiny


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("arguments", ["runs", "runs --json", "runs show novel-1", "compare novel-1", "corpora", "-h"])
def test_a_full_disk_behind_standard_output_is_one_line(tmp_path: Path, arguments: str) -> None:
    tiny.run(tmp_path / "checkpoints", "novel-1", {10: 3.0})
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "charrnn", *arguments.split()],
            stdout=full, stderr=subprocess.PIPE, text=True, cwd=tmp_path, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == "charrnn: standard output: cannot be written (No space left on device). Free space?\n"
