"""What options of several verbs say of what they write."""

from __future__ import annotations

FORCE = "Write over a file that charrnn has not made; never over what is read, or a file of a run."
JSON = "Write JSON to standard output."
