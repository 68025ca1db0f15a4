"""The command that goes on with a run, whole, so that it can be pasted."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from charrnn.errors import CheckpointError
from charrnn.formatting import as_typed
from charrnn.runs.checkpoint import read_header
from charrnn.runs.run import Run
from charrnn.text.sources import STDIN


def findable(origin: Mapping[str, Any]) -> bool:
    """Whether a text can be read again without being named.

    Args:
        origin: The arguments of `corpus.read` by which it was read, {} for one that was in memory.

    Returns:
        False for standard input and for what was in memory.
    """
    texts = origin.get("texts")
    return texts is not None and len(texts) > 0 and STDIN not in texts


def resume_command(run: Run, **settings: Any) -> str:
    """What to type to go on with a run.

    Args:
        run: The run.
        settings: Those to go on with, such as `iterations`.

    Returns:
        `charrnn train --resume checkpoints/novel-1 --iterations 12000`; with TEXT for a text that has to be named
        again, because it came from standard input or was in memory.
    """
    try:
        origin = read_header(run.resume_path).progress.get("origin", {})
    except CheckpointError:
        origin = {"texts": [""]}
    words = ["charrnn train", *([] if findable(origin) else ["TEXT"]), "--resume", shlex.quote(str(Path(run.path)))]
    return " ".join([*words, *([as_typed(settings)] if settings else [])])
