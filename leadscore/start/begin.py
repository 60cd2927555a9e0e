"""From exports to a `data.yaml` and a first rulebook: what was seen, what was asked, what was taken unasked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from leadscore.base.text import counted
from leadscore.errors import ContractError, LeadscoreError, Problem
from leadscore.imports.build import import_tables
from leadscore.imports.report import Imported
from leadscore.start.doubts import doubts
from leadscore.start.draft import Draft
from leadscore.start.exports import Table, members, read_exports, readable
from leadscore.start.marks import mark
from leadscore.start.presets import presets
from leadscore.start.question import Question
from leadscore.start.starter import starter
from leadscore.start.unknown import map_unknown


@dataclass(frozen=True)
class Beginning:
    """What a user starts from.

    Attributes
    ----------
    data, rulebook : str
        The two files.
    files : list of str
        What each file was taken for.
    notes : list of str
        What is worth knowing, and needs no answer.
    questions : list of Question
        Those that nobody was asked: their default was taken, and stands in the file as `# ?`.
    as_of : date or None
        The last day that events or leads are of.
    outcomes : bool
        Whether there is anything to judge scores by.
    """

    data: str
    rulebook: str
    files: list[str]
    notes: list[str]
    questions: list[Question]
    as_of: dt.date | None
    outcomes: bool


def export_files(given: Sequence[Path]) -> list[Path]:
    """The files that are named, and those in folders that are; what was written by an earlier start is none of them.

    Raises
    ------
    ContractError
        If there is no such file.
    """
    found: list[Path] = []
    for path in given:
        if not path.exists():
            raise ContractError("exports", [Problem(str(path), "there is no such file")])
        inside = sorted(one for one in path.iterdir() if one.is_file()) if path.is_dir() else [path]
        files = [file for one in inside for file in (members(one) if one.suffix.lower() == ".zip" else [one])]
        files = [file for file in files if readable(file)] if inside != files or path.is_dir() else files
        if not files:
            raise ContractError("exports", [Problem(str(path), "holds no file that can be read")])
        found += files
    return [*dict.fromkeys(found)]


def begin(paths: Sequence[Path], folder: Path, ask: Callable[[Question], None] | None = None) -> Beginning:
    """Write a `data.yaml` and a first rulebook for some exports, as text.

    Parameters
    ----------
    paths : list of Path
    folder : Path
        Where the two files will stand; the names of the exports are written as they are found from there.
    ask : callable, optional
        Asks a question and has its answer taken; without it the defaults are taken, and marked in the file.

    Raises
    ------
    ContractError
        If a file cannot be read, or none of them holds leads.
    """
    exports = read_exports(paths)
    draft = Draft.of(exports, folder)
    open_questions = []
    for question in chain(map_unknown(draft), _first(draft, exports), doubts(draft)):
        if ask:
            ask(question)
        else:
            question.take(question.default)
            open_questions.append(question)
    for question in open_questions:
        mark(draft.tree, question.at, f"? {question.seen}. {question.ask} Taken: {question.default}")
    draft.declare()
    data = draft.read()
    imported, problems = _imported(draft)
    text, as_of = starter(imported, data.timezone)
    notes = [*_notes(draft, imported), *problems]
    return Beginning(
        draft.text(),
        text,
        [*_taken_for(draft, exports)],
        notes,
        open_questions,
        as_of,
        bool(imported and len(imported.outcomes)),
    )


def _first(draft: Draft, exports: list[Table]) -> Iterator[Question]:
    """The columns to keep, once it is known what is what; nothing to ask."""
    if not draft.tree.get("leads"):
        found = ", ".join(f"{file.path.name} ({_label(export)})" for export in exports for file in export.files)
        message = f"none of these files holds leads, one row per person: {found}; add the export of your contacts"
        raise ContractError("exports", [Problem("leads", message)])
    draft.refer()
    draft.keep_columns()
    yield from ()


def _label(export: Table) -> str:
    return f"{presets()[export.preset].label}, {export.name}" if export.preset else "unknown"


def _imported(draft: Draft) -> tuple[Imported | None, list[str]]:
    """The tables as far as they can be made, and what is wrong in the files."""
    data = draft.read()
    try:
        return import_tables(data), []
    except LeadscoreError as error:
        problems = [f"{problem.where}: {problem.message}" for problem in error.problems]
    try:
        return import_tables(data, strict=False), [
            f"The import refuses rows, until they are mended or left out: {one}" for one in problems
        ]
    except LeadscoreError:
        return None, [f"The import does not work yet: {one}" for one in problems]


def _taken_for(draft: Draft, exports: list[Table]) -> Iterator[str]:
    used = draft.tree["sources"]
    for export in exports:
        for file in export.files:
            rows = counted(export.rows, "row") if len(export.files) == 1 else f"part of {counted(export.rows, 'row')}"
            role = ", ".join(
                f"{table}.{name}"
                for table, name, block in draft.steps()
                if export.name in (block["from"], *block.get("join", {}))
            )
            what = f"gives {role}" if role else "tells people apart" if export.name in used else "not used"
            found = [note.replace(str(file.path), "").strip() for note in file.source.notes]
            yield f"{file.path.name}: {'; '.join([f'{_label(export)}, {rows}', what, *found])}"
        for file in export.others:
            yield f"{file.path.name}: the same table as {export.files[0].path.name} in another kind of file; left out"


def _notes(draft: Draft, imported: Imported | None) -> Iterator[str]:
    for source, reasons in draft.left.items():
        for why, columns in reasons.items():
            yield f"{source}: not kept ({why}): {', '.join(columns)}"
    for export in draft.exports.values():
        for name in (name for file in export.files for name in file.source.repeated):
            yield f"{export.name}: the column {name!r} stands more than once, so it is not used"
    if imported is None:
        return
    stages = {str(stage) for stage in imported.outcomes["stage"].to_pylist()} if len(imported.outcomes) else set()
    if not stages:
        yield "there are no outcomes to judge scores by; a status without a date does not say when it was reached"
    elif not stages & {"rejected", "recycled", "lost"}:
        yield "outcomes hold no refusals, so there is no rate of acceptance; a history of the status would have them"
    of_none = imported.rows[(imported.rows["table"] == "events") & (imported.rows["fate"] == "unmatched")]
    if strangers := int(of_none["rows"].sum()):
        everybody = strangers + len(imported.events)
        share = strangers / everybody
        yield f"{strangers:,} of {counted(everybody, 'event')} are of no known lead ({share:.0%})"
