"""The command line: the library's functions on files, with what a person needs to see."""

# The commands, in the order in which the help lists them.
from leadscore.cli import init, data, demo, score, sql, sales, compare, explore, learn, drift, review  # noqa: I001
from leadscore.cli.entry import app, main

__all__ = [
    "app",
    "compare",
    "data",
    "demo",
    "drift",
    "explore",
    "init",
    "learn",
    "main",
    "review",
    "sales",
    "score",
    "sql",
]
