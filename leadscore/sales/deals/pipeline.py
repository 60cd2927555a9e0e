"""The opportunities opened in a period, what they are worth, and how that is divided among channels, by six rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from leadscore.base.arguments import Arguments
from leadscore.base.stages import or_further
from leadscore.base.text import counted
from leadscore.errors import ArgumentError
from leadscore.present.figures import money
from leadscore.present.result import Result, Section
from leadscore.rulebook import Rulebook
from leadscore.sales.deals.attribution import FEW_DEALS, Opened
from leadscore.sales.deals.channel_costs import bringing_nothing, cost_per, cost_text, spent
from leadscore.sales.deals.deals import NO_DEALS, currency_of
from leadscore.sales.deals.touch_paths import ChannelTouches, channel_touches
from leadscore.sales.facts import Facts
from leadscore.stats.intervals import Floats, Ints
from leadscore.tables.outcomes import NEVER
from leadscore.tables.tables import Tables


@dataclass(frozen=True, eq=False, repr=False)
class Pipeline(Result):
    """The opportunities opened in a period, by channel; made by `pipeline`.

    Attributes
    ----------
    period : str
    opened, opened_before : int
        Opportunities opened in the period, and in the equally long one before it.
    amount, amount_before : float
        What they are worth.
    without_amount : int
        How many opened in the period have no amount; they count, and are worth nothing here.
    currency : str
        As the tables say it; "" where they do not.
    frame : DataFrame, index channel, then "(no touch in the window)" and "(all)"
        The amount by each rule, `first`, `last`, `even`, `position`, `decay`, `removal`, with `_low` and `_high` (95 %,
        bootstrap of accounts); `lowest` and `highest` of the six. Every rule sums to all, to the cent.
    channels : DataFrame, index channel
        `sourced` opportunities (first touch) and `sourced_amount`, which sum to all; `influenced` ones (any touch) and
        `influenced_amount`, which overlap: they must not be added.
    costs : DataFrame, index channel
        `spend` of the period; `mqls`, `accepted`, `opportunities` of it, by the channel of the first touch, and what
        each cost (`per_mql`, .. with its interval, 95 % Garwood); `pipeline_per_1` of cost (bootstrap).
    nothing : DataFrame, index channel
        Channels that cost and have no touch before any opportunity of `nothing_over`: `spend`, `expected`, `p`, `q`.
    nothing_over : str
        Twelve weeks or more, as far as their costs are known; "" where no costs are.
    nothing_of, nothing_spend : int, float
        The opportunities of those days with a first touch of a channel that cost, and all costs of them.
    notes : tuple of str
    """

    period: str
    opened: int
    opened_before: int
    amount: float
    amount_before: float
    without_amount: int
    currency: str
    frame: pd.DataFrame
    channels: pd.DataFrame
    costs: pd.DataFrame
    nothing: pd.DataFrame
    nothing_over: str
    nothing_of: int
    nothing_spend: float
    notes: tuple[str, ...]

    @property
    def headline(self) -> str:
        """How many opportunities were opened, and what they are worth."""
        before = f"against {self.opened_before:,} worth {money(self.amount_before, self.currency)} in the period before"
        opened = counted(self.opened, "opportunity", "opportunities")
        were = "was" if self.opened == 1 else "were"
        return f"{opened} worth {money(self.amount, self.currency)} {were} opened in {self.period}, {before}."

    def sections(self) -> Iterator[Section]:
        """The amounts by rule, sourced and influenced, and costs."""
        yield Section("frame", "Pipeline opened by channel and rule; each rule sums to the total", self.frame)
        yield Section(
            "channels",
            "Sourced (first touch) and influenced (any touch)",
            self.channels,
            notes=("Influenced amounts overlap and must not be added.",),
        )
        if len(self.costs):
            yield Section("costs", "Costs by channel of the first touch", self.costs, shown=self.costs_text)
        if len(self.nothing):
            title = f"Channels that cost and have no touch before an opportunity, {self.nothing_over}"
            yield Section("nothing", title, self.nothing)

    @property
    def costs_text(self) -> pd.DataFrame:
        """The costs as people read them."""
        currency = self.currency
        shown = pd.DataFrame({"spend": [money(spend, currency) for spend in self.costs["spend"]]})
        shown = shown.set_axis(self.costs.index)
        for count, each in _EACH.items():
            pairs = zip(self.costs["spend"], self.costs[count], strict=True)
            shown[each] = [cost_text(spend, n, currency) for spend, n in pairs]
        ratio = self.costs["pipeline_per_1"]
        ends = zip(ratio, self.costs["pipeline_per_1_low"], self.costs["pipeline_per_1_high"], strict=True)
        shown["pipeline_per_1"] = [
            "" if np.isnan(one) else f"{_roughly(one)} ({_roughly(low)} to {_roughly(high)})" for one, low, high in ends
        ]
        return shown


def _roughly(value: float) -> str:
    """A number to two figures, without an exponent."""
    return f"{float(f'{value:.2g}'):,g}"


_ACCEPTED = or_further("sal")
_EACH = {"mqls": "per_mql", "accepted": "per_accepted", "opportunities": "per_opportunity"}


def pipeline(  # noqa: PLR0913 - a period, and how touches are looked at
    tables: Tables,
    rulebook: Rulebook,
    *,
    start: Any,
    end: Any,
    observed_until: Any = None,
    lookback_days: int = 180,
    half_life_days: float = 14,
    lag_days: int = 0,
) -> Pipeline:
    """What opportunities were opened in a period, and how their worth is divided among channels by six rules.

    An opportunity is a `deal_id`, once, whoever of the leads it stands at; its worth is the amount at its opening. Its
    touches are those of all its leads in the days before; a channel counts once a day. Without a table of touches the
    creation of a lead, with its column `source`, is its only touch. None of the rules says what a channel caused: for
    that some regions, or people drawn at random, must go without it.

    Parameters
    ----------
    tables : Tables
        With outcomes that have `deal_id` and `amount`; `touches` and `costs` where there are any.
    rulebook : Rulebook
    start, end : date, or text as "2026-03-31"
        The first and the last day of the period.
    observed_until : date, optional
        The last day whose outcomes are known; by default that of the tables.
    lookback_days : int
        How long before an opportunity a touch counts.
    half_life_days : float
        By decay a touch counts half as much as one so many days younger.
    lag_days : int
        Costs are those of so many days earlier than the period, where money takes time to become pipeline.

    Returns
    -------
    Pipeline
        `headline`, `notes`, `frame`, `channels`, `costs`, `nothing`.

    Raises
    ------
    ArgumentError
        If there are no outcomes, they have no `deal_id`, amounts are in several currencies, or an argument is wrong.

    Notes
    -----
    First and last: all to that touch. Even: the same to each. Position: 40 % to the first and the last, 20 % to those
    between. Decay: by half-lives. Removal: how much less often a first-order Markov chain would end with an opportunity
    without the channel, over these paths and those of leads without a deal. Amounts are divided in whole cents, odd
    ones by the largest remainder. Touches of one moment go by name.

    Intervals resample accounts (column `account_id`; else leads) with all their paths 1,000 times, and divide again.
    Which rule is chosen often matters more: see `lowest` and `highest`.

    References
    ----------
    Anderl, E. et al. (2016), Mapping the customer journey, International Journal of Research in Marketing 33, 457-474.
    Garwood, F. (1936), Fiducial limits for the Poisson distribution, Biometrika 28, 437-442.

    Examples
    --------
    >>> import leadscore as ls
    >>> book = ls.Rulebook.from_yaml("{leadscore: 1, name: x, fit: [], behaviour: [], qualify: {threshold: 0}}")
    >>> outcomes = pd.DataFrame(
    ...     {"lead_id": ["a"], "stage": "opportunity", "at": "2026-03-12", "deal_id": "D1", "amount": 30_000}
    ... )
    >>> touches = pd.DataFrame(
    ...     {"lead_id": "a", "at": ["2026-01-31", "2026-03-02", "2026-03-11"], "channel": ["webinar", "email", "email"]}
    ... )
    >>> leads = pd.DataFrame({"lead_id": ["a"]})
    >>> tables = ls.load_tables(leads, None, outcomes, touches=touches, observed_until="2026-03-29")
    >>> found = pipeline(tables, book, start="2026-03-02", end="2026-03-29")
    >>> found.headline
    '1 opportunity worth 30k was opened in 2 to 29 March 2026, against 0 worth 0 in the period before.'
    >>> found.frame.loc[["webinar", "email"], ["first", "last", "even", "position"]].values.tolist()
    [[30000.0, 0.0, 10000.0, 12000.0], [0.0, 30000.0, 20000.0, 18000.0]]
    """
    with Arguments("pipeline") as given:
        lookback = given.whole("lookback_days", lookback_days, least=1)
        half_life = given.number("half_life_days", half_life_days, above=0)
        lag = given.whole("lag_days", lag_days, least=0)
        facts = Facts.of("pipeline", tables, rulebook, start=start, end=end, observed_until=observed_until)
    return pipeline_of(facts, lookback_days=lookback, half_life_days=half_life, lag_days=lag)


def pipeline_of(facts: Facts, *, lookback_days: int = 180, half_life_days: float = 14, lag_days: int = 0) -> Pipeline:
    """The pipeline of a period."""
    if facts.deals is None:
        raise ArgumentError("tables", NO_DEALS)
    touches = channel_touches(facts.tables, facts.until)
    deals, before = (facts.deals.opened_in(period) for period in (facts.period, facts.period.before))
    opened = Opened(facts, touches, deals, lookback_days, half_life_days)
    frame, drawn = opened.divided()
    costs, notes = _costs(opened, drawn, lag_days)
    nothing, over, of, spend = _nothing(opened, lag_days)
    return Pipeline(
        period=str(facts.period),
        opened=len(deals),
        opened_before=len(before),
        amount=float(opened.cents.sum() / 100),
        amount_before=float(before["amount"].sum()),
        without_amount=int(deals["amount"].isna().sum()),
        currency=currency_of(facts.tables),
        frame=frame,
        channels=opened.channels(),
        costs=costs,
        nothing=nothing,
        nothing_over=over,
        nothing_of=of,
        nothing_spend=spend,
        notes=(*_notes(opened), *notes, *facts.deals.notes),
    )


def _notes(opened: Opened) -> list[str]:
    """What to know before the amounts are believed."""
    notes = []
    if without := int(opened.deals["amount"].isna().sum()):
        notes.append(f"{counted(without, 'opportunity', 'opportunities')} without an amount: counted, worth 0.")
    if len(opened.deals) < FEW_DEALS:
        notes.append(f"No intervals: fewer than {FEW_DEALS} opportunities.")
    if opened.facts.tables.touched is None:
        notes.append("No table of touches: the creation of a lead, by its source, is its only touch.")
    return notes


def _costs(opened: Opened, drawn: Floats, lag_days: int) -> tuple[pd.DataFrame, list[str]]:
    """`Pipeline.costs`, and what to know of them."""
    facts, touches = opened.facts, opened.touches
    period = facts.period.earlier(lag_days)
    spend = spent(facts.tables.costs, period)
    if spend is None:
        known = [] if facts.tables.costs is None else [f"Costs of a month of {period} are missing: no cost per stage."]
        return pd.DataFrame(), known
    counts = {**_reached(facts, touches), "opportunities": opened.sourced}
    worth, rows = opened.cents @ opened.shares[0] / 100, []
    for channel, amount in touches.named(spend).items():
        place = touches.names.index(channel) if channel in touches.names else None
        n = {name: 0 if place is None else int(count[place]) for name, count in counts.items()}
        ratio = (np.nan,) * 3
        if place is not None and n["opportunities"] >= FEW_DEALS:
            ratio = (worth[place] / amount, *np.quantile(drawn[:, place], [0.025, 0.975]) / amount)
        rows.append(_cost_row(channel, amount, n, ratio))
    notes = [f"Costs of {period} beside stages reached in {facts.period}: long sales cycles make this early."]
    if unknown := ", ".join(sorted(spend.keys() - touches.places.keys())):
        notes.append(f"Channels with costs that no touch names: {unknown}. Do touches call them something else?")
    return pd.DataFrame(rows).set_index("channel") if rows else pd.DataFrame(), notes


def _reached(facts: Facts, touches: ChannelTouches) -> dict[str, Ints]:
    """MQLs of the period and leads accepted in it, by the channel of their first touch, (n_channels,) each."""
    n_leads = len(facts.tables.ids)
    days = facts.stages.times.days(facts.tables.timezone)
    handed = facts.handovers.during(facts.period)
    came = np.full(n_leads, NEVER)
    came[handed["lead"].to_numpy(np.int64)] = handed["day"].to_numpy(np.int64)
    found = {}
    for name, day in (("mqls", came), ("accepted", facts.stages.first(n_leads, days, facts.stages.of(*_ACCEPTED)))):
        channel = touches.first_by(day)[facts.period.holds(day)]
        found[name] = np.bincount(channel[channel >= 0], minlength=len(touches.names))
    return found


def _cost_row(channel: str, amount: float, counts: dict[str, int], ratio: tuple[float, ...]) -> dict[str, Any]:
    row: dict[str, Any] = {"channel": channel, "spend": amount}
    for name, each in _EACH.items():
        value, low, high = cost_per(amount, counts[name])
        row |= {name: counts[name], each: value, f"{each}_low": low, f"{each}_high": high}
    return row | dict(zip(("pipeline_per_1", "pipeline_per_1_low", "pipeline_per_1_high"), ratio, strict=True))


def _nothing(opened: Opened, lag_days: int) -> tuple[pd.DataFrame, str, int, float]:
    """`Pipeline.nothing`, the days it looks at, the opportunities of channels that cost in them, and these costs."""
    facts, touches = opened.facts, opened.touches
    assert facts.deals is not None
    for period in (facts.span, facts.period):
        spend = spent(facts.tables.costs, period.earlier(lag_days))
        if spend is None:
            continue
        longer = replace(opened, deals=facts.deals.opened_in(period))
        sourced = dict(zip(touches.names, longer.sourced.tolist(), strict=True))
        touching = {touches.names[place] for place in np.unique(longer.paths.channel).tolist()}
        named = touches.named(spend)
        found = bringing_nothing(named, sourced, touching)
        return found, str(period), sum(sourced.get(name, 0) for name in named), sum(named.values())
    return bringing_nothing({}, {}, ()), "", 0, 0.0
