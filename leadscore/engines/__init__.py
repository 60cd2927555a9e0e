"""The same rulebook where the data is larger than memory, or lives elsewhere: buckets, SQL, Spark."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
