"""Whatever is no model file, or was changed, is refused by name before anything is built from it."""

import io
import json
import pickle
import re
import zipfile

import joblib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadscore.errors import ArgumentError
from leadscore.learn.card import model_file
from leadscore.learn.card.classifier import LeadClassifier
from tests.support.model_files import (
    FRAME,
    GONE,
    MODEL,
    PAIRED,
    array_of,
    npy,
    packed,
    paired,
    unpacked,
    with_array,
    with_said,
    written,
)


def refused(path):
    with pytest.raises(ArgumentError) as caught:
        LeadClassifier.load(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


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
        (["chosen_"], [], "chosen_: List should have at least 1 item"),
        (["chosen_"], [{}], "chosen_.0.bins: Field required"),
        (["parameters", "surprise"], 1, "unknown: 'surprise'"),
        (["classes_"], [False, False], "False twice"),
        (["classes_"], [0, True], "classes_"),
        (["classes_"], [0, 1, 2], "classes_"),
        (["classes_"], [0, None], "classes_"),
        (["features", 0, "edges"], [2.0, 1.0], "features[0]"),
        (["features", 0, "edges"], [float("inf")], "features[0]"),
        (["features", 0, "column"], "other", "features[0]"),
        (["features", 0, "kind"], "pair", "features[0]"),
        (["features", 0], GONE, "does not fit"),
        (["features"], [], "does not fit 0 bins"),
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
@given(place=st.integers(0, 2**16), said=JSON, pairs=st.booleans())
def test_anything_said_is_refused_or_predicts(data, data_of_pairs, folder_of_models, *, place, said, pairs):
    """No figure of a stranger's file makes a model that fails later, or chances that are none."""
    given, rows, model = (data_of_pairs, PAIRED, paired()) if pairs else (data, FRAME, MODEL)
    paths = [path for path in leaves(json.loads(unpacked(given)["model.json"])) if path]
    changed = with_said(given, paths[place % len(paths)], said)
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
