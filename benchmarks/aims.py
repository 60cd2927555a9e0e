"""The jobs that leadscore is made for, what they may cost, and whether they do: `run.py --aims`.

A job is some processes, measured in turn, and aims: figures of one turn, each with its bound. The median of the turns
counts, so that a figure beside a peer's or the floor's compares processes of the same minutes. Where a job has a peer
or a longer way to the same answer, that every lead has the same answer is an aim too.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from harness import (
    FLOOR,
    GIBIBYTE,
    HERE,
    OURS,
    PACKAGES,
    SIZES,
    Bench,
    Run,
    answer,
    command,
    commit,
    data,
    machine,
    measured,
    track_differences,
    versions,
)

AS_OF, FIRST_DAY = "2026-06-30", "2026-01-02"
RULEBOOK = str(HERE / "rulebook.yaml")
LOOK_BACK = "7"  # days, as in night.py
TOLERATED = 1.2  # times a bound: noise of a shared machine, and no reason to stop
MET, MISSED = "yes", "**no**"
ONLY_OURS = {"qualified_at"}  # a column that no peer has
# The sizes to measure, each with those for fewer and for more leads; the aims are said of the last.
PLACES = {"tiny": ("hundred", "small"), "small": ("tiny", "full"), "full": ("small", "triple")}

Turn = dict[str, Run]
Figure = Callable[[Turn], float]


class Step(NamedTuple):
    """A process that is measured."""

    command: list[str]
    once: bool = False  # in the first turn alone: for its answer
    prepare: Callable[[], None] | None = None  # before each turn, not measured


class Aim(NamedTuple):
    """A figure and how much it may be; or, with `least`, has to be."""

    name: str
    figure: Figure
    bound: float
    least: bool = False


class Job(NamedTuple):
    """What is run, what it may cost, and which answers must be equal: by the reference's name, reference and answer."""

    steps: dict[str, Step]
    aims: list[Aim]
    equal: dict[str, tuple[Path, Path]] = {}  # noqa: RUF012 - never changed


class Place(NamedTuple):
    """Where a job finds its data: the size, the ones for fewer and for more leads, the bank's contacts."""

    bench: Bench
    size: str
    fewer: str
    more: str
    bank: Path

    def peer(self, name: str, size: str | None = None, *, once: bool = False) -> Step:
        """A peer's script; see peers/."""
        return Step(command(self.bench, size or self.size, name), once)

    def ours(self, *words: str | Path, once: bool = False, prepare: Callable[[], None] | None = None) -> Step:
        """A command of ours, as it is typed."""
        return Step([self.bench.python, "-m", "leadscore", *map(str, words)], once, prepare)

    def script(self, name: str, *words: str | Path) -> Step:
        """One of the files here."""
        return Step([self.bench.python, str(HERE / name), *map(str, words)])

    def score(
        self, size: str | None = None, *, events: Path | None = None, out: str = OURS, once: bool = False
    ) -> Step:
        """Every lead scored, from the events as they are or from daily activity."""
        size = size or self.size
        folder = data(self.bench, size)
        files = ["--leads", folder / "leads.parquet", "--events", events or folder / "events.parquet"]
        return self.ours("score", RULEBOOK, *files, "--as-of", AS_OF, "--out", answer(self.bench, size, out), once=once)

    def count(self, events: Path, made: Path, *more: str, extends: Path | None = None, once: bool = False) -> Step:
        """Daily activity of the events; or, where a copy of another is to be extended, with them."""
        more = ("--extend", str(made), *more) if extends else more
        prepare = partial(copied, extends, made) if extends else partial(removed, made)
        words = ["--rulebook", RULEBOOK, "--events", events, *more, "--out", made]
        return self.ours("activity", *words, once=once, prepare=prepare)

    def answers(self, reference: str, name: str = OURS, size: str | None = None) -> tuple[Path, Path]:
        """Where two answers about the same leads are."""
        size = size or self.size
        return answer(self.bench, size, reference), answer(self.bench, size, name)


def cpu(*steps: str) -> Figure:
    """CPU seconds of whole processes, one after the other."""
    return lambda turn: sum(turn[step].cpu for step in steps)


def wall(step: str) -> Figure:
    """Seconds."""
    return lambda turn: turn[step].wall


def peak(*steps: str) -> Figure:
    """The most memory that one of the processes held, in GiB."""
    return lambda turn: max(turn[step].peak for step in steps) / GIBIBYTE


def said(step: str, name: str) -> Figure:
    """A figure that the process itself has measured."""
    return lambda turn: turn[step].said[name]


def ratio(above: Figure, below: Figure, times: float = 1.0) -> Figure:
    """One figure beside so many times another."""
    return lambda turn: above(turn) / (below(turn) * times)


def parquet(place: Place) -> Job:
    """Every lead scored once, file to file, beside the floor and two peers."""
    return Job(
        {OURS: place.score(), **{name: place.peer(name) for name in (FLOOR, "polars", "duckdb")}},
        [
            Aim("CPU / floor", ratio(cpu(OURS), cpu(FLOOR)), 2.7),
            Aim("polars' CPU / ours", ratio(cpu("polars"), cpu(OURS)), 1.4, least=True),
            Aim("DuckDB's CPU / ours", ratio(cpu("duckdb"), cpu(OURS)), 1.6, least=True),
            Aim("peak GiB", peak(OURS), 0.85),
            Aim("wall / polars", ratio(wall(OURS), wall("polars")), 1.1),
        ],
        {name: place.answers(name) for name in ("polars", "duckdb")},
    )


def ids(place: Place) -> Job:
    """The same leads with ids as Salesforce has them."""
    steps, aims, equal = {OURS: place.score()}, [], {}
    for characters in (15, 18):
        size, ours, polars = f"{place.size} text{characters}", f"{characters} characters", f"polars, {characters}"
        steps |= {ours: place.score(size), polars: place.peer("polars", size, once=True)}
        aims += [Aim(f"{ours}: CPU / whole numbers", ratio(cpu(ours), cpu(OURS)), 1.3)]
        equal[f"polars, {ours}"] = place.answers("polars", size=size)
    return Job(steps, aims, equal)


def tenth(place: Place) -> Job:
    """A tenth of the leads, where imports weigh most."""
    return Job(
        {OURS: place.score(place.fewer), "polars": place.peer("polars", place.fewer)},
        [Aim("CPU / polars, imports included", ratio(cpu(OURS), cpu("polars")), 1.1)],
        {"polars": place.answers("polars", size=place.fewer)},
    )


def triple(place: Place) -> Job:
    """Three times the leads and events cost three times as much."""
    more, times = f"{OURS}, more", SIZES[place.more][0] / SIZES[place.size][0]
    return Job(
        {
            OURS: place.score(),
            more: place.score(place.more),
            "polars, more": place.peer("polars", place.more, once=True),
        },
        [
            Aim(f"CPU / {times:g} x that of {place.size}", ratio(cpu(more), cpu(OURS), times), 1.1),
            Aim(f"peak / {times:g} x that of {place.size}", ratio(peak(more), peak(OURS), times), 1.1),
            Aim("peak GiB", peak(more), 1.7),
        ],
        {"polars": place.answers("polars", size=place.more)},
    )


def activity(place: Place) -> Job:
    """All events counted by lead, day and what the rules ask."""
    folder = data(place.bench, place.size)
    events, made = folder / "events.parquet", folder / "activity"
    rescoring = place.score(events=made, out="activity", once=True)
    return Job(
        {"counting": place.count(events, made), "rescoring": rescoring, OURS: place.score(once=True)},
        [
            Aim("CPU s", cpu("counting"), 20),
            Aim("peak GiB", peak("counting"), 1.5),
            Aim("size / raw events", lambda _: held(made) / held(events), 1 / 3),
        ],
        {"raw events": place.answers(OURS, "activity")},
    )


def night(place: Place) -> Job:
    """A day added to the daily activity and every lead scored from it; and the same where events come late."""
    folder = data(place.bench, place.size)
    if not (folder / "night").exists():
        subprocess.run([place.bench.python, str(HERE / "night.py"), str(folder)], check=True)
    folder /= "night"
    steps, aims, equal = {OURS: place.score()}, [], {}
    for name, before, new, late in (
        ("one day", "before", "day", []),
        (f"late events of {LOOK_BACK} days", "punctual", "week", ["--look-back", LOOK_BACK]),
    ):
        evening, morning = (folder / f"{part} {before}" for part in ("evening", "morning"))
        extending, rescoring = f"{name}, extending", f"{name}, rescoring"
        steps |= {
            f"{name}, evening": place.count(folder / f"{before}.parquet", evening, once=True),
            extending: place.count(folder / f"{new}.parquet", morning, *late, extends=evening),
            rescoring: place.score(events=morning, out=name),
        }
        aims += [
            Aim(f"{name}: CPU / raw", ratio(cpu(extending, rescoring), cpu(OURS)), 1),
            Aim(f"{name}: peak / raw", ratio(peak(extending, rescoring), peak(OURS)), 1),
        ]
        equal[f"raw events, {name}"] = place.answers(OURS, name)
    return Job(steps, aims, equal)


def replay(place: Place) -> Job:
    """The day each lead first qualified in 180 days."""
    folder, ours, peer = data(place.bench, place.size), "replay leadscore", "replay duckdb"
    files = ["--leads", folder / "leads.parquet", "--events", folder / "events.parquet"]
    period = ["--start", FIRST_DAY, "--end", AS_OF, "--out", answer(place.bench, place.size, ours)]
    return Job(
        {ours: place.ours("replay", RULEBOOK, *files, *period), peer: place.peer(peer, once=True)},
        [Aim("CPU s", cpu(ours), 20), Aim("peak GiB", peak(ours), 1)],
        {"DuckDB": place.answers(peer, ours)},
    )


def compare(place: Place) -> Job:
    """Two rulebooks over 91 days: the call, with the table of leads that differ."""
    folder = data(place.bench, place.fewer)
    files = ["--leads", folder / "leads.parquet", "--events", folder / "events.parquet"]
    comparing = place.script("peers/leadscore_compare.py", *files, "--out", answer(place.bench, place.fewer, "compare"))
    return Job({"compare": comparing}, [Aim("CPU s of the call", said("compare", "cpu"), 2.5)])


def one(place: Place) -> Job:
    """A lead scored by itself, its title never seen before."""
    data(place.bench, place.fewer)
    step = place.script("one_lead.py", "--work", place.bench.work, "--size", place.fewer, "--json")
    return Job(
        {"one lead": step},
        [
            Aim("microseconds, median", said("one lead", "first median"), 50),
            Aim("microseconds, 99 %", said("one lead", "first 99 %"), 500),
            Aim("leads that differ from score()", said("one lead", "differ"), 0),
        ],
    )


def fit(place: Place) -> Job:
    """The classifier fitted on the bank's columns, a row for each lead of the size."""
    if not place.bank.exists():
        message = "the bank's contacts are not there; say with --data where, or in LEADSCORE_DATA"
        raise RuntimeError(message)
    rows, bank = str(SIZES[place.size][0]), str(place.bank)
    words = ["--model", "classifier", "--task", "million", "--rows", rows, "--bank", bank]
    return Job({"fit": place.script("learners/ours.py", *words)}, [Aim("CPU s of the fit", said("fit", "fit_cpu"), 20)])


def start(place: Place) -> Job:
    """What is hardly more than the start of Python and the imports."""
    return Job(
        {"score": place.score("hundred"), "check": place.ours("check", RULEBOOK)},
        [Aim("score 100 leads, CPU s", cpu("score"), 0.6), Aim("check, CPU s", cpu("check"), 0.3)],
    )


JOBS: dict[str, Callable[[Place], Job]] = {
    each.__name__: each for each in (parquet, ids, tenth, triple, activity, night, replay, compare, one, fit, start)
}


def removed(path: Path) -> None:
    """Take a file or folder away if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def copied(path: Path, to: Path) -> None:
    """Copy a file or folder over what is there."""
    removed(to)
    if path.is_dir():
        shutil.copytree(path, to)
    else:
        shutil.copy(path, to)


def held(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files)


def turns(bench: Bench, name: str, steps: dict[str, Step], times: int) -> Iterator[Turn]:
    """Measure each step, then each again; what runs once counts in every turn."""
    turn: Turn = {}
    for number in range(times):
        for title, step in steps.items():
            if number and step.once:
                continue
            if step.prepare:
                step.prepare()
            run = measured(step.command, bench.work / "log.txt", bench.memory_limit)
            turn = {**turn, title: run}
            used = f"cpu {run.cpu:.2f} wall {run.wall:.2f} peak {run.peak / GIBIBYTE:.2f} foreign {run.foreign:.1f}"
            print(f"{name} {number + 1}/{times} {title}: {used}", file=sys.stderr)
        yield turn


def judged(value: float, aim: Aim) -> str:
    """Whether a figure meets its aim, and by how much it misses it."""
    if not aim.bound:
        return MISSED if value else MET
    times = aim.bound / value if aim.least else value / aim.bound
    if times <= 1:
        return MET
    return f"{'no' if times <= TOLERATED else MISSED}, by {100 * (times - 1):.0f} %"


def shown(value: float) -> str:
    """Three digits, more of large numbers."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def rows(place: Place, name: str, times: int) -> Iterator[tuple[str, str, str, str]]:
    """Figure, what was measured, the aim, whether it is met."""
    job = JOBS[name](place)
    found: dict[Aim, list[float]] = {aim: [] for aim in job.aims}
    for turn in turns(place.bench, name, job.steps, times):
        for aim, values in found.items():
            values.append(aim.figure(turn))
    for aim, values in found.items():
        middle = statistics.median(values)
        reached = f"{shown(middle)} ({shown(min(values))}-{shown(max(values))})"
        sign = ">=" if aim.least else "<="
        yield aim.name, reached, f"{sign} {shown(aim.bound)}", judged(middle, aim)
    for title, (reference, given) in job.equal.items():
        differ = track_differences(place.bench, reference, given)
        alone = [column for column, n in differ["columns"].items() if n < 0 and column not in ONLY_OURS]
        words = f"{differ['differ']:,} of {differ['leads']:,}" + f", and columns {alone}" * bool(alone)
        equal = differ["leads"] > 0 and not differ["differ"] and not alone
        yield f"leads that differ from {title}", words, "0", MET if equal else MISSED


def report(bench: Bench, size: str, jobs: list[str], times: int, shared: Path) -> tuple[str, bool]:
    """The table, printed while it grows, and whether no aim is missed by more than is tolerated."""
    paths = [str(HERE.parent), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))  # `python -m leadscore` is that of this checkout
    place = Place(bench, size, *PLACES[size], shared / "bank" / "bank-additional-full.csv")
    lines: list[str] = []

    def say(line: str) -> None:
        print(line, flush=True)
        lines.append(line)

    say("| job | figure | reached | aim | met |")
    say("| --- | --- | --- | --- | --- |")
    good = True
    for name in jobs:
        try:
            for row in rows(place, name, times):
                good = good and not row[-1].startswith(MISSED)
                say(f"| {name} | {' | '.join(row)} |")
        except (RuntimeError, subprocess.CalledProcessError) as error:  # the other jobs are worth knowing all the same
            print(f"{name}: {error}", file=sys.stderr)
            good = False
            say(f"| {name} | | failed | | {MISSED} |")
    own, fewer, more = (
        f"{leads:,} leads and {events:,} events"
        for leads, events in (SIZES[each] for each in (size, place.fewer, place.more))
    )
    say(f"\nMedian (least-most) of {times} turns; {own}; for tenth, compare and one {fewer}; for triple {more}.")
    if size != "full":
        say("The aims are those of 1,000,000 leads: at this size they say only that everything runs.")
    say(f"{machine()}. {versions(bench.python, [*PACKAGES, 'scikit-learn'])}. Commit {commit()}.")
    return "\n".join(lines), good
