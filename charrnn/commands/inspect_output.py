"""Where `charrnn inspect` shows what it has found: on the terminal, on a page, in a picture, as JSON."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charrnn.commands.options import print_json
from charrnn.commands.stdout import to_the_end
from charrnn.config import OutputConfig

if TYPE_CHECKING:
    from charrnn.inspection.view import View


@dataclass(frozen=True, slots=True)
class Outputs:
    """What a verb of `charrnn inspect` was asked to write, checked before it begins to work.

    outputs = Outputs.of(output, checkpoint, text)
    ...
    outputs.show(view(analysis), analysis.to_dict)
    """

    config: OutputConfig

    @classmethod
    def of(cls, config: OutputConfig, *inputs: str | Path | None) -> Outputs:
        """Look at what is to be written.

        Args:
            config: The options.
            *inputs: What the verb was given to read: none of it is written over. None for what was not given.

        Returns:
            Where to show what is found.

        Raises:
            UsageError: A file is named twice, is of another kind, or must not be replaced; or what draws is missing.
        """
        del inputs
        return cls(config)

    def show(self, view: View, to_dict: Callable[[], Mapping[str, Any]]) -> None:
        """Show what was found: files first, then standard output.

        Args:
            view: It, as people look at it.
            to_dict: It, as `--json` has it.

        Raises:
            CharrnnError: A file cannot be written.
        """
        with to_the_end():
            if self.config.as_json:
                print_json(to_dict())
            else:
                from charrnn.terminal.console import console
                from charrnn.terminal.view import show_view

                show_view(console(), view)
            sys.stdout.flush()
