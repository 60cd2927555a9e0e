"""river's detectors at their defaults, on the share of behaviour of one MQL after the other."""

from __future__ import annotations

from job import Detector, Weeks, main
from river import drift


def stream(make, reference: Weeks, weeks: Weeks) -> list[bool]:
    """Whether it finds a drift anywhere in a week."""
    detector, found = make(), []
    for week in [*reference.mqls, *weeks.mqls]:
        seen = False
        for share in week["share"]:
            detector.update(share)
            seen |= detector.drift_detected
        found.append(seen)
    return found[len(reference.mqls) :]


if __name__ == "__main__":
    main(
        {
            "adwin": Detector(lambda *weeks: stream(drift.ADWIN, *weeks), remembers=True),
            "page hinkley": Detector(lambda *weeks: stream(drift.PageHinkley, *weeks), remembers=True),
        }
    )
