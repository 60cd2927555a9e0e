"""Many texts looked up together answer as each of them alone."""

from hypothesis import given
from hypothesis import strategies as st

from leadscore.base.text import normalise, normalised
from leadscore.rulebook.conditions import Condition
from leadscore.rulebook.lookups import Asked, ColumnPlan, holds_in

PARTS = [
    "cto",
    "vp",
    "sales",
    "head of",
    "Head  of",
    "co-founder",
    "&",
    "_",
    "\u00e9",
    "STRASSE",
    "stra\u00dfe",
    "\u0399",
    "\u200b",
    "x",
]
BETWEEN = ["", " ", "  ", "-", ", ", "\n", "\u00a0", "_"]
TEXTS = st.lists(st.tuples(st.sampled_from(PARTS), st.sampled_from(BETWEEN)), min_size=1, max_size=5).map(
    lambda pairs: "".join(part + between for part, between in pairs)
)
WANTED = st.lists(
    TEXTS.map(normalise).filter(lambda text: any(map(str.isalnum, text)) and text.isprintable()), min_size=1, max_size=3
)
TESTS = st.sampled_from(["has_word", "contains", "starts_with", "ends_with", "in", "not_in"])
CONDITIONS = st.lists(st.dictionaries(TESTS, WANTED, min_size=1, max_size=3), min_size=1, max_size=4)


@given(CONDITIONS, st.lists(TEXTS, max_size=12))
def test_texts_that_all_tests_see_alike_answer_as_each_alone(conditions, texts):
    plan = ColumnPlan("text")
    for tests in conditions:
        holds_in(Asked({"title": plan}), Condition.model_validate({"title": tests}))
    values = list(dict.fromkeys(filter(None, map(normalise, texts))))
    codes, rows = plan.rows(values)
    assert [rows[code] for code in codes] == [plan.row(value) for value in values]


@given(st.lists(TEXTS | st.text()))
def test_many_texts_are_normalised_as_each_of_them(texts):
    assert normalised(texts) == [normalise(text) for text in texts]
