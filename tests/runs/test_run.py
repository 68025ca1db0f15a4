"""Run directories: made, read and rewound, and what is in the way is named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from helpers import tiny

from charrnn.errors import RunError
from charrnn.runs import samples
from charrnn.runs.creation import create_run
from charrnn.runs.rewinding import rewind
from charrnn.runs.run import Run


def test_snapshots_are_in_the_order_of_the_iteration_inside(tmp_path: Path) -> None:
    path = tiny.run(tmp_path, "one", {100: 3, 2000: 2, 300: 4})
    (path / "iteration-000100.safetensors").rename(path / "zzz.safetensors")
    os.utime(path / "iteration-000300.safetensors", (1, 1))
    assert [file.header.iteration for file in Run(path).snapshots] == [100, 300, 2000]


def test_best_is_the_lowest_held_out_loss_else_the_latest_else_the_resume_file(tmp_path: Path) -> None:
    assert Run(tiny.run(tmp_path, "a", {100: 3, 300: 2, 500: None, 700: 2.5})).best.header.iteration == 300
    assert Run(tiny.run(tmp_path, "b", {100: None, 300: None})).best.header.iteration == 300
    empty = Run(tiny.run(tmp_path, "c", {}))
    with pytest.raises(RunError, match="no snapshot was kept yet"):
        _ = empty.best
    tiny.save(empty.resume_path, kind="resume", iteration=42)
    assert Run(empty.path).best.path == empty.resume_path


def test_the_best_is_an_untrained_network_only_where_there_is_nothing_else(tmp_path: Path) -> None:
    worse = Run(tiny.run(tmp_path, "a", {0: 3, 10: 4, 20: 5}))  # than random
    assert worse.best.header.iteration == 10
    assert Run(tiny.run(tmp_path, "b", {0: None, 10: None})).best.header.iteration == 10
    alone = Run(tiny.run(tmp_path, "c", {0: 3}))
    assert alone.best.header.iteration == 0
    tiny.save(alone.resume_path, kind="resume", iteration=42)
    assert Run(alone.path).best.path == alone.resume_path
    embedding, network = ({"what": what, "path": "x"} for what in ("embedding", "network"))
    assert Run(tiny.run(tmp_path, "d", {0: 3, 10: 4}, began_from=embedding)).best.header.iteration == 10
    assert Run(tiny.run(tmp_path, "e", {0: 3, 10: 4}, began_from=network)).best.header.iteration == 0


def test_resume_file_is_not_a_snapshot_and_a_copy_is_not_the_resume_file(tmp_path: Path) -> None:
    run = Run(tiny.run(tmp_path, "one", {100: 3}))
    tiny.save(run.path / "copy.safetensors", kind="resume", iteration=5)
    assert run.resumable is None
    tiny.save(run.resume_path, kind="resume", iteration=150)
    run = Run(run.path)
    assert run.resumable is not None
    assert run.resumable.header.iteration == 150
    assert [file.header.iteration for file in run.snapshots] == [100]


def test_damaged_files_are_named_and_the_rest_is_there(tmp_path: Path) -> None:
    run = Run(tiny.run(tmp_path, "one", {100: 3}))
    (run.path / "bad.safetensors").write_bytes(b"GIF89a" * 9)
    (run.path / "folder.safetensors").mkdir()
    (run.path / ".half.safetensors.x1.tmp").write_bytes(b"")
    assert len(run.snapshots) == 1
    assert len(run.problems) == 2
    assert "bad.safetensors" in run.problems[0]
    assert "folder.safetensors" in run.problems[1]


def test_metrics_have_no_nan_and_survive_a_half_line(tmp_path: Path) -> None:
    run = create_run(tmp_path, "one", "x")
    run.append_metrics({"iteration": 1, "loss": float("nan")})
    run.append_metrics({"iteration": 2, "loss": 1.5})
    with open(run.metrics_path, "a", encoding="utf-8") as file:
        file.write('{"iteration": 3, "lo')
    assert run.metrics() == [{"iteration": 1, "loss": None}, {"iteration": 2, "loss": 1.5}]
    run.metrics_path.unlink()
    assert run.metrics() == []


def test_rewind_forgets_what_came_after(tmp_path: Path) -> None:
    run = Run(tiny.run(tmp_path, "one", {100: 3, 300: 2, 500: 1}))
    for iteration in (100, 300, 301, 500):
        run.append_metrics({"iteration": iteration})
    run.insert_samples(file.header for file in Run(run.path).snapshots)
    rewind(run, 300)
    run = Run(run.path)
    assert [row["iteration"] for row in run.metrics()] == [100, 300]
    assert [file.header.iteration for file in run.snapshots] == [100, 300]
    assert "Iteration 500" not in run.samples_path.read_text(encoding="utf-8")


def test_rewind_leaves_the_copies_that_someone_keeps(tmp_path: Path) -> None:
    run = Run(tiny.run(tmp_path, "one", {100: 3, 300: 2}))
    (run.path / "the-good-one.safetensors").write_bytes(run.snapshot_path(300).read_bytes())
    (run.path / ".resume.safetensors.ab12.tmp").touch()  # by a process that was killed
    rewind(run, 200)
    assert {path.name for path in run.path.iterdir()} == {
        *("iteration-000100.safetensors", "the-good-one.safetensors", "metrics.jsonl"),
        "iteration-000300.safetensors.replaced",
    }


def test_rewind_keeps_the_samples_of_snapshots_that_are_gone(tmp_path: Path) -> None:
    run = Run(tiny.run(tmp_path, "one", {100: 3, 300: 2, 1500: 1}))
    run.insert_samples(file.header for file in Run(run.path).snapshots)
    before = samples.sections_of(run.samples_path.read_text("utf-8"))
    assert list(before) == [100, 300, 1500]
    run.snapshot_path(100).unlink()
    rewind(Run(run.path), 300)
    assert samples.sections_of(run.samples_path.read_text("utf-8")) == {at: before[at] for at in (100, 300)}


def test_added_samples_make_the_file_that_is_written_anew(tmp_path: Path) -> None:
    run = Run(tiny.run(tmp_path, "one", {100: 3, 1200: 2}))
    for snapshot in run.snapshots:
        run.append_samples([snapshot.header])
    added = run.samples_path.read_bytes()
    run.samples_path.unlink()
    run.insert_samples(file.header for file in Run(run.path).snapshots)
    assert run.samples_path.read_bytes() == added
    run.insert_samples(file.header for file in Run(run.path).snapshots)
    assert run.samples_path.read_bytes() == added


def test_samples_are_a_timeline(tmp_path: Path) -> None:
    run = Run(tiny.run(tmp_path, "one", {300: 2, 100: 3}))
    tiny.save(run.snapshot_path(500), iteration=500, train_loss=None, held_out_loss=None, sample=None)
    run.insert_samples(file.header for file in Run(run.path).snapshots)
    text = run.samples_path.read_text(encoding="utf-8")
    assert text.index("## Iteration 100") < text.index("## Iteration 300") < text.index("## Iteration 500")
    assert "train 2.000 bits per character; held out 3.000 bits per character." in text
    assert "    ell Prin\x1b[31m [red]so[/red]\n" in text  # a file gets the exact characters
    assert "\n.\n" not in text


def test_what_cannot_be_rewritten_is_a_run_error(tmp_path: Path) -> None:
    run = Run(tiny.run(tmp_path, "one", {100: 3}))
    run.samples_path.mkdir()
    with pytest.raises(RunError, match=r"samples\.md: cannot be written"):
        run.insert_samples(file.header for file in Run(run.path).snapshots)


def test_samples_that_cannot_be_rewritten_keep_no_run_from_going_on(tmp_path: Path) -> None:
    run = Run(tiny.run(tmp_path, "one", {100: 3, 300: 2}))
    run.append_metrics({"iteration": 100}, {"iteration": 300})
    run.samples_path.mkdir()
    rewind(run, 100)
    assert run.metrics() == [{"iteration": 100}]


def test_metrics_that_cannot_be_read_are_a_problem_and_stay(tmp_path: Path) -> None:
    run = Run(tiny.run(tmp_path, "one", {100: 3}))
    run.metrics_path.unlink(missing_ok=True)
    run.metrics_path.mkdir()
    assert run.metrics() == []
    assert run.problems == [f"{run.metrics_path}: cannot be read (Is a directory)."]
    with pytest.raises(RunError, match=r"metrics\.jsonl: cannot be written \(Is a directory\)"):
        rewind(run, 50)
    assert [one.header.iteration for one in Run(run.path).snapshots] == [100]


def test_size_is_that_of_every_file(tmp_path: Path) -> None:
    run = Run(tiny.run(tmp_path, "one", {}))
    (run.path / "a").write_bytes(bytes(10))
    (run.path / "b").write_bytes(bytes(5))
    (run.path / "dangling").symlink_to("nowhere")
    assert run.size == 15
