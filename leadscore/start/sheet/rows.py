"""A sheet's cells as rows: where the columns are, which cells are merged, and what is a heading."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import pairwise

from leadscore.errors import ContractError, Problem
from leadscore.start.sheet.amounts import Unclear, tidy
from leadscore.start.sheet.terms import term
from leadscore.start.sheet.words import DOING, FIELD, NAMES_A_PART, NOTHING

# The first that is found in a header: "Scoring criteria" are criteria, "Max points" a cap.
_ROLES = {
    "note": r"notes?|comments?|rationale|owner|source|id|no|nr|examples?|description|be(?:schreib|merk)ung|kommentar",
    "cap": r"max|maximum|cap|limit|maximal\w*|höchst\w*",
    "fading": r"decay|half|halbwertszeit|verfall|fades?",
    "window": r"window|time ?frame|period|recency|within|expir\w*|lookback|zeitraum|zeitfenster",
    "count": r"frequency|recurrence|repeat\w*|how often|häufigkeit",
    "category": r"(?:sub)?categor\w+|type|dimension|section|group|area|class|pillar|kategorie|bereich|typ|gruppe",
    "criteria": r"criteri\w+|conditions?|rules?|operator|kriteri\w+|bedingung\w*|regeln?",
    "attribute": (
        r"attribut\w*|fields?|propert\w+|activit\w+|actions?|events?|triggers?|signals?|variables?|factors?|parameters?|"
        r"characteristics?|interactions?|(?:data|touch|contact) ?points?|"
        r"merkmale?|eigenschaft\w*|feld\w*|aktivität\w*|aktion\w*|ereignis\w*"
    ),
    "points": r"points?|pts|scores?|scoring|punkte?|punktzahl|punktwert",
    "attribute, too": (
        r"demographics?|firmographics?|behaviou?r\w*|engagement|fit|profile?|items?|names?|verhalten\w*|what"
    ),
    "criteria, or points": r"values?|wert\w*",
    "criteria, too": r"range|options?|answers?|definition|details?|ausprägung\w*",
    "points, or nothing": r"weight\w*|gewicht\w*",
}
_FIXED = re.compile(r"[-+]?[0-9]+ ?(?:points?|pts|punkte)", re.IGNORECASE)
_SAYS_POINTS = re.compile(
    r"point|pts|score|\bmax|\bmin|\bcap\b|decay|expir|half.?life|threshold|mql|punkte|schwelle|verf[aä]ll",
    re.IGNORECASE,
)
_TOTAL = re.compile(
    r"(?:grand |overall |sub-? ?|zwischen)?(?:total|sum|summe|gesamt\w*|insgesamt)\b"
    r"(?: (?:points|scores?|possible|max\w*|fit|demographics?|firmographics?|behaviou?r\w*|category|section|of))*:?",
    re.IGNORECASE,
)
_LONGEST_NOTE = 100
_ONLY_A_PART = re.compile(rf"(?:{NAMES_A_PART.pattern})(?: (?:criteria|rules?))*", re.IGNORECASE)


@dataclass(frozen=True)
class Row:
    """One row of the sheet.

    Attributes
    ----------
    place : str
        Where it stands, as "line 12".
    text : str
        Everything it says.
    category, attribute, criteria, points : str
        Its cells by their meaning; empty where there is none.
    more : tuple of (header, cell)
        What other columns say of how points count.
    heading : bool
        Whether it gives no points: a title, the header, the name of a part, a sum.
    """

    place: str
    text: str
    category: str = ""
    attribute: str = ""
    criteria: str = ""
    points: str = ""
    more: tuple[tuple[str, str], ...] = ()
    heading: bool = False


@dataclass
class _Table:
    """The columns of a table; several may stand side by side in a sheet."""

    places: list[int]
    headers: list[str]
    roles: list[str]
    points: str = ""
    parts: dict[int, str] = field(default_factory=dict)
    attribute: str = ""

    def row(self, place: str, cells: Sequence[str]) -> Row:
        """A row by the meaning of its cells; of merged cells the first holds the text, and the others are empty."""
        own = [(cells[place], role) for place, role in zip(self.places, self.roles, strict=True)]
        text = " | ".join(cell for cell, _ in own if cell)
        if self._names_a_part([(cell, role) for cell, role in own if cell]):
            self.parts, self.attribute = {-1: text}, ""
            return Row(place, text, heading=True)
        for column, (cell, role) in enumerate(own):
            if role == "category" and cell:
                self.parts = {at: part for at, part in self.parts.items() if at < column} | {column: cell}
                self.attribute = ""
        attribute, criteria, points = (
            " ".join(cell for cell, other in own if other == role and cell)
            for role in ("attribute", "criteria", "points")
        )
        self.attribute = attribute or self.attribute
        more = tuple(
            (header, cell)
            for header, (cell, role) in zip(self.headers, own, strict=True)
            if cell.lower() not in NOTHING
            if role in {"cap", "fading", "window", "count"} or (role == "note" and _says_how_points_count(cell))
        )
        category = " ".join(self.parts.values())
        named = [cell for cell, role in own if role in {"category", "attribute", "criteria"} and cell]
        total = len(named) == 1 and bool(_TOTAL.fullmatch(tidy(named[0])))
        attribute = attribute or (self.attribute if criteria else "")
        return Row(place, text, category, attribute, criteria, self.points or points, more, heading=total)

    def unread(self, cells: Sequence[str]) -> list[str]:
        """The headers that mean nothing here, of columns that are filled in."""
        columns = zip(self.places, self.headers, self.roles, strict=True)
        return [header for place, header, role in columns if not role and cells[place] and header]

    def _names_a_part(self, filled: list[tuple[str, str]]) -> bool:
        if len(filled) != 1 or _may_be_a_rule(filled[0][0]) or self.points:
            return False
        cell, role = filled[0]
        field_alone = FIELD.search(cell) and not DOING.search(cell) and "category" not in self.roles
        return role == "category" or cell.endswith(":") or bool(NAMES_A_PART.search(cell) or field_alone)


def read_rows(sheets: Mapping[str, Sequence[tuple[int, list[str]]]], source: str) -> tuple[list[Row], list[str]]:
    """Every row that holds something, in the order of the sheets; and the headers of columns that nobody understands.

    Raises
    ------
    ContractError
        If no line names a column of points and one of what they are for, or if two columns are points.
    """
    rows: list[Row] = []
    unread: dict[str, None] = {}
    headers = 0
    for name, lines in sheets.items():
        at = f"sheet {name!r} line" if len(sheets) > 1 else "line"
        width = max((len(cells) for _, cells in lines), default=0)
        tables: list[_Table] = []
        part = name if NAMES_A_PART.search(name) else ""
        for number, short in lines:
            cells = [*short, *[""] * (width - len(short))]
            found = _tables(f"{at} {number}", cells, source, first=not tables)
            headers += len(found)
            for table in found:
                table.parts |= {-1: part} if part else {}
            tables = found or tables
            new = (
                [_outside(f"{at} {number}", cells)] if found or not tables else _inside(f"{at} {number}", cells, tables)
            )
            # A part may be named above its header.
            if found or (new[0].heading and NAMES_A_PART.search(new[0].text)):
                part = "" if found else new[0].text
            rows += [replace(row, heading=True) for row in new] if found else new
            unread |= dict.fromkeys(header for table in tables if not found for header in table.unread(cells))
    if not headers:
        seen = "; ".join(f"{row.place}: {row.text[:80]!r}" for row in rows[:3]) or "the sheet is empty"
        wanted = "a line such as 'Category, Attribute, Criteria, Points' above the rows is needed"
        raise ContractError(source, [Problem("", f"no header found: {wanted}; {seen}")])
    return rows, list(unread)


def _outside(place: str, cells: Sequence[str]) -> Row:
    """A line above all headers."""
    text = " | ".join(filter(None, cells))
    return Row(place, text, attribute=text, heading=not _may_be_a_rule(text))


def _inside(place: str, cells: Sequence[str], tables: list[_Table]) -> list[Row]:
    # Of columns that each stand for some points, those that are filled in are rows.
    filled = [table for table in tables if cells[table.places[-1]] or not table.points] or tables[:1]
    return [row for table in filled if (row := table.row(place, cells)).text]


def _says_how_points_count(note: str) -> bool:
    with suppress(Unclear):
        return len(note) < _LONGEST_NOTE and term(tidy(note)) is not None
    return False


def _may_be_a_rule(text: str) -> bool:
    return bool(re.search("[0-9]", text) and _SAYS_POINTS.search(text))


def _tables(place: str, cells: Sequence[str], source: str, *, first: bool) -> list[_Table]:
    """The tables whose header a line is; none if it is no header."""
    roles = [_role(cell) for cell in cells]
    fixed = [column for column, cell in enumerate(cells) if _FIXED.fullmatch(tidy(cell))]
    shared = [column for column in range(len(cells)) if column not in fixed]
    if len(fixed) > 1 and any(roles[column] for column in shared):
        texts = ["attribute" if roles[column] == "criteria" else roles[column] for column in shared]
        return [
            _Table([*shared, column], [cells[at] for at in (*shared, column)], [*texts, "criteria"], cells[column])
            for column in fixed
        ]
    odd = [cell for cell, role in zip(cells, roles, strict=True) if cell and not role]
    if sum(map(bool, roles)) < 2 or any(re.match(r"\W*[0-9]", cell) for cell in odd) or (odd and not first):
        return []
    _settle(roles)
    if "points" not in roles or not {"attribute", "criteria", "category"} & {*roles}:
        return []
    starts = [0]
    scores = [column for column, role in enumerate(roles) if role == "points"]
    for one, other in pairwise(scores):
        between = [at for at in range(one, other) if roles[at] in {"category", "attribute", "criteria"}]
        # A table beside another repeats its header, or stands apart.
        if between and (cells[one] == cells[other] or not cells[between[0] - 1]):
            starts.append(between[0])
        else:
            two = f"{cells[one]!r} and {cells[other]!r}"
            raise ContractError(source, [Problem(place, f"two columns hold points, {two}: leave one in the sheet")])
    ranges = [range(start, end) for start, end in pairwise([*starts, len(cells)])]
    return [
        _Table([*own], [cells[at] for at in own], [roles[at] for at in own], parts=_part(cells, roles, own))
        for own in ranges
    ]


def _part(cells: Sequence[str], roles: list[str], own: range) -> dict[int, str]:
    """What the header of a column says all its rows are: behaviour, under "Activity"."""
    if any(roles[column] == "category" for column in own):
        return {}
    named = [cells[column] for column in own if roles[column] in {"attribute", "criteria"}]
    return {-1: " ".join(filter(_ONLY_A_PART.fullmatch, named))}


def _role(header: str) -> str:
    words = re.sub(r"\([^)]*\)|[\W_]+", " ", header).strip()
    if header.strip() in {"#", "+/-"}:
        return "note" if header.strip() == "#" else "points"
    if not words or len(words.split()) > 5:
        return ""
    found = (role for role, pattern in _ROLES.items() if re.search(rf"\b(?:{pattern})\b", words, re.IGNORECASE))
    return next(found, "").removesuffix(", too")


def _settle(roles: list[str]) -> None:
    """Columns whose header may mean several things: a weight is the points where nothing else is."""
    for perhaps, otherwise in (("criteria, or points", "criteria"), ("points, or nothing", "")):
        for place in [place for place, role in reversed([*enumerate(roles)]) if role == perhaps]:
            named = {*roles[:place], *roles[place + 1 :]}
            may_be_points = "points" not in named and "points, or nothing" not in named - {perhaps}
            roles[place] = "points" if may_be_points else otherwise
    if not {"attribute", "criteria", "category"} & {*roles} and "note" in roles:
        roles[roles.index("note")] = "attribute"
