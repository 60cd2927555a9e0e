"""How cells are written where they do not say it: the order of day and month, signs in numbers, the time zone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from zoneinfo import available_timezones

from leadscore.errors import did_you_mean
from leadscore.start.draft import Draft
from leadscore.start.presets import presets
from leadscore.start.question import Question, one_of


def orders(draft: Draft) -> Iterator[Question]:
    """Day or month first, where no day is above 12."""
    for family, columns in draft.doubtful("orders").items():
        source, name = columns[0]
        example = next(iter(draft.exports[source].cells[name].counts), "05/01/2026")
        where = ", ".join(f"{source}.{name}" for source, name in columns)

        def take(text: str, family: str = family) -> None:
            draft.orders[family] = one_of({"day": "day", "d": "day", "month": "month", "m": "month"}, text)
            draft.declare()

        # Neither reading is more likely; AM and PM are written where the month comes first.
        default = "month" if re.search(r"[ap]\.?m\.?$", example, re.IGNORECASE) else "day"
        seen = f"{where}: no day above 12, as in {example}, so day and month cannot be told apart"
        yield Question(seen, "Does the day or the month come first?", default, ("sources", source, "columns"), take)


def decimals(draft: Draft) -> Iterator[Question]:
    """What a point or a comma in numbers is, where nothing settles it."""
    for family, columns in draft.doubtful("decimals").items():
        source, name = columns[0]
        example = next(
            (value for value in draft.exports[source].cells[name].counts if re.search("[.,]", value)), "1.037"
        )
        where = ", ".join(f"{source}.{name}" for source, name in columns)
        sign = "." if "." in example else ","

        def take(text: str, family: str = family, sign: str = sign) -> None:
            thousands = one_of({"thousands": "t", "t": "t", "decimals": "d", "d": "d"}, text) == "t"
            draft.decimals[family] = sign if not thousands else "," if sign == "." else "."
            draft.declare()

        seen = f"{where}: in {example}, {sign!r} may stand between thousands or before decimals"
        yield Question(seen, "Thousands or decimals?", "thousands", ("sources", source, "columns"), take)


def zone(draft: Draft) -> Iterator[Question]:
    """Whose wall clock times are on that say no zone; vendors that write UTC are known."""
    utc = {name for name, preset in presets().items() if "\ntimezone: UTC\n" in preset.text}
    without = [
        f"{source}.{name}"
        for source, spec in draft.tree["sources"].items()
        for name, typed in spec.get("columns", {}).items()
        if typed["type"] == "time" and draft.exports[source].preset not in utc and _no_zone(draft, source, name)
    ]
    if not without:
        return

    def take(text: str) -> None:
        zones = available_timezones()
        if text not in zones:
            raise ValueError(f"there is no time zone {text!r}{did_you_mean(text, zones)}; write one as Europe/Berlin")
        draft.tree["timezone"] = text

    shown = ", ".join(without[:3]) + (f" and {len(without) - 3} more" if len(without) > 3 else "")
    yield Question(f"{shown}: times without a time zone", "Whose wall clock is it?", "UTC", ("timezone",), take)


def _no_zone(draft: Draft, source: str, name: str) -> bool:
    cells = draft.exports[source].cells[name]
    if cells.arrow is not None:
        return getattr(cells.arrow, "tz", "") is None
    return (
        cells.no_zone
        or (not cells.iso and cells.epoch() is None)
        or all(len(value) == 10 for value in [*cells.counts][:50])
    )
