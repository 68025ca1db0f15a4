"""`charrnn train`: learn a text, and show how it goes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from charrnn.commands import text_options, training_run, training_setup
from charrnn.commands.app import app
from charrnn.config import CHECKPOINT_DIR, PARTS, ModelConfig, TrainConfig
from charrnn.errors import UsageError

_MODEL, _TRAIN = ModelConfig(), TrainConfig()
_KEPT_BY_RESUME = {
    *("texts", "glob", "max_expansion", "resume", "iterations", "device", "threads", "checkpoint_dir", "tensorboard")
}

Network = {"rich_help_panel": "Network"}
Text = {"rich_help_panel": "Reading the text"}
Learning = {"rich_help_panel": "Learning"}
Watching = {"rich_help_panel": "Watching it learn"}
Place = {"rich_help_panel": "Place and machine"}


@app.command()
def train(
    context: typer.Context,
    texts: text_options.Texts = None,
    glob: text_options.Glob = None,
    documents: text_options.Documents = text_options.DEFAULTS.documents,
    separator: text_options.Separator = text_options.DEFAULTS.separator,
    encoding: text_options.Encoding = text_options.DEFAULTS.encoding,
    errors: text_options.Errors = text_options.DEFAULTS.errors,
    keep_newlines: text_options.KeepNewlines = text_options.DEFAULTS.keep_newlines,
    normalize: text_options.Normalize = text_options.DEFAULTS.normalize,
    lowercase: text_options.Lowercase = text_options.DEFAULTS.lowercase,
    strip_gutenberg: text_options.StripGutenberg = text_options.DEFAULTS.strip_gutenberg,
    min_count: text_options.MinCount = text_options.DEFAULTS.min_count,
    bytes: text_options.Bytes = text_options.DEFAULTS.bytes,
    max_expansion: text_options.MaxExpansion = text_options.EXPANSION,
    preset: Annotated[
        str,
        typer.Option(
            help="quick, small, medium or large network; auto picks by text, budget and machine. Options override it.",
            **Network,
        ),
    ] = "auto",
    model: Annotated[str, typer.Option(help="Kind of cell: lstm, gru or rnn.", **Network)] = _MODEL.model,
    num_layers: Annotated[int, typer.Option(help="Recurrent layers, stacked.", **Network)] = _MODEL.num_layers,
    rnn_size: Annotated[
        int, typer.Option(show_default="by preset", help="Width of each layer.", **Network)
    ] = _MODEL.rnn_size,
    embedding_size: Annotated[
        int, typer.Option(help="Width of a character's embedding; 0 feeds one-hot vectors.", **Network)
    ] = _MODEL.embedding_size,
    residual: Annotated[
        bool, typer.Option(help="Add a layer's input to its output, above the first.", **Network)
    ] = _MODEL.residual,
    dropout: Annotated[
        float,
        typer.Option(show_default="by epochs", help="Share of each layer's outputs dropped while training.", **Network),
    ] = _MODEL.dropout,
    input_dropout: Annotated[
        float,
        typer.Option(show_default="by epochs", help="Share of the embedded input dropped while training.", **Network),
    ] = _MODEL.input_dropout,
    recurrent_dropout: Annotated[
        float,
        typer.Option(
            show_default="by epochs", help="Share of the hidden-to-hidden weights dropped, anew each window.", **Network
        ),
    ] = _MODEL.recurrent_dropout,
    layer_norm: Annotated[
        bool, typer.Option(help="Normalise each layer's output before the next reads it.", **Network)
    ] = _MODEL.layer_norm,
    tied: Annotated[
        bool, typer.Option(help="Read and write with the same character vectors.", **Network)
    ] = _MODEL.tied,
    nonlinearity: Annotated[str, typer.Option(help="Of a plain rnn: tanh or relu.", **Network)] = _MODEL.nonlinearity,
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
    state_reset: Annotated[
        float,
        typer.Option(help="Share of the streams that forget their state at a window, to learn cold starts.", **Text),
    ] = _TRAIN.state_reset,
    rotate: Annotated[
        bool,
        typer.Option(
            show_default="by epochs",
            help="Begin each epoch after the first elsewhere in the text, so that window borders move.",
            **Text,
        ),
    ] = _TRAIN.rotate,
    val_frac: Annotated[
        float, typer.Option(help="Share of the text held out, at its end; with --documents of each.", **Text)
    ] = _TRAIN.val_frac,
    val_max: Annotated[
        int, typer.Option(help="At most so many characters held out; 0: no bound.", **Text)
    ] = _TRAIN.val_max,
    iterations: Annotated[int, typer.Option("--iterations", help="Updates to make.", **Learning)] = _TRAIN.iterations,
    max_epochs: Annotated[
        float | None, typer.Option(help="Instead of --iterations: times to read the text.", **Learning)
    ] = None,
    time: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Instead of --iterations: 90s, 5m or 1h30m, measuring included.", **Learning),
    ] = None,
    optimizer: Annotated[str, typer.Option(help="adamw, rmsprop or sgd.", **Learning)] = _TRAIN.optimizer,
    learning_rate: Annotated[
        float, typer.Option(show_default="by width", help="Its peak rate.", **Learning)
    ] = _TRAIN.learning_rate,
    warmup: Annotated[
        int, typer.Option(help="Iterations of rising rate, at most a tenth of the run.", **Learning)
    ] = _TRAIN.warmup,
    decay: Annotated[
        str,
        typer.Option(
            help="How the rate falls afterwards: cosine, linear, constant; plateau: as the held-out loss stalls.",
            **Learning,
        ),
    ] = _TRAIN.decay,
    final_rate: Annotated[
        float, typer.Option(help="The last rate, as a share of the peak.", **Learning)
    ] = _TRAIN.final_rate,
    plateau_patience: Annotated[
        int, typer.Option(help="Evaluations without improvement that make a plateau.", **Learning)
    ] = _TRAIN.plateau_patience,
    plateau_factor: Annotated[
        float, typer.Option(help="What the rate is multiplied by on a plateau.", **Learning)
    ] = _TRAIN.plateau_factor,
    beta1: Annotated[float, typer.Option(help="AdamW's decay of the mean gradient.", **Learning)] = _TRAIN.beta1,
    beta2: Annotated[
        float, typer.Option(help="AdamW's and RMSprop's decay of the mean square.", **Learning)
    ] = _TRAIN.beta2,
    momentum: Annotated[float, typer.Option(help="Of SGD and RMSprop.", **Learning)] = _TRAIN.momentum,
    weight_decay: Annotated[
        float, typer.Option(show_default="by epochs", help="Decoupled decay of the matrices.", **Learning)
    ] = _TRAIN.weight_decay,
    l1: Annotated[float, typer.Option(help="Penalty on the matrices' absolute values.", **Learning)] = _TRAIN.l1,
    l2: Annotated[float, typer.Option(help="Penalty on half their squares.", **Learning)] = _TRAIN.l2,
    grad_clip: Annotated[float, typer.Option(help="Clip gradients at this; 0 never.", **Learning)] = _TRAIN.grad_clip,
    grad_clip_mode: Annotated[
        str,
        typer.Option(help="norm: scale the whole gradient to it; value: if one exceeds it, let it be it.", **Learning),
    ] = _TRAIN.grad_clip_mode,
    average: Annotated[
        float,
        typer.Option(help="Measure and keep mean weights, of which an iteration leaves this share; 0 not.", **Learning),
    ] = _TRAIN.average,
    patience: Annotated[
        int,
        typer.Option(help="End after so many evaluations without improvement, the best kept; 0 never.", **Learning),
    ] = _TRAIN.patience,
    init_from: Annotated[
        Path | None,
        typer.Option(
            metavar="CHECKPOINT|RUN",
            help="Train on from these weights, matched by character; the network is the checkpoint's.",
            **Learning,
        ),
    ] = None,
    embedding_from: Annotated[
        Path | None, typer.Option(metavar="CHECKPOINT|RUN", help="Take only the embedding over.", **Learning)
    ] = None,
    freeze: Annotated[
        str, typer.Option(help=f"What is not trained: of {', '.join(PARTS)}.", metavar="PARTS", **Learning)
    ] = ",".join(_TRAIN.freeze),
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
    tensorboard: Annotated[
        bool,
        typer.Option(
            "--tensorboard", help="Write TensorBoard event files into the run; with --resume, too.", **Watching
        ),
    ] = False,
    checkpoint_dir: Annotated[Path, typer.Option(help="Where runs are kept.", **Place)] = CHECKPOINT_DIR,
    name: Annotated[
        str | None, typer.Option(show_default="after the text, numbered", help="The run's name.", **Place)
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Go on with this run, exactly as if never stopped.", **Place)
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.", **Place)] = "auto",
    precision: Annotated[
        str, typer.Option(help="float32, bfloat16, or auto: bfloat16 where the machine multiplies it faster.", **Place)
    ] = _TRAIN.precision,
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
    lengths = ["--" + name.replace("_", "-") for name in ("iterations", "max_epochs", "time") if name in given]
    if len(lengths) > 1:
        raise UsageError(f"{' and '.join(lengths)} contradict each other; give one of them.")
    if max_epochs is not None and not 0 < max_epochs < float("inf"):
        raise UsageError(f"--max-epochs {max_epochs}: above 0.")
    if resume is not None and (fixed := sorted(given - _KEPT_BY_RESUME)):
        options = ", ".join("--" + key.replace("_", "-") for key in fixed)
        raise UsageError(f"{options}: a resumed run keeps its settings. Leave out, or train a new run.")

    if tensorboard:
        from charrnn.training.tensorboard import require

        require()  # before a long text is read
    settings = dict(context.params, snapshot_at=_iterations(snapshot_at), freeze=_parts(freeze), time=_seconds(time))
    begun = training_setup.new(settings, given) if resume is None else training_setup.resumed(resume, settings, given)
    training_run.follow(*begun, tensorboard=tensorboard)


def _iterations(listed: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in listed.split(",") if part.strip())
    except ValueError:
        raise UsageError(f"--snapshot-at {listed}: a list of iterations, such as 100,300,500.") from None


def _seconds(typed: str | None) -> float | None:
    """`90`, `90s`, `5m` or `1h30m` in seconds."""
    if typed is None:
        return None
    units = {"h": 3600, "m": 60, "s": 1}
    parts = re.fullmatch(r"(?:([\d.]+)h)?(?:([\d.]+)m(?:in)?)?(?:([\d.]+)s?)?", typed.replace(" ", ""))
    try:
        amounts = [float(part) if part else 0.0 for part in parts.groups()] if parts and typed.strip() else []
    except ValueError:
        amounts = []
    if not sum(amounts) > 0:
        raise UsageError(f"--time {typed}: a time such as 90s, 5m or 1h30m.")
    return sum(amount * seconds for amount, seconds in zip(amounts, units.values(), strict=True))


def _parts(listed: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in listed.split(",") if part.strip())
