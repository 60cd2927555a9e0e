"""The values of a column with how often each occurs, and why a test of a rule holds for none of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from leadscore.base.days import day_of
from leadscore.base.likeness import LIKENESSES, SURE, Likeness, nearest_value
from leadscore.base.text import as_text, counted, decimal, normalise
from leadscore.rulebook.conditions import Test
from leadscore.rulebook.lookups import ColumnPlan, met_by, operand_of
from leadscore.sources.answers import answers
from leadscore.sources.columns import Bad, Column, plain_number
from leadscore.tables.findings import listed, quoted

# So many values, the commonest, are looked at for one that may be meant; so many wanted ones are said, or looked for.
_COMMONEST, _SAID, _LOOKED_FOR, _EXAMPLES = 5_000, 3, 50, 3
_VERBS = {
    "is": "is",
    "in": "is",
    "points": "is",
    "has_option": "has the option",
    "in_list": "is in the list",
    "is_not": "is other than",
    "not_in": "is other than",
    "has_word": "has the word",
    "contains": "contains",
    "starts_with": "starts with",
    "ends_with": "ends with",
    "at_least": "is at least",
    "more_than": "is more than",
    "at_most": "is at most",
    "less_than": "is less than",
    "between": "is between",
}


@dataclass(frozen=True)
class Values:
    """A column of leads or of events as rules read it.

    Attributes
    ----------
    name : str
    column : Column
        One entry per row, or per distinct value.
    raw : array
        The same entries as they came.
    counts : (n_entries,) how many leads or events each entry stands for
    missing : int
        How many more have no value.
    things : str
        Whose column it is: lead or event.
    """

    name: str
    column: Column
    raw: pa.Array | pa.ChunkedArray
    counts: npt.NDArray[np.int64]
    missing: int
    things: str

    @cached_property
    def n(self) -> int:
        """How many leads or events there are."""
        return int(self.counts.sum()) + self.missing

    @cached_property
    def known(self) -> int:
        """How many have a value."""
        return int(self.counts[~self.column.missing].sum())

    @cached_property
    def by_code(self) -> npt.NDArray[np.int64]:
        """How many have each of the distinct values of a text column."""
        assert self.column.codes is not None
        # Missing ones come first.
        weights = np.bincount(self.column.codes + 1, self.counts, len(self.column.values) + 1)
        return weights[1:].astype(np.int64)

    def commonest(self, among: npt.NDArray[np.bool_] | None = None, most: int = _COMMONEST) -> list[tuple[str, int]]:
        """Distinct values of a text column as they came, of those named, with their counts; the commonest first."""
        assert self.column.codes is not None
        counts = self.by_code if among is None else np.where(among, self.by_code, 0)
        order = np.argsort(-counts, kind="stable")[:most]
        # Where each first occurs: the last that is written stays.
        place = np.zeros(len(counts) + 1, np.int64)
        place[self.column.codes[::-1]] = np.arange(len(self.column.codes))[::-1]
        found = [int(code) for code in order if counts[code]]
        raw = self.raw.take(pa.array(place[found], pa.int64())).to_pylist()
        return [(as_text(value), int(counts[code])) for value, code in zip(raw, found, strict=True)]

    def meeting(self, test: Test) -> int:
        """How many meet a test."""
        plan = ColumnPlan(self.column.kind)
        met, on_missing = met_by(plan, test)
        place = plan.add(lambda value, found: int(met(value, found)), int(on_missing > 0))
        found = answers(plan, self.column)
        held = found.table[:, place]
        return int(self.counts[held[found.codes] > 0].sum()) + self.missing * int(held[-1])

    def why(self, use: str, operand: Any) -> tuple[str, bool]:
        """Why a use of the column fits no value, and whether that tells what to change."""
        if use == "known":
            return f"{self.name} is {'empty' if operand else 'filled in'} in {self._all}", True
        if not self.known:
            return f"{self.name} is empty in {self._all}", True
        wanted = list(operand) if isinstance(operand, (tuple, dict)) else [operand]
        of_all = f"0 of {counted(self.n, self.things)}"
        if use == "from":
            paid = ", ".join(decimal(float(edge)) for edge, points in operand.items() if points)
            return f"{self.name} gives points to {of_all}; {self._range}, the steps with points are {paid}", False
        if self.column.numbers is not None:
            return f"{self.name} {_VERBS[use]} {_either(wanted, use)} in {of_all}; {self._range}", False
        none = f"{self.name} {_VERBS[use]} {_either(wanted, use)} in {of_all}"
        instead, telling = self.instead(wanted, use)
        return f"{none}; {instead}", telling

    def instead(self, wanted: list[Any], use: str) -> tuple[str, bool]:
        """What there is in place of what is wanted, and whether that tells what to change."""
        meant = self.meant([as_text(one) for one in wanted], use)
        return (meant, True) if meant else (self._instead(wanted), False)

    def among(self, wanted: Iterable[Any]) -> npt.NDArray[np.bool_]:
        """Which of the distinct values are among those wanted, and last that a missing one is not."""
        operands = {operand_of(self.column.kind, one) for one in wanted}
        several = self.column.kind.startswith("options")
        held = (not operands.isdisjoint(value) if several else value in operands for value in self.column.values)
        return np.array([*held, False])

    def lacking(self, wanted: Iterable[Any]) -> list[Any]:
        """Which of those wanted nobody has."""
        return [one for one in wanted if operand_of(self.column.kind, one) not in self._there]

    @cached_property
    def _there(self) -> set[Any]:
        """The distinct values that occur."""
        if self.column.numbers is not None:
            return set(np.unique(self.column.numbers[(self.counts > 0) & ~self.column.missing]).tolist())
        there = [value for value, n in zip(self.column.values, self.by_code.tolist(), strict=True) if n]
        return set().union(*there) if self.column.kind.startswith("options") else set(there)

    @property
    def _all(self) -> str:
        return f"all {counted(self.n, self.things)}" if self.n != 1 else f"the only {self.things}"

    @property
    def _range(self) -> str:
        """From where to where its numbers run, or how many options there are."""
        if self.column.numbers is None:
            most = max(len(value) for value, n in zip(self.column.values, self.by_code, strict=True) if n)
            return f"the most that any {self.things} has is {counted(most, 'option')}"
        numbers = self.column.numbers[(self.counts > 0) & ~self.column.missing]
        return f"it runs from {self._shown(numbers.min())} to {self._shown(numbers.max())}"

    def _shown(self, number: float) -> str:
        return str(day_of(int(number))) if self.column.kind == "date" else decimal(float(number))

    def meant(
        self,
        wanted: list[str],
        use: str,
        likenesses: tuple[Likeness, ...] = LIKENESSES,
        but: frozenset[str] = frozenset(),
    ) -> str:
        """Which value may be meant by one that is wanted, none of those `but`; empty if none."""
        if not wanted:
            return ""
        values = [(text, n) for text, n in self._texts if normalise(text) not in but]
        names = [text for text, _ in values]
        found = [(one, near) for one in wanted[:_LOOKED_FOR] if (near := nearest_value(one, names, likenesses))]
        if not found:
            return ""
        one, (place, likeness) = min(found, key=lambda pair: LIKENESSES.index(pair[1][1]))
        value, n = values[place]
        return f"{quoted(value)} ({n:,}) {_how(likeness, len(value) > len(one), use)}"

    def unnamed(self, named: list[Any], things: str) -> tuple[str, int, bool] | None:
        """The values that are none of those named, in words, how many there are, and whether some mean one that is."""
        free = ~self.among(named)[:-1] & (self.by_code > 0)
        if not free.any():
            return None
        kinds, n, texts = int(free.sum()), int(self.by_code[free].sum()), self.commonest(free)
        said = f"{counted(kinds, things)} that no rule names: {listed(texts[:_EXAMPLES], kinds)}"
        lacking = self.lacking(named)
        names = [as_text(one) for one in named if one not in lacking]
        near = [(text, found) for text, _ in texts[:_LOOKED_FOR] if (found := nearest_value(text, names, SURE))]
        pairs = [f"{quoted(text)} may mean {quoted(names[place])}" for text, (place, _) in near[:_EXAMPLES]]
        return "; ".join([said, *pairs]), n, bool(pairs)

    @cached_property
    def _texts(self) -> list[tuple[str, int]]:
        return self.commonest() if self.column.kind == "text" else []

    def _instead(self, wanted: list[Any]) -> str:
        """What the column holds."""
        if self.column.kind == "boolean":
            return f"it is {' or '.join(as_text(value) for value in self.column.values)}"
        numbers = all(not isinstance(plain_number(text), Bad) for text, _ in self._texts)
        if numbers and any(character.isdigit() for one in wanted for character in as_text(one)):
            return f"it holds numbers, as {listed(self._texts[:1], 1)}: write 'from: {{500: 10, 50: 5}}'"
        return f"it has {listed(self._texts[:_EXAMPLES], int((self.by_code > 0).sum()))}"


def _either(wanted: list[Any], use: str) -> str:
    """What is wanted, in words."""
    texts = [quoted(one) if isinstance(one, str) else as_text(one) for one in wanted[:_SAID]]
    more = [f"{len(wanted) - _SAID} more"] if len(wanted) > _SAID else []
    return (" and " if use == "between" else " or ").join([*texts, *more])


def _how(likeness: Likeness, longer: bool, use: str) -> str:  # noqa: FBT001 - it is a look-up
    """What a value like the wanted one asks for."""
    cure = {"has_word": "", "contains": "", "starts_with": "contains finds it", "ends_with": "contains finds it"}
    finds = cure.get(use, "contains finds it" if likeness == "address" else "has_word or contains finds it")
    said = {"address": "is a full address", "option": "has several in one cell", "words": "has more words"}
    return f"{said[likeness]}: {finds}" if longer and finds and likeness in said else "may be meant"
