"""Model files: the same model comes back to the last bit, and whatever else is refused before it is built."""

import io
import json
import pickle
import re
import zipfile
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256

import joblib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from sklearn.exceptions import NotFittedError

from leadscore.errors import ArgumentError
from leadscore.learn.card import model_file
from leadscore.learn.card.classifier import LeadClassifier
from leadscore.present.markdown import escaped, visible
from leadscore.present.result import Result

N = 1500
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
    MODEL.save(folder_of_models / "first.npz")
    return (folder_of_models / "first.npz").read_bytes()


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


def with_text(data, change):
    """The file with another text."""
    members = unpacked(data)
    return packed(members | {"model.json": change(members["model.json"].decode())})


def with_said(data, path, value):
    """The file with one thing said differently; GONE removes it."""

    def change(text):
        said = json.loads(text)
        part = said
        for name in path[:-1]:
            part = part[name]
        if value is GONE:
            del part[path[-1]]
        else:
            part[path[-1]] = value
        return json.dumps(said)

    return with_text(data, change)


def array_of(data, name):
    return np.load(io.BytesIO(unpacked(data)[f"{name}.npy"]))


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def with_array(data, name, array):
    return packed(unpacked(data) | {f"{name}.npy": npy(array)})


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


PAIRED = pd.DataFrame({"plan": ["free", "pro", None] * 2000, "region": ["a", "b", "c", "d"] * 1500})


@cache
def paired():
    """A model with a pair of features in it."""
    both = (PAIRED["plan"] == "free") & (PAIRED["region"] == "a")
    outcome = np.random.default_rng(0).random(len(PAIRED)) < np.where(both, 0.6, 0.1)
    model = fitted(PAIRED, outcome, pairs=1)
    assert [bins.kind for bins in model.model_.features] == ["category", "category", "pair"]
    return model


CASES = {
    "booleans": lambda: (fitted(), FRAME),
    "dates": lambda: (MODEL, FRAME),
    "all chosen": lambda: (fitted(dates=DATES, C=None, bins="auto", encoding="auto"), FRAME),
    "whole numbers": lambda: (fitted(outcome=OUTCOME.astype(int)), FRAME),
    "fractions": lambda: (fitted(outcome=OUTCOME.astype(np.float32) * 2), FRAME),
    "pairs": lambda: (paired(), PAIRED),
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
    model.save(tmp_path / "m.npz")
    other = LeadClassifier.load(tmp_path / "m.npz")
    assert_same(model, other, frame)
    if case == "guards drop":
        assert {one.code for one in other.guards_} >= {"LS304"}


def test_values_never_seen_come_out_the_same(tmp_path):
    MODEL.save(tmp_path / "m.npz")
    other = LeadClassifier.load(str(tmp_path / "m.npz"))
    frame = FRAME[:3].assign(
        country=["Mars", None, "\uff35\uff33"], visits=[-5, 10**9, 0], title=[None, "", "VP of VP"]
    )
    assert other.predict_proba(frame).tobytes() == MODEL.predict_proba(frame).tobytes()
    row = dict(frame.iloc[0])
    assert repr(other.points_card().explain(row)) == repr(MODEL.points_card().explain(row))


SETTINGS = {
    "bins": st.sampled_from(["auto", "shape", "tree", "quantile"]),
    "encoding": st.sampled_from(["auto", "onehot", "woe"]),
    "max_bins": st.integers(2, 12),
    "C": st.sampled_from([None, 0.1, 1, np.float32(0.3)]),
    "monotone": st.sampled_from([None, {"visits": "increasing"}, {"revenue": "decreasing", "visits": "increasing"}]),
    "pairs": st.integers(0, 2),
    "guards": st.sampled_from([None, "warn", "drop"]),
}
KINDS_OF_OUTCOME = [
    lambda y: y,
    lambda y: y.astype(int),
    lambda y: y * 2.0 - 1,
    lambda y: y.astype("boolean").mask(np.arange(len(y)) % 7 == 0),
]


@pytest.mark.filterwarnings("ignore:LS3")
@settings(max_examples=max(10, settings.default.max_examples // 5))
@given(st.fixed_dictionaries({}, optional=SETTINGS), st.sampled_from(KINDS_OF_OUTCOME), st.booleans(), st.booleans())
def test_a_model_of_any_settings_comes_back(folder_of_models, parameters, kind, dated, grouped):
    frame, outcome = FRAME[:600], kind(OUTCOME[:600])
    groups = np.arange(600) // 2 if grouped else None
    model = LeadClassifier(**parameters).fit(frame, outcome, dates=DATES[:600] if dated else None, groups=groups)
    model.save(folder_of_models / "any settings.npz")
    assert_same(model, LeadClassifier.load(folder_of_models / "any settings.npz"), FRAME)


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
        model.save(folder_of_models / "any.npz")
    other = LeadClassifier.load(folder_of_models / "any.npz")
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
        LeadClassifier().save(tmp_path / "m.npz")
    assert not list(tmp_path.iterdir())


def test_the_same_model_is_the_same_file(data, tmp_path):
    MODEL.save(tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == data


def test_there_is_nothing_of_single_leads(tmp_path):
    ids = pd.Series([f"L{place * 7919 % 99991:05}x" for place in range(N)], FRAME.index)
    with pytest.warns(UserWarning, match="LS320"):
        model = fitted(FRAME.assign(lead=ids), guards="warn", dates=DATES, groups=ids)
    model.save(tmp_path / "m.npz")
    said = (tmp_path / "m.npz").read_bytes() + (tmp_path / "m.md").read_bytes()
    assert b"country" in said
    found = re.findall(rb"l\d{5}x|lead-\d{5}", said, re.IGNORECASE)
    assert not found
    assert re.findall(rb"l\d{5}x", said + ids.iloc[7].encode(), re.IGNORECASE), "the search would see one"


def test_numpy_reads_it_and_finds_nothing_pickled(data):
    with np.load(io.BytesIO(data), allow_pickle=False) as held:
        arrays = {name: held[name] for name in held.files}
    said = json.loads(arrays.pop("model.json"))
    assert said["feature_names_in_"] == list(FRAME)
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.float64)}
    assert arrays["coefficients"].tobytes() == MODEL.model_.coefficients.tobytes()


# ------------------------------------------------------------------------------------------------------ the refused


class Harm:
    """Runs something as soon as it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.fixture
def nothing_built(monkeypatch):
    def built(*_, **__):
        pytest.fail("it was built")

    monkeypatch.setattr(model_file, "Additive", built)
    monkeypatch.setattr(LeadClassifier, "set_params", built)


@pytest.mark.usefixtures("nothing_built")
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a zip file"),
        (b"fit:\n- points: 5\n", "not a zip file"),
        (packed({}), "model.json: 'model.json'"),
        (packed({"readme.txt": "hello"}), "model.json: 'model.json'"),
        (packed({"model.json": "{"}), "model.json: Expecting"),
        (packed({"model.json": "[" * 100_000}), "model.json: "),
        (packed({"model.json": "[]"}), "model.json: 'list'"),
        (packed({"model.json": "\xff"}), "model.json: "),
        (packed({"model.json": "x" * 30_000_000}, zipfile.ZIP_DEFLATED), "would unfold from .* to 30,000,000"),
        (packed({"model.json": "{}"}, zipfile.ZIP_BZIP2), "packed"),
        (
            packed({"model.json": "{}"}),
            "must be in a file of model.json, coefficients.npy, .* this one holds 'model.json'",
        ),
    ],
    ids=[
        "empty",
        "text",
        "no_member",
        "other",
        "half_json",
        "deep_json",
        "list",
        "binary",
        "bomb",
        "bzip",
        "no_arrays",
    ],
)
def test_other_files_are_refused(content, words, tmp_path):
    said = refused(written(content, tmp_path / "m.npz"))
    assert re.search(words, said)
    assert "cannot be read as a model file" in said


@pytest.mark.usefixtures("nothing_built")
def test_a_pickle_is_refused_and_not_run(tmp_path):
    mark = tmp_path / "mark"
    for name, dump in (("m.pkl", pickle.dump), ("m.joblib", joblib.dump)):
        with (tmp_path / name).open("wb") as file:
            dump(Harm(mark), file)
        assert "not a zip file" in refused(tmp_path / name)
    assert not mark.exists()
    joblib.load(tmp_path / "m.joblib").close()
    assert mark.exists(), "it would have run"


@pytest.mark.usefixtures("nothing_built")
@pytest.mark.parametrize("name", model_file.ARRAYS)
def test_a_pickle_inside_is_refused_and_not_run(data, tmp_path, name):
    mark = tmp_path / "mark"
    path = written(with_array(data, name, np.array([Harm(mark)], object)), tmp_path / "m.npz")
    assert f"{name}: Object arrays cannot be loaded" in refused(path)
    assert not mark.exists()
    with np.load(path, allow_pickle=True) as held:
        held[name][0].close()
    assert mark.exists(), "it would have run"


@pytest.mark.usefixtures("nothing_built")
def test_a_folder_and_a_missing_file_are_refused(tmp_path):
    assert "Is a directory" in refused(tmp_path)
    assert "No such file" in refused(tmp_path / "none.npz")


@pytest.mark.usefixtures("nothing_built")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda members: members | {"more.npy": npy(np.zeros(3))}, "'more.npy'"),
        (lambda members: members | {"../../etc/passwd": b"x"}, "passwd"),
        (lambda members: members | {"\x1b[31mred": b"x"}, "x1b"),
        (lambda members: {name: part for name, part in members.items() if name != "draws.npy"}, "draws"),
        (lambda members: {name.removesuffix(".npy"): part for name, part in members.items()}, "coefficients"),
        (lambda members: members | {"mass.npy": b"no array"}, "mass: the magic string is not correct"),
        (lambda members: members | {"mass.npy": b"PK\x03\x04"}, "mass: "),
        (lambda members: members | {"mass.npy": members["mass.npy"][:30]}, "mass: "),
        (lambda members: members | {"mass.npy": members["mass.npy"][:-8]}, "mass: "),
    ],
    ids=["more", "path", "escape", "less", "no_npy", "no_array", "zip_in_zip", "half_head", "half_array"],
)
def test_other_members_are_refused(data, tmp_path, change, words):
    said = refused(written(packed(change(unpacked(data))), tmp_path / "m.npz"))
    assert words in said
    assert "\x1b" not in said


@pytest.mark.usefixtures("nothing_built")
def test_a_member_that_stands_twice_is_refused(data, tmp_path):
    path = written(data, tmp_path / "m.npz")
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(path, "a") as file:
        file.writestr("mass.npy", unpacked(data)["events.npy"])
    assert refused(path).count("'mass.npy'") == 2
    assert "this one holds" in refused(path)


@pytest.mark.usefixtures("nothing_built")
def test_members_that_share_their_bytes_are_refused(tmp_path):
    """A bomb without any packing: one part that many members point to."""
    with zipfile.ZipFile(tmp_path / "m.npz", "w") as file:
        file.writestr("model.json", "x" * 1_000_000)
        for place in range(100):
            other = zipfile.ZipInfo(f"{place}.npy")
            for name in ("header_offset", "file_size", "compress_size", "CRC"):
                setattr(other, name, getattr(file.filelist[0], name))
            file.filelist.append(other)
            file.NameToInfo[other.filename] = other
    assert "to 101,000,000" in refused(tmp_path / "m.npz")


@pytest.mark.usefixtures("nothing_built")
@pytest.mark.parametrize("number", [2, 99, 10**30])
def test_a_newer_format_is_refused_with_words(data, tmp_path, number):
    path = written(with_said(with_said(data, ["format"], number), ["later"], "x"), tmp_path / "m.npz")
    assert f"format {number}, while this leadscore reads formats up to 1; update leadscore" in refused(path)


@pytest.mark.usefixtures("nothing_built")
@pytest.mark.parametrize("number", [0, "1", None, 1.5, float("inf"), [], GONE])
def test_a_format_that_is_none_is_refused(data, tmp_path, number):
    said = refused(written(with_said(data, ["format"], number), tmp_path / "m.npz"))
    assert re.search("format: (Input should be 1|Field required)", said)


@given(share=st.floats(0, 1, exclude_max=True))
def test_a_part_of_a_file_is_refused(data, folder_of_models, share):
    refused(written(data[: int(share * len(data))], folder_of_models / "part.npz"))


@given(share=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_a_flipped_byte_is_refused_or_changes_nothing(data, folder_of_models, share, flip):
    place = int(share * len(data))
    path = written(data[:place] + bytes([data[place] ^ flip]) + data[place + 1 :], folder_of_models / "flip.npz")
    try:
        other = LeadClassifier.load(path)
    except ArgumentError:
        return
    assert other.predict_proba(FRAME[:50]).tobytes() == MODEL.predict_proba(FRAME[:50]).tobytes()


@pytest.mark.usefixtures("nothing_built")
@pytest.mark.parametrize("name", ["model.json", "coefficients.npy", "draws.npy"])
def test_every_byte_of_a_part_counts(data, tmp_path, name):
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        member = file.getinfo(name)
    start = member.header_offset + 30 + len(name) + 20
    for place in range(start, start + member.file_size - 20, 97):
        path = written(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :], tmp_path / "m.npz")
        assert "Bad CRC-32" in refused(path)


@pytest.mark.usefixtures("nothing_built")
@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (["intercept"], float("nan"), "intercept: Input should be a finite number; got nan"),
        (["intercept"], "0", "intercept"),
        (["surprise"], 1, "surprise"),
        (["kinds_"], GONE, "kinds_: Field required"),
        (["parameters", "surprise"], 1, "unknown: 'surprise'"),
        (["classes_"], [False, False], "False twice"),
        (["classes_"], [0, True], "classes_"),
        (["classes_"], [0, 1, 2], "classes_"),
        (["classes_"], [0, None], "classes_"),
        (["features", 0, "edges"], [2.0, 1.0], "features[0]"),
        (["features", 0, "edges"], [float("inf")], "features[0]"),
        (["features", 0, "column"], "other", "features[0]"),
        (["features", 0, "kind"], "pair", "features[0]"),
        (["features", 0], GONE, "not that of"),
        (["features"], [], "not that of 0 bins"),
        (["feature_names_in_"], ["a", "a", "b", "c", "d"], "feature_names_in_"),
        (["n_features_in_"], 10**15, "feature_names_in_"),
        (["n_rows_"], -1, "n_rows_"),
        (["n_rows_"], True, "n_rows_"),
        (["trained_until_"], "yesterday", "trained_until_"),
        (["guards_"], {"found": [{"code": "LS301"}], "n": 5}, "guards_"),
    ],
)
def test_what_does_not_fit_together_is_refused(data, tmp_path, path, value, words):
    assert words in refused(written(with_said(data, path, value), tmp_path / "m.npz"))


@pytest.fixture(scope="module")
def data_of_pairs(folder_of_models):
    paired().save(folder_of_models / "pairs.npz")
    return (folder_of_models / "pairs.npz").read_bytes()


@pytest.mark.usefixtures("nothing_built")
@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("two", lambda two: two[:1]),
        ("two", lambda two: [*two, two[0]]),
        ("two", lambda two: [two[0], two[0] | {"column": "other"}]),
        ("two", lambda two: [two[0], two[1] | {"kind": "pair"}]),
        ("place", lambda _: []),
        ("place", lambda place: place[:-1]),
        ("place", lambda place: [10**15, *place[1:]]),
        ("place", lambda place: [-1, *place[1:]]),
    ],
)
def test_a_pair_that_cannot_be_is_refused(data_of_pairs, tmp_path, name, change):
    pair = json.loads(unpacked(data_of_pairs)["model.json"])["features"][2]
    changed = with_said(data_of_pairs, ["features", 2, name], change(pair[name]))
    assert "features[2]: edges must rise" in refused(written(changed, tmp_path / "m.npz"))


@pytest.mark.usefixtures("nothing_built")
@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("coefficients", lambda array: array[:-1], "shape"),
        ("covariance", lambda array: array[:-1], "shape"),
        ("covariance", lambda array: array[0, 0], "shape"),
        ("draws", lambda array: array[:0], "shape"),
        ("draws", lambda array: array[0], "shape"),
        ("mass", lambda array: array.astype(np.float32), "got float32"),
        ("mass", lambda array: array.astype(">f8"), "got >f8"),
        ("mass", lambda array: np.where(array > 0, np.nan, array), "finite"),
        ("mass", lambda array: array.astype([("a", "f8")]), "float64"),
        ("draws", lambda array: np.full(array.shape, "x"), "float64"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(data, tmp_path, name, change, words):
    said = refused(written(with_array(data, name, change(array_of(data, name))), tmp_path / "m.npz"))
    assert f"{name}: " in said
    assert words in said


def test_all_that_is_wrong_is_said_at_once(data, tmp_path):
    for name, change in (
        ("mass", lambda a: a[1:]),
        ("events", lambda a: a - np.inf),
        ("draws", lambda a: a.astype("f4")),
    ):
        data = with_array(data, name, change(array_of(data, name)))
    assert refused(written(data, tmp_path / "m.npz")).startswith("3 problems in ")


@pytest.mark.usefixtures("nothing_built")
@pytest.mark.parametrize("length", [10**7, 10**10, 10**12, 2**62])
def test_an_array_that_claims_to_be_huge_is_refused(data, tmp_path, length):
    members = unpacked(data)
    head = members["mass.npy"]
    shape = re.search(rb"\(\d+,\), }", head)
    huge = b"(%d,), }" % length
    members["mass.npy"] = head[: shape.start()] + huge + head[shape.start() + len(huge) :]
    assert len(members["mass.npy"]) == len(head)
    assert "mass: " in refused(written(packed(members), tmp_path / "m.npz"))


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
@given(drawn=st.data(), pairs=st.booleans())
def test_anything_said_is_refused_or_predicts(data, data_of_pairs, folder_of_models, drawn, pairs):
    """No figure of a stranger's file makes a model that fails later, or chances that are none."""
    given, rows, model = (data_of_pairs, PAIRED, paired()) if pairs else (data, FRAME, MODEL)
    paths = [path for path in leaves(json.loads(unpacked(given)["model.json"])) if path]
    changed = with_said(given, drawn.draw(st.sampled_from(paths)), drawn.draw(JSON))
    path = written(changed, folder_of_models / "said.npz")
    try:
        other = LeadClassifier.load(path)
    except ArgumentError:
        return
    try:
        chances = other.predict_proba(rows[:20])
    except ArgumentError:
        return
    assert ((chances >= 0) & (chances <= 1)).all()
    assert other.interval().shape == model.interval().shape
    other.points_card(max_points_rows=12)


# --------------------------------------------------------------------------------------------------------- the card


@pytest.fixture(scope="module")
def card(folder_of_models):
    MODEL.save(folder_of_models / "leads.npz", title="Leads | of 2026", notes="Ask *marketing operations*.")
    return (folder_of_models / "leads.md").read_text(encoding="utf-8")


def test_the_card_says_what_there_is_to_know(card, folder_of_models):
    digest = sha256((folder_of_models / "leads.npz").read_bytes()).hexdigest()
    n, had = len(OUTCOME), int(OUTCOME.sum())
    for said in (
        "# Leads \\| of 2026\n",
        "Ask *marketing operations*.",
        digest,
        "the outcome of a lead is True rather than False",
        f"Rows learned from: {n:,}. Left out, as their outcome is not known: 0.",
        f"Rows until {MODEL.trained_until_}.",
        f"Rows with the outcome: {had:,}, which is {had / n:.1%} (",
        f") of {n:,}; the interval is at 95 %",
        "They were not asked",
        "The gate was not asked",
        "| tree | onehot | 0.3 |",
        "Nothing was tried beside it",
    ):
        assert said in card, said
    sections = re.findall(r"^## (.*)$", card, re.MULTILINE)
    assert sections == ["Data", "What was chosen", "Guards", "Gate", "Points", "Limits", "The file"]


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
    rows = rows_of(card.split("\n## Points")[1])
    assert len(rows) == len(frame) + 1 <= 41
    for row, (_, own) in zip(rows[1:], frame.iterrows(), strict=True):
        assert row[:2] == [" ".join(own["feature"].split()), " ".join(own["bin"].split())]
        assert row[3:5] == [f"{own['n']:,.0f}", f"{own['reached']:,.0f}"]
        assert row[2].startswith(f"{own['points']} (")
        assert "-0 " not in row[2]


def test_the_card_says_what_the_guards_found_and_what_was_tried(tmp_path):
    frame = FRAME.assign(leak=OUTCOME.astype(str))
    with pytest.warns(UserWarning, match="Left out: leak"):
        model = fitted(frame, guards="drop", dates=DATES, C=None)
    model.save(tmp_path / "m.npz")
    card = (tmp_path / "m.md").read_text(encoding="utf-8")
    assert "Columns marked drop were left out." in card
    assert "| LS304 | drop | leak | " in card
    assert re.search("Columns given and not looked at: .*leak", card)
    assert "over the folds; it has no interval" in " ".join(card.split())
    assert len(rows_of(card.split("## What was chosen")[1].split("## Guards")[0])) == len(model.chosen_) + 1


@dataclass(frozen=True, eq=False, repr=False)
class Passed(Result):
    headline: str = "Publish."
    notes: tuple[str, ...] = ()


def test_the_card_has_the_verdict(tmp_path):
    MODEL.save(tmp_path / "m.npz", verdict=Passed())
    card = (tmp_path / "m.md").read_text(encoding="utf-8")
    assert "## Gate\n\n**Publish.**\n\n## Points" in card
    assert "not asked: nothing" not in card


def test_a_model_without_features_has_a_card(tmp_path):
    model = copied(MODEL)
    none = {name: np.zeros(0) for name in ("coefficients", "mass", "events")}
    one = {name: np.eye(1) for name in ("curvature", "covariance")}
    model.model_ = replace(model.model_, features=[], **none, **one)
    model.draws_ = np.zeros((200, 0))
    model.save(tmp_path / "m.npz")
    card = (tmp_path / "m.md").read_text(encoding="utf-8")
    assert "There is no card: there is nothing to give points for" in card
    assert "with the outcome" not in card
    other = LeadClassifier.load(tmp_path / "m.npz")
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
    model = fitted(frame)
    model.save(tmp_path / "m.npz", title=hostile)
    html = MARKDOWN.render((tmp_path / "m.md").read_text(encoding="utf-8"))
    assert "&lt;script&gt;" in html
    for tag in ("<script", "<a ", "<b>", "<img", "<code>y"):
        assert tag not in html.replace("<code>explained</code>", "")
    assert html.count("<h1>") == 1


# ------------------------------------------------------------------------------------------------------- where it is


def test_other_markdown_is_never_replaced(tmp_path):
    (tmp_path / "README.md").write_text("# Ours\n")
    with pytest.raises(ArgumentError, match=r"would replace README.md"):
        MODEL.save(tmp_path / "README.npz")
    assert (tmp_path / "README.md").read_text() == "# Ours\n"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_card_is_replaced_by_the_next(tmp_path):
    MODEL.save(tmp_path / "m.npz", title="first")
    MODEL.save(tmp_path / "m.npz", title="second")
    assert "# second" in (tmp_path / "m.md").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.md", "m.npz"]


def test_a_save_that_fails_leaves_the_files_as_they_were(tmp_path):
    MODEL.save(tmp_path / "m.npz", title="first")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    class Fails(Passed):
        def sections(self):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        MODEL.save(tmp_path / "m.npz", verdict=Fails())
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("name", "words"),
    [("m.md", "ends in .md"), ("none/m.npz", "is no folder"), ("", "is a folder")],
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
    model.save(tmp_path / "bank.npz")
    assert_same(model, LeadClassifier.load(tmp_path / "bank.npz"), frame)
    card = (tmp_path / "bank.md").read_text(encoding="utf-8")
    assert "4,640, which is 11.3% (11.0% to 11.6%) of 41,188" in card
    assert "| LS301 | drop | duration |" in card
    assert (tmp_path / "bank.npz").stat().st_size < 1_000_000
