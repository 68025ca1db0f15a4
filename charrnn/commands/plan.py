"""`charrnn plan`: what a training would be, without it."""

from __future__ import annotations

import time
from dataclasses import asdict

from charrnn.commands import text_options, training_setup
from charrnn.commands.notes import tell
from charrnn.commands.options import CheckpointDir, Device, Json, TrainingThreads, Typed, print_json, with_options
from charrnn.commands.text_options import Texts
from charrnn.config import (
    CHECKPOINT_DIR,
    ClusterConfig,
    ModelConfig,
    ReadConfig,
    SourceConfig,
    StartConfig,
    TrainConfig,
)
from charrnn.config.effects import without_effect


@with_options
def plan(
    *,
    texts: Texts = None,
    source: SourceConfig,
    reading: ReadConfig,
    model: ModelConfig,
    training: TrainConfig,
    start: StartConfig,
    cluster: ClusterConfig,
    checkpoint_dir: CheckpointDir = CHECKPOINT_DIR,
    device: Device = "auto",
    threads: TrainingThreads = None,
    as_json: Json = False,
    typed: Typed,
) -> None:
    """Show what `charrnn train` with the same options would do here, and why. Trains for some seconds only.

    Which network and settings are picked by which rules, how fast this machine trains it, how long it takes, how much
    memory and disk, what breaks first; and the command with every setting named. With --gpus or --nodes: the same on
    a cluster, where what is not measured here is assumed, and said. Nothing is kept.
    """
    training_setup.require_one_length(typed)
    for line in without_effect(typed, training, model):
        tell(line)
    from charrnn.training import torch_import

    torch_import.require("planning")  # before a long text is read
    from charrnn.text import known_texts
    from charrnn.training.beginning import Beginning

    beginning = Beginning.of(start, model, training, reading, typed, checkpoint_dir)
    named = texts or [str(known_texts.bundled())]
    files = asdict(source) | {"val_text": training.val_text}
    began = time.perf_counter()
    corpus = text_options.read(named, beginning.reading, training=beginning.training, **files)
    read = time.perf_counter()
    training_setup.prepare(threads)
    from charrnn.training import plan as planning

    before = planning.Start(reading=read - began, importing=time.perf_counter() - read)

    given = {name: value for name, value in typed.items() if name not in ("texts", "as_json")}
    planned = planning.plan(beginning, corpus, device, texts or (), given, cluster, before)
    if as_json:
        print_json(planned.to_dict())
        return
    from charrnn.terminal.console import console
    from charrnn.terminal.plan import show_plan

    show_plan(console(), planned, corpus)
