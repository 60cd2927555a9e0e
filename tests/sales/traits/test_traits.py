"""Traits at a moment, and what goes with them: lead by lead in plain Python, named traps, statsmodels."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import hypergeom
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep

import leadscore as ls
from leadscore.sales.traits.seen import one_name_each
from leadscore.sales.traits.traits import FEWEST, Traits, accounts_of, compared, sets_apart, traits_of

BOOK = ls.Rulebook.from_yaml(
    "{leadscore: 1, name: x, missing_values: [unknown], qualify: {threshold: 5},"
    " fit: [{name: Size, column: employees, from: {50: 5, 200: 10}}]}"
)
DAY = 86_400_000_000
NOON = (np.datetime64("2026-03-02T12:00", "us").astype(np.int64)).item()
N = 40


def many(values):
    """Half of the leads have the first value, half the other."""
    return [values[number % 2] for number in range(N)]


def leads(**columns):
    return pd.DataFrame({"lead_id": np.arange(N), "employees": 10} | columns)


def traits(frame, events=None, moment=NOON):
    tables = ls.load_tables(frame, events)
    lead = np.arange(N, dtype=np.int32)
    return traits_of(tables, BOOK, lead.astype(np.int64), lead, np.full(N, moment))


def held_by_half(made):
    return [name for name, held in zip(made.names, made.held.T, strict=True) if held.sum() == N / 2]


# ---------------------------------------------------------------------------------------------------------- properties

CELLS = st.sampled_from(["US", "us ", "DE", "unknown", None])


@given(st.lists(st.tuples(CELLS, st.sampled_from([10, 50, 250, None])), min_size=N, max_size=N), st.randoms())
def test_traits_are_those_a_reader_would_count_whatever_the_order_of_the_rows(cells, random):
    country, employees = zip(*cells, strict=True)
    frame = leads(country=list(country), employees=pd.Series(employees, dtype="Float64"))
    found = traits(frame)
    of_country = Counter((cell or "unknown").strip().lower() for cell in country)
    counts = {
        "Country: US": of_country["us"], "Country: DE": of_country["de"], "Country: not known": of_country["unknown"],
        "Employees: 50 or more": sum((one or 0) >= 50 for one in employees),
        "Employees: 200 or more": sum((one or 0) >= 200 for one in employees),
        "Employees: not known": sum(one is None for one in employees),
    }  # fmt: skip
    expected = {name: n for name, n in counts.items() if FEWEST <= n <= N - FEWEST}
    held = dict(zip(found.names, found.held.sum(axis=0).tolist(), strict=True))
    # US may be written in small letters by all of them; what the same leads have, or lack, is told once.
    held = {name.replace(": us", ": US"): n for name, n in held.items()}
    assert held.items() <= expected.items()
    assert set(held.values()) | {N - n for n in held.values()} >= set(expected.values())
    order = list(range(N))
    random.shuffle(order)
    again = traits(frame.iloc[order])
    assert again.names == found.names
    assert (again.held[np.argsort(order)] == found.held).all()


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 12)), min_size=2 * FEWEST, max_size=60))
def test_figures_hold_whatever_the_rows(rows):
    held, good, account = (np.array(part) for part in zip(*rows, strict=True))
    made = Traits(("a", "b"), np.column_stack([held, ~held]), ())
    one, other = compared(made, good, account, word="won").itertuples()
    assert one.low <= one.difference <= one.high or np.isnan(one.difference)
    # With and without change places, and nothing else.
    assert one.p == pytest.approx(other.p)
    assert one.difference == pytest.approx(-other.difference, nan_ok=True)
    assert 0 <= one.p <= one.q <= 1
    alone = compared(made, good, np.arange(len(good)), word="won").iloc[0]
    assert one.high - one.low >= alone["high"] - alone["low"] - 1e-12 or np.isnan(one.difference)


# ---------------------------------------------------------------------------------------------- independent figures


def test_the_worked_example_of_the_specification():
    """61 of 96 managers against 150 of 317 others: 16 points more, 5 to 27."""
    made = Traits(("Level: Manager",), (np.arange(413) < 96)[:, None], ())
    good = np.isin(np.arange(413), [*range(61), *range(96, 246)])
    row = compared(made, good, np.arange(413), word="accepted").iloc[0]
    assert row[["accepted", "n", "accepted_without", "n_without"]].tolist() == [61, 96, 150, 317]
    assert [round(100 * row[name]) for name in ("difference", "low", "high")] == [16, 5, 27]
    low, high = confint_proportions_2indep(61, 96, 150, 317, method="newcomb", compare="diff")
    assert row[["low", "high"]].tolist() == pytest.approx([low, high])
    # Fisher's test by hand: all tables as unlikely as this one, or more so.
    chances = hypergeom(413, 211, 96).pmf(np.arange(97))
    assert row["p"] == pytest.approx(chances[chances <= chances[61] * (1 + 1e-7)].sum())


def test_q_values_are_those_of_statsmodels():
    rng = np.random.default_rng(2)
    made = Traits(tuple("abcdefgh"), rng.random((200, 8)) < 0.4, ())
    good = rng.random(200) < np.where(made.held[:, 3], 0.7, 0.4)
    found = compared(made, good, np.arange(200), word="won")
    assert found["q"].tolist() == pytest.approx(multipletests(found["p"], method="fdr_bh")[1].tolist())
    assert found["trait"][0] == "d"
    assert sets_apart(found, "won").startswith("more often with d (")


def test_leads_of_an_account_count_as_one_where_they_are_alike():
    """Each lead five times over, all of one account, tells no more than once."""
    rng = np.random.default_rng(0)
    held, good = rng.random(100) < 0.5, rng.random(100) < 0.5
    once = compared(Traits(("a",), held[:, None], ()), good, np.arange(100), word="won").iloc[0]
    made = Traits(("a",), np.repeat(held, 5)[:, None], ())
    five = compared(made, np.repeat(good, 5), np.repeat(np.arange(100), 5), word="won").iloc[0]
    assert five[["low", "high", "p"]].tolist() == pytest.approx(once[["low", "high", "p"]].tolist(), abs=0.01)
    careless = compared(made, np.repeat(good, 5), np.arange(500), word="won").iloc[0]
    assert careless["high"] - careless["low"] < 0.6 * (five["high"] - five["low"])


def test_without_accounts_each_lead_is_its_own():
    tables = ls.load_tables(leads(account_id=["a", "a", None, None, *map(str, range(N - 4))]))
    assert accounts_of(tables, np.array([0, 1, 2, 3, 2], np.int32)).tolist() == [0, 0, 1, 2, 1]
    assert accounts_of(ls.load_tables(leads()), np.arange(3, dtype=np.int32)).tolist() == [0, 1, 2]


# ---------------------------------------------------------------------------------------------------------- named traps


def events(at, **columns):
    """Every second lead has one event."""
    return pd.DataFrame({"lead_id": np.arange(0, N, 2), "event": "page_view", "at": at, "asset": "/pricing"} | columns)


@pytest.mark.parametrize(
    ("at", "seen"),
    [
        ("2026-03-02T11:59:59Z", True),
        ("2026-03-02T12:00:00Z", False),
        ("2026-03-02T18:00:00Z", False),
        ("2026-03-02", False),
        ("2026-03-01", True),
    ],
)
def test_only_what_was_seen_strictly_before_counts(at, seen):
    """What came later on the day is no trait, nor is what nobody knows when on the day it was."""
    assert held_by_half(traits(leads(), events(at))) == (["Saw: /pricing"] if seen else [])


def test_a_page_under_several_addresses_is_one():
    assets = ["https://www.example.com/Pricing/", "/pricing?utm_source=mail", "/PRICING#plans", "/pricing"] * 5
    assert held_by_half(traits(leads(), events("2026-03-01", asset=assets))) == ["Saw: /pricing"]


@given(st.permutations(["https://a.com/x/", "http://b.com/x", "/x", "a page", "A  Page", None, "", "//a.com?y=1"]))
def test_two_hosts_are_two_pages_and_the_order_decides_nothing(values):
    names, place = one_name_each(values)
    told = {value: names[where] if where >= 0 else None for value, where in zip(values, place[:-1], strict=True)}
    assert told == {
        "https://a.com/x/": "a.com/x", "http://b.com/x": "b.com/x", "/x": "/x", "a page": "A Page", "A  Page": "A Page",
        None: None, "": None, "//a.com?y=1": "a.com/",
    }  # fmt: skip


def test_what_sales_sent_is_nothing_that_the_lead_saw():
    sent = events("2026-03-01", actor=["sales"] * (N // 2))
    assert held_by_half(traits(leads(), sent)) == []
    assert held_by_half(traits(leads(), sent.assign(actor="lead"))) == ["Saw: /pricing"]


def test_a_field_filled_in_after_the_moment_is_not_known_at_it():
    """Else every field that sales fills in would go with what sales says."""
    history = pd.concat(
        [
            leads(country=None, valid_from="2026-01-01"),
            leads(country="US", valid_from="2026-03-03").iloc[::2],
        ]
    )
    assert held_by_half(traits(history)) == []
    early = history.assign(valid_from=history["valid_from"].replace("2026-03-03", "2026-03-02T11:00:00Z"))
    early["valid_from"] = pd.to_datetime(early["valid_from"], utc=True, format="ISO8601")
    assert held_by_half(traits(early)) == ["Country: US"]
    assert any("today's values" in note for note in traits(leads(country=many(["US", "DE"]))).notes)
    assert not any("today's values" in note for note in traits(early).notes)


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("email", ["a@example.com", "b@example.com"]),
        ("Work address", ["a", "b"]),
        ("first_name", ["Anna", "Ben"]),
        ("contact id", ["1", "2"]),
        ("contactId", ["1", "2"]),
        ("lifecycle_stage", ["customer", "lead"]),
        ("Lead Status", ["Open", "Won"]),
        ("rejection reason", ["budget", None]),
        ("mql_date", ["2026-01-01", None]),
        ("lead_score", [10, 20]),
        ("first_seen", ["2026-01-01", "2026-02-01"]),
        ("who", ["Anna@example.com", "ben@example.com"]),
        ("message", ["we need forty seats by next quarter", "just a student with a few questions"]),
    ],
)
def test_what_is_no_trait_is_left_out_and_said(column, values):
    found = traits(leads(**{column: many(values)}))
    assert held_by_half(found) == []
    assert any(column in note for note in found.notes)


@pytest.mark.parametrize(
    ("column", "values", "names"),
    [
        ("email_domain", ["gmail.com", "b.example"], ["Email domain: b.example"]),
        ("consent", [True, False], ["Consent: yes"]),
        ("Job title", ["VP Sales", None], ["Job title: VP Sales"]),
        ("seats", ["30", "4"], ["Seats: 20 or more"]),
        ("revenue", [1_130_000, 2], ["Revenue: 500,000 or more"]),
    ],
)
def test_traits_have_plain_names(column, values, names):
    assert held_by_half(traits(leads(**{column: many(values)}))) == names


def test_a_deal_has_what_one_of_its_leads_has():
    tables = ls.load_tables(leads(country=many(["US", "DE"])))
    unit, lead = np.repeat(np.arange(2 * FEWEST), 2), np.zeros(4 * FEWEST, np.int32)
    lead[::2] = 1
    lead[1 : 2 * FEWEST : 2] = 1
    found = traits_of(tables, BOOK, unit, lead, np.full(len(unit), NOON))
    assert found.names == ("Country: US",)
    assert found.held[:, 0].tolist() == [False] * FEWEST + [True] * FEWEST
