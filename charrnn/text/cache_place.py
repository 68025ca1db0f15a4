"""Where the cache has a text, or will have it: known by the sizes and times of its files, else by their digests.

An entry is named after the digests of the files that it was made from, so that a text is found again wherever it lies.
But digests take as long as a text is large. So what they were is remembered beside the entry, under a name made of the
files' paths, sizes and times of change; as long as those stay, nothing of the text is read. A file that was changed
less than two seconds before it was digested is not remembered: it may have changed again within one tick of the clock
that its times are by. So does git know the files of a working tree (its documentation calls such files racily clean).
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from charrnn import files, locking
from charrnn.config import ReadConfig
from charrnn.text import id_cache
from charrnn.text.encoder import ReadingCallback
from charrnn.text.id_cache import Entry
from charrnn.text.sources import Source

_TICK = 2_000_000_000  # nanoseconds: FAT's, and no system has a longer one
_PAUSE = 0.1  # seconds between looks whether another process is done
_KEY = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class CachePlace:
    """Where the cache has a text, or will have it."""

    key: str  # the entry's
    _pointer: Path | None  # the file that remembers it; None where the text is not known by sizes and times

    @classmethod
    def of(cls, gathered: Sequence[Source], config: ReadConfig, progress: ReadingCallback) -> CachePlace:
        """The place of some files, read in some way; what is rare among their characters is decided later.

        Args:
            gathered: The files. They are read where their sizes and times are not remembered.
            config: How they are read.
            progress: Called with "checking the text", and how many bytes more of it, if they are.

        Raises:
            CorpusError: They cannot be read, or changed since they were gathered.
        """
        split_seed = config.split_seed if config.shuffle != "none" else 0
        reading = asdict(replace(config, min_count=1, split_seed=split_seed))
        pointer, now = None, time.time_ns()
        stamps = [source.stamp for source in gathered]
        if all(stamp is not None and max(stamp[1:]) + _TICK < now for stamp in stamps):
            named = [
                [source.name, str(source.path), *(stamp or ())] for source, stamp in zip(gathered, stamps, strict=True)
            ]
            pointer = files.cache_dir() / f"{id_cache.key_of(['stamps', reading, named])}.key"
            if (key := _remembered(pointer)) is not None and id_cache.path_of(key).exists():
                return cls(key, pointer)
        check = partial(progress, "checking the text")
        key = id_cache.key_of([reading, [[source.name, source.sha256(check)] for source in gathered]])
        return cls(key, pointer)

    def find(self) -> Entry | None:
        """What is there, from now on known by sizes and times."""
        entry = id_cache.find(self.key)
        if entry is not None:
            self.remember()
        return entry

    def remember(self) -> None:
        """Let the text be known by its files' sizes and times, if it can be, now that there is an entry."""
        if self._pointer is not None and _remembered(self._pointer) != self.key:
            with contextlib.suppress(OSError):  # then it is known by its digests
                files.replace_file(self._pointer, self.key.encode())

    @contextlib.contextmanager
    def claimed(self, progress: ReadingCallback) -> Iterator[None]:
        """Be the only process that makes the entry; where another does, wait until it is done or has ended.

        Where there are no locks nothing is waited for: both make it then, and the last to be ready leaves its own.

        Args:
            progress: Called with "waiting until another process has encoded it" while that is so.
        """
        path, descriptor, claimed = files.cache_dir() / f"{self.key}.lock", -1, False
        try:
            with contextlib.suppress(OSError):
                path.parent.mkdir(parents=True, exist_ok=True)
                descriptor = files.open_own(path)
                while not (claimed := locking.lock(descriptor)):
                    progress("waiting until another process has encoded it", 0)
                    time.sleep(_PAUSE)
            yield
        finally:
            if descriptor >= 0:
                os.close(descriptor)
            if claimed:
                with contextlib.suppress(OSError):  # where others have it open, it is removed by the last
                    path.unlink()


def _remembered(pointer: Path) -> str | None:
    """The key that was remembered here, if one was."""
    try:
        with files.open_regular(pointer, largest=64) as file:
            text = file.read().decode("latin-1")
    except OSError:
        return None
    return text if _KEY.fullmatch(text) else None
