"""`charrnn score --both` as a person meets it: figures, shades, a page, and the likeliest errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import bigrams, tiny
from typer.testing import CliRunner

from charrnn.commands.app import app
from charrnn.config import TrainConfig
from charrnn.errors import CharrnnError, CheckpointError, CorpusError, UsageError
from charrnn.evaluation.both_sides import judge
from charrnn.evaluation.suspects import find, places_for
from charrnn.runs import checkpoint
from charrnn.text.vocabulary import Vocabulary, to_code_points

LETTERS = "\nabcdefgh"
TABLE = np.full((9, 9), 0.01) + 0.91 * np.roll(np.eye(9), 1, axis=1)  # each is followed by the next
VOCABULARY = Vocabulary.of(to_code_points(LETTERS))
TEXT = "abcdefgh\n" * 4 + "abcdaefgh\nabdcefgh\nabcdefgh\n<b>"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("checkpoints")
    for name, table, backward in (("ahead", TABLE, False), ("behind", TABLE.T, True)):
        directory = tiny.run(root, name, {})
        training = TrainConfig(iterations=100, backward=backward)
        made = tiny.header(model=bigrams.config(9), vocabulary=VOCABULARY, training=training)
        checkpoint.save(directory / "iteration-000100.safetensors", made, bigrams.weights(table.tolist()))
    tiny.run(root, "another", {100: 2.5}, training=TrainConfig(iterations=100, backward=True))
    return root


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "letter.txt"
    path.write_text(TEXT, "utf-8")
    return path


def invoke(root: Path, *arguments: str | Path) -> tuple[str, str]:
    typed = ["score", *map(str, arguments), "--checkpoint-dir", str(root)]
    result = CliRunner().invoke(app, typed, env={"COLUMNS": "80"}, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout, result.stderr


def refused(root: Path, kind: type[CharrnnError], *arguments: str | Path) -> str:
    with pytest.raises(kind) as caught:
        invoke(root, *arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def expected() -> tuple[Any, Any]:
    """What the library says: the bits, and the errors."""
    sides = bigrams.side(TABLE.tolist()), bigrams.side(TABLE.T.tolist())
    judged = judge(*sides, VOCABULARY, TEXT, candidates=places_for(3))
    return judged, find(*sides, VOCABULARY, judged, 3)


def test_json_has_what_the_library_says_in_any_order_of_the_models(root: Path, text: Path) -> None:
    judged, suspects = expected()
    facts = json.loads(invoke(root, "--both", "ahead", "behind", text, "--suspects", "3", "--json")[0])
    assert facts == json.loads(invoke(root, "behind", "ahead", text, "--suspects", "3", "--json")[0])
    [one] = facts["scores"]
    assert one["model"] == "ahead + behind"
    assert one["characters"] == len(TEXT)
    assert one["unseen"] == 2
    assert one["bits_per_character"] == pytest.approx(judged.score.bits_per_character)
    both = facts["both"]
    assert both["suspects"] == [suspect.to_dict() for suspect in suspects]
    assert both["forward"]["bits_per_character"] == pytest.approx(np.nanmean(judged.one_side[0]))
    assert both["backward"]["checkpoint"].endswith("behind/iteration-000100.safetensors")
    assert any("what is before" in note for note in facts["notes"])


def test_the_errors_are_shown_with_what_mends_them(root: Path, text: Path) -> None:
    out, err = invoke(root, "--both", text, "--suspects", "5", "--count", "1")
    assert "the newest of one vocabulary" in err
    shown = out.partition("What is likely an error")[2]
    assert "ab[dc|cd]efgh" in shown
    assert "abcd[a|]efgh" in shown
    assert "[a|b]: a stands there" in shown
    assert "What is likely" not in invoke(root, "--both", text)[0]
    text.write_text("abcdefgh\n" * 4, "utf-8")
    assert "No place is likelier" in invoke(root, "--both", text, "--suspects", "5")[0]


def test_the_page_has_them_and_nothing_in_it_is_markup(root: Path, text: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    invoke(root, "--both", text, "--suspects", "5", "--html", page)
    written = page.read_text("utf-8")
    assert "ab[<del>dc</del>|<ins>cd</ins>]efgh" in written
    assert "<b>" not in written
    assert 'class="s4"' in written
    invoke(root, "--both", text, "--html", page)
    assert "<del>" not in page.read_text("utf-8")


def test_what_cannot_be_is_refused(root: Path, text: Path) -> None:
    assert "--cold" in refused(root, UsageError, "--both", "ahead", "behind", text, "--cold")
    assert "--lines" in refused(root, UsageError, "--suspects", "3", text, "--lines")
    assert "FORWARD BACKWARD" in refused(root, UsageError, "--both", "ahead", text)
    assert "both read from the end" in refused(root, CheckpointError, "--both", "behind", "another", text)
    assert "different vocabularies" in refused(root, CheckpointError, "--both", "ahead", "another", text)
    text.write_text("a", "utf-8")
    assert "at least two" in refused(root, CorpusError, "--both", text)
