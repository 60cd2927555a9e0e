"""`Verdict`: what the gate found, as a table, a report and one sentence."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from html import escape
from typing import Any

import pandas as pd


@dataclass(frozen=True, repr=False)
class Verdict:
    """Whether a candidate may be published, and why; made by `gate`.

    Attributes
    ----------
    passed : bool
        Publish it. True only if every row of `frame` and of `segments` passed.
    frame : DataFrame, index what the candidate is compared with
        `figure`: a week (leads that reached the stage), mean square (the Brier score) or mean distance (the calibration
        error, beside what chance alone would show); `candidate`, `other`, `difference` with `low`, `high` (90 %; of the
        error 95 % of draws); `n`, the leads that one way takes and the other does not, in calibration all leads;
        `margin`, how far the difference may lie on the wrong side; and `passed`.
    segments : DataFrame, index segment
        Inside each segment, at its share of the places, beside the current: `reached` (of all its leads), `candidate`,
        `other`, `difference`, `low`, `high` (90 %) a week, `n` as above, `p` (the chance of so low a difference if the
        candidate were as good, after Holm) and `passed`.
    reasons : list of str
        Why it did not pass; empty if it did.
    findings : list of str
        What to know before it is believed: rows left out, what could not be compared, an intercept update.
    n, reached, weeks : int
        Leads judged, each once a week, how many of them reached the stage, and in how many weeks.
    start, end : date
        The first and the last day judged.
    """

    passed: bool
    frame: pd.DataFrame
    segments: pd.DataFrame
    reasons: list[str]
    findings: list[str]
    n: int
    reached: int
    weeks: int
    start: dt.date
    end: dt.date
    stage: str
    within_days: int
    capacity_per_week: float

    @property
    def _title(self) -> str:
        period = f"{self.n:,} leads, each once a week, from {self.start} to {self.end} ({self.weeks:,} weeks)"
        reached = f"{self.reached:,} reached {self.stage} within {self.within_days} days"
        return f"{period}, {reached}; {self.capacity_per_week:g} a week; 90 % intervals"

    @property
    def sentence(self) -> str:
        """The answer."""
        return "Publish." if self.passed else f"Do not publish: {' '.join(self.reasons)}"

    def _lines(self) -> list[str]:
        lines = [
            f"{name}: {_figures(row)}, n = {row['n']:,.0f}: {'passed' if row['passed'] else 'not passed'}"
            for name, row in self.frame.iterrows()
        ]
        for name, row in self.segments.iterrows():
            harm = "passed" if row["passed"] else "worse"
            lines.append(f"segment {name}: {_figures(row)}, n = {row['n']:,.0f}, p = {row['p']:.2g}: {harm}")
        return lines

    def __repr__(self) -> str:
        notes = (f"- {finding}" for finding in self.findings)
        return "\n".join([self._title, *(f"  {line}" for line in self._lines()), *notes, self.sentence])

    def _repr_html_(self) -> str:
        items = "".join(f"<li>{escape(finding)}</li>" for finding in self.findings)
        tables = self.frame.to_html() + (self.segments.to_html() if len(self.segments) else "")
        return f"<p>{escape(self._title)}</p>{tables}<ul>{items}</ul><p><b>{escape(self.sentence)}</b></p>"

    def to_markdown(self) -> str:
        """The report as Markdown, for a model card or a pull request."""
        parts = [f"**{_plain(self.sentence)}**", _plain(self._title)]
        parts += [_markdown(table) for table in (self.frame, self.segments) if len(table)]
        return "\n\n".join([*parts, "\n".join(f"- {_plain(finding)}" for finding in self.findings)]).strip() + "\n"


def _figures(row: pd.Series[Any]) -> str:
    """The figures of a row in words."""
    if "figure" in row and row["figure"] != "a week":
        drawn = ", 95 % of draws" if row["figure"] == "mean distance" else ""
        least = f"{row['difference']:+.4f} ({row['low']:+.4f} to {row['high']:+.4f}{drawn})"
        return f"{row['candidate']:.4f} beside {row['other']:.4f}, {least}, at most {row['margin']:+.4f}"
    least = f"{row['difference']:+.2f} ({row['low']:+.2f} to {row['high']:+.2f})"
    return f"{row['candidate']:.2f} a week beside {row['other']:.2f}, {least}"


def _markdown(table: pd.DataFrame) -> str:
    cells = table.reset_index().map(lambda value: f"{value:.4g}" if isinstance(value, float) else str(value))
    rows = [list(cells.columns), ["---"] * cells.shape[1], *cells.to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(map(_plain, row))} |" for row in rows)


def _plain(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
