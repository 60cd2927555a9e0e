"""Records: fields, accepted leads left alone and duplicates, against counting by hand and comparing all pairs."""

import datetime as dt
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz import fuzz
from scipy.stats import fisher_exact
from statsmodels.stats.multitest import multipletests

import leadscore as ls
from leadscore.sales.kept.records import records

PERIOD = {"start": "2026-03-02", "end": "2026-03-29"}
FIRST, LAST = dt.date(2026, 3, 2), dt.date(2026, 3, 29)
SOME = settings(max_examples=settings.default.max_examples // 4, deadline=None)


def book(columns="{}", agreement="{}"):
    return ls.Rulebook.from_yaml(
        f"{{leadscore: 1, name: x, missing_values: [n/a], columns: {columns}, agreement: {agreement}, "
        "qualify: {threshold: 0}}"
    )


BOOK = book("{size: {type: number, required: handoff, update: {from: sal, within_days: 5}}}")


def tables_of(leads, outcomes, rulebook=BOOK, events=None, until="2026-03-31"):
    return ls.load_tables(leads, events, outcomes, rulebook=rulebook, columns=None, observed_until=until)


def day(number):
    return dt.date(2026, 1, 20) + dt.timedelta(number)


# -------------------------------------------------------------------------------------------------------------- fields

# When a value begins to hold, and the value; when the lead came to sales, and how long until it was accepted.
HISTORY = st.dictionaries(st.integers(0, 68), st.sampled_from([5.0, 6.0, None]), min_size=1, max_size=3)
LEADS = st.lists(
    st.tuples(HISTORY.map(lambda found: [*found.items()]), st.integers(0, 68), st.integers(1, 20) | st.none()),
    min_size=1,
    max_size=15,
)


def held(history, when):
    known = [value for begins, value in sorted(history, key=lambda row: row[0]) if begins <= when]
    return known[-1] if known else None


@SOME
@given(LEADS)
def test_fields_are_counted_as_by_hand(world):
    ids = [f"l{number}" for number in range(len(world))]
    rows = [
        (lead, day(begins), value) for lead, (history, *_) in zip(ids, world, strict=True) for begins, value in history
    ]
    leads = pd.DataFrame(rows, columns=["lead_id", "valid_from", "size"])
    outcomes = [(lead, "mql", day(came)) for lead, (_, came, _) in zip(ids, world, strict=True)]
    outcomes += [(lead, "sal", day(came + wait)) for lead, (_, came, wait) in zip(ids, world, strict=True) if wait]
    outcomes = pd.DataFrame(outcomes, columns=["lead_id", "stage", "at"])
    fields = records(tables_of(leads, outcomes, until="2026-05-31"), BOOK, **PERIOD).fields.set_index("due")
    due = {"at handover": [], "5 days after acceptance": []}
    for history, came, wait in world:
        due["at handover"].append((day(came), held(history, came), None))
        if wait:
            begun = came + wait
            due["5 days after acceptance"].append((day(begun + 5), held(history, begun + 5), held(history, begun)))
    for moment, all_due in due.items():
        now = [(value, first) for at, value, first in all_due if FIRST <= at <= LAST]
        before = [value for at, value, _ in all_due if dt.timedelta(28) >= FIRST - at > dt.timedelta(0)]
        if not now and not before:
            assert moment not in fields.index
            continue
        row = fields.loc[moment]
        assert (row["n"], row["n_before"]) == (len(now), len(before))
        assert row["filled"] == sum(value is not None for value, _ in now)
        assert row["filled_before"] == sum(value is not None for value in before)
        if moment != "at handover":
            assert row["changed"] == sum(value not in {None, first} for value, first in now)


def mqls(many, on, **columns):
    """So many leads that came to sales on a day, and their outcomes."""
    ids = [f"{on} {number}" for number in range(many)]
    return pd.DataFrame({"lead_id": ids} | columns), pd.DataFrame({"lead_id": ids, "stage": "mql", "at": on})


def both(*parts):
    return tuple(pd.concat([part[place] for part in parts], ignore_index=True) for place in (0, 1))


def test_the_change_is_tested_as_other_libraries_do():
    fields = book("{a: {type: number, required: handoff}, b: {type: number, required: handoff}}")
    now = mqls(40, "2026-03-10", a=[1.0] * 10 + [None] * 30, b=[1.0] * 39 + [None])
    before = mqls(40, "2026-02-10", a=[1.0] * 30 + [None] * 10, b=1.0)
    found = records(tables_of(*both(now, before), fields), fields, **PERIOD).fields
    p = [fisher_exact([[10, 30], [30, 10]]).pvalue, fisher_exact([[39, 1], [40, 0]]).pvalue]
    assert found["p_change"].tolist() == pytest.approx(multipletests(p, method="holm")[1])


def test_what_forms_write_where_nobody_chose_is_not_filled_in():
    fields = book("{industry: {type: category, required: handoff}}")
    leads, outcomes = mqls(5, "2026-03-10", industry=["Retail", "Please Select", "unknown", "n/a", None])
    found = records(tables_of(leads, outcomes, fields), fields, **PERIOD)
    assert found.fields["filled"].tolist() == [1]
    assert any(note.startswith("industry: 2 cells of ") for note in found.notes)
    twin = records(tables_of(leads.assign(industry="Retail"), outcomes, fields), fields, **PERIOD)
    assert twin.fields["filled"].tolist() == [5]
    assert not any(note.startswith("industry:") for note in twin.notes)


def test_without_valid_from_the_note_says_that_it_is_todays():
    leads, outcomes = mqls(3, "2026-03-10", size=1.0)
    assert "today's values" in records(tables_of(leads, outcomes), BOOK, **PERIOD).notes[0]
    held = leads.assign(valid_from="2026-01-01")
    assert not any("today's values" in note for note in records(tables_of(held, outcomes), BOOK, **PERIOD).notes)


def test_a_field_is_not_due_before_its_days_are_over():
    leads, outcomes = mqls(1, "2026-03-10", size=[None])
    sal = pd.DataFrame({"lead_id": leads["lead_id"], "stage": "sal", "at": "2026-03-25"})
    late = records(tables_of(leads, pd.concat([outcomes, sal])), BOOK, **PERIOD).fields
    assert late["due"].tolist() == ["at handover"]
    early = records(tables_of(leads, pd.concat([outcomes, sal.assign(at="2026-03-24")])), BOOK, **PERIOD).fields
    assert early["due"].tolist() == ["at handover", "5 days after acceptance"]


def test_what_is_required_at_capture_is_due_when_the_lead_is_created():
    fields = book("{size: {type: number, required: capture}}")
    leads, outcomes = mqls(2, "2026-03-10", size=[1.0, None], created_at=["2026-03-03", "2026-02-20"])
    row = records(tables_of(leads, outcomes, fields), fields, **PERIOD).fields.iloc[0]
    assert (row["due"], row["n"], row["filled"], row["n_before"]) == ("at capture", 1, 1, 1)
    without = records(tables_of(leads.drop(columns="created_at"), outcomes, fields), fields, **PERIOD).fields.iloc[0]
    assert (without["due"], without["n"]) == ("at handover", 2)


def test_reasons_are_due_when_sales_refuses_and_amounts_at_opportunity():
    plain = book(agreement="{sales: {reason_with_refusal: 100%}}")
    leads = pd.DataFrame({"lead_id": list("abc")})
    rows = [("a", "rejected", "2026-03-05", "no budget", None, None), ("b", "rejected", "2026-03-06", " ", None, None)]
    rows += [("c", "opportunity", "2026-03-07", None, "D1", 5.0)]
    rows += [(lead, "mql", "2026-03-03", None, None, None) for lead in "abc"]
    outcomes = pd.DataFrame(rows, columns=["lead_id", "stage", "at", "reason", "deal_id", "amount"])
    found = records(tables_of(leads, outcomes, plain), plain, **PERIOD)
    said = found.fields[["field", "team", "filled", "n", "promised"]].to_numpy().tolist()
    assert said[0] == ["reason for refusal", "sales", 1, 2, 1.0]
    assert said[1][:4] == ["deal amount", "sales", 1, 1]
    assert "1 of 1 promised field fell short (reason for refusal)" in found.headline
    bare = records(tables_of(leads, outcomes.drop(columns=["reason", "deal_id"]), plain), plain, **PERIOD)
    assert len(bare.fields) == 0
    assert "Why sales refused is not known: the outcomes have no column `reason`." in bare.notes


# ----------------------------------------------------------------------------------------------------------- staleness

STEPS = ["contacted", "sal", "sql", "opportunity", "won", "lost", "rejected", "recycled"]
# A lead's passes: from one mql to the next, each stage at most once and in the order of the funnel.
PASSES = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from(["won", "lost", "rejected", "recycled", None])), min_size=1, max_size=2
)


def course(passes, start):
    """A lead's outcomes as (stage, day)."""
    found, when = [], start
    for far, end in passes:
        stages = ["mql", *STEPS[:far], *([end] if end else [])]
        if end == "won":
            stages = ["mql", *STEPS[:4], "won"]
        for stage in stages:
            found.append((stage, when))
            when += 3
        if end in {None, "won"}:
            break
    return found


@SOME
@given(st.lists(st.tuples(PASSES, st.integers(0, 60), st.integers(0, 68) | st.none()), min_size=1, max_size=12))
def test_accepted_leads_without_a_change_are_counted_as_by_hand(world):
    ids = [f"l{number}" for number in range(len(world))]
    paths = {lead: course(passes, start) for lead, (passes, start, _) in zip(ids, world, strict=True)}
    outcomes = [
        (lead, stage, day(at), f"o{number % 2}")
        for number, (lead, path) in enumerate(paths.items())
        for stage, at in path
    ]
    outcomes = pd.DataFrame(outcomes, columns=["lead_id", "stage", "at", "owner"])
    seen = {lead: event for lead, (*_, event) in zip(ids, world, strict=True) if event is not None}
    events = pd.DataFrame({"lead_id": list(seen), "event": "visit", "at": [day(at) for at in seen.values()]})
    leads = pd.DataFrame({"lead_id": ids, "size": 1.0})
    tables = tables_of(leads, outcomes, events=events if len(events) else None, until="2026-08-31")
    found = records(tables, BOOK, **PERIOD, unchanged_days=10)
    last = (LAST - day(0)).days
    for frame, end in ((found.unchanged, last), (found.unchanged_before, last - 28)):
        open_, stale = 0, 0
        for lead, path in paths.items():
            known = [(stage, at) for stage, at in path if at <= end]
            accepted = False
            for stage, _ in known:
                accepted = stage in {"sal", "sql", "opportunity"} or (accepted and stage in {"mql", "contacted"})
            touched = [at for stage, at in known if stage != "mql"] + [
                at for at in [seen.get(lead)] if at is not None and at <= end
            ]
            open_ += accepted
            stale += accepted and end - max(touched) > 10
        assert frame.loc["(all)"].tolist() == [open_, stale]
        assert frame.iloc[:-1].sum().tolist() == [open_, stale]


# ---------------------------------------------------------------------------------------------------------- duplicates

NAMES = ["Ann Smith", "Smith, Ann", "Anne Smith", "Bob Jones", "Bob Jonas", "Bartholomew Featherstone",
         "Bartholomew Fetherstone", None]  # fmt: skip
PEOPLE = st.lists(
    st.tuples(
        st.sampled_from(NAMES),
        st.sampled_from(["acme", "umbrella", "gmail.com", None]),
        st.sampled_from(["A@x.example ", "a@x.example", "b@x.example", None]),
        st.booleans(),
    ),
    min_size=2,
    max_size=14,
)


@SOME
@given(PEOPLE)
def test_duplicates_are_those_of_all_pairs(people):
    names, accounts, emails, asked = map(list, zip(*people, strict=True))
    ids = [f"l{number}" for number in range(len(people))]
    leads = pd.DataFrame({"lead_id": ids, "name": names, "account_id": accounts, "email": emails}, dtype=object)
    came = [lead for lead, one in zip(ids, asked, strict=True) if one] or ids[:1]
    outcomes = pd.DataFrame({"lead_id": came, "stage": "mql", "at": "2026-03-10"})
    plain = book()
    found = records(tables_of(leads, outcomes, plain), plain, **PERIOD).duplicates
    addresses = [(email or "").strip().lower() for email in emails]
    texts = [(name or "").lower() for name in names]
    pairs = {"same e-mail address": set(), "alike in one account": set()}
    for one, other in combinations(range(len(people)), 2):
        if not {ids[one], ids[other]} & {*came}:
            continue
        if addresses[one] and addresses[one] == addresses[other]:
            pairs["same e-mail address"].add((one, other))
            continue
        account = accounts[one] == accounts[other] and accounts[one] in {"acme", "umbrella"}
        if account and texts[one] and texts[other] and fuzz.token_sort_ratio(texts[one], texts[other]) >= 92:
            pairs["alike in one account"].add((one, other))
    for kind, by_hand in pairs.items():
        assert found.loc[kind, "pairs"] == len(by_hand)
        assert found.loc[kind, "leads"] == len({ids[one] for pair in by_hand for one in pair} & {*came})


def duplicates(**columns):
    leads, outcomes = mqls(2, "2026-03-10", **columns)
    plain = book()
    return records(tables_of(leads, outcomes, plain), plain, **PERIOD)


def test_two_people_of_one_title_have_two_addresses():
    same = {"job_title": "Sales Manager", "account_id": "acme"}
    assert duplicates(**same).duplicates.loc["alike in one account", "pairs"] == 1
    apart = duplicates(**same, email=["a@acme.example", "b@acme.example"])
    assert apart.duplicates["pairs"].tolist() == [0, 0]


def test_a_free_mail_domain_is_no_account():
    same = {"full_name": ["Ann Smith", "Ann Smyth"]}
    firm = duplicates(**same, email=["a@acme.example", "b@acme.example"])
    assert firm.duplicates.loc["alike in one account", "n"] == 2
    free = duplicates(**same, email=["a@gmail.com", "b@gmail.com"])
    assert free.duplicates.loc["alike in one account", "n"] == 0


def test_what_cannot_be_compared_is_said():
    found = duplicates(city="Ulm")
    assert found.duplicates["n"].tolist() == [0, 0]
    assert found.duplicates["share"].isna().all()
    assert sum("not compared" in note for note in found.notes) == 2


@pytest.mark.parametrize("days", [0, -1, 2.5, True, "x", None])
def test_days_without_a_change_are_a_whole_number(days):
    leads, outcomes = mqls(1, "2026-03-10", size=1.0)
    with pytest.raises(ls.ArgumentError, match="unchanged_days"):
        records(tables_of(leads, outcomes), BOOK, **PERIOD, unchanged_days=days)


@SOME
@given(st.randoms())
def test_the_order_of_rows_changes_nothing(random):
    rng = np.random.default_rng(random.randrange(2**32))
    leads, outcomes = mqls(12, "2026-03-10", size=rng.choice([1.0, np.nan], 12), name=rng.choice(["Ann", "Anna"], 12))
    leads["account_id"] = rng.choice(["a", "b"], 12)
    outcomes = pd.concat([outcomes, outcomes[::2].assign(stage="sal", at="2026-03-11")]).assign(owner="Ann")
    shuffled = leads.sample(frac=1, random_state=1), outcomes.sample(frac=1, random_state=2)
    first, second = (records(tables_of(*part), BOOK, **PERIOD).to_json() for part in ((leads, outcomes), shuffled))
    assert first == second
