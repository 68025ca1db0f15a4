"""The cache against what happens to files: damage, truncation, other processes, no room."""

from __future__ import annotations

import gc
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from charrnn.errors import CorpusError
from charrnn.text import id_cache
from charrnn.text.id_file import BLOCK, IdFile

KEY = id_cache.key_of(["a", 1])
IDS = np.arange(1000, dtype=np.uint16)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CHARRNN_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def make() -> Iterator[np.ndarray]:
    yield from np.array_split(IDS, 7)


def store() -> IdFile:
    entry, trouble = id_cache.store(KEY, make, IDS.dtype, {"name": "book", "characters": 1000})
    assert trouble is None
    return entry.ids


def test_what_was_stored_is_found() -> None:
    stored = store()
    found = id_cache.find(KEY)
    assert found is not None
    for each in (stored, found.ids):
        assert (len(each), each.dtype) == (1000, np.uint16)
        assert each[10:20].tolist() == list(range(10, 20))
        assert each[990:2000].tolist() == list(range(990, 1000))
        assert each[500:500].tolist() == []
    assert found.facts["name"] == "book"
    assert [(one.name, one.characters) for one in id_cache.entries()] == [("book", 1000)]
    assert id_cache.find(id_cache.key_of(["a", 2])) is None


@pytest.mark.parametrize("size", [0, 1, BLOCK // 2 - 1, BLOCK // 2, BLOCK // 2 + 1, 3 * BLOCK // 2])
def test_blocks_and_boundaries(size: int) -> None:
    """Where the ids end exactly with a block, and where boundaries begin a new one."""
    ids = (np.arange(size) % 251).astype(np.uint16)
    for pieces in (np.array_split(ids, 3), np.array_split(ids, size // 700 + 1)):
        stored, _ = id_cache.store(KEY, partial(iter, pieces), ids.dtype, {}, boundary=250)
        found = id_cache.find(KEY)
        assert found is not None
        for entry in (stored, found):
            assert np.array_equal(entry.ids[0:size], ids)
            assert entry.boundaries.tolist() == list(range(250, size, 251))


def test_damage_where_the_text_is_told_of_is_noticed_at_once(place: Path) -> None:
    def stored() -> bytes:
        id_cache.store(KEY, make, IDS.dtype, {"name": "book", "characters": 1000}, boundary=5)
        return id_cache.path_of(KEY).read_bytes()

    whole, path = stored(), id_cache.path_of(KEY)
    assert id_cache.find(KEY).boundaries.tolist() == [5]  # type: ignore[union-attr]
    # boundaries, digest of the block, JSON, digest of those, length, magic number
    for position in (2000, 2007, 2008, 2023, 2024, len(whole) - 50, len(whole) - 48, len(whole) - 16, len(whole) - 1):
        damaged = bytearray(whole)
        damaged[position] ^= 1
        path.write_bytes(damaged)
        assert id_cache.find(KEY) is None, position
        assert path.exists() == (position > 2007)  # what has damaged data is removed
    for size in (0, 1, 47, 48, 2000, len(whole) - 1):
        path.write_bytes(whole[:size])
        assert id_cache.find(KEY) is None, size
    path.write_bytes(whole + b"more")
    assert id_cache.find(KEY) is None
    path.write_bytes(whole.replace(b"charrnn\x02", b"charrnn\x01"))  # of an older version
    assert id_cache.find(KEY) is None
    assert id_cache.entries() == []
    assert stored() == whole  # made anew over it
    assert id_cache.find(KEY) is not None


def test_removed_in_use_stays_readable(place: Path) -> None:
    ids = store()
    assert id_cache.clear() > 2000
    assert list(place.iterdir()) == []
    assert ids[0:5].tolist() == [0, 1, 2, 3, 4]


def test_clear_takes_what_interrupted_processes_left(place: Path) -> None:
    store()
    for name in (".abc.tmp", "abc.key", "abc.lock"):
        (place / name).write_bytes(b"half")
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
    entry, trouble = id_cache.store(KEY, make, IDS.dtype, {})
    assert trouble is not None
    assert str(tmp_path / "file") in trouble
    assert entry.ids[998:1000].tolist() == [998, 999]


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
    entry, _ = id_cache.store(KEY, make, IDS.dtype, {"name": str(number), "characters": 1000})
    return [int(entry.ids[5:6][0]), len(entry.ids)]


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
