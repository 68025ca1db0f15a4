from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from charrnn import control_groups
from charrnn.training import threads

DOCS = Path(__file__).resolve().parents[2] / "docs"
NAMES = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
RANKS = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


def rank(number: int, size: int) -> dict[str, str]:
    """What torchrun tells a rank of several on this machine."""
    numbers = dict(zip(RANKS, map(str, (number, size, number, size)), strict=False))
    return numbers | {"MASTER_ADDR": "localhost", "MASTER_PORT": "1"}


SCRIPT = """
import json, os
from charrnn.training import threads
chosen = threads.prepare({argument})
print(json.dumps([chosen, threads.available(), {{name: os.environ.get(name) for name in {names}}}]))
"""


def prepared(argument: int | None = None, **user: str) -> tuple[int, int, dict[str, str | None]]:
    """What `prepare` returns, the cores there are, and the environment it leaves."""
    clean = {name: value for name, value in os.environ.items() if name not in NAMES + RANKS}
    script = SCRIPT.format(argument=argument, names=NAMES)
    done = subprocess.run([sys.executable, "-c", script], env=clean | user, capture_output=True, text=True, check=True)
    chosen, available, environment = json.loads(done.stdout)
    return chosen, available, environment


def test_without_settings_all_cores_work_and_wait_with_a_bounded_spin() -> None:
    chosen, available, environment = prepared()
    assert chosen == available >= 1
    assert environment["OMP_NUM_THREADS"] == str(available)
    assert int(environment["GOMP_SPINCOUNT"] or 0) > 0
    assert environment["OMP_WAIT_POLICY"] is environment["KMP_BLOCKTIME"] is None


@pytest.mark.parametrize(
    ("name", "value"), [("OMP_WAIT_POLICY", "ACTIVE"), ("GOMP_SPINCOUNT", "7"), ("KMP_BLOCKTIME", "0")]
)
def test_the_users_way_of_waiting_stays(name: str, value: str) -> None:
    _, _, environment = prepared(**{name: value})
    waiting = {other: environment[other] for other in NAMES if other != "OMP_NUM_THREADS"}
    assert waiting == dict.fromkeys(waiting) | {name: value}


@pytest.mark.parametrize("value", ["3", "3,2"])
def test_the_users_number_of_threads_stays(value: str) -> None:
    chosen, _, environment = prepared(OMP_NUM_THREADS=value)
    assert chosen == 3
    assert environment["OMP_NUM_THREADS"] == value


@pytest.mark.parametrize(("asked", "theirs"), [(5, {"OMP_NUM_THREADS": "3"}), (1, rank(0, 2))])
def test_an_explicit_number_wins(asked: int, theirs: dict[str, str]) -> None:
    chosen, _, environment = prepared(asked, **theirs)
    assert chosen == asked
    assert environment["OMP_NUM_THREADS"] == str(asked)


@pytest.mark.parametrize("value", ["", "0", "many", "-2"])
def test_a_number_that_is_none_is_replaced(value: str) -> None:
    chosen, available, environment = prepared(OMP_NUM_THREADS=value)
    assert chosen == available
    assert environment["OMP_NUM_THREADS"] == str(available)


FAULTS = """
import resource
from charrnn.training import threads
threads.prepare(1)
import numpy as np
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        [np.ones(1 << 20) for _ in range(8)]  # 64 MB in pieces of 8 MB, then given back
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(faults())
"""


@pytest.mark.skipif("glibc" not in platform.libc_ver(), reason="only glibc's malloc is told to keep memory")
def test_memory_that_is_freed_is_kept_unless_the_user_says_otherwise() -> None:
    def faults(**user: str) -> int:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
        done = subprocess.run([sys.executable, "-c", FAULTS], env=clean | user, capture_output=True, check=True)
        return int(done.stdout)

    assert 5 * faults() < faults(MALLOC_MMAP_THRESHOLD_="131072")  # every page anew every time


def test_that_exact_means_as_many_threads_is_said_where_threads_and_seeds_are_chosen() -> None:
    reference = (DOCS / "cli.md").read_text("utf-8")
    train = reference[reference.index("## charrnn train") : reference.index("## charrnn plan")]
    [seed] = [line for line in train.splitlines() if "`--seed" in line]
    [threads] = [line for line in train.splitlines() if "`--threads" in line]
    assert "exact with the same --threads" in seed
    assert "the same seed gives the same weights with as many threads" in threads
    assert "Other `--threads` round sums" in (DOCS / "training.md").read_text("utf-8")


def refused(argument: int | None, limit: str = "", **user: str) -> str:
    """The last line of what `prepare` leaves where it is refused, under a `ulimit`."""
    script = SCRIPT.format(argument=argument, names=NAMES)
    command = ["bash", "-c", f'{limit}exec "$0" -c "$1"', sys.executable, script]
    clean = {name: value for name, value in os.environ.items() if name not in NAMES + RANKS}
    done = subprocess.run(command, env=clean | user, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    return done.stderr.splitlines()[-1]


def test_more_threads_than_are_of_use_or_can_be_started_are_refused() -> None:
    assert "UsageError: --threads 100000: at most " in refused(100_000)
    assert "UsageError: OMP_NUM_THREADS 999999999: at most " in refused(None, OMP_NUM_THREADS="9" * 5000)
    if sys.platform.startswith("linux"):  # where each thread has as much of the addresses as its stack may take
        assert "the system starts no more than" in refused(256, "ulimit -v 1500000; ")


def group(root: Path, path: str, **files: str) -> None:
    """A control group of a tree made by hand, with what its files say (`cpu_max` is `cpu.max`)."""
    for name, text in files.items():
        file = root / "sys/fs/cgroup" / path / name.replace("_", ".", 1)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n", "ascii")


def member(root: Path, groups: str) -> Path:
    """The root of a system whose process is in these groups."""
    (root / "proc/self").mkdir(parents=True, exist_ok=True)
    (root / "proc/self/cgroup").write_text(groups, "ascii")
    return root


def test_without_control_groups_or_a_quota_there_is_none(tmp_path: Path) -> None:
    assert threads.quota(tmp_path) is None
    group(tmp_path, "", cpu_max="max 100000")
    group(tmp_path, "cpu", cpu_cfs_quota_us="-1", cpu_cfs_period_us="100000")
    assert threads.quota(member(tmp_path, "2:cpu:/\n0::/\n")) is None


def test_a_containers_quota_is_that_of_the_group_it_sees_as_the_top_one(tmp_path: Path) -> None:
    group(tmp_path, "", cpu_max="150000 100000")
    assert threads.quota(member(tmp_path, "0::/\n")) == 1.5
    assert threads.quota(member(tmp_path, "0::/../../elsewhere\n")) == 1.5  # of a process that came from outside


def test_the_least_quota_of_all_groups_counts(tmp_path: Path) -> None:
    member(tmp_path, "0::/kubepods/pod/mine\n")
    group(tmp_path, "kubepods/pod/mine", cpu_max="max 100000")
    assert threads.quota(tmp_path) is None
    group(tmp_path, "kubepods/pod", cpu_max="1200000 400000")
    group(tmp_path, "kubepods/pod/another", cpu_max="1 100000")
    assert threads.quota(tmp_path) == 3
    group(tmp_path, "kubepods/pod/mine", cpu_max="50000 100000")
    assert threads.quota(tmp_path) == 0.5


@pytest.mark.parametrize("mount", ["cpu", "cpu,cpuacct"])
def test_version_1_has_a_tree_for_the_controller(mount: str, tmp_path: Path) -> None:
    member(tmp_path, "4:cpu,cpuacct:/docker/1f\n3:memory:/other\n0::/\n")
    group(tmp_path, f"{mount}/docker/1f", cpu_cfs_quota_us="800000", cpu_cfs_period_us="100000")
    assert threads.quota(tmp_path) == 8
    group(tmp_path, f"{mount}/docker", cpu_cfs_quota_us="250000", cpu_cfs_period_us="100000")
    assert threads.quota(tmp_path) == 2.5


@pytest.mark.parametrize("said", ["", "max", "100000", "1 0", "-5 100000", "many 100000"])
def test_a_file_that_says_something_else_is_no_quota(said: str, tmp_path: Path) -> None:
    group(tmp_path, "", cpu_max=said)
    assert threads.quota(member(tmp_path, "0::/\n")) is None


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes this one of so many cores, with a quota, and the environment that a process finds there."""

    def made(count: int, share: float | None = None, **environment: str) -> None:
        for name in NAMES + RANKS:
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(threads, "cores", lambda: count)
        monkeypatch.setattr(threads, "quota", lambda: share)

    return made


@pytest.mark.parametrize(
    ("cores", "quota", "usable"), [(4, None, 4), (4, 8.0, 4), (4, 3.0, 3), (4, 2.9, 2), (4, 0.5, 1)]
)
def test_cores_are_those_that_a_quota_lasts_for(
    machine: Callable[..., None], cores: int, quota: float | None, usable: int
) -> None:
    machine(cores, quota)
    assert threads.available() == threads.default() == usable
    assert len(threads.remarks(None)) == (usable < cores)
    assert threads.remarks(threads=2) == []  # it was asked for


def test_fewer_threads_than_cores_are_told(machine: Callable[..., None]) -> None:
    machine(8, 2.5)
    assert threads.remarks(None) == [
        "The CPU quota of this container or job lasts for 2.5 of 8 cores: 2 threads (--threads N takes another number)."
    ]
    machine(8, 2.5, OMP_NUM_THREADS="4")
    assert (threads.default(), threads.remarks(None)) == (4, [])


@pytest.mark.parametrize(
    ("ranks", "theirs", "expected"),
    [
        (2, "1", 4),  # torchrun's 1 is nobody's wish
        (3, "1", 2),
        (16, "1", 1),
        (2, "3", 3),
        (1, "1", 1),  # torchrun leaves it to a single process
    ],
)
def test_ranks_share_the_cores_of_their_machine(
    machine: Callable[..., None], ranks: int, theirs: str, expected: int
) -> None:
    machine(8, **rank(0, ranks), OMP_NUM_THREADS=theirs)
    assert threads.default() == expected


def test_more_ranks_than_cores_are_told_once_with_the_numbers(machine: Callable[..., None]) -> None:
    machine(2, **rank(0, 2))
    assert threads.remarks(None) == []
    machine(2, **rank(0, 3))
    assert threads.remarks(1) == [
        "3 ranks on 2 cores of this machine wait for each other: on CPUs more than 2 are only slower "
        "(--nproc-per-node 2)."
    ]
    machine(2, **rank(1, 3))
    assert threads.remarks(1) == []


@pytest.fixture
def real_group() -> Iterator[Path]:
    """A control group of this machine, below this process's, that has half a core."""
    tops = [path for path in control_groups.bounding("cpu") if path.is_dir()]
    if not tops:
        pytest.skip("a system without control groups")
    group, quota = tops[0] / f"charrnn-test-{os.getpid()}", {"cpu.max": "50000 100000", "cpu.cfs_quota_us": "50000"}
    try:
        group.mkdir()
        [limit] = [name for name in quota if (group / name).exists()]
        (group / limit).write_text(quota[limit], "ascii")
        yield group
    except (OSError, ValueError) as refused:
        pytest.skip(f"no control group can be made here: {refused}")
    finally:
        if group.exists():
            group.rmdir()


def test_a_real_group_with_half_a_core_gives_one_thread(real_group: Path) -> None:
    script = "from charrnn.training import threads; print(threads.quota(), threads.available())"
    command = f'echo $$ > {real_group}/cgroup.procs && exec "$0" -c "{script}"'
    done = subprocess.run(["sh", "-c", command, sys.executable], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0.5", "1"]
