"""The three tables, leads, events and outcomes, under one contract; nothing is scored here."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
