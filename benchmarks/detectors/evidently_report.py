"""evidently's default: "dataset drift" of a week's MQLs, where half of the columns drifted."""

from __future__ import annotations

import pandas as pd
from evidently import Report
from evidently.presets import DataDriftPreset
from job import Detector, Weeks, main


def dataset_drift(reference: Weeks, weeks: Weeks) -> list[bool]:
    """Of fit, behaviour and its share."""
    known = pd.concat(reference.mqls, ignore_index=True)
    found = []
    for week in weeks.mqls:
        metrics = Report([DataDriftPreset()]).run(week, known).dict()["metrics"]
        found.append(metrics[0]["value"]["share"] >= metrics[0]["config"]["drift_share"])
    return found


if __name__ == "__main__":
    main({"evidently": Detector(dataset_drift)})
