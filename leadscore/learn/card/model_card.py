"""The model card: what a saved model predicts, what it was learned from, and what it does not know, as Markdown.

After Mitchell, M. et al. (2019), Model cards for model reporting, Proceedings of FAT*, 220-229.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from leadscore.errors import ArgumentError
from leadscore.learn.card.folds import looked_at
from leadscore.present.markdown import escaped
from leadscore.present.result import Result, Section
from leadscore.stats.intervals import share_text

# By it a card is told from other Markdown, which is never replaced.
FIRST_LINE = "<!-- model card of leadscore -->\n"
_POINTS_ROWS = 40

_LIMITS = """\
Use it to order leads like those it learned from, and to choose whom sales calls first; not to decide about people \
beyond that.
Points say which leads convert, not what would make them: a lead made to visit a page is not worth more for it.
Nothing is known of new sources, countries or campaigns. A value never seen has the points of rare ones (other), a bin \
that nobody was in the mean of its feature.
If outcomes are known only of leads that sales chose to work, what was learned holds for leads chosen so.
Chances are of the period learned from; of its newest tenth, where rows have dates. If the share that converts has \
moved since, recalibrate on the newest outcomes moves all of them.
Intervals take the bins as given: they leave out that other bins might have been chosen.
Edges, levels and words of bins are values that many of the leads had; no row of any lead is in the file."""


@dataclass(frozen=True, eq=False, repr=False)
class ModelCard(Result):
    """What there is to know of a fitted model.

    Attributes
    ----------
    model : LeadClassifier
    file : tuple of str
        The name of the model file, and what made it.
    verdict : Verdict or None
        What the gate found.
    """

    model: Any
    file: tuple[str, str]
    verdict: Result | None
    notes: tuple[str, ...] = ()

    @property
    def headline(self) -> str:
        """What it predicts."""
        other, told = self.model.classes_.tolist()
        features = self.model.model_.features
        return (
            f"The chance that the outcome of a lead is {told!r} rather than {other!r}: the sum of one coefficient for "
            f"each of {len(features):,} features, by the bin of {sum(bins.size for bins in features):,} that it is in."
        )

    def sections(self) -> Iterator[Section]:
        """Data, choices, guards, gate, points, limits and the file."""
        yield Section("data", "Data", notes=tuple(self._data()))
        yield self._chosen()
        guards = self.model.guards_ if self.model.guards is not None else None
        why = "Not run: whether a column was known only after the outcome was not checked."
        left = "left out" if self.model.guards == "drop" else "kept"
        told = (why,) if guards is None else (f"Columns marked drop were {left}.",) if guards else ()
        yield Section("guards", "Guards", guards, notes=told)
        why = "The gate was not run: nothing here says that it beats what is used now."
        yield Section("gate", "Gate", self.verdict, notes=() if self.verdict is not None else (why,))
        try:
            yield Section("points", "Points", self.model.points_card(max_points_rows=_POINTS_ROWS))
        except ArgumentError as error:
            why = " ".join(problem.message for problem in error.problems)
            yield Section("points", "Points", notes=(f"There is no card: {why}.",))
        yield Section("limits", "Limits", notes=tuple(_LIMITS.splitlines()))
        yield Section("file", "The file", notes=(f"{self.file[0]}: {self.file[1]}.",))

    def _data(self) -> Iterator[str]:
        model, fitted = self.model, self.model.model_
        yield f"Rows learned from: {model.n_rows_:,}. Left out, as their outcome is not known: {model.n_unknown_:,}."
        undated = "No dates were given: how well it predicts later leads was not checked."
        yield undated if model.trained_until_ is None else f"Rows until {model.trained_until_}."
        if fitted.features:
            n, had = (values[: fitted.features[0].size].sum() for values in (fitted.mass, fitted.events))
            rows = "Rows" if n == model.n_rows_ else "By weight, rows"
            interval = "the interval is at 95 %, and takes rows as independent"
            yield f"{rows} with the outcome: {had:,.0f}, which is {share_text(had, n)}; {interval}."
        used = dict.fromkeys(column for bins in fitted.features for column in bins.columns)
        yield f"Columns used: {', '.join(used) or 'none'}."
        without = [str(name) for name in getattr(model, "feature_names_in_", []) if name not in used]
        if without:
            yield f"Columns given and not used: {', '.join(without)}."

    def _chosen(self) -> Section:
        tried = self.model.chosen_
        given = (f"{name} = {value!r}" for name, value in self.model.get_params(deep=False).items())
        how = (
            "Nothing else was tried: it was asked for, or there were too few outcomes or leads to choose."
            if tried["explained"].isna().all()
            # The folds share the rows they learn from, so their spread is no interval.
            else "The first was taken. `explained` is the share of the deviance of rows held out that is explained, a "
            f"mean over the folds; it has no interval, because the folds share rows. "
            f"n = {len(looked_at(self.model.n_rows_)):,} rows in the folds."
        )
        notes = (f"Asked for: {', '.join(given)}.", how, *self.model.beyond_)
        return Section("chosen", "What was chosen", tried, notes=notes, formats={"explained": ".4g"})


def model_card(model: Any, title: str, file: tuple[str, str], *, notes: str = "", verdict: Any = None) -> str:
    """The card of a fitted model, as Markdown.

    Parameters
    ----------
    model : LeadClassifier
    title : str
    file : tuple of str
        The name of the model file, and what made it.
    notes : str
        Markdown, as it is.
    verdict : Verdict, optional
    """
    said = [notes.strip()] if notes.strip() else []
    return "\n\n".join([f"{FIRST_LINE}\n# {escaped(title)}", *said, ModelCard(model, file, verdict).to_markdown()])
