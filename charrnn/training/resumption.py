"""A run that is to go on: whether anything is left to do, what may be set anew, and which text it reads. Torch-free."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from charrnn.config import LENGTHS, ModelConfig, ReadConfig, SnapshotConfig, TrainConfig, settings_of
from charrnn.config.option import Setting, flag
from charrnn.errors import CheckpointError, CorpusError, RunError, UsageError
from charrnn.formatting import duration, few
from charrnn.runs import checkpoint
from charrnn.runs.checkpoint import Checkpoint
from charrnn.runs.lock import RunLock
from charrnn.runs.resume_command import begin_command, new_run_command, resume_command
from charrnn.runs.run import Run
from charrnn.shell import as_typed
from charrnn.text.corpus import Corpus
from charrnn.text.reading import findable, path_or_stdin, place_of
from charrnn.training.fallback import Fallback
from charrnn.training.presets import WIDTHS
from charrnn.training.recipes import RECIPES
from charrnn.training.same_text import require_same_text, typed_reading

WATCHING = frozenset(  # change no weight of those that a training has come to
    {*(setting.name for setting in settings_of(SnapshotConfig)), "patience", "on_divergence"}
)
_FILES = ("glob", "max_expansion", "val_text")  # arguments of `corpus.read` that say which files are read
_CONFIGS = {"model": ModelConfig, "training": TrainConfig, "reading": ReadConfig}  # by their field of the header
_BEGINNINGS = {"init_from": "network", "embedding_from": "embedding"}  # and what the header calls them

Read = Callable[..., Corpus]


@dataclass(frozen=True)
class Resumption:
    """A run's resume file, or the snapshot in its place, and the settings that were given to go on with."""

    run: Run
    checkpoint: Checkpoint
    given: Mapping[str, Any]  # by name; only those that were said
    lock: RunLock | None  # of the run: nobody else trains it; None in ranks that do not write it
    fallback: Fallback | None = None  # where the resume file is damaged or missing

    @classmethod
    def of(cls, run: Run, given: Mapping[str, Any], warn: Callable[[str], None]) -> Resumption:
        """Open a run, so that nobody else trains it.

        Args:
            run: The run.
            given: The settings that were said, by name, those of place and machine too.
            warn: Is told if it cannot be locked.

        Raises:
            RunError: Another process trains it, nothing of it was kept, or it cannot be read.
            CheckpointError: It has no resume file that can be used, and no whole snapshot in its place.
            UsageError: A setting is given that would change the weights.
        """
        if not run.begun:
            if run.problems:
                raise RunError(run.problems[0], "Put its permissions right.")
            raise RunError(f"{run.path}: ended before anything of it was kept.", f"Begin it anew: {begin_command(run)}")
        lock, fallback = RunLock(run, warn), None
        try:
            try:
                loaded = _load(run)
            except CheckpointError as error:
                fallback = Fallback.of(run, error)
                loaded = fallback.checkpoint
            resumption = cls(run, loaded, given, lock, fallback)
            resumption._require_same()
        except BaseException:
            lock.release()
            raise
        return resumption

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Let others train the run."""
        self.release()

    def release(self) -> None:
        """Let others train the run."""
        if self.lock is not None:
            self.lock.release()

    def __getstate__(self) -> dict[str, Any]:
        """What another rank gets of it."""
        return {**self.__dict__, "lock": None}

    @property
    def watching(self) -> dict[str, Any]:
        """The settings given that change no weight."""
        return {name: value for name, value in self.given.items() if name in WATCHING}

    @property
    def length(self) -> dict[str, Any]:
        """The length given: iterations, max_epochs or time; {} for none."""
        return {name: self.given[name] for name in LENGTHS if self.given.get(name) is not None}

    @cached_property
    def complete(self) -> bool:
        """Whether the run has all the training that it is to have, as far as that can be told without its text."""
        header, length = self.checkpoint.header, self.length
        training, at = header.training, header.iteration
        iterations, time = training.iterations, training.time
        if "max_epochs" in length and (per_epoch := self._number("per_epoch")):
            length = {"iterations": max(1, round(length["max_epochs"] * per_epoch))}
        if "max_epochs" in length:
            return False
        changed = "iterations" in length and length["iterations"] != iterations
        changed |= "time" in length and length["time"] != time
        if self._stopped_early and not changed:
            patience = self.given.get("patience", training.patience)
            if 0 < patience <= self._number("stale"):
                return True
        if "time" in length and changed:
            return bool(length["time"] <= self._number("elapsed"))
        return bool(at >= length.get("iterations", iterations))

    def _number(self, name: str) -> float:
        """What the resume file says of its progress; 0 where it says nothing."""
        value = self.checkpoint.header.progress.get(name)
        return value if isinstance(value, int | float) else 0

    @property
    def _stopped_early(self) -> bool:
        return self._number("stopped") > 0

    @property
    def completion(self) -> str:
        """What is to be said of a run that is complete."""
        header, damage = self.checkpoint.header, f"{self.fallback.what} " if self.fallback else ""
        if not self._stopped_early and header.iteration < header.training.iterations:
            return f"{damage}{self.run.path}: has trained {header.iteration:,} iterations already."
        early = ", ended early" if self._stopped_early else ""
        return f"{damage}{self.run.path}: is complete at iteration {header.iteration:,}{early}."

    def require_incomplete(self) -> None:
        """Raises UsageError for a run that is complete, with the command that lengthens it."""
        if self.complete:
            header = self.checkpoint.header
            more = 2 * header.iteration
            elapsed = self._number("elapsed")
            if self.length.get("time", elapsed) < elapsed:
                more_time = resume_command(self.run, time=2 * math.ceil(elapsed))
                raise UsageError(
                    f"{self.run.path}: has trained for {duration(elapsed)} already.",
                    f"--time is that of all sessions together, give more: {more_time}",
                )
            raise UsageError(self.completion, f"To train on, give more: {resume_command(self.run, iterations=more)}")

    def require_same_text(self, texts: Sequence[str | Path] | None, read: Read) -> None:
        """Make sure that a run that is complete is the one that is meant. What is where it was is not read again.

        Args:
            texts: Where its text is said to be; None: where it was.
            read: What reads it, as `corpus.read` does.

        Raises:
            CorpusError: It is another text than the run's, or cannot be read.
        """
        origin = self.checkpoint.header.origin
        named = [str(place_of(path_or_stdin(text))) for text in texts or ()]
        val_text = self.given.get("val_text")
        moved = named not in ([], list(origin.get("texts") or ()))
        if moved or (val_text is not None and place_of(path_or_stdin(val_text)) != origin.get("val_text")):
            require_same_text(self.checkpoint, self.read_text(texts, read))

    # -- settings ----------------------------------------------------------------------------------------------------

    def _require_same(self) -> None:
        """Raises UsageError for settings that are not as they were and would change the weights."""
        header, path = self.checkpoint.header, self.run.path
        if "name" in self.given and self.given["name"] not in (None, self.run.name):
            raise UsageError(f"--name {self.given['name']}: the run that goes on is {self.run.name}.", "Leave it out.")
        if header.training.decay == "plateau" and self._differs("training", "eval_every"):
            raise UsageError(f"--eval-every: the learning rate of {path} goes by its evaluations.", "Leave it out.")
        fixed = {
            setting.name: (part, setting)
            for part, config in _CONFIGS.items()
            for setting in settings_of(config)
            if setting.name not in (*WATCHING, *LENGTHS, *_FILES)
        }
        differing = [name for name, (part, _) in fixed.items() if self._differs(part, name)]
        had = {name: fixed[name][1].typed(getattr(getattr(header, fixed[name][0]), name)) for name in differing}
        if not self._same_preset():
            differing.append("preset")
            had["rnn_size"] = header.model.rnn_size
        differing += [name for name in _BEGINNINGS if not self._same_beginning(name)]
        if differing:
            typed = [as_typed({name: False}) if self.given.get(name) is False else flag(name) for name in differing]
            off = [name for name, value in had.items() if value is False and fixed[name][1].option.switch]
            kept = {name: value for name, value in had.items() if value not in (None, (), "") and name not in off}
            was = f" ({as_typed(kept)})" if kept else ""
            raise UsageError(
                f"{', '.join(typed)}: a resumed run keeps its settings{was}.",
                f"Leave out what differs; or train on from its weights, in a new run: {self._anew(differing, fixed)}",
            )

    def _anew(self, differing: Sequence[str], fixed: Mapping[str, tuple[str, Setting]]) -> str:
        """What to type to train with the settings that differ in a new run; its network is that of the weights."""
        header = self.checkpoint.header
        texts = header.origin.get("texts", ()) if findable(header.origin) else ()
        settings = typed_reading(header.reading, header.origin)
        for name in differing:
            part, setting = fixed.get(name, ("", None))
            if setting is not None and part != "model":
                settings[name] = setting.typed(self.given[name])
        return new_run_command(self.run.path, texts, **settings)

    def _differs(self, part: str, name: str) -> bool:
        """Whether a setting was given, and not as it was."""
        value, before = self.given.get(name), getattr(getattr(self.checkpoint.header, part), name)
        if value is None or value == before:
            return False
        if name == "precision" and value == "auto":  # which became what this machine does best
            return False
        training = self.checkpoint.header.training
        return not (name == "shift" and value == training.effective_shift)

    def _same_preset(self) -> bool:
        """Whether the preset given, if any, is that of the network: its other settings have been compared."""
        preset, header = self.given.get("preset"), self.checkpoint.header
        own_network = self.given.keys().isdisjoint(_BEGINNINGS)
        if recipe := RECIPES.get(preset or ""):
            had = asdict(header.training) | asdict(header.model)
            recipes = {**recipe.training, **(recipe.model if own_network else {})}
            return all(name in self.given or had[name] == value for name, value in recipes.items())
        named = preset not in (None, "auto") and "rnn_size" not in self.given and own_network
        return not named or WIDTHS.get(preset or "") == header.model.rnn_size

    def _same_beginning(self, name: str) -> bool:
        """Whether weights were taken from the checkpoint or run that is given, if any is."""
        where = self.given.get(name)
        if where is None:
            return True
        began_from = self.checkpoint.header.began_from
        path = Path(began_from.get("path", ""))
        return began_from.get("what") == _BEGINNINGS[name] and Path(where).name in (path.name, path.parent.name)

    # -- the text ----------------------------------------------------------------------------------------------------

    def read_text(self, texts: Sequence[str | Path] | None, read: Read) -> Corpus:
        """The text of the run, read as before.

        Args:
            texts: Where it is; None: where it was. Standard input is read where it is named, and never else.
            read: What reads it, as `corpus.read` does.

        Returns:
            The text. Whether it is the very one is known when the run is resumed.

        Raises:
            UsageError: It is nowhere that it could be read from again.
            CorpusError: It cannot be read.
        """
        header = self.checkpoint.header
        origin = dict(header.origin)
        were = origin.pop("texts", ())
        files = origin | {name: self.given[name] for name in _FILES if self.given.get(name) is not None}
        if texts:
            if "glob" not in self.given and not any(os.path.isdir(text) for text in texts):
                files.pop("glob", None)
            return read(texts, header.reading, **files)
        if not findable({"texts": were}):
            raise self._unnamed(were)
        try:
            return read(were, header.reading, **files)
        except CorpusError as error:
            raise self._moved(were, files.get("val_text")) or error from None

    def _moved(self, were: Sequence[str], val_text: str | None) -> CorpusError | None:
        """For texts that are not where they were; None if they are."""
        missing = [text for text in were if not os.path.exists(text)]
        if missing:
            return CorpusError(
                f"{self.run.path}: the text that it was trained on is not where it was: {few(missing)}.",
                f"Say where it is now, and it is taken if it is the same: {self._named_again('TEXT')}",
            )
        if val_text is not None and not os.path.exists(val_text):
            return CorpusError(
                f"{self.run.path}: its validation text is not where it was: {val_text}.",
                f"Say where it is now: {self._named_again(None)} --val-text FILE",
            )
        return None

    def _unnamed(self, were: Sequence[str]) -> UsageError:
        """For a text that has to be named."""
        if self.fallback and not were:
            return self.fallback.unnamed(self._named_again("TEXT"))
        if not were:
            return UsageError(
                f"{self.run.path}: was trained on a text in memory.", f"Name it: {self._named_again('TEXT')}"
            )
        return UsageError(
            f"{self.run.path}: its text came from standard input, which is not read again unless you say so.",
            f"Name it, and it is taken if it is the same: {self._named_again('TEXT')}; or pipe it in once more: "
            f"{self._named_again('-')}",
        )

    def _named_again(self, text: str | None) -> str:
        return resume_command(self.run, text=text, **self.length)


def _load(run: Run) -> Checkpoint:
    """A run's resume file. Raises CheckpointError where it is none, or is not there."""
    if not os.path.lexists(run.resume_path):
        raise CheckpointError(f"{run.resume_path}: is missing.")
    loaded = checkpoint.load(run.resume_path)
    if loaded.header.kind != "resume":
        raise CheckpointError(f"{run.resume_path}: is a snapshot, which cannot be resumed.")
    return loaded
