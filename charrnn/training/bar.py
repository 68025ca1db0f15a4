"""A bar that goes with a training from Python: that of a notebook, or a line on standard error."""

from __future__ import annotations

import warnings
from collections.abc import Generator

from charrnn.formatting import bits
from charrnn.training.events import Evaluated, Event, Progress


def with_bar(events: Generator[Event, None, None]) -> Generator[Event, None, None]:
    """The same events, with a bar of the iterations and the latest losses in bits.

    Args:
        events: A training's; closing what is returned closes them.

    Yields:
        The events, as they come.
    """
    with warnings.catch_warnings():  # that a notebook has no widgets is its own affair: the bar is then a line
        warnings.simplefilter("ignore")
        from tqdm.auto import tqdm

        bar = tqdm(unit=" iterations", dynamic_ncols=True)
    held_out = ""
    try:
        for event in events:
            match event:
                case Evaluated():
                    held_out = f", held out {bits(event.held_out_loss):.3f}"
                case Progress():
                    bar.total = event.iterations
                    if bar.n == 0 and event.iteration > 1:
                        bar.initial = bar.n = event.iteration - 1
                    bar.set_postfix_str(f"train {bits(event.train_loss):.3f}{held_out} bits", refresh=False)
                    bar.update(event.iteration - bar.n)
            yield event
    finally:
        bar.close()
        events.close()
