"""Whatever is given to a public function, one argument at a time: an answer, or an error that says what is wrong."""

import copy
import inspect
import shutil
import signal

import numpy as np
import pandas as pd
import pytest

import leadscore as ls
from tests.test_signatures import FUNCTIONS

STRANGE = {
    "None": None,
    "True": True,
    "5": 5,
    "-1": -1,
    "nan": float("nan"),
    "inf": float("inf"),
    "large": 2**62,
    "huge": 10**400,
    "text": "x",
    "NUL": "\0",
    "day": "2026-02-02",
    "bytes": b"x",
    "list": [],
    "nested list": [[1, 2], [3]],
    "list of None": [None],
    "mapping": {},
    "mapping of odd": {5: None},
    "set": {1},
    "object": object(),
    "class": int,
    "function": len,
    "array": np.zeros((2, 2)),
    "no dimension": np.array(5),
    "complex": np.array([1j]),
    "frame": pd.DataFrame({"a": [1.0]}),
    "no frame": pd.DataFrame(),
    "Series": pd.Series([1.0]),
    "NA": pd.NA,
    "NaT": pd.NaT,
}
STRANGE["itself"] = [STRANGE["list"]]
STRANGE["itself"].append(STRANGE["itself"])
N = 120
RNG = np.random.default_rng(0)
X = pd.DataFrame({"visits": RNG.poisson(3, N), "kind": RNG.choice(["a", "b"], N)})
Y = RNG.random(N) < 0.2 + 0.1 * X["visits"]
BOOK = ls.Rulebook.from_yaml(
    "{leadscore: 1, name: x, fit: [{name: A, column: industry, points: {tech: 5}}],"
    " behaviour: [{name: V, event: visit, count: each, points: 2}], qualify: {threshold: 3},"
    " personas: [{name: P, when: {industry: tech}}], agreement: {marketing: {mqls_per_week: 9}}}"
)
WITH_ACCOUNTS = BOOK.edited(
    {"leadscore": 2, "account": {"id": "industry", "rules": [{"name": "All", "sum": "behaviour"}], "threshold": 1}}
)
IDS = [f"l{number}" for number in range(N)]


def tables():
    """Leads of six weeks, their events and outcomes."""
    tech = RNG.random(N) < 0.5
    came = np.datetime64("2026-01-05") + np.sort(RNG.integers(0, 42, N))
    leads = pd.DataFrame({"lead_id": IDS, "industry": np.where(tech, "tech", "x"), "created_at": came})
    kinds = RNG.choice(["visit", "page_view", "email_open", "email_click"], N)
    events = pd.DataFrame({"lead_id": IDS, "event": kinds, "at": came + RNG.integers(0, 9, N)})
    worked = pd.DataFrame({"lead_id": IDS, "stage": "contacted", "at": came + 9})
    sal = worked[RNG.random(N) < np.where(tech, 0.8, 0.3)].assign(
        stage="sal", at=lambda rows: rows["at"] + pd.Timedelta(9, "D")
    )
    return leads, events, pd.concat([worked, sal])


LEADS, EVENTS, OUTCOMES = tables()
TABLES = ls.load_tables(LEADS, EVENTS, OUTCOMES, rulebook=BOOK, observed_until="2026-06-30")
DEALS = ls.load_tables(
    LEADS,
    EVENTS,
    OUTCOMES.replace({"stage": {"sal": "opportunity"}}).assign(deal_id=OUTCOMES["lead_id"], amount=5.0),
    rulebook=BOOK,
    observed_until="2026-06-30",
)
SCORES = ls.score(TABLES, BOOK, as_of="2026-03-01")
HISTORY = ls.replay(TABLES, BOOK, start="2026-01-05", end="2026-03-29")
SNAPSHOTS = ls.snapshots(TABLES, as_of=["2026-01-26", "2026-02-16"], stage="sal", within_days=30)
TABLE = ls.threshold_table(Y, X["visits"], dates=np.datetime64("2026-01-05") + np.arange(N), replicates=40)
MODEL = ls.LeadClassifier(guards=None, bins="tree", encoding="onehot", C=1.0).fit(X, Y)
MONITOR = ls.BalanceMonitor(BOOK)
COHORT = next(ls.drift.weekly_cohorts(TABLES, BOOK, start="2026-01-05", end="2026-01-11"))
MONITOR.update(*COHORT)
WORKBENCH = ls.explore(TABLES, BOOK, end="2026-03-29", stage="sal", within_days=30, capacity_per_week=5, by="industry")
TRIAL = ls.threshold.plan_trial(baseline_rate=0.2, smallest_difference=0.1, per_week=20)
ACTIVITY = ls.daily_activity(EVENTS)
DATA = ls.imports.DataFile.from_yaml("{data: 1, sources: {a: {}}, leads: {a: {from: a, lead_id: lead_id}}}")
GOOD = {
    "data": DATA,
    "tables": TABLES,
    "rulebook": BOOK,
    "rulebooks": [BOOK],
    "account_id": "tech",
    "old": BOOK,
    "new": BOOK,
    "comparison": ls.compare(TABLES, BOOK, BOOK, start="2026-01-05", end="2026-03-29"),
    "candidate": BOOK,
    "leads": LEADS,
    "events": EVENTS,
    "scores": SCORES,
    "table": TABLE,
    "monitor": MONITOR,
    "snapshots": SNAPSHOTS,
    "as_of": "2026-03-01",
    "start": "2026-01-05",
    "end": "2026-03-29",
    "before": ("2026-01-05", "2026-02-01"),
    "after": ("2026-03-02", "2026-03-29"),
    "stage": "sal",
    "within_days": 30,
    "capacity_per_week": 5,
    "lead_id": "l1",
    "lead": {"lead_id": "l1", "industry": "tech"},
    "name": "industry",
    "columns": ["industry"],
    "values": pd.Series(1.0, IDS),
    "y": Y,
    "X": X,
    "reference": X,
    "current": X,
    "row": X.iloc[0],
    "score": X["visits"],
    "a": X["visits"],
    "b": X["visits"] % 3,
    "by": X["kind"],
    "probability": np.linspace(0.1, 0.9, N),
    "figures": pd.DataFrame({"accepted": RNG.normal(size=70)}, pd.date_range("2024-01-01", periods=70, freq="W-MON")),
    "p": [0.1, 0.2],
    "share": 0.5,
    "count": 3,
    "n": 10,
    "other_count": 2,
    "other_n": 10,
    "at_risk": [[10, 10]],
    "duration": [1.0, 2.0],
    "observed": [True, False],
    "time": 1.0,
    "total": 3,
    "random_state": 0,
    "baseline_rate": 0.2,
    "smallest_difference": 0.1,
    "per_week": 20,
    "per_won": 100,
    "per_contact": 1,
    "starts": "2026-01-05",
    "in_group": Y,
    "reached": 3,
    "rest_n": 10,
    "rest_reached": 3,
    "decision": "fixed",
    "severity": "warn",
    "document": BOOK.to_dict(),
    "changes": {},
    "path": "there",
}
# Where a name means another thing, or more must be given.
HERE = {
    "explain_change": {"before": "2026-02-01", "after": "2026-03-01"},
    "risk_difference": {"events": [[1, 2]]},
    "rate_ratio": {"events": [[1, 2]]},
    "stratified_test": {"events": [[1, 2]]},
    "score_one": {"events": []},
    "score_accounts": {"rulebook": WITH_ACCOUNTS},
    "changed_rows": {"columns": "total", "old": SCORES.frame},
    "BalanceMonitor.update": {"week": COHORT[0], "scores": COHORT[1]},
    "BalanceMonitor.from_json": {"text": MONITOR.to_json()},
    "Trial.from_json": {"text": TRIAL.to_json()},
    "Trial.update": {"week": ls.threshold.TrialWeek.of("2026-01-05", Y, X["kind"] == "a")},
    "Rulebook.from_yaml": {"text": BOOK.to_yaml()},
    "Rulebook.read": {"path": "book.yaml"},
    "DataFile.from_yaml": {"text": DATA.to_yaml()},
    "DataFile.read": {"path": "data.yaml"},
    "import_tables": {"sources": {"a": LEADS}},
    "LeadClassifier.load": {"path": "model.npz"},
    "DailyActivity.read": {"path": "activity.parquet"},
    "DailyActivity.write": {"path": "days"},
    "DailyActivity.extend": {"events": EVENTS.assign(at="2026-08-01")},
    "choose_threshold": {"capacity_per_week": 3},
    "Workbench.keep": {"found": WORKBENCH.now},
    "WhatIf.explain": {"lead_id": WORKBENCH.at(1).entered.index[0]},
    "outcome_drift": {"score": HISTORY},
    "cherry_picking": {"score": pd.Series(X["visits"].to_numpy(), IDS)},
    "gate": {"current": BOOK},
    "response_times": {"history": HISTORY},
    **{name: {"tables": DEALS} for name in ("pipeline", "weighted_pipeline")},
    "PointsCard.threshold_at": {"probability": 0.3},
    "PointsCard.to_rulebook": {"threshold": 1},
}
OBJECTS = {
    type(one).__name__: one
    for one in (
        ls.score_accounts(TABLES, WITH_ACCOUNTS, as_of="2026-03-01"),
        ls.score_many(TABLES, [BOOK], as_of="2026-03-01"),
        *(MONITOR, MODEL, BOOK, DATA, MODEL.points_card(), HISTORY, SCORES, TABLES, TABLE, TRIAL, ACTIVITY),
        WORKBENCH,
        WORKBENCH.at(1),
        ls.compare(TABLES, BOOK, BOOK, start="2026-01-05", end="2026-03-29"),
        ls.choose_threshold(TABLE, capacity_per_week=3),
        ls.stats.kaplan_meier([1.0, 2.0], [True, False]),
        ls.learn.guards(X, Y),
    )
}
CONSTRUCTORS = {one.__name__: one for one in (ls.BalanceMonitor, ls.threshold.Value, ls.threshold.TrialWeek)}
# What is not asked, and why.
LEFT_OUT = {
    "model_post_init": "pydantic's own",
    "Rulebook.model_copy": "refused, whatever is given",
    **dict.fromkeys(
        [
            "WhatIf.of",
            "Tables.column",
            "Tables.event_column",
            "Tables.event_sums",
            "Rulebook.beside",
            "Tables.positions",
            "Tables.only",
            "DataFile.problem",
        ],
        "asked by other parts of the package, which have checked what they ask with",
    ),
}
# What is refused here even with good arguments, for want of a year of weeks; what is wrong by type is said first.
NEED_MORE = {"BalanceMonitor.causes", "BalanceMonitor.acknowledge", "train"}


def public():
    """Every public function, method and constructor that takes arguments: how users call it, and itself."""
    seen = set()
    for full, function in [*FUNCTIONS.items(), *CONSTRUCTORS.items()]:
        *_, owner, name = ("", *full.split("."))
        method = owner[:1].isupper()
        asked = not method or (owner in OBJECTS and not {name, f"{owner}.{name}"} & LEFT_OUT.keys())
        if asked and function not in seen and {*inspect.signature(function).parameters} - {"self", "cls"}:
            seen.add(function)
            yield (f"{owner}.{name}", getattr(OBJECTS[owner], name)) if method else (name, function)


PUBLIC = dict(public())


def arguments(name):
    """The arguments of a function, and good values of those it needs."""
    takes, here = inspect.signature(PUBLIC[name]).parameters, HERE.get(name, {})
    needed = {key: GOOD[key] for key, one in takes.items() if one.default is one.empty and key not in here}
    return list(takes), needed | here


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    BOOK.write(folder / "book.yaml")
    DATA.write(folder / "data.yaml")
    MODEL.save(folder / "model.npz")
    ACTIVITY.write(folder / "activity.parquet")
    return folder


@pytest.fixture(autouse=True)
def alone(files, monkeypatch):
    """What takes a path may write, but to no place of ours; what hangs is stopped."""

    def stop(*_):
        raise TimeoutError

    monkeypatch.chdir(files)
    before = signal.signal(signal.SIGALRM, stop)
    yield
    signal.signal(signal.SIGALRM, before)
    for folder in [path for path in files.iterdir() if path.is_dir()]:
        shutil.rmtree(folder)


def call(function, given):
    own = getattr(function, "__self__", None)
    if own is not None and not inspect.isclass(own):
        # Some methods change their object.
        function = getattr(copy.copy(own), function.__name__)
    signal.setitimer(signal.ITIMER_REAL, 10)
    try:
        return function(**given)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


@pytest.mark.parametrize("name", [name for name in PUBLIC if name not in NEED_MORE])
def test_good_arguments_are_taken(name):
    """Otherwise the next test would ask nothing."""
    call(PUBLIC[name], arguments(name)[1])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "argument"), [(name, one) for name in PUBLIC for one in arguments(name)[0]])
def test_a_strange_value_is_taken_or_refused_in_words(name, argument):
    needed, failed = arguments(name)[1], {}
    for said, value in STRANGE.items():
        try:
            call(PUBLIC[name], needed | {argument: value})
        except ls.LeadscoreError as error:
            failed |= {} if str(error) else {said: "no message"}
        except Exception as error:  # noqa: BLE001 - which one it is, is what is asked
            failed[said] = f"{type(error).__name__}: {error}"[:150]
    assert not failed, failed
