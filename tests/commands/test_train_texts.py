"""`charrnn train` on texts of every kind: what was read, trained on, and can be sampled again."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import numpy as np
import pytest
from helpers.command_line import SHORT, CommandLine, latest_snapshot
from helpers.trainings import TEXT, assert_same, folder

from charrnn.evaluation.verdict import of_run
from charrnn.runs.run import Run


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> CommandLine:
    monkeypatch.setenv("CHARRNN_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("CHARRNN_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    return CommandLine(monkeypatch, capfdbinary)


def test_crlf_with_a_mark_and_plain_lf_give_bit_identical_models(tmp_path: Path, cli: CommandLine) -> None:
    texts = {"lf": TEXT.encode(), "crlf": b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode()}
    texts["wide"] = TEXT.replace("\n", "\r").encode("utf-16")
    for name, data in texts.items():
        (tmp_path / name).write_bytes(data)
        cli.train(name, *SHORT, "--iterations", "12", "--name", name)
    first, *others = [latest_snapshot(tmp_path / "checkpoints" / name) for name in texts]
    for other in others:
        assert_same(first.tensors, other.tensors)
        assert other.header.corpus["digest"] == first.header.corpus["digest"]
        assert other.header.held_out_loss == first.header.held_out_loss


def test_folder_pipe_and_archive_are_the_same_text(tmp_path: Path, cli: CommandLine) -> None:
    folder(tmp_path / "chapters", [TEXT])
    (tmp_path / "book.txt.gz").write_bytes(gzip.compress(TEXT.encode()))
    for name, source in (("folder", "chapters"), ("pipe", "-"), ("archive", "book.txt.gz")):
        said = cli.train(
            source, *SHORT, "--iterations", "5", "--name", name, stdin=TEXT.encode() if source == "-" else None
        )
        assert f"{len(TEXT):,} characters" in said
    first, *others = [latest_snapshot(tmp_path / "checkpoints" / name) for name in ("folder", "pipe", "archive")]
    for other in others:
        assert_same(first.tensors, other.tensors)


def test_a_folder_is_found_again_by_resume(tmp_path: Path, cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder(tmp_path / "chapters", [TEXT[:900], TEXT[900:1500]])
    (path / "notes.md").write_text("not this", "utf-8")
    options = ("--glob", "*.txt", "--documents", "--lowercase", "--iterations", "6")
    said = cli.train("chapters", *options, *SHORT, "--name", "run")
    assert "chapters: 2 documents apart, 1,500 characters" in said
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    cli.train("--resume", tmp_path / "checkpoints" / "run", "--iterations", "9")
    header = latest_snapshot(tmp_path / "checkpoints" / "run").header
    assert (header.iteration, header.reading.documents, header.reading.lowercase) == (9, True, True)
    assert header.corpus["documents"] == 2


def test_chinese_of_five_thousand_characters_trains_and_samples(tmp_path: Path, cli: CommandLine) -> None:
    rng = np.random.default_rng(0)
    points = 0x4E00 + np.concatenate((rng.permutation(5000), rng.geometric(0.004, 30_000) % 5000))
    text = "".join(map(chr, points.tolist()))
    (tmp_path / "text.txt").write_text(text, "utf-8")
    said = cli.train("text.txt", *SHORT, "--iterations", "4", "--name", "han")
    assert "35,000 characters, 5,000 distinct" in said
    done = cli("sample", "han", "--length", "50", "--seed", "1", "--prime", text[0])
    written = done.stdout.decode()
    assert len(written) == 51
    assert set(written) <= set(text)


def test_any_unicode_round_trips_from_file_to_sample(tmp_path: Path, cli: CommandLine) -> None:
    text = "👩\u200d👩\u200d👧 e\u0301 שלום\u202e abc\u202c \u0928\u093f 𝔸\n" * 40
    (tmp_path / "text.txt").write_text(text, "utf-8")
    cli.train("text.txt", *SHORT, "--iterations", "4", "--name", "odd")
    done = cli("sample", "odd", "--length", "9", "--seed", "1", "--prime", text)
    assert done.stdout.decode()[:-9] == text


def test_bytes_train_and_sample_exactly(tmp_path: Path, cli: CommandLine) -> None:
    data = bytes(range(256)) * 40
    (tmp_path / "data.bin").write_bytes(data)
    said = cli.train("data.bin", "--bytes", *SHORT, "--iterations", "4", "--name", "bytes")
    assert "10,240 bytes" in said
    done = cli("sample", "bytes", "--length", "64", "--seed", "1", "--prime", "é")
    assert len(done.stdout) == 2 + 64
    assert done.stdout.startswith("é".encode())
    assert cli("compare", "bytes").returncode == 0
    assert b"all 256 bytes" in cli("runs", "show", "bytes").stdout


def test_the_unknown_symbol_is_never_sampled(tmp_path: Path, cli: CommandLine) -> None:
    rare = "".join(map(chr, range(0x4E00, 0x4E00 + 600)))
    (tmp_path / "text.txt").write_text((rare + "abcd") * 3 + "abcd", "utf-8")  # nearly all of it is rare
    said = cli.train("text.txt", "--min-count", "4", *SHORT, "--iterations", "30", "--name", "rare")
    assert "604 distinct, 600 of them rare enough to be one unknown symbol" in said
    snapshot_file = latest_snapshot(tmp_path / "checkpoints" / "rare")
    assert snapshot_file.header.vocabulary.characters == ("a", "b", "c", "d", "\ufffd")
    assert snapshot_file.header.held_out_loss is not None
    assert snapshot_file.header.held_out_loss < 0.5  # the unknown symbol is what it expects
    for temperature in ("0", "0.8"):
        done = cli("sample", "rare", "--length", "200", "--temperature", temperature, "--seed", "3")
        assert set(done.stdout.decode()) <= set("abcd")
    refused = cli("sample", "rare", "--prime", "一")
    assert refused.returncode == 1
    assert cli("sample", "rare", "-n", "3", "--prime", "一", "--unseen", "replace").returncode == 0


def test_a_fetched_text_is_trained_on_by_name(tmp_path: Path, cli: CommandLine) -> None:
    refused = cli("train", "war-and-peace")
    assert refused.returncode == 1
    assert b"charrnn corpora fetch war-and-peace" in refused.stderr
    (tmp_path / "data" / "corpora").mkdir(parents=True)
    (tmp_path / "data" / "corpora" / "war-and-peace.txt").write_text(TEXT, "utf-8")
    said = cli.train("war-and-peace", *SHORT, "--iterations", "3")
    assert f"war-and-peace.txt: {len(TEXT):,} characters" in said
    assert (tmp_path / "checkpoints" / "war-and-peace-1").is_dir()


def test_a_licence_is_pointed_at_and_left_out_when_asked(tmp_path: Path, cli: CommandLine) -> None:
    marks = [f"*** {mark} OF THE PROJECT GUTENBERG EBOOK SHEEP ***" for mark in ("START", "END")]
    (tmp_path / "sheep.txt").write_text(f"Licence.\n\n{marks[0]}\n\n{TEXT}\n{marks[1]}\nMore.\n", "utf-8")
    said = cli.train("sheep.txt", *SHORT, "--iterations", "3")
    assert "charrnn: Project Gutenberg's licence in 1 document: sheep.txt. --strip-gutenberg leaves it out.\n" in said
    said = cli.train("sheep.txt", "--strip-gutenberg", *SHORT, "--iterations", "3", "--name", "stripped")
    assert "licence" not in said
    assert not set(latest_snapshot(tmp_path / "checkpoints" / "stripped").header.vocabulary.characters) - set(TEXT)


def test_what_makes_the_held_out_text_a_bad_measure_is_said_kept_and_judged(tmp_path: Path, cli: CommandLine) -> None:
    rng = random.Random(0)
    words = {"".join(rng.choice("bdfgklmnprst") + rng.choice("aeiou") for _ in range(3)) for _ in range(1500)}
    (tmp_path / "words").write_text("\n".join(sorted(words)), "utf-8")
    measured = ("--eval-every", "30", "--iterations", "120", "--learning-rate", "0.01")
    said = cli.train("words", *SHORT, *measured, "--name", "sorted")
    assert "charrnn: the lines are in alphabetical order, and what is held out begins with 's" in said
    header = latest_snapshot(tmp_path / "checkpoints" / "sorted").header
    assert [finding.kind for finding in header.findings] == ["sorted-lines"]
    verdict = of_run(Run(tmp_path / "checkpoints" / "sorted"))
    assert verdict is not None
    assert verdict.outcome != "too short to say"
    assert any("--shuffle lines" in sentence for sentence in verdict.sentences)
    cli.train("--resume", tmp_path / "checkpoints" / "sorted", "--iterations", "124")
    assert latest_snapshot(tmp_path / "checkpoints" / "sorted").header.findings == header.findings
    assert "alphabetical" not in cli.train("words", *SHORT, *measured, "--shuffle", "lines", "--name", "shuffled")
    assert latest_snapshot(tmp_path / "checkpoints" / "shuffled").header.findings == ()


@pytest.mark.parametrize("name", ["page.html", "letters.txt"])
def test_markup_and_a_guessed_encoding_are_said(tmp_path: Path, cli: CommandLine, name: str) -> None:
    text = f"<html><body>{TEXT}</body></html>" if name == "page.html" else "Ça été là où l’œuvre est.\n" + TEXT
    (tmp_path / name).write_bytes(text.encode("cp1252"))
    said = cli.train(name, *SHORT, "--iterations", "5")
    assert ("HTML: its tags will be learnt too" if name == "page.html" else "read as cp1252, not being UTF-8") in said


@pytest.mark.parametrize("preset", ["char-rnn", "torch-rnn"])
def test_a_recipe_of_another_program_is_trained(cli: CommandLine, preset: str) -> None:
    Path("ships.txt").write_text(TEXT[:2800])  # one window of 50 for each of 50 streams
    said = cli.train("ships.txt", "--preset", preset, "--sample-length", "20")
    assert "train   50 iterations (50.0 epochs) of 50 streams x 50 characters" in said
    shown = next(row for row in said.splitlines() if row.startswith(f"preset  {preset}: --model lstm --num-layers 2"))
    assert "--decay step" in shown
    header = latest_snapshot(Path("checkpoints/ships-1")).header
    assert (header.iteration, header.training.decay) == (50, "step")
    again = cli("train", "--resume", "ships-1", "--preset", preset, "--max-epochs", "51")
    assert again.returncode == 0, again.stderr.decode()
    shorter = cli(
        "train", "ships.txt", "--preset", preset, "--batch-size", "49", "--iterations", "2", "--device", "cpu"
    )
    assert "2 iterations (2.0 epochs) of 49 streams" in shorter.stderr.decode()
