"""The training loop and all it is made of: windows, optimizer, schedule, budget, presets, resuming, transfer.

May import: runs, sampling and everything below; nothing of evaluation.
"""
