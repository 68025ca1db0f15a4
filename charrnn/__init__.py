"""charrnn: a character-level text generator that lets you watch it learn.

import charrnn
model = charrnn.load("checkpoints/war-and-peace-1")
print(model.generate("Prince Andrew ", 200, temperature=0.7, seed=1))
"""

from typing import TYPE_CHECKING, Any

from charrnn._version import __version__

if TYPE_CHECKING:
    from charrnn.api import Model, load, train

__all__ = ["Model", "__version__", "load", "train"]


def __getattr__(name: str) -> Any:
    # Imported on first use: `charrnn --help` must not pay for what it does not show.
    if name in ("Model", "load", "train"):
        from charrnn import api

        return getattr(api, name)
    raise AttributeError(f"module 'charrnn' has no attribute {name!r}")
