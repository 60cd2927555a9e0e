"""A reference scorer: one lead at a time, slow on purpose, written from the rulebook's text and from nothing else.

The engines of `leadscore` are tested against this file with ``==``. It shares no code with them, imports the standard
library only, and is meant to be checked by eye against ``rulebook.md``, section by section: text, conditions, points,
limits, who qualifies, accounts, what is said once. Where it is slow or repeats itself, that is the point.

It reads formats 1 and 2. All figures are whole thousandths of a point.
"""

import datetime as dt
import unicodedata
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

Document = dict[str, Any]
Row = dict[str, Any]
Line = tuple[str, int]


class Setting(NamedTuple):
    """What the reading of any value needs: where a day begins, which texts are missing, what was declared."""

    zone: ZoneInfo
    missing: set[str]
    kinds: dict[str, str]
    as_of: dt.date
    separators: dict[str, str]  # of columns of type options
    format: int


class Past(NamedTuple):
    """What one lead did and what sales did with it, and the day up to which nothing of it counts (None: all counts)."""

    events: list[Row]
    outcomes: list[Row]
    restarted: dt.date | None


class Given(NamedTuple):
    """What one rule gives one lead before any limit, by the values of its `per` (one value without `per`).

    A rule that is not active, or whose `when` does not hold, does not apply: it gives nothing and its limits are off.
    """

    applies: bool
    values: dict[Any, int]


def listed(one_or_several: Any) -> list[Any]:
    """One thing, or a list of them, as a list."""
    return one_or_several if isinstance(one_or_several, list) else [one_or_several]


# ---------------------------------------------------------------------------------------------------------- values


# Default_Ignorable_Code_Point of Unicode's DerivedCoreProperties.txt.
UNSEEN = (
    "00AD 034F 061C 115F-1160 17B4-17B5 180B-180F 200B-200F 202A-202E 2060-206F 3164 FE00-FE0F FEFF FFA0 FFF0-FFF8 "
    "1BCA0-1BCA3 1D173-1D17A E0000-E0FFF"
)
DROPPED = {
    code: None
    for span in UNSEEN.split()
    for code in range(int(span.split("-")[0], 16), int(span.split("-")[-1], 16) + 1)
}


def normal(text: str) -> str:
    """Text as both sides of a comparison see it: what is seen, NFKC, case folded, NFKC, white space single, trimmed."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text.translate(DROPPED)).casefold())
    return " ".join(folded.split())


def words(text: str) -> list[str]:
    """Split into runs of letters and digits, in order."""
    return "".join(char if char.isalnum() else " " for char in text).split()


def as_text(value: Any) -> str:
    """Write a value as text: whole numbers without a point, booleans as YAML writes them, dates as ISO text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, dt.date):
        return value.isoformat()
    return str(value)


def local_day(moment: dt.date, zone: ZoneInfo) -> dt.date:
    """Return the calendar day of a moment; a time without a zone is already wall-clock time in `zone`."""
    if not isinstance(moment, dt.datetime):
        return moment
    return moment.date() if moment.tzinfo is None else moment.astimezone(zone).date()


def kind_of(column: str, value: Any, setting: Setting) -> str:
    """Text, number, boolean or date: as declared, else as the value itself is."""
    declared = setting.kinds.get(column)
    if declared is not None:
        return "text" if declared == "category" else declared
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "date" if isinstance(value, dt.date) else "text"


def read(value: Any, kind: str, setting: Setting) -> Any:
    """Bring a value of the data or of the rulebook into the form in which two of them are compared."""
    if kind == "text":
        return normal(as_text(value))
    if kind == "date":
        return dt.date.fromisoformat(value) if isinstance(value, str) else local_day(value, setting.zone)
    return value


def is_missing(column: str, value: Any, setting: Setting) -> bool:
    """Null, NaN, NaT, empty text, or a text the rulebook lists under `missing_values`."""
    if value is None or value != value:  # noqa: PLR0124 - NaN and NaT alone differ from themselves
        return True
    kind = kind_of(column, value, setting)
    if kind == "options":
        return pieces(column, value, setting) == []
    if kind != "text":
        return False
    text = normal(as_text(value))
    return text == "" or text in setting.missing


def pieces(column: str, cell: Any, setting: Setting) -> list[str]:
    """Cut a cell of several options: what each says, normalised, without the empty, the missing and the repeated."""
    cut = cell if isinstance(cell, list | tuple) else as_text(cell).split(setting.separators.get(column, ";"))
    found: list[str] = []
    for piece in cut:
        text = "" if piece is None or piece != piece else normal(as_text(piece))  # noqa: PLR0124 - NaN again
        if text != "" and text not in setting.missing and text not in found:
            found.append(text)
    return found


# ------------------------------------------------------------------------------------------------------ conditions


def equality_holds(test: str, value: Any, wanted: Any, kind: str, setting: Setting) -> bool:
    """`is`, `is_not`, `in`, `not_in` on a known value."""
    options = wanted if test in ("in", "not_in") else [wanted]
    found = any(value == read(option, kind, setting) for option in options)
    return found if test in ("is", "in") else not found


def order_holds(test: str, value: Any, wanted: Any, kind: str, setting: Setting) -> bool:
    """`at_least`, `more_than`, `at_most`, `less_than`, `between` on a known number or day."""
    if test == "between":
        low, high = wanted
        return bool(read(low, kind, setting) <= value <= read(high, kind, setting))
    bar = read(wanted, kind, setting)
    if test == "at_least":
        return bool(value >= bar)
    if test == "more_than":
        return bool(value > bar)
    if test == "at_most":
        return bool(value <= bar)
    return bool(value < bar)


def pattern_holds(test: str, text: str, pattern: str) -> bool:
    """`has_word`, `contains`, `starts_with`, `ends_with` on known text, for one pattern."""
    if test == "contains":
        return pattern in text
    if test == "starts_with":
        return text.startswith(pattern)
    if test == "ends_with":
        return text.endswith(pattern)
    phrase, said = words(pattern), words(text)
    return any(said[start : start + len(phrase)] == phrase for start in range(len(said)))


def number_holds(wanted: Any, value: float, setting: Setting) -> bool:
    """All tests on a number that is always known, such as a count; a bare value means `is`, a list means `in`."""
    if isinstance(wanted, list):
        wanted = {"in": wanted}
    elif not isinstance(wanted, dict):
        wanted = {"is": wanted}
    results = []
    for test, bar in wanted.items():
        holds = equality_holds if test in ("is", "is_not", "in", "not_in") else order_holds
        results.append(holds(test, value, bar, "number", setting))
    return all(results)


def relative_day_holds(test: str, wanted: Any, raw: Any, setting: Setting) -> bool:
    """`days_ago`, `days_ahead` on a known day: a day to come is no days ago, a past day no days ahead."""
    days_ago = (setting.as_of - read(raw, "date", setting)).days
    number = days_ago if test == "days_ago" else -days_ago
    return number >= 0 and number_holds(wanted, number, setting)


def one_test(column: str, test: str, wanted: Any, raw: Any, setting: Setting) -> bool | None:
    """Return True, False, or None where a missing value leaves it unknown."""
    missing = is_missing(column, raw, setting)
    if test == "known":
        return wanted is not missing
    if missing:
        return None
    if test in ("days_ago", "days_ahead"):
        return relative_day_holds(test, wanted, raw, setting)
    if test == "has_option":
        found = pieces(column, raw, setting)
        return any(normal(as_text(option)) in found for option in listed(wanted))
    if test == "in_list":  # a test of text; the name of the list has been replaced by its values
        return normal(as_text(raw)) in {normal(as_text(option)) for option in wanted}
    kind = kind_of(column, raw, setting)
    value = read(raw, kind, setting)
    if test in ("is", "is_not", "in", "not_in"):
        return equality_holds(test, value, wanted, kind, setting)
    if test in ("at_least", "more_than", "at_most", "less_than", "between"):
        return order_holds(test, value, wanted, kind, setting)
    patterns = wanted if isinstance(wanted, list) else [wanted]
    return any(pattern_holds(test, value, normal(as_text(pattern))) for pattern in patterns)


def all_of(results: list[bool | None]) -> bool | None:
    """Kleene's and: one False decides, else one unknown leaves it unknown."""
    if False in results:
        return False
    return None if None in results else True


def any_of(results: list[bool | None]) -> bool | None:
    """Kleene's or: one True decides, else one unknown leaves it unknown."""
    if True in results:
        return True
    return None if None in results else False


def column_result(column: str, wanted: Any, raw: Any, setting: Setting) -> bool | None:
    """All tests on one column; a bare value means `is`, a list means `in`."""
    if isinstance(wanted, dict):
        return all_of([one_test(column, test, value, raw, setting) for test, value in wanted.items()])
    return one_test(column, "in" if isinstance(wanted, list) else "is", wanted, raw, setting)


def condition(wanted: Row, row: Row, setting: Setting, past: Past | None = None) -> bool | None:
    """All parts of a condition; it holds only where the result is True. `did` asks what the lead did, its `past`."""
    results: list[bool | None] = []
    for key, part in wanted.items():
        if key == "all":
            results.append(all_of([condition(inner, row, setting, past) for inner in part]))
        elif key == "any":
            results.append(any_of([condition(inner, row, setting, past) for inner in part]))
        elif key == "not":
            inner_result = condition(part, row, setting, past)
            results.append(None if inner_result is None else not inner_result)
        elif key == "did" and setting.format > 1:
            assert past is not None, "`did` stands where nothing is known of what the lead did"
            results.append(did_holds(part, past, setting))
        else:
            results.append(column_result(key, part, row.get(key), setting))
    return all_of(results)


def did_holds(wanted: Row, past: Past, setting: Setting) -> bool:
    """Whether the lead did something so many times, or for so much; never unknown."""
    rows = rows_that_count(wanted, past, setting)
    if "sum" in wanted:
        [(column, test)] = wanted["sum"].items()
        return number_holds(test, summed(column, rows) / 1000, setting)
    number = len(by_value(wanted["once_per"], rows, setting)) if "once_per" in wanted else len(rows)
    return number_holds(wanted.get("times", {"at_least": 1}), number, setting)


# --------------------------------------------------------------------------------------------------- what happened


def day_of(row: Row, setting: Setting) -> dt.date:
    """Return the calendar day of an event or an outcome."""
    return local_day(row["at"], setting.zone)


def age_of(row: Row, setting: Setting) -> int:
    """Return how many days before the day scored it was."""
    return (setting.as_of - day_of(row, setting)).days


def rows_of_kind(entry: Any, past: Past, setting: Setting) -> list[Row]:
    """Return all rows up to the day that `entry` names: by `event` and `where`, by `stage`, or as just the names."""
    if not isinstance(entry, dict):
        entry = {"event": entry}
    kind, rows = ("stage", past.outcomes) if "stage" in entry else ("event", past.events)
    names = [normal(as_text(name)) for name in listed(entry[kind])]
    rows = [row for row in rows if normal(row[kind]) in names and age_of(row, setting) >= 0]
    if "where" in entry:
        rows = [row for row in rows if condition(entry["where"], row, setting) is True]
    return rows


def comes_after(row: Row, entry: Any, past: Past, setting: Setting) -> bool:
    """`after`: one of the other kind lies on the same or an earlier day, fewer than its `within_days` days before."""
    for other in rows_of_kind(entry, past, setting):
        before = (day_of(row, setting) - day_of(other, setting)).days
        if before >= 0 and (not isinstance(entry, dict) or before < entry.get("within_days", before + 1)):
            return True
    return False


def last_day(entry: Any, past: Past, setting: Setting) -> dt.date | None:
    """Return the last day of this kind up to the day scored; None if there is none."""
    return max((day_of(row, setting) for row in rows_of_kind(entry, past, setting)), default=None)


def rows_that_count(entry: Row, past: Past, setting: Setting) -> list[Row]:
    """Return the rows that a rule, a case, a `never` entry, a hand-raise or a `did` counts on the day scored."""
    rows = rows_of_kind(entry, past, setting)
    if "within_days" in entry:
        rows = [row for row in rows if age_of(row, setting) < entry["within_days"]]
    if "after" in entry:
        rows = [row for row in rows if comes_after(row, entry["after"], past, setting)]
    resets = [past.restarted]
    if "since_last" in entry:
        resets.append(last_day(entry["since_last"], past, setting))
    return [row for row in rows if all(reset is None or day_of(row, setting) > reset for reset in resets)]


def one_value(name: str, row: Row, setting: Setting) -> Any:
    """Return what `once_per` and `per` tell apart: a day, a week from Monday, a month, or a value as text."""
    day = day_of(row, setting)
    if name == "day":
        return day
    if name == "week":
        return day - dt.timedelta(days=day.weekday())
    if name == "month":
        return day.year, day.month
    raw = row.get(name)
    if is_missing(name, raw, setting):
        return None  # all missing values are one value
    return normal(as_text(local_day(raw, setting.zone) if isinstance(raw, dt.date) else raw))


def by_value(names: str | list[str], rows: list[Row], setting: Setting) -> dict[Any, list[Row]]:
    """Sort rows by the values of one name or several."""
    found: dict[Any, list[Row]] = {}
    for row in rows:
        found.setdefault(tuple(one_value(name, row, setting) for name in listed(names)), []).append(row)
    return found


def summed(column: str, rows: list[Row]) -> int:
    """Add up a number column in thousandths: each value rounded by itself, missing is 0, numerals are numbers."""
    total = 0
    for row in rows:
        value = row.get(column)
        if isinstance(value, str):
            try:
                value = float(value)
            except ValueError:
                value = None  # a text of `missing_values`; any other would break the contract
        if value is not None and value == value:  # noqa: PLR0124 - not NaN
            total += round(value * 1000)
    return total


# ---------------------------------------------------------------------------------------------------------- points


def thousandths(points: float) -> int:
    """Points of the file, at most three decimals, as whole thousandths."""
    return round(points * 1000)


def highest_reached(table: dict[Any, float], value: float) -> int | None:
    """Points of the highest key that `value` reaches; None below the first."""
    reached = [key for key in table if key <= value]
    return thousandths(table[max(reached)]) if reached else None


def fit_points(rule: Row, lead: Row, setting: Setting) -> int:
    """Return what one fit rule gives one lead."""
    if "cases" in rule:
        return case_points(rule, lead, None, setting)
    if "when" in rule:
        return thousandths(rule["points"]) if condition(rule["when"], lead, setting) is True else 0
    column = rule["column"]
    raw = lead.get(column)
    if is_missing(column, raw, setting):
        return thousandths(rule.get("missing", 0))
    kind = kind_of(column, raw, setting)
    if kind == "options":
        return option_points(rule, pieces(column, raw, setting))
    value = read(raw, kind, setting)
    if "from" in rule:
        points = highest_reached(rule["from"], value)
        return thousandths(rule.get("other", 0)) if points is None else points
    for key, points in rule["points"].items():
        if read(key, kind, setting) == value:
            return thousandths(points)
    return thousandths(rule.get("other", 0))


def option_points(rule: Row, found: list[str]) -> int:
    """Add up the entries of all options ticked, `other` if none is listed; `from` goes by how many are ticked."""
    other = thousandths(rule.get("other", 0))
    if "from" in rule:
        points = highest_reached(rule["from"], len(found))
        return other if points is None else points
    entries = [thousandths(points) for key, points in rule["points"].items() if normal(as_text(key)) in found]
    return sum(entries) if entries else other


def case_points(rule: Row, lead: Row, past: Past | None, setting: Setting) -> int:
    """Return the points of the first case that holds, else `other`. A fit rule has no past."""
    for case in rule["cases"]:
        if "when" in case and condition(case["when"], lead, setting, past) is not True:
            continue
        if ("times" in case or "within_days" in case) and not did_holds(asked_by(case, rule), past, setting):
            continue
        return thousandths(case["points"])
    return thousandths(rule.get("other", 0))


def asked_by(case: Row, rule: Row) -> Row:
    """Return the `did` that a case asks: the rule's events in the case's window, counted as the rule counts."""
    asked = {key: rule[key] for key in ("event", "where", "after", "since_last", "once_per") if key in rule}
    return asked | {key: case[key] for key in ("times", "within_days") if key in case}


def worth(rule: Row, age: int) -> int:
    """Thousandths that one event (or one day of them) gives at this age: rounded once, half to even."""
    factor = 1.0
    if "half_life_days" in rule:
        factor = 2.0 ** (-age / rule["half_life_days"])
    elif "fade_days" in rule:
        factor = max(0.0, 1 - age / rule["fade_days"])
    elif "step" in rule:
        factor = (1 - rule["step"]["lose_percent"] / 100) ** (age // rule["step"]["every_days"])
    points: float = rule["points"]
    return round(points * factor * 1000)


def sum_points(rule: Row, total: int) -> int:
    """Return what a sum in thousandths gives: points for each unit, rounded once, half to even; or `from`."""
    if "from" in rule:
        return highest_reached(rule["from"], total / 1000) or 0
    return round(Fraction(total * thousandths(rule["points"]), 1000))


def event_points(rule: Row, rows: list[Row], setting: Setting) -> int:
    """Return what a rule gives for these events, which all count: those of one value of `per`, or all."""
    if "sum" in rule:
        return sum_points(rule, summed(rule["sum"], rows))
    if "once_per" in rule:
        apart = by_value(rule["once_per"], rows, setting).values()
        ages = [min(age_of(row, setting) for row in same) for same in apart]  # the most recent pays
    else:
        ages = sorted(age_of(row, setting) for row in rows)
        count = rule.get("count", "daily")
        if count == "daily":
            ages = sorted(set(ages))
        elif count == "once":
            ages = ages[:1]  # the most recent day, once
    if "from" in rule:
        return highest_reached(rule["from"], len(ages)) or 0
    return sum(worth(rule, age) for age in ages)


def is_active(rule: Row, setting: Setting) -> bool:
    """Whether the day scored is one of the rule's days; both ends are."""
    if "active_from" in rule and setting.as_of < read(rule["active_from"], "date", setting):
        return False
    return "active_until" not in rule or setting.as_of <= read(rule["active_until"], "date", setting)


def given_by_fit(rule: Row, lead: Row, setting: Setting) -> Given:
    """Return what one fit rule gives one lead, before any limit."""
    if not is_active(rule, setting):
        return Given(False, {})
    return Given(True, {(): fit_points(rule, lead, setting)})


def given_by_behaviour(rule: Row, per: str | list[str] | None, lead: Row, past: Past, setting: Setting) -> Given:
    """Return what one behaviour rule gives one lead, before any limit. `per` is the rule's or its group's."""
    if rule.get("keep_on_restart", False):
        past = past._replace(restarted=None)
    if not is_active(rule, setting):
        return Given(False, {})
    if "when" in rule and condition(rule["when"], lead, setting, past) is not True:
        return Given(False, {})
    if "cases" in rule:
        return Given(True, {(): case_points(rule, lead, past, setting)})
    if "event" not in rule:
        return Given(True, {(): thousandths(rule["points"])})
    rows = rows_that_count(rule, past, setting)
    if per is None:
        return Given(True, {(): event_points(rule, rows, setting)})
    # A value without events gives nothing, not even what `from` has at 0.
    apart = by_value(per, rows, setting)
    return Given(True, {value: event_points(rule, same, setting) for value, same in apart.items()})


# ---------------------------------------------------------------------------------------------------------- limits


def limited(value: int, limits: Row) -> int:
    """Keep the value within `at_least` and `at_most`, where given."""
    if "at_least" in limits:
        value = max(value, thousandths(limits["at_least"]))
    if "at_most" in limits:
        value = min(value, thousandths(limits["at_most"]))
    return value


def group_of(document: Document, rule: Row) -> Row:
    """Return what `groups` says of the rule's group; nothing for a group that is only a name, or for no group."""
    group: Row = document.get("groups", {}).get(rule.get("group"), {})
    return group


def per_of(document: Document, rule: Row) -> str | list[str] | None:
    """Return the columns by whose values a rule is worked out: its own `per`, or its group's."""
    per: str | list[str] | None = rule.get("per", group_of(document, rule).get("per"))
    return per


def side_sum(document: Document, side: str, given: dict[str, Given]) -> tuple[int, list[Line]]:
    """Rules -> their own limits -> their group's -> the side's. Each limit that bit is a line of its own."""
    lines: list[Line] = []

    def limit(name: str, value: int, limits: Row) -> int:
        result = limited(value, limits)
        if result != value:
            lines.append((f"limit {name}", result - value))
        return result

    def limit_each(name: str, values: dict[Any, int], limits: Row, per: str | list[str] | None) -> dict[Any, int]:
        if "each_at_most" not in limits:
            return values
        results = {value: limited(points, {"at_most": limits["each_at_most"]}) for value, points in values.items()}
        difference = sum(results.values()) - sum(values.values())
        if difference != 0:
            lines.append((f"limit {name} per {', '.join(listed(per))}", difference))
        return results

    total = 0
    group_sums: dict[str, dict[Any, int]] = {}
    for rule in document.get(side, []):
        name, found, group = rule["name"], given[rule["name"]], group_of(document, rule)
        lines.append((name, sum(found.values.values())))
        values: dict[Any, int] = {}
        if found.applies:
            values = limit_each(name, found.values, rule, per_of(document, rule))
            if "per" not in group:  # else the rule has no such limits, and its values stay apart
                # Only behaviour rules have limits of their own; a fit rule has no such keys.
                values = {(): limit(name, sum(values.values()), rule)}
        if "group" in rule:
            sums = group_sums.setdefault(rule["group"], {})
            for value, points in values.items():
                sums[value] = sums.get(value, 0) + points
        else:
            total += sum(values.values())
    for name, sums in group_sums.items():
        group = document.get("groups", {}).get(name, {})
        sums = limit_each(name, sums, group, group.get("per"))  # noqa: PLW2901
        total += limit(name, sum(sums.values()), group)
    total = limit(f"totals.{side}", total, document.get("totals", {}).get(side, {}))
    return total, lines


# -------------------------------------------------------------------------------------------------- who qualifies


def blocked_by(qualify: Row, lead: Row, past: Past, setting: Setting) -> str | None:
    """Name of the first `never` entry that matches. A restart is nothing to it."""
    past = past._replace(restarted=None)
    for entry in qualify.get("never", []):
        if "when" in entry:
            matches = condition(entry["when"], lead, setting, past) is True
        else:
            matches = len(rows_that_count(entry, past, setting)) > 0
        if matches:
            return str(entry["name"])
    return None


def raises_hand(qualify: Row, lead: Row, past: Past, setting: Setting) -> bool:
    """Whether one of the hand-raises holds: its `when`, and an event since the last restart."""
    for entry in listed(qualify.get("hand_raise", [])):
        if "when" in entry and condition(entry["when"], lead, setting, past) is not True:
            continue
        if rows_that_count(entry, past, setting):
            return True
    return False


def segment_and_bar(qualify: Row, lead: Row, past: Past, setting: Setting) -> tuple[str | None, int | None]:
    """Let the first segment that matches set the bar, else the threshold of the file, if any. No restart here."""
    past = past._replace(restarted=None)
    for segment in qualify.get("segments", []):
        if condition(segment["when"], lead, setting, past) is True:
            return segment["name"], thousandths(segment["threshold"])
    return None, thousandths(qualify["threshold"]) if "threshold" in qualify else None


def is_enough(qualify: Row, bar: int | None, fit: int, behaviour: int, cell: str | None) -> bool:
    """All bars that are given must be reached, and the cell be one of those that qualify."""
    return (
        (bar is None or fit + behaviour >= bar)
        and ("minimum_fit" not in qualify or fit >= thousandths(qualify["minimum_fit"]))
        and ("minimum_behaviour" not in qualify or behaviour >= thousandths(qualify["minimum_behaviour"]))
        and ("grades" not in qualify or cell in [str(name) for name in qualify["grades"]])
    )


def one_grade(bars: dict[Any, Any], value: int) -> str:
    """Return the first name whose bar is reached, or that is the rest; else the letter or figure after the last."""
    for key, bar in bars.items():
        if bar == "rest" or value >= thousandths(bar):
            return str(key)
    last = str(list(bars)[-1])
    return str(int(last) + 1) if last.isdigit() else chr(ord(last) + 1)


def grade(document: Document, fit: int, behaviour: int) -> str | None:
    """Fit grade then behaviour grade, such as A1; whichever of them is defined."""
    grades = document.get("grades", {})
    letter = one_grade(grades["fit"], fit) if "fit" in grades else ""
    figure = one_grade(grades["behaviour"], behaviour) if "behaviour" in grades else ""
    return letter + figure or None


def label(document: Document, cell: str | None) -> str | None:
    """Return the first label that lists the cell, or that is the rest."""
    for name, cells in document.get("labels", {}).items():
        if cells == "rest" or cell in [str(one) for one in cells]:
            return str(name)
    return None


def score_lead(document: Document, lead: Row, past: Past, setting: Setting) -> Row:
    """Everything `score` says of one lead. `past` is this lead's."""
    given = {rule["name"]: given_by_fit(rule, lead, setting) for rule in document.get("fit", [])}
    for rule in document.get("behaviour", []):
        given[rule["name"]] = given_by_behaviour(rule, per_of(document, rule), lead, past, setting)
    fit, fit_lines = side_sum(document, "fit", given)
    behaviour, behaviour_lines = side_sum(document, "behaviour", given)

    qualify = document["qualify"]
    segment, bar = segment_and_bar(qualify, lead, past, setting)
    cell = grade(document, fit, behaviour)
    blocker = blocked_by(qualify, lead, past, setting)
    via = None
    if blocker is None:
        if raises_hand(qualify, lead, past, setting):
            via = "hand_raise"
        elif is_enough(qualify, bar, fit, behaviour, cell):
            via = "score"
    return {
        "fit": fit,
        "behaviour": behaviour,
        "total": fit + behaviour,
        "segment": segment,
        "threshold": bar,
        "qualified": via is not None,
        "via": via,
        "blocked_by": blocker,
        "grade": cell,
        "label": label(document, cell),
        "points": {name: sum(found.values.values()) for name, found in given.items()},
        "lines": fit_lines + behaviour_lines,
    }


# -------------------------------------------------------------------------------------------------------- accounts

JUST_SCORED = ("fit", "behaviour", "total", "grade", "qualified")


class Person(NamedTuple):
    """A lead that belongs to an account: its columns with its scores in points beside them, its past, its scores."""

    row: Row
    past: Past
    scores: Row


def account_points(rule: Row, people: list[Person], setting: Setting) -> int:
    """Return what one rule gives an account before the rule's limits."""
    if "best" in rule:
        return max((person.scores[rule["best"]] for person in people), default=0)
    if "sum" in rule:
        return sum(person.scores[rule["sum"]] for person in people)
    rows = [person.row for person in people if condition(rule["people"], person.row, setting, person.past) is True]
    number = len(rows)
    if "once_per" in rule:
        column = rule["once_per"]
        known = [row[column] for row in rows if not is_missing(column, row.get(column), setting)]
        number = len({read(value, kind_of(column, value, setting), setting) for value in known})
    if "from" in rule:
        return highest_reached(rule["from"], number) or 0
    return thousandths(rule["points"]) if number > 0 else 0


def score_account(account: Row, people: list[Person], setting: Setting) -> Row:
    """Everything `score_accounts` says of one account."""
    points = {rule["name"]: account_points(rule, people, setting) for rule in account["rules"]}
    lines: list[Line] = []
    for rule in account["rules"]:
        lines.append((rule["name"], points[rule["name"]]))
        difference = limited(points[rule["name"]], rule) - points[rule["name"]]
        if difference != 0:
            lines.append((f"limit {rule['name']}", difference))
    total = sum(figure for _, figure in lines)
    return {
        "score": total,
        "qualified": total >= thousandths(account["threshold"]) if "threshold" in account else None,
        "people": len(people),
        "points": points,
        "lines": lines,
    }


# ------------------------------------------------------------------------------------------------ things said once


class Words(NamedTuple):
    """What names stand for."""

    constants: dict[str, float]
    lists: dict[str, list[Any]]
    conditions: dict[str, Row]


# Keys whose value is a figure of points, of days or a percentage, for which a constant may stand.
POINT_KEYS = ("points", "from", "other", "missing", "at_least", "at_most", "each_at_most")
BAR_KEYS = ("threshold", "minimum_fit", "minimum_behaviour")
DAY_KEYS = ("within_days", "half_life_days", "fade_days", "step", "weight_percent")


def joined(document: Document, files: dict[str, Any]) -> Document:
    """Put in what the included files define, in their order and before the file's own."""
    parts = [files[name] for name in listed(document.get("include", []))]
    result = {key: part for key, part in document.items() if key != "include"}
    for key in ("columns", "lists", "constants", "conditions", "groups"):
        tables = [part[key] for part in (*parts, document) if key in part]
        if tables:
            result[key] = {name: entry for table in tables for name, entry in table.items()}
    for key in ("missing_values", "fit", "behaviour"):
        rows = [part[key] for part in (*parts, document) if key in part]
        if rows:
            result[key] = [entry for several in rows for entry in several]
    return result


def values_of_list(written: Any, files: dict[str, Any]) -> list[Any]:
    """Return the values of a list: as written, or the lines of its file that are not blank."""
    if isinstance(written, list):
        return written
    return [line for line in files[written["file"]].splitlines() if line.strip()]


def spelt_condition(wanted: Any, words_said: Words) -> Row:
    """Return a condition with the text of others and the values of lists in place of their names."""
    if isinstance(wanted, str):
        return words_said.conditions[wanted]
    result: Row = {}
    for key, part in wanted.items():
        if key in ("all", "any"):
            result[key] = [spelt_condition(inner, words_said) for inner in part]
        elif key == "not":
            result[key] = spelt_condition(part, words_said)
        elif key == "did":
            result[key] = spelt_entry(part, words_said)
        elif isinstance(part, dict) and "in_list" in part:
            result[key] = part | {"in_list": words_said.lists[part["in_list"]]}
        else:
            result[key] = part
    return result


def spelt_number(written: Any, words_said: Words) -> Any:
    """Return a figure, or a table of them, with numbers in place of constants; `rest` is no constant."""
    if isinstance(written, dict):
        return {key: spelt_number(figure, words_said) for key, figure in written.items()}
    if isinstance(written, str) and written != "rest":
        return words_said.constants[written]
    return written


def spelt_entry(entry: Row, words_said: Words) -> Row:
    """Return a rule, a case, a limit, a `did` or whatever else has such keys, with all its names spelt out."""
    result: Row = {}
    for key, part in entry.items():
        if key in ("when", "where", "people"):
            result[key] = spelt_condition(part, words_said)
        elif key in ("after", "since_last") and isinstance(part, dict):
            result[key] = spelt_entry(part, words_said)
        elif key in ("cases", "never", "segments", "rules"):
            result[key] = [spelt_entry(one, words_said) for one in part]
        elif key == "hand_raise":
            result[key] = [spelt_entry(one, words_said) for one in listed(part)]
        elif key in POINT_KEYS + BAR_KEYS + DAY_KEYS:
            result[key] = spelt_number(part, words_said)
        else:
            result[key] = part
    return result


def spelt_out(document: Document, files: dict[str, Any]) -> Document:
    """Return the document with lists, conditions and constants in place of their names."""
    lists = {name: values_of_list(written, files) for name, written in document.get("lists", {}).items()}
    said = Words(document.get("constants", {}), lists, {})
    for name, wanted in document.get("conditions", {}).items():
        said.conditions[name] = spelt_condition(wanted, said)  # which uses those above it
    # A condition that nothing uses says nothing, of the kinds of columns neither.
    result = {key: part for key, part in document.items() if key not in ("lists", "constants", "conditions")}
    for key in ("fit", "behaviour"):
        result[key] = [spelt_entry(rule, said) for rule in document.get(key, [])]
    for key in ("groups", "totals"):
        result[key] = {name: spelt_entry(limits, said) for name, limits in document.get(key, {}).items()}
    for key in ("qualify", "account", "restart"):
        if key in document:
            result[key] = spelt_entry(document[key], said)
    if "grades" in document:
        result["grades"] = {side: spelt_number(bars, said) for side, bars in document["grades"].items()}
    return result


def weight_of(entry: Row) -> Decimal:
    """Return the weight as a factor; 1 without one."""
    return Decimal(str(entry.get("weight_percent", 100))) / 100


def times_weight(figure: Any, weight: Decimal) -> Any:
    """Return a figure of points, or a table of them, times a weight; exactly, in decimals."""
    if isinstance(figure, dict):
        return {key: times_weight(points, weight) for key, points in figure.items()}
    product = Decimal(str(figure)) * weight
    assert product == round(product, 3), f"{figure} x {weight} has more than three decimals"
    return float(product)


def weighted_entry(entry: Row, weight: Decimal) -> Row:
    """Return a rule, a case or limits with every figure of points times a weight."""
    result = {key: times_weight(part, weight) if key in POINT_KEYS else part for key, part in entry.items()}
    if "cases" in entry:
        result["cases"] = [weighted_entry(case, weight) for case in entry["cases"]]
    return result


def weighted(document: Document) -> Document:
    """Return the document with weights multiplied out: a rule's, its group's and its side's."""
    result, groups = dict(document), dict(document["groups"])
    result["totals"] = {side: weighted_entry(limits, weight_of(limits)) for side, limits in document["totals"].items()}
    for side in ("fit", "behaviour"):
        side_weight = weight_of(document["totals"].get(side, {}))
        result[side] = []
        for rule in document[side]:
            group = document["groups"].get(rule.get("group"), {})
            weight = weight_of(rule) * weight_of(group) * side_weight
            result[side].append(weighted_entry(rule, weight))
            if group:
                groups[rule["group"]] = weighted_entry(group, weight_of(group) * side_weight)
    return result | {"groups": groups}


def expanded(document: Document, files: dict[str, Any] | None = None) -> Document:
    """Return a rulebook without the words that only save writing: includes, lists, conditions, constants, weights."""
    if document.get("leadscore", 1) == 1:
        return document
    return weighted(spelt_out(joined(document, files or {}), files or {}))


def columns_of_options(node: Any) -> set[str]:
    """Return the columns that some `has_option` tests, which makes them columns of options."""
    found: set[str] = set()
    for key, part in node.items() if isinstance(node, dict) else ():
        if isinstance(part, dict) and "has_option" in part:
            found.add(key)
        found |= columns_of_options(part)
    for part in node if isinstance(node, list) else ():
        found |= columns_of_options(part)
    return found


# ----------------------------------------------------------------------------------------------------------- score


def setting_of(document: Document, as_of: dt.date) -> Setting:
    """Gather what the reading of values needs from a rulebook that is spelt out."""
    declared = document.get("columns", {})
    kinds = dict.fromkeys(columns_of_options(document), "options")
    return Setting(
        zone=ZoneInfo(document.get("timezone", "UTC")),
        missing={normal(as_text(text)) for text in document.get("missing_values", [])},
        kinds=kinds | {column: told["type"] for column, told in declared.items()},
        as_of=as_of,
        separators={column: told["separator"] for column, told in declared.items() if "separator" in told},
        format=document.get("leadscore", 1),
    )


def is_there(lead: Row, setting: Setting) -> bool:
    """Whether the lead had been created by the end of the day; without a known time it had."""
    created: Any = lead.get("created_at")
    return is_missing("created_at", created, setting) or local_day(created, setting.zone) <= setting.as_of


def past_of(document: Document, lead: Row, events: Iterable[Row], outcomes: Iterable[Row], setting: Setting) -> Past:
    """Gather what one lead did, and the day of its last restart."""
    mine = [event for event in events if event["lead_id"] == lead["lead_id"]]
    of_sales = [outcome for outcome in outcomes if outcome["lead_id"] == lead["lead_id"]]
    past = Past(mine, of_sales, None)
    if "restart" in document:
        past = past._replace(restarted=last_day(document["restart"], past, setting))
    return past


def score(
    document: Document,
    leads: list[Row],
    events: list[Row],
    as_of: dt.date,
    outcomes: Iterable[Row] = (),
    *,
    files: dict[str, Any] | None = None,
) -> dict[str, Row]:
    """Score every lead as it stood at the end of `as_of`.

    Parameters
    ----------
    document : a valid rulebook of format 1 or 2, as YAML gives it
    leads : rows with `lead_id`, perhaps `created_at`, and attributes; an absent key is a missing value
    events : rows with `lead_id`, `event`, `at`, and whatever a `where` tests
    as_of : calendar date in the rulebook's `timezone`
    outcomes : rows with `lead_id`, `stage` and `at`, which keep the contract of outcomes
    files : what the rulebook names, by the name it has there: an included file's document, a list's text

    Returns
    -------
    dict
        Per `lead_id`: fit, behaviour, total, threshold and points in whole thousandths; segment, qualified, via,
        blocked_by, grade, label; and `lines`, the explanation, whose figures sum exactly to the total. `points` are
        those of each rule before any limit. Leads created after `as_of` are left out.
    """
    document = expanded(document, files)
    setting = setting_of(document, as_of)
    outcomes = list(outcomes)
    scores: dict[str, Row] = {}
    for lead in leads:
        if is_there(lead, setting):
            past = past_of(document, lead, events, outcomes, setting)
            scores[lead["lead_id"]] = score_lead(document, lead, past, setting)
    return scores


def score_accounts(
    document: Document,
    leads: list[Row],
    events: list[Row],
    as_of: dt.date,
    outcomes: Iterable[Row] = (),
    *,
    files: dict[str, Any] | None = None,
) -> dict[str, Row]:
    """Score every account as it stood at the end of `as_of`; arguments as for `score`.

    Returns
    -------
    dict
        Per normalised account id: score and points in whole thousandths, `points` those of each rule before its
        limits; qualified (None where the account has no threshold); people, how many; and `lines`, which sum to the
        score. An account all of whose leads a `never` bars has no people, and a row.
    """
    document = expanded(document, files)
    setting = setting_of(document, as_of)
    outcomes = list(outcomes)
    accounts: dict[str, list[Person]] = {}
    for lead in leads:
        account_id = lead.get(document["account"]["id"])
        if not is_there(lead, setting) or is_missing(document["account"]["id"], account_id, setting):
            continue
        people = accounts.setdefault(normal(as_text(account_id)), [])
        past = past_of(document, lead, events, outcomes, setting)
        scores = score_lead(document, lead, past, setting)
        if scores["blocked_by"] is None:
            in_points = {name: scores[name] / 1000 for name in ("fit", "behaviour", "total")}
            row = lead | in_points | {name: scores[name] for name in ("grade", "qualified")}
            people.append(Person(row, past._replace(restarted=None), scores))
    # Columns of the names of scores are hidden, and with them what was declared of them.
    kinds = {column: kind for column, kind in setting.kinds.items() if column not in JUST_SCORED}
    setting = setting._replace(kinds=kinds)
    return {name: score_account(document["account"], people, setting) for name, people in accounts.items()}
