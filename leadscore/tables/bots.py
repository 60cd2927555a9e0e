"""Mail scanners and bots: events that no person made are marked with the reason, and never deleted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadscore.base.arguments import Arguments
from leadscore.base.text import counted, normalise
from leadscore.base.times import DAY
from leadscore.errors import ArgumentError, did_you_mean
from leadscore.present.result import Result, Section
from leadscore.sources.contract import Breaches, missing_columns, refuse
from leadscore.sources.source import open_source
from leadscore.tables.daily_activity import is_activity
from leadscore.tables.events import Events, read_events

Mask = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

SENDS, OPENS, CLICKS, VIEWS = ("email_send", "email_sent"), ("email_open",), ("email_click",), ("page_view",)
_SEND, _OPEN, _CLICK, _VIEW = range(1, 5)
_NAMES: Mapping[str, Sequence[str]] = {"sends": SENDS, "opens": OPENS, "clicks": CLICKS, "views": VIEWS}
_SECOND, _MINUTE = 1_000_000, 60_000_000
# A mail takes seconds to arrive; nobody has read it by then.
_SOON = 5 * _SECOND
# A double-click is two clicks on one link, a nervous one three or four.
_LINKS, _ANY_CLICKS = 3, 5
# A person's click shows a page; who opens four links within seconds of each other and sees none is none.
_PAUSE, _LINKS_IN_A_ROW = 10 * _SECOND, 4
# A mail opened, its link clicked and the page it leads to, counted twice, are four.
_AT_ONCE = 5
# Clicks that follow each other after the same whole seconds, and mails clicked after the same whole seconds.
_EQUAL_GAPS, _EQUAL_DELAYS = 4, 3
_LONGEST_DELAY = 3600 * _SECOND
# A person that never visits clicks a mail once or twice; a scanner clicks all of it.
_FEWEST_CLICKS, _CLICKS_A_DAY = 8, 2
# One time in 60 is on a whole minute by chance; where more are than this, those have no seconds.
_WHOLE_MINUTES = 0.1

REASONS = (
    "seconds after send",
    "every link at once",
    "links in a row, no page seen",
    "many in one second",
    "same rhythm",
    "clicks but no page view",
    "marked before",
)


@dataclass(frozen=True, eq=False, repr=False)
class Bots(Result):
    """Which events no person made; made by `flag_bots`, and read by `load_tables` as the events they are.

    Attributes
    ----------
    events : DataFrame
        The events as they came, none left out, with `is_bot` (bool) and `bot_reason` (category, missing where it is
        none).
    frame : DataFrame, index reason
        `events` marked and the `leads` they are of, an event under the first of its reasons.
    kinds : DataFrame, index event
        `n` events, `bots` of them, `share`.
    notes : tuple of str
        What could not be told.
    """

    events: pd.DataFrame
    frame: pd.DataFrame
    kinds: pd.DataFrame
    notes: tuple[str, ...]

    @property
    def headline(self) -> str:
        """How many events are marked."""
        n = int(self.events["is_bot"].sum())
        return f"{n:,} of {counted(len(self.events), 'event')} marked as made by bots."

    def sections(self) -> Iterator[Section]:
        """By reason, and by kind of event."""
        if len(self.frame):
            yield Section("frame", "Why (every event is counted: no interval)", self.frame)
        yield Section("kinds", "By kind of event", self.kinds)


def flag_bots(
    events: Any,
    *,
    sends: str | Sequence[str] = SENDS,
    opens: str | Sequence[str] = OPENS,
    clicks: str | Sequence[str] = CLICKS,
    views: str | Sequence[str] = VIEWS,
) -> Bots:
    """Mark the events that no person made, each with the reason; none is left out.

    `load_tables` takes what this gives as its events. All events count until marked ones are left out by name, with
    `tables.without_bots()`.

    Parameters
    ----------
    events : table, one row per event
        `lead_id`, `event`, `at`, and if there `asset` (the link or mail) and `is_bot` (marks made before, which stay).
        Whatever `load_tables` takes, daily activity apart: it has no times.
    sends, opens, clicks, views : str or list of str
        What `event` says where a mail is sent to the lead, is opened, a link in it is clicked, a page is seen.

    Returns
    -------
    Bots
        `events`, `frame`, `kinds`, `notes`.

    Raises
    ------
    ArgumentError
        If names are no names, or one is in two of them, or no event is an open, a click or a view.
    ContractError
        If columns are missing, or rows have no id, event or time.

    Notes
    -----
    Marked are, in this order: opens and clicks less than 5 seconds after the lead's last send; clicks each within a
    second of the one before, three or more on several links, five or more on any; clicks on four links or more, each
    within 10 seconds of the one before, with no page view among them or 10 seconds after; five or more opens, clicks
    and views in one second; five clicks after the same whole seconds each, or clicks on three mails after the same
    whole seconds within the hour; and the clicks of leads that have eight or more, more than two a day on the days they
    click, and no page view ever. Opening alone never makes a bot: who reads each newsletter and visits nothing is a
    person.

    It is events that are marked, not leads: before one mailbox there may be a scanner and a person. Someone who refuses
    to be tracked looks like the last reason if they also click much; who waits for a mail and clicks it at once looks
    like the first. Times on whole minutes or days have no seconds, and are judged by the last reason alone.

    Of 36,000 clicks of made-up people 0.1 % are marked; of scanners that click all links of a mail all, at whatever
    pace; of ones that click one link of each mail, at random, none (`benchmarks/causes.py --mail 8000`).

    Examples
    --------
    >>> at = pd.Timestamp("2026-03-02T09:00:07Z") + pd.to_timedelta([2, 3, 3, 4, 9000], "s")
    >>> links = ["/a", "/b", "/c", "/d", "/a"]
    >>> found = flag_bots(pd.DataFrame({"lead_id": 7, "event": "email_click", "at": at, "asset": links}))
    >>> found
    4 of 5 events marked as made by bots.
    <BLANKLINE>
    Why (every event is counted: no interval):
      reason              events  leads
      every link at once       4      1
    <BLANKLINE>
    By kind of event:
      event        n  bots  share
      email_click  5     4  80.0%
    <BLANKLINE>
    - No event is a send (email_send, email_sent): clicks seconds after one cannot be detected.
    - No event is a page view (page_view): clicks that lead nowhere cannot be detected.
    >>> found.events["is_bot"].tolist()
    [True, True, True, True, False]
    """
    names = _checked({"sends": sends, "opens": opens, "clicks": clicks, "views": views})
    source = open_source(events, "events")
    if is_activity(source):
        raise ArgumentError("events", "daily activity has no times of day; mark the events before you make it")
    optional = [name for name in ("asset", "is_bot") if name in source.columns]
    wanted = ["lead_id", "event", *optional, "at"]
    refuse(missing_columns(source, wanted))
    breaches = Breaches(source)
    read, _ = read_events(wanted, None, breaches, [("is_bot", "boolean", ())] if "is_bot" in optional else [])
    refuse(breaches.problems())
    reason, notes = reasons_of(read, names)
    frame = events
    if not isinstance(events, pd.DataFrame):
        frame = source.table(source.columns).to_pandas()
    frame = frame.assign(is_bot=reason >= 0, bot_reason=pd.Categorical.from_codes(reason.tolist(), pd.Index(REASONS)))
    flat = frame.reset_index() if frame.index.name in {"lead_id", "event", "at"} - {*frame.columns} else frame
    marked = flat[flat["is_bot"]].groupby("bot_reason", observed=True)["lead_id"].agg(events="size", leads="nunique")
    kinds = flat.groupby("event")["is_bot"].agg(n="size", bots="sum", share="mean")
    return Bots(frame, marked.rename_axis("reason"), kinds.sort_values("bots", ascending=False), tuple(notes))


def _checked(names: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    """The names of events, normalised; no name means two things."""
    owner: dict[str, str] = {}
    with Arguments("flag_bots") as given:
        found = {argument: given.names(argument, value) for argument, value in names.items()}
        for argument, listed in found.items():
            for name in map(normalise, listed):
                if owner.setdefault(name, argument) != argument:
                    given.wrong(argument, f"{name!r} is among {owner[name]} too")
    return found


class _Doings(NamedTuple):
    """Sends, opens, clicks and views in the order of lead, time and kind; `timed` where there are seconds."""

    row: Ints
    lead: Ints
    time: Ints
    kind: npt.NDArray[np.int8]
    asset: Ints
    timed: Mask

    def take(self, chosen: Any) -> _Doings:
        """Some of them, by a mask or in an order."""
        return _Doings(*[part[chosen] for part in self])


def reasons_of(events: Events, names: Mapping[str, Sequence[str]] = _NAMES) -> tuple[Ints, list[str]]:
    """For each event, in the order of the batches, the place of its reason in `REASONS`, -1 for none; and what to know.

    Raises
    ------
    ArgumentError
        If no event is an open, a click or a view.
    """
    n = len(events)
    reason = np.full(n, -1, np.int64)
    if not n:
        return reason, []
    raw = events.values["event"].to_pylist()
    meaning = {normalise(name): kind for kind, group in enumerate(names.values(), 1) for name in group}
    of_value = np.array([meaning.get(normalise(str(value)), 0) for value in raw], np.int8)
    if not (of_value > _SEND).any():
        wanted = [name for kind, group in names.items() if kind != "sends" for name in group]
        known = did_you_mean(wanted[0] if wanted else "", map(str, raw))
        raise ArgumentError("events", f"none is called {', '.join(wanted)}{known}; give opens=, clicks= and views=")
    kind = np.concatenate([of_value[batch.codes["event"]] for batch in events.batches])
    doings = _sorted_doings(events, kind)
    # In the order of `REASONS`: the first counts, so it is written last.
    rules = (_after_send, _every_link, _in_a_row, _many_at_once, _same_rhythm)
    for place in reversed(range(len(rules))):
        reason[rules[place](doings)] = place
    blind, unseen = _never_seen(doings, reason[doings.row] >= 0, names["views"])
    reason[blind[reason[blind] < 0]] = len(rules)
    if "is_bot" in events.values:
        reason[bots_of(events) & (reason < 0)] = len(REASONS) - 1
    return reason, [*_untold(doings, names["sends"]), *unseen]


def bots_of(events: Events) -> Mask:
    """For each event, in the order of the batches, whether it is marked `is_bot`; what is missing is no mark.

    Raises
    ------
    ContractError
        If `is_bot` holds anything else than true and false.
    """
    column = events.column("is_bot", "boolean", (), "UTC")
    assert column.codes is not None
    marked = np.append([code >= 0 and column.values[code] for code in column.codes], False).astype(bool)
    return np.concatenate([marked[batch.codes["is_bot"]] for batch in events.batches] or [np.zeros(0, bool)])


def _sorted_doings(events: Events, kind: npt.NDArray[np.int8]) -> _Doings:
    row = np.flatnonzero(kind)
    kind = kind[row]
    lead = np.concatenate([batch.lead for batch in events.batches])[row].astype(np.int64)
    at = np.concatenate([batch.local("UTC") for batch in events.batches])[row]
    asset = np.full(len(row), -1, np.int64)
    if "asset" in events.values:
        asset = np.concatenate([batch.codes["asset"] for batch in events.batches])[row].astype(np.int64)
    order = np.lexsort((kind, at, lead))
    whole = at % _MINUTE == 0
    share = np.bincount(kind, whole, _VIEW + 1) / np.maximum(np.bincount(kind, minlength=_VIEW + 1), 1)
    timed = ~(whole & (share > _WHOLE_MINUTES)[kind])
    return _Doings(row, lead, at, kind, asset, timed).take(order)


def _delays(doings: _Doings) -> tuple[Ints, Ints]:
    """Microseconds since the lead's last send, -1 where there is none; and the place of that send."""
    last = np.maximum.accumulate(np.where(doings.kind == _SEND, np.arange(len(doings.time)), -1))
    sent = (last >= 0) & (doings.lead[last] == doings.lead)
    return np.where(sent, doings.time - doings.time[last], -1), last


def _runs(*keys: npt.NDArray[Any]) -> Ints:
    """The number of the run of neighbours that are alike in all keys, for each."""
    new = np.zeros(len(keys[0]), bool)
    for key in keys:
        new[1:] |= key[1:] != key[:-1]
    return np.cumsum(new)


# Each rule gives the rows, among all events, that it marks.


def _after_send(doings: _Doings) -> Ints:
    delay, _ = _delays(doings)
    reacts = (doings.kind == _OPEN) | (doings.kind == _CLICK)
    return doings.row[reacts & doings.timed & (delay >= 0) & (delay < _SOON)]


def _bursts(clicks: _Doings, pause: int) -> tuple[Ints, Ints, Ints]:
    """For each click the number of its burst, no two clicks in it further apart than `pause`; their sizes and links."""
    apart = np.diff(clicks.time, prepend=clicks.time[:1]) > pause
    burst = _runs(clicks.lead, np.cumsum(apart))
    pairs = np.unique(np.stack([burst, clicks.asset])[:, clicks.asset >= 0], axis=1)
    size = np.bincount(burst)
    return burst, size, np.bincount(pairs[0], minlength=len(size))


def _every_link(doings: _Doings) -> Ints:
    clicks = doings.take((doings.kind == _CLICK) & doings.timed)
    burst, size, links = _bursts(clicks, _SECOND)
    return clicks.row[(((size >= _LINKS) & (links > 1)) | (size >= _ANY_CLICKS))[burst]]


def _in_a_row(doings: _Doings) -> Ints:
    seen = doings.time[doings.kind == _VIEW]
    if not len(seen):
        return np.zeros(0, np.int64)
    places = np.flatnonzero((doings.kind == _CLICK) & doings.timed)
    clicks = doings.take(places)
    burst, size, links = _bursts(clicks, _PAUSE)
    ends = np.cumsum(size)
    first, last = places[ends - size], clicks.time[ends - 1]
    # The place behind all that the lead did until the pause after the burst was over.
    start = int(doings.time.min())
    key = (doings.lead << 33) + (doings.time - start) // (_SECOND // 10)
    behind = np.searchsorted(key, (doings.lead[first] << 33) + (last + _PAUSE - start) // (_SECOND // 10), "right")
    views = np.append(0, np.cumsum(doings.kind == _VIEW))
    # Before pages were counted, none could be seen.
    blind = (views[behind] == views[first]) & (last >= seen.min())
    return clicks.row[((links >= _LINKS_IN_A_ROW) & blind)[burst]]


def _many_at_once(doings: _Doings) -> Ints:
    acts = doings.take((doings.kind > _SEND) & doings.timed)
    run = _runs(acts.lead, acts.time // _SECOND)
    return acts.row[(np.bincount(run) >= _AT_ONCE)[run]]


def _same_rhythm(doings: _Doings) -> Ints:
    chosen = (doings.kind == _CLICK) & doings.timed
    delay, send = (part[chosen] for part in _delays(doings))
    clicks = doings.take(chosen)
    seconds = clicks.time // _SECOND
    gap = np.diff(seconds, prepend=seconds[:1])
    gap[(gap > 60) | (np.diff(clicks.lead, prepend=-1) != 0)] = 0
    run = _runs(gap, clicks.lead)
    steady = (np.bincount(run) >= _EQUAL_GAPS)[run] & (gap > 0)
    # The click before the first equal gap belongs to them.
    steady[:-1] |= steady[1:]
    soon = np.flatnonzero((delay >= 0) & (delay < _LONGEST_DELAY))
    waits = pd.DataFrame({"lead": clicks.lead[soon], "delay": delay[soon] // _SECOND, "send": send[soon]})
    steady[soon] |= (waits.groupby(["lead", "delay"])["send"].transform("nunique") >= _EQUAL_DELAYS).to_numpy(bool)
    return clicks.row[steady]


def _never_seen(doings: _Doings, known: Mask, names: Sequence[str]) -> tuple[Ints, list[str]]:
    """The clicks of leads that click much and never see a page; and why that is not known, if so."""
    none = np.zeros(0, np.int64)
    views, every = doings.kind == _VIEW, doings.kind == _CLICK
    if not views.any():
        return none, [f"No event is a page view ({', '.join(names)}): clicks that lead nowhere cannot be detected."]
    # What was clicked before pages were counted says nothing.
    clicks = every & ~known & (doings.time >= doings.time[views].min())
    n_leads = int(doings.lead.max()) + 1
    seen = np.bincount(doings.lead[views], minlength=n_leads) > 0
    clicked = np.bincount(doings.lead[clicks], minlength=n_leads)
    days = np.unique(np.stack([doings.lead, doings.time // DAY])[:, clicks], axis=1)
    a_day = clicked / np.maximum(np.bincount(days[0], minlength=n_leads), 1)
    people = np.bincount(doings.lead[clicks], minlength=n_leads) > 0
    if people.any() and seen[people].mean() < 0.5:
        share = f"{seen[people].mean():.0%} of {people.sum():,} leads that click"
        return none, [f"Only {share} have a page view: clicks that lead nowhere cannot be detected."]
    scanned = ~seen & (clicked >= _FEWEST_CLICKS) & (a_day > _CLICKS_A_DAY)
    return doings.row[every & scanned[doings.lead]], []


def _untold(doings: _Doings, sends: Sequence[str]) -> list[str]:
    """What the times and kinds of events do not allow to tell."""
    found = []
    if not (doings.kind == _SEND).any():
        found.append(f"No event is a send ({', '.join(sends)}): clicks seconds after one cannot be detected.")
    for kind in (_OPEN, _CLICK, _VIEW):
        own = doings.kind == kind
        untimed = int((own & ~doings.timed).sum())
        if untimed:
            said = f"{untimed:,} of {own.sum():,} {[*_NAMES][kind - 1]} are on whole minutes or days"
            found.append(f"{said}: clicks within the same seconds cannot be detected.")
    return found
