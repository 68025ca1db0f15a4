"""Judging models without torch: bits of every character, one text for several models, n-grams, novelty, the verdict.

May import: runs, sampling and everything below; nothing of training.
"""
