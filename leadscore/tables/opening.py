"""Tables, opened for reading: those that are given, and those that a data file makes where none is."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel

from leadscore.errors import ArgumentError, Problem
from leadscore.imports.report import Imported
from leadscore.imports.spool import Log
from leadscore.rulebook import Rulebook
from leadscore.sources.contract import refuse
from leadscore.sources.source import Source, open_source


def is_data_file(given: Any) -> bool:
    """Whether what is given for the leads is a data file, or the path of one; told without loading what reads it."""
    path = isinstance(given, (str, os.PathLike)) and os.fspath(given).lower().endswith((".yaml", ".yml"))
    return path or isinstance(given, BaseModel)


def opened_tables(
    parts: dict[str, Any],
    books: list[Rulebook],
    *,
    sources: Mapping[str, Any] | None = None,
    strict: bool = True,
    progress: Callable[[str], object] | None = None,
) -> tuple[dict[str, Source], Imported | None]:
    """The tables that are given, by name; those of a data file where none is, unless they are empty; and its import."""
    imported = _imported(parts["leads"], sources, books, strict=strict, progress=progress)
    if imported is not None:
        given = {name: part for name, part in parts.items() if part is not None and name != "leads"}
        logs = {name: imported.logs[name] for name in parts}
        parts = {name: log for name, log in logs.items() if len(log) or name == "leads"} | given
    opened = {
        name: part.source(name) if isinstance(part, Log) else open_source(part, name)
        for name, part in parts.items()
        if part is not None or name == "leads"
    }
    return opened, imported


def _imported(
    leads: Any,
    sources: Mapping[str, Any] | None,
    books: list[Rulebook],
    *,
    strict: bool,
    progress: Callable[[str], object] | None,
) -> Imported | None:
    """What a data file makes, if one is given in place of the leads."""
    if isinstance(leads, Imported):
        imported = leads
    elif is_data_file(leads):
        from leadscore.imports.build import import_tables  # noqa: PLC0415 - a fifth of a second, for data files only

        imported = import_tables(leads, sources=sources, strict=strict, progress=progress)
    elif sources is not None:
        raise ArgumentError("sources", "goes with a data file: give one in place of the leads")
    else:
        return None
    for book in books:
        if book.timezone != imported.timezone:
            zones = f"{imported.source} has {imported.timezone}, the rulebook {book.name!r} has {book.timezone}"
            cure = "days would begin at another time; write the same 'timezone' in both"
            refuse([Problem("timezone", f"{zones}: {cure}")])
    return imported
