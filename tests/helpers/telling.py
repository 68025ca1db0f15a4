"""Runs as a report meets them: a text, snapshots, metrics and a resume file that says where the text is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from charrnn.config import TrainConfig
from charrnn.runs.header import Sample
from charrnn.text import corpus
from helpers import tiny

TEXT = "".join(f"{number}. Well, Prince, so Genoa and Lucca are now just family estates.\n" for number in range(60))
# What no page and no terminal may obey: markup, ends of elements, entities, escapes, controls, what turns a line round.
HOSTILE = (
    "</pre></style></script><script>alert(1)</script><img src=x onerror=alert(2)>\" ' `${1}` {{ 7*7 }} {% raw %} &lt; "
    "]]> --> <!-- \x1b[31mred\x1b[0m \x07 \u202egnol\u202c \u2066x\u2069 \u2028 \u2029 \x9b31m </title>"
)


def progress(last: int, clipped_until: int = 20, spike: int | None = None) -> list[dict[str, Any]]:
    """Lines of metrics.jsonl, one every 10 iterations, as a training writes them."""
    return [
        {
            "event": "progress",
            "iteration": at,
            "loss": 1.2 + 20 / at,
            "train_loss": 1.2 + 20 / at,
            "grad_norm": 50.0 if at == spike else 0.2 + 10 / at,
            "learning_rate": 0.01 * (1 - at / (last + 1)),
            "characters": at * 1024,
            "seconds": at * 0.1,
            "clipped": min(at, clipped_until) // 10,
        }
        for at in range(10, last + 1, 10)
    ]


def run(
    root: Path,
    name: str = "novel-1",
    held_out: Mapping[int, float] | None = None,
    *,
    text: str = TEXT,
    sample: str = "ell, Prince",
    seed: int = 0,
    rows: list[dict[str, Any]] | None = None,
    **changes: Any,
) -> Path:
    """A run directory: iteration -> held-out bits per character; `changes` replace fields of the headers."""
    held_out = {100: 3.0, 300: 2.5, 500: 2.75} if held_out is None else held_out
    root.mkdir(parents=True, exist_ok=True)
    file = root / f"{name}.txt"
    file.write_text(text, "utf-8")
    source = corpus.from_text(text, file.name)
    fields: dict[str, Any] = {
        "vocabulary": source.vocabulary,
        "corpus": source.describe(),
        "training": TrainConfig(iterations=max(held_out, default=100), val_frac=0.5),
    }
    fields |= changes
    path = root / name
    path.mkdir()
    for at, bits in held_out.items():
        tiny.save(
            path / f"iteration-{at:06d}.safetensors",
            seed=seed + at,
            iteration=at,
            characters=at * 1024,
            held_out_loss=bits * tiny.NATS_PER_BIT,
            sample=Sample(prime="\n", text=f"{at}: {sample}", seed=1, temperature=0.8, known_words=0.25),
            **fields,
        )
    origin = {"texts": [str(file)], "glob": None, "max_expansion": 200}
    fields["progress"] = {"origin": origin} | fields.get("progress", {})
    last = max(held_out, default=0)
    tiny.save(path / "resume.safetensors", kind="resume", iteration=last, sample=None, **fields)
    rows = progress(last) if rows is None else rows
    rows = rows + [
        {"event": "evaluated", "iteration": at, "held_out_loss": bits * tiny.NATS_PER_BIT, "train_loss": 1.4}
        for at, bits in held_out.items()
    ]
    (path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path
