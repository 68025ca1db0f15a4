"""Texts of many documents and too large for memory, weights taken over, parts held still: through real trainings."""

from __future__ import annotations

import dataclasses
import gzip
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.trainings import CELLS, TEXT, finish, kept, make, same

from charrnn.commands.main import main
from charrnn.config import ModelConfig, ReadConfig, TrainConfig
from charrnn.errors import CorpusError, UsageError
from charrnn.network.torch_model import entering
from charrnn.runs import checkpoint
from charrnn.text import corpus, id_cache
from charrnn.training import validation
from charrnn.training.events import Progress, Snapshot
from charrnn.training.resume import resume_point, resumed
from charrnn.training.trainer import Trainer
from charrnn.training.windows import IGNORED

NETWORK = ModelConfig(rnn_size=16, embedding_size=8)
LEARNING = TrainConfig(
    batch_size=3, seq_length=8, iterations=14, warmup=2, snapshot_at=(4,), eval_every=5, sample_length=12, seed=5
)
SHORT = ("--rnn-size", "8", "--embedding-size", "4", "--batch-size", "4", "--seq-length", "16", "--sample-length", "40")


def folder(path: Path, texts: list[str]) -> Path:
    path.mkdir()
    for number, text in enumerate(texts):
        (path / f"{number:02}.txt").write_text(text, "utf-8")
    return path


def documents(path: Path) -> corpus.Corpus:
    texts = [TEXT[at : at + length] for at, length in ((0, 1), (10, 3), (20, 60), (90, 17), (120, 41), (200, 9))]
    return corpus.read(folder(path, texts), ReadConfig(documents=True))


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARRNN_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("CHARRNN_DATA_DIR", str(tmp_path / "data"))


# -- documents -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS)
def test_every_document_is_read_from_zero_and_alone(tmp_path: Path, cell: Any) -> None:
    """Every loss is that of its document read by itself, from a zero state, one character at a time."""
    source = documents(tmp_path / "d")
    network = dataclasses.replace(NETWORK, model=cell)
    # One stream: of several, some begin in the middle of a document.
    training = Trainer(source, network, dataclasses.replace(LEARNING, batch_size=1), device="cpu")
    model = training.model
    expected: dict[tuple[int, ...], float] = {}  # what was read of a document so far -> loss of the character after it
    for first, stop in source.split(0.1, 1_000_000).training:
        ids = source.ids[first:stop].tolist()
        state = model.zero_state(1)
        for at in range(len(ids) - 1):
            with torch.no_grad():
                loss, state = model.loss(torch.tensor([[ids[at]]]), torch.tensor([[ids[at + 1]]]), state)
            expected[tuple(ids[: at + 2])] = loss.item()
    seen: set[tuple[int, ...]] = set()
    state, sofar = model.zero_state(1), tuple[int, ...]()
    for index in range(training.streams.per_epoch):
        window = training.streams[index]
        state = entering(state, window.continues)
        with torch.no_grad():
            logits, state = model(torch.from_numpy(window.inputs), state)
            losses = torch.nn.functional.cross_entropy(
                logits.transpose(1, 2), torch.from_numpy(window.targets), reduction="none", ignore_index=IGNORED
            )
        sofar = sofar if window.continues[0] else (int(window.inputs[0, 0]),)
        for column, target in enumerate(window.targets[0].tolist()):
            if target != IGNORED:
                sofar = (*sofar, target)
                assert losses[0, column].item() == pytest.approx(expected[sofar], abs=1e-5)
                seen.add(sofar)
    assert seen == set(expected)  # every character of every document but its first, once an epoch


def test_characters_are_counted_without_padding(tmp_path: Path) -> None:
    training = Trainer(documents(tmp_path / "d"), NETWORK, LEARNING, device="cpu")
    for _ in range(training.streams.per_epoch):
        training.step()
    assert training.characters == sum(max(0, span.size - 1) for span in training.split.training)


def test_documents_resumed_anywhere_equal_never_stopped(tmp_path: Path) -> None:
    source = documents(tmp_path / "d")
    training = Trainer(source, dataclasses.replace(NETWORK, dropout=0.2), LEARNING, device="cpu")
    assert training.streams.per_epoch < 7  # two epochs at least
    points = [resume_point(training)]
    points += [resume_point(training) for event in training.events() if isinstance(event, Progress)]
    header, final = points[-1]
    for point in points[:-1]:
        again = resumed(kept(tmp_path / "r.safetensors", point), source, device="cpu")
        finish(again)
        now, tensors = resume_point(again)
        same(tensors, final)
        assert (now.characters, now.held_out_loss) == (header.characters, header.held_out_loss)


def test_held_out_loss_of_documents_is_measured_in_each(tmp_path: Path) -> None:
    source = documents(tmp_path / "d")
    training = Trainer(source, NETWORK, LEARNING, device="cpu")
    finish(training)
    total = count = 0.0
    for first, start, stop in source.split(0.1).held_out:
        if stop - max(start, first + 1) > 0:
            tail = [(0, max(start, first + 1) - first, stop - first)]
            ids = source.ids[first:stop]
            total += validation.held_out_loss(training.model, ids, tail, streams=1) * (stop - max(start, first + 1))
            count += stop - max(start, first + 1)
    assert training.evaluate() == pytest.approx(total / count, rel=1e-6)


def test_a_resumed_run_must_read_as_before(tmp_path: Path) -> None:
    path = folder(tmp_path / "d", [TEXT[:900], TEXT[900:1500]])
    first = Trainer(corpus.read(path), NETWORK, LEARNING, device="cpu")
    point = kept(tmp_path / "r.safetensors", resume_point(first))
    for other in ({"documents": True}, {"lowercase": True}, {"separator": "\n"}, {"min_count": 3}):
        with pytest.raises(CorpusError, match=r"read or joined in another way|changed"):
            resumed(point, corpus.read(path, ReadConfig(**other)), device="cpu")
    (path / "00.txt").write_text(TEXT[:901], "utf-8")
    (path / "02.txt").write_text("new", "utf-8")
    with pytest.raises(CorpusError, match=r"changed: '00.txt'; new: '02.txt'.*--init-from"):
        resumed(point, corpus.read(path), device="cpu")
    (path / "01.txt").unlink()
    with pytest.raises(CorpusError, match=r"missing: '01\.txt'"):
        resumed(point, corpus.read(path), device="cpu")


# -- too large for memory --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", [{}, {"stateless": True}, {"shift": 3}], ids=["tiled", "stateless", "overlapping"])
@pytest.mark.parametrize("reading", [{}, {"documents": True}, {"min_count": 9}], ids=["joined", "apart", "rare"])
def test_from_disk_as_from_memory(tmp_path: Path, settings: dict[str, Any], reading: dict[str, Any]) -> None:
    path = folder(tmp_path / "d", [TEXT[:900], TEXT[900:1500]])
    memory = corpus.read(path, ReadConfig(**reading))
    pieces = np.array_split(memory.ids[0 : len(memory)], 5)
    ids, _ = id_cache.store("k", lambda: pieces, memory.ids.dtype, {"name": "", "characters": 0})
    disk = dataclasses.replace(memory, ids=ids)
    config = dataclasses.replace(LEARNING, **settings)
    trained = [Trainer(one, NETWORK, config, device="cpu") for one in (memory, disk)]
    snapshots = [[event for event in one.events() if isinstance(event, Snapshot)] for one in trained]
    for one, other in zip(*snapshots, strict=True):
        same(one.tensors, other.tensors)
        assert one.header.held_out_loss == other.header.held_out_loss
        assert one.header.sample == other.header.sample


# -- parts held still ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frozen", "tied"),
    [
        (("embedding",), False),
        (("layers",), False),
        (("head",), False),
        (("embedding", "layers"), False),
        (("layers",), True),
        (("embedding", "head"), True),
    ],
)
def test_frozen_parts_stay_as_they_were(frozen: tuple[str, ...], tied: bool) -> None:
    training = make(freeze=frozen, weight_decay=0.5, layer_norm=True, tied=tied)
    before = training.model.weights()
    after = finish(training)
    held = {
        word
        for part in frozen
        for word in {"layers": ("layers", "norms"), "head": ("head", "projection")}.get(part, (part,))
    }
    for name in before:
        assert np.array_equal(before[name], after[name]) == (name.split(".")[0] in held), name
    assert tied == ("projection.weight" in before)


def test_frozen_resumed_equals_never_stopped(tmp_path: Path) -> None:
    training = make(freeze=("embedding",), dropout=0.3)
    for _ in range(5):
        training.step()
    point = kept(tmp_path / "r.safetensors", resume_point(training))
    again = resumed(point, training.corpus, device="cpu")
    same(finish(again), finish(training))


def test_what_cannot_be_frozen() -> None:
    for freeze, said in ((("heart",), "heart"), (("embedding", "layers", "head"), "nothing is left")):
        with pytest.raises(UsageError, match=said):
            TrainConfig(freeze=freeze)
    with pytest.raises(UsageError, match="--embedding-size 0"):
        make(freeze=("embedding",), embedding_size=0)
    with pytest.raises(UsageError, match="freeze both or neither"):
        make(freeze=("head",), tied=True)


# -- the command -----------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Done:
    returncode: int
    stdout: bytes
    stderr: bytes


class Cli:
    """The command, in an empty directory: in this process, or in one of its own where it is given standard input."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, captured: pytest.CaptureFixture[bytes]) -> None:
        self.monkeypatch, self.captured = monkeypatch, captured

    def __call__(self, *arguments: str | Path, stdin: bytes | None = None) -> Done:
        typed = list(map(str, arguments))
        if stdin is not None:
            done = subprocess.run(
                [sys.executable, "-m", "charrnn", *typed], input=stdin, capture_output=True, timeout=120
            )
            return Done(done.returncode, done.stdout, done.stderr)
        self.monkeypatch.setattr(sys, "argv", ["charrnn", *typed])
        with pytest.raises(SystemExit) as left:
            main()
        assert isinstance(left.value.code, int)
        return Done(left.value.code, *self.captured.readouterr())

    def train(self, *arguments: str | Path, stdin: bytes | None = None) -> str:
        """Train, and return what was said."""
        done = self("train", *arguments, "--device", "cpu", "--threads", "1", stdin=stdin)
        assert done.returncode == 0, done.stderr.decode()
        return done.stderr.decode()


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Iterator[Cli]:
    monkeypatch.chdir(tmp_path)
    yield Cli(monkeypatch, capfdbinary)
    torch.set_flush_denormal(False)


def loaded(path: Path) -> checkpoint.Checkpoint:
    return checkpoint.load(sorted(path.glob("iteration-*.safetensors"))[-1])


def test_crlf_with_a_mark_and_plain_lf_give_bit_identical_models(tmp_path: Path, cli: Cli) -> None:
    texts = {"lf": TEXT.encode(), "crlf": b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode()}
    texts["wide"] = TEXT.replace("\n", "\r").encode("utf-16")
    for name, data in texts.items():
        (tmp_path / name).write_bytes(data)
        cli.train(name, *SHORT, "--iterations", "12", "--name", name)
    first, *others = [loaded(tmp_path / "checkpoints" / name) for name in texts]
    for other in others:
        same(first.tensors, other.tensors)
        assert other.header.corpus["digest"] == first.header.corpus["digest"]
        assert other.header.held_out_loss == first.header.held_out_loss


def test_folder_pipe_and_archive_are_the_same_text(tmp_path: Path, cli: Cli) -> None:
    folder(tmp_path / "chapters", [TEXT])
    (tmp_path / "book.txt.gz").write_bytes(gzip.compress(TEXT.encode()))
    for name, source in (("folder", "chapters"), ("pipe", "-"), ("archive", "book.txt.gz")):
        said = cli.train(
            source, *SHORT, "--iterations", "5", "--name", name, stdin=TEXT.encode() if source == "-" else None
        )
        assert f"{len(TEXT):,} characters" in said
    first, *others = [loaded(tmp_path / "checkpoints" / name) for name in ("folder", "pipe", "archive")]
    for other in others:
        same(first.tensors, other.tensors)


def test_a_folder_is_found_again_by_resume(tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder(tmp_path / "chapters", [TEXT[:900], TEXT[900:1500]])
    (path / "notes.md").write_text("not this", "utf-8")
    options = ("--glob", "*.txt", "--documents", "--lowercase", "--iterations", "6")
    said = cli.train("chapters", *options, *SHORT, "--name", "run")
    assert "chapters: 2 documents apart, 1,500 characters" in said
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    cli.train("--resume", tmp_path / "checkpoints" / "run", "--iterations", "9")
    header = loaded(tmp_path / "checkpoints" / "run").header
    assert (header.iteration, header.reading.documents, header.reading.lowercase) == (9, True, True)
    assert header.corpus["documents"] == 2


def test_chinese_of_five_thousand_characters_trains_and_samples(tmp_path: Path, cli: Cli) -> None:
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


def test_any_unicode_round_trips_from_file_to_sample(tmp_path: Path, cli: Cli) -> None:
    text = "👩\u200d👩\u200d👧 e\u0301 שלום\u202e abc\u202c \u0928\u093f 𝔸\n" * 40
    (tmp_path / "text.txt").write_text(text, "utf-8")
    cli.train("text.txt", *SHORT, "--iterations", "4", "--name", "odd")
    done = cli("sample", "odd", "--length", "9", "--seed", "1", "--prime", text)
    assert done.stdout.decode()[:-9] == text


def test_bytes_train_and_sample_exactly(tmp_path: Path, cli: Cli) -> None:
    data = bytes(range(256)) * 40
    (tmp_path / "data.bin").write_bytes(data)
    said = cli.train("data.bin", "--bytes", *SHORT, "--iterations", "4", "--name", "bytes")
    assert "10,240 bytes" in said
    done = cli("sample", "bytes", "--length", "64", "--seed", "1", "--prime", "é")
    assert len(done.stdout) == 2 + 64
    assert done.stdout.startswith("é".encode())
    assert cli("compare", "bytes").returncode == 0
    assert b"all 256 bytes" in cli("runs", "show", "bytes").stdout


def test_the_unknown_symbol_is_never_sampled(tmp_path: Path, cli: Cli) -> None:
    rare = "".join(map(chr, range(0x4E00, 0x4E00 + 600)))
    (tmp_path / "text.txt").write_text((rare + "abcd") * 3 + "abcd", "utf-8")  # nearly all of it is rare
    said = cli.train("text.txt", "--min-count", "4", *SHORT, "--iterations", "30", "--name", "rare")
    assert "604 distinct, 600 of them rare enough to be one unknown symbol" in said
    kept_one = loaded(tmp_path / "checkpoints" / "rare")
    assert kept_one.header.vocabulary.characters == ("a", "b", "c", "d", "\ufffd")
    assert kept_one.header.held_out_loss is not None
    assert kept_one.header.held_out_loss < 0.5  # the unknown symbol is what it expects
    for temperature in ("0", "0.8"):
        done = cli("sample", "rare", "--length", "200", "--temperature", temperature, "--seed", "3")
        assert set(done.stdout.decode()) <= set("abcd")
    refused = cli("sample", "rare", "--prime", "一")
    assert refused.returncode == 1
    assert cli("sample", "rare", "-n", "3", "--prime", "一", "--unseen", "replace").returncode == 0


# -- weights taken over ------------------------------------------------------------------------------------------------

ENGLISH = TEXT
ACCENTED = "".join(f"{n} moutons, été après été: où sont-ils allés?\n" for n in range(60))


def rows(kept_one: checkpoint.Checkpoint, name: str) -> dict[str, np.ndarray]:
    characters = kept_one.header.vocabulary.characters
    return dict(zip(characters, kept_one.tensors[name], strict=True))


def test_trained_on_with_another_alphabet_every_character_keeps_its_meaning(tmp_path: Path, cli: Cli) -> None:
    (tmp_path / "a.txt").write_text(ENGLISH, "utf-8")
    (tmp_path / "b.txt").write_text(ACCENTED, "utf-8")
    cli.train("a.txt", *SHORT, "--model", "gru", "--iterations", "30", "--learning-rate", "0.02", "--name", "a")
    # A learning rate of nearly nothing: what is kept is what was begun with.
    still = ("--learning-rate", "1e-30", "--weight-decay", "0", "--iterations", "1")
    said = cli.train("b.txt", "--init-from", "a", *still, "--batch-size", "4", "--seq-length", "16", "--name", "b")
    shared = set(ENGLISH) & set(ACCENTED)
    assert f"{len(shared)} characters carried over; new: " in said
    assert "dropped: " in said
    before, after = (loaded(tmp_path / "checkpoints" / name) for name in ("a", "b"))
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
    fresh = loaded(tmp_path / "checkpoints" / "fresh").header.held_out_loss
    assert fresh is not None
    assert after.header.held_out_loss is not None
    assert after.header.held_out_loss < fresh - 0.1


def test_a_pretrained_embedding_held_still_under_new_layers(tmp_path: Path, cli: Cli) -> None:
    (tmp_path / "a.txt").write_text(ENGLISH, "utf-8")
    (tmp_path / "b.txt").write_text(ENGLISH.replace("sheep", "goats"), "utf-8")
    cli.train("a.txt", *SHORT, "--iterations", "20", "--name", "a")
    options = ("--embedding-from", "a", "--freeze", "embedding", "--rnn-size", "12", "--model", "rnn")
    small = ("--batch-size", "4", "--seq-length", "16", "--sample-length", "40")
    cli.train("b.txt", *options, *small, "--iterations", "10", "--snapshot-at", "4", "--name", "b")
    before = loaded(tmp_path / "checkpoints" / "a")
    for path in sorted((tmp_path / "checkpoints" / "b").glob("iteration-*.safetensors")):
        after = checkpoint.load(path)
        assert (after.header.model.model, after.header.model.embedding_size) == ("rnn", 4)
        old, new = rows(before, "embedding.weight"), rows(after, "embedding.weight")
        assert all(np.array_equal(old[character], new[character]) for character in set(old) & set(new))
    cli.train("--resume", "b", "--iterations", "12")
    again = loaded(tmp_path / "checkpoints" / "b")
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
        (("--resume", "a", "--init-from", "a"), "keeps its settings"),
    ],
)
def test_weights_that_do_not_fit_are_refused(tmp_path: Path, cli: Cli, options: tuple[str, ...], said: str) -> None:
    (tmp_path / "a.txt").write_text(ENGLISH, "utf-8")
    cli.train("a.txt", *SHORT, "--iterations", "3", "--name", "a")
    done = cli("train", "a.txt", *options, "--name", "b")
    assert done.returncode in (1, 2)
    assert said in done.stderr.decode()
    assert len(done.stderr.decode().splitlines()) == 1
    assert not (tmp_path / "checkpoints" / "b").exists()


def test_what_a_checkpoint_was_read_like_is_kept(tmp_path: Path, cli: Cli) -> None:
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
    header = loaded(tmp_path / "checkpoints" / "b").header
    assert header.reading.lowercase
    assert header.vocabulary == loaded(tmp_path / "checkpoints" / "a").header.vocabulary


# -- names and licences ------------------------------------------------------------------------------------------------


def test_a_fetched_text_is_trained_on_by_name(tmp_path: Path, cli: Cli) -> None:
    refused = cli("train", "war-and-peace")
    assert refused.returncode == 1
    assert b"charrnn corpora fetch war-and-peace" in refused.stderr
    (tmp_path / "data" / "corpora").mkdir(parents=True)
    (tmp_path / "data" / "corpora" / "war-and-peace.txt").write_text(TEXT, "utf-8")
    said = cli.train("war-and-peace", *SHORT, "--iterations", "3")
    assert f"war-and-peace.txt: {len(TEXT):,} characters" in said
    assert (tmp_path / "checkpoints" / "war-and-peace-1").is_dir()


def test_a_licence_is_pointed_at_and_left_out_when_asked(tmp_path: Path, cli: Cli) -> None:
    marks = [f"*** {mark} OF THE PROJECT GUTENBERG EBOOK SHEEP ***" for mark in ("START", "END")]
    (tmp_path / "sheep.txt").write_text(f"Licence.\n\n{marks[0]}\n\n{TEXT}\n{marks[1]}\nMore.\n", "utf-8")
    said = cli.train("sheep.txt", *SHORT, "--iterations", "3")
    assert "charrnn: Project Gutenberg's licence in 1 document: sheep.txt. --strip-gutenberg leaves it out.\n" in said
    said = cli.train("sheep.txt", "--strip-gutenberg", *SHORT, "--iterations", "3", "--name", "stripped")
    assert "licence" not in said
    assert not set(loaded(tmp_path / "checkpoints" / "stripped").header.vocabulary.characters) - set(TEXT)
