"""Imports go down only, and a file or a function can be read at a glance: what the layout promises."""

import ast
from pathlib import Path

import pytest

import leadscore as ls

PACKAGE = Path(ls.__file__).parent
# Each folder imports from those above it in this list, lazily and for types too.
FLOORS = [
    "errors",
    "base",
    "present",
    "stats",
    "rulebook",
    "sources",
    "imports",
    "tables",
    "scoring",
    "engines",
    "sales",
    "threshold",
    "drift",
    "learn",
    "meeting",
    "datasets",
    "start",
    "cli",
]
FLAT = {"__init__", "__main__", "errors"}


def imported(path):
    """The package's own folders that a file imports, lazily or for types too, with the whole module's name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} line {node.lineno}: imports name the whole module"
            named = [
                f"{node.module}.{alias.name}" if node.module == "leadscore" else node.module for alias in node.names
            ]
        else:
            named = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        yield from (tuple(name.split(".")[1:]) for name in named if name.split(".")[0] == "leadscore")


def upward(path, package=PACKAGE):
    """What a file imports from a folder that does not stand below its own."""
    home = path.relative_to(package).with_suffix("").parts[0]
    # The root gives the public names of every folder; only the command line, on top, is built on them.
    floor = {name: height for height, name in enumerate([*FLOORS[:-1], "__init__", FLOORS[-1], "__main__"])}
    needed = [(below[0] if below else "__init__", below) for below in imported(path)]
    return [".".join(below) for folder, below in needed if folder != home and floor[folder] >= floor[home]]


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down(path):
    assert upward(path) == []


def test_an_upward_import_is_seen(tmp_path):
    (tmp_path / "base").mkdir()
    file = tmp_path / "base" / "text.py"
    file.write_text("def f():\n    from leadscore.scoring.scores import score\n    return score\n")
    assert upward(file, tmp_path) == ["scoring.scores"]
    file.write_text(
        "import leadscore\nfrom leadscore.errors import Problem\nfrom leadscore.base.files import replacing\n"
    )
    assert upward(file, tmp_path) == [""]


def test_inside_a_folder_no_imports_run_in_a_circle():
    modules = {path: path.relative_to(PACKAGE).with_suffix("").parts for path in PACKAGE.rglob("*.py")}
    known = {parts[:-1] if parts[-1] == "__init__" else parts for parts in modules.values()}
    needs = {
        parts: {below for below in imported(path) if below in known and len(below) > 1 and below[0] == parts[0]}
        for path, parts in modules.items()
        if parts[-1] != "__init__"
    }
    while done := [module for module, below in needs.items() if not below & needs.keys()]:
        for module in done:
            del needs[module]
    assert needs == {}


def test_nothing_lies_flat_in_the_root():
    assert {path.stem for path in PACKAGE.glob("*.py")} == FLAT
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and any(path.glob("*.py"))}
    assert folders == set(FLOORS) - FLAT


def test_the_tests_mirror_the_package():
    here = Path(__file__).parent
    folders = {path.parent.relative_to(here) for path in here.rglob("test_*.py")} - {Path(), Path("real")}
    assert {str(folder) for folder in folders if not (PACKAGE / folder).is_dir()} == set()


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("__init__.py")), ids=lambda path: path.parent.name)
def test_each_folder_says_what_lives_there(path):
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_and_functions_stay_readable(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 500
    functions = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef))
    assert [function.name for function in functions if lines_of(function) > 45] == []


def lines_of(function):
    """Its lines, signature included and docstring aside."""
    told = function.body[0] if ast.get_docstring(function) is not None else None
    return function.end_lineno - function.lineno + 1 - (told.end_lineno - told.lineno + 1 if told else 0)
