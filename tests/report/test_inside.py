"""What a report shows of the inside of networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from helpers import tiny, views
from helpers.browsing import PHONE, WIDTHS, Opened

from charrnn.commands import report as report_command
from charrnn.config import ReadConfig, TrainConfig
from charrnn.errors import UsageError
from charrnn.inspection.view import View
from charrnn.report import collect, page
from charrnn.report.collect import Report
from charrnn.report.inside import Inside
from charrnn.runs import checkpoint
from charrnn.sampling.request import Request

REQUEST = Request(length=0)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    (folder / "novel.txt").write_text(tiny.TEXT * 60, "utf-8")
    return tiny.run_on(folder, "novel-1", folder / "novel.txt")


def collected(run: Path, **settings: Any) -> Report:
    return collect.collect([run], REQUEST, text_length=0, **settings)


def seen(report: Report) -> Inside | str | None:
    reported = report.runs[0].checkpoint
    assert reported is not None
    return reported.inside


def test_gates_and_units_on_held_out_text(run: Path) -> None:
    found = seen(collected(run, inside=900))
    assert isinstance(found, Inside)
    assert found.characters == 900
    assert [view.title for view in found.views] == ["Gates", "Units"]
    gates, units = found.views
    assert gates.remarks[0].startswith("900 characters were read.")
    assert units.tables[0].heads[0] == "Feature" if units.tables else units.remarks
    assert len(units.texts) <= 1
    assert page.render(collected(run, inside=900)) == page.render(collected(run, inside=900))


def test_little_text_has_gates_alone_and_none_nothing(run: Path) -> None:
    found = seen(collected(run, inside=50))
    assert isinstance(found, Inside)
    assert found.views[1].remarks[0].startswith("What they track was not looked for: 50 characters: too few")
    assert seen(collected(run)) is None
    assert "Inside</h3>" not in page.render(collected(run))


def test_gradients_are_told_where_they_can_be(run: Path) -> None:
    reached = View(title="Gradients", plots=(views.plot(),))
    found = seen(collected(run, inside=50, reach=lambda loaded, text: reached))
    assert isinstance(found, Inside)
    assert found.views[-1] is reached

    def refused(*_: Any) -> View:
        raise UsageError("no.")

    found = seen(collected(run, inside=50, reach=refused))
    assert isinstance(found, Inside)
    assert found.views[-1].remarks == ("How far they reach was not measured: no.",)
    found = seen(collected(run, inside=50, reach=lambda loaded, text: None))
    assert isinstance(found, Inside)
    assert len(found.views) == 2


def test_the_command_measures_gradients_where_there_is_torch(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = checkpoint.load(run / "iteration-000010.safetensors")
    found = report_command._reach(loaded, tiny.TEXT[:60])
    assert found is not None
    assert found.title == "Gradients"
    assert "up to 58 characters back" in found.remarks[0]
    assert report_command._reach(loaded, "ab") is None
    monkeypatch.setattr("charrnn.training.torch_import.installed", lambda: False)
    assert report_command._reach(loaded, tiny.TEXT) is None


def test_too_little_memory_leaves_the_rest_of_the_page(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any) -> None:
        raise UsageError("memory: there is not enough.")

    monkeypatch.setattr("charrnn.report.collect.look_inside", refused)
    report = collected(run, inside=900)
    assert seen(report) == "memory: there is not enough."
    assert "Nothing can be shown: memory: there is not enough." in page.render(report)


@pytest.mark.parametrize("backward", [False, True])
def test_documents_and_texts_read_from_the_end(tmp_path: Path, backward: bool) -> None:
    text = tmp_path / "names.txt"
    text.write_text("\n".join(["anna", "alex", "arin", "amo", "attar"] * 40), "utf-8")
    reading, training = ReadConfig(document_separator="\n"), TrainConfig(val_frac=0.25, backward=backward)
    run = tiny.run_on(tmp_path, "names", text, read=reading, training=training)
    found = seen(collected(run, inside=900))
    assert isinstance(found, Inside)
    assert found.views[0].remarks[0].startswith(f"{found.characters + 1} characters were read.")


def test_a_text_that_is_gone_is_told(run: Path, tmp_path: Path) -> None:
    text = run.parent / "novel.txt"
    kept = next(path for path in (text, run.parents[1] / "novel.txt") if path.exists())
    moved = kept.rename(tmp_path / "elsewhere.txt")
    found = seen(collected(run, inside=900))
    moved.rename(kept)
    assert isinstance(found, str)
    assert "novel.txt" in found


@pytest.fixture(scope="module")
def address(run: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    inside = Inside("novel.txt", 900, (views.view(), views.hostile()))
    report = collected(run, inside=900)
    reported: Any = report.runs[0].checkpoint
    object.__setattr__(reported, "inside", inside)
    file = tmp_path_factory.mktemp("pages") / "report.html"
    file.write_text(page.render(report), "utf-8", newline="")
    return file.as_uri()


def test_it_can_be_read_by_all_on_the_page(browser: Any, address: str) -> None:
    opened = Opened(browser, address, viewport=PHONE, color_scheme="dark")
    opened.page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    assert opened.serious() == []
    assert max(opened.page.evaluate(WIDTHS)) <= PHONE["width"]
    opened.page.locator(".places i").nth(3).hover()
    assert opened.page.locator(".chosen").first.inner_text().startswith("4: s")
    assert opened.said == []
    assert opened.asked == [address]
    opened.context.close()
