"""Writing a page or a picture to where it was asked for: over older ones of charrnn's, and over nothing else."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from charrnn.config.writing import FORCE
from charrnn.errors import CharrnnError, UsageError
from charrnn.files import open_regular, remove_temporary, replace_file, temporaries_of

Force = Annotated[bool, typer.Option("--force", help=FORCE)]


@dataclass(frozen=True, slots=True)
class PageFile:
    """A file that a page or a picture is written to."""

    path: Path
    inputs: Sequence[str | Path] = ()  # files and folders that are read, none of which is written over
    force: bool = False  # whether another file may be replaced that charrnn has not made

    @property
    def _target(self) -> Path:
        """What is written, and looked at before: behind links, and without a `..`, even of what is missing."""
        return Path(os.path.realpath(self.path))

    def check(self) -> None:
        """Raises CharrnnError if something is there that must not be replaced: a text is soon named by mistake."""
        path = self.path
        if str(path) == "-":
            raise UsageError("-: pages and pictures are written into files.", "Name one, as in report.html.")
        try:
            status = os.stat(self._target)
        except FileNotFoundError:
            self._check_directory()
            return
        except OSError as error:
            raise _unwritable(path, error) from None
        if stat.S_ISDIR(status.st_mode):
            raise UsageError(f"{path}: is a directory.", "Name a file in it.")
        if not stat.S_ISREG(status.st_mode):
            raise UsageError(f"{path}: is no regular file.", "Name one, as in report.html.")
        if self._is_input(status):
            raise UsageError(f"{path}: is read here, and nothing that is read is written over.", "Choose another name.")
        if self._is_own():
            return
        if self._is_protected():
            raise UsageError(f"{path}: lies where a run or a text is kept.", "Choose another name.")
        if not self.force:
            raise UsageError(
                f"{path}: is there already, and charrnn has not made it.", "Choose another name, or --force."
            )

    def _check_directory(self) -> None:
        """Raises CharrnnError if no file can be made where this one shall be: it is known before the work begins."""
        directory = self._target.parent
        code = (
            errno.ENOENT if not directory.is_dir() else 0 if os.access(directory, os.W_OK | os.X_OK) else errno.EACCES
        )
        if code:
            raise _unwritable(self.path, OSError(code, os.strerror(code)))

    def write(self, data: bytes) -> None:
        """Write it, whole or not at all; through a symbolic link to where that leads.

        Args:
            data: What is in it.

        Raises:
            CharrnnError: It cannot be written, or something has come there that must not be replaced.
        """
        self.check()
        path = self._target
        remove_temporary(path.parent, (temporaries_of(path),))  # of one that was killed
        try:
            replace_file(path, data)
        except OSError as error:
            raise _unwritable(self.path, error) from None

    def _is_input(self, status: os.stat_result) -> bool:
        """Whether it is one of the files that are read, by whatever name, or standard input."""
        for given in (*self.inputs, 0):
            try:
                if os.path.samestat(os.stat(given), status):
                    return True
            except (OSError, ValueError):  # a name of a text or a run, which is no path; a NUL in it
                continue
        return False

    def _is_own(self) -> bool:
        """Whether charrnn has made it. Raises CharrnnError if it cannot be read."""
        from charrnn.report.recognition import HEAD, is_own

        try:
            with open_regular(self._target) as file:
                return is_own(file.read(HEAD))
        except OSError as error:
            raise _unwritable(self.path, error) from None

    def _is_protected(self) -> bool:
        """Whether it is a checkpoint, or lies in the directory of a run or below a folder that is read."""
        from charrnn.runs.run import Run

        path = self._target
        run = Run(path.parent)
        folders = {os.path.realpath(given) for given in self.inputs if os.path.isdir(given)}
        return (
            path.suffix == ".safetensors"
            or run.metrics_path.exists()
            or run.begun
            or any(str(parent) in folders for parent in path.parents)
        )


def training_texts(paths: Sequence[Path], root: Path) -> Iterator[str]:
    """Where the texts are that runs were trained on, some of which may be read again; with no path the newest run's."""
    from charrnn.runs.find import find_file, find_run, newest_run
    from charrnn.runs.run import Run
    from charrnn.text.reading import findable

    named: list[Path | None] = [*paths]
    for path in named or [None]:
        with contextlib.suppress(CharrnnError):
            if path is not None and (file := find_file(path, root)) is not None:
                run = Run(file.parent)
            else:
                run = find_run(path, root) if path else newest_run(root)
            resume = run.resumable
            if resume and findable(resume.header.origin):
                yield from map(str, resume.header.origin["texts"])
            if resume and resume.header.training.val_text:
                yield resume.header.training.val_text


def _unwritable(path: Path, error: OSError) -> CharrnnError:
    """The error for a file that cannot be written, and why."""
    return CharrnnError(f"{path}: cannot be written ({error.strerror}).", "Choose another place.")
