"""What an import made: the three tables, and what became of every row."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import pyarrow as pa

from leadscore.present.result import Result


@dataclass(frozen=True, eq=False, repr=False)
class Imported(Result):
    """Three tables and the account of their rows; made by `import_tables`."""

    leads: pa.Table
    events: pa.Table
    outcomes: pa.Table
    rows: pd.DataFrame
