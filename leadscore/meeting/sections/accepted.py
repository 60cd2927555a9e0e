"""What share of the MQLs sales accepted, against the period before, and why it refused the others."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd

from leadscore.base.groups import ALL
from leadscore.base.text import counted
from leadscore.meeting.drafts import CONTEXT, SURE, Asked, Clear, Comparison, Draft, Silent, Written, verdict
from leadscore.present.figures import of_all, percent, percent_range, points_change, share
from leadscore.present.page import CLEAR, Dot, Dots, MainPoint, PageSection, Table, ToDecide
from leadscore.sales.deals.touch_paths import SOURCE
from leadscore.sales.facts import Facts
from leadscore.sales.handover.handovers import NO_REASON
from leadscore.sales.response.acceptance import Acceptance, acceptance_by, acceptance_of

_CHANGE, _SOURCES = "accepted: change", "accepted: sources"
# Sources in the picture; the table has all.
_SHOWN = 8


def by_source(facts: Facts) -> Acceptance | None:
    """Acceptance by where the leads came from; None where no column says so."""
    return acceptance_by(facts, SOURCE) if SOURCE in facts.tables.leads.column_names else None


def draft(facts: Facts, asked: Asked) -> Draft | Silent:
    """The section; silent where no refusal is recorded."""
    found = facts.once(acceptance_of)
    whole = found.frame.iloc[-1]
    if pd.isna(whole["share"]) and whole["accepted"]:
        return Silent(
            "What share of MQLs sales accepts: no outcome is rejected or recycled. The history of statuses in the CRM "
            "may hold refusals."
        )
    assert found.change is not None
    n, before = (_decided(frame) for frame in (found.frame, found.before))
    p = math.nan if min(n, before) < asked.few else float(found.change["p"].iloc[-1])
    comparisons = [
        Comparison(_CHANGE, "share accepted, this period against the one before", "Fisher's exact test", n + before, p)
    ]
    sources = facts.once(by_source)
    if sources is not None and sources.others is not None and len(sources.others) > 1:
        several = counted(len(sources.others), "source")
        p = math.nan if n < asked.few else float(sources.others["p_corrected"].min())
        what = "share accepted of each source against all others"
        comparisons.append(Comparison(_SOURCES, what, f"Fisher's exact test, Holm over {several}", n, p))
    else:
        sources = None
    return Draft(tuple(comparisons), lambda clear: _Accepted(facts, asked, found, sources, clear).written())


def _decided(frame: pd.DataFrame | None) -> int:
    assert frame is not None
    return int(frame[["accepted", "refused"]].iloc[-1].sum())


class _Accepted:
    """The section once it is known what is clear."""

    def __init__(self, facts: Facts, asked: Asked, found: Acceptance, sources: Acceptance | None, clear: Clear) -> None:
        assert found.before is not None
        assert found.change is not None
        self.length, self.few, self.found = facts.period.length, asked.few, found
        self.sources, self.change = sources, found.change.iloc[-1]
        self.now, self.before = (
            (int(frame["accepted"].iloc[-1]), _decided(frame)) for frame in (found.frame, found.before)
        )
        self.changed, self.apart = clear(_CHANGE), sources is not None and clear(_SOURCES)

    def written(self) -> Written:
        n = self.now[1]
        few = n < self.few
        # With too few before there is nothing to compare with, however many there are now.
        sure = verdict(min(n, self.before[1]), self.few, clear=self.changed)
        headline = self._headline()
        sources = list(self._sources_apart()) if self.apart and not few else []
        text = (*self._difference(), *self._reasons(), *self._undecided(), *sources)
        counts = {name: int(self.found.frame[name].iloc[-1]) for name in ("mqls", "accepted", "refused", "undecided")}
        figures: dict[str, Any] = counts | {"accepted_before": self.before[0], "decided_before": self.before[1]}
        figures |= {name: float(self.change[name]) for name in ("difference", "low", "high", "p")}
        section = PageSection(
            "accepted", "What sales accepted, and why not", headline, sure, text, self._picture(),
            tuple(self._tables()), figures,
        )  # fmt: skip
        main = [(SURE if self.changed else CONTEXT, MainPoint("accepted", headline, sure))] if n else []
        main += [(SURE, MainPoint("accepted", one, CLEAR)) for one in sources[:1]]
        return Written(section, tuple(main), tuple(self._decide()))

    def _headline(self) -> str:
        (accepted, n), (_, before_n) = self.now, self.before
        if not n:
            return "Sales has not decided on any MQL of the period yet."
        if n < self.few:
            return f"Sales accepted {accepted:,} of {counted(n, 'MQL')} it has decided on; too few to say more."
        said = f"Sales accepted {accepted:,} of {counted(n, 'MQL')} it has decided on, {percent(accepted / n)}"
        if before_n < self.few:
            return f"{said}; too few were decided in the {self.length} before to compare."
        earlier = percent(self.before[0] / before_n)
        if not self.changed:
            return f"{said}; no clear change from {earlier}."
        return (
            f"{said}; {'up' if self.change['difference'] > 0 else 'down'} from {earlier} in the {self.length} before."
        )

    def _difference(self) -> Iterator[str]:
        if min(self.now[1], self.before[1]) >= self.few:
            moved = points_change(*self.change[["difference", "low", "high"]])
            yield f"Against the {self.length} before ({self.before[0]:,} of {self.before[1]:,}): {moved}."

    def _reasons(self) -> Iterator[str]:
        reasons = self.found.reasons
        if not len(reasons):
            return
        n = int(reasons["n"].iloc[0])
        given = reasons[reasons["reason"] != NO_REASON]
        if len(given):
            commonest = given.iloc[0]
            yield f"The commonest reason for refusal is “{commonest['reason']}”: {commonest['count']:,} of {n:,}."
        if missing := n - int(given["count"].sum()):
            yield f"{missing:,} of {counted(n, 'refusal')} {'has' if missing == 1 else 'have'} no reason."

    def _undecided(self) -> Iterator[str]:
        if undecided := int(self.found.frame["undecided"].iloc[-1]):
            yield f"Not decided yet, and counted on neither side: {undecided:,}."

    def _sources_apart(self) -> Iterator[str]:
        assert self.sources is not None
        assert self.sources.others is not None
        others = self.sources.others
        clear = others[others["p_corrected"] <= 0.05].sort_values("p", kind="stable")
        for source, row in clear.iterrows():
            accepted, refused = (int(self.sources.frame[name].to_dict()[source]) for name in ("accepted", "refused"))
            n = accepted + refused
            rest = of_all(self.now[0] - accepted, self.now[1] - n)
            often = "more" if row["difference"] > 0 else "less"
            yield (
                f"Leads of the source {source} were accepted {often} often than others: {accepted:,} of {n:,}, against "
                f"{rest}. This holds with {counted(len(others), 'source')} compared."
            )

    def _picture(self) -> Dots | None:
        if self.sources is None:
            return None
        frame = self.sources.frame.iloc[:-1]
        frame = frame.assign(n=frame["accepted"] + frame["refused"])
        frame = frame[frame["n"] > 0].sort_values("n", ascending=False, kind="stable").head(_SHOWN)
        if frame.empty:
            return None
        rows = [
            Dot(f"{source} ({row['n']:,.0f})", row["share"], row["low"], row["high"], bool(row["n"] >= self.few))
            for source, row in frame.iterrows()
        ]
        caption = (
            "Share accepted by source, with 95% intervals; decisions in brackets. Line: all sources. Hollow: fewer "
            f"than {self.few}."
        )
        title = "Share of MQLs accepted, by source"
        return Dots(title, caption, tuple(rows), "share", float(self.found.frame["share"].iloc[-1]))

    def _tables(self) -> Iterator[Table]:
        rows: list[tuple[str, ...]] = [
            (
                row["reason"],
                f"{row['count']:,}",
                f"{share(row['count'], row['n'])} ({percent_range(row['low'], row['high'])})",
            )
            for row in self.found.reasons.to_dict("records")
        ]
        if rows:
            heads = ("Reason", "Refused", "Share of refusals (95%)")
            yield Table("Reasons for refusal", heads, tuple(rows), (1, 2))
        if self.sources is not None and self.sources.before is not None:
            parts = [_rows(frame) for frame in (self.sources.frame, self.sources.before)]
            both: list[tuple[str, ...]] = [(*now, earlier[-1]) for now, earlier in zip(*parts, strict=True)]
            heads = ("MQLs", "Accepted of those decided (95%)", f"The {self.length} before")
            yield Table("Acceptance by source", ("Source", *heads), tuple(both), (1, 2, 3))

    def _decide(self) -> Iterator[ToDecide]:
        if self.changed and self.change["difference"] < 0:
            (accepted, n), (earlier, of) = self.now, self.before
            facts = f"It accepted {share(accepted, n)} of {n:,}, against {share(earlier, of)} of {of:,} before."
            options = (
                "go through ten refused leads together", "change the rules for what is refused most",
                "agree again what a good lead is",
            )  # fmt: skip
            yield ToDecide("Why does sales accept fewer of the MQLs?", facts, options)


def _rows(frame: pd.DataFrame) -> list[tuple[str, ...]]:
    """Groups, their MQLs, and the share accepted of those decided on."""
    cells: list[tuple[str, ...]] = []
    for group, row in frame.iterrows():
        accepted, n = int(row["accepted"]), int(row["accepted"] + row["refused"])
        interval = f" ({percent_range(row['low'], row['high'])})" if n else ""
        cells.append(("All" if group == ALL else str(group), f"{row['mqls']:,.0f}", f"{accepted:,} of {n:,}{interval}"))
    return cells
