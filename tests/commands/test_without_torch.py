"""Where torch is missing all but training works, and training says so: a process in which it cannot be imported."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from helpers import tiny

ROOT = Path(__file__).resolve().parents[2]

PROCESS = """
import io, json, sys

class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, NoTorch())
from charrnn.commands.main import main

results = {}
for line in sys.argv[1:]:
    sys.argv = ["charrnn", *line.split()]
    sys.stdout.flush()
    said, sys.stderr = sys.stderr, io.StringIO()
    try:
        main()
    except SystemExit as left:
        results[line] = left.code, sys.stderr.getvalue()
    finally:
        sys.stderr = said
print(json.dumps(results), file=sys.stderr)
assert "torch" not in sys.modules
"""

WORKING = (
    "sample novel-1 -n 5",
    "sample novel-1 -n 5 --device auto",
    "sample novel-1 -n 5 --text novel.txt",
    "score novel-1 novel.txt",
    "restore both.safetensors Pri#ce",
    "compare novel-1 --length 5",
    "report novel-1 --text-length 0",
    "inspect gates novel-1 novel.txt --html gates.html --svg gates.svg",
    "inspect neurons novel-1 novel.txt --unit 1.1",
    "inspect predictions novel-1 novel.txt",
    "runs",
    "runs show novel-1",
    "corpora",
    "corpora check novel.txt",
    "runs delete --yes novel-1",
)
REFUSED = (
    "train novel.txt",
    "train nowhere.txt --device cpu",
    "plan novel.txt",
    "sample novel-2 -n 5 --device cuda",
)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str]]:
    desk = tmp_path_factory.mktemp("desk")
    text = tiny.TEXT * 40
    (desk / "novel.txt").write_text(text)
    for name in ("novel-1", "novel-2"):
        tiny.run_on(desk / "checkpoints", name, desk / "novel.txt")
    tiny.save(desk / "both.safetensors", model=dataclasses.replace(tiny.MODEL, bidirectional=True))
    done = subprocess.run(
        [sys.executable, "-c", PROCESS, *WORKING, *REFUSED], cwd=desk, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, tuple[int, str]] = json.loads(done.stderr.splitlines()[-1])
    return found


@pytest.mark.parametrize("typed", WORKING)
def test_what_needs_no_torch_works(results: dict[str, tuple[int, str]], typed: str) -> None:
    code, said = results[typed]
    assert code == 0, said


@pytest.mark.parametrize("typed", REFUSED)
def test_what_needs_it_says_how_to_install_it(results: dict[str, tuple[int, str]], typed: str) -> None:
    code, said = results[typed]
    *notes, error = said.splitlines()
    assert code == 1
    assert "needs torch, which is not installed. Install it: python -m pip install torch." in error
    assert all("its newest snapshot" in note for note in notes)


def test_a_text_is_checked_without_trials(results: dict[str, tuple[int, str]]) -> None:
    assert "no networks were tried: torch is not installed" in results["corpora check novel.txt"][1]


def test_the_document_names_all_other_requirements() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    needed = sorted(re.split(r"[^\w-]", requirement)[0] for requirement in project["dependencies"])
    (line,) = re.findall(
        r"^pip install (charset.*)$", (ROOT / "docs" / "installing.md").read_text("utf-8"), re.MULTILINE
    )
    assert sorted([*line.split(), "torch"]) == needed


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ulimit -v")
def test_where_memory_is_short_nobody_is_told_to_install_torch_again(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("ships came in\n" * 400, "utf-8")
    command = f"ulimit -v 300000; exec {sys.executable} -m charrnn train text.txt"
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("charrnn: memory: there is not enough")
