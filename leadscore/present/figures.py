"""How figures read on a page: shares, their intervals and changes, times and amounts of money; one way everywhere."""

from __future__ import annotations

import math

UNKNOWN = "not known"
# Below so many cases a share is written as a count.
_AS_COUNT = 20


def known(value: float) -> float | None:
    """A figure for a picture; None where it is not known."""
    return None if math.isnan(value) else float(value)


def percent(share: float) -> str:
    """A share as a whole percentage; never 0% where it happened once, nor 100% where it did not once.

    Examples
    --------
    >>> percent(0.5604), percent(0.9987), percent(0.002), percent(1), percent(float("nan"))
    ('56%', 'over 99%', 'under 1%', '100%', 'not known')
    """
    if math.isnan(share):
        return UNKNOWN
    text = f"{share:.0%}"
    if text == "0%" and share > 0:
        return "under 1%"
    return "over 99%" if text == "100%" and share < 1 else text.replace("-0%", "0%")


def percent_beside(share: float, other: float) -> str:
    """A share as a percentage, with the decimals that tell it from another one that it is compared with.

    Examples
    --------
    >>> percent_beside(0.43, 0.8), percent_beside(94 / 105, 0.9), percent_beside(0.9, 0.9)
    ('43%', '89.5%', '90%')
    """
    if share == other or math.isnan(share):
        return percent(share)
    digits = next((digits for digits in range(4) if f"{share:.{digits}%}" != f"{other:.{digits}%}"), 0)
    return f"{share:.{digits}%}" if digits else percent(share)


def percent_range(low: float, high: float) -> str:
    """An interval of a share.

    Examples
    --------
    >>> percent_range(0.514, 0.606), percent_range(0, 0.004)
    ('51% to 61%', '0% to 1%')
    """
    if math.isnan(low) or math.isnan(high):
        return UNKNOWN
    # Outwards where the nearest whole percentage would leave no room: an interval of a share is never a point.
    first, last = round(100 * low), round(100 * high)
    return f"{first if first < last else math.floor(100 * low)}% to {last if first < last else math.ceil(100 * high)}%"


def share(count: int, n: int) -> str:
    """How many of how many, as a share where there are enough.

    Examples
    --------
    >>> share(200, 465), share(1, 3), share(0, 0)
    ('43%', '1 of 3', '0 of 0')
    """
    return percent(count / n) if n >= _AS_COUNT else f"{count:,} of {n:,}"


def of_all(count: int, n: int) -> str:
    """The same, always with how many there were.

    Examples
    --------
    >>> of_all(200, 465), of_all(1, 3)
    ('43% of 465', '1 of 3')
    """
    return f"{percent(count / n)} of {n:,}" if n >= _AS_COUNT else share(count, n)


def points_change(change: float, low: float, high: float) -> str:
    """How far a share moved, in percentage points, with the interval of the difference.

    Examples
    --------
    >>> points_change(0.29, 0.234, 0.342)
    '29 points higher (95% interval: +23 to +34)'
    >>> points_change(-0.01, -0.06, 0.04), points_change(0.002, -0.06, 0.06)
    ('1 point lower (95% interval: -6 to +4)', 'less than 1 point apart (95% interval: -6 to +6)')
    """
    if math.isnan(change):
        return UNKNOWN
    interval = f"(95% interval: {signed(100 * low)} to {signed(100 * high)})"
    points = abs(round(100 * change))
    if not points:
        return f"less than 1 point apart {interval}"
    return f"{points:,} point{'' if points == 1 else 's'} {'higher' if change > 0 else 'lower'} {interval}"


def signed(value: float) -> str:
    """A whole number with its sign.

    Examples
    --------
    >>> signed(23.4), signed(-6.2), signed(-0.3)
    ('+23', '-6', '0')
    """
    return f"{round(value):+,}" if round(value) else "0"


def duration(minutes: float) -> str:
    """A time in hours, minutes and seconds. No days: a working day has fewer hours than another.

    Examples
    --------
    >>> duration(79.7), duration(306.87), duration(4.2), duration(60), duration(2700.5)
    ('1 h 19 min 42 s', '5 h 06 min 52 s', '4 min 12 s', '1 h', '45 h 00 min 30 s')
    """
    if not math.isfinite(minutes):
        return UNKNOWN
    whole, seconds = divmod(round(60 * minutes), 60)
    hours, rest = divmod(whole, 60)
    if not hours and not rest:
        return f"{seconds} s"
    said = f"{hours:,} h {rest:02} min {seconds:02} s" if hours else f"{rest} min {seconds:02} s"
    return said.removesuffix(" 00 s").removesuffix(" 00 min")


def money(amount: float, currency: str = "") -> str:
    """An amount to three figures, in thousands or millions where it is large.

    Examples
    --------
    >>> money(1_563_200, "EUR"), money(886_700, "EUR"), money(2435, "€"), money(12.5, "$"), money(-80_000)
    ('EUR 1.56m', 'EUR 887k', '€2,435', '$12.50', '-80k')
    """
    if not math.isfinite(amount):
        return UNKNOWN
    size = abs(amount)
    if size < 10_000:
        said = f"{size:,.0f}" if size >= 100 or float(size).is_integer() else f"{size:.2f}"
        said = "10k" if said == "10,000" else said
    else:
        # To three figures first: 999,600 is a million.
        size = float(f"{size:.3g}")
        unit, letter = next((unit, letter) for unit, letter in ((1e9, "bn"), (1e6, "m"), (1e3, "k")) if size >= unit)
        said = f"{size / unit:,.{_decimals(size / unit, letter)}f}{letter}"
    between = " " if currency[-1:].isalnum() else ""
    return f"{'-' if amount < 0 else ''}{currency}{between}{said}"


def _decimals(value: float, letter: str) -> int:
    return 0 if letter == "k" or value >= 100 else 1 if value >= 10 else 2
