"""A disk as a power failure may leave it: what was done to it, call by call, and what of that it may have forgotten.

POSIX promises little: what was written to a file is there for sure once the file was synchronised, and what was made,
renamed or removed in a directory once the directory was. Until then each of it may be there or not, in any order; of a
file's new bytes also only the first, or zeros in their place.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Call:
    """A call of the system that succeeded."""

    what: str
    path: str
    other: str  # what a file was renamed to
    offset: int
    data: bytes


def read_log(path: Path) -> list[Call]:
    """What `system_calls.c` has written down."""
    calls, data, at = [], path.read_bytes(), 0
    while at < len(data):
        end = data.index(b"\n", at)
        what, name, other, offset, size = data[at:end].decode().split("\t")
        at = end + 1 + int(size)
        calls.append(Call(what, name, other, int(offset), data[end + 1 : at]))
    return calls


class _File:
    """A file's bytes, and those that are on the disk for sure."""

    def __init__(self, data: bytes = b"") -> None:
        self.data, self.synced = bytearray(data), bytes(data)

    def left(self, choice: str, rng: random.Random) -> bytes:
        """What a power failure leaves of it."""
        now = bytes(self.data)
        if now == self.synced or choice == "all":
            return now
        if choice == "least":
            return self.synced
        differs = (at for at, (a, b) in enumerate(zip(now, self.synced, strict=False)) if a != b)
        common = next(differs, min(len(now), len(self.synced)))
        at = rng.randint(common, len(now))
        return rng.choice([now, self.synced, now[:at], now[:common] + bytes(len(now) - common)])


class _Directory:
    """A directory's names, and what was done to them since they were on the disk for sure."""

    def __init__(self) -> None:
        self.names: dict[str, _File | _Directory] = {}
        self.synced: dict[str, _File | _Directory] = {}
        self.pending: list[dict[str, _File | _Directory | None]] = []  # each is there as a whole or not at all

    def change(self, changes: dict[str, _File | _Directory | None]) -> None:
        self.pending.append(changes)
        _apply(self.names, changes)

    def sync(self) -> None:
        self.synced, self.pending = dict(self.names), []

    def left(self, choice: str, rng: random.Random) -> dict[str, _File | _Directory]:
        """What a power failure leaves of it."""
        if choice == "all":
            return self.names
        names = dict(self.synced)
        if choice == "any":
            in_order = rng.random() < 0.5  # as most file systems have it: up to one, all of them
            until = rng.randint(0, len(self.pending))
            for index, changes in enumerate(self.pending):
                if (index < until) if in_order else (rng.random() < 0.5):
                    _apply(names, changes)
        return names


def _apply(names: dict[str, _File | _Directory], changes: dict[str, _File | _Directory | None]) -> None:
    for name, entry in changes.items():
        if entry is None:
            names.pop(name, None)
        else:
            names[name] = entry


class Disk:
    """The files under a directory, through a sequence of calls."""

    def __init__(self, root: Path, files: dict[str, bytes] | None = None) -> None:
        """`files` are there for sure, by their paths below `root`."""
        self.root, self._top = str(root), _Directory()
        for path, data in (files or {}).items():
            *above, name = path.split("/")
            directory = self._top
            for part in above:
                inner = directory.names.setdefault(part, _Directory())
                assert isinstance(inner, _Directory)
                directory = inner
            directory.names[name] = _File(data)
        self._sync_all(self._top)

    def _sync_all(self, directory: _Directory) -> None:
        directory.sync()
        for entry in directory.names.values():
            if isinstance(entry, _Directory):
                self._sync_all(entry)

    def _entry(self, path: str) -> _File | _Directory:
        entry: _File | _Directory = self._top
        for part in filter(None, path.removeprefix(self.root).split("/")):
            assert isinstance(entry, _Directory)
            entry = entry.names[part]
        return entry

    def _directory_of(self, path: str) -> tuple[_Directory, str]:
        above, _, name = path.rpartition("/")
        directory = self._entry(above)
        assert isinstance(directory, _Directory)
        return directory, name

    def do(self, call: Call) -> None:
        """Let a call take place."""
        if call.what in ("create", "mkdir", "unlink", "rmdir"):
            directory, name = self._directory_of(call.path)
            made = {"create": _File, "mkdir": _Directory}.get(call.what)
            directory.change({name: made() if made else None})
        elif call.what == "rename":
            (directory, name), (target, new) = self._directory_of(call.path), self._directory_of(call.other)
            assert directory is target
            directory.change({new: directory.names[name], name: None})
        elif call.what == "fsync":
            entry = self._entry(call.path)
            if isinstance(entry, _Directory):
                entry.sync()
            else:
                entry.synced = bytes(entry.data)
        elif call.what in ("write", "truncate"):
            file = self._entry(call.path)
            assert isinstance(file, _File)
            if call.what == "write":
                file.data[len(file.data) :] = bytes(max(0, call.offset - len(file.data)))
                file.data[call.offset : call.offset + len(call.data)] = call.data
            else:
                del file.data[call.offset :]
        else:
            assert call.what == "mark"

    def after_power_failure(self, choice: str, rng: random.Random) -> dict[str, bytes]:
        """Files by their paths below the root.

        Args:
            choice: `all` that was done, the `least` that may be left of it, or `any` that may.
            rng: By which `any` is chosen.
        """
        return dict(self._left("", self._top, choice, rng))

    def _left(self, above: str, directory: _Directory, choice: str, rng: random.Random) -> Iterator[tuple[str, bytes]]:
        for name, entry in directory.left(choice, rng).items():
            if isinstance(entry, _Directory):
                yield from self._left(f"{above}{name}/", entry, choice, rng)
            else:
                yield f"{above}{name}", entry.left(choice, rng)


def lay_out(root: Path, files: dict[str, bytes]) -> None:
    """Write files below a new directory."""
    for path, data in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
