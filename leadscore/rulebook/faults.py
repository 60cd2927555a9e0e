"""Everything that makes a rulebook unusable, found in one pass and shown with line and caret."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticCustomError

from leadscore.base.text import as_text, exact_percent, normalise
from leadscore.errors import LeadscoreError, did_you_mean, nearest
from leadscore.rulebook import model
from leadscore.rulebook.agreement import NOT_MAPPED
from leadscore.rulebook.bounds import shown, side_range
from leadscore.rulebook.conditions import Condition
from leadscore.rulebook.kinds import Kind, Use, condition_uses, inferred, known, misfit, rule_uses
from leadscore.rulebook.values import share_of
from leadscore.rulebook.yaml import Document, Path, dotted

Fault = tuple[Path, str, bool]
Uses = Sequence[tuple[Path, str, Use]]
P = TypeVar("P", bound=BaseModel)

# As alike as 'industy' and 'industry'; 'revenue' and 'revenue_eur' may well both be there.
_TYPO = 0.85


def contents(document: Document) -> model.Contents:
    """The document as a checked model.

    Raises
    ------
    RulebookError
        With every problem of the file, in the order of its lines.
    """
    book, faults = validated(document, model.Contents)
    faults += _structure(document.data)
    faults += _tests(document.data)
    if book is not None and not faults:
        faults = list(_unreachable(book))
    if faults or book is None:
        raise refusal(document, faults)
    return book


def validated(document: Document, kind: type[P]) -> tuple[P | None, list[Fault]]:
    """The document as its model, if it is one, and all that is wrong with its keys and values, each by itself."""
    faults = list(document.faults)
    broken = {path for path, _, _ in faults}
    try:
        return kind.model_validate(document.data), faults
    except ValidationError as error:
        translated = (_translate(document.data, kind, dict(details)) for details in error.errors(include_url=False))
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
        for index, rule in enumerate(rules if isinstance(rules, list) else ()):
            if isinstance(rule, dict):
                yield (*outer, last, index), rule


def _structure(data: dict[Any, Any]) -> Iterator[Fault]:
    """Keys that do not go together, and names that clash; on raw data, so that a wrong value hides nothing."""
    for path, rule in _rules(data, "fit"):
        yield from _one_of(path, rule, "column", "when")
        if "column" in rule:
            yield from _one_of(path, rule, "points", "from")
            if "points" in rule and type(rule["points"]) in {int, float}:
                yield (*path, "points"), "must be a table of value to points, as {SaaS: 10}", False
        elif "when" in rule:
            if "points" not in rule or isinstance(rule["points"], dict):
                yield path, "a rule with 'when' needs one number as its 'points'", False
            for key in {"from", "other", "missing"} & rule.keys():
                yield (*path, key), f"{key!r} goes with 'column', not with 'when'", True
    for path, rule in _rules(data, "behaviour"):
        yield from _one_of(path, rule, "points", "from")
        decays = [key for key in ("half_life_days", "fade_days", "step") if key in rule]
        if len(decays) > 1:
            yield (*path, decays[1]), f"a rule has at most one kind of decay; got {' and '.join(decays)}", True
        if decays and "from" in rule:
            yield (*path, decays[0]), f"'from' counts events and {decays[0]!r} fades them: use one of the two", True
    for path, entry in _rules(data, "qualify.never"):
        yield from _one_of(path, entry, "when", "event")
        for key in {"where", "within_days"} & entry.keys() if "event" not in entry else ():
            yield (*path, key), f"{key!r} goes with 'event'", True
    yield from _names(data, "fit", "behaviour", "qualify.never", "qualify.segments")
    yield from _names(data, "personas")
    yield from _groups(data)
    yield from _agreed(data)


def _one_of(path: Path, rule: dict[Any, Any], first: str, second: str) -> Iterator[Fault]:
    if first in rule and second in rule:
        yield (*path, second), f"give {first!r} or {second!r}, not both", True
    elif first not in rule and second not in rule:
        yield path, f"{rule.get('name', 'this rule')!r} has neither {first!r} nor {second!r}; it needs one", False


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


def _tests(data: dict[Any, Any]) -> Iterator[Fault]:
    """Columns that look misspelt, and tests that do not suit their column."""
    kinds = {name: _declared(column) for name, column in _mapping(data, "columns").items()}
    leads, personas, events = [], [], []
    for path, rule in _rules(data, "fit"):
        part = _parsed(model.FitRule, rule)
        leads += [(path, column, use) for column, use in (rule_uses(part) if part else ())]
        if part and part.column and isinstance(part.points, dict):
            yield from _same_keys((*path, "points"), part.points)
    for path, entry in _rules(data, "qualify.never", "qualify.segments"):
        leads += [(path, *use) for use in condition_uses(_parsed(Condition, entry.get("when")))]
    for path, entry in _rules(data, "personas"):
        personas += [(path, *use) for use in condition_uses(_parsed(Condition, entry.get("when")))]
    hand_raise: tuple[Path, dict[Any, Any]] = (("qualify", "hand_raise"), _mapping(data, "qualify", "hand_raise"))
    for path, entry in (*_rules(data, "behaviour", "qualify.never"), hand_raise):
        events += [(path, *use) for use in condition_uses(_parsed(Condition, entry.get("where")))]
    for path, column, use in (*leads, *personas):
        place = _place(data, path, column, use)
        near = nearest(column, kinds, cutoff=_TYPO)
        if column not in kinds and near:
            yield place, f"unknown column {column!r}{near}", "column" not in place
    for path, column, use in events:
        if column in {"lead_id", "at"}:
            message = f"'where' cannot test {column!r}; " + ("'within_days' is about time" if column == "at" else "")
            yield _place(data, path, column, use), message.rstrip("; "), True
    declared = {name: kind for name, kind in kinds.items() if kind}
    yield from _misfits(data, leads, declared)
    yield from _misfits(data, personas, declared, leads)
    yield from _misfits(data, events, {})


def _misfits(data: dict[Any, Any], uses: Uses, declared: dict[str, Kind], scored: Uses = ()) -> Iterator[Fault]:
    """Tests that do not suit their column, of whose kind rules decide that score before others do."""
    for column in dict.fromkeys(column for _, column, _ in uses):
        kinds = [inferred(use for _, name, use in part if name == column) for part in (scored, uses)]
        kind = declared.get(column) or known(*kinds)
        for path, name, use in uses:
            message = misfit(kind, use) if name == column else ""
            if message:
                hint = "" if column in declared else f" (other tests on {column!r} imply that; declare its type)"
                yield _place(data, path, column, use), message + hint, False


def _place(data: dict[Any, Any], path: Path, column: str, use: Use) -> Path:
    """The path of a use of a column within the rule at `path`."""
    rule: Any = data
    for part in path:
        rule = rule[part]
    if use[0] in {"from", "points"}:
        return (*path, "column")

    def search(here: Any, at: Path) -> Iterator[Path]:
        if isinstance(here, dict) and column in here and at[-1:] != (column,):
            yield (*at, column)
        inner = here.items() if isinstance(here, dict) else enumerate(here) if isinstance(here, list) else ()
        for key, value in inner:
            yield from search(value, (*at, key))

    return next((found for key in ("when", "where") for found in search(rule.get(key), (*path, key))), path)


def _declared(column: Any) -> Kind | None:
    written = column.get("type") if isinstance(column, dict) else None
    kinds: dict[Any, Kind] = {kind: kind for kind in ("text", "number", "boolean", "date")} | {"category": "text"}
    return kinds.get(written) if isinstance(written, str) else None


def _parsed(part: type[Any], raw: Any) -> Any:
    try:
        return part.model_validate(raw)
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
