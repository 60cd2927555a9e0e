"""The numbers of a rulebook that can be tried beside its bars: points, windows, half-lives, caps and minimums."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from leadscore.base.arguments import Arguments
from leadscore.base.text import as_text, decimal, shown
from leadscore.errors import did_you_mean
from leadscore.rulebook import Rulebook
from leadscore.rulebook.model import Limits

# Tables of more entries are for the file, not for sliders.
_MOST_ENTRIES = 12
# What a rule's key is called, the unit of its number, and how far its slider goes at least.
_SAID = {
    "points": ("points", "", 20),
    "from": ("points", "", 20),
    "half_life_days": ("half-life", "days", 60),
    "fade_days": ("fades in", "days", 60),
    "within_days": ("window", "days", 180),
    "at_most": ("at most", "", 20),
    "at_least": ("at least", "", 20),
}
MINIMUMS = {"minimum_fit": "Minimum fit", "minimum_behaviour": "Minimum behaviour"}


@dataclass(frozen=True)
class Number:
    """A number of the rulebook.

    Attributes
    ----------
    path : tuple
        Where it stands, as `Rulebook.edited` takes it.
    part : str
        Whose it is: a rule, a cap, a minimum.
    label, unit : str
        What it is.
    value : float
        As it is now.
    low, high : float
        How far its slider goes.
    """

    path: tuple[Any, ...]
    part: str
    label: str
    unit: str
    value: float
    low: float
    high: float

    @property
    def key(self) -> str:
        """What the browser calls it."""
        return ".".join(map(str, self.path))

    def moved(self, value: float) -> str:
        """A change of it in words."""
        what = f"{self.part} {self.label}".strip()
        return f"{what} {bare(self.value)} → {bare(value)}"


def bare(points: float) -> str:
    """Points as people write them."""
    return f"{points:.10g}"


def written(points: float) -> int | float:
    """Points as a file has them: whole ones as 12, not 12.0."""
    return int(points) if points == int(points) else points


def bars_of(rulebook: Rulebook) -> list[Number]:
    """The bar of each segment, and last that of all others."""
    segments = rulebook.qualify.segments
    paths = [("qualify", "segments", place, "threshold") for place in range(len(segments))]
    bars = [_number(path, one.name, "", one.threshold, "points") for path, one in zip(paths, segments, strict=True)]
    name = "All others" if segments else "Threshold"
    return [*bars, _number(("qualify", "threshold"), name, "", rulebook.bar(), "points")]


def numbers_of(rulebook: Rulebook) -> dict[str, Number]:
    """All that can be tried, by key, in the order of the file; minimums first."""
    return {number.key: number for number in _all(rulebook)}


def _all(rulebook: Rulebook) -> Iterator[Number]:
    for key, name in MINIMUMS.items():
        value = getattr(rulebook.qualify, key)
        if value is not None:
            yield _number(("qualify", key), name, "", value, "points")
    for section, position, rule in rulebook.rules():
        for key, (label, *_) in _SAID.items():
            value = getattr(rule, "from_" if key == "from" else key, None)
            if isinstance(value, Mapping):
                for entry in value:
                    what = f"from {decimal(entry)}" if key == "from" else as_text(entry)
                    yield _number((section, position, key, entry), rule.name, what, value[entry], key)
            elif value is not None:
                yield _number((section, position, key), rule.name, label, value, key)
    for name, limits in rulebook.groups.items():
        yield from _caps(("groups", name), f"Cap of {name}", limits)
    for side in ("fit", "behaviour"):
        yield from _caps(("totals", side), f"Cap of all {side}", getattr(rulebook.totals, side))


def _caps(path: tuple[Any, ...], part: str, limits: Limits) -> Iterator[Number]:
    for key in ("at_least", "at_most"):
        value = getattr(limits, key)
        if value is not None:
            yield _number((*path, key), part, _SAID[key][0], value, key)


def _number(path: tuple[Any, ...], part: str, label: str, value: float, key: str) -> Number:
    _, unit, reach = _SAID[key]
    far = float(max(reach, 2 * abs(value)))
    low, high = (1.0, far) if unit else (-far, 0.0) if value < 0 else (0.0, far)
    return Number(path, part, label, unit, float(value), low, high)


def chosen(numbers: Mapping[str, Number], rules: Any, given: Arguments) -> list[str]:
    """The keys that the sliders are for: of the rules named, in their order; by default all."""
    rest = {key: number for key, number in numbers.items() if number.path[0] in {"groups", "totals"}}
    minimums = {key: number for key, number in numbers.items() if number.path[0] == "qualify"}
    parts = list(dict.fromkeys(number.part for key, number in numbers.items() if key not in rest | minimums))
    entries = Counter(number.path[:3] for number in numbers.values())
    few = {key: number for key, number in numbers.items() if entries[number.path[:3]] <= _MOST_ENTRIES}
    short = {number.part for number in few.values()}
    wanted = parts if rules is None else list(given.names("rules", rules))
    for name in wanted:
        if name not in parts:
            given.wrong("rules", f"there is no rule {name!r} with a number{_nearest(name, parts)}")
        elif rules is not None and name not in short:
            given.wrong(
                "rules", f"{name!r} has more than {_MOST_ENTRIES} entries, too many for sliders; use at(rules=...)"
            )
    own = [key for name in wanted for key, number in few.items() if number.part == name and key not in rest]
    return [*minimums, *own, *rest]


def asked(rulebook: Rulebook, numbers: Mapping[str, Number], given: Arguments, **changes: Any) -> dict[str, float]:
    """What a script asks for, by key: `minimum_fit`, `rules`, `groups` and `totals` as `Workbench.at` takes them."""
    by_path = {number.path: key for key, number in numbers.items()}
    found: dict[str, float] = {}

    def put(name: str, path: tuple[Any, ...], value: Any, what: str, known: list[str]) -> None:
        if path not in by_path:
            last = as_text(path[-1])
            given.wrong(name, f"{what} has no number {last!r}{_nearest(last, known)}")
            return
        number = given.number(name, value)
        if number != numbers[by_path[path]].value:
            found[by_path[path]] = number

    if changes["minimum_fit"] is not None:
        put("minimum_fit", ("qualify", "minimum_fit"), changes["minimum_fit"], "the rulebook", [*MINIMUMS])
    homes: dict[str, dict[str, tuple[Any, ...]]] = {
        "rules": {rule.name: (section, position) for section, position, rule in rulebook.rules()},
        "groups": {name: ("groups", name) for name in rulebook.groups},
        "totals": {side: ("totals", side) for side in ("fit", "behaviour")},
    }
    for argument, home in homes.items():
        for name, wanted in _mapping(argument, changes[argument], given):
            if name not in home:
                given.wrong(argument, f"there is no {name!r}{_nearest(name, home)}")
                continue
            own = [path for path in by_path if path[: len(home[name])] == home[name]]
            for key, value in _mapping(argument, wanted, given):
                path = (*home[name], key)
                if not isinstance(value, Mapping):
                    put(argument, path, value, repr(name), [str(one[2]) for one in own])
                    continue
                entries = {as_text(one[3]): one[3] for one in own if len(one) > 3 and one[2] == key}
                for entry, points in value.items():
                    place = (*path, entries.get(as_text(entry), entry))
                    put(argument, place, points, f"{name!r} ({key})", list(entries))
    return found


def _mapping(argument: str, value: Any, given: Arguments) -> list[tuple[Any, Any]]:
    if value is None:
        return []
    if isinstance(value, Mapping):
        return list(value.items())
    given.wrong(argument, f"must be a mapping, as {{'Pricing page': {{'points': 15}}}}; got {shown(value)}")
    return []


def _nearest(name: str, names: Iterable[str]) -> str:
    """The name that was meant, if one is near, and all that there are."""
    known = list(dict.fromkeys(names))
    said = did_you_mean(name, known)
    return f"{said} There are {', '.join(map(repr, known))}" if said.endswith("?") else said
