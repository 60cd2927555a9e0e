"""Every result of a public function, with hostile names wherever a user gives names: all its renderings are safe.

Each `tests/support/results_*.py` has a table `RESULTS` of class names and of what makes such a result from two names.
"""

import importlib
import pkgutil

import pytest
from hypothesis import given, settings

import leadscore
from leadscore.present.result import Result
from tests.support.every_result import RESULTS
from tests.support.hostile import check_renderings, names


@pytest.mark.slow
@pytest.mark.parametrize("name", RESULTS)
@settings(max_examples=5)
@given(names, names)
def test_hostile_names_are_harmless_in(name, one, other):
    result = RESULTS[name](one, other)
    assert type(result).__name__ == name
    check_renderings(result)


def classes(base):
    for found in base.__subclasses__():
        yield found
        yield from classes(found)


def test_every_result_class_is_tried():
    for module in pkgutil.walk_packages(leadscore.__path__, "leadscore."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    there = {found.__name__ for found in classes(Result) if found.__module__.startswith("leadscore.")}
    assert {name for name in there if not name.startswith("_")} == set(RESULTS)
