"""Exports in the shapes of their vendors, quirks and all, become exactly the tables that were worked out by hand."""

import pandas as pd
import pyarrow as pa
import pytest

from leadscore.imports.build import import_tables

pytestmark = pytest.mark.real
VENDORS = ["dynamics", "excel_de", "ga4", "hubspot", "mailchimp", "marketo", "rudderstack", "salesforce", "segment"]
VENDORS += ["warehouse_fivetran"]


def plain(value):
    """A cell as the hand-made tables write it; a type that is not the right one reads otherwise."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, list):
        return ";".join(value)
    return value.isoformat() if hasattr(value, "isoformat") else value


def rows_of(table: pa.Table, columns):
    """The rows as text, in the order of the columns; what a table lacks is empty."""
    held = {name: [plain(value) for value in table[name].to_pylist()] for name in table.column_names}
    return sorted(zip(*(held.get(name, [""] * table.num_rows) for name in columns), strict=True))


@pytest.mark.parametrize("vendor", VENDORS)
def test_an_export_gives_the_tables_worked_out_by_hand(folder, vendor):
    exports = folder / "exports" / vendor
    imported = import_tables(exports / "data.yaml")
    for name in ("leads", "events", "outcomes"):
        made = getattr(imported, name)
        right = pd.read_csv(exports / "expected" / f"{name}.csv", dtype=str, keep_default_na=False)
        assert {*made.column_names} <= {*right.columns}
        assert rows_of(made, right.columns) == sorted(map(tuple, right.to_numpy().tolist()))
