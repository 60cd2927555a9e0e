"""Model files: a fitted `LeadClassifier` as plain data, audited before anything is built from it.

A file is a zip archive as skops writes it: a dictionary of texts, whole numbers and arrays, and nothing else. No class
of this package or of another is named in it, so there is none that could be swapped for one that does harm; the model
is built here, by name, from data that was checked. Format 1 holds

========== ===================================================================================
format     1
leadscore  the version that wrote it, as text
about      JSON: parameters, classes, columns, bins, findings of the guards, what was chosen
the rest   arrays of float64: see `Additive`, and `draws` of its coefficients from the bootstrap
========== ===================================================================================
"""

from __future__ import annotations

import datetime as dt
import io
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, TypeVar
from zipfile import ZIP_STORED, ZipFile

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, ConfigDict, FiniteFloat, NonNegativeInt, PositiveInt, ValidationError

from leadscore.base.files import replacing
from leadscore.errors import ArgumentError, Problem
from leadscore.learn.card.additive import Additive
from leadscore.learn.card.binning import Bins
from leadscore.learn.card.model_card import FIRST_LINE, model_card
from leadscore.learn.data_checks.guards import Guard, Guards

Model = TypeVar("Model")
Arrays = dict[str, npt.NDArray[np.float64]]

FORMAT = 1
_ARRAYS = ("coefficients", "curvature", "covariance", "mass", "events", "draws")
# All that a file may be made of, as skops names it: module, class, and how it is read. skops itself trusts thousands
# of types more, all estimators of scikit-learn among them.
_AUDITED = {
    ("builtins", "dict", "DictNode"),
    ("builtins", "list", "ListNode"),
    ("builtins", "str", "TypeNode"),
    ("builtins", "str", "JsonNode"),
    ("numpy", "ndarray", "NdArrayNode"),
}
_NAMES = ("__module__", "__class__", "__loader__")


class _About(BaseModel):
    """What a file says in JSON."""

    model_config = ConfigDict(extra="forbid", strict=True)

    parameters: dict[str, Any]
    classes: list[bool | int | float | str]
    classes_dtype: Literal[
        "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64", "object"
    ]
    columns: list[str] | None
    n_columns: PositiveInt
    kinds: dict[str, Literal["number", "text"]]
    features: list[Bins]
    intercept: FiniteFloat
    log_loss: FiniteFloat
    guards: list[Guard]
    chosen: list[dict[str, Any]]
    n_rows: PositiveInt
    n_unknown: NonNegativeInt
    trained_until: dt.date | None


def write_model(
    model: Any, path: str | os.PathLike[str], *, title: str | None = None, notes: str = "", verdict: Any = None
) -> None:
    """Write a fitted model, and beside it its model card; see `LeadClassifier.save`."""
    import skops.io  # noqa: PLC0415 - 1 s, and only those who keep models need it

    target = Path(path)
    card = target.with_suffix(".md")
    _refuse(target, [*_no_place(target, card), *_no_verdict(verdict)])
    held = {"format": FORMAT, "leadscore": version("leadscore"), "about": _said(model, target), **_arrays(model)}
    data = skops.io.dumps(held)
    made_by = f"format {FORMAT} of leadscore {held['leadscore']}, SHA-256 {sha256(data).hexdigest()}"
    text = model_card(model, title or target.stem, (target.name, made_by), notes=notes, verdict=verdict)
    with replacing(target) as part, replacing(card) as part_of_card:
        part.write_bytes(data)
        part_of_card.write_text(text, encoding="utf-8", newline="\n")


def read_model(path: str | os.PathLike[str], kind: type[Model]) -> Model:
    """Read a fitted model; see `LeadClassifier.load`."""
    import skops.io  # noqa: PLC0415 - 1 s, and only those who keep models need it

    target = Path(path)
    if not target.is_file():
        what = "is a folder" if target.is_dir() else "is not there"
        raise ArgumentError(f"{target}", f"{what}; it must be a model file")
    data = target.read_bytes()
    _audit(target, data)
    try:
        held = skops.io.loads(data, trusted=[])
    except Exception as error:
        # Whatever a stranger's bytes lead to, the file is refused.
        raise ArgumentError(f"{target}", f"is a damaged model file: {_short(error)}") from error
    return _built(target, held, kind)


# ------------------------------------------------------------------------------------------------------- to a file


def _no_place(target: Path, card: Path) -> Iterator[Problem]:
    """Why the two files cannot be written where they should be."""
    if card == target:
        yield Problem("path", "ends in .md, as the model card beside it will; a model file is called model.skops, say")
    elif target.is_dir() or not target.parent.is_dir():
        what = "is a folder" if target.is_dir() else f"would be in {str(target.parent)!r}, which is no folder"
        yield Problem("path", f"{what}; it must be a file in a folder that is there")
    elif card.exists() and not (card.is_file() and card.read_bytes().startswith(FIRST_LINE.encode())):
        yield Problem("path", f"its model card would replace {card.name}, which is none; call the model otherwise")


def _no_verdict(verdict: Any) -> Iterator[Problem]:
    if verdict is not None and not callable(getattr(verdict, "to_markdown", None)):
        yield Problem("verdict", f"must be what the gate gave, with to_markdown(); got {type(verdict).__name__}")


def _said(model: Any, target: Path) -> str:
    """What is said in JSON."""
    fitted = model.model_
    columns = getattr(model, "feature_names_in_", None)
    guards = [
        replace(one, column=one.column if isinstance(one.column, int) else str(one.column)) for one in model.guards_
    ]
    said = {
        "parameters": model.get_params(deep=False),
        "classes": list(model.classes_),
        "classes_dtype": str(model.classes_.dtype),
        "columns": None if columns is None else list(columns),
        "n_columns": model.n_features_in_,
        "kinds": model.kinds_,
        "features": [asdict(bins) for bins in fitted.features],
        "intercept": fitted.intercept,
        "log_loss": fitted.log_loss,
        "guards": [asdict(one) for one in guards],
        "chosen": model.chosen_.to_dict("records"),
        "n_rows": model.n_rows_,
        "n_unknown": model.n_unknown_,
        "trained_until": None if model.trained_until_ is None else model.trained_until_.isoformat(),
    }
    try:
        text = json.dumps(said, default=_plain)
        # What cannot be read again is found out now.
        _About.model_validate_json(text)
    except TypeError as error:
        raise ArgumentError(f"{target}", f"the model has what no file can hold: {error}") from error
    except ValidationError as error:
        raise ArgumentError(f"{target}", list(_invalid(error))) from error
    return text


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{value!r}, of type {type(value).__name__}; texts, numbers and booleans can be kept")


def _arrays(model: Any) -> Arrays:
    return {name: getattr(model.model_, name) for name in _ARRAYS[:-1]} | {"draws": model.draws_}


# ----------------------------------------------------------------------------------------------------- from a file


def _audit(target: Path, data: bytes) -> None:
    """Refuse whatever is no model file, and names anything but plain data, before any of it is built."""
    try:
        with ZipFile(io.BytesIO(data)) as file:
            members = file.infolist()
            size = sum(member.file_size for member in members)
            # As it is written, a file cannot unfold to more than itself.
            packed = size > len(data) or any(member.compress_type != ZIP_STORED for member in members)
            schema = None if packed else json.loads(file.read("schema.json"))
    except Exception as error:
        message = f"is no model file, or a damaged one ({_short(error)}); LeadClassifier.save writes model files"
        raise ArgumentError(f"{target}", message) from error
    if packed:
        message = f"is packed and would unfold from {len(data):,} bytes to {size:,}; no model file is packed"
        raise ArgumentError(f"{target}", message)
    number = _format(schema)
    if number is not None and number > FORMAT:
        message = f"is a model file of format {number}; this leadscore reads formats up to {FORMAT}: update it"
        raise ArgumentError(f"{target}", message)
    strange = sorted(set(_types(schema)) - _AUDITED)
    if strange:
        names = ", ".join(f"{module}.{name} (as {loader})" for module, name, loader in strange[:10])
        more = f" and {len(strange) - 10:,} more" if len(strange) > 10 else ""
        message = f"names what no model file of leadscore holds: {names}{more}; nothing of it was built"
        raise ArgumentError(f"{target}", message)


def _format(schema: Any) -> int | None:
    try:
        number = json.loads(schema["content"]["format"]["content"])
    except (LookupError, TypeError, ValueError):
        return None
    return number if isinstance(number, int) else None


def _types(schema: Any) -> Iterator[tuple[str, str, str]]:
    """Module, class and loader of everything in a file that has one of the three."""
    left = [schema]
    while left:
        part = left.pop()
        if isinstance(part, dict):
            if any(name in part for name in _NAMES):
                module, class_, loader = (_short(part.get(name, "nothing")) for name in _NAMES)
                yield module, class_, loader
            left.extend(part.values())
        elif isinstance(part, list):
            left.extend(part)


def _built(target: Path, held: Any, kind: type[Model]) -> Model:
    """The model, if all that it is made of fits together."""
    wanted = {"format", "leadscore", "about", *_ARRAYS}
    right = isinstance(held, dict) and held.keys() == wanted and held["format"] == FORMAT
    if not right or not isinstance(held["about"], str):
        message = f"is no model file of format {FORMAT}: it must hold {', '.join(sorted(wanted))}"
        raise ArgumentError(f"{target}", message)
    try:
        about = _About.model_validate_json(held["about"])
    except ValidationError as error:
        raise ArgumentError(f"{target}", list(_invalid(error))) from error
    arrays: Arrays = {name: held[name] for name in _ARRAYS}
    known = kind._get_param_names()  # type: ignore[attr-defined]  # noqa: SLF001 - scikit-learn has no other name for it
    _refuse(target, [*_misfits(about, arrays), *_misnamed(about, known)])
    draws = arrays.pop("draws")
    model = kind(**about.parameters)
    fitted = {
        "classes_": np.array(about.classes, about.classes_dtype),
        "n_features_in_": about.n_columns,
        "kinds_": about.kinds,
        "model_": Additive(features=about.features, intercept=about.intercept, log_loss=about.log_loss, **arrays),
        "draws_": draws,
        "guards_": Guards(tuple(about.guards), about.n_rows),
        "chosen_": pd.DataFrame(about.chosen),
        "n_rows_": about.n_rows,
        "n_unknown_": about.n_unknown,
        "trained_until_": about.trained_until,
    }
    if about.columns is not None:
        fitted["feature_names_in_"] = np.array(about.columns, object)
    vars(model).update(fitted)
    return model


def _misfits(about: _About, arrays: Arrays) -> Iterator[Problem]:
    """Arrays of another size or kind than the bins ask for, and bins that cannot be."""
    n = sum(bins.size for bins in about.features)
    # Beside the bins, the covariance has the stretches of time, however many there were.
    beside = max(len(np.atleast_1d(arrays["covariance"])), n + 1)
    shapes = dict.fromkeys(_ARRAYS, (n,)) | {"curvature": (n + 1, n + 1), "covariance": (beside, beside)}
    for name, shape in shapes.items():
        array = arrays[name]
        if not isinstance(array, np.ndarray) or array.dtype != np.float64:
            yield Problem(name, "must be an array of float64")
        elif (array.ndim != 2 or not len(array) or array.shape[1] != n) if name == "draws" else array.shape != shape:
            yield Problem(name, f"has the shape {array.shape}, which is not that of {n:,} bins")
        elif not np.isfinite(array).all():
            yield Problem(name, "must hold finite numbers only")
    for place, bins in enumerate(about.features):
        edges = np.array(bins.edges)
        levels = [level for group in bins.levels for level in group]
        if about.kinds.get(bins.column) != ("number" if bins.kind == "number" else "text"):
            yield Problem(f"features[{place}]", f"is a {bins.kind} of {bins.column!r}, which is no column of that kind")
        if not np.isfinite(edges).all() or (np.diff(edges) <= 0).any() or len(set(levels)) < len(levels):
            yield Problem(f"features[{place}]", "edges must rise, and no level be in two bins")
    if len(set(about.classes)) != 2 or not _are(about.classes_dtype, about.classes):
        yield Problem("classes", f"must be two values of {about.classes_dtype}; got {about.classes}")


def _are(dtype: str, values: list[Any]) -> bool:
    try:
        # Their kinds too: 0 and False are equal.
        return list(map(repr, np.array(values, dtype).tolist())) == list(map(repr, values))
    except (ValueError, TypeError, OverflowError):
        return False


def _misnamed(about: _About, parameters: list[str]) -> Iterator[Problem]:
    """Names of parameters and columns that are none."""
    unknown = sorted(about.parameters.keys() - set(parameters))
    if unknown:
        yield Problem("parameters", f"unknown: {', '.join(map(repr, unknown))}")
    columns = about.columns
    if columns is not None and (len(set(columns)) != about.n_columns or not about.kinds.keys() <= set(columns)):
        yield Problem("columns", f"must be {about.n_columns:,} different names, those of all features among them")


def _invalid(error: ValidationError) -> Iterator[Problem]:
    for fault in error.errors(include_url=False, include_input=False)[:10]:
        yield Problem(".".join(map(str, fault["loc"])), fault["msg"])


def _refuse(target: Path, problems: list[Problem]) -> None:
    if problems:
        raise ArgumentError(f"{target}", problems)


def _short(value: object, most: int = 80) -> str:
    text = " ".join(str(value).split()) or type(value).__name__
    return text if len(text) <= most else f"{text[: most - 1]}…"
