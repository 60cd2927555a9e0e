"""Model files: the same model comes back to the last bit, and whatever else is refused before it is built."""

import io
import json
import pickle
import re
import zipfile
from dataclasses import replace
from hashlib import sha256

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from leadscore.errors import ArgumentError
from leadscore.learn.card import model_file
from leadscore.learn.card.classifier import LeadClassifier
from leadscore.present.markdown import escaped, visible

N = 1500
SWAPPED = ("os", "system")
GONE = object()
MARKDOWN = MarkdownIt("commonmark").enable("table")


def leads(seed=0, n=N):
    rng = np.random.default_rng(seed)
    titles = [f"{a} {b}" for a in ("vp", "head", "junior", "senior") for b in ("sales", "marketing", "it")]
    frame = pd.DataFrame(
        {
            "visits": rng.poisson(3, n),
            "revenue": np.where(rng.random(n) < 0.3, np.nan, rng.lognormal(3, 2, n)),
            "country": rng.choice(["US", "DE", "Select", None], n),
            "newsletter": rng.random(n) < 0.5,
            "title": [f"{rng.choice(titles)} {place}" for place in range(n)],
        },
        index=pd.Index([f"lead-{place:05}" for place in range(n)], name="lead_id"),
    )
    chance = 1 / (1 + np.exp(1.5 - 0.4 * frame["visits"] - (frame["country"] == "US")))
    return frame, pd.Series(rng.random(n) < chance, frame.index)


FRAME, OUTCOME = leads()
DATES = pd.Series(pd.date_range("2025-01-01", periods=N, freq="4h").normalize(), FRAME.index)


def fitted(frame=FRAME, outcome=OUTCOME, *, guards=None, dates=None, weight=None, groups=None, **parameters):
    model = LeadClassifier(guards=guards, **({"C": 0.3, "bins": "tree", "encoding": "onehot"} | parameters))
    return model.fit(frame, outcome, weight, dates=dates, groups=groups)


MODEL = fitted(dates=DATES)


@pytest.fixture(scope="module")
def folder_of_models(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def data(folder_of_models):
    """The bytes of a model file."""
    MODEL.save(folder_of_models / "first.skops")
    return (folder_of_models / "first.skops").read_bytes()


def written(data, path):
    path.write_bytes(data)
    return path


def unpacked(data):
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        return {name: file.read(name) for name in file.namelist()}


def packed(members, compression=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


def with_schema(data, change):
    members = unpacked(data)
    schema = json.loads(members["schema.json"])
    change(schema)
    return packed(members | {"schema.json": json.dumps(schema)})


def held_in(data):
    return skops.io.loads(data)


def with_about(data, path, value):
    """The file with one thing said differently; GONE removes it."""
    held = held_in(data)
    about = json.loads(held["about"])
    part = about
    for name in path[:-1]:
        part = part[name]
    if value is GONE:
        del part[path[-1]]
    else:
        part[path[-1]] = value
    return skops.io.dumps(held | {"about": json.dumps(about)})


def refused(path):
    with pytest.raises(ArgumentError) as caught:
        LeadClassifier.load(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


# --------------------------------------------------------------------------------------------------------- the same


def assert_same(model, other, frame):
    assert vars(other).keys() == vars(model).keys()
    assert other.get_params() == model.get_params()
    for name in ("coefficients", "curvature", "covariance", "mass", "events"):
        assert getattr(other.model_, name).tobytes() == getattr(model.model_, name).tobytes(), name
    assert other.draws_.tobytes() == model.draws_.tobytes()
    assert (other.model_.features, other.model_.intercept, other.model_.log_loss) == (
        model.model_.features,
        model.model_.intercept,
        model.model_.log_loss,
    )
    for name in ("kinds_", "guards_", "n_rows_", "n_unknown_", "trained_until_", "n_features_in_"):
        assert getattr(other, name) == getattr(model, name), name
    assert list(other.kinds_) == list(model.kinds_)
    pd.testing.assert_frame_equal(other.chosen_, model.chosen_)
    assert other.classes_.dtype == model.classes_.dtype
    assert other.predict_proba(frame).tobytes() == model.predict_proba(frame).tobytes()
    assert other.predict(frame).tolist() == model.predict(frame).tolist()
    pd.testing.assert_frame_equal(other.interval(), model.interval())
    assert repr(other.points_card(max_points_rows=12)) == repr(model.points_card(max_points_rows=12))


CASES = {
    "booleans": lambda: (fitted(), FRAME),
    "dates": lambda: (MODEL, FRAME),
    "all chosen": lambda: (fitted(dates=DATES, C=None, bins="auto", encoding="auto"), FRAME),
    "whole numbers": lambda: (fitted(outcome=OUTCOME.astype(int)), FRAME),
    "fractions": lambda: (fitted(outcome=OUTCOME.astype(np.float32) * 2), FRAME),
    "texts": lambda: (fitted(outcome=OUTCOME.map({True: "won, | at last", False: "lost"})), FRAME),
    "unknown outcomes": lambda: (fitted(outcome=OUTCOME.astype(object).where(np.arange(N) > 99, None)), FRAME),
    "weights": lambda: (fitted(weight=np.arange(N) % 3 + 0.5), FRAME),
    "groups": lambda: (fitted(groups=np.arange(N) // 2), FRAME),
    "parameters of numpy": lambda: (
        fitted(C=np.float64(0.2), max_bins=np.int64(4), monotone={"visits": "increasing"}),
        FRAME,
    ),
    "an array": lambda: (fitted(FRAME[["visits", "revenue"]].to_numpy()), FRAME[["visits", "revenue"]].to_numpy()),
    "columns named by numbers": lambda: (
        fitted(FRAME.set_axis(range(5), axis=1), guards="drop"),
        FRAME.set_axis(range(5), axis=1),
    ),
    "guards drop": lambda: (fitted(FRAME.assign(leak=OUTCOME.astype(str)), guards="drop", dates=DATES), None),
    "recalibrated": lambda: (MODEL.recalibrate(FRAME[:300], OUTCOME[:300]), FRAME),
}


@pytest.mark.filterwarnings("ignore:LS3")
@pytest.mark.parametrize("case", CASES)
def test_the_same_model_comes_back(case, tmp_path):
    model, frame = CASES[case]()
    frame = FRAME.assign(leak=OUTCOME.astype(str)) if frame is None else frame
    model.save(tmp_path / "m.skops")
    other = LeadClassifier.load(tmp_path / "m.skops")
    assert_same(model, other, frame)
    if case == "guards drop":
        assert {one.code for one in other.guards_} >= {"LS304"}


def test_values_never_seen_come_out_the_same(tmp_path):
    MODEL.save(tmp_path / "m.skops")
    other = LeadClassifier.load(str(tmp_path / "m.skops"))
    frame = FRAME[:3].assign(
        country=["Mars", None, "\uff35\uff33"], visits=[-5, 10**9, 0], title=[None, "", "VP of VP"]
    )
    assert other.predict_proba(frame).tobytes() == MODEL.predict_proba(frame).tobytes()
    row = dict(frame.iloc[0])
    assert repr(other.points_card().explain(row)) == repr(MODEL.points_card().explain(row))


NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=25)
@given(edges=st.lists(NUMBERS, min_size=1, max_size=9, unique=True).map(sorted), intercept=NUMBERS, level=st.text())
def test_any_number_and_text_comes_back(folder_of_models, edges, intercept, level):
    features = list(MODEL.model_.features)
    place = next(i for i, bins in enumerate(features) if bins.kind == "number")
    rest = next(i for i, bins in enumerate(features) if bins.kind == "category")
    features[place] = replace(features[place], edges=tuple(edges))
    features[rest] = replace(features[rest], levels=((level, f"{level}2"),))
    n = sum(bins.size for bins in features)
    rng = np.random.default_rng(0)
    some = {name: rng.normal(size=n) for name in ("coefficients", "mass", "events")}
    some |= {name: rng.normal(size=(n + 1, n + 1)) for name in ("curvature", "covariance")}
    model = copied(MODEL)
    model.model_ = replace(MODEL.model_, features=features, intercept=intercept, **some)
    model.draws_ = rng.normal(size=(3, n))
    with pytest.MonkeyPatch.context() as patch:
        # The card of a model that was never fitted means nothing.
        patch.setattr(model_file, "model_card", lambda *_, **__: model_file.FIRST_LINE)
        model.save(folder_of_models / "any.skops")
    other = LeadClassifier.load(folder_of_models / "any.skops")
    assert other.model_.features == features
    assert np.float64(other.model_.intercept).tobytes() == np.float64(intercept).tobytes()
    assert other.model_.coefficients.tobytes() == some["coefficients"].tobytes()


def copied(model):
    return pickle.loads(pickle.dumps(model))


def test_joblib_works_for_the_trusted(tmp_path):
    joblib.dump(MODEL, tmp_path / "m.joblib")
    assert_same(MODEL, joblib.load(tmp_path / "m.joblib"), FRAME)


def test_a_subclass_stays_one(data, tmp_path):
    class Own(LeadClassifier):
        pass

    assert type(Own.load(written(data, tmp_path / "m"))) is Own


def test_an_unfitted_model_is_not_saved(tmp_path):
    with pytest.raises(NotFittedError):
        LeadClassifier().save(tmp_path / "m.skops")
    assert not list(tmp_path.iterdir())


def test_classes_that_no_file_can_hold_are_refused(tmp_path):
    model = copied(MODEL)
    model.classes_ = np.array([pd.Timestamp("2026-01-01"), pd.Timestamp("2026-01-02")], object)
    with pytest.raises(ArgumentError, match="Timestamp"):
        model.save(tmp_path / "m.skops")
    assert not list(tmp_path.iterdir())


def test_there_is_nothing_of_single_leads(tmp_path):
    ids = pd.Series([f"L{place * 7919 % 99991:05}x" for place in range(N)], FRAME.index)
    with pytest.warns(UserWarning, match="LS320"):
        model = fitted(FRAME.assign(lead=ids), guards="warn", dates=DATES, groups=ids)
    model.save(tmp_path / "m.skops")
    said = (tmp_path / "m.skops").read_bytes() + (tmp_path / "m.md").read_bytes()
    assert b"country" in said
    found = re.findall(rb"l\d{5}x|lead-\d{5}", said, re.IGNORECASE)
    assert not found
    assert re.findall(rb"l\d{5}x", said + ids.iloc[7].encode(), re.IGNORECASE), "the search would see one"


def test_skops_itself_has_nothing_to_trust(data):
    assert skops.io.get_untrusted_types(data=data) == []


# ------------------------------------------------------------------------------------------------------ the refused


class Harm:
    """Runs something as soon as it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.fixture
def nothing_built(monkeypatch):
    def loads(*_, **__):
        pytest.fail("it was built")

    monkeypatch.setattr(skops.io, "loads", loads)


@pytest.mark.usefixtures("nothing_built")
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is no model file"),
        (b"fit:\n- points: 5\n", "is no model file"),
        (packed({}), "is no model file"),
        (packed({"readme.txt": "hello"}), "schema.json"),
        (packed({"schema.json": "{"}), "is no model file"),
        (packed({"schema.json": "[" * 100_000}), "is no model file"),
        (packed({"schema.json": "\xff"}), "is no model file"),
        (packed({"schema.json": "x" * 30_000_000}, zipfile.ZIP_DEFLATED), "would unfold from .* to 30,000,000"),
        (packed({"schema.json": "{}"}, zipfile.ZIP_BZIP2), "is packed"),
    ],
    ids=["empty", "text", "no_member", "other_zip", "half_json", "deep_json", "binary", "bomb", "bzip"],
)
def test_other_files_are_refused(content, words, tmp_path):
    assert re.search(words, refused(written(content, tmp_path / "m.skops")))


@pytest.mark.usefixtures("nothing_built")
def test_a_pickle_is_refused_and_not_run(tmp_path):
    mark = tmp_path / "mark"
    for name, dump in (("m.pkl", pickle.dump), ("m.joblib", joblib.dump)):
        with (tmp_path / name).open("wb") as file:
            dump(Harm(mark), file)
        assert "is no model file" in refused(tmp_path / name)
    assert not mark.exists()
    joblib.load(tmp_path / "m.joblib").close()
    assert mark.exists(), "it would have run"


@pytest.mark.usefixtures("nothing_built")
def test_a_folder_and_a_missing_file_are_refused(tmp_path):
    assert "is a folder" in refused(tmp_path)
    assert "is not there" in refused(tmp_path / "none.skops")


@pytest.mark.usefixtures("nothing_built")
@pytest.mark.parametrize(
    ("foreign", "named"),
    [
        (LogisticRegression(), "sklearn.linear_model._logistic.LogisticRegression"),
        (make_pipeline(FunctionTransformer(np.log1p)), "numpy.log1p"),
        ({"format": 1, "run": np.array([print], object)}, "builtins.print"),
        ([1, 2], "LS"),
    ],
    ids=["estimator", "function", "array_of_functions", "list"],
)
def test_what_others_saved_by_skops_is_refused_by_name(foreign, named, tmp_path, monkeypatch):
    if isinstance(foreign, list):
        monkeypatch.undo()
        named = "is no model file of format 1"
    skops.io.dump(foreign, tmp_path / "m.skops")
    assert named in refused(tmp_path / "m.skops")


def nodes(schema):
    """All that a file names."""
    if isinstance(schema, dict):
        yield from [schema] if "__loader__" in schema else []
        for part in schema.values():
            yield from nodes(part)
    if isinstance(schema, list):
        for part in schema:
            yield from nodes(part)


@pytest.mark.usefixtures("nothing_built")
@pytest.mark.parametrize("loader", [None, "FunctionNode", "OperatorFuncNode", "MethodNode", "ObjectNode", "DictNode"])
def test_a_swapped_type_is_refused_wherever_it_stands(data, tmp_path, loader):
    count = len(list(nodes(json.loads(unpacked(data)["schema.json"]))))
    assert count == 20
    for place in range(count):

        def swap(schema, place=place):
            node = list(nodes(schema))[place]
            node["__module__"], node["__class__"] = SWAPPED
            node["__loader__"] = loader or node["__loader__"]

        path = written(with_schema(data, swap), tmp_path / "m.skops")
        said = refused(path)
        assert "os.system" in said
        assert "nothing of it was built" in said


@pytest.mark.usefixtures("nothing_built")
def test_another_way_to_read_a_known_type_is_refused(data, tmp_path):
    def swap(schema):
        schema["content"]["mass"]["__loader__"] = "ReduceNode"

    assert "numpy.ndarray (as ReduceNode)" in refused(written(with_schema(data, swap), tmp_path / "m.skops"))


@pytest.mark.usefixtures("nothing_built")
@pytest.mark.parametrize("number", [2, 99])
def test_a_newer_format_is_refused_with_words(data, tmp_path, number):
    def newer(schema):
        schema["content"]["format"]["content"] = str(number)
        schema["content"]["mass"]["__module__"] = "leadscore.later"

    said = refused(written(with_schema(data, newer), tmp_path / "m.skops"))
    assert f"of format {number}; this leadscore reads formats up to 1: update it" in said


@pytest.mark.parametrize("number", ["0", '"1"', "null", "1e999", "[]", ""])
def test_a_format_that_is_none_is_refused(data, tmp_path, number):
    def other(schema):
        schema["content"]["format"]["content"] = number

    said = refused(written(with_schema(data, other), tmp_path / "m.skops"))
    assert re.search("is no model file of format 1" if number else "is a damaged model file", said)


def test_a_later_protocol_of_skops_is_refused(data, tmp_path):
    path = written(with_schema(data, lambda schema: schema.update(protocol=99)), tmp_path / "m.skops")
    assert "protocol" in refused(path)


@given(share=st.floats(0, 1, exclude_max=True))
def test_a_part_of_a_file_is_refused(data, folder_of_models, share):
    refused(written(data[: int(share * len(data))], folder_of_models / "part.skops"))


@given(share=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_a_flipped_byte_is_refused_or_changes_nothing(data, folder_of_models, share, flip):
    place = int(share * len(data))
    path = written(data[:place] + bytes([data[place] ^ flip]) + data[place + 1 :], folder_of_models / "flip.skops")
    try:
        other = LeadClassifier.load(path)
    except ArgumentError:
        return
    assert other.predict_proba(FRAME[:50]).tobytes() == MODEL.predict_proba(FRAME[:50]).tobytes()


def test_every_byte_of_the_schema_counts(data, tmp_path):
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        start = file.getinfo("schema.json").header_offset + 41
    for place in range(start, start + 3000, 97):
        path = written(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :], tmp_path / "m.skops")
        assert "is no model file, or a damaged one" in refused(path)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (["intercept"], float("nan"), "intercept"),
        (["intercept"], "0", "intercept"),
        (["surprise"], 1, "surprise"),
        (["kinds"], GONE, "kinds"),
        (["parameters", "surprise"], 1, "unknown: 'surprise'"),
        (["classes"], [False, False], "classes"),
        (["classes"], [0, 1], "two values of bool"),
        (["classes_dtype"], "int8,O", "classes_dtype"),
        (["features", 0, "edges"], [2.0, 1.0], "features"),
        (["features", 0, "edges"], [float("inf")], "features"),
        (["features", 0, "column"], "other", "no column of that kind"),
        (["features", 0], GONE, "not that of"),
        (["features"], [], "not that of 0 bins"),
        (["columns"], ["a", "a", "b", "c", "d"], "columns"),
        (["n_columns"], 10**15, "columns"),
        (["n_rows"], -1, "n_rows"),
        (["trained_until"], "yesterday", "trained_until"),
        (["guards"], [{"code": "LS301"}], "guards"),
    ],
)
def test_what_does_not_fit_together_is_refused(data, tmp_path, path, value, words):
    assert words in refused(written(with_about(data, path, value), tmp_path / "m.skops"))


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("coefficients", lambda array: array[:-1], "shape"),
        ("covariance", lambda array: array[:-1], "shape"),
        ("draws", lambda array: array[:0], "shape"),
        ("draws", lambda array: array[0], "shape"),
        ("mass", lambda array: array.astype(np.float32), "float64"),
        ("mass", lambda array: np.where(array > 0, np.nan, array), "finite"),
        ("events", lambda array: array.astype(object), "builtins.tuple"),
        ("events", lambda _: "no array", "float64"),
        ("draws", lambda _: np.array(["x"]), "float64"),
        ("about", lambda text: text[1:], "JSON"),
        ("about", lambda _: 5, "must hold about"),
        ("leadscore", lambda _: GONE, "must hold about"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(data, tmp_path, name, change, words):
    held = held_in(data)
    changed = change(held.pop(name))
    held |= {} if changed is GONE else {name: changed}
    assert words in refused(written(skops.io.dumps(held), tmp_path / "m.skops"))


def test_all_that_is_wrong_is_said_at_once(data, tmp_path):
    held = held_in(data)
    held |= {"mass": held["mass"][1:], "events": held["events"] - np.inf, "draws": held["draws"].astype("f4")}
    said = refused(written(skops.io.dumps(held), tmp_path / "m.skops"))
    assert said.startswith("3 problems in ")


def test_an_array_that_claims_to_be_huge_is_refused(data, tmp_path):
    members = unpacked(data)
    schema = json.loads(members["schema.json"])
    name = schema["content"]["mass"]["file"]
    head = members[name]
    shape = re.search(rb"\(\d+,\), }", head)
    huge = b"(%d,), }" % 10**12
    members[name] = head[: shape.start()] + huge + head[shape.start() + len(huge) :]
    assert len(members[name]) == len(head)
    assert "is a damaged model file" in refused(written(packed(members), tmp_path / "m.skops"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda part: st.lists(part, max_size=2) | st.dictionaries(st.text(max_size=3), part, max_size=2),
    max_leaves=3,
)


def leaves(part, path=()):
    yield path
    items = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    for name, one in items:
        yield from leaves(one, (*path, name))


@settings(max_examples=150)
@given(drawn=st.data())
def test_anything_said_is_refused_or_predicts(data, folder_of_models, drawn):
    """No figure of a stranger's file makes a model that fails later, or chances that are none."""
    paths = [path for path in leaves(json.loads(held_in(data)["about"])) if path]
    changed = with_about(data, drawn.draw(st.sampled_from(paths)), drawn.draw(JSON))
    path = written(changed, folder_of_models / "said.skops")
    try:
        other = LeadClassifier.load(path)
    except ArgumentError:
        return
    try:
        chances = other.predict_proba(FRAME[:20])
    except ArgumentError:
        return
    assert ((chances >= 0) & (chances <= 1)).all()
    assert other.interval().shape == MODEL.interval().shape


# --------------------------------------------------------------------------------------------------------- the card


@pytest.fixture(scope="module")
def card(folder_of_models):
    MODEL.save(folder_of_models / "leads.skops", title="Leads | of 2026", notes="Ask *marketing operations*.")
    return (folder_of_models / "leads.md").read_text(encoding="utf-8")


def test_the_card_says_what_there_is_to_know(card, folder_of_models):
    digest = sha256((folder_of_models / "leads.skops").read_bytes()).hexdigest()
    n, had = len(OUTCOME), int(OUTCOME.sum())
    for said in (
        "# Leads \\| of 2026\n",
        "Ask *marketing operations*.",
        digest,
        "the outcome of a lead is True rather than False",
        f"Rows learned from: {n:,}. Left out because their outcome is not known: 0.",
        f"Rows until {MODEL.trained_until_}.",
        f"{had / n:.1%} (",
        f"{had:,} of {n:,}; 95 %",
        "They were not asked",
        "The gate was not asked",
        "| tree | onehot | 0.3 |",
        "Nothing was tried beside it",
    ):
        assert said in card, said
    sections = re.findall(r"^## (.*)$", card, re.MULTILINE)
    assert sections == ["What it predicts", "Data", "What was chosen", "Guards", "Gate", "Points", "Limits"]


def rows_of(markdown):
    """The cells of all tables, as a reader sees them."""
    cells, row = [], []
    for token in MARKDOWN.parse(markdown):
        if token.type == "tr_open":
            row = []
        if token.type == "inline":
            row.append("".join(part.content for part in token.children))
        if token.type == "tr_close":
            cells.append(row)
    return cells


def test_the_card_has_the_points_card(card):
    frame = MODEL.points_card(max_points_rows=40).frame
    rows = rows_of(card.split("## Points")[1])
    assert len(rows) == len(frame) + 1 <= 41
    for row, (_, own) in zip(rows[1:], frame.iterrows(), strict=True):
        assert row[:2] == [" ".join(own["feature"].split()), " ".join(own["bin"].split())]
        assert row[2:4] == [f"{own['n']:,.0f}", f"{own['conversions']:,.0f}"]
        assert row[5].startswith(f"{own['points']} (")
        assert "-0 " not in row[5]


def test_the_card_says_what_the_guards_found_and_what_was_tried(tmp_path):
    frame = FRAME.assign(leak=OUTCOME.astype(str))
    with pytest.warns(UserWarning, match="Left out: leak"):
        model = fitted(frame, guards="drop", dates=DATES, C=None)
    model.save(tmp_path / "m.skops")
    card = (tmp_path / "m.md").read_text(encoding="utf-8")
    assert "Columns marked drop were left out." in card
    assert "- **LS304** drop, leak: " in card
    assert re.search("Columns given and not looked at: .*leak", card)
    assert "over the folds; it has no interval" in card
    assert len(rows_of(card.split("## What was chosen")[1].split("## Guards")[0])) == len(model.chosen_) + 1


class Passed:
    def to_markdown(self):
        return "**Publish.**\n"


def test_the_card_has_the_verdict(tmp_path):
    MODEL.save(tmp_path / "m.skops", verdict=Passed())
    card = (tmp_path / "m.md").read_text(encoding="utf-8")
    assert "## Gate\n\n**Publish.**\n\n## Points" in card
    assert "not asked: nothing" not in card


def test_a_model_without_features_has_a_card(tmp_path):
    model = copied(MODEL)
    none = {name: np.zeros(0) for name in ("coefficients", "mass", "events")}
    one = {name: np.eye(1) for name in ("curvature", "covariance")}
    model.model_ = replace(model.model_, features=[], **none, **one)
    model.draws_ = np.zeros((200, 0))
    model.save(tmp_path / "m.skops")
    card = (tmp_path / "m.md").read_text(encoding="utf-8")
    assert "There is no card: there is nothing to give points for" in card
    assert "Share with the outcome: not known" in card
    other = LeadClassifier.load(tmp_path / "m.skops")
    assert other.predict_proba(FRAME).tobytes() == model.predict_proba(FRAME).tobytes()


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@given(text=TEXTS | st.text(alphabet="<>[]()|`*_~#\\&!:/ \nwx.@$") | st.sampled_from(["&amp;", "www.x.de", "__a__"]))
def test_any_text_reads_as_it_stands(text):
    shown = " ".join(visible(text).split())
    table = f"| a | b |\n| --- | --- |\n| x | {escaped(text)} |\n"
    assert rows_of(table) == [["a", "b"], ["x", shown]]
    line = MARKDOWN.parse(f"- **x** {escaped(text)}")
    kinds = {part.type for token in line if token.type == "inline" for part in token.children}
    assert kinds <= {"text", "text_special", "strong_open", "strong_close"}


def test_the_escapes_are_needed():
    assert rows_of("| a |\n| --- |\n| <b>x</b> |\n")[1] == ["<b>x</b>"]
    line = MARKDOWN.parse("- *x* <b>")
    assert {part.type for token in line if token.type == "inline" for part in token.children} >= {"html_inline"}


def test_names_and_values_of_strangers_stay_text(tmp_path):
    hostile = "<script>alert(1)</script> [x](http://evil) | `y`\n# head"
    frame = FRAME.assign(country=FRAME["country"].replace("US", hostile)).rename(columns={"visits": hostile})
    model = fitted(frame, outcome=OUTCOME.map({True: "**won** <b>", False: "lost"}))
    model.save(tmp_path / "m.skops", title=hostile)
    html = MARKDOWN.render((tmp_path / "m.md").read_text(encoding="utf-8"))
    assert "&lt;script&gt;" in html
    for tag in ("<script", "<a ", "<b>", "<img", "<code>y"):
        assert tag not in html.replace("<code>explained</code>", "")
    assert html.count("<h1>") == 1


# ------------------------------------------------------------------------------------------------------- where it is


def test_other_markdown_is_never_replaced(tmp_path):
    (tmp_path / "README.md").write_text("# Ours\n")
    with pytest.raises(ArgumentError, match=r"would replace README.md"):
        MODEL.save(tmp_path / "README.skops")
    assert (tmp_path / "README.md").read_text() == "# Ours\n"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_card_is_replaced_by_the_next(tmp_path):
    MODEL.save(tmp_path / "m.skops", title="first")
    MODEL.save(tmp_path / "m.skops", title="second")
    assert "# second" in (tmp_path / "m.md").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.md", "m.skops"]


def test_a_save_that_fails_leaves_the_files_as_they_were(tmp_path):
    MODEL.save(tmp_path / "m.skops", title="first")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    class Fails:
        def to_markdown(self):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        MODEL.save(tmp_path / "m.skops", verdict=Fails())
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("name", "words"),
    [("m.md", "ends in .md"), ("none/m.skops", "is no folder"), ("", "is a folder")],
)
def test_a_place_that_cannot_be_is_refused_with_all_else(tmp_path, name, words):
    with pytest.raises(ArgumentError) as caught:
        MODEL.save(tmp_path / name, verdict="passed")
    assert words in str(caught.value)
    assert "verdict: must be what the gate gave" in str(caught.value)
    assert not list(tmp_path.iterdir())


# --------------------------------------------------------------------------------------------------------- real data


@pytest.mark.real
def test_bank_contacts_come_back(folder, tmp_path):
    frame = pd.read_csv(folder / "bank" / "bank-additional-full.csv", sep=";")
    outcome = frame.pop("y") == "yes"
    with pytest.warns(UserWarning, match="LS301"):
        model = fitted(frame, outcome, guards="drop", bins="quantile")
    model.save(tmp_path / "bank.skops")
    assert_same(model, LeadClassifier.load(tmp_path / "bank.skops"), frame)
    card = (tmp_path / "bank.md").read_text(encoding="utf-8")
    assert "11.3% (11.0% to 11.6%), 4,640 of 41,188" in card
    assert "**LS301** drop, duration" in card
    assert (tmp_path / "bank.skops").stat().st_size < 1_000_000
