"""What is shown of a training by ranks that do not tell: nothing."""

from __future__ import annotations

from charrnn.training.events import Event


class SilentDisplay:
    """A `Display` that shows nothing."""

    def plan(self) -> None:
        """Nothing."""

    def show(self, event: Event) -> None:
        """Nothing."""

    def warn(self, message: str) -> None:
        """Nothing."""

    def interrupted(self, *, at_once_by: str | None = None) -> None:
        """Nothing."""

    def finished(self) -> None:
        """Nothing."""

    def diverged(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""
