"""Points learned from outcomes: snapshots, the classifier, its points card, evidence for rules, and the gate."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
