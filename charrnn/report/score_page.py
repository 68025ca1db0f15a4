"""The scores of a text as one HTML page that needs nothing else, the text shaded by surprise."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from html import escape

from charrnn.evaluation.held_out_passage import SHADES, shaded
from charrnn.evaluation.scoring import Place
from charrnn.formatting import visible
from charrnn.terminal.console import one_line
from charrnn.terminal.scores import PLACE, ModelScore, cells, columns, heading, remarks

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


def page(title: str, scored: Sequence[ModelScore], places: Sequence[Place], window: int | None) -> str:
    """An HTML page that needs nothing else: what `show_scores` shows, and the text shaded by the best's bits.

    Whatever a text or a name holds is text in it; the policy lets nothing run or load, and only this style apply."""
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    said = "\n".join(f"<p>{_safe(line)}</p>" for line in remarks(scored, window))
    rows = ([f'<span class="name">{_safe(name)}</span>', *map(_safe, row)] for name, *row in cells(scored))
    figures = _table("figures", columns(scored), rows)
    found = f"<h2>{_safe(heading(scored))}</h2>\n{_table('places', PLACE, map(_place, places))}" if places else ""
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
