"""The command line: one module a verb, which opens, calls the library and shows.

May import: everything. Only here is typer imported.
"""
