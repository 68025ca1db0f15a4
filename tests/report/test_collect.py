"""A report: what is collected, what the page says, and that nothing in it can break out."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import math
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import telling, tiny

from charrnn.config import ModelConfig, ReadConfig, TrainConfig
from charrnn.errors import RunError, UsageError
from charrnn.evaluation.held_out_passage import HeldOutPassage
from charrnn.formatting import shaded
from charrnn.network.engine import Engine
from charrnn.report import charts, collect, page
from charrnn.report.collect import Report
from charrnn.runs import checkpoint
from charrnn.runs.header import Sample
from charrnn.sampling.generate import bits_per_character
from charrnn.sampling.request import Request
from charrnn.text import corpus

REQUEST = Request(length=20, temperatures=(0.0, 0.5, 1.5), seed=3)
VOID = {"meta", "link", "br", "img", "input", "hr"}


class Parsed(html.parser.HTMLParser):
    """A page as elements with their attributes and the text in them; unbalanced tags are an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.stack: list[int] = []
        self.feed(text)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), []))
        if tag not in VOID:
            self.stack.append(len(self.elements) - 1)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), []))

    def handle_endtag(self, tag: str) -> None:
        assert self.elements[self.stack.pop()][0] == tag

    def handle_data(self, data: str) -> None:
        for index in self.stack:
            self.elements[index][2].append(data)

    def texts(self, tag: str, **attributes: str) -> list[str]:
        """The text of every such element, in order."""
        return [
            "".join(text) for name, found, text in self.elements if name == tag and attributes.items() <= found.items()
        ]

    def attributes(self, tag: str) -> list[dict[str, str | None]]:
        return [found for name, found, _ in self.elements if name == tag]


def collected(*paths: Path, **settings: Any) -> Report:
    return collect.collect(paths, REQUEST, text_length=500, **settings)


def rendered(*paths: Path, **settings: Any) -> tuple[str, Parsed]:
    text = page.render(collected(*paths, **settings))
    return text, Parsed(text)


def test_what_is_collected_of_a_run(tmp_path: Path) -> None:
    run = telling.run(tmp_path)
    [run_report] = collected(run).runs
    assert [(one.row.iteration, one.row.best) for one in run_report.snapshots] == [
        (100, False),
        (300, True),
        (500, False),
    ]
    assert [one.sample.text for one in run_report.snapshots if one.sample] == [
        f"{at}: ell, Prince" for at in (100, 300, 500)
    ]
    assert run_report.snapshots[0].digest == checkpoint.load(run / "iteration-000100.safetensors").digest
    assert run_report.checkpoint is not None
    assert (run_report.checkpoint.row.iteration, run_report.checkpoint.digest) == (300, run_report.snapshots[1].digest)
    assert (run_report.letter, run_report.name, run_report.iterations) == ("", "novel-1", 500)
    shapes = tiny.MODEL.shapes(len(run_report.checkpoint.header.vocabulary)).values()
    assert run_report.checkpoint.parameters == sum(math.prod(shape) for shape in shapes)
    assert "--rnn-size 4" in run_report.checkpoint.options
    assert run_report.verdict is not None
    assert run_report.verdict.use == 300


def test_the_samples_by_temperature_are_what_the_best_snapshot_writes(tmp_path: Path) -> None:
    [run_report] = collected(telling.run(tmp_path), prime="Wéll").runs
    assert run_report.checkpoint is not None
    loaded = checkpoint.load(run_report.checkpoint.row.path)
    assert run_report.checkpoint.prime == "Well"  # as far as its vocabulary goes
    written = REQUEST.generate(Engine(loaded.header.model, loaded.weights), loaded.header.vocabulary, "Well")
    expected = [(one.temperature, "".join(piece.text for piece in one.characters)) for one in written]
    assert [(sample.temperature, sample.text) for sample in run_report.checkpoint.samples] == expected
    assert all(len(sample.text) == 20 for sample in run_report.checkpoint.samples)


def test_the_passage_is_held_out_and_charged_as_it_should_be(tmp_path: Path) -> None:
    [run_report] = collected(telling.run(tmp_path)).runs
    assert run_report.checkpoint is not None
    found = run_report.checkpoint.passage
    assert isinstance(found, HeldOutPassage)
    text = "".join(piece for _, piece in found.pieces)
    half = len(telling.TEXT) // 2
    assert found.begins == telling.TEXT.index("\n", half) + 1
    assert telling.TEXT[found.begins :].startswith(text)
    assert len(text) == min(1500, len(telling.TEXT) - found.begins)
    # An oracle: the mean over lead and text, less that over the lead.
    loaded = checkpoint.load(run_report.checkpoint.row.path)
    engine, vocabulary = Engine(loaded.header.model, loaded.weights), loaded.header.vocabulary
    lead = telling.TEXT[found.begins - 500 : found.begins]
    both, before = (bits_per_character(engine, vocabulary, one) * (len(one) - 1) for one in (lead + text, lead))
    assert found.bits == pytest.approx((both - before) / len(text), rel=1e-4)
    assert len(found.places) == 5
    assert found.places[0].bits == max(place.bits for place in found.places)


def test_shades_are_counted_from_their_bits_on() -> None:
    assert shaded(zip("abcdefg", [0, 0.99, 1, 2, 3.9, 4, 6], strict=True)) == (
        (0, "ab"),
        (1, "c"),
        (2, "de"),
        (3, "f"),
        (4, "g"),
    )
    assert shaded([]) == ()


@pytest.mark.parametrize(
    ("changes", "text", "reason"),
    [
        ({"training": TrainConfig(val_frac=0.0)}, telling.TEXT, "nothing of its text was held out"),
        ({"progress": {"origin": {}}}, telling.TEXT, "nothing says where"),
        ({"progress": {"origin": None}}, telling.TEXT, "nothing says where"),
        ({"progress": {"origin": {"texts": ["/nothing/here"]}}}, telling.TEXT, "/nothing/here"),
        ({"corpus": {"name": "secret.txt", "digest": "d9", "characters": 9}}, telling.TEXT, "has changed since"),
    ],
)
def test_without_a_passage_the_page_says_why(tmp_path: Path, changes: Any, text: str, reason: str) -> None:
    [run_report] = collected(telling.run(tmp_path, text=text, **changes)).runs
    assert run_report.checkpoint is not None
    assert isinstance(run_report.checkpoint.passage, str)
    assert reason in run_report.checkpoint.passage


def test_only_the_very_text_is_ever_shown(tmp_path: Path) -> None:
    """A run that somebody else made may name any file of this machine."""
    run = telling.run(tmp_path)
    (tmp_path / "novel-1.txt").write_text("password: swordfish\n" * 200)
    assert "swordfish" not in page.render(collected(run))


def test_a_passage_of_bytes(tmp_path: Path) -> None:
    file = tmp_path / "raw"
    file.write_bytes(("naïve café\n".encode() + b"\xff") * 100)
    source = corpus.read([file], ReadConfig(bytes=True))
    shapes = {"vocabulary": source.vocabulary, "corpus": source.describe(), "reading": ReadConfig(bytes=True)}
    run = telling.run(tmp_path, "bytes-1", progress={"origin": dict(source.origin)}, **shapes)
    [run_report] = collected(run).runs
    assert run_report.checkpoint is not None
    assert isinstance(run_report.checkpoint.passage, HeldOutPassage)
    text = "".join(piece for _, piece in run_report.checkpoint.passage.pieces)
    assert text.startswith("\udcffnaïve café\n")
    assert "\\xffnaïve" in page.render(collected(run))


def test_several_runs_are_compared(tmp_path: Path) -> None:
    one = telling.run(tmp_path, "one")
    two = telling.run(tmp_path / "two", "one", {100: 2.25}, seed=9, training=TrainConfig(seed=2, val_frac=0.5))
    (tmp_path / "two" / "one.txt").write_text(telling.TEXT)
    found = collected(one, two, one)
    assert [(run_report.letter, run_report.name) for run_report in found.runs] == [("A", str(one)), ("B", str(two))]
    assert found.same_text
    assert not isinstance(found.measurement, str)
    assert found.measurement is not None
    assert [model.difference is None for model in found.measurement.models].count(True) == 1
    text, parsed = rendered(one, two)
    assert "Measured on one text" in text
    assert found.settings["seed"] == [1, 2]
    assert "What 2 runs learned" in parsed.texts("title")
    [across] = [row for row in parsed.texts("tr") if row.startswith("seed")]
    assert across == "seed12"


def test_figures_with_counts_stand_beside_the_networks(tmp_path: Path) -> None:
    runs = [telling.run(tmp_path, name, seed=seed) for seed, name in enumerate(("one", "two"))]
    plain, _ = rendered(*runs)
    assert "counts" not in plain.partition("What the numbers are")[2]
    for run in runs:
        for at, held_out in ((100, 2.75), (300, 2.25), (500, 2.5)):
            tiny.add_counts(run / f"iteration-{at:06d}.safetensors", telling.TEXT[:500], held_out=held_out)
    found = collected(*runs)
    assert found.has_counts
    assert [one.curves.best_mixed for one in found.runs] == [pytest.approx(2.25)] * 2
    text = page.render(found)
    parsed = Parsed(text)
    rows = [re.sub(r"\s+", " ", row).strip() for row in parsed.texts("tr")]
    assert rows.count("+ counts2.250") == 2
    measured = found.measurement
    assert measured is not None
    assert not isinstance(measured, str)
    for model in measured.models:
        [row] = [row for row in rows if row.startswith(f"+ counts{model.mixed_carried:.3f}{model.mixed_cold:.3f}")]
        assert row.endswith("best") == (model.path == measured.mixed_best)
    words = [" ".join(one.split()) for one in parsed.texts("p")]
    assert any("held out 2.500 bits per character, + counts 2.250, 25% known words" in one for one in words)
    assert any("(2.500 bits held out by the network, the last 2.750; + counts 2.250)" in one for one in words)
    assert sum("Iteration 300, its network alone, writes" in one for one in words) == 2
    assert "as iteration 300, its network alone, reads it" in " ".join(text.split())
    assert "+ counts" in parsed.texts("dt")
    loss = parsed.texts("desc")[0]
    assert "lowest 2.500 at iteration 300 (+ counts 2.250)" in loss
    [chart] = [drawn for drawn in charts.charts(found.runs) if drawn.plot.name == "Loss"]
    assert "Dotted: network + counts" in chart.plot.note
    dotted = [line for line in chart.lines if line.dotted]
    assert [len(line.points) for line in dotted] == [3, 3]
    assert not any(line.marks for line in dotted)
    assert {"A + counts", "B + counts"} <= {label.text for label in chart.labels}


def test_runs_on_different_texts_are_not_ranked(tmp_path: Path) -> None:
    runs = telling.run(tmp_path, "one"), telling.run(tmp_path, "two", text=telling.TEXT.upper())
    found = collected(*runs)
    assert not found.same_text
    assert found.measurement is None
    assert "tell nothing across runs" in page.render(found)


def test_the_page_has_every_sample_in_order_and_the_best_is_marked(tmp_path: Path) -> None:
    _, parsed = rendered(telling.run(tmp_path))
    samples = parsed.texts("pre")[:3]
    assert samples == ["100: ell, Prince", "300: ell, Prince", "500: ell, Prince"]
    titles = [title for title in parsed.texts("h4") if title.startswith("Iteration")]
    assert titles == ["Iteration 100", "Iteration 300 (best)", "Iteration 500"]
    [slider] = [found for found in parsed.attributes("input") if found["type"] == "range"]
    assert (slider["min"], slider["max"], slider["type"]) == ("0", "2", "range")
    assert not any("hidden" in found for found in parsed.attributes("article"))  # without a script all can be read
    [measured] = [text for text in parsed.texts("p") if "512,000 characters seen" in text]
    assert " ".join(measured.split()).startswith("train 2.000, held out 2.750 bits per character, 25% known words")


def test_the_curves_are_in_the_page_with_their_words(tmp_path: Path) -> None:
    _, parsed = rendered(telling.run(tmp_path))
    assert [title for title in parsed.texts("title") if title.endswith("by iteration")] == [
        "Loss by iteration",
        "Learning rate by iteration",
        "Gradient norm by iteration",
    ]
    loss, rate, norm = parsed.texts("desc")
    assert loss.startswith("3.000 bpc held out at iteration 100, lowest 2.500 at iteration 300, where the training")
    assert "2.750 at iteration 500, its last." in loss
    assert rate == "0.0098 at its highest, 2e-05 at iteration 500."
    assert norm == (
        "2 of 500 iterations (0.4%) clipped at 5, the last by iteration 20, between the iterations that were logged: "
        "the largest of those was 1.2."
    )
    assert "2.500" in parsed.texts("text")


def test_peaks_between_the_logged_iterations_are_drawn_with_the_line_where_they_are_clipped(tmp_path: Path) -> None:
    rows = [
        row | {"max_gradient_norm": max(row["grad_norm"], 11.16 if row["iteration"] == 10 else 0.9)}
        for row in telling.progress(500, clipped_until=10)
    ]
    _, parsed = rendered(telling.run(tmp_path, rows=rows))
    norm = parsed.texts("desc")[2]
    assert norm == "1 of 500 iterations (0.2%) clipped at 5, the last by iteration 10; the largest was 11.2."
    assert "clipped at 5" in parsed.texts("text")
    [chart] = [
        drawn for drawn in charts.charts(collected(tmp_path / "novel-1").runs) if drawn.plot.name == "Gradient norm"
    ]
    single, peaks = chart.lines
    assert (single.dashed, peaks.dashed) == (True, False)
    [clipped_at] = chart.thresholds
    above = [x for x, y in peaks.points if y < clipped_at.at]
    assert above == [2.0]  # percent: iteration 10 of 500
    assert not [x for x, y in single.points if y < clipped_at.at]


def test_runs_that_are_clipped_at_different_norms_have_a_line_each(tmp_path: Path) -> None:
    training = {clip: TrainConfig(iterations=500, val_frac=0.5, grad_clip=clip) for clip in (1.0, 0.5)}
    runs = [telling.run(tmp_path, f"at-{clip}", training=config) for clip, config in training.items()]
    [chart] = [drawn for drawn in charts.charts(collected(*runs).runs) if drawn.plot.name == "Gradient norm"]
    assert [threshold.label for threshold in chart.thresholds] == ["clipped at 0.5", "clipped at 1"]


def test_provenance_names_files_and_checksums(tmp_path: Path) -> None:
    run = telling.run(tmp_path)
    text, _ = rendered(run)
    for path in run.glob("iteration-*"):
        assert path.name in text
        assert checkpoint.load(path).digest in text
    assert checkpoint.load(run / "iteration-000100.safetensors").header.corpus["digest"] in text
    assert "charrnn report novel-1 --seed 3 --length 20 --temperatures 0.0,0.5,1.5" in text


def test_the_same_files_give_the_same_page(tmp_path: Path) -> None:
    run = telling.run(tmp_path)
    assert page.render(collected(run)) == page.render(collected(run))


def test_the_policy_allows_the_pages_own_style_and_script_and_nothing_else(tmp_path: Path) -> None:
    text, parsed = rendered(telling.run(tmp_path))
    [policy] = [found["content"] for found in parsed.attributes("meta") if "http-equiv" in found]
    rules = dict(rule.strip().split(" ", 1) for rule in (policy or "").split(";"))
    assert rules["default-src"] == "'none'"
    for tag in ("style", "script"):
        [inside] = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert rules[f"{tag}-src"] == f"'sha256-{digest}'"
    assert text.index("Content-Security-Policy") < text.index("<style>")
    names = {name for _, found, _ in parsed.elements for name in found}
    assert not {name for name in names if name == "style" or name.startswith("on")}
    links = [found.get("href") or found.get("src") or "#" for _, found, _ in parsed.elements]
    assert all(link.startswith("#") for link in links)
    assert not re.search(r"https?:|@import|url\(", text)


def test_identifiers_are_unique_and_references_lead_somewhere(tmp_path: Path) -> None:
    _, parsed = rendered(*(telling.run(tmp_path, name) for name in ("one", "two")))
    identifiers = [found["id"] for _, found, _ in parsed.elements if "id" in found]
    assert len(identifiers) == len(set(identifiers))
    for _, found, _ in parsed.elements:
        for name in ("for", "aria-labelledby", "href"):
            for wanted in (found.get(name) or "").split():
                assert wanted.removeprefix("#") in identifiers


def test_nothing_hostile_breaks_out(tmp_path: Path) -> None:
    hostile = telling.HOSTILE
    harmless, _ = rendered(telling.run(tmp_path / "harmless", "one"))
    name = "a <b>&\"' \x1b[31m\u202e"
    run = telling.run(
        tmp_path,
        name,
        text=(hostile.replace("\n", " ") + "\n") * 60,
        sample=hostile + "\x00\ud800\r\n",
        made_with={hostile: hostile},
        began_from={"path": hostile, "iteration": 5},
        created=hostile,
    )
    (run / "iteration-000200.safetensors").write_bytes(b"junk")
    text, parsed = rendered(run, prime=hostile)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", text)
    tags = {name for name, _, _ in parsed.elements}
    assert tags - {"bdi"} <= {name for name, _, _ in Parsed(harmless).elements} | {"ul", "li", "b", "section"}
    assert len(parsed.attributes("script")) == 1
    assert not parsed.attributes("img")
    [sample] = [one for one in parsed.texts("pre") if one.startswith("300: ")]
    assert "<script>alert(1)</script>" in sample  # what can be read is read
    assert "␛[31mred" in sample
    assert "{{ 7*7 }}" in sample
    assert text.encode("utf-8")


def test_fifty_snapshots_and_a_hundred_thousand_lines_are_a_small_page(tmp_path: Path) -> None:
    held_out = {at: 2 + 10 / at for at in range(20_000, 1_000_001, 20_000)}
    run = telling.run(tmp_path, held_out=held_out, sample="<&" * 200, rows=telling.progress(1_000_000, spike=777_770))
    found = collected(run)
    text = page.render(found)
    assert found.runs[0].curves.rows == 100_050
    assert len(found.runs[0].snapshots) == 50
    assert len(text.encode()) < 1_000_000
    [norms] = charts.charts(found.runs)[-1].lines
    path = norms.path(1000, 1000)
    assert path.count("L") < 400
    assert min(float(part.split()[1]) for part in re.split("[ML]", path)[1:]) == pytest.approx(37, abs=2)


def test_a_run_without_snapshots_is_told_from_its_metrics(tmp_path: Path) -> None:
    run = telling.run(tmp_path, held_out={}, rows=telling.progress(200))
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"event": "progress", "iter')
    text, parsed = rendered(run)
    assert "No snapshot was kept yet." in parsed.texts("p")
    assert "Loss by iteration" in text
    (run / "resume.safetensors").unlink()
    [run_report] = collected(run).runs
    assert run_report.checkpoint is None
    assert "Loss by iteration" in page.render(collected(run))


def test_what_is_damaged_is_left_out_and_named(tmp_path: Path) -> None:
    run = telling.run(tmp_path)
    best = run / "iteration-000300.safetensors"
    data = bytearray(best.read_bytes())
    data[-3] ^= 1
    best.write_bytes(data)
    (run / "iteration-000400.safetensors").write_bytes(b"junk")
    found = collected(run, tmp_path / "nothing")
    assert [one.row.iteration for one in found.runs[0].snapshots] == [100, 500]
    assert found.runs[0].checkpoint is not None
    assert found.runs[0].checkpoint.row.iteration == 500
    assert len(found.problems) == 3
    for problem in found.problems:
        assert problem in Parsed(page.render(found)).texts("li")


def test_weights_that_are_no_numbers_do_not_stop_the_rest(tmp_path: Path) -> None:
    run = telling.run(tmp_path, held_out={100: 3.0})
    path = run / "iteration-000100.safetensors"
    loaded = checkpoint.load(path)
    checkpoint.save(path, loaded.header, {name: tensor * np.nan for name, tensor in loaded.tensors.items()})
    found = collected(run)
    assert "diverged" in found.problems[0]
    assert "100: ell, Prince" in page.render(found)


def test_nothing_to_report_is_an_error(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "metrics.jsonl").touch()
    with pytest.raises(RunError, match="nothing to report"):
        collected(empty)
    with pytest.raises(RunError, match="no such run"):
        collected(tmp_path / "nothing")
    with pytest.raises(UsageError, match="--temperature"):
        collect.collect([empty], Request(temperatures=(-1.0,)))


def test_a_sample_that_was_not_made(tmp_path: Path) -> None:
    run = tiny.run(tmp_path, "one", {100: 2.0, 200: None}, sample=None)
    text, parsed = rendered(run)
    assert parsed.texts("p").count("No sample was kept.") == 2
    assert "was not recorded" not in text  # there is no chart of what nothing is known of


def test_a_typed_prime_is_set_apart(tmp_path: Path) -> None:
    run = tiny.run(
        tmp_path,
        "one",
        {100: 2.0},
        sample=Sample(prime="\nWell", text=", so\n\n", seed=1, temperature=0.8, known_words=None),
    )
    _, parsed = rendered(run, prime="Prince")
    assert parsed.texts("b", **{"class": "prime"}) == ["Well"] + ["Prince"] * 3
    assert parsed.texts("pre")[0] == "Well, so"


def test_the_best_needs_no_held_out_text(tmp_path: Path) -> None:
    run = tiny.run(tmp_path, "one", {100: None, 200: None}, model=ModelConfig(num_layers=1, rnn_size=4))
    [run_report] = collected(run).runs
    assert run_report.checkpoint is not None
    assert (run_report.checkpoint.row.iteration, run_report.verdict) == (200, None)
    assert "nothing was held out, or not measured yet." in page.render(collected(run))


# -- the command ------------------------------------------------------------------------------------------------------


def charrnn(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "charrnn", *map(str, arguments)],
        capture_output=True,
        encoding="utf-8",
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        check=False,
    )


def test_the_command_writes_one_page_and_replaces_only_its_own(tmp_path: Path) -> None:
    telling.run(tmp_path / "checkpoints")
    (tmp_path / "checkpoints" / "novel-1.txt").unlink()
    done = charrnn("report", "novel-1", "-n", 5, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("charrnn: report.html, ")
    first = (tmp_path / "report.html").read_bytes()
    again = charrnn("report", "-n", 6, cwd=tmp_path)  # the newest
    assert again.returncode == 0
    assert (tmp_path / "report.html").read_bytes() != first
    (tmp_path / "mine.html").write_text("<h1>mine</h1>")
    refused = charrnn("report", "-o", "mine.html", cwd=tmp_path)
    assert refused.returncode == 2
    assert refused.stderr.startswith("charrnn: mine.html: is there already")
    assert (tmp_path / "mine.html").read_text() == "<h1>mine</h1>"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoints", "mine.html", "report.html"]


def test_the_command_names_damage_and_says_so_by_its_exit_code(tmp_path: Path) -> None:
    run = telling.run(tmp_path / "checkpoints")
    (run / "iteration-000200.safetensors").write_bytes(b"junk")
    done = charrnn("report", run, "-n", 5, "-o", "a.html", cwd=tmp_path)
    assert done.returncode == 1
    assert "charrnn: skipped: " in done.stderr
    assert "iteration-000200.safetensors" in (tmp_path / "a.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("nothing",), 1, "nothing: no such run."),
        (("--temperatures", "1,x"), 2, "--temperatures 1,x: "),
        (("--temperatures", "-1"), 2, "--temperature -1.0: "),
        (("-o", "no/such/place.html"), 1, "no/such/place.html: cannot be written"),
        (("-o", "checkpoints"), 2, "checkpoints: is a directory."),
    ],
)
def test_the_command_refuses_in_one_line(tmp_path: Path, arguments: tuple[str, ...], code: int, said: str) -> None:
    telling.run(tmp_path / "checkpoints", held_out={100: 2.0})
    done = charrnn("report", *arguments, "-n", 1, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(f"charrnn: {said}")
    assert done.stderr.count("\n") == 1


def test_a_report_needs_no_torch_and_nothing_that_draws() -> None:
    code = "import charrnn.report.page, sys; print([m for m in ('torch', 'resvg_py', 'rich') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_page_and_a_picture_are_never_one_file(tmp_path: Path) -> None:
    telling.run(tmp_path / "checkpoints")
    done = charrnn("report", "novel-1", "-o", "x.html", "--svg", "./x.html", cwd=tmp_path)
    assert done.returncode == 2
    assert "name one file twice" in done.stderr
    assert not (tmp_path / "x.html").exists()
