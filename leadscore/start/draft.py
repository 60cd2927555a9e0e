"""A `data.yaml` in the making: presets cut to the files at hand, cells as they are, the user's own columns."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from ruamel.yaml.comments import CommentedMap

from leadscore.errors import ContractError, Problem
from leadscore.imports.data_file import DataFile
from leadscore.rulebook import yaml
from leadscore.start.exports import Table, unlike
from leadscore.start.kinds import Cells, settled
from leadscore.start.marks import in_line, said
from leadscore.start.presets import Pruning, blocks, names_in, place, presets, together

# What is known only after sales has decided, a vendor's score; and what says who a person is, not how good a lead.
LATER = re.compile(
    r"score|grade|rating|converted|\bclose|amount|life ?cycle|\bstage|status|\bwon\b|\blost\b|\bmql|\bsql|became|owner"
    r"|last (?:activity|contacted|seen|changed)|modified|updated|state ?code|deals?\b|opportunit|merged",
    re.IGNORECASE,
)
PERSON = re.compile(
    r"(?:first|last|full|middle|sur|nick|display)[ _-]?name|\bname\b|vorname|nachname|phone|telefon|mobile|\bfax\b"
    r"|street|address|stra(?:ss|ß)e|zip|postal|\bplz\b|\bips?\b|_ip\b"
    r"|latitude|longitude|\bnotes?\b|checksum|gmtoff|dstoff",
    re.IGNORECASE,
)
ID = re.compile(
    r"(?:^|[\W_])(?:id|ids|nr|no|uuid|guid|key|number|nummer|code|hash|token|url)$|[a-z](?:Id|ID|Url|URL)$"
    r"|^_?(?:fivetran|airbyte|dlt)_",
    re.IGNORECASE,
)
_EMPTY, _FEW = 0.95, 30
# Names that mean something in leads.
_OURS = ("lead_id", "created_at", "valid_from")
_ORDER = ("data", "timezone", "sources", "leads", "events", "outcomes", "identity", "order_tolerance_hours")


@dataclass
class Draft:
    """A data file that is not yet written.

    Attributes
    ----------
    tree : mapping with comments
    exports : dict of source to Table
    folder : Path
        Where the file will stand.
    orders, decimals : dict of preset or source to what was decided
        How days such as 05/01/2026 and numbers such as 1.037 are read.
    left : dict of source to reason to columns
        The columns that are not kept, and why.
    """

    tree: Any
    exports: dict[str, Table]
    folder: Path
    orders: dict[str, str] = field(default_factory=dict)
    decimals: dict[str, str] = field(default_factory=dict)
    left: dict[str, dict[str, list[str]]] = field(default_factory=dict)

    @classmethod
    def of(cls, exports: list[Table], folder: Path) -> Draft:
        """The presets of the files, cut to what is there."""
        named = {export.name: export for export in exports}
        tree = together(presets()[name] for name in dict.fromkeys(export.preset for export in exports if export.preset))
        if "timezone" not in tree:
            tree.insert(1, "timezone", "UTC")
        have = {export.name: {*export.cells} for export in exports if export.preset}
        with_doubled = {export.name: {*export.cells, *export.doubled.values()} for export in exports if export.preset}
        whole = Pruning(deepcopy(tree), with_doubled).cut()
        tree = Pruning(tree, have).cut()
        _refuse_lost(whole, tree, exports)
        tree.setdefault("sources", CommentedMap())
        draft = cls(tree, named, folder)
        for name, source in tree["sources"].items():
            source["file"] = named[name].pattern(folder)
            used = draft.used(name)
            source.pop("rename", None)
            if rename := {header: own for header, own in draft.exports[name].rename.items() if own in used}:
                source.insert([*source].index("file") + 1, "rename", rename)
        return draft

    def refer(self) -> None:
        """Refer to people by the kind of name that events hold: an id of the leads where no alias leads to them."""
        aliases = self.tree.get("identity", {}).get("aliases", {})
        kinds = {alias.get("kind", "id") for alias in aliases.values()}
        for block in [*self.tree.get("events", {}).values(), *aliases.values()]:
            lead = block["lead_id"]
            for position, part in enumerate(lead["first"] if isinstance(lead, dict) and "first" in lead else [lead]):
                named = part if isinstance(part, str) else part.get("column")
                if isinstance(part, dict) and part.get("kind") == "user" and "user" not in kinds:
                    del part["kind"]
                elif (
                    isinstance(part, str) and (cells := self.cells(block, named)) and cells.is_mail and "email" in kinds
                ):
                    mail = in_line({"column": named, "kind": "email"})
                    if part is lead:
                        block["lead_id"] = mail
                    else:
                        lead["first"][position] = mail

    def text(self) -> str:
        """The file as it would be written."""
        for key in _ORDER:
            if key in self.tree:
                self.tree.move_to_end(key)
        return yaml.dump(self.tree)

    def read(self) -> DataFile:
        """The file, checked."""
        return _checked(self.text(), str(self.folder / "data.yaml"))

    def used(self, source: str) -> set[str]:
        """The columns of a source that the file names."""
        spec = self.tree["sources"][source]
        found: set[str] = set()
        for word in ("where", "drop"):
            found |= {*names_in({word: spec[word], "from": source}, "")} if word in spec else set()
        for table, block in blocks(self.tree):
            for name in names_in(block, table):
                own, column = place(self.tree, block, name)
                found |= {name} if block["from"] == source and name in self.exports[source].cells else set()
                found |= {column} if own == source else set()
            found |= {*block.get("join", {}).get(source, {}).values()}
        return found & self.exports[source].cells.keys()

    def cells(self, block: Any, name: str) -> Cells | None:
        """All cells of a column by the name a block uses; None of what stands inside JSON."""
        own = self.exports[block["from"]].cells
        if name in own:
            return own[name]
        source, column = place(self.tree, block, name)
        found = self.exports[source].cells.get(column) if source in self.exports else None
        return found if found and name.endswith(column) else None

    # ------------------------------------------------------------------------------------------------- kinds of cells

    def family(self, source: str) -> str:
        """Sources of one vendor are written alike."""
        return self.exports[source].preset or source

    def doubtful(self, of: str) -> dict[str, list[tuple[str, str]]]:
        """The columns, by vendor, that can be read in two ways: `orders` of day and month, or signs of `decimals`."""
        families: dict[str, list[tuple[str, str]]] = {}
        for source in self.tree["sources"]:
            for name in sorted(self.used(source)):
                if self._wanted(source, name) == ("time" if of == "orders" else "number"):
                    families.setdefault(self.family(source), []).append((source, name))
        found = {}
        for family, held in families.items():
            # A preset knows its vendor's commas; points may be those of the user's own country.
            columns = [one for one in held if of == "orders" or not self._grouped(*one)]
            left = settled((self.exports[source].cells[name] for source, name in columns), of)
            decided = self.orders if of == "orders" else self.decimals
            if len(left) == 1:
                decided[family] = left.pop()
            elif left:
                found[family] = [
                    (source, name)
                    for source, name in columns
                    if len(getattr(self.exports[source].cells[name], of)()) > 1
                ]
        return found

    def _grouped(self, source: str, name: str) -> bool:
        """Whether a preset says what the commas of a column are, and nothing contradicts it."""
        declared = self.tree["sources"][source]["columns"][name]
        numbers = self.exports[source].cells[name].numbers
        return declared.get("thousands") == "," and (".", ",") in numbers and (".", None) not in numbers

    def _wanted(self, source: str, name: str) -> str:
        return str(self.tree["sources"][source].get("columns", {}).get(name, {}).get("type", "text"))

    def declare(self) -> None:
        """Say of each column that is used what its cells are."""
        for source, spec in self.tree["sources"].items():
            used = self.used(source)
            for name in [*spec.get("columns", {})]:
                typed = self._typed(source, name, spec["columns"][name])
                if name in used and typed["type"] != "text":
                    if dict(spec["columns"][name]) != typed:
                        spec["columns"][name] = in_line(typed)
                else:
                    del spec["columns"][name]
            if "columns" in spec and not spec["columns"]:
                del spec["columns"]
            self._missing(source, spec)

    def _typed(self, source: str, name: str, declared: Any) -> dict[str, Any]:
        cells, family = self.exports[source].cells[name], self.family(source)
        declared = {key: declared[key] for key in declared}
        if declared["type"] == "time":
            return cells.time("month" if self.orders.get(family) == "month" else "day") or declared
        if declared["type"] == "number":
            decimal = self.decimals.get(family, ".")
            thousands = (
                "thousands" in declared and decimal == "." and (".", ",") in cells.numbers and cells.arrow is None
            )
            return (
                (declared if thousands and (cells.bare or not declared.get("bare_number", True)) else None)
                or cells.number(decimal)
                or declared
            )
        if declared["type"] == "boolean":
            return cells.boolean(digits=True) or declared
        return declared

    def _missing(self, source: str, spec: Any) -> None:
        """Words for nothing that stand among numbers, times, true and false."""
        known = {str(one).casefold() for one in spec.get("missing_values", ())}
        cells = self.exports[source].cells
        found = {
            word for name in spec.get("columns", {}) for word in cells[name].nothing if word.casefold() not in known
        }
        if found and all(self._wanted(source, name) != "text" for name in spec["columns"]):
            words = {*map(str, spec.get("missing_values", ()))} - {""} | found
            spec["missing_values"] = in_line(["", *sorted(words)])

    # ----------------------------------------------------------------------------------------------- the user's columns

    def keep_columns(self) -> None:
        """Take the columns of leads that nothing names yet; say which are left out, and why."""
        for block in self.tree.get("leads", {}).values():
            source = block["from"]
            export, used = self.exports[source], self.used(source)
            columns = block.setdefault("columns", CommentedMap())
            left: dict[str, list[str]] = {}
            for name, cells in export.cells.items():
                if name in used or not name.strip():
                    continue
                why, typed = self._use(source, cells)
                if why:
                    left.setdefault(why, []).append(name)
                    continue
                columns[unlike(slug(name), {*columns, *_OURS})] = name
                if typed["type"] != "text":
                    self.tree["sources"][source].setdefault("columns", CommentedMap())[name] = yaml.loaded(said(typed))
            self.left[source] = left
            if not columns:
                del block["columns"]

    def _use(self, source: str, cells: Cells) -> tuple[str, dict[str, Any]]:
        """Why a column is of no use to rules, if so; else what it is."""
        words = re.sub(r"[_\W]+", " ", re.sub(r"([a-z])([A-Z])", r"\1 \2", cells.name))
        if cells.empty > _EMPTY:
            return f"over {_EMPTY:.0%} empty", {}
        if LATER.search(words):
            return "known only after sales has decided, or a vendor's score", {}
        if PERSON.search(words) or ID.search(cells.name) or cells.is_mail or (cells.json and cells.arrow is None):
            return "says who a person is", {}
        kind = self._kind(source, cells)
        if kind["type"] == "text" and (cells.many or len(cells.counts) > max(_FEW, 0.5 * cells.known)):
            return "nearly every value is another", {}
        return "", kind

    def _kind(self, source: str, cells: Cells) -> dict[str, Any]:
        family = self.family(source)
        order = self.orders.get(family) or next(iter(sorted(cells.orders())), None)
        time = cells.time("month" if order == "month" else "day")
        if time and (
            str(time.get("format", "")).startswith("epoch") and not re.search(r"time|date|_at$|At$|stamp", cells.name)
        ):
            time = None
        number = cells.number(self.decimals.get(family, "."))
        return cells.boolean(digits=False) or time or number or cells.listed() or {"type": "text"}

    def steps(self) -> Iterator[tuple[str, str, Any]]:
        """Every block that is left, with its table and name."""
        for table in ("leads", "events", "outcomes"):
            yield from ((table, name, block) for name, block in self.tree.get(table, {}).items())


def _refuse_lost(whole: Any, tree: Any, exports: list[Table]) -> None:
    """Refuse headers that are there twice, where without them a part of the file would be missing."""
    made = Counter(block["from"] for _, block in blocks(whole))
    kept = Counter(block["from"] for _, block in blocks(tree))
    cure = "rename all but one of them, or leave them out"
    problems = [
        Problem(str(file.path), f"has the column {header!r} more than once; {cure}")
        for export in exports
        if export.doubled and made[export.name] > kept[export.name]
        for file in export.files
        for header in file.source.repeated
        if header in export.doubled
    ]
    if problems:
        raise ContractError("exports", problems)


# Questions read the same file again and again.
@lru_cache(maxsize=1)
def _checked(text: str, source: str) -> DataFile:
    return DataFile.from_yaml(text, source=source)


def slug(name: str) -> str:
    """A header as a column of ours: `Marketing interests` is `marketing_interests`."""
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    return re.sub(r"[\W_]+", "_", words).strip("_").lower() or "column"
