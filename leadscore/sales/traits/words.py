"""Words that leads write into forms: which of them go with being accepted, and which with being refused."""

from __future__ import annotations

import html
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any
from unicodedata import category

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from leadscore.base.arguments import Arguments
from leadscore.base.periods import Period
from leadscore.base.text import as_text, counted, normalise
from leadscore.base.times import DAY, is_text
from leadscore.errors import ArgumentError, did_you_mean
from leadscore.present.result import Result, Section
from leadscore.rulebook import Rulebook
from leadscore.sales.facts import TWELVE_WEEKS, Facts
from leadscore.sales.traits.seen import Seen
from leadscore.sales.traits.traits import MARKED, accounts_of, held_at, is_prose, tells_later
from leadscore.sales.traits.won_lost import closed_deals
from leadscore.stats.outcomes_and_scores import Mask
from leadscore.tables.outcomes import Ints
from leadscore.tables.tables import Tables

# Words of fewer leads are left out; of fewer on either side no word is compared.
_FEWEST_LEADS, _FEW = 8, 30
# What so many of the leads sent word for word is the form's own text.
_TEMPLATE = 0.2
# How many leads the background counts as: words of few leads are drawn to the share that all leads have.
_PRIOR = 10
_MARKUP = re.compile(r"<(script|style)\b.*?</\1\s*>|<[^<>]*>", re.DOTALL | re.IGNORECASE)
_ADDRESS = re.compile(r"\S+@\S+|https?://\S+|www\.\S+", re.IGNORECASE)
# Columns that say who wrote: these words of a lead are left out of its own text.
_WHO = re.compile(r"name|e-?mail|company|organi[sz]ation|firma|account", re.IGNORECASE)
_SIDES = ("accepted", "refused")
_SHOWN = 6


@dataclass(frozen=True, eq=False, repr=False)
class Words(Result):
    """What accepted and refused leads write; made by `words`.

    Attributes
    ----------
    frame : DataFrame, one row per word, from those of accepted leads to those of refused ones
        `words` (several where the same leads use them), `accepted`, `n` leads that used it; `odds_ratio` (how many
        times the odds of being accepted), `low`, `high` (95 %), `z` (its strength), `p` (before correction), `q`
        (Benjamini-Hochberg, over all rows).
    won : DataFrame
        The same of leads whose deal was won, in place of accepted, against lost; empty where there are too few.
    accepted, refused : int
        Leads that wrote something.
    column : str or None
        Where the texts stand, as "leads.message"; None where there are none.
    notes : tuple of str
    """

    frame: pd.DataFrame
    won: pd.DataFrame
    accepted: int
    refused: int
    column: str | None
    notes: tuple[str, ...]

    @property
    def headline(self) -> str:
        """The strongest words at both ends."""
        n = self.accepted + self.refused
        if self.column is None:
            return "No column of leads or events holds texts."
        if min(self.accepted, self.refused) < _FEW:
            return f"{counted(n, 'decided lead')} wrote something: too few to compare words."
        ends = [
            f"{who} leads use more: {', '.join(f'“{one}”' for one in said)}"
            for who, said in zip(_SIDES, self.ends, strict=True)
            if said
        ]
        return f"Words in the texts of {counted(n, 'lead')}: {'; '.join(ends) or 'none sets accepted leads apart'}."

    @property
    def ends(self) -> tuple[list[str], list[str]]:
        """The words that hold after correction, of accepted and of refused leads, the strongest first."""
        marked = self.frame[self.frame["q"] <= MARKED]
        sides = marked[marked["z"] > 0], marked[marked["z"] < 0].iloc[::-1]
        accepted, refused = (side["words"].head(_SHOWN).tolist() for side in sides)
        return accepted, refused

    def sections(self) -> Iterator[Section]:
        """The words."""
        formats = {"odds_ratio": ".2f", "low": ".2f", "high": ".2f", "z": "+.1f"}
        for name, frame, sides in (("frame", self.frame, "accepted"), ("won", self.won, "won")):
            if len(frame):
                title = f"Words by how many of those who used them were {sides} (95 %; q up to {MARKED} holds)"
                yield Section(name, title, frame, frame.drop(columns="p"), formats=formats)


def words(  # noqa: PLR0913 - the period, and which texts and words
    tables: Tables,
    rulebook: Rulebook,
    *,
    start: Any,
    end: Any,
    observed_until: Any = None,
    column: str | None = None,
    stop_words: Collection[str] = (),
) -> Words:
    """Which words accepted leads use more than refused ones, in what they wrote until they came to sales.

    Looked at are leads that came to sales in the 12 weeks up to `end` and that sales has decided on; and leads of deals
    won and lost, as `won_lost` has them. A lead counts once per word. Of words that the same leads use there is one
    line.

    Parameters
    ----------
    tables : Tables
        With outcomes.
    rulebook : Rulebook
    start, end : date, or text as "2026-03-31"
        The period.
    observed_until : date, optional
        The last day whose outcomes are known; later ones do not exist. By default that of the tables.
    column : str, optional
        The column of leads or events that holds the texts. By default the one that most of these leads have sentences
        in (five words and more).
    stop_words : list of str, optional
        Words to leave out, as those of a language that say nothing.

    Returns
    -------
    Words
        `headline`, `notes`, `frame`, `won`.

    Raises
    ------
    ArgumentError
        If there are no outcomes or no such column, or the period is invalid.

    Notes
    -----
    No text is printed. Left out are e-mail and web addresses, numbers, markup, words of the lead's own name, e-mail and
    company where such columns were read, words of fewer than 8 leads or of one account, and texts that one lead in five
    sent word for word (the form's own). Where leads write in several languages, a word may stand for its language.

    The strength z is the log odds ratio over its error, both with an informative prior: the share of all leads that use
    the word, counted as 10 leads on each side. Of 200 simulated companies where words made no difference, the smallest
    q was at most 0.05 in 1.5 %.

    References
    ----------
    Monroe, B. L., Colaresi, M. P. and Quinn, K. M. (2008), Fightin' words: lexical feature selection and evaluation for
    identifying the content of political conflict, Political Analysis 16, 372-403. Benjamini, Y. and Hochberg, Y.
    (1995), Journal of the Royal Statistical Society B 57, 289-300.

    Examples
    --------
    >>> import leadscore as ls
    >>> company = ls.datasets.make_company(10_000, random_state=2, planted=["form words"])
    >>> tables = ls.load_tables(company.leads, company.events, company.outcomes)
    >>> found = words(tables, company.rulebook, start="2026-03-02", end="2026-03-29")
    >>> found.ends
    (['approved, budget, this', 'quarter'], ['project, student'])
    """
    with Arguments("words") as given:
        given.types(tables=(tables, Tables), rulebook=(rulebook, Rulebook))
        if column is not None:
            given.text("column", column)
        left_out = given.names("stop_words", stop_words, repeats=True)
    facts = Facts.of("words", tables, rulebook, start=start, end=end, observed_until=observed_until)
    return _words_of(facts, column, frozenset(map(normalise, left_out)))


def words_of(facts: Facts) -> Words:
    """`words`, of facts."""
    return _words_of(facts, None, frozenset())


def _words_of(facts: Facts, column: str | None, stop_words: frozenset[str]) -> Words:
    came = facts.handovers.during(Period(facts.period.last + 1 - TWELVE_WEEKS, facts.period.last))
    came = came[came["accepted"].notna()]
    deals = closed_deals(facts)[0].explode("leads").drop_duplicates("leads")
    lead, moment = came["lead"].to_numpy(np.int32), came["moment"].to_numpy(np.int64)
    found = _text_column(facts, lead, moment, column)
    if found is None:
        return Words(_frame([], np.zeros(0, bool), "accepted"), _frame([], np.zeros(0, bool), "won"), 0, 0, None, ())
    sides = []
    for word, leads, moments, good in (
        ("accepted", lead, moment, came["accepted"].to_numpy(bool)),
        ("won", deals["leads"].to_numpy(np.int32), deals["opened_at"].to_numpy(np.int64), deals["state"].eq("won")),
    ):
        texts = _texts(facts, found, leads, moments)
        sides.append(_side(facts, texts, leads, np.asarray(good, bool), word, stop_words))
    (frame, writers, template), (won, closed, _) = sides
    if min(closed) < _FEW:
        won = won.head(0)
    notes = [f"{counted(template, 'text')} left out that many leads sent word for word."] if template else []
    notes.append("Where leads write in several languages, a word may stand for its language.")
    return Words(frame, won, *writers, ".".join(found), tuple(notes))


def _side(  # noqa: PLR0913, PLR0917 - whose words, and which of them
    facts: Facts, texts: list[str], lead: npt.NDArray[np.int32], good: Mask, word: str, stop_words: frozenset[str]
) -> tuple[pd.DataFrame, tuple[int, int], int]:
    """The words of one comparison; how many leads wrote on each side; how many texts were the form's own."""
    wrote = np.array([bool(text) for text in texts], bool)
    common = Counter(text for text in texts if text)
    own = {text for text, n in common.items() if n >= max(_TEMPLATE * wrote.sum(), _FEWEST_LEADS)}
    template = sum(common[text] for text in own)
    who = _who(facts.tables, lead[wrote])
    used = defaultdict[str, list[int]](list)
    rows = np.flatnonzero(wrote).tolist()
    for place, (row, names) in enumerate(zip(rows, who, strict=True)):
        for one in set() if texts[row] in own else words_in(texts[row]) - names - stop_words:
            used[one].append(place)
    accounts = accounts_of(facts.tables, lead[wrote])
    kept = defaultdict[tuple[int, ...], list[str]](list)
    for one, places in used.items():
        # What all of them use sets nobody apart.
        if _FEWEST_LEADS <= len(places) < len(rows) and len(np.unique(accounts[places])) > 1:
            kept[tuple(places)].append(one)
    named = sorted((", ".join(sorted(together)), list(places)) for places, together in kept.items())
    decided = good[wrote]
    return _frame(named, decided, word), (int(decided.sum()), int((~decided).sum())), template


def _frame(named: list[tuple[str, list[int]]], good: Mask, word: str) -> pd.DataFrame:
    """`Words.frame`, of words with the places of the leads that used them."""
    from scipy.stats import false_discovery_control  # noqa: PLC0415 - scipy takes long to import

    n = np.array([len(places) for _, places in named], np.float64)
    had = np.array([good[places].sum() for _, places in named], np.float64)
    total, best = len(good), good.sum()
    background = n / max(total, 1)
    cells = [had, best - had, n - had, total - best - n + had]
    drawn = [cell + _PRIOR * part for cell, part in zip(cells, [background, 1 - background] * 2, strict=True)]
    effect = np.log(drawn[0]) - np.log(drawn[1]) - np.log(drawn[2]) + np.log(drawn[3])
    error = np.sqrt(sum(1 / cell for cell in drawn)) if named else effect
    z = effect / error
    p = np.array([2 * NormalDist().cdf(-abs(one)) for one in z], np.float64)
    reach = NormalDist().inv_cdf(0.975) * error
    frame = pd.DataFrame(
        {
            "words": np.array([one for one, _ in named], object), word: had.astype(np.int64), "n": n.astype(np.int64),
            "odds_ratio": np.exp(effect), "low": np.exp(effect - reach), "high": np.exp(effect + reach), "z": z, "p": p,
            "q": false_discovery_control(p),
        }
    )  # fmt: skip
    return frame.sort_values(["z", "words"], ascending=[False, True], ignore_index=True)


class _Letters(dict[int, str]):
    """What becomes of each character: letters of all scripts with their marks, digits and apostrophes stay."""

    def __missing__(self, code: int) -> str:
        letter = chr(code)
        kept = "'" if letter in "'\u2019" else letter if category(letter)[0] in "LMN" else " "
        self[code] = kept
        return kept


_LETTERS = _Letters()


def words_in(text: str) -> set[str]:
    """The words of a text in lower case, each once; no addresses, markup, numbers or single letters.

    Examples
    --------
    >>> sorted(words_in("<p>We don't need 40 seats &amp; SSO \U0001f600</p> anna@firm.example +49 171 55"))
    ["don't", 'need', 'seats', 'sso', 'we']
    """
    plain = _ADDRESS.sub(" ", _MARKUP.sub(" ", html.unescape(text)))
    parts = (part.strip("'") for part in normalise(plain).translate(_LETTERS).split())
    # Marks count where they stand over a letter, as vowels do in many scripts.
    sized = (part for part in parts if sum(letter != "'" and not letter.isnumeric() for letter in part) > 1)
    return {part for part in sized if part[0].isalnum()}


def _who(tables: Tables, lead: npt.NDArray[np.int32]) -> list[set[str]]:
    """The words of each lead's own name, address and company."""
    found = [set[str]() for _ in lead]
    for name in tables.leads.column_names:
        if _WHO.search(name) and is_text(tables.leads[name].type):
            for own, value in zip(found, tables.latest(name).to_numpy(object)[lead], strict=True):
                if isinstance(value, str):
                    own.update(words_in(value.replace("@", " ")))
    return found


# Whose column it is, "leads" or "events", and its name.
_Place = tuple[str, str]


def _text_column(facts: Facts, lead: npt.NDArray[np.int32], moment: Ints, column: str | None) -> _Place | None:
    """Where the texts stand: in the column given, else in that with sentences that most of the leads filled in."""
    tables = facts.tables
    places: list[_Place] = [("leads", name) for name in tables.leads.column_names]
    places += [("events", name) for name in tables.events.values]
    if column is not None:
        named = [place for place in places if place[1] == column]
        if not named:
            near = did_you_mean(column, [name for _, name in places])
            message = (
                f"there is no column {column!r} in leads or events{near}; load_tables(..., columns=[...]) keeps more"
            )
            raise ArgumentError("column", message)
        return named[0]
    found = []
    for table, name in places:
        if (table, name) in {("events", "event"), ("events", "asset")} or tells_later(name):
            continue
        kind = tables.leads[name].type if table == "leads" else tables.events.values[name].type
        if is_text(kind):
            texts = [one for one in _texts(facts, (table, name), lead, moment) if one]
            if is_prose(sorted(set(texts))):
                found.append((-len(texts), (table, name)))
    return min(found)[1] if found else None


def _texts(facts: Facts, place: _Place, lead: npt.NDArray[np.int32], moment: Ints) -> list[str]:
    """What each lead had written by the time it came; empty where nothing."""
    tables, timezone = facts.tables, facts.tables.timezone
    table, name = place
    missing = {normalise(value) for value in facts.rulebook.missing_values}
    if table == "leads":
        record = held_at(tables, lead, moment, timezone)
        held = tables.leads[name].take(pa.array(record, mask=record < 0)).to_pylist()
        texts: list[str] = ["" if one is None else as_text(one) for one in held]
        return ["" if normalise(text) in missing else text for text in texts]
    seen = Seen.of(tables, name, timezone, lead)
    row = pd.Series(np.arange(len(lead)), lead).reindex(seen.lead).to_numpy()
    came = moment[row]
    # On a day that is all that is known of one of the two, nobody knows which was first: a form is what brings a lead.
    dated = (came % DAY == 0) | (seen.at % DAY == DAY - 1)
    inside = (seen.at <= came) | (dated & (seen.at // DAY == came // DAY))
    found = defaultdict[int, set[str]](set)
    for place_of, what in zip(row[inside].tolist(), seen.what[inside].tolist(), strict=True):
        found[place_of].add(seen.names[what])
    return [" ".join(sorted(found[number] - missing)) for number in range(len(lead))]
