"""One reader: every public function that takes columns lead by lead answers the same, however they are given.

A table of functions times a table of inputs. Forms of the same values give the answer of plain lists; what cannot be
taken is refused by all functions in the same words.
"""

import inspect
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import leadscore as ls
from leadscore.errors import ArgumentError

pl = pytest.importorskip("polars")

N = 120
RNG = np.random.default_rng(0)
LEADS = pd.Index([f"L{number:03d}" for number in range(N)], name="lead_id")
SCORE = RNG.integers(1, 20, N) / 20
HAD = RNG.random(N) < SCORE
PLAIN = {
    # One lead in six is of unknown outcome.
    "y": [None if place % 6 == 0 else bool(had) for place, had in enumerate(HAD)],
    "score": SCORE.tolist(),
    "a": SCORE.tolist(),
    "b": RNG.integers(1, 9, N).tolist(),
    "probability": SCORE.tolist(),
    "weights": RNG.integers(1, 4, N).tolist(),
    "sample_weight": RNG.integers(1, 4, N).tolist(),
    "dates": (np.datetime64("2026-01-01") + RNG.integers(0, 60, N)).tolist(),
    "groups": RNG.integers(0, 40, N).tolist(),
    "period": RNG.integers(2020, 2026, N).tolist(),
    "by": np.array(["US", "DE", "FR"])[RNG.integers(0, 3, N)].tolist(),
}
X = pd.DataFrame({"visits": RNG.poisson(5 * SCORE), "seniority": np.where(SCORE > 0.5, "VP", "Clerk")}, LEADS)


def model():
    return ls.LeadClassifier(guards=None, bins="tree", encoding="onehot", C=1.0)


FITTED = model().fit(X, HAD)
CARD = FITTED.points_card()


def scores():
    book = ls.Rulebook.from_yaml(
        "leadscore: 1\nname: demo\nqualify: {threshold: 20}\nfit: [{name: A, column: seniority, points: {VP: 20}}]\n"
    )
    tables = ls.load_tables(X.reset_index(), rulebook=book)
    return ls.score(tables, book, as_of="2026-03-01")


SCORES = scores()


def fitted(y, **beside):
    found = model().fit(X, y, **beside)
    return found.interval().to_csv(), found.classes_.astype(int).tolist(), found.n_unknown_


# What takes which columns beside y, the one that says which leads there are first. Answers are plain data.
CALLS = {
    "roc_auc": (
        lambda y, score, weights, groups: repr(ls.stats.roc_auc(y, score, weights=weights, groups=groups)),
        "score weights groups",
    ),
    "gini": (
        lambda y, score, weights, groups: repr(ls.stats.gini(y, score, weights=weights, groups=groups)),
        "score weights groups",
    ),
    "ks": (lambda y, score: repr(ls.stats.ks(y, score)), "score"),
    "pr_auc": (
        lambda y, score, weights, groups: repr(ls.stats.pr_auc(y, score, weights=weights, groups=groups)),
        "score weights groups",
    ),
    "brier": (lambda y, probability: repr(ls.stats.brier(y, probability)), "probability"),
    "auc_difference": (lambda y, a, b, groups: repr(ls.stats.auc_difference(y, a, b, groups=groups)), "a b groups"),
    "gains": (lambda y, score: ls.stats.gains(y, score).frame.to_csv(), "score"),
    "calibration": (lambda y, probability: ls.stats.calibration(y, probability).frame.to_csv(), "probability"),
    "expected_calibration_error": (
        lambda y, probability: repr(ls.stats.expected_calibration_error(y, probability)),
        "probability",
    ),
    "by_segment": (lambda y, score, by: ls.stats.by_segment(y, score, by=by).to_csv(), "score by"),
    "threshold_table": (
        lambda y, score, **beside: ls.threshold_table(y, score, replicates=40, **beside).frame.to_csv(),
        "score weights by dates groups",
    ),
    "guards": (lambda y, **beside: repr(ls.learn.guards(X, y, **beside)), "dates groups"),
    "LeadClassifier.fit": (fitted, "sample_weight dates groups"),
    "LeadClassifier.recalibrate": (
        lambda y, sample_weight: FITTED.recalibrate(X, y, sample_weight).model_.intercept,
        "sample_weight",
    ),
    "PointsCard.recalibrate": (lambda y: CARD.recalibrate(X, y).intercept, ""),
}


@dataclass
class Odd:
    """An array of another library: it only knows how to become one of numpy's."""

    values: list

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype)

    def __len__(self):
        return len(self.values)


def arrow(values):
    return pd.Series(values).astype(pd.ArrowDtype(pa.array(values).type))


ANY = {
    "tuple": tuple,
    "object array": lambda values: np.array(values, object),
    "Series": pd.Series,
    "object Series": lambda values: pd.Series(values, dtype=object),
    "Arrow Series": arrow,
    "Arrow array": pa.array,
    "Arrow chunks": lambda values: pa.chunked_array([values[:50], values[50:]]),
    "polars": pl.Series,
    "categorical": lambda values: pd.Series(values).astype("category"),
    "Index": lambda values: pd.Index(values, dtype=object),
}
NUMBERS = ANY | {
    "array": np.array,
    "another library's": Odd,
    "nullable": lambda values: pd.array(values, dtype="Float64"),
    "Decimal": lambda values: [Decimal(str(value)) for value in values],
    "sparse": lambda values: pd.Series(pd.arrays.SparseArray(values)),
    "polars decimal": lambda values: pl.Series([Decimal(str(value)) for value in values]),
}
FORMS = {
    "y": ANY
    | {
        "boolean": lambda values: pd.Series(values, dtype="boolean"),
        "1 and 0": lambda values: [None if value is None else int(value) for value in values],
        "floats with NaN": lambda values: np.array([np.nan if value is None else float(value) for value in values]),
        "Int64": lambda values: pd.array(values, dtype="boolean").astype("Int64"),
        "Float64": lambda values: pd.array(values, dtype="boolean").astype("Float64"),
        "masked": lambda values: np.ma.array([bool(value) for value in values], mask=[one is None for one in values]),
        "Arrow numbers": lambda values: arrow([None if value is None else float(value) for value in values]),
        "polars numbers": lambda values: pl.Series([None if value is None else int(value) for value in values]),
        "categories 1 and 0": lambda values: pd.Series(values, dtype="boolean").astype("Int64").astype("category"),
        "Decimal": lambda values: [None if value is None else Decimal(int(value)) for value in values],
        "sparse": lambda values: pd.Series(pd.arrays.SparseArray([np.nan if v is None else float(v) for v in values])),
        "mixed": lambda values: [
            value if place % 2 else pd.NA if value is None else int(value) for place, value in enumerate(values)
        ],
    },
    "dates": ANY
    | {
        "array": lambda values: np.array(values, "datetime64[D]"),
        "text": lambda values: [str(value) for value in values],
        "timestamps": pd.to_datetime,
        "with zone": lambda values: pd.Series(pd.to_datetime(values)).dt.tz_localize("UTC"),
        "Arrow text": lambda values: arrow([str(value) for value in values]),
    },
    "period": ANY | {"array": np.array, "text": lambda values: [str(value) for value in values]},
    "groups": ANY | {"array": np.array, "text": lambda values: [f"G{value}" for value in values]},
    "by": ANY | {"array": np.array, "fixed text": lambda values: pd.Series(values, dtype="string")},
}


def answer(name, **changed):
    call, columns = CALLS[name]
    given = {column: PLAIN[column] for column in ["y", *columns.split()]} | changed
    return call(**given)


@pytest.fixture(scope="module")
def plain():
    return {name: answer(name) for name in CALLS}


def table(forms):
    """A row for each function, column it takes, and form of it."""
    rows = [
        (name, column, form)
        for name, (_, columns) in CALLS.items()
        for column in ["y", *columns.split()]
        for form in forms(column)
    ]
    return [pytest.param(*row, id=" ".join(row)) for row in rows]


@pytest.mark.parametrize(("name", "column", "form"), table(lambda column: FORMS.get(column, NUMBERS)))
def test_the_same_values_have_the_same_answer(plain, name, column, form):
    changed = FORMS.get(column, NUMBERS)[form](PLAIN[column])
    if isinstance(changed, pd.Series):
        changed = changed.set_axis(LEADS)
    assert answer(name, **{column: changed}) == plain[name]


def takers():
    """Every public function, class and method that takes outcomes, by its name for users."""
    for space in (ls.stats, ls.tables, ls.scoring, ls.sales, ls.threshold, ls.learn, ls.drift, ls.datasets):
        for name in space.__all__:
            one = getattr(space, name)
            parts = vars(one) if inspect.isclass(one) else {}
            methods = {f"{name}.{part}": getattr(one, part) for part in parts if not part.startswith("_")}
            yield from (key for key, part in [(name, one), *methods.items()] if takes(part))


def takes(one):
    return callable(one) and "y" in inspect.signature(one).parameters


def test_no_function_that_takes_outcomes_is_forgotten():
    counted = {"TrialWeek.of"}  # takes no unknown outcome
    holders = {"Snapshots"}  # made by `snapshots`
    assert set(takers()) - counted - holders == set(CALLS)


@pytest.mark.parametrize("dtype", [bool, "int8", "float32", "boolean", "bool[pyarrow]", "category"])
def test_the_leads_of_a_week(dtype):
    group = np.arange(N) % 2 == 0
    plain = ls.threshold.TrialWeek.of("2026-03-30", HAD.tolist(), group.tolist())
    series = [pd.Series(column, LEADS).astype(dtype) for column in (HAD, group)]
    assert ls.threshold.TrialWeek.of("2026-03-30", *series) == plain
    assert ls.threshold.TrialWeek.of("2026-03-30", series[0][::-1], series[1]) == plain


@pytest.mark.parametrize("dtype", [bool, "int8", "float32", "boolean", "bool[pyarrow]", "category"])
@pytest.mark.parametrize("name", CALLS)
def test_outcomes_that_are_all_known(name, dtype):
    assert answer(name, y=pd.Series(HAD, LEADS).astype(dtype)) == answer(name, y=HAD.tolist())


def says_the_order(name, column):
    """Whether a column is the one that says which leads there are, and in which order."""
    of_a_table = {"guards", "LeadClassifier.fit", "LeadClassifier.recalibrate"}
    return name not in of_a_table and CALLS[name][1].split()[:1] == [column]


MATCHED = [
    row for row in table(lambda _: ["another order", "another order, Arrow"]) if not says_the_order(*row.values[:2])
]


@pytest.mark.parametrize(("name", "column", "form"), MATCHED)
def test_rows_are_matched_by_lead(plain, name, column, form):
    call, columns = CALLS[name]
    beside = columns.split()
    given = {one: pd.Series(PLAIN[one], LEADS, dtype=object if one == "y" else None) for one in ["y", *beside]}
    shuffled = given[column].sample(frac=1, random_state=1)
    if form == "another order, Arrow":
        shuffled = arrow(shuffled.tolist()).set_axis(shuffled.index)
    assert call(**given | {column: shuffled}) == plain[name]


WRONG = {
    "text": (lambda values: ["won" if value else "lost" for value in values], "got 'won'|got 'lost'"),
    "two": (lambda values: [2 if value else 0 for value in values], "neither, the first 2"),
    "halves": (
        lambda values: [0.5 if value else 0 for value in values],
        "neither, the first 0.5|Unknown label type: continuous",
    ),
    "days": (lambda values: pd.to_datetime(["2026-01-01"] * len(values)), "got Timestamp"),
    "durations": (lambda values: pd.to_timedelta([1] * len(values)), "got Timedelta"),
    "too short": (lambda values: values[:-1], "y: must have one value for each lead; it has 119"),
    "two columns": (lambda values: np.array([values, values], float).T, "2 dimensions"),
    "other leads": (lambda values: pd.Series(values, range(1000, 1000 + N)), "y: has none of the leads"),
    "twice": (lambda values: pd.Series(values, [LEADS[0], *LEADS[:-1]]), "y: has 1 lead more than once"),
    "more leads": (lambda values: pd.Series([True, *values], ["other", *LEADS]), "1 lead with a known outcome has no"),
}


# A classifier of scikit-learn must learn from any two numbers.
REFUSED = [(name, wrong) for name in CALLS for wrong in WRONG if (name, wrong) != ("LeadClassifier.fit", "two")]


@pytest.mark.parametrize(("name", "wrong"), REFUSED)
def test_what_is_no_outcome_is_refused_in_the_same_words(name, wrong):
    make, message = WRONG[wrong]
    _, columns = CALLS[name]
    beside = {one: pd.Series(PLAIN[one], LEADS) for one in columns.split()}
    with pytest.raises(ArgumentError, match=message):
        answer(name, y=make(PLAIN["y"]), **beside)


@pytest.mark.parametrize("name", CALLS)
def test_a_lead_without_an_outcome_is_of_unknown_outcome(name):
    _, columns = CALLS[name]
    beside = {one: pd.Series(PLAIN[one], LEADS) for one in columns.split()}
    known = pd.Series(PLAIN["y"], LEADS, dtype="boolean").dropna()
    assert answer(name, y=known, **beside) == answer(name)


@pytest.mark.parametrize("name", ["LeadClassifier.fit", "LeadClassifier.recalibrate"])
def test_rows_of_an_array_go_by_place(name):
    numbers = X[["visits"]].assign(known=1.0)
    y = pd.Series(PLAIN["y"], dtype="boolean").set_axis(range(500, 500 + N))

    def learned(table, outcomes):
        found = model().fit(table, outcomes)
        if name == "LeadClassifier.recalibrate":
            found = found.recalibrate(table, outcomes)
        return found.model_.intercept, found.model_.coefficients.tolist()

    assert learned(numbers.to_numpy(), y) == learned(numbers.to_numpy(), y.array)
    with pytest.raises(ArgumentError, match="y: has none of the leads of X"):
        learned(numbers, y)
