"""Whether scores still mean what they meant: outcomes by period, labels as they arrive, ranks, response times."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadscore.columns import day_of
from leadscore.drift.arrivals import FEWEST_WEEKS, Waiting, arrivals
from leadscore.drift.periods import ALL, Known, answers, bands, corrected, grouped, ranking, rates, relations
from leadscore.drift.told import of_arrivals, of_ranking, of_rates, of_relations, of_responses
from leadscore.errors import ArgumentError, Problem
from leadscore.evaluation import Floats, Ints
from leadscore.labels import label, when_scored
from leadscore.measures import outcomes_and_scores
from leadscore.outcomes import FUNNEL, NEVER, or_further
from leadscore.rulebook import Rulebook
from leadscore.scoring.replay import History
from leadscore.tables import Tables

Mask = npt.NDArray[np.bool_]

_PERIODS = {"week": "W-SUN", "month": "M", "quarter": "Q"}


@dataclass(frozen=True, repr=False)
class OutcomeDrift:
    """What became of scored leads, by period; made by `outcome_drift` and `outcomes_by_period`.

    Attributes
    ----------
    state : stable, watch, alarm, learning, or "" where labels could not be watched as they arrive
        Of that alone; the other parts are in `findings`.
    rates : DataFrame, index (measure, by, group, period)
        Of leads whose outcome is known: `n`, `reached`, `share` with `low`, `high` (95 %, however often looked at),
        `expected` (the share that their scores let expect; of the outcome itself) and, of periods after the reference,
        `p` beside the same group there: it holds at any look, and is corrected by Holm, for all leads over periods, for
        groups over all of them and periods. `measure` is worked, sal and the stage asked for; `by` is (all), score or a
        column.
    changes : DataFrame, index (measure, by, group)
        The same of the reference (`n_reference`, ...) beside all leads since; `change` is the difference of shares.
    arrivals : DataFrame, index week
        `labels` that came, `expected`, `ratio`, the figures watched and their evidence, as in `Arrivals.weeks`.
    ages : DataFrame, index days
        How soon labels of leads scored lately came, as in `Arrivals.ages`.
    ranking : DataFrame, index period, the first row the reference
        `n`, `events`, `auc` with `low`, `high` (95 %, DeLong); `change` beside the reference with `change_low`,
        `change_high`, `p` (corrected over periods by Holm); `reason`, where there is none.
    relations : DataFrame, index (attribute, period)
        The same of each attribute alone, corrected over all of them, and whether it `flipped`: ranks the other way
        round than in the reference, both surely.
    responses : DataFrame, index period
        Response times: `n`, `contacted`, `waiting`, `median` in minutes, the `share` answered in the time agreed (in 24
        hours, if none is), with `low`, `high`, `change`, `p` (Holm).
    known : DataFrame, index part
        `until`: up to when leads were scored, or weeks ended, that each part can know of.
    findings : list of str
        What changed, how late each part can know, and what could not be looked at.
    """

    state: str
    rates: pd.DataFrame
    changes: pd.DataFrame
    arrivals: pd.DataFrame
    ages: pd.DataFrame
    ranking: pd.DataFrame
    relations: pd.DataFrame
    responses: pd.DataFrame
    known: pd.DataFrame
    findings: list[str]

    @property
    def frames(self) -> dict[str, pd.DataFrame]:
        """All of its tables by name, without those that are empty."""
        names = ("changes", "rates", "arrivals", "ages", "ranking", "relations", "responses", "known")
        return {name: getattr(self, name) for name in names if len(getattr(self, name))}

    @property
    def _title(self) -> str:
        return f"Outcome drift{f': labels as they arrive are {self.state}' if self.state else ''}"

    def __repr__(self) -> str:
        return "\n".join([self._title, *(f"- {finding}" for finding in self.findings)])

    def _repr_html_(self) -> str:
        items = "".join(f"<li>{escape(finding)}</li>" for finding in self.findings)
        tables = (frame for name, frame in self.frames.items() if name in {"changes", "ages", "ranking", "responses"})
        shown = "".join(frame.to_html(na_rep="", float_format="{:.3g}".format) for frame in tables)
        return f"<p>{escape(self._title)}</p><ul>{items}</ul>{shown}"


class _Scored(NamedTuple):
    """Leads that could reach the stage; all columns have one entry per lead, days as in `Waiting`."""

    day: Ints
    delay: Ints
    score: Floats
    scored_at: pd.Series[Any]


def outcome_drift(  # noqa: PLR0913 - each of them is part of what is asked
    tables: Tables,
    score: History | pd.Series[Any],
    *,
    within_days: int,
    stage: str = "opportunity",
    scored_at: pd.Series[Any] | None = None,
    probabilities: bool = False,
    by: Sequence[str] = (),
    period: Literal["week", "month", "quarter"] = "month",
    rulebook: Rulebook | None = None,
    reference_weeks: int = 52,
    horizon_weeks: int = 104,
    budget: float = 0.1,
    observed_until: Any = None,
) -> OutcomeDrift:
    """Say whether scored leads still become what they became, and how late that can be known.

    Four looks: (1) the share of leads worked, accepted and converted, by score and segment, of leads whose days are
    over; (2) labels as they arrive, each week, beside what the scores of all open leads let expect by then, which does
    not wait for anything to be over; (3) how well the score ranks; (4) how soon sales responds.

    Parameters
    ----------
    tables : Tables
        With outcomes.
    score : History, or Series by lead_id
        Each lead once: when it was scored, and its points or probability then. Of a History: the leads that came to
        qualify, with their points, from the moment they did.
    within_days : int
        The stage must be reached on one of so many days after the score.
    stage : str
    scored_at : Series by lead_id
        The day, or time with a zone, of each score; not with a History.
    probabilities : bool
        The scores are chances to reach the stage so; else the reference tells what each fifth of points is worth.
    by : lead columns by which rates are looked at
    period : {"week", "month", "quarter"}
        In which leads were scored.
    rulebook : Rulebook, optional
        Says in which time MQLs are to be answered; of a History its own.
    reference_weeks : int
        The first so many weeks are what everything is compared with; 26 or more.
    horizon_weeks, budget
        If nothing changes, labels as they arrive alarm within so many weeks with a chance of at most the budget, as far
        as weeks are exchangeable once season and last week are taken out.
    observed_until : date, optional
        The last day whose outcomes are known. By default that of the tables.

    Returns
    -------
    OutcomeDrift

    Raises
    ------
    ArgumentError
        If an argument is none of these, or no lead could reach the stage.

    Notes
    -----
    If fewer leads are worked, fewer convert, whatever the score is worth: the share worked is looked at first. In
    `benchmarks/outcomes.py` conversion times 0.7 is found 19 weeks after, by labels as they arrive; by cohorts of 20
    weeks, after 34.

    Examples
    --------
    >>> import leadscore as ls
    >>> from leadscore.datasets import make_funnel
    >>> made = make_funnel(8000, random_state=1, days=500)
    >>> tables = ls.load_tables(made.leads, made.events, made.outcomes, rulebook=made.rulebook)
    >>> history = ls.replay(tables, made.rulebook, start="2024-12-01", end="2026-03-31")
    >>> found = outcome_drift(tables, history, within_days=60)
    >>> found.state, found.changes.loc[("opportunity", "(all)", "(all)"), ["n_reference", "n"]].astype(int).to_list()
    ('stable', [763, 145])
    """
    problems = _unmeant(score, scored_at, by, period, reference_weeks, horizon_weeks, budget)
    if problems:
        raise ArgumentError("outcome_drift", problems)
    until = tables.observed(observed_until)[1]
    leads = _scored(tables, *_given(score, scored_at, probabilities=probabilities), stage, within_days, until)
    monday = int(leads.day.min()) - (int(leads.day.min()) + 3) % 7
    reference_end = monday + 7 * reference_weeks - 1
    reference = leads.day <= reference_end
    band, names = bands(leads.score, reference)
    waiting = Waiting(leads.day, leads.delay, leads.score, within_days, until)
    if not probabilities:
        learned = waiting.of(reference)._replace(last_day=min(reference_end, until))
        waiting = waiting._replace(chance=_worth(learned, band[reference], len(names))[band])
    watched = arrivals(waiting, monday, reference_weeks=reference_weeks, horizon_weeks=horizon_weeks, budget=budget)

    mature = leads.day + within_days <= until
    periods_of = _periods_of(period)
    known = _known(leads.delay <= within_days, leads.score, periods_of(leads.day), reference, mature)
    columns = {name: grouped(tables.groups(name).reindex(leads.scored_at.index[mature])) for name in by}
    measures = _measures(tables, leads.scored_at[mature], stage, within_days, until)
    attributes = {}
    if isinstance(score, History):
        rulebook = rulebook or score.rulebook
        attributes = {part: score.frame[part].reindex(leads.scored_at.index[mature]) for part in ("fit", "behaviour")}
    last = day_of(until - within_days)
    when = f"scored up to {last}: newer ones have no {within_days}-day outcome by {day_of(until)}"
    found = _looked_at(
        known, {**measures, stage: (np.ones(len(known.had), bool), known.had)},
        {"score": (band[mature], names), **columns}, waiting.chance[mature], attributes, when,
    )  # fmt: skip
    responses, said = _responses(tables, rulebook, score, periods_of, reference_end, until)
    late = {"rates": last, "ranking": last, "arrivals": watched.until, "responses": day_of(until)}
    return replace(
        found,
        state=watched.state,
        arrivals=watched.weeks,
        ages=watched.ages,
        responses=responses,
        known=pd.DataFrame({"until": late.values()}, pd.Index(late, name="part")),
        findings=[*of_arrivals(watched, within_days, day_of(until)), *found.findings, *said],
    )


def outcomes_by_period(  # noqa: PLR0913 - each of them is part of what is asked
    y: Any,
    score: Any,
    period: Any,
    *,
    reference: int,
    by: pd.DataFrame | None = None,
    attributes: pd.DataFrame | None = None,
    probabilities: bool = False,
) -> OutcomeDrift:
    """The same of plain columns, one row per lead: rates, ranks and relations by period, beside the first periods.

    Labels as they arrive and response times need days: `outcome_drift` looks at them.

    Parameters
    ----------
    y : (n_leads,) True, False or missing; 1 and 0 will do
        Missing where it cannot be known yet: a lead whose days are not over counts nowhere.
    score : (n_leads,) numbers, higher is hotter
    period : (n_leads,) of any kind that can be put in order
        In which each lead was scored; of an ordered categorical in its order.
    reference : int
        The first so many periods are what the others are compared with.
    by : DataFrame, optional
        Columns by which rates are looked at.
    attributes : DataFrame, optional
        Columns that are looked at alone for relations that flipped; what is no number counts by the rate of each of its
        values in the reference.
    probabilities : bool
        The scores are chances of the outcome; else the reference tells what each fifth of scores is worth.

    Returns
    -------
    OutcomeDrift
        `arrivals`, `ages`, `responses` and `known` are empty.

    Raises
    ------
    ArgumentError
        If columns differ in length or index, hold what they must not, or there are not more periods than the reference.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> block, points = np.repeat(range(8), 500), rng.normal(size=4000)
    >>> had = rng.random(4000) < np.where(block < 6, 0.2 + 0.1 * (points > 0), 0.3 - 0.2 * (points > 0))
    >>> print(outcomes_by_period(had, points, block, reference=4).findings[-1])
    Ranks: in 2 periods leads of higher score have the outcome less often, first in 6: AUC 0.36 (0.30 to 0.42).
    """
    outcome, given, place, periods = _columns(y, score, period, reference, by, attributes, probabilities=probabilities)
    there = outcome.notna().to_numpy()
    had, points = outcomes_and_scores(outcome, given)[:2]
    place = place[there]
    known = Known(had, points, place, place < reference, periods)
    band, names = bands(points, known.reference)
    n, reached = (np.bincount(band[known.reference], weights, len(names)) for weights in (None, had[known.reference]))
    # A band without leads in the reference tells nothing.
    chance = points if probabilities else (reached / np.where(n > 0, n, np.nan))[band]
    groups = {"score": (band, names)}
    groups |= {} if by is None else {str(name): grouped(column[there]) for name, column in by.items()}
    own = {} if attributes is None else {str(name): column[there] for name, column in attributes.items()}
    when = f"in {len(periods)} periods, the first {reference} of which are the reference"
    unknown = int((~there).sum())
    when += f"; {unknown:,} of unknown outcome are left out" if unknown else ""
    return _looked_at(known, {"outcome": (np.ones(len(had), bool), had)}, groups, chance, own, when)


def _looked_at(  # noqa: PLR0913, PLR0917 - what all looks stand on
    known: Known,
    measures: dict[str, tuple[Mask, Mask]],
    groups: dict[str, tuple[Ints, list[str]]],
    chance: Floats,
    attributes: dict[str, pd.Series[Any]],
    when: str,
) -> OutcomeDrift:
    """Rates, ranks and relations of leads whose outcome is known."""
    everyone = {ALL: (np.zeros(len(known.had), np.int64), [ALL]), **groups}
    found = []
    for measure, (there, had) in measures.items():
        some = Known(had[there], known.score[there], known.period[there], known.reference[there], known.periods)
        # Scores tell of the outcome itself only.
        told = chance[there] if measure == list(measures)[-1] else np.full(int(there.sum()), np.nan)
        found.append(rates(some, measure, {by: (code[there], names) for by, (code, names) in everyone.items()}, told))
    by_period, changes = (pd.concat(parts) for parts in zip(*found, strict=True))
    # In order, so that parts of its index are looked up fast.
    by_period = by_period.sort_index()
    ranks = ranking(known, known.score)
    ranks["p"] = corrected(ranks["p"])
    related = relations(known, attributes) if attributes else pd.DataFrame()
    findings = [*of_rates(changes, when), *of_relations(related), *of_ranking(ranks)]
    none = pd.DataFrame()
    return OutcomeDrift("", by_period, changes, none, none, ranks, related, none, none, findings)


def _unmeant(  # noqa: PLR0913, PLR0917 - the arguments of `outcome_drift`
    score: Any, scored_at: Any, by: Any, period: Any, reference_weeks: Any, horizon_weeks: Any, budget: Any
) -> list[Problem]:
    problems = []
    if not isinstance(score, (History, pd.Series)):
        problems.append(Problem("score", f"must be a History, or a Series by lead_id; got a {type(score).__name__}"))
    if isinstance(score, History) == (scored_at is not None):
        message = "goes with a Series of scores, by lead_id: when each was made; a History knows it"
        problems.append(Problem("scored_at", message))
    elif scored_at is not None and not isinstance(scored_at, pd.Series):
        problems.append(Problem("scored_at", f"must be a Series by lead_id; got a {type(scored_at).__name__}"))
    if isinstance(by, str):
        problems.append(Problem("by", f"must be a list of columns; got the text {by!r}"))
    if period not in _PERIODS:
        problems.append(Problem("period", f"must be one of {', '.join(map(repr, _PERIODS))}; got {period!r}"))
    for name, weeks, least in (("reference_weeks", reference_weeks, FEWEST_WEEKS), ("horizon_weeks", horizon_weeks, 1)):
        if type(weeks) is not int or weeks < least:
            problems.append(Problem(name, f"must be a whole number of weeks, {least} or more; got {weeks!r}"))
    if isinstance(budget, bool) or not isinstance(budget, (int, float)) or not 0 < budget < 1:
        problems.append(Problem("budget", f"must lie between 0 and 1; got {budget!r}"))
    return problems


def _given(
    score: History | pd.Series[Any], scored_at: pd.Series[Any] | None, *, probabilities: bool
) -> tuple[pd.Series[Any], pd.Series[Any]]:
    """Points or probabilities, and when they were given, of the same leads."""
    if isinstance(score, History):
        new = score.frame[~score.frame["already"]]
        if not len(new):
            raise ArgumentError("score", "no lead came to qualify in the period of the history")
        # Where some leads qualified at an unknown time of day, all of them are taken by the day.
        timed = new["qualified_at"].notna().all()
        score, scored_at = new["total"], new["qualified_at" if timed else "day"]
    assert scored_at is not None
    problems = []
    for name, column in (("score", score), ("scored_at", scored_at)):
        if column.index.has_duplicates:
            twice = column.index[column.index.duplicated()].unique()
            first = ", ".join(map(repr, twice[:5]))
            problems.append(Problem(name, f"has {len(twice):,} leads more than once, as {first}: none may count twice"))
    if not problems and len(score.index.symmetric_difference(scored_at.index)):
        problems.append(Problem("scored_at", "must have the leads that score has, and no others"))
    problems += _no_score(score, probabilities=probabilities)
    if problems:
        raise ArgumentError("outcome_drift", problems)
    return score, scored_at.reindex(score.index)


def _no_score(score: pd.Series[Any], *, probabilities: bool) -> list[Problem]:
    if not pd.api.types.is_numeric_dtype(score) or pd.api.types.is_bool_dtype(score):
        return [Problem("score", f"must hold numbers; got {score.dtype}")]
    numbers = score.to_numpy(np.float64, na_value=np.nan)
    wrong = ~np.isfinite(numbers)
    if probabilities:
        wrong |= ~((numbers >= 0) & (numbers <= 1))
    if not wrong.any():
        return []
    what = "probability from 0 to 1" if probabilities else "finite score"
    first = ", ".join(map(repr, score.index[wrong][:5]))
    return [Problem("score", f"{int(wrong.sum()):,} leads have no {what}: {first}")]


def _scored(  # noqa: PLR0913, PLR0917 - what a label is made of
    tables: Tables, score: pd.Series[Any], scored_at: pd.Series[Any], stage: str, within_days: int, until: int
) -> _Scored:
    """The leads that could reach the stage after their score, up to the last day observed."""
    # As if all days were over: what has no label then could never have one.
    could = label(
        tables, stage=stage, scored_at=scored_at, within_days=within_days, observed_until=day_of(until + within_days)
    ).notna()
    lead, day, _, _ = when_scored(tables, scored_at)
    kept = could.to_numpy() & (day <= until)
    if not kept.any():
        message = f"none of {len(score):,} leads could reach {stage} after its score, up to {day_of(until)}"
        raise ArgumentError("score", message)
    stages = tables.observed(day_of(until))[0]
    first = stages.first(len(tables.ids), stages.times.days(tables.timezone), stages.of(*or_further(stage)))[lead]
    delay = np.where(first == NEVER, within_days + 1, np.minimum(first, NEVER - 1) - day)
    delay = np.minimum(delay, within_days + 1)
    return _Scored(day[kept], delay[kept], score.to_numpy(np.float64)[kept], scored_at[kept])


def _worth(reference: Waiting, band: Ints, n_bands: int) -> Floats:
    """(n_bands,) how likely leads of each band are to have the outcome, as the reference knows by its end."""
    of_all = 1 - reference.survival()[-1]
    found = [1 - reference.of(band == one).survival()[-1] for one in range(n_bands)]
    return np.array([of_all if np.isnan(one) else one for one in found])


def _periods_of(period: str) -> Callable[[Ints], pd.DatetimeIndex]:
    """What gives each day since 1970 the first day of its period."""

    def first(day: Ints) -> pd.DatetimeIndex:
        days = pd.DatetimeIndex(np.asarray(day).astype("datetime64[D]").astype("datetime64[us]"))
        return days.to_period(_PERIODS[period]).to_timestamp().as_unit("us")

    return first


def _known(had: Mask, score: Floats, period: pd.DatetimeIndex, reference: Mask, mature: Mask) -> Known:
    codes, periods = pd.factorize(period[mature], sort=True)
    return Known(had[mature], score[mature], codes.astype(np.int64), reference[mature], pd.Index(periods))


def _measures(
    tables: Tables, scored_at: pd.Series[Any], stage: str, within_days: int, until: int
) -> dict[str, tuple[Mask, Mask]]:
    """Which leads sales worked, and of which it is known whether it accepted them: who counts, and who was."""
    if not len(scored_at):
        return {}

    def known(of: str, **options: Any) -> pd.Series[Any]:
        return label(
            tables, stage=of, scored_at=scored_at, within_days=within_days, observed_until=day_of(until), **options
        )

    everyone = np.ones(len(scored_at), bool)
    found = {"worked": (everyone, known(stage, worked_only=True).notna().to_numpy())}
    recorded = tables.stages is not None and tables.stages.of("sal").any()
    if stage in FUNNEL[3:] and recorded:
        accepted = known("sal")
        found["sal"] = accepted.notna().to_numpy(), accepted.fillna(value=False).to_numpy(bool)
    return found


def _responses(  # noqa: PLR0913, PLR0917 - what response times are made of
    tables: Tables,
    rulebook: Rulebook | None,
    score: Any,
    periods_of: Callable[[Ints], pd.DatetimeIndex],
    reference_end: int,
    until: int,
) -> tuple[pd.DataFrame, list[str]]:
    """`OutcomeDrift.responses` and what is said of them, or why there are none."""
    if rulebook is None:
        return pd.DataFrame(), ["Response times are not looked at: rulebook=... says in which time MQLs are answered."]
    history = score if isinstance(score, History) else None
    try:
        frame, share = answers(tables, rulebook, history, periods_of, reference_end, day_of(until))
    except ArgumentError as error:
        why = "; ".join(str(problem) for problem in error.problems)
        return pd.DataFrame(), [f"Response times are not looked at: {why}."]
    return frame, list(of_responses(frame, share, day_of(until)))


def _columns(  # noqa: PLR0913, PLR0917 - the arguments of `outcomes_by_period`
    y: Any, score: Any, period: Any, reference: Any, by: Any, attributes: Any, *, probabilities: bool
) -> tuple[pd.Series[Any], pd.Series[Any], Ints, pd.Index[Any]]:
    """Outcomes, scores and positions among the periods, row by row, checked."""
    given = {"y": y, "score": score, "period": period, "by": by, "attributes": attributes}
    given = {name: column for name, column in given.items() if column is not None}
    problems = [
        Problem(name, f"must be a DataFrame, a row for each lead; got a {type(given[name]).__name__}")
        for name in ("by", "attributes")
        if name in given and not isinstance(given[name], pd.DataFrame)
    ]
    sizes = {name: len(column) for name, column in given.items()}
    indexes = [column.index for column in given.values() if isinstance(column, (pd.Series, pd.DataFrame))]
    if len(set(sizes.values())) > 1:
        problems.append(Problem("", f"must be equally long; got {sizes}"))
    elif not all(index.equals(indexes[0]) for index in indexes):
        problems.append(Problem("", "rows are matched by position, so their indexes must be the same"))
    if problems:
        raise ArgumentError("outcomes_by_period", problems)
    outcome, points = (pd.Series(column).reset_index(drop=True) for column in (y, score))
    problems = _no_score(points[outcome.notna()], probabilities=probabilities)
    labels = pd.Series(period).reset_index(drop=True)
    if labels.isna().any():
        problems.append(Problem("period", f"is missing for {int(labels.isna().sum()):,} leads"))
    periods = pd.Index(labels.cat.categories) if hasattr(labels, "cat") else pd.Index(np.unique(labels.dropna()))
    if type(reference) is not int or not 1 <= reference < len(periods):
        message = f"must be a whole number of periods, 1 or more and fewer than all {len(periods)}; got {reference!r}"
        problems.append(Problem("reference", message))
    if problems:
        raise ArgumentError("outcomes_by_period", problems)
    return outcome, points, periods.get_indexer(pd.Index(labels)).astype(np.int64), periods
