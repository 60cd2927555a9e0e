"""One pass answers every bar: leads a week as `replay` counts them, and shares of leads that stand for others."""

import datetime as dt
import json
import math
import shutil
import subprocess
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import leadscore as ls
from leadscore.base.days import day_number
from leadscore.rulebook.plan import compiled
from leadscore.scoring.climbs import Climbs
from leadscore.scoring.timeline import Timeline
from leadscore.threshold.workbench import page
from leadscore.threshold.workbench.board import board_of, mean, offered
from leadscore.threshold.workbench.evidence import Evidence, HandOvers
from leadscore.threshold.workbench.heights import Heights
from leadscore.threshold.workbench.sentences import Paired, Tried
from tests.scoring.test_replay import grown, tables_of

SOME = settings(max_examples=settings.default.max_examples // 2)


@st.composite
def worlds(draw):
    """A rulebook on tables in which leads change, some weeks, and bars to try."""
    case, start, _ = draw(grown())
    rulebook = ls.Rulebook.from_dict(case.document)
    weeks = draw(st.sampled_from([2, 3, 9]))
    bars = draw(st.lists(st.sampled_from([-5, 0, 3, 10, 10.5, 12, 25, 40]), min_size=3, max_size=3))
    return case, rulebook, start, start + dt.timedelta(days=7 * weeks - 1), bars


def with_bars(rulebook, bars):
    """The rulebook with other bars; None where no lead could reach them."""
    segments = rulebook.qualify.segments
    paths = [f"qualify.segments[{place}].threshold" for place in range(len(segments))] + ["qualify.threshold"]
    bars = [*bars[: len(segments)], bars[-1]]
    try:
        return rulebook.edited(dict(zip(paths, bars, strict=True))), np.array(bars, float)
    except ls.RulebookError:
        return None, None


def weekly(history, start, weeks):
    """Leads that qualified in each seven days, counted one by one."""
    new = history.frame[~history.frame["already"]]
    return np.bincount((new["day"] - pd.Timestamp(start)).dt.days // 7, minlength=weeks).tolist()


@SOME
@given(worlds())
def test_every_bar_equals_a_replay_of_it(world):
    case, rulebook, start, end, bars = world
    tables, first, last = tables_of(case, rulebook), day_number(start), day_number(end)
    climbs = Climbs.of(Timeline(compiled(rulebook), tables, first - 1, last), tables, first, last)
    heights = Heights(tables, rulebook, (first, last), np.zeros(len(tables.ids), int), np.zeros(0, int))
    for tried in (bars, bars[::-1]):
        changed, given_bars = with_bars(rulebook, tried)
        if changed is None:
            continue
        history = ls.replay(tables, changed, start=start, end=end)
        came = climbs.at(np.round(given_bars * 1000).astype(int))
        assert tables.ids.array.take(came.lead).to_pylist() == history.frame.index.tolist()
        assert came.already.tolist() == history.frame["already"].tolist()
        assert climbs.day[came.row].tolist() == (history.frame["day"].to_numpy("datetime64[D]").astype(int).tolist())
        evidence = Evidence.of(tables, HandOvers.none(len(tables.ids)), heights)
        board = board_of(heights, heights, evidence, np.union1d(given_bars, [5, 20]))
        assert board.weekly(board.place(given_bars)).tolist() == weekly(history, start, (last - first + 1) // 7)


CHANGING = ls.Rulebook.from_yaml(
    """
leadscore: 1
name: changing
fit: [{name: Size, column: size, from: {0: 0, 10: 10, 20: 20, 30: 30, 40: 40}}]
qualify: {threshold: 20, segments: [{name: Partner, when: {kind: partner}, threshold: 10}]}
"""
)


@pytest.mark.parametrize("rows", [
    # (day of May, size, kind): high in one group, later lower in the other; there and back; on the first two days.
    [(1, 30, "direct"), (9, 10, "partner")],
    [(1, 0, "direct"), (5, 10, "partner"), (12, 20, "direct"), (19, 30, "partner")],
    [(1, 20, "partner"), (4, 20, "direct")],
    [(1, 20, "direct"), (3, 20, "partner"), (4, 30, "direct")],
    [(1, 30, "partner"), (20, 10, "direct"), (21, 20, "direct")],
])  # fmt: skip
def test_a_lead_that_changes_its_group_counts_once_at_every_pair_of_bars(rows):
    days = [pd.Timestamp(2026, 5, day) for day, *_ in rows]
    kinds = {"size": [size for _, size, _ in rows], "kind": [kind for *_, kind in rows]}
    leads = pd.DataFrame({"lead_id": "a", "created_at": pd.Timestamp(2026, 4, 1), "valid_from": days, **kinds})
    tables = ls.load_tables(leads, rulebook=CHANGING)
    start, end = dt.date(2026, 5, 4), dt.date(2026, 5, 24)
    heights = Heights(tables, CHANGING, (day_number(start), day_number(end)), np.zeros(1, int), np.zeros(0, int))
    board = board_of(heights, heights, Evidence.of(tables, HandOvers.none(1), heights), np.arange(0.0, 41, 5))
    for partner in (5, 10, 20, 25, 40):
        for direct in (5, 10, 20, 25, 30, 40):
            changed, bars = with_bars(CHANGING, [partner, direct])
            history = ls.replay(tables, changed, start=start, end=end)
            assert board.weekly(board.place(bars)).tolist() == weekly(history, start, 3), (partner, direct)


@SOME
@given(worlds())
def test_bars_in_force_are_offered_and_rise(world):
    case, rulebook, start, end, _ = world
    tables = tables_of(case, rulebook)
    period = day_number(start), day_number(end)
    heights = Heights(tables, rulebook, period, np.zeros(len(tables.ids), int), np.zeros(0, int))
    bars = offered(heights, most=5)
    assert set((heights.now / 1000).tolist()) <= set(bars.tolist())
    assert (np.diff(bars) > 0).all()
    assert 2 <= len(bars) <= 130


def test_the_mean_of_weeks_by_hand():
    value, low, high = mean(np.array([10, 14, 12]), 4.302653)
    assert (value, round(low, 3), round(high, 3)) == (12, 7.032, 16.968)
    # Alike by chance: Poisson's interval of 30 leads, 20.2 to 42.8 (Ulm 1990), is wider than Student's, which is none.
    _, low, high = mean(np.array([10, 10, 10]), 4.302653)
    assert (round(3 * low, 1), round(3 * high, 1)) == (20.2, 42.8)
    assert mean(np.array([0, 0]), 12.7)[:2] == (0, 0)


# ---- the module in the browser ----------------------------------------------------------------------------------

ANSWERS = """
import * as bench from {module};
import {{ createInterface }} from "node:readline";
createInterface({{ input: process.stdin }}).on("line", (text) => {{
  const asked = JSON.parse(text);
  const {{ weekly: _, now, ...found }} = bench.look(asked);
  const all = asked.board.groups.map(() => asked.board.bars.length + 1);
  console.log(JSON.stringify({{
    weekly: bench.weekly(asked.board, asked.bars), perWeek: found.perWeek, share: found.share, reach: found.reach,
    held: bench.share(asked.board, asked.bars, all, true), backlog: found.backlog ?? 0, sentence: bench.sentence(asked),
  }}));
}});
"""


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    """Asks the module a question as plain data."""
    if shutil.which("node") is None:
        pytest.skip("needs Node.js 18 or newer")
    folder = tmp_path_factory.mktemp("node")
    (folder / "workbench.mjs").write_text(page.asset("workbench.js"), encoding="utf-8")
    (folder / "answers.mjs").write_text(ANSWERS.format(module='"./workbench.mjs"'), encoding="utf-8")
    process = subprocess.Popen(
        ["node", str(folder / "answers.mjs")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )

    def ask(question):
        process.stdin.write(json.dumps(question) + "\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())

    yield ask
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


@cache
def funnel(name):
    """Boards of a made-up funnel: with two segments, with a thin history, with leads that change their segment."""
    made = ls.datasets.make_funnel(4000, random_state=3)
    leads, events = made.leads, made.events
    if name == "changing":
        later = leads.sample(900, random_state=1)
        later = later.assign(valid_from=later["created_at"] + pd.Timedelta("20D"), job_title="Sales Coordinator")
        leads = pd.concat([leads.assign(valid_from=pd.NaT), later], ignore_index=True)
        leads["valid_from"] = pd.to_datetime(leads["valid_from"], utc=True)
    tables = ls.load_tables(leads, events, made.outcomes, rulebook=made.rulebook)
    last = day_number(dt.date(2026, 3, 29 if name != "thin" else 15))
    period = (last - 90, last) if name != "thin" else (last - 20, last)
    hand_overs = HandOvers.of(tables, "opportunity", within_days=45, until=last, held_back_weeks=4)
    if name == "no outcomes":
        hand_overs = HandOvers.none(len(tables.ids))
    base = Heights(tables, made.rulebook, period, hand_overs.worked.came, hand_overs.handed)
    evidence = Evidence.of(tables, hand_overs, base)
    other = made.rulebook.edited({"behaviour.Pricing page.points": 15, "qualify.minimum_fit": 20})
    moved = Heights(tables, other, period, hand_overs.worked.came, hand_overs.handed)
    bars = offered(base, most=3000)
    return base, board_of(base, base, evidence, bars), board_of(moved, base, evidence, bars)


@st.composite
def tries(draw):
    name = draw(st.sampled_from(["steady", "changing", "thin", "no outcomes"]))
    base, board, other = funnel(name)
    now = board.place(base.now / 1000)
    places = st.integers(0, len(board.bars) - 1)
    bars = np.array([draw(st.one_of(st.just(int(place)), places)) for place in now])
    paired = draw(st.sampled_from([None, None, None, Paired(2.5, 30), Paired(-1.0, 0), Paired(math.nan, 1)]))
    return Tried(
        base=board,
        board=board if paired is None else other,
        now=now,
        bars=bars,
        words="" if paired is None and (bars == now).all() else "points 1 → 2",
        stage="" if name == "no outcomes" else "opportunity",
        capacity=draw(st.sampled_from([None, 10, 45, 45.5, 300])),
        paired=paired,
    )


def asked(tried):
    """A try as the browser has it."""
    paired = None if tried.paired is None else [None if math.isnan(one) else one for one in tried.paired]
    boards = {"base": tried.base.to_dict(), "board": tried.board.to_dict()}
    places = {"now": tried.now.tolist(), "bars": tried.bars.tolist()}
    return {
        **boards,
        **places,
        "words": tried.words,
        "stage": tried.stage,
        "capacity": tried.capacity,
        "paired": paired,
    }


def nearly(found, expected):
    """Equal but for the last digits; JSON has null for what is no number."""
    if isinstance(expected, float) and math.isnan(expected):
        return found is None
    return found == pytest.approx(expected, rel=1e-6, abs=1e-6)


@given(tries())
def test_the_browser_says_what_python_says(node, tried):
    found = node(asked(tried))
    assert found["sentence"] == tried.sentence()
    assert found["weekly"] == tried.weekly.tolist()
    assert found["backlog"] == (max(0, tried.backlog) if tried.words else 0)
    for name, figures in (("perWeek", tried.per_week), ("reach", tried.reach_per_week)):
        assert all(map(nearly, found[name], figures))
    held = tried.board.share(tried.bars, tried.board.nowhere(), held=True)
    for name, share in (("share", tried.share), ("held", held)):
        for figure, value in zip(("value", "low", "high", "n", "reached", "unknown", "error"), share, strict=True):
            assert nearly(found[name][figure], float(value)), (name, figure)


def test_the_module_is_one_file_that_asks_for_nothing():
    text = Path(page.__file__).with_name("workbench.js").read_text(encoding="utf-8")
    text = text.replace("http://www.w3.org/2000/svg", "")
    assert "import " not in text
    assert not any(word in text for word in ("fetch(", "XMLHttpRequest", "http://", "https://", "innerHTML", "eval("))
