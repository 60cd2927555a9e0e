"""A diff says every change in the words of the language, and nothing where two rulebooks mean the same."""

import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadscore import Rulebook, RulebookError
from leadscore.base.text import decimal
from leadscore.rulebook.diff import Change, diff
from tests.support.strategies import documents

# A rulebook takes 30 ms to read, and each example reads two.
SOME = settings(max_examples=settings.default.max_examples // 5)

BASE = """
leadscore: 1
name: demo
columns: {seniority: {type: category}}
missing_values: [unknown]
fit:
  - {name: Seniority, column: seniority, points: {VP: 25, Director: 15}}
  - {name: Size, column: employees, from: {0: 0, 50: 10}, missing: -5}
  - {name: Home, when: {country: [US, CA]}, points: 10}
behaviour:
  - name: Pricing page
    event: page_view
    where: {asset: {starts_with: /pricing}}
    points: 10
    half_life_days: 14
    at_most: 30
  - {name: Clicks, event: [email_click], within_days: 30, from: {1: 3, 3: 8}, group: email}
groups: {email: {at_most: 20}}
totals: {fit: {at_most: 70}}
qualify:
  threshold: 60
  never:
    - {name: Rival, when: {email_domain: [rival.example]}}
    - {name: Spam, event: spam_report}
  hand_raise: {event: demo_request, within_days: 30}
  segments:
    - {name: Small, when: {employees: {less_than: 50}}, threshold: 65}
    - {name: Foreign, when: {country: {not_in: [US]}}, threshold: 70}
    - {name: Rest, when: {country: {known: false}}, threshold: 75}
grades: {fit: {A: 50, B: 30}}
"""

# Case: (text taken out, text put in, what is said).
CHANGES = {
    "points": ("points: 10\n    half_life_days: 14", "points: 15\n    half_life_days: 30",
               "Pricing page: points 10 -> 15, half-life 14 -> 30 days"),
    "table": ("{VP: 25, Director: 15}", "{VP: 20, Head: 12}",
              "Seniority: VP 25 -> 20 points, new value Head: 12 points, no value Director (was 15 points)"),
    "edges": ("{0: 0, 50: 10}", "{0: 0, 50: 12.5, 200: 20}",
              "Size: from 50: 10 -> 12.5 points, new from 200: 20 points"),
    "default_points": ("missing: -5", "other: 1", "Size: other 0 -> 1, missing -5 -> 0"),
    "values": ("[US, CA]", "[US, GB, DE]", "Home: when country in +'DE' +'GB' -'CA'"),
    "pattern": ("{starts_with: /pricing}", "{contains: /preise}",
                "Pricing page: where asset starts with '/pricing' -> none, where asset contains none -> '/preise'"),
    "limit_gone": ("    at_most: 30\n", "", "Pricing page: at most 30 -> none"),
    "window": ("within_days: 30, from", "within_days: 60, from", "Clicks: window 30 -> 60 days"),
    "no_window": ("within_days: 30, from", "count: each, from", "Clicks: window 30 days -> none, count daily -> each"),
    "event": ("[email_click]", "[email_click, email_open]", "Clicks: event +'email_open'"),
    "decay": ("half_life_days: 14", "step: {every_days: 7, lose_percent: 50}",
              "Pricing page: half-life 14 days -> none, step none -> loses 50 % every 7 days"),
    "group": ("email: {at_most: 20}", "email: {at_least: -10, at_most: 20}", "email: at least none -> -10"),
    "total": ("totals: {fit: {at_most: 70}}", "totals: {fit: {at_most: 80}}", "total fit: at most 70 -> 80"),
    "threshold": ("threshold: 60", "threshold: 62.5", "threshold: 60 -> 62.5"),
    "minimum": ("threshold: 60", "threshold: 60\n  minimum_fit: 20", "minimum fit: none -> 20"),
    "never": ("[rival.example]", "[rival.example, foe.example]", "Rival: when email_domain in +'foe.example'"),
    "hand_raise": ("within_days: 30}\n", "within_days: 7}\n", "hand raise: window 30 -> 7 days"),
    "hand_raise_gone": ("  hand_raise: {event: demo_request, within_days: 30}\n", "",
                        "hand raise: removed: event 'demo_request', window 30 days"),
    "segment": ("threshold: 65", "threshold: 66", "Small: threshold 65 -> 66"),
    "column": ("{type: category}", "{type: text, required: handoff}",
               "seniority: type category -> text, required no -> handoff"),
    "missing_values": ("[unknown]", "[unknown, n/a]", "missing values: +'n/a'"),
    "agreement": ("columns:", "agreement: {agreed_on: 2026-03-02, agreed_by: [Sales]}\ncolumns:",
                  "agreement: agreed by none -> Sales, agreed on none -> 2026-03-02"),
    "grade": ("{A: 50, B: 30}", "{A: 50, B: 25, C: 5}", "grades of fit: B 30 -> 25 points, new grade C: 5 points"),
    "version": ("name: demo", "name: demo\nversion: '2'", "version: none -> 2"),
    "renamed": ("name: Home,", "name: Home market,", "Home market: renamed, was 'Home'"),
    "removed": ("  - {name: Home, when: {country: [US, CA]}, points: 10}\n", "",
                "Home: removed: points 10, when country in 'CA', 'US'"),
    "table_removed": ("  - {name: Size, column: employees, from: {0: 0, 50: 10}, missing: -5}\n", "",
                      "Size: removed: points from {0: 0, 50: 10}, column employees, missing -5"),
    "added": ("behaviour:\n", "behaviour:\n  - {name: Visit, event: visit, points: 1, within_days: 7, at_most: 5}\n",
              "Visit: added: points 1, event 'visit', window 7 days, at most 5"),
}  # fmt: skip

# What means the same: (text taken out, text put in).
THE_SAME = {
    "comment": ("threshold: 60", "threshold: 60  # agreed"),
    "decimals": ("points: 10\n    half", "points: 10.0\n    half"),
    "default": ("column: seniority,", "column: seniority, other: 0,"),
    "order_of_values": ("[US, CA]", "[CA, US]"),
    "order_of_keys": ("{VP: 25, Director: 15}", "{Director: 15, VP: 25}"),
    "list_of_one": ("[email_click]", "email_click"),
}


def changed(case):
    assert BASE.count(case[0]) == 1
    return Rulebook.from_yaml(BASE.replace(case[0], case[1]))


@pytest.mark.parametrize("case", CHANGES.values(), ids=CHANGES)
def test_a_change_is_said(case):
    assert [f"{one.name}: {one.text}" for one in diff(Rulebook.from_yaml(BASE), changed(case))] == [case[2]]


@pytest.mark.parametrize("case", THE_SAME.values(), ids=THE_SAME)
def test_the_same_meaning_is_no_change(case):
    assert diff(Rulebook.from_yaml(BASE), changed(case)) == []


def reordered(key, names):
    document = Rulebook.from_yaml(BASE).to_dict()
    part = document["qualify"][key] if key in {"never", "segments"} else document[key]
    by_name = {rule["name"]: rule for rule in part}
    part[:] = [by_name[name] for name in names]
    return [str(change) for change in diff(Rulebook.from_yaml(BASE), Rulebook.from_dict(document))]


def test_moves_are_said_where_order_counts():
    assert reordered("segments", ["Rest", "Small", "Foreign"]) == ["Rest: moved, now before 'Small'"]
    assert reordered("segments", ["Foreign", "Rest", "Small"]) == ["Small: moved to the end"]
    assert reordered("never", ["Spam", "Rival"]) == ["Rival: moved to the end"]


def test_a_removal_moves_nothing():
    (change,) = reordered("segments", ["Foreign", "Rest"])
    assert change.startswith("Small: removed: threshold 65, when employees less than 50 (warning LS205")


def test_moves_mean_nothing_elsewhere():
    assert reordered("fit", ["Home", "Size", "Seniority"]) == []


def test_changes_stand_in_the_order_of_the_new_file():
    document = Rulebook.from_yaml(BASE).to_dict()
    document["qualify"]["threshold"] = 61
    document["fit"][2]["points"] = 11
    document["fit"][0]["points"]["VP"] = 26
    document["qualify"]["segments"][0]["threshold"] = 66
    qualify = {"leadscore": 1, "name": "demo", "qualify": document["qualify"]}
    found = diff(Rulebook.from_yaml(BASE), Rulebook.from_dict({**qualify, **document}))
    assert [change.name for change in found] == ["threshold", "Small", "Seniority", "Home"]
    assert found[0] == Change("qualify", "threshold", "60 -> 61")


def test_text_that_looks_like_a_number_is_told_from_it():
    text = "leadscore: 1\nname: x\nfit: [{name: A, column: tier, points: {5: 1}}]\nqualify: {threshold: 0}\n"
    old, new = Rulebook.from_yaml(text), Rulebook.from_yaml(text.replace("{5:", "{'5':"))
    assert [str(change) for change in diff(old, new)] == ["A: new value '5': 1 point, no value 5 (was 1 point)"]


# Case: (the edit, code and place of what it drops, its words; an edit nearby that drops nothing).
DROPPED = {
    "never": (
        {"qualify.never.Rival": None},
        ("LS201", "never", "Rival", "drops 'Rival' from never: such leads can qualify"),
        {"qualify.never.Rival.name": "Competitor"},
    ),
    "all_never": (
        {"qualify.never": [{"name": "Spam", "event": "spam_report"}]},
        ("LS201", "never", "Rival", "drops 'Rival' from never: such leads can qualify"),
        {"qualify.never.Rival.when.email_domain": ["rival.example", "foe.example"]},
    ),
    "hand_raise": (
        {"qualify.hand_raise": None},
        ("LS202", "hand_raise", "hand raise", "drops 'demo', 'call' from hand_raise: no longer enough to qualify"),
        {"qualify.hand_raise.event": ["Demo", "call", "visit"]},
    ),
    "hand_raise_event": (
        {"qualify.hand_raise.event": "call"},
        ("LS202", "hand_raise", "hand raise", "drops 'demo' from hand_raise: no longer enough to qualify"),
        {"qualify.hand_raise.within_days": 14},
    ),
    "minimum_fit": (
        {"qualify.minimum_fit": None},
        ("LS203", "qualify", "minimum fit", "drops the minimum fit of 12.5: leads below it can qualify"),
        {"qualify.minimum_fit": 10},
    ),
    "minimum_behaviour": (
        {"qualify.minimum_behaviour": None},
        ("LS203", "qualify", "minimum behaviour", "drops the minimum behaviour of 5: leads below it can qualify"),
        {"qualify.minimum_behaviour": 4},
    ),
    "cap_of_a_rule": (
        {"behaviour.Pricing page.at_most": None},
        ("LS204", "behaviour", "Pricing page", "drops the cap of 30 on 'Pricing page'"),
        {"behaviour.Pricing page.at_most": 90},
    ),
    "cap_of_a_group": (
        {"groups.email": None},
        ("LS204", "groups", "email", "drops the cap of 20 on the group 'email'"),
        {"groups.email": None, "behaviour.Clicks": None},
    ),
    "out_of_a_group": (
        {"behaviour.Clicks.group": None},
        ("LS204", "behaviour", "Clicks", "takes 'Clicks' out of the group 'email', which was capped at 20"),
        {"behaviour.Clicks.group": "mail", "groups.mail": {"at_most": 15}, "groups.email": None},
    ),
    "cap_of_a_total": (
        {"totals.fit": None},
        ("LS204", "totals", "total fit", "drops the cap of 70 on total fit"),
        {"totals.fit.at_least": -5},
    ),
    "segment": (
        {"qualify.segments.Small": None},
        ("LS205", "segments", "Small", "drops the segment 'Small': its leads needed 65 points"),
        {"qualify.segments.Small.threshold": 20},
    ),
}


@pytest.mark.parametrize(("edit", "said", "twin"), DROPPED.values(), ids=DROPPED)
def test_a_dropped_protection_is_warned_of(edit, said, twin):
    minima = {"qualify.minimum_fit": 12.5, "qualify.minimum_behaviour": 5}
    old = Rulebook.from_yaml(BASE).edited(minima | {"qualify.hand_raise.event": ["demo", "call"]})
    (found,) = [change for change in diff(old, old.edited(edit)) if change.code]
    assert (found.code, found.section, found.name, found.warning) == (*said[:3], f"the new rulebook {said[3]}")
    assert str(found) == f"{found.name}: {found.text} (warning {said[0]}: the new rulebook {said[3]})"
    kept = diff(old, old.edited(twin))
    assert kept
    assert not any(change.code or change.warning for change in kept)
    assert not any(change.code for change in diff(old.edited(edit), old))


@SOME
@given(documents(), st.data())
def test_no_dropped_protection_goes_unseen(document, data):
    """Whatever stands in `qualify`, taken out alone: a warning names it, and nothing else."""
    old = Rulebook.from_dict(document)
    qualify = old.to_dict()["qualify"]
    named = [(key, place) for key in ("never", "segments") for place in range(len(qualify.get(key, ())))]
    parts = [*named, *((key,) for key in ("hand_raise", "minimum_fit", "minimum_behaviour") if key in qualify)]
    if not parts:
        return
    part = data.draw(st.sampled_from(parts))
    (change,) = diff(old, old.edited({("qualify", *part): None}))
    codes = {"never": "LS201", "hand_raise": "LS202", "segments": "LS205"}
    assert change.code == codes.get(part[0], "LS203")


@pytest.mark.parametrize(
    ("value", "text"),
    [(10.0, "10"), (2.5, "2.5"), (-0.0, "0"), (0.001, "0.001"), (1e6, "1000000"), (1e-07, "0.0000001")],
)
def test_decimals_are_written_as_people_do(value, text):
    assert decimal(value) == text


@SOME
@given(documents())
def test_a_book_is_equal_to_itself(document):
    book = Rulebook.from_dict(document)
    assert diff(book, Rulebook.from_dict(copy.deepcopy(document))) == []


def numbers(data, path=()):
    """The paths of all numbers in a document that stand as points, limits or bars."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        if type(value) in {int, float} and key != "leadscore":
            yield (*path, key)
        yield from numbers(value, (*path, key))


@SOME
@given(documents(), st.data())
def test_no_changed_number_is_missed(document, data):
    paths = list(numbers(document))
    if not paths:
        return
    *outer, last = data.draw(st.sampled_from(paths))
    after = copy.deepcopy(document)
    part = after
    for key in outer:
        part = part[key]
    part[last] += 1
    try:
        new = Rulebook.from_dict(after)
    except RulebookError:
        return
    assert len(diff(Rulebook.from_dict(document), new)) == 1
    assert len(diff(new, Rulebook.from_dict(document))) == 1
