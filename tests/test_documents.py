"""What people read is true: code blocks run, links lead somewhere, tables are tables, and the README is a page."""

from __future__ import annotations

import gzip
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import typer
from helpers import telling
from typer.testing import CliRunner

import charrnn
from charrnn.commands.app import app
from charrnn.config import ModelConfig, TrainConfig
from charrnn.training import autotune, plan_trial, trials

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("bench/*.md"), ROOT / "corpora/README.md"],
    key=lambda path: path.as_posix(),
)
IN_ORDER = {ROOT / "docs/lecture.md"}  # whose commands build on each other: tests/test_lecture.py
NOVEL = (ROOT / "corpora" / "the-tidewater-bank.txt").read_text("utf-8")[:30_000]
TINY = shlex.split("--iterations 2 --batch-size 2 --seq-length 8 --sample-length 4 --snapshot-at 1 --eval-every 0")
SMALL = shlex.split("--rnn-size 6 --embedding-size 4")


class Block(NamedTuple):
    """A fenced block of a document."""

    document: str
    line: int  # at which it begins
    language: str
    text: str


def blocks(*languages: str) -> list[Block]:
    found = []
    for path in DOCUMENTS:
        if path in IN_ORDER:
            continue
        text = path.read_text("utf-8")
        for match in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            if match[1] in languages:
                name = path.relative_to(ROOT).as_posix()
                found.append(Block(name, text.count("\n", 0, match.start()) + 1, match[1], match[2]))
    return found


def commands(block: Block) -> Iterator[str]:
    """What is typed in a block: without prompts, comments and what follows a pipe."""
    for line in block.text.splitlines():
        if block.language == "sh" or line.startswith("$ "):
            yield re.sub(r"\s+#.*|\s*[|>].*", "", line.removeprefix("$ "))


COMMANDS = [
    pytest.param(command, id=f"{block.document}:{block.line}: {command[:50]}")
    for block in blocks("sh")
    for command in commands(block)
    if command
]


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the texts and runs that the documents speak of, small ones."""
    folder = tmp_path_factory.mktemp("stock")
    for name in ("book", "letters", "letter", "war-and-peace", "chapters/one", "notes/a", "notes/b"):
        path = folder / f"{name}{'.md' if name.startswith('notes') else '.txt'}"
        path.parent.mkdir(exist_ok=True)
        path.write_text(NOVEL[:3000] if name != "letter" else NOVEL[:300], "utf-8")
    for name in ("poems/a", "poems/b"):
        (folder / "poems").mkdir(exist_ok=True)
        (folder / f"{name}.txt").write_text(NOVEL[:1500], "utf-8")
    (folder / "names.txt").write_text("\n".join(NOVEL[:3000].split()), "utf-8")
    (folder / "stories.txt").write_text("\n\n".join([NOVEL[:1000]] * 3), "utf-8")
    (folder / "letters.txt.gz").write_bytes(gzip.compress(NOVEL[:2000].encode()))
    for name in (
        "war-and-peace-1",
        "war-and-peace-10m-1",
        "war-and-peace-30m-1",
        "shakespeare-1",
        "names-1",
        "poems-1",
    ):
        telling.run(folder / "checkpoints", name, {100: 3.0, 300: 2.5}, text=NOVEL)
    for name, backward in (("forward-1", False), ("backward-1", True), ("shakespeare-backward-1", True)):
        training = TrainConfig(iterations=300, val_frac=0.5, backward=backward)
        facts = {"training": training, "created": "2026-01-01T00:00:00+00:00"}
        telling.run(folder / "checkpoints", name, {100: 3.0, 300: 2.5}, text=NOVEL, **facts)
    both = ModelConfig(num_layers=1, rnn_size=4, embedding_size=3, bidirectional=True).completed()
    telling.run(folder / "checkpoints", "restorer-1", {300: 2.5}, text=NOVEL, model=both, created=facts["created"])
    settings = {"iterations": 2, "rnn_size": 6, "batch_size": 2, "seq_length": 8, "sample_length": 4}
    events = charrnn.train(folder / "book.txt", name="book-1", checkpoint_dir=folder / "checkpoints", **settings)
    next(events)  # and no more: it can be resumed
    return folder


@pytest.fixture
def desk(stock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it to work in."""
    desk = tmp_path / "desk"
    shutil.copytree(stock, desk)
    monkeypatch.chdir(desk)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(trials, "_SECONDS", 0.01)
    monkeypatch.setattr(autotune, "_TRIAL_SECONDS", 0.01)
    monkeypatch.setattr(plan_trial, "_TRIAL_SECONDS", 0.01)
    return desk


def quickened(words: list[str]) -> list[str]:
    """A command that does the same in little time."""
    verb, *rest = words
    if verb == "plan" and {"--gpus", "--nproc-per-node"} & {*rest}:  # several processes' streams take more than 3000
        return [*words, "--characters", "400000"]
    if verb != "train" or "--resume" in rest:
        return words
    for budget in ("--time", "--iterations", "--max-epochs"):
        if budget in words:
            at = words.index(budget)
            words = words[:at] + words[at + 2 :]
    return words + TINY + ([] if "--init-from" in words or "--embedding-from" in words else SMALL)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_can_be_typed(command: str, desk: Path) -> None:
    typed, *words = shlex.split(command)
    program = Path(typed).name  # charrnn-env/bin/charrnn
    if program == "make":
        assert re.search(rf"^{words[0]}:", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    elif program == "charrnn" and words[:2] == ["corpora", "fetch"]:  # there may be no network
        root = typer.main.get_command(app)
        assert root.commands["corpora"].commands["fetch"].make_context("fetch", words[2:])  # type: ignore[attr-defined]
    elif program == "charrnn":
        result = CliRunner().invoke(app, quickened(words))
        assert result.exit_code == 0, (result.output, result.exception)
    else:
        assert program in ("pip", "pipx", "uv", "python3")


@pytest.mark.parametrize("block", blocks("console"), ids=lambda block: f"{block.document}:{block.line}")
def test_output_that_is_shown_is_what_comes(block: Block, desk: Path) -> None:
    """Its headings do: the figures are those of long trainings."""
    (command,) = commands(block)
    result = CliRunner().invoke(app, quickened(shlex.split(command)[1:]))
    assert result.exit_code == 0, (result.output, result.exception)
    printed = {" ".join(line.split()) for line in (result.output + result.stderr).splitlines()}
    lines = block.text.splitlines()
    for number, line in enumerate(lines):
        if "───" in line:
            assert " ".join(lines[number - 1].split()) in printed
        if re.match(r"--- iteration|Measured on|charrnn: \d", line):
            shape = re.sub(r"[\d,.]+", "#", line)
            assert any(re.sub(r"[\d,.]+", "#", other).startswith(shape[:14]) for other in printed), (line, printed)


SCRIPTS = [pytest.param(block.text, id=f"{block.document}:{block.line}") for block in blocks("bash")]


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_is_one_that_bash_reads(script: str) -> None:
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)


def test_a_loop_over_settings_runs_and_is_compared(desk: Path) -> None:
    [loop] = [block.text for block in blocks("bash") if block.text.startswith("for ")]
    (desk / "charrnn").write_text(
        f'#!/bin/sh\n[ "$1" = train ] && set -- "$@" {shlex.join(TINY + SMALL)}\n'
        f'exec {shlex.quote(sys.executable)} -m charrnn "$@"\n'
    )
    (desk / "charrnn").chmod(0o755)
    path = os.pathsep.join([str(desk), os.environ["PATH"]])
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["bash", "-e"], input=loop, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert len(list((desk / "checkpoints").glob("dropout-*"))) == 2
    table = done.stdout[done.stdout.index("Settings that differ") :]
    assert re.search(r"^dropout +0\.0 +0\.2$", table, re.MULTILINE)


@pytest.mark.parametrize("document", sorted({block.document for block in blocks("python")}))
def test_every_python_block_runs(document: str, desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    for block in blocks("python"):
        if block.document == document:
            if "from ray import" in block.text:
                pytest.importorskip("ray")
            quick = re.sub(r"iterations=\d+", "iterations=4, rnn_size=6, batch_size=2, seq_length=8", block.text)
            exec(compile(quick.replace("snapshot_at=(100,)", "snapshot_at=(2,)"), document, "exec"), names)
    assert capsys.readouterr().out


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)[^)]*\)", path.read_text("utf-8"))
    for link in links:
        file, _, heading = link.partition("#")
        if "://" in link:
            continue
        assert (path.parent / file).exists(), link
        if heading:
            text = (path.parent / file).read_text("utf-8")
            headings = [title.lower().replace(" ", "-") for title in re.findall(r"^#+ (.*)$", text, re.MULTILINE)]
            assert heading in headings, link


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_tables_render(path: Path) -> None:
    """Each has a head, a rule, and as many cells in every row."""
    table: list[str] = []
    for number, line in enumerate([*path.read_text("utf-8").splitlines(), ""], 1):
        if line.startswith("|"):
            table.append(line)
            continue
        if table:
            cells = {len(re.sub(r"\\\|", "", row).strip().strip("|").split("|")) for row in table}
            assert len(table) > 2, (number, table)
            assert re.fullmatch(r"[|\-: ]+", table[1]), (number, table[1])
            assert len(cells) == 1, (number, cells)
        table = []


def test_the_readme_is_a_page() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 150
