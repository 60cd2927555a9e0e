from .decisions import Decision as Decision
from .decisions import Decisions as Decisions
