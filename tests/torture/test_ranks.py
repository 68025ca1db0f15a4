"""`charrnn train` as several ranks: the losses of one, one voice, and whatever becomes of a rank, no other hangs."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.forking import ENVIRONMENT, SHIPS, Process, Server

from charrnn.runs import checkpoint
from charrnn.runs.run import Run

NETWORK = ("--rnn-size", "16", "--embedding-size", "8", "--num-layers", "2", "--precision", "float32", "--seed", "7")
DROPOUT = ("--dropout", "0.2", "--input-dropout", "0.1", "--recurrent-dropout", "0.2", "--state-reset", "0.3")
WINDOWS = ("--batch-size", "4", "--seq-length", "16", "--shift", "8")
WATCHING = ("--snapshot-at", "20", "--eval-every", "10", "--sample-length", "30", "--average", "0.9")
SETTINGS = (*NETWORK, *DROPOUT, *WINDOWS, *WATCHING)
TRAIN = ("train", "ships.txt", *SETTINGS, "--iterations", "40")
ENDLESS = ("train", "ships.txt", *SETTINGS, "--iterations", "1000000")
APART = ("train", "papers", "--documents", *SETTINGS, "--iterations", "30", "--val-frac", "0.2")


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def start_rank(server: Server, rank: int, size: int, port: str, *arguments: str, **hook: Any) -> Process:
    place = {"RANK": rank, "WORLD_SIZE": size, "LOCAL_RANK": rank, "LOCAL_WORLD_SIZE": size, "MASTER_PORT": port}
    environment = {name: str(value) for name, value in place.items()} | {"MASTER_ADDR": "127.0.0.1"}
    return server.start(*arguments, environment=environment, hook=hook or None)


def start(server: Server, *arguments: str, size: int = 2) -> list[Process]:
    port = free_port()
    return [start_rank(server, rank, size, port, *arguments) for rank in range(size)]


def ended(*ranks: Process) -> list[int]:
    return [rank.wait() for rank in ranks]


def run_of(server: Server, name: str) -> Run:
    return Run(server.where / "checkpoints" / name)


def tensors(run: Run) -> dict[str, bytes]:
    return {name: tensor.tobytes() for name, tensor in checkpoint.load(run.resume_path).tensors.items()}


def losses(run: Run) -> list[float]:
    rows = map(json.loads, run.metrics_path.read_text("utf-8").splitlines())
    return [row[name] for row in rows for name in ("loss", "held_out_loss", "mixed_loss", "grad_norm") if name in row]


@pytest.fixture(scope="module")
def two(server: Server) -> Run:
    """A training of two ranks, to its end."""
    first, second = start(server, *TRAIN, "--name", "two")
    assert ended(first, second) == [0, 0], first.err + second.err
    assert (second.out, second.err) == ("", "")
    assert first.err.count("trained 40 iterations") == 1
    assert "other weights" not in first.err
    return run_of(server, "two")


@pytest.fixture(scope="module")
def four(server: Server) -> Run:
    """One of four, of documents: of so many gradients the order decides how their sum is rounded."""
    (server.where / "papers").mkdir()
    for number in range(7):
        (server.where / "papers" / f"{number}.txt").write_text(SHIPS[number * 300 : number * 340 + 90], "utf-8")
    assert ended(*start(server, *APART, "--name", "four", size=4)) == [0] * 4
    return run_of(server, "four")


def test_two_ranks_have_the_losses_of_one(server: Server, two: Run) -> None:
    """To the rounding of float32, over forty iterations: the tolerance that docs/scale.md states."""
    server.run(*TRAIN, "--name", "one")
    one = run_of(server, "one")
    np.testing.assert_allclose(losses(two), losses(one), rtol=1e-4)
    ours, theirs = checkpoint.load(two.resume_path), checkpoint.load(one.resume_path)
    assert ours.tensors.keys() == theirs.tensors.keys()  # states of all streams too
    for name, tensor in theirs.tensors.items():
        assert ours.tensors[name].shape == tensor.shape
        np.testing.assert_allclose(ours.tensors[name], tensor, rtol=1e-2, atol=1e-4, err_msg=name)
    assert two.metrics_path.read_text("utf-8").count("\n") == one.metrics_path.read_text("utf-8").count("\n")


def test_muon_divided_over_three_ranks_has_the_losses_of_one(server: Server, two: Run) -> None:
    """Eight blocks of one shape and four of another, which three ranks cannot share evenly."""
    muon = ("train", "ships.txt", *SETTINGS, "--batch-size", "6", "--optimizer", "muon", "--iterations", "20")
    assert ended(*start(server, *muon, "--name", "muon-three", size=3)) == [0] * 3
    server.run(*muon, "--name", "muon-one")
    np.testing.assert_allclose(losses(run_of(server, "muon-three")), losses(run_of(server, "muon-one")), rtol=1e-3)


def test_documents_apart_have_the_losses_of_one_rank_though_some_rows_are_over(server: Server, four: Run) -> None:
    server.run(*APART, "--name", "apart")
    np.testing.assert_allclose(losses(four), losses(run_of(server, "apart")), rtol=1e-4)


def test_a_killed_rank_ends_the_others_which_name_it_and_resuming_is_exact(server: Server, four: Run) -> None:
    first, second, *others = start(server, *APART, "--name", "killed", size=4)
    run = run_of(server, "killed")
    first.until(lambda: run.resume_path.exists() and checkpoint.read_header(run.resume_path).iteration >= 20)
    second.send_signal(signal.SIGKILL)
    assert ended(first, second, *others) == [1, -signal.SIGKILL, 1, 1], first.err
    assert f"charrnn: rank 1 ({socket.gethostname()}): is gone" in first.err
    assert "Go on from its last save: charrnn train --resume " in first.err
    assert "Traceback" not in "".join(rank.err for rank in (first, *others))
    assert ended(*start(server, "train", "--resume", "killed", size=4)) == [0] * 4
    assert tensors(run) == tensors(four)
    assert losses(run) == losses(four)


def test_a_signal_to_one_rank_stops_both_at_one_iteration_and_another_number_goes_on(server: Server, two: Run) -> None:
    first, second = start(server, *ENDLESS, "--name", "stopped")
    run = run_of(server, "stopped")
    first.until(run.snapshot_path(20).exists)
    second.send_signal(signal.SIGTERM)
    assert ended(first, second) == [128 + signal.SIGTERM] * 2, first.err + second.err
    header = checkpoint.load(run.resume_path).header
    assert f"stopped after iteration {header.iteration:,} of 1,000,000; everything is kept." in first.err
    assert second.err == ""
    assert header.made_with["ranks"] == 2
    again = server.run("train", "--resume", "stopped", "--iterations", str(header.iteration + 5))
    assert "each stream goes on from its place, and they are divided anew; with ranks 1 instead of 2" in again.err
    assert checkpoint.load(run.resume_path).header.iteration == header.iteration + 5


def test_sigusr1_to_a_rank_that_does_not_write_saves(server: Server, two: Run) -> None:
    first, second = start(server, *ENDLESS, "--name", "saved")
    run = run_of(server, "saved")
    first.until(run.snapshot_path(20).exists)
    before = checkpoint.load(run.resume_path).header.iteration
    second.send_signal(signal.SIGUSR1)
    first.until(lambda: checkpoint.read_header(run.resume_path).iteration > before)
    for rank in (first, second):  # as Ctrl-C in a terminal reaches all
        rank.send_signal(signal.SIGINT)
    assert ended(first, second) == [130, 130]


def test_a_rank_with_another_text_or_setting_is_named(server: Server, two: Run) -> None:
    (server.where / "held-out.txt").write_text(SHIPS[:900], "utf-8")
    hosts = {
        "text": (SHIPS[:-60], SHIPS[:900]),
        "validation": (SHIPS, SHIPS[:901]),
    }  # what files of one name have there
    for host, (text, held_out) in hosts.items():
        (server.where / host).mkdir()
        (server.where / host / "ships.txt").write_text(text, "utf-8")
        (server.where / host / "held-out.txt").write_text(held_out, "utf-8")
    train = (*TRAIN, "--val-text", "held-out.txt", "--name", "odd")
    for there, options, said in (
        (server.within(server.where / "text"), train, "a text whose digest is "),
        (server.within(server.where / "validation"), train, "a validation text whose digest is "),
        (server, (*train, "--dropout", "0.3"), "--dropout 0.3, where "),
    ):
        port = free_port()
        ranks = [start_rank(server, rank, 3, port, *train) for rank in range(2)]
        ranks += [start_rank(there, 2, 3, port, *options)]
        assert ended(*ranks) == [1, 1, 1]
        assert ranks[0].err.count(f"charrnn: rank 2 ({socket.gethostname()}): {said}") == 1, ranks[0].err
        assert [rank.err for rank in ranks[1:]] == ["", ""]
    assert not run_of(server, "odd").path.exists()


def test_an_error_of_all_is_told_once_and_one_of_a_single_rank_by_it(server: Server, two: Run) -> None:
    ranks = start(server, *TRAIN, "--batch-size", "4", "--name", "divided", size=3)
    assert ended(*ranks) == [2, 2, 2]
    assert "--batch-size 4: cannot be divided evenly among 3 ranks. Start 1, 2, 4 of them" in ranks[0].err
    assert [rank.err for rank in ranks[1:]] == ["", ""]
    port = free_port()
    first = start_rank(server, 0, 2, port, *TRAIN)
    second = start_rank(server, 1, 2, port, "train", "missing.txt", *TRAIN[2:])
    assert ended(first, second) == [1, 1]
    assert second.err.startswith(f"charrnn: rank 1 ({socket.gethostname()}): missing.txt: ")
    assert "Traceback" not in first.err + second.err
    assert first.err.count("charrnn:") == 0


def test_a_rank_that_never_arrives_is_named(server: Server) -> None:
    port = free_port()
    first, third = (start_rank(server, rank, 3, port, *TRAIN, "--rank-timeout", "2") for rank in (0, 2))
    assert ended(first, third) == [1, 1]
    assert "charrnn: rank 1 of 3: has not arrived in 2 s" in first.err
    assert third.err == "" or "rank 2: rank 1 of 3: has not arrived" in third.err


def test_a_rank_that_ends_while_they_connect_is_not_waited_for_longer(server: Server) -> None:
    port, train = free_port(), (*TRAIN, "--rank-timeout", "2")
    first = start_rank(server, 0, 2, port, *train)
    second = start_rank(server, 1, 2, port, *train, call="torch.distributed:init_process_group", at=1, kill="before")
    assert ended(first, second) == [1, -signal.SIGKILL]
    assert "charrnn: the ranks: cannot connect to each other (" in first.err


def test_a_port_in_use_and_a_store_that_is_not_there_are_told(server: Server) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        first = start_rank(server, 0, 2, port, *TRAIN)
        assert first.wait() == 1
    assert f"charrnn: 127.0.0.1:{port}: the port is in use." in first.err
    second = start_rank(server, 1, 2, free_port(), *TRAIN, "--rank-timeout", "2")
    assert second.wait() == 1
    assert "rank 0, which has not arrived or is gone, cannot be reached" in second.err


def test_a_rank_that_stops_answering_is_given_up(server: Server, two: Run, rounds: Callable[[int, int], int]) -> None:
    for stopped, other in ((0, 1), (1, 0))[: rounds(1, 2)]:
        ranks = start(server, *ENDLESS, "--name", f"silent-{stopped}", "--rank-timeout", "3")
        ranks[0].until(run_of(server, f"silent-{stopped}").snapshot_path(20).exists)
        ranks[stopped].send_signal(signal.SIGSTOP)
        assert ranks[other].wait() == 1
        assert f"rank {stopped} ({socket.gethostname()}): has not answered for 3 s." in ranks[other].err
        ranks[stopped].send_signal(signal.SIGKILL)


def test_standard_input_and_restarts_without_a_name_are_refused(server: Server, two: Run) -> None:
    first, _ = ranks = start(server, "train", "-", *SETTINGS)
    assert ended(*ranks) == [2, 2]
    assert "charrnn: -: standard input is read once, and there are 2 ranks." in first.err
    place = {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"}
    restarted = server.start(*TRAIN, environment=place | {"TORCHELASTIC_MAX_RESTARTS": "3"})
    assert restarted.wait() == 2
    assert "charrnn: --max-restarts: what torchrun starts again goes on with the run of a name." in restarted.err


def test_an_environment_that_cannot_be_is_told_in_a_line(server: Server) -> None:
    place = {"RANK": "4", "WORLD_SIZE": "4", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"}
    process = server.start(*TRAIN, environment=place)
    assert process.wait() == 2
    assert process.err == "charrnn: RANK 4: with WORLD_SIZE 4 the last is 3. Start it with torchrun.\n"


def test_other_verbs_are_done_once(server: Server, two: Run) -> None:
    first, second = start(server, "sample", "two", "--length", "20")
    assert ended(first, second) == [0, 0]
    assert len(first.out) == 20
    assert (second.out, second.err) == ("", "")


def test_torchrun_starts_killed_ranks_again_and_they_go_on_exactly(server: Server, two: Run, tmp_path: Path) -> None:
    """A real torchrun: elastic restart after a SIGKILL, to the very tensors of a training that was never killed."""
    torchrun = (sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--max-restarts", "1")
    train = (*torchrun, "-m", "charrnn", *TRAIN, "--checkpoint-dir", str(tmp_path), "--name", "elastic")
    with (tmp_path / "err").open("w") as err:
        process = subprocess.Popen(
            train, cwd=server.where, env=ENVIRONMENT | {"PYTHONWARNINGS": ""}, stdout=err, stderr=err
        )
        run, deadline = Run(tmp_path / "elastic"), time.monotonic() + 90
        while not (run.resume_path.exists() and checkpoint.read_header(run.resume_path).iteration >= 20):
            assert time.monotonic() < deadline, (tmp_path / "err").read_text()
            assert process.poll() is None, (tmp_path / "err").read_text()
            time.sleep(0.005)
        os.kill(rank_of(process.pid, "1"), signal.SIGKILL)
        assert process.wait(90) == 0, (tmp_path / "err").read_text()
    assert (tmp_path / "err").read_text().count("going on after iteration") == 1
    assert tensors(run) == tensors(two)
    assert losses(run) == losses(two)


def rank_of(torchrun: int, rank: str) -> int:
    """The process of a rank."""
    children = Path(f"/proc/{torchrun}/task").glob("*/children")
    for child in " ".join(path.read_text() for path in children).split():
        if f"\0RANK={rank}\0" in "\0" + Path(f"/proc/{child}/environ").read_text():
            return int(child)
    raise AssertionError("torchrun has no such process")
