"""Files that would cost memory or time to read: refused for next to nothing, by every way of reading."""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import socket
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers import crafting, tiny

MOST = 50 << 20  # bytes more than reading a small checkpoint takes
GB = 1 << 30
READ = """
import json, re, sys, time
from pathlib import Path
from charrnn.errors import CharrnnError
from charrnn.runs import checkpoint

def peak():  # what the kernel says of a process begins with its parent's, but here
    return int(re.search("VmHWM:[^0-9]*([0-9]+) kB", Path("/proc/self/status").read_text())[1]) * 1024

def settle():
    Path("/proc/self/clear_refs").write_text("5")
    return peak()

first, *paths = map(Path, sys.argv[1:])
checkpoint.load(first)
for path in paths:
    for read in (checkpoint.read_header, checkpoint.load):
        before, began = settle(), time.perf_counter()
        try:
            read(path)
            said = ""
        except CharrnnError as error:
            said = str(error)
        print(json.dumps([path.name, said, peak() - before, time.perf_counter() - began]))
"""


def written(path: Path, index: bytes, size: int = 0) -> None:
    """A file with this index and so many bytes of zeros behind it, which take no room on the disk."""
    with open(path, "wb") as file:
        file.write(len(index).to_bytes(8, "little") + index)
        file.truncate(8 + len(index) + size)


def make_all(root: Path) -> None:
    """The files, each named after what is wrong with it."""
    whole = tiny.save(root / "whole.safetensors")
    data = whole.read_bytes()
    length = int.from_bytes(data[:8], "little")
    index: dict[str, Any] = json.loads(data[8 : 8 + length])
    head: dict[str, Any] = {"__metadata__": index["__metadata__"]}

    def named(name: str) -> Path:
        return root / f"{name}.safetensors"

    def with_index(name: str, changed: dict[str, Any], size: int = len(data) - 8 - length) -> None:
        written(named(name), json.dumps(changed, separators=(",", ":")).encode(), size)

    def with_tensor(name: str, size: int, **entry: Any) -> None:
        with_index(name, head | {"head.bias": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]} | entry}, size)

    def with_header(name: str, text: str) -> None:
        with_index(name, index | {"__metadata__": {"charrnn": text, "sha256": "0" * 64}})

    hole = named("hole behind all")
    hole.write_bytes(data)
    os.truncate(hole, 8 * GB)
    with_tensor("hole in a weight", 8 * GB, shape=[2 * GB], data_offsets=[0, 8 * GB])
    end = len(data) - 8 - length
    for number, (tensor, dtype) in enumerate((("ngrams/characters", "U8"), ("generator/0", "U8"), ("x", "F32"))):
        size = {"U8": 1, "F32": 4}[dtype]
        entry = {"dtype": dtype, "shape": [8 * GB // size], "data_offsets": [end, end + 8 * GB]}
        with_index(f"hole in a tensor {number}", index | {tensor: entry}, end + 8 * GB)
    with_tensor("overflowing shape", 0, shape=[1 << 32, 1 << 32], data_offsets=[0, 0])
    with_tensor("overflowing offsets", 0, shape=[0], data_offsets=[1 << 64, 1 << 64])
    with_tensor("negative shape", 4, shape=[-1, -1])
    with_tensor("many dimensions", 4, shape=[1] * 99)
    with_tensor("fractions", 4, shape=[1.0])
    with_tensor("truth", 4, shape=[True])
    with_tensor("unknown type", 4, dtype="BF16")
    with_tensor("type that is a list", 4, dtype=[])
    with_tensor("backwards", 4, data_offsets=[4, 0])
    first, second = list(index)[1:3]
    with_index("overlapping", index | {second: index[second] | {"data_offsets": index[first]["data_offsets"]}})
    gap = {name: dict(entry) for name, entry in index.items()}
    last = max(list(gap)[1:], key=lambda name: gap[name]["data_offsets"][1])
    gap[last]["data_offsets"] = [at + 4 for at in gap[last]["data_offsets"]]
    with_index("gap", gap, end + 4)
    twice = json.dumps({last: index[last]}, separators=(",", ":")).encode()[1:]
    written(named("same name twice"), data[8 : 8 + length].rstrip()[:-1] + b"," + twice, end)
    empty = {"dtype": "F32", "shape": [0], "data_offsets": [end, end]}
    with_index("90,000 tensors", index | {f"t{number}": empty for number in range(90_000)})
    written(named("a million tensors"), data[8 : 8 + length].rstrip()[:-1] + b',"a":{}' * 1_000_000 + b"}", end)
    metadata = json.dumps(head, separators=(",", ":")).encode()[:-1]
    written(named("nested index"), metadata + b',"a":' + b"[" * 4_000_000, 0)
    written(named("wide index"), metadata + b',"a":[' + b"[]," * 2_000_000 + b"0]}", 0)
    written(named("nested and closed"), metadata + b',"a":' + b'{"a":' * 900_000 + b"0" + b"}" * 900_000 + b"}", 0)
    written(named("other encoding"), data[8 : 8 + length].decode().encode("utf-16"), end)
    written(named("64 MB of index"), b" " * (64 << 20), 0)
    with_header("nested header", "[" * 4_000_000)
    with_header("wide header", "[" + "[]," * 2_000_000 + "0]")
    with_header("numbers", "[" + "1.5," * 1_900_000 + "1.5]")
    with_header("long number", "9" * 4_000_000)
    with_header("long string", json.dumps("x" * 7_000_000))
    header: dict[str, Any] = crafting.header_of(whole)
    with_header("same field twice", json.dumps(header)[:-1] + ',"iteration":1}')
    for layers in (256, 10**8, 2**63, 10**400):
        with_header(f"{str(layers)[:9]} layers", json.dumps(crafting.replaced(header, ("model", "num_layers"), layers)))
    for name in ("rnn_size", "embedding_size"):
        with_header(f"large {name}", json.dumps(crafting.replaced(header, ("model", name), 2**16)))
    every = list(range(0x110000))
    with_header("all of Unicode", json.dumps(crafting.replaced(header, ("vocabulary", "code_points"), every)))
    schedule = header["training"] | {"snapshot_every": 1, "iterations": 10**12}
    with_header("an absurd schedule", json.dumps(header | {"training": schedule}))
    for value in (2**64 - 1, 2**63, 1 << 40):
        named(f"length of {value}").write_bytes(value.to_bytes(8, "little") + data[8:])
    named("pickle").write_bytes(pickle.dumps({"weights": b"x" * 999}))
    named("gzip").write_bytes(gzip.compress(bytes(9 << 20)))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("weights", bytes(9 << 20))
    named("zip").write_bytes(archive.getvalue())
    make_special(named)


def make_special(named: Callable[[str], Path]) -> None:
    """What is no regular file."""
    named("directory").mkdir()
    named("loop").symlink_to(named("loop"))
    named("nowhere").symlink_to(named("nothing"))
    named("zeros").symlink_to("/dev/zero")
    named("null").symlink_to("/dev/null")
    os.mkfifo(named("fifo"))
    named("link to a fifo").symlink_to(named("fifo"))
    with socket.socket(socket.AF_UNIX) as listening:
        here = os.getcwd()
        os.chdir(named("socket").parent)  # the name of a socket must be short
        try:
            listening.bind("socket.safetensors")
        finally:
            os.chdir(here)


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory can be set back on Linux alone")
def test_what_would_cost_much_is_refused_for_little(tmp_path: Path, tell_figure: Callable[[str], None]) -> None:
    make_all(tmp_path)
    whole = tmp_path / "whole.safetensors"
    linked = tmp_path / "link.safetensors"
    linked.symlink_to(whole)
    paths = sorted(path for path in tmp_path.iterdir() if path not in (whole, linked))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", READ, whole, linked, *paths],
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == 2 * (1 + len(paths)) > 100
    for name, said, more, _ in answers:
        assert more < MOST, f"{name}: {more >> 20} MB"
        assert "\n" not in said
        assert len(said) < 1000
        if name == linked.name:
            assert said == "", "a link to a checkpoint is one"
        elif name != "an absurd schedule.safetensors":
            assert str(tmp_path / name) in said, f"{name} is read: {said!r}"
    seconds, memory = max(answer[3] for answer in answers), max(answer[2] for answer in answers)
    tell_figure(f"costly files: {len(paths)} refused, each within {seconds:.2f} s and {memory >> 20} MB more")
