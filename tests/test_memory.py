from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from charrnn import memory
from charrnn.errors import UsageError

GB = 10**9


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the files lie by which a system tells of memory; it has none yet."""
    monkeypatch.setattr(memory, "_ROOT", tmp_path)
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "ascii")


def test_free_memory_and_swap_are_what_there_is(system: Path) -> None:
    write(
        system / "proc/meminfo",
        "MemTotal: 9000000 kB\nMemAvailable:    4000000 kB\nSwapTotal: 1 kB\nSwapFree: 500000 kB\n",
    )
    assert memory.available() == 4_500_000 * 1024


def test_a_container_has_what_its_group_leaves_beside_what_files_keep(system: Path) -> None:
    write(system / "proc/meminfo", "MemAvailable: 9000000 kB\nSwapFree: 0 kB\n")
    write(system / "sys/fs/cgroup/memory.max", "max\n")
    write(system / "sys/fs/cgroup/memory.stat", "anon 5\nfile 7\n")
    assert memory.available() == 9_000_000 * 1024
    write(system / "proc/self/cgroup", "0::/user/mine\n")
    write(system / "sys/fs/cgroup/user/mine/memory.max", f"{3 * GB}\n")
    write(system / "sys/fs/cgroup/user/mine/memory.stat", f"anon {GB}\nfile {2 * GB}\nanon_thp 9\n")
    assert memory.available() == 2 * GB
    write(system / "proc/self/cgroup", "5:cpu,memory:/old\n0::/user/mine\n")
    write(system / "sys/fs/cgroup/memory/old/memory.limit_in_bytes", f"{GB}\n")
    write(system / "sys/fs/cgroup/memory/old/memory.stat", "cache 1\nrss 400000000\n")
    assert memory.available() == 600_000_000


def test_where_nothing_tells_there_is_all_of_the_machine_and_nothing_is_refused(
    system: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (memory.available() or 0) > GB / 10
    monkeypatch.setattr("os.sysconf_names", {})
    assert memory.available() is None
    memory.require(10**30, "anything", "Take less.")


def test_more_than_there_is_is_refused_in_a_line(system: Path) -> None:
    write(system / "proc/meminfo", "MemAvailable: 1000000 kB\n")
    memory.require(GB, "this", "Take less.")
    with pytest.raises(UsageError) as refused:
        memory.require(2 * GB, "this", "Take less.")
    assert str(refused.value) == "this: takes 2.0 GB of memory or more, and 1.0 GB are free. Take less."


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="what is mapped is told by /proc")
def test_what_ulimit_leaves_is_all_there_is() -> None:
    script = "from charrnn import memory; print(memory.available())"
    command = f"ulimit -v 2000000; exec {sys.executable} -c '{script}'"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True, timeout=60)
    assert GB / 2 < int(done.stdout) < 2_000_000 * 1024


@pytest.mark.parametrize("take", [lambda: bytearray(1 << 60), lambda: np.ones(1 << 57)])
def test_memory_that_has_run_out_is_told_whoever_says_it(take: Callable[[], object]) -> None:
    with pytest.raises((MemoryError, RuntimeError)) as raised:
        take()
    assert memory.ran_out(raised.value)
    assert not memory.ran_out(RuntimeError("shapes cannot be multiplied"))
