"""The scripts in bench/ find what they import, so that no change of names breaks them unseen; mypy does the rest."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = sorted((Path(__file__).resolve().parents[2] / "bench").glob("*.py"))


def imports(tree: ast.AST) -> set[str]:
    """The statements that import charrnn, wherever they stand."""
    return {
        ast.unparse(node)
        for node in ast.walk(tree)
        if (isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "charrnn")
        or (isinstance(node, ast.Import) and any(alias.name.split(".")[0] == "charrnn" for alias in node.names))
    }


PROGRAM = """
import contextlib, importlib, io, json, sys, traceback
faults = {}
for name, statements in json.load(sys.stdin).items():
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            importlib.import_module(name)
            exec(statements, {})
        faults[name] = printed.getvalue()
    except BaseException:
        faults[name] = traceback.format_exc()
json.dump(faults, sys.stdout)
"""


@pytest.fixture(scope="module")
def faults(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each script printed when it was imported, or why it could not be; all in one process, with one torch."""
    folder = tmp_path_factory.mktemp("empty")
    wanted = {path.stem: "\n".join(sorted(imports(ast.parse(path.read_text("utf-8"))))) for path in SCRIPTS}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=json.dumps(wanted),
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([*filter(None, sys.path), str(SCRIPTS[0].parent)])},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert list(folder.iterdir()) == []
    found: dict[str, str] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", [path.stem for path in SCRIPTS])
def test_a_script_is_imported_without_running_and_finds_what_it_uses(name: str, faults: dict[str, str]) -> None:
    assert faults[name] == ""
