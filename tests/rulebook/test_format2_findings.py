"""What `check` says of format 2: each finding with a rulebook that has it, and one nearby that has not."""

import datetime as dt
import json

import jsonschema
import pytest
from hypothesis import given

import leadscore as ls
from leadscore.rulebook.diff import diff
from tests.support import reference, strategies2

TODAY = dt.date(2026, 3, 20)
BASE = """\
leadscore: 2
name: n
agreement: {agreed_by: [Sales]}
columns: {country: {type: text}, title: {type: text}, boxes: {type: options}}
lists: {free: [gmail.com]}
constants: {strong: 20}
conditions: {home: {country: [US, CA]}}
missing_values: [n/a]
fit:
  - {name: Home, when: home, points: strong}
  - name: Title
    cases:
      - {name: Chief, when: {title: {has_word: [ceo, chief]}}, points: 15}
      - {when: {title: [vp, svp]}, points: 10}
      - {when: {title: {known: true}}, points: 2}
  - {name: Boxes, column: boxes, points: {API: 5}}
behaviour:
  - {name: Mails, event: open, where: {domain: {in_list: free}}, points: 5, once_per: week, within_days: 8}
  - {name: Both, when: {all: [{did: {event: demo, within_days: 14}}, {did: {stage: mql}}]}, points: 15}
  - name: Tiers
    event: click
    once_per: day
    cases: [{times: {at_least: 3}, within_days: 30, points: 75}, {within_days: 7, points: 50}]
  - {name: Pages, event: view, count: each, per: session, from: {8: 7}, at_most: 20}
  - {name: Left, event: unsubscribe, since_last: subscribe, points: -40, count: once, keep_on_restart: true}
  - {name: Minutes, event: video, sum: minutes, points: 1, at_most: 9}
restart: {stage: rejected}
qualify: {minimum_behaviour: 50, grades: [A1, B1], hand_raise: [{event: call}]}
grades: {fit: {A: 30, B: 10, C: rest}, behaviour: {1: 40, 2: rest}}
labels: {Hot: [A1], Warm: [B1, C1], Cold: rest}
"""
LISTED = "  - {name: C, when: {country: {in_list: free}}, points: 5}\n"

# Case: (code, path, a part of BASE, what stands there instead, what is said).
FOUND = {
    "empty list": ("LS135", "lists.free", "[gmail.com]", "[]", "0 values are in the list 'free'"),
    "empty list matches nothing": ("LS120", "behaviour[0]", "[gmail.com]", "[]", "the list 'free' is empty"),
    "unused list": ("LS135", "lists.free", "in_list: free", "is: a", "nothing uses the list 'free'"),
    "unused constant": ("LS135", "constants.strong", "points: strong", "points: 20", "nothing uses the constant"),
    "unused condition": ("LS135", "conditions.home", "when: home", "when: {country: US}", "nothing uses the condition"),
    "option that is missing": (
        "LS120", "fit[2]", "column: boxes, points: {API: 5}", "when: {boxes: {has_option: N/A}}, points: 5",
        "every option it wants",
    ),
    "days that do not meet": (
        "LS120", "fit[0]", "when: home", "when: {d: {days_ago: {more_than: 5, less_than: 6}}}",
        "no whole number of days",
    ),
    "before and after": (
        "LS120", "fit[0]", "when: home", "when: {d: {days_ago: {at_most: 5}, days_ahead: 2}}",
        "is both days ago and days ahead only on its own day",
    ),
    "missing and tested": (
        "LS120", "fit[0]", "when: home", "when: {title: {known: false, is: x}}", "would be missing and meet a test",
    ),
    "a case that cannot hold": (
        "LS120", "fit[1].cases[1]", "title: [vp, svp]", "title: {is: vp, known: false}", "case 2 can never fire",
    ),
    "never, of nothing": (
        "LS120", "qualify.never[0]", "qualify: {",
        "qualify: {never: [{name: x, when: {n: {more_than: 5, less_than: 2}}}], ", "'x' can never fire",
    ),
    "its own reset": (
        "LS120", "behaviour[4]", "since_last: subscribe", "since_last: [Unsubscribe, x]", "'since_last' names the same",
    ),
    "its own reset, and points for none": (
        "LS120", "behaviour[4]", "since_last: subscribe, points: -40, count: once",
        "since_last: unsubscribe, cases: [{times: {at_most: 3}, points: -40}]",
        "'Left' never counts anything: 'since_last'",
    ),
    "its own reset, tested": (
        "LS120", "behaviour[4]", "since_last: subscribe",
        "where: {a: [x]}, since_last: {event: unsubscribe, where: {a: [x, y]}}", "'since_last' names the same",
    ),
    "its own restart": (
        "LS120", "behaviour[5]", "restart: {stage: rejected}", "restart: {event: [video, x]}",
        "its events are those of 'restart'",
    ),
    "after what cannot be": (
        "LS120", "behaviour[4]", "since_last: subscribe",
        "after: {event: x, where: {n: {more_than: 3, less_than: 2}}}", "what it comes after never happens",
    ),
    "no such stage": (
        "LS120", "restart.stage[0]", "rejected", "rejcted",
        "no outcome has the stage 'rejcted'; did you mean 'rejected'?",
    ),
    "no such stage did": (
        "LS120", "behaviour[1].when.all[1].did.stage[0]", "stage: mql", "stage: churned",
        "no outcome has the stage 'churned'",
    ),
    "no such count of weeks": (
        "LS120", "behaviour[2].cases[0].times", "at_least: 3}, within_days: 30", "at_least: 3}, within_days: 2",
        "at most 2 in the window",
    ),
    "more than the days hold": (
        "LS120", "behaviour[0].from[3]", "points: 5, once_per: week, within_days: 8",
        "once_per: week, within_days: 8, from: {2: 5, 3: 9}",
        "3 is never reached: counted once per week, there are at most 2",
    ),
    "more than each holds": (
        "LS120", "behaviour[3].from[8]", "count: each, per: session", "count: daily, per: week",
        "8 is never reached: counted daily, there are at most 7 for each week",
    ),
    "nothing given": (
        "LS121", "fit[0]", "points: strong}", "points: strong, weight_percent: 0}",
        "it gives 0 points whatever happens",
    ),
    "a case and a rule for one": (
        "LS122", "fit[2]", "  - {name: Boxes", "  - {name: T, column: title, points: {VP: 3}}\n  - {name: Boxes",
        "'T' and 'Title' both give points for title 'vp'",
    ),
    "an option twice": (
        "LS122", "fit[3]", "behaviour:\n",
        "  - {name: More, when: {boxes: {has_option: [api, x]}}, points: 5}\nbehaviour:\n",
        "'More' and 'Boxes' both give points for boxes 'api'",
    ),
    "a list twice": (
        "LS122", "fit[4]", "behaviour:\n",
        LISTED + "  - {name: G, column: country, points: {Gmail.com: 5}}\nbehaviour:\n",
        "'G' and 'C' both give points for country 'gmail.com'",
    ),
    "no end of values": (
        "LS125", "behaviour[0]", "once_per: week, within_days: 8", "once_per: asset, within_days: 8",
        "'Mails' pays for every new asset without limit",
    ),
    "no end of sessions": (
        "LS125", "behaviour[3]", ", at_most: 20", "", "'Pages' pays for every new session without limit",
    ),
    "no end of a sum": ("LS125", "behaviour[5]", ", at_most: 9", "", "'Minutes' adds up 'minutes' without limit"),
    "no end of a group": (
        "LS125", "groups.g", "points: 1, at_most: 9}",
        "points: 1, group: g}\ngroups: {g: {per: program, each_at_most: 20}}",
        "the group 'g' pays up to 20 for every program without limit",
    ),
    "a case behind a wider one": (
        "LS126", "fit[1].cases[2]", "title: [vp, svp]", "title: {known: true}",
        "case 3 of 'Title' is never reached: case 2 holds wherever it does",
    ),
    "a case behind all who are known": (
        "LS126", "fit[1].cases[1]", "has_word: [ceo, chief]", "known: true", "case 2 of 'Title' is never reached",
    ),
    "a case behind all its words": (
        "LS126", "fit[1].cases[1]", "title: [vp, svp]", "title: {has_word: chief}",
        "case 2 of 'Title' is never reached: 'Chief' holds",
    ),
    "tiers the wrong way round": (
        "LS126", "behaviour[2].cases[1]", "times: {at_least: 3}, within_days: 30", "within_days: 30",
        "case 2 of 'Tiers' is never reached: case 1 holds",
    ),
    "a longer window, fewer": (
        "LS126", "behaviour[2].cases[1]", "{within_days: 7", "{times: {between: [3, 9]}, within_days: 7", "",
    ),
    "forgotten": ("LS130", "restart", ", keep_on_restart: true", "", "1 deduction is forgotten at a restart: 'Left'"),
    "by waiting": (
        "LS131", "behaviour[1]", "{did: {event: demo, within_days: 14}}",
        "{not: {did: {event: demo, within_days: 14}}}",
        "'Both' (15 points) comes to a lead by doing nothing, as what it did leaves the 14 days",
    ),
    "by waiting, fewer": (
        "LS131", "behaviour[1]", "within_days: 14}}", "within_days: 14, times: {at_most: 3}}}", "by doing nothing",
    ),
    "by waiting, a case": (
        "LS131", "behaviour[2].cases[0]", "times: {at_least: 3}", "times: {is: 3}",
        "case 1 (75 points) comes to a lead by doing nothing",
    ),
    "idle per": ("LS132", "behaviour[3].per", "from: {8: 7}", "points: 1", "'per' of 'Pages' changes nothing"),
    "idle per of a sum": (
        "LS132", "behaviour[5].per", "sum: minutes", "sum: minutes, per: asset", "'per' of 'Minutes' changes nothing",
    ),
    "idle per of a group": (
        "LS132", "groups.g.per", "points: 1, at_most: 9}",
        "points: 1, group: g}\ngroups: {g: {per: program, at_most: 20}}", "'per' of the group 'g' changes nothing",
    ),
    "over": (
        "LS133", "fit[0].active_until", "points: strong}", "points: strong, active_until: 2026-03-17}",
        "3 days ago, on 2026-03-17, 'Home' ended",
    ),
    "no reason": (
        "LS134", "fit[1]", "points: strong}", "points: strong, why: They buy}",
        "'Title' has no 'why'; 1 of 9 rules has one",
    ),
    "no such grade": (
        "LS136", "qualify.grades[0]", "A: 30", "A: 41", "no lead can have the grade 'A1': fit is 0 to 40",
    ),
    "no such label": ("LS136", "labels.Hot", "A: 30", "A: 41", "no lead can have the label 'Hot'"),
    "a label taken": (
        "LS136", "labels.Warm", "Hot: [A1]", "Hot: [A1, B1, C1]", "the labels above it have all its cells",
    ),
    "no rest": ("LS136", "labels.Cold", "Hot: [A1]", "Hot: [A1, A2, B2, C2]", "the labels above it have all its cells"),
    "grade asks fit": (
        "LS111", "qualify", "name: n", "name: m",
        "a lead needs at least 10 fit to qualify: no grade that qualifies begins lower",
    ),
    "minimum asks more": (
        "LS111", "qualify", "minimum_behaviour: 50", "minimum_fit: 12",
        "needs at least 12 fit to qualify: that is the minimum fit",
    ),
    "threshold asks more": (
        "LS111", "qualify.threshold", "minimum_behaviour: 50", "threshold: 159, minimum_fit: 12",
        "a lead needs at least 30 fit to reach 159: behaviour gives at most 129",
    ),
    "no fit asked": (
        "LS110", "qualify", "[A1, B1]", "[C1]",
        "behaviour alone can qualify: a lead with 0 fit qualifies after 'Tiers'",
    ),
}  # fmt: skip


def found(text):
    return {(one.code, one.path): one.message for one in ls.Rulebook.from_yaml(text).check(today=TODAY)}


def test_there_is_little_to_say_of_the_rulebook_below():
    assert {code for code, _ in found(BASE)} == {"LS111"}


@pytest.mark.parametrize("case", FOUND)
def test_a_finding_and_its_twin(case):
    code, path, old, new, said = FOUND[case]
    assert BASE.count(old) == 1
    after = found(BASE.replace(old, new))
    assert (code, path) in after
    assert said in after[code, path]
    assert code == "LS111" or (code, path) not in found(BASE)


# What looks like one of them and is none: (code, a part of BASE, what stands there instead).
NOT_FOUND = {
    "a longer window may hold too many": (
        "LS126", "{times: {at_least: 3}, within_days: 30, points: 75}, {within",
        "{times: {between: [3, 9]}, within_days: 30, points: 75}, {times: {is: 3}, within",
    ),
    "a case of other words": ("LS126", "title: [vp, svp]", "title: {has_word: [chief, vp]}"),
    "another kind resets": ("LS120", "since_last: subscribe", "since_last: {event: unsubscribe, where: {a: x}}"),
    "a restart that others pass": ("LS120", "restart: {stage: rejected}", "restart: {event: video, where: {a: x}}"),
    "values told apart": ("LS132", "from: {8: 7}", "points: 1, each_at_most: 3"),
    "days told apart": ("LS132", "count: each, per: session, from: {8: 7}", "count: daily, per: session, points: 1"),
    "once for each": ("LS132", "count: each, per: session, from: {8: 7}", "count: once, per: session, points: 1"),
    "no window": ("LS131", "{did: {event: demo, within_days: 14}}", "{not: {did: {event: demo}}}"),
    "the last day": ("LS133", "points: strong}", "points: strong, active_until: 2026-03-20}"),
    "a day ago and ahead": ("LS120", "when: home", "when: {d: {days_ago: {at_most: 5}, days_ahead: 0}}"),
    "a condition used by another": (
        "LS135", "{home: {country: [US, CA]}}", "{at: {country: US}, home: {any: [at, {country: CA}]}}",
    ),
    "not that country": ("LS122", "column: boxes, points: {API: 5}", "when: {not: {title: [vp]}}, points: 5"),
}  # fmt: skip


@pytest.mark.parametrize("case", NOT_FOUND)
def test_what_looks_like_a_finding_and_is_none(case):
    code, old, new = NOT_FOUND[case]
    assert BASE.count(old) == 1
    assert code not in {one for one, _ in found(BASE.replace(old, new))}


def test_a_new_lead_that_has_a_deduction_at_once_is_said():
    quiet = "{not: {did: {event: [open, click], within_days: 30}}}"
    rule = "{{name: Quiet, when: {}, points: -10}}"
    text = "leadscore: 2\nname: n\nbehaviour: [{}]\nqualify: {{threshold: -10}}\n"
    at_once = found(text.format(rule.format(quiet)))["LS131", "behaviour[0]"]
    assert at_once.endswith("leaves the 30 days; a lead created today has it at once")
    later = f"{{all: [{{created_at: {{days_ago: {{at_least: 30}}}}}}, {quiet}]}}"
    assert "at once" not in found(text.format(rule.format(later)))["LS131", "behaviour[0]"]


@given(strategies2.documents())
def test_every_rulebook_can_be_checked_compared_and_described(document):
    rulebook = ls.Rulebook.from_dict(document)
    lines = rulebook.to_yaml().count("\n") + 1
    assert all(1 <= one.line <= lines and one.message for one in rulebook.check(today=TODAY))
    assert diff(rulebook, ls.Rulebook.from_dict(document)) == []
    plain = json.loads(json.dumps(document, default=str))
    validator = jsonschema.validators.validator_for(ls.Rulebook.model_json_schema())
    assert [error.message for error in validator(ls.Rulebook.model_json_schema()).iter_errors(plain)] == []


@given(strategies2.cases())
def test_no_lead_qualifies_by_score_with_less_fit_than_said(case):
    rulebook = ls.Rulebook.from_dict(case.document)
    least = {}
    for one in rulebook.check(today=TODAY):
        if one.code in {"LS110", "LS111"}:
            least[one.path] = float(one.message.split(" fit ")[0].split()[-1])
    own = "qualify" if rulebook.qualify.threshold is None else "qualify.threshold"
    bars = {one.name: f"qualify.segments[{place}].threshold" for place, one in enumerate(rulebook.qualify.segments)}
    for row in reference.score(case.document, case.leads, case.events, case.as_of, case.outcomes).values():
        if row["via"] == "score":
            assert row["fit"] / 1000 >= least[bars.get(row["segment"], own)]


@given(strategies2.cases())
def test_what_no_lead_can_have_no_lead_has(case):
    rulebook = ls.Rulebook.from_dict(case.document)
    said = [one.message.split("'")[1] for one in rulebook.check(today=TODAY) if one.code == "LS136"]
    silent = {one.path for one in rulebook.check(today=TODAY) if "can never fire" in one.message}
    for row in reference.score(case.document, case.leads, case.events, case.as_of, case.outcomes).values():
        assert row["grade"] not in said
        assert row["label"] not in said
        for section, place, rule in rulebook.rules():
            if f"{section}[{place}]" in silent and not {"from_", "other"} & rule.model_fields_set:
                assert row["points"][rule.name] == 0
