"""Columns that are filled in or overwritten after the outcome, and what they seem to bring."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any

import numpy as np

from leadscore.base.text import counted as counted_of
from leadscore.learn.guards.cells import Cells
from leadscore.learn.guards.columns import Found, shown, stand_ins
from leadscore.learn.guards.links import Link, links
from leadscore.learn.guards.names import told_late
from leadscore.learn.guards.rows import Time
from leadscore.learn.guards.separation import Auc, Rows, Split, alone, log_odds, together
from leadscore.stats.intervals import share_text
from leadscore.stats.outcomes_and_scores import Mask
from leadscore.stats.ranking import counted

# A column known in time seldom reaches an AUC of 0.8 alone; hardly any reaches 0.98.
_STRONG, _CERTAIN = 0.8, 0.98
# Of the columns that tell anything so many may be that strong before none of them stands out.
_MANY = 1 / 3
# So many other columns it takes to say what is far above the rest.
_REST = 3
# How many times larger the odds are at a level that is as good as the outcome. Hand-raisers reach 20.
_PURE = 30
# A level without the outcome is no leak where it holds a few leads only: bounced addresses never convert.
_COVERED = 0.2
_LEVELS = 20
# The other numbers of a grade tell this much; of two numbers, a flag, there is no other.
_GRADED, _FLAG = 0.6, 2
# Chance that any of a table's columns whose true figures lie below these bounds passes one of them.
_FALSE_ALARM = 0.01
# From here on the odds of being filled in, or of a level, are a sign beside another sign; beside a name.
_SIGN, _SIGN_NAMED = 5, 4
# A column whose only link with the others is the outcome, or whose name speaks against it, must tell so much by itself.
_LINKED, _NAMED = 0.55, 0.75
# A value that so many rows have may be what stood there before.
_DEFAULT = 0.2
# So many open rows, nearly all without a value, where so many of the others have one.
_OPEN, _EMPTY, _GIVEN = 50, 0.98, 0.1
_CURE = "leave it out, or take its value from before the outcome"


def leaks(
    columns: list[Cells], rows: Rows, time: Time | None, late: list[Found], odd: set[Hashable]
) -> Iterator[Found]:
    """What gives the outcome away, and what all of it brings together.

    Parameters
    ----------
    columns : list of Cells
    rows : Rows
    time : Time, optional
    late : findings of `unfilled`
    odd : set of names
        Identifiers and constants: nobody learns from them, so that only what is sure is said of them.
    """
    usable = [cells for cells in columns if cells.name not in odd]
    signs = _signs(usable, rows)
    found = [finding for cells in columns for finding in _plain(cells, rows, time, signs.get(cells.name))]
    given_away = {name for _, name, _, _ in late + found}
    found += _weighed([cells for cells in usable if cells.name not in given_away], signs, rows)
    yield from found
    yield from _brought(usable, rows, late + found)


def unfilled(cells: Cells, now: Cells, whose: str) -> Iterator[Found]:
    """Filled in where the outcome is known, and hardly ever where it is still open."""
    known, still_open = (~_unset(part) for part in (cells, now))
    n, n_open = len(known), len(still_open)
    if n_open < _OPEN or still_open.mean() > 1 - _EMPTY or known.mean() < _GIVEN:
        return
    message = (
        f"filled in {share_text(int(still_open.sum()), n_open)} {whose}, and in {share_text(int(known.sum()), n)} of "
        f"known outcome: it is filled in after the outcome, or no longer; {_CURE}"
    )
    figures = {"n": n, "filled": int(known.sum()), "n_open": n_open, "filled_open": int(still_open.sum())}
    yield "LS307", cells.name, message, figures


def _unset(cells: Cells) -> Mask:
    """Where there is no value, or one that says so."""
    return cells.missing | np.isin(cells.codes, stand_ins(cells))


# -------------------------------------------------------------------------------------------------- one sign is enough


def _plain(cells: Cells, rows: Rows, time: Time | None, signs: _Signs | None) -> list[Found]:
    """The plainest way in which its values give the outcome away, and whether its days are later ones."""
    given_away = list(_filled(cells, rows))
    if not given_away and not (signs and signs.known_in_time):
        given_away = list(_state(cells, rows))
    return given_away + list(_later(cells, rows, time))


def _filled(cells: Cells, rows: Rows) -> Iterator[Found]:
    """Filled, or missing, almost only for one outcome."""
    split = Split.of(rows.y, _unset(cells))
    if odds := _gives_away(split):
        message = (
            f"outcome in {split.shares[0]} rows where it is missing, {split.shares[1]} where it is filled; {_CURE}"
        )
        yield "LS302", cells.name, message, split.figures | odds


def _state(cells: Cells, rows: Rows) -> Iterator[Found]:
    """Levels that almost only leads of one outcome have: one, or several together."""
    if cells.kind != "category" and len(cells.values) > _LEVELS:
        return
    for what, inside in _levels(cells, rows):
        split = Split.of(rows.y, inside)
        if (odds := _gives_away(split)) and not _graded(cells, rows, inside):
            side = "with" if odds["odds_ratio"] > 1 else "without"
            message = (
                f"{what} occurs almost only {side} the outcome: {split.shares[0]}, all others {split.shares[1]}; was "
                f"it overwritten after the outcome? if so, {_CURE}"
            )
            yield "LS304", cells.name, message, {"value": what} | split.figures | odds
            return


def _levels(cells: Cells, rows: Rows) -> Iterator[tuple[str, Mask]]:
    """Where the commonest levels are, then where any is whose odds in the other folds are far off."""
    for code in np.argsort(-cells.counts, kind="stable")[:_LEVELS].tolist():
        yield shown(cells, code), cells.codes == code
    if cells.kind == "category":
        told = log_odds(rows.counts(cells))[rows.fold, cells.bins[0]]
        for side in (1, -1):
            inside = (told * side > np.log(_PURE)) & ~cells.missing
            yield counted_of(len(np.unique(cells.codes[inside])), "value") + " together", inside


def _graded(cells: Cells, rows: Rows, inside: Mask) -> bool:
    """Whether the other numbers tell outcomes apart too, as those of a grade do and those of a state do not."""
    if cells.kind == "category" or len(cells.values) <= _FLAG:
        return False
    counts = rows.counts(cells)
    counts[:, :, np.unique(cells.bins[0][inside])] = 0
    return counts.sum(axis=2).min() > 0 and alone(counts).low > _GRADED


def _gives_away(split: Split) -> dict[str, float]:
    """The odds ratio of a side that is as good as the outcome; empty where it is not."""
    ratio, low, high = split.odds_ratio()
    # Which of the two sides is nearly without the outcome must hold enough of such leads.
    without = split.n - split.events, split.others - split.other_events
    covered = without[ratio > 1] >= _COVERED * sum(without)
    sure = split.n and split.others and (low >= _PURE or high <= 1 / _PURE)
    return {"odds_ratio": ratio, "low": low, "high": high} if sure and covered else {}


def _later(cells: Cells, rows: Rows, time: Time | None) -> Iterator[Found]:
    """Days after the row's own, not equally often for both outcomes."""
    if cells.kind != "date" or time is None or not time.days:
        return
    split = Split.of(np.floor(cells.raw) > time.when, rows.y)
    if split.differ:
        message = (
            f"holds later days than the row's own in {split.shares[0]} rows with the outcome, {split.shares[1]} "
            f"without; {_CURE}"
        )
        figures = {"n": len(rows.y), "later_with_outcome": split.events, "later_without_outcome": split.other_events}
        yield "LS303", cells.name, message, figures


# ------------------------------------------------------------------------------------------ several signs, or far above


@dataclass(frozen=True)
class _Signs:
    """What speaks for a column being filled in after the outcome.

    Attributes
    ----------
    auc : Auc
        Alone; its bounds hold for all columns of the table at once.
    word : str
        Of its name, by which such columns are called.
    filled : str
        How much the outcome depends on whether it is filled in or has a level; "" where that is little.
    link : Link
        By what it goes with the other columns.
    """

    auc: Auc
    word: str
    filled: str
    link: Link = "unknown"

    @property
    def known_in_time(self) -> bool:
        """Whether it goes with the other columns as what was there before the outcome does."""
        return self.link == "known in time"

    @property
    def enough(self) -> bool:
        """Whether it must have been filled in after the outcome."""
        linked = self.link == "effect" and self.auc.low > _LINKED
        named = self.word and not self.known_in_time and (self.filled or self.auc.low > _NAMED)
        return bool(linked or named)

    @property
    def said(self) -> str:
        parts = [f"AUC {self.auc} alone"]
        parts += [self.filled] if self.filled else []
        parts += [f"{self.word!r} in its name is often filled in after the outcome"] if self.word else []
        parts += ["goes with the other columns by the outcome alone"] if self.link == "effect" else []
        return "; ".join(parts)


def _signs(columns: list[Cells], rows: Rows) -> dict[Hashable, _Signs]:
    """What speaks for each column being filled in after the outcome."""
    chance = _FALSE_ALARM / max(len(columns), 1)
    z = _bound(chance)
    signs = {cells.name: _Signs(alone(rows.counts(cells), z), *_told(cells, rows, chance)) for cells in columns}
    useful = [cells for cells in columns if signs[cells.name].auc.low > 0.5]
    useful.sort(key=lambda cells: -signs[cells.name].auc.value)
    suspects = {name for name, one in signs.items() if one.filled or one.word}
    tied = links(rows, {cells.name: cells for cells in useful}, suspects, z)
    return {name: replace(one, link=tied.get(name, "unknown")) for name, one in signs.items()}


def _bound(chance: float) -> float:
    """How many standard errors a figure is off, on either side, with this chance."""
    return NormalDist().inv_cdf(1 - chance / 2)


def _weighed(columns: list[Cells], signs: dict[Hashable, _Signs], rows: Rows) -> Iterator[Found]:
    """Columns that signs speak against, and those that separate outcomes far better than the rest together."""
    n, events = len(rows.y), int(rows.y.sum())
    for name, one in ((cells.name, signs[cells.name]) for cells in columns):
        if one.enough or one.word:
            figures: dict[str, Any] = {"n": n, "events": events, "name": one.word, "link": one.link}
            figures |= {"auc": one.auc.value, "low": one.auc.low, "high": one.auc.high}
            code, what = ("LS305", _CURE) if one.enough else ("LS306", "ask when it is filled in")
            yield code, name, f"{one.said}, {counted(n, events, 0)}; {what}", figures
    yield from _far_above(columns, signs, rows)


def _told(cells: Cells, rows: Rows, chance: float) -> tuple[str, str]:
    """The word of its name, and how much whether it is filled in, or a level, has to do with the outcome."""
    sides = [("filled in", ~_unset(cells))]
    if len(cells.values) and cells.counts.max() >= _DEFAULT * len(cells.codes):
        most = int(np.argmax(cells.counts))
        sides.append((f"other than {shown(cells, most)}", cells.codes != most))
    if cells.kind == "category":
        sides += _levels(cells, rows)
    word = told_late(cells.name)
    least = _SIGN_NAMED if word else _SIGN
    z = _bound(chance / len(sides))
    for what, inside in sides:
        split = Split.of(rows.y, inside)
        _, low, high = split.odds_ratio(z)
        if split.n and split.others and (low >= least or high <= 1 / least):
            return word, f"{what}: outcome in {split.shares[0]}, else {split.shares[1]}"
    return word, ""


def _far_above(columns: list[Cells], signs: dict[Hashable, _Signs], rows: Rows) -> Iterator[Found]:
    """Columns that alone separate outcomes better than all that are neither strong nor suspected do together."""
    auc = {cells.name: alone(rows.counts(cells)) for cells in columns}
    strong = [cells for cells in columns if auc[cells.name].low > _STRONG]
    rest = [cells for cells in columns if auc[cells.name].low <= _STRONG and not signs[cells.name].enough]
    of_rest = together(rows, rest).auc.value if strong and len(rest) >= _REST else None
    beside = "" if of_rest is None else f"; {counted_of(len(rest), 'other column')} together: {of_rest:.3f}"
    # Where many are as strong, or nothing else tells anything, none stands out.
    rare = len(strong) <= _MANY * sum(signs[cells.name].auc.low > 0.5 for cells in columns)
    n, events = len(rows.y), int(rows.y.sum())
    for cells in strong:
        one, sign = auc[cells.name], signs[cells.name]
        above = of_rest is not None and one.low > of_rest and (rare or sign.link == "effect")
        if one.low > _CERTAIN or (above and (sign.word or not sign.known_in_time)):
            message = (
                f"AUC {one} alone, {counted(n, events, 0)}{beside}; is it known before the outcome? if not, {_CURE}"
            )
            figures = {"n": n, "events": events, "auc": one.value, "low": one.low, "high": one.high}
            yield "LS301", cells.name, message, figures | {"auc_of_others": of_rest}


# ------------------------------------------------------------------------------------------------- what they all bring


def _brought(columns: list[Cells], rows: Rows, found: list[Found]) -> Iterator[Found]:
    """How well all columns rank together, and how well without those that are suspected."""
    asked = {name for code, name, _, _ in found if code == "LS306"}
    out = {name for code, name, _, _ in found if code != "LS306"}
    steps = [("auc_kept", out, "to leave out", ": expect that of new leads")] if out else []
    steps += [("auc_unasked", out | asked, "to leave out or to ask about (LS306)", "")] if asked else []
    if not steps or not columns:
        return
    whole = together(rows, columns)
    message = f"AUC {whole.auc} on held-out folds with all {counted_of(len(columns), 'column')}"
    figures: dict[str, Any] = {"n": len(rows.y), "events": int(rows.y.sum()), "auc": whole.auc.value}
    for key, names, what, then in steps:
        kept = [cells for cells in columns if cells.name not in names]
        if not kept:
            message += f"; none is left without those {what}"
            break
        part = together(rows, kept)
        figures[key] = part.auc.value
        message += f"; {part.auc} without the {len(columns) - len(kept):,} {what}, {whole.above(part)} less{then}"
    yield "LS309", "", message, figures
