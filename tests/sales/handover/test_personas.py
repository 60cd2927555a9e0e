"""Who the MQLs were: against an independent count, other libraries, and named traps with their twins."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import binom_test

import leadscore as ls
from leadscore.sales.handover.personas import personas

PERIOD = {"start": "2026-03-02", "end": "2026-03-29"}
BOOK = ls.Rulebook.from_yaml("""
leadscore: 1
name: demo
missing_values: [n/a]
personas:
  - {name: Data, when: {job_title: {has_word: [data, analytics]}}}
  - {name: Boss, when: {any: [{job_title: {has_word: [head, chief]}}, {level: [C-level]}]}}
agreement: {marketing: {mix: {Data: 30%, not mapped: 0.2}}}
qualify: {threshold: 0}
""")
TITLES = ["Data analyst", "Head of data", "HEAD of  sales", "head of sales", "Datacenter hand", "Intern", "n/a", None]


def tables_of(rows, rulebook=BOOK, **columns):
    """Rows are (title, day of March it came to sales or of February if negative, what sales said)."""
    ids = [f"l{number}" for number in range(len(rows))]
    leads = pd.DataFrame({"lead_id": ids, "job_title": [row[0] for row in rows], "level": None} | columns)
    leads["job_title"] = leads["job_title"].astype(object)
    days = [pd.Timestamp("2026-03-01") + pd.Timedelta(row[1], "D") for row in rows]
    mql = pd.DataFrame({"lead_id": ids, "stage": "mql", "at": days})
    said = [(lead, row[2], day) for lead, row, day in zip(ids, rows, days, strict=True) if row[2]]
    said = pd.DataFrame(said, columns=["lead_id", "stage", "at"])
    return ls.load_tables(leads, None, pd.concat([mql, said]), rulebook=rulebook, observed_until="2026-03-31")


ROWS = st.tuples(st.sampled_from(TITLES), st.integers(-20, 27), st.sampled_from(["sal", "rejected", None]))


def by_hand(title):
    words = re.findall(r"[a-z]+", (title or "").lower())
    return "Data" if {"data", "analytics"} & {*words} else "Boss" if {"head", "chief"} & {*words} else "not mapped"


@settings(max_examples=settings.default.max_examples // 4, deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=40), st.randoms())
def test_it_counts_as_by_hand_whatever_the_order_of_rows(rows, random):
    found = personas(tables_of(rows), BOOK, **PERIOD)
    now, before = ([row for row in rows if low <= row[1] <= high] for low, high in ((1, 28), (-27, 0)))
    for name in ("Data", "Boss", "not mapped"):
        assert found.frame.loc[name, "mqls"] == sum(by_hand(row[0]) == name for row in now)
        assert found.frame.loc[name, "before"] == sum(by_hand(row[0]) == name for row in before)
    if now:
        assert found.frame["share"].sum() == pytest.approx(1)
    free = [row[0].lower() for row in now if by_hand(row[0]) == "not mapped" and row[0] not in {None, "n/a"}]
    assert dict(zip(found.unmapped["title"].str.lower(), found.unmapped["mqls"], strict=True)) == {
        title: free.count(title) for title in free
    }
    shuffled = random.sample(rows, len(rows))
    assert personas(tables_of(shuffled), BOOK, **PERIOD).to_json() == found.to_json()


def world(now, before, said=("sal", "rejected")):
    """As many MQLs of each title now and before, sales saying one thing after the other."""
    rows = [(title, 1 + n % 28, said[n % len(said)]) for title, many in now.items() for n in range(many)]
    return tables_of(rows + [(title, -(n % 20), "sal") for title, many in before.items() for n in range(many)])


MANY = {"Data analyst": 50, "Head of sales": 30, "Intern": 20}


def test_the_agreed_mix_is_tested_as_other_libraries_do():
    frame = personas(world(MANY, MANY), BOOK, **PERIOD).frame
    p = [binom_test(50, 100, 0.3), binom_test(20, 100, 0.2)]
    assert frame["p_agreed"].dropna().tolist() == pytest.approx(multipletests(p, method="holm")[1])
    assert np.isnan(frame.loc["Boss", "p_agreed"])


def test_the_change_is_pearsons_chi_square():
    found = personas(world(MANY, {"Data analyst": 20, "Head of sales": 40, "Intern": 40}), BOOK, **PERIOD)
    table = np.array([[50, 30, 20], [20, 40, 40]])
    expected = table.sum(axis=0) * 100 / 200
    from scipy.stats import chi2  # noqa: PLC0415 - for this test only

    assert found.p_change == pytest.approx(chi2.sf((((table - expected) ** 2) / expected).sum(), 2))
    assert np.isnan(personas(world(MANY, {}), BOOK, **PERIOD).p_change)


def test_rare_personas_are_one_group_in_the_chi_square():
    rare = personas(world({"Data analyst": 50, "Head of sales": 2, "Intern": 2}, MANY), BOOK, **PERIOD)
    assert 0 < rare.p_change < 1


def test_a_share_of_nothing_that_was_agreed():
    none = BOOK.edited({"agreement.marketing.mix": {"Data": "0%", "Boss": "0%"}})
    frame = personas(world({"Data analyst": 1, "Intern": 40}, {}), none, **PERIOD).frame
    assert frame.loc[["Data", "Boss"], "p_agreed"].tolist() == [0, 1]


def test_without_an_agreed_mix_nothing_is_compared_with_it():
    plain = BOOK.edited({"agreement": None})
    found = personas(tables_of([("Intern", 3, None)] * 40, plain), plain, **PERIOD)
    assert found.frame["p_agreed"].isna().all()
    assert found.headline == "not mapped: 40 of 40 MQLs, 100%."


def test_a_title_counts_as_of_the_day_of_handover():
    """A title that was enriched after the lead came to sales is not the one it came with."""
    leads = pd.DataFrame(
        {
            "lead_id": ["a", "a"], "job_title": ["Intern", "Head of data"], "level": None,
            "valid_from": ["2026-02-01", "2026-03-20"],
        }
    )  # fmt: skip
    outcomes = pd.DataFrame({"lead_id": ["a"], "stage": ["mql"], "at": ["2026-03-10"]})
    until = {"rulebook": BOOK, "observed_until": "2026-03-31"}
    then = personas(ls.load_tables(leads, None, outcomes, **until), BOOK, **PERIOD)
    assert then.frame["mqls"].to_dict() == {"Data": 0, "Boss": 0, "not mapped": 1}
    assert then.notes == ()
    today = leads.drop(columns="valid_from").tail(1)
    now = personas(ls.load_tables(today, None, outcomes, **until), BOOK, **PERIOD)
    assert now.frame["mqls"].to_dict() == {"Data": 1, "Boss": 0, "not mapped": 0}
    assert now.notes[0].startswith("Fields show today's values")


def test_a_title_is_new_if_no_lead_had_it_before():
    rows = [("Intern", 5, None), ("intern ", 6, None), ("Pilot", 7, None)]
    created = {"created_at": ["2026-03-05", "2026-02-01", "2026-03-07"]}
    assert personas(tables_of(rows, **created), BOOK, **PERIOD).unseen["title"].tolist() == ["Pilot"]
    later = {"created_at": ["2026-03-05", "2026-03-06", "2026-03-07"]}
    assert sorted(personas(tables_of(rows, **later), BOOK, **PERIOD).unseen["title"]) == ["Intern", "Pilot"]
    assert len(personas(tables_of(rows), BOOK, **PERIOD).unseen) == 0


def test_what_sales_accepts_is_compared_with_the_others():
    from scipy.stats import fisher_exact  # noqa: PLC0415 - for this test only

    rows = [("Intern", 1 + n % 28, "sal" if n < 3 else "rejected") for n in range(30)]
    rows += [("Head of sales", 1 + n % 28, "sal" if n < 30 else "rejected") for n in range(40)]
    first = personas(tables_of(rows), BOOK, **PERIOD).acceptance.iloc[0]
    assert (first["accepted"], first["n"], first["accepted_without"], first["n_without"]) in {
        (3, 30, 30, 40),
        (30, 40, 3, 30),
    }
    assert first["p"] == pytest.approx(fisher_exact([[3, 27], [30, 10]]).pvalue)


@pytest.mark.parametrize(("many", "said"), [(40, ("sal",)), (7, ("sal", "rejected")), (40, (None,))])
def test_of_few_or_without_a_refusal_nothing_is_compared(many, said):
    found = personas(world({"Data analyst": many, "Intern": many}, {}, said), BOOK, **PERIOD)
    assert len(found.acceptance) == 0


def test_titles_are_where_personas_look_for_words_else_any_text_they_test():
    rows = [("Intern", 3, None)] * 2
    assert {*personas(tables_of(rows, level=["x", "y"]), BOOK, **PERIOD).unmapped["column"]} == {"job_title"}
    levels = BOOK.edited({"personas": [{"name": "Top", "when": {"level": "C-level"}}], "agreement": None})
    assert {*personas(tables_of(rows, levels, level=["x", "y"]), levels, **PERIOD).unmapped["column"]} == {"level"}


def test_without_mqls_there_is_a_sentence_and_no_figure():
    found = personas(tables_of([("Intern", -3, None)]), BOOK, **PERIOD)
    assert found.headline == "There were no MQLs from 2026-03-02 to 2026-03-29."
    assert found.frame["share"].isna().all()


def test_a_rulebook_without_personas_is_refused():
    plain = BOOK.edited({"personas": None, "agreement": None})
    with pytest.raises(ls.ArgumentError, match="has no personas: write whom both teams mean"):
        personas(tables_of([("Intern", 3, None)], plain), plain, **PERIOD)
