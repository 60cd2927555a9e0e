"""What format 2 refuses: each wrong rulebook is told its place and a way out, and a small change makes it right."""

import re

import pytest

import leadscore as ls
from tests.support.bad_input import assert_located


def book(fit="", behaviour="", rest="", qualify="threshold: 0"):
    """The text of a rulebook; what is asked about stands on line 4 (`qualify` on line 3)."""
    text = f"leadscore: 2\nname: n\nqualify: {{{qualify}}}\n"
    text += f"fit: [{fit}]\n" if fit else ""
    text += f"behaviour: [{behaviour}]\n" if behaviour else ""
    return text + rest


def fit_when(condition, rest=""):
    return book(f"{{name: a, when: {condition}, points: 1}}", rest=rest)


def when(condition, rest=""):
    return book(behaviour=f"{{name: a, when: {condition}, points: 1}}", rest=rest)


def rule(keys, rest="", qualify="threshold: 0"):
    return book(behaviour=f"{{name: a, event: e, {keys}}}", rest=rest, qualify=qualify)


def first_format(text):
    return text.replace("leadscore: 2", "leadscore: 1")


def account(entry):
    return book(rest=f"account: {{id: account_id, rules: [{{name: r, {entry}}}]}}\n")


NUMBER = "columns: {c: {type: number}}\n"
OPTIONS = "columns: {c: {type: options}}\n"
LIST = "lists: {customers: [a, b]}\n"
STRONG = "constants: {strong: 3, half: 0.5}\n"
PER = "groups: {g: {per: asset, each_at_most: 3}}\n"
CELLS = (
    "fit: [{name: f, when: {c: x}, points: 60}]\nbehaviour: [{name: b, event: e, points: 60, count: once}]\n"
    "grades: {fit: {A: 50, B: rest}, behaviour: {1: 10, 2: rest}}\n"
)

# Case: (text, where and what is said, the part that is wrong, what is right in its place).
WRONG = {
    # words of format 2 in a file of format 1
    "no such format": (book().replace("2", "3"), "leadscore: must be 1 or 2; got 3", ": 3", ": 2"),
    "a word too early": (
        first_format(rule("points: 1, once_per: asset")),
        "behaviour[0].once_per: 'once_per' is a word of format 2; begin the file with 'leadscore: 2'", "leadscore: 1",
        "leadscore: 2",
    ),
    "a test too early": (first_format(fit_when("{d: {days_ago: 3}}")), "'days_ago' is a word of", "re: 1", "re: 2"),
    "did too early": (first_format(when("{did: {event: e}}")), "'did' is a word of format 2", "re: 1", "re: 2"),
    "no event too early": (first_format(when("{c: x}")), "'when' is a word of format 2", "re: 1", "re: 2"),
    "cases too early": (
        first_format(rule("cases: [{times: {is: 1}, points: 2}]")), "'cases' is a word of format 2", "re: 1", "re: 2",
    ),
    "a stage too early": (
        first_format(book(qualify="threshold: 0, never: [{name: x, stage: won}]")), "'stage' is a word", "re: 1",
        "re: 2",
    ),
    "options too early": (first_format(book(rest=OPTIONS)), "'options' is a word of format 2", "re: 1", "re: 2"),
    "rest too early": (
        first_format(book(rest="grades: {fit: {A: 5, B: rest}}\n")), "'rest' is a word of format 2", "re: 1", "re: 2",
    ),
    "several hand-raises too early": (
        first_format(book(qualify="threshold: 0, hand_raise: [{event: e}]")), "a list of them is for", "re: 1", "re: 2",
    ),
    "a constant too early": (
        first_format(rule("points: strong", STRONG)), "must be a number; got 'strong'; names of", "re: 1", "re: 2",
    ),
    "no threshold too early": (
        first_format(book(qualify="minimum_fit: 0")), "qualify: 'threshold' is missing", "re: 1", "re: 2",
    ),
    # how long ago
    "before today": (
        fit_when("{d: {days_ago: {at_least: -3}}}"), "for the other side of it write 'days_ahead'", "-3", "3",
    ),
    "after today": (fit_when("{d: {days_ahead: -3}}"), "days count from 0, today; for the other side", "-3", "3"),
    "days in words": (fit_when("{d: {days_ago: soon}}"), "days_ago: must be a number; got 'soon'", "soon", "3"),
    "a word as days": (fit_when("{d: {days_ago: {has_word: x}}}"), "unknown key 'has_word'", "has_word: x", "is: 4"),
    "days of a number": (fit_when("{c: {days_ago: 3}}", NUMBER), "'days_ago' cannot test a number", "number", "date"),
    "days of an event": (
        rule("points: 1, where: {held: {days_ago: 3}}"), "an event's age is what 'within_days'", "days_ago: 3", "is: 3",
    ),
    "days of an event of a did": (
        when("{did: {event: e, where: {held: {days_ago: 3}}}}"), "'where' cannot test 'days_ago'", "days_ago: 3",
        "is: 3",
    ),
    "days of a persona": (
        book(rest="personas: [{name: p, when: {d: {days_ago: 3}}}]\n"), "is the same on every day", "days_ago: 3",
        "is: 3",
    ),
    # options
    "words of options": (
        fit_when("{c: {contains: x}}", OPTIONS), "cannot test an options column; use has_option", "contains",
        "has_option",
    ),
    "a value of options": (
        fit_when("{c: x}", OPTIONS), "'is' cannot test an options column", "c: x", "c: {has_option: x}",
    ),
    "options of text": (
        fit_when("{c: {has_option: x}}", NUMBER), "'has_option' cannot test a number column", "number", "options",
    ),
    "a separator of text": (
        book(rest="columns: {c: {type: text, separator: ','}}\n"), "'separator' goes with the type 'options'", "text",
        "options",
    ),
    # lists, conditions, constants
    "a list misspelt": (
        fit_when("{c: {in_list: custmers}}", LIST),
        "there is no list 'custmers' under 'lists'; did you mean 'customers'?", "custm", "custom",
    ),
    "values as a list": (
        fit_when("{c: {in_list: [a]}}", LIST), "must be the name of a list under 'lists'", "[a]", "customers",
    ),
    "a list of numbers": (
        fit_when("{c: {in_list: customers}}", NUMBER + LIST), "'in_list' cannot test a number", "number", "text",
    ),
    "a list that is text": (book(rest="lists: {l: a}\n"), "lists.l: must be a list; got 'a'", "l: a", "l: [a]"),
    "a list of lists": (book(rest="lists: {l: [[a]]}\n"), "lists.l[0]: must be text, a number", "[[a]]", "[a]"),
    "a list without a file": (book(rest="lists: {l: {why: a}}\n"), "lists.l: 'file' is missing", "{why: a}", "[a]"),
    "a condition misspelt": (
        fit_when("big taget", "conditions: {big target: {c: x}}\n"), "did you mean 'big target'?", "taget, ",
        "target, ",
    ),
    "a condition that is a number": (fit_when("5"), "when: must map keys to values; got 5", "5", "{c: 5}"),
    "a condition further down": (
        book(rest="conditions: {x: {not: y}, y: {c: 1}}\n"), "conditions.x.not: 'y' stands further down", "{not: y}",
        "{c: 2}",
    ),
    "a condition of itself": (book(rest="conditions: {x: {not: x}}\n"), "'x' uses itself", "not: x", "not: {c: 1}"),
    "a circle of conditions": (
        book(rest="conditions: {x: {not: y}, y: {not: x}}\n"), "'y' uses itself", "{x: {not: y}", "{x: {c: 1}",
    ),
    "a condition wrong where it stands": (
        fit_when("x", "conditions: {x: {c: {contains: 5}}}\n"), "line 5, conditions.x.c.contains: must be text", "5",
        "e",
    ),
    "a constant misspelt": (
        rule("points: stong", STRONG), "there is no 'stong'; did you mean 'strong'?", "stong", "strong",
    ),
    "a constant with a sign": (rule("points: -strong", STRONG), "there is no '-strong'", "-strong", "strong"),
    "a constant of text": (book(rest="constants: {a: '3'}\n"), "constants.a: must be a number; got '3'", "'3'", "3"),
    "half a day": (
        rule("points: 1, within_days: half", STRONG), "must be a whole number, 1 or more; got 0.5", "days: half",
        "days: 1",
    ),
    "a constant in a test": (fit_when("{c: {at_least: strong}}", STRONG), "got 'strong'", "strong}}", "3}}"),
    "a constant as a key": (
        rule("from: {strong: 3}", STRONG), "must be a number; got 'strong'", "{strong: 3}", "{3: strong}",
    ),
    # did
    "did in fit": (fit_when("{did: {event: e}}"), "'did' goes with behaviour rules", "did: {event: e}", "c: e"),
    "did by name in fit": (
        fit_when("x", "conditions: {x: {did: {event: e}}}\n"), "fit[0].when: a fit rule is about what a lead is",
        "did: {event: e}", "c: e",
    ),
    "did in where": (rule("points: 1, where: {did: {event: e}}"), "'where' tests one event", "did: {event: e}", "c: e"),
    "did by name in where": (
        rule("points: 1, where: x", "conditions: {x: {did: {event: e}}}\n"), "'where' tests one event",
        "did: {event: e}", "c: e",
    ),
    "did of a persona": (
        book(rest="personas: [{name: p, when: {did: {event: e}}}]\n"), "a persona is about what a lead is",
        "did: {event: e}", "c: e",
    ),
    "a column called did": (when("{did: x}"), "got 'x' (a column 'did' needs another name)", "did: x", "did_it: x"),
    "did nothing": (when("{did: {within_days: 3}}"), "has neither 'event' nor 'stage'", "{within", "{event: e, within"),
    "did two kinds": (when("{did: {event: e, stage: won}}"), "give 'event' or 'stage', not both", "event: e, ", ""),
    "did misspelt": (when("{did: {event: e, witin_days: 3}}"), "did you mean 'within_days'?", "witin", "within"),
    "bare times": (
        when("{did: {event: e, times: 3}}"), "3 may mean {at_least: 3} or {is: 3}; write which", "times: 3",
        "times: {is: 3}",
    ),
    "no such number": (
        when("{did: {event: e, times: {less_than: 0}}}"), "no number of events meets this", "less_than: 0",
        "at_most: 0",
    ),
    "no whole number": (
        when("{did: {event: e, times: {is: 2.5}}}"), "no number of events meets this", "is: 2.5", "is: 2",
    ),
    "no such sum": (
        when("{did: {event: e, sum: {m: {at_least: 5, less_than: 5}}}}"), "sum.m: no sum meets this", "less_than: 5",
        "at_most: 5",
    ),
    "a sum of times": (
        when("{did: {event: e, sum: {m: {at_least: 5}}, times: {is: 1}}}"), "'sum' does not go with 'times'",
        ", times: {is: 1}", "",
    ),
    "two sums": (
        when("{did: {event: e, sum: {m: {at_least: 5}, k: {at_least: 5}}}}"), "tests one column", ", k: {at_least: 5}",
        "",
    ),
    "a test of a sum misspelt": (
        when("{did: {event: e, sum: {m: {at_lest: 5}}}}"), "did you mean 'at_least'?", "at_lest", "at_least",
    ),
    "columns of a stage": (when("{did: {stage: won, once_per: asset}}"), "give day, week or month", "asset", "week"),
    "where of a stage": (when("{did: {stage: won, where: {a: x}}}"), "of a stage only the day", ", where: {a: x}", ""),
    # cases
    "a case without a cause": (
        book("{name: a, cases: [{points: 5}]}"), "cases[0]: a case needs 'when'", "points", "when: {c: x}, points",
    ),
    "a case without points": (
        book("{name: a, cases: [{when: {c: x}}]}"), "cases[0]: 'points' is missing", "x}}", "x}, points: 2}",
    ),
    "no case": (book("{name: a, cases: []}"), "cases: is empty", "[]", "[{when: {c: x}, points: 2}]"),
    "a count in fit": (
        book("{name: a, cases: [{times: {is: 1}, points: 5}]}"), "'times' counts events", "times: {is: 1}",
        "when: {c: 1}",
    ),
    "a bare count": (
        rule("cases: [{times: 3, points: 5}]"), "may mean {at_least: 3}", "times: 3", "times: {at_least: 3}",
    ),
    "a case misspelt": (rule("cases: [{tims: {is: 3}, points: 5}]"), "did you mean 'times'?", "tims", "times"),
    "cases beside points": (
        rule("points: 1, cases: [{within_days: 3, points: 5}]"), "'points' does not go with 'cases'", "points: 1, ", "",
    ),
    "cases beside a window": (
        rule("within_days: 9, cases: [{within_days: 3, points: 5}]"),
        "behaviour[0].within_days: 'within_days' does not go with 'cases'", "within_days: 9, ", "",
    ),
    "cases beside a column": (
        book("{name: a, column: c, cases: [{when: {c: x}, points: 5}]}"), "'column' does not go with 'cases'",
        "column: c, ", "",
    ),
    "other beside points": (rule("points: 1, other: 2"), "'other' goes with 'cases'", ", other: 2", ""),
    # rules without events
    "a window of nothing": (
        when("{c: x}").replace("points: 1", "points: 1, within_days: 3"), "does not go with a rule without 'event'",
        ", within_days: 3", "",
    ),
    "a count of nothing": (
        when("{c: x}").replace("points: 1", "from: {1: 1}"), "a rule without 'event' gives 'points'", "from: {1: 1}",
        "points: 1",
    ),
    "a stage that pays": (
        book(behaviour="{name: a, stage: won, points: 1}"), "a rule cannot pay for a stage", "stage: won", "event: won",
    ),
    # once_per and per
    "count twice": (
        rule("points: 1, count: once, once_per: asset"), "give 'count' or 'once_per', not both", "count: once, ", "",
    ),
    "once per time": (rule("points: 1, once_per: at"), "the day of an event is called 'day'", "at}", "day}"),
    "for each lead": (
        rule("points: 1, each_at_most: 3, per: lead_id"), "all events are of one lead", "lead_id", "session",
    ),
    "a limit for each of nothing": (
        rule("points: 1, each_at_most: 3"), "the limit of each value of 'per'", "each_at", "at",
    ),
    "a group's limit for each of nothing": (
        rule("points: 1, group: g", "groups: {g: {each_at_most: 3}}\n"), "groups.g.each_at_most: is the limit",
        "each_at", "at",
    ),
    "none of them": (rule("from: {0: 1, 2: 3}, per: asset"), "values without events give nothing", "0: 1, ", ""),
    "a limit of its own": (
        rule("points: 1, at_most: 3, group: g", PER), "'at_most' stands there, not in its rules", "at_most: 3, group",
        "group",
    ),
    "cases for each": (
        rule("cases: [{within_days: 3, points: 1}], group: g", PER), "its rules have 'event' and no 'cases'",
        ", group: g", "",
    ),
    "fit for each": (
        book("{name: a, when: {c: x}, points: 1, group: g}", rest=PER), "groups.g.per: 'per' is about events",
        "per: asset, each_at_most: 3", "at_most: 3",
    ),
    # sums
    "a sum that decays": (
        rule("sum: m, points: 1, fade_days: 3"), "'fade_days' does not go with 'sum'", "fade", "within",
    ),
    "a sum once": (rule("sum: m, points: 1, once_per: asset"), "'once_per' does not go with 'sum'", "once_per", "per"),
    "a sum that gives nothing": (rule("sum: m"), "it needs one", "sum: m", "sum: m, points: 1"),
    "too many for each": (rule("sum: m, points: 1001"), "points of a sum lie within 1,000", "1001", "1000"),
    "a sum of words": (
        rule("sum: m, points: 1, where: {m: {has_word: x}}"), "'sum' cannot test a text column", "where: {m",
        "where: {n",
    ),
    # after, since_last, restart
    "after nothing": (
        rule("points: 1, after: {within_days: 3}"), "behaviour[0].after: has neither 'event' nor 'stage'", "{within",
        "{event: x, within",
    ),
    "after misspelt": (
        rule("points: 1, after: {event: x, within_day: 3}"), "did you mean 'within_days'?", "within_day:",
        "within_days:",
    ),
    "three steps": (rule("points: 1, after: {event: x, after: y}"), "unknown key 'after'", ", after: y", ""),
    "since a window": (
        rule("points: 1, since_last: {event: x, within_days: 3}"), "unknown key 'within_days'", ", within_days: 3", "",
    ),
    "restart for no cause": (
        book(rest="restart: {where: {a: x}}\n"), "restart: has neither 'event' nor 'stage'", "{where",
        "{event: x, where",
    ),
    "restart by a bare name": (
        book(rest="restart: rejected\n"), "may mean {stage: rejected} or {event: rejected}", "rejected",
        "{stage: rejected}",
    ),
    "fit that keeps": (
        book("{name: a, when: {c: x}, points: 1, keep_on_restart: true}"), "unknown key 'keep_on_restart'",
        ", keep_on_restart: true", "",
    ),
    # days
    "over before it begins": (
        rule("points: 1, active_from: 2026-03-02, active_until: 2026-03-01"), "lies before 'active_from'", "03-01",
        "03-03",
    ),
    "the day by a number": (
        rule("points: 1, where: {at: {at_least: 5}}"), "a date column cannot be tested for 5", "5}", "2026-03-05}",
    ),
    "the day itself": (
        rule("points: 1, where: {at: 2026-03-01}"), "'at' is the day of the event: test it with at_least",
        "at: 2026-03-01", "at: {at_least: 2026-03-01}",
    ),
    # weights
    "a weight too fine": (
        rule("points: 0.001, weight_percent: 50"), "0.001 times a weight of 50 % is 0.0005: points have at most three",
        "0.001", "0.002",
    ),
    "weights of weights": (
        rule("points: 75, weight_percent: 35, group: g", "groups: {g: {weight_percent: 35}}\n"),
        "75 times a weight of 12.25 % is 9.1875", "75,", "80,",
    ),
    "more than whole": (rule("points: 1, weight_percent: 101"), "must lie between 0 and 100 percent", "101", "100"),
    # grades, labels, who qualifies
    "rest in the middle": (
        book(rest="grades: {fit: {A: rest, B: 5}}\n"), "'rest' is for the last grade alone", "A: rest, B: 5",
        "A: 5, B: rest",
    ),
    "rest alone": (book(rest="grades: {fit: {A: rest}}\n"), "write one above it", "A: rest", "A: 5, B: rest"),
    "names without an end": (book(rest="grades: {fit: {A+: 50, A: 40}}\n"), "as 'F: rest'", "40", "rest"),
    "two cells alike": (
        book(rest="grades: {fit: {A: 50, A1: 40, B: rest}, behaviour: {1: 5, 11: 3, 2: rest}}\n"),
        "'A11' would be two cells", "A1:", "C:",
    ),
    "a label of no cell": (
        book(rest=CELLS + "labels: {Hot: [A3]}\n"), "line 7, labels.Hot: there is no grade 'A3'", "A3", "A2",
    ),
    "labels without grades": (
        book(rest="labels: {Hot: rest}\n"), "there are no 'grades' to label", "labels: {Hot: rest}", "version: '2'",
    ),
    "the rest first": (
        book(rest=CELLS + "labels: {Cold: rest, Hot: [A1]}\n"), "'rest' is for the last label alone",
        "Cold: rest, Hot: [A1]", "Hot: [A1], Cold: rest",
    ),
    "a grade of no cell": (
        book(qualify="grades: [A1, A3]", rest=CELLS), "qualify.grades: there is no grade 'A3'", "A3", "B1",
    ),
    "the rest qualifies": (
        book(qualify="grades: rest", rest=CELLS), "qualify.grades: 'rest' is for the last label", "grades: rest",
        "grades: [A1]",
    ),
    "everybody qualifies": (
        book(qualify="never: [{name: a, event: e}]"), "needs at least one of 'threshold'", "never",
        "threshold: 0, never",
    ),
    "segments of no bar": (
        book(qualify="minimum_fit: 0, segments: [{name: a, when: {c: x}, threshold: 0}]"), "in place of 'threshold'",
        "{minimum_fit", "{threshold",
    ),
    "a hand-raise without an event": (
        book(qualify="threshold: 0, hand_raise: [{name: x, when: {c: x}}]"), "'event' is missing", "when: {c: x}",
        "event: x",
    ),
    "two hand-raises of a name": (
        book(qualify="threshold: 0, hand_raise: [{name: x, event: a}, {name: x, event: b}]"),
        "the name 'x' is taken by", "name: x, event: b", "name: y, event: b",
    ),
    "never for two causes": (
        book(qualify="threshold: 0, never: [{name: x, when: {c: x}, stage: won}]"), "give 'when' or 'stage', not both",
        "when: {c: x}, ", "",
    ),
    # accounts
    "no account": (
        book(rest="account: {rules: [{name: r, best: fit}]}\n"), "account: 'id' is missing", "{rules", "{id: a, rules",
    ),
    "an account's rule of nothing": (
        account("at_most: 3"), "needs one of 'people', 'best' and 'sum'", "at_most: 3", "best: fit, at_most: 3",
    ),
    "the best of what": (account("best: score"), "best: must be 'fit', 'behaviour' or 'total'", ": score", ": total"),
    "points for the best": (account("best: total, points: 3"), "'points' goes with 'people'", ", points: 3", ""),
    "people for nothing": (account("people: {c: x}"), "'people' needs 'points' or 'from'", "x}", "x}, points: 1"),
    "values for points": (
        account("people: {c: x}, once_per: role, points: 2"), "'once_per' counts values for 'from'", "points: 2",
        "from: {2: 2}",
    ),
    "a score in words": (
        account("people: {behaviour: {has_word: x}}, points: 1"), "people.behaviour: 'has_word' cannot test a number",
        "has_word: x", "at_least: 3",
    ),
    "qualified in numbers": (
        account("people: {qualified: 1}, points: 1"), "cannot be tested for 1; give a boolean: it is a score", "d: 1",
        "d: true",
    ),
    "two rules of a name": (
        book(rest="account: {id: a, rules: [{name: r, best: fit}, {name: r, best: total}]}\n"),
        "the name 'r' is taken", "name: r, best: total", "name: s, best: total",
    ),
    # files
    "a file of no folder": (
        book(rest="lists: {l: {file: x.txt}}\n"), "lists.l.file: 'x.txt' lies beside the rulebook", "{file: x.txt}",
        "[x]",
    ),
    "an include of no folder": (
        book(rest="include: a.yaml\n"), "include: 'a.yaml' lies beside the rulebook", "include: a.yaml", "version: a",
    ),
    "no include": (book(rest="include: []\n"), "include: is empty", "include: []", "version: a"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_refused_and_what_is_right_is_not(case):
    text, said, wrong, right = WRONG[case]
    with pytest.raises(ls.RulebookError, match=re.escape(said)) as caught:
        ls.Rulebook.from_yaml(text)
    assert_located(caught.value, r"line \d+(, \S.*)?")
    assert all(problem.excerpt.count("^") for problem in caught.value.problems)
    assert text.count(wrong) == 1
    ls.Rulebook.from_yaml(text.replace(wrong, right))


def test_all_that_is_wrong_comes_at_once_in_the_order_of_the_lines():
    text = "leadscore: 2\nname: n\nconstants: {a: x}\nconditions: {c: {t: {contains: 5}}}\nlists: {l: a}\n"
    text += "fit: [{name: f, when: d, points: b}]\nbehaviour: [{name: g, event: e, within_day: 3, points: 1}]\n"
    with pytest.raises(ls.RulebookError) as caught:
        ls.Rulebook.from_yaml(text + "qualify: {treshold: 5}\nlabels: {Hot: []}\n")
    lines = [int(problem.where.split(",")[0].removeprefix("line ")) for problem in caught.value.problems]
    assert lines == sorted(lines)
    assert {*range(3, 10)} == set(lines)
    assert len(lines) == 8
