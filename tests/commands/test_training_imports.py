"""A training starts without torch's compiler, whose import takes as long as torch's own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from helpers.command_line import SHORT

PROCESS = """
import sys
from charrnn.commands.main import main

for optimizer in ("muon", "adamw", "rmsprop", "sgd"):
    sys.argv = ["charrnn", *sys.argv[1:], "--optimizer", optimizer]
    try:
        main()
    except SystemExit as left:
        assert left.code == 0
assert "torch" in sys.modules
assert not {"torch._dynamo", "torch._inductor", "sympy"} & set(sys.modules)
"""


def test_no_optimizer_imports_torchs_compiler(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("ships came in, and went out again\n" * 100, "utf-8")
    typed = ("train", "text.txt", *SHORT, "--iterations", "2", "--sample-length", "0", "--device", "cpu")
    done = subprocess.run(
        [sys.executable, "-c", PROCESS, *typed], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
