"""Where `charrnn inspect` shows what it finds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers import tiny
from helpers.command_line import CommandLine


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> CommandLine:
    monkeypatch.chdir(tmp_path)
    tiny.run(Path("checkpoints"), "novel-1", {10: 3.0})
    Path("novel.txt").write_text(tiny.TEXT * 3)
    return CommandLine(monkeypatch, capfdbinary)


PREDICTIONS = ("inspect", "predictions", "novel-1", "novel.txt")


def test_it_is_shown_on_a_page_and_in_pictures_beside_the_terminal(line: CommandLine) -> None:
    pytest.importorskip("resvg_py", reason="PNG needs resvg-py: pip install 'charrnn[plot]'")
    for _ in range(2):  # and over what it wrote itself
        done = line(*PREDICTIONS, "--html", "a.html", "--png", "a.png", "--svg", "a.svg")
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(b"What novel-1 expected of novel.txt\n")
        assert b"charrnn: a.html, " in done.stderr
    assert Path("a.html").read_bytes().startswith(b"<!doctype html>")
    assert Path("a.png").read_bytes().startswith(b"\x89PNG")
    assert b"<svg " in Path("a.svg").read_bytes()
    assert not list(Path().glob("*.tmp"))


def test_json_is_all_that_is_on_standard_output(line: CommandLine) -> None:
    done = line(*PREDICTIONS, "--json", "--html", "a.html")
    assert len(json.loads(done.stdout)["places"]) > 2
    assert Path("a.html").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--html", "a.html", "--svg", "./a.html"), "--html, --png and --svg name one file twice."),
        (("--html", "a.png"), "--html a.png: its name says something else. Write --png a.png"),
        (("--svg", "a.htm"), "--svg a.htm: its name says something else. Write --html a.htm"),
        (("--html", "novel.txt"), "novel.txt: is read here"),
        (("--html", "mine.html"), "mine.html: is there already, and charrnn has not made it."),
        (("--html", "checkpoints/novel-1/metrics.jsonl", "--force"), "lies where a run or a text is kept."),
        (("--html", "-"), "pages and pictures are written into files."),
        (("--svg", "nowhere/a.svg"), "nowhere/a.svg: cannot be written"),
        (("--html", "."), "is a directory."),
    ],
)
def test_files_are_checked_before_anything_is_read(line: CommandLine, options: tuple[str, ...], said: str) -> None:
    Path("mine.html").write_text("mine")
    Path("checkpoints/novel-1/metrics.jsonl").touch()
    done = line("inspect", "predictions", "nowhere" if "novel" not in said else "novel-1", "novel.txt", *options)
    assert done.returncode in (1, 2)
    assert said in done.stderr.decode()
    assert Path("mine.html").read_text() == "mine"


@pytest.mark.parametrize("verb", ["gates", "gradients"])
@pytest.mark.parametrize("model", ["learnt-1", "learnt-1/iteration-10"])
def test_the_text_of_a_run_is_not_written_over_though_nobody_named_it(line: CommandLine, verb: str, model: str) -> None:
    tiny.run_on(Path("checkpoints"), "learnt-1", Path("novel.txt"))
    done = line("inspect", verb, model, "--html", "novel.txt", "--force")
    assert b"nothing that is read is written over" in done.stderr
    assert Path("novel.txt").read_text() == tiny.TEXT * 3


def test_force_writes_over_a_file_of_another(line: CommandLine) -> None:
    Path("mine.html").write_text("mine")
    assert line(*PREDICTIONS, "--html", "mine.html", "--force").returncode == 0
    assert Path("mine.html").read_text().startswith("<!doctype html>")
