"""Which tensors a checkpoint has, by what its header says of it: nothing else in a file is read. Torch-free."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from charrnn.errors import CheckpointError
from charrnn.ngrams.counting import ENTRIES
from charrnn.runs.header import Header
from charrnn.runs.safetensors_file import TensorEntry, damaged

_MOST_ENTRIES = 16 * ENTRIES  # of n-grams
_LONGEST_GENERATOR = 1 << 16  # bytes of a random generator's state, which older files have; torch's on a CPU has 5,056
_PER_LAYER = 4  # tensors, at least
_SLOTS = {"step", "exp_avg", "exp_avg_sq", "square_avg", "momentum_buffer", "momentum"}  # of the optimizers
_UNSIGNED = {np.dtype(kind) for kind in ("u1", "<u2", "<u4", "<u8")}
_FLOAT32, _FLOAT16, _UINT8 = np.dtype("<f4"), np.dtype("<f2"), np.dtype("u1")


def require_expected(path: Path, header: Header, entries: Mapping[str, TensorEntry]) -> None:
    """Make sure that a file has the weights that its header tells of, and beside them only what a training keeps.

    How the tensors of a resume file fit to each other is known to `training.resume`; here each has a form that is
    possible, so that none is larger than the network and its training are.

    Args:
        path: The file, for the errors.
        header: What it says of itself.
        entries: Its tensors.

    Raises:
        CheckpointError: A tensor is missing, or not as it must be.
    """
    model, vocabulary_size = header.model, len(header.vocabulary)
    if _PER_LAYER * model.num_layers > len(entries):  # before anything is made of so many layers
        raise damaged(path, f"there are tensors of fewer than its {model.num_layers:,} layers")
    shapes = model.shapes(vocabulary_size)
    for name, shape in shapes.items():
        entry = entries.get(name)
        if entry is None or entry.shape != shape or entry.dtype != _FLOAT32:
            raise CheckpointError(
                f"{path}: tensor {name} is missing or not float32 {shape}.", "Use another checkpoint."
            )
    possible = _of_ngrams(vocabulary_size)
    if header.kind == "resume":
        possible |= _of_training(header, shapes)
    for name in entries.keys() - shapes.keys():
        if not any(re.fullmatch(pattern, name) and fits(name, entries[name]) for pattern, fits in possible.items()):
            entry = entries[name]
            raise damaged(path, f"tensor {name}, {entry.dtype.name} {entry.shape}, is none that its {header.kind} has")


_Forms = dict[str, Callable[[str, TensorEntry], bool]]  # by the names' pattern, whether a tensor may be as it is


def _of_ngrams(vocabulary_size: int) -> _Forms:
    def flat(entry: TensorEntry) -> bool:
        return len(entry.shape) == 1 and entry.shape[0] <= _MOST_ENTRIES + vocabulary_size

    return {
        "ngrams/(characters|sizes|continued)": lambda name, entry: flat(entry) and entry.dtype in _UNSIGNED,
        "ngrams/probabilities": lambda name, entry: flat(entry) and entry.dtype == _FLOAT16,
    }


def _of_training(header: Header, shapes: Mapping[str, tuple[int, ...]]) -> _Forms:
    any_weight = {*shapes.values(), ()}
    state = (header.training.batch_size, header.model.rnn_size)

    def float32(entry: TensorEntry, *possible: tuple[int, ...]) -> bool:
        return entry.dtype == _FLOAT32 and entry.shape in possible

    def number(name: str) -> int:
        return int(name.split("/")[1])

    forms: _Forms = {
        f"optimizer/[0-9]{{1,6}}/({'|'.join(_SLOTS)})": lambda name, entry: (
            float32(entry, *any_weight) and number(name) < len(shapes)
        ),
        "average/.*": lambda name, entry: float32(entry, shapes.get(name.removeprefix("average/"), (-1,))),
        "state/[0-9]{1,6}/[01]": lambda name, entry: float32(entry, state) and number(name) < header.model.num_layers,
        "generator/[0-9]{1,6}": lambda name, entry: (
            entry.dtype == _UINT8
            and len(entry.shape) == 1
            and entry.shape[0] <= _LONGEST_GENERATOR
            and number(name) < header.training.batch_size
        ),
    }
    return forms | (_of_rollback(forms, shapes) if header.progress.get("rollback") else {})


def _of_rollback(forms: _Forms, shapes: Mapping[str, tuple[int, ...]]) -> _Forms:
    """Those of the state that a rollback would go back to: the same once more, and the weights."""

    def again(fits: Callable[[str, TensorEntry], bool]) -> Callable[[str, TensorEntry], bool]:
        return lambda name, entry: fits(name.removeprefix("rollback/"), entry)

    weights = again(lambda name, entry: entry.dtype == _FLOAT32 and entry.shape == shapes.get(name))
    return {f"rollback/{pattern}": again(fits) for pattern, fits in forms.items()} | {"rollback/[^/]+": weights}
