"""What the shell may complete a word to. Where there is nothing, it completes to files."""

from __future__ import annotations

import glob
from collections.abc import Callable
from pathlib import Path

import typer

from charrnn.config import CHECKPOINT_DIR


def choices(of: tuple[str, ...]) -> Callable[[str], list[str]]:
    """The completion of a setting that has choices."""
    return lambda incomplete: [choice for choice in of if choice.startswith(incomplete)]


def models(context: typer.Context, incomplete: str) -> list[str]:
    """Runs, by name or by path, and their checkpoints once a run is typed: `novel-1/`."""
    from charrnn.runs.find import named_like

    return named_like(incomplete, Path(context.params.get("checkpoint_dir") or CHECKPOINT_DIR))


def texts(incomplete: str) -> list[str]:
    """Texts that are known by name, unless a file is called so."""
    from charrnn.text import known_texts

    if glob.glob(f"{glob.escape(incomplete)}*"):
        return []
    return [text.name for text in known_texts.stored() if text.name.startswith(incomplete)]


def models_and_texts(context: typer.Context, incomplete: str) -> list[str]:
    """Either, for a verb that takes both."""
    return [*models(context, incomplete), *texts(incomplete)]
