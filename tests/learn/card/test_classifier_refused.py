"""What LeadClassifier warns of and refuses."""

import numpy as np
import pandas as pd
import pytest

from leadscore.errors import ArgumentError
from leadscore.learn.card.classifier import LeadClassifier
from tests.support.classifier_world import QUICK, leads, same

# ------------------------------------------------------------------------------------------------------------- guards


def leaked(n=1500):
    frame, y = leads(n)
    rng = np.random.default_rng(1)
    return frame.assign(call_minutes=np.where(y, rng.exponential(5, n) + 1, 0)), y


def test_a_leak_is_warned_of():
    frame, y = leaked()
    with pytest.warns(UserWarning, match="LS301 drop, call_minutes"):
        model = LeadClassifier(**QUICK | {"guards": "warn"}).fit(frame, y)
    assert "call_minutes" in {bins.column for bins in model.model_.features}
    assert "call_minutes" in {found.column for found in model.guards_}


def test_a_leak_is_refused():
    frame, y = leaked()
    with pytest.raises(ArgumentError, match="call_minutes"):
        LeadClassifier(**QUICK | {"guards": "raise"}).fit(frame, y)


def test_a_leak_is_left_out_and_that_is_said():
    frame, y = leaked()
    with pytest.warns(UserWarning, match="Left out: call_minutes"):
        model = LeadClassifier(**QUICK | {"guards": "drop"}).fit(frame, y)
    same(model, LeadClassifier(**QUICK).fit(frame.drop(columns="call_minutes"), y))
    np.testing.assert_array_equal(model.predict_proba(frame), model.predict_proba(frame.assign(call_minutes=0)))


def test_nothing_left_to_trust_is_an_error():
    frame, y = leaked()
    with pytest.warns(UserWarning, match="LS301"), pytest.raises(ArgumentError, match="no column is left"):
        LeadClassifier(guards="drop").fit(frame[["call_minutes"]], y)


@pytest.mark.parametrize("guards", ["warn", "raise", "drop"])
def test_too_few_outcomes_are_refused_whatever_is_asked(guards):
    frame, y = leads(100)
    with pytest.raises(ArgumentError, match="LS340"):
        LeadClassifier(guards=guards).fit(frame, y)


def test_sound_rows_have_no_findings():
    frame, y = leads(3000)
    sound = frame.replace({"seniority": {"Select": "Director"}})
    assert LeadClassifier(**QUICK | {"guards": "raise"}).fit(sound, y).guards_.found == ()


# ------------------------------------------------------------------------------------------------------------- errors

FRAME, Y = leads(60)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pd.date_range("2026-01-01", periods=60), "odd.*60 rows.*timestamp"),
        ([np.inf] + [1.0] * 59, "odd.*1 infinite"),
        ([[1]] * 60, "odd.*(list|must be a string or a number)"),
        ([{"a": 1}] * 60, "odd"),
        ([1 + 2j] * 60, "odd.*Complex"),
        ([2**60] * 60, r"odd.*2\*\*53"),
        ([object()] + ["x"] * 59, "odd.*must be a string or a number"),
    ],
    ids=["dates", "infinite", "lists", "dicts", "complex", "identifiers", "objects"],
)
def test_columns_that_no_bin_can_hold_are_named(column, message):
    with pytest.raises(ArgumentError, match=f"(?s){message}"):
        LeadClassifier(**QUICK).fit(FRAME.assign(odd=column), Y)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (FRAME.drop(columns="visits"), "visits"),
        (FRAME.assign(visits="many"), "visits.*60 rows.*not a plain number"),
        (FRAME.assign(visits=np.inf), "visits.*infinite"),
        (FRAME.assign(seniority=pd.Timestamp("2026-01-01")), "seniority.*timestamp"),
        (FRAME[list(FRAME)[::-1]], "order"),
    ],
    ids=["lacking", "text for number", "infinite", "date for text", "order"],
)
def test_frames_unlike_those_learned_from_are_refused_by_name(frame, message):
    model = LeadClassifier(**QUICK).fit(FRAME, Y)
    with pytest.raises(ValueError, match=f"(?s){message}"):
        model.predict_proba(frame)


def test_numerals_as_text_are_read_as_the_numbers_learned():
    model = LeadClassifier(**QUICK).fit(FRAME, Y)
    text = FRAME.assign(visits=[None if np.isnan(number) else str(number) for number in FRAME["visits"]])
    np.testing.assert_array_equal(model.predict_proba(text), model.predict_proba(FRAME))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bins": "trees"}, "bins.*'tree'.*got 'trees'"),
        ({"encoding": "dummy"}, "encoding"),
        ({"guards": True}, "guards"),
        ({"max_bins": 1}, "max_bins.*2 or more"),
        ({"max_bins": 2.5}, "max_bins"),
        ({"C": 0}, "C"),
        ({"C": "strong"}, "C.*number, more than 0"),
        ({"C": True}, "C"),
        ({"monotone": {"vists": "increasing"}}, "vists.*no such column; did you mean 'visits'"),
        ({"monotone": [1, 0, 0, 0]}, r"monotone: must be as {'visits': 'increasing'}; got \[1, 0, 0, 0\]"),
        ({"monotone": {"visits": 1}}, "visits.*'increasing', 'decreasing'; got 1"),
        ({"monotone": {"visits": "up"}}, "visits.*'increasing', 'decreasing'; got 'up'"),
        ({"monotone": {"seniority": "increasing"}}, "seniority.*neither rises nor falls"),
    ],
)
def test_options_that_mean_nothing_are_refused(options, message):
    with pytest.raises(ArgumentError, match=f"(?s){message}"):
        LeadClassifier(**{"guards": None} | options).fit(FRAME, Y)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"y": None}, "y"),
        ({"y": Y[:-1]}, "y: must have one value for each lead; it has 59, X has 60"),
        ({"y": np.zeros(60)}, "two classes; got 1 class"),
        ({"y": np.arange(60) % 3}, "two classes; got 3 classes"),
        ({"y": np.full(60, np.nan)}, "y|class"),
        ({"y": np.where(Y, np.inf, 0)}, "infinity"),
        ({"sample_weight": np.where(Y, 1.0, -1.0)}, "sample_weight.*0 or more; .* are not, the first -1"),
        ({"sample_weight": Y.astype(float)}, "sample_weight.*one class"),
        ({"sample_weight": np.zeros(60)}, "sample_weight.*one class only: a weight of zero"),
        ({"dates": ["2026-01-01"] * 59}, "dates: must have one value for each lead; it has 59, X has 60"),
        ({"dates": ["2026-01-01"] * 59 + [None]}, "dates: is missing for 1 of 60 leads"),
        ({"dates": ["31.01.2026"] * 60}, "dates"),
        ({"dates": np.arange(60)}, "dates"),
        ({"groups": ["a"] * 59}, "groups: must have one value for each lead; it has 59, X has 60"),
    ],
)
def test_rows_that_do_not_fit_together_are_refused(arguments, message):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        LeadClassifier(guards=None).fit(**{"X": FRAME, "y": Y} | arguments)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.ones(60), "must hold both outcomes"),
        (np.full(60, np.nan), "must hold both outcomes"),
        (Y[:-1], "y: must have one value for each lead; it has 59, X has 60"),
        (
            np.where(Y, "won", "lost"),
            "must be True, False or missing.*got 'lost', 'won': say which is the outcome, as y == 'lost' or y == 'won'",
        ),
    ],
)
def test_recalibration_wants_outcomes_of_both_kinds(y, message):
    model = LeadClassifier(**QUICK).fit(FRAME, Y)
    with pytest.raises(ArgumentError, match=f"(?s){message}"):
        model.recalibrate(FRAME, y)


@pytest.mark.parametrize("confidence", [0, 1, 95])
def test_confidence_is_a_share(confidence):
    with pytest.raises(ArgumentError, match="between 0 and 1"):
        LeadClassifier(**QUICK).fit(FRAME, Y).interval(confidence=confidence)


def test_wider_confidence_is_wider():
    model = LeadClassifier(**QUICK).fit(FRAME, Y)
    narrow, wide = (model.interval(confidence=confidence).dropna() for confidence in (0.5, 0.99))
    assert (wide["low"] < narrow["low"]).all()
    assert (wide["high"] > narrow["high"]).all()
