"""The house keeps its order: modules of one sitting, rooms that say what they are for, examples that are right."""

from __future__ import annotations

import ast
import doctest
import importlib
import pkgutil
import tomllib
from pathlib import Path
from typing import Any

import pytest

import charrnn

PACKAGE = Path(charrnn.__file__).parent
ROOT = Path(__file__).resolve().parent.parent
FILES = sorted(PACKAGE.rglob("*.py"))
MODULES = [
    module.name for module in pkgutil.walk_packages([str(PACKAGE)], "charrnn.") if not module.name.endswith("__main__")
]
ROOMS = sorted(path.parent for path in PACKAGE.glob("*/__init__.py"))
LONGEST_MODULE, LONGEST_FUNCTION = 320, 60  # lines


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_module_is_read_in_one_sitting(path: Path) -> None:
    text = path.read_text("utf-8")
    assert len(text.splitlines()) <= LONGEST_MODULE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            first = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
            assert (node.end_lineno or 0) - first[0].lineno < LONGEST_FUNCTION, node.name


@pytest.mark.parametrize("room", ROOMS, ids=name_of)
def test_a_room_says_what_it_is_for_and_what_it_may_import(room: Path) -> None:
    tree = ast.parse((room / "__init__.py").read_text("utf-8"))
    docstring = ast.get_docstring(tree) or ""
    assert "May import" in docstring
    assert all(isinstance(node, ast.Expr | ast.ImportFrom) for node in tree.body)  # what it re-exports, and no code


@pytest.mark.parametrize("name", MODULES)
def test_examples_are_right(name: str) -> None:
    results = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert results.failed == 0


def test_there_are_examples() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = [test for name in MODULES for test in finder.find(importlib.import_module(name)) if test.examples]
    assert len(found) >= 3


def test_every_room_has_its_floor() -> None:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contract = project["tool"]["importlinter"]["contracts"][0]
    floors = [name.strip() for layer in contract["layers"] for name in layer.split("|")]
    assert contract["exhaustive"]
    assert len(contract["layers"]) <= 12
    assert {room.name for room in ROOMS} <= set(floors)
    assert len(floors) == len(set(floors))
