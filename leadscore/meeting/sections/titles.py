"""Who the MQLs were, against the agreed mix and the period before, and which of them sales accepts."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd

from leadscore.base.text import counted, listed
from leadscore.meeting.drafts import SURE, Asked, Clear, Comparison, Draft, Silent, Written, simes
from leadscore.meeting.trait_tables import LUCK, table
from leadscore.present.figures import UNKNOWN, known, of_all, percent, percent_range, points_change, share
from leadscore.present.page import (
    CLEAR,
    NOT_CLEAR,
    TOO_FEW,
    MainPoint,
    PageSection,
    Share,
    ShareBars,
    Table,
    ToDecide,
    Verdict,
)
from leadscore.sales.facts import Facts
from leadscore.sales.handover.personas import Personas, personas_of
from leadscore.stats.intervals import wilson

_MIX, _CHANGE, _ACCEPTED = "titles: agreed mix", "titles: change", "titles: acceptance"
_TITLES = 5


def draft(facts: Facts, asked: Asked) -> Draft | Silent:
    """The section; silent where the rulebook has no personas."""
    if not facts.rulebook.personas:
        return Silent("Whether titles are those that were agreed. `personas` in the rulebook say whom both teams mean.")
    found = facts.once(personas_of)
    n, before = (int(found.frame[name].sum()) for name in ("mqls", "before"))
    decided = int(found.acceptance[["n", "n_without"]].head(1).to_numpy().sum())
    few = n < asked.few
    several = counted(len(found.acceptance), "persona")
    comparisons = [
        Comparison(
            _CHANGE, "mix of personas, this period against the one before", "chi-square test", n + before,
            math.nan if few or before < asked.few else found.p_change,
        ),
        Comparison(
            _ACCEPTED, "share accepted of each persona against the others",
            f"Fisher's exact test, Simes over {several}", decided,
            math.nan if decided < asked.few else simes(found.acceptance["q"]),
        ),
    ]  # fmt: skip
    if found.frame["agreed"].notna().any():
        p = math.nan if few else float(found.frame["p_agreed"].min())
        comparisons.append(
            Comparison(_MIX, "share of each persona against the agreed mix", "binomial test, Holm", n, p)
        )
    return Draft(tuple(comparisons), lambda clear: _Titles(found, facts.period.length, few, clear).written())


class _Titles:
    """The section once it is known what is clear."""

    def __init__(self, found: Personas, length: str, few: bool, clear: Clear) -> None:  # noqa: FBT001 - one call
        self.found, self.length, self.few = found, length, few
        self.frame = found.frame
        self.n = int(found.frame["mqls"].sum())
        agreed = bool(found.frame["agreed"].notna().any())
        self.gap = self._gap() if agreed and clear(_MIX) else ""
        self.apart = self._apart() if clear(_ACCEPTED) else ""
        self.change = self._change() if clear(_CHANGE) else ""

    def written(self) -> Written:
        surely = [one for one in (self.gap, self.apart, self.change) if one]
        verdict: Verdict = TOO_FEW if self.few else CLEAR if surely else NOT_CLEAR
        headline = surely[0] if surely else self._nothing()
        text = (*surely[1:], *self._intervals(), *self._titles(), *self.found.notes)
        figures = {"mqls": self.n, "p_change": self.found.p_change, "personas": self.frame.T.to_dict()}
        section = PageSection(
            "titles", "Who they were: titles and personas", headline, verdict, text, self._picture(),
            tuple(self._tables()), figures,
        )  # fmt: skip
        main = tuple((SURE, MainPoint("titles", one, CLEAR)) for one in (self.gap, self.apart) if one)
        return Written(section, main, tuple(self._decide()))

    def _off(self) -> pd.DataFrame:
        """The personas of which there are too many, or where none is, too few."""
        off = self.frame[self.frame["p_agreed"] <= 0.05]
        above = off[off["share"] > off["agreed"]]
        return above if len(above) else off

    def _gap(self) -> str:
        off = self._off()
        n, agreed = int(off["mqls"].sum()), off["agreed"].sum()
        said = f"{listed(list(off.index))}: {n:,} of {counted(self.n, 'MQL')}, {percent(n / self.n)}"
        return f"{said}; the agreement expects {percent(agreed)}."

    def _apart(self) -> str:
        row = self.found.acceptance.iloc[0]
        first, others = (row["accepted"], row["n"]), (row["accepted_without"], row["n_without"])
        said = f"Sales accepted {first[0]} of {first[1]} MQLs of the persona {row['persona']}"
        return f"{said}, {percent(first[0] / first[1])}, against {of_all(*others)} others."

    def _change(self) -> str:
        place = int(np.argmax(self.frame["change"].abs()))
        name, row = self.frame.index[place], self.frame.iloc[place]
        moved = points_change(*row[["change", "change_low", "change_high"]])
        said = f"The mix of personas changed: {name} is {percent(row['share'])} of {counted(self.n, 'MQL')}"
        return f"{said}, {moved} than in the {self.length} before."

    def _nothing(self) -> str:
        """What is said where nothing is clear."""
        name = self.frame["mqls"].idxmax()
        commonest = f"the commonest persona is {name}, {share(int(self.frame['mqls'].max()), self.n)}"
        if self.few:
            return f"{counted(self.n, 'MQL')} came, too few to compare personas; {commonest}."
        with_what = "the agreed mix or " if self.frame["agreed"].notna().any() else ""
        return f"{counted(self.n, 'MQL')}: no clear difference from {with_what}the {self.length} before; {commonest}."

    def _intervals(self) -> Iterator[str]:
        """How sure the gap is, and what it was before."""
        if self.gap:
            off = self._off()
            low, high = wilson(int(off["mqls"].sum()), self.n)
            before = int(self.frame["before"].sum())
            was = of_all(int(off["before"].sum()), before) if before else UNKNOWN
            interval = percent_range(float(low), float(high))
            yield f"The 95% interval is {interval}; in the {self.length} before it was {was}."

    def _titles(self) -> Iterator[str]:
        free = int(self.frame["mqls"].iloc[-1])
        if free:
            commonest = [f"{row.title} ({row.mqls:,})" for row in self.found.unmapped.head(_TITLES).itertuples()]
            told = (
                f". The commonest of their titles: {', '.join(commonest)}"
                if commonest
                else ": their titles are not known"
            )
            yield f"No persona describes {free:,} of {counted(self.n, 'MQL')}{told}."
        titles = self.found.unseen["title"].tolist()
        # Where nearly all are new, it is the records that are.
        if titles and 2 * self.found.unseen["mqls"].sum() < self.n:
            more = f" and {len(titles) - _TITLES} more" if len(titles) > _TITLES else ""
            yield f"Titles seen for the first time: {', '.join(titles[:_TITLES])}{more}."

    def _picture(self) -> ShareBars | None:
        rows = tuple(
            Share(str(name), row["share"], row["low"], row["high"], *map(known, row[["agreed", "before_share"]]))
            for name, row in self.frame.iterrows()
        )
        caption = f"Share of MQLs by persona with 95% intervals. Dashed mark: agreed. Circle: the {self.length} before."
        return ShareBars("Personas", caption, rows) if self.n else None

    def _tables(self) -> Iterator[Table]:
        before = int(self.frame["before"].sum())
        rows = [
            (
                str(name), f"{row['mqls']:,.0f}", f"{percent(row['share'])} ({percent_range(row['low'], row['high'])})",
                "" if np.isnan(row["agreed"]) else percent(row["agreed"]),
                f"{row['before']:,.0f} of {before:,}",
            )
            for name, row in self.frame.iterrows()
        ]  # fmt: skip
        heads = ("Persona", "MQLs", "Share (95%)", "Agreed", f"In the {self.length} before")
        yield Table("Personas", heads, tuple(rows), (1, 2, 3, 4))
        compared = self.found.acceptance.rename(columns={"persona": "trait"})
        yield from table(compared, "What sales accepts, by persona", "accepted", (LUCK,))
        titles = tuple((str(row.title), f"{row.mqls:,}") for row in self.found.unmapped.itertuples())
        if titles:
            yield Table("Titles that no persona describes", ("Title", "MQLs"), titles, (1,))

    def _decide(self) -> Iterator[ToDecide]:
        facts = " ".join(one for one in (self.gap, self.apart) if one)
        refused = self.apart and self.found.acceptance.iloc[0]["difference"] < 0
        if self.gap or refused:
            names = list(self._off().index) if self.gap else []
            names += [self.found.acceptance.iloc[0]["persona"]] if refused else []
            options = ("raise their bar", "another first step than a call", "change the agreed mix")
            test = "test it: sales works all of them for eight weeks"
            yield ToDecide(f"What do we do with {listed(list(dict.fromkeys(names)))}?", facts, (*options, test))
