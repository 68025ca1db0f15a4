"""`charrnn train`: learn a text, and show how it goes."""

from __future__ import annotations

from charrnn.commands import training_run, training_setup
from charrnn.commands.options import CheckpointDir, Device, TrainingThreads, Typed, with_options
from charrnn.commands.text_options import Texts
from charrnn.config import CHECKPOINT_DIR, ModelConfig, ReadConfig, RunConfig, SourceConfig, StartConfig, TrainConfig
from charrnn.config.option import flag
from charrnn.errors import UsageError

_LENGTHS = ("iterations", "max_epochs", "time")  # of which one is given
_WITH_RESUME = {  # what may be said of a resumed run
    *(
        "texts",
        "glob",
        "max_expansion",
        "val_text",
        "resume",
        "iterations",
        "device",
        "threads",
        "checkpoint_dir",
        "tensorboard",
    )
}


@with_options
def train(
    *,
    texts: Texts = None,
    source: SourceConfig,
    reading: ReadConfig,
    start: StartConfig,
    model: ModelConfig,
    training: TrainConfig,
    run: RunConfig,
    checkpoint_dir: CheckpointDir = CHECKPOINT_DIR,
    device: Device = "auto",
    threads: TrainingThreads = None,
    typed: Typed,
) -> None:
    """Learn a text, keeping snapshots on the way.

    Standard output shows the snapshots; Ctrl-C stops after the present iteration with everything kept.
    """
    lengths = [flag(name) for name in _LENGTHS if name in typed]
    if len(lengths) > 1:
        raise UsageError(f"{' and '.join(lengths)} contradict each other; give one of them.")
    if run.resume is not None and (fixed := sorted(typed.keys() - _WITH_RESUME)):
        options = ", ".join(map(flag, fixed))
        raise UsageError(f"{options}: a resumed run keeps its settings.", "Leave out, or train a new run.")
    from charrnn.training import torch_import

    torch_import.require()  # before a long text is read
    if run.tensorboard:
        from charrnn.training.tensorboard import require

        require()
    if run.resume is not None:
        where = training_setup.Where(checkpoint_dir, device, threads)
        begun = training_setup.resumed(run.resume, texts, source, where, typed)
    else:
        where = training_setup.Where(checkpoint_dir, device, threads)
        begun = training_setup.new(texts, source, reading, start, model, training, run.name, where, typed)
    training_run.follow(begun.trainer, begun.run, begun.preset, tensorboard=run.tensorboard)
