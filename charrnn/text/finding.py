"""One thing about a text that is worth knowing, as data: what looks for it is above, what keeps it everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing about a text that is worth knowing."""

    kind: str  # never changes, for programs
    message: str  # what, how often and where: one line that any terminal can show
    advice: str  # what to do about it; "" if nothing needs doing
    count: int
    examples: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Finding:
        """What `dataclasses.asdict` made, also after a journey through JSON.

        Raises:
            KeyError, TypeError, ValueError: It is none.
        """
        kind, message, advice = (str(values[name]) for name in ("kind", "message", "advice"))
        examples = tuple(map(str, values.get("examples", ())))
        return cls(kind=kind, message=message, advice=advice, count=int(values["count"]), examples=examples)
