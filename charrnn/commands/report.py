"""`charrnn report`: what runs learned, as one HTML page, and their curves as pictures."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from charrnn.commands import later_states
from charrnn.commands.completion import models
from charrnn.commands.notes import report_skipped, tell
from charrnn.commands.options import RUNS, CheckpointDir, TextLength, with_options
from charrnn.commands.pages import Force, PageFile, training_texts
from charrnn.config import CHECKPOINT_DIR, COMPARED_LENGTH, INSIDE_LENGTH, Option, SamplingConfig
from charrnn.errors import UsageError

if TYPE_CHECKING:
    from charrnn.inspection.view import View
    from charrnn.runs.checkpoint import Checkpoint

_SAMPLING = SamplingConfig(length=300, seed=1)
_PAGES = {".html": "-o", ".htm": "-o", ".png": "--png", ".svg": "--svg"}
_BACK, _PLACES = 100, 8  # characters that a report's gradients reach back, and places of the text that they begin at
_TEMPERATURES = (0.2, 0.5, 0.8, 1.1)  # that the best snapshot writes at, unless others are asked for


@with_options
def report(
    *,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="RUN", show_default="the newest run", help=RUNS, autocompletion=models),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The page to write.")] = Path("report.html"),
    png: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the curves as a picture, too; needs resvg-py.")
    ] = None,
    svg: Annotated[Path | None, typer.Option(metavar="FILE", help="The same as SVG.")] = None,
    force: Force = False,
    sampling: SamplingConfig = _SAMPLING,
    text_length: TextLength = COMPARED_LENGTH,
    inside: Annotated[
        int, Option("Look inside the networks on so many held-out characters, at most; 0: do not.", low=0)
    ] = INSIDE_LENGTH,
    checkpoint_dir: CheckpointDir = CHECKPOINT_DIR,
) -> None:
    """Tell what runs learned on one HTML page that needs no network.

    It has the samples of every snapshot under a slider, the curves and a verdict on them, texts at several
    temperatures, held-out text shaded by surprise, what gates and units do inside the network, and where each number
    comes from. A report is written over an older one, and over nothing else unless by --force.
    """
    from charrnn.formatting import size
    from charrnn.report import page, picture
    from charrnn.report.collect import collect
    from charrnn.sampling.request import Request
    from charrnn.terminal.progress_bar import share_bar

    targets = [path for path in (output, svg, png) if path]
    if len({os.path.realpath(path) for path in targets}) < len(targets):
        raise UsageError("--output, --png and --svg name one file twice.", "Give each a name of its own.")
    inputs: list[str | Path] = [*(paths or []), *training_texts(paths or [], checkpoint_dir)]
    files = {path: PageFile(path, inputs, force) for path in targets}
    for file in files.values():
        file.check()
    for path in paths or []:
        if path.suffix.lower() in _PAGES and not path.is_dir():
            raise UsageError(f"{path}: is no run. A page is named with {_PAGES[path.suffix.lower()]} {path}")
    if png:
        picture.renderer()  # raises before anything is read
    request = Request(
        length=sampling.length, temperatures=sampling.chosen_temperatures(*_TEMPERATURES), seed=sampling.seed or 0
    )
    with share_bar("measuring") as progress:
        collected = collect(
            paths or [],
            request,
            root=checkpoint_dir,
            prime=sampling.prime,
            text_length=text_length,
            inside=inside,
            reach=_reach,
            progress=progress,
        )
    contents = [(output, page.render(collected).encode())]
    if svg or png:
        curves = picture.svg(collected)
        contents += [(svg, curves.encode())] if svg else []
        contents += [(png, picture.png(curves))] if png else []
    for path, content in contents:
        files[path].write(content)
        tell(f"{path}, {size(len(content))}")
    later_states.tell_of_named(paths or [], checkpoint_dir)
    report_skipped(list(collected.problems))


def _reach(loaded: Checkpoint, text: str) -> View | None:
    """How far the loss reaches back on a text; None where there is no torch, or too little text.

    Raises:
        CharrnnError: torch is broken.
        DivergedError: The outputs of the model are not numbers.
    """
    from charrnn.training.torch_import import import_torch, installed

    back = min(_BACK, len(text) - 2)
    if back < 1 or not installed():
        return None
    import_torch("measuring gradients")
    from charrnn.commands.inspect_gradients import torch_threads
    from charrnn.inspection.gradients_view import NetworkGradients, view
    from charrnn.model import Model

    with torch_threads(1):
        found = Model(loaded).gradients(text, back, _PLACES)
    header = loaded.header
    network = NetworkGradients(
        name="the network",
        title=header.model.title,
        iteration=header.iteration,
        text="the text",
        unit=header.vocabulary.unit,
        gradients=found,
    )
    return replace(view([network]), title="Gradients")
