"""Lead scoring and the MQL threshold: rules, learned points, thresholds and drift that two teams can review."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leadscore.activity import DailyActivity, daily_activity
    from leadscore.alternatives import Baselines, baselines
    from leadscore.bots import Bots, find_bots, flag_bots
    from leadscore.choice import ThresholdChoice, Value, choose_threshold
    from leadscore.conversion import Acceptance, FunnelTable, acceptance, funnel
    from leadscore.drift.balance import BalanceMonitor
    from leadscore.drift.causes import Causes, Diagnosis
    from leadscore.drift.cohorts import weekly_cohorts
    from leadscore.drift.decomposition import Decomposition, decompose
    from leadscore.drift.figures import WeeklyStreams, weekly_streams
    from leadscore.drift.mature import OutcomeDrift, outcomes_by_period
    from leadscore.drift.outcomes import outcome_drift
    from leadscore.drift.report import DriftReport, drift_report
    from leadscore.drift.shift import Stability, stability
    from leadscore.drift.streams import StreamWatch, watch_streams
    from leadscore.drift.verdict import BalanceVerdict
    from leadscore.errors import ArgumentError, ContractError, LeadscoreError, Problem, RulebookError
    from leadscore.explorer import Look, ThresholdExplorer
    from leadscore.holdout import Holdout, holdout_sample
    from leadscore.labels import label
    from leadscore.learn.classifier import LeadClassifier
    from leadscore.learn.gating import gate
    from leadscore.learn.leaks import Guard, guards
    from leadscore.learn.points_card import PointsCard
    from leadscore.learn.reweighing import Reweighed, reweigh
    from leadscore.learn.snapshots import Snapshots, snapshots
    from leadscore.learn.suggestions import Suggestions, suggest
    from leadscore.learn.support import Evidence, evidence
    from leadscore.learn.verdict import Verdict
    from leadscore.picking import CherryPicking, cherry_picking
    from leadscore.response import ResponseTimes, response_times
    from leadscore.rulebook import Finding, Rulebook
    from leadscore.scoring.change import explain_change
    from leadscore.scoring.compare import Comparison, compare
    from leadscore.scoring.one import score_one
    from leadscore.scoring.replay import History, replay
    from leadscore.scoring.scores import Explanation, Scores, score
    from leadscore.tables import Tables, load_tables
    from leadscore.threshold import ThresholdTable, threshold_table
    from leadscore.trials import Trial, Week, plan_trial

__version__ = "0.1.0"

# A public name's module is imported when the name is first used: `leadscore --help` takes 0.1 s, not 0.9 s, and a
# script that only checks a rulebook need not wait for pandas.
_HOMES = {
    "leadscore.activity": ("DailyActivity", "daily_activity"),
    "leadscore.alternatives": ("Baselines", "baselines"),
    "leadscore.bots": ("Bots", "find_bots", "flag_bots"),
    "leadscore.choice": ("ThresholdChoice", "Value", "choose_threshold"),
    "leadscore.conversion": ("Acceptance", "FunnelTable", "acceptance", "funnel"),
    "leadscore.drift.balance": ("BalanceMonitor",),
    "leadscore.drift.causes": ("Causes", "Diagnosis"),
    "leadscore.drift.cohorts": ("weekly_cohorts",),
    "leadscore.drift.decomposition": ("Decomposition", "decompose"),
    "leadscore.drift.mature": ("OutcomeDrift", "outcomes_by_period"),
    "leadscore.drift.outcomes": ("outcome_drift",),
    "leadscore.drift.figures": ("WeeklyStreams", "weekly_streams"),
    "leadscore.drift.report": ("DriftReport", "drift_report"),
    "leadscore.drift.shift": ("Stability", "stability"),
    "leadscore.drift.streams": ("StreamWatch", "watch_streams"),
    "leadscore.drift.verdict": ("BalanceVerdict",),
    "leadscore.errors": ("ArgumentError", "ContractError", "LeadscoreError", "Problem", "RulebookError"),
    "leadscore.explorer": ("Look", "ThresholdExplorer"),
    "leadscore.holdout": ("Holdout", "holdout_sample"),
    "leadscore.labels": ("label",),
    "leadscore.learn.classifier": ("LeadClassifier",),
    "leadscore.learn.gating": ("gate",),
    "leadscore.learn.leaks": ("Guard", "guards"),
    "leadscore.learn.points_card": ("PointsCard",),
    "leadscore.learn.reweighing": ("Reweighed", "reweigh"),
    "leadscore.learn.snapshots": ("Snapshots", "snapshots"),
    "leadscore.learn.suggestions": ("Suggestions", "suggest"),
    "leadscore.learn.support": ("Evidence", "evidence"),
    "leadscore.learn.verdict": ("Verdict",),
    "leadscore.picking": ("CherryPicking", "cherry_picking"),
    "leadscore.response": ("ResponseTimes", "response_times"),
    "leadscore.rulebook": ("Finding", "Rulebook"),
    "leadscore.scoring.change": ("explain_change",),
    "leadscore.scoring.compare": ("Comparison", "compare"),
    "leadscore.scoring.one": ("score_one",),
    "leadscore.scoring.replay": ("History", "replay"),
    "leadscore.scoring.scores": ("Explanation", "Scores", "score"),
    "leadscore.tables": ("Tables", "load_tables"),
    "leadscore.threshold": ("ThresholdTable", "threshold_table"),
    "leadscore.trials": ("Trial", "Week", "plan_trial"),
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
