"""Edits by path: a change touches what it names, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from leadscore.base.text import as_text
from leadscore.errors import ArgumentError, Problem, did_you_mean
from leadscore.rulebook.model import keys_at
from leadscore.rulebook.yaml import Path, dotted

# Grades stand from the best down, so a new one has its place.
_ORDERED = {("grades", "fit"), ("grades", "behaviour")}
_NAMED = {("personas",), ("fit",), ("behaviour",), ("qualify", "never"), ("qualify", "segments")}
# They hold what protects sales: what is to go from them is named.
_GUARDED = {("qualify",), ("groups",), ("totals",)}
_INDEXED = re.compile(r"(.*?)((?:\[[0-9]+\])*)")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)")


def applied(data: dict[Any, Any], changes: Mapping[Any, Any]) -> tuple[dict[Any, Any], list[Problem]]:
    """A copy of `data` with the changes that can be made, and what is wrong with the paths of the others.

    Every path is read on `data` as it is: taking `fit[0]` out does not make `fit[1]` another rule.
    """
    if not isinstance(changes, Mapping):
        raise ArgumentError(
            "changes", f"must map paths to values, such as {{'qualify.threshold': 70}}; got {changes!r}"
        )
    found: dict[Path, tuple[Any, Any]] = {}
    problems = []
    for address, value in changes.items():
        try:
            path = _resolved(data, _steps(address), value)
            _apart(path, found)
        except LookupError as error:
            where = ".".join(map(str, address)) if isinstance(address, tuple) else str(address)
            problems.append(Problem(where, str(error)))
        else:
            found[path] = address, value
    result = deepcopy(data)
    for path, (_, value) in found.items():
        if value is not None:
            _put(result, path, value)
    for path in sorted((path for path, (_, value) in found.items() if value is None), key=_place, reverse=True):
        _take_out(result, path)
    return result, problems


def _steps(address: Any) -> Path:
    """The steps of a path: a tuple as it is, a text read as the file would be."""
    if isinstance(address, tuple) and address and all(type(step) in {str, int, float, bool} for step in address):
        return address
    if not isinstance(address, str) or not all(address.split(".")):
        raise LookupError(
            "a path is text such as 'qualify.threshold', or a tuple such as ('fit', 'Inc. 500', 'points')"
        )
    steps: list[Any] = []
    for part in address.split("."):
        name, indices = _INDEXED.fullmatch(part).groups()  # type: ignore[union-attr] # it matches any text
        if name:
            steps.append(int(name) if _NUMBER.fullmatch(name) else {"true": True, "false": False}.get(name, name))
        steps += [int(index) for index in re.findall("[0-9]+", indices)]
    return tuple(steps)


def _resolved(data: dict[Any, Any], steps: Path, value: Any) -> Path:
    """The path in the document that the steps lead to; its last part may be new."""
    if steps[0] == "leadscore":
        raise LookupError(
            "the format cannot be edited; name only what changes, or read a whole document with Rulebook.from_dict"
        )
    here: Any = data
    path: Path = ()
    for number, step in enumerate(steps, 1):
        key = _key(here, step)
        if key is not None:
            path, here = (*path, key), here[key]
        elif isinstance(here, dict) and step in keys_at(path):
            # A key of the language that the file leaves out.
            path = (*path, step)
            here = [] if path in _NAMED else {}
        elif number == len(steps) and _may_be_new(here, path, step, value):
            return (*path, step)
        else:
            raise LookupError(_unknown(here, path, step))
    if path in _GUARDED and isinstance(value, Mapping) and isinstance(here, dict):
        dropped = [repr(str(key)) for key in here if key not in value]
        if dropped:
            example = dotted((*path, next(iter(value), "threshold")))
            what = f"given whole, it would drop {', '.join(dropped)}"
            raise LookupError(f"{what}; name what changes, as {example!r}, and give None for what is to go")
    return path


def _key(here: Any, step: Any) -> Any:
    """The key or position of `here` that a step means; None if there is none."""
    if isinstance(here, dict):
        alike = [key for key in here if as_text(key) == as_text(step)]
        return next((key for key in alike if type(key) is type(step)), alike[0] if alike else None)
    if isinstance(here, list):
        if type(step) is int and 0 <= step < len(here):
            return step
        names = [item.get("name") if isinstance(item, dict) else None for item in here]
        return names.index(as_text(step)) if as_text(step) in names else None
    return None


def _may_be_new(here: Any, path: Path, step: Any, value: Any) -> bool:
    if isinstance(here, dict):
        return value is not None
    rule = path in _NAMED and isinstance(step, str) and isinstance(value, Mapping)
    return rule and value.get("name", step) == step


def _unknown(here: Any, path: Path, step: Any) -> str:
    if isinstance(here, dict):
        return f"{_said(path)} has no {step!r}{did_you_mean(step, map(str, [*here, *keys_at(path)]))}"
    if path in _NAMED:
        names = [str(item.get("name")) for item in here if isinstance(item, dict)]
        dots = (
            "; a name with a dot needs a tuple such as ('fit', 'Inc. 500', 'points')" if "." in "".join(names) else ""
        )
        return f"{_said(path)} has no {step!r}{did_you_mean(step, names)}{dots}"
    if isinstance(here, list):
        return f"{_said(path)} is a list of {len(here)}, without {step!r}; give it whole, or name a position from 0"
    return f"{_said(path)} is {here!r}: there is nothing inside it"


def _said(path: Path) -> str:
    return repr(dotted(path)) if path else "the rulebook"


def _apart(path: Path, found: Mapping[Path, tuple[Any, Any]]) -> None:
    """Refuse a path that lies in another one, or is the same."""
    for other, (named, _) in found.items():
        shorter = min(len(path), len(other))
        if path[:shorter] == other[:shorter]:
            raise LookupError(f"overlaps with {named!r}; write one change for both")


def _put(data: Any, path: Path, value: Any) -> None:
    *inner, last = path
    here = data
    for number, key in enumerate(inner, 1):
        if isinstance(here, dict):
            here.setdefault(key, [] if path[:number] in _NAMED else {})
        here = here[key]
    if isinstance(here, list) and isinstance(last, str):
        here.append({"name": last, **value})
    elif path[:-1] in _NAMED and isinstance(value, Mapping):
        here[last] = {"name": here[last].get("name"), **value}
    else:
        here[last] = value
        if path[:-1] in _ORDERED:
            grades = sorted(here.items(), key=lambda grade: (str(type(grade[0])), grade[0]))
            here.clear()
            here.update(grades)


def _take_out(data: Any, path: Path) -> None:
    *inner, last = path
    here = data
    for key in inner:
        here = here.get(key, {}) if isinstance(here, dict) else here[key]
    if not isinstance(here, dict) or last in here:
        del here[last]


def _place(path: Path) -> list[int]:
    """Positions in lists, so that the last are taken out first."""
    return [step for step in path if type(step) is int]
