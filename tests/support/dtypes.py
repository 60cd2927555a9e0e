"""The same values in every type that a column of a table can have."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa


def _filled(values, missing=np.nan):
    return [missing if value is None else value for value in values]


def _each(values, change):
    return [None if value is None else change(value) for value in values]


def _arrow(kind):
    return lambda values: pd.Series(values, dtype=pd.ArrowDtype(kind))


def _encoded(values):
    return pd.Series(pd.arrays.ArrowExtensionArray(pa.array(values).dictionary_encode()))


NUMBERS = {
    "float64": lambda values: pd.Series(_filled(values), dtype=float),
    "float32": lambda values: pd.Series(_filled(values), dtype="float32"),
    "float16": lambda values: pd.Series(_filled(values), dtype="float16"),
    "Int64": lambda values: pd.Series(values, dtype="Int64"),
    "UInt8": lambda values: pd.Series(values, dtype="UInt8"),
    "Float64": lambda values: pd.Series(values, dtype="Float64"),
    "objects": lambda values: pd.Series(values, dtype=object),
    "objects with NA": lambda values: pd.Series(_filled(values, pd.NA), dtype=object),
    "ints and floats": lambda values: pd.Series(
        [value if place % 2 else None if value is None else float(value) for place, value in enumerate(values)],
        dtype=object,
    ),
    "numpy scalars": lambda values: pd.Series(_each(values, np.int32), dtype=object),
    "Decimal": lambda values: pd.Series(_each(values, Decimal), dtype=object),
    "Decimal and floats": lambda values: pd.Series(
        [None if value is None else Decimal(value) if place % 2 else float(value) for place, value in enumerate(values)]
    ),
    "Arrow ints": _arrow(pa.int64()),
    "Arrow floats": _arrow(pa.float64()),
    "Arrow decimals": lambda values: _arrow(pa.decimal128(9, 2))(_each(values, Decimal)),
    "Arrow dictionary": _encoded,
    "category": lambda values: pd.Series(values, dtype=object).astype("category"),
    "category of floats": lambda values: pd.Series(_filled(values), dtype=float).astype("category"),
    "ordered category": lambda values: pd.Series(pd.Categorical(values, ordered=True)),
    "sparse": lambda values: pd.Series(pd.arrays.SparseArray(np.array(_filled(values), float))),
    "sparse about 0": lambda values: pd.Series(pd.arrays.SparseArray(np.array(_filled(values), float), fill_value=0)),
    "text": lambda values: pd.Series(_each(values, str), dtype=object),
    "Arrow text": lambda values: _arrow(pa.string())(_each(values, str)),
}
TRUTHS = {
    "boolean": lambda values: pd.Series(values, dtype="boolean"),
    "objects": lambda values: pd.Series(values, dtype=object),
    "objects with NaN": lambda values: pd.Series(_filled(values), dtype=object),
    "numpy scalars": lambda values: pd.Series(_each(values, np.bool_), dtype=object),
    "Arrow": _arrow(pa.bool_()),
    "Arrow dictionary": _encoded,
    "category": lambda values: pd.Series(values, dtype=object).astype("category"),
    "True and 1": lambda values: pd.Series(
        [None if value is None else int(value) if place % 2 else value for place, value in enumerate(values)]
    ),
    "floats": lambda values: pd.Series(_filled(values), dtype=float),
    "Int64": lambda values: pd.Series(_each(values, int), dtype="Int64"),
    "Decimal": lambda values: pd.Series(_each(values, lambda value: Decimal(int(value)))),
    "category of 1 and 0": lambda values: pd.Series(_each(values, int), dtype="Int64").astype("category"),
    "text": lambda values: pd.Series(_each(values, str), dtype=object),
    "TRUE": lambda values: pd.Series(_each(values, lambda value: str(value).upper()), dtype="string"),
    "text of 1 and 0": lambda values: pd.Series(_each(values, lambda value: str(int(value))), dtype=object),
}
TEXTS = {
    "objects": lambda values: pd.Series(values, dtype=object),
    "str": lambda values: pd.Series(values, dtype="str"),
    "string": lambda values: pd.Series(values, dtype="string[python]"),
    "string of Arrow": lambda values: pd.Series(values, dtype="string[pyarrow]"),
    "Arrow": _arrow(pa.string()),
    "Arrow large": _arrow(pa.large_string()),
    "Arrow view": lambda values: pd.Series(pd.arrays.ArrowExtensionArray(pa.array(values).cast(pa.string_view()))),
    "Arrow dictionary": _encoded,
    "category": lambda values: pd.Series(values, dtype="category"),
    "ordered category with more": lambda values: pd.Series(
        pd.Categorical(values, categories=["zzz", *sorted({value for value in values if value})], ordered=True)
    ),
    "numpy scalars": lambda values: pd.Series(_each(values, np.str_), dtype=object),
}
FORMS = {"visits": NUMBERS, "demo": TRUTHS, "industry": TEXTS}
