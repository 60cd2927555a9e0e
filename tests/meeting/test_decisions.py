"""What the teams decided is read with care, and only ever added to."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadscore.errors import ArgumentError, DecisionsError
from leadscore.meeting.decisions import FIGURES, Decisions, add_decision

TEXT = """\
# What we decided, and how we will know.
- id: D-07
  agreed_on: 2026-02-02
  decision: call new MQLs within 60 minutes   # alerts go to the phone
  owner: Sales
  check: {figure: responded_within, minutes: 60, at_least: 80%, by: 2026-04-30}
  state: open
- id: D-08
  agreed_on: 2026-02-02
  decision: a reason with every refusal
  check: {figure: reason_with_refusal, at_least: 1}
  state: dropped
  replaced_by: D-07
"""


def problems(text):
    with pytest.raises(DecisionsError) as caught:
        Decisions.from_yaml(text, source="decisions.yaml")
    return [str(problem).split("\n")[0] for problem in caught.value.problems]


def test_decisions_are_read():
    first, second = Decisions.from_yaml(TEXT).decisions
    assert (first.id, first.agreed_on, first.owner, first.state) == ("D-07", dt.date(2026, 2, 2), "Sales", "open")
    assert (first.check.figure, first.check.minutes, first.check.at_least) == ("responded_within", 60, 0.8)
    assert (second.replaced_by, second.check.at_least, second.check.by) == ("D-07", 1, None)


def test_all_that_is_wrong_is_said_at_once_with_its_line():
    text = TEXT.replace("state: open", "state: opened").replace("figure: reason_with_refusal", "figure: reasons")
    state, figure = problems(text)
    assert (
        state == "line 7, decisions[0].state: must be 'open', 'kept' or 'dropped'; got 'opened'; did you mean 'open'?"
    )
    assert figure.startswith("line 11, decisions[1].check.figure: must be 'mqls_per_week', 'accepted', ")
    assert figure.endswith("'filled' or 'persona'; got 'reasons'")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("owner: Sales", "id: D-07", "line 2, decisions[0]: the key 'id' is written twice, on lines 2 and 5"),
        (
            "D-07\n",
            "D-06\n",
            "line 13, decisions[1].replaced_by: there is no other decision 'D-07'; did you mean 'D-08'?",
        ),
        ("minutes: 60, ", "", "line 6, decisions[0].check: 'responded_within' needs 'minutes'"),
        (
            "at_least: 1}",
            "at_least: 1, days: 2}",
            "line 11, decisions[1].check.days: 'reason_with_refusal' takes no 'days'",
        ),
        (
            "at_least: 1}",
            "at_least: 1, at_most: 1}",
            "line 11, decisions[1].check: needs either 'at_least' or 'at_most'",
        ),
        ("at_least: 1}", "by: 2026-04-01}", "line 11, decisions[1].check: needs either 'at_least' or 'at_most'"),
        (
            "at_least: 1}",
            "at_least: 60}",
            "line 11, decisions[1].check.at_least: 'reason_with_refusal' is a share: write 80% or 0.8; got 60",
        ),
        ("80%", "180%", "line 6, decisions[0].check.at_least: must be a share such as 60% or 0.6; got '180%'"),
        ("  owner: Sales\n", "  ownr: Sales\n", "line 5, decisions[0].ownr: unknown key 'ownr'; did you mean 'owner'?"),
    ],
)
def test_what_cannot_be_meant_is_refused(old, new, said):
    assert problems(TEXT.replace(old, new, 1)) == [said]


def test_two_decisions_of_one_id_are_refused():
    assert problems(TEXT.replace("id: D-08", "id: D-07").replace("  replaced_by: D-07\n", "")) == [
        "line 8, decisions[1].id: 'D-07' is the id of another decision too"
    ]


def test_a_mapping_is_no_list_of_decisions():
    assert problems("id: D-01") == ["line 1: a decisions file is a list that begins with '- id: D-01'; found a mapping"]


def test_each_figure_is_one_that_a_check_may_name():
    for figure, needs in FIGURES.items():
        values = {"minutes": 60, "days": 14, "column": "x", "persona": "y"}
        more = "".join(f", {name}: {values[name]}" for name in needs)
        text = f"- {{id: a, agreed_on: 2026-01-01, decision: d, check: {{figure: {figure}{more}, at_least: 0.5}}}}"
        assert Decisions.from_yaml(text).decisions[0].check.figure == figure


def test_a_decision_is_added_and_what_stands_there_stays(tmp_path):
    path = tmp_path / "decisions.yaml"
    path.write_text(TEXT, encoding="utf-8")
    assert add_decision(path, "raise the bar for coordinators to 90", agreed_on="2026-03-31", owner="Ana") == "D-09"
    after = path.read_text(encoding="utf-8")
    assert after.startswith(TEXT)
    last = Decisions.read(path).decisions[-1]
    assert (last.decision, last.owner, last.agreed_on) == (
        "raise the bar for coordinators to 90", "Ana", dt.date(2026, 3, 31),
    )  # fmt: skip


def test_entries_that_stand_further_right_get_another_beside_them(tmp_path):
    path = tmp_path / "decisions.yaml"
    path.write_text("".join(f"  {line}\n" for line in TEXT.splitlines()), encoding="utf-8")
    assert add_decision(path, "x: y", agreed_on="2026-03-31") == "D-09"


def test_a_list_in_brackets_is_left_as_it_is(tmp_path):
    path = tmp_path / "decisions.yaml"
    path.write_text("[{id: D-01, agreed_on: 2026-01-01, decision: x}]\n", encoding="utf-8")
    with pytest.raises(DecisionsError, match="cannot be added at the end, as the file is written"):
        add_decision(path, "x", agreed_on="2026-03-31")
    assert path.read_text(encoding="utf-8").startswith("[")


def test_the_first_decision_makes_the_file(tmp_path):
    path = tmp_path / "decisions.yaml"
    assert add_decision(path, "x", agreed_on="2026-03-31") == "D-01"
    assert len(Decisions.read(path).decisions) == 1


@given(st.text(min_size=1).filter(lambda text: text.strip()), st.booleans())
def test_any_text_is_added_as_it_stands_or_refused_and_nothing_is_lost(tmp_path_factory, text, ended):
    path = tmp_path_factory.mktemp("decisions") / "decisions.yaml"
    before = TEXT if ended else TEXT.rstrip("\n")
    path.write_text(before, encoding="utf-8")
    try:
        add_decision(path, text, agreed_on="2026-03-31")
    except DecisionsError:
        assert path.read_text(encoding="utf-8") == before
        assert not text.isprintable()
        return
    assert path.read_text(encoding="utf-8").startswith(before)
    assert Decisions.read(path).decisions[-1].decision == text.strip()


def test_nothing_is_added_to_a_file_that_cannot_be_read(tmp_path):
    path = tmp_path / "decisions.yaml"
    path.write_text("- id: [", encoding="utf-8")
    with pytest.raises(DecisionsError):
        add_decision(path, "x", agreed_on="2026-03-31")
    assert path.read_text(encoding="utf-8") == "- id: ["


@pytest.mark.parametrize(
    ("decision", "day"), [("", "2026-03-31"), ("  ", "2026-03-31"), (5, "2026-03-31"), ("x", "soon")]
)
def test_an_empty_decision_or_no_day_is_refused(tmp_path, decision, day):
    with pytest.raises(ArgumentError):
        add_decision(tmp_path / "decisions.yaml", decision, agreed_on=day)
    assert not (tmp_path / "decisions.yaml").exists()
