"""What `charrnn corpora check` finds, as data and as a command."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from charrnn.commands.app import app
from charrnn.config import ModelConfig, ReadConfig, TrainConfig
from charrnn.evaluation import ngrams
from charrnn.text import corpus, id_cache
from charrnn.text_check import check as text_check
from charrnn.training import autotune, trials

TEXT = "".join(f"{n} sheep went over the stile, said Ann; {n * n} came back.\n" for n in range(200))


def test_facts_by_hand(tmp_path: Path) -> None:
    for name, text in (("a.txt", "aaab\n" * 30), ("b.txt", "cab" * 100), ("c.txt", "éz")):
        (tmp_path / name).write_text(text, "utf-8")
    found = text_check.summarize(corpus.read(tmp_path, ReadConfig(separator="--", min_count=2)))
    assert (found.characters, found.documents, found.shortest, found.longest) == (150 + 2 + 300 + 2 + 2, 3, 2, 300)
    assert found.held_out == 46
    assert found.distinct == 7
    assert found.common == (("a", 190), ("b", 130), ("c", 100), ("\n", 30), ("-", 4), ("z", 1), ("é", 1))
    assert found.rare == (("z", 1), ("é", 1), ("-", 4))
    assert found.unknown == 2
    assert found.encodings == ("utf-8",)
    json.dumps(found.to_dict(), allow_nan=False)


def test_baseline_is_that_of_the_text_before_the_held_out_text() -> None:
    read = corpus.from_text(TEXT)
    found = text_check.summarize(read, TrainConfig(val_frac=0.2)).baseline
    split = int(len(TEXT) * 0.8)
    assert found == ngrams.kneser_ney(read.ids[0:split], read.ids[split : len(read)], len(read.vocabulary))
    assert text_check.summarize(read, TrainConfig(val_frac=0)).baseline is None


def test_baseline_of_documents_counts_in_each(tmp_path: Path) -> None:
    for name, text in (("a.txt", TEXT[:1000]), ("b.txt", TEXT[1000:1500])):
        (tmp_path / name).write_text(text, "utf-8")
    read = corpus.read(tmp_path, ReadConfig(documents=True, boundary=False))  # as in runs of older versions
    train = np.concatenate((read.ids[0:900], read.ids[1000:1450]))
    held_out = np.concatenate((read.ids[900:1000], read.ids[1450:1500]))
    assert text_check.summarize(read).baseline == ngrams.kneser_ney(train, held_out, len(read.vocabulary))


def test_baseline_of_whole_documents_counts_their_boundaries(tmp_path: Path) -> None:
    for number in range(4):
        (tmp_path / f"{number}.txt").write_text(TEXT[number * 300 : number * 300 + 300], "utf-8")
    read = corpus.read(tmp_path, ReadConfig(documents=True))
    [(context, start, stop)] = read.split(0.1).held_out
    train = np.concatenate((read.ids[0 : context + 1], read.ids[stop - 1 :]))
    edges = [span.stop for span in read.split(0.1).training]
    train = np.concatenate([read.ids[first:last] for first, last in read.split(0.1).training])
    assert edges[-1] in (context + 1, len(read))
    assert text_check.summarize(read).baseline == ngrams.kneser_ney(train, read.ids[start:stop], len(read.vocabulary))


def test_baseline_of_a_long_text_says_what_it_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_check, "_COUNTED", 500)
    monkeypatch.setattr(text_check, "_MEASURED", 100)
    read = corpus.from_text(TEXT)
    split = int(len(TEXT) * 0.9)
    found = text_check.summarize(read).baseline
    assert found is not None
    assert (found.trained_on, found.measured_on) == (500, 100)
    assert found == ngrams.kneser_ney(
        read.ids[split - 500 : split], read.ids[split : split + 100], len(read.vocabulary)
    )


def test_bytes() -> None:
    found = text_check.summarize(corpus.from_text("é" * 600 + "a", config=ReadConfig(bytes=True)))
    assert (found.characters, found.distinct, found.encodings) == (1201, 3, ("bytes",))
    assert found.rare == ()
    assert found.common == (("\\xa9", 600), ("\\xc3", 600), ("a", 1))
    json.dumps(found.to_dict(), allow_nan=False)


def test_trials_are_real_trainings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "_SECONDS", 0.05)
    read = corpus.from_text(TEXT)
    config = TrainConfig(batch_size=4, seq_length=16, iterations=300)
    found = list(trials.trials(read, config, ["small", "quick"]))
    assert [(one.preset, one.layers, one.width, one.iterations) for one in found] == [
        ("small", 2, 256, 300),
        ("quick", 2, 192, 300),
    ]
    for one in found:
        shapes = ModelConfig(rnn_size=one.width).shapes(len(read.vocabulary)).values()
        assert one.parameters == sum(math.prod(shape) for shape in shapes)
        assert one.seconds == pytest.approx(300 * 4 * 16 / one.speed)
        assert one.epochs == pytest.approx(300 * 4 * 16 / (0.9 * len(TEXT)), rel=0.01)
    assert list(trials.trials(corpus.from_text("too short"), config, ["quick"])) == []


def test_what_is_suggested_is_what_train_would_choose() -> None:
    read = corpus.from_text(TEXT)
    short, long = trials.suggestions(read, (1.0, 600.0))
    for chosen, seconds in ((short, 1.0), (long, 600.0)):
        assert chosen.training.time == seconds
        assert chosen.preset == "quick"  # there are fewer characters than parameters
    assert 50 < long.epochs / short.epochs < 7000  # about 600, but for the machine
    assert long.model.dropout >= short.model.dropout


def test_rare_characters_are_listed_rarest_first() -> None:
    text = "a" * 100 + "b" * 9 + "c" * 10 + "z" + "y" * 3 + "é" * 3
    assert text_check.rare_characters(corpus.from_text(text)) == [("z", 1), ("y", 3), ("é", 3), ("b", 9)]
    merged = corpus.from_text(text, config=ReadConfig(min_count=5))
    assert text_check.rare_characters(merged, fewer_than=4) == [("z", 1), ("y", 3), ("é", 3)]
    assert text_check.rare_characters(corpus.from_text(text, config=ReadConfig(bytes=True))) == []


# -- the command -----------------------------------------------------------------------------------------------------


def check(*arguments: str | Path, stdin: bytes = b"", **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "charrnn", "corpora", *map(str, arguments)],
        input=stdin.decode("latin-1"),
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=120,
        env=os.environ | {"COLUMNS": "80"} | environment,
    )


def test_check_tells_what_a_careful_friend_would(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(trials, "_SECONDS", 0.01)
    monkeypatch.setattr(autotune, "_TRIAL_SECONDS", 0.01)
    for name in ("a.txt", "copy.txt"):
        (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + (TEXT.replace("stile", "cafÃ©") + "\x1b[31m[bold]").encode())
    (tmp_path / "b.txt").write_bytes(TEXT.replace("\n", "\r\n").encode())
    done = CliRunner().invoke(app, ["corpora", "check", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert "\x1b" not in done.stdout
    for said in ("documents", "bits per character held out", "'cafÃ©,' for 'café,'", "copy.txt", "CRLF"):
        assert said in done.stdout, said
    assert re.search(r"LSTM 2 x 192 +[\d,]+ +[\d,]+ +\d", done.stdout)
    assert re.search(r"--time 5m +\w+: 2 x \d+", done.stdout)


def test_check_as_json(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(TEXT + "\ufffd", "utf-8")
    done = check("check", tmp_path / "a.txt", "--json", "--no-trials", "--lowercase")
    values = json.loads(done.stdout)
    assert (values["characters"], values["documents"], values["trials"]) == (len(TEXT) + 1, 1, [])
    assert [finding["kind"] for finding in values["findings"]] == ["short", "replacement"]
    assert values["baseline"]["bits"] > 0
    counts = Counter((TEXT + "\ufffd").lower()).most_common(20)
    assert sorted(map(tuple, values["common"]), key=lambda one: -one[1])[0] == counts[0]


def test_check_reads_what_train_reads(tmp_path: Path) -> None:
    assert "standard input" in check("check", "-", "--no-trials", stdin=TEXT.encode()).stdout
    missing = check("check", tmp_path / "none.txt", tmp_path / "neither.txt")
    assert missing.returncode == 1
    assert len(missing.stderr.splitlines()) == 1
    assert "none.txt" in missing.stderr
    assert "neither.txt" in missing.stderr
    assert check("check", "--normalize", "nfd").returncode == 2


def test_cache_is_listed_and_cleared(tmp_path: Path) -> None:
    place = {"CHARRNN_CACHE_DIR": str(tmp_path / "cache"), "CHARRNN_DATA_DIR": str(tmp_path / "data")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHARRNN_CACHE_DIR", place["CHARRNN_CACHE_DIR"])
        id_cache.store(
            "k", lambda: [np.zeros(5000, np.uint8)], np.dtype(np.uint8), {"name": "logs", "characters": 5000}
        )
    assert "In the cache" in check(**place).stdout
    listed = json.loads(check("--json", **place).stdout)["cache"]
    assert [(one["name"], one["characters"]) for one in listed] == [("logs", 5000)]
    assert "cleared 5." in check("clear", **place).stderr
    assert json.loads(check("--json", **place).stdout)["cache"] == []
    assert "In the cache" not in check(**place).stdout
