"""What models make of a text, as people look at it: on a terminal, and on a page of its own."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from html import escape
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.text import Text

from charrnn.config import ReadConfig
from charrnn.passage import SHADES, shaded
from charrnn.scoring import UNSEEN_BITS, Place, Score
from charrnn.terminal import bpc, one_line, open_table, plain
from charrnn.terminal_text import visible

_PLACE = ("Line", "Bits", "Place")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Scored:
    """What one checkpoint makes of the text."""

    name: str  # as a person calls it
    path: Path
    digest: str  # of the checkpoint
    iteration: int
    reading: ReadConfig  # how it had the text read
    score: Score


def columns(scored: Sequence[Scored]) -> list[str]:
    """The heads of `cells`: a name, then figures."""
    several = ["Above\nthe best"] if len(scored) > 1 else []
    return ["Model", "Iteration", "Characters", "Bits per\ncharacter", "Never\nseen", *several]


def cells(scored: Sequence[Scored]) -> Iterator[list[str]]:
    """A row for each of `scored`, of which the first is the best."""
    best = scored[0].score.bits_per_character
    for one in scored:
        mean = one.score.bits_per_character
        several = ["best" if one is scored[0] else f"{mean - best:.3f}"] if len(scored) > 1 else []
        counts = f"{one.iteration:,}", f"{len(one.score.text):,}"
        yield [one.name, *counts, bpc(mean), f"{np.count_nonzero(one.score.unseen):,}", *several]


def remarks(scored: Sequence[Scored], window: int | None) -> list[str]:
    """What a reader must know to read the figures rightly, and last what they say."""
    lines = ["The state was carried over the whole text."]
    if window is not None:
        lines = [f"Cold: the state began at zero every {window:,} characters."]
    if any(one.score.unseen.any() for one in scored):
        lines.append(f"A character that a model has never seen is charged {UNSEEN_BITS:.1f} bits.")
    if len({one.score.before + one.score.text for one in scored}) > 1:
        names = (one.name for one in fields(ReadConfig) if one.name != "encoding")  # which is the text's, not theirs
        ways = [name for name in names if len({getattr(one.reading, name) for one in scored}) > 1]
        listed = ", ".join("--" + way.replace("_", "-") for way in ways)
        lines.append(f"The models read texts differently ({listed}): their characters differ, so compare with care.")
    if len(scored) > 1:
        best, following = scored[:2]
        less = f"{following.score.bits_per_character - best.score.bits_per_character:.3f}"
        if float(less):
            lines.append(f"{best.name} explains the text best: {less} bits per character below {following.name}.")
        else:
            lines.append(f"{best.name} and {following.name} explain the text equally well.")
    return lines


def show_scores(
    out: Console, title: str, scored: Sequence[Scored], places: Sequence[Place], window: int | None
) -> None:
    """The figures of all, the best first, and the places that surprised it most."""
    heads = columns(scored)
    table = open_table(*heads, right=heads[1:])
    for number, row in enumerate(cells(scored)):
        table.add_row(*map(plain, row), style="bold green" if len(scored) > 1 and not number else "")
    out.print(plain(title, "bold"))
    out.print()
    out.print(table)
    out.print()
    for line in remarks(scored, window):
        out.print(plain(line))
    if not places:
        return
    out.print()
    out.print(plain(_heading(scored), "bold"))
    out.print()
    found = open_table(*_PLACE, right=_PLACE[:2])
    for place in places:
        before, character, after = map(one_line, (place.before, place.character, place.after))
        context = Text.assemble(before, (f"[{character}]", "bold red"), after, "  (never seen)" if place.unseen else "")
        found.add_row(plain(f"{place.line:,}"), plain(f"{place.bits:.1f}"), context)
    out.print(found)


def _heading(scored: Sequence[Scored]) -> str:
    return f"What surprised {scored[0].name if len(scored) > 1 else 'it'} most"


_STYLE = """
:root { color-scheme: light dark; --ground: #fff; --ink: #1c1c1c; --line: #ccc;
  --s1: #fff3b8; --s2: #ffd787; --s3: #ffaf5f; --s4: #ff8573; }
@media (prefers-color-scheme: dark) { :root { --ground: #16181b; --ink: #e4e4e4; --line: #444;
  --s1: #3d3a17; --s2: #5a4310; --s3: #7a430c; --s4: #9c2b23; } }
body { margin: 0 auto; max-width: 46rem; padding: 1rem; background: var(--ground); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
p, h1, h2, .name, .text { overflow-wrap: anywhere; }
.wide { overflow-x: auto; } table { border-collapse: collapse; }
th, td { padding: .2rem .8rem .2rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: bottom; }
td { font-variant-numeric: tabular-nums; }
.name, .context { display: inline-block; min-width: 8rem; }
.text, .context { white-space: pre-wrap; }
.text { font: 1.05rem/1.7 ui-serif, Georgia, serif; }
mark { background: var(--s4); color: inherit; font-weight: bold; }
.s1 { background: var(--s1); } .s2 { background: var(--s2); } .s3 { background: var(--s3); }
.s4 { background: var(--s4); text-decoration: underline; }
@media print { body { max-width: none; } * { print-color-adjust: exact; } }
"""


def page(title: str, scored: Sequence[Scored], places: Sequence[Place], window: int | None) -> str:
    """An HTML page that needs nothing else: what `show_scores` shows, and the text shaded by the best's bits.

    Whatever a text or a name holds is text in it; the policy lets nothing run or load, and only this style apply."""
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    said = "\n".join(f"<p>{_safe(line)}</p>" for line in remarks(scored, window))
    rows = ([f'<span class="name">{_safe(name)}</span>', *map(_safe, row)] for name, *row in cells(scored))
    figures = _table("figures", columns(scored), rows)
    found = f"<h2>{_safe(_heading(scored))}</h2>\n{_table('places', _PLACE, map(_place, places))}" if places else ""
    whom = f" to {_safe(scored[0].name)}" if len(scored) > 1 else ""
    shades = ", ".join(f'<span class="s{level}">{bits:g} bits</span>' for level, bits in enumerate(SHADES, 1))
    best = scored[0].score
    text = "".join(_shade(shade, piece) for shade, piece in shaded(best.text, best.bits.tolist()))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{_safe(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<h1>{_safe(title)}</h1>
{figures}
{said}
{found}
<h2>The text</h2>
<p>Each character is shaded by how surprising it was{whom}, from {shades} on.</p>
<div class="text" lang="" dir="auto">{_safe(best.before)}{text}</div>
</main>
</body>
</html>
"""


def _safe(text: str) -> str:
    """Text that can stand in HTML and be nothing but text: no markup, no control, nothing that turns a line around."""
    return escape(visible(text))


def _table(label: str, heads: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    """A table whose cells are HTML; where it is too wide it can be scrolled, by keyboard too."""
    titles = "".join(f'<th scope="col">{_safe(head)}</th>' for head in heads)
    body = "\n".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    frame = f'<div class="wide" role="group" aria-label="{label}" tabindex="0">'
    return f"{frame}<table>\n<tr>{titles}</tr>\n{body}\n</table></div>"


def _place(place: Place) -> tuple[str, str, str]:
    before, character, after = (_safe(one_line(part)) for part in (place.before, place.character, place.after))
    context = f'<span class="context" lang="">{before}<mark>{character}</mark>{after}</span>'
    return f"{place.line:,}", f"{place.bits:.1f}", context + (" (never seen)" if place.unseen else "")


def _shade(shade: int, piece: str) -> str:
    return f'<span class="s{shade}">{_safe(piece)}</span>' if shade else _safe(piece)
