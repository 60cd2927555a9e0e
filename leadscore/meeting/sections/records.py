"""Whether the records that both teams rely on are kept."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from leadscore.base.text import counted, exact_percent
from leadscore.meeting.drafts import SURE, Asked, Clear, Comparison, Draft, Silent, Written
from leadscore.present.figures import known, of_all, percent_beside, percent_range, share
from leadscore.present.page import CLEAR, COUNTED, MainPoint, PageSection, Share, ShareBars, Table, ToDecide
from leadscore.sales.facts import Facts
from leadscore.sales.kept.duplicates import SAME_ACCOUNT, SAME_EMAIL
from leadscore.sales.kept.fields import REASON
from leadscore.sales.kept.records import SMALL, Records, records_of

_CHANGE = "records: fields"


def draft(facts: Facts, asked: Asked) -> Draft | Silent:
    """The section; silent where no field was due, no accepted lead is open, and no lead was compared."""
    found = facts.once(records_of)
    if not found.fields["n"].any() and not found.unchanged["open"].any() and not found.duplicates["n"].any():
        return Silent("Records: `required` and `update` of columns in the rulebook say which fields must be filled in.")
    enough = found.fields[found.fields[["n", "n_before"]].min(axis=1) >= asked.few]
    several = counted(len(found.fields), "field")
    comparison = Comparison(
        _CHANGE, "share filled in of each field, this period against the one before",
        f"Fisher's exact test, Holm over {several}", int(enough["n"].max()) if len(enough) else 0,
        float(enough["p_change"].min()) if len(enough) else math.nan,
    )  # fmt: skip
    return Draft((comparison,), lambda clear: _Records(found, enough, facts.period.length, clear).written())


class _Records:
    """The section once it is known what is clear."""

    def __init__(self, found: Records, enough: pd.DataFrame, length: str, clear: Clear) -> None:
        self.found, self.length = found, length
        self.due = found.fields[found.fields["n"] > 0]
        moved = enough[enough["p_change"] <= 0.05] if clear(_CHANGE) else enough.head(0)
        self.fallen = moved[moved["change"] < 0].sort_values("p_change", kind="stable")
        promised = self.due.dropna(subset="promised")
        self.promised, self.short = promised, promised[promised["share"] < promised["promised"]]

    def written(self) -> Written:
        headline = self._fallen() or self._promised()
        text = [] if headline == self._promised() else [self._promised()]
        text += [*self._others(), *(() if len(self.due) else self.found.notes)]
        rows = [row for _, row in self.found.fields.iterrows()]
        figures = {
            "unchanged_days": self.found.unchanged_days,
            "accepted_open": int(self.found.unchanged["open"].iloc[-1]),
            "unchanged": int(self.found.unchanged["unchanged"].iloc[-1]),
            "fields": {f"{row['field']}, {row['due']}": row.drop(["field", "team", "due"]).to_dict() for row in rows},
            "duplicates": self.found.duplicates.T.to_dict(),
        }
        section = PageSection(
            "records", "Records both teams rely on", headline, CLEAR if self._fallen() else COUNTED, tuple(text),
            self._picture(), tuple(self._tables()), figures,
        )  # fmt: skip
        main = ((SURE, MainPoint("records", headline, CLEAR)),) if self._fallen() else ()
        return Written(section, main, tuple(self._decide()))

    def _fallen(self) -> str:
        if not len(self.fallen):
            return ""
        row = self.fallen.iloc[0]
        now, before = share(row["filled"], row["n"]), of_all(row["filled_before"], row["n_before"])
        said = f"The field “{row['field']}” ({row['due']}) was filled in for {row['filled']:,} of {row['n']:,}, {now}"
        others = [f"{name} fell too" for name in dict.fromkeys(self.fallen["field"].iloc[1:]) if name != row["field"]]
        return f"{said}, against {before} in the {self.length} before{''.join(f'; {one}' for one in others[:1])}."

    def _promised(self) -> str:
        if len(self.short):
            each = [
                f"{row['field']} ({_figure(row)}, promised {exact_percent(row['promised'])})"
                for _, row in self.short.iterrows()
            ]
            return (
                f"{len(self.short)} of {counted(len(self.promised), 'promised field')} fell short: {', '.join(each)}."
            )
        if len(self.promised):
            return f"Filled in as promised: {', '.join(dict.fromkeys(self.promised['field']))}."
        if not len(self.due):
            return f"{self._stale()}."
        row = self.due.iloc[int(np.argmin(self.due["share"]))]
        return f"Least often filled in is {row['field']} ({row['due']}): {row['filled']:,} of {row['n']:,}."

    def _stale(self) -> str:
        now, before = (
            [int(frame[name].iloc[-1]) for name in ("unchanged", "open")]
            for frame in (self.found.unchanged, self.found.unchanged_before)
        )
        days = f"no change for more than {self.found.unchanged_days} days"
        said = f"{now[0]:,} of {counted(now[1], 'accepted lead')} still open had {days}"
        return f"{said}; at the end of the {self.length} before {before[0]:,} of {before[1]:,}" if before[1] else said

    def _others(self) -> Iterator[str]:
        if len(self.due):
            yield f"{self._stale()}."
        words = {SAME_EMAIL: "the e-mail address", SAME_ACCOUNT: "the account and nearly the name or title"}
        for kind, word in words.items():
            n, leads, pairs = (int(self.found.duplicates[name][kind]) for name in ("n", "leads", "pairs"))
            if n:
                found = f"{leads:,} of {counted(n, 'MQL')}" if leads else f"None of {counted(n, 'MQL')}"
                said = f"{found} {'shares' if leads <= 1 else 'share'} {word} with another lead"
                more = f" and may be duplicates ({counted(pairs, 'pair')}; none is merged)" if leads else ""
                yield f"{said}{more}."

    def _picture(self) -> ShareBars | None:
        rows = tuple(
            Share(
                f"{row['field']}, {row['due']}", row["share"], row["low"], row["high"], known(row["promised"]),
                row["filled_before"] / row["n_before"] if row["n_before"] else None,
            )
            for _, row in self.due.iterrows()
        )  # fmt: skip
        caption = f"Share filled in when due, 95% intervals. Dashed mark: promised. Circle: the {self.length} before."
        return ShareBars("Must-fill fields", caption, rows) if rows else None

    def _tables(self) -> Iterator[Table]:
        rows = tuple(
            (
                row["field"], f"{row['team']}, {row['due']}",
                f"{row['filled']:,} of {row['n']:,} ({percent_range(row['low'], row['high'])})",
                "" if np.isnan(row["promised"]) else exact_percent(row["promised"]),
                f"{row['filled_before']:,} of {row['n_before']:,}",
            )
            for _, row in self.due.iterrows()
        )  # fmt: skip
        if rows:
            heads = ("Field", "Due from", "Filled (95%)", "Promised", f"In the {self.length} before")
            yield Table("Must-fill fields", heads, rows, (2, 3, 4), notes=self.found.notes)
        owners = self.found.unchanged
        if owners["open"].iloc[-1] and len(owners) > 2:
            each = tuple(
                (str(name), f"{row['unchanged']:,}", f"{row['open']:,}") for name, row in owners[:-1].iterrows()
            )
            title = f"Accepted leads without a change for {self.found.unchanged_days} days, by owner"
            yield Table(title, ("Owner", "Without a change", "Accepted and open"), each, (1, 2), (SMALL,))

    def _decide(self) -> Iterator[ToDecide]:
        if len(self.fallen):
            name = self.fallen["field"].iloc[0]
            options = ("find the form or import that lost it", "make the field compulsory", "do without it")
            yield ToDecide(f"How do we get {name} filled in again?", self._fallen(), options)
        reason = self.short[self.short["field"] == REASON]
        if len(reason):
            n, filled = int(reason["n"].iloc[0]), int(reason["filled"].iloc[0])
            options = ("make the field compulsory", "fewer reasons to choose from", "drop the promise")
            facts = f"{n - filled:,} of {counted(n, 'refusal')} have none."
            yield ToDecide("How do we get a reason with every refusal?", facts, options)


def _figure(row: pd.Series[Any]) -> str:
    said = share(row["filled"], row["n"])
    return percent_beside(row["share"], row["promised"]) if said.endswith("%") else said
