"""What a model shows of its inside: the methods of `charrnn.Model` that look into it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from charrnn.inspection.inspection import Inspection, inspect
from charrnn.inspection.neurons import Neurons, neurons
from charrnn.network.engine import Engine, State
from charrnn.runs.header import Header
from charrnn.text.model_input import input_from_beginning


class Inspectable(ABC):
    """A model that can be looked into."""

    header: Header

    @property
    @abstractmethod
    def _engine(self) -> Engine:
        """What reads the text. Raises CheckpointError for a bidirectional model."""

    def inspect(
        self, text: str, after: State | None = None, *, set_units: Mapping[str, float] | None = None
    ) -> Inspection:
        """Read a text and keep all that goes on: states, gates and predictions, as NumPy arrays, float32.

        In the shapes T is how many characters are read, of a model of bytes how many bytes, with the boundary where
        documents are kept apart; H is the width of a layer and V the size of the vocabulary.

        Args:
            text: What to read. A character that the model has never seen is read as the nearest it has, or as its
                symbol of rare ones, and `unseen` says where.
            after: The state to read it after; None is the beginning of a text, or of a document.
            set_units: Units to hold at a value meanwhile, as in `generate`.

        Returns:
            `characters` has the T that were read. `layers` has each layer, the lowest first: its outputs `h`, (T, H),
            cell states `c`, (T, H), of an LSTM (None of others), and `gates`, each (T, H) by its name: `input`,
            `forget`, `output` and `candidate` of an LSTM; `reset`, `update` and `candidate` of a GRU; none of a plain
            RNN. `log_probs` and `probabilities`, (T, V), are of what comes next, by the network alone, and `likeliest`
            names it. `of("1.37")` has the values of one unit, (T,). `gradients` has how far a loss reaches back.

        Raises:
            CheckpointError: The model is bidirectional.
            CorpusError: There is nothing to read.
            UsageError: It takes more memory than there is; or there is no such unit as is to be held.
            DivergedError: The model's outputs are not numbers.
        """
        engine = self._engine.holding(set_units) if set_units else self._engine
        return inspect(engine, self.header.vocabulary, text, after)

    def neurons(self, text: str, *, alpha: float = 0.05) -> Neurons:
        """Find units that track something: quotes, brackets, lines, words, capitals to come, digits, sentences, markup.

        Args:
            text: 3,000 characters or more, T of them; what the model has never seen is read as the nearest it has.
            alpha: The chance that anything is found where there is nothing, above 0 and below 1.

        Returns:
            `tracked` has for each feature of the text the best unit, chosen on the first half of the text: its name
            (`unit`), its `values` at every character, float32 (T,), AUC or rank correlation on either half (`figures`),
            the corrected p-value (`p`), and whether it is `found`. `found` has those that are, the surest first.

        Raises:
            CorpusError: The text is too short.
            UsageError: There is not enough memory.
            DivergedError: The model's outputs are not numbers.
        """
        vocabulary = self.header.vocabulary
        read = input_from_beginning(vocabulary, text)
        return neurons(self._engine, text, read.ids, read.ends[vocabulary.order], alpha=alpha)
