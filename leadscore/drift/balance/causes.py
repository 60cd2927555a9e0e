"""What caused a change of the gap: rules, events and segments by share, and diagnoses with their evidence."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from leadscore.base.groups import MISSING
from leadscore.base.text import counted, normalise
from leadscore.drift.balance.alarm import Watch
from leadscore.drift.balance.attribution import (
    MUCH,
    compared,
    fields_of,
    gaps_of,
    rule_changes,
    segment_changes,
    segment_label,
    sums_by_week,
)
from leadscore.drift.balance.event_clues import (
    LONG_AGO_DAYS,
    BotClues,
    appeared_or_stopped,
    bot_clues,
    kinds_by_week,
    old_events,
)
from leadscore.drift.balance.verdict import BalanceVerdict, readable
from leadscore.drift.cohorts import LIMITS
from leadscore.errors import ArgumentError
from leadscore.present.result import Result, Section
from leadscore.rulebook import Rulebook
from leadscore.scoring.binding import Binding
from leadscore.stats.intervals import Floats
from leadscore.tables.tables import Tables

Kind = Literal["edit", "tracking", "bots", "window", "field", "mix", "event", "activity", "volume", "nothing"]

# Nearest to a cause first.
_TITLES = {
    "edit": "the rulebook was edited",
    "tracking": "tracking changed",
    "bots": "bots and mail scanners",
    "window": "a window or decay without effect",
    "field": "a field is filled in differently",
    "mix": "traffic or fit mix",
    "event": "one event type",
    "activity": "activity per lead",
    "volume": "volume only, no drift",
    "nothing": "nothing stands out",
}
# What it is to mend a cause, where that can be said without knowing more.
_MENDED = {
    "tracking": "tags, forms and names of events are what they were",
    "bots": "mail scanners no longer count",
    "window": "old events no longer count",
    "field": "the field is filled in as before",
    "mix": "leads are again who they were before",
    "activity": "a campaign that lifted all activity is over",
}
# Bots are named, as a segment is, from 15 % of the change on, beyond what luck makes of one figure.
_BOT_SHARE, _BOT_ERRORS = 0.15, 2.9
_ACTS = ("tracking", "bots", "window", "field")
# A season moves leads by less, for 8 weeks together; and a gap that moved by less, in standard errors, stayed.
_VOLUME, _VOLUME_ERRORS, _STAYED = math.log(1.25), 2.9, 3
_WORTH_SAYING = 0.1
# A field missing for so many leads is not filled in.
_HARDLY_ANY = 0.9
# Of causes: a smaller share is no news, and so many are.
_WORTH_SHOWING, _MOST_SHOWN = 0.1, 6

_SIDES = ("fit", "behaviour")


@dataclass(frozen=True, eq=False, repr=False)
class Diagnosis(Result):
    """One explanation of a change.

    Attributes
    ----------
    headline : str
    kind : edit, tracking, bots, window, field, mix, event, activity, volume or nothing
    evidence : DataFrame
        The figures it stands on.
    share : float
        Of the change of the gap, where it is of that; else NaN.
    """

    headline: str
    kind: Kind
    evidence: pd.DataFrame
    share: float = math.nan
    notes: tuple[str, ...] = ()

    def sections(self) -> Iterator[Section]:
        """What it stands on."""
        yield Section("evidence", "The evidence", self.evidence)


def _diagnosed(kind: Kind, said: str, evidence: pd.DataFrame, share: float = math.nan) -> Diagnosis:
    return Diagnosis(f"{_capital(_TITLES[kind])}: {said}", kind, evidence, share)


@dataclass(frozen=True, eq=False, repr=False)
class Causes(Result):
    """What caused a change of the gap between behaviour and fit; made by `BalanceMonitor.causes`.

    The weeks since the change are compared with all those before it that count; while nothing is suspected, the latest
    8 weeks with those before them.

    Attributes
    ----------
    headline : str
        How large the change is, whether anything is claimed, and the likeliest cause.
    rules, events : DataFrame, index rule or event, largest first
        `change` of the gap, in standard deviations of leads; its `share` of the whole change, with `low` and `high`
        (95 %, by how weeks differ; NaN where the whole change could be none), `errors` (standard errors), `n` leads
        since, `named` (a cause: more than half of the change, beyond luck). They sum to the change exactly: what limits
        of groups and totals make of it is a line of its own. Rules of fit are the event `(fit)`.
    segments : DataFrame, index (column, value, how), largest share first
        The same for leads of each value of the monitor's `by`: `mix`, by being more or fewer, `within`, by what they
        do and are beyond what all leads do alike. `n` leads of the segment since; named from 15 % on. Segments of
        several columns overlap.
    diagnoses : list of Diagnosis
        The likeliest first; never empty.
    bots : DataFrame or None
        With tables that hold events of bots: `before`, `since` and `change` of gap, behaviour, MQLs a week and the
        share of MQLs that needed unusual activity (`carried`); the same `_without` these events; the `share` of the
        change they explain.
    notes : tuple of str
        What could not be looked at.
    n : tuple of two ints
        Leads before and since.
    """

    headline: str
    rules: pd.DataFrame
    events: pd.DataFrame
    segments: pd.DataFrame
    diagnoses: list[Diagnosis]
    bots: pd.DataFrame | None
    notes: tuple[str, ...]
    n: tuple[int, int]

    def sections(self) -> Iterator[Section]:
        """The diagnoses, then shares of the change."""
        yield Section("diagnoses", "Likeliest cause first", notes=tuple(one.headline for one in self.diagnoses))
        for name in ("rules", "events", "segments"):
            title = f"{name.capitalize()} that make up 10 % of the change or more (95 %)"
            frame = getattr(self, name)
            yield Section(name, title, frame, _worth_showing(frame))
        if self.bots is not None:
            shown = readable(self.bots, "before", "since", "before_without", "since_without")
            yield Section("bots", "With the events of suspected bots, and without them", self.bots, shown)

    @property
    def mended(self) -> str:
        """What it would be to mend the likeliest cause, in words; empty where nothing stands out."""
        kind = self.diagnoses[0].kind
        if kind == "event":
            event = next(name for name in self.events.index if self.events.loc[name, "named"])
            mail = any(word in normalise(event) for word in ("mail", "click", "open"))
            return _MENDED["bots"] if mail else f"{event!r} is recorded once each time again, and not twice"
        return _MENDED.get(kind, "")

    def to_dict(self) -> dict[str, Any]:
        """The causes as plain data, the diagnoses with what they stand on."""
        return super().to_dict() | {"diagnoses": [one.to_dict() for one in self.diagnoses]}


def _worth_showing(frame: pd.DataFrame) -> pd.DataFrame:
    """The lines that matter; where the whole change could be none, shares of it mean nothing."""
    shown = frame[frame["named"] | (frame["share"].abs() >= _WORTH_SHOWING)].head(_MOST_SHOWN)
    shown = shown.assign(share=shown["share"].where(shown["low"].notna()))[["share", "low", "high", "n", "named"]]
    return shown.rename(columns={"n": "leads since", "named": "stands out"})


def causes_of(
    watch: Watch, verdict: BalanceVerdict, edit: pd.DataFrame | None, binding: Binding | None, age_days: int
) -> Causes:
    """`BalanceMonitor.causes`."""
    tables = None if binding is None else binding.tables
    if watch.learning:
        raise ArgumentError("causes", f"nothing can be compared yet. {verdict.headline}")
    change = _Change(watch, verdict)
    found = [*_of_edit(edit), *change.of_tracking(watch.rulebook, tables), *change.of_fields(), *change.of_mix()]
    found += change.of_doings()
    notes, clues = change.notes(watch.rulebook), None
    if binding is None:
        notes.append("Bots, old events, and events that no rule uses need the tables: they were not looked for.")
    else:
        clues, more = bot_clues(watch, binding, change.before, change.since, age_days)
        notes += more
        found += [*_of_bots(clues), *_of_old(old_events(binding, watch.rulebook, change.before, change.since))]
    found += change.of_volume()
    ranked = sorted(found, key=_rank) or [_diagnosed("nothing", _nothing(verdict), change.sides)]
    return Causes(
        headline=change.said(verdict, ranked[0]),
        rules=change.rules,
        events=change.events,
        segments=change.segments,
        diagnoses=ranked,
        bots=None if clues is None else clues.frame,
        notes=tuple(notes),
        n=change.n,
    )


def _rank(one: Diagnosis) -> tuple[int, float, int]:
    """What was done comes before what can be seen of it, then larger shares; what has none comes last."""
    known = not math.isnan(one.share)
    acts = one.kind == "edit" or (one.kind in _ACTS and one.share >= MUCH)
    # More than all of it means that others went the other way.
    return 0 if acts else 1 if known else 2, -min(round(one.share, 1), 1) if known else 0, [*_TITLES].index(one.kind)


def _nothing(verdict: BalanceVerdict) -> str:
    if verdict.state == "stable":
        return "no rule, event or segment moved beyond the usual week-to-week variation."
    return "the change is spread over many rules and segments."


class _Change:
    """The weeks before and since, and the change of the gap in shares."""

    def __init__(self, watch: Watch, verdict: BalanceVerdict) -> None:
        self.before, self.since = watch.around(verdict.since)
        old, new = ([week["pool"] for week in part] for part in (self.before, self.since))
        self.pools, self.spread = (old, new), watch.spread["pool"]
        self.rules = rule_changes(old, new, self.spread, watch.rulebook)
        self.events = rule_changes(old, new, self.spread, watch.rulebook, "event")
        self.sides = rule_changes(old, new, self.spread, watch.rulebook, "side")
        self.segments = segment_changes(old, new, self.spread)
        self.fields = fields_of(old, new, self.segments)
        self.gaps = gaps_of(old, self.spread), gaps_of(new, self.spread)
        # Without points by rule, all would be the limits' doing; and the whole change may be none.
        self.rules_known = all(pool["rules"] for pools in self.pools for pool in pools)
        self.certain = bool(self.sides["low"].notna().any())
        self.standing = [watch.standing(part) for part in (self.before, self.since)]
        self.n = int(self.standing[0]["leads"]), int(self.standing[1]["leads"])

    def sums(self, column: str = "", value: str = "") -> Floats:
        """(2, 3): leads, fit and behaviour before and since, of all or of a segment; points in thousandths."""
        return np.array([sums_by_week(pools, column, value).sum(axis=0) for pools in self.pools])

    def mean(self, side: str, column: str = "", value: str = "") -> Floats:
        """Points per lead before and since, of all or of a segment."""
        sums = self.sums(column, value)
        return sums[:, 1 if side == "fit" else 2] / 1000 / sums[:, 0]

    def earned(self, kinds: list[str]) -> Floats:
        """Points per lead from kinds of events, before and since."""
        names = self.rules.index[self.rules["event"].isin(kinds)]
        totals = [sum(pool["rules"][name] for pool in pools for name in names) for pools in self.pools]
        return np.array(totals) / 1000 / self.n

    def notes(self, rulebook: Rulebook) -> list[str]:
        """What is not known of the change."""
        same = "All leads of the reference have the same {}: it adds nothing to the gap."
        known = [
            (self.rules_known, "The weeks hold no points by rule: give update() the columns of Scores.points too."),
            *((value < math.inf, same.format(name)) for name, value in self.spread.items()),
            (self.certain, "The change of the gap could be no change at all, so its shares have no interval."),
            (len(self.segments), "No segments: the monitor has no by=[...], or they have too few leads."),
            (
                self.segments[self.segments["named"]].index.unique("column").size < 2,
                "Segments of several columns are of the same leads: their shares are not to be added.",
            ),
            (rulebook.behaviour, "The rulebook has no behaviour rule."),
        ]
        return [said for there, said in known if not there]

    # ------------------------------------------------------------------------------------------------- diagnoses

    def of_tracking(self, rulebook: Rulebook, tables: Tables | None) -> Iterator[Diagnosis]:
        """Kinds of events, or what gives points, that appeared or stopped when the change came."""
        weeks, begin = (*self.before, *self.since), len(self.before)
        names = [name for name in self.rules.index if self.rules_known and not name.startswith(LIMITS)]
        # A field that is filled in differently is no matter of tracking.
        names = [name for name in names if not (self.fields and self.rules.loc[name, "side"] == "fit")]
        points = [[abs(week["pool"]["rules"].get(name, 0)) / 1000 for name in names] for week in weeks]
        found = appeared_or_stopped(pd.DataFrame(points, columns=names), begin).assign(of="rule")
        waited = {normalise(one): rule.name for rule in rulebook.behaviour for one in rule.event or ()}
        if tables is not None:
            kinds = appeared_or_stopped(kinds_by_week(tables, rulebook, weeks), begin).assign(of="event")
            # Events no rule waits for change no points; with one that stops, they may be its new name.
            if len(found) or any(kind in waited for kind in kinds.index):
                by_event = {rule for kind, rule in waited.items() if kind in kinds.index}
                found = pd.concat([kinds, found.drop(index=[name for name in found.index if name in by_event])])
        if not len(found):
            return
        found["week"] = [weeks[min(place, len(weeks) - 1)]["week"] for place in found["week"]]
        lines = self.rules.index.isin([waited.get(name, name) for name in found.index])
        share = float(self.rules.loc[lines, "share"].sum()) if self.certain else math.nan
        told = [
            f"{'events' if row.of == 'event' else 'points of rule'} {name!r} {row.what} in the week of {row.week} "
            f"({row.before:,.0f} a week before, {row.since:,.0f} since)"
            for name, row in _rows(found)
        ]
        part = "" if math.isnan(share) or abs(share) < 0.005 else f": {share:.0%} of the change"
        said = f"{_joined(told)}{part}. See whether tags, forms or names of events were changed."
        yield _diagnosed("tracking", said, found.rename_axis("name"), share)

    def of_fields(self) -> Iterator[Diagnosis]:
        """A field that is filled in for fewer or more leads than before, or with another word for the same."""
        told = []
        for column, new, old, share in self.fields:
            before, since = self._held(column, new)
            if old:
                fewer = "{:.0%} of leads, {:.0%} before".format(*self._held(column, old)[::-1])
                are = "is" if len(new) == 1 else "are"
                told.append(
                    f"{column} = {' and '.join(new)} {are} new: {since:.0%} of leads, {before:.0%} before; as much "
                    f"less is {' and '.join(old)}: {fewer}. Together they are {share:.0%} of the change. It may be a "
                    "new name for the same; see what rules ask for"
                )
                continue
            part = _part(next(self.segments[self.segments.index == (column, MISSING, "mix")].itertuples()))
            whom = "" if max(before, since) >= _HARDLY_ANY else f"for {abs(since - before):.0%} of leads "
            what = "is no longer filled in; see whether a form stopped asking or an import lost it"
            what = what if since > before else "began to be filled in"
            told.append(
                f"{column} is missing for {since:.0%} of leads, {before:.0%} before{part}; {whom}this field {what}"
            )
        if told:
            concerned = [(one.column, value, "mix") for one in self.fields for value in (*one.new, *one.old)]
            evidence = _evidence(self.segments[self.segments.index.isin(concerned)], self.rules.iloc[:0])
            yield _diagnosed("field", f"{_joined(told)}.", evidence, self.fields[0].share)

    def _held(self, column: str, values: Iterable[str]) -> Floats:
        """The share of leads with one of some values, before and since."""
        return np.sum([self.sums(column, value)[:, 0] for value in values], axis=0) / self.n

    def of_mix(self) -> Iterator[Diagnosis]:
        """Other leads than before: a segment that grew, fit that fell."""
        rules = self.rules[self.rules["named"] & (self.rules["side"] == "fit")]
        most = "".join(f", most by rule {name!r}{_part(row)}" for name, row in _rows(rules) if self.rules_known)
        segments, said, share = self._outstanding("fit", most)
        if said:
            yield _diagnosed("mix", said, _evidence(segments, rules), share)

    def of_doings(self) -> Iterator[Diagnosis]:
        """More of one kind of event, of all kinds, or by one segment."""
        kinds = self.events[[not name.startswith("(") for name in self.events.index]]
        for name, row in _rows(kinds[kinds["named"]]):
            if self.rules_known and self._on_its_own(name, list(kinds.index)):
                before, since = self.earned([name])
                said = f"{name!r} gives {since:.3g} points per lead, {before:.3g} before{_part(row)}."
                yield _diagnosed("event", said, self.rules[self.rules["event"] == name], float(row.share))
                return
        several = len(kinds) > 1 and self.rules_known
        alike = "; no kind of event grew by far more than the others" if several else ""
        segments, said, share = self._outstanding("behaviour", alike)
        if said:
            yield _diagnosed("activity", said, _evidence(segments, kinds), share)

    def _outstanding(self, side: str, more: str) -> tuple[pd.DataFrame, str, float]:
        """The segments that stand out by what they do, or by what or how many they are; a sentence, and its share.

        Where all leads do, or are, something else, the sentence ends with that and `more`, and the share is theirs.
        """
        named, whole = self.segments[self.segments["named"]], self.sides.loc[side]
        busy = [how == "within" and self._busier(column, value) for column, value, how in named.index]
        segments = named[np.array(busy, bool) == (side == "behaviour")]
        # What a field says of its leads is not what they are where it is filled in differently.
        segments = segments.drop(index=[field.column for field in self.fields], level="column", errors="ignore")
        told = []
        for (column, value, how), row in _rows(segments):
            before, since = self.sums(column, value)[:, 0] / self.n
            said = f"{column} = {value} makes up {since:.0%} of leads, {f'{before:.0%}' if before else 'none'} before"
            told.append((said if how == "mix" else self._points(side, column, value)) + _part(row))
        # Points that leads lack because a field is filled in differently are no news of what leads are.
        alike = whole["named"] and not (side == "fit" and self.fields and self.fields[0].share >= MUCH)
        if alike:
            told.append(f"{self._points(side)}{_part(whole)}{more}")
        share: Any = whole["share"] if alike else segments["share"].max()
        return segments, f"{_joined(told)}." if told else "", float(share)

    def _points(self, side: str, column: str = "", value: str = "") -> str:
        """Points per lead in words, of all leads or of a segment."""
        leads, verb = f"leads of {column} = {value}" if column else "leads", "have" if side == "fit" else "make"
        before, since = self.mean(side, column, value)
        return f"{leads} {verb} {since:.3g} points of {side}, {before:.3g} before"

    def _on_its_own(self, kind: str, kinds: list[str]) -> bool:
        """Whether a kind of event grew by more than the others did: by half of its growth, at least."""
        others = self.earned([name for name in kinds if name != kind])
        before, since = self.earned([kind])
        alike = others[1] / others[0] if others[0] > 0 else 1.0
        return len(kinds) > 1 and abs(since - before * alike) >= abs(since - before) / 2

    def of_volume(self) -> Iterator[Diagnosis]:
        """More or fewer leads, where the gap stayed."""
        sizes = [np.log([pool["n"] for pool in pools]) for pools in self.pools]
        moved, errors = map(float, compared(*sizes))
        if abs(compared(*self.gaps)[1]) > _STAYED or abs(moved) < _VOLUME or abs(errors) < _VOLUME_ERRORS:
            return
        rows = [(part["leads"] / part["weeks"], part["mqls"] / part["weeks"], part["weeks"]) for part in self.standing]
        index = pd.Index(["before", "since"], name="when")
        frame = pd.DataFrame(rows, index, columns=["leads a week", "MQLs a week", "weeks"])
        low, high = (math.exp(moved + sign * 1.96 * moved / errors) - 1 for sign in (-1, 1))
        (old_leads, old_mqls, _), (leads, mqls, _) = rows
        said = f"{leads:,.0f} leads a week, {old_leads:,.0f} before ({low:+.0%} to {high:+.0%}), and "
        said += f"{mqls:,.0f} MQLs, {old_mqls:,.0f} before: points per lead stayed."
        yield _diagnosed("volume", said, frame)

    def _busier(self, column: str, value: str) -> bool:
        """Whether what a segment does changed by more than what it is."""
        fit, behaviour = (abs(np.diff(self.mean(side, column, value))[0]) / self.spread[side] for side in _SIDES)
        return bool(behaviour >= fit)

    def said(self, verdict: BalanceVerdict, first: Diagnosis) -> str:
        """The change in a sentence."""
        moved = self.gaps[1].mean() - self.gaps[0].mean()
        size = f"the gap between behaviour and fit {'rose' if moved > 0 else 'fell'} by {abs(moved):.2g}"
        since = f"since the week of {verdict.since}" if verdict.since else f"on {verdict.week}, so no drift is claimed"
        weeks = f"{counted(len(self.since), 'week')} ({counted(self.n[1], 'lead')}), against {len(self.before)} before"
        cause = _TITLES[first.kind] if first.kind == "nothing" else f"most likely: {_TITLES[first.kind]}"
        head = f"{verdict.state.capitalize()} {since}: {size} standard deviations of leads in the latest {weeks}"
        return f"{head}. {_capital(cause)}."


def _of_edit(edit: pd.DataFrame | None) -> Iterator[Diagnosis]:
    """What a new rulebook alone does to the latest weeks."""
    if edit is None or not edit.loc[["behaviour", "fit", "mqls", "carried"], "change"].fillna(0).any():
        return
    row = {str(name): own for name, own in edit.to_dict("index").items()}
    said = (
        f"by the new rulebook the latest {row['weeks']['new']:.0f} weeks have {row['mqls']['new']:,.0f} MQLs, by the "
        f"old one {row['mqls']['old']:,.0f}; {row['behaviour']['change']:+.2g} points of behaviour and "
        f"{row['fit']['change']:+.2g} of fit per lead. All weeks are scored by the new one, so it is no part of a "
        "change."
    )
    yield _diagnosed("edit", said, edit)


def _of_bots(clues: BotClues | None) -> Iterator[Diagnosis]:
    """Suspected bot events that explain the change."""
    if clues is None or not (clues.share > _BOT_SHARE and clues.errors > _BOT_ERRORS and clues.low > 0):
        return
    a_week = clues.reasons[["before", "since"]].sum()
    figures = clues.frame.to_dict("index")
    mqls, carried = figures["MQLs a week"], figures["carried"]
    said = (
        f"{a_week['since']:,.0f} events a week look like mail scanners, {a_week['before']:,.0f} before "
        f"({', '.join(clues.reasons.index)}){_part(clues)}. Without them {mqls['since_without']:,.0f} leads a week "
        f"qualify instead of {mqls['since']:,.0f}, and {carried['since_without']:.0%} of them need unusual activity, "
        f"not {carried['since']:.0%}."
    )
    yield _diagnosed("bots", said, clues.reasons, clues.share)


def _of_old(found: pd.DataFrame) -> Iterator[Diagnosis]:
    """MQLs that live on what was done long ago, more than before."""
    if not len(found):
        return
    before, since = found.to_dict("index").values()
    if not since["low"] > max(_WORTH_SAYING, before["high"] if before["n"] else 0):
        return
    said = (
        f"{since['share']:.0%} ({since['low']:.0%} to {since['high']:.0%}) of {since['n']:,.0f} MQLs would not qualify "
        f"on what they did in their last {LONG_AGO_DAYS} days, {before['share']:.0%} of {before['n']:,.0f} before: "
        "rules without within_days or half_life_days go on paying."
    )
    yield _diagnosed("window", said, found)


def _evidence(segments: pd.DataFrame, lines: pd.DataFrame) -> pd.DataFrame:
    """Segments and lines of a change together, by what they are called."""
    named = segments.set_axis(pd.Index([segment_label(*key) for key in segments.index], dtype=object))
    return (pd.concat([named, lines]) if len(segments) else lines).rename_axis("what")


def _rows(frame: pd.DataFrame) -> list[tuple[Any, Any]]:
    """The rows of a frame, each with its label."""
    return list(zip(frame.index, frame.itertuples(), strict=True))


def _joined(told: list[str]) -> str:
    """The first few of what is told."""
    return "; ".join(told[:3])


def _capital(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def _part(row: Any) -> str:
    """A share of the change with its interval."""
    if math.isnan(row.low):
        return ""
    return f": {row.share:.0%} ({row.low:.0%} to {row.high:.0%}) of the change"
