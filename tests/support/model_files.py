"""Fitted models, and the files they are saved in, taken apart and put together again."""

import io
import json
import pickle
import zipfile
from functools import cache

import numpy as np
import pandas as pd

from leadscore.learn.card.classifier import LeadClassifier

N = 1500
GONE = object()


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


PAIRED = pd.DataFrame({"plan": ["free", "pro", None] * 2000, "region": ["a", "b", "c", "d"] * 1500})


@cache
def paired():
    """A model with a pair of features in it."""
    both = (PAIRED["plan"] == "free") & (PAIRED["region"] == "a")
    outcome = np.random.default_rng(0).random(len(PAIRED)) < np.where(both, 0.6, 0.1)
    model = fitted(PAIRED, outcome, pairs=1)
    assert [bins.kind for bins in model.model_.features] == ["category", "category", "pair"]
    return model


def copied(model):
    return pickle.loads(pickle.dumps(model))


# --------------------------------------------------------------------------------------------------------- as files


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
