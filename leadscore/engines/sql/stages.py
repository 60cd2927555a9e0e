"""Stages that leads reached, read by leadscore and held against the contract: their order is put right there."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from leadscore.base.stages import STAGES
from leadscore.base.times import one_array, read_times
from leadscore.engines.sql.relations import Relation
from leadscore.errors import ContractError, Problem
from leadscore.rulebook import Rulebook
from leadscore.sources.columns import distinct, plain_ids
from leadscore.sources.contract import Breaches, refuse
from leadscore.sources.source import open_source
from leadscore.tables.ids import Ids
from leadscore.tables.lead_history import Records
from leadscore.tables.outcomes import read_outcomes


def stages_reached(rulebook: Rulebook, relations: dict[str, Relation], today: int) -> tuple[pa.Table, int]:
    """The stages of each lead up to a day, as `id`, `stage`, `age` and `n`, which is 1; and how many outcomes.

    Raises
    ------
    ContractError
        If there are no outcomes, or they break the contract.
    """
    if "outcomes" not in relations:
        message = f"{rulebook.name!r} asks for stages: give the table of outcomes"
        raise ContractError("tables", [Problem("outcomes", message)])
    outcomes, leads = relations["outcomes"], relations["leads"]
    dialect = outcomes.server.dialect
    picked = ", ".join(
        f"{outcomes.column(name, dialect)} AS {dialect.quoted(name)}" for name in ("lead_id", "stage", "at")
    )
    rows = outcomes.server.fetch(f"SELECT {picked} FROM {outcomes.read} AS o")
    names = [name for name in ("lead_id", "created_at") if name in leads]
    theirs = ", ".join(f"{leads.column(name, dialect)} AS {dialect.quoted(name)}" for name in names)
    own = f"SELECT {outcomes.column('lead_id', dialect)} FROM {outcomes.read} AS o"
    lead = leads.column("lead_id", dialect)
    held = leads.server.fetch(f"SELECT {theirs} FROM {leads.read} AS l WHERE {lead} IN ({own})")
    array = plain_ids(held["lead_id"], "leads")
    codes, known = distinct(array)
    ids = Ids(pa.array(known, array.type))
    created = read_times(one_array(held["created_at"])) if "created_at" in held.column_names else None
    breaches = Breaches(open_source(rows, "outcomes"), rulebook.missing_values)
    at = Records(codes, len(ids), created).created_at()
    stages, _, _ = read_outcomes(ids, at, breaches, {}, None, rulebook.timezone)
    refuse(breaches.problems())
    day = stages.times.days(rulebook.timezone)
    kept = np.flatnonzero(day <= today)
    found = pa.table(
        {
            "id": ids.array.take(pa.array(stages.lead[kept])),
            "stage": pa.array([STAGES[one] for one in stages.stage[kept]], pa.large_string()),
            "age": pa.array(today - day[kept], pa.int64()),
            "n": pa.array(np.ones(len(kept)), pa.int64()),
        }
    )
    return found, rows.num_rows
