"""How a comparison of traits stands on the page, as a picture and as a table."""

from __future__ import annotations

import pandas as pd

from leadscore.base.text import counted
from leadscore.present.figures import signed
from leadscore.present.page import Dot, Dots, Table
from leadscore.sales.traits.traits import MARKED

# Rows of a picture, and of a table.
_DRAWN, _LISTED = 10, 40
LUCK = "Of traits tested together, up to one in ten of those marked may still be luck."


def picture(frame: pd.DataFrame, title: str, caption: str) -> Dots | None:
    """The most certain differences as dots; none where nothing was compared."""
    dots = [
        Dot(str(row["trait"]), row["difference"], row["low"], row["high"], bool(row["q"] <= MARKED))
        for _, row in frame.head(_DRAWN).iterrows()
    ]
    return Dots(title, caption, tuple(dots), "points", 0.0) if dots else None


def table(frame: pd.DataFrame, title: str, word: str, notes: tuple[str, ...]) -> tuple[Table, ...]:
    """The traits compared as a table, most certain first; none where nothing was compared."""
    if not len(frame):
        return ()
    rows = tuple(
        (
            f"{row['trait']}{' *' if row['q'] <= MARKED else ''}",
            f"{row[word]:,} of {row['n']:,}",
            f"{row[f'{word}_without']:,} of {row['n_without']:,}",
            points(row),
            q_value(row["q"]),
        )
        for _, row in frame.head(_LISTED).iterrows()
    )
    heads = ("Trait", f"With it: {word}", f"Without: {word}", "Difference in points (95%)", "q")
    more = len(frame) - len(rows)
    rest = (f"{counted(more, 'trait')} more, none of them more certain than these.",) if more > 0 else ()
    return (Table(title, heads, rows, (1, 2, 3, 4), (f"* q at most {MARKED}.", *rest, *notes)),)


def points(row: pd.Series) -> str:
    """A difference of shares in points with its interval, for a cell."""
    value, low, high = (signed(100 * row[name]) for name in ("difference", "low", "high"))
    return f"{value} ({low} to {high})"


def q_value(q: float) -> str:
    """A corrected p-value, for a cell."""
    return "" if pd.isna(q) else "under 0.01" if q < 0.01 else f"{q:.2f}"
