"""What hangs on how many days ago an event was: what it is worth, and the month it was in; a row for each age."""

from __future__ import annotations

import pyarrow as pa

from leadscore.base.days import day_of
from leadscore.engines.sql.dialects import Dialect
from leadscore.rulebook.model import BehaviourRule
from leadscore.rulebook.plan import Plan

_MONTHS = 12
_NARROW = 2**31


class Ages:
    """The look-up table by age, up to the oldest event.

    Attributes
    ----------
    size : int
        How many ages it has.
    open : bool
        Whether an older event would count too.
    """

    def __init__(self, plan: Plan, today: int, oldest: int) -> None:
        self._plan, self._today, self._oldest = plan, today, oldest
        self._columns: dict[str, list[int]] = {}
        self.open = False

    @property
    def used(self) -> bool:
        """Whether anything hangs on it."""
        return bool(self._columns)

    @property
    def size(self) -> int:
        """How many ages it has."""
        return max(map(len, self._columns.values()), default=0)

    def worth(self, place: int, rule: BehaviourRule) -> str:
        """The column of what an event of a rule is worth."""
        name = f"w{place}"
        if name not in self._columns:
            listed: list[int] = []
            for age in range(self._oldest + 1):
                listed.append(rule.worth(age))
                # Worth never rises again once it is nothing.
                if listed[-1] == 0:
                    break
            self.open |= listed[-1] != 0
            self._columns[name] = listed
        return name

    def month(self) -> str:
        """The column of the months of the calendar, counted."""
        days = (day_of(self._today - age) for age in range(self._oldest + 1))
        self._columns.setdefault("month", [day.year * _MONTHS + day.month for day in days])
        self.open = True
        return "month"

    def join(self, alias: str, dialect: Dialect) -> str:
        """The join to it, as `w`, of rows with an age."""
        return f" LEFT JOIN {dialect.quoted('leadscore_ages')} AS w ON w.{dialect.quoted('age')} = {alias}.age"

    def table(self) -> pa.Table:
        """The look-up table."""
        size = self.size
        columns = {name: one + [0] * (size - len(one)) for name, one in self._columns.items()}
        # Sums of narrow numbers are wide ones; those of wide ones are of a kind that databases add up slowly.
        narrow = all(abs(one) < _NARROW for listed in columns.values() for one in listed)
        kind = pa.int32() if narrow else pa.int64()
        return pa.table({name: pa.array(one, kind) for name, one in {"age": range(size), **columns}.items()})
