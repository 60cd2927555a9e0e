"""Arrays in, figures with intervals out; knows no lead, no table and no rulebook."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
