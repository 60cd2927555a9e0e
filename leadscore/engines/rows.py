"""Results as Arrow rows, of the same types whatever the rows hold: those of a part go with those of all others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa

from leadscore.tables.ids import Ids

if TYPE_CHECKING:
    from leadscore.scoring.replay import History
    from leadscore.scoring.scores import Scores

_NAMES = pa.dictionary(pa.int32(), pa.string())


def score_rows(scored: Sequence[Scores]) -> pa.Table:
    """One row per lead: id, points, verdict, and the three rules that moved it most.

    Of several rulebooks each has these columns, with its name and a point in front.
    """
    frames = [scores.frame.join(scores.reasons(3)) for scores in scored]
    if len(scored) > 1:
        names = [scores.rulebook.name for scores in scored]
        frames = [frame.add_prefix(f"{name}.") for name, frame in zip(names, frames, strict=True)]
    return as_rows(pd.concat(frames, axis=1), scored[0].tables.ids)


def history_rows(history: History) -> pa.Table:
    """One row per lead that qualified in the period, as `History.frame` has it."""
    return as_rows(history.frame, history.tables.ids)


def as_rows(frame: pd.DataFrame, ids: Ids | None = None) -> pa.Table:
    """A frame and its index as Arrow has it: days are days, names are text, and `ids` as the leads have them."""
    table = pa.Table.from_pandas(frame.reset_index(), preserve_index=False)
    return table.cast(pa.schema([_one_type(field, ids) for field in table.schema], table.schema.metadata))


def _one_type(field: pa.Field, ids: Ids | None) -> pa.Field:
    if field.name == "lead_id" and ids is not None:
        return field.with_type(ids.array.type)
    if pa.types.is_dictionary(field.type):
        return field.with_type(_NAMES)
    # Times without a zone are none in our frames.
    naive = pa.types.is_timestamp(field.type) and field.type.tz is None
    return field.with_type(pa.date32()) if naive else field
