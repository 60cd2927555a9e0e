"""How often the trend of `balance_today` alarms falsely, and how often it sees a rise, by the number of MQLs a week."""

from __future__ import annotations

import math

import numpy as np

from leadscore.base.text import about
from leadscore.present.figures import percent

# Of fewer MQLs nothing is said of a trend.
LEAST_MQLS = 120
# MQLs by points a week, and weeks looked at, that were simulated 1,000 times each: `benchmarks/balance.py`, whose table
# this is. What is in between is interpolated.
VOLUMES = (12, 25, 60, 120, 300, 1200)
WEEKS = (8, 12)
ALARMS = {
    "no change": ((0.047, 0.052, 0.059, 0.051, 0.041, 0.047), (0.041, 0.050, 0.042, 0.045, 0.049, 0.062)),
    "no change, weeks wander (lag .6)": (
        (0.077, 0.084, 0.097, 0.116, 0.170, 0.202),
        (0.071, 0.105, 0.126, 0.163, 0.211, 0.251),
    ),
    "rise of 10 points": ((0.094, 0.126, 0.216, 0.308, 0.510, 0.772), (0.101, 0.158, 0.292, 0.476, 0.730, 0.935)),
    "rise of 20 points": ((0.170, 0.290, 0.594, 0.839, 0.982, 1.000), (0.272, 0.496, 0.806, 0.970, 0.999, 1.000)),
}


def alarms(cell: str, volume: float, weeks: int) -> float:
    """In which share of simulated reviews the trend was seen, at 5 % and before the page's correction."""
    short, long = (float(np.interp(math.log(volume), np.log(VOLUMES), shares)) for shares in ALARMS[cell])
    return float(np.interp(weeks, WEEKS, (short, long)))


def how_often(volume: float, weeks: int) -> str:
    """The rates at so many MQLs a week, in a sentence."""
    none, wander, ten, twenty = (percent(alarms(cell, volume, weeks)) for cell in ALARMS)
    return (
        f"At {about(volume)} such MQLs a week, {weeks} weeks show a rise of 20 points in {twenty} of cases and one of "
        f"10 points in {ten}; they show a change that is none in {none}, and in {wander} where neighbouring weeks are "
        "alike (simulated). The drift monitor, once it has learned, has a known rate."
    )
