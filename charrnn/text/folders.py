"""The files below a folder that a glob pattern chooses, compressed ones too."""

from __future__ import annotations

import glob as globs
import heapq
import os
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path, PurePath, PurePosixPath

from charrnn.errors import CorpusError
from charrnn.shell import quoted
from charrnn.text.compression import BY_SUFFIX
from charrnn.text.paths import printable, unreadable

DEFAULT_GLOB = "*.[tT][xX][tT]"  # shown as *.txt

Parts = tuple[str, ...]  # of a path relative to the folder given


def matching_files(folder: Path, glob: str) -> tuple[list[Parts], list[CorpusError]]:
    """The files below a folder that match a pattern.

    Args:
        folder: Where to look, in its folders too, linked ones among them; each is entered once.
        glob: What a file's name has to match, or with a "/" in it the file's path relative to the folder, part by part,
            "**" for any number of folders; with or without the suffix of a compression. Hidden files are looked at only
            where a part of the pattern begins with a dot.

    Returns:
        The parts of their relative paths, sorted; and what is wrong: folders that cannot be entered, or nothing that
        matches.
    """
    parts = PurePosixPath(glob).parts
    pattern = tuple(part for part, before in zip(parts, ("", *parts), strict=False) if (part, before) != ("**", "**"))
    files, errors = _files_below(folder, hidden=any(part.startswith(".") for part in pattern))
    matching = [parts for parts in files if _matches_decompressed(parts if "/" in glob else parts[-1:], pattern)]
    if not matching and not errors:
        shown = "*.txt" if glob == DEFAULT_GLOB else printable(glob)
        what = f"{printable(folder)}: no file in it matches {quoted(shown)} ({_other_pattern(files)})."
        errors.append(CorpusError(what, "Name another folder or pattern."))
    return matching, errors


def _files_below(folder: Path, hidden: bool) -> tuple[list[Parts], list[CorpusError]]:
    """Every file below a folder, sorted, and the folders that cannot be entered.

    Each folder is entered once, before those that only a link leads to: a dozen that are linked to one another have
    more paths than could be followed.
    """
    files: list[Parts] = []
    errors: list[CorpusError] = []
    entered = set[tuple[int, int]]()
    pending: list[tuple[bool, int, Parts]] = [(False, 0, ())]  # whether a link leads there; of such the shortest path
    while pending:
        *_, parts = heapq.heappop(pending)
        directory = Path(folder, *parts)
        try:
            status = os.stat(directory)
            identity = (status.st_dev, status.st_ino)
            entries = [] if identity in entered else os.listdir(directory)
        except OSError as error:
            errors.append(unreadable(directory, error))
            continue
        entered.add(identity)
        for name in entries:
            if hidden or not name.startswith("."):
                if os.path.isdir(directory / name):
                    linked = os.path.islink(directory / name)
                    heapq.heappush(pending, (linked, len(parts), (*parts, name)))
                else:
                    files.append((*parts, name))
    return sorted(files), errors


def _matches_decompressed(parts: Parts, pattern: Parts) -> bool:
    """Whether a path matches, with or without its compression's suffix."""
    file_name = PurePath(parts[-1])
    return _matches(parts, pattern) or (
        file_name.suffix.lower() in BY_SUFFIX and _matches((*parts[:-1], file_name.stem), pattern)
    )


def _matches(parts: Parts, pattern: Parts) -> bool:
    """Part by part, case mattering; `**` stands for any number of folders, also none."""
    if pattern[-1:] == ("**",):
        pattern = (*pattern, "*")  # what is below a folder is not the folder
    places = {0}  # how much of the pattern the parts so far may be
    for part in parts:
        places = {
            place + (pattern[place] != "**")
            for place in _after_folders(places, pattern)
            if place < len(pattern) and fnmatchcase(part, pattern[place])
        }
    return len(pattern) in places


def _after_folders(places: set[int], pattern: Parts) -> Iterator[int]:
    """The same places in a pattern, and those behind each `**` there, which may stand for nothing."""
    for place in places:
        behind = place
        while behind < len(pattern) and pattern[behind] == "**":
            yield behind
            behind += 1
        yield behind


def _other_pattern(files: list[Parts]) -> str:
    """What a folder holds when nothing in it matched, and a pattern that would."""
    names = [PurePath(parts[-1]) for parts in files if not any(part.startswith(".") for part in parts)]
    if not names:
        return "it holds no files that are not hidden"
    plain = [PurePath(name.stem) if name.suffix.lower() in BY_SUFFIX else name for name in names]
    ((suffix, count),) = Counter(name.suffix for name in plain).most_common(1)
    kind = f"{count:,} {printable(suffix)} file{'s' * (count > 1)}" if suffix else "files without a suffix"
    return f"it holds {kind}: --glob {quoted('*' + printable(globs.escape(suffix), '?'))}"
