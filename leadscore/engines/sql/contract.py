"""What must hold of the rows before their figures count, as queries that must give 0."""

from __future__ import annotations

from leadscore.base.times import is_text
from leadscore.engines.sql.columns import Lookups
from leadscore.engines.sql.relations import ByRow, Check, Relation


def contract(lookups: Lookups, leads: Relation, events: Relation | None) -> dict[str, Check]:
    """The checks of the rows, beside those of their values."""
    return _of_leads(leads) | ({} if events is None else _of_events(lookups, leads, events))


def _of_leads(leads: Relation) -> dict[str, Check]:
    lead, rows = leads.column("lead_id"), leads.rows
    by, message = [lead], "a lead_id that is not unique"
    if "valid_from" in leads:
        by, message = [lead, leads.column("valid_from")], "a lead_id with the same valid_from again"
    again = f"SELECT 1 AS one {rows} GROUP BY {', '.join(by)} HAVING COUNT(*) > 1"
    blank = f" OR {lead} = ''" if is_text(leads.kind("lead_id")) else ""
    checks = {
        "duplicate leads": Check("leads.lead_id", _number(again), message),
        "leads without an id": ByRow(rows, f"{lead} IS NULL{blank}").check("leads.lead_id", "no lead_id"),
    }
    if "valid_from" in leads and "created_at" in leads:
        created = leads.column("created_at")
        several = f"SELECT 1 AS one {rows} GROUP BY {lead} HAVING COUNT(DISTINCT {created}) > 1"
        message = "a lead with different created_at"
        checks["created at different times"] = Check("leads.created_at", _number(several), message)
    return checks


def _number(rows: str) -> str:
    return f"SELECT COUNT(*) AS n FROM ({rows}) AS t"


def _of_events(lookups: Lookups, leads: Relation, events: Relation) -> dict[str, Check]:
    rows, event, at = events.rows, events.column("event"), lookups.zone(events, "at")
    lead = events.column("lead_id")
    known = f"LEFT JOIN (SELECT DISTINCT {leads.column('lead_id')} AS id {leads.rows}) AS l ON l.id = {lead}"
    empty = f" OR {event} = ''" if is_text(events.kind("event")) else ""
    orphans, no_time = ByRow(rows, "l.id IS NULL", known), ByRow(rows, f"{events.column('at')} IS NULL OR {at.wild()}")
    return {
        "events of no lead": orphans.check("events.lead_id", "events of leads that are not among the leads"),
        "events without a name": ByRow(rows, f"{event} IS NULL{empty}").check("events.event", "no event"),
        "events without a time": no_time.check("events.at", "no time, or one outside the years 1 to 9999"),
    }
