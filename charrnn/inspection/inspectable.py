"""What a model shows of its inside: the methods of `charrnn.Model` that look into it."""

from __future__ import annotations

import numpy as np

from charrnn.inspection.neurons import Neurons, neurons
from charrnn.network.engine import Engine
from charrnn.runs.header import Header
from charrnn.text.model_input import model_input


class Inspectable:
    """A model that can be looked into."""

    header: Header
    _engine: Engine

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
        read = model_input(vocabulary, text)
        lead = np.array([] if vocabulary.boundary_id is None else [vocabulary.boundary_id], dtype=np.intp)
        ends = read.ends(len(lead))[vocabulary.order]
        return neurons(self._engine, text, np.concatenate([lead, read.ids]), ends, alpha=alpha)
