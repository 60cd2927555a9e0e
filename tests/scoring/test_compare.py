"""Two rulebooks side by side: who flips, when, and why; and that a rulebook does not differ from itself."""

import pandas as pd
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

import leadscore as ls
from leadscore.base.text import counted
from tests.scoring.test_replay import grown, on, periods, tables_of

FEW = settings(max_examples=settings.default.max_examples // 4)


@FEW
@given(st.one_of(periods(), grown()))
def test_a_rulebook_does_not_differ_from_itself(drawn):
    case, start, end = drawn
    rulebook = ls.Rulebook.from_dict(case.document)
    comparison = ls.compare(tables_of(case, rulebook), rulebook, rulebook, start=start, end=end)
    assert (len(comparison.frame), comparison.changes) == (0, [])
    assert not comparison.weekly()["difference"].any()


@st.composite
def edited(draw):
    """A case, a period, and the same rulebook with another bar, without a rule, or without its limits."""
    case, start, end = draw(st.one_of(periods(), grown()))
    document = dict(case.document)
    for part in draw(st.lists(st.sampled_from(["bar", "rule", "limits", "never"]), min_size=1, unique=True)):
        if part == "bar":
            document["qualify"] = {"threshold": draw(st.sampled_from([-1000, 0, 5]))}
        elif part == "rule":
            document["behaviour"] = document.get("behaviour", [])[1:]
        elif part == "limits":
            document = {key: value for key, value in document.items() if key not in {"groups", "totals"}}
        else:
            document["qualify"] = {key: value for key, value in document["qualify"].items() if key != "never"}
    document["qualify"] = document["qualify"] | {"threshold": min(document["qualify"]["threshold"], 0)}
    document["qualify"] = {
        key: value for key, value in document["qualify"].items() if key in {"threshold", "hand_raise", "never"}
    }
    document = {key: value for key, value in document.items() if value != []}
    try:
        ls.Rulebook.from_dict(document)
    except ls.RulebookError:  # no lead can reach the bar by what is left
        reject()
    return case, start, end, document


@FEW
@given(edited())
def test_it_says_what_the_two_replays_say(drawn):
    case, start, end, document = drawn
    old = ls.Rulebook.from_dict(case.document)
    new = ls.Rulebook.from_dict(document | {"fit": document.get("fit", []), "name": "new"})
    tables = tables_of(case, old)
    comparison = ls.compare(tables, old, new, start=start, end=end)
    before, after = (ls.replay(tables, book, start=start, end=end).frame["day"] for book in (old, new))
    assert set(comparison.gained.index) == set(after.index) - set(before.index)
    assert set(comparison.lost.index) == set(before.index) - set(after.index)
    both = before.index.intersection(after.index)
    moved = both[(before[both] != after[both]).to_numpy()]
    assert set(comparison.moved.index) == set(moved)
    for lead, row in comparison.frame.iterrows():
        day = min(one.date() for one in (row["day_old"], row["day_new"]) if pd.notna(one))
        totals = [ls.score(tables, book, as_of=day).frame.loc[lead, "total"] for book in (old, new)]
        assert [row["total_old"], row["total_new"]] == totals
        assert row["reasons"]
        if row["change"] in {"earlier", "later"}:
            assert row["days"] == (row["day_new"] - row["day_old"]).days
            assert (row["days"] < 0) == (row["change"] == "earlier")


BOOK = {
    "leadscore": 1,
    "name": "old",
    "fit": [{"name": "Home", "when": {"country": ["US"]}, "points": 20}],
    "behaviour": [
        {"name": "Visit", "event": "visit", "points": 10, "group": "web"},
        {"name": "Demo", "event": "demo", "points": 1},
    ],
    "groups": {"web": {"at_most": 30}},
    "qualify": {
        "threshold": 40,
        "minimum_fit": 20,
        "never": [{"name": "Rival", "when": {"domain": ["rival.example"]}}],
        "segments": [{"name": "Big", "when": {"country": ["DE"]}, "threshold": 30}],
    },
}
LEADS = pd.DataFrame(
    {
        "lead_id": ["steady", "busy", "rival", "asks"],
        "country": ["US", "FR", "US", "FR"],
        "domain": ["a.example", "b.example", "rival.example", "c.example"],
        "source": ["web", "list", "web", None],
    }
)
EVENTS = pd.DataFrame(
    [(lead, "visit", on(day)) for lead in ("steady", "busy", "rival") for day in (3, 4, 11, 12)]
    + [("asks", "demo", on(5))],
    columns=["lead_id", "event", "at"],
)


def compared(**qualify):
    old = ls.Rulebook.from_dict(BOOK)
    new = ls.Rulebook.from_dict(BOOK | {"name": "new", "qualify": BOOK["qualify"] | qualify})
    tables = ls.load_tables(LEADS, EVENTS, rulebook=[old, new], columns=["source"])
    return ls.compare(tables, old, new, start="2026-03-01", end="2026-03-31")


@pytest.mark.parametrize(
    ("qualify", "change", "lead", "reasons"),
    [
        ({"threshold": 30}, "earlier", "steady", "threshold 40 -> 30"),
        ({"threshold": 50}, "later", "steady", "threshold 40 -> 50"),
        ({"threshold": 55}, "lost", "steady", "threshold 40 -> 55"),
        ({"never": []}, "gained", "rival", "old: blocked by 'Rival'"),
        ({"hand_raise": {"event": "demo"}}, "gained", "asks", "old: minimum fit not reached; new: asked for sales"),
        ({"minimum_fit": 0, "threshold": 30}, "gained", "busy", "old: minimum fit not reached; threshold 40 -> 30"),
    ],
)
def test_each_reason_by_name(qualify, change, lead, reasons):
    row = compared(**qualify).frame.loc[lead]
    assert (row["change"], row["reasons"]) == (change, reasons)


def test_a_minimum_alone_is_a_reason():
    book = BOOK | {"groups": {"web": {"at_most": 60}}}
    old, new = (
        ls.Rulebook.from_dict(book | {"name": name, "qualify": {"threshold": 40, "minimum_fit": least}})
        for name, least in (("old", 20), ("new", 0))
    )
    comparison = ls.compare(
        ls.load_tables(LEADS, EVENTS, rulebook=[old, new]), old, new, start="2026-03-01", end="2026-03-31"
    )
    assert comparison.gained["reasons"].to_dict() == {"busy": "old: minimum fit not reached"}


def test_rules_and_limits_are_reasons():
    # On the second day two visits are worth 2 x 16, of which the group keeps 30.
    rules = [BOOK["behaviour"][0] | {"points": 16}, BOOK["behaviour"][1]]
    old = ls.Rulebook.from_dict(BOOK | {"qualify": {"threshold": 50}})
    new = ls.Rulebook.from_dict(BOOK | {"name": "new", "behaviour": rules, "qualify": {"threshold": 50}})
    tables = ls.load_tables(LEADS, EVENTS, rulebook=[old, new])
    comparison = ls.compare(tables, old, new, start="2026-03-01", end="2026-03-31")
    assert comparison.moved["reasons"].to_dict() == dict.fromkeys(("steady", "rival"), "Visit +12")
    assert comparison.moved["days"].to_dict() == {"steady": -7, "rival": -7}
    old = ls.Rulebook.from_dict(BOOK | {"qualify": {"threshold": 60}})
    new = ls.Rulebook.from_dict(BOOK | {"name": "new", "groups": {}, "qualify": {"threshold": 60}})
    comparison = ls.compare(tables, old, new, start="2026-03-01", end="2026-03-31")
    assert comparison.gained["reasons"].to_dict() == dict.fromkeys(("steady", "rival"), "limits +10")


def test_weeks_by_segment_and_source():
    comparison = compared(minimum_fit=0, threshold=30)
    weekly = comparison.weekly()
    assert weekly.loc["2026-03-02", ["old", "new", "difference", "days"]].tolist() == [1, 1, 0, 7]
    assert weekly.loc["2026-02-23", "days"] == 1
    assert weekly.loc["2026-03-09", ["old", "new"]].tolist() == [0, 1]
    by_source = comparison.weekly("source")
    assert by_source.loc[("list", pd.Timestamp("2026-03-09")), ["old", "new"]].tolist() == [0, 1]
    assert by_source["new"].sum() == weekly["new"].sum()
    # Nobody who qualifies is of the one segment; that is a group too.
    by_segment = comparison.weekly("segment")
    assert by_segment.index.get_level_values("group").unique().tolist() == ["(missing)"]
    assert by_segment["new"].sum() == weekly["new"].sum()
    with pytest.raises(ls.ArgumentError, match=r"no lead column 'sourc'; did you mean 'source'.*columns="):
        comparison.weekly("sourc")


def test_the_picture_draws_whole_weeks_as_lines_and_parts_hollow():
    comparison = compared(minimum_fit=0, threshold=30)
    weekly = comparison.weekly()
    whole, part, *others = comparison.plot().lines
    assert whole.get_label() == f"old: {counted(weekly['old'].sum(), 'lead')}"
    drawn = pd.Series(whole.get_ydata(), weekly.index)
    assert drawn[weekly["days"] == 7].tolist() == weekly["old"][weekly["days"] == 7].tolist()
    assert drawn[weekly["days"] < 7].isna().all()
    assert part.get_markerfacecolor() == "white"
    assert list(part.get_ydata()) == weekly["old"][weekly["days"] < 7].tolist()
    assert others[0].get_linestyle() != whole.get_linestyle()
    (alone,) = [line for line in comparison.old.plot().lines if not line.get_label().startswith("_")]
    assert alone.get_label() == "qualified: 1 lead"


def test_outcomes_of_the_gained_and_the_lost():
    book = BOOK | {"groups": {"web": {"at_most": 40}}}
    old = ls.Rulebook.from_dict(book | {"qualify": {"threshold": 40}})
    # Only the home market counts then, visits no more.
    new = ls.Rulebook.from_dict(BOOK | {"name": "new", "behaviour": [], "groups": {}, "qualify": {"threshold": 20}})
    leads = pd.DataFrame({"lead_id": list("abcdefg"), "country": ["US", "US", "US", "FR", "FR", "US", "US"]})
    leads["created_at"] = "2026-03-02"
    events = pd.DataFrame(
        [(lead, "visit", on(day)) for lead in "defg" for day in (3, 4, 5, 6)], columns=["lead_id", "event", "at"]
    )
    stages = [("a", "sal", 10), ("b", "rejected", 10), ("d", "sal", 11), ("d", "won", 20), ("f", "won", 25)]
    outcomes = pd.DataFrame([(lead, stage, on(day)) for lead, stage, day in stages], columns=["lead_id", "stage", "at"])
    tables = ls.load_tables(leads, events, outcomes, rulebook=[old, new], observed_until="2026-05-31")
    comparison = ls.compare(tables, old, new, start="2026-03-01", end="2026-03-31")
    found = comparison.outcomes(within_days=30)
    # a, b and c are gained, and c was never worked; d and e are lost, f and g qualify by both.
    assert found[["leads", "n", "reached"]].to_dict("index") == {
        ("gained", "sal"): {"leads": 3, "n": 2, "reached": 1},
        ("lost", "sal"): {"leads": 2, "n": 1, "reached": 1},
        ("both", "sal"): {"leads": 2, "n": 1, "reached": 1},
        ("gained", "won"): {"leads": 3, "n": 2, "reached": 0},
        ("lost", "won"): {"leads": 2, "n": 1, "reached": 1},
        ("both", "won"): {"leads": 2, "n": 1, "reached": 1},
    }
    assert found.loc[("gained", "sal"), ["share", "low", "high"]].round(3).tolist() == [0.5, 0.095, 0.905]
    # Who qualified before the period did not come to qualify in it, and is said to have.
    old_leads = ls.load_tables(
        leads.assign(created_at="2026-01-02"), events, outcomes, rulebook=[old, new], observed_until="2026-05-31"
    )
    before = ls.compare(old_leads, old, new, start="2026-03-01", end="2026-03-31")
    assert before.outcomes(within_days=30)["leads"].to_dict() == {
        (group, stage): 2 if group == "lost" else 0 for group in ("gained", "lost", "both") for stage in ("sal", "won")
    }
    assert before.frame["already"].to_dict() == {lead: lead not in "de" for lead in "abcdefg"}
    assert before.notes[1] == (
        "5 more leads had already qualified by one rulebook before the period: in `frame`, and in no count above and "
        "no week."
    )
    # Of the seven that differ only d and e began in the period.
    assert ": 0 gained, 2 lost, 0 earlier, 0 later." in before.headline
    # Nothing is known yet of windows that are still open.
    assert comparison.outcomes(within_days=120)["n"].sum() == 0
    # Without refusals all that sales worked was accepted; of who was, not all bought.
    accepted = ls.load_tables(
        leads, events, outcomes[outcomes["stage"] != "rejected"], rulebook=[old, new], observed_until="2026-05-31"
    )
    told = ls.compare(accepted, old, new, start="2026-03-01", end="2026-03-31").outcomes(within_days=30)
    assert told["n"].to_dict() == {
        (group, stage): 0 if stage == "sal" else 1 for group in ("gained", "lost", "both") for stage in ("sal", "won")
    }
    assert told["share"].isna().to_list() == [True] * 3 + [False] * 3
