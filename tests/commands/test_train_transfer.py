"""`charrnn train --init-from` and `--embedding-from`: trainings that begin with another's weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.command_line import SHORT, CommandLine, latest_snapshot
from helpers.trainings import TEXT

from charrnn.runs import checkpoint


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> CommandLine:
    monkeypatch.setenv("CHARRNN_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("CHARRNN_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    return CommandLine(monkeypatch, capfdbinary)


ENGLISH = TEXT


ACCENTED = "".join(f"{n} moutons, été après été: où sont-ils allés?\n" for n in range(60))


def rows(snapshot_file: checkpoint.Checkpoint, name: str) -> dict[str, np.ndarray]:
    characters = snapshot_file.header.vocabulary.characters
    return dict(zip(characters, snapshot_file.tensors[name], strict=True))


def test_trained_on_with_another_alphabet_every_character_keeps_its_meaning(tmp_path: Path, cli: CommandLine) -> None:
    (tmp_path / "a.txt").write_text(ENGLISH, "utf-8")
    (tmp_path / "b.txt").write_text(ACCENTED, "utf-8")
    cli.train("a.txt", *SHORT, "--model", "gru", "--iterations", "30", "--learning-rate", "0.02", "--name", "a")
    # A learning rate of nearly nothing: what is kept is what was begun with.
    still = ("--learning-rate", "1e-30", "--weight-decay", "0", "--iterations", "1")
    said = cli.train("b.txt", "--init-from", "a", *still, "--batch-size", "4", "--seq-length", "16", "--name", "b")
    shared = set(ENGLISH) & set(ACCENTED)
    assert f"{len(shared)} characters carried over; new: " in said
    assert "dropped: " in said
    before, after = (latest_snapshot(tmp_path / "checkpoints" / name) for name in ("a", "b"))
    assert after.header.model == before.header.model  # taken from the checkpoint, unasked
    assert list(after.header.vocabulary.characters) == sorted(set(ACCENTED))
    for name in ("embedding.weight", "head.weight", "head.bias"):
        old, new = rows(before, name), rows(after, name)
        assert all(np.array_equal(old[character], new[character]) for character in shared), name
    for name in before.weights:
        if name.startswith(("layers.", "norms.")):
            assert np.array_equal(before.tensors[name], after.tensors[name]), name
    assert after.header.began_from["sha256"] == before.digest
    shown = cli("runs", "show", "b").stdout.decode()
    assert "began from" in shown
    # And it starts better than a fresh one: what was learnt is not lost.
    cli.train("b.txt", *SHORT, "--model", "gru", *still, "--name", "fresh")
    fresh = latest_snapshot(tmp_path / "checkpoints" / "fresh").header.held_out_loss
    assert fresh is not None
    assert after.header.held_out_loss is not None
    assert after.header.held_out_loss < fresh - 0.1


def test_a_pretrained_embedding_held_still_under_new_layers(tmp_path: Path, cli: CommandLine) -> None:
    (tmp_path / "a.txt").write_text(ENGLISH, "utf-8")
    (tmp_path / "b.txt").write_text(ENGLISH.replace("sheep", "goats"), "utf-8")
    cli.train("a.txt", *SHORT, "--iterations", "20", "--name", "a")
    options = ("--embedding-from", "a", "--freeze", "embedding", "--rnn-size", "12", "--model", "rnn")
    small = ("--batch-size", "4", "--seq-length", "16", "--sample-length", "40")
    cli.train("b.txt", *options, *small, "--iterations", "10", "--snapshot-at", "4", "--name", "b")
    before = latest_snapshot(tmp_path / "checkpoints" / "a")
    for path in sorted((tmp_path / "checkpoints" / "b").glob("iteration-*.safetensors")):
        after = checkpoint.load(path)
        assert (after.header.model.model, after.header.model.embedding_size) == ("rnn", 4)
        old, new = rows(before, "embedding.weight"), rows(after, "embedding.weight")
        assert all(np.array_equal(old[character], new[character]) for character in set(old) & set(new))
    cli.train("--resume", "b", "--iterations", "12")
    again = latest_snapshot(tmp_path / "checkpoints" / "b")
    assert again.header.began_from["what"] == "embedding"
    assert np.array_equal(rows(again, "embedding.weight")["s"], old["s"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--init-from", "a", "--rnn-size", "9"), "--rnn-size"),
        (("--init-from", "a", "--bytes"), "bytes"),
        (("--init-from", "a", "--embedding-from", "a"), "contradict"),
        (("--embedding-from", "a", "--embedding-size", "5"), "--embedding-size"),
        (("--init-from", "nothing"), "nothing"),
        (("--resume", "a", "--init-from", "a"), "--name b"),
    ],
)
def test_weights_that_do_not_fit_are_refused(
    tmp_path: Path, cli: CommandLine, options: tuple[str, ...], said: str
) -> None:
    (tmp_path / "a.txt").write_text(ENGLISH, "utf-8")
    cli.train("a.txt", *SHORT, "--iterations", "3", "--name", "a")
    done = cli("train", "a.txt", *options, "--name", "b")
    assert done.returncode in (1, 2)
    assert said in done.stderr.decode()
    assert len(done.stderr.decode().splitlines()) == 1
    assert not (tmp_path / "checkpoints" / "b").exists()


def test_what_a_checkpoint_was_read_like_is_kept(tmp_path: Path, cli: CommandLine) -> None:
    (tmp_path / "a.txt").write_text(ENGLISH, "utf-8")
    cli.train("a.txt", "--lowercase", *SHORT, "--iterations", "3", "--name", "a")
    cli.train(
        "a.txt",
        "--init-from",
        "a",
        "--batch-size",
        "4",
        "--seq-length",
        "16",
        "--iterations",
        "3",
        "--name",
        "b",
    )
    header = latest_snapshot(tmp_path / "checkpoints" / "b").header
    assert header.reading.lowercase
    assert header.vocabulary == latest_snapshot(tmp_path / "checkpoints" / "a").header.vocabulary


def test_a_direction_is_that_of_the_weights_unless_another_is_typed(tmp_path: Path, cli: CommandLine) -> None:
    (tmp_path / "a.txt").write_text(ENGLISH, "utf-8")
    said = cli.train("a.txt", *SHORT, "--iterations", "2", "--backward", "--name", "b")
    assert "backward, from the end of the text" in said
    assert cli("sample", "b", "--ending", "said Ann", "-n", "5").stdout.endswith(b"said Ann")
    few = ("--iterations", "1", "--batch-size", "4", "--seq-length", "16", "--sample-length", "0")
    assert "learnt anew" not in cli.train("a.txt", "--init-from", "b", *few, "--name", "c")
    assert latest_snapshot(tmp_path / "checkpoints" / "c").header.backward
    said = cli.train("a.txt", "--init-from", "b", "--no-backward", *few, "--name", "d")
    assert "it was trained backward: forward, what it knows of the order of characters is learnt anew" in said
    assert not latest_snapshot(tmp_path / "checkpoints" / "d").header.backward
    refused = cli("train", "--resume", "b", "--no-backward", "--iterations", "4")
    assert refused.returncode == 2
    assert b"--no-backward: a resumed run keeps its settings (--backward)" in refused.stderr
