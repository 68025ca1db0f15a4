"""`charrnn sample` for several texts, and how it shows them: headings, JSON, shades, what is found word for word."""

from __future__ import annotations

import json
import math
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import tiny
from helpers.terminals import text_on_terminal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import charrnn
from charrnn.commands.app import app
from charrnn.commands.stdout import Output
from charrnn.errors import CharrnnError, CorpusError, RunError, UsageError
from charrnn.network.engine import Engine
from charrnn.runs import checkpoint
from charrnn.sampling.request import Request
from charrnn.terminal.wrapping import Wrapper
from charrnn.text.graphemes import clustered
from charrnn.text.vocabulary import Vocabulary, to_code_points

SHIPS = "".join(f"{n} ships came in; « {n * n} » went out again.\n" for n in range(80))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of random snapshots."""
    return tiny.run(tmp_path_factory.mktemp("runs"), "tale", {10: 4.0, 20: 3.0, 30: 3.5})


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was trained on a file, which lies beside it."""
    root = tmp_path_factory.mktemp("trained")
    (root / "ships.txt").write_text(SHIPS, "utf-8")
    small: dict[str, Any] = {"rnn_size": 32, "embedding_size": 8, "batch_size": 8, "seq_length": 16}
    shown = {"eval_every": 0, "snapshot_at": (), "sample_length": 20, "iterations": 150, "learning_rate": 0.02}
    for _ in charrnn.train(root / "ships.txt", checkpoint_dir=root, name="ships", device="cpu", **small | shown):
        pass
    return root / "ships"


def invoke(*arguments: str | Path) -> tuple[str, str]:
    """The command in this process: standard output and standard error. Raises what it raises."""
    result = CliRunner().invoke(app, ["sample", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout, result.stderr


def expected(path: Path, prime: str = "", **request: Any) -> list[str]:
    """What the library writes."""
    kept = checkpoint.load(path)
    written = Request(**request).generate(Engine(kept.header.model, kept.weights), kept.header.vocabulary, prime)
    return ["".join(character.text for character in one.characters) for one in written]


def ended(text: str) -> str:
    return text if text.endswith("\n") else text + "\n"


# -- several ---------------------------------------------------------------------------------------------------------


def test_several_texts_are_headed_and_each_is_that_of_its_seed(run: Path) -> None:
    out, err = invoke(run, "--count", "3", "--seed", "7", "-n", "40", "-p", "Prince", "--headings")
    texts = expected(run / "iteration-000020.safetensors", "Prince", count=3, seed=7, length=40)
    assert len(set(texts)) == 3
    parts = [
        f"--- iteration 20, temperature 0.8, seed {seed} ---\n{ended('Prince' + text)}"
        for seed, text in zip((7, 8, 9), texts, strict=True)
    ]
    assert out == "\n".join(parts)
    assert err.endswith("; seeds 7 to 9\n")
    assert invoke(run, "--count", "2", "--seed", "7", "-n", "40", "-p", "Prince", "--headings")[0] == "\n".join(
        parts[:2]
    )
    assert invoke(run, "--count", "1", "--seed", "8", "-n", "40", "-p", "Prince")[0] == "Prince" + texts[1]


def test_a_pipe_gets_the_texts_and_nothing_else(run: Path) -> None:
    arguments = (run, "--count", "5", "--seed", "7", "-n", "2000", "--until", "\\n")
    texts = expected(run / "iteration-000020.safetensors", count=5, seed=7, length=2000, until=("\n",))
    assert any(text.endswith("\n") for text in texts)
    out, _ = invoke(*arguments)
    assert out == "".join(map(ended, texts))
    assert out.count("\n") == 5  # one item a line
    assert invoke(*arguments, "--no-headings")[0] == out
    shown = on_terminal(*arguments, NO_COLOR="1", COLUMNS="20000")
    assert [line for line in shown.splitlines() if line.startswith("--- ")] == [
        f"--- iteration 20, temperature 0.8, seed {seed} ---" for seed in range(7, 12)
    ]
    assert on_terminal(*arguments, "--no-headings", NO_COLOR="1", COLUMNS="20000") == out
    [text] = expected(run / "iteration-000020.safetensors", seed=7, length=20)
    headed = f"--- iteration 20, temperature 0.8, seed 7 ---\n{ended(text)}"
    assert invoke(run, "--seed", "7", "-n", "20", "--headings")[0] == headed


def test_a_strip_of_temperatures_from_one_seed(run: Path) -> None:
    out, err = invoke(run, "--temperatures", "0, 0.5,1.5", "--seed", "7", "-n", "40", "--headings")
    texts = expected(run / "iteration-000020.safetensors", temperatures=(0.0, 0.5, 1.5), seed=7, length=40)
    assert re.findall(r"--- iteration 20, temperature (\S+), seed 7 ---", out) == ["0", "0.5", "1.5"]
    for text in texts:
        assert f" ---\n{ended(text)}" in out
    assert err.endswith("; seed 7\n")


def test_every_snapshot_writes_what_it_writes_alone(run: Path) -> None:
    out, err = invoke(run, "--every-snapshot", "--seed", "7", "-n", "40", "--headings")
    parts = []
    for iteration in (10, 20, 30):
        [text] = expected(run / f"iteration-0000{iteration}.safetensors", seed=7, length=40)
        assert invoke(run / f"iteration-0000{iteration}.safetensors", "--seed", "7", "-n", "40")[0] == text
        parts.append(f"--- iteration {iteration}, temperature 0.8, seed 7 ---\n{ended(text)}")
    assert out == "\n".join(parts)
    assert err.count("\n") == 3
    assert invoke("--every-snapshot", "--checkpoint-dir", run.parent, "--seed", "7", "-n", "40", "--headings")[0] == out


@pytest.mark.parametrize(
    ("arguments", "kind", "what"),
    [
        (["--count", "0"], UsageError, "--count 0"),
        (["--temperatures", "0.5,x"], UsageError, "--temperatures 0.5,x"),
        (["--temperatures", "0.5,-1"], UsageError, "--temperature -1"),
        (["--temperatures", "0.5", "--greedy"], UsageError, "contradict"),
        (["-t", "0.8", "--temperatures", "0.5"], UsageError, "contradict"),
        (["--novelty"], UsageError, "--text FILE"),
        (["--novelty", "--text", "nowhere.txt"], CorpusError, "nowhere.txt"),
        (["--novelty", "--novelty-length", "0", "--text", __file__], UsageError, "--novelty-length 0"),
    ],
)
def test_what_cannot_be(run: Path, arguments: list[str], kind: type[CharrnnError], what: str) -> None:
    with pytest.raises(kind, match=re.escape(what)):
        invoke(run, *arguments)


def test_every_snapshot_of_what_is_no_run(run: Path) -> None:
    with pytest.raises(RunError, match="a whole run is wanted"):
        invoke(run / "iteration-000010.safetensors", "--every-snapshot")


# -- JSON ------------------------------------------------------------------------------------------------------------


def test_a_line_of_json_for_each_text(run: Path) -> None:
    path = run / "iteration-000020.safetensors"
    common = ("--seed", "7", "-n", "60", "-p", "Prince", "--top-k", "5", "--until", "a")
    out, _ = invoke(run, "--count", "2", "--json", *common)
    texts = expected(path, "Prince", count=2, seed=7, length=60, top_k=5, until=("a",))
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["text"] for line in lines] == texts
    assert [line["seed"] for line in lines] == [7, 8]
    facts = lines[0]
    assert (facts["prime"], facts["temperature"], facts["top_k"], facts["until"]) == ("Prince", 0.8, 5, ["a"])
    assert (facts["checkpoint"], facts["iteration"]) == (str(path), 20)
    assert facts["sha256"] == checkpoint.load(path).digest
    characters = list(charrnn.load(path).stream("Prince", 60, 0.8, seed=7, top_k=5, until="a"))
    mean = sum(character.bits for character in characters) / len(characters)
    assert facts["bits_per_character"] == pytest.approx(mean, rel=1e-5)
    assert [line["ended_by"] for line in lines] == ["until" if text.endswith("a") else "length" for text in texts]
    [nothing] = invoke(run, "--json", "-n", "0")[0].splitlines()
    assert (json.loads(nothing)["text"], json.loads(nothing)["bits_per_character"]) == ("", None)


# -- shades ----------------------------------------------------------------------------------------------------------


def on_terminal(*arguments: str | Path, **environment: str) -> str:
    """What `charrnn sample` sends to a terminal that has colours, unless the environment says otherwise."""
    variables = {k: v for k, v in os.environ.items() if k != "NO_COLOR"} | {"TERM": "xterm", "PYTHONUTF8": "1"}
    return text_on_terminal("sample", *arguments, environment=variables | environment)


SHADES = {6: "30;48;5;203", 4: "30;48;5;215", 2: "30;48;5;222", 1: "30;48;5;230"}


def test_characters_are_shaded_by_their_bits_on_a_terminal_alone(run: Path) -> None:
    common = (run, "--seed", "7", "-n", "200", "--color", "bits")
    characters = list(charrnn.load(run).stream(length=200, seed=7))
    text = "".join(character.text for character in characters)
    shown = on_terminal(*common, COLUMNS="500")
    style, styles, plain = "", list[str](), ""
    for escape, character in re.findall(r"\x1b\[([0-9;]*)m|([^\x1b])", shown):
        if character:
            plain += character
            styles.append(style)
        else:
            style = {"0": ""}.get(escape, escape.removeprefix("0;"))
    assert plain == ended(text)
    for one, style in zip(characters, styles, strict=False):
        wanted = next((shade for bits, shade in SHADES.items() if one.bits >= bits), "")
        assert style == (wanted if one.text != "\n" else "")
    assert len(set(styles)) > 3
    for plain in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert on_terminal(*common, COLUMNS="500", **plain) == ended(text)
    assert invoke(*common)[0] == text


def test_a_letter_and_its_marks_have_one_colour(tmp_path: Path) -> None:
    """That of the bits of both together; a mark never stands after an escape sequence, which would part it."""
    vocabulary = Vocabulary.of(to_code_points("aeiou\u0301\u0308\u093f हनद\n"))
    path = tiny.save(tmp_path / "marks.safetensors", vocabulary=vocabulary)
    common = (path, "--seed", "5", "-n", "300")
    shown = on_terminal(*common, "--color", "bits", COLUMNS="2000")
    assert re.sub(r"\x1b\[[\d;]*m", "", shown) == ended(expected(path, seed=5, length=300)[0])
    assert "\u0301" in shown
    parted = re.findall(r"[^\n\x1b](?:\x1b\[[\d;]*m)+[\u0301\u0308\u093f]", shown)
    assert parted == []
    characters = list(charrnn.load(path).stream(length=300, seed=5))
    clusters = list(clustered((character.text, character.bits) for character in characters))
    styles = {style for style, _ in re.findall(r"\x1b\[(?:0;)?([\d;]+)m([^\x1b])", shown) if style != "0"}
    assert styles == {
        next(shade for least, shade in SHADES.items() if bits >= least)
        for text, bits in clusters
        if bits >= 1 and text != "\n"
    }


def test_a_style_ends_with_its_text_and_before_a_line_does(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    output = Output()
    output.terminal = output.styled = True
    output.wrapper = Wrapper(80)
    output.write([("a", "1"), ("b", "1"), ("c", "4"), ("\n", "4"), ("d", "")])
    output.finish()
    output.write([("e\x1b", "4")])
    output.finish()
    assert capfdbinary.readouterr().out.decode() == "\x1b[1mab\x1b[0;4mc\x1b[0m\nd\x1b[4me␛\x1b[0m"


# -- what is found word for word -------------------------------------------------------------------------------------


def test_novelty_looks_where_the_run_was_trained(trained: Path) -> None:
    arguments = (trained, "--seed", "7", "-n", "300", "--novelty", "--novelty-length", "12")
    out, err = invoke(*arguments, "--json")
    facts = json.loads(out)
    part = SHIPS[: int(len(SHIPS) * 0.9)]
    covered = set[int]()
    for start in range(289):
        if facts["text"][start : start + 12] in part:
            covered.update(range(start, start + 12))
    assert 0 < len(covered) < 300, "this test's model is to write some of its own"
    assert facts["novelty"]["found"] == pytest.approx(len(covered) / 300)
    assert {place for start, stop in facts["novelty"]["stretches"] for place in range(start, stop)} == covered
    out, err = invoke(*arguments)
    assert out == facts["text"]
    said = f"{len(covered) / 300:.1%} of it is in stretches of 12 or more characters that ships.txt has word for word"
    assert err.splitlines()[-1] == f"charrnn: {said}"
    shown = on_terminal(*arguments)
    underlined = "".join(re.findall(r"\x1b\[4m([^\x1b]*)", shown.replace("\x1b[0m\n", "\n")))
    assert underlined.count("ships came in") == shown.count("ships came in") > 0


def test_of_a_text_shorter_than_a_stretch_nothing_is_said_to_be_new(trained: Path) -> None:
    _, err = invoke(trained, "--seed", "7", "-n", "12", "--novelty")
    assert err.splitlines()[-1] == (
        "charrnn: it has 12 characters, and stretches of 30 are looked for: --novelty-length 12 looks for all of it"
    )


def test_novelty_against_another_text(run: Path, tmp_path: Path) -> None:
    [text] = expected(run / "iteration-000020.safetensors", seed=7, length=100)
    (tmp_path / "other.txt").write_text(f"first {text[20:80]} last", "utf-8")
    out, _ = invoke(run, "--seed", "7", "-n", "100", "--novelty", "--text", tmp_path / "other.txt", "--json")
    assert json.loads(out)["novelty"] == {"found": 0.6, "stretches": [[20, 80]]}


def test_novelty_says_when_the_text_has_changed(trained: Path) -> None:
    path = trained.parent / "ships.txt"
    try:
        path.write_text(SHIPS + "And that was that.\n", "utf-8")
        assert "the text has changed since" in invoke(trained, "-n", "50", "--novelty")[1]
        path.unlink()
        with pytest.raises(CorpusError, match=re.escape("ships.txt")):
            invoke(trained, "-n", "50", "--novelty")
    finally:
        path.write_text(SHIPS, "utf-8")


# -- anything --------------------------------------------------------------------------------------------------------


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    prime=st.text(max_size=20) | st.text(tiny.TEXT, max_size=20),
    unknown=st.sampled_from(["error", "replace", "drop"]),
    seed=st.integers(-2, 2**70),
    length=st.integers(-1, 40),
    count=st.none() | st.integers(0, 5),
    temperatures=st.lists(st.floats(allow_nan=True), min_size=1, max_size=3),
    limits=st.fixed_dictionaries(
        {},
        optional={
            "top-k": st.integers(-1, 50),
            "top-p": st.floats(-0.5, 1.5),
            "min-p": st.floats(-0.5, 1.5),
            "until": st.text(max_size=2),
            "finish": st.sampled_from(["line", "sentence", "paragraph", "page"]),
        },
    ),
    shown=st.sets(st.sampled_from(["--json", "--no-echo", "--every-snapshot", "--color=bits"])),
)
def test_whatever_is_asked_is_answered_or_refused_in_one_line(
    run: Path,
    prime: str,
    unknown: str,
    seed: int,
    length: int,
    count: int | None,
    temperatures: list[float],
    limits: dict[str, Any],
    shown: set[str],
) -> None:
    arguments = [f"--prime={prime}", f"--unknown={unknown}", f"--seed={seed}", f"--length={length}", *shown]
    arguments += [f"--temperatures={','.join(map(repr, temperatures))}"]
    arguments += [f"--{name}={value}" for name, value in limits.items()]
    arguments += [] if count is None else [f"--count={count}"]
    result = CliRunner().invoke(app, ["sample", str(run), *arguments])
    if isinstance(result.exception, CharrnnError):
        assert "\n" not in str(result.exception)
    else:
        assert result.exit_code == 0, (result.exception, arguments)
        if "--json" in shown:
            for line in result.stdout.splitlines():
                bits = json.loads(line)["bits_per_character"]
                assert bits is None or math.isfinite(bits)


def test_a_state_is_a_place_to_go_on_from(run: Path) -> None:
    model = charrnn.load(run)
    state = model.state("Prince")
    assert (
        model.generate(state, 40, seed=3) == model.generate("Prince", 40, seed=3) == model.generate(state, 40, seed=3)
    )
    np.testing.assert_array_equal(model.state("ce", model.state("Prin")).logits, state.logits)
    assert model.generate_many(3, state, 40, seed=3) == model.generate_many(3, "Prince", 40, seed=3)
    assert model.generate_many(2, state, 40, seed=3)[0] == model.generate(state, 40, seed=3)
    with pytest.raises(UsageError, match="nothing to read"):
        model.state("")


def test_a_stream_is_the_text_with_its_bits(run: Path) -> None:
    model = charrnn.load(run)
    stream = model.stream("Prince", 10**9, seed=3)
    first = [next(stream) for _ in range(30)]
    assert "".join(character.text for character in first) == model.generate("Prince", 30, seed=3)
    assert all(character.bits > 0 for character in first)
    ended = model.generate("Prince", 500, seed=3, until="a", top_k=9)
    assert ended.endswith("a")
    assert ended.count("a") == 1
    with pytest.raises(TypeError, match="cound"):
        model.generate("Prince", 3, cound=3)  # type: ignore[call-arg]
    with pytest.raises(UsageError, match="--seed -1"):
        model.generate("Prince", 3, seed=-1)
