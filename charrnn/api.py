"""The Python API: load a model and use it, or train one and follow it."""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charrnn.config import ModelConfig, ReadConfig, StartConfig, TrainConfig, describe, settings_of, synonyms
from charrnn.errors import UsageError
from charrnn.network.engine import Engine, State
from charrnn.runs.checkpoint import Checkpoint
from charrnn.runs.checkpoint import load as load_checkpoint
from charrnn.runs.find import find_checkpoint
from charrnn.runs.header import Header
from charrnn.runs.run import create_run
from charrnn.sampling.generate import Character, bits_per_character
from charrnn.sampling.request import Request, random_seed
from charrnn.text import corpus, known_texts
from charrnn.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    from charrnn.training.events import Event


class Model:
    """A trained model, ready to write and to measure. It runs in NumPy; torch is never imported.

    Attributes:
        header: What the checkpoint says of itself: settings, iteration, losses, the text it was trained on.
        digest: The SHA-256 of the checkpoint.
        path: The file, if it came from one.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        """`load` makes one from a file or a run."""
        self.header: Header = checkpoint.header
        self.digest: str = checkpoint.digest
        self.path: Path | None = checkpoint.path
        self._engine = Engine(checkpoint.header.model, checkpoint.weights)

    @property
    def vocabulary(self) -> Vocabulary:
        """The characters that the model knows, in the order of their ids."""
        return self.header.vocabulary

    def generate(
        self, prime: str | State = "", length: int = 1000, temperature: float = 0.8,
        *, top_k: int | None = None, top_p: float | None = None, min_p: float | None = None,
        until: str | Sequence[str] = (), finish: str | None = None, seed: int | None = None,
    ) -> str:  # fmt: skip
        """Write a text.

        Args:
            prime: The prompt, what the text begins with; "" is a newline. Or a state to go on from.
            length: How many new characters to write.
            temperature: Above 1 is wilder, below 1 safer; 0 always takes the likeliest character.
            top_k: How many of the likeliest characters to choose from; None is all, as it is below.
            top_p: Choose from the likeliest that together have this share of the probability.
            min_p: Choose from those that are at least this share as likely as the likeliest.
            until: A string, or several, after any of which the text ends.
            finish: "line", "sentence" or "paragraph": go on beyond the length to its end.
            seed: The same gives the same text; None is another each time.

        Returns:
            The new characters; the prime is not among them.

        Raises:
            UsageError: A value is outside its range.
            VocabularyError: The prime has characters that the model has never seen.
            DivergedError: The model's outputs are not numbers.
        """
        stream = self.stream(
            prime, length, temperature, top_k=top_k, top_p=top_p, min_p=min_p, until=until, finish=finish, seed=seed
        )
        return _joined(stream)

    def stream(
        self, prime: str | State = "", length: int = 1000, temperature: float = 0.8,
        *, top_k: int | None = None, top_p: float | None = None, min_p: float | None = None,
        until: str | Sequence[str] = (), finish: str | None = None, seed: int | None = None,
    ) -> Iterator[Character]:  # fmt: skip
        """Write a text character by character.

        Args:
            prime: As in `generate`, like all the others.
            length: How many new characters to write.
            temperature: Above 1 is wilder, below 1 safer.
            top_k: How many of the likeliest characters to choose from.
            top_p: The share of the probability to choose from.
            min_p: The least likelihood, as a share of the likeliest's, to choose from.
            until: Strings after any of which the text ends.
            finish: The unit to whose end to go on.
            seed: The same gives the same text.

        Returns:
            What `generate` writes, each character made when it is asked for, with its id and its bits: how much it
            surprised the model.

        Raises:
            UsageError: As `generate` does; when called.
            VocabularyError: As `generate` does; when called.
            DivergedError: As `generate` does.
        """
        request = _request(length, temperature, until, seed, top_k=top_k, top_p=top_p, min_p=min_p, finish=finish)
        known = self._known(prime) if isinstance(prime, str) else prime
        [text] = request.generate(self._engine, self.vocabulary, known)
        return text.characters

    def generate_many(
        self, count: int, prime: str | State = "", length: int = 1000, temperature: float = 0.8,
        *, top_k: int | None = None, top_p: float | None = None, min_p: float | None = None,
        until: str | Sequence[str] = (), finish: str | None = None, seed: int | None = None,
    ) -> list[str]:  # fmt: skip
        """Write several texts as a batch, in which a text takes a small part of the time that it takes alone.

        Args:
            count: How many texts.
            prime: As in `generate`, like all the others; all texts begin with it.
            length: How many new characters to write of each.
            temperature: Above 1 is wilder, below 1 safer.
            top_k: How many of the likeliest characters to choose from.
            top_p: The share of the probability to choose from.
            min_p: The least likelihood, as a share of the likeliest's, to choose from.
            until: Strings after any of which a text ends.
            finish: The unit to whose end to go on.
            seed: That of the first text; text i has the seed `seed` + i, and is the same whatever the count.

        Returns:
            `count` texts. Each is what `generate` writes with its seed, but where two characters are as good as equally
            likely.

        Raises:
            UsageError: As `generate` does.
            VocabularyError: As `generate` does.
            DivergedError: As `generate` does.
        """
        request = _request(
            length, temperature, until, seed, top_k=top_k, top_p=top_p, min_p=min_p, finish=finish, count=count
        )
        known = self._known(prime) if isinstance(prime, str) else prime
        return [_joined(text.characters) for text in request.generate(self._engine, self.vocabulary, known)]

    def state(self, text: str, after: State | None = None) -> State:
        """Read a text, to go on from it.

        Args:
            text: What to read.
            after: The state to read it after; None is the beginning of a text.

        Returns:
            What the model knows then. It never changes: give it to `generate`, `stream`, `generate_many` or `state` as
            often as you like.

        Raises:
            UsageError: There is nothing to read.
            VocabularyError: The text has characters that the model has never seen.
        """
        return self._engine.read(self.vocabulary.encode(self._known(text)).tolist(), after)

    def bits_per_character(self, text: str) -> float:
        """Measure how surprising a text is.

        Args:
            text: At least two characters.

        Returns:
            The mean bits of its characters after the first, which nothing predicts.

        Raises:
            CorpusError: The text is too short.
            VocabularyError: It has characters that the model has never seen.
        """
        return bits_per_character(self._engine, self.vocabulary, self._known(text))

    def _known(self, text: str) -> str:
        """A text in characters that the model knows, as far as it has the same in another form; warns if it changes."""
        form = self.vocabulary.form_of(text)
        if note := form.note("the text"):
            warnings.warn(note, stacklevel=3)
        return form.text


def _request(length: int, temperature: float, until: str | Sequence[str], seed: int | None, **limits: Any) -> Request:
    """The request for texts at one temperature."""
    return Request(
        length=length,
        temperatures=(temperature,),
        until=(until,) if isinstance(until, str) else tuple(until),
        seed=random_seed() if seed is None else seed,
        **limits,
    )


def _joined(characters: Iterable[Character]) -> str:
    """The text of characters."""
    return "".join(character.text for character in characters)


def load(path: str | Path) -> Model:
    """Load a model.

    Args:
        path: A checkpoint file; or a run directory, whose best snapshot is taken.

    Returns:
        The model, in memory.

    Raises:
        RunError: There is no such run, or it has no snapshot.
        CheckpointError: The file is no checkpoint, is damaged, or is too new.
    """
    return Model(load_checkpoint(find_checkpoint(Path(path))))


_CONFIGS = (ModelConfig, TrainConfig, ReadConfig)


def train(
    text: str | Path | Sequence[str | Path] | corpus.Corpus | None = None,
    *,
    checkpoint_dir: str | Path | None = None,
    name: str | None = None,
    device: str = "auto",
    preset: str = "auto",
    **settings: Any,
) -> Iterator[Event]:
    """Train a model, and follow it.

    Args:
        text: What `charrnn train` takes (paths of files and folders, names of known texts), a Corpus
            (`charrnn.text.corpus.from_text` makes one of a string), or None for the bundled novel.
        checkpoint_dir: Where everything is kept in a run directory, as by `charrnn train`; None: nothing is written.
        name: Of the run; None: after the text, numbered.
        device: One of auto, cpu, cuda or mps.
        preset: One of auto, quick, small, medium or large: chooses what the settings leave open.
        settings: Those of the network, the training and, where a text is read, its reading; listed below.

    Yields:
        Progress, Evaluated and Snapshot events (`charrnn.events`) as they come; losses in nats per character.

    Raises:
        CharrnnError: Before the first event, for a text that cannot be read or settings that cannot be; after it, for a
            loss that is no number and files that cannot be written.

    """
    known = {config: {setting.name for setting in settings_of(config)} for config in _CONFIGS}
    unknown = sorted(set(settings).difference(*known.values()))
    if unknown:
        hint = synonyms.python_advice(unknown[0], set().union(*known.values()))
        raise UsageError(f"unknown settings: {', '.join(unknown)}.", f"{hint} help(charrnn.train) lists them.".lstrip())
    if "time" in settings and "iterations" in settings:
        raise UsageError("time and iterations contradict each other.", "Give one of them.")
    if name is not None and checkpoint_dir is None:
        raise UsageError(f"name {name!r}: is that of a run, and none is kept.", "Give a checkpoint_dir, too.")
    model, training, reading = ModelConfig.pick(settings), TrainConfig.pick(settings), ReadConfig.pick(settings)
    if isinstance(text, corpus.Corpus) and (names := sorted(known[ReadConfig] & set(settings))):
        raise UsageError(f"{', '.join(names)}: how a text is read; this one has been.", "Give it to from_text.")

    from charrnn.training import torch_import

    torch_import.import_torch()
    from charrnn.evaluation.held_out_check import examined
    from charrnn.training import autotune
    from charrnn.training.checkpointing import record

    if isinstance(text, corpus.Corpus):
        source = text if text.validation else corpus.with_validation(text, training.val_text)
    else:
        source = corpus.read(text or known_texts.bundled(), reading, val_text=training.val_text)
    source = examined(source, source.split(training.val_frac, training.val_max, training.val_at))
    preset = StartConfig.pick({"preset": preset}).preset
    trainer, _ = autotune.begin(source, preset, model, training, device)
    if checkpoint_dir is None:
        return trainer.events()
    return record(trainer, create_run(Path(checkpoint_dir), name, Path(source.name).stem))


train.__doc__ = f"{(train.__doc__ or '').rstrip()}\n\n{textwrap.indent(describe(*_CONFIGS), '    ')}"
