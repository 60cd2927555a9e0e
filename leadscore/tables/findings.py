"""Findings: what people should know of their data, though it breaks no contract. None of them changes a figure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from leadscore.base.likeness import folded
from leadscore.base.text import counted
from leadscore.base.times import DAY, NO_TIME, is_text, one_array
from leadscore.present.result import Section
from leadscore.sources.columns import blank, encoded_of, positions_of
from leadscore.sources.source import Source
from leadscore.tables.events import EventBatch, Events
from leadscore.tables.lead_history import Records

# Lines and examples that people see.
_SHOWN, _EXAMPLES = 10, 3
# What vendors call the time a lead was created, letters and digits only.
_CREATED = re.compile(
    r"(lead|contact|person|record|user|customer)?((date|time)?creat(e|ed|ion)(at|on|date|time|datetime|timestamp|ts)?"
    r"|date(created|entered|added)|added(at|on)|sign(ed)?up(at|on|date)?|erstellt(am)?|erstell(ungs)?datum|angelegtam)"
)
_EMAIL = re.compile(
    r"(work|business|primary|main|contact|lead|person|personal|company|user|customer)?e?mail(address|adresse|id)?1?"
)
# So many of a column's values hold an @ where it is one of e-mail addresses.
_NEARLY_ALL = 0.9
_EFFECT = "on every day, also before it was created: past scores, replays and cohorts hold leads too early"
# Events compared at a time.
_COMPARED = 1 << 22
# Odd numbers without a pattern, as many as there may be columns (Knuth's multiplicative hashing).
_MIX = 0x9E3779B97F4A7C15


class Finding(NamedTuple):
    """One thing to know: a stable code, the rule or column it is about, how many rows, and the sentence."""

    code: str
    where: str
    n: int
    message: str


def as_frame(findings: Iterable[Finding]) -> pd.DataFrame:
    """Findings as rows: `code`, `where`, `n`, `message`."""
    return pd.DataFrame(list(findings), columns=list(Finding._fields)).astype({"n": "int64"})


def findings_section(frame: pd.DataFrame) -> Section:
    """Findings as a part of a result; people see the first of them."""
    more = len(frame) - _SHOWN
    notes = (f"and {more:,} more: `findings` has all, on the command line '--format json'",) if more > 0 else ()
    return Section("findings", "Findings", frame, frame.head(_SHOWN)[["where", "message"]], notes)


def without_creation(leads: Source, records: Records) -> Iterator[Finding]:
    """Leads without `created_at`, and which column may be it."""
    if records.valid_from is not None:
        return
    created, n = records.created_at(), records.n_leads
    if created is None:
        near = [name for name in leads.columns if _CREATED.fullmatch(folded(name))]
        meant = f"; {quoted(near[0])} may be meant: call it created_at" if near else ""
        message = f"there is no column 'created_at'{meant}. Without it every lead counts {_EFFECT}"
        yield Finding("LS210", "leads.created_at", n, message)
    elif empty := int((created.at == NO_TIME).sum()):
        yield never_created(empty, n)


def never_created(empty: int, n: int) -> Finding:
    """So many of `n` leads have no `created_at`."""
    message = f"empty for {empty:,} of {counted(n, 'lead')}, each of which counts {_EFFECT}"
    return Finding("LS210", "leads.created_at", empty, message)


def named_like_email(name: str) -> bool:
    """Whether a column is called as those of e-mail addresses are."""
    return _EMAIL.fullmatch(folded(name)) is not None


def shared_emails(table: pa.Table, lead: npt.NDArray[np.int32]) -> Iterator[Finding]:
    """Leads that have an e-mail address in common with another; `lead` tells whose row each is."""
    for name in table.column_names:
        array = one_array(table[name])
        if not is_text(array.type) or not _of_emails(array.drop_null()[:100]) or not _of_emails(array):
            continue
        encoded = encoded_of(pc.utf8_lower(pc.utf8_trim_whitespace(array.cast(pa.large_string()))))
        rows = pd.DataFrame({"lead": lead, "email": positions_of(encoded.indices)})
        rows = rows[~blank(array) & (rows["lead"] >= 0)].drop_duplicates()
        counts = rows["email"].value_counts()
        counts = counts[counts > 1]
        if len(counts):
            shared = encoded.dictionary.take(pa.array(counts.index[:_EXAMPLES])).to_pylist()
            first = listed(zip(shared, counts, strict=False), len(counts))
            n = rows["lead"][rows["email"].isin(counts.index)].nunique()
            addresses = "one address" if len(counts) == 1 else f"{len(counts):,} addresses"
            message = f"{counted(n, 'lead')} share {addresses}: {first}. Each is scored alone; are they one person?"
            yield Finding("LS213", f"leads.{name}", n, message)


def _of_emails(array: pa.Array) -> bool:
    known = len(array) - int(blank(array).sum())
    held = pc.sum(pc.match_substring(array.cast(pa.large_string()), "@")).as_py() or 0
    return known > 0 and held >= _NEARLY_ALL * known


def listed(found: Iterable[tuple[object, int]], total: int) -> str:
    """The first values with their counts, and how many more there are.

    Examples
    --------
    >>> listed([("vp", 1200), ("cto", 7)], 5)
    "'vp' (1,200), 'cto' (7) and 3 more"
    """
    first = [f"{quoted(value)} ({int(count):,})" for value, count in found]
    more = total - len(first)
    return ", ".join(first) + (f" and {more:,} more" if more > 0 else "")


def quoted(value: object) -> str:
    """A value in quotes, its end cut off where it is long."""
    text = value if isinstance(value, str) else str(value)
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


class Repeats:
    """Events that say the same as another one in all that is read of them, found while they come in order of time.

    Attributes
    ----------
    clock, date : int
        How many repeat an earlier one, with a time of day and with a date only.
    ordered : bool
        Whether all came in order of time; if not, these numbers are not all.
    """

    def __init__(self) -> None:
        self.clock = self.date = 0
        self.ordered = True
        self._latest: list[EventBatch] = []
        self._moment = NO_TIME

    @classmethod
    def of(cls, events: Events) -> Repeats:
        """Those of events in hand."""
        found = cls()
        for batch in events.pieces(_COMPARED):
            found.add(batch)
        return found.close()

    def add(self, batch: EventBatch) -> None:
        """Look at the next events; those of the latest moment are held until the next one comes."""
        if batch.times is None or not self.ordered or not len(batch):
            return
        at = batch.times.at
        self.ordered = bool(at[0] >= self._moment and np.all(at[1:] >= at[:-1]))
        latest = int(np.searchsorted(at, at[-1]))
        if at[-1] > self._moment:
            # Those of the moment before, as far as there are more of them, and all but those of the latest.
            self._count([*self._latest, batch.part(slice(0, latest))])
            self._latest, self._moment = [], int(at[-1])
        self._latest.append(batch.part(slice(latest, None)))

    def _count(self, batches: list[EventBatch]) -> None:
        clock, date = _again(batches)
        self.clock, self.date = self.clock + clock, self.date + date

    def close(self) -> Repeats:
        """Look at those of the last moment."""
        self._count(self._latest)
        self._latest = []
        return self


def repeated_events(events: Events) -> Iterator[Finding]:
    """Events that say the same as another one in all that is read of them."""
    again, dated = repeats_of(events)
    if again:
        yield doubled(again, dated, [name for name in events.values if name != "is_bot"])


def doubled(again: int, dated: int, read: Sequence[str]) -> Finding:
    """So many events, of which some have no time of day, repeat another one, by what is read of them."""
    names = ", ".join(["lead_id", *read, "at"])
    what = "1 event is an exact duplicate" if again == 1 else f"{again:,} events are exact duplicates"
    dates = f"; {dated:,} without a time of day may be different events of the day" if dated else ""
    message = f"{what} of another, by {names}{dates}. Each of them counts: did a join double rows?"
    return Finding("LS212", "events", again, message)


def repeats_of(events: Events) -> tuple[int, int]:
    """How many events repeat another one, and how many of them have no time of day; of daily activity none."""
    if events.timezone is not None:
        return 0, 0
    events.repeats = found = events.repeats or Repeats.of(events)
    again, dated, size = found.clock + found.date, found.date, 0
    if not found.ordered:
        again, dated, size = 0, 0, len(events) // _COMPARED + 1
    for part in range(size):
        batches = list(events.pieces(_COMPARED)) if size == 1 else []
        for batch in events.pieces(_COMPARED) if size > 1 else ():
            batches.append(batch.part(np.flatnonzero(batch.lead % size == part)))
        clock, date = _again(batches)
        again, dated = again + clock + date, dated + date
    return again, dated


def _read_of(batch: EventBatch) -> list[str]:
    """What is read of an event beside its lead and time; marks of bots are ours."""
    return [name for name in batch.codes if name != "is_bot"]


def _again(batches: list[EventBatch]) -> tuple[int, int]:
    """How many events repeat an earlier one, with a time of day and with a date only."""
    if not batches:
        return 0, 0
    at = np.concatenate([batch.times.at for batch in batches if batch.times is not None])
    lead = np.concatenate([batch.lead for batch in batches])
    rows: Any = slice(None)
    # Most logs are in the order of time: what repeats another event stands in a run of one moment.
    if np.all(at[1:] >= at[:-1]):
        same = at[1:] == at[:-1]
        rows = np.flatnonzero(np.append(same, False) | np.append(False, same))
    keys = _mixed([at[rows], lead[rows]])
    ordered = np.sort(keys)
    repeated = ordered[1:][ordered[1:] == ordered[:-1]]
    if not len(repeated):
        return 0, 0
    rows = np.arange(len(at))[rows][np.isin(keys, repeated)]
    codes = (np.concatenate([batch.codes[name] for batch in batches]) for name in _read_of(batches[0]))
    columns = [column[rows] for column in (at, lead, *codes)]
    keys = _mixed(columns)
    order = np.argsort(keys)
    same = np.all([column[order[1:]] == column[order[:-1]] for column in columns], axis=0)
    date = int((columns[0][order[1:]][same] % DAY == 0).sum())
    return int(same.sum()) - date, date


def _mixed(columns: Sequence[npt.NDArray[np.signedinteger[Any]]]) -> npt.NDArray[np.int64]:
    """A number for each row that rows alike in all columns share, and hardly any others."""
    factors = [np.int64(_MIX * (2 * place + 1) % 2**63) for place in range(len(columns))]
    return np.sum([column * factor for column, factor in zip(columns, factors, strict=True)], axis=0, dtype=np.int64)
