"""What some seconds of a training tell of the machine it would run on."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from charrnn.runs import checkpoint
from charrnn.training.autotune import WRITING_SECONDS, evaluation_seconds, sample_seconds, seconds_per_iteration
from charrnn.training.cost_model import operations
from charrnn.training.devices import has_bfloat16, peak_device_memory, peak_memory
from charrnn.training.held_out_counts import HeldOutCounts
from charrnn.training.optimizer import Optimizer
from charrnn.training.resume import resume_point
from charrnn.training.trainer import Trainer
from charrnn.training.validation import counted_spans

_TRIAL_SECONDS = 1.5  # of real iterations behind the speed, at least
_UPDATES = 5  # behind the seconds of one
_PRODUCT = {"cpu": 1024, "cuda": 8192, "mps": 4096}  # rows and columns of a matrix that is large for a device


@dataclass(frozen=True, kw_only=True, slots=True)
class MachineFacts:
    """The machine, as far as it decides, and what was measured of it with the network that will be trained."""

    device: str
    threads: int | None  # of a CPU
    precision: str
    bfloat16: bool  # whether it has that in hardware
    characters_per_second: float  # trained on
    share_of_peak: float  # operations of the weights, of those that large matrix products attain in the same time
    streams: int  # that this was measured with
    seconds_per_iteration: float
    seconds_per_update: float  # of these, the optimizer's
    seconds_per_own_update: float  # the same with the threads of one process, where several are to share them
    seconds_per_evaluation: float  # of all held-out text
    seconds_per_mixing: float  # of these, mixing counts in, which is not divided over devices
    seconds_per_snapshot: float  # beside the evaluation
    seconds_of_counting: float  # the training text's n-grams, once; 0 where no counts are kept
    seconds_of_words: float  # collecting the training text's, once
    memory: int | None  # bytes that the trial took at most, torch and the text included; None: it cannot be told
    memory_before: int | None  # bytes of these before there was a network
    memory_trained: int | None  # and before the text was counted
    device_memory: int | None  # bytes of a GPU's own


def measured(trainer: Trainer, before: int | None, *, sharing: int = 1, trains: bool = True) -> MachineFacts:
    """What a trial tells of the machine.

    Args:
        trainer: Is trained for some iterations.
        sharing: Processes that are to share the threads that it has.
        before: Bytes of memory that the process had taken at most before `trainer` was made.
        trains: Whether it is this machine that would train: otherwise only what the first process does is measured.

    Raises:
        DivergedError: The trial did.
    """
    config, on_cpu = trainer.config, trainer.device.type == "cpu"
    seconds = seconds_per_iteration(trainer, _TRIAL_SECONDS) if trains else 0.0
    update = _update_seconds(trainer, 1) if trains else 0.0
    own = _update_seconds(trainer, sharing) if trains and sharing > 1 else update
    evaluation = evaluation_seconds(trainer) if trains else 0.0
    saving = _saving_seconds(trainer) if trains else WRITING_SECONDS * trainer.parameters
    trained, on_device = peak_memory(), peak_device_memory(trainer.device)
    counts = trainer.evaluator.counts
    counting = _seconds_of(counts.prepare) if counts else 0.0
    words = _seconds_of(trainer.evaluator.sample_writer.prepare)
    mixing = _seconds_of(lambda: _mix(trainer, counts)) if counts else 0.0
    speed = config.batch_size * config.effective_shift / seconds if seconds else 0.0
    work = speed * operations(trainer.model.config, len(trainer.vocabulary))
    return MachineFacts(
        device=trainer.device.type,
        threads=torch.get_num_threads() if on_cpu else None,
        precision=config.precision,
        bfloat16=has_bfloat16(trainer.device),
        characters_per_second=speed,
        share_of_peak=work / peak(trainer) if trains else 0.0,
        streams=config.batch_size,
        seconds_per_iteration=seconds,
        seconds_per_update=update,
        seconds_per_own_update=own,
        seconds_per_evaluation=evaluation + mixing,
        seconds_per_mixing=mixing,
        seconds_per_snapshot=sample_seconds(trainer) + saving,
        seconds_of_counting=counting,
        seconds_of_words=words,
        memory=peak_memory(),
        memory_before=before,
        memory_trained=trained,
        device_memory=on_device,
    )


def _saving_seconds(trainer: Trainer) -> float:
    """What writing a snapshot and the resume file takes: into a folder that does not stay."""
    with tempfile.TemporaryDirectory(prefix="charrnn-plan-") as folder:
        path = Path(folder) / "resume.safetensors"
        seconds = _seconds_of(lambda: checkpoint.save(path, *resume_point(trainer)))
        return seconds * (1 + 4 * trainer.parameters / path.stat().st_size)


def peak(trainer: Trainer) -> float:
    """Operations a second of a large matrix product, in the precision of the training: the best of some."""
    dtype, side = getattr(torch, trainer.config.precision), _PRODUCT[trainer.device.type]
    matrix = torch.ones(side, side, dtype=dtype, device=trainer.device)

    def multiply() -> None:
        for _ in range(3):
            torch.mm(matrix, matrix)
        _finish(trainer)

    return 3 * 2 * side**3 / min(_seconds_of(multiply) for _ in range(5))


def _update_seconds(trainer: Trainer, sharing: int) -> float:
    """Seconds of an update with a part of the threads, of gradients that are nothing: the median of some."""
    threads = torch.get_num_threads()
    torch.set_num_threads(max(1, threads // sharing))
    try:
        optimizer = Optimizer(trainer.model, trainer.config, trainer.device)
        gradients = [torch.zeros_like(parameter) for parameter in optimizer.parameters]

        def update() -> None:
            optimizer.step(gradients, 0.0)
            _finish(trainer)

        update()
        return float(np.median([_seconds_of(update) for _ in range(_UPDATES)]))
    finally:
        torch.set_num_threads(threads)


def _mix(trainer: Trainer, counts: HeldOutCounts) -> None:
    """Mix the counts with a network that knows nothing."""
    size = sum(span.size for span in counted_spans(trainer.read.split.held_out))
    counts.mixing(np.full(size, np.log(len(trainer.vocabulary))))


def _finish(trainer: Trainer) -> None:
    """Wait for what a GPU still computes."""
    if trainer.device.type == "cuda":
        torch.cuda.synchronize(trainer.device)


def _seconds_of(work: Callable[[], object]) -> float:
    """What it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
