"""One OpenMP thread for every test and the processes it starts: tiny models gain nothing from more, and beside other
work on the same cores spinning threads lose nearly everything. And signals as usual: a shell starts what it puts in the
background with SIGINT ignored, `nohup` ignores SIGHUP, and the processes that tests start would inherit that.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from helpers import browsing, forking
from hypothesis import settings

# A machine may be busy: no test fails for being slow.
settings.register_profile("charrnn", deadline=None)
settings.load_profile("charrnn")

# Kills, forks, pipes and full disks as POSIX has them; tests/test_platforms.py plays Windows.
collect_ignore_glob = ["torture/*"] if sys.platform == "win32" else []

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Commands that run in this process set torch's threads as they were told to, and flush denormals: none leaves that
    to the next test."""
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(1)
        torch.set_flush_denormal(False)


_HANDLERS = {
    number: signal.getsignal(number)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1")
    if (number := getattr(signal, name, None))
}


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """Commands that run in this process, be it for a fixture of a module, handle signals as in one of their own: each
    test begins as a new process does."""
    for number, handler in _HANDLERS.items():
        signal.signal(number, handler)
    hook = sys.unraisablehook
    yield
    sys.unraisablehook = hook


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """One browser for all tests of pages."""
    with browsing.launched() as browser:
        yield browser


@pytest.fixture(scope="session")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[forking.Server]:
    """What starts commands as processes of their own that do not import torch each."""
    with forking.serving(tmp_path_factory.mktemp("forks")) as started:
        yield started


# Tests of these rooms start processes and take longest. Their files come first: what is left at the end, when one
# worker after the other has nothing more to do, are short ones.
_LONGEST = ("torture", "commands", "bench")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        room = item.path.parent.name
        return _LONGEST.index(room) if room in _LONGEST else len(_LONGEST) + (room != "tests")

    items.sort(key=place)


_FIGURE = "figure"  # the property of a test that has measured something


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--thorough", action="store_true", help="as many rounds as docs/reliability.md tells of")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    told = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, ())]
    if figures := [line for report in told for name, line in report.user_properties if name == _FIGURE]:
        terminalreporter.section("figures")
        for line in figures:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def rounds(request: pytest.FixtureRequest) -> Callable[[int, int], int]:
    """How often to try: few times in every run of the tests, many with --thorough (`make torture`, `make fuzz`)."""
    thorough = bool(request.config.getoption("--thorough"))
    return lambda few, many: many if thorough else few


@pytest.fixture
def tell_figure(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Add a line to what is measured, which is shown after the tests."""
    return lambda line: request.node.user_properties.append((_FIGURE, line))
