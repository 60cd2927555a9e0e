"""A diff says every change of format 2 in the words of the language, and what it drops."""

import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadscore import Rulebook, RulebookError
from leadscore.rulebook.diff import diff
from tests.rulebook.test_diff import numbers
from tests.support import strategies2

SOME = settings(max_examples=settings.default.max_examples // 5)

BASE = """\
leadscore: 2
name: demo
why: One page
constants: {strong: 20}
lists:
  free: [gmail.com, gmx.net]
  many: [a, b, c, d, e, f, g]
conditions:
  home: {country: [US, CA]}
  big home: {all: [home, {size: {at_least: 50}}]}
columns: {boxes: {type: options}}
fit:
  - {name: Home, when: big home, points: strong, weight_percent: 50, why: They buy}
  - name: Title
    cases:
      - {name: Chief, when: {title: {has_word: chief}}, points: 15}
      - {name: VP, when: {title: {has_word: vp}}, points: 10}
      - {when: {title: {has_word: manager}}, points: 5}
      - {when: {title: {known: true}}, points: 2}
    other: 1
  - {name: Renewal, when: {ends: {days_ahead: {at_most: 90}}}, points: 4, active_until: 2026-06-30}
behaviour:
  - {name: Opens, event: open, points: 1, once_per: asset, within_days: 30}
  - {name: Pages, event: view, points: 1, count: each, per: session, each_at_most: 6, at_most: 9}
  - {name: Watched, event: video, sum: minutes, from: {10: 5, 30: 12}}
  - {name: Left, event: unsubscribe, since_last: subscribe, points: -4, count: once, keep_on_restart: true}
  - {name: Trial, event: success, after: {event: trial, within_days: 40}, points: 2, once_per: month}
  - {name: Quiet, when: {not: {did: {event: view, within_days: 30}}}, points: -1}
  - {name: Both, when: {did: {event: demo, within_days: 14, times: {at_least: 2}}}, points: 3, group: mail}
groups: {mail: {at_most: 20, weight_percent: 50}}
totals: {fit: {weight_percent: 40}}
restart: {stage: [rejected, recycled]}
qualify:
  threshold: 1
  grades: [A1, A+1]
  never: [{name: Won, stage: won, since_last: {stage: lost}}]
  hand_raise:
    - {event: call, within_days: 30}
    - {name: Own domain, event: trial, when: home}
    - {name: Any, event: trial, where: {kind: x}}
grades: {fit: {A+: 50, A: 40, F: rest}, behaviour: {1: 5, 2: rest}}
labels: {Hot: [A+1], Warm: [A1, A2], Cold: rest}
account:
  id: account_id
  rules:
    - {name: Best, best: total, at_most: 60}
    - {name: Engaged, people: {behaviour: {at_least: 20}}, from: {2: 10}}
  threshold: 50
"""

# Case: (text taken out, text put in, what is said).
CHANGES = {
    "why of the file": ("why: One page", "owner: Ops", ["owner: none -> Ops", "why: One page -> none"]),
    "constant": ("strong: 20", "strong: 30", ["strong: 20 -> 30", "Home: points 20 -> 30"]),
    "new constant": ("{strong: 20}", "{strong: 20, weak: 5}", ["weak: added: 5"]),
    "list": ("[gmail.com, gmx.net]", "[gmail.com, web.de]", ["free: +'web.de' -'gmx.net'"]),
    "long list": ("[a, b, c, d, e, f, g]", "[a, t, u, v, w, x, y, z]", ["many: +7 values -6 values"]),
    "new list": (
        "lists:\n", "lists:\n  new: [a, b]\n  more: [a, b, c, d, e, f]\n",
        ["new: added: 'a' 'b'", "more: added: 6 values"],
    ),
    "condition": ("[US, CA]", "[US, GB]", ["home: country in +'GB' -'CA'"]),
    "condition by name": ("when: big home", "when: home", ["Home: when 'big home' -> 'home'"]),
    "condition spelt out": (
        "when: big home", "when: {size: 5}", ["Home: when 'big home' -> none, when size is none -> 5"],
    ),
    "condition within": ("[home, {size", "[{country: US}, {size", ["big home: all of +(country is 'US') -'home'"]),
    "column": ("type: options}", 'type: options, separator: ","}', ["boxes: separator none -> ,"]),
    "weight": ("weight_percent: 50, why", "weight_percent: 40, why", ["Home: weight 50 -> 40 %"]),
    "weight gone": ("strong, weight_percent: 50", "strong", ["Home: weight 50 % -> none"]),
    "why": ("They buy", "They pay", ["Home: why 'They buy' -> 'They pay'"]),
    "case": (
        "has_word: chief}}, points: 15", "has_word: [chief, ceo]}}, points: 16",
        ["Title: case 'Chief' points 15 -> 16, when title has word +'ceo'"],
    ),
    "case without a name": (
        "has_word: manager}}, points: 5", "has_word: [manager, head]}}, points: 5",
        ["Title: case 3 when title has word +'head'"],
    ),
    "case gone": (
        "      - {name: VP, when: {title: {has_word: vp}}, points: 10}\n", "",
        ["Title: case 'VP' removed: points 10, when title has word 'vp'"],
    ),
    "case put in": (
        "    cases:\n", "    cases:\n      - {when: {title: ceo}, points: 9}\n",
        ["Title: case 1 added: points 9, when title is 'ceo'"],
    ),
    "cases moved": (
        "      - {when: {title: {has_word: manager}}, points: 5}\n      - {when: {title: {known: true}}, points: 2}\n",
        "      - {when: {title: {known: true}}, points: 2}\n      - {when: {title: {has_word: manager}}, points: 5}\n",
        ["Title: case 4 moved to the end"],
    ),
    "case named": (
        "{when: {title: {known", "{name: Rest, when: {title: {known",
        ["Title: case 'Rest' added: points 2, when title known true, case 4 removed: points 2, when title known true"],
    ),
    "other": ("other: 1", "other: 3", ["Title: other 1 -> 3"]),
    "no cases": ("    other: 1\n", "", ["Title: other 1 -> 0"]),
    "days ahead": (
        "at_most: 90", "between: [0, 60]",
        ["Renewal: when ends days ahead at most 90 -> none, when ends days ahead between none -> 0 to 60"],
    ),
    "days": (
        "active_until: 2026-06-30", "active_from: 2026-03-01",
        ["Renewal: active from none -> 2026-03-01, active until 2026-06-30 -> none"],
    ),
    "once per": ("once_per: asset", "once_per: [asset, week]", ["Opens: once per +'week'"]),
    "once per instead": ("once_per: asset", "count: once", ["Opens: count none -> once, once per 'asset' -> none"]),
    "per": ("per: session", "per: program", ["Pages: per 'session' -> 'program'"]),
    "sum": ("sum: minutes", "sum: seconds", ["Watched: sum minutes -> seconds"]),
    "from": ("30: 12", "60: 12", ["Watched: new from 60: 12 points, no from 30 (was 12 points)"]),
    "since last": ("since_last: subscribe", "since_last: [subscribe, join]", ["Left: since last event +'join'"]),
    "since last tested": (
        "since_last: subscribe", "since_last: {event: subscribe, where: {a: x}}",
        ["Left: since last where a is none -> 'x'"],
    ),
    "forgets": (", keep_on_restart: true", "", ["Left: kept on restart true -> false"]),
    "after": ("after: {event: trial, within_days: 40}", "after: trial", ["Trial: after window 40 days -> none"]),
    "after gone": (
        "after: {event: trial, within_days: 40}, ", "",
        ["Trial: after event 'trial' -> none, after window 40 days -> none"],
    ),
    "did within": (
        "event: view, within_days: 30", "event: view, within_days: 60",
        ["Quiet: when not (did event 'view' and did window 30 days) -> (did event 'view' and did window 60 days)"],
    ),
    "did": (
        "times: {at_least: 2}", "sum: {minutes: {at_least: 2}}",
        ["Both: when did times at least 2 -> none, when did sum minutes at least none -> 2"],
    ),
    "group": ("{at_most: 20, weight_percent: 50}", "{at_most: 20, weight_percent: 40}", ["mail: weight 50 -> 40 %"]),
    "total": ("{weight_percent: 40}", "{weight_percent: 50}", ["total fit: weight 40 -> 50 %"]),
    "restart": ("[rejected, recycled]", "[rejected]", ["restart: stage -'recycled'"]),
    "restart gone": (
        "restart: {stage: [rejected, recycled]}\n", "", ["restart: removed: stage 'recycled', 'rejected'"],
    ),
    "never": (
        "since_last: {stage: lost}", "since_last: {stage: recycled}", ["Won: since last stage 'lost' -> 'recycled'"],
    ),
    "hand raise": ("when: home}", "when: big home}", ["Own domain: when 'home' -> 'big home'"]),
    "unnamed hand raise": (
        "event: call, within_days: 30", "event: call, within_days: 7", ["hand raise: window 30 -> 7 days"],
    ),
    "hand raise renamed": ("name: Any,", "name: Every,", ["Every: renamed, was 'Any'"]),
    "cells": ("grades: [A1, A+1]", "grades: [A1, A2, A+1]", ["grades: +A2"]),
    "rest": ("2: rest}", "2: 3, 3: rest}", ["grades of behaviour: 2 rest -> 3 points, new grade 3: rest"]),
    "label": ("Warm: [A1, A2]", "Warm: [A1]", ["Warm: -A2"]),
    "labels moved": ("{Hot: [A+1], Warm: [A1, A2],", "{Warm: [A1, A2], Hot: [A+1],", ["Hot: moved, now before 'Cold'"]),
    "account": ("threshold: 50\n", "threshold: 60\n", ["account: threshold 50 -> 60"]),
    "account rule": ("from: {2: 10}", "from: {2: 10, 4: 20}", ["Engaged: new from 4: 20 points"]),
    "people": (
        "at_least: 20}}, from", "more_than: 20}}, from",
        ["Engaged: people behaviour at least 20 -> none, people behaviour more than none -> 20"],
    ),
}  # fmt: skip

# What means the same: (text taken out, text put in).
THE_SAME = {
    "order of conditions": ("  home: {country: [US, CA]}\n", "  home: {country: [CA, US]}\n"),
    "times of a did": ("event: view, within_days: 30}", "event: [view], within_days: 30}"),
    "order of options": ("[A1, A2]", "[A2, A1]"),
    "bare since": ("since_last: subscribe", "since_last: {event: [subscribe]}"),
    "order of hand-raises": (
        "    - {name: Own domain, event: trial, when: home}\n    - {name: Any, event: trial, where: {kind: x}}\n",
        "    - {name: Any, event: trial, where: {kind: x}}\n    - {name: Own domain, event: trial, when: home}\n",
    ),
    "case of a list's values": ("gmx.net", "GMX.net"),
}


def changed(case):
    assert BASE.count(case[0]) == 1
    return Rulebook.from_yaml(BASE.replace(case[0], case[1]))


@pytest.mark.parametrize("case", CHANGES.values(), ids=CHANGES)
def test_a_change_is_said(case):
    assert [f"{one.name}: {one.text}" for one in diff(Rulebook.from_yaml(BASE), changed(case))] == case[2]


@pytest.mark.parametrize("case", THE_SAME.values(), ids=THE_SAME)
def test_the_same_meaning_is_no_change(case):
    assert diff(Rulebook.from_yaml(BASE), changed(case)) == []


def test_once_per_day_is_daily():
    text = "leadscore: 2\nname: x\nbehaviour: [{name: a, event: e, points: 1, count: daily}]\nqualify: {threshold: 0}\n"
    daily = Rulebook.from_yaml(text)
    assert diff(daily, Rulebook.from_yaml(text.replace("count: daily", "once_per: day"))) == []
    assert diff(daily, Rulebook.from_yaml(text.replace(", count: daily", ""))) == []
    (first,) = diff(Rulebook.from_yaml(text.replace("count: daily", "once_per: week")), daily)
    assert first.text == "count none -> daily, once per 'week' -> none"


def test_from_one_format_to_the_next():
    old = Rulebook.from_yaml("leadscore: 1\nname: x\nqualify: {threshold: 0}\n")
    assert [str(one) for one in diff(old, old.edited({"leadscore": 2}))] == ["format: 1 -> 2"]


def test_changes_stand_in_the_order_of_the_file_and_included_ones_where_they_are_named(tmp_path):
    shared = "leadscore: 2\nfit: [{{name: A, when: {{c: x}}, points: {}}}]\n"
    text = "leadscore: 2\nname: x\nqualify: {{threshold: {0}}}\ninclude: shared.yaml\n"
    text += "behaviour: [{{name: B, event: e, points: {0}}}]\n"
    books = []
    for points in (1, 2):
        (tmp_path / "shared.yaml").write_text(shared.format(points))
        books.append(Rulebook.from_yaml(text.format(points), folder=tmp_path))
    assert [change.section for change in diff(*books)] == ["qualify", "fit", "behaviour"]


# Case: (the edit, code and place of what it drops, its words; an edit nearby that drops nothing).
DROPPED = {
    "grades": (
        {"qualify.grades": None},
        ("LS203", "grades", "drops the grades that qualify, A1, A+1: leads of any grade can qualify"),
        {"qualify.grades": ["A1", "A2"]},
    ),
    "threshold": (
        {"qualify.threshold": None}, ("LS203", "threshold", "drops the threshold of 1: leads below it can qualify"),
        {"qualify.threshold": 0},
    ),
    "each": (
        {"behaviour.Pages.each_at_most": None}, ("LS204", "Pages", "drops the cap of 6 for each value on 'Pages'"),
        {"behaviour.Pages.each_at_most": 60},
    ),
    "both caps": (
        {"behaviour.Pages.each_at_most": None, "behaviour.Pages.at_most": None},
        ("LS204", "Pages", "drops the cap of 9 and of 6 for each value on 'Pages'"), {"behaviour.Pages.at_most": 8},
    ),
    "hand-raise": (
        {"qualify.hand_raise.Own domain": None},
        ("LS202", "Own domain", "drops 'Own domain' from hand_raise: no longer enough to qualify"),
        {"qualify.hand_raise.Own domain.name": "Ours"},
    ),
    "event of a hand-raise": (
        {"qualify.hand_raise.Any.event": "trials"},
        ("LS202", "Any", "drops 'trial' from hand_raise: no longer enough to qualify"),
        {"qualify.hand_raise.Any.event": ["Trial", "trials"]},
    ),
    "hand-raise without a name": (
        {"qualify.hand_raise[0]": None},
        ("LS202", "hand raise", "drops 'call' from hand_raise: no longer enough to qualify"),
        {"qualify.hand_raise[0].name": "Call"},
    ),
    "never of a stage": (
        {"qualify.never.Won": None}, ("LS201", "Won", "drops 'Won' from never: such leads can qualify"),
        {"qualify.never.Won.since_last": None},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", DROPPED)
def test_a_dropped_protection_is_warned_of(case):
    edit, (code, name, said), twin = DROPPED[case]
    old = Rulebook.from_yaml(BASE)
    (found,) = [change for change in diff(old, old.edited(edit)) if change.code]
    assert (found.code, found.name, found.warning) == (code, name, f"the new rulebook {said}")
    kept = diff(old, old.edited(twin))
    assert kept
    assert not any(change.code for change in kept)


def test_the_cap_of_each_value_of_a_group():
    text = "leadscore: 2\nname: x\nqualify: {threshold: 0}\nbehaviour: [{name: a, event: e, points: 1, group: g}]\n"
    old = Rulebook.from_yaml(text + "groups: {g: {per: program, each_at_most: 20, at_most: 50}}\n")
    (change,) = diff(old, old.edited({"groups.g.each_at_most": None}))
    assert change.warning == "the new rulebook drops the cap of 20 for each value on the group 'g'"
    (change,) = diff(old, old.edited({"groups.g.each_at_most": 30}))
    assert change.warning == ""


@SOME
@given(strategies2.documents(), st.data())
def test_no_changed_number_is_missed(document, data):
    used = {name: part for name, part in document.items() if name not in {"constants", "lists", "conditions"}}
    paths = list(numbers(used))
    if not paths:
        return
    *outer, last = data.draw(st.sampled_from(paths))
    after = copy.deepcopy(document)
    part = after
    for key in outer:
        part = part[key]
    part[last] += 1
    try:
        old, new = Rulebook.from_dict(document), Rulebook.from_dict(after)
    except RulebookError:
        return
    assert len(diff(old, new)) == len(diff(new, old)) == 1


@SOME
@given(strategies2.documents(), strategies2.documents())
def test_any_two_rulebooks_can_be_compared(old, new):
    books = Rulebook.from_dict(old), Rulebook.from_dict(new)
    changes = diff(*books)
    assert bool(changes) is (books[0] != books[1])
    assert all(change.name and change.text for change in changes)
