"""The lecture can be given: what it types is typed here, in order, in one folder, with trainings cut short.

Its figures are those of the trainings as they stand there; here each makes two iterations. The notebook's cells are
executed in one process without Jupyter, whose kernel would bring 36 packages, some of them compiled.
"""

from __future__ import annotations

import ast
import itertools
import json
import re
import shlex
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from charrnn.commands.app import app

ROOT = Path(__file__).resolve().parent.parent
LECTURE = (ROOT / "docs" / "lecture.md").read_text("utf-8")
NOTEBOOK = json.loads((ROOT / "docs" / "lecture.ipynb").read_text("utf-8"))
SHORT = shlex.split("--batch-size 2 --seq-length 8 --val-max 4000 --sample-length 4 --no-ngrams --threads 1")
BLOCKS = re.findall(r"^```console\n(.*?)^```$", LECTURE, re.MULTILINE | re.DOTALL)


def typed(block: str) -> list[list[str]]:
    """The commands of a block, each as it is split by a shell."""
    joined = block.replace("\\\n", " ")
    return [shlex.split(line.removeprefix("$ ")) for line in joined.splitlines() if line.startswith("$ ")]


def shortened(words: list[str]) -> list[str]:
    """A training of two iterations, and what looks at many characters at fewer."""
    if words[0] == "train":
        at = words.index("--iterations")
        words[at + 1] = "2"
        return [*(word for word in words if not re.fullmatch(r"[1-9]\d*,.*", word)), *SHORT]
    if words[:2] == ["inspect", "gradients"] and "--log-only" not in words:
        return [*words, "--places", "4"]
    if words[0] == "fill":
        return [*words, "--draws", "8"]
    return words


def words_of(line: str) -> set[str]:
    return set(line.split())


def test_what_is_typed_works_and_shows_what_stands_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In order; of what is shown the heads of the tables, whose figures are those of long trainings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    for block in BLOCKS:
        printed: list[set[str]] = []
        for program, *words in typed(block):
            assert program == "charrnn", words
            result = CliRunner().invoke(app, shortened(words))
            assert result.exit_code == 0, (words, result.output, result.exception)
            printed += map(words_of, (result.output + result.stderr).splitlines())
        lines = block.splitlines()
        for head, rule in itertools.pairwise(lines):
            if "───" in rule and not rule.lstrip().startswith("└"):
                assert any(words_of(head) <= other for other in printed), (head, result.output)


def test_its_minutes_are_an_hour() -> None:
    minutes = [int(found) for found in re.findall(r"^## .*\((\d+) minutes\)$", LECTURE, re.MULTILINE)]
    assert sum(minutes) == 60, minutes


def test_every_question_has_an_answer() -> None:
    """By number, in order."""
    body, answers = LECTURE.split("\n## Answers\n")
    asked = re.findall(r"\*\*Question (\d+)\.\*\*", body)
    assert asked == [str(number) for number in range(1, len(asked) + 1)]
    assert re.findall(r"^(\d+)\. ", answers.partition("\n## ")[0], re.MULTILINE) == asked


def test_the_notebook_is_one_without_outputs() -> None:
    assert (NOTEBOOK["nbformat"], NOTEBOOK["nbformat_minor"]) == (4, 5)
    cells = NOTEBOOK["cells"]
    assert len({cell["id"] for cell in cells}) == len(cells)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)


def test_every_cell_of_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In order; what a cell ends with, a picture, is one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHARRNN_LECTURE_ITERATIONS", "2")
    names: dict[str, Any] = {}
    pictures = 0
    for cell in NOTEBOOK["cells"]:
        if cell["cell_type"] != "code":
            continue
        *body, last = ast.parse("".join(cell["source"])).body
        exec(compile(ast.Module(body, []), cell["id"], "exec"), names)
        if isinstance(last, ast.Expr):
            shown = eval(compile(ast.Expression(last.value), cell["id"], "eval"), names)
            if shown is not None:
                assert ElementTree.fromstring(shown._repr_svg_()).tag.endswith("svg")
                pictures += 1
        else:
            exec(compile(ast.Module([last], []), cell["id"], "exec"), names)
    assert pictures == 5
