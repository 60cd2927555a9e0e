"""Edits by path: a change touches what it names, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from leadscore.base.text import as_text
from leadscore.errors import ArgumentError, Problem, did_you_mean
from leadscore.rulebook.model import keys_at
from leadscore.rulebook.values import REST
from leadscore.rulebook.yaml import Document, Path, dotted

# Grades stand from the best down, and `rest` is the last of grades and labels, so a new one has its place.
_ORDERED = {("grades", "fit"), ("grades", "behaviour"), ("labels",)}
_RAISES = ("qualify", "hand_raise")
_NAMED = {
    ("personas",),
    ("fit",),
    ("behaviour",),
    ("qualify", "never"),
    _RAISES,
    ("qualify", "segments"),
    ("account", "rules"),
}
# They hold what protects sales: what is to go from them is named.
_GUARDED = {("qualify",), ("groups",), ("totals",)}
_NEWEST = 2
_INDEXED = re.compile(r"(.*?)((?:\[[0-9]+\])*)")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)")


def applied(
    data: dict[Any, Any], changes: Mapping[Any, Any], whole: Document | None = None
) -> tuple[dict[Any, Any], list[Problem]]:
    """A copy of `data` with the changes that can be made, and what is wrong with the paths of the others.

    Every path is read on `data` as it is: taking `fit[0]` out does not make `fit[1]` another rule. `whole` is the
    rulebook with what it includes, which is edited in its own file.
    """
    if not isinstance(changes, Mapping):
        raise ArgumentError(
            "changes", f"must map paths to values, such as {{'qualify.threshold': 70}}; got {changes!r}"
        )
    found: dict[Path, tuple[Any, Any]] = {}
    problems = []
    for address, value in changes.items():
        try:
            steps = _steps(address)
            path = _resolved(data, steps if whole is None else _own(data, whole, steps), value)
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


def _own(data: dict[Any, Any], whole: Document, steps: Path) -> Path:
    """The steps in the rulebook's own file, whose rules come after those it includes; an included part is refused."""
    here: Any = whole.data
    path: Path = ()
    for step in steps:
        key = _key(here, step)
        if key is None:
            break
        path, here = (*path, key), here[key]
    # A section is of the file that has it last; another entry of one that is included stands in the own file.
    file = whole.span(path).of if len(path) > 1 or path == steps else None
    if file is not None:
        raise LookupError(f"{dotted(path)!r} stands in {file.source!r}, which is included: change it in that file")
    entries = whole.data.get(path[0]) if path else None
    if isinstance(entries, list) and len(steps) > 1 and type(steps[1]) is int:
        before = len(entries) - len(data.get(path[0], ()))
        return (path[0], steps[1] - before, *steps[2:])
    return steps


def _resolved(data: dict[Any, Any], steps: Path, value: Any) -> Path:
    """The path in the document that the steps lead to; its last part may be new."""
    if steps[0] == "leadscore" and (len(steps) > 1 or type(value) is not int or value != _NEWEST):
        raise LookupError(
            f"the format cannot be edited but to {_NEWEST}; name only what changes, or read a whole document with "
            "Rulebook.from_dict"
        )
    here: Any = data
    path: Path = ()
    for number, step in enumerate(steps, 1):
        key = _key(here, step)
        if key is not None:
            path, here = (*path, key), here[key]
        elif path == _RAISES and isinstance(here, dict) and here.get("name") == as_text(step):
            # One hand-raise need not stand in a list.
            continue
        elif isinstance(here, dict) and step in keys_at(path):
            # A key of the language that the file leaves out.
            path = (*path, step)
            one = path == _RAISES and steps[number : number + 1] and steps[number] in keys_at(_RAISES)
            here = [] if _is_named(path) and not one else {}
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


def _is_named(path: Path) -> bool:
    """Whether the entries of a list are known by their names."""
    return path in _NAMED or (path[:1] in {("fit",), ("behaviour",)} and path[2:] == ("cases",))


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
        return value is not None and path != _RAISES
    rule = _is_named(path) and isinstance(step, str) and isinstance(value, Mapping)
    return rule and value.get("name", step) == step


def _unknown(here: Any, path: Path, step: Any) -> str:
    if isinstance(here, dict):
        several = "; give a list to have several" if path == _RAISES else ""
        return f"{_said(path)} has no {step!r}{did_you_mean(step, map(str, [*here, *keys_at(path)]))}{several}"
    if _is_named(path):
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
    last: Any
    *inner, last = path
    here = data
    for number, key in enumerate(inner, 1):
        if isinstance(here, dict):
            entries = _is_named(path[:number]) and isinstance(value, Mapping)
            here.setdefault(key, [] if entries and path[number] not in keys_at(_RAISES) else {})
        here = here[key]
    if isinstance(here, list) and isinstance(last, str):
        here.append({"name": last, **value})
    elif _is_named(path[:-1]) and isinstance(here, list) and isinstance(value, Mapping) and "name" in here[last]:
        here[last] = {"name": here[last]["name"], **value}
    elif path[:-1] in _ORDERED and last not in here:
        behind = {key: here.pop(key) for key in [key for key in here if _comes_first(value, here[key])]}
        here.update({last: value} | behind)
    else:
        here[last] = value


def _comes_first(new: Any, old: Any) -> bool:
    """Whether a new grade or label stands before one that is there."""
    numbers = type(new) in {int, float} and type(old) in {int, float}
    return bool(new > old) if numbers else old == REST


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
