"""What changed between two rulebooks, in the words of the language: what a reviewer reads before saying yes."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from leadscore.base.text import decimal, exact_percent
from leadscore.rulebook.agreement import Agreement
from leadscore.rulebook.book import Rulebook
from leadscore.rulebook.conditions import Condition
from leadscore.rulebook.model import BehaviourRule, Contents, FitRule, Never, Persona, Segment
from leadscore.rulebook.protections import dropped
from leadscore.rulebook.values import Part
from leadscore.rulebook.working_hours import WorkingHours

# What one part of a rulebook says: words for each of its facts, None for what it leaves out. A table of points is a
# mapping; a list whose order does not matter is a set.
Words = str | Mapping[str, str] | frozenset[str] | None
Facts = dict[str, Words]
Named = FitRule | BehaviourRule | Never | Segment | Persona

_LIKE_A_NUMBER = re.compile(r"[-+.\d].*|true|false", re.IGNORECASE)

# How a fact is said: what it is called, what one entry of it is called, and the unit of its values.
_SAID: dict[str, tuple[str, str, str]] = {
    "points": ("points", "value", ""),
    "from": ("points from", "from", ""),
    "half_life_days": ("half-life", "", " days"),
    "fade_days": ("fades over", "", " days"),
    "within_days": ("window", "", " days"),
    "at_least": ("at least", "", ""),
    "at_most": ("at most", "", ""),
    "review_every_days": ("review every", "", " days"),
    "respond_within_minutes": ("respond within", "", " minutes"),
    "agreed_on": ("agreed on", "", ""),
    "agreed_by": ("agreed by", "", ""),
    "grades": ("", "grade", ""),
    "mqls_per_week": ("MQLs per week", "", ""),
    "complete_at_handover": ("complete at handover", "", ""),
    "reason_with_refusal": ("reason with refusal", "", ""),
    "weighted_pipeline": ("weighted pipeline", "", ""),
    "needing_activity_at_most": ("needing unusual activity at most", "", ""),
    "usual_activity": ("usual activity", "", " points"),
}
# In which order a part's facts are said.
_ORDER = (
    "threshold", "points", "from_", "event", "column", "when", "where", "within_days", "other", "missing", "type",
    "required", "count", "half_life_days", "fade_days", "step", "at_least", "at_most", "group", "agreed_by",
    "agreed_on", "review_every_days", "respond_within_minutes", "update", "mqls_per_week", "accepted",
    "complete_at_handover", "mix", "respond", "decide", "reason_with_refusal", "hours", "weighted_pipeline",
    "needing_activity_at_most", "usual_activity",
)  # fmt: skip
# What is a share, or holds shares.
_SHARES = {"accepted", "complete_at_handover", "mix", "reason_with_refusal", "needing_activity_at_most"}
# Not said of a part that is added or removed.
_DEFAULTS = {("other", "0"), ("missing", "0"), ("count", "daily"), ("required", "no")}


@dataclass(frozen=True)
class Change:
    """One thing that differs between two rulebooks.

    Attributes
    ----------
    section : str
        Where it stands: rulebook, agreement, columns, missing_values, personas, fit, behaviour, groups, totals,
        qualify, never, hand_raise, segments, grades.
    name : str
        The rule, the column, the key.
    text : str
        What changed, as `points 10 -> 15, half-life 14 -> 30 days`.
    code, warning : str
        The protection that the new rulebook drops, and its code (LS201 to LS205 in `format.md`); empty if none.
    """

    section: str
    name: str
    text: str
    code: str = ""
    warning: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.text}" + (f" (warning {self.code}: {self.warning})" if self.code else "")


def diff(old: Rulebook, new: Rulebook) -> list[Change]:
    """What changed from one rulebook to another, in the words of the language.

    Comments, layout, a default written out, 10 as 10.0, and the order of rules, values and tests are no changes. The
    order of `never` and `segments` is one, since the first that matches decides. A rule that differs in its name alone
    is renamed.

    Parameters
    ----------
    old, new : Rulebook

    Returns
    -------
    list of Change
        `section`, `name`, `text`; in the order of the new file, with removals last in their section. Empty if nothing
        changed. A change that drops a protection (an entry of `never`, a hand-raise, a minimum fit or behaviour, a
        cap, a segment) has a `code` and a `warning`.

    Examples
    --------
    >>> old = Rulebook.from_yaml('''
    ... leadscore: 1
    ... name: demo
    ... fit: [{name: Seniority, column: seniority, points: {VP: 25, Director: 15}}]
    ... behaviour: [{name: Pricing page, event: pricing, points: 10, half_life_days: 14}]
    ... qualify: {threshold: 50}
    ... ''')
    >>> seniority = {"fit.Seniority.points.VP": 20, "fit.Seniority.points.Head": 12}
    >>> pricing = {"behaviour.Pricing page.points": 15, "behaviour.Pricing page.half_life_days": 30}
    >>> for change in diff(old, old.edited(seniority | pricing)):
    ...     print(change)
    Seniority: VP 25 -> 20 points, new value Head: 12 points
    Pricing page: points 10 -> 15, half-life 14 -> 30 days
    >>> diff(old, old)
    []
    """
    changes = [
        replace(change, code=code, warning=warning)
        for change in _sections(old, new)
        for code, warning in [dropped(change.section, change.name, old, new)]
    ]
    order = [*new.to_dict(), *old.to_dict()]
    inner = {"never": "qualify", "hand_raise": "qualify", "segments": "qualify"}
    # Name, version and time zone are lines of their own at the head of a file.
    outer = {"rulebook": -1} | {section: place for place, section in reversed(list(enumerate(order)))}
    return sorted(changes, key=lambda change: outer[inner.get(change.section, change.section)])


def _sections(old: Contents, new: Contents) -> Iterator[Change]:
    for key in ("name", "version", "timezone"):
        yield from _one("rulebook", key, {"": getattr(old, key) or None}, {"": getattr(new, key) or None})
    yield from _one("agreement", "agreement", _facts(old.agreement), _facts(new.agreement))
    for side, name in (("marketing", "marketing promises"), ("sales", "sales promises"), ("shared", "shared goals")):
        before, after = (_facts(getattr(book.agreement or Agreement(), side)) for book in (old, new))
        yield from _one("agreement", name, before, after)
    yield from _mapping("columns", old.columns, new.columns)
    missing = [_words("missing_values", book.missing_values) for book in (old, new)]
    yield from _one("missing_values", "missing values", {"": missing[0]}, {"": missing[1]})
    yield from _rules("personas", old.personas, new.personas, ordered=True)
    yield from _rules("fit", old.fit, new.fit)
    yield from _rules("behaviour", old.behaviour, new.behaviour)
    yield from _mapping("groups", old.groups, new.groups)
    for side in ("fit", "behaviour"):
        before, after = (_facts(getattr(book.totals, side)) for book in (old, new))
        yield from _one("totals", f"total {side}", before, after)
    yield from _qualify(old, new)
    for side in ("fit", "behaviour"):
        before, after = ({"grades": _words(side, getattr(book.grades, side, None) or {})} for book in (old, new))
        yield from _one("grades", f"grades of {side}", before, after)


def _qualify(old: Contents, new: Contents) -> Iterator[Change]:
    for key in ("threshold", "minimum_fit", "minimum_behaviour"):
        before, after = ({"": _words(key, getattr(book.qualify, key))} for book in (old, new))
        yield from _one("qualify", key.replace("_", " "), before, after)
    yield from _rules("never", old.qualify.never, new.qualify.never, ordered=True)
    raises = [book.qualify.hand_raise for book in (old, new)]
    yield from _mapping("hand_raise", *({"hand raise": one} if one else {} for one in raises))
    yield from _rules("segments", old.qualify.segments, new.qualify.segments, ordered=True)


def _one(section: str, name: str, old: Facts, new: Facts) -> Iterator[Change]:
    text = _differences(old, new)
    if text:
        yield Change(section, name, text)


def _mapping(section: str, old: Mapping[str, Part], new: Mapping[str, Part]) -> Iterator[Change]:
    """Parts known by their key."""
    for name, part in new.items():
        if name in old:
            yield from _one(section, name, _facts(old[name]), _facts(part))
        else:
            yield Change(section, name, _whole("added", _facts(part)))
    for name in old:
        if name not in new:
            yield Change(section, name, _whole("removed", _facts(old[name])))


def _rules(section: str, old: Sequence[Named], new: Sequence[Named], *, ordered: bool = False) -> Iterator[Change]:
    """Rules known by their names; one that is equal in all but its name is renamed."""
    before, after = ({part.name: _facts(part) for part in parts} for parts in (old, new))
    was = {name: name for name in after if name in before}
    for name in after:
        same = [one for one in before if one not in after and one not in was.values() and before[one] == after[name]]
        if name not in was and same:
            was[name] = same[0]
    moved = _moved([was[name] for name in after if name in was], list(before)) if ordered else set()
    for name, facts in after.items():
        if name not in was:
            yield Change(section, name, _whole("added", facts))
            continue
        parts = [f"renamed, was {was[name]!r}"] if was[name] != name else []
        parts += [_place(name, list(after))] if was[name] in moved else []
        parts += [text for text in [_differences(before[was[name]], facts)] if text]
        if parts:
            yield Change(section, name, ", ".join(parts))
    for name, facts in before.items():
        if name not in was.values():
            yield Change(section, name, _whole("removed", facts))


def _moved(new: list[str], old: list[str]) -> set[str]:
    """The fewest names whose move explains the new order: all but the longest run that kept its order."""
    runs: list[list[str]] = [[]]
    for name in new:
        kept: list[list[str]] = [run for run in runs if not run or old.index(run[-1]) < old.index(name)]
        longest = max(kept, key=len)
        runs.append([*longest, name])
    longest = max(runs, key=len)
    return set(new) - set(longest)


def _place(name: str, names: list[str]) -> str:
    after = names[names.index(name) + 1 :]
    return f"moved, now before {after[0]!r}" if after else "moved to the end"


def _differences(old: Facts, new: Facts) -> str:
    return ", ".join(text for key in {**old, **new} for text in _difference(key, old.get(key), new.get(key)))


def _difference(key: str, old: Words, new: Words) -> Iterator[str]:
    label, entry, unit = _SAID.get(key, (key, "", ""))
    if old == new:
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping) and key in _SHARES:
        for name in {**new, **old}:
            if old.get(name) != new.get(name):
                yield f"{label} {name} {old.get(name, 'none')} -> {new.get(name, 'none')}"
    elif isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in {**new, **old}:
            if name not in old:
                yield f"new {entry} {name}: {_points(new[name])}"
            elif name not in new:
                yield f"no {entry} {name} (was {_points(old[name])})"
            elif old[name] != new[name]:
                place = f"from {name}:" if entry == "from" else name
                yield f"{place} {old[name]} -> {_points(new[name])}"
    elif isinstance(old, frozenset) and isinstance(new, frozenset) and len(old) + len(new) > 2:
        signs = [*(f"+{one}" for one in sorted(new - old)), *(f"-{one}" for one in sorted(old - new))]
        yield f"{label} {' '.join(signs)}".strip()
    else:
        # The unit is said once: "14 -> 30 days", but "none -> 30 days" and "14 days -> none".
        yield f"{label} {_shown(old, unit if new is None else '')} -> {_shown(new, unit)}".strip()


def _points(number: str) -> str:
    return f"{number} point" if number == "1" else f"{number} points"


def _shown(words: Words, unit: str) -> str:
    """One fact, whole."""
    if isinstance(words, Mapping):
        return "{" + ", ".join(f"{name}: {value}" for name, value in words.items()) + "}"
    if isinstance(words, frozenset):
        return ", ".join(sorted(words)) or "none"
    return "none" if words is None else f"{words}{unit}"


def _whole(done: str, facts: Facts) -> str:
    """A part that came or went, with all it says but its defaults."""
    said = []
    for key, words in facts.items():
        label, _, unit = _SAID.get(key, (key, "", ""))
        default = isinstance(words, str) and (key, words) in _DEFAULTS
        if words and not default:
            said.append(f"{label} {_shown(words, unit)}".strip())
    return f"{done}: {', '.join(said)}" if said else done


def _facts(part: Part | None) -> Facts:
    """What a part says but for its name, each fact once: points first."""
    facts: Facts = {}
    for key in _ORDER:
        value = getattr(part, key, None)
        if isinstance(value, Condition):
            facts |= _condition(key, value)
        elif isinstance(part, Part) and key in type(part).model_fields:
            facts[key.rstrip("_")] = _words(key, value)
    return facts


def _words(key: str, value: Any) -> Words:
    """One value in words."""
    if isinstance(value, Part | WorkingHours):
        return str(value)
    if isinstance(value, Mapping):
        written = exact_percent if key in _SHARES else decimal
        # Values stand as in the file: bare, unless they would be read as something else than text.
        bare = {entry: isinstance(entry, str) and not _LIKE_A_NUMBER.fullmatch(entry) for entry in value}
        return {entry if bare[entry] else _scalar(entry): written(number) for entry, number in value.items()}
    if isinstance(value, tuple):
        return frozenset(value if key == "agreed_by" else map(repr, value)) or None
    if isinstance(value, float | int) and key in _SHARES:
        return exact_percent(value)
    return value if value is None or isinstance(value, str) else _scalar(value)


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return repr(value)
    return value.isoformat() if isinstance(value, dt.date) else decimal(value)


def _condition(word: str, condition: Condition) -> Facts:
    """A condition as facts, one for each test; nested parts are sets, because their order does not matter."""
    facts: Facts = {}
    for column, test in condition.tests.items():
        for name, operand in test.parts():
            facts[f"{word} {column} {name.replace('_', ' ')}"] = _operand(name, operand)
    for name, parts in (("all of", condition.all_), ("any of", condition.any_)):
        if parts:
            facts[f"{word} {name}"] = frozenset(map(_nested, parts))
    if condition.not_:
        facts[f"{word} not"] = _nested(condition.not_)
    return facts


def _nested(condition: Condition) -> str:
    facts = _condition("", condition)
    return "(" + " and ".join(f"{key.strip()} {_shown(facts[key], '')}" for key in sorted(facts)) + ")"


def _operand(name: str, operand: Any) -> Words:
    if name == "between":
        return " to ".join(map(_scalar, operand))
    return frozenset(map(_scalar, operand)) if isinstance(operand, tuple) else _scalar(operand)
