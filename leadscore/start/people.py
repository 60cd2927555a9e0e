"""Who the leads are: since when, one person or several, our own people, whose deal it is."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from ruamel.yaml.comments import CommentedMap

from leadscore.base.text import counted, normalise
from leadscore.start.draft import Draft
from leadscore.start.marks import in_line
from leadscore.start.presets import place, presets
from leadscore.start.question import NONE, Question, one_of
from leadscore.start.seen import counts_of, plain
from leadscore.start.words import ROLES


def place_after(block: Any, before: str, key: str, value: Any) -> None:
    """Put a key behind another."""
    block.pop(key, None)
    block.insert([*block].index(before) + 1, key, value)


def doubled(draft: Draft) -> Iterator[Question]:
    """Columns that would be used, were they not twice in a file."""
    for source in draft.tree["sources"]:
        export = draft.exports[source]
        known = presets()[export.preset].mentioned[source] if export.preset else [*export.doubled.values()]
        if twice := [header for header, name in export.doubled.items() if name in known]:
            seen = f"{source}: {', '.join(map(repr, twice))} stands more than once, so nobody can say which is meant"

            def take(text: str) -> None:
                one_of({"leave out": "leave out"}, text)

            ask = "Leave it out (or stop, and rename one in the file)?"
            yield Question(seen, ask, "leave out", ("sources", source, "file"), take)


def created(draft: Draft) -> Iterator[Question]:
    """When leads were created, where no column is called so."""
    for name, block in draft.tree.get("leads", {}).items():
        if "created_at" in block:
            continue
        cells = draft.exports[block["from"]].cells
        times = [column for column, one in cells.items() if one.time("day") and not one.empty and one.epoch() is None]

        def take(text: str, block: Any = block, times: list[str] = times) -> None:
            if normalise(text) == NONE:
                block.pop("created_at", None)
                return
            if text not in times:
                raise ValueError(f"the columns of times are {', '.join(times) or 'none'}")
            place_after(block, "lead_id", "created_at", text)
            spec = draft.tree["sources"][block["from"]]
            spec.setdefault("columns", CommentedMap())[text] = in_line({"type": "time"})
            draft.declare()

        held = f"columns of times: {', '.join(times)}" if times else "no column of times"
        lost = "without it no lead is too young to judge, and there are no figures by day or month of arrival"
        yield Question(
            f"leads.{name} has no date of creation ({held}); {lost}",
            "Which column says when a lead was created?",
            NONE,
            ("leads", name, "lead_id"),
            take,
        )


def several_contacts(draft: Draft) -> Iterator[Question]:
    """Whose outcome a deal is that has several contacts."""
    for _, name, block in [step for step in draft.steps() if step[0] == "outcomes"]:
        lead = block["lead_id"]
        if isinstance(lead, dict) and "separator" in lead:
            cells = draft.cells(block, lead["column"])
            several = cells.separated[lead["separator"]] if cells else 0
        else:
            continue
        if not several:
            continue

        def take(text: str, block: Any = block) -> None:
            if one_of({"all": "all", "first": "first"}, text) == "first":
                given = block["lead_id"]
                given["before"] = given.pop("separator")

        seen = f"outcomes.{name}: {counted(several, 'deal')} with several contacts"
        yield Question(
            seen, "Is a deal an outcome of all of them, or of the first?", "all", ("outcomes", name, "lead_id"), take
        )


def own_people(draft: Draft) -> Iterator[Question]:
    """Records of the company itself, and its tests."""
    own = _own_domains(draft)
    for block in draft.tree.get("leads", {}).values():
        column = mail_column(block)
        cells = draft.cells(block, column) if column else None
        if cells is None or column is None or place(draft.tree, block, column)[0] != block["from"]:
            continue
        found = Counter[str]()
        for value, count in cells.counts.items():
            domain = value.rpartition("@")[2].casefold().strip()
            found[domain] += count * any(host == domain or host.endswith(f".{domain}") for host in own if "." in domain)
        ours = [domain for domain, count in found.items() if count]
        if not ours:
            continue
        spec = draft.tree["sources"][block["from"]]

        def take(text: str, spec: Any = spec, column: str = column) -> None:
            domains = (
                []
                if normalise(text) == NONE
                else [part.strip().lstrip("@").casefold() for part in re.split(r"[,;\s]+", text) if part.strip()]
            )
            if strange := [one for one in domains if "." not in one]:
                raise ValueError(f"{strange[0]!r} is no domain; write domains as acme.example, or none")
            if domains:
                add_drop(spec, column, [f"@{domain}" for domain in domains])

        shown = ", ".join(sorted(ours))
        seen = f"{counted(sum(found.values()), 'lead')} with an e-mail at {shown}, the domain of your own pages"
        yield Question(
            seen,
            "Which domains are your own, to leave out (or none)?",
            shown,
            ("sources", block["from"], "drop"),
            take,
        )


def add_drop(spec: Any, column: str, ends: list[str]) -> None:
    """Leave out rows whose text ends so, beside what is left out already."""
    mine = {column: {"ends_with": ends[0] if len(ends) == 1 else ends}}
    others = plain(spec["drop"]) if "drop" in spec else None
    spec["drop"] = in_line({"any": [others, mine]} if others else mine)


def mail_column(block: Any) -> str | None:
    """The column of a block of leads that holds e-mails."""
    value = block.get("columns", {}).get("email")
    return value.get("column") if isinstance(value, dict) else value


def _own_domains(draft: Draft) -> set[str]:
    """The hosts of the pages that events happened on."""
    hosts = set()
    for _, name, block in [step for step in draft.steps() if step[0] == "events"]:
        asset = block.get("columns", {}).get("asset")
        parts = asset["first"] if isinstance(asset, dict) and "first" in asset else [asset]
        for part in parts:
            if isinstance(part, dict) and part.get("part") == "path":
                for value in list(counts_of(draft, "events", name, part["column"]))[:500]:
                    with_host = re.match(r"https?://", value)
                    hosts.add((urlsplit(value).hostname or "") if with_host else "")
    return {host.removeprefix("www.") for host in hosts if host}


def same_person(draft: Draft) -> Iterator[Question]:
    """Leads that share an e-mail."""
    identity = draft.tree.get("identity", {})
    if "same_person" not in identity:
        return
    shared = Counter[str]()
    for block in draft.tree.get("leads", {}).values():
        column = mail_column(block)
        cells = draft.cells(block, column) if column else None
        for value, count in cells.counts.items() if cells else ():
            shared[normalise(value)] += count
    twice = {mail: count for mail, count in shared.items() if count > 1}
    if not twice:
        return
    roles = [mail for mail in twice if ROLES.match(mail)]

    def take(text: str) -> None:
        if one_of({"y": "yes", "yes": "yes", "n": "no", "no": "no"}, text) == "no":
            identity.pop("same_person", None)

    note = f", {counted(len(roles), 'mailbox')} of a team among them" if roles else ""
    seen = f"{sum(twice.values()):,} leads share {counted(len(twice), 'e-mail')}{note}"
    default = "no" if len(roles) == len(twice) else "yes"
    yield Question(
        seen, "Is each e-mail one person (the oldest record stays)?", default, ("identity", "same_person"), take
    )
