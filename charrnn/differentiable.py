"""What of a trained model needs torch: its gradients. `charrnn.Model` has it beside what it writes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from charrnn.errors import CheckpointError
from charrnn.runs import checkpoint
from charrnn.runs.causal import require_causal
from charrnn.runs.checkpoint import Tensors
from charrnn.runs.header import Header
from charrnn.text.model_input import input_from_beginning
from charrnn.training.torch_import import import_torch

if TYPE_CHECKING:
    from charrnn.inspection.gradients import Gradients


class Differentiable:
    """A model whose weights can be had again: engines lay them out in ways of their own."""

    header: Header
    digest: str
    path: Path | None
    _unfiled: Tensors | None  # the weights of what lies in no file

    def gradients(self, text: str, reach: int = 256, places: int = 64) -> Gradients:
        """How far the loss reaches back: its gradient with respect to the states up to 256 characters earlier.

        It needs torch, unlike all else that a model does, and says so where there is none; it is computed in torch's
        threads.

        Args:
            text: At least `reach` + 2 characters; of a model of bytes as many bytes.
            reach: K, the most characters to look back.
            places: P, at how many characters of the text, spread evenly; less where the text has less.

        Returns:
            `log10_norms`, float64 (K + 1, L, P), has for each k, layer (the lowest first) and place the logarithm to
            base 10 of the norm of the gradient with respect to the layer's state k characters earlier: its output h, of
            an LSTM h and the cell state c together; -inf where it is zero. `joint`, (K + 1, P), is that of all layers
            together. `losses`, (P,), are in nats, and `places`, (P,), count what was read. `singular_values` has the
            largest of the one-step Jacobian, of the `whole` state, (P,), and of each of its `layers`, (L, P).
            `curves()` has for each layer `mean`, `low` and `high`, (K + 1,), over the places, and `half_life`.

        Raises:
            CharrnnError: There is no torch.
            CheckpointError: The model is bidirectional; or its file, which is read again, is not what it was.
            CorpusError: The text is too short.
            DivergedError: The model's outputs are not numbers.
        """
        require_causal(self)
        import_torch("measuring gradients")
        from charrnn.inspection.gradients import gradients
        from charrnn.network.torch_model import CharModel

        vocabulary = self.header.vocabulary
        model = CharModel(self.header.model, len(vocabulary))
        model.load_weights(self._weights())
        return gradients(model, input_from_beginning(vocabulary, text).ids, reach, places)

    def _weights(self) -> Tensors:
        """The network's tensors, read again. Raises CheckpointError."""
        if self._unfiled is not None:
            return self._unfiled
        assert self.path is not None
        loaded = checkpoint.load(self.path)
        if loaded.digest != self.digest:
            raise CheckpointError(f"{self.path}: is another checkpoint than was loaded.", "Load it again.")
        return loaded.weights
