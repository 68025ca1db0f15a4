"""A training on the text read from its end is that of the text written from its end."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from helpers import tiny
from helpers.trainings import TEXT, assert_same, finish, folder, stored

from charrnn.config import ModelConfig, ReadConfig, StartConfig, TrainConfig
from charrnn.errors import UsageError
from charrnn.formatting import CHARACTER
from charrnn.runs.run import Run
from charrnn.terminal.training_lines import window_line
from charrnn.text import corpus
from charrnn.text.corpus import Corpus
from charrnn.training.beginning import Beginning
from charrnn.training.events import Snapshot
from charrnn.training.resume import resume_point, resumed
from charrnn.training.resumption import Resumption
from charrnn.training.trainer import Trainer

MODEL = ModelConfig(rnn_size=8, embedding_size=4, layer_norm=False)
TRAINING = TrainConfig(
    batch_size=3, seq_length=8, iterations=6, warmup=2, snapshot_at=(3,), eval_every=2, sample_length=12, seed=5
)


def trainer(source: Corpus, *, backward: bool = False, **settings: object) -> Trainer:
    config = dataclasses.replace(TRAINING, backward=backward, **{"val_frac": 0.0} | settings)  # type: ignore[arg-type]
    return Trainer(source, MODEL, config, device="cpu")


def losses(training: Trainer) -> list[tuple[float | None, float | None, float | None]]:
    """Train to the end: at each snapshot the losses of training text, held-out text, and that with counts."""
    headers = [event.header for event in training.events() if isinstance(event, Snapshot)]
    return [(header.train_loss, header.held_out_loss, header.mixed_loss) for header in headers]


def check_same(backward: Trainer, forward: Trainer) -> None:
    """The two directions come to the same, bit for bit, on texts of which one is the other from its end."""
    measured = losses(backward)
    assert measured == losses(forward)
    assert_same(backward.model.weights(), forward.model.weights())
    assert backward.held_out == 0 or measured[-1][2] is not None


@pytest.mark.parametrize("settings", [{}, {"stateless": True}, {"shift": 3, "rotate": True}], ids=str)
def test_backward_is_forward_on_the_text_from_its_end(settings: dict[str, object]) -> None:
    backward = trainer(corpus.from_text(TEXT), backward=True, **settings)
    check_same(backward, trainer(corpus.from_text(TEXT[::-1]), **settings))


def test_bytes_are_read_from_the_last_to_the_first() -> None:
    text, config = "sé 1 né 2 €\n" * 20, ReadConfig(bytes=True)
    from_the_end = text.encode()[::-1].decode("utf-8", "surrogateescape")
    backward = trainer(corpus.from_text(text, config=config), backward=True)
    check_same(backward, trainer(corpus.from_text(from_the_end, config=config)))


def test_a_validation_text_is_read_from_its_end_too(tmp_path: Path) -> None:
    trainings = []
    for text, held_out, backward in ((TEXT, "Ann said: 40 sheep\n", True), (TEXT[::-1], "\npeehs 04 :dias nnA", False)):
        path = tmp_path / f"{backward}.txt"
        path.write_text(held_out * 5, "utf-8")
        trainings.append(trainer(corpus.with_validation(corpus.from_text(text), path), backward=backward))
    check_same(*trainings)


def test_documents_are_those_from_their_ends_from_the_last_to_the_first(tmp_path: Path) -> None:
    texts = [TEXT[at : at + 37] for at in range(0, 900, 90)]
    config, held_out = ReadConfig(documents=True), tmp_path / "held-out"
    sources = []
    for name, documents in (("forward", texts), ("backward", [text[::-1] for text in texts[::-1]])):
        source = corpus.read(folder(tmp_path / name, documents[2:-2]), config)
        held_out = folder(tmp_path / f"{name}-held-out", [*documents[:2], *documents[-2:]])
        sources.append(corpus.with_validation(source, held_out))
    check_same(trainer(sources[0], backward=True), trainer(sources[1]))


def test_a_training_goes_on_as_if_it_had_never_stopped(tmp_path: Path) -> None:
    source = corpus.from_text(TEXT)
    training = trainer(source, backward=True, val_frac=0.1)
    for _ in range(3):
        training.step()
    again = resumed(stored(tmp_path / "resume.safetensors", resume_point(training)), source, device="cpu")
    assert again.config.backward
    assert_same(finish(again), finish(trainer(source, backward=True, val_frac=0.1)))


def begun(tmp_path: Path, path: Path, given: dict[str, object], start: StartConfig) -> tuple[Trainer, str | None]:
    """A training that begins with a checkpoint's weights, as `charrnn train` begins it."""
    training = dataclasses.replace(TRAINING, **given)  # type: ignore[arg-type]
    trained, _, note = Beginning.of(start, MODEL, training, ReadConfig(), given, tmp_path).begin(
        corpus.from_text(TEXT), "cpu"
    )
    return trained, note


def test_weights_of_the_other_direction_are_taken_and_it_is_said(tmp_path: Path) -> None:
    point = resume_point(trainer(corpus.from_text(TEXT), backward=True))
    stored(path := tmp_path / "b.safetensors", point)
    kept, note = begun(tmp_path, path, {}, StartConfig(init_from=path))
    assert kept.config.backward  # as it was
    assert note is not None
    assert "learnt anew" not in note
    turned, note = begun(tmp_path, path, {"backward": False}, StartConfig(init_from=path))
    assert not turned.config.backward
    assert note is not None
    assert note.endswith("it was trained backward: forward, what it knows of the order of characters is learnt anew")
    embedding, note = begun(tmp_path, path, {}, StartConfig(embedding_from=path))
    assert not embedding.config.backward
    assert note is not None
    assert "learnt anew" not in note


def test_a_run_is_not_resumed_in_the_other_direction(tmp_path: Path) -> None:
    run = tiny.run_on(tmp_path, "run", text_file(tmp_path))
    with pytest.raises(UsageError, match=r"--backward: a resumed run keeps its settings \(--no-backward\)") as refused:
        Resumption.of(Run(run), {"backward": True}, lambda line: None)
    assert "--backward --init-from" in refused.value.advice
    Resumption.of(Run(run), {"backward": False}, lambda line: None).release()


def text_file(folder: Path) -> Path:
    path = folder / "text.txt"
    path.write_text(TEXT, "utf-8")
    return path


def test_what_the_training_is_says_so(tmp_path: Path) -> None:
    assert window_line(trainer(corpus.from_text(TEXT), backward=True).config, CHARACTER).endswith(
        "from the end of the text"
    )
    assert "backward" not in window_line(TRAINING, CHARACTER)
