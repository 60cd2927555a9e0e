"""Model files: a fitted `LeadClassifier` as plain data, checked in full before anything is built from it.

A file is an npz, numpy's zip archive of arrays, with a text beside them that `unzip -p model.npz model.json` shows. It
is one file, so that no text ends up beside the arrays of another model. Nothing in it is ever run: it names no class of
any package, and no array is unpickled. Format 1 holds

========== ===========================================================================================
model.json the number of the format, parameters, outcomes, columns, bins, what the guards found
the rest   arrays of float64: those of `Additive`, and `draws` of its coefficients from the bootstrap
========== ===========================================================================================
"""

from __future__ import annotations

import datetime as dt
import io
import json
import os
from collections.abc import Iterator, Mapping
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, TypeVar
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, NonNegativeInt, PositiveInt, ValidationError
from pydantic_core import to_json

from leadscore.base.arguments import Arguments
from leadscore.base.files import replacing
from leadscore.base.text import counted
from leadscore.errors import ArgumentError, Problem, visible
from leadscore.learn.card.additive import Additive, Draws
from leadscore.learn.card.binning import Bins
from leadscore.learn.card.model_card import FIRST_LINE, model_card
from leadscore.learn.guards.guards import Guards
from leadscore.present.result import Result

Model = TypeVar("Model")
Arrays = dict[str, npt.NDArray[np.float64]]

FORMAT = 1
TEXT = "model.json"
ARRAYS = ("coefficients", "curvature", "covariance", "mass", "events", "draws")


class _Tried(BaseModel):
    """A row of `chosen_`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    bins: str
    encoding: str
    C: float
    explained: float
    folds: NonNegativeInt


class _Said(BaseModel):
    """What the text of a file says; of the model itself what ends in _, under its own name."""

    model_config = ConfigDict(extra="forbid", strict=True)

    format: Literal[1]
    leadscore: str
    parameters: dict[str, Any]
    features: list[Bins]
    intercept: FiniteFloat
    log_loss: FiniteFloat
    classes_: tuple[bool, bool] | tuple[int, int] | tuple[FiniteFloat, FiniteFloat]
    feature_names_in_: list[str] | None
    n_features_in_: PositiveInt
    kinds_: dict[str, Literal["number", "text", "boolean", "empty"]]
    guards_: Guards
    chosen_: list[_Tried] = Field(min_length=1)
    # Files of before have none.
    beyond_: tuple[str, ...] = ()
    alike_: FiniteFloat = 1.0
    n_rows_: PositiveInt
    n_unknown_: NonNegativeInt
    trained_until_: dt.date | None


_OWN = [name for name in _Said.model_fields if name.endswith("_")]


def write_model(
    model: Any, path: str | os.PathLike[str], *, title: str | None = None, notes: str = "", verdict: Any = None
) -> None:
    """Write a fitted model, and beside it its model card; see `LeadClassifier.save`."""
    with Arguments("save") as given:
        target = given.path("path", path)
        given.types(title=(title, str | None))
        given.text("notes", notes)
    card = target.with_suffix(".md")
    if problems := list(_unwritable(target, card, verdict)):
        raise ArgumentError(f"{target}", problems)
    buffer = io.BytesIO()
    np.savez(buffer, **{name: getattr(model.model_, name) for name in ARRAYS[:-1]}, draws=model.draws_.coefficients)
    with ZipFile(buffer, "a") as file:
        # Without the time of day: the same model is the same file.
        file.writestr(ZipInfo(TEXT), _text(model, target))
    data = buffer.getvalue()
    made_by = f"format {FORMAT} of leadscore {version('leadscore')}, SHA-256 {sha256(data).hexdigest()}"
    text = model_card(model, title or target.stem, (target.name, made_by), notes=notes, verdict=verdict)
    with replacing(target) as file, replacing(card) as beside:
        beside.write(text.encode())
        file.write(data)
        # Where one of them has no room, neither is replaced.
        file.flush()


def read_model(path: str | os.PathLike[str], kind: type[Model]) -> Model:
    """Read a fitted model; see `LeadClassifier.load`."""
    with Arguments("load") as given:
        target = given.path("path", path)
    text, arrays = _unpacked(target)
    said = _read(target, text)
    model: Any = kind()
    if problems := list(_misfits(said, arrays, model.get_params(deep=False))):
        raise ArgumentError(f"{target}", problems)
    model.set_params(**said.parameters)
    own = {name: getattr(said, name) for name in _OWN if getattr(said, name) is not None or name == "trained_until_"}
    for name in ("classes_", "feature_names_in_"):
        own |= {name: np.array(own[name])} if name in own else {}
    draws = arrays.pop("draws")
    fitted = Additive(features=said.features, intercept=said.intercept, log_loss=said.log_loss, **arrays)
    vars(model).update(own, model_=fitted, draws_=Draws(draws), chosen_=pd.DataFrame(map(dict, said.chosen_)))
    return model


# ------------------------------------------------------------------------------------------------------- to a file


def _unwritable(target: Path, card: Path, verdict: Any) -> Iterator[Problem]:
    """Why the two files cannot be written where they should be, or say what they should."""
    if card == target:
        yield Problem("path", "ends in .md, as the model card beside it will; call the model file model.npz, say")
    elif target.is_dir() or not target.parent.is_dir():
        what = "is a folder" if target.is_dir() else f"would be in {str(target.parent)!r}, which is not a folder"
        yield Problem("path", f"{what}; it must be a file in a folder that is there")
    elif card.exists() and not (card.is_file() and card.read_bytes().startswith(FIRST_LINE.encode())):
        yield Problem("path", f"its model card would replace {card.name}, which is not a model card; rename the model")
    if verdict is not None and not isinstance(verdict, Result):
        yield Problem("verdict", f"must be what the gate gave, a Verdict; got {type(verdict).__name__}")


def _text(model: Any, target: Path) -> bytes:
    """The text of a model's file, which can be read again."""
    said = {"format": FORMAT, "leadscore": version("leadscore"), "parameters": model.get_params(deep=False)}
    said |= {name: getattr(model.model_, name) for name in ("features", "intercept", "log_loss")}
    said |= {name: getattr(model, name, None) for name in _OWN}
    text = to_json(said, fallback=_plain, inf_nan_mode="constants", indent=1)
    _read(target, text)
    return text


def _plain(value: Any) -> Any:
    if isinstance(value, pd.DataFrame):
        return value.to_dict("records")
    return dict(value) if isinstance(value, Mapping) else value.tolist()


# ----------------------------------------------------------------------------------------------------- from a file


def _unpacked(target: Path) -> tuple[bytes, Arrays]:
    """The text and the arrays of a file; nothing is unpickled, and nothing unfolds to more than the file is."""
    part, arrays = TEXT, {}
    try:
        data = target.read_bytes()
        with ZipFile(io.BytesIO(data)) as file:
            members = file.infolist()
            size = sum(member.file_size for member in members)
            if size > len(data) or any(member.compress_type != ZIP_STORED for member in members):
                raise ValueError(f"packed, and would unfold from {len(data):,} bytes to {size:,}")
            parts = {member.filename: file.read(member) for member in members}
        number = json.loads(parts[TEXT]).get("format")
        if isinstance(number, int) and number > FORMAT:
            raise ValueError(f"format {number}, while this leadscore reads formats up to {FORMAT}; update leadscore")
        names, wanted = [member.filename for member in members], [TEXT, *(f"{name}.npy" for name in ARRAYS)]
        if sorted(names) != sorted(wanted):
            raise ValueError(f"must be in a file of {', '.join(wanted)}; this one holds {', '.join(map(repr, names))}")
        for part in ARRAYS:
            arrays[part] = np.lib.format.read_array(io.BytesIO(parts[f"{part}.npy"]), allow_pickle=False)
    except Exception as error:
        # Whatever a stranger's bytes lead to, the file is refused.
        raise ArgumentError(f"{target}", f"cannot be read as a model file: {part}: {_short(error)}") from error
    return parts[TEXT], arrays


def _read(target: Path, text: bytes) -> _Said:
    try:
        return _Said.model_validate_json(text)
    except ValidationError as error:
        faults = [(".".join(map(str, one["loc"])), one["msg"], repr(one["input"])) for one in error.errors()[:10]]
        problems = [Problem(where, f"{message}; got {_short(found)}") for where, message, found in faults]
        raise ArgumentError(f"{target}", problems) from error


def _misfits(said: _Said, arrays: Arrays, parameters: Mapping[str, Any]) -> Iterator[Problem]:
    """What cannot be, or does not fit together."""
    if unknown := sorted(said.parameters.keys() - parameters.keys()):
        yield Problem("parameters", f"unknown: {', '.join(map(repr, unknown))}")
    names = said.feature_names_in_
    if names is not None and (len(set(names)) != said.n_features_in_ or not said.kinds_.keys() <= set(names)):
        what = f"must be {said.n_features_in_:,} different names, those of all features among them"
        yield Problem("feature_names_in_", what)
    if said.classes_[0] == said.classes_[1]:
        yield Problem("classes_", f"must be two; got {said.classes_[0]!r} twice")
    odd = [place for place, bins in enumerate(said.features) if not _sound(bins, said.kinds_)]
    if odd:
        what = "edges must rise, no level be in two bins, and the column be one of that kind"
        yield from (Problem(f"features[{place}]", what) for place in odd)
        return
    n = sum(bins.size for bins in said.features)
    # The covariance has the stretches of time beside the bins, however many there were; draws are as many as they are.
    beside, draws = ((*arrays[name].shape, 0)[0] for name in ("covariance", "draws"))
    shapes = {"curvature": (n + 1, n + 1), "covariance": (max(n + 1, beside),) * 2, "draws": (max(1, draws), n)}
    for name, array in arrays.items():
        if array.shape != shapes.get(name, (n,)):
            yield Problem(name, f"has the shape {array.shape}, which does not fit {counted(n, 'bin')}")
        elif array.dtype != np.float64 or not np.isfinite(array).all():
            yield Problem(name, f"must hold finite numbers of float64; got {array.dtype}")


def _sound(bins: Bins, kinds: Mapping[str, str]) -> bool:
    """Whether a feature can be cut so, and is one of a column of its kind."""
    if bins.kind == "pair":
        if [one.kind != "pair" and _sound(one, kinds) for one in bins.two] != [True, True]:
            return False
        cells = bins.two[0].size * bins.two[1].size
        return len(bins.place) == cells and set(bins.place) == set(range(len(set(bins.place))))
    levels = [level for group in bins.levels for level in group]
    rising = bool(np.isfinite(bins.edges).all() and (np.diff(bins.edges) > 0).all())
    own_kind = bins.column in kinds and (
        kinds[bins.column] == "empty" or (kinds[bins.column] == "number") == (bins.kind == "number")
    )
    return own_kind and rising and len(set(levels)) == len(levels) and not bins.two


def _short(text: object, most: int = 400) -> str:
    line = visible(text)
    return line if len(line) <= most else f"{line[: most - 1]}…"
