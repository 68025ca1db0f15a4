"""One safetensors file per checkpoint: weights, vocabulary, settings, measurement and sample together.

No pickle anywhere, so a checkpoint is safe to download. The string metadata of the file holds a JSON header under
"charrnn" and, under "sha256", a digest over that header and every tensor's name, type, shape and bytes.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import CharrnnError, CheckpointError, VocabularyError
from charrnn.files import open_regular, replace_file
from charrnn.ngrams.mixing import Mixture
from charrnn.ngrams.model import NgramModel
from charrnn.runs.expected_tensors import require_expected
from charrnn.runs.header import Header
from charrnn.runs.safetensors_file import ANOTHER, LONGEST_INDEX, SafetensorsFile, Tensors, damaged, opened

__all__ = ["Checkpoint", "Tensors", "digest_of", "load", "ngram_tensors", "ngrams_in", "read_header", "save"]

_NGRAMS = "ngrams/"


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class Checkpoint:
    """A checkpoint in memory.

    `tensors` has the weights under the names of `ModelConfig.shapes` and, in a resume file, the training's own under
    "optimizer/" and "state/". N-grams beside the network are under "ngrams/".
    """

    header: Header
    tensors: Tensors
    digest: str = ""  # sha-256, hexadecimal
    path: Path | None = None

    def __repr__(self) -> str:
        where = "" if self.path is None else f", {str(self.path)!r}"
        return f"<Checkpoint, {self.header.kind}: {self.header.summary}{where}>"

    @property
    def weights(self) -> Tensors:
        """Only the model's own tensors."""
        return {name: self.tensors[name] for name in self.header.model.shapes(len(self.header.vocabulary))}

    @property
    def ngrams(self) -> Tensors:
        """Only the tensors of the n-grams beside the network; none if there are none."""
        return {name: tensor for name, tensor in self.tensors.items() if name.startswith(_NGRAMS)}

    @property
    def mixture(self) -> Mixture | None:
        """The n-grams beside the network; None if there are none, or nothing says how they are mixed.

        Raises:
            CheckpointError: They are damaged.
        """
        mixing = self.header.mixing
        try:
            model = ngrams_in(self.tensors, len(self.header.vocabulary)) if mixing else None
            return Mixture(model, mixing.shares) if model and mixing else None
        except CheckpointError as error:
            raise CheckpointError(f"{self.path or 'the checkpoint'}: {error.what}", error.advice) from None

    def chosen_mixture(self, ngrams: bool | None) -> Mixture | None:
        """The n-grams that are to have a say beside the network.

        Args:
            ngrams: Whether they are to have one; None: where they lower the loss of a trained network.

        Returns:
            The mixture; None for the network alone.

        Raises:
            CheckpointError: They are damaged, or to have a say where there are none.
        """
        return self.mixture if self.mixes(ngrams) else None

    def mixes(self, ngrams: bool | None) -> bool:
        """Whether the n-grams have a say: whether `chosen_mixture` gives any.

        Raises:
            CheckpointError: They are to have one where there are none.
        """
        mixing = self.header.mixing if self.ngrams else None
        if ngrams and mixing is None:
            raise CheckpointError(
                f"{self.path or 'the checkpoint'}: has no counts beside its network.", "Leave --ngrams out."
            )
        if mixing is None or ngrams is not None:
            return bool(ngrams)
        return mixing.improves and not self.header.untrained


def ngrams_in(tensors: Mapping[str, NDArray[Any]], vocabulary_size: int) -> NgramModel | None:
    """The n-gram model among a checkpoint's tensors; None if there is none.

    Raises:
        CheckpointError: It is damaged.
    """
    named = {name.removeprefix(_NGRAMS): value for name, value in tensors.items() if name.startswith(_NGRAMS)}
    return NgramModel.from_tensors(vocabulary_size, named) if named else None


def ngram_tensors(model: NgramModel) -> Tensors:
    """The tensors of an n-gram model under the names that `ngrams_in` looks for."""
    return {f"{_NGRAMS}{name}": tensor for name, tensor in model.tensors().items()}


def digest_of(header: str, tensors: Mapping[str, NDArray[Any]]) -> str:
    """SHA-256 over the canonical header and each tensor's name, dtype, shape and little-endian bytes.

    Args:
        header: `Header.to_json()`.
        tensors: Arrays of any shape by name; their order does not matter.

    Returns:
        64 hexadecimal digits.
    """
    sha = hashlib.sha256(header.encode())
    for name in sorted(tensors):
        tensor = np.ascontiguousarray(tensors[name])
        tensor = tensor.astype(tensor.dtype.newbyteorder("<"), copy=False)  # on any machine
        sha.update(f"\n{name} {tensor.dtype.str} {list(tensor.shape)}\n".encode())
        sha.update(tensor.data.cast("B") if tensor.size else b"")
    return sha.hexdigest()


def save(path: Path, header: Header, tensors: Mapping[str, NDArray[Any]]) -> str:
    """Write a checkpoint, whole or not at all.

    Args:
        path: The file, which is replaced if it is there.
        header: What the file says of itself.
        tensors: The weights by name and, of a resume file, the training's own tensors.

    Returns:
        Its SHA-256, hexadecimal.

    Raises:
        CheckpointError: It cannot be written.
    """
    from safetensors.numpy import save as serialize

    whole = {name: np.asarray(tensor, order="C") for name, tensor in tensors.items()}
    text = header.to_json()
    digest = digest_of(text, whole)
    data = serialize(whole, {"charrnn": text, "sha256": digest})
    if int.from_bytes(data[:8], "little") > LONGEST_INDEX:
        raise CheckpointError(
            f"{path}: cannot be written: what it says of itself takes more than {LONGEST_INDEX >> 20} MB.",
            "Give fewer texts one by one, rather a folder; shorten --sample-length or --sample-prime.",
        )
    try:
        replace_file(path, data)
    except OSError as error:
        raise CheckpointError(
            f"{path}: cannot be written ({error.strerror}).", "Free space or choose another place."
        ) from None
    return digest


def _header(file: SafetensorsFile) -> Header:
    """What a file says of itself, which its tensors' names, types and shapes agree with. Raises CheckpointError."""
    try:
        header = Header.from_json(file.metadata["charrnn"])
    except (ValueError, TypeError, VocabularyError) as error:
        what = error.what.rstrip(".") if isinstance(error, CharrnnError) else error
        raise damaged(file.path, f"of its header {what}") from None
    except CharrnnError as error:
        raise CheckpointError(f"{file.path}: {error.what}", error.advice) from None
    require_expected(file.path, header, file.entries)
    return header


def read_header(path: Path) -> Header:
    """Only the header, quickly and unverified: for listings.

    Args:
        path: A checkpoint.

    Returns:
        What the file says of itself.

    Raises:
        CheckpointError: It cannot be read, is no checkpoint, or its header is damaged or of another format.
    """
    with opened(path) as file:
        return _header(file)


def load(path: Path) -> Checkpoint:
    """Read and verify a checkpoint.

    Args:
        path: A checkpoint.

    Returns:
        The header, all tensors, and the SHA-256 that was verified.

    Raises:
        CheckpointError: It cannot be read, or is not a checkpoint, whole and undamaged.
    """
    with opened(path) as file:
        header = _header(file)
        tensors = file.tensors()
    digest = digest_of(file.metadata["charrnn"], tensors)
    if digest != file.metadata["sha256"]:
        raise CheckpointError(f"{path}: its checksum does not match; the file is damaged.", ANOTHER)
    return Checkpoint(header, tensors, digest, path)


def is_as_written(path: Path, most: int) -> bool:
    """Whether a file is as it was written, be it understood or not: its checksum is that of what is in it.

    Args:
        path: A regular file.
        most: Bytes that it can have. One that has more is not read.

    Raises:
        OSError: It cannot be read now.
    """
    with open_regular(path) as whole:
        if os.fstat(whole.fileno()).st_size > most:
            return False
        while whole.read(1 << 20):
            pass
    try:
        with opened(path) as file:
            return digest_of(file.metadata["charrnn"], file.tensors()) == file.metadata["sha256"]
    except CheckpointError:
        return False
