"""What rules can give: no lead ever has less or more, and a rule's own range is as narrow as its words allow."""

import math

import pytest
from hypothesis import given

import leadscore as ls
from leadscore.rulebook.bounds import rule_range, side_range
from tests.support import reference, strategies, strategies2

INF = math.inf


def assert_within(document, leads, events, as_of, outcomes=()):
    rulebook = ls.Rulebook.from_dict(document)
    sides = {side: side_range(rulebook, side) for side in ("fit", "behaviour")}
    for row in reference.score(document, leads, events, as_of, outcomes).values():
        for side, reach in sides.items():
            assert reach.least <= row[side] <= reach.most
        for _, _, rule in rulebook.rules():
            # What the scorer gives is what it is before limits.
            if not {"at_least", "at_most", "each_at_most"} & rule.model_fields_set:
                reach = rule_range(rulebook, rule)
                assert reach.least <= row["points"][rule.name] <= reach.most


@given(strategies2.cases())
def test_no_lead_has_less_or_more(case):
    assert_within(case.document, case.leads, case.events, case.as_of, case.outcomes)


@given(strategies.cases())
def test_no_lead_has_less_or_more_in_format_1(case):
    assert_within(case.document, case.leads, case.events, case.as_of)


def fit(rule, rest=""):
    return f"fit: [{{name: a, {rule}}}]\n{rest}"


def earned(rule, rest=""):
    return f"behaviour: [{{name: a, event: e, {rule}}}]\n{rest}"


OPTIONS = "columns: {c: {type: options}}\n"
MEETING = "points: 25, once_per: {}, within_days: {}"
PAGES = "points: 4, count: each, per: {}, each_at_most: 6"
GROUP = "groups: {g: {per: day, each_at_most: 20, at_most: 50}}\n"

# Case: (the rule, the least and the most it gives).
RANGES = {
    "options": (fit("column: c, points: {x: 10, y: 5, z: -4}, other: 1, missing: -2", OPTIONS), -4, 15),
    "options, all dear": (fit("column: c, points: {x: 10, y: 5}, other: 20, missing: 3", OPTIONS), 3, 20),
    "options, all deducted": (fit("column: c, points: {x: -3, y: -5}, missing: 2", OPTIONS), -8, 2),
    "one value": (fit("column: c, points: {x: 10, y: 5, z: -4}"), -4, 10),
    "boxes": (fit("column: c, from: {1: 2, 3: 6}", OPTIONS), 0, 6),
    "cases": (fit("cases: [{when: {c: x}, points: 15}, {when: {c: y}, points: -3}], other: 2"), -3, 15),
    "cases without other": (fit("cases: [{when: {c: x}, points: 15}, {when: {c: y}, points: 5}]"), 0, 15),
    "a case that never holds": (
        fit("cases: [{when: {n: {at_least: 5, at_most: 3}}, points: 99}, {when: {c: y}, points: 5}]"), 0, 5,
    ),
    "some days only": (fit("column: c, points: {x: 9}, other: 2, missing: 3, active_until: 2026-03-31"), 0, 9),
    "a weight": (fit("column: c, points: {x: 75}, missing: -10, weight_percent: 30"), -3, 22.5),
    "a floor for some": (earned("points: 3, count: once, when: {c: x}, at_least: 5, at_most: 9"), 0, 5),
    "a floor for all": (earned("points: 3, count: once, at_least: 2"), 2, 3),
    "a condition": ("behaviour: [{name: a, when: {c: x}, points: -10}]\n", -10, 0),
    "a condition and a floor": ("behaviour: [{name: a, when: {c: x}, points: -10, at_least: -4}]\n", -4, 0),
    "tiers": (
        earned("cases: [{times: {at_least: 3}, within_days: 7, points: 100}, {within_days: 9, points: 50}]"), 0, 100,
    ),
    "each": (earned("points: 5, count: each"), 0, INF),
    "a column": (earned("points: 5, once_per: asset"), 0, INF),
    "a column, capped": (earned("points: 5, once_per: asset, at_most: 12"), 0, 12),
    "a column and the day": (earned("points: -5, once_per: [asset, day], within_days: 9"), -INF, 0),
    "days": (earned(MEETING.format("day", 90)), 0, 90 * 25),
    "a day": (earned(MEETING.format("week", 1)), 0, 25),
    "two days may be of two weeks": (earned(MEETING.format("week", 2)), 0, 50),
    "eight days are of two weeks at most": (earned(MEETING.format("week", 8)), 0, 50),
    "nine days may be of three": (earned(MEETING.format("week", 9)), 0, 75),
    "weeks": (earned(MEETING.format("week", 90)), 0, 14 * 25),
    "weeks without end": (earned("points: 25, once_per: week"), 0, INF),
    "months": (earned(MEETING.format("month", 30)), 0, 75),
    "weeks that fade": (earned("points: 10, once_per: week, fade_days: 10"), 0, 10 + 9 + 2),
    "months that fade": (
        earned("points: 10, once_per: month, half_life_days: 28, within_days: 30"), 0, 10 + 9.755 + 4.878,
    ),
    "how many weeks": (earned("once_per: week, within_days: 8, from: {2: 5, 3: 15}"), 0, 5),
    "how many assets": (earned("once_per: asset, within_days: 8, from: {2: 5, 3: 15}"), 0, 15),
    "one at least": (earned("once_per: day, within_days: 8, from: {0: -2, 3: 15}"), -2, 15),
    "never nothing": (earned("once_per: day, within_days: 8, from: {0: 3, 2: 15}"), 3, 15),
    "sessions": (earned("count: each, per: session, from: {8: 7}"), 0, INF),
    "sessions, capped": (earned("count: each, per: session, from: {8: 7}, at_most: 20"), 0, 20),
    "each of some days": (earned(PAGES.format("day") + ", within_days: 7"), 0, 42),
    "each of some weeks": (earned(PAGES.format("week") + ", within_days: 9"), 0, 18),
    "each of all days": (earned(PAGES.format("day")), 0, INF),
    "each of some assets": (earned(PAGES.format("asset") + ", within_days: 7"), 0, INF),
    "once for each day": (earned("points: 4, count: once, per: day, within_days: 7, fade_days: 4"), 0, 4 + 3 + 2 + 1),
    "days of each day": (earned("count: daily, per: day, within_days: 7, from: {1: 2, 2: 50}"), 0, 14),
    "a week of each week": (earned("points: 5, once_per: week, per: week, within_days: 9"), 0, 15),
    "days of each week": (earned("count: daily, per: week, within_days: 8, from: {1: 2, 7: 5}"), 0, 10),
    "less than nothing for each": (earned("points: 4, count: once, per: day, each_at_most: -1, within_days: 3"), -3, 0),
    "a sum": (earned("sum: m, points: 0.25"), -INF, INF),
    "a sum of nothing": (earned("sum: m, points: 0"), 0, 0),
    "a sum within limits": (earned("sum: m, points: 1, at_least: -30, at_most: 30"), -30, 30),
    "how much": (earned("sum: m, from: {-5: -3, 10: 5}"), -3, 5),
    "how much for each": (earned("sum: m, per: day, within_days: 3, from: {10: 5}"), 0, 15),
    "a sum for each": (earned("sum: m, points: 1, per: day, within_days: 3, each_at_most: 4"), -INF, 12),
    "a group for each": (earned("points: 30, count: each, group: g, within_days: 2", GROUP), 0, 40),
    "a group for each, capped": (earned("points: 30, count: each, group: g, within_days: 9", GROUP), 0, 50),
    "a group for each, and each": (
        earned("points: 30, count: each, each_at_most: 7, group: g, within_days: 2", GROUP), 0, 14,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", RANGES)
def test_a_range_is_as_narrow_as_the_words_allow(case):
    text, least, most = RANGES[case]
    book = ls.Rulebook.from_yaml("leadscore: 2\nname: n\nqualify: {threshold: -1000000}\n" + text)
    reach = side_range(book, "fit" if text.startswith("fit") else "behaviour")
    assert (reach.least / 1000, reach.most / 1000) == pytest.approx((least, most), abs=1e-9)


def test_rules_of_a_group_share_what_each_value_may_give():
    rules = ", ".join(
        f"{{name: {name}, event: {name}, points: {points}, count: once, group: g}}"
        for name, points in {"a": 15, "b": 9, "c": -4}.items()
    )
    text = f"leadscore: 2\nname: n\nqualify: {{threshold: 0}}\nbehaviour: [{rules}]\n"
    book = ls.Rulebook.from_yaml(text + "groups: {g: {per: program, each_at_most: 20}}\n")
    assert (side_range(book, "behaviour").least, side_range(book, "behaviour").most) == (-INF, INF)
    windows = {f"behaviour[{index}].within_days": days for index, days in enumerate((3, 2, 1))}
    daily = side_range(book.edited({"groups.g.per": "day"} | windows), "behaviour")
    # Both on the first two days, where 24 is cut to 20; and on the third one of them.
    assert (daily.least, daily.most) == (-4_000, 55_000)


@pytest.mark.parametrize("side", ["fit", "behaviour"])
def test_a_bar_that_is_just_out_of_reach_is_refused(side):
    rule = "{name: a, cases: [{when: {c: x}, points: 15}, {when: {c: y}, points: 5}], weight_percent: 50}"
    text = f"leadscore: 2\nname: n\n{side}: [{rule}]\nqualify: {{minimum_{side}: 7.5}}\n"
    ls.Rulebook.from_yaml(text)
    with pytest.raises(
        ls.RulebookError, match=rf"qualify\.minimum_{side}: no lead can reach 7\.501: within their limits"
    ):
        ls.Rulebook.from_yaml(text.replace("7.5", "7.501"))
