"""`leadscore drift`: what it prints and keeps, its exit codes, and what it refuses without touching what is kept."""

import datetime as dt
import json
import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import leadscore as ls
from leadscore.cli import app
from tests.support.drift_world import CHANGED, SPAN, made_with, read, watched

LAST = ("--as-of", SPAN["end"])
BEGIN = ("--by", "source", "--reference-weeks", 26, "--start", SPAN["start"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made, folder = made_with("activity x1.50"), tmp_path_factory.mktemp("drift")
    made.rulebook.write(folder / "rulebook.yaml")
    made.leads.to_parquet(folder / "leads.parquet", index=False)
    made.events.to_parquet(folder / "events.parquet", index=False)
    return folder


def run(folder, *arguments, book="rulebook.yaml", leads="leads.parquet"):
    files = ("--leads", folder / leads, "--events", folder / "events.parquet")
    given = [str(argument) for argument in ("drift", folder / book, *files, *arguments)]
    return CliRunner().invoke(app, given, catch_exceptions=False)


@pytest.fixture(scope="module")
def kept(folder):
    """The state of an alarm, and what was printed."""
    state = folder / "kept.json"
    result = run(folder, *LAST, *BEGIN, "--state", state)
    return state.read_bytes(), result


@pytest.fixture
def state(kept, tmp_path):
    path = tmp_path / "drift.json"
    path.write_bytes(kept[0])
    return path


# --------------------------------------------------------------------------------------------------- night after night


def test_an_alarm_exits_4_and_says_what_to_decide(kept):
    result = kept[1]
    assert result.exit_code == 4
    assert result.stdout.startswith("Alarm on 2026-03-23: behaviour outweighs fit since the week of")
    for part in ("as fixed", "as new_normal", "edit the rule", "behaviour at given fit  ", "MQLs went from "):
        assert part in result.stdout


def test_run_again_it_says_and_keeps_the_same(folder, kept, state):
    before = state.stat()
    # Until the next week is over.
    for day in ("2026-03-29", "2026-04-04"):
        again = run(folder, "--as-of", day, "--state", state)
        assert (again.exit_code, again.stdout) == (4, kept[1].stdout)
    assert state.read_bytes() == kept[0]
    assert state.stat().st_mtime_ns == before.st_mtime_ns
    assert {path.name for path in state.parent.iterdir()} == {state.name, f".{state.name}.lock"}


def test_night_after_night_is_all_at_once(folder, kept, tmp_path):
    state, seen = tmp_path / "drift.json", []
    for number, day in enumerate(("2025-06-03", "2025-11-30", "2026-03-29")):
        result = run(folder, "--as-of", day, "--state", state, *(BEGIN if number == 0 else ()), "--format", "json")
        seen.append((result.exit_code, json.loads(result.stdout)["state"]))
    assert state.read_bytes() == kept[0]
    # Learning, and stable, are no alarm; the change comes in December.
    assert seen == [(0, "learning"), (0, "stable"), (4, "alarm")]


@pytest.mark.slow
def test_without_a_state_all_weeks_are_counted_from_the_first_lead_on(folder):
    result = run(folder, *LAST, "--by", "source", "--reference-weeks", 26, "--format", "json")
    data = json.loads(result.stdout)
    assert result.exit_code == 4
    created = pd.read_parquet(folder / "leads.parquet")["created_at"].min().date() + dt.timedelta(14)
    first = dt.date.fromisoformat(data["weeks"][0]["week"][:10])
    assert created <= first < created + dt.timedelta(7)
    assert sorted(path.suffix for path in folder.iterdir() if "kept.json" not in path.name) == [
        ".parquet",
        ".parquet",
        ".yaml",
    ]


@pytest.mark.slow
def test_a_stable_funnel_exits_0(tmp_path):
    """The failure twin."""
    made = made_with("stable")
    made.rulebook.write(tmp_path / "rulebook.yaml")
    made.leads.to_parquet(tmp_path / "leads.parquet", index=False)
    made.events.to_parquet(tmp_path / "events.parquet", index=False)
    result = run(tmp_path, *LAST, *BEGIN)
    assert result.exit_code == 0
    assert result.stdout.startswith("Stable on 2026-03-23")
    assert "Nothing to decide" in result.stdout


def test_json_holds_the_figures_with_their_intervals(folder, state):
    data = json.loads(run(folder, *LAST, "--state", state, "--format", "json").stdout)
    assert data["state"] == "alarm"
    assert data["evidence"] > data["bound"]
    assert data["since_low"] <= data["since"] <= data["since_high"]
    assert {"before", "since", "change", "low", "high", "n"} <= set(data["figures"][0])
    assert len(data["weeks"]) == 59
    parts = {row["part"]: row for row in data["decomposition"]["mqls"]}
    assert parts["behaviour"]["low"] > 0
    assert {row["part"] for row in data["stability"]["frame"]} == {"score", "rule", "attribute"}
    assert data["causes"]["diagnoses"][0]["headline"]
    assert sum(row["share"] for row in data["causes"]["rules"]) == pytest.approx(1)
    assert {"share", "low", "high", "n", "named"} <= set(data["causes"]["segments"][0])
    assert data["edit"] is None
    assert "as fixed" in " ".join(data["what_to_do"])
    assert any("not seen" in note for note in data["notes"])


@pytest.mark.slow
def test_markdown_is_that_of_the_report(folder, state):
    result = run(folder, *LAST, "--state", state, "--format", "markdown")
    monitor = ls.BalanceMonitor.from_json(state.read_text(encoding="utf-8"))
    tables = ls.load_tables(
        str(folder / "leads.parquet"),
        str(folder / "events.parquet"),
        rulebook=ls.Rulebook.read(folder / "rulebook.yaml"),
        columns=["source"],
    )
    report = ls.drift_report(monitor, tables).to_markdown()
    assert result.stdout.startswith(f"{report}\n## Findings\n")
    assert result.exit_code == 4


# ------------------------------------------------------------------------------------------------------------ decisions


@pytest.mark.parametrize(("decision", "named"), [("fixed", "stable"), ("new_normal", "still learning")])
def test_an_alarm_is_acknowledged(folder, state, decision, named):
    result = run(folder, *LAST, "--state", state, "--acknowledge", decision)
    assert result.exit_code == 0
    assert result.stdout.lower().startswith(named)
    again = run(folder, *LAST, "--state", state)
    assert (again.exit_code, again.stdout) == (0, result.stdout)
    kept = state.read_bytes()
    twice = run(folder, *LAST, "--state", state, "--acknowledge", decision)
    assert twice.exit_code == 1
    assert "nothing to acknowledge" in twice.stderr
    assert state.read_bytes() == kept


def test_a_decision_needs_a_place_to_be_kept(folder):
    result = run(folder, *LAST, "--acknowledge", "fixed")
    assert result.exit_code == 2
    assert "needs --state" in result.stderr
    assert run(folder, *LAST, "--acknowledge", "later").exit_code == 2


# --------------------------------------------------------------------------------------------------- an edited rulebook


@pytest.fixture
def edited(folder):
    text = (folder / "rulebook.yaml").read_text(encoding="utf-8")
    new = text.replace("points: 2,", "points: 4,").replace('version: "1"', 'version: "2"')
    (folder / "edited.yaml").write_text(new, encoding="utf-8")
    yield "edited.yaml"
    (folder / "edited.yaml").unlink()


@pytest.mark.slow
def test_an_edited_rulebook_scores_all_weeks_anew_and_says_so(folder, state, edited):
    result = run(folder, *LAST, "--state", state, "--format", "json", book=edited)
    data = json.loads(result.stdout)
    edit = {row["figure"]: row for row in data["edit"]}
    assert edit["behaviour"]["change"] > 0
    assert edit["leads"]["change"] == edit["fit"]["change"] == 0
    # As if they had been scored by it from the first week on.
    made = made_with("activity x1.50")
    fresh = watched(replace(made, rulebook=ls.Rulebook.read(folder / edited)), read(made))
    assert json.loads(state.read_text(encoding="utf-8"))["weeks"] == json.loads(fresh.to_json())["weeks"]
    page = run(folder, *LAST, "--state", state, "--format", "markdown", book=edited).stdout
    assert "## What the edit of the rulebook did by itself" in page


def test_an_edit_needs_the_leads_of_all_weeks(folder, kept, state, edited):
    leads = pd.read_parquet(folder / "leads.parquet")
    recent = leads[leads["created_at"] > pd.Timestamp(CHANGED, tz="UTC")]
    recent.to_parquet(folder / "recent.parquet", index=False)
    events = pd.read_parquet(folder / "events.parquet")
    try:
        events[events["lead_id"].isin(recent["lead_id"])].to_parquet(folder / "some.parquet", index=False)
        arguments = (*LAST, "--state", state, "--events", folder / "some.parquet")
        result = run(folder, *arguments, book=edited, leads="recent.parquet")
    finally:
        (folder / "recent.parquet").unlink()
        (folder / "some.parquet").unlink()
    assert result.exit_code == 1
    assert re.search(r"holds \d,\d+ of the 8,\d+ leads of past weeks, and the rulebook was edited", result.stderr)
    assert state.read_bytes() == kept[0]


# ------------------------------------------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b'{"leadscore_balance": 99}', b"\xff\xfe\x00", "cut", "changed"],
    ids=["empty", "no state", "a later format", "no text", "cut off", "a week without sums"],
)
def test_a_state_that_is_none_is_named_and_left_as_it_is(folder, kept, state, content):
    if content == "cut":
        content = kept[0][: len(kept[0]) // 2]
    if content == "changed":
        held = json.loads(kept[0])
        held["weeks"][3].pop("pool")
        content = json.dumps(held).encode()
    state.write_bytes(content)
    result = run(folder, *LAST, "--state", state)
    assert result.exit_code == 1
    assert str(state) in result.stderr
    assert "nothing was written" in result.stderr
    assert "Traceback" not in result.stderr
    assert state.read_bytes() == content


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--as-of", "2026-03-22"), r"2026-03-22 comes before 2026-03-29, the end of the last week that was counted"),
        ((*LAST, "--by", "country"), r"was begun with \('source',\), not \('country',\)"),
        ((*LAST, "--reference-weeks", 52), r"was begun with 26, not 52"),
        ((*LAST, "--start", "2025-03-03"), r"continues from where it ended: leave this out"),
    ],
    ids=["an earlier day", "other columns", "another reference", "another start"],
)
def test_what_does_not_go_with_the_state_is_refused(folder, kept, state, arguments, message):
    result = run(folder, "--state", state, *arguments)
    assert result.exit_code == 1
    assert re.search(message, result.stderr)
    assert state.read_bytes() == kept[0]
    # And what does is not.
    same = run(folder, "--state", state, *LAST, "--by", "source", "--reference-weeks", 26)
    assert same.exit_code == 4


def test_weeks_from_other_days_on_are_not_gone_on_with(folder, kept, state):
    """Else a week would overlap with the last one, or days between would be in none."""
    held = json.loads(kept[0])
    del held["checksum"]
    for week in held["weeks"]:
        week["week"] = (dt.date.fromisoformat(week["week"]) - dt.timedelta(4)).isoformat()
    state.write_text(json.dumps(held), encoding="utf-8")
    before = state.read_bytes()
    result = run(folder, "--as-of", "2026-04-12", "--state", state)
    assert result.exit_code == 1
    assert "its weeks start on a Thursday" in result.stderr
    assert state.read_bytes() == before


def test_a_period_without_a_whole_week_is_refused_and_begins_nothing(folder, tmp_path):
    state = tmp_path / "drift.json"
    result = run(folder, "--as-of", "2025-02-14", "--start", "2025-02-10", "--state", state)
    assert result.exit_code == 1
    assert "no whole week" in result.stderr
    assert not state.exists()


@pytest.mark.parametrize("name", ["drift.yaml", "nowhere/drift.json", ""])
def test_a_state_that_cannot_be_written_is_refused_at_once(folder, tmp_path, name):
    assert run(folder, *LAST, "--state", tmp_path / name).exit_code == 2


def test_an_unknown_column_is_named(folder):
    result = run(folder, *LAST, "--by", "sorce")
    assert result.exit_code == 1
    assert "sorce" in result.stderr


@pytest.mark.slow
def test_the_library_counts_the_same(folder, kept):
    made = made_with("activity x1.50")
    monitor = watched(made, read(made))
    assert kept[0].decode() == f"{monitor.to_json()}\n"
    assert Path(folder / "kept.json").exists()
