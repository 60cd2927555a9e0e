"""Whether behaviour outweighs fit: how many MQLs needed unusual activity to qualify, and where that is going."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd

from leadscore.base.text import counted
from leadscore.drift.balance.today import BalanceToday, balance_today_of, dated
from leadscore.meeting.drafts import CONTEXT, SURE, Asked, Clear, Comparison, Draft, Silent, Written
from leadscore.present.figures import percent, points_change, signed
from leadscore.present.page import (
    CLEAR,
    COUNTED,
    NOT_CLEAR,
    TOO_FEW,
    MainPoint,
    PageSection,
    Table,
    ToDecide,
    Verdict,
    WeekShares,
)
from leadscore.sales.facts import Facts

_SHARE, _LEADS, _AGREED = "balance: share", "balance: all leads", "balance: agreed"
# A week of fewer MQLs has no dot in the picture.
_DRAWN = 5
_HEADS = (
    "Week of", "MQLs by points", "Needed unusual activity", "Hand-raises", "All leads, 14 days old",
    "Their mean fit (95%)", "Their mean behaviour (95%)",
)  # fmt: skip


def draft(facts: Facts, asked: Asked) -> Draft | Silent:
    """The section; silent while it is not known what is usual, or where no MQL came by points."""
    if not dated(facts):
        return Silent("Whether behaviour outweighs fit. `created_at` of the leads says which activity is usual.")
    if not facts.rulebook.behaviour or not len(facts.tables.events):
        return Silent("Whether behaviour outweighs fit. It needs events, and points for behaviour in the rulebook.")
    found = facts.once(balance_today_of)
    if found.needing is None:
        return Silent(f"Whether behaviour outweighs fit. {found.notes[1]}")
    if not found.mqls:
        return Silent("Whether behaviour outweighs fit. No MQL of the latest four weeks met the bar by points.")
    few = found.mqls < asked.few
    comparisons = (
        Comparison(
            _SHARE, "share of MQLs by points that needed unusual activity, week by week",
            "weighted slope, weeks permuted", int(found.weeks["mqls"].sum()),
            math.nan if few or not len(found.trend) else float(found.trend["p"].iloc[0]),
        ),
        Comparison(
            _LEADS, "behaviour less fit of all leads, in standard deviations, week by week",
            "weighted slope, weeks permuted", int(found.weeks["leads"].sum()),
            float(found.leads_trend["p"]["gap"]) if len(found.leads_trend) else math.nan,
        ),
        Comparison(
            _AGREED, "share that needed unusual activity, latest four weeks against the agreed limit",
            "exact binomial test", found.mqls, math.nan if few else found.p_agreed,
        ),
    )  # fmt: skip
    return Draft(comparisons, lambda clear: _Balance(found, clear, few=few).written(asked.few))


class _Balance:
    """The section once it is known what is clear."""

    def __init__(self, found: BalanceToday, clear: Clear, *, few: bool) -> None:
        self.found, self.few = found, few
        self.needing, self.share = found.needing or 0, (found.needing or 0) / found.mqls
        self.moves, self.differs, self.gaining = clear(_SHARE), clear(_AGREED), clear(_LEADS)

    def written(self, few: int) -> Written:
        compared = len(self.found.trend) or self.found.agreed is not None
        clear = self.moves or self.differs or self.gaining
        word: Verdict = CLEAR if clear else TOO_FEW if self.few else NOT_CLEAR if compared else COUNTED
        headline = self._headline()
        section = PageSection(
            "balance", "Does behaviour outweigh fit?", headline, word, tuple(self._text(few)), self._picture(),
            (self._table(),), self._figures(),
        )  # fmt: skip
        main = ((SURE if clear else CONTEXT, MainPoint("balance", headline, word)),)
        return Written(section, main, tuple(self._decide()))

    def _headline(self) -> str:
        """How many, beside what was agreed, and where that is going."""
        said = f"{self.needing:,} of {counted(self.found.mqls, 'MQL')} by points needed unusual activity to qualify"
        parts = [said if self.few else f"{said}, {percent(self.share)}"]
        if self.differs:
            more = "more" if self.share > (self.found.agreed or 0) else "less"
            parts[0] += f", {more} than the agreed {percent(self.found.agreed or 0)}"
        elif self.found.agreed is not None and not self.few:
            parts.append(f"no clear difference from the agreed {percent(self.found.agreed)}")
        if self.moves:
            parts.append(f"the share is {'rising' if self.found.trend['change'].iloc[0] > 0 else 'falling'}")
        if self.gaining:
            up = self.found.leads_trend["change"]["gap"] > 0
            parts.append(f"over all leads {'behaviour gains on fit' if up else 'fit gains on behaviour'}")
        if not (self.moves or self.gaining):
            parts.append("no clear trend" if len(self.found.trend) and not self.few else "too few to see a trend")
        return f"{'; '.join(parts)}."

    def _text(self, few: int) -> Iterator[str]:
        _, usual, rates = self.found.notes
        yield (
            "These would have missed the bar with their own fit and the usual activity of a lead. The others "
            f"would have met it. {usual}"
        )
        if len(self.found.trend):
            change, low, high, p, weeks = self.found.trend.iloc[0, :5]
            unit = "point" if abs(round(100 * change)) == 1 else "points"
            interval = "" if math.isnan(low) else f" (95% interval: {signed(100 * low)} to {signed(100 * high)})"
            yield (
                f"Over {weeks:.0f} weeks the share moved by {signed(100 * change)} {unit} every four weeks{interval}; "
                f"p = {p:.2g} before correction. {rates}"
            )
        else:
            yield rates
        if len(self.found.leads_trend):
            yield self._all_leads()
        yield self._harm(few)

    def _all_leads(self) -> str:
        """How the points of all leads moved."""
        behaviour, fit = (
            f"{row['change']:+.1f} points (95% interval: {row['low']:+.1f} to {row['high']:+.1f})"
            for row in self.found.leads_trend.head(2).to_dict("records")
        )
        return (
            f"Over all leads, each 14 days old, behaviour moved by {behaviour} every four weeks and fit by {fit}. A "
            "busy period looks like drift while it lasts: up to 28% of such looks are false where weeks are alike."
        )

    def _harm(self, few: int) -> str:
        """What sales said to those who needed unusual activity, beside the others."""
        frame = self.found.acceptance
        (some, these), (others, those) = frame[["accepted", "decided"]].to_numpy().tolist()
        if some + others == these + those:
            return "Whether sales accepts them less often is not known: it refused none of the MQLs of these weeks."
        said = (
            f"Of those decided on in these weeks, sales accepted {some:,} of {these:,} that needed unusual activity "
            f"and {others:,} of {those:,} others"
        )
        if min(these, those) < few:
            return f"{said}: too few to compare."
        change, low, high = frame[["change", "change_low", "change_high"]].to_numpy(float)[0].tolist()
        none = "; there may be no difference" if low <= 0 <= high else ""
        return f"{said}: {points_change(change, low, high)}{none}."

    def _picture(self) -> WeekShares:
        weeks = self.found.weeks
        shown = (weeks["mqls"] >= _DRAWN).tolist()
        values, low, high = (
            tuple(float(value) if there else None for value, there in zip(weeks[name], shown, strict=True))
            for name in ("share", "low", "high")
        )
        agreed = "Dashed line: the agreed limit. " if self.found.agreed is not None else ""
        caption = (
            f"Share of MQLs by points that needed unusual activity, by week, with 95% intervals. {agreed}Weeks with "
            f"fewer than {_DRAWN} are left out."
        )
        title = "Share of MQLs that needed unusual activity, by week"
        return WeekShares(title, caption, _labels(weeks), values, low, high, self.found.agreed)

    def _table(self) -> Table:
        """The weeks, and beside them all leads."""
        rows = zip(_labels(self.found.weeks), self.found.weeks.to_dict("records"), strict=True)
        cells = tuple(
            (
                label, *(f"{row[name]:,.0f}" for name in ("mqls", "needing", "hand_raises", "leads")),
                *(_mean(row, name) for name in ("fit", "behaviour")),
            )
            for label, row in rows
        )  # fmt: skip
        return Table("Table: weeks", _HEADS, cells, tuple(range(1, len(_HEADS))), self.found.notes[:1])

    def _figures(self) -> dict[str, Any]:
        names = ("mqls", "needing", "hand_raises", "below", "usual", "history_weeks", "agreed", "p_agreed")
        weeks = self.found.weeks.set_axis([str(week.date()) for week in pd.DatetimeIndex(self.found.weeks.index)])
        return {
            **{name: getattr(self.found, name) for name in names},
            "trend": self.found.trend.iloc[0].to_dict() if len(self.found.trend) else {},
            "all_leads": self.found.leads_trend.T.to_dict(),
            "acceptance": self.found.acceptance.T.to_dict(),
            "weeks": weeks.T.to_dict(),
        }

    def _decide(self) -> Iterator[ToDecide]:
        """What is to be decided where too many needed unusual activity, or more and more do."""
        up = self.moves and self.found.trend["change"].iloc[0] > 0
        gains = self.gaining and self.found.leads_trend["change"]["gap"] > 0
        if up or gains or (self.differs and self.share > (self.found.agreed or 0)):
            options = (
                "give fewer points for activity, or cap them",
                "ask for more fit: a higher bar for the titles that sales accepts less often",
                "leave the points, agree on a limit, and look again at the next review",
            )
            yield ToDecide("Should activity give fewer points?", self._headline(), options)


def _labels(weeks: pd.DataFrame) -> tuple[str, ...]:
    return tuple(f"{week.day} {week:%b}" for week in pd.DatetimeIndex(weeks.index))


def _mean(row: dict[Any, Any], name: str) -> str:
    value, low, high = (row[f"{name}{end}"] for end in ("", "_low", "_high"))
    if math.isnan(value):
        return ""
    return f"{value:.1f}" if math.isnan(low) else f"{value:.1f} ({low:.1f} to {high:.1f})"
