"""Presets: a whole `data.yaml` for each vendor's exports, and the cutting of what a user's files do not have."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache, cached_property, partial
from importlib import resources
from typing import Any

from leadscore.rulebook import yaml

TABLES = ("leads", "events", "outcomes")
# A block of this name stands in for the one named after it, where that one has been cut.
STANDS_IN = "or_"


@dataclass(frozen=True)
class Preset:
    """A vendor's exports, as a file that is to be cut to what a user has.

    Attributes
    ----------
    name, label : str
        What the file is called, and what people call the vendor.
    text : str
    """

    name: str
    label: str
    text: str

    def tree(self) -> Any:
        """The file, comments and all, to be changed."""
        return deepcopy(self._read)

    @cached_property
    def _read(self) -> Any:
        return yaml.loaded(self.text)

    @cached_property
    def mentioned(self) -> dict[str, list[str]]:
        """The columns that each source is asked for, by the names the preset uses."""
        tree = self.tree()
        found: dict[str, dict[str, None]] = {
            name: dict.fromkeys(one.get("columns", ())) for name, one in tree["sources"].items()
        }
        for name, source in tree["sources"].items():
            found[name] |= dict.fromkeys([*columns_of(source.get("where")), *columns_of(source.get("drop"))])
        for table, block in blocks(tree):
            for name in names_in(block, table):
                source, column = place(tree, block, name)
                found[source].setdefault(column)
                if source != block["from"]:
                    # What a join would bring may stand in the file itself.
                    found[block["from"]].setdefault(name)
            for other, keys in block.get("join", {}).items():
                found[other] |= dict.fromkeys(keys.values())
        return {name: [*columns] for name, columns in found.items()}


@cache
def presets() -> dict[str, Preset]:
    """Every preset by its name."""
    files = sorted(resources.files("leadscore.start").joinpath("presets").iterdir(), key=lambda file: file.name)
    texts = {file.name.removesuffix(".yaml"): file.read_text(encoding="utf-8") for file in files}
    return {name: Preset(name, text.partition("\n")[0].removeprefix("# "), text) for name, text in texts.items()}


def blocks(tree: Any) -> Iterator[tuple[str, Any]]:
    """Every block and alias, with the table it is of."""
    for table in TABLES:
        yield from ((table, block) for block in tree.get(table, {}).values())
    yield from (("identity", alias) for alias in tree.get("identity", {}).get("aliases", {}).values())


def columns_of(condition: Any) -> list[str]:
    """The columns that a condition tests."""
    found = []
    for key, test in (condition or {}).items():
        inner = [test] if key == "not" else test if key in {"any", "all"} else []
        found += [name for one in inner for name in columns_of(one)] if inner else [str(key)]
    return found


def names_in(block: Any, table: str) -> list[str]:
    """The columns that a block names, those its joins look up there aside."""
    found = [*columns_of(block.get("where")), *columns_of(block.get("drop")), *block.get("stage_dates", {}).values()]
    for value in values_of(block, table).values():
        found += _value_names(value)
    key = block.get("unique_key", [])
    found += [key] if isinstance(key, str) else key
    found += [block["received_at"]] if "received_at" in block else []
    return found + [here for keys in block.get("join", {}).values() for here in keys]


def values_of(block: Any, table: str) -> dict[str, Any]:
    """The values of a block: those that must be there, and its columns."""
    needed = {
        "leads": ("lead_id", "created_at"),
        "events": ("lead_id", "event", "at"),
        "outcomes": ("lead_id", "stage", "at"),
    }
    return {key: block[key] for key in needed.get(table, ("alias", "lead_id")) if key in block} | block.get(
        "columns", {}
    )


def _value_names(value: Any) -> list[str]:
    if value is None or isinstance(value, str):
        return [value] if value else []
    if "cases" in value:
        return [name for case in value["cases"] for name in columns_of(case["when"])]
    if "first" in value:
        return [name for part in value["first"] for name in _value_names(part)]
    return [value["column"]] if "column" in value else []


def place(tree: Any, block: Any, name: str) -> tuple[str, str]:
    """The source and the column that a name of a block leads to."""
    prefix, _, rest = name.partition(".")
    if rest and prefix in block.get("join", {}):
        return prefix, rest
    declared = tree["sources"].get(block["from"], {}).get("columns", {})
    return block["from"], prefix if rest and declared.get(prefix, {}).get("type") == "json" else name


@dataclass
class Pruning:
    """Cuts from a preset what the files at hand do not have, so that what is left loads as it is.

    Attributes
    ----------
    tree : mapping, changed in place
    have : dict of source to the columns that are there, by the names the preset uses
    """

    tree: Any
    have: Mapping[str, set[str]]

    def cut(self) -> Any:
        """The tree, cut."""
        kept(self.tree, "sources", self._source)
        for table in TABLES:
            kept(self.tree, table, partial(self._block, table))
            _stand_in(self.tree.get(table, {}), any_other=table == "leads")
        identity = self.tree.get("identity", {})
        kept(identity, "aliases", lambda _, alias: self._alias(alias))
        kinds = {alias.get("kind", "id") for alias in identity.get("aliases", {}).values()} | {"id"}
        # What leads to a name that nobody has leads nowhere.
        kept(identity, "aliases", lambda _, alias: kind_of(alias["lead_id"]) in kinds)
        _stand_in(identity.get("aliases", {}))
        known = {name for block in self.tree.get("leads", {}).values() for name in block.get("columns", {})}
        if identity.get("same_person") not in known:
            identity.pop("same_person", None)
        used = {name for _, block in blocks(self.tree) for name in (block["from"], *block.get("join", {}))}
        kept(self.tree, "sources", lambda name, _: name in used)
        return self.tree

    def _source(self, name: str, source: Any) -> bool:
        columns = self.have.get(name)
        if columns is None or not columns.issuperset(columns_of(source.get("where"))):
            return False
        if not columns.issuperset(columns_of(source.get("drop"))):
            del source["drop"]
        kept(source, "columns", lambda column, _: column in columns)
        return True

    def known(self, block: Any, name: str) -> bool:
        """Whether a name of a block leads to a column that is there."""
        if name in self.have.get(block["from"], ()):
            return True
        source, column = place(self.tree, block, name)
        return source in self.tree["sources"] and column in self.have[source]

    def _value(self, block: Any, value: Any) -> Any:
        """A value without what is not there; None where nothing is left."""
        if isinstance(value, str):
            return value if self.known(block, value) else None
        if "first" in value:
            parts = [part for one in value["first"] if (part := self._value(block, one)) is not None]
            if len(parts) < len(value["first"]):
                value["first"] = parts
            return value if len(parts) > 1 else parts[0] if parts else None
        if "cases" in value:
            for case in [case for case in value["cases"] if not self._holds(block, case["when"])]:
                value["cases"].remove(case)
            return value if value["cases"] else None
        return value if "value" in value or self.known(block, value["column"]) else None

    def _holds(self, block: Any, condition: Any) -> bool:
        return all(self.known(block, name) for name in columns_of(condition))

    def _block(self, table: str, _: str, block: Any) -> bool:
        if block["from"] not in self.tree["sources"]:
            return False
        kept(block, "join", lambda other, keys: self._joined(block, other, keys))
        if not self._holds(block, block.get("where")):
            return False
        if not self._holds(block, block.get("drop")):
            del block["drop"]
        for key in values_of(block, table).keys() & block.keys():
            block[key] = self._value(block, block[key])
        kept(block, "columns", lambda name, value: self._column(block, name, value))
        if block.get("created_at", "") is None:
            del block["created_at"]
        self._keys(block)
        kept(block, "stage_dates", lambda _, name: self.known(block, name))
        asked = {place(self.tree, block, name)[0] for name in names_in(block, table)}
        kept(block, "join", lambda other, _: other in asked)
        needed = ["lead_id", *{"events": ["event", "at"], "outcomes": ["stage", "at"]}.get(table, [])]
        if table == "outcomes" and "stage_dates" in block:
            needed = ["lead_id"]
        return all(block.get(key) is not None for key in needed)

    def _joined(self, block: Any, other: str, keys: Any) -> bool:
        own = self.have[block["from"]]
        return other in self.tree["sources"] and own.issuperset(keys) and self.have[other].issuperset(keys.values())

    def _column(self, block: Any, name: str, value: Any) -> bool:
        block["columns"][name] = self._value(block, value)
        return block["columns"][name] is not None

    def _keys(self, block: Any) -> None:
        key = block.get("unique_key", [])
        if not all(self.known(block, name) for name in ([key] if isinstance(key, str) else key)):
            del block["unique_key"]
        if "received_at" in block and not ("unique_key" in block and self.known(block, block["received_at"])):
            del block["received_at"]
            block.pop("lookback_days", None)

    def _alias(self, alias: Any) -> bool:
        if alias["from"] not in self.tree["sources"] or not self._holds(alias, alias.get("where")):
            return False
        for key in ("alias", "lead_id"):
            alias[key] = self._value(alias, alias[key])
        return alias["alias"] is not None and alias["lead_id"] is not None


def kind_of(value: Any) -> str:
    """The kind of name that a value refers to a person by."""
    return value.get("kind", "id") if isinstance(value, dict) else "id"


def _stand_in(own: Any, *, any_other: bool = False) -> None:
    """Of a block and what stands in for it one stays; with `any_other` any other block will do."""
    for name in [name for name in own if name.startswith(STANDS_IN)]:
        first = name.removeprefix(STANDS_IN)
        if first in own or (any_other and len(own) > 1):
            del own[name]
        else:
            own.insert([*own].index(name), first, own.pop(name))


def kept(parent: Any, key: str, stays: Callable[[str, Any], bool]) -> None:
    """Keep the entries of a mapping that stay, and the mapping itself while it has any."""
    for name in [name for name, one in parent.get(key, {}).items() if not stays(name, one)]:
        del parent[key][name]
    if key in parent and not parent[key]:
        del parent[key]


def together(chosen: Iterable[Preset]) -> Any:
    """Presets as one file: no two of them share the name of a source, a block or an alias."""
    trees = [preset.tree() for preset in chosen]
    whole = trees[0] if trees else yaml.loaded("data: 1\nsources: {}\nidentity:\n  unmatched: set_aside\n")
    for tree in trees[1:]:
        for key in ("sources", *TABLES):
            _move(tree, whole, key)
        _move(tree["identity"], whole["identity"], "aliases")
        for key in ("same_person",):
            if key in tree["identity"]:
                whole["identity"].setdefault(key, tree["identity"][key])
        if "timezone" not in tree:
            whole.pop("timezone", None)
        if "order_tolerance_hours" in tree:
            whole["order_tolerance_hours"] = tree["order_tolerance_hours"]
    return whole


def _move(tree: Any, whole: Any, key: str) -> None:
    if key not in tree:
        return
    if key not in whole:
        whole[key] = tree[key]
        return
    for name, one in tree[key].items():
        whole[key][name] = one
        if name in tree[key].ca.items:
            whole[key].ca.items[name] = tree[key].ca.items[name]
