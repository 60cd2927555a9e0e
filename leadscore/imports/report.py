"""What an import made: the tables, and what became of every row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import pandas as pd
import pyarrow as pa

from leadscore.base.text import counted
from leadscore.imports.spool import Log
from leadscore.present.result import Result, Section

# What becomes of rows; read and added are together all but mended, which are among those kept.
FATES = ("read", "added", "kept", "dropped", "unmatched", "merged", "again", "set aside", "mended")


@dataclass(frozen=True, eq=False, repr=False)
class Imported(Result):
    """Tables made of exports, and the account of their rows; made by `import_tables`.

    Attributes
    ----------
    source : str
        The data file.
    leads, events, outcomes, touches, costs : pyarrow Table
        As `load_tables` takes them; times are of the file's time zone. Each is made when it is first asked for;
        `reader` gives those that are more than the memory holds.
    logs : dict of str to Log
        What the tables are made of, and `reader` reads.
    rows : DataFrame
        What became of the rows: `table`, `block`, `fate`, `why`, and `rows`, how many. Of each block the rows read and
        added are as many as those kept, dropped, unmatched, merged, again and set aside; mended ones are among the
        kept.
    rejected : DataFrame
        Cells that were not what the file says, whose rows were set aside: `table` (the source), `row`, `column`,
        `problem`.
    timezone : str
    lookback_days : int
        How many days late events may come, at most; 0 if the file does not say.
    found : tuple of str
        What the file does not say of its sources and was found out.
    """

    source: str
    logs: dict[str, Log]
    rows: pd.DataFrame
    rejected: pd.DataFrame
    timezone: str
    lookback_days: int = 0
    found: tuple[str, ...] = ()

    @cached_property
    def leads(self) -> pa.Table:
        """All leads at once."""
        return self.logs["leads"].table()

    @cached_property
    def events(self) -> pa.Table:
        """All events at once."""
        return self.logs["events"].table()

    @cached_property
    def outcomes(self) -> pa.Table:
        """All outcomes at once."""
        return self.logs["outcomes"].table()

    @cached_property
    def touches(self) -> pa.Table:
        """All touches at once."""
        return self.logs["touches"].table()

    @cached_property
    def costs(self) -> pa.Table:
        """All costs at once."""
        return self.logs["costs"].table()

    def reader(self, table: str) -> pa.RecordBatchReader:
        """A table a batch at a time, for those that are more than the memory holds.

        Parameters
        ----------
        table : "leads", "events", "outcomes", "touches" or "costs"

        Returns
        -------
        pyarrow RecordBatchReader
            Of the same columns and rows as the table.
        """
        log = self.logs[table]
        return pa.RecordBatchReader.from_batches(log.schema, log.batches())

    @property
    def headline(self) -> str:
        """How much the tables hold."""
        rows = {name: len(log) for name, log in self.logs.items()}
        made = [counted(rows[f"{thing}s"], thing) for thing in ("lead", "event", "outcome")]
        made += [counted(rows["touches"], "touch", "touches")] if rows["touches"] else []
        made += [f"{counted(rows['costs'], 'row')} of costs"] if rows["costs"] else []
        return f"{', '.join(made)}, from {self.source}."

    @property
    def notes(self) -> tuple[str, ...]:
        """What was found out, and people who are not among the leads."""
        others = ~self.rows["table"].isin(["leads", "costs"])
        of_leads = self.rows[others & self.rows["fate"].isin(["kept", "unmatched"])]
        counts = of_leads.groupby("fate")["rows"].sum()
        strangers = int(counts.get("unmatched", 0))
        rows = counted(int(counts.sum()), "row")
        named = "events, outcomes and touches" if (self.rows["table"] == "touches").any() else "events and outcomes"
        of_none = f"{strangers:,} of {rows} of {named} are of no lead here"
        said = f"{of_none}. Some are normal; where most are, ids do not match."
        return (*self.found, *((said,) if strangers else ()))

    def sections(self) -> Iterator[Section]:
        """The rows of each block, and why."""
        wide = self.rows.pivot_table(index=["table", "block"], columns="fate", values="rows", aggfunc="sum", sort=False)
        wide = wide.reindex(columns=[fate for fate in FATES if fate in wide.columns]).fillna(0).astype(int)
        yield Section("blocks", "What became of the rows", wide.reset_index())
        why = self.rows[self.rows["why"] != ""].reset_index(drop=True)
        if len(why):
            yield Section("why", "Why", why)
        if len(self.rejected):
            yield Section("rejected", "Cells that are not what the file says; their rows are set aside", self.rejected)
