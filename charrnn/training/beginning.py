"""A new training as people ask for one: by preset, for epochs, on from other weights. Torch comes with its start."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charrnn.config import CHECKPOINT_DIR, ModelConfig, ReadConfig, StartConfig, TrainConfig
from charrnn.runs import checkpoint
from charrnn.runs.checkpoint import Checkpoint
from charrnn.runs.find import find_checkpoint
from charrnn.text.corpus import Corpus
from charrnn.training.ranks import ALONE, Ranks
from charrnn.training.recipes import with_recipe

if TYPE_CHECKING:
    from charrnn.training.presets import Choice, Machine
    from charrnn.training.trainer import Trainer

_TOLD_APART_BY = ("bytes", "lowercase", "normalize", "keep_newlines")  # how characters are
_EMBEDDING = ("embedding_size", "tied")


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """What a new training is, before its text is read."""

    start: StartConfig
    model: ModelConfig
    training: TrainConfig
    reading: ReadConfig
    before: Checkpoint | None  # whose weights it begins with
    fixed: Collection[str] = ()  # settings of the network that were said, or are that checkpoint's

    @classmethod
    def of(
        cls,
        start: StartConfig,
        model: ModelConfig,
        training: TrainConfig,
        reading: ReadConfig,
        given: Mapping[str, Any],
        root: Path = CHECKPOINT_DIR,
    ) -> Beginning:
        """What the settings describe. What another checkpoint was made with stands, unless it is contradicted.

        Args:
            start: What to start from.
            model: What the network is.
            training: How it is trained.
            reading: How its text is read.
            given: Which settings were said, by name; the others have their defaults.
            root: The directory of runs.

        Raises:
            RunError, CheckpointError: There is no such checkpoint to start from.
        """
        start, model, training = with_recipe(start, model, training, given)
        where = start.init_from or start.embedding_from
        before = checkpoint.load(find_checkpoint(where, root)) if where is not None else None
        fixed = set(given)
        if before is not None:
            theirs = before.header
            kept = set(theirs.model.__dataclass_fields__) if start.init_from is not None else set(_EMBEDDING)
            fixed |= kept
            model = replace(model, **{name: getattr(theirs.model, name) for name in kept - given.keys()})
            if start.init_from is not None and "backward" not in given:
                training = replace(training, backward=theirs.backward)
            told = {name: getattr(theirs.reading, name) for name in _TOLD_APART_BY if name not in given}
            reading = replace(reading, **told)
        return cls(start=start, model=model, training=training, reading=reading, before=before, fixed=fixed)

    def begin(
        self, corpus: Corpus, device: str, machine: Machine | None = None, ranks: Ranks = ALONE
    ) -> tuple[Trainer, Choice, str | None]:
        """Prepare the training of a text.

        Args:
            corpus: The text, read as `reading` says.
            device: One of auto, cpu, cuda and mps.
            machine: What a preset is chosen for; None: the machine here.
            ranks: The processes that train together.

        Returns:
            A trainer before its first iteration; the choice of the settings that nobody gave; and which characters had
            weights already, in a line, for one that begins with others' weights.

        Raises:
            UsageError, CorpusError, VocabularyError: As Trainer does; or the weights do not fit.
        """
        from charrnn.training import autotune

        start, training = self.start, self.training
        if start.max_epochs is not None:  # about, until the streams are known
            split = corpus.split(training.val_frac, training.val_max, training.val_at)
            window = training.completed().batch_size * training.effective_shift
            training = replace(training, iterations=max(1, round(start.max_epochs * split.training_size / window)))
        trainer, choice = autotune.begin(corpus, start.preset, self.model, training, device, machine, ranks, self.fixed)
        note = self._transfer(trainer)
        if start.max_epochs is not None:
            trainer.train_for(start.max_epochs)
        return trainer, choice, note

    def _transfer(self, trainer: Trainer) -> str | None:
        """Begin with a checkpoint's weights, if there is one. Returns what is to be said of it."""
        if self.before is None:
            return None
        from charrnn.training import transfer

        before, embedding_only = self.before, self.start.init_from is None
        weights, matched = transfer.transferred_weights(
            before,
            trainer.vocabulary,
            trainer.model.weights(),
            model=trainer.model.config,
            embedding_only=embedding_only,
        )
        what = "embedding" if embedding_only else "network"
        trainer.begin_with(
            weights,
            {"what": what, "path": str(before.path), "sha256": before.digest, "iteration": before.header.iteration},
        )
        direction = _direction(trainer.config.backward, before.header.backward) if not embedding_only else ""
        return f"{what} from {before.path}: {matched.describe()}{direction}"


def _direction(backward: bool, before: bool) -> str:
    """What is to be said where weights come from the other direction."""
    if backward == before:
        return ""
    was, now = ("backward", "forward") if before else ("forward", "backward")
    return f"; it was trained {was}: {now}, what it knows of the order of characters is learnt anew"
