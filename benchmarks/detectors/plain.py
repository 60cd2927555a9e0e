"""PSI, Kolmogorov-Smirnov, a Shewhart chart and CUSUM, as they are mostly used."""

from __future__ import annotations

import numpy as np
import pandas as pd
from job import Detector, Weeks, main
from scipy.stats import ks_2samp


def psi(reference: Weeks, weeks: Weeks) -> list[bool]:
    """The share of behaviour on deciles of the reference; 0.2 is a major shift by the rule of thumb."""
    shares = pd.concat(reference.mqls)["share"]
    edges = np.quantile(shares, np.linspace(0.1, 0.9, 9))

    def parts(values):
        counts = np.bincount(np.searchsorted(edges, values), minlength=10)
        return np.maximum(counts / max(counts.sum(), 1), 1e-4)

    was = parts(shares)
    return [float(((now := parts(week["share"])) - was) @ np.log(now / was)) > 0.2 for week in weeks.mqls]


def kolmogorov_smirnov(reference: Weeks, weeks: Weeks) -> list[bool]:
    """The share of behaviour of a week against the reference, at 5 %."""
    shares = pd.concat(reference.mqls)["share"]
    return [len(week) > 0 and ks_2samp(week["share"], shares).pvalue < 0.05 for week in weeks.mqls]


def standardised(reference: Weeks, weeks: Weeks, *, of: str) -> np.ndarray:
    """The week's figure in standard deviations of the reference weeks; 0 where a week has none."""
    old, new = (
        each.gap if of == "gap" else np.array([week["share"].mean() for week in each.mqls])
        for each in (reference, weeks)
    )
    return np.nan_to_num((new - np.nanmean(old)) / np.nanstd(old, ddof=1))


def shewhart(reference: Weeks, weeks: Weeks) -> np.ndarray:
    """The mean share of behaviour above 3 standard deviations."""
    return standardised(reference, weeks, of="share") > 3


def cusum(reference: Weeks, weeks: Weeks, *, of: str) -> list[bool]:
    """The textbook's k = 1/2 and h = 5, begun anew after an alarm."""
    height, found = 0.0, []
    for z in standardised(reference, weeks, of=of):
        height = max(height + z - 0.5, 0)
        found.append(height > 5)
        height *= height <= 5
    return found


if __name__ == "__main__":
    main(
        {
            "psi": Detector(psi),
            "ks": Detector(kolmogorov_smirnov),
            "shewhart": Detector(shewhart),
            "cusum share": Detector(lambda *weeks: cusum(*weeks, of="share"), remembers=True),
            "cusum gap": Detector(lambda *weeks: cusum(*weeks, of="gap"), remembers=True),
        }
    )
