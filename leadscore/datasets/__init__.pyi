from .company import PLANTED as PLANTED
from .company import Company as Company
from .company import make_company as make_company
from .funnel import Funnel as Funnel
from .funnel import make_funnel as make_funnel
from .scenarios import SCENARIOS as SCENARIOS
