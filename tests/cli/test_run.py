"""`leadscore run`: nights in a row are one whole run, done once, and whole again after whatever happened to them."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

import leadscore as ls
from leadscore.cli.night import Night
from leadscore.cli.night_folder import NightFolder
from leadscore.scoring.changed_rows import WATCHED
from tests.cli.test_cli import in_process, run
from tests.support.nights import (
    BOOK,
    DATA,
    DAY,
    FIRST,
    LAST,
    LOOK_BACK,
    World,
    at_once,
    changed,
    days,
    files,
    night,
    scores,
    written,
)

ALL = {"days": None}
NEW = {"days": LOOK_BACK + 1}
STEPS = ["import", "activity", "score", "changes", "drift"]


@pytest.fixture
def folder(tmp_path):
    return written(tmp_path)


def told(result):
    return " ".join(f"{result.stdout} {result.stderr}".split())


def plain(row):
    return [None if pd.isna(value) else value for value in row]


def log(folder):
    return [json.loads(line) for line in (folder / "out" / "log.jsonl").read_text(encoding="utf-8").splitlines()]


def same_scores(folder, day, whole):
    frame = scores(folder, day).set_index("lead_id")[[*whole.frame.columns]]
    pd.testing.assert_frame_equal(
        frame.sort_index().astype(object),
        whole.frame.sort_index().astype(object),
        check_exact=True,
        check_index_type=False,
    )


def first_night(folder, world, day=FIRST):
    """All events once."""
    world.export(folder, day)
    assert night(folder, day).exit_code == 0


# --------------------------------------------------------------------------------------------- night after night


@pytest.mark.parametrize("export", [ALL, NEW], ids=["all events", "the last days"])
@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_nights_in_a_row_are_one_whole_run(folder, export, seed):
    world = World.made(seed)
    first_night(folder, world)
    for day in days(FIRST + DAY):
        world.export(folder, day, **export)
        result = night(folder, day)
        assert result.exit_code == 0, told(result)
        world.export(folder, day)
        same_scores(folder, day, at_once(folder, day))
    assert not any("came too late" in one or "again" in one for line in log(folder) for one in line["said"])
    # The same file, to the byte.
    alone = run("score", folder / "rulebook.yaml", "--as-of", LAST, "--out", folder / "scores.parquet")
    assert alone.exit_code == 0
    assert files(folder)["scores.parquet"] == files(folder)[f"out/scores/{LAST}.parquet"]
    assert [line["step"] for line in log(folder)] == STEPS * len(days())


def test_what_changed_night_after_night_makes_the_last_table(folder):
    """As in a CRM that is sent the changed rows and nothing else."""
    world, there = World.made(3), {}
    world.leads = [lead for lead in world.leads if lead[0] != "L7"] + [("L7", FIRST - DAY, "US")]
    for day in days():
        if day == LAST:
            world.leads.pop()
        world.export(folder, day)
        assert night(folder, day).exit_code == 0
        rows = changed(folder, day)
        assert rows.index.is_unique
        for lead, row in rows.iterrows():
            assert (row["change"] == "new") is (lead not in there)
            assert row["change"] == "new" or plain(row[f"was_{name}"] for name in WATCHED) == there[lead]
            there[lead] = plain(row[name] for name in WATCHED)
            if row["change"] == "gone":
                del there[lead]
        last = scores(folder, day).set_index("lead_id")[[*WATCHED]]
        assert there == dict(zip(last.index, map(plain, last.to_numpy(object)), strict=True))
    assert "gone" in {*rows["change"]}
    assert len(rows) < len(last) / 2


def test_totals_are_watched_on_request(folder):
    world = World.made()
    first_night(folder, world)
    world.export(folder, LAST)
    assert night(folder, LAST, "--watch", "total").exit_code == 0
    many = changed(folder, LAST)
    assert {"total", "was_total"} <= {*many.columns}
    # The same day and other columns: it is done again.
    assert night(folder, LAST).exit_code == 0
    few = changed(folder, LAST)
    assert len(few) < len(many)
    result = night(folder, LAST, "--watch", "points")
    assert result.exit_code == 2
    assert "must be one of total, fit" in told(result)


def kept_since(out):
    """When each file was written; a lock is none."""
    return {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.suffix != ".lock"}


def test_done_twice_it_does_nothing_twice(folder):
    world = World.made()
    first_night(folder, world)
    world.export(folder, LAST)
    assert night(folder, LAST).exit_code == 0
    before = kept_since(folder / "out")
    result = night(folder, LAST)
    assert result.exit_code == 0
    assert "done already, from the same files: nothing was written" in told(result)
    assert kept_since(folder / "out") == before


def test_a_day_whose_files_changed_is_done_again_from_the_night_before(folder):
    world = World.made()
    first_night(folder, world)
    world.export(folder, LAST)
    assert night(folder, LAST).exit_code == 0
    shutil.copytree(folder / "out", folder / "once")
    (folder / "rulebook.yaml").write_text(BOOK.replace("threshold: 20", "threshold: 12"), encoding="utf-8")
    assert "done already" not in told(night(folder, LAST))
    same_scores(folder, LAST, at_once(folder, LAST))
    # What was new since the night before still is; it is not compared with what the first run wrote.
    new = [set(changed(folder, LAST, out).query("change == 'new'").index) for out in ("out", "once")]
    assert new[0] == new[1] != set()
    (folder / "rulebook.yaml").write_text(BOOK, encoding="utf-8")
    assert night(folder, LAST).exit_code == 0
    assert files(folder / "out") == files(folder / "once")


@pytest.mark.parametrize("wrong", ["more", "less"])
def test_a_wrong_export_is_put_right_by_the_right_one(folder, wrong):
    """All days were counted from the wrong one, and none of it is left; nor is it two nights later."""
    world = World.made()
    first_night(folder, world)
    lead, right = min(world.leads, key=lambda row: row[1])[0], [*world.events]
    world.events = [event for event in right if wrong == "more" or event[2] > str(FIRST - 5 * DAY)]
    world.events += [(lead, "call", f"{FIRST - 4 * DAY}T10:00:00Z", "", LAST)] * 9
    world.export(folder, LAST)
    assert ("All days counted again" in told(night(folder, LAST))) is (wrong == "more")
    world.events = right
    for day in (LAST, LAST + DAY):
        world.export(folder, day)
        assert night(folder, day).exit_code == 0
        same_scores(folder, day, at_once(folder, day))
    # A night that was begun and not done is as if it had not been: the one before it can be done anew.
    (folder / "rulebook.yaml").write_text(BOOK.replace("points: 5", "points: 6"), encoding="utf-8")
    world.events = [*right, *[(lead, "call", f"{FIRST - 4 * DAY}T10:00:00Z", "", LAST)] * 9]
    world.export(folder, LAST + 2 * DAY)
    (folder / "out" / "scores" / f"{LAST + DAY}.parquet").rename(folder / "aside")
    assert night(folder, LAST + 2 * DAY).exit_code == 1
    world.events = right
    world.export(folder, LAST + DAY)
    assert night(folder, LAST + DAY).exit_code == 0
    same_scores(folder, LAST + DAY, at_once(folder, LAST + DAY))


def test_of_a_database_nobody_knows_whether_it_is_the_same(folder):
    text = DATA.replace("{file: people.csv,", "{connection: CRM_URL, table: people,")
    made = [
        Night(NightFolder(folder / "out"), ls.Rulebook.from_yaml(BOOK), data, LAST, WATCHED, strict=True)
        for data in (ls.imports.DataFile.from_yaml(text, source=str(folder / "data.yaml")),
                     ls.imports.DataFile.read(folder / "data.yaml"))
    ]  # fmt: skip
    World.made().export(folder, LAST)
    assert night(folder, LAST).exit_code == 0
    for one, known in zip(made, (False, True), strict=True):
        rests_on = one.rests_on()
        assert (rests_on["files"]["people"] is not None) is known
        (folder / "out" / "nights" / f"{LAST}.json").write_text(json.dumps(rests_on), encoding="utf-8")
        assert one.is_done(rests_on) is known


def test_an_earlier_day_is_refused(folder):
    world = World.made()
    first_night(folder, world, LAST)
    before = files(folder / "out")
    result = night(folder, FIRST)
    assert result.exit_code == 1
    assert f"{FIRST} comes before {LAST}, the last night done" in told(result)
    assert files(folder / "out") == before


# ------------------------------------------------------------------------------------------------- what comes late


@pytest.mark.parametrize("export", [ALL, NEW], ids=["all events", "the last days"])
def test_later_than_the_look_back_is_counted_from_a_whole_export_and_else_said(folder, export):
    world = World.made()
    first_night(folder, world)
    late, lead = FIRST - 10 * DAY, min(world.leads, key=lambda row: row[1])[0]
    world.events += [(lead, "call", f"{day}T10:00:00Z", "", LAST) for day in (late, LAST - DAY)]
    world.export(folder, LAST)
    if export["days"] is not None:
        # The last days, and what came late.
        visits = pd.read_csv(folder / "visits.csv")
        new = (visits["at"] >= str(FIRST - DAY)) | ((visits["at"].str[:10] == str(late)) & (visits["id"] == lead))
        visits[new].to_csv(folder / "visits.csv", index=False)
    result = night(folder, LAST)
    assert result.exit_code == 0, told(result)
    said, *_ = [line["said"] for line in log(folder) if line["step"] == "activity"][-1]
    assert said in told(result)
    if export["days"] is None:
        assert said.startswith("All days counted again")
        assert f"1 event of days up to {FIRST - LOOK_BACK * DAY} came late" in said
    else:
        assert f"1 event of days up to {FIRST - LOOK_BACK * DAY} came too late to count" in said
        world.events.pop(-2)
    world.export(folder, LAST)
    same_scores(folder, LAST, at_once(folder, LAST))


def test_days_that_are_to_be_counted_again_must_be_there(folder):
    world = World.made()
    first_night(folder, world)
    world.export(folder, FIRST + DAY, days=1)
    result = night(folder, FIRST + DAY)
    assert result.exit_code == 1
    assert "are to be counted again, and the export begins on" in told(result)
    world.export(folder, FIRST + DAY, days=LOOK_BACK + 1)
    assert night(folder, FIRST + DAY).exit_code == 0


def test_what_an_export_lost_of_the_last_days_is_told(folder):
    """A file of some days ago in place of today's: nobody can say that these events were deleted in earnest."""
    world = World.made()
    first_night(folder, world)
    world.export(folder, FIRST - 2 * DAY)
    old = (folder / "visits.csv").read_text(encoding="utf-8")
    world.export(folder, FIRST + DAY)
    (folder / "visits.csv").write_text(old, encoding="utf-8")
    result = night(folder, FIRST + DAY)
    assert result.exit_code == 0
    lost = sum(FIRST - DAY <= row[4] <= FIRST and row[2] > str(FIRST - DAY) for row in world.events)
    assert f"No longer in the export, and no longer counted: {lost} events of days from {FIRST - DAY} on" in told(
        result
    )


def test_days_that_no_night_counted_are_told(folder):
    world = World.made()
    world.events = [row for row in world.events if not str(FIRST - DAY) <= row[2] < str(FIRST + DAY)]
    first_night(folder, world)
    world.export(folder, LAST, days=LOOK_BACK + 1)
    result = night(folder, LAST)
    assert result.exit_code == 0, told(result)
    begins = min(row[2] for row in world.events if str(LAST - LOOK_BACK * DAY) <= row[2])[:10]
    until = pd.Timestamp(begins).date() - DAY
    said = f"The export holds no event from {FIRST + DAY} to {until}, where no night was done"
    assert said in told(result)
    # With all of them, the same night is right.
    world.export(folder, LAST)
    assert said not in told(night(folder, LAST))
    same_scores(folder, LAST, at_once(folder, LAST))


def test_another_time_zone_counts_all_days_anew(folder):
    """Events change their days, and the export holds them all."""
    world = World.made()
    first_night(folder, world)
    (folder / "rulebook.yaml").write_text(BOOK.replace("version:", "timezone: Pacific/Auckland\nversion:"), "utf-8")
    (folder / "data.yaml").write_text(DATA.replace("data: 1", "data: 1\ntimezone: Pacific/Auckland"), "utf-8")
    world.export(folder, FIRST + DAY, **NEW)
    assert "export all events once" in told(night(folder, FIRST + DAY))
    world.export(folder, FIRST + DAY)
    result = night(folder, FIRST + DAY)
    assert result.exit_code == 0, told(result)
    assert "the days are of Pacific/Auckland now, and were of UTC" in told(result)
    same_scores(folder, FIRST + DAY, at_once(folder, FIRST + DAY))


@pytest.mark.parametrize("export", [ALL, NEW], ids=["all events", "the last days"])
def test_a_rulebook_that_asks_more_of_events_needs_them_all(folder, export):
    world = World.made()
    first_night(folder, world)
    asks = BOOK.replace("event: call, points", "event: call, where: {page: /blog}, points")
    (folder / "rulebook.yaml").write_text(asks, encoding="utf-8")
    world.export(folder, FIRST + DAY, **export)
    result = night(folder, FIRST + DAY)
    if export["days"] is None:
        assert result.exit_code == 0
        assert "All days counted again" in told(result)
        same_scores(folder, FIRST + DAY, at_once(folder, FIRST + DAY))
    else:
        assert result.exit_code == 1
        assert "the rules ask other things of events than before" in told(result)
        assert "export all events once" in told(result)
        world.export(folder, FIRST + DAY)
        assert night(folder, FIRST + DAY).exit_code == 0


@pytest.mark.parametrize("export", [ALL, NEW], ids=["all events", "the last days"])
def test_events_of_leads_that_are_gone_do_not_count(folder, export):
    world = World.made()
    first_night(folder, world)
    gone = max({row[0] for row in world.events if row[2] < str(FIRST - 5 * DAY)})
    world.leads = [lead for lead in world.leads if lead[0] != gone]
    world.export(folder, FIRST + DAY, **export)
    result = night(folder, FIRST + DAY)
    assert result.exit_code == 0, told(result)
    held = ls.tables.DailyActivity.read(folder / "out" / "activity").table["lead_id"].to_pylist()
    if export["days"] is None:
        assert "leads were merged or deleted" in told(result)
        assert gone not in held
    else:
        assert "of leads that are there no more do not count" in told(result)
        # Were it there again, it would count again.
        assert gone in held
    world.export(folder, FIRST + DAY)
    same_scores(folder, FIRST + DAY, at_once(folder, FIRST + DAY))
    assert changed(folder, FIRST + DAY).loc[gone, "change"] == "gone"


def test_an_export_that_ends_before_the_day_is_said(folder):
    world = World.made()
    first_night(folder, world)
    world.events = [event for event in world.events if event[2] < str(LAST - DAY)]
    world.events.append(("L1", "call", f"{LAST - 2 * DAY}T10:00:00Z", "", FIRST))
    newest = LAST - 2 * DAY
    world.export(folder, newest)
    assert "The export has no event" not in told(night(folder, newest))
    for day, counted in ((LAST - DAY, f"2 days of activity counted, {newest - DAY} to {newest}."),
                         (LAST, f"1 day of activity counted, {newest}.")):  # fmt: skip
        stale = told(night(folder, day))
        assert counted in stale
        assert f"The export has no event of {day}; its last is of {newest}." in stale


@pytest.mark.parametrize("export", [ALL, NEW], ids=["all events", "the last days"])
def test_an_edited_data_file_is_said(folder, export):
    world = World.made()
    first_night(folder, world)
    (folder / "data.yaml").write_text(DATA + "# edited\n", encoding="utf-8")
    world.export(folder, FIRST + DAY, **export)
    result = night(folder, FIRST + DAY)
    assert result.exit_code == 0
    assert "data file was edited" in told(result)
    assert ("All days counted again" in told(result)) is (export["days"] is None)


# ---------------------------------------------------------------------------------------- errors, alarms, one at a time


def alarmed(folder, day):
    """A state of drift that is an alarm, of whole weeks up to a Sunday."""
    rng = np.random.default_rng(7)
    monitor = ls.BalanceMonitor(ls.Rulebook.read(folder / "rulebook.yaml"), reference_weeks=26)
    for number in range(40):
        frame = pd.DataFrame({"fit": 10.0 * rng.integers(0, 2, 60)})
        frame["behaviour"] = 5.0 * rng.poisson(1.5 if number < 30 else 4, 60)
        frame["qualified"] = frame["fit"] + frame["behaviour"] >= 20
        monitor.update(day - 6 * DAY - 7 * DAY * (39 - number), frame)
    assert monitor.verdict.state == "alarm"
    return monitor


SUNDAY = FIRST + 3 * DAY


def test_an_alarm_exits_4_each_time_until_it_is_acknowledged(folder):
    world = World.made()
    first_night(folder, world, SUNDAY)
    (folder / "out" / "drift" / f"{SUNDAY}.json").write_text(alarmed(folder, SUNDAY).to_json(), encoding="utf-8")
    world.export(folder, SUNDAY + DAY)
    result = night(folder, SUNDAY + DAY)
    assert result.exit_code == 4
    assert "Alarm on" in told(result)
    assert "is done" in told(result)
    result = night(folder, SUNDAY + DAY)
    assert (result.exit_code, "done already" in told(result)) == (4, True)
    state = folder / "out" / "drift" / f"{SUNDAY + DAY}.json"
    monitor = ls.BalanceMonitor.from_json(state.read_text(encoding="utf-8"))
    monitor.acknowledge("fixed")
    state.write_text(monitor.to_json(), encoding="utf-8")
    assert night(folder, SUNDAY + DAY).exit_code == 0
    # Done again, as the export changed, and the decision still holds; on the next night too.
    world.events.append(("L1", "call", f"{SUNDAY}T10:00:00Z", "", SUNDAY))
    world.export(folder, SUNDAY + DAY)
    result = night(folder, SUNDAY + DAY)
    assert (result.exit_code, "done already" in told(result)) == (0, False)
    world.export(folder, SUNDAY + 2 * DAY)
    assert night(folder, SUNDAY + 2 * DAY).exit_code == 0


def test_an_error_exits_1_before_4_and_the_night_is_not_done(folder):
    world = World.made()
    first_night(folder, world, SUNDAY)
    (folder / "out" / "drift" / f"{SUNDAY}.json").write_text(alarmed(folder, SUNDAY).to_json(), encoding="utf-8")
    world.export(folder, SUNDAY + DAY)
    good = (folder / "visits.csv").read_text(encoding="utf-8")
    (folder / "visits.csv").write_text(f"{good}L1,call,yesterday,\n", encoding="utf-8")
    result = night(folder, SUNDAY + DAY)
    assert result.exit_code == 1
    assert "yesterday" in told(result)
    last = log(folder)[-1]
    assert (last["step"], last["ok"], last["as_of"]) == ("import", False, str(SUNDAY + DAY))
    assert "yesterday" in last["error"]
    assert not (folder / "out" / "nights" / f"{SUNDAY + DAY}.json").exists()
    result = night(folder, SUNDAY + DAY, "--set-aside")
    assert result.exit_code == 4
    assert "Set aside for breaking the contract of the tables: 1 row" in told(result)
    (folder / "visits.csv").write_text(good, encoding="utf-8")
    assert night(folder, SUNDAY + DAY).exit_code == 4


def test_a_missing_export_is_named_with_its_line_and_undoes_no_night(folder):
    first_night(folder, World.made())
    before = files(folder / "out")
    (folder / "visits.csv").unlink()
    result = night(folder, FIRST)
    assert result.exit_code == 1
    assert "line 5, sources.visits: no file at 'visits.csv'" in told(result)
    assert files(folder / "out") == before
    (folder / "data.yaml").unlink()
    result = night(folder, FIRST)
    assert result.exit_code == 2
    assert "'leadscore init --from' makes one of your exports" in told(result)


def test_two_runs_at_once_do_the_night_once(folder):
    world = World.made()
    first_night(folder, world)
    world.export(folder, LAST)
    shutil.copytree(folder / "out", folder / "alone")
    assert night(folder, LAST, out="alone").exit_code == 0
    given = ["run", str(folder / "rulebook.yaml"), "--as-of", str(LAST), "--dir", str(folder / "out")]
    both = [in_process(*given) for _ in range(2)]
    said = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert sum("done already" in out for out, _ in said) == 1
    assert [line["step"] for line in log(folder)] == STEPS * 2
    assert files(folder / "out") == files(folder / "alone")


@pytest.mark.parametrize("text", ["", "[1]", "3"])
def test_what_a_night_did_not_write_of_itself(folder, text):
    first_night(folder, World.made())
    (folder / "out" / "nights" / f"{FIRST}.json").write_text(text, encoding="utf-8")
    result = night(folder, FIRST)
    assert result.exit_code == 1
    assert "is not what a night wrote; remove it" in told(result)


def test_nobody_knows_what_changed_without_the_scores_of_the_night_before(folder):
    world = World.made()
    first_night(folder, world)
    (folder / "out" / "scores" / f"{FIRST}.parquet").unlink()
    world.export(folder, LAST)
    # The night before was done, though its scores are gone.
    result = night(folder, LAST)
    assert result.exit_code == 1
    assert "is needed to tell what changed since" in told(result)


def test_activity_that_a_killed_run_had_put_aside_is_put_back(folder):
    world = World.made()
    first_night(folder, world)
    activity = folder / "out" / "activity"
    activity.rename(folder / "out" / ".activity.0123456789abcdef.old")
    (folder / "out" / ".activity.0123456789abcdef.part").mkdir()
    world.export(folder, FIRST + DAY, **NEW)
    assert night(folder, FIRST + DAY).exit_code == 0
    assert not [*(folder / "out").glob(".activity*")]
    world.export(folder, FIRST + DAY)
    same_scores(folder, FIRST + DAY, at_once(folder, FIRST + DAY))
    # Where it is not there at all, that is said; on a night that was begun already, too.
    world.export(folder, LAST, days=1)
    assert night(folder, LAST).exit_code == 1
    shutil.rmtree(activity)
    world.export(folder, LAST)
    assert "There is no activity at" in told(night(folder, LAST))
    same_scores(folder, LAST, at_once(folder, LAST))


def test_what_no_night_made_is_left_alone(folder):
    world = World.made()
    world.export(folder, FIRST)
    theirs = folder / "out" / "activity"
    theirs.mkdir(parents=True)
    (theirs / "2026-01-01.parquet").write_bytes(b"theirs")
    result = night(folder, FIRST)
    assert result.exit_code == 1
    assert "no night made it; name another folder" in told(result)
    assert (theirs / "2026-01-01.parquet").read_bytes() == b"theirs"


def test_an_event_that_reads_otherwise_today_is_counted_again_from_all_events(folder):
    world = World.made()
    first_night(folder, world)
    place, event = next(
        (n, row) for n, row in enumerate(world.events) if row[3] == "/blog" and row[2] < str(FIRST - 6 * DAY)
    )
    world.events[place] = (*event[:3], "/pricing", event[4])
    world.export(folder, FIRST + DAY)
    assert f"events of days up to {FIRST - LOOK_BACK * DAY} are not what they were" in told(night(folder, FIRST + DAY))
    same_scores(folder, FIRST + DAY, at_once(folder, FIRST + DAY))


def test_what_an_export_holds_of_later_days_is_left_to_their_nights(folder):
    world = World.made()
    world.export(folder, LAST)
    assert night(folder, FIRST).exit_code == 0
    same_scores(folder, FIRST, at_once(folder, FIRST))
    assert max(ls.tables.DailyActivity.read(folder / "out" / "activity").parts) == FIRST
    assert night(folder, LAST).exit_code == 0
    same_scores(folder, LAST, at_once(folder, LAST))


def test_exports_without_events(folder):
    """Fit alone; and a night on which nothing happened."""
    quiet = World(World.made().leads)
    for day in (FIRST, FIRST + DAY):
        quiet.export(folder, day)
        assert night(folder, day).exit_code == 0
        same_scores(folder, day, at_once(folder, day))
    text, _, _ = DATA.partition("events:")
    (folder / "data.yaml").write_text(text.replace("  visits:", "  # visits:"), encoding="utf-8")
    assert night(folder, LAST).exit_code == 0
    same_scores(folder, LAST, at_once(folder, LAST))


def test_a_night_before_the_first_event_and_the_first_lead(folder):
    world = World.made()
    early = FIRST - 60 * DAY
    world.export(folder, early)
    result = night(folder, early)
    assert result.exit_code == 0, told(result)
    assert "Drift is not watched: no lead has a created_at" in told(result)
    world.export(folder, LAST)
    result = night(folder, LAST)
    assert result.exit_code == 0
    same_scores(folder, LAST, at_once(folder, LAST))
    assert {*changed(folder, LAST)["change"]} == {"new"}
