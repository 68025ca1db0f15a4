"""`bench/gpu.py`: all of it on a CPU, and that a check which fails is told and ends it with 1."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers import scripts

gpu = scripts.load("bench/gpu.py")


def test_everything_runs_on_a_cpu(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "gpu.md"
    assert gpu.main(["--device", "cpu", "--tiny", "--output", str(output)]) == 0
    printed = capsys.readouterr().out
    assert printed == output.read_text("utf-8")
    name, *lines = printed.splitlines()
    assert name.startswith("cpu, ")
    checks = [line for line in lines if line.startswith("- ")]
    assert len(checks) == 8
    assert all(": ok: " in line for line in checks)
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("| lstm")]
    assert [row[2] for row in rows][:2] == ["float32", "bfloat16"]
    for row in rows:
        assert row[:2] == ["lstm 2 x 16", "8 x 8"]
        assert all(float(cell.replace(",", "")) > 0 for cell in row[3:7])


def test_what_fails_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def checks(bench: object) -> Iterator[tuple[str, Callable[[], str]]]:
        yield "fails", lambda: gpu.require(False, "1 is no more than 2")
        yield "breaks", lambda: 1 // 0
        yield "goes on", lambda: "yes"

    monkeypatch.setattr(gpu.Bench, "checks", checks)
    monkeypatch.setattr(gpu.Bench, "speeds", lambda _: iter(()))
    assert gpu.main(["--device", "cpu", "--tiny"]) == 1
    printed = capsys.readouterr().out
    assert "- fails: FAILED: Failed: 1 is no more than 2\n" in printed
    assert "- breaks: FAILED: ZeroDivisionError" in printed
    assert "- goes on: ok: yes\n" in printed
    assert printed.endswith("a check FAILED\n")


def test_losses_that_are_apart_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "LOSSES", 2)
    bench = gpu.Bench("cpu", tiny=True)
    real, seeds = bench.trainer, iter((1, 2))
    monkeypatch.setattr(bench, "trainer", lambda *device, **settings: real(*device, **settings, seed=next(seeds)))
    with pytest.raises(gpu.Failed, match=" apart"):
        bench.same_losses()
