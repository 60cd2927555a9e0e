"""What can be said of a rulebook before any data is seen: findings that do not stop it, each with a code."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator
from dataclasses import dataclass

from leadscore.base.text import normalise, worded
from leadscore.rulebook.bounds import Range, rule_range, shown, side_range
from leadscore.rulebook.conditions import Condition, Test
from leadscore.rulebook.kinds import rule_uses
from leadscore.rulebook.model import BehaviourRule, Contents, FitRule, thousandths
from leadscore.rulebook.yaml import Document, Path, dotted

# Short forms that hide inside longer words, with a word each hides in.
_SUBSTRINGS = {
    "cto": "director", "it": "recruiter", "vp": "mvp", "cfo": "", "ceo": "", "hr": "chrome", "pr": "product",
    "ai": "email", "cio": "socio", "coo": "coordinator", "cmo": "", "ops": "shops", "dev": "devoted", "cso": "",
    "intern": "international", "head": "ahead", "sales": "wholesales", "data": "database", "lead": "leader",
}  # fmt: skip
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
    checks = (
        _agreement(book, today),
        _least_fit(book),
        _never_fires(book),
        _never_matters(book),
        _twice(book),
        _substrings(book),
        _windows(book),
        _uncapped(book),
        _shadowed(book),
        _loose_ends(book),
    )
    found = [
        Finding(code, message, document.span(path).line + 1, dotted(path))
        for check in checks
        for code, path, message in check
    ]
    return sorted(found, key=lambda finding: (finding.line, finding.code))


Found = Iterator[tuple[str, Path, str]]


def _agreement(book: Contents, today: dt.date) -> Found:
    agreement = book.agreement
    if agreement is None:
        yield "LS101", (), "no 'agreement': say who agreed on these numbers, when, and when they are reviewed"
    elif agreement.agreed_on and agreement.review_every_days:
        due = dt.date.fromordinal(
            min(agreement.agreed_on.toordinal() + agreement.review_every_days, dt.date.max.toordinal())
        )
        if due < today:
            late = (today - due).days
            message = f"the review was due on {due}, {late} days ago (agreed {agreement.agreed_on}, "
            yield "LS102", ("agreement", "agreed_on"), f"{message}every {agreement.review_every_days} days)"


def _least_fit(book: Contents) -> Found:
    """The least fit that can still qualify, at each bar: computed from the limits, not sampled."""
    fit, behaviour = side_range(book, "fit"), side_range(book, "behaviour")
    minimum = -math.inf if book.qualify.minimum_fit is None else thousandths(book.qualify.minimum_fit)
    bars: list[tuple[Path, str, float]] = [(("qualify", "threshold"), "a lead", book.qualify.threshold)]
    bars += [
        (("qualify", "segments", index, "threshold"), f"a lead in {segment.name!r}", segment.threshold)
        for index, segment in enumerate(book.qualify.segments)
    ]
    for path, who, threshold in bars:
        bar = thousandths(threshold)
        least = max(bar - behaviour.most, fit.least, minimum)
        if bar > fit.most + behaviour.most:
            most = shown(fit.most + behaviour.most)
            yield "LS112", path, f"{who} cannot reach {shown(bar)} by score: the rules give at most {most}"
        elif least <= max(0, fit.least):
            gives = f"behaviour alone can reach {shown(min(behaviour.most, bar))} of {shown(bar)}"
            yield "LS110", path, f"{gives}: {who} with {shown(least)} fit qualifies{_recipe(book, bar - least)}"
        else:
            most = f"behaviour gives at most {shown(behaviour.most)}"
            yield "LS111", path, f"{who} needs at least {shown(least)} fit to reach {shown(bar)}: {most}"


def _recipe(book: Contents, needed: float) -> str:
    """The fewest events of today that give the points, the best-paid first; in words."""
    steps = []
    ranges = {rule.name: rule_range(rule).most for rule in book.behaviour}
    left: dict[str | None, float] = {}
    for rule in sorted(book.behaviour, key=lambda rule: -max(rule.worth(0), 0)):
        limits = book.groups.get(rule.group or "")
        room = math.inf if limits is None or limits.at_most is None else thousandths(limits.at_most)
        gain = min(ranges[rule.name], left.get(rule.group, room) if rule.group else math.inf, needed)
        if gain <= 0 or needed <= 0 or rule.worth(0) <= 0:
            continue
        times = _times(rule, gain)
        steps.append(f"{rule.name!r} {times}" if times != "once" else f"{rule.name!r} once")
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
                message = f"{key!r} is one of 'missing_values', so its points are never given; write 'missing:'"
                yield "LS120", ("fit", index, "points", key), message
    for index, behaviour_rule in enumerate(book.behaviour):
        most = {"once": 1, "daily": behaviour_rule.within_days or math.inf, "each": math.inf}[behaviour_rule.count]
        for least in behaviour_rule.from_ or ():
            if least > most:
                message = (
                    f"{least} is never reached: counted {behaviour_rule.count}, at most {most:g} fit in the window"
                )
                yield "LS120", ("behaviour", index, "from", least), message


def _contradiction(condition: Condition, missing: set[str]) -> str:
    """Why a condition cannot hold, where that is plain to see; parts under `any` and `not` are not looked into."""
    for column, test in condition.tests.items():
        low, high = _interval(test)
        if low > high:
            dates = any(
                isinstance(one, dt.date)
                for _, operand in test.parts()
                for one in (operand if isinstance(operand, tuple) else (operand,))
            )
            least, most = (dt.date.fromordinal(int(one)) if dates else f"{one:g}" for one in (low, high))
            return f"no {column} is both at least {least} and at most {most}"
        values = test.in_ or ((test.is_,) if test.is_ is not None else ())
        texts = {normalise(value) for value in values if isinstance(value, str)}
        if texts and texts <= missing and len(texts) == len(values):
            return f"all values of {column!r} it asks for are read as missing; write 'known: false'"
    for part in condition.all_ or ():
        reason = _contradiction(part, missing)
        if reason:
            return reason
    return ""


def _interval(test: Test) -> tuple[float, float]:
    """The numbers a test lets through, as closed bounds; open ends are taken as closed, dates as ordinals."""

    def number(bound: object) -> float:
        return bound.toordinal() if isinstance(bound, dt.date) else float(bound)  # type: ignore[arg-type]

    lows = [number(bound) for bound in (test.at_least, test.more_than) if bound is not None]
    highs = [number(bound) for bound in (test.at_most, test.less_than) if bound is not None]
    if test.between is not None:
        lows.append(number(test.between[0]))
        highs.append(number(test.between[1]))
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
    conditions: list[tuple[Path, Condition | None]] = [
        ((section, index, "when"), rule.when) if isinstance(rule, FitRule) else ((section, index, "where"), rule.where)
        for section, index, rule in book.rules()
    ]
    for index, segment in enumerate(book.qualify.segments):
        conditions.append((("qualify", "segments", index, "when"), segment.when))
    for index, entry in enumerate(book.qualify.never):
        conditions.append((("qualify", "never", index, "when"), entry.when))
    for path, condition in conditions:
        for column, test in condition.columns() if condition else ():
            patterns: tuple[str, ...] = test.contains or ()
            for pattern in patterns:
                inside = _SUBSTRINGS.get(normalise(pattern))
                if inside is not None or (len(pattern) <= 3 and worded(pattern).strip() == pattern.lower()):
                    example = f" ({normalise(pattern)!r} is in {inside!r})" if inside else ""
                    message = f"contains {pattern!r} also finds it inside longer words{example}; has_word does not"
                    yield "LS123", (*path, column), message


def _windows(book: Contents) -> Found:
    for index, rule in enumerate(book.behaviour):
        fades = rule.half_life_days or rule.fade_days or rule.step
        first = abs(rule.worth(0))
        if not (fades and rule.within_days and first):
            continue
        share = abs(rule.worth(rule.within_days - 1)) / first
        if share >= _CLIFF:
            message = (
                f"the decay outlives the window: an event is still worth {share:.0%} on day {rule.within_days - 1}"
            )
            yield "LS124", ("behaviour", index, "within_days"), f"{message} and nothing on the next"


def _uncapped(book: Contents) -> Found:
    for index, rule in enumerate(book.behaviour):
        limits = book.groups.get(rule.group or "")
        if math.isinf(rule_range(rule).most) and (limits is None or limits.at_most is None):
            total = book.totals.behaviour.at_most
            bound = "without limit" if total is None else f"until it alone fills behaviour's {total:g}"
            message = f"{rule.name!r} is paid for every repeat {bound}; give it 'at_most', or its group"
            yield "LS125", ("behaviour", index), message


def _shadowed(book: Contents) -> Found:
    segments = book.qualify.segments
    for index, segment in enumerate(segments):
        for earlier in segments[:index]:
            if _implies(segment.when, earlier.when):
                message = f"{segment.name!r} is never reached: whoever is in it is already in {earlier.name!r}"
                yield "LS126", ("qualify", "segments", index), message
                break


def _implies(narrow: Condition, wide: Condition) -> bool:
    """Whether whoever meets `narrow` surely meets `wide`; only plain conjunctions of tests are compared."""
    if narrow == wide:
        return True
    if wide.any_ or wide.all_ or wide.not_:
        return False
    return all(
        column in narrow.tests and _test_implies(narrow.tests[column], test) for column, test in wide.tests.items()
    )


def _test_implies(narrow: Test, wide: Test) -> bool:
    for name, operand in wide.parts():
        if name in {"is", "in"}:
            given = set(narrow.in_ or ()) | ({narrow.is_} if narrow.is_ is not None else set())
            wanted = set(operand) if isinstance(operand, tuple) else {operand}
            implied = bool(given) and {_folded(v) for v in given} <= {_folded(v) for v in wanted}
        elif name in {"has_word", "contains", "starts_with", "ends_with"}:
            patterns = getattr(narrow, name) or ()
            implied = bool(patterns) and {normalise(p) for p in patterns} <= {normalise(p) for p in operand}
        elif name in {"at_least", "at_most", "between"}:
            (low, high), (least, most) = _interval(narrow), _interval(wide)
            implied = low >= least and high <= most
        else:
            implied = getattr(narrow, name) == operand
        if not implied:
            return False
    return True


def _folded(value: object) -> object:
    return normalise(value) if isinstance(value, str) else value


def _loose_ends(book: Contents) -> Found:
    used = {rule.group for _, _, rule in book.rules()}
    for name in book.groups:
        if name not in used:
            yield "LS128", ("groups", name), f"no rule has the group {name!r}, so its limits do nothing"
    if book.columns:
        for index, rule in enumerate(book.fit):
            for column, _ in rule_uses(rule):
                if column not in book.columns:
                    message = f"{column!r} is not among 'columns': its type is guessed from its tests"
                    yield "LS127", ("fit", index), message
