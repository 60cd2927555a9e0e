"""What a `BalanceMonitor` keeps, read from text that anybody may have changed."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, NonNegativeInt, ValidationError

from leadscore.base.checksum import changed
from leadscore.errors import ArgumentError, Problem, visible

FORMAT = 1
# Of all that is summed: far above what any company has, and far below where sums of weeks overflow.
_MOST = 10**15
_Sum = Annotated[int, Field(ge=-_MOST, le=_MOST)]
_Count = Annotated[int, Field(ge=0, le=_MOST)]
_Square = Annotated[FiniteFloat, Field(ge=0, le=float(_MOST) ** 2)]
_Day = Annotated[dt.date, Field(ge=dt.date(1900, 1, 1), le=dt.date(2200, 1, 1))]
# Problems that are said, of as many as there are.
_SHOWN = 10


class _Part(BaseModel):
    # What a later version adds is left to it.
    model_config = ConfigDict(strict=True, extra="ignore")


class _Side(_Part):
    n: _Count
    fit: _Sum
    behaviour: _Sum
    fit_squared: _Square
    behaviour_squared: _Square
    rules: dict[str, _Sum]
    segments: dict[str, dict[str, tuple[_Count, _Sum, _Sum]]]


class _Mqls(_Side):
    needed: dict[Annotated[str, Field(pattern=r"^(none|-?[0-9]{1,15})$")], _Count]
    median_behaviour: Annotated[FiniteFloat, Field(ge=-_MOST, le=_MOST)] | None


class _Week(_Part):
    week: _Day
    sketch: list[NonNegativeInt] | None = None
    pool: _Side
    mqls: _Mqls


class _Decision(_Part):
    week: _Day
    decision: Literal["fixed", "new_normal"]
    since: _Day


class _State(_Part):
    leadscore_balance: Literal[1]
    rulebook: str
    by: list[str]
    reference_weeks: int
    horizon_weeks: int
    budget: float
    weeks: list[_Week]
    decisions: list[_Decision]
    edit: dict[str, dict[str, float | None]] | None


def read_state(text: str) -> dict[str, Any]:
    """The parts of what `BalanceMonitor.to_json` wrote, each of which can be gone on with.

    Raises
    ------
    ArgumentError
        With everything that is wrong, each at its place.
    """
    try:
        said = _State.model_validate_json(text)
        state: dict[str, Any] = json.loads(text)
    except ValidationError as error:
        raise ArgumentError("monitor", list(_faults(error))) from None
    except (ValueError, TypeError, RecursionError) as error:
        raise ArgumentError("monitor", f"is not what BalanceMonitor.to_json wrote: {error}") from None
    if problems := list(_misfits(said)):
        raise ArgumentError("monitor", problems[:_SHOWN])
    if why := changed(state):
        raise ArgumentError("monitor", why)
    return state


def _faults(error: ValidationError) -> Iterator[Problem]:
    yield Problem("", "is not what BalanceMonitor.to_json wrote")
    for one in error.errors(include_url=False)[:_SHOWN]:
        found = visible(repr(one["input"]))
        where = ".".join(map(str, one["loc"]))
        if where == "leadscore_balance" and one["type"] == "literal_error":
            yield Problem(where, f"is of format {found[:20]}; this leadscore reads format {FORMAT}")
        else:
            yield Problem(where, f"{one['msg'][0].lower()}{one['msg'][1:]}; got {found[:60]}")


def _misfits(said: _State) -> Iterator[Problem]:
    """What does not go together."""
    for place, week in enumerate(said.weeks):
        where = f"weeks.{place}"
        if place and (week.week - said.weeks[place - 1].week).days < 7:
            yield Problem(f"{where}.week", f"{week.week} must come a week or more after {said.weeks[place - 1].week}")
        for name, side in (("pool", week.pool), ("mqls", week.mqls)):
            if side.segments.keys() != set(said.by):
                yield Problem(f"{where}.{name}.segments", f"must be by {said.by}; got {[*side.segments]}")
        # Weeks without leads that qualified have no median.
        if (week.mqls.median_behaviour is None) != (week.mqls.n == 0):
            yield Problem(f"{where}.mqls.median_behaviour", f"does not go with {week.mqls.n} MQLs")
        if sum(week.mqls.needed.values()) != week.mqls.n:
            yield Problem(f"{where}.mqls.needed", f"must sum to {week.mqls.n}, the MQLs")
    for place, decision in enumerate(said.decisions):
        if decision.since > decision.week:
            yield Problem(f"decisions.{place}.since", f"{decision.since} comes after its week, {decision.week}")
