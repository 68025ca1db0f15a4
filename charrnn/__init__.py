"""charrnn: a character-level text generator that lets you watch it learn.

    import charrnn

    for event in charrnn.train("war-and-peace.txt", checkpoint_dir="checkpoints", name="war"):
        if isinstance(event, charrnn.events.Snapshot):
            print(event)

    model = charrnn.load("checkpoints/war")
    print(model.generate("Prince Andrew ", 200, temperature=0.7, seed=1))

The public face is this:

    train       train a model and follow it, event by event
    events      what a training yields: Progress, Evaluated, Snapshot
    load        a model from a checkpoint, a run, or a Snapshot
    history     what a training measured, as one table
    fill        what may stand in the gap of a text, by a forward and a backward model
    suspects    the likeliest errors of a text, by both
    Model       writes texts and measures them
    Character   a character that a model wrote, with its bits
    Fillings    what `fill` found, each of them a Filling
    Suspect     a likely error, and what mends it
    Inspection  what goes on in a model while it reads a text: states, gates and predictions
    LayerActivations  those of one layer
    State       what a model knows of a text it has read, to go on from
    errors      every error that a person can cause, in one tree
    CharrnnError  the root of that tree: what went wrong, and advice

Everything else can be imported, but is internal: it may change with any version.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from charrnn._version import __version__

if TYPE_CHECKING:
    from charrnn import errors as errors
    from charrnn import events as events
    from charrnn.api import fill as fill
    from charrnn.api import history as history
    from charrnn.api import load as load
    from charrnn.api import suspects as suspects
    from charrnn.api import train as train
    from charrnn.errors import CharrnnError as CharrnnError
    from charrnn.evaluation.suspects import Suspect as Suspect
    from charrnn.inspection.activations import LayerActivations as LayerActivations
    from charrnn.inspection.inspection import Inspection as Inspection
    from charrnn.model import Model as Model
    from charrnn.network.engine import State as State
    from charrnn.sampling.fill import Filling as Filling
    from charrnn.sampling.fill import Fillings as Fillings
    from charrnn.sampling.generate import Character as Character

__all__ = [
    "Character",
    "CharrnnError",
    "Filling",
    "Fillings",
    "Inspection",
    "LayerActivations",
    "Model",
    "State",
    "Suspect",
    "__version__",
    "errors",
    "events",
    "fill",
    "history",
    "load",
    "suspects",
    "train",
]

# Imported on first use (PEP 562): `charrnn --help` must not pay for what it does not show.
_MODULES = ("errors", "events")
_MEMBERS = {
    "Character": "charrnn.sampling.generate",
    "CharrnnError": "charrnn.errors",
    "Filling": "charrnn.sampling.fill",
    "Fillings": "charrnn.sampling.fill",
    "Inspection": "charrnn.inspection.inspection",
    "LayerActivations": "charrnn.inspection.activations",
    "Model": "charrnn.model",
    "State": "charrnn.network.engine",
    "Suspect": "charrnn.evaluation.suspects",
    "fill": "charrnn.api",
    "history": "charrnn.api",
    "load": "charrnn.api",
    "suspects": "charrnn.api",
    "train": "charrnn.api",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"charrnn.{name}")
    if name in _MEMBERS:
        return getattr(import_module(_MEMBERS[name]), name)
    raise AttributeError(f"module 'charrnn' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
