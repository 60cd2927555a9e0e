"""`changed_rows`: what differs between the scores of two days, one row per lead, for what copies scores elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from leadscore.base.arguments import Arguments
from leadscore.base.text import counted, shown
from leadscore.base.times import is_text, one_array
from leadscore.errors import Problem, did_you_mean
from leadscore.scoring.scores import Scores
from leadscore.sources.columns import blank, plain_ids
from leadscore.sources.contract import missing_columns, refuse
from leadscore.sources.source import open_source

# What sales acts on. Decay moves the total of most leads every night.
WATCHED = ("grade", "qualified", "via")
_KINDS = dict.fromkeys(("fit", "behaviour", "total", "threshold"), pa.float64()) | {"qualified": pa.bool_()}
_TEXT = pa.large_string()
# Types that hold missing values without becoming others.
_FRAME = {pa.bool_(): pd.BooleanDtype(), _TEXT: pd.StringDtype()}


def changed_rows(scores: Scores, old: Any = None, *, columns: str | Sequence[str] = WATCHED) -> pd.DataFrame:
    """The leads whose scores are not what they were: those to send to the CRM.

    Parameters
    ----------
    scores : Scores
        Of today.
    old : Scores or table, optional
        Of the day before: a result of `score`, its frame, or the Parquet file that `leadscore score` wrote. Without
        it every lead is new.
    columns : str or list of str
        Columns of `Scores.frame` whose changes count; by default `grade`, `qualified` and `via`. With `total` most
        leads change every day, as behaviour decays.

    Returns
    -------
    DataFrame, index lead_id
        One row per lead that changed, unique: `change` (new, changed, gone), and for each of the columns its value
        today and, as `was_` and its name, the one before. A lead that is gone has no values today. Today's leads come
        first, in their order. Missing equals missing; text is text, `qualified` True, False or missing.

    Raises
    ------
    ArgumentError
        If the scores have no such column, or none is given.
    ContractError
        If the old table lacks one of the columns, has a lead twice or without an id, or ids of another kind.

    Examples
    --------
    >>> import leadscore as ls
    >>> rulebook = ls.Rulebook.from_yaml('''
    ... leadscore: 1
    ... name: demo
    ... behaviour: [{name: Visit, event: visit, points: 10, within_days: 7}]
    ... qualify: {threshold: 10}
    ... ''')
    >>> events = pd.DataFrame({"lead_id": ["a", "b"], "event": "visit", "at": ["2026-03-24", "2026-03-30"]})
    >>> tables = ls.load_tables(pd.DataFrame({"lead_id": ["a", "b"]}), events, rulebook=rulebook)
    >>> before, today = (ls.score(tables, rulebook, as_of=day) for day in ("2026-03-30", "2026-03-31"))
    >>> changed_rows(today, before, columns="qualified")
              change  qualified  was_qualified
    lead_id
    a        changed      False           True
    """
    with Arguments("changed_rows") as given:
        given.types(scores=(scores, Scores))
        names = given.names("columns", columns)
        known = [] if given.problems else [*scores.frame.columns]
        for name in [] if given.problems else names:
            if name not in known:
                given.wrong("columns", f"scores have no column {name!r}{did_you_mean(name, known)}")
        if not names and not given.problems:
            given.wrong("columns", f"must name at least one of {', '.join(known)}; got {shown(columns)}")
    now = {name: pa.array(scores.frame[name].astype(object), _kind(name), from_pandas=True) for name in names}
    ids, was = _before(scores, old, names)
    place = pd.Index(ids.to_pandas()).get_indexer(scores.lead_ids)
    there = {name: column.take(pa.array(place, mask=place < 0)) for name, column in was.items()}
    differs = place < 0
    for name in names:
        differs |= _differ(now[name], there[name])
    rows, left = pa.array(np.flatnonzero(differs)), np.ones(len(ids), bool)
    left[place[place >= 0]] = False
    gone = pa.array(np.flatnonzero(left))
    change = np.concatenate([np.where(place[differs] < 0, "new", "changed"), np.full(len(gone), "gone")])
    found = {"change": pa.array(change.astype(object), _TEXT)}
    for name in names:
        found[name] = pa.concat_arrays([now[name].take(rows), pa.nulls(len(gone), _kind(name))])
        found[f"was_{name}"] = pa.concat_arrays([there[name].take(rows), was[name].take(gone)])
    gone_ids = pd.Index(ids.take(gone).to_pandas())
    frame = pa.table(found).to_pandas(types_mapper=_FRAME.get)
    kept = scores.lead_ids[differs]
    return frame.set_axis((kept.append(gone_ids) if len(gone_ids) else kept).rename("lead_id"))


def _kind(name: str) -> pa.DataType:
    return _KINDS.get(name, _TEXT)


def _differ(now: pa.Array, was: pa.Array) -> Any:
    """Where two columns differ; missing equals missing."""
    apart = pc.fill_null(pc.not_equal(now, was), False)
    return pc.or_(apart, pc.xor(now.is_null(), was.is_null())).to_numpy(zero_copy_only=False)


def _before(scores: Scores, old: Any, names: Sequence[str]) -> tuple[pa.Array, dict[str, pa.Array]]:
    """The leads of the day before, and their columns."""
    if old is None:
        return pa.array([], _TEXT), {name: pa.array([], _kind(name)) for name in names}
    source = open_source(old.frame[[*names]] if isinstance(old, Scores) else old, "old")
    wanted = ["lead_id", *names]
    refuse(missing_columns(source, wanted))
    table = source.table(wanted)
    ids = plain_ids(table["lead_id"], "old")
    ids = ids.cast(ids.type.value_type) if pa.types.is_dictionary(ids.type) else ids
    problems = []
    if empty := int(blank(ids).sum()):
        problems.append(Problem("old.lead_id", f"{counted(empty, 'row')} without a lead_id"))
    if twice := len(ids) - len(ids.unique()):
        problems.append(Problem("old.lead_id", f"{counted(twice, 'row')} of leads that have one already"))
    if len(ids) and len(scores) and is_text(ids.type) is (scores.lead_ids.dtype.kind in "iu"):
        kinds = ("text", "numbers") if is_text(ids.type) else ("numbers", "text")
        problems.append(Problem("old.lead_id", f"ids are {kinds[0]}, those of the scores are {kinds[1]}"))
    columns = {}
    for name in names:
        try:
            columns[name] = _as_kind(one_array(table[name]), _kind(name))
        except pa.ArrowException:
            message = f"values are {table[name].type}, those of scores are {_kind(name)}"
            problems.append(Problem(f"old.{name}", message))
    refuse(problems)
    return ids, columns


def _as_kind(array: pa.Array, kind: pa.DataType) -> pa.Array:
    array = array.cast(array.type.value_type) if pa.types.is_dictionary(array.type) else array
    array = array.cast(kind)
    return pc.if_else(pc.is_nan(array), None, array) if pa.types.is_floating(kind) else array
