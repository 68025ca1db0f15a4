"""The cache against what happens to files: damage, truncation, other processes, no room."""

from __future__ import annotations

import gc
import hashlib
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from charrnn.errors import CorpusError
from charrnn.text import id_cache
from charrnn.text.id_cache import IdFile

KEY = id_cache.key_of(["a", 1])
IDS = np.arange(1000, dtype=np.uint16)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CHARRNN_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def make() -> Iterator[np.ndarray]:
    yield from np.array_split(IDS, 7)


def store() -> IdFile:
    ids, trouble = id_cache.store(KEY, make, IDS.dtype, {"name": "book", "characters": 1000})
    assert trouble is None
    return ids


def test_what_was_stored_is_found() -> None:
    stored = store()
    found = id_cache.find(KEY)
    assert found is not None
    ids, facts = found
    for each in (stored, ids):
        assert (len(each), each.dtype) == (1000, np.uint16)
        assert each[10:20].tolist() == list(range(10, 20))
        assert each[990:2000].tolist() == list(range(990, 1000))
        assert each[500:500].tolist() == []
    assert (facts["name"], facts["sha256"]) == ("book", hashlib.sha256(IDS.tobytes()).hexdigest())
    assert [(one.name, one.characters) for one in id_cache.entries()] == [("book", 1000)]
    assert id_cache.find(id_cache.key_of(["a", 2])) is None


def test_only_contiguous_slices() -> None:
    with pytest.raises(ValueError, match="contiguous"):
        store()[0:10:2]


def test_translated() -> None:
    table = np.arange(1000, dtype=np.uint32)[::-1] % 7
    ids = store().translated(table)
    assert ids.dtype == np.uint32
    assert ids[3:90].tolist() == table[3:90].tolist()


def test_every_damage_is_noticed(place: Path) -> None:
    store()
    path = id_cache.path_of(KEY)
    whole = path.read_bytes()
    for position in (0, 1999, 2000, len(whole) - 50, len(whole) - 48, len(whole) - 16, len(whole) - 1):
        damaged = bytearray(whole)
        damaged[position] ^= 1
        path.write_bytes(damaged)
        assert id_cache.find(KEY) is None, position
    for size in (0, 1, 47, 48, 2000, len(whole) - 1):
        path.write_bytes(whole[:size])
        assert id_cache.find(KEY) is None, size
    path.write_bytes(whole + b"more")
    assert id_cache.find(KEY) is None
    assert id_cache.entries() == []
    store()  # made anew over it
    assert id_cache.find(KEY) is not None


def test_a_file_cut_short_in_use_is_an_error_and_no_signal(place: Path) -> None:
    script = (
        "import os, sys, numpy as np\n"
        "from charrnn import errors\nfrom charrnn.text import id_cache as cache\n"
        "zeros = np.zeros(1 << 20, np.uint8)\n"
        "ids, _ = cache.store('k', lambda: [zeros], zeros.dtype, {'name': 'n', 'characters': 1})\n"
        "os.truncate(cache.path_of('k'), 100)\n"
        "try: ids[1 << 19 : (1 << 19) + 10]\n"
        "except errors.CorpusError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert "was cut short while it was in use" in done.stdout


def test_removed_in_use_stays_readable(place: Path) -> None:
    ids = store()
    assert id_cache.clear() > 2000
    assert list(place.iterdir()) == []
    assert ids[0:5].tolist() == [0, 1, 2, 3, 4]


def test_clear_takes_what_interrupted_processes_left(place: Path) -> None:
    store()
    (place / ".abc.tmp").write_bytes(b"half")
    (place / "theirs.txt").write_bytes(b"not ours")
    id_cache.clear()
    assert sorted(str(path.relative_to(place)) for path in place.rglob("*")) == ["theirs.txt"]
    assert id_cache.clear() == 0


def test_clear_without_a_cache() -> None:
    assert id_cache.clear() == 0
    assert id_cache.entries() == []


def test_a_failure_while_making_leaves_nothing(place: Path) -> None:
    def broken() -> Iterator[np.ndarray]:
        yield IDS
        raise CorpusError("changed")

    with pytest.raises(CorpusError, match="changed"):
        id_cache.store(KEY, broken, IDS.dtype, {})
    assert list(place.iterdir()) == []


def test_cache_that_cannot_be_made_falls_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("CHARRNN_CACHE_DIR", str(tmp_path / "file" / "cache"))
    ids, trouble = id_cache.store(KEY, make, IDS.dtype, {})
    assert trouble is not None
    assert str(tmp_path / "file") in trouble
    assert ids[998:1000].tolist() == [998, 999]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_full_disk_falls_back(place: Path) -> None:
    """A file limit stands for a full disk: writing fails midway, as there."""
    script = (
        "import resource, signal, tempfile, numpy as np\n"
        "from charrnn import errors\nfrom charrnn.text import id_cache as cache\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        "make = lambda: iter([np.zeros(8_000, np.uint8)] * {times})\n"
        "try: print(cache.store('k', make, np.dtype(np.uint8), {{}})[1])\n"
        "except errors.CorpusError as error: print(error)\n"
    )
    for times, said in ((1, "None"), (2, "Free space")):
        done = subprocess.run(
            [sys.executable, "-c", script.format(times=times)], capture_output=True, text=True, timeout=60, check=True
        )
        assert said in done.stdout, done.stderr
    assert [path.suffix for path in place.iterdir()] == [".ids"]


def _store_and_read(folder: str, number: int) -> list[int]:
    os.environ["CHARRNN_CACHE_DIR"] = folder
    ids, _ = id_cache.store(KEY, make, IDS.dtype, {"name": str(number), "characters": 1000})
    return [int(ids[5:6][0]), len(ids)]


def test_processes_at_the_same_time(place: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        results = pool.starmap(_store_and_read, [(str(place), n) for n in range(9)])
    assert results == [[5, 1000]] * 9
    assert [path.name for path in place.iterdir()] == [f"{KEY}.ids"]
    assert id_cache.find(KEY) is not None


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts descriptors under /proc")
def test_descriptors_are_closed() -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        store().translated(np.zeros(1000, dtype=np.uint8))
        id_cache.find(KEY)
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == before
