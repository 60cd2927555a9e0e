"""Rows that say who a lead is: a column of the lead record, and what it holds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from unicodedata import normalize

from leadscore.base.text import normalise, worded
from leadscore.start.sheet.amounts import Band, Unclear, tidy
from leadscore.start.sheet.rows import Row
from leadscore.start.sheet.words import FIELD, NO, OTHER, YES

_BE = r"(?:is |are |ist |sind )?"
_KNOWN = (
    rf"{_BE}(?:known|provided|given|filled(?: in| out)?|not (?:empty|blank|null)|present|bekannt|vorhanden|ausgefüllt)|"
    r"any(?: value)?|exists|has (?:a )?value|\*"
)
_UNKNOWN = (
    rf"{_BE}(?:unknown|blank|empty|missing|null|unbekannt|leer|not (?:known|provided|given|filled(?: in| out)?))|fehlt"
)
# How a value is tested; "!" before a test turns it round.
_TESTS = {
    "!contains": r"(?:does not|doesn't|not) (?:contain|include)s?|enthält nicht",
    "contains": r"(?:title |name |text )?(?:contains?|includ(?:es?|ing)|enthält)(?: any of| one of)?:?",
    "starts_with": r"(?:starts?|begins?) with|beginnt mit",
    "ends_with": r"ends? with|endet (?:mit|auf)",
    "!in": (
        rf"{_BE}(?:not|nicht)(?: one of| any of| in| equal to)?|(?:isn't|does not equal|none of|other than|except|"
        r"excluding|außer)|!=|<>|≠"
    ),
    "in": rf"{_BE}(?:one of|any of|equals?(?: to)?|in|gleich)|is|are|ist|sind|==?",
}
_TEST = {
    test: re.compile(rf"(?:{words})(?:(?<=\W)|(?!\w)) ?(?P<rest>.+)", re.IGNORECASE) for test, words in _TESTS.items()
}
_COMPARES = (
    r"[<>≥≤]|at least\b|at most\b|more than\b|less than\b|between\b|mindestens\b|höchstens\b|mehr als\b|weniger als\b"
)
# A name and a test in one cell: "Job title: VP", "Country is US", "Company size > 500".
_NAMED = re.compile(
    rf"(?P<name>[^:=<>≥≤≠!]{{2,60}}?) ?(?::|(?=[=<>≥≤≠!])|(?<= )(?={_COMPARES}|(?:{'|'.join(_TESTS.values())})\W"
    rf"|(?:{_KNOWN}|{_UNKNOWN})$)) ?(?P<rest>.+)",
    re.IGNORECASE,
)
# "Company size 1-50", "Industry - healthcare".
_NUMBERED = re.compile(r"(?P<name>[^0-9$€£]{2,60}?) (?P<rest>[$€£]?[0-9].*)")
_DASHED = re.compile(r"(?P<name>[^0-9]{2,60}?) [-\u2013\u2014] (?P<rest>.+)")
_DOMAINS = re.compile(
    r"(?:free|personal|generic|public|private|consumer|competitors?'?|freemail)\b.*\b(?:e-?mails?|domains?)\b.*"
    r"\((?P<rest>.+)\)",
    re.IGNORECASE,
)
_LABELLED = re.compile(r"(?P<label>[^\W\d]\S*(?: [^\W\d]\S*)?) (?P<band>[$€£<>]? ?[0-9][^()]*)")
_TURNED = re.compile(
    r"\b(?:not?|except|outside|without|excluding|other|than|over|under|above|below|more|less|fewer|before|after|since|"
    r"until|between|from|to|up|at|least|most|min\w*|max\w*|greater|larger|in|ab|bis|unter|über|mehr|weniger|als|von|"
    r"zwischen|nicht)\b",
    re.IGNORECASE,
)
TITLE = re.compile(r"(?:^|_)(?:title|titel|position|headline)")
_COUNTRY = re.compile("countr|land")
_PLACE = re.compile("countr|land|state|region|location")
_EMAIL = re.compile(r"e_?mail(?:_address|_adresse)?")
_SCALE = re.compile(r"\b(?:in |[$€£] ?)?(?:k|m|mm|mio|millions?|thousands?|tsd|bn?|mrd)\b|%", re.IGNORECASE)
# Excel makes dates of ranges: 1-10 becomes 10-Jan.
_DATE = re.compile(
    r"[0-9]{1,4}[-./ ](?:[0-9]{1,2}[-./ ][0-9]{1,4}|(?:jan|feb|m[aä]r|apr|ma[iy]|jun|jul|aug|sep|o[ck]t|nov|de[cz])\w*)"
    r"|(?:jan|feb|m[aä]r|apr|ma[iy]|jun|jul|aug|sep|o[ck]t|nov|de[cz])\w*[-. ][0-9]{2,4}",
    re.IGNORECASE,
)
_OPEN_LIST = re.compile(
    r"\b(?:etc|e\.g|z\.b|i\.e|such as|like|similar|target\w*|icp|ideal|our|relevant|appropriate|suitable|"
    r"(?:in)?valid|usw|unsere?)\b|\.\.\.|…",
    re.IGNORECASE,
)
_REGIONS = re.compile(
    r"emea|apac|latam|dach|eu|europe|europa|nordics|benelux|anz|mena|asia|africa|row|global|worldwide|international|"
    r"(?:north|south) america|middle east|rest of (?:the )?world|asia pacific",
    re.IGNORECASE,
)
_QUOTES = "\"'\u201c\u201d\u2018\u2019\u00ab\u00bb"
_QUOTED = re.compile(rf"(?<!\w)[{_QUOTES}]([^{_QUOTES}]+)[{_QUOTES}](?!\w)")
# What no value holds: signs and words of a test that was not understood.
_STRANGE = re.compile(
    r"[<>=≥≤%*?^~(){}\[\]\\:]|[0-9] ?- ?[0-9]|\b[a-z]-[a-z]\b|[0-9] ?\+|^[-+]|\+$|"
    r"\b(?:and|or) (?:above|below|up|higher|lower|more|less)\b",
    re.IGNORECASE,
)
_CLAUSE = re.compile(
    r"(?:.* )?(?:if|when|unless|not|but|has|have|is|are|who)(?: .*|$)|"
    r"(?:no|all|any|with|more|less|over|under|after|before|since|within|near|uses?|using) ",
    re.IGNORECASE,
)
_WORDS_OF_A_VALUE = 6
OTHERS: dict[str, Any] = {"other": True}


@dataclass(frozen=True)
class Fact:
    """What a row says of one column.

    Attributes
    ----------
    kind : str
        number, text, boolean; "bare" for a number alone, which suits text too; empty if any column would do.
    test : dict
        The test of the column as a rulebook has it; `OTHERS` for what no other row of the column names.
    note : str
        What a reader should know of it.
    """

    row: Row
    name: str
    column: str
    kind: str
    test: dict[str, Any]
    band: Band | None = None
    inverted: bool = False
    note: str = ""

    @property
    def values(self) -> list[str]:
        """What no other row may ask for too: its values or words as they are compared, else all that it asks."""
        listed = [normalise(value) for key in ("in", "has_word") for value in self.test.get(key, ())]
        return listed if listed and not self.inverted else [str(self.test)]

    def condition(self) -> dict[str, Any]:
        """The condition as a rulebook has it."""
        if "not" in self.test:
            return self.test
        test = next(iter(self.test.values())) if list(self.test) in (["in"], ["is"]) else self.test
        return {"not": {self.column: test}} if self.inverted else {self.column: test}


def slug(text: str) -> str:
    """Words of a text as the name of a column or an event: "Job Title" is job_title."""
    return "_".join(worded(normalize("NFKC", text).lower()).split())


def read_fact(row: Row, decimal: str) -> Fact:
    """What a row says of a lead.

    Raises
    ------
    Unclear
        If it names no column, or what it holds could mean several things.
    """
    name, criteria = _name_and_criteria(row, decimal)
    inside = " ".join(re.findall(r"\(([^)]*)\)", name))
    column = slug(re.sub(r"\([^)]*\)", " ", name))
    if not column or column in {"any", "all", "not", "did"} or len(column) > 60:
        raise Unclear(f"{name!r} does not name a column of the lead record")
    if inside and any(pattern.match(f"{inside} x") for pattern in _TEST.values()):
        criteria = f"{inside} {criteria}"
    kind, test, band, inverted = _test(column, criteria, decimal)
    if kind == "number" and _SCALE.search(re.sub(r"[(_)]", " ", name)):
        raise Unclear(f"{name!r} does not say in which unit the column is: write whole numbers")
    return Fact(row, name, column, kind, test, band, inverted)


def _name_and_criteria(row: Row, decimal: str) -> tuple[str, str]:
    if row.attribute and row.criteria:
        return row.attribute, row.criteria
    text = " ".join((row.attribute or row.criteria or row.category).split())
    if found := _DOMAINS.fullmatch(text):
        return "email domain", found["rest"]
    if (found := _NAMED.fullmatch(text)) and not text.startswith("("):
        return found["name"], found["rest"]
    if (found := _DASHED.fullmatch(text)) and FIELD.search(found["name"]):
        return found["name"], found["rest"]
    if (found := _NUMBERED.fullmatch(text)) and FIELD.search(found["name"]) and Band.read(found["rest"], decimal):
        return found["name"], found["rest"]
    if row.criteria and FIELD.search(row.category):
        return row.category, row.criteria
    if "domain" in text.lower():
        raise Unclear("which domains? Write them behind it in brackets: (gmail.com, yahoo.com)")
    raise Unclear(f"which column holds it? Write both, as 'Job title' and {text!r}")


def _test(column: str, text: str, decimal: str) -> tuple[str, dict[str, Any], Band | None, bool]:
    """The kind, the test, the band of a number, and whether the test is turned round."""
    written = " ".join(re.sub(r"\s*[\r\n]+\s*", "; ", text.strip()).split())
    if _DATE.fullmatch(written):
        raise Unclear(f"{written!r} is a date, or a range such as 1-10 that a spreadsheet took for a date")
    for pattern, kind, test in (
        (_KNOWN, "", {"known": True}),
        (_UNKNOWN, "", {"known": False}),
        (OTHER, "", OTHERS),
        (YES, "boolean", {"is": True}),
        (NO, "boolean", {"is": False}),
    ):
        # NO is Norway.
        elsewhere = kind == "boolean" and _PLACE.search(column)
        if re.fullmatch(rf"(?:{_BE}|=+ ?)(?:{pattern})", written, re.IGNORECASE) and not elsewhere:
            return kind, test, None, False
    if band := _band(written, decimal):
        if re.fullmatch("[0-9]+", written):
            return "bare", {"in": [written]}, band, False
        return "number", band.test(), band, False
    return _text(column, written)


def _band(text: str, decimal: str) -> Band | None:
    """The band of a text, or of what stands behind a label: "Enterprise (1000+)", "Mid-Market 51-500"."""
    if (found := _LABELLED.fullmatch(text)) and not _TURNED.search(found["label"]):
        band = Band.read(found["band"], decimal)
        return band if band and not band.exact else None
    found = re.fullmatch(r"([^()]+?) ?\(([^()]+)\)", text)
    outer, inner = (Band.read(part, decimal) for part in found.groups()) if found else (Band.read(text, decimal), None)
    inner = inner if inner and not inner.exact else None
    if outer and inner:
        raise Unclear(f"{text!r} holds two ranges")
    return outer or inner


def _text(column: str, text: str) -> tuple[str, dict[str, Any], None, bool]:
    test, rest = next(
        ((test, found["rest"]) for test, pattern in _TEST.items() if (found := pattern.fullmatch(text))), ("", text)
    )
    values = _values(rest, whole=test in {"contains", "!contains", "starts_with", "ends_with"})
    if _COUNTRY.search(column) and (region := [value for value in values if _REGIONS.fullmatch(value)]):
        raise Unclear(f"{region[0]!r} is no country: write the countries")
    if len(values) > 1 and all(re.fullmatch(f"{YES}|{NO}", value, re.IGNORECASE) for value in values):
        raise Unclear(f"{text!r}: which of them?")
    inverted, test = test.startswith("!"), test.removeprefix("!") or "in"
    if test == "in" and TITLE.search(column):
        # A title holds more words than the one looked for: "VP of Sales".
        test = "has_word"
    if test == "in" and (_EMAIL.fullmatch(column) or "domain" in column):
        return _domains(column, values, inverted=inverted)
    if test == "contains" and all(len(value) <= 3 for value in values):
        # "cto" is in "director".
        test = "has_word"
    if test == "in" and inverted:
        test, inverted = "not_in", False
    return "text", {test: values}, None, inverted


def _domains(column: str, values: list[str], *, inverted: bool) -> tuple[str, dict[str, Any], None, bool]:
    """Domains, in a column of them or at the end of addresses."""
    if odd := [value for value in values if not re.fullmatch(r"@?[\w-]+(?:\.[\w-]+)+", value)]:
        raise Unclear(f"{odd[0]!r} is not a domain: write them, as gmail.com, yahoo.com")
    domains = [value.lstrip("@") for value in values]
    if _EMAIL.fullmatch(column):
        return "text", {"ends_with": [f"@{domain}" for domain in domains]}, None, inverted
    return "text", {"not_in" if inverted else "in": domains}, None, False


def _values(text: str, *, whole: bool) -> list[str]:
    """The values that a text lists."""
    if _OPEN_LIST.search(text):
        raise Unclear(f"{text!r} leaves open which values count: write them all")
    quoted = _QUOTED.findall(text)
    found = re.fullmatch(r"([^()]+?) ?\(([^()]+)\)", text)
    if quoted and not re.sub(r"\b(?:or|oder)\b|[\s,;/]", "", _QUOTED.sub("", text)):
        values = quoted
    elif found:
        values = [*_values(found[1], whole=whole), *_values(found[2], whole=whole)]
    else:
        cut = r"[;|]" if re.search(r"[;|]", text) else r",| or | oder |/"
        values = [part.strip(f" ,{_QUOTES}") for part in re.split(cut, text, flags=re.IGNORECASE)]
        values = [re.sub(r"^(?:or|oder) ", "", value, flags=re.IGNORECASE) for value in values if value]
    for value in values:
        _check_value(value, whole=whole)
    if not values:
        raise Unclear("no value is named")
    return list(dict.fromkeys(values))


def _check_value(value: str, *, whole: bool) -> None:
    """Refuse what is no value but something else that was not understood."""
    if _DATE.fullmatch(value):
        raise Unclear(f"{value!r} is a date, or a range that a spreadsheet took for a date")
    words = tidy(value).split()
    plain = value.isprintable() and re.search(r"[^\W_]", value) and len(words) <= _WORDS_OF_A_VALUE
    if not plain or _STRANGE.search(tidy(value)) or (not whole and _CLAUSE.match(value)):
        raise Unclear(f"{value!r} is not a plain value")
