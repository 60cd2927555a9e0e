"""Exports of CRMs and trackers as the three tables: `data.yaml` says how, and every row is accounted for."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
