"""`import_tables`: exports read as the data file says, people told apart, and every row accounted for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from leadscore.errors import ContractError, DataFileError, Problem
from leadscore.imports.blocks import Made, Maker, Tally, references
from leadscore.imports.data_file import DataFile
from leadscore.imports.finish import (
    Rowset,
    first_of_repeats,
    leads_and_people,
    of_leads,
    put_in_order,
    table_of,
    told_once,
)
from leadscore.imports.joins import Joined, Scope, joined_frame, names_of
from leadscore.imports.language import Alias, Block
from leadscore.imports.opened import Opened
from leadscore.imports.people import People
from leadscore.imports.report import Imported
from leadscore.sources.exports import Export, open_export
from leadscore.sources.source import open_source

Name = tuple[str, str]


class Import:
    """One run of a data file."""

    def __init__(self, data: DataFile, frames: Mapping[str, Any], folder: Path) -> None:
        self.data, self.people, self.tally = data, People(), Tally()
        self.aliases: dict[Name, Alias] = {("identity", name): one for name, one in data.identity.aliases.items()}
        self.blocks: dict[Name, Block] = {(table, name): block for table, name, block in data.blocks()}
        self.users: dict[Name, Block | Alias] = {**self.blocks, **self.aliases}
        used = {name for block in self.users.values() for name in (block.from_, *getattr(block, "join", {}))}
        self.opened = {name: self._open(name, frames, folder) for name in data.sources if name in used}
        self._ask()
        others = {other for block in self.blocks.values() for other in block.join}
        self.held = {name: Joined.read(self.opened[name]) for name in sorted(others)}

    def _open(self, name: str, frames: Mapping[str, Any], folder: Path) -> Opened:
        spec = self.data.sources[name]
        if name in frames:
            source = open_source(frames[name], name)
        else:
            export = Export(**{part.name: getattr(spec, part.name) for part in fields(Export)})
            source = open_export(export, name, folder)
        missing = spec.missing_values or self.data.missing_values
        return Opened(name, spec, source, missing, spec.timezone or self.data.timezone)

    def _ask(self) -> None:
        """Ask the sources for the columns that blocks name; all that is lacking is said at once."""
        problems: list[Problem] = []
        for (table, name), block in self.users.items():
            path = (table, name) if table != "identity" else ("identity", "aliases", name)
            scope = Scope.of(block, self.opened)
            problems += [self.data.problem(path, message) for message in scope.want(names_of(block))]
            for other, keys in getattr(block, "join", {}).items():
                wanted = Scope({"": self.opened[other]}).want({*keys.values()})
                problems += [self.data.problem((*path, "join", other), message) for message in wanted]
        for name, opened in self.opened.items():
            problems += [self.data.problem(("sources", name), message) for message in opened.lacking()]
        if problems:
            raise DataFileError(self.data.source, problems)

    def read(self) -> dict[Name, list[Made]]:
        """Every row of every source, once."""
        makers = {
            name: Maker(name, block, self.people, self.opened[block.from_].breaches, self.tally)
            for name, block in self.blocks.items()
        }
        scopes = {name: Scope.of(block, self.opened) for name, block in self.users.items()}
        for source, opened in self.opened.items():
            own = [name for name, block in self.blocks.items() if block.from_ == source]
            aliases = [name for name, alias in self.aliases.items() if alias.from_ == source]
            frames = opened.frames() if own or aliases else ()
            for frame, rows in frames:
                for name in own:
                    block = self.blocks[name]
                    wide, places = joined_frame(frame, rows, scopes[name], block, self.held)
                    self.tally.add(name, "added", "several matches of a join", wide.n - frame.n)
                    makers[name].take(wide, places)
                for name in aliases:
                    wide, _ = joined_frame(frame, rows, scopes[name], self.aliases[name], self.held)
                    self._alias(self.aliases[name], wide)
            for name in own:
                self.tally.add(name, "read", "", opened.read + len(opened.source.unread))
                for why, count in opened.left_out.items():
                    self.tally.add(name, "left out", f"by the source's '{why}'", count)
        return {name: maker.made for name, maker in makers.items()}

    def _alias(self, alias: Alias, frame: Any) -> None:
        if alias.where is not None:
            frame = frame.take(np.flatnonzero(frame.holds(alias.where) > 0))
        named = alias.alias.model_copy(update={"kind": alias.kind})
        row, name = references(frame, named, self.people)
        _, person = references(frame, alias.lead_id, self.people)
        self.people.alias(name, person[row])


def import_tables(data: Any, *, sources: Mapping[str, Any] | None = None, strict: bool = True) -> Imported:
    """Make leads, events and outcomes from exports, as a data file says."""
    file = data if isinstance(data, DataFile) else DataFile.read(data)
    folder = Path(file.source).parent
    run = Import(file, sources or {}, folder)
    made = run.read()
    problems = [problem for opened in run.opened.values() for problem in opened.problems()]
    if strict and problems:
        raise ContractError(file.source, problems)
    tables = {
        table: Rowset.of({name: one for name, one in made.items() if name[0] == table}, run.tally)
        for table in ("leads", "events", "outcomes")
        if getattr(file, table)
    }
    tally, people = run.tally, run.people
    leads, lead_of = leads_and_people(tables["leads"], people, file.identity, tally)
    if strict and people.quarrels:
        quarrels = [Problem("identity.aliases", f"{kind} {name!r} {why}") for (kind, name), why in people.quarrels]
        raise ContractError(file.source, quarrels)
    leads.keep(tally)
    events, outcomes = tables.get("events"), tables.get("outcomes")
    if events is not None:
        events = of_leads(events, lead_of, tally)
        events.keep(tally)
    if outcomes is not None:
        outcomes = of_leads(outcomes, lead_of, tally)
        outcomes = first_of_repeats(
            outcomes, {("outcomes", name) for name, block in file.outcomes.items() if block.repeats == "first"}, tally
        )
        outcomes = put_in_order(told_once(outcomes, tally), file.order_tolerance_hours, tally)
        outcomes = told_once(outcomes, tally)
        outcomes.keep(tally)
    counts = [(*key, count) for key, count in tally.counts.items()]
    rows = pd.DataFrame(counts, columns=["table", "block", "fate", "why", "rows"])
    return Imported(
        table_of(leads, people, file.timezone, []),
        table_of(events, people, file.timezone, ["event", "at"]),
        table_of(outcomes, people, file.timezone, ["stage", "at"]),
        rows,
    )
