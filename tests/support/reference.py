"""A reference scorer: one lead at a time, slow on purpose, written from the rulebook's text and from nothing else.

The engines of `leadscore` are tested against this file with ``==``. It shares no code with them, imports the standard
library only, and is meant to be checked by eye against ``rulebook.md``, section by section: text, conditions, points,
limits, who qualifies. Where it is slow or repeats itself, that is the point.

All figures are whole thousandths of a point.
"""

import datetime as dt
import unicodedata
from collections.abc import Iterable
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
    if kind_of(column, value, setting) != "text":
        return False
    text = normal(as_text(value))
    return text == "" or text in setting.missing


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


def one_test(column: str, test: str, wanted: Any, raw: Any, setting: Setting) -> bool | None:
    """Return True, False, or None where a missing value leaves it unknown."""
    missing = is_missing(column, raw, setting)
    if test == "known":
        return wanted is not missing
    if missing:
        return None
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


def condition(wanted: Row, row: Row, setting: Setting) -> bool | None:
    """All parts of a condition; it holds only where the result is True."""
    results: list[bool | None] = []
    for key, part in wanted.items():
        if key == "all":
            results.append(all_of([condition(inner, row, setting) for inner in part]))
        elif key == "any":
            results.append(any_of([condition(inner, row, setting) for inner in part]))
        elif key == "not":
            inner_result = condition(part, row, setting)
            results.append(None if inner_result is None else not inner_result)
        else:
            results.append(column_result(key, part, row.get(key), setting))
    return all_of(results)


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
    if "when" in rule:
        return thousandths(rule["points"]) if condition(rule["when"], lead, setting) is True else 0
    column = rule["column"]
    raw = lead.get(column)
    if is_missing(column, raw, setting):
        return thousandths(rule.get("missing", 0))
    kind = kind_of(column, raw, setting)
    value = read(raw, kind, setting)
    if "from" in rule:
        points = highest_reached(rule["from"], value)
        return thousandths(rule.get("other", 0)) if points is None else points
    for key, points in rule["points"].items():
        if read(key, kind, setting) == value:
            return thousandths(points)
    return thousandths(rule.get("other", 0))


def ages_that_count(entry: Row, events: Iterable[Row], setting: Setting) -> list[int]:
    """Age in days of each event that `entry` (a rule, `never`, `hand_raise`) counts; no age is below 0."""
    types = entry["event"] if isinstance(entry["event"], list) else [entry["event"]]
    ages = []
    for event in events:
        age = (setting.as_of - local_day(event["at"], setting.zone)).days
        in_window = age >= 0 and ("within_days" not in entry or age < entry["within_days"])
        of_type = normal(event["event"]) in [normal(as_text(name)) for name in types]
        if in_window and of_type and ("where" not in entry or condition(entry["where"], event, setting) is True):
            ages.append(age)
    return ages


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


def behaviour_points(rule: Row, events: Iterable[Row], setting: Setting) -> int:
    """Return what one behaviour rule gives one lead, before the rule's own limits."""
    ages = ages_that_count(rule, events, setting)
    count = rule.get("count", "daily")
    if count == "daily":
        ages = sorted(set(ages))
    elif count == "once":
        ages = sorted(ages)[:1]  # the most recent day, once
    if "from" in rule:
        return highest_reached(rule["from"], len(ages)) or 0
    return sum(worth(rule, age) for age in ages)


# ---------------------------------------------------------------------------------------------------------- limits


def limited(value: int, limits: Row) -> int:
    """Keep the value within `at_least` and `at_most`, where given."""
    if "at_least" in limits:
        value = max(value, thousandths(limits["at_least"]))
    if "at_most" in limits:
        value = min(value, thousandths(limits["at_most"]))
    return value


def side_sum(document: Document, side: str, points: dict[str, int]) -> tuple[int, list[Line]]:
    """Rules -> their own limits -> their group's -> the side's. Each limit that bit is a line of its own."""
    lines: list[Line] = []

    def limit(name: str, value: int, limits: Row) -> int:
        result = limited(value, limits)
        if result != value:
            lines.append((f"limit {name}", result - value))
        return result

    total = 0
    group_sums: dict[str, int] = {}
    for rule in document.get(side, []):
        name = rule["name"]
        lines.append((name, points[name]))
        # Only behaviour rules have limits of their own; a fit rule has no such keys.
        given = limit(name, points[name], rule)
        if "group" in rule:
            group_sums[rule["group"]] = group_sums.get(rule["group"], 0) + given
        else:
            total += given
    for group, group_sum in group_sums.items():
        total += limit(group, group_sum, document.get("groups", {}).get(group, {}))
    total = limit(f"totals.{side}", total, document.get("totals", {}).get(side, {}))
    return total, lines


# -------------------------------------------------------------------------------------------------- who qualifies


def blocked_by(qualify: Row, lead: Row, events: list[Row], setting: Setting) -> str | None:
    """Name of the first `never` entry that matches."""
    for entry in qualify.get("never", []):
        if "when" in entry:
            matches = condition(entry["when"], lead, setting) is True
        else:
            matches = len(ages_that_count(entry, events, setting)) > 0
        if matches:
            return str(entry["name"])
    return None


def segment_and_bar(qualify: Row, lead: Row, setting: Setting) -> tuple[str | None, int]:
    """Let the first segment that matches set the bar, else the threshold of the file."""
    for segment in qualify.get("segments", []):
        if condition(segment["when"], lead, setting) is True:
            return segment["name"], thousandths(segment["threshold"])
    return None, thousandths(qualify["threshold"])


def one_grade(bars: dict[Any, float], value: int) -> str:
    """Return the first letter or figure whose bar is reached; below the last bar, the one that follows it."""
    for key, bar in bars.items():
        if value >= thousandths(bar):
            return str(key)
    last = str(list(bars)[-1])
    return str(int(last) + 1) if last.isdigit() else chr(ord(last) + 1)


def grade(document: Document, fit: int, behaviour: int) -> str | None:
    """Fit grade then behaviour grade, such as A1; whichever of them is defined."""
    grades = document.get("grades", {})
    letter = one_grade(grades["fit"], fit) if "fit" in grades else ""
    figure = one_grade(grades["behaviour"], behaviour) if "behaviour" in grades else ""
    return letter + figure or None


def score_lead(document: Document, lead: Row, events: list[Row], setting: Setting) -> Row:
    """Everything `score` says of one lead. `events` are this lead's."""
    points = {rule["name"]: fit_points(rule, lead, setting) for rule in document.get("fit", [])}
    points |= {rule["name"]: behaviour_points(rule, events, setting) for rule in document.get("behaviour", [])}
    fit, fit_lines = side_sum(document, "fit", points)
    behaviour, behaviour_lines = side_sum(document, "behaviour", points)

    qualify = document["qualify"]
    segment, bar = segment_and_bar(qualify, lead, setting)
    enough = (
        fit + behaviour >= bar
        and ("minimum_fit" not in qualify or fit >= thousandths(qualify["minimum_fit"]))
        and ("minimum_behaviour" not in qualify or behaviour >= thousandths(qualify["minimum_behaviour"]))
    )
    blocker = blocked_by(qualify, lead, events, setting)
    via = None
    if blocker is None:
        if "hand_raise" in qualify and ages_that_count(qualify["hand_raise"], events, setting):
            via = "hand_raise"
        elif enough:
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
        "grade": grade(document, fit, behaviour),
        "points": points,
        "lines": fit_lines + behaviour_lines,
    }


def score(document: Document, leads: list[Row], events: list[Row], as_of: dt.date) -> dict[str, Row]:
    """Score every lead as it stood at the end of `as_of`.

    Parameters
    ----------
    document : a valid rulebook of format 1, as YAML gives it
    leads : rows with `lead_id`, perhaps `created_at`, and attributes; an absent key is a missing value
    events : rows with `lead_id`, `event`, `at`, and whatever a `where` tests
    as_of : calendar date in the rulebook's `timezone`

    Returns
    -------
    dict
        Per `lead_id`: fit, behaviour, total, threshold and points in whole thousandths; segment, qualified, via,
        blocked_by, grade; and `lines`, the explanation, whose figures sum exactly to the total. Leads created after
        `as_of` are left out.
    """
    setting = Setting(
        zone=ZoneInfo(document.get("timezone", "UTC")),
        missing={normal(as_text(text)) for text in document.get("missing_values", [])},
        kinds={column: declared["type"] for column, declared in document.get("columns", {}).items()},
        as_of=as_of,
    )
    scores: dict[str, Row] = {}
    for lead in leads:
        created: Any = lead.get("created_at")
        if not is_missing("created_at", created, setting) and local_day(created, setting.zone) > as_of:
            continue
        mine = [event for event in events if event["lead_id"] == lead["lead_id"]]
        scores[lead["lead_id"]] = score_lead(document, lead, mine, setting)
    return scores
