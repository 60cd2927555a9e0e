"""One sheet of a workbook (xlsx, xlsb, xls, ods) as text: whole numbers without a point, dates as ISO 8601."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

import pyarrow as pa

from leadscore.base.text import as_text, decimal
from leadscore.errors import did_you_mean
from leadscore.sources.csv_files import Doubt, as_batch, first_line
from leadscore.sources.files import File, needed
from leadscore.sources.source import Source, named

_ROWS = 1 << 16
# Excel keeps 15 digits of a number.
_EXACT = 10**15
_ROUNDED = "a number of more than 15 digits, which workbooks round; export such ids as text, or as CSV"


def workbook_source(file: File, table: str, sheet: str | None, skip_rows: int) -> Source:
    """The sheet of that name, or the first not hidden; its header is the first row below `skip_rows` that has a cell.

    Raises
    ------
    ContractError
        If it is no workbook, has no such sheet, or what reads workbooks is not installed.
    """
    cells, notes = _sheet(file, table, sheet)

    def rows() -> Iterator[tuple[int, list[Any]]]:
        """The number of each row that is not empty, and its cells."""
        return ((number, row) for number, row in _rows(cells) if number > skip_rows and any(cell != "" for cell in row))

    names = [_text(cell).strip() for cell in next(rows(), (0, []))[1]]
    numbers = [number for number, _ in rows()]
    doubts = list[Doubt]()

    def batches(columns: list[str]) -> Iterator[pa.RecordBatch]:
        doubts.clear()
        places = [names.index(column) for column in columns]
        several, start = islice(rows(), 1, None), 0
        while batch := [[row[place] for place in places] for _, row in islice(several, _ROWS)]:
            doubts.extend(
                Doubt(start + at, column, _ROUNDED, _text(cell))
                for at, row in enumerate(batch)
                for column, cell in zip(columns, row, strict=True)
                if isinstance(cell, float) and abs(cell) >= _EXACT
            )
            start += len(batch)
            yield as_batch([[*map(_text, row)] for row in batch], columns)

    source = Source(
        **named(table, names),
        batches=batches,
        places=lambda records: {record: f"row {numbers[record + 1]}" for record in records},
        doubts=doubts,
        notes=notes,
        iso_times=True,
    )
    source.columns = [column for column in source.columns if column]
    return source


def sheets_of(file: File, table: str) -> tuple[dict[str, list[tuple[int, list[str]]]], list[str]]:
    """The cells of every sheet that can be seen, by its name: each filled row, with its number; and the hidden sheets.

    Raises
    ------
    ContractError
        If it is no workbook, or what reads workbooks is not installed.
    """
    with _opened(file, table) as (book, names, seen):
        sheets = {name: book.get_sheet_by_name(name) for name in seen}
        filled = {
            name: [(number, [*map(_text, row)]) for number, row in _rows(sheet) if any(cell != "" for cell in row)]
            for name, sheet in sheets.items()
        }
        return filled, [name for name in names if name not in seen]


def _rows(sheet: Any) -> Iterator[tuple[int, list[Any]]]:
    """The rows of a sheet, with their numbers."""
    # Older versions of the library end the program where a sheet is empty.
    return enumerate(sheet.iter_rows() if sheet.start else (), 1)


def _sheet(file: File, table: str, wanted: str | None) -> tuple[Any, list[str]]:
    """The sheet to read, and what is to be said of the choice."""
    with _opened(file, table) as (book, names, seen):
        if wanted not in {None, *names} or not names:
            raise file.problem(table, f"has no sheet {wanted!r}{did_you_mean(wanted, names)}")
        name = wanted or seen[0]
        others = ", ".join(repr(one) for one in seen if one != name)
        told = f"{file.label}: the sheet {name!r} is read; 'sheet' can name another: {others}"
        return book.get_sheet_by_name(name), [told] if others and not wanted else []


@contextmanager
def _opened(file: File, table: str) -> Iterator[tuple[Any, list[str], list[str]]]:
    """The workbook, the names of its sheets, and of those to be seen; all of them where every one is hidden."""
    calamine = needed("python_calamine", "excel", file.label, table)
    try:
        with calamine.CalamineWorkbook.from_path(file.path) as book:
            sheets = [one for one in book.sheets_metadata if one.typ == calamine.SheetTypeEnum.WorkSheet]
            names = [one.name for one in sheets]
            yield book, names, [one.name for one in sheets if one.visible == calamine.SheetVisibleEnum.Visible] or names
    except calamine.PasswordError:
        raise file.problem(table, "is protected by a password; save it without one") from None
    except (calamine.CalamineError, OSError) as error:
        raise file.problem(table, f"cannot be read as a workbook: {first_line(error)}") from None


def _text(cell: Any) -> str:
    if isinstance(cell, dt.datetime):
        return cell.isoformat(" ")
    if isinstance(cell, (dt.date, dt.time)):
        return cell.isoformat()
    if isinstance(cell, float):
        return decimal(cell)
    return cell if isinstance(cell, str) else as_text(cell)
