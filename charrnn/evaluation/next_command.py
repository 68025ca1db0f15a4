"""The command that follows an advice, whole, as it can be pasted into a shell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from charrnn.config import CHECKPOINT_DIR, Config, HeldOutConfig, settings_of
from charrnn.evaluation.advice import Advice
from charrnn.runs.header import Header
from charrnn.runs.resume_command import resume_command
from charrnn.runs.run import Run
from charrnn.shell import as_typed, typed_path
from charrnn.text.reading import findable

_OWN = {"time", "iterations"}  # said as iterations: what a time comes to differs from day to day
_WATCHING = {"eval_every", "snapshot_at"}  # chosen by a preset, but no weight depends on them
_CHOSEN_BY = {"rnn_size": {"learning_rate", "weight_decay"}, "learning_rate": {"weight_decay"}}  # left to the preset


def next_command(run: Run, header: Header, advice: Advice) -> str | None:
    """The command that does what is advised.

    Args:
        run: The run that was judged.
        header: Of its latest checkpoint.
        advice: What to try.

    Returns:
        The command, quoted for a POSIX shell; None where the advice is about something else than a training. TEXT
        stands for a text that nothing tells the place of: one from standard input, or from memory.
    """
    resume = run.resumable
    origin = resume.header.origin if resume else {}
    texts = [str(text) for text in origin.get("texts") or ()]
    known = findable(origin)
    if advice.resumed:
        if resume is None:
            return None
        length: dict[str, Any] = {} if advice.iterations is None else {"iterations": advice.iterations}
        return resume_command(run, **length)
    if advice.checks_text:
        check = ["charrnn corpora check", *map(typed_path, map(Path, texts)), as_typed(_reading(header, origin))]
        return " ".join(filter(None, check)) if known else None
    if not advice.changes:
        return None
    named = [typed_path(Path(text)) for text in texts] if known else ["TEXT"]
    settings = _settings(run, header, origin)
    for name in advice.changes:
        for chosen in _CHOSEN_BY.get(name, ()):
            settings.pop(chosen, None)
    return " ".join(["charrnn train", *named, as_typed(settings | dict(advice.changes))])


def _settings(run: Run, header: Header, origin: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a training that are not what they are where nothing is said."""
    settings = _reading(header, origin) | dict(_said(header.model)) | dict(_said(header.training))
    settings["iterations"] = header.training.iterations
    if path := header.began_from.get("path"):
        settings["init_from" if header.began_from.get("what") == "network" else "embedding_from"] = path
    if run.path.parent != CHECKPOINT_DIR:
        settings["checkpoint_dir"] = run.path.parent
    return settings


def _reading(header: Header, origin: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of how a text is read and what is held out of it."""
    files = {name: value for name in ("glob",) if (value := origin.get(name)) is not None}
    held_out = {setting.name for setting in settings_of(HeldOutConfig)}
    return files | dict(_said(header.reading)) | {k: v for k, v in _said(header.training) if k in held_out}


def _said(config: Config) -> Iterator[tuple[str, Any]]:
    """The settings of a config that must be said: what differs from its default, and what a preset would choose."""
    for setting in settings_of(type(config)):
        value, usual = getattr(config, setting.name), setting.option.usual
        if (
            setting.option.hidden
            or setting.name in _OWN
            or value == (usual if setting.name in _WATCHING else setting.default)
        ):
            continue
        yield setting.name, setting.typed(value)
