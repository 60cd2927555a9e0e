from .spark import replay_spark as replay_spark
from .spark import score_spark as score_spark
