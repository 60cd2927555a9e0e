"""What every learner's script shares: its command line, the bank's contacts, its own clock and memory.

A script hands `main` its models by name: what fits one and says how to get probabilities out of it. This runs on the
pandas of any peer. An answer is JSON: the probabilities of every fold's test rows, or what fitting and scoring cost.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

MILLION = 1_000_000
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class Fitted(NamedTuple):
    """A model on its training rows."""

    predict: Callable[[pd.DataFrame], np.ndarray]
    rows: Callable[[], int]  # numbers or rows that somebody must read to know the model


Fit = Callable[[pd.DataFrame, np.ndarray, "pd.Series | None"], Fitted]


class Bank(NamedTuple):
    """Contacts in order of time: what was known before the call, whether it sold, its day."""

    X: pd.DataFrame
    y: np.ndarray
    dates: pd.Series


def read_bank(path: Path) -> Bank:
    """The file as it is, but for the length of the call, known only after it, and 999, which stands for never."""
    contacts = pd.read_csv(path, sep=";")
    features = contacts.drop(columns=["duration", "y"])
    features["pdays"] = features["pdays"].astype(float).replace(999.0, np.nan)
    return Bank(features, (contacts["y"] == "yes").to_numpy().astype(int), calendar(contacts))


def calendar(contacts: pd.DataFrame) -> pd.Series:
    """The day of each contact, from its month and weekday: the file is in order of time and begins in May 2008.

    486 of the 488 days found have one value of `euribor3m`, a daily series that the search does not use.
    """
    month = contacts["month"].map(MONTHS.index).to_numpy() + 1
    weekday = contacts["day_of_week"].map(WEEKDAYS.index).to_numpy()
    changes = np.append(True, (month[1:] != month[:-1]) | (weekday[1:] != weekday[:-1]))
    day, found = pd.Timestamp("2008-04-30"), []
    for this_month, this_weekday in zip(month[changes], weekday[changes], strict=True):
        day += pd.Timedelta(days=1)
        while (day.month, day.weekday()) != (this_month, this_weekday):
            day += pd.Timedelta(days=1)
        found.append(day)
    return pd.Series(pd.DatetimeIndex(found)[np.cumsum(changes) - 1], index=contacts.index, name="date")


def drawn(bank: Bank, rows: int) -> Bank:
    """So many contacts drawn anew, in order of time, their numbers moved a little so that few are equal."""
    rng = np.random.default_rng(0)
    place = np.sort(rng.integers(0, len(bank.y), rows))
    features = bank.X.iloc[place].reset_index(drop=True)
    for name in features.select_dtypes("number"):
        features[name] = features[name] + rng.normal(0, 0.01 * bank.X[name].std(), rows)
    return Bank(features, bank.y[place], bank.dates.iloc[place].reset_index(drop=True))


def known(X: pd.DataFrame) -> pd.DataFrame:
    """Without columns that hold nothing, as `pdays` before 2009: boosting and optbinning end with an error there."""
    return X.loc[:, X.notna().any()]


def cpu_seconds() -> float:
    """User and system time of this process and its finished children."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def peak() -> int:
    """The most bytes that the process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def predict_folds(fit: Fit, bank: Bank, folds: dict[str, Any]) -> dict[str, Any]:
    """Probabilities of each fold's test rows; only folds in order of time are told the dates."""
    found = {}
    for name, fold in folds.items():
        train, test = np.array(fold["train"]), np.array(fold["test"])
        dates = bank.dates.iloc[train].reset_index(drop=True) if fold["dated"] else None
        started = cpu_seconds()
        fitted = fit(bank.X.iloc[train].reset_index(drop=True), bank.y[train], dates)
        used = cpu_seconds() - started
        chance = np.asarray(fitted.predict(bank.X.iloc[test].reset_index(drop=True)), float)
        found[name] = {"chance": chance.tolist(), "fit_cpu": used, "rows": fitted.rows()}
        print(f"{name}: fit {used:.1f} CPU s, {found[name]['rows']} rows", file=sys.stderr, flush=True)
    return found


def fit_cost(fit: Fit, bank: Bank, *, dated: bool) -> tuple[Fitted, dict[str, float]]:
    """One fit of all rows."""
    before, cpu, wall = peak(), cpu_seconds(), time.perf_counter()
    fitted = fit(bank.X, bank.y, bank.dates if dated else None)
    used = {"fit_cpu": cpu_seconds() - cpu, "fit_wall": time.perf_counter() - wall}
    return fitted, {**used, "peak": peak(), "peak_before": before, "rows": fitted.rows()}


def main(models: dict[str, Fit]) -> None:
    """Run one model as the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", choices=models, required=True)
    parser.add_argument("--task", choices=["folds", "cost", "million"], required=True)
    parser.add_argument("--bank", type=Path, required=True)
    parser.add_argument("--folds", type=Path)
    parser.add_argument("--dated", action="store_true", help="tell the fit the dates whose cost is asked")
    parser.add_argument("--rows", type=int, default=MILLION, help="contacts drawn for 'million'; default %(default)s")
    parser.add_argument("--answer", type=Path, help="where the answer goes; default: printed")
    given = parser.parse_args()
    fit, bank = models[given.model], read_bank(given.bank)
    if given.task == "folds":
        answer = predict_folds(fit, bank, json.loads(given.folds.read_text()))
    elif given.task == "million":
        _, answer = fit_cost(fit, drawn(bank, given.rows), dated=given.dated)
    else:
        fitted, answer = fit_cost(fit, bank, dated=given.dated)
        many = bank.X.iloc[np.random.default_rng(0).integers(0, len(bank.y), MILLION)].reset_index(drop=True)
        fitted.predict(bank.X[:1000])  # what is imported or compiled at the first call is no scoring
        cpu = cpu_seconds()
        fitted.predict(many)
        answer["score_cpu"] = cpu_seconds() - cpu
    said = json.dumps(answer)
    if given.answer:
        given.answer.write_text(said)
    else:
        print(said)
