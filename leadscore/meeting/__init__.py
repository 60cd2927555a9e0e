"""The page that both teams meet over; the analyses it shows are in `sales`, `threshold` and `drift`."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
