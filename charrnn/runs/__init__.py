"""What a training leaves on disk: checkpoints, run directories, their listing, their history, and the text they had.

May import: text, network and everything below. Never torch.
"""
