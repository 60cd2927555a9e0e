from .acceptance import Acceptance as Acceptance
from .acceptance import acceptance as acceptance
from .cherry_picking import CherryPicking as CherryPicking
from .cherry_picking import cherry_picking as cherry_picking
from .conversion import FunnelTable as FunnelTable
from .conversion import funnel as funnel
from .response_times import ResponseTimes as ResponseTimes
from .response_times import response_times as response_times
