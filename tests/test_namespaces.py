"""Public names: everyday ones at the top, the others by stage; nothing is loaded before it is used."""

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import leadscore as ls

NAMESPACES = [
    "datasets", "drift", "engines", "imports", "learn", "meeting", "rulebook", "sales", "scoring", "stats", "tables",
    "threshold",
]  # fmt: skip
EVERYDAY = [
    "ArgumentError",
    "BalanceMonitor",
    "ContractError",
    "DataFileError",
    "DecisionsError",
    "LeadClassifier",
    "LeadscoreError",
    "Problem",
    "Rulebook",
    "RulebookError",
    "acceptance",
    "baselines",
    "choose_threshold",
    "compare",
    "daily_activity",
    "drift_report",
    "evidence",
    "explain_change",
    "explore",
    "flag_bots",
    "funnel",
    "gate",
    "label",
    "load_tables",
    "replay",
    "replay_files",
    "replay_spark",
    "response_times",
    "review",
    "reweigh",
    "score",
    "score_accounts",
    "score_files",
    "score_many",
    "score_one",
    "score_spark",
    "snapshots",
    "suggest",
    "threshold_table",
    "to_sql",
]


def test_the_everyday_names_are_these():
    assert sorted(ls.__all__) == sorted([*EVERYDAY, *NAMESPACES])


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_a_namespace_works_without_an_import_of_its_own(namespace):
    there = getattr(ls, namespace)
    for name in there.__all__:
        found = getattr(there, name)
        assert not isinstance(found, ModuleType)
        assert getattr(found, "__doc__", None), f"{namespace}.{name} has no docstring"


def test_an_everyday_name_is_the_one_of_its_namespace():
    for name in EVERYDAY:
        homes = [getattr(getattr(ls, space), name) for space in NAMESPACES if name in getattr(ls, space).__all__]
        # Errors and problems belong to all stages.
        assert homes == ([] if getattr(ls, name).__module__ == "leadscore.errors" else [getattr(ls, name)])


def test_a_misspelt_name_is_refused():
    with pytest.raises(AttributeError, match="scroe"):
        ls.scroe  # noqa: B018


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_names_stay_functions_whatever_was_imported_before():
    """A module imported as `leadscore.sales.response.acceptance` must not stand where the function is looked for."""
    package = Path(ls.__file__).parent
    modules = [
        ".".join(("leadscore", *path.relative_to(package).with_suffix("").parts))
        for path in package.rglob("*.py")
        if path.stem not in {"__init__", "__main__"}
    ]
    code = f"""
import importlib, types, leadscore as ls
for module in {sorted(modules)!r}:
    importlib.import_module(module)
for namespace in {NAMESPACES!r}:
    there = getattr(ls, namespace)
    wrong = [name for name in there.__all__ if isinstance(getattr(there, name), types.ModuleType)]
    assert not wrong, (namespace, wrong)
assert all(not isinstance(getattr(ls, name), types.ModuleType) for name in {EVERYDAY!r})
"""
    done = run(code)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("code", ["import leadscore", "import leadscore as ls; ls.sales; ls.learn; ls.drift; ls.stats"])
def test_importing_loads_nothing_heavy(code):
    heavy = {"pandas", "numpy", "pyarrow", "sklearn", "scipy", "matplotlib", "duckdb", "sqlglot", "typer", "rich"}
    done = run(f"import sys; {code}; print(sorted({heavy!r} & set(sys.modules)))")
    assert done.stdout == "[]\n", done.stdout + done.stderr


@pytest.mark.parametrize("code", ["ls.score", "ls.load_tables", "ls.snapshots", "ls.drift_report", "ls.baselines"])
def test_models_and_pictures_are_loaded_when_they_are_used(code):
    done = run(f"import sys, leadscore as ls; {code}; print(sorted({{'sklearn', 'matplotlib'}} & set(sys.modules)))")
    assert done.stdout == "[]\n", done.stdout + done.stderr
