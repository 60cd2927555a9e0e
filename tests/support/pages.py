"""A made-up review page with every section and picture, and random pages with any texts and figures."""

import json
import math
from pathlib import Path

from hypothesis import strategies as st

from leadscore.errors import visible
from leadscore.present import page as parts
from leadscore.present.page import CLEAR, COUNTED, NOT_CLEAR, TOO_FEW, MainPoint, Page, PageSection, Table, ToDecide

# As `Page.to_dict` has it; the figures are those of 465 MQLs in the design.
FULL = json.loads(Path(__file__).with_name("full_page.json").read_text(encoding="utf-8"))

# What programs read; all other texts are for people. A currency stands only beside amounts.
FOR_PROGRAMS = {"id", "section", "verdict", "kind", "unit", "currency"}


def texts_of(data):
    """All texts for people."""
    if isinstance(data, str):
        yield data
    for key, value in data.items() if isinstance(data, dict) else enumerate(data if isinstance(data, list) else ()):
        if key not in FOR_PROGRAMS:
            yield from texts_of(value)


def with_texts(data, change):
    """The same page with other texts for people."""
    if isinstance(data, dict):
        return {key: value if key in FOR_PROGRAMS else with_texts(value, change) for key, value in data.items()}
    if isinstance(data, list):
        return [with_texts(value, change) for value in data]
    return change(data) if isinstance(data, str) else data


def as_read(text):
    return " ".join(visible(text).split())


def harmless(page):
    return with_texts(page, lambda text: "x" * len(as_read(text)))


_shares = st.floats(0, 1)
_some = st.none() | _shares
_amounts = st.floats(0, 1e9)
_few = {"max_size": 3}


def _tuples(strategy, **sizes):
    return st.lists(strategy, **{**_few, **sizes}).map(tuple)


def _week_bars(title, caption, labels, values, beside, *, compared, **more):
    return parts.WeekBars(title, caption, labels, values, beside=beside if compared else (), **more)


def _week_columns(kind, texts, *columns, **more):
    """A picture of weeks: as many of each as there are weeks."""

    def built(count):
        lists = [st.lists(column, min_size=count, max_size=count).map(tuple) for column in (texts, *columns)]
        return st.builds(kind, texts, texts, *lists, **more)

    return st.integers(0, 14).flatmap(built)


def _curves(texts):
    ends = st.lists(st.tuples(st.floats(0, 1e5), _shares), max_size=40).map(
        lambda rows: zip(*sorted(rows), strict=True)
    )
    return st.builds(lambda label, ends: parts.Curve(label, *([*ends] or [(), ()])), texts, ends)


def _dots(texts, unit):
    values = {"share": _shares, "points": st.floats(-1, 1), "times": st.floats(0, 1e3)}.get(unit, st.floats(-1e9, 1e9))
    dot = st.builds(parts.Dot, texts, *3 * [values | st.just(math.nan)], st.booleans())
    return st.builds(parts.Dots, texts, texts, _tuples(dot), st.just(unit), st.none() | values, texts)


def _pictures(texts):
    dots = st.sampled_from(["count", "share", "points", "times", "money"]).flatmap(lambda unit: _dots(texts, unit))
    bars = st.builds(parts.Share, texts, _shares, _shares, _shares, _some, _some)
    days = _tuples(st.floats(0, 3000), max_size=40)
    ages = st.builds(parts.Ages, texts, days, *2 * [st.integers(0, 10**6)], *2 * [st.none() | st.floats(0, 5000)])
    return st.one_of(
        _week_columns(
            _week_bars,
            texts,
            *2 * [st.integers(0, 10**5)],
            compared=st.booleans(),
            highlighted=st.integers(0, 5),
            promise=st.none() | _amounts,
        ),
        dots,
        st.builds(parts.Steps, texts, texts, _tuples(_curves(texts), max_size=2), st.none() | st.floats(0, 1e5)),
        st.builds(parts.ShareBars, texts, texts, _tuples(bars)),
        _week_columns(parts.WeekShares, texts, *3 * [_some], limit=_some),
        st.builds(parts.Ranges, texts, texts, _tuples(st.builds(parts.Range, texts, *4 * [_amounts])), texts),
        st.builds(parts.Ageing, texts, texts, _tuples(ages)),
    )


def _tables(texts):
    def built(width):
        row = st.lists(texts, min_size=width, max_size=width).map(tuple)
        return st.builds(
            Table, texts, row, _tuples(row), _tuples(st.integers(0, width - 1)), _tuples(texts), st.booleans()
        )

    return st.integers(1, 4).flatmap(built)


def pages(texts):
    """Pages of any structure and figures, with these texts wherever a page has a text."""
    verdicts = st.sampled_from([COUNTED, CLEAR, NOT_CLEAR, TOO_FEW, None])
    ids = st.sampled_from(["accepted", "promises", "titles", "content"])
    section = st.builds(
        PageSection,
        ids,
        texts,
        texts,
        verdicts,
        _tuples(texts),
        st.none() | _pictures(texts),
        _tuples(_tables(texts), max_size=2),
    )
    return st.builds(
        Page, texts, _tuples(texts, min_size=1), _tuples(st.builds(MainPoint, ids, texts, verdicts)), texts,
        st.lists(section, **_few, unique_by=lambda one: one.id).map(tuple),
        _tuples(st.builds(ToDecide, texts, texts, _tuples(texts))), _tuples(texts), _tuples(texts),
    )  # fmt: skip
