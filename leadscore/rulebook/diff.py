"""What changed between two rulebooks, in the words of the language: what a reviewer reads before saying yes."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from leadscore.base.text import counted, decimal, exact_percent
from leadscore.rulebook.agreement import Agreement
from leadscore.rulebook.book import Rulebook
from leadscore.rulebook.conditions import RELATIVE, Condition, NumberTest, Occurrence
from leadscore.rulebook.model import BehaviourRule, Contents
from leadscore.rulebook.named import NamedList
from leadscore.rulebook.protections import dropped, hand_raises
from leadscore.rulebook.values import REST, Part
from leadscore.rulebook.working_hours import WorkingHours

# What one part of a rulebook says: words for each of its facts, None for what it leaves out. A table of points is a
# mapping; a list whose order does not matter is a set, one whose order does are the facts of its parts.
Words = str | Mapping[str, str] | frozenset[str] | tuple["Facts", ...] | None
Facts = dict[str, Words]

_LIKE_A_NUMBER = re.compile(r"[-+.\d].*|true|false", re.IGNORECASE)
# Values of a list that are said one by one.
_FEW = 5

# How a fact is said: what it is called, what one entry of it is called, and the unit of its values.
_SAID: dict[str, tuple[str, str, str]] = {
    "points": ("points", "value", ""),
    "from": ("points from", "from", ""),
    "weight_percent": ("weight", "", " %"),
    "half_life_days": ("half-life", "", " days"),
    "fade_days": ("fades over", "", " days"),
    "within_days": ("window", "", " days"),
    "at_least": ("at least", "", ""),
    "at_most": ("at most", "", ""),
    "each_at_most": ("each at most", "", ""),
    "once_per": ("once per", "", ""),
    "active_from": ("active from", "", ""),
    "active_until": ("active until", "", ""),
    "keep_on_restart": ("kept on restart", "", ""),
    "review_every_days": ("review every", "", " days"),
    "respond_within_minutes": ("respond within", "", " minutes"),
    "agreed_on": ("agreed on", "", ""),
    "agreed_by": ("agreed by", "", ""),
    "grades": ("", "grade", ""),
    "cells": ("", "", ""),
    "mqls_per_week": ("MQLs per week", "", ""),
    "complete_at_handover": ("complete at handover", "", ""),
    "reason_with_refusal": ("reason with refusal", "", ""),
    "weighted_pipeline": ("weighted pipeline", "", ""),
    "needing_activity_at_most": ("needing unusual activity at most", "", ""),
    "usual_activity": ("usual activity", "", " points"),
}
# In which order a part's facts are said.
_ORDER = (
    "threshold", "points", "from_", "cases", "weight_percent", "best", "sum", "event", "stage", "column", "people",
    "when", "where", "times", "within_days", "after", "since_last", "other", "missing", "type", "separator", "required",
    "count", "once_per", "per", "each_at_most", "half_life_days", "fade_days", "step", "at_least", "at_most", "group",
    "active_from", "active_until", "keep_on_restart", "id", "agreed_by", "agreed_on", "review_every_days",
    "respond_within_minutes", "update", "mqls_per_week", "accepted", "complete_at_handover", "mix", "respond", "decide",
    "reason_with_refusal", "hours", "weighted_pipeline", "needing_activity_at_most", "usual_activity", "owner", "why",
)  # fmt: skip
# What is a share, or holds shares.
_SHARES = {"accepted", "complete_at_handover", "mix", "reason_with_refusal", "needing_activity_at_most"}
# Not said of a part that is added or removed.
_DEFAULTS = {("other", "0"), ("missing", "0"), ("count", "daily"), ("required", "no"), ("keep_on_restart", "false")}


@dataclass(frozen=True)
class Change:
    """One thing that differs between two rulebooks.

    Attributes
    ----------
    section : str
        Where it stands: rulebook, agreement, include, columns, missing_values, constants, lists, conditions, personas,
        fit, behaviour, groups, totals, restart, qualify, never, hand_raise, segments, grades, labels, account.
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

    Comments, layout, a default written out, 10 as 10.0, a list in a file or in the rulebook, and the order of rules,
    values and tests are no changes. The order of `never`, `segments`, `labels` and a rule's cases is one, since the
    first that matches decides. A rule that differs in its name alone is renamed. Points are said as they are written,
    before weights. A condition that has a name is said by its name; what changed in it is said once, under
    `conditions`.

    Parameters
    ----------
    old, new : Rulebook

    Returns
    -------
    list of Change
        `section`, `name`, `text`; in the order of the new file, with removals last in their section. Empty if nothing
        changed. A change that drops a protection (an entry of `never`, a hand-raise, the threshold, a minimum fit or
        behaviour, the grades that qualify, a cap, a segment) has a `code` and a `warning`.

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
    before, after = old.as_written, new.as_written
    changes = [
        replace(change, code=code, warning=warning)
        for change in _sections(old, new)
        for code, warning in [dropped(change.section, change.name, before, after)]
    ]
    order = [*new.to_dict(), *old.to_dict()]
    inner = {"never": "qualify", "hand_raise": "qualify", "segments": "qualify"}
    # Name, version and time zone are lines of their own at the head of a file.
    outer = {"rulebook": -1} | {section: place for place, section in reversed(list(enumerate(order)))}
    # What stands in included files is put in where they are named.
    included = outer.get("include", -1)
    return sorted(changes, key=lambda change: outer.get(inner.get(change.section, change.section), included))


def _sections(old_book: Rulebook, new_book: Rulebook) -> Iterator[Change]:
    old, new = old_book.as_written, new_book.as_written
    yield from _one("rulebook", "format", {"": _scalar(old.leadscore)}, {"": _scalar(new.leadscore)})
    for key in ("name", "version", "timezone", "owner", "why"):
        yield from _one("rulebook", key, {"": getattr(old, key) or None}, {"": getattr(new, key) or None})
    yield from _one("agreement", "agreement", _facts(old.agreement), _facts(new.agreement))
    for side, name in (("marketing", "marketing promises"), ("sales", "sales promises"), ("shared", "shared goals")):
        before, after = (_facts(getattr(book.agreement or Agreement(), side)) for book in (old, new))
        yield from _one("agreement", name, before, after)
    for section, name in (("include", "included files"), ("missing_values", "missing values")):
        before, after = ({"": _words(section, getattr(book, section))} for book in (old, new))
        yield from _one(section, name, before, after)
    yield from _mapping("columns", *(_by_key(book.columns) for book in (old, new)))
    yield from _mapping("constants", *(_constants(book) for book in (old, new)))
    yield from _mapping("lists", *(_lists(book) for book in (old_book, new_book)))
    yield from _mapping("conditions", *(_conditions(book) for book in (old, new)))
    yield from _rules("personas", *(_by_name(book.personas) for book in (old, new)), ordered=True)
    yield from _rules("fit", *(_by_name(book.fit) for book in (old, new)))
    yield from _rules("behaviour", *(_by_name(book.behaviour) for book in (old, new)))
    yield from _mapping("groups", *(_by_key(book.groups) for book in (old, new)))
    for side in ("fit", "behaviour"):
        before, after = (_facts(getattr(book.totals, side)) for book in (old, new))
        yield from _one("totals", f"total {side}", before, after)
    yield from _mapping("restart", *({"restart": _facts(one)} if one else {} for one in (old.restart, new.restart)))
    yield from _qualify(old, new)
    for side in ("fit", "behaviour"):
        before, after = ({"grades": _words(side, getattr(book.grades, side, None) or {})} for book in (old, new))
        yield from _one("grades", f"grades of {side}", before, after)
    labels = [{name: {"cells": _words("cells", cells)} for name, cells in book.labels.items()} for book in (old, new)]
    yield from _rules("labels", labels[0], labels[1], ordered=True)
    yield from _mapping("account", *({"account": _facts(one)} if one else {} for one in (old.account, new.account)))
    yield from _rules("account", *(_by_name(book.account.rules if book.account else ()) for book in (old, new)))


def _qualify(old: Contents, new: Contents) -> Iterator[Change]:
    for key in ("threshold", "minimum_fit", "minimum_behaviour", "grades"):
        before, after = ({"": _words("cells", getattr(book.qualify, key))} for book in (old, new))
        yield from _one("qualify", key.replace("_", " "), before, after)
    yield from _rules("never", *(_by_name(book.qualify.never) for book in (old, new)), ordered=True)
    yield from _rules("hand_raise", *(_by_key(hand_raises(book)) for book in (old, new)))
    yield from _rules("segments", *(_by_name(book.qualify.segments) for book in (old, new)), ordered=True)


def _by_key(parts: Mapping[str, Part]) -> dict[str, Facts]:
    return {name: _facts(part) for name, part in parts.items()}


def _by_name(parts: Sequence[Any]) -> dict[str, Facts]:
    return {part.name: _facts(part) for part in parts}


def _constants(book: Contents) -> dict[str, Facts]:
    return {name: {"": decimal(value)} for name, value in book.constants.items()}


def _conditions(book: Contents) -> dict[str, Facts]:
    return {name: _condition("", condition) for name, condition in book.conditions.items()}


def _lists(book: Rulebook) -> dict[str, Facts]:
    """Lists by what is in them, wherever that stands."""
    found: dict[str, Facts] = {}
    for name, one in book.named_lists.items():
        written = book.as_written.lists[name]
        found[name] = {"values": one.texts, **(_facts(written) if isinstance(written, Part) else {})}
    return found


def _one(section: str, name: str, old: Facts, new: Facts) -> Iterator[Change]:
    text = _differences(old, new)
    if text:
        yield Change(section, name, text)


def _mapping(section: str, old: Mapping[str, Facts], new: Mapping[str, Facts]) -> Iterator[Change]:
    """Parts known by their key."""
    for name, facts in new.items():
        if name in old:
            yield from _one(section, name, old[name], facts)
        else:
            yield Change(section, name, _whole("added", facts))
    for name, facts in old.items():
        if name not in new:
            yield Change(section, name, _whole("removed", facts))


def _rules(
    section: str, before: Mapping[str, Facts], after: Mapping[str, Facts], *, ordered: bool = False
) -> Iterator[Change]:
    """Rules known by their names; one that is equal in all but its name is renamed."""
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
    label, entry, unit = _called(key)
    if old == new:
        return
    if isinstance(old, tuple) or isinstance(new, tuple):
        yield from _cases(old if isinstance(old, tuple) else (), new if isinstance(new, tuple) else ())
    elif isinstance(old, Mapping) and isinstance(new, Mapping):
        yield from _entries(label, entry, old, new)
    elif key == "values" and isinstance(old, frozenset) and isinstance(new, frozenset):
        yield " ".join(f"{sign}{_listed(those)}" for sign, those in (("+", new - old), ("-", old - new)) if those)
    elif isinstance(old, frozenset) and isinstance(new, frozenset) and len(old) + len(new) > 2:
        signs = [*(f"+{one}" for one in sorted(new - old)), *(f"-{one}" for one in sorted(old - new))]
        yield f"{label} {' '.join(signs)}".strip()
    else:
        # The unit is said once: "14 -> 30 days", but "none -> 30 days" and "14 days -> none".
        yield f"{label} {_shown(old, unit if new is None else '')} -> {_shown(new, unit)}".strip()


def _called(key: str) -> tuple[str, str, str]:
    """How a fact is said; one of a part within another by the words of both, as `after within_days`."""
    outer, _, last = key.rpartition(" ")
    label, entry, unit = _SAID.get(last, (last, "", ""))
    return f"{outer} {label}".strip(), entry, unit


def _entries(label: str, entry: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    """What changed in a table: of points, where its entries are called something, else of shares."""
    for name in {**new, **old}:
        if old.get(name) == new.get(name):
            continue
        if not entry:
            yield f"{label} {name} {old.get(name, 'none')} -> {new.get(name, 'none')}"
        elif name not in old:
            yield f"new {entry} {name}: {_points(new[name])}"
        elif name not in new:
            yield f"no {entry} {name} (was {_points(old[name])})"
        else:
            place = f"from {name}:" if entry == "from" else name
            yield f"{place} {old[name]} -> {_points(new[name])}"


def _cases(old: tuple[Facts, ...], new: tuple[Facts, ...]) -> Iterator[str]:
    """Cases known by their names, else by what they say; those left of both lists are one another's, from above."""
    before, after = _keyed(old), _keyed(new)
    was = {key: key for key in after if key in before}
    left = ([key for key in keys if key not in was and not keys[key][1]["name"]] for keys in (after, before))
    was |= zip(*left, strict=False)
    moved = _moved([was[key] for key in after if key in was], list(before))
    names = {key: name for key, (name, _) in after.items()}
    for key, (name, facts) in after.items():
        if key not in was:
            yield f"{name} {_whole('added', facts)}"
            continue
        parts = [_place(name, list(names.values()))] if was[key] in moved else []
        parts += [text for text in [_differences(before[was[key]][1], facts)] if text]
        if parts:
            yield f"{name} {', '.join(parts)}"
    for key, (name, facts) in before.items():
        if key not in was.values():
            yield f"{name} {_whole('removed', facts)}"


def _keyed(cases: tuple[Facts, ...]) -> dict[str, tuple[str, Facts]]:
    """Cases by what tells each from the others, with what they are called."""
    found: dict[str, tuple[str, Facts]] = {}
    for place, case in enumerate(cases, 1):
        key = str(case["name"] or _whole("", case))
        while key in found:
            key += " again"
        found[key] = f"case {case['name'] or place}", case
    return found


def _listed(values: frozenset[str]) -> str:
    """The values of a list, or how many they are."""
    return " ".join(map(repr, sorted(values))) if len(values) <= _FEW else counted(len(values), "value")


def _points(number: str) -> str:
    return number if number == REST else f"{number} point" if number == "1" else f"{number} points"


def _shown(words: Words, unit: str) -> str:
    """One fact, whole."""
    if isinstance(words, Mapping):
        return "{" + ", ".join(f"{name}: {value}" for name, value in words.items()) + "}"
    if isinstance(words, tuple):
        return "[" + "; ".join(_whole(name, case) for name, case in _keyed(words).values()) + "]"
    if isinstance(words, frozenset):
        return ", ".join(sorted(words)) or "none"
    return "none" if words is None else f"{words}{unit}"


def _whole(done: str, facts: Facts) -> str:
    """A part that came or went, with all it says but its defaults."""
    said = []
    for key, words in facts.items():
        label, _, unit = _called(key)
        default = isinstance(words, str) and (key, words) in _DEFAULTS
        if key == "values" and isinstance(words, frozenset):
            said.append(_listed(words))
        elif words and not default and key != "name":
            said.append(f"{label} {_shown(words, unit)}".strip())
    return f"{done}: {', '.join(said)}" if said else done


def _facts(part: Part | None, word: str = "") -> Facts:
    """What a part says but for its name, each fact once: points first. `word` is what the part stands under."""
    facts: Facts = {}
    if part is None:
        return facts
    for key in (key for key in _ORDER if key in type(part).model_fields):
        value, name = getattr(part, key), f"{word} {key.rstrip('_')}".strip()
        if isinstance(value, Condition):
            facts |= _condition(name, value)
        elif isinstance(value, Occurrence):
            facts |= _facts(value, name.replace("since_last", "since last"))
        elif isinstance(value, NumberTest):
            facts |= _numbers(name, value)
        elif key == "sum" and isinstance(value, Mapping):
            for column, test in value.items():
                facts |= _numbers(f"{name} {column}", test)
        elif key == "cases" and value is not None:
            facts[key] = tuple({"name": case.name and repr(case.name)} | _facts(case) for case in value)
        else:
            facts[name] = _words(key, value)
    return facts | (_counted_as(part) if isinstance(part, BehaviourRule) else {})


def _counted_as(rule: BehaviourRule) -> Facts:
    """How a rule counts, where it does; once per day is the same as daily."""
    if not rule.event or rule.cases or rule.sum:
        return {"count": None}
    if rule.once_per == ("day",):
        return {"count": "daily", "once_per": None}
    return {"count": rule.count if rule.once_per is None else None}


def _words(key: str, value: Any) -> Words:
    """One value in words."""
    if isinstance(value, Part | WorkingHours):
        return str(value)
    if isinstance(value, Mapping):
        written = exact_percent if key in _SHARES else _bar
        # Values stand as in the file: bare, unless they would be read as something else than text.
        bare = {entry: isinstance(entry, str) and not _LIKE_A_NUMBER.fullmatch(entry) for entry in value}
        return {entry if bare[entry] else _scalar(entry): written(number) for entry, number in value.items()}
    if isinstance(value, tuple):
        return frozenset(value if key in {"agreed_by", "cells"} else map(repr, value)) or None
    if isinstance(value, float | int) and key in _SHARES:
        return exact_percent(value)
    if value is None or isinstance(value, str):
        return repr(value) if value and key in {"owner", "why"} else value
    return _scalar(value)


def _bar(points: float) -> str:
    return REST if points == -math.inf else decimal(points)


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | NamedList):
        return repr(str(value))
    return value.isoformat() if isinstance(value, dt.date) else decimal(value)


def _condition(word: str, condition: Condition) -> Facts:
    """A condition as facts, one for each test; nested parts are sets, because their order does not matter."""
    if condition.name:
        return {word: repr(condition.name)}
    facts: Facts = {}
    for column, test in condition.tests.items():
        for name, operand in test.parts():
            fact = f"{word} {column} {name.replace('_', ' ')}"
            facts |= _numbers(fact, operand) if name in RELATIVE else {fact: _operand(name, operand)}
    facts |= _facts(condition.did, f"{word} did") if condition.did else {}
    for name, parts in (("all of", condition.all_), ("any of", condition.any_)):
        if parts:
            facts[f"{word} {name}"] = frozenset(map(_nested, parts))
    if condition.not_:
        facts[f"{word} not"] = _nested(condition.not_)
    return facts


def _numbers(word: str, test: NumberTest) -> Facts:
    return {f"{word} {name.replace('_', ' ')}": _operand(name, operand) for name, operand in test.parts()}


def _nested(condition: Condition) -> str:
    if condition.name:
        return repr(condition.name)
    facts = _condition("", condition)
    said = []
    for key in sorted(key for key in facts if facts[key] is not None):
        label, _, unit = _called(key.strip())
        said.append(f"{label} {_shown(facts[key], unit)}")
    return "(" + " and ".join(said) + ")"


def _operand(name: str, operand: Any) -> Words:
    if name == "between":
        return " to ".join(map(_scalar, operand))
    return frozenset(map(_scalar, operand)) if isinstance(operand, tuple) else _scalar(operand)
