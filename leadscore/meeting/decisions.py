"""`decisions.yaml`: what the two teams decided, by which figure it is judged, and the entries that are added."""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, PrivateAttr

from leadscore.base.arguments import Arguments
from leadscore.base.files import locked, replacing
from leadscore.errors import DecisionsError, Problem, did_you_mean
from leadscore.rulebook import yaml
from leadscore.rulebook.faults import refusal, validated
from leadscore.rulebook.values import Date, Days, Name, Part, Positive, share_of, wrong
from leadscore.rulebook.yaml import Fault
from leadscore.rulebook.yaml_file import YamlFile

_FORM = yaml.Form("decisions file", "- id: D-01", DecisionsError, entries="decisions")
_NUMBERED = re.compile(r"D-(\d+)", re.ASCII)

# The figures that a decision can be judged by, and what each needs beside it.
FIGURES: dict[str, tuple[str, ...]] = {
    "mqls_per_week": (), "accepted": (), "below_the_bar": (), "needing_activity": (), "responded_within": ("minutes",),
    "decided_within": ("days",), "reason_with_refusal": (), "filled": ("column",), "persona": ("persona",),
}  # fmt: skip
_NEEDS = ("minutes", "days", "column", "persona")


def _target(value: Any) -> float:
    """A share such as 80%, or a number: of MQLs a week there may be any."""
    if isinstance(value, str) and value.rstrip().endswith("%"):
        return share_of(value)
    if type(value) not in {int, float} or value < 0:
        raise wrong(f"must be a share such as 80% or 0.8, or for mqls_per_week a number; got {value!r}")
    return float(value)


Target = Annotated[float, BeforeValidator(_target)]


class Check(Part):
    """The figure that a decision is judged by."""

    figure: Literal[
        "mqls_per_week", "accepted", "below_the_bar", "needing_activity", "responded_within", "decided_within",
        "reason_with_refusal", "filled", "persona",
    ]  # fmt: skip
    minutes: Positive | None = None
    days: Days | None = None
    column: Name | None = None
    persona: Name | None = None
    at_least: Target | None = None
    at_most: Target | None = None
    by: Date | None = None


class Decision(Part):
    """One thing that was decided."""

    id: Name
    agreed_on: Date
    decision: Name
    owner: Name | None = None
    check: Check | None = None
    note: Name | None = None
    state: Literal["open", "kept", "dropped"] = "open"
    replaced_by: Name | None = None


class _Contents(Part):
    decisions: tuple[Decision, ...] = Field(default=())


class Decisions(_Contents, YamlFile):
    """What the two teams decided, from one YAML file beside the rulebook.

    Examples
    --------
    >>> text = '''
    ... - id: D-07
    ...   agreed_on: 2026-02-02
    ...   decision: call new MQLs within 60 minutes
    ...   owner: Sales
    ...   check: {figure: responded_within, minutes: 60, at_least: 80%, by: 2026-04-30}
    ... '''
    >>> Decisions.from_yaml(text).decisions[0].check.at_least
    0.8
    >>> Decisions.from_yaml(text.replace("minutes: 60", "days: 1"), source="decisions.yaml")
    Traceback (most recent call last):
    leadscore.errors.DecisionsError: 2 problems in decisions.yaml
      line 6, decisions[0].check: 'responded_within' needs 'minutes'
          check: {figure: responded_within, days: 1, at_least: 80%, by: 2026-04-30}
                 ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      line 6, decisions[0].check.days: 'responded_within' takes no 'days'
          check: {figure: responded_within, days: 1, at_least: 80%, by: 2026-04-30}
                                            ^^^^
    """

    model_config = ConfigDict(title="leadscore decisions file")

    _form: ClassVar = _FORM

    _document: yaml.Document = PrivateAttr()

    @classmethod
    def from_yaml(cls, text: str, *, source: str = "decisions file") -> Self:
        """Read decisions from text; `source` names it in messages.

        Raises
        ------
        DecisionsError
            With every problem of the text: line, path, the line with a caret, and the nearest known name.
        """
        with _FORM.not_too_deep(source):
            document = yaml.read_document(text, source, _FORM)
            checked, faults = validated(document, _Contents)
            faults += [] if checked is None else _meaning(checked)
        if faults or checked is None:
            raise refusal(document, faults)
        found = cls.model_construct(decisions=checked.decisions)
        found._document = document  # noqa: SLF001 - a constructor fills in its own
        return found  # type: ignore[return-value] # mypy's plugin takes Self for the class here

    def __repr__(self) -> str:
        states = [one.state for one in self.decisions]
        return f"<Decisions: {len(states)}, {states.count('open')} open>"

    __str__ = __repr__


def _meaning(contents: _Contents) -> Iterator[Fault]:
    """What the entries of a file say of each other, and of themselves, that cannot be."""
    ids: dict[str, int] = {}
    known = {one.id for one in contents.decisions}
    for place, one in enumerate(contents.decisions):
        path: yaml.Path = ("decisions", place)
        if ids.setdefault(one.id, place) != place:
            yield (*path, "id"), f"{one.id!r} is the id of another decision too", False
        if one.replaced_by is not None and one.replaced_by not in known - {one.id}:
            yield (
                (*path, "replaced_by"),
                f"there is no other decision {one.replaced_by!r}{did_you_mean(one.replaced_by, known)}",
                False,
            )
        if one.check is not None:
            yield from _check(one.check, (*path, "check"))


def _check(check: Check, path: yaml.Path) -> Iterator[Fault]:
    needed = FIGURES[check.figure]
    for name in _NEEDS:
        there = getattr(check, name) is not None
        if name in needed and not there:
            yield path, f"{check.figure!r} needs {name!r}", False
        if there and name not in needed:
            yield (*path, name), f"{check.figure!r} takes no {name!r}", True
    if (check.at_least is None) == (check.at_most is None):
        yield path, "needs either 'at_least' or 'at_most'", False
    for name in ("at_least", "at_most"):
        target = getattr(check, name)
        if target is not None and target > 1 and check.figure != "mqls_per_week":
            yield (*path, name), f"{check.figure!r} is a share: write 80% or 0.8; got {target:g}", False


def add_decision(
    path: str | os.PathLike[str],
    decision: str,
    *,
    agreed_on: Any,
    owner: str | None = None,
    waiting: Callable[[], None] = lambda: None,
) -> str:
    """Add an open decision at the end of a decisions file, which is made if there is none; what stands there stays.

    Parameters
    ----------
    path : path
        A decisions file.
    decision : str
        What was decided, in a sentence.
    agreed_on : date, or text as "2026-03-31"
    owner : str, optional
        Who sees to it.
    waiting : callable
        Called once if another run is writing to the file; then this one waits for it.

    Returns
    -------
    str
        The id it got: one more than the highest of the file.

    Raises
    ------
    ArgumentError
        If the decision is empty, or `agreed_on` is no day.
    DecisionsError
        If the file that is there cannot be read.
    """
    with Arguments("add_decision") as given:
        given.types(path=(path, str | os.PathLike))
        text = given.text("decision", decision).strip()
        day: dt.date = given.day("agreed_on", agreed_on)
        who = None if owner is None else given.text("owner", owner)
        if not text and not given.problems:
            given.wrong("decision", "must say what was decided; got an empty text")
    with locked(path, waiting):
        there = Path(path).exists()
        before = _FORM.read(path) if there else ""
        held = Decisions.from_yaml(before, source=str(path)).decisions if before.strip() else ()
        numbers = [int(found[1]) for one in held if (found := _NUMBERED.fullmatch(one.id))]
        name = f"D-{max(numbers, default=0) + 1:02}"
        entry = {"id": name, "agreed_on": day, "decision": text, "owner": who, "state": "open"}
        after = _with_entry(before, {key: value for key, value in entry.items() if value is not None})
        try:
            Decisions.from_yaml(after, source=str(path))
        except DecisionsError as error:
            why = f"the decision cannot be added at the end, as the file is written: {error.problems[0].message}"
            raise DecisionsError(str(path), [Problem("", f"{why}; nothing was changed")]) from None
        with replacing(path) as file:
            file.write(after.encode())
    return name


def _with_entry(before: str, entry: dict[str, Any]) -> str:
    """The text of a file with an entry after its last, as far to the right as the others."""
    others = re.search(r"^( *)- ", before, re.MULTILINE)
    margin = others[1] if others else ""
    lines = yaml.dump(entry).splitlines(keepends=True)
    added = "".join(f"{margin}{'  ' if place else '- '}{line}" for place, line in enumerate(lines))
    return f"{before}{'' if before.endswith(chr(10)) or not before else chr(10)}{added}"
