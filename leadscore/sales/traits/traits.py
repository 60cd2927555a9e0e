"""Traits of leads at given moments, each a plain yes or no, and how often what sales said goes with them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from leadscore.base.text import as_text, decimal
from leadscore.base.times import DAY, NO_TIME, one_array
from leadscore.rulebook import Rulebook
from leadscore.rulebook.kinds import Kind, declared_kind, lead_kinds, rule_uses
from leadscore.sales.traits.seen import seen_before
from leadscore.scoring.attributes import personas_by_row
from leadscore.sources.columns import Column, convert
from leadscore.stats.intervals import Floats, newcombe
from leadscore.stats.outcomes_and_scores import Mask
from leadscore.tables.outcomes import Ints
from leadscore.tables.tables import Tables

# Of fewer leads with a trait, or without it, nothing is compared; a table marks q-values up to this.
FEWEST, MARKED = 15, 0.1
_OWN = {"lead_id", "created_at", "valid_from", "account_id"}
# Columns that name a person or a place to write to, and those that tell what became of the lead or add up to today.
_PERSONAL = re.compile(
    r"(?<![^\W_])(id|uuid|guid|e-?mail|mail|name|first|last|surname|phone|mobile|fax|street|address|zip|postal|postcode|"
    r"birthday|url|linkedin|token)(?![^\W_])|[a-z]I[dD]$"
)
_LATER = re.compile(
    r"(?<![^\W_])(status|stage|lifecycle|mql|sal|sql|opportunit(y|ies)|deals?|won|lost|closed?|customer|reject(ed|ion)?|"
    r"disqualified|reason|owner|rep|score|grade)(?![^\W_])"
)
# Sentences have more words than names of things; of many values so many are looked at.
_SENTENCE, _LOOKED_AT = 5, 1000
_LONGEST = 60


@dataclass(frozen=True, eq=False)
class Traits:
    """What some units (leads, deals) are and have seen.

    Attributes
    ----------
    names : tuple of str
        In plain words, as "Seniority: VP", "Employees: 200 or more", "Source: not known", "Saw: /pricing".
    held : (n_units, n_traits) bool
    notes : tuple of str
        Columns that are left out, and why.
    """

    names: tuple[str, ...]
    held: Mask
    notes: tuple[str, ...]


def traits_of(tables: Tables, rulebook: Rulebook, unit: Ints, lead: npt.NDArray[np.int32], moment: Ints) -> Traits:
    """What units were, and what their leads had seen, before a moment each.

    Lead columns are as they were at the moment, where `valid_from` tells; events count that came before it. A unit with
    several leads has what one of them has. Traits that the same units have, or lack, are one: the first, and columns
    that the rulebook scores come first.

    Parameters
    ----------
    tables : Tables
    rulebook : Rulebook
    unit : (n_rows,) whole numbers from 0
    lead : (n_rows,) positions among the leads
    moment : (n_rows,) microseconds on the wall clock

    Returns
    -------
    Traits
        Those that at least `FEWEST` units have, and lack.
    """
    n_units = int(unit.max(initial=-1)) + 1
    left_out: dict[str, list[str]] = {}
    record = held_at(tables, lead, moment, rulebook.timezone)
    found = dict[bytes, tuple[str, Mask]]()
    for name, values in [
        *_of_columns(tables, rulebook, record, left_out),
        *_of_personas(tables, rulebook, record),
        *seen_before(tables, rulebook, lead, moment, FEWEST),
    ]:
        held = np.bincount(unit, values, n_units) > 0
        if FEWEST <= held.sum() <= n_units - FEWEST:
            # The same bits whether a trait is had or lacked.
            found.setdefault(np.packbits(held ^ held[0]).tobytes(), (name, held))
    names, columns = [name for name, _ in found.values()], [held for _, held in found.values()]
    notes = [f"Not compared, {why}: {', '.join(names)}." for why, names in left_out.items()]
    if tables.records.valid_from is None and any(not name.startswith("Saw: ") for name in names):
        notes.append("Fields show today's values, not those on the day: check that they are not filled in afterwards.")
    return Traits(tuple(names), np.column_stack([np.zeros((n_units, 0), bool), *columns]), tuple(notes))


def held_at(tables: Tables, lead: npt.NDArray[np.int32], moment: Ints, timezone: str) -> npt.NDArray[Any]:
    """The row of each lead at a moment; -1 where it had none yet."""
    records = tables.records
    if records.valid_from is None:
        return lead
    local = records.valid_from.local(timezone)
    rows = np.flatnonzero(np.isin(records.lead, lead))
    begins = pd.DataFrame({"lead": records.lead[rows], "at": local[rows], "row": rows})
    begins = begins.sort_values(["at", "row"], kind="stable")
    first = begins.drop_duplicates("lead").set_index("lead")["at"].reindex(lead, fill_value=NO_TIME).to_numpy()
    # A date does not say when on it: a row of that day may have been there.
    at = np.where((moment % DAY == 0) & (first // DAY == moment // DAY), np.maximum(moment, first), moment)
    asked = pd.DataFrame({"lead": lead, "at": at, "place": np.arange(len(lead))}).sort_values("at", kind="stable")
    held = pd.merge_asof(asked, begins, on="at", by="lead").set_index("place")["row"]
    return held.sort_index().fillna(-1).to_numpy(np.int64)


def _of_columns(
    tables: Tables, rulebook: Rulebook, record: npt.NDArray[Any], left_out: dict[str, list[str]]
) -> Iterator[tuple[str, Mask]]:
    """Values, steps of numbers, and gaps of the lead columns."""
    scored = lead_kinds(rulebook)
    names = dict.fromkeys([*scored, *rulebook.columns, *tables.leads.column_names])
    there = np.flatnonzero(record >= 0)
    for name in names:
        if name in _OWN or name not in tables.leads.column_names:
            continue
        data = one_array(tables.leads[name]).take(pa.array(record[there]))
        if pa.types.is_dictionary(data.type):
            # Else all values of all leads would be read, and not only those looked at.
            data = data.dictionary_decode()
        column = _read(data, scored.get(name) or declared_kind(rulebook, name), rulebook)
        why = ""
        if name not in scored and names_people(name):
            why = "names or identifies people"
        elif name not in scored and tells_later(name):
            why = "tells of later stages or adds up to today"
        elif column is None or column.kind == "date":
            why = "no category, number or yes and no"
        elif column.kind == "text" and "@" in "".join(column.values[:_LOOKED_AT]):
            why = "addresses"
        elif column.kind == "text" and is_prose(column.values):
            why = "free text"
        if why or column is None:
            left_out.setdefault(why, []).append(name)
            continue
        label = name.replace("_", " ")
        label = label[:1].upper() + label[1:]
        for told, held in _of_column(column, data, _edges(rulebook, name)):
            full = np.zeros(len(record), bool)
            full[there[held]] = True
            yield f"{label}: {told}", full


def _of_personas(tables: Tables, rulebook: Rulebook, record: npt.NDArray[Any]) -> Iterator[tuple[str, Mask]]:
    """Whom the rulebook calls by a name: of several the first that holds."""
    code = personas_by_row(tables, rulebook)(record)
    for place, persona in enumerate(rulebook.personas):
        yield f"Persona: {persona.name}", code == place


def _read(data: Any, kind: Kind | None, rulebook: Rulebook) -> Column | None:
    """A column as rules read it; of one that no rule reads, as the first kind that all its values are of."""
    kinds: list[Kind] = [kind] if kind and kind != "any" else ["boolean", "number", "date", "text"]
    for one in kinds:
        column = convert(data, one, rulebook.missing_values, rulebook.timezone)
        if not any(map(len, column.bad.values())) and not column.missing.all():
            return column
    return None


def names_people(name: str) -> bool:
    """Whether a column is called as those that hold names, ids or addresses.

    Examples
    --------
    >>> [names_people(name) for name in ("First Name", "contactId", "email_domain", "industry")]
    [True, True, False, False]
    """
    words = _words(name)
    return bool(_PERSONAL.search(words) or _PERSONAL.search(name)) and "domain" not in words


def tells_later(name: str) -> bool:
    """Whether a column is called as those that tell what became of a lead."""
    return bool(_LATER.search(_words(name)))


def _words(name: str) -> str:
    return re.sub(r"[\W_]+", " ", name).casefold()


def is_prose(values: Sequence[str]) -> bool:
    """Whether most of some distinct values are sentences rather than names of things."""
    some = values[:: max(len(values) // _LOOKED_AT, 1)]
    return sum(len(value.split()) >= _SENTENCE for value in some) > len(some) / 2


def _edges(rulebook: Rulebook, name: str) -> list[float]:
    """Where the rules cut a number."""
    uses = [use for rule in rulebook.fit for column, use in rule_uses(rule) if column == name]
    steps = [edge for what, edges in uses if what == "from" for edge in edges]
    return sorted({*steps, *(edge for what, edge in uses if what == "at_least")})


def _of_column(column: Column, data: Any, edges: list[float]) -> Iterator[tuple[str, Mask]]:
    if column.numbers is not None:
        known = column.numbers[~column.missing]
        for edge in edges or sorted({_plain(float(number)) for number in np.quantile(known, [0.25, 0.5, 0.75])}):
            told = f"{int(edge):,}" if float(edge).is_integer() else decimal(edge)
            yield f"{told} or more", column.numbers >= edge
    else:
        assert column.codes is not None
        counts = np.bincount(column.codes[column.codes >= 0], minlength=len(column.values))
        often = np.flatnonzero(counts >= FEWEST).tolist()
        # By their values, yes before no, so that the order of the rows decides nothing.
        for code in sorted(often, key=column.values.__getitem__, reverse=column.kind == "boolean"):
            held = column.codes == code
            raw = Counter(" ".join(as_text(one).split()) for one in data.filter(pa.array(held)).to_pylist())
            # The commonest way to write it.
            told = min(raw, key=lambda text: (-raw[text], text))
            if column.kind == "boolean":
                told = "yes" if column.values[code] else "no"
            if len(told) <= _LONGEST:
                yield told, held
    yield "not known", column.missing


def _plain(number: float) -> float:
    """The nearest of 1, 2, 5, 10, 20, 50...; whole numbers up to ten stay."""
    if number == 0 or (abs(number) <= 10 and number.is_integer()):
        return number
    power = 10.0 ** np.floor(np.log10(abs(number)))
    step = min((1, 2, 5, 10), key=lambda one: abs(np.log(abs(number) / power / one)))
    return float(np.copysign(round(step * power, 12), number))


def compared(traits: Traits, good: Mask, accounts: Ints, *, word: str) -> pd.DataFrame:
    """How often the good outcome goes with each trait, against without it; most certain first.

    Parameters
    ----------
    traits : Traits
    good : (n_units,) bool
    accounts : (n_units,) whole numbers from 0
        Units that belong together; each its own where nothing tells.
    word : str
        The good outcome, as columns are called by it: "accepted".

    Returns
    -------
    DataFrame
        `trait`; `accepted`, `n` with it; `accepted_without`, `n_without`; `difference` of the shares with `low`, `high`
        (95 %, Newcombe); `p` (Fisher's exact test, two-sided), `q` (Benjamini-Hochberg, over all rows).

    Notes
    -----
    Units of one account are alike. Counts are divided by the design effect of the difference, at least 1, before they
    enter the interval and, rounded, the test.

    References
    ----------
    Newcombe, R. G. (1998), Statistics in Medicine 17, 873-890, method 10. Benjamini, Y. and Hochberg, Y. (1995),
    Journal of the Royal Statistical Society B 57, 289-300. Rao, J. N. K. and Scott, A. J. (1992), A simple method for
    the analysis of clustered binary data, Biometrics 48, 577-585.
    """
    from scipy.stats import false_discovery_control, fisher_exact  # noqa: PLC0415 - scipy takes long to import

    n, had = traits.held.sum(axis=0), traits.held[good].sum(axis=0)
    rest, others = len(good) - n, good.sum() - had
    effect = _design_effects(traits.held, good, accounts)
    difference, low, high = newcombe((others / effect, rest / effect), (had / effect, n / effect))
    cells = np.rint(np.array([had, n - had, others, rest - others]) / effect).astype(np.int64)
    p = np.array([fisher_exact(table.reshape(2, 2)).pvalue for table in cells.T], np.float64)
    frame = pd.DataFrame(
        {
            "trait": np.array(traits.names, object), word: had, "n": n, f"{word}_without": others, "n_without": rest,
            "difference": difference, "low": low, "high": high, "p": p, "q": false_discovery_control(p),
        }
    )  # fmt: skip
    return frame.sort_values(["q", "p", "trait"], ignore_index=True)


def _design_effects(held: Mask, good: Mask, accounts: Ints) -> Floats:
    """(n_traits,) how many units of an account tell as much as one of its own, of each difference; 1 or more."""
    n = max(len(good), 1)
    apart = (held - held.sum(axis=0) / n) * (good - good.sum() / n)[:, None]
    sums = np.zeros((int(accounts.max(initial=-1)) + 1, held.shape[1]))
    np.add.at(sums, accounts, apart)
    single = (apart**2).sum(axis=0)
    # Rounded, for the last digits of a sum depend on the order of the rows.
    return np.round(np.maximum((sums**2).sum(axis=0) / np.where(single > 0, single, 1), 1), 9)


def accounts_of(tables: Tables, lead: npt.NDArray[np.int32]) -> Ints:
    """The account of each lead as a whole number; a lead without one is its own."""
    if "account_id" not in tables.leads.column_names:
        return np.arange(len(lead), dtype=np.int64)
    # By position, so that a lead is one account however often it stands there.
    held = tables.latest("account_id").astype(object).to_numpy()[lead]
    texts = [
        f"lead {one}" if pd.isna(value) else f"account {as_text(value)}" for one, value in zip(lead, held, strict=True)
    ]
    return pd.factorize(np.array(texts, object))[0].astype(np.int64)


def sets_apart(frame: pd.DataFrame, word: str) -> str:
    """What the traits of a table that are marked say, in half a sentence."""
    marked = frame[frame["q"] <= MARKED]
    if not len(marked):
        tested = f"none of {len(frame):,} traits" if len(frame) > 1 else "the one trait"
        return f"{tested} tested {'sets' if len(frame) > 1 else 'does not set'} them apart"
    first = marked.iloc[0]
    more = "more" if first["difference"] > 0 else "less"
    others = f", and {len(marked) - 1} more" if len(marked) > 1 else ""
    share = f"{first[word]:,} of {first['n']:,}"
    rest = f"{first[f'{word}_without']:,} of {first['n_without']:,}"
    return f"{more} often with {first['trait']} ({share}, against {rest} without){others}"
