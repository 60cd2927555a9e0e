from .change import change_page as change_page
from .decisions import Decision as Decision
from .decisions import Decisions as Decisions
from .review import Review as Review
from .review import review as review
