"""Counts of a text beside the network: an n-gram model small enough for a checkpoint, and how the two are mixed.

May import: config and everything below. Never torch.
"""
