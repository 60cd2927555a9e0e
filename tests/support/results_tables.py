"""Results of `leadscore.tables` and `leadscore.datasets` in which ids, columns and events have the names given."""

import json

import pandas as pd

import leadscore as ls
from leadscore.tables.bots import flag_bots
from leadscore.tables.daily_activity import daily_activity
from tests.support.hostile import as_id, printable


def _events(one, other):
    return pd.DataFrame(
        {
            "lead_id": [f"{as_id(one)}1", f"{as_id(other)}2", f"{as_id(one)}1"],
            "event": [f"event {one}", f"event {one}", f"event {other}"],
            "at": "2026-03-10T09:00:01Z",
        }
    )


def _tables(one, other):
    column = printable(f"column {one}")
    leads = pd.DataFrame(
        {"lead_id": [f"{as_id(one)}1", f"{as_id(one)}1", f"{as_id(other)}2"], column: [one, other, None]}
    )
    document = {"leadscore": 1, "name": printable(other), "columns": {column: {"type": "text", "required": "handoff"}}}
    book = ls.Rulebook.from_dict(document | {"fit": [], "behaviour": [], "qualify": {"threshold": 0}})
    # By hours out of order, which is named.
    stages = {"stage": ["won", "sql"], "at": ["2026-03-10T08:00:00Z", "2026-03-10T09:00:00Z"]}
    outcomes = pd.DataFrame({"lead_id": f"{as_id(one)}1"} | stages)
    return ls.load_tables(leads, _events(one, other), outcomes, rulebook=book, strict=False)


def _imported(one, other):
    block, column = f"block {one}", f"column {other}"
    document = {
        "data": 1,
        "sources": {printable(one): {"columns": {printable(column): {"type": "number"}}}},
        "leads": {printable(block): {"from": printable(one), "lead_id": "id", "columns": {"x": printable(column)}}},
    }
    data = ls.imports.DataFile.from_yaml(json.dumps(document), source=f"{other}.yaml")
    people = pd.DataFrame({"id": [f"{as_id(one)}1", f"{as_id(other)}2"], printable(column): ["5", one]})
    return ls.imports.import_tables(data, sources={printable(one): people}, strict=False)


RESULTS = {
    "Imported": _imported,
    "Tables": _tables,
    "Bots": lambda one, other: flag_bots(_events(one, other), clicks=[f"event {one}"], opens=[], views=[]),
    "DailyActivity": lambda one, other: daily_activity(_events(one, other)),
    "Funnel": lambda one, other: ls.datasets.make_funnel(len(one) + len(other), random_state=1),
    "Company": lambda one, other: ls.datasets.make_company(len(one) + len(other), random_state=1),
}
