"""The rulebook: read with its places, written back as it was, edited by the line, and checked before any data."""

import datetime as dt
import difflib
import json
from copy import deepcopy
from importlib import resources

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

import leadscore as ls
from tests.support.strategies import cases, documents

BOOK = """\
# Agreed in March, with sales.
leadscore: 1
name: acme-inbound
version: "2026-03"      # shown in every output

agreement:
  agreed_on: 2026-03-02
  review_every_days: 30

columns:
  industry:   {type: category,   required: capture}
  employees:  {type: number}

fit:
  # who they are
  - name: Industry
    column: industry
    points: {SaaS: 20,   Retail: 5}       # three spaces are ours
    missing: -5
  - name: Size
    column: employees
    from: {0: 0, 50: 10, 200: 20}

behaviour:
  - name: Pricing page
    event: page_view
    where: {asset: {starts_with: /pricing}}
    points: 10
    within_days: 60
    half_life_days: 14      # two weeks

    at_most: 30
  - {name: Webinar, event: webinar, points: 7.5, count: once}   # in one line

qualify:
  threshold: 50             # a wet finger
"""


BAR = "   threshold: 50             # a wet finger"


def changed(document, *path, to):
    """A copy with one place changed; None takes it out."""
    copy = deepcopy(document)
    here = copy
    for part in path[:-1]:
        here = here[part]
    if to is None:
        del here[path[-1]]
    else:
        here[path[-1]] = to
    return copy


def edits(old, new):
    """What makes one document of another: its sections, and in those that hold protections each key by its name."""
    named = {}
    for name in (old | new).keys() - {"leadscore"}:
        if name in {"qualify", "groups", "totals"} and name in old and name in new:
            named |= {(name, key): new[name].get(key) for key in old[name] | new[name]}
        else:
            named[name] = new.get(name)
    return named


def places_in(node, at=()):
    """Every path in plain data."""
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in inner:
        yield (*at, key)
        yield from places_in(value, (*at, key))


def value_at(node, path):
    for step in path:
        node = node[step]
    return node


def touched(old, new):
    """The lines a git diff would show."""
    return [line for line in difflib.ndiff(old.splitlines(), new.splitlines()) if line[0] in "+-"]


# ------------------------------------------------------------------------------------------------- reading and writing


@pytest.mark.parametrize("text", [BOOK, BOOK.replace("\n", "\r\n"), BOOK.rstrip("\n"), "\n\n" + BOOK + "\n# end\n"])
def test_what_is_read_is_written(tmp_path, text):
    path = tmp_path / "rulebook.yaml"
    path.write_bytes(text.encode())
    rulebook = ls.Rulebook.read(path)
    rulebook.write(tmp_path / "again.yaml")
    assert (tmp_path / "again.yaml").read_bytes() == text.encode()
    same = {name: part for name, part in rulebook.to_dict().items() if name != "leadscore"}
    assert rulebook.edited(same).to_yaml() == text
    assert sorted(file.name for file in tmp_path.iterdir()) == ["again.yaml", "rulebook.yaml"]


@pytest.mark.parametrize(
    ("path", "to", "shown"),
    [
        (("qualify", "threshold"), 60, ["-" + BAR, "+" + BAR.replace("50", "60")]),
        (("behaviour", 0, "points"), 15, ["-     points: 10", "+     points: 15"]),
        (("fit", 0, "missing"), None, ["-     missing: -5"]),
        (("behaviour", 0, "event"), "visit", ["-     event: page_view", "+     event: visit"]),
        (("fit", 1), None, ["-   - name: Size", "-     column: employees", "-     from: {0: 0, 50: 10, 200: 20}"]),
    ],
)  # fmt: skip
def test_an_edit_touches_its_own_lines(path, to, shown):
    rulebook = ls.Rulebook.from_yaml(BOOK)
    edited = rulebook.edited({path: to})
    assert touched(BOOK, edited.to_yaml()) == shown
    assert edited.to_dict() == changed(rulebook.to_dict(), *path, to=to)


def test_a_rule_put_in_the_middle_adds_its_lines_only():
    rulebook = ls.Rulebook.from_yaml(BOOK)
    rules = rulebook.to_dict()["fit"]
    rules.insert(1, {"name": "Home market", "when": {"country": ["NO"]}, "points": 5})
    shown = touched(BOOK, rulebook.edited({"fit": rules}).to_yaml())
    assert all(line.startswith("+") for line in shown)
    assert "+   - name: Home market" in shown


@given(documents(), documents())
def test_an_edit_says_what_it_was_told(old, new):
    rulebook = ls.Rulebook.from_dict(old)
    edited = rulebook.edited(edits(rulebook.to_dict(), new))
    assert edited == ls.Rulebook.from_dict(new)
    assert ls.Rulebook.from_yaml(edited.to_yaml()).to_dict() == edited.to_dict()


@given(documents(), st.data())
def test_a_changed_threshold_is_all_that_changes(document, data):
    rulebook = ls.Rulebook.from_dict(document)
    lower = round(document["qualify"]["threshold"] - data.draw(st.integers(1, 9)), 3)
    edited = rulebook.edited({"qualify.threshold": lower})
    shown = touched(rulebook.to_yaml(), edited.to_yaml())
    assert [line[0] for line in shown] == ["-", "+"]
    assert edited.qualify.threshold == lower


FULL = (
    BOOK.replace("agreement:", "missing_values: [n/a]\nagreement:")
    + """\
  minimum_fit: 5
  hand_raise: {event: demo_request}
  never:
    - {name: Rival, when: {industry: [Rival]}}   # agreed with sales
    - {name: Inc. 500, when: {employees: {at_most: 500}}}
  segments:
    - {name: Small, when: {employees: {less_than: 50}}, threshold: 40}
groups: {email: {at_most: 20}}
totals: {fit: {at_most: 40}}
"""
)


EXAMPLE = (resources.files("leadscore") / "examples" / "rulebook.yaml").read_text(encoding="utf-8")
BOOKS = st.one_of(documents().map(ls.Rulebook.from_dict), st.sampled_from([FULL, EXAMPLE]).map(ls.Rulebook.from_yaml))


@given(BOOKS, st.data())
def test_an_edit_changes_the_path_it_names_and_nothing_else(rulebook, data):
    whole = rulebook.to_dict()
    path = data.draw(st.sampled_from([path for path in places_in(whole) if path[0] != "leadscore"]))
    was = value_at(whole, path)
    near = [was + 1, -was] if type(was) in {int, float} else [was]
    to = data.draw(st.sampled_from([None, "other", 1, *near]))
    try:
        edited = rulebook.edited({path: to})
    except ls.RulebookError:
        with pytest.raises(ls.RulebookError):
            ls.Rulebook.from_dict(changed(whole, *path, to=to))
        return
    assert edited.to_dict() == changed(whole, *path, to=to)
    if to is not None or isinstance(path[-1], str):
        assert edited.edited({path: was}) == rulebook


def test_a_new_grade_stands_where_it_belongs():
    book = ls.Rulebook.from_yaml(
        "leadscore: 1\nname: x\nfit: [{name: a, when: {n: 1}, points: 60}]\nqualify: {threshold: 5}\n"
        "grades:\n  fit:\n    B: 30 # as agreed\n    D: 10\n"
    )
    changed = book.edited({"grades.fit.A": 45, "grades.fit.C": 20})
    assert list(changed.grades.fit.items()) == [("A", 45), ("B", 30), ("C", 20), ("D", 10)]
    assert "    A: 45\n    B: 30 # as agreed\n    C: 20\n    D: 10\n" in changed.to_yaml()
    assert changed.edited({"grades.fit.A": None, "grades.fit.C": None}) == book
    for grade in ("1", "AA"):
        with pytest.raises(ls.RulebookError, match=r"all letters or all figures|one letter A to Y"):
            book.edited({f"grades.fit.{grade}": 45})


@pytest.mark.parametrize(
    ("address", "path", "to"),
    [
        ("qualify.threshold", ("qualify", "threshold"), 45),
        ("qualify.minimum_behaviour", ("qualify", "minimum_behaviour"), 5),
        ("qualify.minimum_fit", ("qualify", "minimum_fit"), None),
        ("qualify.hand_raise", ("qualify", "hand_raise"), None),
        ("fit.Industry.points.SaaS", ("fit", 0, "points", "SaaS"), 25),
        ("fit.Industry.points.Bank", ("fit", 0, "points", "Bank"), 25),
        ("fit.Industry.points.Retail", ("fit", 0, "points", "Retail"), None),
        ("fit.Industry.name", ("fit", 0, "name"), "Sector"),
        ("fit[1].from.50", ("fit", 1, "from", 50), 12),
        ("fit.Size.from.500", ("fit", 1, "from", 500), 25),
        ("fit.Size.points", ("fit", 1), {"name": "Size", "column": "employees", "from": {0: 0, 50: 10, 200: 20}}),
        ("behaviour.Pricing page", ("behaviour", 0), {"name": "Pricing page", "event": "visit", "points": 30}),
        ("behaviour.Pricing page.where.asset.starts_with", ("behaviour", 0, "where", "asset", "starts_with"), "/p"),
        ("qualify.segments[0].threshold", ("qualify", "segments", 0, "threshold"), 41),
        (("qualify", "never", "Inc. 500", "when", "employees"), ("qualify", "never", 1, "when", "employees"), 5),
        ("qualify.never.Rival", ("qualify", "never", 0), None),
        ("agreement.respond_within_minutes", ("agreement", "respond_within_minutes"), 5),
        ("totals", ("totals",), None),
        ("timezone", ("timezone",), "Europe/Berlin"),
        ("missing_values[0]", ("missing_values", 0), "none"),
    ],
)
def test_what_a_path_means(address, path, to):
    rulebook = ls.Rulebook.from_yaml(FULL)
    if address == "fit.Size.points":  # a table that is not there, beside `from`
        with pytest.raises(ls.RulebookError, match="not both"):
            rulebook.edited({address: {50: 1}})
        return
    edited = rulebook.edited({address: to})
    assert edited.to_dict() == changed(rulebook.to_dict(), *path, to=to)
    assert rulebook.edited({path: to}) == edited


def test_new_parts_are_added_and_what_is_not_there_can_be_taken_out():
    rulebook = ls.Rulebook.from_yaml(BOOK)
    rule = {"event": "demo", "points": 20}
    edited = rulebook.edited(
        {
            "behaviour.Demo": rule,
            ("qualify", "never", "Inc. 500"): {"event": "leave"},
            "groups.email": {"at_most": 5},
            "totals.fit.at_most": 40,
            "qualify.hand_raise.event": "demo_request",
            "qualify.minimum_fit": None,
            "grades": None,
            "agreement.agreed_on": dt.date(2026, 4, 1),
        }
    )
    document = rulebook.to_dict()
    document["behaviour"].append({"name": "Demo", **rule})
    document["qualify"] |= {"never": [{"name": "Inc. 500", "event": "leave"}], "hand_raise": {"event": "demo_request"}}
    document |= {"groups": {"email": {"at_most": 5}}, "totals": {"fit": {"at_most": 40}}}
    document["agreement"]["agreed_on"] = "2026-04-01"
    assert edited.to_dict() == document


def test_positions_are_those_of_the_rulebook_as_it_is():
    rulebook = ls.Rulebook.from_yaml(FULL)
    edited = rulebook.edited({"fit[0]": None, "fit[1].missing": 3, "fit.New": {"when": {"country": "NO"}, "points": 9}})
    assert [(rule.name, rule.missing) for rule in edited.fit] == [("Size", 3), ("New", 0)]
    bare = rulebook.edited({"fit[1]": None, "fit[0]": None, "qualify.minimum_fit": 0, "qualify.threshold": 0})
    assert bare.fit == ()
    assert "# two weeks" in bare.to_yaml()


def test_a_list_in_one_line_stays_in_one_line():
    edited = ls.Rulebook.from_yaml(FULL).edited({"missing_values": ["n/a", "unknown"]})
    assert touched(FULL, edited.to_yaml()) == ["- missing_values: [n/a]", "+ missing_values: [n/a, unknown]"]


def test_rules_in_another_order_keep_the_comments_around_them():
    rulebook = ls.Rulebook.from_yaml(FULL)
    industry, size = rulebook.to_dict()["fit"]
    edited = rulebook.edited({"fit": [size, industry]})
    assert [rule.name for rule in edited.fit] == ["Size", "Industry"]
    assert "  # who they are" in edited.to_yaml()


def test_the_last_group_can_go():
    groups = "groups:  # limits over rules that share a group\n  email: {at_most: 20}\n"
    rulebook = ls.Rulebook.from_yaml(BOOK + groups + "totals:  # however busy, no more\n  fit: {at_most: 40}\n")
    edited = rulebook.edited({"groups.email": None})
    assert edited.groups == {}
    assert "# however busy, no more" in edited.to_yaml()


def test_a_rule_that_is_renamed_keeps_its_comments():
    rulebook = ls.Rulebook.from_yaml(FULL)
    shown = touched(FULL, rulebook.edited({"behaviour.Pricing page.name": "Prices"}).to_yaml())
    assert shown == ["-   - name: Pricing page", "+   - name: Prices"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"qualify.treshold": 5}, "qualify.treshold: unknown key 'treshold'; did you mean 'threshold'?"),
        ({"qualify.minimum_fitt": None}, "'qualify' has no 'minimum_fitt'; did you mean 'minimum_fit'?"),
        ({"fit.Industri.missing": 5}, "'fit' has no 'Industri'; did you mean 'Industry'?"),
        ({"fit.Industri": 5}, "'fit' has no 'Industri'; did you mean 'Industry'?"),
        ({"fit.Industri": None}, "'fit' has no 'Industri'; did you mean 'Industry'?"),
        ({"fit.New": {"name": "Other", "when": {"country": "NO"}, "points": 9}}, "'fit' has no 'New'"),
        ({"fit.Industry.points.Saas": None}, "'fit[0].points' has no 'Saas'; did you mean 'SaaS'?"),
        ({"fit[2].missing": 5}, "'fit' has no 2"),
        ({"columns.industy.type": "text"}, "'columns' has no 'industy'; did you mean 'industry'?"),
        ({"groups.emial.at_most": 5}, "'groups' has no 'emial'; did you mean 'email'?"),
        ({"qualify.threshold.low": 5}, "'qualify.threshold' is 50: there is nothing inside it"),
        ({"qualify.never.Inc. 500.event": "x"}, "needs a tuple such as ('fit', 'Inc. 500', 'points')"),
        ({"missing_values[3]": "x"}, "'missing_values' is a list of 1, without 3"),
        ({"qualify..threshold": 5}, "a path is text"),
        ({"": 5}, "a path is text"),
        ({5: 5}, "a path is text"),
        ({("fit", None): 5}, "a path is text"),
        ({"leadscore": 1}, "read a whole document with Rulebook.from_dict"),
        ({"qualify": {"threshold": 5}}, "it would drop 'minimum_fit', 'hand_raise', 'never', 'segments'; name what"),
        ({"totals": {"behaviour": {"at_most": 5}}}, "it would drop 'fit'; name what changes, as 'totals.behaviour'"),
        ({"groups": {}}, "it would drop 'email'"),
        ({"fit.Size": None, "fit[1].missing": 5}, "overlaps with 'fit.Size'"),
        ({"fit.Size.missing": 3, "fit[1].missing": 5}, "overlaps with 'fit.Size.missing'"),
        ({"qualify.threshold": {5}}, "qualify.threshold: {5} is a set"),
        ({"qualify.threshold": 5000}, "no lead can reach 5000"),
    ],
)
def test_a_path_that_leads_nowhere_is_refused(changes, said):
    with pytest.raises(ls.RulebookError) as caught:
        ls.Rulebook.from_yaml(FULL).edited(changes)
    assert len(caught.value.problems) == 1
    assert said in str(caught.value)


def test_the_way_that_lost_protections_is_refused():
    """What the README once showed: it wiped out hand-raisers, `never` and segments without a word."""
    rulebook = ls.Rulebook.from_yaml(FULL)
    with pytest.raises(ls.RulebookError, match="it would drop 'hand_raise', 'never', 'segments'"):
        rulebook.edited(rulebook.to_dict() | {"qualify": {"threshold": 45, "minimum_fit": 6}})
    edited = rulebook.edited({"qualify.threshold": 45, "qualify.minimum_fit": 6})
    document = rulebook.to_dict()
    assert edited.to_dict() == document | {"qualify": document["qualify"] | {"threshold": 45, "minimum_fit": 6}}


def test_all_problems_of_an_edit_come_at_once():
    changes = {"fit.Industri.missing": 1, "qualify.threshold": "high", "behaviour.Webinar.count": "onse"}
    with pytest.raises(ls.RulebookError) as caught:
        ls.Rulebook.from_yaml(FULL).edited(changes)
    assert [word in str(caught.value) for word in ("Industri", "'high'", "'onse'")] == [True] * 3


def test_changes_are_a_mapping():
    with pytest.raises(ls.ArgumentError, match="must map paths to values"):
        ls.Rulebook.from_yaml(FULL).edited("qualify.threshold = 5")


def test_equal_books_say_the_same():
    rulebook = ls.Rulebook.from_yaml(BOOK)
    same = ls.Rulebook.from_dict(rulebook.to_dict())
    assert same == rulebook
    assert hash(same) == hash(rulebook)
    assert rulebook.edited({"qualify.threshold": 49}) != rulebook


def test_to_dict_is_a_copy():
    rulebook = ls.Rulebook.from_yaml(BOOK)
    rulebook.to_dict()["qualify"]["threshold"] = 1
    assert rulebook.to_dict()["qualify"]["threshold"] == 50


def test_plain_data_that_yaml_has_no_word_for_is_named():
    with pytest.raises(ls.RulebookError, match=r"qualify\.threshold: \{1\} is a set"):
        ls.Rulebook.from_dict({"leadscore": 1, "name": "x", "qualify": {"threshold": {1}}})


# -------------------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("old", "new", "caret", "said"),
    [
        ("column: industry", "column: industy", "industy", "unknown column 'industy'; did you mean 'industry'?"),
        ("half_life_days", "halflife_days", "halflife_days", "did you mean 'half_life_days'?"),
        ("SaaS: 20", "SaaS: lots", "lots", "must be a number; got 'lots'"),
        ("points: 7.5", "points: 7.5001", "7.5001", "at most three decimals"),
        ("type: number", "type: numeric", "numeric", "did you mean 'number'?"),
        ("name: Webinar", "name: Size", "Size", "the name 'Size' is taken by fit[1]"),
        ("threshold: 50 ", "threshold: 500", "500", "no lead can reach 500"),
        ("within_days: 60", "within_days: 0", "0", "must be a whole number, 1 or more"),
        ("from: {0: 0", "from: {none: 0", "none", "must be a number; got 'none'"),
        ("count: once", "count: onse", "onse", "did you mean 'once'?"),
        ("starts_with: /pricing", "starts_with: []", "[]", "is empty"),
        ('version: "2026-03" ', "version: 2026.03  ", "2026.03", 'write it in quotes: "2026.03"'),
    ],
)
def test_an_error_shows_its_place(old, new, caret, said):
    text = BOOK.replace(old, new, 1)
    line = BOOK[: BOOK.index(old)].count("\n") + 1
    with pytest.raises(ls.RulebookError) as caught:
        ls.Rulebook.from_yaml(text, source="rulebook.yaml")
    (problem,) = caught.value.problems
    assert problem.where.startswith(f"line {line},")
    assert said in problem.message
    shown, carets = problem.excerpt.splitlines()
    start = carets.index("^")
    assert shown[start : start + carets.count("^")] == caret
    ls.Rulebook.from_yaml(BOOK)  # the twin: without the change there is nothing to say


def test_all_problems_come_at_once_in_the_order_of_the_file():
    text = BOOK.replace("type: number", "type: numeric").replace("SaaS: 20", "SaaS: lots").replace("once", "onse")
    text = text.replace("points: 10", "pionts: 10").replace("threshold: 50", "threshold: high")
    with pytest.raises(ls.RulebookError) as caught:
        ls.Rulebook.from_yaml(text)
    places = [int(problem.where.split()[1].rstrip(",")) for problem in caught.value.problems]
    assert places == sorted(places)
    wrong = ("numeric", "lots", "onse", "pionts", "high")
    lines = [next(n for n, line in enumerate(text.splitlines(), 1) if word in line) for word in wrong]
    assert set(lines) <= set(places)
    assert str(caught.value).startswith(f"{len(places)} problems in rulebook\n")


# ------------------------------------------------------------------------------------------------------------ findings

SMALL = {
    "leadscore": 1,
    "name": "small",
    "agreement": {"agreed_on": "2026-03-02", "review_every_days": 30},
    "fit": [{"name": "Home", "when": {"country": ["US"]}, "points": 40}],
    "behaviour": [{"name": "Visit", "event": "visit", "points": 10, "at_most": 30}],
    "qualify": {"threshold": 60},
}
TODAY = dt.date(2026, 3, 20)
HEAD = {"when": {"job_title": {"has_word": ["head"]}}}
ODD = {"at_least": 5, "less_than": 2}


def codes(document):
    return {finding.code for finding in ls.Rulebook.from_dict(document).check(today=TODAY)}


@pytest.mark.parametrize(
    ("code", "path", "to"),
    [
        ("LS101", ("agreement",), None),
        ("LS102", ("agreement", "agreed_on"), "2026-01-02"),
        ("LS110", ("qualify", "threshold"), 30),
        ("LS112", ("qualify", "segments"), [{"name": "Far", "when": {"country": "CA"}, "threshold": 71}]),
        ("LS120", ("fit", 0, "when"), {"employees": ODD}),
        ("LS120", ("behaviour", 0, "where"), {"amount": ODD}),
        ("LS121", ("behaviour", 0), {"name": "Visit", "event": "visit", "points": 30, "at_most": 0, "at_least": 0}),
        ("LS122", ("fit",), [SMALL["fit"][0], {"name": "Table", "column": "country", "points": {"us": 5}}]),
        ("LS123", ("fit", 0, "when"), {"job_title": {"contains": "cto"}}),
        ("LS129", ("fit", 0, "when"), {"job_title": {"has_word": ["director", "C#"]}}),
        ("LS123", ("behaviour", 0, "where"), {"asset": {"contains": "cto"}}),
        ("LS123", ("qualify", "hand_raise"), {"event": "form", "where": {"asset": {"contains": "it"}}}),
        ("LS123", ("qualify", "never"), [{"name": "N", "event": "form", "where": {"asset": {"contains": "it"}}}]),
        ("LS124", ("behaviour", 0), {**SMALL["behaviour"][0], "half_life_days": 30, "within_days": 20}),
        ("LS125", ("behaviour", 0), {"name": "Visit", "event": "visit", "points": 30}),
        ("LS126", ("qualify", "segments"), [{"name": n, **HEAD, "threshold": 50} for n in ("One", "Two")]),
        ("LS127", ("columns",), {"city": {"type": "text"}}),
        ("LS128", ("groups",), {"nobody": {"at_most": 5}}),
    ],
)
def test_a_finding_and_its_twin(code, path, to):
    twin = {**SMALL, "qualify": {"threshold": 40}} if code in {"LS120", "LS121"} else SMALL
    assert code not in codes(twin)
    document = changed(twin, *path, to=to)
    if code == "LS121":
        document["qualify"] = {"threshold": 40}
    assert code in codes(document)


def test_what_is_said_of_the_whole_file_names_no_line():
    (finding,) = [
        one for one in ls.Rulebook.from_dict(changed(SMALL, "agreement", to=None)).check() if one.code == "LS101"
    ]
    assert str(finding).startswith("LS101 the whole file: no 'agreement'")


def test_behaviour_alone_is_said_with_how():
    rulebook = ls.Rulebook.from_dict(changed(SMALL, "qualify", "threshold", to=30))
    (finding,) = [one for one in rulebook.check(today=TODAY) if one.code == "LS110"]
    assert finding.message.endswith("a lead with 0 fit qualifies after 'Visit' on 3 days")
    assert (finding.path, finding.line) == (
        "qualify.threshold",
        rulebook.to_yaml().splitlines().index("  threshold: 30") + 1,
    )


def test_the_least_fit_goes_through_every_limit():
    document = changed(SMALL, "totals", to={"behaviour": {"at_most": 25.5}})
    (finding,) = [one for one in ls.Rulebook.from_dict(document).check(today=TODAY) if one.code == "LS111"]
    assert "needs at least 34.5 fit to reach 60: behaviour gives at most 25.5" in finding.message


@given(cases())
def test_no_lead_qualifies_with_less_fit_than_said(case):
    """The figure is a bound: for each bar, no lead that qualifies by score has less."""
    rulebook = ls.Rulebook.from_dict(case.document)
    least = {}
    for finding in rulebook.check(today=TODAY):
        words = finding.message.split(" fit ")[0].split()
        if finding.code in {"LS110", "LS111"} and words[-1] != "limit":
            least[finding.path] = float("-inf") if "without" in words[-3:] else float(words[-1])
    bars = {None: "qualify.threshold"}
    for index, segment in enumerate(rulebook.qualify.segments):
        bars[segment.name] = f"qualify.segments[{index}].threshold"
    for lead in case.leads:
        record = dict.fromkeys(name for row in case.leads for name in row) | lead
        events = [event for event in case.events if event["lead_id"] == lead["lead_id"]]
        try:
            score = ls.score_one(record, events, rulebook, as_of=case.as_of)
        except ls.LeadscoreError:
            continue  # a column that no lead has, or a lead of later: not what this is about
        if score["via"] == "score":
            assert score["fit"] >= least[bars[score["segment"]]]


# -------------------------------------------------------------------------------------------------------------- schema


def schema():
    return ls.Rulebook.model_json_schema()


@given(documents())
def test_the_schema_knows_the_whole_language(document):
    plain = json.loads(json.dumps(document, default=str))
    validator = jsonschema.validators.validator_for(schema())(schema())
    assert [error.message for error in validator.iter_errors(plain)] == []
    # And nothing beside it, wherever the word stands.
    for place in (plain, plain["qualify"], *plain.get("fit", []), *plain.get("behaviour", [])):
        place["no word of it"] = 1
        assert not validator.is_valid(plain)
        del place["no word of it"]


@pytest.mark.parametrize(
    ("path", "to"),
    [
        (("leadscore",), 3),
        (("qualify", "treshold"), 5),
        (("fit", 0, "points"), True),
        (("behaviour", 0, "count"), "hourly"),
        (("fit", 0, "when"), {"country": {"inn": ["US"]}}),
    ],
)
def test_the_schema_refuses(path, to):
    document = json.loads(json.dumps(SMALL))
    jsonschema.validate(document, schema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(changed(document, *path, to=to), schema())


@pytest.mark.parametrize("phrase", ["C#", "C++", "F#", ".NET", "R&D", "AT&T", "@home", "C# ", "$100", "node.js!"])
def test_a_word_that_loses_its_signs_is_said(phrase):
    book = ls.Rulebook.from_dict(
        {
            "leadscore": 1,
            "name": "x",
            "fit": [{"name": "W", "when": {"job_title": {"has_word": phrase}}, "points": 5}],
            "qualify": {"threshold": 5},
        }
    )
    [found] = [one for one in book.check() if one.code == "LS129"]
    assert repr(phrase) in found.message
    # What is said is so: the example meets the condition, as ever.
    example = found.message.split("as in '")[1].split("'")[0]
    assert ls.score_one({"job_title": example}, [], book, as_of="2026-03-31")["fit"] == 5


@pytest.mark.parametrize(
    "phrase", ["vp", "co-founder", "Vice  President", "node.js", "Sr.", "L'Oréal", "head/chief", "Größe"]
)
def test_hyphens_and_the_like_are_no_lost_signs(phrase):
    book = ls.Rulebook.from_dict(
        {
            "leadscore": 1,
            "name": "x",
            "fit": [{"name": "W", "when": {"job_title": {"has_word": phrase}}, "points": 5}],
            "qualify": {"threshold": 5},
        }
    )
    assert "LS129" not in {one.code for one in book.check()}
