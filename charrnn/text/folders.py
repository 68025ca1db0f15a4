"""The files below a folder that a glob pattern chooses, compressed ones too."""

from __future__ import annotations

import glob as globs
import os
from collections import Counter
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
        folder: Where to look, in its folders too; those that are linked are entered, but none from within itself.
        glob: What a file's name has to match, or with a "/" in it the file's path relative to the folder, part by part,
            "**" for any number of folders; with or without the suffix of a compression. Hidden files are looked at only
            where a part of the pattern begins with a dot.

    Returns:
        The parts of their relative paths, sorted; and what is wrong: folders that cannot be entered, or nothing that
        matches.
    """
    pattern = PurePosixPath(glob).parts
    files, errors = _files_below(folder, hidden=any(part.startswith(".") for part in pattern))
    matching = [parts for parts in files if _matches_decompressed(parts if "/" in glob else parts[-1:], pattern)]
    if not matching and not errors:
        shown = "*.txt" if glob == DEFAULT_GLOB else printable(glob)
        what = f"{printable(folder)}: no file in it matches {quoted(shown)} ({_other_pattern(files)})."
        errors.append(CorpusError(what, "Name another folder or pattern."))
    return matching, errors


def _files_below(folder: Path, hidden: bool) -> tuple[list[Parts], list[CorpusError]]:
    """Every file below a folder, sorted, and the folders that cannot be entered."""
    files: list[Parts] = []
    errors: list[CorpusError] = []
    pending: list[tuple[Parts, frozenset[tuple[int, int]]]] = [((), frozenset())]  # a folder and those that led to it
    while pending:
        parts, above = pending.pop()
        directory = Path(folder, *parts)
        try:
            status = os.stat(directory)
            identity = (status.st_dev, status.st_ino)
            entries = [] if identity in above else os.listdir(directory)
        except OSError as error:
            errors.append(unreadable(directory, error))
            continue
        for name in entries:
            if hidden or not name.startswith("."):
                if os.path.isdir(directory / name):
                    pending.append(((*parts, name), above | {identity}))
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
    if not parts or not pattern:
        return not parts and not pattern
    if pattern[0] == "**" and (_matches(parts, pattern[1:]) or _matches(parts[1:], pattern)):
        return True
    return fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])


def _other_pattern(files: list[Parts]) -> str:
    """What a folder holds when nothing in it matched, and a pattern that would."""
    names = [PurePath(parts[-1]) for parts in files if not any(part.startswith(".") for part in parts)]
    if not names:
        return "it holds no files that are not hidden"
    plain = [PurePath(name.stem) if name.suffix.lower() in BY_SUFFIX else name for name in names]
    ((suffix, count),) = Counter(name.suffix for name in plain).most_common(1)
    kind = f"{count:,} {printable(suffix)} file{'s' * (count > 1)}" if suffix else "files without a suffix"
    return f"it holds {kind}: --glob {quoted('*' + printable(globs.escape(suffix), '?'))}"
