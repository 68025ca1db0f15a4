"""docs/format.md is enough to read a checkpoint: its lines, without charrnn, write what charrnn writes."""

from __future__ import annotations

import ast
import hashlib
import json
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers import tiny

import charrnn
from charrnn.config import ReadConfig
from charrnn.runs import checkpoint
from charrnn.runs.run import Run
from charrnn.text import corpus

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "format.md").read_text("utf-8")
[LINES] = re.findall(r"```python\n(.*?)```", PAGE, re.S)
TEXT = "".join(f"{n} ships came in; « {n * n} » went out again.\n" for n in range(60))
TINY: dict[str, Any] = {"embedding_size": 8, "batch_size": 4, "seq_length": 12, "device": "cpu", "sample_length": 0}
TINY |= {"iterations": 25, "rnn_size": 12, "learning_rate": 0.02, "precision": "float32", "snapshot_at": ()}
OPTIONS: dict[str, dict[str, Any]] = {
    "usual": {},
    "bare": {"residual": False, "layer_norm": False, "num_layers": 1},
    "tied": {"tied": True, "dropout": 0.2, "input_dropout": 0.1, "recurrent_dropout": 0.1},
    "tied-no-projection": {"tied": True, "embedding_size": 12, "num_layers": 3, "layer_norm": False},
    "one-hot": {"embedding_size": 0, "residual": False, "num_layers": 3, "average": 0.9},
}
PROMPTS = ("1", "12 ships came")
CELLS: tuple[dict[str, Any], ...] = ({}, {"model": "gru"}, {"model": "rnn"}, {"model": "rnn", "nonlinearity": "relu"})


def greedy() -> Callable[[str, str, int], str]:
    """The page's function, alone."""
    tree = ast.parse(LINES)
    assert isinstance(tree.body[-1], ast.Expr), "the last line shows how it is called"
    tree.body.pop()
    names: dict[str, Any] = {}
    exec(compile(tree, "format.md", "exec"), names)
    function: Callable[[str, str, int], str] = names["greedy"]
    return function


def trained(root: Path, text: str | Path = TEXT, reading: ReadConfig | None = None, **settings: Any) -> Path:
    source = corpus.read(text, reading) if isinstance(text, Path) else corpus.from_text(text, config=reading)
    for _ in charrnn.train(source, checkpoint_dir=root, name="run", **TINY | settings):
        pass
    return Run(root / "run").best.path


def test_the_lines_are_few_and_need_no_charrnn() -> None:
    imported = {
        name.name
        for node in ast.walk(ast.parse(LINES))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in node.names
    }
    assert imported == {"json", "struct", "numpy"}
    assert len([line for line in LINES.splitlines() if line.strip()]) <= 100


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS.keys())
@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: "-".join(cell.values()) or "lstm")
def test_they_write_the_same_text(tmp_path: Path, cell: dict[str, Any], options: dict[str, Any]) -> None:
    path = trained(tmp_path, **TINY | cell | options)
    written = [charrnn.load(path).generate(prompt, 80, temperature=0) for prompt in PROMPTS]
    assert [greedy()(str(path), prompt, 80) for prompt in PROMPTS] == written
    tiny.add_counts(path, TEXT)
    mixed = [charrnn.load(path).generate(prompt, 80, temperature=0) for prompt in PROMPTS]
    assert [greedy()(str(path), prompt, 80) for prompt in PROMPTS] == mixed != written


def test_counts_that_do_not_help_are_left_out(tmp_path: Path) -> None:
    path = tiny.add_counts(trained(tmp_path), TEXT, improves=False)
    alone = charrnn.load(path).generate("1", 80, temperature=0, ngrams=False)
    assert greedy()(str(path), "1", 80) == alone == charrnn.load(path).generate("1", 80, temperature=0)


@pytest.mark.parametrize("reading", [ReadConfig(min_count=70), ReadConfig(bytes=True)], ids=["unknown", "bytes"])
def test_of_every_vocabulary(tmp_path: Path, reading: ReadConfig) -> None:
    path = trained(tmp_path, TEXT, reading)
    vocabulary = checkpoint.read_header(path).vocabulary
    assert vocabulary.unknown or vocabulary.of_bytes
    for counted in (path, tiny.add_counts(path, "en enne tense " * 9)):
        assert greedy()(str(counted), "en", 60) == charrnn.load(counted).generate("en", 60, temperature=0)


@pytest.mark.parametrize("of_bytes", [False, True], ids=["characters", "bytes"])
def test_of_a_text_from_its_end(tmp_path: Path, of_bytes: bool) -> None:
    path = trained(tmp_path, TEXT, ReadConfig(bytes=of_bytes), backward=True)
    assert greedy()(str(path), "again.", 60) == charrnn.load(path).generate("again.", 60, temperature=0)


@pytest.mark.parametrize("of_bytes", [False, True], ids=["characters", "bytes"])
def test_of_documents_that_have_a_boundary(tmp_path: Path, of_bytes: bool) -> None:
    """What the model writes goes beyond the end of a document, so that the boundary is written, and begun after."""
    path = tmp_path / "many.txt"
    path.write_text("\n\n".join(f"BEGIN {n % 10} ships.END" for n in range(150)), "utf-8")
    reading = ReadConfig(documents=True, document_separator="\n\n", bytes=of_bytes)
    path = trained(tmp_path, path, reading, iterations=150)
    model = charrnn.load(path)
    assert model.vocabulary.boundary_id is not None
    text = model.generate("BEGIN", 120, temperature=0)
    assert text.count("BEGIN") >= 2, text
    assert greedy()(str(path), "BEGIN", len(text) - text.count("\n\n")) == text
    tiny.add_counts(path, "\n\n".join(f"BEGIN {n % 7} ships.END" for n in range(50)))
    text = charrnn.load(path).generate("BEGIN", 120, temperature=0)
    assert text.count("BEGIN") >= 2, text
    assert greedy()(str(path), "BEGIN", len(text) - text.count("\n\n")) == text


def test_the_file_is_as_the_page_says(tmp_path: Path) -> None:
    data = tiny.add_counts(trained(tmp_path), TEXT).read_bytes()
    begin = 8 + struct.unpack("<Q", data[:8])[0]
    index = json.loads(data[8:begin])
    metadata = index.pop("__metadata__")
    assert set(metadata) == {"charrnn", "sha256"}
    sha = hashlib.sha256(metadata["charrnn"].encode())
    for name in sorted(index):
        entry = index[name]
        first, last = entry["data_offsets"]
        kind = {"F32": "<f4", "F16": "<f2", "U8": "|u1"}[entry["dtype"]]
        sha.update(f"\n{name} {kind} {entry['shape']}\n".encode() + data[begin + first : begin + last])
    assert sha.hexdigest() == metadata["sha256"]
    header = json.loads(metadata["charrnn"])
    told = set(re.findall(r"`(\w+)`", PAGE[PAGE.index("## The header") : PAGE.index("New names may come")]))
    assert set(header) <= told
    told = set(re.findall(r"`\"?(\w+)\"?(?:: \w+|: \"\w+\")?`", PAGE[PAGE.index("## The vocabulary") :])) | {
        "boundary",
        "of_bytes",
    }
    assert set(header["vocabulary"]) <= told | {"unknown"}
    assert set(header["model"]) <= told | {"model", "num_layers", "nonlinearity"}
