"""`charrnn score` as a person meets it: figures, places, shades, a page, and what is said when something is wrong."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import hashlib
import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import tiny
from helpers.terminals import text_on_terminal
from typer.testing import CliRunner

from charrnn.commands.app import app
from charrnn.config import ReadConfig
from charrnn.errors import CharrnnError, CheckpointError, CorpusError, DivergedError, RunError, UsageError
from charrnn.evaluation import scoring
from charrnn.evaluation.surprising_places import most_surprising
from charrnn.formatting import visible
from charrnn.network.engine import Engine
from charrnn.runs import checkpoint
from charrnn.text import known_texts
from charrnn.text.vocabulary import Vocabulary, to_code_points

TEXT = "Well, Prince, so Genoa and Lucca\nare now just family estates.\nLucca, well.\n"
HOSTILE = "a<script>alert(1)</script>\n</style>&amp;\x1b[31m\u202e[red]\\\"'\x07\x85\n" * 3


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("checkpoints")
    tiny.run(root, "tolstoy", {100: 3.2, 300: 2.1, 500: 2.6}, created="2026-01-01T00:00:00+00:00")
    tiny.run(root, "austen", {700: 3.1})
    return root


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "letter.txt"
    path.write_text(TEXT, "utf-8")
    return path


def expected(path: Path, text: str = TEXT, **settings: Any) -> scoring.Score:
    """What the library says."""
    kept = checkpoint.load(path)
    return scoring.score(Engine(kept.header.model, kept.weights), kept.header.vocabulary, text, **settings)


def invoke(*arguments: str | Path, given: bytes | None = None, code: int = 0) -> tuple[str, str]:
    """The command in this process: standard output and standard error. Raises what it raises."""
    result = CliRunner().invoke(
        app, ["score", *map(str, arguments)], input=given, env={"COLUMNS": "80"}, catch_exceptions=False
    )
    assert result.exit_code == code, result.output
    return result.stdout, result.stderr


def scores(*arguments: str | Path, given: bytes | None = None, code: int = 0) -> Any:
    """What --json says."""
    return json.loads(invoke(*arguments, "--json", given=given, code=code)[0])


def refused(kind: type[CharrnnError], *arguments: str | Path, given: bytes | None = None) -> str:
    """The one line it ends with."""
    with pytest.raises(kind) as caught:
        invoke(*arguments, given=given)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def environment(**changes: str) -> dict[str, str]:
    plain = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE")}
    return plain | {"COLUMNS": "80", "PYTHONUTF8": "1"} | changes


# -- one model -------------------------------------------------------------------------------------------------------


def test_one_model_is_measured_and_its_surprises_shown(root: Path, text: Path) -> None:
    best = root / "tolstoy" / "iteration-000300.safetensors"
    found = expected(best)
    for model in ("tolstoy", root / "tolstoy", best):
        out, err = invoke(model, text, "--checkpoint-dir", root, "--count", "3")
        assert err == ""
        assert "\x1b" not in out
        assert f" {found.bits_per_character:.3f} " in out
        assert "letter.txt" in out
        assert "carried over the whole text" in out
        assert "best" not in out
        places = re.findall(r"^ *(\d+) +([\d.]+) +(.*\[.+\].*)$", out.partition("What surprised it most")[2], re.M)
        wanted = most_surprising(found, 3)
        assert [(int(line), bits) for line, bits, _ in places] == [(one.line, f"{one.bits:.1f}") for one in wanted]
        for (*_, context), place in zip(places, wanted, strict=True):
            shown = f"{place.before}[{place.character}]{place.after}".replace("\n", "\\n")
            assert context.strip() == shown.strip()
    assert "surprised" not in invoke(best, text, "--count", "0")[0]


def test_scores_are_told_in_the_units_asked_for(root: Path, text: Path, tmp_path: Path) -> None:
    best = root / "tolstoy" / "iteration-000300.safetensors"
    per_character = expected(best).bits_per_character
    page = tmp_path / "page.html"
    for units, figure in (("nats", per_character * np.log(2)), ("perplexity", 2**per_character)):
        out, _ = invoke(best, text, "--units", units, "--html", page)
        assert f" {figure:.3f} " in out
        assert f"{units.capitalize()} per" in out
        assert f">{figure:.3f}<" in page.read_text("utf-8")
        [one] = scores(best, text)["scores"]
        assert one[f"{units}_per_character"] == pytest.approx(figure)
        lines = " ".join(invoke(best, text, "--lines", "--units", units)[0].split())
        assert f"{units.capitalize()} per" in lines


def test_by_default_it_is_the_newest_runs_best(root: Path, text: Path) -> None:
    [one] = scores(text, "--checkpoint-dir", root)["scores"]
    assert (one["model"], one["iteration"]) == ("austen", 700)


def test_json_has_everything(root: Path, text: Path) -> None:
    path = root / "austen" / "iteration-000700.safetensors"
    facts, found = scores(path, text), expected(path)
    assert (facts["text"], facts["window"], facts["problems"]) == ("letter.txt", None, [])
    [one] = facts["scores"]
    assert one["checkpoint"] == one["model"] == str(path)
    assert one["sha256"] == checkpoint.load(path).digest
    assert one["characters"] == len(TEXT) - 1
    assert one["bits_per_character"] == pytest.approx(found.bits_per_character, rel=1e-12)
    assert (one["unseen"], one["above_best"]) == (0, 0)
    assert one["surprising"] == [dataclasses.asdict(place) for place in most_surprising(found, 5)]


def test_cold_windows(root: Path, text: Path) -> None:
    path = root / "austen" / "iteration-000700.safetensors"
    text.write_text(TEXT * 9, "utf-8")
    facts, found = scores(path, text, "--cold"), expected(path, TEXT * 9, window=256)
    assert facts["scores"][0]["bits_per_character"] == pytest.approx(found.bits_per_character, rel=1e-12)
    assert facts["window"] == 256
    assert found.bits_per_character != expected(path, TEXT * 9).bits_per_character
    assert "every 256 characters" in invoke(path, text, "--cold")[0]


def test_the_text_may_come_from_a_pipe_a_folder_or_by_name(root: Path, text: Path) -> None:
    path = root / "austen" / "iteration-000700.safetensors"
    [one] = scores(path, text)["scores"]
    piped = scores(path, "-", given=TEXT.encode())
    assert (piped["text"], piped["scores"]) == ("standard input", [one])
    assert scores(path, text.parent)["scores"] == [one]
    named = scores(path, "the-tidewater-bank", "--count", "0")["scores"][0]
    assert named["characters"] == len(known_texts.bundled().read_text("utf-8")) - 1


# -- several models --------------------------------------------------------------------------------------------------


def test_several_models_are_ranked_and_the_best_is_named(root: Path, text: Path) -> None:
    paths = [root / "tolstoy" / f"iteration-000{at}.safetensors" for at in (100, 300, 500)]
    means = {str(path): expected(path).bits_per_character for path in paths}
    ranked = sorted(means, key=lambda path: means[path])
    facts = scores(*paths, text)
    assert [one["model"] for one in facts["scores"]] == ranked
    for one in facts["scores"]:
        assert one["above_best"] == pytest.approx(means[one["model"]] - min(means.values()), abs=1e-12)
    with contextlib.chdir(root / "tolstoy"):
        out, _ = invoke(*(path.name for path in paths), text)
    names = [Path(path).name for path in ranked]
    less = means[ranked[1]] - means[ranked[0]]
    said = f"{names[0]} explains the text best: {less:.3f} bits per character below {names[1]}."
    assert said in " ".join(out.split())
    assert f"What surprised {names[0]} most" in out
    rows = [line for line in out.splitlines() if re.search(r"  74  ", line)]
    assert [re.split(r" {2,}", row)[-1] for row in rows] == [
        "best",
        *(f"{means[path] - means[ranked[0]]:.3f}" for path in ranked[1:]),
    ]
    again, _ = invoke(paths[0], paths[0], text)
    assert "equally well" in again


def test_what_a_model_has_never_seen_is_charged_the_same(tmp_path: Path, text: Path) -> None:
    german = Vocabulary.of(to_code_points(TEXT + "ß"))
    tiny.save(tmp_path / "english.safetensors", vocabulary=Vocabulary.of(to_code_points(TEXT)))
    tiny.save(tmp_path / "german.safetensors", vocabulary=german)
    text.write_text(TEXT + "ß世ß", "utf-8")
    facts = scores(tmp_path / "english.safetensors", tmp_path / "german.safetensors", text)
    unseen = {Path(one["model"]).stem: one["unseen"] for one in facts["scores"]}
    assert unseen == {"english": 3, "german": 1}
    assert any("20.1 bits" in note for note in facts["notes"])
    out, _ = invoke(tmp_path / "english.safetensors", text, "--count", "40")
    assert out.count("(never seen)") == 1  # the three are one word
    assert "20.1 bits" in out


def test_each_model_has_the_text_read_as_its_own_was(tmp_path: Path, text: Path) -> None:
    small = Vocabulary.of(to_code_points(TEXT.lower()))
    lower = ReadConfig(lowercase=True, min_count=7, documents=True, encoding="cp1252")
    tiny.save(tmp_path / "lower.safetensors", vocabulary=small, reading=lower)
    tiny.save(tmp_path / "plain.safetensors")
    tiny.save(tmp_path / "bytes.safetensors", vocabulary=Vocabulary.every_byte(), reading=ReadConfig(bytes=True))
    text.write_bytes(TEXT.replace("\n", "\r\n").encode())
    [one] = scores(tmp_path / "lower.safetensors", text)["scores"]
    mean = expected(tmp_path / "lower.safetensors", TEXT.lower()).bits_per_character
    assert one["bits_per_character"] == pytest.approx(mean, rel=1e-12)
    [one] = scores(tmp_path / "bytes.safetensors", text)["scores"]
    assert one["characters"] == len(TEXT) + 2
    for given, typed in ((None, text), (text.read_bytes(), "-")):
        facts = scores(*sorted(tmp_path.glob("*.safetensors")), typed, given=given)
        assert {Path(one["model"]).stem: one["characters"] for one in facts["scores"]} == {
            "lower": len(TEXT) - 1,
            "plain": len(TEXT) - 1,
            "bytes": len(TEXT) + 2,
        }
        [note] = [note for note in facts["notes"] if "differently" in note]
        assert "(--lowercase, --bytes)" in note
    same = scores(tmp_path / "plain.safetensors", tmp_path / "plain.safetensors", text)
    assert not any("differently" in note for note in same["notes"])


def test_the_encoding_is_the_texts_own(root: Path, text: Path) -> None:
    path = root / "austen" / "iteration-000700.safetensors"
    text.write_bytes((TEXT + "é").encode("cp1252"))
    found = scores(path, text, "--encoding", "cp1252")["scores"]
    text.write_text(TEXT + "é", "utf-8")
    assert scores(path, text)["scores"] == found
    assert "klingon" in refused(UsageError, path, text, "--encoding", "klingon")


# -- when something is wrong -----------------------------------------------------------------------------------------


def test_a_damaged_checkpoint_is_named_and_skipped(root: Path, text: Path, tmp_path: Path) -> None:
    (tmp_path / "hurt.safetensors").write_bytes(b"junk")
    model = (tmp_path / "hurt.safetensors", "nowhere", root / "austen")
    facts = scores(*model, text, "--checkpoint-dir", root, code=1)
    assert [one["model"] for one in facts["scores"]] == [str(root / "austen")]
    assert len(facts["problems"]) == 2
    out, err = invoke(*model, text, "--checkpoint-dir", root, code=1)
    assert "Bits per" in out
    hurt, nowhere = err.splitlines()
    assert hurt.startswith("charrnn: skipped: ")
    assert "hurt.safetensors" in hurt
    assert "nowhere: no such run" in nowhere


def test_a_model_that_diverged_is_named(tmp_path: Path, text: Path) -> None:
    made = tiny.header()
    weights = {name: np.full_like(value, np.nan) for name, value in tiny.weights(made).items()}
    checkpoint.save(tmp_path / "x.safetensors", made, weights)
    assert refused(DivergedError, tmp_path / "x.safetensors", text).startswith(str(tmp_path / "x.safetensors"))


def test_what_cannot_be(root: Path, text: Path, tmp_path: Path) -> None:
    assert "nowhere: no such run" in refused(RunError, "nowhere", text)
    assert "letter.txt" in refused(CheckpointError, text, text)
    austen = root / "austen"
    assert "missing.txt" in refused(CorpusError, austen, tmp_path / "missing.txt")
    empty = tmp_path / "empty"
    empty.write_text("")
    assert "empty" in refused(CorpusError, austen, empty)
    assert refused(CorpusError, austen, "-", given=b"").startswith("standard input: is empty")
    empty.write_text("a")
    assert "a text of 1 character has nothing to score" in refused(CorpusError, austen, empty)
    for typed in (austen, "tolstoy", austen / "iteration-000700.safetensors"):
        assert "the text comes last" in refused(UsageError, austen, typed, "--checkpoint-dir", root)
    nowhere = tmp_path / "no" / "page.html"
    assert "page.html: cannot be written" in refused(CharrnnError, austen, text, "--html", nowhere)
    assert "TEXT: is missing" in refused(UsageError)


def test_a_wrong_path_is_one_line(text: Path) -> None:
    command = [sys.executable, "-m", "charrnn", "score", "nowhere", str(text)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), check=False, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "charrnn: nowhere: no such run. `charrnn runs` lists what is there.\n"


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_a_reader_that_leaves_early_is_no_error(root: Path, text: Path, more: list[str]) -> None:
    text.write_text(TEXT * 60, "utf-8")
    command = [sys.executable, "-m", "charrnn", "score", str(root / "austen"), str(text), "--count", "2000", *more]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_torch_is_never_imported(root: Path, text: Path) -> None:
    code = (
        "import sys; from charrnn.commands.app import app\n"
        "try: app()\n"
        "finally: print('torch' in sys.modules, file=sys.stderr)"
    )
    command = [sys.executable, "-c", code, "score", str(root / "austen"), str(text), "--html", str(text) + ".html"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr.splitlines()[-1] == "False"


# -- shades ----------------------------------------------------------------------------------------------------------


SHADES = {6: "30;48;5;203", 4: "30;48;5;215", 2: "30;48;5;222", 1: "30;48;5;230"}


def on_terminal(*arguments: str | Path, **changes: str) -> str:
    """What `charrnn score` sends to a terminal of 80 columns."""
    return text_on_terminal("score", *arguments, environment=environment(TERM="xterm-256color", **changes))


def test_each_character_is_shaded_on_a_terminal_alone(root: Path, text: Path) -> None:
    path = root / "austen" / "iteration-000700.safetensors"
    found, plain = expected(path), on_terminal(path, text, "--color", "bits")
    shown, _, table = plain.partition("\n\n")
    assert "Bits per" in table
    style, styles, characters = "", list[str](), ""
    for escape, character in re.findall(r"\x1b\[([0-9;]*)m|([^\x1b])", shown + "\n"):
        if character:
            characters += character
            styles.append(style)
        else:
            style = {"0": ""}.get(escape, escape.removeprefix("0;"))
    assert characters == TEXT
    assert styles[0] == ""
    for character, bits, style in zip(found.text, found.bits, styles[1:], strict=True):
        wanted = next((shade for least, shade in SHADES.items() if bits >= least), "")
        assert style == (wanted if character != "\n" else "")
    assert len(set(styles)) > 3
    without = on_terminal(path, text, "--color", "bits", NO_COLOR="1")
    assert "\x1b" not in without
    out, err = invoke(path, text, "--color", "bits")
    assert (out, err.count("--html FILE")) == (invoke(path, text)[0], 1)
    assert re.sub(r"[\s─]+", "", without) == re.sub(r"[\s─]+", "", out)  # lines are as wide as the terminal


def test_nothing_a_text_holds_is_obeyed_by_a_terminal(root: Path, text: Path) -> None:
    text.write_text(HOSTILE, "utf-8")
    out, _ = invoke(root / "austen", text, "--count", "40")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", out)
    assert "[red]" in out or "[r]ed]" in out
    shown = on_terminal(root / "austen", text, "--color", "bits", "--count", "40")
    assert "\u202e" not in shown
    assert "\x07" not in shown
    assert "\x1b[31m\ufffd" not in shown


# -- the page --------------------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """What a browser would make of a page, its tags in order, the text of its last div and what is not text at all."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags, self.text, self.style, self.meta = list[str](), "", "", list[dict[str, str | None]]()
        self.pieces: list[tuple[str, str]] = []
        self.inside, self.shade, self.styling = False, "", False
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        values = dict(attrs)
        if tag == "meta":
            self.meta.append(values)
        if tag == "div" and values.get("class") == "text":
            self.inside = True
        self.shade = values.get("class") or "" if tag == "mark" else self.shade
        self.styling = tag == "style"
        assert not [name for name, _ in attrs if name.startswith("on") or name in ("src", "href", "style")]

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag != "div"
        self.shade = "" if tag == "mark" else self.shade
        self.styling = False

    def handle_data(self, data: str) -> None:
        self.style += data if self.styling else ""
        if self.inside:
            self.pieces.append((self.shade, data))


def test_the_page_has_the_text_in_shades(root: Path, text: Path) -> None:
    path = root / "austen" / "iteration-000700.safetensors"
    file = text.with_suffix(".html")
    out, _ = invoke(path, text, "--html", file)
    assert out == invoke(path, text)[0]
    source, found = file.read_text("utf-8"), expected(path)
    page = Page(source)
    assert "".join(piece for _, piece in page.pieces) == TEXT
    shades = [shade for shade, piece in page.pieces for _ in piece]
    assert shades[0] == ""
    for bits, shade in zip(found.bits, shades[1:], strict=True):
        level = sum(bits >= least for least in (1, 2, 4, 6))
        assert shade == (f"s{level}" if level else "")
    assert f">{found.bits_per_character:.3f}</td>" in source
    assert "What surprised it most" in source
    assert "http" not in source.replace("http-equiv", "")


def test_a_hostile_text_stays_text_on_the_page(tmp_path: Path, text: Path) -> None:
    text.write_text(HOSTILE, "utf-8")
    path = tiny.save(tmp_path / "<b>.safetensors")
    other = tiny.save(tmp_path / "x.safetensors", seed=1)
    invoke(path, other, text, "--html", tmp_path / "page.html", "--count", "100")
    source = (tmp_path / "page.html").read_text("utf-8")
    page = Page(source)
    assert not {"b", "red", "img"} & set(page.tags)
    assert page.tags.count("script") == 1  # the page's own
    assert page.tags.count("style") == page.tags.count("title") == 1
    assert "".join(piece for _, piece in page.pieces) == visible(HOSTILE)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", source)
    [policy] = [str(one["content"]) for one in page.meta if one.get("http-equiv") == "Content-Security-Policy"]
    digest = base64.b64encode(hashlib.sha256(page.style.encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")
    assert "unsafe" not in policy
    assert source.index("Content-Security-Policy") < source.index("<style>") < source.index("<body>")


def test_a_page_replaces_a_page_and_nothing_else(root: Path, text: Path, tmp_path: Path) -> None:
    """The text itself is soon named by mistake."""
    before = text.read_bytes()
    assert "is read here" in refused(UsageError, root / "austen", text, "--html", text, "--force")
    assert "are written into files" in refused(UsageError, root / "austen", text, "--html", "-")
    assert text.read_bytes() == before
    for _ in range(2):
        invoke(root / "austen", text, "--html", tmp_path / "page.html")
    assert b"charrnn score" in (tmp_path / "page.html").read_bytes()
