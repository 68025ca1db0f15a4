"""Every error a person can cause, in one tree. `charrnn.commands.main.main` is the one place that catches them.

CharrnnError
├── UsageError          options that contradict each other, or values that cannot be        exit 2
├── CorpusError         a text that cannot be read, or is too small for what was asked      exit 1
├── VocabularyError     characters the model has never seen                                 exit 1
├── CheckpointError     a file that is not a checkpoint, is damaged, or is too new          exit 1
├── FetchError          a download that failed, or brought something else                   exit 1
├── RunError            a run directory that is missing, taken, or cannot be written        exit 1
├── RankError           a rank that has not arrived, is gone, or has something else         exit 1
└── DivergedError       a loss or gradient that stopped being a number                      exit 1
"""


class CharrnnError(Exception):
    """One line for a person: `what` went wrong and where, and what to do about it, the `advice`; sentences both."""

    exit_code = 1

    def __init__(self, what: str, advice: str = "") -> None:
        what, advice = (part.replace("\n", "␊") for part in (what, advice))  # what is named in it may have several
        super().__init__(what, advice)
        self.what, self.advice = what, advice

    def __str__(self) -> str:
        return f"{self.what} {self.advice}".rstrip()


class UsageError(CharrnnError):
    """Options that contradict each other, or a value outside its range."""

    exit_code = 2


class CorpusError(CharrnnError):
    """A text that cannot be read, or does not suffice for what was asked of it."""


class VocabularyError(CharrnnError):
    """Characters that the vocabulary does not have."""


class CheckpointError(CharrnnError):
    """A file that is no checkpoint, is damaged, or was written by a newer charrnn."""


class FetchError(CharrnnError):
    """A download that failed, or brought something else than was asked for."""


class RunError(CharrnnError):
    """A run directory that is missing, already taken, or cannot be written."""


class RankError(CharrnnError):
    """A training of several processes of which one has not arrived, is gone, or has something else than the others."""


class DivergedError(CharrnnError):
    """A loss, a gradient or weights that are no longer finite; nothing was updated with them, and none was kept.

    Attributes:
        iteration: Of a training, the one that came to it; None elsewhere.
    """

    def __init__(self, what: str, advice: str = "", iteration: int | None = None) -> None:
        super().__init__(what, advice)
        self.iteration = iteration
