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


@pytest.mark.parametrize(
    "typed",
    ["one/iteration-000300", "one/iteration-300", "one/iteration-0300.safetensors", "one/300", "one:300", "one:00300"],
)
def test_a_snapshot_by_its_iteration(tmp_path: Path, typed: str) -> None:
    path = tiny.run(tmp_path, "one", {100: 2, 300: 3})
    assert find_checkpoint(Path(typed), tmp_path) == path / "iteration-000300.safetensors"
    assert find_checkpoint(tmp_path / typed) == path / "iteration-000300.safetensors"


def test_a_snapshot_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    tiny.run(tmp_path, "one", {100: 2, 300: 3})
    for typed in ("one:200", "one/iteration-200.safetensors"):
        with pytest.raises(RunError, match=r"no snapshot of iteration 200\. Those of one: 100, 300"):
            find_checkpoint(Path(typed), tmp_path)
    with pytest.raises(RunError, match="no such run"):
        find_checkpoint(Path("two:200"), tmp_path)


def test_a_run_whose_name_ends_in_a_number_is_that_run(tmp_path: Path) -> None:
    tiny.run(tmp_path, "one", {100: 2, 300: 3})
    path = tiny.run(tmp_path, "one:300", {700: 2})
    assert find_checkpoint(Path("one:300"), tmp_path) == path / "iteration-000700.safetensors"


def test_a_run_that_is_not_there_says_what_is(tmp_path: Path) -> None:
    path = tiny.run(tmp_path / "runs", "novel-1", {100: 2})
    (tmp_path / "empty").mkdir()
    for where, root, said in (
        (path.parent, tmp_path, "is a directory of runs. Name one of them: "),
        (Path("nothing"), tmp_path, "no such run"),
        (Path("empty"), tmp_path, "is a directory without any checkpoint"),
        (tmp_path / "empty", tmp_path, "is a directory without any checkpoint"),
        (Path("novel1"), path.parent, "Did you mean novel-1?"),
        (path / "iteration-000100.safetensors", tmp_path, "where a whole run is wanted. Its run is "),
    ):
        with pytest.raises(RunError, match=said):
            find_run(where, root)


def test_a_resume_file_stands_for_its_run(tmp_path: Path) -> None:
    path = tiny.run(tmp_path, "one", {100: 2})
    tiny.save(path / "resume.safetensors", kind="resume")
    assert find_run(path / "resume.safetensors").path == path
