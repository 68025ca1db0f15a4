"""What a page shows: runs collected as plain data, drawn as SVG, written as one HTML file that needs no network.

May import: terminal and everything below. Never torch.
"""
