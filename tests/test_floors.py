"""Imports go down only: a module knows what it stands on, and nothing of what stands on it."""

import ast
from pathlib import Path

import pytest

import leadscore as ls

PACKAGE = Path(__file__).parents[1] / "leadscore"
FLOORS = [
    {"errors", "text", "files", "markdown"},
    {"rulebook.yaml", "rulebook.model"},
    {"rulebook.kinds", "rulebook.bounds"},
    {"rulebook.check", "rulebook.faults"},
    {"rulebook.book"},
    {"rulebook.diff", "rulebook"},
    {"evaluation", "sources", "columns", "plots"},
    {"contract", "measures"},
    {"activity", "records", "deciles"},
    {"outcomes", "bots"},
    {"tables"},
    {"conversion", "labels", "trials"},
    {"response"},
    {"picking"},
    {"drift.distances", "drift.shapley", "drift.pictures"},
    {"scoring.plan"},
    {"scoring.attributes"},
    {"scoring.memory"},
    {"scoring.timeline"},
    {"scoring.scores"},
    {"scoring.one", "scoring.replay", "scoring.change", "holdout", "capacity"},
    {"scoring.compare", "scoring", "alternatives", "explorer", "scored"},
    {"threshold"},
    {"choice", "drift", "drift.shift", "drift.pools", "drift.ranks", "drift.cohorts"},
    {"drift.decomposition", "drift.shares"},
    {"drift.verdict"},
    {"drift.clues"},
    {"drift.causes"},
    {"drift.balance"},
    {"drift.report"},
    {"learn", "learn.cells", "learn.logistic", "learn.snapshots", "learn.binning", "learn.verdict", "learn.parameters"},
    {
        "learn.separation",
        "learn.merging",
        "learn.rules",
        "learn.level",
        "learn.activations",
        "learn.adjustment",
        "learn.shrinkage",
    },
    {"learn.oddities", "learn.additive", "learn.support", "learn.candidates", "learn.reweighing"},
    {"learn.sample", "learn.rounding", "learn.rows", "learn.gating", "learn.suggestions"},
    {"learn.leaks", "learn.points_card", "learn.choosing", "learn.pairing", "learn.model_card"},
    {"learn.model_file"},
    {"learn.classifier"},
    {"learn.training"},
    {"scenarios"},
    {"", "datasets", "testing"},
    {"export", "options", "printing"},
    {"cli.entry"},
    {"cli.scoring", "cli.comparing", "cli.learning", "cli.drifting"},
    {"cli.tour"},
    {"cli"},
    {"__main__"},
]
HEIGHT = {module: height for height, floor in enumerate(FLOORS) for module in floor}


def name_of(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imported(path):
    """The package's own modules that a file imports, lazily or for types too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "leadscore":
            base = node.module.removeprefix("leadscore").removeprefix(".")
            for alias in node.names:
                inner = f"{base}.{alias.name}".lstrip(".")
                yield inner if inner in HEIGHT else base
        if isinstance(node, ast.Import):
            yield from (
                alias.name.removeprefix("leadscore").lstrip(".")
                for alias in node.names
                if alias.name.split(".")[0] == "leadscore"
            )


MODULES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_go_down(path):
    module = name_of(path)
    assert module in HEIGHT, f"give {module} a floor"
    for below in imported(path):
        assert HEIGHT[below] < HEIGHT[module], f"{module} imports {below}, which stands above it"


def test_an_upward_import_is_seen(tmp_path):
    file = tmp_path / "text.py"
    file.write_text("def f():\n    from leadscore.scoring.scores import score\n    return score\n")
    assert [below for below in imported(file) if HEIGHT[below] >= HEIGHT["text"]] == ["scoring.scores"]


def test_no_module_takes_a_public_name():
    """A module imported as `leadscore.x` would stand where the function `leadscore.x` is looked for."""
    assert set(ls.__all__) & {path.stem for path in PACKAGE.iterdir()} == set()
