"""Texts written by torch, several at once: those that NumPy writes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from charrnn.config import ModelConfig
from charrnn.errors import DivergedError
from charrnn.network.device_engine import DeviceEngine
from charrnn.network.engine import DrawingDecoder, Engine
from charrnn.sampling import chain
from charrnn.sampling.chain import LogitsProcessor, LogProbs
from charrnn.sampling.generate import generate_many
from charrnn.sampling.request import Request
from charrnn.text.vocabulary import Vocabulary, to_code_points

VOCABULARY = Vocabulary.of(to_code_points("\n abcdefghijklmnopé."))
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA"))]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    "kind",
    [{}, {"model": "gru", "layer_norm": False}, {"model": "rnn", "embedding_size": 0}, {"tied": True}],
    ids=str,
)
def test_the_texts_are_those_that_numpy_writes(kind: dict[str, Any], device: str) -> None:
    config = ModelConfig(**{"rnn_size": 24, "embedding_size": 7, "dropout": 0.5, **kind})
    rng = np.random.default_rng(1)
    shapes = config.shapes(len(VOCABULARY))
    weights = {name: rng.normal(size=shape).astype(np.float32) * 0.3 for name, shape in shapes.items()}
    request = Request(length=100, temperatures=(0.5, 1.0), count=3, seed=5)
    written = [
        [list(text.characters) for text in request.generate(engine, VOCABULARY, "a cab")]
        for engine in (Engine(config, weights), DeviceEngine(config, weights, torch.device(device)))
    ]
    for ours, theirs in zip(*written, strict=True):
        assert [one.id for one in ours] == [one.id for one in theirs]
        np.testing.assert_allclose([one.bits for one in ours], [one.bits for one in theirs], atol=1e-4)


CHAINS: dict[str, LogitsProcessor] = {
    "plain": chain.make_chain(),
    "greedy": chain.make_chain(0),
    "warm": chain.make_chain(1.4),
    "all": chain.make_chain(0.7, top_k=9, top_p=0.8, min_p=0.02),
    "without one": chain.Chain((chain.Exclude(3), chain.make_chain(top_p=0.9))),
    "all but nothing": chain.make_chain(top_p=1e-9),
    "more than there are": chain.make_chain(top_k=1000),
}


def random_engine(scale: float = 1.0) -> DeviceEngine:
    config = ModelConfig(rnn_size=24, embedding_size=7).completed()
    rng = np.random.default_rng(1)
    shapes = config.shapes(len(VOCABULARY))
    weights = {name: (rng.normal(size=shape) * scale).astype(np.float32) for name, shape in shapes.items()}
    return DeviceEngine(config, weights, torch.device("cpu"))


def many(engine: Engine, process: LogitsProcessor, length: int, seed: int = 0) -> list[list[tuple[int, float]]]:
    rngs = [np.random.default_rng([seed, number]) for number in range(5)]
    texts = generate_many(engine, VOCABULARY, "a cab", length, [process] * 5, rngs)
    written = [[(character.id, character.bits) for character in text] for text in texts]
    for number, rng in enumerate(rngs):  # one number for each character, and no more
        expected = np.random.default_rng([seed, number])
        expected.random(length)
        assert rng.random() == expected.random()
    return written


@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.parametrize("length", [0, 1, 64, 150])
def test_what_a_device_draws_is_what_the_host_would(name: str, length: int) -> None:
    """Where it has the same logits: a chain that no device knows is drawn from on the host."""
    engine, process = random_engine(), CHAINS[name]

    def unknown(log_probs: LogProbs) -> LogProbs:
        return process(log_probs)

    assert chain.rules(process) is not None
    assert chain.rules(unknown) is None
    drawn, expected = many(engine, process, length), many(engine, unknown, length)
    assert [[index for index, _ in text] for text in drawn] == [[index for index, _ in text] for text in expected]
    np.testing.assert_allclose(drawn, expected, rtol=1e-12, atol=1e-12)
    assert [len(text) for text in drawn] == [length] * 5


def test_a_chain_within_a_chain_that_no_device_knows_is_none() -> None:
    assert chain.rules(chain.Chain((chain.TopK(2), lambda log_probs: log_probs))) is None
    assert chain.rules(chain.Chain(())) == ()


def test_a_model_without_numbers_is_told_of_a_device_too() -> None:
    engine = random_engine()
    with torch.no_grad():
        engine.network.head.bias[0] = torch.nan
    with pytest.raises(DivergedError, match="not numbers"):
        many(engine, CHAINS["plain"], 10)


def test_the_device_is_asked_once_for_many_characters() -> None:
    decoder = random_engine().batch_decoder(random_engine().read([1, 2]), 3)
    assert isinstance(decoder, DrawingDecoder)
    asked = list[str]()

    class Asked(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if str(func).startswith(("aten._local_scalar_dense", "aten.nonzero", "aten.is_nonzero")):
                asked.append(str(func))
            return func(*args, **(kwargs or {}))

    with Asked():
        ids, log_probs = decoder.draw([("top_p", 0.9), ("factor", 2.0)], np.full((40, 3), 0.5))
    assert ids.shape == log_probs.shape == (40, 3)
    assert asked == []
