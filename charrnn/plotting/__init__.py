"""Plots as plain data, and where their lines, ticks and labels go: the same on a terminal, on a page, in a picture.

May import: formatting and below. Knows of no runs and no networks.
"""
