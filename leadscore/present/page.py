"""A page that two teams read: sections as plain data first; HTML and Markdown are rendered from that data alone.

What stands here knows no lead. Every text may hold names that users control; they are made harmless where the page is
rendered.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from leadscore.present.result import plain

# The form of `Page.to_dict`; what reads a page's JSON looks at it first.
SCHEMA = 1

Verdict = Literal["Counted", "Clear", "Not clear", "Too few to say"]
COUNTED: Verdict = "Counted"
CLEAR: Verdict = "Clear"
NOT_CLEAR: Verdict = "Not clear"
TOO_FEW: Verdict = "Too few to say"

# How the figures of a picture are written; points are a difference of shares: 0.16 reads as +16.
Unit = Literal["count", "share", "points", "times", "money"]


@dataclass(frozen=True)
class WeekBars:
    """Counts by week as upright bars; the last `highlighted` of them are this period's, `promise` is a dashed line.

    `beside`, where there is any, is what each is compared with: a circle.
    """

    title: str
    caption: str
    labels: tuple[str, ...]
    values: tuple[int, ...]
    highlighted: int
    promise: float | None = None
    beside: tuple[int, ...] = ()
    kind: str = "week bars"


@dataclass(frozen=True)
class Dot:
    """One figure with its interval; hollow where it is of few cases or could be chance."""

    label: str
    value: float
    low: float
    high: float
    filled: bool = True


@dataclass(frozen=True)
class Dots:
    """Figures with intervals, one under the other, beside a line that they are compared with."""

    title: str
    caption: str
    rows: tuple[Dot, ...]
    unit: Unit
    reference: float | None = None
    currency: str = ""
    kind: str = "dots"


@dataclass(frozen=True)
class Curve:
    """A share by time: at `minutes[i]` it becomes `shares[i]`."""

    label: str
    minutes: tuple[float, ...]
    shares: tuple[float, ...]


@dataclass(frozen=True)
class Steps:
    """Stepped curves on a logarithmic axis of time: this period solid, the one before dashed; `mark` is agreed."""

    title: str
    caption: str
    curves: tuple[Curve, ...]
    mark: float | None = None
    kind: str = "steps"


@dataclass(frozen=True)
class Share:
    """A share with its interval, what was agreed, and what it was in the period before."""

    label: str
    value: float
    low: float
    high: float
    agreed: float | None = None
    before: float | None = None


@dataclass(frozen=True)
class ShareBars:
    """Shares as level bars; a dashed mark is what was agreed, a circle the period before."""

    title: str
    caption: str
    rows: tuple[Share, ...]
    kind: str = "share bars"


@dataclass(frozen=True)
class WeekShares:
    """A share by week with its interval; weeks with too few cases are None; `limit` is a dashed line."""

    title: str
    caption: str
    labels: tuple[str, ...]
    values: tuple[float | None, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]
    limit: float | None = None
    kind: str = "week shares"


@dataclass(frozen=True)
class Range:
    """From the lowest to the highest of several rules, with the first (filled) and the last (hollow) touch's."""

    label: str
    low: float
    high: float
    first: float
    last: float


@dataclass(frozen=True)
class Ranges:
    """Ranges of amounts of money, one under the other."""

    title: str
    caption: str
    rows: tuple[Range, ...]
    currency: str = ""
    kind: str = "ranges"


@dataclass(frozen=True)
class Ages:
    """The open cases of a stage: their ages in days (a sample where there are many), and how long it usually takes."""

    label: str
    days: tuple[float, ...]
    open: int
    late: int
    median: float | None
    late_from: float | None


@dataclass(frozen=True)
class Ageing:
    """Open cases by stage, each a dot at its age; what is older than usual stands out."""

    title: str
    caption: str
    rows: tuple[Ages, ...]
    kind: str = "ageing"


Picture = WeekBars | Dots | Steps | ShareBars | WeekShares | Ranges | Ageing


@dataclass(frozen=True)
class Table:
    """A table of cells that are text already; `figures` are the columns to set flush right.

    Attributes
    ----------
    title : str
    heads : tuple of str
    rows : tuple of tuple of str
    figures : tuple of int
        Positions of columns.
    notes : tuple of str
        What to know before the rows are believed.
    folded : bool
        Behind a fold, and not printed; else it is always seen.
    """

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    figures: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    folded: bool = True


@dataclass(frozen=True)
class PageSection:
    """One question and its answer.

    Attributes
    ----------
    id : str
        A word of lower-case letters, digits and hyphens, unique on the page.
    topic : str
        The question, in a few words.
    headline : str
        The answer in one sentence: the figure, what it is compared with.
    verdict : str or None
        How sure that is: one of the four words; None where the section claims nothing.
    text : tuple of str
        Paragraphs.
    picture : Picture or None
    tables : tuple of Table
    figures : mapping of str
        The figures of the section as plain numbers, or mappings of plain numbers; for programs.
    """

    id: str
    topic: str
    headline: str
    verdict: Verdict | None
    text: tuple[str, ...] = ()
    picture: Picture | None = None
    tables: tuple[Table, ...] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class MainPoint:
    """One of the sentences at the top, and the section it comes from."""

    section: str
    headline: str
    verdict: Verdict | None


@dataclass(frozen=True)
class ToDecide:
    """A question for the meeting, the facts behind it, and what could be done."""

    question: str
    facts: str
    options: tuple[str, ...]


@dataclass(frozen=True)
class Page:
    """A whole page.

    Attributes
    ----------
    title : str
    about : tuple of str
        Under the title: who reads it, what it is compared with, which rulebook.
    main : tuple of MainPoint
    legend : str
        What the words of the verdicts mean on this page.
    sections : tuple of PageSection
    decide : tuple of ToDecide
    limits : tuple of str
        What the page cannot say.
    footer : tuple of str
        Definitions, how it was made, from what.
    more : mapping of str
        What else the JSON holds beside these.
    """

    title: str
    about: tuple[str, ...]
    main: tuple[MainPoint, ...]
    legend: str
    sections: tuple[PageSection, ...]
    decide: tuple[ToDecide, ...] = ()
    limits: tuple[str, ...] = ()
    footer: tuple[str, ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The page as plain data; the same tables and rulebook give the same, to the byte of its JSON."""
        data = {part.name: plain(getattr(self, part.name)) for part in fields(self)}
        return {"schema": SCHEMA, **data.pop("more"), **data}

    def to_json(self) -> str:
        """The page as JSON."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def to_html(self) -> str:
        """The page as one HTML file that needs nothing else: no script, no request; for screens, phones and paper."""
        from leadscore.present.page_html import html  # noqa: PLC0415 - jinja2 is loaded when a page is asked for

        return html(self.to_dict())

    def to_markdown(self) -> str:
        """The page as Markdown, for a wiki or a pull request; pictures are told in words."""
        from leadscore.present.page_markdown import markdown  # noqa: PLC0415 - as above

        return markdown(self.to_dict())
