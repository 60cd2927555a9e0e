"""Text as Markdown that reads as it stands, whatever names hold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

# What means something to Markdown or HTML inside a line or a cell: a mark of a quotation where a line begins only,
# underscores at the edge of a word only, and what makes a link of an address.
_MEANT = re.compile(r"[\\`*\[\]<#|~$&@]|^>|(?<![^\W_])_|_(?![^\W_])|:(?=//)|(?<=www)\.", re.IGNORECASE)


def escaped(text: object) -> str:
    r"""Any text as Markdown that reads as it stands, in one line.

    Examples
    --------
    >>> print(escaped("a|b <i> *c*"))
    a\|b \<i> \*c\*
    """
    return _MEANT.sub(r"\\\g<0>", " ".join(str(text).split()))


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Rows of any text as a table."""
    lines = [heads, ["---"] * len(heads), *([escaped(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def bullets(items: Iterable[str]) -> str:
    """Markdown, item by item."""
    return "\n".join(f"- {item}" for item in items)
