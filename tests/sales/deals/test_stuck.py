"""How long each stage takes: against plain Python lead by lead, statsmodels, and named traps."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from statsmodels.duration.survfunc import SurvfuncRight

import leadscore as ls
from leadscore.datasets.company import make_company
from leadscore.sales.deals.deals import deals_of
from leadscore.sales.deals.spells import IN_ORDER, spells
from leadscore.sales.deals.stuck import stuck, stuck_of
from leadscore.sales.facts import Facts
from tests.support.plain_sales import ENDS, ROWS, outcomes_of, plain_passes, plain_rows

BOOK = ls.Rulebook.from_yaml(
    "{leadscore: 1, name: x, timezone: Europe/Berlin, fit: [], behaviour: [], qualify: {threshold: 0}}"
)
UNTIL = dt.date(2026, 3, 31)


def tables_of(rows, leads="abc", **more):
    outcomes = outcomes_of([row[:3] for row in rows])
    if rows and len(rows[0]) > 3:
        outcomes[["deal_id", "amount"]] = [row[3:] for row in rows]
    ids = pd.DataFrame({"lead_id": list(leads)})
    return ls.load_tables(ids, None, outcomes, rulebook=BOOK, observed_until=UNTIL, **more)


def plain_stays(rows):
    """(stage, day it began, days rounded, whether it ended) of one lead, in plain Python."""
    stays, current, furthest, first_pass, begun = [], None, -1, True, False
    midnight = dt.time()

    def leave(moment):
        if current is not None:
            stage, since = current
            dated = midnight in (since.time(), moment.time())
            days = (moment.date() - since.date()).days if dated else (moment - since) / dt.timedelta(1)
            stays.append((stage, since.date(), round(days, 6), True))

    for row in plain_passes(rows):
        stage, moment = row["stage"], row["moment"]
        if stage in ENDS:
            leave(moment)
            current, furthest, first_pass, begun = None, -1, False, False
            continue
        place = {**{name: number for number, name in enumerate(IN_ORDER)}, "won": 9}.get(stage)
        if place is None or (stage == "contacted" and not first_pass and not begun):
            begun = begun or (place is not None)
            continue
        begun = True
        if place > furthest:
            leave(moment)
            current, furthest = (None if stage == "won" else (stage, moment)), place
    if current is not None:
        stage, since = current
        end = dt.datetime.combine(UNTIL + dt.timedelta(1), midnight)
        days = (UNTIL - since.date()).days if since.time() == midnight else (end - since) / dt.timedelta(1)
        stays.append((stage, since.date(), round(days, 6), False))
    return stays


@given(ROWS)
def test_stays_equal_plain_python(rows):
    rows = [(lead, stage, f"2026-03-{day:02}{time}", reason, owner) for lead, stage, day, time, reason, owner in rows]
    rows = list({(lead, stage, at[:10]): (lead, stage, at, why, who) for lead, stage, at, why, who in rows}.values())
    ids = pd.DataFrame({"lead_id": list("abc")})
    tables = ls.load_tables(ids, None, outcomes_of(rows), rulebook=BOOK, strict=False, observed_until=UNTIL)
    stages, until = tables.observed()
    found = spells(stages, None, until, tables.timezone)
    for place, lead in enumerate("abc"):
        own = found[found["lead"] == place]
        got = [
            (IN_ORDER[row.stage], dt.date(1970, 1, 1) + dt.timedelta(row.day), round(row.days, 6), row.left)
            for row in own.itertuples()
        ]
        assert got == plain_stays(plain_rows(tables, lead))


@settings(max_examples=30)
@given(ROWS)
def test_every_open_case_is_listed_once(rows):
    rows = [(lead, stage, f"2026-03-{day:02}{time}") for lead, stage, day, time, *_ in rows]
    ids = pd.DataFrame({"lead_id": list("abc")})
    tables = ls.load_tables(ids, None, outcomes_of(rows), rulebook=BOOK, strict=False, observed_until=UNTIL)
    found = stuck(tables)
    assert found.cases["lead_id"].is_unique
    assert found.cases["stage"].value_counts().to_dict() == {
        stage: count for stage, count in found.frame["open"].items() if count
    }
    assert found.frame["older"].fillna(0).sum() == found.cases["older"].sum()
    shuffled = ls.load_tables(ids, None, tables.outcomes.iloc[::-1], rulebook=BOOK, observed_until=UNTIL)
    assert repr(stuck(shuffled)) == repr(found)


def test_quantiles_equal_statsmodels():
    made = make_company(6000, random_state=4)
    tables = ls.load_tables(made.leads, made.events, made.outcomes, rulebook=made.rulebook)
    stages, until = tables.observed()
    stays = spells(stages, deals_of(stages, tables.timezone), until, tables.timezone)
    frame = stuck(tables).frame
    assert len(frame) == 5
    for place, (_, row) in enumerate(frame.iterrows()):
        own = stays[stays["stage"] == place]
        curve = SurvfuncRight(own["days"].to_numpy(), own["left"].to_numpy().astype(int))
        for share, name in ((0.5, "median"), (0.75, "usual")):
            expected = curve.quantile(share)
            assert row[name] == pytest.approx(expected) or (np.isinf(row[name]) and np.isnan(expected))
        if np.isfinite(row["median_high"]):
            with np.errstate(divide="ignore", invalid="ignore"):
                low, high = curve.quantile_ci(0.5, method="cloglog")
            assert (row["median_low"], row["median_high"]) == pytest.approx((low, high), rel=0.05)
        late = own[~own["left"] & (own["days"] > row["usual"])]
        assert row["older"] == len(late) if np.isfinite(row["usual"]) else pd.isna(row["older"])


def test_those_still_there_make_the_usual_time_longer():
    """Of leads that take 1 to 40 days only the fast ones have left: their mean would be too short."""
    rows = [(number, "mql", f"2026-03-{1 + number % 28:02}T10:00") for number in range(140)]
    waits = np.random.default_rng(1).integers(1, 41, 140)
    for number in range(140):
        day = dt.datetime(2026, 3, 1 + number % 28, 10) + dt.timedelta(int(waits[number]))  # noqa: DTZ001
        if day.date() <= UNTIL:
            rows.append((number, "sal", day.isoformat()))
    found = stuck(tables_of(rows, range(140))).frame.loc["MQL, not decided"]
    left = [waits[number] for number, stage, _ in rows if stage == "sal"]
    assert np.median(left) < found["median_low"] <= 20 <= found["median_high"]


# --------------------------------------------------------------------------------------------------------------- traps


@pytest.mark.parametrize(
    ("rows", "stays"),
    [
        # Leaving by refusal or loss is leaving.
        ([("mql", "2026-03-02"), ("rejected", "2026-03-05")], [("mql", 3, True)]),
        ([("opportunity", "2026-03-02"), ("lost", "2026-03-05")], [("opportunity", 3, True)]),
        # Skipped stages took no time.
        ([("mql", "2026-03-02"), ("sql", "2026-03-05")], [("mql", 3, True), ("sql", 26, False)]),
        # A lead that comes again has a stay of its own.
        ([("mql", "2026-03-02"), ("recycled", "2026-03-03"), ("mql", "2026-03-10"), ("sal", "2026-03-11")],
         [("mql", 1, True), ("mql", 1, True), ("sal", 20, False)]),
        # A contact once it is accepted changes nothing; nor does one after the end.
        ([("sal", "2026-03-02"), ("contacted", "2026-03-05")], [("sal", 29, False)]),
        ([("mql", "2026-03-02"), ("rejected", "2026-03-05"), ("contacted", "2026-03-09")], [("mql", 3, True)]),
        ([("contacted", "2026-03-05")], [("contacted", 26, False)]),
        # Contacted first, an MQL later in the same pass: nobody waits for a contact.
        ([("contacted", "2026-03-05"), ("mql", "2026-03-09")], [("contacted", 26, False)]),
        # All on one date: no time at all.
        ([("mql", "2026-03-02"), ("sal", "2026-03-02"), ("won", "2026-03-02")], [("mql", 0, True), ("sal", 0, True)]),
        ([("mql", "2026-03-02T06:00"), ("sal", "2026-03-02T18:00")], [("mql", 0.5, True), ("sal", 29.25, False)]),
        # One end is a date: whole days.
        ([("mql", "2026-03-02T18:00"), ("sal", "2026-03-04")], [("mql", 2, True), ("sal", 27, False)]),
        ([("lead", "2026-03-02")], []),
    ],
)  # fmt: skip
def test_what_a_stay_is(rows, stays):
    stages, until = tables_of([("a", *row) for row in rows]).observed()
    found = spells(stages, None, until, "Europe/Berlin")
    assert [(IN_ORDER[row.stage], row.days, row.left) for row in found.itertuples()] == stays


def deal_rows():
    """A deal of two leads that closed, one open, an opportunity without a deal; by dates."""
    rows = [("a", "opportunity", "2026-03-01", "D1", 100), ("b", "opportunity", "2026-03-04", "D1", 100)]
    rows += [("a", "won", "2026-03-11", "D1", None), ("c", "opportunity", "2026-03-01", "D2", 70)]
    return [*rows, ("d", "opportunity", "2026-03-21", None, None)]


def test_a_deal_counts_once_whoever_it_stands_at():
    found = stuck(tables_of(deal_rows(), "abcd"))
    row = found.frame.loc["Opportunity"]
    assert row[["open", "left", "median", "amount"]].tolist() == [2, 1, np.inf, 70]
    cases = found.cases[["lead_id", "deal_id", "days"]].astype(object)
    assert cases.where(cases.notna(), None).to_numpy().tolist() == [[None, "D2", 30], ["d", None, 10]]
    assert found.notes[0].startswith("“Opportunity”: fewer than three in four have left so far")
    assert pd.isna(row["older"])
    without = tables_of([row[:3] for row in deal_rows()], "abcd")
    assert stuck(without).frame.loc["Opportunity", "open"] == 3
    assert pd.isna(stuck(without).frame.loc["Opportunity", "amount"])
    assert "Outcomes have no deal_id" in stuck(without).notes[-1]


def test_older_than_usual_is_beyond_three_in_four():
    rows = [(str(number), "mql", "2026-03-01") for number in range(8)]
    rows += [(str(number), "sal", f"2026-03-{2 + number:02}") for number in range(7)]
    rows += [(str(number), "rejected", "2026-03-20") for number in range(7)]
    found = stuck(tables_of(rows, "01234567"))
    # Six of eight had left after six days; the eighth has waited for thirty.
    assert found.frame.loc["MQL, not decided", ["usual", "older", "open"]].tolist() == [6, 1, 1]
    assert (
        found.headline
        == "1 open case older than usual for the stage, most at “MQL, not decided” (1 of 1), on 2026-03-31."
    )
    early = stuck(tables_of(rows, "01234567"), observed_until="2026-03-04")
    assert early.frame.loc["MQL, not decided", "open"] == 5
    assert pd.isna(early.frame.loc["MQL, not decided", "older"])


def test_facts_say_the_same():
    tables = tables_of(deal_rows(), "abcd")
    facts = Facts.of("x", tables, BOOK, start="2026-03-02", end="2026-03-29")
    assert repr(facts.once(stuck_of)) == repr(stuck(tables))
