"""`Bench`: tables and a rulebook, ready to answer what a setting would do; and what was set and kept so far."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from leadscore.base.arguments import Arguments
from leadscore.base.days import day_of, in_words
from leadscore.base.periods import Period
from leadscore.base.text import counted
from leadscore.errors import ArgumentError, RulebookError
from leadscore.rulebook import Rulebook
from leadscore.stats.intervals import Floats
from leadscore.tables.tables import Tables
from leadscore.threshold.capacity import WEEK
from leadscore.threshold.workbench.board import Board, Share, board_of, offered
from leadscore.threshold.workbench.evidence import Evidence, HandOvers
from leadscore.threshold.workbench.heights import Heights
from leadscore.threshold.workbench.numbers import chosen, numbers_of
from leadscore.threshold.workbench.sentences import Paired, Tried, percent
from leadscore.threshold.workbench.sides import People
from leadscore.threshold.workbench.what_if import Asked, Setting, WhatIf

# Rulebooks with other numbers that are kept ready, for undo and for tries that are gone back to.
_READY = 8
# The lowest bar offered lets so many times as many leads qualify as now, or as sales can work.
_MOST_TIMES = 4


class Kept(NamedTuple):
    """A try that was kept, and at which try the held-back weeks had been opened then; 0 where they had not."""

    setting: Setting
    opened: int


class Bench:
    """A rulebook in force, and all that is tried beside it.

    Attributes
    ----------
    base : Heights
        By the rulebook in force.
    evidence : Evidence
    numbers : dict of key to Number
    offered : list of keys of those that have sliders
    bars : (n_bars,) points that can be tried in the browser
    as_it_is, setting : Setting
        In force, and set just now.
    kept : list of Kept
    opened : int
        At which try the held-back weeks were opened; 0 where they were not.
    capacity : float or None
    stage, why_no_share : str
        What counts; or why nothing does.
    title, basis, notes
        As `Workbench` has them.
    """

    def __init__(  # noqa: PLR0913 - `explore` alone calls it, with what it has checked
        self,
        tables: Tables,
        rulebook: Rulebook,
        *,
        period: Period,
        hand_overs: HandOvers,
        stage: str,
        why_no_share: str,
        within_days: int,
        capacity: float | None,
        by: tuple[str, ...],
        rules: Any,
    ) -> None:
        self.tables, self._period, self.stage = tables, period, stage
        self.base = Heights(tables, rulebook, (period.first, period.last), hand_overs.worked.came, hand_overs.handed)
        self.evidence = Evidence.of(tables, hand_overs, self.base)
        self._ready: dict[tuple[tuple[str, float], ...], tuple[Heights, Board]] = {}
        self.numbers = numbers_of(rulebook)
        with Arguments("explore") as given:
            self.offered = chosen(self.numbers, rules, given)
        self.people = People.of(tables, by, self.base)
        self.bars = self._all_bars(capacity)
        self.as_it_is = Setting(tuple(map(float, self.base.now / 1000)), {})
        self.capacity = capacity
        self.setting, self.kept, self.opened = self.as_it_is, list[Kept](), 0
        self.why_no_share = why_no_share
        self.title = f"{rulebook.name} {rulebook.version}".strip()
        self.basis, self.notes = self._told(hand_overs, within_days)

    def _all_bars(self, capacity: float | None) -> Floats:
        """The bars that can be tried."""
        weeks = self._period.days // WEEK
        came = self.base.climbs.at(self.base.now)
        most = _MOST_TIMES * max(int((~came.already).sum()), (capacity or 0) * weeks)
        return offered(self.base, most=most)

    def _told(self, hand_overs: HandOvers, within_days: int) -> tuple[str, tuple[str, ...]]:
        """What the figures are of, and what to know of them."""
        volume = f"volume: {self._period.days // WEEK} weeks to {in_words(day_of(self._period.last))}"
        if not self.stage:
            return volume, (self.why_no_share,)
        days, young = hand_overs.worked.day, hand_overs.worked.young
        when = Period(int(days.min()), int(days.max()))
        worked = (
            f"outcomes: {counted(len(days), 'lead')} that sales worked, handed over {when}, {within_days} days each"
        )
        newest = in_words(day_of(hand_overs.newest))
        notes = [f"{counted(young, 'lead')} handed over after {newest} are too young to count."] if young else []
        share = self.evidence.share_got
        if np.isfinite(share):
            which = "highest score" if self.evidence.at_once else "score on the day sales got it"
            got = f"Sales got {percent(share)} of the leads that qualify by the day they did."
            notes.append(f"{got} A lead worked below the bar therefore counts with its {which}.")
        if not self.holds_back:
            notes.append("There are too few weeks of outcomes to hold some back.")
        return f"{volume}; {worked}", tuple(notes)

    def answer(self, setting: Setting) -> WhatIf:
        """What a setting would do."""
        heights, board = self.on(setting)
        base, bars = self.base, np.round(np.array(setting.bars) * 1000).astype(np.int64)
        if not np.isin(bars / 1000, board.bars).all():
            both = np.union1d(self.bars, bars / 1000)
            board = board_of(heights, base, self.evidence, both)
        first = board if heights is base else board_of(base, base, self.evidence, board.bars)
        tried = Tried(
            base=first,
            board=board,
            now=board.place(self.as_it_is.bars),
            bars=board.place(list(bars / 1000)),
            words=setting.words(base.rulebook, self.numbers),
            stage=self.stage,
            capacity=self.capacity,
            paired=None if heights is base else self._paired(heights, bars),
        )
        return WhatIf.of(Asked(self.tables, base, heights, bars, setting, self.numbers, self.people, tried, self.notes))

    def on(self, setting: Setting) -> tuple[Heights, Board]:
        """The rulebook with these numbers, whatever its bars."""
        key = tuple(sorted(setting.numbers.items()))
        if key not in self._ready:
            book = self._edited(setting)
            hand_overs = self.evidence.hand_overs
            period = self._period.first, self._period.last
            heights = (
                Heights(self.tables, book, period, hand_overs.worked.came, hand_overs.handed) if key else self.base
            )
            self._ready[key] = heights, board_of(heights, self.base, self.evidence, self.bars)
            for old in [one for one in self._ready if one][:-_READY]:
                del self._ready[old]
        return self._ready[key]

    def _edited(self, setting: Setting) -> Rulebook:
        """The rulebook with these numbers; with these bars only where it is none without."""
        try:
            return Setting(self.as_it_is.bars, setting.numbers).edited(self.base.rulebook, self.numbers)
        except RulebookError:
            return setting.edited(self.base.rulebook, self.numbers)

    def _paired(self, heights: Heights, bars: Any) -> Paired:
        """How far the shares lie apart, on the same leads; and who qualifies at once."""
        base, evidence = self.base, self.evidence
        new = heights.today.qualifies(bars) & ~base.today.qualifies(base.now)
        sides = evidence.counts_as(heights, base).qualifies(bars), evidence.counts_as(base, base).qualifies(base.now)
        return Paired(evidence.apart(*sides), int(new.sum()))

    @property
    def current(self) -> WhatIf:
        """What is set just now."""
        return self.answer(self.setting)

    def keep(self, setting: Setting) -> None:
        """Go to a setting and keep it."""
        self.setting = setting
        self.kept.append(Kept(setting, self.opened))
        bars = np.union1d(self.bars, setting.bars)
        if len(bars) > len(self.bars):
            # What is kept can be gone back to in the browser.
            self.bars = bars
            self._ready.clear()

    @property
    def holds_back(self) -> bool:
        """Whether there are weeks to be looked at once."""
        return bool(self.stage) and self.evidence.hand_overs.held_from <= self.evidence.hand_overs.newest

    def open_held_back(self) -> Share:
        """Look at the weeks held back; the first look is logged.

        Raises
        ------
        ArgumentError
            If no outcomes are known or no weeks are held back.
        """
        if not self.holds_back:
            raise ArgumentError("open_held_back", self.why_no_share or "no weeks are held back: there are too few")
        self.opened = self.opened or len(self.kept) + 1
        return self.held_back

    @property
    def held_back(self) -> Share:
        """What the weeks held back say of what is set; for those who have opened them."""
        tried = self.current.asked.tried
        return tried.board.share(tried.bars, tried.board.nowhere(), held=True)
