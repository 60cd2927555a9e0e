"""How fast sales contacted the MQLs, against what was agreed and the period before."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd

from leadscore.base.groups import ALL, MISSING
from leadscore.base.text import counted, decimal
from leadscore.meeting.drafts import CONTEXT, PROMISED, SURE, Asked, Clear, Comparison, Draft, Silent, Written, verdict
from leadscore.present.figures import duration, of_all, percent, percent_range, points_change, share
from leadscore.present.page import CLEAR, Curve, MainPoint, PageSection, Steps, Table, ToDecide
from leadscore.rulebook import Rulebook
from leadscore.sales.facts import Facts
from leadscore.sales.response.response_times import ResponseTimes, response_times_by, response_times_of

_CHANGE, _AGREED, _GROUPS = "response: change", "response: agreed", "response: teams"
_TEAM, _OWNER = "team", "owner"


def by_team(facts: Facts) -> ResponseTimes | None:
    """Response times by team, else by owner; None where nothing names one."""
    if _TEAM in facts.tables.leads.column_names:
        return response_times_by(facts, _TEAM)
    return response_times_by(facts, _OWNER) if _OWNER in facts.stages.frame else None


def draft(facts: Facts, asked: Asked) -> Draft | Silent:
    """The section; silent where no contact is recorded, or no MQL has a time."""
    if not facts.stages.of("contacted").any():
        return Silent("How soon sales calls: no outcome is contacted. Record the first call or mail to each MQL.")
    found = facts.once(response_times_of)
    assert found.tests is not None
    n = int(found.frame["n"].iloc[-1])
    if not n and found.excluded["leads"].any():
        return Silent(
            "How soon sales calls: no MQL of the period has a time of day. Record the time of mql and contacted."
        )
    tests, few = found.tests, n < asked.few or int(_before(found)["n"]) < asked.few
    waits = "waits, this period against the one before"
    change = "waits against the period before", waits, "log-rank test"
    if found.agreed_minutes:
        on_time = "share contacted within the agreed time, this period against the one before"
        change = "share on time against the period before", on_time, "Fisher's exact test"
    name, what, method = change
    size = n + int(_before(found)["n"])
    comparisons = [Comparison(_CHANGE, what, method, size, math.nan if few else float(tests["p"][name]))]
    promised = "share on time against the agreed share"
    if promised in tests.index:
        p = math.nan if n < asked.few else float(tests["p"][promised])
        what = "share contacted within the agreed time against the agreed share"
        comparisons.append(Comparison(_AGREED, what, "exact binomial test", n, p))
    teams = facts.once(by_team)
    if teams is not None and len(_late(teams, 1.0)):
        several = counted(len(teams.frame) - 1, "group")
        p = math.nan if n < asked.few else float(_late(teams, 1.0)["p_corrected"].min())
        method = f"{method}, Holm over {several}"
        comparisons.append(Comparison(_GROUPS, "those who take longest against all others", method, n, p))
    return Draft(tuple(comparisons), lambda clear: _Response(facts, asked, found, teams, clear).written())


def _before(found: ResponseTimes) -> pd.Series[Any]:
    assert found.before is not None
    return found.before.iloc[-1]


def _late(teams: ResponseTimes, level: float) -> pd.DataFrame:
    """The groups slower than all others, of those with at most a corrected p; the least likely by chance first."""
    others = teams.others
    if others is None or len(others) < 2:
        return pd.DataFrame(columns=["p_corrected"])
    medians = teams.frame["median"]
    slower = others["difference"] < 0 if "difference" in others else medians[others.index] > medians[ALL]
    named = slower & (others.index != MISSING) & (others["p_corrected"] <= level)
    return others[named].sort_values("p", kind="stable")


class _Response:
    """The section once it is known what is clear."""

    def __init__(
        self, facts: Facts, asked: Asked, found: ResponseTimes, teams: ResponseTimes | None, clear: Clear
    ) -> None:
        self.length, self.few, self.found, self.teams = facts.period.length, asked.few, found, teams
        self.book = facts.rulebook
        self.whole, self.before = found.frame.iloc[-1], _before(found)
        self.n = int(self.whole["n"])
        agreed = found.agreed_minutes
        self.agreed = f"{decimal(agreed)} minutes" if agreed else ""
        self.due, self.met = _counts(found.on_time, ALL)
        self.changed = clear(_CHANGE)
        self.sure = self.changed or (_has_share(self.book) and clear(_AGREED))
        self.late = _late(teams, 0.05) if teams is not None and len(_late(teams, 1.0)) and clear(_GROUPS) else None

    def written(self) -> Written:
        sure = verdict(self.n, self.few, clear=self.sure)
        headline = self._headline()
        late = [] if self.late is None else [self._late_one(str(name)) for name in self.late.index]
        text = (*self._change(), *self._counts(), *late, self.found.notes[0])
        figures: dict[str, Any] = {"now": self.whole.to_dict(), "before": self.before.to_dict()}
        figures |= {"due": self.due, "on_time": self.met} if self.agreed else {}
        assert self.found.tests is not None
        figures["p"] = self.found.tests["p"].to_dict()
        section = PageSection(
            "response",
            "How fast sales responded",
            headline,
            sure,
            text,
            self._picture(),
            tuple(self._tables()),
            figures,
        )
        missed = self.agreed and self._missed()
        rank = SURE if self.sure else PROMISED if missed else CONTEXT
        main = [(SURE, MainPoint("response", one, CLEAR)) for one in late[:1]]
        main += [(rank, MainPoint("response", headline, sure))] if self.n else []
        return Written(section, tuple(main), tuple(self._decide()) if missed else ())

    def _missed(self) -> bool:
        """Whether fewer were on time than was agreed; where no share was, fewer than half."""
        promised = self.book.agreement.sales.respond if self.book.agreement else None
        return bool(self.due >= self.few and self.met < self.due * (promised.share if promised else 0.5))

    def _headline(self) -> str:
        if not self.n:
            return "No MQL of the period has been waiting for a contact."
        if self.n < self.few:
            within = f" within the agreed {self.agreed}" if self.agreed else ""
            met, of = (self.met, self.due) if self.agreed else (self.whole["contacted"], self.n)
            return f"{met:,.0f} of {counted(int(of), 'MQL')} were contacted{within}; too few to say more."
        median = self.whole["median"]
        if math.isinf(median):
            half = f"Fewer than half of {counted(self.n, 'MQL')} have been contacted"
        else:
            half = f"Half of MQLs were contacted within {duration(median)}"
        if not self.agreed or not self.due:
            return f"{half}; {self._median_before()} in the {self.length} before."
        return f"{half}; {share(self.met, self.due)} within the agreed {self.agreed}."

    def _median_before(self) -> str:
        median = float(self.before["median"])
        return "half were not reached" if math.isinf(median) else duration(median)

    def _change(self) -> Iterator[str]:
        n = int(self.before["n"])
        if min(n, self.n) < self.few:
            yield f"{counted(n, 'MQL') if n else 'No MQL'} in the {self.length} before: too few to compare."
            return
        said = f"In the {self.length} before, the median was {self._median_before()}"
        if self.found.change is None or self.found.on_time_before is None:
            yield f"{said}."
            return
        due, met = _counts(self.found.on_time_before, ALL)
        moved = points_change(*self.found.change[["difference", "low", "high"]].iloc[-1])
        yield f"{said} and {of_all(met, due)} made the {self.agreed}; the share on time is now {moved}."

    def _counts(self) -> Iterator[str]:
        if not self.n:
            return
        waiting, excluded = int(self.whole["waiting"]), int(self.found.excluded["leads"].sum())
        waits = (
            "None is still waiting." if not waiting else f"{waiting:,} {'is' if waiting == 1 else 'are'} still waiting."
        )
        yield f"{counted(self.n, 'MQL')} counted. {waits}"
        if excluded:
            reasons = self.found.excluded["leads"]
            reasons = reasons[reasons > 0].sort_values(ascending=False, kind="stable")
            listed = "; ".join(f"{count:,} {why}" for why, count in reasons.items())
            yield f"Left out, for nobody knows how long they waited: {listed}."

    def _late_one(self, name: str) -> str:
        assert self.teams is not None
        n, median = (float(self.teams.frame[column].to_dict()[name]) for column in ("n", "median"))
        wait = "more than half still wait" if math.isinf(median) else f"half waited longer than {duration(median)}"
        if self.teams.on_time is None:
            return f"MQLs of {name} waited longer than others: of {n:,.0f}, {wait}."
        due, met = _counts(self.teams.on_time, name)
        rest = of_all(self.met - met, self.due - due)
        return (
            f"MQLs of {name} waited longer than others: {met:,} of {due:,} were contacted within the agreed "
            f"{self.agreed}, against {rest} others."
        )

    def _picture(self) -> Steps | None:
        if not self.n:
            return None
        labels = ("This period", f"The {self.length} before")
        curves = [
            Curve(label, tuple(curve["minutes"].tolist()), tuple(curve["answered"].tolist()))
            for label, curve in zip(labels, (self.found.curve, self.found.curve_before), strict=True)
            if curve is not None and len(curve)
        ]
        line = f" Vertical line: agreed {self.agreed}." if self.agreed else ""
        caption = (
            "Share of MQLs contacted, by time since handover. Solid: this period. Dashed curve: the "
            f"{self.length} before.{line}"
        )
        return Steps(
            "Share of MQLs contacted, by time since handover", caption, tuple(curves), self.found.agreed_minutes
        )

    def _tables(self) -> Iterator[Table]:
        limits = {"5_min": "5 minutes", "agreed": self.agreed, "1_h": "60 minutes", "24_h": "24 hours"}
        if not self.agreed or self.found.agreed_minutes == 60:
            limits.pop("agreed")
        rows = [("Half of them", *map(_median, (self.whole, self.before)))]
        rows += [
            (text, *(_with_interval(one, f"within_{name}") for one in (self.whole, self.before)))
            for name, text in limits.items()
        ]
        heads = ("Contacted within", "This period (95%)", f"The {self.length} before")
        note = "Those still waiting are counted for as long as they did (Kaplan-Meier)."
        yield Table("Response times", heads, tuple(rows), (1, 2), (note,))
        if self.teams is not None and len(self.teams.frame) > 2:
            yield self._by_team(self.teams)

    def _by_team(self, teams: ResponseTimes) -> Table:
        rows = []
        for name, row in teams.frame.iterrows():
            cells = ["All" if name == ALL else str(name), f"{row['n']:,.0f}", f"{row['waiting']:,.0f}", _median(row)]
            if teams.on_time is not None:
                due, met = _counts(teams.on_time, str(name))
                cells.append(f"{met:,} of {due:,}")
            rows.append(tuple(cells))
        heads = ["Who", "MQLs", "Still waiting", "Median wait (95%)"] + [f"Within {self.agreed}"] * bool(self.agreed)
        note = "Figures by owner are few and depend on who was given which leads: for a conversation, not a ranking."
        right = tuple(range(1, len(heads)))
        return Table("Response times by team or owner", tuple(heads), tuple(rows), right, (note, *teams.notes[1:]))

    def _decide(self) -> Iterator[ToDecide]:
        median = self.whole["median"]
        half = "" if math.isinf(median) else f", with the median at {duration(median)}"
        said = f"{share(self.met, self.due)} of {self.due:,} kept it{half}."
        hours = self.book.agreement is not None and self.book.agreement.sales.hours is not None
        options = (
            *([] if hours else ["count working hours only"]), "a rota for new MQLs",
            "a longer promise for leads that did not ask for sales",
        )  # fmt: skip
        yield ToDecide(f"Does the promise of {self.agreed} stand?", said, options)


def _counts(on_time: pd.DataFrame | None, name: str) -> tuple[int, int]:
    """How many of a group were due, and on time; none where no time is agreed."""
    if on_time is None:
        return 0, 0
    return int(on_time["due"].to_dict()[name]), int(on_time["on_time"].to_dict()[name])


def _has_share(book: Rulebook) -> bool:
    """Whether a share to be contacted in time was agreed."""
    return bool(book.agreement and book.agreement.sales.respond)


def _median(row: pd.Series[Any]) -> str:
    """The median wait with its interval, for a cell."""
    minutes = row[["median", "median_low", "median_high"]]
    said, low, high = ("not reached" if math.isinf(one) else duration(float(one)) for one in minutes)
    return f"{said} ({low} to {high})" if row["n"] else "not known"


def _with_interval(row: pd.Series[Any], name: str) -> str:
    value, low, high = row[name], row[f"{name}_low"], row[f"{name}_high"]
    return "not known" if math.isnan(value) else f"{percent(value)} ({percent_range(low, high)})"
