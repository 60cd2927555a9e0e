"""Points cards: as a rulebook they score every lead the same; what whole points cost, and what cards say."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

import leadscore as ls
from leadscore.errors import ArgumentError
from leadscore.learn.card.binning import Bins
from leadscore.learn.card.classifier import LeadClassifier
from leadscore.learn.card.merging import Merger
from leadscore.learn.rows.snapshots import Activity, Attribute, Kinds, snapshots
from leadscore.stats.logistic import Dense, fit_logistic

FEW = settings(max_examples=settings.default.max_examples // 3)
QUICK = {"guards": None, "bins": "tree", "encoding": "onehot", "C": 1.0}


def leads(n=3000, seed=0):
    """Visits, size and seniority count; a tenth of them is missing."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "visits": rng.poisson(3, n).astype(float),
            "size": np.round(rng.lognormal(4, 2, n), 1),
            "seniority": rng.choice(["VP", "Manager", "Intern", "Select"], n).astype(object),
            "consent": rng.random(n) < 0.5,
        }
    )
    score = 0.4 * frame["visits"] + 0.3 * np.log1p(frame["size"]) + 1.0 * (frame["seniority"] == "VP") - 4
    y = rng.random(n) < 1 / (1 + np.exp(-score))
    frame.loc[rng.random(n) < 0.1, "visits"] = np.nan
    frame.loc[rng.random(n) < 0.1, "seniority"] = None
    return frame, y.to_numpy()


def learned(frame, y, **options):
    return LeadClassifier(**QUICK | options).fit(frame, y)


MODEL = learned(*leads())
CARD = MODEL.points_card()


def by_rulebook(card, frame, **options):
    """The total of each row by the rulebook, which is written as text and read back."""
    written = card.to_rulebook(**{"name": "learned", "threshold": card.most} | options).to_yaml()
    book = ls.Rulebook.from_yaml(written)
    assert book.to_yaml() == written
    table = frame.reset_index(drop=True).assign(lead_id=[f"L{place}" for place in range(len(frame))])
    return ls.score(ls.load_tables(table, rulebook=book), book, as_of="2026-03-31").frame["total"].to_numpy()


# ----------------------------------------------------------------------------------------------- as a rulebook, exactly

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


# -------------------------------------------------------------------------------------------------------------- scales


@pytest.mark.parametrize("span", [1, 3, 10, 37, 100, 1000])
@pytest.mark.parametrize("rows", [None, 6, 20])
def test_totals_span_what_is_asked(span, rows):
    card = MODEL.points_card(span=span, max_points_rows=rows)
    assert card.points.dtype.kind == "i"
    assert card.least == card.base == 0
    assert 0.6 * span <= card.most <= span
    assert card.slope > 0


def test_many_features_do_not_round_past_the_span():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({f"x{place}": rng.integers(0, 2, 2000) for place in range(25)})
    y = rng.random(2000) < 1 / (1 + np.exp(4 - 0.3 * frame.sum(axis=1)))
    for span in (10, 40, 100):
        assert learned(frame, y.to_numpy()).points_card(span=span).most <= span


@pytest.mark.parametrize("pdo", [5, 20, 33.3, 100])
def test_points_to_double_the_odds(pdo):
    card = MODEL.points_card(pdo=pdo)
    assert card.points_to_double == pytest.approx(pdo)
    odds = [chance / (1 - chance) for chance in card.chance([60, 60 + pdo])]
    assert odds[1] / odds[0] == pytest.approx(2)
    # A total of 100 has even odds, but for the rounding of the base points.
    assert card.even_at == pytest.approx(100, abs=0.5)
    frame, y = leads()
    assert card.predict_proba(frame)[:, 1].mean() == pytest.approx(y.mean(), abs=0.005)


def test_points_that_are_all_zero_are_refused():
    with pytest.raises(ArgumentError, match=r"(?s)pdo.*rounds to 0"):
        MODEL.points_card(pdo=0.05)


@pytest.mark.parametrize(
    ("scale", "message"),
    [
        ({"span": 0}, "span.*whole number, 1 or more"),
        ({"span": 99.5}, "span.*whole"),
        ({"span": True}, "span"),
        ({"span": "100"}, "span"),
        ({"pdo": 0}, "pdo.*more than 0"),
        ({"pdo": -20}, "pdo"),
        ({"pdo": np.inf}, "pdo"),
        ({"pdo": np.nan}, "pdo"),
        ({"max_points_rows": 1}, "max_points_rows.*2 or more"),
        ({"max_points_rows": 7.5}, "max_points_rows.*whole"),
        ({"span": 100, "pdo": 20}, "pdo.*another scale"),
    ],
)
def test_scales_that_mean_nothing_are_refused(scale, message):
    with pytest.raises(ArgumentError, match=f"(?s){message}"):
        MODEL.points_card(**scale)


@pytest.mark.parametrize("direction", ["increasing", "decreasing"])
@pytest.mark.parametrize("scale", [{"span": 12}, {"span": 100}, {"pdo": 7}, {"max_points_rows": 9}])
def test_directions_hold_on_the_card(direction, scale):
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({name: rng.normal(size=1500) for name in "uvwx"})
    y = rng.random(1500) < 1 / (1 + np.exp(1 - frame["u"] - np.sin(3 * frame["v"]) - 0.1 * frame["w"]))
    card = learned(frame, y.to_numpy(), monotone=dict.fromkeys("uvw", direction)).points_card(**scale)
    sign = 1 if direction == "increasing" else -1
    for feature, rows in card.frame[card.frame["feature"] != "x"].groupby("feature"):
        assert (sign * np.diff(rows["points"]) >= 0).all(), feature


# ------------------------------------------------------------------------------------------------- what rounding costs


def log_loss(logits, y):
    return np.mean(np.logaddexp(0, logits) - y * logits)


def logits_of(card, frame):
    return card.intercept + card.slope * card.score(frame)["total"].to_numpy(float)


@pytest.mark.parametrize("scale", [{}, {"span": 20}, {"span": 8}, {"pdo": 5}, {"max_points_rows": 8, "span": 15}])
def test_what_whole_points_cost_is_what_they_cost(scale):
    frame, y = leads()
    fine = MODEL.points_card(span=100_000, max_points_rows=scale.get("max_points_rows"))
    card = MODEL.points_card(**scale)
    cost = log_loss(logits_of(card, frame), y) - log_loss(logits_of(fine, frame), y)
    assert card.log_loss_lost >= 0
    assert card.log_loss_lost == pytest.approx(cost, rel=0.35, abs=2e-4)
    assert fine.log_loss_lost < 1e-7


def test_a_hundred_points_lose_nothing_measurable():
    frame, y = leads()
    lost = log_loss(logits_of(CARD, frame), y) - log_loss(MODEL.decision_function(frame), y)
    assert abs(lost) < 2e-4
    assert CARD.log_loss_lost < 1e-4


def test_refined_points_are_better_than_rounded_ones_and_the_link_is_that_of_a_refit():
    frame, y = leads()
    card = MODEL.points_card(span=12)
    total = card.score(frame)["total"].to_numpy(float)
    refit = fit_logistic(Dense(total[:, None]), y)
    assert card.slope == pytest.approx(refit.coefficients[0], rel=0.05)
    assert log_loss(logits_of(card, frame), y) == pytest.approx(refit.log_loss / len(y), abs=2e-4)
    starts = np.cumsum([bins.size for bins in MODEL.model_.features])[:-1]
    ranges = [np.ptp(own) for own in np.split(MODEL.model_.coefficients, starts)]
    plain = sum(
        np.rint((own - own.min()) * 12 / sum(ranges))[bins.codes(column)]
        for bins, own, column in zip(
            MODEL.model_.features, np.split(MODEL.model_.coefficients, starts), columns(frame), strict=True
        )
    )
    assert refit.log_loss <= fit_logistic(Dense(plain[:, None]), y).log_loss + 1e-6


def columns(frame):
    from leadscore.learn.card.binning import read_columns  # noqa: PLC0415 - of this test only

    read = read_columns(frame)
    return [read[bins.column] for bins in MODEL.model_.features]


@pytest.mark.parametrize("rows", [2, 3, 5, 8, 12, 16, 20, 40, 100])
def test_a_budget_of_rows_is_kept_and_costs_little(rows):
    frame, y = leads()
    card = MODEL.points_card(max_points_rows=rows)
    assert 2 <= len(card.frame) <= rows
    logits = logits_of(card, frame)
    # As good as the same rows fitted anew.
    written = card.score(frame).drop(columns="total")
    refit = fit_logistic(Dense(pd.get_dummies(written.astype(str)).to_numpy(float)), y, penalty=1e-3)
    assert log_loss(logits, y) <= refit.log_loss / len(y) + 0.002
    if rows >= 16:
        assert log_loss(logits, y) < log_loss(MODEL.decision_function(frame), y) + 0.004


def test_no_level_joins_rare_and_unseen_values_while_there_are_others():
    rng = np.random.default_rng(0)
    page = np.append(rng.choice(["a", "b", "c"], 900), [f"rare {place}" for place in range(200)])
    y = rng.random(1100) < pd.Series(page).map({"a": 0.2, "b": 0.4, "c": 0.8}).fillna(0.2)
    card = learned(pd.DataFrame({"page": page}), y.to_numpy()).points_card(max_points_rows=3)
    assert card.frame.set_index("bin")["n"].to_dict() == {
        "c": (page == "c").sum(),
        "a, b": np.isin(page, ["a", "b"]).sum(),
        "other": 200,
    }


def test_more_rows_are_never_worse():
    frame, y = leads()
    losses = [log_loss(logits_of(MODEL.points_card(max_points_rows=rows), frame), y) for rows in range(2, 24, 3)]
    assert (np.diff(losses) < 1e-3).all()


# ------------------------------------------------------------------------------------------------------ what it says


@pytest.mark.parametrize("scale", [{}, {"max_points_rows": 10}, {"pdo": 20}])
def test_the_frame_is_the_leads_bin_by_bin(scale):
    frame, y = leads()
    card = MODEL.points_card(**scale)
    found, scored = card.frame, card.score(frame)
    assert (found.groupby("feature")["n"].sum() == len(frame)).all()
    assert (found.groupby("feature")["reached"].sum() == y.sum()).all()
    assert (found["rate"] == found["reached"] / found["n"]).all()
    assert (found["rate_low"] < found["rate"]).all()
    assert (found["rate"] < found["rate_high"]).all()
    assert (found["points_low"] < found["points_high"]).all()
    inside = found["points"].between(found["points_low"] - 1, found["points_high"] + 1)
    assert inside.mean() > 0.9
    for feature, rows in found.groupby("feature"):
        by_points = rows.groupby("points")[["n", "reached"]].sum()
        wanted = pd.DataFrame({"n": 1.0, "reached": y}).groupby(scored[feature].to_numpy()).sum()
        np.testing.assert_array_equal(by_points, wanted)
    # The features that move leads most come first.
    spreads = [scored[feature].std() for feature in found["feature"].unique()]
    assert (np.diff(spreads) < 1.5).all()


def test_weighted_leads_are_counted_by_weight():
    frame, y = leads()
    weight = np.random.default_rng(0).choice([0.5, 2.0], len(y))
    card = LeadClassifier(**QUICK).fit(frame, y, weight).points_card()
    assert card.n == pytest.approx(weight.sum())
    assert card.frame.groupby("feature")["n"].sum().to_numpy() == pytest.approx(weight.sum())


@pytest.mark.parametrize("scale", [{}, {"pdo": 20}, {"max_points_rows": 9}])
@pytest.mark.parametrize("probability", [0.01, 0.1, 0.25, 0.5, 0.75, 0.9])
def test_the_threshold_is_the_least_total_that_reaches_the_chance(scale, probability):
    card = MODEL.points_card(**scale)
    if probability > card.chance(card.most):
        with pytest.raises(ArgumentError, match=r"no lead reaches.*the best lead"):
            card.threshold_at(probability)
        return
    bar = card.threshold_at(probability)
    assert isinstance(bar, int)
    assert card.chance(bar) >= probability * (1 - 1e-9)
    assert bar == card.least or card.chance(bar - 1) < probability


@pytest.mark.parametrize("probability", [0, 1, 50, np.nan])
def test_a_chance_is_a_share(probability):
    with pytest.raises(ArgumentError, match="between 0 and 1"):
        CARD.threshold_at(probability)


def test_no_lead_reaches_more_than_the_most():
    with pytest.raises(ArgumentError, match="the best lead, with 100 points"):
        CARD.threshold_at(0.9999)


def test_explanations_name_what_was_never_seen():
    told = CARD.explain({"visits": 3, "size": 20, "seniority": "Astronaut", "consent": None})
    notes = told.frame.set_index("feature")["note"]
    assert "mean" in notes["seniority"]
    assert "mean" in notes["consent"]
    assert notes["visits"] == ""
    assert "no lead was like this" in repr(told)
    assert repr(told).startswith(f"{told.total} points, a chance of {told.chance:.1%}.")
    rng = np.random.default_rng(0)
    page = np.append(rng.choice(["a", "b"], 900), [f"rare {place}" for place in range(100)])
    card = learned(pd.DataFrame({"page": page}), rng.random(1000) < np.where(page == "a", 0.6, 0.2)).points_card()
    assert "rare or never seen" in card.explain({"page": "new"}).frame["note"].iloc[0]
    with pytest.raises(ArgumentError, match=r"lacks columns of the card: .*size"):
        CARD.explain({"visits": 3})


def test_columns_are_found_by_name_and_arrays_by_place():
    frame, _ = leads()
    wanted = CARD.score(frame)["total"]
    pd.testing.assert_series_equal(CARD.score(frame[list(frame)[::-1]].assign(more=1))["total"], wanted)
    np.testing.assert_array_equal(CARD.score(frame.to_numpy())["total"], wanted)
    pl = pytest.importorskip("polars")
    for table in (pl.from_pandas(frame[list(frame)[::-1]]), pl.from_pandas(frame.assign(more=1)).to_arrow()):
        np.testing.assert_array_equal(CARD.score(table)["total"], wanted)
        np.testing.assert_array_equal(CARD.predict_proba(table), CARD.predict_proba(frame))
    with pytest.raises(ArgumentError, match="lacks columns of the card: 'size'"):
        CARD.score(frame.drop(columns="size"))
    with pytest.raises(ArgumentError, match="lacks columns of the card: 'size'"):
        CARD.score(pl.from_pandas(frame.drop(columns="size")))
    with pytest.raises(ArgumentError, match=r"(?s)size.*no plain number"):
        CARD.score(frame.assign(size="big"))


def test_a_card_as_text():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"page": rng.choice(["a page that is called by a name of more than sixty letters", "b", "c"], 900)}
    )
    y = rng.random(900) < np.where(frame.iloc[:, 0] == "c", 0.6, 0.2)
    card = learned(frame, y).points_card()
    lines = repr(card).splitlines()
    assert lines[0].startswith(
        "Totals from 0 to 100 points in 3 rows of 1 feature, learned from 900 leads; the odds are even at "
    )
    assert lines[3].split() == [
        "feature",
        "bin",
        *("points", "(low", "to", "high)"),
        "n",
        "reached",
        *("rate", "(low", "to", "high)"),
    ]
    row = card.frame.set_index("bin").loc["c"]
    assert (
        f"{row['points']} ({row['points_low']:.0f} to {row['points_high']:.0f})"
        in lines[4 + list(card.frame["bin"]).index("c")]
    )
    assert max(map(len, lines)) < 140
    assert "points to begin with" not in repr(card)
    assert "Every lead has" in repr(MODEL.points_card(pdo=20))
    assert set(card.to_dict()["frame"][0]) == set(card.frame)


def test_a_card_has_its_picture():
    plt = pytest.importorskip("matplotlib.pyplot")
    _, ax = plt.subplots()
    assert CARD.plot(ax=ax) is ax
    plt.close("all")


@pytest.mark.parametrize("rows", [4, 8, 12, 20])
def test_fewer_rows_reach_less_far_and_the_level_moves_along(rows):
    # As many columns without a meaning as make a model of few leads reach too far.
    frame, y = leads(700)
    rng = np.random.default_rng(1)
    frame = frame.assign(**{f"noise {place}": rng.normal(size=700) for place in range(12)})
    chance = learned(frame, y).points_card(max_points_rows=rows).predict_proba(frame)[:, 1]
    assert chance.mean() == pytest.approx(y.mean(), rel=0.25)


@pytest.mark.parametrize("kind", ["level beside other", "level beside missing", "all apart"])
def test_rare_values_and_missing_ones_are_never_one_row(kind):
    heights = {"level beside other": [0.0, 0.1, 2], "level beside missing": [0, 2, 0.1], "all apart": [2, 0, 0.1]}[kind]
    bins = Bins("plan", "category", levels=(("pro",),))
    merger = Merger([bins], np.array(heights, float), np.eye(3), np.array([50.0, 60, 70]))
    merger.to_rows(2)
    features, maps = merger.result()
    assert merger.rows(0) == 2
    assert features[0].levels == ()
    assert maps[0].tolist() == [0, 0, 1]
    merger.to_rows(1)
    assert merger.result() == ([], [pytest.approx(np.zeros(0))])
