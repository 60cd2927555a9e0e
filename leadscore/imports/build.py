"""`import_tables`: exports read as the data file says, people told apart, and every row accounted for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from types import NoneType
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadscore.base.arguments import Arguments
from leadscore.base.text import counted, shown
from leadscore.errors import ContractError, DataFileError, Problem, did_you_mean
from leadscore.imports.blocks import Made, Maker, References, Tally, references
from leadscore.imports.cells import Rows
from leadscore.imports.data_file import DataFile
from leadscore.imports.finish import (
    Rowset,
    count_spooled,
    first_of_repeats,
    leads_and_people,
    newest_of_each_key,
    of_leads,
    one_row_each,
    positions,
    put_in_order,
    standing,
    table_of,
    told_once,
)
from leadscore.imports.joins import Joined, Scope, joined_frame, names_of
from leadscore.imports.language import TABLES, Alias, Block, EventsBlock, LeadsBlock
from leadscore.imports.opened import Opened
from leadscore.imports.people import NOBODY, Names, People, Quarrel
from leadscore.imports.report import Imported
from leadscore.imports.rows import Frame
from leadscore.imports.spool import Codes, Log, Spool
from leadscore.sources.exports import Export, open_export
from leadscore.sources.source import open_source

Name = tuple[str, str]
# The tables that are as long as the logs they come from: people are few beside them.
LOGS = ("events", "touches")
_SHOWN = 5
# The columns that each table has even if nothing is in it, and whether they are times.
_COLUMNS = {
    "leads": {"lead_id": False},
    "events": {"lead_id": False, "event": False, "at": True},
    "outcomes": {"lead_id": False, "stage": False, "at": True},
    "touches": {"lead_id": False, "at": True, "channel": False},
    "costs": {"channel": False, "month": False, "amount": False},
}


def import_tables(
    data: DataFile | str | os.PathLike[str],
    *,
    sources: Mapping[str, Any] | None = None,
    strict: bool = True,
    progress: Callable[[str], object] | None = None,
) -> Imported:
    """Make leads, events, outcomes, touches and costs from exports, as a data file says.

    Parameters
    ----------
    data : DataFile or path
        The files it names stand in its own folder, unless their paths say otherwise.
    sources : mapping of name to table, optional
        Tables in hand, pandas, polars or Arrow, in place of the files of these sources.
    strict : bool
        Refuse exports with cells that are not what the file says, or names of several leads; if False, such rows are
        set aside in `rejected`.
    progress : callable, optional
        Is told in words what is being read.

    Returns
    -------
    Imported

    Raises
    ------
    DataFileError
        If the file cannot be used, or names columns that the sources lack; with the line of each.
    ContractError
        Each problem of the cells with source, column, line, count and first cells.

    Examples
    --------
    >>> text = '''
    ... data: 1
    ... timezone: Europe/Berlin
    ... sources:
    ...   people: {columns: {Created: {type: time, format: "%d.%m.%Y"}}}
    ... leads:
    ...   people: {from: people, lead_id: Id, created_at: Created, columns: {job_title: Title}}
    ... '''
    >>> people = pd.DataFrame({"Id": [51], "Created": ["05.01.2026"], "Title": ["CFO"]})
    >>> imported = import_tables(DataFile.from_yaml(text), sources={"people": people})
    >>> imported.leads.to_pylist()[0]["created_at"].isoformat()
    '2026-01-05T00:00:00+01:00'
    """
    with Arguments("import_tables") as given:
        given.flag("strict", strict)
        if not isinstance(data, (DataFile, str, os.PathLike)):
            given.wrong("data", f"must be a DataFile, or the path of one; got {shown(data)}")
        if not isinstance(sources, (Mapping, NoneType)):
            given.wrong("sources", f"must say for each source its table; got {shown(sources)}")
        if progress is not None and (not callable(progress) or isinstance(progress, type)):
            given.wrong("progress", f"must be a function of a text; got {shown(progress)}")
    file = data if isinstance(data, DataFile) else DataFile.read(data)
    held = dict(sources) if sources is not None else {}
    if strange := [
        Problem("sources", f"there is no source {name!r}{did_you_mean(name, file.sources)}")
        for name in held
        if name not in file.sources
    ]:
        raise ContractError(file.source, strange)
    run = Import(file, held, progress or (lambda _: None))
    return run.finished(run.read(), strict=strict)


class Import:
    """One run of a data file."""

    def __init__(self, data: DataFile, frames: Mapping[str, Any], progress: Callable[[str], object]) -> None:
        self.data, self.progress, self.people, self.tally = data, progress, People(), Tally()
        self.aliases: dict[Name, Alias] = {("identity", name): one for name, one in data.identity.aliases.items()}
        self.blocks: dict[Name, Block] = {(table, name): block for table, name, block in data.blocks()}
        self.spools = {
            (table, name): Spool(keyed=isinstance(block, EventsBlock) and block.unique_key is not None)
            for table, name, block in data.blocks()
            if table in LOGS
        }
        self.users: dict[Name, Block | Alias] = {**self.blocks, **self.aliases}
        used = {name for block in self.users.values() for name in (block.from_, *getattr(block, "join", {}))}
        self.opened = self._all_opened([name for name in data.sources if name in used], frames)
        self.scopes = {name: Scope.of(block, self.opened) for name, block in self.users.items()}
        if problems := list(self._lacking()):
            raise DataFileError(data.source, problems)

    def _all_opened(self, names: list[str], frames: Mapping[str, Any]) -> dict[str, Opened]:
        opened, problems = {}, list[Problem]()
        for name in names:
            try:
                opened[name] = self._open(name, frames)
            except ContractError as error:
                problems += [self.data.problem(("sources", name), problem.message) for problem in error.problems]
        if problems:
            raise ContractError(self.data.source, problems)
        return opened

    def _open(self, name: str, frames: Mapping[str, Any]) -> Opened:
        spec = self.data.sources[name]
        if name in frames:
            source = open_source(frames[name], name)
        else:
            export = Export(**{part.name: getattr(spec, part.name) for part in fields(Export)})
            source = open_export(export, name, Path(self.data.source).parent)
        missing = spec.missing_values or self.data.missing_values
        return Opened(name, spec, source, missing, spec.timezone or self.data.timezone)

    def _lacking(self) -> Iterator[Problem]:
        """Ask the sources for the columns that blocks name; all that is lacking."""
        for (table, name), block in self.users.items():
            path = (table, name) if table != "identity" else ("identity", "aliases", name)
            for message in self.scopes[table, name].want(names_of(block)):
                yield self.data.problem(path, message)
            for other, keys in getattr(block, "join", {}).items():
                for message in Scope({"": self.opened[other]}).want({*keys.values()}):
                    yield self.data.problem((*path, "join", other), message)
        for name, opened in self.opened.items():
            for message in opened.lacking():
                yield self.data.problem(("sources", name), message)

    def read(self) -> dict[Name, list[Made]]:
        """Every row of every source, once; those that are joined are held, and events and touches go to the spools."""
        held = {}
        for name in dict.fromkeys(other for block in self.blocks.values() for other in block.join):
            self.progress(f"Reading {name}")
            held[name] = Joined.read(self.opened[name])
        made = {name: list[Made]() for name in self.blocks.keys() - self.spools.keys()}
        makers = {
            name: Maker(name, block, self.people, self.opened[block.from_], self.tally)
            for name, block in self.blocks.items()
        }
        for source, opened in self.opened.items():
            users = {name: block for name, block in self.users.items() if block.from_ == source}
            for batch in opened.batches() if users else ():
                self.progress(f"Reading {source}: {counted(opened.read, 'row')}")
                for key, block in users.items():
                    frame, rows = joined_frame(batch.frame, batch.rows, self.scopes[key], block, held)
                    if isinstance(block, Alias):
                        self._alias(key[1], block, frame, rows)
                        self._alias_of_left_out(block, batch.dropped)
                        continue
                    self.tally.add(key, "added", "several matches of a join", frame.n - batch.frame.n)
                    if isinstance(block, LeadsBlock):
                        makers[key].leave(joined_frame(batch.dropped, batch.out, self.scopes[key], block, held)[0])
                    for part in makers[key].take(frame, rows):
                        if key in self.spools:
                            self.spools[key].append(part.arrow(self.data.timezone))
                        else:
                            made[key].append(part)
            for key in users.keys() & makers.keys():
                self.tally.add(key, "read", "", opened.read + len(opened.source.unread))
                self.tally.add(key, "set aside", "lines that are no rows", len(opened.source.unread))
                self.tally.add(key, "set aside", "cells that cannot be read", opened.set_aside)
                for why, count in opened.left_out.items():
                    self.tally.add(key, "dropped", f"by the source's '{why}'", count)
        return made

    def _alias(self, name: str, alias: Alias, frame: Frame, places: Rows) -> None:
        stay = np.flatnonzero(frame.holds(alias.where) > 0)
        other, lead = self._pairs(alias, frame.take(stay))
        for why, rows in {**other.bad, **lead.bad}.items():
            self.opened[alias.from_].breaches.add(name, why, places[stay][rows], [""] * len(rows))
        self.people.alias(other.person, lead.person[other.row])

    def _alias_of_left_out(self, alias: Alias, frame: Frame) -> None:
        """Other names of leads that `drop` leaves out, so that their events are not called strangers'; of no others."""
        other, lead = self._pairs(alias, frame)
        out = np.isin(lead.person, list(self.people.left_out))
        self.people.alias(other.person, np.where(out, lead.person, NOBODY)[other.row])

    def _pairs(self, alias: Alias, frame: Frame) -> tuple[References, References]:
        named = alias.alias.model_copy(update={"kind": alias.kind})
        return references(frame, named, self.people), references(frame, alias.lead_id, self.people)

    def finished(self, made: dict[Name, list[Made]], *, strict: bool) -> Imported:
        """The tables; every row of every block is counted."""
        file, people, tally, names = self.data, self.people, self.tally, self.people.names()
        self.progress("Telling people apart")
        for name, spool in self.spools.items():
            spool.close()
            tally.add(name, "again", "rows of one unique_key", newest_of_each_key(spool, names))
        tables = {
            table: Rowset.of({name: made.pop(name) for name in self.blocks if name[0] == table})
            for table in TABLES
            if getattr(file, table) and table not in LOGS
        }
        tables["leads"], differ = one_row_each(tables["leads"], names, tally)
        tables["leads"], lead_of, quarrels = leads_and_people(tables["leads"], people, file.identity, tally)
        unclear = {int(people.numbers(kind, [name], fold=False)[0]) for (kind, name), _ in quarrels}
        stand = standing(lead_of, unclear)
        logs = self._logs(lead_of, stand)
        if "outcomes" in tables:
            tables["outcomes"] = of_leads(tables["outcomes"], lead_of, stand, tally)
            chosen = {("outcomes", name) for name, block in file.outcomes.items() if block.repeats == "first"}
            outcomes = first_of_repeats(told_once(tables["outcomes"], names, tally), chosen, tally)
            outcomes = put_in_order(outcomes, file.order_tolerance_hours, tally)
            tables["outcomes"] = told_once(outcomes, names, tally)
        for table in tables.values():
            table.count(slice(None), "kept", "", tally)
        if strict and (problems := [*self._broken(quarrels), *_differing(differ, names)]):
            raise ContractError(file.source, problems)
        aside = [opened.breaches.rejected() for opened in self.opened.values()]
        return Imported(
            source=file.source,
            **{
                name: table_of(tables.get(name), names, file.timezone, columns)
                for name, columns in _COLUMNS.items()
                if name not in LOGS
            },
            logs=logs,
            rows=tally.frame([*self.blocks]),
            rejected=pd.concat([part for part in aside if len(part)] or aside[:1], ignore_index=True),
            timezone=file.timezone,
            lookback_days=max((block.lookback_days or 0 for block in file.events.values()), default=0),
            found=tuple(self._found_out()),
        )

    def _logs(self, leads: Codes, stand: npt.NDArray[np.int8]) -> dict[str, Log]:
        """Events and touches, whose rows are counted."""
        names, logs = self.people.names(), {}
        lead_of, ids = positions(leads, names)
        for table in LOGS:
            spools = {name: spool for name, spool in self.spools.items() if name[0] == table}
            rows = count_spooled(spools, stand, self.tally)
            empty = table_of(None, names, self.data.timezone, _COLUMNS[table]).schema
            logs[table] = Log([*spools.values()], lead_of, ids, rows, empty)
        return logs

    def _found_out(self) -> Iterator[str]:
        """What the sources say of themselves, and what in the file is of no use."""
        for opened in self.opened.values():
            yield from opened.source.notes
        for name in self.data.sources:
            if name not in self.opened:
                yield f"The source {name!r} is used by no block."
        kept = {(table, block) for table, block, fate, _ in self.tally.counts if fate == "kept"}
        for key, block in self.blocks.items():
            if key not in kept and self.opened[block.from_].read:
                yield f"{'.'.join(key)} keeps none of the rows of {block.from_!r}."

    def _broken(self, quarrels: list[Quarrel]) -> Iterator[Problem]:
        """What makes a strict run refuse the exports."""
        for opened in self.opened.values():
            yield from opened.breaches.problems()
        if quarrels:
            lines = [f"{kind} {name!r} {why}" for (kind, name), why in sorted(quarrels)]
            more = [f"... and {len(lines) - _SHOWN:,} more"] if len(lines) > _SHOWN else []
            message = f"{counted(len(lines), 'name')} of which nobody can say whose they are"
            yield Problem("identity.aliases", message, "\n".join([*lines[:_SHOWN], *more]))
        strangers = sum(count for (*_, fate, _), count in self.tally.counts.items() if fate == "unmatched")
        if strangers and self.data.identity.unmatched == "refuse":
            yield Problem("identity.unmatched", f"{counted(strangers, 'row')} of people who are not among the leads")


def _differing(differ: dict[str, list[int]], names: Names) -> Iterator[Problem]:
    """Leads of several rows that do not say the same: nobody knows which is right."""
    for column, leads in differ.items():
        shown = ", ".join(repr(names[lead][1]) for lead in leads[:_SHOWN])
        message = f"{counted(len(leads), 'lead')} in several rows that say different things: {shown}"
        yield Problem(f"leads.{column}", f"{message}; leave the older export out, or give 'valid_from'")
