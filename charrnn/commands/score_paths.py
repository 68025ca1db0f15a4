"""What `charrnn score` was given: which of it are models and which texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from charrnn.errors import CharrnnError, CheckpointError, UsageError
from charrnn.shell import typed_command

_PROBE = 4096  # bytes of a file that say whether it may be a text


def tell_apart(paths: Sequence[str], root: Path, *, several: bool) -> tuple[list[str], list[str]]:
    """Tell models from texts.

    Args:
        paths: What was typed: models, and last the text.
        root: Where runs are.
        several: Whether there may be more than one text.

    Returns:
        The models and the texts, at least one.

    Raises:
        UsageError: They are in another order.
        CheckpointError: There is a text in the place of a model.
    """
    *before, last = paths
    texts = [path for path in before if _is_text(path, root)]
    models = [path for path in before if path not in texts]
    if texts and not _is_text(last, root) and is_model(last, root):
        wanted = typed_command("charrnn", "score", *models, last, texts[0])
        raise UsageError(f"{last}: is a run or a checkpoint, and {texts[0]} a text; the text comes last: {wanted}")
    if texts and not several:
        wanted = typed_command("charrnn", "score", "--lines", *models, *texts, last)
        raise CheckpointError(
            f"{texts[0]}: is a text, and no run or checkpoint; one text is scored at a time.",
            f"To rank several: {wanted}",
        )
    return models, [*texts, last]


def is_model(typed: str, root: Path) -> bool:
    """Whether what was typed names a run or a checkpoint."""
    from charrnn.runs import checkpoint
    from charrnn.runs.find import find_checkpoint

    try:
        return bool(checkpoint.read_header(find_checkpoint(Path(typed), root)))
    except CharrnnError:
        return False


def _is_text(typed: str, root: Path) -> bool:
    """Whether what was typed names a text, and no model."""
    from charrnn.text import known_texts, sources

    path = Path(typed)
    if typed == sources.STDIN:
        return True
    if path.suffix == ".safetensors" or is_model(typed, root):
        return False
    try:
        if path.is_dir():
            return any(path.rglob("*.txt"))
        if path.is_file():
            with path.open("rb") as file:
                return path.suffix in (".gz", ".bz2", ".xz") or b"\0" not in file.read(_PROBE)
        return str(known_texts.find(typed)) != typed
    except (OSError, CharrnnError):
        return False
