"""`bench/copying.py`: its measures by hand, and its table of what a tiny model writes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from helpers import scripts, tiny

copying = scripts.load("bench/copying.py")
WORDS = [f"{left}{right}" for left in ("ba", "de", "fi", "go", "lu", "ma") for right in ("ch", "nd", "rt", "st", "pp")]


def trained(folder: Path) -> Path:
    """A run on a text of words in any order, of which the last quarter is held out."""
    words = np.random.default_rng(0).choice(WORDS, 1600)
    (folder / "text.txt").write_text(" ".join(words), "utf-8")
    return tiny.run_on(folder / "checkpoints", "words", folder / "text.txt")


def test_known_words_and_copied_stretches_are_measured_by_hand(tmp_path: Path) -> None:
    run = trained(tmp_path)
    real, measure = copying.prepared(run / "iteration-000010.safetensors", 1000)
    text = (tmp_path / "text.txt").read_text("utf-8")
    at = len(text) * 3 // 4
    assert (len(real), real) == (1000, text[at : at + 1000])
    assert measure(real)[0] == "100.0%"
    stretch = text[500:560]  # begins and ends where a word does
    assert measure(f"{stretch}{'z' * 20} ")[1:] == ["74.1%", "60"]
    assert measure("zzz bach zzz zzz ")[0] == "25.0%"
    assert measure(text[at : at + 29])[1:] == ["0.0%", "0"]


def test_a_table_has_a_row_for_each_temperature(tmp_path: Path) -> None:
    run = trained(tmp_path)
    tiny.add_counts(run / "iteration-000010.safetensors", (tmp_path / "text.txt").read_text("utf-8"), share=0.9)
    command = [sys.executable, str(scripts.ROOT / "bench" / "copying.py"), str(run), "--length", "200"]
    done = subprocess.run(
        [*command, "--temperature", "0.5", "1"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(scripts.ROOT), *sys.path[1:]])},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines() if "|" in line][2:]
    assert rows[0][:3] == ["held out", "", "200"]
    assert [row[:3] for row in rows[1:] if row[0] == "network"] == [["network", "0.5", "200"], ["network", "1", "200"]]
    assert rows[0][3] == "100.0%"
    assert [row[:3] for row in rows[2::2]] == [["network + counts", "0.5", "200"], ["network + counts", "1", "200"]]
    alone, both = rows[3:]
    assert alone[4] == "0.0%"  # random weights copy nothing
    assert float(both[3].rstrip("%")) > 50  # and counts of five characters know words
