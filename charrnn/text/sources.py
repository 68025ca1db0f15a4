"""What a person typed, turned into documents' bytes: files, folders, standard input, packed or not.

Nothing here knows of encodings or characters.
"""

from __future__ import annotations

import glob as globs
import hashlib
import os
import re
import shlex
import stat
import sys
import tempfile
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path, PurePath, PurePosixPath
from typing import IO, BinaryIO

from charrnn.errors import CorpusError, UsageError
from charrnn.text.compression import COMPRESSIONS, DAMAGE, MAGIC_SIZE, Compression, unpack

STDIN = "-"
_DEFAULT_GLOB = "*.[tT][xX][tT]"  # shown as *.txt
_ALWAYS_FITS = 64 << 20  # bytes; what unpacks to no more than this is no bomb
_SPOOL_IN_MEMORY = 64 << 20  # bytes of standard input; more goes to a temporary file
_NAMED_AT_ONCE = 10  # texts that one error names
# What would break a line, or cannot be written as UTF-8: controls, line separators, undecodable bytes of file names.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

Parts = tuple[str, ...]  # of a path relative to the folder given


class _Refused(CorpusError):
    """A text that cannot be used: `fault`, no whole sentence, names it and what is wrong."""

    def __init__(self, fault: str, advice: str) -> None:
        super().__init__(f"{fault}.", advice)
        self.fault = fault


class _Spool(tempfile.SpooledTemporaryFile[bytes]):
    """All of standard input; closed with the last source that reads it."""

    def __del__(self) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class Source:
    """One document, unread."""

    name: str  # relative to the folder it was found in, or the file's name, or "standard input"; need not be unique
    path: Path | None  # resolved, absolute; None for standard input
    size: int  # bytes as they lie on disk: packed, if it is packed
    _packing: Compression | None = field(default=None, repr=False, compare=False)
    _max_expansion: int = field(default=200, repr=False, compare=False)
    _stamp: tuple[int, int] | None = field(default=None, repr=False, compare=False)  # see _stamp_of; None: the spool
    _spool: _Spool | None = field(default=None, repr=False, compare=False)

    def chunks(self, size: int = 1 << 22) -> Generator[bytes, None, None]:
        """Its bytes, unpacked, in pieces of at most `size`, never empty. May be called several times.

        Raises CorpusError for a file that cannot be read, that changed since it was gathered, whose packed data is
        damaged or incomplete, or which unpacks to far more than its size."""
        if self._packing is None:
            yield from self._stored(size)
            return
        kind, unpacked = self._packing.name, 0
        with closing(self._stored(1 << 16)) as stored:
            pieces = unpack(stored, self._packing.decoder, size)
            while True:
                try:
                    piece = next(pieces, b"")
                except EOFError:
                    what = f"is cut short: its {kind} data has no end. Copy or download it anew."
                    raise CorpusError(f"{self._where}: {what}") from None
                except DAMAGE as error:
                    what = f"its {kind} data is damaged after {unpacked:,} bytes ({error})"
                    raise CorpusError(f"{self._where}: {what}. Copy or download it anew.") from None
                if not piece:
                    return
                unpacked += len(piece)
                if unpacked > max(_ALWAYS_FITS, self._max_expansion * self.size):
                    raise CorpusError(
                        f"{self._where}: its {self.size:,} bytes unpack to {unpacked:,} and more, over "
                        f"{self._max_expansion} times as many. If that is right, allow it: --max-expansion N."
                    )
                yield piece

    def read_range(self, start: int, size: int) -> bytes:
        """`size` unpacked bytes from offset `start`, fewer at its end. Raises CorpusError as `chunks` does."""
        found, skip = b"", start
        pieces = self.chunks()
        if self._packing is None:
            pieces, skip = self._stored(size, start), 0
        with closing(pieces):
            for piece in pieces:
                found += piece[skip : skip + size - len(found)]
                skip = max(0, skip - len(piece))
                if len(found) == size:
                    break
        return found

    def sha256(self) -> str:
        """Digest of the bytes as they lie on disk, hexadecimal. Raises CorpusError as `chunks` does."""
        digest = hashlib.sha256()
        for piece in self._stored(1 << 20):
            digest.update(piece)
        return digest.hexdigest()

    @property
    def _where(self) -> str:
        return _shown(self.path or self.name)

    def _stored(self, size: int, start: int = 0) -> Generator[bytes, None, None]:
        """Its bytes from offset `start` as they lie on disk. Raises CorpusError."""
        # What has no spool has a path.
        with nullcontext(self._spool) if self._spool else _open(self.path or Path()) as file:
            while True:
                try:
                    file.seek(start)  # the spool's position is shared by all who read it
                    piece = file.read(size)
                    changed = self._stamp is not None and _stamp_of(os.fstat(file.fileno())) != self._stamp
                except OSError as error:
                    raise _unreadable(self._where, error) from None
                if changed:
                    raise CorpusError(f"{self._where}: changed while it was read. Try again when nothing writes to it.")
                if not piece:
                    return
                start += len(piece)
                yield piece


def gather(
    texts: Sequence[str | Path], *, glob: str | None = None, max_expansion: int = 200, stdin: BinaryIO | None = None
) -> list[Source]:
    """The documents of `texts`, each a file, a folder or `-` for standard input, in the order given.

    A folder stands for the files below it that match `glob` (default *.txt, and then also a.txt.gz), sorted by the
    parts of their relative paths; hidden ones only where a part of `glob` begins with a dot. Every file is opened
    once to see that it can be, and standard input is read to its end.

    Raises CorpusError naming every text that cannot be read, or a folder in which nothing matches; UsageError for
    `-` given twice or typed at a terminal, and for a `glob` without a folder.
    """
    typed = [os.fspath(text) for text in texts]
    if typed.count(STDIN) > 1:
        raise UsageError("standard input (-) can be read only once. Name it once.")
    if "" in typed:
        raise UsageError("one of the texts has an empty name. Name a file or a folder.")
    refused: list[_Refused] = []
    found: list[tuple[Path, int] | None] = []  # a path and how many of its parts name it; None: standard input
    for text in typed:
        if text == STDIN:
            found.append(None)
        elif os.path.isdir(text):
            for parts in _find(Path(text), _DEFAULT_GLOB if glob is None else glob, refused):
                found.append((Path(text, *parts), len(parts)))
        else:
            found.append((Path(text), 1))
    named = iter(_names([file for file in found if file]))
    sources: list[Source | None] = []
    for file in found:
        try:
            sources.append(_look(file[0], next(named), max_expansion) if file else None)
        except _Refused as error:
            refused.append(error)
    if len(refused) == 1:
        raise refused[0]
    if refused:
        listed = "; ".join(error.fault for error in refused[:_NAMED_AT_ONCE])
        more = f"; and {len(refused) - _NAMED_AT_ONCE} more" if len(refused) > _NAMED_AT_ONCE else ""
        raise CorpusError(f"{len(refused)} texts cannot be used: {listed}{more}. Check the paths and permissions.")
    if glob is not None and not any(os.path.isdir(text) for text in typed):
        raise UsageError(f"--glob {shlex.quote(_shown(glob))} chooses files of a folder, but none was given. Name one.")
    # Last, when all else is known to be well: what feeds the pipe may take long.
    return [source or _read_stdin(stdin, max_expansion) for source in sources]


def _look(path: Path, name: str, max_expansion: int) -> Source:
    """The file as it is now. Raises _Refused."""
    with _open(path) as file:
        try:
            status = os.fstat(file.fileno())
            head = file.read(MAGIC_SIZE)
        except OSError as error:
            raise _unreadable(path, error) from None
    packing = COMPRESSIONS.get(path.suffix.lower())
    if packing and not packing.magic.match(head):
        what = f"{_shown(path)}: is named {path.suffix} but does not hold {packing.name} data"
        raise _Refused(what, "Copy or download it anew, or name it otherwise if it is not packed.")
    resolved = Path(os.path.realpath(path))
    return Source(_shown(name), resolved, status.st_size, packing, max_expansion, _stamp_of(status))


def _read_stdin(stdin: BinaryIO | None, max_expansion: int) -> Source:
    """Standard input, kept because it is read more than once. Raises UsageError and CorpusError."""
    name = "standard input"
    stdin = stdin or getattr(sys.stdin, "buffer", None)  # None where a program was started without one
    if stdin is None or stdin.isatty():
        raise UsageError(f"nothing is piped into {name} (-). Pipe a text in: cat book.txt | charrnn train -")
    spool = _Spool(_SPOOL_IN_MEMORY)
    try:
        for piece in iter(lambda: stdin.read(1 << 20), b""):
            spool.write(piece)
        size = spool.tell()
        spool.seek(0)
        head = spool.read(MAGIC_SIZE)
    except OSError as error:
        spool.close()
        raise CorpusError(f"{name}: cannot be read ({error.strerror or error}). Save it to a file first.") from None
    packing = next((packing for packing in COMPRESSIONS.values() if packing.magic.match(head)), None)
    return Source(name, None, size, packing, max_expansion, _spool=spool)


def _open(path: Path) -> IO[bytes]:
    """A regular file, opened; nothing else is touched, since opening a FIFO waits. Raises _Refused."""
    try:
        if stat.S_ISREG(os.stat(path).st_mode):
            file = open(path, "rb", buffering=0)  # noqa: SIM115  (the caller's to close)
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return file
            file.close()
    except (OSError, ValueError) as error:  # ValueError: a NUL in its name
        raise _unreadable(path, error) from None
    raise _Refused(f"{_shown(path)}: is not a regular file", "Name a text file.")


def _unreadable(path: str | Path, error: OSError | ValueError) -> _Refused:
    reason = getattr(error, "strerror", None) or error
    return _Refused(f"{_shown(path)}: cannot be read ({reason})", "Check the path and its permissions.")


def _stamp_of(status: os.stat_result) -> tuple[int, int]:
    """What tells whether a file is still as it was. Not its inode number: FAT and some network drives make a new one
    at each opening, and while a file is open it cannot change."""
    return status.st_size, status.st_mtime_ns


def _find(folder: Path, glob: str, refused: list[_Refused]) -> list[Parts]:
    """The files below a folder that match, sorted; what cannot be entered, and that none matches, goes to `refused`."""
    problems = len(refused)
    pattern = PurePosixPath(glob).parts
    files = _walk(folder, any(part.startswith(".") for part in pattern), refused)
    matching = [parts for parts in files if _fits(parts if "/" in glob else parts[-1:], pattern)]
    if not matching and len(refused) == problems:
        shown = "*.txt" if glob == _DEFAULT_GLOB else _shown(glob)
        what = f"{_shown(folder)}: no file in it matches {shlex.quote(shown)}"
        refused.append(_Refused(f"{what} ({_instead(files)})", "Name another folder or pattern."))
    return matching


def _walk(folder: Path, hidden: bool, refused: list[_Refused]) -> list[Parts]:
    """Every file below a folder, sorted. Linked folders are entered, but none from within itself."""
    files: list[Parts] = []
    pending: list[tuple[Parts, frozenset[tuple[int, int]]]] = [((), frozenset())]  # a folder and those that led to it
    while pending:
        parts, above = pending.pop()
        here = Path(folder, *parts)
        try:
            status = os.stat(here)
            identity = (status.st_dev, status.st_ino)
            entries = [] if identity in above else os.listdir(here)
        except OSError as error:
            refused.append(_unreadable(here, error))
            continue
        for name in entries:
            if hidden or not name.startswith("."):
                if os.path.isdir(here / name):
                    pending.append(((*parts, name), above | {identity}))
                else:
                    files.append((*parts, name))
    return sorted(files)


def _fits(parts: Parts, pattern: Parts) -> bool:
    """Whether a path matches, with or without its packing's suffix."""
    last = PurePath(parts[-1])
    return _matches(parts, pattern) or (
        last.suffix.lower() in COMPRESSIONS and _matches((*parts[:-1], last.stem), pattern)
    )


def _matches(parts: Parts, pattern: Parts) -> bool:
    """Part by part, case mattering; `**` stands for any number of folders, also none."""
    if not parts or not pattern:
        return not parts and not pattern
    if pattern[0] == "**" and (_matches(parts, pattern[1:]) or _matches(parts[1:], pattern)):
        return True
    return fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])


def _instead(files: list[Parts]) -> str:
    """What a folder holds when nothing in it matched, and a pattern that would."""
    names = [PurePath(parts[-1]) for parts in files if not any(part.startswith(".") for part in parts)]
    if not names:
        return "it holds no files that are not hidden"
    plain = [PurePath(name.stem) if name.suffix.lower() in COMPRESSIONS else name for name in names]
    ((suffix, count),) = Counter(name.suffix for name in plain).most_common(1)
    kind = f"{count:,} {_shown(suffix)} file{'s' * (count > 1)}" if suffix else "files without a suffix"
    return f"it holds {kind}: --glob {shlex.quote('*' + _UNPRINTABLE.sub('?', globs.escape(suffix)))}"


def _names(files: list[tuple[Path, int]]) -> list[str]:
    """The last parts of each path: as many as given with it, and more where another path would have the same name."""
    paths = [Path(os.path.abspath(path)).parts for path, _ in files]
    depths = [depth for _, depth in files]
    while True:
        names = [PurePath(*parts[-depth:]).as_posix() for parts, depth in zip(paths, depths, strict=True)]
        bearers = Counter(name for name, _ in set(zip(names, paths, strict=True)))
        if all(count == 1 for count in bearers.values()):
            return names
        depths = [depth + (bearers[name] > 1) for depth, name in zip(depths, names, strict=True)]


def _shown(text: str | Path) -> str:
    """A path on one line that can be written as UTF-8."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", str(text))
