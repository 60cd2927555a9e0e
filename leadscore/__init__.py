"""Lead scoring and the MQL threshold: rules, learned points, thresholds and drift that two teams can review."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leadscore.drift.balance.causes import Causes, Diagnosis
    from leadscore.drift.balance.monitor import BalanceMonitor
    from leadscore.drift.balance.verdict import BalanceVerdict
    from leadscore.drift.change.decomposition import Decomposition, decompose
    from leadscore.drift.change.stability import Stability, stability
    from leadscore.drift.cohorts import weekly_cohorts
    from leadscore.drift.outcomes.outcome_drift import outcome_drift
    from leadscore.drift.outcomes.result import OutcomeDrift, outcomes_by_period
    from leadscore.drift.report import DriftReport, drift_report
    from leadscore.drift.streams.watch import StreamWatch, watch_streams
    from leadscore.drift.streams.weekly_figures import WeeklyStreams, weekly_streams
    from leadscore.errors import ArgumentError, ContractError, LeadscoreError, Problem, RulebookError
    from leadscore.learn.card.classifier import LeadClassifier
    from leadscore.learn.card.points_card import PointsCard
    from leadscore.learn.data_checks.guards import Guard, guards
    from leadscore.learn.publish.gate import gate
    from leadscore.learn.publish.verdict import Verdict
    from leadscore.learn.rows.snapshots import Snapshots, snapshots
    from leadscore.learn.rules.evidence import Evidence, evidence
    from leadscore.learn.rules.reweighing import Reweighed, reweigh
    from leadscore.learn.rules.suggestions import Suggestions, suggest
    from leadscore.rulebook import Finding, Rulebook
    from leadscore.sales.acceptance import Acceptance, acceptance
    from leadscore.sales.cherry_picking import CherryPicking, cherry_picking
    from leadscore.sales.conversion import FunnelTable, funnel
    from leadscore.sales.response_times import ResponseTimes, response_times
    from leadscore.scoring.compare import Comparison, compare
    from leadscore.scoring.one_lead import score_one
    from leadscore.scoring.replay import History, replay
    from leadscore.scoring.score_change import explain_change
    from leadscore.scoring.scores import Explanation, Scores, score
    from leadscore.tables.bots import Bots, find_bots, flag_bots
    from leadscore.tables.daily_activity import DailyActivity, daily_activity
    from leadscore.tables.labels import label
    from leadscore.tables.tables import Tables, load_tables
    from leadscore.threshold.baselines import Baselines, baselines
    from leadscore.threshold.choice import ThresholdChoice, Value, choose_threshold
    from leadscore.threshold.explorer import Look, ThresholdExplorer
    from leadscore.threshold.holdout import Holdout, holdout_sample
    from leadscore.threshold.table import ThresholdTable, threshold_table
    from leadscore.threshold.trials import Trial, Week, plan_trial

__version__ = "0.1.0"

# A public name's module is imported when the name is first used: `leadscore --help` takes 0.1 s, not 0.9 s, and a
# script that only checks a rulebook need not wait for pandas.
_HOMES = {
    "leadscore.tables.daily_activity": (
        "DailyActivity",
        "daily_activity",
    ),
    "leadscore.threshold.baselines": (
        "Baselines",
        "baselines",
    ),
    "leadscore.tables.bots": (
        "Bots",
        "find_bots",
        "flag_bots",
    ),
    "leadscore.threshold.choice": (
        "ThresholdChoice",
        "Value",
        "choose_threshold",
    ),
    "leadscore.sales.acceptance": (
        "Acceptance",
        "acceptance",
    ),
    "leadscore.sales.conversion": (
        "FunnelTable",
        "funnel",
    ),
    "leadscore.drift.balance.monitor": ("BalanceMonitor",),
    "leadscore.drift.balance.causes": (
        "Causes",
        "Diagnosis",
    ),
    "leadscore.drift.cohorts": ("weekly_cohorts",),
    "leadscore.drift.change.decomposition": (
        "Decomposition",
        "decompose",
    ),
    "leadscore.drift.outcomes.result": (
        "OutcomeDrift",
        "outcomes_by_period",
    ),
    "leadscore.drift.outcomes.outcome_drift": ("outcome_drift",),
    "leadscore.drift.streams.weekly_figures": (
        "WeeklyStreams",
        "weekly_streams",
    ),
    "leadscore.drift.report": (
        "DriftReport",
        "drift_report",
    ),
    "leadscore.drift.change.stability": (
        "Stability",
        "stability",
    ),
    "leadscore.drift.streams.watch": (
        "StreamWatch",
        "watch_streams",
    ),
    "leadscore.drift.balance.verdict": ("BalanceVerdict",),
    "leadscore.errors": (
        "ArgumentError",
        "ContractError",
        "LeadscoreError",
        "Problem",
        "RulebookError",
    ),
    "leadscore.threshold.explorer": (
        "Look",
        "ThresholdExplorer",
    ),
    "leadscore.threshold.holdout": (
        "Holdout",
        "holdout_sample",
    ),
    "leadscore.tables.labels": ("label",),
    "leadscore.learn.card.classifier": ("LeadClassifier",),
    "leadscore.learn.publish.gate": ("gate",),
    "leadscore.learn.data_checks.guards": (
        "Guard",
        "guards",
    ),
    "leadscore.learn.card.points_card": ("PointsCard",),
    "leadscore.learn.rules.reweighing": (
        "Reweighed",
        "reweigh",
    ),
    "leadscore.learn.rows.snapshots": (
        "Snapshots",
        "snapshots",
    ),
    "leadscore.learn.rules.suggestions": (
        "Suggestions",
        "suggest",
    ),
    "leadscore.learn.rules.evidence": (
        "Evidence",
        "evidence",
    ),
    "leadscore.learn.publish.verdict": ("Verdict",),
    "leadscore.sales.cherry_picking": (
        "CherryPicking",
        "cherry_picking",
    ),
    "leadscore.sales.response_times": (
        "ResponseTimes",
        "response_times",
    ),
    "leadscore.rulebook": (
        "Finding",
        "Rulebook",
    ),
    "leadscore.scoring.score_change": ("explain_change",),
    "leadscore.scoring.compare": (
        "Comparison",
        "compare",
    ),
    "leadscore.scoring.one_lead": ("score_one",),
    "leadscore.scoring.replay": (
        "History",
        "replay",
    ),
    "leadscore.scoring.scores": (
        "Explanation",
        "Scores",
        "score",
    ),
    "leadscore.tables.tables": (
        "Tables",
        "load_tables",
    ),
    "leadscore.threshold.table": (
        "ThresholdTable",
        "threshold_table",
    ),
    "leadscore.threshold.trials": (
        "Trial",
        "Week",
        "plan_trial",
    ),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Acceptance",
    "ArgumentError",
    "BalanceMonitor",
    "BalanceVerdict",
    "Baselines",
    "Bots",
    "Causes",
    "CherryPicking",
    "Comparison",
    "ContractError",
    "DailyActivity",
    "Decomposition",
    "Diagnosis",
    "DriftReport",
    "Evidence",
    "Explanation",
    "Finding",
    "FunnelTable",
    "Guard",
    "History",
    "Holdout",
    "LeadClassifier",
    "LeadscoreError",
    "Look",
    "OutcomeDrift",
    "PointsCard",
    "Problem",
    "ResponseTimes",
    "Reweighed",
    "Rulebook",
    "RulebookError",
    "Scores",
    "Snapshots",
    "Stability",
    "StreamWatch",
    "Suggestions",
    "Tables",
    "ThresholdChoice",
    "ThresholdExplorer",
    "ThresholdTable",
    "Trial",
    "Value",
    "Verdict",
    "Week",
    "WeeklyStreams",
    "acceptance",
    "baselines",
    "cherry_picking",
    "choose_threshold",
    "compare",
    "daily_activity",
    "decompose",
    "drift_report",
    "evidence",
    "explain_change",
    "find_bots",
    "flag_bots",
    "funnel",
    "gate",
    "guards",
    "holdout_sample",
    "label",
    "load_tables",
    "outcome_drift",
    "outcomes_by_period",
    "plan_trial",
    "replay",
    "response_times",
    "reweigh",
    "score",
    "score_one",
    "snapshots",
    "stability",
    "suggest",
    "threshold_table",
    "watch_streams",
    "weekly_cohorts",
    "weekly_streams",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'leadscore' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOME[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
