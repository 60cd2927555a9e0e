"""Results of `leadscore.sales` in which lead ids, columns, groups, owners and reasons have the names given."""

import pandas as pd

import leadscore as ls
from leadscore.sales.conversion import funnel
from leadscore.sales.deals.pipeline import pipeline
from leadscore.sales.deals.stuck import stuck
from leadscore.sales.deals.weighted_pipeline import weighted_pipeline
from leadscore.sales.handover.personas import personas
from leadscore.sales.handover.routes import routes
from leadscore.sales.kept.promises import promises
from leadscore.sales.kept.records import records
from leadscore.sales.response.acceptance import acceptance
from leadscore.sales.response.cherry_picking import cherry_picking
from leadscore.sales.response.response_times import response_times
from tests.support.hostile import as_id, printable

BOOK = ls.Rulebook.from_yaml("{leadscore: 1, name: x, fit: [], behaviour: [], qualify: {threshold: 0}}")
# Half of the leads are worked, all of one name: sales picks them.
_N = 40
_PERIOD = {"start": "2026-03-02", "end": "2026-03-29"}


def _column(name):
    """A lead column of this name, where a column may have it."""
    return f"source {name}"


def _tables(one, other):
    ids = [f"{as_id(one)}{number}" for number in range(_N)]
    leads = pd.DataFrame({"lead_id": ids, _column(one): [one, f"{other}."] * (_N // 2), "created_at": "2026-03-01"})
    worked = ids[::2]
    parts = [("mql", ids, "T08:00Z"), ("contacted", worked, "T09:00Z"), ("sal", worked[1:], "T10:00Z")]
    parts.append(("rejected", ids[1:3:2] + worked[:1], "T11:00Z"))
    outcomes = pd.concat(
        pd.DataFrame({"lead_id": lead, "stage": stage, "at": "2026-03-02" + at, "owner": other, "reason": one})
        for stage, lead, at in parts
    )
    columns = [_column(one)]
    return ls.load_tables(leads, None, outcomes, rulebook=BOOK, columns=columns, observed_until="2026-04-30")


def _personas(one, other):
    name = printable(one)
    document = {"leadscore": 1, "name": "x", "qualify": {"threshold": 0}}
    document["personas"] = [{"name": f"P {name}", "when": {_column(name): {"has_word": "nobody"}}}]
    document["agreement"] = {"marketing": {"mix": {f"P {name}": "10%"}}}
    return personas(_tables(name, other), ls.Rulebook.from_dict(document), **_PERIOD)


def _records(one, other):
    name = _column(printable(one))
    document = {"leadscore": 1, "name": "x", "qualify": {"threshold": 0}}
    document["columns"] = {name: {"type": "text", "required": "handoff", "update": {"from": "sal", "within_days": 1}}}
    return records(_tables(printable(one), other), ls.Rulebook.from_dict(document), **_PERIOD)


def _open_deals(one, other):
    """Leads of which all but one left their stage, and a deal, each with a name of its own."""
    ids = [f"{as_id(one)}{number}" for number in range(8)]
    rows = [(lead, "mql", "2026-03-02T08:00Z", None) for lead in ids]
    rows += [(lead, "contacted", f"2026-03-02T{9 + number:02}:00Z", None) for number, lead in enumerate(ids[1:])]
    rows += [(ids[1], "opportunity", "2026-03-05T08:00Z", as_id(other))]
    outcomes = pd.DataFrame(rows, columns=["lead_id", "stage", "at", "deal_id"])
    return ls.load_tables(pd.DataFrame({"lead_id": ids}), None, outcomes, rulebook=BOOK, observed_until="2026-03-20")


def _promises(one, other):
    name = _column(printable(one))
    document = {"leadscore": 1, "name": "x", "qualify": {"threshold": 0}, "columns": {name: {"type": "text"}}}
    document["agreement"] = {"marketing": {"complete_at_handover": {name: "90%"}}}
    return promises(_tables(printable(one), other), ls.Rulebook.from_dict(document), **_PERIOD)


def _picking(one, other):
    tables = _tables(one, other)
    score = pd.Series(1, tables.ids.array.to_pylist())
    return cherry_picking(tables, BOOK, score=score, columns=[_column(one)])


def _deals(one, other):
    ids = [f"{as_id(one)}{number}" for number in range(12)]
    outcomes = pd.DataFrame({"lead_id": ids, "stage": "opportunity", "at": "2026-03-12", "deal_id": ids, "amount": 5})
    touches = pd.DataFrame({"lead_id": ids, "at": "2026-03-02", "channel": [f"x{one}", f"x{other}"] * 6})
    costs = pd.DataFrame({"channel": [f"x{one}", f"y {other}", f"z {other}"], "month": "2026-03", "amount": 5})
    leads = pd.DataFrame({"lead_id": ids})
    marketing = {"touches": touches, "costs": costs.drop_duplicates("channel")}
    return ls.load_tables(leads, None, outcomes, rulebook=BOOK, observed_until="2026-03-29", **marketing)


RESULTS = {
    "FunnelTable": lambda one, other: funnel(_tables(one, other), within_days=30, by=_column(one), **_PERIOD),
    "Acceptance": lambda one, other: acceptance(_tables(one, other), by=_column(one), **_PERIOD),
    "ResponseTimes": lambda one, other: response_times(_tables(one, other), BOOK, by="owner", **_PERIOD),
    "CherryPicking": _picking,
    "Pipeline": lambda one, other: pipeline(_deals(one, other), BOOK, **_PERIOD),
    "WeightedPipeline": lambda one, other: weighted_pipeline(_deals(one, other), BOOK, **_PERIOD, agreed_share=0.2),
    "Personas": _personas,
    "Promises": _promises,
    "Records": _records,
    "Stuck": lambda one, other: stuck(_open_deals(one, other)),
    "Routes": lambda one, other: routes(_tables(one, other), BOOK, **_PERIOD),
}
