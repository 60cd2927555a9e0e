"""What a reviewer should know of a rulebook before any data is seen: findings with codes, none an error."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from leadscore.base.stages import STAGES
from leadscore.base.text import counted, decimal, listed, normalise, worded
from leadscore.errors import did_you_mean
from leadscore.rulebook import implied, model
from leadscore.rulebook.bounds import Range, missing_texts, most_counted, rule_range
from leadscore.rulebook.conditions import AT_LEAST_ONCE, Condition, Did, NumberTest, Occurrence, Test
from leadscore.rulebook.kinds import uses
from leadscore.rulebook.model import BehaviourRule, Contents, FitRule, parts
from leadscore.rulebook.reach import Found, least_fit, unreachable_cells
from leadscore.rulebook.values import Part
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
# Values of a list that are looked for in other rules.
_LONG = 1_000


@dataclass(frozen=True)
class Finding:
    """Something a reviewer should know. `code` is stable; `line` counts from 1, in the file that the message names."""

    code: str
    message: str
    line: int
    path: str

    def __str__(self) -> str:
        place = f"line {self.line}, {self.path}" if self.path else "the whole file"
        return f"{self.code} {place}: {self.message}"


def findings(book: Contents, document: Document, today: dt.date) -> list[Finding]:
    """Every finding, in the order of the file; those in files that it includes come after its own."""
    every = (
        least_fit,
        unreachable_cells,
        _never_fires,
        _never_reached,
        _never_matters,
        _twice,
        _substrings,
        _lost_signs,
        _windows,
        _uncapped,
        _shadowed,
        _loose_ends,
        _forgotten,
        _by_waiting,
        _idle_per,
        _without_why,
    )
    told = [*_agreement(book, today), *_over(book, today), *_unused(book, document)]
    found: dict[Finding, str] = {}
    for code, path, message in (*told, *(one for check in every for one in check(book))):
        span = document.span(path)
        file = span.of.source if span.of else ""
        found[Finding(code, f"{message} (in {file})" if file else message, span.line + 1, dotted(path))] = file
    return sorted(found, key=lambda finding: (found[finding], finding.line, finding.code))


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


def _never_fires(book: Contents) -> Found:
    missing = missing_texts(book)
    said: Path | None = None
    for path, part in _own_parts(book):
        for place, stage in enumerate(part.stage or () if isinstance(part, Occurrence) else ()):
            if normalise(stage) not in STAGES:
                message = f"no outcome has the stage {stage!r}{did_you_mean(stage, STAGES)}"
                yield "LS120", (*path, "stage", place), message
        if (said is None or path[: len(said)] != said) and (reason := _never(book, part, missing)):
            said = path
            yield "LS120", path, f"{_called(path, part)} {reason}"
    for index, rule in enumerate(book.fit):
        for key in rule.points if isinstance(rule.points, dict) else ():
            if isinstance(key, str) and normalise(key) in missing:
                message = f"{key!r} is one of 'missing_values', so its points are never given; write them as 'missing'"
                yield "LS120", ("fit", index, "points", key), message


def _never(book: Contents, part: Part, missing: set[str]) -> str:
    """What never happens to a part, and why; empty if it may fire."""
    when = part.when if isinstance(part, model.Rule | model.Case | model.Never | model.HandRaise) else None
    if when and (reason := implied.never_holds(when, missing)):
        return f"can never fire: {reason}"
    reason = implied.never_happens(part, missing) if isinstance(part, Occurrence) else ""
    forgets = None if isinstance(part, BehaviourRule) and part.keep_on_restart else book.restart
    if not reason and forgets and isinstance(part, BehaviourRule) and part.event and implied.covers(forgets, part):
        reason = "its events are those of 'restart', which forgets what lies on its own day"
    return f"{'never counts anything' if _holds_without(part) else 'can never fire'}: {reason}" if reason else ""


def _holds_without(part: Part) -> bool:
    """Whether a part can hold, or give points, without anything that it counts."""
    if isinstance(part, Did):
        return part.test.meets(0)
    if not isinstance(part, BehaviourRule):
        return False
    return 0 in (part.from_ or ()) or any(case.times and case.times.meets(0) for case in part.cases or ())


def _called(path: Path, part: Any) -> str:
    """What messages call a part: its name, else its key and which of several it is."""
    if name := getattr(part, "name", None):
        return repr(name)
    *_, word = (step for step in path if isinstance(step, str))
    number = f" {path[-1] + 1}" if isinstance(path[-1], int) else ""
    return {"cases": "case", "hand_raise": "hand-raise"}.get(word, repr(word)) + number


def _own_parts(book: Contents) -> Iterator[tuple[Path, Part]]:
    """All parts with their places; what is in a named condition only where that stands."""
    elsewhere: Path | None = None
    for path, part in parts(book):
        if elsewhere is not None and path[: len(elsewhere)] == elsewhere:
            continue
        elsewhere = path if isinstance(part, Condition) and part.name else None
        if elsewhere is None:
            yield path, part


def _never_reached(book: Contents) -> Found:
    """Counts that the days of a window cannot hold."""
    for path, part in _own_parts(book):
        if isinstance(part, BehaviourRule) and part.from_ and not part.sum:
            per = book.per(part)
            most = most_counted(part.distinct, part.within_days or math.inf, per)
            for least in part.from_:
                if least > most:
                    how = part.count if part.once_per is None else f"once per {' and '.join(part.once_per)}"
                    where = f"for each {' and '.join(per)}" if per else "in the window"
                    reason = f"counted {how}, there are at most {most:g} {where}"
                    yield "LS120", (*path, "from", int(least)), f"{decimal(least)} is never reached: {reason}"
        elif isinstance(part, BehaviourRule):
            for place, case in enumerate(part.cases or ()):
                if case.times and part.once_per:
                    yield from _too_many((*path, "cases", place, "times"), part.once_per, case.within_days, case.times)
        elif isinstance(part, Did) and part.times and part.once_per:
            yield from _too_many((*path, "times"), part.once_per, part.within_days, part.times)


def _too_many(path: Path, once_per: tuple[str, ...], within_days: int | None, test: NumberTest) -> Found:
    most = most_counted(once_per, within_days or math.inf)
    if not any(test.meets(number) for number in implied.whole_numbers(test) if number <= most):
        reason = f"counted once per {' and '.join(once_per)}, there are at most {most:g} in the window"
        yield "LS120", path, f"this is never met: {reason}"


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
        if rule_range(book, rule) == Range(0, 0):
            reasons.insert(0, "it gives 0 points whatever happens")
        if reasons:
            yield "LS121", (section, index), f"{rule.name!r} can never matter: {reasons[0]}"


def _twice(book: Contents) -> Found:
    """Values of one column that two rules reward."""
    earlier: dict[tuple[str, str], str] = {}
    for index, rule in enumerate(book.fit):
        here = {(column, normalise(str(value))): rule.name for column, values in _rewarded(rule) for value in values}
        both = [key for key in here if key in earlier]
        if both:
            (column, value), more = both[0], len(both) - 1
            extra = f" and {more} more" if more else ""
            message = f"{rule.name!r} and {earlier[both[0]]!r} both give points for {column} {value!r}{extra}"
            yield "LS122", ("fit", index), f"{message}: such a lead gets both"
        earlier |= here


def _rewarded(rule: FitRule) -> Iterator[tuple[str, Sequence[Any]]]:
    """The values of columns for which a rule gives points, where it names them."""
    if rule.column is not None and isinstance(rule.points, dict):
        yield rule.column, list(rule.points)
    for condition in filter(None, (rule.when, *(case.when for case in rule.cases or ()))):
        if len(condition.tests) == 1 and not condition.did and not any(condition.inner()):
            ((column, test),) = condition.tests.items()
            yield column, test.in_ or test.has_option or (() if test.is_ is None else (test.is_,))
            if test.in_list is not None and len(test.in_list.texts) <= _LONG:
                yield column, sorted(test.in_list.texts)


def _substrings(book: Contents) -> Found:
    for path, part in _own_parts(book):
        for pattern in (part.contains or ()) if isinstance(part, Test) else ():
            inside = _SUBSTRINGS.get(normalise(pattern))
            if inside is not None or (len(pattern) <= 3 and worded(pattern).strip() == pattern.lower()):
                example = f" ({normalise(pattern)!r} is in {inside!r})" if inside else ""
                message = f"contains {pattern!r} also finds it inside longer words{example}; has_word does not"
                yield "LS123", path, message


def _lost_signs(book: Contents) -> Found:
    for path, part in _own_parts(book):
        for phrase in (part.has_word or ()) if isinstance(part, Test) else ():
            words = worded(normalise(phrase)).strip()
            if _JOINED.sub(" ", normalise(phrase)).rstrip(".") != words:
                found = f"has_word {phrase!r} looks for {words!r}, whatever stands around it, as in '{words}-x'"
                yield "LS129", path, f"{found}: words are letters and digits; contains finds the signs too"


def _windows(book: Contents) -> Found:
    for index, rule in enumerate(book.behaviour):
        first = abs(rule.worth(0))
        if not (rule.fades and rule.within_days and first):
            continue
        share = abs(rule.worth(rule.within_days - 1)) / first
        if share >= _CLIFF:
            message = f"an event is still worth {share:.0%} on day {rule.within_days - 1} and nothing on the next"
            yield "LS124", ("behaviour", index, "within_days"), f"the decay outlives the window: {message}"


def _uncapped(book: Contents) -> Found:
    total = book.totals.behaviour.at_most
    bound = "without limit" if total is None else f"until it alone makes up the {total:g} of behaviour"
    for index, rule in enumerate(book.behaviour):
        group = book.limits(rule.group)
        if math.isfinite(rule_range(book, rule).most) or group.at_most is not None:
            continue
        if group.per and group.each_at_most is not None:
            pays = f"the group {rule.group!r} pays up to {group.each_at_most:g} for every {' and '.join(group.per)}"
            yield "LS125", ("groups", rule.group or ""), f"{pays} {bound}; cap it with 'at_most'"
            continue
        repeat = "repeat"
        if apart := [key for key in (*(rule.once_per or ()), *book.per(rule)) if not rule.sum]:
            repeat = f"new {' and '.join(dict.fromkeys(apart))}"
        pays = f"adds up {rule.sum!r}" if rule.sum else f"pays for every {repeat}"
        yield "LS125", ("behaviour", index), f"{rule.name!r} {pays} {bound}; cap it with 'at_most'"


def _shadowed(book: Contents) -> Found:
    listed_parts: list[tuple[Path, Sequence[model.Segment | model.Persona]]] = [
        (("qualify", "segments"), book.qualify.segments),
        (("personas",), book.personas),
    ]
    for path, several in listed_parts:
        for index, part in enumerate(several):
            for earlier in several[:index]:
                if implied.implies(part.when, earlier.when):
                    message = f"{part.name!r} is never reached: every lead in it is already in {earlier.name!r}"
                    yield "LS126", (*path, index), message
                    break
    for section, index, rule in book.rules():
        for place, case in enumerate(rule.cases or ()):
            for before, earlier_case in enumerate((rule.cases or ())[:place]):
                if _decided_by(case, earlier_case):
                    names = [_called(("cases", number), one) for number, one in ((place, case), (before, earlier_case))]
                    message = f"{names[0]} of {rule.name!r} is never reached: {names[1]} holds wherever it does"
                    yield "LS126", (section, index, "cases", place), message
                    break


def _decided_by(case: model.Case, earlier: model.Case) -> bool:
    """Whether an earlier case holds wherever a case does."""
    if earlier.when is not None and (case.when is None or not implied.implies(case.when, earlier.when)):
        return False
    if earlier.times is None and earlier.within_days is None:
        return True
    if case.times is None and case.within_days is None:
        return False
    narrow, wide = case.times or AT_LEAST_ONCE, earlier.times or AT_LEAST_ONCE
    days, longer = case.within_days or math.inf, earlier.within_days or math.inf
    # In a longer window there may be more events, which a test that asks for few of them does not pass.
    more = days == longer or (days < longer and not implied.falls_into(wide))
    return more and implied.numbers_imply(narrow, wide)


def _loose_ends(book: Contents) -> Found:
    used = {rule.group for _, _, rule in book.rules()}
    for name in book.groups:
        if name not in used:
            yield "LS128", ("groups", name), f"no rule has the group {name!r}, so its limits do nothing"
    told = {"created_at", *book.columns}
    for path, side, column, _ in uses(book):
        if book.columns and side == "lead" and path[0] in {"fit", "behaviour"} and column not in told:
            told.add(column)
            message = f"{column!r} is not declared in 'columns': its type is inferred from its tests"
            yield "LS127", path[:2], message


def _forgotten(book: Contents) -> Found:
    """Deductions that a restart forgets, where nobody has thought of it."""
    if book.restart is None or any(rule.keep_on_restart for rule in book.behaviour):
        return
    reach = {rule.name: rule_range(book, rule) for rule in book.behaviour if rule.event}
    names = [repr(name) for name, points in reach.items() if points.least < 0 and points.most <= 0]
    if names:
        deductions = f"{counted(len(names), 'deduction is', 'deductions are')} forgotten at a restart"
        yield "LS130", ("restart",), f"{deductions}: {listed(names)}; 'keep_on_restart: true' keeps what stays true"


def _by_waiting(book: Contents) -> Found:
    for path, part in parts(book):
        condition = part.people if isinstance(part, model.AccountRule) else None
        if isinstance(part, BehaviourRule | model.Case | model.Never | model.HandRaise | model.Segment):
            condition = part.when
        if condition is not None and (dids := list(implied.met_by_waiting(condition))):
            new = "; a lead created today has it at once" if implied.holds_of_nothing(condition) else ""
            days = {did.within_days for did in dids if did.within_days is not None}
            yield "LS131", path, f"{_doing_nothing(path, part, sorted(days))}{new}"
        elif isinstance(part, model.Case) and part.times and part.within_days and implied.falls_into(part.times):
            yield "LS131", path, _doing_nothing(path, part, [part.within_days])


def _doing_nothing(path: Path, part: Part, days: Sequence[int]) -> str:
    points = getattr(part, "points", None)
    given = f" ({decimal(points)} points)" if points is not None else ""
    windows = listed([f"{number:,}" for number in days])
    return f"{_called(path, part)}{given} comes to a lead by doing nothing, as what it did leaves the {windows} days"


def _idle_per(book: Contents) -> Found:
    for index, rule in enumerate(book.behaviour):
        if rule.per and not _told_apart(rule, rule.per):
            yield "LS132", ("behaviour", index, "per"), f"'per' of {rule.name!r} changes nothing: {_IDLE}"
    for name, group in book.groups.items():
        rules = [rule for rule in book.behaviour if rule.group == name]
        apart = any(_told_apart(rule, group.per) for rule in rules) if group.per else True
        if rules and not apart and group.each_at_most is None:
            yield "LS132", ("groups", name, "per"), f"'per' of the group {name!r} changes nothing: {_IDLE}"


_IDLE = "what its values give is added up as it would be without; give 'each_at_most'"


def _told_apart(rule: BehaviourRule, per: tuple[str, ...]) -> bool:
    """Whether a rule worked out value by value gives anything else than as a whole."""
    if rule.each_at_most is not None or rule.from_ is not None:
        return True
    # Of a sum the parts give what the whole does; so do events that count each, or differ in those columns anyway.
    return not rule.sum and rule.distinct is not None and not set(per) <= set(rule.distinct)


def _over(book: Contents, today: dt.date) -> Found:
    for section, index, rule in book.rules():
        if rule.active_until is not None and rule.active_until < today:
            ago = counted((today - rule.active_until).days, "day")
            message = f"{ago} ago, on {rule.active_until}, {rule.name!r} ended: take it out, or give it new days"
            yield "LS133", (section, index, "active_until"), message


def _without_why(book: Contents) -> Found:
    rules = list(book.rules())
    told = sum(rule.why is not None for _, _, rule in rules)
    for section, index, rule in rules if told else ():
        if rule.why is None:
            of_all = f"{told} of {counted(len(rules), 'rule')} {'has' if told == 1 else 'have'} one"
            yield "LS134", (section, index), f"{rule.name!r} has no 'why'; {of_all}"


def _unused(book: Contents, document: Document) -> Found:
    """What is said once and used nowhere; lists without a value."""
    constants, conditions, lists = set(), set(), set()
    empty = {name for name, values in book.lists.items() if values == ()}
    for path, part in parts(book):
        constants |= set(_texts_for_numbers(part, _written(document.data, path)))
        if isinstance(part, Condition):
            conditions.add(part.name)
        if isinstance(part, Test) and part.in_list is not None:
            lists.add(part.in_list.name)
            empty |= set() if part.in_list.values else {part.in_list.name}
    for section, used in {"constants": constants, "conditions": conditions, "lists": lists}.items():
        for name in getattr(book, section):
            if name not in used:
                yield "LS135", (section, name), f"nothing uses the {section.removesuffix('s')} {name!r}"
    for name in empty:
        yield "LS135", ("lists", name), f"0 values are in the list {name!r}"


def _written(data: Any, path: Path) -> Any:
    """What stands in the file at the place of a part; None where a name stands there, or above it."""
    for step in path:
        there = range(len(data)) if isinstance(data, list) else data if isinstance(data, dict) else None
        if there is not None and step in there:
            data = data[step]
        elif not isinstance(data, dict) or step != 0:
            # Position 0 may be of what need not be a list, and is the one entry itself.
            return None
    return data


def _texts_for_numbers(part: Part, written: Any) -> Iterator[str]:
    """The texts that stand in a part where it has numbers: names of constants."""
    for name, field in type(part).model_fields.items() if isinstance(written, dict) else ():
        value, text = getattr(part, name), written.get(field.alias or name)
        pairs = [(value, text)]
        if isinstance(value, dict) and isinstance(text, dict):
            pairs = [(entry, text.get(key)) for key, entry in value.items()]
        for number, said in pairs:
            if isinstance(said, str) and isinstance(number, int | float):
                yield said
