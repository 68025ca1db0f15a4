"""The Python API: load a model and use it, or train one and follow it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from charrnn.config import ModelConfig, ReadConfig, TrainConfig, describe, settings_of
from charrnn.errors import UsageError
from charrnn.network.engine import Engine, State
from charrnn.runs import checkpoint
from charrnn.runs.checkpoint import Header
from charrnn.runs.run import create_run, find_checkpoint
from charrnn.sampling.generate import Character, bits_per_character
from charrnn.sampling.request import GeneratedText, Request, random_seed
from charrnn.text import corpus, known_texts
from charrnn.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    from charrnn.training.events import Event


class Options(TypedDict, total=False):
    """What may be said of a text beside its length and temperature."""

    seed: int | None  # the same gives the same text; None, the default, another each time
    top_k: int | None  # so many of the likeliest characters to choose from
    top_p: float | None  # those that together have this share of the probability
    min_p: float | None  # those at least this share as likely as the likeliest
    until: str | Sequence[str]  # after any of which it ends
    finish: str | None  # "line", "sentence", "paragraph": go on to its end


class Model:
    """A trained model, ready to write and to measure. Runs in NumPy; torch is never imported."""

    def __init__(self, kept: checkpoint.Checkpoint) -> None:
        self.header: Header = kept.header
        self.digest: str = kept.digest
        self.path: Path | None = kept.path
        self._engine = Engine(kept.header.model, kept.weights)

    @property
    def vocabulary(self) -> Vocabulary:
        return self.header.vocabulary

    def generate(
        self, prime: str | State = "", length: int = 1000, temperature: float = 0.8, **more: Unpack[Options]
    ) -> str:
        """`length` new characters that follow `prime` (default: a newline); the prime is not in the result.

        `prime` may be a `state`, to go on from; `more` are Options. Temperature 0 always takes the likeliest character.
        Raises VocabularyError for characters in the prime that the model has never seen, UsageError for impossible
        values.
        """
        return "".join(character.text for character in self.stream(prime, length, temperature, **more))

    def stream(
        self, prime: str | State = "", length: int = 1000, temperature: float = 0.8, **more: Unpack[Options]
    ) -> Iterator[Character]:
        """What `generate` writes, one Character(text, id, bits) after the other, each made when it is asked for.

        `bits` is how much the character surprised the model. Raises as `generate` does, when called."""
        [text] = self._write(prime, length, temperature, more)
        return text.characters

    def generate_many(
        self,
        count: int,
        prime: str | State = "",
        length: int = 1000,
        temperature: float = 0.8,
        **more: Unpack[Options],
    ) -> list[str]:
        """`count` texts in one pass, text i with the seed `seed` + i, the same text whatever the count.

        At several dozen at once a text takes a small part of the time it takes alone. Otherwise as `generate`."""
        texts = self._write(prime, length, temperature, more, count)
        return ["".join(character.text for character in text.characters) for text in texts]

    def _write(
        self, prime: str | State, length: int, temperature: float, more: Options, count: int | None = None
    ) -> list[GeneratedText]:
        unknown = sorted(set(more) - set(Options.__annotations__))
        if unknown:
            raise UsageError(f"unknown: {', '.join(unknown)}. There are {', '.join(Options.__annotations__)}.")
        seed, until = more.get("seed"), more.get("until", ())
        request = Request(
            length=length,
            temperatures=(temperature,),
            top_k=more.get("top_k"),
            top_p=more.get("top_p"),
            min_p=more.get("min_p"),
            until=(until,) if isinstance(until, str) else tuple(until),
            finish=more.get("finish"),
            seed=random_seed() if seed is None else seed,
            count=count,
        )
        return request.write(self._engine, self.vocabulary, prime)

    def state(self, text: str, after: State | None = None) -> State:
        """What the model knows once it has read `text`, from its beginning or after another state. It never changes:
        keep it, and go on from it with `generate`, `stream` or `state` as often as you like.

        Raises VocabularyError for characters the model has never seen, UsageError if there is nothing to read."""
        return self._engine.read(self.vocabulary.encode(text).tolist(), after)

    def bits_per_character(self, text: str) -> float:
        """How surprising a text is: mean bits over its characters after the first, which nothing predicts.

        Raises VocabularyError for unseen characters, CorpusError for a text of fewer than two characters."""
        return bits_per_character(self._engine, self.vocabulary, text)


def load(path: str | Path) -> Model:
    """A model from a checkpoint file, or the best snapshot of a run. Raises CheckpointError, RunError."""
    return Model(checkpoint.load(find_checkpoint(Path(path))))


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
        text: what `charrnn train` takes (paths of files and folders, names of known texts), a Corpus
            (`charrnn.text.corpus.from_text` makes one of a string), or None for the bundled novel.
        checkpoint_dir: where everything is kept in a run directory, as by `charrnn train`; None: nothing is written.
        name: of the run; None: after the text, numbered.
        device: auto, cpu, cuda or mps.
        preset: auto, quick, small, medium or large: chooses what the settings leave open.
        settings: those of the network, the training and, where a text is read, its reading; listed below.

    Yields:
        Progress, Evaluated and Snapshot events (`charrnn.events`) as they come; losses in nats per character.

    Raises:
        CharrnnError: before the first event, for a text that cannot be read or settings that cannot be; after it, for a
            loss that is no number and files that cannot be written.

    """
    known = {config: {setting.name for setting in settings_of(config)} for config in _CONFIGS}
    unknown = sorted(set(settings).difference(*known.values()))
    if unknown:
        names = ", ".join(config.__name__ for config in _CONFIGS)
        raise UsageError(f"unknown settings: {', '.join(unknown)}.", f"They are the fields of {names}.")
    model, training, reading = ModelConfig.pick(settings), TrainConfig.pick(settings), ReadConfig.pick(settings)
    if isinstance(text, corpus.Corpus) and (said := sorted(known[ReadConfig] & set(settings))):
        raise UsageError(f"{', '.join(said)}: how a text is read; this one has been.", "Give it to from_text.")

    from charrnn.training import autotune
    from charrnn.training.checkpointing import record

    source = text if isinstance(text, corpus.Corpus) else corpus.read(text or known_texts.bundled(), reading)
    trainer, _ = autotune.begin(source, preset, model, training, device)
    if checkpoint_dir is None:
        return trainer.events()
    return record(trainer, create_run(Path(checkpoint_dir), name, Path(source.name).stem))


train.__doc__ = f"{train.__doc__}{textwrap.indent(describe(*_CONFIGS), '    ')}\n"
