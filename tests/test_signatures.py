"""One idea has one name in all public functions, and what is not data is said by keyword."""

import inspect
import re
from types import ModuleType

import pytest

import leadscore as ls

# What an argument may not be called, and what it is called instead.
OTHERWISE = {
    "scored_at": "as_of",
    "date": "as_of",
    "cohort": "every",
    "period": "every",
    "freq": "every",
    "t1": "before",
    "t2": "after",
    "period_a": "before",
    "period_b": "after",
    "rulebook_a": "old",
    "rulebook_b": "new",
    "leads_per_account": "groups",
    "accounts": "groups",
    "account": "groups",
    "seed": "random_state",
    "rng": "random_state",
    "weight": "weights",
    "outcome": "y",
    "outcomes_of": "y",
    "alpha": "confidence",
    "level": "confidence",
    "n_jobs": "threads",
}
BOUND = re.compile(r"minimum_|maximum_|_at_least$|_at_most$|^least_|^most_|^n_min|^n_max")
# What a function is about: the only arguments that may be given by place.
DATA = {
    *(
        "data",
        "tables",
        "leads",
        "events",
        "outcomes",
        "lead",
        "lead_id",
        "n_leads",
        "rulebook",
        "rulebooks",
        "old",
        "new",
        "comparison",
        "scores",
        "table",
    ),
    *(
        "monitor",
        "figures",
        "reference",
        "current",
        "candidate",
        "snapshots",
        "X",
        "y",
        "score",
        "probability",
        "a",
        "b",
    ),
    *(
        "by",
        "periods",
        "count",
        "n",
        "other_count",
        "other_n",
        "duration",
        "observed",
        "at_risk",
        "p",
        "before",
        "after",
        "connection",
    ),
}


def functions():
    """Every public function, and the methods of every public class, by full name."""
    for space in [ls, *(getattr(ls, name) for name in ls.__all__ if isinstance(getattr(ls, name), ModuleType))]:
        for name in space.__all__:
            found = getattr(space, name)
            if inspect.isfunction(found):
                yield f"{space.__name__}.{name}", found
            elif inspect.isclass(found) and not issubclass(found, BaseException):
                for inner, held in vars(found).items():
                    method = getattr(held, "__func__", held)
                    if inspect.isfunction(method) and not inner.startswith("_"):
                        yield f"{space.__name__}.{name}.{inner}", method


FUNCTIONS = dict(functions())


@pytest.mark.parametrize("name", FUNCTIONS)
def test_one_idea_has_one_name(name):
    arguments = set(inspect.signature(FUNCTIONS[name]).parameters)
    assert {argument: OTHERWISE[argument] for argument in arguments & OTHERWISE.keys()} == {}
    # A minimum fit is one of the rulebook's, by its name there.
    assert [argument for argument in arguments - {"minimum_fit"} if BOUND.search(argument)] == [], "min_ and max_"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_stage_and_days_are_always_named(name):
    given = inspect.signature(FUNCTIONS[name]).parameters
    if name.endswith(".explore"):
        # Without outcomes there is no stage to name.
        return
    assert [
        one for one in ("stage", "within_days") if one in given and given[one].default is not inspect.Parameter.empty
    ] == []


@pytest.mark.parametrize("name", FUNCTIONS)
def test_only_data_goes_by_place(name):
    by_place = [
        argument.name
        for argument in inspect.signature(FUNCTIONS[name]).parameters.values()
        if argument.kind is argument.POSITIONAL_OR_KEYWORD and argument.name not in {"self", "cls"}
    ]
    is_method = name.rsplit(".", 1)[0].rsplit(".", 1)[-1][0].isupper()
    # A method's own object is its data; what it is asked may be given by place, but no list of switches.
    assert len(by_place) <= 4 if is_method else set(by_place) <= DATA
