from .funnel import Funnel as Funnel
from .funnel import make_funnel as make_funnel
from .scenarios import SCENARIOS as SCENARIOS
