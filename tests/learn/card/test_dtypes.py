"""What a table says decides, not the types it says it in: equal points, chances, figures and findings, or a refusal."""

from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import leadscore as ls
from leadscore.drift import stability
from leadscore.errors import ArgumentError
from leadscore.learn import guards
from tests.support.dtypes import FORMS

N = 900
RNG = np.random.default_rng(0)
VALUES = {
    "visits": RNG.poisson(3, N).tolist(),
    "demo": (RNG.random(N) < 0.3).tolist(),
    "industry": RNG.choice(["tech", "retail", "AG Süd"], N).tolist(),
}
# One in ten is missing.
VALUES = {
    name: [None if gone else value for value, gone in zip(values, RNG.random(N) < 0.1, strict=True)]
    for name, values in VALUES.items()
}
X = pd.DataFrame({name: next(iter(FORMS[name].values()))(values) for name, values in VALUES.items()})
ODDS = -2 + 0.4 * X["visits"].fillna(0) + X["demo"].fillna(value=False) + (X["industry"] == "tech")
Y = RNG.random(N) < 1 / (1 + np.exp(-ODDS.to_numpy(float)))


def model():
    return ls.LeadClassifier(guards=None, bins="quantile", encoding="onehot", C=1.0)


MODEL = model().fit(X, Y)
CARD = MODEL.points_card()
BOOK = CARD.to_rulebook(name="card", threshold=50)
CHANCES, POINTS = MODEL.predict_proba(X), CARD.score(X)
EACH = [pytest.param(name, form, id=f"{name} {form}") for name, forms in FORMS.items() for form in forms]


def given_as(name, form):
    return X.assign(**{name: FORMS[name][form](VALUES[name])})


def answer(call):
    """What a call gives, or why it is refused."""
    try:
        return call(), ""
    except ls.LeadscoreError as error:
        return None, str(error)


@pytest.mark.parametrize(("name", "form"), EACH)
def test_chances_and_points_are_the_same(name, form):
    table = given_as(name, form)
    np.testing.assert_array_equal(MODEL.predict_proba(table), CHANCES)
    pd.testing.assert_frame_equal(CARD.score(table), POINTS)
    row = {name: table[name].iloc[3] for name in table}
    assert CARD.explain(row).total == POINTS["total"].iloc[3]


# What a rulebook does not read as its kind, and what is said of it.
MIXED, ROWS = "values that do not fit one type of column: ", f"{sum(one is not None for one in VALUES['demo'])} rows: "
NOT_SCORED = {
    ("visits", "Decimal and floats"): f"{MIXED}Decimal, float",
    ("demo", "True and 1"): f"{MIXED}bool, int",
    ("demo", "floats"): f"{ROWS}double values where true or false is needed",
    ("demo", "Int64"): f"{ROWS}int64 values where true or false is needed",
    ("demo", "Decimal"): f"{ROWS}decimal128(1, 0) values where true or false is needed",
    ("demo", "category of 1 and 0"): f"{ROWS}int64 values where true or false is needed",
    ("demo", "text of 1 and 0"): f"{ROWS}neither true nor false",
}


@pytest.mark.parametrize(("name", "form"), EACH)
def test_the_rulebook_of_the_card_gives_the_same_points_or_refuses(name, form):
    table = given_as(name, form).assign(lead_id=np.arange(N))
    tables, refusal = answer(lambda: ls.load_tables(table, rulebook=BOOK))
    if (name, form) in NOT_SCORED:
        assert refusal.startswith(f"1 problem in tables\n  leads.{name}: {NOT_SCORED[name, form]}")
    else:
        np.testing.assert_array_equal(ls.score(tables, BOOK, as_of="2026-03-01").frame["total"], POINTS["total"])


# Numbers as text are learned as categories.
LEARNED = [each for each in EACH if each.values[1] not in {"text", "Arrow text", "text of 1 and 0"}]


@pytest.mark.parametrize(("name", "form"), LEARNED)
def test_what_is_learned_in_one_type_is_known_in_another(name, form):
    table = given_as(name, form)
    fitted = model().fit(table, Y)
    chances, refusal = answer(lambda: fitted.predict_proba(X))
    if name == "demo" and form in {"category of 1 and 0", "floats", "Int64", "Decimal"}:
        assert "bool values where numbers are needed" in refusal
    else:
        np.testing.assert_array_equal(chances, fitted.predict_proba(table))


@pytest.mark.parametrize(("name", "form"), EACH)
def test_nothing_changed(name, form):
    table = given_as(name, form)
    for found in (stability(X, table), stability(table, X)):
        assert (found.frame["psi"] == 0).all()
        assert found.changed.empty
    assert repr(guards(X, Y, now=table)) == repr(guards(X, Y, now=X))


@pytest.mark.parametrize("form", FORMS["industry"])
def test_guards_find_the_same(form):
    assert guards(given_as("industry", form), Y) == guards(X, Y)


HOLDERS = {
    "pandas": lambda frame: frame,
    "polars": lambda frame: pl.from_arrow(pa.Table.from_pandas(frame, preserve_index=False)),
    "Arrow": lambda frame: pa.Table.from_pandas(frame, preserve_index=False),
    "Arrow batch": lambda frame: pa.RecordBatch.from_pandas(frame, preserve_index=False),
    "array with names": lambda frame: frame.astype(object).to_records(index=False),
}


@pytest.mark.parametrize("holder", HOLDERS)
@given(order=st.permutations(["visits", "demo", "industry", "more"]))
def test_columns_go_by_name_never_by_place(holder, order):
    table = HOLDERS[holder](X.assign(more=1)[order])
    pd.testing.assert_frame_equal(CARD.score(table), POINTS)
    assert (stability(X, table).frame["psi"] == 0).all()
    table = HOLDERS[holder](X[[name for name in order if name != "more"]])
    if [name for name in order if name != "more"] == [*X]:
        np.testing.assert_array_equal(MODEL.predict_proba(table), CHANCES)
    else:
        with pytest.raises(ArgumentError, match="same order"):
            MODEL.predict_proba(table)


@pytest.mark.parametrize("holder", HOLDERS)
def test_every_holder_is_learned_from(holder):
    np.testing.assert_array_equal(model().fit(HOLDERS[holder](X), Y).predict_proba(X), CHANCES)
    assert guards(HOLDERS[holder](X), Y) == guards(X, Y)


REFUSED = {
    "other texts": (X.assign(demo="yes"), "demo: 900 rows: neither true nor false"),
    "other numbers": (X.assign(demo=np.arange(N)), "demo: 900 rows: int64 values where true or false is needed"),
    "codes of categories": (X.assign(industry=X["visits"]), "industry: holds numbers where text was learned from"),
    "truths": (X.assign(industry=X["demo"]), "industry: holds true and false where text was learned from"),
    "truths for numbers": (X.assign(visits=X["demo"]), "visits: .* bool values where numbers are needed"),
    "bytes": (X.assign(industry=b"tech"), "industry: argument must be a string or a number in every cell; got binary"),
    "lists": (X.assign(industry=[["tech"]] * N), "industry: argument must be a string or a number in every cell"),
    "one column": (X["visits"], "X"),
    "a number": (5, "X"),
    "a dict": ({"visits": [1]}, "X"),
    "nothing": (None, "X"),
    "lazy": (pl.LazyFrame({"visits": [1]}), "X"),
    "fewer columns": (X[["visits"]], "X"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_meant_is_refused(what):
    table, message = REFUSED[what]
    for call in (MODEL.predict_proba, CARD.score):
        with pytest.raises(ArgumentError, match=message):
            call(table)


def test_a_column_empty_when_learned_says_nothing_whatever_stands_in_it_later():
    for empty in (None, np.nan, pd.NA, ""):
        fitted = model().fit(X.assign(partner=empty), Y)
        for later in (empty, "ACME", 5, True):
            np.testing.assert_allclose(fitted.predict_proba(X.assign(partner=later)), CHANCES, rtol=1e-9)


@pytest.mark.parametrize(
    "labels",
    [[0, 1, 2], [0, "demo", ("a", 1)], pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)]), [1.5, True, None]],
)
def test_columns_that_are_not_called_by_text(labels):
    table = X.set_axis(labels, axis=1)
    np.testing.assert_allclose(model().fit(table, Y).predict_proba(table), CHANCES, rtol=1e-6)
    assert stability(table, table).changed.empty


def test_columns_that_read_alike_are_refused():
    table = X.set_axis([1, "1", "x"], axis=1)
    for call in (lambda: model().fit(table, Y), lambda: stability(table, X), lambda: guards(table, Y)):
        with pytest.raises(ArgumentError, match="columns more than once: '1'"):
            call()


def test_a_decimal_lies_on_the_side_of_an_edge_that_its_text_lies_on():
    amounts = [Decimal("0.009"), Decimal("0.008")] * 400
    table = pd.DataFrame({"amount": pd.Series(amounts, dtype=pd.ArrowDtype(pa.decimal128(5, 3)))})
    fitted = model().fit(table, np.arange(800) % 2 == 0)
    as_floats = table["amount"].astype(str).astype(float).to_frame()
    np.testing.assert_array_equal(fitted.predict_proba(table), fitted.predict_proba(as_floats))


def test_a_model_saved_when_true_was_text_reads_1_as_true(tmp_path):
    old = model().fit(X.assign(demo=X["demo"].map({True: "true", False: "false"})), Y)
    old.save(tmp_path / "old.npz")
    read = ls.LeadClassifier.load(tmp_path / "old.npz")
    assert read.kinds_["demo"] == "text"
    for card in (read.points_card(), old.points_card()):
        for form in ("boolean", "floats", "Int64", "text", "TRUE"):
            assert (card.score(given_as("demo", form))["total"] == card.score(X)["total"]).all()
    MODEL.save(tmp_path / "new.npz")
    np.testing.assert_array_equal(ls.LeadClassifier.load(tmp_path / "new.npz").predict_proba(X), CHANCES)
