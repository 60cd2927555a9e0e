"""Tables and rulebook given in the wrong order are refused with a clear message, by every public function of both."""

import inspect

import pandas as pd
import pytest

import leadscore as ls

NAMESPACES = [ls, ls.tables, ls.scoring, ls.sales, ls.threshold, ls.drift, ls.learn]
BOOK = ls.Rulebook.from_yaml("{leadscore: 1, name: x, fit: [], behaviour: [], qualify: {threshold: 0}}")
TABLES = ls.load_tables(pd.DataFrame({"lead_id": ["a"]}), rulebook=BOOK)
PERIOD = {"start": "2026-03-02", "end": "2026-03-29"}
TWO = {"before": ("2026-01-05", "2026-02-01"), "after": ("2026-03-02", "2026-03-29")}
# Where it is not `f(tables, rulebook)` without more.
MORE = {
    "score": {"as_of": "2026-03-29"},
    "score_accounts": {"as_of": "2026-03-29"},
    "replay": PERIOD,
    "explain_change": {"lead_id": "a", "before": "2026-03-02", "after": "2026-03-29"},
    "baselines": PERIOD | {"capacity_per_week": 1, "stage": "sal", "within_days": 30},
    "weekly_cohorts": PERIOD,
    "weekly_streams": PERIOD | {"stage": "sal", "within_days": 30},
    "decompose": TWO,
    **dict.fromkeys(
        [
            *("missed", "won_lost", "words", "content", "personas", "records", "promises", "pipeline", "review"),
            *("weighted_pipeline", "routes", "stuck"),
        ],
        PERIOD,
    ),
    "balance_today": {"end": "2026-03-29"},
    "explore": {"end": "2026-03-29"},
    "cherry_picking": {"score": pd.Series({"a": 1.0}), "columns": ["x"]},
}


def of_both():
    """The public functions that take tables and then a rulebook."""
    for namespace in NAMESPACES:
        for name in dir(namespace):
            found = getattr(namespace, name)
            if inspect.isfunction(found):
                kinds = [str(one.annotation) for one in inspect.signature(found).parameters.values()]
                if len(kinds) > 1 and kinds[0].startswith("Tables") and kinds[1] == "Rulebook":
                    yield name, found


FUNCTIONS = dict(of_both())


def test_they_are_found():
    assert {"score", "replay", "compare", "explain_change", "baselines", "response_times", "decompose"} <= {*FUNCTIONS}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_wrong_order_is_refused(name):
    call = FUNCTIONS[name]
    given = MORE.get(name, {})
    if name == "compare":
        with pytest.raises(ls.ArgumentError, match="tables: must be Tables; got a Rulebook; the order is compare"):
            call(BOOK, TABLES, BOOK, **PERIOD)
        return
    with pytest.raises(ls.ArgumentError, match=f"tables: must be Tables; got a Rulebook; the order is {name}"):
        call(BOOK, TABLES, **given)


def test_only_what_is_wrong_is_named():
    with pytest.raises(ls.ArgumentError) as error:
        ls.explain_change(BOOK, TABLES, **MORE["explain_change"])
    assert [problem.where for problem in error.value.problems] == ["tables", "rulebook"]
    assert "explain_change(tables, rulebook, ...)" in str(error.value)
    with pytest.raises(ls.ArgumentError, match="new: must be a Rulebook; got a str"):
        ls.explain_change(TABLES, BOOK, **MORE["explain_change"], new="new.yaml")


def test_a_monitor_says_so_too():
    monitor = ls.BalanceMonitor(BOOK)
    with pytest.raises(ls.ArgumentError, match="tables: must be Tables; got a Rulebook"):
        monitor.with_rulebook(BOOK, TABLES)


def test_score_one_says_so_too():
    with pytest.raises(ls.ArgumentError, match="lead: must be a Mapping; got a Rulebook; the order is score_one"):
        ls.score_one(BOOK, [], {"lead_id": "a"}, as_of="2026-03-29")
