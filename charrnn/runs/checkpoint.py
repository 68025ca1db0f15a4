"""One safetensors file per checkpoint: weights, vocabulary, settings, measurement and sample together.

No pickle anywhere, so a checkpoint is safe to download. The string metadata of the file holds a JSON header under
"charrnn" and, under "sha256", a digest over that header and every tensor's name, type, shape and bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import CharrnnError, CheckpointError
from charrnn.files import replace_file
from charrnn.ngrams.mixing import Mixture
from charrnn.ngrams.model import NgramModel
from charrnn.runs.header import Header

_LONGEST_HEADER = 64 << 20  # bytes; a vocabulary of every Unicode character takes 9 MB
_MOST_TENSORS = 10_000
_NGRAMS = "ngrams/"
_ANOTHER = "Use another checkpoint."
_HEADS = (b'{"__metadata__":{"charrnn":"', b'{"__metadata__":{"sha256":"')  # of the JSON that `save` writes

Tensors = dict[str, NDArray[Any]]


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class Checkpoint:
    """A checkpoint in memory.

    `tensors` has the weights under the names of `ModelConfig.shapes` and, in a resume file, the training's own under
    "optimizer/", "state/" and "generator/". N-grams beside the network are under "ngrams/".
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
    try:
        replace_file(path, serialize(whole, {"charrnn": text, "sha256": digest}))
    except OSError as error:
        raise CheckpointError(
            f"{path}: cannot be written ({error.strerror}).", "Free space or choose another place."
        ) from None
    return digest


def _metadata(path: Path, data: bytes, size: int) -> dict[str, Any]:
    """The JSON at the head of a safetensors file.

    Args:
        path: The file, for the errors.
        data: At least its first bytes, to the end of the JSON.
        size: Bytes of the whole file.

    Raises:
        CheckpointError: It is no checkpoint of charrnn's; or one, damaged or cut short.
    """
    length = int.from_bytes(data[:8], "little")
    if size < 8 or length > min(_LONGEST_HEADER, size - 8):
        raise _cut_short(path, size, 8 + length) if _is_ours(data) else _foreign(path)
    try:
        parsed = json.loads(data[8 : 8 + length])
    except (ValueError, RecursionError):
        raise _damaged(path, "its header cannot be read") if _is_ours(data) else _foreign(path) from None
    try:
        metadata = parsed["__metadata__"]
        ours = metadata["charrnn"].isascii() and metadata["sha256"].isascii()
        # Padding is spaces: JSON would take a tab for one too, and no checksum sees it.
        if len(parsed) > _MOST_TENSORS or not ours or not data[8 : 8 + length].rstrip(b" ").endswith(b"}"):
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _foreign(path) from None
    try:
        end = max(
            (int(tensor["data_offsets"][1]) for name, tensor in parsed.items() if name != "__metadata__"), default=0
        )
    except (ValueError, KeyError, TypeError, IndexError):
        raise _damaged(path, "its tensors cannot be found") from None
    if 8 + length + end > size:
        raise _cut_short(path, size, 8 + length + end)
    return dict(metadata)


def _is_ours(data: bytes) -> bool:
    """Whether what is there of a file begins as `save` has it."""
    head = data[8 : 8 + len(_HEADS[0])]
    return len(head) > 0 and any(ours.startswith(head) or head.startswith(ours) for ours in _HEADS)


def _header(path: Path, metadata: Mapping[str, Any]) -> Header:
    try:
        return Header.from_json(metadata["charrnn"])
    except CharrnnError as error:
        raise CheckpointError(f"{path}: {error.what}", error.advice) from None
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise CheckpointError(f"{path}: its header is damaged ({error}).", _ANOTHER) from None


def _foreign(path: Path) -> CheckpointError:
    """The error for a file that is no checkpoint of charrnn's."""
    return CheckpointError(f"{path}: not a charrnn checkpoint.", "Give a run, or a .safetensors file of one.")


def _damaged(path: Path, how: str) -> CheckpointError:
    return CheckpointError(f"{path}: is a damaged charrnn checkpoint: {how}.", _ANOTHER)


def _cut_short(path: Path, size: int, whole: int) -> CheckpointError:
    if whole > _LONGEST_HEADER and size < 64:  # so little is there that the length is not to be believed
        return _damaged(path, f"of {size:,} bytes")
    there = f"{size:,} of at least {whole:,} bytes are there"
    return CheckpointError(
        f"{path}: is a charrnn checkpoint that was cut short: {there}.", "Copy it again, or use another snapshot."
    )


def _open_error(path: Path, error: OSError) -> CheckpointError:
    return CheckpointError(
        f"{path}: cannot be read ({error.strerror}).", "Check the path; `charrnn runs` lists what is there."
    )


def read_header(path: Path) -> Header:
    """Only the header, quickly and unverified: for listings.

    Args:
        path: A checkpoint.

    Returns:
        What the file says of itself.

    Raises:
        CheckpointError: It cannot be read, is no checkpoint, or its header is damaged or of another format.
    """
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            prefix = file.read(8)
            data = prefix + file.read(min(int.from_bytes(prefix, "little"), _LONGEST_HEADER, size))
    except OSError as error:
        raise _open_error(path, error) from None
    return _header(path, _metadata(path, data, size))


def load(path: Path) -> Checkpoint:
    """Read and verify a checkpoint.

    Args:
        path: A checkpoint.

    Returns:
        The header, all tensors, and the SHA-256 that was verified.

    Raises:
        CheckpointError: It cannot be read, or is not a checkpoint, whole and undamaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load as deserialize

    try:
        data = path.read_bytes()
    except OSError as error:
        raise _open_error(path, error) from None
    metadata = _metadata(path, data, len(data))
    header = _header(path, metadata)
    try:
        tensors = deserialize(data)
    except (SafetensorError, KeyError, ValueError) as error:
        raise _damaged(path, str(error)) from None
    digest = digest_of(metadata["charrnn"], tensors)
    if digest != metadata["sha256"]:
        raise CheckpointError(f"{path}: its checksum does not match; the file is damaged.", _ANOTHER)
    for name, shape in header.model.shapes(len(header.vocabulary)).items():
        tensor = tensors.get(name)
        if tensor is None or tensor.shape != shape or tensor.dtype != np.float32:
            raise CheckpointError(f"{path}: tensor {name} is missing or not float32 {shape}.", _ANOTHER)
    return Checkpoint(header, tensors, digest, path)
