"""`charrnn score --lines`, and how models are told from texts."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from helpers import tiny
from typer.testing import CliRunner

from charrnn.commands.app import app
from charrnn.errors import CharrnnError, CheckpointError, CorpusError, UsageError
from charrnn.evaluation import scoring
from charrnn.network.engine import Engine
from charrnn.runs import checkpoint

LINES = ["Well, Prince", "", "Genoa and Lucca", "are now", "qqqq", "are now"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("checkpoints")
    tiny.run(root, "tolstoy", {100: 3.2}, created="2026-01-01T00:00:00+00:00")
    tiny.run(root, "austen", {700: 3.1})
    return root


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "lines.txt"
    path.write_text("\n".join(LINES) + "\n", "utf-8")
    return path


def invoke(root: Path, *arguments: str | Path, given: bytes | None = None) -> tuple[str, str]:
    typed = ["score", *map(str, arguments), "--checkpoint-dir", str(root)]
    result = CliRunner().invoke(app, typed, input=given, env={"COLUMNS": "80"}, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout, result.stderr


def ranked(root: Path, *arguments: str | Path, given: bytes | None = None) -> list[dict[str, Any]]:
    out, _ = invoke(root, *arguments, "--lines", "--json", given=given)
    [part] = json.loads(out)["scores"]
    parts: list[dict[str, Any]] = part["ranked"]
    return parts


def refused(kind: type[CharrnnError], root: Path, *arguments: str | Path) -> str:
    with pytest.raises(kind) as caught:
        invoke(root, *arguments)
    return str(caught.value)


def alone(root: Path, line: str) -> float:
    """The bits per character of a line after a line end, by the whole-text score."""
    kept = checkpoint.load(root / "austen" / "iteration-000700.safetensors")
    found = scoring.score(Engine(kept.header.model, kept.weights), kept.header.vocabulary, "\n" + line)
    assert found.text == line
    return found.bits_per_character


def test_each_line_is_scored_on_its_own_and_ranked(root: Path, text: Path) -> None:
    found = ranked(root, "austen", text)
    assert sorted(part["line"] for part in found) == [1, 3, 4, 5, 6], "an empty line is none"
    for part in found:
        assert part["text"] == LINES[part["line"] - 1]
        assert part["characters"] == len(part["text"])
        assert part["unseen"] == (4 if part["text"] == "qqqq" else 0)
        assert part["bits_per_character"] == pytest.approx(alone(root, part["text"]), abs=1e-5)
    bits = [part["bits_per_character"] for part in found]
    assert bits == sorted(bits)
    assert [part["line"] for part in found if part["text"] == "are now"] == [4, 6]
    text.write_text("\n".join(reversed(LINES)), "utf-8")
    again = {part["text"]: part["bits_per_character"] for part in ranked(root, "austen", text)}
    assert again == {part["text"]: part["bits_per_character"] for part in found}, "whatever stands before"


def test_lines_on_a_terminal_and_from_a_pipe(root: Path, text: Path) -> None:
    out, _ = invoke(root, "--lines", "austen", text)
    rows = re.findall(r"^ *(\d+) +(\d+) +([\d.]+) +(\S.*?) *$", out, re.M)
    assert [(int(line), float(bits)) for line, _, bits, _ in rows] == [
        (part["line"], round(part["bits_per_character"], 3)) for part in ranked(root, "austen", text)
    ]
    assert {line: shown for line, _, _, shown in rows}["3"] == "Genoa and Lucca"
    assert "Each line was read on its own" in out
    assert ranked(root, "austen", "-", given=text.read_bytes()) == ranked(root, "austen", text)


def test_documents_of_a_folder_and_several_texts_are_ranked(root: Path, text: Path, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "b").mkdir(parents=True)
    (folder / "a.txt").write_text("are now\n", "utf-8")
    (folder / "b" / "a.txt").write_text("Well, Prince\nqq\n", "utf-8")
    found = ranked(root, "austen", folder)
    assert len(found) == 2
    assert found[0]["document"] == "a.txt"
    assert found[0]["bits_per_character"] == pytest.approx(alone(root, "are now\n"), abs=1e-5)
    several = ranked(root, "austen", folder / "a.txt", text)
    assert {part["document"] for part in several} == {"a.txt", "lines.txt"}
    assert "Each document" in invoke(root, "--lines", folder / "a.txt", text)[0], "of the newest run"


def test_several_models_have_a_column_each(root: Path, text: Path) -> None:
    out, _ = invoke(root, "--lines", "tolstoy", "austen", text)
    rows = re.findall(r"^ *(\d+) +\d+ +([\d.]+) +([\d.]+) +(\S.*?) *$", out, re.M)
    assert len(rows) == 5
    facts = json.loads(invoke(root, "--lines", "tolstoy", "austen", text, "--json")[0])
    means = [scored["bits_per_character"] for scored in facts["scores"]]
    assert means == sorted(means)
    bits = [{str(part["line"]): part["bits_per_character"] for part in scored["ranked"]} for scored in facts["scores"]]
    for line, first, second, _ in rows:
        assert (float(first), float(second)) == pytest.approx([by_line[line] for by_line in bits], abs=6e-4)


def test_what_lines_cannot_be_with(root: Path, text: Path, tmp_path: Path) -> None:
    assert refused(UsageError, root, "--lines", "--cold", "--html", tmp_path / "x", "austen", text).startswith(
        "--cold, --html"
    )
    text.write_text("\n\n", "utf-8")
    assert "only empty lines" in refused(CorpusError, root, "--lines", "austen", text)


def test_a_text_of_one_character_is_scored(root: Path, text: Path) -> None:
    text.write_text("qqqq", "utf-8")
    facts = json.loads(invoke(root, "austen", text, "--json")[0])
    [scored] = facts["scores"]
    assert (scored["characters"], scored["unseen"]) == (3, 3)
    assert scored["bits_per_character"] == pytest.approx(scoring.UNSEEN_BITS)
    assert scored["bits_per_character_without_unseen"] is None
    text.write_text("nnnn", "utf-8")
    assert json.loads(invoke(root, "austen", text, "--json")[0])["scores"][0]["unseen"] == 0
    text.write_text("", "utf-8")
    assert "learn" not in refused(CorpusError, root, "austen", text)


def test_models_and_texts_in_another_order(root: Path, text: Path, tmp_path: Path) -> None:
    other = tmp_path / "with space.txt"
    other.write_text("Well, well", "utf-8")
    said = refused(UsageError, root, text, "austen")
    assert "the text comes last" in said
    assert said.endswith(f"charrnn score austen {text}")
    assert f"charrnn score austen tolstoy {text}" in refused(UsageError, root, "austen", text, "tolstoy")
    said = refused(CheckpointError, root, other, text)
    assert said.startswith(f"{other}: is a text")
    assert said.endswith(f"charrnn score --lines '{other}' {text}")
    assert "is a text" in refused(CheckpointError, root, "austen", other, text)
    assert "is a text" in refused(CheckpointError, root, tmp_path, text), "a folder"
    assert "no such run" in refused(CharrnnError, root, "nowhere", text)
