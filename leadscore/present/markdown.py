"""Text that reads as it stands, whatever names hold: in tables, and as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from leadscore.errors import visible

# What means something to Markdown or HTML inside a line or a cell: underscores at the edge of a word only, and what
# makes a link of an address.
_MEANT = re.compile(r"[\\`*\[\]<#|~$&@]|(?<![^\W_])_|_(?![^\W_])|:(?=//)|(?<=www)\.", re.IGNORECASE)
# What makes a list, a quotation or a heading where a line begins.
_STARTS = re.compile(r"^(\d*)([>+=.)-])")


def text_table(heads: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool]) -> Iterator[str]:
    """Rows of text in columns, figures to the right; nothing is cut off."""
    columns = [[visible(cell) for cell in column] for column in zip(heads, *rows, strict=True)]
    widths = [max(map(len, column)) for column in columns]
    for line in zip(*columns, strict=True):
        cells = (
            cell.rjust(width) if figure else cell.ljust(width)
            for cell, width, figure in zip(line, widths, right, strict=True)
        )
        yield "  ".join(cells).rstrip()


def escaped(text: object) -> str:
    r"""Any text as Markdown that reads as it stands, in one line.

    Examples
    --------
    >>> print(escaped("a|b <i> *c*"))
    a\|b \<i> \*c\*
    """
    return _MEANT.sub(r"\\\g<0>", " ".join(visible(text).split()))


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Rows of any text as a table."""
    lines = [
        [escaped(head) for head in heads],
        ["---"] * len(heads),
        *([escaped(cell) for cell in row] for row in rows),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def paragraph(text: object) -> str:
    r"""Any text as a line of its own that begins no list, heading or quotation.

    Examples
    --------
    >>> print(paragraph("1. a"))
    1\. a
    """
    return _STARTS.sub(r"\1\\\2", escaped(text))


def bullets(items: Iterable[object]) -> str:
    r"""Any texts as a list.

    Examples
    --------
    >>> print(bullets(["1. a", "- b", "2.5 points"]))
    - 1\. a
    - \- b
    - 2\.5 points
    """
    return "\n".join("- " + paragraph(item) for item in items)


def fenced(text: str, language: str = "") -> str:
    """Lines as they are, as a block of code; the fence is longer than any in them."""
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", text))])
    return f"{fence}{language}\n{text}\n{fence}"
