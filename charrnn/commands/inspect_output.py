"""Where `charrnn inspect` shows what it has found: on the terminal, on a page, in a picture, as JSON."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charrnn.commands.notes import tell
from charrnn.commands.options import print_json
from charrnn.commands.pages import PageFile, training_texts
from charrnn.commands.stdout import to_the_end
from charrnn.config import CHECKPOINT_DIR, OutputConfig
from charrnn.errors import UsageError
from charrnn.formatting import size

if TYPE_CHECKING:
    from charrnn.inspection.view import View

_KINDS = {".html": "html", ".htm": "html", ".png": "png", ".svg": "svg"}


@dataclass(frozen=True, slots=True)
class Outputs:
    """What a verb of `charrnn inspect` was asked to write, checked before it begins to work.

    outputs = Outputs.of(output, checkpoint, text)
    ...
    outputs.show(view(analysis), analysis.to_dict)
    """

    config: OutputConfig
    files: Mapping[Path, PageFile]

    @classmethod
    def of(
        cls,
        config: OutputConfig,
        *inputs: str | Path | None,
        models: Sequence[str | Path] = (),
        root: Path = CHECKPOINT_DIR,
    ) -> Outputs:
        """Look at what is to be written.

        Args:
            config: The options.
            *inputs: What the verb was given to read: none of it is written over. None for what was not given.
            models: Runs and checkpoints among it: nor is any text that they were trained on.
            root: Where runs are.

        Returns:
            Where to show what is found.

        Raises:
            UsageError: A file is named twice, is of another kind, or must not be replaced; or what draws is missing.
        """
        targets = [path for path in (config.html, config.png, config.svg) if path is not None]
        if len({os.path.realpath(path) for path in targets}) < len(targets):
            raise UsageError("--html, --png and --svg name one file twice.", "Give each a name of its own.")
        for name, path in (("html", config.html), ("png", config.png), ("svg", config.svg)):
            kind = path and _KINDS.get(path.suffix.lower(), name)
            if path and kind != name:
                raise UsageError(f"--{name} {path}: its name says something else.", f"Write --{kind} {path}")
        own = training_texts([Path(model) for model in models], root) if models and targets else ()
        read = [*models, *own, *(given for given in inputs if given is not None)]
        files = {path: PageFile(path, read, config.force) for path in targets}
        for file in files.values():
            file.check()
        if config.png:
            from charrnn.report.picture import renderer

            renderer()
        return cls(config, files)

    def show(self, view: View, to_dict: Callable[[], Mapping[str, Any]]) -> None:
        """Show what was found: files first, then standard output.

        Args:
            view: It, as people look at it.
            to_dict: It, as `--json` has it.

        Raises:
            CharrnnError: A file cannot be written.
        """
        for path, content in self._contents(view):
            self.files[path].write(content)
            tell(f"{path}, {size(len(content))}")
        with to_the_end():
            if self.config.as_json:
                print_json(to_dict())
            else:
                from charrnn.terminal.console import console
                from charrnn.terminal.view import show_view

                show_view(console(), view)
            sys.stdout.flush()

    def _contents(self, view: View) -> Iterator[tuple[Path, bytes]]:
        """What is written into each file."""
        if self.config.html:
            from charrnn.report.view_page import page

            yield self.config.html, page(view).encode()
        if self.config.svg or self.config.png:
            from charrnn.report import picture

            drawn = picture.of_view(view)
            if self.config.svg:
                yield self.config.svg, drawn.encode()
            if self.config.png:
                yield self.config.png, picture.png(drawn)
