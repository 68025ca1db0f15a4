"""Weights that follow their characters from one vocabulary to another."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import tiny
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from charrnn.config import Cell, ModelConfig
from charrnn.errors import UsageError
from charrnn.network.engine import Engine, State
from charrnn.network.torch_model import CharModel
from charrnn.runs import checkpoint
from charrnn.runs.checkpoint import Checkpoint, Tensors
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.transfer import VocabularyMatch, match, transferred_weights

CELLS: tuple[Cell, ...] = ("lstm", "gru", "rnn")
PER_CHARACTER = ("embedding.weight", "head.weight", "head.bias")
ONE_HOT = ModelConfig(num_layers=1, rnn_size=4, embedding_size=0)


def of(characters: str, *, unknown: bool = False) -> Vocabulary:
    return Vocabulary(np.array(sorted(map(ord, set(characters))), dtype=np.uint32), unknown=unknown)


def drawn(model: ModelConfig, vocabulary: Vocabulary, seed: int) -> Tensors:
    return tiny.weights(tiny.header(model=model, vocabulary=vocabulary), seed)


def saved(
    vocabulary: Vocabulary, model: ModelConfig = tiny.MODEL, path: str | None = "run/a.safetensors"
) -> Checkpoint:
    header = tiny.header(model=model, vocabulary=vocabulary)
    return Checkpoint(header, tiny.weights(header, seed=1), path=Path(path) if path else None)


def transferred(
    old: Vocabulary, new: Vocabulary, model: ModelConfig = tiny.MODEL, **options: Any
) -> tuple[Tensors, Tensors, Tensors, VocabularyMatch]:
    """The old weights, the fresh ones, what came of them, and how the characters matched."""
    before, fresh = saved(old, model), drawn(model, new, seed=2)
    weights, matched = transferred_weights(before, new, fresh, model=model, **options)
    return before.weights, fresh, weights, matched


def by_character(vocabulary: Vocabulary, per_id: NDArray[Any]) -> dict[str, list[float]]:
    """The row of each character, and of the unknown symbol under its name."""
    names = [chr(point) for point in vocabulary.code_points.tolist()] + ["unknown"] * vocabulary.unknown
    return dict(zip(names, per_id.reshape(len(per_id), -1).tolist(), strict=True))


def refused(*arguments: Any, **options: Any) -> str:
    with pytest.raises(UsageError) as caught:
        transferred_weights(*arguments, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_rows_by_hand() -> None:
    model = ModelConfig(model="rnn", num_layers=1, rnn_size=1, embedding_size=2)
    old, new = of("bdf", unknown=True), of("abcd", unknown=True)
    tensors: Tensors = {
        "embedding.weight": np.array([[2, 2.5], [4, 4.5], [6, 6.5], [9, 9.5]], np.float32),  # b d f unknown
        "layers.0.weight_ih_l0": np.array([[31, 32]], np.float32),
        "layers.0.weight_hh_l0": np.array([[33]], np.float32),
        "layers.0.bias_ih_l0": np.array([34], np.float32),
        "layers.0.bias_hh_l0": np.array([35], np.float32),
        "norms.0.weight": np.array([36], np.float32),
        "norms.0.bias": np.array([37], np.float32),
        "head.weight": np.array([[20], [40], [60], [90]], np.float32),
        "head.bias": np.array([200, 400, 600, 900], np.float32),
    }
    fresh: Tensors = {name: np.full(shape, -1, np.float32) for name, shape in model.shapes(len(new)).items()}
    before = Checkpoint(tiny.header(model=model, vocabulary=old), tensors)
    weights, matched = transferred_weights(before, new, fresh, model=model)
    assert weights["embedding.weight"].tolist() == [[-1, -1], [2, 2.5], [-1, -1], [4, 4.5], [9, 9.5]]  # a b c d unknown
    assert weights["head.weight"].tolist() == [[-1], [20], [-1], [40], [90]]
    assert weights["head.bias"].tolist() == [-1, 200, -1, 400, 900]
    layer = [weights[name].tolist() for name in weights if name.startswith(("layers", "norms"))]
    assert layer == [[[31, 32]], [[33]], [34], [35], [36], [37]]
    assert matched == VocabularyMatch(2, "ac", "f")
    assert list(weights) == list(model.shapes(len(new)))


def test_one_hot_columns_by_hand() -> None:
    model = ModelConfig(model="rnn", num_layers=2, rnn_size=2, embedding_size=0)
    old, new = of("ab"), of("bc")
    before, fresh = saved(old, model), drawn(model, new, seed=2)
    before.tensors["layers.0.weight_ih_l0"] = np.array([[1, 2], [3, 4]], np.float32)
    fresh["layers.0.weight_ih_l0"] = np.array([[5, 6], [7, 8]], np.float32)
    weights, _ = transferred_weights(before, new, fresh, model=model)
    assert weights["layers.0.weight_ih_l0"].tolist() == [[2, 6], [4, 8]]
    # As wide as the vocabulary by chance, and nothing to do with it.
    np.testing.assert_array_equal(weights["layers.1.weight_ih_l0"], before.tensors["layers.1.weight_ih_l0"])


def test_ids_that_match() -> None:
    old, new = of("bdf", unknown=True), of("abcd", unknown=True)
    assert [ids.tolist() for ids in match(old, new)] == [[0, 1, 3], [1, 3, 4]]
    assert [ids.tolist() for ids in match(new, old)] == [[1, 3, 4], [0, 1, 3]]
    assert [ids.tolist() for ids in match(old, of("abcd"))] == [[0, 1], [1, 3]]
    assert [ids.tolist() for ids in match(of("ab"), of("cd"))] == [[], []]


def test_the_replacement_character_is_not_the_unknown_symbol() -> None:
    old, new = of("a\N{REPLACEMENT CHARACTER}", unknown=True), of("ab", unknown=True)
    assert [ids.tolist() for ids in match(old, new)] == [[0, 2], [0, 2]]
    assert [ids.tolist() for ids in match(of("a\N{REPLACEMENT CHARACTER}"), new)] == [[0], [0]]


alphabets = st.tuples(
    st.sets(st.characters(exclude_categories=()), min_size=1, max_size=20),
    st.sets(st.characters(exclude_categories=()), max_size=20),
    st.sets(st.characters(exclude_categories=()), max_size=20),
)


@given(
    alphabets,
    st.booleans(),
    st.booleans(),
    st.sampled_from(CELLS),
    st.sampled_from([{"embedding_size": 0}, {"embedding_size": 3}, {"tied": True, "embedding_size": 3}]),
    st.booleans(),
)
def test_every_character_keeps_its_own(
    alphabets: tuple[set[str], set[str], set[str]],
    unknown_before: bool,
    unknown_now: bool,
    cell: Cell,
    characters_are: dict[str, Any],
    switch: bool,
) -> None:
    common, *others = alphabets
    old = of("".join(common | others[0]), unknown=unknown_before)
    new = of("".join(common | others[1]), unknown=unknown_now)
    model = ModelConfig(model=cell, num_layers=2, rnn_size=2, residual=switch, layer_norm=switch, **characters_are)
    before, fresh, weights, matched = transferred(old, new, model)
    assert {name: value.shape for name, value in weights.items()} == model.shapes(len(new))
    assert {value.dtype for value in weights.values()} == {np.dtype(np.float32)}
    for name, value in weights.items():
        one_hot = name == "layers.0.weight_ih_l0" and not model.embedding_size
        if name in PER_CHARACTER or one_hot:
            was, first, now = (
                by_character(vocabulary, tensor.T if one_hot else tensor)
                for vocabulary, tensor in ((old, before[name]), (new, fresh[name]), (new, value))
            )
            assert now == {character: was.get(character, first[character]) for character in first}
        else:
            np.testing.assert_array_equal(value, before[name])
    characters = [set(map(chr, vocabulary.code_points.tolist())) for vocabulary in (old, new)]
    assert matched.shared == len(characters[0] & characters[1])
    assert set(matched.added) == characters[1] - characters[0]
    assert set(matched.dropped) == characters[0] - characters[1]


@pytest.mark.parametrize("unknown", [False, True])
@pytest.mark.parametrize("model", [tiny.MODEL, ONE_HOT])
def test_the_same_vocabulary_keeps_every_number(model: ModelConfig, unknown: bool) -> None:
    vocabulary = of("\n abcé", unknown=unknown)
    before, _, weights, matched = transferred(vocabulary, of("éba c\n", unknown=unknown), model)
    assert weights.keys() == before.keys()
    for name, value in weights.items():
        np.testing.assert_array_equal(value, before[name])
    assert matched == VocabularyMatch(6, "", "")


@pytest.mark.parametrize("model", [tiny.MODEL, ONE_HOT])
def test_bytes_are_matched_by_bytes(model: ModelConfig) -> None:
    before, _, weights, matched = transferred(Vocabulary.every_byte(), Vocabulary.every_byte(most_frequent=10), model)
    for name, value in weights.items():
        np.testing.assert_array_equal(value, before[name])
    assert matched.describe() == "256 bytes carried over"


@pytest.mark.parametrize("unknown", [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize(
    "characters_are",
    [
        {"embedding_size": 0, "layer_norm": False},
        {"embedding_size": 3, "layer_norm": False},
        {"embedding_size": 3, "layer_norm": True},
        {"embedding_size": 3, "tied": True, "layer_norm": True},
    ],
    ids=["one-hot", "embedded", "normalised", "tied"],
)
@pytest.mark.parametrize("cell", CELLS)
def test_shared_text_is_read_and_shared_characters_are_predicted_as_before(
    cell: Cell, characters_are: dict[str, Any], unknown: tuple[bool, bool]
) -> None:
    model = ModelConfig(model=cell, num_layers=2, rnn_size=7, **characters_are)
    old, new = of("#%abcdeé", unknown=unknown[0]), of("!abcßdeé😀", unknown=unknown[1])
    before, _, weights, _ = transferred(old, new, model)
    engines = Engine(model, before), Engine(model, weights)
    states: list[State | None] = [None, None]
    old_shared, new_shared = (vocabulary.encode("abcdeé") for vocabulary in (old, new))
    for character in "decadebeadé" * 5:
        old_state, new_state = states = [
            engine.read(vocabulary.encode(character).tolist(), state)
            for engine, vocabulary, state in zip(engines, (old, new), states, strict=True)
        ]
        np.testing.assert_allclose(new_state.logits[new_shared], old_state.logits[old_shared], rtol=0, atol=1e-5)
    np.testing.assert_allclose(new_state.layers, old_state.layers, rtol=0, atol=1e-5)


def test_there_and_back_again() -> None:
    """What both vocabularies have survives two transfers, by way of quite different ids."""
    old, new = of("fedcba"), of('!"#$%bdfz')
    before, _, weights, _ = transferred(old, new)
    between = Checkpoint(tiny.header(vocabulary=new), weights)
    back, matched = transferred_weights(between, old, drawn(tiny.MODEL, old, seed=3), model=tiny.MODEL)
    assert matched == VocabularyMatch(3, "ace", '!"#$%z')
    for name, character in itertools.product(PER_CHARACTER, "bdf"):
        assert by_character(old, back[name])[character] == by_character(old, before[name])[character]
    np.testing.assert_array_equal(back["layers.0.weight_hh_l0"], before["layers.0.weight_hh_l0"])


def test_the_embedding_alone() -> None:
    old, new = of("bdf", unknown=True), of("abcd", unknown=True)
    before = saved(old, dataclasses.replace(tiny.MODEL, model="gru", rnn_size=9, num_layers=3, residual=False))
    fresh = drawn(tiny.MODEL, new, seed=2)
    weights, matched = transferred_weights(before, new, fresh, model=tiny.MODEL, embedding_only=True)
    was, first = before.weights["embedding.weight"], fresh["embedding.weight"]
    np.testing.assert_array_equal(weights["embedding.weight"], [first[0], was[0], first[2], was[1], was[3]])
    for name in weights.keys() - {"embedding.weight"}:
        np.testing.assert_array_equal(weights[name], fresh[name])
    assert matched == VocabularyMatch(2, "ac", "f")


@pytest.mark.parametrize("embedding_only", [False, True])
def test_nothing_given_is_changed_or_shared(embedding_only: bool) -> None:
    new = of("abcd")
    before, fresh = saved(of("bdf")), drawn(tiny.MODEL, new, seed=2)
    given = {**before.tensors, **{f"fresh {name}": value for name, value in fresh.items()}}
    copies = {name: value.copy() for name, value in given.items()}
    weights, _ = transferred_weights(before, new, fresh, model=tiny.MODEL, embedding_only=embedding_only)
    for value in weights.values():
        value[...] = np.nan
    for name, value in given.items():
        np.testing.assert_array_equal(value, copies[name])


def test_a_model_of_torch_goes_on_from_a_file(tmp_path: Path) -> None:
    """From a file with an optimiser in it to the logits of torch."""
    new = of("!abcßdeé", unknown=True)
    header = tiny.header(kind="resume", vocabulary=of("#abcdeé", unknown=True))
    tensors = tiny.weights(header)
    checkpoint.save(tmp_path / "resume.safetensors", header, tensors | {"optimizer/0/step": np.zeros((), np.float32)})
    before = checkpoint.load(tmp_path / "resume.safetensors")
    network = CharModel(tiny.MODEL, len(new), seed=5)
    weights, _ = transferred_weights(before, new, network.weights(), model=tiny.MODEL)
    network.load_weights(weights)
    old_ids, new_ids = match(header.vocabulary, new)
    engine = Engine(tiny.MODEL, tensors)
    expected = engine.read(old_ids.tolist()).logits
    with torch.no_grad():
        logits, _ = network(torch.from_numpy(new_ids).unsqueeze(0), network.zero_state(1))
    np.testing.assert_allclose(logits[0, -1].numpy()[new_ids], expected[old_ids], rtol=0, atol=1e-5)


def test_a_tied_model_of_torch_is_kept_and_taken_over(tmp_path: Path) -> None:
    """Through a file, in which the shared matrix lies once, to another vocabulary: both its roles go with it."""
    config = dataclasses.replace(tiny.MODEL, tied=True, layer_norm=True)
    old, new = of("#abcdeé"), of("!abcßdeé")
    network, header = CharModel(config, len(old), seed=5), tiny.header(model=config, vocabulary=old)
    checkpoint.save(tmp_path / "one.safetensors", header, network.weights())
    before = checkpoint.load(tmp_path / "one.safetensors")
    assert before.tensors.keys() == config.shapes(len(old)).keys()
    assert "head.weight" not in before.tensors
    other = CharModel(config, len(new), seed=6)
    other.load_weights(transferred_weights(before, new, other.weights(), model=config)[0])
    old_ids, new_ids = match(old, new)
    with torch.no_grad():
        expected, _ = network(torch.from_numpy(old_ids)[None], network.zero_state(1))
        logits, _ = other(torch.from_numpy(new_ids)[None], other.zero_state(1))
    torch.testing.assert_close(logits[..., new_ids], expected[..., old_ids])


@pytest.mark.parametrize("name", ["dropout", "input_dropout", "recurrent_dropout"])
def test_dropouts_may_differ(name: str) -> None:
    vocabulary = of("ab")
    model = dataclasses.replace(tiny.MODEL, **{name: 0.5})
    weights, _ = transferred_weights(saved(vocabulary), vocabulary, drawn(model, vocabulary, seed=2), model=model)
    np.testing.assert_array_equal(weights["head.weight"], saved(vocabulary).tensors["head.weight"])


@pytest.mark.parametrize(
    ("changes", "there", "here"),
    [
        ({"model": "gru"}, "--model lstm", "--model gru"),
        ({"num_layers": 2}, "--num-layers 1", "--num-layers 2"),
        ({"rnn_size": 5}, "--rnn-size 4", "--rnn-size 5"),
        ({"embedding_size": 0}, "--embedding-size 3", "--embedding-size 0"),
        ({"residual": False}, "--residual", "--no-residual"),
        ({"tied": True}, "--no-tied", "--tied"),
        ({"layer_norm": False}, "--layer-norm", "--no-layer-norm"),
        (
            {"model": "rnn", "nonlinearity": "relu"},
            "--model lstm --nonlinearity tanh",
            "--model rnn --nonlinearity relu",
        ),
        ({"rnn_size": 5, "model": "rnn"}, "--model lstm --rnn-size 4", "--model rnn --rnn-size 5"),
    ],
)
def test_another_model_is_refused(changes: dict[str, Any], there: str, here: str) -> None:
    vocabulary, model = of("ab"), dataclasses.replace(tiny.MODEL, **changes)
    fresh = drawn(model, vocabulary, seed=2)
    assert refused(saved(vocabulary), vocabulary, fresh, model=model) == (
        f"run/a.safetensors: its model has {there}, and here it is {here}. "
        f"--init-from needs them equal: give {there}, or drop --init-from."
    )


@pytest.mark.parametrize(
    ("before", "now", "says"),
    [
        (0, 3, "run/a.safetensors: has no embedding (--embedding-size 0). "),
        (0, 0, "run/a.safetensors: has no embedding (--embedding-size 0). "),
        (3, 0, "run/a.safetensors: its model has --embedding-size 3, and here it is --embedding-size 0. "),
        (3, 4, "run/a.safetensors: its model has --embedding-size 3, and here it is --embedding-size 4. "),
    ],
)
def test_an_embedding_that_does_not_fit_is_refused(before: int, now: int, says: str) -> None:
    vocabulary = of("ab")
    then, model = (dataclasses.replace(tiny.MODEL, embedding_size=size) for size in (before, now))
    fresh = drawn(model, vocabulary, seed=2)
    message = refused(saved(vocabulary, then), vocabulary, fresh, model=model, embedding_only=True)
    assert message.startswith(says)
    assert "--embedding-from" in message


def test_an_embedding_that_is_also_a_head_is_taken_over_only_as_such() -> None:
    vocabulary, tied = of("ab"), dataclasses.replace(tiny.MODEL, tied=True)
    for then, model, says in ((tied, tiny.MODEL, "give --tied, or"), (tiny.MODEL, tied, "give --no-tied, or")):
        fresh = drawn(model, vocabulary, seed=2)
        assert says in refused(saved(vocabulary, then), vocabulary, fresh, model=model, embedding_only=True)
    fresh = drawn(tied, vocabulary, seed=2)
    weights, _ = transferred_weights(saved(vocabulary, tied), vocabulary, fresh, model=tied, embedding_only=True)
    np.testing.assert_array_equal(weights["embedding.weight"], saved(vocabulary, tied).tensors["embedding.weight"])
    np.testing.assert_array_equal(weights["projection.weight"], fresh["projection.weight"])


@pytest.mark.parametrize("embedding_only", [False, True])
def test_bytes_and_characters_are_not_matched(embedding_only: bool) -> None:
    characters, every_byte = of("ab"), Vocabulary.every_byte()
    for old, new, says in ((characters, every_byte, "models characters"), (every_byte, characters, "models bytes")):
        fresh = drawn(tiny.MODEL, new, seed=2)
        message = refused(saved(old), new, fresh, model=tiny.MODEL, embedding_only=embedding_only)
        assert message.startswith(f"run/a.safetensors: {says}")
        assert ("--embedding-from" if embedding_only else "--init-from") in message


@pytest.mark.parametrize("embedding_only", [False, True])
def test_nothing_in_common_is_refused(embedding_only: bool) -> None:
    """Not even an unknown symbol on both sides makes a model of Latin one of Cyrillic."""
    old, new = of("abc", unknown=True), of("абв", unknown=True)
    fresh = drawn(tiny.MODEL, new, seed=2)
    message = refused(saved(old, path=None), new, fresh, model=tiny.MODEL, embedding_only=embedding_only)
    assert message.startswith("the checkpoint: has no character of this text")


@pytest.mark.parametrize(
    ("matched", "line"),
    [
        (VocabularyMatch(72, "", ""), "72 characters carried over"),
        (VocabularyMatch(1, "é", ""), "1 character carried over; new: 'é'"),
        (VocabularyMatch(1234, "", "#%"), "1,234 characters carried over; dropped: '#' '%'"),
        (VocabularyMatch(2, "abcdefgh", ""), "2 characters carried over; new: 'a' 'b' 'c' 'd' 'e' 'f' 'g' 'h'"),
        (
            VocabularyMatch(2, "abcdefghi", "\n\x1b '\u202e\ud800"),
            "2 characters carried over; new: 'a' 'b' 'c' 'd' 'e' 'f' 'g' 'h' and 1 more; "
            "dropped: '\\n' '\\x1b' ' ' \"'\" '\\u202e' '\\ud800'",
        ),
    ],
)
def test_what_a_person_is_told(matched: VocabularyMatch, line: str) -> None:
    assert matched.describe() == line


@given(st.text(st.characters(exclude_categories=())), st.text(st.characters(exclude_categories=())))
def test_the_line_is_short_and_safe_whatever_the_characters(added: str, dropped: str) -> None:
    line = VocabularyMatch(3, added, dropped).describe()
    assert line.isprintable()
    assert len(line) <= 300
