"""A held-out passage of documents kept apart: whole documents, each read from its boundary on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import tiny

from charrnn.config import ReadConfig, TrainConfig
from charrnn.evaluation.compared_samples import beside_real_text
from charrnn.evaluation.held_out_passage import HeldOutPassage, held_out_passage, own_text
from charrnn.model import Model
from charrnn.network.engine import Engine
from charrnn.runs import checkpoint
from charrnn.runs.training_text import TrainingText, find_training_text
from charrnn.text import corpus

NAMES = [f"{first}{rest}" for first in "abcdefgh" for rest in ("nna", "lex", "rin", "mo", "ttar")]


@pytest.mark.parametrize(("size", "separator"), [(1, "\n"), (400, "\n--\n")], ids=["short", "long"])
def test_documents_are_shown_whole_and_each_read_by_itself(tmp_path: Path, size: int, separator: str) -> None:
    path = tmp_path / "names.txt"
    path.write_text(separator.join(name * size for name in NAMES), "utf-8")
    reading = ReadConfig(document_separator=separator)
    run = tiny.run_on(tmp_path, "names", path, read=reading)
    loaded = checkpoint.load(run / "iteration-000010.safetensors")
    source = own_text(loaded)
    assert isinstance(source, TrainingText)
    passage = held_out_passage(loaded, Engine(loaded.header.model, loaded.weights), source)
    assert isinstance(passage, HeldOutPassage)
    whole = corpus.read(path, reading)
    spans = whole.split(0.25, TrainConfig().val_max).held_out
    documents = [whole.vocabulary.decode(whole.ids[start : stop - 1]) for _, start, stop in spans]
    shown = [max(documents, key=len)[:1500]] if size > 1 else documents
    assert "".join(text for _, text in passage.pieces) == "\n".join(shown)
    each = np.concatenate([Model(loaded).bits(document) for document in shown])
    assert passage.bits == pytest.approx(float(each.mean()), abs=1e-4)


def test_real_words_are_not_run_together(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_text("\n".join(NAMES * 20), "utf-8")
    run = tiny.run_on(tmp_path, "names", path, read=ReadConfig(document_separator="\n"))
    file = run / "iteration-000010.safetensors"
    _, real = beside_real_text(["anna\nblex\ncmo\n" * 4], find_training_text(file, checkpoint.read_header(file)))
    assert real.known_words is not None
    assert real.known_words > 0.9
