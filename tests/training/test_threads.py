from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
NAMES = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
SCRIPT = """
import json, os
from charrnn.training import threads
chosen = threads.prepare({argument})
print(json.dumps([chosen, threads.available(), {{name: os.environ.get(name) for name in {names}}}]))
"""


def prepared(argument: int | None = None, **user: str) -> tuple[int, int, dict[str, str | None]]:
    """What `prepare` returns, the cores there are, and the environment it leaves."""
    clean = {name: value for name, value in os.environ.items() if name not in NAMES}
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


def test_an_explicit_number_wins() -> None:
    chosen, _, environment = prepared(5, OMP_NUM_THREADS="3")
    assert chosen == 5
    assert environment["OMP_NUM_THREADS"] == "5"


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
    clean = {name: value for name, value in os.environ.items() if name not in NAMES}
    done = subprocess.run(command, env=clean | user, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    return done.stderr.splitlines()[-1]


def test_more_threads_than_are_of_use_or_can_be_started_are_refused() -> None:
    assert "UsageError: --threads 100000: at most " in refused(100_000)
    assert "UsageError: OMP_NUM_THREADS 999999999: at most " in refused(None, OMP_NUM_THREADS="9" * 5000)
    if sys.platform.startswith("linux"):  # where each thread has as much of the addresses as its stack may take
        assert "the system starts no more than" in refused(256, "ulimit -v 1500000; ")
