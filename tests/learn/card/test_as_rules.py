"""Points cards as rulebooks: they score every lead the same."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

import leadscore as ls
from leadscore.errors import ArgumentError
from leadscore.learn.rows.snapshots import Activity, Attribute, Kinds, snapshots
from tests.support.card_world import CARD, MODEL, learned

FEW = settings(max_examples=settings.default.max_examples // 3)


def by_rulebook(card, frame, **options):
    """The total of each row by the rulebook, which is written as text and read back."""
    written = card.to_rulebook(**{"name": "learned", "threshold": card.most} | options).to_yaml()
    book = ls.Rulebook.from_yaml(written)
    assert book.to_yaml() == written
    table = frame.reset_index(drop=True).assign(lead_id=[f"L{place}" for place in range(len(frame))])
    return ls.score(ls.load_tables(table, rulebook=book), book, as_of="2026-03-31").frame["total"].to_numpy()


NUMBERS = [
    -1e300,
    -1e9,
    -3.5,
    -1.0,
    -1e-9,
    0.0,
    1e-300,
    0.1,
    0.1 + 0.2,
    0.3,
    1.0,
    2.0,
    7.25,
    1e6,
    123456.789,
    1e22,
    1e300,
]
TEXTS = [
    *("VP", " vp "),
    *("ﬁnance", "Finance", "Straße", "STRASSE", "İstanbul", "i̇stanbul", "5", "5.0", "true", "null", "no"),
    *(
        "Select",
        "~",
        "- x",
        "# y",
        "a: b",
        "it's",
        'say "hi"',
        "{c}",
        "[d]",
        "名前",
        "a\\b",
        "e\u0301",
        "é",
        "\u200b",
        "_",
    ),
    *(
        "tab\there",
        "two\nlines",
        "x" * 200,
        "\x00",
        "",
        "  ",
        "1e3",
        "2026-03-02",
        "😀",
        "ẞ",
        "\u2028",
        "\x85",
        "\ufeffz",
    ),
]
WORDS = [
    "VP",
    "head",
    "OF",
    "data",
    "R&D",
    "co-founder",
    "Straße",
    "the",
    "\uff15",
    "5",
    "no",
    "İT",
    "e\u0301t",
    "a_b",
    "😀",
]
titles = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join)
KINDS = {
    "number": st.none() | st.sampled_from(NUMBERS) | st.floats(allow_nan=False, allow_infinity=False),
    "text": st.none() | st.sampled_from(TEXTS) | st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
    "flag": st.sampled_from([None, True, False]),
    "words": st.none() | titles,
}
NAMES = ["size", "Größe", "a: b", "42", "it's", "null", "total", "fit", "名前", "has 'x'"]


@st.composite
def frames(draw):
    """A frame to learn from, outcomes, and rows to score that are like it, and not."""
    kinds = draw(st.lists(st.sampled_from(list(KINDS)), min_size=1, max_size=4))
    names = draw(st.permutations(NAMES))[: len(kinds)]
    n, rng = draw(st.integers(60, 400)), np.random.default_rng(draw(st.integers(0, 10_000)))
    learned_from, scored = {}, {}
    for name, kind in zip(names, kinds, strict=True):
        pool = np.array([*draw(st.lists(KINDS[kind], min_size=2, max_size=15)), None], object)
        learned_from[name] = rng.choice(pool, n)
        if kind == "words":
            # Each its own text, so that they are read as words.
            learned_from[name] = [
                None if text is None else f"{text} w{place}" for place, text in enumerate(learned_from[name])
            ]
        scored[name] = np.array([*pool, *draw(st.lists(KINDS[kind], min_size=5, max_size=5))], object)
    frame = pd.DataFrame(learned_from)
    score = sum(pd.factorize(frame[name])[0] % 4 for name in frame) / len(kinds)
    y = rng.random(n) < 1 / (1 + np.exp(1.5 - score))
    y[:2] = True, False
    rows = pd.DataFrame({name: rng.choice(values, 40) for name, values in scored.items()})
    return frame.apply(typed), y, rows


def typed(column):
    return column.infer_objects() if len(column.dropna()) else column.astype(float)


CARDS = st.fixed_dictionaries(
    {}, optional={"max_points_rows": st.integers(2, 30)} | {"pdo": st.sampled_from([5.0, 20.0, 33.3])}
) | st.fixed_dictionaries(
    {"span": st.sampled_from([1, 7, 100, 1000])}, optional={"max_points_rows": st.integers(2, 30)}
)
METHODS = st.fixed_dictionaries(
    {
        "bins": st.sampled_from(["shape", "tree", "quantile"]),
        "encoding": st.sampled_from(["onehot", "woe"]),
        "max_bins": st.integers(2, 10),
    }
)


def card_of(frame, y, options, scale):
    try:
        return learned(frame, y, **options).points_card(**scale)
    except ArgumentError as error:
        # Columns that tell nothing, or too few points for what they tell.
        if "tells leads apart" in str(error) or "rounds to 0" in str(error):
            reject()
        raise


@FEW
@given(frames(), METHODS, CARDS)
def test_the_rulebook_scores_every_lead_as_the_card_does(table, options, scale):
    frame, y, rows = table
    card = card_of(frame, y, options, scale)
    for bins in card.features:
        if bins.edges:
            edges = np.array(bins.edges)
            ends = [*edges, *np.nextafter(edges, np.inf), *np.nextafter(edges, -np.inf)]
            more = pd.DataFrame({name: rows[name].iloc[[0] * len(ends)].to_numpy() for name in rows})
            rows = pd.concat([rows, more.assign(**{bins.column: ends})], ignore_index=True)
    # A column without any value was learned as numbers.
    empty = [name for name in frame if frame[name].isna().all()]
    rows = rows.assign(**dict.fromkeys(empty, np.nan)).astype(frame.dtypes)
    for leads_ in (frame, rows):
        scored = card.score(leads_)
        np.testing.assert_array_equal(by_rulebook(card, leads_), scored["total"])
        assert scored["total"].between(card.least, card.most).all()
        assert (scored.drop(columns="total").sum(axis=1) + card.base == scored["total"]).all()
    for place in range(3):
        told = card.explain(rows.iloc[place])
        assert told.base + told.frame["points"].sum() == told.total == card.score(rows)["total"].iloc[place]
        assert told.chance == card.predict_proba(rows)[place, 1]
        repr(told)
    if "pdo" not in scale:
        assert card.least == 0
        assert card.most <= scale.get("span", 100)
    if "max_points_rows" in scale:
        assert len(card.frame) <= scale["max_points_rows"]


DAY_ONE = dt.date(2026, 1, 1)


@st.composite
def worlds(draw):
    """Tables with events, and the days on which leads are looked at."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    n = 60
    ids = [f"L{place}" for place in range(n)]
    plans = np.array(["Pro", "free ", None, "Straße"], object)
    table = pd.DataFrame(
        {"lead_id": ids, "employees": rng.choice([np.nan, 1, 50, 200.5], n), "plan": rng.choice(plans, n)}
    )
    m = draw(st.integers(50, 500))
    events = pd.DataFrame(
        {
            "lead_id": rng.choice(ids[: draw(st.integers(5, n))], m),
            "event": rng.choice(["visit", "Form fill", "click: ad"], m),
            "at": [str(DAY_ONE + dt.timedelta(int(day))) for day in rng.integers(0, 60, m)],
        }
    )
    won = pd.DataFrame({"lead_id": rng.choice(ids, n // 3, replace=False), "stage": "won", "at": "2026-03-05"})
    tables = ls.load_tables(table, events, won, observed_until="2026-04-30")
    days = [
        DAY_ONE + dt.timedelta(day) for day in draw(st.lists(st.integers(20, 60), min_size=1, max_size=3, unique=True))
    ]
    windows = draw(st.lists(st.sampled_from([1, 2, 7, 30]), min_size=1, max_size=2, unique=True))
    return snapshots(tables, as_of=days, stage="won", within_days=30, windows=windows), days


@FEW
@given(worlds(), METHODS, CARDS)
def test_activity_is_scored_from_events_as_on_snapshots(world, options, scale):
    rows, days = world
    wide = rows.X[[name for name, source in rows.provenance.items() if not isinstance(source, Kinds)]]
    active = wide.filter(regex="since|events").fillna(30).sum(axis=1).rank(pct=True)
    y = np.random.default_rng(0).random(len(wide)) < active
    y.iloc[:2] = True, False
    card = card_of(wide, y.to_numpy(), options, scale)
    if card.base and not any(isinstance(rows.provenance[bins.column], Attribute) for bins in card.features):
        reject()
    book = card.to_rulebook(name="learned", threshold=card.most, provenance=rows.provenance)
    book = ls.Rulebook.from_yaml(book.to_yaml())
    totals = card.score(wide)["total"]
    for when in days:
        found = ls.score(rows.tables, book, as_of=when).frame["total"]
        wanted = totals.xs(pd.Timestamp(when), level="as_of")
        pd.testing.assert_series_equal(found.astype(np.int64), wanted, check_index_type=False, check_names=False)


def test_kinds_of_event_are_refused_by_name():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"kinds of event in 7 days": rng.poisson(2, 500), "kinds of event in 30 days": rng.poisson(4, 500)}
    )
    y = rng.random(500) < frame.sum(axis=1) / 20
    card = learned(frame, y.to_numpy()).points_card()
    made_of = {"kinds of event in 7 days": Kinds(7), "kinds of event in 30 days": Kinds(30)}
    with pytest.raises(ArgumentError, match=r"(?s)kinds of event in (7|30) days.*kinds of event in (7|30) days"):
        card.to_rulebook(name="x", threshold=10, provenance=made_of)


def test_base_points_need_a_column_of_the_leads():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"visit: events in 7 days": rng.poisson(2, 500)})
    y = (rng.random(500) < frame.iloc[:, 0] / 8).to_numpy()
    card = learned(frame, y).points_card(pdo=20)
    with pytest.raises(ArgumentError, match="base points"):
        card.to_rulebook(name="x", threshold=10, provenance={"visit: events in 7 days": Activity("visit", "events", 7)})


def test_a_column_may_have_another_name_in_the_leads():
    card = MODEL.points_card()
    book = card.to_rulebook(name="x", threshold=10, provenance={"visits": Attribute("Visits ever", "number")})
    assert "Visits ever" in book.columns
    assert "visits" not in book.columns


@pytest.mark.parametrize("scale", [{}, {"pdo": 20}, {"max_points_rows": 12}])
def test_the_rulebook_is_sound_and_reads_well(scale):
    card = MODEL.points_card(**scale)
    book = card.to_rulebook(name="learned", probability=0.5, version="2026-03", timezone="Europe/Berlin")
    assert (book.name, book.version, book.timezone) == ("learned", "2026-03", "Europe/Berlin")
    assert {finding.code for finding in book.check()} <= {"LS101", "LS110", "LS111", "LS121"}
    assert book.qualify.threshold == card.threshold_at(0.5)
    assert "visits" in {rule.name for rule in book.fit}
    assert ("Base" in {rule.name for rule in book.fit}) == ("pdo" in scale)


@pytest.mark.parametrize("bars", [{}, {"threshold": 10, "probability": 0.5}])
def test_a_rulebook_has_exactly_one_threshold(bars):
    with pytest.raises(ArgumentError, match="exactly one"):
        CARD.to_rulebook(name="x", **bars)
