"""Whether two answers say the same of every lead, to the last digit.

    python benchmarks/compare.py REFERENCE.parquet ANSWER.parquet

prints JSON: how many leads differ in anything, and in which columns; -1 stands beside a column that only one side has.
An answer for a sample is compared on its leads, and says with `"leads"` how many those are. Kept apart from run.py so
that the harness stays small: on Linux a child's peak memory is at least what its parent held when it was started.
"""

from __future__ import annotations

import json
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq


def read(path: str) -> pd.DataFrame:
    """The answer by lead; whatever the kind of text column, as text."""
    table = pq.read_table(path)
    for place, field in enumerate(table.schema):
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
            table = table.set_column(place, field.name, table.column(place).cast(pa.large_string()))
    frame: pd.DataFrame = table.to_pandas(date_as_object=False)
    if not frame["lead_id"].is_unique:
        message = f"{path}: a lead occurs twice"
        raise ValueError(message)
    return frame.set_index("lead_id")


def differing(reference: pd.DataFrame, answer: pd.DataFrame, *, sample: bool) -> dict[str, object]:
    """Leads that differ, by column; leads that only one side has."""
    both = reference.index.intersection(answer.index)
    there, here = reference.loc[both], answer.loc[both]
    columns: dict[str, int] = {}
    wrong = np.zeros(len(both), dtype=bool)
    for column in dict.fromkeys([*reference.columns, *answer.columns]):
        if column not in reference.columns or column not in answer.columns:
            columns[column] = -1
            continue
        left, right = there[column], here[column]
        bad = ~((left == right).fillna(value=False) | (left.isna() & right.isna())).to_numpy(dtype=bool)
        wrong |= bad
        if bad.any():
            columns[column] = int(bad.sum())
    alone = len(answer) - len(both) + (0 if sample else len(reference) - len(both))
    return {"leads": len(both), "differ": int(wrong.sum()) + alone, "only_on_one_side": alone, "columns": columns}


def main() -> None:
    """Compare two files; a third argument `sample` allows the answer to have fewer leads."""
    reference, answer = read(sys.argv[1]), read(sys.argv[2])
    print(json.dumps(differing(reference, answer, sample="sample" in sys.argv[3:])))


if __name__ == "__main__":
    main()
