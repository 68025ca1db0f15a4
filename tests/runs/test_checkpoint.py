"""Checkpoints: what comes back, what is refused, and that a file is whole or not there."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import stat
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import tiny
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save as serialize

from charrnn.config import ModelConfig
from charrnn.errors import CheckpointError
from charrnn.runs import checkpoint
from charrnn.runs.header import Header
from charrnn.runs.header_schema import MOST_CHARACTERS
from charrnn.text.vocabulary import Vocabulary


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save(tmp_path_factory.mktemp("whole") / "whole.safetensors")


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o027)
    yield
    os.umask(before)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize("embedding_size", [0, 3])
def test_everything_comes_back_bit_for_bit(tmp_path: Path, cell: Any, embedding_size: int) -> None:
    model = ModelConfig(model=cell, num_layers=2, rnn_size=3, embedding_size=embedding_size)
    made = tiny.header(model=model, kind="resume", progress={"seconds": 0.1 + 0.2})
    tensors = tiny.weights(made)
    tensors["head.bias"][:4] = [np.nan, -0.0, np.inf, 1e-45]
    tensors["generator/0"] = np.arange(5, dtype=np.uint8)
    tensors["optimizer/0/step"] = np.array(7.0, dtype=np.float32)  # no dimensions
    digest = checkpoint.save(tmp_path / "one.safetensors", made, tensors)
    loaded = checkpoint.load(tmp_path / "one.safetensors")
    assert loaded.header == made
    assert loaded.digest == digest
    assert loaded.path == tmp_path / "one.safetensors"
    assert loaded.tensors.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert loaded.tensors[name].dtype == tensor.dtype
        assert loaded.tensors[name].shape == tensor.shape
        assert loaded.tensors[name].tobytes() == tensor.tobytes()
    assert list(loaded.weights) == list(model.shapes(len(made.vocabulary)))
    assert checkpoint.read_header(tmp_path / "one.safetensors") == made


def test_unicode_and_lone_surrogates_come_back(tmp_path: Path) -> None:
    text = "é\U0001f600\ud800\x00\u202e"
    made = tiny.header(
        vocabulary=Vocabulary(np.array(sorted(map(ord, text)), dtype=np.uint32)),
        sample=dataclasses.replace(tiny.header().sample, text=text),  # type: ignore[type-var]
    )
    checkpoint.save(tmp_path / "one.safetensors", made, tiny.weights(made))
    assert checkpoint.load(tmp_path / "one.safetensors").header == made


def test_digest_is_canonical() -> None:
    tensors: checkpoint.Tensors = {"b": np.array([[1, 2]], dtype=np.float32), "a": np.zeros((0, 3), dtype=np.uint8)}
    by_hand = b"{}" + b"\na |u1 [0, 3]\n" + b"\nb <f4 [1, 2]\n" + b"\0\0\x80?\0\0\0@"
    assert checkpoint.digest_of("{}", tensors) == hashlib.sha256(by_hand).hexdigest()
    strided: checkpoint.Tensors = {"b": np.array([[1, 9, 2, 9]], dtype=np.float32)[:, ::2], "a": tensors["a"]}
    assert checkpoint.digest_of("{}", strided) == checkpoint.digest_of("{}", tensors)


@given(data=st.data())
def test_any_changed_byte_is_an_error(whole: Path, data: st.DataObject) -> None:
    content = bytearray(whole.read_bytes())
    header_end = 8 + int.from_bytes(content[:8], "little")
    # The tensors are most of the file, the header where the surprises are.
    where = data.draw(st.one_of(st.integers(0, 16), st.integers(0, header_end), st.integers(0, len(content) - 1)))
    content[where] = data.draw(st.integers(0, 255).filter(lambda byte: byte != content[where]))
    changed = whole.with_name("changed.safetensors")
    changed.write_bytes(content)
    with pytest.raises(CheckpointError):
        checkpoint.load(changed)


def test_padding_is_not_a_hole_in_the_checksum(whole: Path) -> None:
    content = bytearray(whole.read_bytes())
    end = 8 + int.from_bytes(content[:8], "little")
    padded = content[8:end] + b"       \t"
    changed = whole.with_name("padded.safetensors")
    changed.write_bytes(len(padded).to_bytes(8, "little") + padded + content[end:])
    tiny.refused(changed)


@given(share=st.floats(0, 1, exclude_max=True))
def test_truncated_anywhere_is_an_error(whole: Path, share: float) -> None:
    content = whole.read_bytes()
    cut = whole.with_name("cut.safetensors")
    cut.write_bytes(content[: int(share * len(content))])
    with pytest.raises(CheckpointError):
        checkpoint.load(cut)


@pytest.mark.parametrize("left", [9, 20, 64, 0.1, 0.5, 0.9, 0.999])
def test_a_checkpoint_that_was_cut_short_is_called_so(whole: Path, left: float) -> None:
    content = whole.read_bytes()
    cut = whole.with_name("cut.safetensors")
    cut.write_bytes(content[: left if isinstance(left, int) else int(left * len(content))])
    message = tiny.refused(cut)
    assert "is a charrnn checkpoint that was cut short" in message
    assert f"{cut.stat().st_size:,} of at least " in message


def test_a_damaged_header_is_a_charrnn_checkpoints(whole: Path) -> None:
    content = bytearray(whole.read_bytes())
    content[200] = 0xFF
    damaged = whole.with_name("damaged.safetensors")
    damaged.write_bytes(content)
    assert "is a damaged charrnn checkpoint" in tiny.refused(damaged)


def test_something_appended_is_an_error(whole: Path) -> None:
    longer = whole.with_name("longer.safetensors")
    longer.write_bytes(whole.read_bytes() + b"\0")
    with pytest.raises(CheckpointError):
        checkpoint.load(longer)


HEADED = [b"[]", b"{}", b"null", b'{"__metadata__":[]}', b'{"__metadata__":"charrnn sha256"}', b"\xff" * 8, b"[" * 9999]
HEADED += [b'{"__metadata__":{"charrnn":1,"sha256":2}}', '{"__metadata__":{"charrnn":"é","sha256":""}}'.encode()]
FOREIGN = {
    "empty": b"",
    "short": b"1234567",
    "text": b"It was the best of times, it was the worst of times. " * 40,
    "png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(64),
    "zeros": bytes(4096),
    "absurd length": (100 << 20).to_bytes(8, "little") + b"{}",
    "length of all ones": b"\xff" * 8 + b"{}",
    "another project's": serialize({"weight": np.zeros(3, dtype=np.float32)}, {"format": "pt"}),
    "no metadata": serialize({"weight": np.zeros(3, dtype=np.float32)}),
    **{f"headed {number}": len(text).to_bytes(8, "little") + text for number, text in enumerate(HEADED)},
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_what_is_no_checkpoint_is_called_so(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "foreign.safetensors"
    path.write_bytes(FOREIGN[kind])
    assert "not a charrnn checkpoint" in tiny.refused(path)


def test_a_directory_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    assert "directory" in tiny.refused(tmp_path)
    assert "No such file" in tiny.refused(tmp_path / "gone.safetensors")


def test_missing_or_misshapen_tensors_are_named(tmp_path: Path) -> None:
    made = tiny.header()
    good = tiny.weights(made)
    missing = {name: tensor for name, tensor in good.items() if name != "head.bias"}
    for change in (missing, good | {"head.bias": good["head.bias"][1:]}, good | {"head.bias": np.zeros(1)}):
        checkpoint.save(tmp_path / "one.safetensors", made, change)
        with pytest.raises(CheckpointError, match=r"head\.bias"):
            checkpoint.load(tmp_path / "one.safetensors")


@pytest.mark.skipif(os.name != "posix", reason="modes are posix")
@pytest.mark.usefixtures("umask")
def test_file_mode_follows_umask(tmp_path: Path) -> None:
    path = tiny.save(tmp_path / "one.safetensors")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_failure_leaves_the_old_file_and_no_temporary(tmp_path: Path) -> None:
    taken = tmp_path / "taken.safetensors"
    taken.mkdir()  # a file cannot replace a directory, so the rename fails
    with pytest.raises(CheckpointError, match="cannot be written"):
        tiny.save(taken)
    assert list(tmp_path.iterdir()) == [taken]
    with pytest.raises(CheckpointError, match="cannot be written"):
        tiny.save(tmp_path / "nowhere" / "one.safetensors")


def test_a_reader_during_replacement_sees_old_or_new(tmp_path: Path) -> None:
    path = tmp_path / "resume.safetensors"
    digests = {checkpoint.save(path, made, tiny.weights(made)) for made in map(_at, range(2))}
    failures: list[BaseException] = []
    seen: set[str] = set()
    done = threading.Event()

    def read() -> None:
        try:
            while not done.is_set():
                seen.add(checkpoint.load(path).digest)
        except BaseException as error:
            failures.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(60):
        made = _at(number % 2)
        checkpoint.save(path, made, tiny.weights(made))
    done.set()
    reader.join()
    assert failures == []
    assert seen
    assert seen <= digests


def _at(iteration: int) -> Header:
    return tiny.header(iteration=iteration)


@pytest.mark.parametrize(
    ("ngrams", "improves", "mixed"),
    [(None, True, True), (None, False, False), (True, False, True), (False, True, False)],
)
def test_counts_have_a_say_where_they_help_or_as_was_said(
    tmp_path: Path, ngrams: bool | None, improves: bool, mixed: bool
) -> None:
    path = tiny.add_counts(tiny.save(tmp_path / "one.safetensors"), tiny.TEXT, improves=improves)
    assert (checkpoint.load(path).chosen_mixture(ngrams) is not None) == mixed


def test_where_there_are_no_counts_none_can_be_asked_for(tmp_path: Path) -> None:
    loaded = checkpoint.load(tiny.save(tmp_path / "one.safetensors"))
    assert loaded.chosen_mixture(None) is None
    with pytest.raises(CheckpointError, match=r"one\.safetensors: has no counts .* Leave --ngrams out"):
        loaded.chosen_mixture(True)


def test_damaged_counts_name_the_file(tmp_path: Path) -> None:
    path = tiny.add_counts(tiny.save(tmp_path / "one.safetensors"), tiny.TEXT)
    kept = checkpoint.load(path)
    checkpoint.save(path, kept.header, kept.tensors | {"ngrams/sizes": kept.tensors["ngrams/sizes"][:-1]})
    with pytest.raises(CheckpointError, match=r"one\.safetensors: its n-grams are damaged\. Use"):
        checkpoint.load(path).chosen_mixture(True)


@pytest.mark.parametrize("dtype", ["f4", "f8", "i8", "u4", "u1"])
def test_a_checksum_is_the_same_on_machines_of_either_byte_order(dtype: str) -> None:
    values = np.arange(-5, 7).astype(np.dtype(dtype)).reshape(3, 4)
    little, big = values.astype(f"<{dtype}"), values.astype(f">{dtype}")
    assert checkpoint.digest_of("{}", {"a": little}) == checkpoint.digest_of("{}", {"a": big})
    assert checkpoint.digest_of("{}", {"a": little}) != checkpoint.digest_of("{}", {"a": little + 1})


def test_a_checkpoint_that_was_made_of_the_other_byte_order_is_the_same(tmp_path: Path) -> None:
    header = tiny.header()
    weights = tiny.weights(header)
    checkpoint.save(tmp_path / "little", header, weights)
    checkpoint.save(tmp_path / "big", header, {name: tensor.astype(">f4") for name, tensor in weights.items()})
    little, big = checkpoint.load(tmp_path / "little"), checkpoint.load(tmp_path / "big")
    assert little.digest == big.digest
    for name, tensor in little.tensors.items():
        assert tensor.tobytes() == big.tensors[name].tobytes()


def test_what_would_not_be_read_again_is_not_written(tmp_path: Path) -> None:
    path = tiny.save(tmp_path / "one.safetensors")
    before = path.read_bytes()
    with pytest.raises(CheckpointError, match=r"one\.safetensors: cannot be written: .* more than 8 MB"):
        tiny.save(path, corpus={"name": "x" * 9_000_000, "digest": "d", "characters": 1})
    assert path.read_bytes() == before


def test_as_many_characters_as_a_text_may_have_are_kept(tmp_path: Path) -> None:
    """All that Unicode has assigned, and private ones; with a sample of characters that take the most room."""
    points = np.arange(0x110000 - MOST_CHARACTERS, 0x110000, dtype=np.uint32)
    sample = dataclasses.replace(tiny.header().sample, text="\U0010fffd" * 200_000)  # type: ignore[type-var]
    path = tiny.save(tmp_path / "one.safetensors", vocabulary=Vocabulary(points), sample=sample)
    assert np.array_equal(checkpoint.load(path).header.vocabulary.code_points, points)


def test_a_header_costs_no_table_of_all_characters(tmp_path: Path) -> None:
    """Only what encodes pays for it; what a listing asks of a vocabulary does not."""
    points = np.array([10, 65, 0x10FFFD], dtype=np.uint32)
    vocabulary = checkpoint.read_header(
        tiny.save(tmp_path / "one.safetensors", vocabulary=Vocabulary(points))
    ).vocabulary
    tracemalloc.start()
    assert "A" in vocabulary
    assert "\U0010fffd" in vocabulary
    assert "B" not in vocabulary
    assert "\U0010ffff" not in vocabulary
    assert vocabulary.default_prime == "\n"
    assert tracemalloc.get_traced_memory()[1] < 100_000
    assert vocabulary.encode("\U0010fffdA").tolist() == [2, 1]
    assert tracemalloc.get_traced_memory()[1] > 4 * 0x10FFFD
    tracemalloc.stop()
