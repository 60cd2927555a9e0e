"""Files of nobody's make: what a table is, by the kinds and the names of its columns; the rest is asked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ruamel.yaml.comments import CommentedMap

from leadscore.start.draft import Draft
from leadscore.start.exports import Table
from leadscore.start.kinds import Cells
from leadscore.start.marks import in_line
from leadscore.start.people import place_after
from leadscore.start.question import Question
from leadscore.start.words import stage_of

_ID = re.compile(r"(?:^|[\W_])(?:id|nr|no|number|nummer|key|uuid|guid|code)$|[a-z]I[dD]$|^id$", re.IGNORECASE)
_LEAD_ID = re.compile(
    r"lead|contact|person|prospect|customer|kunde|user|member|record|account|interessent", re.IGNORECASE
)
_CREATED = re.compile(r"creat|erstellt|angelegt|regist|sign.?up|added|anmeld|eingang|\bcr[eé]", re.IGNORECASE)
_AT = re.compile(
    r"^(?:at|time|timestamp|date|datum|zeit|when|occurred|happened)|time|date|_at$|stamp|zeit|datum|changed|reached",
    re.IGNORECASE,
)
_EVENT = re.compile(
    r"^(?:event|action|activity|aktion|ereignis)$|event.?(?:name|type)|activity.?type|action.?type|^type$|^typ$",
    re.IGNORECASE,
)
_STAGE = re.compile(r"stage|status|phase|lifecycle|stufe|new.?value", re.IGNORECASE)
_NONE = "none"


def map_unknown(draft: Draft) -> Iterator[Question]:
    """Blocks for the files that no preset knows, and what is to be asked of them."""
    files = [export for export in draft.exports.values() if export.preset is None]
    people = [export for export in files if _is_people(export)]
    # Companies and products have ids too; people can be written to.
    people = [export for export in people if _mails(export)] or people
    leads = sorted(people, key=lambda one: (not any(map(_CREATED.search, _times(one))), -one.rows))[:1]
    if draft.tree.get("leads"):
        leads = []
    elif len(people) > 1:
        yield _which_people(people, leads)
    for export in leads:
        yield from _leads(draft, export)
    for export in files:
        if export in people and export not in leads:
            draft.left[export.name] = {"the leads come from another file": [*export.cells]}
        elif export not in leads:
            _rows(draft, export)


def _which_people(people: list[Table], leads: list[Table]) -> Question:
    names = {export.name: export for export in people}

    def take(text: str) -> None:
        if text not in names:
            raise ValueError(f"answer {' or '.join(names)}")
        leads[:] = [names[text]]

    seen = f"{', '.join(names)} each look like people"
    return Question(seen, "Which one holds the leads?", leads[0].name, ("leads",), take)


def _times(export: Table) -> list[str]:
    """The columns of times; numbers count time only where their name says so."""
    found = [(name, cells) for name, cells in export.cells.items() if cells.time("day") and cells.known]
    return [name for name, cells in found if cells.epoch() is None or _AT.search(name) or _CREATED.search(name)]


def _ids(export: Table) -> list[str]:
    """The columns that tell rows apart, the likeliest first."""
    unique = [name for name, cells in export.cells.items() if cells.known == cells.rows and _distinct(cells)]
    named = [name for name in unique if _ID.search(name) or re.fullmatch("lead|contact|person", name, re.IGNORECASE)]
    return sorted(named, key=lambda name: (not _LEAD_ID.search(name), [*export.cells].index(name)))


def _distinct(cells: Cells) -> bool:
    # Beyond the values that are counted nobody knows; an id is then taken for one by its name.
    return cells.many or cells.unique


def _mails(export: Table) -> list[str]:
    return [name for name, cells in export.cells.items() if cells.is_mail]


def _named(export: Table, pattern: re.Pattern[str]) -> str | None:
    return next(
        (name for name, cells in export.cells.items() if pattern.search(name) and cells.known and not cells.many), None
    )


def _is_people(export: Table) -> bool:
    """Whether a row is a person: told apart by an id or an e-mail, and no row of a log."""
    if _named(export, _EVENT) and _times(export) and not any(_distinct(export.cells[name]) for name in _mails(export)):
        return False
    mails = [name for name in _mails(export) if _mostly_unique(export.cells[name])]
    log = _named(export, _STAGE) and not mails and len(export.cells) <= 5
    return bool(mails or (_ids(export) and not log))


def _mostly_unique(cells: Cells) -> bool:
    return cells.many or len(cells.counts) > 0.7 * cells.known


def _leads(draft: Draft, export: Table) -> Iterator[Question]:
    name = export.name
    ids, mails, times = _ids(export), _mails(export), _times(export)
    block: dict[str, Any] = {"from": name}
    unique_mail = next((mail for mail in mails if export.cells[mail].unique), mails[0] if mails else None)
    block["lead_id"] = ids[0] if ids else {"column": unique_mail, "part": "email"}
    created = sorted([time for time in times if _CREATED.search(time)], key=times.index)
    if created or len(times) == 1:
        block["created_at"] = (created or times)[0]
    if mails:
        mail = unique_mail or mails[0]
        block["columns"] = {
            "email": {"column": mail, "part": "email"},
            "email_domain": {"column": mail, "part": "domain"},
        }
    _source(draft, export, [block["created_at"]] if "created_at" in block else [])
    draft.tree.setdefault("leads", CommentedMap())[name] = _block(block)
    identity = draft.tree.setdefault("identity", CommentedMap(unmatched="set_aside"))
    if mails:
        identity.setdefault("same_person", "email")
        if ids:
            alias = {
                "from": name,
                "alias": {"column": unique_mail, "part": "email"},
                "kind": "email",
                "lead_id": ids[0],
            }
            identity.setdefault("aliases", CommentedMap())[f"{name}_email"] = in_line(alias)
    yield from _which(draft, export, ids, created, times)


def _which(draft: Draft, export: Table, ids: list[str], created: list[str], times: list[str]) -> Iterator[Question]:
    block = draft.tree["leads"][export.name]

    def take_id(text: str) -> None:
        if text not in export.cells:
            raise ValueError(f"the columns are {', '.join(export.cells)}")
        block["lead_id"] = text
        for alias in draft.tree["identity"].get("aliases", {}).values():
            if alias["from"] == export.name:
                alias["lead_id"] = text

    def take_created(text: str) -> None:
        if text not in times:
            raise ValueError(f"the columns of times are {', '.join(times)}")
        place_after(block, "lead_id", "created_at", text)
        draft.tree["sources"][export.name]["columns"][text] = in_line({"type": "time"})

    if len(ids) > 1:
        seen = f"{export.name}: {', '.join(ids)} each tell all rows apart"
        yield Question(seen, "Which column is the id of a lead?", ids[0], ("leads", export.name, "lead_id"), take_id)
    if (len(created) != 1 and len(times) > 1) or (not created and times):
        chosen = block.get("created_at", times[0])
        block.setdefault("created_at", chosen)
        seen = f"{export.name}: columns of times {', '.join(times)}"
        yield Question(
            seen, "Which one says when a lead was created?", chosen, ("leads", export.name, "created_at"), take_created
        )


def _rows(draft: Draft, export: Table) -> None:
    """A log of events, or of stages reached; what is neither stays out, and that is said."""
    times = sorted(_times(export), key=lambda name: not _AT.search(name))
    who = _reference(draft, export)
    event, stage = _named(export, _EVENT), _named(export, _STAGE)
    if stage and not _stages(export.cells[stage]):
        stage = None
    if not times or who is None or not (event or stage):
        draft.left[export.name] = {
            "neither leads, nor events, nor stages: no time, no id of a lead, or no name of an event": [*export.cells]
        }
        return
    block: dict[str, Any] = {"from": export.name, "lead_id": who}
    if stage and not (event and not _STAGE.search(event)):
        block |= {"stage": {"column": stage, "values": {}}, "repeats": "first", "at": times[0]}
        table = "outcomes"
    else:
        block |= {"event": event, "at": times[0]}
        asset = next(
            (
                name
                for name in export.cells
                if re.search(r"url|page|path|asset|campaign|form|title", name, re.IGNORECASE)
            ),
            None,
        )
        block |= {"columns": {"asset": {"column": asset, "part": "path"}}} if asset else {}
        table = "events"
    _source(draft, export, [times[0]])
    draft.tree.setdefault(table, CommentedMap())[export.name] = _block(block)


def _stages(cells: Cells) -> bool:
    """Whether half of the values name a stage."""
    named = sum(count for value, count in cells.counts.items() if stage_of(value)[0])
    return 2 * named >= cells.known > 0


def _reference(draft: Draft, export: Table) -> Any:
    """The column that says whose a row is: the ids of the leads, an e-mail, or what is called so."""
    known: dict[str, set[str]] = {}
    for block in draft.tree.get("leads", {}).values():
        if isinstance(block["lead_id"], str):
            known[block["lead_id"]] = {*draft.exports[block["from"]].cells[block["lead_id"]].counts}
    shared = {
        name: sum(value in ids for value in cells.counts)
        for name, cells in export.cells.items()
        for ids in known.values()
    }
    if shared and max(shared.values()):
        return max(shared, key=lambda name: shared[name])
    if mails := _mails(export):
        return {"column": mails[0], "kind": "email"}
    named = [name for name in export.cells if _ID.search(name) and _LEAD_ID.search(name)]
    return named[0] if named else None


def _source(draft: Draft, export: Table, times: list[str]) -> None:
    source: dict[str, Any] = {"file": export.pattern(draft.folder)}
    source |= {"columns": {name: {"type": "time"} for name in times}}
    draft.tree["sources"][export.name] = _block(source, 2)


def _block(data: dict[str, Any], deep: int = 1) -> Any:
    """Plain data as a block of the file: its own keys on lines, what they hold in one."""
    tree = CommentedMap()
    tree.fa.set_block_style()
    for key, value in data.items():
        inner = isinstance(value, dict) and (key == "columns" or deep > 1)
        tree[key] = _block(value, deep - 1) if inner else in_line(value) if isinstance(value, (dict, list)) else value
    return tree
