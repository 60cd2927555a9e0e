"""NannyML's default: Jensen-Shannon distance of a week's MQLs above 3 standard deviations of the reference weeks."""

from __future__ import annotations

import os

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"

import nannyml as nml
import pandas as pd
from job import Detector, Weeks, main

COLUMNS = ["fit", "behaviour", "share"]


def dated(weeks: Weeks) -> pd.DataFrame:
    """The MQLs of weeks, each with a time in its week."""
    days = [pd.Timestamp("2024-01-01") + pd.Timedelta(weeks=number) for number in range(len(weeks.mqls))]
    return pd.concat([week.assign(when=day) for week, day in zip(weeks.mqls, days, strict=True)], ignore_index=True)


def any_column(reference: Weeks, weeks: Weeks) -> pd.Series:
    """Whether one of fit, behaviour and its share alerts."""
    calculator = nml.UnivariateDriftCalculator(
        column_names=COLUMNS, timestamp_column_name="when", chunk_period="W", continuous_methods=["jensen_shannon"]
    ).fit(dated(reference))
    frame = calculator.calculate(dated(weeks)).filter(period="analysis").to_df()
    alerts = frame[[(name, "jensen_shannon", "alert") for name in COLUMNS]].any(axis=1)
    numbers = (frame[("chunk", "chunk", "start_date")] - pd.Timestamp("2024-01-01")).dt.days // 7
    # A week without MQLs has no chunk.
    return pd.Series(alerts.to_numpy(), numbers).reindex(range(len(weeks.mqls)), fill_value=False)


if __name__ == "__main__":
    main({"nannyml": Detector(any_column)})
