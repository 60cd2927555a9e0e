"""A second reading of damaged files: by the standard library and the reference scorer alone, row by row.

A digit changed in a cell is another table, and nobody can tell. What can be told is whether a file means to `leadscore`
what it means to another careful reader, and whether each row that is not scored is named.
"""

import csv
import datetime as dt
import io
import json
import re

from tests.support import reference

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
POINTS = ("fit", "behaviour", "total", "threshold")
FIGURES = (*POINTS, "segment", "qualified", "via", "blocked_by", "grade")


class Silent(Exception):  # noqa: N818 - no error of ours: what was wrong was not said
    """What came out differs, or is not allowed, and nothing was said."""


class Unsure(Exception):  # noqa: N818 - no error of ours either
    """Two careful readers may differ here, so this one does not judge."""


def plain(scores):
    return scores.frame.sort_index().astype(object).where(scores.frame.sort_index().notna(), None).to_dict("index")


def same(found, expected):
    if found != expected:
        raise Silent(f"other scores: {[(key, found.get(key), expected.get(key)) for key in {*found, *expected}][:3]}")


# ------------------------------------------------------------------------------------------------------------ tables


def records(data):
    """The records that strict reading of CSV sees, by column; None where they have not as many cells as the header."""
    try:
        lines = io.StringIO(data.decode("utf-8-sig"), newline="")
        header, *rows = [row for row in csv.reader(lines, strict=True) if row] or [[]]
    except (UnicodeDecodeError, csv.Error) as error:
        raise Unsure(str(error)) from None
    names = [name.strip() for name in header]
    return [dict(zip(names, row, strict=True)) if len(row) == len(names) else None for row in rows]


def typed(row, missing):
    """The cells as the reference takes them."""

    def known(cell, read):
        text = reference.normal(cell)
        return (
            None if text in missing or text in {"", "null", "\\n"} else read(cell.translate(reference.DROPPED).strip())
        )

    kinds = {"employees": _number, "created_at": _moment, "at": _moment}
    return {name: known(cell, kinds[name]) if name in kinds else cell for name, cell in row.items()}


def _number(text):
    if not NUMBER.fullmatch(text):
        raise Unsure(text)
    return float(text)


def _moment(text):
    try:
        return dt.date.fromisoformat(text) if len(text) == 10 else dt.datetime.fromisoformat(text)
    except ValueError:
        raise Unsure(text) from None


def judge(tables, scores, leads, events):
    """Whether tables read with `strict=False` from two CSV files, given as bytes, and their scores are right."""
    document, as_of = scores.rulebook.to_dict(), scores.as_of
    missing = {reference.normal(str(text)) for text in document.get("missing_values", [])}
    aside = {*tables.rejected[["table", "row"]].itertuples(index=False, name=None)}
    read = {}
    for table, data in (("leads", leads), ("events", events)):
        rows = [row for place, row in enumerate(records(data)) if (table, place) not in aside]
        if None in rows:
            raise Silent(f"{table}: record {rows.index(None)} of those kept has not as many cells as the header")
        read[table] = [typed(row, missing) for row in rows]
    ids = [row["lead_id"] for row in read["leads"]]
    if tables.ids.array.to_pylist() != ids:
        raise Silent(f"leads are {tables.ids.array.to_pylist()}, in the file {ids}")
    if len(tables.events) != len(read["events"]):
        raise Silent(f"{len(tables.events)} events, in the file {len(read['events'])}")
    expected = reference.score(document, read["leads"], read["events"], as_of)
    found = {lead: {name: row[name] for name in FIGURES} for lead, row in plain(scores).items()}
    wanted = {lead: {n: row[n] / 1000 if n in POINTS else row[n] for n in FIGURES} for lead, row in expected.items()}
    same(found, wanted)


# ------------------------------------------------------------------------------------------------------------- JSON


def judge_kept(kept, whole, text):
    """Whether what was read from damaged text, as `to_json` writes it again, is what was written before the damage.

    Without its checksum, as in files of before, it is to be what the text says.
    """
    kept, said = json.loads(kept), json.loads(text)
    expected = whole if "checksum" in said else said
    for name in kept.keys() - {"checksum", "headline", "notes", "verdict"}:
        if kept[name] != expected[name]:
            raise Silent(f"{name} is taken for {str(kept[name])[:300]}; it was {str(expected[name])[:300]}")


def within(said, found):
    """Whether all that a file says is found; files of before lack what came later."""
    if isinstance(said, dict) and isinstance(found, dict):
        return said.keys() <= found.keys() and all(within(part, found[name]) for name, part in said.items())
    if isinstance(said, list) and isinstance(found, list):
        return len(said) == len(found) and all(map(within, said, found))
    return bool(said == found)
