"""Everything that makes a rulebook unusable, found in one pass and shown with line and caret."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticCustomError

from leadscore.base.text import as_text, exact_percent, normalise
from leadscore.errors import LeadscoreError, did_you_mean, nearest
from leadscore.rulebook import model, weights
from leadscore.rulebook.agreement import NOT_MAPPED
from leadscore.rulebook.bounds import shown, side_range
from leadscore.rulebook.conditions import ORDERED, RELATIVE, Condition
from leadscore.rulebook.kinds import Kind, Use, inferred, known, misfit, options_of, uses
from leadscore.rulebook.named import SAID_ALREADY, Definitions, NamedList
from leadscore.rulebook.together import later_words, together
from leadscore.rulebook.values import share_of
from leadscore.rulebook.yaml import Document, Fault, Path, dotted

Uses = Sequence[tuple[Path, str, Use]]
P = TypeVar("P", bound=BaseModel)

# As alike as 'industy' and 'industry'; 'revenue' and 'revenue_eur' may well both be there.
_TYPO = 0.85


def contents(
    document: Document, lists: dict[str, NamedList], faults: list[Fault]
) -> tuple[model.Contents, model.Contents]:
    """The document as a checked model: as it is written, and with its weights in its points.

    Raises
    ------
    RulebookError
        With every problem of the file, those given among them, in the order of its lines.
    """
    data = document.data
    names = Definitions(
        format=1 if data.get("leadscore") == 1 else 2,
        constants={name: value for name, value in _mapping(data, "constants").items() if type(value) in {int, float}},
        lists=lists,
        conditions=_mapping(data, "conditions"),
        validate=Condition.model_validate,
    )
    book, found = validated(document, model.Contents, names)
    faults = faults + found + list(_structure(data)) + list(_tests(data, names))
    if book is None or faults:
        raise refusal(document, faults)
    faults = list(later_words(book) if names.format == 1 else together(book))
    weighted = book
    if not faults:
        weighted, faults = weights.applied(book)
    if not faults:
        faults = list(_unreachable(weighted))
    if faults:
        raise refusal(document, faults)
    return book, weighted


def validated(document: Document, kind: type[P], names: Definitions | None = None) -> tuple[P | None, list[Fault]]:
    """The document as its model, if it is one, and all that is wrong with its keys and values, each by itself."""
    faults = list(document.faults)
    broken = {path for path, _, _ in faults}
    try:
        return kind.model_validate(document.data, context=names), faults
    except ValidationError as error:
        told = [details for details in error.errors(include_url=False) if details["type"] != SAID_ALREADY]
        translated = (_translate(document.data, kind, dict(details)) for details in told)
        return None, faults + [fault for fault in translated if fault[0] not in broken]


def refusal(document: Document, faults: list[Fault]) -> LeadscoreError:
    """The error that says all that is wrong with a document, in the order of its lines."""

    def place(fault: Fault) -> tuple[int, int]:
        span = document.span(fault[0], on_key=fault[2])
        return span.line, span.column

    unique = dict.fromkeys(sorted(faults, key=place))
    problems = [document.problem(path, message, on_key=on_key) for path, message, on_key in unique]
    return document.form.error(document.source, problems)


def _translate(data: Any, kind_of_file: type[BaseModel], details: dict[str, Any]) -> Fault:
    """One of pydantic's errors in the words of the language, at a path that stands in the file."""
    location, kind = details["loc"], details["type"]
    on_key = location[-1:] == ("[key]",)
    path: Path = ()
    here = data
    for part in location:
        # Parts that are not in the file are the names pydantic gives to the forms a value may take.
        there = range(len(here)) if isinstance(here, list) else here if isinstance(here, dict) else ()
        if part in there:
            path, here = (*path, part), here[part]
    if kind == "extra_forbidden":
        return path, f"unknown key {path[-1]!r}{did_you_mean(path[-1], model.keys_at(path[:-1], kind_of_file))}", True
    if kind == "missing":
        return path, f"{location[-1]!r} is missing", False
    if kind == "literal_error":
        expected = details["ctx"]["expected"]
        names = [name.strip("' ") for name in expected.replace(" or ", ",").split(",")]
        return path, f"must be {expected}; got {here!r}{nearest(here, names)}", False
    if kind in {"model_type", "dict_type"}:
        return path, f"must map keys to values; got {here!r}", False
    if kind in {"tuple_type", "list_type"}:
        return path, f"must be a list; got {here!r}", False
    if kind in {"bool_type", "invalid_key"}:
        wanted = "must be true or false" if kind == "bool_type" else "column names are text; put it in quotes"
        return path, f"{wanted}; got {here!r}", False
    return path, details["msg"], on_key


def _mapping(data: Any, *path: str) -> dict[Any, Any]:
    """The mapping at a path; empty where there is none."""
    for part in path:
        data = data.get(part) if isinstance(data, dict) else None
    return data if isinstance(data, dict) else {}


def _rules(data: dict[Any, Any], *sections: str) -> Iterator[tuple[Path, dict[Any, Any]]]:
    """Every rule of some sections, with its path."""
    for section in sections:
        *outer, last = section.split(".")
        rules = _mapping(data, *outer).get(last)
        if isinstance(rules, dict):
            yield (*outer, last), rules
        for index, rule in enumerate(rules if isinstance(rules, list) else ()):
            if isinstance(rule, dict):
                yield (*outer, last, index), rule


def _structure(data: dict[Any, Any]) -> Iterator[Fault]:
    """Keys that do not go together, and names that clash; on raw data, so that a wrong value hides nothing."""
    later = data.get("leadscore") != 1
    for path, rule in _rules(data, "fit"):
        yield from _looked_up(path, rule, later=later)
    for path, rule in _rules(data, "behaviour"):
        yield from _earning(path, rule, later=later)
    for path, entry in _rules(data, "qualify.never"):
        yield from _one_of(path, entry, "when", "event", *(["stage"] if later or "stage" in entry else []))
        for key in _OF_EVENTS & entry.keys() if "when" in entry else ():
            yield (*path, key), f"{key!r} goes with 'event'", True
    for path, entry in _rules(data, "qualify.hand_raise"):
        if "event" not in entry:
            yield path, "'event' is missing", False
    if not later and _is_list(_mapping(data, "qualify").get("hand_raise")):
        yield ("qualify", "hand_raise"), "a list of them is for format 2; begin the file with 'leadscore: 2'", True
    if not later and "include" in data:
        yield ("include",), "'include' is a word of format 2; begin the file with 'leadscore: 2'", True
    for sections in (
        ("fit", "behaviour", "qualify.never", "qualify.segments"),
        ("qualify.hand_raise",),
        ("personas",),
        ("account.rules",),
    ):
        yield from _names(data, *sections)
    yield from _groups(data)
    yield from _agreed(data)


_OF_EVENTS = {"where", "within_days", "after", "since_last"}
_DECAYS = ("half_life_days", "fade_days", "step")
_COUNTED = {"count", "once_per", "per", "each_at_most", *_DECAYS}
# What each form of a rule cannot have beside it.
_APART = {
    "fit": {"column", "when", "points", "from", "missing"},
    "cases": {"points", "from", "sum", "within_days", "per", "each_at_most", "count", *_DECAYS},
    "sum": {"count", "once_per", "other", *_DECAYS},
}
_MOST_EVENTS = 10**15


def _looked_up(path: Path, rule: dict[Any, Any], *, later: bool) -> Iterator[Fault]:
    """What is wrong with the form of a fit rule."""
    if "cases" in rule:
        yield from _beside(path, rule, "cases", _APART["fit"])
        return
    yield from _one_of(path, rule, "column", "when", *(["cases"] * later))
    if "column" in rule:
        yield from _one_of(path, rule, "points", "from")
        if "points" in rule and not isinstance(rule["points"], dict) and not _is_list(rule["points"]):
            yield (*path, "points"), "must be a table of value to points, as {SaaS: 10}", False
    elif "when" in rule:
        if "points" not in rule or isinstance(rule["points"], dict):
            yield path, "a rule with 'when' needs one number as its 'points'", False
        for key in {"from", "other", "missing"} & rule.keys():
            yield (*path, key), f"{key!r} goes with 'column', not with 'when'", True


def _earning(path: Path, rule: dict[Any, Any], *, later: bool) -> Iterator[Fault]:
    """What is wrong with the form of a behaviour rule."""
    if "event" not in rule:
        yield from _without_events(path, rule)
        return
    if "cases" in rule:
        yield from _beside(path, rule, "cases", _APART["cases"])
        return
    yield from _one_of(path, rule, "points", "from", *(["cases"] * later))
    decays = [key for key in _DECAYS if key in rule]
    if len(decays) > 1:
        yield (*path, decays[1]), f"a rule has at most one kind of decay; got {' and '.join(decays)}", True
    if "sum" in rule:
        yield from _beside(path, rule, "sum", _APART["sum"])
    elif decays and "from" in rule:
        yield (*path, decays[0]), f"'from' counts events and {decays[0]!r} fades them: use one of the two", True
    if "other" in rule:
        yield (*path, "other"), "'other' goes with 'cases'", True
    if "count" in rule and "once_per" in rule:
        yield (*path, "once_per"), "give 'count' or 'once_per', not both", True
    for key in rule["from"] if isinstance(rule.get("from"), dict) and "sum" not in rule else ():
        if type(key) is float or (type(key) is int and not 0 <= key <= _MOST_EVENTS):
            whole = key > 0 and key == int(key)
            message = f"must be at most {_MOST_EVENTS:,}" if whole else "must be a whole number, 0 or more"
            yield (*path, "from", key), f"{message}; got {key!r}", True


def _without_events(path: Path, rule: dict[Any, Any]) -> Iterator[Fault]:
    if not {"when", "cases", "stage"} & rule.keys():
        yield path, "'event' is missing", False
        return
    form = "cases" if "cases" in rule else "points"
    if form not in rule:
        yield path, "a rule without 'event' gives 'points', or has 'cases'", False
    others = {"points", "from", *(["other"] if form == "points" else [])} - {form}
    for key in (_OF_EVENTS | _COUNTED | {"sum"} | others) & rule.keys():
        yield (*path, key), f"{key!r} does not go with a rule without 'event'", True


def _beside(path: Path, rule: dict[Any, Any], form: str, others: set[str]) -> Iterator[Fault]:
    for key in [key for key in rule if key in others]:
        yield (*path, key), f"{key!r} does not go with {form!r}", True


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _one_of(path: Path, rule: dict[Any, Any], *keys: str) -> Iterator[Fault]:
    given = [key for key in keys if key in rule]
    if len(given) > 1:
        yield (*path, given[1]), f"give {given[0]!r} or {given[1]!r}, not both", True
    elif not given:
        neither = f"neither {keys[0]!r} nor {keys[1]!r}" if len(keys) == 2 else f"none of {', '.join(map(repr, keys))}"
        yield path, f"{rule.get('name', 'this rule')!r} has {neither}; it needs one", False


def _names(data: dict[Any, Any], *sections: str) -> Iterator[Fault]:
    first: dict[str, Path] = {}
    for path, rule in _rules(data, *sections):
        name = rule.get("name")
        if isinstance(name, str) and first.setdefault(name, path) != path:
            taken = f"the name {name!r} is taken by {dotted(first[name])}; names are unique in a file"
            yield (*path, "name"), taken, False
        if path[0] == "personas" and name == NOT_MAPPED:
            yield (*path, "name"), f"{name!r} are those of no persona; give this one another name", False


def _groups(data: dict[Any, Any]) -> Iterator[Fault]:
    side: dict[str, Any] = {}
    for path, rule in _rules(data, "fit", "behaviour"):
        group = rule.get("group")
        if isinstance(group, str) and side.setdefault(group, path[0]) != path[0]:
            mixed = f"the group {group!r} mixes fit and behaviour; give one side another name"
            yield (*path, "group"), mixed, False
    for name in _mapping(data, "groups"):
        near = nearest(name, side, cutoff=_TYPO)
        if name not in side and near:
            yield ("groups", name), f"no rule has the group {name!r}{near}", True


def _agreed(data: dict[Any, Any]) -> Iterator[Fault]:
    """What an agreement names and nothing declares, and shares that cannot be."""
    marketing = ("agreement", "marketing")
    personas = [NOT_MAPPED, *(entry.get("name") for _, entry in _rules(data, "personas"))]
    declared: dict[str, tuple[str, Iterable[Any]]] = {
        "complete_at_handover": ("'columns' declare no", _mapping(data, "columns")),
        "mix": ("there is no persona", personas),
    }
    for key, (nothing, names) in declared.items():
        for name in _mapping(data, *marketing, key):
            if name not in names:
                yield (*marketing, key, name), f"{nothing} {name!r}{did_you_mean(name, map(str, names))}", True
    if (total := sum(map(_share, _mapping(data, *marketing, "mix").values()), Decimal(0))) > 1:
        yield (*marketing, "mix"), f"the shares are {exact_percent(float(total))} together, more than 100%", True
    agreement, respond = _mapping(data, "agreement"), _mapping(data, "agreement", "sales", "respond")
    if respond and "within_minutes" not in respond and "respond_within_minutes" not in agreement:
        message = "'within_minutes' is missing, and there is no 'respond_within_minutes' of the agreement"
        yield ("agreement", "sales", "respond"), message, True


def _share(value: Any) -> Decimal:
    """A share, exactly; 0 for what is none, which is said already."""
    try:
        return Decimal(repr(share_of(value)))
    except PydanticCustomError:
        return Decimal(0)


_FORMS: dict[str, type[Any]] = {
    "fit": model.FitRule,
    "behaviour": model.BehaviourRule,
    "qualify.never": model.Never,
    "qualify.hand_raise": model.HandRaise,
    "qualify.segments": model.Segment,
    "personas": model.Persona,
    "restart": model.Restart,
    "account": model.Account,
}


def _tests(data: dict[Any, Any], names: Definitions) -> Iterator[Fault]:
    """Columns that look misspelt, and tests that do not suit their column."""
    kinds = {name: _declared(column) for name, column in _mapping(data, "columns").items()}
    leads: list[tuple[Path, str, Use]] = []
    personas: list[tuple[Path, str, Use]] = []
    events: list[tuple[Path, str, Use]] = []
    for section, form in _FORMS.items():
        for path, raw in _rules(data, section):
            part = _parsed(form, raw, names)
            for place, side, column, use in uses(part, path) if part else ():
                of = personas if section == "personas" else leads if side == "lead" else events
                of.append((place, column, use))
            if isinstance(part, model.FitRule) and part.column and isinstance(part.points, dict):
                yield from _same_keys((*path, "points"), part.points)
    for place, column, _ in (*leads, *personas):
        near = nearest(column, kinds, cutoff=_TYPO)
        if column not in kinds and near:
            yield place, f"unknown column {column!r}{near}", "column" not in place
    for place, column, (name, _) in events:
        if column == "lead_id" or (column == "at" and names.format == 1):
            message = f"'where' cannot test {column!r}; " + ("'within_days' is about time" if column == "at" else "")
            yield place, message.rstrip("; "), True
        elif name in RELATIVE:
            yield place, f"'where' cannot test {name!r}: an event's age is what 'within_days' is for", True
        elif column == "at" and name not in ORDERED:
            yield place, f"'at' is the day of the event: test it with {', '.join(ORDERED)}", True
    events = [(place, column, use) for place, column, use in events if column != "at" or use[0] in ORDERED]
    declared = {name: kind for name, kind in kinds.items() if kind}
    yield from _misfits(leads, declared)
    yield from _misfits(personas, declared, leads)
    yield from _misfits(events, {"at": "date"} if names.format > 1 else {})


def _misfits(uses: Uses, declared: dict[str, Kind], scored: Uses = ()) -> Iterator[Fault]:
    """Tests that do not suit their column, of whose kind rules decide that score before others do."""
    for column in dict.fromkeys(column for _, column, _ in uses):
        kinds = [inferred(use for _, name, use in part if name == column) for part in (scored, uses)]
        kind = declared.get(column) or known(*kinds)
        for place, name, use in uses:
            message = misfit(kind, use) if name == column else ""
            if message:
                hint = "" if column in declared else f" (other tests on {column!r} imply that; declare its type)"
                yield place, message + hint, False


def _declared(column: Any) -> Kind | None:
    written = column.get("type") if isinstance(column, dict) else None
    if written == "options":
        return options_of(column.get("separator") or ";")
    kinds: dict[Any, Kind] = {kind: kind for kind in ("text", "number", "boolean", "date")} | {"category": "text"}
    return kinds.get(written) if isinstance(written, str) else None


def _parsed(part: type[Any], raw: Any, names: Definitions) -> Any:
    try:
        return part.model_validate(raw, context=names)
    except ValidationError:
        return None  # said already, in the words of that error


def _same_keys(path: Path, table: dict[Any, float]) -> Iterator[Fault]:
    seen: dict[str, Any] = {}
    for key in table:
        first = seen.setdefault(normalise(as_text(key)), key)
        if first is not key:
            yield (*path, key), f"{key!r} is the same value as {first!r}: text is compared without case", True


def _unreachable(book: model.Contents) -> Iterator[Fault]:
    fit, behaviour = side_range(book, "fit"), side_range(book, "behaviour")
    for key, reach in {"threshold": fit + behaviour, "minimum_fit": fit, "minimum_behaviour": behaviour}.items():
        needed = getattr(book.qualify, key)
        if needed is not None and model.thousandths(needed) > reach.most:
            message = f"no lead can reach {shown(model.thousandths(needed))}: within their limits the rules give"
            yield ("qualify", key), f"{message} {shown(reach.least)} to {shown(reach.most)}", False
