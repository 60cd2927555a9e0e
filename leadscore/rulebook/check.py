"""What a reviewer should know of a rulebook before any data is seen: findings with codes, none an error."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from leadscore.base.text import counted, normalise, worded
from leadscore.rulebook.bounds import Range, rule_range, shown, side_range
from leadscore.rulebook.conditions import WRITTEN, Condition, Test
from leadscore.rulebook.kinds import conditions, persona_conditions, rule_uses
from leadscore.rulebook.model import BehaviourRule, Contents, FitRule, Persona, Segment, minimum, thousandths
from leadscore.rulebook.yaml import Document, Path, dotted

# Short forms that hide inside longer words, each with such a word.
_SUBSTRINGS = {
    "cto": "director", "it": "recruiter", "vp": "mvp", "cfo": "", "ceo": "", "hr": "chrome", "pr": "product",
    "ai": "email", "cio": "socio", "coo": "coordinator", "cmo": "", "ops": "shops", "dev": "devoted", "cso": "",
    "intern": "international", "head": "ahead", "sales": "wholesales", "data": "database", "lead": "leader",
}  # fmt: skip
# What stands between the words of a phrase and is no part of its meaning: hyphens, strokes, apostrophes.
_JOINED = re.compile(r"(?<=[^\W_])[\s_/.'\u2019-]+(?=[^\W_])")
# An event still worth this share on the last day of its window drops off a cliff the next.
_CLIFF = 0.5


@dataclass(frozen=True)
class Finding:
    """Something a reviewer should know. `code` is stable; `line` counts from 1."""

    code: str
    message: str
    line: int
    path: str

    def __str__(self) -> str:
        place = f"line {self.line}, {self.path}" if self.path else "the whole file"
        return f"{self.code} {place}: {self.message}"


def findings(book: Contents, document: Document, today: dt.date) -> list[Finding]:
    """Every finding, in the order of the file."""
    every = (
        _least_fit,
        _never_fires,
        _never_matters,
        _twice,
        _substrings,
        _lost_signs,
        _windows,
        _uncapped,
        _shadowed,
        _loose_ends,
    )
    found = [
        Finding(code, message, document.span(path).line + 1, dotted(path))
        for code, path, message in (*_agreement(book, today), *(one for check in every for one in check(book)))
    ]
    return sorted(found, key=lambda finding: (finding.line, finding.code))


Found = Iterator[tuple[str, Path, str]]


def _agreement(book: Contents, today: dt.date) -> Found:
    agreement = book.agreement
    if agreement is None:
        yield "LS101", (), "no 'agreement': write who agreed on these numbers, when, and how often they are reviewed"
    elif agreement.agreed_on and agreement.review_every_days:
        every = agreement.review_every_days
        late = (today - agreement.agreed_on).days - every
        if late > 0:
            due = f"the review was due on {today - dt.timedelta(late)}, {counted(late, 'day')} ago"
            agreed = f"agreed {agreement.agreed_on}, every {counted(every, 'day')}"
            yield "LS102", ("agreement", "agreed_on"), f"{due} ({agreed})"
    if agreement is not None and agreement.respond_within_minutes not in {None, agreement.responds_within}:
        promised = f"sales promises to respond within {agreement.responds_within:g} minutes"
        message = f"{promised}, and 'respond_within_minutes' says {agreement.respond_within_minutes:g}: drop one"
        yield "LS103", ("agreement", "sales", "respond", "within_minutes"), message


def _least_fit(book: Contents) -> Found:
    """The least fit that can still qualify, at each threshold: computed from the limits, not sampled."""
    fit, behaviour = side_range(book, "fit"), side_range(book, "behaviour")
    thresholds: list[tuple[Path, str, float]] = [(("qualify", "threshold"), "a lead", book.qualify.threshold)]
    thresholds += [
        (("qualify", "segments", index, "threshold"), f"a lead in {segment.name!r}", segment.threshold)
        for index, segment in enumerate(book.qualify.segments)
    ]
    for path, who, threshold in thresholds:
        needed = thousandths(threshold)
        asked = minimum(book.qualify.minimum_fit)
        least = max(needed - behaviour.most, fit.least, asked)
        if needed > fit.most + behaviour.most:
            most = shown(fit.most + behaviour.most)
            yield "LS112", path, f"{who} cannot reach {shown(needed)} by score: the rules give at most {most}"
        elif least <= max(0, fit.least):
            gives = f"behaviour alone can reach {shown(min(behaviour.most, needed))} of {shown(needed)}"
            yield "LS110", path, f"{gives}: {who} with {shown(least)} fit qualifies{_recipe(book, needed - least)}"
        else:
            short = asked < needed - behaviour.most
            why = f"behaviour gives at most {shown(behaviour.most)}" if short else "that is the minimum fit"
            yield "LS111", path, f"{who} needs at least {shown(least)} fit to reach {shown(needed)}: {why}"


def _recipe(book: Contents, needed: float) -> str:
    """The fewest events of today that give the points, the best-paid first; in words."""
    steps = []
    left: dict[str | None, float] = {}
    for rule in sorted(book.behaviour, key=lambda rule: -max(rule.worth(0), 0)):
        room = book.limits(rule.group).bounds[1]
        gain = min(rule_range(rule).most, left.get(rule.group, room) if rule.group else math.inf, needed)
        if gain <= 0 or needed <= 0 or rule.worth(0) <= 0:
            continue
        steps.append(f"{rule.name!r} {_times(rule, gain)}")
        left[rule.group] = left.get(rule.group, room) - gain
        needed -= gain
    return f" after {', '.join(steps)}" if steps and needed <= 0 else ""


def _times(rule: BehaviourRule, gain: float) -> str:
    if rule.count == "each":
        count = math.ceil(gain / rule.worth(0))
        return "once" if count == 1 else f"{count} times"
    days, total = 0, 0
    # A limit `at_least` may give more than all days together.
    while total < gain and rule.worth(days) > 0:
        total += rule.worth(days)
        days += 1
    return "once" if days == 1 else f"on {days} days"


def _never_fires(book: Contents) -> Found:
    missing = {normalise(value) for value in book.missing_values} | {""}
    for section, index, rule in book.rules():
        condition = rule.when if isinstance(rule, FitRule) else rule.where
        reason = _contradiction(condition, missing) if condition else ""
        if reason:
            yield "LS120", (section, index), f"{rule.name!r} can never fire: {reason}"
    for index, rule in enumerate(book.fit):
        for key in rule.points if isinstance(rule.points, dict) else ():
            if isinstance(key, str) and normalise(key) in missing:
                message = f"{key!r} is one of 'missing_values', so its points are never given; write them as 'missing'"
                yield "LS120", ("fit", index, "points", key), message
    for index, behaviour_rule in enumerate(book.behaviour):
        most = {"once": 1, "daily": behaviour_rule.within_days or math.inf, "each": math.inf}[behaviour_rule.count]
        for least in behaviour_rule.from_ or ():
            if least > most:
                reason = f"counted {behaviour_rule.count}, there are at most {most:g} in the window"
                yield "LS120", ("behaviour", index, "from", least), f"{least} is never reached: {reason}"


def _contradiction(condition: Condition, missing: set[str]) -> str:
    """Why a condition cannot hold, as far as its tests and those under `all` tell."""
    for column, test in condition.tests.items():
        low, high = _interval(test)
        if low > high:
            dates = any(isinstance(one, dt.date) for one in (test.at_least, test.more_than, *(test.between or ())))
            least, most = (dt.date.fromordinal(int(one)) if dates else f"{one:g}" for one in (low, high))
            return f"no {column} is both at least {least} and at most {most}"
        values = _wanted(test)
        if values and values <= missing:
            return f"every value it wants of {column!r} counts as missing; write 'known: false'"
    for part in condition.all_ or ():
        reason = _contradiction(part, missing)
        if reason:
            return reason
    return ""


def _wanted(test: Test) -> set[Any]:
    """The values that `is` or `in` asks for."""
    return _folded(test.in_ or (() if test.is_ is None else (test.is_,)))


def _interval(test: Test) -> tuple[float, float]:
    """The bounds of the numbers that pass a test, taken as inclusive; dates as ordinals."""

    def number(bound: object) -> float:
        return bound.toordinal() if isinstance(bound, dt.date) else float(bound)  # type: ignore[arg-type]

    least, most = test.between or (None, None)
    lows = [number(bound) for bound in (test.at_least, test.more_than, least) if bound is not None]
    highs = [number(bound) for bound in (test.at_most, test.less_than, most) if bound is not None]
    return max(lows, default=-math.inf), min(highs, default=math.inf)


def _never_matters(book: Contents) -> Found:
    for section, index, rule in book.rules():
        fixed = {f"totals.{section} is": getattr(book.totals, section)}
        if rule.group in book.groups:
            fixed[f"the group {rule.group!r} is"] = book.groups[rule.group]
        reasons = [
            f"{what} always {limits.at_most:g}"
            for what, limits in fixed.items()
            if limits.at_least is not None and limits.at_least == limits.at_most
        ]
        if rule_range(rule) == Range(0, 0):
            reasons.insert(0, "it gives 0 points whatever happens")
        if reasons:
            yield "LS121", (section, index), f"{rule.name!r} can never matter: {reasons[0]}"


def _twice(book: Contents) -> Found:
    """Values of one column that two rules reward."""
    earlier: dict[tuple[str, str], str] = {}
    for index, rule in enumerate(book.fit):
        here: dict[tuple[str, str], str] = {}
        for column, (name, operand) in rule_uses(rule):
            if name not in {"points", "in", "is"} or (rule.when and len(list(rule.when.columns())) > 1):
                continue
            values = operand if isinstance(operand, (dict, tuple)) else (operand,)
            here |= {(column, normalise(str(value))): rule.name for value in values}
        both = [key for key in here if key in earlier]
        if both:
            (column, value), more = both[0], len(both) - 1
            extra = f" and {more} more" if more else ""
            message = f"{rule.name!r} and {earlier[both[0]]!r} both give points for {column} {value!r}{extra}"
            yield "LS122", ("fit", index), f"{message}: such a lead gets both"
        earlier |= here


def _substrings(book: Contents) -> Found:
    for path, condition in (*conditions(book), *persona_conditions(book)):
        for column, test in condition.columns():
            for pattern in test.contains or ():
                inside = _SUBSTRINGS.get(normalise(pattern))
                if inside is not None or (len(pattern) <= 3 and worded(pattern).strip() == pattern.lower()):
                    example = f" ({normalise(pattern)!r} is in {inside!r})" if inside else ""
                    message = f"contains {pattern!r} also finds it inside longer words{example}; has_word does not"
                    yield "LS123", (*path, column), message


def _lost_signs(book: Contents) -> Found:
    for path, condition in (*conditions(book), *persona_conditions(book)):
        for column, test in condition.columns():
            for phrase in test.has_word or ():
                words = worded(normalise(phrase)).strip()
                if _JOINED.sub(" ", normalise(phrase)).rstrip(".") != words:
                    found = f"has_word {phrase!r} looks for {words!r}, whatever stands around it, as in '{words}-x'"
                    message = f"{found}: words are letters and digits; contains finds the signs too"
                    yield "LS129", (*path, column), message


def _windows(book: Contents) -> Found:
    for index, rule in enumerate(book.behaviour):
        fades = rule.half_life_days or rule.fade_days or rule.step
        first = abs(rule.worth(0))
        if not (fades and rule.within_days and first):
            continue
        share = abs(rule.worth(rule.within_days - 1)) / first
        if share >= _CLIFF:
            message = f"an event is still worth {share:.0%} on day {rule.within_days - 1} and nothing on the next"
            yield "LS124", ("behaviour", index, "within_days"), f"the decay outlives the window: {message}"


def _uncapped(book: Contents) -> Found:
    for index, rule in enumerate(book.behaviour):
        if math.isinf(rule_range(rule).most) and book.limits(rule.group).at_most is None:
            total = book.totals.behaviour.at_most
            bound = "without limit" if total is None else f"until it alone makes up the {total:g} of behaviour"
            yield "LS125", ("behaviour", index), f"{rule.name!r} pays for every repeat {bound}; cap it with 'at_most'"


def _shadowed(book: Contents) -> Found:
    listed: list[tuple[Path, Sequence[Segment | Persona]]] = [
        (("qualify", "segments"), book.qualify.segments),
        (("personas",), book.personas),
    ]
    for path, parts in listed:
        for index, part in enumerate(parts):
            for earlier in parts[:index]:
                if _implies(part.when, earlier.when):
                    message = f"{part.name!r} is never reached: every lead in it is already in {earlier.name!r}"
                    yield "LS126", (*path, index), message
                    break


def _implies(narrow: Condition, wide: Condition) -> bool:
    """Whether a lead that meets `narrow` always meets `wide`; `any`, `all` and `not` are not compared."""
    if narrow == wide:
        return True
    if wide.any_ or wide.all_ or wide.not_:
        return False
    return all(
        column in narrow.tests and _test_implies(narrow.tests[column], test) for column, test in wide.tests.items()
    )


def _test_implies(narrow: Test, wide: Test) -> bool:
    (low, high), (least, most) = _interval(narrow), _interval(wide)
    for name, operand in wide.parts():
        if name in {"is", "in", *WRITTEN}:
            given = _folded(getattr(narrow, name) or ()) if name in WRITTEN else _wanted(narrow)
            implied = bool(given) and given <= _folded(operand if isinstance(operand, tuple) else (operand,))
        elif name in {"at_least", "at_most", "between"}:
            implied = low >= least and high <= most
        else:
            implied = getattr(narrow, name) == operand
        if not implied:
            return False
    return True


def _folded(values: Iterable[Any]) -> set[Any]:
    return {normalise(value) if isinstance(value, str) else value for value in values}


def _loose_ends(book: Contents) -> Found:
    used = {rule.group for _, _, rule in book.rules()}
    for name in book.groups:
        if name not in used:
            yield "LS128", ("groups", name), f"no rule has the group {name!r}, so its limits do nothing"
    if book.columns:
        for index, rule in enumerate(book.fit):
            for column, _ in rule_uses(rule):
                if column not in book.columns:
                    message = f"{column!r} is not declared in 'columns': its type is inferred from its tests"
                    yield "LS127", ("fit", index), message
