"""From tables and a rulebook to points: the plan, the engines that run it, and the scores."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
