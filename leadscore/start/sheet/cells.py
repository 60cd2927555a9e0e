"""The cells of a sheet, line by line, from CSV or a workbook."""

from __future__ import annotations

import csv
import io
import os
import re
from pathlib import Path
from typing import NamedTuple

from leadscore.errors import ContractError, Problem, visible
from leadscore.sources.archives import check_workbook
from leadscore.sources.encodings import as_utf8
from leadscore.sources.files import File, Scratch
from leadscore.sources.workbooks import sheets_of

# A scoring sheet of 2,000 rows is about 200 kB.
_LARGEST = 2_000_000
_WORKBOOKS = {"xlsx", "xlsm", "xlsb", "xls", "ods"}
_QUOTED = re.compile(r'"[^"]*"')
_NAME = "scoring sheet"


class Grid(NamedTuple):
    """The cells of a file.

    Attributes
    ----------
    sheets : dict of name to lines
        Each line that holds something: its number from 1, and its cells. A CSV file is one sheet without a name.
    decimal : str
        The decimal sign, which tells 1.000 from 1,000.
    notes : list of str
        What was found out about the file.
    """

    sheets: dict[str, list[tuple[int, list[str]]]]
    decimal: str
    notes: list[str]


def read_grid(path: str | os.PathLike[str]) -> Grid:
    """The cells of a CSV file or a workbook, whatever stands above its header.

    Raises
    ------
    ContractError
        If it is neither, or too large for a scoring sheet.
    OSError
        If it cannot be read.
    """
    file = File(os.fspath(path), os.fspath(path), Path(path).stat().st_size)
    if file.packed > _LARGEST:
        raise ContractError(file.label, [Problem("", f"more than {_LARGEST:,} bytes, which no scoring sheet has")])
    if file.ending in _WORKBOOKS:
        check_workbook(file, _NAME)
        sheets, hidden = sheets_of(file, _NAME)
        return Grid(sheets, ".", [f"the sheet {visible(name)!r} is hidden, and not read" for name in hidden])
    scratch = Scratch()
    utf8, encoding, notes = as_utf8(file, _NAME, None, scratch)
    told = [f"read as {encoding}: save it as UTF-8 if letters look wrong"] if notes else []
    try:
        text = Path(utf8).read_bytes().decode("utf-8-sig")
        plain = _QUOTED.sub("", text).splitlines()
        delimiter = max(",;\t|", key=lambda sign: sum(sign in line for line in plain))
        return Grid({"": _lines(text, delimiter)}, "," if delimiter == ";" else ".", told)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ContractError(file.label, [Problem("", f"not a CSV file or a workbook: {error}")]) from None


def _lines(text: str, delimiter: str) -> list[tuple[int, list[str]]]:
    lines, line = [], 1
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    for cells in reader:
        if any(map(str.strip, cells)):
            lines.append((line, [cell.strip() for cell in cells]))
        line = reader.line_num + 1
    return lines
