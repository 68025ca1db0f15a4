"""How models are measured beside each other, unless somebody asks for something else."""

from __future__ import annotations

COMPARED_LENGTH = 50_000  # characters of one text, so that a difference of 0.01 bits is told from none, in seconds
COLD_WINDOW = 256  # characters after which a cold model forgets everything, as a short context does
INSIDE_LENGTH = 5_000  # characters of held-out text that a report looks inside a network on: seconds
