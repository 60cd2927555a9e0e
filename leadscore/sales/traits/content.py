"""Content by stage: how much sooner leads move on after they saw an asset, and what sales sends in its deals."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadscore.base.days import day_of
from leadscore.base.periods import Period
from leadscore.base.stages import ENDS, or_further
from leadscore.base.times import DAY
from leadscore.present.result import Result, Section
from leadscore.rulebook import Rulebook
from leadscore.sales.facts import Facts
from leadscore.sales.traits.seen import Seen
from leadscore.sales.traits.traits import MARKED
from leadscore.stats.outcomes_and_scores import Mask
from leadscore.stats.stratified import rate_ratio, stratified_test
from leadscore.tables.outcomes import Ints
from leadscore.tables.tables import Tables

STEPS = {
    "MQL to accepted": ("mql", "sal"),
    "Accepted to SQL": ("sal", "sql"),
    "SQL to opportunity": ("sql", "opportunity"),
    "Opportunity to won": ("opportunity", "won"),
}
# Days before a day in which an asset counts as seen; days that are looked at; moves to be expected on each side; moves
# for each grade.
_WITHIN, _LOOKED_AT, _FEWEST, _PER_GRADE = 14, 182, 10, 40
_YEAR = 365


@dataclass(frozen=True, eq=False, repr=False)
class Content(Result):
    """What goes with moving on; made by `content`.

    Attributes
    ----------
    frame : DataFrame, one row per step and asset, most certain first
        `step`, `asset`; `moves` in `days` of leads that had seen it, `moves_without` in `days_without` of the others;
        `ratio` of the two rates with `low`, `high` (95 %), `p` (before correction), `q` (Benjamini-Hochberg, over all
        rows).
    sales_use : DataFrame, one row per asset
        `asset`; `open`, `won`, `lost`: deals in which sales sent it; and of how many deals, `open_n`, `won_n`,
        `lost_n`. Empty where events have no `actor`, or outcomes no `deal_id`.
    start, end : date
        The days that are looked at.
    notes : tuple of str
    """

    frame: pd.DataFrame
    sales_use: pd.DataFrame
    start: dt.date
    end: dt.date
    notes: tuple[str, ...]

    @property
    def headline(self) -> str:
        """Which assets go with moving on sooner."""
        if not len(self.frame):
            return "Too few leads moved on after they saw an asset to compare any."
        marked = self.frame[self.frame["q"] <= MARKED]
        sooner = marked[marked["ratio"] > 1]
        if len(sooner):
            return f"Leads move on sooner in the two weeks after they see: {first_names(sooner['asset'])}."
        if len(marked):
            return f"Leads move on later in the two weeks after they see: {first_names(marked['asset'])}."
        tested = f"{len(self.frame):,} pairs of asset and step" if len(self.frame) > 1 else "one asset"
        return f"Of {tested} tested, none goes with moving on sooner or later."

    def sections(self) -> Iterator[Section]:
        """The ratios, and what sales sent."""
        if len(self.frame):
            title = f"How many times as often leads move on after they saw it (95 %; q up to {MARKED} holds)"
            shown = self.frame.drop(columns="p")
            yield Section("frame", title, self.frame, shown, formats=dict.fromkeys(["ratio", "low", "high"], ".2f"))
        if len(self.sales_use):
            yield Section("sales_use", "Deals in which sales sent it", self.sales_use)


def first_names(names: pd.Series[Any]) -> str:
    """The first two of some names, and how many more there are.

    Examples
    --------
    >>> first_names(pd.Series(["a", "b", "a", "c"])), first_names(pd.Series(["a", "b"])), first_names(pd.Series(["a"]))
    ('a, b and 1 more', 'a and b', 'a')
    """
    first = list(dict.fromkeys(names))
    if len(first) > 2:
        return f"{', '.join(first[:2])} and {len(first) - 2:,} more"
    return " and ".join(first)


def content(tables: Tables, rulebook: Rulebook, *, start: Any, end: Any, observed_until: Any = None) -> Content:
    """How many times as often leads move on to the next stage in the two weeks after they saw an asset.

    Looked at are the days of half a year up to `end` on which leads are in a stage. On a day a lead is exposed if it
    saw the asset in the 14 days before the day began. Days are compared with days of leads that have been in the stage
    for as long (and are of the same fit grade, where there are 40 moves for each). Only assets for which at least 10
    moves are to be expected on each side if it made no difference: chosen by the moves that came, they would be those
    that had luck.

    Parameters
    ----------
    tables : Tables
        With outcomes, and events with `asset`. An `actor` of "sales" tells that sales sent it; such events expose
        nobody. `load_tables(..., columns=None)` keeps these columns.
    rulebook : Rulebook
    start, end : date, or text as "2026-03-31"
        The period.
    observed_until : date, optional
        The last day whose outcomes are known; later ones do not exist. By default that of the tables.

    Returns
    -------
    Content
        `headline`, `notes`, `frame`, `sales_use`.

    Raises
    ------
    ArgumentError
        If there are no outcomes, or the period is invalid.

    Notes
    -----
    Seeing and moving on go together; that does not show that the content moved anybody: who is about to buy looks at
    pricing anyway. To know, send it to half of the leads at random.

    Comparing leads that ever saw an asset with those that never did would make every asset look good, for leads that
    stay long have long to see it (immortal time). Here each day counts on the side that it is on when it begins.

    Of 200 simulated companies where nothing made a difference, the smallest q was at most 0.05 in 5 %.

    References
    ----------
    Greenland, S. and Robins, J. M. (1985), Biometrics 41, 55-68. Mantel, N. and Haenszel, W. (1959), Journal of the
    National Cancer Institute 22, 719-748. Suissa, S. (2008), Immortal time bias in pharmacoepidemiology, American
    Journal of Epidemiology 167, 492-499.

    Examples
    --------
    >>> import leadscore as ls
    >>> funnel = ls.datasets.make_funnel(4000, random_state=3)
    >>> tables = ls.load_tables(funnel.leads, funnel.events, funnel.outcomes)
    >>> content(tables, funnel.rulebook, start="2026-03-02", end="2026-03-29").headline
    'Leads move on sooner in the two weeks after they see: getting-started.'
    """
    return content_of(Facts.of("content", tables, rulebook, start=start, end=end, observed_until=observed_until))


def content_of(facts: Facts) -> Content:
    """`content`, of facts."""
    period = Period(facts.period.last + 1 - _LOOKED_AT, facts.period.last)
    frame, use, notes = pd.DataFrame(), pd.DataFrame(), []
    if "asset" in facts.tables.events.values:
        days = _Days.of(facts, period)
        seen = Seen.of(facts.tables, "asset", facts.tables.timezone, days.spells["lead"].unique())
        frame = _ratios(days, seen)
        use = _sent_by_sales(facts)
        notes.append("Seeing and moving on go together; that does not show that the content moved anybody.")
    else:
        notes.append("The events have no column `asset`, so nothing is known of what leads saw.")
    return Content(frame, use, day_of(period.first), day_of(period.last), tuple(notes))


@dataclass(frozen=True, eq=False)
class _Days:
    """Lead-days at risk: each day of each stay in a stage; arrays have one entry per day.

    Attributes
    ----------
    spells : DataFrame, one row per stay
        `lead`, `step`, `first`, `last` (days since 1970), `begin` (where its days begin in the arrays).
    stratum : positions of step, days in the stage and fit grade
    moved : whether the lead moved on, on that day
    step_of : (n_strata,) the step of each
    """

    spells: pd.DataFrame
    stratum: Ints
    moved: Mask
    step_of: Ints

    @classmethod
    def of(cls, facts: Facts, period: Period) -> _Days:
        """The days of a period."""
        moment = facts.stages.comparable(facts.tables.timezone)
        parts = [_stays(facts, moment, *stages).assign(step=place) for place, stages in enumerate(STEPS.values())]
        spells = pd.concat(parts, ignore_index=True)
        spells["first"] = np.maximum(spells["entry"], period.first)
        spells["last"] = np.minimum(spells["exit"], period.last)
        spells = spells[spells["first"] <= spells["last"]].reset_index(drop=True)
        length = (spells["last"] - spells["first"] + 1).to_numpy(np.int64)
        begin = np.cumsum(length) - length
        spell = np.repeat(np.arange(len(spells)), length)
        day = np.arange(int(length.sum())) - begin[spell] + spells["first"].to_numpy()[spell]
        age = day - spells["entry"].to_numpy()[spell]
        moved = spells["moved"].to_numpy()[spell] & (day == spells["exit"].to_numpy()[spell])
        grades, n_grades = _fit_grades(facts, spells)
        step, grade = spells["step"].to_numpy()[spell], grades[spell]
        # A step with too few moves for its grades is not split by them.
        split = np.bincount(step[moved], minlength=len(STEPS)) >= _PER_GRADE * n_grades
        key = (age * len(STEPS) + step) * n_grades + np.where(split[step], grade, 0)
        strata, stratum = np.unique(key, return_inverse=True)
        return cls(spells.assign(begin=begin), stratum, moved, strata // n_grades % len(STEPS))


def _stays(facts: Facts, moment: Ints, stage: str, following: str) -> pd.DataFrame:
    """Each stay of a lead in a stage: `lead`, `entry`, `exit` (days; later than known while it stays), `moved`."""
    stages = facts.stages
    rows = pd.DataFrame(
        {"lead": stages.lead.astype(np.int64), "at": moment, "moved": stages.of(*or_further(following))}
    )
    entries = rows[stages.of(stage)].drop(columns="moved").sort_values(["at", "lead"])
    exits = rows[stages.of(*or_further(following), *ENDS)].assign(left=lambda frame: frame["at"])
    # On the same time moving on comes before an end.
    exits = exits.sort_values(["at", "lead", "moved"], ascending=[True, True, False])
    exits = exits.drop_duplicates(["at", "lead"])
    stays = pd.merge_asof(entries, exits, on="at", by="lead", direction="forward")
    # Entered again before it was left, it is one stay.
    stays = stays.drop_duplicates(["lead", "left"])
    left = stays["left"].to_numpy(np.float64)
    return pd.DataFrame(
        {
            "lead": stays["lead"],
            "entry": stays["at"] // DAY,
            "exit": np.where(np.isnan(left), facts.until + 1, np.nan_to_num(left) // DAY).astype(np.int64),
            "moved": stays["moved"].eq(True).to_numpy(bool),
        }
    )


def _fit_grades(facts: Facts, spells: pd.DataFrame) -> tuple[Ints, int]:
    """(n_spells,) the fit grade of each lead on the first of its days, as a whole number, and how many there are."""
    grades = facts.rulebook.grades
    if grades is None or not grades.fit:
        return np.zeros(len(spells), np.int64), 1
    timeline = facts.binding.timeline(facts.rulebook)
    lead, day = spells["lead"].to_numpy(np.int32), spells["first"].to_numpy(np.int64)
    fit = timeline.at(lead, day).fit
    edges = sorted(int(bar) for bar in facts.rulebook.grade_bars()["fit"].values() if bar > -math.inf)
    return np.searchsorted(edges, fit, "right"), len(edges) + 1


def _ratios(days: _Days, seen: Seen) -> pd.DataFrame:
    """`Content.frame`."""
    from scipy.stats import false_discovery_control  # noqa: PLC0415 - scipy takes long to import

    n = len(days.step_of)
    all_days = np.bincount(days.stratum, minlength=n)
    all_moves = np.bincount(days.stratum[days.moved], minlength=n)
    found = []
    for what, exposed in _exposed(days, seen):
        at_risk = np.bincount(days.stratum[exposed], minlength=n)
        moves = np.bincount(days.stratum[exposed[days.moved[exposed]]], minlength=n)
        for step, name in enumerate(STEPS):
            own = days.step_of == step
            events = np.column_stack([moves, all_moves - moves])[own]
            under = np.column_stack([at_risk, all_days - at_risk])[own]
            # By what is to be expected, not by what came: else of rare assets only those would enter that had luck.
            expected = under * (events.sum(axis=1) / np.maximum(under.sum(axis=1), 1))[:, None]
            if expected.sum(axis=0).min() < _FEWEST:
                continue
            (had, rest), (with_it, without) = events.sum(axis=0), under.sum(axis=0)
            figure, p = rate_ratio(events, under), stratified_test(events, under).p
            found.append((name, seen.names[what], had, with_it, rest, without, *figure, p))
    counts = ["step", "asset", "moves", "days", "moves_without", "days_without"]
    frame = pd.DataFrame(found, columns=[*counts, "ratio", "low", "high", "p"])
    frame["q"] = false_discovery_control(frame["p"].to_numpy(np.float64))
    return frame.sort_values(["q", "p", "step", "asset"], ignore_index=True)


def _exposed(days: _Days, seen: Seen) -> Iterator[tuple[int, npt.NDArray[np.intp]]]:
    """For each asset that enough leads saw, the lead-days that began within two weeks of it."""
    views = pd.DataFrame({"what": seen.what, "lead": seen.lead.astype(np.int64), "day": seen.at // DAY})
    views = views.drop_duplicates().merge(days.spells[["lead", "first", "last", "begin"]], on="lead")
    start = np.maximum(views["day"] + 1, views["first"])
    length = np.minimum(views["day"] + _WITHIN, views["last"]) - start + 1
    row = (views["begin"] + start - views["first"]).to_numpy(np.int64)
    views = pd.DataFrame({"what": views["what"], "row": row, "length": length}).query("length > 0")
    what, begins, lengths = (views[name].to_numpy(np.int64) for name in ("what", "row", "length"))
    order = np.argsort(what, kind="stable")
    for own in np.split(order, np.flatnonzero(np.diff(what[order])) + 1):
        if len(own) >= _FEWEST:
            length = lengths[own]
            steps = np.arange(int(length.sum())) - np.repeat(np.cumsum(length) - length, length)
            yield int(what[own[0]]), np.unique(np.repeat(begins[own], length) + steps)


def _sent_by_sales(facts: Facts) -> pd.DataFrame:
    """`Content.sales_use`: of the deals open at the end of the period, and of those closed in the year up to it."""
    if facts.deals is None or "actor" not in facts.tables.events.values:
        return pd.DataFrame()
    last = facts.period.last
    deals = facts.deals.frame.dropna(subset="opened").reset_index()
    closed = deals["closed"].astype(np.float64).fillna(np.inf)
    state = np.where(closed > last, "open", deals["state"])
    deals = deals.assign(closed=np.minimum(closed, last), state=state)
    deals = deals[(deals["opened"] <= last) & (closed > last - _YEAR)]
    leads = deals.explode("leads").astype({"leads": np.int64, "opened": np.int64})
    sent = Seen.of(facts.tables, "asset", facts.tables.timezone, leads["leads"].unique(), by_sales=True)
    found = pd.DataFrame({"asset": sent.what, "leads": sent.lead.astype(np.int64), "day": sent.at // DAY})
    found = found.merge(leads, on="leads")
    found = found[(found["day"] >= found["opened"]) & (found["day"] <= found["closed"])]
    found = found.drop_duplicates(["asset", "deal_id"])
    states = ["open", "won", "lost"]
    counts = pd.crosstab(found["asset"], found["state"]).reindex(columns=states, fill_value=0)
    frame = counts.assign(**{f"{one}_n": int((deals["state"] == one).sum()) for one in states}).reset_index()
    frame["asset"] = [sent.names[what] for what in frame["asset"]]
    frame = frame[["asset", *(name for one in states for name in (one, f"{one}_n"))]]
    return frame.sort_values([*states, "asset"], ascending=[False, False, False, True], ignore_index=True)
