"""`import_tables`: exports read as the data file says, people told apart, and every row accounted for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from types import NoneType
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from leadscore.base.arguments import Arguments
from leadscore.base.text import counted, shown
from leadscore.errors import ContractError, DataFileError, Problem, did_you_mean
from leadscore.imports.blocks import Maker, References, Tally, references
from leadscore.imports.cells import Rows
from leadscore.imports.data_file import DataFile
from leadscore.imports.finish import (
    count_kept,
    count_spooled,
    gathered,
    in_blocks,
    leads_and_people,
    newest_of_each_key,
    of_leads,
    one_row_each,
    settle_outcomes,
    standing,
)
from leadscore.imports.joins import Joined, Scope, joined_frame, names_of
from leadscore.imports.language import TABLES, Alias, Block, LeadsBlock
from leadscore.imports.opened import Opened
from leadscore.imports.people import NOBODY, Names, Numbers, People, Quarrel
from leadscore.imports.report import Imported
from leadscore.imports.rows import Frame
from leadscore.imports.spool import OWN, Log, Spool
from leadscore.sources.exports import Export, open_export
from leadscore.sources.source import open_source

Name = tuple[str, str]
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
    run.read()
    return run.finished(strict=strict)


class Import:
    """One run of a data file."""

    def __init__(self, data: DataFile, frames: Mapping[str, Any], progress: Callable[[str], object]) -> None:
        self.data, self.progress, self.people, self.tally = data, progress, People(), Tally()
        self.aliases: dict[Name, Alias] = {("identity", name): one for name, one in data.identity.aliases.items()}
        self.blocks: dict[Name, Block] = {(table, name): block for table, name, block in data.blocks()}
        self.spools = {
            (table, name): Spool(len(OWN), key=1) if getattr(block, "unique_key", None) else Spool()
            for table, name, block in data.blocks()
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

    def read(self) -> None:
        """Every row of every source, once; those that are joined are held, and what blocks make goes to the spools."""
        held = {}
        for name in dict.fromkeys(other for block in self.blocks.values() for other in block.join):
            self.progress(f"Reading {name}")
            held[name] = Joined.read(self.opened[name])
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
                        self.spools[key].append(part.arrow(self.data.timezone))
            for key in users.keys() & makers.keys():
                self.tally.add(key, "read", "", opened.read + len(opened.source.unread))
                self.tally.add(key, "set aside", "lines that are no rows", len(opened.source.unread))
                self.tally.add(key, "set aside", "cells that cannot be read", opened.set_aside)
                for why, count in opened.left_out.items():
                    self.tally.add(key, "dropped", f"by the source's '{why}'", count)

    def _alias(self, name: str, alias: Alias, frame: Frame, places: Rows) -> None:
        stay = np.flatnonzero(frame.holds(alias.where) > 0)
        other, lead = self._pairs(alias, frame.take(stay))
        for why, rows in {**other.bad, **lead.bad}.items():
            self.opened[alias.from_].breaches.add(name, why, places[stay][rows], [""] * len(rows))
        self.people.alias(other.person, lead.person[other.row])

    def _alias_of_left_out(self, alias: Alias, frame: Frame) -> None:
        """Other names of leads that `drop` leaves out, so that their events are not called strangers'; of no others."""
        other, lead = self._pairs(alias, frame)
        out = self.people.are_left_out(lead.person)
        self.people.alias(other.person, np.where(out, lead.person, NOBODY)[other.row])

    def _pairs(self, alias: Alias, frame: Frame) -> tuple[References, References]:
        named = alias.alias.model_copy(update={"kind": alias.kind})
        return references(frame, named, self.people), references(frame, alias.lead_id, self.people)

    def finished(self, *, strict: bool) -> Imported:
        """The tables; every row of every block is counted."""
        file, people, tally, names = self.data, self.people, self.tally, self.people.names()
        self.progress("Telling people apart")
        for name, spool in self.spools.items():
            spool.close()
            tally.add(name, "again", "rows of one unique_key", newest_of_each_key(spool, names))
        blocks = {table: [name for name in self.blocks if name[0] == table] for table in TABLES}
        spools = {table: [self.spools.pop(name) for name in blocks[table]] for table in TABLES}
        leads = gathered(in_blocks(spools.pop("leads")))
        differ = one_row_each(leads, blocks["leads"], names, tally)
        leads, lead_of, quarrels = leads_and_people(leads, blocks["leads"], people, file.identity, tally)
        stand = standing(lead_of, [quarrel.number for quarrel in quarrels])
        rows = {name: count_spooled(spools[name], blocks[name], stand, tally) for name in ("events", "touches")}
        spools["leads"] = [leads]
        if blocks["costs"]:
            spools["costs"] = [gathered(in_blocks(spools.pop("costs")))]
        if outcomes := blocks["outcomes"]:
            told = gathered(of_leads(in_blocks(spools.pop("outcomes")), outcomes, lead_of, stand, tally))
            settle_outcomes(told, outcomes, file, names, tally)
            spools["outcomes"] = [told]
        rows |= {name: count_kept(spools[name], blocks[name], tally) for name in ("leads", "outcomes", "costs")}
        if strict and (problems := [*self._broken(quarrels), *_differing(differ, names)]):
            raise ContractError(file.source, problems)
        aside = [opened.breaches.rejected() for opened in self.opened.values()]
        return Imported(
            source=file.source,
            logs=self._logs(spools, rows, lead_of),
            rows=tally.frame([*self.blocks]),
            rejected=pd.concat([part for part in aside if len(part)] or aside[:1], ignore_index=True),
            timezone=file.timezone,
            lookback_days=max((block.lookback_days or 0 for block in file.events.values()), default=0),
            found=tuple(self._found_out()),
        )

    def _logs(self, spools: dict[str, list[Spool]], rows: dict[str, int], lead_of: Numbers) -> dict[str, Log]:
        """The tables, with the ids of leads in place of numbers."""
        used = np.zeros(len(lead_of), bool)
        used[lead_of[lead_of >= 0]] = True
        for part in spools["leads"][0].tables():
            used[part.column(0).to_numpy()] = True
        ids = self.people.names().texts(np.flatnonzero(used))
        place = np.where(used, np.cumsum(used, dtype=np.int32) - np.int32(1), NOBODY)
        of_name = np.where(lead_of >= 0, place[lead_of], NOBODY)
        places = {"leads": place, "events": of_name, "outcomes": place, "touches": of_name, "costs": None}
        return {
            table: Log(spools[table], places[table], ids, rows[table], _empty(_COLUMNS[table], self.data.timezone))
            for table in TABLES
        }

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
            lines = [f"{kind} {name!r} {why}" for (kind, name), why, _ in sorted(quarrels)]
            more = [f"... and {len(lines) - _SHOWN:,} more"] if len(lines) > _SHOWN else []
            message = f"{counted(len(lines), 'name')} of which nobody can say whose they are"
            yield Problem("identity.aliases", message, "\n".join([*lines[:_SHOWN], *more]))
        strangers = sum(count for (*_, fate, _), count in self.tally.counts.items() if fate == "unmatched")
        if strangers and self.data.identity.unmatched == "refuse":
            yield Problem("identity.unmatched", f"{counted(strangers, 'row')} of people who are not among the leads")


def _empty(times: dict[str, bool], timezone: str) -> pa.Schema:
    kinds = {name: pa.timestamp("us", timezone) if is_time else pa.large_string() for name, is_time in times.items()}
    return pa.schema(kinds)


def _differing(differ: dict[str, list[int]], names: Names) -> Iterator[Problem]:
    """Leads of several rows that do not say the same: nobody knows which is right."""
    for column, leads in differ.items():
        shown = ", ".join(repr(name) for _, name in names.some(leads[:_SHOWN]).values())
        message = f"{counted(len(leads), 'lead')} in several rows that say different things: {shown}"
        yield Problem(f"leads.{column}", f"{message}; leave the older export out, or give 'valid_from'")
