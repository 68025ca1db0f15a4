"""`charrnn train`: learn a text, and show how it goes."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from charrnn.commands.app import app
from charrnn.config import CHECKPOINT_DIR, ModelConfig, TrainConfig
from charrnn.errors import CheckpointError, UsageError

if TYPE_CHECKING:
    from charrnn.runs import Run
    from charrnn.training import Training

_MODEL, _TRAIN = ModelConfig(), TrainConfig()
_KEPT_BY_RESUME = {"text", "resume", "iterations", "device", "threads", "checkpoint_dir"}

Network = {"rich_help_panel": "Network"}
Text = {"rich_help_panel": "Reading the text"}
Learning = {"rich_help_panel": "Learning"}
Watching = {"rich_help_panel": "Watching it learn"}
Place = {"rich_help_panel": "Place and machine"}


@app.command()
def train(
    context: typer.Context,
    text: Annotated[Path | None, typer.Argument(show_default="the bundled novel", help="A UTF-8 text file.")] = None,
    model: Annotated[str, typer.Option(help="Kind of cell: lstm, gru or rnn.", **Network)] = _MODEL.model,
    num_layers: Annotated[int, typer.Option(help="Recurrent layers, stacked.", **Network)] = _MODEL.num_layers,
    rnn_size: Annotated[int, typer.Option(help="Width of each layer.", **Network)] = _MODEL.rnn_size,
    embedding_size: Annotated[
        int, typer.Option(help="Width of a character's embedding; 0 feeds one-hot vectors.", **Network)
    ] = _MODEL.embedding_size,
    residual: Annotated[
        bool, typer.Option(help="Add a layer's input to its output, above the first.", **Network)
    ] = _MODEL.residual,
    dropout: Annotated[
        float, typer.Option(help="Share of each layer's outputs dropped while training.", **Network)
    ] = _MODEL.dropout,
    batch_size: Annotated[int, typer.Option(help="Streams read in parallel.", **Text)] = _TRAIN.batch_size,
    seq_length: Annotated[
        int, typer.Option(help="Characters in a window: how far back a gradient reaches.", **Text)
    ] = _TRAIN.seq_length,
    shift: Annotated[
        int | None,
        typer.Option(show_default="seq-length", help="How far the next window starts after this one.", **Text),
    ] = _TRAIN.shift,
    stateless: Annotated[
        bool, typer.Option("--stateless", help="Start every window from zeros, in shuffled order.", **Text)
    ] = _TRAIN.stateless,
    val_frac: Annotated[float, typer.Option(help="Share of the text held out, at its end.", **Text)] = _TRAIN.val_frac,
    iterations: Annotated[int, typer.Option("--iterations", help="Updates to make.", **Learning)] = _TRAIN.iterations,
    max_epochs: Annotated[
        float | None, typer.Option(help="Instead of --iterations: times to read the text.", **Learning)
    ] = None,
    learning_rate: Annotated[float, typer.Option(help="Peak rate of AdamW.", **Learning)] = _TRAIN.learning_rate,
    warmup: Annotated[
        int, typer.Option(help="Iterations of rising rate, at most a tenth of the run.", **Learning)
    ] = _TRAIN.warmup,
    decay: Annotated[
        str, typer.Option(help="How the rate falls afterwards: cosine, linear or constant.", **Learning)
    ] = _TRAIN.decay,
    final_rate: Annotated[
        float, typer.Option(help="The last rate, as a share of the peak.", **Learning)
    ] = _TRAIN.final_rate,
    beta1: Annotated[float, typer.Option(help="AdamW's decay of the mean gradient.", **Learning)] = _TRAIN.beta1,
    beta2: Annotated[float, typer.Option(help="AdamW's decay of the mean square.", **Learning)] = _TRAIN.beta2,
    weight_decay: Annotated[
        float, typer.Option(help="AdamW's decoupled decay of the matrices.", **Learning)
    ] = _TRAIN.weight_decay,
    grad_clip: Annotated[float, typer.Option(help="Clip gradients at this; 0 never.", **Learning)] = _TRAIN.grad_clip,
    grad_clip_mode: Annotated[
        str,
        typer.Option(help="norm: scale the whole gradient to it; value: if one exceeds it, let it be it.", **Learning),
    ] = _TRAIN.grad_clip_mode,
    seed: Annotated[int, typer.Option(help="For weights, order, dropout and samples.", **Learning)] = _TRAIN.seed,
    snapshot_at: Annotated[
        str, typer.Option(help="Iterations to keep a snapshot at; the last is always kept.", **Watching)
    ] = ",".join(map(str, _TRAIN.snapshot_at)),
    snapshot_every: Annotated[
        int, typer.Option(help="And every so many iterations; 0 not.", **Watching)
    ] = _TRAIN.snapshot_every,
    eval_every: Annotated[
        int, typer.Option(help="Iterations between measurements of the held-out text; 0 only at snapshots.", **Watching)
    ] = _TRAIN.eval_every,
    sample_length: Annotated[
        int, typer.Option(help="Characters of a snapshot's sample; 0 none.", **Watching)
    ] = _TRAIN.sample_length,
    sample_temperature: Annotated[
        float, typer.Option("--sample-temperature", "--temperature", "-t", help="Its temperature.", **Watching)
    ] = _TRAIN.sample_temperature,
    sample_prime: Annotated[
        str | None,
        typer.Option(
            "--sample-prime",
            "--prime",
            "-p",
            show_default="a newline",
            help="What every sample begins with.",
            **Watching,
        ),
    ] = _TRAIN.sample_prime,
    checkpoint_dir: Annotated[Path, typer.Option(help="Where runs are kept.", **Place)] = CHECKPOINT_DIR,
    name: Annotated[
        str | None, typer.Option(show_default="after the text, numbered", help="The run's name.", **Place)
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Go on with this run, exactly as if never stopped.", **Place)
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.", **Place)] = "auto",
    threads: Annotated[
        int | None, typer.Option(min=1, show_default="all cores", help="CPU threads to train with.", **Place)
    ] = None,
) -> None:
    """Learn a text, keeping snapshots on the way.

    Standard output shows the snapshots; Ctrl-C stops after the present iteration with everything kept.
    """
    given = {
        key
        for key in context.params
        if (source := context.get_parameter_source(key)) is not None and source.name == "COMMANDLINE"
    }
    if max_epochs is not None and "iterations" in given:
        raise UsageError("--max-epochs and --iterations contradict each other; give one of them.")
    if max_epochs is not None and not 0 < max_epochs < float("inf"):
        raise UsageError(f"--max-epochs {max_epochs}: above 0.")
    if resume is not None and (fixed := sorted(given - _KEPT_BY_RESUME)):
        options = ", ".join("--" + key.replace("_", "-") for key in fixed)
        raise UsageError(f"{options}: a resumed run keeps its settings. Leave out, or train a new run.")

    settings = dict(context.params, snapshot_at=_iterations(snapshot_at))
    if resume is not None:
        training, run = _resumed(
            resume, checkpoint_dir, text, device, threads, iterations if "iterations" in given else None
        )
    else:
        training, run = _new(text, settings, max_epochs, device, threads, checkpoint_dir, name)
    _follow(training, run)


def _iterations(listed: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in listed.split(",") if part.strip())
    except ValueError:
        raise UsageError(f"--snapshot-at {listed}: a list of iterations, such as 100,300,500.") from None


def _pick(config: type[Any], settings: dict[str, Any]) -> dict[str, Any]:
    return {field.name: settings[field.name] for field in fields(config)}


def _prepare(threads: int | None) -> None:
    """Everything that must happen before torch is imported, then its import."""
    from charrnn import threads as openmp

    count = openmp.prepare(threads)
    import torch

    torch.set_num_threads(count)
    torch.set_flush_denormal(True)  # oneDNN's LSTM slows some twenty times on denormals


def _new(
    text: Path | None,
    settings: dict[str, Any],
    max_epochs: float | None,
    device: str,
    threads: int | None,
    checkpoint_dir: Path,
    name: str | None,
) -> tuple[Training, Run]:
    from dataclasses import replace

    from charrnn import corpus, runs

    model_config = ModelConfig(**_pick(ModelConfig, settings))
    config = TrainConfig(**_pick(TrainConfig, settings))
    source = corpus.read(text or corpus.bundled())
    _prepare(threads)
    from charrnn.training import Training

    training = Training(source, model_config, config, device=device)
    if max_epochs is not None:
        training.config = replace(config, iterations=max(1, round(max_epochs * training.streams.per_epoch)))
    return training, runs.create(checkpoint_dir, name, Path(source.name).stem)


def _resumed(
    resume: Path, root: Path, text: Path | None, device: str, threads: int | None, iterations: int | None
) -> tuple[Training, Run]:
    from charrnn import checkpoint, corpus, runs

    run = runs.find_run(resume, root)
    if not run.resume_path.exists():
        raise CheckpointError(f"{run.resume_path}: is missing; this run cannot be resumed, only sampled.")
    kept = checkpoint.load(run.resume_path)
    total = iterations or kept.header.training.iterations
    if kept.header.iteration >= total:
        raise UsageError(
            f"{run.path}: is complete at iteration {kept.header.iteration:,}. To train on, give more: --iterations N."
        )
    path = text or (Path(kept.header.progress["path"]) if kept.header.progress.get("path") else None)
    if path is None:
        raise UsageError(
            f"{run.path}: was trained on a text in memory; name it: charrnn train TEXT --resume {run.path}"
        )
    source = corpus.read(path)
    _prepare(threads or kept.header.made_with.get("threads"))  # the number of threads is part of being exact
    from charrnn.training import Training

    training = Training.resumed(kept, source, device=device, iterations=iterations)
    run.rewind(training.iteration)
    return training, runs.Run(run.path)


def _follow(training: Training, run: Run) -> None:
    """Train to the end or to a signal. Raises typer.Exit with 130 or 143 after one."""
    from charrnn.progress import Display
    from charrnn.recording import record

    display = Display(training, run)
    display.plan()
    try:
        with _stopping_on_signals() as received:
            for event in record(training, run, stop=lambda: bool(received)):
                display.show(event)
    finally:
        display.close()
    if received and training.iteration < training.config.iterations:
        display.interrupted()
        raise typer.Exit(128 + received[0])
    display.finished()


@contextmanager
def _stopping_on_signals() -> Iterator[list[int]]:
    """The first Ctrl-C or SIGTERM is remembered, to stop at the end of an iteration; a second one acts at once."""
    received: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def remember(number: int, _: object) -> None:
        received.append(number)
        for each, handler in before.items():
            signal.signal(each, handler)

    for number in before:
        signal.signal(number, remember)
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
