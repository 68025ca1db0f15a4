"""Texts written by torch, several at once: those that NumPy writes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from charrnn.config import ModelConfig
from charrnn.network.device_engine import DeviceEngine
from charrnn.network.engine import Engine
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
