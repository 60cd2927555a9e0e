"""Guards: each fires on a planted fault and not on its twin, seldom without a fault, and the same in any order."""

# ruff: noqa: N803 - X is scikit-learn's name

import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from leadscore.errors import ArgumentError
from leadscore.learn.guards.cells import read_cells, row_marks
from leadscore.learn.guards.guards import guards
from leadscore.learn.guards.rows import needed_leads
from leadscore.learn.guards.separation import Rows, alone, together
from tests.support.hostile import check_renderings

N = 3000


def world(seed=0, n=N, rate=0.2, drift=0.0):
    """Leads of a year with true signs of moderate size; nothing is wrong with them."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "employees": np.exp(rng.normal(4, 1.5, n)).round(),
            "visits": rng.poisson(3, n),
            "revenue": np.where(rng.random(n) < 0.3, np.nan, np.exp(rng.normal(12, 1, n)).round()),
            "industry": rng.choice(["tech", "retail", "bank", "health"], n, p=[0.4, 0.3, 0.2, 0.1]),
            "country": rng.choice([f"c{number}" for number in range(30)], n),
            "title": rng.choice(np.array(["head of it", "clerk", "owner", None], object), n),
            "opted_in": rng.random(n) < 0.3,
            "region": pd.Categorical(rng.choice(["north", "south"], n)),
            "interest": rng.normal(0, 1, n),
        }
    )
    day = np.sort(rng.integers(0, 365, n))
    # exp of a normal, rounded, may be 0.
    eta = 0.4 * (np.log1p(X["employees"]) - 4) + 0.25 * (X["visits"] - 3) + 0.8 * X["opted_in"] + 0.5 * X["interest"]
    eta += 0.7 * (X["industry"] == "tech") + 0.6 * (X["title"] == "owner") + drift * (day / 365 - 0.5)
    base = eta - np.quantile(eta + rng.logistic(0, 1, n), 1 - rate)
    y = rng.random(n) < 1 / (1 + np.exp(-base.to_numpy(float)))
    return X, y, pd.Series(np.datetime64("2025-01-01") + day), rng


def said(found, column=None):
    return {guard.code for guard in found if column is None or guard.column == column}


def with_column(values, name="planted", **more):
    """The codes that are said of a column beside those of the world."""
    X, y, dates, rng = world()
    return said(guards(X.assign(**{name: values(X, y, dates, rng)}), y, **({"dates": dates} | more)), name)


# -------------------------------------------------------------------------------------------- nothing wrong, any order


def test_nothing_is_said_of_a_clean_table():
    X, y, dates, _ = world()
    assert guards(X, y, dates=dates).found == ()


@pytest.mark.parametrize(("n", "rate"), [(600, 0.3), (2000, 0.2)])
def test_false_alarms_are_rare(n, rate):
    alarms = [guards(*world(seed, n, rate)[:2], dates=world(seed, n, rate)[2]) for seed in range(40)]
    assert sum(any(guard.severity != "warn" for guard in found) for found in alarms) == 0
    # Of some twelve warnings that each table could give; that 600 rows are thin for nine columns is true.
    assert sum(bool(said(found) - {"LS341"}) for found in alarms) <= 4


@pytest.mark.soak
@pytest.mark.parametrize(("n", "rate"), [(600, 0.3), (2000, 0.15), (10_000, 0.05)])
def test_false_alarms_are_rare_in_many_tables(n, rate):
    alarms = 0
    for seed in range(300):
        X, y, dates, _ = world(seed, n, rate)
        alarms += any(guard.severity != "warn" for guard in guards(X, y, dates=dates))
    assert alarms <= 6


def faulty():
    X, y, dates, rng = world(3, 1500)
    X["leak"] = y * 2.0 + rng.normal(0, 1, len(y))
    X["closed"] = np.where(y, "won", "open")
    X["filled"] = np.where(y & (rng.random(len(y)) < 0.9), 3.5, np.nan)
    X["macro"] = (dates.dt.month * 10).to_numpy()
    X["source"] = np.where(rng.random(len(y)) < 0.2, "unknown", "web")
    X["gap"] = np.where(rng.random(len(y)) < 0.3 + 0.4 * y, 999, rng.integers(0, 30, len(y)))
    X["id"] = np.arange(len(y)) + 10_000
    X = X.iloc[np.append(np.arange(len(y) - 40, len(y)), np.arange(40, len(y)))].reset_index(drop=True)
    return X, y, dates, np.repeat(np.arange(len(y) // 2), 2)


FAULTY = faulty()
FOUND = guards(FAULTY[0], FAULTY[1], dates=FAULTY[2], groups=FAULTY[3], now=FAULTY[0][-300:])


@given(st.permutations(FAULTY[0].columns.to_list()), st.integers(0, 1000))
@settings(max_examples=10)
def test_order_of_rows_and_columns_changes_nothing(columns, seed):
    X, y, dates, leads = FAULTY
    rows = np.random.default_rng(seed).permutation(len(X))
    now = X[-300:][columns].sample(frac=1, random_state=seed)
    again = guards(X[columns].iloc[rows], y[rows], dates=dates.iloc[rows], groups=leads[rows], now=now)
    # Every figure, to the last digit.
    assert again == FOUND


def test_the_faulty_table_has_each_fault():
    codes = {(guard.code, guard.column) for guard in FOUND}
    assert codes >= {
        ("LS301", "leak"), ("LS302", "filled"), ("LS304", "closed"), ("LS310", "macro"), ("LS320", "id"),
        ("LS330", "gap"), ("LS331", "source"), ("LS343", ""), ("LS344", ""),
    }  # fmt: skip
    ranks = [["refuse", "drop", "warn"].index(guard.severity) for guard in FOUND]
    assert ranks == sorted(ranks)


def test_the_findings_are_one_result():
    dropped = FOUND.columns("drop")
    assert {"leak", "filled", "closed", "macro", "id"} <= set(dropped)
    assert len(dropped) == len(set(dropped))
    warned = sum(guard.severity == "warn" for guard in FOUND)
    assert FOUND.headline == f"{len(dropped)} columns to leave out, {warned} warnings; n = 1,500 rows."
    rows = json.loads(FOUND.to_json())["frame"]
    assert [(row["code"], row["column"]) for row in rows] == [(guard.code, str(guard.column)) for guard in FOUND]
    assert next(row for row in rows if row["code"] == "LS330")["figures"]["value"] == 999
    assert "(table)" in repr(FOUND)
    X, y, _, _ = world()
    assert guards(X, y).headline == "Nothing found; n = 3,000 rows."
    assert guards(X[:60], y[:60]).headline.startswith("1 reason not to learn from these rows")


def test_missing_outcomes_are_left_out_of_everything():
    X, y, dates, leads = FAULTY
    unknown = np.random.default_rng(0).random(len(y)) < 0.4
    kept = ~unknown
    some = pd.Series(y, dtype="boolean").mask(unknown)
    found = guards(X, some, dates=dates, groups=leads)
    assert found == guards(X[kept], y[kept], dates=dates[kept], groups=leads[kept])


@pytest.mark.parametrize("kind", ["category", "string", "object"])
def test_the_type_of_text_changes_nothing(kind):
    X, y, dates, leads = FAULTY
    typed = X.astype(dict.fromkeys(("industry", "country", "closed", "source"), kind))
    assert guards(typed, y, dates=dates, groups=leads, now=X[-300:]) == FOUND


# ------------------------------------------------------------------------------------------------ known only afterwards


@pytest.mark.parametrize(("auc", "caught"), [(0.75, False), (0.9, True)])
def test_a_column_far_above_the_rest(auc, caught):
    assert (
        "LS301" in with_column(lambda _X, y, _d, rng: rng.normal(0, 1, N) + y * math.sqrt(2) * norm.ppf(auc))
    ) is caught


def test_a_strong_column_among_equals_is_no_leak():
    """What many columns tell together may be as good as one: none is far above the rest."""
    X, y, dates, rng = world(n=6000)
    for number in range(12):
        X[f"sign_{number}"] = rng.normal(0, 1, len(y)) + y * math.sqrt(2) * norm.ppf(0.7)
    X["strong"] = rng.normal(0, 1, len(y)) + y * math.sqrt(2) * norm.ppf(0.85)
    assert "LS301" not in said(guards(X, y, dates=dates))


def test_two_leaks_do_not_shield_each_other():
    X, y, _, rng = world()
    for name in ("seconds", "minutes"):
        X[name] = rng.normal(0, 1, N) + y * math.sqrt(2) * norm.ppf(0.88)
    assert {guard.column for guard in guards(X, y) if guard.code == "LS301"} == {"seconds", "minutes"}


@pytest.mark.parametrize(
    ("won", "others", "caught"),
    # Filled for leads with the outcome, and for others; a form that hand-raisers fill in, and one nobody else does.
    [(1.0, 0.0, True), (0.1, 0.0, True), (0.98, 0.05, True), (0.6, 0.12, False), (0.1, 0.02, False)],
)
def test_filled_only_for_won_leads(won, others, caught):
    def planted(_X, y, _dates, rng):
        return np.where(rng.random(N) < np.where(y, won, others), rng.integers(1, 9, N), np.nan)

    assert ("LS302" in with_column(planted)) is caught


@pytest.mark.parametrize(
    ("won", "others", "code"),
    # As good as the outcome; much more often with it, and tied to the other columns by it alone; known in time.
    [(1.0, 0.01, "LS304"), (0.0, 0.9, "LS304"), (0.5, 0.1, "LS305"), (0.3, 0.1, None), (0.0, 0.05, None)],
)
def test_a_state_overwritten_until_export(won, others, code):
    def planted(_X, y, _dates, rng):
        return np.where(rng.random(N) < np.where(y, won, others), "closed", rng.choice(["open", "new"], N))

    assert with_column(planted) == ({code} if code else set())


@pytest.mark.parametrize(("share", "caught"), [(0.4, True), (0.15, False)])
def test_a_level_that_never_converts_is_a_leak_where_it_holds_many(share, caught):
    """Leads whose mail bounces never convert, and that is known in time."""
    X, y, _, rng = world(n=20_000)
    X["mail"] = np.where(~y & (rng.random(len(y)) < share), "bounced", "arrived")
    assert ("LS304" in said(guards(X, y), "mail")) is caught


@pytest.mark.parametrize(("won", "others", "caught"), [(0.3, 0.05, True), (0.2, 0.2, False), (0.0, 0.0, False)])
def test_days_after_the_row(won, others, caught):
    def planted(_X, y, dates, rng):
        later = rng.random(N) < np.where(y, won, others)
        return dates + pd.to_timedelta(np.where(later, rng.integers(1, 60, N), -rng.integers(0, 900, N)), unit="D")

    assert ("LS303" in with_column(planted)) is caught
    assert "LS303" not in with_column(planted, dates=None)


def test_days_on_or_before_the_row_are_no_later_ones():
    def planted(_X, y, dates, rng):
        return dates.mask(rng.random(N) < np.where(y, 0.2, 0.6)) - pd.to_timedelta(rng.integers(0, 90, N), unit="D")

    assert "LS303" not in with_column(planted)


# ------------------------------------------------------------------------------------------------------------ calendar


@pytest.mark.parametrize(
    ("planted", "caught"),
    [
        (lambda _X, _y, dates, _rng: dates.dt.month.map(str).to_numpy(), True),
        (lambda _X, _y, dates, _rng: np.sin(dates.dt.day_of_year / 40).to_numpy(), True),
        # A price that leaps from day to day.
        (lambda _X, _y, dates, rng: rng.normal(0, 1, 366)[dates.dt.day_of_year].round(3), True),
        (lambda _X, _y, dates, _rng: dates.dt.strftime("%Y-%m-%d").to_numpy(), True),
        (lambda _X, _y, dates, _rng: dates.dt.month.to_numpy() > 6, True),
        # It comes again every week.
        (lambda _X, _y, dates, _rng: dates.dt.day_name().to_numpy(), False),
        # A new form field, used more and more; a source that only began in summer.
        (lambda _X, _y, dates, rng: rng.random(N) < dates.dt.day_of_year / 365, False),
        (lambda _X, _y, dates, rng: np.where((dates.dt.month > 6) & (rng.random(N) < 0.5), "fair", "web"), False),
        (lambda _X, _y, dates, rng: dates.dt.day_of_year + rng.normal(0, 200, N), False),
    ],
)
def test_calendar_in_disguise(planted, caught):
    assert ("LS310" in with_column(planted)) is caught
    assert "LS310" not in with_column(planted, dates=None)


# ---------------------------------------------------------------------------------------------------------- odd columns


@pytest.mark.parametrize(
    ("planted", "caught"),
    [
        (lambda _X, _y, _d, rng: rng.permutation(N) + 70_000, True),
        (lambda _X, _y, _d, rng: rng.permutation(np.array([f"00Q{number:06}" for number in range(N)])), True),
        (lambda _X, _y, _d, rng: np.array([f"ann.smith.{number}@mail.com" for number in rng.permutation(N)]), True),
        (lambda _X, _y, _d, rng: np.exp(rng.normal(14, 2, N)).round(), False),
        (lambda _X, _y, _d, rng: rng.normal(0, 1, N), False),
        (lambda _X, _y, _d, rng: rng.integers(0, 10**9, N), False),
        (lambda _X, _y, _d, rng: np.array([f"senior sales manager {number}" for number in rng.permutation(N)]), False),
        (lambda _X, _y, _d, rng: rng.integers(0, 2500, N), False),
    ],
)
def test_identifiers(planted, caught):
    assert with_column(planted) == ({"LS320"} if caught else set())


def test_large_numbers_are_an_identifier_by_name_only():
    def planted(_X, _y, _dates, rng):
        return rng.integers(0, 10**12, N)

    for name in ("lead_id", "Account ID", "dealId", "uuid"):
        assert with_column(planted, name) == {"LS320"}
    for name in ("paid", "revenue", "liquid"):
        assert with_column(planted, name) == set()


@pytest.mark.parametrize(("others", "caught"), [(0, True), (8, True), (40, False)])
def test_near_constant(others, caught):
    value = with_column(lambda _X, _y, _d, rng: np.where(rng.permutation(N) < others, "fr", "de"))
    empty = with_column(lambda _X, _y, _d, rng: np.where(rng.permutation(N) < others, 3.5, np.nan))
    assert ("LS321" in value, "LS321" in empty) == (caught, caught)


@pytest.mark.parametrize(
    ("missing", "value", "caught"),
    # How much whether it is filled, and which value it has, have to do with the outcome.
    [(0.5, 0.0, True), (0.5, 1.0, False), (0.0, 0.0, False), (0.0, 1.0, False)],
)
def test_all_signal_is_missingness(missing, value, caught):
    def planted(_X, y, _dates, rng):
        return np.where(rng.random(N) < 0.2 + missing * y, rng.normal(0, 1, N) + value * y, np.nan)

    assert ("LS322" in with_column(planted)) is caught


@pytest.mark.parametrize(
    ("spike", "own", "code"),
    [(999, 0.4, "LS330"), (999, 0.0, "LS331"), (-1000, 0.4, "LS330"), (31, 0.4, None), (15, 0.4, None)],
)
def test_a_spike_that_quantiles_hide(spike, own, code):
    def planted(_X, y, _dates, rng):
        return np.where(rng.random(N) < 0.4 + own * y, spike, rng.integers(0, 30, N))

    assert with_column(planted) == ({code} if code else set())


@pytest.mark.parametrize(
    ("real", "filler", "caught"),
    [
        (["web", "fair"], "unknown", True),
        (["web", "fair"], " N/A ", True),
        (["web", "fair"], "Select", True),
        (["web", "fair"], "", True),
        (["web", "fair"], "unknown caller", False),
        (["web", "fair"], "other", False),
        ([3, 4, 5, 60], -1, True),
        ([-2, 3, 4, 60], -1, False),
        ([0.5, 3, 4, 60], -1, False),
        ([3, 4, 5, 60], 99999, True),
        ([3, 4, 5, 98], 99, False),
        (["2025-02-01", "2024-03-01"], "1900-01-01", True),
        (["2025-02-01", "2024-03-01"], "2023-01-01", False),
        (["unknown"], "unknown", False),
    ],
)
def test_disguised_missing(real, filler, caught):
    def planted(_X, _y, _dates, rng):
        return np.where(rng.random(N) < 0.1, filler, rng.choice(real, N))

    assert ("LS331" in with_column(planted, dates=None)) is caught


# --------------------------------------------------------------------------------------------------- the table at large


@pytest.mark.parametrize(("events", "severity"), [(49, "refuse"), (50, "warn"), (951, "refuse"), (0, "refuse")])
def test_too_few_of_either_kind(events, severity):
    X = world(n=1000)[0]
    first = guards(X, np.arange(1000) < events).found[0]
    assert (first.severity, first.code) == (severity, "LS340" if severity == "refuse" else "LS341")
    assert first.figures["with_outcome"] == events


def test_several_rows_of_a_lead_are_one_lead():
    X, y, _, _ = world(n=1000)
    y[:] = np.arange(1000) < 120
    assert "LS340" not in said(guards(X, y))
    assert "LS340" in said(guards(X, y, groups=np.arange(1000) // 3))


def test_how_many_leads_a_fit_needs():
    """Riley's formula by hand, and that the mean chance alone asks for 385 leads at evens."""
    most = 1 - math.exp(2 * (0.2 * math.log(0.2) + 0.8 * math.log(0.8)))
    assert needed_leads(0.2, 30) == math.ceil(30 / (-0.1 * math.log(1 - 0.15 * most / 0.9)))
    assert needed_leads(0.5, 1) == 385


def test_worked_only_is_said():
    X, y, _, _ = world()
    assert said(guards(X, y, worked_only=True)) == {"LS342"}


def test_copies_are_counted_and_those_across_time():
    X, y, dates, _ = world()
    copied = X.iloc[np.append(np.arange(N - 25), np.arange(25))].reset_index(drop=True)
    twins = next(guard for guard in guards(copied, y, dates=dates) if guard.code == "LS343")
    assert (twins.figures["copies"], twins.figures["across"]) == (25, 25)


def test_rows_that_must_be_alike_are_no_copies():
    X, y, dates, _ = world()
    assert "LS343" not in said(guards(X[["industry", "region", "opted_in", "visits"]], y, dates=dates))


@pytest.mark.parametrize(("ids", "caught"), [(np.arange(N), False), (np.arange(N) % 2000, True)])
def test_leads_in_both_parts(ids, caught):
    X, y, dates, _ = world()
    assert ("LS344" in said(guards(X, y, dates=dates, groups=ids))) is caught


@pytest.mark.parametrize(("drift", "caught"), [(3.0, True), (0.0, False)])
def test_outcome_drift(drift, caught):
    X, y, dates, _ = world(drift=drift)
    assert ("LS345" in said(guards(X, y, dates=dates))) is caught
    assert "LS345" not in said(guards(X, y))


def test_drift_to_today():
    X, y, _, _ = world()
    today = world(9, 800)[0]
    assert guards(X, y, now=today).found == ()
    moved = today.assign(
        visits=today["visits"] + 2,
        industry=today["industry"].replace("tech", "technology"),
        revenue=today["revenue"].mask(np.arange(800) % 2 == 0),
        interest=today["interest"].map("{:g} points".format),
    )
    assert guards(X, y, now=today.assign(interest=today["interest"].map(str))).found == ()
    found = guards(X, y, now=moved)
    assert {(guard.code, guard.column) for guard in found} == {
        ("LS346", name) for name in ("visits", "industry", "revenue", "interest")
    }


def test_a_spike_that_fades_is_drift():
    """The index on deciles is 0 when all of them lie on the spike."""
    X, y, _, rng = world()
    X["days"] = np.where(rng.random(N) < 0.98, 999, rng.integers(0, 30, N))
    today = X[:800].assign(days=np.where(rng.random(800) < 0.8, 999, rng.integers(0, 30, 800)))
    assert "LS346" in said(guards(X, y, now=today), "days")
    assert "LS346" not in said(guards(X, y, now=X[:800]), "days")


# --------------------------------------------------------------------------------------------------------- the figures


def test_a_useless_column_of_many_levels_has_an_auc_of_a_half():
    rng = np.random.default_rng(5)
    values = []
    for _ in range(60):
        X = pd.DataFrame(
            {"page": rng.choice([f"p{number}" for number in range(40)], 2000), "x": rng.normal(0, 1, 2000)}
        )
        y = rng.random(2000) < 0.1
        columns = read_cells(X, source="X")
        rows = Rows.of(y, row_marks(columns))
        values.append([*(alone(rows.counts(cells)).value for cells in columns), together(rows, columns).auc.value])
    assert np.mean(values, axis=0) == pytest.approx([0.5, 0.5, 0.5], abs=0.01)


def test_the_auc_is_that_of_the_bins():
    """With two levels there is nothing to overfit: it is the AUC as everybody counts it, and its interval holds."""
    held = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        y = rng.random(1000) < 0.3
        level = rng.random(1000) < np.where(y, 0.6, 0.3)
        X = pd.DataFrame({"level": level})
        columns = read_cells(X, source="X")
        auc = alone(Rows.of(y, row_marks(columns)).counts(columns[0]))
        assert auc.value == pytest.approx(roc_auc_score(y, level), abs=0.005)
        held += auc.low <= 0.65 <= auc.high
    assert held >= 90


def test_marks_tell_rows_apart():
    X = pd.DataFrame({"a": [1, 2, 1, None, 0.0, -0.0], "b": [2, 1, 2, None, 1, 1]})
    marks = row_marks(read_cells(X, source="X"))
    assert len(set(marks.tolist())) == 4
    assert (marks[0] == marks[2], marks[0] == marks[1], marks[4] == marks[5]) == (True, False, True)
    turned = read_cells(X[::-1], source="X")
    assert (row_marks(turned)[::-1] == marks).all()
    assert not np.signbit(turned[0].values).any()


def test_what_many_rows_share_is_a_bin_of_its_own():
    number = np.append(np.arange(950.0), np.full(60, 520.5))
    cells = read_cells(pd.DataFrame({"x": np.append(number, np.nan)}), source="X")[0]
    code, size = cells.bins
    assert (np.bincount(code)[code[-2]], np.bincount(code)[code[-1]]) == (60, 1)
    assert (np.diff(np.unique(code)) == 1).all()
    assert size == code.max() + 1
    np.testing.assert_array_equal(cells.raw, np.append(number, np.nan))


@given(
    st.lists(st.sampled_from([None, "", "a", "B", 1, 1.0, 2.5, True, "unknown", "2025-01-01"]), min_size=2, max_size=30)
)
@settings(max_examples=60)
def test_anything_in_a_column_is_read(values):
    y = np.arange(len(values)) % 2 == 0
    found = guards(pd.DataFrame({"x": pd.Series(values, dtype=object)}), y)
    assert found.found[0].code == "LS340"
    check_renderings(found)


# --------------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"X": [[1]]}, "must be a table"),
        ({"X": pd.DataFrame({"a": [1.0, 2, np.inf]})}, "a: holds infinite"),
        ({"X": pd.DataFrame([[1, 2]] * 3, columns=["a", "a"])}, "columns more than once: 'a'"),
        ({"X": pd.DataFrame(index=range(3))}, "3 rows and 0 columns"),
        ({"y": [1, 0]}, "y: must have one value for each lead; it has 2, X has 3"),
        ({"y": [1, 0, 2]}, "must be True, False or missing"),
        ({"y": [None, None, None]}, "no known outcome, n = 3 rows"),
        ({"y": pd.Series([1, 0, 1], index=[5, 6, 7])}, "y: has none of the leads of X"),
        ({"dates": ["2025-01-01", None, "2025-01-02"]}, "missing for 1 of 3"),
        ({"dates": ["May", "June", "July"]}, "dates: must be days as 2026-03-31; 3 are not: 'May'"),
        ({"groups": [1]}, "groups: must have one value for each lead; it has 1, X has 3"),
        ({"now": pd.DataFrame({"b": [1]})}, "lacks 1 column of X: 'a'"),
        ({"now": 3}, "must be a table"),
    ],
)
def test_bad_input(change, words):
    given_ = {"X": pd.DataFrame({"a": [1, 2, 3]}), "y": [True, False, True]} | change
    with pytest.raises(ArgumentError, match=words):
        guards(given_.pop("X"), given_.pop("y"), **given_)


def test_all_problems_are_said_at_once():
    with pytest.raises(ArgumentError) as caught:
        guards(pd.DataFrame({"a": [1, 2, 3]}), [True], dates=[1], groups=[2])
    assert [problem.where for problem in caught.value.problems] == ["y", "dates", "groups"]


# --------------------------------------------------------------------------------------------------------- real data

MACRO = {"month", "emp.var.rate", "cons.price.idx", "cons.conf.idx", "euribor3m", "nr.employed"}


@pytest.fixture(scope="module")
def bank(folder):
    raw = pd.read_csv(folder / "bank" / "bank-additional-full.csv", sep=";")
    return raw.drop(columns="y"), raw["y"] == "yes"


@pytest.mark.real
@pytest.mark.parametrize("dates", ["rows", "days", "months"])
def test_bank(bank, dates):
    X, y = bank
    # The file is in order of date; months come and go, so that a change of name begins a new one.
    months = (X["month"] != X["month"].shift()).cumsum()
    days = pd.Series(pd.date_range("2008-05-01", "2010-11-30", periods=len(X)).floor("D"))
    found = guards(X, y, dates={"rows": np.arange(len(X)), "days": days, "months": months}[dates])
    assert {guard.column for guard in found if guard.code == "LS310"} == MACRO
    assert {guard.column for guard in found if guard.severity != "warn"} == MACRO | {"duration"}
    leak = next(guard for guard in found if guard.column == "duration")
    assert (leak.code, round(leak.figures["auc"], 2)) == ("LS301", 0.82)
    spike = next(guard for guard in found if guard.column == "pdays")
    assert (spike.code, spike.figures["n"], spike.figures["others"]) == ("LS330", 39_673, 1515)
    unknown = {guard.column: guard.figures for guard in found if guard.code == "LS331"}
    assert set(unknown) == {"default", "education", "housing", "job", "loan", "marital", "poutcome"}
    assert unknown["default"]["n"] == 8597
    assert next(guard for guard in found if guard.code == "LS343").figures["copies"] == 12
    assert "LS345" in said(found)


@pytest.mark.real
def test_bank_without_dates(bank):
    X, y = bank
    assert {guard.column for guard in guards(X, y) if guard.severity != "warn"} == {"duration"}
    assert not {guard.code for guard in guards(X.drop(columns="duration"), y)} - {"LS330", "LS331", "LS343"}


@pytest.mark.real
def test_olist(folder):
    leads = pd.read_csv(folder / "olist" / "olist_marketing_qualified_leads_dataset.csv")
    deals = pd.read_csv(folder / "olist" / "olist_closed_deals_dataset.csv")
    X = leads.merge(deals, on="mql_id", how="left")
    y = X["won_date"].notna()
    found = guards(X, y, dates=X["first_contact_date"])
    dropped = {(guard.column, guard.code) for guard in found if guard.severity == "drop"}
    assert {(name, "LS302") for name in deals.columns[1:]} <= dropped
    # One reason hides no other.
    assert dropped >= {
        ("seller_id", "LS320"),
        ("mql_id", "LS320"),
        ("first_contact_date", "LS310"),
        ("won_date", "LS303"),
    }
    assert not {"origin", "landing_page_id"} & {name for name, _ in dropped}
