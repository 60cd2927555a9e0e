"""What a new rulebook gives up: `never`, hand-raisers, minimum fit, caps and segments."""

from __future__ import annotations

from collections.abc import Callable

from leadscore.base.text import decimal, normalise
from leadscore.rulebook.model import BehaviourRule, Contents


def dropped(section: str, name: str, old: Contents, new: Contents) -> tuple[str, str]:
    """The protection that `new` drops with a change that `diff` found: its code and a sentence; empty if none."""
    code, check = _CHECKS.get(section, ("", lambda *_: ""))
    what = check(name, old, new)
    return (code, f"the new rulebook {what}") if what else ("", "")


def _never(name: str, old: Contents, new: Contents) -> str:
    names = [{entry.name for entry in book.qualify.never} for book in (old, new)]
    return f"drops {name!r} from never: such leads can qualify" if name in names[0] - names[1] else ""


def _hand_raise(_: str, old: Contents, new: Contents) -> str:
    before, after = (book.qualify.hand_raise for book in (old, new))
    kept = {normalise(event) for event in after.event} if after else set()
    gone = [repr(event) for event in (before.event if before else ()) if normalise(event) not in kept]
    return f"drops {', '.join(gone)} from hand_raise: no longer enough to qualify" if gone else ""


def _minimum(name: str, old: Contents, new: Contents) -> str:
    before, after = (getattr(book.qualify, name.replace(" ", "_")) for book in (old, new))
    lost = before is not None and after is None
    return f"drops the {name} of {decimal(before)}: leads below it can qualify" if lost else ""


def _segment(name: str, old: Contents, new: Contents) -> str:
    before, after = ({one.name: one.threshold for one in book.qualify.segments} for book in (old, new))
    lost = name in before and name not in after
    return f"drops the segment {name!r}: its leads needed {decimal(before[name])} points" if lost else ""


def _rule(name: str, old: Contents, new: Contents) -> str:
    before, after = (next((rule for *_, rule in book.rules() if rule.name == name), None) for book in (old, new))
    if before is None or after is None:
        return ""
    own = before.at_most if isinstance(before, BehaviourRule) else None
    if own is not None and (not isinstance(after, BehaviourRule) or after.at_most is None):
        return f"drops the cap of {decimal(own)} on {name!r}"
    cap = old.limits(before.group).at_most
    if cap is not None and after.group != before.group and new.limits(after.group).at_most is None:
        return f"takes {name!r} out of the group {before.group!r}, which was capped at {decimal(cap)}"
    return ""


def _group(name: str, old: Contents, new: Contents) -> str:
    cap, used = old.limits(name).at_most, any(rule.group == name for *_, rule in new.rules())
    if cap is None or not used or new.limits(name).at_most is not None:
        return ""
    return f"drops the cap of {decimal(cap)} on the group {name!r}"


def _total(name: str, old: Contents, new: Contents) -> str:
    before, after = (getattr(book.totals, name.removeprefix("total ")).at_most for book in (old, new))
    return f"drops the cap of {decimal(before)} on {name}" if before is not None and after is None else ""


_CHECKS: dict[str, tuple[str, Callable[[str, Contents, Contents], str]]] = {
    "never": ("LS201", _never),
    "hand_raise": ("LS202", _hand_raise),
    "qualify": ("LS203", _minimum),
    "fit": ("LS204", _rule),
    "behaviour": ("LS204", _rule),
    "groups": ("LS204", _group),
    "totals": ("LS204", _total),
    "segments": ("LS205", _segment),
}
