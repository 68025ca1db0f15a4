"""Ids in a file against what happens to it: each block is compared when it is first read, and nothing else is read."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from charrnn.errors import CorpusError
from charrnn.text.id_file import BLOCK, DIGEST, BlockFile, IdFile, part_of


def write(path: Path, ids: np.ndarray) -> IdFile:
    """A file of ids whose blocks have their digests, made without the cache."""
    data = ids.tobytes()
    path.write_bytes(data)
    blocks = [data[at : at + BLOCK] for at in range(0, len(data), BLOCK)]
    digests = b"".join(hashlib.sha256(block).digest()[:DIGEST] for block in blocks)
    with open(path, "rb") as file:
        return IdFile(BlockFile(file, path, len(data), digests), ids.dtype, len(ids))


def damage(path: Path, position: int) -> None:
    with open(path, "r+b") as file:
        file.seek(position)
        byte = file.read(1)
        file.seek(position)
        file.write(bytes([byte[0] ^ 1]))


@pytest.fixture
def text() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 60_000, 2 * BLOCK, dtype=np.uint16)  # four blocks


def test_slices(tmp_path: Path, text: np.ndarray) -> None:
    ids = write(tmp_path / "ids", text)
    for start, stop in ((0, 0), (0, 1), (BLOCK // 2 - 3, BLOCK // 2 + 3), (5, len(text)), (len(text) - 1, len(text))):
        assert np.array_equal(ids[start:stop], text[start:stop])
    assert (len(ids), ids.dtype, len(ids[3:2]), len(ids[len(text) :])) == (len(text), np.uint16, 0, 0)
    with pytest.raises(ValueError, match="contiguous"):
        ids[0:10:2]


def test_translated(tmp_path: Path, text: np.ndarray) -> None:
    table = np.arange(60_000, dtype=np.uint32)[::-1] % 7
    ids = write(tmp_path / "ids", text).translated(table)
    assert ids.dtype == np.uint32
    assert np.array_equal(ids[3:90], table[text[3:90]])
    assert np.array_equal(ids.translated(np.arange(7, dtype=np.uint8) * 2)[3:90], 2 * table[text[3:90]])


def test_a_part_is_that_of_the_array(tmp_path: Path, text: np.ndarray) -> None:
    table = np.arange(60_000, dtype=np.uint32) * 2
    whole = write(tmp_path / "ids", text).translated(table)
    part = part_of(part_of(whole, 1000, 500), 7, 100)
    assert isinstance(part, IdFile)
    assert (len(part), part[90:200].tolist()) == (100, (2 * text[1097:1107].astype(np.uint32)).tolist())
    assert part_of(text, 1000, 500).tolist() == text[1000:1500].tolist()


def test_a_damaged_block_is_an_error_when_it_is_read_and_the_others_are_well(tmp_path: Path, text: np.ndarray) -> None:
    path = tmp_path / "ids"
    ids = write(path, text)
    damage(path, 2 * BLOCK - 1)  # the last byte of the second block
    assert np.array_equal(ids[0 : BLOCK // 2], text[: BLOCK // 2])
    assert np.array_equal(ids[BLOCK:], text[BLOCK:])
    assert path.exists()
    with pytest.raises(CorpusError, match=rf"ids: is damaged in the 1 MB from byte {BLOCK:,} on\.") as caught:
        ids[BLOCK // 2 : BLOCK // 2 + 1]  # as far as may be from the damage
    assert "with --resume" in caught.value.advice
    assert not path.exists()  # the next to ask for it makes it anew
    assert np.array_equal(ids[0:10], text[0:10])
    with pytest.raises(CorpusError, match="is damaged"):
        ids[BLOCK // 2 - 1 : BLOCK // 2 + 1]


def test_a_block_is_compared_once(tmp_path: Path, text: np.ndarray) -> None:
    ids = write(tmp_path / "ids", text)
    ids.translated(np.arange(60_000, dtype=np.uint16))[0:10]  # which makes sure of it for all that read the file
    damage(tmp_path / "ids", 100)
    assert np.array_equal(ids[60:100], text[60:100])


def test_a_file_that_was_made_anew_meanwhile_is_not_removed(tmp_path: Path, text: np.ndarray) -> None:
    path = tmp_path / "ids"
    ids = write(path, text)
    damage(path, 0)
    path.rename(tmp_path / "old")
    path.write_bytes(b"new")
    with pytest.raises(CorpusError, match="is damaged"):
        ids[0:1]
    assert path.read_bytes() == b"new"


def test_cut_short_in_use_is_an_error_and_no_signal(tmp_path: Path) -> None:
    script = (
        "import os, sys, numpy as np\nfrom pathlib import Path\n"
        "from charrnn import errors\nfrom charrnn.text.id_file import BlockFile, IdFile\n"
        "path = Path(sys.argv[1])\npath.write_bytes(bytes(1 << 20))\n"
        "with open(path, 'rb') as file: data = BlockFile(file, path, 1 << 20, None)\n"
        "ids = IdFile(data, np.dtype(np.uint8), 1 << 20)\n"
        "os.truncate(path, 100)\n"
        "try: ids[1 << 19 : (1 << 19) + 10]\n"
        "except errors.CorpusError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "ids")], capture_output=True, text=True, timeout=60, check=True
    )
    assert "was cut short while it was in use" in done.stdout


def test_threads_read_what_is_there(tmp_path: Path, text: np.ndarray) -> None:
    ids = write(tmp_path / "ids", text)

    def right(seed: int) -> bool:
        starts = np.random.default_rng(seed).integers(0, len(text) - 500, 200).tolist()
        return all(np.array_equal(ids[start : start + 500], text[start : start + 500]) for start in starts)

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(right, range(4)))


SPARSE = 5 << 30  # bytes; more than 32 bits count


@pytest.mark.skipif(not hasattr(os, "pread"), reason="reads memory in use as Linux and macOS tell it")
def test_beyond_four_gigabytes_only_what_is_read_takes_memory(tmp_path: Path) -> None:
    """A sparse file of zeros, but for its last block, stands for a text of five gigabytes."""
    import resource

    path, end = tmp_path / "ids", np.arange(1000, dtype=np.uint8)
    with open(path, "wb") as file:
        file.truncate(SPARSE - len(end))
        file.seek(0, os.SEEK_END)
        file.write(end.tobytes())
    if path.stat().st_blocks * 512 > 1 << 30:
        pytest.skip("the file system has no sparse files")
    digests = hashlib.sha256(bytes(BLOCK)).digest()[:DIGEST] * (SPARSE // BLOCK - 1)
    digests += hashlib.sha256(bytes(BLOCK - len(end)) + end.tobytes()).digest()[:DIGEST]
    with open(path, "rb") as file:
        ids = IdFile(BlockFile(file, path, SPARSE, digests), np.dtype(np.uint8), SPARSE)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert np.array_equal(ids[SPARSE - 1000 :], end)
    assert np.array_equal(ids[SPARSE - 1001 : SPARSE - 990], [0, *range(10)])
    for start in np.random.default_rng(0).integers(1 << 32, SPARSE - 2000, 40).tolist():
        assert not ids[start : start + 64].any()
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert (after - before) * (1 if sys.platform == "darwin" else 1024) < 64 << 20
