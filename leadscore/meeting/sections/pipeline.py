"""Opportunities opened, how their worth divides among channels, what channels cost, and what is open."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from leadscore.base.groups import ALL
from leadscore.base.text import counted
from leadscore.errors import ArgumentError
from leadscore.meeting.drafts import CONTEXT, SURE, Asked, Clear, Comparison, Draft, Silent, Written, simes, verdict
from leadscore.present.figures import money, percent
from leadscore.present.page import COUNTED, MainPoint, PageSection, Range, Ranges, Table, ToDecide
from leadscore.sales.deals.pipeline import Pipeline, pipeline_of
from leadscore.sales.deals.touch_paths import NO_TOUCH
from leadscore.sales.deals.weighted_pipeline import WeightedPipeline, weighted_pipeline_of
from leadscore.sales.facts import Facts
from leadscore.sales.traits.traits import MARKED
from leadscore.stats.multi_touch import RULES

_ID, _CHANGE, _NOTHING = "pipeline", "pipeline: change", "pipeline: costs"
_CHANNELS = 12
_HEADS = {
    "first": "First touch", "last": "Last touch", "even": "Even split", "position": "Position 40/20/40",
    "decay": "Time decay", "removal": "Removal (Markov)",
}  # fmt: skip


def draft(facts: Facts, asked: Asked) -> Draft | Silent:
    """The section; silent where outcomes have no deals, or amounts in several currencies."""
    needed = "What pipeline was opened and what is open. It needs"
    if facts.deals is None:
        return Silent(f"{needed} outcomes with `deal_id`: without it a deal would count once for each of its leads.")
    if not facts.deals.frame["opened"].notna().any():
        return Silent(f"{needed} outcomes of the stage “opportunity” with `deal_id`: there is none.")
    try:
        found, weighted = facts.once(pipeline_of), facts.once(weighted_pipeline_of)
    except ArgumentError as error:
        return Silent(f"{needed} amounts in one currency; {error.problems[0].message}.")
    comparisons = [
        Comparison(
            _CHANGE, "opportunities opened, this period against the one before", "exact binomial test of two counts",
            found.opened + found.opened_before, _p_change(facts, found, asked),
        ),
    ]  # fmt: skip
    if found.nothing_over:
        p = simes(found.nothing["q"]) if len(found.nothing) else 1.0
        comparisons.append(
            Comparison(
                _NOTHING, f"channels without an opportunity against their share of the costs, {found.nothing_over}",
                "exact conditional test, Simes over the channels", found.nothing_of,
                math.nan if found.nothing_of < asked.few else p,
            )
        )  # fmt: skip
    return Draft(tuple(comparisons), lambda clear: _Section(facts, asked, found, weighted, clear).written())


def _comparable(facts: Facts) -> bool:
    """Whether the period before had as much time for opportunities: nine in ten open within so long of the handover."""
    assert facts.deals is not None
    came = facts.handovers.ever.groupby("lead")["day"].min()
    deals = facts.deals.frame.dropna(subset="opened").explode("leads")
    waited = deals["opened"].to_numpy(np.float64) - came.reindex(deals["leads"]).to_numpy(np.float64)
    usual = np.nanquantile(waited, 0.9) if not np.isnan(waited).all() else math.nan
    return bool(came.min() + usual <= facts.period.before.first)


def _p_change(facts: Facts, found: Pipeline, asked: Asked) -> float:
    """Whether more or fewer were opened."""
    if found.opened < asked.few or not facts.once(_comparable):
        return math.nan
    return float(binomtest(found.opened, found.opened + found.opened_before).pvalue)


class _Section:
    """The section once it is known what is clear."""

    def __init__(self, facts: Facts, asked: Asked, found: Pipeline, weighted: WeightedPipeline, clear: Clear) -> None:
        self.comparable = facts.once(_comparable)
        self.found, self.weighted, self.asked, self.length = found, weighted, asked, facts.period.length
        self.currency = found.currency
        self.clear_change = clear(_CHANGE)
        self.nothing = list(self._nothing()) if found.nothing_of >= asked.few else []
        self.clear_nothing = bool(self.nothing) and clear(_NOTHING)
        # The channels that had a part in something, the largest first.
        frame = found.frame.drop([NO_TOUCH, ALL])
        self.frame = frame[frame["highest"] > 0]

    def written(self) -> Written:
        sure = verdict(self.found.opened, self.asked.few, clear=self.clear_change)
        section = PageSection(
            _ID, "Pipeline: the shared goal", self._headline(), sure, tuple(self._text()), self._picture(),
            tuple(self._tables()), self._figures(),
        )  # fmt: skip
        main = [(SURE if self.clear_change else CONTEXT, MainPoint(_ID, section.headline, sure))]
        rank, word = (SURE, verdict(1, 0, clear=True)) if self.clear_nothing else (CONTEXT, COUNTED)
        main = [*((rank, MainPoint(_ID, one, word)) for one in self.nothing), *main]
        return Written(section, tuple(main), tuple(self._decide()))

    def _money(self, amount: float) -> str:
        return money(amount, self.currency)

    def _headline(self) -> str:
        found, weighted = self.found, self.weighted
        opened = counted(found.opened, "opportunity", "opportunities")
        worth = f" worth {self._money(found.amount)}" if found.amount else ""
        were = "was" if found.opened == 1 else "were"
        against = f", against {found.opened_before:,} in the {self.length} before" if self.comparable else ""
        said = f"{opened}{worth} {were} opened{against}"
        if not weighted.open:
            return f"{said}."
        if math.isnan(weighted.value):
            return f"{said}; {self._money(weighted.open_amount)} is open in {counted(weighted.open, 'deal')}."
        goal = f", {percent(weighted.covered)} of the goal" if weighted.goal > 0 else ""
        return f"{said}; weighted open pipeline is {self._money(weighted.value)}{goal}."

    def _text(self) -> Iterator[str]:
        found = self.found
        if not self.comparable:
            yield "There is no comparison: leads of the period before had less time on record to become opportunities."
        elif found.opened >= self.asked.few:
            sure = "more" if self.clear_change else "no more"
            yield f"The change from {found.opened_before:,} is {sure} than chance usually gives at this volume."
        yield " ".join(self._weighted())
        yield from self.nothing
        if len(self.frame):
            ends = self.frame[["lowest", "highest"]].to_numpy()
            place = int((ends[:, 1] - ends[:, 0]).argmax())
            low, high = map(self._money, ends[place])
            yield (
                "How pipeline is divided among channels depends on the rule. Each of six rules divides the same "
                f"{self._money(found.amount)} and none says what a channel caused. "
                f"{self.frame.index[place]} gets {low} to {high}. "
                "A channel that looks good under every rule is a safer bet than one that looks good under one."
            )
        elif found.opened:
            yield "None of the opportunities has a touch in the 180 days before: nothing can be said of channels."
        yield from found.notes

    def _weighted(self) -> Iterator[str]:
        weighted = self.weighted
        closed = weighted.won + weighted.lost
        deals = f"{self._money(weighted.open_amount)} in {counted(weighted.open, 'deal')}"
        if math.isnan(weighted.value):
            yield f"Too few deals are closed to say what the open ones are worth: {closed:,}."
        elif weighted.open_amount:
            ends = f"{self._money(weighted.low)} to {self._money(weighted.high)}"
            yield (
                f"Weighted pipeline is {percent(weighted.value / weighted.open_amount)} of the open amount, {deals}: "
                "each deal counts at the share of past deals of its age that were won in the end. "
                f"The 95% interval is {ends}, from {counted(closed, 'closed deal')}."
            )
        if weighted.goal > 0:
            yield f"The goal is {self._money(weighted.goal)}."
        if weighted.late:
            one = "is" if weighted.late == 1 else "are"
            late = f"{counted(weighted.late, 'open deal')} worth {self._money(weighted.late_amount)}"
            yield f"{late} {one} older than nine in ten of those that closed, and {one} left out."
        if weighted.without_amount:
            yield f"{counted(weighted.without_amount, 'open deal')} without an amount left out."
        if weighted.large:
            many = "One deal is" if len(weighted.large) == 1 else f"{len(weighted.large)} deals are each"
            yield f"{many} more than a quarter of the open amount."

    def _nothing(self) -> Iterator[str]:
        """Channels that cost and stand before no opportunity, where chance would seldom do that."""
        found = self.found
        for channel, row in found.nothing[found.nothing["q"] <= MARKED].iterrows():
            of = counted(found.nothing_of, "opportunity", "opportunities")
            share = percent(row["spend"] / found.nothing_spend)
            cost = f"{channel} cost {self._money(row['spend'])} ({found.nothing_over}), {share} of all costs"
            unknown = "" if channel in found.channels.index else "; no touch at all names it: is it called otherwise?"
            yield f"{cost}; none of {of} had a touch of it{unknown}."

    def _picture(self) -> Ranges | None:
        shown = self.frame[["lowest", "highest", "first", "last"]].head(_CHANNELS)
        rows = tuple(Range(str(channel), *row) for channel, row in shown.iterrows())
        caption = (
            "Pipeline opened, by channel: bar from the lowest to the highest of six rules. "
            "Filled: first touch. Hollow: last touch."
        )
        return Ranges("Pipeline opened, by channel, under six rules", caption, rows, self.currency) if rows else None

    def _tables(self) -> Iterator[Table]:
        found = self.found
        if len(self.frame):
            none = [NO_TOUCH] if found.frame.loc[NO_TOUCH, "first"] else []
            frame = found.frame.loc[[*self.frame.index, *none, ALL]]
            rows = tuple((_name(name), *map(self._money, row)) for name, row in frame[[*RULES]].iterrows())
            title = "Six rules, each sums to the same total"
            yield Table(title, ("Channel", *_HEADS.values()), rows, tuple(range(1, 7)), tuple(self._influenced()))
        if len(found.costs):
            each = [f"Per {one} (95%)" for one in ("MQL", "accepted", "opportunity")]
            heads = ("Channel", "Spend", *each, f"Pipeline per {self.currency}1")
            rows = tuple((str(name), *map(str, row)) for name, row in found.costs_text.iterrows())
            notes = ("Intervals are for the counts only; of pipeline, for the opportunities and their amounts.",)
            yield Table("Cost by channel of the first touch", heads, rows, tuple(range(1, 6)), notes)

    def _influenced(self) -> Iterator[str]:
        channels = self.found.channels.drop(NO_TOUCH)
        listed = [
            f"{channel} {counted(int(row['influenced']), 'deal')}, {self._money(row['influenced_amount'])}"
            for channel, row in channels[channels["influenced"] > 0].head(_CHANNELS).iterrows()
        ]
        yield (
            "First touch is what people call “sourced”. Channels also touched overlapping deals (“influenced”): "
            f"{'; '.join(listed)}. Influenced amounts overlap and must not be added."
        )

    def _figures(self) -> dict[str, object]:
        found, weighted = self.found, self.weighted
        names = ("value", "low", "high", "open", "open_amount", "share_won", "won", "lost", "late", "late_amount")
        return {
            "opened": found.opened, "opened_before": found.opened_before, "amount": found.amount,
            "amount_before": found.amount_before, "without_amount": found.without_amount,
            "rules": _plain(found.frame), "channels": _plain(found.channels), "costs": _plain(found.costs),
            "bring_nothing": _plain(found.nothing), "weighted": {name: getattr(weighted, name) for name in names}
            | {"goal": weighted.goal, "covered": weighted.covered, "large": list(weighted.large)},
        }  # fmt: skip

    def _decide(self) -> Iterator[ToDecide]:
        if self.nothing:
            names = " and ".join(map(str, self.found.nothing[self.found.nothing["q"] <= MARKED].index))
            options = ("stop in half of the regions for a quarter and compare", "keep it: deals take longer than that")
            yield ToDecide(f"What is {names} to bring?", " ".join(self.nothing), (*options, "move the money elsewhere"))


def _name(channel: object) -> str:
    return {ALL: "All", NO_TOUCH: "No touch in the window"}.get(str(channel), str(channel))


def _plain(frame: pd.DataFrame) -> dict[str, dict[str, float]]:
    return {str(name): {str(key): float(value) for key, value in row.items()} for name, row in frame.iterrows()}
