from .replay_files import ReplayedFiles as ReplayedFiles
from .replay_files import replay_files as replay_files
from .score_files import ScoredFiles as ScoredFiles
from .score_files import score_files as score_files
from .spark import replay_spark as replay_spark
from .spark import score_spark as score_spark
from .sql.program import Program as Program
from .sql.program import to_sql as to_sql
