"""What sales was given and what it said, read lead by lead in plain Python; and random outcomes."""

import datetime as dt
from itertools import groupby

import pandas as pd
from hypothesis import strategies as st

from leadscore.base.stages import FUNNEL, STAGES

DECIDED = {*FUNNEL[2:], "rejected", "recycled"}
EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - a wall clock
ENDS = {"rejected", "recycled", "lost"}
ORDER = ["lead", "mql", "contacted", "sal", "sql", "opportunity", "won"]


def outcomes_of(rows):
    """Rows are (lead, stage, written time), and a reason and an owner if there are any."""
    columns = ["lead_id", "stage", "at", "reason", "owner"][: len(rows[0])] if rows else ["lead_id", "stage", "at"]
    return pd.DataFrame(rows, columns=columns)


TIMES = st.sampled_from(["", "", "T09:00:00", "T09:00:00", "T15:30:00", "T23:59:59"])
ROWS = st.lists(
    st.tuples(
        st.sampled_from("abc"), st.sampled_from(STAGES), st.integers(1, 20), TIMES,
        st.sampled_from([None, " ", "no budget", "<b>"]), st.sampled_from([None, "Ana", "Ben"]),
    ),
    min_size=1, max_size=25,
)  # fmt: skip


def rank(row):
    return ORDER.index(row["stage"]) if row["stage"] in ORDER else len(ORDER)


def plain_passes(rows):
    """A lead's rows as they happened: by moment, within one in the funnel's order; and what ends a pass before what
    begins the next."""
    found, furthest = [], 0
    for _, group in groupby(sorted(rows, key=lambda row: row["moment"]), key=lambda row: row["moment"]):
        together = sorted(group, key=lambda row: (rank(row), row["at"], STAGES.index(row["stage"])))
        ends = [row for row in together if row["stage"] in ENDS]
        rest = [row for row in together if row["stage"] not in ENDS]
        places = {id(row): ORDER.index(row["stage"]) for row in rest}
        after = [row for row in rest if ends and furthest > 0 and (places[id(row)] < max(furthest, 2))]
        found += [row for row in rest if row not in after] + ends + after
        held = after if ends else rest
        furthest = max([places[id(row)] for row in held] + ([] if ends else [furthest]), default=0)
    return found


def plain_handovers(rows):
    """What one lead's rows say, in words of dicts: when it came, and what sales said first from then on."""
    walked, found, seen = plain_passes(rows), [], set()
    worked = [place for place, row in enumerate(walked) if row["stage"] not in {"lead", "mql"}]
    came = [place for place, row in enumerate(walked) if row["stage"] == "mql"] or worked[:1]
    for place in came:
        if walked[place]["moment"] in seen:
            continue
        seen.add(walked[place]["moment"])
        ends = (row for row in walked[place:] if row["stage"] in DECIDED | {"lost"})
        said = next(ends, {"stage": "lost"})
        decided = said["stage"] != "lost"
        owners = [row["owner"] for row in walked[place:] if row["owner"]]
        owners += [row["owner"] for row in walked[:place][::-1] if row["owner"]]
        refused = said["stage"] in ENDS
        reason = (said.get("reason") or "").strip() or "(none given)"
        found.append(
            (
                walked[place]["moment"].date(),
                None if not decided else not refused,
                reason if decided and refused else None,
                next(iter(owners), None),
                said["at"].date() if decided else None,
            )
        )
    return found


def plain_rows(tables, lead):
    """A lead's rows, each with the moment on the wall clock by which they are put in order."""
    kept = tables.outcomes[(tables.outcomes["lead_id"] == lead).to_numpy()]
    at = tables.stages.times.take(kept.index.to_numpy()).local(tables.timezone)
    moments = [EPOCH + dt.timedelta(microseconds=int(one)) for one in at]
    dates = {moment.date() for moment in moments if moment.time() == dt.time()}
    rows = []
    for moment, held in zip(moments, kept.to_dict("records"), strict=True):
        day = dt.datetime.combine(moment.date(), dt.time())
        row = {name: None if pd.isna(held[name]) else held[name] for name in ("stage", "reason", "owner")}
        rows.append(row | {"at": moment, "moment": day if moment.date() in dates else moment})
    return rows
