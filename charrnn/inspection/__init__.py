"""Looking inside a network: states and gates on a text, units that track something, gradients through time.

May import: runs, sampling and everything below; nothing of training or evaluation. Only what is said to needs torch.
"""
