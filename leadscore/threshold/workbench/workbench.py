"""`Workbench`: bars and points tried out; what notebooks show and scripts ask."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import pandas as pd

from leadscore.base.arguments import Arguments
from leadscore.base.files import replacing
from leadscore.errors import ArgumentError, did_you_mean
from leadscore.present.markdown import bullets, fenced, paragraph, table
from leadscore.rulebook import Rulebook
from leadscore.threshold.workbench import page
from leadscore.threshold.workbench.bench import Bench
from leadscore.threshold.workbench.board import Share
from leadscore.threshold.workbench.browser import setup_of
from leadscore.threshold.workbench.numbers import asked
from leadscore.threshold.workbench.sentences import MANY, Tried, amount, percent
from leadscore.threshold.workbench.what_if import Setting, WhatIf, figures_of
from leadscore.threshold.workbench.written import home_of, write


class Workbench:
    """Bars and points of a rulebook, tried out; made by `explore`.

    In a notebook it shows itself: bars move in the browser, points and lists of leads are asked of the kernel. Scripts
    ask `at`, and `keep` what they would keep; the notebook's buttons do the same.

    Attributes
    ----------
    title, basis : str
        The rulebook, and which weeks and outcomes the figures are of.
    notes : tuple of str
        What to know before they are believed.
    capacity_per_week : float or None
        How many leads sales can work.

    Examples
    --------
    >>> import leadscore as ls
    >>> from leadscore.datasets.funnel import make_funnel
    >>> made = make_funnel(6000, random_state=1)
    >>> tables = ls.load_tables(made.leads, made.events, made.outcomes, rulebook=made.rulebook)
    >>> workbench = ls.explore(tables, made.rulebook, end="2026-03-29", stage="opportunity", within_days=45)
    >>> curve = workbench.curve()
    >>> curve.loc[[60, 64], ["per_week", "share", "n"]].round(2)
          per_week  share    n
    bar
    60.0     46.00   0.30  193
    64.0     37.85   0.34  142
    >>> workbench.keep(workbench.at(threshold=64))
    >>> print(workbench.tried["what"].tolist(), workbench.rulebook.qualify.threshold)
    ['as it is now', 'All others 60 → 64'] 64.0
    """

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self.title, self.basis, self.notes = bench.title, bench.basis, bench.notes
        self._read = bench.base.rulebook.to_yaml()

    @property
    def capacity_per_week(self) -> float | None:
        """How many leads sales can work."""
        return self._bench.capacity

    def at(  # noqa: PLR0913 - each kind of number that can be tried
        self,
        threshold: float | None = None,
        *,
        segments: Mapping[str, float] | None = None,
        minimum_fit: float | None = None,
        rules: Mapping[str, Mapping[str, Any]] | None = None,
        groups: Mapping[str, Mapping[str, float]] | None = None,
        totals: Mapping[str, Mapping[str, float]] | None = None,
    ) -> WhatIf:
        """What bars and other numbers would do; whatever is not named stays as the rulebook has it.

        Parameters
        ----------
        threshold : float, optional
            Of leads in no segment.
        segments : mapping of segment to its threshold, optional
        minimum_fit : float, optional
        rules : mapping of rule to mapping of its keys to numbers, optional
            As the file has them: `points`, `half_life_days`, `within_days`, `at_most` and so on; of a table the entries
            that change, as `{"Seniority": {"points": {"VP": 30}}}`.
        groups, totals : mapping of group, or of "fit" and "behaviour", to `at_most` and `at_least`, optional

        Returns
        -------
        WhatIf
            `headline`, `per_week`, `share`, `entered`, `left`, `by(name)`, `rulebook`, `diff`.

        Raises
        ------
        ArgumentError
            If there is no such segment, rule, group or number, or a number is none.
        RulebookError
            If the rulebook with these numbers is none.
        """
        given = {"minimum_fit": minimum_fit, "rules": rules, "groups": groups, "totals": totals}
        return self._bench.answer(self._asked(threshold, segments, given))

    def keep(self, found: WhatIf) -> None:
        """Go to what `at` found and keep it as a try, as the button does.

        Then `entered`, `left`, `rulebook`, `summary` and `save` are of it.

        Parameters
        ----------
        found : WhatIf

        Raises
        ------
        ArgumentError
            If it is not what `at` gave.
        """
        with Arguments("keep") as given:
            given.types(found=(found, WhatIf))
        self._bench.keep(found.asked.setting)
        self._push()

    def _asked(self, threshold: Any, segments: Any, changes: dict[str, Any]) -> Setting:
        rulebook, bars = self._bench.base.rulebook, list(self._bench.as_it_is.bars)
        names = [segment.name for segment in rulebook.qualify.segments]
        with Arguments("at") as given:
            if threshold is not None:
                bars[-1] = given.number("threshold", threshold)
            given.types(segments=(segments, Mapping | None))
            for name, bar in segments.items() if isinstance(segments, Mapping) else ():
                if name in names:
                    bars[names.index(name)] = given.number("segments", bar)
                else:
                    given.wrong("segments", f"there is no segment {name!r}{did_you_mean(name, names)}")
            numbers = asked(rulebook, self._bench.numbers, given, **changes)
        return Setting(tuple(bars), numbers)

    @property
    def now(self) -> WhatIf:
        """The rulebook as it is."""
        return self._bench.answer(self._bench.as_it_is)

    @property
    def current(self) -> WhatIf:
        """What is set just now, in the notebook or by `keep`."""
        return self._bench.answer(self._bench.setting)

    @property
    def entered(self) -> pd.DataFrame:
        """Leads that qualify by what is set alone; see `WhatIf.entered`."""
        return self.current.entered

    @property
    def left(self) -> pd.DataFrame:
        """Leads that qualify by the rulebook as it is alone; see `WhatIf.left`."""
        return self.current.left

    @property
    def rulebook(self) -> Rulebook:
        """The rulebook as it is set just now, comments and layout kept."""
        return self.current.rulebook

    @property
    def tried(self) -> pd.DataFrame:
        """The rulebook as it is and each try that was kept, with its figures and 95 % intervals; index try."""
        found = [self.now, *(self._bench.answer(one.setting) for one in self._bench.kept)]
        rows = [{"what": one.asked.tried.words or "as it is now", **figures_of(one.asked.tried)} for one in found]
        return pd.DataFrame(rows, pd.Index(["now", *map(str, range(1, len(rows)))], name="try"))

    def open_held_back(self) -> Share:
        """Look at the weeks held back, once: what they say of what is set.

        It is logged with the number of the try. Tries kept afterwards are marked in the summary: each further look
        makes these weeks worth less.

        Raises
        ------
        ArgumentError
            If no outcomes are known or no weeks are held back.
        """
        found = self._bench.open_held_back()
        self._push()
        return found

    def curve(self, segment: str | None = None) -> pd.DataFrame:
        """What each bar of a segment would do, or that of all others, the others as they are set.

        Parameters
        ----------
        segment : str, optional
            Whose bar moves; by default that of leads in no segment.

        Returns
        -------
        DataFrame, index bar (points)
            `per_week` (all leads), `share` (of the segment's leads, with `unknown`, the share of them at whose scores
            hardly any was worked), each with `low` and `high` (95 %).

        Raises
        ------
        ArgumentError
            If there is no such segment.
        """
        tried = self.current.asked.tried
        names = [one.name for one in self._bench.base.rulebook.qualify.segments]
        if segment is not None and segment not in names:
            raise ArgumentError("segment", f"there is no segment {segment!r}{did_you_mean(segment, names)}")
        group = len(names) if segment is None else names.index(segment)
        rows = []
        for place in range(len(tried.board.bars)):
            bars, alone = tried.bars.copy(), tried.board.nowhere()
            bars[group] = alone[group] = place
            moved = Tried(**{**vars(tried), "bars": bars})
            share = tried.board.share(alone, tried.board.nowhere())
            row: dict[str, Any] = dict(zip(("per_week", "per_week_low", "per_week_high"), moved.per_week, strict=True))
            if self._bench.stage:
                row |= {"share": share.value, "share_low": share.low, "share_high": share.high}
                row |= {"n": share.n, "unknown": share.unknown}
            rows.append(row)
        return pd.DataFrame(rows, pd.Index(tried.board.bars, name="bar"))

    def plot(self, segment: str | None = None) -> Any:
        """Draw `curve`: the share and the leads a week by bar, with bands, and what sales can work.

        Parameters
        ----------
        segment : str, optional
            As `curve` takes it.

        Returns
        -------
        matplotlib Figure
        """
        from leadscore.present.pictures import plot_bars  # noqa: PLC0415 - matplotlib is loaded when a picture is asked for

        names = [one.name for one in self._bench.base.rulebook.qualify.segments]
        curve = self.curve(segment)
        group = len(names) if segment is None else names.index(segment)
        now, tried = self._bench.as_it_is.bars[group], self._bench.setting.bars[group]
        return plot_bars(curve, stage=self._bench.stage, now=now, tried=tried, capacity=self.capacity_per_week)

    def summary(self) -> str:
        """What is set just now, as Markdown for a pull request: figures of all tries, the change, new findings."""
        current, tried = self.current, self.tried
        parts = [f"# {paragraph(self.title)}: {paragraph(current.asked.tried.words or 'as it is now')}"]
        parts += [paragraph(current.headline), paragraph(f"{self.basis[0].upper()}{self.basis[1:]}.")]
        stage = self._bench.stage
        heads = ["try", "what", "leads a week", *([f"reach {stage}", "outcomes"] if stage else [])]
        rows = []
        for name, row in tried.iterrows():
            figures = [_said(amount, *row[["per_week", "per_week_low", "per_week_high"]])]
            if stage:
                figures += [_said(percent, *row[["share", "share_low", "share_high"]]), f"{row['n']:,.0f}"]
            rows.append([str(name), row["what"], *figures])
        parts.append(table(heads, rows))
        parts.append(bullets([*self.notes, *self._warnings()]))
        if current.diff:
            parts += ["## What changes", fenced(current.diff, "diff")]
        if current.findings:
            parts += ["## New findings of check", bullets(current.findings)]
        return "\n\n".join(filter(None, parts)) + "\n"

    def _warnings(self) -> list[str]:
        """What many tries, and the weeks held back, mean."""
        found = []
        if len(self._bench.kept) >= MANY:
            found.append(f"{len(self._bench.kept)} tries: the best of many looks better than it is.")
        if self._bench.opened:
            share = self._bench.held_back
            figure = _said(percent, share.value, share.low, share.high)
            found.append(f"Held-back weeks: {figure}; {share.n:,} outcomes; opened at try {self._bench.opened}.")
            if any(one.opened for one in self._bench.kept):
                found.append("Chosen after the held-back weeks were opened.")
        elif self._bench.holds_back:
            found.append("The held-back weeks were not opened.")
        return found

    def save(self, path: str | os.PathLike[str] | None = None) -> str:
        """Write the rulebook as it is set just now, and beside it the summary; comments and layout are kept.

        Parameters
        ----------
        path : path, optional
            By default the file that the rulebook was read from, else rulebook.yaml.

        Returns
        -------
        str
            What was written, and what to do next.

        Raises
        ------
        ArgumentError
            If the file is not as it was when it was read: then nothing is written.
        RulebookError
            If what is set is not a rulebook.
        """
        with Arguments("save") as given:
            home = home_of(self._bench.base.rulebook) if path is None else given.path("path", path)
        rulebook = self.rulebook
        said = write(home, rulebook, self.summary(), read=self._read)
        self._read = rulebook.to_yaml()
        return said

    def to_html(self, path: str | os.PathLike[str] | None = None, *, round_to: int = 1) -> str:
        """The workbench as one HTML file: bars move, no leads by name, nothing asked from anywhere.

        Parameters
        ----------
        path : path, optional
            Where to write it too.
        round_to : int
            Counts are rounded to multiples of so many: with 5 no cell of a table speaks of a single lead.

        Returns
        -------
        str

        Raises
        ------
        ArgumentError
            If `round_to` is no whole number from 1.
        """
        with Arguments("to_html") as given:
            given.whole("round_to", round_to, least=1)
            home = None if path is None else given.path("path", path)
        text = page.html(self.title, setup_of(self._bench, round_to=round_to))
        if home is not None:
            with replacing(home) as file:
                file.write(text.encode())
        return text

    @property
    def static(self) -> page.Static:
        """The page for a notebook whose widgets do not show: `display(workbench.static)`."""
        return page.Static(self.to_html())

    @cached_property
    def widget(self) -> Any:
        """The workbench as a widget, as for `marimo.ui.anywidget`.

        Raises
        ------
        ImportError
            If anywidget is not installed: `pip install leadscore[notebook]`.
        """
        from leadscore.threshold.workbench.widget import widget_of  # noqa: PLC0415 - notebooks only

        return widget_of(self._bench, self.save)

    def _push(self) -> None:
        """Show in the widget, if there is one, what was done here."""
        if "widget" in self.__dict__:
            self.widget.show(self._bench)

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """The widget where it can show; else the page, whose bars move without a kernel; else the figures."""
        own = {"text/plain": repr(self), "text/html": self.static._repr_html_()}
        if not page.can_show_widgets():
            return own, {}
        shown, metadata = self.widget._repr_mimebundle_()
        return shown | own, metadata

    def __repr__(self) -> str:
        return f"{self.title} · {self.basis}\n{self.current.headline}\n\n{self.tried.to_string(float_format='%.3g')}"


def _said(write_as: Callable[[float], str], value: float, low: float, high: float) -> str:
    """A figure with its interval, as people read it."""
    return f"{write_as(value)} ({write_as(low)} to {write_as(high)})" if math.isfinite(value) else write_as(value)
