"""`review`: the page of facts that marketing and sales read together, as data first, then as HTML, Markdown or JSON."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.metadata import version
from typing import Any

from leadscore.base.arguments import Arguments
from leadscore.base.days import day_of, in_words
from leadscore.base.text import counted
from leadscore.errors import visible
from leadscore.meeting.decisions import Decisions
from leadscore.meeting.drafts import Asked, Draft, Silent, Written, corrected
from leadscore.meeting.not_yet import not_yet
from leadscore.meeting.sections import (
    accepted,
    also,
    balance,
    content,
    handed_over,
    missed,
    pipeline,
    promises,
    records,
    response,
    since_last_time,
    stuck,
    titles,
)
from leadscore.present.page import MainPoint, Page, PageSection
from leadscore.rulebook import Rulebook
from leadscore.sales.facts import Facts
from leadscore.scoring.scores import named
from leadscore.tables.tables import Tables
from leadscore.threshold.trials import Trial

# The sections in the order of the page.
_SECTIONS: tuple[Callable[[Facts, Asked], Draft | Silent], ...] = (
    since_last_time.draft,
    promises.draft,
    handed_over.draft,
    accepted.draft,
    response.draft,
    titles.draft,
    balance.draft,
    missed.draft,
    pipeline.draft,
    stuck.draft,
    content.draft,
    records.draft,
    also.draft,
)
_MAIN_POINTS, _TO_DECIDE = 6, 5
_ALWAYS_UNKNOWN = (
    "Whether leads that nobody worked would have been accepted. Only a few passed on at random can tell.",
    "What a source or an asset caused. Shares and rates here show what went together.",
    "Opportunities and wins of this period's MQLs: most have not had time to happen. They are counted when they do.",
    "How good a person is at the job. Figures by owner are few and depend on who was given which leads.",
)
_DEFINITIONS = (
    "MQL: a lead that came to sales in the period, by its first “mql” in it; without one, by the first that sales did.",
    "By points, hand-raise, below the bar: what the rulebook said at the end of the day the lead came to sales.",
    "Accepted: the first decision after that was “sal” or a stage further along; refused: “rejected” or “recycled”.",
    "Intervals are at 95%: shares by Wilson, differences by Newcombe, counts by Garwood, waits by Kaplan-Meier.",
)


@dataclass(frozen=True, eq=False, repr=False)
class Review:
    """A page that both teams read; made by `review` and `change_page`.

    It shows itself in notebooks, and as text without tables and pictures.

    Attributes
    ----------
    page : Page
        The sections as data, as `to_json` writes them; HTML and Markdown are rendered from that.
    """

    page: Page

    def to_html(self) -> str:
        """The page as one self-contained HTML file: no script, nothing loaded from anywhere."""
        return self.page.to_html()

    def to_markdown(self) -> str:
        """The page as Markdown; pictures are sentences with their figures."""
        return self.page.to_markdown()

    def to_dict(self) -> dict[str, Any]:
        """The page as plain data; `schema` numbers its form."""
        return self.page.to_dict()

    def to_json(self) -> str:
        """The page as JSON."""
        return self.page.to_json()

    def __repr__(self) -> str:
        return "\n".join(map(visible, _text(self.page)))

    def _repr_html_(self) -> str:
        page = escape(self.to_html())
        return f'<iframe srcdoc="{page}" sandbox title="Review" style="width:100%;height:900px;border:0"></iframe>'


def _text(page: Page) -> Iterator[str]:
    yield from (page.title, *page.about, "", "Main points:")
    yield from (f"- {_with_verdict(one)}" for one in page.main)
    for number, one in enumerate(page.sections, 1):
        yield from ("", f"{number}. {one.topic}", _with_verdict(one), *(f"  {line}" for line in one.text))
    for title, lines in (("To decide", [one.question for one in page.decide]), ("Not known", page.limits)):
        if lines:
            yield from ("", f"{title}:", *(f"- {line}" for line in lines))


def _with_verdict(one: MainPoint | PageSection) -> str:
    return f"{one.headline} ({one.verdict})" if one.verdict else one.headline


def review(  # noqa: PLR0913 - the period, and what the page is told
    tables: Tables,
    rulebook: Rulebook,
    *,
    start: Any,
    end: Any,
    observed_until: Any = None,
    decisions: Decisions | None = None,
    trials: Mapping[str, Trial] | None = None,
    few: int = 30,
) -> Review:
    """Answer the questions of the meeting of marketing and sales from their own data, on one page.

    A period is compared with the equally long one just before. Each section is one sentence with a figure, what it is
    compared with, and how sure that is: "Counted", a complete count; "Clear", a difference that holds after correcting
    for all comparisons of the page (Holm, 5 %); "Not clear"; "Too few to say". What no data came for is one line.

    Parameters
    ----------
    tables : Tables
        With outcomes; what else they hold (`deal_id`, `amount`, `owner`, `reason`, touches, costs) adds sections.
    rulebook : Rulebook
        Gives the time zone, the agreement of both sides, and the personas.
    start, end : date, or text as "2026-03-29"
        The first and the last day of the period, in the rulebook's time zone; whole weeks read best.
    observed_until : date, optional
        The last day whose outcomes are known; later ones do not exist. By default that of the tables.
    decisions : Decisions, optional
        What the teams decided before: `Decisions.read("decisions.yaml")`.
    trials : mapping of name to Trial, optional
        Those that run: `{"Coordinators": Trial.from_json(text)}`.
    few : int
        Of fewer cases nothing is claimed.

    Returns
    -------
    Review
        `page`, `to_html()`, `to_markdown()`, `to_json()`.

    Raises
    ------
    ArgumentError
        If there are no outcomes, the period is none or is not over, or tables were read in another time zone.

    References
    ----------
    Holm, S. (1979), Scandinavian Journal of Statistics 6, 65-70.

    Examples
    --------
    >>> import leadscore as ls
    >>> made = ls.datasets.make_company(4000, random_state=1)
    >>> tables = ls.load_tables(made.leads, made.events, made.outcomes, rulebook=made.rulebook)
    >>> found = review(tables, made.rulebook, start="2026-03-02", end="2026-03-29")
    >>> for point in found.page.main[:3]:
    ...     print(f"{point.headline} ({point.verdict})")
    Marketing kept 3 of its 3 promises and sales 2 of 3. (Counted)
    56 MQLs were handed over, against 50 in the four weeks before; 34 of them below the agreed bar. (Counted)
    Sales accepted 34 of 56 MQLs it has decided on, 61%; no clear change from 56%. (Not clear)
    """
    with Arguments("review") as given:
        given.types(decisions=(decisions, Decisions | None))
        given.types(trials=(trials, Mapping | None))
        for name, one in trials.items() if isinstance(trials, Mapping) else ():
            given.types(**{f"trials[{name!r}]": (one, Trial)})
        given.whole("few", few, least=2)
    asked = Asked(few, decisions, trials or {})
    facts = Facts.of("review", tables, rulebook, start=start, end=end, observed_until=observed_until)
    drafts = [draft(facts, asked) for draft in _SECTIONS]
    spoken = [one for one in drafts if isinstance(one, Draft)]
    comparisons = corrected(comparison for one in spoken for comparison in one.comparisons)
    written = [one.write(lambda name: comparisons[name]["clear"]) for one in spoken]
    silent = tuple(one.why for one in drafts if isinstance(one, Silent))
    limits = (*silent, *not_yet(facts), *_ALWAYS_UNKNOWN)
    return Review(_page(facts, asked, written, comparisons, limits))


def _page(
    facts: Facts, asked: Asked, written: Sequence[Written], comparisons: dict[str, Any], limits: tuple[str, ...]
) -> Page:
    # Each section's first point before any section's second.
    offered = [
        (rank, number, place, point)
        for place, one in enumerate(written)
        for number, (rank, point) in enumerate(one.main)
    ]
    main = sorted(sorted(offered, key=lambda one: one[:3])[:_MAIN_POINTS], key=lambda one: one[2])
    period, before = facts.period, facts.period.before
    return Page(
        title=f"Lead review, {period}",
        about=(
            f"Marketing and sales. Compared with the {period.length} before, {before}.",
            f"Outcomes recorded until {in_words(day_of(facts.until))}. Rulebook {named(facts.rulebook)}.",
        ),
        main=tuple(point for *_, point in main),
        legend=_legend(sum(not math.isnan(one["p"]) for one in comparisons.values()), asked.few),
        sections=tuple(one.section for one in written),
        decide=tuple(question for one in written for question in one.decide)[:_TO_DECIDE],
        limits=limits,
        footer=(*_DEFINITIONS, _made_from(facts)),
        more={
            "period": {
                "start": day_of(period.first), "end": day_of(period.last), "timezone": facts.tables.timezone,
                "before_start": day_of(before.first), "before_end": day_of(before.last),
                "observed_until": day_of(facts.until),
            },
            "comparisons": comparisons,
        },
    )  # fmt: skip


def _legend(n: int, few: int) -> str:
    return (
        "Clear: differs from last period or from what was agreed, at 95% after correcting for the "
        f"{counted(n, 'comparison')} on this page. Counted: a complete count, no estimate. "
        f"Not clear: the data allow either answer. Too few to say: fewer than {few} cases."
    )


def _made_from(facts: Facts) -> str:
    tables = facts.tables
    sizes = {"lead": len(tables.ids), "event": len(tables.events), "outcome": len(facts.stages.lead)}
    *first, last = [counted(size, name) for name, size in sizes.items()]
    digest = hashlib.sha256(facts.rulebook.to_yaml().encode()).hexdigest()[:12]
    return (
        f"Made by leadscore {version('leadscore')} from {', '.join(first)} and {last}, by the rulebook "
        f"{named(facts.rulebook)} (SHA-256 {digest}). The same tables and rulebook give the same page."
    )
