"""The page of scores in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import telling
from helpers.browsing import DESK, GROUND, PHONE, WIDTHS, Opened

from charrnn.config import ReadConfig
from charrnn.evaluation.scoring import Score
from charrnn.evaluation.surprising_places import most_surprising
from charrnn.evaluation.suspects import Suspect
from charrnn.report.score_page import page
from charrnn.terminal.scores import ModelScore

TEXT = telling.HOSTILE + "\n" + "unbroken" * 60


def model(name: str, seed: int) -> ModelScore:
    bits = np.random.default_rng(seed).exponential(2.5, size=len(TEXT) - 1)
    score = Score(TEXT[1:], bits, bits > 9, TEXT[0])
    return ModelScore(name=name, path=Path(name), digest="d", iteration=100, reading=ReadConfig(), score=score)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    models = [model(f"checkpoints/a run with a long name, number-{seed}-" + "x" * 60, seed) for seed in range(2)]
    file = tmp_path_factory.mktemp("pages") / "score.html"
    slip = Suspect("substitution", 3, 1, 4, "<i>", telling.HOSTILE[:20], 12.5, "before " * 3, telling.HOSTILE[-20:])
    written = page(telling.HOSTILE, models, most_surprising(models[0].score, 8), 256, suspects=[slip] * 3)
    file.write_text(written, "utf-8", newline="")
    return file.as_uri()


@pytest.mark.parametrize(("viewport", "scheme"), [(PHONE, "light"), (DESK, "dark")], ids=["phone", "desk"])
def test_it_can_be_read_by_all_and_is_silent(browser: Any, address: str, viewport: Any, scheme: str) -> None:
    opened = Opened(browser, address, viewport=viewport, color_scheme=scheme)
    assert opened.serious() == []
    assert max(opened.page.evaluate(WIDTHS)) <= viewport["width"]
    ground = opened.page.evaluate(GROUND)
    assert min(ground) > 200 if scheme == "light" else max(ground) < 60
    assert opened.page.locator("div.text mark.s4").count() > 0
    assert opened.asked == [address]
    assert opened.said == []
    opened.context.close()


def test_it_is_the_text_and_its_shades_are_those_of_the_report(browser: Any, address: str) -> None:
    opened = Opened(browser, address)
    assert opened.page.locator("div.text").inner_text().endswith("unbroken" * 60)
    shade = "getComputedStyle(document.querySelector('mark.s4')).backgroundColor"
    assert opened.page.evaluate(shade) == "rgb(255, 154, 134)"
    assert opened.page.evaluate("getComputedStyle(document.body).maxWidth") == "736px", "the style sheets apply"
    opened.context.close()
