"""`charrnn score` of checkpoints with counts: the network's figures, those of both together, and which decides."""

from __future__ import annotations

import json
import math
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import tiny
from helpers.terminals import text_on_terminal
from typer.testing import CliRunner

from charrnn.commands.app import app
from charrnn.errors import CheckpointError
from charrnn.evaluation.scoring import Score, score, score_each
from charrnn.evaluation.surprising_places import most_surprising
from charrnn.network.engine import Engine
from charrnn.runs import checkpoint

TEXT = "Well, Prince, so Genoa and Lucca\nare now just family estates.\nLucca, well.\n"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs: counts that help, counts that do not, and none."""
    root = tmp_path_factory.mktemp("checkpoints")
    for name, improves in (("helped", True), ("hindered", False)):
        tiny.run(root, name, {100: 3.0})
        tiny.add_counts(root / name / "iteration-000100.safetensors", tiny.TEXT, improves=improves)
    tiny.run(root, "alone", {300: 3.0})
    (root / "letter.txt").write_text(TEXT, "utf-8")
    return root


def invoke(root: Path, *arguments: str, code: int = 0) -> tuple[str, str]:
    typed = ["score", *arguments, str(root / "letter.txt"), "--checkpoint-dir", str(root)]
    result = CliRunner().invoke(app, typed, env={"COLUMNS": "80"}, catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.stdout, result.stderr


def facts(root: Path, *arguments: str, code: int = 0) -> Any:
    return json.loads(invoke(root, *arguments, "--json", code=code)[0])


def expected(root: Path, name: str = "helped", **more: Any) -> tuple[Score, Score]:
    """What the library says: of the network, and of network and counts."""
    [path] = (root / name).glob("*.safetensors")
    kept = checkpoint.load(path)
    engine = Engine(kept.header.model, kept.weights)
    found = score(engine, kept.header.vocabulary, TEXT, mixture=kept.mixture, **more)
    return found, found.mixed or found


@pytest.mark.parametrize("window", [None, 256])
def test_both_figures_are_told(root: Path, window: int | None) -> None:
    network, mixed = expected(root, window=window)
    cold = [] if window is None else ["--cold"]
    out, err = invoke(root, "helped", *cold)
    assert err == ""
    rows = re.findall(r"^(helped|  \+ counts) +(?:100 +\d+ +)?([\d.]+)", out, re.M)
    assert rows == [
        ("helped", f"{network.bits_per_character:.3f}"),
        ("  + counts", f"{mixed.bits_per_character:.3f}"),
    ]
    assert mixed.bits_per_character < network.bits_per_character
    assert "What surprised it (network + counts) most" in out
    assert "Shades and places go by network + counts." in " ".join(out.split())
    [one] = facts(root, "helped", *cold)["scores"]
    assert one["bits_per_character"] == pytest.approx(network.bits_per_character, rel=1e-12)
    assert one["mixed_bits_per_character"] == pytest.approx(mixed.bits_per_character, rel=1e-12)
    assert one["mixed_nats_per_byte"] == pytest.approx(mixed.bits_per_byte * math.log(2), rel=1e-12)
    assert one["ranked_by"] == "network + counts"
    assert [place["bits"] for place in one["surprising"]] == [place.bits for place in most_surprising(mixed, 5)]


def test_counts_that_do_not_help_are_told_and_decide_nothing(root: Path) -> None:
    network, mixed = expected(root, "hindered")
    [one] = facts(root, "hindered")["scores"]
    assert one["mixed_bits_per_character"] == pytest.approx(mixed.bits_per_character)
    assert (one["ranked_by"], one["above_best"]) == ("network", 0)
    assert one["surprising"][0]["bits"] == most_surprising(network, 1)[0].bits
    out, _ = invoke(root, "hindered")
    assert "What surprised it (network) most" in out
    assert "go by the network alone" in " ".join(out.split())
    [one] = facts(root, "hindered", "--ngrams")["scores"]
    assert one["ranked_by"] == "network + counts"


def test_without_counts_all_is_as_if_there_were_none(root: Path) -> None:
    out, _ = invoke(root, "helped", "--no-ngrams")
    assert "counts" not in out
    assert "(network" not in out
    [one] = facts(root, "helped", "--no-ngrams")["scores"]
    assert (one["ranked_by"], one["mixed_bits_per_character"]) == ("network", None)
    [one] = facts(root, "alone")["scores"]
    assert (one["ranked_by"], one["mixed_bits_per_character"]) == ("network", None)
    assert "counts" not in invoke(root, "alone")[0]


def test_counts_that_are_asked_for_must_be_there(root: Path) -> None:
    with pytest.raises(CheckpointError, match="has no counts beside its network"):
        invoke(root, "alone", "--ngrams")
    told = facts(root, "alone", "helped", "--ngrams", code=1)
    assert [one["model"] for one in told["scores"]] == ["helped"]
    assert len(told["problems"]) == 1


def test_models_are_ranked_by_what_they_write_with(root: Path) -> None:
    told = facts(root, "alone", "hindered", "helped")["scores"]
    means = {
        "helped": expected(root)[1].bits_per_character,
        "hindered": expected(root, "hindered")[0].bits_per_character,
        "alone": expected(root, "alone")[0].bits_per_character,
    }
    ranked = sorted(means, key=lambda name: means[name])
    assert [one["model"] for one in told] == ranked
    assert ranked[0] == "helped"
    assert [one["above_best"] for one in told] == pytest.approx([means[name] - means["helped"] for name in ranked])
    out, _ = invoke(root, "alone", "hindered", "helped")
    said = " ".join(out.split())
    assert f"helped (network + counts) explains the text best: {told[1]['above_best']:.3f} bits" in said
    assert f"per character below {ranked[1]} (network)." in said
    assert "by network + counts where that lowers the held-out loss, else by the network alone" in said
    assert [line.split()[0] for line in out.splitlines() if re.search(r"\d +best$", line)] == ["+"]
    assert "best" not in next(line for line in out.splitlines() if line.startswith("helped "))


def test_lines_have_both_and_are_ranked_by_one(root: Path) -> None:
    [path] = (root / "helped").glob("*.safetensors")
    kept = checkpoint.load(path)
    lines = TEXT.split("\n")[:3]
    engine = Engine(kept.header.model, kept.weights)
    scores = score_each(engine, kept.header.vocabulary, lines, mixture=kept.mixture)
    network = [one.bits_per_character for one in scores]
    mixed = [one.mixed.bits_per_character for one in scores if one.mixed]
    for options, by in (((), mixed), (("--no-ngrams",), network)):
        [one] = facts(root, "--lines", "helped", *options)["scores"]
        order = sorted(range(3), key=by.__getitem__)
        assert [part["line"] - 1 for part in one["ranked"]] == order
        assert [part["bits_per_character"] for part in one["ranked"]] == [network[line] for line in order]
    [one] = facts(root, "--lines", "helped")["scores"]
    assert [part["mixed_bits_per_character"] for part in one["ranked"]] == sorted(mixed)
    joined = np.concatenate([part.mixed.bits for part in scores if part.mixed])
    assert one["mixed_bits_per_character"] == pytest.approx(joined.mean())
    out, _ = invoke(root, "--lines", "helped")
    assert "Lines are ranked by network + counts." in " ".join(out.split())
    for line in range(3):
        assert re.search(rf"^ +{line + 1} +\d+ +{network[line]:.3f} +{mixed[line]:.3f} ", out, re.M)


def test_the_page_is_of_the_figures_that_decide(root: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    invoke(root, "helped", "alone", "--html", str(page))
    written = page.read_text("utf-8")
    network, mixed = expected(root)
    assert f">{network.bits_per_character:.3f}<" in written
    best = written[written.index('<tr class="best">') :].partition("</tr>")[0]
    assert "+ counts" in best
    assert f">{mixed.bits_per_character:.3f}<" in best
    assert written.count('class="best"') == 1
    assert "how surprising it was to helped (network + counts), in bits" in written
    invoke(root, "helped", "--html", str(page))
    assert "how surprising it was to network + counts, in bits" in page.read_text("utf-8")


@pytest.mark.parametrize("width", [80, 45])
def test_no_figure_is_cut_on_a_terminal(root: Path, width: int) -> None:
    plain = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    arguments = ("score", "helped", "alone", str(root / "letter.txt"), "--checkpoint-dir", str(root))
    out = text_on_terminal(*arguments, environment=plain | {"COLUMNS": str(width), "TERM": "xterm", "PYTHONUTF8": "1"})
    shown = re.sub(r"\x1b\[[0-9;]*m", "", out)
    assert max(map(len, shown.splitlines())) <= width
    for one in expected(root):
        assert f"{one.bits_per_character:.3f}" in shown
