"""Edits of format 2: a path names one thing, whatever it is called, and leaves all else and every comment."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import leadscore as ls
from tests.rulebook.test_rulebook import changed, places_in, touched, value_at
from tests.support import strategies2

BOOK = """\
# One page.
leadscore: 2
name: acme
constants: {strong: 20, weak: 5}   # agreed in March
lists:
  free mail: [gmail.com]           # theirs
conditions:
  home: {country: [US, CA]}        # ours
fit:
  - name: Title
    cases:                         # from above
      - {name: Chief, when: {title: {has_word: chief}}, points: strong}
      - {when: {title: {has_word: vp}}, points: 10}   # no name
  - {name: Home, when: home, points: strong}
behaviour:
  - {name: Quiet, when: {not: {did: {event: view, within_days: 30}}}, points: -5}
qualify:
  threshold: 10
  hand_raise:                      # who calls
    - {event: call}
    - {name: Own domain, event: trial, when: home}
grades:
  fit: {A+: 30, A: 20, F: rest}
labels: {Hot: [A+], Cold: rest}
account:
  id: account_id
  rules:
    - {name: Best, best: total}    # of all
"""
CALL = {"event": "call", "within_days": 9}


@pytest.mark.parametrize(
    ("address", "path", "to"),
    [
        ("constants.strong", ("constants", "strong"), 25),
        ("constants.other", ("constants", "other"), 25),
        ("lists.free mail", ("lists", "free mail"), ["gmail.com", "gmx.net"]),
        ("lists.free mail[0]", ("lists", "free mail", 0), "gmx.net"),
        ("lists.new", ("lists", "new"), ["a"]),
        ("conditions.home.country", ("conditions", "home", "country"), ["US"]),
        ("conditions.far", ("conditions", "far"), {"not": "home"}),
        ("fit.Title.cases.Chief.points", ("fit", 0, "cases", 0, "points"), 12),
        ("fit.Title.cases.Chief", ("fit", 0, "cases", 0), None),
        ("fit.Title.cases[1].points", ("fit", 0, "cases", 1, "points"), "weak"),
        ("fit.Title.cases[1]", ("fit", 0, "cases", 1), {"when": {"title": "vp"}, "points": 3}),
        ("fit.Title.other", ("fit", 0, "other"), 1),
        ("fit.Home.weight_percent", ("fit", 1, "weight_percent"), 50),
        ("behaviour.Quiet.when.not.did.within_days", ("behaviour", 0, "when", "not", "did", "within_days"), 60),
        ("qualify.hand_raise.Own domain.when", ("qualify", "hand_raise", 1, "when"), None),
        ("qualify.hand_raise.Own domain", ("qualify", "hand_raise", 1), None),
        ("qualify.hand_raise[0].within_days", ("qualify", "hand_raise", 0, "within_days"), 7),
        ("qualify.hand_raise[0]", ("qualify", "hand_raise", 0), CALL),
        ("qualify.grades", ("qualify", "grades"), ["A+"]),
        ("labels.Hot", ("labels", "Hot"), ["A+", "A"]),
        ("account.rules.Best.at_most", ("account", "rules", 0, "at_most"), 60),
        ("account.threshold", ("account", "threshold"), 60),
        ("restart", ("restart",), {"stage": "rejected"}),
        ("restart.stage", ("restart",), {"stage": "rejected"}),
        ("leadscore", ("leadscore",), 2),
    ],
)
def test_what_a_path_means(address, path, to):
    rulebook = ls.Rulebook.from_yaml(BOOK)
    value = to["stage"] if address == "restart.stage" else to
    edited = rulebook.edited({address: value})
    assert edited.to_dict() == changed(rulebook.to_dict(), *path, to=to)
    kept = [line.split("#")[1] for line in BOOK.splitlines() if "#" in line]
    assert [comment for comment in kept if f"#{comment}" not in edited.to_yaml()] == []


def test_whole_entries_are_added_at_the_end():
    rulebook = ls.Rulebook.from_yaml(BOOK)
    edited = rulebook.edited(
        {
            "qualify.hand_raise.Demo": {"event": "demo"},
            "account.rules.All": {"sum": "behaviour"},
            "fit.Title.cases.Head": {"when": {"title": "head"}, "points": 4},
        }
    )
    document = rulebook.to_dict()
    document["qualify"]["hand_raise"].append({"name": "Demo", "event": "demo"})
    document["account"]["rules"].append({"name": "All", "sum": "behaviour"})
    document["fit"][0]["cases"].append({"name": "Head", "when": {"title": "head"}, "points": 4})
    assert edited.to_dict() == document
    assert all(line[0] == "+" for line in touched(BOOK, edited.to_yaml()))


def test_a_hand_raise_need_not_stand_in_a_list():
    bare = ls.Rulebook.from_yaml("leadscore: 2\nname: x\nqualify:\n  threshold: 0\n")
    one = bare.edited({"qualify.hand_raise.event": "call"})
    assert one.to_dict()["qualify"]["hand_raise"] == {"event": "call"}
    assert one.edited({"qualify.hand_raise.within_days": 5}).qualify.hand_raise[0].within_days == 5
    several = bare.edited({"qualify.hand_raise.Call": {"event": "call"}})
    assert several.to_dict()["qualify"]["hand_raise"] == [{"name": "Call", "event": "call"}]
    named = bare.edited({"qualify.hand_raise": {"name": "Call", "event": "call"}})
    assert named.edited({"qualify.hand_raise.Call.within_days": 5}).qualify.hand_raise[0].within_days == 5
    assert named.edited({"qualify.hand_raise.Call": None}).qualify.hand_raise == ()
    with pytest.raises(ls.RulebookError, match=r"'qualify\.hand_raise' has no 'Demo'.*; give a list to have several"):
        named.edited({"qualify.hand_raise.Demo": {"event": "demo"}})


def test_new_grades_and_labels_stand_where_they_belong():
    rulebook = ls.Rulebook.from_yaml(BOOK)
    edited = rulebook.edited({"grades.fit.B": 10, "grades.fit.A++": 35, "labels.Warm": ["A"]})
    assert [*edited.grades.fit] == ["A++", "A+", "A", "B", "F"]
    assert [*edited.labels] == ["Hot", "Warm", "Cold"]
    with pytest.raises(ls.RulebookError, match="each grade needs fewer points than the one before; got 15, 20"):
        rulebook.edited({"grades.fit.A+": 15})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"leadscore": 1}, "the format cannot be edited but to 2"),
        ({"leadscore": 3}, "the format cannot be edited but to 2"),
        ({"leadscore": "2"}, "the format cannot be edited but to 2"),
        ({"leadscore": None}, "the format cannot be edited but to 2"),
        ({"constants.storng": None}, "'constants' has no 'storng'; did you mean 'strong'?"),
        ({"conditions.hme.country": "US"}, "'conditions' has no 'hme'; did you mean 'home'?"),
        ({"lists.free mail[1]": "x"}, "'lists.free mail' is a list of 1, without 1"),
        ({"fit.Title.cases.Chef.points": 5}, "'fit[0].cases' has no 'Chef'; did you mean 'Chief'?"),
        ({"qualify.hand_raise.Own domin.when": None}, "did you mean 'Own domain'?"),
        ({"account.rules.Bst.at_most": 5}, "'account.rules' has no 'Bst'; did you mean 'Best'?"),
        ({"account.treshold": 5}, "account.treshold: unknown key 'treshold'; did you mean 'threshold'?"),
        ({"constants.strong": None}, "there is no 'strong'"),
        ({"fit.Home.when": "hme"}, "there is no condition 'hme' under 'conditions'; did you mean 'home'?"),
        ({"qualify": {"threshold": 5}}, "it would drop 'hand_raise'; name what changes"),
    ],
)
def test_a_path_that_leads_nowhere_is_refused(changes, said):
    with pytest.raises(ls.RulebookError) as caught:
        ls.Rulebook.from_yaml(BOOK).edited(changes)
    assert said in str(caught.value)


def test_format_1_becomes_format_2_by_its_first_line_alone():
    text = BOOK.split("constants", maxsplit=1)[0].replace("2", "1") + "qualify: {threshold: 0}\n"
    rulebook = ls.Rulebook.from_yaml(text)
    assert touched(text, rulebook.edited({"leadscore": 2}).to_yaml()) == ["- leadscore: 1", "+ leadscore: 2"]
    edited = rulebook.edited({"leadscore": 2, "constants.strong": 5})
    assert (edited.leadscore, edited.constants) == (2, {"strong": 5})


SHARED = """\
leadscore: 2
constants: {strong: 20}
conditions: {home: {country: US}}
fit:
  - {name: Home, when: home, points: strong}
  - {name: Away, when: {not: home}, points: 1}
groups: {mail: {at_most: 9}}
"""
OWN = """\
leadscore: 2
name: own
include: shared.yaml
constants: {weak: 5}
fit: [{name: Size, column: size, points: {big: weak}}]
qualify: {threshold: 0}
"""


@pytest.fixture
def own(tmp_path):
    (tmp_path / "shared.yaml").write_text(SHARED)
    return ls.Rulebook.from_yaml(OWN, folder=tmp_path)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("constants.strong", "constants.strong"),
        ("conditions.home.country", "conditions.home.country"),
        ("conditions.home.city", "conditions.home"),
        ("fit.Home.points", "fit[0].points"),
        ("fit.Away", "fit[1]"),
        ("fit[0].points", "fit[0].points"),
        ("groups.mail.at_most", "groups.mail.at_most"),
        ("groups", "groups"),
    ],
)
@pytest.mark.parametrize("value", [5, None])
def test_what_stands_in_an_included_file_is_changed_there(own, path, said, value):
    with pytest.raises(ls.RulebookError) as caught:
        own.edited({path: value})
    (problem,) = caught.value.problems
    assert problem.message == f"{said!r} stands in 'shared.yaml', which is included: change it in that file"


def test_what_stands_beside_it_can_be_changed(own):
    edited = own.edited(
        {
            "fit[2].points.big": 7,
            "fit.Size.missing": 1,
            "constants.weak": 6,
            "constants.more": 8,
            "fit.New": {"when": "home", "points": "strong"},
            "groups.web": {"at_most": 3},
        }
    )
    assert [rule.name for rule in edited.fit] == ["Home", "Away", "Size", "New"]
    assert edited.to_dict()["fit"][0] == {"name": "Size", "column": "size", "points": {"big": 7}, "missing": 1}
    assert edited.to_dict()["constants"] == {"weak": 6, "more": 8}
    assert {*edited.groups} == {"mail", "web"}
    assert edited.edited({"fit[2]": None, "fit.New": None}).to_dict()["fit"] == []


@given(strategies2.documents(), st.data())
def test_an_edit_changes_the_path_it_names_and_nothing_else(document, data):
    text = ls.Rulebook.from_dict(document).to_yaml()
    rulebook = ls.Rulebook.from_yaml("# a word before\n" + text + "# and one after\n")
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
    assert edited.to_yaml().startswith("# a word before\n")
    assert edited.to_yaml().endswith("# and one after\n")
