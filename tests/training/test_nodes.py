"""Several machines, played by one: two agents of torchrun with one rendezvous, each a host of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from helpers.command_line import SHORT, CommandLine

from charrnn.runs import checkpoint

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="what an agent started is found in /proc")

TEXT = "".join(f"{n} sheep went over the stile, said Ann; {n * n} came back.\n" for n in range(60))
OPTIONS = "--device cpu --threads 1 --no-ngrams --snapshot-at 1 --eval-every 0 --rank-timeout 30"
_LONGEST = 240.0  # seconds, on a busy machine


@dataclass
class Network:
    """Two hosts as torchrun is told of them."""

    address: str = "127.0.0.1"  # of the first
    enter: list[list[str]] = field(default_factory=lambda: [[], []])  # what starts a command on each
    interfaces: list[str] = field(default_factory=lambda: ["lo", "lo"])


class Host:
    """A machine's agent and the rank that it starts, which end together as those of a machine without power do."""

    def __init__(self, network: Network, node: int, port: int, folder: Path, *options: str) -> None:
        agent = f"--nnodes 2 --node-rank {node} --master-addr {network.address} --master-port {port}"
        command = [sys.executable, "-m", "torch.distributed.run", *agent.split(), "-m", "charrnn", "train", "book.txt"]
        self.log = folder / f"node{node}-{port}.log"
        with self.log.open("wb") as log:
            self._agent = subprocess.Popen(
                [*network.enter[node], *command, "--name", "book", "--auto-resume", *options, *SHORT, *OPTIONS.split()],
                cwd=folder,
                env=os.environ | {"GLOO_SOCKET_IFNAME": network.interfaces[node]},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def said(self) -> str:
        """What the agent and its rank have written."""
        return self.log.read_text("utf-8", "replace")

    def end(self) -> int:
        """The exit code, once it has ended by itself."""
        return self._agent.wait(_LONGEST)

    def __enter__(self) -> Host:
        return self

    def __exit__(self, *_: object) -> None:
        if self._agent.poll() is None:
            self.lose()

    def lose(self) -> None:
        """End it as a power failure does."""
        children = Path(f"/proc/{self._agent.pid}/task/{self._agent.pid}/children")
        ranks = [int(rank) for rank in children.read_text("ascii").split()] if children.exists() else []
        for process in (self._agent.pid, *ranks):
            os.kill(process, signal.SIGKILL)
        self._agent.wait()


@pytest.fixture
def namespaces() -> Iterator[Network]:
    """Two hosts that are: each in a network namespace of its own, with a cable between them."""
    names = [f"charrnn-{os.getpid()}-{node}" for node in (0, 1)]
    cable = [f"c{os.getpid()}n{node}" for node in (0, 1)]
    steps = [f"netns add {names[0]}", f"netns add {names[1]}"]
    steps += [f"link add {cable[0]} netns {names[0]} type veth peer name {cable[1]} netns {names[1]}"]
    for node in (0, 1):
        steps += [f"-n {names[node]} addr add 10.77.0.{node + 1}/24 dev {cable[node]}"]
        steps += [f"-n {names[node]} link set {device} up" for device in ("lo", cable[node])]
    try:
        for step in steps:
            subprocess.run(["ip", *step.split()], capture_output=True, check=True)
        yield Network("10.77.0.1", [["ip", "netns", "exec", name] for name in names], cable)
    except (OSError, subprocess.CalledProcessError) as refused:
        pytest.skip(f"no network namespaces can be made here: {refused}")
    finally:
        for name in names if shutil.which("ip") else []:
            subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)


def recorded(run: Path) -> int:
    """The iteration up to which a run has told its metrics."""
    path = run / "metrics.jsonl"
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    return max((json.loads(line).get("iteration", 0) for line in lines), default=0)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def lose_one(network: Network, folder: Path) -> Path:
    """Train on two hosts until the second loses power. Returns the run."""
    (folder / "book.txt").write_text(TEXT, "utf-8")
    run, port, deadline = folder / "checkpoints" / "book", free_port(), time.monotonic() + _LONGEST
    options = ("--iterations", "1000000")
    with Host(network, 0, port, folder, *options) as first, Host(network, 1, port, folder, *options) as second:
        while recorded(run) < 20:
            assert time.monotonic() < deadline, first.said + second.said
            time.sleep(0.02)
        second.lose()
        assert first.end() == 1
    assert "charrnn: rank 1 (" in first.said
    assert "Go on from its last save: torchrun ... -m charrnn train --resume " in first.said
    assert "charrnn: " not in second.said  # rank 0 tells
    return run


def test_when_a_host_is_lost_the_other_says_so_and_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    run = lose_one(Network(), tmp_path)
    said = CommandLine(monkeypatch, capfdbinary).train("--resume", run, "--iterations", "30")
    assert "with ranks 1 instead of 2 the weights will not be the same" in said
    assert checkpoint.load(run / "iteration-000030.safetensors").header.iteration == 30


def test_hosts_with_a_network_between_them_go_on_together(
    namespaces: Network, tmp_path: Path, rounds: Callable[[int, int], int]
) -> None:
    for number in range(rounds(0, 1)):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        run, port = lose_one(namespaces, folder), free_port()
        options = ("--iterations", "30")
        with (
            Host(namespaces, 0, port, folder, *options) as first,
            Host(namespaces, 1, port, folder, *options) as second,
        ):
            assert (first.end(), second.end()) == (0, 0), first.said + second.said
        assert checkpoint.load(run / "iteration-000030.safetensors").header.iteration == 30
