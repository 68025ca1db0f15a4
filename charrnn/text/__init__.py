"""From what was typed to ids: files, archives, encodings, newlines, vocabulary, cache, corpus and its split.

May import: config, files, formatting, errors. Never torch.
"""
