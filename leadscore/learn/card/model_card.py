"""The model card: what a saved model predicts, what it was learned from, and what it does not know, as Markdown.

After Mitchell, M. et al. (2019), Model cards for model reporting, Proceedings of FAT*, 220-229.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from leadscore.errors import ArgumentError
from leadscore.present.markdown import bullets, escaped, table
from leadscore.stats.intervals import wilson

# By it a card is told from other Markdown, which is never replaced.
FIRST_LINE = "<!-- model card of leadscore -->\n"
_POINTS_ROWS = 40

_LIMITS = """\
- Meant for ordering leads like those learned from, and for choosing whom sales calls first. It is not meant for \
decisions about people beyond that.
- Points say which leads convert, not what would make them: a lead made to visit a page is not worth more for it.
- Of leads from sources, countries or campaigns that were not there, nothing is known. A value never seen has the \
points of rare ones ("other"), a bin that nobody was in the mean of its feature.
- If the outcomes are those of leads that sales chose to work, what was learned holds for leads chosen so.
- Chances are those of the time learned from; of its newest tenth, where rows are of several days. Where the share \
that converts has moved since, `recalibrate` on the newest outcomes moves all of them.
- Intervals are for bins as they are: that others might have been cut is not in them.
- Edges, levels and words of bins are values that many of the leads had; there is no row of any lead in the file."""


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
    sections = [
        ("What it predicts", _predicts(model, file)),
        ("Data", _data(model)),
        ("What was chosen", _chosen(model)),
        ("Guards", _guards(model)),
        ("Gate", ["The gate was not asked: nothing here says that it beats what is used now."]),
        ("Points", _points(model)),
        ("Limits", [_LIMITS]),
    ]
    parts = [f"{FIRST_LINE}\n# {escaped(title)}", *([notes.strip()] if notes.strip() else [])]
    for heading, own in sections:
        said = [verdict.to_markdown().strip()] if heading == "Gate" and verdict is not None else own
        parts += [f"## {heading}", *said]
    return "\n\n".join(parts) + "\n"


def _predicts(model: Any, file: tuple[str, str]) -> Iterator[str]:
    other, told = (escaped(repr(one.item() if hasattr(one, "item") else one)) for one in model.classes_)
    features = model.model_.features
    yield (
        f"The chance that the outcome of a lead is {told} rather than {other}: the sum of one coefficient for each of "
        f"{len(features):,} features, by the bin of {sum(bins.size for bins in features):,} that the lead is in."
    )
    yield f"Model file: {escaped(file[0])}, {escaped(file[1])}."


def _data(model: Any) -> Iterator[str]:
    fitted = model.model_
    items = [
        f"Rows learned from: {model.n_rows_:,}. Left out because their outcome is not known: {model.n_unknown_:,}.",
        "No dates were given: how it predicts later leads was not looked at."
        if model.trained_until_ is None
        else f"Rows until {model.trained_until_}.",
    ]
    if fitted.features:
        n, had = (values[: fitted.features[0].size].sum() for values in (fitted.mass, fitted.events))
        low, high = wilson(had, n)
        weighted = "" if n == model.n_rows_ else f", rows weighted to {n:,.0f}"
        items.append(
            f"Share with the outcome: {had / n:.1%} ({low:.1%} to {high:.1%}), {had:,.0f} of {n:,.0f}{weighted}; 95 %, "
            f"as of rows that know nothing of each other."
        )
    else:
        items.append("Share with the outcome: not known, for no feature was left.")
    used = dict.fromkeys(bins.column for bins in fitted.features)
    items.append(f"Columns looked at: {', '.join(used) or 'none'}.")
    without = [str(name) for name in getattr(model, "feature_names_in_", []) if name not in used]
    if without:
        items.append(f"Columns given and not looked at: {', '.join(without)}.")
    yield bullets(items)


def _chosen(model: Any) -> Iterator[str]:
    given = (f"{name} = {value!r}" for name, value in model.get_params(deep=False).items())
    yield f"Asked for: {escaped(', '.join(given))}."
    tried = model.chosen_
    rows = [[f"{one:.4g}" if isinstance(one, float) else one for one in row] for row in tried.itertuples(index=False)]
    yield table(list(tried.columns), rows)
    if tried["explained"].isna().all():
        yield "Nothing was tried beside it: it was asked for, or there were too few outcomes to choose by."
    else:
        # The folds share the rows they learn from, so their spread is no interval.
        yield (
            "The first was taken. `explained` is the share of the deviance of rows held out that is explained, a mean "
            f"over the folds; it has no interval, for the folds share rows. n = {model.n_rows_:,}."
        )


def _guards(model: Any) -> Iterator[str]:
    if model.guards is None:
        yield "They were not asked: whether a column was known only after the outcome was not looked at."
    elif not model.guards_:
        yield f"They found nothing, n = {model.n_rows_:,}."
    else:
        left = " Columns marked drop were left out." if model.guards == "drop" else " All columns were kept."
        yield f"What they found, n = {model.n_rows_:,}.{left}"
        yield "\n".join(
            f"- **{escaped(one.code)}** {one.severity}, {escaped('the table' if one.column == '' else one.column)}: "
            f"{escaped(one.message)}"
            for one in model.guards_
        )


def _points(model: Any) -> Iterator[str]:
    try:
        card = model.points_card(max_points_rows=_POINTS_ROWS)
    except ArgumentError as error:
        yield f"There is no card: {escaped(' '.join(problem.message for problem in error.problems))}."
        return
    yield (
        f"The model in at most {_POINTS_ROWS} rows of whole points: totals from {card.least} to {card.most}; even odds "
        f"at {card.even_at:.1f}, and {card.points_to_double:.1f} points more double the odds. n = {card.n:,.0f}; all "
        f"intervals 95 %; whole numbers cost a log loss of {card.log_loss_lost:.5f} per lead."
    )
    yield table(
        ["feature", "bin", "n", "converted", "rate", "points"],
        [
            [
                row["feature"],
                row["bin"],
                f"{row['n']:,.0f}",
                f"{row['conversions']:,.0f}",
                f"{row['rate']:.1%} ({row['rate_low']:.1%} to {row['rate_high']:.1%})",
                f"{row['points']} ({round(row['points_low'])} to {round(row['points_high'])})",
            ]
            for row in card.frame.to_dict("records")
        ],
    )
