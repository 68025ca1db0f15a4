"""HTML pages that need nothing else: no network, no file beside them.

Whatever came out of files or models is text on a page, and every piece of text goes through `visible` and the escaping
of the templates, without exception. A page's policy allows its own style and script, by their hashes, and nothing more.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from charrnn.evaluation.settings import shown
from charrnn.formatting import apart, duration, hex_bytes, known_share, one_line, size, visible

_TEMPLATES = Path(__file__).parent / "templates"


def render(template: str, styles: Sequence[str], scripts: Sequence[str] = (), **values: Any) -> str:
    """A page by a template, whose head is that of `head.html`.

    Args:
        template: The name of the template.
        styles: The names of the style sheets that apply, in order.
        scripts: The names of the scripts that run, in order.
        values: What the template shows. The same values give the same bytes.

    Returns:
        The page.
    """
    style, code = "".join(map(asset, styles)), "".join(map(asset, scripts))
    return (
        environment()
        .get_template(template)
        .render(
            style=Markup(style),
            style_hash=_hash(style),
            script=Markup(code),
            script_hash=_hash(code) if code else "",
            **values,
        )
    )


@cache
def environment() -> Environment:
    """What templates are filled in by: they escape everything, and know how figures are written."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES, encoding="utf-8"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: value if isinstance(value, Markup) else visible(str(value)),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "loss": lambda value: _or_dash(value, "{:.3f}"),
        "count": lambda value: _or_dash(value, "{:,}"),
        "share": lambda value: _or_dash(value, "{:.0%}"),
        "duration": lambda value: "–" if value is None else duration(value),
        "size": size,
        "apart": apart,
        "one_line": one_line,
        "hex_bytes": hex_bytes,
        "setting": lambda value, name: shown(name, value),
        "pairs": lambda values: ", ".join(f"{name} {shown(name, value)}" for name, value in values.items()),
    }
    environment.globals["known_share"] = known_share
    return environment


@cache
def asset(name: str) -> str:
    """The text of a style sheet or script."""
    return (_TEMPLATES / name).read_text("utf-8")


def _hash(text: str) -> str:
    """What a Content-Security-Policy allows an inline style or script by."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _or_dash(value: float | None, shape: str) -> str:
    """A figure in a shape for `format`; a dash for None."""
    return "–" if value is None else shape.format(value)
