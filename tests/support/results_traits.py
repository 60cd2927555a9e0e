"""Results on what leads are, saw and wrote, in which ids, columns, values, pages and words have the names given."""

import pandas as pd

import leadscore as ls
from leadscore.sales.traits.content import content
from leadscore.sales.traits.missed import missed
from leadscore.sales.traits.won_lost import won_lost
from leadscore.sales.traits.words import words
from tests.support.hostile import as_id

N = 40
BELOW = ls.Rulebook.from_yaml(
    "{leadscore: 1, name: x, fit: [{name: A, column: source, points: {z: 1}}], behaviour: [], qualify: {threshold: 1}}"
)


def _decided(one, other):
    """Leads below the bar, half of each kind accepted, that saw a page; each a deal won or lost."""
    ids = [f"{as_id(one)}{number}" for number in range(2 * N)]
    leads = pd.DataFrame({"lead_id": ids, "source": "x", f"source {one}": [one, f"{other}.", one, one] * (N // 2)})
    events = pd.DataFrame({"lead_id": ids[::2], "event": one, "at": "2026-03-01", "asset": other, "actor": one})
    said = [f"{one} {other} we need{' seats' if number % 3 else ' a tool'} {number}" for number in range(2 * N)]
    leads["message"] = said
    stages = {"mql": ["mql"], "sal": ["sal", "rejected"], "opportunity": ["opportunity"], "won": ["won", "lost"]}
    parts = [
        pd.DataFrame({"lead_id": ids, "stage": (names * 2 * N)[: 2 * N], "at": f"2026-03-0{day}T08:00Z"})
        for day, names in enumerate(stages.values(), 2)
    ]
    sent = events.assign(actor="sales", at="2026-03-05")
    outcomes = pd.concat(parts).assign(deal_id=lambda rows: rows["lead_id"])
    return ls.load_tables(leads, pd.concat([events, sent]), outcomes, observed_until="2026-04-30")


_APRIL = {"start": "2026-04-01", "end": "2026-04-30"}

RESULTS = {
    "Content": lambda one, other: content(_decided(one, other), BELOW, **_APRIL),
    "Missed": lambda one, other: missed(_decided(one, other), BELOW, **_APRIL),
    "Words": lambda one, other: words(_decided(one, other), BELOW, column="message", **_APRIL),
    "WonLost": lambda one, other: won_lost(_decided(one, other), BELOW, **_APRIL),
}
