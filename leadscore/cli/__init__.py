"""The command line: the library's functions on files, with what a person needs to see."""

# The commands, in the order in which the help lists them.
from leadscore.cli import tour, scoring, comparing, learning  # noqa: I001
from leadscore.cli.entry import app, main

__all__ = ["app", "comparing", "learning", "main", "scoring", "tour"]
