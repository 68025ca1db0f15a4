"""`charrnn train`: learn a text, and show how it goes."""

from __future__ import annotations

from contextlib import nullcontext

from charrnn.commands import text_options, training_run, training_setup
from charrnn.commands.notes import tell
from charrnn.commands.options import CheckpointDir, Device, TrainingThreads, Typed, with_options
from charrnn.commands.signals import saving_on_signal
from charrnn.commands.text_options import Texts
from charrnn.config import (
    CHECKPOINT_DIR,
    ModelConfig,
    ReadConfig,
    RunConfig,
    SourceConfig,
    StartConfig,
    TrainConfig,
)
from charrnn.config.effects import without_effect


@with_options
def train(
    *,
    texts: Texts = None,
    source: SourceConfig,
    reading: ReadConfig,
    model: ModelConfig,
    training: TrainConfig,
    start: StartConfig,
    run: RunConfig,
    checkpoint_dir: CheckpointDir = CHECKPOINT_DIR,
    device: Device = "auto",
    threads: TrainingThreads = None,
    typed: Typed,
) -> None:
    """Learn a text, keeping snapshots on the way.

    `charrnn train book.txt --time 10m` is a good beginning: it picks the network that learns most in ten minutes on
    this machine. Ctrl-C stops after the present iteration with everything kept, and --resume goes on. SIGUSR1 saves,
    and training goes on.
    """
    training_setup.require_one_length(typed)
    for line in without_effect(typed, training):
        tell(line)
    from charrnn.training import torch_import

    torch_import.require()  # before a long text is read
    if run.tensorboard:
        from charrnn.training.tensorboard import require

        require()
    where = training_setup.Where(checkpoint_dir, device, threads)
    with saving_on_signal() as save, training_setup.resumption(run, where, typed) or nullcontext() as going_on:
        if going_on is None:
            begun = training_setup.new(texts, source, reading, start, model, training, run, where, typed)
        elif run.auto_resume and going_on.complete:
            going_on.require_same_text(texts, text_options.read)
            tell(going_on.completion)
            return
        else:
            going_on.require_incomplete()
            begun = training_setup.resumed(going_on, texts, where)
        training_run.follow(begun, save, tensorboard=run.tensorboard)
