"""`charrnn plan` as a person meets it: it leaves nothing behind, and says what training would do."""

from __future__ import annotations

import dataclasses
import json
import os
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
from helpers import trainings
from helpers.command_line import CommandLine
from helpers.terminals import text_on_terminal
from rich.cells import cell_len

from charrnn.runs import checkpoint
from charrnn.training import plan_trial

TEXT = trainings.TEXT[:3300]
SMALL = ("--rnn-size", "8", "--embedding-size", "4", "--batch-size", "4", "--seq-length", "16", "--threads", "1")
AUTOMATIC = {"rnn_size", "dropout", "input_dropout", "recurrent_dropout", "rotate", "batch_size"}
AUTOMATIC |= {"optimizer", "learning_rate", "weight_decay", "precision"}


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory but for a text; what is cached lies elsewhere."""
    desk = tmp_path / "desk"
    desk.mkdir()
    (desk / "ships.txt").write_text(TEXT, "utf-8")
    monkeypatch.chdir(desk)
    for variable in ("CHARRNN_CACHE_DIR", "CHARRNN_DATA_DIR"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    return desk


@pytest.fixture
def line(desk: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> CommandLine:
    return CommandLine(monkeypatch, capfdbinary)


def planned(line: CommandLine, *arguments: str, stdin: str | None = None) -> dict[str, Any]:
    done = line("plan", *arguments, "--json", stdin=None if stdin is None else stdin.encode())
    assert done.returncode == 0, done.stderr.decode()
    plan: dict[str, Any] = json.loads(done.stdout)
    return plan


def why(plan: dict[str, Any]) -> dict[str, str]:
    return {reason["setting"]: reason["why"] for reason in plan["reasons"]}


def test_the_command_it_names_trains_what_it_says_and_nothing_is_kept(desk: Path, line: CommandLine) -> None:
    options = shlex.split("--iterations 7 --snapshot-at 3 --layer-norm --seed 4 --lowercase --val-frac 0.2")
    plan = planned(line, "ships.txt", *SMALL, *options)
    assert sorted(path.name for path in desk.iterdir()) == ["ships.txt"]
    assert plan["text"] == {
        "name": "ships.txt",
        "unit": "character",
        "length": len(TEXT),
        "trained_on": len(TEXT) - len(TEXT) // 5,
        "held_out": len(TEXT) // 5,
        "distinct": len(set(TEXT.lower())),
    }
    assert plan["machine"]["threads"] == 1
    assert plan["snapshots"] == [3, 7]
    done = line(*shlex.split(plan["command"])[1:])
    assert done.returncode == 0, done.stderr.decode()
    header = checkpoint.read_header(desk / "checkpoints" / "ships-1" / "iteration-000007.safetensors")
    made = {"model": header.model, "training": header.training}
    for config, settings in made.items():
        assert {name: getattr(settings, name) for name in plan[config]} == {
            name: tuple(value) if isinstance(value, list) else value for name, value in plan[config].items()
        }
    assert header.reading.lowercase
    assert plan["parameters"] == header.model.parameters(plan["text"]["distinct"])
    tensors = checkpoint.load(desk / "checkpoints" / "ships-1" / "iteration-000007.safetensors").tensors
    assert plan["snapshot_size"] == sum(tensor.nbytes for tensor in tensors.values())
    alone = planned(line, "ships.txt", *SMALL, *options, "--no-ngrams")
    assert alone["snapshot_size"] == 4 * plan["parameters"]
    assert alone["machine"]["seconds_of_counting"] == 0


def test_a_time_is_filled_and_every_setting_has_its_reason(desk: Path, line: CommandLine) -> None:
    plan = planned(line, "ships.txt", "--time", "2s", "--threads", "1")
    machine, iterations = plan["machine"], plan["training"]["iterations"]
    assert plan["preset"] == "quick"  # for two seconds and so short a text
    assert iterations == 1 or abs(plan["seconds"] - 2) <= machine["seconds_per_iteration"]
    assert plan["seconds"] == pytest.approx(iterations * machine["seconds_per_iteration"] + plan["watching_seconds"])
    assert plan["snapshots"][-1] == iterations
    assert why(plan).keys() == AUTOMATIC
    assert why(plan)["rnn_size"].startswith("the smallest, though it has more than 2 parameters for each character")
    assert [candidate["preset"] for candidate in plan["candidates"]] == ["quick", "small", "medium", "large"]
    assert {"text"} <= set.intersection(*(set(candidate["too_large_for"]) for candidate in plan["candidates"]))
    assert machine["precision"] == ("bfloat16" if machine["bfloat16"] else "float32")
    assert "--time 2s " in plan["command"]


def test_a_recipe_has_its_epochs(desk: Path, line: CommandLine) -> None:
    Path("ships.txt").write_text(TEXT[:2800], "utf-8")
    plan = planned(line, "ships.txt", "--preset", "torch-rnn", "--learning-rate", "0.01")
    assert (plan["preset"], plan["training"]["iterations"], plan["epochs"]) == ("torch-rnn", 50, 50.0)
    assert "--max-epochs 50 " in plan["command"]
    assert why(plan)["batch_size"] == "the recipe of torch-rnn"
    assert why(plan)["learning_rate"] == "as given"


def test_from_a_checkpoint_and_from_a_pipe(desk: Path, line: CommandLine) -> None:
    line.train("ships.txt", *SMALL, "--iterations", "2", "--sample-length", "0")
    plan = planned(line, "-", "--init-from", "ships-1", "--iterations", "2", "--batch-size", "2", stdin=TEXT)
    assert (plan["model"]["rnn_size"], why(plan)["rnn_size"]) == (8, "the checkpoint's")
    assert plan["command"].startswith("charrnn train - --iterations 2 --init-from ships-1 --model lstm")
    assert sorted(path.name for path in desk.iterdir()) == ["checkpoints", "ships.txt"]
    assert [path.name for path in (desk / "checkpoints").iterdir()] == ["ships-1"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["nowhere.txt"], 1),
        (["short.txt"], 1),
        (["ships.txt", "--batch-size", "5000"], 1),
        (["ships.txt", "--time", "5m", "--iterations", "3"], 2),
        (["ships.txt", "--preset", "huge"], 2),
        (["ships.txt", "--time", "soon"], 2),
        (["ships.txt", "--init-from", "nothing"], 1),
        (["ships.txt", "--prime", "Ж"], 1),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_training_refuses_is_refused_alike(desk: Path, line: CommandLine, arguments: list[str], code: int) -> None:
    Path("short.txt").write_text("A.\n", "utf-8")
    plan, training = line("plan", *arguments), line("train", *arguments)
    assert plan == dataclasses.replace(training, stdout=b"")
    assert plan.returncode == code
    assert plan.stderr.startswith(b"charrnn: ")
    assert not (desk / "checkpoints").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(
    ("columns", "cluster", "says", "begins"),
    [
        (80, (), "characters a second with this network", ["charrnn", "train", "ships.txt", "--time", "1s"]),
        (
            45,
            ("--gpus", "4", "--nodes", "2", "--batch-size", "8", "--characters", "5000"),
            "5,000 characters like the 3,300 of ships.txt, 34 distinct; 500 held out",
            ["torchrun", "--nnodes", "2", "--rdzv-backend", "c10d"],
        ),
    ],
)
def test_it_fits_the_terminal(desk: Path, columns: int, cluster: tuple[str, ...], says: str, begins: list[str]) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    environment |= {"TERM": "xterm", "NO_COLOR": "1"}
    typed = ("plan", "ships.txt", "--time", "1s", *cluster)
    text = text_on_terminal(*typed, environment=environment, columns=columns)
    assert max(map(cell_len, text.splitlines())) <= columns
    assert "…" not in text
    words = " ".join(text.split())
    for said in ("ships.txt", "bfloat16 in hardware", says, "chosen", "too large: text"):
        assert said in words
    assert "8 GPUs, NVIDIA H100 SXM, 80 GB, of which none is here" in words or not cluster
    assert ("Assumed" in words) == ("in float16 or bfloat16 by formulas" in words) == bool(cluster)
    command = text[text.rindex(begins[0] + " ") :].replace("\\\n", "")
    assert shlex.split(command)[:5] == begins


def test_in_a_file_every_line_is_whole(desk: Path, line: CommandLine) -> None:
    done = line("plan", "ships.txt", *SMALL, "--iterations", "5")
    assert done.returncode == 0, done.stderr.decode()
    lines = done.stdout.decode().splitlines()
    assert lines[-1].startswith("charrnn train ships.txt --iterations 5 ")
    assert any(line.startswith("length     5 iterations (") for line in lines)
    assert b"chosen" not in done.stdout  # a width was given: nothing was to choose


def test_the_verb_is_found_by_other_names(desk: Path, line: CommandLine) -> None:
    assert b"Did you mean charrnn plan?" in line("estimate", "book.txt").stderr
    assert b"charrnn plan" in line("train", "ships.txt", "--dry-run").stderr


def test_a_cluster_that_is_not_here_is_planned_by_formulas_and_says_what_it_assumes(
    desk: Path, line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("charrnn.training.precision.has_bfloat16", lambda _: False)  # what is here decides nothing
    cluster = ("--gpus", "8", "--nodes", "2", "--network", "200Gbit/s", "--batch-size", "64", "--characters", "1e12")
    fast = ("--no-ngrams", "--sample-length", "0", "--threads", "1")  # nothing else is read of so much text
    done = line("plan", "ships.txt", "--preset", "quick", *cluster, *fast, "--iterations", "1000", "--json")
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    assert (plan["text"]["length"], plan["text"]["held_out"]) == (10**12, 10**6)
    assert (plan["devices"]["nodes"], plan["devices"]["per_node"], plan["rows"], plan["measured"]) == (2, 8, 4, False)
    traffic = 2 * 15 / 16 * 4 * plan["parameters"] / 25e9 + 2 * 20e-6 * 4
    gathered = 15 / 16 * 2 * plan["parameters"] / 25e9 + 20e-6 * 4  # of Muon's matrices, nearly all
    assert traffic < plan["iteration"]["all_reduce"] < traffic + gathered
    assert plan["epochs"] == pytest.approx(1000 * 64 * 64 / (10**12 - 10**6), rel=1e-3)
    assert {"epoch", "start"} <= {limit["name"] for limit in plan["limits"]}
    assert plan["disk"]["cache"] == 10**12
    assert "H100" in plan["assumptions"][0]
    assert plan["command"].startswith("torchrun --nnodes 2 --rdzv-backend c10d --rdzv-endpoint HOST:29400 --nproc-per-")
    assert " -m charrnn train ships.txt --iterations 1000 " in plan["command"]
    assert "--characters" not in plan["command"]
    assert (plan["training"]["precision"], plan["machine"]["precision"]) == ("auto", "bfloat16")  # either of two bytes
    assert " --precision auto " in plan["command"]
    assert sorted(path.name for path in desk.iterdir()) == ["ships.txt"]


def test_processes_of_a_cpu_share_what_was_measured(
    desk: Path, line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_trial, "_TRIAL_SECONDS", 0.01)
    cluster = ("--nodes", "2", "--nproc-per-node", "2", "--threads", "2")
    done = line("plan", "ships.txt", *SMALL[:-2], *cluster, "--iterations", "9", "--json")
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    machine, iteration = plan["machine"], plan["iteration"]
    assert (machine["streams"], plan["rows"], plan["measured"]) == (2, 1, True)  # a node's; a process'
    assert iteration["update"] == machine["seconds_per_own_update"] / 4 > 0  # Muon's blocks are divided
    backward = max(0.0, machine["seconds_per_iteration"] - machine["seconds_per_update"])
    assert iteration["backward"] == pytest.approx(backward)
    assert plan["assumptions"][-1] == "every node computes as this machine does"
    refused = line("plan", "ships.txt", *SMALL, "--gpus", "3")
    assert (refused.returncode, refused.stdout) == (2, b"")
    assert refused.stderr.startswith(b"charrnn: --batch-size 4: cannot be divided evenly among 3 ranks. Start 1, 2, 4")
    contradiction = line("plan", "ships.txt", "--gpus", "2", "--nproc-per-node", "2")
    assert contradiction.returncode == 2
    assert b"contradict each other" in contradiction.stderr
    assert b"10,000,000,000 processes" in line("plan", "ships.txt", "--gpus", "100000", "--nodes", "100000").stderr
    assert b"25GB/s or 200Gbit/s" in line("plan", "ships.txt", "--network", "fast").stderr
