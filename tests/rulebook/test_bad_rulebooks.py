"""Rulebooks that are wrong, by hand: each is refused with its place, what was found and what would be right."""

import decimal
import gzip
import math
import re
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import leadscore as ls
from tests.support.bad_input import assert_located, assert_works, book, loads_or_is_refused, scored


def when(test):
    return book(f"{{name: a, when: {test}, points: 1}}")


def event_rule(keys):
    return book(behaviour=f"{{name: a, event: e, {keys}}}")


NUMBER = "columns: {n: {type: number}}\n"


DECLARED = (
    "columns: {t: {type: text}, n: {type: number}, b: {type: boolean}, d: {type: date}, industry: {type: text}}\n"
)


def declared(test):
    return book(f"{{name: a, when: {test}, points: 1}}", rest=DECLARED)


BAD_RULEBOOKS = {
    # the whole file
    "empty": ("", "line 1: a rulebook is a mapping that begins with 'leadscore: 1'; found nothing"),
    "only a comment": ("# nothing\n", "found nothing"),
    "a list": ("- a\n", "found a list"),
    "a word": ("word\n", "found a single value"),
    "html": ("<!DOCTYPE html>\n<html></html>\n", "found a single value"),
    "two documents": (book() + "---\n" + book(), "line 4: not valid YAML"),
    "json cut off": ('{"leadscore": 1, "name"', "not valid YAML"),
    "no name": ("leadscore: 1\nqualify: {threshold: 0}\n", "line 1: 'name' is missing"),
    "no qualify": ("leadscore: 1\nname: n\n", "line 1: 'qualify' is missing"),
    "no threshold": ("leadscore: 1\nname: n\nqualify: {minimum_fit: 0}\n", "line 3, qualify: 'threshold' is missing"),
    "no format": ("name: n\nqualify: {threshold: 0}\n", "'leadscore' is missing"),
    "another format": ("leadscore: 3\nname: n\nqualify: {threshold: 0}\n", "line 1, leadscore: must be 1 or 2; got 3"),
    "format as text": ("leadscore: '1'\nname: n\nqualify: {threshold: 0}\n", "leadscore: must be 1 or 2; got '1'"),
    # text that is no YAML
    "a comment in place of a key": (": #\n n\n\n" + book(), "not valid YAML"),
    "tab": ("leadscore: 1\nname: n\nqualify:\n\tthreshold: 0\n", "not valid YAML"),
    "control character": ("leadscore: 1\nname: a\x07b\nqualify: {threshold: 0}\n", "not valid YAML"),
    "null character": ("leadscore: 1\nname: a\x00b\nqualify: {threshold: 0}\n", "not valid YAML"),
    "lone surrogate": ("leadscore: 1\nname: \ud800\nqualify: {threshold: 0}\n", "not valid YAML"),
    "escaped surrogate": ('leadscore: 1\nname: "a\\ud800b"\nqualify: {threshold: 0}\n', "line 2, name: must be text"),
    "bad escape": ('leadscore: 1\nname: "a\\qb"\nqualify: {threshold: 0}\n', "line 2: not valid YAML"),
    "past unicode": ('leadscore: 1\nname: "\\UFFFFFFFF"\nqualify: {threshold: 0}\n', "not valid YAML"),
    "open bracket": (book(rest="fit: [\n"), "not valid YAML"),
    "open quote": (book(rest="version: 'x\n"), "not valid YAML"),
    "unindented": ("leadscore: 1\nname: n\nqualify:\nthreshold: 0\n", "qualify: has no value"),
    "too far in": ("leadscore: 1\nname: n\n  x: 1\nqualify: {threshold: 0}\n", "line 3: not valid YAML"),
    # what YAML can and a rulebook may not
    "python object": (
        "leadscore: 1\nname: !!python/object/apply:os.system ls\nqualify: {threshold: 0}\n",
        "line 2, name: the tag !!python/object/apply:os.system is refused",
    ),
    "python object, quoted": (
        'leadscore: 1\nname: !!python/object/apply:os.system "ls"\nqualify: {threshold: 0}\n',
        "line 2, name: the tag !!python/object/apply:os.system is refused",
    ),
    "python list": (book(rest='fit: !!python/object/apply:os.system ["ls"]\n'), "line 4, fit: the tag !!python/"),
    "python mapping": (book(rest="x: !!python/object:os.x {a: 1}\n"), "the tag !!python/object:os.x is refused"),
    "own tag": ("leadscore: 1\nname: !foo n\nqualify: {threshold: 0}\n", "line 2, name: the tag !foo is refused"),
    "set": (book(rest="x: !!set {a, b}\n"), "the tag !!set is refused"),
    "omap": (book(rest="x: !!omap [a: 1]\n"), "the tag !!omap is refused"),
    "binary": (when("{c: !!binary aGk=}"), "the tag !!binary is refused"),
    "int tag on text": ("leadscore: 1\nname: n\nqualify: {threshold: !!int '5'}\n", "the tag !!int is refused"),
    "bool tag on yes": (when("{c: !!bool yes}"), "fit[0].when.c: the tag !!bool is refused"),
    "float tag on x": ("leadscore: 1\nname: n\nqualify: {threshold: !!float x}\n", "x is not a number that a computer"),
    "directive": ("%YAML 1.1\n---\n" + book(), "line 1: lines that begin with % are refused"),
    "directive later": ("# c\n\n%TAG ! tag:x,2000:\n---\n" + book(), "line 3: lines that begin with % are refused"),
    "merge key": (book(rest="x: {<<: {a: 1}}\n"), "line 4, x: the merge key << is refused"),
    "merge at the top": (book(rest="<<: {version: x}\n"), "the merge key << is refused"),
    "alias": ("leadscore: 1\nname: &n x\nversion: *n\nqualify: {threshold: 0}\n", "version: the alias *n repeats"),
    "alias as a key": (
        "leadscore: 1\nname: &n x\nqualify: {threshold: 0}\nfit: [{name: a, column: c, points: {*n : 1}}]\n",
        "line 4, fit[0].points: the alias *n repeats",
    ),
    "alias of itself": (book(rest="x: &a [*a]\n"), "line 4, x[0]: the alias *a repeats"),
    "alias of nothing": (book(rest="x: *a\n"), "line 4: not valid YAML: found undefined alias"),
    "list as a key": (book(rest="? [a, b]\n: 1\n"), "a key is a single word, text or number"),
    "key twice": (book(rest="name: m\n"), "the key 'name' is written twice, on lines 2 and 4"),
    "rule key twice": (book("{name: a, column: c, points: {x: 1}, name: b}"), "fit[0]: the key 'name' is written"),
    "1 and true": (book("{name: a, column: c, points: {1: 1, true: 2}}"), "is written twice"),
    "no value": ("leadscore: 1\nname:\nqualify: {threshold: 0}\n", "name: has no value"),
    "null": (when("{c: null}"), "line 4, fit[0].when.c: has no value"),
    "tilde": (when("{c: {is: ~}}"), "fit[0].when.c.is: has no value"),
    "leading zero": (when("{c: 012}"), "012 would lose its leading zero"),
    "5000 digits": (when(f"{{c: {'1' * 5000}}}"), "is not a number that a computer can hold"),
    "400 digits": (when(f"{{c: {'1' * 400}}}"), "fit[0].when.c: must be a number that a computer can hold"),
    "400 digits as a key": (
        book(f"{{name: a, column: c, points: {{{'1' * 100}: 1, {'2' * 400}: 1}}}}"),
        "fit[0].points: must be a number that a computer can hold",
    ),
    # unknown keys and typos
    "typo at the top": (
        book(rest="behavior: []\n"),
        "line 4, behavior: unknown key 'behavior'; did you mean 'behaviour'",
    ),
    "typo in a rule": (event_rule("pionts: 1"), "unknown key 'pionts'; did you mean 'points'?"),
    "typo in qualify": (book(qualify="threshold: 0, minimun_fit: 1"), "line 3, qualify.minimun_fit: unknown key"),
    "typo in a test": (when("{c: {start_with: x}}"), "unknown key 'start_with'; did you mean 'starts_with'?"),
    "typo in totals": (book(rest="totals: {fit: {atmost: 3}}\n"), "unknown key 'atmost'; did you mean 'at_most'?"),
    "typo in a column": (declared("{industy: x}"), "unknown column 'industy'; did you mean 'industry'?"),
    "typo in a column's type": (book(rest="columns: {c: {type: nubmer}}\n"), "did you mean 'number'?"),
    "typo in a group": (
        book("{name: a, group: titles, when: {c: x}, points: 1}", rest="groups: {title: {at_most: 3}}\n"),
        "no rule has the group 'title'; did you mean 'titles'?",
    ),
    "typo in count": (event_rule("points: 1, count: dayly"), "behaviour[0].count: must be 'each', 'daily' or 'once'"),
    "typo in a time zone": (book(rest="timezone: Europe/Berln\n"), "unknown time zone 'Europe/Berln'; did you mean"),
    "time zone that climbs": (book(rest="timezone: ../../etc/passwd\n"), "unknown time zone '../../etc/passwd'"),
    "number as a key": (book(rest="5: 1\n"), "line 4, [5]: "),
    "number as a column": (when("{5: 1}"), "line 4, fit[0].when[5]: column names are text"),
    "true as a rule's key": (book("{name: a, true: 1, column: c, points: {x: 1}}"), "line 4, fit[0][1]: "),
    # wrong types
    "name is a number": ("leadscore: 1\nname: 5\nqualify: {threshold: 0}\n", "line 2, name: must be text; got 5"),
    "name is a list": ("leadscore: 1\nname: [a]\nqualify: {threshold: 0}\n", "line 2, name: must be text"),
    "name is blank": (
        "leadscore: 1\nname: ' '\nqualify: {threshold: 0}\n",
        "name: must be text on one line, not empty",
    ),
    "name on two lines": ('leadscore: 1\nname: "a\\nb"\nqualify: {threshold: 0}\n', "must be text on one line"),
    "version is a number": (book(rest="version: 1.10\n"), 'version: must be text; write it in quotes: "1.1"'),
    "fit is a mapping": (book(rest="fit: {name: a}\n"), "line 4, fit: must be a list"),
    "rule is a word": (book("a"), "line 4, fit[0]: must map keys to values"),
    "qualify is a number": ("leadscore: 1\nname: n\nqualify: 50\n", "line 3, qualify: must map keys to values"),
    "columns is a list": (book(rest="columns: [a]\n"), "line 4, columns: must map keys to values"),
    "column is a word": (book(rest="columns: {a: text}\n"), "line 4, columns.a: must map keys to values"),
    "when is a word": (when("x"), "fit[0].when: must map keys to values"),
    "when is empty": (when("{}"), "fit[0].when: is empty"),
    "any is empty": (when("{any: []}"), "fit[0].when.any: is empty"),
    "any is a mapping": (when("{any: {c: x}}"), "fit[0].when.any: must be a list"),
    "not is a list": (when("{not: [{c: x}]}"), "fit[0].when.not: must map keys to values"),
    "in is empty": (when("{c: []}"), "fit[0].when.c: is empty"),
    "test is empty": (when("{c: {}}"), "fit[0].when.c: is empty"),
    "empty text": (when("{c: ''}"), "empty text is read as missing"),
    "list in a list": (when("{c: [[x]]}"), "must be text, a number, true or false"),
    "nan in a test": (when("{c: .nan}"), "must be text, a number, true or false; got nan"),
    "infinite in a test": (when("{c: 1e400}"), "must be text, a number, true or false; got inf"),
    "known is text": (when("{c: {known: 'yes'}}"), "known: must be true or false; got 'yes'"),
    "phrase without a word": (when("{c: {has_word: '&'}}"), "contains no word"),
    "blank pattern": (when("{c: {contains: ' '}}"), "must be text on one line, not empty"),
    "pattern of nothing": (when('{c: {contains: "\\u3000"}}'), "must be text"),
    "number as a pattern": (when("{c: {contains: 5}}"), "must be text or a list of texts; got 5"),
    "between backwards": (when("{n: {between: [2, 1]}}"), "between 2 and 1 matches nothing"),
    "between one": (when("{n: {between: [1]}}"), "line 4, fit[0].when.n.between: "),
    "between three": (when("{n: {between: [1, 2, 3]}}"), "line 4, fit[0].when.n.between: "),
    "between a number and a day": (when("{n: {between: [1, 2026-01-01]}}"), "a date column cannot be tested for 1"),
    "no day of the calendar": (when("{d: {at_least: 2026-02-30}}"), "2026-02-30 is not a calendar date"),
    "a day the other way round": (when("{d: {at_least: 31/03/2026}}"), "must be a date such as 2026-03-31"),
    "event is a number": (book(behaviour="{name: a, event: 5, points: 1}"), "behaviour[0].event: must be text"),
    "event is empty": (book(behaviour="{name: a, event: [], points: 1}"), "behaviour[0].event: is empty"),
    "event is a mapping": (book(behaviour="{name: a, event: {x: 1}, points: 1}"), "must be text or a list of texts"),
    "event in a list is a number": (
        book(behaviour="{name: a, event: [5], points: 1}"),
        "behaviour[0].event[0]: must be",
    ),
    "no event": (book(behaviour="{name: a, points: 1}"), "behaviour[0]: 'event' is missing"),
    # numbers
    "points as text": (event_rule("points: '5'"), "behaviour[0].points: must be a number; got '5'"),
    "points with a thousands mark": (event_rule("points: 1_000"), "must be a number; got '1_000'"),
    "points true": (event_rule("points: true"), "must be a number; got True"),
    "points nan": (event_rule("points: .nan"), "must be a number; got nan"),
    "points infinite": (event_rule("points: .inf"), "points must lie between -1,000,000 and 1,000,000; got inf"),
    "points too many": (event_rule("points: 1000001"), "points must lie between -1,000,000 and 1,000,000; got 1000001"),
    "points too fine": (event_rule("points: 0.0005"), "points have at most three decimals"),
    "points with braces": (event_rule("points: '%s {0} {'"), "must be a number; got '%s {0} {'"),
    "within no days": (event_rule("points: 1, within_days: 0"), "must be a whole number, 1 or more; got 0"),
    "within half a day": (event_rule("points: 1, within_days: 0.5"), "must be a whole number, 1 or more; got 0.5"),
    "within for ever": (event_rule(f"points: 1, within_days: {10**20}"), "within_days: must be at most 4,000,000"),
    "half-life of nothing": (event_rule("points: 1, half_life_days: 0"), "half_life_days: must be more than 0"),
    "half-life for ever": (event_rule("points: 1, half_life_days: .inf"), "half_life_days: must be more than 0"),
    "fading backwards": (event_rule("points: 1, fade_days: -3"), "fade_days: must be more than 0"),
    "two decays": (event_rule("points: 1, fade_days: 3, half_life_days: 3"), "at most one kind of decay"),
    "step without a share": (event_rule("points: 1, step: {every_days: 3}"), "step: 'lose_percent' is missing"),
    "step of 101 percent": (
        event_rule("points: 1, step: {every_days: 3, lose_percent: 101}"),
        "lose_percent: must lie between 0 and 100 percent; got 101",
    ),
    "from half an event": (event_rule("from: {0.5: 1}"), "must be a whole number, 0 or more; got 0.5"),
    "from too many": (event_rule(f"from: {{1: 1, {10**20}: 5}}"), "must be at most 1,000,000,000,000,000"),
    "from with decay": (event_rule("from: {1: 1}, fade_days: 3"), "'from' counts events and 'fade_days' fades them"),
    "limits crossed": (event_rule("points: 1, at_least: 3, at_most: 2"), "at_least 3 is above at_most 2"),
    "edge that is nan": (book("{name: a, column: n, from: {.nan: 1}}"), "fit[0].from: must be a number; got nan"),
    "edge that is text": (book("{name: a, column: n, from: {x: 1}}"), "fit[0].from.x: must be a number; got 'x'"),
    "threshold out of reach": (book(qualify="threshold: 1"), "line 3, qualify.threshold: no lead can reach 1"),
    "minimum out of reach": (book(qualify="threshold: 0, minimum_fit: 1"), "qualify.minimum_fit: no lead can reach 1"),
    "review for ever": (
        book(rest="agreement: {agreed_on: 2026-03-01, review_every_days: 999999999999}\n"),
        "agreement.review_every_days: must be at most 4,000,000",
    ),
    "agreed on no day": (
        book(rest="agreement: {agreed_on: 2026-3-1}\n"),
        "must be a date such as 2026-03-31; got '2026-3-1'",
    ),
    # what goes with what
    "neither column nor when": (book("{name: a, points: 1}"), "'a' has neither 'column' nor 'when'; it needs one"),
    "column and when": (
        book("{name: a, column: c, when: {c: x}, points: 1}"),
        "give 'column' or 'when', not both",
    ),
    "points and from": (event_rule("points: 1, from: {1: 1}"), "give 'points' or 'from', not both"),
    "neither points nor from": (book(behaviour="{name: a, event: e}"), "has neither 'points' nor 'from'"),
    "column with a number": (book("{name: a, column: c, points: 5}"), "must be a table of value to points"),
    "when with a table": (when("{c: x}").replace("points: 1", "points: {x: 1}"), "a rule with 'when' needs one number"),
    "when with other": (when("{c: x}, other: 3"), "'other' goes with 'column', not with 'when'"),
    "empty table": (book("{name: a, column: c, points: {}}"), "fit[0].points: is empty"),
    "same value twice": (book("{name: a, column: c, points: {VP: 1, ' vp ': 2}}"), "' vp ' is the same value as 'VP'"),
    "5 and '5'": (book("{name: a, column: c, points: {5: 1, '5': 2}}"), "'5' is the same value as 5"),
    "name taken": (
        book("{name: a, when: {c: x}, points: 1}, {name: a, when: {c: y}, points: 1}"),
        "is taken by fit[0]",
    ),
    "group on both sides": (
        book("{name: a, group: g, when: {c: x}, points: 1}", "{name: b, group: g, event: e, points: 1}"),
        "the group 'g' mixes fit and behaviour",
    ),
    "never without a cause": (book(qualify="threshold: 0, never: [{name: a}]"), "has neither 'when' nor 'event'"),
    "never with a lone window": (
        book(qualify="threshold: 0, never: [{name: a, when: {c: x}, within_days: 3}]"),
        "'within_days' goes with 'event'",
    ),
    "segment without a bar": (
        book(qualify="threshold: 0, segments: [{name: a, when: {c: x}}]"),
        "'threshold' is missing",
    ),
    "grades rising": (book(rest="grades: {fit: {A: 1, B: 2}}\n"), "each grade needs fewer points than the one before"),
    "grades mixed": (book(rest="grades: {fit: {A: 2, 1: 1}}\n"), "grades must be all letters or all figures"),
    "grade of two letters": (
        book(rest="grades: {fit: {AA: 2}}\n"),
        "a grade is one letter A to Y, or a figure 0 to 98",
    ),
    "grades of nothing": (book(rest="grades: {fit: {}}\n"), "grades.fit: is empty"),
    "where tests the id": (event_rule("points: 1, where: {lead_id: a}"), "'where' cannot test 'lead_id'"),
    "where tests the time": (
        event_rule("points: 1, where: {at: {at_least: 2026-01-01}}"),
        "'within_days' is about time",
    ),
    # tests that do not suit their column
    "at_least on text": (declared("{t: {at_least: 3}}"), "'at_least' cannot test a text column"),
    "has_word on a number": (declared("{n: {has_word: x}}"), "'has_word' cannot test a number column"),
    "text on a number": (declared("{n: x}"), "a number column cannot be tested for 'x'; give a number"),
    "is on a day": (declared("{d: 2026-03-01}"), "'is' cannot test a date column"),
    "number on a boolean": (declared("{b: 1}"), "a boolean column cannot be tested for 1; give a boolean"),
    "between on a boolean": (declared("{b: {between: [1, 2]}}"), "'between' cannot test a boolean column"),
    "number on a day": (declared("{d: {at_least: 5}}"), "a date column cannot be tested for 5; give a date"),
    "from on text": (
        book("{name: a, column: t, from: {1: 1}}", rest=DECLARED),
        "'from' cannot test a text column",
    ),
    "table on a day": (book("{name: a, column: d, points: {x: 1}}", rest=DECLARED), "cannot test a date column"),
    "words and numbers": (when("{c: {has_word: x, at_least: 3}}"), "'at_least' cannot test a text column"),
}


@pytest.mark.parametrize("case", BAD_RULEBOOKS)
def test_a_bad_rulebook_is_refused(case):
    text, fragment = BAD_RULEBOOKS[case]
    with pytest.raises(ls.RulebookError, match=re.escape(fragment)) as caught:
        ls.Rulebook.from_yaml(text)
    assert_located(caught.value)


def test_the_rulebooks_above_are_bad_for_their_one_reason():
    for text in (book(), when("{c: x}"), event_rule("points: 1"), declared("{t: x, n: 3, b: true}")):
        assert_works(ls.Rulebook.from_yaml(text))


def bomb(levels):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels)]
    return book(rest="\n".join(lines) + "\n")


HEAVY = {
    "billion laughs": (bomb(10), "the alias *a0 repeats"),
    "laughs in mappings": (
        book(rest="x: &a {b: 1}\n" + "".join(f"x{n}: {{b: *a, c: *a}}\n" for n in range(50))),
        "the alias *a",
    ),
    "merged laughs": (book(rest="x: &a {b: 1}\ny: {<<: [*a, *a, *a]}\n"), "the merge key << is refused"),
    "10 MB of comment": ("#" * 10_000_000, "10,000,000 characters; a rulebook has at most 150,000"),
    "10 MB of keys": (book(rest="k: 1\n" * 2_000_000), "a rulebook has at most 150,000"),
    "10 MB of brackets": (book(rest="x: " + "[" * 10_000_000), "a rulebook has at most 150,000"),
    "10 MB of quote": (book(rest="x: '" + "a\n" * 5_000_000), "a rulebook has at most 150,000"),
    "140 kB of brackets": (book(rest="x: " + "[" * 140_000), "nested too deeply"),
    "140 kB of dashes": (book(rest="x:\n" + "- " * 70_000), "nested too deeply"),
    "1,000 lists": (book(rest="x: " + "[" * 1000 + "]" * 1000), "nested too deeply"),
    "1,000 mappings": (book(rest="x: " + "{a: " * 1000 + "1" + "}" * 1000), "nested too deeply"),
    "1,000 times not": (when("{not: " * 1000 + "{c: x}" + "}" * 1000), "nested too deeply"),
    "1,000 times any": (when("{any: [" * 1000 + "{c: x}" + "]}" * 1000), "nested too deeply"),
    "1,000 dashes": (book(rest="x:\n" + "- " * 1000), "nested too deeply"),
    "1,000 question marks": (book(rest="? " * 1000), "nested too deeply"),
    "500 lines, each further in": (book(rest="".join(" " * n + "a:\n" for n in range(500))), "nested too deeply"),
    "objects": (book(rest="x: [" + "!!python/name:os.system , " * 200 + "]\n"), "the tag !!python/name:os.system"),
}


@pytest.mark.parametrize("case", HEAVY)
def test_a_heavy_rulebook_is_refused_at_once(case):
    text, fragment = HEAVY[case]
    start = time.process_time()
    with pytest.raises(ls.RulebookError, match=re.escape(fragment)) as caught:
        ls.Rulebook.from_yaml(text)
    assert time.process_time() - start < 1
    assert_located(caught.value)
    assert len(str(caught.value)) < 200_000


@pytest.mark.parametrize("depth", [1, 10, 40])
@pytest.mark.parametrize(("opening", "closing"), [("{not: ", "}"), ("{any: [", "]}"), ("{all: [{c: x}, ", "]}")])
def test_honest_nesting_works(depth, opening, closing):
    rulebook = ls.Rulebook.from_yaml(when(opening * depth + "{c: x}" + closing * depth))
    assert_works(rulebook)
    total = 0 if opening == "{not: " and depth % 2 else 1
    assert scored(rulebook, pd.DataFrame({"lead_id": ["a"], "c": ["x"]})).frame["total"].to_list() == [total]
    assert rulebook.edited({"version": "2"}).version == "2"


NO_DOCUMENTS = {
    "None": (None, "found a single value"),
    "text": ("a", "found a single value"),
    "list": ([1], "found a list"),
    "empty": ({}, "'leadscore' is missing"),
    "None as a key": ({None: 1}, "has no value"),
    "tuple as a key": ({("a", "b"): 1}, "the key ('a', 'b') is a tuple, which YAML cannot hold"),
    "bytes": ({"leadscore": 1, "name": b"n"}, "name: b'n' is a bytes, which YAML cannot hold"),
    "set": ({"leadscore": 1, "fit": [{1}]}, "fit[0]: {1} is a set, which YAML cannot hold"),
    "numpy": ({"leadscore": 1, "fit": [{"points": np.float64(5)}]}, "fit[0].points: np.float64(5.0) is a float64"),
    "decimal": ({"qualify": {"threshold": decimal.Decimal(5)}}, "qualify.threshold: Decimal('5') is a Decimal"),
    "line separator": ({"name": "a\u2028b"}, "holds a line separator, which YAML folds to a space"),
    "nan": ({"leadscore": 1, "name": "n", "qualify": {"threshold": math.nan}}, "must be a number; got nan"),
}


@pytest.mark.parametrize("case", NO_DOCUMENTS)
def test_what_is_no_document_is_refused(case):
    document, fragment = NO_DOCUMENTS[case]
    with pytest.raises(ls.RulebookError, match=re.escape(fragment)) as caught:
        ls.Rulebook.from_dict(document)
    assert_located(caught.value)


def test_a_document_that_holds_itself_is_refused():
    document = {"leadscore": 1}
    document["name"] = document
    with pytest.raises(ls.RulebookError, match="nested too deeply"):
        ls.Rulebook.from_dict(document)


@pytest.mark.parametrize("given_", [None, b"leadscore: 1", 5, ["leadscore: 1"], Path("x.yaml")])
def test_only_text_is_read_as_text(given_):
    with pytest.raises(ls.RulebookError, match=f"a rulebook is text; got a {type(given_).__name__}"):
        ls.Rulebook.from_yaml(given_)


BAD_FILES = {
    "latin-1": (book(rest="version: é\n").encode("latin-1"), "line 4: not UTF-8 text: byte 0xe9"),
    "utf-16": (book().encode("utf-16"), "line 1: not UTF-8 text"),
    "utf-16 without a mark": (book().encode("utf-16-le"), "not valid YAML"),
    "gzip": (gzip.compress(book().encode(), mtime=0), "not UTF-8 text"),
    "parquet": (b"PAR1\x15\x04\xff", "not UTF-8 text"),
    "surrogates in utf-8": (b"leadscore: 1\nname: \xed\xa0\x80\n", "line 2: not UTF-8 text"),
    "empty": (b"", "found nothing"),
    "only a mark": (b"\xef\xbb\xbf", "found nothing"),
    "zeros": (b"\0" * 4096, "not valid YAML"),
    "10 MB": (b"#" * 10_000_000, "more than 600,000 bytes; a rulebook has at most 150,000 characters"),
    "400 kB": (b"#" * 400_000, "400,000 characters; a rulebook has at most 150,000"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_file_is_refused_by_name(case, tmp_path):
    data, fragment = BAD_FILES[case]
    path = tmp_path / "book.yaml"
    path.write_bytes(data)
    start = time.process_time()
    with pytest.raises(ls.RulebookError, match=re.escape(fragment)) as caught:
        ls.Rulebook.read(path)
    assert time.process_time() - start < 1
    assert str(path) in str(caught.value)
    assert_located(caught.value)


def test_a_device_that_gives_without_end_is_no_rulebook():
    with pytest.raises(ls.RulebookError, match="more than 600,000 bytes"):
        ls.Rulebook.read("/dev/zero")


@pytest.mark.parametrize(
    ("name", "fragment"),
    [("none.yaml", "No such file"), (".", "Is a directory"), ("a\0b.yaml", "null"), ("x" * 5000, "too long")],
)
def test_a_path_that_is_no_file_is_refused(name, fragment, tmp_path):
    with pytest.raises(ls.RulebookError, match=f"cannot be read: .*{fragment}") as caught:
        ls.Rulebook.read(tmp_path / name)
    assert caught.value.source == str(tmp_path / name)


def test_a_good_file_with_a_mark_is_read(tmp_path):
    path = tmp_path / "book.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + book().replace("\n", "\r\n").encode())
    assert ls.Rulebook.read(path) == ls.Rulebook.from_yaml(book())


def test_several_problems_are_all_said_in_the_order_of_the_lines():
    text = book("{name: a, when: {c: ''}, points: x}", "{nme: b, event: 5}", qualify="treshold: 0")
    with pytest.raises(ls.RulebookError) as caught:
        ls.Rulebook.from_yaml(text)
    lines = [int(problem.where.split(",")[0].removeprefix("line ")) for problem in caught.value.problems]
    assert lines == sorted(lines)
    assert {3, 4, 5} == set(lines)
    assert len(lines) >= 6


def test_an_edit_of_deep_nesting_works_or_is_refused():
    rulebook = ls.Rulebook.from_yaml(when("{not: " * 250 + "{c: x}" + "}" * 250))
    loads_or_is_refused(rulebook.edited, {"version": "2"})


def test_a_document_nested_at_any_depth_works_or_is_refused():
    loaded = []
    for depth in (100, 150, 200, 250, 300, 350, 400, 1000):
        condition = {"c": "x"}
        for _ in range(depth):
            condition = {"not": condition}
        document = {"leadscore": 1, "name": "n", "qualify": {"threshold": 0}}
        try:
            ls.Rulebook.from_dict(document | {"fit": [{"name": "a", "when": condition, "points": 1}]})
        except ls.RulebookError as error:
            assert_located(error)
            loaded.append(False)
        else:
            loaded.append(True)
    # What is nested deeper than what is refused is refused too.
    assert (loaded[0], loaded[-1]) == (True, False)
    assert loaded == sorted(loaded, reverse=True)


@pytest.mark.parametrize("below", ["", "\n\n# comment\n"])
def test_a_key_without_a_value_is_shown_on_its_own_line(below):
    with pytest.raises(ls.RulebookError) as caught:
        ls.Rulebook.from_yaml(f"leadscore: 1\nname:\n{below}qualify: {{threshold: 0}}\n")
    assert [problem.where for problem in caught.value.problems] == ["line 2, name"]


@pytest.mark.parametrize("character", ["\x07", "\x00", "\ud800", "\ufffe"])
def test_a_character_that_yaml_forbids_is_shown_on_its_line(character):
    with pytest.raises(ls.RulebookError) as caught:
        ls.Rulebook.from_yaml(f"leadscore: 1\nname: a{character}b\nqualify: {{threshold: 0}}\n")
    assert [problem.where for problem in caught.value.problems] == ["line 2"]
