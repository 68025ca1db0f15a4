from __future__ import annotations

import pytest
import torch
from helpers import tiny

from charrnn import memory
from charrnn.config import ModelConfig, TrainConfig
from charrnn.errors import UsageError
from charrnn.text import corpus
from charrnn.training.memory_needed import least_bytes
from charrnn.training.trainer import Trainer


def test_least_bytes_by_hand() -> None:
    model = ModelConfig(num_layers=2, rnn_size=8, embedding_size=3)
    training = TrainConfig(batch_size=5, seq_length=7, precision="float32")
    window = 5 * 7 * (2 * 8 * 5 + 2 * 11) * 4  # streams, characters, (units, gates and output; logits twice), bytes
    assert least_bytes(model, training, 11) == 12 * model.parameters(11) + window
    plain = TrainConfig(batch_size=5, seq_length=7, precision="float32", optimizer="sgd", momentum=0.0)
    assert least_bytes(model, plain, 11) == 8 * model.parameters(11) + window
    averaged = TrainConfig(batch_size=5, seq_length=7, precision="bfloat16", average=0.9)
    assert least_bytes(model, averaged, 11) == 16 * model.parameters(11) + window // 2


@pytest.mark.parametrize(
    "absurd", [{"rnn_size": 65_536}, {"rnn_size": 40_000, "model": "gru"}, {"num_layers": 100, "rnn_size": 30_000}]
)
def test_a_network_larger_than_any_memory_is_refused_before_it_is_made(absurd: dict[str, object]) -> None:
    model = ModelConfig.pick({"num_layers": 100, **absurd})
    with pytest.raises(UsageError, match=r"takes [\d.]+ [GT]B of memory or more, and .* free\. Choose a smaller --rnn"):
        Trainer(corpus.from_text(tiny.TEXT * 50), model, TrainConfig(batch_size=2), device="cpu")


def test_torch_tells_that_memory_has_run_out() -> None:
    with pytest.raises(RuntimeError) as raised:
        torch.ones(1 << 57)
    assert memory.ran_out(raised.value)
