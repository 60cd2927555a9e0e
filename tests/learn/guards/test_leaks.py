"""Leaks: columns filled in after the outcome are found by several signs, and honest ones with one sign are not."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine

from leadscore.learn.card.classifier import LeadClassifier
from leadscore.learn.guards.cells import read_cells, row_marks
from leadscore.learn.guards.guards import guards
from leadscore.learn.guards.leaks import _told
from leadscore.learn.guards.links import links
from leadscore.learn.guards.names import told_late
from leadscore.learn.guards.separation import Rows, together
from leadscore.stats.ranking import auc_difference, roc_auc
from tests.learn.guards.test_guards import said, world

LEAKS = {"LS301", "LS302", "LS303", "LS304", "LS305", "LS307"}
# How often a seller fills in a field of a lead with the outcome, and of one without: AUC 0.70 to 0.80 alone.
OFTEN = {"Tags": (0.62, 0.10), "Lead Quality": (0.55, 0.05), "Last Activity": (0.7, 0.2), "Lead Profile": (0.5, 0.03),
         "Activity Score": (0.6, 0.12)}  # fmt: skip
BEFORE = {"Tags": None, "Lead Quality": "Select", "Last Activity": "", "Lead Profile": "unknown", "Activity Score": "0"}


def severe(found):
    return {guard.column for guard in found if guard.severity == "drop" and guard.code in LEAKS}


def filled_in_later(seed=0, n=4000, names=tuple(OFTEN), together=0.0):
    """The world with five columns that stand at what was there before until a seller fills them in."""
    X, y, dates, rng = world(seed, n)
    visit = rng.random(n) < np.where(y, 0.7, 0.15)
    for name, kind in zip(names, OFTEN, strict=True):
        alone = rng.random(n) < np.where(y, *OFTEN[kind])
        filled = np.where(rng.random(n) < together, visit, alone)
        X[name] = np.where(filled, rng.choice(np.array(["a", "b", "c"], object), n), BEFORE[kind])
    return X, y, dates, rng


# ------------------------------------------------------------------------------------------------------- several signs


@pytest.mark.parametrize("at_one_visit", [0.0, 0.7])
@pytest.mark.parametrize(
    "names",
    [
        tuple(OFTEN),
        ("IsConverted", "LeadStatus", "OwnerId", "StageName", "LostReason"),
        ("hs_lead_status", "lifecyclestage", "closedate", "num_associated_deals", "disposition"),
        # No name tells: what links them to the other columns does.
        ("a", "b", "c", "d", "e"),
        (1, 2, 3, 4, 5),
    ],
)
def test_fields_filled_in_after_the_outcome(names, at_one_visit):
    X, y, _, _ = filled_in_later(names=names, together=at_one_visit)
    assert severe(guards(X, y)) == set(names)


@pytest.mark.slow
@pytest.mark.parametrize("n", [1500, 6000])
def test_such_fields_are_seldom_missed_and_no_other_is_taken_for_one(n):
    found = [severe(guards(*filled_in_later(seed, n)[:2])) for seed in range(30)]
    assert np.mean([len(taken & set(OFTEN)) for taken in found]) > 4.7
    assert not set().union(*found) - set(OFTEN)


def test_what_is_dropped_is_said_with_the_honest_figure():
    X, y, _, _ = filled_in_later()
    new, outcome, _, _ = world(9, 4000)
    with pytest.warns(UserWarning, match="Left out") as caught:
        model = LeadClassifier(guards="drop", bins="quantile", encoding="woe", C=1.0).fit(X, y)
    assert not set(OFTEN) & {bins.column for bins in model.model_.features}
    figures = next(guard for guard in model.guards_ if guard.code == "LS309").figures
    # Leads that nobody has filled anything in for.
    honest = roc_auc(outcome, model.predict_proba(new.assign(**dict.fromkeys(OFTEN)))[:, 1])
    assert figures["auc_kept"] == pytest.approx(honest.value, abs=0.02)
    assert figures["auc"] > figures["auc_kept"] + 0.1
    message = str(caught[0].message)
    assert f"{figures['auc_kept']:.3f}" in message
    assert all(name in message.splitlines()[-1] for name in OFTEN)


def test_causes_are_not_taken_for_effects_whatever_they_are_called():
    """An old answer, asked for on the form: it moves the outcome and knows nothing of the other columns."""
    X, y, _, rng = world(n=8000)
    answer = rng.random(8000) < 0.3
    eta = 2.2 * answer + 0.4 * (np.log1p(X["employees"]) - 4) + 0.5 * X["interest"]
    y = rng.random(8000) < 1 / (1 + np.exp(2.5 - eta))
    X["Last Activity"] = np.where(answer, "asked", None)
    found = guards(X, y)
    assert not severe(found)
    assert said(found, "Last Activity") >= {"LS306"}


def test_one_interest_is_not_taken_for_an_effect():
    """The more interested, the more fields are filled in, before the outcome."""
    rng = np.random.default_rng(2)
    interest = rng.normal(0, 1, 6000)
    X = pd.DataFrame({f"sign_{k}": interest + rng.normal(0, 0.7 + k / 2, 6000) for k in range(4)})
    X["profile"] = np.where(rng.logistic(0, 1, 6000) < 2.5 * interest - 1, "given", None)
    y = rng.random(6000) < 1 / (1 + np.exp(2 - 2 * interest))
    assert said(guards(X, y)) - {"LS322"} == {"LS306", "LS309"}


def test_a_name_alone_is_asked_about():
    X, y, _, rng = world()
    X["lead status"] = rng.choice(["new", "known"], len(y))
    found = guards(X, y)
    assert [(guard.code, guard.severity, guard.column) for guard in found] == [
        ("LS306", "warn", "lead status"), ("LS309", "warn", ""),
    ]  # fmt: skip
    assert "'status' in its name" in found.found[0].message


@pytest.mark.parametrize("load", [load_breast_cancer, load_diabetes, load_iris, load_wine])
def test_public_tables_of_strong_honest_columns(load):
    bunch = load(as_frame=True)
    y = bunch.target > (bunch.target.median() if load is load_diabetes else 0)
    assert not severe(guards(bunch.data, y))


def test_a_single_strong_column_among_useless_ones_is_no_leak():
    """Nothing else tells anything: it is not known how well honest columns can do."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(0, 1, (3000, 12)), columns=[f"x{k}" for k in range(12)])
    y = rng.random(3000) < 1 / (1 + np.exp(1 - 2.5 * X["x0"]))
    assert guards(X, y).found == ()


# ------------------------------------------------------------------------------------ other kinds, whatever their names


def team(seed=0, n=5000):
    """Leads as a team has them, with strong honest columns: job level, size, an interest, and a demo asked for."""
    rng = np.random.default_rng(seed)
    interest = rng.normal(0, 1, n)
    X = pd.DataFrame({
        "job_level": rng.choice(["clerk", "manager", "director", "vp"], n, p=[0.6, 0.22, 0.12, 0.06]),
        "employees": np.exp(rng.normal(4, 1.6, n)).round(),
        "industry": rng.choice(["software", "retail", "health"], n),
        "demo_requested": rng.logistic(0, 1, n) < interest - 2.9,
        "page_views": rng.poisson(np.exp(1.2 + 0.45 * interest)),
        "phone": np.where(rng.random(n) < 0.45, "given", None),
    })  # fmt: skip
    eta = X["job_level"].map({"clerk": 0, "manager": 0.7, "director": 1.4, "vp": 2.0}) + 0.9 * interest
    eta += 0.35 * np.log1p(X["employees"]) + 1.6 * X["demo_requested"] + 0.4 * X["phone"].notna()
    y = rng.random(n) < 1 / (1 + np.exp(3.8 - eta.to_numpy(float)))
    return X, y, rng


def often(y, rng, with_it, without):
    return rng.random(len(y)) < np.where(y, with_it, without)


def levels(y, rng, *values):
    return rng.choice(np.array(values, object), len(y))


KINDS = {
    "a day to come": lambda y, rng: np.where(
        often(y, rng, 0.6, 0.08), np.datetime64("2025-03-01") + rng.integers(0, 300, len(y)), np.datetime64("NaT")
    ),
    "days in the system": lambda y, rng: np.where(y, rng.gamma(3, 12, len(y)), rng.gamma(1.2, 14, len(y))).round(),
    "given to another": lambda y, rng: np.where(
        often(y, rng, 0.6, 0.04), levels(y, rng, "ae 1", "ae 2"), levels(y, rng, *(f"sdr {k}" for k in range(12)))
    ),
    "an amount": lambda y, rng: np.where(often(y, rng, 0.6, 0.03), rng.integers(1, 90, len(y)) * 100, 0),
    "length of notes": lambda y, rng: np.where(y, rng.gamma(4, 40, len(y)), rng.gamma(2, 40, len(y))).round(),
    "a level that is new": lambda y, rng: np.where(
        often(y, rng, 0.45, 0.03), "key account", levels(y, rng, "prospect", "partner", "press")
    ),
    "how complete": lambda y, rng: np.clip(40 + rng.normal(0, 18, len(y)) + 22 * y, 5, 100).round(),
    "a count": lambda y, rng: rng.poisson(np.where(y, 3.5, 1.6)),
    "a flag": lambda y, rng: often(y, rng, 0.5, 0.04),
    "of 30 %": lambda y, rng: np.where(often(y, rng, 0.3, 0.01), levels(y, rng, "x", "z"), None),
    "both ways": lambda y, rng: np.select([often(y, rng, 0.4, 0.03), often(~y, rng, 0.4, 0.05)], ["on", "off"], "-"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_other_kinds_go_and_strong_honest_columns_stay(kind):
    X, y, rng = team()
    found = guards(X.assign(planted=KINDS[kind](y, rng)), y)
    assert severe(found) == {"planted"}
    # Its twin knows nothing of the outcome.
    assert not severe(guards(X.assign(planted=KINDS[kind](rng.permutation(y), rng)), y))


def test_several_weak_ones_go_and_so_does_what_they_seem_to_bring():
    X, y, rng = team(n=8000)
    shares = {f"extra {k}": 0.05 + share for k, share in enumerate((0.22, 0.28, 0.34, 0.4))}
    leaky = X.assign(**{name: often(y, rng, share, 0.05) for name, share in shares.items()})
    found = guards(leaky, y)
    assert severe(found) == set(shares)
    figures = next(guard for guard in found if guard.code == "LS309").figures
    honest = read_cells(X, source="X")
    rows = Rows.of(y, row_marks(honest))
    assert figures["auc_kept"] == pytest.approx(together(rows, honest).auc.value, abs=0.01)
    assert figures["auc"] > figures["auc_kept"] + 0.05


@pytest.mark.parametrize("seed", range(6))
def test_strong_honest_columns_stay(seed):
    X, y, _ = team(seed, n=(1500, 6000)[seed % 2])
    assert not severe(guards(X, y))


def test_grades_are_no_states():
    """At the least grade hardly any lead has the outcome, and the higher the others are the more do."""
    _, y, rng = team(n=6000)
    above, by_chance = often(y, rng, 0.99, 0.25), rng.integers(2, 7, 6000)
    for higher, codes in ((2 * y, set()), (0, {"LS304"})):
        table = pd.DataFrame({"planted": np.where(above, by_chance + higher, 1)})
        assert said(guards(table, y), "planted") == codes


def test_the_bound_holds_for_all_levels_of_a_category():
    """Five of twenty levels have odds that lie on the bound: one is above it by chance in 1 % of tables."""
    above = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        level = rng.integers(0, 20, 3000)
        y = rng.random(3000) < np.where(level < 5, 0.5, (19 / 6 - 2) / 15)
        columns = read_cells(pd.DataFrame({"level": level.astype(str)}), source="X")
        rows = Rows.of(y, row_marks(columns))
        above += " values together" not in (told := _told(columns[0], rows, 0.01)[1]) and bool(told)
    assert above <= 4


# ------------------------------------------------------------------------------------------- open rows, and all reasons


@pytest.mark.parametrize(("share_open", "caught"), [(0.0, True), (0.4, False)])
@pytest.mark.parametrize("where", ["open", "today"])
def test_filled_in_only_where_the_outcome_is_known(where, share_open, caught):
    X, y, _, rng = world()
    still_open = rng.random(len(y)) < 0.2
    # Of no use to tell outcomes apart: nothing but the open rows tells when it is filled in.
    X["note"] = np.where(rng.random(len(y)) < np.where(still_open, share_open, 0.4), "x", None)
    outcome = pd.Series(y, dtype="boolean").mask(still_open)
    known = {"X": X, "y": outcome} if where == "open" else {"X": X[~still_open], "y": y[~still_open]}
    found = guards(**known, now=X[still_open] if where == "today" else None)
    assert ("LS307" in said(found, "note")) is caught
    if where == "open":
        with warnings.catch_warnings(action="ignore"):
            model = LeadClassifier(guards="drop", bins="quantile", encoding="woe", C=1.0).fit(X, outcome)
        assert ("note" not in {bins.column for bins in model.model_.features}) is caught


def test_one_reason_hides_no_other():
    X, y, dates, rng = world()
    X["won_at"] = (dates + pd.to_timedelta(rng.integers(1, 60, len(y)), unit="D")).where(y)
    assert said(guards(X, y, dates=dates), "won_at") >= {"LS302", "LS303"}


def test_many_columns_of_a_kind_are_one_line():
    X, y, _, _ = world()
    constant = {f"empty {k}": None for k in range(12)}
    found = guards(X.assign(**constant, closed=np.where(y, "won", None)), y)
    lines = [line for line in repr(found).splitlines() if "LS321" in line]
    assert len(lines) == 1
    assert "12 columns" in lines[0]
    assert all(name in lines[0] for name in constant)
    # Each is left out all the same, and the leak stands first.
    assert set(found.columns("drop")) == {*constant, "closed"}
    assert found.found[0].column == "closed"
    assert len(found.frame) == len(found) > len(found.lines)
    with pytest.warns(UserWarning, match="LS321") as caught:
        LeadClassifier(bins="quantile", encoding="woe", C=1.0).fit(X.assign(**constant), y)
    assert str(caught[0].message).count("LS321") == 1


# --------------------------------------------------------------------------------------------------------- the figures


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("Last Notable Activity", "last"), ("ConvertedDate", "converted"), ("hs_lead_status", "status"),
        ("LEADSTATUS", "leadstatus"), ("Tags", "tags"), ("Lead Quality", "quality"), ("closedate", "closedate"),
        ("num_associated_deals", "deals"), ("asymmetrique.profile", "asymmetrique"), ("marital-status", ""),
        ("Last Name", ""), ("credit_score", ""), ("homeOwner", ""), ("stagecoach", ""), ("employees", ""), (3, ""),
        ("", ""), ("wonderful", ""), ("lasting", ""), (("a", "stage"), "stage"),
        ("Letzte Aktivität", "letzte"), ("zuständiger_Mitarbeiter", "zustandiger"), ("leadQualitaet", "qualitaet"),
        ("Verlustgrund", "verlustgrund"), ("Dernière activité", "derniere"), ("motifDePerte", "motif"),
        ("Étape", "etape"), ("höchster Abschluss", ""), ("Familienstatus", ""), ("Größe", ""), ("raison sociale", ""),
    ],
)  # fmt: skip
def test_names(name, word):
    assert told_late(name) == word


@given(st.text("aLS _-.1é\n", max_size=30))
@settings(max_examples=100)
def test_any_name_can_be_asked(name):
    assert isinstance(told_late(name), str)


def test_links():
    """Effects know of others what the outcome knows; causes nothing; two signs of one thing more than that."""
    rng = np.random.default_rng(4)
    n = 8000
    causes = rng.normal(0, 1, (n, 3))
    latent = rng.normal(0, 1, n)
    y = rng.random(n) < 1 / (1 + np.exp(1 - causes.sum(axis=1) - latent))
    X = pd.DataFrame(causes, columns=["one", "two", "three"])
    X["effect"] = rng.normal(0, 1, n) + y
    X["left"], X["right"] = latent + rng.normal(0, 1, n), latent + rng.normal(0, 0.3, n)
    columns = {cells.name: cells for cells in read_cells(X, source="X")}
    rows = Rows.of(y, row_marks(list(columns.values())))
    found = links(rows, columns, set(), 3.0)
    assert {name: found[name] for name in ("one", "two", "three", "effect")} == {
        "one": "known in time", "two": "known in time", "three": "known in time", "effect": "effect",
    }  # fmt: skip
    assert found["left"] != "effect" != found["right"]
    # Two populations that differ in every column: nothing tells an effect from what was there before.
    alike = pd.DataFrame({f"x{k}": rng.normal(0, 1, n) + y for k in range(6)})
    columns = {cells.name: cells for cells in read_cells(alike, source="X")}
    rows = Rows.of(y, row_marks(list(columns.values())))
    assert set(links(rows, columns, set(), 3.0).values()) == {"unknown"}


def test_what_columns_bring_is_delongs_difference():
    """Beside `auc_difference` of the same columns, fitted where there is nothing to overfit."""
    rng = np.random.default_rng(1)
    y = rng.random(4000) < 0.3
    X = pd.DataFrame({"a": rng.random(4000) < np.where(y, 0.6, 0.3), "b": rng.random(4000) < np.where(y, 0.7, 0.2)})
    columns = read_cells(X, source="X")
    rows = Rows.of(y, row_marks(columns))
    found = together(rows, columns).above(together(rows, columns[:1]))
    both = 1.25 * X["a"] + 2.2 * X["b"]
    other = auc_difference(y, both, X["a"].astype(float))
    assert (found.value, found.low, found.high) == pytest.approx((other.value, other.low, other.high), abs=0.004)
