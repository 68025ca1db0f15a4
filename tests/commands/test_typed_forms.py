"""What was typed in another form than the model's: prompts, stop strings, scored texts and searches, told in a line."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import tiny
from typer.testing import CliRunner

import charrnn
from charrnn.commands.app import app
from charrnn.config import ReadConfig
from charrnn.errors import VocabularyError
from charrnn.evaluation.head_to_head import measure
from charrnn.evaluation.novelty import find
from charrnn.evaluation.scoring import Score
from charrnn.runs.checkpoint import load
from charrnn.terminal.scores import ModelScore, remarks, without_unknown
from charrnn.text import corpus
from charrnn.text.vocabulary import Vocabulary, to_code_points

CURLY = "“It’s été,” he said — “we’ll go…” ‘Yes.’\n"
STRAIGHT = "\"It's été,\" he said -- \"we'll go...\" 'Yes.'\n"


def of(text: str) -> Vocabulary:
    return Vocabulary.of(to_code_points(text))


@pytest.fixture
def curly(tmp_path: Path) -> Path:
    return tiny.save(tmp_path / "curly.safetensors", vocabulary=of(CURLY.replace("…", "") + "."))


def invoke(*arguments: str | Path) -> tuple[str, str]:
    result = CliRunner().invoke(app, [*map(str, arguments)], env={"COLUMNS": "80"}, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout, result.stderr


def test_a_prompt_from_a_keyboard_is_taken_and_told(curly: Path) -> None:
    typed, meant = "\"It's e\u0301te\u0301", "“It’s été"
    common = ("sample", curly, "--seed", "3", "-n", "20", "-p")
    out, err = invoke(*common, typed)
    assert (out, "read with" in err) == (invoke(*common, meant)[0], True)
    assert out.startswith(meant)
    assert "charrnn: the prompt is read with composed characters (é), “ for \" and ’ for '." in err.splitlines()
    assert "read with" not in invoke(*common, meant)[1]
    facts = json.loads(invoke(*common, typed, "--json")[0])
    assert facts["prime"] == meant


def test_a_stop_string_is_looked_for_as_the_model_writes_it(curly: Path) -> None:
    common = ("sample", curly, "--seed", "3", "-n", "900", "-t", "9", "-p", "he", "--no-echo")
    out, err = invoke(*common, "--until", "'", "--until", "e\u0301")
    assert out.endswith(("’", "é"))
    assert len(out) < 900
    assert "--until ' is read with ’ for '." in err


def test_every_snapshot_tells_it_once(tmp_path: Path) -> None:
    tiny.run(tmp_path, "novel", {10: 3.0, 20: 2.0}, vocabulary=of(CURLY))
    _, err = invoke("sample", "novel", "--checkpoint-dir", tmp_path, "--every-snapshot", "-n", "5", "-p", "It's")
    assert err.count("is read with") == 1


def test_a_rare_character_is_shown_as_it_was_typed(tmp_path: Path) -> None:
    rare = Vocabulary(to_code_points("\n abe"), unknown=True)
    model = tiny.save(tmp_path / "rare.safetensors", vocabulary=rare)
    out, err = invoke("sample", model, "-n", "9", "-p", "aqé", "--unknown", "replace")
    assert out.startswith("aqe")
    assert "\ufffd" not in out
    assert "the symbol of rare characters for q" in err
    with pytest.raises(VocabularyError) as caught:
        invoke("sample", model, "-p", "aq")
    assert "never seen" not in str(caught.value)
    text = tmp_path / "text.txt"
    text.write_text("abqba qeb", "utf-8")
    out, _ = invoke("score", model, text)
    assert "symbol of rare characters besides" in " ".join(out.split())
    assert "(unknown)" in out
    assert "never seen" not in out.lower()


def test_python_takes_the_same_and_warns(curly: Path) -> None:
    model = charrnn.load(curly)
    with pytest.warns(UserWarning, match="’ for '"):
        typed = model.generate("It's", 20, seed=1)
    assert typed == model.generate("It’s", 20, seed=1)
    with pytest.warns(UserWarning, match="composed"):
        assert model.bits_per_character("e\u0301te\u0301") == model.bits_per_character("été")
    with pytest.warns(UserWarning, match="read with"):
        assert model.generate_many(2, model.state("It's"), 9, seed=1) == model.generate_many(2, "It’s", 9, seed=1)
    with pytest.raises(VocabularyError, match="U\\+1F40D"):
        model.generate("🐍")


def scores(*arguments: str | Path) -> tuple[list[dict[str, Any]], str]:
    out, err = invoke("score", *arguments, "--json")
    found: list[dict[str, Any]] = json.loads(out)["scores"]
    return found, err


def test_a_decomposed_text_scores_like_the_composed_one(tmp_path: Path) -> None:
    vietnamese = "Tiếng Việt là ngôn ngữ của người Việt, é.\n" * 20
    model = tiny.save(tmp_path / "viet.safetensors", vocabulary=of(vietnamese))
    composed, decomposed = tmp_path / "composed.txt", tmp_path / "decomposed.txt"
    composed.write_text(vietnamese, "utf-8")
    decomposed.write_text(unicodedata.normalize("NFD", vietnamese), "utf-8")
    (here,), err = scores(model, composed)
    assert "read with" not in err
    (there,), err = scores(model, decomposed)
    assert "decomposed.txt is read with composed characters" in err
    assert (here["form"], there["form"] is not None) == (None, True)
    for name in ("bits_per_character", "characters", "unseen"):
        assert there[name] == here[name], name
    assert here["unseen"] == 0


def test_typography_does_not_decide_who_wrote_it(tmp_path: Path, curly: Path) -> None:
    straight = tiny.save(tmp_path / "straight.safetensors", vocabulary=of(STRAIGHT), seed=5)
    text = tmp_path / "text.txt"
    text.write_text(CURLY * 3, "utf-8")
    found, err = scores(curly, straight, text)
    assert {scored["unseen"] for scored in found} == {0}
    assert len(err.splitlines()) == 2, "a line for each model"
    text.write_text(CURLY * 3 + "🐍", "utf-8")
    found, _ = scores(curly, straight, text)
    for scored in found:
        without = (scored["bits_per_character"] * scored["characters"] - np.log2(0x110000)) / (scored["characters"] - 1)
        assert scored["bits_per_character_without_unseen"] == pytest.approx(without)
    out, _ = invoke("score", straight, text)
    assert "Without" in out


def by_hand(name: str, bits: list[float], unseen: list[bool]) -> ModelScore:
    score = Score("abc", np.array(bits), np.array(unseen))
    return ModelScore(name=name, path=Path(name), digest="", iteration=1, reading=ReadConfig(), score=score)


def test_another_model_may_be_the_best_without_what_is_unknown() -> None:
    knows = by_hand("knows", [2.0, 3.0, 4.0], [False] * 3)
    narrow = by_hand("narrow", [1.0, 2.0, 20.0], [False, False, True])
    assert without_unknown(knows.score, [knows, narrow]) == 2.5, "what one does not know is left out for all"
    assert without_unknown(narrow.score, [knows, narrow]) == 1.5
    said = remarks([knows, narrow], None)
    assert "Without the characters that a model does not know, narrow explains it best: 1.500, to 2.500." in said
    better = by_hand("better", [0.5, 1.0, 4.0], [False] * 3)
    assert not any("does not know" in line for line in remarks([better, narrow], None))
    nothing = by_hand("nothing", [20.0] * 3, [True] * 3)
    assert without_unknown(nothing.score, [nothing]) is None
    assert not any("does not know" in line for line in remarks([nothing], None))


def test_a_comparison_and_a_search_take_other_forms(tmp_path: Path) -> None:
    composed = "L'été à Nîmes, où naît l'âme.\n" * 40
    paths = [tmp_path / "composed.txt", tmp_path / "decomposed.txt"]
    for path, form in zip(paths, ("NFC", "NFD"), strict=True):
        path.write_text(unicodedata.normalize(form, composed), "utf-8")
    run = tiny.run_on(tmp_path, "composed", paths[0])
    other = tiny.run_on(tmp_path, "decomposed", paths[1])
    files = [path / "iteration-000010.safetensors" for path in (run, other)]
    third = tmp_path / "third.txt"
    third.write_text(unicodedata.normalize("NFD", "où L'âme naît à Nîmes, l'été.\n" * 9), "utf-8")
    found = measure(files, str(third), length=200)
    assert [model.unseen for model in found.models] == [0, 0]
    assert [model.form is not None for model in found.models] == [True, False]
    out, _ = invoke("compare", *files, "--text", third, "--text-length", "200", "-n", "0")
    assert " ".join(out.split()).count("the text is read with composed characters (ù, â, î and ") == 1
    source = corpus.read(paths[1], ReadConfig())
    sample = composed[:90]
    [overlap] = find([sample], source)
    assert overlap.stretches == ((0, 90),)
    [overlap] = find(["xyz " + sample + " xyz"], source)
    assert overlap.stretches == ((4, 94),)
    assert load(files[0]).header.vocabulary.form_of(source.text).text == composed


def test_the_samples_of_a_training_begin_as_the_text_has_it(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text(CURLY * 40, "utf-8")
    small = ("--rnn-size", "4", "--num-layers", "1", "--iterations", "2", "--snapshot-at", "2", "--sample-length", "9")
    typed = ("--sample-prime", "\"It's", "--checkpoint-dir", tmp_path / "checkpoints", "--name", "x", "--threads", "1")
    out, err = invoke("train", text, *small, *typed)
    assert "--sample-prime is read with “ for \" and ’ for '." in err
    assert "“It’s" in out
