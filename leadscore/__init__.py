"""Lead scoring and the MQL threshold: rules, learned points, thresholds and drift that two teams can review.

The everyday names stand here; all others in the namespace of their stage: `leadscore.rulebook`, `imports`, `tables`,
`scoring`, `engines`, `sales`, `threshold`, `drift`, `learn`, `stats` and `datasets`. Each public name is listed once,
in the `.pyi` file beside its `__init__`, and its module is imported when the name is first used.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
