"""`charrnn compare` and `charrnn runs` as a person meets them: real processes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers import tiny
from helpers.forking import Server
from helpers.terminals import on_terminal, text_on_terminal

from charrnn.config import TrainConfig
from charrnn.runs.header import Sample
from charrnn.text.vocabulary import Vocabulary, to_code_points


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("checkpoints")
    tiny.run(root, "war-and-peace-1", {100: 3.2, 300: 2.8, 500: 2.6, 700: 2.4, 1200: 2.1, 2000: 2.2})
    other = TrainConfig(seed=2)
    name = "a-name-so-long-that-it-will-not-fit-into-any-column-of-a-table"
    tiny.run(root, name, {100: 3.1}, created="2026-01-01T00:00:00+00:00", training=other)
    return root


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    run = tiny.run(tmp_path, "hurt", {100: 3.0, 300: 2.0})
    (run / "iteration-000200.safetensors").write_bytes(b"junk")
    return run


SERVERS: list[Server] = []


@pytest.fixture(scope="module", autouse=True)
def _server(forks: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    SERVERS.append(forks.within(tmp_path_factory.mktemp("processes"), COLUMNS="80"))
    yield
    SERVERS.clear()


def charrnn(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a process whose streams are files."""
    process = SERVERS[0].start(*map(str, arguments), environment=environment)
    code = process.wait()
    return subprocess.CompletedProcess(process.out_path, code, process.out, process.err)


def shown(*arguments: object, columns: int = 80) -> str:
    """What a terminal without colours is sent."""
    plain = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "FORCE_COLOR", "TTY_COMPATIBLE")}
    environment = plain | {"NO_COLOR": "1", "PYTHONUTF8": "1", "TERM": "dumb"}  # of which Rich thinks it has 80 columns
    return text_on_terminal(*map(str, arguments), environment=environment, columns=columns)


def parsed(done: subprocess.CompletedProcess[str]) -> Any:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(done.stdout, parse_constant=refuse)


def test_one_run_is_told_from_first_to_last(root: Path) -> None:
    done = charrnn("compare", "war-and-peace-1", "--checkpoint-dir", root, "-n", 60)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "war-and-peace-1"
    assert "\x1b" not in done.stdout
    best = [line for line in lines if "* best" in line]
    assert len(best) == 1
    assert best[0].split()[:4] == ["1,200", "1,228,800", "2.000", "2.100"]
    positions = [
        done.stdout.index(f"\nIteration {at}\n") for at in ("100", "300", "500", "700", "1,200 (best)", "2,000")
    ]
    assert positions == sorted(positions)
    assert "seed 1, temperature 0.8" in done.stdout
    on_screen = shown("compare", "war-and-peace-1", "--checkpoint-dir", root, "-n", 60).splitlines()
    assert max(map(len, on_screen)) <= 80
    # A file has the same, its lines as long as they are.
    assert [word for line in on_screen for word in line.split() if word != "\\"] == done.stdout.split()


def test_the_story_begins_with_the_untrained_network(tmp_path: Path) -> None:
    sample = Sample(prime="\n", text="xq", seed=1, temperature=0.8, known_words=0.0)
    path = tiny.run(tmp_path, "one", {0: 6.1, 100: 3.2}, sample=sample)
    tiny.save(path / "iteration-000000.safetensors", iteration=0, characters=0, train_loss=None, sample=sample)
    done = charrnn("compare", path, "-n", 0)
    assert done.returncode == 0, done.stderr
    first, second = [line.split() for line in done.stdout.splitlines() if line.split()[:1] in (["0"], ["100"])]
    assert first == ["0", "0", "-", "3.000", "0%", "untrained"]
    assert second[-2:] == ["*", "best"]
    assert [row["beginning"] for row in parsed(charrnn("compare", path, "-n", 0, "--json"))["rows"]] == [
        "untrained",
        "",
    ]


def test_several_runs_fit_into_80_columns(root: Path) -> None:
    said = shown("compare", *sorted(path for path in root.iterdir()), "-n", 0)
    assert max(map(len, said.splitlines())) <= 80
    assert "Settings that differ" in said
    assert said.count("* best") == 1
    assert "1,228,800" in said  # no figure is broken or cut


def test_nine_runs_are_told_in_tables(tmp_path: Path) -> None:
    for number in range(9):
        network = replace(tiny.MODEL, rnn_size=4 + number // 3)
        training = TrainConfig(iterations=100, seed=number % 2, learning_rate=0.01).completed()
        tiny.run(tmp_path, f"run-{number}", {100: 3.0 + number}, model=network, training=training)
    paths = sorted(tmp_path.iterdir())
    said = charrnn("compare", *paths, "-n", 0).stdout
    rows = dict(
        re.findall(r"^(run-\d) +(\w.*)$", said.partition("What differs from the first")[2].partition("\n\n")[0], re.M)
    )
    assert rows["run-0"] == "rnn-size 4, seed 0"
    assert (rows["run-1"], rows["run-2"], rows["run-7"]) == ("seed 1", "nothing", "rnn-size 6, seed 1")
    assert said.count(" is better than ") <= 1
    judged = said.partition("Verdict")[2].partition("\n\n")[0]
    assert re.findall(r"^(run-\d) +\w", judged, re.M) == [f"run-{number}" for number in range(9)]
    on_screen = shown("compare", *paths, "-n", 0)
    assert max(map(len, on_screen.splitlines())) <= 80


@pytest.mark.parametrize("columns", [20, 30, 45, 60])
def test_figures_are_whole_on_a_narrow_terminal_and_names_are_folded(root: Path, columns: int) -> None:
    wide = charrnn("compare", *sorted(path for path in root.iterdir()), "-n", 0).stdout
    figures = set(re.findall(r"(?<![\w.,-])\d[\d,.]*\d(?![\w-])", wide))
    assert {"1,228,800", "2.100", "307,200"} <= figures
    said = shown("compare", *sorted(path for path in root.iterdir()), "-n", 0, columns=columns)
    assert max(map(len, said.splitlines())) <= columns
    assert not [figure for figure in figures if figure not in said]
    assert "\u2026" not in said
    name = "a-name-so-long-that-it-will-not-fit-into-any-column-of-a-table"
    assert name in "".join(said.split())
    listed = shown("runs", "--checkpoint-dir", root, columns=columns)
    assert max(map(len, listed.splitlines())) <= max(columns, 83)  # the name of a run can be copied in one piece
    assert "iteration-001200.safetensors" in "".join(listed.split())


def test_a_file_gets_whole_rows_whatever_the_terminal_is(root: Path) -> None:
    arguments = ("compare", *sorted(path for path in root.iterdir()), "-n", 0)
    narrow, wide = (charrnn(*arguments, COLUMNS=columns).stdout for columns in ("45", "200"))
    assert narrow == wide
    name = "a-name-so-long-that-it-will-not-fit-into-any-column-of-a-table"
    assert re.search(rf"^{name} +100 +102,400 +2\.000 +3\.100 +25%$", narrow, re.M)
    assert not re.search(r" $", narrow, re.M)


def test_tabs_are_kept(tmp_path: Path) -> None:
    text = "a\tb\n\tindented\n"
    sample = Sample(prime="\n", text=text, seed=1, temperature=0.8, known_words=None)
    tiny.save(tmp_path / "one.safetensors", sample=sample)
    for said in (
        charrnn("runs", "show", tmp_path / "one.safetensors").stdout,
        shown("runs", "show", tmp_path / "one.safetensors"),
    ):
        assert text in said
    tabs = Vocabulary.of(to_code_points("\ta"))
    for seed in (1, 2):
        tiny.run(tmp_path, f"tabs-{seed}", {seed: 3.0}, vocabulary=tabs)
    assert "\t" in shown("compare", tmp_path / "tabs-1", tmp_path / "tabs-2", "-n", 30)


def test_pipes_get_the_lines_as_written(root: Path) -> None:
    one = root / "war-and-peace-1" / "iteration-000100.safetensors"
    written = parsed(charrnn("compare", one, "--json", "-p", "W"))["samples"][0]
    assert len(written["text"]) == 300
    assert (written["prime"] + written["text"]).strip("\n") in charrnn("compare", one, "-p", "W").stdout


def test_json_has_everything_and_is_reproducible(root: Path) -> None:
    arguments = ("compare", "war-and-peace-1", "--checkpoint-dir", root, "--json", "-n", 20)
    first, again = charrnn(*arguments), charrnn(*arguments, FORCE_COLOR="1")
    assert first.stdout == again.stdout
    values = parsed(first)
    assert len(values["rows"]) == len(values["samples"]) == 6
    assert [row["iteration"] for row in values["rows"] if row["best"]] == [1200]
    assert (values["seed"], values["prime"], values["temperatures"]) == (1, "\n", [0.8])
    assert values["problems"] == values["notes"] == []
    assert values["settings"] == {"runs": ["war-and-peace-1"], "differing": {}}
    assert parsed(charrnn(*arguments, "--seed", 2))["samples"] != values["samples"]


def test_losses_are_told_in_the_units_asked_for(root: Path) -> None:
    arguments = ("compare", "war-and-peace-1", "--checkpoint-dir", root, "-n", 0)
    said = charrnn(*arguments, "--units", "perplexity").stdout
    assert re.search(r"^ +1,200 +1,228,800 +4\.000 +4\.287 .*\* best$", said, re.M)  # 2 ** 2.1
    in_bits, in_nats = (parsed(charrnn(*arguments, "--json", "--units", units)) for units in ("bits", "nats"))
    assert in_bits == in_nats
    best = next(row for row in in_bits["rows"] if row["best"])
    assert best["held_out_nats"] == 2.1 * tiny.NATS_PER_BIT
    shown = parsed(charrnn("runs", "show", "war-and-peace-1", "--checkpoint-dir", root, "--json"))
    [listed] = [
        run for run in parsed(charrnn("runs", "--checkpoint-dir", root, "--json"))["runs"] if run["snapshots"] > 1
    ]
    for values in (shown, {name.removeprefix("best_"): value for name, value in listed.items()}):
        assert all(values[f"held_out_{key}"] == best[f"held_out_{key}"] for key in ("bpc", "nats", "perplexity"))
    refused = charrnn(*arguments, "--units", "dits")
    assert refused.returncode == 2
    assert "perplexity" in refused.stderr


def test_damage_is_named_on_stderr_after_the_rest(damaged: Path) -> None:
    done = charrnn("compare", damaged, "-n", 5)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "iteration-000200.safetensors" in done.stderr
    assert "* best" in done.stdout
    values = parsed(charrnn("compare", damaged, "-n", 5, "--json"))
    assert len(values["rows"]) == 2
    assert len(values["problems"]) == 1


@pytest.mark.parametrize("arguments", [("compare", "nothing"), ("runs", "show", "nothing")])
def test_a_name_that_is_not_there_is_one_line(arguments: tuple[str, ...]) -> None:
    done = charrnn(*arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "charrnn: nothing: no such run. `charrnn runs` lists what is there.\n"


@pytest.mark.parametrize("arguments", [("-t", "-1"), ("-t", "nan"), ("-n", "-1"), ("--seed", "-1")])
def test_impossible_options(root: Path, arguments: tuple[str, ...]) -> None:
    done = charrnn("compare", "--checkpoint-dir", root, *arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_runs_are_listed_with_their_checkpoints(root: Path) -> None:
    done = charrnn("runs", "--checkpoint_dir", root)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.index("war-and-peace-1") < done.stdout.index("a-name-so-long")
    assert "6 snapshots, 2,000 iterations" in done.stdout
    assert "best 2.100 bpc held out" in done.stdout
    assert "iteration-001200.safetensors   * best" in done.stdout
    values = parsed(charrnn("runs", "--json", "--checkpoint-dir", root))["runs"]
    assert [(run["snapshots"], run["iterations"]) for run in values] == [(6, 2000), (1, 100)]


def test_listing_names_damage(damaged: Path) -> None:
    done = charrnn("runs", "--checkpoint-dir", damaged.parent)
    assert done.returncode == 1
    assert "2 snapshots" in done.stdout
    assert "iteration-000200.safetensors" in done.stderr


def test_no_runs_yet(tmp_path: Path) -> None:
    done = charrnn("runs", "--checkpoint-dir", tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert "charrnn train" in done.stderr
    assert parsed(charrnn("runs", "--json", "--checkpoint-dir", tmp_path)) == {"runs": []}
    assert charrnn("runs", "--checkpoint-dir", tmp_path / "typo").returncode == 1


def test_show_tells_where_a_checkpoint_comes_from(root: Path) -> None:
    done = charrnn("runs", "--checkpoint-dir", root, "show", "war-and-peace-1")
    assert (done.returncode, done.stderr) == (0, "")
    for fact in ("iteration-001200", "lstm", "novel.txt", "\\t\\n ,.GLPW", "2026-11-21 14:20 UTC", "2.100 bits"):
        assert fact in done.stdout
    assert "ell Prin␛[31m [red]so[/red]" in done.stdout
    values = parsed(charrnn("runs", "show", "war-and-peace-1", "--checkpoint-dir", root, "--json"))
    assert values["sha256"] in done.stdout
    assert values["sample"]["text"] == "ell Prin\x1b[31m [red]so[/red]"


def test_a_reader_that_leaves_early_is_no_error(root: Path) -> None:
    one = root / "war-and-peace-1" / "iteration-000100.safetensors"
    command = [sys.executable, "-m", "charrnn", "compare", str(one), "-n", "70000"]  # more than a pipe holds
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_characters_the_terminal_lacks_are_replaced(root: Path) -> None:
    command = [sys.executable, "-m", "charrnn", "compare", "--checkpoint-dir", root, "-p", "é", "-n", "5"]
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, capture_output=True, encoding="utf-8", env=environment, check=False)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("environment", [{}, {"NO_COLOR": "1"}])
def test_colour_on_a_terminal_unless_not_wanted(root: Path, environment: dict[str, str]) -> None:
    plain = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "TERM")}
    variables = plain | {"TERM": "xterm-256color"} | environment
    shown, code = on_terminal("compare", "--checkpoint-dir", root, "-n", "0", environment=variables, with_stderr=True)
    assert code == 0
    assert b"* best" in shown
    assert (b"\x1b[" in shown) == (not environment)


def test_torch_is_not_imported(root: Path) -> None:
    script = (
        "import sys\n"
        "from charrnn.commands.main import main\n"
        "for verb in (['compare', '-n', '5'], ['runs'], ['runs', 'show']):\n"
        f"    sys.argv = ['charrnn', *verb, '--checkpoint-dir', {str(root)!r}]\n"
        "    try:\n        main()\n    except SystemExit as done:\n        assert not done.code\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, check=False).returncode == 0
