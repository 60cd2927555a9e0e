"""Situations that people reported, said in the words that were made for them."""

import pandas as pd
import pytest

import leadscore as ls

AS_OF = "2026-03-31"


def scored(text, leads, events=None):
    rulebook = ls.Rulebook.from_yaml(text)
    tables = ls.load_tables(pd.DataFrame(leads), None if events is None else pd.DataFrame(events), rulebook=rulebook)
    return ls.score(tables, rulebook, as_of=AS_OF)


def test_a_contract_that_ends_soon_needs_no_edit_every_night():
    text = """
leadscore: 2
name: soon
columns: {contract_end: {type: date}}
fit: [{name: Ends soon, when: {contract_end: {days_ahead: {at_most: 90}}}, points: 10}]
qualify: {threshold: 10}
"""
    ends = ["2026-03-30", "2026-03-31", "2026-06-29", "2026-06-30", None]
    scores = scored(text, {"lead_id": list("abcde"), "contract_end": ends})
    assert scores.frame["fit"].tolist() == [0, 10, 10, 0, 0]


def test_twenty_at_most_for_each_webcast_also_those_not_invented_yet():
    text = """
leadscore: 2
name: programs
behaviour:
  - {name: Opens, event: email_open, points: 4, count: each, group: program}
  - {name: Clicks, event: email_click, points: 10, count: each, group: program}
  - {name: Form, event: form, points: 10, count: each, group: program}
  - {name: Attends, event: attended, points: 10, count: each, group: program}
groups: {program: {per: program, each_at_most: 20}}
qualify: {threshold: 10}
"""
    rows = [("A1", event, "w1") for event in ("email_open", "email_click", "form", "attended")]
    rows += [("B2", event, program) for program in ("w1", "w2") for event in ("form", "attended")]
    events = pd.DataFrame(rows, columns=["lead_id", "event", "program"]).assign(at="2026-03-30")
    scores = scored(text, {"lead_id": ["A1", "B2"]}, events)
    assert scores.frame["behaviour"].to_dict() == {"A1": 20, "B2": 40}
    lines = scores.explain("A1").lines.set_index("line")["points"]
    assert lines["limit program per program"] == -14
    assert lines.sum() == 20


def test_a_lead_that_came_yesterday_has_not_been_quiet_for_a_month():
    text = """
leadscore: 2
name: quiet
conditions:
  quiet for 30 days:
    all: [{created_at: {days_ago: {at_least: 30}}}, {not: {did: {event: [visit, email_click], within_days: 30}}}]
  quiet for 90 days:
    all: [{created_at: {days_ago: {at_least: 90}}}, {not: {did: {event: [visit, email_click], within_days: 90}}}]
behaviour:
  - {name: Quiet 30, when: quiet for 30 days, points: -10}
  - {name: Quiet 90, when: quiet for 90 days, points: -20}
qualify: {threshold: 0}
"""
    leads = {"lead_id": ["new", "old", "active"], "created_at": ["2026-03-30", "2024-01-01", "2024-01-01"]}
    scores = scored(text, leads, {"lead_id": ["active"], "event": "visit", "at": "2026-03-20"})
    assert scores.frame["behaviour"].to_dict() == {"new": 0, "old": -30, "active": 0}


@pytest.mark.parametrize("lists", [False, True])
def test_one_box_of_many_as_text_and_as_a_list(lists):
    text = """
leadscore: 2
name: boxes
columns: {channels: {type: options}}
fit:
  - {name: Chat, when: {channels: {has_option: Chat}}, points: 10}
  - {name: Boxes, column: channels, from: {1: 2, 2: 4, 3: 6}}
qualify: {threshold: 10}
"""
    cells = ["Chat;Email", "Live chat;Phone", "Email;Live chat", "Email; CHAT ;chat", ";", None]
    boxes = [cell and cell.split(";") for cell in cells] if lists else cells
    scores = scored(text, {"lead_id": list("ABCDEF"), "channels": boxes})
    assert scores.frame["fit"].tolist() == [14, 4, 4, 14, 0, 0]
