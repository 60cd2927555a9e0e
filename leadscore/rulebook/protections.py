"""What a new rulebook gives up: `never`, hand-raisers, bars, caps and segments."""

from __future__ import annotations

from collections.abc import Callable

from leadscore.base.text import decimal, normalise
from leadscore.rulebook.model import BehaviourRule, Contents, FitRule, Group, HandRaise


def dropped(section: str, name: str, old: Contents, new: Contents) -> tuple[str, str]:
    """The protection that `new` drops with a change that `diff` found: its code and a sentence; empty if none."""
    code, check = _CHECKS.get(section, ("", lambda *_: ""))
    what = check(name, old, new)
    return (code, f"the new rulebook {what}") if what else ("", "")


def _never(name: str, old: Contents, new: Contents) -> str:
    names = [{entry.name for entry in book.qualify.never} for book in (old, new)]
    return f"drops {name!r} from never: such leads can qualify" if name in names[0] - names[1] else ""


def hand_raises(book: Contents) -> dict[str, HandRaise]:
    """The hand-raises by their names; those without are numbered."""
    found: dict[str, HandRaise] = {}
    for one in book.qualify.hand_raise:
        unnamed = sum(name.startswith("hand raise") for name in found)
        found[one.name or f"hand raise {unnamed + 1}".removesuffix(" 1")] = one
    return found


def _hand_raise(name: str, old: Contents, new: Contents) -> str:
    before, after = (hand_raises(book).get(name) for book in (old, new))
    if before is None:
        return ""
    if after is None and before.name is not None:
        return f"drops {name!r} from hand_raise: no longer enough to qualify"
    kept = {normalise(event) for event in (after.event or () if after else ())}
    gone = [repr(event) for event in before.event or () if normalise(event) not in kept]
    return f"drops {', '.join(gone)} from hand_raise: no longer enough to qualify" if gone else ""


def _bar(name: str, old: Contents, new: Contents) -> str:
    before, after = (getattr(book.qualify, name.replace(" ", "_")) for book in (old, new))
    if before is None or after is not None:
        return ""
    if isinstance(before, tuple):
        return f"drops the grades that qualify, {', '.join(before)}: leads of any grade can qualify"
    return f"drops the {name} of {decimal(before)}: leads below it can qualify"


def _segment(name: str, old: Contents, new: Contents) -> str:
    before, after = ({one.name: one.threshold for one in book.qualify.segments} for book in (old, new))
    lost = name in before and name not in after
    return f"drops the segment {name!r}: its leads needed {decimal(before[name])} points" if lost else ""


def _rule(name: str, old: Contents, new: Contents) -> str:
    before, after = (next((rule for *_, rule in book.rules() if rule.name == name), None) for book in (old, new))
    if before is None or after is None:
        return ""
    lost = _caps(before, after) if isinstance(before, BehaviourRule) else ""
    if lost:
        return f"drops the cap of {lost} on {name!r}"
    cap = old.limits(before.group).at_most
    if cap is not None and after.group != before.group and new.limits(after.group).at_most is None:
        return f"takes {name!r} out of the group {before.group!r}, which was capped at {decimal(cap)}"
    return ""


def _caps(before: BehaviourRule | Group, after: FitRule | BehaviourRule | Group) -> str:
    """The caps that a rule or a group had and has no more, in words."""
    gone = [
        key
        for key in ("at_most", "each_at_most")
        if getattr(before, key) is not None and getattr(after, key, None) is None
    ]
    each = {"at_most": "", "each_at_most": " for each value"}
    return " and of ".join(f"{decimal(getattr(before, key))}{each[key]}" for key in gone)


def _group(name: str, old: Contents, new: Contents) -> str:
    used = any(rule.group == name for *_, rule in new.rules())
    lost = _caps(old.limits(name), new.limits(name)) if used else ""
    return f"drops the cap of {lost} on the group {name!r}" if lost else ""


def _total(name: str, old: Contents, new: Contents) -> str:
    before, after = (getattr(book.totals, name.removeprefix("total ")).at_most for book in (old, new))
    return f"drops the cap of {decimal(before)} on {name}" if before is not None and after is None else ""


_CHECKS: dict[str, tuple[str, Callable[[str, Contents, Contents], str]]] = {
    "never": ("LS201", _never),
    "hand_raise": ("LS202", _hand_raise),
    "qualify": ("LS203", _bar),
    "fit": ("LS204", _rule),
    "behaviour": ("LS204", _rule),
    "groups": ("LS204", _group),
    "totals": ("LS204", _total),
    "segments": ("LS205", _segment),
}
