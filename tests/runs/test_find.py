"""Runs and checkpoints are found by path, by name, or as the newest."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import tiny

from charrnn.errors import RunError
from charrnn.runs.find import find_checkpoint, find_run, list_runs


def test_runs_are_listed_newest_first(tmp_path: Path) -> None:
    tiny.run(tmp_path, "old", {100: 3}, created="2026-01-01T00:00:00+00:00")
    tiny.run(tmp_path, "new", {100: 3}, created="2026-02-01T00:00:00+00:00")
    tiny.run(tmp_path, "empty", {})
    (tmp_path / "no-run").mkdir()
    (tmp_path / "file.txt").touch()
    assert [run.name for run in list_runs(tmp_path)] == ["new", "old", "empty"]
    with pytest.raises(RunError, match="no runs here"):
        list_runs(tmp_path / "nowhere")


def test_find_by_path_name_or_newest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tiny.run(tmp_path, "one", {100: 2, 300: 3})
    best = path / "iteration-000100.safetensors"
    assert find_checkpoint(path) == best
    assert find_checkpoint(Path("one"), tmp_path) == best
    assert find_checkpoint(None, tmp_path) == best
    assert find_checkpoint(path / "iteration-000300.safetensors").name == "iteration-000300.safetensors"
    assert find_checkpoint(Path("one/iteration-000300.safetensors"), tmp_path).is_file()
    with pytest.raises(RunError, match="no such run"):
        find_checkpoint(Path("two"), tmp_path)
    monkeypatch.chdir(path)
    assert find_run(Path()).name == "one"


def test_nothing_to_find(tmp_path: Path) -> None:
    tiny.run(tmp_path, "empty", {})
    with pytest.raises(RunError, match="charrnn train"):
        find_checkpoint(None, tmp_path)
