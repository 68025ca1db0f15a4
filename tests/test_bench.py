"""The scripts in bench/ find what they import, so that no change of names breaks them unseen; mypy does the rest."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = sorted((Path(__file__).resolve().parent.parent / "bench").glob("*.py"))


def imports(tree: ast.AST) -> set[str]:
    """The statements that import charrnn, wherever they stand."""
    return {
        ast.unparse(node)
        for node in ast.walk(tree)
        if (isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "charrnn")
        or (isinstance(node, ast.Import) and any(alias.name.split(".")[0] == "charrnn" for alias in node.names))
    }


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_is_imported_without_running_and_finds_what_it_uses(path: Path, tmp_path: Path) -> None:
    statements = sorted(imports(ast.parse(path.read_text("utf-8"))))
    code = "\n".join(["import importlib, sys", f"importlib.import_module({path.stem!r})", *statements])
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([*filter(None, sys.path), str(path.parent)])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []
