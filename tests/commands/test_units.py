"""A model of bytes is told in bits per byte, everywhere; and where characters are what is compared, both are named."""

from __future__ import annotations

import json
import math
import random
import re
import sys
from contextlib import redirect_stderr
from pathlib import Path

import pytest
from helpers import tiny
from helpers.command_line import SHORT, CommandLine

from charrnn.commands.main import main
from charrnn.runs import checkpoint
from charrnn.runs.header import Sample
from charrnn.runs.samples import section
from charrnn.terminal.wrapping import wrapped
from charrnn.text.code_points import describe, utf8_size

# All of one length, so that a held-out part of bytes begins with a character.
TEXT = "".join(random.Random(3).choices("абвгдежз", k=2000))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a text and two runs on it, one of bytes."""
    directory = tmp_path_factory.mktemp("units")
    (directory / "text.txt").write_text(TEXT, "utf-8")
    (directory / "held-out.txt").write_text(TEXT[1000:], "utf-8")
    options = ("--iterations", "20", "--snapshot-at", "20", "--eval-every", "10", "--val-frac", "0.5", "--threads", "1")
    with pytest.MonkeyPatch.context() as patch, (directory / "said.txt").open("w") as said, redirect_stderr(said):
        patch.chdir(directory)
        for name, more in (("bytes", ("--bytes",)), ("characters", ())):
            patch.setattr(sys, "argv", ["charrnn", "train", "text.txt", *SHORT, *options, *more, "--name", name])
            with pytest.raises(SystemExit) as left:
                main()
            assert not left.value.code
            said.write("next run\n")
    return directory


@pytest.fixture
def run_charrnn(place: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> CommandLine:
    monkeypatch.chdir(place)
    return CommandLine(monkeypatch, capfdbinary)


def test_a_training_says_the_unit(place: Path) -> None:
    of_bytes, of_characters, _ = (place / "said.txt").read_text().split("next run\n")
    assert "bits per byte\n" in of_bytes
    assert " x 16 bytes" in of_bytes
    assert "character" not in of_bytes
    assert "bits per character\n" in of_characters


def test_every_verb_says_the_unit(run_charrnn: CommandLine) -> None:
    snapshot = "checkpoints/bytes/iteration-000020.safetensors"
    kept = checkpoint.read_header(Path(snapshot))
    assert kept.held_out_loss is not None
    assert kept.mixed_loss is not None
    figure, mixed = (f"{loss / math.log(2):.3f}" for loss in (kept.held_out_loss, kept.mixed_loss))
    for arguments, said in [
        (("compare", "bytes", "--length", "0"), f"{figure}"),
        (("runs",), f"best {figure} bpb held out"),
        (("runs", "show", snapshot), f"{figure} bits per byte"),
        (("sample", "bytes", "--no-ngrams", "--length", "10", "--seed", "1"), f"held out {figure} bits per byte"),
        (("sample", "bytes", "--length", "10", "--seed", "1"), f"network + counts, held out {mixed} bits per byte"),
    ]:
        done = run_charrnn(*arguments)
        shown = (done.stdout + done.stderr).decode(errors="replace")
        assert said in shown
        assert arguments[0] == "runs" or not {"bpc", "per character"} & set(shown.split())
        assert "bits per character" not in shown
    assert "bits per byte" in Path("checkpoints/bytes/samples.md").read_text("utf-8")
    run_charrnn("report", "bytes", "-o", "page.html", "--svg", "curves.svg")
    for name in ("page.html", "curves.svg"):
        assert " bpb held out" in (page := Path(name).read_text("utf-8"))
        assert figure in page
        assert "bits per character" not in page
    listed = {run["name"]: run for run in json.loads(run_charrnn("runs", "--json").stdout)["runs"]}
    assert listed["bytes"]["unit"] == "byte"
    assert f"{listed['bytes']['best_held_out_bpb']:.3f}" == figure
    assert listed["characters"]["checkpoints"][0].keys() >= {"train_bpc", "held_out_bpc"}
    assert listed["bytes"]["checkpoints"][0].keys() >= {"train_bpb", "held_out_bpb"}


def test_train_and_score_agree(run_charrnn: CommandLine) -> None:
    header = checkpoint.read_header(Path("checkpoints/bytes/iteration-000020.safetensors"))
    assert header.held_out_loss is not None
    per_byte = header.held_out_loss / math.log(2)
    scored = json.loads(run_charrnn("score", "bytes", "held-out.txt", "--json").stdout)["scores"][0]
    assert scored["bits_per_byte"] == pytest.approx(per_byte, rel=0.01)  # the text before was not read here
    assert scored["bits_per_character"] == pytest.approx(2 * scored["bits_per_byte"], rel=1e-9)
    table = run_charrnn("score", "bytes", "held-out.txt").stdout.decode()
    for figure in ("bits_per_byte", "bits_per_character"):
        assert f" {scored[figure]:.3f} " in table
    assert "bits per byte; per character, all the bytes of one are counted" in " ".join(table.split())
    assert "byte" not in run_charrnn("score", "characters", "held-out.txt").stdout.decode()


def test_both_kinds_in_one_comparison(run_charrnn: CommandLine) -> None:
    mixed, alone = (
        json.loads(run_charrnn("compare", *runs, "--json", "--text", "held-out.txt").stdout)
        for runs in (("bytes", "characters"), ("bytes",))
    )
    assert (mixed["measurement"]["unit"], alone["measurement"]["unit"]) == ("character", "byte")
    assert (alone["measurement"]["characters"], alone["measurement"]["bytes"]) == (999, 1998)
    [one] = alone["measurement"]["models"]
    assert one["carried"] == pytest.approx(mixed["measurement"]["models"][0]["carried"] / 2, rel=1e-9)
    assert one["carried"] == pytest.approx(alone["rows"][0]["held_out_bpb"], rel=0.01)
    shown = run_charrnn("compare", "bytes", "characters", "--length", "0").stdout.decode()
    assert re.search(r"^bytes .* byte ", shown, re.M)
    assert re.search(r"^characters .* character ", shown, re.M)
    own = json.loads(run_charrnn("compare", "bytes", "--json", "--text", "text.txt").stdout)["measurement"]
    assert own["ngrams"] < 2  # bits per byte: every other byte says nothing


def test_a_sample_has_both_figures(run_charrnn: CommandLine) -> None:
    facts = json.loads(run_charrnn("sample", "bytes", "--json", "--seed", "3", "--length", "40").stdout)
    assert facts["bits_per_byte"] * 40 == pytest.approx(facts["bits_per_character"] * len(facts["text"]))


def test_bytes_are_named_as_bytes() -> None:
    assert describe("\udc9b") == "the byte 0x9B"
    assert utf8_size("aé€𝄞\udc9b") == 1 + 2 + 3 + 4 + 1


def test_a_byte_that_is_no_character_is_hexadecimal_wherever_text_is_shown(
    tmp_path: Path, run_charrnn: CommandLine
) -> None:
    sample = Sample(prime="a", text="b\udc9bc", seed=1, temperature=0.8, known_words=None)
    of_bytes = checkpoint.read_header(Path("checkpoints/bytes/iteration-000020.safetensors")).vocabulary
    run = tiny.run(tmp_path, "odd", {10: 3.0}, vocabulary=of_bytes, sample=sample)
    assert r"ab\x9bc" in run_charrnn("runs", "show", run).stdout.decode()
    run_charrnn("report", run, "-o", tmp_path / "page.html")
    assert r"ab\x9bc</pre>" in (tmp_path / "page.html").read_text("utf-8").replace('<b class="prime">a</b>', "a")
    assert "    ab\\x9bc\n" in section(checkpoint.read_header(run / "iteration-000010.safetensors"))
    assert "".join(text for text, _ in wrapped([("ab\udc9bc", "")], 80)) == r"ab\x9bc"
