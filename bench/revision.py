"""The code of a checkout, run in processes of its own: today's, and that of another revision beside it.

Not a program: `bench/learning.py` uses it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Code:
    """charrnn as it stands in a folder, whatever else is installed."""

    folder: Path

    def run(self, *arguments: str) -> str:
        """What the interpreter prints that runs this program with this code. Exits with its errors where it fails."""
        places = [str(self.folder), *filter(None, [os.environ.get("PYTHONPATH")])]
        done = subprocess.run(
            [sys.executable, "-P", *arguments],  # -P: not the package that lies in the working directory
            env=os.environ | {"PYTHONPATH": os.pathsep.join(places)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            sys.exit(done.stderr)
        return done.stdout

    def verify(self) -> None:
        """Exit where another charrnn than that of the folder would run. Compiles it, so that no first run is slower."""
        self.run("-m", "compileall", "-q", str(self.folder / "charrnn"))
        place = Path(self.run("-c", "import charrnn; print(charrnn.__file__)").strip())
        if place != self.folder / "charrnn" / "__init__.py":
            sys.exit(f"{place} would run, not what lies in {self.folder}")

    @property
    def revision(self) -> str:
        """The commit, and whether anything of it has been changed."""
        return git("describe", "--always", "--dirty", "--abbrev=10", "--exclude=*", folder=self.folder)


def git(*arguments: str, folder: Path = ROOT) -> str:
    """What git prints. Exits with its errors where it fails."""
    done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout.strip()


@contextmanager
def checked_out(revision: str, repository: Path = ROOT) -> Iterator[Code]:
    """A revision's code in a temporary folder, which is removed at the end, after Ctrl-C or SIGTERM too."""
    commit = git("rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}", folder=repository)

    def stop(number: int, _: FrameType | None) -> None:
        sys.exit(128 + number)

    previous = signal.signal(signal.SIGTERM, stop)
    try:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch).resolve() / "checkout"
            try:
                git("worktree", "add", "--detach", "--quiet", str(folder), commit, folder=repository)
                yield Code(folder)
            finally:
                git("worktree", "remove", "--force", str(folder), folder=repository)
    finally:
        signal.signal(signal.SIGTERM, previous)
