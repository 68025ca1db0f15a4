"""`charrnn train`: learn a text, and show how it goes."""

from __future__ import annotations

from contextlib import ExitStack

from charrnn.commands import text_options, training_run, training_setup
from charrnn.commands.notes import tell
from charrnn.commands.options import CheckpointDir, Device, TrainingThreads, Typed, with_options
from charrnn.commands.ranks import together
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
from charrnn.config.option import flag

_PLACES = ("texts", "checkpoint_dir")  # which may be called otherwise on another host


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
    own = run.resume is None and start.init_from is None  # else the network is another's
    for line in without_effect(typed, training, model if own else None):
        tell(line)
    from charrnn.training import torch_import

    torch_import.require()  # before a long text is read
    if run.tensorboard:
        from charrnn.training.tensorboard import require

        require()
    where = training_setup.Where(checkpoint_dir, device, threads)
    with ExitStack() as stack:
        save = stack.enter_context(saving_on_signal())
        ranks = stack.enter_context(together(run.rank_timeout, threads))
        ranks.require_same({flag(name): str(typed[name]) for name in sorted(typed) if name not in _PLACES})
        run = training_setup.restartable(run, ranks)
        if (going_on := training_setup.resumption(run, where, typed, ranks)) is None:
            begun = training_setup.new(texts, source, reading, start, model, training, run, where, typed, ranks)
        else:
            stack.enter_context(going_on)
            if run.auto_resume and going_on.complete:
                going_on.require_same_text(texts, text_options.read)
                tell(going_on.completion)
                return
            going_on.require_incomplete()
            begun = training_setup.resumed(going_on, texts, where, ranks)
        training_run.follow(begun, save, tensorboard=run.tensorboard)
