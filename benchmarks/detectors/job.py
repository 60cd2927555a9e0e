"""What every detector's script shares: its command line, the made-up weeks, its own clock.

A script hands `main` its detectors by name. Each is given the MQLs of the reference and then the weeks in turn, and
says for each whether it alarms. An answer is JSON: for each run, which of the stable weeks and which after a change
alarmed.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd


class Weeks(NamedTuple):
    """Weeks in turn: the points of their MQLs, and the gap of all leads, as `BalanceMonitor` has it."""

    mqls: list[pd.DataFrame]
    gap: np.ndarray


class Detector(NamedTuple):
    """`alarms` says it of each week; `remembers` where what came before a week matters to it."""

    alarms: Callable[[Weeks, Weeks], Any]
    remembers: bool = False


def read(run: Mapping[str, np.ndarray], reference: int) -> tuple[Weeks, Weeks, dict[str, Weeks]]:
    """Reference, stable weeks, and those after each change."""
    found = {}
    for name in {key.split(":")[0] for key in run}:
        week, fit, behaviour = run[f"{name}:mqls"].astype(int)
        mqls = pd.DataFrame({"fit": fit, "behaviour": behaviour, "share": behaviour / (behaviour + fit)}).astype(float)
        gap = run[f"{name}:gap"]
        found[name] = Weeks([mqls[week == number].reset_index(drop=True) for number in range(len(gap))], gap)
    mqls, gap = found.pop("before")
    return Weeks(mqls[:reference], gap[:reference]), Weeks(mqls[reference:], gap[reference:]), found


def main(detectors: dict[str, Detector]) -> None:
    """Answer for one detector."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--detector", choices=detectors, required=True)
    parser.add_argument("--weeks", type=Path, required=True, help="a folder of runs")
    parser.add_argument("--runs", type=int, required=True)
    parser.add_argument("--reference", type=int, required=True)
    parser.add_argument("--answer", type=Path, required=True)
    given = parser.parse_args()
    alarms, remembers = detectors[given.detector]
    began, answers = time.process_time(), []
    for number in range(given.runs):
        with np.load(given.weeks / f"{number}.npz") as file:
            reference, stable, changes = read(file, given.reference)
        answer = {"stable": np.array(alarms(reference, stable), bool).tolist()}
        for name, weeks in changes.items():
            if remembers:
                whole = Weeks([*stable.mqls, *weeks.mqls], np.append(stable.gap, weeks.gap))
                found = alarms(reference, whole)[len(stable.gap) :]
            else:
                found = alarms(reference, weeks)
            answer[name] = np.array(found, bool).tolist()
        answers.append(answer)
    given.answer.write_text(json.dumps({"cpu": time.process_time() - began, "runs": answers}))
