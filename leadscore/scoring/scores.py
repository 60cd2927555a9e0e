"""`score`: each lead's points as they stood at the end of a day, and why."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from leadscore.base.arguments import Arguments
from leadscore.base.days import day_number, day_of
from leadscore.base.groups import MISSING
from leadscore.base.text import counted
from leadscore.errors import ArgumentError
from leadscore.present.result import Result, Section
from leadscore.rulebook import Rulebook
from leadscore.rulebook.model import FitRule, Limits
from leadscore.rulebook.plan import ALWAYS, compiled
from leadscore.scoring.earned import summed
from leadscore.scoring.engine import Bound
from leadscore.scoring.timeline import Timeline
from leadscore.scoring.unfired import findings
from leadscore.tables.findings import findings_section
from leadscore.tables.lead_history import Positions
from leadscore.tables.tables import Tables, completeness

# How many leads people see.
TOP = 10


@dataclass(frozen=True, eq=False, repr=False)
class Explanation(Result):
    """Where a lead's points, or a change of them, come from: lines that sum exactly to fit, behaviour and total.

    Attributes
    ----------
    headline : str
        The lead's points on the day and the verdict; of a change what it is, and both days.
    lead_id : an id of the leads
    lines : DataFrame
        `side` (fit or behaviour), `line` (a rule, or a limit that cut points), `points`; of a change also `cause`, see
        `explain_change`, and `events`, how many are meant.
    notes : tuple of str
    """

    headline: str
    lead_id: Any
    lines: pd.DataFrame
    notes: tuple[str, ...] = ()

    def sections(self) -> Iterator[Section]:
        """The lines; people see those that gave or took points."""
        fired = self.lines[self.lines["points"] != 0].drop(columns="events", errors="ignore")
        quiet = len(self.lines) - len(fired)
        notes = (f"{counted(quiet, 'rule')} gave nothing.",) if quiet else ()
        yield Section("lines", "Where the points come from", self.lines, fired, notes, formats={"points": "+.10g"})


# Of one lead; a rulebook has fewer rules.
_MOST_REASONS = 1000


@dataclass(frozen=True, eq=False, repr=False)
class Scores(Result):
    """Each lead's points on one day; made by `score`.

    Attributes
    ----------
    rulebook : Rulebook
    as_of : date
    bound : Bound
        What each rule looks at, lead by lead.
    tables : Tables
    frame : DataFrame, index lead_id
        `fit`, `behaviour`, `total` (points, float64; higher is hotter, not a probability), `segment`, `threshold` (the
        one that applied; missing without one), `qualified`, `via` (score or hand_raise), `blocked_by` (a `never`
        entry), `grade`; with labels also `label`.
    """

    rulebook: Rulebook
    as_of: dt.date
    bound: Bound
    tables: Tables

    @cached_property
    def lead_ids(self) -> pd.Index[Any]:
        """The leads that exist on the day, in the order of the table."""
        return lead_ids(self.tables, self.bound.lead)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row per lead; see the class."""
        return verdicts(self.bound).set_axis(self.lead_ids)

    @cached_property
    def points(self) -> pd.DataFrame:
        """One column per rule, before limits; leads by rules, float64 points. Large: 8 bytes a lead and rule."""
        return points_by_rule(self.bound).set_axis(self.lead_ids)

    def reasons(self, k: int = 3) -> pd.DataFrame:
        """The `k` rules that moved each lead most, up or down, before limits.

        Returns
        -------
        DataFrame, index lead_id
            `reason_1` to `reason_k`: names of rules, the largest points first, in the book's order where equal; missing
            where fewer rules gave anything.

        Raises
        ------
        ArgumentError
            If `k` is no whole number from 1.
        """
        with Arguments("reasons") as given:
            given.whole("k", k, least=1, room=_MOST_REASONS)
        names = self.bound.plan.names
        return pd.DataFrame(
            {
                f"reason_{place}": _categories(np.where(top > 0, len(names) - 1 - top % len(names), -1), names)
                for place, top in enumerate(self.bound.best(k), 1)
            },
            index=self.lead_ids,
        )

    @cached_property
    def completeness(self) -> pd.DataFrame:
        """How complete each required column is among the leads that qualified; see `Tables.completeness`."""
        return completeness(self.tables, self.rulebook, self.bound.record[self.bound.via >= 0])

    def explain(self, lead_id: Any) -> Explanation:
        """Where one lead's points come from: every rule, and every limit that cut them.

        Raises
        ------
        ArgumentError
            If there is no such lead on the day.
        """
        lead = self.tables.position(lead_id)
        position = int(np.searchsorted(self.bound.lead, lead))
        if position == len(self) or self.bound.lead[position] != lead:
            raise ArgumentError("lead_id", f"the lead {lead_id!r} was created after {self.as_of}")
        found = [(side, name, points / 1000) for side, _, name, points in lines(self.bound, position)]
        row = self.frame.iloc[[position]].astype(object).iloc[0]
        frame = pd.DataFrame(found, columns=["side", "line", "points"])
        notes = (*_restarted(self.bound, position), *_reasons_given(self.rulebook, frame))
        return Explanation(summary(lead_id, self.as_of, row), lead_id, frame, notes)

    @property
    def ways(self) -> pd.DataFrame:
        """How leads qualify, and what keeps out those that a `never` names; index way: `leads`."""
        return ways(self.frame)

    @property
    def segments(self) -> pd.DataFrame:
        """How many leads of each segment qualify, index segment: `threshold`, `leads`, `qualified`, `share`."""
        qualify, bound = self.rulebook.qualify, self.bound
        names = [*(one.name for one in qualify.segments), MISSING]
        thresholds = [*(one.threshold for one in qualify.segments), qualify.threshold]
        leads, qualified = (
            np.bincount(group, minlength=len(names)) for group in (bound.group, bound.group[bound.via >= 0])
        )
        found = pd.DataFrame(
            {"threshold": thresholds, "leads": leads, "qualified": qualified}, pd.Index(names, name="segment")
        )
        return found.assign(share=found["qualified"] / found["leads"].where(found["leads"] > 0))

    @property
    def headline(self) -> str:
        """How many leads qualify."""
        return headline(int((self.bound.via >= 0).sum()), len(self), self.as_of, self.rulebook)

    @property
    def notes(self) -> tuple[str, ...]:
        """Leads that are left out, and why there is no interval."""
        later = len(self.tables.ids) - len(self)
        late = (f"{counted(later, 'lead')} created later left out.",) if later else ()
        return (*late, "Every lead is counted: this is no sample, so there is no interval.")

    def sections(self) -> Iterator[Section]:
        """How leads qualify, by segment, what sales will know of them; people see the ten highest."""
        yield Section("ways", "How they qualify", self.ways, self.ways)
        if self.rulebook.qualify.segments:
            yield Section("segments", "By segment", self.segments, formats={"threshold": "g"})
        if len(self.completeness) and (self.bound.via >= 0).any():
            title = "What sales finds filled in on the leads that qualify, with 95 % intervals (Wilson)"
            yield Section("completeness", title, self.completeness)
        top = self.frame.iloc[pd.Series(self.bound.fit + self.bound.behaviour).nlargest(TOP).index]
        points = dict.fromkeys(("fit", "behaviour", "total", "threshold"), ".10g")
        yield Section("frame", f"The {TOP} highest" if len(self) > TOP else "Leads", self.frame, top, formats=points)
        yield findings_section(self.findings)

    @cached_property
    def findings(self) -> pd.DataFrame:
        """What the rulebook and the data lack of each other: `code`, `where`, `n` leads or events, `message`.

        LS201 rules that fired for no lead, and why it may be so; LS202 listed values and events that the data lack;
        LS203 events and LS204 values that no rule names; and what `Tables.findings` says.
        """
        day = day_number(self.as_of)
        return findings(self.tables, self.rulebook, day, day, self.bound)

    def __len__(self) -> int:
        return self.bound.n


def headline(qualified: int, leads: int, as_of: dt.date, rulebook: Rulebook) -> str:
    """How many leads qualify, as a sentence."""
    share = f" ({qualified / leads:.1%})" if leads else ""
    return f"{qualified:,} of {counted(leads, 'lead')}{share} qualify on {as_of} by {named(rulebook)}."


def ways(frame: pd.DataFrame) -> pd.DataFrame:
    """How leads qualify, and what keeps out those that a `never` names, of the rows of `Scores.frame`."""
    counts = frame["via"].value_counts(sort=False)
    never = frame["blocked_by"].value_counts(sort=False).rename(lambda name: f"never: {name}")
    found = pd.concat([counts.rename({"hand_raise": "hand_raise (asked for sales)"}), never])
    return found[found > 0].rename_axis("way").to_frame("leads")


def named(rulebook: Rulebook) -> str:
    """What a rulebook is called in a sentence."""
    return f"{rulebook.name!r} {rulebook.version}" if rulebook.version else repr(rulebook.name)


def lead_ids(tables: Tables, lead: Positions) -> pd.Index[Any]:
    """The ids of leads, by their positions."""
    return pd.Index(tables.ids.array.take(pa.array(lead)).to_pandas(), name="lead_id")


def verdicts(bound: Bound) -> pd.DataFrame:
    """The columns of `Scores.frame`, a row for each of `bound`."""
    plan = bound.plan
    thresholds = bound.threshold / 1000
    codes, names = bound.grades if plan.grades else (np.full(bound.n, -1), [])
    frame = pd.DataFrame(
        {
            "fit": bound.fit / 1000,
            "behaviour": bound.behaviour / 1000,
            "total": (bound.fit + bound.behaviour) / 1000,
            "segment": _categories(bound.segment, [name for name, *_ in plan.segments]),
            "threshold": thresholds if plan.threshold is not None else np.full(bound.n, np.nan),
            "qualified": bound.via >= 0,
            "via": _categories(bound.via, ["hand_raise", "score"]),
            "blocked_by": _categories(bound.blocked, [name for name, _ in plan.never]),
            "grade": _categories(codes, names),
        },
        copy=False,
    )
    if plan.labels:
        listed = [*plan.rulebook.labels]
        place = np.array([listed.index(plan.labels[name]) if name in plan.labels else -1 for name in names])
        frame["label"] = _categories(place[codes], listed)
    return frame


def points_by_rule(bound: Bound) -> pd.DataFrame:
    """One column per rule, before limits, a row for each of `bound`."""
    rules = zip(bound.plan.names, bound.every_rule(), strict=True)
    return pd.DataFrame({name: found.dense(bound.n) / 1000 for name, found in rules}, index=range(bound.n))


def summary(lead_id: Any, day: dt.date, row: pd.Series[Any]) -> str:
    """A row of `Scores.frame` as a sentence."""
    sums = f"fit {row['fit']:g} + behaviour {row['behaviour']:g} = {row['total']:g}"
    sums += f", threshold {row['threshold']:g}" if pd.notna(row["threshold"]) else ""
    sums += f", grade {row['grade']}" if pd.isna(row["threshold"]) and pd.notna(row["grade"]) else ""
    if pd.notna(row["blocked_by"]):
        verdict = f"not qualified: blocked by {row['blocked_by']!r}"
    elif row["qualified"]:
        verdict = f"qualified via {row['via']}"
    else:
        verdict = "not qualified"
    segment = f" ({row['segment']})" if pd.notna(row["segment"]) else ""
    return f"{lead_id} on {day}: {sums}{segment}: {verdict}"


def _restarted(bound: Bound, position: int) -> Iterator[str]:
    """Since when behaviour counts, of a lead that was restarted."""
    days = [] if bound.plan.restart is None else bound.days(bound.plan.restart)
    ages = [part.age[part.lead == position].min(initial=ALWAYS) for part in days]
    if ages and (last := min(ages)) < ALWAYS:
        yield f"Restarted on {day_of(bound.day[position] - last)}: what was done up to that day does not count."


def _reasons_given(rulebook: Rulebook, lines: pd.DataFrame) -> Iterator[str]:
    """Why there are the rules that gave or took points, and whose they are, where the rulebook says so."""
    moved = set(lines.loc[lines["points"] != 0, "line"])
    for _, _, rule in rulebook.rules():
        owned = f" ({rule.owner})" if rule.owner else ""
        if rule.name in moved and (rule.why or rule.owner):
            yield f"{rule.name}: {rule.why or 'no reason given'}{owned}."


# A line of an explanation: side, whether it is a limit that cut points, its text, thousandths.
Line = tuple[str, bool, str, int]


def lines(bound: Bound, position: int) -> Iterator[Line]:
    """Each rule's points before limits, and each limit that cut them; they sum exactly to fit and behaviour."""
    book = bound.plan.rulebook
    for side in ("fit", "behaviour"):
        groups: dict[str | None, int] = {}
        for section, index, rule in book.rules():
            if section != side:
                continue
            if isinstance(rule, FitRule):
                value = kept = int(bound.fit_points(index)[position])
            else:
                value, kept = bound.earned[index].at(position), bound.kept(index).at(position)
            yield side, False, rule.name, value
            if index in bound.valued and section == "behaviour":
                each = bound.valued[index].at_most(rule.each_at_most).added().at(position)  # type: ignore[union-attr] # it is a behaviour rule
                yield from _limit(side, f"{rule.name} per {', '.join(book.per(rule))}", value, each)  # type: ignore[arg-type] # as above
                value = each
            yield from _limit(side, rule.name, value, kept)
            groups[rule.group] = groups.get(rule.group, 0) + kept
        total = 0
        for group, value in groups.items():
            limits = book.limits(group)
            if limits.per:
                members = [
                    bound.valued[index].at_most(rule.each_at_most)
                    for index, rule in enumerate(book.behaviour)
                    if rule.group == group
                ]
                each = summed(members).at_most(limits.each_at_most).added().at(position)
                yield from _limit(side, f"{group} per {', '.join(limits.per)}", value, each)
                value = each  # noqa: PLW2901 - what is left of it
            kept = limits.clip(value)
            yield from _limit(side, str(group), value, kept)
            total += kept
        totals: Limits = getattr(book.totals, side)
        yield from _limit(side, f"totals.{side}", total, totals.clip(total))


def _limit(side: str, name: str, before: int, after: int) -> Iterator[Line]:
    if before != after:
        yield side, True, f"limit {name}", after - before


def _categories(codes: npt.NDArray[Any], names: list[str]) -> pd.Categorical:
    unique = list(dict.fromkeys(names))
    if len(unique) < len(names):
        # Grades 1 and 11 beside 11 and 1 read alike.
        codes = np.array([unique.index(name) for name in names])[codes]
    return pd.Categorical.from_codes(codes, pd.Index(unique, dtype=object), validate=False)


def score(tables: Tables, rulebook: Rulebook, *, as_of: Any) -> Scores:
    """Give each lead its points as they stood at the end of a day.

    Later events do not count, leads created later are left out; nothing reads the clock, so the same tables, rulebook
    and day give the same scores for ever, to the last digit.

    Parameters
    ----------
    tables : Tables
    rulebook : Rulebook
    as_of : date, or text as "2026-03-31"
        The day, in the rulebook's time zone.

    Returns
    -------
    Scores
        `frame`, `points`, `explain(lead_id)`, `reasons(k)`.

    Raises
    ------
    ContractError
        If the tables lack a column the rulebook uses, or hold values that it cannot read.
    ArgumentError
        If `as_of` is no day, or tables and rulebook are not in this order.

    Examples
    --------
    >>> import leadscore as ls
    >>> rulebook = ls.Rulebook.from_yaml('''
    ... leadscore: 1
    ... name: demo
    ... fit: [{name: Home market, when: {country: [US, CA]}, points: 60}]
    ... behaviour: [{name: Pricing page, event: pricing, points: 15, half_life_days: 14, at_most: 45}]
    ... qualify: {threshold: 80}
    ... ''')
    >>> leads = pd.DataFrame({"lead_id": ["a", "b"], "country": ["US", None]})
    >>> events = pd.DataFrame({"lead_id": ["a", "a"], "event": "pricing", "at": ["2026-03-17", "2026-03-31"]})
    >>> scores = ls.score(ls.load_tables(leads, events, rulebook=rulebook), rulebook, as_of="2026-03-31")
    >>> scores.frame[["fit", "behaviour", "total", "qualified"]]
              fit  behaviour  total  qualified
    lead_id
    a        60.0       22.5   82.5       True
    b         0.0        0.0    0.0      False
    >>> scores.explain("a")
    a on 2026-03-31: fit 60 + behaviour 22.5 = 82.5, threshold 80: qualified via score
    <BLANKLINE>
    Where the points come from:
      side       line          points
      fit        Home market      +60
      behaviour  Pricing page   +22.5
    """
    with Arguments("score") as given:
        given.types(tables=(tables, Tables), rulebook=(rulebook, Rulebook))
        day = given.day("as_of", as_of)
    today = day_number(day)
    bound = Timeline(compiled(rulebook), tables, today, today).everyone(today)
    return Scores(rulebook, day, bound, tables)
