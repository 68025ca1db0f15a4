"""What a person typed, turned into documents' bytes: files, folders, standard input, compressed or not.

Nothing here knows of encodings or characters.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from charrnn.errors import CorpusError, UsageError
from charrnn.shell import quoted
from charrnn.text import compression
from charrnn.text.compression import DAMAGE_ERRORS, MAGIC_SIZE, Compression
from charrnn.text.folders import DEFAULT_GLOB, matching_files
from charrnn.text.paths import distinct_names, open_regular, printable, unreadable, version_of

STDIN = "-"
_ALWAYS_FITS = 64 << 20  # bytes; what decompresses to no more than this is no bomb
_SPOOL_IN_MEMORY = 64 << 20  # bytes of standard input; more goes to a temporary file
_NAMED_AT_ONCE = 10  # texts that one error names
_ADVICES = 3  # and what to do about them


class _Spool(tempfile.SpooledTemporaryFile[bytes]):
    """All of standard input; closed with the last source that reads it."""

    def __del__(self) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class Source:
    """One document, unread."""

    name: str  # relative to the folder it was found in, or the file's name, or "standard input"; need not be unique
    path: Path | None  # resolved, absolute; None for standard input
    size: int  # bytes as they lie on disk: compressed, if it is compressed
    _compression: Compression | None = field(default=None, repr=False, compare=False)
    _max_expansion: int = field(default=200, repr=False, compare=False)
    _version: tuple[int, int] | None = field(default=None, repr=False, compare=False)  # see version_of; None: the spool
    _changed: int = field(default=0, repr=False, compare=False)  # when its inode did, in nanoseconds
    _spool: _Spool | None = field(default=None, repr=False, compare=False)

    @property
    def display_name(self) -> str:
        """What a message calls it: its path, on one line."""
        return printable(self.path or self.name)

    @property
    def stamp(self) -> tuple[int, int, int] | None:
        """Its size and the times that tell whether it is as it was when it was gathered; None of standard input.

        The last is of the system's own making, on POSIX: whoever writes to a file may set its modification time back,
        or unpack another of the same size and time over it, but not that.
        """
        return None if self._version is None else (*self._version, self._changed)

    def chunks(self, size: int = 1 << 22) -> Generator[bytes, None, None]:
        """Its bytes, decompressed. May be called several times.

        Args:
            size: Bytes, the most that one piece may have.

        Yields:
            Pieces, none of them empty.

        Raises:
            CorpusError: The file cannot be read, changed since it was gathered, has compressed data that is damaged or
                incomplete, or decompresses to far more than its size.
        """
        if self._compression is None:
            yield from self._stored(size)
            return
        kind, decompressed = self._compression.name, 0
        with closing(self._stored(1 << 16)) as stored:
            pieces = self._compression.decompress(stored, size)
            while True:
                try:
                    piece = next(pieces, b"")
                except EOFError:
                    what = f"{self.display_name}: is cut short: its {kind} data has no end."
                    raise CorpusError(what, "Copy or download it anew.") from None
                except DAMAGE_ERRORS as error:
                    what = f"{self.display_name}: its {kind} data is damaged after {decompressed:,} bytes ({error})."
                    raise CorpusError(what, "Copy or download it anew.") from None
                if not piece:
                    return
                decompressed += len(piece)
                if decompressed > max(_ALWAYS_FITS, self._max_expansion * self.size):
                    raise CorpusError(
                        f"{self.display_name}: its {self.size:,} bytes decompress to {decompressed:,} and more, over "
                        f"{self._max_expansion} times as many.",
                        "If that is right, allow it: --max-expansion N",
                    )
                yield piece

    def read_range(self, start: int, size: int) -> bytes:
        """`size` decompressed bytes from offset `start`, fewer at the end. Raises CorpusError as `chunks` does."""
        data, skip = b"", start
        pieces = self.chunks()
        if self._compression is None:
            pieces, skip = self._stored(size, start), 0
        with closing(pieces):
            for piece in pieces:
                data += piece[skip : skip + size - len(data)]
                skip = max(0, skip - len(piece))
                if len(data) == size:
                    break
        return data

    def sha256(self, progress: Callable[[int], None] = lambda count: None) -> str:
        """Digest of the bytes as they lie on disk, hexadecimal.

        Args:
            progress: Called with how many bytes more were read.

        Raises:
            CorpusError: As `chunks` does.
        """
        digest = hashlib.sha256()
        for piece in self._stored(1 << 20):
            digest.update(piece)
            progress(len(piece))
        return digest.hexdigest()

    def _stored(self, size: int, start: int = 0) -> Generator[bytes, None, None]:
        """Its bytes from offset `start` as they lie on disk. Raises CorpusError."""
        # What has no spool has a path.
        with nullcontext(self._spool) if self._spool else open_regular(self.path or Path()) as file:
            while True:
                try:
                    file.seek(start)  # the spool's position is shared by all who read it
                    piece = file.read(size)
                    changed = self._version is not None and version_of(os.fstat(file.fileno())) != self._version
                except OSError as error:
                    raise unreadable(self.display_name, error) from None
                if changed:
                    raise changed_while_read(self.display_name)
                if not piece:
                    return
                start += len(piece)
                yield piece


def changed_while_read(display_name: str) -> CorpusError:
    """The error to raise for a document that did not stay the same."""
    return CorpusError(f"{display_name}: changed while it was read.", "Try again when nothing writes to it.")


def gather(
    texts: Sequence[str | Path | Source],
    *,
    glob: str | None = None,
    max_expansion: int = 200,
    stdin: BinaryIO | None = None,
) -> list[Source]:
    """The documents of what was typed.

    Every file is opened once to see that it can be, and standard input is read to its end.

    Args:
        texts: Files, folders, `-` for standard input, or sources, which stand for themselves.
        glob: Which files of folders; by default *.txt, and then a.txt.gz too. See `folders.matching_files`.
        max_expansion: How many times its size a compressed file may decompress to.
        stdin: What `-` stands for; by default the process's standard input.

    Returns:
        Their documents, in the order given; those of a folder sorted by the parts of their relative paths.

    Raises:
        CorpusError: Texts cannot be read, or nothing matches in a folder. Names all of them.
        UsageError: `-` is given twice or typed at a terminal, a name is empty, or there is a `glob` but no folder.
    """
    typed = [text if isinstance(text, Source) else os.fspath(text) for text in texts]
    if typed.count(STDIN) > 1:
        raise UsageError("standard input (-) can be read only once.", "Name it once.")
    if "" in typed:
        raise UsageError("one of the texts has an empty name.", "Name a file or a folder.")
    errors: list[CorpusError] = []
    places: list[tuple[Path, int] | Source | None] = []  # a path, and how many of its parts are its name; None: stdin
    for text in typed:
        if isinstance(text, Source):
            places.append(text)
        elif text == STDIN:
            places.append(None)
        elif os.path.isdir(text):
            files, problems = matching_files(Path(text), DEFAULT_GLOB if glob is None else glob)
            places += [(Path(text, *parts), len(parts)) for parts in files]
            errors += problems
        else:
            places.append((Path(text), 1))
    named = iter(distinct_names([place for place in places if isinstance(place, tuple)]))
    sources: list[Source | None] = []
    for place in places:
        try:
            sources.append(_of_file(place[0], next(named), max_expansion) if isinstance(place, tuple) else place)
        except CorpusError as error:
            errors.append(error)
    if errors:
        raise joined(errors)
    if glob is not None and not any(isinstance(text, str) and os.path.isdir(text) for text in typed):
        what = f"--glob {quoted(glob)} chooses files of a folder, but none was given."
        raise UsageError(what, "Name one.")
    # Last, when all else is known to be well: what feeds the pipe may take long.
    return [source or _of_stdin(stdin, max_expansion) for source in sources]


def of_bytes(data: bytes, name: str) -> Source:
    """A document that is in memory already."""
    spool = _Spool(_SPOOL_IN_MEMORY)
    spool.write(data)
    return Source(name, None, len(data), compression.of_head(data[:MAGIC_SIZE]), _spool=spool)


def without_reading_options(error: CorpusError) -> CorpusError:
    """The same error, its advice for a verb that has no --encoding, --errors and --bytes."""
    if not any(option in error.advice for option in ("--encoding", "--errors", "--bytes")):
        return error
    advice = "Convert it to UTF-8: iconv -f ENCODING -t UTF-8 OLD > NEW"
    if "is no text" in error.what:
        advice = "Leave it out."
    elif "UTF-8 in parts" in error.what:
        advice = "Convert the others to UTF-8, or leave them out."
    elif "damaged" in error.what or "character of UTF-8" in error.what:
        advice = "Mend it, or leave out what is damaged: iconv -c -f UTF-8 -t UTF-8 OLD > NEW"
    return CorpusError(error.what, advice)


def joined(errors: Sequence[CorpusError]) -> CorpusError:
    """One error that names the texts of several, and what to do about them."""
    if len(errors) == 1:
        return errors[0]
    named = " ".join(error.what for error in errors[:_NAMED_AT_ONCE])
    others = f" And {len(errors) - _NAMED_AT_ONCE:,} more." if len(errors) > _NAMED_AT_ONCE else ""
    advices = [*dict.fromkeys(error.advice for error in errors if error.advice)]
    if any("auto, which" in advice for advice in advices):
        advices = ["Files in different encodings: --encoding auto finds out for each."]
    return CorpusError(f"{len(errors):,} texts cannot be used: {named}{others}", " ".join(advices[:_ADVICES]))


def _of_file(path: Path, name: str, max_expansion: int) -> Source:
    """The file as it is now. Raises CorpusError."""
    with open_regular(path) as file:
        try:
            status = os.fstat(file.fileno())
            head = file.read(MAGIC_SIZE)
        except OSError as error:
            raise unreadable(path, error) from None
    suffix_compression = compression.BY_SUFFIX.get(path.suffix.lower())
    if suffix_compression and not suffix_compression.magic.match(head):
        what = f"{printable(path)}: is named {path.suffix} but does not hold {suffix_compression.name} data."
        raise CorpusError(what, "Copy or download it anew, or rename it if it is not compressed.")
    resolved = Path(os.path.realpath(path))
    return Source(
        printable(name),
        resolved,
        status.st_size,
        suffix_compression,
        max_expansion,
        version_of(status),
        status.st_ctime_ns,
    )


def _of_stdin(stdin: BinaryIO | None, max_expansion: int) -> Source:
    """Standard input, kept because it is read more than once. Raises UsageError and CorpusError."""
    name = "standard input"
    stdin = stdin or getattr(sys.stdin, "buffer", None)  # None where a program was started without one
    if stdin is None or stdin.isatty():
        raise UsageError(f"nothing is piped into {name} (-).", "Pipe a text in: cat book.txt | charrnn train -")
    spool = _Spool(_SPOOL_IN_MEMORY)
    try:
        for piece in iter(lambda: stdin.read(1 << 20), b""):
            spool.write(piece)
        size = spool.tell()
        spool.seek(0)
        head = spool.read(MAGIC_SIZE)
    except OSError as error:
        spool.close()
        raise CorpusError(f"{name}: cannot be read ({error.strerror or error}).", "Save it to a file first.") from None
    return Source(name, None, size, compression.of_head(head), max_expansion, _spool=spool)
