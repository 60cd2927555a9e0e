"""`Result`: what a public function gives back, as a headline, notes and titled sections; shown in one way everywhere.

A class says what its headline, notes and sections are. Text, HTML, Markdown and JSON are made here, and names that
users control (leads, columns, rules, segments, files) are made harmless here: whatever they hold, they read as they
stand, on one line.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import io
import json
import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from leadscore.base.text import counted
from leadscore.errors import visible
from leadscore.present.markdown import bullets, escaped, table, text_table

# How figures are written, by the last word of their column's name: one word means one thing in every result.
_FORMATS = dict.fromkeys(("share", "rate", "precision", "recall", "captured"), ".1%") | dict.fromkeys("pq", ".2g")
_MISSING = ""
# Rows of a section that people see; JSON has all.
_MOST = 40
_JSON_SCALARS = (str, int, float, bool, dt.date, np.generic, type(None))


@dataclasses.dataclass(frozen=True)
class Section:
    """A titled part of a result.

    Attributes
    ----------
    name : str
        Its key in JSON, and the attribute of the result that holds it.
    title : str
        What it is, with the level of its intervals.
    content : DataFrame, Result or callable, optional
        Rows, a result of its own, or what draws a picture (a matplotlib Axes or Figure) when it is called.
    shown : DataFrame, optional
        The rows and columns that people see, where those are not all; JSON has `content`. Without a row people see
        nothing of the section.
    notes : tuple of str
        What to know before the rows are believed.
    formats : mapping of str to str
        The format of a column's figures, where its name does not say it: `{"lift": ".2f"}`.
    """

    name: str
    title: str
    content: pd.DataFrame | Result | Callable[[], Any] | None = None
    shown: pd.DataFrame | None = None
    notes: tuple[str, ...] = ()
    formats: Mapping[str, str] = dataclasses.field(default_factory=dict)


class Result:
    """The base of all results: `headline`, `notes` and `sections()` as text, HTML, Markdown and JSON.

    A dataclass with `repr=False`, so that the text is made here. In JSON its fields of numbers, words or days stand
    beside the headline, each section under its name: its rows, or its notes where it is made of notes alone.

    Attributes
    ----------
    headline : str
        The answer in a sentence, the figure first.
    notes : tuple of str
        What to know before it is believed.
    """

    # A class gives them as fields or as properties; a property here would be taken for a field's default.
    if TYPE_CHECKING:

        @property
        def headline(self) -> str: ...  # noqa: D102 - the class says it

        @property
        def notes(self) -> tuple[str, ...]: ...  # noqa: D102

    def sections(self) -> Iterable[Section]:
        """The parts, in the order in which they are read."""
        return ()

    def __repr__(self) -> str:
        return "\n".join(_text(self))

    def _repr_html_(self) -> str:
        # Jupyter reads dollars as mathematics, except here.
        return f'<div class="tex2jax_ignore">{"".join(_html(self))}</div>'

    def to_markdown(self) -> str:
        """The result as Markdown, for a pull request, a wiki or a mail; pictures are left out."""
        return "\n\n".join(_markdown(self, 2)) + "\n"

    def to_dict(self) -> dict[str, Any]:
        """The result as plain data, as `to_json` writes it."""
        data: dict[str, Any] = {"headline": self.headline, "notes": list(self.notes)}
        if dataclasses.is_dataclass(self):
            facts = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
            data |= {name: plain(fact) for name, fact in facts.items() if _is_plain(fact)}
        return data | sections_data(self.sections())

    def to_json(self) -> str:
        """The result as JSON: the headline, notes, facts, and the rows of each section under its name."""
        return json.dumps(self.to_dict(), indent=2)


def sections_data(sections: Iterable[Section]) -> dict[str, Any]:
    """Sections as plain data, each under its name; pictures are left out."""
    data: dict[str, Any] = {}
    for section in sections:
        if isinstance(section.content, pd.DataFrame):
            data[section.name] = _records(section.content)
        elif isinstance(section.content, Result):
            data[section.name] = section.content.to_dict()
        elif section.content is None:
            data[section.name] = list(section.notes)
    return data


def _seen(result: Result) -> Iterator[Section]:
    """The sections that people see."""
    return (section for section in result.sections() if not _unseen(section))


def _unseen(section: Section) -> bool:
    return section.shown is not None and not len(section.shown)


def _text(result: Result) -> Iterator[str]:
    yield visible(result.headline)
    for section in _seen(result):
        yield from section_text(section)
    if result.notes:
        yield ""
        yield from (f"- {visible(note)}" for note in result.notes)


def section_text(section: Section) -> Iterator[str]:
    """A section as lines of text, after an empty one; a picture has none."""
    if callable(section.content) or _unseen(section):
        return
    yield ""
    yield f"{visible(section.title)}:" if section.content is not None else visible(section.title)
    if isinstance(section.content, Result):
        yield from (f"  {line}".rstrip() for line in _text(section.content))
    elif section.content is not None:
        yield from (f"  {line}" for line in text_table(*_cells(section)))
    yield from (f"  - {visible(note)}" for note in _notes(section))


def _html(result: Result) -> Iterator[str]:
    yield f"<p><b>{_safe(result.headline)}</b></p>"
    for section in _seen(result):
        yield f"<p>{_safe(section.title)}</p>"
        if isinstance(section.content, Result):
            yield from _html(section.content)
        elif isinstance(section.content, pd.DataFrame):
            yield _html_table(*_cells(section))
        elif section.content is not None:
            yield _picture(section.content(), section.title)
        yield _html_list(_notes(section))
    yield _html_list(result.notes)


def _html_table(heads: list[str], rows: list[list[str]], right: list[bool]) -> str:
    sides = ["right" if figure else "left" for figure in right]

    def row(tag: str, cells: list[str]) -> str:
        aligned = zip(cells, sides, strict=True)
        return "".join(f'<{tag} style="text-align: {side}">{_safe(cell)}</{tag}>' for cell, side in aligned)

    body = "".join(f"<tr>{row('td', cells)}</tr>" for cells in rows)
    return f"<table><thead><tr>{row('th', heads)}</tr></thead><tbody>{body}</tbody></table>"


def _html_list(notes: Iterable[str]) -> str:
    items = "".join(f"<li>{_safe(note)}</li>" for note in notes)
    return f"<ul>{items}</ul>" if items else ""


def _picture(drawn: Any, title: str) -> str:
    """What was drawn, as an image in the page itself."""
    file = io.BytesIO()
    with warnings.catch_warnings():
        # A letter that the font lacks is drawn as a box.
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        getattr(drawn, "figure", drawn).savefig(file, format="png", dpi=80)
    return f'<img alt="{_safe(title)}" src="data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}">'


def _safe(text: str) -> str:
    return escape(visible(text))


def _markdown(result: Result, level: int) -> Iterator[str]:
    yield f"**{escaped(result.headline)}**"
    for section in _seen(result):
        yield from section_markdown(section, level)
    if result.notes:
        yield bullets(result.notes)


def section_markdown(section: Section, level: int = 2) -> Iterator[str]:
    """A section as blocks of Markdown; a picture has none."""
    if callable(section.content) or _unseen(section):
        return
    yield f"{'#' * level} {escaped(section.title)}"
    if isinstance(section.content, Result):
        yield from _markdown(section.content, level + 1)
    elif section.content is not None:
        heads, rows, _ = _cells(section)
        yield table(heads, rows)
    if notes := _notes(section):
        yield bullets(notes)


def _cells(section: Section) -> tuple[list[str], list[list[str]], list[bool]]:
    """A section's rows as text: heads, rows, and which columns are figures; an interval stands behind its figure."""
    assert isinstance(section.content, pd.DataFrame)
    frame = _with_index(section.content if section.shown is None else section.shown).head(_MOST)
    names = [str(name) for name in frame.columns]
    heads, columns, right = [], [], []
    intervals = [_bounds(names, place) for place in range(len(names))]
    for place, (name, bounds) in enumerate(zip(names, intervals, strict=True)):
        if any(place in other for other in intervals):
            continue
        form = section.formats.get(name) or _FORMATS.get(name.rsplit("_", 1)[-1], "")
        values = frame.iloc[:, place]
        cells = [_cell(value, form) for value in values]
        if bounds:
            ends = [[_cell(value, form) for value in frame.iloc[:, bound]] for bound in bounds]
            cells = [f"{cell} ({low} to {high})" if low else cell for cell, low, high in zip(cells, *ends, strict=True)]
        heads.append(name.replace("_", " ") + (" (low to high)" if bounds else ""))
        columns.append(cells)
        right.append(pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype))
    return heads, [list(row) for row in zip(*columns, strict=True)], right


def _notes(section: Section) -> tuple[str, ...]:
    """What to know of a section, first that rows are left out."""
    frame = section.content if section.shown is None else section.shown
    more = len(frame) - _MOST if isinstance(frame, pd.DataFrame) else 0
    return (f"{counted(more, 'more row')} in `{section.name}`.", *section.notes) if more > 0 else section.notes


def _with_index(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with its index as columns, unless that only counts the rows."""
    unnamed = frame.index.names == [None] and pd.api.types.is_integer_dtype(frame.index)
    return frame.reset_index(drop=unnamed)


def _bounds(names: list[str], place: int) -> list[int]:
    """Where the interval of a column stands: `x_low` and `x_high`, or `low` and `high` right behind it."""
    name = names[place]
    if f"{name}_low" in names and f"{name}_high" in names:
        return [names.index(f"{name}_low"), names.index(f"{name}_high")]
    return [place + 1, place + 2] if names[place + 1 : place + 3] == ["low", "high"] else []


def _cell(value: Any, form: str) -> str:
    """One value as people read it."""
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return _MISSING
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if isinstance(value, dt.datetime):
        return str(value.date()) if value.time() == dt.time() else f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, (int, float, np.integer, np.floating)):
        whole = isinstance(value, (int, np.integer)) or abs(float(value)) >= 1000
        return f"{value:{form or (',.0f' if whole else '.3g')}}"
    return str(value)


def _records(frame: pd.DataFrame) -> Any:
    """Rows as plain data: what is not a number is null, days are as ISO 8601 writes them."""
    whole = _with_index(frame)
    # As lists, for pandas ends a key at a null character.
    rows = whole.to_json(orient="values", date_format="iso", date_unit="s", double_precision=15)
    return [dict(zip(map(str, whole.columns), row, strict=True)) for row in json.loads(rows)]


def _is_plain(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(map(_is_plain, value.values()))
    return isinstance(value, _JSON_SCALARS) or (isinstance(value, (tuple, list)) and all(map(_is_plain, value)))


def plain(value: Any) -> Any:
    """Values as JSON has them: no word for what is not a number, and none for days; a dataclass is its fields."""
    if dataclasses.is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(inner) for inner in value]
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, dt.date):
        return None if value is pd.NaT else value.isoformat()
    return None if isinstance(value, float) and not math.isfinite(value) else value
