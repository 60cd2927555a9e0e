from . import (
    datasets as datasets,
)
from . import (
    drift as drift,
)
from . import (
    engines as engines,
)
from . import (
    imports as imports,
)
from . import (
    learn as learn,
)
from . import (
    meeting as meeting,
)
from . import (
    rulebook as rulebook,
)
from . import (
    sales as sales,
)
from . import (
    scoring as scoring,
)
from . import (
    stats as stats,
)
from . import (
    tables as tables,
)
from . import (
    threshold as threshold,
)
from .drift.balance.monitor import BalanceMonitor as BalanceMonitor
from .drift.report import drift_report as drift_report
from .engines.sql.program import to_sql as to_sql
from .errors import (
    ArgumentError as ArgumentError,
)
from .errors import (
    ContractError as ContractError,
)
from .errors import (
    DataFileError as DataFileError,
)
from .errors import (
    DecisionsError as DecisionsError,
)
from .errors import (
    LeadscoreError as LeadscoreError,
)
from .errors import (
    Problem as Problem,
)
from .errors import (
    RulebookError as RulebookError,
)
from .learn.card.classifier import LeadClassifier as LeadClassifier
from .learn.publish.gate import gate as gate
from .learn.rows.snapshots import snapshots as snapshots
from .learn.rules.evidence import evidence as evidence
from .learn.rules.reweighing import reweigh as reweigh
from .learn.rules.suggestions import suggest as suggest
from .meeting.review import review as review
from .rulebook.book import Rulebook as Rulebook
from .sales.conversion import funnel as funnel
from .sales.response.acceptance import acceptance as acceptance
from .sales.response.response_times import response_times as response_times
from .scoring.accounts import score_accounts as score_accounts
from .scoring.compare import compare as compare
from .scoring.one_lead import score_one as score_one
from .scoring.replay import replay as replay
from .scoring.score_change import explain_change as explain_change
from .scoring.scores import score as score
from .scoring.several import score_many as score_many
from .tables.bots import flag_bots as flag_bots
from .tables.daily_activity import daily_activity as daily_activity
from .tables.labels import label as label
from .tables.loading import load_tables as load_tables
from .threshold.baselines import baselines as baselines
from .threshold.choice import choose_threshold as choose_threshold
from .threshold.table import threshold_table as threshold_table
from .threshold.workbench.explore import explore as explore

__version__: str
