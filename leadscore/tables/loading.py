"""`load_tables`: tables are read and held against their contract; what breaks it is named, not dropped unseen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from leadscore.base.arguments import Arguments
from leadscore.base.days import day_number
from leadscore.base.text import counted, shown
from leadscore.errors import ContractError, Problem
from leadscore.imports.report import Imported
from leadscore.rulebook import Rulebook
from leadscore.rulebook.kinds import Kind, declared_kind, event_kinds, event_sums, lead_kinds, persona_kinds
from leadscore.rulebook.plan import compiled
from leadscore.sources.columns import Column, blank, convert, distinct, feet, plain_ids, unseen
from leadscore.sources.contract import Breaches, Judged, missing_columns, refuse
from leadscore.sources.source import Source, open_source
from leadscore.tables.activity_tally import unasked
from leadscore.tables.counting import Counting
from leadscore.tables.daily_activity import is_activity
from leadscore.tables.events import IN_CACHE, SUM, EventBatch, Events, Reading, Test, read_events, told_apart_by
from leadscore.tables.findings import Finding, Repeats, named_like_email, shared_emails, without_creation
from leadscore.tables.ids import Ids
from leadscore.tables.lead_history import Records, disagreeing, repeated
from leadscore.tables.marketing import read_costs, read_touches
from leadscore.tables.opening import opened_tables
from leadscore.tables.outcomes import read_outcomes, stage_names
from leadscore.tables.tables import Tables, completeness, reading_of

# The columns that tables must have of which all columns are read.
_WHOLE = {
    "outcomes": ("lead_id", "stage", "at"),
    "touches": ("lead_id", "at", "channel"),
    "costs": ("channel", "month", "amount"),
}


def load_tables(  # noqa: PLR0913 - the tables, and how to read them
    leads: Any,
    events: Any = None,
    outcomes: Any = None,
    *,
    touches: Any = None,
    costs: Any = None,
    rulebook: Rulebook | Sequence[Rulebook] | None = None,
    columns: str | Sequence[str] | None = (),
    stages: Mapping[str, str] | None = None,
    observed_until: Any = None,
    aliases: Any = None,
    sources: Mapping[str, Any] | None = None,
    as_of: Any = None,
    strict: bool = True,
) -> Tables:
    """Read the tables and check them against the contract, all problems at once.

    Parameters
    ----------
    leads : table, one row per lead
        `lead_id` (unique), optionally `created_at`, and attribute columns. A pandas, polars or Arrow table, anything
        with the Arrow PyCapsule interface, or a path to CSV or Parquet: a file, a glob, a folder of parts. With a
        column `valid_from` a lead may have several rows, each the lead's attributes from that time on. Or a data file:
        a path that ends in .yaml, a `DataFile`, or what `import_tables` made; it gives all tables, and what is given
        beside it goes before its own.
    events : table, one row per event, optional
        `lead_id`, `event`, `at`, and columns that a `where` tests; or a `DailyActivity`, or the file it was written to.
        `is_bot`, as `flag_bots` adds it, is kept; marked events count until `tables.without_bots()` leaves them out.
    outcomes : table, one row per stage reached, optional
        `lead_id`, `stage`, `at`.
    touches : table, one row per touch, optional
        `lead_id`, `at`, `channel`, and perhaps `campaign`: what a channel of marketing had to do with a lead.
    costs : table, one row per channel and month, optional
        `channel`, `month` as "2026-03" or any day of it, `amount`, and perhaps `campaign` and `currency`.
    rulebook : Rulebook or several, optional
        Then only the columns they need are read, and their values are checked here. Without it all columns are read,
        and scoring checks them.
    columns : str or list of str, or None
        With a rulebook: further lead columns to keep, which figures are to be broken down by. None keeps all columns
        of leads and events, as the review page wants them.
    stages : mapping, optional
        The CRM's own names of stages, and ours for them: `{"Closed Won": "won"}`.
    observed_until : date, or text as "2026-03-31", optional
        The last day the outcomes were recorded on; by default that of the last outcome. Give it where open deals stand
        with the date on which they are expected to close.
    aliases : mapping or table, optional
        Which lead an id stands for that is no longer one, of contacts that were merged: `{"old-7": "12"}`, or a table
        (a frame, a path) of the column `lead_id` and one other. Followed in chains, for events and outcomes.
    sources : mapping of name to table, optional
        With a data file: tables in hand in place of the files of these sources.
    as_of : date, or text as "2026-03-31", or two of them, optional
        With a rulebook: the day that leads are to be scored on, or the first and the last to be replayed. Events are
        then counted while they are read, and not held, so that memory does not grow with those that no rule can use.
        All else works as ever; what looks at the events themselves reads them again.
    strict : bool
        Refuse tables with rows that break the contract; if False, such rows are set aside in `rejected`.

    Returns
    -------
    Tables

    Raises
    ------
    ContractError
        Each problem with table, column, count and first bad rows. Missing columns are refused even if not strict.
    DataFileError
        If a data file cannot be used; with the line of each problem.

    Notes
    -----
    A touch breaks the contract if its lead, time or channel is none; a row of costs if its channel, month or amount is
    none, if the amount is negative, and if it repeats a channel, campaign and month. Costs in several currencies are
    refused even if not strict.

    An outcome breaks the contract if its lead, stage or time is none; if it is dated on a day before the lead's
    `created_at` or after `observed_until`; if it repeats a lead's stage and time; and if it is out of order: before a
    stage that comes earlier in the funnel, within one pass, which ends with rejected, lost or recycled. Of those the
    fewest rows are named, never one that is won, and where equally few the ones furthest along the funnel. A time at
    midnight is a date, and comes neither before nor after others of its day.

    Stages out of order by less than 24 hours are stamps that a CRM swapped, and no breach: the one dated too late
    counts from the time of the further stage, and is named in `mended`.

    Times with a zone are converted; times without one are wall-clock times in the rulebook's `timezone`. Written times
    are those of RFC 3339 and what Postgres, BigQuery, Snowflake, Segment and Salesforce write; fractions end with the
    microsecond. CSV cells are taken as text, and read as the rulebook needs them: a code 007 and a country NA stay what
    they are.

    CSV is UTF-8, as RFC 4180 has it: cells in quotes may hold separators and line breaks. Where a quote is opened and
    no cell ends with it, its line is broken, and the lines after it are read by themselves. Rows of files are counted
    together with the lines that are none, from 0.

    Each part of a folder is read by its own columns and types; the order of the files' names changes nothing. Whole and
    real numbers, days and wall-clock times, times of several zones go together, and a part without a value goes with
    all; what is left (text beside numbers, wall clock beside UTC) is refused.

    Ids are text or whole numbers, and compared as they are; one with a character that is not seen (zero width space,
    soft hyphen) is refused, as are floating-point numbers so large that ids run together. In other text such characters
    do not count.

    Examples
    --------
    >>> import leadscore as ls
    >>> leads = pd.DataFrame({"lead_id": ["a", "a", "b"], "created_at": "2026-01-05", "country": ["US", "CA", None]})
    >>> ls.load_tables(leads)
    Traceback (most recent call last):
    leadscore.errors.ContractError: 1 problem in tables
      leads.lead_id: 2 rows: a lead_id that is not unique
          row 0: 'a'
          row 1: 'a'
    >>> ls.load_tables(leads, strict=False)
    1 lead, 0 events.
    <BLANKLINE>
    Rows set aside:
      table  row  column   problem
      leads    0  lead_id  a lead_id that is not unique
      leads    1  lead_id  a lead_id that is not unique
    <BLANKLINE>
    - 2 rows set aside; see `rejected`.
    """
    with Arguments("load_tables") as given:
        names = stage_names(stages, given)
        last = None if observed_until is None else given.day("observed_until", observed_until)
        books = _books(rulebook, given)
        kept = None if columns is None else given.names("columns", columns, repeats=True)
        days = None if as_of is None else _days(as_of, books, given)
        given.flag("strict", strict)
    parts = {"leads": leads, "events": events, "outcomes": outcomes, "touches": touches, "costs": costs}
    opened, imported = opened_tables(parts, books, sources=sources, strict=strict)
    wanted = {name: wanted_columns(source, books, kept) for name, source in opened.items()}
    refuse([problem for name, source in opened.items() for problem in lacking_columns(source, wanted[name], books)])
    breaches = _breaches(opened, books)
    timezone = books[0].timezone if books else imported.timezone if imported else "UTC"
    reached, mended = None, pd.DataFrame()
    rows, ids, records, converted, seen = _read_leads(wanted["leads"], books, breaches["leads"], strict=strict)
    ids = ids if aliases is None else _with_aliases(ids, aliases)
    log = _read_log(wanted["events"], books, ids, breaches["events"], days) if "events" in opened else _no_events(books)
    if "outcomes" in opened:
        reached, last, mended = read_outcomes(ids, records.created_at(), breaches["outcomes"], names, last, timezone)
    touched = read_touches(ids, breaches["touches"]) if "touches" in opened else None
    spent = read_costs(breaches["costs"], timezone) if "costs" in opened else None
    refuse([problem for breach in breaches.values() if strict for problem in breach.problems()])
    found = (_set_aside(breaches, imported), mended, last, timezone, (*seen, *_unmatched(breaches)))
    whole = (rows, ids, records, log, reached, *found)
    tables = Tables(*whole, columns=converted, imported=imported, touched=touched, costs=spent)
    refuse([problem for book in books for problem in _misread(tables, book)])
    tables.completeness = completeness(tables, books[0], records.latest()) if books else tables.completeness
    return tables


def _books(rulebook: Any, given: Arguments) -> list[Rulebook]:
    listed: list[Any] = list(rulebook) if isinstance(rulebook, (list, tuple)) else [rulebook]
    for one in [one for one in listed if rulebook is not None and not isinstance(one, Rulebook)][:1]:
        cure = "Rulebook.read(path) reads one from a file"
        given.wrong("rulebook", f"must be a Rulebook, or a list of them; got {shown(one)}. {cure}")
    return [one for one in listed if isinstance(one, Rulebook)]


def _days(as_of: Any, books: list[Rulebook], given: Arguments) -> tuple[int, int]:
    """The first and the last day for which events are counted: of a period the day before it too, as `replay` does."""
    if not books:
        given.wrong("as_of", "goes with a rulebook, for which the events are counted; give rulebook=")
    if not isinstance(as_of, (list, tuple)) or len(as_of) != 2:
        day = day_number(given.day("as_of", as_of))
        return day, day
    first, last = given.period(*as_of)
    return first - 1, last


def _with_aliases(ids: Ids, aliases: Any) -> Ids:
    """The ids, and those that stand for one of them."""
    from leadscore.imports.people import NO_PAIRS, People  # noqa: PLC0415 - needs scipy, and few have aliases

    if isinstance(aliases, Mapping):
        aliases = pd.DataFrame({"alias": list(aliases), "lead_id": list(aliases.values())}, dtype=object)
    source = open_source(aliases, "aliases")
    others = [name for name in source.columns if name != "lead_id"]
    refuse(missing_columns(source, ["lead_id"]))
    if len(others) != 1:
        raise ContractError("tables", [Problem("aliases", f"must have one column beside lead_id; got {others}")])
    table = source.table([*others, "lead_id"])
    people = People()
    # The number of a lead is its position.
    held = [plain_ids(column, "aliases") for column in table.columns]
    if empty := sum(int(blank(column).sum()) for column in held):
        raise ContractError("tables", [Problem("aliases", f"{counted(empty, 'cell')} without an id")])
    columns = (ids.array, *held)
    texts = (column.cast(pa.large_string()).to_pylist() for column in columns)
    leads, old, new = (people.numbers("id", one, fold=False)[:-1] for one in texts)
    people.alias(old, new)
    lead_of, quarrels = people.resolve(leads, NO_PAIRS)
    names = people.names()
    problems = [Problem("aliases", f"{name!r} {why}") for (_, name), why, _ in quarrels]
    if len(own := np.unique(old[old < len(leads)])):
        first = ", ".join(repr(name) for _, name in names.some(own[:5].tolist()).values())
        message = f"leads of their own stand as aliases: {first}; leave their rows out of the leads"
        problems.append(Problem("aliases", message))
    refuse(problems)
    also = np.flatnonzero(lead_of[:-1] >= 0)[len(leads) :]
    return Ids(ids.array, dict(zip(names.texts(also).to_pylist(), lead_of[also].tolist(), strict=True)))


def _read_log(
    wanted: list[str], books: list[Rulebook], ids: Ids, breaches: Breaches, days: tuple[int, int] | None
) -> Events:
    """Events as they were recorded, or counted by day already; with days they are counted for them, and not held."""
    marks: list[Test] = [("is_bot", "boolean", ())] * ("is_bot" in wanted)
    tests = [*_event_tests(books), *marks]
    if days is None:
        return read_events(wanted, ids, breaches, tests)[0]
    countings = [Counting(compiled(book), len(ids), *days) for book in books]
    known, repeats = dict.fromkeys(wanted, 0), Repeats()

    def take(batch: EventBatch, reading: Reading) -> None:
        for name, one in reading.distinct.items():
            if len(one.index) > known[name]:
                fresh, known[name] = one.values(known[name]), len(one.index)
                for counting in countings:
                    counting.learn(name, fresh)
        repeats.add(batch)
        for piece in batch.pieces(IN_CACHE):
            for counting in countings:
                counting.add(piece, piece.local(counting.plan.rulebook.timezone))

    events, _ = read_events(wanted, ids, breaches, tests, take)
    events.counted = {(counting.plan, *days): counting.close() for counting in countings}
    events.repeats = repeats.close()
    return events


def wanted_columns(source: Source, books: list[Rulebook], columns: Sequence[str] | None) -> list[str]:
    """The columns to read: what the contract requires, then what the rulebooks use and the caller asks for, or all."""
    if source.name in _WHOLE:
        return list(dict.fromkeys([*_WHOLE[source.name], *source.columns]))
    time = ["day", "count"] if is_activity(source) else ["at"]
    required = ["lead_id"] if source.name == "leads" else ["lead_id", "event", *time]
    rest = source.columns if columns is None or not books else ()
    if source.name == "events":
        standing = told_apart_by(source) if is_activity(source) else {}
        rest = [name for name in rest if name not in standing]
        marks = {"is_bot"} & {*source.columns}
        prefix = SUM if is_activity(source) else ""
        sums = [prefix + name for book in books for name in _event_sums(book)]
        needed = [name for book in books for name in _event_kinds(book)]
        return list(dict.fromkeys([*required, *needed, *sums, *marks, *rest]))
    times = [name for name in ("created_at", "valid_from") if name in source.columns]
    needed = [name for book in books for name in _needed(book)]
    return list(dict.fromkeys([*required, *times, *needed, *(columns or ()), *rest]))


def _event_tests(books: list[Rulebook]) -> list[Test]:
    """The event columns that rules test, each with the kind they need and what is missing there."""
    tests = [(name, kind, book.missing_values) for book in books for name, kind in _event_kinds(book).items()]
    sums: list[Test] = [(name, "number", book.missing_values) for book in books for name in _event_sums(book)]
    return list(dict.fromkeys([*tests, *sums]))


_event_kinds = lru_cache(maxsize=64)(event_kinds)
_event_sums = lru_cache(maxsize=64)(event_sums)


@lru_cache(maxsize=64)
def _needed(rulebook: Rulebook) -> Mapping[str, Kind]:
    """The lead columns that rules and personas use, or that are required or promised, and their kinds."""
    required = {name for name, column in rulebook.columns.items() if column.required != "no" or column.update}
    required |= {*(rulebook.agreement.marketing.complete_at_handover if rulebook.agreement else ())}
    asked = {name: declared_kind(rulebook, name) or "any" for name in sorted(required)}
    return asked | lead_kinds(rulebook) | persona_kinds(rulebook)


def lacking_columns(source: Source, wanted: list[str], books: list[Rulebook]) -> list[Problem]:
    """A problem for each wanted column that a table lacks, and for what daily activity was not made for."""
    used = {
        name: f", which rulebook {book.name!r} uses"
        for book in reversed(books)
        for name in (_needed(book) if source.name == "leads" else [*_event_kinds(book), *_event_sums(book)])
    }
    new: list[Problem] = []
    if source.name == "events" and is_activity(source):
        anew = "; make it again: daily_activity(events, rulebook=rulebook), or leadscore activity --rulebook RULEBOOK"
        used = {name: why + anew for plain, why in used.items() for name in (plain, SUM + plain)}
        asked = told_apart_by(source)
        new = [Problem(f"events.{name}", why + anew) for book in books for name, why in unasked(asked, book)]
    return [*missing_columns(source, wanted, used), *new]


def _no_events(books: list[Rulebook]) -> Events:
    return Events([], {name: pa.nulls(0) for name in ("event", *(name for name, *_ in _event_tests(books)))})


def _read_leads(
    wanted: list[str], books: list[Rulebook], breaches: Breaches, *, strict: bool
) -> tuple[pa.Table, Ids, Records, dict[Any, Column], list[Finding]]:
    table = _with_emails(breaches.source, wanted)
    array = plain_ids(table["lead_id"], "leads")
    array = array.cast(pa.large_string()) if pa.types.is_dictionary(array.type) else array
    judged = Judged(breaches, table)
    judged.say("lead_id", "no lead_id", np.flatnonzero(blank(array)))
    judged.say("lead_id", "a sum and nothing beside it: the foot of a report is no lead", feet(table, array))
    judged.say("lead_id", "a lead_id with a character that is not seen", unseen(array))
    codes = _codes(array)
    shared, table = list(shared_emails(table, codes)), table.select(wanted)
    times = {name: judged.times(name) for name in ("created_at", "valid_from") if name in table.column_names}
    judged.say("lead_id", *repeated(codes, times.get("valid_from")))
    if {"created_at", "valid_from"} <= times.keys():
        message = "rows of one lead with different created_at"
        judged.say("created_at", message, disagreeing(codes, times["created_at"].at))
    columns = _convert_columns(judged, books)
    if judged.bad.any():
        columns.clear()
        # When all is refused anyway, events of these leads are not said to be of unknown ones: one row of each stays.
        kept = (codes >= 0) & ~pd.Series(codes).duplicated().to_numpy() if strict else ~judged.bad
        table, array = table.filter(pa.array(kept)), array.filter(pa.array(kept))
        times = {name: one.take(np.flatnonzero(kept)) for name, one in times.items()}
    if "valid_from" not in times:
        ids, lead = Ids(array), np.arange(len(array), dtype=np.int32)
    else:
        lead, known = distinct(array)
        ids = Ids(pa.array(known, array.type))
    records = Records(lead, len(ids), times.get("created_at"), times.get("valid_from"))
    return table, ids, records, columns, [*without_creation(breaches.source, records), *shared]


def _codes(ids: pa.Array) -> npt.NDArray[np.int32]:
    """Which rows have an id in common: a code for each, -1 where there is none."""
    if pa.types.is_integer(ids.type) and len(ids) and not ids.null_count:
        numbers = ids.to_numpy()
        lowest, highest = int(numbers.min()), int(numbers.max())
        # Ids counted up by a database: that no two are alike is seen in a tenth of the time that hashing takes.
        if highest - lowest < 8 * len(numbers) + 1_000_000:
            seen = np.zeros(highest - lowest + 1, bool)
            seen[numbers - lowest] = True
            if np.count_nonzero(seen) == len(numbers):
                return np.arange(len(numbers), dtype=np.int32)
    return distinct(ids)[0]


def email_columns(source: Source, wanted: list[str]) -> list[str]:
    """The columns of e-mail addresses beside the wanted ones, by which leads are seen to be one person."""
    return [name for name in source.columns if named_like_email(name) and name not in {*wanted, *source.repeated}]


def _with_emails(source: Source, wanted: list[str]) -> pa.Table:
    """The wanted columns of the leads, and those of e-mail addresses, if they can be read."""
    try:
        return source.table([*wanted, *email_columns(source, wanted)])
    except ContractError:
        return source.table(wanted)


def _breaches(opened: Mapping[str, Source], books: list[Rulebook]) -> dict[str, Breaches]:
    # What one rulebook calls missing is a cell that another cannot read.
    common = set[str].intersection(*(set(book.missing_values) for book in books)) if books else set[str]()
    return {name: Breaches(source, tuple(sorted(common))) for name, source in opened.items()}


def _set_aside(breaches: Mapping[str, Breaches], imported: Imported | None) -> pd.DataFrame:
    """The rows that were set aside, here and by an import."""
    aside = [breach.rejected() for breach in breaches.values()] + ([imported.rejected] if imported else [])
    return pd.concat([part for part in aside if len(part)] or aside[:1], ignore_index=True)


def _unmatched(breaches: Mapping[str, Breaches]) -> Iterator[Finding]:
    """Why rows that were set aside match no lead."""
    for name, breach in breaches.items():
        for (column, message), why in breach.why.items():
            if why:
                n = breach.count(column, message)
                yield Finding("LS211", f"{name}.{column}", n, f"{counted(n, 'row')} of no lead set aside: {why}")


def _convert_columns(judged: Judged, books: list[Rulebook]) -> dict[Any, Column]:
    """The columns that rules use, each as they read it; cells that are no such value are said."""
    columns: dict[Any, Column] = {}
    said = set()
    for book in books:
        for name, kind in _needed(book).items():
            key = reading_of(name, kind, book)
            if key not in columns:
                columns[key] = convert(judged.columns[name], kind, book.missing_values, book.timezone)
            # Another rulebook's missing values make no cell better.
            if (name, kind) not in said:
                judged.say_all(name, columns[key].bad)
            said.add((name, kind))
    return columns


def _misread(tables: Tables, rulebook: Rulebook) -> list[Problem]:
    problems: list[Problem] = []
    for name, kind in _event_kinds(rulebook).items():
        try:
            tables.event_column(name, kind, rulebook)
        except ContractError as error:
            problems += error.problems
    for name in _event_sums(rulebook):
        try:
            tables.event_sums(name, rulebook)
        except ContractError as error:
            problems += error.problems
    return problems
