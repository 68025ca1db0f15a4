"""What a training takes of memory at least, asked for before anything of it is made."""

from __future__ import annotations

import torch

from charrnn import memory
from charrnn.config import ModelConfig, TrainConfig
from charrnn.errors import UsageError
from charrnn.formatting import size

_ADVICE = "Choose a smaller --rnn-size, --num-layers, --embedding-size, --batch-size or --seq-length."


def least_bytes(model: ModelConfig, training: TrainConfig, vocabulary_size: int) -> int:
    """Bytes without which a training cannot be: what is certain, and no more.

    Args:
        model: The network.
        training: Its settings, with none left to a preset.
        vocabulary_size: V.

    Returns:
        For each parameter, the weight, its gradient, a moment unless the optimizer has none, and the average if there
        is one, four bytes each; and of a window what the gradient is computed from: the gates and the output of every
        unit, and logits and their gradient.
    """
    moments = training.optimizer != "sgd" or training.momentum > 0
    kept = 2 + moments + (training.average > 0)
    number = 4 if training.precision == "float32" else 2
    each = model.num_layers * model.width * (model.gates + 1) + 2 * vocabulary_size
    window = training.batch_size * training.seq_length * each
    return 4 * kept * model.parameters(vocabulary_size) + number * window


def require_memory(model: ModelConfig, training: TrainConfig, vocabulary_size: int, device: torch.device) -> None:
    """Raises UsageError where a device has less than a training takes at least; `training` has its precision."""
    needed = least_bytes(model, training, vocabulary_size)
    what = f"{model.title}, {training.batch_size:,} streams of {training.seq_length:,} characters"
    if device.type != "cuda":
        memory.require(needed, what, _ADVICE)
    elif needed > (free := torch.cuda.mem_get_info(device)[0]):
        raise UsageError(
            f"{what}: takes {size(needed)} of the GPU's memory or more, and {size(free)} are free.", _ADVICE
        )
