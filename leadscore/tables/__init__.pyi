from .bots import Bots as Bots
from .bots import flag_bots as flag_bots
from .daily_activity import DailyActivity as DailyActivity
from .daily_activity import daily_activity as daily_activity
from .labels import label as label
from .loading import load_tables as load_tables
from .tables import Tables as Tables
