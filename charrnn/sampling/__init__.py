"""From scores to text: the chain from log-probabilities to a draw, the texts that are asked for, where they stop.

May import: text, network and everything below. Never torch.
"""
