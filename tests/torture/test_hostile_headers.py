"""Each value in a checkpoint's header becomes another, under a true checksum: every verb goes on or says why."""

from __future__ import annotations

import json
import random
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import crafting
from helpers.command_line import CommandLine

import charrnn
from charrnn.config import ReadConfig
from charrnn.runs import checkpoint, listing
from charrnn.text import corpus
from charrnn.training.resume import resumed

SEED = 20261129
LONGEST = 60.0  # seconds of all that is done with a file: it hangs
TEXT = "".join(f"{n} ships came in.\n\n« {n * n} » went out again.\n\n" for n in range(40))
TINY: dict[str, Any] = {"embedding_size": 4, "batch_size": 2, "seq_length": 8, "device": "cpu", "sample_length": 9}
TINY |= {"iterations": 4, "rnn_size": 6, "precision": "float32", "snapshot_at": (2,), "eval_every": 2}
VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1.5,
    2**63,
    10**400,
    1e308,
    "",
    "x" * 100_000,
    "\x1b]0;x\x07\u202e\n\r",
    [],
)
VALUES += ({}, [[[[[[[[1]]]]]]]], [0] * 1000, ["\x1b[2J"], {"what": {"a": []}}, "\ud800", "../../x", float(2**70))
REMOVED, RENAMED = object(), object()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a text and a validation text, with counts; begun from another's weights."""
    root = tmp_path_factory.mktemp("trained")
    (root / "book.txt").write_text(TEXT, "utf-8")
    (root / "other.txt").write_text(TEXT[: len(TEXT) // 3], "utf-8")
    reading = ReadConfig(documents=True, document_separator="\n\n")
    for name, begun in (("first", {}), ("run", {"init_from": root / "first"})):
        source = corpus.read(root / "book.txt", reading, val_text=root / "other.txt")
        for _ in charrnn.train(source, checkpoint_dir=root, name=name, **TINY, **begun):
            pass
    shutil.rmtree(root / "first")
    return root / "run"


def mutations(header: Any) -> Iterator[tuple[tuple[Any, ...], Any]]:
    for at in crafting.places(header):
        yield from ((at, value) for value in (*VALUES, REMOVED, RENAMED))


def mutated(header: Any, at: tuple[Any, ...], value: Any) -> Any:
    if value is REMOVED:
        return crafting.removed(header, at)
    if value is RENAMED:
        return (
            crafting.replaced(crafting.removed(header, at), (*at[:-1], "\x1b[31m"), 1)
            if isinstance(at[-1], str)
            else header
        )
    return crafting.replaced(header, at, value)


@pytest.mark.parametrize("name", ["iteration-000004", "resume"])
def test_any_value_in_a_header_is_refused_or_harmless(
    trained: Path,
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
    rounds: Callable[[int, int], int],
    tell_figure: Callable[[str], None],
) -> None:
    monkeypatch.chdir(tmp_path)
    typed = CommandLine(monkeypatch, capfdbinary)
    run = shutil.copytree(trained, tmp_path / "checkpoints" / "run")
    shutil.copy(trained.parent / "book.txt", tmp_path)
    path = run / f"{name}.safetensors"
    whole, header = checkpoint.load(path), crafting.header_of(path)
    source = corpus.read(trained.parent / "book.txt", whole.header.reading, val_text=trained.parent / "other.txt")
    everything = list(mutations(header))
    chosen = random.Random(SEED).sample(everything, min(len(everything), rounds(80, len(everything))))
    with_commands, refused = rounds(3, 150), 0
    for number, (at, value) in enumerate(chosen):
        crafting.write(path, mutated(header, at, value), whole.tensors)
        began = time.monotonic()
        try:
            refused += bool(use(path, source))
            if number < with_commands:
                command(typed, run, path)
        except BaseException as error:
            raise AssertionError(f"seed {SEED}: {at} = {value!r:.60}") from error
        took = time.monotonic() - began
        assert took < LONGEST, f"seed {SEED}: {at} = {value!r:.60} took {took:.1f} s"
    tell_figure(f"{name}: {len(chosen)} values in its header replaced: {refused} refused, the others harmless")


def use(path: Path, source: corpus.Corpus) -> str:
    """Use a crafted file in every way that the library has; why it is refused, or ""."""
    said = crafting.outcome(lambda: checkpoint.read_header(path))
    assert not said or str(path) in said
    crafting.outcome(lambda: charrnn.load(path).generate("", 5))
    crafting.outcome(lambda: charrnn.load(path).bits("12 ships"))
    crafting.outcome(lambda: listing.listing(path.parent.parent))
    crafting.outcome(lambda: listing.provenance(path))
    if path.name == "resume.safetensors":
        crafting.outcome(lambda: resumed(checkpoint.load(path), source, device="cpu", iterations=9).step())
    return said


def command(typed: CommandLine, run: Path, path: Path) -> None:
    """Call the commands that read it, beside a checkpoint that is whole."""
    for arguments in (
        ("runs", "--checkpoint-dir", run.parent),
        ("runs", "--checkpoint-dir", run.parent, "--json"),
        ("runs", "show", path),
        ("sample", run, "-n", "5", "--seed", "1"),
        ("compare", run, "-n", "5"),
        ("report", run, "-o", run.parent / "report.html", "-n", "5"),
    ):
        done = typed(*arguments)
        shown = done.stderr.decode() + done.stdout.decode("utf-8", "surrogateescape")
        assert done.returncode in (0, 1, 2), arguments
        assert "Traceback" not in shown, arguments
        assert "\x1b" not in shown, arguments
        if "--json" in arguments and done.returncode == 0:
            json.loads(done.stdout)
