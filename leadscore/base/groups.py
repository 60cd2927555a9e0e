"""Groups of rows, with one rule for rows without a value, for values that read alike, and for rare groups."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadscore.base.text import as_text

# All rows, those without a value, and those of groups that are too small to stand alone.
ALL, MISSING, OTHER = "(all)", "(missing)", "(other)"


class Groups(NamedTuple):
    """Rows in groups; made by `grouped`.

    Attributes
    ----------
    code : (n_rows,) int64 positions in the names
    names : list of str
    """

    code: npt.NDArray[np.int64]
    names: list[str]

    def keeping(self, own: npt.NDArray[np.bool_]) -> Groups:
        """The groups that are to stand alone, (n_groups,), and all others together as (other), the last."""
        place = np.where(own, np.cumsum(own) - 1, own.sum())
        names = [name for name, alone in zip(self.names, own, strict=True) if alone]
        return Groups(place[self.code], names if own.all() else [*names, OTHER])


def grouped(values: Any) -> Groups:
    """Rows in groups by their values, in the order of their categories, else sorted.

    Values that read alike, as 5 and 5.0, are one group; rows without a value are the last, as is the text "(missing)".
    The texts "(all)" and "(other)" are given in quotes, so that tables with such rows of their own keep them apart.

    Examples
    --------
    >>> grouped(["US", None, "DE", "US"])
    Groups(code=array([1, 2, 0, 1]), names=['DE', 'US', '(missing)'])
    """
    found = pd.Categorical(values)
    used = np.flatnonzero(np.bincount(found.codes[found.codes >= 0]))
    texts = [as_text(category) for category in found.categories[used]]
    texts = [repr(text) if text in {ALL, OTHER} else text for text in texts]
    names = list(dict.fromkeys(text for text in texts if text != MISSING))
    place = {name: code for code, name in enumerate(names)}
    # Rows without a value have the code -1, the last.
    own = np.full(len(found.categories) + 1, len(names), np.int64)
    own[used] = [place.get(text, len(names)) for text in texts]
    code = own[found.codes]
    return Groups(code, [*names, MISSING] if (code == len(names)).any() else names)
