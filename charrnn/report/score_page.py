"""The scores of a text as one HTML page, the text shaded by surprise."""

from __future__ import annotations

from collections.abc import Sequence

from charrnn._version import __version__
from charrnn.evaluation.surprising_places import Place
from charrnn.evaluation.suspects import Suspect
from charrnn.formatting import SHADES, Units, shaded
from charrnn.report import html
from charrnn.terminal.scores import PLACE, ModelScore, cells, columns, heading, remarks, unseen_word, whose
from charrnn.terminal.suspects import COLUMNS, HEADING, LEGEND, NONE


def page(
    title: str,
    scored: Sequence[ModelScore],
    places: Sequence[Place],
    window: int | None,
    units: Units = "bits",
    suspects: Sequence[Suspect] | None = None,
) -> str:
    """What a terminal shows of scores, and the text shaded by the bits of the best.

    Args:
        title: What the text is called.
        scored: The models' scores, the best first.
        places: Where the best was most surprised.
        window: Characters after which the models forgot everything; None: never.
        units: What their losses are told in.
        suspects: The likeliest errors of a text that was judged from both sides; None: they were not looked for.

    Returns:
        HTML. Whatever a text or a name holds is text in it.
    """
    best, of = scored[0].chosen, whose(scored[0], scored)
    return html.render(
        "score.html",
        styles=("common.css", "score.css"),
        scripts=("scroll.js",),
        title=title,
        made_by=f"charrnn score {__version__}",
        columns=columns(scored, units),
        rows=list(cells(scored, units)),
        remarks=remarks(scored, window, units),
        heading=heading(scored),
        unseen_word=unseen_word(best),
        place_columns=PLACE,
        places=places,
        suspects=suspects,
        suspect_heading=HEADING,
        suspect_columns=COLUMNS,
        suspect_legend=LEGEND if suspects else NONE,
        whom=f"{scored[0].name}{of}" if len(scored) > 1 else of.strip(" ()"),
        shades=SHADES,
        before=best.before,
        after=best.after,
        pieces=shaded(best.by_cluster()),
    )
