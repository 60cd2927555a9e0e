"""Lead scoring and the MQL threshold: rules, learned points, thresholds and drift that two teams can review."""

from leadscore.activity import DailyActivity, daily_activity
from leadscore.errors import ArgumentError, ContractError, LeadscoreError, Problem, RulebookError
from leadscore.rulebook import Finding, Rulebook
from leadscore.scoring.one import score_one
from leadscore.scoring.scores import Explanation, Scores, score
from leadscore.tables import Tables, load_tables

__all__ = [
    "ArgumentError",
    "ContractError",
    "DailyActivity",
    "Explanation",
    "Finding",
    "LeadscoreError",
    "Problem",
    "Rulebook",
    "RulebookError",
    "Scores",
    "Tables",
    "daily_activity",
    "load_tables",
    "score",
    "score_one",
]
