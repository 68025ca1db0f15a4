"""One network, twice: in torch to train it, in NumPy to write with it. It knows ids, and no text.

May import: config, errors. `engine` and `numpy_*` never import torch.
"""
