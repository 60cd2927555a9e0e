"""alibi-detect's default for columns: Kolmogorov-Smirnov at 5 %, by Bonferroni."""

from __future__ import annotations

import pandas as pd
from alibi_detect.cd import KSDrift
from job import Detector, Weeks, main


def bonferroni(reference: Weeks, weeks: Weeks) -> list[bool]:
    """Of fit, behaviour and its share."""
    detector = KSDrift(pd.concat(reference.mqls).to_numpy())
    return [len(week) > 0 and bool(detector.predict(week.to_numpy())["data"]["is_drift"]) for week in weeks.mqls]


if __name__ == "__main__":
    main({"alibi": Detector(bonferroni)})
