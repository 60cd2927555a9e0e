"""Who the MQLs were: personas against the agreed mix and the period before, and which of them sales accepts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from leadscore.base.days import day_of
from leadscore.base.text import as_text, counted
from leadscore.errors import ArgumentError
from leadscore.present.result import Result, Section
from leadscore.rulebook import Rulebook
from leadscore.rulebook.agreement import NOT_MAPPED, Marketing
from leadscore.rulebook.conditions import WRITTEN
from leadscore.rulebook.kinds import condition_uses, persona_conditions, persona_kinds
from leadscore.sales.facts import Facts
from leadscore.sales.traits.traits import FEWEST, Traits, accounts_of, compared
from leadscore.scoring.attributes import personas_by_row
from leadscore.stats.intervals import holm, newcombe, with_shares
from leadscore.tables.tables import Tables

Positions = npt.NDArray[np.signedinteger[Any]]

_COMMONEST = 10
# A chi-square wants so many cases in each cell; rarer personas are one group.
_EXPECTED = 5
_TODAY = "Fields show today's values, not those on the day of handover: titles may have been enriched since."


@dataclass(frozen=True, eq=False, repr=False)
class Personas(Result):
    """The MQLs of a period by persona; made by `personas`.

    Attributes
    ----------
    frame : DataFrame, index persona, in the order of the rulebook, "not mapped" last
        `mqls`, `share`, `low`, `high` (95 % Wilson); `agreed`, the share that was promised, and `p_agreed` (two-sided
        exact binomial, Holm over the table), NaN where nothing was; `before`, `before_share`, of the period before;
        `change` of the share with `change_low`, `change_high` (95 % Newcombe).
    acceptance : DataFrame, one row per persona of at least 15 MQLs decided, most certain first
        `persona`; `accepted`, `n` decided, of it; `accepted_without`, `n_without`, of the others; `difference` of the
        shares with `low`, `high` (95 %), `p`, `q` (Fisher; Benjamini-Hochberg over all rows). Empty without a refusal.
    unmapped : DataFrame, one row per value, at most ten, the commonest first
        `column`, `title`, `mqls`: what stands in the columns of titles of MQLs that no persona describes.
    unseen : DataFrame, the same of titles that no lead had before the period
    p_change : float
        That the mix is that of the period before (chi-square); NaN where there is nothing to compare.
    start, end : date
    notes : tuple of str
    """

    frame: pd.DataFrame
    acceptance: pd.DataFrame
    unmapped: pd.DataFrame
    unseen: pd.DataFrame
    p_change: float
    start: dt.date
    end: dt.date
    notes: tuple[str, ...]

    @property
    def headline(self) -> str:
        """The persona that is furthest from the agreed mix, or else the commonest."""
        n = int(self.frame["mqls"].sum())
        if not n:
            return f"There were no MQLs from {self.start} to {self.end}."
        off = self.frame["p_agreed"] <= 0.05
        gaps = (self.frame["share"] - self.frame["agreed"]).abs().where(off)
        place = int(np.argmax(gaps.fillna(-1) if off.any() else self.frame["mqls"]))
        row = self.frame.iloc[place]
        said = f"{self.frame.index[place]}: {row['mqls']:,.0f} of {counted(n, 'MQL')}, {row['share']:.0%}"
        if off.any():
            return f"{said}; agreed are {row['agreed']:.0%}."
        agreed = self.frame["agreed"].notna().any()
        return f"{said}; no persona differs clearly from the agreed mix." if agreed else f"{said}."

    def sections(self) -> Iterator[Section]:
        """The mix, acceptance, and titles."""
        formats = {"agreed": ".0%", "change": "+.1%", "change_low": "+.1%", "change_high": "+.1%"}
        yield Section("frame", "MQLs by persona (95 % Wilson), agreed and before", self.frame, formats=formats)
        if len(self.acceptance):
            title = "Share accepted of each persona less that of the others (95 %)"
            signed = dict.fromkeys(("difference", "low", "high"), "+.1%")
            yield Section("acceptance", title, self.acceptance, formats=signed)
        if len(self.unmapped):
            yield Section("unmapped", "The commonest titles that no persona describes", self.unmapped)
        if len(self.unseen):
            yield Section("unseen", "Titles that no lead had before", self.unseen)


def personas(tables: Tables, rulebook: Rulebook, *, start: Any, end: Any, observed_until: Any = None) -> Personas:
    """Whether the MQLs of a period are those that were agreed on, and which of them sales accepts.

    An MQL is the first persona of the rulebook whose condition holds, by what its fields held at the end of the day it
    came to sales where `valid_from` tells, else by today's; without one it is "not mapped", a persona of its own.

    Parameters
    ----------
    tables : Tables
        With outcomes.
    rulebook : Rulebook
        With `personas`; `agreement.marketing.mix` is the agreed mix.
    start, end : date, or text as "2026-03-31"
        The period; it is compared with the equally long one before.
    observed_until : date, optional
        The last day whose outcomes are known; later ones do not exist. By default that of the tables.

    Returns
    -------
    Personas
        `headline`, `notes`, `frame`, `acceptance`, `unmapped`, `unseen`, `p_change`.

    Raises
    ------
    ArgumentError
        If the rulebook has no personas, there are no outcomes, or the period is invalid.

    Notes
    -----
    A title is what stands in a text column in which a persona looks for words (`has_word`, `contains`, ...); if none
    does, in any text column that personas test. Without `created_at` and `valid_from` nobody knows which lead was there
    before, so no title is new. Acceptance counts MQLs of the period that sales has decided on; what sales chose to
    decide on may differ from the rest.

    References
    ----------
    Clopper, C. J. and Pearson, E. S. (1934), Biometrika 26, 404-413 (the exact binomial). Holm, S. (1979), Scandinavian
    Journal of Statistics 6, 65-70. Newcombe, R. G. (1998), Statistics in Medicine 17, 873-890, method 10.

    Examples
    --------
    >>> import leadscore as ls
    >>> rulebook = ls.Rulebook.from_yaml('''
    ... leadscore: 1
    ... name: demo
    ... personas: [{name: Data, when: {job_title: {has_word: data}}}, {name: Head, when: {job_title: {has_word: head}}}]
    ... agreement: {marketing: {mix: {Data: 60%}}}
    ... qualify: {threshold: 0}
    ... ''')
    >>> titles = ["Data analyst", "Head of data", "Head of sales", "Intern", None] * 8
    >>> leads = pd.DataFrame({"lead_id": [str(number) for number in range(40)], "job_title": titles})
    >>> outcomes = pd.DataFrame({"lead_id": leads["lead_id"], "stage": "mql", "at": "2026-03-02"})
    >>> tables = ls.load_tables(leads, None, outcomes, rulebook=rulebook, observed_until="2026-03-29")
    >>> found = personas(tables, rulebook, start="2026-03-02", end="2026-03-29")
    >>> print(found.headline)
    Data: 16 of 40 MQLs, 40%; agreed are 60%.
    >>> found.frame["mqls"].to_dict(), found.unmapped.to_numpy().tolist()
    ({'Data': 16, 'Head': 8, 'not mapped': 16}, [['job_title', 'Intern', 8]])
    """
    facts = Facts.of("personas", tables, rulebook, start=start, end=end, observed_until=observed_until)
    if not rulebook.personas:
        raise ArgumentError("rulebook", "has no personas: write whom both teams mean as `personas: [{name, when}]`")
    return personas_of(facts)


def personas_of(facts: Facts) -> Personas:
    """`personas` of facts whose rulebook has some."""
    who = _Who(facts.tables, facts.rulebook)
    now, before = (facts.handovers.during(period) for period in (facts.period, facts.period.before))
    rows, code = who.of(now)
    _, code_before = who.of(before)
    counts, earlier = (np.bincount(one, minlength=len(who.names)) for one in (code, code_before))
    notes = [] if facts.tables.records.valid_from is not None else [_TODAY]
    unmapped, unseen = who.titles(rows[code == len(who.names) - 1]), who.unseen(rows, facts.period.first)
    shown = ["column", "title", "mqls"]
    return Personas(
        _mix(who.names, counts, earlier, facts.rulebook),
        _acceptance(facts, now, code, who.names),
        unmapped[shown].head(_COMMONEST),
        unseen[shown].reset_index(drop=True),
        _p_change(counts, earlier),
        day_of(facts.period.first),
        day_of(facts.period.last),
        tuple(notes),
    )


class _Who:
    """The personas of a rulebook on tables.

    Attributes
    ----------
    names : list of str
        The personas in their order, last those of none.
    """

    def __init__(self, tables: Tables, rulebook: Rulebook) -> None:
        self.names = [*(persona.name for persona in rulebook.personas), NOT_MAPPED]
        self._persona = personas_by_row(tables, rulebook)
        self._tables, self._row = tables, tables.records.lookup(rulebook.timezone)
        uses = [use for _, condition in persona_conditions(rulebook) for use in condition_uses(condition)]
        texts = [name for name, kind in persona_kinds(rulebook).items() if kind == "text"]
        written = {name for name, (test, _) in uses if test in WRITTEN}
        titles = [name for name in texts if name in written] or texts
        # By their codes, -1 where missing: text has no numbers.
        self._titles = {name: np.asarray(tables.column(name, "text", rulebook).codes) for name in titles}

    def of(self, handovers: pd.DataFrame) -> tuple[Positions, Positions]:
        """The row of the leads that each MQL had on the day it came to sales, and its persona."""
        rows = self._row(handovers["lead"].to_numpy(np.int32), handovers["day"].to_numpy())
        return rows, self._persona(rows) % len(self.names)

    def titles(self, rows: Positions) -> pd.DataFrame:
        """The titles in some rows of the leads, the commonest first: `column`, `code`, `title`, `mqls`."""
        found = [pd.DataFrame({"column": [], "code": np.zeros(0, np.int64), "title": []}, dtype=object)]
        for name, column in self._titles.items():
            codes = np.append(column, -1)[rows]
            held = self._tables.leads[name].take(pa.array(rows[codes >= 0])).to_pylist()
            written = [" ".join(as_text(value).split()) for value in held]
            found.append(pd.DataFrame({"column": name, "code": codes[codes >= 0], "title": written}))
        ways = pd.concat(found).groupby(["column", "code", "title"]).size().rename("mqls").reset_index()
        # A title in the commonest way to write it.
        ways = ways.sort_values(["mqls", "title"], ascending=[False, True])
        total = ways.groupby(["column", "code"])["mqls"].transform("sum")
        once = ways.assign(mqls=total).drop_duplicates(["column", "code"])
        return once.sort_values(["mqls", "column", "title"], ascending=[False, True, True], ignore_index=True)

    def unseen(self, rows: Positions, first: int) -> pd.DataFrame:
        """The titles in some rows that no lead had who was there before a day."""
        records, timezone = self._tables.records, self._tables.timezone
        earlier = records.there_from(timezone)[records.lead] < first
        if records.valid_from is not None:
            earlier &= records.valid_from.days(timezone) < first
        known = {name: np.unique(column[earlier]) for name, column in self._titles.items()}
        titles = self.titles(rows)
        new = [code not in known[name] for name, code in zip(titles["column"], titles["code"], strict=True)]
        return titles[np.array(new, bool)]


def _mix(names: list[str], counts: Positions, before: Positions, rulebook: Rulebook) -> pd.DataFrame:
    """`Personas.frame`."""
    from scipy.stats import binomtest  # noqa: PLC0415 - scipy takes long to import

    marketing = rulebook.agreement.marketing if rulebook.agreement else Marketing()
    n, n_before = int(counts.sum()), int(before.sum())
    agreed = np.array([marketing.mix.get(name, np.nan) for name in names], np.float64)
    p = [
        binomtest(int(count), n, share).pvalue if n and not np.isnan(share) else np.nan
        for count, share in zip(counts, agreed, strict=True)
    ]
    change, low, high = newcombe((before, np.full(len(names), n_before)), (counts, np.full(len(names), n)))
    frame = with_shares(pd.DataFrame({"mqls": counts, "n": n}, pd.Index(names, name="persona")), "mqls", "n")
    return frame.drop(columns="n").assign(
        agreed=agreed, p_agreed=holm(p), before=before, before_share=before / n_before if n_before else np.nan,
        change=change, change_low=low, change_high=high,
    )  # fmt: skip


def _p_change(counts: Positions, before: Positions) -> float:
    """That both mixes are one; rare personas are one group."""
    from scipy.stats import chi2_contingency  # noqa: PLC0415 - as above

    table = np.array([counts, before])
    sizes = table.sum(axis=1)
    if not sizes.all():
        return np.nan
    rare = table.sum(axis=0) * sizes.min() / sizes.sum() < _EXPECTED
    merged = np.column_stack([table[:, ~rare], table[:, rare].sum(axis=1)])
    merged = merged[:, merged.sum(axis=0) > 0]
    return float(chi2_contingency(merged, correction=False).pvalue) if merged.shape[1] > 1 else np.nan


def _acceptance(facts: Facts, handovers: pd.DataFrame, code: Positions, names: list[str]) -> pd.DataFrame:
    """`Personas.acceptance`."""
    decided = handovers["accepted"].notna().to_numpy()
    accepted, who = handovers["accepted"][decided].to_numpy(bool), code[decided]
    sizes = np.bincount(who, minlength=len(names))
    compare = (sizes >= FEWEST) & (len(who) - sizes >= FEWEST) & (not accepted.all())
    traits = Traits(
        tuple(name for name, one in zip(names, compare, strict=True) if one),
        who[:, None] == np.flatnonzero(compare),
        (),
    )
    accounts = accounts_of(facts.tables, handovers["lead"][decided].to_numpy(np.int32))
    return compared(traits, accepted, accounts, word="accepted").rename(columns={"trait": "persona"})
