"""What tables are read from: the files of each, those too that a data file names."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from leadscore.imports.data_file import DataFile
from leadscore.imports.language import PeopleBlock
from leadscore.sources.files import matching
from leadscore.sources.source import paths_of
from leadscore.tables.opening import is_data_file

AnyPath = str | os.PathLike[str]
_OTHER = "data"


def files_of(tables: Mapping[str, AnyPath]) -> dict[str, list[str]]:
    """The files of each table.

    In place of the leads there may be a data file: it stands under `data`, with the files that are of no table.

    Raises
    ------
    ContractError
        If a file that the data file names is not there.
    DataFileError
        If the data file cannot be used.
    """
    found = {name: paths_of(os.fspath(path), name) for name, path in tables.items()}
    if not is_data_file(tables["leads"]):
        return found
    data = DataFile.read(tables["leads"])
    found |= {"leads": [], _OTHER: [os.fspath(tables["leads"])]}
    folder, homes = Path(data.source).parent, _homes(data)
    for name, source in data.sources.items():
        home = homes.get(name, _OTHER)
        # What is given beside a data file goes before its own.
        if home == "leads" or home not in tables:
            listed = found.setdefault(home, [])
            listed += [file.path for file, _ in (matching(source.file, folder, name) if source.file else [])]
    return found


def _homes(data: DataFile) -> dict[str, str]:
    """The table that most rows of each source go to."""
    found: dict[str, str] = {}
    for table, _, block in data.blocks():
        if isinstance(block, PeopleBlock) and table != "touches":
            found.setdefault(block.from_, table)
    return found


def in_database(tables: Mapping[str, AnyPath]) -> bool:
    """Whether a data file reads something from a database, of which nobody can say whether it is the same."""
    if not is_data_file(tables["leads"]):
        return False
    return any(source.connection is not None for source in DataFile.read(tables["leads"]).sources.values())
