"""The files a user has: what each is, which belong together, and all their cells by the names the data file uses."""

from __future__ import annotations

import glob
import os
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import pyarrow as pa

from leadscore.errors import ContractError, Problem
from leadscore.sources.exports import Export, open_export
from leadscore.sources.source import Source
from leadscore.start.kinds import Cells
from leadscore.start.presets import presets
from leadscore.start.recognise import Match, match, vendors

# Of the same table in two kinds of file the first is read.
_KINDS = (".parquet", ".pq", ".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".xlsx", ".xls", ".xlsb", ".ods")
# What changes from one export to the next: a day, a moment, a number or a hash, at the end of a name.
_CHANGES = re.compile(
    r"(?<![A-Za-z0-9])(?:\d{4}-\d\d-\d\d(?:-\d+)?|\d\d[-.]\d\d[-.]\d{4}|(?=[0-9a-f]*\d)[0-9a-f]{6,13}|\d{3,})$|\d{13}$"
)
_HEAD = 50


@dataclass(frozen=True)
class File:
    """A file that is open, not yet read.

    Attributes
    ----------
    path : Path
    source : Source
    match : Match or None
        What it is in a preset; None where no vendor's marks are known.
    """

    path: Path
    source: Source
    match: Match | None


@dataclass
class Table:
    """A source of the data file: a file, or several parts of one table.

    Attributes
    ----------
    name : str
        As the data file calls it.
    preset : str or None
    files, others : list of File
        Those that are read, and those that hold the same in another kind of file.
    cells : dict of column to Cells, by the names the data file uses
    """

    name: str
    preset: str | None
    files: list[File]
    others: list[File] = field(default_factory=list)
    cells: dict[str, Cells] = field(default_factory=dict)

    @property
    def rename(self) -> dict[str, str]:
        """Headers that are not called in the file as the data file calls them."""
        names = {header: own for file in self.files if file.match for header, own in file.match.names.items()}
        return {header: own for header, own in names.items() if header != own}

    @property
    def doubled(self) -> dict[str, str]:
        """Headers that stand more than once, so that nobody can say which is meant, and what they would be called."""
        found: dict[str, str] = {}
        for file in self.files:
            names = file.match.names if file.match else {}
            found |= {header: names.get(header, header) for header in file.source.repeated if header}
        return found

    @property
    def rows(self) -> int:
        """Rows of all parts."""
        return max((cells.rows for cells in self.cells.values()), default=0)

    def pattern(self, folder: Path) -> str | list[str]:
        """What finds the files from a folder: globs where names hold a day or a number, if they find no other file."""
        known = {file.path.resolve() for file in self.files}
        found = [*dict.fromkeys(_pattern(file.path, folder, known) for file in self.files)]
        return found if len(found) > 1 else found[0]


def _pattern(path: Path, folder: Path, known: set[Path]) -> str:
    ending = "".join(path.suffixes)
    stem = path.name.removesuffix(ending)
    wide = _CHANGES.sub("", stem)
    pattern = path.parent / f"{glob.escape(wide)}*{glob.escape(ending)}"
    if not path.parent.is_dir():
        return glob.escape(os.path.relpath(path, folder))  # a member of an archive
    alone = {one.resolve() for one in path.parent.glob(pattern.name)} <= known
    return os.path.relpath(pattern, folder) if wide != stem and alone else glob.escape(os.path.relpath(path, folder))


def read_exports(paths: Sequence[Path]) -> list[Table]:
    """Open files, tell what each is, put parts together, and count all their cells.

    Raises
    ------
    ContractError
        If a file cannot be read.
    """
    opened = {path: open_export(Export(file=(glob.escape(str(path)),)), path.name, Path()) for path in paths}
    among = vendors((source.columns, _first_values(source)) for source in opened.values())
    files = [File(path, source, match(source.columns, among)) for path, source in opened.items()]
    exports = _together(files)
    for export in exports:
        _read(export)
    return exports


def _first_values(source: Source) -> list[str]:
    values: list[str] = []
    for batch in islice(source.batches(source.columns), 1):
        for column in batch.slice(0, _HEAD).columns:
            if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
                values += [value for value in column.to_pylist() if value]
    return values


def _together(files: list[File]) -> list[Table]:
    exports: dict[tuple[str, str], Table] = {}
    taken = {source for preset in presets().values() for source in preset.mentioned}
    for file in files:
        if file.match:
            key = (file.match.preset, file.match.source)
            exports.setdefault(key, Table(file.match.source, file.match.preset, [])).files.append(file)
        else:
            name = unlike(re.sub(r"\W+", "_", _CHANGES.sub("", file.path.stem)).strip("_").lower() or "table", taken)
            taken.add(name)
            exports["", name] = Table(name, None, [file])
    for export in exports.values():
        kind = min((_kind(file.path) for file in export.files), default=0)
        export.others = [file for file in export.files if _kind(file.path) != kind]
        export.files = [file for file in export.files if _kind(file.path) == kind]
    return [*exports.values()]


def _kind(path: Path) -> int:
    ending = next((one for one in path.suffixes[::-1] if one.lower() in _KINDS), "")
    return _KINDS.index(ending.lower()) if ending else len(_KINDS)


def members(path: Path) -> list[Path]:
    """The files in an archive, named as a data file names them."""
    try:
        with zipfile.ZipFile(path) as archive:
            return [path / name for name in sorted(archive.namelist()) if not name.startswith("__MACOSX/")]
    except (OSError, zipfile.BadZipFile) as error:
        raise ContractError("exports", [Problem(str(path), f"cannot be read: {error}")]) from None


def readable(path: Path) -> bool:
    """Whether a file's ending is of those that hold tables."""
    return _kind(path) < len(_KINDS) and not path.name.startswith(".")


def unlike(name: str, taken: Iterable[str]) -> str:
    """A name that is not taken."""
    taken = {*taken}
    return next(one for one in (name, *(f"{name}_{place}" for place in range(2, len(taken) + 3))) if one not in taken)


def _read(export: Table) -> None:
    for file in export.files:
        names = file.match.names if file.match else {}
        wanted = [header for header in file.source.columns if header.isprintable()]
        counts = Counter(names.get(header, header) for header in wanted)
        alone = {header for header in wanted if counts[header] == 1 and header not in file.source.repeated}
        wanted = [header for header in wanted if header in alone or (header in names and header not in export.doubled)]
        if not wanted:
            raise ContractError("exports", [Problem(str(file.path), "has no column with a name of its own")])
        for batch in file.source.batches(wanted):
            for header, array in zip(wanted, batch.columns, strict=True):
                name = names.get(header, header)
                export.cells.setdefault(name, Cells(name)).add(array)
        for header in wanted:
            export.cells.setdefault(names.get(header, header), Cells(header))
