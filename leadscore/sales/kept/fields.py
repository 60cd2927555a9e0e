"""Fields that must be filled in, each at the moment it is due: in this period, and in the one before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from leadscore.base.stages import or_further
from leadscore.base.text import counted
from leadscore.base.times import NO_TIME
from leadscore.rulebook.agreement import Agreement
from leadscore.rulebook.kinds import declared_kind
from leadscore.sales.facts import Facts
from leadscore.sales.handover.handovers import NO_REASON
from leadscore.sources.columns import Column
from leadscore.stats.intervals import holm, newcombe, with_shares
from leadscore.stats.outcomes_and_scores import Mask
from leadscore.tables.outcomes import NEVER, Ints

MARKETING, SALES = "marketing", "sales"
REASON, AMOUNT = "reason for refusal", "deal amount"
# What stands in a form where nobody chose anything.
_FILLERS = frozenset(
    ("-", "--", ".", "?", "n/a", "na", "nan", "none", "null", "unknown", "not known", "not provided", "not specified",
     "select", "please select", "-none-", "tbd", "test", "x", "xx", "xxx")
)  # fmt: skip
_TODAY = "Fields hold today's values, not those of the day they were due: only leads with `valid_from` tell those."
_MOMENTS = {"capture": "capture", "handoff": "handover", "sal": "acceptance"}


@dataclass(frozen=True, eq=False)
class MustFill:
    """A field, who fills it in and when it is due.

    Attributes
    ----------
    name, team, due : str
    promised : float
        The share that was promised; NaN where none was.
    day : (n,) days since 1970 on which it was due; of a refusal, on which the MQL came to sales
    filled : (n,) bool
    changed : (n,) bool or None
        Where the value is another one than when the time for it began; None where that is not known.
    """

    name: str
    team: str
    due: str
    promised: float
    day: Ints
    filled: Mask
    changed: Mask | None = None

    def counts(self, facts: Facts) -> dict[str, Any]:
        """What of it was due in the period and in the one before, and the change between them."""
        from scipy.stats import fisher_exact  # noqa: PLC0415 - scipy takes long to import

        now, before = (period.holds(self.day) for period in (facts.period, facts.period.before))
        (k, n), (k_before, n_before) = ((int(self.filled[part].sum()), int(part.sum())) for part in (now, before))
        change, low, high = newcombe((k_before, n_before), (k, n))
        cells = [[k, n - k], [k_before, n_before - k_before]]
        return {
            "field": self.name, "team": self.team, "due": self.due, "n": n, "filled": k, "promised": self.promised,
            "n_before": n_before, "filled_before": k_before, "change": change, "change_low": low, "change_high": high,
            "p": fisher_exact(cells).pvalue if n and n_before else np.nan,
            "changed": np.nan if self.changed is None else int(self.changed[now].sum()),
        }  # fmt: skip


def fields_of(facts: Facts) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """How many of the fields that were due in the period were filled in, as `Records.fields` has it, and notes."""
    reading = _Reading(facts)
    found = [*reading.columns(), *reading.of_sales()]
    rows = [counts for one in found for counts in [one.counts(facts)] if counts["n"] + counts["n_before"]]
    names = [*MustFill("", "", "", np.nan, np.zeros(0, np.int64), np.zeros(0, bool)).counts(facts)]
    frame = with_shares(pd.DataFrame(rows, columns=names), "filled", "n")
    frame["p_change"] = holm(frame.pop("p").to_numpy(np.float64))
    shown = ["field", "team", "due", "n", "filled", "share", "low", "high", "promised", "n_before", "filled_before"]
    shown += ["change", "change_low", "change_high", "p_change", "changed"]
    return frame[shown].sort_values("team", kind="stable", ignore_index=True), tuple(reading.notes)


class _Reading:
    """The fields that a rulebook asks for, read from the tables; `notes` grow as they are read."""

    def __init__(self, facts: Facts) -> None:
        self._facts, self._zone = facts, facts.rulebook.timezone
        self._row = facts.tables.records.lookup(self._zone)
        self.notes: list[str] = []
        agreement = facts.rulebook.agreement or Agreement()
        self._promised, self._reasons = agreement.marketing.complete_at_handover, agreement.sales.reason_with_refusal

    def columns(self) -> Iterator[MustFill]:
        """Columns of the leads, as the rulebook declares them."""
        for name, declared in self._facts.rulebook.columns.items():
            promised = self._promised.get(name)
            if declared.required == "capture" and self._facts.tables.created() is not None:
                yield self._due(name, MARKETING, "capture", 0)
            elif declared.required != "no" and promised is None:
                yield self._due(name, MARKETING, "handoff", 0)
            if promised is not None:
                yield self._due(name, MARKETING, "handoff", 0, promised)
            if declared.update is not None:
                team = MARKETING if declared.update.from_ == "capture" else SALES
                yield self._due(name, team, declared.update.from_, declared.update.within_days)

    def of_sales(self) -> Iterator[MustFill]:
        """What sales itself writes down: why it refused, and what a deal is worth."""
        facts, columns = self._facts, self._facts.stages.frame.columns
        mqls = pd.concat([facts.handovers.during(period) for period in (facts.period.before, facts.period)])
        refused = mqls[mqls["accepted"].eq(False).fillna(False)]
        if "reason" in columns:
            day, given = refused["day"].to_numpy(np.int64), refused["reason"].ne(NO_REASON).to_numpy(bool)
            promised = np.nan if self._reasons is None else self._reasons
            yield MustFill(REASON, SALES, "when it refuses an MQL", promised, day, given)
        elif len(refused):
            self.notes.append("Why sales refused is not known: the outcomes have no column `reason`.")
        if facts.deals is not None and "amount" in columns:
            opened = facts.deals.frame.dropna(subset="opened")
            day, given = opened["opened"].to_numpy(np.int64), opened["amount"].notna().to_numpy(bool)
            yield MustFill(AMOUNT, SALES, "at opportunity", np.nan, day, given)

    def _due(self, name: str, team: str, moment: str, within: int, promised: float = np.nan) -> MustFill:
        units = self._units(moment, within)
        kind = declared_kind(self._facts.rulebook, name) or "any"
        column = self._facts.tables.column(name, kind, self._facts.rulebook)
        lead, begun = units["lead"].to_numpy(np.int32), units["day"].to_numpy(np.int64)
        row, first = self._row(lead, begun + within), self._row(lead, begun)
        filled = ~np.append(column.missing | self._fillers(name, column), True)[row]
        after = f"{counted(within, 'day')} after {_MOMENTS.get(moment, moment)}"
        changed = None
        if self._facts.tables.records.valid_from is None:
            self.notes += [] if _TODAY in self.notes else [_TODAY]
        elif within:
            values = np.append(np.asarray(column.codes if column.numbers is None else column.numbers), -1)
            changed = filled & (values[row] != values[first])
        due = after if within else f"at {_MOMENTS[moment]}"
        return MustFill(name, team, due, promised, begun + within, filled, changed)

    def _units(self, moment: str, within: int) -> pd.DataFrame:
        """Whose time is over in either period: `lead`, and the `day` on which it began."""
        facts = self._facts
        if moment == "handoff":
            begun = facts.handovers.ever
        elif moment == "capture":
            created = facts.tables.created()
            day = np.full(len(facts.tables.ids), NO_TIME) if created is None else created.days(self._zone)
            begun = pd.DataFrame({"lead": np.arange(len(day)), "day": day})[day != NO_TIME]
        else:
            days = facts.stages.times.days(self._zone)
            day = facts.stages.first(len(facts.tables.ids), days, facts.stages.of(*or_further(moment)))
            begun = pd.DataFrame({"lead": np.arange(len(day)), "day": day})[day != NEVER]
        ends = begun["day"].to_numpy(np.int64) + within
        return pd.concat(
            [begun[period.holds(ends)].drop_duplicates("lead") for period in (facts.period.before, facts.period)]
        )

    def _fillers(self, name: str, column: Column) -> Mask:
        """Cells that say nothing, and are no missing values of the rulebook."""
        if column.kind != "text" or column.codes is None:
            return np.zeros(len(column.missing), bool)
        words = [place for place, value in enumerate(column.values) if value in _FILLERS]
        found = np.isin(column.codes, words)
        if found.any() and not any(note.startswith(f"{name}:") for note in self.notes):
            said = ", ".join(repr(column.values[place]) for place in words[:3])
            cells = counted(int(found.sum()), "cell")
            self.notes.append(f"{name}: {cells} of {said} are not counted as filled in; list it in `missing_values`.")
        return found
