"""Which values a block of the draft meets, counted: statuses, forms, campaigns, events."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from leadscore.errors import LeadscoreError
from leadscore.imports.cells import written
from leadscore.imports.data_file import DataFile
from leadscore.imports.joins import Scope, joined_frame
from leadscore.imports.language import Block
from leadscore.imports.opened import Opened
from leadscore.rulebook.conditions import Condition
from leadscore.sources.source import Source
from leadscore.start.draft import Draft
from leadscore.start.presets import place


def values_seen(data: DataFile, source: Source, block: Block, name: str, where: Condition | None) -> Counter[str]:
    """The values of a column, or of a key of JSON cells, in the rows of a block where a condition holds too."""
    alone = block.model_copy(update={"join": {}})
    spec = data.sources[block.from_]
    opened = Opened(
        block.from_, spec, source, spec.missing_values or data.missing_values, spec.timezone or data.timezone
    )
    scope = Scope.of(alone, {block.from_: opened})
    conditions = [one for one in (block.where, where) if one is not None]
    lacking = [*scope.want({name, *(column for one in conditions for column, _ in one.columns())})]
    found: Counter[str] = Counter()
    if lacking:
        return found
    for batch in opened.batches():
        wide, _ = joined_frame(batch.frame, batch.rows, scope, alone, {})
        stays = np.ones(wide.n, bool)
        for one in conditions:
            stays &= wide.holds(one) > 0
        cells = wide.get(name).take(np.flatnonzero(stays))
        if cells.type == "time":
            return found
        for code, count in zip(*np.unique(cells.codes, return_counts=True), strict=True):
            if code >= 0:
                found[written(cells.values[code])] += int(count)
    return found


def most(counts: Counter[str], at_most: int = 12) -> str:
    """The commonest values with their counts, as text."""
    shown = [f"{value} ({count:,})" for value, count in sorted(counts.items(), key=lambda one: (-one[1], one[0]))]
    more = f" and {len(shown) - at_most:,} more" if len(shown) > at_most else ""
    return ", ".join(shown[:at_most]) + more


def counts_of(draft: Draft, table: str, name: str, column: str, where: Any = None) -> Counter[str]:
    """The values a block meets in a column."""
    try:
        data = draft.read()
    except LeadscoreError:
        return Counter()
    block = getattr(data, table)[name]
    raw = draft.tree[table][name]
    own, _ = place(draft.tree, raw, column)
    found: Counter[str] = Counter()
    if own != raw["from"]:
        cells = draft.cells(raw, column)
        return Counter(cells.counts) if cells else found
    condition = Condition.model_validate(plain(where)) if where else None
    for file in draft.exports[raw["from"]].files:
        found += values_seen(data, file.source, block, column, condition)
    return found


def plain(tree: Any) -> Any:
    """A tree without its comments and quotes."""
    if isinstance(tree, dict):
        return {plain(key): plain(value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [plain(value) for value in tree]
    return str(tree) if isinstance(tree, str) else tree
