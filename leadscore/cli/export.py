"""Results as files: scores, histories and comparisons row by row, and pages; never half a file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from leadscore.base.files import replacing
from leadscore.engines.rows import as_rows, history_rows, score_rows
from leadscore.engines.writing import write_rows

if TYPE_CHECKING:
    from leadscore.present.page import Page
    from leadscore.scoring.compare import Comparison
    from leadscore.scoring.replay import History
    from leadscore.scoring.scores import Scores


def write_scores(scored: Sequence[Scores], path: str | os.PathLike[str]) -> None:
    """Write one row per lead: id, points, verdict, and the three rules that moved it most; see `write_rows`.

    Of several rulebooks each has these columns, with its name and a point in front.
    """
    said = {"as_of": scored[0].as_of.isoformat()}
    if len(scored) > 1:
        said["rulebooks"] = ", ".join(scores.rulebook.name for scores in scored)
    write_rows(score_rows(scored), path, scored[0].rulebook, said)


def write_history(history: History, path: str | os.PathLike[str]) -> None:
    """Write one row per lead that qualified in the period, as `History.frame` has it; see `write_rows`."""
    period = {"start": history.start.isoformat(), "end": history.end.isoformat()}
    write_rows(history_rows(history), path, history.rulebook, period)


def write_comparison(comparison: Comparison, path: str | os.PathLike[str]) -> None:
    """Write one row per lead on which two rulebooks differ, as `Comparison.frame` has it; see `write_rows`."""
    old, new = comparison.old, comparison.new
    said = {"start": old.start.isoformat(), "end": old.end.isoformat(), "compared_with": old.rulebook.name}
    write_rows(as_rows(comparison.frame, old.tables.ids), path, new.rulebook, said)


def write_page(page: Page, path: str | os.PathLike[str]) -> None:
    """Write a page as its ending says: .html, .md or .json.

    Raises
    ------
    OSError
        If the file cannot be written; the one that was there is as it was.
    """
    written = {".html": page.to_html, ".md": page.to_markdown, ".json": page.to_json}
    text = written[Path(path).suffix.lower()]()
    with replacing(path) as file:
        file.write(text.encode())
