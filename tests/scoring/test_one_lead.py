"""`score_one` remembers values, and puts conditions together once: neither shows."""

import datetime as dt
import enum
from decimal import Decimal
from itertools import permutations

import numpy as np
import pytest

import leadscore as ls
from tests.support.one_lead import AS_OF, document, event, total

ONES = [1, 1.0, True, "1", np.str_("1"), Decimal("1.0"), Decimal(1), None]


class Page(str, enum.Enum):  # noqa: UP042 - whose text differs from its value, unlike that of a StrEnum
    """A page as some programs have it."""

    one = "1"


def scored(rulebook, value):
    try:
        return ls.score_one({}, [event(AS_OF, page=value)], rulebook, as_of=AS_OF)["total"]
    except ls.ContractError as error:
        return str(error)


@pytest.mark.parametrize("pages", [("1", "page"), (1, "number"), (True, "boolean")])
def test_a_value_answers_for_itself_whatever_equal_one_came_before(pages):
    asked, _ = pages
    made = document(behaviour=[{"event": "visit", "where": {"page": asked}, "points": 7}])
    values = [*ONES, Page.one]
    alone = {n: scored(ls.Rulebook.from_dict(made | {"name": f"alone {n}"}), value) for n, value in enumerate(values)}
    assert len(set(alone.values())) > 1
    for n, (first, second) in enumerate(permutations(range(len(values)), 2)):
        rulebook = ls.Rulebook.from_dict(made | {"name": f"after {n}"})
        assert [scored(rulebook, values[first]), scored(rulebook, values[second])] == [alone[first], alone[second]]


def test_a_list_of_options_has_no_hash_and_is_read():
    made = document(
        behaviour=[{"event": "visit", "where": {"topics": {"has_option": "api"}}, "points": 7}],
        columns={"topics": {"type": "options"}},
    )
    made["leadscore"] = 2
    rulebook = ls.Rulebook.from_dict(made)
    events = [event(AS_OF, topics=["API", "Blog"]), event(AS_OF - dt.timedelta(days=1), topics="Blog")]
    assert ls.score_one({}, events, rulebook, as_of=AS_OF)["total"] == 7


@pytest.mark.parametrize(("word", "holds"), [("any", True), ("all", False)])
def test_a_condition_may_have_a_thousand_parts(word, holds):
    parts = [{"country": "fr"}, *[{"title": {"contains": f"word {n}"}} for n in range(1_100)], {"country": "us"}]
    assert total(document(fit=[{"when": {word: parts}, "points": 7}]), {"country": "us", "title": "cto"}) == 7 * holds


def test_unknown_is_neither_a_condition_nor_its_opposite():
    known = {"all": [{"title": "cto"}, {"country": "us"}]}
    made = document(fit=[{"when": known, "points": 7}, {"when": {"not": known}, "points": 5}])
    rows = [("cto", "us"), ("cto", None), (None, None), ("cfo", None), (None, "fr")]
    assert [total(made, {"title": title, "country": country}) for title, country in rows] == [7, 0, 0, 5, 5]
